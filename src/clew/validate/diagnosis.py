"""What ails a model, told from its curve: too simple, too few rows, both, or nothing that more rows would cure.

The rules are functions of arrays, each with the numbers that it rests on, so that they serve every curve of training and
held-out error: over labelled rows here, over epochs elsewhere. Errors are compared in shares of the error that chance
makes, so that one rule fits 1 - balanced accuracy, 1 - R2 and errors in the units of a target.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.intervals import number
from clew.result import Result
from clew.validate.extrapolation import FARTHEST, Extrapolation

Verdict = Literal[
    "reached", "chance", "high bias", "high variance", "bias and variance", "plateau", "cannot tell"
]
SMALL = 0.05  # of chance's error: differences below it are of no interest
HARDLY = 0.7  # of chance's error: training rows above it are hardly learnt, let alone known by heart
FLAT = 0.1  # of chance's error: a curve that doubling the rows surely brings down by less is flat


@dataclass(frozen=True)
class Cures:
    """What makes a model of some kind less biased, and what makes it vary less, in words."""

    complex: str
    regular: str


CURES = {
    "forest": Cures(
        "a more complex model (more depth, smaller leaves) or more features",
        "a more regular model (less depth, larger leaves)",
    ),
    "net": Cures(
        "a more complex net (more units or layers), more epochs, less drop-out or weight decay, or more features",
        "a more regular net (more drop-out or weight decay, fewer units or layers) or augmentation",
    ),
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Diagnosis(Result):
    """What a curve says of a model.

    Parameters
    ----------
    verdict : str
        "reached", "chance", "high bias", "high variance", "bias and variance", "plateau" or "cannot tell".
    sentence : str
        The verdict with its numbers.
    advice : str
        What would help, and what would not.
    evidence : dict of str to float
        The numbers that the rule went by, as errors: "training", "held_out", "held_out_low", "held_out_high", "gap",
        "gain", "gain_low", "gain_high" (of the last doubling of rows), "chance" and "wanted".
    """

    verdict: str
    sentence: str
    advice: str
    evidence: dict[str, float]

    def headline(self) -> str:
        """Say the verdict with its numbers."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return the verdict, what would help, and the numbers behind."""
        evidence = {name: number(value) for name, value in self.evidence.items()}
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "advice": self.advice,
            "evidence": evidence,
        }


@dataclass(frozen=True)
class Shown:
    """How an error is told to people: as the figure that they know.

    Parameters
    ----------
    name : str
        "balanced accuracy", "RMS error", "loss".
    of : callable
        Takes errors and returns that figure.
    """

    name: str
    of: Callable[[Any], Any]

    def value(self, error: float) -> str:
        """Write one figure: ``0.91``."""
        return _figure(float(self.of(error)))

    def interval(self, error: np.ndarray) -> str:
        """Write a figure with its interval: ``0.91 [0.84, 0.95]``; without one where there is none."""
        value, *ends = (float(self.of(one)) for one in error)
        if not np.isfinite(ends).all():
            return _figure(value)
        return f"{_figure(value)} [{_figure(min(ends))}, {_figure(max(ends))}]"


def diagnose(
    rows: np.ndarray,
    training: np.ndarray,
    held_out: np.ndarray,
    gain: np.ndarray,
    *,
    chance: float,
    desired: float | None,
    shown: Shown,
    too_few: str = "",
    cures: Cures = CURES["forest"],
) -> Diagnosis:
    """Tell bias from variance by the curves of training and held-out error.

    Parameters
    ----------
    rows : ndarray of float64, shape (n_sizes,)
        The numbers of training rows, rising.
    training, held_out : ndarray of float64, shape (n_sizes, 3)
        The errors, and the ends of their 95% intervals; NaN where there is none.
    gain : ndarray of float64, shape (n_sizes, 3)
        By how much the held-out error is smaller at the largest size than at each, paired, and the ends of its interval.
    chance : float
        The error without any look at the features.
    desired : float, optional
        The error that is wanted.
    shown : Shown
        How errors are told.
    too_few : str
        What there would have to be more of ("groups") for a curve of several sizes, where no choice of sizes makes one.
    cures : Cures
        What would help a model of this kind.
    """
    last, half = held_out[-1], gain[halfway(rows)]
    gap = float(last[0] - training[-1, 0])
    evidence = {
        "training": float(training[-1, 0]),
        **dict(zip(("held_out", "held_out_low", "held_out_high"), last.tolist(), strict=True)),
        "gap": gap,
        **dict(zip(("gain", "gain_low", "gain_high"), half.tolist(), strict=True)),
        "chance": chance,
        "wanted": np.nan if desired is None else desired,
    }
    verdict = _verdict(rows, training, last, half, chance=chance, desired=desired)
    sentence, advice = _told(verdict, rows, training, held_out, half, chance, desired, shown, too_few, cures)
    return Diagnosis(verdict=verdict, sentence=sentence, advice=advice, evidence=evidence)


