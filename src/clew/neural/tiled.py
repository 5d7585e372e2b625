"""A net along an image larger than it can be shown at once: tile by tile, each with what its answers depend on around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from clew.neural.place import evaluating

Read = Callable[[tuple[slice, ...]], np.ndarray]


def answer_tile(
    net: nn.Module, read: Read, sides: Sequence[int], start: Sequence[int], stop: Sequence[int]
) -> np.ndarray:
    """Return what a net answers inside a tile: the same as if it were shown the whole image.

    Parameters
    ----------
    net : Module
        With a ``config`` that says its ``halo`` and ``multiple``, such as `clew.neural.nets.unet.UNet`.
    read : callable
        Takes a slice for each side of the image; returns its channels there, float32 (C, ...), on the scale of the net.
    sides : sequence of int
        Of the whole image.
    start, stop : sequence of int
        Of the tile, half open.

    Returns
    -------
    ndarray of float32, shape (n_out, sides of the tile ...)
    """
    halo, multiple = net.config.halo, net.config.multiple
    # what the net halves must be halved at the same pixels wherever a tile lies
    first = [max(0, (a - halo) // multiple * multiple) for a in start]
    last = [min(n, b + halo) for n, b in zip(sides, stop, strict=True)]
    seen = np.ascontiguousarray(read(tuple(map(slice, first, last))), np.float32)
    inside = tuple(slice(a - f, b - f) for a, b, f in zip(start, stop, first, strict=True))
    weight = next(net.parameters())
    with evaluating(net):
        answer = net(torch.from_numpy(seen)[None].to(weight))[0]
    return answer[(slice(None), *inside)].float().cpu().numpy()
