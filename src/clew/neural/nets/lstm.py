"""Long short-term memory: a cell that keeps what it holds unless gates say otherwise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.neural.nets.recurrent import RecurrentConfig, RecurrentNet, State


class LSTM(RecurrentNet):
    """Cells with input, forget and output gates.

    The bias of the forget gate begins at 1, so that a net that has learnt nothing yet remembers. Torch has two biases that add up:
    1 stands in ``bias_ih``, 0 in ``bias_hh``.

    Notes
    -----
    Hochreiter & Schmidhuber (1997), Neural Computation 9, doi:10.1162/neco.1997.9.8.1735; forget gate: Gers, Schmidhuber & Cummins
    (2000), Neural Computation 12, doi:10.1162/089976600300015015; its bias of 1: Jozefowicz, Zaremba & Sutskever (2015), ICML, PMLR 37.
    """

    kernel = nn.LSTM
    n_states = 2

    def __init__(self, config: RecurrentConfig):
        super().__init__(config)
        forget = slice(config.hidden, 2 * config.hidden)
        with torch.no_grad():
            for _, _, b_ih, b_hh in self.layers.all_weights:
                b_ih[forget] = 1
                b_hh[forget] = 0

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        hidden, cell = state  # (B, H), (B, H)
        gates = x @ w_ih.T + b_ih + hidden @ w_hh.T + b_hh  # (B, 4 * H)
        i, f, g, o = gates.chunk(4, dim=1)  # (B, H) each: input gate, forget gate, candidate, output gate
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden, cell
