"""Making a study, and what people bring to it later: labels, and files that were moved."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from clew.errors import DataError, SettingError, check, check_seed
from clew.steps.measuring import beside, gather, measure
from clew.steps.outcome import Outcome, sentences
from clew.words import listed

if TYPE_CHECKING:
    import numpy as np

    from clew.measure.measured import Measured
    from clew.samples import Samples
    from clew.study.study import Draft, Source, Step, Study

MOST_NAMED = 12  # measurements that `new` names


def new(
    study: Path,
    paths: Sequence[Path] = (),
    *,
    masks: list[Path] | None = None,
    distances: Path | None = None,
    features: str = "all",
    sealed: float = 0.2,
    by: Literal["auto", "group", "time", "latest", "space", "row"] = "auto",
    group: str | None = None,
    time: str | None = None,
    label: str | None = None,
    identifier: str | None = None,
    target: str | None = None,
    leave_out: list[str] | None = None,
    missing: Literal["drop", "refuse"] = "drop",
    symmetrise: Literal["mean", "min", "max"] = "mean",
    edge_source: str | None = None,
    edge_target: str | None = None,
    edge_length: str | None = None,
    edge_parts: Literal["refuse", "largest"] = "refuse",
    threshold: float | Literal["otsu"] = "otsu",
    channel: int = 0,
    foreground: Literal["bright", "dark"] = "bright",
    split: Literal["none", "distance"] = "none",
    min_area: int = 0,
    border: Literal["keep", "drop"] = "keep",
    random_state: int = 0,
) -> Outcome:
    """Make a study: recognise the data, measure them, deal and seal the rows.

    Parameters
    ----------
    study : Path
        The folder to make.
    paths : list of Path
        Images, tables, or folders of them; none where there are distances only.
    masks : list of Path
        Label images, in the order of the images or named like them; found beside the images otherwise.
    distances : Path
        A file of distances between the rows: a square table, a square array (.npy, .npz), or a list of edges, of which they
        are the shortest paths. Rows of tables are found in it by their names.
    features : str
        The feature set that this study is about: all, shape, size, intensity, or names with commas.
    sealed : float
        Share of the rows to put aside until the end.
    by : {"auto", "group", "time", "latest", "space", "row"}
        What is sealed as a whole: groups where there are some, else stretches of time or regions of the image. "latest" seals the end of
        the record, for forecasts; "row" seals rows at random, which flatters where they resemble each other.
    group : str
        Tables: the column that says which rows belong together (patient, station, plate).
    time : str
        Tables: the column that says when a row was taken: dates, or numbers in the unit that its name ends in (s, h, days); the only
        column of dates otherwise.
    label : str
        Tables: the column that holds the classes people gave.
    identifier : str
        Tables: the column that names the rows.
    target : str
        Tables: the numeric column to be predicted; it is kept out of the features.
    leave_out : list of str
        Tables: columns that are no measurements.
    missing : {"drop", "refuse"}
        Tables: leave rows with missing measurements out, and say so, or refuse them.
    symmetrise : {"mean", "min", "max"}
        Distances: what stands for two directions that differ.
    edge_source, edge_target : str
        Distances: the columns with the two ends of each edge.
    edge_length : str
        Distances: the column with the length of each edge.
    edge_parts : {"refuse", "largest"}
        Distances: refuse edges that do not join all places, or keep the largest part and say so.
    threshold : float or "otsu"
        Images without label images: pixels above it are objects.
    channel : int
        Images: the channel that the threshold is applied to, from 0.
    foreground : {"bright", "dark"}
        Images: are the objects brighter or darker than the ground?
    split : {"none", "distance"}
        Images: cut touching objects apart at their necks? Not those that label images number.
    min_area : int
        Images: objects with fewer pixels are left out, and counted.
    border : {"keep", "drop"}
        Images: what to do with objects that touch the border.
    random_state : int
        Seed of the draw of the sealed rows.
    """
    from clew.splits import seal
    from clew.study.intake import Measurement, Sources
    from clew.study.study import Study, refuse_existing

    how: dict[str, dict[str, Any]] = {
        "table": {
            "label": label,
            "group": group,
            "time": time,
            "identifier": identifier,
            "target": target,
            "leave_out": tuple(leave_out or ()),
            "missing": missing,
        },
        "image": {
            "threshold": threshold,
            "channel": channel,
            "foreground": foreground,
            "split": split,
            "min_area": min_area,
            "border": border,
        },
        "distances": {
            "symmetrise": symmetrise,
            "edge_source": edge_source,
            "edge_target": edge_target,
            "edge_length": edge_length,
            "edge_parts": edge_parts,
        },
    }
    refuse_existing(study)
    check_seed(random_state, of="new")
    began = perf_counter()
    kind, files, remarks = _gather(list(paths), masks or [], distances)
    between = (distances, how["distances"]) if distances is not None and kind == "table" else None
    _refuse_foreign({kind, "distances"} if between else {kind}, how)
    measured = measure(kind, files, how[kind], distances=between)
    samples = measured.samples
    samples.resolve(features)  # refuses unknown names before anything is written
    dealt = seal(samples, share=sealed, by=by, random_state=random_state)
    notes = [*remarks, *measured.notes, *_copies(samples, dealt.sealed)]
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in how[kind].items()}
    measurement = Measurement(
        what="objects" if kind == "image" else "rows",
        n_rows=samples.n_rows,
        features=list(samples.feature_names),
        units=list(samples.units),
        counts=dict(measured.counts),
        notes=notes,
        samples=samples.with_labels(None).digest(),
        settings={**settings, "features": features, **(between[1] if between else {})},
    )
    with Study.create(study) as draft:
        sources = _sources(files, kind, study, distances=between and between[0], read=measured.sha256)
        draft.put_rows(samples, dealt.sealed)
        draft.put_sources(sources)
        draft.put_facts(
            kind=kind,
            what=measurement.what,
            features=features,
            measure=settings,
            measured=measured.settings,
            distances=how["distances"] if between else None,
            notes=notes,
        )
        if kind == "image":
            _put_pictures(draft, measured, files)
        common = {"function": "", "sees": "nothing", "inputs": {}}
        raw = Sources(names=[s.name for s in sources], sha256=[s.sha256 for s in sources])
        draft.record(raw, verb="sources", seconds=0.0, **common)
        draft.record(measurement, verb="measure", seconds=perf_counter() - began, **common)
        last = draft.record(dealt, verb="seal", seconds=0.0, **common)
        if samples.labels is not None:
            given = {str(name): str(one) for name, one in zip(samples.sample, samples.labels) if one}
            record_labels(draft, given, source=", ".join(s.name for s in sources if s.role == "data"))
    counts = Study(study).counts()
    data = {
        "rows": samples.n_rows,
        **counts,
        "features": list(samples.feature_names),
        "groups": samples.n_groups,
        "sources": len(sources),
        "counts": dict(measured.counts),
        "distances": measured.distances.summary() if measured.distances is not None else None,
    }
    lines = [
        f"{study}: {measurement.headline()}, {counts['open']} open and {counts['sealed']} sealed.",
        *_measured_features(samples.feature_names),
        *sentences(notes),
        dealt.reason,
        f"Next: clew train {study}, or look for groups: clew explore {study}"
        if samples.labels is not None or samples.target is not None
        else f"Next: clew explore {study}",
    ]
    return Outcome(lines, data, last, dealt, notes)


def _measured_features(names: Sequence[str]) -> list[str]:
    """Say what is measured, by name: a column that is the answer, or a row's number, must not hide in a count."""
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return [f"The measurements: {listed([*names[:MOST_NAMED], *more])}."] if names else []


