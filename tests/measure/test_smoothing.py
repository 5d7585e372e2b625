"""Classical denoisers, and strengths that are chosen without the truth."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.measure.smoothing import blind_errors, psnr, smooth, smoothing


@pytest.fixture(scope="module")
def scene():
    y, x = np.mgrid[:96, :96]
    clean = 100 + 60 * ((x - 40) ** 2 + (y - 50) ** 2 < 500) + 20 * np.sin(x / 9)
    return clean, clean + np.random.default_rng(0).normal(0, 20, clean.shape)


def test_blind_error_is_the_true_error_and_the_noise(scene):
    clean, noisy = scene

    def gaussian(image):  # blind to its own pixel, as the theorem asks: J-invariant
        total = sum(np.roll(image, step, axis) for axis in (0, 1) for step in (-1, 1))
        return total / 4

    wanted = np.mean((gaussian(noisy) - clean) ** 2) + 20**2
    assert abs(blind_errors(noisy, gaussian, grids=slice(16)).mean() / wanted - 1) < 0.05


def test_a_denoiser_that_copies_gains_nothing(scene):
    _, noisy = scene
    assert blind_errors(noisy, lambda image: image).mean() > 1.1 * 20**2


def test_what_was_hidden_has_no_influence(scene):
    _, noisy = scene
    seen = []
    blind_errors(noisy, lambda image: seen.append(image.copy()) or image, grids=slice(1))
    changed = noisy.copy()
    hidden = seen[0] != noisy
    changed[hidden] += 1000
    blind_errors(changed, lambda image: seen.append(image.copy()) or image, grids=slice(1))
    np.testing.assert_array_equal(seen[0], seen[1])


def test_strengths_without_truth_come_near_those_with_it(scene):
    clean, noisy = scene
    blind, known = smoothing(noisy, level=20.0), smoothing(noisy, level=20.0, clean=clean)
    found = [psnr(one, clean) for one in blind.images]
    assert (known.psnr - found >= -1e-3).all()  # float32
    assert (known.psnr - found < 1.0).all()
    assert min(found) > psnr(noisy, clean) + 4
    assert blind.headline().startswith("best without a clean image")


def test_psnr_is_that_of_scikit_image(scene):
    from skimage.metrics import peak_signal_noise_ratio

    clean, noisy = scene
    assert psnr(noisy, clean) == pytest.approx(
        peak_signal_noise_ratio(clean, noisy, data_range=np.ptp(clean))
    )


def test_a_constant_image_stays_as_it_is():
    np.testing.assert_allclose(smooth(np.full((20, 20), 7.0), "nl-means", 0.6, level=0.0), 7.0)


def test_traces_have_no_patches():
    assert smoothing(np.random.default_rng(0).normal(0, 1, 300), level=1.0).methods == ["gaussian", "tv"]


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="finite"):
        smoothing(np.array([[1.0, np.inf]]), level=1.0)
