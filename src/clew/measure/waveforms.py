"""Windows of a recording become numbers: strength, shape, frequencies, repetition, and where the waves come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.measure.spectra import Lines, spectral_lines
from clew.measure.waveform_features import (
    ENVELOPES,
    FREQUENCIES,
    LEVELS,
    POLARISATION,
    RATIOS,
    TRIGGER,
    FeatureTable,
    bands_and_cepstra,
    describe,
    of_each_component,
)

__all__ = ["FeatureTable", "describe", "measure_waveforms"]

PIECE = 2**15  # samples that are measured at once: they, and what is made of them, stay in cache
SIDE = 16  # rows fill any vector register
ALONE = 2**16  # samples of a window above which it is measured by itself, for memory's sake
SHORT, LONG = 20, 4  # the means of the trigger are over this part of a window
SMOOTH = 100  # the envelope is smoothed over this part of a window to either side


def measure_waveforms(
    block: np.ndarray,
    live: np.ndarray,
    *,
    rate: float,
    of: Sequence[int],
    three: Sequence[int] | None,
    highest: float | None = None,
    taper: float = 0.05,
    n_threads: int | None = None,
) -> np.ndarray:
    """Measure windows; each by itself, so that it has the same bits in any block and on any number of threads.

    Parameters
    ----------
    block : ndarray of float64, shape (n_windows, n_components, n)
        Filtered and detrended samples; NaN where nothing was recorded.
    live : ndarray of bool, shape (n_windows, n_components)
        Which components recorded something there.
    rate : float
        In Hz.
    of, three, highest
        As of `describe`.
    taper : float
        For spectra, the share of a window over which a cosine fades in and out, both together.
    n_threads : int, optional
        What NUMBA_NUM_THREADS says, or all cores, by default.

    Returns
    -------
    ndarray of float64, shape (n_windows, n_features)
        The columns of `describe` but those that compare stations. NaN for a component that is not live, or holds no two
        different samples; polarisation and ratios are NaN unless all three are live.

    Raises
    ------
    SettingError
        If a setting is out of range, or the window too short.
    DataError
        If the shapes do not fit.

    Notes
    -----
    Peak, root mean square, range and energy are of the samples as they are, everything else of the samples less their
    mean. Samples that were not recorded are left out of moments, and are 0 after the mean was subtracted elsewhere: what
    comes of the spectrum are shares, so that power need not be scaled up for them. Power more than 120 dB below the
    strongest line is rounding noise and counts as -120 dB where a logarithm is taken. Spectra are tapered; envelopes,
    autocorrelation and STA/LTA are not.
    """
    from clew.kernels.threads import n_threads as allowed_threads

    check(
        block.ndim == 3 and live.shape == block.shape[:2],
        DataError,
        "The windows of measure_waveforms must be of shape (n_windows, n_components, n), and live of the first two. "
        "Got {} and {}.",
        block.shape,
        live.shape,
    )
    check(
        0 <= taper <= 1,
        SettingError,
        "The 'taper' setting of windows must be from 0 to 1. Got {} instead.",
        taper,
    )
    n_windows, _, n = block.shape
    lines, fade = spectral_lines(float(rate), n, highest), cosine_taper(n, taper)
    window, component = np.repeat(np.arange(n_windows), len(of)), np.tile(np.array(of, int), n_windows)
    size = min(rows_at_once(n), max(1, -(-len(window) // SIDE)) * SIDE)
    axes = [] if three is None else list(three)
    each = np.empty((len(window), len(of_each_component(lines))))
    together = np.empty((n_windows, len(POLARISATION) + len(RATIOS) if axes else 0))
    allowed = allowed_threads() if n_threads is None else n_threads
    threads = max(1, min(allowed, -(-len(window) // size)))

    def measure(thread: int) -> None:
        """Measure every so many-th piece, all in the same memory: fresh memory costs as much as the sums."""
        room = _Room(rate, lines, fade, np.empty((size, n)))
        for here in _pieces(len(window), size, thread, threads):
            at = window[here], component[here]
            room.take(block[at], live[at])
            each[here] = room.measure()[: len(each[here])]
        for here in _pieces(n_windows if axes else 0, size, thread, threads):
            together[here] = _measure_three(block[here][:, axes], live[here][:, axes])

    if threads == 1:
        measure(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(measure, range(threads)))
    return np.hstack([each.reshape(n_windows, len(of) * each.shape[1]), together])


def _pieces(n: int, size: int, thread: int, threads: int) -> Iterator[slice]:
    """Cut ``n`` rows into pieces and return those of one thread."""
    for first in range(thread * size, n, threads * size):
        yield slice(first, first + size)


def rows_at_once(n: int) -> int:
    """Return how many windows of ``n`` samples are transformed in one call, if so many there are.

    SciPy transforms several rows side by side in vector registers, and what is left one by one, which need not have the
    same bits. So there are always 16 rows or a multiple of them, which fill any register, if only to fill up; windows that
    are long are transformed alone.
    """
    return 1 if n > ALONE else SIDE * max(1, PIECE // (SIDE * n))


def cosine_taper(n: int, share: float) -> np.ndarray:
    """Return weights (n,) that rise and fall as a cosine over a share of the window: Tukey's, without its two zeros."""
    from scipy.signal.windows import tukey

    return tukey(n + 2, share)[1:-1]


