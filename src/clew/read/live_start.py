"""What a file of miniSEED holds before it is followed: records in the order of time, whatever their order in the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from clew.errors import DataError
from clew.read.live_parsers import Known, recording_key
from clew.read.live_recording import WAIT
from clew.read.miniseed_index import index_of, is_miniseed
from clew.read.recording import InMemory, Stretch
from clew.read.traces import seed_trace

NOTHING = InMemory(np.empty(0))


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a file holds already.

    Parameters
    ----------
    path : Path
    records : ndarray of RECORD, shape (n_records,)
        In the order in which they were full.
    known : dict of str to Known
        By recording; those that have hardly begun are not known.
    end : int
        Behind the last whole record, in bytes.
    """

    path: Path
    records: np.ndarray
    known: dict[str, Known]
    end: int

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the bytes of the records, about so many at a time."""
        number = np.cumsum(self.records["length"], dtype=np.int64) // size
        bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(self.records)]
        with self.path.open("rb") as file:
            for a, b in pairwise(bounds):
                some = np.sort(self.records[a:b], order="offset")
                parts = []
                for offset, length in zip(some["offset"].tolist(), some["length"].tolist()):
                    file.seek(offset)
                    parts.append(file.read(length))
                yield b"".join(parts)


def already_there(path: Path, name: str, notes: list[str]) -> Beginning | None:
    """Return what a file of miniSEED holds; None where it is no such file, or holds no whole record yet.

    Parameters
    ----------
    path : Path
    name : str
        What it is called.
    notes : list of str
        Is added to: what was passed over.
    """
    said: list[str] = []
    try:
        with path.open("rb") as file:
            if not is_miniseed(file.read(512)):
                return None
        records, channels = index_of(path, source=name, notes=said)
    except (OSError, DataError):
        return None  # who follows it says so
    notes += [note for note in said if "no whole record" not in note]  # the end may come
    rates = np.array([rate for _, rate in channels])
    has_samples = (records["n"] > 0) & (records["encoding"] != 0) & (rates[records["channel"]] > 0)
    end = int((records["offset"] + records["length"]).max())
    records = records[has_samples]
    lasts = records["n"] / rates[records["channel"]]
    known: dict[str, Known] = defaultdict(Known)
    for number, (identifier, rate) in enumerate(channels):
        own = records["channel"] == number
        if not own.any():
            continue
        trace = seed_trace(identifier, rate=rate, stretch=Stretch(0.0, 0, NOTHING), file=name)
        one = known[recording_key(trace)]
        reach = float((records["time"] + lasts)[own].max())
        one.start = min(one.start, float(records["time"][own].min()))
        one.wait = max(one.wait, WAIT + 2 * float(lasts[own].max()))
        one.ends[trace.component] = max(reach, one.ends.get(trace.component, reach))
    order = np.argsort(records["time"] + lasts, kind="stable")
    long = {key: one for key, one in known.items() if max(one.ends.values()) - one.start >= one.wait}
    return Beginning(path, records[order], long, end)  # of the others, more components may come
