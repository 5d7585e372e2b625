"""What encoders and decoders are made of: a few numbers from a row, and a row from these few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.nets.activations import activation

LONG_SIGNAL = 200  # samples from which on a signal is made 4 times shorter by each block
SMALL_SIDE = 8  # of the last maps, down to which blocks are added
FIRST, MOST_CHANNELS = 16, 64
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


@dataclass(frozen=True)
class CoderConfig:
    """The measures of an encoder and of the decoder that mirrors it.

    Parameters
    ----------
    n_in, n_out : int
        Channels of a row, or features of a table; and the labels that the net is told, 0 where it is told none.
    size : tuple of int
        The sides of a row: (T,) of signals, (H, W) of images, (D, H, W) of volumes; () of a table. Any lengths.
    latent : int
        Numbers between encoder and decoder.
    channels : tuple of int
        Channels (feature maps) of each block of convolutions; none takes all numbers of a row in a line.
    hidden : tuple of int
        Units of the fully connected layers between the blocks and the latent numbers.
    kernel, stride : int
        Side of the convolution kernels, odd; and how many times smaller a block makes the maps. The decoder makes them
        larger by repeating values and convolving, which leaves no checkerboard (Odena, Dumoulin & Olah, Distill 2016,
        doi:10.23915/distill.00003).
    activation : str
        One of `ACTIVATIONS`.
    """

    n_in: int
    n_out: int
    size: tuple[int, ...]
    latent: int = 8
    channels: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    kernel: int = 3
    stride: int = 2
    activation: str = "relu"

    def __post_init__(self) -> None:
        if len(self.size) > len(CONVOLUTIONS):
            raise ValueError(
                f"The 'size' of a coder must have at most 3 sides. Got {len(self.size)} instead."
            )
        if self.channels and not self.size:
            raise ValueError("The 'channels' of a coder must go with rows that have sides. Got a table.")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"The 'kernel' of a coder must be odd. Got {self.kernel} instead.")
        for name in ("latent", "stride", "channels", "hidden"):
            got = getattr(self, name)
            if min(got if isinstance(got, tuple) else (got,), default=1) < 1:
                raise ValueError(f"The '{name}' of a coder must be at least 1. Got {got} instead.")

    @property
    def sides(self) -> list[tuple[int, ...]]:
        """Return the sides of a row, and after each block."""
        found = [self.size]
        for _ in self.channels:
            found.append(tuple(-(-side // self.stride) for side in found[-1]))
        return found

    @property
    def width(self) -> int:
        """Return how many numbers come out of the blocks."""
        return (self.channels or (self.n_in,))[-1] * math.prod(self.sides[-1])


def usual(shape: Sequence[int], settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings for rows of ``shape``: the usual ones, in place of which those that are given stand.

    A table gets two hidden layers, and at most half as many latent numbers as features. Grids get blocks until the longest
    side is at most 8, with wide kernels for signals.
    """
    n_in, *size = shape
    if not size:
        return {"hidden": (64, 32), "latent": min(8, -(-n_in // 2)), **settings}
    if len(size) == 1:
        settings = {"kernel": 7, "stride": 4 if size[0] >= LONG_SIGNAL else 2, **settings}
    longest, stride, channels = max(size), settings.get("stride", 2), [FIRST]
    while stride > 1 and -(-longest // stride ** len(channels)) > SMALL_SIDE:
        channels.append(min(2 * channels[-1], MOST_CHANNELS))
    return {"channels": tuple(channels), **settings}


class Encoder(nn.Module):
    """Blocks of convolutions, each making the maps smaller, then fully connected layers."""

    def __init__(self, config: CoderConfig, n_out: int):
        super().__init__()
        self.config = config
        self.blocks, width = nn.Sequential(), config.n_in
        for channels in config.channels:
            convolution = CONVOLUTIONS[len(config.size)]
            shape = {"kernel_size": config.kernel, "stride": config.stride, "padding": config.kernel // 2}
            self.blocks.extend([convolution(width, channels, **shape), activation(config.activation)])
            width = channels
        self.layers, units = _layers(config, [config.width + config.n_out, *config.hidden])
        self.bottleneck = nn.Linear(units, n_out)

    def forward(
        self, x: Tensor, label: Tensor | None = None
    ) -> Tensor:  # (B, n_in, sides ...), (B, n_labels)
        numbers = self.blocks(x).flatten(1)  # (B, width)
        return self.bottleneck(self.layers(_beside(numbers, label)))  # (B, n_out)


class Decoder(nn.Module):
    """Fully connected layers, then blocks that make the maps as large as those of the encoder were."""

    def __init__(self, config: CoderConfig):
        super().__init__()
        self.config = config
        first, n_axes = config.latent + config.n_out, len(config.size)
        if not config.channels:
            self.layers, units = _layers(config, [first, *reversed(config.hidden)])
            self.head: nn.Module = nn.Linear(units, config.width)
            return
        self.layers, _ = _layers(config, [first, *reversed(config.hidden), config.width])
        self.blocks, width = nn.ModuleList(), config.channels[-1]
        for channels in reversed((config.channels[0], *config.channels[:-1])):
            convolution = CONVOLUTIONS[n_axes](width, channels, config.kernel, padding=config.kernel // 2)
            self.blocks.append(nn.Sequential(convolution, activation(config.activation)))
            width = channels
        self.head = CONVOLUTIONS[n_axes](width, config.n_in, config.kernel, padding=config.kernel // 2)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:  # (B, latent), (B, n_labels)
        config, numbers = self.config, self.layers(_beside(latent, label))
        if not config.channels:
            return self.head(numbers).unflatten(1, (config.n_in, *config.size))  # (B, n_in, sides ...)
        maps = numbers.unflatten(1, (config.channels[-1], *config.sides[-1]))
        for block, sides in zip(self.blocks, reversed(config.sides[:-1]), strict=True):
            maps = block(functional.interpolate(maps, size=sides, mode="nearest"))  # (B, channels, sides ...)
        return self.head(maps)  # (B, n_in, sides ...)


def one_hot(codes: Tensor | None, config: CoderConfig, like: Tensor) -> Tensor | None:
    """Return what a net is told of labels, float (B, n_labels): nothing where it takes none."""
    if not config.n_out:
        return None
    if codes is None:
        raise ValueError("A net that is told labels must be given one for each row. Got none.")
    return functional.one_hot(codes, config.n_out).to(like)


def _beside(numbers: Tensor, label: Tensor | None) -> Tensor:
    return numbers if label is None else torch.cat([numbers, label], dim=1)


def _layers(config: CoderConfig, units: Sequence[int]) -> tuple[nn.Sequential, int]:
    """Make fully connected layers from each number of units to the next; return also the last."""
    layers = nn.Sequential()
    for wide, narrow in pairwise(units):
        layers.extend([nn.Linear(wide, narrow), activation(config.activation)])
    return layers, units[-1]
