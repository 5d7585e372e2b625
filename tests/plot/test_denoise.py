"""Figures of denoising."""

from __future__ import annotations

import numpy as np

from clew.measure.noise import noise_of
from clew.measure.smoothing import smoothing
from clew.plot.denoise import denoised, noise
from clew.steps.denoising import Denoised


def result(side=64):
    image = np.random.default_rng(0).normal(100, 9, (side, side)).astype(np.float32)
    return Denoised(name="a.tif", channel="gray", before=image, after=image / 2 + 50, noise=noise_of(image), rivals=smoothing(image, level=9.0))  # fmt: skip


def test_all_are_shown_on_the_grey_of_the_noisy_one():
    shown = result()
    figure = denoised(shown, side=40)
    assert [text.get_text() for text in figure.texts] == [
        "noisy",
        "net",
        "Gaussian",
        "non-local means",
        "total variation",
    ]
    limits = {axes.images[0].get_clim() for axes in figure.axes}
    assert len(limits) == 1
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), shown.after[12:52, 12:52])


def test_the_autocorrelation_along_each_axis_is_drawn():
    shown = result().noise
    assert {one.get_gid() for one in noise(shown).axes[0].lines} >= {"x", "y"}
