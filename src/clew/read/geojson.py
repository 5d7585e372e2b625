"""GeoJSON as QuPath exports it: outlines, lines and points, each with its class.

What QuPath writes is read from its public documentation and source (no code is taken):
https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html,
https://github.com/qupath/qupath/blob/main/qupath-core/src/main/java/qupath/lib/io/QuPathTypeAdapters.java and
https://github.com/qupath/qupath/blob/main/qupath-core/src/main/java/qupath/lib/io/ROITypeAdapters.java.
Coordinates are (x, y) in pixels of the full image; the pixel of row 0 and column 0 spans 0 to 1, its centre is at 0.5.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.canvas import MOST_CLASSES, Canvas, Piece
from clew.read.kinds import one_line, package
from clew.read.outlines import is_hole, rings_of

TRAINS_NOTHING = "Region*"  # QuPath's own class for what is looked at, and not learned from
LARGEST_OUTLINE = 2**30  # px in the box around it


@dataclass(frozen=True, eq=False)
class Drawing:
    """The classes that outlines give to pixels."""

    pieces: tuple[Piece, ...]
    class_names: dict[int, str]
    colors: dict[int, tuple[int, int, int]]
    notes: list[str]


def read_drawing(data: bytes, path: Path, number_of: dict[str, int] | None = None) -> Drawing:
    """Paint the outlines of a GeoJSON file: pixels whose centre lies inside get the outline's class.

    Classes get the numbers of ``number_of``, or else 1, 2, ... in alphabetical order. Lines are painted one pixel
    wide, and a point is one pixel. A pixel that two classes claim stays unlabelled. What has no class, is no annotation
    (detections, cells) or is of QuPath's class "Region*" is left aside.

    Raises
    ------
    DataError
        If the file is no GeoJSON, has a geometry of another kind, coordinates that are no numbers, no annotation with
        a class, or a class that is not in ``number_of``.
    """
    try:
        return _drawing(list(_features(json.loads(data))), path, number_of or {})
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"The file '{path}' must be whole GeoJSON. Got: {one_line(error)}.") from error


def read_detections(document: Any, path: Path) -> list[tuple[str, list[np.ndarray]]]:
    """Return the class and the rings of what QuPath calls detections, cells and tiles, where annotations have no class.

    An annotation is painted, and may cover many objects; a detection is one object.

    Raises
    ------
    DataError
        If a geometry has no area, or its coordinates are no numbers.
    """
    found = []
    for feature in _features(document):
        properties = feature["properties"]
        name, reason = _class_of(feature)
        if not reason:
            return []
        if reason.startswith("of kind"):
            name, reason = _class_of({**feature, "properties": {**properties, "objectType": "annotation"}})
        if reason:
            continue
        geometry = feature["geometry"]
        check(
            geometry["type"] in ("Polygon", "MultiPolygon", "Point"),
            DataError,
            "The detections of '{}' must be polygons or points. Got '{}'.",
            path,
            geometry["type"],
        )
        told = geometry["coordinates"]
        parts = {"Polygon": [told], "Point": [[[told]]]}.get(geometry["type"], told)
        found.append((name, [_xy(ring, path) for part in parts for ring in part]))
    return found


def drawing_of(labels: np.ndarray, given: dict[int, str]) -> str:
    """Return labelled objects as GeoJSON that QuPath reads: an annotation each, along the edges of its pixels.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        The objects; 0 for background.
    given : dict of int to str
        The class of objects.
    """
    features = []
    for number, name in sorted(given.items()):
        rings = [[*ring.tolist(), ring[0].tolist()] for ring in rings_of(labels == number)]
        outer = [ring for ring in rings if not is_hole(np.array(ring))]
        holes = [ring for ring in rings if is_hole(np.array(ring))]
        polygons = [[ring] for ring in outer]
        for hole in holes:
            home = next((one for one in polygons if _goes_round(one[0], hole)), polygons[0])
            home.append(hole)
        geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
        if len(polygons) == 1:
            geometry = {"type": "Polygon", "coordinates": polygons[0]}
        properties = {"objectType": "annotation", "name": str(number), "classification": {"name": name}}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1) + "\n"


def _goes_round(outline: list[list[int]], hole: list[list[int]]) -> bool:
    """Return whether an outline holds a hole: the pixel below its topmost left corner is inside."""
    x, y = min(hole, key=lambda point: (point[1], point[0]))
    top, left, inside = inside_of([np.array(outline[:-1], float)])
    row, column = y - top, x - left
    return 0 <= row < inside.shape[0] and 0 <= column < inside.shape[1] and bool(inside[row, column])


def _drawing(features: list[dict[str, Any]], path: Path, number_of: dict[str, int]) -> Drawing:
    classified, aside = [], Counter[str]()
    for feature in features:
        name, reason = _class_of(feature)
        if reason:
            aside[reason] += 1
        else:
            classified.append((name, feature))
    left = ", ".join(f"{n} {reason}" for reason, n in sorted(aside.items()))
    check(
        classified,
        DataError,
        "The GeoJSON '{}' must hold annotations with a class. Got {} feature{}{}.",
        path,
        len(features),
        "s" * (len(features) != 1),
        f": {left}" if left else "",
    )
    notes = [f"{path.name}: left aside are {left}."] if left else []
    names = sorted({name for name, _ in classified})
    check(
        len(names) <= MOST_CLASSES,
        DataError,
        "The GeoJSON '{}' must have at most {} classes. Got {}.",
        path,
        MOST_CLASSES,
        len(names),
    )
    unknown = [name for name in names if number_of and name not in number_of]
    check(
        not unknown,
        DataError,
        "The classes of '{}' must be among the class names ({}). Got '{}'.",
        path,
        ", ".join(number_of),
        *unknown[:1],
    )
    number_of = number_of or {name: i + 1 for i, name in enumerate(names)}
    canvas, colors, thin = Canvas(), {}, 0
    for name, feature in classified:
        thin += not _paint(canvas, feature["geometry"], number_of[name], path)
        color = _color_of(feature["properties"]["classification"])
        colors.update({number_of[name]: color} if color else {})
    if thin:
        notes.append(
            f"{path.name}: {thin} annotation{'s' * (thin > 1)} so small that no centre of a pixel lies inside."
        )
    clashes, place = canvas.clashes()
    if place:
        notes.append(
            f"{path.name}: {clashes} pixel{'s' * (clashes > 1)} that annotations of different classes share stay "
            f"unlabelled, the first at row {place[2]}, column {place[3]}."
        )
    return Drawing(canvas.pieces(), {i: name for name, i in number_of.items()}, colors, notes)


def _features(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the features of a collection, a list, or one; children after their parents."""
    if isinstance(document, list):
        for item in document:
            yield from _features(item)
    elif document["type"] == "FeatureCollection":
        yield from _features(document["features"])
    elif document["type"] == "GeometryCollection" and "properties" not in document:
        for geometry in document[
            "geometries"
        ]:  # such as hand-written files: the geometry itself tells the class
            yield {"geometry": geometry, "properties": geometry.get("properties") or {}}
    else:
        properties = document.get("properties") or {}
        yield {**document, "properties": properties}
        yield from _features(properties.get("childObjects") or properties.get("children") or [])


