"""What a threshold of probability does to picks, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.intervals import number
from clew.measure.picks import Picks
from clew.result import Result
from clew.validate.pick_pairs import Judged, Span, judge

if TYPE_CHECKING:
    from clew.read.picks import KnownPick

THRESHOLDS = tuple(np.round(np.arange(0.02, 0.985, 0.02), 2).tolist())


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ThresholdCurve(Result):
    """What a threshold of probability does to the picks of one phase.

    Parameters
    ----------
    phase : str
    tolerance : float
        In s.
    threshold : ndarray of float64, shape (n,)
        Rising.
    precision, recall, f1, false_per_hour : ndarray of float64, shape (n,)
        Of the picks with at least that probability; NaN where not defined. False alarms are those in noise, where spans of
        noise were judged, else in all that was judged.
    n_known, n_found : int
        The known picks, and the candidates.
    chosen : float
        The threshold of the best F1, the highest of equals; NaN where no pick is right.
    """

    phase: str
    tolerance: float
    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    false_per_hour: np.ndarray
    n_known: int
    n_found: int
    chosen: float

    def headline(self) -> str:
        """Say which threshold gives the best F1."""
        if np.isnan(self.chosen):
            return (
                f"No {self.phase} pick is within {self.tolerance:g} s of a known one, whatever the threshold."
            )
        at = int(np.flatnonzero(self.threshold == self.chosen)[0])
        return (
            f"{self.phase}: F1 within {self.tolerance:g} s is best at {self.chosen:g} ({self.f1[at]:.2f}: "
            f"precision {self.precision[at]:.2f}, recall {self.recall[at]:.2f})"
        )

    def summary(self) -> dict[str, Any]:
        """Return the curve and the choice."""
        columns = ("threshold", "precision", "recall", "f1", "false_per_hour")
        return {"phase": self.phase, "tolerance": self.tolerance, "chosen": number(self.chosen)} | {
            name: [number(value) for value in getattr(self, name)] for name in columns
        }


def threshold_curve(
    found: Picks,
    truth: Sequence[KnownPick],
    *,
    phase: str,
    tolerance: float = 0.1,
    thresholds: Sequence[float] = THRESHOLDS,
    judged: Sequence[Span] | None = None,
) -> ThresholdCurve:
    """Return precision, recall and F1 of the picks of a phase against the threshold of their probability.

    Parameters
    ----------
    found : Picks
        Candidates: found at a threshold as low as the lowest of interest.
    truth : sequence of KnownPick
        Of recordings that nothing was trained on.
    phase : str
    tolerance : float
        In s.
    thresholds : sequence of float
        Between 0 and 1.
    judged : sequence of Span, optional
        As for `score_picks`; they tell the false alarms per hour.

    Raises
    ------
    DataError
        If no known pick of the phase is judged, or the candidates have no probability.

    Notes
    -----
    At a higher threshold the candidates of at least that probability are left. A run of probability with two peaks that the
    higher threshold would split stays one pick.
    """
    data = judge(found, truth, judged, "event", [phase])
    check(
        data.known.size,
        DataError,
        "The known picks of a threshold curve must hold phase '{}'. Got none.",
        phase,
    )
    check(
        np.isfinite(data.probability).all(),
        DataError,
        "The candidates of a threshold curve must have a probability. Got {} without one.",
        int(np.isnan(data.probability).sum()),
    )
    return curve_of(data, phase, float(tolerance), thresholds)


def curve_of(data: Judged, phase: str, tolerance: float, thresholds: Sequence[float]) -> ThresholdCurve:
    """Return the curve of columns that are judged already; see `threshold_curve`."""
    levels = np.unique(np.asarray(thresholds, np.float64))
    check(
        levels.size and levels[0] >= 0 and levels[-1] <= 1,
        SettingError,
        "The 'thresholds' of a threshold curve must be between 0 and 1. Got {} instead.",
        list(thresholds),
    )
    theirs = np.flatnonzero(data.found_phase == phase)
    n_known = int((data.phase == phase).sum())
    columns = np.full((4, levels.size), np.nan)
    for i, level in enumerate(levels):
        kept = data.probability >= level
        pairs = data.pairs(phase, tolerance, kept)
        right, n = int((pairs >= 0).sum()), int(kept[theirs].sum())
        columns[0, i] = right / n if n else np.nan
        columns[1, i] = right / n_known if n_known else np.nan
        columns[2, i] = 2 * right / (n + n_known) if n + n_known else np.nan
        columns[3, i] = data.false_rate(np.setdiff1d(theirs[kept[theirs]], pairs[pairs >= 0]))
    return ThresholdCurve(
        phase=phase, tolerance=tolerance, threshold=levels, precision=columns[0], recall=columns[1], f1=columns[2],
        false_per_hour=columns[3], n_known=n_known, n_found=theirs.size, chosen=_best(levels, columns[2]),
    )  # fmt: skip


def _best(levels: np.ndarray, f1: np.ndarray) -> float:
    highest = np.nanmax(f1, initial=0.0)
    return float(levels[np.flatnonzero(f1 >= highest - 1e-12)[-1]]) if highest > 0 else float("nan")


def choose_threshold(curve: ThresholdCurve) -> float:
    """Return the threshold of the best F1, the highest of equals.

    Raises
    ------
    DataError
        If no candidate is right, so that nothing can be chosen.
    """
    check(
        np.isfinite(curve.chosen),
        DataError,
        "The candidates of phase '{}' must be within {:g} s of a known pick somewhere. Got none of {}.",
        curve.phase,
        curve.tolerance,
        curve.n_found,
    )
    return curve.chosen


def recall_at(curve: ThresholdCurve, per_hour: float) -> tuple[float, float]:
    """Return the best recall with at most so many false alarms an hour, and the lowest threshold that has it.

    Returns
    -------
    recall, threshold : float
        NaN where every threshold gives more.

    Raises
    ------
    DataError
        If it is not known how long was judged.
    """
    check(
        np.isfinite(curve.false_per_hour).any(),
        DataError,
        "The curve of phase '{}' must know how long was judged: give spans. Got none.",
        curve.phase,
    )
    fits = np.flatnonzero(curve.false_per_hour <= per_hour)
    if not fits.size:
        return float("nan"), float("nan")
    best = fits[np.flatnonzero(curve.recall[fits] == np.nanmax(curve.recall[fits]))[0]]
    return float(curve.recall[best]), float(curve.threshold[best])
