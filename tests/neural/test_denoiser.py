"""A denoiser in use: tiles, turns, dtypes, folders."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError, Stopped
from clew.neural.denoise import fit_denoiser
from clew.neural.denoise_settings import DenoiseSettings
from clew.neural.denoiser import Denoiser, as_stored, tiles
from clew.read.stack_writer import TiffWriter
from clew.read.stacks import Stack, open_stack


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(100, 20, (1, 75, 101))


@pytest.fixture(scope="module")
def denoiser(image):
    return fit_denoiser([image], settings=DenoiseSettings(channels=(4, 6, 8), patch=16, updates=4))


@pytest.mark.parametrize("turns", [False, True])
def test_tiles_equal_the_whole_inside(denoiser, image, turns):
    whole = dataclasses.replace(denoiser, turns=turns)
    tiled = dataclasses.replace(whole, tile=[16, 32])
    np.testing.assert_allclose(tiled.apply(image), whole.apply(image), atol=2e-3)  # of an image of 100 +- 20


def test_that_test_can_fail(denoiser, image):
    tiled = dataclasses.replace(denoiser, tile=[16, 32], turns=False)
    halves = np.concatenate([tiled.apply(image[:, :, :48]), tiled.apply(image[:, :, 48:])], axis=2)
    assert np.abs(halves - tiled.apply(image)).max() > 0.05


def test_a_turned_image_gives_the_turned_answer(denoiser):
    square = np.random.default_rng(1).normal(100, 20, (1, 64, 64))
    found = denoiser.apply(square)
    np.testing.assert_allclose(
        denoiser.apply(np.rot90(square, axes=(1, 2))), np.rot90(found, axes=(1, 2)), atol=2e-3
    )
    plain = dataclasses.replace(denoiser, turns=False)
    apart = plain.apply(np.rot90(square, axes=(1, 2))) - np.rot90(plain.apply(square), axes=(1, 2))
    assert np.abs(apart).max() > 0.05


def test_saved_and_loaded_it_says_the_same_bits(denoiser, image, tmp_path):
    folder = denoiser.save_model(tmp_path / "model")
    again = Denoiser.load_model(folder)
    np.testing.assert_array_equal(again.apply(image), denoiser.apply(image))
    assert again.sha256 == denoiser.sha256
    assert "without its noise" in (folder / "README.md").read_text()


def test_a_stack_is_written_in_its_dtype_plane_by_plane(denoiser, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 40, 50)).astype(np.uint8)
    stack = Stack.of(pixels, axes="TZYX")
    place = tmp_path / "out.tif"
    with TiffWriter(place, shape=stack.shape, dtype=stack.dtype) as writer:
        clipped = denoiser.write(stack, writer)
    found = open_stack(place)
    assert found.shape == stack.shape
    assert found.dtype == np.uint8
    one = denoiser.apply(pixels[1, 2][None])
    wanted, _ = as_stored(one, np.dtype(np.uint8))
    np.testing.assert_array_equal(found.read(1, slice(2, 3), slice(0, 40), slice(0, 50))[0, 0], wanted[0])
    assert clipped >= 0


def test_integers_are_rounded_and_clipping_is_counted():
    values = np.array([-3.2, -0.4, 1.5, 2.5, 254.6, 255.4, 255.6, 900], np.float32)
    stored, clipped = as_stored(values, np.dtype(np.uint8))
    assert stored.tolist() == [0, 0, 2, 2, 255, 255, 255, 255]
    assert clipped == 3
    assert as_stored(values, np.dtype(np.float32))[1] == 0
    huge, _ = as_stored(np.array([1e30, -1e30], np.float32), np.dtype(np.int64))
    assert huge[0] > 2**62
    assert huge[1] == -(2**63)


def test_tiles_cover_every_pixel_once():
    seen = np.zeros((75, 101), int)
    for start, stop in tiles(seen.shape, (16, 32)):
        seen[tuple(slice(a, b) for a, b in zip(start, stop))] += 1
    assert (seen == 1).all()


def test_channels_are_denoised_alone_as_together(denoiser, image):
    np.testing.assert_array_equal(denoiser.denoise_channel(image[0], 0), denoiser.apply(image)[0])


def test_other_channels_and_values_are_refused_and_a_stop_is_heard(denoiser, image):
    with pytest.raises(DataError, match="1 channel"):
        denoiser.apply(np.concatenate([image, image]))
    with pytest.raises(DataError, match="finite"):
        denoiser.apply(np.full((1, 20, 20), np.nan))
    with pytest.raises(Stopped):
        denoiser.apply(image, on_progress=lambda done, total: False)
