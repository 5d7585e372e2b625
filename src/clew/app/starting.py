"""The start page: files become a study, a study is opened again, or the demo runs."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clew.app import jobs
from clew.app.about import check_host
from clew.app.handling import handles
from clew.errors import ClewError, DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

MOST_LISTED = 2000  # entries of one folder
MOST_RECENT = 12
LOOKED_AT_MOST = 10.0  # seconds of trying whether files can be read
FREE = 200 * 1024 * 1024  # bytes that must stay free on the disk after a file was dropped


# ---- studies that are there ----
@handles("start.recent")
def recent(session: Session) -> dict[str, Any]:
    """Return the studies beside each other in the home folder, the latest first, each with what was done last and its seal."""
    home = session.workspace.home
    found = [path.parent for path in (*home.glob("*/study.sqlite"), *home.glob("*/*/study.sqlite"))]
    latest = sorted(found, key=_touched, reverse=True)[:MOST_RECENT]
    return {"home": str(home), "studies": [one for folder in latest if (one := _in_short(folder, home))]}


def _touched(folder: Path) -> float:
    return max(file.stat().st_mtime for file in folder.glob("study.sqlite*"))


def _in_short(folder: Path, home: Path) -> dict[str, Any] | None:
    from clew.study.study import Study

    try:
        study = Study(folder)
        steps, openings = study.steps(), [one for one in study.openings() if one.shown]
    except ClewError:
        return None  # no study that this clew can open
    times = len(openings)
    seal = "opened once" if times == 1 else f"opened {times} times" if times else "never opened"
    return {
        "folder": str(folder),
        "name": str(folder.relative_to(home)),
        "last": steps[-1].headline if steps else "",
        "verb": steps[-1].verb if steps else "",
        "seal": seal if study.counts()["sealed"] else "nothing sealed",
        "touched": _touched(folder),
    }


@handles("start.open", on="writer")
def open_study(session: Session, *, folder: str) -> dict[str, Any]:
    """Open a study by its folder, for every page of this server."""
    check_host(session, act="open another study")
    from clew.study.study import Study

    _refuse_while_running(session.workspace)
    turn_to(session.workspace, Study(_path(session.workspace, folder)))
    return {"folder": folder}


@handles("start.leave", on="writer")
def leave(session: Session) -> None:
    """Close the study and go back to the start page; the study stays as it is."""
    check_host(session, act="leave the study")
    _refuse_while_running(session.workspace)
    turn_to(session.workspace, None)


def turn_to(workspace: Workspace, study: Any) -> None:
    """Open another study, and let every page begin anew."""
    workspace.open(study)
    workspace.broadcast("opened", folder=None if study is None else str(study.folder))
    workspace.changed("study")


def _refuse_while_running(workspace: Workspace) -> None:
    busy = jobs.running(workspace)
    check(
        not busy,
        DataError,
        "The study must have no job running to be left. Got '{}'; stop it first.",
        *busy[:1],
    )


# ---- choosing files ----
@handles("start.list")
def list_folder(session: Session, *, folder: str = "") -> dict[str, Any]:
    """Return what lies in a folder of this machine, so that files can be chosen where they are."""
    check_host(session, act="list the files of this machine")
    path = _path(session.workspace, folder)
    check(
        path.is_dir(),
        DataError,
        "The folder must be one of this machine. Got '{}', which is not there.",
        folder,
    )
    try:
        entries = sorted(os.scandir(path), key=lambda one: (not one.is_dir(), one.name.lower()))
    except OSError as error:
        raise DataError(f"The folder '{path}' must be readable. Got: {error.strerror}.") from error
    shown = [one for one in entries if not one.name.startswith(".")]
    return {
        "folder": str(path),
        "above": None if path.parent == path else str(path.parent),
        "entries": [_entry(one) for one in shown[:MOST_LISTED]],
        "of": len(shown),
    }


def _entry(one: os.DirEntry[str]) -> dict[str, Any]:
    path = Path(one.path)
    study = one.is_dir() and (path / "study.sqlite").exists()
    size = path.stat().st_size if not one.is_dir() and path.exists() else 0
    kind = "study" if study else "folder" if one.is_dir() else "file"
    return {"name": one.name, "path": one.path, "kind": kind, "bytes": size}


def _path(workspace: Workspace, given: str) -> Path:
    """Return a path that a person typed or chose; what is not absolute is seen from the home folder."""
    check(
        "\0" not in given and len(given) < 4096,
        SettingError,
        "The path must be one of this machine. Got one that cannot be.",
    )
    return (workspace.home / Path(given).expanduser()).resolve()


@handles("start.look")
def look(session: Session, *, paths: list[str]) -> dict[str, Any]:
    """Recognise files: what kind they are, which of them cannot be read and why, and what a study of them would be called.

    Of images, "readable" are those in which objects can be found, and "paintable" those that can be painted on: stacks
    and time series, which "stacks" names with their sizes, are among the latter alone.
    """
    check_host(session, act="look at files of this machine")
    from clew.steps.measuring import gather

    check(0 < len(paths) <= 20_000, SettingError, "The files must be 1 to 20,000. Got {}.", len(paths))
    chosen = [_path(session.workspace, one) for one in paths]
    missing = [one for one in chosen if not one.exists()]
    check(not missing, DataError, "The files must be there. Got '{}', which is not.", *missing[:1])
    kind, files, remarks = gather(chosen, [])
    unreadable, tried = _unreadable(kind, [file for file, _ in files])
    stacks, unreadable = _stacks(unreadable) if kind == "image" else ([], unreadable)
    bad, thick = {one["path"] for one in unreadable}, {one["path"] for one in stacks}
    return {
        "kind": kind,
        "n": len(files),
        "tried": tried,
        "masks": sum(mask is not None for _, mask in files),
        "unreadable": unreadable,
        "readable": [str(file) for file, _ in files if str(file) not in bad | thick],
        "paintable": [str(file) for file, _ in files if kind == "image" and str(file) not in bad],
        "stacks": stacks,
        "remarks": remarks,
        "name": _free_name(session.workspace.home, chosen[0]),
        "columns": _columns(kind, [file for file, _ in files]),
    }


def _unreadable(kind: str, files: list[Path]) -> tuple[list[dict[str, str]], int]:
    """Return the files that cannot be read, each with why, and how many were tried in the time that a person waits."""
    began, found, tried = time.monotonic(), [], 0
    for file in files:
        if time.monotonic() - began > LOOKED_AT_MOST:
            break
        tried += 1
        try:
            full = not file.is_file() or file.stat().st_size > 0
            check(full, DataError, "The file '{}' must hold data. Got an empty file (0 bytes).", file.name)
            _open(kind, file)
        except (ClewError, OSError) as error:
            found.append({"path": str(file), "name": file.name, "why": str(error)})
    return found, tried


def _stacks(refused: list[dict[str, str]]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return which of the files that are no planes are stacks or time series, with their sizes, and the rest."""
    from clew.read.stacks import open_stack
    from clew.steps.painting_intake import spelt

    found, rest = [], []
    for one in refused:
        try:
            found.append({"path": one["path"], "name": one["name"], "size": spelt(open_stack(one["path"]))})
        except (ClewError, OSError):
            rest.append(one)
    return found, rest


