"""How much memory and time it takes to classify an image: tiles are chosen so that the process stays in a budget."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clew.errors import ClewError, SettingError
from clew.learn.pixel_model import PixelClassifying
from clew.learn.tiling import scale_of, tiles_of
from clew.measure.intensity import MOST
from clew.measure.pixels import Buffers, Shape
from clew.read.pieces import RECENT_BYTES
from clew.read.stacks import Stack

UNITS = {"GIB": 2.0**30, "MIB": 2.0**20, "GB": 1e9, "MB": 1e6, "G": 1e9, "M": 1e6}
SPARE = 0.1  # share of the budget that is left to what cannot be foreseen
LOADED = 150e6  # bytes that compiled loops take, and compiling them for the first time: 60 and 140 MB were measured
# Bytes a pixel: numbering connected pieces took 14, cutting them apart at necks 115 to 128; the mask takes 2 more.
PER_PIXEL = {"none": 20, "distance": 140, "border": 140}


@dataclass(frozen=True)
class Work:
    """What is to be done with an image, as far as memory goes.

    Parameters
    ----------
    shares : bool
        Whether probabilities are asked for.
    cut : {"none", "distance", "border"}, optional
        How objects are cut, where they are asked for.
    objects : str, optional
        The class whose objects they are.
    """

    shares: bool = False
    cut: str | None = None
    objects: str | None = None


def parse_memory(text: str) -> int:
    """Return bytes for "2GB", "500 MB" or "1.5GiB".

    Raises
    ------
    SettingError
        If it is none of these.
    """
    cleaned = text.strip().upper().replace(" ", "")
    for unit, factor in UNITS.items():
        if cleaned.endswith(unit):
            with contextlib.suppress(ValueError):
                value = float(cleaned.removesuffix(unit)) * factor
                if math.isfinite(value) and value > 0:
                    return int(value)
    raise SettingError(
        f"The 'memory' of pixels predict must be a number of GB or MB, like 2GB or 500MB. Got '{text}' instead."
    )


def threads() -> int:
    """Return how many threads will work; what they need is loaded, so that `held_bytes` counts it."""
    from clew.kernels import filters, forest  # noqa: F401
    from clew.kernels.threads import n_threads

    return n_threads()


def held_bytes() -> int:
    """Return the bytes that this process holds now: interpreter, libraries, model, and what was read so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else peak * 1024


def choose_tile(
    model: PixelClassifying, stack: Stack, work: Work, memory: int, *, begun: Shape | None = None
) -> Shape:
    """Return the largest tile with which the process stays within the memory.

    Parameters
    ----------
    model : PixelClassifying
    stack : Stack
    work : Work
    memory : int
        Bytes that the whole process may take.
    begun : tuple of three ints, optional
        The tile with which an earlier run began, which must be gone on with.

    Raises
    ------
    SettingError
        If not even the smallest does.
    """
    free = (1 - SPARE) * memory - held_bytes() - LOADED
    needs = {tile: image_bytes(model, stack, tile, work) for tile in ((begun,) if begun else model.tiles)}
    for tile, need in needs.items():
        if need <= free:
            return tile
    least = memory + (min(needs.values()) - free) / (1 - SPARE)
    fewer = "; fewer threads (NUMBA_NUM_THREADS) need less" if threads() > 1 else ""
    if min(needs.values()) < file_bytes(stack, threads()) + 1.1 * objects_bytes(stack, work):
        asked = f" (--split {work.cut})" if work.cut != "border" else ""
        fewer = f", since objects are cut in the image as a whole{asked}"
    raise SettingError(
        f"The 'memory' of pixels predict must be at least {math.ceil(least / 1e7) / 100:g} GB for '{stack.name}' on "
        f"{_threads()}{fewer}. Got {memory / 1e9:.3g} GB."
    )


def image_bytes(model: PixelClassifying, stack: Stack, tile: Shape, work: Work) -> int:
    """Return the most bytes that an image takes at a time: pieces of its file, and its scale, tiles or objects."""
    n_tiles = sum(1 for _ in tiles_of(stack.shape, tile))
    at_once = min(threads(), n_tiles)
    tiles = at_once * model.tile_bytes(stack, tile, shares=work.shares)
    steps = (scale_bytes(model, stack), tiles, objects_bytes(stack, work))
    return file_bytes(stack, at_once) + max(steps)


def objects_bytes(stack: Stack, work: Work) -> int:
    """Return what cutting objects takes: an image, of one time, as a whole."""
    return math.prod(stack.shape[2:]) * PER_PIXEL[work.cut] if work.cut else 0


