"""All units hear all units; without some of the weights, Elman's net is what is left."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clew.neural.nets.fully_recurrent import FullyRecurrent
from clew.neural.nets.recurrent import RecurrentConfig

HIDDEN, OUT = 6, 2


def without(*blocks):
    """A net of 3 inputs without the weights of some blocks (to, from)."""
    torch.manual_seed(0)
    net = FullyRecurrent(RecurrentConfig(3, OUT, hidden=HIDDEN, head="tag", fast=False)).double()
    part = {"hidden": slice(0, HIDDEN), "output": slice(HIDDEN, None), "input": slice(None)}
    with torch.no_grad():
        for to, start in blocks:
            weights = net.layers.weight_ih_l0 if start == "input" else net.layers.weight_hh_l0
            weights[part[to], part[start]] = 0
    return net


def elman(net, x):
    """The net of Elman with the same weights, by torch: what its hidden layer says, and its answer."""
    oracle, w = nn.RNN(3, HIDDEN, batch_first=True, dtype=torch.float64), net.layers
    with torch.no_grad():
        oracle.weight_ih_l0.copy_(w.weight_ih_l0[:HIDDEN])
        oracle.weight_hh_l0.copy_(w.weight_hh_l0[:HIDDEN, :HIDDEN])
        oracle.bias_ih_l0.copy_(w.bias_ih_l0[:HIDDEN])
        oracle.bias_hh_l0.copy_(w.bias_hh_l0[:HIDDEN])
        hidden = oracle(x)[0]
        to_output = (
            hidden @ w.weight_hh_l0[HIDDEN:, :HIDDEN].T + w.bias_ih_l0[HIDDEN:] + w.bias_hh_l0[HIDDEN:]
        )
    return hidden, torch.tanh(to_output)


ELMAN = (("hidden", "output"), ("output", "output"), ("output", "input"))


def test_without_the_blocks_elman_does_not_have_it_is_his_net_one_step_late():
    net, x = without(*ELMAN), torch.randn(4, 20, 3, dtype=torch.float64)
    units, _ = net.unroll(x)
    hidden, answers = elman(net, x)
    torch.testing.assert_close(units[..., :HIDDEN], hidden, rtol=0, atol=1e-12)
    torch.testing.assert_close(net(x)[:, 1:], answers[:, :-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("block", ELMAN)
def test_with_any_of_them_it_is_not(block):  # the mutants
    net, x = without(*(set(ELMAN) - {block})), torch.randn(4, 20, 3, dtype=torch.float64)
    assert (net(x)[:, 1:] - elman(net, x)[1][:, :-1]).abs().max() > 1e-3


def test_every_unit_hears_every_unit():
    net = without()
    weights = net.layers.all_weights[0]
    everyone = torch.zeros(1, 3 + HIDDEN + OUT, dtype=torch.float64)
    heard = torch.autograd.functional.jacobian(
        lambda u: net.step(u[:, :3], (u[:, 3:],), *weights)[0][0], everyone
    )
    assert heard.shape == (HIDDEN + OUT, 1, 3 + HIDDEN + OUT) and (heard != 0).all()


def test_the_answers_are_the_output_units():
    net, x = without(), torch.randn(4, 20, 3, dtype=torch.float64)
    torch.testing.assert_close(
        net(x), net.unroll(x)[0][..., HIDDEN:], rtol=0, atol=0
    )  # the head begins as identity
    forecast = FullyRecurrent(RecurrentConfig(3, OUT, hidden=HIDDEN, head="forecast", horizon=5))
    assert forecast.unroll(x.float())[0].shape == (4, 20, HIDDEN + 5 * OUT)


@pytest.mark.parametrize("wrong", [{"layers": 2}, {"bidirectional": True}])
def test_more_than_one_layer_or_direction_is_refused(wrong):
    with pytest.raises(ValueError, match="must have one layer and one direction"):
        FullyRecurrent(RecurrentConfig(3, 2, **wrong))
