"""ilastik projects (.ilp): the pixels that people labelled in each image.

The layout is that of ilastik's own serializers, read from its public source and from its test projects of versions
1.2 to 1.4 (no code is taken):
https://github.com/ilastik/ilastik/blob/main/ilastik/applets/base/appletSerializer/slotSerializer.py
(``SerialBlockSlot``, ``SerialListSlot``),
https://github.com/ilastik/ilastik/blob/main/ilastik/applets/pixelClassification/pixelClassificationSerializer.py
(which axes labels are saved in, by version) and
https://github.com/ilastik/ilastik/blob/main/ilastik/applets/dataSelection/opDataSelection.py (the images).

    PixelClassification/LabelNames           (n,) text, attribute isEmpty
    PixelClassification/LabelColors          (n, 3) RGB
    PixelClassification/LabelSets/labels000/block0000
        labels, 0 for none; attributes blockSlice "[0:1,10:20,5:30,0:1]" and, since 2020, axistags (JSON)
    Input Data/infos/lane0000/Raw Data/      (before the roles of 2013: directly in lane0000)
        filePath, nickname, location, axistags or axisorder, and since 1.3.3 shape
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.canvas import Piece, Place
from clew.read.kinds import one_line, package

LABELS = "PixelClassification"
STAGE_TWO = "PixelClassification01"  # of Autocontext
OLD_AXES = "txyzc"  # the order that early versions brought every image into
# Versions that saved labels along the axes of the image file, whatever their axistags say.
AS_THE_FILE = re.compile(r"1\.3\.3\.?post[2-9]|1\.4\.0\.?(a|dev|b[0-7](?!\d))")
FILES = re.compile(r"\.(tiff?|png|jpe?g|bmp|gif|h5|hdf5|n5|zarr|npy|npz|nii|ilp|exr|pgm|ppm)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Lane:
    """What a project holds of one image.

    Parameters
    ----------
    image_name : str
        The image's file name, or its nickname where it lies in the project.
    image_shape : tuple of four ints (T, Z, Y, X), or None
        The image's size, where the project tells.
    pieces : list of (place, ndarray of shape (T, Z, Y, X))
        The labelled blocks.
    """

    image_name: str
    image_shape: Place | None
    pieces: list[Piece]


@dataclass(frozen=True, eq=False)
class Project:
    """The lanes of a project, and its classes."""

    lanes: list[Lane]
    class_names: dict[int, str]
    colors: dict[int, tuple[int, int, int]]
    notes: list[str]


def read_project(path: Path) -> Project:
    """Read the labels of an ilastik Pixel Classification project.

    Raises
    ------
    DataError
        If the file is no readable HDF5, was made by ilastik 0.5, holds no Pixel Classification, or its labels do not
        fit its images.
    """
    h5py = package("h5py")
    try:
        with h5py.File(path, "r", locking=False) as file:  # a project that is open in ilastik can be read
            return _project(file, path)
    except DataError:
        raise
    except Exception as error:  # HDF5 raises whatever corrupt bytes lead it to
        raise DataError(
            f"The ilastik project '{path}' must be a whole .ilp file. Got: {one_line(error)}."
        ) from error


def _project(file: Any, path: Path) -> Project:
    version, workflow = _text(file.get("ilastikVersion"), ""), _text(file.get("workflowName"), "")
    check(
        not version.startswith("0.5"),
        DataError,
        "The ilastik project '{}' must be of ilastik 0.6 or later. Got version {}: open it in ilastik 1.x, and save it.",
        path,
        version,
    )
    check(
        LABELS in file,
        DataError,
        "The ilastik project '{}' must hold a Pixel Classification. Got {} instead.",
        path,
        f"the workflow '{workflow}'" if workflow else "none",
    )
    notes = []
    if STAGE_TWO in file:
        notes.append(f"{path.name}: the labels of Autocontext's second stage are left aside.")
    infos = file.get("Input Data/infos", {})
    images = [_info(infos[key]) for key in sorted(infos, key=_number)]
    sets = file[LABELS].get("LabelSets", {})
    blocks = [sets[key] for key in sorted(sets, key=_number)]
    # A lane that nobody labelled may have no set at all; a set without an image belongs to one that was removed.
    lanes = [
        Lane(
            info["name"],
            info["shape"],
            [_piece(block, info, version, workflow, path) for block in group.values()],
        )
        for info, group in zip(images, blocks)
    ]
    orphans = sum(len(group) > 0 for group in blocks[len(images) :])
    check(
        not orphans,
        DataError,
        "The ilastik project '{}' must tell the image of all labels. Got labels of {} images, and {} told.",
        path,
        len(blocks),
        len(images),
    )
    names, colors = _listed(file[LABELS], "LabelNames"), _listed(file[LABELS], "LabelColors")
    return Project(
        lanes,
        {i + 1: _decoded(name) for i, name in enumerate(names)},
        {i + 1: (int(r), int(g), int(b)) for i, (r, g, b) in enumerate(colors)},
        notes,
    )


def _info(lane: Any) -> dict[str, Any]:
    """Return the "name", "axes" and "shape" (T, Z, Y, X) of a lane's raw image."""
    info = lane.get("Raw Data", lane)
    axes = _tags(_text(info.get("axistags"), "")) or _text(info.get("axisorder"), "")
    sizes = [int(n) for n in info["shape"][()]] if "shape" in info else []
    shape = dict(zip(axes, sizes)) if axes and len(axes) == len(sizes) else None
    internal = _text(info.get("location"), "") == "ProjectInternal"
    return {
        "name": _image_name(
            "" if internal else _text(info.get("filePath"), ""), _text(info.get("nickname"), "")
        ),
        "axes": axes,
        "shape": tuple(shape.get(axis, 1) for axis in "tzyx") if shape else None,
    }


