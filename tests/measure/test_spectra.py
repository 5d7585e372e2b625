"""The lines of spectra: in Hz, none twice, none left out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct

from clew.errors import SettingError
from clew.measure.spectra import spectral_lines, spell_band


@pytest.mark.parametrize("n", [16, 100, 997, 1000, 4410])
@pytest.mark.parametrize("rate", [1 / 86400, 10.0, 100.0, 44100.0])
def test_every_line_up_to_the_highest_frequency_is_in_one_band(rate, n):
    for highest in (None, rate / 2, 0.5 * rate if n == 16 else 0.2 * rate):
        lines, top = spectral_lines(rate, n, highest), highest or rate / 2
        frequency = np.fft.rfftfreq(lines.n_fft, 1 / rate)
        assert lines.n_fft >= n
        assert lines.edges[0] == 1  # without 0 Hz
        assert frequency[lines.edges[-1] - 1] <= top * (1 + 1e-6)
        assert lines.edges[-1] == len(frequency) or frequency[lines.edges[-1]] > top
        assert (np.diff(lines.edges) > 0).all()
        for band, (low, high) in enumerate(zip(lines.bounds[:-1], lines.bounds[1:])):
            inside = frequency[lines.edges[band] : lines.edges[band + 1]]
            assert inside.min() >= low * (1 - 1e-6)
            assert inside.max() < high * (1 + 1e-6)
        assert (np.divide(lines.bounds[2:], lines.bounds[1:-1]) == 2).all()


def test_a_line_on_the_border_of_two_bands_is_in_the_upper_one():
    lines = spectral_lines(100.0, 1000, 50.0)
    assert lines.bounds[-2:] == (25.0, 50.0)
    assert lines.edges[-2] * lines.step == 25.0


def test_filters_are_triangles_and_cosines_are_those_of_scipy():
    lines = spectral_lines(100.0, 1000, 40.0)
    frequency = np.fft.rfftfreq(1000, 0.01)[: lines.edges[-1]]
    n_filters = lines.cosines.shape[1]
    assert lines.cosines.shape == (8, 20)
    corners = np.linspace(0, 40.0, n_filters + 2)
    for f in range(n_filters):
        rising = np.where(lines.filters == f, lines.weights, 0.0)
        falling = np.where(lines.filters == f + 1, 1 - lines.weights, 0.0)
        triangle = np.interp(frequency, corners[f : f + 3], [0, 1, 0], 0, 0)
        np.testing.assert_allclose((rising + falling)[: lines.edges[-1]], triangle, atol=1e-12)
    values = np.random.default_rng(0).normal(size=n_filters)
    np.testing.assert_allclose(lines.cosines @ values, dct(values, norm="ortho")[1:9], atol=1e-12)


def test_other_rates_have_the_same_bands_and_coefficients_up_to_one_frequency():
    told = [spectral_lines(rate, round(10 * rate), 20.0) for rate in (50.0, 100.0, 62.5, 44100.0)]
    assert len({one.bounds for one in told}) == 1
    assert len({one.cosines.shape for one in told}) == 1
    assert spectral_lines(50.0, 500, 25.0).bounds != told[0].bounds


def test_short_windows_have_fewer_bands_and_coefficients():
    short = spectral_lines(10.0, 16)
    assert (len(short.bounds) - 1, short.cosines.shape) == (3, (3, 4))


def test_lines_cannot_be_changed_by_who_gets_them():
    with pytest.raises(ValueError, match="read-only"):
        spectral_lines(100.0, 1000).edges[0] = 0


@pytest.mark.parametrize(
    ("rate", "n", "highest", "said"),
    [
        (100.0, 15, None, "at least 16 samples.*Got 15"),
        (100.0, 1000, 51.0, "to 50 Hz.*Got 51 instead"),
        (100.0, 1000, 0.5, "from 0.8 Hz.*Got 0.5 instead"),
        (100.0, 1000, -1.0, "Got -1 instead"),
        (100.0, 1000, float("nan"), "Got nan instead"),
    ],
)
def test_frequencies_that_a_window_cannot_tell_are_refused(rate, n, highest, said):
    with pytest.raises(SettingError, match=said):
        spectral_lines(rate, n, highest)


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (12.5, 25.0, "12.5_to_25_hz"),
        (0.0, 0.390625, "below_0.391_hz"),
        (0.01, 0.02, "10_to_20_millihz"),
        (1.4467e-6, 2.8935e-6, "1.45_to_2.89_microhz"),
        (689.0, 1378.0, "0.689_to_1.38_kilohz"),
    ],
)
def test_bands_are_called_by_their_frequencies(low, high, name):
    assert spell_band(low, high) == name
