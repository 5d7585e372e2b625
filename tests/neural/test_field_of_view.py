import numpy as np
import pytest
import torch
from torch import nn

from clew.errors import SettingError
from clew.neural.field_of_view import field_of_view, formula
from clew.neural.nets.cnn import Cnn, CnnConfig
from clew.neural.nets.mlp import Mlp, MlpConfig


def by_poison(layers: nn.Module, shape: tuple[int, ...], unit: tuple[int, ...]) -> list[tuple[int, int]]:
    """Put a NaN at each place of the input, one after the other, and see whether it reaches the unit: the slow twin."""
    region = []
    layers = layers.eval()
    for axis, side in enumerate(shape[1:], 2):
        reached = []
        for place in range(side):
            x = torch.randn(1, *shape)
            x.select(axis, place).fill_(float("nan"))
            with torch.no_grad():
                reached.append(bool(layers(x)[(0, slice(None), *unit)].isnan().any()))
        region.append((int(np.argmax(reached)), side - int(np.argmax(reached[::-1]))))
    return region


CHAINS = [
    ((1, 40), nn.Sequential(nn.Conv1d(1, 2, 5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(2, 3, 3, padding=1))),
    ((2, 90), nn.Sequential(nn.Conv1d(2, 2, 7, stride=2, padding=3), nn.Tanh(), nn.Conv1d(2, 2, 3, dilation=4), nn.AvgPool1d(3))),
    ((1, 30, 33), nn.Sequential(nn.Conv2d(1, 2, (3, 5), padding=(1, 0)), nn.MaxPool2d((1, 2)), nn.Conv2d(2, 2, 3))),
    ((1, 8, 12, 10), nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.MaxPool3d((1, 2, 2)), nn.Conv3d(2, 2, 3, padding=1))),
    ((1, 28, 28), Cnn(CnnConfig.of((1, 28, 28), 3, normalise="none")).blocks),
    ((3, 200), Cnn(CnnConfig.of((3, 200), 3, normalise="batch", kernel=5, channels=(4, 4), pool_size=3, pool="average")).blocks),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "chain"), CHAINS)
def test_gradient_formula_and_a_poisoned_input_agree(shape, chain):
    seen, expected = field_of_view(chain, shape), formula(chain, shape)
    unit = tuple(side // 2 for side in chain(torch.randn(2, *shape)).shape[2:])
    for one in (seen, expected):
        assert list(zip(one.lo, one.hi)) == by_poison(chain, shape, unit)
    np.testing.assert_array_equal(seen.jump, expected.jump)
    assert not seen.sees_everything


def test_the_numbers_of_a_textbook_chain():
    """Three 3x3 convolutions with 2x2 pooling after each: 3, 4, 8, 10, 18, 22 pixels, 8 apart."""
    chain = Cnn(CnnConfig.of((1, 64, 64), 2, normalise="batch")).blocks
    for layer, size, jump in [
        ("0.0", 3, 1),
        ("0", 4, 2),
        ("1.0", 8, 2),
        ("1", 10, 4),
        ("2.0", 18, 4),
        ("2", 22, 8),
    ]:
        view = field_of_view(chain, (1, 64, 64), layer=layer)
        assert view.size.tolist() == [size, size]
        assert view.jump.tolist() == [jump, jump]


@pytest.mark.parametrize("hidden_by", ["dead units", "weights of zero", "one largest place"])
def test_nothing_of_one_set_of_weights_hides_what_the_architecture_sees(hidden_by):
    chain = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(2, 1, 3))
    if hidden_by == "dead units":
        chain[0].bias.data.fill_(-1000.0)
    if hidden_by == "weights of zero":
        chain[3].weight.data[..., 0] = 0.0
    if hidden_by == "one largest place":
        chain[0].weight.data.abs_()  # so that of a rising input the last place of each pool is the largest
    seen = field_of_view(chain, (1, 40))
    assert list(zip(seen.lo, seen.hi)) == by_poison(chain, (1, 40), (3,))

    # the mutant: the gradient of the net as it is, for one input, sees less in each of the three cases
    x = torch.linspace(1, 2, 40).reshape(1, 1, 40).requires_grad_(True)
    chain(x)[0, :, 3].sum().backward()
    places = np.flatnonzero(x.grad[0, 0])
    assert len(places) == 0 or places[-1] + 1 - places[0] < seen.size[0]


