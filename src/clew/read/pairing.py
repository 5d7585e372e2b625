"""Which annotation belongs to which image: told by content, or by name, and never guessed in silence."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.read.annotations import ANNOTATIONS, Annotation, Names, fitted, read_annotations
from clew.read.canvas import Canvas, Place
from clew.read.kinds import absolute, has_suffix, some_of

SUFFIXES = (*ANNOTATIONS, ".jpg", ".jpeg", ".h5", ".hdf5", ".n5", ".zarr", ".ome")
# What follows an image's name in that of its annotation: cells_pixel_annotation_2.tif belongs to cells.tif.
ENDING = re.compile(
    r"[_\-. ](cp|pixels?|objects?|sparse|annotations?|annotated|scribbles?|strokes?|training|labels?|masks?|seg)"
    r"([_\-. ]?\d+)?$",
    re.IGNORECASE,
)


class PaintedImage(Protocol):
    """What is asked of an image to find its annotations; a `Stack` has it all."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def sha256(self) -> str: ...


def pair_annotations(
    images: Sequence[PaintedImage],
    paths: Sequence[str | Path],
    *,
    offset: Sequence[int] | None = None,
    class_names: Names | None = None,
) -> tuple[list[tuple[int, Annotation]], list[str]]:
    """Find the image that each annotation belongs to.

    By the content hash that the annotation tells; or else by the image's name that it tells; or else by its own
    name (``cells_annotation.tif`` belongs to ``cells.tif``, in whatever folder); or else, where no name fits and there
    are as many annotations as images, in order. Annotations of one image are put together. Classes that files name
    have one number in all of them.

    Parameters
    ----------
    images : sequence of PaintedImage
        The images: name, path, shape (T, C, Z, Y, X), and a method ``sha256()``, called only where a hash is told.
    paths : sequence of str or Path
        Annotations, and folders of them.
    offset, class_names
        As in `read_annotation`; an offset only for a single annotation.

    Returns
    -------
    pairs : list of (int, Annotation)
        For every image that has one, in the images' order: its index, and all that was painted on it.
    notes : list of str
        What was paired how, how much each class has in each image, and what was left aside.

    Raises
    ------
    DataError
        If an annotation cannot be read, belongs to none of the images, does not fit its image, or contradicts
        another of the same image.
    """
    notes: list[str] = []
    files = _listed(paths, images, notes)
    check(
        offset is None or len(files) == 1,
        SettingError,
        "The 'offset' must be given for one annotation. Got {} of them.",
        len(files),
    )
    found = [one for file in files for one in read_annotations(file, offset=offset, class_names=class_names)]
    homes = _homes(found, images, notes)
    kept = [(home, one) for home, one in zip(homes, found) if home is not None]
    annotations = [fitted(one, images[home].shape, images[home].name) for home, one in kept]
    annotations = _same_numbers(annotations, notes)
    of_image: dict[int, list[Annotation]] = {}
    for (home, _), one in zip(kept, annotations):
        of_image.setdefault(home, []).append(one)
    pairs = [(home, _together(of_image[home], images[home].name)) for home in sorted(of_image)]
    for home, one in pairs:
        notes += [*one.notes, f"{images[home].name}: {one.told()} ({one.name})."]
    without = [image.name for i, image in enumerate(images) if i not in of_image]
    if without:
        notes.append(f"Without annotation: {some_of(without)}.")
    return pairs, notes


def _listed(paths: Sequence[str | Path], images: Sequence[PaintedImage], notes: list[str]) -> list[Path]:
    """Return the annotation files that files and folders stand for, each once."""
    painted = {Path(image.path).resolve() for image in images if image.path}
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            check(
                path.resolve() not in painted,
                DataError,
                "The annotations must be other files than the images. Got '{}' as both.",
                path,
            )
            found.setdefault(absolute(path), path)
            continue
        inside = sorted(
            f for f in path.iterdir() if not f.name.startswith(".") and f.resolve() not in painted
        )
        fit = [file for file in inside if has_suffix(file, ANNOTATIONS)]
        for file in fit:
            found.setdefault(absolute(file), file)
        aside = [file.name for file in inside if file not in set(fit)]
        if aside:
            notes.append(f"Left aside in the folder '{path.name}', being no annotations: {some_of(aside)}.")
    check(
        found,
        DataError,
        "The annotations must name at least one file ({}). Got {}.",
        ", ".join(ANNOTATIONS),
        some_of([str(path) for path in paths]) or "none",
    )
    return list(found.values())


