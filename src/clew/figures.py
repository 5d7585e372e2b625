"""How good are predicted classes? Every figure of a confusion table, with its interval over groups.

All are functions of three counts of each class: rows told right, rows that are of it, and rows taken for it. A group
touches few classes, so leaving it out costs as much as it has classes, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from clew.intervals import FEWEST_GROUPS, Interval, jackknife_interval, sums_interval

ROUNDING = 1e-12  # counts may be means over runs, and not whole
MOST_EMPTY = 8  # places a row that are counted one by one; where there are more, rows are sorted


def share_of(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


# ---- the figures of one class, of counts (..., 3): rows told right, of the class, and taken for it ----
def _true(counts: np.ndarray) -> np.ndarray:
    return counts[..., 1]


def _predicted(counts: np.ndarray) -> np.ndarray:
    return counts[..., 2]


def _either(counts: np.ndarray) -> np.ndarray:
    return counts[..., 1] + counts[..., 2] - counts[..., 0]


def _precision(counts: np.ndarray) -> np.ndarray:
    shares = share_of(counts[..., 0], counts[..., 2])
    return np.where((counts[..., 2] == 0) & (counts[..., 1] > 0), 0.0, shares)


def _recall(counts: np.ndarray) -> np.ndarray:
    return share_of(counts[..., 0], counts[..., 1])


def _f1(counts: np.ndarray) -> np.ndarray:
    return share_of(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def _jaccard(counts: np.ndarray) -> np.ndarray:
    return share_of(counts[..., 0], _either(counts))


# ---- the figures of all classes, of sums over classes (..., n_terms), and these terms of each class ----
def _chance_terms(counts: np.ndarray) -> np.ndarray:
    correct, true, predicted = np.moveaxis(counts, -1, 0)
    return np.stack([correct, true, true * predicted, true**2, predicted**2], axis=-1)


def _matthews(sums: np.ndarray) -> np.ndarray:
    """Return Matthews' coefficient for any number of classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    correct, n, by_chance, of_true, of_predicted = np.moveaxis(sums, -1, 0)
    variance = _beyond_rounding(n**2 - of_true, n**2) * _beyond_rounding(n**2 - of_predicted, n**2)
    return np.where(
        variance > 0, (correct * n - by_chance) / np.sqrt(np.where(variance > 0, variance, 1)), 0.0
    )


