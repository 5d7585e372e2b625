"""Filters: as scipy designs them, and how far they hear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from clew.errors import SettingError
from clew.measure.filtering import context_of, design


@pytest.mark.parametrize(
    ("highpass", "lowpass", "kind", "corner"),
    [(1.0, None, "highpass", 1.0), (None, 10.0, "lowpass", 10.0), (2.0, 20.0, "bandpass", [2.0, 20.0])],
)
def test_sections_are_scipys(highpass, lowpass, kind, corner):
    found = design(100.0, highpass=highpass, lowpass=lowpass)
    np.testing.assert_array_equal(found.sos, signal.butter(4, corner, kind, fs=100.0, output="sos"))
    np.testing.assert_array_equal(found.steady, signal.sosfilt_zi(found.sos))
    assert found.passes_mean == (highpass is None)
    assert found.before == found.after == context_of(found.sos)


def test_a_causal_filter_hears_nothing_that_comes():
    found = design(100.0, highpass=1.0, lowpass=None, phase="causal")
    assert (found.after, found.padding, found.period, found.zero_phase) == (0, 0, 0, False)
    assert found.before > 0


@pytest.mark.parametrize(("highpass", "lowpass"), [(0.5, None), (None, 5.0), (1.0, 20.0), (10.0, 20.0)])
def test_behind_its_context_a_filter_has_forgotten(highpass, lowpass):
    sos = design(100.0, highpass=highpass, lowpass=lowpass).sos
    impulse = np.zeros(20_000)
    impulse[0] = 1.0
    energy = np.cumsum(signal.sosfilt(sos, impulse)[::-1] ** 2)[::-1]
    reach = context_of(sos)
    assert energy[reach] < 1e-7 * energy[0] * 1e-6
    assert energy[reach // 4] > 1e-7 * energy[0]  # a context of a quarter would not do


def test_the_period_is_that_of_the_high_pass():
    assert design(100.0, highpass=0.3, lowpass=20.0).period == 334
    assert design(100.0, highpass=None, lowpass=20.0).period == 0


def test_without_corners_nothing_is_filtered():
    found = design(100.0, highpass=None, lowpass=None)
    assert (len(found.sos), found.before, found.after, found.padding) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("highpass", "lowpass", "words"),
    [(60.0, None, "'highpass'.*below half the sampling rate .50 Hz.*Got 60.0 Hz"), (None, 0.0, "'lowpass'"), (5.0, 2.0, "below 'lowpass' .2.0 Hz")],
)  # fmt: skip
def test_corners_that_cannot_be_are_refused(highpass, lowpass, words):
    with pytest.raises(SettingError, match=words):
        design(100.0, highpass=highpass, lowpass=lowpass)
