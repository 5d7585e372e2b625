"""Which learning rate to begin with: the losses of a short training whose rate rises from update to update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.intervals import number
from clew.result import Result
from clew.validate.loss_levels import levels

FEWEST, WINDOWS = 20, 10  # rates; windows of a running median among them
SURE = 5  # standard errors: a fall of fewer could be noise
BACK = 0.5  # of its fall: a loss that has risen so much again from its lowest diverges
WELL_BEFORE = 3  # times below the rate of the lowest loss: near it the loss falls, but hardly stays down


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RateSuggestion(Result):
    """What a range of learning rates did to the loss.

    Parameters
    ----------
    lr : ndarray of float64, shape (n_rates,)
        The rates, rising, as far as the loss was finite.
    loss : ndarray of float64, shape (n_rates,)
        The loss at each, smoothed.
    suggested : float
        The rate to begin with; NaN where none made the loss fall.
    lowest : float
        The rate of the lowest smoothed loss.
    diverges : float
        The rate from which on the loss rises for good; NaN where it does not.
    sentence : str
        What to begin with, and why.
    """

    lr: np.ndarray
    loss: np.ndarray
    suggested: float
    lowest: float
    diverges: float
    sentence: str

    def headline(self) -> str:
        """Say what to begin with, and why."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return the suggested rate and what it rests on."""
        rates = {name: number(getattr(self, name)) for name in ("suggested", "lowest", "diverges")}
        return {**rates, "sentence": self.sentence}


def suggest_rate(lr: np.ndarray, loss: np.ndarray) -> RateSuggestion:
    """Suggest the learning rate at which the loss falls most steeply, well below the one at which it rises again.

    The loss is smoothed twice, by running medians and by running means of a tenth of the updates. Its slope is along the
    logarithm of the rate. Rates within a factor of 3 of that of the lowest loss are not suggested: there the loss is about
    to rise.

    Parameters
    ----------
    lr : ndarray of float64, shape (n_updates,)
        The learning rate of each update, rising by a constant factor.
    loss : ndarray of float64, shape (n_updates,)
        The loss of each batch, before its update; the first that is not finite ends the range.

    Raises
    ------
    DataError
        If the rates do not rise, or fewer than 20 have a finite loss.

    Notes
    -----
    The learning-rate range test of Smith, "Cyclical learning rates for training neural networks", WACV 2017,
    arXiv:1506.01186, with rates on a logarithmic scale.
    """
    lr, loss = np.asarray(lr, np.float64), np.asarray(loss, np.float64)
    rising = lr.shape == loss.shape and lr.ndim == 1 and (lr > 0).all() and (np.diff(lr) > 0).all()
    check(rising, DataError, "The rates of suggest_rate must be above 0 and rise, one for each loss. Got {} rates and {} losses.", lr.shape, loss.shape)  # fmt: skip
    broken = np.flatnonzero(~np.isfinite(loss))
    n = int(broken[0]) if broken.size else len(loss)
    check(n >= FEWEST, DataError, "The losses of suggest_rate must be at least {} finite ones from the first rate on. Got {}.", FEWEST, n)  # fmt: skip
    smooth = _smoothed(loss[:n], n // WINDOWS | 1)
    low = int(np.argmin(smooth))
    fall, doubt = smooth[0] - smooth[low], SURE * levels(loss[: max(low, n // 2)]).error
    back = low + np.flatnonzero(smooth[low:] > smooth[low] + max(BACK * fall, doubt))
    diverges = float(lr[back[0]] if back.size else lr[n] if broken.size else np.nan)
    before = lr[:n] <= lr[low] / WELL_BEFORE
    suggested = np.nan
    if fall > doubt and before.sum() >= 2:
        slope = np.gradient(smooth, np.log(lr[:n]))
        suggested = float(lr[np.argmin(np.where(before, slope, np.inf))])
    return RateSuggestion(
        lr=lr[:n],
        loss=smooth,
        suggested=suggested,
        lowest=float(lr[low]),
        diverges=diverges,
        sentence=_sentence(suggested, lr[low], diverges, smooth, low),
    )


def _smoothed(loss: np.ndarray, width: int) -> np.ndarray:
    """Return running means of running medians, float64 (n,); at both ends of what the window still holds."""
    half = width // 2
    for middle in (np.median, np.mean):
        padded = np.pad(loss, half, mode="edge")
        loss = middle(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return loss


def _sentence(suggested: float, lowest: float, diverges: float, loss: np.ndarray, low: int) -> str:
    end = f"; from {diverges:.2g} on it rises" if np.isfinite(diverges) else "; no rate made it rise"
    if np.isnan(suggested):
        return f"No learning rate can be suggested: the loss did not fall with any{end}."
    lowest_at = f"lowest at {lowest:.2g}: {loss[low]:.3g}"
    return f"Begin with a learning rate of {suggested:.2g}: there the loss falls most steeply ({lowest_at}){end}."
