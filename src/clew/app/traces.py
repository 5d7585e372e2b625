"""Recordings for the page: the trace round a window, as it was measured, in as many points as can be seen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.pictures import held, stamp_of
from clew.errors import DataError, check
from clew.measure.window_plan import row_of
from clew.measure.window_stream import window_at
from clew.plot.signals import extremes, spectrogram_pixels, thumbnail
from clew.steps.showing import Windows

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.measure.window_plan import WindowPlan
    from clew.read.recording import Recording

MOST_SAMPLES = 2_000_000  # of a component that are read for one picture
MOST_MARKED = 2_000  # windows that are marked in one picture
MARGIN = 60.0  # s beside a recording up to which one may look: there is nothing there


def windows_of(workspace: Workspace) -> Windows:
    """Return what cuts windows out of the recordings, opened once for each state of the files.

    Raises
    ------
    MissingError, DataError
        If a recording is gone, or has changed.
    """
    study = workspace.study
    paths = [path for one in study.sources() for path in (study.folder / one.relative, Path(one.path))]
    stamps = tuple(stamp_of(path) for path in paths)
    found: Windows = held(workspace).get(("windows", stamps), lambda: Windows(study))
    return found


def window_of(workspace: Workspace) -> float | None:
    """Return how long a window is, in s; None where the rows are no windows."""
    plan = workspace.study.facts().get("measured", {}).get("plan")
    return float(plan["window"]) if plan else None


def window_picture(workspace: Workspace, row: int, *, height: int, width: int) -> np.ndarray:
    """Return the first living component of a window above its spectrogram, uint8 (height, width, 3)."""
    windows, origin = windows_of(workspace), workspace.samples.origin.iloc[row]
    measured = windows.measured(origin)
    live = np.isfinite(measured).any(axis=1)
    rate = windows.recording(origin).rate
    return thumbnail(measured[int(live.argmax())], rate, side=height, width=width)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A piece of a recording.

    Parameters
    ----------
    recording : Recording
    first : int
        Its first sample.
    values : ndarray of float64, shape (n_components, n)
        Filtered as the windows were; NaN where nothing was recorded.
    names : list of str
        Of the components.
    sealed : int
        How many sealed windows reach into it: they are left blank.
    """

    recording: Recording
    first: int
    values: np.ndarray
    names: list[str]
    sealed: int

    @property
    def start(self) -> float:
        """Return the time of the first sample, in s."""
        return self.recording.time(self.first)

    @property
    def lasts(self) -> float:
        """Return how long it is, in s."""
        return self.values.shape[1] / self.recording.rate


def stretch(workspace: Workspace, row: int, *, start: float | None, lasts: float | None) -> Stretch:
    """Return a piece of the recording of a window.

    Parameters
    ----------
    workspace : Workspace
    row : int
    start, lasts : float or None
        From the start of the window, in s, and for how long; the window itself by default.

    Raises
    ------
    DataError
        If it holds too many samples, or the recordings cannot be read.
    """
    windows, origin = windows_of(workspace), workspace.samples.origin.iloc[row]
    recording, plan = windows.recording(origin), windows.plan
    lasts = plan.window if lasts is None else lasts
    check(
        lasts * recording.rate <= MOST_SAMPLES and lasts * recording.rate >= 2,
        DataError,
        "A picture of a recording must be of 2 to {:,} samples. Got {:,.0f}; zoom in.",
        MOST_SAMPLES,
        lasts * recording.rate,
    )
    first = int(origin["first"]) + round((start or 0.0) * recording.rate)
    over = recording.n + MARGIN * recording.rate
    check(
        -MARGIN * recording.rate <= first <= over,
        DataError,
        "The piece of '{}' must lie within it. Got {:g} s from the window.",
        recording.name,
        start,
    )
    own = round(lasts * recording.rate) == plan.n(recording.rate) and not start
    values = window_at(recording, first, plan if own else _longer(plan, lasts))
    values, sealed = (values, 0) if own else _without_sealed(workspace, row, recording, first, values)
    return Stretch(recording, first, values, [_name(recording, one) for one in plan.components], sealed)


