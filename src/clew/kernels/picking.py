"""The loop of picking: where the probability of a wave rises above a threshold, is highest, and falls off again.

It goes from sample to sample and keeps what it needs to go on in a state, so that a curve may come in pieces of any size
and the result is the same bits.
"""

from __future__ import annotations

from numba import njit

ON, START, LAST, PEAK_AT, PEAK, SUM, SUM_T, SUM_TT = range(8)  # places in a state
STATE = 8


@njit(cache=True, nogil=True)
def find_peaks(curve, first, on, off, state, found):
    """Go along a piece of a curve and note the runs that end in it.

    A run begins where the curve reaches ``on``, and ends with the last sample before one that is below ``off``, or unknown.

    Parameters
    ----------
    curve : ndarray of float32, shape (n,)
        NaN where it is unknown.
    first : int
        The place of its first sample in the whole.
    on, off : float
        The thresholds; ``off`` is not above ``on``.
    state : ndarray of float64, shape (STATE,)
        Zeros at first, then as the piece before left it; changed.
    found : ndarray of float64, shape (m, STATE)
        Written: the state of each run at its end. More than ``n // 2 + 1`` runs cannot end in a piece.

    Returns
    -------
    int
        How many runs ended.
    """
    n_found = 0
    for i in range(curve.size):
        value = float(curve[i])
        if state[ON] == 0.0:
            if not value >= on:
                continue
            state[:] = 0.0
            state[ON], state[START], state[PEAK_AT], state[PEAK] = 1.0, first + i, first + i, value
        elif not value >= off:
            found[n_found] = state
            n_found += 1
            state[:] = 0.0
            continue
        if value > state[PEAK]:
            state[PEAK_AT], state[PEAK] = first + i, value
        since = first + i - state[START]
        state[LAST] = first + i
        state[SUM] += value
        state[SUM_T] += value * since
        state[SUM_TT] += value * since * since
    return n_found
