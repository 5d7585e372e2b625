"""The record as the page reads it: gathered once for what stands in it, and the report's sentences in pieces that the page can set."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from clew.app.labelling import counts_of_labels, journal_of
from clew.app.workspace import LOOKS_KEPT

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.report.gathered import Record
    from clew.study.record import Step

GATHERING = threading.Lock()  # a page asks for several cards at once
SET = {"b": "strong", "strong": "strong", "i": "feature", "em": "group", "code": "code"}


def record_of(workspace: Workspace) -> Record:
    """Return the record of the open study, as the report reads it; never a sealed row's measurement.

    Raises
    ------
    DataError
        If no study is open, or a result on record cannot be read.
    """
    return _gathered(workspace).record


@dataclass(eq=False)
class _Gathered:
    """A record, what it was made of, and each look of it that was asked for."""

    known: tuple[int, ...]
    record: Record
    results: dict[int, Any]
    at: dict[int, Record] = field(default_factory=dict)


def _gathered(workspace: Workspace) -> _Gathered:
    """Gather anew where a step, an opening or a label has come; rows and results, which never change, are not read again."""
    from clew.report.gathered import gather

    study = workspace.study
    with GATHERING:
        known = (len(study.steps()), len(study.openings()), journal_of(workspace).last_event())
        kept: _Gathered | None = workspace.kept.get("record")
        if kept is None or kept.known != known:
            before, results = kept.results if kept else {}, dict[int, Any]()

            def result(step: Step) -> Any:
                if step.id not in results:
                    if step.id in before:
                        results[step.id] = before[step.id]
                    else:
                        look = step.verb == "explore"
                        results[step.id] = workspace.look(step.id)[1] if look else study.result(step)
                return results[step.id]

            record = gather(
                study, samples=workspace.samples, labelled=counts_of_labels(workspace), result=result
            )
            kept = workspace.kept["record"] = _Gathered(known, record, results)
        return kept


def record_at(workspace: Workspace, step: int | None) -> Record:
    """Return the record with another look shown: that of ``step``, the latest by default, and the names of its groups.

    Raises
    ------
    DataError
        If nobody has looked yet.
    SettingError
        If the step is no look.
    """
    gathered = _gathered(workspace)
    record = gathered.record
    chosen, looked = workspace.look(step)
    if (known := gathered.at.get(chosen.id)) is not None:
        return known
    named = [one for one in record.steps_of("name") if chosen.id in one.inputs["steps"]]
    names = workspace.study.result(named[-1]).names if named else {}
    while len(gathered.at) >= LOOKS_KEPT:
        gathered.at.pop(next(iter(gathered.at)), None)
    shown = replace(record, look=chosen, exploration=looked, names=names)
    gathered.at[chosen.id] = shown
    return shown


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
