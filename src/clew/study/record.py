"""The thread: what was done, with what, by whom, and what came of it."""

from __future__ import annotations

import datetime
import getpass
import importlib.metadata
import json
import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

UNDONE = "SELECT undoes FROM labels WHERE undoes IS NOT NULL"  # the events of labels that were taken back
LIBRARIES = (
    "clew",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "numba",
    "openTSNE",
    "faiss-cpu",
    "scikit-image",
)


@dataclass(frozen=True)
class Step:
    """One step on record.

    Parameters
    ----------
    id : int
        Its number on the thread.
    at : str
        When it ended, ISO 8601 in UTC.
    verb, function : str
        What was run ("explore", "clew.explore.exploration:explore").
    sees : str
        The rows it was handed: "open", "sealed", "all" or "nothing".
    settings, inputs, versions, summary : dict
        ``inputs`` names what went in: "samples" (SHA-256), "steps" (whose results), "labels" (last event).
    seconds : float
    result : str
        File of the result in the study folder; "" for none.
    digest : str
        SHA-256 of the result.
    headline : str
    """

    id: int
    at: str
    verb: str
    function: str
    sees: str
    settings: dict[str, Any]
    inputs: dict[str, Any]
    versions: dict[str, str]
    seconds: float
    result: str
    digest: str
    headline: str
    summary: dict[str, Any]

    @staticmethod
    def of(row: sqlite3.Row) -> Step:
        """Make a step of its row in the database."""
        values = dict(row)
        for name in ("settings", "inputs", "versions", "summary"):
            values[name] = json.loads(values[name])
        return Step(**values)


@dataclass(frozen=True)
class Opening:
    """One opening of the seal: when, who, why, by which verb, and whether anything came of it.

    Parameters
    ----------
    shown : bool
        False where the step failed or was killed before it returned: then nobody has seen anything.
    independent : bool
        Whether nobody had been shown the sealed rows before.
    """

    id: int
    at: str
    who: str
    reason: str
    verb: str
    shown: bool
    independent: bool


@dataclass(frozen=True)
class LabelEvent:
    """One act of labelling: a person, or a named group, gives a sample a class, or takes an earlier event back."""

    id: int
    at: str
    who: str
    how: str
    sample: str
    label: str | None
    undoes: int | None
    step: int | None


