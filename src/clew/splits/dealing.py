"""Dealing rows into parts: singly, by whole groups, by blocks of an image, by stretches of time; arrays in, arrays out."""

from __future__ import annotations

import numpy as np

POOL = 64  # groups among which the sealed share is met as nearly as possible
N_STRATA = 10  # quantiles of a target that parts share evenly


def strata(labels: np.ndarray | None, target: np.ndarray | None) -> np.ndarray:
    """Return the number of the stratum of each row, int64: its class, or the tenth of the target that it lies in.

    Parameters
    ----------
    labels : ndarray of str, shape (n_rows,), or None
        "" counts as a class of its own; labels that are all alike are none.
    target : ndarray of float64, shape (n_rows,), or None
        NaN is a stratum of its own.

    Raises
    ------
    ValueError
        If both are None.
    """
    if labels is not None and (target is None or (labels != labels[0]).any()):
        return np.unique(labels, return_inverse=True)[1].reshape(-1)
    if target is None:
        raise ValueError("strata needs labels or a target")
    known = np.flatnonzero(np.isfinite(target))
    stratum = np.full(target.size, N_STRATA, np.int64)
    stratum[known[np.argsort(target[known], kind="stable")]] = (
        np.arange(known.size) * N_STRATA // max(known.size, 1)
    )
    return np.unique(stratum, return_inverse=True)[1].reshape(-1)


def deal_rows(stratum: np.ndarray, shares: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the part of each row, int64: shuffled, then dealt in turn by the shares, stratum after stratum.

    The turns are those of Webster's (Sainte-Laguë's) apportionment, so that any run of them is shared out well; with
    equal shares they are those of a game of cards. No part stays empty where there are as many rows.

    Parameters
    ----------
    stratum : ndarray of int64, shape (n_rows,)
    shares : ndarray of float64, shape (n_parts,)
        Above 0, with a sum of 1.
    """
    n_rows, n_parts = stratum.size, len(shares)
    order = random.permutation(n_rows)
    order = order[np.argsort(stratum[order], kind="stable")]
    many = np.ceil(n_rows * np.asarray(shares)).astype(int) + 1
    turn = np.concatenate([(np.arange(n) + 0.5) / share for n, share in zip(many, shares)])
    whose = np.repeat(np.arange(n_parts), many)[np.argsort(turn, kind="stable")][:n_rows]
    for lacking in np.setdiff1d(np.arange(n_parts), whose)[:n_rows]:
        largest = np.bincount(whose, minlength=n_parts).argmax()
        whose[np.flatnonzero(whose == largest)[-1]] = lacking
    part = np.empty(n_rows, np.int64)
    part[order] = whose
    return part


def deal_groups(
    group: np.ndarray, stratum: np.ndarray, shares: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Return the part of each row, int64: large groups first, each to the part that lacks its strata most.

    The cost of a choice is the growth of the squared counts of each stratum, relative to the part's share. No part
    stays empty where there are as many groups.

    Parameters
    ----------
    group : ndarray, shape (n_rows,)
        What stays together.
    stratum : ndarray of int64, shape (n_rows,)
    shares : ndarray of float64, shape (n_parts,)
        Above 0, with a sum of 1.
    """
    code = np.unique(group, return_inverse=True)[1].reshape(-1)
    counts = np.zeros((code.max() + 1, stratum.max() + 1))
    np.add.at(counts, (code, stratum), 1)
    weight = 1 / counts.sum(axis=0) ** 2
    shares = np.asarray(shares, np.float64)
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    held = np.zeros((len(shares), counts.shape[1]))
    part = np.empty(len(counts), np.int64)
    for i, unit in enumerate(order):
        cost = (2 * held * counts[unit] + counts[unit] ** 2) @ weight / shares
        filled = held.sum(axis=1)
        if len(order) - i <= (filled == 0).sum():  # the last groups go to whoever has none
            cost[filled > 0] = np.inf
        part[unit] = np.lexsort((filled / shares, cost))[0]
        held[part[unit]] += counts[unit]
    return part[code]


def blocks(places: np.ndarray, n_blocks: int) -> np.ndarray:
    """Return the block of each place, int64 of shape (n_rows,): halved along the longer side, again and again.

    Blocks hold the same number of rows, give or take one for each cut.

    Parameters
    ----------
    places : ndarray of float64, shape (n_rows, 2)
    """
    block = np.empty(len(places), np.int64)
    waiting = [(np.arange(len(places)), 0, n_blocks)]
    while waiting:
        rows, first, n = waiting.pop()
        if n == 1:
            block[rows] = first
            continue
        axis = int(np.argmax(np.ptp(places[rows], axis=0)))
        rows = rows[np.lexsort((places[rows, 1 - axis], places[rows, axis]))]
        n_first = n // 2
        cut = round(len(rows) * n_first / n)
        waiting += [(rows[:cut], first, n_first), (rows[cut:], first + n_first, n - n_first)]
    return block


