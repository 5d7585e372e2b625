"""How good are predicted probabilities? Brier score, log loss and calibration, with intervals over groups."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clew.errors import DataError, check
from clew.figures import share_of
from clew.intervals import FEWEST_GROUPS, Interval, jackknife_interval, number, sums_interval
from clew.result import Result

BINS = 10  # of a calibration curve, at most
BIN_ROWS = 20  # that each should have; fewer bins otherwise, but at least two


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Calibration(Result):
    """Whether rows that are given a probability are of the class as often as it says.

    Parameters
    ----------
    predicted : ndarray of float64, shape (n_bins,)
        The mean predicted probability of the rows in each bin; bins hold equally many rows, ties stay together.
    observed, low, high : ndarray of float64, shape (n_bins,)
        The share of these rows that are of the class, with its interval over groups; NaN where there is none.
    rows : ndarray of int64, shape (n_bins,)
        The rows in each bin.
    error : Interval
        The expected calibration error: the mean over rows of the distance between the two shares. Chance only adds to
        it, so the interval reaches further down, by as much as chance adds on average.
    by_chance : float
        The error that a perfectly calibrated model would show on these groups, on average: it is never 0. NaN where
        there are too few groups.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rows: np.ndarray
    error: Interval
    by_chance: float

    def headline(self) -> str:
        """Say the error, and what a perfectly calibrated model would show."""
        told = (
            f"; a perfectly calibrated model shows about {self.by_chance:.2f}"
            if np.isfinite(self.by_chance)
            else ""
        )
        return f"calibration error {self.error.headline()}{told}"

    def summary(self) -> dict[str, Any]:
        """Return the curve as lists, and the error with its interval."""
        curve = {
            name: [number(value) for value in getattr(self, name)]
            for name in ("predicted", "observed", "low", "high")
        }
        return curve | {
            "rows": self.rows.tolist(),
            "error": self.error.summary(),
            "by_chance": number(self.by_chance),
        }


def check_probability(probability: np.ndarray, n_rows: int, classes: list[str], *, of: str) -> np.ndarray:
    """Return probabilities as float64 of shape (n_rows, n_classes); refuse what are none.

    Raises
    ------
    DataError
        If the shape differs, or a row holds NaN, a number outside of 0 to 1, or does not add up to 1.
    """
    probability = np.asarray(probability, np.float64)
    check(
        probability.shape == (n_rows, len(classes)),
        DataError,
        "The probability of {} must have a row for each of {} rows and a column for each of {} classes. Got the shape {} instead.",
        of,
        n_rows,
        len(classes),
        probability.shape,
    )
    wrong = [
        ("must be numbers", "NaN", np.isnan(probability).any(axis=1)),
        ("must lie from 0 to 1", "others", ((probability < -1e-9) | (probability > 1 + 1e-9)).any(axis=1)),
        ("must add up to 1 in each row", "another sum", np.abs(probability.sum(axis=1) - 1) > 1e-6),
    ]
    for must, got, rows in wrong:
        n = int(rows.sum())
        check(n == 0, DataError, "The probabilities of {} {}. Got {} in {} of {} rows, first in row {} (counted from 0).", of, must, got, n, n_rows, int(rows.argmax()))  # fmt: skip
    return probability


