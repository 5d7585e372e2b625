"""How well does a score put rows of a class before the others? Areas under curves, with intervals over groups.

Leaving a group out takes its pairs away from all pairs, so that the areas without each of thousands of groups cost
little more than the area itself, and equal those of the other rows exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clew.figures import even_rows, mean_of_defined, share_of
from clew.intervals import FEWEST_GROUPS, Interval, jackknife_interval

RANKED = ("roc_auc", "pr_auc")


class Areas(NamedTuple):
    """The areas of each class against the rest: on all rows, and without each group.

    ``value`` is float64 of shape (n_classes,), ``without`` (n_groups, n_classes); NaN where a class, or all but it,
    has no rows.
    """

    value: np.ndarray
    without: np.ndarray


def ranked_figures(
    truth: np.ndarray, probability: np.ndarray, groups: np.ndarray
) -> tuple[dict[str, Interval], list[dict[str, Interval]]]:
    """Return ROC AUC and PR AUC: the means over classes, and those of each class against the rest.

    Parameters
    ----------
    truth : ndarray of int64, shape (n_rows,)
        The number of the class of each row.
    probability : ndarray of float64, shape (n_rows, n_classes)
        The predicted probability of each class, or any score that is larger for the surer rows.
    groups : ndarray, shape (n_rows,)
        The unit of independence of each row.

    Returns
    -------
    means : dict of str to Interval
        "roc_auc" and "pr_auc": means over the classes for which they are defined.
    per_class : list of dict
        The same of each class, in the order of the columns.

    Notes
    -----
    ROC AUC is the share of pairs, a row of the class and one of another, in which the first has the larger score;
    ties count half (Hanley & McNeil, Radiology 143 (1982), doi:10.1148/radiology.143.1.7063747). PR AUC is average
    precision: the mean, over the rows of the class, of the precision among all rows with as large a score. By chance
    ROC AUC is 0.5, PR AUC the share of the class.
    """
    group = np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    n_groups, n_classes = int(group.max()) + 1, probability.shape[1]
    positive = truth[:, None] == np.arange(n_classes)
    found = _areas(positive, probability, group, n_groups)
    points = [
        _areas(positive[own], probability[own], group[own] * 0, 1)
        for own in (group == g for g in range(n_groups if 1 < n_groups < FEWEST_GROUPS else 0))
    ]
    rows, holding = _held(positive, group, n_groups)
    means, per_class = {}, [dict[str, Interval]() for _ in range(n_classes)]
    for name in RANKED:
        value, without = found[name]
        seen = [one[name].value for one in points]
        gone = (np.isnan(without) & np.isfinite(value)).any(axis=1)  # a class went with the group
        means[name] = jackknife_interval(
            float(mean_of_defined(value)),
            np.where(gone, np.nan, mean_of_defined(without)),
            n_groups=n_groups,
            n_rows=len(truth),
            n_most=even_rows(rows[:, 0]),
            n_alike=even_rows(holding[:, 0]),
            points=[float(mean_of_defined(each)) for each in seen],
        )
        for k in range(n_classes):
            per_class[k][name] = _of_class(k, found[name], rows[k], holding[k], n_groups, seen)
    return means, per_class


def roc_auc(positive: np.ndarray, score: np.ndarray, *, groups: np.ndarray) -> Interval:
    """Return the ROC AUC of one score with its interval over groups.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_rows,)
        The rows that should have the larger scores.
    score : ndarray of float64, shape (n_rows,)
    groups : ndarray, shape (n_rows,)
        The unit of independence of each row.
    """
    truth, two = np.asarray(positive, bool).astype(np.int64), np.column_stack([-score, score])
    return ranked_figures(truth, two, groups)[1][1]["roc_auc"]


def _held(positive: np.ndarray, group: np.ndarray, n_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows, and the groups that hold any, of each class and of all but it; (n_classes, 2) both."""
    rows = np.stack([positive.sum(axis=0), (~positive).sum(axis=0)], axis=1)
    holding = np.zeros_like(rows)
    for k, own in enumerate(positive.T):
        holding[k] = [np.unique(group[part]).size for part in (own, ~own)]
    return rows, holding


