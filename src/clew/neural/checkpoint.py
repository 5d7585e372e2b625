"""A training in a file, to go on from: tensors and facts in one safetensors file that appears whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from clew.errors import DataError, check
from clew.result import write_whole

FORMAT = "clew training 1"


def write_checkpoint(
    path: Path, tensors: dict[str, Any], facts: dict[str, Any], *, of: dict[str, Any]
) -> None:
    """Write nested dicts of tensors, and facts that JSON can say, in place of an older checkpoint.

    Parameters
    ----------
    path : Path
    tensors, facts : dict
    of : dict
        What the training is of: another one does not go on from here.
    """
    # tied weights are copied apart, since the format has no word for them
    flat = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in _flat(tensors)}
    said = {"format": FORMAT, "facts": json.dumps(facts), "of": json.dumps(of, sort_keys=True)}
    said["sha256"] = _sum(flat, said)
    write_whole(path, save(flat, said))


def read_checkpoint(path: Path, *, of: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the tensors and the facts of a checkpoint, on the CPU; None where there is no file.

    Raises
    ------
    DataError
        If it is damaged, or of another training.
    """
    if not path.exists():
        return None
    try:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        said = json.loads(data[8 : 8 + length])["__metadata__"]
        tensors = load(data)
        check(said.pop("sha256") == _sum(tensors, said), DataError, "one that is damaged")
        facts, made_of = json.loads(said["facts"]), json.loads(said["of"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        got = "one that is damaged" if isinstance(error, SafetensorError) else "another file"
        got = str(error) if isinstance(error, (OSError, DataError)) else got
        raise DataError(
            f"The checkpoint '{path}' must be one that a training of clew wrote. Got {got}."
        ) from error
    wanted = json.loads(json.dumps(of))
    differs = [name for name in wanted if wanted[name] != made_of.get(name)]
    check(
        not differs,
        DataError,
        "The checkpoint '{}' must be of the same training. Got another {}; name another file, or remove it to begin anew.",
        path,
        " and ".join(differs),
    )
    return _nested(tensors), facts


def digest(*tensors: torch.Tensor) -> str:
    """Return the SHA-256 of tensors as 64 hex digits."""
    sha = hashlib.sha256()
    for one in tensors:
        sha.update(f"{one.dtype} {tuple(one.shape)}".encode())
        sha.update(one.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()


def _sum(tensors: dict[str, torch.Tensor], said: dict[str, str]) -> str:
    """Return the SHA-256 of all that a checkpoint holds, by which damage is seen."""
    names = sorted(tensors)
    whole = json.dumps([names, digest(*(tensors[name] for name in names)), said], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _flat(tensors: dict[str, Any], before: str = "") -> list[tuple[str, torch.Tensor]]:
    found = []
    for name, value in tensors.items():
        found += _flat(value, f"{before}{name}/") if isinstance(value, dict) else [(before + name, value)]
    return found


def _nested(flat: dict[str, torch.Tensor]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in flat.items():
        *folders, last = name.split("/")
        inner = found
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[last] = value
    return found
