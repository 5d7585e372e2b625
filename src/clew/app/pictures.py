"""Pictures of rows: crops of objects, whole images a piece at a time, outlines; each file is opened once, and checked to be what was measured."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import ClewError, DataError, MissingError, SealedError, check
from clew.plot.measure import outlines
from clew.plot.style import BRIGHT
from clew.read.tiff import COLOUR

if TYPE_CHECKING:
    from clew.app.workspace import Workspace
    from clew.study.study import Source

MOST_HELD = 256 * 2**20  # bytes of opened files
SAMPLED = 512  # px of the side of what contrast is judged by
BOX = ("min_row", "min_col", "max_row", "max_col")  # columns of the origin of an object
USUAL = (1.0, 99.8)  # percentiles from black to white
SMALL_GAMMA = 1.5  # of thumbnails: what is dim can still be seen beside what is bright
CORNERS = 600_000  # of all outlines of an image; beyond, each keeps every second, third, ... of its own


class Held:
    """What was opened, the latest used at the end; what was used longest ago goes when more than ``limit`` bytes are held.

    What could not be opened is held, too: the refusal is the same until the file is another.
    """

    def __init__(self, limit: int = MOST_HELD) -> None:
        self.limit, self.bytes = limit, 0
        self.lock = threading.Lock()
        self.opening: dict[Hashable, threading.Lock] = {}
        self.values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what is held under ``key``; else make it, once, however many threads ask.

        Raises
        ------
        ClewError
            What ``make`` raised.
        """
        with self.lock:
            gate = self.opening.setdefault(key, threading.Lock())
        with gate:
            with self.lock:
                if key in self.values:
                    self.values.move_to_end(key)
                    found = self.values[key][0]
                    return _raised(found)
            try:
                made = make()
            except ClewError as refused:
                made = refused
            with self.lock:
                self.values[key] = made, size_of(made)
                self.bytes += size_of(made)
                while self.bytes > self.limit and len(self.values) > 1:
                    gone, (_, size) = self.values.popitem(last=False)
                    self.opening.pop(gone, None)
                    self.bytes -= size
        return _raised(made)


def _raised(found: Any) -> Any:
    if isinstance(found, ClewError):
        raise found
    return found


def size_of(value: Any) -> int:
    """Return about how many bytes something with arrays takes."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if hasattr(value, "__dict__"):
        return 256 + sum(size_of(one) for one in vars(value).values())
    return 64 + sum(map(size_of, value)) if isinstance(value, (list, tuple)) else 64


def held(workspace: Workspace) -> Held:
    """Return what is held of the open study."""
    found: Held = workspace.kept.setdefault("held", Held())
    return found


# ---- files ----
def found_file(workspace: Workspace, name: str) -> Path:
    """Return where the source of a name lies, if it is what was measured; its content is looked at once for each state of the file.

    Raises
    ------
    DataError
        If the study names no such source, or the file is gone (`MissingError`) or has changed.
    """
    sources = workspace.kept.get("sources") or {}
    for reread in (False, True):  # it may have been found again since
        if reread or name not in sources:
            sources = workspace.kept["sources"] = {one.name: one for one in workspace.study.sources()}
        check(name in sources, DataError, "The source must be one that the study names. Got '{}'.", name[:80])
        source = sources[name]
        there = [workspace.study.folder / source.relative, Path(source.path)]
        stamps = tuple((str(path), stamp) for path in there if (stamp := stamp_of(path)))
        if stamps:
            path: Path = held(workspace).get(
                ("file", source.sha256, stamps), partial(_unchanged, workspace, source)
            )
            return path
    raise MissingError(
        f"{name} is not where it was ({source.path}). Say where it is now: clew relink {workspace.study.folder} PATH"
    )


def _unchanged(workspace: Workspace, source: Source) -> Path:
    try:
        return workspace.study.locate(source)
    except DataError as error:
        raise DataError(
            f"{source.name} has changed: its content is not what was measured. Put the file back as it was, or say where it is: "
            f"clew relink {workspace.study.folder} PATH"
        ) from error


def stamp_of(path: Path) -> tuple[int, int] | None:
    """Return when a file was written and how many bytes it has; None where there is none."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size


def check_open(workspace: Workspace, source: str) -> None:
    """Refuse a source without open rows: images that are sealed as a whole are not looked at.

    Raises
    ------
    SealedError
        If it has none.
    """
    has = workspace.kept.get("open_sources")
    if has is None:
        has = workspace.kept["open_sources"] = set(workspace.samples.origin["source"].astype(str))
    named = source in {one.name for one in workspace.study.sources()}
    check(source in has or not named, SealedError, "The image must hold open rows to be shown. Got '{}', which is sealed: nobody looks at it before the test.", source[:80])  # fmt: skip


# ---- images ----
@dataclass(frozen=True, eq=False)
class Opened:
    """An image that was measured, ready to be shown.

    Parameters
    ----------
    pixels : ndarray, shape (C, Y, X)
    channels : tuple of str
    pixel_size : tuple of two floats, or None
        Height and width of a pixel, in µm.
    levels : ndarray of float64, shape (C, 1001)
        The values at each tenth of a percent of each channel.
    shown : ndarray of uint8, shape (Y, X) or (Y, X, 3)
        All channels at their usual contrast, a little lighter, for thumbnails.
    """

    pixels: np.ndarray
    channels: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    levels: np.ndarray
    shown: np.ndarray


