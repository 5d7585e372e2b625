"""What was handed out to be labelled, by which strategy, and which of it was drawn at random.

The page and `clew next` note it here, so that the labels of control rows are known for what they are afterwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from clew.study import record
from clew.study.study import Study

TABLE = """
CREATE TABLE IF NOT EXISTS handed (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sample TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL,
    strategy TEXT NOT NULL, control INTEGER NOT NULL)
"""


@dataclass(frozen=True)
class Handed:
    """One row handed out: when, to whom, by which strategy ("control" stands in `control`)."""

    sample: str
    at: str
    who: str
    strategy: str
    control: bool


def add_handed(
    db: sqlite3.Connection, items: Iterable[tuple[str, bool]], *, strategy: str, who: str | None = None
) -> None:
    """Append rows that are handed out, each a (sample, control), within a transaction."""
    db.execute(TABLE)
    at, person = record.now(), who or record.who()
    db.executemany(
        "INSERT INTO handed (sample, at, who, strategy, control) VALUES (?, ?, ?, ?, ?)",
        [(sample, at, person, strategy, int(control)) for sample, control in items],
    )


def hand_out(
    study: Study, items: Iterable[tuple[str, bool]], *, strategy: str, who: str | None = None
) -> None:
    """Append rows that are handed out, each a (sample, control), in a transaction of their own."""
    with study.store.writing() as db:
        add_handed(db, items, strategy=strategy, who=who)


def handed_out(study: Study) -> list[Handed]:
    """Return all that was handed out, first to last."""
    with study.store.reading() as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'handed'").fetchone():
            return []
        rows = db.execute("SELECT sample, at, who, strategy, control FROM handed ORDER BY id").fetchall()
    return [Handed(**{**dict(row), "control": bool(row["control"])}) for row in rows]


def control_samples(study: Study) -> set[str]:
    """Return the names of all rows that were drawn at random, labelled by now or not."""
    return {one.sample for one in handed_out(study) if one.control}


@dataclass(frozen=True)
class History:
    """What people said of the open rows, as it stands.

    Parameters
    ----------
    labels : list of (sample, label)
        In the order in which the rows were first labelled; "" where a person cannot tell. Names of groups do not count.
    upto : int
        The last event of labelling.
    """

    labels: list[tuple[str, str]]
    upto: int


def label_history(study: Study) -> History:
    """Return people's labels in the order in which they were given: with `control_samples`, what the stop light asks for."""
    events = study.label_events()
    standing = study.labels()
    undone = {event.undoes for event in events if event.undoes is not None}
    order = dict.fromkeys(
        event.sample
        for event in events
        if event.how == "person" and event.undoes is None and event.id not in undone
    )
    return History(
        [(sample, standing[sample][0]) for sample in order], max((event.id for event in events), default=0)
    )
