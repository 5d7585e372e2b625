"""TIFF: what its metadata tell, whether it is whole, and its planes read strip by strip or tile by tile."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from clew.errors import ClewError, DataError, check
from clew.read.kinds import IMAGES, has_suffix, one_line, package
from clew.read.pieces import RECENT_BYTES, Opened, Pieces

COLOUR = ("red", "green", "blue")
LONGEST_CHANNEL_NAME = 24  # ImageJ keeps a line or more of remarks where the name of a slice may stand
UM_PER_UNIT = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "\\u00b5m"), 1.0),
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("m", "meter"), 1e6),
    "inch": 25_400.0,
}
NEEDS_CODEC = (
    "The TIFF '{}' is compressed as {}, which needs the package 'imagecodecs': pip install imagecodecs."
)
INVERTED = "is stored with 0 as white; the values are taken as stored."
NO_LENGTH = ("pixel", "pixels", "px", "")
UNMARKED = "IQ"  # how tifffile calls pages of which no metadata tell what they are
ROWS_BYTES = 2**20  # of an uncompressed plane that are read at once


# ---- is it whole? ----
@contextlib.contextmanager
def complaints_of_tifffile() -> Iterator[list[str]]:
    """Collect the errors that tifffile logs in this thread, and keep all it logs off the screen."""
    logger, thread, complaints = logging.getLogger("tifffile"), threading.get_ident(), []

    def collect(record: logging.LogRecord) -> bool:
        if record.thread == thread and record.levelno >= logging.ERROR:
            complaints.append(record.getMessage())
        return record.thread != thread

    logger.addFilter(collect)
    try:
        yield complaints
    finally:
        logger.removeFilter(collect)


@contextlib.contextmanager
def whole_tiff(path: Path, data: bytes | None = None, *, what: str = "image") -> Iterator[Any]:
    """Open a TIFF (or its bytes) with tifffile, and refuse it where it is not whole, be it while it is looked at.

    Raises
    ------
    DataError
        If pages are missing, tifffile complains, or raises whatever corrupt bytes lead it to.
    """
    tifffile = package("tifffile")
    try:
        with (
            complaints_of_tifffile() as complaints,
            tifffile.TiffFile(path if data is None else io.BytesIO(data)) as tiff,
        ):
            check_all_pages(tiff, path)
            yield tiff
            check(
                not complaints,
                DataError,
                "The TIFF '{}' must be whole. Got: {}.",
                path,
                *complaints[:1] or [""],
            )
    except ClewError:
        raise
    except Exception as error:  # a decoder raises whatever corrupt bytes lead it to
        raise DataError(f"The {what} '{path}' must be a whole TIFF. Got: {one_line(error)}.") from error


def check_all_pages(tiff: Any, path: Path) -> None:
    """Refuse a file whose last page leads on to one that is not there: its planes would be missing in silence."""
    pages, layout, file = len(tiff.pages), tiff.tiff, tiff.filehandle
    file.seek(tiff.pages.next_page_offset or 0)
    (following,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    check(
        not following,
        DataError,
        "The TIFF '{}' must be whole. Got {} bytes, and after {} pages one more at byte {}.",
        path,
        file.size,
        pages,
        following,
    )


def check_one_series(tiff: Any, path: Path) -> None:
    """Refuse a file of several images."""
    shapes = [f"{series.axes} {series.shape}" for series in tiff.series]
    check(
        len(shapes) == 1,
        DataError,
        "The TIFF '{}' must hold one image. Got {}: {}.",
        path,
        len(shapes),
        ", ".join(shapes[:4]),
    )


def check_codec(tiff: Any, path: Path) -> None:
    """Refuse a compression that needs a package which is not there."""
    page = tiff.series[0].keyframe
    known = page.compression == 1 or page.compression in package("tifffile").TIFF.DECOMPRESSORS
    check(known, DataError, NEEDS_CODEC, path, getattr(page.compression, "name", page.compression))


# ---- what the metadata tell ----
def described_by(tiff: Any) -> dict[str, Any]:
    """Return what OME or ImageJ metadata tell.

    "by", "channels" (names), "size" (dy, dx) and its "unit", "depth" (dz) and its "depth_unit".
    """
    if tiff.is_ome:
        pixels = next(
            e for e in ElementTree.fromstring(tiff.ome_metadata).iter() if e.tag.endswith("}Pixels")
        )
        sizes = [pixels.get(f"PhysicalSize{axis}") for axis in "YX"]
        units = {pixels.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX"}
        depth = pixels.get("PhysicalSizeZ")
        return {
            "by": "OME",
            "channels": [e.get("Name", "") for e in pixels if e.tag.endswith("}Channel")],
            "size": None if None in sizes else [float(size) for size in sizes if size],
            "unit": units.pop() if len(units) == 1 else " and ".join(sorted(units)),
            "depth": float(depth) if depth else None,
            "depth_unit": pixels.get("PhysicalSizeZUnit", "µm"),
        }
    if tiff.is_imagej:
        tags, known = tiff.pages[0].tags, tiff.imagej_metadata or {}
        resolutions = [tags[key].value for key in ("YResolution", "XResolution") if key in tags]
        sized = len(resolutions) == 2 and all(numerator for numerator, _ in resolutions)
        unit = str(known.get("unit", "pixel"))
        return {
            "by": "ImageJ",
            "channels": [str(label) for label in known.get("Labels", [])],
            "size": [denominator / numerator for numerator, denominator in resolutions] if sized else None,
            "unit": unit,
            "depth": abs(float(known["spacing"])) if "spacing" in known else None,
            "depth_unit": unit,
        }
    return {}


def is_colour(series: Any) -> bool:
    """Tell whether the samples of a pixel are red, green and blue (and opacity); JPEG is decoded to these."""
    page = series.keyframe
    stored = getattr(page.photometric, "name", ""), getattr(page.compression, "name", "")
    return "S" in series.axes and (stored[0] == "RGB" or stored == ("YCBCR", "JPEG"))


def is_inverted(series: Any) -> bool:
    """Tell whether 0 is white."""
    return bool(getattr(series.keyframe.photometric, "name", "") == "MINISWHITE")


def pixel_size_of(described: dict[str, Any], path: Path, notes: list[str]) -> tuple[float, float] | None:
    """Return height and width of a pixel in µm, where `described_by` found them."""
    size, unit = described.get("size"), described.get("unit", "")
    if not size or unit.casefold() in NO_LENGTH:
        return None
    um = UM_PER_UNIT.get(unit.casefold())
    if um is None or min(size) <= 0:
        notes.append(f"{path.name}: the pixel size {size} in '{unit}' is no length; sizes are in px.")
        return None
    return size[0] * um, size[1] * um


def depth_of(described: dict[str, Any], path: Path, notes: list[str]) -> float | None:
    """Return the distance of two planes in µm, where `described_by` found it."""
    depth, unit = described.get("depth"), described.get("depth_unit", "")
    if depth is None or unit.casefold() in NO_LENGTH:
        return None
    um = UM_PER_UNIT.get(unit.casefold())
    if um is None or depth <= 0:
        notes.append(f"{path.name}: the distance of planes {depth} in '{unit}' is no length; it is in px.")
        return None
    return depth * um


def channels_of(described: dict[str, Any], path: Path, notes: list[str]) -> list[str]:
    """Return the names that the file gives its channels; none where ImageJ's slices are called after files."""
    names: list[str] = described.get("channels", [])
    passing = [
        name for name in names if has_suffix(Path(name.strip()), IMAGES) or len(name) > LONGEST_CHANNEL_NAME
    ]
    if described.get("by") != "ImageJ" or len(names) < 2 or not passing:
        return names
    called = ", ".join(f"c{i + 1}" for i in range(len(names)))
    notes.append(
        f"{path.name}: the channels are called {called}; their names in the file are those of files, or remarks."
    )
    return []


