"""`PixelClassifier`: scikit-learn's contract over training (`pixel_training`) and prediction (`pixel_model`)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.contract import Learner
from clew.learn.forest import Forest
from clew.learn.pixel_model import PixelModel, check_stride, entropy
from clew.learn.pixel_shapley import PixelContributions, PixelExplainer
from clew.learn.pixel_training import check_one_each, painted_places, train_pixels, validate_painted
from clew.learn.strokes import StrokeValidation
from clew.learn.training import Grower, MaxFeatures
from clew.measure.intensity import Normalise
from clew.measure.pixels import Shape
from clew.read.annotations import Annotation
from clew.read.stacks import Stack


class PixelClassifier(Learner):
    """A pixel classifier with scikit-learn's contract: ``fit(images, annotations)``, ``predict(image)``.

    Parameters
    ----------
    axes : str, optional
        The axes of arrays, such as "CYX", "YXS" (colours last), "ZYX" or "TCZYX"; "YX" by default. A `Stack` tells its
        own.
    features, sigmas, unit, dimensions, normalise, trees, depth, min_leaf, max_features, class_weight, grower, random_state, n_jobs
        As for `train_pixels`.

    Attributes
    ----------
    forest_ : Forest
        The model; `Forest.save_model` keeps it, `PixelClassifier.of` takes it up again.
    classes_ : ndarray of str
        The classes, in the order of probabilities.
    feature_names_ : tuple of str
    feature_importances_ : ndarray of float64
        Mean decrease in impurity; correlated features divide it among themselves.
    painted_ : PaintedPixels
        What it was fitted to.
    """

    def __init__(
        self,
        *,
        axes: str | None = None,
        features: str | list[str] = "medium",
        sigmas: list[float] | None = None,
        unit: Literal["px", "µm"] = "px",
        dimensions: Literal["auto", "2", "3"] = "auto",
        normalise: Normalise = "otsu",
        trees: int = 100,
        depth: int | None = 4,
        min_leaf: int = 1,
        max_features: MaxFeatures = "auto",
        class_weight: Literal["as painted", "equal"] = "as painted",
        grower: Grower = "auto",
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.axes = axes
        self.features = features
        self.sigmas = sigmas
        self.unit = unit
        self.dimensions = dimensions
        self.normalise = normalise
        self.trees = trees
        self.depth = depth
        self.min_leaf = min_leaf
        self.max_features = max_features
        self.class_weight = class_weight
        self.grower = grower
        self.random_state = random_state
        self.n_jobs = n_jobs

    @classmethod
    def of(cls, forest: Forest, *, axes: str | None = None) -> PixelClassifier:
        """Return a classifier that predicts by a forest that was trained before."""
        classifier = cls(axes=axes)
        classifier._take(forest)
        return classifier

    def _take(self, forest: Forest) -> None:
        self.model_ = PixelModel(forest)
        super()._take(forest)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a new folder, for `load` and ``clew pixels predict``: the same bytes for the same strokes.

        Raises
        ------
        SettingError
            If it is not fitted, or the folder exists.
        """
        check(
            hasattr(self, "forest_"),
            SettingError,
            "A PixelClassifier must be fitted before it is saved. Call fit first.",
        )
        return self.forest_.save_model(folder)

    @classmethod
    def load(cls, folder: str | Path, *, axes: str | None = None) -> PixelClassifier:
        """Read a classifier that `save` or ``clew pixels train`` wrote; it predicts, and has no painted pixels.

        Raises
        ------
        DataError
            If the folder holds no model for pixels.
        """
        return cls.of(Forest.load_model(folder), axes=axes)

    def fit(self, images: Sequence[Any], annotations: Sequence[Any]) -> PixelClassifier:
        """Fit to painted pixels.

        Parameters
        ----------
        images : sequence of (Stack or ndarray)
        annotations : sequence of (Annotation or ndarray of int)
            One an image, of its shape without channels; 0 is unlabelled, 1.. are classes.

        Raises
        ------
        DataError, SettingError
            As `train_pixels`.
        """
        check_one_each(images, annotations)
        settings = {name: value for name, value in self.get_params().items() if name != "axes"}
        stacks = [self._stack(image, f"image {i}") for i, image in enumerate(images)]
        painted = [
            self._annotation(one, f"annotation {i}", image)
            for i, (one, image) in enumerate(zip(annotations, images))
        ]
        forest, self.painted_ = train_pixels(stacks, painted, **settings)
        self._take(forest)
        return self

    def _stack(self, image: Any, name: str = "image") -> Stack:
        if isinstance(image, Stack):
            return image
        array = np.asarray(image)
        check(
            array.ndim >= 2 and array.dtype.kind in "buif",
            DataError,
            "The {} of PixelClassifier must be an array of numbers, or a Stack: open_stack opens files. Got {}.",
            name,
            type(image).__name__ if array.ndim < 2 else f"an array of {array.dtype}",
        )
        axes = self.axes or "YX"
        check(
            len(axes) == array.ndim,
            SettingError,
            "The 'axes' of PixelClassifier must name the {} axes of an array, such as {}. Got {}.",
            array.ndim,
            {2: "'YX'", 3: "'YXC' (colour last), 'CYX', 'ZYX' or 'TYX'"}.get(array.ndim, "'TCZYX'"),
            f"'{self.axes}'" if self.axes else "none, which is 'YX'",
        )
        return Stack.of(array, axes=axes, name=name)

    def _annotation(self, one: Any, name: str, image: Any) -> Annotation:
        """Return what is painted on an image; an array has the axes of the image that it belongs to."""
        if isinstance(one, Annotation):
            return one
        array, axes = np.asarray(one), _plain_axes(self.axes)
        if isinstance(image, Stack):
            return Annotation.of(array, name=name)
        check(
            array.ndim == len(axes),
            DataError,
            "The '{}' of PixelClassifier must have the axes {} of its image. Got the shape {}.",
            name,
            axes,
            array.shape,
        )
        array = array.transpose([axes.index(axis) for axis in "TZYX" if axis in axes])
        return Annotation.of(
            array[tuple(slice(None) if axis in axes else None for axis in "TZYX")], name=name
        )

    def validate(
        self,
        *,
        n_folds: int = 5,
        random_state: int = 0,
        permutations: int = 0,
        train_pixels: int | None = None,
    ) -> StrokeValidation:
        """Validate on painted strokes that were held out, with a gap as wide as the widest filter looks.

        Parameters
        ----------
        n_folds, random_state, permutations, train_pixels
            As for `clew.learn.strokes.validate_strokes`.

        Raises
        ------
        SettingError
            If it was not fitted here.
        DataError
            If the strokes are too few or too near each other to be held out.
        """
        check(
            hasattr(self, "painted_"),
            SettingError,
            "A PixelClassifier must be fitted before it is validated. Call fit first.",
        )
        return validate_painted(
            self.painted_,
            self.forest_,
            n_folds=n_folds,
            random_state=random_state,
            permutations=permutations,
            train_pixels=train_pixels,
        )

    def _all(
        self, image: Any, probability: bool, stride: int = 1
    ) -> tuple[Stack, np.ndarray, np.ndarray | None]:
        check(
            hasattr(self, "model_"),
            SettingError,
            "A PixelClassifier must be fitted before it predicts. Call fit first.",
        )
        check_stride(stride)
        stack = self._stack(image)
        times, _, depth, height, width = stack.shape
        shape = (times, depth, -(-height // stride), -(-width // stride))
        labels = np.empty(shape, np.uint8)
        shares = np.empty((len(self.classes_), *shape), np.float32) if probability else None

        def write(t: int, start: Shape, tile: np.ndarray, share: np.ndarray | None) -> None:
            first = (start[0], start[1] // stride, start[2] // stride)
            at: tuple[Any, ...] = (t, *map(slice, first, np.add(first, tile.shape).tolist()))
            labels[at] = tile
            if shares is not None:
                shares[(slice(None), *at)] = share

        for note in self.model_.predict(stack, write, probability=probability, stride=stride):
            logging.getLogger("clew").warning(note)
        return stack, labels, shares

    def predict(self, image: Any, *, stride: int = 1) -> np.ndarray:
        """Return the class number of each pixel, as it was painted (1..); the axes of the image without C.

        Parameters
        ----------
        image : Stack or ndarray
        stride : int
            Only every so many pixels along Y and X: a preview.
        """
        _, labels, _ = self._all(image, False, stride)
        numbers = np.array([self.model_.values[name] for name in self.forest_.classes], np.uint8)
        return _squeezed(numbers[labels], image, self.axes)

    def predict_proba(self, image: Any) -> np.ndarray:
        """Return the probability of each class, float32 of shape (n_classes, ...)."""
        _, _, shares = self._all(image, True)
        assert shares is not None
        return np.stack([_squeezed(one, image, self.axes) for one in shares])

    def uncertainty(self, image: Any) -> np.ndarray:
        """Return the entropy of each pixel's probabilities as a share of the largest, 0 to 1."""
        return entropy(self.predict_proba(image))

    def explain(
        self, image: Any, of: Any = None, *, by: Literal["feature", "group"] = "feature", most: int = 7
    ) -> tuple[PixelContributions, np.ndarray]:
        """Return how far each filter moves the probability of a class, for every pixel: exact SHAP values.

        Parameters
        ----------
        image : Stack or ndarray
        of : str, optional
            The class; the one that was painted with the highest number otherwise.
        by, most
            As for `clew.learn.pixel_shapley.PixelExplainer`.

        Returns
        -------
        contributions : PixelContributions
            Which filters say most, and which can stand in for each other.
        maps : ndarray of float32, shape (n_maps, ...)
            One map for each of ``contributions.channels``.
        """
        check(
            hasattr(self, "model_"),
            SettingError,
            "A PixelClassifier must be fitted before it explains. Call fit first.",
        )
        stack = self._stack(image)
        wanted = None if of is None else str(of)
        explainer = PixelExplainer(self.model_, stack, of=wanted, by=by, most=most)
        times, _, *size = stack.shape
        maps = np.empty((len(explainer.maps), times, *size), np.float32)

        def write(t: int, start: Shape, tile: np.ndarray) -> None:
            z, y, x = (slice(a, a + n) for a, n in zip(start, tile.shape[1:]))
            maps[:, t, z, y, x] = tile

        explainer.write(write)
        return explainer.result, np.stack([_squeezed(one, image, self.axes) for one in maps])

    def score(self, image: Any, annotation: Any) -> float:
        """Return the share of painted pixels that are classified as painted; of pixels that were not trained on."""
        stack, painted = self._stack(image), self._annotation(annotation, "annotation", image)
        painted.check_fits(stack.shape, image_sha256=stack.sha256(), image_name=stack.name)
        labels = self.predict(stack)  # (T, Z, Y, X)
        place, value = painted_places(painted)
        return float((labels[tuple(place.T)] == value).mean())


def _squeezed(result: np.ndarray, image: Any, axes: str | None) -> np.ndarray:
    """Return (T, Z, Y, X) with the axes that an array had; of a `Stack` as it is."""
    if isinstance(image, Stack):
        return result
    axes = _plain_axes(axes)
    index = tuple(slice(None) if axis in axes else 0 for axis in "TZYX")
    order = [axis for axis in "TZYX" if axis in axes]
    return result[index].transpose([order.index(axis) for axis in axes])


def _plain_axes(axes: str | None) -> str:
    """Return the axes of labels: those of the image without its channels."""
    return (axes or "YX").upper().replace("S", "C").replace("C", "")