def _of_class(
    k: int, areas: Areas, rows: np.ndarray, holding: np.ndarray, n_groups: int, points: list[np.ndarray]
) -> Interval:
    """Return the area of one class; without an interval where too few groups hold the class, or anything else."""
    value = float(areas.value[k])
    if np.isfinite(value) and holding.min() < FEWEST_GROUPS <= n_groups:
        n, what = int(holding.min()), "this class" if holding[0] <= holding[1] else "any other class"
        note = f"No interval: only {n} group{'s hold' if n > 1 else ' holds'} {what}."
        return Interval(value=value, low=np.nan, high=np.nan, n_groups=n_groups, n_rows=int(rows.sum()), note=note)  # fmt: skip
    return jackknife_interval(
        value,
        areas.without[:, k],
        n_groups=n_groups,
        n_rows=int(rows.sum()),
        n_most=even_rows(rows),
        n_alike=even_rows(holding),
        points=[float(each[k]) for each in points],
    )


def _areas(positive: np.ndarray, score: np.ndarray, group: np.ndarray, n_groups: int) -> dict[str, Areas]:
    """Return the areas of each class; (n_rows, n_classes) of bool and float64, groups from 0."""
    n_classes = positive.shape[1]
    n_left = n_groups if n_groups >= FEWEST_GROUPS else 0  # with fewer nothing is left out
    found = {name: Areas(np.full(n_classes, np.nan), np.full((n_left, n_classes), np.nan)) for name in RANKED}
    for k in range(n_classes):
        one = _Ranked(positive[:, k], score[:, k], group, n_left)
        for name, of_class in (("roc_auc", one.roc), ("pr_auc", one.precision)):
            found[name].value[k], found[name].without[:, k] = of_class()
    if n_classes == 2:  # the same pairs; rounding must not break ties in one column only
        found["roc_auc"].value[0] = found["roc_auc"].value[1]
        found["roc_auc"].without[:, 0] = found["roc_auc"].without[:, 1]
    return found


