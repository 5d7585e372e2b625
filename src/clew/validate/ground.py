"""What every curve stands on: labelled rows and how they are divided, and one figure made of sums over rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from clew.errors import check_choice
from clew.figures import CLASS_FIGURES, mean_figure, share_of
from clew.intervals import Interval, number, sums_interval
from clew.samples import Samples
from clew.splits import By, Folds, folds, units
from clew.validate.diagnosis import Shown
from clew.validate.metrics import Kind, Model, labelled

Metric = Literal[
    "auto", "balanced_accuracy", "accuracy", "precision", "recall", "f1", "jaccard", "r2", "rmse", "mae"
]
OnProgress = Callable[[int, int], bool | None]
OF_CLASSES = ("balanced_accuracy", "accuracy", "precision", "recall", "f1", "jaccard")
OF_NUMBERS = ("r2", "rmse", "mae")
WORDS = {"balanced_accuracy": "balanced accuracy", "f1": "F1", "jaccard": "Jaccard", "r2": "R2", "rmse": "RMS error", "mae": "mean absolute error"}  # fmt: skip
MOST_UNITS = 200  # of a jackknife; more are dealt into as many blocks


@dataclass(frozen=True)
class Figure:
    """A figure of predictions that depends on sums over rows, so that leaving a group out costs a subtraction.

    Parameters
    ----------
    name : str
        One of `OF_CLASSES` or `OF_NUMBERS`; means over classes where it is one of each class.
    n_classes : int
        0 for numbers.
    centre : float
        What is taken off numbers before they are squared, for the digits' sake.
    """

    name: str
    n_classes: int = 0
    centre: float = 0.0

    @property
    def n_sums(self) -> int:
        """Return the number of sums that the figure is made of."""
        return self.n_classes**2 or 5

    @property
    def is_error(self) -> bool:
        """Tell whether the figure is an error itself, in units of the target; scores become errors as 1 - score."""
        return self.name in ("rmse", "mae")

    @property
    def shown(self) -> Shown:
        """Return how its errors are told to people."""
        return Shown(WORDS.get(self.name, self.name), self.error)

    def error(self, value: Any) -> Any:
        """Return the error of a figure, or the figure of an error."""
        return value if self.is_error else 1 - value

    def errors(self, figures: np.ndarray) -> np.ndarray:
        """Return figures with the ends of their intervals, shape (n, 3), as errors with rising ends."""
        return figures if self.is_error else 1 - figures[:, [0, 2, 1]]

    def sums(self, truth: np.ndarray, predicted: np.ndarray, unit: np.ndarray, n_units: int) -> np.ndarray:
        """Return what the figure is made of, summed over each unit: float64 of shape (n_units, n_sums)."""
        if k := self.n_classes:
            cell = (unit * k + truth) * k + predicted
            return np.bincount(cell, minlength=n_units * k * k).reshape(n_units, k * k).astype(np.float64)
        missed, truth = predicted - truth, truth - self.centre
        parts = (np.ones(len(truth)), np.abs(missed), missed**2, truth, truth**2)
        return np.column_stack([np.bincount(unit, weights=part, minlength=n_units) for part in parts])

    def value(self, sums: np.ndarray) -> np.ndarray:
        """Return the figure of sums of shape (..., n_sums); NaN where it is not defined."""
        if k := self.n_classes:
            tables = sums.reshape(*sums.shape[:-1], k, k)
            if self.name == "accuracy":
                return share_of(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))
            of_class = CLASS_FIGURES["recall" if self.name == "balanced_accuracy" else self.name][0](tables)
            known = np.isfinite(of_class)
            return share_of(np.where(known, of_class, 0.0).sum(axis=-1), known.sum(axis=-1))
        rows, absolute, squared, truth, truth_squared = np.moveaxis(sums, -1, 0)
        if self.name == "mae":
            return share_of(absolute, rows)
        if self.name == "rmse":
            return np.sqrt(share_of(squared, rows))
        return 1 - share_of(squared, truth_squared - share_of(truth**2, rows))

    def interval(self, sums: np.ndarray) -> Interval:
        """Return the figure with its interval over units, from sums of shape (n_units, n_sums)."""
        if k := self.n_classes:
            tables = sums.reshape(-1, k, k)
            there = tables.sum(axis=(1, 2)) > 0
            return mean_figure(self.name, tables[there], np.ones(int(there.sum()), np.int64))
        sums = sums[sums[:, 0] > 0]
        bounds = (-np.inf, 1.0) if self.name == "r2" else (0.0, np.inf)
        return sums_interval(self.value, sums, n_rows=round(sums[:, 0].sum()), bounds=bounds)

    def chance(self, truth: np.ndarray) -> float:
        """Return the best figure that predictions without any look at the features would give."""
        unit = np.zeros(len(truth), np.int64)
        if not self.n_classes:
            return float(self.value(self.sums(truth, np.full(len(truth), truth.mean()), unit, 1))[0])
        counts = np.bincount(truth, minlength=self.n_classes).astype(np.float64)
        always = np.zeros((self.n_classes, self.n_classes))
        always[:, counts.argmax()] = counts
        drawn = np.outer(counts, counts) / counts.sum()
        return float(np.nanmax(self.value(np.stack([always.ravel(), drawn.ravel()]))))


# ---- the rows, prepared ----
@dataclass(frozen=True)
class Ground:
    """Labelled rows, how they are divided, and the figure.

    Parameters
    ----------
    samples : Samples
    truth : ndarray of int64 or float64, shape (n_rows,)
        The number of each row's class, or its target.
    classes : list of str
        None for numbers.
    figure : Figure
    parts : Folds
    unit : ndarray of int64, shape (n_rows,)
        What an interval takes as independent.
    warnings : list of str
    """

    samples: Samples
    truth: np.ndarray
    classes: list[str]
    figure: Figure
    parts: Folds
    unit: np.ndarray
    warnings: list[str] = field(default_factory=list)

    @property
    def n_units(self) -> int:
        """Return the number of independent units."""
        return int(self.unit.max()) + 1

    def blocks(self) -> np.ndarray:
        """Return the unit of each row, or one of `MOST_UNITS` blocks of units: enough for a jackknife."""
        if self.n_units <= MOST_UNITS:
            return self.unit
        return np.random.default_rng(0).permutation(self.n_units)[self.unit] % MOST_UNITS

    def sums(
        self, rows: np.ndarray, predicted: np.ndarray, unit: np.ndarray, n_units: int | None = None
    ) -> np.ndarray:
        """Return what the figure of some rows is made of, summed over units."""
        return self.figure.sums(self.truth[rows], predicted, unit[rows], n_units or self.n_units)

    def predict(
        self, fit: Callable[[Samples], Model], train: np.ndarray, test: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what a model says of its training rows and of held-out rows, given as row numbers."""
        if self.classes and len(taught := np.unique(self.truth[train])) == 1:
            return np.full(len(train), taught[0]), np.full(len(test), taught[0])  # it knows no other answer
        model = fit(self.samples.take(train))
        said = [model.predict(self.samples.take(rows)) for rows in (train, test)]
        if not self.classes:
            return said[0].value, said[1].value
        return np.searchsorted(self.classes, said[0].label), np.searchsorted(self.classes, said[1].label)


