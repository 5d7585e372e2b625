"""Frames against scipy's short-time transform, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT

from clew.errors import SettingError
from clew.measure.frames import Frames, log_power, mirrored, noise_level

FRAMES = Frames(100.0)


def noise(n=2000, rows=2):
    return np.random.default_rng(0).standard_normal((rows, n))


def spectra(x, *where):
    return FRAMES.spectra(lambda a, b: x[:, a:b], x.shape[1], *where)


def test_the_spectra_are_those_of_scipy():
    x = noise()
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32)
    theirs = ShortTimeFFT(window, hop=8, fs=100.0, phase_shift=None)
    slices = theirs.stft(x, p0=2, p1=100)  # theirs of number 2 begins at sample 0, ours of number 3
    np.testing.assert_allclose(spectra(x)[:, :, 3:101], slices, atol=1e-5)


@pytest.mark.parametrize("n", [1, 5, 63, 64, 65, 2000])
@pytest.mark.parametrize("rate", [20.0, 100.0, 250.0])
def test_frames_add_up_to_the_samples_again(n, rate):
    x, frames = noise(n), Frames(rate)
    back = frames.samples(frames.spectra(lambda a, b: x[:, a:b], n))
    np.testing.assert_allclose(back[:, :n], x, atol=1e-5)


def test_a_piece_has_the_same_frames_as_the_whole():
    x = noise()
    np.testing.assert_array_equal(spectra(x, 50, 90), spectra(x)[:, :, 50:90])
    assert np.abs(spectra(x, 51, 91) - spectra(x)[:, :, 50:90]).max() > 1  # others do differ


def test_a_constant_reaches_two_lines_alone():
    power = np.abs(spectra(np.full((1, 2000), 1e4)))
    assert power[:, :2].min() > 5e4 and power[:, 2:].max() < 1


def test_samples_beyond_the_ends_are_mirrored():
    x = np.arange(3.0)[None]
    assert mirrored(lambda a, b: x[:, a:b], 3, -4, 8)[0].tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]


def test_the_noise_level_is_the_mean_power_of_noise_whatever_half_of_the_time_holds():
    x = noise(40000)
    level = noise_level(log_power(spectra(x)))[:, 2:-1]
    np.testing.assert_allclose(level, np.log((FRAMES.window**2).sum()), atol=0.25)
    x[:, 20000:] *= 100
    lifted = noise_level(log_power(spectra(x)))[:, 2:-1]
    assert np.abs(lifted - level).max() < 1.5  # the mean is lifted by log(5000) = 8.5


def test_a_rate_below_20_hz_is_refused():
    with pytest.raises(SettingError, match=r"at least 20 Hz\. Got 10 Hz"):
        Frames(10.0)
