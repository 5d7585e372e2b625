"""How good a U-Net for pixels is on images that it has not seen, with a pixel forest and Otsu's threshold beside it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError
from clew.intervals import number
from clew.learn.pixel_model import PixelClassifying, PixelModel
from clew.learn.tiling import scale_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from clew.words import listed

GROUND, OBJECT, BORDER = 1, 2, 3  # the numbers of the classes that are made of objects
GAP = 24  # px left between what is learnt and what is tested in one image: about what a small U-Net looks at to each side
WHO = ("U-Net", "forest", "Otsu")
DRAWN = 20_000  # known pixels that the forest beside learns from: more make it slow and hardly better


@dataclass(frozen=True, eq=False)
class Lesson:
    """One image, and what is known of its pixels.

    Parameters
    ----------
    stack : Stack
    values : ndarray of int32, shape (T, Z, Y, X)
        The number of each pixel's class, 0 where nobody knows it.
    objects : ndarray of int32, shape (T, Z, Y, X), optional
        The object that each pixel belongs to, 0 where there is none, negative where nobody knows.
    group : str
        What it must not be torn from.
    """

    stack: Stack
    values: np.ndarray
    objects: np.ndarray | None = None
    group: str = ""


@dataclass(frozen=True, eq=False)
class Division:
    """What is learnt from, and what tests: whole images, or regions of one.

    Parameters
    ----------
    train, test : list of Lesson
        In both nobody knows what belongs to the other.
    by : {"image", "region", "nothing"}
    told : str
        The same in a sentence.
    """

    train: list[Lesson]
    test: list[Lesson]
    by: str
    told: str


# ---- what is held out ----
def divide(lessons: Sequence[Lesson], share: float, random_state: int) -> Division:
    """Hold out a share of the images, whole groups of them, or of one image a region; what trains has every class in any case."""
    if not share:
        return Division(list(lessons), [], "nothing", "Nothing was held out, so nobody knows how good it is.")
    groups = sorted({one.group for one in lessons})
    if len(groups) == 1:
        return _by_region(lessons, share)
    order = np.random.default_rng(random_state).permutation(len(groups))
    n = min(max(1, round(share * len(groups))), len(groups) - 1)
    every = _classes(lessons)
    for shift in range(len(groups)):
        held_out = {groups[i] for i in np.roll(order, -shift)[:n]}
        train = [one for one in lessons if one.group not in held_out]
        if _classes(train) == every:
            test = [one for one in lessons if one.group in held_out]
            names = listed([one.stack.name for one in test])
            return Division(
                train, test, "image", f"{len(test)} of {len(lessons)} images were held out: {names}."
            )
    return Division(list(lessons), [], "nothing", "Nothing was held out: a class is in one image alone, so nobody knows how good it is.")  # fmt: skip


def _by_region(lessons: Sequence[Lesson], share: float) -> Division:
    """Hold out what lies beyond a line across the longest side on which both parts have every class."""
    whole = np.concatenate([np.argwhere(one.values > 0) for one in lessons])
    sides = np.ptp(whole, axis=0)
    every = _classes(lessons)
    for axis in np.argsort(-sides[2:], kind="stable") + 2:
        line = int(np.quantile(whole[:, axis], 1 - share))
        train = [_kept(one, int(axis), slice(0, max(0, line - GAP))) for one in lessons]
        test = [_kept(one, int(axis), slice(line, None)) for one in lessons]
        if _classes(train) == _classes(test) == every:
            where = {2: f"from row {line} on", 3: f"from column {line} on"}[int(axis)]
            told = f"There is one image only, so a region of it was held out ({where}, {GAP} px apart): new images may do worse."
            return Division(train, test, "region", told)
    return Division(list(lessons), [], "nothing", "Nothing was held out: no region of the one image can be spared, so nobody knows how good it is.")  # fmt: skip


def _kept(lesson: Lesson, axis: int, where: slice) -> Lesson:
    """Return a lesson in which nothing is known but in one part."""
    inside = np.zeros(lesson.values.shape, bool)
    inside[(slice(None),) * axis + (where,)] = True
    objects = None if lesson.objects is None else np.where(inside, lesson.objects, -1)
    return dataclasses.replace(lesson, values=np.where(inside, lesson.values, 0), objects=objects)


def _classes(lessons: Sequence[Lesson]) -> set[int]:
    return {int(value) for one in lessons for value in np.unique(one.values)} - {0}


# ---- how good ----
def judged(
    model: PixelClassifying, division: Division, *, dimensions: int, random_state: int
) -> dict[str, Any]:
    """Return the figures of a net on what was held out, and those of its rivals that learnt from the same.

    Returns
    -------
    dict
        "by", "told", "held_out" (names), "figures": {who: {class: {"jaccard", "precision", "recall"}, "ap_50": ...}},
        "warnings".
    """
    data: dict[str, Any] = {"by": division.by, "told": division.told, "figures": {}, "warnings": []}
    data["held_out"] = [one.stack.name for one in division.test]
    if not division.test:
        return data
    of_objects = model.border is not None
    names = {value: name for name, value in model.values.items()}
    rivals: dict[str, Callable[[], Segmenting]] = {
        "U-Net": lambda: _with_border(model) if of_objects else lambda stack: numbers_of(model, stack),
        "forest": lambda: _forest(division.train, dimensions, random_state, of_objects, model.smallest),
    }
    if of_objects:
        rivals["Otsu"] = lambda: _otsu(division.train, model.smallest)
    for who, make in rivals.items():
        try:
            data["figures"][who] = _figures(make(), division.test, names, of_objects)
        except DataError as error:
            data["warnings"].append(f"No figures of {who}: {error}")
    return data


def table_of(data: dict[str, Any]) -> list[str]:
    """Return the figures of `judged` as lines: the net first, its rivals beside it."""
    if not data["figures"]:
        return [data["told"]]
    figures = {who: data["figures"][who] for who in WHO if who in data["figures"]}
    lines = [
        f"{data['told']} There (IoU, precision, recall{', AP of objects at IoU 0.5' * ('Otsu' in figures)}):"
    ]
    for name in {name: None for found in figures.values() for name in found if name != "ap_50"}:
        for who, found in figures.items():
            given = [*(found.get(name) or {}).values()] + ([found["ap_50"]] if "ap_50" in found else [])
            shown = "  ".join("   -" if one is None else f"{one:.3f}" for one in given)
            lines.append(f"  {name:<16} {who:<8} {shown}")
    return lines


Segmenting = Callable[[Stack], np.ndarray]  # numbers of classes, or of objects, (T, Z, Y, X)


def numbers_of(model: PixelClassifying, stack: Stack) -> np.ndarray:
    """Return the number of each pixel's class as painted, uint8 (T, Z, Y, X)."""
    values = np.array(list(model.values.values()), np.uint8)
    whole: np.ndarray = np.empty((stack.shape[0], *stack.shape[2:]), np.uint8)
    lock = threading.Lock()

    def write(t: int, start: Any, found: np.ndarray, shares: Any) -> None:
        at = tuple([slice(a, a + n) for a, n in zip(start, found.shape)])
        with lock:
            whole[t][at] = values[found]

    model.predict(stack, write)
    return whole


