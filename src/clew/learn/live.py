"""Detection while a recording grows: the same events as of the finished one, as soon as nothing can change them."""

from __future__ import annotations

import numpy as np

from clew.errors import DataError, check
from clew.learn.detect import Detector, Scan
from clew.learn.events import Event
from clew.measure.window_stream import stream_windows
from clew.read.recording import Recording


class Live:
    """A model that listens to recordings while they grow.

    A window is taken once no sample that comes can change it: when all that its filter hears is there.

    Parameters
    ----------
    detector : Detector

    Attributes
    ----------
    scans : dict of str to Scan
        The way along each recording, by its name.

    Raises
    ------
    DataError
        If the model compares stations, which come at different times.
    """

    def __init__(self, detector: Detector) -> None:
        check(
            not detector.plan.network,
            DataError,
            "A model that listens live must do without other stations. Got one that compares stations.",
        )
        self.detector = detector
        self.scans: dict[str, Scan] = {}

    def delay(self, rate: float) -> float:
        """Return how long after its end a window is known, in s."""
        return self.detector.plan.reach(rate)[1] / rate

    def memory(self) -> float:
        """Return how much of a recording must be held before what has come of it, in s."""
        plan = self.detector.plan
        slowest = float(np.min(self.detector.forest.measure["rate"]))
        return plan.window + plan.step + sum(plan.reach(slowest)) / slowest

    def grow(self, recording: Recording) -> list[Event]:
        """Take a recording as far as it has come; return the events that ended.

        Parameters
        ----------
        recording : Recording
            It may have forgotten what was there longer ago than `memory`.

        Raises
        ------
        DataError
            If it does not fit the model.
        """
        if recording.name not in self.scans:
            self.detector.check_sensor(recording)
            self.scans[recording.name] = Scan(self.detector, recording)
        scan = self.scans[recording.name]
        scan.recording = recording
        return self._take(scan, recording.n - self.detector.plan.reach(recording.rate)[1])

    def close(self) -> list[Event]:
        """Return the events that were still open, now that nothing comes any more."""
        return [
            event
            for scan in self.scans.values()
            for event in [*self._take(scan, scan.recording.n), *scan.finish()]
        ]

    def _take(self, scan: Scan, stop: int) -> list[Event]:
        blocks = stream_windows(scan.recording, plan=self.detector.plan, first=scan.next, stop=stop)
        return [event for block in blocks for event in scan.take(block)]
