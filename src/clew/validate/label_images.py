"""What comes in when label images are compared: pairs of a true and a predicted one, checked, and their numbers counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clew.errors import DataError, check
from clew.intervals import FEW_GROUPS, FEWEST_GROUPS
from clew.kernels.overlap import overlaps

Images = ArrayLike | Sequence[ArrayLike]

MOST_LABEL = np.iinfo(np.int32).max


def paired_images(
    truth: Images, predicted: Images, region: Images | None, names: Sequence[str] | None, *, of: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield int32 truth, prediction and region of each image, one at a time; refuse what does not fit."""
    truths, predictions = _several(truth), _several(predicted)
    regions = [None] * len(truths) if region is None else _several(region)
    names = names_of(names, len(truths))
    check(
        len(truths) == len(predictions) == len(regions) == len(names) > 0,
        DataError,
        "The truth, the prediction, the region and the names of {} must be as many, at least 1. Got {}, {}, {} and {}.",
        of,
        len(truths),
        len(predictions),
        len(regions),
        len(names),
    )
    for name, one, other, where in zip(names, truths, predictions, regions):
        image = f"image '{name}' in {of}" if name else of
        one = _labels(one, what=f"The truth of {image}")
        other = _labels(other, what=f"The prediction of {image}")
        check(
            one.shape == other.shape,
            DataError,
            "The prediction of {} must have the shape of its truth, {}. Got {} instead.",
            image,
            one.shape,
            other.shape,
        )
        yield one, other, _inside(where, one.shape, what=f"The region of {image}")


def names_of(names: Sequence[str] | None, n: int) -> list[str]:
    """Return the names of the images: their numbers from 1 where none are given, and none for a single one."""
    if names is not None:
        return [str(name) for name in names]
    return [""] if n == 1 else [str(i + 1) for i in range(n)]


def _several(images: Images) -> list[Any]:
    return list(images) if isinstance(images, (list, tuple)) else [images]


def _labels(image: Any, *, what: str) -> np.ndarray:
    """Return a label image as int32; refuse what holds anything but whole numbers from 0 on."""
    image = np.asarray(image)
    check(
        image.ndim in (2, 3) and image.size and image.dtype.kind in "buif",
        DataError,
        "{} must be numbers with 2 or 3 axes, and at least 1 pixel. Got {} of shape {} instead.",
        what,
        image.dtype,
        image.shape,
    )
    if image.dtype.kind != "f":
        fits = image.dtype.kind == "b" or (image.min() >= 0 and image.max() <= MOST_LABEL)
    else:  # NaN is no part of any comparison that holds
        fits = bool(((image >= 0) & (image <= MOST_LABEL) & (image == np.floor(image))).all())
    if not fits:
        right = (image >= 0) & (image <= MOST_LABEL) & (image == np.floor(image))
        place = tuple(int(at) for at in np.argwhere(~right)[0])
        raise DataError(
            f"{what} must hold whole numbers from 0 to {MOST_LABEL}. Got {image[place]} at {place} instead."
        )
    return np.ascontiguousarray(image, dtype=np.int32)


def _inside(region: Any, shape: tuple[int, ...], *, what: str) -> np.ndarray | None:
    if region is None:
        return None
    region = np.asarray(region)
    check(
        region.dtype == bool and region.shape == shape,
        DataError,
        "{} must be boolean and have the shape of its image, {}. Got {} of shape {} instead.",
        what,
        shape,
        region.dtype,
        region.shape,
    )
    check(region.any(), DataError, "{} must hold at least 1 pixel. Got none.", what)
    return region


# ---- what is counted and said of them ----
def pairs_of_numbers(truth: np.ndarray, predicted: np.ndarray, region: np.ndarray | None) -> np.ndarray:
    """Return the numbers that meet inside the region, and in how many pixels: (n_pairs, 3)."""
    if region is not None:
        return overlaps(truth[region], predicted[region])
    return overlaps(truth.reshape(-1), predicted.reshape(-1))


def how_sure(n_images: int) -> list[str]:
    """Return a sentence on what the number of images does to the intervals, if it does."""
    if n_images == 1:
        return [
            "There is one image, so no interval: its pixels and objects are not independent of each other."
        ]
    if n_images < FEWEST_GROUPS:
        return [f"{n_images} images are too few for intervals, which take at least {FEWEST_GROUPS}."]
    return [f"Only {n_images} images: take the intervals as rough ones."] if n_images < FEW_GROUPS else []
