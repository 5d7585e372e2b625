"""Training the pixel classifier: from a few painted strokes to a forest, the same bytes every time."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.learn.forest import Forest
from clew.learn.pixel_model import PixelModel
from clew.learn.strokes import StrokeValidation, validate_strokes
from clew.learn.tiling import TILES_2D, TILES_3D, block_at, in_threads, scale_of
from clew.learn.training import ClassWeight, Grower, MaxFeatures, train
from clew.measure.intensity import Normalise, Scale
from clew.measure.pixels import Buffers, PixelFeatures, Shape, kinds_of, sigmas_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from clew.samples import Samples

WEIGHTS: dict[str, ClassWeight] = {
    "as painted": "given",
    "equal": "equal",
}  # in the words of `clew.learn.training`
FEWEST = 2  # painted pixels of a class
UNEVEN = 4  # times more pixels of one class than of another, which is said


# ---- painted pixels ----
@dataclass(frozen=True, eq=False)
class PaintedPixels:
    """The features of painted pixels, with the place of each.

    Parameters
    ----------
    features : ndarray of float32, shape (n_pixels, n_features)
    labels : ndarray of str, shape (n_pixels,)
        The class of each.
    image : ndarray of int64, shape (n_pixels,)
        Which image each lies in.
    place : ndarray of int64, shape (n_pixels, 4)
        (t, z, y, x).
    reach : tuple of three ints
        How many pixels along Z, Y and X the widest filter looks away from a pixel, in the image where that is most.
    """

    features: np.ndarray
    labels: np.ndarray
    image: np.ndarray
    place: np.ndarray
    reach: Shape

    def __len__(self) -> int:
        return len(self.labels)


def measure_painted(stack: Stack, place: np.ndarray, features: PixelFeatures, scale: Scale) -> np.ndarray:
    """Return the features of some pixels of an image: only the tiles they lie in are filtered.

    Parameters
    ----------
    stack : Stack
    place : ndarray of int64, shape (n_pixels, 4)
        (t, z, y, x) of each.
    features : PixelFeatures
    scale : Scale
        Of the intensities of this image.

    Returns
    -------
    ndarray of float32, shape (n_pixels, n_features)
    """
    bank = features.at(stack.pixel_size)
    out = np.empty((len(place), len(bank)), np.float32)
    tile = (TILES_2D if features.dimensions == 2 else TILES_3D)[0]
    tile_of = np.column_stack([place[:, 0], place[:, 1:] // np.array(tile)])
    member = np.unique(tile_of, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(member[order])) + 1)
    local = threading.local()

    def measure(rows: np.ndarray) -> None:
        if not hasattr(local, "buffers"):
            local.buffers = Buffers()
        here = place[rows]
        start, stop = here[:, 1:].min(axis=0), here[:, 1:].max(axis=0) + 1
        block = block_at(stack, int(here[0, 0]), tuple(start), tuple(stop), bank.halo(), scale, local.buffers)
        at = tuple((here[:, 1:] - start).T)

        def keep(index: int, values: np.ndarray) -> None:
            out[rows, index] = values[at]

        bank.apply(block, keep)

    in_threads(measure, parts, None)
    return out


# ---- train ----
def train_pixels(
    stacks: Sequence[Stack],
    annotations: Sequence[Annotation],
    *,
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
) -> tuple[Forest, PaintedPixels]:
    """Train a forest on painted pixels of one or several images; the same model for the same labels.

    Parameters
    ----------
    stacks : sequence of Stack
        Images with the same channels, all different. Their order does not matter: they are sorted by content.
    annotations : sequence of Annotation
        What was painted on each; 0 is unlabelled.
    features : "small", "medium", "large" or list of kinds
        The filters: some of original, gaussian, difference_of_gaussians, laplacian_of_gaussian, gradient_magnitude,
        hessian_eigenvalues, structure_tensor_eigenvalues, top_hat. "medium" is all but the last; "small" the same at
        fine scales only, which carries over best to images whose things are larger or denser; "large" is all.
    sigmas : list of float
        Their scales; by default 0.7, 1, 1.6, 3.5, 5 and 10, of "small" the first three.
    unit : {"px", "µm"}
        What sigmas are in; with µm the same size of things is looked at in images of any magnification.
    dimensions : {"auto", "2", "3"}
        Whether filters lie in planes or in volumes; "auto" is volumes where an image has several planes.
    normalise : {"otsu", "percentiles", "min-max", "none"}
        How the intensities of each image are brought to one scale, in training and in prediction alike: 0 and 1 are
        the medians of what Otsu's threshold calls dark and bright; the 1st and 99.8th percentile; the smallest and
        largest pixel; or they are taken as they are.
    trees : int
        The number of trees; 100 of depth 4 are customary in microscopy.
    depth : int, optional
        The largest number of questions from root to leaf.
    min_leaf : int
        The smallest number of painted pixels in a leaf.
    max_features : {"auto", "sqrt", "log2", "all"} or float
        How many features are tried at each question: a share of them, or their square root ("auto") or logarithm.
    random_state : int
        Decides which pixels and features each tree sees.
    class_weight : {"as painted", "equal"}
        Whether classes weigh as many pixels as were painted, or all the same, which moves the decision towards rare ones.
    grower : {"auto", "clew", "scikit-learn"}
        Who grows the trees; "auto" is clew up to 8 levels, in a fifteenth of scikit-learn's time.
    n_jobs : int, optional
        The number of threads for training, all by default; the forest is the same for any.

    Returns
    -------
    forest : Forest
        Its ``measure`` tells all that prediction needs.
    painted : PaintedPixels
        What it was trained on.

    Raises
    ------
    DataError
        If images and annotations do not fit, channels differ, or fewer than two classes were painted.
    SettingError
        If a setting is out of range.
    """
    from clew.kernels.threads import n_threads

    check_one_each(stacks, annotations)
    check_choice(class_weight, WEIGHTS, what="'class_weight' setting", of="pixels")
    sha256 = [stack.sha256() for stack in stacks]
    order = sorted(range(len(stacks)), key=sha256.__getitem__)
    stacks, annotations = [stacks[i] for i in order], [annotations[i] for i in order]
    sha256.sort()
    for i, (stack, annotation, content) in enumerate(zip(stacks, annotations, sha256)):
        check(
            content not in sha256[:i],
            DataError,
            "The images must all differ, and what is painted on one be one annotation. Got '{}' and '{}' of the same content.",
            stacks[i - 1].name,
            stack.name,
        )
        annotation.check_fits(stack.shape, image_sha256=content, image_name=stack.name)
    asked = _features(stacks, features, sigmas, unit, dimensions)
    names = names_of_classes(annotations)
    painted, notes = _measured(stacks, annotations, asked, normalise, names)
    counts = _check_classes(painted, notes)
    forest = train(
        samples_of_painted(painted, asked, stacks),
        trees=trees,
        depth=depth,
        min_leaf=min_leaf,
        max_features=max_features,
        class_weight=WEIGHTS[class_weight],
        grower=grower,
        random_state=random_state,
        n_jobs=n_threads() if n_jobs is None else n_jobs,
        measure={
            "kind": "pixels",
            "features": asked.to_dict(),
            "normalise": normalise,
            "axes": "/".join(sorted({stack.axes for stack in stacks})),
            "dtype": "/".join(sorted({str(stack.dtype) for stack in stacks})),
            "pixel_size": list(stacks[0].pixel_size or (None,) * 3),
            "values": {names[value]: value for value in sorted(names) if names[value] in counts},
            "trained_on": [
                {
                    "image_sha256": content,
                    "labels_sha256": _labels_sha256(annotation),
                    "pixels": {names[value]: n for value, n in annotation.counts().items()},
                }
                for content, annotation in zip(sha256, annotations)
            ],
        },
    )
    model = PixelModel(forest)
    notes += [note for stack in stacks for note in model.check(stack)]
    return dataclasses.replace(forest, notes=[*forest.notes, *notes]), painted


def check_one_each(images: Sequence[Any], annotations: Sequence[Any]) -> None:
    check(
        len(images) == len(annotations) > 0,
        DataError,
        "The annotations must be one for each image, at least one. Got {} for {}.",
        len(annotations),
        len(images),
    )


def _labels_sha256(annotation: Annotation) -> str:
    """Return the hash of what is painted where, whatever file and pieces it came in."""
    sha = hashlib.sha256()
    for array in painted_places(annotation):
        sha.update(array.astype("<i8").tobytes())
    return sha.hexdigest()


def _features(
    stacks: Sequence[Stack], features: str | list[str], sigmas: list[float] | None, unit: str, dimensions: str
) -> PixelFeatures:
    """Return the filters for all images together; refuse images that do not go together."""
    first = stacks[0]
    for stack in stacks[1:]:
        check(
            stack.channel_names == first.channel_names,
            DataError,
            "The images must all have the same channels. Got {} in '{}' and {} in '{}'.",
            ", ".join(first.channel_names),
            first.name,
            ", ".join(stack.channel_names),
            stack.name,
        )
    check_choice(str(dimensions), ("auto", "2", "3"), what="'dimensions' setting", of="pixels")
    deep = [stack.shape[2] > 1 for stack in stacks]
    check(
        str(dimensions) != "3" or all(deep),
        DataError,
        "The images must have several planes (Z) for filters in 3 dimensions. Got {} without among {}.",
        len(deep) - sum(deep),
        len(deep),
    )
    check(
        dimensions != "auto" or all(deep) or not any(deep),
        DataError,
        "The images must be all planes or all volumes, or 'dimensions' be said. Got {} with several planes among {}.",
        sum(deep),
        len(deep),
    )
    size = first.pixel_size or (None,) * 3
    ratio = float(size[0] / size[2]) if size[0] and size[2] else 1.0
    return PixelFeatures(
        kinds=kinds_of(features),
        sigmas=tuple(sigmas_of(features) if sigmas is None else sigmas),
        channel_names=tuple(first.channel_names),
        dimensions=(3 if all(deep) else 2) if dimensions == "auto" else int(dimensions),
        unit=unit,
        anisotropy=ratio,
    )


def names_of_classes(annotations: Sequence[Annotation]) -> dict[int, str]:
    """Return the name of each class number; refuse files that call it differently."""
    names: dict[int, str] = {}
    for annotation in annotations:
        for value, name in annotation.class_names.items():
            known = names.setdefault(value, name)
            check(
                known == name,
                DataError,
                "The class {} must have one name in all annotations. Got '{}' and, in '{}', '{}'.",
                value,
                known,
                annotation.name,
                name,
            )
    check(
        len(set(names.values())) == len(names),
        DataError,
        "The names of the classes must all differ. Got {}.",
        ", ".join(f"{value}={name}" for value, name in sorted(names.items())),
    )
    return names


def _measured(
    stacks: Sequence[Stack],
    annotations: Sequence[Annotation],
    features: PixelFeatures,
    normalise: Normalise,
    names: Mapping[int, str],
) -> tuple[PaintedPixels, list[str]]:
    name_of = np.array([names.get(value, "") for value in range(max(names) + 1)])
    parts, notes, reach = [], list[str](), np.zeros(3, int)
    for i, (stack, annotation) in enumerate(zip(stacks, annotations)):
        place, value = painted_places(annotation)
        scale = scale_of(stack, normalise)
        notes += scale.notes
        table = measure_painted(stack, place, features, scale)
        parts.append((table, name_of[value], np.full(len(place), i), place))
        reach = np.maximum(reach, features.at(stack.pixel_size).halo())
    table, labels, image, place = (np.concatenate(part) for part in zip(*parts, strict=True))
    return PaintedPixels(table, labels, image, place, tuple(reach.tolist())), notes


def painted_places(annotation: Annotation) -> tuple[np.ndarray, np.ndarray]:
    """Return where an annotation is painted, (n, 4) as (t, z, y, x) in that order, and the class numbers (n,)."""
    places, values = [np.zeros((0, 4), np.int64)], [np.zeros(0, np.int64)]
    for offset, labels in annotation.pieces:
        at = np.argwhere(labels)
        places.append(at + np.asarray(offset))
        values.append(labels[tuple(at.T)].astype(np.int64))
    place, value = np.concatenate(places), np.concatenate(values)
    order = np.lexsort(place.T[::-1])
    return place[order], value[order]


def _check_classes(painted: PaintedPixels, notes: list[str]) -> dict[str, int]:
    names, counts = np.unique(painted.labels, return_counts=True)
    counted = dict(zip(names.tolist(), counts.tolist()))
    check(
        len(counted) >= 2,
        DataError,
        "The annotations must hold at least two classes. Got {}.",
        f"only '{names[0]}' ({counts[0]} pixels)" if len(counted) else "no painted pixel",
    )
    for name, n in counted.items():
        check(
            n >= FEWEST,
            DataError,
            "Each class must have at least {} painted pixels. Got {} of '{}'.",
            FEWEST,
            n,
            name,
        )
    called = {name: f"class {name}" if name.isdecimal() else name for name in counted}
    shares = ", ".join(f"{called[name]}: {n:,} ({n / len(painted):.0%})" for name, n in counted.items())
    notes.append(f"Painted pixels of {shares}.")
    if max(counted.values()) > UNEVEN * min(counted.values()):
        notes.append(
            "The classes are painted unevenly, and the model leans to the larger as the painting does; "
            "class_weight='equal' (--class-weight equal) weighs them alike."
        )
    return counted


def samples_of_painted(painted: PaintedPixels, features: PixelFeatures, stacks: Sequence[Stack]) -> Samples:
    """Return the painted pixels as rows, of which each stands for itself; strokes are what validation keeps together."""
    import pandas as pd

    names = np.arange(len(painted)).astype(str)
    origin = pd.DataFrame({"source": [stacks[i].name for i in painted.image]})
    return Samples(
        features=painted.features,
        feature_names=features.names,
        units=features.units,
        sample=names,
        origin=origin,
        group=painted.image.astype(str),
        labels=painted.labels,
    )


# ---- how good ----
def validate_painted(
    painted: PaintedPixels,
    forest: Forest,
    *,
    n_folds: int = 5,
    random_state: int = 0,
    permutations: int = 0,
    train_pixels: int | None = None,
) -> StrokeValidation:
    """Validate the settings of a forest on the pixels it was trained on, with whole strokes held out.

    Parameters
    ----------
    painted, forest
        As `train_pixels` returns them.
    n_folds, random_state, permutations, train_pixels
        As for `clew.learn.strokes.validate_strokes`; the gap is `PaintedPixels.reach`.
    """
    names = ("trees", "depth", "min_leaf", "max_features", "class_weight", "grower", "random_state", "n_jobs")
    return validate_strokes(
        painted.features,
        painted.labels,
        painted.image,
        painted.place,
        classifier={name: forest.settings[name] for name in names},
        gap=painted.reach,
        n_folds=n_folds,
        train_pixels=train_pixels,
        permutations=permutations,
        random_state=random_state,
    )
