"""A hidden layer with self-feedback: each unit remembers itself, and hears no other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.neural.nets.recurrent import RecurrentConfig, RecurrentNet, State


class SelfFeedback(RecurrentNet):
    """Units that hear the input and themselves: the net of Elman with a diagonal matrix of recurrent weights.

    Torch has no kernel for it, so it always runs step by step.

    Notes
    -----
    Self-feedback as a memory: Mozer (1989), Complex Systems 3, 349-381; trained in depth: Li et al. (2018), CVPR,
    doi:10.1109/CVPR.2018.00572.
    """

    def make_layers(self) -> nn.Module:
        return Diagonal(self.config)

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        (itself,) = state  # (B, H) each unit, one step ago
        return (torch.tanh(x @ w_ih.T + b_ih + itself * w_hh + b_hh),)  # w_hh is (H,): one weight a unit


class Diagonal(nn.Module):
    """Weights under torch's names; of ``weight_hh`` the diagonal alone, (H,)."""

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        bound = config.hidden**-0.5  # as torch draws them
        self._names = []
        for layer in range(config.layers):
            n_in = config.n_in if layer == 0 else config.hidden * config.directions
            for direction in ("", "_reverse")[: config.directions]:
                names = [f"{name}_l{layer}{direction}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip
                shapes = [(config.hidden, n_in), (config.hidden,), (config.hidden,), (config.hidden,)]
                for name, shape in zip(names, shapes):
                    self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))
                nn.init.uniform_(self.get_parameter(names[1]), 0, 1)  # some units forget at once, some late
                self._names.append(names)

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """The four weights of each layer and direction, in the order of torch."""
        return [[self.get_parameter(name) for name in names] for names in self._names]