def _class_of(feature: dict[str, Any]) -> tuple[str, str]:
    """Return the class of a feature, or why it is left aside."""
    properties, old_kind = feature["properties"], str(feature.get("id", ""))
    # QuPath 0.2 told the kind in the id.
    kind = properties.get("objectType") or properties.get("object_type")
    if not kind and old_kind.startswith("Path") and old_kind.endswith("Object"):
        kind = old_kind.removeprefix("Path").removesuffix("Object").casefold()
    if kind and kind != "annotation":
        return "", f"of kind '{kind}'"
    told = properties.get("classification")
    if isinstance(told, dict):
        told = told.get("name") or ": ".join(told.get("names") or [])
    if not told:
        return "", "without a class"
    if _is_empty(feature.get("geometry")):
        return "", "without a geometry"
    return (str(told), "") if told != TRAINS_NOTHING else ("", f"of class '{TRAINS_NOTHING}'")


def _is_empty(geometry: Any) -> bool:
    """Tell whether a geometry is none, or has no coordinates, which RFC 7946 takes for none."""
    if not geometry:
        return True
    inside = geometry.get("geometries", geometry.get("coordinates"))
    while isinstance(inside, list) and len(inside) == 1:
        inside = inside[0]
    return bool(inside == [])


def _color_of(classification: Any) -> tuple[int, int, int] | None:
    if not isinstance(classification, dict):
        return None
    color, packed = classification.get("color"), classification.get("colorRGB")
    if isinstance(color, list) and len(color) == 3:
        return int(color[0]), int(color[1]), int(color[2])
    return (packed >> 16 & 255, packed >> 8 & 255, packed & 255) if isinstance(packed, int) else None


def _paint(canvas: Canvas, geometry: dict[str, Any], number: int, path: Path) -> bool:
    """Paint one geometry, on the plane that it tells; return whether it has any pixel."""
    plane = geometry.get("plane") or {}
    t, z = max(int(plane.get("t", 0)), 0), max(int(plane.get("z", 0)), 0)
    painted = False
    for row, column, inside in _masks(geometry, path):
        # an outline may stand out over the image's upper and left border
        inside = inside[max(-row, 0) :, max(-column, 0) :]
        canvas.paint((t, z, max(row, 0), max(column, 0)), (inside * np.uint8(number))[None, None])
        painted |= bool(inside.any())
    return painted


