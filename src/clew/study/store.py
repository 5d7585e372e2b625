"""The study's database: one SQLite file in WAL mode, in which nothing acknowledged is ever lost."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clew.errors import StudyError, check

FORMAT = 1  # raised when an older clew could not read the folder any more
BUSY_SECONDS = 30.0

SCHEMA = """
CREATE TABLE sources (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, role TEXT NOT NULL, path TEXT NOT NULL, relative TEXT NOT NULL,
    sha256 TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE parts (position INTEGER PRIMARY KEY, sample TEXT NOT NULL UNIQUE, part TEXT NOT NULL CHECK (part IN ('open', 'sealed')));
CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, verb TEXT NOT NULL, function TEXT NOT NULL, sees TEXT NOT NULL,
    settings TEXT NOT NULL, inputs TEXT NOT NULL, versions TEXT NOT NULL, seconds REAL NOT NULL, result TEXT NOT NULL,
    digest TEXT NOT NULL, headline TEXT NOT NULL, summary TEXT NOT NULL);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, how TEXT NOT NULL CHECK (how IN ('person', 'group')),
    sample TEXT NOT NULL, label TEXT, undoes INTEGER REFERENCES labels (id), step INTEGER REFERENCES steps (id));
CREATE TABLE hypotheses (
    number INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL REFERENCES steps (id), statement TEXT NOT NULL,
    features TEXT NOT NULL, figures TEXT NOT NULL);
CREATE TABLE openings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, verb TEXT NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0);
CREATE TABLE models (
    name TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL, step INTEGER NOT NULL REFERENCES steps (id));
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@contextlib.contextmanager
def said_plainly(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the disk complain about into one StudyError sentence."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "locked" in text or "busy" in text:
            raise StudyError(
                f"The study '{folder}' must be free to write. Got another process that has been writing for {BUSY_SECONDS:.0f} s; try again."
            ) from error
        if "readonly" in text:
            raise StudyError(read_only(folder)) from error
        if "full" in text or "disk I/O" in text:
            raise StudyError(no_room(folder)) from error
        raise StudyError(
            f"The study '{folder}' must hold a database that can be read. Got '{text}' instead."
        ) from error
    except OSError as error:
        if isinstance(error, StudyError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StudyError(no_room(folder)) from error
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise StudyError(
                f"The study '{folder}' must be a new folder. Got one that is there already; nothing was changed."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StudyError(read_only(folder)) from error
        raise


def no_room(folder: Path) -> str:
    """Say that the disk is full."""
    return f"The disk of '{folder}' must have room to write. Got a full disk; what was there before is whole, and the step can be run again."


def read_only(folder: Path) -> str:
    """Say that the folder cannot be written."""
    return f"The study folder '{folder}' must be writable to record a step. Got a read-only folder instead."


class Store:
    """The database of one study folder.

    Parameters
    ----------
    folder : Path
        The study folder.

    Raises
    ------
    StudyError
        If the folder is no study, was made by a newer clew, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "study.sqlite"
        check(
            folder.is_dir(),
            StudyError,
            "The study '{}' must be a folder made by `clew new`. Got {} instead.",
            folder,
            "a file" if folder.exists() else "nothing there",
        )
        check(
            self.file.is_file(),
            StudyError,
            "The folder '{}' must be a study made by `clew new`. Got a folder without study.sqlite instead.",
            folder,
        )
        with said_plainly(folder), self.reading() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
        check(
            version > 0,
            StudyError,
            "The folder '{}' must be a study made by `clew new`. Got a study.sqlite of something else.",
            folder,
        )
        check(
            version <= FORMAT,
            StudyError,
            "The study '{}' must be of format {} or older for this clew. Got format {}; update clew to open it.",
            folder,
            FORMAT,
            version,
        )

    @staticmethod
    def create(folder: Path) -> Store:
        """Make the database of a new study."""
        with said_plainly(folder):
            db = sqlite3.connect(folder / "study.sqlite", isolation_level=None)
            with contextlib.closing(db):
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
        return Store(folder)

    def check_writable(self) -> None:
        """Raise StudyError if nothing could be recorded: better before a long step than after it."""
        check(
            os.access(self.folder, os.W_OK) and os.access(self.file, os.W_OK),
            StudyError,
            read_only(self.folder),
        )

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that only reads.

        SQLite cannot read a WAL database in a folder that it cannot write: then a copy is read.
        """
        with said_plainly(self.folder), contextlib.ExitStack() as stack:
            file = self.file
            if not os.access(self.folder, os.W_OK):
                copy = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                for part in (self.file, self.file.with_name("study.sqlite-wal")):
                    if part.exists():
                        shutil.copyfile(part, copy / part.name)
                file = copy / self.file.name
            uri = f"{file.resolve().as_uri()}?mode={'ro' if file is self.file else 'rw'}"
            db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)
            db.row_factory = sqlite3.Row
            with contextlib.closing(db):
                yield db

    def connect(self) -> sqlite3.Connection:
        """Return a connection that writes; whoever keeps it open must close it."""
        db = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside one transaction: all of it is on disk when the block ends, or nothing."""
        self.check_writable()
        with said_plainly(self.folder), contextlib.closing(self.connect()) as db, transaction(db):
            yield db


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Write all of a block or, if anything is raised in it, nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
