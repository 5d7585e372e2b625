"""Without activations between them, layers are one: the product of their matrices."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from clew.errors import SettingError, check
from clew.neural.place import check_module
from clew.result import Result

N_ROWS = 1000  # random rows that the net and its collapse are compared on
ROUNDING = 1e-6  # a larger difference is more than rounding


@dataclass(frozen=True, eq=False, repr=False)
class Collapse(Result):
    """The one layer that a net without activations amounts to.

    Parameters
    ----------
    v : ndarray, float64, shape (n_out, n_in)
        The product of all weight matrices, the last layer's first: W3 W2 W1. For one output its entries are
        v1, v2, v3 ...: what each input counts.
    bias : ndarray, float64, shape (n_out,)
        What comes out for an input of zeros.
    max_difference : float
        The largest difference between the net and v x + bias on 1,000 random rows, both computed in float64.
    n_layers : int
        How many layers collapsed.
    """

    v: np.ndarray
    bias: np.ndarray
    max_difference: float
    n_layers: int

    def headline(self) -> str:
        """Write the layer as a formula."""
        layers = "1 layer" if self.n_layers == 1 else f"{self.n_layers} layers"
        if len(self.v) > 1 or self.v.shape[1] > 6:
            formula = f"one of {len(self.v)} x {self.v.shape[1]} weights"
        else:
            terms = [f"{weight:+.3g} x{i}" for i, weight in enumerate(self.v[0], 1)]
            formula = "y = " + " ".join([*terms, f"{self.bias[0]:+.3g}"])
        return (
            f"{layers} without activations are one: {formula} (largest difference {self.max_difference:.1e})"
        )


def collapse_linear(net: nn.Module) -> Collapse:
    """Multiply the layers of a net without activations into one, and check it against the net.

    Parameters
    ----------
    net : Module
        Linear layers one after the other, such as `Mlp` with the activation "identity", `Perceptron` or a
        `Sequential`; drop-out is taken as switched off.

    Raises
    ------
    SettingError
        If the net is no module, or holds anything but linear layers: with an activation there is no such matrix.
    """
    check_module(net)
    leaves = [module for module in net.modules() if not list(module.children())]
    other = [m for m in leaves if not isinstance(m, nn.Linear | nn.Identity | nn.Dropout | nn.Sequential)]
    check(
        not other,
        SettingError,
        "The net of collapse_linear must hold linear layers without activations between them. Got {} instead.",
        type(other[0]).__name__ if other else "",
    )
    layers = [module for module in leaves if isinstance(module, nn.Linear)]
    check(layers, SettingError, "The net of collapse_linear must hold at least 1 linear layer. Got none.")
    apart = float("inf")
    if all(a.out_features == b.in_features for a, b in pairwise(layers)):
        v, bias = one_layer(layers)
        apart = difference(net, v, bias)
    check(
        apart < ROUNDING,
        SettingError,
        "The layers of collapse_linear must come one after the other, each used once. Got {}.",
        f"a net of {len(layers)} layers that is not their product",
    )
    return Collapse(v=v.numpy(), bias=bias.numpy(), max_difference=apart, n_layers=len(layers))


def one_layer(layers: list[nn.Linear]) -> tuple[Tensor, Tensor]:
    """Multiply linear layers, in the order in which an input passes them: v (n_out, n_in), bias (n_out,)."""
    v = torch.eye(layers[0].in_features, dtype=torch.float64)
    bias = torch.zeros(layers[0].in_features, dtype=torch.float64)
    for layer in layers:
        weight = layer.weight.detach().cpu().double()
        v, bias = weight @ v, weight @ bias
        if layer.bias is not None:
            bias = bias + layer.bias.detach().cpu().double()
    return v, bias


@torch.no_grad()
def difference(net: nn.Module, v: Tensor, bias: Tensor) -> float:
    """Return the largest difference between a net and v x + bias on random rows, in float64."""
    rows = torch.randn(N_ROWS, v.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    twin = copy.deepcopy(net).cpu().double().eval()
    return float((twin(rows) - (rows @ v.T + bias)).abs().max())
