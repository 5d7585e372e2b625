"""`StoredNet`: a trained net, or several of one kind, as plain arrays that can be kept in a folder and built again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from torch import nn

from clew.errors import SettingError, check
from clew.learn.model_file import json_bytes
from clew.neural.model_card import CardParts
from clew.neural.weights import VERSION, net_of, read_net, write_net
from clew.result import Result, frozen_view
from clew.validate.history import History


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StoredNet(Result):
    """A trained net, or several that differ in their random state: weights as arrays, and all that must be known to use them.

    Subclasses say what it is for. Their further fields must be such as JSON can say, or `to_config` and `from_config` turn
    them into such and back.

    Parameters
    ----------
    architecture : str
        One of `clew.neural.architectures.ARCHITECTURES`.
    net_settings : dict
        The configuration of the net, whole: it can be built from this alone.
    recipe : dict
        How it was trained: "optimizer", "lr", "schedule" and whatever else decides it.
    seeds : list of int
        The random state of each member.
    weights : dict of str to ndarray
        Of all members, by torch's names behind the number of the member: "0.layers.0.weight".
    histories : list of History
        The training of each member.
    notes : list of str
        What was left out in training, and what to mind.
    trained_with : dict
        The version of torch, the device, and what else tells of the place.
    """

    FORMAT: ClassVar[str]  # of the folder
    DECIDES: ClassVar[
        tuple[str, ...]
    ]  # the fields that decide an answer, and so the hash; the rest tells how it came to be

    architecture: str
    net_settings: dict[str, Any]
    recipe: dict[str, Any]
    seeds: list[int]
    weights: dict[str, np.ndarray]
    histories: list[History]
    notes: list[str] = dataclasses.field(default_factory=list)
    trained_with: dict[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "weights", {name: frozen_view(one) for name, one in self.weights.items()})

    # ---- what it is ----
    @property
    def members(self) -> int:
        """Return the number of nets whose mean it is."""
        return len(self.seeds)

    @property
    def n_parameters(self) -> int:
        """Return the number of weights that one net learnt."""
        return sum(one.numel() for one in self.net().parameters())

    @property
    def sha256(self) -> str:
        """Return the hash of what it answers by: weights and description, without versions, threads and how it was trained."""
        said = {"format": self.FORMAT, "version": VERSION}
        sha = hashlib.sha256(json_bytes(said | {name: getattr(self, name) for name in self.DECIDES}))
        for name in sorted(self.weights):
            array = self.weights[name]
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
            sha.update(f"{name} {array.dtype.str} {array.shape}".encode())
            sha.update(array.tobytes())
        return sha.hexdigest()

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        raise NotImplementedError

    # ---- nets ----
    def net(self, member: int = 0) -> nn.Module:
        """Return the torch module of a member, in evaluation mode.

        Raises
        ------
        SettingError
            If there is no such member.
        DataError
            If the weights are not those of such a net.
        """
        check(0 <= member < self.members, SettingError, "The 'member' of a model must be from 0 to {}. Got {} instead.", self.members - 1, member)  # fmt: skip
        mine = f"{member}."
        state = {name.removeprefix(mine): one for name, one in self.weights.items() if name.startswith(mine)}
        return net_of(self.architecture, self.net_settings, state)

    # ---- save, load ----
    def to_config(self) -> dict[str, Any]:
        """Return all but weights, histories and settings as JSON can say it."""
        apart = ("weights", "histories", "settings")
        return {
            one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.name not in apart
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], **rest: Any) -> Self:
        """Return what `to_config` was made of; refuse by a `ValueError` what cannot be."""
        known = {one.name: config[one.name] for one in dataclasses.fields(cls) if one.name in config}
        return cls(**(known | rest))

    def save_model(self, folder: str | Path, *, quality: Sequence[str] = ()) -> Path:
        """Write ``model.safetensors``, ``config.json``, ``history.csv`` and a model card into a new folder.

        It appears whole or not at all; the same model gives the same bytes.

        Parameters
        ----------
        folder : path
        quality : sequence of str
            Sentences for the card that say how good it is on data that it has never seen.

        Raises
        ------
        SettingError
            If the folder exists, or the folder to hold it does not.
        """
        return write_net(self, Path(folder), quality=quality)

    @classmethod
    def load_model(cls, folder: str | Path) -> Self:
        """Read a model that `save_model` wrote.

        Raises
        ------
        DataError
            If the folder does not hold a whole model of this kind, as it was written, or one of a newer clew.
        """
        return read_net(cls, Path(folder))


def weights_of(nets: Sequence[nn.Module]) -> dict[str, np.ndarray]:
    """Return the weights of several nets under the names by which a `StoredNet` has them."""
    return {
        f"{member}.{name}": value.detach().cpu().numpy().copy()
        for member, one in enumerate(nets)
        for name, value in one.state_dict().items()
    }
