"""The figure of denoised recordings."""

from __future__ import annotations

import numpy as np

from clew.plot.denoised_signals import denoised_signals
from clew.steps.denoising_signals import DenoisedRecordings, Excerpt


def test_before_and_after_are_drawn_with_their_spectra():
    x = np.random.default_rng(0).standard_normal(1000)
    shown = [Excerpt(name=name, rate=100.0, start=3.0, before=x, after=x / 10) for name in ("A Z", "B Z")]
    result = DenoisedRecordings(
        files=["a", "b"], method="autoencoder", left=[0.1, 0.2], clipped=0, excerpts=shown, caution=""
    )
    drawing = denoised_signals(result)
    traces, spectra = drawing.axes[::2], drawing.axes[1::2]
    assert [one.get_title(loc="left") for one in traces] == ["A Z, above 1 Hz", "B Z, above 1 Hz"]
    np.testing.assert_array_equal(traces[0].lines[0].get_ydata(), x)
    np.testing.assert_array_equal(traces[0].lines[1].get_ydata(), x / 10)
    before, after = (line.get_ydata() for line in spectra[0].lines)
    np.testing.assert_allclose(after, before / 100)
