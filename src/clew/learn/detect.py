"""Detection: a model goes along recordings window by window, however long they are, and says what happened when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.learn.events import Event, EventMerger, Events, Span, classes_left_out
from clew.learn.forest import Forest
from clew.learn.window_model import Way, WindowModel, blocks_of
from clew.measure.window_stream import WindowBlock
from clew.read.recording import Recording
from clew.result import step

OnProgress = Callable[[int, int], bool | None]


class Detector(WindowModel):
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
        super().__init__(forest)
        self.threshold, self.join = threshold, join
        self.ignore, self.notes = classes_left_out(forest.classes, ignore)

    def result(self, scans: Sequence[Scan], events: Sequence[Event], notes: Sequence[str] = ()) -> Events:
        """Put together what was found in several recordings."""
        windows: Counter[str] = Counter(dict.fromkeys(self.forest.classes, 0))
        left_out: Counter[str] = Counter()
        for scan in scans:
            windows.update(scan.windows)
            left_out.update(scan.left_out)
        return Events.of(
            events,
            classes=self.forest.classes,
            windows=dict(windows),
            left_out=dict(left_out),
            clipped=sum(scan.clipped for scan in scans),
            notes=[*notes, *self.notes, *self.remarks(scans)],
        )


class Scan(Way):
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
        super().__init__(detector, recording, state)
        self.detector = detector
        forest, plan, rate, state = detector.forest, detector.plan, recording.rate, state or {}
        self.next: int = state.get("next", 0)  # no window that starts before this sample was not taken
        self.done: bool = state.get("done", False)
        self.windows: Counter[str] = Counter(state.get("windows", {}))
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
            **super().state(),
            "next": self.next,
            "done": self.done,
            "windows": dict(self.windows),
            "merger": self.merger.state(),
        }

    def classify(self, block: WindowBlock) -> tuple[np.ndarray, np.ndarray]:
        """Return which windows can be used, bool (w,), and the probability of each class, float64 (w, n_classes), else NaN."""
        forest = self.detector.forest
        usable, known = self.measured(block)
        probability = np.full((len(usable), len(forest.classes)), np.nan)
        if usable.any():
            probability[usable] = forest.predict(known).probability
            self.windows.update(np.array(forest.classes)[probability[usable].argmax(axis=1)].tolist())
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
        if not scan.done:
            for block in blocks_of(detector, scan.recording, recordings, first=scan.next):
                yield scan, scan.take(block)
                done += len(block.first)
                if on_progress is not None and on_progress(done, total) is False:
                    raise Stopped("Stopped; no events were written.")
            yield scan, scan.finish()
        else:
            yield scan, []


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
