"""A sheet: what is painted on one image stroke by stroke, and what is measured of the painted pixels, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clew.errors import DataError, check
from clew.learn.pixel_training import measure_painted
from clew.learn.tiling import scale_of
from clew.measure.intensity import Normalise
from clew.measure.pixels import PixelFeatures
from clew.read.annotations import Annotation
from clew.read.canvas import MOST_CLASSES, Canvas
from clew.read.stacks import Stack

NORMALISE: Normalise = "otsu"  # of `train_pixels`
MOST_POINTS, MOST_RADIUS = 20_000, 500.0  # of a stroke


@dataclass(frozen=True, eq=False)
class Stroke:
    """One movement of the brush.

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, 2)
        Rows and columns; pixel (r, c) reaches from (r, c) to (r + 1, c + 1).
    radius : float
        Of the brush, in px.
    value : int
        The class from 1 on; 0 for the eraser.
    plane : tuple of two ints
        (t, z).

    Raises
    ------
    DataError
        If a number is not finite or out of range.
    """

    points: np.ndarray
    radius: float
    value: int
    plane: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        points = np.asarray(self.points, np.float64)
        check(
            points.ndim == 2 and points.shape[1] == 2 and 1 <= len(points) <= MOST_POINTS and np.isfinite(points).all(),
            DataError,
            "The points of a stroke must be 1 to {:,} finite pairs of row and column. Got an array of shape {}.",
            MOST_POINTS,
            points.shape,
        )  # fmt: skip
        check(
            0 < self.radius <= MOST_RADIUS and 0 <= self.value <= MOST_CLASSES,
            DataError,
            "The brush of a stroke must have a radius up to {:g} px and a class from 1 to {}, 0 to erase. Got {} and {}.",
            MOST_RADIUS,
            MOST_CLASSES,
            self.radius,
            self.value,
        )
        object.__setattr__(self, "points", points)


class Sheet:
    """What is painted on one image, and what is measured of it.

    Parameters
    ----------
    stack : Stack
    name : str
        What the study calls the image.

    Attributes
    ----------
    strokes : list of Stroke
        All that stand, in order: later ones and the eraser win.
    """

    def __init__(self, stack: Stack, name: str = "") -> None:
        self.stack, self.name = stack, name or stack.name
        self.strokes: list[Stroke] = []
        self._planes: dict[tuple[int, int], np.ndarray] = {}
        self._known: dict[
            tuple[int, int], tuple[np.ndarray, np.ndarray]
        ] = {}  # painted pixels and their features

    def draw(self, strokes: Sequence[Stroke]) -> None:
        """Make ``strokes`` what stands: only new ones are rasterised if the others are those that stood before."""
        n = len(self.strokes)
        if len(strokes) < n or any(a is not b for a, b in zip(strokes, self.strokes)):
            self.strokes, self._planes, n = [], {}, 0
        for stroke in strokes[n:]:
            self.paint(stroke)

    def paint(self, stroke: Stroke) -> tuple[int, int, int, int]:
        """Rasterise a stroke; return the box of what may have changed: top, left, bottom, right.

        Raises
        ------
        DataError
            If the image has no such plane, or the stroke lies beside it.
        """
        from clew.kernels.strokes import sweep

        times, _, depth, height, width = self.stack.shape
        t, z = stroke.plane
        check(
            0 <= t < times and 0 <= z < depth,
            DataError,
            "The stroke on '{}' must be on a plane that it has: t up to {}, z up to {}. Got t {}, z {}.",
            self.name,
            times - 1,
            depth - 1,
            t,
            z,
        )
        plane = self._planes.get((t, z))
        if plane is None:
            plane = np.zeros((height, width), np.uint8)
        box = sweep(plane, stroke.points, stroke.radius, stroke.value)
        check(
            box[0] < box[2] and box[1] < box[3],
            DataError,
            "The stroke must lie on the image '{}' of {} x {} px. Got one beside it.",
            self.name,
            width,
            height,
        )
        self._planes[t, z] = plane
        self.strokes.append(stroke)
        return box

    def labels(self, t: int, z: int) -> np.ndarray:
        """Return the classes painted on a plane, uint8 of shape (Y, X); 0 where nothing is."""
        return self._planes.get((t, z), np.zeros(self.stack.shape[3:], np.uint8))

    @property
    def painted(self) -> bool:
        """Return whether any pixel has a class."""
        return any(plane.any() for plane in self._planes.values())

    def counts(self) -> dict[int, int]:
        """Return the number of painted pixels of every class that has any."""
        n = np.sum(
            [np.bincount(plane.reshape(-1), minlength=256) for plane in self._planes.values()]
            or [np.zeros(256, np.int64)],
            axis=0,
        )
        return {int(value): int(n[value]) for value in np.flatnonzero(n) if value}

    def annotation(self, names: Mapping[int, str]) -> Annotation:
        """Return all that is painted, bound to this image by its content.

        Raises
        ------
        DataError
            If nothing is painted.
        """
        canvas = Canvas()
        for (t, z), plane in sorted(self._planes.items()):
            canvas.paint((t, z, 0, 0), plane[None, None])
        t, _, z, y, x = self.stack.shape
        pieces = canvas.pieces()
        there = {int(n) for _, labels in pieces for n in np.unique(labels) if n}
        return Annotation(
            pieces,
            {number: names.get(number, str(number)) for number in sorted(there)},
            name=f"strokes on {self.name}",
            image_name=self.stack.name,
            image_sha256=self.stack.sha256(),
            image_shape=(t, z, y, x),
        )

    def measured(self, features: PixelFeatures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places (n, 4), class numbers (n,) and features (n, n_features) of the painted pixels, in the order of places."""
        width = self.stack.shape[4]
        places, values, tables = [np.zeros((0, 4), np.int64)], [np.zeros(0, np.int64)], [np.zeros((0, len(features.names)), np.float32)]  # fmt: skip
        for (t, z), plane in sorted(self._planes.items()):
            flat = np.flatnonzero(plane)
            known, table = self._known.get((t, z), (np.zeros(0, np.int64), tables[0]))
            new = np.setdiff1d(flat, known, assume_unique=True)
            if new.size:
                place = np.column_stack([np.full(new.size, t), np.full(new.size, z), new // width, new % width])  # fmt: skip
                fresh = measure_painted(self.stack, place, features, scale_of(self.stack, NORMALISE))
                at = np.searchsorted(known, new)
                known, table = np.insert(known, at, new), np.insert(table, at, fresh, axis=0)
                self._known[t, z] = known, table
            places.append(
                np.column_stack([np.full(flat.size, t), np.full(flat.size, z), flat // width, flat % width])
            )
            values.append(plane.reshape(-1)[flat].astype(np.int64))
            tables.append(table[np.searchsorted(known, flat)])
        return np.concatenate(places), np.concatenate(values), np.concatenate(tables)
