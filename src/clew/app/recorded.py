"""The record as the page reads it: gathered once a version, and the report's sentences in pieces that the page can set."""

from __future__ import annotations

import threading
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.report.gathered import Record

GATHERING = threading.Lock()  # a page asks for several cards at once
SET = {"b": "strong", "strong": "strong", "i": "feature", "em": "group", "code": "code"}


def record_of(workspace: Workspace) -> Record:
    """Return the record of the open study, as the report reads it; never a sealed row's measurement.

    Raises
    ------
    DataError
        If no study is open, or a result on record cannot be read.
    """
    from clew.report.gathered import gather

    study = workspace.study
    with GATHERING:
        known = (workspace.version, len(study.steps()), len(study.openings()))
        kept = workspace.kept.get("record")
        if kept is None or kept[0] != known:
            kept = workspace.kept["record"] = (known, gather(study))
        record: Record = kept[1]
        return record


def record_at(workspace: Workspace, step: int | None) -> Record:
    """Return the record with another look shown: that of ``step``, the latest by default, and the names of its groups.

    Raises
    ------
    DataError
        If nobody has looked yet.
    SettingError
        If the step is no look.
    """
    record = record_of(workspace)
    chosen, looked = workspace.look(step)
    named = [one for one in record.steps_of("name") if chosen.id in one.inputs["steps"]]
    names = workspace.study.result(named[-1]).names if named else {}
    return replace(record, look=chosen, exploration=looked, names=names)


def said(text: str) -> list[list[str]]:
    """Cut a sentence of the report (HTML) into pieces ``[kind, text]``; kind is "", "strong", "feature", "group" or "code".

    The page sets them itself, so that no text of the data ever becomes markup.
    """
    reader = _Pieces()
    reader.feed(text)
    reader.close()
    return reader.pieces


class _Pieces(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[list[str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        kind = next((SET[tag] for tag in reversed(self.open) if tag in SET), "")
        if self.pieces and self.pieces[-1][0] == kind:
            self.pieces[-1][1] += data
        else:
            self.pieces.append([kind, data])
