"""The pixel classifier: from a few painted strokes to a class for every pixel, the same bits every time."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.learn.forest import ClassWeight, Forest, Grower, MaxFeatures, train
from clew.learn.strokes import StrokeValidation, validate_strokes
from clew.measure.intensity import Normalise, Scale, intensity_scale
from clew.measure.pixels import Buffers, FilterBank, PixelFeatures, Shape, block_of, kinds_of, sigmas_of
from clew.read.annotations import Annotation
from clew.read.stacks import Stack
from clew.samples import Samples

if TYPE_CHECKING:
    from clew.learn.compiled import CompiledForest

WEIGHTS: dict[str, ClassWeight] = {
    "as painted": "given",
    "equal": "equal",
}  # in the words of `clew.learn.forest`
FEWEST = 2  # painted pixels of a class
# Of one pixel in 64 it is asked how close a call its class was; where there are many such, that is said.
LOOKED_AT, CLOSE, MANY_CLOSE = 64, 0.2, 0.2
UNEVEN = 4  # times more pixels of one class than of another, which is said
ALIKE = 0.05  # two pixel sizes that differ by less than this share are taken as one
TILES_2D: tuple[Shape, ...] = ((1, 256, 512), (1, 128, 256), (1, 64, 128))
TILES_3D: tuple[Shape, ...] = ((64, 128, 256), (32, 128, 128), (32, 64, 64), (16, 32, 64))
Write = Callable[[int, Shape, np.ndarray, "np.ndarray | None"], Any]
OnProgress = Callable[[int, int], Any]


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
        block = _block(stack, int(here[0, 0]), tuple(start), tuple(stop), bank.halo(), scale, local.buffers)
        at = tuple((here[:, 1:] - start).T)

        def keep(index: int, values: np.ndarray) -> None:
            out[rows, index] = values[at]

        bank.apply(block, keep)

    _in_threads(measure, parts, None)
    return out


def _block(
    stack: Stack, t: int, start: Shape, stop: Shape, halo: Shape, scale: Scale, buffers: Buffers
) -> Any:
    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        return scale.apply(stack.read(t, z, y, x))

    return block_of(read, stack.shape[2:], start, stop, halo, buffers)


def _in_threads(do: Callable[[Any], Any], parts: Sequence[Any], on_progress: OnProgress | None) -> None:
    """Do something with every part, on all threads, with no more parts under way than threads can take."""
    from clew.kernels.threads import n_threads

    threads, done, waiting = n_threads(), 0, iter(parts)
    if threads == 1 or len(parts) == 1:
        for part in waiting:
            do(part)
            done += 1
            _told(on_progress, done, len(parts))
        return
    with ThreadPoolExecutor(threads) as pool:
        under_way = {pool.submit(do, part) for part in itertools.islice(waiting, 2 * threads)}
        try:
            while under_way:
                finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for one in finished:
                    one.result()
                    done += 1
                    _told(on_progress, done, len(parts))
                under_way |= {pool.submit(do, part) for part in itertools.islice(waiting, len(finished))}
        finally:
            for one in under_way:
                one.cancel()


def _told(on_progress: OnProgress | None, done: int, total: int) -> None:
    if on_progress is not None and on_progress(done, total) is False:
        raise Stopped(f"Stopped after {done} of {total} tiles.")


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

    _check_one_each(stacks, annotations)
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
    names = _class_names(annotations)
    painted, notes = _measured(stacks, annotations, asked, normalise, names)
    counts = _check_classes(painted, notes)
    forest = train(
        _samples(painted, asked, stacks),
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


def _check_one_each(images: Sequence[Any], annotations: Sequence[Any]) -> None:
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


def _class_names(annotations: Sequence[Annotation]) -> dict[int, str]:
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


def _samples(painted: PaintedPixels, features: PixelFeatures, stacks: Sequence[Stack]) -> Samples:
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


_SCALES: WeakKeyDictionary[Stack, dict[str, Scale]] = WeakKeyDictionary()


def scale_of(stack: Stack, normalise: Normalise) -> Scale:
    """Return the intensity scale of an image; of a file it is found once, of an array, which may change, every time."""
    known = _SCALES.setdefault(stack, {}) if stack.path is not None else {}
    if normalise not in known:
        known[normalise] = intensity_scale(
            stack.read, stack.shape, normalise=normalise, name=stack.name, channel_names=stack.channel_names
        )
    return known[normalise]


# ---- predict ----
class PixelModel:
    """A trained forest, ready to say of every pixel of an image what it is.

    Parameters
    ----------
    forest : Forest
        As `train_pixels` makes it.

    Raises
    ------
    DataError
        If the forest is none for pixels.
    """

    def __init__(self, forest: Forest) -> None:
        kind = forest.measure.get("kind")
        check(
            kind == "pixels",
            DataError,
            "The model must be one for pixels, made by `clew pixels train`. Got one for {}.",
            {
                "image": "objects of images, which `clew predict` uses",
                "table": "rows of a table, which `clew predict` uses",
            }.get(str(kind), "something else"),
        )
        self.forest = forest
        self.features = PixelFeatures.from_dict(forest.measure["features"])
        self.normalise: Normalise = forest.measure["normalise"]
        self.values: dict[str, int] = {name: int(forest.measure["values"][name]) for name in forest.classes}

    @cached_property
    def compiled(self) -> CompiledForest:
        """Return the forest as the fast evaluation takes it."""
        from clew.learn.compiled import CompiledForest

        return CompiledForest.of(self.forest)

    @property
    def tiles(self) -> tuple[Shape, ...]:
        """Return the sizes of tiles to choose from, the fastest first."""
        return TILES_2D if self.features.dimensions == 2 else TILES_3D

    def check(self, stack: Stack) -> list[str]:
        """Refuse an image that does not fit the model; say what else differs from training.

        Raises
        ------
        DataError
            If channels differ, a volume is needed, or the pixel size is not told where filters are in µm.
        """
        trained, given = self.features.channel_names, tuple(stack.channel_names)
        check(
            trained == given,
            DataError,
            "The model was trained on images with {} ({}), '{}' has {} ({}): they must be the same.",
            _channels(trained),
            ", ".join(trained),
            stack.name,
            _channels(given),
            ", ".join(given),
        )
        check(
            self.features.dimensions == 2 or stack.shape[2] > 1,
            DataError,
            "The model was trained on volumes (Z, Y, X); '{}' must have several planes. Got one.",
            stack.name,
        )
        self.features.at(stack.pixel_size)
        notes, dtype = [], self.forest.measure["dtype"]
        if str(stack.dtype) not in dtype.split("/"):
            done = (
                "the numbers are taken as they are, so their scale must be the same"
                if self.normalise == "none"
                else f"each image is normalised by itself ({self.normalise}), so the depth does not matter"
            )
            notes.append(f"{stack.name}: the model was trained on {dtype}, this is {stack.dtype}; {done}.")
        return [*notes, *self._other_size(stack)]

    def _other_size(self, stack: Stack) -> list[str]:
        """Say where filters in px see things larger, smaller or flatter than in training."""
        if self.features.unit == "µm":
            return []
        trained, given = self.forest.measure["pixel_size"], stack.pixel_size
        notes = []
        if trained[2] and given[2] and abs(given[2] / trained[2] - 1) > ALIKE:
            notes.append(
                f"{stack.name}: a pixel is {given[2]:g} µm, in training it was {trained[2]:g} µm, and the filters are "
                "in px: things look larger or smaller than the model knows them; sigmas in µm would not mind."
            )
        ratio = given[0] / given[2] if given[0] and given[2] else None
        if self.features.dimensions == 3 and ratio and abs(ratio / self.features.anisotropy - 1) > ALIKE:
            notes.append(
                f"{stack.name}: a voxel is {ratio:.3g} times as deep as wide, and the filters are for "
                f"{self.features.anisotropy:.3g} times: things look flatter or longer than the model knows them."
            )
        return notes

    def bank(self, stack: Stack) -> FilterBank:
        """Return the filters for an image."""
        return self.features.at(stack.pixel_size)

    def predict_tile(
        self,
        stack: Stack,
        scale: Scale,
        t: int,
        start: Shape,
        stop: Shape,
        *,
        probability: bool = False,
        stride: int = 1,
        buffers: Buffers | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Classify one tile; the same bits wherever its borders lie.

        Parameters
        ----------
        stack : Stack
        scale : Scale
            Of the intensities of this image.
        t : int
        start, stop : tuple of three ints
            (z, y, x), half open.
        probability : bool
            Whether probabilities are asked for, too.
        stride : int
            Classify only every so many pixels along Y and X, from the start of the tile on, for a preview.
        buffers : Buffers, optional
            Memory to work in.

        Returns
        -------
        labels : ndarray of uint8, shape (Z, Y, X)
            The number of each pixel's class in `forest.classes`, from 0.
        probability : ndarray of float32, shape (n_classes, Z, Y, X), or None
        """
        planes, shape = self._planes(stack, scale, t, start, stop, stride, buffers or Buffers())
        return self._classified(planes, shape, probability)

    def _planes(
        self, stack: Stack, scale: Scale, t: int, start: Shape, stop: Shape, stride: int, buffers: Buffers
    ) -> tuple[np.ndarray, Shape]:
        """Return the ranks of all features of a tile, as the compiled forest takes them, and the tile's shape."""
        compiled, bank = self.compiled, self.bank(stack)
        block = _block(stack, t, start, stop, bank.halo(compiled.used), scale, buffers)
        shape = (block.shape[0], *(-(-n // stride) for n in block.shape[1:]))
        n = math.prod(shape)
        planes = buffers.made("planes", n, lambda: compiled.empty_planes(n))

        def rank(index: int, values: np.ndarray) -> None:
            chosen = values[:, ::stride, ::stride]
            compiled.rank(index, np.ascontiguousarray(chosen).reshape(-1), planes)

        bank.apply(block, rank, compiled.used)
        return planes, shape

    def _classified(
        self, planes: np.ndarray, shape: Shape, probability: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        n = math.prod(shape)
        labels = np.empty(n, np.uint8)
        shares = np.empty((len(self.forest.classes), n), np.float32) if probability else None
        self.compiled.classify(planes, labels=labels, probability=shares)
        return labels.reshape(shape), None if shares is None else shares.reshape(-1, *shape)

    def _close_calls(self, planes: np.ndarray, n: int) -> np.ndarray:
        """Return of how many of a tile's pixels, one in `LOOKED_AT`, the two likeliest classes are close, and how many they are."""
        chosen = planes[:, :n:LOOKED_AT]
        some = self.compiled.empty_planes(chosen.shape[1])
        some[:, : chosen.shape[1]] = chosen
        shares = np.empty((len(self.forest.classes), chosen.shape[1]), np.float32)
        self.compiled.classify(some, probability=shares)
        second, first = np.partition(shares, -2, axis=0)[-2:]
        return np.array([np.count_nonzero(first - second < CLOSE), len(first)])

    def predict(
        self,
        stack: Stack,
        write: Write,
        *,
        probability: bool = False,
        stride: int = 1,
        tile: Shape | None = None,
        skip: Callable[[int, Shape], bool] | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """Classify an image tile by tile, on all threads, and hand each tile on; return what to mind.

        Parameters
        ----------
        stack : Stack
        write : callable
            Takes t, the start (z, y, x) of a tile, its labels and its probabilities as `predict_tile` returns them;
            called from several threads, with tiles that do not overlap.
        probability, stride
            As for `predict_tile`.
        tile : tuple of three ints, optional
            The size of a tile, made up to a multiple of the stride; it changes time and memory, never the result.
        skip : callable, optional
            Takes t and the start of a tile, and tells whether it is done already.
        on_progress : callable, optional
            Takes the numbers of tiles done and in all; returning False stops.

        Raises
        ------
        DataError
            If the image does not fit the model, or cannot be read.
        Stopped
            If ``on_progress`` said so.
        """
        _check_stride(stride)
        notes = self.check(stack)
        scale = scale_of(stack, self.normalise)
        depth, height, width = tile or self.tiles[0]
        size = (depth, -(-height // stride) * stride, -(-width // stride) * stride)
        self.compiled  # noqa: B018  (made once, before there are threads)
        local = threading.local()
        todo = [one for one in tiles_of(stack.shape, size) if skip is None or not skip(*one[:2])]
        calls: list[np.ndarray] = []

        def do(one: tuple[int, Shape, Shape]) -> None:
            if not hasattr(local, "buffers"):
                local.buffers = Buffers()
            planes, shape = self._planes(stack, scale, *one, stride, local.buffers)
            labels, shares = self._classified(planes, shape, probability)
            calls.append(self._close_calls(planes, labels.size))
            write(one[0], one[1], labels, shares)

        _in_threads(do, todo, on_progress)
        close, all_ = np.sum(calls, axis=0) if calls else (0, 1)
        if close > MANY_CLOSE * all_:
            notes.append(
                f"{stack.name}: of {close / all_:.0%} of the pixels the two likeliest classes are nearly as likely (less than "
                f"{CLOSE:g} apart): look at their uncertainty, paint some of them, or choose filters that reach less far."
            )
        return [*notes, *scale.notes]


def _check_stride(stride: int) -> None:
    check(
        isinstance(stride, int) and stride >= 1,
        SettingError,
        "The 'stride' of predict must be an int of at least 1. Got {}.",
        stride,
    )


def tiles_of(shape: tuple[int, ...], tile: Shape) -> Iterator[tuple[int, Shape, Shape]]:
    """Yield t, start and stop (z, y, x) of each tile of an image of shape (T, C, Z, Y, X)."""
    ranges = [range(0, n, step) for n, step in zip(shape[2:], tile, strict=True)]
    for t, z, y, x in itertools.product(range(shape[0]), *ranges):
        stop = tuple(min(a + step, n) for a, step, n in zip((z, y, x), tile, shape[2:]))
        yield t, (z, y, x), stop  # type: ignore[misc]


def entropy(probability: np.ndarray) -> np.ndarray:
    """Return how uncertain probabilities are: their entropy as a share of the largest, 0 (sure) to 1 (a toss-up).

    Parameters
    ----------
    probability : ndarray of float32, shape (n_classes, ...)

    Returns
    -------
    ndarray of float32, shape (...)
    """
    logs = np.log(np.maximum(probability, np.finfo(np.float32).tiny))
    return np.abs((probability * logs).sum(axis=0) / math.log(len(probability))).astype(np.float32)


def _channels(names: Sequence[str]) -> str:
    return f"{len(names)} channel{'s' * (len(names) != 1)}"


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


# ---- scikit-learn's shape ----
class PixelClassifier:
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

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the settings."""
        return {
            name: getattr(self, name)
            for name in inspect.signature(type(self).__init__).parameters
            if name != "self"
        }

    def set_params(self, **settings: Any) -> PixelClassifier:
        """Change settings."""
        for name, value in settings.items():
            check_choice(name, self.get_params(), what="name of a setting", of="PixelClassifier")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        fitted = f": {self.forest_.headline()}" if hasattr(self, "forest_") else ""
        return f"<PixelClassifier{fitted}>"

    @classmethod
    def of(cls, forest: Forest, *, axes: str | None = None) -> PixelClassifier:
        """Return a classifier that predicts by a forest that was trained before."""
        classifier = cls(axes=axes)
        classifier._take(forest)
        return classifier

    def _take(self, forest: Forest) -> None:
        self.model_ = PixelModel(forest)
        self.forest_ = forest
        self.classes_ = np.array(forest.classes)
        self.feature_names_ = tuple(forest.feature_names)
        self.feature_importances_ = forest.importance

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
        _check_one_each(images, annotations)
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
        _check_stride(stride)
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