def _gather(
    paths: list[Path], masks: list[Path], distances: Path | None
) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
    """Return the kind of data, the files with their label images, and remarks; a lone table may be one of distances."""
    from clew.read.distances import is_distances

    if not paths and distances is not None:
        check(not masks, SettingError, "The masks must go with images. Got distances instead.")
        return "distances", [(distances, None)], []
    kind, files, remarks = gather(paths, masks)
    check(
        distances is None or kind == "table",
        SettingError,
        "The setting --distances must go with tables, or alone. Got images instead.",
    )
    if len(files) > 1 or kind != "table" or not is_distances(files[0][0]):
        return kind, files, remarks
    path = files[0][0]
    check(
        distances is None,
        SettingError,
        "The path beside --distances must be a table of measurements. Got '{}', which holds distances itself.",
        path,
    )
    said = f"{path.name}: holds distances, as rows and columns have the same names and 0 between them."
    return "distances", files, [said]


def _refuse_foreign(kinds: set[str], how: dict[str, dict[str, Any]]) -> None:
    """Refuse settings that are for other kinds of data: nobody should believe that they did something."""
    words = {"table": "tables", "image": "images", "distances": "distances"}
    defaults = {name: one.default for name, one in inspect.signature(new).parameters.items()}
    foreign = [(words[other], *one) for other in how if other not in kinds for one in how[other].items()]
    for other, name, value in foreign:
        check(
            value in (defaults[name], ()),
            SettingError,
            "The setting --{} must go with {}. Got {} instead.",
            name.replace("_", "-"),
            other,
            " and ".join(words[kind] for kind in words if kind in kinds),
        )


