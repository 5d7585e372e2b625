"""Convolutional network for signals, images and volumes: blocks of convolution and pooling, then fully connected."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from torch import Tensor, nn

from clew.neural.nets.activations import activation

LONG_SIGNAL = 200  # samples from which on a signal is pooled by 4
MOST_BLOCKS = 6  # that are added without being asked
Pool = Literal["max", "average"]
Normalise = Literal["batch", "group", "none"]
Gather = Literal["flatten", "average"]
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
POOLS: dict[str, dict[int, type[nn.Module]]] = {
    "max": {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d},
    "average": {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d},
}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
GLOBAL_POOLS = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


@dataclass(frozen=True)
class CnnConfig:
    """The measures of a convolutional network.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the input, and outputs: one per class, or per target.
    size : tuple of int
        The sides of the input: (T,) of signals, (H, W) of images, (D, H, W) of volumes.
    channels : tuple of int
        Channels (feature maps) of each block.
    kernel : int
        Side of the convolution kernels; odd.
    convolutions_per_block : int
        Convolutions before each pooling.
    pool, pool_size : {"max", "average"}, int
        How a block makes its maps smaller, and how many times. A side that would fall below 2 is left as it is.
    normalise : {"batch", "group", "none"}
        After each convolution. "batch" couples the rows of a batch in training; "group" does not.
    gather : {"flatten", "average"}
        What the fully connected layer gets: every place of the last maps, or each map's mean (any size of input).
    hidden : int
        Units of the fully connected layer before the head; 0 for none.
    activation : str
        One of `ACTIVATIONS`.
    dropout : float
        Share of units silenced at random in training, before the head.
    """

    n_in: int
    n_out: int
    size: tuple[int, ...]
    channels: tuple[int, ...] = (16, 32, 64)
    kernel: int = 3
    convolutions_per_block: int = 1
    pool: Pool = "max"
    pool_size: int = 2
    normalise: Normalise = "group"
    gather: Gather = "flatten"
    hidden: int = 64
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in (("pool", Pool), ("normalise", Normalise), ("gather", Gather)):
            got = getattr(self, name)
            if got not in get_args(choices):
                raise ValueError(
                    f"The '{name}' of a cnn must be one of: {', '.join(get_args(choices))}. Got '{got}' instead."
                )
        if len(self.size) not in CONVOLUTIONS:
            raise ValueError(f"The 'size' of a cnn must have 1, 2 or 3 sides. Got {len(self.size)} instead.")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"The 'kernel' of a cnn must be odd. Got {self.kernel} instead.")
        for name in ("channels", "pool_size", "convolutions_per_block"):
            got = getattr(self, name)
            if min(got if name == "channels" else (got,), default=1) < 1:
                raise ValueError(f"The '{name}' of a cnn must be at least 1. Got {got} instead.")

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, **settings: Any) -> CnnConfig:
        """Fit the measures to rows of ``shape`` (channels, sides ...).

        A signal gets wider kernels, and the mean of each map, since what it shows may begin anywhere in the window.
        Blocks are added, up to 6, until a unit of the last maps sees half of the longest side.
        """
        n_in, *size = shape
        if len(size) == 1:
            pool_size = 4 if size[0] >= LONG_SIGNAL else 2
            settings = {"kernel": 7, "pool_size": pool_size, "gather": "average", **settings}
        config = CnnConfig(n_in, n_out, tuple(size), **settings)
        if "channels" in settings:
            return config
        while config.field_of_view < max(size) / 2 and len(config.channels) < MOST_BLOCKS:
            config = replace(config, channels=(*config.channels, config.channels[-1]))
        return config

    @property
    def field_of_view(self) -> int:
        """Return how many places along an axis a unit of the last maps sees, where each block pools."""
        seen, jump = 1, 1
        for _ in self.channels:
            seen += jump * (self.convolutions_per_block * (self.kernel - 1) + self.pool_size - 1)
            jump *= self.pool_size
        return seen


class Cnn(nn.Module):
    """A convolutional network; without an activation after its head, which gives scores (logits) or values."""

    def __init__(self, config: CnnConfig):
        super().__init__()
        self.config = config
        n_axes, side, width = len(config.size), config.size, config.n_in
        self.blocks = nn.Sequential()
        for channels in config.channels:
            block, side = _block(config, width, channels, side)
            self.blocks.append(block)
            width = channels
        if config.gather == "average":
            self.gather = nn.Sequential(GLOBAL_POOLS[n_axes](1), nn.Flatten())
        else:
            self.gather = nn.Sequential(nn.Flatten())
            width *= math.prod(side)
        layers: list[nn.Module] = []
        if config.hidden:
            layers = [nn.Linear(width, config.hidden), activation(config.activation)]
            width = config.hidden
        layers += [nn.Dropout(config.dropout)] if config.dropout else []
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, config.n_out)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, sides ...)
        maps = self.blocks(x)  # (B, channels[-1], smaller sides ...)
        return self.head(self.layers(self.gather(maps)))  # (B, hidden) -> (B, n_out)


def _block(
    config: CnnConfig, width: int, channels: int, side: tuple[int, ...]
) -> tuple[nn.Module, tuple[int, ...]]:
    """Make convolutions with one pooling after them; return also the sides of what comes out."""
    n_axes = len(side)
    layers: list[nn.Module] = []
    for _ in range(config.convolutions_per_block):
        layers.append(CONVOLUTIONS[n_axes](width, channels, config.kernel, padding=config.kernel // 2))
        if config.normalise == "batch":
            layers.append(BATCH_NORMS[n_axes](channels))
        elif config.normalise == "group":
            layers.append(nn.GroupNorm(_groups(channels), channels))
        layers.append(activation(config.activation))
        width = channels
    pools = tuple(config.pool_size if length // config.pool_size >= 2 else 1 for length in side)
    if max(pools) > 1:
        layers.append(POOLS[config.pool][n_axes](pools))
    return nn.Sequential(*layers), tuple(length // p for length, p in zip(side, pools))


def _groups(channels: int) -> int:
    """Return how many groups are normalised by themselves: up to 8, of 4 channels or more."""
    return max(groups for groups in (1, 2, 4, 8) if groups == 1 or channels % (4 * groups) == 0)