def now() -> str:
    """Return the present time, ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def who() -> str:
    """Return the name of the person at the keyboard, as the system knows it."""
    try:
        return os.environ.get("CLEW_USER") or getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can change a figure."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def add_step(db: sqlite3.Connection, **values: Any) -> int:
    """Append a step; dictionaries are written as JSON. Return its number."""
    plain = {
        key: json.dumps(value, sort_keys=True) if isinstance(value, dict) else value
        for key, value in values.items()
    }
    columns = ", ".join(plain)
    marks = ", ".join("?" * len(plain))
    return int(
        db.execute(f"INSERT INTO steps ({columns}) VALUES ({marks})", list(plain.values())).lastrowid or 0
    )


def add_labels(
    db: sqlite3.Connection,
    pairs: Iterable[tuple[str, str | None]],
    *,
    how: str,
    step: int | None,
    person: str | None = None,
) -> None:
    """Append one event per (sample, label), by the person at the keyboard unless another is named.

    A label of None says that the person cannot tell.
    """
    at, person = now(), person or who()
    db.executemany(
        "INSERT INTO labels (at, who, how, sample, label, step) VALUES (?, ?, ?, ?, ?, ?)",
        [(at, person, how, sample, label, step) for sample, label in pairs],
    )


def undo_labels(db: sqlite3.Connection, act: int, *, step: int, person: str | None = None) -> None:
    """Append one event for every label of an act of labelling that takes it back."""
    at, person = now(), person or who()
    rows = db.execute("SELECT id, how, sample FROM labels WHERE step = ? ORDER BY id", (act,)).fetchall()
    db.executemany(
        "INSERT INTO labels (at, who, how, sample, undoes, step) VALUES (?, ?, ?, ?, ?, ?)",
        [(at, person, how, sample, number, step) for number, how, sample in rows],
    )


def add_hypotheses(db: sqlite3.Connection, stated: Sequence[dict[str, Any]], *, step: int) -> None:
    """Append stated hypotheses: each a dict with "statement", "features" and, of those found by a look, its figure."""
    db.executemany(
        "INSERT INTO hypotheses (step, statement, features, figures) VALUES (?, ?, ?, ?)",
        [
            (
                step,
                one["statement"],
                json.dumps(one["features"]),
                json.dumps(one.get("balanced_accuracy", {})),
            )
            for one in stated
        ],
    )


def effective_labels(events: Iterable[LabelEvent]) -> dict[str, tuple[str, str]]:
    """Return ``{sample: (label, how)}`` after all events: a person's word stands above a group's name, then the latest.

    Naming is one act: the names of an earlier look no longer stand once another look has been named. Of two people the
    latest word stands; both stay on record (`labels_by_person`).

    Parameters
    ----------
    events : iterable of LabelEvent
        In the order in which they were recorded.
    """
    events = list(events)
    undone = {event.undoes for event in events if event.undoes is not None}
    named = max(
        (event.step or 0 for event in events if event.how == "group" and event.id not in undone), default=0
    )
    standing: dict[str, tuple[str, str]] = {}
    for event in events:
        if event.undoes is not None or event.id in undone:
            continue
        if event.how == "group" and (event.step or 0) != named:
            continue
        held = standing.get(event.sample)
        if held is not None and held[1] == "person" and event.how == "group":
            continue
        standing[event.sample] = (event.label or "", event.how)
    return standing


def standing_labels(
    db: sqlite3.Connection,
    *,
    upto: int | None = None,
    samples: Sequence[str] | None = None,
    part: str | None = None,
) -> dict[str, tuple[str, str]]:
    """Return what `effective_labels` returns, found by the database: for many events, or few of many samples.

    Parameters
    ----------
    db : Connection
    upto : int, optional
        The last event that counts.
    samples : sequence of str, optional
        At most a few hundred samples; all by default.
    part : str, optional
        "open" or "sealed" for rows of that part only.
    """
    # a plus keeps SQLite from narrowing down by this column: another one narrows further
    last = 2**62 if upto is None else upto
    undone = f"{UNDONE} AND +id <= ?"
    named = db.execute(
        f"SELECT step FROM labels WHERE how = 'group' AND +undoes IS NULL AND +id <= ? AND +id NOT IN ({undone}) ORDER BY step DESC LIMIT 1",
        (last, last),
    ).fetchone()
    chosen = "" if samples is None else f" AND sample IN ({', '.join('?' * len(samples))})"
    dealt = (
        "" if part is None else " CROSS JOIN parts USING (sample)"
    )  # CROSS: labels first, each row found by name
    chosen += "" if part is None else " AND part = ?"
    rows = db.execute(
        f"SELECT sample, coalesce(label, ''), how FROM labels{dealt} WHERE +undoes IS NULL AND (+how = 'person' OR +step IS ?) "
        f"AND +id <= ? AND +id NOT IN ({undone}){chosen} ORDER BY how, id",  # groups first: a person's word stands above
        (named and named[0], last, last, *(samples or ()), *([part] if part else [])),
    )
    return {sample: (label, how) for sample, label, how in rows}


def labels_by_person(events: Iterable[LabelEvent]) -> dict[str, dict[str, str]]:
    """Return ``{who: {sample: label}}``: what each person said last of each sample, "" where they cannot tell.

    Parameters
    ----------
    events : iterable of LabelEvent
        In the order in which they were recorded.
    """
    events = list(events)
    undone = {event.undoes for event in events if event.undoes is not None}
    said: dict[str, dict[str, str]] = {}
    for event in events:
        if event.how == "person" and event.undoes is None and event.id not in undone:
            said.setdefault(event.who, {})[event.sample] = event.label or ""
    return said
