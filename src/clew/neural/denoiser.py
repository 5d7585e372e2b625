"""`Denoiser`: nets that were trained on noisy images alone, one a channel, and what they make of images of any size."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, Stopped, check
from clew.neural.model_card import CardParts
from clew.neural.place import threads
from clew.neural.stored import StoredNet
from clew.neural.tiled import answer_tile
from clew.read.stack_writer import StackWriter
from clew.read.stacks import Stack

Read = Callable[[tuple[slice, ...]], np.ndarray]
OnProgress = Callable[[int, int], Any]
LIMITS = (
    "It removes noise that is independent from pixel to pixel, and makes up no detail on purpose; still, what it shows is an "
    "estimate. Measure intensities in the image as it was taken, and do not use it on images of another kind or noise."
)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Denoiser(StoredNet):
    """Trained denoisers, one net for each channel, so that no channel shines into another.

    Parameters
    ----------
    n_axes : int
        1 of traces, 2 of images, 3 of volumes.
    channel_names : list of str
        Of the channels that it was trained on, in order.
    mean, spread : list of float
        Of each channel of the training images, by which intensities are scaled.
    tile : list of int
        The sides of the tiles in which larger images are denoised.
    turns : bool
        Whether the mean over all flips and quarter turns is taken.
    architecture, net_settings, recipe, seeds, weights, histories, notes, trained_with
        As of `StoredNet`; member i is the net of channel i.
    """

    FORMAT = "clew denoiser"
    DECIDES = ("architecture", "net_settings", "n_axes", "channel_names", "mean", "spread", "tile", "turns")

    n_axes: int
    channel_names: list[str]
    mean: list[float]
    spread: list[float]
    tile: list[int]
    turns: bool

    def headline(self) -> str:
        """Say what it denoises."""
        kind = {1: "traces", 2: "images", 3: "volumes"}[self.n_axes]
        n = len(self.channel_names)
        return f"denoiser of {kind} with {n} channel{'s' * (n != 1)}: {', '.join(self.channel_names)}"

    def summary(self) -> dict[str, Any]:
        """Return what scripts rely on."""
        names = ("n_axes", "channel_names", "mean", "spread", "turns", "recipe", "notes")
        return {"sha256": self.sha256} | {name: getattr(self, name) for name in names}

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        use = ["from clew.neural.denoiser import Denoiser", "", 'denoiser = Denoiser.load_model("this folder")', "denoiser.apply(image)  # (C, sides ...)"]  # fmt: skip
        return CardParts(
            takes=[f"{self.headline().capitalize()}; intensities as they were stored."],
            says=["The same image without its noise, in the same units."],
            limits=LIMITS,
            use=use,
            tags=("denoising", "noise2void"),
        )

    # ---- denoising ----
    def apply(self, image: np.ndarray, *, on_progress: OnProgress | None = None) -> np.ndarray:
        """Denoise an array.

        Parameters
        ----------
        image : ndarray of numbers, shape (C, sides ...)
        on_progress : callable (done, total), optional
            Told after each tile; returning False stops.

        Returns
        -------
        ndarray of float32, shape (C, sides ...)

        Raises
        ------
        DataError
            If channels or axes are not those that it was trained on, or a value is not finite.
        """
        check(
            image.ndim == self.n_axes + 1 and len(image) == self.members,
            DataError,
            "The image to be denoised must have {} channel(s) and {} further axes. Got the shape {}.",
            self.members, self.n_axes, image.shape,
        )  # fmt: skip
        check(
            np.isfinite(image).all(),
            DataError,
            "The pixels to be denoised must be finite numbers. Got others.",
        )
        found = np.empty(image.shape, np.float32)
        places = tiles(image.shape[1:], self.tile)
        for done, (start, stop) in enumerate(places, 1):
            at = tuple(slice(a, b) for a, b in zip(start, stop))
            found[(slice(None), *at)] = self.denoise_tile(lambda slices: image[(slice(None), *slices)], image.shape[1:], start, stop)  # fmt: skip
            _tell(on_progress, done, len(places))
        return found

    def denoise_channel(self, image: np.ndarray, channel: int) -> np.ndarray:
        """Denoise one channel alone, given and returned as an array of shape (sides ...), float32."""
        alone = dataclasses.replace(
            self,
            channel_names=[self.channel_names[channel]],
            mean=[self.mean[channel]],
            spread=[self.spread[channel]],
            seeds=[self.seeds[channel]],
            histories=[self.histories[channel]],
            weights={
                f"0.{name.partition('.')[2]}": one
                for name, one in self.weights.items()
                if name.startswith(f"{channel}.")
            },
        )
        return alone.apply(image[None])[0]

    def denoise_tile(
        self, read: Read, sides: Sequence[int], start: Sequence[int], stop: Sequence[int]
    ) -> np.ndarray:
        """Denoise a tile with what lies around it.

        Parameters
        ----------
        read : callable (slices) -> ndarray, shape (C, ...)
            What the image holds, in its own units.
        sides : sequence of int
            Of the whole image.
        start, stop : sequence of int
            Of the tile; starts are multiples of the tile's sides.

        Returns
        -------
        ndarray of float32, shape (C, sides of the tile)
        """
        whole = tuple(
            -(-n // self.multiple) * self.multiple for n in sides
        )  # so that a turned image has the same grid
        parts = []
        with threads(int(self.recipe["threads"])):
            for channel, net in enumerate(self.nets):

                def scaled(slices: tuple[slice, ...], channel: int = channel) -> np.ndarray:
                    part = _mirrored(read, sides, slices)[channel : channel + 1]
                    return ((part - self.mean[channel]) / self.spread[channel]).astype(np.float32)

                answer = answer_tile(net, scaled, whole, tuple(start), tuple(stop))
                parts.append(answer * self.spread[channel] + self.mean[channel])
        return np.concatenate(parts).astype(np.float32)

    def write(self, stack: Stack, writer: StackWriter, *, on_progress: OnProgress | None = None) -> int:
        """Denoise a stack of any size, tile by tile, into a file of the same shape and dtype.

        Images with depth are denoised plane by plane by a denoiser of images, and as a whole by one of volumes.

        Returns
        -------
        int
            How many values lay beyond what the dtype holds, and were clipped.

        Raises
        ------
        DataError
            If the stack has other channels than it was trained on.
        Stopped
            If ``on_progress`` said so.
        """
        check(
            stack.shape[1] == self.members and self.n_axes > 1,
            DataError,
            "The image '{}' must have the {} channel(s) that the denoiser was trained on. Got {}.",
            stack.name, self.members, stack.shape[1],
        )  # fmt: skip
        depth = stack.shape[2]
        planes = [slice(0, depth)] if self.n_axes == 3 else [slice(z, z + 1) for z in range(depth)]
        sides = stack.shape[2:][-self.n_axes :]
        places = list(itertools.product(range(stack.shape[0]), planes, tiles(sides, self.tile)))
        clipped = 0
        for done, (t, z, (start, stop)) in enumerate(places, 1):

            def read(slices: tuple[slice, ...], t: int = t, z: slice = z) -> np.ndarray:
                block = stack.read(t, *((z, *slices) if self.n_axes == 2 else slices))
                return block if self.n_axes == 3 else block[:, 0]

            found = self.denoise_tile(read, sides, start, stop)
            block, beyond = as_stored(found if self.n_axes == 3 else found[:, None], stack.dtype)
            at = [slice(a, b) for a, b in zip(start, stop)]
            deep, rows, columns = [z, *at] if self.n_axes == 2 else at
            writer.write(t, deep, rows, columns, block)
            clipped += beyond
            _tell(on_progress, done, len(places))
        return clipped

    # ---- nets ----
    @cached_property
    def nets(self) -> list[nn.Module]:
        """Return the net of each channel, which takes the mean over turns where it shall."""
        found = [self.net(member) for member in range(self.members)]
        if self.n_axes == 2:
            found = [one.to(memory_format=torch.channels_last) for one in found]
        return [Turned(one, self.n_axes) for one in found] if self.turns else found

    @property
    def multiple(self) -> int:
        """Return what tiles begin on multiples of."""
        net: Any = self.nets[0]
        return int(net.config.multiple)


class Turned(nn.Module):
    """The mean of what a net answers to an image in all its flips and, where it is square or not, quarter turns.

    Traces are flipped in time, volumes flipped and turned in their planes.
    """

    def __init__(self, net: nn.Module, n_axes: int) -> None:
        super().__init__()
        self.net, self.n_axes, self.config = net, n_axes, net.config

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        quarters = range(4) if self.n_axes > 1 else range(1)
        for turns, flip in itertools.product(quarters, (False, True)):
            seen = x.rot90(turns, (-2, -1)) if turns else x
            seen = seen.flip(-1) if flip else seen
            said = self.net(seen.contiguous())
            said = said.flip(-1) if flip else said
            total = total + (said.rot90(-turns, (-2, -1)) if turns else said)
        return total / (2 * len(quarters))


def as_stored(values: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Return values as a dtype holds them, integers rounded, and how many had to be clipped.

    Parameters
    ----------
    values : ndarray of float32
    dtype : numpy dtype
    """
    if dtype.kind == "f":
        return values.astype(dtype), 0
    limits = np.iinfo(dtype)
    rounded = np.rint(values.astype(np.float64))
    beyond = int(((rounded < limits.min) | (rounded > limits.max)).sum())
    # of 64 bits the largest is no float: what rounds up to it would overflow
    top = np.nextafter(float(limits.max), 0) if float(limits.max) > limits.max else float(limits.max)
    return np.clip(rounded, float(limits.min), top).astype(dtype), beyond


def tiles(sides: Sequence[int], tile: Sequence[int]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return start and stop of each tile of an image."""
    starts = itertools.product(*(range(0, n, step) for n, step in zip(sides, tile, strict=True)))
    return [(one, tuple(min(a + step, n) for a, step, n in zip(one, tile, sides))) for one in starts]


def _mirrored(read: Read, sides: Sequence[int], slices: tuple[slice, ...]) -> np.ndarray:
    """Return a part of an image, float64 (C, ...), that may reach beyond its far ends, where it is mirrored."""
    short = [max(0, one.stop - n) for one, n in zip(slices, sides, strict=True)]
    first = [max(0, min(one.start, n - 1 - more)) for one, n, more in zip(slices, sides, short)]
    inside = read(tuple(slice(a, min(one.stop, n)) for a, one, n in zip(first, slices, sides)))
    filled = np.pad(inside.astype(np.float64), [(0, 0), *((0, more) for more in short)], mode="symmetric")
    return filled[(slice(None), *(slice(one.start - a, None) for one, a in zip(slices, first)))]


def _tell(on_progress: OnProgress | None, done: int, total: int) -> None:
    if on_progress is not None and on_progress(done, total) is False:
        raise Stopped(f"Stopped after {done} of {total} tiles.")
