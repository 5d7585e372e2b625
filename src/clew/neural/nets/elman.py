"""Elman's simple recurrent net: a hidden layer, and context nodes that remember it for one step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clew.neural.nets.recurrent import RecurrentNet, State


class Elman(RecurrentNet):
    """A hidden layer that hears the input and its own copy of a step before.

    Notes
    -----
    Elman (1990), Cognitive Science 14, doi:10.1016/0364-0213(90)90002-E.
    """

    kernel = nn.RNN

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        (context,) = state  # (B, H) the context nodes: a copy of the hidden layer, one step old
        from_input = x @ w_ih.T + b_ih  # (B, F) @ (F, H) -> (B, H)
        from_context = context @ w_hh.T + b_hh  # (B, H) @ (H, H) -> (B, H)
        hidden = torch.tanh(from_input + from_context)
        return (hidden,)  # is copied to the context nodes
