"""Objects learn from what was painted on them: of which class they are, and which of them are pieces of one."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.learn.apply import check_measured_alike
from clew.learn.forest import Forest, train, validate
from clew.measure.measured import Measured, counted
from clew.measure.objects import measure_objects
from clew.measure.segment import connected_pieces
from clew.measure.touching import borders, measure_touching
from clew.read.annotations import Annotation
from clew.read.canvas import MOST_CLASSES
from clew.read.images import Image
from clew.result import Result, settings_of
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import Validation

MERGE, APART = "merge", "apart"  # painted as 1 and 2, as for APOC's ObjectMerger
TRAINING = ("features", "trees", "depth", "random_state")
# The settings of measure_objects that `clew predict` needs to measure new images like those of the model.
HOW = ("threshold", "channel", "foreground", "split", "min_area", "border")


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
    labels, painted = np.asarray(label_image), _painted(annotation, np.shape(label_image))
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
    return PaintedObjects(
        object=objects.astype(np.int32), class_number=class_number, label=names[class_number], notes=notes
    )


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


def _painted(annotation: np.ndarray | Annotation, shape: tuple[int, ...]) -> np.ndarray:
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


# ---- which class ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ObjectClasses(Result):
    """The class of every object of one image.

    Parameters
    ----------
    object : ndarray of int32, shape (n_objects,)
        The numbers of the objects that could be measured.
    label : ndarray of str, shape (n_objects,)
        Their classes.
    probability : ndarray of float64, shape (n_objects, n_classes)
    classes : list of str
        The columns of `probability`.
    class_image : ndarray of int32, shape (Y, X)
        Each object painted with the number of its class, as in the annotations; 0 elsewhere.
    notes : list of str
        What was left out, and what is unlike the objects of the training.
    """

    object: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    classes: list[str]
    class_image: np.ndarray
    notes: list[str]

    def headline(self) -> str:
        """Say how many objects are of which class."""
        return ", ".join(f"{n:,} {name}" for name, n in self.summary()["labels"].items())

    def summary(self) -> dict[str, Any]:
        """Return the number of objects of each class."""
        labels = {name: int((self.label == name).sum()) for name in self.classes}
        return {"objects": len(self.object), "labels": labels, "notes": list(self.notes)}


class _FromPaint:
    """What both share: a forest on what is measured of painted images, and scikit-learn's contract."""

    mark: ClassVar[str]  # what the ``measure`` of its forests holds, and no other's
    features: str | list[str]
    trees: int
    depth: int | None
    random_state: int
    forest_: Forest
    samples_: Samples

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings."""
        return {name: getattr(self, name) for name in settings_of(type(self).__init__)}

    def set_params(self, **settings: Any) -> Self:
        """Change settings."""
        for name, value in settings.items():
            check_choice(name, self.get_params(), what="name of a setting", of=type(self).__name__)
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        fitted = f": {self.forest_.headline()}" if hasattr(self, "forest_") else ""
        return f"<{type(self).__name__}{fitted}>"

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

    def _take(self, forest: Forest) -> None:
        self.forest_ = forest
        self.classes_ = np.array(forest.classes)
        self.feature_names_ = tuple(forest.feature_names)
        self.feature_importances_ = forest.importance

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


class ObjectClassifier(_FromPaint):
    """Learn the class of objects from a few that were painted.

    Parameters
    ----------
    features : str or list of str
        What to learn from: "all", "shape", "size", "intensity", or names of features of `measure_objects`.
    trees : int
    depth : int, optional
        The largest number of questions from root to leaf; no limit by default.
    class_names : sequence of str, optional
        The name of class 1, 2, ...; those of the annotations, or "1", "2", ... by default.
    random_state : int

    Attributes
    ----------
    forest_ : Forest
        The model, with ``notes`` of what was painted and left out; `Forest.save_model` keeps it, `of` takes it up again,
        and so does ``clew predict``.
    classes_ : ndarray of str
        The classes, in the order of probabilities.
    feature_names_ : tuple of str
    feature_importances_ : ndarray of float64
        Mean decrease in impurity; correlated features divide it among themselves.
    samples_ : Samples
        The painted objects, labelled.
    """

    mark = "class_numbers"

    def __init__(
        self,
        *,
        features: str | list[str] = "all",
        trees: int = 100,
        depth: int | None = None,
        class_names: Sequence[str] | None = None,
        random_state: int = 0,
    ) -> None:
        self.features, self.trees, self.depth = features, trees, depth
        self.class_names, self.random_state = class_names, random_state

    def fit(
        self,
        images: Sequence[Image | np.ndarray],
        label_images: Sequence[np.ndarray],
        annotations: Sequence[np.ndarray | Annotation],
    ) -> ObjectClassifier:
        """Learn from painted objects.

        Parameters
        ----------
        images : sequence of Image, or of ndarray of shape (Y, X) or (C, Y, X)
        label_images : sequence of ndarray of int, shape (Y, X)
            The objects of each image; a mask is cut into its connected pieces.
        annotations : sequence of Annotation, or of ndarray of int, shape (Y, X)
            The classes from 1 on, painted on some objects; 0 elsewhere. All-0 ones are passed over.

        Raises
        ------
        DataError
            If shapes do not fit, nothing is painted on objects, or there is one class only.
        """
        labels, numbers, measured, notes = self._labels(images, label_images, annotations)
        measure = {"kind": "image", "how": {name: measured.settings[name] for name in HOW}}
        self._learn(measured, labels, measure | measured.settings | {"class_numbers": numbers}, notes)
        return self

    def predict(self, image: Image | np.ndarray, label_image: np.ndarray) -> ObjectClasses:
        """Return the class of every object of an image, and the image of classes.

        Raises
        ------
        DataError
            If the image has other channels, units or depth than those of the training, or holds no object.
        """
        measured = measure_objects(_images([image]), [label_image], fewest=1)
        samples = self._rows(measured)
        said = self.forest_.predict(samples)
        objects = samples.origin["label"].to_numpy(np.int32)
        (labels,) = measured.label_images.values()
        values, of_value = np.unique(labels, return_inverse=True)
        number = np.zeros(len(values), np.int32)
        numbers = self.forest_.measure["class_numbers"]
        number[np.searchsorted(values, objects)] = [numbers[name] for name in np.asarray(said.label).tolist()]
        return ObjectClasses(
            object=objects,
            label=np.asarray(said.label),
            probability=np.asarray(said.probability),
            classes=said.classes,
            class_image=number[of_value].reshape(labels.shape),
            notes=[*measured.notes, *self.forest_.outside(samples)],
        )

    def predict_proba(self, image: Image | np.ndarray, label_image: np.ndarray) -> np.ndarray:
        """Return the probability of each class (columns as `classes_`) of the objects that `predict` lists."""
        return self.predict(image, label_image).probability

    def score(
        self,
        images: Sequence[Image | np.ndarray],
        label_images: Sequence[np.ndarray],
        annotations: Sequence[np.ndarray | Annotation],
    ) -> float:
        """Return the balanced accuracy on other painted objects: the mean recall of the classes that are painted there."""
        truth, _, measured, _ = self._labels(images, label_images, annotations)
        known = truth != ""
        rows = self._rows(measured).take(known)
        right = self.forest_.predict(rows).label == truth[known]
        return float(np.mean([right[truth[known] == name].mean() for name in np.unique(truth[known])]))

    def _labels(
        self,
        images: Sequence[Image | np.ndarray],
        label_images: Sequence[np.ndarray],
        annotations: Sequence[np.ndarray | Annotation],
    ) -> tuple[np.ndarray, dict[str, int], Measured, list[str]]:
        """Measure all objects; return the label of each ("" for none), the number of each class, and remarks."""
        _check_one_each(images, label_images, annotations)
        measured = measure_objects(_images(images), list(label_images), fewest=1)
        origin = measured.samples.origin
        label = np.full(len(origin), "", dtype=object)
        numbers: dict[str, int] = {}
        notes = []
        for (source, labels), annotation in zip(measured.label_images.items(), annotations):
            if not np.any(_painted(annotation, labels.shape)):
                continue
            painted = labels_from_annotation(labels, annotation, class_names=self.class_names)
            numbers |= {str(name): int(c) for name, c in zip(painted.label, painted.class_number) if name}
            mine = (origin["source"] == source).to_numpy()
            label[mine] = painted.label[np.searchsorted(painted.object, origin["label"].to_numpy()[mine])]
            n_lost = int((painted.label != "").sum() - (label[mine] != "").sum())
            lost = [f"{counted(n_lost, 'painted object')} could not be measured."] if n_lost else []
            notes += [f"{source}: {note}" for note in [*painted.notes, *lost]]
        return label.astype(str), dict(sorted(numbers.items())), measured, notes


# ---- which are one ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Merging(Result):
    """A label image in which pieces were put together.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X)
        Merged objects have the smallest number of their pieces; all others keep theirs.
    pair : ndarray of int32, shape (n_pairs, 2)
        The numbers of the objects that touch.
    probability : ndarray of float64, shape (n_pairs,)
        How likely it is that they are one.
    merged : ndarray of bool, shape (n_pairs,)
        Whether the forest says that they are one.
    notes : list of str
    """

    labels: np.ndarray
    pair: np.ndarray
    probability: np.ndarray
    merged: np.ndarray
    notes: list[str]

    def headline(self) -> str:
        """Say how many pairs were merged."""
        return f"{int(self.merged.sum())} of {counted(len(self.pair), 'touching pair')} merged"

    def summary(self) -> dict[str, Any]:
        """Return the numbers of pairs and objects."""
        n_objects = len(np.unique(self.labels[self.labels > 0]))
        return {"pairs": len(self.pair), "merged": int(self.merged.sum()), "objects": n_objects}


class ObjectMerger(_FromPaint):
    """Learn from strokes which touching objects are pieces of one.

    A stroke of 1 that crosses the border between two objects says that they are one; a stroke of 2 that they are not.

    Parameters
    ----------
    features : str or list of str
        What to learn from: "all", or names of features of `measure_touching`.
    trees, depth, random_state
        As for `ObjectClassifier`.

    Attributes
    ----------
    forest_, classes_, feature_names_, feature_importances_
        As of `ObjectClassifier`.
    samples_ : Samples
        The pairs that strokes say something about, labelled "merge" or "apart".

    Notes
    -----
    After the ObjectMerger of APOC (Robert Haase, https://github.com/haesleinhuepf/apoc): the same strokes, a forest on
    the same and further features of the common border.
    """

    mark = "pairs"

    def __init__(
        self,
        *,
        features: str | list[str] = "all",
        trees: int = 100,
        depth: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.features, self.trees, self.depth, self.random_state = features, trees, depth, random_state

    def fit(
        self,
        images: Sequence[Image | np.ndarray],
        label_images: Sequence[np.ndarray],
        annotations: Sequence[np.ndarray | Annotation],
    ) -> ObjectMerger:
        """Learn from strokes across borders.

        Parameters
        ----------
        images : sequence of Image, or of ndarray of shape (Y, X) or (C, Y, X)
        label_images : sequence of ndarray of int, shape (Y, X)
            Objects, cut into too many pieces.
        annotations : sequence of Annotation, or of ndarray of int, shape (Y, X)
            1 across borders that should go, 2 across those that should stay, 0 elsewhere.

        Raises
        ------
        DataError
            If shapes do not fit, no objects touch, no stroke crosses a border, or all say the same.
        """
        _check_one_each(images, label_images, annotations)
        measured = measure_touching(_images(images), list(label_images))
        names, origin = list(measured.label_images), measured.samples.origin
        said: dict[tuple[str, int, int], int] = {}
        notes: list[str] = []
        for name, annotation in zip(names, annotations):
            crossed, remarks = _crossed(measured.label_images[name], annotation)
            said |= {(name, *pair): number for pair, number in crossed.items()}
            notes += [f"{name}: {remark}" for remark in remarks]
        pairs = origin[["source", "label_a", "label_b"]].itertuples(index=False, name=None)
        labels = np.array([("", MERGE, APART)[said.get(pair, 0)] for pair in pairs], dtype=str)
        check(
            (labels != "").any(),
            DataError,
            "The annotation must cross the border between two objects that touch. Got no such stroke.",
        )
        self._learn(measured, labels, {"kind": "image", "pairs": "touching", **measured.settings}, notes)
        return self

    def predict(self, image: Image | np.ndarray, label_image: np.ndarray) -> Merging:
        """Merge the touching objects of an image that are pieces of one.

        Raises
        ------
        DataError
            If the image has other channels, units or depth than those of the training, or no objects touch.
        """
        measured = measure_touching(_images([image]), [label_image])
        samples = self._rows(measured)
        said = self.forest_.predict(samples)
        pair = samples.origin[["label_a", "label_b"]].to_numpy(np.int32)
        merged = np.asarray(said.label) == MERGE
        labels, became = _union(np.asarray(label_image), pair, merged)
        across = int((~merged & (became[:, 0] == became[:, 1])).sum())
        notes = [*measured.notes, *self.forest_.outside(samples)]
        if across:
            notes.append(f"{counted(across, 'pair')} said to be apart became one through a third object.")
        return Merging(
            labels=labels,
            pair=pair,
            probability=np.asarray(said.probability)[:, said.classes.index(MERGE)],
            merged=merged,
            notes=notes,
        )


def _crossed(
    labels: np.ndarray, annotation: np.ndarray | Annotation
) -> tuple[dict[tuple[int, int], int], list[str]]:
    """Return the highest number of the strokes across the border of each pair of objects (a < b), and remarks."""
    painted = _painted(annotation, labels.shape)
    check(
        painted.max(initial=0) <= 2,
        DataError,
        "The annotation of ObjectMerger must be 1 across borders that should go and 2 across those that should stay. Got {}.",
        painted.max(initial=0),
    )
    here, there = borders(labels, corners=True)  # a thin stroke may cross from corner to corner
    flat, paint = labels.ravel(), painted.ravel()
    across = (flat[here] > 0) & (flat[there] > 0) & (paint[here] > 0) & (paint[here] == paint[there])
    here, there = here[across], there[across]
    found = np.column_stack(
        [np.minimum(flat[here], flat[there]), np.maximum(flat[here], flat[there]), paint[here]]
    )
    rows = np.unique(found, axis=0)  # rising, so the highest number of a pair comes last and stands
    crossed = {(int(a), int(b)): int(number) for a, b, number in rows}
    remarks = []
    if len(rows) > len(crossed):
        remarks.append(
            f"{counted(len(rows) - len(crossed), 'pair')} crossed by both kinds of stroke: taken as apart."
        )
    strokes = sum(connected_pieces(painted == number)[1] for number in (1, 2))
    crossing = sum(
        len(np.unique(connected_pieces(painted == number)[0].ravel()[here[paint[here] == number]]))
        for number in (1, 2)
    )
    if crossing < strokes:
        remarks.append(f"{counted(strokes - crossing, 'stroke')} without a border to cross.")
    return crossed, remarks


def _union(labels: np.ndarray, pair: np.ndarray, merged: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put the merged pairs together; return the labels, and what the numbers of each pair (n_pairs, 2) became."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    values, of_value = np.unique(labels, return_inverse=True)
    place = np.searchsorted(values, pair)
    a, b = place[merged].T
    links = coo_array((np.ones(len(a)), (a, b)), shape=(len(values), len(values)))
    _, group = connected_components(links, directed=False)
    _, smallest = np.unique(group, return_index=True)  # values rise, so the first of a group is its smallest
    number = values[smallest[group]].astype(np.int32)
    return number[of_value].reshape(labels.shape), number[place]


# ---- what both take and keep ----
def _check_one_each(images: Sequence[Any], label_images: Sequence[Any], annotations: Sequence[Any]) -> None:
    check(
        len(images) == len(label_images) == len(annotations) >= 1,
        DataError,
        "The images, label images and annotations must be lists, one of each for every image. Got {}, {} and {}.",
        len(images),
        len(label_images),
        len(annotations),
    )


def _images(images: Sequence[Image | np.ndarray]) -> list[Image]:
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
