"""Rows of one record or of one image resemble their neighbours: how their labels may change places all the same.

Permuting single rows takes them as exchangeable. Where neighbours are alike that calls chance an effect, so labels move
together: along time they are turned as on a loop, in an image whole blocks change places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from typing import Literal

import numpy as np

from clew.samples import Samples
from clew.splits.apart import far_in_space, far_in_time, has_places, has_times, positions, times
from clew.splits.dealing import blocks, stretches

ALIKE = 0.1  # product of two autocorrelations, of features and of labels, from which neighbours are alike
FEWEST_BLOCKS = 6
MOST_BLOCKS = 20
LOOP = 10  # reaches of a loop, if there are two or more: its ends, which are joined, count little
APART = 1.5  # reaches between the rows of two blocks of an image, on average
MOST_CENTRES = 500  # of neighbours that are put into blocks together
MOST_ROWS = 1000  # whose pairs are compared
FEWEST_PAIRS = 10
AT_ONCE = 4_000_000  # permuted labels in memory


@dataclass(frozen=True)
class Neighbours:
    """How sealed rows that resemble their neighbours are exchanged.

    Parameters
    ----------
    way : {"time", "space"}
    unit : ndarray of int64, shape (n_sealed,)
        Stretches or blocks as long as the reach or longer, 20 at most: what moves in an image, and what intervals are over.
    loop : ndarray of int64, shape (n_sealed,)
        The stretches of time along which labels are turned; in an image all 0.
    far : ndarray of bool, shape (n_open,)
        The open rows that are no nearer to a sealed row than the reach: what is learnt from others says something of
        the sealed ones even where there is nothing to learn.
    places : ndarray of float64, shape (n_sealed, 2)
        Start and end in s, or row and column in px.
    """

    way: Literal["time", "space"]
    unit: np.ndarray
    loop: np.ndarray
    far: np.ndarray
    places: np.ndarray

    @property
    def n_blocks(self) -> int:
        """Return the number of blocks."""
        return int(self.unit.max()) + 1

    @property
    def said(self) -> str:
        """Say what is exchanged."""
        if self.way == "space":
            return f"{self.n_blocks} blocks of the image exchanged as wholes"
        n = int(self.loop.max()) + 1
        return "labels shifted along time" + (f" within each of {n} stretches" if n > 1 else "")

    def too_few(self) -> str:
        """Say why the sealed rows cannot be exchanged; "" where they can."""
        if self.n_blocks >= FEWEST_BLOCKS:
            return ""
        n, s = self.n_blocks, "s" * (self.n_blocks != 1)
        what = f"stretch{'e' * bool(s)}{s} of time" if self.way == "time" else f"block{s} of the image"
        smallest = 1 / (n if self.way == "time" else factorial(n))
        return (
            f"Sealed rows resemble their neighbours so far that they make {n} separate {what} "
            f"only, and it takes {FEWEST_BLOCKS} or more: p could not be below {smallest:.2g}, and chance would pass too "
            f"often. A longer record or more images would tell."
        )

    def smallest_p(self, y: np.ndarray) -> float:
        """Return 1 over the number of different arrangements."""
        if self.way == "time":
            sizes = [np.sum(self.loop == i) for i in range(self.loop.max() + 1) if np.ptp(y[self.loop == i])]
            return float(np.exp(-np.log(sizes).sum()))
        held = [np.unique(y[self.unit == i]) for i in range(self.n_blocks)]
        alike = np.unique([one[0] for one in held if len(one) == 1], return_counts=True)[1]
        return float(np.prod([factorial(int(n)) for n in alike]) / factorial(self.n_blocks))

    def arranged(self, y: np.ndarray, permutations: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Yield labels (n_permutations of the block, n_sealed) in random arrangements of the sealed ones."""
        donor = self._donors() if self.way == "space" else None
        block = max(1, AT_ONCE // y.size)
        for start in range(0, permutations, block):
            n = min(block, permutations - start)
            if donor is None:
                yield self._turned(y, n, rng)
            else:
                order = rng.permuted(np.tile(np.arange(self.n_blocks), (n, 1)), axis=1)
                yield y[donor[order[:, self.unit], np.arange(y.size)]]

    def _turned(self, y: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        out = np.empty((n, y.size), y.dtype)
        for loop in range(int(self.loop.max()) + 1):
            rows = np.flatnonzero(self.loop == loop)
            rows = rows[np.argsort(self.places[rows, 0], kind="stable")]
            shift = rng.integers(rows.size, size=(n, 1))
            out[:, rows] = y[rows[(np.arange(rows.size) + shift) % rows.size]]
        return out

    def _donors(self) -> np.ndarray:
        """Return whose label each row gets if block b comes to its block, int64 (n_blocks, n_sealed): as far along in it."""
        from scipy.spatial import cKDTree

        centres = np.array([self.places[self.unit == i].mean(axis=0) for i in range(self.n_blocks)])
        inside = self.places - centres[self.unit]
        donor = np.empty((self.n_blocks, len(inside)), np.int64)
        for block in range(self.n_blocks):
            rows = np.flatnonzero(self.unit == block)
            donor[block] = rows[cKDTree(inside[rows]).query(inside)[1]]
            donor[block, rows] = rows  # even where two rows have one place
        return donor


def neighbours(
    open_rows: Samples, sealed: Samples, y: np.ndarray, X: np.ndarray, *, classes: bool
) -> Neighbours | None:
    """Return how the sealed rows of one record or image are exchanged; None where neighbours are not alike, or for groups.

    Parameters
    ----------
    open_rows, sealed : Samples
        With labels, or a target.
    y : ndarray, shape (n_open,)
        The classes, as numbers, or the target of the open rows.
    X : ndarray of float, shape (n_open, n_features)
        The features of the hypothesis.
    classes : bool

    Notes
    -----
    Neighbours are alike as far as the product of the autocorrelations of the features and of the labels, over all pairs of
    open rows so far apart, stays above 0.1: that product is what makes a statistic of both vary more than between single
    rows (Dutilleul, Biometrics 49:305, 1993, doi:10.2307/2532625).
    """
    way = _way(sealed)
    if way is None:
        return None
    place = times if way == "time" else positions
    at, others = (place(rows) for rows in (sealed, open_rows))
    spacing = _spacing(at[:, :1] if way == "time" else at)
    points = others[:, :1] if way == "time" else others
    reach = _reach(points, spacing, y, X, classes=classes)
    if reach == 0:
        return None
    far = (far_in_time if way == "time" else far_in_space)(others, at, reach)
    none = np.zeros(len(at), np.int64)
    if way == "space":
        return Neighbours(way, _blocks(at, reach), none, far, at)
    n_reaches = len(np.unique(at[:, 0])) * spacing / reach
    unit, loop = (
        stretches(at[:, 0], np.full(n, 1 / n)) if n > 1 else none
        for n in (min(int(n_reaches), MOST_BLOCKS), min(int(n_reaches / LOOP), MOST_BLOCKS))
    )
    return Neighbours(way, unit, loop, far, at)


def _way(samples: Samples) -> Literal["time", "space"] | None:
    """Return along what rows are neighbours, as `clew.splits.units` has it."""
    alone = samples.n_groups == samples.n_rows
    if has_times(samples) and (alone or samples.n_groups == 1):
        return "time"
    return "space" if samples.n_groups == 1 and not alone and has_places(samples) else None


def _spacing(places: np.ndarray) -> float:
    """Return the median distance from one place to the next."""
    from scipy.spatial import cKDTree

    places = np.unique(places, axis=0)
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1])) if len(places) > 1 else 0.0


