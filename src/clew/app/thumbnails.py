"""Small pictures of rows: objects cut out of their image, windows with their spectrogram, rows of tables as ranks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.pictures import BOX, opened
from clew.errors import ClewError
from clew.plot.measure import common_side, crop

if TYPE_CHECKING:
    from clew.app.workspace import Workspace

DARK, LIGHT, GREY = (16, 17, 20), (233, 231, 226), (74, 78, 86)
MOST_BARS = 24  # values in the picture of a row of a table


def thumbnail_of(workspace: Workspace, row: int, *, height: int, width: int) -> np.ndarray:
    """Return a small picture of an open row, uint8 (height, width) or (height, width, 3).

    An object is cut out of its image, a window shows its trace above its spectrogram, a row of a table its values as
    ranks; where the source cannot be read, a hatched tile has its name.
    """
    samples = workspace.samples
    kind = workspace.kept.get("kind") or workspace.kept.setdefault("kind", workspace.study.facts()["kind"])
    origin = samples.origin.iloc[row]
    try:
        if kind == "signal":
            from clew.app.traces import window_picture

            return window_picture(workspace, row, height=height, width=width)
        if kind == "image" and set(BOX) <= set(samples.origin):
            return _object(workspace, origin, height=height, width=width)
    except ClewError:
        return hatched(str(origin["source"]), height=height, width=width)
    return bars(ranks(samples.features[:, :MOST_BARS], row), height=height, width=width)


def _object(workspace: Workspace, origin: Any, *, height: int, width: int) -> np.ndarray:
    from PIL import Image

    source = str(origin["source"])
    image = opened(workspace, source)
    side = workspace.kept.get("side")
    if side is None:
        boxes = workspace.samples.origin[list(BOX)].to_numpy(dtype=float)
        side = workspace.kept["side"] = common_side(boxes)
    box: Any = tuple(float(origin[name]) for name in BOX)
    cut = crop(image.shown, image.shown.shape[:2], box, side=side)
    if height == width:
        return np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.BICUBIC))
    inner = min(height, width)
    framed = np.zeros((height, width, *cut.shape[2:]), np.uint8)
    top, left = (height - inner) // 2, (width - inner) // 2
    framed[top : top + inner, left : left + inner] = Image.fromarray(cut).resize(
        (inner, inner), Image.Resampling.BICUBIC
    )
    return framed


def ranks(features: np.ndarray, row: int) -> np.ndarray:
    """Return for each column of (n_rows, n) which share of the rows lies below the value of a row; ties count half."""
    own = features[row]
    return (0.5 * (features < own).mean(axis=0) + 0.5 * (features <= own).mean(axis=0)).astype(np.float64)


def bars(shares: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """Return shares (n,) from 0 to 1 as a picture, uint8 (height, width, 3): a bar each, up or down from the middle."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = DARK
    middle = height // 2
    picture[middle] = GREY
    left, wide = (0, width) if not len(shares) else (width * 0.08, width * 0.84 / len(shares))
    for i, share in enumerate(shares):
        x0, x1 = (
            round(left + (i + 0.12) * wide),
            max(round(left + (i + 0.88) * wide), round(left + (i + 0.12) * wide) + 1),
        )
        y = round((1 - share) * (height - 1))
        picture[min(y, middle) : max(y, middle) + 1, x0:x1] = LIGHT
    return picture


def hatched(name: str, *, height: int, width: int) -> np.ndarray:
    """Return a tile of hatching with a file's name in it, uint8 (height, width, 3): what stands there cannot be read."""
    from PIL import Image, ImageDraw

    y, x = np.mgrid[:height, :width]
    tile = np.empty((height, width, 3), np.uint8)
    tile[:] = np.where(((x + y) % 8 < 2)[..., None], GREY, DARK)
    picture = Image.fromarray(tile)
    pen = ImageDraw.Draw(picture)
    fits = max(4, int(width // 6.2))
    said = name if len(name) <= fits else f"{name[: fits - fits // 2 - 1]}…{name[-(fits // 2) :]}"
    pen.rectangle((0, 0, width, 14), fill=DARK)  # above: the marker of the group stands below
    pen.text((3, 1), said, fill=LIGHT)
    return np.asarray(picture)


def png(pixels: np.ndarray) -> bytes:
    """Return uint8 (y, x) or (y, x, 3) as a PNG file, packed for speed."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
