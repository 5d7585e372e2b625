"""The verb that writes the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clew.steps import Outcome

if TYPE_CHECKING:
    from clew.study.study import Study


def report(study: Study, *, out: Path | None = None) -> Outcome:
    """Write the self-contained page that a reviewer can check, from the record alone.

    Parameters
    ----------
    study : Study
    out : Path
        The HTML file; report.html in the study otherwise.
    """
    from clew.report import write_report

    path = write_report(study, out or study.folder / "report.html")
    return Outcome([f"Report: {path}"], {"report": str(path)})
