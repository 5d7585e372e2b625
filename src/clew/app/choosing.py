"""What is learnt from the labels up to now, and which rows it makes worth asking for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.samples import Samples

STRATEGIES = ["hybrid", "margin", "entropy", "least-confidence", "k-centre", "cluster", "random"]
MOST_LEFT = 20_000  # rows that a strategy looks at; of more it looks at some drawn at random
Words = dict[str, dict[str, str | None]]  # {sample: {person: label, None where that person cannot tell}}


@dataclass(frozen=True, eq=False)
class Learnt:
    """What a small forest says of every open row; without two classes it says nothing.

    Parameters
    ----------
    classes : list of str
    probability : ndarray of float32, shape (n_rows, n_classes)
    about : str
        "forest after 160 labels"; "" without one.
    n_labels : int
        The rows that it learnt from.
    """

    classes: list[str]
    probability: np.ndarray
    about: str
    n_labels: int

    def of_row(self, row: int) -> dict[str, float]:
        """Return the probability of each class for one row."""
        return {
            name: round(float(p), 4)
            for name, p in zip(self.classes, self.probability[row] if self.classes else [], strict=True)
        }


@dataclass(frozen=True)
class Offered:
    """A row that is worth asking for, and why: in full, and in two words."""

    row: int
    reason: str
    short: str
    control: bool = False
    both: bool = False
    again: bool = False


def standing(samples: Samples, words: Words, rows: dict[str, int]) -> np.ndarray:
    """Return the label (n_rows,) of object that most people gave each row; "" where nobody could tell, or as many say otherwise."""
    labels = np.full(samples.n_rows, "", object)
    for name, by in words.items():
        given = Counter(label for label in by.values() if label)
        if given and name in rows:
            (first, most), *rest = given.most_common()
            labels[rows[name]] = "" if rest and rest[0][1] == most else first
    return labels


def learn(workspace: Workspace, words: Words) -> Learnt:
    """Fit a small forest to the labels as they stand, and ask it of every open row."""
    from clew.learn.active import quick_forest

    samples = workspace.samples
    labels = standing(samples, words, rows_of(workspace))
    own = np.flatnonzero(labels)
    n = len(own)
    if len(set(labels[own].tolist())) < 2 or not samples.n_features:
        return Learnt([], np.empty((samples.n_rows, 0), np.float32), "", n)
    told = quick_forest()(samples.take(own).with_labels(labels[own].astype(str))).predict(samples)
    assert told.probability is not None
    return Learnt(
        list(told.classes), told.probability.astype(np.float32), f"forest after {n} label{'s' * (n != 1)}", n
    )


def offer(
    workspace: Workspace, learnt: Learnt | None, free: np.ndarray, *, strategy: str, n: int
) -> list[Offered]:
    """Return the rows that a strategy would ask for next, best first; the control is not among them.

    Of very many rows it looks at some drawn at random, among as many of those that are taken: nobody waits for all of them.

    Parameters
    ----------
    workspace : Workspace
    learnt : Learnt or None
    free : ndarray of bool, shape (n_rows,)
    strategy : str
        One of `STRATEGIES`.
    n : int
    """
    from clew.learn.active import next_items

    samples = workspace.samples
    if not free.any():
        return []
    if not samples.n_features:
        raise DataError("Strategies need features. This study has distances only: choose 'random'.")
    known = learnt is not None and len(learnt.classes) > 1
    left, taken = np.flatnonzero(free), np.flatnonzero(~free)
    if len(left) > MOST_LEFT:
        left = np.sort(np.random.default_rng(len(taken)).choice(left, MOST_LEFT, replace=False))
    taken = taken[:: max(1, len(taken) // MOST_LEFT)]
    some = np.sort(np.concatenate([left, taken]))
    chosen = next_items(
        samples if len(some) == samples.n_rows else samples.take(some),
        ~free[some],
        learnt.probability[some].astype(np.float64) if learnt is not None and known else None,
        strategy=strategy,  # type: ignore[arg-type]
        n=min(n, len(left)),
        control_every=n + 1,  # the queue draws its control by itself, from an order that does not change
        random_state=0 if learnt is None else learnt.n_labels,
    )
    return [
        Offered(int(some[row]), str(why), str(why).split(",")[0])
        for row, why in zip(chosen.rows, chosen.reason, strict=True)
    ]


def judged(workspace: Workspace, words: Words, *, strategy: str) -> dict[str, Any]:
    """Return the stop light with its reasons and curves, as the page draws them.

    Parameters
    ----------
    workspace : Workspace
    words : dict
        In the order in which the samples got their first label.
    strategy : str
    """
    from clew.learn.stopping import stop_light
    from clew.study.handed import control_samples

    samples, drawn = workspace.samples, control_samples(workspace.study)
    rows = rows_of(workspace)
    labels = standing(samples, words, rows)
    order = np.array([rows[name] for name in words if name in rows and labels[rows[name]]], np.int64)
    control = np.array([str(samples.sample[row]) in drawn for row in order], bool)
    light = stop_light(samples.with_labels(labels.astype(str)), order, control, strategy=strategy)
    return {
        "verdict": light.verdict,
        "sentence": light.sentence,
        "reasons": [[bool(met), what, figure] for met, what, figure in light.reasons],
        "helps": light.helps,
        "notes": light.notes,
        "labels": light.labels,
        "control_labels": light.control_labels,
        "strategy": strategy,
        "metric": light.metric.replace("_", " "),
        "wanted": light.wanted,
        **{name: _points(getattr(light, name)) for name in ("active", "control", "forecast")},
    }


def _points(curve: np.ndarray) -> list[dict[str, float | None]]:
    """Return (n_sizes, 4) as points that JSON can say."""
    return [
        {
            "x": x,
            **{
                name: y if np.isfinite(y) else None
                for name, y in zip(("value", "low", "high"), rest, strict=True)
            },
        }
        for x, *rest in np.asarray(curve, float).tolist()
    ]


def rows_of(workspace: Workspace) -> dict[str, int]:
    """Return the number of each open row by its name."""
    rows: dict[str, int] | None = workspace.kept.get("rows")
    if rows is None:
        rows = workspace.kept["rows"] = {name: i for i, name in enumerate(workspace.samples.sample.tolist())}
    return rows
