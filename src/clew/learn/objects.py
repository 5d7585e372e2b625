"""Objects learn of which class they are from what was painted on a few of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.learn.painted import FromPaint, as_images, as_painted, check_one_each, labels_from_annotation
from clew.measure.measured import Measured, counted
from clew.measure.objects import measure_objects
from clew.read.annotations import Annotation
from clew.read.images import Image
from clew.result import Result

# The settings of measure_objects that `clew predict` needs to measure new images like those of the model.
HOW = ("threshold", "channel", "foreground", "split", "min_area", "border")


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


class ObjectClassifier(FromPaint):
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
        measured = measure_objects(as_images([image]), [label_image], fewest=1)
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
        check_one_each(images, label_images, annotations)
        measured = measure_objects(as_images(images), list(label_images), fewest=1)
        origin = measured.samples.origin
        label = np.full(len(origin), "", dtype=object)
        numbers: dict[str, int] = {}
        notes = []
        for (source, labels), annotation in zip(measured.label_images.items(), annotations):
            if not np.any(as_painted(annotation, labels.shape)):
                continue
            painted = labels_from_annotation(labels, annotation, class_names=self.class_names)
            numbers |= {str(name): int(c) for name, c in zip(painted.label, painted.class_number) if name}
            mine = (origin["source"] == source).to_numpy()
            label[mine] = painted.label[np.searchsorted(painted.object, origin["label"].to_numpy()[mine])]
            n_lost = int((painted.label != "").sum() - (label[mine] != "").sum())
            lost = [f"{counted(n_lost, 'painted object')} could not be measured."] if n_lost else []
            notes += [f"{source}: {note}" for note in [*painted.notes, *lost]]
        return label.astype(str), dict(sorted(numbers.items())), measured, notes
