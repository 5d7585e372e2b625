"""Acts of a study's page: each is recorded once, and is on disk before it is acknowledged.

Whoever does something makes the name of the act ("client"), and may send it again as often as it takes: it is recorded
once, and answered alike each time. Nothing is changed or removed; to take an act back is an act, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clew.errors import SettingError, StudyError, check
from clew.study import record
from clew.study.store import said_plainly, transaction

if TYPE_CHECKING:
    from clew.study.study import Study

LONGEST_NAME = 80  # letters of a class
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they turn all that follows round
CLIENT = re.compile(r"[0-9A-Za-z_-]{8,64}")

# Made on first use, so that studies of an older clew have them too; it passes them over.
TABLES = """
CREATE TABLE IF NOT EXISTS deliveries (
    client TEXT PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS classes (
    of TEXT NOT NULL CHECK (of IN ('rows', 'strokes')), number INTEGER NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (of, number), UNIQUE (of, name));
CREATE TABLE IF NOT EXISTS strokes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL UNIQUE, at TEXT NOT NULL, who TEXT NOT NULL,
    image TEXT NOT NULL, sha256 TEXT NOT NULL, t INTEGER NOT NULL, z INTEGER NOT NULL, number INTEGER NOT NULL,
    erase INTEGER NOT NULL, radius REAL NOT NULL, points BLOB NOT NULL, undoes INTEGER REFERENCES strokes (id));
CREATE TABLE IF NOT EXISTS picks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT NOT NULL UNIQUE, at TEXT NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL
    CHECK (kind IN ('put', 'reject', 'move', 'delete', 'undo')), of TEXT NOT NULL, recording TEXT NOT NULL,
    sha256 TEXT NOT NULL, phase TEXT NOT NULL, time REAL NOT NULL, asked REAL, model TEXT NOT NULL, probability REAL,
    undoes INTEGER REFERENCES picks (id));
CREATE INDEX IF NOT EXISTS picks_of_recording ON picks (recording);
CREATE INDEX IF NOT EXISTS picks_of_pick ON picks (of);
CREATE INDEX IF NOT EXISTS picks_undone ON picks (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX IF NOT EXISTS strokes_of_image ON strokes (sha256);
CREATE INDEX IF NOT EXISTS labels_of_sample ON labels (sample);
CREATE INDEX IF NOT EXISTS labels_undone ON labels (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX IF NOT EXISTS labels_of_step ON labels (how, step);
"""


@dataclass(frozen=True)
class Delivery:
    """One act of a page, as it stands on record.

    Parameters
    ----------
    client : str
        Its name, made by the page.
    at, who : str
    what : dict
        "act" ("give", "undo", "skip", "ask two", "stroke", "undo stroke", "put pick", ...), and what the page said of it.
    answer : dict
        "events": first and last number of what was recorded, or []; "of" which act was taken back; "image" of strokes, "recording" of picks.
    again : bool
        Whether it had been recorded before.
    """

    client: str
    at: str
    who: str
    what: dict[str, Any]
    answer: dict[str, Any]
    again: bool = False


class Acts:
    """The acts of the page of a study; one connection stays open, so that an act takes a millisecond.

    Parameters
    ----------
    study : Study

    Raises
    ------
    StudyError
        By every method, if the study cannot be read or written: nothing was recorded, and it can be tried again.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)

    def close(self) -> None:
        """Close the connection; the next act opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def deliveries(self, act: str | None = None) -> list[Delivery]:
        """Return the acts of pages, first to last; of one kind where ``act`` is given."""
        return [one for one in told(self.study) if act in (None, one.what["act"])]

    # ---- the database ----
    def _deliver(
        self,
        client: str,
        what: dict[str, Any],
        who: str | None,
        write: Callable[[sqlite3.Connection, str, str], dict[str, Any]],
    ) -> Delivery:
        """Record an act and its answer in one transaction; an act that is on record is answered as it was."""
        check(
            isinstance(client, str) and CLIENT.fullmatch(client),
            SettingError,
            "The name of an act must be 8 to 64 letters, digits or dashes. Got {!r:.80}.",
            client,
        )
        at, person = record.now(), who or record.who()
        with self._writing() as db:
            held = db.execute(
                "SELECT at, who, what, answer FROM deliveries WHERE client = ?", (client,)
            ).fetchone()
            if held is not None:
                return Delivery(
                    client, held[0], held[1], json.loads(held[2]), json.loads(held[3]), again=True
                )
            answer = write(db, at, person)
            db.execute(
                "INSERT INTO deliveries (client, at, who, what, answer) VALUES (?, ?, ?, ?, ?)",
                (client, at, person, json.dumps(what), json.dumps(answer)),
            )
        return Delivery(client, at, person, what, answer)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.study.store.check_writable()
        with self._lock, said_plainly(self.study.folder):
            db = self._connection()
            try:
                with transaction(db):
                    yield db
            except sqlite3.Error:
                self.close()  # a connection that failed is not trusted again
                raise

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not os.access(self.study.folder, os.W_OK):
            with self.study.store.reading() as db:
                db.row_factory = None
                db.executescript(TABLES)  # in a copy
                yield db
            return
        with self._lock, said_plainly(self.study.folder):
            yield self._connection()

    def _connection(self) -> sqlite3.Connection:
        """Return the open connection, to the file that is there now: what goes into one that was moved away is lost."""
        try:
            found = self.study.store.file.stat()
        except FileNotFoundError:
            self.close()
            raise StudyError(
                f"The study '{self.study.folder}' must be where it was. Got nothing there."
            ) from None
        if self._db is not None and self._file != (found.st_dev, found.st_ino):
            self.close()
        if self._db is None:
            self._db, self._file = self.study.store.connect(), (found.st_dev, found.st_ino)
            self._db.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
        return self._db


def told(study: Study) -> list[Delivery]:
    """Return the acts of pages, first to last, without changing anything: none where no page has been."""
    with study.store.reading() as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'deliveries'").fetchone():
            return []
        rows = db.execute("SELECT client, at, who, what, answer FROM deliveries ORDER BY rowid").fetchall()
    return [
        Delivery(client, at, who, json.loads(what), json.loads(answer))
        for client, at, who, what, answer in rows
    ]


def class_name(name: str) -> str:
    """Return the name of a class without needless blanks.

    Raises
    ------
    SettingError
        If nothing is left, it is too long, or holds what steers a terminal or turns the line about it round.
    """
    found = " ".join(name.split())
    steers = next((one for one in found if unicodedata.category(one) in ("Cc", "Cs") or one in TURNS), None)
    check(steers is None, SettingError, "The name of a class must be of letters. Got {!a} in it.", steers)
    check(
        0 < len(found) <= LONGEST_NAME,
        SettingError,
        "The name of a class must have 1 to {} letters. Got {}.",
        LONGEST_NAME,
        len(found),
    )
    return found
