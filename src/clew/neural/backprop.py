"""Back-propagation, one step of it, with every number on the table: initialise, forward, loss, gradients, update.

The gradients are computed twice: here, by the chain rule, layer after layer from the last to the first; and by torch.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import DataError, SettingError, check
from clew.neural.inside import as_array, watching
from clew.neural.nets.activations import ACTIVATIONS, derivative
from clew.result import Result

Loss = Literal["mse", "cross-entropy"]
PASSES = (nn.Identity, nn.Dropout, nn.Flatten)  # change nothing when a net is not being trained
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BackpropLayer(Result):
    """One layer in one step of back-propagation: a = activation(z), z = W a_before + b.

    Parameters
    ----------
    name, activation : str
        In the net; of `ACTIVATIONS`.
    weight, weight_gradient, weight_after : ndarray of float64, shape (n_out, n_in)
    bias, bias_gradient, bias_after : ndarray of float64, shape (n_out,)
    sums, activations : ndarray of float64, shape (n_rows, n_out)
        z, and a.
    delta : ndarray of float64, shape (n_rows, n_out)
        The derivative of the loss with respect to z.
    """

    name: str
    activation: str
    weight: np.ndarray
    bias: np.ndarray
    sums: np.ndarray
    activations: np.ndarray
    delta: np.ndarray
    weight_gradient: np.ndarray
    bias_gradient: np.ndarray
    weight_after: np.ndarray
    bias_after: np.ndarray


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BackpropTrace(Result):
    """One step of gradient descent in a small net, with every number.

    Parameters
    ----------
    x : ndarray of float64, shape (n_rows, n_in)
    y : ndarray of float64, shape (n_rows, n_out), or of int64, shape (n_rows,), for classes
    layers : list of BackpropLayer
        From the input on.
    loss_name : str
        "mse" (mean over rows and outputs) or "cross-entropy" (of the softmax, mean over rows).
    lr : float
    loss, loss_after : float
        Before and after the step.
    difference : float
        The largest difference of any gradient by hand from torch's.
    """

    x: np.ndarray
    y: np.ndarray
    layers: list[BackpropLayer]
    loss_name: str
    lr: float
    loss: float
    loss_after: float
    difference: float

    def steps(self) -> list[str]:
        """Return the five steps as text with numbers."""
        names = [layer.name for layer in self.layers]
        units = [self.layers[0].weight.shape[1], *(len(layer.bias) for layer in self.layers)]
        answer = _spelt(self.layers[-1].activations)
        fell = "falls" if self.loss_after < self.loss else "does not fall"
        told = {
            f"1. Initialise: a net of {' - '.join(map(str, units))} units.": [
                f"W = {_spelt(one.weight)}, b = {_spelt(one.bias)}" for one in self.layers
            ],
            "2. Forward: each layer sums its input, then activates.": [
                f"z = {_spelt(one.sums)}, {one.activation} a = {_spelt(one.activations)}"
                for one in self.layers
            ],
            f"3. Loss: {self.loss_name} of {answer} against {_spelt(self.y)} is {self.loss:.6g}.": [],
            f"4. Gradients, found from the last layer back; they differ from torch's by {self.difference:.1g}.": [
                f"delta = {_spelt(one.delta)}, dL/dW = {_spelt(one.weight_gradient)}, "
                f"dL/db = {_spelt(one.bias_gradient)}"
                for one in self.layers
            ],
            f"5. Update: W - {self.lr:g} dL/dW; the loss {fell}, to {self.loss_after:.6g}.": [
                f"W = {_spelt(one.weight_after)}, b = {_spelt(one.bias_after)}" for one in self.layers
            ],
        }
        return [
            "\n".join([title, *(f"{name}: {line}" for name, line in zip(names, lines))])
            for title, lines in told.items()
        ]

    def headline(self) -> str:
        """Say in one line what the step did."""
        fell = f"loss {self.loss:.4g} -> {self.loss_after:.4g}"
        return f"{fell}; gradients by hand differ from torch's by {self.difference:.1g}"

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on."""
        return {"loss": self.loss, "loss_after": self.loss_after, "difference": self.difference}


