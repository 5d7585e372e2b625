"""The gates of the LSTM, its derivative by hand, and what only it remembers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from clew.neural.nets.elman import Elman
from clew.neural.nets.lstm import LSTM
from clew.neural.nets.recurrent import RecurrentConfig
from clew.read.motions import open_motions
from clew.simulate.sequences import adding_problem
from tests.conftest import shared


def drawn():
    """A step: x, hidden, cell, and the four weights."""
    torch.manual_seed(0)
    cell = nn.LSTMCell(3, 5, dtype=torch.float64)
    return (
        torch.randn(4, 3, dtype=torch.float64),
        *torch.randn(2, 4, 5, dtype=torch.float64),
        *cell.parameters(),
    )


def step(x, hidden, cell, *weights):
    return LSTM(RecurrentConfig(3, 2, hidden=5)).step(x, (hidden, cell), *weights)


def test_a_step_is_that_of_torch():
    x, hidden, cell, *weights = drawn()
    oracle = nn.LSTMCell(3, 5, dtype=torch.float64)
    oracle.load_state_dict(dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights)))
    for found, wanted in zip(step(x, hidden, cell, *weights), oracle(x, (hidden, cell))):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_the_gates_keep_write_and_show():
    x, hidden, cell, *weights = drawn()

    def behind(**gates):  # what a step does with gates forced open (1) or shut (-1)
        forced = weights[2].detach().clone()
        for place, name in enumerate(("input", "forget", "candidate", "output")):
            forced[5 * place : 5 * place + 5] += 100 * gates.get(name, 0)
        return step(x, hidden, cell, *weights[:2], forced, weights[3])

    torch.testing.assert_close(behind(input=-1, forget=1)[1], cell)  # kept
    assert behind(input=-1, forget=-1)[1].abs().max() < 1e-30  # forgotten
    torch.testing.assert_close(behind(input=1, forget=-1, candidate=1)[1], torch.ones_like(cell))  # written
    assert behind(output=-1)[0].abs().max() < 1e-30  # kept to itself
    shown, held = behind(output=1)
    torch.testing.assert_close(shown, torch.tanh(held))


def test_the_forget_gates_begin_with_a_bias_of_one_in_total():
    net = LSTM(RecurrentConfig(3, 2, hidden=5, layers=2, bidirectional=True))
    for _, _, b_ih, b_hh in net.layers.all_weights:
        assert ((b_ih + b_hh)[5:10] == 1).all()
        assert ((b_ih + b_hh)[:5] != 1).all() and ((b_ih + b_hh)[10:] != 1).all()


class ByHand(torch.autograd.Function):
    """A step with the derivative that a learner finds with the chain rule."""

    forgets = True

    @staticmethod
    def forward(ctx, x, hidden, cell, w_ih, w_hh, b_ih, b_hh):
        ctx.save_for_backward(x, hidden, cell, w_ih, w_hh, b_ih, b_hh)
        return step(x, hidden, cell, w_ih, w_hh, b_ih, b_hh)

    @classmethod
    def backward(cls, ctx, d_hidden, d_cell):
        x, hidden, cell, w_ih, w_hh, b_ih, b_hh = ctx.saved_tensors
        i, f, g, o = (x @ w_ih.T + b_ih + hidden @ w_hh.T + b_hh).chunk(4, dim=1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        shown = torch.tanh(f * cell + i * g)
        d_new = d_cell + d_hidden * o * (
            1 - shown**2
        )  # what arrives at the new cell: from later, and from what it shows
        d_i = d_new * g * i * (1 - i)
        d_f = d_new * cell * f * (1 - f) * cls.forgets
        d_g = d_new * i * (1 - g**2)
        d_o = d_hidden * shown * o * (1 - o)
        d = torch.cat([d_i, d_f, d_g, d_o], dim=1)  # (B, 4 * H)
        return d @ w_ih, d @ w_hh, d_new * f, d.T @ x, d.T @ hidden, d.sum(0), d.sum(0)


class WithoutForgetGate(ByHand):
    forgets = False


def test_the_derivative_by_hand_is_right():
    values = [value.detach().requires_grad_() for value in drawn()]
    assert torch.autograd.gradcheck(step, values)
    assert torch.autograd.gradcheck(ByHand.apply, values)
    project = torch.randn(2, 4, 5, dtype=torch.float64)

    def gradients(function):
        hidden, cell = function(*values)
        return torch.autograd.grad((hidden * project[0] + cell * project[1]).sum(), values)

    for own, autograd in zip(gradients(ByHand.apply), gradients(step)):
        torch.testing.assert_close(own, autograd, rtol=0, atol=1e-12)


def test_a_derivative_that_leaves_the_forget_gate_out_is_found():  # the mutant
    values = [value.detach().requires_grad_() for value in drawn()]
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(WithoutForgetGate.apply, values)


def error_on_the_adding_problem(kind, *, updates=2000, length=100):
    """Train on sequences of which none comes twice; return the mean squared error on fresh ones."""
    torch.manual_seed(0)
    net = kind(RecurrentConfig(n_in=2, n_out=1, hidden=32))
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    for update in range(updates):
        X, y = map(torch.from_numpy, adding_problem(32, length, random_state=update))
        adam.zero_grad()
        nn.functional.mse_loss(net(X)[:, 0], y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
    X, y = map(torch.from_numpy, adding_problem(2000, length, random_state=updates))
    with torch.no_grad():
        return float(nn.functional.mse_loss(net(X)[:, 0], y))


@pytest.mark.slow
def test_an_lstm_adds_over_a_hundred_steps_where_the_net_of_elman_stays_near_the_baseline():
    baseline = 1 / 6  # always answer 1
    assert error_on_the_adding_problem(LSTM) < 0.01
    assert 0.1 < error_on_the_adding_problem(Elman) < 2 * baseline


def accuracy_on_unseen_motions(X, y):
    """Train four times, each time without a quarter of the windows of each class, and ask about that quarter."""
    right = 0
    for part in range(4):
        unseen = torch.arange(len(X)) % 4 == part
        center, spread = X[~unseen].mean((0, 1)), X[~unseen].std((0, 1))
        torch.manual_seed(0)
        net = LSTM(RecurrentConfig.of(X.shape[1:], 4, hidden=32, pool="max"))
        adam = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(60):
            adam.zero_grad()
            nn.functional.cross_entropy(net((X[~unseen] - center) / spread), y[~unseen]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            adam.step()
        right += int((net((X[unseen] - center) / spread).argmax(1) == y[unseen]).sum())
    return right / len(X)


def test_motions_of_people_are_told_apart_in_unseen_windows():
    path = shared("signals/basic_motions/BasicMotions_TRAIN.ts")
    traces, given = open_motions(path, source=path.name, rate=10.0)
    X = np.stack([trace.stretch.read(0, 100) for trace in traces]).reshape(40, 6, 100).transpose(0, 2, 1)
    X, y = (
        torch.tensor(X, dtype=torch.float32),
        torch.tensor(np.unique([g.label for g in given], return_inverse=True)[1]),
    )
    assert accuracy_on_unseen_motions(X, y) >= 0.9
    permuted = y[torch.randperm(40, generator=torch.Generator().manual_seed(0))]
    assert accuracy_on_unseen_motions(X, permuted) <= 0.5  # chance is a quarter
