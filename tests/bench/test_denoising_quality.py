"""The quality of denoising, measured where CLEW_QUALITY is set: several CPU-minutes."""

from __future__ import annotations

import os

import pytest

from clew.bench import denoising_quality as bench


def test_the_image_is_as_noisy_as_that_of_the_literature():
    from clew.measure.smoothing import psnr

    clean, noisy = bench.noisy_camera()
    assert psnr(noisy, clean) == pytest.approx(20.16, abs=0.02)


@pytest.mark.skipif("CLEW_QUALITY" not in os.environ, reason="five CPU-minutes: make quality")
def test_the_net_reaches_28_db_within_five_cpu_minutes():
    found = bench.denoising_quality(270.0)
    print(*(f"{name}: {value:.4g}" for name, value in found.items()), sep="\n")
    assert found["cpu_seconds"] < 300
    assert found["net"] >= 28.0
    assert found["net, turned"] > found["net"]
