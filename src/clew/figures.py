"""How good are predicted classes? Every figure of a confusion table, with its interval over groups.

All are functions of the table, so leaving a group out costs a subtraction.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from clew.intervals import Interval, sums_interval


# Each figure takes confusion matrices of shape (..., n_classes, n_classes), rows true and columns predicted.
def _correct(tables: np.ndarray) -> np.ndarray:
    return np.diagonal(tables, axis1=-2, axis2=-1)


def _true(tables: np.ndarray) -> np.ndarray:
    return tables.sum(axis=-1)


def _predicted(tables: np.ndarray) -> np.ndarray:
    return tables.sum(axis=-2)


def _either(tables: np.ndarray) -> np.ndarray:
    return _true(tables) + _predicted(tables) - _correct(tables)


def share_of(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _precision(tables: np.ndarray) -> np.ndarray:
    shares = share_of(_correct(tables), _predicted(tables))
    return np.where((_predicted(tables) == 0) & (_true(tables) > 0), 0.0, shares)


def _recall(tables: np.ndarray) -> np.ndarray:
    return share_of(_correct(tables), _true(tables))


def _f1(tables: np.ndarray) -> np.ndarray:
    return share_of(2 * _correct(tables), _true(tables) + _predicted(tables))


def _jaccard(tables: np.ndarray) -> np.ndarray:
    return share_of(_correct(tables), _either(tables))


def _accuracy(tables: np.ndarray) -> np.ndarray:
    return share_of(_correct(tables).sum(axis=-1), tables.sum(axis=(-2, -1)))


def _matthews(tables: np.ndarray) -> np.ndarray:
    """Return Matthews' coefficient for any number of classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    n, true, predicted = tables.sum(axis=(-2, -1)), _true(tables), _predicted(tables)
    covariance = _correct(tables).sum(axis=-1) * n - (true * predicted).sum(axis=-1)
    variance = (n**2 - (true**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return np.where(variance > 0, covariance / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)


def _kappa(tables: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa (Educational and Psychological Measurement 20 (1960), doi:10.1177/001316446002000104)."""
    n = tables.sum(axis=(-2, -1))
    by_chance = (_true(tables) * _predicted(tables)).sum(axis=-1)
    return share_of(_correct(tables).sum(axis=-1) * n - by_chance, n**2 - by_chance)


# The figures of one class, and the rows that each rests on.
CLASS_FIGURES: dict[str, tuple[Callable, Callable]] = {
    "precision": (_precision, _predicted),
    "recall": (_recall, _true),
    "f1": (_f1, _either),
    "jaccard": (_jaccard, _either),
}
# From -1 to 1, 0 by chance.
BEYOND_CHANCE: dict[str, Callable] = {"matthews": _matthews, "kappa": _kappa}
WEIGHTED = tuple(f"{name}_weighted" for name in CLASS_FIGURES)  # by the rows of each class
MEAN_FIGURES = ("accuracy", "balanced_accuracy", *CLASS_FIGURES, *BEYOND_CHANCE, *WEIGHTED)


def class_figure(name: str, k: int, tables: np.ndarray, times: np.ndarray) -> Interval:
    """Return a figure of class ``k`` over the groups that hold any row it rests on.

    Parameters
    ----------
    name : str
        One of `CLASS_FIGURES`.
    k : int
        The number of the class.
    tables, times
        As `confusion_tables` returns them.
    """
    figure, rests_on = CLASS_FIGURES[name]
    holds = rests_on(tables)[:, k] > 0
    n_rows = int(times @ rests_on(tables)[:, k])
    if not holds.any():
        value = float(figure(np.tensordot(times, tables, axes=1))[k])
        return Interval(
            value=value,
            low=np.nan,
            high=np.nan,
            n_groups=0,
            n_rows=0,
            note="No interval: there is no row to rest on.",
        )
    flat = tables.reshape(len(tables), -1)
    return sums_interval(
        lambda sums: figure(_square(sums))[..., k], flat[holds], times=times[holds], n_rows=n_rows
    )


def mean_figure(name: str, tables: np.ndarray, times: np.ndarray) -> Interval:
    """Return a figure of all classes together.

    A mean over classes rests on as many rows as its rare classes allow: n_classes times the harmonic mean of
    their numbers of rows, and likewise of groups where groups do not differ.

    Parameters
    ----------
    name : str
        One of `MEAN_FIGURES`.
    tables, times
        As `confusion_tables` returns them.
    """
    total = np.tensordot(times, tables, axes=1)  # (n_classes, n_classes)
    flat, n_rows = tables.reshape(len(tables), -1), round(float(total.sum()))
    if name == "accuracy" or name in WEIGHTED:  # every row counts alike
        overall: Callable = _accuracy
        if name in WEIGHTED:
            overall = partial(_weighted, CLASS_FIGURES[name.removesuffix("_weighted")][0])
        return sums_interval(lambda sums: overall(_square(sums)), flat, times=times, n_rows=n_rows)

    beyond = BEYOND_CHANCE.get(name)
    figure, rests_on = CLASS_FIGURES.get("recall" if name == "balanced_accuracy" else name, (_recall, _true))
    n_even = even_rows(rests_on(total))
    groups_even = even_rows(times @ (rests_on(tables) > 0))
    present = _true(total) > 0

    of_tables: Callable = beyond or (lambda square: mean_of_defined(figure(square)))

    def mean(sums: np.ndarray) -> np.ndarray:
        square = _square(sums)
        values = of_tables(square)
        gone = ((_true(square) > 0) != present).any(
            axis=-1
        )  # a class went with the group: no fair comparison
        return np.where(gone, np.nan, values)

    bounds, most = ((-1.0, 1.0), float(n_rows)) if beyond else ((0.0, 1.0), n_even)
    return sums_interval(
        mean, flat, times=times, n_rows=n_rows, n_most=most, n_alike=groups_even, bounds=bounds
    )


def _weighted(figure: Callable, tables: np.ndarray) -> np.ndarray:
    """Return the mean of a figure over classes, each counted as often as it has rows."""
    values, rows = figure(tables), _true(tables)
    return share_of((np.where(rows > 0, values, 0.0) * rows).sum(axis=-1), rows.sum(axis=-1))


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = np.isfinite(values)
    return share_of(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def even_rows(counts: np.ndarray) -> float:
    """Return the number of classes times the harmonic mean of their counts, over classes that have any."""
    counts = counts[counts > 0]
    return float(counts.size**2 / (1 / counts).sum()) if counts.size else 0.0


def _square(sums: np.ndarray) -> np.ndarray:
    k = int(np.sqrt(sums.shape[-1]))
    return sums.reshape(*sums.shape[:-1], k, k)


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the classes in ``truth`` of the share that is predicted right, without an interval.

    Parameters
    ----------
    truth, predicted : ndarray of int64, shape (n_rows,)
        The number of the true and of the predicted class of each row, from 0.
    """
    k = int(max(truth.max(), predicted.max())) + 1
    table = np.bincount(truth * k + predicted, minlength=k * k).reshape(k, k)
    return float(mean_of_defined(_recall(table)))


def confusion_tables(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return confusion matrices, float64 of shape (n_kinds, k, k), and how many groups have each.

    Where each row is its own group, groups with the same cell are the same kind: at most k * k of them.

    Parameters
    ----------
    truth, predicted : ndarray of int64, shape (n_rows,)
        The number of the true and of the predicted class of each row, from 0 to ``k - 1``.
    groups : ndarray, shape (n_rows,)
        The unit of independence of each row.
    k : int
        The number of classes.
    """
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    cell = truth * k + predicted
    if group.max() + 1 == group.size:
        kinds, times = np.unique(cell, return_counts=True)
        tables = np.zeros((kinds.size, k * k))
        tables[np.arange(kinds.size), kinds] = 1
    else:
        times = np.ones(group.max() + 1, np.int64)
        tables = np.zeros((times.size, k * k))
        np.add.at(tables, (group, cell), 1)
    return tables.reshape(-1, k, k), times
