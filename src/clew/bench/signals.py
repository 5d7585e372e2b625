"""Windows, measurements, triggers and detection beside ObsPy and a loop: time, memory, and how far the answers agree."""

from __future__ import annotations

import importlib
import io
import itertools
import tempfile
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from clew.bench.timing import Quality, Side, Sides, Work

RATE, WINDOW, COMPONENTS = 100.0, 10.0, 3
HOUR, DAY = 3600.0, 86400.0
WINDOWS = int(DAY / WINDOW)  # of a day
PART = 360  # windows that the loop measures: an hour; its seconds count 24 times
BLOCK = 256
JUDGED = 60  # windows, the first ones; of a file those behind
SETTLED = 3  # windows, behind which the loop's filter has forgotten where its hour began
HIGHPASS, HIGHEST = 1.0, 40.0  # Hz
BEGAN = 1_700_006_400.0  # a midnight
OBSPY = ("obspy",)


def works() -> list[Work]:
    """Return the rows of ``clew bench signals``.

    A station-day is simulated (`clew.simulate.signals`, seed 0): 3 components at 100 Hz, cut into 8,640 windows of 10 s. The
    rival measures the same features of the same windows, filtered and levelled alike, by ObsPy, scipy.signal and scipy.stats
    in a Python loop, as a good user would: what is the same for all windows is made once, and windows are slices of one
    array, since `Stream.slide` is slower. It runs on one thread, over an hour, and its seconds count 24 times. To detect,
    both measure the vertical and what takes three components. Files lie in the temporary folder.
    """
    day = f"{WINDOWS:,} windows of 10 s, 3 components, 100 Hz"
    loop = "ObsPy + scipy in a Python loop, one thread"
    return [
        Work("measure-day", f"{day}: the measurements alone", _measuring, loop, OBSPY),
        Work(
            "station-day", f"{day}: miniSEED read, filtered at 1 Hz, cut, measured", _station_day, loop, OBSPY
        ),
        Work("trigger-day", "recursive STA/LTA over a day at 100 Hz", _triggers, "ObsPy", OBSPY),
        Work("detect-day", f"{day}: read, classified, merged to events", partial(_detection, 1), loop, OBSPY),
        Work("detect-week", "the same, of a week", partial(_detection, 7), on_request=True),
        Work("detect-month", "the same, of 30 days", partial(_detection, 30), on_request=True),
    ]


