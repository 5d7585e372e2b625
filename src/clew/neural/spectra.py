"""Spectra of the pieces of signals, in bands: what comes back of a noisy wave, whose phases no few numbers can hold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from clew.errors import SettingError, check

PIECES = 32  # of a signal, or nearly so many,
SHORTEST = 16  # samples each,
BANDS = 16  # whose frequencies are divided into so many bands at most
FLOOR = 1e-6  # of the median power of a row: silence has no logarithm
AT_ONCE = 2**22  # samples


def can_see_spectra(length: int) -> bool:
    """Return whether signals of so many samples are long enough to be cut into pieces."""
    return length >= 8 * SHORTEST


def piece_of(shape: Sequence[int]) -> int:
    """Return the samples of a piece of signals (n, channels, T): a power of 2.

    Raises
    ------
    SettingError
        If they are no signals, or too short.
    """
    fits = len(shape) == 3 and can_see_spectra(shape[2])
    check(fits, SettingError, "The 'see' setting must be 'wave' unless rows are signals of {} samples or more. Got 'spectrum' and the shape {}.", 8 * SHORTEST, tuple(shape))  # fmt: skip
    return max(SHORTEST, 2 ** round(float(np.log2(shape[2] / PIECES))))


def edges_of(piece: int) -> np.ndarray:
    """Return where bands begin and end, int (n_bands + 1,), in steps of 1 / ``piece`` of the rate: ever wider, without the mean."""
    return np.unique(np.geomspace(1, piece // 2 + 1, BANDS + 1).round().astype(int))


def shape_of_spectra(shape: Sequence[int], piece: int) -> tuple[int, int]:
    """Return the shape of the spectra of a signal (channels, T): (channels x bands, pieces)."""
    return shape[0] * (len(edges_of(piece)) - 1), shape[1] // piece


def band_names(channels: Sequence[str], piece: int, rate: float | None) -> list[str]:
    """Return the names of the bands of each channel, such as "Z 3.12-6.25 Hz"."""
    edges = edges_of(piece) * (rate or 1.0) / piece
    unit = " Hz" if rate else " of the rate"
    return [f"{one} {low:.3g}-{high:.3g}{unit}" for one in channels for low, high in pairwise(edges)]


def spectra_of(waves: np.ndarray, piece: int) -> np.ndarray:
    """Return the mean power in each band of each piece, in dB, float32 (n, channels x bands, pieces).

    Parameters
    ----------
    waves : ndarray, shape (n, channels, T)
        What is left after the last whole piece is passed over.
    piece : int
        Samples of a piece, whose mean is taken off and which is tapered by a Hann window (periodogram: Welch 1967,
        doi:10.1109/TAU.1967.1161901, without overlap).
    """
    n, channels, length = np.shape(waves)
    step = max(1, AT_ONCE // max(1, channels * length))
    found = [_some(np.asarray(waves[i : i + step], np.float64), piece) for i in range(0, n, step)]
    return np.concatenate(found).reshape(n, -1, length // piece)


def _some(waves: np.ndarray, piece: int) -> np.ndarray:
    n, channels, length = waves.shape
    pieces = waves[:, :, : length // piece * piece].reshape(n, channels, -1, piece)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(piece) / piece)
    tapered = (pieces - pieces.mean(axis=3, keepdims=True)) * taper
    power = np.abs(np.fft.rfft(tapered)) ** 2  # (n, channels, pieces, piece // 2 + 1)
    edges = edges_of(piece)
    bands = np.add.reduceat(power, edges[:-1], axis=3) / np.diff(edges)
    floor = FLOOR * np.median(bands, axis=(1, 2, 3), keepdims=True)
    decibels = 10 * np.log10(np.maximum(bands + floor, np.finfo(np.float64).tiny))
    return np.swapaxes(decibels, 2, 3).astype(np.float32)
