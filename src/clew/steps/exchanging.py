"""Labels to and from other tools: COCO, Label Studio, QuPath and QuakeML, besides plain tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.steps.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

    from clew.read.marks import Mark
    from clew.study.study import Study

Format = Literal["coco", "label-studio", "qupath"]
DOCUMENTS = (".json", ".geojson")
TABLES = (".csv", ".parquet", ".jsonl")
QUAKEML = (".xml", ".quakeml", ".qml")
KINDS = {"image": "objects in images", "signal": "windows of recordings"}


# ---- from other tools ----
def foreign_labels(study: Study, file: Path, notes: list[str]) -> dict[str, str] | None:
    """Return the label of each sample that a file of another tool marks; None if it is a table, or painted.

    Parameters
    ----------
    study : Study
    file : Path
        COCO's or Label Studio's JSON, QuPath's GeoJSON of detections, or QuakeML.
    notes : list of str
        What is left aside is put in here.

    Raises
    ------
    DataError
        If it cannot be read, is of images or recordings that the study has not, or marks none of its rows.
    """
    marks = _marks_of(file)
    if marks is None:
        return None
    kind = study.facts()["kind"]
    timed = any(mark.start is not None for mark in marks)
    check(
        kind == ("signal" if timed else "image"),
        DataError,
        "The labels '{}' must be of {}, as the study is. Got labels of {}.",
        file.name,
        KINDS.get(kind, f"rows of a {kind}, in a table of sample and label"),
        KINDS["signal" if timed else "image"],
    )
    check(marks, DataError, "The labels '{}' must label at least one row. Got none.", file.name)
    pairs = _windows(study, marks, notes, file) if timed else _objects(study, marks, notes, file)
    return _settled(pairs, notes, file)


def _marks_of(file: Path) -> list[Mark] | None:
    from clew.read.kinds import has_suffix, read_bytes
    from clew.read.marks import Mark

    if has_suffix(file, QUAKEML):
        from clew.read.quakeml import read_quakeml

        picks = read_quakeml(file)
        check(
            any(pick.label for pick in picks),
            DataError,
            "The events of '{}' must have a type or a class. Got {} picks without.",
            file.name,
            len(picks),
        )
        return [
            Mark(p.label, "", start=p.time, end=p.end or p.time, station=p.station, sensor=p.sensor)
            for p in picks
            if p.label
        ]
    if not has_suffix(file, DOCUMENTS):
        return None
    try:
        document = json.loads(read_bytes(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"The labels '{file.name}' must be whole JSON. Got: {error}.") from error
    from clew.read.geojson import read_detections
    from clew.read.labels_coco import is_coco, read_coco
    from clew.read.labels_studio import is_label_studio, read_label_studio

    if is_coco(document):
        return read_coco(document, file.name)
    if is_label_studio(document):
        return read_label_studio(document, file.name)
    try:
        found = read_detections(document, file)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        return None  # not whole GeoJSON either: what paints it says how
    return [Mark(name, "", tuple(rings)) for name, rings in found] or None


def _objects(study: Study, marks: list[Mark], notes: list[str], file: Path) -> list[tuple[str, str]]:
    """Return (sample, label) of the object that each mark means."""
    from clew.read.marks import objects_under, source_of

    images = _label_images(study)
    of_image: dict[str, list[Mark]] = {}
    unknown = []
    for mark in marks:
        alone = next(iter(images)) if len(images) == 1 and not mark.of else None
        home = alone or source_of(mark.of or file.name, list(images))
        if home is None:
            unknown.append(mark)
        else:
            of_image.setdefault(home, []).append(mark)
    check(
        not unknown,
        DataError,
        "The labels '{}' must be of the study's images ({}). Got {} of others, the first {}.",
        file.name,
        _some(images),
        len(unknown),
        next(iter(unknown), ""),
    )
    rows, pairs, beside = set(study.sample_names()), [], []
    for name, mine in of_image.items():
        for mark, number in zip(mine, objects_under(images[name], mine).tolist()):
            sample = f"{name}#{number}"
            if sample in rows:
                pairs.append((sample, mark.label))
            else:
                beside.append(mark)
    return _left(pairs, beside, "on no object of the study", notes, file)


def _windows(study: Study, marks: list[Mark], notes: list[str], file: Path) -> list[tuple[str, str]]:
    """Return (sample, label) of the windows that each mark means."""
    from clew.read.marks import windows_under

    places = study.places()
    check(
        {"start", "end"} <= set(places.columns),
        DataError,
        "The windows of the study must have times to be labelled by '{}'. Got windows without.",
        file.name,
    )
    start, end = places["start"].to_numpy(float), places["end"].to_numpy(float)
    names = places.index.to_numpy(str)
    pairs, beside = [], []
    for mark in marks:
        mine = np.flatnonzero(_of_mark(places, mark))
        found = mine[windows_under(start[mine], end[mine], mark)]
        pairs += [(str(names[i]), mark.label) for i in found]
        beside += [mark] * (not len(found))
    return _left(pairs, beside, "in no window of the study", notes, file)


def _of_mark(places: pd.DataFrame, mark: Mark) -> np.ndarray:
    """Return which windows are of the recording of a mark, bool (n_windows,)."""
    from clew.read.marks import source_of

    if mark.station:
        mine = (places["station"] == mark.station).to_numpy()
        sensor = (places["recording"] == f"{mark.station}.{mark.sensor}").to_numpy() & mine
        return sensor if sensor.any() else mine
    for column in ("source", "recording", "station"):
        known = places[column].unique().tolist()
        home = mark.of if mark.of in known else source_of(mark.of, known) if column == "source" else None
        if home is not None:
            return (places[column] == home).to_numpy()
    return np.full(len(places), not mark.of and places["recording"].nunique() == 1)


def _left(
    pairs: list[tuple[str, str]], beside: list[Mark], where: str, notes: list[str], file: Path
) -> list[tuple[str, str]]:
    check(
        pairs,
        DataError,
        "The labels '{}' must lie on rows of the study. Got {} that lie {}, the first {}.",
        file.name,
        len(beside),
        where,
        next(iter(beside), ""),
    )
    if beside:
        notes.append(
            f"{len(beside)} of {len(beside) + len(pairs)} labels lie {where}, the first {beside[0]}."
        )
    return pairs


def _settled(pairs: Iterable[tuple[str, str]], notes: list[str], file: Path) -> dict[str, str]:
    """Return one label a sample; what two labels share stays without."""
    said: dict[str, set[str]] = {}
    for sample, label in pairs:
        said.setdefault(sample, set()).add(label)
    shared = [sample for sample, labels in said.items() if len(labels) > 1]
    if shared:
        notes.append(
            f"{len(shared)} rows that labels of different classes share stay unlabelled, the first {shared[0]} "
            f"({', '.join(sorted(said[shared[0]]))})."
        )
    given = {sample: next(iter(labels)) for sample, labels in said.items() if len(labels) == 1}
    check(
        given,
        DataError,
        "The labels '{}' must label at least one row clearly. Got only rows with two.",
        file.name,
    )
    return given


def _label_images(study: Study) -> dict[str, np.ndarray]:
    """Return the objects of each image of the study, int (Y, X)."""
    import tifffile

    images = {
        one.name: tifffile.imread(study.folder / "arrays" / f"{one.name}.labels.tif")
        for one in study.sources()
        if one.role == "data"
    }
    flat = all(labels.ndim == 2 for labels in images.values())
    check(
        flat,
        DataError,
        "Outlines must be of flat images. Got a study of volumes: use a table of sample and label.",
    )
    return images


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


# ---- to other tools ----
def export_labels(study: Study, path: Path, *, format: Format | None = None) -> Outcome:
    """Write what people said of the open rows, as another tool reads it, or as a table of sample, label, who and when.

    Parameters
    ----------
    study : Study
    path : Path
        CSV, Parquet, JSON lines; GeoJSON for QuPath (of several images a folder); JSON of COCO or Label Studio; QuakeML (.xml).
    format : {"coco", "label-studio", "qupath"}, optional
        Where the ending does not tell.

    Raises
    ------
    SettingError
        If it is not clear what to write.
    DataError
        If nobody has labelled, or the format cannot hold such rows.
    """
    said = said_by_people(study)
    check(said, DataError, "The study '{}' must have labels of people to export. Got none.", study.folder)
    suffix, kind = path.suffix.casefold(), study.facts()["kind"]
    wanted = format or {".geojson": "qupath"}.get(suffix) or ("quakeml" if suffix in QUAKEML else None)
    check(
        wanted is not None or suffix != ".json",
        SettingError,
        "The format of '{}' must be told: --format coco or --format label-studio. Got none.",
        path,
    )
    if wanted is None:
        _write_table(said, path)
    elif wanted in ("coco", "qupath") or (wanted == "label-studio" and kind == "image"):
        check(
            kind == "image",
            DataError,
            "The format {} must hold objects in images. Got a study of {}: write .csv{} instead.",
            wanted,
            "windows" if kind == "signal" else "rows of a table" if kind == "table" else kind,
            ", .xml or --format label-studio" if kind == "signal" else " or .parquet",
        )
        _write_objects(study, {sample: one[0] for sample, one in said.items()}, path, wanted)
    else:
        check(
            kind == "signal",
            DataError,
            "The format {} must hold windows of recordings. Got a study of {}: write .csv or .parquet instead.",
            "QuakeML" if wanted == "quakeml" else wanted,
            {"image": "objects in images", "table": "rows of a table"}.get(kind, kind),
        )
        _write_windows(study, {sample: one[0] for sample, one in said.items()}, path, wanted)
    counts: dict[str, int] = {}
    for label, _, _ in said.values():
        counts[label] = counts.get(label, 0) + 1
    told = ", ".join(f"{n} {label}" for label, n in sorted(counts.items()))
    return Outcome([f"{len(said)} labels in {path}: {told}."], {"labels": counts, "out": str(path)})


def said_by_people(study: Study) -> dict[str, tuple[str, str, str]]:
    """Return ``{sample: (label, who, at)}`` of the open rows whose label is a person's word, in the order of the rows."""
    events, said = study.label_events(), {}
    undone = {event.undoes for event in events}
    for event in events:
        if event.how == "person" and event.undoes is None and event.id not in undone:
            said[event.sample] = (event.label or "", event.who, event.at)
    return {sample: said[sample] for sample in study.sample_names() if sample in said and said[sample][0]}


