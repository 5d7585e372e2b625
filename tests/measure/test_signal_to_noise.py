"""How loud an arrival is, is the ratio of two powers that numpy gives, too."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.measure.signal_to_noise import signal_to_noise
from clew.read.recording import recording_of

RATE = 100.0


def shaken(factor, *, at=15.0, n=4000, components=1, seed=0):
    x = np.random.default_rng(seed).normal(size=(components, n))
    x[:, round(at * RATE) :] *= factor
    return x


@pytest.mark.parametrize("factor", [2.0, 30.0])
def test_noise_that_grows_by_a_factor_has_its_ratio(factor):
    one = recording_of(shaken(factor) + 500.0, rate=RATE)
    assert signal_to_noise(one, 15.0) == pytest.approx(20 * np.log10(factor), abs=1.0)


def test_the_loudest_component_counts():
    x = shaken(1.0, components=3)
    x[2, 1500:] *= 10
    assert signal_to_noise(recording_of(x, rate=RATE), 15.0) == pytest.approx(20.0, abs=1.0)


def test_what_lies_between_p_and_s_is_no_noise():
    x = shaken(10.0)
    x[:, 2000:] *= 3
    one = recording_of(x, rate=RATE)
    assert signal_to_noise(one, 20.0) == pytest.approx(20 * np.log10(3), abs=1.0)
    assert signal_to_noise(one, 20.0, noise_before=15.0) == pytest.approx(20 * np.log10(30), abs=1.0)


def test_a_slow_swell_is_no_signal():
    swell = 1000 * np.sin(2 * np.pi * 0.1 * np.arange(4000) / RATE)
    one = recording_of(shaken(10.0) + swell, rate=RATE)
    assert signal_to_noise(one, 15.0) == pytest.approx(20.0, abs=1.5)


def test_a_ratio_is_not_known_where_samples_are_missing_or_dead():
    x = shaken(5.0, components=2)
    x[0, 1200] = np.nan
    assert np.isfinite(signal_to_noise(recording_of(x, rate=RATE), 15.0))
    x[1] = 7.0
    assert np.isnan(signal_to_noise(recording_of(x, rate=RATE), 15.0))
    one = recording_of(shaken(5.0), rate=RATE)
    for time in (3.0, 39.0, 50.0):
        assert np.isnan(signal_to_noise(one, time))


def test_lengths_below_nothing_are_refused():
    with pytest.raises(SettingError, match="must be above 0 s"):
        signal_to_noise(recording_of(shaken(2.0), rate=RATE), 15.0, seconds=0.0)
