"""Making a study, and what people bring to it later: labels, and files that were moved."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clew.steps.measuring import gather, measure
from clew.steps.outcome import Outcome

if TYPE_CHECKING:
    from clew.measure.measured import Measured
    from clew.samples import Samples
    from clew.study.study import Source, Step, Study


def new(
    study: Path,
    paths: list[Path],
    *,
    masks: list[Path] | None = None,
    features: str = "all",
    sealed: float = 0.2,
    by: Literal["auto", "group", "space", "row"] = "auto",
    group: str | None = None,
    label: str | None = None,
    identifier: str | None = None,
    target: str | None = None,
    leave_out: list[str] | None = None,
    missing: Literal["drop", "refuse"] = "drop",
    threshold: float | Literal["otsu"] = "otsu",
    channel: int = 0,
    foreground: Literal["bright", "dark"] = "bright",
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
        Images, tables, or folders of them.
    masks : list of Path
        Label images, in the order of the images or named like them; found beside the images otherwise.
    features : str
        The feature set that this study is about: all, shape, size, intensity, or names with commas.
    sealed : float
        Share of the rows to put aside until the end.
    by : {"auto", "group", "space", "row"}
        What is sealed as a whole.
    group : str
        Tables: the column that says which rows belong together (patient, station, plate).
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
    threshold : float or "otsu"
        Images without label images: pixels above it are objects.
    channel : int
        Images: the channel that the threshold is applied to, from 0.
    foreground : {"bright", "dark"}
        Images: are the objects brighter or darker than the ground?
    min_area : int
        Images: objects with fewer pixels are left out, and counted.
    border : {"keep", "drop"}
        Images: what to do with objects that touch the border.
    random_state : int
        Seed of the draw of the sealed rows.
    """
    from clew.splits import seal
    from clew.study.intake import Measurement, Sources
    from clew.study.study import Study

    how: dict[str, dict[str, Any]] = {
        "table": {
            "label": label,
            "group": group,
            "identifier": identifier,
            "target": target,
            "leave_out": tuple(leave_out or ()),
            "missing": missing,
        },
        "image": {
            "threshold": threshold,
            "channel": channel,
            "foreground": foreground,
            "min_area": min_area,
            "border": border,
        },
    }
    began = time.perf_counter()
    kind, files, remarks = gather(paths, masks or [])
    measured = measure(kind, files, how[kind])
    samples = measured.samples
    samples.resolve(features)  # refuses unknown names before anything is written
    dealt = seal(samples, share=sealed, by=by, random_state=random_state)
    notes = [*remarks, *measured.notes]
    what = "objects" if kind == "image" else "rows"
    with Study.create(study) as draft:
        sources = _sources(files, kind, samples, draft.folder.parent / Path(study).name)
        draft.put_rows(samples, dealt.sealed)
        draft.put_sources(sources)
        settings = {
            key: list(value) if isinstance(value, tuple) else value for key, value in how[kind].items()
        }
        draft.put_facts(
            kind=kind, what=what, features=features, measure=settings, measured=measured.settings, notes=notes
        )
        _put_pictures(draft, measured, files) if kind == "image" else None
        common = {"function": "", "sees": "nothing", "inputs": {}}
        draft.record(
            Sources(names=[s.name for s in sources], sha256=[s.sha256 for s in sources]),
            verb="sources",
            seconds=0.0,
            **common,
        )
        measurement = Measurement(
            what=what,
            n_rows=samples.n_rows,
            features=list(samples.feature_names),
            units=list(samples.units),
            counts=dict(measured.counts),
            notes=notes,
            samples=samples.with_labels(None).digest(),
            settings={**settings, "features": features},
        )
        draft.record(measurement, verb="measure", seconds=time.perf_counter() - began, **common)
        last = draft.record(dealt, verb="seal", seconds=0.0, **common)
    made = Study(study)
    if samples.labels is not None:
        given = {str(s): str(one) for s, one in zip(samples.sample, samples.labels) if one}
        _record_labels(made, given, source=", ".join(dict.fromkeys(s.name for s in sources)))
    counts = made.counts()
    data = {
        "rows": samples.n_rows,
        **counts,
        "features": list(samples.feature_names),
        "groups": samples.n_groups,
        "sources": len(sources),
        "counts": dict(measured.counts),
    }
    lines = [
        f"{study}: {measurement.headline()}, {counts['open']} open and {counts['sealed']} sealed.",
        *notes,
        dealt.reason,
        f"Next: clew explore {study}",
    ]
    return Outcome(lines, data, last, dealt, notes)


def _sources(files: list[tuple[Path, Path | None]], kind: str, samples: Samples, study: Path) -> list[Source]:
    """Name every file as the rows' origin names it."""
    from clew.read.kinds import distinct_names
    from clew.study.study import Source

    sources = []
    for (path, mask), name in zip(files, distinct_names([path for path, _ in files])):
        sources.append(Source.of(path, name=name, kind=kind, role="data", study=study))
        if mask is not None:
            sources.append(
                Source.of(mask, name=f"labels of {name}", kind=kind, role=f"labels of {name}", study=study)
            )
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


def label(study: Study, file: Path) -> Outcome:
    """Add labels that people made elsewhere: a CSV with the columns sample and label.

    Parameters
    ----------
    study : Study
    file : Path
        The table; nothing is recorded unless all of it fits.
    """
    from clew.read.labels import read_labels

    given = dict(read_labels(file, samples=study.sample_names()))
    standing = study.labels()
    changed = sum(sample in standing and standing[sample] != (one, "person") for sample, one in given.items())
    recorded = _record_labels(study, given, source=Path(file).name)
    result = study.result(recorded)
    lines = [
        f"{result.headline()}.",
        f"{changed} of them replace what stood before; nothing is overwritten, the earlier ones stay on record."
        if changed
        else f"Next: clew train {study.folder}",
    ]
    return Outcome(lines, {**result.summary(), "changed": changed}, recorded, result)


def _record_labels(study: Study, given: dict[str, str], *, source: str) -> Step:
    """Append people's labels, and the step that brought them, in one transaction."""
    import numpy as np

    from clew.study.intake import Given
    from clew.study.record import add_labels

    result = Given(
        sample=np.array(list(given)),
        label=np.array(list(given.values())),
        source=source,
        settings={"source": source},
    )
    return study.record(
        result,
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
