"""Images that are stored in pieces (strips, tiles, chunks): a region of one, without reading the rest.

Every kind of file says what its pieces are and how one is decoded; putting regions together, remembering the pieces
that were decoded last, and saying which of them is corrupt is done here, once.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clew.errors import ClewError, DataError
from clew.read.kinds import one_line

RECENT_BYTES = 64 * 2**20  # of decoded pieces that are kept, for all open images together
_keys = itertools.count()


class Pieces(ABC):
    """An image on disk as a regular grid of pieces, each decoded alone; safe to read from several threads.

    Attributes
    ----------
    path : Path
    axes : str
        One letter a stored axis: T, C, Z, Y, X, each at most once, or "_" for one of length 1 without meaning.
    shape, chunk : tuple of int
        The length of each axis, and that of a piece along it; pieces at the end of an axis may be longer than what
        is left of it.
    dtype : numpy dtype
        In the byte order of this machine.
    """

    def __init__(self, path: Path, axes: str, shape: Sequence[int], chunk: Sequence[int], dtype: np.dtype):
        self.path, self.axes = path, axes
        self.shape, self.chunk = tuple(map(int, shape)), tuple(map(int, chunk))
        self.dtype = np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")
        self._key = next(_keys)

    @abstractmethod
    def decode(self, index: tuple[int, ...]) -> np.ndarray:
        """Return the piece at a place of the grid; whatever is wrong with it may be raised as it comes."""

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes as 64 hex digits."""
        with open(self.path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def piece(self, index: tuple[int, ...]) -> np.ndarray:
        """Return the piece at a place of the grid, decoded now or a moment ago; not to be written to.

        Raises
        ------
        DataError
            If it cannot be read or decoded; names the file and the place.
        """
        return _recent.get((self._key, index), lambda: self._decode(index))

    def region(self, slices: Sequence[slice]) -> np.ndarray:
        """Return what lies in one slice a stored axis, with start and stop within the axis."""
        block = np.empty([s.stop - s.start for s in slices], self.dtype)
        for index in self.grid(slices):
            lows = [max(s.start, i * c) for s, i, c in zip(slices, index, self.chunk)]
            highs = [min(s.stop, (i + 1) * c) for s, i, c in zip(slices, index, self.chunk)]
            here = tuple(slice(a - s.start, b - s.start) for a, b, s in zip(lows, highs, slices))
            there = tuple(slice(a - i * c, b - i * c) for a, b, i, c in zip(lows, highs, index, self.chunk))
            block[here] = self.piece(index)[there]
        return block

    def grid(self, slices: Sequence[slice]) -> Iterator[tuple[int, ...]]:
        """Return the places of the pieces that a region touches, in the order of the file's axes."""
        touched = [range(s.start // c, -(-s.stop // c)) for s, c in zip(slices, self.chunk)]
        return itertools.product(*touched)

    def place(self, index: tuple[int, ...]) -> str:
        """Say where a piece lies, in pixels of the whole image: "t 0, y 512 to 1023, x 0 to 511"."""
        said = []
        for axis, i, c, n in zip(self.axes, index, self.chunk, self.shape):
            low, high = i * c, min((i + 1) * c, n) - 1
            if axis != "_":
                said.append(f"{axis.lower()} {low}" + (f" to {high}" if high > low else ""))
        return ", ".join(said)

    def _decode(self, index: tuple[int, ...]) -> np.ndarray:
        try:
            return self.decode(index).astype(self.dtype, copy=False)
        except ClewError:
            raise
        except Exception as error:  # a decoder raises whatever corrupt bytes lead it to
            raise DataError(
                f"The image '{self.path}' must be whole. Got, at {self.place(index)}: {one_line(error)}."
            ) from error


@dataclass(frozen=True)
class Opened:
    """An image file that was opened: its pieces, and what it tells of its channels and of the size of its pixels.

    Parameters
    ----------
    pieces : Pieces
    channel_names : tuple of str
        As the file gives them; none where it gives none.
    pixel_size : tuple of three float or None
        Depth, height and width in µm.
    has_alpha : bool
        Whether the last channel is opacity.
    """

    pieces: Pieces
    channel_names: tuple[str, ...] = ()
    pixel_size: tuple[float | None, float | None, float | None] = (None, None, None)
    has_alpha: bool = False


class _Recent:
    """The pieces that were decoded last, up to so many bytes; each is decoded once though several threads want it."""

    def __init__(self, limit: int):
        self.limit, self.held, self.lock = limit, 0, threading.Lock()
        self.pieces: OrderedDict[object, Future[np.ndarray]] = OrderedDict()

    def get(self, key: object, decode: Callable[[], np.ndarray]) -> np.ndarray:
        with self.lock:
            mine = key not in self.pieces
            future = self.pieces.setdefault(key, Future())
            self.pieces.move_to_end(key)
        if not mine:
            return future.result()
        try:
            piece = decode()
        except BaseException as error:
            with self.lock:
                del self.pieces[key]
            future.set_exception(error)
            raise
        future.set_result(piece)
        with self.lock:
            self.held += piece.nbytes
            while self.held > self.limit:
                oldest = next(iter(self.pieces))
                if oldest == key or not self.pieces[oldest].done():
                    break
                self.held -= self.pieces.pop(oldest).result().nbytes
        return piece


_recent = _Recent(RECENT_BYTES)
