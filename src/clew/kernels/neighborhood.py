"""The loops over neighbours: exact distances of candidates, and how far a map breaks neighbourhoods."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def nearest_candidates(X, candidates, k):
    """Keep the ``k`` nearest of each row's candidates, the row itself left out; ties go to the lower index.

    ``X`` (n_rows, n_features) float64, ``candidates`` (n_rows, n_candidates) int64 with at least ``k`` other rows
    each. Returns ``indices`` (n_rows, k) int32 and ``distances`` (n_rows, k) float64, by rising distance.
    """
    n_rows, n_features = X.shape
    indices = np.empty((n_rows, k), np.int32)
    squares = np.empty((n_rows, k))
    for i in range(n_rows):
        kept = 0
        for j in candidates[i]:
            if j == i:
                continue
            square = 0.0
            for f in range(n_features):
                square += (X[i, f] - X[j, f]) ** 2
            place = min(kept, k)
            while place > 0 and (squares[i, place - 1], indices[i, place - 1]) > (square, j):
                if place < k:
                    squares[i, place], indices[i, place] = squares[i, place - 1], indices[i, place - 1]
                place -= 1
            if place < k:
                squares[i, place], indices[i, place] = square, j
            kept += 1
    return indices, np.sqrt(squares)


@njit(cache=True, nogil=True)
def rank_excess(columns, rows, neighbors):
    """Sum how far ``neighbors`` lie beyond the ``k`` nearest rows: the penalty of trustworthiness.

    ``columns`` (n_features, n_rows) float64 is the space in which rows are ranked, ``rows`` (n_chosen,) int64
    whose neighbours are judged, ``neighbors`` (n_maps, n_rows, k) int32. Returns, for each map, the int64 sum of
    ``max(0, rank - k)``, where the nearest other row has rank 1 and ties share the better rank.
    """
    n_features, n_rows = columns.shape
    n_maps, _, k = neighbors.shape
    excess = np.zeros(n_maps, np.int64)
    squares = np.empty(n_rows)
    for i in rows:
        squares[:] = 0
        for f in range(n_features):
            centre = columns[f, i]
            for j in range(n_rows):
                squares[j] += (columns[f, j] - centre) ** 2
        squares[i] = -1  # the row itself comes first, so that others have rank 1, 2, ...
        for m in range(n_maps):
            for j in neighbors[m, i]:
                excess[m] += max(0, count_below(squares, squares[j]) - k)
    return excess


@njit(cache=True, nogil=True)
def count_below(values, limit):
    """Count the values below a limit: for a few hundred limits sooner done than sorting."""
    count = 0
    for value in values:
        count += value < limit
    return count
