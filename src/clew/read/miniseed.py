"""miniSEED, whatever the size of the file: to read a window, ObsPy decodes the records that it needs, and no others."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from clew.errors import DataError, check
from clew.read.kept import Kept
from clew.read.kinds import one_line, package, some_of
from clew.read.miniseed_index import index_of
from clew.read.recording import Stretch
from clew.read.traces import Trace, seed_trace

logger = logging.getLogger(__name__)
DAMAGED = (
    r"(?s).*(integrity check|impossible|out of range)"  # how ObsPy warns of samples that cannot be right
)
DECODING = threading.Lock()  # what ObsPy warns of must not reach another thread

AHEAD = 1 << 17  # samples that are decoded together when windows follow each other
DECODED = (1, 3, 4, 5, 10, 11, 12, 13, 14, 16, 30, 32, 33)  # the encodings that ObsPy knows; 0 is text


def open_miniseed(path: Path, *, source: str, notes: list[str] | None = None) -> list[Trace]:
    """List what is in a miniSEED file, without decoding it.

    Parameters
    ----------
    path : Path
    source : str
        What the file is called.
    notes : list of str, optional
        Is added to: what there is to say of the file, one sentence each.

    Returns
    -------
    list of Trace
        One for every run of records that follow each other within half a sample.

    Raises
    ------
    DataError
        If it holds no whole record with samples, or an encoding that cannot be decoded.
    """
    notes = [] if notes is None else notes
    records, channels = index_of(path, source=source, notes=notes)
    traces: list[Trace] = []
    silent: set[str] = set()
    for number, (identifier, rate) in enumerate(channels):
        own = records[(records["channel"] == number) & (records["n"] > 0) & (records["encoding"] != 0)]
        if rate == 0 or not len(own):
            silent.add(identifier)
            continue
        wrong = sorted(set(np.unique(own["encoding"]).tolist()) - set(DECODED))
        check(
            not wrong,
            DataError,
            "The samples of '{}' ({}) must be in an encoding that ObsPy knows. Got number {}.",
            source,
            identifier,
            *wrong[:1] or [0],
        )
        stretches, said = _stretches(own, rate, path, source)
        traces += [seed_trace(identifier, rate=rate, stretch=stretch) for stretch in stretches]
        notes += [f"'{source}': {identifier}: {sentence}" for sentence in said]
    silent -= {trace.identifier for trace in traces}
    if silent:
        notes.append(f"'{source}': {some_of(sorted(silent))}: no samples but text or nothing, passed over.")
    check(
        traces,
        DataError,
        "The file '{}' must hold records with samples. Got {} records without any.",
        source,
        len(records),
    )
    return traces


# ---- the samples ----
@dataclass(frozen=True, eq=False)
class Records:
    """The samples of one channel, decoded when they are asked for.

    Parameters
    ----------
    path : Path
    source : str
        What the file is called.
    offset, length : ndarray of int64 and uint32, shape (n_records,)
        Where each record is in the file, in bytes, in the order of time.
    ends : ndarray of int64, shape (n_records + 1,)
        How many samples there are before each record, and in all.
    """

    path: Path
    source: str
    offset: np.ndarray
    length: np.ndarray
    ends: np.ndarray
    _kept: Kept = field(default_factory=Kept)  # the first sample decoded last, and the samples

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first,).

        Windows that are read in order cost one decoding of every record, since some are decoded ahead.
        """
        start, values = self._kept.value or (-1, np.empty(0))
        if not start <= first <= stop <= start + len(values):
            follows = start <= first <= start + len(values)
            start, values = self._decode(first, max(stop, first + AHEAD) if follows else stop)
            if len(values) <= 4 * AHEAD:
                self._kept.keep((start, values), values.nbytes)
        return np.asarray(values[first - start : stop - start], dtype=np.float64)

    def _decode(self, first: int, stop: int) -> tuple[int, np.ndarray]:
        """Return the samples of the records that hold ``first`` to ``stop``, and the number of the first of them."""
        low = int(np.searchsorted(self.ends, first, side="right")) - 1
        high = max(low + 1, int(np.searchsorted(self.ends, min(stop, int(self.ends[-1])), side="left")))
        pieces = []
        while low < high:  # in pieces, so that long ones take little more than their samples
            some = max(low + 1, int(np.searchsorted(self.ends, self.ends[low] + 8 * AHEAD)))
            pieces.append(self._samples(low, min(some, high)))
            low = min(some, high)
        begin = int(self.ends[high]) - sum(map(len, pieces))
        return begin, pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _samples(self, low: int, high: int) -> np.ndarray:
        """Decode the records from ``low`` up to ``high``; NaN where a record is damaged."""
        raw = self._bytes(low, high)
        wanted = int(self.ends[high] - self.ends[low])
        values = decoded(raw)
        if values is not None and len(values) == wanted:
            return values
        if high - low > 1:  # one of them is damaged: find it
            half = (low + high) // 2
            return np.concatenate([self._samples(low, half), self._samples(half, high)])
        logger.warning(
            "'%s': the record at byte %d is damaged; its samples count as missing.",
            self.source,
            self.offset[low],
        )
        return np.full(wanted, np.nan)

    def _bytes(self, low: int, high: int) -> np.ndarray:
        """Return the bytes of records one behind the other, uint8."""
        offset, length = self.offset[low:high], self.length[low:high].astype(np.int64)
        cut = np.flatnonzero(offset[1:] != offset[:-1] + length[:-1]) + 1
        bounds = [0, *cut.tolist(), high - low]
        pieces = []
        try:
            with self.path.open("rb", buffering=1 << 18) as file:
                for a, b in pairwise(bounds):
                    file.seek(int(offset[a]))
                    pieces.append(file.read(int(offset[b - 1] + length[b - 1] - offset[a])))
        except OSError as error:
            raise DataError(
                f"The file '{self.path}' must be one that can be read. Got: {one_line(error)}."
            ) from error
        raw = np.frombuffer(b"".join(pieces), np.uint8).copy()
        check(
            len(raw) == length.sum(),
            DataError,
            "The file '{}' must stay as it was when it was opened. Got fewer bytes than then.",
            self.path,
        )
        raw[np.cumsum(length) - length + 6] = ord("D")  # or ObsPy tells records of different quality apart
        return raw