def test_the_net_stays_as_it_was_and_so_does_torchs_random_state():
    net = Cnn(CnnConfig.of((1, 16, 16), 2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    field_of_view(net, (1, 16, 16))
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_fully_connected_nets_see_everything_and_say_so():
    for net, shape in [(Mlp(MlpConfig(7, 2)), (7,)), (Mlp(MlpConfig.of((1, 6, 5), 2)), (1, 6, 5))]:
        view = field_of_view(net, shape)
        assert view.sees_everything
        assert "sees the whole input" in view.headline()
    image = Cnn(CnnConfig.of((1, 28, 28), 2))
    assert not field_of_view(image, (1, 28, 28)).sees_everything  # the last maps, before all is connected
    assert field_of_view(image, (1, 28, 28), layer="head").sees_everything


class LastOf(nn.Module):
    """An LSTM whose last state is classified."""

    takes_lengths = True

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x, lengths=None):
        return self.head(self.lstm(x)[0][:, -1])


def test_where_borders_cut_on_both_sides_no_jump_is_told():
    chain = nn.Sequential(nn.Conv1d(1, 1, 15, padding=7), nn.AvgPool1d(8))
    assert field_of_view(chain, (1, 17)).jump.tolist() == [0]
    assert field_of_view(chain, (1, 40)).jump.tolist() == [8]


def test_an_lstm_sees_all_that_came_before():
    states = field_of_view(LastOf(), (20, 3))
    assert states.layer == "lstm"
    assert (states.lo.tolist(), states.hi.tolist()) == (
        [0],
        [11],
    )  # the middle one: itself and what was before
    assert field_of_view(LastOf(), (20, 3), layer="head").sees_everything


def test_norms_over_all_places_are_told_and_not_counted():
    settings = {"channels": (8, 8), "kernel": 3}
    grouped = field_of_view(Cnn(CnnConfig.of((1, 40, 40), 2, normalise="group", **settings)), (1, 40, 40))
    plain = field_of_view(Cnn(CnnConfig.of((1, 40, 40), 2, normalise="none", **settings)), (1, 40, 40))
    assert (grouped.through_norms, plain.through_norms) == (True, False)
    assert grouped.headline() == plain.headline() + "; norms add the mean and the spread of the whole input"
    assert grouped.size.tolist() == plain.size.tolist() == [10, 10]


def test_a_borders_field_is_cut_and_its_jump_still_known():
    chain = nn.Sequential(nn.Conv1d(1, 1, 15, padding=7), nn.AvgPool1d(2))
    assert field_of_view(chain, (1, 17)).jump.tolist() == formula(chain, (1, 17)).jump.tolist() == [2]
    assert field_of_view(chain, (1, 17)).size.tolist() == formula(chain, (1, 17)).size.tolist()


def test_a_headline_is_a_sentence():
    chain = nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2))
    assert field_of_view(chain, (1, 20, 30)).headline() == "a unit of the output sees 4 x 4 of 20 x 30; its neighbours' regions are 2 x 2 apart"  # fmt: skip
    summary = field_of_view(chain, (1, 20, 30), layer="0").summary()
    assert summary["size"] == [3, 3]
    assert summary["headline"].startswith("a unit of the layer '0' sees 3 x 3 of 20 x 30")


def test_what_does_not_fit_is_refused_in_a_sentence():
    net = Cnn(CnnConfig.of((1, 16, 16), 2))
    with pytest.raises(SettingError, match=r"'layer' of field_of_view must be a module of the net\. Got 'block' instead\. Did you mean 'blocks'\?"):  # fmt: skip
        field_of_view(net, (1, 16, 16), layer="block")
    with pytest.raises(SettingError, match=r"'shape' of field_of_view must be .*Got \(3, 16, 16\)"):
        field_of_view(net, (3, 16, 16))
    with pytest.raises(SettingError, match="chain of convolutions and poolings"):
        formula(net, (1, 16, 16))
    with pytest.raises(SettingError, match="padding"):
        formula(nn.Conv1d(1, 1, 3, padding="same"), (1, 16))
