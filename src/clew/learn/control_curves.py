"""Learning curves along the order in which labels were given, tested on control labels alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clew.intervals import FEWEST_GROUPS
from clew.samples import Samples
from clew.validate.ground import Ground, ends
from clew.validate.metrics import Model

FEWEST_LATER = 10  # control labels on which strategy and control are compared
UNKNOWN = (np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class ControlCurves:
    """Learns from more and more labels of an order, and is tested on held-out control labels.

    Each control label is told by a model that learnt from no label of its fold.

    Parameters
    ----------
    ground : Ground
        The labelled rows, in the order of their labels.
    fit : callable
    control : ndarray of int64, shape (n_control,)
        Places of the control labels among them.
    """

    ground: Ground
    fit: Callable[[Samples], Model]
    control: np.ndarray

    def along(self, arm: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the curve of learning from the first labels of an arm, and how each unit moves it.

        Returns
        -------
        curve : ndarray of float64, shape (n_sizes, 4)
            Number of labels, figure, and the ends of its interval.
        moved : ndarray of float64, shape (n_units, n_sizes)
            Whose sums of squares over units are the jackknife's variances.
        """
        figure = self.ground.figure
        sums = np.stack([self._tested(arm[:size]) for size in sizes])  # (n_sizes, n_units, n_sums)
        values = np.array([ends(figure.interval(one)) for one in sums])
        sums = sums[:, sums.sum(axis=(0, 2)) > 0]
        left_out = figure.value(sums.sum(axis=1, keepdims=True) - sums).T  # (n_units, n_sizes)
        left_out = np.where(np.isfinite(left_out), left_out, values[:, 0])
        n_units = len(left_out)
        moved = (left_out - left_out.mean(axis=0)) * np.sqrt((n_units - 1) / n_units)
        return np.column_stack([sizes, values]), moved

    def _tested(self, arm: np.ndarray) -> np.ndarray:
        """Return the figure's sums over control labels, each told by a model of the labels of other folds."""
        ground = self.ground
        sums = np.zeros((ground.n_units, ground.figure.n_sums))
        for train, test in zip(ground.parts.train, ground.parts.test, strict=True):
            rows, told = self.control[test[self.control]], arm[train[arm]]
            if not len(rows):
                continue
            nothing = np.zeros(len(rows), np.int64)  # without any label, the first class
            predicted = ground.predict(self.fit, np.sort(told), rows)[1] if len(told) else nothing
            sums += ground.sums(rows, predicted, ground.unit)
        return sums

    def difference(self, one: np.ndarray, other: np.ndarray, moved: np.ndarray) -> tuple[float, float, float]:
        """Return the difference of two points of curves with its interval over units, on the same control labels.

        To the jackknife's variance comes that of one label told otherwise, so that predictions which happen to be the
        same do not make the interval empty; so do Agresti & Min, Biometrics 57 (2001) 963.
        """
        from scipy.special import stdtrit

        value, n_units = float(one[1] - other[1]), len(moved)
        if n_units < FEWEST_GROUPS:
            return value, np.nan, np.nan
        half = float(stdtrit(n_units - 1, 0.975) * np.sqrt((moved**2).sum() + 1 / len(self.control) ** 2))
        return value, max(value - half, -1.0), min(value + half, 1.0)


def ahead_of_control(
    ground: Ground, fit: Callable[[Samples], Model], control: np.ndarray
) -> tuple[float, float, float]:
    """Return by how much the first labels of all are ahead of as many control labels, with its interval.

    Only control labels given after these first ones test: no strategy knew of them. One that asks until it agrees with a
    label looks good on that label, also where labels mean nothing.
    """
    n = int(control.sum())
    later = np.flatnonzero(control & (np.arange(len(control)) >= n))
    if len(later) < FEWEST_LATER:
        return UNKNOWN
    curves = ControlCurves(ground, fit, later)
    (all_, moved), (alone, moved_alone) = (curves.along(arm, np.array([n])) for arm in (np.arange(n), np.flatnonzero(control)))  # fmt: skip
    return curves.difference(all_[0], alone[0], moved[:, 0] - moved_alone[:, 0])
