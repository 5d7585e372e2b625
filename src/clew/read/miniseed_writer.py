"""Write miniSEED, as a digitiser does: whole counts, compressed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import package
from clew.result import write_whole

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
        fits = len(code) <= CODES[what] and (code.isalnum() or not code) and code.isascii()
        check(
            fits,
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