# ---- planes, piece by piece ----
def open_tiff(path: Path, *, axes: str | None, notes: list[str]) -> Opened:
    """Open a TIFF for reading piece by piece: its index is read, and no pixels.

    Parameters
    ----------
    path : Path
    axes : str or None
        What the axes are, where the file does not tell: one letter for each that tifffile finds.
    notes : list of str
        What was taken for something without being told is added here.

    Raises
    ------
    DataError
        If the file is not whole, holds several images, planes that lie in other files, or unknown axes.
    """
    with whole_tiff(path) as tiff:
        check_one_series(tiff, path)
        check_codec(tiff, path)
        series = tiff.series[0]
        pieces = TiffPieces(path, tiff, _marked_axes(series, axes, path, notes))
        described = described_by(tiff)
        n_channels = math.prod(n for axis, n in zip(pieces.axes, pieces.shape) if axis == "C")
        colour = is_colour(series) and n_channels in (3, 4)
        notes += [f"{path.name}: {INVERTED}"] if is_inverted(series) else []
        size = (
            depth_of(described, path, notes),
            *(pixel_size_of(described, path, notes) or (None, None)),
        )
    largest = math.prod(pieces.chunk) * pieces.dtype.itemsize
    if largest > RECENT_BYTES:
        notes.append(
            f"{path.name}: is compressed in pieces of {largest / 2**20:.0f} MB, each of which is held in memory "
            "whole; saved in tiles it would be read in less."
        )
    names = (
        (*COLOUR, "alpha")[:n_channels] if colour else _channels_of_stack(described, n_channels, path, notes)
    )
    return Opened(pieces, tuple(names), size, has_alpha=colour and n_channels == 4)


