"""Which rows train and which test, and which are sealed: rows that resemble each other stay together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.result import Result
from clew.samples import Samples
from clew.splits.apart import (
    Spans,
    far,
    has_places,
    has_times,
    positions,
    spans,
    spell_time,
    time_gap,
    times,
)
from clew.splits.dealing import (
    blocks,
    deal_groups,
    deal_rows,
    seal_groups,
    seal_latest,
    seal_regions,
    seal_stretches,
    strata,
    stretches,
)
from clew.splits.dividing import (
    By,
    Sealing,
    Way,
    check_gap,
    count_units,
    gap_of,
    gap_said,
    how_divided,
    missing_classes,
    seal_reason,
    shared_said,
    spell_gap,
    torn_groups,
    way_to_divide,
)

PARTS = ("train", "validation", "test")
MOST_BLOCKS = 20  # of one image or of one record, as units of an interval
FEWEST_STRETCHES = 5  # of one record, as units of an interval, even if that makes them short
GAPS_A_UNIT = 3  # a stretch that is a unit of an interval lasts so many gaps, or intervals are too narrow
MOST_REGIONS = 8  # stretches of time that are sealed
OVERLAP = "a sealed one of the same recording"  # what the sentence on open rows that overlap sealed ones says
GAPS_A_STRETCH = 10  # a sealed stretch lasts so many gaps where it can: few of its rows are near open ones


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Folds(Result):
    """The parts of a cross-validation: each row is tested once, but for painted pixels that cannot be.

    Parameters
    ----------
    train, test : ndarray of bool, shape (n_folds, n_rows)
        The rows that train and that test in each fold; with a gap, some rows do neither.
    by : str
        What keeps them apart: "group", "time", "space" or "row"; of painted pixels "stroke", "region" or "image".
    reason : str
        Sentences that say how the rows were divided, and what to mind.
    gap : float
        The distance below which a row beside a test row does not train, in s by time and in px by space; 0 where
        there is none. Of painted pixels the reach of the largest filter, along the axis where it is longest.
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
class Parts(Result):
    """One division of rows: some train, some choose among models, some test.

    Parameters
    ----------
    rows : ndarray of bool, shape (3, n_rows)
        The rows of each part; with a gap, some rows are in none.
    names : list of str
        "train", "validation" and "test".
    by : str
        What keeps them apart: "group", "time", "latest", "space" or "row".
    reason : str
        Sentences that say how the rows were divided, and what to mind.
    gap : float
        The least distance between rows of different parts, in s by time and in px by space; 0 where there is none.
    """

    rows: np.ndarray
    names: list[str]
    by: str
    reason: str
    gap: float = 0.0

    @property
    def train(self) -> np.ndarray:
        """Return the rows that train, bool of shape (n_rows,)."""
        return self.rows[0]

    @property
    def validation(self) -> np.ndarray:
        """Return the rows that choose among models, bool of shape (n_rows,)."""
        return self.rows[1]

    @property
    def test(self) -> np.ndarray:
        """Return the rows that test, bool of shape (n_rows,)."""
        return self.rows[2]

    def headline(self) -> str:
        """Say how the rows were divided."""
        return self.reason

    def summary(self) -> dict[str, Any]:
        """Return how many rows each part holds, and how they were divided."""
        held = {name: int(rows.sum()) for name, rows in zip(self.names, self.rows)}
        return {**held, "by": self.by, "reason": self.reason, "gap": self.gap}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Seal(Result):
    """The rows that are put aside until the end.

    Parameters
    ----------
    sealed : ndarray of bool, shape (n_rows,)
        True for sealed rows.
    by : str
        What was sealed as a whole: "group", "time", "latest", "space" or "row".
    reason : str
        Sentences that say what was sealed, and what to mind.
    """

    sealed: np.ndarray
    by: str
    reason: str

    @property
    def overlap(self) -> str:
        """Return the sentence of the reason that says how many open rows overlap a sealed one, or an empty string."""
        return next((said for said in self.reason.split(". ") if OVERLAP in said), "")

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
        Its groups, its times (``start`` of `origin`, and ``end`` where rows last, in s), its places in an image
        (``centroid_row`` and ``centroid_col``, in px) and its labels or target are used; classes, or tenths of the
        target, are spread evenly as far as groups allow. By time and by space, places alone decide.
    n_folds : int
        The number of parts; lowered to the number of groups, times or rows where these are fewer, and said.
    by : {"auto", "group", "time", "space", "row"}
        What is kept together. "auto": groups where there are several with several rows, stretches of time where rows
        have one, blocks of the image where all rows come from one, single rows where each row is a group of its own.
    gap : float, optional
        Training rows nearer than this to a test row are left out: by time in s, by default for as long as rows
        resemble each other (see `clew.splits.apart.time_gap`); by space in px, by default the median distance between
        nearest neighbours.
    random_state : int
        Decides among equal choices, and which rows go together by row. By time and by space nothing is left to chance.

    Raises
    ------
    SettingError
        If `n_folds` is below 2, `gap` is negative or given for another division than by time or by space.
    DataError
        If the rows do not allow two folds, or not this kind of division.

    Notes
    -----
    Contiguous blocks with a gap, and why single rows flatter: Roberts et al., Ecography 40 (2017) 913,
    doi:10.1111/ecog.02881.
    """
    check(
        isinstance(n_folds, (int, np.integer)) and n_folds >= 2,
        SettingError,
        "The 'n_folds' of folds must be an int of at least 2. Got {} instead.",
        n_folds,
    )
    way = way_to_divide(samples, by, of="folds")
    check_gap(gap, way, of="folds")
    settings = {"n_folds": int(n_folds), "by": by, "gap": gap, "random_state": random_state}
    n = min(int(n_folds), count_units(samples, way))
    unit = {"group": "group", "time": "time"}.get(way, "row")
    check(
        n >= 2,
        DataError,
        "Cross-validation by {} must have at least 2 {}s to divide. Got {} instead.",
        way,
        unit,
        n,
    )
    random, shares = np.random.default_rng(random_state), np.full(n, 1 / n)
    if way == "group":
        part = deal_groups(samples.group, _strata(samples), shares, random)
    elif way == "time":
        part = stretches(times(samples)[:, 0], shares)
    elif way == "space":
        part = blocks(positions(samples), n)
    else:
        part = deal_rows(_strata(samples), shares, random)
    test = part == np.arange(n)[:, None]  # (n_folds, n_rows)
    width, why = gap_of(samples, way, gap)
    train, shared = _without_shared(samples, _without_gap(samples, test, way, width), test, way)
    fewer = f" instead of {n_folds}, as there are no more {unit}s," if n < n_folds else ""
    said = [
        f"{n} folds{fewer} {how_divided(samples, way, 'tested in turn')}",
        gap_said(way, width, why, "do not train"),
        shared_said(int(shared.sum()), "do not train"),
        torn_groups(samples, way, train, test),
        *missing_classes(samples, {"train": train, "test": test}, "Not every fold could"),
    ]
    return Folds(
        train=train, test=test, by=way, reason=" ".join(filter(None, said)), gap=width, settings=settings
    )


def divide(
    samples: Samples,
    *,
    shares: Sequence[float] = (0.6, 0.2, 0.2),
    by: Sealing = "auto",
    gap: float | None = None,
    random_state: int = 0,
) -> Parts:
    """Divide rows once, into those that train, that choose among models, and that test.

    Parameters
    ----------
    samples : Samples
        As for `folds`.
    shares : sequence of 3 float
        The shares of training, validation and test rows: above 0, with a sum of 1. Groups come as near as they can;
        rows in a gap belong to no part.
    by : {"auto", "group", "time", "latest", "space", "row"}
        As for `folds`; "latest" trains on the earliest rows, validates on later and tests on the latest ones, as when
        the future is to be predicted. By time, every period of the record is divided.
    gap : float, optional
        As for `folds`; it lies between all three parts.
    random_state : int
        Decides among equal choices, which rows go together by row, and the order of the parts in each period of time.

    Raises
    ------
    SettingError
        If `shares` are not three numbers above 0 with a sum of 1, or `gap` does not fit, as for `folds`.
    DataError
        If there are fewer than three groups, times or rows, or a gap leaves a part empty.
    """
    share = np.asarray(shares, np.float64)
    check(
        share.shape == (3,) and bool((share > 0).all()) and abs(share.sum() - 1) < 1e-9,
        SettingError,
        "The 'shares' of divide must be three numbers above 0 with a sum of 1: train, validation, test. Got {} instead.",
        tuple(shares),
    )
    way = way_to_divide(samples, by, of="divide")
    check_gap(gap, way, of="divide")
    settings = {"shares": share.tolist(), "by": by, "gap": gap, "random_state": random_state}
    n_units = count_units(samples, way)
    unit = {"group": "group", "time": "time", "latest": "time"}.get(way, "row")
    check(
        n_units >= 3,
        DataError,
        "A division in three by {} must have at least 3 {}s. Got {} instead.",
        way,
        unit,
        n_units,
    )
    random, (width, why) = np.random.default_rng(random_state), gap_of(samples, way, gap)
    if way == "group":
        part = deal_groups(samples.group, _strata(samples), share, random)
    elif way in ("time", "latest"):
        part = _periods(
            times(samples)[:, 0], share, 1 if way == "latest" else _n_periods(samples, width), random
        )
    elif way == "space":
        block = blocks(positions(samples), min(5 * int(np.clip(samples.n_rows // 100, 1, 4)), samples.n_rows))
        part = deal_groups(block, _strata(samples), share, random)
    else:
        part = deal_rows(_strata(samples), share, random)
    rows = part == np.arange(3)[:, None]
    of, shared = _spans(samples, way), np.zeros(samples.n_rows, bool)
    for one in (0, 1):  # who trains keeps away from validation and test, who validates from test
        others = rows[one + 1 :].any(axis=0)
        rows[one] = _far(samples, rows[one], others, way, width)
        if of is not None:
            both = of.shared(rows[one], others)
            rows[one] &= ~both
            shared |= both
    for name, kept in zip(PARTS, rows):
        check(
            kept.any() or of is not None,
            DataError,
            "A division in three must leave rows in each part. Got none for {} with a gap of {}; give a smaller one.",
            name,
            spell_gap(width, way),
        )
        check(
            kept.any(),
            DataError,
            "A division in three by {} must leave rows in each part. Got none for {}, since all overlap windows of other parts; divide by time.",
            way,
            name,
        )
    counted = ", ".join(f"{kept.sum()} rows for {name}" for name, kept in zip(PARTS, rows))
    said = [
        f"{counted}, {how_divided(samples, way, 'dealt to the three parts')}",
        gap_said(way, width, why, "are left out"),
        shared_said(int(shared.sum()), "are left out"),
        torn_groups(samples, way, rows[:2], rows[1:]),
        *missing_classes(samples, {"train": rows[:1], "validate": rows[1:2], "test": rows[2:]}, "It cannot"),
    ]
    return Parts(
        rows=rows,
        names=list(PARTS),
        by=way,
        reason=" ".join(filter(None, said)),
        gap=width,
        settings=settings,
    )


def seal(samples: Samples, *, share: float = 0.2, by: Sealing = "auto", random_state: int = 0) -> Seal:
    """Choose the rows that are put aside until the end.

    Parameters
    ----------
    samples : Samples
        Its groups, its times and its places in an image are used; its labels are not.
    share : float
        The share of rows to seal, from 0 to 0.9. Whole groups come as near to it as they allow; at least one
        row is sealed unless it is 0, and at least two stay open.
    by : {"auto", "group", "time", "latest", "space", "row"}
        What is sealed as a whole; "auto" decides as `folds` does. By time, several stretches are sealed, one in each
        part of the record, since one season is not the record; "latest" seals the last stretch, which is what counts
        where the future is to be predicted. By space, several small regions are sealed, one in each part of the image,
        since neighbours resemble each other and one corner is not the image.
    random_state : int
        Decides which groups, stretches, regions or rows.

    Raises
    ------
    SettingError
        If `share` is not from 0 to 0.9.
    DataError
        If the rows, groups or times are too few to be divided.
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
    way = way_to_divide(samples, by, of="seal")
    check(
        n_rows >= 3,
        DataError,
        "Sealing must have at least 3 rows to divide. Got {} instead; --sealed 0 seals none.",
        n_rows,
    )
    random = np.random.default_rng(random_state)
    n_sealed = min(max(round(share * n_rows), 1), n_rows - 2)
    near = ""
    if way == "group":
        sealed = seal_groups(samples.group, n_sealed, random)
    elif way in ("time", "latest"):
        sealed, near = _seal_times(samples, n_sealed, way, random)
    elif way == "space":
        sealed = seal_regions(positions(samples), n_sealed, random)
    else:
        sealed = np.zeros(n_rows, bool)
        sealed[random.permutation(n_rows)[:n_sealed]] = True
    reason = seal_reason(samples, way, sealed, share) + near + _open_beside(samples, sealed, way)
    return Seal(sealed=sealed, by=way, reason=reason, settings=settings)


