"""Writing images tile by tile, from several threads: what all writers share, and TIFF, whole or not at all.

::

    with TiffWriter("classes.tif", shape=(1, 1, 1, 16384, 16384), dtype="uint8") as classes:
        for t, z, y, x in tiles:              # an int and three slices; in any order and thread
            classes.write(t, z, y, x, numbers)  # (1, Z, Y, X)

Leaving the block gives the file its name; after an exception there is none. `ZarrWriter` is used alike.
"""

from __future__ import annotations

import math
import os
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from clew.errors import ClewError, SettingError, WriteError, check
from clew.read.kinds import one_line, package
from clew.result import settle

Shape = tuple[int, int, int, int, int]
PixelSize = tuple[float | None, float | None, float | None]
LARGEST_IMAGEJ = 2**32 - 2**24  # bytes of pixels; offsets of a classic TIFF have 32 bits
IN_TIFF = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


@contextmanager
def disk_takes(path: Path) -> Iterator[None]:
    """Say in one sentence that the disk is full, or does not let us."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(f"The disk must take the image '{path}'. Got: {error.strerror or error}.") from error


class StackWriter(ABC):
    """An image that is being written: the checks of a tile, and an end that is either success or failure."""

    def __init__(self, path: str | Path, shape: Shape, dtype: Any):
        self.path, self.shape, self.dtype = Path(path), tuple(map(int, shape)), np.dtype(dtype)
        check(
            len(self.shape) == 5 and min(self.shape) > 0,
            SettingError,
            "The 'shape' of an image to write must be (T, C, Z, Y, X), each at least 1. Got {}.",
            shape,
        )
        check(
            self.dtype.kind in "uif",
            SettingError,
            "The 'dtype' of an image to write must be integers or real numbers. Got {}.",
            dtype,
        )

    def write(self, t: int, z: slice, y: slice, x: slice, block: np.ndarray) -> None:
        """Write one tile; from any thread, each pixel once.

        Parameters
        ----------
        t : int
        z, y, x : slice
            With start and stop inside the image.
        block : ndarray, shape (C, Z, Y, X)
            In the dtype of the image.

        Raises
        ------
        SettingError
            If the tile lies outside, does not fit the block, or was written before.
        WriteError
            If the disk is full or refuses.
        """
        slices = (z, y, x)
        inside = 0 <= t < self.shape[0] and all(
            s.step in (None, 1) and s.start is not None and s.stop is not None and 0 <= s.start < s.stop <= n
            for s, n in zip(slices, self.shape[2:])
        )
        check(
            inside,
            SettingError,
            "A tile of '{}' must lie inside {}. Got t {}, {}.",
            self.path,
            self.shape,
            t,
            slices,
        )
        wanted = (self.shape[1], *(s.stop - s.start for s in slices))
        check(
            block.shape == wanted and block.dtype == self.dtype,
            SettingError,
            "A tile of '{}' must be of {} and of shape {}. Got {} of shape {}.",
            self.path,
            self.dtype,
            wanted,
            block.dtype,
            block.shape,
        )
        try:
            self._write(t, z, y, x, block)
        except ClewError:
            raise
        except Exception as error:  # OSError from the disk, or zarr's own around it
            raise WriteError(
                f"The disk must take what is written to '{self.path}'. Got: {one_line(error)}."
            ) from error

    @abstractmethod
    def _write(self, t: int, z: slice, y: slice, x: slice, block: np.ndarray) -> None: ...

    @abstractmethod
    def finish(self) -> None:
        """End the image as a whole one.

        Raises
        ------
        SettingError
            If tiles are missing.
        WriteError
            If the disk is full or refuses.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Leave off before the image is whole."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.abandon()  # does nothing after a finish