def _channels_of_stack(
    described: dict[str, Any], n_channels: int, path: Path, notes: list[str]
) -> Sequence[str]:
    """Return the names of the channels: ImageJ has one for each plane, of a stack the same again and again."""
    labels = described.get("channels", [])
    names = labels[:n_channels]
    told = len(labels) >= n_channels and labels == names * (len(labels) // n_channels)
    return channels_of({**described, "channels": names}, path, notes) if told else ()


def _marked_axes(series: Any, given: str | None, path: Path, notes: list[str]) -> str:
    """Return T, C, Z, Y, X or "_" for each axis that tifffile finds; samples of a pixel are channels."""
    found = "".join(
        "_" if n == 1 and axis not in "YX" else axis for axis, n in zip(series.axes, series.shape)
    )
    marked = found if given is None else given.upper()
    check(
        len(marked) == len(found) and all(a == b for a, b in zip(found, marked) if a in "YX"),
        DataError,
        "The axes of '{}' must be one letter for each of {} {}, with Y and X where they are. Got '{}' instead.",
        path,
        series.axes,
        series.shape,
        given,
    )
    unmarked = [axis for axis in marked if axis in UNMARKED]
    if len(unmarked) == 1 and "Z" not in marked:
        n = series.shape[marked.index(unmarked[0])]
        notes.append(
            f"{path.name}: nothing tells what its {n} pages are; they are read as planes in depth (Z). "
            f"Say axes='{marked.replace(unmarked[0], 'T')}' (--axes {marked.replace(unmarked[0], 'T')}) or "
            f"'{marked.replace(unmarked[0], 'C')}' if they are times or channels."
        )
        marked = marked.replace(unmarked[0], "Z")
    marked = "".join(
        "_" if n == 1 and a not in "YX" else a for a, n in zip(marked.replace("S", "C"), series.shape)
    )
    letters = marked.replace("_", "")
    check(
        set(letters) <= set("TCZYX") and {"Y", "X"} <= set(letters) and len(set(letters)) == len(letters),
        DataError,
        "The axes of '{}' must be among T, C, Z, Y, X, each once. Got {} {}: say what they are (axes='...').",
        path,
        series.axes,
        series.shape,
    )
    return marked


class TiffPieces(Pieces):
    """The strips or tiles of a TIFF's planes; an uncompressed plane is read some rows at a time.

    The axes are those along which the pages lie, then samples, depth, rows and columns of one page. The file is
    opened for each piece, so that any number of images can be open and threads need not wait for each other.
    """

    def __init__(self, path: Path, tiff: Any, axes: str):
        series = tiff.series[0]
        page = series.keyframe
        check(page.dtype is not None, DataError, "The pixels of '{}' must be numbers of 1 to 64 bits.", path)
        check(
            page.size and series.size,
            DataError,
            "The image '{}' must have pixels. Got shape {}.",
            path,
            series.shape,
        )
        n_lead = next(k for k in range(series.ndim) if math.prod(series.shape[:k]) * page.size == series.size)
        self.lead = tuple(series.shape[:n_lead])
        separate, depth, height, width, together = page.shaped
        sample_axis, depth_axis = _axes_in_page(page, axes[n_lead:], series.shape[n_lead:], path)
        self.starts, self.counts, in_rows = _segments(tiff, series, math.prod(self.lead), path)
        if in_rows:
            rows = min(height, max(1, ROWS_BYTES // (width * together * page.dtype.itemsize)))
            piece, self.unpack = (1, rows, width), None
        else:
            piece = (
                (page.tiledepth, page.tilelength, page.tilewidth)
                if page.is_tiled
                else (1, page.rowsperstrip, width)
            )
            piece, self.unpack = tuple(map(min, piece, (depth, height, width))), page.decode
        super().__init__(
            path,
            axes[:n_lead] + sample_axis + depth_axis + "YX",
            (*self.lead, separate * together, depth, height, width),
            (1,) * n_lead + (together, *piece),
            page.dtype,
        )
        self.stored_dtype, self.jpegtables = page.dtype.newbyteorder(tiff.byteorder), page.jpegtables
        self.compression = getattr(page.compression, "name", page.compression)
        self.stamp = _stamp(tiff.filehandle.fileno())

    def decode(self, index: tuple[int, ...]) -> np.ndarray:
        """Return the samples, depth, rows and columns of one strip, tile or group of rows."""
        n_lead = len(self.lead)
        page = int(np.ravel_multi_index(index[:n_lead], self.lead)) if n_lead else 0
        grid = tuple(-(-n // c) for n, c in zip(self.shape[n_lead:], self.chunk[n_lead:]))
        if self.unpack is None:
            sample, depth, group, _ = index[n_lead:]
            together, _, rows, width = self.chunk[n_lead:]
            n_depth, height = self.shape[n_lead + 1 : n_lead + 3]
            n_rows = min(rows, height - group * rows)
            row_bytes = width * together * self.stored_dtype.itemsize
            start = self.starts[page][0] + ((sample * n_depth + depth) * height + group * rows) * row_bytes
            pixels = np.frombuffer(self._bytes(start, n_rows * row_bytes), self.stored_dtype)
            pixels = pixels.reshape(1, n_rows, width, together)
        else:
            segment = int(np.ravel_multi_index(index[n_lead:], grid))
            count = self.counts[page][segment]
            data = self._bytes(self.starts[page][segment], count) if count else None
            try:
                pixels, _, shape = self.unpack(data, segment, jpegtables=self.jpegtables)
            except ImportError as error:
                raise DataError(NEEDS_CODEC.format(self.path, self.compression)) from error
            if pixels is None:  # sparse files leave out zeros
                pixels = np.zeros(shape, self.dtype)
        return np.moveaxis(pixels, -1, 0).reshape((1,) * n_lead + (pixels.shape[-1], *pixels.shape[:-1]))

    def _bytes(self, start: int, count: int) -> bytes:
        with open(self.path, "rb") as file:
            check(
                _stamp(file.fileno()) == self.stamp,
                DataError,
                "The file '{}' must stay as it is while it is read. Got one that was changed.",
                self.path,
            )
            file.seek(start)
            return file.read(count)


def _axes_in_page(page: Any, axes: str, shape: tuple[int, ...], path: Path) -> tuple[str, str]:
    """Return the axes along which samples and depth of one page lie, "_" where there is one; samples need not be colours.

    A stack of three planes may be written as one page of three samples, and its metadata say that they are Z.
    """
    separate, *_, together = page.shaped
    parts = zip(("samples", "depth", "Y", "X", "samples"), page.shaped)
    stored = [(part, n) for part, n in parts if n > 1 or part in "YX"]
    told = [(axis, n) for axis, n in zip(axes, shape) if axis != "_"]
    axis_of = {part: axis for (part, _), (axis, _) in zip(stored, told)}
    check(
        [n for _, n in stored] == [n for _, n in told]
        and (separate == 1 or together == 1)
        and (axis_of["Y"], axis_of["X"]) == ("Y", "X"),
        DataError,
        "The pages of the TIFF '{}' must hold whole planes. Got pages of {}, and an image of {} {}.",
        path,
        page.shape,
        axes,
        shape,
    )
    return axis_of.get("samples", "_"), axis_of.get("depth", "_")


def _stamp(handle: int) -> tuple[int, int]:
    """Return what changes when somebody writes to a file."""
    known = os.fstat(handle)
    return known.st_size, known.st_mtime_ns


def _segments(
    tiff: Any, series: Any, n_pages: int, path: Path
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], bool]:
    """Return where the strips or tiles of each page start, their bytes, and whether pages are plain rows of pixels."""
    page, size = series.keyframe, tiff.filehandle.size
    check(
        not series.is_multifile,
        DataError,
        "The TIFF '{}' must hold all its planes. Got some in other files.",
        path,
    )
    if series.dataoffset is not None:  # one run of bytes, of which ImageJ describes the first plane only
        starts: list[tuple[int, ...]] = [(series.dataoffset + i * page.nbytes,) for i in range(n_pages)]
        counts: list[tuple[int, ...]] = [(page.nbytes,)] * n_pages
        in_rows = True
    else:
        pages = list(series.pages)
        n = sum(one is not None for one in pages)
        check(n == n_pages, DataError, "The TIFF '{}' must hold {} planes. Got {}.", path, n_pages, n)
        starts = [tuple(one.dataoffsets) for one in pages]
        counts = [tuple(one.databytecounts) for one in pages]
        in_rows = bool(page.is_memmappable) and all(
            sum(c) == page.nbytes and all(a + n == b for a, n, b in zip(s[:-1], c[:-1], s[1:]))
            for s, c in zip(starts, counts)
        )
    last = max(s + c for per_page in zip(starts, counts) for s, c in zip(*per_page))
    check(
        last <= size,
        DataError,
        "The TIFF '{}' must be whole. Got {} bytes, and pixels up to byte {}.",
        path,
        size,
        last,
    )
    return starts, counts, in_rows
