"""`Stack`: an image of up to five axes (time, channel, depth, row, column) that is read region by region.

A TIFF of 16,384 x 16,384 pixels, or an OME-Zarr of any size, is never in memory as a whole::

    stack = open_stack("plate.ome.tif")             # or Stack.of(array, axes="ZYX")
    block = stack.read(0, slice(0, 1), slice(0, 512), slice(0, 512))  # (C, Z, Y, X)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.read.images import COLOUR, label_images_of, name_channels, read_picture
from clew.read.kinds import IMAGES, absolute, has_suffix, is_zarr, read_bytes, some_of
from clew.read.pieces import Opened, Pieces
from clew.read.tiff import open_tiff
from clew.read.zarr_store import open_zarr
from clew.result import frozen_view

AXES = "TCZYX"
COMPARED_BYTES = 256 * 2**20  # red, green and blue of larger images are not compared with each other


class Source(Protocol):
    """What a stack reads from: the pieces of a file, or an array."""

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def region(self, slices: Sequence[slice]) -> np.ndarray:
        """Return what lies in one slice a stored axis."""

    def sha256(self) -> str:
        """Return the SHA-256 of the content as 64 hex digits."""


@dataclass(frozen=True, eq=False, repr=False)
class Stack:
    """An image with the axes T, C, Z, Y, X, each of length 1 where there is none; read region by region.

    Made by `open_stack` from a file and by `Stack.of` from an array.

    Parameters
    ----------
    name : str
        The file's name, without folder.
    path : Path or None
        Where it is read; None for an array.
    shape : tuple of five int
        (T, C, Z, Y, X)
    dtype : numpy dtype
        That of the pixels as stored: integers or floats of 8 to 64 bits.
    channel_names : tuple of str
        One name a channel; ("red", "green", "blue") for a colour picture, ("gray",) for a plain one.
    pixel_size : tuple of three float or None
        Depth, height and width of a pixel in µm, where known.
    notes : list of str
        What was dropped, collapsed, guessed or not understood, one sentence each.
    source : Source
        Where the pixels come from.
    """

    name: str
    path: Path | None
    shape: tuple[int, int, int, int, int]
    dtype: np.dtype
    channel_names: tuple[str, ...]
    pixel_size: tuple[float | None, float | None, float | None]
    notes: list[str] = field(default_factory=list)
    source: Source = field(kw_only=True)

    @property
    def axes(self) -> str:
        """Return the axes that are longer than 1, and Y and X: "CYX" for a picture of several channels."""
        return "".join(axis for axis, n in zip(AXES, self.shape) if n > 1 or axis in "YX")

    def __repr__(self) -> str:
        lengths = " x ".join(str(n) for axis, n in zip(AXES, self.shape) if axis in self.axes)
        return f"<Stack {self.name}: {self.axes} {lengths} of {self.dtype}>"

    def read(self, t: int, z: slice, y: slice, x: slice) -> np.ndarray:
        """Return a region of all channels at one time; several threads may read at once.

        Parameters
        ----------
        t : int
            From 0 to T - 1.
        z, y, x : slice
            Without step; as ever, slices end where the image ends.

        Returns
        -------
        ndarray, shape (C, Z, Y, X)
            The pixels in their own dtype; a read-only view where the stack was made of an array.

        Raises
        ------
        SettingError
            If ``t`` or the region lies outside, or a slice has a step.
        DataError
            If a pixel is infinite or not a number, or the region cannot be read (cut short, corrupt, changed).
        """
        steps = [s.step for s in (z, y, x) if s.step not in (None, 1)]
        check(not steps, SettingError, "The slices of a Stack must have no step. Got {}.", *steps or [1])
        check(
            0 <= t < self.shape[0],
            SettingError,
            "The 't' of {} must be from 0 to {}. Got {}.",
            self,
            self.shape[0] - 1,
            t,
        )
        ends = {axis: s.indices(n) for axis, s, n in zip("ZYX", (z, y, x), self.shape[2:])}
        empty = [axis for axis, (low, high, _) in ends.items() if high <= low]
        check(not empty, SettingError, "The region of {} must not be empty. Got {}, {}, {}.", self, z, y, x)
        wanted = {axis: slice(low, high) for axis, (low, high, _) in ends.items()}
        wanted |= {"T": slice(t, t + 1), "C": slice(0, self.shape[1])}
        block = self.source.region([wanted.get(axis, slice(0, 1)) for axis in self.source.axes])
        block = _in_order(block, self.source.axes)[0]
        self._check_finite(block, t, [wanted[axis].start for axis in "ZYX"])
        return block

    def _check_finite(self, block: np.ndarray, t: int, start: Sequence[int]) -> None:
        if block.dtype.kind != "f" or np.isfinite(block).all():
            return
        channel, *here = np.argwhere(~np.isfinite(block))[0]
        z, y, x = (int(a + b) for a, b in zip(here, start))
        raise DataError(
            f"The pixels of '{self.path or self.name}' must be finite numbers. Got {block[channel, *here]} at t {t}, "
            f"channel {channel} ({self.channel_names[channel]}), z {z}, y {y}, x {x}."
        )

    def sha256(self) -> str:
        """Return the SHA-256 of the file's bytes as 64 hex digits, read in little memory.

        Of a Zarr folder it is that of the files of the full resolution, of an array that of its pixels, dtype and shape.
        """
        return self.source.sha256()

    @staticmethod
    def of(
        array: np.ndarray,
        *,
        axes: str = "YX",
        name: str = "image",
        channel_names: Sequence[str] | None = None,
        pixel_size: tuple[float | None, ...] | None = None,
    ) -> Stack:
        """Make a stack of an array, which is not copied.

        Parameters
        ----------
        array : ndarray
            Integers, floats or booleans.
        axes : str
            One letter a dimension: T, C, Z, Y, X in any order; S for the samples of a colour picture is C.
        name : str
            What messages call it.
        channel_names : sequence of str, optional
            One a channel, all different.
        pixel_size : tuple of float or None, optional
            (depth, height, width), or (height, width), in µm.

        Raises
        ------
        SettingError
            If axes, names or pixel size do not fit the array.
        DataError
            If the array is empty, or holds anything but integers and real numbers.
        """
        array = np.asarray(array)
        letters = axes.upper().replace("S", "C")
        check(
            len(letters) == array.ndim
            and set(letters) <= set(AXES)
            and len(set(letters)) == len(letters)
            and {"Y", "X"} <= set(letters),
            SettingError,
            "The axes of '{}' must be among T, C, Z, Y, X, each once, one for each of its {} dimensions. Got '{}' instead.",
            name,
            array.ndim,
            axes,
        )
        source = _Array(array.astype(np.uint8) if array.dtype == bool else array, letters)
        n = array.shape[letters.index("C")] if "C" in letters else 1
        given = name_channels([], n) if channel_names is None else tuple(channel_names)
        check(
            len(given) == n and len(set(given)) == n,
            SettingError,
            "The channel names of '{}' must be {} different ones. Got {}.",
            name,
            n,
            ", ".join(given) or "none",
        )
        size = tuple(pixel_size or (None, None, None))
        size = (None, *size) if len(size) == 2 else size
        check(
            len(size) == 3 and all(um is None or (math.isfinite(um) and um > 0) for um in size),
            SettingError,
            "The pixel size of '{}' must be two or three lengths in µm above 0. Got {}.",
            name,
            pixel_size,
        )
        return _stack(name, None, source, given, (size[0], size[1], size[2]), [])


# ---- from files ----
def open_stack(path: str | Path, *, axes: str | None = None) -> Stack:
    """Open a TIFF, PNG, JPEG or OME-Zarr for reading region by region.

    Parameters
    ----------
    path : str or Path
        TIFF of 8 to 64 bits, integers or floats, with ImageJ, OME or no metadata, in strips or tiles, compressed or
        not; PNG or JPEG; OME-Zarr 0.4 or 0.5, of which the full resolution is read; a Zarr array if ``axes`` is given.
    axes : str, optional
        What the axes are where the file does not tell, or tells wrongly: one letter for each (T, C, Z, Y, X).

    Returns
    -------
    Stack
        Alpha is left out. Where red, green and blue are equal throughout they are one channel; images of more than
        256 MB are not compared, and stay three channels, which is noted.

    Raises
    ------
    SettingError
        If ``axes`` are given for a PNG or JPEG.
    DataError
        If the file is missing, empty, cut short or corrupt, has no pixels, unknown axes, several images, or pixels
        that are no real numbers. What only decoding brings to light is raised by `Stack.read`.

    Notes
    -----
    Pages of a TIFF of which nothing tells what they are, are read as planes in depth (Z), with a note.
    """
    path = Path(path)
    notes: list[str] = []
    if is_zarr(path):
        opened = open_zarr(path, axes=axes, notes=notes)
    elif has_suffix(path, (".tif", ".tiff")):
        _check_there(path)
        opened = open_tiff(path, axes=axes, notes=notes)
    else:
        check(
            has_suffix(path, IMAGES) or not path.exists(),
            DataError,
            "The file '{}' must be an image ({}, .zarr). Got the suffix '{}' instead.",
            path,
            ", ".join(IMAGES),
            path.suffix,
        )
        check(
            axes is None, SettingError, "The 'axes' of '{}' must not be given: a picture has its own.", path
        )
        opened = _open_picture(path, notes)
    pieces = opened.pieces
    n = math.prod(length for axis, length in zip(pieces.axes, pieces.shape) if axis == "C")
    names = name_channels(opened.channel_names, n)
    _check_pixels(pieces, path)
    pieces.piece((0,) * len(pieces.shape))  # what cannot be decoded is refused here, not an hour later
    return _stack(
        path.name, path, pieces, _used_channels(opened, names, path, notes), opened.pixel_size, notes
    )


def find_stacks(paths: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """Find the images among files and folders, OME-Zarr folders included.

    Parameters
    ----------
    paths : sequence of str or Path
        Images, and folders whose images are taken in alphabetical order; a label image that lies in a folder beside
        its image (``cells_labels.tif`` beside ``cells.tif``) is set aside, and so is what is no image.

    Returns
    -------
    images : list of Path
        Each once.
    notes : list of str
        What was left aside.

    Raises
    ------
    DataError
        If a path is missing or no image, or a folder holds none.
    """
    found: dict[Path, Path] = {}
    notes: list[str] = []
    for path in map(Path, paths):
        check(path.exists(), DataError, "The image '{}' must exist. Got a path where nothing is.", path)
        whole_folder = path.is_dir() and not is_zarr(path)
        inside = (
            sorted(file for file in path.iterdir() if not file.name.startswith("."))
            if whole_folder
            else [path]
        )
        images = [file for file in inside if is_zarr(file) or (file.is_file() and has_suffix(file, IMAGES))]
        masks = {mask for image in images for mask in label_images_of(image)} if whole_folder else set()
        chosen = [image for image in images if image not in masks]
        known = ", ".join([*IMAGES, ".zarr"])
        got = "a folder without" if whole_folder else f"the suffix '{path.suffix}'"
        check(
            chosen,
            DataError,
            "The path '{}' must be an image ({}) or a folder of images. Got {}.",
            path,
            known,
            got,
        )
        found.update({absolute(image): image for image in chosen})
        aside = [file.name for file in inside if file not in set(images)]
        for what, names in (
            ("no images", aside),
            ("label images of others", sorted(mask.name for mask in masks)),
        ):
            notes += (
                [f"Left aside in the folder '{path.name}', being {what}: {some_of(names)}."] if names else []
            )
    return list(found.values()), notes


def _check_there(path: Path) -> None:
    """Refuse a file that is missing, unreadable or empty without reading it."""
    try:
        with open(path, "rb") as file:
            first = file.read(1)
    except OSError as error:
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {error.strerror or error}."
        ) from error
    check(first, DataError, "The file '{}' must hold data. Got an empty file (0 bytes) instead.", path)


def _check_pixels(source: Source, of: str | Path) -> None:
    check(
        source.dtype.kind in "uif",
        DataError,
        "The pixels of '{}' must be integers or real numbers. Got {} instead.",
        of,
        source.dtype,
    )
    check(
        0 not in source.shape,
        DataError,
        "Every axis of '{}' must have a length. Got {} {}.",
        of,
        source.axes,
        source.shape,
    )


def _stack(
    name: str,
    path: Path | None,
    source: Source,
    names: tuple[str, ...],
    pixel_size: tuple[float | None, float | None, float | None],
    notes: list[str],
) -> Stack:
    _check_pixels(source, path or name)
    lengths = dict(zip(source.axes, source.shape)) | {"C": len(names)}
    t, c, z, y, x = (lengths.get(axis, 1) for axis in AXES)
    return Stack(name, path, (t, c, z, y, x), source.dtype, names, pixel_size, notes, source=source)


def _in_order(block: np.ndarray, axes: str) -> np.ndarray:
    """Return an array of the given axes as (T, C, Z, Y, X)."""
    block = block.squeeze(tuple(i for i, axis in enumerate(axes) if axis == "_"))
    there = [axis for axis in axes if axis != "_"]
    block = block.transpose([there.index(axis) for axis in AXES if axis in there])
    return np.expand_dims(block, [i for i, axis in enumerate(AXES) if axis not in there])


def _used_channels(opened: Opened, names: tuple[str, ...], path: Path, notes: list[str]) -> tuple[str, ...]:
    """Leave out an alpha channel, and green and blue that equal red, and say so."""
    pieces = opened.pieces
    if opened.has_alpha:
        notes.append(f"{path.name}: the alpha channel (opacity) is left out.")
        names = name_channels(names[:-1], len(names) - 1)
    if names != COLOUR:
        return names
    whole = [slice(0, 3) if axis == "C" else slice(0, n) for axis, n in zip(pieces.axes, pieces.shape)]
    middle = [
        slice(n // 2, n // 2 + 1) if axis in "TZYX" else s
        for axis, n, s in zip(pieces.axes, pieces.shape, whole)
    ]
    channel = pieces.axes.index("C")
    if not _equal_channels(pieces, middle, channel):  # nearly every colour picture is told by one piece
        return names
    if math.prod(pieces.shape) * pieces.dtype.itemsize > COMPARED_BYTES:
        notes.append(
            f"{path.name}: red, green and blue are equal in the middle, but the image is too large to compare them "
            "throughout; they are read as three channels."
        )
        return names
    if not _equal_channels(pieces, whole, channel):
        return names
    notes.append(f"{path.name}: red, green and blue are equal and are read as one channel.")
    return ("gray",)


def _equal_channels(pieces: Pieces, slices: Sequence[slice], channel: int) -> bool:
    """Tell whether all channels of a region are equal, piece by piece up to the first difference."""
    for index in pieces.grid([slice(0, 1) if i == channel else s for i, s in enumerate(slices)]):
        region = [
            slices[channel] if i == channel else slice(max(s.start, k * c), min(s.stop, (k + 1) * c))
            for i, (s, k, c) in enumerate(zip(slices, index, pieces.chunk))
        ]
        block = np.moveaxis(pieces.region(region), channel, 0)
        if not (block == block[:1]).all():
            return False
    return True


# ---- PNG and JPEG ----
class _Picture(Pieces):
    """A PNG or JPEG: one piece, decoded whole."""

    def __init__(self, path: Path, pixels: np.ndarray):
        super().__init__(path, "CYX", pixels.shape, pixels.shape, pixels.dtype)
        self.first: np.ndarray | None = (
            pixels  # given away at the first call, to be kept as long as other pieces are
        )

    def decode(self, index: tuple[int, ...]) -> np.ndarray:
        pixels, self.first = self.first, None
        pixels = read_picture(read_bytes(self.path), self.path, [])[0] if pixels is None else pixels
        check(
            pixels.shape == self.shape and pixels.dtype == self.dtype,
            DataError,
            "The file '{}' must stay as it is while it is read. Got one that was changed.",
            self.path,
        )
        return pixels


def _open_picture(path: Path, notes: list[str]) -> Opened:
    pixels, names = read_picture(read_bytes(path), path, notes)
    return Opened(_Picture(path, pixels), names, has_alpha=names[-1] == "alpha")


# ---- arrays ----
class _Array:
    """An array in memory."""

    def __init__(self, array: np.ndarray, axes: str):
        self.array, self.axes, self.shape = frozen_view(array), axes, array.shape
        self.dtype = array.dtype.newbyteorder("=")

    def region(self, slices: Sequence[slice]) -> np.ndarray:
        return self.array[tuple(slices)].astype(self.dtype, copy=False)

    def sha256(self) -> str:
        ordered = _in_order(self.array, self.axes)
        sha = hashlib.sha256(f"{self.dtype.newbyteorder('<').str} {ordered.shape}".encode())
        for where in np.ndindex(ordered.shape[:3]):
            sha.update(np.ascontiguousarray(ordered[where], self.dtype.newbyteorder("<")).data)
        return sha.hexdigest()
