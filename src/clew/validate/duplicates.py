"""Rows on both sides of a division that are copies of each other, or nearly: cut out twice, measured again, jittered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.explore.neighbors import nearest
from clew.result import Result
from clew.samples import Samples

LEVEL = 0.01  # share of data sets without near-duplicates in which some may be reported
NEIGHBOURS = 8  # from whose distances it is told how near rows usually are
INNER = 4  # the distances from this neighbour on tell the dimension: copies, even of every row, are nearer
MUCH_NEARER = 0.25  # of the usual distance of the last of these neighbours
FAR = 3.0  # standard deviations from the median from which on values are drawn in
COARSE = 0.01  # a feature of which so many pairs of rows are equal tells no copies from chance
FEWEST_ROWS = 20  # to know how near rows usually are
MOST_PAIRS = 50_000**2  # that are compared; of more rows a random part is compared with all
SHOWN = 3  # pairs that are named


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NearDuplicates(Result):
    """Rows of different parts that equal each other, or are much nearer to each other than rows usually are.

    Parameters
    ----------
    pairs : ndarray of int64, shape (n_pairs, 2)
        The rows of each pair that is nearly, but not quite, equal, the lower one first; the nearest pair first.
    distance : ndarray of float64, shape (n_pairs,)
        How far they are from each other, as a share of the distance at which rows usually have 8 neighbours.
    sample : ndarray of str, shape (n_pairs, 2)
        The names of these rows.
    n_equal : int
        Rows that equal another row in every measurement, wherever it is.
    n_equal_across : int
        Those of them that equal a row of another part.
    n_near : int
        Rows that are in a pair.
    n_rows, n_compared : int
        The rows, and how many of them were compared with all others; where there are too many, a random part.
    note : str
        Why nearly equal rows could not be looked for; "" otherwise.
    """

    pairs: np.ndarray
    distance: np.ndarray
    sample: np.ndarray
    n_equal: int
    n_equal_across: int
    n_near: int
    n_rows: int
    n_compared: int
    note: str = ""

    def headline(self) -> str:
        """Say how many rows are copies, and how many nearly."""
        return (
            f"{self.n_equal_across} of {self.n_rows} rows equal one of another part, {self.n_near} nearly do"
        )

    def summary(self) -> dict[str, Any]:
        """Return how many rows are copies or nearly so, and the nearest pairs."""
        return {
            "equal": self.n_equal,
            "equal_across": self.n_equal_across,
            "near": self.n_near,
            "rows": self.n_rows,
            "compared": self.n_compared,
            "pairs": self.sample[:SHOWN].tolist(),
            "note": self.note,
        }

    def sentences(
        self, *, across: str = "in another part", so: str = "which flatters the figures"
    ) -> list[str]:
        """Say it to people: nothing where there is nothing.

        Parameters
        ----------
        across : str
            Where the copies are, such as "beyond the seal".
        so : str
            What follows from that.
        """
        said = []
        if self.n_equal:
            beyond = (
                f"; {self.n_equal_across} of them have a copy {across}, {so}" if self.n_equal_across else ""
            )
            said.append(f"{self.n_equal} rows equal another row in every measurement{beyond}.")
        if self.n_near:
            named = ", ".join(f"{a} and {b}" for a, b in self.sample[:SHOWN])
            some = (
                f" of {self.n_compared:,}, picked at random, that were compared with all,"
                if self.n_compared < self.n_rows
                else ""
            )
            such = "such as" if len(self.pairs) > SHOWN else "namely"
            said.append(
                f"{self.n_near} rows{some} are nearly equal to one {across} ({such} {named}), much nearer than rows usually are:"
                f" the same thing twice? If so, keep its rows together (as a group), or drop one; {so}."
            )
        return said


def near_duplicates(
    samples: Samples, part: np.ndarray, *, train: np.ndarray | None = None, random_state: int = 0
) -> NearDuplicates:
    """Find rows of different parts that are much nearer to each other than rows usually are.

    Parameters
    ----------
    samples : Samples
        Its features are compared.
    part : ndarray of int, shape (n_rows,)
        The part of each row: sealed or open, or the fold that tests it. Rows of one part are not compared.
    train : ndarray of bool, shape (n_parts, n_rows), optional
        The rows that train while part 0, 1, ... is tested, with which alone its rows are compared; by default all rows
        of other parts.
    random_state : int
        Decides which rows are compared where there are more than 50,000.

    Raises
    ------
    DataError
        If there is not one part for each row.

    Notes
    -----
    In d dimensions and a density that changes little over a few neighbours, the volumes of the balls up to a row's
    nearest neighbours are those of uniform draws: ``(D1 / D8)^d`` of the distances to the first and the eighth follows
    Beta(1, 7). The dimension is the maximum-likelihood one from the outer of these distances (Levina & Bickel, NIPS 17
    (2004) 777), over all rows or over a row's surroundings, whichever is smaller. Rows with probabilities this small
    are reported by Benjamini and Hochberg's rule at 1% (J. R. Stat. Soc. B 57 (1995) 289,
    doi:10.1111/j.2517-6161.1995.tb02031.x), if they are also nearer than a quarter of what is usual in all the table.

    Features are scaled by median and quartiles, far values drawn in by asinh. A feature that is coarse (1% of all pairs
    of rows are equal in it) only has to be near; it counts for nothing else. Equal rows count once, apart.
    """
    part = np.asarray(part)
    check(
        part.shape == (samples.n_rows,),
        DataError,
        "The part of near_duplicates must be one for each of {} rows. Got shape {} instead.",
        samples.n_rows,
        part.shape,
    )
    of = _equal(samples.features)
    first = np.unique(of, return_index=True)[1]  # (n_different,) one row for all that are equal
    n_equal, n_across = _count_equal(of, part, train)
    pairs, distance, n_compared, note = np.empty((0, 2), np.int64), np.empty(0), samples.n_rows, ""
    fine, coarse = _scaled(samples.features[first])
    if len(first) < FEWEST_ROWS:
        note = f"Fewer than {FEWEST_ROWS} different rows are too few to know how near rows usually are."
    elif fine.shape[1] < 2:
        note = "Rows are too coarsely measured to tell copies from chance."
    else:
        mask = None if train is None else np.asarray(train)[:, first]
        queries = _compared(len(first), random_state)
        n_compared = samples.n_rows if len(queries) == len(first) else len(queries)
        pairs, distance = _surprising(
            fine, coarse, queries, *_nearest_beyond(fine, part[first], mask, queries)
        )
        pairs = np.sort(first[pairs], axis=1)
    return NearDuplicates(
        pairs=pairs,
        distance=distance,
        sample=samples.sample[pairs].reshape(-1, 2),
        n_equal=n_equal,
        n_equal_across=n_across,
        n_near=len(np.unique(pairs)),
        n_rows=samples.n_rows,
        n_compared=n_compared,
        note=note,
        settings={"random_state": random_state},
    )


# ---- equal rows ----
def _equal(features: np.ndarray) -> np.ndarray:
    """Return a number for each row, int64 of shape (n_rows,), the same for equal rows."""
    if not features.shape[1]:
        return np.arange(len(features))
    rows = np.ascontiguousarray(features + 0.0)  # no -0.0: equal numbers have equal bytes
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    return np.unique(whole, return_inverse=True)[1].reshape(-1)


def _count_equal(of: np.ndarray, part: np.ndarray, train: np.ndarray | None) -> tuple[int, int]:
    """Return how many rows equal another row, and how many equal one of another part."""
    counts = np.bincount(of)
    if train is None:
        code = np.unique(part, return_inverse=True)[1].reshape(-1)
        n_parts = np.bincount(np.unique(np.stack([of, code]), axis=1)[0], minlength=len(counts))
        across = n_parts[of] > 1
    else:
        across = np.zeros(len(of), bool)
        for fold in np.unique(part):
            taught = np.bincount(of, weights=train[fold], minlength=len(counts)) > 0
            across |= (part == fold) & taught[of]
    return int((counts[of] > 1).sum()), int(across.sum())


# ---- nearly equal rows ----
def _scaled(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fine and the coarse features, both (n_rows, n_...), in units in which rows can be compared."""
    varied = features[:, (features != features[:1]).any(axis=0)]
    if not varied.size:
        return varied, varied
    low, middle, high = np.quantile(varied, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / 1.349  # the standard deviation of a normal distribution
    spread = np.where(spread > 0, spread, varied.std(axis=0))
    scaled = FAR * np.arcsinh((varied - middle) / spread / FAR)
    n = max(len(varied), 2)
    ties = np.array([(np.unique(x, return_counts=True)[1] ** 2).sum() - n for x in varied.T]) / (n * (n - 1))
    return np.ascontiguousarray(scaled[:, ties < COARSE]), scaled[:, ties >= COARSE]


def _compared(n_rows: int, random_state: int) -> np.ndarray:
    """Return the rows that are compared with all, int64, rising."""
    if n_rows**2 <= MOST_PAIRS:
        return np.arange(n_rows)
    random = np.random.default_rng(random_state)
    return np.sort(random.choice(n_rows, MOST_PAIRS // n_rows, replace=False))


def _nearest_beyond(
    X: np.ndarray, part: np.ndarray, train: np.ndarray | None, queries: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest rows in other parts of each query and how far they are, both (n_queries, 8).

    -1 and NaN where another part has fewer than 8 rows.
    """
    indices = np.full((len(queries), NEIGHBOURS), -1, np.int64)
    distances = np.full((len(queries), NEIGHBOURS), np.nan)
    for one in np.unique(part[queries]):
        mine = np.flatnonzero(part[queries] == one)
        others = np.flatnonzero(part != one if train is None else train[one] & (part != one))
        if len(others) >= NEIGHBOURS:
            found, far = nearest(X[others], X[queries[mine]], NEIGHBOURS, itself=np.full(len(mine), -1))
            indices[mine], distances[mine] = others[found], far
    return indices, distances


def _surprising(
    X: np.ndarray, coarse: np.ndarray, queries: np.ndarray, indices: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs, int64 of shape (n_pairs, 2), that are too near for chance, and how near they are."""
    none = np.empty((0, 2), np.int64), np.empty(0)
    usable = distances[:, -1] > 0
    if usable.sum() < FEWEST_ROWS:
        return none
    usual = float(np.median(distances[usable, -1]))
    dimension = _dimension(len(X), queries, indices, distances, usable)
    with np.errstate(divide="ignore", invalid="ignore"):
        volume = np.exp(dimension * np.log(distances[:, 0] / distances[:, -1]))  # ~ Beta(1, 7)
    p = np.where(usable, -np.expm1((NEIGHBOURS - 1) * np.log1p(-np.minimum(volume, 1 - 1e-12))), 1.0)
    near = distances[:, 0] <= MUCH_NEARER * usual
    if coarse.shape[1]:
        beside = np.abs(coarse[queries] - coarse[indices[:, 0]]).max(axis=1)
        near &= beside <= MUCH_NEARER
    p[~near] = 1.0
    order = np.argsort(p, kind="stable")
    passed = np.flatnonzero(p[order] <= LEVEL * np.arange(1, len(p) + 1) / len(p))
    if not passed.size:
        return none
    rows = order[: passed[-1] + 1]
    pairs = np.sort(np.stack([queries[rows], indices[rows, 0]], axis=1), axis=1)
    pairs, at = np.unique(pairs, axis=0, return_index=True)
    far = distances[rows[at], 0] / usual
    order = np.argsort(far, kind="stable")
    return pairs[order], far[order]


def _dimension(
    n_rows: int, queries: np.ndarray, indices: np.ndarray, distances: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """Return the dimension that the rows around each query fill, float64 of shape (n_queries,)."""
    inner = range(INNER, NEIGHBOURS)
    expected = sum(
        1 / i for j in inner for i in range(j, NEIGHBOURS)
    )  # of the sum of log ratios, times the dimension
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(distances[:, -1:] / distances[:, INNER - 1 : -1]).sum(axis=1) / expected
    ratios = np.where(usable & np.isfinite(ratios), ratios, np.nan)
    everywhere = float(np.nanmean(ratios))
    known = np.full(n_rows, np.nan)
    known[queries] = ratios
    around = np.column_stack([ratios, known[indices]])
    seen = np.isfinite(around)
    here = np.where(seen, around, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return 1 / np.maximum(np.maximum(everywhere, here), 1e-9)
