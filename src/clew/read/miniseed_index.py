"""Where the records of a miniSEED file are, whose, and of what time: from their headers, without decoding a sample.

What counts are the fixed headers and the blockettes 100 (rate), 1000 (length, encoding) and 1001 (microseconds) of every
record, after the SEED Reference Manual, version 2.4 (FDSN, 2012), chapter 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from clew.errors import DataError, check
from clew.read.traces import nominal_rate

CHUNK = 1 << 23  # bytes of the file that are looked at together
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


def index_of(path: Path, *, source: str, notes: list[str]) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """List the records of a file.

    Parameters
    ----------
    path : Path
    source : str
        What the file is called.
    notes : list of str
        Is added to: what was passed over.

    Returns
    -------
    ndarray of RECORD, shape (n_records,)
        The place and the length of each record in bytes, its time in s since 1970-01-01 UTC, the number of its samples
        and their encoding, and the number of its channel.
    list of (str, float)
        The channels: "NETWORK.STATION.LOCATION.CHANNEL", and the rate in Hz. One that changes its rate is several.

    Raises
    ------
    DataError
        If there is no whole record.
    """
    size, at = path.stat().st_size, 0
    records, n = np.empty(size // 512 + 16, RECORD), 0  # what is not written to takes no memory
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
                if n + len(rows) > len(records):
                    records = np.concatenate([records[:n], np.empty(n + len(rows), RECORD)])
                records[n : n + len(rows)] = _described(rows, at + position, known)
                n += len(rows)
                used = position + rows.size
            if not used:  # nothing whole in the whole chunk
                skipped = _next_record(data, 0)
                if skipped == 0 or at + len(data) >= size:
                    break
                used = len(data) - 64 if skipped is None else skipped
                foreign.append((at, at + used))
            at += used
    check(
        n,
        DataError,
        "The file '{}' must hold at least one whole miniSEED record. Got {} bytes without one.",
        source,
        size,
    )
    if foreign:
        length = sum(stop - start for start, stop in foreign)
        notes.append(
            f"'{source}': {length:,} bytes from byte {foreign[0][0]:,} on are no data records and were passed over."
        )
    if at < size:
        notes.append(
            f"'{source}': the last {size - at:,} bytes, from byte {at:,} on, are no whole record (a file that was cut?) and were left out."
        )
    return records[:n], [(identifier(code), rate) for code, rate in known]


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
    swapped = ~(
        (fixed["year"] >= 1900) & (fixed["year"] <= 2100) & (fixed["day"] >= 1) & (fixed["day"] <= 366)
    )
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
    length, encoding, micro, rate = (
        np.zeros(n, np.int64),
        np.zeros(n, np.uint8),
        np.zeros(n, np.int8),
        np.full(n, np.nan),
    )
    at = fixed["first"].astype(np.int64)
    for _ in range(16):
        row = np.flatnonzero((at >= 48) & (at + 8 <= size))
        if not row.size:
            break
        place, little = at[row], swapped[row]
        word = rows[row[:, None], place[:, None] + np.arange(8)]  # (n, 8)
        kind, following = np.where(little, word[:, (1, 3)].T, word[:, (0, 2)].T).astype(
            np.int64
        ) * 256 + np.where(little, word[:, (0, 2)].T, word[:, (1, 3)].T)
        here = kind == 1000
        power = word[here, 6]
        length[row[here]] = np.where(
            (power >= 7) & (power <= 20), np.int64(1) << np.minimum(power, 20).astype(np.int64), 0
        )
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
    days = (
        (fixed["year"].astype(np.int64) - 1970).astype("M8[Y]").astype("M8[D]").astype(np.int64)
        + fixed["day"]
        - 1
    )
    clock = ((days * 24 + fixed["hour"]) * 60 + fixed["minute"]) * 60 + fixed["second"]
    corrected = np.where(fixed["activity"] & 2, 0, fixed["correction"])  # bit 1: the time has it already
    out["time"] = (clock * 1_000_000 + (fixed["fraction"].astype(np.int64) + corrected) * 100 + micro) / 1e6
    codes, code = np.unique(fixed["code"], return_inverse=True)
    rates, number = np.unique(np.where(np.isnan(rate), _nominal(fixed), rate), return_inverse=True)
    pairs, which = np.unique(code * len(rates) + number, return_inverse=True)
    keys = [
        (codes[pair // len(rates)], nominal_rate(float(rates[pair % len(rates)]))) for pair in pairs.tolist()
    ]
    out["channel"] = np.array([known.setdefault(key, len(known)) for key in keys])[which]
    return out


def _nominal(fixed: np.ndarray) -> np.ndarray:
    """Return the sampling rate of fixed headers in Hz: factor times multiplier, where negative ones divide."""
    factor, multiplier = fixed["factor"].astype(np.float64), fixed["multiplier"].astype(np.float64)
    with np.errstate(divide="ignore"):
        rate = np.where(factor > 0, factor, np.where(factor < 0, -1 / factor, 0))
        return rate * np.where(multiplier > 0, multiplier, np.where(multiplier < 0, -1 / multiplier, 1))


def identifier(code: bytes) -> str:
    """Return "NETWORK.STATION.LOCATION.CHANNEL" of the twelve bytes of a header."""
    text = code.ljust(12).decode("ascii", "replace")
    station, location, channel, network = (
        text[a:b].strip(" \0") for a, b in ((0, 5), (5, 7), (7, 10), (10, 12))
    )
    return f"{network}.{station}.{location}.{channel}"
