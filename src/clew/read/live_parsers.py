"""What comes byte by byte, as recordings that grow: miniSEED records, and lines of numbers."""

from __future__ import annotations

import io
import itertools
import re
import time as clock
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, package
from clew.read.live_recording import PATIENCE, WAIT, LiveRecording
from clew.read.miniseed_index import identifier
from clew.read.recording import InMemory, Stretch, spell_seconds
from clew.read.recordings import ORDER, say_rate
from clew.read.sensor_grid import Grid
from clew.read.sensor_layout import layout_of
from clew.read.sensor_lines import Layout, Rows
from clew.read.traces import Trace, nominal_rate, seed_trace

HEAD = 4096  # bytes of a record in which its length is told
HELD = 150_000_000  # bytes of samples that wait for others at most: over a day of three components at 100 Hz
RECENT = 7200.0  # s that a component may be behind at the end of a file that grows, and be waited for
LINES = 64  # of a table, before its rate is told from its times
RECORD = re.compile(rb"[0-9 \0]{6}[DRQM][ \0]")  # how a miniSEED record begins


# ---- miniSEED ----
@dataclass
class Pending:
    """A recording before it is known which components it has.

    Parameters
    ----------
    traces : list of Trace
    start, end : float
        In s.
    since : float
        When the first of it came, by the clock.
    """

    traces: list[Trace]
    start: float
    end: float
    since: float


@dataclass
class Known:
    """What is known of a recording before its first sample comes.

    Parameters
    ----------
    start : float
        In s.
    wait : float
        As of `LiveRecording`.
    ends : dict of str to float
        By component, how far what is there reaches, in s.
    """

    start: float = float("inf")
    wait: float = WAIT
    ends: dict[str, float] = field(default_factory=dict)


