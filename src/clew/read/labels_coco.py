"""COCO's JSON of labelled objects in images: boxes, polygons and runs of pixels.

The format as its makers tell it: https://cocodataset.org/#format-data; the packed runs as in their reference code (BSD),
https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c. x and y are in px, the first pixel spans 0 to 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line
from clew.read.marks import Mark, box
from clew.read.outlines import is_hole, rings_of

LARGEST_MASK = 2**28  # px; a few letters can claim any size


def is_coco(document: Any) -> bool:
    """Return whether a JSON document looks like COCO's."""
    return isinstance(document, dict) and "annotations" in document and "images" in document


def read_coco(document: dict[str, Any], name: str) -> list[Mark]:
    """Return what a COCO document says of objects.

    Parameters
    ----------
    document : dict
    name : str
        What the file is called in sentences.

    Raises
    ------
    DataError
        If it is not whole, or an annotation has neither box nor segmentation, or no image or category that is told.
    """
    try:
        images = {one["id"]: str(one["file_name"]) for one in document["images"]}
        classes = {one["id"]: str(one["name"]) for one in document.get("categories", [])}
        return [_mark(one, images, classes, name) for one in document["annotations"]]
    except DataError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise DataError(f"The labels '{name}' must be whole COCO JSON. Got: {one_line(error)}.") from error


def _mark(one: dict[str, Any], images: dict[Any, str], classes: dict[Any, str], name: str) -> Mark:
    check(
        one["image_id"] in images and one["category_id"] in classes,
        DataError,
        "Each annotation of '{}' must have an image and a category that the file tells. Got annotation {} without.",
        name,
        one.get("id", "?"),
    )
    label, image = classes[one["category_id"]], images[one["image_id"]]
    told = one.get("segmentation")
    if isinstance(told, dict):
        height, width = told["size"]
        counts = unpacked(told["counts"]) if isinstance(told["counts"], str) else told["counts"]
        return Mark(label, image, inside=_cut(mask_of_runs(counts, height, width)))
    if told:
        rings = tuple(np.array(ring, float).reshape(-1, 2) for ring in told)
        return Mark(label, image, rings)
    check(
        len(one.get("bbox") or []) == 4,
        DataError,
        "Each annotation of '{}' must have a box or a segmentation. Got annotation {} without.",
        name,
        one.get("id", "?"),
    )
    return Mark(label, image, (box(*map(float, one["bbox"])),))


def mask_of_runs(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """Return a mask (height, width) of the lengths of runs of 0 and 1 in turn, down the columns.

    Raises
    ------
    ValueError
        If they do not fill it, or it is too large to be one.
    """
    if not 0 < height * width <= LARGEST_MASK:
        raise ValueError(f"runs in an image of {height} x {width}, where at most {LARGEST_MASK} px can be")
    runs = np.asarray(counts, np.int64)
    if (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"runs of {int(runs.sum())} px in an image of {height} x {width}")
    values = np.arange(runs.size) % 2 == 1
    return np.repeat(values, runs).reshape(width, height).T


def _cut(mask: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Return the first row and column of what is set, and a copy of the box around it: masks are many, and mostly empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, np.zeros((1, 1), bool)
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return int(rows[0]), int(columns[0]), box.copy()


def runs_of_mask(mask: np.ndarray) -> list[int]:
    """Return the lengths of runs of 0 and 1 in turn, down the columns."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def unpacked(text: str) -> list[int]:
    """Return the runs that COCO's tools write as text: differences, 5 bits a letter."""
    runs: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            bits = ord(text[at]) - 48
            value |= (bits & 31) << shift
            more = bool(bits & 32)
            at, shift = at + 1, shift + 5
            if not more and bits & 16:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
    return runs


def coco(
    images: Sequence[tuple[str, np.ndarray]], given: Mapping[tuple[str, int], str], classes: Sequence[str]
) -> str:
    """Return labelled objects as a COCO document.

    Parameters
    ----------
    images : sequence of (name, ndarray of int, shape (Y, X))
        The objects of each image.
    given : mapping of (image, object) to label
    classes : sequence of str
    """
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for at, (name, labels) in enumerate(images, start=1):
        listed.append({"id": at, "file_name": name, "width": labels.shape[1], "height": labels.shape[0]})
        for number in sorted(n for image, n in given if image == name):
            rows, columns = np.nonzero(labels == number)
            top, left = int(rows.min()), int(columns.min())
            mask = (labels == number)[top : rows.max() + 1, left : columns.max() + 1]
            rings = rings_of(mask)
            shape: Any = [(ring + np.array([left, top])).ravel().tolist() for ring in rings]
            if any(map(is_hole, rings)):  # polygons of COCO have no holes
                shape = {"size": list(labels.shape), "counts": runs_of_mask(labels == number)}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": at,
                    "category_id": classes.index(given[name, number]) + 1,
                    "bbox": [left, top, mask.shape[1], mask.shape[0]],
                    "area": int(mask.sum()),
                    "segmentation": shape,
                    "iscrowd": int(isinstance(shape, dict)),
                }
            )
    categories = [{"id": at, "name": name} for at, name in enumerate(classes, start=1)]
    return (
        json.dumps({"images": listed, "annotations": annotations, "categories": categories}, indent=1) + "\n"
    )