def _without_sealed(
    workspace: Workspace, row: int, recording: Recording, first: int, values: np.ndarray
) -> tuple[np.ndarray, int]:
    """Blank what belongs to sealed windows and to no open one, in (n_components, n) from sample ``first`` on; return how many there were."""
    n = windows_of(workspace).plan.n(recording.rate)
    starts = (
        np.array([recording.index(time) for time in _sealed_times(workspace, recording)], np.int64) - first
    )
    starts = starts[(starts < values.shape[1]) & (starts + n > 0)]
    blank = np.zeros(values.shape[1], bool)
    for start in starts:
        blank[max(0, start) : start + n] = True
    origin: Any = workspace.samples.origin
    beside = by_recording(workspace)[recording.name]
    for start in origin["first"].to_numpy(np.int64)[beside] - first:
        blank[max(0, start) : max(0, start + n)] = False
    return np.where(blank, np.nan, values), len(starts)


def _sealed_times(workspace: Workspace, recording: Recording) -> list[float]:
    """Return when the sealed windows of a recording begin, in s: their names tell it, and nothing else of them is known here."""
    held: dict[str, list[float]] | None = workspace.kept.get("sealed_times")
    if held is None:
        opened = set(workspace.samples.sample.tolist())
        held = workspace.kept["sealed_times"] = {}
        for name in workspace.study.sample_names():
            of, _, time = name.rpartition("@")
            if of and name not in opened:
                held.setdefault(of, []).append(_seconds(time))
    return held.get(recording.name, [])


def _seconds(time: str) -> float:
    """Return what `spell_time` wrote, in s."""
    if time.endswith("s"):
        return float(time[:-1])
    return datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()


def by_recording(workspace: Workspace) -> dict[str, np.ndarray]:
    """Return the open rows (n,) of each recording."""
    by: dict[str, np.ndarray] | None = workspace.kept.get("by_recording")
    if by is None:
        names = workspace.samples.origin["recording"].to_numpy(str)
        order = np.argsort(names, kind="stable")
        cuts = np.flatnonzero(names[order][1:] != names[order][:-1]) + 1
        by = {str(names[one[0]]): one for one in np.split(order, cuts) if len(one)}
        workspace.kept["by_recording"] = by
    return by


def _longer(plan: WindowPlan, lasts: float) -> WindowPlan:
    """Return the plan that filters a longer piece in the same way, gaps and padding included."""
    return dataclasses.replace(plan, window=float(lasts), missing=0.99, flat=0.0)


def _name(recording: Recording, component: str) -> str:
    """Return what a component is called where it was recorded, such as "HHZ"."""
    row = row_of(recording, component)
    if row is None:
        return component
    channel = recording.channels[row]
    return channel.identifier.rpartition(".")[-1] or channel.component


def thinned(values: np.ndarray, most: int) -> tuple[np.ndarray, int]:
    """Return (n_components, n) as the smallest and largest value of each of ``most`` stretches, float32 (n_components, 2 n'), and n'.

    Pieces that have no more samples than that come as they are, each sample being both.
    """
    n = min(most, values.shape[1])
    ends = [np.column_stack(extremes(one, n)).reshape(-1) for one in values]
    return np.array(ends, np.float32), n


def marked(
    workspace: Workspace, row: int, *, start: float, lasts: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the open windows of the same recording that reach into a stretch: rows (n,) of int32, starts and ends in s, float64.

    Times count from the start of the stretch, ``start`` s behind that of the window.
    """
    origin: Any = workspace.samples.origin
    windows = windows_of(workspace)
    rate, lasting = windows.recording(origin.iloc[row]).rate, windows.plan.window
    own = by_recording(workspace)[str(origin["recording"].iloc[row])]
    starts = (origin["first"].to_numpy(np.int64)[own] - int(origin["first"].iloc[row])) / rate - start
    ends = starts + lasting
    here = (starts < lasts) & (ends > 0)
    here[np.flatnonzero(here)[MOST_MARKED:]] = False
    return own[here].astype(np.int32), starts[here], ends[here]


def spectrogram_picture(piece: Stretch, component: int, *, height: int, width: int) -> np.ndarray:
    """Return the spectrogram of one component of a stretch, uint8 (height, width, 3)."""
    return spectrogram_pixels(piece.values[component], piece.recording.rate, height=height, width=width)
