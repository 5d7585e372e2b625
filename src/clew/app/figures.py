"""Figures that are made in Python: the report's own sections, each with its sentence first, drawn when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

from clew.app.handling import handles
from clew.app.recorded import record_of

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.report.gathered import Record

Kind = Literal[
    "curve", "compare", "repeat", "sensors", "explain", "confirm", "calibration", "labels", "predicted"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
DRAWING = threading.Lock()  # matplotlib's settings are one for all threads


@handles("figures.section")
def section(session: Session, *, kind: Kind) -> dict[str, Any]:
    """Return a section of the report as HTML, "" where the record has nothing for it.

    The report escapes whatever comes from data, and the page's rules let no script in it run.
    """
    workspace = session.workspace
    record = record_of(workspace)
    known = (workspace.version, record.steps[-1].id)
    with DRAWING:
        kept = workspace.kept.setdefault("figures", {})
        if kept.get("of") != known:
            kept.clear()
            kept["of"] = known
        if kind not in kept:
            kept[kind] = _drawers()[kind](record)
        return {"kind": kind, "html": kept[kind]}


def _drawers() -> dict[str, Callable[[Record], str]]:
    from clew.report import judged

    return {
        "curve": judged.curves,
        "compare": judged.compared,
        "repeat": judged.repeated_runs,
        "sensors": judged.which_sensor,
        "explain": judged.explained,
        "confirm": judged.confirmed,
        "calibration": judged.calibrated,
        "labels": judged.labels,
        "predicted": _predicted,
    }


def _predicted(record: Record) -> str:
    """Draw predicted against true numbers, of sealed rows where they were asked."""
    from clew.plot.validate import scatter
    from clew.report.parts import drawn
    from clew.report.parts import section as set_as

    tested = record.sealed_test
    chosen = tested.validation if tested else record.validation
    if chosen is None or chosen.scores.classes:
        return ""
    where = "sealed rows" if tested else "open rows, held out"
    drawing = drawn(
        scatter(chosen),
        "scatter",
        "Every row a dot, on the line if it was predicted as it is.",
        label=f"Predicted against true, {where}",
    )
    return set_as("Predicted against true", where, drawing)