def halfway(rows: np.ndarray) -> int:
    """Return the place of the size that is nearest to half of the largest, by ratio, and not the largest itself."""
    return int(np.argmin(np.abs(np.log(rows[:-1] / rows[-1] * 2)))) if len(rows) > 1 else 0


def memorised(training: np.ndarray, chance: float) -> bool:
    """Tell whether a model knows its training rows by heart, at every size: then its training error says nothing."""
    return bool((training[:, 0] <= SMALL * chance).all())


def reached_at(rows: np.ndarray, error: np.ndarray, desired: float) -> float:
    """Return the number of rows from which on the error stays at or below the desired one; infinite if it does not.

    Parameters
    ----------
    rows, error : ndarray of float64, shape (n_sizes,)
    desired : float
    """
    above = np.flatnonzero(error > desired)
    first = 0 if above.size == 0 else above[-1] + 1
    return float(rows[first]) if first < len(rows) else np.inf


def _verdict(
    rows: np.ndarray,
    training: np.ndarray,
    last: np.ndarray,
    half: np.ndarray,
    *,
    chance: float,
    desired: float | None,
) -> Verdict:
    small = SMALL * chance
    if desired is not None and last[0] <= desired:
        return "reached"
    if len(rows) < 2 or not np.isfinite([*last, *half]).all():
        return "cannot tell"
    if last[2] >= chance:
        return "chance"
    gap = last[0] - training[-1, 0]
    apart = last[1] > training[-1, 0] and gap > small  # beyond what the held-out rows leave open
    meet = gap <= small or (not apart and gap <= 2 * small)
    falling = half[1] > 0
    flat = not falling and half[2] < FLAT * chance
    wanted = small if desired is None else desired
    biased = (
        training[-1, 1] > wanted and training[-1, 0] > small
    )  # training rows themselves miss what is wanted
    if biased and apart and falling:
        return "bias and variance"
    if biased and (meet or flat or desired is not None):
        return "high bias"
    if apart and falling:
        return "high variance"
    if apart and flat:
        return "plateau"
    return "reached" if meet and desired is None and last[0] <= 2 * small else "cannot tell"