def _kappa(sums: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa (Educational and Psychological Measurement 20 (1960), doi:10.1177/001316446002000104)."""
    correct, n, by_chance = np.moveaxis(sums[..., :3], -1, 0)
    return share_of(correct * n - by_chance, _beyond_rounding(n**2 - by_chance, n**2))


def _beyond_rounding(difference: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.where(difference > ROUNDING * of, difference, 0.0)


def _ratio(sums: np.ndarray) -> np.ndarray:
    return share_of(sums[..., 0], sums[..., 1])


def _mean_terms(figure: Callable, counts: np.ndarray) -> np.ndarray:
    """Return a figure, and 1, where it is defined; 0 and 0 elsewhere."""
    values = figure(counts)
    defined = np.isfinite(values)
    return np.stack([np.where(defined, values, 0.0), defined], axis=-1)


def _weighted_terms(figure: Callable, counts: np.ndarray) -> np.ndarray:
    """Return a figure as often as the class has rows, and these rows."""
    rows = _true(counts)
    return np.stack([np.where(rows > 0, figure(counts), 0.0) * rows, rows], axis=-1)


_OF_CLASS = {
    "precision": (_precision, _predicted),
    "recall": (_recall, _true),
    "f1": (_f1, _either),
    "jaccard": (_jaccard, _either),
}
_BEYOND = {"matthews": _matthews, "kappa": _kappa}


def _counts(tables: np.ndarray) -> np.ndarray:
    """Return the counts (..., n_classes, 3) of confusion matrices (..., n_classes, n_classes)."""
    correct = np.diagonal(tables, axis1=-2, axis2=-1)
    return np.stack([correct, tables.sum(axis=-1), tables.sum(axis=-2)], axis=-1).astype(float)


def _of_tables(figure: Callable, tables: np.ndarray) -> np.ndarray:
    return figure(_counts(tables))


def _beyond_of_tables(figure: Callable, tables: np.ndarray) -> np.ndarray:
    return figure(_chance_terms(_counts(tables)).sum(axis=-2))


# The figures of each class, and the rows that each rests on, of confusion matrices (..., n_classes, n_classes), rows true
# and columns predicted.
CLASS_FIGURES: dict[str, tuple[Callable, Callable]] = {
    name: (partial(_of_tables, figure), partial(_of_tables, rests_on))
    for name, (figure, rests_on) in _OF_CLASS.items()
}
# From -1 to 1, 0 by chance; of confusion matrices too.
BEYOND_CHANCE: dict[str, Callable] = {
    name: partial(_beyond_of_tables, figure) for name, figure in _BEYOND.items()
}
WEIGHTED = tuple(f"{name}_weighted" for name in CLASS_FIGURES)  # by the rows of each class
MEAN_FIGURES = ("accuracy", "balanced_accuracy", *CLASS_FIGURES, *BEYOND_CHANCE, *WEIGHTED)


# ---- counts of groups ----
class Counts(NamedTuple):
    """The counts of each class in each kind of group: only where there are any.

    Groups with the very same counts may be one kind, ``times`` says of how many groups (n_kinds,). A cell is a class in
    a kind of group, ``cells`` its counts, float64 of shape (n_cells, 3): rows told right, rows of the class, rows taken
    for it. ``kind`` and ``of_class``, which rises, say where a cell belongs; ``total`` holds the counts of all rows,
    (n_classes, 3).
    """

    cells: np.ndarray
    kind: np.ndarray
    of_class: np.ndarray
    times: np.ndarray
    total: np.ndarray

    def figure(self, name: str, k: int) -> Interval:
        """Return a figure of class ``k``, one of `CLASS_FIGURES`, over the groups that hold any row it rests on."""
        figure, rests_on = _OF_CLASS[name]
        own = slice(*np.searchsorted(self.of_class, [k, k + 1]))
        rows = rests_on(self.cells[own])
        holds = rows > 0
        if not holds.any():
            value, why = float(figure(self.total[k])), "No interval: there is no row to rest on."
            return Interval(value=value, low=np.nan, high=np.nan, n_groups=0, n_rows=0, note=why)
        times = self.times[self.kind[own]]
        return sums_interval(
            figure, self.cells[own][holds], times=times[holds], n_rows=round(float(times @ rows))
        )

    def mean(self, name: str) -> Interval:
        """Return a figure of all classes together, one of `MEAN_FIGURES`; see `mean_figure`."""
        n_rows, n_groups = round(float(_true(self.total).sum())), int(self.times.sum())
        if name == "accuracy" or name in WEIGHTED:  # every row counts alike
            terms: Callable = lambda counts: counts[..., :2]  # noqa: E731
            if name in WEIGHTED:
                terms = partial(_weighted_terms, _OF_CLASS[name.removesuffix("_weighted")][0])
            value, values, _ = self._left_out(terms, _ratio)
            return self._interval(value, values, n_groups=n_groups, n_rows=n_rows)

        figure, rests_on = _OF_CLASS.get("recall" if name == "balanced_accuracy" else name, (_recall, _true))
        terms = _chance_terms if name in _BEYOND else partial(_mean_terms, figure)
        value, values, gone = self._left_out(terms, _BEYOND.get(name, _ratio))
        holds = rests_on(self.cells) > 0
        holding = np.bincount(self.of_class[holds], self.times[self.kind[holds]], len(self.total))
        return self._interval(
            value,
            np.where(gone, np.nan, values),
            n_groups=n_groups,
            n_rows=n_rows,
            n_most=float(n_rows) if name in _BEYOND else even_rows(rests_on(self.total)),
            n_alike=even_rows(holding),
            bounds=(-1.0, 1.0) if name in _BEYOND else (0.0, 1.0),
        )

    def _interval(self, value: float, values: np.ndarray, *, n_groups: int, **said: Any) -> Interval:
        few = n_groups < FEWEST_GROUPS
        return jackknife_interval(
            value,
            np.empty(0) if few else values,
            times=None if few else self.times,
            n_groups=n_groups,
            points=np.repeat(values, self.times).tolist() if few else [],
            **said,
        )

    def _left_out(self, terms: Callable, figure: Callable) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the figure, those without each kind of group, and where a class is gone; those of the groups if few.

        Parameters
        ----------
        terms : callable
            Takes counts (..., 3) and returns the terms (..., n_terms) whose sums over classes make the figure.
        figure : callable
            Takes these sums (..., n_terms) and returns the figure.
        """
        whole, mine = terms(self.total), self.total[self.of_class]  # (n_classes, n_terms), (n_cells, 3)
        value = float(figure(whole.sum(axis=0)))
        n_present = int((_true(self.total) > 0).sum())
        if self.times.sum() < FEWEST_GROUPS:
            held = self._by_kind(_true(self.cells) > 0)
            return value, figure(self._by_kind(terms(self.cells))), held < n_present
        change = terms(mine - self.cells) - whole[self.of_class]
        gone = (_true(mine) > 0) & ~(_true(mine) > _true(self.cells))  # no fair comparison
        return value, figure(whole.sum(axis=0) + self._by_kind(change)), self._by_kind(gone) > 0

    def _by_kind(self, of_cell: np.ndarray) -> np.ndarray:
        """Return sums over the cells of each kind, (n_kinds,) or (n_kinds, n_terms)."""
        if of_cell.ndim == 1:
            return np.bincount(self.kind, of_cell, self.times.size)
        return np.stack([self._by_kind(column) for column in of_cell.T], axis=-1)


def class_counts(truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int) -> Counts:
    """Count the rows of each class in each group.

    Parameters
    ----------
    truth, predicted, groups, k
        As for `confusion_tables`.
    """
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    n_groups = int(group.max()) + 1
    if n_groups == group.size:  # rows with the same classes are the same kind of group
        pair, times = np.unique(truth * k + predicted, return_counts=True)
        return _gathered(*np.divmod(pair, k), np.arange(pair.size), times, k)
    return _gathered(truth, predicted, group, np.ones(n_groups, np.int64), k)


def _gathered(
    truth: np.ndarray, predicted: np.ndarray, kind: np.ndarray, times: np.ndarray, k: int
) -> Counts:
    """Return the counts of rows that belong to a kind of group."""
    of_true, of_predicted = truth * times.size + kind, predicted * times.size + kind
    n, n_places = truth.size, k * times.size
    if n_places <= MOST_EMPTY * n:
        counts = [np.bincount(which, minlength=n_places) for which in (of_true, of_predicted)]
        found = np.flatnonzero(counts[0] + counts[1])
        place = np.zeros(n_places, np.int64)
        place[found] = np.arange(found.size)
        of_true, of_predicted = place[of_true], place[of_predicted]
    else:
        found, inverse = np.unique(np.concatenate([of_true, of_predicted]), return_inverse=True)
        of_true, of_predicted = inverse.reshape(-1)[:n], inverse.reshape(-1)[n:]
    chosen = (of_true[truth == predicted], of_true, of_predicted)
    cells = np.stack([np.bincount(which, minlength=found.size) for which in chosen], axis=1).astype(float)
    of_class, of_kind = np.divmod(found, times.size)
    return _summed(cells, of_kind, of_class, times, k)


def _summed(cells: np.ndarray, kind: np.ndarray, of_class: np.ndarray, times: np.ndarray, k: int) -> Counts:
    total = np.stack([np.bincount(of_class, times[kind] * column, k) for column in cells.T], axis=1)
    return Counts(cells, kind, of_class, times, total)


def _counts_of(tables: np.ndarray, times: np.ndarray) -> Counts:
    counts = np.moveaxis(_counts(tables), 1, 0)  # (n_classes, n_kinds, 3)
    of_class, kind = np.nonzero((counts > 0).any(axis=-1))
    return _summed(counts[of_class, kind], kind, of_class, np.asarray(times), tables.shape[-1])


# ---- of confusion tables ----
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
    return _counts_of(tables, times).figure(name, k)


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
    return _counts_of(tables, times).mean(name)


def mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = np.isfinite(values)
    return share_of(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def even_rows(counts: np.ndarray) -> float:
    """Return the number of classes times the harmonic mean of their counts, over classes that have any."""
    counts = counts[counts > 0]
    return float(counts.size**2 / (1 / counts).sum()) if counts.size else 0.0


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the classes in ``truth`` of the share that is predicted right, without an interval.

    Parameters
    ----------
    truth, predicted : ndarray of int64, shape (n_rows,)
        The number of the true and of the predicted class of each row, from 0.
    """
    k = int(max(truth.max(), predicted.max())) + 1
    table = np.bincount(truth * k + predicted, minlength=k * k).reshape(k, k)
    return float(mean_of_defined(_recall(_counts(table))))


def confusion_tables(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return confusion matrices, float64 of shape (n_kinds, k, k), and how many groups have each.

    Where each row is its own group, groups with the same cell are the same kind: at most k * k of them. For many classes
    `class_counts` says as much in little room.

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
