"""The gates of the gated recurrent unit."""

from __future__ import annotations

import torch
from torch import nn

from clew.neural.nets.gru import GRU
from clew.neural.nets.recurrent import RecurrentConfig


def drawn():
    torch.manual_seed(0)
    cell = nn.GRUCell(3, 5, dtype=torch.float64)
    return cell, torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)


def step(x, before, weights):
    return GRU(RecurrentConfig(3, 2, hidden=5)).step(x, (before,), *weights)[0]


def test_a_step_is_that_of_torch():
    cell, x, before = drawn()
    torch.testing.assert_close(step(x, before, cell.parameters()), cell(x, before), rtol=0, atol=1e-12)


def test_the_reset_gate_acts_behind_the_matrix_product_and_not_before():
    cell, x, before = drawn()
    w_ih, w_hh, b_ih, b_hh = cell.parameters()
    r, z, n = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    gates = before @ w_hh[:10].T + b_hh[:10]
    reset, update = torch.sigmoid(r + gates[:, :5]), torch.sigmoid(z + gates[:, 5:])
    new = torch.tanh(n + (reset * before) @ w_hh[10:].T + b_hh[10:])  # as in the paper
    assert (step(x, before, cell.parameters()) - (1 - update) * new - update * before).abs().max() > 1e-3


def test_an_open_update_gate_keeps_the_old_and_a_closed_reset_gate_forgets_it():
    cell, x, before = drawn()
    with torch.no_grad():
        cell.bias_ih[5:10] = 100.0
        torch.testing.assert_close(step(x, before, cell.parameters()), before)
        cell.bias_ih[5:10] = cell.bias_ih[:5] = -100.0
        assert (step(x, before, cell.parameters()) == step(x, 2 * before, cell.parameters())).all()
