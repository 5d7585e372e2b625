"""A loss over epochs without its noise: levels, slopes, and how far each can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NARROWEST, WINDOWS = 3, 10  # epochs of a window, at least; windows in a long history
FEWEST_BETWEEN = 3  # second differences between windows; from fewer their noise is not told
MOST_PAIRED = 500  # epochs of a slope; of more, some are left out evenly
TO_SPREAD = 1.4826  # from the median of absolute values of a normal distribution to its standard deviation
OF_MEDIAN = 1.2533  # standard error of a median over that of a mean, of normal values
SECOND = 6**0.5  # standard deviation of second differences over that of independent values


@dataclass(frozen=True)
class Levels:
    """A loss over epochs and its running median.

    Parameters
    ----------
    epochs : ndarray of int64, shape (n,)
        The epochs, from 1, whose loss is finite.
    loss : ndarray of float64, shape (n,)
    level : ndarray of float64, shape (n - width + 1,)
        The medians of `width` epochs that follow each other.
    width : int
    noise : float
        The standard deviation of the loss from one epoch to the next, without its trend.
    error : float
        The standard error of a level.
    """

    epochs: np.ndarray
    loss: np.ndarray
    level: np.ndarray
    width: int
    noise: float
    error: float

    @property
    def lowest(self) -> int:
        """Return the place of the lowest level."""
        return int(np.argmin(self.level))

    @property
    def least(self) -> tuple[int, float]:
        """Return the epoch of the lowest loss, and that loss: of one epoch, as early stopping sees it."""
        place = int(np.argmin(self.loss))
        return int(self.epochs[place]), float(self.loss[place])

    @property
    def between_epochs(self) -> float:
        """Return the standard error of a level if epochs did not resemble each other."""
        return float(OF_MEDIAN * self.noise / np.sqrt(self.width))

    def ends(self) -> str:
        """Say what the loss comes to at the end."""
        return f"{self.level[-1]:.4g} (median of the last {self.width} epochs)"

    def slope(self, part: slice, along: np.ndarray | None = None) -> tuple[float, float]:
        """Return the slope of a part of the loss along epochs, and its standard error.

        It is the median of the slopes between any two epochs (Sen, JASA 63 (1968) 1379,
        doi:10.1080/01621459.1968.10480934): no single epoch moves it far.

        Parameters
        ----------
        part : slice
            At least 3 epochs.
        along : ndarray of float64, shape (n,), optional
            What the slope is along, instead of epochs.
        """
        x, y = (self.epochs if along is None else along)[part], self.loss[part]
        every = -(-len(x) // MOST_PAIRED)
        x, y = x[::every], y[::every]
        one, other = np.triu_indices(len(x), 1)
        slope = np.median((y[other] - y[one]) / (x[other] - x[one]))
        noise = self.error * np.sqrt(self.width) / OF_MEDIAN
        return float(slope), float(noise / np.sqrt(((x - x.mean()) ** 2).sum()))


def levels(loss: np.ndarray) -> Levels:
    """Return the running median of a loss, with its noise as the second differences tell it.

    Second differences know no trend, and their median no single jump (after Gasser, Sroka & Jennen-Steinmetz,
    Biometrika 73 (1986) 625, doi:10.1093/biomet/73.3.625). The error of a level is taken between whole windows as well as
    between epochs, and the larger counts: losses of epochs that follow each other resemble each other.

    Parameters
    ----------
    loss : ndarray of float64, shape (n_epochs,)
        At least 3 of them finite; others are left out.
    """
    places = np.flatnonzero(np.isfinite(loss))
    loss = np.asarray(loss, np.float64)[places]
    width = max(NARROWEST, len(loss) // WINDOWS | 1)
    level = np.median(np.lib.stride_tricks.sliding_window_view(loss, width), axis=1)
    noise = noise_of(loss)
    flat = level[len(level) // 2 :]  # the first half bends, and a bend would pass for noise
    between = noise_of(flat, width) if len(flat) >= 2 * width + FEWEST_BETWEEN else 0.0
    return Levels(places + 1, loss, level, width, noise, max(OF_MEDIAN * noise / np.sqrt(width), between))


def noise_of(values: np.ndarray, lag: int = 1) -> float:
    """Return the standard deviation of values about their trend; 0 where they are too few to tell."""
    second = values[2 * lag :] - 2 * values[lag:-lag] + values[: -2 * lag]
    return float(TO_SPREAD * np.median(np.abs(second)) / SECOND) if second.size else 0.0