def trace_backprop(
    net: nn.Module,
    x: Any,
    y: Any,
    *,
    lr: float = 0.1,
    loss: Loss = "mse",
    random_state: int | None = None,
) -> BackpropTrace:
    """Take one step of gradient descent by hand, in float64, and keep every number.

    Parameters
    ----------
    net : nn.Module
        A chain of Linear layers, each with at most one activation after it. It is not changed.
    x : array-like of float, shape (n_rows, n_in)
    y : array-like, of float, shape (n_rows, n_out), or of int, shape (n_rows,), for "cross-entropy"
    lr : float
        The learning rate: how far down the gradient the weights go.
    loss : {"mse", "cross-entropy"}
        The latter takes the net's last sums as scores, softmax included.
    random_state : int, optional
        Draw the weights anew, as torch does, from this seed; by default the net's own are taken.

    Returns
    -------
    BackpropTrace

    Raises
    ------
    DataError
        If the net is no such chain, or ``y`` does not fit what it answers.

    Notes
    -----
    After Rumelhart, Hinton & Williams, Nature 323 (1986), doi:10.1038/323533a0.
    """
    check(lr > 0, SettingError, "The 'lr' setting of trace_backprop must be above 0. Got {} instead.", lr)
    rows, aim = torch.as_tensor(np.asarray(x), dtype=torch.float64), _target(y, loss)
    check(
        rows.ndim == 2,
        DataError,
        "The 'x' of trace_backprop must have shape (n_rows, n_in). Got {} instead.",
        tuple(rows.shape),
    )
    own = _own_copy(net, random_state)
    passed = _forward(own, rows)
    before, d_activations = _loss(passed[-1].activations, aim, loss)
    layers = _backward(passed, as_array(rows), d_activations, lr)
    difference = _difference(own, layers, rows, aim, loss)
    check(
        difference <= ROUNDING, DataError,
        "The net of trace_backprop must be a plain chain of Linear layers and activations in their default form. "
        "Got {}, whose gradients differ by {:.2g} from those of such a chain.",
        type(net).__name__, difference,
    )  # fmt: skip
    with torch.no_grad():
        for layer in layers:
            linear: Any = own.get_submodule(layer.name)
            linear.weight.copy_(torch.tensor(layer.weight_after))
            if linear.bias is not None:
                linear.bias.copy_(torch.tensor(layer.bias_after))
        after, _ = _loss(as_array(own(rows)), aim, loss)
    return BackpropTrace(
        x=as_array(rows), y=as_array(aim), layers=layers, loss_name=loss, lr=lr, loss=before, loss_after=after,
        difference=difference, settings={"lr": lr, "loss": loss, "random_state": random_state},
    )  # fmt: skip


