"""What every page asks first: which study is open, what it holds, and who is here."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any

from clew.app.handling import handles
from clew.app.labelling import journal_of
from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace


@handles("about")
def about(session: Session) -> dict[str, Any]:
    """Return what the frame of the page shows; ``study`` is None where none is open."""
    workspace = session.workspace
    told = {
        "version": workspace.version,
        "clew": importlib.metadata.version("clew"),
        "who": session.who,
        "people": sorted({one.who for one in list(workspace.sessions)}),
        "study": None,
    }
    if workspace.has_study:
        told["study"] = of_study(workspace)
    return told


def of_study(workspace: Workspace) -> dict[str, Any]:
    """Return name, kind, counts, features with units and looks of the open study; no row is read for it."""
    study = workspace.study
    facts, described = study.facts(), study.described()
    return {
        "name": study.name,
        "folder": str(study.folder),
        "kind": facts.get("kind", "table"),
        "paint": facts.get("paint", False),
        "counts": study.counts(),
        **{name: described[name] for name in ("features", "units", "sets")},
        "looks": [
            {"step": one.id, "k": one.summary.get("k", 0), "headline": one.headline}
            for one in workspace.looks()
        ],
        "labels": _count_said(workspace),
    }


def _count_said(workspace: Workspace) -> int:
    """Return how many open rows people have labelled, counted once for the labels on record."""
    last = journal_of(workspace).last_event()
    held = workspace.kept.get("said")
    if held is None or held[0] != last:
        held = workspace.kept["said"] = (last, workspace.study.count_said())
    return int(held[1])


@handles("who.set", on="loop")
async def who_set(session: Session, *, name: str) -> dict[str, Any]:
    """Say who is at the page: labels are signed with it."""
    session.who = _name(name)
    session.kept["door"].people[session.kept["cookie"]] = session.who
    return {"who": session.who}


@handles("invite", on="loop")
async def invite(session: Session, *, name: str) -> dict[str, Any]:
    """Return a new address that opens the page once, for a second person, whose labels are signed with ``name``."""
    door = session.kept["door"]
    host = sorted(door.hosts)[0]
    return {"address": f"http://{host}/enter?token={door.invite(_name(name))}"}


def _name(given: str) -> str:
    name = " ".join(given.split())
    check(
        0 < len(name) <= 60 and name.isprintable(),
        SettingError,
        "The name of a person must be of 1 to 60 letters. Got {}.",
        len(name),
    )
    return name


def check_host(session: Session, *, act: str) -> None:
    """Raise DataError for a guest: files of this machine are for the person whose server it is."""
    check(
        session.kept["cookie"] not in session.kept["door"].guests,
        DataError,
        "To {} one must be the person whose server it is. Got a guest; ask them.",
        act,
    )
