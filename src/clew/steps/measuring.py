"""From files to measured samples, the same way when a study is made, verified, and when a model is used."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check, did_you_mean
from clew.steps.outcome import OnProgress
from clew.words import listed

if TYPE_CHECKING:
    from clew.distances import Distances
    from clew.measure.measured import Measured
    from clew.samples import Samples


WORDS = {"table": "tables", "image": "images", "signal": "recordings", "distances": "distances"}
WORDS |= {"rows": "what is measured", "paint": "images to paint on (--paint)"}
AROUND = ("annotations", "response")  # files beside recordings, by the setting of `new` that names them


def gather(
    paths: list[Path], masks: list[Path], *, signals: bool | None = None
) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
    """Return the kind of data, the files with their label images, and remarks about what was passed over.

    Parameters
    ----------
    paths, masks : list of Path
    signals : bool, optional
        Whether the files are recordings, where it is known; a table or an array may be one, or not.
    """
    from clew.read.kinds import kind_of

    check(paths, SettingError, "The paths must name at least one file or folder. Got none.")
    if signals or (signals is None and _only_recordings(paths)):
        from clew.read.recording_files import found_files

        check(not masks, SettingError, "The masks must go with images. Got recordings instead.")
        remarks: list[str] = []
        return "signal", [(path, None) for path in found_files(paths, remarks)], remarks
    _refuse_mixture(paths, known=signals is not None)
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
    around: dict[str, Path] | None = None,
    on_progress: OnProgress | None = None,
) -> Measured:
    """Read and measure files of one kind: "image", "table", "signal", or "distances", rows without measurements.

    Parameters
    ----------
    kind : str
    files : list of (Path, Path or None)
        The data, with their label images.
    how : dict
        The settings of `new` for this kind.
    distances : (Path, dict), optional
        A file of distances between the rows of tables, and the settings of `new` for distances.
    around : dict of str to Path, optional
        Files beside recordings: "annotations", "response".
    on_progress : callable, optional
        Called with what is done and all there is to do, while recordings are measured.
    """
    if kind == "signal":
        return _windows(files, how, around or {}, on_progress)
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


def _windows(
    files: list[tuple[Path, Path | None]],
    how: dict[str, Any],
    around: dict[str, Path],
    on_progress: OnProgress | None,
) -> Measured:
    """Cut recordings into windows and measure them; what people said of pieces of them comes along."""
    from clew.measure.windows import measure_windows
    from clew.read.given import STATION, read_given
    from clew.read.kinds import read_bytes
    from clew.read.recordings import read_recordings

    how = {{"gaps": "missing"}.get(name, name): value for name, value in how.items() if value is not None}
    column, target = how.pop("label", None), how.pop("target", None)
    reading = {name: how.pop(name) for name in ("rate", "time") if name in how}
    read = read_recordings([path for path, _ in files], **reading, response=around.get("response"))
    given, hashes, said = list(read.given), dict(read.sha256), list(read.notes)
    if "annotations" in around:
        given = read_given(around["annotations"], read.recordings, notes=said)
        if column is None and target is None and given and not any(one.label for one in given):
            others = listed([name for name in given[0].columns if name != STATION]) or "none"
            said.append(
                f"The annotations carry no labels; their other columns: {others}. --label or --target takes one of them."
            )
    elif given and "window" not in how:  # cut already, as data sets are
        how["window"] = min(one.duration for one in read.recordings)
    for role, path in around.items():
        hashes[beside(path, role)] = hashlib.sha256(read_bytes(path)).hexdigest()
    if column is not None:
        given = [replace(one, label=_said(one, column)) for one in given]
    measured = measure_windows(read.recordings, given=given or None, on_progress=on_progress, **how)
    samples = measured.samples
    if target is not None:
        samples = samples.with_target(_numbers_said(samples, target))
    return replace(measured, samples=samples, notes=[*said, *measured.notes], sha256=hashes)


def _said(given: Any, column: str) -> str:
    """Return what an annotation says in one of its columns."""
    check(
        column in given.columns,
        SettingError,
        "The setting --label must name a column of the annotations. Got '{}' instead.{}",
        column,
        did_you_mean(column, list(given.columns)),
    )
    return str(given.columns[column])


def _numbers_said(samples: Samples, column: str) -> Any:
    """Return a column of the annotations as numbers, float64 of shape (n_rows,); NaN where there is none."""
    import numpy as np

    known = [str(name) for name in samples.origin if samples.origin[name].dtype.kind == "f"]
    check(
        column in known,
        SettingError,
        "The setting --target must name a column of numbers in the annotations. Got '{}' instead.{}",
        column,
        did_you_mean(column, known),
    )
    return samples.origin[column].to_numpy(np.float64)


def _refuse_mixture(paths: list[Path], *, known: bool) -> None:
    """Refuse recordings beside files that are taken for something else, or where it is known that there are none."""
    from clew.read.recording_files import is_recording

    recordings = [path for path in paths if path.is_file() and is_recording(path)]
    check(
        not recordings or not known,
        DataError,
        "The data must be images or tables, as those that the model was trained on. Got the recording '{}'.",
        *recordings[:1],
    )
    check(
        not recordings,
        DataError,
        "The paths of one study must be all images, all tables or all recordings (tables are, with --window). Got the recording "
        "'{}' beside others.",
        *recordings[:1],
    )


def _only_recordings(paths: list[Path]) -> bool:
    """Tell whether all paths can be nothing else than recordings, or folders of them."""
    from clew.read.kinds import IMAGES, has_suffix
    from clew.read.recording_files import is_recording

    def has_images(path: Path) -> bool:
        return path.is_dir() and any(has_suffix(file, IMAGES) for file in path.iterdir())

    return all(is_recording(path) and not has_images(path) for path in paths)


def beside(path: Path, role: str = "distances") -> str:
    """Return the name of the source that holds the distances between rows of tables, or what stands beside recordings."""
    return f"{role} in {path.name}"
