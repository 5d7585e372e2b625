"""Which files are recordings: of those that are named, and in folders; by their suffixes and their first bytes."""

from __future__ import annotations

import bz2
import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clew.errors import DataError, check
from clew.read.kinds import ARRAYS, IMAGES, IN_ZARR, PARQUET, TABLES, has_suffix, some_of
from clew.read.miniseed_index import is_miniseed

SEISMIC = (
    ".mseed", ".miniseed", ".msd", ".ms", ".seed", ".sac", ".gse", ".gse1", ".gse2", ".sgy", ".segy", ".su",
    ".slist", ".slist.gz", ".tspair", ".tspair.gz", ".sg2", ".seg2", ".rg16",
)  # fmt: skip
AUDIO = (".wav", ".ogg", ".flac", ".aif", ".aiff", ".mp3")
STORES = (".hdf5", ".h5")  # in the layout of SeisBench, with a metadata.csv beside
MOTIONS = (".ts",)
RECORDINGS = (*SEISMIC, *AUDIO, *STORES, *MOTIONS)  # a table or an array may be a recording, or not
HEADS = (b"TIMESERIES ", b"WID1 ", b"WID2 ", b"XW01")  # how text of seismic data begins
SAC_VERSIONS = (b"\x06\0\0\0", b"\x07\0\0\0", b"\0\0\0\x06", b"\0\0\0\x07")
UNPACK: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}


def is_recording(path: str | Path) -> bool:
    """Tell whether a path can be nothing else than a recording, or a folder of recordings.

    Tables and arrays may be recordings or not, so they are none here. What a suffix does not tell, the first bytes do:
    miniSEED files often have none.
    """
    path = Path(path)
    if path.is_dir():
        return any(is_recording(file) for file in _files(path, []))
    if not path.is_file() or has_suffix(path, (*TABLES, *ARRAYS, *IMAGES)):
        return has_suffix(path, (".slist.gz", ".tspair.gz"))
    return has_suffix(path, RECORDINGS) or is_seismic(head_of(path))


def find_recordings(paths: Sequence[str | Path]) -> list[Path]:
    """List the files of recordings: those that are named, and all in the folders that are named.

    In a folder, tables and arrays count only where there is nothing that can be nothing else than a recording: arrays
    first, then tables, then other text that begins with a number. Hidden files do not count.

    Raises
    ------
    DataError
        If a path is missing, a file cannot be read, or a folder holds no recordings.
    """
    return found_files(paths, [])


def found_files(paths: Sequence[str | Path], notes: list[str]) -> list[Path]:
    """List the files of recordings; add to the notes what was passed over in folders."""
    check(paths, DataError, "The recordings must be at least one file or folder. Got none.")
    out: list[Path] = []
    for path in map(Path, paths):
        check(path.exists(), DataError, "The recording '{}' must exist. Got a path where nothing is.", path)
        out += _in_folder(path, notes) if path.is_dir() else [path]
    return out


def _in_folder(folder: Path, notes: list[str]) -> list[Path]:
    """List the recordings in a folder and all below it."""
    hidden: list[str] = []
    files = _files(folder, hidden)
    of_arrays = [file for file in files if has_suffix(file, ARRAYS)]
    of_tables = [file for file in files if has_suffix(file, TABLES) and not has_suffix(file, PARQUET)]
    taken = [file for file in files if is_recording(file)] or of_arrays or of_tables
    taken = taken or [file for file in files if _is_numbers(head_of(file))]
    check(
        taken,
        DataError,
        "The folder '{}' must hold recordings. Got {}.",
        folder,
        f"{some_of([file.name for file in files])} (files of numbers must be text that begins with one, and need --rate and "
        "--window)"
        if files
        else "no files" + (f" but hidden ones ({some_of(hidden)})" if hidden else ""),
    )
    chosen = set(taken)
    chosen |= {metadata_of(file) for file in taken if has_suffix(file, STORES)}  # read with it
    left = [file.name for file in files if file not in chosen]
    if left or hidden:
        n = len(left + hidden)
        notes.append(
            f"In '{folder.name}', {n} file{'s were' if n > 1 else ' was'} passed over: {some_of(left + hidden)}."
        )
    return taken


def _files(folder: Path, hidden: list[str]) -> list[Path]:
    """List all files below a folder, in order; the names of hidden ones are added to ``hidden``."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"The folder '{error.filename}' must be one that can be read. Got: {error.strerror}."
        ) from error

    out = []
    for where, folders, names in os.walk(folder, onerror=refuse):
        hidden += sorted(name for name in names if name.startswith("."))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(name in names for name in IN_ZARR):
            folders[:] = []  # an image
            continue
        out += [Path(where, name) for name in sorted(names) if not name.startswith(".")]
    return out


def metadata_of(store: Path) -> Path:
    """Return where the metadata of a data set in SeisBench's layout are: "metadata_1.csv" of "waveforms_1.hdf5"."""
    return store.with_name(store.stem.replace("waveforms", "metadata") + ".csv")


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked where it is packed."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        for magic, unpack in UNPACK.items():
            if head.startswith(magic):
                with unpack(path) as file:
                    return bytes(file.read(4096))
    except (OSError, EOFError) as error:
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {getattr(error, 'strerror', None) or error}."
        ) from error
    return head


def is_seismic(head: bytes) -> bool:
    """Tell by the first bytes whether a file is miniSEED, SAC, GSE2, SLIST or TSPAIR."""
    sac = len(head) >= 632 and head[304:308] in SAC_VERSIONS
    return is_miniseed(head) or head.startswith((*HEADS, b"MS\x03")) or sac


def _is_numbers(head: bytes) -> bool:
    """Tell by the first bytes whether a file is text that begins with a number."""
    try:
        float(head.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return False
    return b"\0" not in head