def prepare(
    samples: Samples,
    kind: Kind,
    metric: str,
    *,
    of: str,
    n_folds: int,
    by: By,
    gap: float | None,
    random_state: int,
) -> Ground:
    """Divide the labelled rows, and choose the figure; parameters as for `clew.validate.curves.learning_curve`."""
    known = labelled(samples, kind, of=of)
    name = {"classification": "balanced_accuracy", "regression": "r2"}[kind] if metric == "auto" else metric
    check_choice(name, OF_CLASSES if kind == "classification" else OF_NUMBERS, what="'metric' setting", of=of)
    parts = folds(known, n_folds=n_folds, by=by, gap=gap, random_state=random_state)
    unit, caveat = units(known)
    warnings = [caveat] if caveat else []
    if known.n_rows < samples.n_rows:
        what = "label" if kind == "classification" else "target"
        warnings.append(f"{samples.n_rows - known.n_rows} rows without a {what} are left out.")
    if kind == "regression":
        truth = np.asarray(known.target)
        figure, classes = Figure(name, centre=float(truth.mean())), []
    else:
        found, truth = np.unique(np.asarray(known.labels), return_inverse=True)
        classes = found.tolist()
        figure = Figure(name, n_classes=len(classes))
    number_of = np.unique(unit, return_inverse=True)[1].reshape(-1)
    return Ground(known, truth.reshape(-1), classes, figure, parts, number_of, warnings)


def ends(interval: Interval) -> tuple[float, float, float]:
    """Return a figure and the ends of its interval."""
    return interval.value, interval.low, interval.high


def summary_of(figure: np.ndarray) -> dict[str, float | None]:
    """Return a figure and the ends of its interval, shape (3,), as JSON keeps them."""
    return dict(zip(("value", "low", "high"), map(number, figure), strict=True))
