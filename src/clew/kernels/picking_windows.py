"""The loop that brings windows of ground motion to the scale that a picking net knows."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

TINY = 1e-10  # is added to what is divided by
LANES = 8  # sums that grow side by side, so that the processor need not wait for one


@njit(cache=True, nogil=True, error_model="numpy")
def scale_windows(x, out, peak, per_component, detrend, taper, phases):
    """Take means, and lines, off windows; divide by their size; write them, sample after sample or in phases.

    Parameters
    ----------
    x : ndarray of float32, shape (n_windows, n_components, n)
    out : ndarray of float32, shape (n_windows, phases * n_components, -(-n // phases))
        Written: sample ``i`` of component ``c`` stands at ``[:, i % phases * n_components + c, i // phases]``. What lies
        behind the last sample becomes 0.
    peak : bool
        Divide by the largest absolute value, else by the standard deviation (of n - 1).
    per_component : bool
        Divide each component by its own size, else all by that of the window.
    detrend : bool
        Take the straight line of least squares off each component, too.
    taper : int
        Samples at both ends that rise from 0 to 1 as a cosine does; below 2 for none.
    phases : int

    Notes
    -----
    The sums are of float64, of the differences from the first sample: a component that stands still becomes 0, however
    large its value. ``n`` is at least 2.
    """
    n_windows, n_components, n = x.shape
    rise = np.ones(max(0, taper))
    for i in range(rise.size if taper > 1 else 0):
        rise[i] = 0.5 * (1.0 + math.cos(math.pi * (1.0 + i / (taper - 1))))
    level, slope = np.zeros(n_components), np.zeros(n_components)
    size = np.zeros(n_components)
    for w in range(n_windows):
        for c in range(n_components):
            row = x[w, c]
            level[c] = _sum(row, row[0]) / n
            slope[c] = _slope(row, row[0] + level[c]) if detrend else 0.0
            size[c] = (
                _largest(row, row[0], level[c], slope[c])
                if peak
                else _squares(row, row[0], level[c], slope[c])
            )
        if per_component:
            for c in range(n_components):
                size[c] = 1.0 / ((size[c] if peak else math.sqrt(size[c] / (n - 1))) + TINY)
        else:
            whole = size.max() if peak else math.sqrt(size.sum() / (n_components * n - 1))
            size[:] = 1.0 / (whole + TINY)
        for c in range(n_components):
            row, step = x[w, c], 2.0 / (n - 1)
            first = np.float64(row[0])
            for p in range(phases):
                to = out[w, p * n_components + c]
                for j in range(to.size):
                    i = j * phases + p
                    if i < n:
                        at = i * step - 1.0
                        to[j] = (row[i] - first - level[c] - slope[c] * at) * size[c]
                    else:
                        to[j] = 0.0
            for i in range(rise.size if taper > 1 else 0):
                k = n - 1 - i
                out[w, i % phases * n_components + c, i // phases] *= rise[i]
                out[w, k % phases * n_components + c, k // phases] *= rise[i]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(row, first):
    """Return the sum of the differences from a value."""
    sums, start = np.zeros(LANES), np.float64(first)
    whole = row.size // LANES * LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            sums[lane] += row[i + lane] - start
    for i in range(whole, row.size):
        sums[0] += row[i] - start
    return sums.sum()


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(row, mean):
    """Return the slope of the line of least squares over places from -1 to 1."""
    step, along, squares = 2.0 / (row.size - 1), 0.0, 0.0
    for i in range(row.size):
        at = i * step - 1.0
        along += (row[i] - mean) * at
        squares += at * at
    return along / squares


@njit(cache=True, nogil=True, error_model="numpy")
def _squares(row, first, level, slope):
    """Return the sum of the squares of what is left above the line."""
    sums, start, step = np.zeros(LANES), np.float64(first), 2.0 / (row.size - 1)
    whole = row.size // LANES * LANES
    for i in range(0, whole, LANES):
        for lane in range(LANES):
            left = row[i + lane] - start - level - slope * ((i + lane) * step - 1.0)
            sums[lane] += left * left
    for i in range(whole, row.size):
        left = row[i] - start - level - slope * (i * step - 1.0)
        sums[0] += left * left
    return sums.sum()


@njit(cache=True, nogil=True, error_model="numpy")
def _largest(row, first, level, slope):
    """Return the largest absolute value of what is left above the line."""
    largest, start, step = 0.0, np.float64(first), 2.0 / (row.size - 1)
    for i in range(row.size):
        largest = max(largest, abs(row[i] - start - level - slope * (i * step - 1.0)))
    return largest
