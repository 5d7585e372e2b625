"""From a mask to objects: connected pieces, touching ones cut apart at their necks, specks left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.measure.measured import counted, sides_of_pixel
from clew.result import Result, step

Split = Literal["none", "distance"]
# On 20 of the 40 fluorescence images of nuclei_dsb2018 0.8 to 0.95 do equally well (0.756 to 0.760 AP at IoU 0.5); among
# these, 0.9 recovers drawn discs and the count of human_mitosis best.
NECK = 0.9
SMOOTHING = 1.0  # px; stairs along a slanted border make maxima of their own otherwise


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Segmentation(Result):
    """Which pixel belongs to which object.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X) or (Z, Y, X)
        The object of each pixel, numbered from 1 in the order in which rows are read; 0 for none.
    counts : dict of str to int
        "pieces" (connected), "objects" (after cutting apart), "small" and "large" (left out), "kept".
    notes : list of str
        What was found, cut apart and left out.
    """

    labels: np.ndarray
    counts: dict[str, int]
    notes: list[str]

    def headline(self) -> str:
        """Say how many objects there are."""
        return (
            f"{counted(self.counts['kept'], 'object')} of {counted(self.counts['pieces'], 'connected piece')}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the counts."""
        return dict(self.counts)


@step(sees="open")
def segment(
    mask: np.ndarray,
    *,
    foreground: int | None = None,
    split: Split = "none",
    neck: float = NECK,
    min_area: int = 0,
    max_area: int | None = None,
    fill_holes: bool = False,
    pixel_size: Sequence[float] | None = None,
) -> Segmentation:
    """Turn pixels into objects.

    Parameters
    ----------
    mask : ndarray of bool or int, shape (Y, X) or (Z, Y, X)
        A mask, or the classes that a pixel classifier gave.
    foreground : int, optional
        The class whose pixels are objects; without it, all that is not 0, which must be one value.
    split : {"none", "distance"}
        Whether objects are the connected pieces (neighbours by side, edge or corner), or these cut apart at necks.
    neck : float
        With ``split="distance"``: two parts are two objects where the way between them narrows to less than this
        share of the narrower part's width. It has no unit: objects of any size are cut at the same shape.
    min_area, max_area : int
        Objects of fewer, or of more, pixels (voxels in 3D) are left out.
    fill_holes : bool
        Whether background that objects enclose belongs to them.
    pixel_size : sequence of float, optional
        (dy, dx) or (dz, dy, dx) in whatever unit; all equal by default.

    Raises
    ------
    DataError
        If the mask has another shape or dtype, or several values and no ``foreground`` is named.
    SettingError
        If a setting is out of range.

    Notes
    -----
    A watershed (Meyer 1994, doi:10.1016/0165-1684(94)90060-4) on the distance to the background, by scikit-image. It
    starts from the maxima whose dynamics (Grimaud, Proc. SPIE 1769, 1992) in the logarithm of the distance exceed
    ``-log(neck)``, which is why sizes do not matter. Nothing is random, and the threads are one.
    """
    check(
        0 < neck < 1,
        SettingError,
        "The 'neck' setting of segment must be a share between 0 and 1. Got {} instead.",
        neck,
    )
    check(
        min_area >= 0 and (max_area is None or max_area >= max(min_area, 1)),
        SettingError,
        "The 'min_area' and 'max_area' settings of segment must be pixels, 0 <= min_area <= max_area. Got {} and {}.",
        min_area,
        max_area,
    )
    inside = _inside(mask, foreground)
    spacing = sides_of_pixel(pixel_size, inside.ndim, of="segment")
    if fill_holes:
        from scipy.ndimage import binary_fill_holes

        inside = binary_fill_holes(inside)
    pieces, n_pieces = connected_pieces(inside)
    labels = pieces if split == "none" else cut_apart(pieces, neck=neck, spacing=spacing)
    area = np.bincount(labels.ravel())
    n_objects = len(area) - 1
    small, large = area < min_area, area > (max_area or area.sum())
    small[0] = large[0] = False
    kept = ~small & ~large
    number = np.cumsum(kept, dtype=np.int32) - np.int32(1)  # the ground stays 0
    counts = {
        "pieces": n_pieces,
        "objects": n_objects,
        "small": int(small.sum()),
        "large": int(large.sum()),
        "kept": int(kept.sum()) - 1,
    }
    return Segmentation(
        labels=np.where(kept, number, 0)[labels].astype(np.int32),
        counts=counts,
        notes=_notes(counts, split, min_area, max_area),
    )


