"""Distributions with one mode: convex minorants, concave majorants, the closest unimodal CDF, the dip."""

from __future__ import annotations

import numpy as np
from numba import njit

SAME_DISTANCE = 1e-12  # between shares of rows; closer ones differ by rounding only


@njit(cache=True, nogil=True)
def convex_minorant(x, y):
    """Return the indices of the corners of the greatest convex function below the points.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        ``x`` ascending; among equal ``x``, ``y`` ascending too.

    Returns
    -------
    ndarray of int64, shape (n_corners,)
        Ascending, from 0 to n - 1. A jump can only stand at the last ``x``.
    """
    corners = np.empty(x.size, np.int64)
    m = 0
    for i in range(x.size):
        while m > 1 and _turns_right(x, y, corners[m - 2], corners[m - 1], i):
            m -= 1
        corners[m] = i
        m += 1
    return corners[:m].copy()


@njit(cache=True, nogil=True)
def concave_majorant(x, y):
    """Return the indices of the corners of the least concave function above the points; see `convex_minorant`."""
    return (x.size - 1 - convex_minorant(-x[::-1], -y[::-1]))[::-1].copy()


@njit(cache=True, nogil=True)
def _turns_right(x, y, a, b, c):
    """Tell whether b lies on or above the line from a to c, so that no convex function below needs it."""
    return (y[b] - y[a]) * (x[c] - x[a]) >= (y[c] - y[a]) * (x[b] - x[a])


@njit(cache=True, nogil=True)
def falling_density(log_v, log_density):
    """Return the corners of the least concave majorant of an empirical CDF on v >= 0, given log v.

    This is Grenander's estimate of a density that falls with v. It works on logarithms because v, a radius to
    the power of the dimension, leaves the range of floats beyond some 100 dimensions.

    Parameters
    ----------
    log_v : ndarray of float64, shape (n,), ascending
        The i-th has the cumulated share (i + 1) / n; at v = 0 it is 0.
    log_density : ndarray of float64, shape (n,)
        Receives the logarithm of the density left of each corner (first entries of the array).

    Returns
    -------
    ndarray of int64, shape (n_corners,)
        Ascending, the last is n - 1.
    """
    n = log_v.size
    corners = np.empty(n, np.int64)
    m = 0
    for i in range(n):
        left = corners[m - 1] if m else -1
        slope = _log_slope(log_v, left, i)
        while m and slope >= log_density[m - 1]:
            m -= 1
            left = corners[m - 1] if m else -1
            slope = _log_slope(log_v, left, i)
        corners[m], log_density[m] = i, slope
        m += 1
    return corners[:m].copy()


@njit(cache=True, nogil=True)
def _log_slope(log_v, left, right):
    """Return log of (share between two rows) / (difference of their v); ``left`` -1 stands for v = 0."""
    gap = log_v[left] - log_v[right] if left >= 0 else -np.inf
    if gap >= 0.0:
        return np.inf
    return np.log((right - left) / log_v.size) - log_v[right] - np.log1p(-np.exp(gap))


@njit(cache=True, nogil=True)
def closest_unimodal(x, modes):
    """Return the corners of a unimodal CDF close to the empirical one.

    Left of a mode it is the greatest convex minorant of the empirical CDF, right of it the least concave
    majorant; of the modes on trial, the one whose CDF comes closest wins (largest distance at a row; many
    modes share it, and of these the one with the smallest mean distance).

    Parameters
    ----------
    x : ndarray of float64, shape (n,), ascending, n >= 2
        The rows; the i-th has the cumulated share i / (n - 1), so that the ends are the smallest and the largest row.
    modes : ndarray of int64, shape (n_modes,)
        Indices into ``x`` to try as modes.

    Returns
    -------
    ndarray of int64, shape (n_corners,)
        Ascending, from 0 to n - 1: the CDF runs straight from (x[c], c / (n - 1)) to the next. Rows that tie at
        the mode keep their jump.
    """
    n = x.size
    share = np.arange(n) / (n - 1)
    best = np.empty(0, np.int64)
    smallest, smallest_mean = np.inf, np.inf
    for mode in modes:
        left = convex_minorant(x[: mode + 1], share[: mode + 1])
        right = concave_majorant(x[mode:], share[mode:]) + mode
        corners = np.concatenate((left, right[1:]))
        largest, mean = _distances(x, share, corners)
        tied = abs(largest - smallest) < SAME_DISTANCE
        if mean < smallest_mean if tied else largest < smallest:
            best, smallest, smallest_mean = corners, largest, mean
    return best


