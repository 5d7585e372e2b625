"""What is the noise of an image or a trace like: how strong, does it grow with brightness, is it independent from pixel to pixel?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check
from clew.result import Result

Along = Literal["none", "x", "y", "both", "unknown"]
BLOCK, LINE = 16, 64  # sides of the blocks of an image in pixels; samples of those of a trace
LAGS = 8  # pixels up to which noise is compared with itself
FLATTEST = 0.2  # share of the blocks, those with least in them, by which noise is told
FEWEST = 12  # such blocks
LUCKY = 0.9  # what noise of one level shows in the flattest fifth of its blocks: it is lower there by chance
CORRELATED, SURE = (
    0.14,
    4.0,
)  # autocorrelation that counts, and how many standard errors it must be away from 0
MOST = 2**22  # pixels that are looked at
SLIGHT = 0.01  # noise of less than this share of the image's own spread is hardly any


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Noise(Result):
    """The noise of an image, as its flattest parts show it.

    Parameters
    ----------
    level : float
        Standard deviation in the flattest parts, in units of the image; too low where noise is correlated along both axes.
    contrast : float
        Standard deviation of the whole image.
    slope : float
        By how much its variance grows per unit of brightness (Poisson noise: the gain); 0 where it does not, or nobody can say.
    along : {"none", "x", "y", "both", "unknown"}
        Along which axis neighbours are alike in their noise.
    reach : int
        Over how many pixels.
    axes : list of str
    autocorrelation : ndarray of float64, shape (n_axes, 8)
        Along each axis, at distances of 1 to 8 pixels; independent noise has 0.
    standard_error : ndarray of float64, shape (n_axes, 8)
    n_blocks : int
        Blocks by which it is told.
    """

    level: float
    contrast: float
    slope: float
    along: Along
    reach: int
    axes: list[str]
    autocorrelation: np.ndarray
    standard_error: np.ndarray
    n_blocks: int

    @property
    def independent(self) -> bool:
        """Return whether neighbours differ in their noise, as Noise2Void assumes."""
        return self.along == "none"

    @property
    def slight(self) -> bool:
        """Return whether there is hardly any noise."""
        return self.level < SLIGHT * self.contrast

    def headline(self) -> str:
        """Say what the noise is like, and whether Noise2Void can take it out."""
        of = f"sd {self.level:.3g}"
        if self.slope:
            of += f", its variance grows by {self.slope:.2g} per unit of brightness"
        if self.slight:
            return f"There is hardly any noise ({of}; the image itself varies by {self.contrast:.3g}): denoising can only lose detail."
        if self.along == "unknown":
            return f"What the noise is like cannot be told: {self.n_blocks} flat blocks of {BLOCK} pixels are too few."
        if self.independent:
            return f"The noise is independent from pixel to pixel ({of}): Noise2Void can take it out."
        rows = {"x": "along rows (x)", "y": "along columns (y)", "both": "along rows and columns"}[self.along]
        if len(self.axes) == 1:
            rows = "along the trace"
        over = f"at least {self.reach}" if self.reach == LAGS else str(self.reach)
        largest = float(self.autocorrelation[:, 0][np.abs(self.autocorrelation[:, 0]).argmax()])
        return f"The noise is correlated {rows}, over {over} pixel{'s' * (self.reach != 1)} (neighbours: {largest:.2f}; {of}): plain Noise2Void will not remove it."

    def advice(self) -> list[str]:
        """Say what would help where Noise2Void does not."""
        if self.slight or self.along in ("none", "unknown"):
            return []
        told = ["Averaging several frames helps against any noise that differs from frame to frame."]
        if self.along in ("x", "y"):
            told.insert(
                0,
                f"A structured mask along {self.along} (--structure {self.along}) hides the neighbours that give it away.",
            )
            told.append(
                "What is the same in every frame (lines, columns, hot pixels) is a fixed pattern: take a dark frame and subtract it."
            )
        else:
            told.append(
                "Denoise before resampling, compression or registration: these smear noise over neighbours."
            )
        return told

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        names = ("level", "contrast", "slope", "along", "reach", "axes", "n_blocks")
        return {name: getattr(self, name) for name in names} | {
            "autocorrelation": self.autocorrelation.tolist()
        }


def noise_of(image: np.ndarray) -> Noise:
    """Tell what the noise of an image is like, without a clean one.

    Parameters
    ----------
    image : ndarray of numbers, shape (sides ...)
        A trace, an image or a volume, of which planes are looked at.

    Raises
    ------
    DataError
        If a value is not finite.

    Notes
    -----
    Noise is seen where an image is flat. To tell it from structure, an image is differenced three times along one axis, which
    removes whatever is smooth along it and leaves the autocorrelation of noise along the other as it is; the blocks that
    vary least are asked, and their median is taken. Of a trace, cubic curves are taken away in each block. Structure that
    fills all blocks evenly and is as fine as a pixel cannot be told from noise.
    """
    values = np.asarray(image)
    check(
        np.isfinite(values).all(),
        DataError,
        "The pixels whose noise is asked for must be finite numbers. Got others.",
    )
    if values.ndim == 1:
        return _verdict(["x"], [_blocks_of_trace(values)], float(values.std()))
    planes = values.reshape(-1, *values.shape[-2:])
    planes = planes[
        np.linspace(0, len(planes) - 1, min(len(planes), max(1, MOST // planes[0].size))).astype(int)
    ]
    planes = planes.astype(np.float64)
    return _verdict(["y", "x"], [_blocks(planes.swapaxes(1, 2)), _blocks(planes)], float(planes.std()))


def _blocks(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocovariance along the last axis, float64 (n_blocks, 1 + LAGS), and the mean brightness of each block."""
    side = BLOCK
    n, height, width = planes.shape
    firsts = itertools.product(range(n), range(0, height - side + 1, side), range(0, width - side + 1, side))
    places = [(i, slice(y, y + side), slice(x, x + side)) for i, y, x in firsts]
    if not places:
        return np.zeros((0, 1 + LAGS)), np.zeros(0)
    blocks = np.stack([np.diff(planes[place], 3, axis=0) for place in places]) / np.sqrt(
        20
    )  # 1 + 9 + 9 + 1: white noise keeps its variance
    found = [(blocks[..., : side - lag] * blocks[..., lag:]).mean(axis=(1, 2)) for lag in range(1 + LAGS)]
    return np.stack(found, axis=1), np.array([planes[place].mean() for place in places])


