"""From labels to a model, how good it is, and using it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, check, check_choice
from clew.steps.measuring import gather, measure
from clew.steps.outcome import OnProgress, Outcome, sentences

if TYPE_CHECKING:
    from clew.study.study import Study


CIRCULAR = (
    "These labels are the names of groups that were made of the same features: the figures say how well the classifier "
    "repeats the grouping, not whether it is true."
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
    lines += [*sentences(result.notes), f"Next: clew validate {study.folder}"]
    data = {**result.summary(), "model": str(path), "sha256": placed["sha256"]}
    return Outcome(lines, data, recorded, result, list(result.notes))


def validate(study: Study, *, on_progress: OnProgress | None = None, **settings: Any) -> Outcome:
    """Cross-validate on the open rows: every metric, with intervals."""
    from clew.learn.forest import validate as step

    _learning_features(study, settings)
    recorded, result = study.run(step, on_progress=on_progress, **settings)
    warnings = [*result.warnings, *_whose_labels(study)]
    data = {**result.summary(), "openings": len(study.openings())}
    return Outcome(
        [*_score_lines(result), *sentences(warnings), f"Next: clew report {study.folder}"],
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
    settings: dict[str, Any] = {"target": trained.settings["target"]}
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
        *sentences(warnings),
        f"Next: clew report {study.folder}",
    ]
    return Outcome(
        lines,
        {**result.summary(), "model": chosen["name"], "openings": len(openings)},
        recorded,
        result,
        warnings,
    )


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
    kind, files, remarks = gather(paths, masks or [])
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
    if kind == "image":
        how["fewest"] = 1
    else:  # the roles that matter are the names of the rows; everything else is taken by name
        how = {"identifier": how.get("identifier"), "columns": tuple(forest.feature_names)}
    measured = measure(kind, files, how)
    samples = measured.samples
    if set(forest.feature_names) <= set(
        samples.feature_names
    ):  # measuring gives more than the model asks for
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


def _learning_features(study: Study, settings: dict[str, Any]) -> None:
    """Learn from the features that the groups were made of, unless told otherwise."""
    if "features" not in settings:
        looked = study.last("explore")
        named = any(how == "group" for _, how in study.labels().values())
        settings["features"] = (
            looked.settings["features"] if looked is not None and named else study.facts()["features"]
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


def _score_lines(result: Any) -> list[str]:
    from clew.intervals import spell

    summary = result.summary()
    lines = [result.split["reason"]] if isinstance(result.split, dict) else [str(result.split)]
    return lines + [f"  {metric:<20} {spell(figure)}" for metric, figure in summary["metrics"].items()]
