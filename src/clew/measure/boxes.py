"""Objects known by a box only: one row a box, with its size and what lies inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clew.errors import DataError, check
from clew.measure.measured import Measured
from clew.measure.objects import intensity_columns, micrometres_per_pixel, with_equal_channels
from clew.read.images import Image
from clew.read.kinds import distinct_names
from clew.samples import Samples

SIZES = ("box_width", "box_height", "box_area", "box_aspect_ratio")
PLACE = ("min_row", "min_col", "max_row", "max_col")


def measure_boxes(images: Sequence[Image], boxes: Sequence[np.ndarray]) -> Measured:
    """Measure size and intensities of boxes, as detectors and annotators of objects give them; boxes may overlap.

    Parameters
    ----------
    images : sequence of Image
        All with the same channels, and pixel sizes known of all or of none.
    boxes : sequence of ndarray of int, shape (n_boxes, 4)
        Of each image the first row, first column, row and column after the last, in pixels.

    Returns
    -------
    Measured
        One row a box, called "SOURCE#1" and so on in the order given: width, height, area and aspect ratio (longer /
        shorter side) in px or µm, and of each channel mean, minimum, maximum and standard deviation of the pixels
        inside. ``origin`` holds source, label (the number), box and centre in pixels; the group is the image.

    Raises
    ------
    DataError
        If a box is empty or leaves its image, or there are none.
    """
    import pandas as pd

    check(
        len(images) == len(boxes) >= 1,
        DataError,
        "The boxes of measure_boxes must be one array for each of {} images. Got {}.",
        len(images),
        len(boxes),
    )
    notes: list[str] = []
    names = distinct_names([image.path for image in images])
    images = with_equal_channels(images, notes)
    scales = micrometres_per_pixel(images)
    rows, origins = [], []
    for name, image, given, scale in zip(names, images, boxes, scales):
        for number, box in enumerate(_checked(given, image, name), start=1):
            top, left, bottom, right = box
            sides = np.array([right - left, bottom - top]) * (scale or 1.0)
            inside = image.pixels[:, top:bottom, left:right].reshape(len(image.pixels), -1).astype(np.float64)
            figures = np.stack([inside.mean(1), inside.min(1), inside.max(1), inside.std(1)])
            rows.append([*sides, sides.prod(), sides.max() / sides.min(), *figures.ravel()])
            origins.append((name, number, *box, (top + bottom - 1) / 2, (left + right - 1) / 2))
    check(rows, DataError, "The boxes of measure_boxes must be at least one. Got none.")
    origin = pd.DataFrame(origins, columns=["source", "label", *PLACE, "centroid_row", "centroid_col"])
    unit = "px" if scales[0] is None else "µm"
    # figure by figure, and within each channel by channel, as in `figures` above
    intensities = tuple(intensity_columns(images[0]).values())
    samples = Samples(
        features=np.array(rows),
        feature_names=(*SIZES, *intensities),
        units=(unit, unit, f"{unit}²", "", *["counts"] * len(intensities)),
        sample=np.array([f"{source}#{number}" for source, number in zip(origin["source"], origin["label"])]),
        origin=origin,
        group=origin["source"].to_numpy(str),
        sets={"size": SIZES, "intensity": intensities},
    )
    notes.append(f"{len(rows)} box{'es' * (len(rows) != 1)} measured.")
    settings = {
        "channels": list(images[0].channel_names),
        "unit": unit,
        "dtype": "/".join(sorted({str(image.pixels.dtype) for image in images})),
    }
    read = {name: image.sha256 for name, image in zip(names, images)}
    return Measured(samples, {}, notes, {"found": len(rows), "kept": len(rows)}, settings, read)


def _checked(boxes: np.ndarray, image: Image, name: str) -> list[list[int]]:
    """Return the boxes of an image as ints."""
    boxes = np.asarray(boxes)
    check(
        boxes.size == 0 or (boxes.ndim == 2 and boxes.shape[1] == 4 and boxes.dtype.kind in "uif"),
        DataError,
        "The boxes of '{}' must be numbers of shape (n_boxes, 4). Got {} of shape {} instead.",
        name,
        boxes.dtype,
        boxes.shape,
    )
    boxes = boxes.reshape(-1, 4)
    height, width = image.pixels.shape[1:]
    top, left, bottom, right = boxes.T
    wrong = ~(
        (top >= 0) & (left >= 0) & (top < bottom) & (left < right) & (bottom <= height) & (right <= width)
    )
    wrong |= (boxes != np.floor(boxes)).any(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"Box {i + 1} of '{name}' must lie within {height} x {width} pixels and hold at least one. Got rows {top[i]} to "
            f"{bottom[i]} and columns {left[i]} to {right[i]}."
        )
    return [[int(one) for one in box] for box in boxes]
