"""Tiles: what a net answers in one is what it answers for the whole image."""

import numpy as np
import pytest
import torch

from clew.neural.nets.unet import UNet, UNetConfig
from clew.neural.tiled import answer_tile

IMAGES = {1: (201,), 2: (75, 90), 3: (10, 31, 62)}
BLUR = {"pool": "blur", "top_skip": False, "up": "nearest"}


def net_and_image(n_axes, **settings):
    torch.manual_seed(0)
    net = UNet(UNetConfig(2, 3, n_axes, channels=(3, 4, 5), **settings))
    net(torch.rand(4, 2, *[16] * n_axes))  # so that norms are not as they began
    image = np.random.default_rng(0).normal(size=(2, *IMAGES[n_axes])).astype(np.float32)
    with torch.no_grad():
        whole = net.eval()(torch.from_numpy(image)[None])[0].numpy()
    return net, image, whole


def apart(net, image, whole, start, stop) -> float:
    found = answer_tile(net, lambda at: image[(slice(None), *at)], image.shape[1:], start, stop)
    assert found.dtype == np.float32
    return float(np.abs(found - whole[(slice(None), *map(slice, start, stop))]).max())


@pytest.mark.parametrize("settings", [{}, BLUR], ids=["max", "blur"])
@pytest.mark.parametrize("n_axes", IMAGES)
def test_a_tile_answers_as_the_whole_image_does(n_axes, settings):
    net, image, whole = net_and_image(n_axes, **settings)
    sides = np.array(IMAGES[n_axes])
    for start, stop in ((sides * 0, sides // 2), (sides // 3, sides - 3), (sides // 2, sides)):
        assert apart(net, image, whole, tuple(start.tolist()), tuple(stop.tolist())) < 1e-5


def test_a_halo_too_small_is_noticed(monkeypatch):  # the mutant
    net, image, whole = net_and_image(2)
    monkeypatch.setattr(UNetConfig, "halo", 4)
    assert apart(net, image, whole, (32, 32), (48, 48)) > 1e-5


def test_a_net_in_training_answers_without_learning_and_stays_in_training():
    net, image, whole = net_and_image(2)
    net.train()
    assert apart(net, image, whole, (0, 0), (16, 16)) < 1e-5 and net.training
