"""From files to measured samples, the same way when a study is made, verified, and when a model is used."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check

if TYPE_CHECKING:
    from clew.distances import Distances
    from clew.measure.measured import Measured


def gather(paths: list[Path], masks: list[Path]) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
    """Return the kind of data, the files with their label images, and remarks about what was passed over."""
    from clew.read.kinds import kind_of

    check(paths, SettingError, "The paths must name at least one file or folder. Got none.")
    kinds = {kind_of(path) for path in paths if not path.is_dir()}
    check(len(kinds) <= 1, DataError, "The paths of one study must be all images or all tables. Got both.")
    if kinds == {"table"}:
        check(not masks, SettingError, "The masks must go with images. Got tables instead.")
        folders = [path for path in paths if path.is_dir()]
        check(
            not folders,
            DataError,
            "The paths of one study must be all images or all tables. Got tables and the folder '{}'.",
            *folders[:1],
        )
        return "table", [(path, None) for path in paths], []
    from clew.read.images import find_images

    pairs, remarks = find_images(paths, masks=masks)
    return "image", pairs, remarks


def measure(
    kind: str,
    files: list[tuple[Path, Path | None]],
    how: dict[str, Any],
    *,
    distances: tuple[Path, dict[str, Any]] | None = None,
) -> Measured:
    """Read and measure files of one kind: "image", "table", or "distances", which is rows without measurements.

    Parameters
    ----------
    kind : str
    files : list of (Path, Path or None)
        The data, with their label images.
    how : dict
        The settings of `new` for this kind.
    distances : (Path, dict), optional
        A file of distances between the rows of tables, and the settings of `new` for distances.
    """
    if kind == "distances":
        return _rows_of_distances(files[0][0], how)
    if kind == "table":
        from clew.measure.rows import measure_rows
        from clew.read.tables import read_table

        tables = [read_table(path) for path, _ in files]
        if distances is None:
            return measure_rows(tables, **how)
        given, sha256 = _distances(*distances)
        measured = measure_rows(tables, **how, distances=given)
        read = {**measured.sha256, beside(distances[0]): sha256}
        return replace(measured, notes=[*measured.notes, *given.notes], sha256=read)
    from clew.measure.objects import measure_objects
    from clew.read.images import read_image, read_label_image

    images = [read_image(path) for path, _ in files]
    label_images = [
        None if mask is None else read_label_image(mask, shape=image.pixels.shape[1:])
        for image, (_, mask) in zip(images, files)
    ]
    return measure_objects(images, label_images, **how)


def _rows_of_distances(path: Path, how: dict[str, Any]) -> Measured:
    """Return the places between which there are distances, as rows without measurements."""
    from clew.measure.measured import Measured
    from clew.samples import Samples

    found, sha256 = _distances(path, how)
    samples = Samples.from_distances(found, source=path.name)
    counts = {"found": samples.n_rows, "kept": samples.n_rows}
    return Measured(samples, {}, list(found.notes), counts, {}, {path.name: sha256}, found)


def _distances(path: Path, how: dict[str, Any]) -> tuple[Distances, str]:
    """Return the distances in a file, and the SHA-256 of its bytes before they were read."""
    from clew.read.distances import read_distances
    from clew.read.kinds import read_bytes

    sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    return read_distances(path, **{name.removeprefix("edge_"): value for name, value in how.items()}), sha256


def beside(path: Path) -> str:
    """Return the name of the source that holds the distances between rows of tables."""
    return f"distances in {path.name}"
