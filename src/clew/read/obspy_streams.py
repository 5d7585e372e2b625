"""Streams and traces that ObsPy holds in memory, as recordings: grouped, named and dated as the files of them would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.recording import InMemory, Recording, Stretch
from clew.read.recordings import grouped
from clew.read.traces import Trace, seed_trace

STATIONLESS = "stream"  # what a station without a name is called
SCALED = ("remove_response", "remove_sensitivity", "simulate", "integrate", "differentiate", "normalize")


def is_stream(given: Any) -> bool:
    """Tell whether something is a Stream or a Trace of ObsPy, by what it has: nothing is imported for it."""
    return hasattr(given, "stats") or isinstance(getattr(given, "traces", None), list)


def recordings_of(stream: Any) -> list[Recording]:
    """Make recordings of what ObsPy holds in memory.

    Parameters
    ----------
    stream : obspy.Stream, obspy.Trace, or list of them
        Masked samples are missing. Traces of one sensor are put together, as `clew.read.recordings.read_recordings`
        does; a unit is known ("counts") of samples that nobody has scaled.

    Raises
    ------
    DataError
        If there are no samples, or something else is given.
    """
    traces = [_trace(one) for one in _traces(stream) if len(one.data)]
    check(traces, DataError, "The Stream must hold samples. Got none.")
    return grouped(traces, [])


def _traces(stream: Any) -> Iterator[Any]:
    """Go through the traces of streams, in their order."""
    if hasattr(stream, "stats"):
        yield stream
        return
    check(
        is_stream(stream) or isinstance(stream, (list, tuple)),
        DataError,
        "What recordings are made of must be a Stream or a Trace of ObsPy, or a list of them. Got: {}.",
        type(stream).__name__,
    )
    for one in stream:
        yield from _traces(one)


def _trace(trace: Any) -> Trace:
    """Return a trace of ObsPy as one of ours; its samples stay where they are."""
    stats = trace.stats
    codes = [str(getattr(stats, name, "")) for name in ("network", "station", "location", "channel")]
    start = float(stats.starttime.timestamp)
    values = trace.data
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    done = " ".join(str(one) for one in getattr(stats, "processing", []))
    scaled = hasattr(stats, "sac") or any(word in done for word in SCALED)
    return seed_trace(
        ".".join(codes),
        rate=float(stats.sampling_rate),
        stretch=Stretch(start, len(values), InMemory(values), 0, STATIONLESS),
        unit="" if scaled else "counts",
        dated=start != 0,
        file=STATIONLESS,
    )
