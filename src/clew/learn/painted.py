"""What was painted on objects, and what all that learns from it shares: a forest, and scikit-learn's contract."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.apply import check_measured_alike
from clew.learn.contract import Learner
from clew.learn.forest import Forest
from clew.learn.training import train, validate
from clew.measure.measured import Measured, counted, numbered_objects
from clew.measure.segment import connected_pieces
from clew.read.annotations import Annotation
from clew.read.canvas import MOST_CLASSES
from clew.read.images import Image
from clew.result import Result
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import Validation

TRAINING = ("features", "trees", "depth", "random_state")


# ---- what was painted ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PaintedObjects(Result):
    """The classes that strokes of a brush give to objects.

    Parameters
    ----------
    object : ndarray of int32, shape (n_objects,)
        The numbers of all objects, rising.
    class_number : ndarray of int32, shape (n_objects,)
        The class painted on each; 0 where nobody painted.
    label : ndarray of str, shape (n_objects,)
        The name of that class; "" where nobody painted.
    notes : list of str
        Objects that carry two classes, and strokes that touch no object.
    """

    object: np.ndarray
    class_number: np.ndarray
    label: np.ndarray
    notes: list[str]

    def headline(self) -> str:
        """Say how many objects have a class."""
        return f"{counted(int((self.class_number > 0).sum()), 'object')} of {len(self.object)} painted"

    def summary(self) -> dict[str, Any]:
        """Return the number of objects of each class."""
        names, counts = np.unique(self.label[self.label != ""], return_counts=True)
        return {"painted": {str(c): int(n) for c, n in zip(names, counts)}, "notes": list(self.notes)}


def labels_from_annotation(
    label_image: np.ndarray, annotation: np.ndarray | Annotation, *, class_names: Sequence[str] | None = None
) -> PaintedObjects:
    """Give each object the highest class that was painted on it.

    Parameters
    ----------
    label_image : ndarray of int, shape (Y, X) or (Z, Y, X)
        The objects; 0 for background.
    annotation : ndarray of int of the same shape, or Annotation
        The classes from 1 on; 0 where nothing was painted.
    class_names : sequence of str, optional
        The name of class 1, 2, ...; those of the Annotation, or "1", "2", ... by default.

    Raises
    ------
    DataError
        If the annotation has another shape, numbers that are no classes, or touches no object.
    SettingError
        If a class that is painted has no name, or a name is empty or stands twice.

    Notes
    -----
    The maximum decides where an object carries several classes, as in APOC (https://github.com/haesleinhuepf/apoc).
    """
    labels = numbered_objects(label_image, np.shape(label_image), of="labels_from_annotation")
    painted = as_painted(annotation, labels.shape)
    objects = np.unique(labels[labels > 0])
    there = (labels > 0) & (painted > 0)
    pairs = np.unique(np.column_stack([labels[there], painted[there]]), axis=0)  # rising, so the last wins
    check(
        len(pairs),
        DataError,
        "The annotation must be painted on at least one of the {}. Got {}.",
        counted(len(objects), "object"),
        "strokes beside them" if painted.any() else "an empty one",
    )
    class_number = np.zeros(len(objects), np.int32)
    class_number[np.searchsorted(objects, pairs[:, 0])] = pairs[:, 1]
    _, n_classes = np.unique(pairs[:, 0], return_counts=True)
    notes = []
    if (n_classes > 1).any():
        twice = np.unique(pairs[:, 0])[n_classes > 1]
        carry = "carries" if len(twice) == 1 else "carry"
        listed = ", ".join(map(str, twice[:6])) + (" ..." if len(twice) > 6 else "")
        notes.append(
            f"{counted(len(twice), 'object')} {carry} several classes, of which the highest counts: {listed}."
        )
    beside = _strokes_beside(painted, labels > 0)
    if beside:
        touch = "touches" if beside == 1 else "touch"
        notes.append(f"{counted(beside, 'stroke')} {touch} no object.")
    told = annotation.class_names if isinstance(annotation, Annotation) else {}
    names = np.array(_names(class_names, int(class_number.max()), told), dtype=str)
    return PaintedObjects(object=objects, class_number=class_number, label=names[class_number], notes=notes)


def _names(class_names: Sequence[str] | None, n_classes: int, told: dict[int, str]) -> list[str]:
    """Return the name of class 0, which is "", and of 1, 2, ... n_classes."""
    if class_names is None:
        return ["", *(told.get(number, str(number)) for number in range(1, n_classes + 1))]
    names = [str(name) for name in class_names]
    check(
        len(names) >= n_classes and all(names) and len(set(names)) == len(names),
        SettingError,
        "The 'class_names' must be {} different names, as many as there are classes. Got {}.",
        n_classes,
        class_names,
    )
    return ["", *names]


def as_painted(annotation: np.ndarray | Annotation, shape: tuple[int, ...]) -> np.ndarray:
    """Return an annotation as int32 of the shape of a label image, or refuse it."""
    if isinstance(annotation, Annotation):
        plane = (1, 1, *(1,) * (3 - len(shape)), *shape)  # (T, C, Z, Y, X)
        return annotation.dense(plane)[0].reshape(shape)
    annotation = np.asarray(annotation)
    check(
        annotation.shape == tuple(shape),
        DataError,
        "The annotation must have the shape of the label image, {}. Got {} instead.",
        tuple(shape),
        annotation.shape,
    )
    fits = annotation.dtype.kind in "buif"
    if fits:
        with np.errstate(invalid="ignore"):
            wrong = ~((annotation >= 0) & (annotation <= MOST_CLASSES) & (annotation == np.floor(annotation)))
    check(
        fits and not wrong.any(),
        DataError,
        "The annotation must hold class numbers from 1 to {}, and 0 for nothing painted. Got {} instead.",
        MOST_CLASSES,
        annotation[wrong][0] if fits and wrong.any() else annotation.dtype,
    )
    return annotation.astype(np.int32)


def _strokes_beside(painted: np.ndarray, inside: np.ndarray) -> int:
    """Return the number of connected strokes that lie on no object."""
    strokes, n = connected_pieces(painted > 0)
    return n - len(np.unique(strokes[inside & (strokes > 0)]))


# ---- what learns from it ----
class FromPaint(Learner):
    """What both share: a forest on what is measured of painted images, and scikit-learn's contract."""

    mark: ClassVar[str]  # what the ``measure`` of its forests holds, and no other's
    features: str | list[str]
    trees: int
    depth: int | None
    random_state: int
    samples_: Samples

    @classmethod
    def of(cls, forest: Forest) -> Self:
        """Return one that predicts by a forest that was trained before; it has no paint to be validated on.

        Raises
        ------
        DataError
            If the forest was trained for something else.
        """
        check(
            cls.mark in forest.measure,
            DataError,
            "The forest of {} must be one that it trained. Got {}, measured otherwise.",
            cls.__name__,
            forest,
        )
        model = cls(**{name: forest.settings[name] for name in TRAINING})
        model._take(forest)
        return model

    def validate(self, *, folds: int = 5, by: By = "auto", gap: float | None = None) -> Validation:
        """Cross-validate honestly: whole images are held out, or regions of a single image with a gap around.

        Look at ``scores.per_class``: where most objects are of one class, accuracy flatters.

        Raises
        ------
        DataError
            If a class has one object only, or the painted objects cannot be divided.
        SettingError
            If it was not fitted, but taken up from a forest.
        """
        check(
            hasattr(self, "samples_"),
            SettingError,
            "The {} must be fitted to be validated: a forest alone does not hold what was painted.",
            type(self).__name__,
        )
        return validate(self.samples_, **self._settings(), folds=folds, by=by, gap=gap)

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in TRAINING}

    def _learn(
        self, measured: Measured, labels: np.ndarray, measure: dict[str, Any], notes: list[str]
    ) -> None:
        """Train on the rows with a label, and keep these for validation."""
        samples = measured.samples.with_labels(labels)
        forest = train(samples, **self._settings(), measure=measure)
        lonely = [name for name, n in forest.class_counts.items() if n == 1]
        alone = [f"One example only, too few to validate by: {', '.join(lonely)}."] if lonely else []
        self._take(dataclasses.replace(forest, notes=[*measured.notes, *notes, *forest.notes, *alone]))
        self.samples_ = samples.take(labels != "")

    def _rows(self, measured: Measured) -> Samples:
        """Return measured rows with the features that the model asks for."""
        check(
            hasattr(self, "forest_"),
            SettingError,
            "The {} must be fitted before it is used. Got no call of fit.",
            type(self).__name__,
        )
        check_measured_alike(self.forest_, measured)
        return measured.samples.select(self.forest_.feature_names)


