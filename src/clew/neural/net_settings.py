"""The settings of a net in the workflow: one list, which training, validation, comparison and curve share."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check
from clew.neural.recipe import Schedule

NetName = Literal["perceptron", "mlp", "cnn", "elman", "lstm", "gru"]
NETS: tuple[NetName, ...] = typing.get_args(NetName)
ON_FEATURES: tuple[NetName, ...] = ("perceptron", "mlp")  # the others look at raw data
IN_STEPS: tuple[NetName, ...] = ("elman", "lstm", "gru")
SMALLEST, LARGEST = 8, 64  # rows of an update that is chosen,
UPDATES = 16  # so that an epoch has so many, where the rows allow it
MOST_STEPS = 128  # of a window that is cut into frames unasked: more are slow to learn and soon forgotten
LATER = {"NetModel": Any, "PixelNet": Any}  # what signatures name that only torch can load


class OfTraining:
    """What the settings of every kind of net have in common."""

    members: int
    held_out: float
    batch_size: int | None
    scale: Literal["auto", "training", "each", "peak", "none"]

    def check_shared(self) -> None:
        """Refuse members and shares that no net can have.

        Raises
        ------
        SettingError
            If there are some.
        """
        whole = isinstance(self.members, (int, np.integer)) and not isinstance(self.members, bool)
        check(whole and 1 <= self.members <= 100, SettingError, "The 'members' of a net must be a whole number from 1 to 100. Got {} instead.", self.members)  # fmt: skip
        check(0 <= self.held_out <= 0.5, SettingError, "The 'held_out' of a net must be a share from 0 to 0.5. Got {} instead.", self.held_out)  # fmt: skip

    def check_batch(self, n_rows: int) -> None:
        """Refuse a batch that is larger than all rows there are to learn from.

        Raises
        ------
        SettingError
            If it is.
        """
        fits = self.batch_size is None or self.batch_size <= n_rows
        check(fits, SettingError, "The 'batch_size' of a net must be at most the number of rows to learn from ({}). Got {} instead.", n_rows, self.batch_size)  # fmt: skip

    def batch_of(self, n_rows: int) -> int:
        """Return the rows of an update, of so many training rows; all, where a fold leaves fewer than were asked for."""
        usual = 2 ** int(np.log2(np.clip(n_rows / UPDATES, SMALLEST, LARGEST)))
        return min(n_rows, self.batch_size or usual)


@dataclass(frozen=True, kw_only=True)
class NetSettings(OfTraining):
    """How nets are made and trained.

    Parameters
    ----------
    model : {"perceptron", "mlp", "cnn", "elman", "lstm", "gru"}
        The kind of net. perceptron and mlp learn from the measured features, the others from raw data: cnn from images of
        objects or windows of recordings, elman, lstm and gru from windows, step by step.
    hidden : str or list of int, optional
        Nets: units of the hidden layers, such as 64,32; of a cnn those of its fully connected layer.
    epochs : int
        Nets: how often they see all rows, at most.
    batch_size : int, optional
        Nets: rows of an update; by default a power of 2 from 8 to 64, so that an epoch has 16 updates or more.
    lr : float or "find"
        Nets: the highest learning rate; "find" tries rates on the training rows first, once for all members.
    schedule : {"constant", "cosine", "one-cycle", "step", "plateau"}
        Nets: how the learning rate changes.
    dropout : float
        Nets: the share of hidden units that are silenced at random in training.
    weight_decay : float
        Nets: how much weights are drawn towards 0.
    patience : int, optional
        Nets: stop when the rows held out have got no better for so many epochs.
    held_out : float
        Nets: the share of the training rows, whole groups, that choose the best epoch, or only tell how it went where they are
        fewer than 100; 0 holds none out.
    members : int
        Nets: how many are trained, each with a random state of its own; their mean answers.
    augment : {"auto", "none"}
        Nets: whether raw data are changed a little in each epoch: images flipped and turned, windows shifted, made larger or
        smaller, and noisier.
    side : int, optional
        Nets on images: side of the squares that are cut out, in px; what 95% of the objects lie whole in by default.
    around : {"keep", "blank"}
        Nets on images: "blank" puts the background in place of all that is not the object, so that neighbours (which may be
        sealed) are not seen; "keep" where the surroundings tell the class.
    frame : int, optional
        elman, lstm and gru: how many samples they hear at once, as one step; by default so many that a window has at most 128
        steps.
    scale : {"auto", "training", "each", "peak", "none"}
        Nets: to mean 0 and standard deviation 1 over the training rows, or of each row by itself, or to a peak of 1. "auto" is
        "training", but "each" for windows whose amplitudes differ by more than a factor of 30, and images whose contrasts
        differ by more than one of 4.
    class_weight : {"given", "equal"}
        Whether a class weighs as many rows as it has, or all classes the same: that moves the decision towards rare
        classes, and probabilities no longer say how common they are.
    threads : int
        Nets: threads of torch; the last digits depend on it.
    device : str
        Nets: cpu, cuda, or auto, a GPU if there is one; the last digits depend on it.
    """

    model: NetName = "mlp"
    hidden: str | list[int] | None = None
    epochs: int = 50
    batch_size: int | None = None
    lr: float | Literal["find"] = 0.003
    schedule: Schedule = "one-cycle"
    dropout: float = 0.2
    weight_decay: float = 0.01
    patience: int | None = 10
    held_out: float = 0.2
    members: int = 3
    augment: Literal["auto", "none"] = "auto"
    side: int | None = None
    around: Literal["keep", "blank"] = "blank"
    frame: int | None = None
    scale: Literal["auto", "training", "each", "peak", "none"] = "auto"
    class_weight: Literal["given", "equal"] = "given"
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        self.check_shared()
        framed = isinstance(self.frame, (int, np.integer)) and not isinstance(self.frame, bool)
        check(self.frame is None or (framed and self.frame >= 1), SettingError, "The 'frame' of a net must be a whole number of samples above 0. Got {} instead.", self.frame)  # fmt: skip
        check(0 <= self.dropout < 1, SettingError, "The 'dropout' of a net must be from 0 to below 1. Got {} instead.", self.dropout)  # fmt: skip
        self.of_architecture()

    @property
    def raw(self) -> bool:
        """Return whether the net looks at raw data, and not at measured features."""
        return self.model not in ON_FEATURES

    def of_architecture(self, length: int = 1) -> dict[str, Any]:
        """Return what the net's own configuration takes of these, for windows of so many samples.

        Raises
        ------
        SettingError
            If there are more hidden layers than the net has, or units that are no whole numbers.
        """
        units, name = units_of(self.hidden), self.model
        if name == "perceptron":
            check(not units, SettingError, "The 'hidden' of a perceptron must not be given: it has no hidden layer. Got {}.", self.hidden)  # fmt: skip
            return {}
        found: dict[str, Any] = {"dropout": self.dropout}
        if name in IN_STEPS:
            found["pool"] = "max"  # what tells the class may lie anywhere in the window
            found["frame"] = self.frame or -(-length // MOST_STEPS)
        if not units:
            return found
        if name == "mlp":
            return found | {"hidden": units}
        one = len(units) == 1 if name == "cnn" else len(set(units)) == 1
        check(one, SettingError, "The 'hidden' of {} must be {}. Got {}.", name, "one number" if name == "cnn" else "the same number for each layer", self.hidden)  # fmt: skip
        return found | {"hidden": units[0]} | ({} if name == "cnn" else {"layers": len(units)})

    def of_training(self) -> dict[str, Any]:
        """Return what `clew.neural.estimators.NetClassifier` takes of these, as it is."""
        same = ("lr", "schedule", "weight_decay", "patience", "threads", "device")
        return {name: getattr(self, name) for name in same} | {"max_epochs": self.epochs}


def units_of(hidden: str | list[int] | None) -> tuple[int, ...]:
    """Return the units of each hidden layer; none where nobody said."""
    if hidden is None:
        return ()
    parts = hidden.split(",") if isinstance(hidden, str) else list(hidden)
    told = [str(part).strip() for part in parts]
    whole = all(part.isdigit() and int(part) > 0 for part in told)
    check(told and whole, SettingError, "The 'hidden' of a net must be whole numbers above 0, such as 64,32. Got {} instead.", hidden)  # fmt: skip
    return tuple(map(int, told))


def with_net_settings(*, without: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function every setting of `NetSettings` as a setting of its own; it gets them together, as ``net``.

    Parameters
    ----------
    without : tuple of str
        Settings that it does not have.
    """
    return with_settings(NetSettings, together="net", without=without)


