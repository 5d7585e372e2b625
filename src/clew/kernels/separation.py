"""How well a clustering separates its rows: along the line between neighbours, and in the whole space."""

from __future__ import annotations

import numpy as np
from numba import njit

FEWEST_ROWS = 3  # a cluster of one or two rows has no spread to compare the gap with


@njit(cache=True, nogil=True)
def projected_index(X, labels, centers):
    """Return the share of variance that a cut explains along the line between the two clusters it parts.

    Every cluster is paired with the one whose centre is nearest; the rows of both are projected on the
    difference of the centres; the index of a pair is 1 - (within-cluster sum of squares) / (total sum of
    squares) of the projection.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d)
    labels : ndarray of int32, shape (n,)
        From 0 to k - 1.
    centers : ndarray of float64, shape (k, d)

    Returns
    -------
    float
        The smallest index of all pairs, from 0 to 1; 0 if a cluster has fewer than 3 rows or k < 2.
    """
    k = centers.shape[0]
    if k < 2 or np.bincount(labels, minlength=k).min() < FEWEST_ROWS:
        return 0.0
    lowest = 1.0
    for a in range(k):
        b = -1
        nearest = np.inf
        for other in range(k):
            distance = ((centers[other] - centers[a]) ** 2).sum()
            if other != a and distance < nearest:
                b, nearest = other, distance
        lowest = min(lowest, _pair_index(X, labels, a, b, centers[b] - centers[a], centers[a]))
    return lowest


@njit(cache=True, nogil=True)
def _pair_index(X, labels, a, b, direction, origin):
    n, d = X.shape
    count, total, squares = np.zeros(2), np.zeros(2), np.zeros(2)
    for i in range(n):
        if labels[i] == a or labels[i] == b:
            side = 1 if labels[i] == b else 0
            position = 0.0
            for f in range(d):
                position += (X[i, f] - origin[f]) * direction[f]
            count[side] += 1.0
            total[side] += position
            squares[side] += position * position
    within = (squares - total**2 / count).sum()
    whole = squares.sum() - total.sum() ** 2 / count.sum()
    return max(0.0, 1.0 - within / whole) if whole > 0.0 else 0.0


@njit(cache=True, nogil=True)
def simplified_silhouette(X, labels, centers):
    """Return the mean over rows of (b - a) / max(a, b): a is the distance to the own centre, b to the next nearest.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d)
    labels : ndarray of int32, shape (n,)
    centers : ndarray of float64, shape (k, d)

    Returns
    -------
    float
        From -1 to 1; 0 for k < 2. Rows at equal distances, also both 0, count as 0.

    Notes
    -----
    The silhouette of Rousseeuw, J. Comput. Appl. Math. 20:53 (1987), doi:10.1016/0377-0427(87)90125-7, with
    distances to centres in place of mean distances to rows (Hruschka, de Castro & Campello, 2004).
    """
    n, d = X.shape
    k = centers.shape[0]
    if k < 2:
        return 0.0
    total = 0.0
    for i in range(n):
        own, other = 0.0, np.inf
        for c in range(k):
            squared = 0.0
            for f in range(d):
                squared += (X[i, f] - centers[c, f]) ** 2
            if c == labels[i]:
                own = np.sqrt(squared)
            else:
                other = min(other, squared)
        other = np.sqrt(other)
        if own != other:
            total += (other - own) / max(own, other)
    return total / n