@njit(cache=True, nogil=True)
def _distances(x, y, corners):
    """Return the largest and the mean of |y - straight line between the corners| over all points."""
    largest, total = 0.0, 0.0
    for segment in range(corners.size - 1):
        left, right = corners[segment], corners[segment + 1]
        if x[right] > x[left]:
            for i in range(left + 1, right):
                distance = abs(y[i] - _line(x, y, left, right, x[i]))
                largest = max(largest, distance)
                total += distance
    return largest, total / x.size


@njit(cache=True, nogil=True)
def dip_statistic(x):
    """Return the dip: the largest distance between the empirical CDF and the closest unimodal one.

    Parameters
    ----------
    x : ndarray of float64, shape (n,), ascending, n >= 1

    Returns
    -------
    float
        From 1 / (2 n) to 1/4; 0 if all rows are equal.

    Notes
    -----
    Hartigan & Hartigan, Ann. Stat. 13:70 (1985), doi:10.1214/aos/1176346577, written from the description there:
    the modal interval shrinks to where minorant and majorant are farthest apart, until what was cut off
    needs a larger band than what remains.
    """
    n = x.size
    if x[0] == x[-1]:
        return 0.0
    count = np.arange(n).astype(
        np.float64
    )  # the CDF in rows: ``count`` just below a row, ``count + 1`` at it
    band = 1.0  # twice the dip, in rows
    low, high = 0, n - 1
    while True:
        minorant = convex_minorant(x[low : high + 1], count[low : high + 1]) + low
        majorant = concave_majorant(x[low : high + 1], count[low : high + 1]) + low
        gap, new_low, new_high = _widest_gap(x, count, minorant, majorant)
        if gap <= band:
            break
        band = max(band, _band_of(x, count, minorant[minorant <= new_low], 1.0))
        band = max(band, _band_of(x, count, majorant[majorant >= new_high], -1.0))
        if new_low == low and new_high == high:
            break
        low, high = new_low, new_high
    return band / (2.0 * n)


@njit(cache=True, nogil=True)
def _widest_gap(x, count, minorant, majorant):
    """Return the widest gap between majorant and minorant, in rows, and the corners left and right of it."""
    widest, low, high = 0.0, minorant[0], majorant[-1]
    segment = 0
    for corner in minorant:  # the majorant above each corner of the minorant
        while segment < majorant.size - 2 and x[majorant[segment + 1]] < x[corner]:
            segment += 1
        left, right = majorant[segment], majorant[segment + 1]
        gap = _line(x, count, left, right, x[corner]) + 1.0 - count[corner]
        if gap > widest:
            widest, low, high = gap, corner, right
    segment = 0
    for corner in majorant:  # the minorant below each corner of the majorant
        while segment < minorant.size - 2 and x[minorant[segment + 1]] <= x[corner]:
            segment += 1
        left, right = minorant[segment], minorant[segment + 1]
        gap = count[corner] + 1.0 - _line(x, count, left, right, x[corner])
        if gap > widest:
            widest, low, high = gap, left, corner
    return widest, low, high


@njit(cache=True, nogil=True)
def _band_of(x, count, corners, side):
    """Return the band that straight lines between corners need below (side 1) or above (-1) the CDF, in rows."""
    band = 1.0
    for segment in range(corners.size - 1):
        left, right = corners[segment], corners[segment + 1]
        for i in range(left, right + 1):
            band = max(band, side * (count[i] - _line(x, count, left, right, x[i])) + 1.0)
    return band


@njit(cache=True, nogil=True)
def _line(x, y, left, right, at):
    """Return the height at ``at`` of the line through two points; of the lower one if they stand above each other."""
    width = x[right] - x[left]
    return y[left] + (y[right] - y[left]) * ((at - x[left]) / width) if width > 0.0 else y[left]


@njit(cache=True, nogil=True)
def dips_of_uniform(n, draws, rng):
    """Return the dips of ``draws`` uniform samples of n rows, float64 of shape (draws,); ``rng`` is a Generator."""
    dips = np.empty(draws)
    for i in range(draws):
        # partial sums of exponential gaps are a sorted uniform sample, up to a scale that the dip ignores
        dips[i] = dip_statistic(np.cumsum(rng.standard_exponential(n)))
    return dips
