"""The loops over neighbours: exact distances of candidates, and how far a map breaks neighbourhoods."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def nearest_candidates(rows, queries, itself, candidates, k):
    """Keep the ``k`` nearest of each query's candidates; ties go to the lower index.

    ``rows`` (n_rows, n_features) and ``queries`` (n_queries, n_features) float64; ``itself`` (n_queries,) int64 is
    the row that a query is, and that does not count, or -1; ``candidates`` (n_queries, n_candidates) int64, negative
    ones are no rows. Returns ``indices`` (n_queries, k) int32 and ``distances`` (n_queries, k) float64, by rising
    distance; -1 and infinity where there are fewer than ``k``.
    """
    n_queries = queries.shape[0]
    indices = np.full((n_queries, k), -1, np.int32)
    squares = np.full((n_queries, k), np.inf)
    for i in range(n_queries):
        kept = 0
        for j in candidates[i]:
            if j >= 0 and j != itself[i]:
                kept = _keep(indices[i], squares[i], kept, j, _squared(rows[j], queries[i]))
    return indices, np.sqrt(squares)


@njit(cache=True, nogil=True)
def nearest_rows(rows, queries, itself, k):
    """Compare each query with all rows; the rest is as in `nearest_candidates`."""
    n_queries = queries.shape[0]
    indices = np.full((n_queries, k), -1, np.int32)
    squares = np.full((n_queries, k), np.inf)
    for i in range(n_queries):
        kept = 0
        for j in range(rows.shape[0]):
            square = _squared(rows[j], queries[i])
            if j != itself[i] and square <= squares[i, k - 1]:
                kept = _keep(indices[i], squares[i], kept, j, square)
    return indices, np.sqrt(squares)


@njit(cache=True, nogil=True)
def _squared(a, b):
    square = 0.0
    for f in range(a.size):
        square += (a[f] - b[f]) ** 2
    return square


@njit(cache=True, nogil=True)
def _keep(indices, squares, kept, j, square):
    """Put a row into its place among the nearest, both (k,), of which ``kept`` are taken; return how many are now."""
    k = indices.size
    place = min(kept, k)
    while place > 0 and (squares[place - 1], indices[place - 1]) > (square, j):
        if place < k:
            squares[place], indices[place] = squares[place - 1], indices[place - 1]
        place -= 1
    if place < k:
        squares[place], indices[place] = square, j
    return kept + 1


@njit(cache=True, nogil=True)
def rank_excess(columns, rows, neighbors, reach):
    """Sum how far ``neighbors`` lie beyond the ``k`` nearest rows: the penalty of trustworthiness.

    ``columns`` (n_features, n_rows) float64 is the space in which rows are ranked, ``rows`` (n_chosen,) int64
    whose neighbours are judged, ``neighbors`` (n_maps, n_rows, k) int32, ``reach`` (n_rows,) float64 the squared
    distance to the k-th neighbour in that space: whoever is nearer need not be counted. Returns, for each map, the
    int64 sum of ``max(0, rank - k)``, where the nearest other row has rank 1 and ties share the better rank.
    """
    n_features, n_rows = columns.shape
    excess = np.zeros(neighbors.shape[0], np.int64)
    squares = np.empty(n_rows)
    for i in rows:
        squares[:] = 0
        for f in range(n_features):
            centre = columns[f, i]
            for j in range(n_rows):
                squares[j] += (columns[f, j] - centre) ** 2
        _add_excess(excess, squares, i, neighbors[:, i], reach[i])
    return excess


@njit(cache=True, nogil=True)
def rank_excess_given(distances, rows, neighbors, reach):
    """Do the same in a space that is known by distances: ``distances`` (n_chosen, n_rows) float64 from ``rows``.

    ``reach`` (n_rows,) is the distance to the k-th neighbour, not squared.
    """
    excess = np.zeros(neighbors.shape[0], np.int64)
    for at, i in enumerate(rows):
        _add_excess(excess, distances[at].copy(), i, neighbors[:, i], reach[i])
    return excess


@njit(cache=True, nogil=True)
def _add_excess(excess, far, i, neighbors, reach):
    """Add to ``excess`` (n_maps,) what the neighbours (n_maps, k) of row ``i`` lie beyond their rank; ``far`` (n_rows,)."""
    n_maps, k = neighbors.shape
    far[i] = -1  # the row itself comes first, so that others have rank 1, 2, ...
    for m in range(n_maps):
        for j in neighbors[m]:
            if far[j] > reach * (1 - 1e-9):  # nearer ones are among the k nearest
                excess[m] += max(0, count_below(far, far[j]) - k)


@njit(cache=True, nogil=True)
def count_below(values, limit):
    """Count the values below a limit: for a few hundred limits sooner done than sorting."""
    count = 0
    for value in values:
        count += value < limit
    return count