def probability_figures(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> tuple[dict[str, Interval], list[Calibration]]:
    """Return Brier score, log loss and calibration error of all classes, and the calibration of each.

    Parameters
    ----------
    truth : ndarray of int64, shape (n_rows,)
        The number of the class of each row.
    probability : ndarray of float64, shape (n_rows, n_classes)
        The predicted probability of each class.
    groups : ndarray, shape (n_rows,)
        The unit of independence of each row.

    Returns
    -------
    means : dict of str to Interval
        "brier", "log_loss" and "calibration_error", the mean over the classes that occur.
    calibration : list of Calibration
        That of each class.

    Notes
    -----
    Brier's score is half the squared distance between the probabilities and the truth (1 for the class of the row, 0
    for the others), from 0 to 1; for two classes that is the familiar squared error of one probability (Brier, Monthly
    Weather Review 78 (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2, has twice as much). Log loss
    takes a probability of 0 for the smallest step of float64, as scikit-learn does.
    """
    group = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    n_groups, (n_rows, n_classes) = int(group.max()) + 1, probability.shape
    own = probability[np.arange(n_rows), truth]
    distance = ((probability**2).sum(axis=1) - 2 * own + 1) / 2
    smallest = np.finfo(np.float64).eps
    means = {
        "brier": _mean(distance, group, n_groups, (0.0, 1.0)),
        "log_loss": _mean(-np.log(np.clip(own, smallest, 1 - smallest)), group, n_groups, (0.0, np.inf)),
    }
    curves = [_curve(truth == k, probability[:, k], group, n_groups) for k in range(n_classes)]
    held = [curve for k, curve in enumerate(curves) if (truth == k).any()]
    means["calibration_error"] = _error(held, n_groups, n_rows)
    return means, [_calibration(curve, n_groups, n_rows) for curve in curves]


def _mean(value: np.ndarray, group: np.ndarray, n_groups: int, bounds: tuple[float, float]) -> Interval:
    """Return the mean of a value of rows; groups that spread less than their rows would are taken for luck.

    Wilson's interval is that of a share, 0 or 1. Values in between spread less than their mean lets a share spread, so
    they count as more than there are; rows and independent rows are told in rows.
    """
    sums = np.stack([np.bincount(group, value, n_groups), np.bincount(group, minlength=n_groups)], axis=1)
    mean, spread = value.mean(), value.var()
    each = mean * (1 - mean) / spread if np.isfinite(bounds[1]) and spread > 0 else 1.0
    found = sums_interval(
        lambda s: share_of(s[..., 0], s[..., 1]),
        sums,
        n_rows=value.size,
        n_most=each * value.size,
        n_alike=each * n_groups,
        bounds=bounds,
    )
    return dataclasses.replace(found, n_effective=found.n_effective / each)


# ---- calibration ----
class _Curve(NamedTuple):
    """The sums of a class's calibration: over bins, and over cells of a bin and a group that hold any row."""

    sums: np.ndarray  # (n_bins, 3): rows of the class, summed probability, all rows
    cells: np.ndarray  # (n_cells, 3): the same
    cell_bin: np.ndarray
    error: float
    without: np.ndarray  # (n_groups,): the error without each group; empty for few
    by_chance: float  # the error of a perfectly calibrated model


def _curve(positive: np.ndarray, probability: np.ndarray, group: np.ndarray, n_groups: int) -> _Curve:
    """Return a class's calibration in bins of equally many rows, as scikit-learn's ``strategy="quantile"`` has them."""
    n_bins = int(np.clip(positive.size // BIN_ROWS, 2, BINS))
    edges = np.quantile(probability, np.linspace(0, 1, n_bins + 1))
    of_bin = np.unique(np.searchsorted(edges[1:-1], probability), return_inverse=True)[1].reshape(-1)
    code, cell = np.unique(of_bin * n_groups + group, return_inverse=True)
    values = (positive, probability, np.ones(positive.size))
    cells = np.stack([np.bincount(cell.reshape(-1), value, code.size) for value in values], axis=1)
    cell_bin, cell_group = np.divmod(code, n_groups)
    sums = np.stack([np.bincount(cell_bin, column) for column in cells.T], axis=1)

    gap, cell_gap = sums[:, 0] - sums[:, 1], cells[:, 0] - cells[:, 1]
    n_rows, distance = sums[:, 2].sum(), np.abs(gap).sum()
    if n_groups < FEWEST_GROUPS:
        return _Curve(sums, cells, cell_bin, distance / n_rows, np.empty(0), np.nan)
    change = np.abs(gap[cell_bin] - cell_gap) - np.abs(gap[cell_bin])
    rows = n_rows - np.bincount(cell_group, cells[:, 2], n_groups)
    without = share_of(distance + np.bincount(cell_group, change, n_groups), rows)
    return _Curve(sums, cells, cell_bin, distance / n_rows, without, _by_chance(sums, cells, cell_bin))


def _by_chance(sums: np.ndarray, cells: np.ndarray, cell_bin: np.ndarray) -> float:
    """Return the mean error if each bin's gap were only as far from 0 as its groups spread it.

    The distance of a normal variable from 0 has the mean sqrt(2 / pi).
    """
    centred = (
        cells[:, 0] - cells[:, 1] - (sums[:, 0] - sums[:, 1])[cell_bin] * cells[:, 2] / sums[cell_bin, 2]
    )
    n = np.bincount(cell_bin)
    variance = np.bincount(cell_bin, centred**2) * n / np.maximum(n - 1, 1)  # of a bin's summed gap
    return float(np.sqrt(2 / np.pi) * np.sqrt(variance).sum() / sums[:, 2].sum())


def _calibration(curve: _Curve, n_groups: int, n_rows: int) -> Calibration:
    shares = [
        sums_interval(
            lambda s: share_of(s[..., 0], s[..., 2]), curve.cells[curve.cell_bin == b], n_rows=int(rows)
        )
        for b, rows in enumerate(curve.sums[:, 2])
    ]
    return Calibration(
        predicted=curve.sums[:, 1] / curve.sums[:, 2],
        observed=np.array([one.value for one in shares]),
        low=np.array([one.low for one in shares]),
        high=np.array([one.high for one in shares]),
        rows=curve.sums[:, 2].astype(np.int64),
        error=_error([curve], n_groups, n_rows),
        by_chance=curve.by_chance,
    )


def _error(curves: list[_Curve], n_groups: int, n_rows: int) -> Interval:
    """Return the mean error of some classes, with an interval that reaches down by what chance adds to it."""
    value = float(np.mean([curve.error for curve in curves]))
    without = np.mean([curve.without for curve in curves], axis=0)
    found = jackknife_interval(value, without, n_groups=n_groups, n_rows=n_rows)
    chance = float(np.mean([curve.by_chance for curve in curves]))
    low = found.low if np.isnan(found.low) else max(0.0, found.low - chance)
    return dataclasses.replace(found, low=low, n_effective=np.nan)
