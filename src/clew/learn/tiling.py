"""An image cut into tiles: which ones, each with what lies around it, on all threads."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from clew.errors import Stopped
from clew.measure.intensity import Normalise, Scale, intensity_scale
from clew.measure.pixels import Block, Buffers, Shape, block_of
from clew.read.stacks import Stack

TILES_2D: tuple[Shape, ...] = ((1, 256, 512), (1, 128, 256), (1, 64, 128))  # the fastest first
TILES_3D: tuple[Shape, ...] = ((64, 128, 256), (32, 128, 128), (32, 64, 64), (16, 32, 64))
OnProgress = Callable[[int, int], Any]

_SCALES: WeakKeyDictionary[Stack, dict[str, Scale]] = WeakKeyDictionary()


def scale_of(stack: Stack, normalise: Normalise) -> Scale:
    """Return the intensity scale of an image; of a file it is found once, of an array, which may change, every time."""
    known = _SCALES.setdefault(stack, {}) if stack.path is not None else {}
    if normalise not in known:
        known[normalise] = intensity_scale(
            stack.read, stack.shape, normalise=normalise, name=stack.name, channel_names=stack.channel_names
        )
    return known[normalise]


def tiles_of(shape: tuple[int, ...], tile: Shape) -> Iterator[tuple[int, Shape, Shape]]:
    """Yield t, start and stop (z, y, x) of each tile of an image of shape (T, C, Z, Y, X)."""
    ranges = [range(0, n, step) for n, step in zip(shape[2:], tile, strict=True)]
    for t, z, y, x in itertools.product(range(shape[0]), *ranges):
        stop = tuple(min(a + step, n) for a, step, n in zip((z, y, x), tile, shape[2:]))
        yield t, (z, y, x), stop  # type: ignore[misc]


def block_at(
    stack: Stack, t: int, start: Shape, stop: Shape, halo: Shape, scale: Scale, buffers: Buffers
) -> Block:
    """Return a tile with its halo, its intensities on their scale."""

    def read(z: slice, y: slice, x: slice) -> np.ndarray:
        return scale.apply(stack.read(t, z, y, x))

    return block_of(read, stack.shape[2:], start, stop, halo, buffers)


def in_threads(do: Callable[[Any], Any], parts: Sequence[Any], on_progress: OnProgress | None) -> None:
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