def connected_pieces(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the connected pieces of a mask, int32 numbered in reading order, and their number."""
    from skimage.measure import label

    pieces, n = label(mask, connectivity=mask.ndim, return_num=True)
    return pieces.astype(np.int32), int(n)


def cut_apart(pieces: np.ndarray, *, neck: float = NECK, spacing: Sequence[float] = ()) -> np.ndarray:
    """Cut connected pieces apart where they have a neck.

    Parameters
    ----------
    pieces : ndarray of int32, shape (Y, X) or (Z, Y, X)
        From `connected_pieces`.
    neck : float
        As for `segment`.
    spacing : sequence of float
        The size of a pixel along each axis; all 1 by default.

    Returns
    -------
    ndarray of int32, of the same shape
        The parts, numbered in reading order.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.measure import label
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    mask = pieces > 0
    if mask.all() or not mask.any():  # no ground to be distant from
        return pieces
    size = np.asarray(spacing or (1.0,) * mask.ndim) / (min(spacing) if spacing else 1.0)
    distance = gaussian_filter(distance_transform_edt(mask, sampling=size), SMOOTHING / size)
    depth = -np.log(neck)
    height = np.log(distance, where=mask, out=np.zeros(mask.shape))
    height[~mask] = height[mask].min() - 2 * depth  # so low that every piece keeps a maximum
    connectivity = mask.ndim
    flooded = reconstruction(height - depth, height, footprint=np.ones((3,) * mask.ndim))
    seeds = label(local_maxima(flooded, connectivity=connectivity) & mask, connectivity=connectivity)
    return _in_reading_order(watershed(-distance, seeds, mask=mask, connectivity=connectivity))


def objects_by_border(
    classes: np.ndarray, *, object: int, border: int, neck: float = NECK, min_area: int = 0
) -> np.ndarray:
    """Return the objects of a net that tells them from the border between those that touch.

    Parameters
    ----------
    classes : ndarray of int, shape (Y, X) or (Z, Y, X)
    object, border : int
        Their numbers.
    neck : float
        As for `segment`: pieces of the object class that a border does not part are cut apart where they have a neck.
    min_area : int
        Objects of fewer pixels are left out.

    Returns
    -------
    ndarray of int32, of the same shape
        Numbered from 1 in reading order; a border that no object touches is of none.

    Notes
    -----
    Objects grow into the border by a watershed on the distance to the background, as in `cut_apart`. On 7 images of
    nuclei_dsb2018 that a net had not seen, necks were worth 0.065 of AP at IoU 0.5 over the border alone.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.segmentation import watershed

    classes = np.asarray(classes)
    check(classes.ndim in (2, 3) and classes.dtype.kind in "bui", DataError, "The classes of pixels must be whole numbers of shape (Y, X) or (Z, Y, X). Got {} of shape {} instead.", classes.dtype, classes.shape)  # fmt: skip
    inside = classes == object
    mask = inside | (classes == border)
    seeds = cut_apart(connected_pieces(inside)[0], neck=neck)
    height = np.zeros(mask.shape) if mask.all() else -distance_transform_edt(mask)
    labels = watershed(height, seeds, mask=mask, connectivity=mask.ndim) if inside.any() else seeds
    if min_area > 1:
        labels = np.where(np.bincount(labels.ravel())[labels] >= min_area, labels, 0)
    return _in_reading_order(labels)


def _in_reading_order(labels: np.ndarray) -> np.ndarray:
    """Return the labels numbered from 1 as their first pixels come."""
    values, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    number = np.empty(len(values), np.int32)
    number[np.argsort(np.where(values == 0, -1, first))] = np.arange(len(values))
    number += values.min() > 0
    return number[inverse].reshape(labels.shape)


def _inside(mask: np.ndarray, foreground: int | None) -> np.ndarray:
    """Return which pixels are objects."""
    mask = np.asarray(mask)
    check(
        mask.ndim in (2, 3) and mask.size and mask.dtype.kind in "bui",
        DataError,
        "The mask of segment must be truth values or whole numbers of shape (Y, X) or (Z, Y, X). Got {} of shape {} instead.",
        mask.dtype,
        mask.shape,
    )
    if foreground is not None:
        return mask == foreground
    values = np.unique(mask)
    values = values[values != 0]
    check(
        len(values) <= 1,
        DataError,
        "The mask of segment must have one value beside 0, or 'foreground' say which class is objects. Got the values {}.",
        ", ".join(map(str, values[:6])) + (" ..." if len(values) > 6 else ""),
    )
    return mask != 0


def _notes(counts: dict[str, int], split: str, min_area: int, max_area: int | None) -> list[str]:
    notes = [f"{counted(counts['pieces'], 'connected piece')} found."]
    if split != "none":
        notes.append(note_of_split(counts["pieces"], counts["objects"]))
    if counts["small"]:
        notes.append(
            f"{counted(counts['small'], 'object')} left out: smaller than {counted(min_area, 'pixel')}."
        )
    if counts["large"]:
        notes.append(
            f"{counted(counts['large'], 'object')} left out: larger than {counted(max_area or 0, 'pixel')}."
        )
    return notes


def note_of_split(n_pieces: int, n_objects: int) -> str:
    """Say what cutting apart did."""
    if n_objects == n_pieces:
        return "No connected piece has a neck at which to cut it apart."
    return f"{counted(n_pieces, 'connected piece')} cut apart at necks into {n_objects} objects."
