"""A model on disk: a folder that appears whole or not at all, without pickle; of a forest, ``arrays.npz`` and ``config.json``."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.result import settle


def write_model(folder: Path, config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a model into a new folder; the same model gives the same bytes.

    Parameters
    ----------
    folder : Path
        It must not be there yet.
    config : mapping
        What JSON can say.
    arrays : mapping of str to ndarray

    Raises
    ------
    SettingError
        If the folder exists, or the folder to hold it does not.
    """
    return write_files(
        folder, {"arrays.npz": _npz(arrays), "config.json": json_bytes(config, indent=2) + b"\n"}
    )


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a new folder, which appears whole or not at all.

    Parameters
    ----------
    folder : Path
        It must not be there yet.
    files : mapping of str to bytes
        By their names.

    Raises
    ------
    SettingError
        If the folder exists, or the folder to hold it does not.
    """
    check(not folder.exists(), SettingError, "The model folder '{}' must be a new one. It exists.", folder)
    check(
        folder.parent.is_dir(),
        SettingError,
        "The folder '{}' must exist to hold a model. It does not.",
        folder.parent,
    )
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        for name, data in files.items():
            _write(partial / name, data)
        settle(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return folder


def read_model(
    folder: Path, *, kind: str, newest: int, names: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what `write_model` wrote: the config, and the arrays of these names.

    Parameters
    ----------
    folder : Path
    kind : str
        What "format" of the config must be.
    newest : int
        The highest "version" that is understood.
    names : list of str

    Raises
    ------
    DataError
        If it is of another kind or of a newer clew.
    OSError, KeyError, ValueError, zipfile.BadZipFile
        If a part is missing or broken; who calls says of what.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    check(config.get("format") == kind, DataError, "a folder of another kind")
    check(config["version"] <= newest, DataError, "one of format {}, made by a newer clew", config["version"])
    with np.load(folder / "arrays.npz", allow_pickle=False) as file:
        return config, {name: file[name] for name in names}


def format_of(folder: str | Path) -> str:
    """Return what a model folder says it is, such as "clew forest" or "clew net", without opening more than its config.

    Raises
    ------
    DataError
        If it is no model folder.
    """
    folder = Path(folder)
    check(folder.exists(), DataError, "The model '{}' must exist. Got a path where nothing is.", folder)
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["format"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        got = (
            "no config.json there"
            if isinstance(error, OSError)
            else "a config.json that does not say its format"
        )
        raise DataError(
            f"The folder '{folder}' must be a model that clew saved. Got {got} instead."
        ) from error


def json_bytes(value: Any, indent: int | None = None) -> bytes:
    """Return a value as JSON whose bytes do not depend on the order of keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=indent).encode()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return an uncompressed ``.npz`` that holds the same bytes on every machine: no dates, no compressor."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            one = io.BytesIO()
            np.lib.format.write_array(
                one, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False
            )
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3
            archive.writestr(entry, one.getvalue())
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
