import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import SettingError
from clew.neural.collapse import collapse_linear, difference, one_layer
from clew.neural.estimators import NetRegressor
from clew.neural.nets.cnn import Cnn, CnnConfig
from clew.neural.nets.mlp import Mlp, MlpConfig
from clew.neural.nets.perceptron import Perceptron, PerceptronConfig


def net(activation: str = "identity", n_out: int = 1, hidden=(8, 5), dropout: float = 0.0) -> Mlp:
    torch.manual_seed(0)
    return Mlp(MlpConfig(3, n_out, hidden=hidden, activation=activation, dropout=dropout)).double()


@pytest.mark.parametrize("n_out", [1, 4])
@pytest.mark.parametrize("hidden", [(), (8, 5), (6, 6, 6, 6)])
def test_layers_without_activations_are_one_layer(hidden, n_out):
    linear = net(hidden=hidden, n_out=n_out)
    one = collapse_linear(linear)
    assert one.n_layers == 1 + len(hidden)
    assert one.v.shape == (n_out, 3)
    assert one.max_difference < 1e-12
    x = np.random.default_rng(1).normal(size=(50, 3)) * 10
    np.testing.assert_allclose(x @ one.v.T + one.bias, linear(torch.tensor(x)).detach(), atol=1e-12)


def test_v_is_what_each_input_counts():
    """By another way: the gradient of the output, and the output of nothing."""
    linear = net()
    x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    linear(x[None]).sum().backward()
    one = collapse_linear(linear)
    np.testing.assert_allclose(one.v[0], x.grad, atol=1e-14)
    np.testing.assert_allclose(one.bias, linear(torch.zeros(1, 3).double())[0].detach(), atol=1e-14)
    weights = [
        layer.weight.detach().numpy()
        for layer in [*linear.layers, linear.head]
        if isinstance(layer, nn.Linear)
    ]
    np.testing.assert_allclose(one.v, weights[2] @ weights[1] @ weights[0], atol=1e-14)


def test_with_an_activation_it_is_refused_and_would_not_be_equal():
    bent = net("relu")
    with pytest.raises(
        SettingError, match=r"linear layers without activations between them\. Got ReLU instead"
    ):
        collapse_linear(bent)
    layers = [module for module in bent.modules() if isinstance(module, nn.Linear)]
    assert difference(bent, *one_layer(layers)) > 1e-3


def test_layers_that_do_not_follow_each_other_are_refused():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.a(x) + self.b(x)

    with pytest.raises(SettingError, match="one after the other"):
        collapse_linear(Beside())


@pytest.mark.parametrize("other", [Cnn(CnnConfig.of((1, 8), 2)), nn.Sequential(nn.Flatten(), nn.Tanh())])
def test_other_nets_are_refused(other):
    with pytest.raises(SettingError, match="must hold"):
        collapse_linear(other)
    with pytest.raises(SettingError, match="at least 1 linear layer"):
        collapse_linear(nn.Sequential())


def test_an_estimator_is_refused_with_where_its_net_is():
    straight = NetRegressor(max_epochs=1, net_settings={"activation": "identity"}).fit(
        np.eye(4), np.arange(4)
    )
    with pytest.raises(SettingError, match=r"as `.net_` of a fitted estimator is. Got NetRegressor"):
        collapse_linear(straight)
    assert collapse_linear(straight.net_).v.shape == (1, 4)


def test_drop_out_counts_as_switched_off_and_the_net_stays_as_it_was():
    dropping = net(dropout=0.5).train()
    before = {name: value.clone() for name, value in dropping.state_dict().items()}
    assert collapse_linear(dropping).max_difference < 1e-12
    assert dropping.training
    assert all(torch.equal(value, before[name]) for name, value in dropping.state_dict().items())


def test_a_perceptron_and_a_layer_without_bias_collapse_too():
    assert collapse_linear(Perceptron(PerceptronConfig(3, 2))).n_layers == 1
    plain = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 1, bias=False))
    np.testing.assert_array_equal(collapse_linear(plain).bias, [0.0])


def test_the_headline_writes_v1_v2_v3():
    small = nn.Sequential(nn.Linear(3, 1))
    small[0].weight.data = torch.tensor([[0.5, -2.0, 0.0]])
    small[0].bias.data = torch.tensor([1.0])
    assert "1 layer without activations" in collapse_linear(small).headline()
    assert "y = +0.5 x1 -2 x2 +0 x3 +1" in collapse_linear(small).headline()
    assert "one of 4 x 3 weights" in collapse_linear(net(n_out=4)).headline()