def units(samples: Samples) -> tuple[np.ndarray, str]:
    """Return what an interval must take as independent: groups, stretches of time, blocks of one image, or single rows.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    unit : ndarray of str, shape (n_rows,)
        The groups where there are several with several rows. Otherwise stretches of time where rows have one, or
        blocks of some 5 neighbours where all rows come from one image, 20 at most, where they make at least 2; each
        row by itself where there is neither. Stretches last three measured gaps or more if that leaves five of them.
    caveat : str
        What the interval says nothing about; "" where the groups are real ones.

    Notes
    -----
    Of 200 simulated records, whose features and labels were independent and forgotten after a twelfth of the record, 93%
    of the intervals of balanced accuracy covered 0.5, and 86% over 20 stretches.
    """
    alone = samples.n_groups == samples.n_rows
    timed = has_times(samples)
    if samples.n_groups > 1 and not (alone and timed):
        return samples.group, ""
    n_blocks = min(samples.n_rows // 5, MOST_BLOCKS)
    if timed and min(n_blocks, count_units(samples, "time")) >= 2:
        n_blocks = min(n_blocks, count_units(samples, "time"), _most_stretches(samples))
        caveat = f"Rows close in time may resemble each other: intervals are over {n_blocks} stretches of time, and say nothing about other records."
        return stretches(times(samples)[:, 0], np.full(n_blocks, 1 / n_blocks)).astype(str), caveat
    if n_blocks >= 2 and not alone and has_places(samples):
        caveat = f"All rows come from one image: intervals are over {n_blocks} blocks of it and say nothing about other images."
        return blocks(positions(samples), n_blocks).astype(str), caveat
    if alone and samples.n_groups > 1:
        return samples.group, ""
    caveat = "All rows come from one source: intervals take them as independent and say nothing about other sources."
    return samples.sample, caveat


def _most_stretches(samples: Samples) -> int:
    """Return how many stretches of time are long enough to stand for themselves, 5 at least."""
    gap, lasts = time_gap(samples)[0], np.ptp(times(samples)[:, 0])
    return max(int(lasts / (GAPS_A_UNIT * gap)), FEWEST_STRETCHES) if gap > 0 else MOST_BLOCKS


def _n_periods(samples: Samples, gap: float) -> int:
    """Return in how many periods time is cut for a division in three: up to 5, if gaps then take a tenth of it at most."""
    start = times(samples)[:, 0]
    most = min(MOST_BLOCKS // 4, len(np.unique(start)) // 3)
    return int(np.clip(0.1 * np.ptp(start) / (3 * gap), 1, most)) if gap > 0 else max(most, 1)


def _periods(
    start: np.ndarray, shares: np.ndarray, n_periods: int, random: np.random.Generator
) -> np.ndarray:
    """Return the part of each row, int64: each period holds one stretch of each, one period alone in their order."""
    orders = [random.permutation(3) if n_periods > 1 else np.arange(3) for _ in range(n_periods)]
    parts = np.concatenate(orders)
    return parts[stretches(start, shares[parts] / n_periods)]


def _strata(samples: Samples) -> np.ndarray:
    if samples.labels is None and samples.target is None:
        return np.zeros(samples.n_rows, np.int64)
    return strata(samples.labels, samples.target)


# ---- the gap ----
def _far(samples: Samples, rows: np.ndarray, others: np.ndarray, way: Way, gap: float) -> np.ndarray:
    if way not in ("time", "latest", "space"):
        return rows
    return far(samples, rows, others, by="space" if way == "space" else "time", gap=gap)


def _without_gap(samples: Samples, test: np.ndarray, way: Way, gap: float) -> np.ndarray:
    """Return the training rows, bool of shape (n_folds, n_rows), that keep the gap to every test row."""
    train = np.array([_far(samples, ~tested, tested, way, gap) for tested in test])
    check(
        train.any(axis=1).all(),
        SettingError,
        "The 'gap' of folds must leave training rows in every fold. Got {} instead, which leaves none.",
        spell_gap(gap, way),
    )
    return train


def _spans(samples: Samples, way: Way) -> Spans | None:
    """Return how rows of one recording overlap, if that matters: by time, the gap keeps them apart already."""
    return None if way in ("time", "latest") else spans(samples)


def _without_shared(
    samples: Samples, train: np.ndarray, test: np.ndarray, way: Way
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training rows (n_folds, n_rows) that overlap no test row, and the rows (n_rows,) that do in some fold."""
    of = _spans(samples, way)
    if of is None:
        return train, np.zeros(samples.n_rows, bool)
    shared = np.array([of.shared(rows, others) for rows, others in zip(train, test)])
    train = train & ~shared
    check(
        train.any(axis=1).all(),
        DataError,
        "Folds by {} must leave training rows that do not overlap the test rows. Got a fold where all of them do; divide by time.",
        way,
    )
    return train, np.asarray(shared.any(axis=0))


# ---- the seal ----
def _open_beside(samples: Samples, sealed: np.ndarray, way: Way) -> str:
    """Return a sentence on the open rows that overlap a sealed one, or an empty string."""
    of = _spans(samples, way)
    n = 0 if of is None else int(of.shared(~sealed, sealed).sum())
    if not n:
        return ""
    s, verb_s = ("", "s") if n == 1 else ("s", "")
    return (
        f" {n:,} open row{s} overlap{verb_s} {OVERLAP} and share{verb_s} samples with it: the final test is that much easier than"
        " another recording would be."
    )


def _seal_times(
    samples: Samples, n_sealed: int, way: Way, random: np.random.Generator
) -> tuple[np.ndarray, str]:
    """Return the sealed rows, and a sentence on those near open ones."""
    start, (gap, longer) = times(samples)[:, 0], time_gap(samples)
    if way == "latest":
        sealed = seal_latest(start, n_sealed)
    else:
        lasts = np.ptp(start) * n_sealed / len(start)
        by_gap = lasts / (GAPS_A_STRETCH * gap) if gap > 0 else MOST_REGIONS
        n_stretches = int(np.clip(min(round(n_sealed / 5), by_gap), 1, MOST_REGIONS))
        sealed = seal_stretches(start, n_sealed, n_stretches, random)
    check(
        0 < sealed.sum() <= len(start) - 2,
        DataError,
        "Sealing by time must have enough different times to leave 2 rows open. Got {} times in {} rows.",
        len(np.unique(start)),
        len(start),
    )
    near = sealed & ~far(samples, sealed, ~sealed, by="time", gap=gap)
    if not near.any():
        return sealed, ""
    one = near.sum() == 1
    how = (
        f"{'is' if one else 'are'} nearer than {spell_time(gap)} to"
        if spell_time(gap) != spell_time(0.0)
        else f"overlap{'s' if one else ''} with"
    )
    told = (
        f" {near.sum()} of them {how} an open row and may resemble it"
        f"{', and rows resemble each other for longer' if longer else ''}: the final test is that much easier than another record would be."
    )
    return sealed, told


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