def _homes(found: list[Annotation], images: Sequence[PaintedImage], notes: list[str]) -> list[int | None]:
    """Return the index of each annotation's image; None where an image of an ilastik project is not among them."""
    homes: list[int | None] = []
    how = Counter[str]()
    content = functools.cache(lambda i: images[i].sha256())  # large images take their time
    for one in found:
        home, by = _home_by_content(one, images, content) if one.image_sha256 else _home_by_name(one, images)
        homes.append(home)
        how.update([by] if home is not None else [])
    lost = [one for one, home in zip(found, homes) if home is None]
    none_known = len(lost) == len(found) and (len(images) == 1 or not any(one.image_name for one in found))
    if none_known and len(found) == len(images):
        together = [f"{one.name} with {image.name}" for one, image in zip(found, images)]
        notes.append(f"Paired in order, since the names do not fit: {some_of(together)}.")
        return list(range(len(images)))
    _check_alike(found, homes, images)
    projects = {one.path for one, home in zip(found, homes) if home is not None and one.image_name}
    for one in lost:
        check(
            one.path in projects,  # an ilastik project may hold more images than are given
            DataError,
            "The annotation '{}' must belong to one of the images, by {}. Got {}: {}.",
            one.name,
            f"the name it tells, '{one.image_name}'" if one.image_name else "its name",
            f"{len(images)} image{'s' * (len(images) != 1)}",
            some_of([image.name for image in images]),
        )
        notes.append(f"Left aside: {one.name}, whose image is not among those given.")
    notes.extend(f"{_annotations(n)} paired with the images by {by}." for by, n in sorted(how.items()))
    return homes


def _annotations(n: int) -> str:
    return "1 annotation is" if n == 1 else f"{n} annotations are"


def _check_alike(found: list[Annotation], homes: list[int | None], images: Sequence[PaintedImage]) -> None:
    """Refuse annotations of one name in several folders that would be paired by it with one image."""
    first: dict[tuple[str, int], Annotation] = {}
    for one, home in zip(found, homes):
        if home is not None and not one.image_name and not one.image_sha256:
            other = first.setdefault((one.name, home), one)
            check(
                other is one,
                DataError,
                "The annotations of the image '{}' must have different names. Got '{}' and '{}'.",
                images[home].name,
                other.path,
                one.path,
            )


def _home_by_content(
    one: Annotation, images: Sequence[PaintedImage], content: Callable[[int], str]
) -> tuple[int, str]:
    same = [i for i in range(len(images)) if content(i) == one.image_sha256]
    check(
        same,
        DataError,
        "The annotation '{}' must belong to one of the images. Got one that was painted on {} with other content "
        "(SHA-256 {}...) than any of: {}.",
        one.name,
        f"'{one.image_name}'" if one.image_name else "an image",
        str(one.image_sha256)[:12],
        some_of([image.name for image in images]),
    )
    named = [i for i in same if images[i].name == one.image_name]  # of copies, the one of the same name
    return (named or same)[0], "the content of the image"


def _home_by_name(one: Annotation, images: Sequence[PaintedImage]) -> tuple[int | None, str]:
    known = [{_stem(image.name), _stem(image.name).removesuffix("_image")} for image in images]
    by = "the image's name in the file" if one.image_name else "name"
    for stem in [_stem(one.image_name)] if one.image_name else stems_of_image(one.name):
        hits = [i for i, names in enumerate(known) if {stem, stem.removesuffix("_image")} & names]
        if len(hits) > 1 and one.path:
            folders = [Path(images[i].path or "").parent.resolve() for i in hits]
            hits = [i for i, folder in zip(hits, folders) if folder == one.path.parent.resolve()]
        if hits:
            return (hits[0], by) if len(hits) == 1 else (None, by)
    return None, by


