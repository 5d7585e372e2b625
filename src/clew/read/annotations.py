"""Annotations: what people painted on images, from label images, ilastik and QuPath, never bound to the wrong image."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.read.canvas import MOST_CLASSES, Canvas, Piece, Place, slices_at
from clew.read.geojson import read_drawing
from clew.read.ilastik import read_project
from clew.read.kinds import has_suffix, read_bytes
from clew.read.label_images import LABEL_IMAGES, LARGEST_TIFF, label_tiff, read_class_numbers, size_text
from clew.result import frozen_view, write_whole

Names = Mapping[int, str] | Sequence[str]  # by number, or of the classes 1, 2, ...

PROJECTS, DRAWINGS = (".ilp",), (".geojson", ".json")
ANNOTATIONS = (*LABEL_IMAGES, *PROJECTS, *DRAWINGS)
LARGEST_WHOLE = 2**26  # px; of a larger image only the box around the labels is written


@dataclass(frozen=True, eq=False, repr=False)
class Annotation:
    """Which class people gave to which pixels of one image.

    Parameters
    ----------
    pieces : tuple of ((t, z, y, x), ndarray of int32, shape (T, Z, Y, X))
        Where each piece begins in the image, and its labels: 0 for none, 1 and up for the classes. Pieces do not
        overlap; one stroke may go on in the next piece.
    class_names : dict of int to str
        The name of every class, "1", "2", ... where nobody named it.
    name : str
        What it is called in sentences: its file's name.
    path, sha256 : Path or None, and str
        Where it was read, and the SHA-256 of the file's bytes; "" of an array.
    image_name, image_sha256 : str or None
        The image that the file says it belongs to: its name, and the SHA-256 of its content.
    image_shape : tuple of four ints (T, Z, Y, X), or None
        The size of that image, where the file tells it, or is as large as it.
    box : tuple of two places, or None
        First and one-past-last corner of the array that the file holds, where that is one array.
    colors : dict of int to (red, green, blue)
        The colours of the classes, 0 to 255, where the file tells them.
    notes : list of str
        What was left aside, turned or not unique, one sentence each.
    """

    pieces: tuple[Piece, ...]
    class_names: dict[int, str] = dataclasses.field(default_factory=dict)
    name: str = "annotation"
    path: Path | None = None
    sha256: str = ""
    image_name: str | None = None
    image_sha256: str | None = None
    image_shape: Place | None = None
    box: tuple[Place, Place] | None = None
    colors: dict[int, tuple[int, int, int]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        pieces = tuple((place, frozen_view(labels)) for place, labels in self.pieces)
        object.__setattr__(self, "pieces", pieces)
        counts = self.counts()
        check(
            counts,
            DataError,
            "The annotation '{}' must give a class (1, 2, ...) to at least one pixel. Got only zeros.",
            self.name,
        )
        check(
            max(counts) <= MOST_CLASSES,
            DataError,
            "The annotation '{}' must hold class numbers from 1 to {}. Got {}.",
            self.name,
            MOST_CLASSES,
            max(counts),
        )
        names = {number: str(number) for number in counts} | dict(self.class_names)
        twice = next((name for name, n in Counter(names.values()).items() if n > 1), None)
        check(
            twice is None,
            DataError,
            "The class names of the annotation '{}' must all differ. Got '{}' twice.",
            self.name,
            twice,
        )
        object.__setattr__(self, "class_names", dict(sorted(names.items())))

    def __repr__(self) -> str:
        return f"<Annotation {self.name}: {self.told()}>"

    @staticmethod
    def of(
        array: Any,
        *,
        offset: Sequence[int] | None = None,
        class_names: Names | None = None,
        name: str = "array",
        path: Path | None = None,
        sha256: str = "",
        image_name: str | None = None,
        image_sha256: str | None = None,
        image_shape: Place | None = None,
        notes: Sequence[str] = (),
    ) -> Annotation:
        """Make an annotation of an array of class numbers.

        Parameters
        ----------
        array : array-like of whole numbers, shape (Y, X), (Z, Y, X) or (T, Z, Y, X)
            0 for unlabelled, 1 to 64 for the classes; of whatever dtype.
        offset : sequence of ints (y, x), (z, y, x) or (t, z, y, x), optional
            Where the array lies in its image; without one it must be as large as the image.
        class_names : dict of int to str, or sequence of str, optional
            The names of the classes, by number, or of 1, 2, ... in order.

        Raises
        ------
        DataError
            If the array has another number of axes, no class at all, or numbers that are negative, fractional,
            not a number or above 64.
        SettingError
            If the offset or the class names are of another form.
        """
        labels = np.asarray(array)
        check(
            2 <= labels.ndim <= 4,
            DataError,
            "The annotation '{}' must have the axes (Y, X), (Z, Y, X) or (T, Z, Y, X). Got shape {}.",
            name,
            labels.shape,
        )
        labels = labels[(None,) * (4 - labels.ndim)]
        _check_class_numbers(labels, name)
        start = _offset(offset)
        stop = tuple(s + n for s, n in zip(start, labels.shape))
        canvas = Canvas()
        canvas.paint(start, labels)
        return Annotation(
            canvas.pieces(),
            _class_names(class_names),
            name,
            path,
            sha256,
            image_name,
            image_sha256,
            labels.shape if offset is None and image_shape is None else image_shape,
            (start, stop),
            notes=list(notes),
        )

    def counts(self) -> dict[int, int]:
        """Return the number of pixels of every class that has any."""
        total = Counter[int]()
        for _, labels in self.pieces:
            found = np.bincount(labels.ravel())
            total.update({int(i): int(found[i]) for i in np.flatnonzero(found) if i})
        return dict(sorted(total.items()))

    def told(self) -> str:
        """Say how many pixels each class has: "737 pixels of class 'soil', 361 of '2'"."""
        (first, n), *others = self.counts().items()
        told = f"{n} pixel{'s' * (n > 1)} of class '{self.class_names[first]}'"
        return ", ".join([told, *(f"{n} of '{self.class_names[number]}'" for number, n in others)])

    def check_fits(
        self, shape: Sequence[int], *, image_sha256: str | None = None, image_name: str | None = None
    ) -> None:
        """Refuse, in one sentence, to be bound to an image that it does not belong to.

        Parameters
        ----------
        shape : sequence of five ints (T, C, Z, Y, X)
            The image's shape.
        image_sha256 : str, optional
            The SHA-256 of the image's content: compared where the annotation tells one.
        image_name : str, optional
            What the image is called in the sentence.

        Raises
        ------
        DataError
            If the content differs, the shape differs, or labels lie outside the image.
        """
        self._check_content(image_sha256, image_name)
        image = _called(image_name)
        t, _, z, y, x = shape
        size = (t, z, y, x)
        at_origin = self.box and not any(self.box[0])
        check(
            self.image_shape in (None, size),
            DataError,
            "The annotation '{}' must have the shape of {}, {} pixels. Got {} instead.{}",
            self.name,
            image,
            size_text(size),
            size_text(self.image_shape or ()),
            " Give its 'offset' if it covers a part of the image." if at_origin else "",
        )
        low, high = self.box or self._bounds()
        check(
            all(a >= 0 and b <= n for a, b, n in zip(low, high, size)),
            DataError,
            "The annotation '{}' must lie inside {} of {} pixels. Got one from {} to {} (t, z, y, x).",
            self.name,
            image,
            size_text(size),
            low,
            high,
        )

    def dense(self, shape: Sequence[int]) -> np.ndarray:
        """Return the labels of a whole image of ``shape`` (T, C, Z, Y, X), as int32 of (T, Z, Y, X)."""
        self.check_fits(shape)
        t, _, z, y, x = shape
        whole = np.zeros((t, z, y, x), np.int32)
        for place, labels in self.pieces:
            whole[slices_at(place, labels.shape)] = labels
        return whole

    def _check_content(self, image_sha256: str | None, image_name: str | None) -> None:
        check(
            not (image_sha256 and self.image_sha256) or image_sha256 == self.image_sha256,
            DataError,
            "The annotation '{}' must belong to {}. Got one that was painted on {}, whose content (SHA-256 {}...) "
            "differs from this image's ({}...).",
            self.name,
            _called(image_name),
            f"'{self.image_name}'" if self.image_name else "another image",
            (self.image_sha256 or "")[:12],
            (image_sha256 or "")[:12],
        )

    def _bounds(self) -> tuple[Place, Place]:
        low = np.min([place for place, _ in self.pieces], axis=0)
        high = np.max([np.add(place, labels.shape) for place, labels in self.pieces], axis=0)
        return tuple(low.tolist()), tuple(high.tolist())


def _called(image_name: str | None) -> str:
    return f"the image '{image_name}'" if image_name else "its image"


def _offset(offset: Sequence[int] | None) -> Place:
    given = () if offset is None else tuple(offset)
    check(
        offset is None or (2 <= len(given) <= 4 and all(hasattr(n, "__index__") and n >= 0 for n in given)),
        SettingError,
        "The 'offset' of an annotation must be (y, x), (z, y, x) or (t, z, y, x), ints from 0. Got {} instead.",
        offset,
    )
    t, z, y, x = (0,) * (4 - len(given)) + tuple(int(n) for n in given)
    return t, z, y, x


def _class_names(names: Names | None) -> dict[int, str]:
    if names is None:
        return {}
    check(
        not isinstance(names, str),
        SettingError,
        "The 'class_names' must be a list of names, or a dict of number to name. Got '{}' instead.",
        names,
    )
    pairs = names.items() if isinstance(names, Mapping) else enumerate(names, start=1)
    told = {int(number): str(name).strip() for number, name in pairs}
    check(
        all(1 <= number <= MOST_CLASSES and name for number, name in told.items()),
        SettingError,
        "The 'class_names' must name classes from 1 to {}. Got {} instead.",
        MOST_CLASSES,
        told,
    )
    return told


def _check_class_numbers(labels: np.ndarray, name: str) -> None:
    """Refuse labels (T, Z, Y, X) that are no whole numbers from 0 on; large ones are told with what they look like."""
    must = f"The annotation '{name}' must hold whole numbers, 0 for unlabelled and 1 to {MOST_CLASSES} for classes."
    check(labels.dtype.kind in "buif", DataError, "{} Got {} instead.", must, labels.dtype)
    check(labels.size, DataError, "{} Got an array of shape {}.", must, labels.shape)
    if labels.dtype.kind in "if":
        wrong = labels < 0
        if labels.dtype.kind == "f":
            wrong |= (labels != np.floor(labels)) | ~np.isfinite(labels)
        if wrong.any():
            place = tuple(np.argwhere(wrong)[0].tolist())
            where = "".join(f"{axis} {i}, " for axis, i, n in zip("tz", place, labels.shape) if n > 1)
            raise DataError(f"{must} Got {labels[place]} at {where}row {place[2]}, column {place[3]}.")
    if labels.max() > MOST_CLASSES:
        kinds = len(np.unique(labels)) - (labels.min() == 0)
        like = "a mask of one value" if kinds == 1 else f"a label image of {kinds} objects"
        raise DataError(f"{must} Got {labels.max()}: it looks like {like}.")


# ---- one file ----
def read_annotation(
    path: str | Path,
    *,
    shape: Sequence[int] | None = None,
    offset: Sequence[int] | None = None,
    class_names: Names | None = None,
) -> Annotation:
    """Read what was painted on one image.

    Parameters
    ----------
    path : str or Path
        A label image (TIFF, PNG, .npy), an ilastik project (.ilp) or a GeoJSON file of QuPath.
    shape : sequence of five ints (T, C, Z, Y, X), optional
        The shape of its image: what does not fit is refused, and a series of planes that the file calls Z and the
        image T (or the other way round) is turned.
    offset : sequence of ints (y, x), (z, y, x) or (t, z, y, x), optional
        Where a label image that covers a part lies in its image.
    class_names : dict of int to str, or sequence of str, optional
        The names of the classes, in place of those that the file tells; in GeoJSON, where classes are names alone,
        the number of each.

    Raises
    ------
    DataError
        If the file is missing or corrupt, holds no class number or none that can be one, does not fit its image, or
        is an ilastik project with labels of several images: see `read_annotations`.
    """
    found = read_annotations(path, shape=shape, offset=offset, class_names=class_names)
    check(
        len(found) == 1,
        DataError,
        "The annotation '{}' must be of one image. Got {}: {}.",
        path,
        len(found),
        ", ".join(str(one.image_name) for one in found),
    )
    return found[0]


def read_annotations(
    path: str | Path,
    *,
    shape: Sequence[int] | None = None,
    offset: Sequence[int] | None = None,
    class_names: Names | None = None,
) -> list[Annotation]:
    """Read the annotations of all images that a file holds: one a lane of an ilastik project, else one.

    Parameters and errors are those of `read_annotation`.
    """
    path = Path(path)
    check(
        has_suffix(path, ANNOTATIONS),
        DataError,
        "The annotation '{}' must be a label image ({}), an ilastik project ({}) or GeoJSON ({}). Got '{}' instead.",
        path,
        ", ".join(LABEL_IMAGES),
        *PROJECTS,
        ", ".join(DRAWINGS),
        path.suffix,
    )
    if has_suffix(path, LABEL_IMAGES):
        found = [_read_label_image(path, offset, class_names)]
    else:
        check(
            offset is None,
            SettingError,
            "The 'offset' must be given for label images only. Got one for '{}', which tells the places itself.",
            path.name,
        )
        named = _class_names(class_names)
        found = [_read_drawing(path, named)] if has_suffix(path, DRAWINGS) else _read_project(path, named)
    return [fitted(one, shape) for one in found] if shape else found


def _read_label_image(path: Path, offset: Sequence[int] | None, class_names: Names | None) -> Annotation:
    data, notes = read_bytes(path), list[str]()
    labels, told = read_class_numbers(data, path, notes)
    return Annotation.of(
        labels,
        offset=told.get("offset") if offset is None else offset,
        class_names=told.get("class_names") if class_names is None else class_names,
        name=path.name,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        image_name=told.get("image_name"),
        image_sha256=told.get("image_sha256"),
        image_shape=told.get("image_shape"),
        notes=notes,
    )


def _read_drawing(path: Path, class_names: dict[int, str]) -> Annotation:
    data = read_bytes(path)
    drawing = read_drawing(data, path, {name: number for number, name in class_names.items()})
    return Annotation(
        drawing.pieces,
        drawing.class_names,
        path.name,
        path,
        hashlib.sha256(data).hexdigest(),
        colors=drawing.colors,
        notes=drawing.notes,
    )


def _read_project(path: Path, class_names: dict[int, str]) -> list[Annotation]:
    try:
        with open(path, "rb") as file:  # projects may hold their images: too large to be read at once
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {error.strerror or error}."
        ) from error
    project = read_project(path)
    labelled = [lane for lane in project.lanes if any(labels.any() for _, labels in lane.pieces)]
    n, without = len(project.lanes), len(project.lanes) - len(labelled)
    check(
        labelled,
        DataError,
        "The ilastik project '{}' must hold labels. Got none in {} image{}.",
        path,
        n,
        "s" * (n != 1),
    )
    notes = list(project.notes)
    if without:
        notes.append(f"{path.name}: {without} of its {n} images have no labels.")
    found = list[Annotation]()
    for lane in labelled:
        name = f"{path.name} ({lane.image_name})" if len(labelled) > 1 else path.name
        canvas = Canvas()
        for place, labels in lane.pieces:
            _check_class_numbers(labels, name)
            canvas.paint(place, labels)
        found.append(
            Annotation(
                canvas.pieces(),
                class_names or project.class_names,
                name,
                path,
                sha256,
                lane.image_name or None,
                image_shape=lane.image_shape,
                colors=project.colors,
                notes=notes if not found else [],
            )
        )
    return found


def fitted(annotation: Annotation, shape: Sequence[int], image_name: str | None = None) -> Annotation:
    """Return the annotation in the axes of its image, checked against its shape."""
    t, _, z, y, x = shape
    if _needs_turn(annotation, (t, z)):
        annotation = _turned(annotation)
    if annotation.box is None and annotation.image_shape is None:
        annotation = _within_reach(annotation, y, x)
    annotation.check_fits(shape, image_name=image_name)
    return annotation


def _within_reach(annotation: Annotation, height: int, width: int) -> Annotation:
    """Cut off what stands out over the lower and right border by a part of a pixel, as outlines may."""
    _, (_, _, y, x) = annotation._bounds()
    if (y <= height and x <= width) or y > height + 1 or x > width + 1:
        return annotation
    cut = [
        (place, labels[..., : height - place[2], : width - place[3]]) for place, labels in annotation.pieces
    ]
    return dataclasses.replace(annotation, pieces=tuple(piece for piece in cut if piece[1].any()))


def _needs_turn(annotation: Annotation, planes: tuple[int, int]) -> bool:
    """Tell whether the file's T and Z are the image's Z and T: a series of planes is often called either."""
    needs = (annotation.image_shape or annotation._bounds()[1])[:2]
    same = annotation.image_shape is not None
    as_told, swapped = (
        all(a == b if same else a <= b for a, b in zip(needs, given)) for given in (planes, planes[::-1])
    )
    return 1 in planes and not as_told and swapped


def _turned(annotation: Annotation) -> Annotation:
    def turn(place: Place) -> Place:
        t, z, y, x = place
        return z, t, y, x

    pieces = [
        (turn(place), np.ascontiguousarray(labels.swapaxes(0, 1))) for place, labels in annotation.pieces
    ]
    box, size = annotation.box, annotation.image_shape
    return dataclasses.replace(
        annotation,
        pieces=tuple(pieces),
        box=(turn(box[0]), turn(box[1])) if box else None,
        image_shape=turn(size) if size else None,
        notes=[*annotation.notes, f"{annotation.name}: T and Z are swapped, as its image has them."],
    )


# ---- writing ----
def write_annotation(
    annotation: Annotation,
    path: str | Path,
    *,
    image_sha256: str | None = None,
    image_name: str | None = None,
    image_shape: Sequence[int] | None = None,
) -> Path:
    """Write a label TIFF that tells which image it belongs to, for ImageJ, Fiji, napari and `read_annotation`.

    What it tells (content hash and name of the image, offset, class names) stands in ImageJ's "Info", which Fiji keeps
    when the file is painted on and saved again. The file is as large as the image, where that is told and up to 64
    million pixels, or else as the box around the labels.

    Parameters
    ----------
    path : str or Path
        Ends in .tif or .tiff; it appears whole or not at all.
    image_sha256, image_name : str, optional
        The image's content hash and name; without them, those that the annotation tells.
    image_shape : sequence of five ints (T, C, Z, Y, X), optional
        The image's shape, where the annotation does not tell it.

    Raises
    ------
    SettingError
        If the image's content hash is neither given nor told, or the path has another suffix.
    DataError
        If the annotation does not fit the image, or its labels lie too far apart for one TIFF.
    """
    path = Path(path)
    check(
        has_suffix(path, (".tif", ".tiff")),
        SettingError,
        "The 'path' of an annotation must end in .tif or .tiff. Got '{}' instead.",
        path,
    )
    sha256 = image_sha256 or annotation.image_sha256
    check(
        sha256,
        SettingError,
        "The 'image_sha256' must be given to write the annotation '{}'. Got none: it would not tell its image.",
        annotation.name,
    )
    name = image_name or annotation.image_name
    size = annotation.image_shape
    if image_shape:
        t, _, z, y, x = image_shape
        size = (t, z, y, x)
    annotation._check_content(image_sha256, name)
    if size:
        annotation.check_fits((size[0], 1, *size[1:]), image_name=name)
    low, high = annotation._bounds()
    if size and np.prod(size) <= LARGEST_WHOLE:
        low, high = (0, 0, 0, 0), size
    shape = tuple(b - a for a, b in zip(low, high))
    check(
        np.prod(shape) <= LARGEST_TIFF,
        DataError,
        "The labels of '{}' must lie in a box of at most {} pixels to be written. Got {}.",
        annotation.name,
        LARGEST_TIFF,
        size_text(shape),
    )
    labels = np.zeros(shape, np.uint8)
    for place, piece in annotation.pieces:
        labels[slices_at(np.subtract(place, low).tolist(), piece.shape)] = piece
    told = {
        "image_sha256": sha256,
        "image_name": name,
        "image_shape": size,
        "offset": low,
        "class_names": annotation.class_names,
    }
    return write_whole(path, label_tiff(labels, told))
