"""Windows of a recording: what was not recorded in them, and each cut out, filtered with its own context, and levelled.

A window's samples depend on what lies in it and in its context alone, in one order of operations, so that they are the
same bits in whatever block or on whatever thread they are cut.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 8  # rows that are filtered side by side: the recursion of one of them leaves the processor waiting
LIVE, GAP, FLAT, DEAD = 0, 1, 2, 3  # what a component is in a window


@njit(cache=True, nogil=True)
def flat_runs(x, least, flat):
    """Mark in ``flat`` (n,) of bool the runs of at least ``least`` equal samples of ``x`` (n,), and make them NaN."""
    first = 0
    for i in range(1, x.size + 1):
        if i == x.size or x[i] != x[first]:
            if i - first >= least:
                flat[first:i] = True
                x[first:i] = np.nan
            first = i


@njit(cache=True, nogil=True)
def look(x, flat, at, n, missing, state, clipped):
    """Tell what each component is in each window, and whether its raw samples look cut off at the top or bottom.

    Parameters
    ----------
    x : ndarray of float64, shape (c, N)
        NaN where nothing was recorded, and where ``flat`` (c, N) of bool says so.
    at : ndarray of int64, shape (w,)
        The first sample of each window of ``n`` samples.
    missing : float
        The share of a window that may be NaN.
    state : ndarray of int8, shape (w, c)
        LIVE, GAP (too much not recorded), FLAT (too much of it one value), DEAD (one value throughout): written.
    clipped : ndarray of bool, shape (w, c)
        Three runs or more of at least three samples at the very top, or bottom, of a range of at least a hundred
        steps: written.
    """
    for w in range(at.size):
        for c in range(x.shape[0]):
            gap, constant = 0, 0
            low, high, step, before = np.inf, -np.inf, np.inf, np.nan
            for i in range(at[w], at[w] + n):
                value = x[c, i]
                if np.isnan(value):
                    if flat[c, i]:
                        constant += 1
                    else:
                        gap += 1
                else:
                    low, high = min(low, value), max(high, value)
                    away = abs(value - before)
                    if away > 0 and away < step:
                        step = away
                before = value
            if gap == n:
                state[w, c] = GAP
            elif gap + constant == n or low == high:
                state[w, c] = DEAD
            elif gap + constant > missing * n:
                state[w, c] = GAP if gap > missing * n else FLAT
            else:
                state[w, c] = LIVE
            clipped[w, c] = high - low >= 100 * step and (
                _runs_at(x[c, at[w] : at[w] + n], high) >= 3 or _runs_at(x[c, at[w] : at[w] + n], low) >= 3
            )


@njit(cache=True, nogil=True)
def _runs_at(x, value):
    """Count the runs of at least three samples of one value."""
    runs, length = 0, 0
    for i in range(x.size):
        length = length + 1 if x[i] == value else 0
        runs += length == 3
    return runs


@njit(cache=True, nogil=True)
def cut(x, at, n, before, after, live, sos, steady, padding, period, zero_phase, keep_mean, detrend, out):
    """Cut windows out of a recording, each filtered with its own context, then levelled.

    Parameters
    ----------
    x : ndarray of float64, shape (c, N)
        NaN where nothing was recorded.
    at : ndarray of int64, shape (w,)
        The first sample of each window; ``before`` and ``after`` samples of context around it lie in ``x`` too.
    n : int
        The samples of a window.
    live : ndarray of bool, shape (w, c)
        What is wanted; all else becomes NaN.
    sos, steady, padding, period, zero_phase
        The filter, as `clew.measure.filtering.Filter` has it; no sections for none.
    keep_mean : bool
        Whether the mean, which is taken away before the filter, comes back behind it.
    detrend : int
        0 for nothing, 1 to take away the mean of the window, 2 its straight line by least squares.
    out : ndarray of float64, shape (w, c, n)
        Written.
    """
    whole = before + n + after
    lanes = np.zeros((whole + 2 * padding, LANES))
    alone = np.zeros((whole + 2 * max(padding, 2 * period), LANES))
    held, of = 0, np.empty((LANES, 2), np.int64)
    for w in range(at.size):
        start = at[w] - before
        for c in range(x.shape[0]):
            if not live[w, c]:
                out[w, c] = np.nan
                continue
            row, result = x[c, start : start + whole], out[w, c]
            known, mean = _known_mean(row)
            if sos.shape[0] == 0:
                for i in range(n):
                    result[i] = row[i] - mean
            elif known < whole:
                _filter_runs(row, mean, before, sos, steady, padding, period, zero_phase, alone, result)
            else:
                for i in range(whole):
                    lanes[padding + i, held] = row[i] - mean
                of[held, 0], of[held, 1] = w, c
                held += 1
                if held == LANES:
                    _filter_held(lanes, held, of, whole, before, sos, steady, padding, zero_phase, out)
                    held = 0
    _filter_held(lanes, held, of, whole, before, sos, steady, padding, zero_phase, out)
    for w in range(at.size):
        for c in range(x.shape[0]):
            if live[w, c] and detrend:
                _level(out[w, c], detrend == 2)
            elif live[w, c] and keep_mean:
                out[w, c] += _known_mean(x[c, at[w] - before : at[w] + n + after])[1]


@njit(cache=True, nogil=True)
def _known_mean(row):
    """Return how many samples are known, and their mean."""
    known, total = 0, 0.0
    for value in row:
        if not np.isnan(value):
            known += 1
            total += value
    return known, total / max(known, 1)


@njit(cache=True, nogil=True)
def _filter_held(lanes, held, of, whole, before, sos, steady, padding, zero_phase, out):
    """Filter the rows that wait in ``lanes``, the first ``held`` of them, and store what lies in their windows."""
    if held:
        _filter(lanes, whole, sos, steady, padding, 0, zero_phase)
    for k in range(held):
        result = out[of[k, 0], of[k, 1]]
        for i in range(result.size):
            result[i] = lanes[padding + before + i, k]


@njit(cache=True, nogil=True)
def _filter_runs(row, mean, before, sos, steady, padding, period, zero_phase, alone, result):
    """Filter each run of known samples by itself, in the first of the lanes; between them stays NaN."""
    result[:] = np.nan
    padding = 2 * period if period else padding
    first, end = 0, before + result.size
    while first < end:
        stop = first
        while stop < row.size and not np.isnan(row[stop]):
            alone[padding + stop - first, 0] = row[stop] - mean
            stop += 1
        if stop > before and stop > first:
            _filter(alone, stop - first, sos, steady, padding, period, zero_phase)
            for i in range(max(first, before), min(stop, end)):
                result[i - before] = alone[padding + i - first, 0]
        first = stop + 1


@njit(cache=True, nogil=True)
def _filter(lanes, n, sos, steady, padding, period, zero_phase):
    """Filter the ``n`` samples of each lane (N, LANES) that begin at ``padding``, in place; with a period the first only."""
    beyond = min(padding, n - 1)  # a short run has less to be mirrored
    first, last = padding, padding + n - 1
    if period:
        rise, fall = _slope(lanes, first, 1, min(period, n)), _slope(lanes, last, -1, min(period, n))
        for i in range(1, beyond + 1):  # its slope taken off, the run is mirrored, and the slope goes on
            lanes[first - i, 0] = lanes[first + i, 0] - 2.0 * i * rise
            lanes[last + i, 0] = lanes[last - i, 0] - 2.0 * i * fall
    else:
        for i in range(1, beyond + 1):
            for k in range(LANES):
                lanes[first - i, k] = 2.0 * lanes[first, k] - lanes[first + i, k]
                lanes[last + i, k] = 2.0 * lanes[last, k] - lanes[last - i, k]
    _run(lanes, first - beyond, n + 2 * beyond, 1, sos, steady)
    if zero_phase:
        _run(lanes, last + beyond, n + 2 * beyond, -1, sos, steady)


@njit(cache=True, nogil=True)
def _slope(lanes, at, step, m):
    """Return how the first lane rises from ``at`` inwards: the slope there of a parabola by least squares over ``m`` samples.

    A parabola, since its tangent at the end follows a drift that bends, which no line through the run does. Its linear and
    quadratic parts are orthogonal.
    """
    begin = -0.5 * (m - 1)
    mean_square = (m * m - 1) / 12.0
    along, spread, bent, bend = 0.0, 0.0, 0.0, 0.0
    for j in range(m):
        value, v = lanes[at + step * j, 0], begin + j
        curve = v * v - mean_square
        along += value * v
        spread += v * v
        bent += value * curve
        bend += curve * curve
    slope = along / spread if m > 1 else 0.0
    return slope + 2.0 * begin * bent / bend if m > 2 else slope


@njit(cache=True, nogil=True)
def _run(lanes, start, n, step, sos, steady):
    """Run all sections along the lanes, from a state that has always seen the first sample (transposed direct form II)."""
    begin = lanes[start].copy()
    one, two = np.empty(LANES), np.empty(LANES)
    for s in range(sos.shape[0]):
        b0, b1, b2, a1, a2 = sos[s, 0], sos[s, 1], sos[s, 2], sos[s, 4], sos[s, 5]
        for k in range(LANES):
            one[k], two[k] = steady[s, 0] * begin[k], steady[s, 1] * begin[k]
        for j in range(n):
            i = start + step * j
            for k in range(LANES):
                value = lanes[i, k]
                result = b0 * value + one[k]
                one[k] = b1 * value - a1 * result + two[k]
                two[k] = b2 * value - a2 * result
                lanes[i, k] = result


@njit(cache=True, nogil=True)
def _level(row, line):
    """Take away the mean of the known samples, or their straight line by least squares."""
    known, mean = _known_mean(row)
    if known == 0:
        return
    middle = 0.0
    for i in range(row.size):
        if not np.isnan(row[i]):
            middle += i
    middle /= known
    along, spread = 0.0, 0.0
    for i in range(row.size):
        if line and not np.isnan(row[i]):
            along += (i - middle) * (row[i] - mean)
            spread += (i - middle) * (i - middle)
    slope = along / spread if spread > 0 else 0.0
    for i in range(row.size):
        row[i] -= mean + slope * (i - middle)