class Records:
    """miniSEED records as they come.

    Parameters
    ----------
    name : str
        Of what they come from.
    keep : float
        In s.
    notes : list of str
        Is added to.
    rate : float, optional
        What somebody takes the rate for, in Hz.
    known : mapping of str to Known, optional
        What is there already, by recording; it comes first, in the order of time.

    Attributes
    ----------
    in_order : bool
        Whether what comes is what was there already.
    """

    def __init__(
        self,
        name: str,
        keep: float,
        notes: list[str],
        rate: float | None = None,
        known: Mapping[str, Known] | None = None,
    ) -> None:
        self.name, self.keep, self.notes, self.rate = name, keep, notes, rate
        self.known, self.in_order = known or {}, bool(known)
        self._rest = b""
        self._pending: dict[str, Pending] = {}
        self._live: dict[str, LiveRecording] = {}
        self._said: set[str] = set()
        self._longest: dict[str, int] = {}  # by channel, the samples of its longest record
        self._at = 0

    def push(self, data: bytes) -> tuple[list[LiveRecording], bool]:
        """Take bytes; return the recordings, and whether one has grown."""
        self._rest += data
        size, records = 0, list[bytes]()
        while (length := record_length(self._rest[size : size + HEAD])) and size + length <= len(self._rest):
            records.append(self._rest[size : size + length])
            channel, n = contents(records[-1])
            self._longest[channel] = max(n, self._longest.get(channel, 0))
            size += length
        check(
            length is not None,
            DataError,
            "The input '{}' must be miniSEED of version 2, record by record. Got something else at byte {}.",
            self.name,
            self._at + size,
        )
        self._rest, self._at = self._rest[size:], self._at + size
        grown = self._take(self._traces(records)) if records else False
        return list(self._live.values()), grown

    def close(self, data: bytes) -> tuple[list[LiveRecording], bool]:
        """Take the last bytes; return the recordings, and whether one has grown."""
        _, grown = self.push(data) if data else ([], False)
        if self._rest:
            self.notes.append(
                f"'{self.name}': the last {len(self._rest)} bytes are no whole record and were left out."
            )
        for key in list(self._pending):
            self._begin(key)
        grown |= self._take([])
        check(
            self._live,
            DataError,
            "The input '{}' must hold at least one whole miniSEED record with samples. Got {:,} bytes without one.",
            self.name,
            self._at + len(self._rest),
        )
        return list(self._live.values()), grown

    @property
    def waits(self) -> bool:
        """Tell whether there are recordings of which it is not known yet which components they have."""
        return self.in_order or bool(self._pending)

    def _traces(self, records: list[bytes]) -> list[Trace]:
        """Decode whole records; those that are damaged are left out."""
        obspy = package("obspy", of="signal")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # "data integrity check failed" is a warning of ObsPy
                stream = obspy.read(io.BytesIO(b"".join(records)), format="MSEED")
        except Exception as error:  # ObsPy raises and warns in many ways
            if len(records) > 1:  # one of them is damaged: find it
                half = len(records) // 2
                return self._traces(records[:half]) + self._traces(records[half:])
            self.notes.append(
                f"'{self.name}': a record is damaged; its samples count as missing ({one_line(error)})."
            )
            return []
        return [
            seed_trace(
                trace.id,
                rate=float(trace.stats.sampling_rate),
                stretch=Stretch(
                    round(trace.stats.starttime.ns / 1000) / 1e6,
                    len(trace.data),
                    InMemory(trace.data),
                    source=self.name,
                ),
                file=self.name,
            )
            for trace in stream
            if len(trace.data) and trace.data.dtype.kind in "iuf" and trace.stats.sampling_rate > 0
        ]

    def _take(self, traces: list[Trace]) -> bool:
        """Add what has come to its recordings; tell whether one has grown."""
        now = clock.monotonic()
        for trace in traces:
            key = recording_key(trace)
            if key not in self._live:
                start, end = trace.stretch.start, trace.stretch.start + trace.stretch.n / trace.rate
                pending = self._pending.setdefault(key, Pending([], start, end, now))
                pending.traces.append(trace)
                pending.start, pending.end = min(pending.start, start), max(pending.end, end)
            else:
                self._put(self._live[key], trace)
        held = sum(one.n_bytes for one in self._live.values())
        held += sum(8 * trace.stretch.n for one in self._pending.values() for trace in one.traces)
        full = held > HELD
        for key, one in list(self._pending.items()):
            length = one.end - one.start
            slow = now - one.since >= min(length / 2, PATIENCE)  # as fast as it is recorded, or slower
            if key in self.known or (length >= self._wait(one.traces) and (slow or full)):
                self._begin(key)
        return any([self._advance(one, now, full) for one in self._live.values()])  # noqa: C419 (all of them advance)

    def _advance(self, live: LiveRecording, now: float, full: bool) -> bool:
        """Count what came of a recording; say which components are given up."""
        if self.in_order:
            return live.advance()
        before = set(live.left)
        grown = live.advance(now, full=full)
        for one in sorted(live.left - before):
            live.whole = False
            behind = spell_seconds((max(live.ends.values()) - live.ends[one]) / live.rate)
            self._say(
                f"'{live.name}': the component {one} is {behind} behind the others and is waited for no longer: windows are done without it."
            )
        return grown

    def _wait(self, traces: list[Trace]) -> float:
        """Return how far in s the components of a recording may come behind each other: a record comes when it is full."""
        return WAIT + 2 * max(self._longest.get(one.identifier, 0) / one.rate for one in traces)

    def _begin(self, key: str) -> None:
        """Make a recording of what has come of it so far."""
        pending = self._pending.pop(key)
        one, known = pending.traces[0], self.known.get(key, Known())
        live = LiveRecording(
            key,
            station=one.station,
            rate=one.rate,
            components=sorted(
                {*known.ends, *(trace.component for trace in pending.traces)},
                key=lambda c: (ORDER.get(c, 9), c),
            ),
            start=min(known.start, pending.start),
            dated=True,
            keep=self.keep,
            unit=one.unit,
            source=self.name,
        )
        live.wait = known.wait
        last = max(known.ends.values(), default=0.0)
        live.final = {c: live.index(end) for c, end in known.ends.items() if last - end < RECENT}
        self._live[key] = live
        say_rate(self.name, pending.traces, self.rate, self.notes)
        for trace in pending.traces:
            self._put(live, trace)

    def _put(self, live: LiveRecording, trace: Trace) -> None:
        """Add the samples of a trace to its recording."""
        if trace.component not in live.components:
            live.whole = False
            self._say(
                f"'{live.name}': the component {trace.component} came later than the others and is passed over."
            )
            return
        if abs(trace.rate / live.rate - 1) > 1e-5:
            self._say(
                f"'{live.name}': samples at {trace.rate:g} Hz instead of {live.rate:g} Hz are passed over."
            )
            return
        first = live.index(trace.stretch.start)
        if live.ends[trace.component] <= first < live.n:
            live.whole = False
            self._say(
                f"'{live.name}': samples of {trace.component} came too late: windows of their time were done without them."
            )
        live.wait = max(live.wait, self._wait([trace]))
        live.add(trace.component, first, trace.stretch.read(0, trace.stretch.n))

    def _say(self, note: str) -> None:
        if note not in self._said:
            self._said.add(note)
            self.notes.append(note)


def recording_key(trace: Trace) -> str:
    """Return the name of the recording that a trace belongs to."""
    return ".".join(filter(None, (trace.station, trace.sensor)))


def record_length(head: bytes) -> int | None:
    """Return the number of bytes of the miniSEED record that begins here; 0 where more must be known, None if it is none.

    Notes
    -----
    By the blockette 1000 (SEED manual 2.4, chapter 8).
    """
    if len(head) < 8:
        return 0
    if not RECORD.match(head):
        return None
    if len(head) < 48:
        return 0
    order = _order(head)
    at = int.from_bytes(head[46:48], order)
    while at >= 48:
        if len(head) < at + 8:
            return 0
        if int.from_bytes(head[at : at + 2], order) == 1000:
            power = head[at + 6]
            return 1 << power if 7 <= power <= 20 else None
        following = int.from_bytes(head[at + 2 : at + 4], order)
        at = following if following > at else 0
    return None


