"""miniSEED: an index of the records of a file, from which any window is read; a month takes no more memory than a day.

The index is made from the fixed headers and the blockettes 100, 1000 and 1001 of every record, without decoding a
sample. To read a window, the bytes of the records that it needs are decoded by ObsPy.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, package, some_of
from clew.read.recording import Stretch
from clew.read.traces import Trace, nominal_rate, seed_trace

logger = logging.getLogger(__name__)
DECODING = threading.Lock()  # what ObsPy warns of must not reach another thread

CHUNK = 1 << 23  # bytes of the file that are looked at together
AHEAD = 1 << 17  # samples that are decoded together when windows follow each other
DECODED = (1, 3, 4, 5, 10, 11, 12, 13, 14, 16, 30, 32, 33)  # the encodings that ObsPy knows; 0 is text
QUALITIES = tuple(b"DRQM")  # the seventh byte of a data record
FIXED = np.dtype(
    [
        ("sequence", "u1", 6), ("quality", "u1"), ("reserved", "u1"), ("code", "S12"),
        ("year", ">u2"), ("day", ">u2"), ("hour", "u1"), ("minute", "u1"), ("second", "u1"), ("unused", "u1"),
        ("fraction", ">u2"), ("n", ">u2"), ("factor", ">i2"), ("multiplier", ">i2"),
        ("activity", "u1"), ("io", "u1"), ("doubt", "u1"), ("blockettes", "u1"),
        ("correction", ">i4"), ("data", ">u2"), ("first", ">u2"),
    ]
)  # fmt: skip
LITTLE = FIXED.newbyteorder("<")
RECORD = np.dtype(
    [("offset", "i8"), ("time", "f8"), ("length", "u4"), ("channel", "u4"), ("n", "u2"), ("encoding", "u1")]
)


def is_miniseed(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` (512 bytes are enough) holds miniSEED records of version 2."""
    data = np.frombuffer(head[: len(head) // 64 * 64], np.uint8)
    volume = head[:6].isdigit() and head[6:7] in (b"V", b"A", b"S", b"T")  # control headers of full SEED
    return volume or (len(data) >= 128 and _is_record(data, 0))


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
    records, channels = _index(path, source, notes)
    traces: list[Trace] = []
    silent: set[str] = set()
    for number, (code, rate) in enumerate(channels):
        own = records[records["channel"] == number]
        sampled = own[(own["n"] > 0) & (own["encoding"] != 0)]
        identifier = _identifier(code)
        if rate == 0 or not len(sampled):
            silent.add(identifier)
            continue
        wrong = sorted(set(np.unique(sampled["encoding"]).tolist()) - set(DECODED))
        check(
            not wrong,
            DataError,
            "The samples of '{}' ({}) must be in an encoding that ObsPy knows. Got number {}.",
            source,
            identifier,
            *wrong[:1] or [0],
        )
        stretches, said = _stretches(sampled, rate, path, source)
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
    _kept: list[tuple[int, np.ndarray]] = field(default_factory=lambda: [(-1, np.empty(0))])  # decoded last

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first,).

        Windows that are read in order cost one decoding of every record, since some are decoded ahead.
        """
        start, values = self._kept[0]
        if not start <= first <= stop <= start + len(values):
            follows = start <= first <= start + len(values)
            start, values = self._decode(first, max(stop, first + AHEAD) if follows else stop)
            if len(values) <= 4 * AHEAD:
                self._kept[0] = start, values
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
                for a, b in zip(bounds[:-1], bounds[1:]):
                    file.seek(int(offset[a]))
                    pieces.append(file.read(int(offset[b - 1] + length[b - 1] - offset[a])))
        except OSError as error:
            raise DataError(f"The file '{self.path}' must be one that can be read. Got: {one_line(error)}.") from error
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
        warnings.simplefilter("error", InternalMSEEDWarning)  # such as "data integrity check failed"
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
        notes.append(f"the clock runs backwards at {backwards} of {len(own)} records; they were put in order.")
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
    data = Records(path, source, own["offset"].copy(), own["length"].copy(), ends)
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
        before = next((i for i in by_stop[low[run] : high[run]].tolist() if i not in follower and i != run), None)
        if before is None:
            heads.append(run)
        else:
            follower[before] = run
    bounds = [*begins, len(time)]
    order, jumps, n_before = [], [], 0
    for head in heads:
        jumps.append(n_before)
        run: int | None = head
        while run is not None:
            order.append(np.arange(bounds[run], bounds[run + 1]))
            n_before += len(order[-1])
            run = follower.get(run)
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


# ---- the index ----
def _index(path: Path, source: str, notes: list[str]) -> tuple[np.ndarray, list[tuple[bytes, float]]]:
    """Return all records of a file as RECORD, and whose channels they are (code, rate)."""
    size, at = path.stat().st_size, 0
    parts: list[np.ndarray] = []
    known: dict[tuple[bytes, float], int] = {}
    foreign: list[tuple[int, int]] = []  # from byte, up to byte: no data records
    with path.open("rb", buffering=0) as file:
        while at < size:
            file.seek(at)
            data = np.frombuffer(file.read(CHUNK), np.uint8)
            if len(data) < 48:
                break
            used = 0
            for position, rows in _runs(data):
                if position > used:
                    foreign.append((at + used, at + position))
                parts.append(_described(rows, at + position, known))
                used = position + rows.size
            if not used:  # nothing whole in the whole chunk
                skipped = _next_record(data, 0)
                if skipped == 0 or at + len(data) >= size:
                    break
                used = len(data) - 64 if skipped is None else skipped
                foreign.append((at, at + used))
            at += used
    check(parts, DataError, "The file '{}' must hold at least one whole miniSEED record. Got {} bytes without one.", source, size)
    if foreign:
        length = sum(stop - start for start, stop in foreign)
        notes.append(f"'{source}': {length:,} bytes from byte {foreign[0][0]:,} on are no data records and were passed over.")
    if at < size:
        notes.append(f"'{source}': the last {size - at:,} bytes, from byte {at:,} on, are no whole record (a file that was cut?) and were left out.")
    return np.concatenate(parts), list(known)


def _runs(data: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield runs of whole records of one length: where they begin, and their bytes (n_records, length)."""
    at, tried = 0, 16
    while at + 48 <= len(data):
        found = _next_record(data, at)
        if found is None:
            return
        at = found
        length = int(_blockettes(data[None, at:], *_fixed(data[None, at : at + 48]))[0][0])
        whole = min(tried, (len(data) - at) // length)
        if not whole:
            return
        rows = data[at : at + whole * length].reshape(whole, length)
        fixed, swapped = _fixed(rows)
        fits = _valid(fixed) & (_blockettes(rows, fixed, swapped)[0] == length)
        n = whole if fits.all() else int(fits.argmin())
        yield at, rows[:n]
        at += n * length
        tried = tried * 8 if n == whole else 16


def _fixed(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the fixed headers of records (n, at least 48 bytes), and which of them are little-endian."""
    raw = np.ascontiguousarray(rows[:, :48])
    fixed = raw.view(FIXED)[:, 0].copy()
    swapped = ~((fixed["year"] >= 1900) & (fixed["year"] <= 2100) & (fixed["day"] >= 1) & (fixed["day"] <= 366))
    if swapped.any():
        fixed[swapped] = raw.view(LITTLE)[:, 0][swapped]
    return fixed, swapped


def _valid(fixed: np.ndarray) -> np.ndarray:
    """Tell which fixed headers can be those of data records."""
    digits = fixed["sequence"]
    digits = ((digits >= 48) & (digits <= 57) | (digits == 32) | (digits == 0)).all(axis=1)
    quality = np.isin(fixed["quality"], QUALITIES)
    day = (fixed["year"] >= 1900) & (fixed["year"] <= 2100) & (fixed["day"] >= 1) & (fixed["day"] <= 366)
    clock = (fixed["hour"] < 24) & (fixed["minute"] < 60) & (fixed["second"] <= 60)
    return digits & quality & np.isin(fixed["reserved"], (0, 32)) & day & clock


def _next_record(data: np.ndarray, at: int) -> int | None:
    """Return where the next record with a blockette 1000 begins, at ``at`` or behind; None where there is none."""
    if _is_record(data, at):
        return at
    quality = np.flatnonzero(np.isin(data[at + 6 : -2], QUALITIES)) + at + 6
    likely = quality[np.isin(data[quality + 1], (0, 32)) & (data[quality - 1] < 58)] - 6
    return next((place for place in likely.tolist() if _is_record(data, place)), None)


def _is_record(data: np.ndarray, at: int) -> bool:
    """Tell whether a record with a blockette 1000 begins at byte ``at``."""
    head = data[None, at : at + 4096]
    if head.shape[1] < 48:
        return False
    fixed, swapped = _fixed(head)
    return bool(_valid(fixed)[0] and _blockettes(head, fixed, swapped)[0][0])


def _blockettes(rows: np.ndarray, fixed: np.ndarray, swapped: np.ndarray) -> tuple[np.ndarray, ...]:
    """Follow the blockettes of records: length in bytes (0 where unknown), encoding, microseconds, and rate in Hz (NaN)."""
    n, size = rows.shape
    length, encoding, micro, rate = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.int8), np.full(n, np.nan)
    at = fixed["first"].astype(np.int64)
    for _ in range(16):
        row = np.flatnonzero((at >= 48) & (at + 8 <= size))
        if not row.size:
            break
        place, little = at[row], swapped[row]
        word = rows[row[:, None], place[:, None] + np.arange(8)]  # (n, 8)
        kind, following = np.where(little, word[:, (1, 3)].T, word[:, (0, 2)].T).astype(np.int64) * 256 + np.where(
            little, word[:, (0, 2)].T, word[:, (1, 3)].T
        )
        here = kind == 1000
        power = word[here, 6]
        length[row[here]] = np.where((power >= 7) & (power <= 20), np.int64(1) << np.minimum(power, 20).astype(np.int64), 0)
        encoding[row[here]] = word[here, 4]
        here = kind == 1001
        micro[row[here]] = word[here, 5].view(np.int8)
        here = kind == 100
        four = np.where(little[here, None], word[here, 7:3:-1], word[here, 4:])
        rate[row[here]] = np.ascontiguousarray(four).view(">f4")[:, 0]
        at[:] = 0
        at[row] = np.where(following > place, following, 0)
    return length, encoding, micro, rate


def _described(rows: np.ndarray, at: int, known: dict[tuple[bytes, float], int]) -> np.ndarray:
    """Return RECORD of records of one length that begin at byte ``at``; new channels are added to ``known``."""
    fixed, swapped = _fixed(rows)
    length, encoding, micro, rate = _blockettes(rows, fixed, swapped)
    out = np.empty(len(rows), RECORD)
    out["offset"] = at + np.arange(len(rows)) * rows.shape[1]
    out["length"], out["n"], out["encoding"] = length, fixed["n"], encoding
    days = (fixed["year"].astype(np.int64) - 1970).astype("M8[Y]").astype("M8[D]").astype(np.int64) + fixed["day"] - 1
    clock = ((days * 24 + fixed["hour"]) * 60 + fixed["minute"]) * 60 + fixed["second"]
    corrected = np.where(fixed["activity"] & 2, 0, fixed["correction"])  # bit 1: the correction is in the time already
    out["time"] = (clock * 1_000_000 + (fixed["fraction"].astype(np.int64) + corrected) * 100 + micro) / 1e6
    codes, code = np.unique(fixed["code"], return_inverse=True)
    rates, number = np.unique(np.where(np.isnan(rate), _nominal(fixed), rate), return_inverse=True)
    pairs, which = np.unique(code * len(rates) + number, return_inverse=True)
    keys = [(codes[pair // len(rates)], nominal_rate(float(rates[pair % len(rates)]))) for pair in pairs.tolist()]
    out["channel"] = np.array([known.setdefault(key, len(known)) for key in keys])[which]
    return out


def _nominal(fixed: np.ndarray) -> np.ndarray:
    """Return the sampling rate of fixed headers in Hz: factor times multiplier, where negative ones divide."""
    factor, multiplier = fixed["factor"].astype(np.float64), fixed["multiplier"].astype(np.float64)
    with np.errstate(divide="ignore"):
        rate = np.where(factor > 0, factor, np.where(factor < 0, -1 / factor, 0))
        return rate * np.where(multiplier > 0, multiplier, np.where(multiplier < 0, -1 / multiplier, 1))


def _identifier(code: bytes) -> str:
    """Return "NETWORK.STATION.LOCATION.CHANNEL" of the twelve bytes of a header."""
    text = code.ljust(12).decode("ascii", "replace")
    station, location, channel, network = (text[a:b].strip(" \0") for a, b in ((0, 5), (5, 7), (7, 10), (10, 12)))
    return f"{network}.{station}.{location}.{channel}"
