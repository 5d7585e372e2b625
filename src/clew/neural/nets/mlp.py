"""Multilayer perceptron: layers of weighted sums with an activation after each (Rumelhart et al. 1986)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from clew.neural.nets.activations import activation


@dataclass(frozen=True)
class MlpConfig:
    """The measures of a multilayer perceptron.

    Parameters
    ----------
    n_in, n_out : int
        Features of a row, and outputs: one per class, or per target.
    hidden : tuple of int
        Units of each hidden layer, any number of layers; none is a linear model.
    activation : str
        One of `ACTIVATIONS`. With "identity" all layers collapse to a single one: see `collapse_linear`.
    dropout : float
        Share of hidden units that are silenced at random in training.
    """

    n_in: int
    n_out: int
    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if min(self.hidden, default=1) < 1:
            raise ValueError(
                f"The 'hidden' layers of an mlp must have at least 1 unit. Got {self.hidden} instead."
            )

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, **settings: Any) -> MlpConfig:
        """Fit the measures to rows of ``shape``: (n_features,), or any other, whose numbers are taken in a line."""
        return MlpConfig(math.prod(shape), n_out, **settings)


class Mlp(nn.Module):
    """A multilayer perceptron; without an activation after its head, which gives scores (logits) or values."""

    def __init__(self, config: MlpConfig):
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        width = config.n_in
        for units in config.hidden:
            layers += [nn.Linear(width, units), activation(config.activation)]
            layers += [nn.Dropout(config.dropout)] if config.dropout else []
            width = units
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, config.n_out)

    def forward(self, x: Tensor) -> Tensor:  # (B, ...)
        return self.head(self.layers(x.flatten(1)))  # (B, hidden[-1]) -> (B, n_out)