def _image_name(file_path: str, nickname: str) -> str:
    """Return the file's name of "folder/cells.h5/data"; the nickname where there are several files, or none."""
    several = "*" in file_path or re.search(r"\.\w+[:;]", file_path)
    files = [part for part in re.split(r"[\\/]", file_path) if FILES.search(part)]
    return files[-1] if files and not several else nickname


def _piece(block: Any, info: dict[str, Any], version: str, workflow: str, path: Path) -> Piece:
    labels = block[()] if hasattr(block, "dtype") else np.where(block["mask"][()], 0, block["data"][()])
    bounds = re.findall(r"(\d+):(\d+)", _decoded(block.attrs["blockSlice"]))
    starts = [int(start) for start, _ in bounds]
    where = f"The block '{block.name}' of the ilastik project '{path}' must"
    check(
        [int(stop) - int(start) for start, stop in bounds] == list(labels.shape),
        DataError,
        "{} have the shape of its place {}. Got {}.",
        where,
        _decoded(block.attrs["blockSlice"]),
        labels.shape,
    )
    axes = _axes_of(block, info["axes"], labels.ndim, version, workflow)
    check(
        axes,
        DataError,
        "{} have the axes of its image ({}). Got {} axes.",
        where,
        info["axes"] or "not told",
        labels.ndim,
    )
    if "c" in axes:
        channel = axes.index("c")
        check(
            labels.shape[channel] == 1, DataError, "{} have one channel. Got shape {}.", where, labels.shape
        )
        labels, axes = labels.squeeze(channel), axes.replace("c", "")
        starts.pop(channel)
    place = dict(zip(axes, starts))
    labels = labels.transpose([axes.index(axis) for axis in "tzyx" if axis in axes])
    labels = labels[tuple(slice(None) if axis in axes else None for axis in "tzyx")]
    t, z, y, x = (place.get(axis, 0) for axis in "tzyx")
    return (t, z, y, x), labels


def _axes_of(block: Any, image_axes: str, n_axes: int, version: str, workflow: str) -> str:
    """Return the axes of a block, such as "zyxc", or "": by its own tags, by those of its image, or by old custom."""
    own = _tags(_decoded(block.attrs["axistags"])) if "axistags" in block.attrs else ""
    known = [image_axes, own] if AS_THE_FILE.match(version) else [own, image_axes]
    # 1.3.3 brought the images of this workflow into the old order, and saved the labels so.
    if version in ("1.3.3", "1.3.3post1") and workflow == "Object Classification (from pixel classification)":
        known.insert(0, OLD_AXES)
    known = [axes for axes in known if axes]
    with_channel = [order for axes in known for order in (axes, axes + "c" * ("c" not in axes))]
    return next(
        (
            axes
            for axes in [*with_channel, OLD_AXES]
            if len(axes) == len(set(axes)) == n_axes and {"x", "y"} <= set(axes) <= set(OLD_AXES)
        ),
        "",
    )


def _tags(text: str) -> str:
    """Return the axes of vigra's axistags, "zyxc"."""
    return "".join(axis["key"] for axis in json.loads(text)["axes"]) if text else ""


def _number(key: str) -> int:
    """Return the number in "lane0010": some versions padded it, and others did not."""
    digits = re.search(r"\d+", key)
    return int(digits.group()) if digits else 0


def _listed(group: Any, name: str) -> list[Any]:
    """Return a saved list; an empty one is saved as a filler that is marked."""
    saved = group.get(name)
    return [] if saved is None or saved.attrs.get("isEmpty", False) else list(saved[()])


def _text(saved: Any, otherwise: str) -> str:
    return otherwise if saved is None else _decoded(saved[()])


def _decoded(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