def _reach(places: np.ndarray, spacing: float, y: np.ndarray, X: np.ndarray, *, classes: bool) -> float:
    """Return as far as neighbours are alike, in the unit of ``places``; 0 where the nearest ones are not."""
    from scipy.spatial.distance import pdist
    from scipy.stats import rankdata

    extent = float(np.ptp(places, axis=0).max())
    if spacing == 0 or extent == 0:
        return 0.0
    if len(y) > MOST_ROWS:
        rows = np.random.default_rng(0).choice(len(y), MOST_ROWS, replace=False)
        places, y, X = places[rows], y[rows], X[rows]
    lag = np.minimum(np.rint(pdist(places) / spacing), extent / 2 // spacing + 2).astype(np.int64)
    pairs = np.bincount(lag)

    def correlation(values: np.ndarray) -> np.ndarray:
        z = values - values.mean()
        i, j = np.triu_indices(len(z), 1)
        product = np.bincount(lag, weights=z[i] * z[j], minlength=len(pairs)) / np.maximum(pairs, 1)
        return product / max(float((z**2).mean()), 1e-300)

    given = [(y == one).astype(float) for one in np.unique(y)] if classes else [rankdata(y)]
    of_labels = np.mean([correlation(one) for one in given], axis=0)
    of_features = np.max([correlation(rankdata(column)) for column in X.T], axis=0)
    alike = np.maximum(of_features, 0) * np.maximum(of_labels, 0)
    low = np.flatnonzero((alike < ALIKE) & (pairs >= FEWEST_PAIRS))
    low = low[low > 0]
    first = int(low[0]) if low.size else len(pairs)
    return 0.0 if first == 1 else min(first * spacing, extent / 2)


def _blocks(places: np.ndarray, reach: float) -> np.ndarray:
    """Return the block of each place: clusters of places, half as far apart again as the reach, 20 at most.

    Sealed regions lie apart, so that blocks cut from the whole would straddle holes.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(places) < 2:
        return np.zeros(len(places), np.int64)
    fine = blocks(places, min(len(places), MOST_CENTRES))
    centres = np.array([places[fine == i].mean(axis=0) for i in range(fine.max() + 1)])
    tree = linkage(centres, "average")
    unit = fcluster(tree, APART * reach, "distance")
    if unit.max() > MOST_BLOCKS:
        unit = fcluster(tree, MOST_BLOCKS, "maxclust")
    return np.unique(unit, return_inverse=True)[1].reshape(-1)[fine]
