"""A picking net along recordings of any length, and many of them: arrivals with their probability, in constant memory."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, Protocol

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice, did_you_mean
from clew.measure.pick_checks import doubts
from clew.measure.picks import Detections, Picks
from clew.neural.ground import SHORTEST, Ground, Missing, fit, grounds_of, passing_of, resampling_of
from clew.neural.picking_net import DETECTION, NOISE, PickingNet, Stacking
from clew.neural.stacking import Peak, Picker, Stack, n_windows, window_starts
from clew.read.recording import Recording
from clew.result import Result
from clew.words import listed

OnProgress = Callable[[int, int], bool | None]
THRESHOLD = 0.3  # of a label for which the model says none
DECIDED_BY = ("clew", "numpy", "scipy")  # whose versions stand with the picks, beside those of the engine


class Answers(Protocol):
    """What asks the net: `clew.neural.picking_engine.Engine` does."""

    name: str
    versions: dict[str, str]
    batch: int

    def answer(self, x: np.ndarray, /) -> np.ndarray:
        """Return the probabilities (n, n_labels, window) of windows (n, n_components, window), both float32."""
        ...


@dataclass(frozen=True)
class Found:
    """A pick, or a detection, as JSON can keep it.

    Parameters
    ----------
    recording, station, label : str
        The label is a phase, or "Detection".
    time, start, end : float
        When the probability is highest, reaches the threshold, and falls below half of it; in s as `Recording.time` has it.
    probability : float
    uncertainty : float
        In s.
    dated : bool
    """

    recording: str
    station: str
    label: str
    time: float
    start: float
    end: float
    probability: float
    uncertainty: float
    dated: bool


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Curves(Result):
    """What a net says at each moment of a part of a recording.

    Parameters
    ----------
    labels : list of str
    probability : ndarray of float32, shape (n_labels, n_samples)
        NaN where it says nothing: in gaps, and where ends are blind.
    rate : float
        In Hz.
    start : float
        The time of the first sample, in s as the recording has it.
    notes : list of str
    """

    labels: list[str]
    probability: np.ndarray
    rate: float
    start: float
    notes: list[str] = dataclasses.field(default_factory=list)

    def headline(self) -> str:
        """Say what it is of."""
        return f"probabilities of {listed(self.labels)} over {self.probability.shape[1] / self.rate:g} s"


class Scanner:
    """A net and all that decides what it finds in recordings.

    Parameters
    ----------
    model : PickingNet
    overlap : int or float, optional
        What a window shares with the next: samples, or below 1 a share of the window; as the model says by default.
    stacking : {"mean", "max"}, optional
        How the answers of windows that overlap become one; as the model says by default.
    blinding : two ints, optional
        Samples at both ends of a window whose answers do not count; as the model says by default. So many samples are not
        answered at the ends of each run without a gap, unless it is shorter than a window.
    thresholds : mapping of str to float, optional
        For labels for which the model's own, or 0.3, do not suit.
    missing : {"zeros", "copy", "refuse"}
        What stands for a component that is not there: nothing, the first that is there, or an error.
    shortest : float
        Runs without a gap that are shorter are left out, in s. Those shorter than a window are padded with zeros, which makes
        their picks less sure; SeisBench leaves all of these out.

    Raises
    ------
    SettingError
        If a setting is out of range, or a label unknown.
    """

    def __init__(
        self,
        model: PickingNet,
        *,
        overlap: float | None = None,
        stacking: Stacking | None = None,
        blinding: Sequence[int] | None = None,
        thresholds: Mapping[str, float] | None = None,
        missing: Missing = "zeros",
        shortest: float = SHORTEST,
    ) -> None:
        window = model.window
        given = model.overlap if overlap is None else overlap
        shared = round(given * window) if 0 < given < 1 else given
        check(shared == int(shared) and 0 <= shared < window, SettingError, "The 'overlap' of picking must be from 0 to {} samples, or a share below 1. Got {} instead.", window - 1, given)  # fmt: skip
        self.model, self.overlap, self.missing = model, int(shared), missing
        self.stacking: Stacking = model.stacking if stacking is None else stacking
        check_choice(self.stacking, ("mean", "max"), what="'stacking' setting", of="picking")
        check_choice(missing, ("zeros", "copy", "refuse"), what="'missing' setting", of="picking")
        check(0 < shortest < math.inf, SettingError, "The 'shortest' of picking must be above 0 s. Got {} instead.", shortest)  # fmt: skip
        self.shortest = float(shortest)
        self.blinding = [int(one) for one in (model.blinding if blinding is None else blinding)]
        blind = self.blinding
        check(len(blind) == 2 and min(blind) >= 0 and sum(blind) < window, SettingError, "The 'blinding' of picking must be two numbers of samples, together below the {} of a window. Got {} instead.", window, blind)  # fmt: skip
        picked = [one for one in model.labels if one != NOISE]
        for label, value in (thresholds or {}).items():
            check(label in picked, SettingError, "The 'thresholds' of picking must be of {}. Got '{}' instead.{}", listed(picked), label, did_you_mean(label, picked))  # fmt: skip
            check(0 < value <= 1, SettingError, "The threshold of '{}' must be a probability above 0 and not above 1. Got {} instead.", label, value)  # fmt: skip
        own = {one: float(model.thresholds.get(one, THRESHOLD)) for one in picked}
        self.thresholds = own | {one: float(value) for one, value in (thresholds or {}).items()}

    def check(self, recording: Recording) -> None:
        """Refuse a recording that does not fit the model.

        Raises
        ------
        DataError
            If none of the components is there, one is missing and that is refused, or the rate is out of reach.
        SettingError
            If the rate does not hold the model's filter.
        """
        fit(self.model, recording, missing=self.missing)
        resampling_of(recording.rate, self.model.rate)
        passing_of(self.model.filter, recording.rate)

    def settings(self, engine: Answers) -> dict[str, Any]:
        """Return all that decides the picks, as it stands with them."""
        model = self.model
        packages = {name: version(name) for name in DECIDED_BY}
        return {
            "model": model.architecture,
            "model_sha256": model.sha256,
            "origin": dict(model.origin),
            "rate": model.rate,
            "window": model.window,
            "components": model.components,
            "norm": model.norm,
            "filter": dict(model.filter),
            "overlap": self.overlap,
            "stacking": self.stacking,
            "blinding": list(self.blinding),
            "thresholds": dict(self.thresholds),
            "missing": self.missing,
            "shortest": self.shortest,
            "engine": engine.name,
            "versions": packages | dict(engine.versions),
        }

    def stack(self, at: int = 0) -> Stack:
        """Return an empty curve."""
        return Stack(
            len(self.model.labels),
            self.model.window,
            stacking=self.stacking,
            blinding=self.blinding,
            at=at,
        )

    def windows(self, recordings: Sequence[Recording]) -> int:
        """Return about how many windows recordings have: so many, if they are without gaps."""
        rate, window = self.model.rate, self.model.window
        return sum(n_windows(math.ceil(one.duration * rate), window, self.overlap) for one in recordings)

    # ---- along recordings ----
    def walk(
        self,
        recordings: Sequence[Recording],
        engine: Answers,
        *,
        batch_size: int = 64,
        begun: Mapping[str, Mapping[str, Any]] | None = None,
        on_progress: OnProgress | None = None,
    ) -> Iterator[tuple[Scan, list[Found]]]:
        """Go along recordings one after another, and tell after each batch of windows how far it is and what was found.

        Batches run on across gaps, and from one recording to the next.

        Parameters
        ----------
        recordings : sequence of Recording
            Of different names; all fit the model.
        engine : Answers
        batch_size : int
            How many windows are asked together. It does not change the result.
        begun : mapping of str to dict, optional
            By the name of a recording, the last `Scan.state`, to go on from there.
        on_progress : callable, optional
            Takes the seconds of recordings that are done, and of all; returning False stops.

        Yields
        ------
        scan : Scan
            Whose `state` says how far it is.
        found : list of Found
            What was finished since it came the last time.

        Raises
        ------
        DataError
            If two recordings have one name.
        Stopped
            If ``on_progress`` said so; what was yielded holds.
        """
        check(batch_size >= 1, SettingError, "The 'batch_size' of picking must be at least 1. Got {} instead.", batch_size)  # fmt: skip
        names = [one.name for one in recordings]
        twice = next((one for one in names if names.count(one) > 1), None)
        check(twice is None, DataError, "The recordings to pick must have different names. Got '{}' twice.", twice)  # fmt: skip
        scans = [Scan(self, one, (begun or {}).get(one.name)) for one in recordings]
        total = math.ceil(sum(one.duration for one in recordings))
        past = sum(one.recording.duration for one in scans if one.done)  # s of recordings that are done
        shape = _whole(batch_size, engine.batch), len(self.model.components), self.model.window
        tasks = (task for scan in scans for task in scan.tasks())
        for batch, answers in _answered(_batches(tasks, shape[0]), engine, shape):
            found: dict[str, tuple[Scan, list[Found]]] = {}
            for one in batch:
                new = found.setdefault(one.scan.recording.name, (one.scan, []))[1]
                new += one.scan.take(one, next(answers) if one.track is not None else None)
            for scan, new in found.values():
                past += scan.recording.duration if scan.done else 0.0
                yield scan, new
            last = batch[-1].scan
            here = 0.0 if last.done else last.next / last.recording.rate
            if on_progress and on_progress(min(total, int(past + here)), total) is False:
                raise Stopped("Picking was stopped.")

    def result(
        self, found: Sequence[Found], engine: Answers, *, notes: Sequence[str] = (), **settings: Any
    ) -> Picks:
        """Put together what was found in several recordings, sorted by recording, time and label."""
        ordered = sorted(found, key=lambda one: (one.recording, one.time, one.label))
        picks = [one for one in ordered if one.label != DETECTION]
        spans = [one for one in ordered if one.label == DETECTION]
        detections = Detections(
            recording=np.array([one.recording for one in spans], str),
            station=np.array([one.station for one in spans], str),
            start=np.array([one.start for one in spans], np.float64),
            end=np.array([one.end for one in spans], np.float64),
            probability=np.array([one.probability for one in spans], np.float64),
            dated=np.array([one.dated for one in spans], bool),
        )
        return Picks(
            recording=np.array([one.recording for one in picks], str),
            station=np.array([one.station for one in picks], str),
            phase=np.array([one.label for one in picks], str),
            time=np.array([one.time for one in picks], np.float64),
            probability=np.array([one.probability for one in picks], np.float64),
            uncertainty=np.array([one.uncertainty for one in picks], np.float64),
            start=np.array([one.start for one in picks], np.float64),
            end=np.array([one.end for one in picks], np.float64),
            dated=np.array([one.dated for one in picks], bool),
            detections=detections if DETECTION in self.model.labels else None,
            model_sha256=self.model.sha256,
            notes=list(dict.fromkeys(notes)),
            settings=self.settings(engine) | settings,
        )


def _whole(batch_size: int, unit: int) -> int:
    """Return the first multiple of what an engine takes at once that is not below ``batch_size``."""
    return -(-batch_size // unit) * unit


@dataclass(frozen=True, eq=False)
class _Task:
    """One window to be asked; without a track it is the end of a recording in which none is left."""

    scan: Scan
    track: _Track | None = None
    start: int = 0
    last: bool = False  # of its run


def _batches(tasks: Iterator[_Task], size: int) -> Iterator[list[_Task]]:
    """Gather tasks until so many windows are to be asked."""
    batch: list[_Task] = []
    n = 0
    for one in tasks:
        batch.append(one)
        n += one.track is not None
        if n == size:
            yield batch
            batch, n = [], 0
    if batch:
        yield batch


def _answered(
    batches: Iterator[list[_Task]], engine: Answers, shape: tuple[int, ...]
) -> Iterator[tuple[list[_Task], Iterator[np.ndarray]]]:
    """Ask about batches of windows, and read the next one while a batch is computed."""
    turns = itertools.cycle([np.empty(shape, np.float32), np.empty(shape, np.float32)])
    asking: deque[tuple[list[_Task], Future[np.ndarray]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for batch, x in zip(batches, turns):
            asked = [one for one in batch if one.track is not None]
            for row, one in zip(x, asked):
                assert one.track is not None
                one.track.ground.read(one.start, row)
            asking.append((batch, pool.submit(engine.answer, x[: len(asked)])))
            if len(asking) == 2:
                done, answers = asking.popleft()
                yield done, iter(answers.result())
        for done, answers in asking:
            yield done, iter(answers.result())


class Scan:
    """The way along one recording.

    Parameters
    ----------
    scanner : Scanner
    recording : Recording
    state : mapping, optional
        As `state` gave it, to go on from there.

    Attributes
    ----------
    next : int
        Before this sample of the recording no picks are missing, but for one that has begun and not ended.
    done : bool
    notes : list of str
        What was padded, resampled and left out; known when its first window was asked.
    """

    def __init__(
        self, scanner: Scanner, recording: Recording, state: Mapping[str, Any] | None = None
    ) -> None:
        state = state or {}
        self.scanner, self.recording = scanner, recording
        self.next: int = state.get("next", 0)
        self.done: bool = state.get("done", False)
        self.notes: list[str] = list(state.get("notes", ()))
        self._run: int = state.get("run", 0)  # which is next
        self._at: int = state.get("at", 0)  # up to which of its samples the curve is done
        self._open: dict[str, list[float]] = dict(state.get("open", {}))

    def state(self) -> dict[str, Any]:
        """Return all that must be known to go on, as JSON keeps it."""
        return {
            "next": self.next,
            "done": self.done,
            "notes": list(self.notes),
            "run": self._run,
            "at": self._at,
            "open": {label: list(one) for label, one in self._open.items()},
        }

    def tasks(self) -> Iterator[_Task]:
        """Yield the windows that are to be asked, in order, and the end of the recording."""
        if self.done:
            return
        scanner = self.scanner
        grounds, self.notes = grounds_of(
            scanner.model, self.recording, missing=scanner.missing, shortest=scanner.shortest
        )
        begun = self._run, self._at, self._open
        for number, ground in enumerate(grounds[begun[0] :], start=begun[0]):
            at, open_ = begun[1:] if number == begun[0] else (0, {})
            track = _Track(scanner, ground, number, at, open_)
            starts = _starts(ground, scanner.overlap, at)
            for start in starts:
                yield _Task(self, track, start, last=start == starts[-1])
        yield _Task(self)

    def take(self, task: _Task, answer: np.ndarray | None) -> list[Found]:
        """Take the answer (n_labels, window) to a window; return what was finished with it."""
        if task.track is None or answer is None:
            self.done, self.next = True, self.recording.n
            return []
        found = task.track.add(task.start, answer, last=task.last)
        ground = task.track.ground
        if task.last:
            ground.forget()
            self._run, self._at, self._open, self.next = task.track.number + 1, 0, {}, ground.run.stop
        else:
            self._run, self._at, self._open = task.track.number, task.track.stack.at, task.track.open()
            self.next = int(ground.place(self._at))
        return found


def _starts(ground: Ground, overlap: int, at: int) -> Sequence[int]:
    """Return where windows begin that reach beyond sample ``at`` of a run."""
    if ground.padded:
        return [-ground.ahead]
    starts = window_starts(ground.n, ground.window, overlap)
    first = max(0, (at - ground.window) // (ground.window - overlap))
    return [one for one in starts[first : first + 2] if one + ground.window > at] + list(starts[first + 2 :])


class _Track:
    """What is held while the windows of one run come in: its curve, and the picks that have begun on it."""

    def __init__(
        self, scanner: Scanner, ground: Ground, number: int, at: int, open_: Mapping[str, list[float]]
    ) -> None:
        self.ground, self.number, self.stack = ground, number, scanner.stack(at)
        labels = scanner.model.labels
        self.pickers = [
            (labels.index(one), one, Picker(least, open_.get(one)))
            for one, least in scanner.thresholds.items()
        ]

    def add(self, start: int, answer: np.ndarray, *, last: bool) -> list[Found]:
        before = self.stack.at
        curve = self.stack.add(start, answer)
        found = self._picked(before, curve) if curve.shape[1] else []
        if last:
            before = self.stack.at
            found += self._picked(before, self.stack.close(self.ground.n))
            found += [self._found(label, peak) for _, label, one in self.pickers for peak in one.close()]
        return found

    def open(self) -> dict[str, list[float]]:
        return {label: one.state.tolist() for _, label, one in self.pickers if one.state.any()}

    def _picked(self, first: int, curve: np.ndarray) -> list[Found]:
        return [
            self._found(label, peak) for i, label, one in self.pickers for peak in one.add(first, curve[i])
        ]

    def _found(self, label: str, peak: Peak) -> Found:
        ground = self.ground
        recording, rate = ground.run.recording, ground.rate
        time, start, end = (ground.time(one) for one in (peak.at, peak.start, peak.end))
        return Found(
            recording.name,
            recording.station or recording.name,
            label,
            time,
            start,
            end,
            peak.probability,
            peak.spread / rate,
            recording.dated,
        )


# ---- what is called ----
def scan(
    model: PickingNet,
    recordings: Sequence[Recording],
    *,
    overlap: float | None = None,
    stacking: Stacking | None = None,
    blinding: Sequence[int] | None = None,
    thresholds: Mapping[str, float] | None = None,
    batch_size: int = 64,
    missing: Missing = "zeros",
    shortest: float = SHORTEST,
    engine: Literal["auto", "torch", "onnx"] | Answers = "auto",
    threads: int | None = None,
    on_progress: OnProgress | None = None,
) -> Picks:
    """Pick the arrivals in recordings with a net, in memory that does not grow with their length.

    Each recording is divided into its runs without a gap; windows that overlap go along each of them, the last one flush
    with its end, and of a run shorter than a window there is one, padded with zeros on both sides. Where windows overlap,
    their answers are stacked. A pick begins where the curve of a phase reaches its threshold, lies where it is highest,
    and ends where it falls below half of the threshold.

    Parameters
    ----------
    model : PickingNet
    recordings : sequence of Recording
        Of different names. Those that do not fit the model are left out, and said, unless none fits.
    overlap, stacking, blinding, thresholds, missing, shortest
        As for `Scanner`.
    batch_size : int
        How many windows are asked together, at least. It does not change the result.
    engine : {"auto", "torch", "onnx"} or Answers
        What computes: see `clew.neural.picking_engine.engine_of`.
    threads : int, optional
        How many windows are computed side by side; as many as there are cores by default. It does not change the result.
    on_progress : callable, optional
        Takes the seconds of recordings that are done, and of all; returning False stops.

    Returns
    -------
    Picks
        With the hash of the model, and in ``settings`` all that decided them, versions too.

    Raises
    ------
    DataError
        If no recording fits the model, or two have one name.
    SettingError
        If a setting is out of range.
    Stopped
        If ``on_progress`` said so.

    Notes
    -----
    Stacking of overlapping windows and thresholds as in Woollam et al., Seismol. Res. Lett. 93 (2022),
    doi:10.1785/0220210324.
    """
    scanner = Scanner(
        model, overlap=overlap, stacking=stacking, blinding=blinding, thresholds=thresholds, missing=missing,
        shortest=shortest,
    )  # fmt: skip
    fitting, notes = fitting_recordings(scanner, recordings)
    asks = the_engine(scanner, fitting, engine=engine, threads=threads)
    found: list[Found] = []
    scans: dict[str, Scan] = {}
    for one, new in scanner.walk(fitting, asks, batch_size=batch_size, on_progress=on_progress):
        scans[one.recording.name] = one
        found += new
    told = [note for one in scans.values() for note in one.notes]
    return with_doubts(scanner.result(found, asks, notes=[*notes, *told]), fitting)


def with_doubts(picks: Picks, recordings: Sequence[Recording]) -> Picks:
    """Add to the notes of picks of which recordings the components seem to be exchanged."""
    return dataclasses.replace(picks, notes=[*picks.notes, *doubts(picks, recordings)])


def fitting_recordings(
    scanner: Scanner, recordings: Sequence[Recording]
) -> tuple[list[Recording], list[str]]:
    """Return the recordings that fit a model, and why others do not.

    Raises
    ------
    DataError
        If none does.
    """
    check(len(recordings) > 0, DataError, "The recordings to pick must be at least one. Got none.")
    fitting, why = [], []
    for one in recordings:
        try:
            scanner.check(one)
            fitting.append(one)
        except (DataError, SettingError) as error:
            why.append(f"Left out: {error}")
            if len(why) == len(recordings):
                raise
    return fitting, why


def the_engine(
    scanner: Scanner,
    recordings: Sequence[Recording],
    *,
    engine: Literal["auto", "torch", "onnx"] | Answers = "auto",
    threads: int | None = None,
) -> Answers:
    """Return what asks the net of a scanner, for as many windows as recordings have."""
    if not isinstance(engine, str):
        return engine
    from clew.neural.picking_engine import engine_of

    windows = scanner.windows(recordings)
    made: Answers = engine_of(scanner.model, engine=engine, threads=threads, windows=windows)
    return made


def curves(
    model: PickingNet,
    recording: Recording,
    *,
    first: int = 0,
    stop: int | None = None,
    overlap: float | None = None,
    stacking: Stacking | None = None,
    blinding: Sequence[int] | None = None,
    missing: Missing = "zeros",
    engine: Literal["auto", "torch", "onnx"] | Answers = "torch",
    threads: int | None = None,
) -> Curves:
    """Return what a net says at each moment of a part of a recording: the curves in which `scan` finds its picks.

    Parameters
    ----------
    model : PickingNet
    recording : Recording
    first, stop : int
        Samples of the recording; all of it by default. Memory grows with the length.
    overlap, stacking, blinding, missing, engine, threads
        As for `scan`.

    Raises
    ------
    DataError
        If the recording does not fit the model.
    SettingError
        If a setting is out of range, or the part holds no sample of the recording.
    """
    last = recording.n if stop is None else stop
    check(0 <= first < last <= recording.n, SettingError, "The part of '{}' must lie within its {:,} samples. Got {} to {}.", recording.name, recording.n, first, last)  # fmt: skip
    scanner = Scanner(model, overlap=overlap, stacking=stacking, blinding=blinding, missing=missing)
    grounds, notes = grounds_of(model, recording, missing=missing)
    change = resampling_of(recording.rate, model.rate)
    factor = change.up / change.down if change else 1.0
    out = np.full((len(model.labels), math.ceil((last - first) * factor)), np.nan, np.float32)
    near = [one for one in grounds if one.run.first < last and one.run.stop > first]
    asks = the_engine(scanner, [recording], engine=engine, threads=threads) if near else None
    for ground in near:
        assert asks is not None
        a = max(0, ground.nearest(max(first, ground.run.first)))
        b = min(ground.n, ground.nearest(min(last, ground.run.stop) - 1) + 1)
        curve = _part(scanner, ground, asks, a, b)
        at = max(0, round((ground.place(a) - first) * factor))
        n = min(curve.shape[1], out.shape[1] - at)
        out[:, at : at + n] = curve[:, :n]
        ground.forget()
    rate = recording.rate * factor
    return Curves(
        labels=list(model.labels), probability=out, rate=rate, start=recording.time(first), notes=notes
    )


def _part(scanner: Scanner, ground: Ground, engine: Answers, a: int, b: int) -> np.ndarray:
    """Return the curve of a run from sample ``a`` up to ``b``."""
    stack = scanner.stack(a)
    starts = [one for one in _starts(ground, scanner.overlap, a) if one < b]
    pieces = []
    x = np.empty((engine.batch, len(scanner.model.components), ground.window), np.float32)
    for i in range(0, len(starts), len(x)):
        these = starts[i : i + len(x)]
        for row, start in zip(x, these):
            ground.read(start, row)
        pieces += [stack.add(start, one) for start, one in zip(these, engine.answer(x[: len(these)]))]
    pieces.append(stack.close(max(b, stack.at)))
    return np.concatenate(pieces, axis=1)[:, : b - a]