class TiffWriter(StackWriter):
    """Write an image as one uncompressed TIFF that appears under its name when it is whole.

    An ImageJ hyperstack, or an OME-TIFF (BigTIFF) where ImageJ's format does not hold the dtype or the size. Tiles go
    straight to their place on disk, so that memory does not matter.

    Parameters
    ----------
    path : str or Path
        Replaced if there.
    shape : tuple of five int
        (T, C, Z, Y, X)
    dtype : numpy dtype
    channel_names : sequence of str
        One a channel, where there are several.
    pixel_size : tuple of three float or None
        Depth, height and width in µm.

    Raises
    ------
    WriteError
        If the file cannot be made.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        shape: Shape,
        dtype: Any,
        channel_names: Sequence[str] = (),
        pixel_size: PixelSize = (None, None, None),
    ):
        super().__init__(path, shape, dtype)
        check(
            self.dtype.name in IN_TIFF,
            SettingError,
            "The 'dtype' of a TIFF must be among {}. Got {}.",
            ", ".join(IN_TIFF),
            self.dtype,
        )
        self.partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self.missing = math.prod(self.shape)
        self.lock = threading.Lock()
        tifffile = package("tifffile")
        t, c, z, y, x = self.shape
        lengths = [(axis, n) for axis, n in zip("TZCYX", (t, z, c, y, x)) if n > 1 or axis in "YX"]
        imagej = (
            self.dtype in (np.uint8, np.uint16, np.float32)
            and self.missing * self.dtype.itemsize < LARGEST_IMAGEJ
        )
        describe = _imagej if imagej else _ome
        options = describe("".join(axis for axis, _ in lengths), channel_names, pixel_size, planes=t * z)
        try:
            with disk_takes(self.path):
                tifffile.imwrite(
                    self.partial,
                    shape=tuple(n for _, n in lengths),
                    dtype=self.dtype.newbyteorder("<"),
                    byteorder="<",
                    photometric="minisblack",
                    **options,
                )
                with tifffile.TiffFile(self.partial) as tiff:
                    self.start = tiff.series[0].dataoffset
                self.file = open(self.partial, "r+b", buffering=0)  # noqa: SIM115  (closed by finish or abandon)
        except BaseException:
            self.partial.unlink(missing_ok=True)
            raise

    def _write(self, t: int, z: slice, y: slice, x: slice, block: np.ndarray) -> None:
        n_z, height, width = self.shape[2:]
        rows = np.ascontiguousarray(
            block.swapaxes(0, 1), self.dtype.newbyteorder("<")
        )  # (Z, C, Y, X), as ImageJ has it
        whole_rows = x.stop - x.start == width
        for dz, c in np.ndindex(rows.shape[:2]):
            plane = (t * n_z + z.start + dz) * self.shape[1] + c
            first = self.start + ((plane * height + y.start) * width + x.start) * self.dtype.itemsize
            if whole_rows:
                self._put(first, rows[dz, c])
            else:
                for dy, row in enumerate(rows[dz, c]):
                    self._put(first + dy * width * self.dtype.itemsize, row)
        with self.lock:
            self.missing -= block.size

    def _put(self, place: int, pixels: np.ndarray) -> None:
        view = memoryview(pixels.tobytes())
        with self.lock:
            self.file.seek(place)
            while view:  # a disk that is nearly full takes a part, and refuses the next
                view = view[self.file.write(view) :]

    def finish(self) -> None:
        """End the image: give the file its name."""
        check(
            self.missing == 0,
            SettingError,
            "All pixels of '{}' must be written once. Got {} missing.",
            self.path,
            self.missing,
        )
        with disk_takes(self.path):
            os.fsync(self.file.fileno())
            self.file.close()
            settle(self.partial, self.path)

    def abandon(self) -> None:
        """Remove what was written, unless it was finished."""
        self.file.close()
        self.partial.unlink(missing_ok=True)


def _imagej(axes: str, channel_names: Sequence[str], pixel_size: PixelSize, *, planes: int) -> dict[str, Any]:
    """Return what tifffile writes into an ImageJ hyperstack."""
    dz, dy, dx = pixel_size
    metadata: dict[str, Any] = {"axes": axes}
    if dz or (dy and dx):
        metadata["unit"] = "um"
    if dz:
        metadata["spacing"] = dz
    if channel_names:
        metadata["Labels"] = list(channel_names) * planes
    return {"imagej": True, "metadata": metadata, "resolution": (1 / dx, 1 / dy) if dx and dy else None}


def _ome(axes: str, channel_names: Sequence[str], pixel_size: PixelSize, *, planes: int) -> dict[str, Any]:
    """Return what tifffile writes into an OME-TIFF."""
    metadata: dict[str, Any] = {"axes": axes}
    for axis, um in zip("ZYX", pixel_size):
        if um:
            metadata |= {f"PhysicalSize{axis}": um, f"PhysicalSize{axis}Unit": "µm"}
    if channel_names and "C" in axes:
        metadata["Channel"] = {"Name": list(channel_names)}
    metadata["UUID"] = str(
        uuid.uuid5(uuid.NAMESPACE_OID, repr(metadata))
    )  # tifffile's tells time and machine
    return {"ome": True, "bigtiff": True, "metadata": metadata}