def contents(record: bytes) -> tuple[str, int]:
    """Return the channel of a miniSEED record, "NETWORK.STATION.LOCATION.CHANNEL", and the number of its samples."""
    return identifier(record[8:20]), int.from_bytes(record[30:32], _order(record))


def _order(head: bytes) -> Literal["big", "little"]:
    """Return the byte order of a fixed header, in which the year makes sense."""
    return "big" if 1900 <= int.from_bytes(head[20:22], "big") <= 2100 else "little"


# ---- lines of numbers ----
class Lines:
    """Lines of numbers as they come.

    Parameters
    ----------
    name : str
        Of what they come from.
    keep : float
        In s.
    notes : list of str
        Is added to.
    rate : float, optional
        In Hz.
    time : str, optional
        The column of times.
    """

    def __init__(
        self, name: str, keep: float, notes: list[str], rate: float | None, time: str | None
    ) -> None:
        self.name, self.keep, self.notes, self.rate, self.time = name, keep, notes, rate, time
        self._rest = b""
        self._line, self._next = 1, 0  # of the next line, and of the next sample
        self._last: float | None = None  # when the last row was taken
        self.waits = False  # for components of a recording
        self._layout: Layout | None = None
        self._grid: Grid | None = None
        self._live: LiveRecording | None = None

    def push(self, data: bytes) -> tuple[list[LiveRecording], bool]:
        """Take bytes; return the recordings, and whether one has grown."""
        self._rest += data
        return self._take(LINES if self.rate is None else 2)

    def close(self, data: bytes) -> tuple[list[LiveRecording], bool]:
        """Take the last bytes; return the recordings, and whether one has grown."""
        self._rest += data
        check(self._rest or self._layout, DataError, "The input '{}' must hold samples. Got none.", self.name)
        out = self._take(1)
        if self._rest.strip():
            self.notes.append(f"'{self.name}': the last line has no end and was left out.")
        return out

    def _take(self, enough: int) -> tuple[list[LiveRecording], bool]:
        """Read the lines that are whole, once there are enough to tell how they are laid out."""
        grown = False
        if self._layout is None and self._rest.count(b"\n") >= enough:
            self._layout = self._laid_out(self._rest[: self._rest.rfind(b"\n") + 1])
        if self._layout is not None and (cut := self._rest.rfind(b"\n") + 1):
            rows = self._layout.rows(self._rest[:cut], self._line)
            self._line += self._rest.count(b"\n")
            self._rest = self._rest[cut:]
            grown = self._put(rows, self._layout)
        return [self._live] if self._live else [], grown

    def _laid_out(self, head: bytes) -> Layout:
        """Return how the lines are laid out, and pass over what stands before the first of samples."""
        layout = layout_of(head, source=self.name, time=self.time, notes=self.notes)
        check(
            layout.time is not None or self.rate is not None,
            DataError,
            "The input '{}' must have a column of times, or its rate must be given in Hz with --rate. Got neither.",
            self.name,
        )
        self._rest, self._line = self._rest[layout.begin :], layout.begin_line
        self._grid = None if layout.time is None else Grid(layout, self.rate)
        return layout

    def _put(self, rows: Rows, layout: Layout) -> bool:
        """Add rows to the recording, which begins with the first of them; tell whether it grew."""
        values, places = rows.values, np.arange(self._next, self._next + len(rows.values))
        if self._grid is not None and len(values):
            assert rows.seconds is not None
            counts = self._grid.add(rows)
            values, seconds = values[counts], rows.seconds[counts]
        if not len(values):
            return False
        if self._live is None:
            rate = float(self.rate or 0) if self._grid is None else self._grid.settle()[2]
            self._live = LiveRecording(
                self.name,
                station=self.name,
                rate=nominal_rate(rate),
                components=[layout.names[i] for i in layout.values],
                start=0.0 if self._grid is None else float(seconds[0]),
                dated=layout.dated,
                keep=self.keep,
                source=self.name,
            )
        if self._grid is not None:
            places = self._places(seconds, self._live)
        self._next = int(places[-1]) + 1
        breaks = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
        for a, b in itertools.pairwise(breaks):
            for component, column in zip(self._live.components, values.T):
                self._live.add(component, int(places[a]), column[a:b])
        return self._live.advance()

    def _places(self, seconds: np.ndarray, live: LiveRecording) -> np.ndarray:
        """Return the sample that each row is: as many steps behind the row before as their times are apart.

        So times may tremble; where they run away from the rate by more than a sample, the next rows are put right.
        """
        before = float(seconds[0]) if self._last is None else self._last
        steps = np.rint(np.diff(np.append(before, seconds)) * live.rate).astype(np.int64)
        places = self._next - (self._last is not None) + np.cumsum(steps)
        ahead = (seconds[-1] - live.start) * live.rate - places[-1]
        if abs(ahead) > 1:
            places[-1] += round(ahead)
        self._last = float(seconds[-1])
        return places