def _copies(samples: Samples, sealed: np.ndarray) -> list[str]:
    """Say how many rows are copies of others, or nearly, and how many of these lie on both sides of the seal.

    Without measurements, rows at distance 0 are copies; the distances themselves say how many there are.
    """
    import numpy as np

    if samples.n_features:
        from clew.validate.duplicates import near_duplicates

        found = near_duplicates(samples, sealed.astype(int))
        return found.sentences(across="beyond the seal", so="which flatters the final test")
    if samples.distances is None:
        return []
    same = samples.distances[np.ix_(sealed, ~sealed)] == 0
    n_same = int(same.any(axis=0).sum() + same.any(axis=1).sum())
    told = f"{n_same} rows are at distance 0 from one beyond the seal, which flatters the final test."
    return [told] if n_same else []


def _sources(
    files: list[tuple[Path, Path | None]],
    kind: str,
    study: Path,
    *,
    distances: Path | None,
    read: dict[str, str],
) -> list[Source]:
    """Name every file as the rows' origin names it, and refuse the same data under two names."""
    from clew.read.kinds import distinct_names
    from clew.study.study import Source

    sources: list[Source] = []
    for (path, mask), name in zip(files, distinct_names([path for path, _ in files])):
        role = "distances" if kind == "distances" else "data"
        sources.append(Source.of(path, name=name, kind=kind, role=role, study=study))
        if mask is not None:
            role = f"labels of {name}"
            sources.append(Source.of(mask, name=role, kind=kind, role=role, study=study))
    if distances is not None:
        name, role = beside(distances), "distances"
        sources.append(Source.of(distances, name=name, kind=role, role=role, study=study))
    for one in sources:
        same = read.get(one.name, one.sha256) == one.sha256
        check(
            same,
            DataError,
            "The file '{}' must stay as it is while it is measured. Got another content now.",
            one.path,
        )
    seen: dict[str, str] = {}
    for one in sources:
        if one.role == "data":
            check(
                one.sha256 not in seen,
                DataError,
                "The files of a study must hold different data. Got the same bytes in '{}' and '{}': they would count as independent.",
                seen.get(one.sha256),
                one.name,
            )
            seen[one.sha256] = one.name
    return sources


def _put_pictures(draft: Any, measured: Measured, files: list[tuple[Path, Path | None]]) -> None:
    """Keep the label images, and a small grey picture of every image for the report."""
    from clew.read.images import read_image
    from clew.read.kinds import distinct_names
    from clew.read.pictures import label_image_bytes, picture_bytes

    for (path, _), name in zip(files, distinct_names([path for path, _ in files])):
        if name in measured.label_images:
            draft.put_file(f"arrays/{name}.labels.tif", label_image_bytes(measured.label_images[name]))
            draft.put_file(f"arrays/{name}.png", picture_bytes(read_image(path).pixels))


def label(study: Study, file: Path | None = None, *, undo: bool = False) -> Outcome:
    """Add labels that people made elsewhere, in a table or painted on the objects; or take the last ones back.

    Parameters
    ----------
    study : Study
    file : Path
        A table with the columns sample and label; or, of images, an annotation (label image, ilastik project, QuPath's
        GeoJSON) or a folder of them: each object gets the highest class painted on it. Nothing is recorded unless all fits.
    undo : bool
        Take the last act of labelling back; it stays on record, and so does the undoing.
    """
    from clew.read.annotations import ANNOTATIONS
    from clew.read.kinds import has_suffix
    from clew.read.labels import read_labels

    if undo:
        check(
            file is None,
            SettingError,
            "The labels to undo must be the last ones. Got the file '{}' beside --undo.",
            file,
        )
        return _undo(study)
    if file is None:
        raise SettingError("The labels must come from a file: clew label STUDY FILE.csv. Got none.")
    file = Path(file)
    notes: list[str] = []
    if file.is_dir() or has_suffix(file, ANNOTATIONS):
        given = _painted_labels(study, file, notes)
    else:
        given = dict(read_labels(file, samples=study.sample_names()))
    standing = study.labels()
    changed = sum(sample in standing and standing[sample] != (one, "person") for sample, one in given.items())
    recorded = record_labels(study, given, source=file.name)
    result = study.result(recorded)
    lines = [
        f"{result.headline()}.",
        *sentences(notes),
        f"{changed} of them stand in place of earlier ones, which stay on record."
        if changed
        else f"Next: clew train {study.folder}",
    ]
    return Outcome(lines, {**result.summary(), "changed": changed}, recorded, result, notes)