def linear_backward(delta: Any, inputs: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Return what a loss's derivative ``delta`` (n, out) for z = inputs Wᵀ + b is for inputs, W and b.

    Each row's share of dL/dW is the outer product of its delta and its input; the sum over rows is a matrix product.
    Takes arrays and tensors.
    """
    return delta @ weight, delta.T @ inputs, delta.sum(0)


# ---- the five steps ----
def _own_copy(net: nn.Module, random_state: int | None) -> nn.Module:
    """Initialise: return a copy in float64 and evaluation mode, with weights of its own or drawn anew."""
    own = copy.deepcopy(net).double().eval().requires_grad_()
    if random_state is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random_state)
            for module in own.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
    return own


@dataclass
class _Passed:
    """What one layer did on the way forward."""

    name: str
    linear: nn.Linear
    sums: np.ndarray
    activations: np.ndarray
    activation: str = "identity"


def _forward(net: nn.Module, x: Tensor) -> list[_Passed]:
    """Run the net, and keep each Linear layer's sums and what its activation made of them."""
    passed: list[_Passed] = []
    names = {kind: name for name, kind in ACTIVATIONS.items()}

    def watch(name: str, module: nn.Module, out: Any) -> None:
        if any(module.children()) or isinstance(module, PASSES):
            return
        if isinstance(module, nn.Linear):
            passed.append(_Passed(name, module, as_array(out), as_array(out)))
            return
        check(
            type(module) in names and passed and passed[-1].activation == "identity",
            DataError,
            "The net of trace_backprop must be a chain of Linear layers, each with at most one activation "
            "after it ({}). Got {} at '{}'.",
            ", ".join(ACTIVATIONS),
            type(module).__name__,
            name,
        )
        passed[-1].activation, passed[-1].activations = names[type(module)], as_array(out)

    with watching(net, watch), torch.no_grad():
        net(x)
    check(passed, DataError, "The net of trace_backprop must have a Linear layer. Got none.")
    return passed


def _target(y: Any, loss: Loss) -> Tensor:
    y = torch.as_tensor(np.asarray(y))
    if loss == "cross-entropy":
        check(
            y.ndim == 1 and not y.is_floating_point(),
            DataError,
            "The 'y' of trace_backprop must be classes (n_rows,) of int for cross-entropy. Got shape {} of {}.",
            tuple(y.shape),
            y.dtype,
        )
        return y.long()
    return y.double()[:, None] if y.ndim == 1 else y.double()


def _loss(answer: np.ndarray, aim: Tensor, loss: Loss) -> tuple[float, np.ndarray]:
    """Return the loss, and its derivative with respect to the answer (n_rows, n_out)."""
    y, n = as_array(aim), len(answer)
    if loss == "mse":
        check(
            y.shape == answer.shape,
            DataError,
            "The 'y' of trace_backprop must have the shape of the net's answer {}. Got {} instead; classes go with loss='cross-entropy'.",
            answer.shape,
            y.shape,
        )
        return float(((answer - y) ** 2).mean()), 2 * (answer - y) / answer.size
    fits = y.shape == (n,) and y.min() >= 0 and y.max() < answer.shape[1]
    check(
        fits,
        DataError,
        "The 'y' of trace_backprop must be {} classes from 0 to {}. Got shape {} from {} to {}.",
        n,
        answer.shape[1] - 1,
        y.shape,
        y.min(),
        y.max(),
    )
    scores = answer - answer.max(axis=1, keepdims=True)
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    right = np.eye(answer.shape[1])[y]
    return float(-(right * logs).sum() / n), (np.exp(logs) - right) / n


def _backward(
    passed: list[_Passed], x: np.ndarray, d_activations: np.ndarray, lr: float
) -> list[BackpropLayer]:
    """Apply the chain rule from the last layer to the first, and take the step."""
    layers: list[BackpropLayer] = []
    for k in range(len(passed) - 1, -1, -1):
        one, inputs = passed[k], passed[k - 1].activations if k else x
        weight, bias = as_array(one.linear.weight), np.zeros(one.linear.out_features)
        delta = d_activations * as_array(derivative(one.activation, torch.tensor(one.sums)))
        d_activations, d_weight, d_bias = linear_backward(delta, inputs, weight)
        if one.linear.bias is None:
            d_bias = np.zeros_like(bias)
        else:
            bias = as_array(one.linear.bias)
        layer = BackpropLayer(
            name=one.name,
            activation=one.activation,
            weight=weight,
            bias=bias,
            sums=one.sums,
            activations=one.activations,
            delta=delta,
            weight_gradient=d_weight,
            bias_gradient=d_bias,
            weight_after=weight - lr * d_weight,
            bias_after=bias - lr * d_bias,
        )
        layers.insert(0, layer)
    return layers


def _difference(net: nn.Module, layers: list[BackpropLayer], x: Tensor, aim: Tensor, loss: Loss) -> float:
    """Return how far the gradients by hand are from torch's, at most."""
    criterion = nn.functional.mse_loss if loss == "mse" else nn.functional.cross_entropy
    names, weights = zip(*net.named_parameters(), strict=True)
    slopes = torch.autograd.grad(criterion(net(x), aim), weights, allow_unused=True, materialize_grads=True)
    by_hand: dict[str, np.ndarray] = {}
    for layer in layers:
        by_hand[f"{layer.name}.weight"] = layer.weight_gradient
        by_hand[f"{layer.name}.bias"] = layer.bias_gradient
    apart = [np.abs(as_array(slope) - by_hand.get(name, 0.0)).max() for name, slope in zip(names, slopes)]
    return float(np.max(apart))


def _spelt(values: np.ndarray) -> str:
    told = np.array2string(values, precision=4, separator=", ", suppress_small=True)
    return told.replace("\n", "")
