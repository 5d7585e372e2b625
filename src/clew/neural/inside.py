"""Look into a net: what its layers answer, what its filters look for, how its states move, where it decides what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check, check_choice
from clew.neural.nets.activations import ACTIVATIONS, activation, derivative
from clew.neural.nets.recurrent import RecurrentNet
from clew.neural.place import check_module
from clew.result import Result


# ---- what comes out ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Activations(Result):
    """What layers of a net answer to rows.

    Parameters
    ----------
    values : dict of str to ndarray of float, shape (n_rows, ...)
        The answer of each layer, by its name in the net, in the order in which they are called.
    """

    values: dict[str, np.ndarray]

    def __getitem__(self, layer: str) -> np.ndarray:
        check_choice(layer, self.values, what="layer", of="the activations")
        return self.values[layer]

    def headline(self) -> str:
        """Say the layers in one line."""
        return ", ".join(f"{name} {value.shape}" for name, value in self.values.items())


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FeatureMaps(Result):
    """What the maps of a layer make of one image or trace.

    Parameters
    ----------
    layer : str
    inputs : ndarray of float, shape (n_channels, *places)
    values : ndarray of float, shape (n_maps, *places of the layer)
    """

    layer: str
    inputs: np.ndarray
    values: np.ndarray

    def headline(self) -> str:
        """Say the maps in one line."""
        return f"{len(self.values)} maps of layer {self.layer}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Filters(Result):
    """What a convolutional layer looks for.

    Parameters
    ----------
    layer : str
    values : ndarray of float, shape (n_maps, n_channels, *kernel)
    """

    layer: str
    values: np.ndarray

    def headline(self) -> str:
        """Say the filters in one line."""
        return f"{len(self.values)} filters of layer {self.layer}, each {self.values.shape[1:]}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class HiddenStates(Result):
    """How the hidden states of a recurrent net move along one sequence.

    Parameters
    ----------
    layer : str
    inputs : ndarray of float, shape (n_times, n_features), or of int64, shape (n_times,), for tokens
    values : ndarray of float, shape (n_times, n_hidden)
        Both directions side by side where the net reads both ways.
    """

    layer: str
    inputs: np.ndarray
    values: np.ndarray

    def headline(self) -> str:
        """Say the states in one line."""
        return f"{self.values.shape[1]} hidden states of {self.layer} over {len(self.values)} steps"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DecisionGrid(Result):
    """Which class a classifier answers over a plane of two features.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n_x,) and (n_y,)
        The first and the second feature.
    answer : ndarray of int64, shape (n_y, n_x)
        Places in ``classes``.
    classes : list of str
    points : ndarray of float64, shape (n_rows, 2)
    labels : ndarray of int64, shape (n_rows,)
        Places in ``classes``; -1 where no class is known.
    names : list of str
        Of the two features.
    """

    x: np.ndarray
    y: np.ndarray
    answer: np.ndarray
    classes: list[str]
    points: np.ndarray
    labels: np.ndarray
    names: list[str]

    def headline(self) -> str:
        """Say in one line how the plane is shared."""
        share = np.bincount(self.answer.ravel(), minlength=len(self.classes)) / self.answer.size
        return ", ".join(f"{name} {part:.0%}" for name, part in zip(self.classes, share, strict=True))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ActivationCurves(Result):
    """Activation functions and their derivatives.

    Parameters
    ----------
    names : list of str
    z : ndarray of float64, shape (n,)
    values, slopes : ndarray of float64, shape (n_names, n)
    """

    names: list[str]
    z: np.ndarray
    values: np.ndarray
    slopes: np.ndarray

    def headline(self) -> str:
        """Say the functions in one line."""
        return ", ".join(self.names)


# ---- looking ----
@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Hold a net in evaluation mode; each module gets its own mode back."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def watching(
    net: nn.Module, watch: Callable[[str, nn.Module, Any], None], *, only: type[nn.Module] = nn.Module
) -> Iterator[None]:
    """Call ``watch(name, module, output)`` when a module of ``net`` answers, in evaluation mode; no hook stays."""
    check_module(net)
    hooks = [
        module.register_forward_hook(lambda own, given, out, name=name: watch(name, own, out))
        for name, module in net.named_modules()
        if name and isinstance(module, only)
    ]
    try:
        with evaluating(net):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def as_input(net: nn.Module, x: Any) -> Tensor:
    """Return rows as the net takes them: floats of its parameters' type, or int64 tokens, on its device."""
    check_module(net)
    first = next(net.parameters(), torch.zeros(0))
    x = torch.as_tensor(np.asarray(x) if not isinstance(x, Tensor) else x)
    return x.to(first.device, first.dtype if x.is_floating_point() else torch.int64)