def _figures(
    say: Segmenting, test: Sequence[Lesson], names: dict[int, str], of_objects: bool
) -> dict[str, Any]:
    from clew.validate.objects import compare_objects
    from clew.validate.segmentation import compare_segmentations

    truths, said, regions = [], [], []
    for one in test:
        truth = one.values if one.objects is None else np.maximum(one.objects, 0)
        known = one.values > 0 if one.objects is None else one.objects >= 0
        found = say(one.stack)
        for t in np.flatnonzero(known.any(axis=(1, 2, 3))):
            truths.append(np.squeeze(truth[t], 0) if len(truth[t]) == 1 else truth[t])
            said.append(found[t].reshape(truths[-1].shape).astype(np.int32))
            regions.append(known[t].reshape(truths[-1].shape))
    if not of_objects:
        per_class = compare_segmentations(truths, said, unlabelled=0).per_class
        return {names[value]: _shown(per_class[str(value)]) for value in names if str(value) in per_class}
    pixels = compare_segmentations(truths, said, regions, classes="foreground")
    objects = compare_objects(truths, said, regions)
    return {names[OBJECT]: _shown(pixels.per_class["foreground"]), "ap_50": number(objects.metrics["ap_50"].value)}  # fmt: skip


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(figures[name]) for name in ("jaccard", "precision", "recall")}


