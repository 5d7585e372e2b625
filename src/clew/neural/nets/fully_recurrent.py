"""The fully recurrent net: every unit hears every unit, and the outputs are units as well."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.neural.nets.recurrent import RecurrentConfig, RecurrentNet, State


class FullyRecurrent(RecurrentNet):
    """Input, hidden and output units, with a weight from each to each; the answers are read from the output units.

    The input units are set from outside at each step, so weights that lead to them would be without effect and are left out. All other
    units move at once, hence what a hidden unit says is heard by the output units one step later. Without the weights from the output
    units, and from the input to the output units, what is left is the net of Elman, with its answer one step late.

    Raises
    ------
    ValueError
        If there is more than one layer or direction: then not every unit hears every other.

    Notes
    -----
    Williams & Zipser (1989), Neural Computation 1, doi:10.1162/neco.1989.1.2.270.
    """

    kernel = nn.RNN

    def __init__(self, config: RecurrentConfig):
        if config.layers > 1 or config.bidirectional:
            raise ValueError(
                "A fully recurrent net must have one layer and one direction, so that every unit hears every unit. "
                f"Got layers={config.layers}, bidirectional={config.bidirectional}."
            )
        super().__init__(config)
        self.head = nn.Linear(config.n_answers, config.n_answers)  # units stay within -1 to 1: it scales them
        nn.init.eye_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def make_layers(self) -> nn.Module:
        c = self.config
        return nn.RNN(c.n_in, c.hidden + c.n_answers, batch_first=True)

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        (units,) = state  # (B, H + O) hidden and output units
        everyone = torch.cat([x, units], dim=1)  # (B, F + H + O) with the input units
        weights = torch.cat([w_ih, w_hh], dim=1)  # (H + O, F + H + O) to each from each
        return (torch.tanh(everyone @ weights.T + b_ih + b_hh),)

    def read_out(self, hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().read_out(hidden[..., self.config.hidden :], lengths)  # (B, T, O)
