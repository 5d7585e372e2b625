"""Detection: a model goes along recordings window by window, however long they are, and says what happened when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.learn.events import Event, EventMerger, Events, Span, classes_left_out
from clew.learn.forest import Forest
from clew.measure.measured import counted
from clew.measure.window_plan import WindowPlan
from clew.measure.window_stream import WindowBlock, stream_windows
from clew.read.recording import Recording, spell_seconds
from clew.result import step

OnProgress = Callable[[int, int], bool | None]
UNDEFINED = "undefined"  # a measurement of a window that the model asks for
FAR_OUT = 0.05  # of the windows beyond what was seen in training, from which on that is said of a measurement
SAID = 5  # measurements of which it is said


class Detector:
    """A model for windows, and how the events are made of what it says.

    Parameters
    ----------
    forest : Forest
        Trained on windows of recordings.
    threshold : float, optional
        Windows whose class is less probable make no event; see `EventMerger`.
    join : float
        Events of one class are one where so many s of windows that are none lie between.
    ignore : sequence of str, optional
        The classes that are no events; by default those that are called so ("noise", "silence", ...).

    Raises
    ------
    DataError
        If the model is none for windows, or tells no classes apart.
    SettingError
        If a setting is out of range, or no class is left.
    """

    def __init__(
        self,
        forest: Forest,
        *,
        threshold: float | None = None,
        join: float = 0.0,
        ignore: Sequence[str] | None = None,
    ) -> None:
        check(
            forest.measure.get("kind") == "signal" and bool(forest.classes),
            DataError,
            "The model that detects events must be trained on classes of windows of recordings. Got {}.",
            forest.headline(),
        )
        check(
            threshold is None or 0 <= threshold <= 1,
            SettingError,
            "The 'threshold' of predict must be a probability, from 0 to 1. Got {}.",
            threshold,
        )
        check(0 <= join < np.inf, SettingError, "The 'join' of predict must be at least 0 s. Got {}.", join)
        self.forest, self.threshold, self.join = forest, threshold, join
        self.ignore, self.notes = classes_left_out(forest.classes, ignore)
        self.plan = WindowPlan.from_settings(forest.measure["plan"])

    def n_windows(self, recording: Recording) -> int:
        """Return how many windows there are in a recording, give or take the first: they begin at whole steps."""
        spare = recording.duration - self.plan.window
        return int(spare / self.plan.step) + 1 if spare >= 0 else 0

    def check(self, recording: Recording) -> None:
        """Refuse a recording that does not fit the model, or is shorter than one window.

        Raises
        ------
        DataError
            As `WindowPlan.rows_in`: if it lacks a component, has another unit, or is too slow for the spectra.
        """
        self.plan.rows_in(recording)
        check(
            recording.n >= self.plan.n(recording.rate),
            DataError,
            "The recording '{}' must be as long as one window of the model ({}). Got {}.",
            recording.name,
            spell_seconds(self.plan.window),
            spell_seconds(recording.duration),
        )

    def result(self, scans: Sequence[Scan], events: Sequence[Event], notes: Sequence[str] = ()) -> Events:
        """Put together what was found in several recordings."""
        windows: Counter[str] = Counter(dict.fromkeys(self.forest.classes, 0))
        left_out: Counter[str] = Counter()
        for scan in scans:
            windows.update(scan.windows)
            left_out.update(scan.left_out)
        outside = np.sum([scan.outside for scan in scans], axis=0) if scans else np.zeros(0)
        told = self._unlike(outside, sum(windows.values()))
        return Events.of(
            events,
            classes=self.forest.classes,
            windows=dict(windows),
            left_out=dict(left_out),
            notes=[*notes, *self.notes, *told],
        )

    def _unlike(self, outside: np.ndarray, n: int) -> list[str]:
        """Say which measurements lie outside of what was seen in training: there a forest only guesses."""
        worst = [i for i in np.argsort(-outside, kind="stable") if outside[i] > max(FAR_OUT * n, 1)]
        names = self.forest.feature_names
        told = [f"{names[i]} ({int(outside[i]):,} of {counted(n, 'window')})" for i in worst[:SAID]]
        more = f" and {len(worst) - SAID} more" if len(worst) > SAID else ""
        return (
            [f"Unlike the training rows, so the answer is a guess: {', '.join(told)}{more}."] if told else []
        )


class Scan:
    """The way along one recording: takes its windows in order, in any pieces, and gives events as they end.

    Parameters
    ----------
    detector : Detector
    recording : Recording
    state : dict, optional
        As `state` gave it, to go on from there.
    """

    def __init__(
        self, detector: Detector, recording: Recording, state: Mapping[str, Any] | None = None
    ) -> None:
        self.detector, self.recording = detector, recording
        forest, plan, rate = detector.forest, detector.plan, recording.rate
        names = list(plan.features(rate).names)
        absent = [name for name in forest.feature_names if name not in names]
        check(
            not absent,
            DataError,
            "The windows of '{}' must be measured as the model's were. Got none of: {}.",
            recording.name,
            ", ".join(absent[:SAID]),
        )
        self.columns = [names.index(name) for name in forest.feature_names]
        state = state or {}
        self.next: int = state.get("next", 0)  # no window that starts before this sample was not taken
        self.done: bool = state.get("done", False)
        self.windows: Counter[str] = Counter(state.get("windows", {}))
        self.left_out: Counter[str] = Counter(state.get("left_out", {}))
        self.outside = np.array(state.get("outside", [0] * len(self.columns)), np.int64)
        self.merger = EventMerger(
            forest.classes,
            length=plan.n(rate),
            step=round(plan.step * rate),
            ignore=detector.ignore,
            threshold=detector.threshold,
            gap=round(detector.join * rate),
            state=state.get("merger"),
        )

    def state(self) -> dict[str, Any]:
        """Return all that must be known to go on, as JSON keeps it."""
        return {
            "next": self.next,
            "done": self.done,
            "windows": dict(self.windows),
            "left_out": dict(self.left_out),
            "outside": self.outside.tolist(),
            "merger": self.merger.state(),
        }

    @property
    def n(self) -> int:
        """Return how many windows were taken."""
        return self.windows.total() + self.left_out.total()

    def classify(self, block: WindowBlock) -> tuple[np.ndarray, np.ndarray]:
        """Return which windows can be used, bool (w,), and the probability of each class, float64 (w, n_classes), else NaN."""
        forest = self.detector.forest
        features = block.features[:, self.columns]
        usable = block.usable & np.isfinite(features).all(axis=1)
        probability = np.full((len(usable), len(forest.classes)), np.nan)
        if usable.any():
            known = features[usable]
            probability[usable] = forest.predict(known).probability
            low, high = forest.feature_range.T
            self.outside += ((known < low) | (known > high)).sum(axis=0)
            self.windows.update(np.array(forest.classes)[probability[usable].argmax(axis=1)].tolist())
        self.left_out.update(why or UNDEFINED for why, good in zip(block.why, usable.tolist()) if not good)
        return usable, probability

    def take(self, block: WindowBlock) -> list[Event]:
        """Take the next windows; return the events that are finished with them."""
        usable, probability = self.classify(block)
        self.next = int(block.first[-1]) + 1
        return self._events(self.merger.push(block.first, probability, usable))

    def finish(self) -> list[Event]:
        """Return the event that is still open at the end of the recording, if there is one."""
        self.done = True
        return self._events(self.merger.flush())

    def _events(self, spans: list[Span]) -> list[Event]:
        one = self.recording
        return [
            Event(
                recording=one.name,
                station=one.station or one.name,
                start=one.time(span.first),
                end=one.time(span.stop),
                label=span.label,
                probability=span.probability,
                highest=span.highest,
                n_windows=span.n_windows,
                dated=one.dated,
            )
            for span in spans
        ]


def walk(
    detector: Detector,
    recordings: Sequence[Recording],
    *,
    begun: Mapping[str, Mapping[str, Any]] | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[tuple[Scan, list[Event]]]:
    """Go along recordings, one after the other; yield after every block of windows the events that ended in it.

    Parameters
    ----------
    detector : Detector
    recordings : sequence of Recording
    begun : mapping of str to dict
        By recording, the `Scan.state` of an earlier run to go on from.
    on_progress : callable, optional
        Takes the numbers of windows done and in all; returning False stops.

    Raises
    ------
    DataError
        If a recording does not fit the model.
    Stopped
        If ``on_progress`` said so.
    """
    for recording in recordings:
        detector.check(recording)
    scans = [Scan(detector, one, (begun or {}).get(one.name)) for one in recordings]
    done, total = sum(scan.n for scan in scans), sum(map(detector.n_windows, recordings))
    for scan in scans:
        recording = scan.recording
        others = [one for one in recordings if _comparable(one, recording)]
        if not scan.done:
            for block in stream_windows(recording, plan=detector.plan, first=scan.next, neighbours=others):
                yield scan, scan.take(block)
                done += len(block.first)
                if on_progress is not None and on_progress(done, total) is False:
                    raise Stopped("Stopped; no events were written.")
            yield scan, scan.finish()
        else:
            yield scan, []


def _comparable(one: Recording, other: Recording) -> bool:
    """Tell whether two recordings are of different stations, at the same times and rate."""
    return one.station != other.station and one.rate == other.rate and one.dated and other.dated


@step(sees="nothing")
def detect(
    forest: Forest,
    recordings: Sequence[Recording],
    *,
    threshold: float | None = None,
    join: float = 0.0,
    ignore: list[str] | None = None,
    on_progress: OnProgress | None = None,
) -> Events:
    """Find events in recordings: windows are classified one after the other, and neighbours of one class put together.

    Memory does not grow with the length of the recordings.

    Parameters
    ----------
    forest : Forest
        Trained on windows of recordings.
    recordings : sequence of Recording
    threshold : float, optional
        Windows whose class is less probable make no event. Without it a window is of its most probable class; with it, of
        the most probable class that is an event, if that reaches the threshold.
    join : float
        Events of one class are one where so many s of windows that are none lie between.
    ignore : list of str, optional
        The classes that are no events; by default those that are called so ("noise", "silence", ...).
    on_progress : callable, optional
        Takes the numbers of windows done and in all; returning False stops.

    Raises
    ------
    DataError
        If the model is none for windows, or a recording does not fit it.
    SettingError
        If a setting is out of range, or no class is left.
    Stopped
        If ``on_progress`` said so.
    """
    detector = Detector(forest, threshold=threshold, join=join, ignore=ignore)
    check(recordings, DataError, "The recordings of detect must be at least one. Got none.")
    events: list[Event] = []
    scans: dict[str, Scan] = {}
    for scan, found in walk(detector, recordings, on_progress=on_progress):
        events += found
        scans[scan.recording.name] = scan
    return detector.result(list(scans.values()), events)