def _value(figure: Any) -> float | None:
    return number(getattr(figure, "value", figure))


# ---- who answers ----
def _with_border(model: PixelClassifying) -> Segmenting:
    from clew.measure.segment import objects_by_border

    def say(stack: Stack) -> np.ndarray:
        found = numbers_of(model, stack)
        settings: dict[str, Any] = {"object": OBJECT, "border": BORDER, "min_area": model.smallest}
        return np.stack([objects_by_border(one.squeeze(), **settings).reshape(one.shape) for one in found])

    return say


def _forest(
    lessons: Sequence[Lesson], dimensions: int, random_state: int, of_objects: bool, smallest: int
) -> Segmenting:
    """Return what a forest says that learnt from the same images; objects it numbers as its connected pixels, cut at necks."""
    from clew.learn.pixel_training import train_pixels

    random, each = np.random.default_rng(random_state), DRAWN // len(lessons)
    annotations = []
    for one in lessons:
        values = np.where(one.values == BORDER, OBJECT, one.values) if of_objects else one.values
        drawn, known = np.zeros_like(values), np.flatnonzero(values)
        some = random.choice(known, min(each, len(known)), replace=False)
        drawn.flat[some] = values.flat[some]
        annotations.append(Annotation.of(drawn, name=one.stack.name))
    stacks = [one.stack for one in lessons]
    forest, _ = train_pixels(stacks, annotations, dimensions=str(dimensions), random_state=random_state)  # type: ignore[arg-type]
    model = PixelModel(forest)
    if not of_objects:
        return lambda stack: numbers_of(model, stack)
    return lambda stack: _cut(numbers_of(model, stack) == OBJECT, smallest)


def _otsu(lessons: Sequence[Lesson], smallest: int) -> Segmenting:
    """Return what a threshold on the mean of the channels says; objects are bright or dark as in training."""
    from skimage.filters import threshold_otsu

    inside, outside = np.zeros(2), np.zeros(2)
    for one in lessons:
        gray = _gray(one.stack)
        for sums, of in ((inside, one.values == OBJECT), (outside, one.values == GROUND)):
            sums += gray[of].sum(), of.sum()
    bright = inside[0] * outside[1] >= outside[0] * inside[1]

    def say(stack: Stack) -> np.ndarray:
        gray = _gray(stack)
        limit = [threshold_otsu(one) for one in gray]
        return _cut(np.stack([(one > a) == bright for one, a in zip(gray, limit)]), smallest)

    return say


def _gray(stack: Stack) -> np.ndarray:
    """Return the mean of the channels, each on one scale, float32 (T, Z, Y, X)."""
    scale, every = scale_of(stack, "percentiles"), slice(None)
    return np.stack(
        [scale.apply(stack.read(t, every, every, every)).mean(axis=0) for t in range(stack.shape[0])]
    )


def _cut(mask: np.ndarray, smallest: int) -> np.ndarray:
    """Return the pieces of each time's mask, cut apart at their necks and without specks, as those of the net."""
    from clew.measure.segment import segment

    settings: dict[str, Any] = {"split": "distance", "min_area": smallest}
    return np.stack([segment(one.squeeze(), **settings).labels.reshape(one.shape) for one in mask])
