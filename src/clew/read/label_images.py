"""Label images of classes as files: TIFF, PNG and .npy; ours tell which image they belong to."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import has_suffix, one_line, package
from clew.read.tiff import whole_tiff

LABEL_IMAGES = (".tif", ".tiff", ".png", ".npy")
REMARK = "clew annotation: "  # before what a TIFF of ours tells about itself, in ImageJ's "Info"
LARGEST_TIFF = 2**32 - 2**20  # bytes; ImageJ reads no larger ones


def read_class_numbers(data: bytes, path: Path, notes: list[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the numbers in a label image, and what a file of ours tells about them.

    Returns
    -------
    labels : ndarray, shape (Y, X), (Z, Y, X) or (T, Z, Y, X)
        The numbers in the file's own dtype, unchecked.
    told : dict
        "image_sha256", "image_name", "image_shape" (T, Z, Y, X), "offset" and "class_names"; empty for others' files.

    Raises
    ------
    DataError
        If the file is corrupt, a picture in colour, has other axes, or was cropped since we wrote it.
    """
    if has_suffix(path, (".npy",)):
        return _read_npy(data, path), {}
    if has_suffix(path, (".png",)):
        return _read_png(data, path, notes), {}
    return _read_tiff(data, path)


def label_tiff(labels: np.ndarray, told: dict[str, Any]) -> bytes:
    """Return a TIFF of labels, uint8 of shape (T, Z, Y, X), as ImageJ writes it, with ``told`` in its "Info"."""
    axes = "".join(axis for axis, n in zip("TZYX", labels.shape) if n > 1 or axis in "YX")
    remark = REMARK + json.dumps({**told, "shape": labels.shape}, sort_keys=True)
    shown = {"min": 0.0, "max": float(labels.max())}  # or else 1 and 2 of 255 are black
    buffer = io.BytesIO()
    package("tifffile").imwrite(
        buffer,
        labels.reshape([n for axis, n in zip("TZYX", labels.shape) if axis in axes]),
        imagej=True,
        metadata={"axes": axes, "Info": remark, **shown},
    )
    return buffer.getvalue()


def size_text(shape: Sequence[int]) -> str:
    """Say (T, Z, Y, X) without leading ones: "60 x 60"."""
    shown = list(shape)
    while len(shown) > 2 and shown[0] == 1:
        shown.pop(0)
    return " x ".join(map(str, shown))


def _read_npy(data: bytes, path: Path) -> np.ndarray:
    try:
        return np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # NumPy raises whatever corrupt bytes lead it to
        raise DataError(
            f"The annotation '{path}' must be a whole .npy array. Got: {one_line(error)}."
        ) from error


def _read_png(data: bytes, path: Path, notes: list[str]) -> np.ndarray:
    """Return the gray values; of a picture with a palette, as label editors write them, the places in the palette."""
    pillow = package("PIL.Image")
    try:
        with pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.load()
            mode, pixels = picture.mode, np.asarray(picture)
    except Exception as error:  # a decoder raises whatever corrupt bytes lead it to
        raise DataError(f"The annotation '{path}' must be a whole PNG. Got: {one_line(error)}.") from error
    if mode == "P":
        notes.append(f"{path.name}: its classes are the places in its palette of colours.")
    return (
        pixels if pixels.ndim == 2 else _one_channel(pixels[..., : 3 if mode.startswith("RGB") else 1], path)
    )


def _one_channel(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Return one channel of several, the last axis, that are equal; refuse a picture in colour."""
    check(
        (pixels == pixels[..., :1]).all(),
        DataError,
        "The annotation '{}' must be one channel of class numbers (0 for unlabelled, 1, 2, ...). "
        "Got {} channels that differ: a picture in colour.",
        path,
        pixels.shape[-1],
    )
    return pixels[..., 0]


def _read_tiff(data: bytes, path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Return labels (T, Z, Y, X) or fewer axes, and what a file of ours tells."""
    with whole_tiff(path, data, what="annotation") as tiff:
        n = len(tiff.series)
        check(n == 1, DataError, "The annotation '{}' must hold one image. Got {}.", path, n)
        pixels, axes = tiff.series[0].asarray(maxworkers=1), tiff.series[0].axes
        remarks = str((tiff.imagej_metadata or {}).get("Info", "")) if tiff.is_imagej else ""
        told = _told_in(remarks)
    if told:
        size = tuple(told["shape"])
        check(
            _without_ones(pixels.shape) == _without_ones(size),
            DataError,
            "The annotation '{}' must have the {} pixels it was written with. Got {}: it was cropped or scaled since.",
            path,
            size_text(size),
            size_text(pixels.shape),
        )
        return pixels.reshape(size), told
    return _axes_in_order(pixels, axes, path), {}


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [n for n in shape if n > 1]


def _axes_in_order(pixels: np.ndarray, axes: str, path: Path) -> np.ndarray:
    """Return pixels as (T, Z, Y, X), (Z, Y, X) or (Y, X); an axis without a name is taken for Z, or else T."""
    if "S" in axes:
        pixels = _one_channel(np.moveaxis(pixels, axes.index("S"), -1), path)
        axes = axes.replace("S", "")
    keep = [i for i, axis in enumerate(axes) if pixels.shape[i] > 1 or axis in "YX"]
    pixels = pixels.reshape([pixels.shape[i] for i in keep])
    axes = "".join(axes[i] for i in keep)
    for unnamed in [axis for axis in axes if axis not in "TZCYX"]:
        axes = axes.replace(unnamed, next((axis for axis in "ZT" if axis not in axes), unnamed), 1)
    check(
        set(axes) <= set("TZYX") and {"Y", "X"} <= set(axes) and len(set(axes)) == len(axes),
        DataError,
        "The annotation '{}' must be one channel of class numbers with the axes T, Z, Y, X. Got {} {}.",
        path,
        axes,
        pixels.shape,
    )
    pixels = pixels.transpose([axes.index(axis) for axis in "TZYX" if axis in axes])
    return pixels[tuple(slice(None) if axis in axes else None for axis in "TZYX")]


def _told_in(remarks: str) -> dict[str, Any]:
    """Return what `write_annotation` noted; other programs may have added lines of their own."""
    line = next((line for line in remarks.splitlines() if line.startswith(REMARK)), None)
    if line is None:
        return {}
    told = json.loads(line.removeprefix(REMARK))
    names = {int(number): name for number, name in told["class_names"].items()}
    shape = told["image_shape"]
    return {**told, "class_names": names, "image_shape": tuple(shape) if shape else None}
