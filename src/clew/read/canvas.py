"""What is painted on an image, put together: labelled pieces that do not overlap, and where two classes clash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Place = tuple[int, int, int, int]  # t, z, y, x
Piece = tuple[Place, np.ndarray]  # where it begins, and its labels (T, Z, Y, X)

MOST_CLASSES = 64  # more numbers than these are objects that were counted, not classes that were painted
CLASH = 255
PLANES, SIDE = 16, 1024  # a piece spans at most so many planes, rows and columns


class Canvas:
    """Labels painted one array after another; only the blocks that are touched are held.

    A pixel that is given two classes clashes: it is counted, and belongs to neither.
    """

    def __init__(self) -> None:
        self._blocks: dict[Place, np.ndarray] = {}  # (t, z, y // SIDE, x // SIDE) -> (SIDE, SIDE) of uint8

    def paint(self, place: Place, labels: np.ndarray) -> None:
        """Paint ``labels``, whole numbers of shape (T, Z, Y, X) from 0 (nothing) to `MOST_CLASSES`, at ``place``."""
        t0, z0, y0, x0 = place
        for t, z in np.ndindex(labels.shape[:2]):
            plane = labels[t, z]
            for by, rows, into_rows in _blocks_along(y0, plane.shape[0]):
                for bx, columns, into_columns in _blocks_along(x0, plane.shape[1]):
                    part = plane[rows, columns]
                    if part.any():
                        block = self._block((t0 + t, z0 + z, by, bx))
                        _lay(part.astype(np.uint8), block[into_rows, into_columns])

    def _block(self, key: Place) -> np.ndarray:
        if key not in self._blocks:
            self._blocks[key] = np.zeros((SIDE, SIDE), np.uint8)
        return self._blocks[key]

    def clashes(self) -> tuple[int, Place | None]:
        """Return how many pixels were given two classes, and where the first of them is."""
        number, places = 0, list[Place]()
        for (t, z, by, bx), block in self._blocks.items():
            found = np.argwhere(block == CLASH)
            number += len(found)
            places += [(t, z, by * SIDE + int(row), bx * SIDE + int(column)) for row, column in found[:1]]
        return number, min(places, default=None)

    def pieces(self) -> tuple[Piece, ...]:
        """Return what is painted as pieces of int32 that do not overlap, each cut to its labelled pixels."""
        stacks: dict[Place, list[int]] = {}
        for t, z, by, bx in sorted(self._blocks):
            stacks.setdefault((t, z // PLANES, by, bx), []).append(z)
        found = []
        for (t, _, by, bx), planes in sorted(stacks.items()):
            labels = np.zeros((1, planes[-1] - planes[0] + 1, SIDE, SIDE), np.uint8)
            for z in planes:
                labels[0, z - planes[0]] = self._blocks[t, z, by, bx]
            labels[labels == CLASH] = 0
            if labels.any():
                found.append(_trimmed((t, planes[0], by * SIDE, bx * SIDE), labels))
        return tuple(found)


def slices_at(place: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return where an array of ``shape`` lies that begins at ``place``."""
    return tuple(slice(start, start + n) for start, n in zip(place, shape))


def _blocks_along(start: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield, for each block that pixels ``start`` to ``start + length`` touch: its number, and the slices of both."""
    for block in range(start // SIDE, -(-(start + length) // SIDE)):
        low, high = max(start, block * SIDE), min(start + length, (block + 1) * SIDE)
        yield block, slice(low - start, high - start), slice(low - block * SIDE, high - block * SIDE)


def _lay(labels: np.ndarray, ground: np.ndarray) -> None:
    clash = (labels > 0) & (ground > 0) & (labels != ground)
    np.copyto(ground, labels, where=labels > 0)
    ground[clash] = CLASH


def _trimmed(place: Place, labels: np.ndarray) -> Piece:
    """Cut a piece to the box of its labelled pixels."""
    starts, box = [], []
    for axis, start in enumerate(place):
        used = np.flatnonzero(labels.any(axis=tuple(other for other in range(4) if other != axis)))
        starts.append(start + int(used[0]))
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    t, z, y, x = starts
    return (t, z, y, x), labels[tuple(box)].astype(np.int32)