def decoded(raw: np.ndarray) -> np.ndarray | None:
    """Return the samples of miniSEED records of one channel in their order; None where ObsPy finds one damaged.

    Parameters
    ----------
    raw : ndarray of uint8
        The records, one behind the other.
    """
    obspy = package("obspy", of="signal")
    from obspy.io.mseed import InternalMSEEDWarning, ObsPyMSEEDError

    with DECODING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", DAMAGED, InternalMSEEDWarning)  # others are about the headers
        try:
            stream = obspy.read(io.BytesIO(raw.tobytes()), format="MSEED")
        except (ObsPyMSEEDError, InternalMSEEDWarning, ValueError):
            return None
    pieces = [trace.data for trace in stream]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces) if pieces else None


# ---- from records to stretches ----
def _stretches(own: np.ndarray, rate: float, path: Path, source: str) -> tuple[list[Stretch], list[str]]:
    """Put the records of a channel in order and cut them where the clock jumps; and say what was done."""
    notes = []
    backwards = int((np.diff(own["time"]) < 0).sum())
    if backwards:
        notes.append(
            f"the clock runs backwards at {backwards} of {len(own)} records; they were put in order."
        )
    twice = _repeated(own, path)
    if twice.any():
        own = own[~twice]
        notes.append(f"{twice.sum()} records stand there more than once and were used once.")
    order, begins = _in_order(own["time"], own["n"], rate)
    own = own if order is None else own[order]
    ends = np.concatenate([[0], np.cumsum(own["n"], dtype=np.int64)])
    cuts, drifts = _cuts(own["time"], ends, rate, begins)
    if drifts:
        notes.append(
            f"the clock and the rate of {rate:g} Hz drift apart: {drifts} times, one sample was left out or one is missing."
        )
    length = own["length"]
    alike = (length == length[0]).all()
    length = np.broadcast_to(length[0], len(own)) if alike else length.copy()  # the first takes no memory
    data = Records(path, source, own["offset"].copy(), length, ends)
    first, stop = ends[cuts], ends[[*cuts[1:].tolist(), len(own)]]
    starts, sizes = own["time"][cuts].tolist(), (stop - first).tolist()
    return [Stretch(t, n, data, a, source) for t, n, a in zip(starts, sizes, first.tolist())], notes


