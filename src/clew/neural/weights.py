"""Weights in files: a model as a folder without pickle, and state dicts from elsewhere, read so that nothing in them can run."""

from __future__ import annotations

import csv
import dataclasses
import errno
import hashlib
import io
import json
import math
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check
from clew.learn.model_file import format_of, json_bytes, write_files
from clew.neural.architectures import architecture_of
from clew.neural.model_card import CONFIG, HISTORY, card_of
from clew.result import write_whole
from clew.validate.history import COLUMNS, History

if TYPE_CHECKING:
    from clew.neural.stored import StoredNet

VERSION = 1
WEIGHTS, BATCHES, CARD = "model.safetensors", "batch_loss.csv", "README.md"
READ = (WEIGHTS, HISTORY, BATCHES)  # the card is for people, who may change it
MOST_NAMED = 4
Weight: TypeAlias = np.ndarray | Tensor
S = TypeVar("S", bound="StoredNet")


# ---- a folder ----
def write_net(model: StoredNet, folder: Path, *, quality: Sequence[str] = ()) -> Path:
    """Write a model into a new folder, which appears whole or not at all: see `StoredNet.save_model`."""
    epochs = [(i, *row) for i, one in enumerate(model.histories) for row in one.rows()]
    batches = [
        (i, n, x) for i, one in enumerate(model.histories) for n, x in enumerate(one.batch_loss.tolist(), 1)
    ]
    files = {
        WEIGHTS: state_bytes(nn.ModuleList([model.net(member) for member in range(model.members)])),
        HISTORY: _table(("member", *COLUMNS), epochs),
        BATCHES: _table(("member", "update", "loss"), batches),
        CARD: card_of(model, quality).encode(),
    }
    config = model.to_config() | {
        "format": model.FORMAT,
        "version": VERSION,
        "sha256": model.sha256,
        "training": [_facts(one) for one in model.histories],
        "settings": {name: value for name, value in model.settings.items() if name != "n_jobs"},
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    config["files"] |= {CONFIG: signature(config)}
    return write_files(folder, files | {CONFIG: json_bytes(config, indent=2) + b"\n"})


def read_net(kind: type[S], folder: Path) -> S:
    """Read what `write_net` wrote: see `StoredNet.load_model`."""
    found = format_of(folder)
    check(found == kind.FORMAT, DataError, "The folder '{}' must be a {} that clew saved. Got a '{}'.", folder, kind.FORMAT.removeprefix("clew "), found)  # fmt: skip
    try:
        return _read(kind, folder)
    except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        missing = isinstance(error, FileNotFoundError)
        got = f"no {Path(error.filename).name} there" if missing else str(error).split("\n")[0].rstrip(".")  # type: ignore[union-attr]
        told = f"The folder '{folder}' must be a net that clew saved (format {VERSION}). Got {got}."
        raise DataError(told) from error


def _read(kind: type[S], folder: Path) -> S:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    version, files = config["version"], config["files"]
    check(version <= VERSION, DataError, "one of format {}, made by a newer clew", version)
    check(
        signature(config) == files[CONFIG], DataError, "one whose {} was changed after it was saved", CONFIG
    )
    for name in READ:
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        check(found == files[name], DataError, "a {} that is damaged: sha256 {:.12} instead of {:.12}", name, found, files[name])  # fmt: skip
    model = kind.from_config(
        config,
        settings=config["settings"],
        histories=_histories(folder, config["training"]),
        weights={name: one.numpy() for name, one in read_state(folder / WEIGHTS).items()},
    )
    check(model.members, DataError, "one without a member")
    for member in range(model.members):
        model.net(member)  # refuses weights of another net
    return model


def signature(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a configuration, but for what it says of the files beside it."""
    kept = json.loads(json_bytes({name: value for name, value in config.items() if name != "files"}))
    return hashlib.sha256(json_bytes(kept)).hexdigest()


# ---- the training ----
def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Return rows as CSV, each number so that it is read back to the bit."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue().encode()


def _facts(history: History) -> dict[str, Any]:
    """Return what of a training is no array; None where a number is unknown."""
    names = [one.name for one in dataclasses.fields(history) if one.name != "settings"]
    values = {name: getattr(history, name) for name in names}
    plain = {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
    return {name: None if isinstance(one, float) and math.isnan(one) else one for name, one in plain.items()}


def _histories(folder: Path, facts: Sequence[Mapping[str, Any]]) -> list[History]:
    epochs, batches = (_columns(folder / name, len(facts)) for name in (HISTORY, BATCHES))
    made = []
    for said, epoch, batch in zip(facts, epochs, batches, strict=True):
        unknown = {name: math.nan for name in ("chance_loss", "train_loss_at_best") if said[name] is None}
        columns: dict[str, Any] = {name: epoch[name] for name in COLUMNS[1:]}
        columns |= {"updates": epoch["updates"].astype(np.int64), "batch_loss": batch["loss"]}
        made.append(History(**{**said, **unknown}, **columns))
    return made


def _columns(path: Path, members: int) -> list[dict[str, np.ndarray]]:
    """Return the columns of a table, float64, for each member."""
    with open(path, newline="", encoding="utf-8") as file:
        names, *rows = list(csv.reader(file))
    table = np.array(rows, np.float64).reshape(-1, len(names))
    return [dict(zip(names, table[table[:, 0] == member].T, strict=True)) for member in range(members)]


# ---- weights of one net ----
def write_state(net: nn.Module, path: str | Path) -> Path:
    """Write the weights of a net, of clew or of one's own, as ``.safetensors``.

    Weights that two modules share are written once, as `safetensors.torch.save_model` does, which can read them too.
    """
    check(Path(path).suffix == ".safetensors", SettingError, "The file for weights, '{}', must end in .safetensors. Got '{}' instead.", path, Path(path).suffix)  # fmt: skip
    return write_whole(path, state_bytes(net))


def state_bytes(net: nn.Module) -> bytes:
    """Return the weights of a net in the form of safetensors; the same weights give the same bytes."""
    tied = ties_of(net)
    once = {
        name: one.detach().cpu().contiguous() for name, one in net.state_dict().items() if name not in tied
    }
    data = safetensors.torch.save(once, {"format": "pt", **tied})
    end = 8 + int.from_bytes(data[:8], "little")
    header = json_bytes(json.loads(data[8:end]))  # safetensors writes it in any order
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def ties_of(net: nn.Module) -> dict[str, str]:
    """Return the names of weights that stand a second time for the same memory, with the name that is kept."""
    kept: dict[Any, str] = {}
    tied = {}
    for name, one in sorted(net.state_dict().items()):
        place = (one.data_ptr(), one.shape, one.stride())
        if one.numel() and kept.setdefault(place, name) != name:
            tied[name] = kept[place]
    return tied


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read the weights in a ``.safetensors`` file, or a state dict in a ``.pt``, ``.pth`` or ``.pt.vN`` file that `torch.save` wrote.

    Nothing in the file can run: of a pickle, only tensors in a dict are read (``weights_only=True``).

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds anything but a plain state dict.
    """
    path = Path(path)
    versioned = re.search(
        r"\.pt\.v[^.]+$", path.name
    )  # as SeisBench keeps weights: see `clew.neural.seisbench_pair`
    check(versioned or path.suffix in (".safetensors", ".pt", ".pth"), DataError, "The file of weights, '{}', must end in .safetensors, .pt or .pth. Got '{}' instead.", path, path.suffix)  # fmt: skip
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path.read_bytes())
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"The file '{path}' must be a plain state dict, as torch.save(net.state_dict(), ...) writes it. Got a pickle of "
            "something else, or a damaged one; it was not opened, since a pickle can run code."
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, SafetensorError) as error:
        why = str(error).split("\n")[0].rstrip(".")
        got = "no such file" if isinstance(error, FileNotFoundError) else why or "an empty file"
        if path.is_file() and isinstance(error, OSError) and error.errno == errno.EINVAL:
            got = f"a damaged file of {path.stat().st_size:,} bytes"  # torch seeks to where a whole one would end
        raise DataError(f"The file '{path}' must hold the weights of a net. Got {got}.") from error
    found = state if isinstance(state, dict) else {}
    got = (
        f"the entries {_listed([str(name) for name in found])}"
        if found
        else f"an empty one, or a {type(state).__name__}"
    )
    plain = found and all(isinstance(name, str) and isinstance(one, Tensor) for name, one in found.items())
    check(plain, DataError, "The file '{}' must be a plain state dict: names and tensors. Got {}.", path, got)
    return dict(found)


