import pytest
import torch
from torch import nn

from clew.errors import SettingError
from clew.neural.architectures import build
from clew.neural.embedding import activations_of
from clew.neural.rows import Rows

RANDOM = torch.Generator().manual_seed(0)


def test_what_goes_into_the_head_is_the_default_and_a_name_gives_what_comes_out():
    net = build("mlp", (4,), 3, {"hidden": (6, 5)}).eval()
    x = torch.randn(7, 4, generator=RANDOM)
    torch.testing.assert_close(activations_of(net, Rows(x)), net.layers(x), rtol=0, atol=0)
    torch.testing.assert_close(
        activations_of(net, Rows(x), layer="layers.0"), net.layers[0](x), rtol=0, atol=0
    )
    assert activations_of(net, Rows(x), layer="head").shape == (7, 3)
    assert not net.head._forward_hooks and not net.head._forward_pre_hooks


def test_channels_on_a_grid_are_averaged():
    net = build("cnn", (2, 8, 8), 3, {"channels": (4, 6)}).eval()
    x = torch.randn(5, 2, 8, 8, generator=RANDOM)
    torch.testing.assert_close(activations_of(net, Rows(x), layer="blocks.0"), net.blocks[0](x).mean((2, 3)))


def test_steps_are_averaged_over_those_that_are_real():
    net = build("gru", (6, 2), 3, {"hidden": 4, "head": "tag"}).eval()
    x, lengths = torch.randn(3, 6, 2, generator=RANDOM), torch.tensor([6, 2, 4])
    found = activations_of(net, Rows(x, lengths=lengths))
    for row, length, one in zip(x, lengths, found):
        said, _ = net.layers(row[None, :length])
        torch.testing.assert_close(one, said[0].mean(0))
        named = activations_of(net, Rows(row[None, :length]), layer="layers")
        torch.testing.assert_close(named[0], said[0].mean(0))
    packed = activations_of(net, Rows(x, lengths=lengths), layer="layers")
    torch.testing.assert_close(packed, found)


def test_a_net_without_a_head_gives_what_goes_into_its_last_layer():
    net = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2), nn.Identity())
    x = torch.randn(3, 4, generator=RANDOM)
    torch.testing.assert_close(activations_of(net, Rows(x)), net[:2](x))


def test_a_layer_that_is_not_there_or_not_gone_through_is_named():
    net = build("mlp", (4,), 3, {})
    with pytest.raises(
        SettingError, match=r"must be one of: .*layers.0.*Got 'layer.0' instead. Did you mean 'layers.0'"
    ):
        activations_of(net, Rows(torch.zeros(1, 4)), layer="layer.0")
    net.unused = nn.Linear(1, 1)
    with pytest.raises(SettingError, match="rows go through. Got 'unused'"):
        activations_of(net, Rows(torch.zeros(1, 4)), layer="unused")
