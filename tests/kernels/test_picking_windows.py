"""Windows at the scale that a picking net knows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clew.kernels.picking_windows import scale_windows
from tests.neural.picking_models import bare_model


def scaled(x, *, peak=False, per_component=False, detrend=False, taper=0, phases=1):
    out = np.full((len(x), phases * x.shape[1], -(-x.shape[2] // phases)), np.nan, np.float32)
    scale_windows(x, out, peak, per_component, detrend, taper, phases)
    return out


@pytest.fixture(scope="module")
def windows():
    random = np.random.default_rng(0)
    drift = np.linspace(0, 30, 203) * np.array([1.0, -2.0, 0.5])[:, None]
    return (40 * random.normal(size=(4, 3, 203)) * np.array([1.0, 3.0, 0.2])[:, None] + drift + 1e4).astype(
        np.float32
    )


@pytest.mark.parametrize("norm", ["std", "peak"])
@pytest.mark.parametrize("per_component", [False, True])
@pytest.mark.parametrize("detrend", [False, True])
@pytest.mark.parametrize("architecture", ["phasenet", "eqtransformer"])
def test_windows_are_scaled_as_the_model_says(windows, norm, per_component, detrend, architecture):
    model = bare_model(
        architecture=architecture, norm=norm, norm_per_component=per_component, norm_detrend=detrend
    )
    truth = model.prepare(torch.from_numpy(windows).double()).numpy()
    taper = 6 if architecture == "eqtransformer" else 0
    found = scaled(windows, peak=norm == "peak", per_component=per_component, detrend=detrend, taper=taper)
    np.testing.assert_allclose(found, truth, atol=2e-6)
    other = scaled(
        windows, peak=norm == "peak", per_component=not per_component, detrend=detrend, taper=taper
    )
    assert np.abs(other - truth).max() > 0.01  # the mutant


def test_phases_are_samples_side_by_side_and_zeros_behind_the_last(windows):
    plain, four = scaled(windows, taper=6), scaled(windows, taper=6, phases=4)
    assert four.shape == (4, 12, 51)
    for i in (0, 1, 6, 200, 202):
        np.testing.assert_array_equal(four[:, 3 * (i % 4) : 3 * (i % 4) + 3, i // 4], plain[:, :, i])
    assert (four[:, 9:, 50] == 0).all()


def test_what_stands_still_becomes_nothing_however_far_from_zero_it_stands(windows):
    still = np.full((1, 3, 203), 123_456_792.0, np.float32)
    assert (scaled(still) == 0).all() and (scaled(still, peak=True, detrend=True) == 0).all()
    one = windows[:1].copy()
    one[0, 2] = 7e8
    assert (scaled(one)[0, 2] == 0).all() and np.isfinite(scaled(one)).all()