def scale_bytes(model: PixelClassifying, stack: Stack) -> int:
    """Return what finding the scale of the intensities takes: the pixels that are looked at, and their histogram."""
    if model.normalise == "none":
        return 0
    n, size = min(MOST, stack.shape[0] * math.prod(stack.shape[2:])), stack.dtype.itemsize
    all_channels = stack.shape[1] * size
    return n * (
        all_channels + max(all_channels, 9 + size // 2)
    )  # as measured for 8 to 64 bits, 1 and 3 channels


def file_bytes(stack: Stack, at_once: int) -> int:
    """Return what decoded pieces of the file take: those that are kept, and those that are being decoded."""
    chunk = getattr(stack.source, "chunk", None)
    if chunk is None:
        return 0
    itemsize = stack.source.dtype.itemsize
    pieces = math.prod(-(-n // c) for n, c in zip(stack.source.shape, chunk))
    piece = math.prod(min(a, b) for a, b in zip(chunk, stack.source.shape)) * itemsize
    kept = min(math.prod(stack.source.shape) * itemsize, max(RECENT_BYTES, piece))
    return kept + 2 * piece * min(at_once, pieces)


# ---- what is said before the start ----
def estimate(model: PixelClassifying, todo: Sequence[tuple[Stack, Shape]], work: Work) -> str:
    """Say how much there is to do, how long it will take, by a small tile of the first image that can be read, and in what memory."""
    pixels = sum(math.prod(stack.shape[2:]) * stack.shape[0] for stack, _ in todo)
    tiles = sum(1 for stack, tile in todo for _ in tiles_of(stack.shape, tile))
    most = held_bytes() + LOADED + max(image_bytes(model, stack, tile, work) for stack, tile in todo)
    seconds = _seconds(model, todo, work)  # loads what is LOADED
    about = f"about {duration(seconds)}" if seconds is not None else "to do"
    return (
        f"{_counted(len(todo), 'image')}, {_megapixels(pixels)} in {_counted(tiles, 'tile')}: {about} on {_threads()}, "
        f"in at most {math.ceil(most / 1e7) / 100:g} GB of memory."
    )


def _seconds(model: PixelClassifying, todo: Sequence[tuple[Stack, Shape]], work: Work) -> float | None:
    """Return the seconds that all tiles take; None where no image can be read."""
    for stack, _ in todo:
        with contextlib.suppress(ClewError, OSError, MemoryError):
            halo = model.halo(stack)
            around, inside = _seconds_a_pixel(model, stack, halo, work)
            each = [(one.shape[0] * math.prod(one.shape[2:]), _padded(one, tile, halo)) for one, tile in todo]
            tiles = sum(around * padded + inside * n for n, padded in each) / threads()
            return tiles + _seconds_an_object_pixel(model, stack, work) * sum(n for n, _ in each)
    return None


def _seconds_an_object_pixel(model: PixelClassifying, stack: Stack, work: Work) -> float:
    """Return what cutting objects costs a pixel, on one thread: by the first tile."""
    if work.objects is None or work.cut is None:
        return 0.0
    from clew.measure.segment import objects_by_border, segment

    t, start, stop = next(tiles_of(stack.shape, model.tiles[0]))
    labels, _ = model.predict_tile(stack, scale_of(stack, model.normalise), t, start, stop)
    number, taken = list(model.values).index(work.objects), 0.0
    said = labels.squeeze()
    for _ in range(2):  # the first loads libraries
        began = time.perf_counter()
        if said.ndim > 1 and model.border is not None:
            objects_by_border(said, object=number, border=list(model.values).index(model.border))
        elif said.ndim > 1:
            segment(said == number, split=work.cut)  # type: ignore[arg-type]
        taken = time.perf_counter() - began
    return taken / said.size


def _seconds_a_pixel(model: PixelClassifying, stack: Stack, halo: Shape, work: Work) -> tuple[float, float]:
    """Return what a pixel costs, its tile's halo counted in, and what one inside costs in addition: by two small tiles."""
    scale, buffers, taken = scale_of(stack, model.normalise), Buffers(), []
    for tile in (model.tiles[-1], *model.tiles[:-3:-1]):  # the first may compile; a net has one size of tiles
        t, start, stop = next(tiles_of(stack.shape, tile))
        began = time.perf_counter()
        model.predict_tile(stack, scale, t, start, stop, probability=work.shares, buffers=buffers)
        seconds, size = time.perf_counter() - began, [b - a for a, b in zip(start, stop)]
        taken.append((seconds, math.prod(size), math.prod(n + 2 * h for n, h in zip(size, halo))))
    (s, n, padded), (s2, n2, padded2) = taken[1], taken[-1]
    more = n2 - n * padded2 / padded
    inside = min(max((s2 - s * padded2 / padded) / more, 0), s / n) if more > 0 else 0.0
    return (s - inside * n) / padded, inside


def _padded(stack: Stack, tile: Shape, halo: Shape) -> int:
    """Return the pixels of all tiles of an image, their halos counted in."""
    along = [n + 2 * h * -(-n // size) for n, size, h in zip(stack.shape[2:], tile, halo)]
    return stack.shape[0] * math.prod(along)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _megapixels(n: int) -> str:
    return f"{n / 1e6:,.0f} megapixels" if n >= 1e7 else f"{n / 1e6:.{1 if n >= 1e6 else 2}f} megapixels"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _threads() -> str:
    return _counted(threads(), "thread")
