"""Thumbnails to be sorted into bins: where they come from. Bins are classes; what is put into one is a label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.app.choosing import rows_of
from clew.app.handling import handles
from clew.app.items import checked_row, said
from clew.app.queueing import Queue, Said, queue_of
from clew.app.selecting import selection_rows
from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session

MOST = 200  # thumbnails of one answer
Source = Literal["random", "selection", "predicted", "uncertain", "near"]


@handles("sort.pool")
def pool(
    session: Session,
    *,
    source: Source = "random",
    n: int = 24,
    have: list[int] | None = None,
    label: str = "",
    selection: int = 0,
) -> dict[str, Any]:
    """Return rows without a person's label, to be sorted: ``{"items", "total": so many there are, "about"}``.

    Parameters
    ----------
    source : {"random", "selection", "predicted", "uncertain", "near"}
        "predicted": those that the model gives the class ``label``, surest first; "near": nearest to what is in its bin;
        "selection": of the selection with that number; "uncertain": by the entropy of what the model says.
    n : int
    have : list of int
        Rows that the page shows: they are not sent again.

    Raises
    ------
    DataError
        If there is no model yet, or nothing in the bin.
    """
    check(1 <= n <= MOST, SettingError, "The 'n' of the pool must be from 1 to {}. Got {}.", MOST, n)
    workspace = session.workspace
    queue = queue_of(workspace)
    queue.heard()
    words = queue.said()
    free = np.ones(workspace.samples.n_rows, bool)
    rows = rows_of(workspace)
    free[[rows[name] for name in words.by if name in rows]] = False
    found, about = _found(session, queue, words, free, source, label, selection)
    shown = set(have or [])
    new = [int(row) for row in found if int(row) not in shown][:n]
    return {"items": [said(workspace, row) for row in new], "total": len(found), "about": about}


@handles("sort.told")
def told(session: Session, *, rows: list[int]) -> dict[str, Any]:
    """Return what rows are called, for looking into a bin."""
    check(len(rows) <= MOST, SettingError, "At most {} rows are told at once. Got {}.", MOST, len(rows))
    workspace = session.workspace
    return {"items": [said(workspace, checked_row(workspace, row)) for row in rows]}


def _found(
    session: Session, queue: Queue, words: Said, free: np.ndarray, source: Source, label: str, selection: int
) -> tuple[np.ndarray, str]:
    """Return the rows of a source in order, and what is said of the model that chose them."""
    if source == "random":
        return np.array([row for row in queue.control if free[row]], np.int64), ""
    if source == "selection":
        chosen = selection_rows(session, selection)
        return chosen[free[chosen]], ""
    if source == "near":
        return _near(queue, words, free, label), ""
    queue.refit.wait()
    learnt = queue.refit.latest
    if learnt is None or not learnt.classes:
        raise DataError(
            "The model must have learnt two classes before it can choose. Got fewer: put some rows into two bins first."
        )
    if source == "uncertain":
        from clew.learn.strategies import entropy

        rows = np.flatnonzero(free)
        return rows[np.argsort(-entropy(learnt.probability[rows]), kind="stable")], learnt.about
    check(
        label in learnt.classes,
        DataError,
        "The model must have learnt the class '{}' before it can choose. Got only: {}.",
        label,
        ", ".join(learnt.classes),
    )
    theirs = np.flatnonzero(free & (learnt.probability.argmax(axis=1) == learnt.classes.index(label)))
    sure = learnt.probability[theirs, learnt.classes.index(label)]
    return theirs[np.argsort(-sure, kind="stable")], learnt.about


def _near(queue: Queue, words: Said, free: np.ndarray, label: str) -> np.ndarray:
    """Return free rows in the order of their distance, in scaled features, to the nearest row of a bin."""
    from clew.learn.strategies import scaled

    samples, rows = queue.workspace.samples, rows_of(queue.workspace)
    inside = np.array(
        [rows[name] for name, by in words.by.items() if name in rows and label in by.values()], np.int64
    )
    check(len(inside) > 0, DataError, "The bin '{}' must hold a row to be near to. Got none.", label)
    others = np.flatnonzero(free)
    if samples.distances is not None:
        distance = samples.distances[np.ix_(others, inside)].min(axis=1, initial=np.inf)
    else:
        points = scaled(samples.features, samples.units)
        distance = np.full(len(others), np.inf)
        for one in inside:
            distance = np.minimum(distance, ((points[others] - points[one]) ** 2).sum(axis=1))
    return others[np.argsort(distance, kind="stable")]
