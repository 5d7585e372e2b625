"""Follow what grows: a file that is being written, or standard input."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from clew.errors import DataError, SettingError, check
from clew.read.kinds import has_suffix
from clew.read.live_parsers import RECORD, Lines, Records
from clew.read.live_recording import KEEP, LiveRecording
from clew.read.live_start import already_there

CHUNK = 1 << 17  # bytes that are taken together


class Grown(list[LiveRecording]):
    """The recordings that are known, one of which has grown.

    Attributes
    ----------
    waits : bool
        Whether there is more of which it is not known yet what it is.
    """

    def __init__(self, recordings: Iterable[LiveRecording], *, waits: bool) -> None:
        super().__init__(recordings)
        self.waits = waits


def follow(
    path: str | Path,
    *,
    rate: float | None = None,
    time: str | None = None,
    poll: float = 1.0,
    stop: Callable[[], bool] | None = None,
    patience: float | None = None,
    keep: float = KEEP,
    notes: list[str] | None = None,
) -> Iterator[Grown]:
    """Read what comes, and yield the recordings each time they have grown.

    Parameters
    ----------
    path : str or Path
        A growing file of miniSEED records or lines of numbers (as `open_table` reads them); "-" is standard input.
    rate : float, optional
        In Hz; needed for lines without times, and better than what 64 lines tell where times are coarse.
    time : str, optional
        The column of times.
    poll : float
        How long to wait where nothing is new, in s.
    stop : callable, optional
        Asked where nothing is new; True ends.
    patience : float, optional
        How long a file may not grow before this ends, in s; for ever by default. Standard input ends by itself.
    keep : float
        How much of each recording is held in memory, in s, before what was yielded last.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Yields
    ------
    Grown
        The same ones each time, and those that are new. What a file of miniSEED holds already is read in the order of time,
        whatever its own. What comes then, and at standard input, may come component after component, as long as it comes
        faster than it is recorded and 150 MB hold what waits; else a component is given up that is more than 30 s and two
        of its records behind.

    Raises
    ------
    DataError
        If what comes is neither miniSEED nor lines of numbers, or holds no samples, or a file shrinks.

    Notes
    -----
    A record or line of which the end is missing is waited for; at the end of the input it is left out, and that is said.
    """
    check(poll > 0, SettingError, "The 'poll' setting of follow must be above 0 s. Got {} instead.", poll)
    notes = [] if notes is None else notes
    standard = str(path) == "-"
    name = "stdin" if standard else Path(path).name
    parser: Records | Lines | None = None
    begin = 0
    if not standard and (there := already_there(Path(path), name, notes)):
        parser, begin = Records(name, keep, notes, rate, there.known), there.end
        for data in there.pieces(CHUNK):
            yield from _pushed(parser, data)
        parser.in_order = False
        yield from _pushed(parser, b"", always=True)
    head = b""
    for data in (
        _standard_input(poll, stop) if standard else _growing(Path(path), begin, poll, stop, patience)
    ):
        head += data
        if len(head) < 8:  # a miniSEED record shows by its first eight bytes
            continue
        if parser is None:
            parser = (
                Records(name, keep, notes, rate)
                if RECORD.match(head)
                else Lines(name, keep, notes, rate, time)
            )
        yield from _pushed(parser, head)
        head = b""
    parser = parser or Lines(name, keep, notes, rate, time)
    recordings, grown = parser.close(head)
    for one in recordings:
        grown |= one.settle()
    if grown:
        yield Grown(recordings, waits=False)


def _pushed(parser: Records | Lines, data: bytes, *, always: bool = False) -> Iterator[Grown]:
    """Yield the recordings, if there is more of them with these bytes or to say of them, or in any case."""
    said = len(parser.notes)
    recordings, grown = parser.push(data)
    if recordings and (grown or always or len(parser.notes) > said):
        yield Grown(recordings, waits=parser.waits)
        for one in recordings:
            one.trim()


# ---- bytes as they come ----
def _growing(
    path: Path, begin: int, poll: float, stop: Callable[[], bool] | None, patience: float | None
) -> Iterator[bytes]:
    """Yield what is in a file from byte ``begin`` on, and what is added to it."""
    check(
        not has_suffix(path, (".gz", ".bz2")),
        DataError,
        "The file '{}' must be one that grows. Got a packed one.",
        path,
    )
    try:
        with path.open("rb") as file:
            file.seek(begin)
            waited = 0.0
            while True:
                if data := file.read(CHUNK):
                    waited = 0.0
                    yield data
                    continue
                check(
                    path.stat().st_size >= file.tell(),
                    DataError,
                    "The file '{}' must only grow. Got a shorter one than before.",
                    path,
                )
                if (stop is not None and stop()) or (patience is not None and waited >= patience):
                    while data := file.read(CHUNK):
                        yield data
                    return
                clock.sleep(poll)
                waited += poll
    except OSError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {error.strerror or error}."
        ) from error


def _standard_input(poll: float, stop: Callable[[], bool] | None) -> Iterator[bytes]:
    """Yield what comes at standard input until its end; a thread waits for it."""
    waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=16)
    read = _reader()

    def wait() -> None:
        try:
            while data := read():
                waiting.put(data)
        finally:
            waiting.put(None)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        try:
            data = waiting.get(timeout=poll)
        except queue.Empty:
            if stop is not None and stop():
                return
            continue
        if data is None:
            return
        yield data


def _reader() -> Callable[[], bytes]:
    """Return what waits for bytes of standard input: of the file itself, since a buffer is locked while a thread waits.

    Python cannot end while another thread holds that lock.
    """
    try:
        number = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # it was put in place of the file
        stream: Any = sys.stdin.buffer
        return lambda: stream.read1(CHUNK)
    return lambda: os.read(number, CHUNK)
