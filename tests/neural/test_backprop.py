"""The five steps of back-propagation are torch's, number by number, and leave the given net alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.backprop import linear_backward, trace_backprop
from clew.neural.nets.activations import ACTIVATIONS
from clew.neural.nets.mlp import Mlp, MlpConfig
from clew.result import Result

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])


class LinearByHand(torch.autograd.Function):
    """A Linear layer whose gradients are `linear_backward`'s."""

    @staticmethod
    def forward(ctx, inputs, weight, bias):
        ctx.save_for_backward(inputs, weight)
        return inputs @ weight.T + bias

    @staticmethod
    def backward(ctx, delta):
        return linear_backward(delta, *ctx.saved_tensors)


class ForgetsTheSum(LinearByHand):
    """A mutant: the bias gets the mean of the rows' deltas."""

    @staticmethod
    def backward(ctx, delta):
        d_inputs, d_weight, _ = linear_backward(delta, *ctx.saved_tensors)
        return d_inputs, d_weight, delta.mean(0)


def operands():
    torch.manual_seed(0)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((5, 3), (2, 3), (2,))]


def test_the_hand_written_backward_passes_gradcheck():
    assert torch.autograd.gradcheck(LinearByHand.apply, operands())


def test_gradcheck_can_fail():
    assert not torch.autograd.gradcheck(ForgetsTheSum.apply, operands(), raise_exception=False)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_gradients_by_hand_are_torchs(name, loss):
    torch.manual_seed(0)
    net = Mlp(MlpConfig(3, 4, (5, 6), name))
    rng = np.random.default_rng(0)
    y = rng.normal(size=(7, 4)) if loss == "mse" else rng.integers(0, 4, 7)
    trace = trace_backprop(net, rng.normal(size=(7, 3)), y, loss=loss)
    assert trace.difference < 1e-12
    assert [layer.activation for layer in trace.layers] == [name, name, "identity"]


def test_one_step_is_that_of_torchs_sgd():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()).double()
    trace = trace_backprop(net, *XOR, lr=0.7)
    x, y = (torch.tensor(one) for one in XOR)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.7)
    loss = nn.functional.mse_loss(net(x)[:, 0], y)
    loss.backward()
    optimizer.step()
    assert trace.loss == pytest.approx(loss.item(), abs=1e-14)
    for layer in trace.layers:
        theirs = net.get_submodule(layer.name)
        np.testing.assert_allclose(layer.weight_after, theirs.weight.detach(), atol=1e-14)
        np.testing.assert_allclose(layer.bias_after, theirs.bias.detach(), atol=1e-14)
    assert trace.loss_after == pytest.approx(nn.functional.mse_loss(net(x)[:, 0], y).item(), abs=1e-14)


def test_a_step_worked_out_on_paper():
    """1-1-1, no biases at work: w = 0.5, v = 2, x = 1, y = 0, sigmoid inside."""
    net = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid(), nn.Linear(1, 1))
    with torch.no_grad():
        for layer, weight in ((net[0], 0.5), (net[2], 2.0)):
            layer.weight.fill_(weight)
            layer.bias.zero_()
    first, last = trace_backprop(net, [[1.0]], [0.0], lr=1.0).layers
    a = 1 / (1 + np.exp(-0.5))
    assert last.sums[0, 0] == pytest.approx(2 * a)
    assert last.weight_gradient[0, 0] == pytest.approx(2 * 2 * a * a)
    assert first.delta[0, 0] == pytest.approx(2 * 2 * a * 2 * a * (1 - a))
    assert first.weight_after[0, 0] == pytest.approx(0.5 - first.delta[0, 0])


def test_the_given_net_and_the_callers_random_state_stay_as_they_were():
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Tanh(), nn.Linear(3, 1))
    net(torch.zeros(1, 2)).sum().backward()
    before = [(one.clone(), one.grad.clone()) for one in net.parameters()]
    state = torch.random.get_rng_state()
    drawn = trace_backprop(net, *XOR, random_state=1)
    again = trace_backprop(net, *XOR, random_state=1)
    own = trace_backprop(net, *XOR)
    assert torch.equal(state, torch.random.get_rng_state())
    assert net.training and net[1].training and net[0].weight.dtype == torch.float32
    for parameter, (value, grad) in zip(net.parameters(), before, strict=True):
        assert torch.equal(parameter, value) and torch.equal(parameter.grad, grad)
    assert drawn.digest() == again.digest() != own.digest()
    np.testing.assert_array_equal(own.layers[0].weight, net[0].weight.detach().double())


def test_a_layer_without_bias_never_gets_one():
    trace = trace_backprop(nn.Sequential(nn.Linear(2, 3, bias=False), nn.Linear(3, 1)), *XOR)
    assert not trace.layers[0].bias_after.any() and trace.difference < 1e-12


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)

    def forward(self, x):
        return self.head(x + self.linear(x))


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (Residual(), "plain chain"),
        (nn.Sequential(nn.Linear(2, 1), nn.Softplus(beta=2.0), nn.Linear(1, 1)), "in their default form"),
        (nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1)), "Got BatchNorm1d at '1'"),
        (nn.Sequential(nn.Tanh(), nn.Linear(2, 1)), "Got Tanh at '0'"),
    ],
)
def test_other_nets_are_refused(net, words):
    with pytest.raises(DataError, match=words):
        trace_backprop(net, *XOR)


def test_data_that_do_not_fit_are_refused():
    net = nn.Linear(2, 3)
    chain = nn.Sequential(net)
    with pytest.raises(DataError, match="shape of the net's answer.*cross-entropy"):
        trace_backprop(chain, *XOR)
    with pytest.raises(DataError, match="classes from 0 to 2"):
        trace_backprop(chain, XOR[0], [0, 1, 2, 3], loss="cross-entropy")
    with pytest.raises(DataError, match=r"must be classes \(n_rows,\) of int"):
        trace_backprop(chain, XOR[0], XOR[1], loss="cross-entropy")
    with pytest.raises(DataError, match=r"\(n_rows, n_in\)"):
        trace_backprop(chain, [0.0, 1.0], [0.0])
    with pytest.raises(SettingError, match="'lr'"):
        trace_backprop(chain, *XOR, lr=0.0)


def test_the_five_steps_are_told_with_their_numbers(tmp_path):
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    trace = trace_backprop(net, *XOR, random_state=0)
    told = trace.steps()
    starts = ["1. Initialise", "2. Forward", "3. Loss", "4. Gradients", "5. Update"]
    assert [line.split(":")[0].split(",")[0] for line in told] == starts
    assert f"{trace.loss:.6g}" in told[2] and f"{trace.loss_after:.6g}" in told[4]
    assert f"{trace.layers[1].weight[0, 0]:.4f}" in told[0]
    assert Result.load(trace.save(tmp_path / "trace")).steps() == told
