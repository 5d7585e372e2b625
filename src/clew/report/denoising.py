"""The verb that denoises, and what it draws: a page of the images, or a picture of the recordings."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from clew.result import write_whole
from clew.steps import denoising
from clew.steps.outcome import Outcome

PAGE, PICTURE = "denoised.html", "denoised.png"


@functools.wraps(denoising.denoise)
def denoise(*args: Any, **settings: Any) -> Outcome:
    """Denoise, then draw what was done beside the results."""
    outcome = denoising.denoise(*args, **settings)
    out = Path(settings["out"])
    if isinstance(outcome.result, denoising.Denoising):
        from clew.report.denoised import page

        place = write_whole(out / PAGE, page(outcome.result, outcome.lines, outcome.warnings).encode())
    else:
        from clew.plot import figure

        place = out / PICTURE
        figure(outcome.result).savefig(place)
    outcome.lines.append(f"Look: {place}")
    outcome.data["page"] = str(place)
    return outcome
