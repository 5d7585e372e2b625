"""What stands between two layers: activation functions, and their derivatives in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "identity": nn.Identity,
}


def _gelu(x: Tensor) -> Tensor:
    normal_share = 0.5 * (1 + torch.erf(x / math.sqrt(2)))  # of a standard normal below x
    return normal_share + x * torch.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _silu(x: Tensor) -> Tensor:
    s = torch.sigmoid(x)
    return s * (1 + x * (1 - s))


# At a kink (relu, leaky-relu) the derivative is that of the left side, as torch has it.
DERIVATIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda x: (x > 0).to(x),
    "leaky-relu": lambda x: (x > 0).to(x) + 0.01 * (x <= 0).to(x),
    "elu": lambda x: torch.exp(x.clamp(max=0)),
    "gelu": _gelu,
    "silu": _silu,
    "tanh": lambda x: 1 - torch.tanh(x) ** 2,
    "sigmoid": lambda x: torch.sigmoid(x) * torch.sigmoid(-x),
    "softplus": torch.sigmoid,
    "softsign": lambda x: 1 / (1 + x.abs()) ** 2,
    "identity": torch.ones_like,
}


def activation(name: str) -> nn.Module:
    """Make an activation module by its name.

    Raises
    ------
    ValueError
        If there is no activation of that name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(
            f"The 'activation' of a net must be one of: {', '.join(ACTIVATIONS)}. Got '{name}' instead."
        )
    return ACTIVATIONS[name]()


def derivative(name: str, x: Tensor) -> Tensor:
    """Return the derivative of an activation at each value of ``x``, by its closed form; same shape and dtype."""
    activation(name)  # refuses an unknown name
    return DERIVATIVES[name](x)
