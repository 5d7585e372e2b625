"""Filters of recordings: Butterworth high-, low- and band-passes, and how far around a window they reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from clew.errors import SettingError, check

Phase = Literal["zero", "causal"]
ORDER = 4
FORGOTTEN = 1e-8  # of the amplitude of the response: what lies further back than that is not heard


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter of second-order sections, and what it takes to run it over a piece of a recording.

    Parameters
    ----------
    sos : ndarray of float64, shape (n_sections, 6)
        No sections: nothing is filtered.
    steady : ndarray of float64, shape (n_sections, 2)
        The state in which each section rests while a constant 1 goes in.
    zero_phase : bool
        Whether the filter runs forward and backward.
    padding : int
        By how many samples a complete row is continued beyond its ends, mirrored through them; 0 where it runs forward
        only.
    before, after : int
        How many samples around a window the filter hears.
    passes_mean : bool
        Whether the mean of what goes in comes out.
    period : int
        The samples of one period of the high-pass; 0 where there is none or the filter runs forward only. A run beside a
        gap is continued by two of them, along its own slope, so that a drift is no step to the filter.
    """

    sos: np.ndarray
    steady: np.ndarray
    zero_phase: bool
    padding: int
    before: int
    after: int
    passes_mean: bool
    period: int = 0


def context_of(sos: np.ndarray) -> int:
    """Return after how many samples the response to an impulse has decayed to `FORGOTTEN` of its amplitude.

    By the slowest pole of ``sos``, of shape (n_sections, 6): the response decays as its radius to the power of the sample.
    """
    slowest = max(float(np.abs(np.roots(section[3:])).max()) for section in sos)
    return math.ceil(math.log(FORGOTTEN) / math.log(slowest)) if slowest > 0 else len(sos)


@lru_cache(maxsize=64)
def design(rate: float, *, highpass: float | None, lowpass: float | None, phase: Phase = "zero") -> Filter:
    """Design a Butterworth filter of order 4, as second-order sections.

    Parameters
    ----------
    rate : float
        Samples per second, in Hz.
    highpass, lowpass : float, optional
        The corner frequencies in Hz; both make a band-pass, none no filter.
    phase : {"zero", "causal"}
        Forward and backward, so that onsets stay where they are (and the order counts twice), or forward only, so that
        nothing is heard before it happens.

    Raises
    ------
    SettingError
        If a corner is not between 0 and half the rate, or the high-pass not below the low-pass.

    Notes
    -----
    Butterworth, Experimental Wireless 7 (1930), by scipy.signal.butter. The steady state at the start of a run and the
    odd reflection at its ends are those of scipy.signal.sosfiltfilt (Gustafsson, IEEE Trans. Signal Process. 44 (1996),
    doi:10.1109/78.492552, discusses them).
    """
    for name, corner in (("highpass", highpass), ("lowpass", lowpass)):
        check(
            corner is None or 0 < corner < rate / 2,
            SettingError,
            "The '{}' setting of the windows must be above 0 and below half the sampling rate ({:g} Hz). Got {} Hz instead.",
            name,
            rate / 2,
            corner,
        )
    check(
        highpass is None or lowpass is None or highpass < lowpass,
        SettingError,
        "The 'highpass' setting of the windows must be below 'lowpass' ({} Hz). Got {} Hz instead.",
        lowpass,
        highpass,
    )
    if highpass is None and lowpass is None:
        return Filter(np.empty((0, 6)), np.empty((0, 2)), False, 0, 0, 0, True)
    from scipy.signal import butter, sosfilt_zi

    if highpass is not None and lowpass is not None:
        sos = butter(ORDER, [highpass, lowpass], "bandpass", fs=rate, output="sos")
    elif highpass is not None:
        sos = butter(ORDER, highpass, "highpass", fs=rate, output="sos")
    else:
        sos = butter(ORDER, lowpass, "lowpass", fs=rate, output="sos")
    zero, reach = phase == "zero", context_of(sos)
    taps = 2 * len(sos) + 1 - min(int((sos[:, 2] == 0).sum()), int((sos[:, 5] == 0).sum()))
    return Filter(
        np.ascontiguousarray(sos),
        np.ascontiguousarray(sosfilt_zi(sos)),
        zero,
        3 * taps if zero else 0,
        reach,
        reach if zero else 0,
        highpass is None,
        math.ceil(rate / highpass) if zero and highpass is not None else 0,
    )