def _write_table(said: dict[str, tuple[str, str, str]], path: Path) -> None:
    import pandas as pd

    from clew.learn.apply import check_output, write_table

    check_output(path, None, inputs=[])
    rows = [(sample, *one) for sample, one in said.items()]
    write_table(pd.DataFrame(rows, columns=["sample", "label", "who", "at"]), path)


def _write_objects(study: Study, labels: dict[str, str], path: Path, wanted: str) -> None:
    from clew.read.geojson import drawing_of
    from clew.read.labels_coco import coco
    from clew.read.labels_studio import studio_images
    from clew.result import write_whole

    images = _label_images(study)
    given: dict[tuple[str, int], str] = {}
    for sample, label in labels.items():
        image, _, number = sample.rpartition("#")
        given[image, int(number)] = label
    if wanted != "qupath":
        classes = sorted(set(labels.values()))
        listed = list(images.items())
        text = coco(listed, given, classes) if wanted == "coco" else studio_images(listed, given)
        write_whole(path, text.encode())
        return
    folder = not path.suffix
    check(
        folder or len(images) == 1,
        SettingError,
        "The GeoJSON of {} images must go into a folder, a file each: --labels FOLDER --format qupath. Got '{}'.",
        len(images),
        path,
    )
    if folder:
        path.mkdir(parents=True, exist_ok=True)
    for name, objects in images.items():
        mine = {number: label for (image, number), label in given.items() if image == name}
        if mine:
            to = path / f"{Path(name).stem}.geojson" if folder else path
            write_whole(to, drawing_of(objects, mine).encode())


def _write_windows(study: Study, labels: dict[str, str], path: Path, wanted: str) -> None:
    import pandas as pd

    from clew.read.labels_studio import studio_spans
    from clew.read.quakeml import write_quakeml
    from clew.read.recording import spell_time
    from clew.result import write_whole

    places = study.places().loc[list(labels)]
    check(
        "start" in places,
        DataError,
        "Windows must have times to be exported as {}. Got windows without.",
        wanted,
    )
    if wanted == "label-studio":
        spans = zip(
            places["source"], places["start"].astype(float), places["end"].astype(float), labels.values()
        )
        write_whole(path, studio_spans(list(spans)).encode())
        return
    dated = [
        not sample.endswith("s") for sample in labels
    ]  # a window's name ends with its time, in s where undated
    times = {
        name: [spell_time(float(t), dated=d) for t, d in zip(places[name], dated)]
        for name in ("start", "end")
    }
    rows = pd.DataFrame(
        {
            "recording": places["recording"].tolist(),
            "station": places["station"].tolist(),
            **times,
            "label": list(labels.values()),
            "probability": np.nan,
        }
    )
    write_quakeml(rows, path)
