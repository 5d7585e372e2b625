"""Tables of samples: one row a moment, one column a component; with a column of times, or at a rate that is given.

A table is looked through once, in blocks of lines. Where it is small, or in gzip, its numbers are kept; of others only where
each block begins is, and blocks are read again when they are asked for: memory does not grow with the file.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from clew.errors import DataError, check
from clew.read.kept import Kept
from clew.read.kinds import has_suffix, one_line, some_of
from clew.read.recording import InMemory, Readable, Stretch
from clew.read.sensor_grid import Grid
from clew.read.sensor_layout import layout_of
from clew.read.sensor_lines import Layout
from clew.read.side_by_side import Column, Shared
from clew.read.traces import Trace, nominal_rate

BLOCK = 1 << 18  # bytes that are read together
SMALL = 1 << 26  # bytes up to which the numbers are kept
KEPT = 16  # blocks that are kept of larger files
COMPONENT = re.compile(r"\.([zne123xyr])(\.gz)?$", re.IGNORECASE)  # "event.z": one component a file


def open_table(
    path: Path,
    *,
    source: str,
    rate: float | None = None,
    time: str | None = None,
    notes: list[str] | None = None,
) -> list[Trace]:
    """Open a table of samples as one recording; each column of numbers is a component.

    Parameters
    ----------
    path : Path
        CSV (comma, semicolon, tab, bar or blanks), or one number a line; also in gzip. Lines that start with "#" at the top
        are passed over, and so are columns of text. What is missing is NaN.
    source : str
        What the file is called. A name such as "event.z" without other columns is the component Z of "event".
    rate : float, optional
        In Hz; needed where there are no times. With times, they must fit it.
    time : str, optional
        The column of times; else the only one of dates, or one that is called "time", "t" or "timestamp". Where it holds
        numbers that are no dates, the recording is not dated.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Returns
    -------
    list of Trace
        One for each component and run of rows without a missing step.

    Raises
    ------
    DataError
        If there is neither time nor rate; if times run backwards, are off the grid by more than 0.3 of a step, or occur
        twice with different values; if there is text among numbers: with the line.
    SettingError
        If ``time`` is no column.

    Notes
    -----
    The rate is that of the most frequent steps, made exact by all of them, and rounded to a whole rate or interval where
    that moves no sample by half a step.
    """
    notes = [] if notes is None else notes
    lines, held = _lines_of(path, source)
    layout = layout_of(lines.head(), lines.tail(), source=source, time=time, notes=notes)
    check(
        layout.time is not None or rate is not None,
        DataError,
        "The table '{}' must have a column of times, or its rate must be given in Hz with --rate. Got the columns {}, none of"
        " which holds dates.",
        source,
        some_of([name or "without a name" for name in layout.names]),
    )
    found = _Scan(lines, layout, rate).run(keep=held)
    notes += found.notes
    starts, sizes, used = (
        (np.zeros(1), np.array([found.n]), float(rate or 0)) if found.grid is None else found.grid.settle()
    )
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    station, own = _whose(source, layout)
    return [
        Trace(
            station=station,
            component=name if own is None else own,
            rate=nominal_rate(used),
            stretch=Stretch(float(start), int(n), data, int(offset), source),
            unit="",
            dated=layout.dated,
            identifier=name,
        )
        for name, data in found.readers()
        for start, n, offset in zip(starts, sizes, offsets)
    ]


def _whose(source: str, layout: Layout) -> tuple[str, str | None]:
    """Return the station, and the component where the name of the file tells it."""
    match = COMPONENT.search(source)
    if match and not layout.has_head and len(layout.values) == 1:
        return source[: match.start()], match[1].upper()
    return source, None


# ---- lines, wherever they are ----
@dataclass(frozen=True)
class Lines:
    """The bytes of a table.

    Parameters
    ----------
    path : Path
    data : bytes, optional
        All of them; else they are read from the file.
    """

    path: Path
    data: bytes | None = None

    def open(self) -> BinaryIO:
        """Return them as an open file."""
        return self.path.open("rb") if self.data is None else io.BytesIO(self.data)

    def head(self) -> bytes:
        """Return whole lines from the start."""
        with self.open() as file:
            data = file.read(BLOCK)
        return data if len(data) < BLOCK else data[: data.rfind(b"\n") + 1]

    def tail(self) -> bytes:
        """Return whole lines from the end."""
        with self.open() as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - BLOCK))
            data = file.read()
        return data if size <= BLOCK else data.partition(b"\n")[2]

    def blocks(self, begin: int) -> Iterator[tuple[int, bytes]]:
        """Yield where whole lines begin, in bytes, and what they are."""
        with self.open() as file:
            file.seek(begin)
            rest = b""
            while True:
                data = file.read(BLOCK)
                cut = data.rfind(b"\n") + 1
                if not data:
                    break
                if cut:
                    yield begin, rest + data[:cut]
                    begin += len(rest) + cut
                    rest = data[cut:]
                else:
                    rest += data
            if rest:
                yield begin, rest


def _lines_of(path: Path, source: str) -> tuple[Lines, bool]:
    """Return the lines of a file, and whether their numbers are to be kept."""
    try:
        size = path.stat().st_size
        check(size, DataError, "The file '{}' must hold data. Got an empty file (0 bytes) instead.", source)
        with path.open("rb") as file:
            start = file.read(2)
        if not has_suffix(path, (".gz",)) and start not in (b"\xff\xfe", b"\xfe\xff"):
            return Lines(path), size <= SMALL
        data = path.read_bytes()
        if has_suffix(path, (".gz",)):
            data = gzip.decompress(data)
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what Excel calls Unicode text
            data = data.decode("utf-16").encode("utf-8")
        return Lines(path, data), True
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise DataError(
            f"The file '{source}' must be a whole text, or a whole gzip file. Got: {one_line(error)}."
        ) from error
    except OSError as error:
        raise DataError(
            f"The file '{source}' must be one that can be read. Got: {error.strerror or error}."
        ) from error


# ---- looking through ----
@dataclass(frozen=True, eq=False)
class Found:
    """What looking through a table gave.

    Parameters
    ----------
    lines : Lines
    layout : Layout
    n : int
        The number of rows that count.
    grid : Grid, optional
        When they were taken.
    blocks : list of (int, int, int, bool)
        Of each block: its first row, its first byte, its bytes, and whether it begins with a row that does not count.
    kept : ndarray of float64, shape (n, n_components), optional
    alive : ndarray of bool, shape (n_components,)
        Which components hold a number.
    notes : list of str
    """

    lines: Lines
    layout: Layout
    n: int
    grid: Grid | None
    blocks: list[tuple[int, int, int, bool]]
    kept: np.ndarray | None
    alive: np.ndarray
    notes: list[str]

    def readers(self) -> list[tuple[str, Readable]]:
        """Return the name and the samples of each component."""
        names = [self.layout.names[i] for i in self.layout.values]
        numbers = np.flatnonzero(self.alive).tolist()
        if self.kept is not None:
            kept = self.kept
            return [(names[i], InMemory(np.ascontiguousarray(kept[:, i]))) for i in numbers]
        rows = Shared(Blocks(self.lines, self.layout, self.blocks))
        return [(names[i], Column(rows, i)) for i in numbers]


class _Scan:
    """One look through all lines of a table."""

    def __init__(self, lines: Lines, layout: Layout, stated: float | None) -> None:
        self.lines, self.layout = lines, layout
        self.grid = None if layout.time is None else Grid(layout, stated)

    def run(self, *, keep: bool) -> Found:
        layout, n, line = self.layout, 0, self.layout.begin_line
        blocks: list[tuple[int, int, int, bool]] = []
        kept: list[np.ndarray] = []
        alive = np.zeros(len(layout.values), bool)
        for byte, data in self.lines.blocks(layout.begin):
            rows = layout.rows(data, line)
            line += data.count(b"\n")
            counts = np.ones(len(rows.values), bool) if self.grid is None else self.grid.add(rows)
            values = rows.values[counts]
            if len(values):
                blocks.append((n, byte, len(data), not counts[0]))
                alive |= ~np.isnan(values).all(axis=0)
                n += len(values)
            if keep:
                kept.append(values)
        check(n, DataError, "The table '{}' must hold rows of samples. Got none.", layout.source)
        check(
            alive.any(),
            DataError,
            "The table '{}' must hold a column with numbers in it. Got none.",
            layout.source,
        )
        notes = [] if self.grid is None else self.grid.notes()
        empty = [layout.names[i] for i, lives in zip(layout.values, alive) if not lives and layout.names[i]]
        if empty:
            notes.append(f"'{layout.source}': {some_of(empty)}: no number in any row, left out.")
        return Found(
            self.lines, layout, n, self.grid, blocks, np.concatenate(kept) if keep else None, alive, notes
        )


class Blocks:
    """Rows that are read from their lines again; the blocks read last are kept.

    Parameters
    ----------
    lines : Lines
    layout : Layout
    blocks : list of (int, int, int, bool)
        As of `Found`.
    """

    def __init__(self, lines: Lines, layout: Layout, blocks: list[tuple[int, int, int, bool]]) -> None:
        self.lines, self.layout = lines, layout
        self.first, self.byte, self.size, self.again = (np.array(column) for column in zip(*blocks))
        self._kept = Kept()  # blocks by their number

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Return the rows from ``first`` up to ``stop``, float64 of shape (stop - first, n_components)."""
        low = int(np.searchsorted(self.first, first, side="right")) - 1
        high = max(low + 1, int(np.searchsorted(self.first, stop, side="left")))
        pieces = []
        for i in range(low, high):
            begin = int(self.first[i])
            pieces.append(self._block(i)[max(0, first - begin) : stop - begin])
        return np.concatenate(pieces)

    def _block(self, number: int) -> np.ndarray:
        kept: dict[int, np.ndarray] = self._kept.value or {}
        found = kept.get(number)
        if found is None:
            with self.lines.open() as file:
                file.seek(int(self.byte[number]))
                rows = self.layout.rows(file.read(int(self.size[number])), 1)
            found = rows.values
            if rows.seconds is not None:
                counts = np.append(not self.again[number], rows.seconds[1:] != rows.seconds[:-1])
                found = found[counts]
            kept = dict([*list(kept.items())[-KEPT + 1 :], (number, found)])
            self._kept.keep(kept, sum(block.nbytes for block in kept.values()))
        return found