def with_settings(
    kind: type[Any], *, together: str, without: tuple[str, ...] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function every field of a dataclass as a setting of its own; it gets them together, under one name.

    Where its docstring says what that name is, those of the fields stand then.

    Parameters
    ----------
    kind : type
        The dataclass.
    together : str
        The name by which the function gets them.
    without : tuple of str
        Settings that it does not have.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        of_kind, own = typing.get_type_hints(kind), typing.get_type_hints(function, localns=LATER)
        fields = [one for one in dataclasses.fields(kind) if one.name not in without]
        shared = [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=of_kind[one.name]
            )
            for one in fields
        ]
        names = {one.name for one in fields}
        signature = inspect.signature(function)
        kept = [one for one in signature.parameters.values() if one.name != together]

        def run(*args: Any, **given: Any) -> Any:
            whole = kind(**{name: value for name, value in given.items() if name in names})
            rest = {name: value for name, value in given.items() if name not in names}
            return function(*args, **rest, **{together: whole})

        for name in ("__name__", "__qualname__", "__module__"):
            setattr(run, name, getattr(function, name))
        listed = ", ".join(one.name for one in fields)
        run.__doc__ = (function.__doc__ or "").replace(f"    {together}\n", f"    {listed}\n")
        run.__signature__ = signature.replace(parameters=[*kept, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {**own, **{name: of_kind[name] for name in names}}
        run.__annotations__.pop(together)
        return run

    return declare