def _read_safetensors(data: bytes) -> dict[str, Tensor]:
    state = safetensors.torch.load(data)
    said = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    return state | {name: state[kept] for name, kept in said.items() if kept in state}


def fill(net: nn.Module, state: Mapping[str, Weight], *, what: str = "the net") -> nn.Module:
    """Put weights into a net that must have just these, and return it.

    Parameters
    ----------
    net : Module
    state : mapping of str to Tensor or ndarray
    what : str
        The net in a sentence.

    Raises
    ------
    DataError
        If one is missing, there is one too many, one has another shape, or two differ that the net shares.
    """
    tensors = {
        name: torch.as_tensor(np.array(one) if isinstance(one, np.ndarray) else one)
        for name, one in state.items()
    }
    given = {name: tuple(one.shape) for name, one in tensors.items()}
    wanted = {name: tuple(one.shape) for name, one in net.state_dict().items()}
    both = [name for name in wanted if name in given]
    other = [
        f"{name} {given[name]} instead of {wanted[name]}" for name in both if given[name] != wanted[name]
    ]
    ties = {name: kept for name, kept in ties_of(net).items() if {name, kept} <= set(both)}
    parts = {
        "lack": [name for name in wanted if name not in given],
        "also have": [name for name in given if name not in wanted],
        "have in another shape": other,
        "hold apart what it shares:": [a for a, b in ties.items() if not torch.equal(tensors[a], tensors[b])],
    }
    differs = "; ".join(f"{start} {_listed(names)}" for start, names in parts.items() if names)
    check(not differs, DataError, "The weights must be those of {}. These {}.", what, differs)
    net.load_state_dict(tensors)
    return net


def net_of(architecture: str, settings: Mapping[str, Any], state: Mapping[str, Weight]) -> nn.Module:
    """Build a net of its whole configuration and its weights, in evaluation mode.

    Raises
    ------
    DataError
        If the weights are not those of such a net.
    """
    config_class, net_class = architecture_of(architecture).classes()
    given = {name: _tuples(one) for name, one in settings.items()}
    with torch.random.fork_rng():  # first weights are drawn, only to be replaced
        net: nn.Module = net_class(config_class(**given))
    double = any(one.dtype in (np.float64, torch.float64) for one in state.values())
    return fill(net.double() if double else net, state, what=f"a net '{architecture}'").eval()


def _tuples(value: Any) -> Any:
    """Return lists, as JSON has them, as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