@dataclass(frozen=True)
class _Painted:
    """What `pair_annotations` asks of an image, without opening it."""

    name: str
    path: Path
    shape: tuple[int, ...]
    content: str

    def sha256(self) -> str:
        return self.content


def _painted_labels(study: Study, file: Path, notes: list[str]) -> dict[str, str]:
    """Return the label of each object that was painted on: the highest class there."""
    import tifffile

    from clew.learn.painted import labels_from_annotation
    from clew.read.pairing import pair_annotations

    sources = [one for one in study.sources() if one.role == "data"]
    kind = study.facts()["kind"]
    check(
        kind == "image",
        DataError,
        "The labels of a study of {}s must come from a table. Got '{}'.",
        kind,
        file,
    )
    labels = [tifffile.imread(study.folder / "arrays" / f"{one.name}.labels.tif") for one in sources]
    images = [
        _Painted(one.name, Path(one.path), (1, 1, 1, *each.shape), one.sha256)
        for one, each in zip(sources, labels)
    ]
    pairs, remarks = pair_annotations(images, [file])
    notes += remarks
    rows, n_lost = set(study.sample_names()), 0
    given: dict[str, str] = {}
    for index, annotation in pairs:
        painted = labels_from_annotation(labels[index], annotation)
        notes += [f"{sources[index].name}: {note}" for note in painted.notes]
        named = painted.label != ""
        found = {
            f"{sources[index].name}#{number}": str(one)
            for number, one in zip(painted.object[named], painted.label[named])
        }
        n_lost += len(found.keys() - rows)
        given |= {sample: one for sample, one in found.items() if sample in rows}
    if n_lost:
        notes.append(
            f"{n_lost} painted objects are no rows of the study: they were left out of it when measured."
        )
    check(
        given, DataError, "The annotation '{}' must be painted on rows of the study. Got none of them.", file
    )
    return given


def _undo(study: Study) -> Outcome:
    """Take back the last labels of people that stand."""
    from clew.study.intake import Undone
    from clew.study.record import undo_labels

    act = study.last_labelling()
    if act is None:
        raise DataError(
            f"The study '{study.folder}' must have labels of people to be undone. Got none that stand."
        )
    recorded = study.record(
        Undone(step=act),
        verb="label",
        function="",
        sees="nothing",
        inputs={},
        seconds=0.0,
        also=lambda db, step, _: undo_labels(db, act, step=step),
    )
    result = study.result(recorded)
    return Outcome(
        [f"{result.headline()}; what stood before stands again."], result.summary(), recorded, result
    )


def record_labels(study: Study | Draft, given: dict[str, str], *, source: str) -> Step:
    """Append people's labels, and the step that brought them, in one transaction."""
    from clew.study.intake import Given
    from clew.study.record import add_labels

    return study.record(
        Given.of(given, source=source),
        verb="label",
        function="",
        sees="nothing",
        inputs={},
        seconds=0.0,
        also=lambda db, step, _: add_labels(db, given.items(), how="person", step=step),
    )


def relink(study: Study, paths: list[Path]) -> Outcome:
    """Find sources that were moved, by their content.

    Parameters
    ----------
    study : Study
    paths : list of Path
        Files, or folders to look through.
    """
    from clew.study.intake import Relinked

    found = study.relink(paths)
    result = Relinked(names=list(found))
    recorded = study.record(result, verb="relink", function="", sees="nothing", inputs={}, seconds=0.0)
    return Outcome([f"{name}: {path}" for name, path in found.items()], result.summary(), recorded, result)
