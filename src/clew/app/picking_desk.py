"""What the room of picks works with: recordings with open rows, the picking models of the study, and what these find."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.labelling import journal_of
from clew.app.traces import windows_of
from clew.errors import ClewError, DataError, check, check_choice
from clew.learn.model_file import format_of
from clew.learn.next_picks import judged_picks
from clew.measure.picks import Picks
from clew.steps.networks import need_torch
from clew.steps.picking_studies import without
from clew.study.picks import Spans, StudyPick

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.neural.picking_net import PickingNet
    from clew.neural.scan import Curves
    from clew.read.recording import Recording
    from clew.study.record import Step

CONFIG = "config.json"  # of a model's folder
FORMAT = "clew picking net"  # of the folders that hold models for this room
LONGEST = 2 * 3600.0  # s of a recording that a model is asked about while somebody waits
BELOW = 0.5  # of a threshold: from there on a person may be asked, as what is missed lies below it
FIELDS = ("recording", "station", "phase", "time", "probability")  # of candidates
MOST_CORNER = 0.45  # of the rate, of a filter
MARGIN = 2.0  # s beside a piece that a filter needs
BANDS: dict[str, tuple[float, float] | None] = {"as recorded": None, "1 to 20 Hz": (1.0, 20.0), "2 to 8 Hz": (2.0, 8.0)}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Candidates:
    """Picks of a model that a person may judge.

    Parameters
    ----------
    recording, station, phase : ndarray of str, shape (n,)
    time, probability : ndarray of float64, shape (n,)
    model : str
        Its hash.
    """

    recording: np.ndarray
    station: np.ndarray
    phase: np.ndarray
    time: np.ndarray
    probability: np.ndarray
    model: str

    @staticmethod
    def of(picks: Picks, blank: Callable[[str, np.ndarray], np.ndarray]) -> Candidates:
        """Return the picks that lie where people may look."""
        keep = np.ones(len(picks), bool)
        for name in np.unique(picks.recording).tolist():
            own = np.flatnonzero(picks.recording == name)
            keep[own] = ~blank(name, picks.time[own])
        parts = {name: getattr(picks, name)[keep] for name in FIELDS}
        return Candidates(**parts, model=picks.model_sha256)

    def take(self, keep: np.ndarray) -> Candidates:
        """Return some of them, ``keep`` bool (n,)."""
        return dataclasses.replace(self, **{name: getattr(self, name)[keep] for name in FIELDS})

    def judged(self, said: list[StudyPick]) -> np.ndarray:
        """Return of which a person has told, bool (n,)."""
        told = ((one.recording, one.phase, one.time if one.asked is None else one.asked) for one in said)
        return judged_picks(self.recording, self.phase, self.time, told)


class Desk:
    """The picking of one study.

    Parameters
    ----------
    workspace : Workspace

    Raises
    ------
    DataError
        If the study is not about recordings.
    """

    def __init__(self, workspace: Workspace) -> None:
        kind = workspace.study.facts().get("kind", "table")
        check(kind == "signal", DataError, "The study must be of recordings to be picked. Got one of kind '{}'.", kind)  # fmt: skip
        self.workspace, self.study = workspace, workspace.study
        self.journal = journal_of(workspace)
        self._lock = threading.Lock()
        self._models: dict[str, PickingNet] = {}
        self._found: dict[tuple[str, str], Candidates] = {}  # by model and recording
        self._open: dict[str, tuple[Recording, Recording]] = {}
        self._recorded: tuple[int, Candidates] | None = None  # of the last step

    # ---- recordings ----
    @property
    def spans(self) -> Spans:
        """Return where the rows lie."""
        return self.journal.spans()

    def names(self) -> list[str]:
        """Return the recordings with open rows."""
        return [name for name in windows_of(self.workspace).by_name if name in self.spans.opened]

    def held_back(self) -> int:
        """Return how many recordings are not shown: all of their rows are sealed."""
        return len(self.spans.sealed.keys() - self.spans.opened.keys())

    def recording(self, name: str) -> Recording:
        """Return a recording that has open rows; what lies in sealed rows and in no open one is a gap."""
        by_name = windows_of(self.workspace).by_name
        opened = self.spans.opened.get(name)
        check(
            opened is not None and name in by_name,
            DataError,
            "The recording must be one of the study with open rows. Got '{}', which is none.",
            name[:80],
        )
        held = self._open.get(name)
        if held is None or held[0] is not by_name[name]:
            made = without(by_name[name], self.spans.sealed.get(name), opened)
            held = self._open[name] = by_name[name], made
        return held[1]

    def span(self, recording: Recording) -> tuple[float, float]:
        """Return the moments of the first and the last sample, in s."""
        return recording.time(0), recording.time(recording.n - 1)

    def content_at(self, recording: Recording, time: float) -> str:
        """Return the SHA-256 of the file in which a moment lies; "" in a gap."""
        index = min(max(recording.index(time), 0), recording.n - 1)
        name = recording.source_at(index)
        return next((one.sha256 for one in self.study.sources() if one.name == name), "")

    def blank(self, name: str, times: np.ndarray) -> np.ndarray:
        """Return which moments lie in sealed rows and in no open one, bool (n,); ``times`` rise."""
        out = np.zeros(len(times), bool)
        for spans, value in ((self.spans.sealed, True), (self.spans.opened, False)):
            ends = np.searchsorted(times, spans.get(name, np.empty((0, 2))))
            for first, stop in ends[ends[:, 0] < ends[:, 1]]:
                out[first:stop] = value
        return out

    def piece(self, recording: Recording, first: int, stop: int, *, band: str) -> np.ndarray:
        """Return components (n, stop - first) about their means, filtered, NaN where nothing was recorded or nobody may look."""
        check_choice(band, BANDS, what="'band'", of="a picture of a recording")
        corners = BANDS[band]
        reach = round(MARGIN * recording.rate) if corners else 0
        low, high = max(0, first - reach), min(recording.n, stop + reach)
        values = np.array(recording.read(low, high, rows_of(recording)))
        times = recording.time(0) + np.arange(low, high) / recording.rate
        values[:, self.blank(recording.name, times)] = (
            np.nan
        )  # before a filter could carry anything of it over
        if corners and corners[0] < MOST_CORNER * recording.rate:
            values = _filtered(values, corners, recording.rate)
        values = values[:, first - low : values.shape[1] - (high - stop)]
        known = np.isfinite(values)
        means = np.where(known, values, 0).sum(axis=1) / np.maximum(1, known.sum(axis=1))
        return values - means[:, None]

    # ---- models ----
    def _folders(self) -> dict[str, Path]:
        """Return the picking models by name: those of the study, the latest first, then those that come with clew."""
        every = [(str(one["name"]), self.study.folder / one["path"]) for one in reversed(self.study.models())]
        shipped = shipped_pickers()
        every += [(one.name, one) for one in sorted(shipped.iterdir())] if shipped.is_dir() else []
        found: dict[str, Path] = {}
        for name, folder in every:
            try:
                if folder.is_dir() and format_of(folder) == FORMAT:
                    found.setdefault(name, folder)
            except ClewError:  # a damaged one is no choice
                continue
        return found

    def models(self) -> list[str]:
        """Return the names of the picking models."""
        return list(self._folders())

    def named(self, sha256: str) -> str:
        """Return which of the models has a hash; "" where none has."""
        told = (
            (name, (folder / CONFIG).read_text(encoding="utf-8")) for name, folder in self._folders().items()
        )
        return next((name for name, text in told if json.loads(text).get("sha256") == sha256), "")

    def folder(self, name: str) -> Path:
        """Return where a picking model lies, or refuse the name."""
        folders = self._folders()
        check_choice(name, folders, what="model", of="picking", error=DataError)
        return folders[name]

    def model(self, name: str) -> PickingNet:
        """Return a picking model; torch is there from now on.

        Raises
        ------
        DataError
            If there is none of that name, or it is damaged.
        """
        with self._lock:
            if name not in self._models:
                folder = self.folder(name)
                need_torch()
                from clew.neural.picking_net import PickingNet

                self._models[name] = PickingNet.load_model(folder)
            return self._models[name]

    def threshold(self, name: str, phase: str) -> float:
        """Return above which probability a phase counts for a model; 0.3 where nothing is known."""
        model = self._models.get(name)
        return float(model.thresholds.get(phase, 0.3)) if model else self._settled(phase)

    def _settled(self, phase: str) -> float:
        step = self.last_step()
        held = step.settings.get("thresholds") if step else None
        value = held.get(phase) if isinstance(held, dict) else None
        return float(value) if isinstance(value, int | float) and 0 < value < 1 else 0.3

    def curves(self, name: str, recording: Recording, first: int, stop: int) -> Curves:
        """Return what a model says at each moment of a piece."""
        from clew.neural.scan import curves

        model = self.model(name)
        found = curves(model, recording, first=first, stop=stop, engine=self._engine(name))
        times = found.start + np.arange(found.probability.shape[1]) / found.rate
        probability = np.array(found.probability)
        probability[:, self.blank(recording.name, times)] = np.nan
        return type(found)(labels=found.labels, probability=probability, rate=found.rate, start=found.start, notes=found.notes)  # fmt: skip

    def _engine(self, name: str) -> Any:
        held: dict[str, Any] = self.workspace.kept.setdefault("picking engines", {})
        if name not in held:
            from clew.neural.picking_engine import engine_of

            held[name] = engine_of(self.model(name), engine="auto", threads=1)
        return held[name]

    # ---- what models find ----
    def last_step(self) -> Step | None:
        """Return the last step on record that has picked."""
        return self.study.last("pick")

    def candidates(self, name: str) -> Candidates | None:
        """Return all that a model was heard of by now; of "" what the last step found; None where that is nothing yet."""
        if name:
            every = [one for (model, _), one in self._found.items() if model == name]
            return _joined(every) if every else None
        step = self.last_step()
        if step is None:
            return None
        if self._recorded is None or self._recorded[0] != step.id:
            result = self.study.result(step)
            picks = result if isinstance(result, Picks) else getattr(result, "picks", None)
            if not isinstance(picks, Picks):
                return None
            self._recorded = step.id, Candidates.of(picks, self.blank)
        return self._recorded[1]

    def heard(self, name: str, recording: str) -> bool:
        """Return whether a model was asked about a recording."""
        return (name, recording) in self._found if name else self.last_step() is not None

    def ask(self, name: str, recording: Recording, on_progress: Callable[[int, int], bool]) -> None:
        """Have a model go along a recording, down to half of its thresholds.

        Raises
        ------
        DataError
            If the recording is too long to be waited for.
        Stopped
            If ``on_progress`` said so.
        """
        from clew.neural.scan import scan

        if (name, recording.name) in self._found:
            return
        check(
            recording.duration <= LONGEST,
            DataError,
            "The recording must be at most {:g} h long to be picked while you wait. Got {:.1f} h: run clew pick on the study.",
            LONGEST / 3600,
            recording.duration / 3600,
        )
        model = self.model(name)
        least = {phase: BELOW * float(model.thresholds.get(phase, 0.3)) for phase in model.phases}
        picks = scan(model, [recording], thresholds=least, engine=self._engine(name), on_progress=on_progress)
        self._found[name, recording.name] = Candidates.of(picks, self.blank)


def desk_of(workspace: Workspace) -> Desk:
    """Return the desk of the open study."""
    found: Desk | None = workspace.kept.get("picking desk")
    if found is None:
        found = workspace.kept.setdefault("picking desk", Desk(workspace))
    return found


def shipped_pickers() -> Path:
    """Return the folder of the models that come with clew; torch is not needed to look."""
    spec = find_spec("clew.neural")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places or ()), "")) / "pickers"


def rows_of(recording: Recording) -> list[int]:
    """Return the channels that are shown: Z, N and E, or 1 and 2, where they are there; else the first three."""
    order = [recording.components.index(one) for one in "ZNE12" if one in recording.components]
    return order[:3] or list(range(min(3, len(recording.channels))))


def _joined(every: list[Candidates]) -> Candidates:
    parts = {name: np.concatenate([getattr(one, name) for one in every]) for name in FIELDS}
    return Candidates(**parts, model=every[0].model)


def _filtered(values: np.ndarray, corners: tuple[float, float], rate: float) -> np.ndarray:
    """Pass a band through each run without a gap, forth and back, so that nothing moves."""
    from scipy.signal import butter, sosfiltfilt

    high = min(corners[1], MOST_CORNER * rate)
    sections = butter(2, (corners[0], high), "bandpass", fs=rate, output="sos")
    out = np.full_like(values, np.nan)
    for row, one in zip(out, values):
        known = np.isfinite(one)
        cuts = np.flatnonzero(np.diff(known, prepend=False, append=False))
        for first, stop in zip(cuts[::2], cuts[1::2]):
            if stop - first > 24:  # as many as the filter needs to begin and to end
                row[first:stop] = sosfiltfilt(sections, one[first:stop] - one[first:stop].mean())
    return out
