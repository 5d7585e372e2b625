"""A U-Net in the place of a pixel forest: the same bits for any threads, tiles that equal the whole, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.learn.tiling import scale_of
from clew.neural.pixel_net import PixelNet
from clew.read.stacks import Stack

torch = pytest.importorskip("torch")
from clew.neural.nets.unet import UNet, UNetConfig  # noqa: E402
from clew.neural.stored import weights_of  # noqa: E402


def pixel_net(members=1, **changes):
    """Return an untrained net: what it says is random, and depends on every weight."""
    config = UNetConfig(1, 3, channels=(4, 6))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        nets = [UNet(config) for _ in range(members)]
    for net in nets:
        net.head.weight.data *= 50  # else it says nearly the same of every pixel
    return PixelNet(**{
        "architecture": "unet", "net_settings": dataclasses.asdict(config), "recipe": {}, "seeds": list(range(members)),
        "weights": weights_of(nets), "histories": [], "values": {"soil": 1, "cell": 2, "border": 5},
        "channel_names": ["gray"], "n_axes": 2, "normalise": "otsu", "tile": [1, 32, 48], **changes,
    })  # fmt: skip


def stack(shape=(70, 101), **more):
    pixels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return Stack.of(pixels, axes="ZYX"[3 - len(shape) :], **more)


def whole(model, image):
    found = np.full((len(model.values), *image.shape[2:]), np.nan, np.float32)

    def write(t, start, labels, shares):
        at = tuple(slice(a, a + n) for a, n in zip(start, labels.shape))
        np.testing.assert_array_equal(labels, shares.argmax(axis=0))
        found[(slice(None), *at)] = shares

    model.predict(image, write, probability=True)
    return found


@pytest.mark.parametrize("flips", [False, True])
def test_tiles_are_to_rounding_what_the_net_says_of_the_whole(flips):
    image = stack()
    model = pixel_net(flips=flips)
    tiled = whole(model, image)
    at_once = whole(dataclasses.replace(model, tile=[1, 128, 128]), image)
    np.testing.assert_allclose(tiled, at_once, atol=2e-5)
    np.testing.assert_allclose(tiled.sum(axis=0), 1, atol=2e-5)
    assert np.ptp(tiled[0]) > 0.01  # else anything would pass


def test_any_number_of_threads_gives_the_same_bits_and_leaves_torch_as_it_was(monkeypatch):
    found = []
    before = torch.get_num_threads()
    for n in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", n)
        found.append(whole(pixel_net(), stack()).tobytes())
    assert found[0] == found[1]
    assert torch.get_num_threads() == before


def test_the_mean_of_members_answers_and_their_spread_can_be_seen():
    model, image = pixel_net(members=2), stack((16, 16))
    each = model.shares_of_tile(image, scale_of(image, "otsu"), 0, (0, 0, 0), (1, 16, 16))
    assert each.shape == (2, 3, 1, 16, 16) and each.std(axis=0).max() > 1e-3
    np.testing.assert_allclose(whole(model, image), each.mean(axis=0), atol=1e-6)


def test_planes_of_a_stack_are_answered_each_by_itself():
    image, model = stack((2, 40, 40)), dataclasses.replace(pixel_net(), normalise="none")
    both = whole(model, image)
    second = Stack.of(image.read(0, slice(1, 2), slice(None), slice(None))[0, 0])
    np.testing.assert_allclose(both[:, 1], whole(model, second)[:, 0], atol=1e-6)


def test_images_that_do_not_fit_are_refused_and_small_ones_are_told_of():
    model = pixel_net()
    with pytest.raises(DataError, match="red"):
        model.check(Stack.of(np.zeros((1, 8, 8)), axes="CYX", channel_names=["red"]))
    assert model.check(stack((8, 8))) == []
    assert "few for a net" in model.check(stack((1, 9)))[0]
    with pytest.raises(DataError, match="several planes"):
        dataclasses.replace(model, n_axes=3).check(stack())
    with pytest.raises(DataError, match="finite"):
        whole(model, Stack.of(np.full((8, 8), np.nan)))
    sized = dataclasses.replace(model, pixel_size=[None, 0.5, 0.5])
    assert "things look larger" in sized.check(stack((8, 8), pixel_size=(1.0, 1.0)))[0]


def test_a_constant_image_is_answered_and_told_of():
    notes = pixel_net().predict(Stack.of(np.full((8, 8), 3.0)), lambda *tile: None)
    assert any("all pixels are 3" in note for note in notes)


def test_classes_stay_in_the_order_of_their_numbers_whatever_json_does_to_dicts():
    model = pixel_net(values={"border": 5, "cell": 2, "soil": 1})
    assert model.classes == ["soil", "cell", "border"]
    assert model.sha256 == pixel_net().sha256 != pixel_net(tile=[1, 64, 64]).sha256
