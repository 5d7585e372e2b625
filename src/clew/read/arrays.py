"""NumPy arrays as recordings: .npy and .npz, read a piece at a time."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, some_of
from clew.read.recording import InMemory, Readable, Stretch
from clew.read.side_by_side import Column, Shared, finite
from clew.read.traces import Trace, is_seed_channel, nominal_rate

AHEAD = 1 << 22  # samples that are looked at together
RATES = ("rate", "sampling_rate", "fs")  # keys of an .npz, in Hz
NO_SAMPLES = ("t", "time", "times", "rate", "sampling_rate", "fs", "dt")  # keys that hold none


def open_array(
    path: Path, *, source: str, rate: float | None = None, notes: list[str] | None = None
) -> list[Trace]:
    """Open an array of shape (n,), (n, c) or (c, n) as c components of one undated recording.

    The longer axis is time. Samples are read from .npy, and from .npz that is not compressed, when they are asked for.

    Parameters
    ----------
    path : Path
        Of an .npz, the array "data" counts, or else the longest of numbers with one or two axes; several of one axis that
        are the longest are components, each called by its key. Its "channels" ("DPE_DPN_DPZ", or one text each) name
        the components, its "rate" (or "sampling_rate", "fs"; in Hz) or "dt" (in s) tells the rate.
    source : str
        What the file is called.
    rate : float, optional
        In Hz; goes before what the file says.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Raises
    ------
    DataError
        If there is no rate, the file is cut, or holds no such array; if both axes are equally long.
    """
    notes = [] if notes is None else notes
    try:
        if path.name.casefold().endswith(".npz"):
            parts, said = _of_npz(path, source)
        else:
            parts, said = {"": _of_npy(path, 0, path.stat().st_size, source)}, {}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"The array '{source}' must be a whole file of NumPy. Got: {one_line(error)}."
        ) from error
    stored = _rate_of(said, source)
    if rate is not None and stored is not None and abs(rate - stored) > 1e-6 * rate:
        notes.append(
            f"'{source}': the rate of {rate:g} Hz that was given goes before the {stored:g} Hz that it states."
        )
    used = rate if rate is not None else stored
    check(
        used is not None,
        DataError,
        "The rate of '{}' must be known. Got an array that does not tell: give it in Hz with --rate.",
        source,
    )
    assert used is not None
    readers: list[tuple[str, Readable, int]] = []
    for key, part in parts.items():
        own = part.components()
        called = [key] if len(parts) > 1 else [""] if len(own) == 1 else [str(i + 1) for i in range(len(own))]
        readers += [(name, one, part.n) for name, one in zip(called, own)]
    names = _channel_names(said, len(readers), source) or [name for name, _, _ in readers]
    if len(names) < len(readers):
        readers = _alive(readers, names, source, notes)
    codes = _codes(names)
    return [
        Trace(
            station=source,
            component=component,
            rate=nominal_rate(float(used)),
            stretch=Stretch(0.0, n, data, source=source),
            unit="",
            dated=False,
            sensor=sensor,
            identifier=whole,
        )
        for (sensor, component, whole), (_, data, n) in zip(codes, readers)
    ]


@dataclass(frozen=True, eq=False)
class Stored:
    """An array of numbers: where it lies, or its values.

    Parameters
    ----------
    path : Path
    offset : int
        Of its first value, in bytes.
    shape : tuple of int
    fortran : bool
        Whether the first axis runs fastest.
    dtype : numpy.dtype
    source : str
        What the file is called.
    values : ndarray, optional
        Where it could only be read whole.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    source: str
    values: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Return the number of samples of each component."""
        return max(self.shape)

    @property
    def c(self) -> int:
        """Return the number of components."""
        return 1 if len(self.shape) == 1 else min(self.shape)

    def components(self) -> list[Readable]:
        """Return the samples of each component."""
        if self.values is not None:
            held = self.values.reshape(self.shape if len(self.shape) == 2 else (1, -1))
            across = held.T if held.shape[0] == self.n > held.shape[1] else held
            return [InMemory(finite(row, 0, self.source)) for row in across]
        if len(self.shape) == 2 and (self.shape[0] == self.n) != self.fortran:
            rows = Shared(self.rows)
            return [Column(rows, i) for i in range(self.c)]
        return [Row(self, i) for i in range(self.c)]

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Return the samples of all components from ``first`` up to ``stop``, where they lie side by side."""
        return self.numbers(first, stop, self.c)

    def numbers(self, first: int, stop: int, width: int = 1) -> np.ndarray:
        """Return the rows of ``width`` numbers from ``first`` up to ``stop``, in the order in which they are stored."""
        with self.path.open("rb") as file:
            file.seek(self.offset + first * width * self.dtype.itemsize)
            found = np.frombuffer(file.read((stop - first) * width * self.dtype.itemsize), self.dtype)
        check(
            found.size == (stop - first) * width,
            DataError,
            "The file '{}' must stay as it was when it was opened. Got fewer bytes than then.",
            self.source,
        )
        rows = found.reshape(stop - first, width)
        return (
            finite(rows, first, self.source) if width > 1 else finite(rows[:, 0], first % self.n, self.source)
        )


