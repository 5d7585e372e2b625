"""Short-time spectra on one grid of time, and back: a piece of a recording has the same ones as the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.errors import SettingError, check

SECONDS = 0.32  # of a frame: short enough for onsets, and its lines are 3 Hz apart
OVERLAP = 4  # frames over each sample
QUIET = 0.2  # the quantile of the power of a frequency that is taken for noise: events may last for most of the time
LOUDEST = 1e-10  # of the loudest frequency: what is below is rounding, not noise
LOWEST_RATE = 20.0  # Hz

Read = Callable[[int, int], np.ndarray]  # (first, stop) -> (n_components, stop - first)


@dataclass(frozen=True)
class Frames:
    """The grid: frame k holds the samples from (k - 3) * hop on, so that four frames lie over every sample.

    Parameters
    ----------
    rate : float
        Samples per second, in Hz; from 20 on.

    Raises
    ------
    SettingError
        If the rate is below.

    Notes
    -----
    Hann windows before the transform and after it, at a hop of a quarter, whose squares add up to 1.5 everywhere: the inverse
    is exact (Griffin & Lim 1984, IEEE Trans. Acoust. Speech Signal Process. 32, doi:10.1109/TASSP.1984.1164317). A constant
    reaches the lines 0 and 1 alone.
    """

    rate: float

    def __post_init__(self) -> None:
        check(self.rate >= LOWEST_RATE, SettingError, "The rate of recordings to take apart into frames must be at least {:g} Hz. Got {:g} Hz.", LOWEST_RATE, self.rate)  # fmt: skip

    @property
    def hop(self) -> int:
        """Return the samples from one frame to the next."""
        return max(3, round(SECONDS * self.rate / OVERLAP))

    @property
    def size(self) -> int:
        """Return the samples of a frame."""
        return OVERLAP * self.hop

    @property
    def lines(self) -> int:
        """Return the number of frequencies, from 0 to half the rate."""
        return self.size // 2 + 1

    @cached_property
    def window(self) -> np.ndarray:
        """Return the Hann window, float32 of shape (size,); periodic."""
        return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)).astype(np.float32)

    def count(self, n: int) -> int:
        """Return the number of frames that lie over so many samples."""
        return -(-n // self.hop) + OVERLAP - 1

    def spectra(self, read: Read, n: int, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the spectra of the frames from ``first`` up to ``stop``, complex64 of shape (n_components, lines, stop - first).

        Parameters
        ----------
        read : callable (first, stop) -> ndarray of shape (n_components, stop - first)
            Samples; none outside of 0 to ``n`` are asked for: frames that reach beyond see the samples mirrored.
        n : int
            The number of samples in all.
        """
        stop = self.count(n) if stop is None else stop
        begin = (first - OVERLAP + 1) * self.hop
        x = mirrored(read, n, begin, begin + (stop - first + OVERLAP - 1) * self.hop).astype(np.float32)
        framed = np.lib.stride_tricks.sliding_window_view(x, self.size, axis=1)[
            :, :: self.hop
        ]  # (C, K, size)
        return np.fft.rfft(framed * self.window, axis=2).astype(np.complex64).swapaxes(1, 2)

    def samples(self, spectra: np.ndarray) -> np.ndarray:
        """Add frames up to samples, float32 of shape (n_components, (n_frames - 3) * hop), or less than no frame: none.

        The first is the first that four frames lie over: of all frames of a run, its first sample.
        """
        n_frames = spectra.shape[2]
        parts = np.fft.irfft(spectra.swapaxes(1, 2), self.size, axis=2) * (self.window / 1.5)  # (C, K, size)
        parts = parts.reshape(len(spectra), n_frames, OVERLAP, self.hop)
        n = max(0, n_frames - OVERLAP + 1)
        added = sum(parts[:, OVERLAP - 1 - i : OVERLAP - 1 - i + n, i] for i in range(OVERLAP))
        return np.asarray(added, np.float32).reshape(len(spectra), n * self.hop)


def mirrored(read: Read, n: int, first: int, stop: int) -> np.ndarray:
    """Return samples from ``first`` up to ``stop``, float64, those before 0 and from ``n`` on mirrored at the ends."""
    place = np.arange(first, stop) % (2 * n)
    place = np.where(place < n, place, 2 * n - 1 - place)
    low = int(place.min())
    return np.asarray(read(low, int(place.max()) + 1), np.float64)[:, place - low]


def log_power(spectra: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the power, float32; of nothing that of the smallest number there is."""
    power = spectra.real**2 + spectra.imag**2
    return np.log(np.maximum(power, np.finfo(np.float32).tiny))


def noise_level(power: np.ndarray) -> np.ndarray:
    """Return the level of the noise at each frequency, float32 of shape (..., lines): a logarithm of power.

    Parameters
    ----------
    power : ndarray, shape (..., lines, n_frames)
        Logarithms, as `log_power` gives them.

    Notes
    -----
    From the quantile 0.2 over time: of Gaussian noise, whose power is spread exponentially, the mean follows from any quantile;
    and what is there for less than 80% of the time, such as events, hardly lifts it. After the minimum statistics of Martin
    (2001), IEEE Trans. Speech Audio Process. 9, doi:10.1109/89.928915.
    """
    level = np.quantile(power, QUIET, axis=-1) - np.log(-np.log(1 - QUIET))
    return np.maximum(level, level.max(axis=-1, keepdims=True) + np.log(LOUDEST)).astype(np.float32)