def _blocks_of_trace(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the autocovariance of each block of a trace without its cubic curve, unbiased for white noise, and its mean."""
    n = values.size // LINE
    if n == 0:
        return np.zeros((0, 1 + LAGS)), np.zeros(0)
    blocks = values[: n * LINE].reshape(n, LINE).astype(np.float64)
    curves = np.linalg.qr(np.vander(np.linspace(-1, 1, LINE), 4))[0]
    away = np.eye(LINE) - curves @ curves.T
    rest = blocks @ away
    white = np.array([np.trace(away, lag) for lag in range(1 + LAGS)])  # what white noise of sd 1 leaves
    found = np.stack([(rest[:, : LINE - lag] * rest[:, lag:]).sum(axis=1) for lag in range(1 + LAGS)], axis=1)
    variance = found[:, :1] / white[0]
    count = LINE - np.arange(1 + LAGS)
    return np.concatenate([variance, (found[:, 1:] - variance * white[1:]) / count[1:]], axis=1), blocks.mean(
        axis=1
    )


def _verdict(axes: list[str], found: list[tuple[np.ndarray, np.ndarray]], contrast: float) -> Noise:
    """Judge by the flattest blocks of each axis."""
    rho, error, levels, slopes, fewest = [], [], [], [], len(found[0][0])
    for covariance, mean in found:
        varies = covariance[:, 0] > 0
        covariance, mean = covariance[varies], mean[varies]
        order = np.argsort(covariance[:, 0], kind="stable")
        flat = order[: max(FEWEST, int(FLATTEST * len(order)))]
        fewest = min(fewest, len(flat))
        each = covariance[flat, 1:] / covariance[flat, :1]
        rho.append(np.median(each, axis=0) if len(flat) else np.full(LAGS, np.nan))
        spread = 1.4826 * np.median(np.abs(each - rho[-1]), axis=0) if len(flat) else np.full(LAGS, np.nan)
        error.append(1.2533 * spread / np.sqrt(max(1, len(flat))))  # of a median of normal numbers
        levels.append(float(np.sqrt(np.median(covariance[flat, 0]))) / LUCKY if len(flat) else 0.0)
        slopes.append(_slope(mean, covariance[:, 0]))
    rhos, errors = np.array(rho), np.array(error)
    enough = fewest >= FEWEST
    structured = (np.abs(rhos) > CORRELATED) & (np.abs(rhos) > SURE * errors)
    reaches = [int(np.argmin(np.r_[one, False])) for one in structured]  # distances in a row, from 1
    which = [axis for axis, reach in zip(axes, reaches) if reach]
    along: Any = "unknown" if not enough else "none" if not which else "both" if len(which) > 1 else which[0]
    return Noise(
        level=max(levels),  # differences along an axis of correlation take some of it away
        contrast=contrast,
        slope=float(np.mean(slopes)),
        along=along,
        reach=max(reaches) if enough else 0,
        axes=axes,
        autocorrelation=rhos,
        standard_error=errors,
        n_blocks=fewest,
    )


def _slope(mean: np.ndarray, variance: np.ndarray) -> float:
    """Return by how much variance grows with brightness: a line through the lower quartiles of eight classes of brightness."""
    if len(mean) < 8 * 8 or np.ptp(mean) == 0:
        return 0.0
    parts = np.array_split(np.argsort(mean, kind="stable"), 8)
    x = np.array([mean[part].mean() for part in parts])
    y = np.array([np.quantile(variance[part], 0.25) for part in parts])
    slope, offset = np.polyfit(x, y, 1)
    rest = y - (slope * x + offset)
    error = np.sqrt((rest**2).sum() / 6 / ((x - x.mean()) ** 2).sum())
    grows = slope > 3 * error and slope * np.ptp(x) > 0.25 * y.mean()
    return float(slope) if grows else 0.0
