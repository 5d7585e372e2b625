"""The gated recurrent unit: two gates decide what of the old goes into the new, and how much of it stays."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.neural.nets.recurrent import RecurrentNet, State


class GRU(RecurrentNet):
    """Units with reset and update gates.

    The reset gate acts behind the matrix product, as in torch and cuDNN; in the paper it acts before.

    Notes
    -----
    Cho et al. (2014), EMNLP, doi:10.3115/v1/D14-1179.
    """

    kernel = nn.GRU

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        (hidden,) = state  # (B, H)
        r_in, z_in, n_in = (x @ w_ih.T + b_ih).chunk(3, dim=1)  # (B, H) each: reset, update, new
        r_old, z_old, n_old = (hidden @ w_hh.T + b_hh).chunk(3, dim=1)
        reset = torch.sigmoid(r_in + r_old)
        update = torch.sigmoid(z_in + z_old)
        new = torch.tanh(n_in + reset * n_old)
        return ((1 - update) * new + update * hidden,)