def _masks(geometry: dict[str, Any], path: Path) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield first row, first column and mask (Y, X) of every part of a geometry."""
    kind = str(geometry.get("type"))
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _masks(part, path)
        return
    single = kind.removeprefix("Multi")
    check(
        single in ("Polygon", "LineString", "Point"),
        DataError,
        "The geometries of '{}' must be polygons, lines or points. Got '{}' instead.",
        path,
        kind,
    )
    points = geometry["coordinates"]
    for part in [points] if kind == single else points:
        if single == "Polygon":
            yield inside_of([_xy(ring, path) for ring in part])
        elif single == "LineString":
            yield _along(_xy(part, path))
        else:
            [(x, y)] = _xy([part], path)
            yield int(np.floor(y)), int(np.floor(x)), np.ones((1, 1), bool)


def _xy(points: Any, path: Path) -> np.ndarray:
    """Return points as (n, 2) of x and y; a third coordinate is left out."""
    told = np.array([point[:2] for point in points])
    are_numbers = told.size and told.dtype.kind in "iuf"
    wrong = told[~np.isfinite(told).all(axis=1)].tolist() if are_numbers else points
    check(
        are_numbers and not wrong,
        DataError,
        "The coordinates of '{}' must be finite numbers. Got {} instead.",
        path,
        *wrong[:1] or ["none"],
    )
    xy = told.astype(np.float64).reshape(-1, 2)
    check(
        xy.min() >= -1,
        DataError,
        "The coordinates of '{}' must be pixels of the image, from 0 on. Got x = {:g}, y = {:g}.",
        path,
        *xy[xy.min(axis=1).argmin()],
    )
    size = np.prod(np.ptp(xy, axis=0) + 1)
    check(
        size <= LARGEST_OUTLINE,
        DataError,
        "An annotation of '{}' must lie in a box of at most {} pixels. Got {:.0f}.",
        path,
        LARGEST_OUTLINE,
        size,
    )
    return xy


def inside_of(rings: list[np.ndarray]) -> tuple[int, int, np.ndarray]:
    """Tell which pixel centres lie inside a polygon with holes, by the even-odd rule.

    A centre on an edge belongs to the polygon on its lower or right side, so that polygons that share an edge share
    no pixel, and leave none out.

    Parameters
    ----------
    rings : list of ndarray, shape (n, 2)
        The outline and the holes: x and y of their corners.

    Returns
    -------
    tuple of int, int, ndarray of bool (Y, X)
        The first row and column of the box around it, and what is inside.
    """
    starts = np.concatenate(rings)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    left, top = np.floor(starts.min(axis=0)).astype(int)
    right, bottom = np.ceil(starts.max(axis=0)).astype(int)
    # Upwards or downwards, an edge crosses a row at the same x to the last bit.
    down = (starts[:, 1] <= ends[:, 1])[:, None]
    (x0, y0), (x1, y1) = np.where(down, starts, ends).T, np.where(down, ends, starts).T
    first, last = np.ceil(y0 - 0.5).astype(int), np.ceil(y1 - 0.5).astype(int)  # rows whose centre it crosses
    n = last - first
    edge = np.repeat(np.arange(n.size), n)
    row = np.arange(edge.size) - np.repeat(np.cumsum(n) - n, n) + first[edge]
    slope = (x1 - x0)[edge] / (y1 - y0)[edge]
    crossing = x0[edge] + (row + 0.5 - y0[edge]) * slope
    column = np.clip(np.ceil(crossing - 0.5).astype(int), left, right)
    flips = np.zeros((bottom - top, right - left + 1), bool)
    np.bitwise_xor.at(flips, (row - top, column - left), True)
    return int(top), int(left), np.bitwise_xor.accumulate(flips, axis=1)[:, :-1]


def _along(line: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Return a line one pixel wide, as `inside_of` returns a polygon."""
    draw = package("skimage.draw")
    columns, rows = np.floor(line).astype(int).T
    top, left = rows.min(), columns.min()
    mask = np.zeros((np.ptp(rows) + 1, np.ptp(columns) + 1), bool)
    mask[rows - top, columns - left] = True
    for y0, x0, y1, x1 in zip(rows, columns, rows[1:], columns[1:]):
        mask[draw.line(y0 - top, x0 - left, y1 - top, x1 - left)] = True
    return int(top), int(left), mask
