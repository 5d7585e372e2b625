"""The verb that picks, and what it draws where there are known picks to score by."""

from __future__ import annotations

import functools
from typing import Any

from clew.steps import picking
from clew.steps.outcome import Outcome


@functools.wraps(picking.pick)
def pick(*args: Any, **settings: Any) -> Outcome:
    """Pick, then draw scores and the largest residuals on their traces beside the picks."""
    outcome = picking.pick(*args, **settings)
    out = settings.get("out")
    if outcome.scores is None or out is None:
        return outcome
    from clew.plot import figure, pick_outliers

    pictures = {"scores": figure(outcome.scores)}
    if len(outcome.scores.outliers()):
        pictures["outliers"] = pick_outliers(outcome.scores, outcome.recordings)
    for name, picture in pictures.items():
        place = out.with_name(f"{out.stem}-{name}.png")
        picture.savefig(place)
        outcome.lines.append(f"Look: {place}")
    return outcome
