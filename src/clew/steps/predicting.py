"""Using a model: the class or the number of new rows, and the events in recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check
from clew.steps.measuring import WORDS, gather, measure
from clew.steps.networks import coder_names, load_model, raw_of_measured, spread_of
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.steps.predicted import record_predictions

if TYPE_CHECKING:
    from clew.measure.measured import Measured
RARITY = "The rarity is the share of rows held out in training that come back as badly or worse: rows from elsewhere are rare in it, too"


def predict(
    model: Path,
    paths: list[Path],
    *,
    out: Path | None = None,
    masks: list[Path] | None = None,
    paint: Path | None = None,
    threshold: float | None = None,
    join: float = 0.0,
    ignore: list[str] | None = None,
    rate: float | None = None,
    time: str | None = None,
    response: Path | None = None,
    each_window: bool = False,
    live: bool = False,
    restart: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Predict with a saved model: the class, or the number, of new objects or rows; the events in recordings.

    Parameters
    ----------
    model : Path
        A model folder, or a study (its latest model; an autoencoder only where there is no other).
    paths : list of Path
        Images, tables, recordings, or folders of them; measured just as the model's own rows were.
    out : Path
        CSV, Parquet (.parquet) or JSON lines (.jsonl): source, sample, label, probability and one column a class, or
        the predicted value; and, of several nets, the spread between them. Of an autoencoder: anomaly (the reconstruction
        error) and rarity (the share of rows held out with no smaller one). Of recordings: the events, also as QuakeML (.xml); or each window, where numbers are predicted.
    masks : list of Path
        Label images of the new images.
    paint : Path
        Images: a folder for label images in which every object has the number of its class (1 for the first).
    threshold : float
        Signals: windows whose class is less probable than this make no event. Without it rare kinds get false events;
        try 0.7.
    join : float
        Signals: events of one class that lie so close are one, in s.
    ignore : list of str
        Signals: classes that are no events, such as noise.
    rate : float
        Signals: samples per second of a table or array that does not say so, in Hz.
    time : str
        Signals: the column that says when, in a table.
    response : Path
        Signals: StationXML, where the model was trained on signals without the instruments' response.
    each_window : bool
        Signals: write each window instead of events: label, probability and one column a class.
    live : bool
        Signals: follow a growing file, or standard input ("-"), and print each event as it ends.
    restart : bool
        Signals: begin anew, where an earlier run was stopped.
    """
    from clew.learn.apply import check_format, check_output, paint_classes, prediction_table, write_table
    from clew.steps.detecting import FORMATS, detect_events
    from clew.steps.each_window import predict_windows

    if out is None and not live:
        raise SettingError("The setting --out must name the file to write. Got none.")
    check_format(out, FORMATS)  # before the model is looked for
    folder = _model_folder(model)
    forest: Any = load_model(folder)
    trained_on = forest.measure.get("kind")
    check(
        trained_on != "pixels",
        DataError,
        "The model '{}' must be one for objects, windows or rows of tables. Got one for pixels, which `clew pixels predict` uses.",
        model,
    )
    check(trained_on != "picks", DataError, "The model '{}' must be one for objects, windows or rows of tables. Got one for arrivals of waves, which `clew pick` uses.", model)  # fmt: skip
    of_events: dict[str, Any] = {
        "threshold": threshold, "join": join, "ignore": ignore, "live": live, "restart": restart,
    }  # fmt: skip
    of_signals: dict[str, Any] = {"rate": rate, "time": time, "response": response}
    if trained_on == "signal":
        _refuse_settings({"masks": masks, "paint": paint}, "images", "a model for recordings")
        if each_window or forest.kind != "classification":
            _refuse_settings(of_events, "events", "a table of each window")
            return predict_windows(forest, folder, paths, out=out, on_progress=on_progress, **of_signals)
        of_signals |= of_events
        return detect_events(forest, folder, paths, out=out, on_progress=on_progress, **of_signals)
    of_signals |= {**of_events, "each_window": each_window}
    _refuse_settings(of_signals, "recordings", f"a model for {WORDS.get(str(trained_on), 'rows')}")
    assert out is not None
    kind, files, remarks = gather(paths, masks or [], signals=False)
    inputs = [path for pair in files for path in pair if path is not None]
    check_output(out, paint, inputs=inputs)
    check(
        trained_on in (kind, None),
        DataError,
        "The model '{}' was trained on {}s, given {}s: it must be given {}s.",
        model,
        trained_on,
        kind,
        trained_on,
    )
    check(
        paint is None or (kind == "image" and forest.kind == "classification"),
        SettingError,
        "The setting --paint must go with classes of objects in images. Got {} of {}s.",
        forest.kind,
        kind,
    )
    how = dict(forest.measure.get("how", {}))
    if kind == "image":
        how["fewest"] = 1
    else:  # the roles that matter are the names of the rows; everything else is taken by name
        how = {"identifier": how.get("identifier"), "columns": tuple(forest.feature_names)}
    measured = measure(kind, files, how)
    remarks += [*measured.notes, *_measured_otherwise(forest, measured)]
    samples = measured.samples
    if set(forest.feature_names) <= set(
        samples.feature_names
    ):  # measuring gives more than the model asks for
        samples = samples.select(forest.feature_names)
    looked_at = raw_of_measured(forest, files, measured)
    prediction = forest.predict(samples, *looked_at)
    remarks += forest.outside(samples, *looked_at)
    frame = prediction_table(samples, prediction)
    if forest.kind == "coding":
        rarity = forest.rarity(samples, *looked_at)
        frame = frame.rename(columns={"value": "anomaly"}).assign(rarity=rarity)
        remarks.append(RARITY)
    if getattr(forest, "members", 1) > 1:
        frame["spread"] = spread_of(forest, prediction, samples, *looked_at)
    write_table(frame, out)
    recorded, own = record_predictions(
        folder,
        forest,
        sha256=measured.sha256,
        samples=measured.samples.sample.tolist(),
        n_rows=len(frame),
        out=out,
    )
    remarks += own
    painted = paint_classes(measured, prediction, paint) if paint is not None else []
    counts = {str(one): int(n) for one, n in prediction.summary().get("labels", {}).items()}
    told = ": " + ", ".join(f"{n} {one}" for one, n in counts.items()) if counts else ""
    if prediction.value is not None:
        told = f": {forest.target_name} from {prediction.value.min():.4g} to {prediction.value.max():.4g}"
    lines = [
        *sentences(remarks),
        f"{len(frame)} predictions of {folder.name} (sha256 {forest.sha256[:12]}) in {out}{told}.",
        *(f"Painted: {path}" for path in painted),
    ]
    data = {
        "rows": len(frame),
        "out": str(out),
        "predicted": counts,
        "painted": [str(path) for path in painted],
        "model": str(folder),
        "model_sha256": forest.sha256,
    }
    return Outcome(lines, data, recorded, prediction, remarks)