def opened(workspace: Workspace, source: str) -> Opened:
    """Return the image of a source.

    Raises
    ------
    DataError
        If it is gone, has changed, or cannot be decoded.
    """
    from clew.read.images import read_image

    path = found_file(workspace, source)

    def make() -> Opened:
        image = read_image(path)
        step = max(1, max(image.pixels.shape[1:]) // SAMPLED)
        some = image.pixels[:, ::step, ::step].reshape(len(image.pixels), -1)
        levels = np.quantile(some.astype(np.float64), np.linspace(0, 1, 1001), axis=1).T
        shown = blended(image.pixels, image.channel_names, levels, gamma=SMALL_GAMMA)
        return Opened(image.pixels, image.channel_names, image.pixel_size, levels, shown)

    found: Opened = held(workspace).get(("image", str(path), stamp_of(path)), make)
    return found


def blended(
    pixels: np.ndarray,
    names: tuple[str, ...],
    levels: np.ndarray,
    *,
    low: float = USUAL[0],
    high: float = USUAL[1],
    gamma: float = 1.0,
) -> np.ndarray:
    """Return channels (C, Y, X) as uint8 (Y, X) of one, or (Y, X, 3) of several: red, green and blue as they are, others in colours.

    Parameters
    ----------
    pixels, names, levels
        As `Opened` has them, of the channels that are shown.
    low, high : float
        Percentiles of black and white, of each channel; of a colour picture, of all three together.
    gamma : float
        Above 1 lightens what is dark.
    """
    ends = np.stack([levels[:, round(low * 10)], levels[:, round(high * 10)]]).astype(np.float32)
    if names == COLOUR:
        ends = np.stack([ends[0].min(keepdims=True), ends[1].max(keepdims=True)]).repeat(3, axis=1)
    black, white = ends[:, :, None, None]
    share = np.clip((pixels - black) / np.where(white > black, white - black, 1), 0, 1)
    share = share if gamma == 1.0 else share ** np.float32(1 / gamma)
    if len(share) == 1:
        return np.rint(share[0] * 255).astype(np.uint8)
    inks = (
        np.eye(3)
        if names == COLOUR
        else np.array([_rgb(BRIGHT[i % len(BRIGHT)]) for i in range(len(share))]) / 255
    )
    mixed = np.einsum("cyx,ck->yxk", share, inks.astype(np.float32), optimize=True)
    return np.rint(np.minimum(mixed, 1) * 255).astype(np.uint8)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def label_image(workspace: Workspace, source: str) -> np.ndarray:
    """Return which object each pixel of a source belongs to, int32 (Y, X), as it was measured."""
    path = workspace.study.folder / "arrays" / f"{source}.labels.tif"
    check(path.is_file(), DataError, "The study must keep a label image of '{}'. Got none.", source[:80])

    def make() -> np.ndarray:
        import tifffile

        return np.ascontiguousarray(np.squeeze(tifffile.imread(path)), dtype=np.int32)

    found: np.ndarray = held(workspace).get(("labels", str(path), stamp_of(path)), make)
    return found


def piece(
    image: Opened, box: tuple[int, int, int, int], *, width: int, channels: list[int], **contrast: float
) -> np.ndarray:
    """Return a part of an image, at most ``width`` px wide: ``box`` is x0, y0, x1, y1 in pixels of the image.

    Of larger parts every n-th pixel is taken.
    """
    x0, y0, x1, y1 = box
    step = max(1, -(-max(x1 - x0, y1 - y0) // width))
    some = image.pixels[channels][:, y0:y1:step, x0:x1:step]
    names = tuple(image.channels[c] for c in channels)
    return blended(some, names, image.levels[channels], **contrast)


# ---- outlines ----
@dataclass(frozen=True, eq=False)
class Outlines:
    """The outlines of the objects of one image.

    Parameters
    ----------
    points : ndarray of float32, shape (n, 2)
        x, y in pixels of the image, 0 at the left and upper border of the first.
    starts : ndarray of uint32, shape (n_pieces + 1,)
        Where each closed outline begins in ``points``.
    labels : ndarray of int32, shape (n_pieces,)
        Whose it is.
    """

    points: np.ndarray
    starts: np.ndarray
    labels: np.ndarray


def outlines_of(workspace: Workspace, source: str) -> Outlines:
    """Return the outlines of all objects of a source, traced once."""

    def make() -> Outlines:
        found = [(label, _corners(line)) for label, line in outlines(label_image(workspace, source))]
        every = -(-sum(len(line) for _, line in found) // CORNERS) or 1
        lines = [line[::every] for _, line in found]
        points = np.concatenate(lines or [np.empty((0, 2))]) + 0.5
        starts = np.concatenate([[0], np.cumsum([len(line) for line in lines])])
        labels = np.array([label for label, _ in found], np.int32)
        return Outlines(points.astype(np.float32), starts.astype(np.uint32), labels)

    traced: Outlines = held(workspace).get(("outlines", source), make)
    return traced


def _corners(line: np.ndarray) -> np.ndarray:
    """Return a closed outline (n, 2) without its repeated end and what lies on a straight line between its neighbours."""
    line = line[:-1]
    before, behind = line - np.roll(line, 1, axis=0), np.roll(line, -1, axis=0) - line
    return line[np.abs(before[:, 0] * behind[:, 1] - before[:, 1] * behind[:, 0]) > 1e-9]
