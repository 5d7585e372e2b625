"""Sound files as recordings: WAV (RF64 and W64 beyond 4 GiB), FLAC, Ogg, MP3; read a piece at a time."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, package
from clew.read.recording import Stretch
from clew.read.side_by_side import Column, Shared, finite
from clew.read.traces import Trace

BLOCK = 1 << 16  # frames that are decoded together
BEHIND = 1 << 20  # frames before the last read that are kept of files without exact places
INEXACT = ("OGG", "MP3")  # formats in which libsndfile does not find places to the sample
SIDES = {1: ("",), 2: ("left", "right")}


def open_audio(path: Path, *, source: str, notes: list[str] | None = None) -> list[Trace]:
    """Open a sound file as an undated recording; full scale is 1.

    Parameters
    ----------
    path : Path
    source : str
        What the file is called.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Returns
    -------
    list of Trace
        One a channel: "" of one, "left" and "right" of two, "1", "2", ... of more.

    Raises
    ------
    DataError
        If it is no sound file, damaged, or holds no samples.

    Notes
    -----
    WAV, RF64, W64, AIFF and FLAC are read from any place. In Ogg files libsndfile (1.2.2) finds places near the end some
    hundred samples off, so that these, and MP3, are decoded from their start on, and once only as long as windows follow each other.
    """
    with opened(path, source) as file:
        n, rate, c, form, info = file.frames, file.samplerate, file.channels, file.format, file.extra_info
    check(n > 0 and c > 0, DataError, "The sound file '{}' must hold samples. Got none.", source)
    cut = re.search(r"data\s*:\s*(\d+) \(should be (\d+)\)", info, re.IGNORECASE)
    if notes is not None and (cut and int(cut[1]) > int(cut[2]) and cut[1] != "4294967295"):
        notes.append(
            f"'{source}': ends before the {int(cut[1]):,} bytes of sound that it announces; was it cut?"
        )
    rows: Any = Forward(path, source) if form in INEXACT else Placed(path, source)
    shared = Shared(rows)
    names = SIDES.get(c, tuple(str(i + 1) for i in range(c)))
    return [
        Trace(
            station=source,
            component=name,
            rate=float(rate),
            stretch=Stretch(0.0, int(n), Column(shared, i), source=source),
            unit="",
            dated=False,
            identifier=name,
        )
        for i, name in enumerate(names)
    ]


def opened(path: Path, source: str) -> Any:
    """Return the open sound file, or say what is wrong with it."""
    soundfile = package("soundfile", of="signal")
    try:
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise DataError(
            f"The file '{source}' must be sound that can be read. Got: {one_line(error)}."
        ) from error


class Placed:
    """The frames of a file in which any place is found at once.

    Parameters
    ----------
    path : Path
    source : str
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Return the frames from ``first`` up to ``stop``, float64 of shape (stop - first, n_channels)."""
        with opened(self.path, self.source) as file:
            try:
                file.seek(first)
                values = file.read(stop - first, dtype="float64", always_2d=True)
            except RuntimeError as error:  # libsndfile's errors are such
                raise damaged(self.source, first, error) from error
        check_frames(values, first, stop, self.source)
        return finite(values, first, self.source)


class Forward:
    """The frames of a file that is decoded from its start on.

    Parameters
    ----------
    path : Path
    source : str
    """

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        self._lock = threading.Lock()
        self._restart()

    def __reduce__(self) -> tuple[type[Forward], tuple[Path, str]]:
        return Forward, (self.path, self.source)

    def _restart(self) -> None:
        self._file: Any = None
        self._blocks: list[np.ndarray] = []
        self._begin = self._end = 0  # the frames that the blocks hold

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Return the frames from ``first`` up to ``stop``, float64 of shape (stop - first, n_channels)."""
        with self._lock:
            if first < self._begin:
                self._restart()
            while self._end < stop and self._decode():
                while self._blocks and self._begin + len(self._blocks[0]) <= min(first, self._end - BEHIND):
                    self._begin += len(self._blocks.pop(0))
            held, at = [], self._begin
            for block in self._blocks:
                held.append(block[max(0, first - at) : max(0, stop - at)])
                at += len(block)
            values = np.concatenate(held) if held else np.empty((0, 1))
        check_frames(values, first, stop, self.source)
        return finite(values, first, self.source)

    def _decode(self) -> bool:
        """Decode one block more; tell whether there was one."""
        if self._file is None:
            self._file = opened(self.path, self.source)
        try:
            block = self._file.read(BLOCK, dtype="float64", always_2d=True)
        except RuntimeError as error:
            raise damaged(self.source, self._end, error) from error
        self._blocks.append(block)
        self._end += len(block)
        return len(block) > 0


def damaged(source: str, first: int, error: RuntimeError) -> DataError:
    """Return what to raise where sound cannot be decoded."""
    return DataError(
        f"The sound file '{source}' must be whole. Got: {one_line(error)} (at frame {first:,} or behind; was it cut?)."
    )


def check_frames(values: np.ndarray, first: int, stop: int, source: str) -> None:
    """Refuse fewer frames than were asked for."""
    check(
        len(values) == stop - first,
        DataError,
        "The sound file '{}' must be whole. Got {} frames from {} on instead of {} (was it cut?).",
        source,
        len(values),
        first,
        stop - first,
    )
