"""A denoiser learns from noise alone what noise is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from clew.errors import DataError, Stopped
from clew.measure.noise import noise_of
from clew.measure.smoothing import psnr
from clew.neural.denoise import blind_spot, divided, fit_denoiser, held_out_errors, largest_part, piece_of
from clew.neural.denoise_settings import DenoiseSettings

TINY = DenoiseSettings(channels=(8, 12), patch=24, updates=90, lr=5e-3, structure="none", turns=False)


def scene(side=80):
    return 100 + 8 * gaussian_filter(np.random.default_rng(5).normal(0, 40, (side, side)), 4)


@pytest.fixture(scope="module")
def learnt():
    clean = scene()
    noisy = clean + np.random.default_rng(0).normal(0, 25, clean.shape)
    return clean, noisy, fit_denoiser([noisy[None]], settings=TINY)


def test_noise_goes_and_the_image_stays(learnt):
    clean, noisy, denoiser = learnt
    assert psnr(denoiser.apply(noisy[None])[0], clean) > psnr(noisy, clean) + 4


def test_shuffled_pixels_teach_nothing_but_their_mean(learnt):
    _, noisy, _ = learnt
    shuffled = np.random.default_rng(0).permutation(noisy.ravel()).reshape(noisy.shape)
    denoiser = fit_denoiser([shuffled[None]], settings=TINY)
    assert denoiser.histories[0].valid_loss.min() > 0.9  # of the spread of 1, where the image itself gives
    assert learnt[2].histories[0].valid_loss.min() < 0.75


def test_an_image_without_noise_comes_back(learnt):
    clean = scene()
    denoiser = fit_denoiser([clean[None]], settings=TINY)
    assert psnr(denoiser.apply(clean[None])[0], clean) > psnr(learnt[1], clean) + 8


def test_correlated_noise_is_not_removed_and_a_structured_mask_does_better():
    clean = scene(128)
    noise = gaussian_filter1d(np.random.default_rng(0).normal(0, 1, clean.shape), 1.5, axis=1)
    noisy = clean + 25 * noise / noise.std()
    assert noise_of(noisy).along == "x"
    found = {}
    for structure in ("none", "auto"):
        settings = dataclasses.replace(TINY, patch=32, updates=160, structure=structure)
        denoiser = fit_denoiser([noisy[None]], settings=settings)
        found[structure] = psnr(denoiser.apply(noisy[None])[0], clean)
    assert "hidden, too" in denoiser.notes[-1]
    assert found["auto"] > found["none"] + 2


def test_the_same_seed_gives_the_same_bits_and_another_does_not(learnt):
    _, noisy, _ = learnt
    short = DenoiseSettings(channels=(4, 6), patch=16, updates=3, structure="none")
    one, same = (fit_denoiser([noisy[None]], settings=short) for _ in range(2))
    other = fit_denoiser([noisy[None]], settings=DenoiseSettings(channels=(4, 6), patch=16, updates=3, structure="none", random_state=1))  # fmt: skip
    assert one.sha256 == same.sha256 != other.sha256


@pytest.mark.parametrize("shape", [(2, 700), (1, 12, 40, 40), (1, 11, 9)])
def test_traces_volumes_and_images_smaller_than_the_field_of_view(shape):
    image = np.random.default_rng(0).normal(100, 5, shape)
    denoiser = fit_denoiser([image], settings=DenoiseSettings(channels=(4, 6), patch=16, updates=2))
    found = denoiser.apply(image)
    assert found.shape == shape
    assert np.isfinite(found).all()
    assert denoiser.members == shape[0]


def test_a_channel_does_not_shine_into_another(learnt):
    _, noisy, _ = learnt
    pair = np.stack([noisy, noisy[::-1]])
    denoiser = fit_denoiser(
        [pair], settings=DenoiseSettings(channels=(4, 6), patch=16, updates=2, turns=False)
    )
    changed = pair.copy()
    changed[1] += np.random.default_rng(1).normal(0, 50, noisy.shape)
    before, after = denoiser.apply(pair), denoiser.apply(changed)
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[1] != after[1]).any()


def test_one_image_is_validated_by_region_and_that_is_said(learnt):
    assert any("by region" in note and "one image only" in note for note in learnt[2].notes)
    image = np.arange(100 * 40.0).reshape(1, 40, 100)
    trained, judged, _ = divided([image])
    assert not set(trained[0].ravel()) & set(judged[0].ravel())
    assert trained[0].size + judged[0].size == image.size
    trained, judged, said = divided([image] * 8)
    assert (len(trained), len(judged)) == (7, 1)
    assert "1 of 8" in said
    assert "Too small" in divided([image[:, :20, :20]])[2]


def test_net_and_filters_are_asked_about_the_same_held_out_pixels(learnt):
    _, noisy, denoiser = learnt
    (found,) = held_out_errors(denoiser, [noisy[None]], [noise_of(noisy)])
    assert set(found) == {"net", "gaussian", "nl-means", "tv"}
    assert len({one.size for one in found.values()}) == 1
    assert 0.7 * 25**2 < found["net"].mean() < 2.5 * 25**2


def test_pieces_are_never_longer_than_an_image():
    assert piece_of([np.zeros((1, 30, 100)), np.zeros((1, 90, 50))], 64) == (30, 50)


def test_the_middle_of_a_large_image_is_looked_at():
    assert largest_part(np.zeros((4000, 1000)), 2**16).size <= 2**16 * 1.1
    assert largest_part(np.zeros((40, 50))).shape == (40, 50)


def test_structure_is_found_by_the_diagnosis():
    rows = gaussian_filter1d(np.random.default_rng(0).normal(0, 1, (128, 128)), 1.0, axis=1)
    assert blind_spot(DenoiseSettings(), [rows]).along == -1
    assert blind_spot(DenoiseSettings(), [rows.T]).along == -2
    assert blind_spot(DenoiseSettings(structure="none"), [rows]).along is None


@pytest.mark.parametrize(
    ("images", "why"),
    [
        ([], "at least one"),
        ([np.zeros((1, 20, 20)), np.zeros((2, 20, 20))], "same channels"),
        ([np.full((1, 20, 20), 3.0)], "constant 3"),
        ([np.full((1, 20, 20), np.nan)], "finite"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(images, why):
    with pytest.raises(DataError, match=why):
        fit_denoiser(images, settings=TINY)


def test_a_training_can_be_stopped(learnt):
    _, noisy, _ = learnt
    with pytest.raises(Stopped, match="before the net of 'channel 1'"):
        fit_denoiser([np.stack([noisy, noisy])], settings=TINY, on_progress=lambda done, total: False)
