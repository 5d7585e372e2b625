"""What is the nets' own in the workflow: which goes with which rows, the raw data behind these, and models of either kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from clew.errors import DataError, MissingError, SettingError, check, check_choice
from clew.neural.net_settings import IN_STEPS, ON_FEATURES
from clew.result import settings_of

if TYPE_CHECKING:
    import numpy as np

    from clew.learn.forest import Forest, Prediction
    from clew.measure.cutouts import Cutouts
    from clew.measure.measured import Measured
    from clew.neural.model import NetModel
    from clew.samples import Samples
    from clew.study.study import Step, Study

ModelName = Literal["forest", "perceptron", "mlp", "cnn", "elman", "lstm", "gru"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)
Raw = Callable[["Samples"], "Cutouts"]
OF_ANY = ("features", "target", "kind")  # what is learnt, whatever learns it


# ---- steps on record ----
def is_net(trained: Step | None) -> bool:
    """Return whether a training on record was one of a net."""
    return trained is not None and trained.function.startswith("clew.neural.")


def model_of(trained: Step | None) -> ModelName:
    """Return the kind of model that a training on record made; the forest where there is none."""
    return trained.settings["model"] if trained is not None and is_net(trained) else "forest"


def name_of(study: Study, trained: Step) -> str:
    """Return the name of the model that a training made, such as "cnn-3"."""
    return next(str(one["name"]) for one in study.models() if one["step"] == trained.id)


def net_named(study: Study, name: str) -> Step:
    """Return the training of a net by the name of its model, or of the latest one.

    Raises
    ------
    DataError
        If there is no net yet.
    SettingError
        If none is called so, or torch is not installed.
    """
    nets = {name_of(study, one): one for one in study.steps() if one.verb == "train" and is_net(one)}
    check(nets, DataError, "The study '{0}' must have a net for this: clew train {0} --model mlp. Got none.", study.folder)  # fmt: skip
    need_torch()
    if name == "latest":
        return list(nets.values())[-1]
    check_choice(name, ["latest", *nets], what="net", of=f"'{study.folder}'")
    return nets[name]


def at_net(look: Step) -> bool:
    """Return whether a look on record was at the activations of a net."""
    return look.verb == "explore" and bool(look.inputs["steps"])


def latest_forest(study: Study, *, of: str) -> tuple[Step | None, list[str]]:
    """Return the latest training of a forest, for verbs that know forests only, and what to say if a net came after it."""
    trained = [one for one in study.steps() if one.verb == "train"]
    if not trained:
        return None, []
    if not is_net(trained[-1]):
        return trained[-1], []
    forest = next((one for one in reversed(trained) if not is_net(one)), None)
    which = "a forest with the usual settings" if forest is None else name_of(study, forest)
    return forest, [
        f"This is about {which}, not about {name_of(study, trained[-1])}: clew {of} has forests only."
    ]


def taken_over(trained: Step | None, model: ModelName, step: Callable[..., Any]) -> dict[str, Any]:
    """Return the settings of a training that another step of the same model takes over; of another only what is learnt."""
    if trained is None:
        return {}
    names = settings_of(step).keys() & trained.settings.keys()
    if model_of(trained) != model:
        names &= set(OF_ANY)
    return {name: trained.settings[name] for name in names}


def check_torch_for(one: Step, others: list[Step]) -> None:
    """Refuse to repeat what a net had a part in where torch is not installed: that is no difference.

    Raises
    ------
    MissingError
        If it is not.
    """
    behind = [one, *(other for other in others if other.id in one.inputs.get("steps", []))]
    if any(map(is_net, behind)):
        try:
            need_torch()
        except SettingError as error:
            raise MissingError(str(error)) from error


# ---- settings ----
def chosen_step(model: ModelName, settings: dict[str, Any], forest: str, net: str) -> Any:
    """Return the step of a model, forest or net; refuse settings that only the other one has.

    Parameters
    ----------
    model : str
    settings : dict
        As they were given; a net's own name is put in.
    forest, net : str
        The two steps, such as "clew.learn.training:train".

    Raises
    ------
    SettingError
        If one goes with the other kind of model, or torch is not installed.
    """
    place, other = (forest, net) if model == "forest" else (net, forest)
    step = _step_at(place)
    strange = [name for name in settings if name not in settings_of(step)]
    known = settings_of(_step_at(other)) if strange else {}  # what is not asked for is not imported
    meant = "a net (--model mlp, cnn, ...)" if model == "forest" else "the forest"
    for name in strange:
        check(name not in known, SettingError, "The setting --{} must go with {}. Got --model {}.", name.replace("_", "-"), meant, model)  # fmt: skip
    if model != "forest":
        need_torch()
        settings["model"] = model
    return step


def _step_at(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def need_torch() -> None:
    """Refuse to go on without torch.

    Raises
    ------
    SettingError
        If it is not installed.
    """
    check(find_spec("torch") is not None, SettingError, "A net must have torch, which is not installed. Got a clew without it: pip install 'clew[neural]'.")  # fmt: skip


# ---- raw data ----
def raw_for(study: Study, model: ModelName, settings: dict[str, Any]) -> Raw | None:
    """Return what cuts the raw data behind rows for a model; None where it looks at measurements.

    Raises
    ------
    DataError
        If there is no such data behind these rows, or the model cannot look at it.
    """
    in_steps = settings.get("frame") is None or model in IN_STEPS
    check(in_steps, SettingError, "The setting --frame must go with a net that reads windows in steps (elman, lstm, gru). Got --model {}.", model)  # fmt: skip
    if model == "forest" or model in ON_FEATURES:
        for name, usual in (("side", None), ("around", "blank")):
            check(settings.get(name, usual) == usual, SettingError, "The setting --{} must go with a net that looks at images. Got --model {}.", name, model)  # fmt: skip
        return None
    kind = study.facts()["kind"]
    check(kind in ("image", "signal"), DataError, "The model '{}' must have images of objects or windows of recordings to look at. Got {}: mlp takes their measurements.", model, "distances" if kind == "distances" else "rows of tables")  # fmt: skip
    check(kind == "signal" or model not in IN_STEPS, DataError, "The model '{}' must have windows of recordings, which it reads sample by sample. Got images of objects: cnn takes these.", model)  # fmt: skip
    from clew.steps.cutting import cutter

    cut = cutter(study, **{name: settings[name] for name in ("side", "around") if name in settings})
    return _in_steps(cut, settings["frame"]) if settings.get("frame") else cut


def _in_steps(cut: Raw, frame: int) -> Raw:
    """Return what cuts the same windows; refuse frames so long that a window is a single step."""

    def checked(samples: Samples) -> Cutouts:
        found = cut(samples)
        length = found.values.shape[-1]
        check(frame < length, SettingError, "The setting --frame must leave 2 steps or more of windows of {:,} samples. Got {:,}.", length, frame)  # fmt: skip
        return found

    return checked


def raw_like(study: Study, model: Forest | NetModel) -> Raw | None:
    """Return what cuts raw data as a trained model knows them; None where it looks at measurements."""
    how = getattr(model, "cut", None)
    if not how:
        return None
    from clew.steps.cutting import cutter_like

    return cutter_like(study, how)


def raw_again(study: Study, one: Step) -> Raw | None:
    """Return what cuts the raw data that a step on record saw; None where it saw none."""
    if "raw" not in one.inputs:
        return None
    from clew.steps.cutting import cutter

    if "side" in one.settings:
        return cutter(study, side=one.settings["side"], around=one.settings["around"])
    steps = {each.id: each for each in study.steps()}
    models: list[Any] = [study.result(steps[i]) for i in one.inputs["steps"] if steps[i].verb == "train"]
    return raw_like(study, models[0])


def raw_of_measured(
    model: Forest | NetModel, files: list[tuple[Path, Path | None]], measured: Measured
) -> tuple[Any, ...]:
    """Return the cut-outs of newly measured objects, which a net that looks at such is given; nothing otherwise."""
    how = getattr(model, "cut", None)
    if not how:
        return ()
    from clew.steps.cutting import cut_measured

    return (cut_measured(files, measured, how),)


def spread_of(model: Any, prediction: Prediction, *rows: Any) -> np.ndarray:
    """Return the standard deviation between a net's members of each answer, float64 (n_rows,).

    Parameters
    ----------
    model : NetModel
    prediction : Prediction
        What it said of these rows.
    *rows : Samples, Cutouts
        The rows.
    """
    spread: np.ndarray = model.spread(*rows)
    if prediction.probability is None:
        return spread
    return spread[range(len(spread)), prediction.probability.argmax(axis=1)]


# ---- models on disk ----
def load_model(folder: Path) -> Forest | NetModel:
    """Read a model of either kind.

    Raises
    ------
    DataError
        If the folder holds none.
    SettingError
        If it is a net and torch is not installed.
    """
    from clew.learn.forest import Forest
    from clew.learn.model_file import format_of

    if format_of(folder) != "clew net":
        return Forest.load_model(folder)
    need_torch()
    from clew.neural.model import NetModel

    return NetModel.load_model(folder)
