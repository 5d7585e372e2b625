"""The verb `demo`, which ends with the page: a person who has read the walk-through wants to see it."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Literal

from clew.demo import demo as walk_through
from clew.steps.outcome import OnProgress, Outcome


def demo(
    what: Literal["blobs", "signals"] = "blobs",
    *,
    out: Path = Path("clew-demo"),
    no_serve: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Walk through the whole of clew on simulated data, blobs or signals, and open the page.

    Parameters
    ----------
    what : {"blobs", "signals"}
        A photograph of round and elongated blobs; or what four seismometers recorded.
    out : Path
        The folder for data, study and report; with a number behind it where something is there already.
    no_serve : bool
        End with the walk-through; do not open the workbench. It opens at a terminal only, never in a script.
    """
    outcome = walk_through(what, out=out, on_progress=on_progress)
    study = Path(outcome.data["report"]).parent if "report" in outcome.data else None
    if no_serve or study is None:
        return outcome
    lines = [*outcome.lines, f"See every sample, in the browser:     clew serve {study}"]
    outcome = dataclasses.replace(outcome, lines=lines)
    if not sys.stdout.isatty():
        return outcome

    def then() -> None:
        from clew.app.verb import serve

        serve(study)

    return dataclasses.replace(outcome, then=then)