def _stem(name: str) -> str:
    """Return a file's name without folder and suffixes: "cells" for "cells.ome.tif"."""
    stem = re.split(r"[\\/]", name)[-1]
    while stem.casefold().endswith(SUFFIXES):
        stem = stem.rpartition(".")[0]
    return stem


def stems_of_image(annotation_name: str) -> list[str]:
    """Return what the image of an annotation may be called: "a_mask_2", or else "a", for "a_mask_2.tif"."""
    stems = [_stem(annotation_name)]
    while match := ENDING.search(stems[-1]):
        stems.append(_stem(stems[-1][: match.start()]))
    return stems


def _same_numbers(annotations: list[Annotation], notes: list[str]) -> list[Annotation]:
    """Give every class that files name the same number in all of them: names are what people meant."""
    named = [one for one in annotations if any(name != str(i) for i, name in one.class_names.items())]
    told = {pair for one in named for pair in one.class_names.items()}
    numbers, names = [number for number, _ in told], [name for _, name in told]
    if len(set(numbers)) == len(numbers) and len(set(names)) == len(names):
        every = {i: str(i) for one in annotations for i in one.class_names} | dict(told)
        return [dataclasses.replace(one, class_names=every) for one in annotations]
    check(
        len(named) == len(annotations),
        DataError,
        "The annotations must name their classes alike. Got {} that disagree about the number of a class, and '{}' "
        "without names: give 'class_names'.",
        len(named),
        next((one.name for one in annotations if one not in named), ""),
    )
    number_of = {name: i for i, name in enumerate(sorted(set(names)), start=1)}
    listed = ", ".join(f"{i} '{name}'" for name, i in number_of.items())
    notes.append(f"The files number their classes differently; by name they are {listed}.")
    return [_renumbered(one, number_of) for one in annotations]


def _renumbered(one: Annotation, number_of: dict[str, int]) -> Annotation:
    table = np.zeros(max(one.class_names) + 1, np.int32)
    for i, name in one.class_names.items():
        table[i] = number_of[name]
    return dataclasses.replace(
        one,
        pieces=tuple((place, table[labels]) for place, labels in one.pieces),
        class_names={i: name for name, i in number_of.items()},
        colors={int(table[i]): color for i, color in one.colors.items() if i < table.size},
    )


def _together(annotations: list[Annotation], image_name: str) -> Annotation:
    """Put the annotations of one image together; refuse contradictions."""
    if len(annotations) == 1:
        return annotations[0]
    canvas = Canvas()
    for one in annotations:
        for start, labels in one.pieces:
            canvas.paint(start, labels)
    number, place = canvas.clashes()
    if place:
        said = [f"{one.class_names[c]!r} ({one.name})" for one in annotations if (c := _label_at(one, place))]
        raise DataError(
            f"The annotations of the image '{image_name}' must not contradict each other. Got {number} pixels with two "
            f"classes: {' and '.join(said)} at t {place[0]}, z {place[1]}, row {place[2]}, column {place[3]}."
        )
    return Annotation(
        canvas.pieces(),
        annotations[0].class_names,
        " + ".join(one.name for one in annotations),
        sha256=hashlib.sha256("".join(one.sha256 for one in annotations).encode()).hexdigest(),
        image_name=image_name,
        image_sha256=next((one.image_sha256 for one in annotations if one.image_sha256), None),
        image_shape=next((one.image_shape for one in annotations if one.image_shape), None),
        colors={i: color for one in annotations for i, color in one.colors.items()},
        notes=[note for one in annotations for note in one.notes],
    )


def _label_at(one: Annotation, at: Place) -> int:
    """Return the class of a pixel, 0 for none."""
    for start, labels in one.pieces:
        inside = tuple(a - s for a, s in zip(at, start))
        if all(0 <= i < n for i, n in zip(inside, labels.shape)):
            return int(labels[inside])
    return 0
