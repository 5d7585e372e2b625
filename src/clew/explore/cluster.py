"""Clusterings as ensembles: many runs, over seeds and over resampled rows, and the consensus of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.explore.stability import Stability, adjusted_rand, stability
from clew.result import Result

Method = Literal["kmeans", "hdbscan"]
SHARE = 0.8  # of the rows in a resample


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Clustering(Result):
    """An ensemble of clusterings of the same rows and what they agree on.

    Parameters
    ----------
    method : str
        "kmeans" or "hdbscan".
    labels : ndarray of int32, shape (n_runs, n_rows)
        The clusters of every run, as they came; -1 for rows that HDBSCAN leaves out.
    stability : Stability
        Agreement over seeds, consensus, confidence per row.
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

    def headline(self) -> str:
        """Say sizes and agreement."""
        sizes = ", ".join(map(str, self.sizes))
        found = f"{len(self.sizes)} groups of {sizes} rows" if sizes else "no group"
        return f"{self.method}, {found}. {self.stability.headline()}"

    def summary(self) -> dict:
        """Return sizes and agreement over seeds and over resampled rows."""
        return {
            "method": self.method,
            "groups": {str(i): int(size) for i, size in enumerate(self.sizes)},
            "stability": {
                **self.stability.summary(),
                "resampled_ari_mean": float(self.resampled_ari.mean()),
                "resampled_ari_min": float(self.resampled_ari.min()),
            },
        }


def cluster(
    spaces: Sequence[np.ndarray],
    *,
    method: Method = "kmeans",
    k: int = 2,
    resample: Callable[[np.ndarray, int], np.ndarray] | None = None,
    random_state: int = 0,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Clustering:
    """Cluster the same rows many times and measure the agreement.

    Parameters
    ----------
    spaces : sequence of ndarray of float64, shape (n_rows, n_dimensions)
        What each run clusters: the same features again and again, or one embedding a run.
    method : {"kmeans", "hdbscan"}
        k-means from one start each (k-means++), or HDBSCAN with its minimal cluster size at 5% of the rows
        (5 at least, 50 at most).
    k : int
        Number of clusters for k-means; HDBSCAN finds its own.
    resample : callable (rows, seed) -> ndarray, optional
        Makes the space of a part of the rows anew (an embedding of them); the first of ``spaces`` otherwise.
    random_state : int
        Run i has the seed ``random_state + i``.

    Raises
    ------
    SettingError
        If ``k`` is not from 1 to the number of rows.

    Notes
    -----
    k-means: Lloyd, IEEE Trans. Inf. Theory 28 (1982), doi:10.1109/TIT.1982.1056489; starts after Arthur &
    Vassilvitskii, SODA 2007. HDBSCAN: Campello, Moulavi & Sander, PAKDD 2013, doi:10.1007/978-3-642-37456-2_14,
    as scikit-learn has it.
    """
    n_rows, runs = len(spaces[0]), len(spaces)
    check_choice(method, ("kmeans", "hdbscan"), what="'method' setting", of="cluster")
    check(
        method != "kmeans" or (isinstance(k, (int, np.integer)) and 1 <= k <= n_rows),
        SettingError,
        "The 'k' setting of cluster must be an int from 1 to the number of rows ({}). Got {} instead.",
        n_rows,
        k,
    )
    labels = np.empty((runs, n_rows), np.int32)
    for run, space in enumerate(spaces):
        labels[run] = cluster_once(space, method=method, k=k, seed=random_state + run)
        if on_progress is not None:
            on_progress(run + 1, 2 * runs)
    agreement = stability(labels, random_state=random_state)
    resampled = _resampled(spaces[0], method, k, runs, resample, random_state, on_progress)
    sizes = np.bincount(agreement.consensus[agreement.consensus >= 0])
    return Clustering(
        method=method,
        labels=labels,
        stability=agreement,
        resampled_ari=resampled,
        sizes=sizes,
        group_stability=np.array(
            [agreement.confidence[agreement.consensus == g].mean() for g in range(len(sizes))]
        ),
    )


def cluster_once(space: np.ndarray, *, method: Method, k: int, seed: int) -> np.ndarray:
    """Return the clusters (n_rows,) of int32 of one run."""
    space = np.ascontiguousarray(space, dtype=np.float64)
    if method == "kmeans":
        from clew.kernels.kmeans import kmeans

        return kmeans(space, k, np.array([seed], np.int64))[0][0]
    from sklearn.cluster import HDBSCAN

    smallest = int(np.clip(round(0.05 * len(space)), 5, 50))
    if smallest > len(space):
        return np.full(len(space), -1, np.int32)
    return HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(space).astype(np.int32)


def _resampled(space, method, k, runs, resample, random_state, on_progress):
    """Agreement (n_pairs,) of consecutive runs on random parts of the rows, each pair on the rows that it shares."""
    n_rows = len(space)
    size = max(round(SHARE * n_rows), min(n_rows, k))
    parts, labels = [], []
    for run in range(runs):
        rng = np.random.default_rng([random_state, run])
        rows = np.sort(rng.choice(n_rows, size, replace=False))
        part = space[rows] if resample is None else resample(rows, random_state + run)
        parts.append(rows)
        labels.append(cluster_once(part, method=method, k=k, seed=random_state + run))
        if on_progress is not None:
            on_progress(runs + run + 1, 2 * runs)
    figures = []
    for i in range(runs):
        for j in range(i + 1, runs):
            _, a, b = np.intersect1d(parts[i], parts[j], assume_unique=True, return_indices=True)
            if len(a) > 1:
                figures.append(adjusted_rand(labels[i][a], labels[j][b]))
    return np.array(figures)
