"""The loops of triggers: short over long averages of the energy, and where they rise above and fall below thresholds.

All loops go from sample to sample and keep what they need to go on in a state, so that a recording may come in pieces of
any size and the result is the same bits. A sample that was not recorded (NaN) makes them start anew behind it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

SEEN, SHORT, LONG, BLOCKS = (
    0,
    1,
    2,
    3,
)  # places in a state: samples since the start, two sums, two blocks of energies


@njit(cache=True, nogil=True)
def fresh_averages(n_sta, n_lta):
    """Return the state of both averages before the first sample, float64 (n_sta + n_lta + 5,)."""
    return np.zeros(n_sta + n_lta + 2 + BLOCKS)


@njit(cache=True, nogil=True)
def classic_sta_lta(x, n_sta, n_lta, state=None):
    """Divide the mean energy of the last ``n_sta`` samples by that of the last ``n_lta``.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        NaN where nothing was recorded.
    n_sta, n_lta : int
        The samples of the short and of the long average.
    state : ndarray of float64, optional
        As `fresh_averages` makes it, or as it was left by the piece before; changed.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where ``x`` is; 0 for the ``n_lta - 1`` samples after the start and after each gap, until the long average is
        full, and where it is 0.

    Notes
    -----
    Allen, Bull. Seismol. Soc. Am. 68:1521 (1978), doi:10.1785/BSSA0680051521, with the energy as what is averaged; equal
    to obspy.signal.trigger.classic_sta_lta. The sums over moving windows never subtract: the energies of the window
    that lie in the block before are summed from its end, the others from the start of the block, so that a quiet hour
    behind an earthquake keeps all its digits.
    """
    before = fresh_averages(n_sta, n_lta) if state is None else state
    short, long = before[BLOCKS : BLOCKS + n_sta + 1], before[BLOCKS + n_sta + 1 :]
    seen, short_sum, long_sum = int(before[SEEN]), before[SHORT], before[LONG]
    at_short, at_long = seen % n_sta, seen % n_lta
    ratio = np.zeros(x.size)
    for i in range(x.size):
        if np.isnan(x[i]):
            ratio[i] = np.nan
            if seen:
                short[:], long[:] = 0.0, 0.0
            seen, short_sum, long_sum, at_short, at_long = 0, 0.0, 0.0, 0, 0
            continue
        energy = x[i] * x[i]
        short_sum += energy
        long_sum += energy
        sta, lta = short[at_short + 1] + short_sum, long[at_long + 1] + long_sum
        short[at_short], long[at_long] = energy, energy
        seen, at_short, at_long = seen + 1, at_short + 1, at_long + 1
        if at_short == n_sta:
            at_short, short_sum = 0, _sum_from_the_end(short)
        if at_long == n_lta:
            at_long, long_sum = 0, _sum_from_the_end(long)
        if seen >= n_lta and lta > 0.0:
            ratio[i] = (sta / n_sta) / (lta / n_lta)
    before[SEEN], before[SHORT], before[LONG] = seen, short_sum, long_sum
    return ratio


@njit(cache=True, nogil=True)
def _sum_from_the_end(block):
    """Replace each value by the sum from it to the end (whose last place is 0), and return the sum of the next block: 0."""
    for j in range(block.size - 2, -1, -1):
        block[j] += block[j + 1]
    return 0.0


@njit(cache=True, nogil=True)
def recursive_sta_lta(x, n_sta, n_lta, state=None):
    """Divide the energy of late by that of long, each an average that forgets exponentially.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        NaN where nothing was recorded.
    n_sta, n_lta : int
        After so many samples the short and the long average have forgotten all but a share 1/e.
    state : ndarray of float64, optional
        As `fresh_averages` makes it, or as it was left by the piece before; changed.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where ``x`` is; 0 for the ``n_lta`` samples after the start and after each gap, and where the long average
        is 0.

    Notes
    -----
    Withers et al., Bull. Seismol. Soc. Am. 88:95 (1998), doi:10.1785/bssa0880010095, page 98; equal to
    obspy.signal.trigger.recursive_sta_lta, whose averages leave out the very first sample, too.
    """
    before = fresh_averages(n_sta, n_lta) if state is None else state
    seen, sta, lta = int(before[SEEN]), before[SHORT], before[LONG]
    new_short, new_long = 1.0 / n_sta, 1.0 / n_lta
    ratio = np.zeros(x.size)
    for i in range(x.size):
        if np.isnan(x[i]):
            ratio[i] = np.nan
            seen, sta, lta = 0, 0.0, 0.0
            continue
        if seen:
            energy = x[i] * x[i]
            sta = new_short * energy + (1.0 - new_short) * sta
            lta = new_long * energy + (1.0 - new_long) * lta
        if seen >= n_lta and lta > 0.0:
            ratio[i] = sta / lta
        seen += 1
    before[SEEN], before[SHORT], before[LONG] = seen, sta, lta
    return ratio


# ---- thresholds ----
@njit(cache=True, nogil=True)
def fresh_onset():
    """Return the state of `follow_onsets` before the first sample, float64 (3,): running or not, since when, its peak."""
    return np.zeros(3)


@njit(cache=True, nogil=True)
def follow_onsets(ratio, first, on, off, state):
    """Return the runs that end in a piece; one that goes on is left in ``state``.

    Parameters
    ----------
    ratio : ndarray of float64, shape (n,)
        The characteristic function; NaN is below all thresholds.
    first : int
        The place of its first sample in the whole.
    on, off : float
        A run begins at the first sample that is at least ``on``, and ends with the last before one below ``off``.
    state : ndarray of float64, shape (3,)
        As `fresh_onset` makes it, or as it was left by the piece before; changed.

    Returns
    -------
    places : ndarray of int64, shape (n_runs, 2)
        The first and the last sample of each run.
    peaks : ndarray of float64, shape (n_runs,)
        The largest value in each.
    """
    running, since, peak = state[0] > 0.0, int(state[1]), state[2]
    places, peaks = np.empty((ratio.size // 2 + 1, 2), np.int64), np.empty(ratio.size // 2 + 1)
    n = 0
    for i in range(ratio.size):
        value = ratio[i]
        if running and not value >= off:
            places[n, 0], places[n, 1], peaks[n] = since, first + i - 1, peak
            n, running = n + 1, False
        elif running:
            peak = max(peak, value)
        elif value >= on:
            running, since, peak = True, first + i, value
    state[0], state[1], state[2] = running, since, peak
    return places[:n].copy(), peaks[:n].copy()


@njit(cache=True, nogil=True)
def onsets(ratio, on, off):
    """Return the first and the last sample of each run that begins at ``on`` and ends below ``off``.

    Parameters
    ----------
    ratio : ndarray of float64, shape (n,)
        The characteristic function; NaN is below all thresholds.
    on, off : float
        As in `follow_onsets`; ``off`` not above ``on``.

    Returns
    -------
    ndarray of int64, shape (n_runs, 2)
        Equal to obspy.signal.trigger.trigger_onset.
    """
    state = fresh_onset()
    places, _ = follow_onsets(ratio, 0, on, off, state)
    if state[0] == 0.0:
        return places
    last = np.array([[int(state[1]), ratio.size - 1]])
    return np.concatenate((places, last))