@dataclass(frozen=True, eq=False)
class Row:
    """A component whose samples lie one behind the other.

    Parameters
    ----------
    stored : Stored
    number : int
    """

    stored: Stored
    number: int

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first,)."""
        begin = self.number * self.stored.n
        return self.stored.numbers(begin + first, begin + stop)


def _of_npy(path: Path, offset: int, size: int, source: str) -> Stored:
    """Return the array whose .npy begins at a byte of a file and has ``size`` bytes."""
    with path.open("rb") as file:
        file.seek(offset)
        shape, fortran, dtype = _header(file)
        begin = file.tell()
    _check_kind(shape, dtype, source)
    wanted = begin - offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    check(
        size >= wanted,
        DataError,
        "The array '{}' must be whole: {} bytes. Got {} (a file that was cut?).",
        source,
        wanted,
        size,
    )
    return Stored(path, begin, shape, fortran and len(shape) == 2, dtype, source)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read the head of an .npy: shape, whether in Fortran's order, and the kind of number."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _check_kind(shape: tuple[int, ...], dtype: np.dtype, source: str) -> None:
    check(
        dtype.kind in "iuf" and len(shape) in (1, 2),
        DataError,
        "The array '{}' must be of real numbers with one or two axes. Got {} of shape {}.",
        source,
        dtype,
        shape,
    )
    check(
        len(shape) == 1 or shape[0] != shape[1],
        DataError,
        "The axes of the array '{}' must be of different length: the longer is time. Got shape {}.",
        source,
        shape,
    )
    check(all(shape), DataError, "The array '{}' must hold samples. Got shape {}.", source, shape)


def _of_npz(path: Path, source: str) -> tuple[dict[str, Stored], dict[str, Any]]:
    """Return the arrays of samples by key, and what else is said of them."""
    with zipfile.ZipFile(path) as archive, np.load(path, allow_pickle=False) as held:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        heads: dict[str, tuple[tuple[int, ...], bool, np.dtype]] = {}
        for key, info in members.items():
            with archive.open(info) as file:
                heads[key] = _header(file)  # type: ignore[arg-type]
        chosen = _chosen({key: head for key, head in heads.items() if not head[2].hasobject}, source)
        said = {
            key: held[key]
            for key in (*RATES, "dt", "channels")
            if key in heads and key not in chosen and not heads[key][2].hasobject
        }
        parts = {}
        for key in chosen:
            info = members[key]
            shape, fortran, dtype = heads[key]
            _check_kind(shape, dtype, f"{source}: {key}")
            if info.compress_type == zipfile.ZIP_STORED:
                parts[key] = _of_npy(path, _data_offset(path, info), info.file_size, source)
            else:
                parts[key] = Stored(path, 0, shape, fortran, dtype, source, held[key])
    return parts, said


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Return the byte at which a member's data begin, behind its local header (PKWARE APPNOTE 4.3.7)."""
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = np.frombuffer(file.read(4), "<u2").tolist()
    return info.header_offset + 30 + name + extra


def _chosen(heads: dict[str, tuple[tuple[int, ...], bool, np.dtype]], source: str) -> list[str]:
    """Return the keys of the arrays that hold the samples."""
    if "data" in heads:
        return ["data"]
    sizes = {
        key: int(np.prod(shape, dtype=np.int64))
        for key, (shape, _, dtype) in heads.items()
        if dtype.kind in "iuf" and len(shape) in (1, 2) and key.casefold() not in NO_SAMPLES
    }
    largest = [key for key, size in sizes.items() if size == max(sizes.values()) > 0]
    check(
        largest,
        DataError,
        "The file '{}' must hold an array of numbers with one or two axes. Got: {}.",
        source,
        some_of(list(heads)) or "nothing",
    )
    check(
        len(largest) == 1 or all(len(heads[key][0]) == 1 for key in largest),
        DataError,
        "The samples of '{}' must be in one array, called 'data' where there are several. Got: {}.",
        source,
        some_of(largest),
    )
    return largest


def _rate_of(said: dict[str, Any], source: str) -> float | None:
    """Return the rate that an .npz states, in Hz."""
    for key in (*RATES, "dt"):
        if key in said:
            value = np.asarray(said[key])
            check(
                value.size == 1 and value.dtype.kind in "iuf" and 0 < float(value.item()) < np.inf,
                DataError,
                "The '{}' of '{}' must be one number above 0. Got {}.",
                key,
                source,
                value,
            )
            return 1 / float(value.item()) if key == "dt" else float(value.item())
    return None


def _channel_names(said: dict[str, Any], n: int, source: str) -> list[str]:
    """Return the names that an .npz gives its components: at most ``n``, none where it is silent."""
    if "channels" not in said:
        return []
    names = [str(one).strip() for one in np.atleast_1d(said["channels"]).ravel()]
    if len(names) == 1 and n > 1:
        names = re.split(r"[_,; ]+", names[0])
    check(
        len(names) <= n and len(set(names)) == len(names),
        DataError,
        "The 'channels' of '{}' must be {} different names. Got: {}.",
        source,
        n,
        some_of(names),
    )
    return names


def _alive(
    readers: list[tuple[str, Readable, int]], names: list[str], source: str, notes: list[str]
) -> list[tuple[str, Readable, int]]:
    """Return the components that are not zero throughout, which fewer names than components must be meant for."""
    alive = [one for one in readers if _has_other_than_zero(one[1], one[2])]
    check(
        len(alive) == len(names),
        DataError,
        "The 'channels' of '{}' must name each component, or each that is not zero throughout ({}). Got: {}.",
        source,
        len(alive),
        some_of(names),
    )
    dead = len(readers) - len(alive)
    notes.append(
        f"'{source}': {dead} component{'s' * (dead > 1)} without a name and zero throughout left out; {some_of(names)} stays."
    )
    return alive


def _has_other_than_zero(data: Readable, n: int) -> bool:
    return any((data.read(at, min(at + AHEAD, n)) != 0).any() for at in range(0, n, AHEAD))


def _codes(names: list[str]) -> list[tuple[str, str, str]]:
    """Return of each component its sensor, its letter or name, and its whole name."""
    if all(map(is_seed_channel, names)):
        return [(name[:2].upper(), name[2].upper(), name) for name in names]
    return [("", name.upper() if len(name) == 1 else name, name) for name in names]
