import sqlite3

import pytest

from clew.errors import StudyError
from clew.study.store import Store, said_plainly
from tests.study.worlds import make


def test_a_transaction_stands_whole_or_not_at_all(tmp_path):
    store = make(tmp_path / "s.study").store
    with pytest.raises(RuntimeError), store.writing() as db:
        db.execute("INSERT INTO facts (key, value) VALUES ('a', '1')")
        raise RuntimeError("in the middle")
    with store.writing() as db:
        db.execute("INSERT INTO facts (key, value) VALUES ('b', '2')")
    with Store(store.folder).reading() as db:
        keys = {row["key"] for row in db.execute("SELECT key FROM facts")}
    assert "b" in keys
    assert "a" not in keys


def test_reading_cannot_write(tmp_path):
    store = make(tmp_path / "s.study").store
    with pytest.raises(StudyError, match="must be writable"), store.reading() as db:
        db.execute("INSERT INTO facts (key, value) VALUES ('a', '1')")


def test_every_write_waits_for_the_disk(tmp_path):
    store = make(tmp_path / "s.study").store
    with store.writing() as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        (sqlite3.OperationalError("database is locked"), "another process"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "must be writable"),
        (sqlite3.OperationalError("database or disk is full"), "full disk"),
        (sqlite3.DatabaseError("file is not a database"), "can be read"),
        (OSError(28, "No space left on device"), "full disk"),
        (OSError(30, "Read-only file system"), "must be writable"),
    ],
)
def test_what_the_disk_says_becomes_one_sentence(tmp_path, complaint, said):
    with pytest.raises(StudyError, match=said), said_plainly(tmp_path):
        raise complaint


def test_an_unknown_trouble_is_not_hidden(tmp_path):
    with pytest.raises(OSError, match="odd"), said_plainly(tmp_path):
        raise OSError(5, "odd")
