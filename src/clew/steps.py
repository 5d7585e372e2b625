"""The table of verbs that command line, page and notebook share: fetch rows, call one function, record.

Everything heavy is imported inside the verbs, so that the table itself costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clew.errors import DataError, SettingError, check, check_choice

if TYPE_CHECKING:
    from clew.measure.measured import Measured
    from clew.samples import Samples
    from clew.study.study import Source, Step, Study

OnProgress = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class Outcome:
    """What a verb says: ``lines`` to a person, ``data`` to a script, and what was put on record."""

    lines: list[str]
    data: dict[str, Any]
    step: Step | None = None
    result: Any = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verb:
    """One verb: its function, and where its settings are declared (the step's signature, where there is one)."""

    name: str
    run: Callable[..., Outcome]
    settings: str = ""
    leave_out: tuple[str, ...] = ("on_progress",)

    @property
    def help(self) -> str:
        """Return the first line of the verb's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


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
    kind, files, remarks = _gather(paths, masks or [])
    measured = _measure(kind, files, how[kind])
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


def _gather(paths: list[Path], masks: list[Path]) -> tuple[str, list[tuple[Path, Path | None]], list[str]]:
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


def _measure(kind: str, files: list[tuple[Path, Path | None]], how: dict[str, Any]) -> Measured:
    if kind == "table":
        from clew.measure.rows import measure_rows
        from clew.read.tables import read_table

        return measure_rows([read_table(path) for path, _ in files], **how)
    from clew.measure.objects import measure_objects
    from clew.read.images import read_image, read_label_image

    images = [read_image(path) for path, _ in files]
    label_images = [
        None if mask is None else read_label_image(mask, shape=image.pixels.shape[1:])
        for image, (_, mask) in zip(images, files)
    ]
    return measure_objects(images, label_images, **how)


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


def explore(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Ask whether there are groups, how sure that is, and which features tell them apart."""
    from clew.explore.exploration import explore as step
    from clew.study.record import add_hypotheses

    settings.setdefault("features", study.facts()["features"])
    recorded, result = study.run(
        step,
        on_progress=on_progress,
        also=lambda db, number, found: add_hypotheses(db, found.summary()["hypotheses"], step=number),
        **settings,
    )
    looks = sum(one.verb == "explore" for one in study.steps())
    on_record = len(study.hypotheses())
    lines = [result.evidence.headline(), result.clustering.stability.headline()]
    if result.k:
        sizes = ", ".join(f"group {number}: {size}" for number, size in result.summary()["groups"].items())
        lines.append(
            f"{result.k} groups of {len(result.sample)} rows ({sizes}), cut by {settings.get('cluster', 'kmeans')}."
        )
    bimodal = result.dip.bimodal()
    if bimodal:
        lines.append(result.dip.headline())
    if result.hypotheses:
        lines += [_with_count(one, on_record) for one in result.hypotheses.stated]
        lines.append(
            "Stated, not tested: the rows were put into groups by these features, so a test on them would be circular."
        )
    lines += result.notes
    lines.append(f"This was look {looks} at the open rows; every look is on the record.")
    lines.append(
        f"Next: clew name {study.folder} 0=... 1=..."
        if result.k
        else f"Look at the maps all the same: clew report {study.folder}"
    )
    data = {**result.summary(), "looks": looks, "hypotheses_on_record": on_record}
    return Outcome(lines, data, recorded, result, list(result.notes))


def _with_count(hypothesis: Any, on_record: int) -> str:
    return f"{hypothesis.headline()[:-1]}, 1 of {on_record} {'hypothesis' if on_record == 1 else 'hypotheses'} on record)"


def name(study: Study, names: list[str]) -> Outcome:
    """Give groups their names, as 0=round 1=elongated; names become labels of the open rows.

    Parameters
    ----------
    study : Study
    names : list of str
        NUMBER=NAME for each group that gets a name.
    """
    from clew.learn.names import name as step
    from clew.study.record import add_labels

    pairs: dict[str, str] = {}
    for item in names:
        number, sign, given = item.partition("=")
        check(
            bool(sign),
            SettingError,
            "The names must be given as NUMBER=NAME, such as 0=round. Got '{}' instead.",
            item,
        )
        pairs[number.strip()] = given
    looked = study.need("explore", purpose="groups can be named")
    recorded, result = study.run(
        step,
        looked,
        also=lambda db, number, named: add_labels(
            db, zip(named.sample.tolist(), named.label.tolist()), how="group", step=number
        ),
        names=pairs,
    )
    kept = sum(how == "person" for _, how in study.labels().values())
    lines = [f"Named: {result.headline()}."]
    warnings = []
    if not study.result(looked).evidence.k:
        warnings.append("There is no evidence of groups: these are names for a cut through what may be one cloud.")
    if kept:
        lines.append(f"{kept} labels that people gave row by row stand above the names.")
    lines += [*warnings, f"Next: clew train {study.folder}"]
    return Outcome(lines, result.summary(), recorded, result, warnings)


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


def _learning_features(study: Study, settings: dict[str, Any]) -> None:
    """Learn from the features that the groups were made of, unless told otherwise."""
    if "features" not in settings:
        looked = study.last("explore")
        named = any(how == "group" for _, how in study.labels().values())
        settings["features"] = (
            looked.settings["features"] if looked is not None and named else study.facts()["features"]
        )


def train(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Train the repeatable classifier on the open rows' labels, as a numbered model that is never overwritten."""
    import dataclasses

    from clew.learn.forest import train as step

    _learning_features(study, settings)
    facts = study.facts()
    placed: dict[str, str] = {}

    def place(db: Any, number: int, forest: Any) -> None:
        folder = study.folder / "models"
        taken = [
            int(one.name.rpartition("-")[2])
            for one in folder.glob("forest-*")
            if one.name.rpartition("-")[2].isdigit()
        ]
        placed["name"] = f"forest-{max(taken, default=0) + 1}"
        measure = {"kind": facts["kind"], "how": facts["measure"], **facts["measured"]}
        model = dataclasses.replace(forest, measure=measure)
        model.save_model(folder / placed["name"])
        placed["sha256"] = model.sha256
        db.execute(
            "INSERT INTO models (name, path, sha256, step) VALUES (?, ?, ?, ?)",
            (placed["name"], f"models/{placed['name']}", model.sha256, number),
        )

    recorded, result = study.run(step, on_progress=on_progress, also=place, **settings)
    path = study.folder / "models" / placed["name"]
    lines = [
        f"{result.headline()}.",
        *_whose_labels(study),
        f"Saved as {path} (sha256 {placed['sha256'][:12]}); it answers with the same bits on any number of threads.",
    ]
    lines += [*result.notes, f"Next: clew validate {study.folder}"]
    data = {**result.summary(), "model": str(path), "sha256": placed["sha256"]}
    return Outcome(lines, data, recorded, result, list(result.notes))


CIRCULAR = (
    "These labels are the names of groups that were made of the same features: the figures say how well the classifier "
    "repeats the grouping, not whether it is true."
)


def _whose_labels(study: Study) -> list[str]:
    """Say whether the labels came from people or from named groups."""
    open_rows = set(study.samples().sample)
    how = [how for sample, (given, how) in study.labels().items() if given and sample in open_rows]
    if "group" not in how:
        return []
    people = how.count("person")
    return [
        CIRCULAR
        if not people
        else f"{people} labels came from people, {how.count('group')} from named groups. {CIRCULAR}"
    ]


def validate(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Cross-validate on the open rows: every metric, with intervals."""
    from clew.learn.forest import validate as step

    _learning_features(study, settings)
    recorded, result = study.run(step, on_progress=on_progress, **settings)
    warnings = [*result.warnings, *_whose_labels(study)]
    data = {**result.summary(), "openings": len(study.openings())}
    return Outcome(
        [*_score_lines(result), *warnings, f"Next: clew report {study.folder}"],
        data,
        recorded,
        result,
        warnings,
    )


def test(study: Study, *, reason: str | None = None, model: str | None = None) -> Outcome:
    """Break the seal: the final evaluation on rows that nobody had looked at.

    Parameters
    ----------
    study : Study
    reason : str
        Why the seal is opened; it stands on record for ever.
    model : str
        Name of the model, such as forest-2; the latest otherwise.
    """
    from clew.learn.evaluate import test as step

    models = {one["name"]: one for one in study.models()}
    check(
        models,
        DataError,
        "The study '{}' must have a model before the seal is broken: run `clew train {}` first. Got none.",
        study.folder,
        study.folder,
    )
    if model is not None:
        check_choice(model, models, what="model", of=f"'{study.folder}'")
    chosen = models[model] if model is not None else list(models.values())[-1]
    trained = next(one for one in study.steps() if one.id == chosen["step"])
    named = study.last("name")
    settings: dict[str, Any] = {}
    inputs = [trained]
    if named is not None:
        inputs.append(next(one for one in study.steps() if one.id == named.inputs["steps"][0]))
        settings["names"] = named.settings["names"]
    recorded, result = study.run(step, *inputs, reason=reason, **settings)
    openings = study.openings()
    warnings = list(result.warnings)
    if len(openings) > 1:
        warnings.insert(
            0,
            f"The seal has been opened {len(openings)} times; these rows had been looked at before, so the figures are not independent.",
        )
    lines = [
        f"Model {chosen['name']} on {len(result.truth)} sealed rows:",
        *_score_lines(result),
        *warnings,
        f"Next: clew report {study.folder}",
    ]
    return Outcome(
        lines,
        {**result.summary(), "model": chosen["name"], "openings": len(openings)},
        recorded,
        result,
        warnings,
    )


def _score_lines(result: Any) -> list[str]:
    from clew.intervals import spell

    summary = result.summary()
    lines = [result.split["reason"]] if isinstance(result.split, dict) else [str(result.split)]
    return lines + [f"  {metric:<20} {spell(figure)}" for metric, figure in summary["metrics"].items()]


def predict(
    model: Path, paths: list[Path], *, out: Path, masks: list[Path] | None = None, paint: Path | None = None
) -> Outcome:
    """Predict the class of new images' objects or tables' rows with a saved model.

    Parameters
    ----------
    model : Path
        A model folder, or a study (its latest model).
    paths : list of Path
        Images, tables, or folders of them; measured just as the model's own rows were.
    out : Path
        CSV, Parquet (.parquet) or JSON lines (.jsonl): source, sample, label, probability, and one column a class.
    masks : list of Path
        Label images of the new images.
    paint : Path
        A folder for label images in which every object has the number of its class (1 for the first).
    """
    from clew.learn.apply import check_format, paint_classes, prediction_table, write_table
    from clew.learn.forest import Forest

    check_format(out)
    forest = Forest.load_model(_model_folder(model))
    kind, files, remarks = _gather(paths, masks or [])
    trained_on = forest.measure.get("kind", kind)
    check(
        kind == trained_on,
        DataError,
        "The model '{}' was trained on {}s, given {}s: it must be given {}s.",
        model,
        trained_on,
        kind,
        trained_on,
    )
    how = dict(forest.measure.get("how", {}))
    if kind == "table":  # the roles that matter are the names of the rows; everything else is taken by name
        how = {"identifier": how.get("identifier"), "columns": tuple(forest.feature_names)}
    measured = _measure(kind, files, how)
    samples = measured.samples
    if set(forest.feature_names) <= set(samples.feature_names):  # measuring gives more than the model asks for
        samples = samples.select(forest.feature_names)
    prediction = forest.predict(samples)
    frame = prediction_table(measured.samples, prediction)
    write_table(frame, out)
    painted = paint_classes(measured, prediction, paint) if paint is not None and kind == "image" else []
    counts = (
        {str(name): int(n) for name, n in frame["label"].value_counts(sort=False).items()}
        if "label" in frame
        else {}
    )
    lines = [
        *remarks,
        *measured.notes,
        f"{len(frame)} predictions in {out}"
        + (f": {', '.join(f'{n} {name}' for name, n in counts.items())}." if counts else "."),
    ]
    lines += [f"Painted: {path}" for path in painted]
    return Outcome(
        lines,
        {
            "rows": len(frame),
            "out": str(out),
            "predicted": counts,
            "painted": [str(p) for p in painted],
            "model_sha256": forest.sha256,
        },
        None,
        prediction,
        [*remarks, *measured.notes],
    )


def _model_folder(model: Path) -> Path:
    if (model / "study.sqlite").is_file():
        from clew.study.study import Study

        models = Study(model).models()
        check(
            models,
            DataError,
            "The study '{}' must have a trained model: run `clew train {}` first. Got none.",
            model,
            model,
        )
        return model / models[-1]["path"]
    return model


def log(study: Study) -> Outcome:
    """Show the thread: every step with its settings, versions, hashes and time."""
    steps, openings = study.steps(), study.openings()
    lines = [repr(study)[1:-1]]
    for one in steps:
        lines.append(f"{one.id:>3}  {one.at}  {one.verb:<9} {one.digest[:8]}  {one.headline}")
        told = {key: value for key, value in one.settings.items() if value is not None}
        if told:
            lines.append("     " + ", ".join(f"{key}={_short(value)}" for key, value in told.items()))
    for opening in openings:
        again = "" if opening.independent else " (not independent: the rows had been seen)"
        lines.append(f"Seal opened {opening.at} by {opening.who} for {opening.verb}: {opening.reason}{again}")
    if not openings and study.counts()["sealed"]:
        lines.append(f"Seal: closed, {study.counts()['sealed']} rows never looked at.")
    data = {
        "steps": [vars(one) for one in steps],
        "openings": [{**vars(one), "independent": one.independent} for one in openings],
        "hypotheses": study.hypotheses(),
        "models": study.models(),
        "looks": sum(one.verb == "explore" for one in steps),
    }
    return Outcome(lines, data)


def _short(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def report(study: Study, *, out: Path | None = None) -> Outcome:
    """Write the self-contained page that a reviewer can check, from the record alone.

    Parameters
    ----------
    study : Study
    out : Path
        The HTML file; report.html in the study otherwise.
    """
    from clew.report import write_report

    path = write_report(study, out or study.folder / "report.html")
    return Outcome([f"Report: {path}"], {"report": str(path)})


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


def verify(study: Study, *, on_progress: OnProgress | None = None) -> Outcome:
    """Run the thread again from the raw files and say what differs."""
    from clew.study.record import versions

    steps = study.steps()
    rows: list[dict[str, Any]] = []
    for done, one in enumerate(steps):
        try:
            same, told = _again(study, one)
        except (DataError, SettingError) as error:
            same, told = False, str(error)
        changed = {k: (v, versions().get(k)) for k, v in one.versions.items() if versions().get(k) != v}
        if not same and changed:
            told += (
                " Made with " + ", ".join(f"{k} {was}, now {now}" for k, (was, now) in changed.items()) + "."
            )
        rows.append({"step": one.id, "verb": one.verb, "same": same, "digest": one.digest, "told": told})
        if on_progress is not None:
            on_progress(done + 1, len(steps))
    differs = [row for row in rows if not row["same"]]
    lines = [
        f"{row['step']:>3}  {row['verb']:<9} {row['digest'][:8]}  {'same' if row['same'] else 'DIFFERS: '}{'' if row['same'] else row['told']}"
        for row in rows
    ]
    lines.append(
        "All steps give the same bits again."
        if not differs
        else f"{len(differs)} of {len(rows)} steps differ."
    )
    return Outcome(lines, {"steps": rows, "same": not differs})


def _again(study: Study, one: Step) -> tuple[bool, str]:
    """Repeat one step; return whether it gives the same, and what is different."""
    from clew.result import differences

    if one.function:
        again = study.rerun(one)
        same = again.digest() == one.digest
        return same, "" if same else f"in {', '.join(differences(study.result(one), again)[:6])}."
    stored = study.result(one).digest()
    if stored != one.digest:
        return False, f"the stored result is {stored[:8]} now."
    if one.verb == "sources":
        for source in study.sources():
            study.locate(source)
    if one.verb in ("measure", "seal"):
        facts = study.facts()
        files = [
            (
                study.locate(source),
                next(
                    (study.locate(m) for m in study.sources() if m.role == f"labels of {source.name}"), None
                ),
            )
            for source in study.sources()
            if source.role == "data"
        ]
        samples = _measure(
            facts["kind"],
            files,
            {
                **facts["measure"],
                **({"leave_out": tuple(facts["measure"]["leave_out"])} if facts["kind"] == "table" else {}),
            },
        ).samples
        if one.verb == "measure":
            again = samples.with_labels(None).digest()
            return again == study.result(one).samples, f"the measurements are {again[:8]} now."
        from clew.splits import seal

        again = seal(samples, **one.settings).digest()
        return again == one.digest, f"now {again[:8]}."
    return True, ""


VERBS: dict[str, Verb] = {
    one.name: one
    for one in [
        Verb("new", new),
        Verb("explore", explore, settings="clew.explore.exploration:explore"),
        Verb("name", name),
        Verb("label", label),
        Verb("train", train, settings="clew.learn.forest:train"),
        Verb("validate", validate, settings="clew.learn.forest:validate"),
        Verb("test", test),
        Verb("predict", predict),
        Verb("log", log),
        Verb("report", report),
        Verb("verify", verify),
        Verb("relink", relink),
    ]
}
