"""SeisBench's pair of files, ``NAME.json.vN`` beside ``NAME.pt.vN``: its weights are read here, and ours can be read there.

The layout is that of Woollam et al., Seismological Research Letters 93 (2022), doi:10.1785/0220210324. SeisBench itself is not needed.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check, did_you_mean
from clew.learn.model_file import format_of
from clew.neural.architectures import architecture_of
from clew.neural.model_rows import plain
from clew.neural.pickers import PICKERS, shipped_picker
from clew.neural.picking_net import DETECTION, NOISE, PickingNet
from clew.neural.stored import weights_of
from clew.neural.weights import fill, read_state
from clew.result import write_whole

SIDECAR = re.compile(r"(?P<name>.+)\.(?:json|pt)(?:\.v(?P<version>[^.]+))?")
REQUIREMENT = "0.3.2"  # of SeisBench: the first with all that is written here
# fmt: off
KNOWN_ARGS = frozenset((
    "component_order", "phases", "norm", "norm_amp_per_comp", "norm_detrend", "sampling_rate", "in_channels", "in_samples", "classes",
    "filter_args", "filter_kwargs", "grouping", "lstm_blocks", "drop_rate", "original_compatible", "filter_factor", "citation",
    "pred_sample", "output_type", "labels", "default_args", "allow_padding",
))
# fmt: on
ORIGINAL = {
    False: "no",
    True: "non-conservative",
    "non-conservative": "non-conservative",
    "conservative": "conservative",
}


@dataclass(frozen=True)
class Kind:
    """What SeisBench takes for granted of one of its classes.

    Parameters
    ----------
    phases : str
    window, overlap : int
    blinding : (int, int)
    stacking : {"mean", "max"}
    threshold, detection : float
        Of a phase, and of a detection.
    per_component : bool
        Whether each component is divided by its own standard deviation.
    """

    phases: str
    window: int
    overlap: int
    blinding: tuple[int, int]
    stacking: str
    threshold: float
    detection: float
    per_component: bool


KINDS = {
    "phasenet": Kind("NPS", 3001, 1500, (0, 0), "mean", 0.3, 0.3, True),
    "eqtransformer": Kind("PS", 6000, 3000, (500, 500), "max", 0.1, 0.3, False),
}
STACKINGS = {"avg": "mean", "mean": "mean", "max": "max"}


# ---- reading ----
def read_seisbench(path: str | Path) -> PickingNet:
    """Read weights that SeisBench keeps, with all that its sidecar says of them.

    Parameters
    ----------
    path : path
        Either file of the pair, or both without their endings: ``cache/phasenet/stead``. Of several versions the newest is read.

    Raises
    ------
    DataError
        If a file of the pair is missing or damaged, or it holds another net, or what is not known here.
    """
    sidecar, weights = _pair(Path(path))
    try:
        said = json.loads(sidecar.read_text(encoding="utf-8"))
        if not isinstance(said, dict) or not isinstance(said.get("model_args", {}), dict):
            raise ValueError("no settings of a net")
    except (ValueError, OSError) as error:
        told = str(error).split("\n")[0].rstrip(".")
        raise DataError(
            f"The sidecar '{sidecar}' must be JSON that describes a net of SeisBench. Got {told}."
        ) from error
    state = read_state(weights)
    kind = _kind_of(state, weights)
    args = dict(said.get("model_args") or {})
    unknown = sorted(set(args) - KNOWN_ARGS)
    check(not unknown, DataError, "The sidecar '{}' must describe its net by settings that are known here. Got '{}'.", sidecar, ", ".join(unknown))  # fmt: skip
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    origin = {"file": weights.name, "sha256": digest, "sidecar": said}
    return _built(kind, args, dict(said.get("default_args") or {}), state, sidecar, weights, origin)


def _pair(path: Path) -> tuple[Path, Path]:
    """Return the sidecar and the weights, whichever of them was named."""
    found = SIDECAR.fullmatch(path.name)
    name = found["name"] if found else path.name
    wanted = found["version"] if found else None
    folder = path.parent
    there = sorted(folder.glob("*")) if folder.is_dir() else []
    versions: dict[str, dict[str, Path]] = {}
    for one in there:
        match = SIDECAR.fullmatch(one.name)
        if match and match["name"] == name and one.is_file():
            ending = "json" if one.name.startswith(f"{name}.json") else "pt"
            versions.setdefault(match["version"] or "", {})[ending] = one
    check(versions, DataError, "The weights '{}' must be a pair NAME.json.vN and NAME.pt.vN of SeisBench. Got neither.", path)  # fmt: skip
    version = wanted if wanted is not None else max(versions, key=_newest)
    if found and wanted is None:
        version = ""
    pair = versions.get(version, {})
    ending = f".v{version}" if version else ""
    for kind, words in (("json", "sidecar"), ("pt", "weights")):
        check(kind in pair, DataError, "The {} '{}' must stand beside the other file of the pair. Got no such file.", words, folder / f"{name}.{kind}{ending}")  # fmt: skip
    return pair["json"], pair["pt"]


def _newest(version: str) -> tuple[tuple[int, ...], str]:
    numbers = re.findall(r"\d+", version)
    return tuple(map(int, numbers)), version


def _kind_of(state: Mapping[str, Tensor], weights: Path) -> str:
    """Tell a net by the names of its weights."""
    if "encoder.convs.0.weight" in state and "conv_d.weight" in state:
        return "eqtransformer"
    light = "down_branch.3.2.weight" not in state
    if "inc.weight" in state and "up_branch.0.0.weight" in state and not light:
        return "phasenet"
    names = ", ".join(list(state)[:3])
    raise DataError(
        f"The weights '{weights}' must be of a PhaseNet or an EQTransformer. Got a net with {names}, ..."
    )


def _built(
    kind: str, args: Mapping[str, Any], usual: Mapping[str, Any], state: Mapping[str, Tensor], sidecar: Path, weights: Path,
    origin: Mapping[str, Any],
) -> PickingNet:  # fmt: skip
    """Build the net, fill it, and say how it is to be asked."""
    how = KINDS[kind]
    components = str(args.get("component_order") or "ZNE")
    phases = str(args.get("phases") or how.phases)
    window = int(args.get("in_samples") or how.window)
    n_in = int(args.get("in_channels", 3))
    check(n_in == len(components), DataError, "The sidecar '{}' must name as many components as its net takes ({}). Got '{}'.", sidecar, n_in, components)  # fmt: skip
    check(len(set(phases)) == len(phases) and set(phases) - {NOISE}, DataError, "The phases in the sidecar '{}' must be letters such as PSN, each once. Got '{}'.", sidecar, phases)  # fmt: skip
    labels = [*phases] if kind == "phasenet" else [DETECTION, *phases]
    n_out = int(args.get("classes", len(phases)))
    check(n_out == len(phases), DataError, "The sidecar '{}' must name as many phases as its net has ({}). Got '{}'.", sidecar, n_out, phases)  # fmt: skip
    norm, by_itself = _norm(args, how, sidecar)
    config_class, net_class = architecture_of(kind).classes()
    config = config_class.of((n_in, window), len(labels), **_settings(kind, args, sidecar))
    with torch.random.fork_rng():
        net: nn.Module = net_class(config)
    fill(net, state, what=f"the net that the sidecar '{sidecar.name}' describes")
    given = args.get("filter_args")
    stacking = str(usual.get("stacking") or how.stacking)
    check(stacking in STACKINGS, DataError, "The stacking in the sidecar '{}' must be avg or max. Got '{}'.", sidecar, stacking)  # fmt: skip
    return PickingNet(
        architecture=kind,
        net_settings=plain(asdict(config)),
        recipe={},
        seeds=[0],
        weights=weights_of([net]),
        histories=[],
        labels=labels,
        rate=float(args.get("sampling_rate") or 100.0),
        window=window,
        components=components,
        norm=norm,
        norm_per_component=by_itself,
        norm_detrend=bool(args.get("norm_detrend", False)),
        filter={"args": list(given), "kwargs": dict(args.get("filter_kwargs") or {})} if given else {},
        thresholds=_thresholds(labels, how, usual),
        overlap=_overlap(usual.get("overlap", how.overlap), window),
        blinding=[int(one) for one in usual.get("blinding", how.blinding)],
        stacking=STACKINGS[stacking],  # type: ignore[arg-type]
        trained_on=[f"Weights of SeisBench: {origin['sidecar'].get('docstring') or 'nothing is said of what they were trained on'}"],
        origin=dict(origin),
        trained_with={"torch": torch.__version__},
    )  # fmt: skip


def _norm(args: Mapping[str, Any], how: Kind, sidecar: Path) -> tuple[Any, bool]:
    """Return by what windows are divided, and whether each component by itself: as SeisBench does what these words say."""
    norm = args.get("norm", "std")
    check(norm in ("std", "peak"), DataError, "The norm in the sidecar '{}' must be std or peak. Got '{}'.", sidecar, norm)  # fmt: skip
    if norm == "peak" or args.get("norm_amp_per_comp"):
        return "peak", True
    return "std", how.per_component


def _settings(kind: str, args: Mapping[str, Any], sidecar: Path) -> dict[str, Any]:
    if kind == "phasenet":
        return {"filters_root": 8 * int(args.get("filter_factor", 1))}
    original = args.get("original_compatible", False)
    check(original in ORIGINAL, DataError, "The 'original_compatible' in the sidecar '{}' must be one of: {}. Got '{}'.", sidecar, ", ".join(map(str, ORIGINAL)), original)  # fmt: skip
    kept = {name: args[name] for name in ("lstm_blocks", "drop_rate") if name in args}
    return kept | {"original": ORIGINAL[original]}


def _thresholds(labels: list[str], how: Kind, usual: Mapping[str, Any]) -> dict[str, float]:
    """Return from which probability each phase counts, as SeisBench would take it."""
    every = float(usual.get("threshold", usual.get("*_threshold", how.threshold)))
    found = {
        one: float(usual.get(f"{one}_threshold", every)) for one in labels if one not in (NOISE, DETECTION)
    }
    if DETECTION in labels:
        found[DETECTION] = float(usual.get("detection_threshold", how.detection))
    return found


def _overlap(given: Any, window: int) -> int:
    """Return the samples of an overlap, which SeisBench takes as a share where it is below 1."""
    return round(given * window) if 0 <= given < 1 else int(given)


# ---- writing ----
def write_seisbench(
    model: PickingNet, folder: str | Path, name: str, *, version: str = "1"
) -> tuple[Path, Path]:
    """Write a model as SeisBench keeps weights; it loads them by ``seisbench.models.PhaseNet.load("FOLDER/NAME", version_str="1")``.

    Parameters
    ----------
    model : PickingNet
    folder : path
        An existing one.
    name, version : str

    Returns
    -------
    sidecar, weights : Path

    Raises
    ------
    SettingError
        If a file is there already, or SeisBench has no words for the model.
    """
    folder = Path(folder)
    check(re.fullmatch(r"\w[\w-]*", name) and re.fullmatch(r"\w+", version), SettingError, "The name and the version of weights must be letters, digits, - and _. Got '{}' and '{}'.", name, version)  # fmt: skip
    check(folder.is_dir(), SettingError, "The folder for weights, '{}', must exist. Got none.", folder)
    files = folder / f"{name}.json.v{version}", folder / f"{name}.pt.v{version}"
    for one in files:
        check(not one.exists(), SettingError, "The file '{}' must not exist yet. Got one.", one)
    args = _model_args(model)
    usual: dict[str, Any] = {
        "detection_threshold" if one == DETECTION else f"{one}_threshold": level
        for one, level in model.thresholds.items()
    }
    usual["overlap"], usual["blinding"] = model.overlap, list(model.blinding)
    usual["stacking"] = "avg" if model.stacking == "mean" else "max"
    said = {
        "docstring": " ".join([f"Written by clew: {model.headline()}.", *model.trained_on, *model.notes]),
        "model_args": args,
        "seisbench_requirement": REQUIREMENT,
        "default_args": usual,
        "version": version,
    }
    buffer = io.BytesIO()
    torch.save(model.net().state_dict(), buffer)
    write_whole(files[1], buffer.getvalue())
    write_whole(files[0], json.dumps(said, indent=4).encode() + b"\n")
    return files


def _model_args(model: PickingNet) -> dict[str, Any]:
    """Return by what SeisBench builds the net."""
    how, settings = KINDS[model.architecture], model.net_settings
    check(
        model.members == 1,
        SettingError,
        "The model to write for SeisBench must be one net. Got {}.",
        model.members,
    )
    phases = [one for one in model.labels if one != DETECTION]
    check(all(len(one) == 1 for one in phases), SettingError, "The phases of a model for SeisBench must be single letters. Got {}.", ", ".join(phases))  # fmt: skip
    usual = model.norm == "std" and model.norm_per_component == how.per_component
    check(usual or (model.norm == "peak" and model.norm_per_component), SettingError, "The windows of a model for SeisBench must be divided as SeisBench does. Got {} of {}.", model.norm, "each component" if model.norm_per_component else "all components together")  # fmt: skip
    args: dict[str, Any] = {
        "component_order": model.components,
        "phases": "".join(phases),
        "norm": model.norm,
        "norm_detrend": model.norm_detrend,
        "sampling_rate": model.rate,
        "in_channels": len(model.components),
        "classes": len(phases),
        "filter_args": model.filter.get("args") or None,
        "filter_kwargs": model.filter.get("kwargs") or None,
    }
    if model.architecture == "phasenet":
        root, factor = settings["filters_root"], settings["filters_root"] // 8
        fits = root == 8 * factor and settings["depth"] == 5 and model.window == how.window
        check(fits, SettingError, "The PhaseNet to write for SeisBench must have 5 levels, a multiple of 8 channels and windows of {} samples. Got {} levels, {} channels and {} samples.", how.window, settings["depth"], root, model.window)  # fmt: skip
        return args | ({"filter_factor": factor} if factor != 1 else {})
    original = {"no": False}.get(settings["original"], settings["original"])
    return args | {
        "in_samples": model.window,
        "lstm_blocks": settings["lstm_blocks"],
        "drop_rate": settings["drop_rate"],
        "original_compatible": original,
    }


# ---- whatever a user names ----
def load_picker(path: str | Path) -> PickingNet:
    """Load a picker: a folder that clew saved, either file of SeisBench's pair, or the name of one that comes with clew.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    path = Path(path)
    if path.is_dir():
        found = format_of(path)
        check(found == PickingNet.FORMAT, DataError, "The folder '{}' must be a picking net that clew saved. Got a '{}'.", path, found)  # fmt: skip
        return PickingNet.load_model(path)
    if str(path) in PICKERS:
        return shipped_picker(str(path))
    beside = path.parent.is_dir() and any(
        one.name.startswith(f"{path.name}.json") for one in path.parent.iterdir()
    )
    if path.exists() or beside or SIDECAR.fullmatch(path.name):
        return read_seisbench(path)
    raise DataError(
        f"The model '{path}' must be a folder of clew, a pair NAME.json.vN and NAME.pt.vN of SeisBench, or one that comes with clew "
        f"({', '.join(PICKERS)}). Got no such file.{did_you_mean(str(path), PICKERS)}"
    )