def check_one_each(images: Sequence[Any], label_images: Sequence[Any], annotations: Sequence[Any]) -> None:
    check(
        len(images) == len(label_images) == len(annotations) >= 1,
        DataError,
        "The images, label images and annotations must be lists, one of each for every image. Got {}, {} and {}.",
        len(images),
        len(label_images),
        len(annotations),
    )


def as_images(images: Sequence[Image | np.ndarray]) -> list[Image]:
    """Return images as they are, and arrays as images without a file."""
    return [
        one if isinstance(one, Image) else _image_of(one, f"image_{i}") for i, one in enumerate(images, 1)
    ]


def _image_of(array: np.ndarray, name: str) -> Image:
    pixels = np.asarray(array)
    check(
        pixels.ndim in (2, 3) and pixels.dtype.kind in "uif",
        DataError,
        "The array '{}' must be numbers of shape (Y, X) or (C, Y, X). Got {} of shape {} instead.",
        name,
        pixels.dtype,
        pixels.shape,
    )
    n_wrong = int((~np.isfinite(pixels)).sum())
    check(not n_wrong, DataError, "The pixels of '{}' must be finite. Got {} that are not.", name, n_wrong)
    pixels = np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[None])
    channels = ("gray",) if len(pixels) == 1 else tuple(f"c{i + 1}" for i in range(len(pixels)))
    sha256 = hashlib.sha256(f"{pixels.dtype.str} {pixels.shape}".encode() + pixels.tobytes()).hexdigest()
    return Image(name, Path(name), sha256, pixels, channels, None, [])
