"""Writing OME-Zarr tile by tile, from several threads, to be resumed after a kill or a full disk.

What a pixel classifier gives for an image that is larger than memory::

    size, names = (16384, 16384), ("background", "cell")
    with (
        ZarrWriter(out, shape=(1, 2, 1, *size), dtype="float32", channel_names=names) as shares,
        ZarrWriter(out / "labels" / "classes", shape=(1, 1, 1, *size), dtype="uint8", classes=names) as classes,
    ):
        for t, z, y, x in tiles:                # an int and three slices, on whole chunks; in any order and thread
            if not classes.is_done(t, z, y, x):          # True only with resume=True
                shares.write(t, z, y, x, probabilities)  # (C, Z, Y, X)
                classes.write(t, z, y, x, numbers)       # (1, Z, Y, X)

Leaving the block marks the image complete; after an exception what was written stays readable, marked incomplete.
"""

from __future__ import annotations

import colorsys
import itertools
import json
import math
import os
import threading
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, WriteError, check, check_choice
from clew.read.kinds import one_line, package
from clew.read.stack_writer import PixelSize, Shape, StackWriter, disk_takes
from clew.result import write_whole

DONE = "clew-done.jsonl"


class ZarrWriter(StackWriter):
    """Write an image as OME-Zarr, chunk by chunk; after a kill or a full disk it can be gone on with.

    The group's attribute ``clew`` holds ``complete`` (false until all is written) and ``about``. A line of the file
    ``clew-done.jsonl`` in the folder tells each tile that was finished, with a checksum of its pixels; it is removed
    at the end. Tiles of which no line tells, or whose pixels are not those of the line, are not done.

    Parameters
    ----------
    path : str or Path
        Where nothing is yet. If it is ``IMAGE.zarr/labels/NAME``, it is listed as a label image of that image.
    shape : tuple of five int
        (T, C, Z, Y, X)
    dtype : numpy dtype
    channel_names : sequence of str
        One a channel, such as the classes of probabilities.
    classes : sequence of str
        What the numbers 1, 2, ... of a label image stand for; makes it one.
    pixel_size : tuple of three float or None
        Depth, height and width in µm.
    chunk : tuple of three int
        Depth, height and width of a chunk; tiles begin and end with chunks.
    version : {"0.5", "0.4"}
        Of OME-Zarr: 0.5 lies in Zarr 3, 0.4 in Zarr 2.
    about : dict
        Where the pixels come from (hashes of image and model, ...), as JSON knows it; kept in the file.
    resume : bool
        Go on with an image that was begun with the same settings, if there is one.

    Raises
    ------
    DataError
        If something is there that cannot be gone on with: another image, or one that was begun otherwise.
    WriteError
        If the disk is full or refuses.

    Notes
    -----
    Metadata after https://ngff.openmicroscopy.org, versions 0.4 and 0.5.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        shape: Shape,
        dtype: Any,
        channel_names: Sequence[str] = (),
        classes: Sequence[str] = (),
        pixel_size: PixelSize = (None, None, None),
        chunk: tuple[int, int, int] = (1, 512, 512),
        version: Literal["0.5", "0.4"] = "0.5",
        about: Mapping[str, Any] | None = None,
        resume: bool = False,
    ):
        super().__init__(path, shape, dtype)
        check_choice(version, ("0.5", "0.4"), what="'version' setting", of="OME-Zarr")
        check(
            len(chunk) == 3 and min(chunk) > 0,
            SettingError,
            "The 'chunk' of '{}' must be depth, height and width, each at least 1. Got {}.",
            path,
            chunk,
        )
        self.chunk = tuple(map(min, chunk, self.shape[2:]))
        self.axes = "".join(
            axis
            for axis, n in zip("TCZYX", self.shape)
            if n > 1 or axis in "YX" or (axis == "C" and channel_names)
        )
        self.done: set[tuple[int, ...]] = set()  # the chunks, as (t, z, y, x)
        self.lock = threading.Lock()
        described = _described(self, channel_names, classes, pixel_size, version)
        begun = {
            "dtype": self.dtype.str,
            "shape": list(self.shape),
            "chunk": list(self.chunk),
            "about": dict(about or {}),
        }
        begun = json.loads(json.dumps(begun))
        with disk_takes(self.path):
            if resume and self.path.exists():
                self._go_on(begun, described)
            else:
                check(
                    not self.path.exists(),
                    DataError,
                    "The path '{}' must be one where nothing is. Got one that exists.",
                    path,
                )
                self._begin(begun, described, version)
            self.finished = open(self.path / DONE, "ab", buffering=0)  # noqa: SIM115  (closed by finish or abandon)

    # ---- beginning ----
    def _begin(self, begun: dict[str, Any], described: dict[str, Any], version: str) -> None:
        zarr = package("zarr")
        format_ = 3 if version == "0.5" else 2
        if self.path.parent.name == "labels":
            _list_label_image(zarr, self.path, format_)
        self.group = zarr.open_group(
            store=str(self.path),
            mode="w-",
            zarr_format=format_,
            attributes={**described, "clew": {"complete": False, **begun}},
        )
        self.array = self._new_array()

    def _new_array(self) -> Any:
        format_ = self.group.metadata.zarr_format
        n, piece = dict(zip("TCZYX", self.shape)), dict(zip("TCZYX", (1, 1, *self.chunk)))
        return self.group.create_array(
            "0",
            shape=tuple(n[axis] for axis in self.axes),
            chunks=tuple(piece[axis] for axis in self.axes),
            dtype=self.dtype,
            dimension_names=list(self.axes.lower()) if format_ == 3 else None,
            chunk_key_encoding={"name": "default" if format_ == 3 else "v2", "separator": "/"},
        )

    def _go_on(self, begun: dict[str, Any], described: dict[str, Any]) -> None:
        zarr = package("zarr")
        try:
            self.group = zarr.open_group(store=str(self.path), mode="r+")
            there = dict(self.group.attrs)
            array = self.group.get("0")
        except Exception as error:  # zarr raises whatever it meets
            raise DataError(
                f"The image '{self.path}' must be one that was begun, to go on with it. Got: {one_line(error)}."
            ) from error
        known = dict(there.pop("clew", {}))
        complete = known.pop("complete", None)
        differing = [key for key, value in begun.items() if known.get(key) != value]
        differing += [] if json.loads(json.dumps(described)) == there else ["metadata"]
        check(
            not differing,
            DataError,
            "The image '{}' must have been begun with the same settings, to go on with it. Got another {}.",
            self.path,
            " and ".join(differing),
        )
        self.array = self._new_array() if array is None else array  # none, if it ended that early
        if complete:
            self.done = set(np.ndindex(self._n_chunks))
            return
        lines = [line for line in _lines(self.path / DONE) if self._is_sound(line)]
        for t, *ends, _ in lines:
            self.done |= self._chunks(t, *(slice(a, b) for a, b in zip(ends[::2], ends[1::2])))
        write_whole(
            self.path / DONE, b"".join(_line(line) for line in lines)
        )  # without a line that was cut short

    def _is_sound(self, line: list[int]) -> bool:
        """Tell whether the pixels of a tile are those of which its line tells."""
        t, *ends, checksum = line
        try:
            block = self.array[self._place(t, *(slice(a, b) for a, b in zip(ends[::2], ends[1::2])))]
        except Exception:  # half a chunk, after a power cut: whatever its decoder raises
            return False
        return zlib.crc32(np.ascontiguousarray(block).data) == checksum

    # ---- tiles ----
    @property
    def _n_chunks(self) -> tuple[int, ...]:
        return (self.shape[0], *(-(-n // c) for n, c in zip(self.shape[2:], self.chunk)))

    def _chunks(self, t: int, *slices: slice) -> set[tuple[int, ...]]:
        """Return the chunks of a tile; of each there is one a channel."""
        along = [range(s.start // c, -(-s.stop // c)) for s, c in zip(slices, self.chunk)]
        return {(t, *index) for index in itertools.product(*along)}

    def _place(self, t: int, z: slice, y: slice, x: slice) -> tuple[slice, ...]:
        place = {"T": slice(t, t + 1), "C": slice(0, self.shape[1]), "Z": z, "Y": y, "X": x}
        return tuple(place[axis] for axis in self.axes)

    def is_done(self, t: int, z: slice, y: slice, x: slice) -> bool:
        """Tell whether a tile was written, now or before a resumed run was cut short."""
        return self._chunks(t, z, y, x) <= self.done

    def _write(self, t: int, z: slice, y: slice, x: slice, block: np.ndarray) -> None:
        slices = (z, y, x)
        whole = all(
            s.start % c == 0 and (s.stop % c == 0 or s.stop == n)
            for s, c, n in zip(slices, self.chunk, self.shape[2:])
        )
        check(
            whole,
            SettingError,
            "A tile of '{}' must begin and end with chunks of {}. Got {}.",
            self.path,
            self.chunk,
            slices,
        )
        chunks = self._chunks(t, *slices)
        check(
            not chunks & self.done,
            SettingError,
            "A tile of '{}' must be written once. Got t {}, {} again.",
            self.path,
            t,
            slices,
        )
        place = self._place(t, *slices)
        stored = np.ascontiguousarray(block).reshape(
            [n for axis, n in zip("TCZYX", (1, *block.shape)) if axis in self.axes]
        )
        self.array[place] = stored
        line = _line([t, *(end for s in slices for end in (s.start, s.stop)), zlib.crc32(stored.data)])
        with self.lock:
            check(
                self.finished.write(line) == len(line),
                WriteError,
                "The disk must take what is written to '{}'. Got no room.",
                self.path,
            )
            self.done |= chunks

    # ---- end ----
    def finish(self) -> None:
        """End the image: mark it complete, once the disk has it all."""
        n = math.prod(self._n_chunks)
        check(
            len(self.done) == n,
            SettingError,
            "All tiles of '{}' must be written. Got {} of {} chunks.",
            self.path,
            len(self.done),
            n,
        )
        self.finished.close()
        with disk_takes(self.path):
            with ThreadPoolExecutor(8) as threads:  # a disk takes many small files together much faster
                list(threads.map(_sync, (self.path / "0").rglob("*")))
            self.group.attrs["clew"] = {**self.group.attrs["clew"], "complete": True}
            (self.path / DONE).unlink(missing_ok=True)

    def abandon(self) -> None:
        """Leave the image as far as it was written; it is marked incomplete, unless it was finished."""
        self.finished.close()


def _line(values: Sequence[int]) -> bytes:
    return json.dumps([int(value) for value in values]).encode() + b"\n"


def _lines(path: Path) -> list[list[int]]:
    """Return the lines of the list of finished tiles; one that was cut short is none."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = []
    for line in text.split(b"\n")[:-1]:
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, list) and len(values) == 8 and all(isinstance(value, int) for value in values):
            lines.append(values)
    return lines


