"""U-Net: its weights, its sides, what it sees, and that the ways across are used."""

import dataclasses
import io
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from clew.neural.nets.unet import UNet, UNetConfig

SIDES = {1: (37,), 2: (13, 22), 3: (5, 9, 11)}
SMALL = {"channels": (3, 4, 5)}


def unet(n_axes=2, n_in=1, n_out=2, **settings) -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(n_in, n_out, n_axes, **SMALL | settings)).eval()


def seen(net: UNet, side: int, place: int) -> tuple[int, int]:
    """Return how far to the left and to the right of a place its answer depends on a signal, by gradients."""
    x = torch.rand(1, net.config.n_in, side, requires_grad=True, dtype=torch.float64)
    answer = net.double()(x)[0, :, place]
    (answer * torch.rand(len(answer))).sum().backward()  # a sum of answers could be constant
    (where,) = np.nonzero(x.grad[0].abs().sum(0).numpy())
    return place - where.min(), where.max() - place


def open_net(**settings) -> UNet:
    """Return a U-Net of positive weights on whose positive maps nothing is cut off, and averages instead of maxima."""
    net = unet(1, normalise="none", activation="identity", **settings)
    for one in net.parameters():
        nn.init.uniform_(one, 0.5, 1.0)
    return net


def test_the_net_of_2015_has_31_030_658_weights():
    with torch.device("meta"):
        net = UNet(UNetConfig.paper())
    assert sum(one.numel() for one in net.parameters()) == 31_030_658


@pytest.mark.parametrize("n_axes", SIDES)
@pytest.mark.parametrize("settings", [{}, {"pool": "blur", "top_skip": False, "up": "nearest"}], ids=str)
def test_answers_have_the_sides_of_the_image_whatever_they_are(n_axes, settings):
    net = unet(n_axes, n_in=2, n_out=3, **settings)
    for sides in (SIDES[n_axes], (1,) * n_axes):
        answer = net(torch.rand(2, 2, *sides))
        assert answer.shape == (2, 3, *sides) and answer.isfinite().all()


@pytest.mark.parametrize("level", [0, 1])
def test_each_way_across_is_used(level):
    def change(net):
        net, x = net.double(), torch.rand(1, 1, 16, 16).double()
        before = net(x)
        merge = net.merge[len(net.merge) - 1 - level]
        width = net.config.channels[level]
        across = merge[0].in_channels - width
        merge[0].weight.data[:, :across] = 0  # what comes across stands before what comes from below
        return (net(x) - before).abs().max()

    assert change(unet()) > 1e-6
    if level == 0:
        assert change(unet(top_skip=False)) == 0  # the mutant: without it there is nothing to silence


@pytest.mark.parametrize("pool", ["max", "blur"])
@pytest.mark.parametrize("channels", [(2,), (2, 2), (2, 2, 2), (2, 2, 2, 2)], ids=len)
def test_the_reach_is_what_gradients_show(pool, channels, monkeypatch):
    average = nn.functional.avg_pool1d
    monkeypatch.setitem(
        UNet.forward.__globals__["MAXIMA"], 1, average
    )  # a maximum hides what it did not take
    net = open_net(channels=channels, pool=pool)
    config = net.config
    middle = config.halo + 5 * config.multiple
    reaches = [seen(net, 2 * middle, middle + i) for i in range(config.multiple)]
    assert np.max(reaches) == config.reach <= config.halo
    assert config.halo % config.multiple == 0 and config.halo - config.reach < config.multiple


def test_residual_adds_the_image_and_wants_as_many_answers():
    x = torch.rand(1, 1, 7, 9)
    plain, added = unet(n_out=1), unet(n_out=1, residual=True)
    torch.testing.assert_close(added(x), plain(x) + x)
    with pytest.raises(ValueError, match="residual"):
        UNetConfig(1, 2, residual=True)


def test_an_unknown_pool_is_refused():
    with pytest.raises(ValueError, match="'pool' of a unet must be one of: max, blur"):
        UNetConfig(1, 2, pool="mean")


@pytest.mark.parametrize("up", ["transposed", "nearest"])
def test_onnx_answers_alike_for_other_batches_and_sides(up):
    runtime = pytest.importorskip("onnxruntime")
    net, buffer = unet(up=up), io.BytesIO()
    axes = {0: "n", 2: "height", 3: "width"}
    with warnings.catch_warnings():  # that the tracing exporter is old
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.rand(2, 1, 16, 16),), buffer, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": axes, "y": axes}, opset_version=18, dynamo=False)  # fmt: skip
    session = runtime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    for shape in ((1, 1, 24, 8), (3, 1, 13, 31), (1, 1, 1, 5)):  # also what must be made up to a multiple
        x = torch.rand(shape)
        np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], net(x).detach().numpy(), atol=1e-5)


def test_a_configuration_is_rebuilt_from_plain_values():
    config = UNetConfig.of((2, 8, 8), 3, channels=(4, 8))
    assert UNetConfig(**dataclasses.asdict(config)) == config and config.n_axes == 2
