"""The exact outline of a mask along the edges of its pixels, as polygons that paint the very same pixels."""

from __future__ import annotations

import numpy as np


def rings_of(mask: np.ndarray) -> list[np.ndarray]:
    """Return the rings of corners round a mask: outlines clockwise as seen in an image, holes the other way.

    By the even-odd rule (`clew.read.geojson.inside_of`) they paint the mask again, pixel by pixel.

    Parameters
    ----------
    mask : ndarray of bool, shape (Y, X)

    Returns
    -------
    list of ndarray of int64, shape (n_corners, 2)
        x and y, in pixel edges: the pixel of row 0 and column 0 spans 0 to 1. The first corner is not repeated.
    """
    inside = np.pad(np.asarray(mask, bool), 1)
    core = inside[1:-1, 1:-1]
    ways: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # of each pixel with a free side, that side, so that the pixel lies on the right hand
    sides = (
        (core & ~inside[:-2, 1:-1], (0, 0), (1, 0)),
        (core & ~inside[1:-1, 2:], (1, 0), (1, 1)),
        (core & ~inside[2:, 1:-1], (1, 1), (0, 1)),
        (core & ~inside[1:-1, :-2], (0, 1), (0, 0)),
    )
    for free, start, end in sides:
        for y, x in np.argwhere(free).tolist():
            ways.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    rings = []
    while ways:
        rings.append(np.array(_corners(_walk(ways)), np.int64))
    return rings


def _walk(ways: dict[tuple[int, int], list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Take one closed way out of those that are left."""
    start = at = next(iter(ways))
    ring, step = [], (0, 0)
    while True:
        ring.append(at)
        choices = ways[at]
        # where two pixels touch at a corner, the right turn stays with the pixel at hand
        follow = max(choices, key=lambda to: step[0] * (to[1] - at[1]) - step[1] * (to[0] - at[0]))
        choices.remove(follow)
        if not choices:
            del ways[at]
        step, at = (follow[0] - at[0], follow[1] - at[1]), follow
        if at == start:
            return ring


def _corners(ring: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Leave out the points on straight lines."""
    return [
        here
        for before, here, after in zip([ring[-1], *ring[:-1]], ring, [*ring[1:], ring[0]])
        if (here[0] - before[0]) * (after[1] - here[1]) != (here[1] - before[1]) * (after[0] - here[0])
    ]


def is_hole(ring: np.ndarray) -> bool:
    """Return whether a ring of `rings_of` goes round a hole."""
    x, y = ring.astype(np.int64).T
    return bool((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() < 0)
