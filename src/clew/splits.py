"""Which rows train and which test, and which are sealed: rows that resemble each other stay together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.result import Result
from clew.samples import Samples

By = Literal["auto", "group", "space", "row"]
MOST_BLOCKS = 20  # of one image, as units of an interval
MISSED = 0.1  # difference between the sealed and the asked share that is said first
POOL = 64  # groups among which the sealed share is met as nearly as possible


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Folds(Result):
    """The parts of a cross-validation: each row is tested once, but for painted pixels that cannot be.

    Parameters
    ----------
    train, test : ndarray of bool, shape (n_folds, n_rows)
        The rows that train and that test in each fold; with a gap, some rows do neither.
    by : str
        What keeps them apart: "group", "space" or "row"; of painted pixels "stroke", "region" or "image".
    reason : str
        A sentence that says how the rows were divided, and what to mind.
    gap : float
        The distance in px below which a row beside a test row does not train; 0 where there is none. Of painted
        pixels the reach of the largest filter, along the axis where it is longest.
    """

    train: np.ndarray
    test: np.ndarray
    by: str
    reason: str
    gap: float = 0.0

    @property
    def n_folds(self) -> int:
        """Return the number of folds."""
        return len(self.test)

    def headline(self) -> str:
        """Say how the rows were divided."""
        return self.reason

    def summary(self) -> dict[str, Any]:
        """Return how the rows were divided."""
        return {"by": self.by, "reason": self.reason, "folds": self.n_folds, "gap": self.gap}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Seal(Result):
    """The rows that are put aside until the end.

    Parameters
    ----------
    sealed : ndarray of bool, shape (n_rows,)
        True for sealed rows.
    by : str
        What was sealed as a whole: "group", "space" or "row".
    reason : str
        A sentence that says what was sealed, and what to mind.
    """

    sealed: np.ndarray
    by: str
    reason: str

    def headline(self) -> str:
        """Say what was sealed."""
        return self.reason

    def summary(self) -> dict[str, Any]:
        """Return how many rows were sealed and how."""
        return {
            "sealed": int(self.sealed.sum()),
            "rows": int(self.sealed.size),
            "by": self.by,
            "reason": self.reason,
        }


def folds(
    samples: Samples,
    *,
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
) -> Folds:
    """Divide rows for cross-validation, so that rows which resemble each other are not on both sides.

    Parameters
    ----------
    samples : Samples
        Its groups, its places in an image (``centroid_row`` and ``centroid_col`` of `origin`, in px) and its
        labels are used; labels are spread evenly as far as groups allow.
    n_folds : int
        The number of parts; lowered to the number of groups or rows where these are fewer, and said.
    by : {"auto", "group", "space", "row"}
        What is kept together. "auto": groups where there are several with several rows, blocks of the image
        where all rows come from one, single rows where each row is a group of its own.
    gap : float, optional
        By space only: training rows nearer than this to a test row are left out, in px; the median distance
        between nearest neighbours by default.
    random_state : int
        Decides among equal choices, and which rows go together by row. By space, nothing is left to chance.

    Raises
    ------
    SettingError
        If `n_folds` is below 2, `gap` is negative or given for another division than by space.
    DataError
        If the rows do not allow two folds, or not this kind of division.
    """
    check(
        isinstance(n_folds, (int, np.integer)) and n_folds >= 2,
        SettingError,
        "The 'n_folds' of folds must be an int of at least 2. Got {} instead.",
        n_folds,
    )
    by_now = _resolve(samples, by, of="folds")
    check(
        gap is None or (by_now == "space" and 0 <= gap < np.inf),
        SettingError,
        "The 'gap' of folds must be a distance of at least 0 px, for a division by space. Got {} by {} instead.",
        gap,
        by_now,
    )
    settings = {"n_folds": int(n_folds), "by": by, "gap": gap, "random_state": random_state}
    random = np.random.default_rng(random_state)
    units = samples.n_groups if by_now == "group" else samples.n_rows
    n = min(int(n_folds), units)
    check(
        n >= 2,
        DataError,
        "Cross-validation by {} must have at least 2 {}s to divide. Got {} instead.",
        by_now,
        "group" if by_now == "group" else "row",
        units,
    )
    if by_now == "group":
        part = _deal_groups(samples, n, random)
    elif by_now == "space":
        part = _blocks(_positions(samples), n)
    else:
        part = _deal_rows(samples, n, random)
    test = part == np.arange(n)[:, None]  # (n_folds, n_rows)
    train, kept = ~test, 0.0
    if by_now == "space":
        train, kept = _leave_gap(_positions(samples), test, gap)
    reason = _folds_reason(samples, by_now, n, int(n_folds), kept) + _missing_classes(samples, train, test)
    return Folds(train=train, test=test, by=by_now, reason=reason, gap=kept, settings=settings)


def seal(samples: Samples, *, share: float = 0.2, by: By = "auto", random_state: int = 0) -> Seal:
    """Choose the rows that are put aside until the end.

    Parameters
    ----------
    samples : Samples
        Its groups and its places in an image are used; its labels are not.
    share : float
        The share of rows to seal, from 0 to 0.9. Whole groups come as near to it as they allow; at least one
        row is sealed unless it is 0, and at least two stay open.
    by : {"auto", "group", "space", "row"}
        What is sealed as a whole; "auto" decides as `folds` does. By space, several small regions are sealed,
        one in each part of the image, since neighbours resemble each other and one corner is not the image.
    random_state : int
        Decides which groups, regions or rows.

    Raises
    ------
    SettingError
        If `share` is not from 0 to 0.9.
    DataError
        If the rows or groups are too few to be divided.
    """
    check(
        0 <= share <= 0.9,
        SettingError,
        "The 'share' of seal must be a number from 0 to 0.9. Got {} instead.",
        share,
    )
    settings = {"share": float(share), "by": by, "random_state": random_state}
    n_rows = samples.n_rows
    if share == 0:
        return Seal(
            sealed=np.zeros(n_rows, bool), by="row", reason="No row is sealed, as asked.", settings=settings
        )
    by_now = _resolve(samples, by, of="seal")
    check(n_rows >= 3, DataError, "Sealing must have at least 3 rows to divide. Got {} instead.", n_rows)
    random = np.random.default_rng(random_state)
    n_sealed = min(max(round(share * n_rows), 1), n_rows - 2)
    if by_now == "group":
        sealed = _seal_groups(samples.group, n_sealed, random)
    elif by_now == "space":
        sealed = _seal_regions(_positions(samples), n_sealed, random)
    else:
        sealed = np.zeros(n_rows, bool)
        sealed[random.permutation(n_rows)[:n_sealed]] = True
    return Seal(
        sealed=sealed, by=by_now, reason=_seal_reason(samples, by_now, sealed, share), settings=settings
    )


# ---- which kind of division ----
def _resolve(samples: Samples, by: By, *, of: str) -> Literal["group", "space", "row"]:
    check_choice(by, ["auto", "group", "space", "row"], what="'by' setting", of=of)
    n_groups, n_rows = samples.n_groups, samples.n_rows
    if by == "auto":
        if n_groups == n_rows:
            return "row"
        if n_groups > 1:
            return "group"
        check(
            _has_places(samples),
            DataError,
            "The rows of {} must come from several groups or have a place in one image. Got {} rows of the one group"
            " '{}' instead; 'by' may be 'row', which flatters the figures.",
            of,
            n_rows,
            samples.group[0],
        )
        return "space"
    if by == "group":
        check(
            n_groups > 1,
            DataError,
            "Division by group must have at least 2 groups. Got {} instead.",
            n_groups,
        )
    if by == "space":
        check(
            _has_places(samples),
            DataError,
            "Division by space must have rows of one image, with centroid_row and centroid_col. Got {} instead.",
            f"{samples.origin['source'].nunique()} sources"
            if "centroid_row" in samples.origin
            else "rows without",
        )
    return by


def _has_places(samples: Samples) -> bool:
    origin = samples.origin
    if not {"source", "centroid_row", "centroid_col"} <= set(origin.columns):
        return False
    return bool(origin["source"].nunique() == 1 and np.isfinite(_positions(samples)).all())


def _positions(samples: Samples) -> np.ndarray:
    """Return row and column of each sample in its image, float64 of shape (n_rows, 2), in px."""
    return samples.origin[["centroid_row", "centroid_col"]].to_numpy(dtype=np.float64)


def units(samples: Samples) -> tuple[np.ndarray, str]:
    """Return what an interval must take as independent: groups, blocks of one image, or single rows.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    unit : ndarray of str, shape (n_rows,)
        The groups where there are several; blocks of some 5 neighbours, 20 at most, where all rows come from one
        image and make at least 2 blocks; each row by itself otherwise.
    caveat : str
        What the interval says nothing about; "" where the groups are real ones.
    """
    if samples.n_groups > 1:
        return samples.group, ""
    n_blocks = min(samples.n_rows // 5, MOST_BLOCKS)
    if n_blocks >= 2 and _has_places(samples):
        caveat = f"All rows come from one image: intervals are over {n_blocks} blocks of it and say nothing about other images."
        return _blocks(_positions(samples), n_blocks).astype(str), caveat
    caveat = "All rows come from one source: intervals take them as independent and say nothing about other sources."
    return samples.sample, caveat


# ---- folds ----
def _classes(samples: Samples) -> np.ndarray:
    """Return the number of each row's class, int of shape (n_rows,); all 0 without labels."""
    if samples.labels is None:
        return np.zeros(samples.n_rows, np.int64)
    return np.unique(samples.labels, return_inverse=True)[1].reshape(-1)