def stretches(start: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the stretch of each row, int64 of shape (n_rows,): one after the other in time, by the shares of rows.

    Rows of the same time stay together, and no stretch stays empty.

    Parameters
    ----------
    start : ndarray of float64, shape (n_rows,)
        With as many different times as there are shares, at least.
    shares : ndarray of float64, shape (n_stretches,)
        Above 0, with a sum of 1.
    """
    _, time, held = np.unique(start, return_inverse=True, return_counts=True)
    n_times, n_cuts = len(held), len(shares) - 1
    border = np.append(0, np.cumsum(held))  # (n_times + 1,) rows before each time
    cut = nearest_border(border, np.cumsum(shares)[:-1] * start.size)
    at_least = np.arange(1, n_cuts + 1)
    cut = np.maximum.accumulate(np.maximum(cut, at_least) - at_least) + at_least
    cut = np.minimum(cut, n_times - n_cuts - 1 + at_least)
    return np.searchsorted(cut, time.reshape(-1), side="right")


def nearest_border(border: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the number of the border that is nearest to each of ``at``; ``border`` rises."""
    after = np.clip(np.searchsorted(border, at), 1, len(border) - 1)
    return after - (at - border[after - 1] < border[after] - at)


# ---- what is put aside ----
def seal_groups(group: np.ndarray, n_wanted: int, random: np.random.Generator) -> np.ndarray:
    """Return the sealed rows, bool of shape (n_rows,): whole groups, nearest to the wanted number.

    Groups come in random order. Beyond `POOL` of them, the first are taken until the next would be too many;
    among the others the sum that is nearest to what is left is found exactly (subset sums as bits of an int).
    """
    names, code, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = random.permutation(len(names))
    sure = 0
    if len(names) > POOL:
        sure = min(int(np.searchsorted(np.cumsum(sizes[order]), n_wanted, "right")), len(names) - POOL)
    taken = list(order[:sure])
    pool = order[sure : sure + POOL]
    held = int(sizes[taken].sum())

    reach = [1]  # bit s of reach[i]: some of the first i groups of the pool hold s rows together
    for size in sizes[pool]:
        reach.append(reach[-1] | reach[-1] << int(size))
    sums = [s for s, bit in enumerate(bin(reach[-1])[:1:-1]) if bit == "1"]
    allowed = [s for s in sums if 0 < held + s <= len(group) - 2]  # never empty: the smallest group will do
    rest = min(allowed, key=lambda s: abs(held + s - n_wanted))
    for i in range(len(pool) - 1, -1, -1):
        if not reach[i] >> rest & 1:  # the earlier groups cannot make it up without this one
            taken.append(pool[i])
            rest -= int(sizes[pool[i]])
    return np.isin(code, taken)


def seal_regions(places: np.ndarray, n_sealed: int, random: np.random.Generator) -> np.ndarray:
    """Return the sealed rows, bool of shape (n_rows,): the neighbours of one random row in each block."""
    n_regions = int(np.clip(round(n_sealed / 5), 1, 8))  # about five rows or more each
    block = blocks(places, n_regions)
    sealed = np.zeros(len(places), bool)
    for region in range(n_regions):
        size = round(n_sealed * (region + 1) / n_regions) - sealed.sum()
        rows = np.flatnonzero(block == region)
        centre = places[random.choice(rows)]
        nearest = np.argsort(((places[rows] - centre) ** 2).sum(axis=1), kind="stable")
        sealed[rows[nearest[:size]]] = True
    return sealed


def seal_stretches(
    start: np.ndarray, n_sealed: int, n_stretches: int, random: np.random.Generator
) -> np.ndarray:
    """Return the sealed rows, bool of shape (n_rows,): one stretch somewhere in each of equal parts of the record.

    Rows of the same time are sealed together.
    """
    _, time, held = np.unique(start, return_inverse=True, return_counts=True)
    border = np.append(0, np.cumsum(held))  # rows before each time
    sealed = np.zeros(len(held), bool)
    periods, sizes = (np.rint(np.linspace(0, n, n_stretches + 1)).astype(int) for n in (start.size, n_sealed))
    for begin, end, size in zip(periods[:-1], periods[1:], np.diff(sizes)):
        at = begin + random.integers(0, max(end - begin - size, 0) + 1)
        first, last = nearest_border(border, np.array([at, at + size]))
        first = min(first, len(held) - 1)
        sealed[first : max(last, first + 1)] = True
    return sealed[time.reshape(-1)]


def seal_latest(start: np.ndarray, n_sealed: int) -> np.ndarray:
    """Return the sealed rows, bool of shape (n_rows,): the latest, those of the same time together."""
    return stretches(start, np.array([1 - n_sealed / start.size, n_sealed / start.size])) == 1
