"""Labels given on the page: what stands, what is taken back, what is refused, and what a kill leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from clew.errors import DataError, SettingError
from clew.study.intake import Given
from clew.study.journal import Journal
from clew.study.record import add_labels, labels_by_person
from tests.study.worlds import make


def test_what_is_given_stands_and_what_is_taken_back_lets_the_earlier_stand_again(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    journal.give("give-0001", [("t.csv#1", "a"), ("t.csv#2", "a")], "anna")
    journal.give("give-0002", [("t.csv#1", "b")], "ben")
    assert journal.standing(["t.csv#1", "t.csv#2", "t.csv#3"]) == {
        "t.csv#1": ("b", "person"), "t.csv#2": ("a", "person")
    }  # fmt: skip
    assert labels_by_person(study.label_events()) == {
        "anna": {"t.csv#1": "a", "t.csv#2": "a"}, "ben": {"t.csv#1": "b"}
    }  # fmt: skip
    taken = journal.undo("undo-0001", None, "ben")
    assert taken.answer["of"] == "give-0002"
    assert journal.samples_of(taken) == ["t.csv#1"]
    assert journal.standing(["t.csv#1"]) == {"t.csv#1": ("a", "person")}
    assert study.labels()["t.csv#1"] == ("a", "person")
    journal.undo("undo-0002", None, "anna")
    assert study.labels() == {}
    assert len(study.label_events()) == 6  # all of it is on record
    with pytest.raises(DataError, match="anna gave here"):
        journal.undo("undo-0003", None, "anna")


def test_what_is_skipped_and_how_often_two_are_asked_is_on_record_with_who_and_when(tmp_path):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    assert (journal.skipped(), journal.asked_of_two()) == ({}, 0)
    for number, (who, sample, back) in enumerate(
        [("anna", "t.csv#1", False), ("anna", "t.csv#2", False), ("ben", "t.csv#1", False),
         ("anna", "t.csv#1", False), ("ben", "t.csv#1", True)]
    ):  # fmt: skip
        journal.skip(f"skip-{number:04d}", sample, who, back=back)
    journal.skip("skip-0000", "t.csv#3", "anna")  # a name that is on record: nothing new
    assert journal.skipped() == {"anna": ["t.csv#2", "t.csv#1"], "ben": []}
    journal.ask_two("two-0001", 10, "anna")
    journal.ask_two("two-0002", 5, "ben")
    assert Journal(study).asked_of_two() == 5
    assert [(one.who, one.what["act"]) for one in journal.deliveries()][-2:] == [
        ("anna", "ask two"),
        ("ben", "ask two"),
    ]
    assert all(one.at for one in journal.deliveries("skip"))
    assert study.label_events() == []
    with pytest.raises(DataError, match="sealed"):
        journal.skip("skip-0009", "t.csv#11", "anna")
    with pytest.raises(DataError, match="none that stand|Got none"):
        journal.undo("undo-0001", None, "anna")  # a skip is no label


def test_what_stands_of_some_samples_is_what_stands_in_the_whole_study(tmp_path):
    study = make(tmp_path / "s.study")
    with study.store.writing() as db:
        for step, name in enumerate(("old", "new")):
            db.execute(
                "INSERT INTO steps (at, verb, function, sees, settings, inputs, versions, seconds, result, digest, headline, summary)"
                " VALUES ('', 'name', '', 'open', ?, '{}', '{}', 0, '', '', '', '{}')",
                (json.dumps({"names": {"0": name}}),),
            )
            add_labels(db, [(f"t.csv#{i}", name) for i in range(1, 6 - step)], how="group", step=step + 1)
    journal = Journal(study)
    journal.give("give-0001", [("t.csv#2", "mine"), ("t.csv#5", None)], "anna")
    everything = study.labels()
    assert everything["t.csv#1"] == ("new", "group")
    assert everything["t.csv#2"] == ("mine", "person")
    assert everything["t.csv#5"] == ("", "person")  # cannot tell
    for sample in (f"t.csv#{i}" for i in range(1, 10)):
        assert journal.standing([sample]).get(sample) == everything.get(sample), sample


def test_an_act_is_taken_back_once(tmp_path):
    journal = Journal(make(tmp_path / "s.study"))
    journal.give("give-0001", [("t.csv#1", "a")], "anna")
    journal.undo("undo-0001", "give-0001", "anna")
    with pytest.raises(DataError, match="taken back"):
        journal.undo("undo-0002", "give-0001", "anna")
    with pytest.raises(DataError, match="on record"):
        journal.undo("undo-0003", "give-9999", "anna")
    assert journal.act_of(1).client == "give-0001"
    with pytest.raises(DataError, match="act on the page"):
        journal.act_of(99)


@pytest.mark.parametrize(
    ("pairs", "error", "said"),
    [
        ([("t.csv#1", "a"), ("t.csv#99", "a")], DataError, "not there"),
        ([("t.csv#12", "a")], DataError, "sealed"),
        ([("t.csv#1", " ")], SettingError, "name of a class"),
        ([], SettingError, "at least one"),
    ],
)
def test_what_does_not_fit_is_refused_whole(tmp_path, pairs, error, said):
    study = make(tmp_path / "s.study")
    journal = Journal(study)
    with pytest.raises(error, match=said):
        journal.give("give-0001", pairs)
    assert study.label_events() == []
    assert journal.deliveries() == []


def test_classes_keep_their_numbers(tmp_path):
    study = make(tmp_path / "s.study")
    study.record(
        Given.of({"t.csv#3": "b"}, source="f"), verb="label", function="", sees="nothing", inputs={}, seconds=0.0,
        also=lambda db, step, _: add_labels(db, [("t.csv#3", "b"), ("t.csv#12", "only sealed")], how="person", step=step),
    )  # fmt: skip
    journal = Journal(study)
    assert journal.classes() == ["b"]  # what only sealed rows are called is not told
    journal.make_class("make-0001", "empty")
    journal.give("give-0001", [("t.csv#1", "a")])
    journal.undo("undo-0001")
    assert journal.classes() == ["b", "empty", "a"]
    assert Journal(study).classes() == ["b", "empty", "a"]


KILLED = """
import sys
from clew.study.journal import Journal
from clew.study.study import Study
journal = Journal(Study(sys.argv[1]))
for i in range(100000):
    journal.give(f"act-{i:06}", [(f"t.csv#{i % 9 + 1}", f"class {i % 3}")])
    print(i, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path):
    study = make(tmp_path / "s.study")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(study.folder)], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) >= 25:
            os.kill(process.pid, signal.SIGKILL)
            break
    acknowledged = [int(line), *map(int, process.stdout.read().split())][-1]
    process.wait()
    there = [one.client for one in Journal(study).deliveries("give")]
    assert there[: acknowledged + 1] == [f"act-{i:06}" for i in range(acknowledged + 1)]
    assert len(study.label_events()) == len(there)
    assert len(there) <= acknowledged + 2  # the one that was on its way may have arrived
