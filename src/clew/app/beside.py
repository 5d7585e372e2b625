"""Beside the map: what follows the selection, as thumbnails, whole images, traces, tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app import particulars, pictures, thumbnails, traces
from clew.app.handling import Bulk, Picture, fetches, handles
from clew.app.particulars import Looked, Order, kept_look
from clew.app.selecting import selected, selection_rows
from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

MOST_SIDE = 2048  # px of a picture
MOST_TOLD = 500  # rows of one answer
PAGE = 100  # rows of a page of the table
MOST_POINTS = 4000  # of a trace across a picture
BINS = 40


# ---- rows ----
def checked_row(workspace: Workspace, row: int) -> int:
    """Return the number of an open row, or refuse it."""
    most = workspace.samples.n_rows - 1
    check(0 <= row <= most, SettingError, "The 'row' must be from 0 to {}. Got {}.", most, row)
    return row


@handles("beside.told")
def told(session: Session, *, rows: list[int], step: int | None = None) -> dict[str, Any]:
    """Return ``{row, name, group, words}`` of some rows."""
    check(
        len(rows) <= MOST_TOLD,
        SettingError,
        "At most {} rows can be told at a time. Got {}.",
        MOST_TOLD,
        len(rows),
    )
    workspace = session.workspace
    view = kept_look(workspace, step)
    return {"rows": [particulars.told(workspace, view, checked_row(workspace, row)) for row in rows]}


@handles("beside.gallery")
def gallery(
    session: Session,
    *,
    selection: int = 0,
    order: Order = "wandering",
    page: int = 0,
    size: int = 24,
    step: int | None = None,
) -> dict[str, Any]:
    """Return the rows on a page of the gallery: ``{n, page, pages, rows: [{row, name, group, words}]}``."""
    check(
        1 <= size <= MOST_TOLD,
        SettingError,
        "The 'size' of a page must be from 1 to {}. Got {}.",
        MOST_TOLD,
        size,
    )
    workspace = session.workspace
    view = kept_look(workspace, step)
    rows = _in_order(session, view, selection, order)
    pages = max(1, -(-len(rows) // size))
    page = min(max(page, 0), pages - 1)
    some = rows[page * size : (page + 1) * size]
    return {"n": len(rows), "page": page, "pages": pages, "rows": [particulars.told(workspace, view, int(row)) for row in some]}  # fmt: skip


def _in_order(session: Session, view: Looked, selection: int, order: Order) -> np.ndarray:
    """Return the selected rows in an order; the last order is kept for the next page."""
    key = (view, selection, order)
    held = session.kept.get("gallery")
    if held is None or held[0] != key:
        rows = selection_rows(session, selection)
        held = session.kept["gallery"] = (key, particulars.ordered(session.workspace, view, rows, order))
    found: np.ndarray = held[1]
    return found


@handles("beside.row")
def row_of(session: Session, *, row: int, step: int | None = None) -> dict[str, Any]:
    """Return what was measured of a row, with ranks, and how sure its group is."""
    workspace = session.workspace
    view = kept_look(workspace, step)
    checked_row(workspace, row)
    sure = view.confidence[row]
    return {
        **particulars.told(workspace, view, row),
        "title": particulars.title(workspace, row),
        "source": str(workspace.samples.origin["source"].iloc[row]),
        "runs": view.runs,
        "agree": round(float(sure) * view.runs) if np.isfinite(sure) else None,
        "groups": view.names,
        "window": traces.window_of(workspace),
        "values": particulars.measurements(workspace, view, row),
    }


@handles("beside.table")
def table(
    session: Session,
    *,
    selection: int = 0,
    sort: str = "",
    descending: bool = False,
    page: int = 0,
    step: int | None = None,
) -> Bulk:
    """Return 100 rows of the table of a selection, with the values of all features as (n, n_features) of float32.

    ``sort`` is "name", "group", "confidence", a feature, or "" for the order of the data.
    """
    workspace = session.workspace
    samples, view = workspace.samples, kept_look(workspace, step)
    key = (view, selection, sort, descending)
    held = session.kept.get("table")
    if held is None or held[0] != key:  # the last order is kept for the next page
        rows = selection_rows(session, selection)
        rows = _sorted(session, view, rows, sort, descending) if sort else rows
        held = session.kept["table"] = (key, rows)
    rows = held[1]
    some = rows[max(page, 0) * PAGE : (max(page, 0) + 1) * PAGE]
    shown = [
        {**particulars.told(workspace, view, int(row)), "confidence": float(view.confidence[row]) if np.isfinite(view.confidence[row]) else None}
        for row in some
    ]  # fmt: skip
    meta = {"n": len(rows), "page": page, "rows": shown, "groups": view.names}
    return Bulk(meta, [samples.features[some].astype(np.float32)])


def _sorted(session: Session, view: Looked, rows: np.ndarray, sort: str, descending: bool) -> np.ndarray:
    samples = session.workspace.samples
    known: dict[str, Any] = {"name": samples.sample, "group": view.groups, "confidence": view.confidence}
    keys = (
        known[sort] if sort in known else samples.features[:, particulars.feature_at(session.workspace, sort)]
    )
    key = keys[rows]
    if descending and key.dtype.kind in "US":
        key = np.unique(key, return_inverse=True)[1].reshape(-1)
    return rows[np.argsort(-key if descending else key, kind="stable")]


@handles("beside.histogram")
def histogram(
    session: Session, *, feature: str, selection: int = 0, step: int | None = None
) -> dict[str, Any]:
    """Return counts of a feature in 40 bins: all open rows, the selection, and each group."""
    workspace = session.workspace
    view, at = kept_look(workspace, step), particulars.feature_at(workspace, feature)
    samples = workspace.samples
    chosen = selected(session, selection) if selection else np.zeros(samples.n_rows, bool)
    counted = particulars.counted(
        samples.features[:, at], view.groups, chosen, n_groups=len(view.names), bins=BINS
    )
    return {**counted, "unit": samples.units[at], "names": view.names, "n": int(chosen.sum())}


# ---- images ----
@handles("beside.image")
def image(session: Session, *, row: int, step: int | None = None) -> Bulk:
    """Return what there is to draw of the image of a row: its size and channels, and the outlines of its objects.

    Arrays: corners (n, 2) of float32 in px, where each outline begins (n_outlines + 1,) of uint32, its row (-1: sealed,
    or not measured) and its group (n_outlines,) of int32.
    """
    workspace = session.workspace
    samples, view = workspace.samples, kept_look(workspace, step)
    origin = samples.origin
    check(
        "label" in origin,
        DataError,
        "The rows must be objects in images. Got {}.",
        particulars.kind_of(workspace),
    )
    source = str(origin["source"].iloc[checked_row(workspace, row)])
    opened, traced = pictures.opened(workspace, source), pictures.outlines_of(workspace, source)
    own = np.flatnonzero(origin["source"].to_numpy(str) == source)
    of = np.full(int(max(traced.labels.max(initial=0), origin["label"].iloc[own].max())) + 1, -1, np.int32)
    of[origin["label"].to_numpy(int)[own]] = own
    rows = of[traced.labels]
    groups = np.where(rows >= 0, view.groups[rows], -1).astype(np.int32)
    meta = {
        "source": source,
        "height": opened.pixels.shape[1],
        "width": opened.pixels.shape[2],
        "channels": list(opened.channels),
        "pixel": opened.pixel_size[1] if opened.pixel_size else None,
        "usual": list(pictures.USUAL),
        "objects": len(own),
    }
    return Bulk(meta, [traced.points, traced.starts, rows, groups])


# ---- recordings ----
@handles("beside.trace")
def trace(
    session: Session,
    *,
    row: int,
    start: float | None = None,
    lasts: float | None = None,
    points: int = 600,
    step: int | None = None,
) -> Bulk:
    """Return a piece of the recording of a window, from ``start`` s behind the start of the window on, ``lasts`` s long.

    Arrays: smallest and largest value of each of ``points`` stretches (n_components, 2 n) of float32; then the open windows
    that reach into it: rows and groups of int32, starts and ends of float32, in s from the start of the piece.
    """
    check(2 <= points <= MOST_POINTS, SettingError, "The 'points' of a trace must be from 2 to {}. Got {}.", MOST_POINTS, points)  # fmt: skip
    workspace = session.workspace
    view = kept_look(workspace, step)
    checked_row(workspace, row)
    piece = traces.stretch(workspace, row, start=start, lasts=lasts)
    values, n = traces.thinned(piece.values, points)
    rows, begins, ends = traces.marked(workspace, row, start=start or 0.0, lasts=piece.lasts)
    windows, recording = traces.windows_of(workspace), piece.recording
    live = np.isfinite(piece.values).any(axis=1)
    plan = windows.plan
    meta = {
        "recording": recording.name,
        "components": piece.names,
        "unit": plan.unit or recording.unit,
        "rate": recording.rate,
        "dated": recording.dated,
        "start": piece.start,
        "lasts": piece.lasts,
        "window": plan.window,
        "from": (start or 0.0),
        "how": windows.how(),
        "n": n,
        "spectrogram": int(live.argmax()),
        "sealed": piece.sealed,
    }
    arrays = [
        values,
        rows,
        view.groups[rows].astype(np.int32),
        begins.astype(np.float32),
        ends.astype(np.float32),
    ]
    return Bulk(meta, arrays)


# ---- pictures by HTTP ----
def _number(text: str, name: str, low: float, high: float) -> float:
    """Return a number of a picture's address, or refuse it."""
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    check(low <= number <= high, SettingError, "The '{}' of a picture must be a number from {:g} to {:g}. Got '{}'.", name, low, high, text[:40])  # fmt: skip
    return number


