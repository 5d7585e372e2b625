"""Do groups last for stretches of time, and do rows that far apart still fall into groups? One population may drift."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from clew.samples import Samples
from clew.splits.apart import has_times

LASTING = (
    5.0  # rows: from such stretches on, rows depend on each other enough to be thinned; bursts are shorter
)
FEWEST_STRETCHES = 20  # with fewer, nothing can be told
REGULAR = 0.5  # share of steps like the usual one: rows follow each other through the record, no event called them up
ALIKE = 0.01  # steps that differ by less are alike
FORGOTTEN = 0.05  # an autocorrelation of the groups below it counts as none
FEWEST_PAIRS = 10  # of rows, to tell an autocorrelation from
THINNINGS = 3  # one row a stretch, beginning at other places; the median counts


def follows_time(samples: Samples, groups: np.ndarray) -> dict[str, float] | None:
    """Measure how much neighbours in time share a group, and for how long.

    Parameters
    ----------
    samples : Samples
    groups : ndarray of int, shape (n_rows,)
        Rows of negative ones do not count.

    Returns
    -------
    dict or None
        "share" of neighbours in time, at the same station (else in the same recording, or source), in one group; what is
        expected "by_chance", were the groups dealt anew within each; how many "rows" a stretch has, and of how many
        seconds it is ("lasts"); how many such "stretches" there are; how "regular" rows follow each other, the share of
        steps like the usual one. None where rows have no times or nothing to tell.

    Notes
    -----
    With r(k) the autocorrelation of the groups between rows that are k apart, a stretch has 1 + 2 (r(1) + r(2) + ...)
    rows: so many count as one independent row (Sokal, in Functional Integration, 1997, 131-192).
    """
    if not has_times(samples):
        return None
    whose = next((name for name in ("station", "recording", "source") if name in samples.origin), None)
    member = np.flatnonzero(groups >= 0)
    start = samples.origin["start"].to_numpy(np.float64)[member]
    of = np.zeros(member.size, np.int64) if whose is None else samples.origin[whose].factorize()[0][member]
    order = np.lexsort((start, of))
    start, of, group = start[order], of[order], groups[member][order]
    together = of[1:] == of[:-1]
    by_chance = _shared_by_chance(of, group)
    if together.sum() < FEWEST_PAIRS or not by_chance < 1:
        return None
    share = float((group[1:] == group[:-1])[together].mean())
    rows = _rows_a_stretch(of, group, by_chance)
    steps = np.diff(start)[together]
    usual = float(np.median(steps))
    lasts = rows * usual
    if not lasts > 0:
        return None
    stretches = float(np.unique((start - start.min()) // lasts).size)
    regular = float(np.mean(np.abs(steps - usual) <= ALIKE * usual))
    return {
        "share": share,
        "by_chance": by_chance,
        "rows": rows,
        "lasts": lasts,
        "stretches": stretches,
        "regular": regular,
    }


def _shared_by_chance(of: np.ndarray, group: np.ndarray) -> float:
    """Return how many pairs of rows of one station share a group, weighted as its neighbours are."""
    table = np.zeros((of.max(initial=0) + 1, group.max(initial=0) + 1))
    np.add.at(table, (of, group), 1)
    n = table.sum(axis=1)
    several = n > 1
    pairs = (table * (table - 1)).sum(axis=1)[several] / n[several]  # weight n - 1, of n (n - 1) pairs
    return float(pairs.sum() / (n[several] - 1).sum()) if several.any() else 1.0


def _rows_a_stretch(of: np.ndarray, group: np.ndarray, by_chance: float) -> float:
    """Return how many rows count as one independent row."""
    rows = 1.0
    for lag in range(1, len(group) // 2):
        together = of[lag:] == of[:-lag]
        if np.count_nonzero(together) < FEWEST_PAIRS:
            break
        share = (group[lag:] == group[:-lag])[together].mean()
        correlated = float(share - by_chance) / (1 - by_chance)
        if correlated <= FORGOTTEN:
            break
        rows += 2 * correlated
    return rows


def p_apart(
    samples: Samples,
    follows: dict[str, float] | None,
    p_of: Callable[[np.ndarray], float],
    *,
    random_state: int = 0,
) -> float | None:
    """Judge one row a stretch: do rows that no longer depend on each other fall into groups?

    Parameters
    ----------
    samples : Samples
    follows : dict or None
        Of `follows_time`.
    p_of : callable (rows) -> float
        The evidence of some rows, int64.
    random_state : int
        Which of several stations stands for a stretch.

    Returns
    -------
    float or None
        The median p of three thinnings; 1 with fewer than 20 stretches; None where groups do not last, or rows do not
        follow each other regularly: triggers are called up by what happens, and swarms of them are no drift.
    """
    if follows is None or follows["rows"] < LASTING or follows["regular"] < REGULAR:
        return None
    if follows["stretches"] < FEWEST_STRETCHES:
        return 1.0
    start = samples.origin["start"].to_numpy(np.float64)
    place = (start - start.min()) / follows["lasts"]
    drawn = np.random.default_rng(random_state).random(len(place))
    return float(np.median([p_of(_one_a_stretch(place + i / THINNINGS, drawn)) for i in range(THINNINGS)]))


def _one_a_stretch(place: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return the row in the middle of each stretch, rising; of several, such as those of other stations, one by lot."""
    stretch = np.floor(place)
    off = np.abs(place - stretch - 0.5).round(6)
    order = np.lexsort((drawn, off, stretch))
    return np.sort(order[np.append(True, np.diff(stretch[order]) > 0)])
