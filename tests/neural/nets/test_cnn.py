import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from skimage.measure import block_reduce
from torch import nn

from clew.neural.field_of_view import field_of_view
from clew.neural.nets.cnn import BATCH_NORMS, CONVOLUTIONS, POOLS, Cnn, CnnConfig
from tests.conftest import shared

SIDES = {1: (33,), 2: (17, 20), 3: (7, 10, 8)}
LINEAR = {"activation": "identity", "normalise": "none"}


def first_convolution(net: Cnn) -> nn.Module:
    return net.blocks[0][0]


def one_block(size: tuple[int, ...], n_in: int = 1, **settings) -> Cnn:
    torch.manual_seed(0)
    return Cnn(CnnConfig.of((n_in, *size), 2, channels=(4,), kernel=3, **settings)).eval()


@pytest.mark.parametrize("n_axes", SIDES)
def test_a_convolution_is_scipys_correlation_added_over_the_channels(n_axes):
    net = one_block(SIDES[n_axes], n_in=3).double()
    convolution = first_convolution(net)
    x = torch.randn(2, 3, *SIDES[n_axes]).double()
    ours = convolution(x).detach().numpy()
    weight, bias = convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
    for row in range(2):
        for channel in range(4):
            theirs = sum(
                correlate(x[row, c], weight[channel, c], mode="same", method="direct") for c in range(3)
            )
            np.testing.assert_allclose(ours[row, channel], theirs + bias[channel], atol=1e-12)
    turned = sum(correlate(x[0, c], np.flip(weight[0, c]), mode="same", method="direct") for c in range(3))
    assert (
        np.abs(ours[0, 0] - turned - bias[0]).max() > 0.01
    )  # what mathematics calls a convolution is another thing


@pytest.mark.parametrize("n_axes", SIDES)
@pytest.mark.parametrize(("pool", "function"), [("max", np.max), ("average", np.mean)])
def test_pooling_is_scikit_images_block_reduce(n_axes, pool, function):
    net = one_block(SIDES[n_axes], pool=pool)
    x = torch.randn(2, 3, *SIDES[n_axes])
    whole = tuple(
        slice(side // 2 * 2) for side in SIDES[n_axes]
    )  # what is left over at the end is not pooled
    expected = block_reduce(x.numpy()[(..., *whole)], (1, 1) + (2,) * n_axes, function)
    np.testing.assert_allclose(net.blocks[0][-1](x), expected, atol=1e-6)
    other = block_reduce(x.numpy()[(..., *whole)], (1, 1) + (2,) * n_axes, np.min)
    assert np.abs(net.blocks[0][-1](x).numpy() - other).max() > 0.1


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (2, 2), (3, 7), (6, 100), (1, 1, 1), (1, 28, 28), (3, 31, 5), (1, 2, 9, 33), (2, 1, 1, 1)],
)
@pytest.mark.parametrize("gather", ["flatten", "average"])
def test_any_size_of_input_will_do(shape, gather):
    net = Cnn(CnnConfig.of(shape, 3, channels=(2, 4, 8, 8), hidden=5, gather=gather))
    x = torch.randn(4, *shape)
    assert net(x).shape == (4, 3)
    side, maps = np.array(shape[1:]), x
    for block in net.blocks:
        maps = block(maps)
        side = np.where(side // net.config.pool_size >= 2, side // net.config.pool_size, side)
        assert maps.shape[2:] == tuple(side)
    assert side.min() >= min(2, *shape[1:])


@pytest.mark.parametrize("shape", [(2, 40), (3, 16, 24), (1, 8, 8, 8)])
@pytest.mark.parametrize("normalise", ["batch", "group", "none"])
def test_parameters_are_counted_by_the_formula(shape, normalise):
    config = CnnConfig.of(shape, 5, channels=(4, 6), kernel=3, convolutions_per_block=2, pool_size=2, hidden=7, gather="flatten", normalise=normalise)  # fmt: skip
    n_axes, places = len(shape) - 1, math.prod(side // 4 for side in shape[1:])
    widths = [shape[0], 4, 4, 6, 6]
    convolutions = sum(a * b * 3**n_axes + b for a, b in pairwise(widths))
    norms = 0 if normalise == "none" else 2 * sum(widths[1:])
    connected = (6 * places * 7 + 7) + (7 * 5 + 5)
    assert sum(p.numel() for p in Cnn(config).parameters()) == convolutions + norms + connected


def moved(x: torch.Tensor, by: int) -> torch.Tensor:
    return torch.roll(x, (by, by), (2, 3))


def far_from_borders(size: int = 24) -> torch.Tensor:
    """An image that is dark but for a patch in the middle, so that moving it loses nothing."""
    x = torch.zeros(1, 1, size, size).double()
    x[..., 9:15, 9:15] = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)).double()
    return x


def test_a_convolution_moves_with_the_image_and_a_connected_layer_does_not():
    net, x = one_block((24, 24)).double(), far_from_borders()
    convolution = first_convolution(net)
    assert (convolution(moved(x, 2)) - moved(convolution(x), 2))[..., 4:-4, 4:-4].abs().max() < 1e-12
    connected = nn.Sequential(nn.Flatten(), nn.Linear(576, 576), nn.Unflatten(1, (1, 24, 24))).double()
    assert (connected(moved(x, 2)) - moved(connected(x), 2))[..., 4:-4, 4:-4].abs().max() > 0.01


@pytest.mark.parametrize("pool", ["max", "average"])
def test_pooling_hides_a_move_within_its_place_and_shows_one_beyond(pool):
    pooling = POOLS[pool][2](2)
    x = torch.zeros(1, 1, 8, 8)
    x[..., 4, 4] = 1.0
    assert torch.equal(pooling(moved(x, 1)), pooling(x))
    assert not torch.equal(pooling(moved(x, 2)), pooling(x))
    assert not torch.equal(moved(x, 1), x)


