"""Truncated back-propagation against the full one, and against a loop that cuts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.nets.elman import Elman
from clew.neural.nets.fully_recurrent import FullyRecurrent
from clew.neural.nets.gru import GRU
from clew.neural.nets.lstm import LSTM
from clew.neural.nets.recurrent import RecurrentConfig, steps_inside
from clew.neural.nets.self_feedback import SelfFeedback
from clew.neural.truncated import truncated_forward, truncated_losses

NETS = [SelfFeedback, Elman, FullyRecurrent, LSTM, GRU]
LENGTHS = torch.tensor([9, 2, 5, 8])
T = 9


def make(net, head="tag", **settings):
    torch.manual_seed(0)
    layers = 1 if net is FullyRecurrent else 2
    return net(RecurrentConfig(3, 2, hidden=5, layers=layers, head=head, **settings)).double()


def drawn():
    torch.manual_seed(1)
    return torch.randn(4, T, 3, dtype=torch.float64), torch.randint(2, (4, T))


def by_pieces(net, x, y, lengths=None, *, steps):
    """The total loss, and the gradients to x and the weights, of `truncated_losses`."""
    net.zero_grad()
    x = x.clone().requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for loss in truncated_losses(net, x, y, lengths, steps=steps, loss=nn.functional.cross_entropy):
        loss.backward()
        total += loss.detach()
    return [total, x.grad, *(weight.grad.clone() for weight in net.parameters())]


def in_full(net, x, y, lengths=None):
    net.zero_grad()
    x = x.clone().requires_grad_()
    inside = steps_inside(x, lengths)
    loss = nn.functional.cross_entropy(net(x, lengths)[inside], y[inside])
    loss.backward()
    return [loss.detach(), x.grad, *(weight.grad.clone() for weight in net.parameters())]


def cut_by_hand(net, x, y, *, steps):
    """The slow twin: sequences of one length, cut from the end, with the step in the open and a state that is detached."""
    net.zero_grad()
    x = x.clone().requires_grad_()
    state, losses = None, []
    for t in range(T):
        answer, state = net.forward_from(x[:, t : t + 1], state)
        losses.append(nn.functional.cross_entropy(answer[:, 0], y[:, t]) / T)
        if (T - t - 1) % steps == 0:
            state = tuple(one.detach() for one in state)
    sum(losses).backward()
    return [sum(losses).detach(), x.grad, *(weight.grad.clone() for weight in net.parameters())]


def close(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [T, 100])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["even", "padded"])
@pytest.mark.parametrize("net", NETS)
def test_pieces_as_long_as_the_sequence_are_the_full_back_propagation(net, lengths, steps):
    own, (x, y) = make(net), drawn()
    close(by_pieces(own, x, y, lengths, steps=steps), in_full(own, x, y, lengths))


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("net", NETS)
def test_shorter_pieces_are_the_full_back_propagation_cut_by_hand(net, steps):
    own, (x, y) = make(net), drawn()
    close(by_pieces(own, x, y, steps=steps), cut_by_hand(own, x, y, steps=steps))
    assert (
        by_pieces(own, x, y, steps=steps)[2] - in_full(own, x, y)[2]
    ).abs().max() > 1e-6  # the cut can be seen


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["even", "padded"])
@pytest.mark.parametrize("head", ["classify", "tag", "forecast"])
@pytest.mark.parametrize("pool", ["last", "mean", "max"])
@pytest.mark.parametrize("net", NETS)
def test_the_answers_are_those_of_the_whole_sequence(net, pool, head, lengths):
    own, (x, _) = make(net, head, pool=pool), drawn()
    close([truncated_forward(own, x, lengths, steps=2)], [own(x, lengths)])


@pytest.mark.parametrize("net", NETS)
def test_the_gradient_to_inputs_of_more_than_so_many_steps_ago_is_zero_and_the_state_goes_on(net):
    own, (x, _) = make(net, "classify"), drawn()
    x.requires_grad_()
    project = torch.randn(4, 2, dtype=torch.float64)
    (cut,) = torch.autograd.grad((truncated_forward(own, x, steps=4) * project).sum(), x)
    (full,) = torch.autograd.grad((own(x) * project).sum(), x)
    assert (cut[:, :-4] == 0).all() and (full[:, :-4].abs().amax((0, 2)) > 0).all()
    torch.testing.assert_close(cut[:, -4:], full[:, -4:], rtol=0, atol=1e-12)
    with torch.no_grad():
        other = x.clone()
        other[:, 0] += 1
        assert (
            truncated_forward(own, other, steps=4) - truncated_forward(own, x, steps=4)
        ).abs().max() > 1e-9


@pytest.mark.parametrize("net", NETS)
def test_what_stands_in_the_padding_changes_nothing(net):
    own, (x, y) = make(net), drawn()
    outside = ~steps_inside(x, LENGTHS)
    wanted = by_pieces(own, x, y, LENGTHS, steps=2)
    longer = torch.cat([x.masked_fill(outside[..., None], torch.nan), torch.ones(4, 3, 3)], dim=1)
    found = by_pieces(own, longer, torch.cat([y.masked_fill(outside, 99), y[:, :3]], dim=1), LENGTHS, steps=2)
    assert (found[1][:, T:] == 0).all()
    found[1] = found[1][:, :T]
    close(found, wanted)
    close([truncated_forward(own, longer, LENGTHS, steps=2)[:, :T]], [own(x, LENGTHS)])
    ignored = by_pieces(own, x, y, steps=2)  # the mutant
    assert (ignored[2] - wanted[2]).abs().max() > 1e-6


def test_weights_may_be_updated_behind_each_piece():
    own, (x, y) = make(LSTM), drawn()
    adam = torch.optim.Adam(own.parameters(), lr=0.03)
    first = in_full(own, x, y)[0]
    for _ in range(40):
        for loss in truncated_losses(own, x, y, steps=3, loss=nn.functional.cross_entropy):
            adam.zero_grad()
            loss.backward()
            adam.step()
    assert in_full(own, x, y)[0] < first / 2


@pytest.mark.parametrize(
    ("settings", "steps", "error", "says"),
    [
        ({}, 0, SettingError, "'steps' of truncated back-propagation must be an int from 1"),
        ({"bidirectional": True}, 2, SettingError, "must read in one direction"),
        ({"head": "classify"}, 2, DataError, "an answer at each step"),
    ],
)
def test_what_cannot_be_cut_is_refused(settings, steps, error, says):
    own, (x, y) = make(LSTM, **settings), drawn()
    with pytest.raises(error, match=says):
        by_pieces(own, x, y, steps=steps)
