"""Classical denoisers, each with its strength chosen without a clean image: what a trained one has to be better than."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import package
from clew.result import Result

STRENGTHS: dict[str, tuple[float, ...]] = {
    "gaussian": (0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0),  # sigma in pixels
    "nl-means": (
        0.3,
        0.45,
        0.6,
        0.75,
        0.9,
        1.1,
        1.4,
    ),  # cut-off of the distance of patches, in sd of the noise
    "tv": (0.3, 0.5, 0.75, 1.0, 1.3, 1.7, 2.2, 3.0),  # weight, in sd of the noise
}
WORDS = {"gaussian": "a Gaussian filter", "nl-means": "non-local means", "tv": "total variation"}
EVERY = 4  # one pixel in so many along each axis is hidden at a time: the pixels of a grid;
TUNED, JUDGED = slice(0, 1), slice(1, 3)  # a strength is chosen on one grid, and its error told by two others
Denoise = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Smoothing(Result):
    """An image as classical denoisers leave it.

    Parameters
    ----------
    methods : list of str
        "gaussian", "nl-means", "tv".
    strengths : ndarray of float64, shape (n_methods,)
        Chosen by the blind-spot error, or by the best PSNR where a clean image was given.
    errors : ndarray of float64, shape (n_methods,)
        Mean squared error at hidden pixels by which no strength was chosen, in squared units of the image; noise included.
    images : ndarray of float32, shape (n_methods, sides ...)
    psnr : ndarray of float64, shape (n_methods,)
        In dB; NaN without a clean image.
    """

    methods: list[str]
    strengths: np.ndarray
    errors: np.ndarray
    images: np.ndarray
    psnr: np.ndarray

    def headline(self) -> str:
        """Name the best by its blind-spot error."""
        best = int(self.errors.argmin())
        return f"best without a clean image: {WORDS[self.methods[best]]} ({self.strengths[best]:g})"


def smoothing(image: np.ndarray, *, level: float, clean: np.ndarray | None = None) -> Smoothing:
    """Denoise an image by a Gaussian filter, non-local means and total variation.

    Parameters
    ----------
    image : ndarray of numbers, shape (sides ...)
        One to three axes; non-local means asks for two or more.
    level : float
        Standard deviation of the noise, in units of the image.
    clean : ndarray, optional
        The truth, by which the strengths are chosen then.

    Raises
    ------
    DataError
        If a value is not finite.

    Notes
    -----
    Without truth, a strength is chosen by the error at hidden pixels: Batson & Royer, ICML (2019), arXiv:1901.11365, which
    holds for noise that is independent from pixel to pixel.
    """
    values = np.asarray(image, np.float64)
    check(
        np.isfinite(values).all(), DataError, "The pixels to be denoised must be finite numbers. Got others."
    )
    chosen = {
        method: _best(values, method, level, clean)
        for method in STRENGTHS
        if method != "nl-means" or values.ndim > 1
    }
    made = np.stack([smooth(values, method, one, level=level) for method, one in chosen.items()])
    return Smoothing(
        methods=list(chosen),
        strengths=np.array(list(chosen.values())),
        errors=np.array(
            [blind_errors(values, smoother(m, s, level=level)).mean() for m, s in chosen.items()]
        ),
        images=made.astype(np.float32),
        psnr=np.array([np.nan if clean is None else psnr(one, clean) for one in made]),
    )


def smooth(image: np.ndarray, method: str, strength: float, *, level: float) -> np.ndarray:
    """Return an image, float64, as one classical denoiser leaves it.

    Parameters
    ----------
    image : ndarray of float, shape (sides ...)
    method : {"gaussian", "nl-means", "tv"}
    strength : float
        Of `STRENGTHS`, or another.
    level : float
        Standard deviation of the noise.
    """
    if method == "gaussian":
        from scipy.ndimage import gaussian_filter

        return np.asarray(gaussian_filter(np.asarray(image, np.float64), strength))
    unit = level or float(np.std(image)) * 1e-3 or 1.0
    scaled = np.asarray(image, np.float64) / unit
    if method == "tv":
        return package("skimage.restoration").denoise_tv_chambolle(scaled, weight=strength) * unit
    found = package("skimage.restoration").denoise_nl_means(
        scaled, patch_size=5, patch_distance=6, h=strength, sigma=1.0 if level else 0.0, fast_mode=True
    )
    return np.asarray(found, np.float64) * unit


def smoother(method: str, strength: float, *, level: float) -> Denoise:
    """Return a classical denoiser as a function of an image."""
    return lambda image: smooth(image, method, strength, level=level)


def blind_errors(image: np.ndarray, denoise: Denoise, *, grids: slice = JUDGED) -> np.ndarray:
    """Return the squared errors of a denoiser at pixels that were hidden from it, against their noisy values; float64 (n,).

    Pixels on a grid are replaced by the mean of their nearest neighbours before it is asked. Where noise is independent
    from pixel to pixel, the mean of these errors is that against the truth, plus the variance of the noise.

    Parameters
    ----------
    image : ndarray of float, shape (sides ...)
    denoise : callable (image) -> image
    grids : slice
        Which of the 4 (traces), 16 (images) or 64 grids are hidden, one after the other; by default, none of those by which
        `smoothing` chooses.
    """
    around = _neighbours(image)
    found = []
    for grid in list(_grids(image.ndim))[grids]:
        hidden = image.astype(np.float64)
        hidden[grid] = around[grid]
        found.append(((denoise(hidden)[grid] - image[grid]) ** 2).ravel())
    return np.concatenate(found)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; the peak is the range of the clean image, or that of its 8 bits."""
    peak = 255.0 if clean.dtype == np.uint8 else float(np.ptp(clean))
    error = float(np.mean((np.asarray(image, np.float64) - clean) ** 2))
    return float(10 * np.log10(peak**2 / error)) if error else np.inf


def _best(image: np.ndarray, method: str, level: float, clean: np.ndarray | None) -> float:
    """Return the strength with the lowest blind-spot error, or the best PSNR."""

    def cost(strength: float) -> float:
        if clean is not None:
            return -psnr(smooth(image, method, strength, level=level), clean)
        return float(blind_errors(image, smoother(method, strength, level=level), grids=TUNED).mean())

    return min(STRENGTHS[method], key=cost)


def _grids(n_axes: int) -> Iterator[tuple[slice, ...]]:
    """Yield grids of every fourth pixel, those far from each other first."""
    order = sorted(itertools.product(range(EVERY), repeat=n_axes), key=lambda one: [n % 2 for n in one])
    yield from (tuple(slice(first, None, EVERY) for first in one) for one in order)


def _neighbours(image: np.ndarray) -> np.ndarray:
    """Return the mean of the two neighbours along each axis, float64; at the ends, of those that there are mirrored."""
    padded = np.pad(np.asarray(image, np.float64), 1, mode="reflect" if min(image.shape) > 1 else "edge")
    inside = tuple(slice(1, -1) for _ in image.shape)
    total = np.zeros(image.shape)
    for axis in range(image.ndim):
        for step in (-1, 1):
            total += np.roll(padded, step, axis)[inside]
    return total / (2 * image.ndim)
