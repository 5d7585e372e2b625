"""What the noise of an image is like: rates of right and of wrong verdicts, by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from clew.errors import DataError
from clew.measure.noise import noise_of
from clew.plot.denoise import noise as draw_noise

SIDE, RUNS = 192, 12


def images():
    """Smooth, edged and textured images; of the last, half is textured as fine as a pixel."""
    y, x = np.mgrid[:SIDE, :SIDE]
    smooth = 128 + 90 * np.sin(x / 30) * np.cos(y / 25)
    edges = np.where((x // 24 + y // 40) % 2, 200.0, 60.0)
    disks = 60 + 120 * ((x % 48 - 24) ** 2 + (y % 48 - 24) ** 2 < 200)
    texture = smooth + 40 * np.sin(x * 1.3 + y * 0.4) * (x > SIDE / 2)
    return {"smooth": smooth, "edges": edges, "disks": disks.astype(float), "texture": texture}


def noises(random):
    white = random.normal(0, 1, (SIDE, SIDE))
    kinds = {
        "white": white,
        "half": gaussian_filter(white, 0.5),
        "one": gaussian_filter(white, 1.0),
        "rows": gaussian_filter1d(white, 0.7, axis=1),
        "columns": gaussian_filter1d(white, 0.7, axis=0),
    }
    return {name: one / one.std() for name, one in kinds.items()}


@pytest.fixture(scope="module")
def verdicts():
    random, found = np.random.default_rng(3), {}
    for _ in range(RUNS // 4):
        for image in images().values():
            for name, one in noises(random).items():
                found.setdefault(name, []).append(noise_of(image + 15 * one).along)
            gain = 2.0
            found.setdefault("poisson", []).append(
                noise_of(gain * random.poisson(image.clip(1) / gain)).along
            )
    return found


def test_independent_noise_is_called_so_on_smooth_edged_and_textured_images(verdicts):
    assert verdicts["white"].count("none") == RUNS
    assert verdicts["poisson"].count("none") >= RUNS - 1


def test_noise_that_was_blurred_is_found_out(verdicts):
    assert verdicts["half"].count("both") >= RUNS - 1
    assert verdicts["one"].count("both") == RUNS


def test_noise_along_rows_or_columns_is_told_apart(verdicts):
    assert verdicts["rows"].count("x") == RUNS
    assert verdicts["columns"].count("y") == RUNS


def test_the_autocorrelation_is_that_of_the_blur():
    found = noise_of(20 * noises(np.random.default_rng(0))["rows"])
    kernel = np.zeros(33)
    kernel[16] = 1
    kernel = gaussian_filter1d(kernel, 0.7)
    wanted = [(kernel[lag:] * kernel[:-lag]).sum() / (kernel**2).sum() for lag in (1, 2)]
    np.testing.assert_allclose(found.autocorrelation[1, :2], wanted, atol=0.05)
    assert abs(found.autocorrelation[0, 0]) < 0.05


def test_level_and_gain_are_those_of_the_simulation():
    random = np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    ramp = 40 + 160 * x / 255
    found = noise_of(ramp + random.normal(0, 12, ramp.shape))
    assert abs(found.level - 12) < 1
    assert found.slope == 0
    assert abs(noise_of(3.0 * random.poisson(ramp / 3.0)).slope - 3) < 0.6


def test_a_trace_is_judged_too():
    random = np.random.default_rng(2)
    curve = 10 * np.sin(np.arange(8192) / 200)
    white = random.normal(0, 1, 8192)
    assert noise_of(curve + white).independent
    found = noise_of(curve + gaussian_filter1d(white, 1.0))
    assert found.along == "x"
    assert "along the trace" in found.headline()


def test_what_cannot_be_told_is_said():
    assert noise_of(np.random.default_rng(0).normal(0, 1, (20, 20))).along == "unknown"
    smooth = noise_of(images()["smooth"])
    assert smooth.slight
    assert "hardly any noise" in smooth.headline()
    assert smooth.advice() == []


def test_correlated_noise_comes_with_what_would_help():
    found = noise_of(20 * noises(np.random.default_rng(0))["rows"])
    assert "will not remove it" in found.headline()
    assert "--structure x" in found.advice()[0]
    assert found.reach in (1, 2)


def test_noise_is_drawn():
    assert len(draw_noise(noise_of(noises(np.random.default_rng(0))["half"])).axes[0].lines) >= 3


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="finite"):
        noise_of(np.full((32, 32), np.nan))