def _open(kind: str, file: Path) -> None:
    if kind == "image":
        from clew.read.images import read_image

        read_image(file)
    elif kind == "signal":
        from clew.read.recordings import read_recordings

        read_recordings([file])
    elif not os.access(file, os.R_OK):
        raise DataError(f"The file '{file}' must be readable. Got no permission.")


def _columns(kind: str, files: list[Path]) -> list[str]:
    """Return the columns of a table, among which is what says which rows belong together."""
    if kind != "table" or not files:
        return []
    import csv

    import pandas as pd

    file = files[0]
    if file.suffix.lower() in (".parquet", ".pq"):
        import pyarrow.parquet as pq

        return [str(name) for name in pq.read_schema(file).names]
    try:
        head = pd.read_csv(file, nrows=5, sep=None, engine="python")
    except (ValueError, OSError, csv.Error):
        return []
    return [str(name) for name in head.columns]


def _free_name(home: Path, first: Path) -> str:
    base = re.sub(r"[^\w.-]+", "-", first.stem if first.is_file() else first.name).strip("-.") or "my"
    names = [f"{base}.study", *(f"{base}-{i}.study" for i in range(2, 1000))]
    return next(name for name in names if not (home / name).exists())


# ---- making ----
@handles("start.make")
def make(session: Session, *, paths: list[str], name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Make a study of files, in a process of its own, and open it when it is there."""
    check_host(session, act="make a study")
    workspace = session.workspace
    check(
        re.fullmatch(r"[\w][\w .-]{0,100}", name) is not None,
        SettingError,
        "The name of a study must be letters, digits, '.', '-' and '_'. Got '{}'.",
        name[:60],
    )
    folder = workspace.home / (name if name.endswith(".study") else f"{name}.study")
    files = [str(_path(workspace, one)) for one in paths]
    return _job(workspace, "new", {"study": str(folder), "paths": files, **settings}, folder)


@handles("start.demo")
def demo(session: Session, *, what: Literal["blobs", "signals"]) -> dict[str, Any]:
    """Run the walk-through in a process of its own, and open its study when it is there."""
    check_host(session, act="run the demo")
    from clew.demo.told import free

    out = free(session.workspace.home / "clew-demo")
    return _job(session.workspace, "demo", {"what": what, "out": str(out)}, out / f"{what}.study")


def _job(workspace: Workspace, verb: str, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    from clew.study.study import Study

    return {"job": jobs.start(workspace, verb, settings, then=lambda: turn_to(workspace, Study(folder)))}


# ---- what is dropped on the page ----
def dropped(workspace: Workspace, batch: str, name: str, expected: int) -> Path:
    """Return where a dropped file is to be written: a browser does not say where a file lies, so a copy is kept.

    Raises
    ------
    SettingError
        If a name is none, or leads elsewhere.
    DataError
        If the disk has no room.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    check(
        re.fullmatch(r"[\w-]{1,60}", batch)
        and 0 < len(parts) <= 8
        and ".." not in parts
        and "\0" not in name
        and len(name) < 1000,
        SettingError,
        "The name of a dropped file must be one that a folder can hold. Got '{}'.",
        name[:80],
    )
    free = shutil.disk_usage(workspace.home).free
    check(
        expected + FREE < free,
        DataError,
        "The disk of '{}' must have room for '{}' ({:.0f} MB). Got {:.0f} MB free.",
        workspace.home,
        parts[-1],
        expected / 1e6,
        free / 1e6,
    )
    path = workspace.home / f"dropped-{batch}" / Path(*parts)
    check(
        not path.exists(),
        DataError,
        "A dropped file must have a name of its own. Got a second '{}': drop them in their folders.",
        name[:80],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
