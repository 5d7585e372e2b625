"""Images: TIFF (ImageJ and OME included), PNG and JPEG, and the label image that lies beside one."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import IMAGES, absolute, has_suffix, kind_of, one_line, package, read_bytes, some_of
from clew.read.tiff import (
    COLOUR,
    INVERTED,
    channels_of,
    check_codec,
    check_one_series,
    described_by,
    is_colour,
    is_inverted,
    pixel_size_of,
    whole_tiff,
)
from clew.result import frozen_view

LABEL_ENDINGS = ("_cp_masks", "_labels", "_label", "_masks", "_mask", "_seg")


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """An image as it was stored.

    Parameters
    ----------
    name : str
        The file's name, without folder.
    path : Path
        Where it was read.
    sha256 : str
        SHA-256 of the file's bytes, 64 hex digits.
    pixels : ndarray, shape (C, Y, X)
        The pixels in their own dtype; read-only.
    channel_names : tuple of str
        One name a channel; ("red", "green", "blue") for a colour picture, ("gray",) for a plain one.
    pixel_size : tuple of two floats, or None
        Height and width of a pixel in µm, where the file tells.
    notes : list of str
        What was dropped, collapsed or not understood, one sentence each.
    """

    name: str
    path: Path
    sha256: str
    pixels: np.ndarray
    channel_names: tuple[str, ...]
    pixel_size: tuple[float, float] | None
    notes: list[str]

    def __repr__(self) -> str:
        c, y, x = self.pixels.shape
        size = f", {self.pixel_size[0]:g} x {self.pixel_size[1]:g} µm" if self.pixel_size else ""
        return (
            f"<Image {self.name}: {c} channel{'s' * (c > 1)}, {y} x {x} pixels of {self.pixels.dtype}{size}>"
        )


# ---- one image ----
def read_image(path: str | Path) -> Image:
    """Read a TIFF, PNG or JPEG as channels of one plane.

    Parameters
    ----------
    path : str or Path
        The file. TIFF may have 8 to 64 bits, float, ImageJ or OME metadata, and the axes C, Y and X in any order.

    Raises
    ------
    DataError
        If the file is missing, empty, cut short or corrupt, has further axes (stacks and time series), several
        images, or pixels that are infinite or not a number.
    """
    path = Path(path)
    data = read_bytes(path)
    notes: list[str] = []
    if has_suffix(path, (".tif", ".tiff")):
        pixels, names, pixel_size = _read_tiff(data, path, notes)
    else:
        pixels, names, pixel_size = *read_picture(data, path, notes), None
    pixels, names = _without_idle_channels(pixels, names, path, notes)
    _check_finite(pixels, path)
    pixels = frozen_view(np.ascontiguousarray(pixels))
    return Image(path.name, path, hashlib.sha256(data).hexdigest(), pixels, names, pixel_size, notes)


def _check_finite(pixels: np.ndarray, path: Path) -> None:
    check(
        pixels.dtype.kind in "uif",
        DataError,
        "The pixels of '{}' must be integers or real numbers. Got {} instead.",
        path,
        pixels.dtype,
    )
    bad = np.argwhere(~np.isfinite(pixels)) if pixels.dtype.kind == "f" else np.empty((0, 3))
    if bad.size:
        channel, row, column = bad[0]
        raise DataError(
            f"The pixels of '{path}' must be finite numbers. Got {pixels[channel, row, column]} at channel {channel}, "
            f"row {row}, column {column} ({len(bad)} such pixel{'s' * (len(bad) > 1)})."
        )


def _without_idle_channels(
    pixels: np.ndarray, names: tuple[str, ...], path: Path, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Drop an alpha channel and make one channel of three equal ones, and say so."""
    if names[-1] == "alpha":
        varies = " though it varies" if np.ptp(pixels[-1]) else ""
        notes.append(f"{path.name}: the alpha channel (opacity) is left out{varies}.")
        pixels, names = pixels[:-1], names[:-1]
    if names == COLOUR and (pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all():
        notes.append(f"{path.name}: red, green and blue are equal and are read as one channel.")
        pixels, names = pixels[:1], ("gray",)
    return pixels, names


# ---- PNG and JPEG ----
def read_picture(data: bytes, path: Path, notes: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels of a PNG or JPEG as (C, Y, X), with the names of the channels."""
    # PNG keeps its bit depth and colour type in bytes 24 and 25; Pillow would cut 16-bit colour to 8 bits in silence.
    wide_colour = data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10" and data[25:26] in b"\2\4\6"
    check(
        not wide_colour,
        DataError,
        "The PNG '{}' must have 8-bit colour or one gray channel of up to 16 bits. Got 16-bit colour: save it as TIFF.",
        path,
    )
    pillow = package("PIL.Image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            with pillow.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
                picture.load()
                if picture.mode == "P":
                    notes.append(f"{path.name}: the colours are looked up in the file's palette.")
                    picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
                mode, pixels = picture.mode, np.asarray(picture)
    except Exception as error:  # a decoder raises whatever corrupt bytes lead it to
        raise DataError(f"The image '{path}' must be a whole PNG or JPEG. Got: {one_line(error)}.") from error
    kinds = {"L": ("gray",), "LA": ("gray", "alpha"), "RGB": COLOUR, "RGBA": (*COLOUR, "alpha")}
    names = kinds.get(mode, ("gray",) if pixels.ndim == 2 else None)
    check(
        names is not None, DataError, "The image '{}' must be gray, RGB or RGBA. Got {} instead.", path, mode
    )
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    return np.moveaxis(np.atleast_3d(pixels), -1, 0), names or ()


# ---- TIFF ----
def _read_tiff(
    data: bytes, path: Path, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...], tuple[float, float] | None]:
    with whole_tiff(path, data) as tiff:
        _check_one_plane(tiff, path)
        check_codec(tiff, path)
        series = tiff.series[0]
        pixels = series.asarray(maxworkers=1)
        described = described_by(tiff)
        pixels, names = _channels_first(pixels, series, channels_of(described, path, notes))
        notes += [f"{path.name}: {INVERTED}"] if is_inverted(series) else []
    return pixels, names, pixel_size_of(described, path, notes)


def _check_one_plane(tiff: Any, path: Path) -> None:
    """Refuse what is no single (C, Y, X) image."""
    check_one_series(tiff, path)
    series = tiff.series[0]
    axes = "".join(axis for axis, n in zip(series.axes, series.shape) if n > 1 or axis in "YX")
    check(
        set(axes) <= set("CSYX") and {"Y", "X"} <= set(axes) and len(axes) <= 3,
        DataError,
        "The image '{}' must have axes C, Y, X. Got {} {} instead; stacks and time series are read by 'clew pixels' "
        "(`open_stack`) alone, and channels must be marked as axis C in the file's metadata.",
        path,
        series.axes,
        series.shape,
    )


def _channels_first(
    pixels: np.ndarray, series: Any, described: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the pixels as (C, Y, X), with the names of the channels."""
    axes = list(series.axes)
    for axis in [a for a, n in zip(series.axes, series.shape) if n == 1 and a not in "YX"]:
        pixels = pixels.squeeze(axes.index(axis))
        axes.remove(axis)
    channel = next((axis for axis in axes if axis in "CS"), None)
    pixels = pixels.transpose([axes.index(axis) for axis in (channel, "Y", "X") if axis])
    pixels = pixels if channel else pixels[None]
    pixels = pixels.astype(np.uint8) if pixels.dtype == bool else pixels
    n = len(pixels)
    if channel == "S" and is_colour(series) and n in (3, 4):
        return pixels, (*COLOUR, "alpha")[:n]
    return pixels, name_channels(described, n)


def name_channels(given: Sequence[str], n: int) -> tuple[str, ...]:
    """Return the names of n channels: "gray" for one, those given where they tell all apart, or else c1, c2, ..."""
    if n == 1:
        return ("gray",)
    names = tuple(name.strip() for name in given)
    usable = len(names) == n and all(names) and len(set(names)) == n
    return names if usable else tuple(f"c{i + 1}" for i in range(n))


# ---- label images ----
def read_label_image(path: str | Path, *, shape: tuple[int, int]) -> np.ndarray:
    """Read which object each pixel belongs to: 0 for none, else the object's number.

    Parameters
    ----------
    path : str or Path
        A TIFF or PNG of one channel; whole numbers, of whatever dtype.
    shape : tuple of int
        (Y, X) of the image it belongs to.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        The numbers as they stand. A mask (0 and one other value) is left for `measure_objects` to cut into pieces.

    Raises
    ------
    DataError
        If it has another shape, several channels, or numbers that are negative, fractional or beyond int32.
    """
    path = Path(path)
    check(
        not has_suffix(path, (".jpg", ".jpeg")),
        DataError,
        "The label image '{}' must be a TIFF or PNG. Got a JPEG, whose compression changes the numbers.",
        path,
    )
    image = read_image(path)
    what = f"The label image '{path}' must"
    check(len(image.pixels) == 1, DataError, "{} have one channel. Got {}.", what, len(image.pixels))
    labels = image.pixels[0]
    check(
        labels.shape == tuple(shape),
        DataError,
        "{} have the shape of its image, {} x {} pixels. Got {} x {} instead.",
        what,
        *shape,
        *labels.shape,
    )
    wrong = (labels < 0) | (labels > np.iinfo(np.int32).max) | (labels != np.floor(labels))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"{what} hold whole numbers from 0 to {np.iinfo(np.int32).max}. "
            f"Got {labels[row, column]} at row {row}, column {column} instead."
        )
    return labels.astype(np.int32)


def find_images(
    paths: Sequence[str | Path], *, masks: Sequence[str | Path] = ()
) -> tuple[list[tuple[Path, Path | None]], list[str]]:
    """Find the images among files and folders, and the label image of each.

    A label image lies beside its image and is named like it: ``cells.tif`` (or ``cells_image.tif``) with
    ``cells_labels.tif``; the endings are those of `LABEL_ENDINGS`.

    Parameters
    ----------
    paths : sequence of str or Path
        Images, and folders whose images are taken in alphabetical order.
    masks : sequence of str or Path
        Label images, or folders of them, one an image: paired by name where names tell, or else in order.

    Returns
    -------
    pairs : list of (Path, Path or None)
        Each image with its label image.
    notes : list of str
        What was paired, and what was left aside.

    Raises
    ------
    DataError
        If a path is missing or of another kind, images and label images are not one to one, or a file is both.
    """
    notes: list[str] = []
    given, listed = _listed(masks, notes), _listed(paths, notes)
    aside = {absolute(mask) for mask in given}
    files = [file for file in listed if absolute(file) not in aside]
    named = {Path(path).resolve() for path in paths}
    both = [Path(mask) for mask in masks if Path(mask).resolve() in named] or (listed if not files else [])
    check(
        not both,
        DataError,
        "The label images (--masks) must be other files than the images. Got '{}' as both.",
        *both[:1],
    )
    beside = {file: label_images_of(file) for file in files}
    taken = {mask for found in beside.values() for mask in found}
    images = [file for file in files if file not in taken]
    check(images, DataError, "The paths must name at least one image. Got {}.", _names(paths) or "none")
    odd = [image for image in images if _stem(image).endswith(LABEL_ENDINGS)]
    if odd:
        notes.append(f"Named like label images, but read as images, none lying beside them: {_names(odd)}.")
    if given:
        return _paired(images, given, notes), notes
    for image in images:
        check(
            len(beside[image]) <= 1,
            DataError,
            "The image '{}' must have one label image beside it. Got {}: choose by --masks.",
            image,
            _names(beside[image]),
        )
    _check_shared({image: beside[image][0] for image in images if beside[image]})
    pairs = [(image, beside[image][0] if beside[image] else None) for image in images]
    n = sum(mask is not None for _, mask in pairs)
    if n:
        of = f"{n} of {len(pairs)} images {'has' if n == 1 else 'have'}"
        notes.append(f"{of} a label image beside {'it' if n == 1 else 'them'}, which is used.")
    return pairs, notes


def _names(paths: Sequence[str | Path]) -> str:
    return some_of([Path(path).name for path in paths])


def _listed(paths: Sequence[str | Path], notes: list[str]) -> list[Path]:
    """Return the images that files and folders stand for, each once; what else lies in a folder is noted."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        check(
            kind_of(path) == "image",
            DataError,
            "The path '{}' must be an image, or a folder of images. Got a table.",
            path,
        )
        inside = sorted(f for f in path.iterdir() if not f.name.startswith(".")) if path.is_dir() else [path]
        images = [file for file in inside if has_suffix(file, IMAGES)]
        found.update(dict.fromkeys(images))
        aside = [file for file in inside if file not in set(images)]
        if aside:
            notes.append(f"Left aside in the folder '{path.name}', being no images: {_names(aside)}.")
    return list(found)


def _stem(path: Path) -> str:
    """Return the file's name without suffix: "cells" for "cells.ome.tif"."""
    return path.stem.removesuffix(".ome")


def label_images_of(image: Path) -> list[Path]:
    """Return the files beside an image that are named as its label images."""
    stems = {_stem(image), _stem(image).removesuffix("_image")}
    endings = [suffix for suffix in IMAGES if suffix not in (".jpg", ".jpeg")]
    candidates = (
        image.with_name(f"{stem}{ending}{suffix}")
        for stem in sorted(stems)
        for ending in LABEL_ENDINGS
        for suffix in endings
    )
    return [file for file in candidates if file.exists()]


def _key(path: Path) -> str:
    """Return what an image and its label image have in common in their names."""
    stem = _stem(path).removesuffix("_image")
    return next((stem.removesuffix(e) for e in LABEL_ENDINGS if stem.endswith(e)), stem)


def _check_shared(label_image_of: dict[Path, Path]) -> None:
    """Refuse two images, such as cells.tif and cells.png, that have one label image beside them."""
    image_of: dict[Path, Path] = {}
    for image, mask in label_image_of.items():
        check(
            image_of.setdefault(mask, image) == image,
            DataError,
            "The label image '{}' must belong to one image. Got '{}' and '{}': choose by --masks.",
            mask,
            image_of[mask].name,
            image.name,
        )


def _paired(images: list[Path], masks: list[Path], notes: list[str]) -> list[tuple[Path, Path | None]]:
    """Pair each image with the one mask of its name; in order where names are none or not unique, but not against them."""
    image_keys, mask_keys = [_key(image) for image in images], [_key(mask) for mask in masks]
    known, wanted = set(mask_keys), set(image_keys)
    twice = _repeated(image_keys) or _repeated(mask_keys)
    lacking = [image.name for image, key in zip(images, image_keys) if key not in known]
    paired = f"{len(images)} images are paired with their label images"
    paired = "1 image is paired with its label image" if len(images) == 1 else paired
    if not twice and not lacking:
        left = [mask for mask, key in zip(masks, mask_keys) if key not in wanted]
        check(
            not left,
            DataError,
            "The masks must be one for each image ({}). Got {} left over: {}.",
            len(images),
            len(left),
            _names(left),
        )
        by_key = dict(zip(mask_keys, masks))
        notes.append(f"{paired} by name.")
        return [(image, by_key[key]) for image, key in zip(images, image_keys)]
    why = f"none of them for '{lacking[0]}'" if lacking else f"and the name '{twice}' more than once"
    check(
        len(images) == len(masks),
        DataError,
        "The masks must be named like the images, each name once, or be as many ({}). Got {} mask{}, {}.",
        len(images),
        len(masks),
        "s" * (len(masks) > 1),
        why,
    )
    for image, mask, mine, its in zip(images, masks, image_keys, mask_keys):
        check(
            mine == its or its not in wanted,
            DataError,
            "The masks must be named like the images, each name once, or lie in their order. "
            "Got '{}' in the place of the mask of '{}', {}.",
            mask.name,
            image.name,
            why,
        )
    because = f"the name '{twice}' is not unique" if twice else "names do not fit"
    notes.append(f"{paired} in order, since {because}.")
    return list(zip(images, masks))


def _repeated(names: list[str]) -> str:
    """Return the first name that comes more than once, or ""."""
    return next((name for name, n in Counter(names).items() if n > 1), "")