def as_array(x: Tensor) -> np.ndarray:
    """Return a tensor's numbers as an array of their own."""
    return x.detach().cpu().numpy().copy()


def activations(net: nn.Module, x: Any, *, layers: Sequence[str] | None = None) -> Activations:
    """Return what layers of a net answer to rows, in evaluation mode.

    Parameters
    ----------
    net : nn.Module
        Left as it is: no hook stays, and each module keeps its mode.
    x : array-like or Tensor, shape (n_rows, ...)
    layers : sequence of str, optional
        Names in ``net.named_modules()``; by default all modules that answer with one tensor.

    Raises
    ------
    SettingError
        If the net has no layer of that name.
    DataError
        If the layer was not called, or answers with more than a tensor (of a recurrent layer, the states are taken).
    """
    for layer in layers or ():
        check_layer(net, layer)
    found: dict[str, Tensor] = {}

    def watch(name: str, module: nn.Module, out: Any) -> None:
        first = out[0] if isinstance(out, tuple) else out
        if isinstance(first, Tensor) and (layers is None or name in layers):
            found[name] = first

    with watching(net, watch), torch.no_grad():
        net(as_input(net, x))
    for layer in layers or ():
        check(layer in found, DataError, "The layer '{}' must answer with a tensor when the net runs. It did not.", layer)  # fmt: skip
    return Activations(values={name: as_array(found[name]) for name in layers or found})


def check_layer(net: nn.Module, layer: str) -> nn.Module:
    """Return the module of that name; one sentence where there is none."""
    check_module(net)
    names = dict(net.named_modules())
    check_choice(layer, [name for name in names if name], what="layer", of="the net")
    return names[layer]


def convolutions(net: nn.Module) -> list[str]:
    """Return the names of the convolutional layers, from the input on."""
    return [
        name for name, module in net.named_modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    ]


def feature_maps(net: nn.Module, x: Any, layer: str) -> FeatureMaps:
    """Return what each map of a layer makes of one image or trace.

    Parameters
    ----------
    net : nn.Module
    x : array-like, shape (n_channels, *places)
        One row.
    layer : str

    Raises
    ------
    SettingError, DataError
        If there is no such layer, or it has no maps.
    """
    inputs = np.asarray(x)
    values = activations(net, inputs[None], layers=[layer])[layer][0]
    check(
        values.ndim == inputs.ndim and values.ndim > 1,
        DataError,
        "The layer '{}' must give maps with the places of the input (shape {}). Got shape {} instead.",
        layer,
        inputs.shape,
        values.shape,
    )
    return FeatureMaps(layer=layer, inputs=inputs, values=values)


def filters(net: nn.Module, layer: str | None = None) -> Filters:
    """Return what a convolutional layer looks for; the first of the net by default.

    Raises
    ------
    SettingError
        If the layer is no convolution, or the net has none.
    """
    known = convolutions(net)
    check(
        known,
        SettingError,
        "The net to take filters of must have a convolutional layer. Got {} instead.",
        type(net).__name__,
    )
    layer = known[0] if layer is None else layer
    check_choice(layer, known, what="layer", of="filters")
    return Filters(layer=layer, values=as_array(net.get_submodule(layer).weight))


