"""PhaseNet: a U-Net over time that says at each moment whether a P wave arrives, an S wave, or neither.

Zhu & Beroza, Geophysical Journal International 216 (2019), doi:10.1093/gji/ggy423. Names of weights, and where a window is padded
and cropped between the levels, are as in SeisBench (Woollam et al. 2022, doi:10.1785/0220210324), so that weights go either way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL, STRIDE = 7, 4
EPS = 1e-3  # of batch normalisation
LEFT, RIGHT = (
    (1, 2),
    3,
)  # samples that a level is padded by before it is taken apart, by whether its number is even or odd
CUT = 1, 2  # samples that are cut off at both ends of what was put together again


@dataclass(frozen=True)
class PhaseNetConfig:
    """The measures of a PhaseNet.

    Parameters
    ----------
    n_in, n_out : int
        Components of the recording, and answers at each moment.
    filters_root : int
        Channels of the first level; each level has twice as many as the one above.
    depth : int
        Levels; each has a quarter of the samples of the one above.
    """

    n_in: int = 3
    n_out: int = 3
    filters_root: int = 8
    depth: int = 5

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, *, filters_root: int = 8, depth: int = 5) -> PhaseNetConfig:
        """Fit the measures to windows of a shape (n_components, n_samples)."""
        n_in, _ = shape
        return PhaseNetConfig(n_in, n_out, filters_root, depth)

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out", "filters_root", "depth"):
            if getattr(self, name) < (2 if name == "depth" else 1):
                raise ValueError(f"{name} must be at least {2 if name == 'depth' else 1}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Return the channels of each level."""
        return tuple(self.filters_root * 2**level for level in range(self.depth))


class PhaseNet(nn.Module):
    """PhaseNet for windows of any length; of 3,001 samples the levels have 3001, 751, 188, 47 and 12."""

    def __init__(self, config: PhaseNetConfig) -> None:
        super().__init__()
        self.config = config
        root, channels = config.filters_root, config.channels
        self.inc = nn.Conv1d(config.n_in, root, KERNEL, padding="same")
        self.in_bn = nn.BatchNorm1d(root, eps=EPS)
        self.down_branch = nn.ModuleList()
        for level, n in enumerate(channels):
            same = nn.Conv1d(channels[max(0, level - 1)], n, KERNEL, padding="same", bias=False)
            parts = [same, nn.BatchNorm1d(n, eps=EPS)]
            if level < config.depth - 1:
                around = KERNEL // 2 if level == 0 else 0
                down = nn.Conv1d(n, n, KERNEL, STRIDE, padding=around, bias=False)
                parts += [down, nn.BatchNorm1d(n, eps=EPS)]
            self.down_branch.append(nn.ModuleList(parts))
        self.up_branch = nn.ModuleList()
        for n in reversed(channels[:-1]):
            up = nn.ConvTranspose1d(2 * n, n, KERNEL, STRIDE, bias=False)
            same = nn.Conv1d(2 * n, n, KERNEL, padding="same", bias=False)
            parts = [up, nn.BatchNorm1d(n, eps=EPS), same, nn.BatchNorm1d(n, eps=EPS)]
            self.up_branch.append(nn.ModuleList(parts))
        self.out = nn.Conv1d(root, config.n_out, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, n)
        """Return the logit of each answer at each moment, (B, n_out, n)."""
        x = functional.relu(self.in_bn(self.inc(x)))  # (B, root, n)
        across = []
        for level, parts in enumerate(self.down_branch):
            x = functional.relu(parts[1](parts[0](x)))  # (B, root * 2**level, n / 4**level)
            if level < self.config.depth - 1:
                across.append(x)
                x = functional.relu(parts[3](parts[2](_padded(x, level))))
        for parts in self.up_branch:
            way = across.pop()
            x = functional.relu(parts[1](parts[0](x)))
            x = torch.cat([way, _cropped(x, way.shape[-1])], dim=1)  # (B, 2 * channels, as on the way down)
            x = functional.relu(parts[3](parts[2](x)))
        logits: Tensor = self.out(x)
        return logits


def _padded(x: Tensor, level: int) -> Tensor:
    """Pad what a level takes apart, so that what is put together again is no shorter."""
    if level == 0:
        return x  # its convolution pads both ends
    n, left = x.shape[-1], LEFT[level % 2]
    needed = KERNEL + STRIDE * (-(-n // STRIDE) - 1)
    return functional.pad(x, (left, max(RIGHT, needed - n - left)))


def _cropped(x: Tensor, n: int) -> Tensor:
    """Cut both ends off, and the middle out of what is left."""
    x = x[..., CUT[0] : x.shape[-1] - CUT[1]]
    first = (x.shape[-1] - n) // 2
    return x[..., first : first + n]