def _deal_rows(samples: Samples, n_folds: int, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each row: shuffled, then dealt like cards, class after class."""
    order = random.permutation(samples.n_rows)
    order = order[np.argsort(_classes(samples)[order], kind="stable")]
    part = np.empty(samples.n_rows, np.int64)
    part[order] = np.arange(samples.n_rows) % n_folds
    return part


def _deal_groups(samples: Samples, n_folds: int, random: np.random.Generator) -> np.ndarray:
    """Return the fold of each row: large groups first, each to the fold that lacks its classes most.

    The cost of a choice is the growth of the squared class counts, each relative to its even share. An empty
    fold always costs least, so no fold stays empty.
    """
    group = np.unique(samples.group, return_inverse=True)[1].reshape(-1)
    classes = _classes(samples)
    counts = np.zeros((group.max() + 1, classes.max() + 1))
    np.add.at(counts, (group, classes), 1)
    weight = (n_folds / counts.sum(axis=0)) ** 2
    order = random.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    held = np.zeros((n_folds, counts.shape[1]))
    fold = np.empty(len(counts), np.int64)
    for unit in order:
        cost = (2 * held * counts[unit] + counts[unit] ** 2) @ weight
        fold[unit] = np.lexsort((held.sum(axis=1), cost))[0]
        held[fold[unit]] += counts[unit]
    return fold[group]


def _blocks(positions: np.ndarray, n_blocks: int) -> np.ndarray:
    """Return the block of each position, int of shape (n_rows,): halved along the longer side, again and again.

    Blocks hold the same number of rows, give or take one for each cut.
    """
    block = np.empty(len(positions), np.int64)
    waiting = [(np.arange(len(positions)), 0, n_blocks)]
    while waiting:
        rows, first, n = waiting.pop()
        if n == 1:
            block[rows] = first
            continue
        axis = int(np.argmax(np.ptp(positions[rows], axis=0)))
        rows = rows[np.lexsort((positions[rows, 1 - axis], positions[rows, axis]))]
        n_first = n // 2
        cut = round(len(rows) * n_first / n)
        waiting += [(rows[:cut], first, n_first), (rows[cut:], first + n_first, n - n_first)]
    return block


def _leave_gap(positions: np.ndarray, test: np.ndarray, gap: float | None) -> tuple[np.ndarray, float]:
    """Return the training rows, bool of shape (n_folds, n_rows), that keep the gap to every test row."""
    from scipy.spatial import cKDTree

    if gap is None:
        gap = float(np.median(cKDTree(positions).query(positions, k=2)[0][:, 1]))
    train = ~test
    for fold, tested in enumerate(test):
        distance = cKDTree(positions[tested]).query(positions)[0]
        train[fold] &= distance >= gap
    check(
        train.any(axis=1).all(),
        SettingError,
        "The 'gap' of folds must leave training rows in every fold. Got {:g} px instead, which leaves none.",
        gap,
    )
    return train, gap


def _folds_reason(samples: Samples, by: str, n: int, wanted: int, gap: float) -> str:
    fewer = f" instead of {wanted}, as there are no more" if n < wanted else ""
    if by == "group":
        return (
            f"{n} folds{fewer} by group: no group is both trained and tested on ({samples.n_groups} groups)."
        )
    if by == "space":
        return (
            f"{n} folds{fewer} by space: all rows come from one image, so blocks of it are tested in turn, and rows"
            f" nearer than {gap:.3g} px to them do not train. Other images may differ more."
        )
    text = f"{n} folds{fewer} by row"
    if samples.n_groups == samples.n_rows:
        return f"{text}: each row stands for itself."
    return f"{text}, as asked: rows of one group are trained and tested on, which flatters the figures."


def _missing_classes(samples: Samples, train: np.ndarray, test: np.ndarray) -> str:
    """Return a sentence on classes that a fold does not train or test, or an empty string."""
    if samples.labels is None:
        return ""
    text = ""
    for part, does in ((train, "train"), (test, "test")):
        lacking = [
            str(name)
            for name in np.unique(samples.labels)
            if name and not (part & (samples.labels == name)).any(axis=1).all()
        ]
        if lacking:
            text += f" Not every fold could {does} on: {', '.join(lacking)}."
    return text


# ---- seal ----
def _seal_groups(group: np.ndarray, n_wanted: int, random: np.random.Generator) -> np.ndarray:
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


def _seal_regions(positions: np.ndarray, n_sealed: int, random: np.random.Generator) -> np.ndarray:
    """Return the sealed rows, bool of shape (n_rows,): the neighbours of one random row in each block."""
    n_regions = int(np.clip(round(n_sealed / 5), 1, 8))  # about five rows or more each
    block = _blocks(positions, n_regions)
    sealed = np.zeros(len(positions), bool)
    for region in range(n_regions):
        size = round(n_sealed * (region + 1) / n_regions) - sealed.sum()
        rows = np.flatnonzero(block == region)
        centre = positions[random.choice(rows)]
        nearest = np.argsort(((positions[rows] - centre) ** 2).sum(axis=1), kind="stable")
        sealed[rows[nearest[:size]]] = True
    return sealed


def _seal_reason(samples: Samples, by: str, sealed: np.ndarray, share: float) -> str:
    text = f"{sealed.sum()} of {sealed.size} rows are sealed ({sealed.mean():.0%}, asked for {share:.0%})"
    if abs(sealed.mean() - share) > MISSED:
        whole = "whole groups" if by == "group" else "so few rows"
        text = (
            f"{sealed.mean():.0%} of the rows are sealed instead of the {share:.0%} asked for, as {whole} come no nearer"
            f" ({sealed.sum()} of {sealed.size} rows)"
        )
    if by == "group":
        n_sealed = len(np.unique(samples.group[sealed]))
        return f"{text}: {n_sealed} of {samples.n_groups} groups, each as a whole."
    if by == "space":
        return (
            f"{text}: regions spread over the image. Neighbours of sealed regions stay open, so that the final test is"
            " easier than another image would be."
        )
    if samples.n_groups == samples.n_rows:
        return f"{text}, at random: each row stands for itself."
    return f"{text}, at random as asked: rows of one group are open and sealed, which flatters the figures."


def spread_over_groups(group: np.ndarray, n_rows: int, *, random_state: int = 0) -> np.ndarray:
    """Choose rows to stand for all: of every group its share, drawn at random, and one of each as long as there is room.

    Parameters
    ----------
    group : ndarray of str, shape (n_all,)
        Where rows come from.
    n_rows : int
        How many to choose; all if there are no more.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
        Rising.
    """
    n_all = len(group)
    if n_rows >= n_all:
        return np.arange(n_all)
    rng = np.random.default_rng(random_state)
    _, of, sizes = np.unique(group, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(n_all)
    by_group = shuffled[np.argsort(of[shuffled], kind="stable")]
    within = np.arange(n_all) - np.repeat(
        np.cumsum(sizes) - sizes, sizes
    )  # the how-manieth of its group, at random
    first = within == 0
    # Rows at equal distances along their group, so that each prefix holds every group by its share; the first of all come first.
    place = np.where(first, -1.0, (within + rng.random(len(sizes))[of[by_group]]) / np.repeat(sizes, sizes))
    order = np.lexsort((rng.random(n_all), place))
    return np.sort(by_group[order[:n_rows]])
