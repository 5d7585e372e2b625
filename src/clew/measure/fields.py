"""`Fields`: the whole images behind rows, and which object each pixel belongs to, for models that learn to find objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.cutouts import check_memory, rows_of_each
from clew.measure.measured import counted
from clew.read.images import Image
from clew.result import Result, frozen_view
from clew.samples import Samples
from clew.words import listed

UNKNOWN = -1  # in a label image: an object that is none of the rows, such as a sealed one


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Fields(Result):
    """Whole images, with the objects that are rows; of other objects it says only that they are none of these.

    Parameters
    ----------
    sample : ndarray of str, shape (n_rows,)
        The names of the rows.
    names, groups : list of str
        Of each image its source, and the group of its rows ("" where they are of several).
    pixels : list of ndarray, each of shape (C, Y, X)
        As they are stored.
    labels : list of ndarray of int32, each of shape (Y, X)
        The object that each pixel belongs to, from 1; 0 where there is none, and `UNKNOWN` on objects that are no rows.
    channels : list of str
    pixel_size : list of float, optional
        Height and width of a pixel in µm, where they are known.
    notes : list of str
        What is unknown, one sentence each.
    """

    sample: np.ndarray
    names: list[str]
    groups: list[str]
    pixels: list[np.ndarray]
    labels: list[np.ndarray]
    channels: list[str]
    pixel_size: list[float] | None = None
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("pixels", "labels"):
            object.__setattr__(self, name, [frozen_view(one) for one in getattr(self, name)])

    def __len__(self) -> int:
        return len(self.names)

    def headline(self) -> str:
        """Say how many images and objects there are."""
        return f"{counted(len(self), 'image')} with {counted(len(self.sample), 'object')}"

    def summary(self) -> dict[str, Any]:
        """Return images, objects, and what to mind."""
        return {"images": len(self), "rows": len(self.sample), "notes": list(self.notes)}


def fields_of(
    images: Mapping[str, Image], label_images: Mapping[str, np.ndarray], samples: Samples
) -> Fields:
    """Return the images that hold rows, whole; what is no row in them is unknown.

    Parameters
    ----------
    images : mapping of str to Image
        By source name; each is asked for once, one after the other, and only those that hold a row.
    label_images : mapping of str to ndarray of int, shape (Y, X)
        By source name, as `clew.measure.objects.measure_objects` made them.
    samples : Samples
        Objects: their origin tells source and label.

    Raises
    ------
    DataError
        If the rows are no objects of these images, the images differ in channels, or would not fit into the memory.
    """
    origin = samples.origin
    lacking = [name for name in ("source", "label") if name not in origin]
    check(not lacking, DataError, "The rows to see images of must be objects, and say where they lie. Got no {}.", listed(lacking))  # fmt: skip
    check(len(samples), DataError, "The rows to see images of must be at least one. Got none.")
    label, group = origin["label"].to_numpy(np.int64), np.asarray(samples.group, str)
    groups, notes = list[str](), list[str]()
    pixels, known = list[np.ndarray](), list[np.ndarray]()
    rows_of = rows_of_each(origin["source"].to_numpy(str))
    first: Image | None = None
    for name, rows in rows_of.items():
        image, labels = images[name], np.asarray(label_images[name], np.int64)
        first = first or image
        _check_alike(image, labels, first)
        if not pixels:
            check_memory((len(rows_of), *image.pixels.shape), helps="fewer images")
        ours = np.isin(labels, label[rows])
        seen = np.where(ours, labels, np.where(labels > 0, UNKNOWN, 0)).astype(np.int32)
        others = len(np.unique(labels[~ours & (labels > 0)]))
        if others:
            notes.append(
                f"{name}: {counted(others, 'object')} that are none of these rows (sealed, or left out in measuring) are not "
                "learnt from"
            )
        owners = set(group[rows].tolist())
        groups.append(owners.pop() if len(owners) == 1 else "")
        pixels.append(image.pixels)
        known.append(seen)
    assert first is not None
    return Fields(
        sample=samples.sample,
        names=list(rows_of),
        groups=groups,
        pixels=pixels,
        labels=known,
        channels=list(first.channel_names),
        pixel_size=list(first.pixel_size) if first.pixel_size else None,
        notes=notes,
    )


def _check_alike(image: Image, labels: np.ndarray, first: Image) -> None:
    size, of_first = image.pixels.shape[1:], first.channel_names
    check(labels.shape == size, DataError, "The label image of '{}' must be of shape {}. Got {} instead.", image.name, size, labels.shape)  # fmt: skip
    check(image.channel_names == of_first, DataError, "The images must have the same channels. Got {} in '{}' and {} in '{}'.", listed(of_first), first.name, listed(image.channel_names), image.name)  # fmt: skip
