"""U-Net: down to a coarse view of an image and up again, with a way across at each level, so that every pixel gets an answer.

Ronneberger, Fischer and Brox, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28; volumes: Çiçek et al., MICCAI 2016,
doi:10.1007/978-3-319-46723-8_49. Blurred pooling and no way across at the top: Höck et al. (N2V2), ECCV Workshops 2022,
doi:10.1007/978-3-031-25069-9_33. Unlike the net of 2015, convolutions keep the sides, so that no pixel is lost at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.nets.activations import activation

Normalise = Literal["batch", "none"]
Pool = Literal["max", "blur"]
Up = Literal["transposed", "nearest"]

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
SUMS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@dataclass(frozen=True)
class UNetConfig:
    """The measures of a U-Net.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the image, and answers at each of its pixels.
    n_axes : int
        1 (traces), 2 (images) or 3 (volumes).
    channels : tuple of int
        Of each level, from the full image to the coarsest; each level halves the sides.
    convolutions, kernel : int
        In each level, on the way down and on the way up.
    normalise : {"batch", "none"}
        After each convolution. Whatever looks at the extent of the image would make a tile differ from the whole.
    pool : {"max", "blur"}
        How sides are halved; "blur" smoothes first, so that a shifted image gives a shifted answer.
    up : {"transposed", "nearest"}
        How sides are doubled: by a transposed convolution, or by repeating pixels and a convolution of kernel 1.
    top_skip : bool
        Whether there is a way across at the first level, too.
    residual : bool
        Whether the image is added to the answer.
    activation : str
        One of `ACTIVATIONS`.
    dropout : float
        Share of the coarsest channels that are silenced at random in training.
    """

    n_in: int
    n_out: int
    n_axes: int = 2
    channels: tuple[int, ...] = (16, 32, 64)
    convolutions: int = 2
    kernel: int = 3
    normalise: Normalise = "batch"
    pool: Pool = "max"
    up: Up = "transposed"
    top_skip: bool = True
    residual: bool = False
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name, choices in (("normalise", Normalise), ("pool", Pool), ("up", Up)):
            got = getattr(self, name)
            if got not in get_args(choices):
                raise ValueError(
                    f"The '{name}' of a unet must be one of: {', '.join(get_args(choices))}. Got '{got}' instead."
                )
        if self.n_axes not in CONVOLUTIONS:
            raise ValueError(f"The 'n_axes' of a unet must be 1, 2 or 3. Got {self.n_axes} instead.")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"The 'kernel' of a unet must be odd. Got {self.kernel} instead.")
        least = min(*self.channels, self.convolutions, self.n_in, self.n_out) if self.channels else 0
        if least < 1:
            raise ValueError(
                f"The channels and convolutions of a unet must be at least 1. Got {self.channels} instead."
            )
        if self.residual and self.n_in != self.n_out:
            raise ValueError(
                f"The 'residual' of a unet must go with as many answers as channels. Got {self.n_out}."
            )

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, **settings: object) -> UNetConfig:
        """Fit the measures to images of ``shape`` (channels, sides ...), whatever their sides."""
        return UNetConfig(shape[0], n_out, len(shape) - 1, **settings)  # type: ignore[arg-type]

    @staticmethod
    def paper(n_in: int = 1, n_out: int = 2) -> UNetConfig:
        """Return the architecture of 2015: 31,030,658 weights for one channel and two classes."""
        return UNetConfig(n_in, n_out, channels=(64, 128, 256, 512, 1024), normalise="none")

    @property
    def depth(self) -> int:
        """Return how often sides are halved."""
        return len(self.channels) - 1

    @property
    def multiple(self) -> int:
        """Return of what the sides are made a multiple, inside."""
        return 2**self.depth

    @property
    def reach(self) -> int:
        """Return how many pixels to each side an answer depends on, at most."""
        coarse, each = 2**self.depth, self.convolutions * (self.kernel // 2)
        convolved = each * (2 * (coarse - 1) + coarse)  # down and up, and once at the bottom
        return convolved + (coarse - 1) * (2 if self.pool == "blur" else 1)

    @property
    def halo(self) -> int:
        """Return how much must be seen around a tile for its answers to be those of the whole image; a multiple of `multiple`."""
        return -(-self.reach // self.multiple) * self.multiple


class UNet(nn.Module):
    """A U-Net for images of any sides; without an activation after its head, which gives scores (logits) or values."""

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        channels, last = config.channels, config.depth
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        width = config.n_in
        for level in range(last):
            self.down.append(_convolutions(config, width, channels[level]))
            width = channels[level]
        self.bottom = _convolutions(config, width, channels[last])
        self.drop = nn.Dropout(config.dropout)
        for level in reversed(range(last)):
            self.up.append(_upwards(config, channels[level + 1], channels[level]))
            across = channels[level] if level or config.top_skip else 0
            self.merge.append(_convolutions(config, channels[level] + across, channels[level]))
        self.head = CONVOLUTIONS[config.n_axes](channels[0], config.n_out, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, sides ...)
        image, sides = x, x.shape[2:]
        x = _made_up(x, self.config.multiple)
        ways = []
        for down in self.down:
            x = down(x)  # (B, channels[level], sides / 2^level)
            ways.append(x)
            x = _halved(x, self.config.pool)
        x = self.drop(self.bottom(x))  # (B, channels[-1], sides / multiple)
        for up, merge in zip(self.up, self.merge):
            x, across = up(x), ways.pop()
            x = merge(torch.cat([across, x], dim=1) if ways or self.config.top_skip else x)
        answer = self.head(x)[(..., *(slice(n) for n in sides))]  # (B, n_out, sides ...)
        return answer + image if self.config.residual else answer


def _convolutions(config: UNetConfig, n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(config.convolutions):
        biased = config.normalise == "none"  # else the normalisation takes it away
        layers.append(
            CONVOLUTIONS[config.n_axes](n_in, n_out, config.kernel, padding=config.kernel // 2, bias=biased)
        )
        layers += [BATCH_NORMS[config.n_axes](n_out)] if config.normalise == "batch" else []
        layers.append(activation(config.activation))
        n_in = n_out
    return nn.Sequential(*layers)


def _upwards(config: UNetConfig, n_in: int, n_out: int) -> nn.Module:
    if config.up == "transposed":
        return TRANSPOSED[config.n_axes](n_in, n_out, 2, stride=2)
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"), CONVOLUTIONS[config.n_axes](n_in, n_out, 1)
    )


def _made_up(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last pixels of each side until it is a multiple; a traced graph asks each image anew how many."""
    ends = [n for side in reversed(x.shape[2:]) for n in (0, -side % multiple)]
    return functional.pad(x, ends, mode="replicate") if torch.jit.is_tracing() or any(ends) else x


def _halved(x: Tensor, pool: Pool) -> Tensor:
    n_axes = x.ndim - 2
    if pool == "max":
        return MAXIMA[n_axes](x, 2)
    ends, around = [0, 1] * n_axes, [1, 1] * n_axes
    x = MAXIMA[n_axes](functional.pad(x, ends, mode="replicate"), 2, stride=1)
    one = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = one
    for _ in range(n_axes - 1):
        kernel = kernel[..., None] * one
    kernel = kernel.expand(x.shape[1], 1, *kernel.shape)
    return SUMS[n_axes](functional.pad(x, around, mode="replicate"), kernel, stride=2, groups=x.shape[1])
