"""k-means for many small tables: greedy k-means++ and Lloyd's iterations, one independent run a seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import get_num_threads, njit

BLOCK = 256  # rows whose distances stay in the fastest cache while the features stream by
THREADS_PAY_FROM = (
    2_000_000  # multiplications an iteration of all starts; below, threads cost more than they give
)
GOLDEN, MIX_1, MIX_2 = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
SHIFT_1, SHIFT_2, SHIFT_3, SHIFT_MANTISSA = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


def kmeans(
    X: np.ndarray, k: int, seeds: np.ndarray, max_iter: int = 300
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cluster the rows of ``X`` once for each seed.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d), C-contiguous
    k : int
        Number of clusters, 1 to n.
    seeds : ndarray of int64, shape (n_starts,)
        What a start returns depends on ``X``, ``k``, ``max_iter`` and its own seed alone.
    max_iter : int
        Lloyd's iterations at most; a start ends earlier when no row changes its cluster.

    Returns
    -------
    labels : ndarray of int32, shape (n_starts, n)
        The nearest centre of each row, the first of equally near ones.
    centers : ndarray of float64, shape (n_starts, k, d)
    inertia : ndarray of float64, shape (n_starts,)
        Sum of the squared distances between rows and their centres.
    n_iter : ndarray of int64, shape (n_starts,)

    Notes
    -----
    Seeding: the greedy k-means++ of Arthur & Vassilvitskii (SODA 2007), the best of 2 + floor(ln k) candidates
    a centre, as in scikit-learn. Iterations: Lloyd, IEEE Trans. Inf. Theory 28:129 (1982),
    doi:10.1109/TIT.1982.1056489. A cluster that loses all rows restarts at the row farthest from its centre;
    only where there are fewer different rows than clusters does one stay empty. Sums run in the order of the
    rows and starts share nothing, so the bits are the same for any number of threads.
    """
    X = np.ascontiguousarray(X, dtype=np.float64)
    seeds = np.atleast_1d(np.asarray(seeds, dtype=np.int64))
    n, d = X.shape
    columns = np.ascontiguousarray(X.T)
    labels = np.empty((seeds.size, n), np.int32)
    centers = np.empty((seeds.size, k, d))
    inertia = np.empty(seeds.size)
    n_iter = np.empty(seeds.size, np.int64)

    def run(start: int) -> None:
        inertia[start], n_iter[start] = _run(
            X, columns, k, seeds[start], max_iter, labels[start], centers[start]
        )

    if n * d * k * seeds.size >= THREADS_PAY_FROM and seeds.size > 1 and n_threads() > 1:
        with ThreadPoolExecutor(min(n_threads(), seeds.size)) as pool:
            list(pool.map(run, range(seeds.size)))
    else:
        for start in range(seeds.size):
            run(start)
    return labels, centers, inertia, n_iter


def n_threads() -> int:
    """Return how many threads compiled work may use: NUMBA_NUM_THREADS, else the number of cores."""
    return int(get_num_threads())


@njit(cache=True, nogil=True)
def _run(X, columns, k, seed, max_iter, labels, centers):
    """Fill ``labels`` (n,) and ``centers`` (k, d); return the inertia and the number of iterations."""
    n = X.shape[0]
    distances = np.empty(n)
    previous = np.full(n, -1, np.int32)
    _seed_centers(X, columns, seed, centers)
    for iteration in range(1, max_iter + 1):
        _assign(columns, centers, labels, distances)
        if np.array_equal(labels, previous):
            return distances.sum(), iteration
        previous[:] = labels
        _move_centers(X, previous, distances, centers)
    _assign(columns, centers, labels, distances)
    return distances.sum(), max_iter


@njit(cache=True, nogil=True)
def _assign(columns, centers, labels, distances):
    """Give each row its nearest centre and the squared distance to it; ``columns`` is (d, n)."""
    d, n = columns.shape
    squared, best, nearest = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.int32)
    for start in range(0, n, BLOCK):
        m = min(BLOCK, n - start)
        best[:] = np.inf
        nearest[:] = 0
        for c in range(centers.shape[0]):
            squared[:] = 0.0
            for f in range(d):
                center, column = centers[c, f], columns[f, start : start + m]
                for i in range(m):
                    squared[i] += (column[i] - center) * (column[i] - center)
            for i in range(m):
                closer = squared[i] < best[i]
                best[i] = squared[i] if closer else best[i]
                nearest[i] = np.int32(c) if closer else nearest[i]
        labels[start : start + m] = nearest[:m]
        distances[start : start + m] = best[:m]


@njit(cache=True, nogil=True)
def _move_centers(X, labels, distances, centers):
    """Move each centre to the mean of its rows, one without rows to the row farthest from its centre."""
    n, d = X.shape
    k = centers.shape[0]
    counts = np.bincount(labels, minlength=k)
    for c in range(k):
        if counts[c] == 0:
            far = np.argmax(distances)
            if distances[far] > 0.0 and counts[labels[far]] > 1:
                counts[labels[far]] -= 1
                labels[far], counts[c], distances[far] = c, 1, 0.0
    centers[counts > 0] = 0.0
    for i in range(n):
        c = labels[i]
        for f in range(d):
            centers[c, f] += X[i, f]
    for c in range(k):
        if counts[c] > 0:
            for f in range(d):
                centers[c, f] /= counts[c]


@njit(cache=True, nogil=True)
def _seed_centers(X, columns, seed, centers):
    """Choose rows as first centres: far rows are likelier, and the best of a few candidates is kept."""
    n = X.shape[0]
    k = centers.shape[0]
    state = np.array([np.uint64(seed)])
    _uniform(state)  # neighbouring seeds part here
    centers[0] = X[min(n - 1, int(_uniform(state) * n))]
    closest, trial, kept = np.empty(n), np.empty(n), np.empty(n)
    _squared_distances(columns, centers[0], closest)
    for c in range(1, k):
        cumulative = np.cumsum(closest)
        lowest = np.inf
        for _ in range(2 + int(np.log(k))):
            i = min(n - 1, np.searchsorted(cumulative, _uniform(state) * cumulative[-1], side="right"))
            _squared_distances(columns, X[i], trial)
            potential = 0.0
            for j in range(n):
                trial[j] = min(trial[j], closest[j])
                potential += trial[j]
            if potential < lowest:
                lowest = potential
                centers[c] = X[i]
                kept, trial = trial, kept
        closest, kept = kept, closest


@njit(cache=True, nogil=True)
def _squared_distances(columns, point, out):
    """Write the squared distance of every row to ``point`` into ``out``; ``columns`` is (d, n)."""
    d, n = columns.shape
    for start in range(0, n, BLOCK):
        m = min(BLOCK, n - start)
        part = out[start : start + m]
        part[:] = 0.0
        for f in range(d):
            center, column = point[f], columns[f, start : start + m]
            for i in range(m):
                part[i] += (column[i] - center) * (column[i] - center)


@njit(cache=True, nogil=True)
def _uniform(state):
    """Return the next number in [0, 1) of SplitMix64 (Steele, Lea & Flood 2014, doi:10.1145/2714064.2660195)."""
    state[0] += GOLDEN
    z = state[0]
    z = (z ^ (z >> SHIFT_1)) * MIX_1
    z = (z ^ (z >> SHIFT_2)) * MIX_2
    return ((z ^ (z >> SHIFT_3)) >> SHIFT_MANTISSA) * 2.0**-53