class _Room:
    """The memory that one thread measures in.

    Parameters
    ----------
    rate : float
    lines : Lines
    fade : ndarray of float64, shape (n,)
        The taper.
    rows : ndarray of float64, shape (r, n)
        Room for the samples.
    """

    def __init__(self, rate: float, lines: Lines, fade: np.ndarray, rows: np.ndarray) -> None:
        self.rate, self.lines, self.fade, self.rows = rate, lines, fade, rows
        self.centred, self.envelope, self.faded = (np.empty_like(rows) for _ in range(3))

    def take(self, samples: np.ndarray, live: np.ndarray) -> None:
        """Fill the first rows with samples (up to r, n) where they are live, and all others with NaN."""
        self.rows[len(samples) :] = np.nan
        self.rows[: len(samples)] = samples
        self.rows[: len(samples)][~live] = np.nan

    def measure(self) -> np.ndarray:
        """Return the measurements of all rows, float64 (r, n_features)."""
        from scipy.fft import irfft, rfft

        from clew.kernels import waveforms as kernels

        (n_rows, n), lines = self.rows.shape, self.lines
        values = np.empty((n_rows, len(LEVELS)))
        kernels.levels(self.rows, self.rate, self.centred, values)

        turned = rfft(self.centred, lines.n_fft)
        turned *= -1j
        turned = irfft(turned, lines.n_fft)
        course = np.empty((n_rows, len(ENVELOPES)))
        kernels.envelopes(self.rows, self.centred, turned, self.rate, n // SMOOTH, self.envelope, course)

        trigger = np.empty((n_rows, len(TRIGGER)))
        kernels.trigger_maxima(self.centred, max(1, n // SHORT), n // LONG, trigger)

        np.multiply(self.centred, self.fade, out=self.faded)
        frequencies = np.empty((n_rows, len(FREQUENCIES) + len(bands_and_cepstra(lines))))
        kernels.spectra(
            _power(self.faded, lines.n_fft),
            lines.step,
            lines.edges,
            lines.filters,
            lines.weights,
            lines.cosines,
            frequencies,
        )
        repeats = [_repetition(rows, self.rate) for rows in (self.centred, self.envelope)]
        found = np.hstack([values, course, trigger, frequencies, *repeats])
        found[np.isnan(values).any(axis=1)] = np.nan
        return found


def _power(rows: np.ndarray, n_fft: int) -> np.ndarray:
    """Return the power of each line of the spectrum, float64 (r, n_fft // 2 + 1)."""
    from scipy.fft import rfft

    from clew.kernels.waveforms import powers

    transformed = rfft(rows, n_fft)
    power = np.empty(transformed.shape)
    powers(transformed, power)
    return power


def _repetition(rows: np.ndarray, rate: float) -> np.ndarray:
    """Return the highest peak of the autocorrelation of each row, and its lag in s; float64 (r, 2)."""
    from scipy.fft import irfft, next_fast_len

    from clew.kernels.waveforms import repetitions

    last = rows.shape[1] // 2
    n_fft = next_fast_len(rows.shape[1] + last + 1, real=True)  # zeros behind, so that the ends do not meet
    found = np.empty((len(rows), 2))
    repetitions(irfft(_power(rows, n_fft), n_fft), last, rate, found)
    return found


def _measure_three(block: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Measure three components (w, 3, n); return float64 (w, n_features), NaN unless all three are live."""
    from clew.measure.polarisation import component_ratios, polarisation

    out = np.full((len(block), len(POLARISATION) + len(RATIOS)), np.nan)
    all_live = live.all(axis=1)
    if all_live.any():
        known = np.ascontiguousarray(block[all_live])
        out[all_live] = np.hstack([polarisation(known), component_ratios(known)])
    return out
