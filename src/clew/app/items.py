"""How one open row is said and found again: its title, its place, its neighbours, its sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.handling import Bulk, handles
from clew.app.pictures import BOX, opened, outlines_of
from clew.app.traces import windows_of
from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

MOST_HEARD = 44_100  # samples per second of the sound
LONGEST = 2_000_000  # samples of one sound


def kind_of(workspace: Workspace) -> str:
    """Return "object", "window" or "row"."""
    kind = workspace.study.facts().get("kind", "table")
    return {"image": "object", "signal": "window"}.get(kind, "row")


def checked_row(workspace: Workspace, row: int) -> int:
    """Return the number of an open row, or refuse it."""
    check(
        0 <= row < workspace.samples.n_rows,
        SettingError,
        "The 'row' must be from 0 to {}. Got {}.",
        workspace.samples.n_rows - 1,
        row,
    )
    return row


def said(workspace: Workspace, row: int) -> dict[str, Any]:
    """Return ``{row, sample, title, tag, about}`` of an open row, as the queue and the bins say it."""
    samples = workspace.samples
    origin = samples.origin.iloc[row]
    name = str(samples.sample[row])
    told = {"row": int(row), "sample": name}
    kind = kind_of(workspace)
    if kind == "object":
        return {**told, "title": _short(str(origin["source"])), **_of_object(origin)}
    if kind == "window":
        return {**told, **_of_window(workspace, origin)}
    group = str(samples.group[row])
    return {**told, "title": name, "tag": "", "about": "" if group == name else f"group {group}"}


def _short(source: str) -> str:
    stem = source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return stem if len(stem) <= 28 else f"{stem[:27]}…"


def _of_object(origin: Any) -> dict[str, str]:
    told = {"tag": f"#{int(origin['label'])}", "about": str(origin["source"])}
    if {"centroid_row", "centroid_col"} <= set(origin.index):
        told["about"] += f", row {origin['centroid_row']:.0f}, column {origin['centroid_col']:.0f}"
    return told


def _of_window(workspace: Workspace, origin: Any) -> dict[str, str]:
    plan = workspace.study.facts()["measured"]["plan"]
    if "start" in origin.index:  # dated
        moment = np.datetime64(round(float(origin["start"]) * 1000), "ms")
        timed = f"{str(moment).replace('T', ' ')[:21]} UTC"
    else:
        timed = f"{float(origin['seconds_from']):g} s into the file"
    low, high = plan.get("highpass"), plan.get("lowpass")
    band = " and ".join(
        f"{word} {corner:g} Hz" for word, corner in (("above", low), ("below", high)) if corner is not None
    )
    station, source = str(origin["station"]), str(origin["source"])
    return {
        "title": _short(source) if station in ("", "nan", source) else station,
        "tag": str(origin["components"]),
        "about": ", ".join(
            part
            for part in (timed, f"{plan['window']:g} s", f"{low:g}–{high:g} Hz" if low and high else band)
            if part
        ),
    }


@handles("item.around")
def around(session: Session, *, row: int) -> dict[str, Any]:
    """Return the rows of the same recording in time, of the same image by number, or of the table in order.

    Returns ``{"rows": [...], "at": place of the row among them, "what": "windows of BK.HAST"}``; at most 101 rows.
    """
    workspace = session.workspace
    row = checked_row(workspace, row)
    samples, kind = workspace.samples, kind_of(workspace)
    if kind == "row":
        rows, what = np.arange(samples.n_rows), "rows of the table"
    else:
        column, order = ("recording", "first") if kind == "window" else ("source", "label")
        here = samples.origin[column].to_numpy()
        rows = np.flatnonzero(here == here[row])
        rows = rows[np.argsort(samples.origin[order].to_numpy()[rows], kind="stable")]
        what = f"{kind}s of {_short(str(here[row]))}"
    at = int(np.flatnonzero(rows == row)[0])
    first = max(0, at - 50)
    near = rows[first : at + 51]
    return {"rows": near.tolist(), "at": at - first, "what": what}


@handles("item.place")
def place(session: Session, *, row: int) -> Bulk:
    """Return where an object lies in its image, and its outline.

    ``{"source", "width", "height", "box": [x0, y0, x1, y1] of a square piece round it}``; arrays: corners (n, 2) of float32
    in px, where each closed outline begins (n_outlines + 1,) of uint32.

    Raises
    ------
    DataError
        If the study is not about objects, or the image cannot be read.
    """
    workspace = session.workspace
    origin = workspace.samples.origin.iloc[checked_row(workspace, row)]
    check(
        kind_of(workspace) == "object",
        DataError,
        "Only objects lie in an image. Got a study of {}s.",
        kind_of(workspace),
    )
    source = str(origin["source"])
    height, width = opened(workspace, source).pixels.shape[1:3]
    traced = outlines_of(workspace, source)
    own = np.flatnonzero(traced.labels == int(origin["label"]))
    pieces = [traced.points[traced.starts[i] : traced.starts[i + 1]] for i in own]
    starts = np.cumsum([0, *(len(piece) for piece in pieces)]).astype(np.uint32)
    top, left, bottom, right = (float(origin[name]) for name in BOX)
    half = min(max(bottom - top, right - left, 12.0) * 0.9, max(height, width) / 2)
    middle = ((left + right) / 2, (top + bottom) / 2)
    x0, y0 = (max(0, round(at - half)) for at in middle)
    x1, y1 = min(width, round(middle[0] + half)), min(height, round(middle[1] + half))
    told = {"source": source, "width": width, "height": height, "box": [x0, y0, x1, y1]}
    return Bulk(told, [np.concatenate(pieces or [np.empty((0, 2), np.float32)]), starts])


@handles("item.sound")
def sound(session: Session, *, row: int) -> Bulk:
    """Return a window as sound: float32 samples from -1 to 1 of its first component, and how much faster it is played.

    ``{"rate": samples per second, "faster": factor, "component": name}``. What was 1 to 40 Hz is sped up until it is heard.

    Raises
    ------
    DataError
        If the study is not about recordings.
    """
    workspace = session.workspace
    row = checked_row(workspace, row)
    check(
        kind_of(workspace) == "window",
        DataError,
        "Only windows of recordings can be heard. Got a study of {}s.",
        kind_of(workspace),
    )
    windows = windows_of(workspace)
    origin = workspace.samples.origin.iloc[row]
    recording = windows.recording(origin)
    values = windows.measured(origin)[0][:LONGEST]
    faster = sped_up(float(recording.rate))
    return Bulk(
        {"rate": float(recording.rate) * faster, "faster": faster, "component": str(recording.components[0])},
        [audible(values)],
    )


def sped_up(rate: float) -> float:
    """Return how much faster a recording of ``rate`` Hz is played: 40 Hz should lie near 1,600 Hz; audio stays as it is.

    Examples
    --------
    >>> sped_up(100.0), sped_up(8000.0)
    (40.0, 1.0)
    """
    if rate >= 4000:
        return 1.0
    return float(max(1, round(min(4000.0 / rate, MOST_HEARD / rate))))


def audible(values: np.ndarray) -> np.ndarray:
    """Return samples as float32 from -1 to 1, (n,): level at zero, the loudest at 0.9, both ends faded over 1%."""
    values = np.nan_to_num(np.asarray(values, np.float64))
    values = values - values.mean()
    loudest = np.abs(values).max(initial=0.0)
    if loudest == 0:
        return np.zeros(len(values), np.float32)
    fade = max(1, len(values) // 100)
    ramp = np.minimum(1.0, (np.arange(len(values)) + 1) / fade)
    return (0.9 * values / loudest * ramp * ramp[::-1]).astype(np.float32)
