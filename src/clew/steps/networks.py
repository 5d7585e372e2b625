"""What is the nets' own in the workflow: which goes with which rows, the raw data behind these, and models of either kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from clew.errors import DataError, MissingError, SettingError, check, check_choice
from clew.neural.coder_settings import CODERS
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

ModelName = Literal[
    "forest",
    "perceptron",
    "mlp",
    "cnn",
    "elman",
    "lstm",
    "gru",
    "autoencoder",
    "vae",
    "unet",
    "phasenet",
    "eqtransformer",
]
MODELS: tuple[ModelName, ...] = get_args(ModelName)
Raw = Callable[["Samples"], Any]  # Cutouts, or Fields
OF_ANY = ("features", "target", "kind")  # what is learnt, whatever learns it


# ---- steps on record ----
def is_net(trained: Step | None) -> bool:
    """Return whether a training on record was one of a net."""
    return trained is not None and trained.function.startswith("clew.neural.")


def is_coder(trained: Step | None) -> bool:
    """Return whether a training on record was one of an autoencoder, which learns no answers."""
    return trained is not None and trained.function == "clew.neural.coding:train_coder"


def is_unet(trained: Step | None) -> bool:
    """Return whether a training on record was one of a net that finds objects in images, and says nothing of rows."""
    return trained is not None and trained.function == "clew.neural.pixel_net_training:train_unet"


def is_picker(trained: Step | None) -> bool:
    """Return whether a training on record was one of a net that picks arrivals in recordings, and says nothing of rows."""
    return trained is not None and trained.function == "clew.neural.picking_step:train_picks"


def says_nothing_of_rows(trained: Step | None) -> bool:
    """Return whether a training on record was one of a net that finds its own things in the raw data."""
    return is_unet(trained) or is_picker(trained)


def latest_model(study: Study) -> tuple[Step | None, list[str]]:
    """Return the latest training of a model that learns answers, and what to say if an autoencoder came after it."""
    trained = [one for one in study.steps() if one.verb == "train"]
    able = [one for one in trained if not (is_coder(one) or says_nothing_of_rows(one))]
    if not able:
        return None, []
    last, told = able[-1], f"This is about {name_of(study, able[-1])}, not about {name_of(study, trained[-1])}, which learns no answers."  # fmt: skip
    return last, [] if last is trained[-1] else [told]


def need_model(study: Study, *, purpose: str) -> tuple[Step, list[str]]:
    """Return the latest training of a model that learns answers, and what to say; refuse where there is none.

    Raises
    ------
    DataError
        If there is none.
    """
    study.need("train", purpose=purpose)
    found, told = latest_model(study)
    if found is None:
        raise DataError(f"The study '{study.folder}' must have a model that learns answers before {purpose}: clew train {study.folder}. Got {name_of(study, study.need('train', purpose=purpose))} only, which learns none.")  # fmt: skip
    return found, told


def coder_named(study: Study, name: str) -> Step:
    """Return the training of an autoencoder by the name of its model, or of the latest one.

    Raises
    ------
    DataError
        If there is none yet.
    SettingError
        If none is called so, or torch is not installed.
    """
    coders = {name_of(study, one): one for one in study.steps() if one.verb == "train" and is_coder(one)}
    check(coders, DataError, "The study '{0}' must have a vae or an autoencoder for this: clew train {0} --model vae. Got none.", study.folder)  # fmt: skip
    need_torch()
    if name == "latest":
        return list(coders.values())[-1]
    check_choice(name, ["latest", *coders], what="autoencoder", of=f"'{study.folder}'")
    return coders[name]


def model_of(trained: Step | None) -> ModelName:
    """Return the kind of model that a training on record made; the forest where there is none."""
    if trained is None or not is_net(trained):
        return "forest"
    return "unet" if is_unet(trained) else trained.settings["model"]


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
    nets = {
        name_of(study, one): one
        for one in study.steps()
        if one.verb == "train" and is_net(one) and not says_nothing_of_rows(one)
    }
    check(nets, DataError, "The study '{0}' must have a net for this: clew train {0} --model mlp. Got none.", study.folder)  # fmt: skip
    need_torch()
    if name == "latest":
        return list(nets.values())[-1]
    check_choice(name, ["latest", *nets], what="net", of=f"'{study.folder}'")
    return nets[name]


def at_net(look: Step) -> bool:
    """Return whether a look on record was at the activations of a net."""
    return look.verb == "explore" and bool(look.inputs["steps"])


def at_coder(study: Study, look: Step) -> bool:
    """Return whether a look on record was at the codes of an autoencoder that was given no labels."""
    of = [one for one in study.steps() if one.id in look.inputs["steps"]]
    return at_net(look) and all(is_coder(one) and not one.settings["conditional"] for one in of)


def coder_names(study: Study) -> list[str]:
    """Return the names of the autoencoders, first to last."""
    return [name_of(study, one) for one in study.steps() if one.verb == "train" and is_coder(one)]


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
def chosen_step(model: ModelName, settings: dict[str, Any], forest: str, net: str, coder: str = "") -> Any:
    """Return the step of a model, forest, net or autoencoder; refuse settings that only another one has.

    Parameters
    ----------
    model : str
    settings : dict
        As they were given; a net's own name is put in.
    forest, net : str
        The two steps, such as "clew.learn.training:train".
    coder : str
        That of an autoencoder; "" where it cannot do this.

    Raises
    ------
    SettingError
        If one goes with the other kind of model, or torch is not installed.
    """
    places = {
        "the forest": forest,
        "a net (--model mlp, cnn, ...)": net,
        "an autoencoder (--model autoencoder, vae)": coder,
    }
    place = places.pop(_kind_of(model))
    check(place, SettingError, "The --model must be one that learns answers. Got {}: what comes back of the rows is judged by clew train, its codes are looked at by clew explore --activations latest.", model)  # fmt: skip
    step = _step_at(place)
    for name in settings:
        if name not in settings_of(step):  # what is not asked for is not imported
            meant = [
                words for words, other in places.items() if other and name in settings_of(_step_at(other))
            ]
            check(not meant, SettingError, "The setting --{} must go with {}. Got --model {}.", name.replace("_", "-"), " or ".join(meant), model)  # fmt: skip
    if model != "forest":
        need_torch()
        settings["model"] = model
    return step


def _kind_of(model: ModelName) -> str:
    """Return the kind of a model, in words."""
    if model == "forest":
        return "the forest"
    return "an autoencoder (--model autoencoder, vae)" if model in CODERS else "a net (--model mlp, cnn, ...)"


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
    kind = study.facts()["kind"]
    if model == "forest" or model in ON_FEATURES or (model in CODERS and kind not in ("image", "signal")):
        for name, usual in (("side", None), ("around", "blank")):
            check(settings.get(name, usual) == usual, SettingError, "The setting --{} must go with a net that looks at images. Got --model {}.", name, model)  # fmt: skip
        return None
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
    if is_unet(one):
        from clew.steps.segmenting import fields_cutter

        return fields_cutter(study)
    if is_picker(one):
        from clew.steps.picking_studies import waveforms_cutter

        cut: Any = waveforms_cutter(study, model=one.settings["model"], from_=one.settings["from_"])
        return cut
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
def load_model(folder: Path) -> Any:
    """Read a model of any kind: Forest, NetModel, PixelNet or PickingNet.

    Raises
    ------
    DataError
        If the folder holds none.
    SettingError
        If it is a net and torch is not installed.
    """
    from clew.learn.forest import Forest
    from clew.learn.model_file import format_of

    found = format_of(folder)
    if found not in ("clew net", "clew pixel net", "clew picking net"):
        return Forest.load_model(folder)
    need_torch()
    if found == "clew pixel net":
        from clew.neural.pixel_net import PixelNet

        return PixelNet.load_model(folder)
    if found == "clew picking net":
        from clew.neural.picking_net import PickingNet

        return PickingNet.load_model(folder)
    from clew.neural.model import NetModel

    return NetModel.load_model(folder)
