"""The U-Net at work: a class, probabilities and close calls for every pixel of an image, tile by tile, as a forest gives them."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np
import torch

from clew.errors import DataError, check
from clew.learn.pixel_model import ALIKE, CLOSE, LOOKED_AT, Write, note_of_close_calls
from clew.learn.tiling import OnProgress, in_threads, scale_of, tiles_of
from clew.measure.intensity import Normalise, Scale
from clew.measure.pixels import Buffers, Shape
from clew.neural.model_card import CardParts
from clew.neural.nets.unet import UNet, UNetConfig
from clew.neural.place import threads
from clew.neural.stored import StoredNet
from clew.neural.tiled import Read, answer_tile
from clew.read.stacks import Stack
from clew.words import listed

FLAT, DEEP = 512, (32, 64, 64)  # px, the sides of a tile; more where the net looks far
MAPS = 8  # arrays of the first level that are held at a time, forwards through a U-Net
LIMITS = (
    "It knows images as those that it was trained on: of other stains, magnifications and instruments it answers as surely, "
    "and may be wrong."
)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PixelNet(StoredNet):
    """A trained U-Net, or several whose mean answers, ready to say of every pixel of an image what it is.

    Parameters
    ----------
    values : dict of str to int
        The number that each class has in label images; the net's answers are in the order of these.
    channel_names : list of str
        What the images must have.
    n_axes : int
        2 for planes, each by itself, 3 for volumes.
    normalise : str
        How the intensities of each image are brought to one scale: see `clew.measure.intensity.intensity_scale`.
    border : str, optional
        The class that lies between touching objects, where the net learnt from objects.
    smallest : int
        Of such a net: half the pixels of the smallest object that was outlined whole; what is smaller is taken for a speck.
    tile : list of three ints
        (z, y, x): it belongs to the model, so that an answer has the same bits whatever memory and threads there are.
    flips : bool
        Whether the image and its mirror images are answered, and the mean is taken.
    pixel_size : list of three floats or None
        Depth, height and width of a pixel of the training images in µm.
    dtype : str
        Of the training images.
    trained_on : list of dict
        Of each image the hashes of its content and of its labels, and the pixels of each class.
    validation : dict
        How good it is on what was held out: see `clew.neural.pixel_net_validation.judged`.
    """

    FORMAT: ClassVar[str] = "clew pixel net"
    DECIDES: ClassVar[tuple[str, ...]] = (
        "architecture", "net_settings", "values", "channel_names", "n_axes", "normalise", "border", "smallest", "tile", "flips",
        "pixel_size", "dtype",
    )  # fmt: skip

    measure: ClassVar[dict[str, Any]] = {"kind": "pixels"}  # as a forest says what its rows are

    values: dict[str, int]
    channel_names: list[str]
    n_axes: int
    normalise: Normalise
    tile: list[int]
    border: str | None = None
    smallest: int = 0
    flips: bool = False
    pixel_size: list[float | None] = dataclasses.field(default_factory=lambda: [None] * 3)
    dtype: str = ""
    trained_on: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    validation: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        in_order = sorted(self.values.items(), key=lambda one: one[1])  # a saved dict comes back by its names
        object.__setattr__(self, "values", dict(in_order))

    # ---- what it is ----
    @property
    def classes(self) -> list[str]:
        """Return the classes, in the order of the net's answers."""
        return list(self.values)

    @property
    def tiles(self) -> tuple[Shape, ...]:
        """Return the one size of tiles."""
        depth, height, width = self.tile
        return ((depth, height, width),)

    def headline(self) -> str:
        """Say what it tells apart, and what it was trained on."""
        n, which = len(self.trained_on), "a U-Net" if self.members == 1 else f"{self.members} U-Nets"
        return f"{which} for the pixels of {listed(self.classes)}, trained on {n} image{'s' * (n != 1)}"

    def summary(self) -> dict[str, Any]:
        """Return what the model is, how its training ended, and its hash."""
        return {
            "kind": "pixels",
            "net": self.architecture,
            "classes": self.classes,
            "border": self.border,
            "members": self.members,
            "parameters": self.n_parameters,
            "images": len(self.trained_on),
            "training": [one.summary() for one in self.histories],
            "validation": dict(self.validation),
            "sha256": self.sha256,
        }

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        size = "volumes" if self.n_axes == 3 else "images"
        numbers = [f"- `{name}`: {value} in label images" for name, value in self.values.items()]
        return CardParts(
            takes=[f"{size.capitalize()} of any size with the channels {listed(self.channel_names)}, each brought to one scale ({self.normalise})."],
            says=["The class of every pixel, and how probable each is:", "", *numbers],
            limits=LIMITS,
            use=["clew pixels predict THIS_FOLDER IMAGES --out RESULTS"],
            tags=("segmentation",),
            task="image-segmentation",
        )  # fmt: skip

    # ---- what fits ----
    def check(self, stack: Stack) -> list[str]:
        """Refuse an image that does not fit the model; say what else differs from training.

        Raises
        ------
        DataError
            If channels differ, or a volume is needed.
        """
        trained, given = self.channel_names, list(stack.channel_names)
        check(trained == given, DataError, "The model was trained on images with the channels {}, '{}' has {}: they must be the same.", listed(trained), stack.name, listed(given))  # fmt: skip
        check(self.n_axes == 2 or stack.shape[2] > 1, DataError, "The model was trained on volumes (Z, Y, X); '{}' must have several planes. Got one.", stack.name)  # fmt: skip
        notes = []
        if self.normalise == "none" and str(stack.dtype) not in self.dtype.split("/"):
            notes.append(f"{stack.name}: the model was trained on {self.dtype}, this is {stack.dtype}; the numbers are taken as they are, so their scale must be the same.")  # fmt: skip
        before, now = self.pixel_size[2], stack.pixel_size[2]
        if before and now and abs(now / before - 1) > ALIKE:
            notes.append(f"{stack.name}: a pixel is {now:g} µm, in training it was {before:g} µm: things look larger or smaller than the net knows them.")  # fmt: skip
        return [*notes, *self._note_of_small(stack)]

    def _note_of_small(self, stack: Stack) -> list[str]:
        """Say that a net sees less around a pixel than it could, where that is so of all pixels."""
        sides = stack.shape[5 - self.n_axes :]
        field = 2 * self._config.reach + 1
        if min(sides) >= self._config.multiple:
            return []
        return [f"{stack.name}: {' x '.join(map(str, sides))} pixels are few for a net that looks at {field} along each side: it answers, with less to go by."]  # fmt: skip

    @cached_property
    def _config(self) -> UNetConfig:
        return self._nets[0].config

    @cached_property
    def _nets(self) -> list[UNet]:
        return [cast(UNet, self.net(member)) for member in range(self.members)]

    def halo(self, stack: Stack) -> Shape:
        """Return how far around a tile pixels are looked at, along Z, Y and X."""
        halo = self._config.halo
        return (halo if self.n_axes == 3 else 0, halo, halo)

    def tile_bytes(self, stack: Stack, tile: Shape, *, shares: bool) -> int:
        """Return how many bytes a thread takes for a tile: the maps of the widest level, and the answers."""
        size = [min(a, n) for a, n in zip(tile, stack.shape[2:])]
        seen = [min(a + 2 * h, n + h) for a, h, n in zip(size, self.halo(stack), stack.shape[2:])]
        padded = math.prod(seen) if self.n_axes == 3 else math.prod(seen[1:])
        held = MAPS * self._config.channels[0] + stack.shape[1] * 3
        return int(4 * (held * padded + 3 * len(self.values) * math.prod(size)))

    # ---- answers ----
    def shares_of_tile(self, stack: Stack, scale: Scale, t: int, start: Shape, stop: Shape) -> np.ndarray:
        """Return the probability that each member gives each class, float32 (members, n_classes, Z, Y, X).

        Their mean is what `predict` gives; their standard deviation says how far the members agree.
        """
        if self.n_axes == 3:
            return np.stack([self._of_volume(net, stack, scale, t, start, stop) for net in self._nets])
        planes = [
            [
                self._of_volume(net, stack, scale, t, (z, *start[1:]), (z + 1, *stop[1:]))
                for z in range(start[0], stop[0])
            ]
            for net in self._nets
        ]
        return np.stack([np.concatenate(one, axis=1) for one in planes])

    def _of_volume(
        self, net: UNet, stack: Stack, scale: Scale, t: int, start: Shape, stop: Shape
    ) -> np.ndarray:
        """Return the probabilities of one member, float32 (n_classes, Z, Y, X): the mean over mirror images, if such are asked for."""
        flat = self.n_axes == 2
        sides = stack.shape[3:] if flat else stack.shape[2:]
        inside = tuple(map(slice, start, stop))[3 - len(sides) :]

        def read(at: tuple[slice, ...]) -> np.ndarray:
            z, y, x = (slice(start[0], stop[0]), *at) if flat else at
            seen = scale.apply(stack.read(t, z, y, x))
            return seen[:, 0] if flat else seen

        mirrors = _subsets(len(sides)) if self.flips else [()]
        total = np.zeros(())
        for axes in mirrors:
            total = total + _softmax(_answer_mirrored(net, read, sides, inside, axes))
        mean = (total / len(mirrors)).astype(np.float32)
        return mean[:, None] if flat else mean

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
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Classify one tile on one thread of torch.

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
        buffers : Buffers, optional
            Not used: torch has its own.

        Returns
        -------
        labels : ndarray of uint8, shape (Z, Y, X)
            The number of each pixel's class in `classes`, from 0.
        probability : ndarray of float32, shape (n_classes, Z, Y, X), or None
        """
        with threads(1):
            labels, shares = self._classified(stack, scale, t, start, stop)
        return labels, shares if probability else None

    def _classified(
        self, stack: Stack, scale: Scale, t: int, start: Shape, stop: Shape
    ) -> tuple[np.ndarray, np.ndarray]:
        shares = self.shares_of_tile(stack, scale, t, start, stop).mean(axis=0)
        return shares.argmax(axis=0).astype(np.uint8), shares  # argmax takes the first class at a tie

    def predict(
        self,
        stack: Stack,
        write: Write,
        *,
        probability: bool = False,
        tile: Shape | None = None,
        skip: Callable[[int, Shape], bool] | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[str]:
        """Classify an image tile by tile, a tile a thread, and hand each tile on; return what to mind.

        Parameters
        ----------
        stack, write, probability, skip, on_progress
            As for `clew.learn.pixel_model.PixelModel.predict`.
        tile : tuple of three ints, optional
            That of the model, which is the only one.

        Raises
        ------
        DataError
            If the image does not fit the model, or cannot be read.
        Stopped
            If ``on_progress`` said so.
        """
        check(tile in (None, *self.tiles), DataError, "The tile of a net must be its own, {}. Got {}.", self.tiles[0], tile)  # fmt: skip
        notes = self.check(stack)
        scale = scale_of(stack, self.normalise)
        self._nets  # noqa: B018  (made once, before there are threads)
        todo = [one for one in tiles_of(stack.shape, self.tiles[0]) if skip is None or not skip(*one[:2])]
        calls: list[np.ndarray] = []

        def do(one: tuple[int, Shape, Shape]) -> None:
            torch.set_num_threads(1)  # of this thread: torch keeps the number for each
            labels, shares = self._classified(stack, scale, *one)
            calls.append(_close_calls(shares))
            write(one[0], one[1], labels, shares if probability else None)

        with threads(1):
            in_threads(do, todo, on_progress)
        close, n = np.sum(calls, axis=0) if calls else (0, 1)
        return [
            *notes,
            *note_of_close_calls(stack, close, n, "or train on images like this one"),
            *scale.notes,
        ]


def tile_for(halo: int, n_axes: int) -> list[int]:
    """Return the tile of a net that looks so far: large enough that what lies around does not cost most of the time."""
    if n_axes == 2:
        return [1, *[max(FLAT, 4 * halo)] * 2]
    return [max(side, halo) for side in DEEP]


def _close_calls(shares: np.ndarray) -> np.ndarray:
    """Return of how many pixels, one in `LOOKED_AT`, the two likeliest classes are close, and how many they are."""
    some = shares.reshape(len(shares), -1)[:, ::LOOKED_AT]
    second, first = np.partition(some, -2, axis=0)[-2:]
    return np.array([np.count_nonzero(first - second < CLOSE), len(first)])


def _subsets(n_axes: int) -> list[tuple[int, ...]]:
    """Return all choices of axes, none among them."""
    return [axes for n in range(n_axes + 1) for axes in itertools.combinations(range(n_axes), n)]


def _answer_mirrored(
    net: UNet, read: Read, sides: Shape | tuple[int, int], tile: tuple[slice, ...], axes: tuple[int, ...]
) -> np.ndarray:
    """Return what a net answers inside a tile of the image mirrored along some axes, turned back: float32 (n_out, ...)."""
    back = tuple(axis + 1 for axis in axes)

    def there(at: tuple[slice, ...]) -> tuple[slice, ...]:
        return tuple(
            slice(n - one.stop, n - one.start) if axis in axes else one
            for axis, (n, one) in enumerate(zip(sides, at, strict=True))
        )

    asked = there(tile)
    start = tuple(one.start // net.config.multiple * net.config.multiple for one in asked)
    stop = tuple(one.stop for one in asked)
    answer = answer_tile(net, lambda at: np.flip(read(there(at)), back), sides, start, stop)
    inside = tuple(slice(one.start - a, None) for one, a in zip(asked, start))
    return np.flip(answer[(slice(None), *inside)], back)


def _softmax(scores: np.ndarray) -> np.ndarray:
    """Return the probabilities of scores (n_classes, ...)."""
    powers = np.exp(scores - scores.max(axis=0))
    return powers / powers.sum(axis=0)