class StationDay:
    """A simulated day of one station; seed 0.

    Parameters
    ----------
    days : int
        The day is repeated so often, with later times, where files are written.
    """

    HOURS = 24

    def __init__(self, days: int = 1) -> None:
        self.days = days
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "XX.SIM.mseed"

    @cached_property
    def hour(self) -> np.ndarray:
        """Return an hour of counts, int32 (3, n)."""
        from clew.simulate.signals import sensor_network

        made = sensor_network(
            hours=1.0, stations=1, rate=RATE, earthquakes=4, jumps=4, trains=1, winds=1, random_state=0
        )
        return made.waveforms[0].astype(np.int32)

    def windows(self, n: int) -> np.ndarray:
        """Return windows of the hour over and over, each turned on a little so that all differ; float64 (n, 3, 1000)."""
        size = int(WINDOW * RATE)
        hour = self.hour.astype(np.float64)
        firsts = (np.arange(n) * (size + 37)) % (hour.shape[1] - size)
        return np.stack([hour[:, first : first + size] for first in firsts])

    def write(self) -> Path:
        """Write the recording as miniSEED, hour by hour."""
        from clew.read.miniseed_writer import write_miniseed

        piece = self.path.with_suffix(".piece")
        with open(self.path, "wb") as file:
            for hour in range(self.HOURS * self.days):
                write_miniseed(
                    piece,
                    np.roll(self.hour, hour * 1_237, axis=1),
                    network="XX",
                    station="SIM",
                    location="",
                    channels=("HHZ", "HHN", "HHE"),
                    rate=RATE,
                    start=BEGAN + hour * HOUR,
                )
                file.write(piece.read_bytes())
        piece.unlink()
        return self.path

    # ---- ours ----
    def measured(self, i: int) -> np.ndarray:
        """Measure all windows, in the blocks in which recordings are measured."""
        from clew.measure.waveforms import measure_waveforms

        live = np.ones((BLOCK, COMPONENTS), bool)
        blocks = (self.block[j : j + BLOCK] for j in range(0, WINDOWS, BLOCK))
        return np.concatenate(
            [
                measure_waveforms(block, live[: len(block)], rate=RATE, of=(0, 1, 2), three=(0, 1, 2))
                for block in blocks
            ]
        )

    @cached_property
    def block(self) -> np.ndarray:
        """Return all windows of a day, float64 (8640, 3, 1000)."""
        return self.windows(WINDOWS)

    def station_day(self, i: int) -> Any:
        """Read, filter, cut and measure a day, as ``clew new`` does."""
        from clew.measure.windows import measure_windows
        from clew.read.recordings import read_recordings

        read = read_recordings([self.path])
        return measure_windows(
            read.recordings, window=WINDOW, highpass=HIGHPASS, components="each", highest=HIGHEST
        ).samples

    @cached_property
    def model(self) -> Any:
        """Return a classifier that learnt from simulated windows: silence, jumping, earthquake, train."""
        from clew.learn.signals import SignalClassifier
        from clew.read.recording import recording_of
        from clew.simulate.signals import simulated_windows

        windows, labels = simulated_windows(n_each=40, window=WINDOW, rate=RATE, random_state=1)
        pieces = [
            recording_of(one, rate=RATE, name=f"piece {i}", unit="counts") for i, one in enumerate(windows)
        ]
        return SignalClassifier(window=WINDOW, highpass=HIGHPASS, highest=HIGHEST).fit(pieces, list(labels))

    def detected(self, i: int) -> Any:
        """Find the events in the recording, as ``clew predict`` does."""
        from clew.learn.detect import detect
        from clew.read.recordings import read_recordings

        return detect(self.model.forest_, read_recordings([self.path]).recordings, ignore=["silence"])

    # ---- the loop ----
    def loop(self, i: int) -> list[dict[str, float]]:
        """Measure the windows of an hour, one after the other."""
        from clew.bench.signal_rivals import rival_features

        return [rival_features(window, RATE) for window in self.block[:PART]]

    def judge(self, outcomes: list[Any]) -> Quality:
        """Tell how far measurements lie from the loop's at most, relative to them, or to 0.001 where they are smaller."""
        truth, table = (_table(one)[:JUDGED] for one in (self.loop(0)[:JUDGED], outcomes[-1]))
        return _off_loop(table, truth)

    def judge_file(self, outcomes: list[Any]) -> Quality:
        """Tell the same of a file, for windows of its first hour."""
        hour = slice(SETTLED, SETTLED + JUDGED)
        if not hasattr(outcomes[-1], "features"):
            return _off_loop(*[_table(one)[hour] for one in (outcomes[-1], self.looped_hour(0))])
        samples = outcomes[-1]
        truth = [[one[name] for name in samples.feature_names] for one in self.looped_hour(0)[hour]]
        return _off_loop(samples.features[hour], np.array(truth))

    def looped_hour(self, i: int, components: Sequence[str] = ("Z", "N", "E")) -> list[dict[str, float]]:
        """Read an hour by ObsPy, filter it, and measure its windows."""
        from clew.bench.signal_rivals import rival_features

        return [
            rival_features(window, RATE, highest=HIGHEST, components=components, three=True)
            for window in self._hour_by_obspy()
        ]

    @cached_property
    def forest(self) -> Any:
        """Return scikit-learn's forest that learnt from what ours learnt from."""
        from sklearn.ensemble import RandomForestClassifier

        learnt = self.model.samples_
        return RandomForestClassifier(100, random_state=0).fit(learnt.features, learnt.labels)

    def looped_detection(self, i: int) -> list[tuple[str, int]]:
        """Read, filter, measure and classify an hour; return the runs of windows of one class that is not silence."""
        names = self.model.samples_.feature_names
        table = np.array([[one[name] for name in names] for one in self.looped_hour(i, ("Z",))])
        runs = [(label, len(list(run))) for label, run in itertools.groupby(self.forest.predict(table))]
        return [one for one in runs if one[0] != "silence"]

    def _hour_by_obspy(self) -> np.ndarray:
        from scipy.signal import detrend

        obspy = importlib.import_module("obspy")
        with open(self.path, "rb") as file:
            head = file.read(self.path.stat().st_size // (self.HOURS * self.days))
        stream = obspy.read(io.BytesIO(head), format="MSEED").merge()
        stream.filter("highpass", freq=HIGHPASS, zerophase=True)
        values = np.stack([stream.select(component=name)[0].data for name in "ZNE"])
        size = int(WINDOW * RATE)
        n = values.shape[1] // size
        return detrend(values[:, : n * size].reshape(COMPONENTS, n, size)).swapaxes(0, 1)


def _measuring() -> Sides:
    data = StationDay()
    data.block  # noqa: B018  (made before anything is timed)
    return Sides(Side(data.measured), _hourly(data.loop), data.judge)


def _station_day() -> Sides:
    data = StationDay()
    data.write()
    return Sides(Side(data.station_day), _hourly(data.looped_hour), data.judge_file)


def _detection(days: int) -> Sides:
    data = StationDay(days)
    data.write()
    data.model  # noqa: B018
    if days == 1:
        data.forest  # noqa: B018
        return Sides(Side(data.detected), _hourly(data.looped_detection))
    return Sides(Side(data.detected, runs=1, fixed=True, warm=lambda: None))


def _table(measured: Any) -> np.ndarray:
    """Return measurements as an array, (n_windows, n_features)."""
    return np.array([list(one.values()) if isinstance(one, dict) else one for one in measured])


def _off_loop(table: np.ndarray, truth: np.ndarray) -> Quality:
    """Tell how far a table lies from another at most, relative to it, or to 0.001 where it is smaller."""
    return {"off_loop": float((np.abs(table - truth) / np.maximum(np.abs(truth), 1e-3)).max())}


def _hourly(run: Any) -> Side:
    return Side(run, times=24, of="an hour")


def _triggers() -> Sides:
    from clew.kernels.triggers import recursive_sta_lta

    obspy = importlib.import_module("obspy.signal.trigger")
    trace = np.tile(StationDay().hour[0], 24).astype(np.float64)
    n_sta, n_lta = int(0.5 * RATE), int(10 * RATE)

    def judge(outcomes: list[np.ndarray]) -> Quality:
        theirs = obspy.recursive_sta_lta(trace, n_sta, n_lta)
        return {"off_obspy": float(np.abs(outcomes[-1] - theirs).max())}

    return Sides(
        Side(lambda i: recursive_sta_lta(trace, n_sta, n_lta)),
        Side(lambda i: obspy.recursive_sta_lta(trace, n_sta, n_lta)),
        judge,
    )
