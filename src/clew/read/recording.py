"""`Recording`: what one sensor wrote, at one rate, component by component; read a piece at a time, however long it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Protocol

import numpy as np

from clew.errors import DataError, check

DAY = 86400.0


class Readable(Protocol):
    """Samples in order, anywhere: in a file, in an array."""

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first,); NaN where unknown."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """Samples that are held in memory.

    Parameters
    ----------
    values : ndarray, shape (n,)
    """

    values: np.ndarray

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64."""
        return np.asarray(self.values[first:stop], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A run of samples of one channel without a break.

    Parameters
    ----------
    start : float
        The time of the first sample, in s: since 1970-01-01 UTC, or since the start of the recording where nothing is dated.
    n : int
        The number of samples.
    data : Readable
        Where they are.
    offset : int
        The place of the first of them in ``data``.
    source : str
        The name of the file.
    """

    start: float
    n: int
    data: Readable
    offset: int = 0
    source: str = ""

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop`` of this stretch, float64."""
        return self.data.read(self.offset + first, self.offset + stop)


@dataclass(frozen=True, eq=False)
class Channel:
    """One component of a sensor.

    Parameters
    ----------
    component : str
        "Z", "N", "E", "1", "x", "pressure", ...: what tells it from the others of the sensor; upper case for seismometers.
    stretches : tuple of Stretch
        In the order of time; they may overlap, and there may be gaps between them.
    unit : str
        "counts", "m/s", "" where unknown.
    identifier : str
        Its whole name, such as "BW.UH1..SHZ".
    """

    component: str
    stretches: tuple[Stretch, ...]
    unit: str = ""
    identifier: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """What one sensor wrote at one rate: one component or several, on one grid of time.

    Nothing is read before `read` is called, and then no more than is asked for. Gaps are kept: their samples are NaN.

    Parameters
    ----------
    name : str
        The station and sensor ("BW.UH1..SH"), or the name of the file; all recordings of a study have different ones.
    rate : float
        Samples per second, in Hz.
    channels : tuple of Channel
        At least one; Z, N, E in this order where they are known.
    dated : bool
        Whether times count from 1970-01-01 UTC; else from the start of the recording.
    station : str
        What counts as one station, for grouping; the name without what it takes to tell its sensors apart.

    Raises
    ------
    DataError
        If there are no samples, or the rate is not above 0.
    """

    name: str
    rate: float
    channels: tuple[Channel, ...]
    dated: bool = True
    station: str = ""

    def __post_init__(self) -> None:
        check(
            np.isfinite(self.rate) and self.rate > 0,
            DataError,
            "The sampling rate of '{}' must be above 0 Hz. Got {} instead.",
            self.name,
            self.rate,
        )
        check(
            any(stretch.n > 0 for channel in self.channels for stretch in channel.stretches),
            DataError,
            "The recording '{}' must hold samples. Got none.",
            self.name,
        )

    def __repr__(self) -> str:
        components = ", ".join(self.components)
        return f"<Recording {self.name}: {components} at {self.rate:g} Hz, {spell_seconds(self.duration)} from {self.spell(self.start)}>"

    # ---- the grid of time ----
    @property
    def components(self) -> tuple[str, ...]:
        """Return the name of each component, in the order of the rows of `read`."""
        return tuple(channel.component for channel in self.channels)

    @property
    def unit(self) -> str:
        """Return the unit of the samples; "" where the components differ."""
        units = {channel.unit for channel in self.channels}
        return units.pop() if len(units) == 1 else ""

    @cached_property
    def start(self) -> float:
        """Return the time of sample 0, in s."""
        return min(one.start for channel in self.channels for one in channel.stretches if one.n)

    @cached_property
    def n(self) -> int:
        """Return the number of samples from the first to the last of any component."""
        return max(int((first + n).max(initial=0)) for first, n in self._places)

    @property
    def duration(self) -> float:
        """Return the time from the first sample to behind the last, in s."""
        return self.n / self.rate

    def time(self, index: int) -> float:
        """Return the time of a sample, in s."""
        return self.start + index / self.rate

    def index(self, time: float) -> int:
        """Return the sample nearest to a time."""
        return round((time - self.start) * self.rate)

    def spell(self, time: float) -> str:
        """Write a time for people and for the names of samples: "2010-05-27T16:24:33.210", or "12.500s"."""
        return spell_time(time, dated=self.dated)

    @cached_property
    def _places(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return for each channel the first sample of its stretches on the grid, and how many they have; both int64."""
        places = []
        for channel in self.channels:
            starts = np.array([one.start for one in channel.stretches])
            first = np.rint((starts - self.start) * self.rate).astype(np.int64)
            places.append((first, np.array([one.n for one in channel.stretches], np.int64)))
        return places

    @cached_property
    def _reach(self) -> list[np.ndarray]:
        """Return for each channel how far its stretches reach up to each of them, int64: they may lie within one another."""
        return [np.maximum.accumulate(first + n) for first, n in self._places]

    # ---- the samples ----
    def read(self, first: int, stop: int, rows: Sequence[int] | None = None) -> np.ndarray:
        """Return components from sample ``first`` up to ``stop``, float64 of shape (n_components, stop - first).

        All of them, or those of the given numbers in that order: no others are read from the files. NaN is where nothing
        was recorded, before the start and behind the end too, and where stretches that overlap say different things.
        """
        channels, places, reach = self.channels, self._places, self._reach
        wanted = range(len(channels)) if rows is None else rows
        out = np.full((len(wanted), stop - first), np.nan)
        for row, number in enumerate(wanted):
            channel, (starts, sizes) = channels[number], places[number]
            low = int(np.searchsorted(reach[number], first, side="right"))
            high = int(np.searchsorted(starts, stop, side="left"))
            contradicted = np.zeros(stop - first, bool)
            for i in range(low, high):
                a, b = max(first, int(starts[i])), min(stop, int(starts[i] + sizes[i]))
                if a >= b:
                    continue
                piece = channel.stretches[i].read(a - int(starts[i]), b - int(starts[i]))
                here = out[row, a - first : b - first]
                known = ~np.isnan(here)
                contradicted[a - first : b - first] |= known & ~np.isnan(piece) & (here != piece)
                here[~known] = piece[~known]
            out[row, contradicted] = np.nan
        return out

    def source_at(self, index: int) -> str:
        """Return the name of the file that holds a sample of the first component that has any (or the nearest before it)."""
        row = next(i for i, channel in enumerate(self.channels) if channel.stretches)
        at = int(np.searchsorted(self._places[row][0], index, side="right")) - 1
        return self.channels[row].stretches[max(0, at)].source

    def gaps(self) -> tuple[int, float, int]:
        """Return how many gaps there are in all components, how many seconds they take, and how many overlaps."""
        n_gaps, missing, overlaps = 0, 0, 0
        for (first, _), reach in zip(self._places, self._reach):
            step = first[1:] - reach[:-1]
            n_gaps += int((step > 0).sum())
            missing += int(step[step > 0].sum())
            overlaps += int((step < 0).sum())
        return n_gaps, missing / self.rate, overlaps


def recording_of(
    values: np.ndarray,
    *,
    rate: float | None = None,
    name: str = "recording",
    components: Sequence[str] | None = None,
    start: float | None = None,
    unit: str = "",
    source: str | None = None,
) -> Recording:
    """Make a recording of an array.

    Parameters
    ----------
    values : ndarray, shape (n_samples,) or (n_components, n_samples)
        NaN where nothing was recorded.
    rate : float
        In Hz; an array does not tell it.
    name : str
    components : sequence of str, optional
        One name a component; "Z", "N", "E" of three, else "1", "2", ... by default, and "" for one.
    start : float, optional
        The time of the first sample, in s since 1970-01-01 UTC; without it the recording is not dated.
    unit, source : str
        Of the samples, and the file that they are from.

    Raises
    ------
    DataError
        If the values are no array of numbers of this shape, or the rate is not given.
    """
    check(
        not (hasattr(values, "stats") or hasattr(values, "traces")),
        DataError,
        "The values of a recording must be an array. Got a {} of ObsPy: clew.read.obspy_streams.recordings_of makes "
        "recordings of it.",
        type(values).__name__,
    )
    check(
        rate is not None,
        DataError,
        "The 'rate' of a recording that is made of an array must be its samples per second. Got none.",
    )
    assert rate is not None
    rows = np.atleast_2d(np.asarray(values))
    check(
        rows.ndim == 2,
        DataError,
        "The values of a recording must be of shape (n_components, n_samples). Got {}.",
        rows.shape,
    )
    usual = {1: ("",), 3: ("Z", "N", "E")}.get(len(rows), tuple(str(i + 1) for i in range(len(rows))))
    names = usual if components is None else tuple(components)
    check(
        len(names) == len(rows),
        DataError,
        "The components of '{}' must be {} names. Got {}.",
        name,
        len(rows),
        len(names),
    )
    began = 0.0 if start is None else float(start)
    channels = tuple(
        Channel(
            one,
            (Stretch(began, rows.shape[1], InMemory(row), source=name if source is None else source),),
            unit,
            one,
        )
        for one, row in zip(names, rows)
    )
    return Recording(name, float(rate), channels, dated=start is not None, station=name)


def spell_time(time: float, *, dated: bool) -> str:
    """Write a time with milliseconds: "2010-05-27T16:24:33.210", or "12.500s" where nothing is dated."""
    if not dated:
        return f"{time:.3f}s"
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=round(time * 1000))
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + f"{whole.microsecond // 1000:03d}"


def spell_seconds(seconds: float) -> str:
    """Write a duration in the unit that suits it: "0.5 s", "2.6 h", "30 days"."""
    for size, unit in ((365.25 * DAY, "years"), (2 * DAY, "days"), (3600.0, "h"), (120.0, "min")):
        if seconds >= size:
            by = {"years": 365.25 * DAY, "days": DAY, "h": 3600.0, "min": 60.0}[unit]
            return f"{seconds / by:.3g} {unit}"
    return f"{seconds:.3g} s"
