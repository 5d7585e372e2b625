"""Which frequencies a window can tell: the lines of its spectrum, octave bands and filters, all fixed in Hz."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from clew.errors import SettingError, check

FEWEST = 16  # samples of a window: less has no spectrum to speak of
BANDS = 8  # octaves, the lowest of which goes down to 0 Hz
FILTERS, CEPSTRAL = 20, 8
UNITS = (
    (1e3, 1e3, "kilohz"),
    (0.1, 1.0, "hz"),
    (1e-4, 1e-3, "millihz"),
    (0.0, 1e-6, "microhz"),
)  # from, is, name


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of the spectra of windows of one length, and how they are gathered.

    Parameters
    ----------
    n_fft : int
        Samples that are transformed: those of the window, and zeros up to a length that is fast.
    step : float
        From line to line, in Hz.
    bounds : tuple of float
        Where bands begin and end, in Hz: 0, then octaves up to the highest frequency.
    edges : ndarray of int64, shape (n_bands + 1,)
        The first line of each band, and the one behind the last.
    filters : ndarray of int64, shape (n_lines,)
        For each line the triangular filter that it lies on the rising side of.
    weights : ndarray of float64, shape (n_lines,)
        The share of it that this filter lets through; the filter before lets through the rest.
    cosines : ndarray of float64, shape (n_cepstral, n_filters)
        Rows 1, 2, ... of the orthonormal discrete cosine transform (type II).
    """

    n_fft: int
    step: float
    bounds: tuple[float, ...]
    edges: np.ndarray
    filters: np.ndarray
    weights: np.ndarray
    cosines: np.ndarray


@lru_cache(maxsize=32)
def spectral_lines(rate: float, n: int, highest: float | None = None) -> Lines:
    """Return the lines that windows of ``n`` samples have up to a frequency.

    The number of bands and of cepstral coefficients depends on the duration of a window and on ``highest`` only, so
    that recordings of other rates are measured alike.

    Parameters
    ----------
    rate : float
        In Hz.
    n : int
        Samples of a window; at least 16.
    highest : float, optional
        In Hz; half the rate by default.

    Raises
    ------
    SettingError
        If the window is too short, or the highest frequency not above 0 and up to half the rate.
    """
    check(
        n >= FEWEST,
        SettingError,
        "A window must hold at least {} samples, to have a spectrum. Got {}.",
        FEWEST,
        n,
    )
    half = rate / 2
    top = half if highest is None else float(highest)
    check(
        0 < top <= half * (1 + 1e-9) and top * n / rate >= FEWEST / 2,
        SettingError,
        "The 'highest' setting of windows must be from {:g} Hz ({} periods in a window) to {:g} Hz (half the sampling rate). "
        "Got {:g} instead.",
        FEWEST / 2 * rate / n,
        FEWEST // 2,
        half,
        top,
    )
    from scipy.fft import next_fast_len

    n_fft = int(next_fast_len(n, real=True))
    step = rate / n_fft
    stop = min(math.floor(top / step * (1 + 1e-9)), n_fft // 2) + 1
    periods = round(top * n / rate, 6)
    n_bands = min(BANDS, math.floor(math.log2(periods)))
    bounds = (0.0, *(top / 2**octave for octave in range(n_bands - 1, -1, -1)))
    frequencies = step * np.arange(n_fft // 2 + 1)
    edges = np.searchsorted(frequencies, np.array(bounds) * (1 - 1e-9))
    edges[0], edges[-1] = 1, stop
    n_filters = min(FILTERS, math.floor(periods) // 2)
    place = frequencies * (n_filters + 1) / top
    filters = np.floor(place).astype(np.int64)
    order = np.arange(1, min(CEPSTRAL, n_filters - 1) + 1)[:, None]
    cosines = math.sqrt(2 / n_filters) * np.cos(np.pi * order * (np.arange(n_filters) + 0.5) / n_filters)
    lines = Lines(n_fft, step, bounds, edges.astype(np.int64), filters, place - filters, cosines)
    for array in (lines.edges, lines.filters, lines.weights, lines.cosines):
        array.flags.writeable = False
    return lines


def spell_band(low: float, high: float) -> str:
    """Name a band for the name of a feature: "below_0.391_hz", "12.5_to_25_hz", "1.45_to_2.89_microhz"."""
    size, unit = next((size, unit) for least, size, unit in UNITS if high >= least)
    return f"{low / size:.3g}_to_{high / size:.3g}_{unit}" if low else f"below_{high / size:.3g}_{unit}"
