"""What is seen inside a net is what it computes, and looking leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural.estimators import NetClassifier
from clew.neural.inside import (
    activation_curves,
    activations,
    decision_grid,
    feature_maps,
    filters,
    hidden_states,
    watching,
)
from clew.neural.nets.elman import Elman
from clew.neural.nets.recurrent import RecurrentConfig


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(3 * 16, 2)
    )


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(4, 2, 6, 6)).astype(np.float32)


def hooks_of(net):
    return sum(len(module._forward_hooks) for module in net.modules())


def test_activations_are_what_each_layer_answers_in_evaluation(net, x):
    net.train()
    net[1].eval()
    found = activations(net, x)
    assert list(found.values) == ["0", "1", "2", "3", "4", "5"]
    assert hooks_of(net) == 0
    assert net.training and net[3].training and not net[1].training
    net.eval()
    with torch.no_grad():
        step = torch.tensor(x)
        for name, module in net.named_children():
            step = module(step)
            np.testing.assert_array_equal(found[name], step.numpy())
    assert list(activations(net, x, layers=["5", "0"]).values) == ["5", "0"]
    with pytest.raises(SettingError, match="layer of the net must be one of"):
        activations(net, x, layers=["6"])


def test_drop_out_would_show(net, x):
    """The mutant: in training, the same layer answers otherwise."""
    net.train()
    mutant = net(torch.tensor(x)).detach().numpy()
    assert not np.allclose(activations(net, x)["5"], mutant)


def test_nothing_stays_behind_when_a_net_fails(net):
    net.train()
    with pytest.raises(RuntimeError), watching(net, lambda *_: None):
        net(torch.zeros(1, 5, 6, 6))
    assert hooks_of(net) == 0 and net.training


def test_a_layer_that_is_never_called_is_told():
    idle = nn.Sequential(nn.Linear(2, 2))
    idle[0].spare = nn.Linear(2, 2)
    with pytest.raises(DataError, match=r"'0\.spare' must answer"):
        activations(idle, np.zeros((1, 2), np.float32), layers=["0.spare"])


def test_feature_maps_are_correlations_with_the_filters(net, x):
    from scipy.signal import correlate

    maps, kernels = feature_maps(net, x[1], "0"), filters(net)
    assert kernels.layer == "0" and kernels.values.shape == (3, 2, 3, 3)
    for k in range(3):
        theirs = correlate(x[1], kernels.values[k], mode="valid")[0] + net[0].bias[k].item()
        np.testing.assert_allclose(maps.values[k], theirs, atol=1e-5)
    with pytest.raises(DataError, match="maps with the places of the input"):
        feature_maps(net, x[1], "5")
    with pytest.raises(SettingError, match="convolutional layer. Got Linear"):
        filters(nn.Linear(2, 2))


@pytest.mark.parametrize("fast", [True, False])
def test_hidden_states_are_torchs_for_the_kernel_and_for_clear_steps(fast):
    torch.manual_seed(0)
    own = Elman(RecurrentConfig(n_in=3, n_out=2, hidden=5, fast=fast))
    sequence = np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)
    found = hidden_states(own, sequence)
    with torch.no_grad():
        theirs = own.layers(torch.tensor(sequence)[None])[0][0]
    np.testing.assert_allclose(found.values, theirs, atol=1e-6)


def test_hidden_states_of_any_net_around_torchs_kernels():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.memory = nn.LSTM(2, 4)

        def forward(self, x):
            return self.memory(x.transpose(0, 1))[0][-1]

    torch.manual_seed(0)
    own, sequence = TimeFirst(), np.ones((7, 2), np.float32)
    found = hidden_states(own, sequence)
    assert found.layer == "memory" and found.values.shape == (7, 4)
    theirs = own(torch.tensor(sequence)[None])[0].detach()
    np.testing.assert_allclose(found.values[-1], theirs, atol=1e-6)
    with pytest.raises(DataError, match="must be recurrent. Got Linear"):
        hidden_states(nn.Linear(2, 2), sequence)


def test_tokens_are_taken_as_they_are():
    own = Elman(RecurrentConfig(n_in=3, n_out=2, hidden=5, vocabulary=4))
    assert hidden_states(own, np.array([0, 3, 1])).values.shape == (3, 5)


def test_derivatives_are_slopes():
    curves = activation_curves(reach=3.0)
    step = np.diff(curves.z)[0]
    slopes = (curves.values[:, 2:] - curves.values[:, :-2]) / (2 * step)
    away = np.abs(curves.z[1:-1]) > 2 * step  # from the kinks
    np.testing.assert_allclose(curves.slopes[:, 1:-1][:, away], slopes[:, away], atol=1e-3)
    with pytest.raises(SettingError, match="Did you mean 'tanh'"):
        activation_curves(["tanhh"])


def test_a_decision_grid_asks_for_every_place_of_the_plane():
    points = np.array([[0.0, 0], [1, 2], [1, 0]])
    grid = decision_grid(lambda rows: np.where(rows[:, 1] > 1, "up", "low"), points, ["low", "up", "other"])
    assert grid.classes == ["low", "other", "up"]
    np.testing.assert_array_equal(grid.answer, np.where(grid.y > 1, 2, 0)[:, None] + 0 * grid.x.astype(int))
    assert grid.labels.tolist() == [0, 2, 1] and grid.x[0] < 0 and grid.y[-1] > 2
    assert decision_grid(lambda rows: np.zeros(len(rows)), points).labels.tolist() == [-1, -1, -1]
    with pytest.raises(DataError, match=r"\(n_rows, 2\)"):
        decision_grid(len, np.zeros((3, 3)))


def test_an_estimator_is_refused_with_where_its_net_is():
    x, one = np.zeros((1, 2, 6, 6)), NetClassifier("cnn")
    for look in (activations, hidden_states, lambda net, x: feature_maps(net, x[0], "blocks.0")):
        with pytest.raises(SettingError, match="as `.net_` of a fitted estimator is. Got NetClassifier"):
            look(one, x)