def _repeated(own: np.ndarray, path: Path) -> np.ndarray:
    """Tell which records are the same to the byte as an earlier one of the same time, sequence number aside."""
    order = np.argsort(own["time"], kind="stable")
    time, n, length = (own[name][order] for name in ("time", "n", "length"))
    like = np.flatnonzero((np.diff(time) == 0) & (np.diff(n) == 0) & (np.diff(length) == 0)) + 1
    twice = np.zeros(len(own), bool)
    if like.size:
        with path.open("rb") as file:
            for i in like.tolist():
                pair = []
                for offset in own["offset"][order[i - 1 : i + 1]].tolist():
                    file.seek(offset + 8)
                    pair.append(file.read(int(length[i]) - 8))
                twice[order[i]] = pair[0] == pair[1]
    return twice


def _in_order(time: np.ndarray, n: np.ndarray, rate: float) -> tuple[np.ndarray | None, list[int]]:
    """Return the order of records by time (None where they are in order), and which of them, then, begin after a jump.

    Records that follow each other within half a sample stay together, also where others overlap them.
    """
    stop = time + n / rate
    begins = [0, *(np.flatnonzero(np.abs(time[1:] - stop[:-1]) * rate > 0.5001) + 1).tolist()]
    if len(begins) == 1:
        return None, begins
    run_start, run_stop = time[begins], stop[[*(i - 1 for i in begins[1:]), len(time) - 1]]
    by_stop = np.argsort(run_stop, kind="stable")
    low = np.searchsorted(run_stop[by_stop], run_start - 0.5001 / rate).tolist()
    high = np.searchsorted(run_stop[by_stop], run_start + 0.5001 / rate, side="right").tolist()
    follower: dict[int, int] = {}
    heads = []
    for run in np.argsort(run_start, kind="stable").tolist():
        before = next(
            (i for i in by_stop[low[run] : high[run]].tolist() if i not in follower and i != run), None
        )
        if before is None:
            heads.append(run)
        else:
            follower[before] = run
    bounds = [*begins, len(time)]
    order, jumps, n_before = [], [], 0
    for head in heads:
        jumps.append(n_before)
        member: int | None = head
        while member is not None:
            order.append(np.arange(bounds[member], bounds[member + 1]))
            n_before += len(order[-1])
            member = follower.get(member)
    return np.concatenate(order), jumps


def _cuts(time: np.ndarray, ends: np.ndarray, rate: float, begins: list[int]) -> tuple[np.ndarray, int]:
    """Return the records that begin a stretch: those that begin after a jump, and those that are a sample off its grid.

    The second keeps the times of a long stretch right where the clock and the stated rate drift apart; how often that
    was is returned too.
    """
    late = time * rate - ends[:-1]  # in samples; constant where all fits
    cuts: list[int] = []
    for a, b in zip(begins, [*begins[1:], len(time)]):
        cuts.append(a)
        if b - a < 2 or np.ptp(late[a:b]) <= 1:
            continue
        at, size = a + 1, 64
        while at < b:
            off = np.flatnonzero(np.abs(late[at : min(b, at + size)] - late[cuts[-1]]) > 1)
            if off.size:
                cuts.append(at + int(off[0]))
            at, size = (cuts[-1] + 1, 64) if off.size else (at + size, size * 2)
    return np.array(cuts, np.int64), len(cuts) - len(begins)
