from itertools import pairwise

import pytest
import torch
from torch import nn

from clew.neural.nets.activations import ACTIVATIONS
from clew.neural.nets.mlp import Mlp, MlpConfig

XOR = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
UNLIKE = torch.tensor([0, 1, 1, 0])


def accuracy_on_xor(activation: str, seed: int, hidden=(8,)) -> float:
    torch.manual_seed(seed)
    net = Mlp(MlpConfig(2, 2, hidden=hidden, activation=activation))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(XOR), UNLIKE).backward()
        optimizer.step()
    return float((net(XOR).argmax(1) == UNLIKE).float().mean())


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_xor_is_solved_with_an_activation(activation):
    assert max(accuracy_on_xor(activation, seed) for seed in range(3)) == 1.0


@pytest.mark.parametrize("hidden", [(), (8,), (8, 8)])
def test_xor_fails_without_activations_whatever_the_seed_and_the_layers(hidden):
    assert max(accuracy_on_xor("identity", seed, hidden) for seed in range(3)) <= 0.75


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5, 3, 2)])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_is_weighted_sums_with_an_activation_after_each_but_the_last(hidden, activation):
    net = Mlp(MlpConfig(4, 3, hidden=hidden, activation=activation)).double()
    x = torch.randn(6, 4).double()
    expected = x
    for layer in net.layers:
        if isinstance(layer, nn.Linear):
            expected = ACTIVATIONS[activation]()(expected @ layer.weight.T + layer.bias)
    torch.testing.assert_close(net(x), expected @ net.head.weight.T + net.head.bias)
    assert sum(isinstance(layer, nn.Linear) for layer in net.layers) == len(hidden)


@pytest.mark.parametrize("hidden", [(), (64, 32), (10,)])
def test_parameters_are_counted_by_the_formula(hidden):
    net = Mlp(MlpConfig(30, 4, hidden=hidden))
    widths = [30, *hidden, 4]
    assert sum(p.numel() for p in net.parameters()) == sum(a * b + b for a, b in pairwise(widths))


def test_the_measures_are_those_of_the_rows_also_of_images():
    assert MlpConfig.of((5,), 2, hidden=(3,)) == MlpConfig(5, 2, hidden=(3,))
    net = Mlp(MlpConfig.of((1, 8, 8), 2))
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(net(images), net(images.reshape(3, 64)))


def test_no_two_activations_are_one_module_and_none_works_in_place():
    net = Mlp(MlpConfig(4, 2, hidden=(8, 8, 8)))
    activations = [layer for layer in net.layers if isinstance(layer, nn.ReLU)]
    assert len({id(layer) for layer in activations}) == 3
    assert not any(layer.inplace for layer in activations)


def test_a_layer_without_units_is_refused_in_a_sentence():
    with pytest.raises(
        ValueError, match=r"'hidden' layers of an mlp must have at least 1 unit\. Got \(8, 0\) instead"
    ):
        MlpConfig(4, 2, hidden=(8, 0))


class TestDropout:
    """Hidden units are silenced in training, each by itself, and not when the net is asked."""

    N = 100_000

    def hidden(self, training: bool, share: float = 0.3, seed: int = 0) -> torch.Tensor:
        """What comes out of a drop-out layer of the net after units that all are 1."""
        torch.manual_seed(seed)
        net = Mlp(MlpConfig(1, 1, hidden=(self.N,), activation="identity", dropout=share)).train(training)
        (dropout,) = (layer for layer in net.layers if isinstance(layer, nn.Dropout))
        torch.manual_seed(seed)
        return dropout(torch.ones(1, self.N))

    def test_the_mean_is_preserved_in_training(self):
        share = 0.3
        out = self.hidden(training=True, share=share)
        sigma = (share / (1 - share) / self.N) ** 0.5  # of the mean of Bernoulli(1 - share) / (1 - share)
        assert abs(out.mean() - 1) < 4 * sigma
        assert abs(out.mean() * (1 - share) - 1) > 4 * sigma  # without the division, it would not be

    def test_the_share_of_silent_units_is_the_one_asked_for(self):
        silent = (self.hidden(training=True) == 0).float().mean()
        assert abs(silent - 0.3) < 4 * (0.3 * 0.7 / self.N) ** 0.5

    def test_it_does_nothing_when_the_net_is_asked(self):
        assert torch.equal(self.hidden(training=False), torch.ones(1, self.N))

    def test_the_same_seed_silences_the_same_units(self):
        assert torch.equal(self.hidden(training=True), self.hidden(training=True))
        assert not torch.equal(self.hidden(training=True), self.hidden(training=True, seed=1))

    def test_without_a_share_there_is_no_layer(self):
        assert not any(isinstance(module, nn.Dropout) for module in Mlp(MlpConfig(2, 2)).modules())