class _Ranked:
    """Rows by score, and for each group its cells: what it holds at each of the scores that it has.

    Scores are numbered from the largest: level 0, 1, ...
    """

    def __init__(self, positive: np.ndarray, score: np.ndarray, group: np.ndarray, n_groups: int) -> None:
        level = np.unique(-score, return_inverse=True)[1].reshape(-1)
        n_levels = int(level.max()) + 1
        self.positives = np.bincount(level, positive, n_levels)  # (n_levels,)
        self.rows = np.bincount(level, minlength=n_levels).astype(float)
        self.positives_upto, self.rows_upto = np.cumsum(self.positives), np.cumsum(self.rows)
        self.n_groups, self.n_levels = n_groups, n_levels
        if not n_groups:
            return
        cells, cell = np.unique(group * n_levels + level, return_inverse=True)
        self.cell_group, self.cell_level = np.divmod(cells, n_levels)
        self.cell_positives = np.bincount(cell.reshape(-1), positive, cells.size)  # (n_cells,)
        self.cell_rows = np.bincount(cell.reshape(-1), minlength=cells.size).astype(float)
        self.cell_start = np.searchsorted(
            self.cell_group, np.arange(n_groups)
        )  # the first cell of each group
        self.group_positives = self._by_group(self.cell_positives)
        self.group_rows = self._by_group(self.cell_rows)

    def _by_group(self, of_cell: np.ndarray) -> np.ndarray:
        return np.bincount(self.cell_group, of_cell, self.n_groups)

    def _upto(self, of_cell: np.ndarray) -> np.ndarray:
        """Return the sum within each cell's group, up to and with the cell."""
        total = np.cumsum(of_cell)
        return total - (total - of_cell)[self.cell_start][self.cell_group]

    # ---- ROC ----
    def roc(self) -> tuple[float, np.ndarray]:
        """Return the ROC AUC, and those without each group: all pairs less the pairs that hold a row of it."""
        others, others_upto = self.rows - self.positives, self.rows_upto - self.positives_upto
        n_positives, n_others = self.positives_upto[-1], others_upto[-1]
        others_below = n_others - others_upto + others / 2  # (n_levels,), ties by half
        won = self.positives @ others_below
        value = float(share_of(won, n_positives * n_others))
        if not self.n_groups:
            return value, np.empty(0)
        positives_above = self.positives_upto - self.positives / 2
        own, own_others = self.cell_positives, self.cell_rows - self.cell_positives
        touched = own * others_below[self.cell_level] + own_others * positives_above[self.cell_level]
        inside = own_others * (self._upto(own) - own / 2)  # counted twice above
        left = won - self._by_group(touched) + self._by_group(inside)
        pairs = (n_positives - self.group_positives) * (n_others - self.group_rows + self.group_positives)
        return value, share_of(left, pairs)

    # ---- average precision ----
    def precision(self) -> tuple[float, np.ndarray]:
        """Return average precision, and those without each group.

        A group with few rows takes 0, 1, 2 ... rows away from stretches of the levels, so running sums for each of
        these numbers serve all such groups; a large group is taken away from all levels. The size at which the
        second becomes cheaper is chosen by counting.
        """
        n_positives = self.positives_upto[-1]
        value = share_of(self.positives @ (self.positives_upto / self.rows_upto), n_positives)
        if not self.n_groups:
            return float(value), np.empty(0)
        sizes, times = np.unique(self.group_rows, return_counts=True)
        larger = self.n_groups - np.cumsum(times)  # groups that are larger than each size
        costs = np.concatenate([[self.n_groups], sizes + larger])
        small = np.concatenate([[0.0], sizes])[np.argmin(costs)]
        total = self._small_left_out(self.group_rows <= small)
        for g in np.flatnonzero(self.group_rows > small).tolist():
            total[g] = self._large_left_out(g)
        return float(value), share_of(total, n_positives - self.group_positives)

    def _large_left_out(self, g: int) -> float:
        own = slice(self.cell_start[g], self.cell_start[g + 1] if g + 1 < self.n_groups else None)
        positives, rows = self.positives.copy(), self.rows.copy()
        positives[self.cell_level[own]] -= self.cell_positives[own]
        rows[self.cell_level[own]] -= self.cell_rows[own]
        above = np.cumsum(rows)
        return float(positives @ (np.cumsum(positives) / np.maximum(above, 1)))

    def _small_left_out(self, small: np.ndarray) -> np.ndarray:
        """Return the sum of precision over the positive rows that are left, (n_groups,); 0 for groups not small."""
        chosen = np.flatnonzero(small[self.cell_group])
        group, level = self.cell_group[chosen], self.cell_level[chosen]
        own, taken = self.cell_positives[chosen], self._upto(self.cell_positives)[chosen]
        removed = self._upto(self.cell_rows)[chosen].astype(np.int64)
        last = np.append(group[1:] != group[:-1], True)[: len(group)]
        end = np.where(last, self.n_levels, np.append(level[1:], 0)[: len(level)])
        precision, weight = self._running(0)
        total = np.zeros(self.n_groups)
        first = self.cell_start[small]
        total[small] = precision[self.cell_level[first]]  # down to the first cell nothing is missing
        order = np.argsort(removed, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(removed[order])) + 1):
            if not part.size:
                continue
            precision, weight = self._running(int(removed[part[0]]))
            a, b = level[part], end[part]
            here = precision[b] - precision[a] - taken[part] * (weight[b] - weight[a])
            rows = np.maximum(self.rows_upto[a] - removed[part], 1)
            here -= own[part] * (self.positives_upto[a] - taken[part]) / rows
            total += np.bincount(group[part], here, self.n_groups)
        return total

    def _running(self, removed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return running sums over the levels, (n_levels + 1,), of precision and of 1 over rows with ``removed`` rows less."""
        rows = self.rows_upto - removed
        weight = np.divide(self.positives, rows, out=np.zeros(self.n_levels), where=rows > 0)
        sums = np.zeros((2, self.n_levels + 1))
        np.cumsum(weight * self.positives_upto, out=sums[0, 1:])
        np.cumsum(weight, out=sums[1, 1:])
        return sums[0], sums[1]
