"""Which rows to label next: by uncertainty, by diversity, by clusters, by both. Plain functions of arrays.

Settles, Active learning literature survey, University of Wisconsin-Madison TR 1648 (2009), names the uncertainties;
farthest-first after Sener & Savarese, ICLR (2018), arXiv:1708.00489; uncertain rows made diverse by k-means after
Zhdanov (2019), arXiv:1901.05954. Ties are dealt at random, so that the order of the rows decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

FROM_EACH = 5  # times as many uncertain rows as are wanted are made diverse
MOST_CLUSTERS = 256
MOST_SPREAD = 20_000  # rows among which diversity and clusters are looked for; of more, a random part
FARTHEST = (
    3.0  # standard deviations: beyond, a feature is as unlike as can be, lest outliers be all that is chosen
)


@dataclass(frozen=True)
class Pool:
    """All that a strategy may know.

    Parameters
    ----------
    points : ndarray of float64, shape (n_rows, n_features)
        Scaled features, or activations of a network: what distances are taken in.
    taken : ndarray of bool, shape (n_rows,)
        Rows that have a label or have been handed out.
    probability : ndarray of float64, shape (n_rows, n_classes), or None
    labels : ndarray of str, shape (n_rows,)
        "" where there is none.
    """

    points: np.ndarray
    taken: np.ndarray
    probability: np.ndarray | None
    labels: np.ndarray


@dataclass(frozen=True)
class Chosen:
    """Rows in the order in which they are wanted, and how much each is: (n,) of int64, of float64, and why each is."""

    rows: np.ndarray
    score: np.ndarray
    why: list[str]


Strategy = Callable[[Pool, int, np.random.Generator], Chosen]


# ---- how uncertain: the larger, the more, from 0 to 1 ----
def entropy(probability: np.ndarray) -> np.ndarray:
    """Return the entropy of class probabilities (n_rows, n_classes), as a share of the largest possible: (n_rows,)."""
    logarithm = np.log(probability, out=np.zeros_like(probability), where=probability > 0)
    return -(probability * logarithm).sum(axis=1) / np.log(max(probability.shape[1], 2))


def margin(probability: np.ndarray) -> np.ndarray:
    """Return 1 less the lead of the most probable class over the second, (n_rows,)."""
    if probability.shape[1] < 2:
        return np.zeros(len(probability))
    second, first = np.partition(probability, -2, axis=1)[:, -2:].T
    return 1 - (first - second)


def least_confidence(probability: np.ndarray) -> np.ndarray:
    """Return 1 less the probability of the most probable class, (n_rows,)."""
    return 1 - probability.max(axis=1)


UNCERTAINTIES = {"entropy": entropy, "margin": margin, "least-confidence": least_confidence}


def most(score: np.ndarray, n: int, random: np.random.Generator) -> np.ndarray:
    """Return the places of the ``n`` largest of some scores, largest first; ties are dealt at random."""
    return np.lexsort((random.random(len(score)), -score))[:n]


# ---- how unlike ----
def scaled(features: np.ndarray, units: Sequence[str]) -> np.ndarray:
    """Return features in which a distance means the same in each: deviations from the mean, over a scale, cut at `FARTHEST`.

    A feature's scale is its standard deviation, and not below the standard deviation, over all, of the features in the
    same unit whose ranges hold its own: these measure one quantity at many places, as the grey value is at the pixels of
    a digit, and a place where hardly anything happens is not stretched until its few values outweigh all others.
    Quantities that share a unit and differ in size, as concentrations do, lie in ranges of their own, and each keeps its
    own scale; so does each feature without a unit, "", of which it is not known with what it can be compared. Features
    that never change are 0.

    Parameters
    ----------
    features : ndarray of float64, shape (n_rows, n_features)
    units : sequence of str, length n_features

    Returns
    -------
    ndarray of float64, shape (n_rows, n_features)
        From -`FARTHEST` to `FARTHEST`.
    """
    spread, low, high = features.std(axis=0), features.min(axis=0), features.max(axis=0)
    unit, scale = np.array(units), spread.copy()
    for j in np.flatnonzero(unit != ""):
        alike = (unit == unit[j]) & (low <= low[j]) & (high >= high[j])  # itself among them
        scale[j] = max(spread[j], np.sqrt((spread[alike] ** 2).mean()))
    points = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)
    return np.clip(points, -FARTHEST, FARTHEST)


def k_centre(
    points: np.ndarray, candidates: np.ndarray, centres: np.ndarray, n: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose rows farthest-first: each is the candidate farthest from all centres and from those chosen before.

    Parameters
    ----------
    points : ndarray of float64, shape (n_rows, n_features)
    candidates, centres : ndarray of int64
        Row numbers; without any centre the first is drawn at random.
    n : int
    random : Generator

    Returns
    -------
    rows : ndarray of int64, shape (min(n, n_candidates),)
    distance : ndarray of float64, of the same shape
        Of each to the nearest centre when it was chosen.
    """
    own = points[candidates]
    deal = random.random(len(candidates))
    nearest = np.full(len(candidates), np.inf)
    for centre in centres:
        nearest = np.minimum(nearest, ((own - points[centre]) ** 2).sum(axis=1))
    rows, distance = [], []
    for _ in range(min(n, len(candidates))):
        farthest = np.flatnonzero(nearest == nearest.max())
        chosen = int(farthest[np.argmax(deal[farthest])])
        rows.append(candidates[chosen])
        distance.append(np.sqrt(nearest[chosen]))
        nearest = np.minimum(nearest, ((own - own[chosen]) ** 2).sum(axis=1))
        nearest[chosen] = -1
    return np.array(rows, np.int64), np.array(distance, np.float64)


