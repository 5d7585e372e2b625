"""Answers of windows that overlap become one curve, piece by piece; and where the curve says that a wave arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clew.kernels.picking import LAST, ON, PEAK, PEAK_AT, START, STATE, SUM, SUM_T, SUM_TT, find_peaks
from clew.neural.picking_net import Stacking

OFF = 0.5  # of the threshold: where a pick that has begun ends


def window_starts(n: int, window: int, overlap: int) -> range | list[int]:
    """Return where windows begin in a run of ``n`` samples: every ``window - overlap`` samples, and one flush with the end.

    Of a run that is shorter than a window there is one, at 0.
    """
    if n <= window:
        return [0]
    starts = range(0, n - window + 1, window - overlap)
    return starts if starts[-1] == n - window else [*starts, n - window]


def n_windows(n: int, window: int, overlap: int) -> int:
    """Return how many `window_starts` has, without making them."""
    return 1 if n <= window else -(-(n - window) // (window - overlap)) + 1


class Stack:
    """The curve of one run without a gap: takes the answers of its windows in order, gives what no later one can change.

    Parameters
    ----------
    n_labels, window : int
    stacking : {"mean", "max"}
    blinding : sequence of two ints
        Samples at both ends of a window whose answers do not count. Where no other window answers, at the ends of the
        run, the curve is NaN.
    at : int
        From which sample on the curve is wanted.

    Attributes
    ----------
    at : int
        Up to where the curve was given.
    """

    def __init__(
        self, n_labels: int, window: int, *, stacking: Stacking, blinding: Sequence[int], at: int = 0
    ) -> None:
        self.window, self.mean, self.at = window, stacking == "mean", at
        self.blind = int(blinding[0]), window - int(blinding[1])
        self._total = np.zeros((n_labels, window), np.float64)  # from sample `at` on
        self._count = np.zeros(window, np.int64)

    def add(self, start: int, answer: np.ndarray) -> np.ndarray:
        """Take the answer (n_labels, window) of the window at ``start``; return the curve from `at` up to there.

        float32 of shape (n_labels, max(0, start - at)); `at` moves on by as much.
        """
        done = self._give(start - self.at) if start > self.at else np.empty((len(self._total), 0), np.float32)
        skipped = max(self.blind[0], self.at - start)  # of the window: blind, or given already
        if skipped < self.blind[1]:
            here = slice(start + skipped - self.at, start + self.blind[1] - self.at)
            there = answer[:, skipped : self.blind[1]]
            if self.mean:
                self._total[:, here] += there
            else:
                np.maximum(
                    self._total[:, here], there, out=self._total[:, here]
                )  # probabilities: none is below 0
            self._count[here] += 1
        return done

    def close(self, stop: int) -> np.ndarray:
        """Return the rest of the curve, up to sample ``stop``, the end of the run; as `add`."""
        return self._give(stop - self.at)

    def _give(self, n: int) -> np.ndarray:
        known = min(n, self.window)
        out = np.full((len(self._total), n), np.nan, np.float32)
        count = self._count[:known]
        seen = count > 0
        if seen.all():
            out[:, :known] = self._total[:, :known] / count if self.mean else self._total[:, :known]
        elif seen.any():
            total = self._total[:, :known][:, seen]
            out[:, :known][:, seen] = total / count[seen] if self.mean else total
        rest = self.window - known
        self._total[:, :rest], self._total[:, rest:] = self._total[:, known:].copy(), 0.0
        self._count[:rest], self._count[rest:] = self._count[known:].copy(), 0
        self.at += n
        return out


@dataclass(frozen=True)
class Peak:
    """A stretch of a curve above its threshold, in samples.

    Parameters
    ----------
    start, end, at : int
        The first sample, the last, and that of the highest probability.
    probability : float
        There.
    spread : float
        The square root of the mean square distance of the stretch from ``at``, weighted by probability, in samples.
    """

    start: int
    end: int
    at: int
    probability: float
    spread: float


class Picker:
    """The stretches of one curve that reach a threshold; the curve comes in pieces.

    Begins where the curve reaches the threshold, ends where it falls below half of it: as
    `obspy.signal.trigger.trigger_onset` and so SeisBench have it.

    Parameters
    ----------
    threshold : float
    state : sequence of float, optional
        As another left it, to go on from there.

    Attributes
    ----------
    state : ndarray of float64, shape (STATE,)
    """

    def __init__(self, threshold: float, state: Sequence[float] | None = None) -> None:
        self.threshold = threshold
        self.state = np.zeros(STATE) if state is None else np.array(state, np.float64)

    def add(self, first: int, curve: np.ndarray) -> list[Peak]:
        """Take the piece (n,) of float32 from sample ``first`` on; return the stretches that end in it."""
        if self.state[ON] == 0.0 and not (curve >= self.threshold).any():
            return []
        found = np.empty((len(curve) // 2 + 1, STATE))
        n = find_peaks(curve, first, self.threshold, OFF * self.threshold, self.state, found)
        return [_peak(one) for one in found[:n]]

    def close(self) -> list[Peak]:
        """Return the stretch that the end of the curve cuts off, if there is one; what comes next is a curve of its own."""
        last = [_peak(self.state)] if self.state[ON] else []
        self.state = np.zeros(STATE)
        return last


def _peak(state: np.ndarray) -> Peak:
    away = state[PEAK_AT] - state[START]
    square = (state[SUM_TT] - 2 * away * state[SUM_T]) / state[SUM] + away * away if state[SUM] > 0 else 0.0
    return Peak(
        int(state[START]),
        int(state[LAST]),
        int(state[PEAK_AT]),
        float(state[PEAK]),
        float(np.sqrt(max(0.0, square))),
    )
