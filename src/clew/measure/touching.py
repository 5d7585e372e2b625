"""Pairs of objects that touch: one row a pair, with what their common border and their union are like."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.measured import Measured, counted, numbered_objects
from clew.measure.objects import intensity_columns, micrometres_per_pixel, with_equal_channels
from clew.read.images import Image
from clew.read.kinds import distinct_names
from clew.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

UNITS = {
    "touch_length": "{}",
    "touch_portion_smaller": "",
    "touch_portion_larger": "",
    "centroid_distance": "{}",
    "union_area": "{}²",
    "area_ratio": "",
    "union_solidity": "",
}
BORDER = ("border_intensity_mean", "border_intensity_std", "border_contrast", "intensity_difference")


def measure_touching(images: Sequence[Image], label_images: Sequence[np.ndarray]) -> Measured:
    """Measure every pair of objects that have a side of a pixel in common.

    Parameters
    ----------
    images : sequence of Image
        All with the same channels, and pixel sizes known of all or of none.
    label_images : sequence of ndarray of int, shape (Y, X)
        The objects of each image; 0 for background.

    Returns
    -------
    Measured
        One row a pair, called "SOURCE#3+7", in the order of the numbers. Features, in px or µm:

        - ``touch_length``: the length of the common border, along the sides of pixels; ``touch_portion_smaller`` and
          ``_larger``: the share it has of all borders of the object with the shorter border, and of the other.
        - ``centroid_distance``, ``union_area``, ``area_ratio`` (smaller / larger), ``union_solidity`` (of both together:
          area / area of the convex hull around the pixels' corners).
        - of each channel, ``border_intensity_mean`` and ``_std`` along the common border (at each side of a pixel, the mean
          of the two pixels there), ``border_contrast`` (that mean less the mean of all pixels of both objects),
          ``intensity_difference`` (between the means of the objects, without sign).

        ``origin`` holds source, the numbers ``label_a`` < ``label_b``, and the centroid of the border in pixels.

    Raises
    ------
    DataError
        If label images do not fit their images, or no two objects touch.

    Notes
    -----
    Touch length, touch portion and mean intensity along the common border are what the ObjectMerger of APOC (Robert
    Haase, https://github.com/haesleinhuepf/apoc) learns from; the others are added here.
    """
    check(images, DataError, "The images of measure_touching must be at least one. Got none.")
    check(
        len(images) == len(label_images),
        DataError,
        "The label_images of measure_touching must be one for each of {} images. Got {}.",
        len(images),
        len(label_images),
    )
    import pandas as pd

    notes: list[str] = []
    names = distinct_names([image.path for image in images])
    images = with_equal_channels(images, notes)
    scales = micrometres_per_pixel(images)
    labels = {
        name: numbered_objects(given, image.pixels.shape[1:], of=name)
        for name, image, given in zip(names, images, label_images)
    }
    tables = [
        _measure_image(image, labels[name], name, scale or 1.0)
        for name, image, scale in zip(names, images, scales)
    ]
    table = pd.concat([one for one in tables if len(one)] or tables[:1], ignore_index=True)
    n_objects = sum(len(np.unique(given[given > 0])) for given in labels.values())
    check(
        len(table),
        DataError,
        "The objects in {} must touch somewhere for pairs to be measured. Got {} that lie apart.",
        f"'{names[0]}'" if len(names) == 1 else f"all {len(names)} images",
        counted(n_objects, "object"),
    )
    notes.append(f"{counted(len(table), 'pair')} of touching objects among {counted(n_objects, 'object')}.")
    unit = "px" if scales[0] is None else "µm"
    settings: dict[str, Any] = {
        "channels": list(images[0].channel_names),
        "unit": unit,
        "dtype": "/".join(sorted({str(image.pixels.dtype) for image in images})),
    }
    read = {name: image.sha256 for name, image in zip(names, images)}
    counts = {"objects": n_objects, "pairs": len(table)}
    return Measured(_samples(table, unit), labels, notes, counts, settings, read)


def borders(labels: np.ndarray, *, corners: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels on both sides of every border.

    Parameters
    ----------
    labels : ndarray of int, of whatever shape
    corners : bool
        Whether pixels that meet at a corner only are neighbours too.

    Returns
    -------
    here, there : ndarray of int64, shape (n_borders,)
        Indices into ``labels.ravel()`` of neighbours that differ, each couple once.
    """
    index = np.arange(labels.size).reshape(labels.shape)
    found = []
    for step in product((0, 1, -1), repeat=labels.ndim):
        first = next((one for one in step if one), 0)
        if first != 1 or (np.abs(step).sum() > 1 and not corners):  # one of two opposite directions is enough
            continue
        here = tuple(slice(max(-one, 0), n - max(one, 0)) for one, n in zip(step, labels.shape))
        there = tuple(slice(max(one, 0), n - max(-one, 0)) for one, n in zip(step, labels.shape))
        differ = labels[here] != labels[there]
        found.append((index[here][differ], index[there][differ]))
    return np.concatenate([here for here, _ in found]), np.concatenate([there for _, there in found])


# ---- the measurements ----
def _measure_image(image: Image, labels: np.ndarray, name: str, scale: float) -> pd.DataFrame:
    """Measure the pairs of one image; lengths times ``scale``."""
    import pandas as pd

    values, dense = np.unique(np.append(0, labels), return_inverse=True)
    dense = dense[1:].reshape(labels.shape)  # 0 is the ground, whether there is any or not
    n = len(values)
    here, there = borders(dense)
    flat = dense.ravel()
    border_of = np.bincount(flat[here], minlength=n) + np.bincount(
        flat[there], minlength=n
    )  # sides of pixels, (n,)
    between = (flat[here] > 0) & (flat[there] > 0)
    here, there = here[between], there[between]
    low, high = np.minimum(flat[here], flat[there]), np.maximum(flat[here], flat[there])
    code, pair, length = np.unique(low * n + high, return_inverse=True, return_counts=True)
    a, b = code // n, code % n
    area = np.bincount(flat, minlength=n)
    row, column = np.indices(labels.shape).reshape(2, -1)
    centroid = np.column_stack([_means(flat, row, area), _means(flat, column, area)])
    portions = np.sort(np.column_stack([length / border_of[a], length / border_of[b]]), axis=1)
    columns = {
        "source": name,
        "label_a": values[a],
        "label_b": values[b],
        "centroid_row": _means(pair, (row[here] + row[there]) / 2, length),
        "centroid_col": _means(pair, (column[here] + column[there]) / 2, length),
        "touch_length": length * scale,
        "touch_portion_smaller": portions[:, 1],
        "touch_portion_larger": portions[:, 0],
        "centroid_distance": np.hypot(*(centroid[a] - centroid[b]).T) * scale,
        "union_area": (area[a] + area[b]) * scale**2,
        "area_ratio": np.minimum(area[a], area[b]) / np.maximum(area[a], area[b]),
        "union_solidity": _union_solidity(dense, a, b, area),
    }
    named = list(intensity_columns(image).values())[: len(image.pixels)]  # intensity_mean of each channel
    for plane, channel in zip(image.pixels, named):
        value = plane.ravel().astype(np.float64)
        mean = _means(flat, value, area)
        at_border = (value[here] + value[there]) / 2
        border_mean = _means(pair, at_border, length)
        variance = _means(pair, (at_border - border_mean[pair]) ** 2, length)
        inside = (mean[a] * area[a] + mean[b] * area[b]) / (area[a] + area[b])
        figures = (border_mean, np.sqrt(variance), border_mean - inside, np.abs(mean[a] - mean[b]))
        suffix = channel.removeprefix("intensity_mean")
        columns |= {f"{figure}{suffix}": found for figure, found in zip(BORDER, figures)}
    return pd.DataFrame(columns)


def _means(group: np.ndarray, value: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the mean of the values of each group, float64 of shape (n_groups,); 0 of an empty one."""
    return np.bincount(group, weights=value, minlength=len(size)) / np.maximum(size, 1)


def _union_solidity(dense: np.ndarray, a: np.ndarray, b: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Return the area of two objects together over that of their common convex hull, shape (n_pairs,).

    The hull of two objects is the hull of the corners of their hulls, so each object is looked at once.
    """
    from scipy.ndimage import find_objects
    from scipy.spatial import ConvexHull

    boxes, corners = find_objects(dense), {}
    for number in np.union1d(a, b):
        box = boxes[number - 1]
        pixels = np.argwhere(dense[box] == number) + [one.start for one in box]
        points = np.concatenate([pixels + step for step in np.ndindex((2,) * dense.ndim)])
        corners[number] = points[ConvexHull(points).vertices]
    hulls = [ConvexHull(np.concatenate([corners[i], corners[j]])).volume for i, j in zip(a, b)]
    return (area[a] + area[b]) / np.array(hulls)


def _samples(table: pd.DataFrame, unit: str) -> Samples:
    place = ["source", "label_a", "label_b", "centroid_row", "centroid_col"]
    names = tuple(str(name) for name in table if name not in place)
    return Samples(
        features=table[list(names)].to_numpy(np.float64),
        feature_names=names,
        units=tuple(UNITS.get(name, "counts").format(unit) for name in names),
        sample=np.array([f"{s}#{a}+{b}" for s, a, b in table[place[:3]].itertuples(index=False)], dtype=str),
        origin=table[place].copy(),
        group=table["source"].to_numpy(str),
    )
