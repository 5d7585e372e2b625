"""Write miniSEED, as a digitiser does: whole counts, compressed."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import package
from clew.result import settle, write_whole

CODES = {"network": 2, "station": 5, "location": 2, "channel": 3}  # letters at most, in miniSEED 2


def write_miniseed(
    path: str | Path,
    values: np.ndarray,
    *,
    network: str = "XX",
    station: str,
    location: str = "",
    channels: Sequence[str],
    rate: float,
    start: float,
) -> Path:
    """Write the channels of one station to a miniSEED file, whole or not at all; return its path.

    Parameters
    ----------
    path : str or Path
        What is there is replaced.
    values : ndarray of int32, shape (n_channels, n)
        In counts.
    network, station, location : str
        Codes of at most 2, 5 and 2 letters or figures; "XX" is the network of nobody.
    channels : sequence of str
        A code of at most 3 letters for each, such as "HHZ".
    rate : float
        In Hz.
    start : float
        The time of the first sample, in s since 1970-01-01 UTC; kept to 0.1 ms.

    Raises
    ------
    DataError
        If the values are no int32 of this shape, or a code is too long.
    """
    package("obspy", of="signal")
    from obspy import Stream, Trace, UTCDateTime

    values = np.asarray(values)
    check(
        values.dtype == np.int32 and values.ndim == 2 and len(values) == len(channels) and values.size > 0,
        DataError,
        "The values of '{}' must be int32 of shape ({}, n). Got {} of shape {} instead.",
        path,
        len(channels),
        values.dtype,
        values.shape,
    )
    given = [("network", network), ("station", station), ("location", location)]
    for what, code in [*given, *(("channel", one) for one in channels)]:
        check(
            _fits(code, CODES[what]),
            DataError,
            "The {} code of '{}' must be at most {} letters or figures. Got '{}' instead.",
            what,
            path,
            CODES[what],
            code,
        )
    header = {
        "network": network,
        "station": station,
        "location": location,
        "sampling_rate": rate,
        "starttime": UTCDateTime(ns=round(start * 1e9)),
    }
    traces = [
        Trace(np.ascontiguousarray(row), header={**header, "channel": channel})
        for row, channel in zip(values, channels)
    ]
    buffer = io.BytesIO()
    Stream(traces).write(buffer, format="MSEED", encoding="STEIM2", reclen=4096)
    return write_whole(path, buffer.getvalue())


class MiniseedFile:
    """A miniSEED file that is written piece by piece, and appears whole or not at all: use it in a ``with`` block.

    Parameters
    ----------
    path : str or Path
        What is there is replaced.
    """

    def __init__(self, path: str | Path) -> None:
        package("obspy", of="signal")
        self.path = Path(path)
        self.partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self.file = self.partial.open("wb")

    def append(self, values: np.ndarray, *, identifier: str, rate: float, start: float) -> None:
        """Add samples of one channel.

        Parameters
        ----------
        values : ndarray of int32, float32 or float64, shape (n,)
            Whole counts are compressed, others kept as they are.
        identifier : str
            "BW.UH1..SHZ": see `seed_identifier`.
        rate : float
            In Hz.
        start : float
            The time of the first sample, in s since 1970-01-01 UTC; kept to 0.1 ms.
        """
        from obspy import Trace, UTCDateTime

        codes = dict(zip(CODES, identifier.split("."), strict=True))
        header = codes | {"sampling_rate": rate, "starttime": UTCDateTime(ns=round(start * 1e4) * 100_000)}
        trace = Trace(np.ascontiguousarray(values), header=header)
        encoding = "STEIM2" if values.dtype == np.int32 else values.dtype.name.upper()
        trace.write(self.file, format="MSEED", encoding=encoding, reclen=4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.file.flush()
            os.fsync(self.file.fileno())
        self.file.close()
        if kind is None:
            settle(self.partial, self.path)
        else:
            self.partial.unlink(missing_ok=True)


def seed_identifier(identifier: str, *, station: str, component: str) -> str:
    """Return a name as miniSEED can hold it: the channel's own where it is one, else one made of station and component."""
    parts = identifier.split(".")
    if len(parts) == len(CODES) and all(_fits(code, n) for code, n in zip(parts, CODES.values())):
        return identifier
    letters = "".join(one for one in station.upper() if one.isascii() and one.isalnum())
    channel = "".join(one for one in component.upper() if one.isascii() and one.isalnum())
    return f"XX.{letters[: CODES['station']] or 'NONE'}..{channel[: CODES['channel']]}"


def _fits(code: str, n: int) -> bool:
    return len(code) <= n and (code.isalnum() or not code) and code.isascii()