def hidden_states(net: nn.Module, x: Any) -> HiddenStates:
    """Return the hidden states of a recurrent net over the steps of one sequence.

    Parameters
    ----------
    net : nn.Module
        A `RecurrentNet`, by torch's kernel or in clear steps, or a net around one of torch's; the last layer is taken.
    x : array-like, shape (n_times, n_features), or int64 (n_times,) for tokens
        One sequence.

    Raises
    ------
    DataError
        If the net is not recurrent.
    """
    inputs, states = np.asarray(x), {}

    def watch(name: str, module: Any, out: Any) -> None:
        states[name] = out[0] if module.batch_first else out[0].transpose(0, 1)  # (1, T, H)

    with watching(net, watch, only=nn.RNNBase), torch.no_grad():
        if isinstance(net, RecurrentNet):
            steps, _ = net.framed(as_input(net, inputs[None]))
            inputs, states["layers"] = as_array(steps[0]), net.unroll(steps)[0]
        else:
            net(as_input(net, inputs[None]))
    check(
        states, DataError, "The net of hidden_states must be recurrent. Got {} instead.", type(net).__name__
    )
    layer, values = list(states.items())[-1]
    return HiddenStates(layer=layer, inputs=inputs, values=as_array(values[0]))


def activation_curves(names: Sequence[str] = tuple(ACTIVATIONS), *, reach: float = 4.0) -> ActivationCurves:
    """Return activation functions and their derivatives from -reach to reach.

    Parameters
    ----------
    names : sequence of str
        Of `ACTIVATIONS`; all by default.
    """
    for name in names:
        check_choice(name, ACTIVATIONS, what="'names'", of="activation_curves")
    z = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    values = np.stack([as_array(activation(name)(z)) for name in names])
    slopes = np.stack([as_array(derivative(name, z)) for name in names])
    return ActivationCurves(names=list(names), z=as_array(z), values=values, slopes=slopes)


def decision_grid(
    predict: Callable[[np.ndarray], np.ndarray],
    X: np.ndarray,
    y: Sequence[Any] | np.ndarray | None = None,
    *,
    names: Sequence[str] = ("feature 1", "feature 2"),
    steps: int = 161,
) -> DecisionGrid:
    """Ask a classifier for its class all over the plane of two features.

    Parameters
    ----------
    predict : callable
        Takes rows (n, 2), returns one class each (n,), as ``predict`` of any classifier.
    X : ndarray of float, shape (n_rows, 2)
        The rows; the plane reaches a tenth beyond them.
    y : array-like of str or int, shape (n_rows,), optional
        Their classes.
    names : sequence of str
        Of the two features.
    steps : int
        Places along each feature.

    Raises
    ------
    DataError
        If the rows have other than two features.
    """
    X = np.asarray(X, np.float64)
    check(
        X.ndim == 2 and X.shape[1] == 2,
        DataError,
        "The rows of decision_grid must have shape (n_rows, 2). Got {} instead.",
        X.shape,
    )
    low, high = X.min(axis=0), X.max(axis=0)
    room = 0.1 * np.where(high > low, high - low, 1.0)
    across, up = (np.linspace(a, b, steps) for a, b in zip(low - room, high + room))
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    answer = np.asarray(predict(plane)).astype(str)
    known = np.full(len(X), "") if y is None else np.asarray(y).astype(str)
    classes = sorted({*answer.tolist(), *known.tolist()} - {""})
    place = {name: at for at, name in enumerate(classes)}
    return DecisionGrid(
        x=across,
        y=up,
        answer=np.array([place[name] for name in answer.tolist()]).reshape(steps, steps),
        classes=classes,
        points=X,
        labels=np.array([place.get(name, -1) for name in known.tolist()]),
        names=list(names),
    )