def _refuse_settings(given: dict[str, Any], meant: str, got: str) -> None:
    """Refuse settings that are for other data than the model's."""
    for name, value in given.items():
        check(
            not value,
            SettingError,
            "The setting --{} must go with {}. Got {} instead.",
            name.replace("_", "-"),
            meant,
            got,
        )


def _measured_otherwise(forest: Any, measured: Measured) -> list[str]:
    """Refuse images with other channels or another depth than the model's; say what else differs."""
    from clew.learn.apply import check_measured_alike

    trained, given = forest.measure, measured.settings
    if trained.get("kind") != "image":
        return []
    check_measured_alike(forest, measured)
    if trained.get("label_images") != given.get("label_images"):
        made = {"given": "label images", "made": "a threshold", "mixed": "label images and a threshold"}
        was, now = (made.get(one.get("label_images", ""), "something else") for one in (trained, given))
        return [f"The model's objects came from {was}, these come from {now}: they may be cut differently."]
    return []


def _model_folder(model: Path) -> Path:
    if (model / "study.sqlite").is_file():
        from clew.study.study import Study

        study = Study(model)
        coders, models = coder_names(study), study.models()
        models = [one for one in models if one["name"] not in coders] or models
        check(
            models,
            DataError,
            "The study '{}' must have a trained model: run `clew train {}` first. Got none.",
            model,
            model,
        )
        return model / models[-1]["path"]
    return model
