"""The nets that clew has, by name: what each takes, and how one is built for given rows."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clew.errors import DataError, SettingError, check, check_choice, did_you_mean

if TYPE_CHECKING:
    from torch import nn

Takes = Literal["rows", "grids", "sequences", "either"]
SHAPES = {
    "rows": "a table (rows, features)",
    "grids": "of shape (rows, channels, sides ...): signals have one side, images two, volumes three",
    "sequences": "of shape (rows, steps, features), or a list of sequences",
    "either": "a table (rows, features), or grids (rows, channels, sides ...)",
}


@dataclass(frozen=True)
class Architecture:
    """One kind of net.

    Parameters
    ----------
    words : str
        Its name in a sentence.
    takes : {"rows", "grids", "sequences", "either"}
        What one row is: numbers in no order, channels on a grid, or steps in time; "either" of the first two.
    config, net : str
        Its classes in `clew.neural.nets`, such as "mlp:Mlp".
    settings : dict
        What is fixed beside the settings that a user may give.
    """

    words: str
    takes: Takes
    config: str
    net: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def classes(self) -> tuple[Any, Any]:
        """Return the class of the configuration and that of the net."""
        config, net = (_named(place) for place in (self.config, self.net))
        return config, net


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"clew.neural.nets.{module}"), name)


STEPS = "recurrent:RecurrentConfig"
ARCHITECTURES: dict[str, Architecture] = {
    "perceptron": Architecture(
        "a perceptron", "rows", "perceptron:PerceptronConfig", "perceptron:Perceptron"
    ),
    "mlp": Architecture("a multilayer perceptron", "rows", "mlp:MlpConfig", "mlp:Mlp"),
    "cnn": Architecture("a convolutional network", "grids", "cnn:CnnConfig", "cnn:Cnn"),
    "unet": Architecture("a U-Net", "grids", "unet:UNetConfig", "unet:UNet"),
    "self-feedback": Architecture(
        "a hidden layer with self-feedback", "sequences", STEPS, "self_feedback:SelfFeedback"
    ),
    "elman": Architecture("an Elman network", "sequences", STEPS, "elman:Elman"),
    "fully-recurrent": Architecture(
        "a fully recurrent network", "sequences", STEPS, "fully_recurrent:FullyRecurrent"
    ),
    "lstm": Architecture("an LSTM", "sequences", STEPS, "lstm:LSTM"),
    "gru": Architecture("a GRU", "sequences", STEPS, "gru:GRU"),
    "autoencoder": Architecture(
        "an autoencoder", "either", "autoencoder:AutoencoderConfig", "autoencoder:Autoencoder"
    ),
    "vae": Architecture("a variational autoencoder", "either", "vae:VaeConfig", "vae:Vae"),
    "phasenet": Architecture("a PhaseNet", "grids", "phasenet:PhaseNetConfig", "phasenet:PhaseNet"),
    "eqtransformer": Architecture(
        "an EQTransformer", "grids", "eqtransformer:EQTransformerConfig", "eqtransformer:EQTransformer"
    ),
}


def architecture_of(name: str) -> Architecture:
    """Return the architecture of a name.

    Raises
    ------
    SettingError
        If there is none.
    """
    check_choice(name, ARCHITECTURES, what="'net' setting", of="a net")
    return ARCHITECTURES[name]


def build(name: str, shape: tuple[int, ...], n_out: int, settings: Mapping[str, Any]) -> nn.Module:
    """Build a net for rows of a shape, with weights drawn from torch's global generator.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    shape : tuple of int
        Of one row.
    n_out : int
        The number of classes, or of numbers.
    settings : mapping
        Settings of the net's configuration, such as ``{"hidden": (64, 32)}``.

    Raises
    ------
    SettingError
        If there is no such net or setting, or one is out of range.
    DataError
        If the net cannot be built for such rows.
    """
    kind = architecture_of(name)
    config_class, net_class = kind.classes()
    known = [
        one.name for one in dataclasses.fields(config_class) if one.name not in ("n_in", "n_out", "size")
    ]
    for given in settings:
        check(
            given in known,
            SettingError,
            "A net '{}' has no setting '{}'; it must be one of: {}.{}",
            name,
            given,
            ", ".join(known),
            did_you_mean(given, known),
        )
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    try:
        net: nn.Module = net_class(config_class.of(shape, n_out, **{**kind.settings, **plain}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise SettingError(
            f"The settings of a net '{name}' must fit rows of shape {shape}. Got {dict(settings) or 'none'}: {error}"
        ) from error
    return net


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """Refuse rows that a net cannot take.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    shape : tuple of int
        Of all rows, their number first.

    Raises
    ------
    DataError
        If they have too few or too many axes.
    """
    takes = architecture_of(name).takes
    fits = {
        "rows": len(shape) >= 2,
        "grids": 3 <= len(shape) <= 5,
        "sequences": len(shape) in (2, 3),
        "either": 2 <= len(shape) <= 5,
    }[takes]
    check(
        fits, DataError, "The rows for a net '{}' must be {}. Got the shape {}.", name, SHAPES[takes], shape
    )