def representatives(
    points: np.ndarray, taken: np.ndarray, n: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the row nearest to the centre of each of the clusters without a taken row, the largest clusters first.

    All rows are cut by k-means into as many clusters as rows are taken and wanted: at least ``n`` are then without a
    taken row. Where that would be more than `MOST_CLUSTERS`, those with fewest taken rows follow.

    Parameters
    ----------
    points : ndarray of float64, shape (n_rows, n_features)
    taken : ndarray of bool, shape (n_rows,)
    n : int
    random : Generator

    Returns
    -------
    rows : ndarray of int64
        At most ``n``: fewer where there are fewer clusters with a row to take.
    size : ndarray of int64, of the same shape
        The rows of each one's cluster.
    """
    from clew.kernels.kmeans import kmeans

    k = int(min(taken.sum() + n, len(points), MOST_CLUSTERS))
    labels, centres, _, _ = kmeans(points, k, np.array([random.integers(2**31)]))
    labels, centres = labels[0], centres[0]
    size, held = np.bincount(labels, minlength=k), np.bincount(labels[taken], minlength=k)
    away = ((points - centres[labels]) ** 2).sum(axis=1)
    order = np.lexsort((random.random(k), -size, held))
    free = [np.flatnonzero((labels == cluster) & ~taken) for cluster in order]
    rows = np.array([own[np.argmin(away[own])] for own in free if len(own)][:n], np.int64)
    return rows, size[labels[rows]]


# ---- strategies ----
def by_uncertainty(name: str) -> Strategy:
    """Return the strategy that takes the most uncertain rows."""

    def choose(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
        free = np.flatnonzero(~pool.taken)
        assert pool.probability is not None
        score = UNCERTAINTIES[name](pool.probability[free])
        first = most(score, n, random)
        return Chosen(free[first], score[first], [told(name, value) for value in score[first]])

    return choose


def hybrid(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
    """Take the rows with the smallest margins, five times too many, and of these the one nearest to each of n centres."""
    free = np.flatnonzero(~pool.taken)
    assert pool.probability is not None
    score = margin(pool.probability[free])
    first = most(score, FROM_EACH * n, random)
    among, _ = representatives(pool.points[free[first]], np.zeros(len(first), bool), n, random)
    among = among[most(score[first[among]], n, random)]
    chosen = first[among]
    return Chosen(free[chosen], score[chosen], [f"{told('margin', v)}, unlike the others" for v in score[chosen]])  # fmt: skip


def diverse(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
    """Take the rows that are farthest from all taken ones and from each other."""
    free = _part(np.flatnonzero(~pool.taken), random)
    rows, distance = k_centre(pool.points, free, np.flatnonzero(pool.taken), n, random)
    why = [
        f"unlike all before: distance {far:.2g}" if np.isfinite(far) else "the first, at random"
        for far in distance
    ]
    return Chosen(rows, distance, why)


def of_clusters(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
    """Take representatives of the clusters that have no label yet."""
    looked = np.sort(np.concatenate([np.flatnonzero(pool.taken), _part(np.flatnonzero(~pool.taken), random)]))
    among, size = representatives(pool.points[looked], pool.taken[looked], n, random)
    why = [f"stands for a cluster of {many:,} rows" if many > 1 else "like no other row" for many in size]
    return Chosen(looked[among], size.astype(np.float64), why)


def at_random(pool: Pool, n: int, random: np.random.Generator) -> Chosen:
    """Take rows at random."""
    free = np.flatnonzero(~pool.taken)
    rows = random.permutation(free)[:n]
    return Chosen(rows, np.full(len(rows), np.nan), ["random"] * len(rows))


STRATEGIES: dict[str, Strategy] = {
    "hybrid": hybrid,
    **{name: by_uncertainty(name) for name in UNCERTAINTIES},
    "k-centre": diverse,
    "cluster": of_clusters,
    "random": at_random,
}
ASK_A_MODEL = ("hybrid", *UNCERTAINTIES)


def told(name: str, score: float) -> str:
    """Say how uncertain a row is, in the words of the field: "entropy 0.66", "margin 0.04", "confidence 0.38"."""
    if name == "entropy":
        return f"entropy {score:.2f}"
    return f"{'margin' if name == 'margin' else 'confidence'} {1 - score:.2f}"


def _part(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return all rows, or a random part where they are very many."""
    return rows if len(rows) <= MOST_SPREAD else np.sort(random.choice(rows, MOST_SPREAD, replace=False))
