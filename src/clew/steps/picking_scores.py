"""Picks beside known ones: how good a model is there, how good pickers without a net are, and what it had learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.steps.outcome import sentences

if TYPE_CHECKING:
    from clew.measure.picks import Picks
    from clew.read.recording import Recording
    from clew.validate.picks import PickScores


@dataclass(frozen=True)
class Judged:
    """Scores of picks, and of those of the classical pickers on the same recordings.

    Parameters
    ----------
    scores : PickScores
    rivals : dict of str to PickScores
        Of "sta_lta", "ar" and "kurtosis".
    doubts : list of str
        What rivals could not hear, and what they left out.
    learnt_from : list of str
        What the model's card says it was trained on.
    """

    scores: PickScores
    rivals: dict[str, PickScores] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    learnt_from: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return every figure as JSON holds it."""
        from clew.measure.pick_rivals import PHASES

        rivals = {
            name: {phase: one for phase, one in scores.summary()["phases"].items() if phase in PHASES[name]}
            for name, scores in self.rivals.items()
        }
        return {"scores": self.scores.summary(), "rivals": rivals}

    def told(self) -> list[str]:
        """Return the figures, a line for each phase and tolerance, the rivals', and what would flatter them."""
        doubt = self.doubts
        if self.learnt_from:
            doubt = [*doubt, "The model was trained on what follows; of the same recordings these figures say nothing of new ones.", *self.learnt_from]  # fmt: skip
        return [
            *sentences([self.scores.headline()]),
            *_figures(self.scores),
            *(_beside(name, scores) for name, scores in self.rivals.items()),
            *sentences(doubt),
        ]


def known_picks(truth: Path | None, recordings: Sequence[Recording], notes: list[str]) -> list[Any]:
    """Read the known picks of recordings; what was left out is put into ``notes``."""
    if truth is None:
        return []
    from clew.read.picks import read_picks

    return read_picks(truth, recordings, notes=notes)


def judged(
    picks: Picks,
    known: Sequence[Any],
    recordings: Sequence[Recording],
    *,
    learnt_from: Sequence[str] = (),
) -> Judged | None:
    """Score picks by known ones, and beside them what recursive STA/LTA, AR picker and kurtosis find there; None where none is known."""
    if not known:
        return None
    from clew.measure.pick_rivals import PHASES, rival_picks
    from clew.validate.picks import score_picks

    found = {name: rival_picks(recordings, method=name) for name in PHASES}  # type: ignore[arg-type]
    rivals = {name: score_picks(one, known, recordings=recordings) for name, one in found.items()}
    doubts = [_unheard(known, recordings), *(note for one in found.values() for note in one.notes)]
    return Judged(score_picks(picks, known, recordings=recordings), rivals, doubts, list(learnt_from))


def _unheard(known: Sequence[Any], recordings: Sequence[Recording]) -> str:
    """Say how many known picks lie where a long average is not full yet, if any do; "" otherwise."""
    from clew.measure.pick_rivals import LTA

    starts = {one.name: one.start for one in recordings}
    n = sum(one.time < starts[one.recording] + LTA for one in known)
    return f"{n} of {len(known)} known picks lie in the first {LTA:g} s of their recording, where the pickers beside it hear nothing" if n else ""  # fmt: skip


def _figures(scores: PickScores) -> list[str]:
    """Return precision, recall and F1 with their intervals, a line for each phase and tolerance."""
    from clew.intervals import spell

    told = []
    for phase, by in scores.figures.items():
        for tolerance, figures in zip(scores.tolerances, by.values()):
            said = (
                f"{'F1' if name == 'f1' else name} {spell(one.summary())}" for name, one in figures.items()
            )
            told.append(f"  {phase} within {tolerance:g} s: {', '.join(said)}")
    return told


def _beside(name: str, scores: PickScores) -> str:
    """Return the F1 of a picker without a net on one line, of the phases that it knows."""
    from clew.intervals import spell
    from clew.measure.pick_rivals import NAMES, PHASES

    told = [
        f"{phase} F1 {spell(figures['f1'].summary())} within {tolerance:g} s"
        for phase, by in scores.figures.items()
        if phase in PHASES[name]
        for tolerance, figures in zip(scores.tolerances, by.values())
    ]
    return f"  beside it, {NAMES[name]}: {', '.join(told)}"
