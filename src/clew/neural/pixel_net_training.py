"""How a U-Net for pixels is trained: on painted pixels, on objects that somebody outlined, or on the objects of a study."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.tiling import scale_of
from clew.measure.fields import Fields
from clew.measure.intensity import Normalise
from clew.neural.net_settings import with_settings
from clew.neural.pixel_net_validation import BORDER, GROUND, OBJECT, Lesson, divide, judged
from clew.neural.unet_settings import UNetSettings
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from clew.result import step
from clew.samples import Samples
from clew.words import listed

if TYPE_CHECKING:
    from clew.neural.pixel_net import PixelNet

Dimensions = Literal["auto", "2", "3"]
OnProgress = Callable[[int, int], bool | None]
WIDTH = 2  # px around an object that nobody tells of, in which there may be a border
PADDING = -100  # as in `clew.neural.objectives`, which imports torch


@with_settings(UNetSettings, together="net")
def train_pixel_net(
    stacks: Sequence[Stack],
    annotations: Sequence[Annotation],
    *,
    dimensions: Dimensions = "auto",
    normalise: Normalise = "otsu",
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: UNetSettings,
) -> PixelNet:
    """Train a U-Net on painted pixels of one or several images.

    Parameters
    ----------
    stacks, annotations, dimensions, normalise
        As for `clew.learn.pixel_training.train_pixels`.
    random_state : int
        Decides which images are held out, the first weights, the pieces of each epoch and how they are changed.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False stops.
    net
        As for `clew.neural.unet_settings.UNetSettings`.

    Raises
    ------
    DataError
        If images and annotations do not fit, channels differ, or fewer than two classes were painted.
    SettingError
        If a setting is out of range.
    """
    from clew.learn.pixel_training import check_one_each, names_of_classes

    check_one_each(stacks, annotations)
    called = names_of_classes(annotations)
    for stack, one in zip(stacks, annotations):
        one.check_fits(stack.shape, image_name=stack.name)
    lessons = [Lesson(stack, one.dense(stack.shape)) for stack, one in zip(stacks, annotations)]
    painted = sorted({int(value) for one in lessons for value in np.unique(one.values)} - {0})
    check(len(painted) >= 2, DataError, "The annotations must hold at least two classes. Got {}.", f"only '{called[painted[0]]}'; for outlined objects on a background of 0 there is --instances NAME")  # fmt: skip
    values = {called[value]: value for value in painted}
    return _trained(lessons, values, None, dimensions, normalise, random_state, on_progress, net)


@with_settings(UNetSettings, together="net")
def train_object_net(
    stacks: Sequence[Stack],
    label_images: Sequence[np.ndarray],
    *,
    instances: str = "object",
    dimensions: Dimensions = "auto",
    normalise: Normalise = "otsu",
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: UNetSettings,
) -> PixelNet:
    """Train a U-Net on numbered objects: what is background, what is object, and what lies between objects that touch.

    Parameters
    ----------
    stacks : sequence of Stack
    label_images : sequence of ndarray of int, each of shape (T, Z, Y, X)
        The object that each pixel belongs to, 0 where there is none, negative where nobody knows.
    instances : str
        What an object is called.
    dimensions, normalise, random_state, on_progress
        As for `train_pixel_net`.
    net
        As for `clew.neural.unet_settings.UNetSettings`.

    Raises
    ------
    DataError
        If images and label images do not fit, channels differ, or there is no object.
    SettingError
        If a setting is out of range.
    """
    check(instances not in ("background", "border"), SettingError, "The 'instances' of pixels train must name the objects, such as nucleus. Got '{}'.", instances)  # fmt: skip
    volumes = _n_axes(stacks, dimensions) == 3
    lessons = [
        Lesson(stack, _values_of(labels, volumes), labels) for stack, labels in zip(stacks, label_images)
    ]
    check(any((one.values == OBJECT).any() for one in lessons), DataError, "The label images must hold at least one object. Got only background.")  # fmt: skip
    values = {"background": GROUND, instances: OBJECT, "border": BORDER}
    return _trained(lessons, values, "border", dimensions, normalise, random_state, on_progress, net)


@step(sees="open", verb="train")
@with_settings(UNetSettings, together="net")
def train_unet(
    samples: Samples,
    fields: Fields,
    *,
    normalise: Normalise = "otsu",
    random_state: int = 0,
    on_progress: OnProgress | None = None,
    net: UNetSettings,
) -> PixelNet:
    """Train a U-Net on the images of a study to find objects like its rows in new images.

    Parameters
    ----------
    samples : Samples
        The rows that it may see.
    fields : Fields
        The images that hold them, and which of their pixels belong to them; those of other objects are not learnt from.
    normalise, random_state, on_progress
        As for `train_pixel_net`.
    net
        As for `clew.neural.unet_settings.UNetSettings`.

    Raises
    ------
    DataError
        If the fields are not those of the rows.
    SettingError
        If a setting is out of range.
    """
    check(fields.sample.tolist() == samples.sample.tolist(), DataError, "The images must be those of the {} rows. Got others.", len(samples))  # fmt: skip
    size = None if fields.pixel_size is None else tuple(fields.pixel_size)
    lessons = [
        Lesson(
            Stack.of(pixels, axes="CYX", name=name, channel_names=fields.channels, pixel_size=size),
            _values_of(labels[None, None], False),
            labels[None, None],
            group,
        )
        for name, group, pixels, labels in zip(fields.names, fields.groups, fields.pixels, fields.labels)
    ]
    values = {"background": GROUND, "object": OBJECT, "border": BORDER}
    made = _trained(lessons, values, "border", "2", normalise, random_state, on_progress, net)
    return dataclasses.replace(made, notes=[*made.notes, *fields.notes])


# ---- what is learnt ----
def _values_of(labels: np.ndarray, volumes: bool) -> np.ndarray:
    """Return background, object and border as numbers of classes, int32 (T, Z, Y, X); 0 on and next to what nobody knows."""
    from scipy.ndimage import binary_dilation

    from clew.neural.segmenting import instance_targets

    known = np.maximum(labels, 0)
    pieces = known if volumes else known.reshape(-1, *known.shape[2:])
    values = (
        np.stack([instance_targets(one) for one in pieces]).reshape(labels.shape).astype(np.int32) + GROUND
    )
    unknown = labels < 0
    if unknown.any():
        around = np.ones((1, 2 * WIDTH + 1 if volumes else 1, 2 * WIDTH + 1, 2 * WIDTH + 1), bool)
        values[binary_dilation(unknown, around)] = 0
    return values


def _n_axes(stacks: Sequence[Stack], dimensions: str) -> int:
    """Return whether the net looks at planes (2) or volumes (3); refuse images that do not go together."""
    first = stacks[0]
    for one in stacks[1:]:
        check(one.channel_names == first.channel_names, DataError, "The images must all have the same channels. Got {} in '{}' and {} in '{}'.", listed(first.channel_names), first.name, listed(one.channel_names), one.name)  # fmt: skip
    deep = [one.shape[2] > 1 for one in stacks]
    check(dimensions == "2" or all(deep) or (dimensions == "auto" and not any(deep)), DataError, "The images must all be planes or all volumes, or 'dimensions' be 2. Got {} with several planes among {}.", sum(deep), len(deep))  # fmt: skip
    return 3 if dimensions != "2" and all(deep) else 2


def _trained(
    lessons: list[Lesson],
    values: dict[str, int],
    border: str | None,
    dimensions: str,
    normalise: Normalise,
    random_state: int,
    on_progress: OnProgress | None,
    net: UNetSettings,
) -> PixelNet:
    """Train on what is not held out, in an order that only the contents decide, and judge the net on the rest."""
    import torch

    from clew.neural.pixel_net import PixelNet, tile_for
    from clew.neural.place import device_of
    from clew.neural.segmenting import fit_unet
    from clew.neural.stored import weights_of

    n_axes = _n_axes([one.stack for one in lessons], dimensions)
    lessons = _in_order(lessons)
    division = divide(lessons, net.held_out, random_state)
    images, answers, notes = _pieces(division.train, values, normalise, n_axes)
    *held_out, _ = _pieces(division.test, values, normalise, n_axes)
    fitted = fit_unet(
        images,
        answers,
        n_classes=len(values),
        settings=net,
        validation=tuple(held_out),  # type: ignore[arg-type]
        random_state=random_state,
        on_progress=on_progress,
    )
    first = division.train[0].stack
    model = PixelNet(
        architecture="unet",
        net_settings=dataclasses.asdict(fitted.config),
        recipe=fitted.recipe,
        seeds=fitted.seeds,
        weights=weights_of(fitted.nets),
        histories=fitted.histories,
        notes=[*fitted.notes, *notes],
        trained_with={"torch": torch.__version__, "device": device_of(net.device).type},
        values=values,
        channel_names=list(first.channel_names),
        n_axes=n_axes,
        normalise=normalise,
        tile=tile_for(fitted.config.halo, n_axes),
        border=border,
        smallest=smallest_of(one.objects for one in division.train if one.objects is not None),
        flips=net.flips == "mean",
        pixel_size=list(first.pixel_size),
        dtype="/".join(sorted({str(one.stack.dtype) for one in division.train})),
        trained_on=[_described(one, values) for one in division.train],
    )
    found = judged(model, division, dimensions=n_axes, random_state=random_state)
    small = [note for one in lessons for note in model.check(one.stack)]
    return dataclasses.replace(model, validation=found, notes=[*model.notes, *small, *found["warnings"]])


def smallest_of(label_images: Iterable[np.ndarray]) -> int:
    """Return half the pixels of the smallest object that no edge of its image cuts off; 0 where every object is cut off.

    Parameters
    ----------
    label_images : iterable of ndarray of int, each of shape (T, Z, Y, X)
    """
    areas = []
    for labels in itertools.chain.from_iterable(label_images):
        volume = labels.squeeze()
        found = np.bincount(volume[volume > 0])
        edges = [np.take(volume, end, axis).ravel() for axis in range(volume.ndim) for end in (0, -1)]
        cut_off = np.unique(np.concatenate(edges))
        found[cut_off[cut_off > 0]] = 0
        areas += found[found > 0].tolist()
    return min(areas, default=0) // 2


def _in_order(lessons: list[Lesson]) -> list[Lesson]:
    """Return the lessons in the order of their contents, each image a group of its own where nobody said; refuse doubles."""
    content = [one.stack.sha256() for one in lessons]
    order = sorted(range(len(lessons)), key=content.__getitem__)
    for i, j in itertools.pairwise(order):
        check(content[i] != content[j], DataError, "The images must all differ. Got '{}' and '{}' of the same content.", lessons[i].stack.name, lessons[j].stack.name)  # fmt: skip
    return [dataclasses.replace(lessons[i], group=lessons[i].group or content[i]) for i in order]


def _pieces(
    lessons: Sequence[Lesson], values: dict[str, int], normalise: Normalise, n_axes: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Return planes or volumes (C, sides ...) on their scale, what is known of each pixel, and what to mind."""
    number = np.full(max(values.values()) + 1, PADDING, np.int64)
    number[list(values.values())] = range(len(values))
    images, answers, notes = list[np.ndarray](), list[np.ndarray](), list[str]()
    every = slice(None)
    for one in lessons:
        scale = scale_of(one.stack, normalise)
        notes += scale.notes
        for t in np.flatnonzero(one.values.any(axis=(1, 2, 3))).tolist():
            pixels, said = scale.apply(one.stack.read(t, every, every, every)), number[one.values[t]]
            if n_axes == 3:
                images.append(pixels)
                answers.append(said)
                continue
            for z in np.flatnonzero(one.values[t].any(axis=(1, 2))):
                images.append(pixels[:, z])
                answers.append(said[z])
    return images, answers, notes


def _described(lesson: Lesson, values: dict[str, int]) -> dict[str, Any]:
    counts = np.bincount(lesson.values.ravel(), minlength=max(values.values()) + 1)
    return {
        "image_sha256": lesson.stack.sha256(),
        "labels_sha256": hashlib.sha256(lesson.values.astype("<i4").tobytes()).hexdigest(),
        "pixels": {name: int(counts[value]) for name, value in values.items()},
    }
