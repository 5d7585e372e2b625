"""The report as it stands in the study, shown in the page and handed out, and whether it is up to date."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from clew.app.handling import Picture, fetches, handles
from clew.app.recorded import record_of, said
from clew.errors import MissingError, check

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

BY_SYSTEM = b"@media (prefers-color-scheme: dark) {"
FILE = "report.html"  # where the verb `report` writes it


@handles("reporting.state")
def state(session: Session) -> dict[str, Any]:
    """Return what the report would say first, what a reviewer should know, and whether the file in the study says so yet."""
    from clew.report import words

    workspace = session.workspace
    record = record_of(workspace)
    path = workspace.study.folder / FILE
    there = path.is_file()
    text = path.read_bytes() if there else b""
    return {
        "made": there,
        "file": hashlib.sha256(text).hexdigest() if there else "",
        "bytes": len(text),
        "current": there and f"record {record.sha256[:8]}".encode() in text,
        "sha256": record.sha256,
        "steps": len(record.steps),
        "finding": said(words.finding(record)),
        "reviewer": [{"title": title, "said": said(what)} for title, what in words.reviewer(record)],
        "openings": [
            {
                "at": one.at,
                "who": one.who,
                "verb": one.verb,
                "reason": one.reason,
                "shown": one.shown,
                "independent": one.independent,
            }
            for one in record.openings
        ],
        "sealed_rows": record.counts["sealed"],
        "command": f"clew verify {record.study}",
    }


@fetches("/report")
def report(workspace: Workspace, *, save: str = "", of: str = "", paper: str = "") -> Picture:
    """Return the report in the study: to be shown, or with ``save`` to be kept.

    Parameters
    ----------
    workspace : Workspace
    save : str
        "yes" for a file; else to be shown in a frame.
    of : str
        Names these bytes for the browser's memory.
    paper : str
        "light" or "dark" as the page that shows it; a kept report goes by the reader's system.

    Raises
    ------
    MissingError
        If none was made yet.
    """
    path = workspace.study.folder / FILE
    check(
        path.is_file(),
        MissingError,
        "The report '{}' must have been made: run report first. Got nothing there.",
        path.name,
    )
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", workspace.study.name)  # what a header can carry
    name = f"{plain}-report.html" if save else ""
    text = path.read_bytes()
    if paper and not save:
        text = text.replace(BY_SYSTEM, b"@media all {" if paper == "dark" else b"@media not all {", 1)
    return Picture(text, "text/html; charset=utf-8", name)
