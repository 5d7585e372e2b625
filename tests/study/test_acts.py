"""Acts of the page: recorded once, answered alike, and never into a file that is gone."""

from __future__ import annotations

import os
import shutil
import sqlite3

import pytest

from clew.errors import SettingError, StudyError
from clew.study.acts import class_name, told
from clew.study.journal import Journal
from clew.study.study import Study
from tests.study.worlds import make


def rows(study, table="labels"):
    with sqlite3.connect(study.store.file) as db:
        return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_an_act_that_is_sent_again_is_recorded_once_and_answered_alike(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    first = journal.give("act-00001", [("t.csv#1", "a"), ("t.csv#2", "a")], "anna", arm="control")
    again = Journal(study).give("act-00001", [("t.csv#1", "a"), ("t.csv#2", "a")], "ben")
    assert rows(study) == 2
    assert (again.answer, again.who, again.at) == (first.answer, "anna", first.at)
    assert again.again
    assert not first.again
    assert (
        journal.give("act-00002", [("t.csv#1", "a")]).answer != first.answer
    )  # the mutant: another name, another act
    assert rows(study) == 3
    assert next((one.client, one.what) for one in told(study)) == (
        "act-00001",
        {"act": "give", "arm": "control"},
    )


def test_a_study_of_an_older_clew_gets_the_tables_on_first_use_and_stays_of_its_format(tmp_path):
    study = make(tmp_path / "s.study")
    assert told(study) == []
    with sqlite3.connect(study.store.file) as db:
        before = db.execute("PRAGMA user_version").fetchone()
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone()
    Journal(study).give("act-00001", [("t.csv#1", "a")])
    with sqlite3.connect(study.store.file) as db:
        assert db.execute("PRAGMA user_version").fetchone() == before
    assert Study(study.folder).labels()["t.csv#1"] == (
        "a",
        "person",
    )  # as a clew reads it that knows no journal


@pytest.mark.parametrize("client", ["", "short", "x" * 65, "with blank", "semi;colon"])
def test_the_name_of_an_act_is_short_and_plain(tmp_path, client):
    study = make(tmp_path / "s.study")
    with pytest.raises(SettingError, match="name of an act"):
        Journal(study).give(client, [("t.csv#1", "a")])
    assert rows(study) == 0


def test_names_of_classes_lose_needless_blanks():
    assert class_name("  small   round ") == "small round"
    for wrong in ("", "   ", "x" * 81):
        with pytest.raises(SettingError, match="name of a class"):
            class_name(wrong)


def test_every_act_waits_for_the_disk_on_one_open_connection(tmp_path):
    journal = Journal(make(tmp_path / "s.study"))
    journal.give("act-00001", [("t.csv#1", "a")])
    connection = journal._db
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.give("act-00002", [("t.csv#1", "a")])
    assert journal._db is connection


def test_nothing_is_acknowledged_into_a_folder_that_was_moved_away(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    journal.give("act-00001", [("t.csv#1", "a")])
    study.folder.rename(tmp_path / "away")
    with pytest.raises(StudyError):
        journal.give("act-00002", [("t.csv#1", "a")])
    shutil.copytree(tmp_path / "away", study.folder)  # another file of the same name
    journal.give("act-00003", [("t.csv#2", "b")])
    assert {one.client for one in told(study)} == {"act-00001", "act-00003"}


def test_a_full_disk_is_said_and_nothing_is_recorded_until_there_is_room(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    journal.give("act-00001", [("t.csv#1", "a")])
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count = {pages}")  # what SQLite reports as a full disk
    with pytest.raises(StudyError, match="full disk"):
        journal.add_stroke(
            "act-00002", image="i", sha256="0", shape=(1, 1, 9, 9), number=1, name="x", radius=2,
            points=[[1, 1]] * 20_000,
        )  # fmt: skip
    assert {one.client for one in told(study)} == {"act-00001"}
    journal.give("act-00003", [("t.csv#2", "b")])  # the connection was opened anew: there is room again
    assert rows(study) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_said_and_can_still_be_read(tmp_path):
    study = make(tmp_path / "s.study")
    study.folder.chmod(0o555)
    try:
        with pytest.raises(StudyError, match="writable"):
            Journal(study).give("act-00001", [("t.csv#1", "a")])
        assert Journal(study).classes() == []
    finally:
        study.folder.chmod(0o755)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\x00", "\u202egnp.exe", "a\ud800"])
def test_a_class_has_no_name_that_steers_a_terminal_or_turns_a_line_round(name):
    with pytest.raises(SettingError, match="of letters"):
        class_name(name)
    assert class_name("می\u200cخواهم <b>") == "می\u200cخواهم <b>"  # joiners and signs are part of words