def _told(
    verdict: Verdict,
    rows: np.ndarray,
    training: np.ndarray,
    held_out: np.ndarray,
    half: np.ndarray,
    chance: float,
    desired: float | None,
    shown: Shown,
    too_few: str,
    cures: Cures,
) -> tuple[str, str]:
    """Return the verdict with its numbers, and what would help."""
    most, name = f"{rows[-1]:,.0f} training rows", shown.name
    there, trained = shown.interval(held_out[-1]), shown.value(training[-1, 0])
    wanted = "" if desired is None else f"; {shown.value(desired)} is wanted"
    doubling = f"the last doubling of rows took {_figure(half[0])} [{_figure(half[1])}, {_figure(half[2])}] off the error"
    heart = " (a model that knows its rows by heart always does)" if memorised(training, chance) else ""
    if verdict == "reached" and desired is not None:
        first = reached_at(rows, held_out[:, 0], desired)
        sure = held_out[-1, 2] <= desired
        return (
            f"Reached: {name} {shown.value(desired)} takes {first:,.0f} rows; with {most} it is {there}.",
            "More labels are not needed for that."
            if sure
            else f"It is not certain: the interval also holds figures that miss {shown.value(desired)}.",
        )
    if verdict == "reached":
        return (
            f"Little is left to gain: {name} is {there} on held-out rows and {trained} on training rows, with {most}.",
            "Neither more labels nor another model can bring much.",
        )
    if verdict == "chance":
        return (
            f"Nothing learnt: {name} is {there} on held-out rows with {most}, and chance gives {shown.value(chance)}.",
            f"Not even training rows are learnt: {cures.complex} may help, unless these features say nothing about the answer."
            if training[-1, 0] > HARDLY * chance
            else "Either these features say nothing about the answer, or there are far too few rows to show it.",
        )
    if verdict == "high bias":
        return (
            f"High bias: {name} is {trained} even on training rows, and {there} on held-out rows, with {most}{wanted}.",
            f"What would help is {cures.complex}; more rows alone hardly will.",
        )
    if verdict == "high variance":
        return (
            f"High variance: {name} is {trained} on training rows{heart}, {there} on held-out rows, and {doubling}{wanted}.",
            f"More labelled rows will help, or {cures.regular}.",
        )
    if verdict == "bias and variance":
        return (
            f"Bias and variance: {name} is {trained} even on training rows, {there} on held-out rows, and {doubling}{wanted}.",
            f"More labelled rows will help, but not alone: so would {cures.complex}.",
        )
    if verdict == "plateau":
        return (
            f"On a plateau: {name} is {there} on held-out rows with {most}, and {doubling}{wanted}.",
            f"More labels of this kind will hardly help; other features or {cures.regular} may. Training rows give {trained}{heart}.",
        )
    if len(rows) < 2:
        more = f"More {too_few} with labels are needed: a fold trains on too few to start with fewer of them."
        return "Cannot tell: one size makes no curve.", more if too_few else "Give at least two sizes."
    if not np.isfinite(held_out[-1]).all():
        return (
            f"Cannot tell: {name} is {there} on held-out rows with {most}, without an interval.",
            "It takes at least 4 groups to say how far a figure can be trusted.",
        )
    return (
        f"Cannot tell: {name} is {trained} on training rows{heart}, {there} on held-out rows, and {doubling}{wanted}.",
        "The intervals are too wide to say what would help; more groups with labels would narrow them.",
    )


def outlook(found: Extrapolation, *, labelled: int, desired: float | None, shown: Shown) -> str:
    """Say what more labels would bring: how many for the wanted figure, or what is in sight at most.

    Parameters
    ----------
    found : Extrapolation
    labelled : int
        The labelled rows that there are.
    desired : float, optional
        The error that is wanted.
    shown : Shown
        How errors are told.
    """
    if found.refused:
        return found.refused
    best = f"at most {shown.value(found.error[-1, 1])} is in sight with {FARTHEST} times as many"
    if desired is None:
        twice = np.array(
            [np.interp(np.log(2 * labelled), np.log(found.rows), found.error[:, j]) for j in range(3)]
        )
        return f"With twice as many labels {shown.name} would be about {shown.interval(twice)}; {best}."
    want = shown.value(desired)
    value, low, high = (max(one - labelled, 0) for one in found.needed)
    if np.isinf(low):
        return f"{want} is out of reach with labels of this kind: {best}."
    least = f"at least {_about(low)}" if low > 0 else "how many cannot be said"
    if np.isinf(value):
        return f"{want} may be out of reach: {least} more labels, if any number will do; {best}." if low > 0 else (
            f"{want} may be out of reach: it cannot be said whether any number of labels will do; {best}."
        )  # fmt: skip
    about = f"About {_about(value)} more labels for {want}" if value > 0 else f"{want} should be reached with all {labelled} labels"  # fmt: skip
    if np.isinf(high):
        return (
            f"{about}, but it may be out of reach ({least})."
            if low > 0
            else f"{about}, but it may be out of reach."
        )
    return f"{about} (from {_about(low)} to {_about(high)})."


def _about(rows: float) -> str:
    """Round a number of rows as far as it can be known: ``340``, ``1,200``."""
    return f"{float(f'{rows:.2g}'):,.0f}"


def _figure(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
