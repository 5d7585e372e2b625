"""What kind of data a path holds, its bytes, and a name for it that moving the data does not change."""

from __future__ import annotations

import importlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

from clew.errors import ClewError, DataError, check, did_you_mean

PARQUET = (".parquet", ".pq")
TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", *PARQUET)
ARRAYS = (".npy", ".npz")
IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
IN_ZARR = ("zarr.json", ".zgroup", ".zarray")  # one of them lies in every Zarr folder


def has_suffix(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Tell whether the file name ends in one of ``suffixes``, in whatever case."""
    return path.name.casefold().endswith(suffixes)


def is_zarr(path: Path) -> bool:
    """Tell whether a path is a Zarr folder: by its name, or by what lies in it."""
    return path.is_dir() and (
        has_suffix(path, (".zarr",)) or any((path / name).is_file() for name in IN_ZARR)
    )


def package(name: str, *, of: str = "image") -> ModuleType:
    """Import a package that reading images or signals (the extra ``of``) needs, or say how to come by it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ClewError(
            f"Reading {of}s needs the package '{name}': pip install 'clew[{of}]'. Got: {error}."
        ) from error


def some_of(names: Sequence[str]) -> str:
    """Return the first six names with commas, and dots where there are more."""
    return ", ".join([*names[:6], *["..."] * (len(names) > 6)])


def one_line(error: BaseException) -> str:
    """Return what another library's error says, in one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def kind_of(path: str | Path) -> Literal["table", "image"]:
    """Tell by its suffix whether a file is a table or an image; a folder is what it holds images for.

    Raises
    ------
    DataError
        If the path is missing, of no known kind, or a folder without images.
    """
    path = Path(path)
    check(path.exists(), DataError, "The data '{}' must exist. Got a path where nothing is.", path)
    if path.is_dir():
        found = any(has_suffix(file, IMAGES) for file in path.iterdir())
        check(
            found,
            DataError,
            "The folder '{}' must hold images ({}) or recordings. Got neither; tables are named file by file, and tables and "
            "arrays are recordings where --window and --rate are given.",
            path,
            ", ".join(IMAGES),
        )
        return "image"
    if has_suffix(path, TABLES):
        return "table"
    if has_suffix(path, IMAGES):
        return "image"
    check(
        not has_suffix(path, ARRAYS),
        DataError,
        "The file '{}' must be a table or an image. Got an array: distances between rows go with --distances, and a recording "
        "needs --rate and --window.",
        path,
    )
    known = [*TABLES, *IMAGES]
    raise DataError(
        f"The file '{path}' must be a table or an image ({', '.join(known)}), or a recording, such as .mseed, .sac or .wav. "
        f"Got the suffix '{path.suffix}' instead.{did_you_mean(path.suffix.casefold(), known)}"
    )


def read_bytes(path: Path) -> bytes:
    """Return all bytes of a file, so that what is hashed is what is read.

    Raises
    ------
    DataError
        If the file is missing, a folder, unreadable or empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {error.strerror or error}."
        ) from error
    check(data, DataError, "The file '{}' must hold data. Got an empty file (0 bytes) instead.", path)
    return data


def absolute(path: str | Path) -> Path:
    """Return the path from the root on, without ``..``; links stay as they are, since their targets have other names."""
    plain, target = Path(os.path.normpath(Path(path).absolute())), Path(path).resolve()
    return plain if plain.resolve() == target else target  # "link/../a.tif" does not lie beside the link


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Name each file by its own name, with as many parent folders in front as it takes to tell them apart.

    Where the folder lies does not matter, so moving it leaves the names as they are; nor does what a link leads to,
    such as the ``.git/annex/objects/...`` of git-annex and DVC.

    Raises
    ------
    DataError
        If one file is listed twice, be it through a link.
    """
    listed: dict[Path, Path] = {}
    for path in paths:
        file = path.resolve()
        check(
            file not in listed,
            DataError,
            "Every file must be listed once. Got '{}' and '{}', which are one file.",
            listed.get(file),
            path,
        )
        listed[file] = path
    whole = [absolute(path) for path in paths]
    depth = [1] * len(whole)
    while True:
        names = ["/".join(path.parts[-d:]) for path, d in zip(whole, depth)]
        counts = Counter(names)
        if max(counts.values(), default=1) == 1:
            return names
        depth = [d + (counts[name] > 1) for d, name in zip(depth, names)]
