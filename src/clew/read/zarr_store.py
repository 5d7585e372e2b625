"""OME-Zarr 0.4 (Zarr 2) and 0.5 (Zarr 3): the full resolution of an image, chunk by chunk."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, package
from clew.read.pieces import Opened, Pieces
from clew.read.tiff import UM_PER_UNIT

BY_TYPE = {"time": "T", "channel": "C"}
SEVERAL = {
    "plate": "a plate: name one of its fields, such as 'A/1/0' in it",
    "bioformats2raw.layout": "a collection: name one of its images, such as '0' in it",
}


def open_zarr(path: Path, *, axes: str | None, notes: list[str]) -> Opened:
    """Open the first, full resolution of an OME-Zarr image, or a plain Zarr array whose axes are given.

    Parameters
    ----------
    path : Path
    axes : str or None
        One letter an axis, where the metadata do not tell: T, C, Z, Y, X.
    notes : list of str
        What was taken for something without being told is added here.

    Raises
    ------
    DataError
        If the folder is no Zarr, its metadata are corrupt or tell of no image, or its axes are unknown.

    Notes
    -----
    Metadata after https://ngff.openmicroscopy.org, versions 0.4 and 0.5.
    """
    zarr = package("zarr")
    try:
        node = zarr.open(store=str(path), mode="r")
        known = dict(node.attrs)
    except Exception as error:  # zarr raises whatever corrupt metadata lead it to
        raise DataError(f"The folder '{path}' must be a whole Zarr. Got: {one_line(error)}.") from error
    if isinstance(node, zarr.Array):
        check(
            axes is not None,
            DataError,
            "The axes of '{}' must be known. Got a plain Zarr array of shape {}: say what they are (axes='...').",
            path,
            node.shape,
        )
        return Opened(ZarrPieces(path, node, _checked_axes(list(axes or ""), node.shape, path)))
    image = _image_of(known, path, notes)
    try:
        array = node[image["datasets"][0]["path"]]
        marked = _axes_of(image, array.ndim) if axes is None else list(axes)
        size = _pixel_size(image, path, notes)
        channels = (known.get("ome", known).get("omero") or {}).get("channels") or []
        names = tuple(str(channel.get("label", "")) for channel in channels)
    except Exception as error:
        raise DataError(
            f"The OME-Zarr '{path}' must describe its image. Got metadata that cannot be read: {one_line(error)}."
        ) from error
    return Opened(ZarrPieces(path, array, _checked_axes(marked, array.shape, path)), names, size)


class ZarrPieces(Pieces):
    """The chunks of a Zarr array."""

    def __init__(self, path: Path, array: Any, axes: str):
        self.array, self.folder = array, path / array.path
        super().__init__(path, axes, array.shape, array.chunks, np.dtype(array.dtype))

    def decode(self, index: tuple[int, ...]) -> np.ndarray:
        """Return one chunk, cut where the image ends."""
        cut = tuple(slice(i * c, min((i + 1) * c, n)) for i, c, n in zip(index, self.chunk, self.shape))
        return np.asarray(self.array[cut])

    def sha256(self) -> str:
        """Return the SHA-256 over names and bytes of the files of the full resolution.

        Labels that somebody adds to the folder later, smaller resolutions and display settings do not change it.
        """
        sha = hashlib.sha256()
        files = [file for file in self.folder.rglob("*") if file.is_file()]
        for name, file in sorted((file.relative_to(self.folder).as_posix(), file) for file in files):
            with open(file, "rb") as opened:
                sha.update(f"{name} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
        return sha.hexdigest()


def _image_of(known: Mapping[str, Any], path: Path, notes: list[str]) -> dict[str, Any]:
    """Return the first entry of the group's multiscales."""
    ome = known.get("ome", known)
    ome = ome if isinstance(ome, Mapping) else {}
    for key, what in SEVERAL.items():
        check(key not in ome, DataError, "The OME-Zarr '{}' must be one image. Got {}.", path, what)
    images = ome.get("multiscales")
    if not isinstance(images, list) or not images or not isinstance(images[0], Mapping):
        raise DataError(
            f"The Zarr '{path}' must be an OME-Zarr image, with 'multiscales' in its metadata. Got a group without."
        )
    if len(images) > 1:
        notes.append(f"{path.name}: describes its image in {len(images)} ways, of which the first is read.")
    if known.get("clew", {}).get("complete") is False:
        notes.append(
            f"{path.name}: is incomplete; its writing was cut short, and what is missing is read as 0."
        )
    return dict(images[0])


def _axes_of(image: Mapping[str, Any], n: int) -> list[str]:
    """Return one letter an axis; a version before axes were written has all five."""
    axes = image.get("axes", list("tczyx") if n == 5 else [])
    named = [{"name": axis} if isinstance(axis, str) else axis for axis in axes]
    return [BY_TYPE.get(axis.get("type", ""), str(axis["name"]).upper()) for axis in named]


def _checked_axes(axes: list[str], shape: tuple[int, ...], path: Path) -> str:
    letters = [axis.upper() for axis in axes]
    check(
        len(letters) == len(shape)
        and set(letters) <= set("TCZYX")
        and {"Y", "X"} <= set(letters)
        and len(set(letters)) == len(letters),
        DataError,
        "The axes of '{}' must be among T, C, Z, Y, X, each once, one for each of its shape {}. Got {} instead.",
        path,
        shape,
        ", ".join(axes) or "none",
    )
    return "".join(letters)


def _pixel_size(
    image: Mapping[str, Any], path: Path, notes: list[str]
) -> tuple[float | None, float | None, float | None]:
    """Return depth, height and width of a pixel in µm, where scale and units tell."""
    axes = [axis for axis in image.get("axes", []) if isinstance(axis, Mapping)]
    scale = np.ones(len(axes))
    for told in (image["datasets"][0], image):
        for change in told.get("coordinateTransformations", []):
            if change.get("type") == "scale" and axes:
                scale = scale * np.asarray(change["scale"], dtype=float)
    size: dict[str, float] = {}
    for axis, length in zip(axes, scale):
        name, unit = str(axis["name"]).casefold(), str(axis.get("unit", ""))
        um = UM_PER_UNIT.get(unit.casefold())
        if name not in ("z", "y", "x") or (um is None and length == 1 and not unit):
            continue
        if um is None or not (math.isfinite(length) and length > 0):
            notes.append(
                f"{path.name}: the pixel size {length:g} along {name} in '{unit}' is no length; it is in px."
            )
            continue
        size[name] = float(length) * um
    return size.get("z"), size.get("y"), size.get("x")
