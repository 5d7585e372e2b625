"""The linked map: places of the rows in every run of a look, and what colours them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.decoding import coder_behind
from clew.app.density import density_picture
from clew.app.handling import Bulk, Picture, fetches, handles
from clew.app.labelling import journal_of
from clew.app.map_data import MapData, map_of
from clew.app.selecting import checked_rows, get_ready
from clew.errors import SettingError, check, check_choice

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

STRIP = 400  # points of each small map
MOST_CLASSES = 15  # colours of sources; the rest share one more
NO_CLASS = 255
NO_VALUE = 255  # of a row whose value is not known; known ones go from 0 to 254 of the range


@handles("map.look")
def look(session: Session, *, step: int | None = None) -> Bulk:
    """Return what the panel needs of a look at once: counts, groups, words; groups (n_rows,) of uint8, who wanders as bits."""
    workspace = session.workspace
    data = map_of(workspace, step)
    sizes = np.bincount(data.groups[data.groups >= 0], minlength=len(data.names))
    told = {
        "step": data.step,
        "method": data.method,
        "n": data.n_rows,
        "n_shown": len(data.shown),
        "n_placed": int(np.isfinite(data.placed[:, 0]).sum()),
        "runs": len(data.runs),
        "extent": data.extent,
        "groups": [{"name": name, "n": int(n)} for name, n in zip(data.names, sizes)],
        "wandering": int(data.wanders.sum()),
        "shared": data.shared if np.isfinite(data.shared) else None,
        "k": data.k,
        "colours": colours_of(workspace, data),
        "decodes": coder_behind(workspace, data.step) is not None,
        "looks": [{"step": one.id, "method": one.settings.get("embed", "")} for one in _looks(workspace)],
    }
    return Bulk(told, [_classes(data.groups), np.packbits(data.wanders, bitorder="little")])


def colours_of(workspace: Workspace, data: MapData) -> list[str]:
    """Return by what the points can be coloured."""
    known = ["group", *(["confidence"] if np.isfinite(data.confidence).any() else [])]
    if not workspace.has_study:
        return known
    return [*known, "label", "source", *(f"feature:{name}" for name in workspace.samples.feature_names)]


@handles("map.positions")
def positions(session: Session, *, step: int | None = None, run: int = 0) -> Bulk:
    """Return the places of all rows in a run: uint16 x, y, x, y, ... of the extent; 65535 for a row that was not drawn in it."""
    data = map_of(session.workspace, step)
    places = data.places(run)
    get_ready(session)
    return Bulk(
        {"step": data.step, "run": run, "n": int(np.isfinite(places[:, 0]).sum())}, [data.on_grid(places)]
    )


@handles("map.strip")
def strip(session: Session, *, step: int | None = None) -> Bulk:
    """Return at most 400 shown rows in all runs at once: uint16 (n_runs, n, 2), their groups uint8 (n,), who wanders uint8 (n,)."""
    data = map_of(session.workspace, step)
    some = np.linspace(0, len(data.shown) - 1, min(STRIP, len(data.shown))).astype(np.int64)
    rows = data.shown[some]
    return Bulk(
        {"step": data.step, "runs": len(data.runs), "n": len(rows)},
        [data.on_grid(data.runs[:, some]), _classes(data.groups[rows]), data.wanders[rows].astype(np.uint8)],
    )


@handles("map.colours")
def colours(session: Session, *, by: str, step: int | None = None) -> Bulk:
    """Return what colours the rows: classes (n_rows,) of uint8 with names and counts, or values of uint8 with both ends of the range.

    Parameters
    ----------
    by : str
        "group", "confidence", "source", or "feature:NAME"; labels are known to the page.

    Raises
    ------
    SettingError
        If there is no such feature, or no such thing to colour by.
    """
    workspace = session.workspace
    data = map_of(workspace, step)
    known = [one for one in colours_of(workspace, data) if one != "label"]
    check_choice(by, known, what="colour", of="the map")
    if by == "confidence":
        return _ramp(by, data.confidence, "share of runs")
    if by.startswith("feature:"):
        column = workspace.samples.feature_names.index(by.removeprefix("feature:"))
        return _ramp(by, workspace.samples.features[:, column], workspace.samples.units[column])
    if by == "group":
        sizes = np.bincount(data.groups[data.groups >= 0], minlength=len(data.names))
        return _named(by, _classes(data.groups), data.names, sizes)
    return _sources(workspace)


@handles("map.row")
def row(session: Session, *, row: int, step: int | None = None) -> Bulk:
    """Return one row: its name, group and how sure it is, its label; and its place in every run as uint16 (n_runs, 2)."""
    workspace = session.workspace
    data = map_of(workspace, step)
    checked_rows([row], data.n_rows)
    group, share = int(data.groups[row]), float(data.confidence[row])
    at = np.searchsorted(data.shown, row)
    shown = bool(at < len(data.shown) and data.shown[at] == row)
    name, label = f"row {row}", ""
    if workspace.has_study:
        name = str(workspace.samples.sample[row])
        label = journal_of(workspace).standing([name]).get(name, ("", ""))[0]
    told = {
        "row": row,
        "sample": name,
        "label": label,
        "group": group if group >= 0 else None,
        "group_name": data.names[group] if group >= 0 else None,
        "agree": round(share * data.n_clusterings) if np.isfinite(share) else None,
        "runs": data.n_clusterings,
        "wanders": bool(data.wanders[row]),
    }
    places = data.runs[:, at] if shown else np.full((len(data.runs), 2), np.nan)
    return Bulk(told, [data.on_grid(places)])


@fetches("/picture/map")
def picture(
    workspace: Workspace, *, step: str = "", run: str = "0", width: str = "544", height: str = "520"
) -> Picture:
    """Draw where the rows lie thickest, for a browser that cannot draw points.

    Raises
    ------
    SettingError
        If the size is none from 16 to 4096.
    """
    for text in (step or "0", run, width, height):
        check(
            text.isdecimal() and len(text) < 10,
            SettingError,
            "A picture's numbers must be whole. Got '{}'.",
            text[:20],
        )
    size = int(width), int(height)
    check(
        all(16 <= side <= 4096 for side in size),
        SettingError,
        "The sides of a picture must be from 16 to 4096. Got {} x {}.",
        *size,
    )
    data = map_of(workspace, int(step) if step and int(step) else None)
    return Picture(density_picture(data.places(int(run)), data.extent, *size))


def _looks(workspace: Workspace) -> list[Any]:
    return workspace.looks() if workspace.has_study else []


def _classes(groups: np.ndarray) -> np.ndarray:
    """Return groups as uint8: 255 for none, and 254 for all from the 255th on."""
    return np.where(groups < 0, NO_CLASS, np.minimum(groups, NO_CLASS - 1)).astype(np.uint8)


def _ramp(by: str, values: np.ndarray, unit: str) -> Bulk:
    """Return values as uint8 of their range; extreme ones (beyond 0.5% at either side) take the colour of the end."""
    known = values[np.isfinite(values)]
    low, high = (float(q) for q in np.quantile(known, [0.005, 0.995])) if known.size else (0.0, 1.0)
    if high <= low:
        low, high = float(known.min(initial=low)), float(known.max(initial=high))
    scaled = np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros(len(values))
    sent = np.where(np.isfinite(values), np.rint(np.nan_to_num(scaled) * 254), NO_VALUE).astype(np.uint8)
    cut = bool(known.size and (known.min() < low or known.max() > high))
    return Bulk({"by": by, "kind": "values", "low": low, "high": high, "unit": unit, "cut": cut}, [sent])


def _named(by: str, classes: np.ndarray, names: list[str], counts: np.ndarray) -> Bulk:
    told = [{"name": name, "n": int(n)} for name, n in zip(names, counts)]
    return Bulk({"by": by, "kind": "classes", "classes": told}, [classes])


def _sources(workspace: Workspace) -> Bulk:
    """Return the sources, the one with most rows first; those beyond the 15th share a colour."""
    held = workspace.kept.get("sources")
    if held is None:
        found = np.asarray(workspace.samples.origin["source"], dtype=str)
        held = workspace.kept["sources"] = np.unique(found, return_inverse=True, return_counts=True)
    names, which, counts = held
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    classes = np.minimum(place[which], MOST_CLASSES).astype(np.uint8)
    told = [str(names[i]) for i in order[:MOST_CLASSES]]
    if len(names) > MOST_CLASSES:
        told.append(f"{len(names) - MOST_CLASSES} others")
    return _named("source", classes, told, np.bincount(classes, minlength=len(told)))