def test_the_mean_of_each_map_is_blind_to_where_and_flattening_is_not():
    x = far_from_borders()
    for gather, blind in (("average", True), ("flatten", False)):
        net = one_block((24, 24), gather=gather, **LINEAR).double()
        change = (net(moved(x, 4)) - net(x)).abs().max()
        assert (change < 1e-12) == blind


def test_averaged_maps_take_another_size_of_input():
    net = one_block((24, 24), gather="average")
    assert net(torch.randn(2, 1, 31, 40)).shape == (2, 2)


def test_what_goes_into_the_head_is_the_hidden_layer():
    seen = []
    net = Cnn(CnnConfig.of((1, 12, 12), 3, hidden=9))
    net.head.register_forward_pre_hook(lambda module, given: seen.append(given[0].shape))
    net(torch.randn(4, 1, 12, 12))
    assert seen == [(4, 9)]
    assert Cnn(CnnConfig.of((1, 12, 12), 3, hidden=0, gather="average")).head.in_features == 64


@pytest.mark.parametrize("normalise", ["group", "none"])
def test_rows_do_not_feel_each_other_but_by_batch_norm(normalise):
    x = torch.randn(6, 1, 12, 12)

    def alone_and_together(normalise: str) -> float:
        net = one_block((12, 12), normalise=normalise).train()
        return (net(x[:2]) - net(x)[:2]).abs().max().item()

    assert alone_and_together(normalise) < 1e-5
    assert alone_and_together("batch") > 1e-3


def test_a_batch_of_one_row_trains_with_the_default_norm():
    for shape in [(1, 1), (1, 1, 1), (3, 28, 28), (1, 300)]:
        assert torch.isfinite(Cnn(CnnConfig.of(shape, 2)).train()(torch.randn(1, *shape))).all()


@pytest.mark.parametrize(
    ("shape", "blocks"),
    [
        ((1, 28, 28), 3),
        ((3, 128, 128), 5),
        ((6, 100), 3),
        ((1, 300), 3),
        ((3, 1000), 4),
        ((3, 3000), 5),
        ((1, 10**9), 6),
    ],
)
def test_by_default_the_last_maps_see_half_of_the_input(shape, blocks):
    config = CnnConfig.of(shape, 2)
    assert len(config.channels) == blocks
    assert config.field_of_view >= max(shape) / 2 or blocks == 6
    fewer = CnnConfig.of(shape, 2, channels=config.channels[:-1])
    assert fewer.channels == config.channels[:-1]
    assert fewer.field_of_view < max(shape) / 2 or blocks == 3


def test_its_field_of_view_is_the_one_that_the_gradient_finds():
    for shape, settings in [
        ((1, 60, 60), {}),
        ((2, 1000), {}),
        ((1, 48, 48), {"convolutions_per_block": 2, "channels": (4, 8)}),
    ]:
        config = CnnConfig.of(shape, 2, **settings)
        assert set(field_of_view(Cnn(config), shape).size) == {config.field_of_view}


def test_no_two_activations_are_one_module_and_none_works_in_place():
    activations = [
        module for module in Cnn(CnnConfig.of((1, 28, 28), 10)).modules() if isinstance(module, nn.ReLU)
    ]
    assert len({id(module) for module in activations}) == len(activations) >= 4
    assert not any(module.inplace for module in activations)


def test_the_tables_hold_layers_of_one_two_and_three_axes():
    for table in (CONVOLUTIONS, BATCH_NORMS, *POOLS.values()):
        assert {axes: layer.__name__[-2:] for axes, layer in table.items()} == {1: "1d", 2: "2d", 3: "3d"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kernel": 4}, r"'kernel' of a cnn must be odd\. Got 4"),
        ({"size": (2, 2, 2, 2)}, r"'size' of a cnn must have 1, 2 or 3 sides\. Got 4"),
        ({"activation": "rely"}, r"'activation' of a net must be one of"),
        ({"pool": "min"}, r"'pool' of a cnn must be one of: max, average\. Got 'min'"),
        ({"normalise": "bach"}, r"'normalise' of a cnn must be one of: batch, group, none\. Got 'bach'"),
        ({"pool_size": 0}, r"'pool_size' of a cnn must be at least 1\. Got 0"),
        ({"channels": (4, 0)}, r"'channels' of a cnn must be at least 1\. Got \(4, 0\)"),
        ({"gather": "sum"}, r"'gather' of a cnn must be one of: flatten, average\. Got 'sum'"),
    ],
)
def test_what_cannot_be_built_is_refused_in_a_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Cnn(CnnConfig(**{"n_in": 1, "n_out": 2, "size": (8, 8), **settings}))


@pytest.mark.slow
def test_it_reads_handwritten_digits_that_it_has_not_seen():
    """LeNet-5 errs in 0.8 to 0.95% after 60,000 digits (LeCun 1998); here are 5,000, and a plain loop."""
    digits = np.load(shared("images/digits/mnist_28x28_uint8.npz"))
    x, y = (torch.tensor(digits[name]) for name in ("images", "labels"))
    x, y = x.float()[:, None] / 255, y.long()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    training, unseen = order[:5000], order[5000:]
    torch.manual_seed(0)
    net, epochs = Cnn(CnnConfig.of((1, 28, 28), 10, dropout=0.2)), 5
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * 79)
    for _ in range(epochs):
        for batch in training[torch.randperm(5000)].split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        right = (net.eval()(x[unseen]).argmax(1) == y[unseen]).float().mean()
    assert right >= 0.965
