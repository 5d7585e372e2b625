"""What people say of samples: labels from files, in tables or painted, and taking them back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import DataError, SettingError, check
from clew.steps.exchanging import foreign_labels
from clew.steps.outcome import Outcome, sentences

if TYPE_CHECKING:
    from clew.study.record import LabelEvent
    from clew.study.study import Draft, Step, Study


def label(
    study: Study,
    file: Path | None = None,
    *,
    undo: bool = False,
    picks: bool = False,
    who: str | None = None,
) -> Outcome:
    """Add labels that people made elsewhere, in a table or painted on the objects; or take the last ones back.

    Parameters
    ----------
    study : Study
    file : Path
        A table (CSV, Parquet) with the columns sample and label; of images, COCO's or Label Studio's JSON, or an annotation
        (label image, ilastik project, QuPath's GeoJSON) or a folder of them: each object gets the highest class painted on
        it; of recordings, Label Studio's JSON or QuakeML. Nothing is recorded unless all fits.
    undo : bool
        Take the last act of labelling back, be it a file's or one on the page; it stays on record, and so does the undoing.
    picks : bool
        The file holds arrivals of waves: QuakeML, a table with station, phase and time, or the recordings themselves, where
        these hold picks (NPZ, SAC, SeisBench's metadata).
    who : str
        The person; by default as the system knows them.
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
        return _undo(study, who)
    study.need_rows()
    if file is None:
        raise SettingError("The labels must come from a file: clew label STUDY FILE.csv. Got none.")
    file = Path(file)
    if picks:
        from clew.steps.picking_studies import label_picks

        return label_picks(study, file, who=who)
    notes: list[str] = []
    marked = None if file.is_dir() else foreign_labels(study, file, notes)
    if marked is not None:
        given = marked
    elif file.is_dir() or has_suffix(file, ANNOTATIONS):
        given = _painted_labels(study, file, notes)
    else:
        given = dict(read_labels(file, samples=study.sample_names()))
    standing = study.labels()
    changed = sum(sample in standing and standing[sample] != (one, "person") for sample, one in given.items())
    recorded = record_labels(study, given, source=file.name, who=who)
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


def _undo(study: Study, who: str | None) -> Outcome:
    """Take back the last labels of people that stand."""
    from clew.study.intake import Undone
    from clew.study.record import undo_labels

    last = study.last_labelling()
    if last is None:
        raise DataError(
            f"The study '{study.folder}' must have labels of people to be undone. Got none that stand."
        )
    act = last.step
    if act is None:
        return _undo_page(study, last, who)
    recorded = study.record(
        Undone(step=act),
        verb="label",
        function="",
        sees="nothing",
        inputs={},
        seconds=0.0,
        also=lambda db, step, _: undo_labels(db, act, step=step, person=who),
    )
    result = study.result(recorded)
    return Outcome(
        [f"{result.headline()}; what stood before stands again."], result.summary(), recorded, result
    )


def _undo_page(study: Study, last: LabelEvent, who: str | None) -> Outcome:
    """Take back an act of the page."""
    from clew.study.journal import Journal

    journal = Journal(study)
    act = journal.act_of(last.id)
    taken = journal.undo(f"undo-{secrets.token_hex(16)}", act.client, who)
    n = len(journal.samples_of(taken))
    journal.close()
    rows = "1 label" if n == 1 else f"{n} labels"
    return Outcome(
        [f"{rows} that {act.who} gave on the page at {act.at} taken back; what stood before stands again."],
        {"undone": act.client, "labels": n},
    )


def record_labels(
    study: Study | Draft, given: dict[str, str], *, source: str, who: str | None = None
) -> Step:
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
        also=lambda db, step, _: add_labels(db, given.items(), how="person", step=step, person=who),
    )
