"""Clusterings as ensembles: many runs, over seeds and over resampled rows, and the consensus of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.explore.affinities import fuzzy_simplicial_set
from clew.explore.distances import MetricSpace, finite_table, principal_coordinates
from clew.explore.neighbors import neighbors
from clew.explore.stability import (
    ABSENT,
    SETTLED,
    Stability,
    adjusted_rand,
    agreement_by_row,
    group_jaccard,
    mean_of_given,
    stability,
)
from clew.result import Result

Method = Literal["kmeans", "hdbscan", "agglomerative", "spectral"]
Space = np.ndarray | MetricSpace
Labeller = Callable[[np.ndarray], np.ndarray]  # seeds (n_runs,) -> labels (n_runs, n_rows) of int32

SHARE = 0.8  # of the rows in a resample
AXES = 10  # principal coordinates that k-means works on where rows are known by distances
KEPT_ROWS = 10_000  # whose distances fit 800 MB
NEIGHBORS = 15  # of the graph that spectral clustering cuts


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Clustering(Result):
    """An ensemble of clusterings of the same rows and what they agree on.

    Parameters
    ----------
    method : str
        "kmeans", "hdbscan", "agglomerative" or "spectral".
    labels : ndarray of int32, shape (n_runs, n_rows)
        The clusters of every run, as they came; -1 for rows that HDBSCAN leaves out.
    stability : Stability
        Agreement over seeds, consensus, confidence per row.
    resampled_labels : ndarray of int32, shape (n_runs, n_rows)
        The clusters of runs that were given a random 80% of the rows each; -2 for rows that a run was not given.
    resampled_ari : ndarray of float64, shape (n_pairs,)
        Adjusted Rand index of pairs of runs, each on a random 80% of the rows, over the rows that both have.
    sizes : ndarray of int64, shape (n_groups,)
        Rows of each consensus group; empty where HDBSCAN leaves all rows out in most runs.
    group_stability : ndarray of float64, shape (n_groups,)
        Mean confidence of the rows of each group.
    """

    method: str
    labels: np.ndarray
    stability: Stability
    resampled_labels: np.ndarray
    resampled_ari: np.ndarray
    sizes: np.ndarray
    group_stability: np.ndarray

    @property
    def consensus(self) -> np.ndarray:
        """Return the consensus groups (n_rows,) of int32."""
        return self.stability.consensus

    @property
    def confidence(self) -> np.ndarray:
        """Return the share of runs (n_rows,) that agree with the consensus."""
        return self.stability.confidence

    @property
    def resampled_confidence(self) -> np.ndarray:
        """Return the share of resamples (n_rows,) with a row that put it in its consensus group; NaN if none had it."""
        return agreement_by_row(self.resampled_labels, self.consensus)

    @property
    def jaccard(self) -> np.ndarray:
        """Return how far each run has each consensus group (n_runs, n_groups): rows in common, of rows in either."""
        return group_jaccard(self.labels, self.consensus)

    @property
    def resampled_jaccard(self) -> np.ndarray:
        """Return the same of the runs on random 80% of the rows."""
        return group_jaccard(self.resampled_labels, self.consensus)

    def headline(self) -> str:
        """Say sizes and agreement."""
        sizes = ", ".join(map(str, self.sizes))
        found = f"{len(self.sizes)} groups of {sizes} rows" if sizes else "no group"
        return f"{self.method}, {found}. {self.stability.headline()}"

    def summary(self) -> dict:
        """Return sizes and agreement over seeds and over resampled rows, in all and of each group."""
        return {
            "method": self.method,
            "groups": {str(i): int(size) for i, size in enumerate(self.sizes)},
            "stability": {
                **self.stability.summary(),
                "resampled_ari_mean": float(self.resampled_ari.mean()),
                "resampled_ari_min": float(self.resampled_ari.min()),
                "resampled_jaccard": {
                    str(i): None if np.isnan(mean) else float(mean)
                    for i, mean in enumerate(mean_of_given(self.resampled_jaccard))
                },
            },
        }


def cluster(
    spaces: Sequence[Space],
    *,
    method: Method = "kmeans",
    k: int = 2,
    resample: Callable[[np.ndarray, int], Space] | None = None,
    random_state: int = 0,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Clustering:
    """Cluster the same rows many times and measure the agreement.

    Parameters
    ----------
    spaces : sequence of ndarray of float64, shape (n_rows, n_dimensions), or of MetricSpace
        What each run clusters: the same features again and again, or one embedding a run.
    method : {"kmeans", "hdbscan", "agglomerative", "spectral"}
        k-means from one start each (k-means++; of rows known by distances, on their principal coordinates); HDBSCAN with
        its minimal cluster size at 5% of the rows (5 at least, 50 at most); agglomerative clustering (Ward's of Euclidean
        rows, average linkage of others); spectral clustering of the graph of 15 neighbours.
    k : int
        Number of clusters; HDBSCAN finds its own.
    resample : callable (rows, seed) -> space, optional
        Makes the space of a part of the rows anew (an embedding of them); the rows of the first of ``spaces`` otherwise.
    random_state : int
        Run i has the seed ``random_state + i``.

    Raises
    ------
    SettingError
        If ``k`` is not from 1 to the number of rows, or the rows are too many for the method.

    Notes
    -----
    k-means: Lloyd, IEEE Trans. Inf. Theory 28 (1982), doi:10.1109/TIT.1982.1056489; starts after Arthur &
    Vassilvitskii, SODA 2007. HDBSCAN: Campello, Moulavi & Sander, PAKDD 2013, doi:10.1007/978-3-642-37456-2_14, and
    agglomerative clustering: Ward, J. American Statistical Association 58 (1963) 236, both as scikit-learn has them.
    Spectral: Shi & Malik, IEEE TPAMI 22 (2000) 888, doi:10.1109/34.868688, with k-means in the modes.
    """
    check(
        isinstance(spaces, Sequence) and len(spaces) >= 2 and not isinstance(spaces, str),
        SettingError,
        "The 'spaces' of cluster must be a list of what each of at least 2 runs clusters, such as [X] * 20. Got {} instead.",
        f"{len(spaces)} runs" if isinstance(spaces, (list, tuple)) else f"one {type(spaces).__name__}",
    )
    known = {id(one): one if isinstance(one, MetricSpace) else _euclidean(one) for one in spaces}
    runs, first = len(spaces), known[id(spaces[0])]
    rows = {one.n_rows for one in known.values()}
    check(
        len(rows) == 1,
        DataError,
        "The 'spaces' of cluster must hold the same rows. Got tables of {} rows.",
        " and ".join(map(str, sorted(rows))),
    )
    check_choice(
        method, ("kmeans", "hdbscan", "agglomerative", "spectral"), what="'method' setting", of="cluster"
    )
    check(
        method == "hdbscan" or (isinstance(k, (int, np.integer)) and 1 <= k <= first.n_rows),
        SettingError,
        "The 'k' setting of cluster must be an int from 1 to the number of rows ({}). Got {} instead.",
        first.n_rows,
        k,
    )
    labels = np.empty((runs, first.n_rows), np.int32)
    done = 0
    for one, space in known.items():
        mine = np.array([run for run in range(runs) if id(spaces[run]) == one])
        labels[mine] = _labeller(space, method, k)(random_state + mine)
        done += len(mine)
        if on_progress is not None:
            on_progress(done, 2 * runs)
    agreement = stability(labels, random_state=random_state)
    resampled_labels, resampled_ari = _resampled(first, method, k, runs, resample, random_state, on_progress)
    sizes = np.bincount(agreement.consensus[agreement.consensus >= 0])
    return Clustering(
        method=method,
        labels=labels,
        stability=agreement,
        resampled_labels=resampled_labels,
        resampled_ari=resampled_ari,
        sizes=sizes,
        group_stability=np.array(
            [agreement.confidence[agreement.consensus == g].mean() for g in range(len(sizes))]
        ),
    )


def _euclidean(points: np.ndarray) -> MetricSpace:
    return MetricSpace("euclidean", finite_table(points, of="cluster"))


def points_of(space: MetricSpace) -> np.ndarray:
    """Return rows (n_rows, d) that k-means can work on: Euclidean ones, or principal coordinates of the distances."""
    return (
        principal_coordinates(space, n_axes=AXES).coordinates if space.euclidean is None else space.euclidean
    )


def _labeller(space: MetricSpace, method: Method, k: int) -> Labeller:
    """Work out what all runs on the same rows share, and return what makes the labels of seeds."""
    if method in SETTLED:
        once = (_hdbscan if method == "hdbscan" else _agglomerative)(space, k).astype(np.int32)
        return lambda seeds: np.repeat(once[None], len(seeds), axis=0)
    from clew.kernels.kmeans import kmeans

    points = _modes(space, k) if method == "spectral" else points_of(space)
    return lambda seeds: kmeans(points, k, seeds)[0]


def _hdbscan(space: MetricSpace, k: int) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    smallest = int(np.clip(round(0.05 * space.n_rows), 5, 50))
    if smallest > space.n_rows:
        return np.full(space.n_rows, -1)
    if space.euclidean is not None:
        return HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(space.euclidean)
    _check_kept(space, "hdbscan")
    return HDBSCAN(min_cluster_size=smallest, metric="precomputed", copy=True).fit_predict(space.matrix)


def _agglomerative(space: MetricSpace, k: int) -> np.ndarray:
    from sklearn.cluster import AgglomerativeClustering

    _check_kept(space, "agglomerative")
    if space.metric == "euclidean":
        return AgglomerativeClustering(k).fit_predict(space.euclidean)
    distances = space.block(np.arange(space.n_rows))
    return AgglomerativeClustering(k, metric="precomputed", linkage="average").fit_predict(distances)


def _check_kept(space: MetricSpace, method: str) -> None:
    check(
        space.given is not None or space.n_rows <= KEPT_ROWS,
        SettingError,
        "The rows for {} must be at most {:,}, since it keeps all distances. Got {:,} instead: use kmeans, or --max-rows.",
        method,
        KEPT_ROWS,
        space.n_rows,
    )


def _modes(space: MetricSpace, k: int) -> np.ndarray:
    """Return the slowest ``k`` modes of the neighbour graph, (n_rows, k)."""
    from sklearn.manifold import spectral_embedding

    near = neighbors(space, k=min(NEIGHBORS, space.n_rows - 1))
    graph = fuzzy_simplicial_set(near, n_neighbors=near.k + 1)
    if k >= space.n_rows - 1:
        return np.eye(space.n_rows)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Graph is not fully connected"
        )  # then parts are modes, as they should be
        return spectral_embedding(graph, n_components=k, random_state=0, drop_first=False)


def _resampled(space, method, k, runs, resample, random_state, on_progress):
    """Labels (n_runs, n_rows) of runs on random parts of the rows; agreement (n_pairs,) of each two on what they share."""
    from clew.kernels.threads import n_threads

    n_rows = space.n_rows
    size = max(round(SHARE * n_rows), min(n_rows, k))
    points = _euclidean(points_of(space)) if method == "kmeans" and resample is None else space

    def one(run: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([random_state, run])
        rows = np.sort(rng.choice(n_rows, size, replace=False))
        part = points.take(rows) if resample is None else resample(rows, random_state + run)
        part = part if isinstance(part, MetricSpace) else _euclidean(part)
        return rows, _labeller(part, method, k)(np.array([random_state + run]))[0]

    parts = []
    with ThreadPoolExecutor(n_threads()) as pool:
        for run, found in enumerate(pool.map(one, range(runs))):
            parts.append(found)
            if on_progress is not None:
                on_progress(runs + run + 1, 2 * runs)
    everyone = np.full((runs, n_rows), ABSENT, np.int32)
    for labels, (rows, own) in zip(everyone, parts):
        labels[rows] = own
    pairs = [(a, b, (a > ABSENT) & (b > ABSENT)) for i, a in enumerate(everyone) for b in everyone[i + 1 :]]
    return everyone, np.array([adjusted_rand(a[both], b[both]) for a, b, both in pairs if both.sum() > 1])