def _sync(path: Path) -> None:
    """Wait until the disk has a file or, where it can be asked, a folder."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# ---- OME-Zarr metadata ----
KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def _described(
    writer: ZarrWriter,
    channel_names: Sequence[str],
    classes: Sequence[str],
    pixel_size: PixelSize,
    version: str,
) -> dict[str, Any]:
    """Return the attributes of the group."""
    size = dict(zip("ZYX", pixel_size))
    axes = [
        {"name": axis.lower(), "type": KINDS[axis]} | ({"unit": "micrometer"} if size.get(axis) else {})
        for axis in writer.axes
    ]
    scale = [float(size.get(axis) or 1.0) for axis in writer.axes]
    told = {"version": version} if version == "0.4" else {}
    ome: dict[str, Any] = {
        "multiscales": [
            {
                "name": writer.path.name.removesuffix(".zarr").removesuffix(".ome"),
                "axes": axes,
                "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
                **told,
            }
        ]
    }
    if channel_names:
        check(
            len(channel_names) == writer.shape[1],
            SettingError,
            "The 'channel_names' of '{}' must be {}. Got {}.",
            writer.path,
            writer.shape[1],
            len(channel_names),
        )
        high = 1.0 if writer.dtype.kind == "f" else float(np.iinfo(writer.dtype).max)
        window = {"min": 0.0, "max": high, "start": 0.0, "end": high}
        channels = [
            {"label": name, "color": _colour(i), "window": window, "active": True}
            for i, name in enumerate(channel_names)
        ]
        ome["omero"] = {"channels": channels, **told}
    if classes:
        numbered = list(enumerate(classes, start=1))
        ome["image-label"] = {
            "colors": [
                {"label-value": i, "rgba": [*bytes.fromhex(_colour(i - 1)), 255]} for i, _ in numbered
            ],
            "properties": [{"label-value": i, "class": name} for i, name in numbered],
            **told,
        }
        if writer.path.parent.name == "labels":
            ome["image-label"]["source"] = {"image": "../../"}
    return ome if version == "0.4" else {"ome": {"version": version, **ome}}


def _colour(i: int) -> str:
    """Return the colour of a channel or class as "RRGGBB": hues a golden section apart, easily told from each other."""
    return (
        bytes(round(255 * part) for part in colorsys.hsv_to_rgb((0.6 + i * 0.618034) % 1, 0.8, 0.95))
        .hex()
        .upper()
    )


def _list_label_image(zarr: Any, path: Path, format_: int) -> None:
    """List a label image in the group ``labels`` of its image."""
    group = zarr.open_group(store=str(path.parent), mode="a", zarr_format=format_)
    ome = dict(group.attrs.get("ome", {"version": "0.5"})) if format_ == 3 else dict(group.attrs)
    ome["labels"] = sorted({*ome.get("labels", []), path.name})
    group.attrs.update({"ome": ome} if format_ == 3 else ome)
