"""Which sensor tells most about the classes: each alone, and what all together lose without it, on held-out rows.

Two questions with two answers. *Alone*: how well does a forest do that sees this sensor only? That is how reliable it is.
*Permuted*: what do all sensors together lose when this one's measurements are exchanged among held-out rows? That is
whether one could do without it: little where another says the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import Stopped, check
from clew.explain.importance import OnProgress, Permutation, permutation_importance
from clew.figures import even_rows, share_of
from clew.intervals import NO_BOUNDS, Interval, spell, sums_interval
from clew.learn.blocks import By, compared
from clew.learn.training import ClassWeight, Grower, MaxFeatures, train
from clew.result import Result, step
from clew.samples import Samples
from clew.splits import folds as divide
from clew.splits import units
from clew.words import listed

MISSED = 0.05  # of all statements on differences together, the share that may be wrong
SHARED = (
    "Sensors that say the same share credit: permuting one costs little where another stands in. Alone says how reliable it "
    "is, permuted whether one could do without it."
)
PLURAL = {"station": "stations", "component": "components", "measurement": "measurements"}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SensorComparison(Result):
    """What each sensor tells about the classes: alone, and among all.

    Parameters
    ----------
    by : str
        What is compared: "station", "component" or "measurement".
    names : list of str
        The stations, components or sets of measurements.
    members : list of list of str
        The features of each.
    alone : list of Interval
        Balanced accuracy, cross-validated, of a forest that sees only this one, on the rows that it has.
    surely : list of float
        The lower ends of these intervals if they shall hold for all together: above chance, it carries information.
    behind : list of Interval
        How much balanced accuracy each is behind the best one alone, on the rows that both have; 0 for the best itself.
        The intervals hold for all pairs together, and for other training rows.
    permutation : Permutation
        What all together lose when one is permuted: its `loss` has the order of `names`, then of `singles`.
    singles : list of str
        The single features that were permuted, too; none where stations or components are compared.
    chance : float
        The balanced accuracy of an answer without a look.
    n_rows : int
        The rows: windows or, by station, times.
    notes : list of str
        How the rows came about.
    warnings : list of str
        What to mind.
    """

    by: str
    names: list[str]
    members: list[list[str]]
    alone: list[Interval]
    surely: list[float]
    behind: list[Interval]
    permutation: Permutation
    singles: list[str]
    chance: float
    n_rows: int
    notes: list[str]
    warnings: list[str]

    @property
    def best(self) -> int:
        """Return the place of the best one alone."""
        return int(np.argmax([np.nan_to_num(one.value, nan=-1.0) for one in self.alone]))

    @property
    def order(self) -> list[int]:
        """Return the places from the best alone to the worst."""
        return sorted(range(len(self.names)), key=lambda i: -np.nan_to_num(self.alone[i].value, nan=-1.0))

    def informs(self, i: int) -> bool:
        """Tell whether one is shown to carry information: alone, it lies above chance, and so would all that are told to."""
        return bool(self.surely[i] > self.chance)

    def told_apart(self, i: int) -> bool:
        """Tell whether one is shown to be worse than the best."""
        return bool(self.behind[i].low > 0)

    def headline(self) -> str:
        """Say the verdict."""
        return self.verdict()[0]

    def verdict(self) -> list[str]:
        """Say which one carries most, from which it cannot be told apart, and which are worse, in sentences."""
        top, plural = self.best, PLURAL[self.by]
        lead = f"{'Component ' * (self.by == 'component')}{self.names[top]}"
        figure = f"alone it reaches a balanced accuracy of {_told(self.alone[top])}, where chance gives {self.chance:.2f}"
        if not self.informs(top):
            why = "" if np.isfinite(self.alone[top].low) else " (too few groups for an interval)"
            return [
                f"No {self.by} is shown to carry information about the classes{why}: the best is {lead}; {figure}."
            ]
        told = [f"{lead} carries most information about the classes: {figure}."]
        known = [i for i in self.order if i != top and np.isfinite(self.alone[i].value)]
        alike = [
            f"{self.names[i]} (behind by {_told(self.behind[i])})" for i in known if not self.told_apart(i)
        ]
        worse = [f"{self.names[i]} (by {_told(self.behind[i])})" for i in known if self.told_apart(i)]
        silent = [self.names[i] for i in known if not self.informs(i)]
        unknown = [self.names[i] for i in self.order if np.isnan(self.alone[i].value)]
        if alike:
            told = [f"{lead} is ahead, but cannot be told apart from {listed(alike)}: {figure}."]
        if worse:
            told.append(f"Behind it by more than chance: {listed(worse)}.")
        if silent:
            told.append(f"Not shown to carry information: {listed(silent)}.")
        if unknown:
            told.append(f"Not known alone, as their rows do not hold every class: {listed(unknown)}.")
        return [*told, f"All {plural} together reach {_told(self.permutation.score)}."]

    def ranked(self) -> list[str]:
        """Say both figures of each, from the best alone."""
        return [
            f"{self.names[i]}: alone {_told(self.alone[i])}; permuted: balanced accuracy falls by {_told(self.permutation.loss[i])}"
            for i in self.order
        ]

    def strongest(self, most: int = 5) -> list[str]:
        """Say the single features that cost most when permuted, of those whose interval lies above 0."""
        loss = dict(zip(self.singles, self.permutation.loss[len(self.names) :], strict=True))
        sure = sorted((name for name, one in loss.items() if one.low > 0), key=lambda name: -loss[name].value)
        return [f"{name} ({_told(loss[name])})" for name in sure[:most]]

    def caveats(self) -> list[str]:
        """Say what to mind."""
        return [SHARED, *self.warnings]

    def summary(self) -> dict[str, Any]:
        """Return every figure."""
        n = len(self.names)
        ranks = [
            {
                "name": self.names[i],
                "features": len(self.members[i]),
                "alone": self.alone[i].summary(),
                "behind_best": self.behind[i].summary(),
                "permuted": self.permutation.loss[i].summary(),
                "informs": self.informs(i),
                "told_apart_from_best": self.told_apart(i),
            }
            for i in self.order
        ]
        singles = zip(self.singles, self.permutation.loss[n:], strict=True)
        return {
            "by": self.by,
            "best": self.names[self.best] if self.informs(self.best) else None,
            "sensors": ranks,
            "features": [{"name": name, "permuted": one.summary()} for name, one in singles],
            "together": self.permutation.score.summary(),
            "chance": self.chance,
            "rows": self.n_rows,
            "split": dict(self.permutation.split),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


@step(sees="open")
def sensors(
    samples: Samples,
    *,
    by: By = "auto",
    features: str | list[str] = "all",
    trees: int = 100,
    depth: int | None = None,
    min_leaf: int = 1,
    max_features: MaxFeatures = "auto",
    class_weight: ClassWeight = "given",
    grower: Grower = "scikit-learn",
    permutations: int = 20,
    folds: int = 5,
    gap: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> SensorComparison:
    """Compare stations, components or kinds of measurement: which tells most about the classes?

    Parameters
    ----------
    samples : Samples
        Rows without a label are left out, and counted. Stations need the origin columns ``station`` and ``start``.
    by : {"auto", "station", "component", "measurement"}
        What is compared. "auto": stations where several have windows of the same times, else components where features
        are named by them, else the sets of measurements.
    features : str or list of str
        What to learn from: "all", a named set such as "shape", or names of features.
    trees, depth, min_leaf, max_features, class_weight, grower
        As for `clew.learn.training.train`.
    permutations : int
        How often each is permuted among held-out rows; the loss is the mean.
    folds : int
        The number of parts; fewer where groups or times are fewer.
    gap : float, optional
        As for `clew.splits.folds`.
    random_state : int
        Decides the folds, the forests and the permutations.
    on_progress : callable (done, total), optional
        Called after each forest; returning False stops.

    Raises
    ------
    DataError
        If there are no labels or one class only, or fewer than two things to compare.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.

    Notes
    -----
    All rows of one time are held out together. Permutation after Breiman, Machine Learning 45 (2001),
    doi:10.1023/A:1010933404324, a whole sensor at once. The intervals of `behind` are Bonferroni's over all pairs, since the
    best was chosen by the same rows, and wider by sqrt(1 + n_folds / (n_folds - 1)), since the training rows of folds
    overlap (Nadeau & Bengio, Machine Learning 52 (2003) 239, doi:10.1023/A:1024068626366). Of 200 simulated networks of four
    stations that say nothing, 1 had a station that was told to inform; of 200 of four equally good ones, 8 had one that was
    told to be worse; where one of four tells, it was found, alone, in 198 of 200.
    """
    asked = compared(samples.select(features), by)
    table, blocks = asked.samples, asked.blocks
    n_singles = table.n_features if asked.by == "measurement" and table.n_features > len(blocks) else 0
    columns = [*blocks.values(), *([column] for column in range(n_singles))]
    fit = _fitting(
        trees=trees, depth=depth, min_leaf=min_leaf, max_features=max_features,
        class_weight=class_weight, grower=grower, random_state=random_state,
    )  # fmt: skip
    common: dict[str, Any] = {"n_folds": folds, "gap": gap, "random_state": random_state}
    parts = divide(table, **common)
    watched = _Watched(on_progress, parts.n_folds * (1 + len(blocks)))
    permuted = permutation_importance(
        table, fit, columns, kind="classification", permutations=permutations, rows=max(table.n_rows, 2),
        on_progress=watched, **common,
    )  # fmt: skip
    assert table.labels is not None
    truth = np.unique(table.labels, return_inverse=True)[1].reshape(-1)
    unit, caveat = units(table)
    said = np.full((len(blocks), table.n_rows), -1)
    for i, block in enumerate(blocks.values()):
        said[i] = _held_out(table, block, asked.there[:, i], truth, parts, fit, watched)
    alone = [_alone(truth, one, unit, 0.95) for one in said]
    best = int(np.argmax([np.nan_to_num(one.value, nan=-1.0) for one in alone]))
    return SensorComparison(
        by=asked.by,
        names=list(blocks),
        members=[[table.feature_names[c] for c in block] for block in blocks.values()],
        alone=alone,
        surely=[_alone(truth, one, unit, 1 - MISSED / len(blocks)).low for one in said],
        behind=_behind(truth, said, unit, best, parts.n_folds),
        permutation=permuted,
        singles=list(table.feature_names[:n_singles]),
        chance=permuted.chance,
        n_rows=table.n_rows,
        notes=asked.notes,
        warnings=[*([caveat] if caveat else []), *permuted.warnings],
    )


# ---- each alone ----
def _fitting(**settings: Any) -> Callable[[Samples], Any]:
    return lambda training: train(training, kind="classification", **settings)


class _Watched:
    """Counts forests for whoever watches."""

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self.on_progress, self.total, self.done = on_progress, total, 0

    def __call__(self, *_: int) -> bool:
        self.done += 1
        return (
            self.on_progress is None or self.on_progress(min(self.done, self.total), self.total) is not False
        )


def _held_out(
    table: Samples,
    block: list[int],
    there: np.ndarray,
    truth: np.ndarray,
    parts: Any,
    fit: Callable,
    watched: _Watched,
) -> np.ndarray:
    """Return the class that a forest of some columns says of each held-out row, int64 (n_rows,); -1 where it has none."""
    classes = np.unique(table.labels).tolist()  # type: ignore[arg-type]
    own = table.select([table.feature_names[column] for column in block])
    said = np.full(table.n_rows, -1)
    for train_rows, test_rows in zip(parts.train & there, parts.test & there, strict=True):
        taught = np.unique(truth[train_rows])
        if len(taught) > 1 and test_rows.any():
            told = fit(own.take(train_rows)).predict(own.features[test_rows])
            said[test_rows] = [classes.index(name) for name in told.label]
        elif len(taught):  # one class: nothing else can be said
            said[test_rows] = taught[0]
        check(watched(), Stopped, "The comparison of sensors was stopped after {} of {} forests.", watched.done, watched.total)  # fmt: skip
    return said


def _alone(truth: np.ndarray, said: np.ndarray, unit: np.ndarray, level: float) -> Interval:
    """Return the balanced accuracy of one, with its interval; not known where its rows lack a class."""
    own = said >= 0
    unit, k = unit[own], int(truth.max()) + 1
    held = [len(np.unique(unit[truth[own] == c])) for c in range(k)]
    if not all(held):
        note = "Not known: its rows do not hold every class."
        return Interval(value=np.nan, low=np.nan, high=np.nan, n_groups=len(np.unique(unit)), n_rows=int(own.sum()), note=note)  # fmt: skip
    sums = _by_class(said[own] == truth[own], truth[own], unit, k)
    return sums_interval(
        _mean_over_classes, sums, n_rows=int(own.sum()), level=level,
        n_most=even_rows(np.bincount(truth[own], minlength=k)), n_alike=even_rows(np.array(held)),
    )  # fmt: skip


def _behind(truth: np.ndarray, said: np.ndarray, unit: np.ndarray, best: int, n_folds: int) -> list[Interval]:
    """Return how far each is behind the best on the rows that both have, with intervals that hold for all pairs together."""
    n = len(said)
    level, wider = 1 - MISSED / (n * (n - 1) / 2), _widening(n_folds)
    found = []
    for one in said:
        both = (one >= 0) & (said[best] >= 0)
        more = (said[best] == truth).astype(float) - (one == truth)
        sums = _by_class(more[both], truth[both], unit[both], int(truth.max()) + 1)
        gap = sums_interval(_mean_over_classes, sums, n_rows=int(both.sum()), bounds=NO_BOUNDS, level=level)
        low, high = (gap.value + wider * (end - gap.value) for end in (gap.low, gap.high))
        found.append(dataclasses.replace(gap, low=low, high=high))
    return found


def _widening(n_folds: int) -> float:
    """Return by how much an interval over test rows grows if it shall hold for other training rows, too."""
    return float(np.sqrt(1 + n_folds / (n_folds - 1)))


def _by_class(values: np.ndarray, truth: np.ndarray, unit: np.ndarray, k: int) -> np.ndarray:
    """Return of each group the sum of values (n_rows,) and the rows in each class, float64 (n_groups, 2 k)."""
    names, group = np.unique(unit, return_inverse=True)
    sums = np.zeros((max(len(names), 1), 2, k))
    np.add.at(sums[:, 0], (group.reshape(-1), truth), values)
    np.add.at(sums[:, 1], (group.reshape(-1), truth), 1.0)
    return sums.reshape(len(sums), 2 * k)


def _mean_over_classes(sums: np.ndarray) -> np.ndarray:
    """Return the mean over classes of the mean value, of sums (..., 2 k); NaN where a class is gone."""
    values, rows = np.split(sums, 2, axis=-1)
    return np.asarray(share_of(values, rows).mean(axis=-1))


def _told(one: Interval) -> str:
    """Write a figure with its interval."""
    return spell(one.summary())
