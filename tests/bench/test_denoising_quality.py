"""The quality of denoising, measured: a short run here, the whole one by ``clew bench encoders``."""

from __future__ import annotations

import pytest

from clew.bench import denoising_quality as bench


def test_the_image_is_as_noisy_as_that_of_the_literature():
    from clew.measure.smoothing import psnr

    clean, noisy = bench.noisy_camera()
    assert psnr(noisy, clean) == pytest.approx(20.16, abs=0.02)


@pytest.mark.slow
def test_noise2void_reaches_28_db_within_five_cpu_minutes():
    found = bench.denoising_quality(270.0)
    assert found["cpu_seconds"] < 300
    assert found["n2v2"] >= 28.0
    assert found["n2v2, turned"] > found["n2v2"]
