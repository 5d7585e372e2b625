"""From labels to a model, how good it is, and using it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check, check_choice
from clew.neural.coder_settings import CODERS
from clew.steps.networks import (
    ModelName,
    at_coder,
    at_net,
    chosen_step,
    coder_names,
    latest_model,
    model_of,
    name_of,
    raw_for,
    raw_like,
    taken_over,
)
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.words import listed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clew.neural.model import NetModel
    from clew.study.study import Step, Study


WHERE_ALL = "  --json names all of them; the page of `clew report` shows up to 12."
MOST_SHOWN = 12  # classes of a printed table
LONGEST_NAME = 24  # of a class in it
CIRCULAR = (
    "These labels are the names of groups that were made of the same features: the figures say how well the classifier "
    "repeats the grouping, not whether it is true."
)
CIRCULAR_OF_NET = (
    "These labels are the names of groups that were made of what a net says of the rows, and it learnt that from labels: the "
    "figures say how well the classifier repeats the net, not whether it is true."
)
CIRCULAR_OF_CODER = (
    "These labels are the names of groups that were made of what an autoencoder keeps of the same rows: the figures say how "
    "well the classifier repeats the grouping, not whether it is true."
)


def train(
    study: Study, *, model: ModelName = "forest", on_progress: OnProgress | None = None, **settings: Any
) -> Outcome:
    """Train a model on the open rows, numbered and never overwritten: a classifier, or a net without labels.

    Parameters
    ----------
    study : Study
    model : {"forest", "perceptron", "mlp", "cnn", "elman", "lstm", "gru", "autoencoder", "vae", "unet", "phasenet", "eqtransformer"}
        A forest, or a net. forest, perceptron and mlp learn from measurements; cnn looks at images of objects or at windows,
        elman, lstm and gru at windows. autoencoder and vae need no labels: they learn from images, windows, or tables.
        unet learns to find the objects in new images: see clew pixels predict. phasenet and eqtransformer learn to pick P and S
        waves from what people picked: see clew pick.
    """
    placed: dict[str, str] = {}
    if model == "unet":
        from clew.steps.segmenting import train_unet

        return train_unet(
            study, _saving(study, model, placed), placed, on_progress=on_progress, settings=settings
        )
    if model in ("phasenet", "eqtransformer"):
        from clew.steps.picking_studies import train_picker

        return train_picker(
            study,
            _saving(study, model, placed),
            placed,
            model=model,
            on_progress=on_progress,
            settings=settings,
        )
    places = ("clew.learn.training:train", "clew.neural.training:train_net", "clew.neural.coding:train_coder")
    step = chosen_step(model, settings, *places)
    raw = raw_for(study, model, settings)
    if model in CODERS:
        settings.setdefault("features", study.facts()["features"])
    else:
        learning_settings(study, settings)
    facts = study.facts()
    measure = {"kind": facts["kind"], "how": facts["measure"], **facts["measured"]}
    recorded, result = study.run(
        step,
        raw=raw,
        on_progress=on_progress,
        also=_saving(study, model, placed),
        measure=measure,
        **settings,
    )
    path = study.folder / "models" / placed["name"]
    if model in CODERS:
        return _trained_coder(study, path, recorded, result)
    warnings = [*result.notes, *whose_labels(study, settings)]
    repeats = (
        "it answers with the same bits on any number of threads"
        if model == "forest"
        else "trained again on this machine it comes out the same"
    )
    lines = [
        *sentences([result.headline()]),
        *sentences(warnings),
        f"Saved as {path} (sha256 {result.sha256[:12]}); {repeats}.",
        f"Next: clew validate {study.folder}",
    ]
    data = {**result.summary(), "model": str(path), "sha256": result.sha256}
    return Outcome(lines, data, recorded, result, warnings)


def _saving(study: Study, model: ModelName, placed: dict[str, str]) -> Callable[[Any, int, Any], None]:
    """Return what saves a model under the next free number while its step is recorded, and puts its "name" into ``placed``."""

    def place(db: Any, number: int, made: Any) -> None:
        taken = [name for (name,) in db.execute("SELECT name FROM models")]
        taken += [folder.name for folder in (study.folder / "models").glob("*-*")]
        numbers = [int(name.rpartition("-")[2]) for name in taken if name.rpartition("-")[2].isdigit()]
        placed["name"] = f"{model}-{max(numbers, default=0) + 1}"
        made.save_model(study.folder / "models" / placed["name"])
        db.execute(
            "INSERT INTO models (name, path, sha256, step) VALUES (?, ?, ?, ?)",
            (placed["name"], f"models/{placed['name']}", made.sha256, number),
        )

    return place


def _trained_coder(study: Study, path: Path, recorded: Step, made: NetModel) -> Outcome:
    """Look what comes back of the rows, which goes on record too, and say it."""
    from clew.neural.coding import reconstruct

    _, found = study.run(reconstruct, recorded, raw=raw_like(study, made))
    given = whose_labels(study, {}) if made.classes else []
    warnings = [*made.notes, *given]
    following = f"; new rows: clew generate {study.folder} --out DIR" if made.architecture == "vae" else ""
    lines = [
        *sentences([made.headline(), found.headline(), *found.sentences(), *warnings]),
        f"Saved as {path} (sha256 {made.sha256[:12]}); trained again on this machine it comes out the same.",
        f"Next: clew explore {study.folder} --activations {path.name}{following}",
    ]
    data = {**made.summary(), **found.summary(), "model": str(path), "sha256": made.sha256}
    return Outcome(lines, data, recorded, made, warnings)


def validate(
    study: Study, *, model: ModelName | None = None, on_progress: OnProgress | None = None, **settings: Any
) -> Outcome:
    """Cross-validate on the open rows, with the settings of the latest model unless told otherwise.

    Parameters
    ----------
    study : Study
    model : {"forest", "perceptron", "mlp", "cnn", "elman", "lstm", "gru"}
        The kind of model; that of the latest by default. Beside a net stands a forest on the same folds.
    """
    trained, other = latest_model(study)
    model = model or model_of(trained)
    step = chosen_step(model, settings, "clew.learn.training:validate", "clew.neural.training:validate_net")
    a_model = "a forest" if model == "forest" else f"the {model}"
    what = f"{a_model} with these settings"
    if trained is not None:
        settings = taken_over(trained, model, step) | settings
        same = model == model_of(trained) and all(
            settings.get(name) == value for name, value in trained.settings.items() if name in settings
        )
        name = name_of(study, trained)
        what = f"{a_model} trained as {name} was" if same else f"{a_model} with other settings than {name}"
    learning_settings(study, settings)
    raw = raw_for(study, model, settings)
    recorded, result = study.run(step, raw=raw, on_progress=on_progress, **settings)
    warnings = [*other, *result.warnings, *whose_labels(study, settings)]
    by_people = any(how == "person" for given, how in study.labels().values() if given)
    circular = bool({CIRCULAR, CIRCULAR_OF_NET, CIRCULAR_OF_CODER} & set(warnings))
    doubts = result.label_errors.sentences() if by_people or not result.scores.classes else []
    listing = [f"  {line}" for line in result.label_errors.listing()] if doubts else []
    beside = [f"Beside it, {result.beside.headline()}."] if model != "forest" else []
    lines = [
        _verdict(result, "On rows that it has not seen", circular=circular),
        *beside,
        *sentences(result.representative.sentences() if result.representative.how else []),
        f"How good is {what}? {result.split['reason']}",
        *_score_lines(result, members=recorded.settings.get("members", 1)),
        *sentences(warnings),
        *sentences(doubts),
        *listing,
        *([WHERE_ALL] if listing else []),
        f"Next: clew report {study.folder}",
    ]
    data = {**result.summary(), "openings": _times_shown(study)}
    return Outcome(lines, data, recorded, result, warnings)


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
    from clew.learn.evaluate import test as on_features

    study.need_rows()
    check(
        study.counts()["sealed"],
        DataError,
        "The study '{}' must have sealed rows for test. Got none: it was made with --sealed 0.",
        study.folder,
    )
    chosen = _chosen_model(study, model)
    steps = {one.id: one for one in study.steps()}
    trained = steps[chosen["step"]]
    settings: dict[str, Any] = {"target": trained.settings["target"]}
    inputs, made = [trained], study.result(trained)
    if made.kind == "classification" and not study.has_sealed_labels():
        inputs.append(_named_look(study, trained, settings))  # refuses before the seal is broken
    raw = raw_like(study, made)
    step: Any = on_features
    if raw is not None:
        from clew.neural.training import test_net as step
    recorded, result = study.run(step, *inputs, raw=raw, reason=reason, **settings)
    times = _times_shown(study)
    warnings = (
        [*latest_model(study)[1], *result.warnings, _overlap_of_sealed(study)]
        if model is None
        else [*result.warnings, _overlap_of_sealed(study)]
    )
    if times > 1:
        warnings.insert(0, _seen_before(study, trained, times))
    lines = [
        _verdict(result, "On the sealed rows", circular=len(inputs) > 1),
        f"Model {chosen['name']} on {len(result.truth)} sealed rows:",
        *_score_lines(result),
        *sentences(warnings),
        f"Next: clew report {study.folder}",
    ]
    data = {**result.summary(), "model": chosen["name"], "openings": times}
    return Outcome(lines, data, recorded, result, warnings)


def _chosen_model(study: Study, name: str | None) -> dict[str, Any]:
    coders = coder_names(study)
    check(name not in coders, SettingError, "The model to test must be one that learns answers. Got {}, an autoencoder.", name)  # fmt: skip
    models = {one["name"]: one for one in study.models() if one["name"] not in coders}
    check(
        models,
        DataError,
        "The study '{}' must have a model before the seal is broken: run `clew train {}` first. Got none.",
        study.folder,
        study.folder,
    )
    if name is not None:
        check_choice(name, models, what="model", of=f"'{study.folder}'")
    return models[name] if name is not None else list(models.values())[-1]


def _named_look(study: Study, trained: Step, settings: dict[str, Any]) -> Step:
    """Return the look whose names the model learnt, and put the names into the settings.

    Without labels of people on the sealed rows the truth can only be the grouping itself; refuse where that gives
    no rule for new rows.
    """
    from clew.explore.exploration import check_rule

    named = next((one for one in reversed(study.steps()) if one.verb == "name" and one.id < trained.id), None)
    if named is None:
        raise DataError(
            f"The sealed rows of '{study.folder}' must have labels to be tested against. Got none: label some of them "
            f"(clew label). The seal was not broken."
        )
    look = next(one for one in study.steps() if one.id == named.inputs["steps"][0])
    check_rule(study.result(look))
    settings["names"] = study.result(named).names
    return look


def _overlap_of_sealed(study: Study) -> str:
    """Say how many open rows share samples with sealed ones, if any do; "" otherwise."""
    dealt = study.last("seal")
    return study.result(dealt).overlap if dealt else ""


def _seen_before(study: Study, trained: Step, times: int) -> str:
    """Say that sealed rows had been looked at, and whether that can have shaped the model."""
    opened = [one for one in study.steps() if one.sees in ("sealed", "all")]
    if trained.id < opened[0].id and sum(one.verb == "test" for one in opened) == 1:
        others = dict.fromkeys(one.verb for one in opened if one.verb != "test")
        what = f", for {listed(list(others))}" if others else ""
        return (
            f"The sealed rows had been opened before{what}; this model was trained before that, so this figure is as "
            "good as a first one."
        )
    return (
        f"The seal has been opened {times} times; these rows had been looked at before, so the figures are "
        "not independent."
    )


def _times_shown(study: Study) -> int:
    return sum(one.shown for one in study.openings())


def learning_settings(study: Study, settings: dict[str, Any]) -> None:
    """Learn from the features that the named groups were made of, and take a target of the study as it is."""
    facts = study.facts()
    if settings.get("target") is not None and settings["target"] == facts["measure"].get("target"):
        settings["target"] = None  # it is no feature: the samples carry it
        settings.setdefault("kind", "regression")
    if "features" not in settings:
        named = study.last("name")
        looks = {one.id: one for one in study.steps()}
        settings["features"] = (
            looks[named.inputs["steps"][0]].settings["features"] if named else facts["features"]
        )


def whose_labels(study: Study, settings: dict[str, Any]) -> list[str]:
    """Say whether the labels came from people or from named groups; a target is no label."""
    how = [how for given, how in study.labels().values() if given]
    if settings.get("target") is not None or settings.get("kind") == "regression" or "group" not in how:
        return []
    people, look = how.count("person"), named_look(study)
    of_coder = look is not None and at_coder(study, look)
    of_net = look is not None and at_net(look) and not of_coder
    if not people:
        return [CIRCULAR_OF_CODER if of_coder else CIRCULAR_OF_NET if of_net else CIRCULAR]
    made = "what a net says of the rows" if of_net else "what an autoencoder keeps of them" if of_coder else "these features"  # fmt: skip
    return [
        f"{people} labels came from people, {how.count('group')} are names of groups that were made of {made}: as far as "
        f"these go, the figures say how well the classifier repeats the {'net' if of_net else 'grouping'}. Check that both use "
        "the same classes."
    ]


def named_look(study: Study) -> Step | None:
    """Return the look whose groups were named last."""
    named = study.last("name")
    return None if named is None else next(one for one in study.steps() if one.id == named.inputs["steps"][0])


def _verdict(result: Any, where: str, *, circular: bool) -> str:
    """Say in one sentence how good the answers are, and whether a model without a look would do as well."""
    from clew.intervals import spell

    figures = result.summary()["metrics"]
    blind: dict[str, Any] = next((given for who, given in result.baselines.items() if who != "permuted"), {})
    if result.scores.classes:
        name, always, known = "balanced_accuracy", "the commonest class", "chance gives"
        does = "repeats the grouping with" if circular else "reaches"
        said = f"the classifier {does} a balanced accuracy of {spell(figures[name])}"
    else:
        name, always, known = "mae", "the mean", "always saying the mean is off by"
        said = f"the model is off by {_off(figures[name])} on average (R2 {spell(figures['r2'])})"
    chance = blind.get(name)
    if chance is None:
        return f"{where} {said}."
    told = f"{chance:.2f}" if result.scores.classes else f"{chance:.4g}"
    if result.no_better:
        return f"{where} {said}, which is not shown to be better than always saying {always} ({told})."
    return f"{where} {said}; {known} {told}."


def _off(figure: dict[str, Any]) -> str:
    """Write an error with its interval in the digits that it needs: it may be 0.0012 or 12,000."""
    interval = "" if figure["low"] is None else f" [{figure['low']:.4g}, {figure['high']:.4g}]"
    return f"{figure['value']:.4g}{interval}"


def _score_lines(result: Any, *, members: int = 1) -> list[str]:
    """Return every figure with its interval, what chance gives and, for classes, what was taken for what."""
    from clew.intervals import spell

    summary = result.summary()
    shown = {name: summary["metrics"][name] for name in result.scores.shown}
    lines = [f"  {metric.replace('f1', 'f1 (dice)'):<20} {spell(figure)}" for metric, figure in shown.items()]
    alone = f" (one net a fold, not {members})" if members > 1 else ""
    lines += _chance_lines(summary, alone) + _shuffled_line(summary, alone)
    classes, table = summary.get("classes", []), summary.get("confusion", [])
    if len(classes) > MOST_SHOWN:
        lines.append(f"  {len(classes)} classes: --json has the table of what was taken for what.")
    elif table:
        names = [_shortened(name) for name in classes]
        width = max(8, *map(len, names))
        lines.append("  " + " " * width + "  taken for " + "  ".join(f"{name:>{width}}" for name in names))
        lines += [
            f"  {name:<{width}}            " + "  ".join(f"{n:>{width}}" for n in row)
            for name, row in zip(names, table)
        ]
    return lines


def _chance_lines(summary: dict[str, Any], alone: str) -> list[str]:
    """Say what always one answer gives, and what is learnt from labels that belong to other rows."""
    of_classes = bool(summary.get("classes"))
    figures = ["balanced_accuracy"] if of_classes else ["mae", "r2"]
    who = {
        "commonest_class": "always the commonest class",
        "mean": "always the mean",
        "permuted": "shuffled labels" if of_classes else "shuffled targets",
    }
    lines = []
    for name, given in summary["baselines"].items():
        told = []
        for figure in figures:
            value, spread = given.get(figure), summary["permuted_spread"].get(figure)
            if value is not None:
                about = f" (spread about {spread:.2g})" if name == "permuted" and spread is not None else ""
                told.append(f"{figure} {value:.3g}{about}")
        if told:
            lines.append(f"  By chance, {who[name]}: {', '.join(told)}{alone if name == 'permuted' else ''}")
    return lines


def _shuffled_line(summary: dict[str, Any], alone: str) -> list[str]:
    """Say what rows dealt at random would have given, which is what flatters."""
    names = ("balanced_accuracy", "roc_auc") if summary.get("classes") else ("mae", "r2")
    told = [f"{name} {value:.3g}" for name in names if (value := summary["shuffled"].get(name)) is not None]
    return [f"  Dealt at random instead, whatever belongs together: {', '.join(told)}{alone}"] if told else []


def _shortened(name: str) -> str:
    """Return a name of 24 characters at most: the middle of a longer one goes."""
    half = (LONGEST_NAME - 1) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1 - half]}…{name[-half:]}"
