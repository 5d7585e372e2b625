"""The pixel classifier at work: a class, probabilities and close calls for every pixel of an image, tile by tile."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.forest import Forest
from clew.learn.tiling import TILES_2D, TILES_3D, OnProgress, block_at, in_threads, scale_of, tiles_of
from clew.measure.intensity import Normalise, Scale
from clew.measure.pixels import Buffers, FilterBank, PixelFeatures, Shape
from clew.read.stacks import Stack

if TYPE_CHECKING:
    from clew.learn.compiled import CompiledForest

# Of one pixel in 64 it is asked how close a call its class was; where there are many such, that is said.
LOOKED_AT, RUN, CLOSE, MANY_CLOSE = 64, 64, 0.2, 0.2
ALIKE = 0.05  # two pixel sizes that differ by less than this share are taken as one
Write = Callable[[int, Shape, np.ndarray, "np.ndarray | None"], Any]


class PixelClassifying(Protocol):
    """What tiles, memory and files ask of a model for pixels, whether it is a forest or a net.

    Parameters
    ----------
    normalise : str
        How the intensities of an image are brought to one scale.
    values : mapping of str to int
        The number that each class has in label images, in the order of the classes.
    border : str, optional
        The class that lies between touching objects, where the model knows one.
    """

    @property
    def normalise(self) -> Normalise: ...
    @property
    def values(self) -> Mapping[str, int]: ...
    @property
    def border(self) -> str | None: ...
    @property
    def smallest(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def tiles(self) -> tuple[Shape, ...]: ...
    def check(self, stack: Stack) -> list[str]: ...
    def halo(self, stack: Stack) -> Shape: ...
    def tile_bytes(self, stack: Stack, tile: Shape, *, shares: bool) -> int: ...
    def predict_tile(
        self,
        stack: Stack,
        scale: Scale,
        t: int,
        start: Shape,
        stop: Shape,
        *,
        probability: bool = False,
        buffers: Buffers | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]: ...
    def predict(
        self,
        stack: Stack,
        write: Write,
        *,
        probability: bool = False,
        tile: Shape | None = None,
        skip: Callable[[int, Shape], bool] | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]: ...


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

    smallest = 0
    border = None  # a forest knows the classes that were painted, and no more

    @property
    def sha256(self) -> str:
        """Return the hash of the forest."""
        return self.forest.sha256

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

    def halo(self, stack: Stack) -> Shape:
        """Return how far around a tile pixels are looked at, along Z, Y and X."""
        return self.bank(stack).halo(self.compiled.used)

    def tile_bytes(self, stack: Stack, tile: Shape, *, shares: bool) -> int:
        """Return how many bytes a thread takes for a tile: pixels with their halo, filters, ranks and results."""
        compiled = self.compiled
        size = [min(a, n) for a, n in zip(tile, stack.shape[2:])]
        n, padded = math.prod(size), math.prod(a + 2 * h for a, h in zip(size, self.halo(stack)))
        flat = self.features.dimensions == 2
        exact = stack.dtype.itemsize <= 2 or stack.dtype == "float32"
        reading = stack.shape[1] * padded * (stack.dtype.itemsize + (8 if exact else 12))
        # In numbers of 4 bytes, as counted in what `FilterBank.apply` holds: Gaussians with their halo, and results without.
        around, inside = 2 + 1.7 * ("top_hat" in self.features.kinds), 12.5 if flat else 22
        filters = 4 * (around * padded + inside * n)  # held while the next tile is read
        planes = compiled.planes * n * (1 if compiled.thresholds is not None else 4)
        probabilities = 16 * len(self.forest.classes) * n if shares else 0
        return int(reading + filters + planes + 8 * n + probabilities)

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
        block = block_at(stack, t, start, stop, bank.halo(compiled.used), scale, buffers)
        depth, height, width = block.shape
        shape = (depth, -(-height // stride), -(-width // stride))
        n = math.prod(shape)
        size = (compiled.planes, compiled.thresholds is None, n)  # a live forest changes with each stroke
        planes = buffers.made("planes", size, lambda: compiled.empty_planes(n))

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
        whole = n - n % (RUN * LOOKED_AT)
        runs = planes[:, :whole].reshape(len(planes), -1, RUN * LOOKED_AT)[
            :, :, :RUN
        ]  # a run is one line of the cache
        chosen = runs.reshape(len(planes), -1) if whole else planes[:, :n:LOOKED_AT]
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
        check_stride(stride)
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

        in_threads(do, todo, on_progress)
        close, all_ = np.sum(calls, axis=0) if calls else (0, 1)
        helps = "paint some of them, or choose filters that reach less far"
        return [*notes, *note_of_close_calls(stack, close, all_, helps), *scale.notes]


def note_of_close_calls(stack: Stack, n_close: int, n: int, helps: str) -> list[str]:
    """Say that many pixels could as well be of another class, and what helps; nothing where they are few."""
    if n_close <= MANY_CLOSE * n:
        return []
    return [
        f"{stack.name}: of {n_close / n:.0%} of the pixels the two likeliest classes are nearly as likely (less than "
        f"{CLOSE:g} apart): look at their uncertainty, {helps}."
    ]


def check_stride(stride: int) -> None:
    check(
        isinstance(stride, int) and stride >= 1,
        SettingError,
        "The 'stride' of predict must be an int of at least 1. Got {}.",
        stride,
    )


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
