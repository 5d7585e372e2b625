"""The loops of polarisation: covariances of three components, and the axes of their ellipsoids."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

FEWEST = 4  # samples that span an ellipsoid
DEAD = 1e-9  # of the largest standard deviation: below what any sensor resolves, it is rounding that is left of a constant
SWEEPS = 12  # three or four do


@njit(cache=True, nogil=True)
def covariances(block):
    """Return the covariance matrices of windows of three components, over the samples that all three have.

    Parameters
    ----------
    block : ndarray of float64, shape (w, 3, n)
        NaN where nothing was recorded.

    Returns
    -------
    ndarray of float64, shape (w, 3, 3)
        All NaN where fewer than 4 samples are shared, or a component does not vary: exactly, or by less than 1e-9 of the
        one that varies most.
    """
    out = np.empty((block.shape[0], 3, 3))
    for w in range(block.shape[0]):
        _covariance(block[w], out[w])
    return out


@njit(cache=True, nogil=True)
def _covariance(x, out):
    n, a, b, c = 0, 0.0, 0.0, 0.0
    for i in range(x.shape[1]):
        if not math.isnan(x[0, i] + x[1, i] + x[2, i]):
            n += 1
            a += x[0, i]
            b += x[1, i]
            c += x[2, i]
    if n < FEWEST:
        out[:] = np.nan
        return
    a, b, c = a / n, b / n, c / n
    aa = ab = ac = bb = bc = cc = 0.0
    for i in range(x.shape[1]):
        da, db, dc = x[0, i] - a, x[1, i] - b, x[2, i] - c
        if not math.isnan(da + db + dc):
            aa += da * da
            ab += da * db
            ac += da * dc
            bb += db * db
            bc += db * dc
            cc += dc * dc
    if min(aa, bb, cc) > DEAD * DEAD * max(aa, bb, cc):
        out[0, 0], out[1, 1], out[2, 2] = aa, bb, cc
        out[0, 1], out[0, 2], out[1, 2] = ab, ac, bc
        out[1, 0], out[2, 0], out[2, 1] = ab, ac, bc
        out /= n - 1
    else:
        out[:] = np.nan


@njit(cache=True, nogil=True)
def principal_axes(matrices):
    """Return the eigenvalues of symmetric 3 x 3 matrices, and the eigenvectors.

    Parameters
    ----------
    matrices : ndarray of float64, shape (w, 3, 3)
        Symmetric; NaN gives NaN.

    Returns
    -------
    values : ndarray of float64, shape (w, 3)
        From the largest to the smallest.
    vectors : ndarray of float64, shape (w, 3, 3)
        ``vectors[w, k]`` is the one of ``values[w, k]``, of length 1; its sign means nothing.

    Notes
    -----
    Jacobi's rotations, which keep all the digits also where eigenvalues are nearly equal; Golub & Van Loan, Matrix
    Computations, 4th edition (2013), section 8.5.
    """
    values, vectors = np.empty((matrices.shape[0], 3)), np.empty_like(matrices)
    a, v = np.empty((3, 3)), np.empty((3, 3))
    for w in range(matrices.shape[0]):
        a[:] = matrices[w]
        if not np.isfinite(a).all():
            values[w], vectors[w] = np.nan, np.nan
            continue
        v[:] = 0.0
        for k in range(3):
            v[k, k] = 1.0
        for _ in range(SWEEPS):
            if a[0, 1] == 0.0 and a[0, 2] == 0.0 and a[1, 2] == 0.0:
                break
            _rotate(a, v, 0, 1, 2)
            _rotate(a, v, 0, 2, 1)
            _rotate(a, v, 1, 2, 0)
        order = np.argsort(-np.diag(a), kind="mergesort")
        for k in range(3):
            values[w, k] = a[order[k], order[k]]
            vectors[w, k] = v[:, order[k]]
    return values, vectors


@njit(cache=True, nogil=True)
def _rotate(a, v, p, q, r):
    """Turn the plane of the axes ``p`` and ``q`` so that ``a[p, q]`` becomes 0; ``r`` is the third axis."""
    off = a[p, q]
    if abs(off) <= 1e-18 * (abs(a[p, p]) + abs(a[q, q])):
        a[p, q], a[q, p] = 0.0, 0.0
        return
    theta = (a[q, q] - a[p, p]) / (2.0 * off)
    t = (1.0 if theta >= 0.0 else -1.0) / (abs(theta) + math.sqrt(theta * theta + 1.0))
    c = 1.0 / math.sqrt(t * t + 1.0)
    s = t * c
    a[p, p] -= t * off
    a[q, q] += t * off
    a[p, q], a[q, p] = 0.0, 0.0
    rp, rq = a[r, p], a[r, q]
    a[r, p], a[r, q] = c * rp - s * rq, s * rp + c * rq
    a[p, r], a[q, r] = a[r, p], a[r, q]
    for k in range(3):
        vp, vq = v[k, p], v[k, q]
        v[k, p], v[k, q] = c * vp - s * vq, s * vp + c * vq