def _row(workspace: Workspace, text: str) -> int:
    return int(_number(text, "row", 0, max(0, len(workspace.samples) - 1)))


@fetches("/picture/row/{row}")
def row_picture(workspace: Workspace, *, row: str, size: str = "88", width: str = "", v: str = "") -> Picture:
    """Draw an open row small: ``size`` px high, and as wide, or ``width``; ``v`` only tells versions apart."""
    height = int(_number(size, "size", 16, 512))
    across = int(_number(width or size, "width", 16, 1024))
    drawn = thumbnails.thumbnail_of(workspace, _row(workspace, row), height=height, width=across)
    return Picture(thumbnails.png(drawn))


@fetches("/picture/image")
def image_picture(
    workspace: Workspace,
    *,
    source: str,
    channels: str = "",
    x0: str = "0",
    y0: str = "0",
    x1: str = "",
    y1: str = "",
    w: str = "1024",
    low: str = str(pictures.USUAL[0]),
    high: str = str(pictures.USUAL[1]),
    gamma: str = "1",
    v: str = "",
) -> Picture:
    """Draw a part of an image that the study names: ``low`` and ``high`` are percentiles, ``channels`` numbers with commas."""
    pictures.check_open(workspace, source)
    image = pictures.opened(workspace, source)
    n, tall, wide = image.pixels.shape
    chosen = (
        [int(_number(one, "channels", 0, n - 1)) for one in channels.split(",")]
        if channels
        else list(range(n))
    )
    check(
        len(chosen) <= n,
        SettingError,
        "The 'channels' of a picture must be at most {}. Got {}.",
        n,
        len(chosen),
    )
    left, top = int(_number(x0, "x0", 0, wide - 1)), int(_number(y0, "y0", 0, tall - 1))
    right, bottom = (
        int(_number(x1 or str(wide), "x1", left + 1, wide)),
        int(_number(y1 or str(tall), "y1", top + 1, tall)),
    )
    black = _number(low, "low", 0, 99.9)
    contrast = {
        "low": black,
        "high": _number(high, "high", black + 0.1, 100),
        "gamma": _number(gamma, "gamma", 0.1, 10),
    }
    most = int(_number(w, "w", 16, MOST_SIDE))
    return Picture(
        thumbnails.png(
            pictures.piece(image, (left, top, right, bottom), width=most, channels=chosen, **contrast)
        )
    )


@fetches("/picture/spectrogram/{row}")
def spectrogram_route(
    workspace: Workspace,
    *,
    row: str,
    start: str = "",
    lasts: str = "",
    component: str = "0",
    w: str = "600",
    h: str = "112",
    v: str = "",
) -> Picture:
    """Draw the spectrogram of a window, or of a piece round it, ``start`` s behind its start and ``lasts`` s long."""
    began = _number(start, "start", -1e9, 1e9) if start else None
    long = _number(lasts, "lasts", 0, 1e9) if lasts else None
    piece = traces.stretch(workspace, _row(workspace, row), start=began, lasts=long)
    which = int(_number(component, "component", 0, len(piece.values) - 1))
    height, width = int(_number(h, "h", 16, MOST_SIDE)), int(_number(w, "w", 16, MOST_SIDE))
    return Picture(thumbnails.png(traces.spectrogram_picture(piece, which, height=height, width=width)))
