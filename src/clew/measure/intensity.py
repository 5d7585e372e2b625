"""Intensities of different images on one scale: what decides more than any filter whether a model carries over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clew.errors import check_choice

Normalise = Literal["otsu", "percentiles", "min-max", "none"]
PERCENTILES = (1.0, 99.8)
MOST = 2**22  # pixels of a channel that are looked at; of larger images evenly spaced windows
WINDOW = 256
BINS = 256
UNIMODAL = (
    0.67  # share of the variance between Otsu's two classes; 2 / pi = 0.637 for one normal distribution
)

Read = Callable[[int, slice, slice, slice], np.ndarray]


@dataclass(frozen=True)
class Scale:
    """What is subtracted from each channel of an image, and by what the rest is divided.

    Parameters
    ----------
    offset, width : ndarray of float64, shape (C,)
        Normalised is ``(pixel - offset) / width``.
    notes : list of str
        What to mind.
    """

    offset: np.ndarray
    width: np.ndarray
    notes: list[str]

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels (C, ...) of any dtype as normalised float32.

        Numbers that float32 cannot hold (above 16 million, or with more than 7 digits) are subtracted in float64.
        """
        exact = pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32
        kind = np.dtype(np.float32 if exact else np.float64)
        shape = (-1,) + (1,) * (pixels.ndim - 1)
        out = np.subtract(pixels, self.offset.astype(kind).reshape(shape), dtype=kind)
        np.divide(out, self.width.astype(kind).reshape(shape), out=out)
        return out.astype(np.float32, copy=False)


def intensity_scale(
    read: Read,
    shape: tuple[int, ...],
    *,
    normalise: Normalise = "otsu",
    name: str = "image",
    channel_names: tuple[str, ...] = (),
) -> Scale:
    """Find the scale of the intensities of one image, each channel by itself.

    Parameters
    ----------
    read : callable
        Takes t and three slices (z, y, x); returns pixels (C, Z, Y, X).
    shape : tuple of int
        (T, C, Z, Y, X). Of images above 4 million pixels evenly spaced windows are looked at, always the same ones.
    normalise : {"otsu", "percentiles", "min-max", "none"}
        What becomes 0 and 1: the medians of what lies below and above Otsu's threshold; the 1st and the 99.8th
        percentile; the smallest and the largest pixel; or nothing is changed.
    name : str
        The image, for the notes.
    channel_names : tuple of str
        The channels, for the notes.

    Raises
    ------
    SettingError
        If ``normalise`` is none of these.

    Notes
    -----
    Otsu, IEEE Trans. SMC 9 (1979), doi:10.1109/TSMC.1979.4310076, on a histogram of 256 bins.
    """
    check_choice(
        normalise, ("otsu", "percentiles", "min-max", "none"), what="'normalise' setting", of="pixels"
    )
    channels = shape[1]
    offset, width = np.zeros(channels), np.ones(channels)
    notes: list[str] = []
    if normalise != "none":
        values = _looked_at(read, shape)
        for channel in range(channels):
            which = f" ({channel_names[channel]})" if channels > 1 and channel_names else ""
            low, high = _ends(values[channel], normalise, f"{name}{which}", notes)
            offset[channel], width[channel] = low, high - low if high > low else 1.0
    return Scale(offset, width, notes)


def _ends(values: np.ndarray, normalise: str, name: str, notes: list[str]) -> tuple[float, float]:
    """Return what becomes 0 and what becomes 1."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        notes.append(f"{name}: all pixels are {low:g}; only that is subtracted.")
        return low, high
    if normalise == "min-max":
        return low, high
    if normalise == "percentiles":
        ends = np.percentile(values, PERCENTILES)
        if ends[0] == ends[1]:
            notes.append(
                f"{name}: nearly all pixels are {ends[0]:g}; scaled from the smallest to the largest pixel."
            )
            return low, high
        return float(ends[0]), float(ends[1])
    threshold, share = otsu(values)
    bright = values > threshold
    if share < UNIMODAL:
        notes.append(
            f"{name}: has no two brightnesses (Otsu's classes hold {share:.0%} of the variance, one bell curve gives 64%); "
            "normalised as if it had, so mind what is said of it."
        )
    dark, light = float(np.median(values[~bright])), float(np.median(values[bright]))
    return dark, light


def otsu(values: np.ndarray) -> tuple[float, float]:
    """Return Otsu's threshold, and the share of the variance that lies between the two classes.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Not all equal.

    Returns
    -------
    threshold : float
        The largest value of the lower class; those above it are of the upper one. (Not the centre of the bin that it
        lies in: of 8-bit images that would put the pixels of one gray level into the wrong class.)
    share : float
        From 0 to 1: 0.64 for one normal distribution, 0.75 for a uniform one, towards 1 for two narrow ones.
    """
    low = float(values.min())
    above_low = values.astype(np.float64) - low  # near 0 numbers lie close enough for any bins
    counts, edges = np.histogram(above_low, BINS)
    centres = (edges[:-1] + edges[1:]) / 2
    n, sums = counts.sum(), np.cumsum(counts * centres)
    below, above = (
        np.cumsum(counts)[:-1],
        counts[::-1].cumsum()[-2::-1],
    )  # none is 0: the ends are in the outer bins
    apart = (sums[-1] - sums[:-1]) / above - sums[:-1] / below
    between = (below / n) * (above / n) * apart**2
    best = int(np.argmax(between))
    variance = (counts * (centres - sums[-1] / n) ** 2).sum() / n
    return float(values[above_low < edges[best + 1]].max()), float(between[best] / variance)


def _looked_at(read: Read, shape: tuple[int, ...]) -> np.ndarray:
    """Return the pixels to look at, of shape (C, n): all, or those of evenly spaced windows."""
    times, channels, depth, height, width = shape
    if times * depth * height * width <= MOST:
        everywhere = slice(0, depth), slice(0, height), slice(0, width)
        return np.concatenate([read(t, *everywhere).reshape(channels, -1) for t in range(times)], axis=1)
    planes = _spaced(times * depth, 16)
    side = math.isqrt(MOST // (WINDOW * WINDOW) // len(planes))
    tops, lefts = (_spaced(max(n - WINDOW, 0) + 1, side) for n in (height, width))
    parts = [
        read(
            plane // depth,
            slice(plane % depth, plane % depth + 1),
            slice(y, min(y + WINDOW, height)),
            slice(x, min(x + WINDOW, width)),
        ).reshape(channels, -1)
        for plane in planes
        for y in tops
        for x in lefts
    ]
    return np.concatenate(parts, axis=1)


def _spaced(n: int, most: int) -> list[int]:
    """Return up to ``most`` evenly spaced numbers from 0 to n - 1, the ends included."""
    return sorted({int(i) for i in np.rint(np.linspace(0, n - 1, min(n, most)))})
