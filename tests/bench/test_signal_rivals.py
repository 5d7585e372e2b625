"""The rival says what libraries say, and is no slower than it must be."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import scipy.stats
from obspy import Stream, Trace
from obspy.signal.filter import envelope
from obspy.signal.polarization import flinn
from obspy.signal.trigger import classic_sta_lta_py

from clew.bench.signal_rivals import rival_features

RATE = 100.0
TUKEY = scipy.signal.windows.tukey(1002, 0.05)[1:-1]


def window(seed=0):
    x = np.random.default_rng(seed).normal(size=(3, 1000)) * np.exp(-(np.linspace(-1, 4, 1000) ** 2))
    return x - x.mean(axis=1, keepdims=True)


def spectrum(x):
    frequency, power = scipy.signal.periodogram(x, RATE, window=TUKEY, detrend=False)
    return frequency[1:], power[1:] * np.where(
        frequency[1:] == 50.0, 2, 1
    )  # one-sided, but for half the rate


def test_the_loop_says_what_the_libraries_say():
    x = window()[:1]
    found = rival_features(x, RATE)
    z = x[0]
    frequency, power = spectrum(z)
    around = np.abs(scipy.signal.hilbert(z))
    np.testing.assert_allclose(
        envelope(z)[100:900], around[100:900], rtol=0.2
    )  # ObsPy's own is of a longer window
    expected = {
        "rms_amplitude": np.linalg.norm(z) / np.sqrt(1000),
        "skewness": scipy.stats.skew(z),
        "kurtosis": scipy.stats.kurtosis(z),
        "envelope_kurtosis": scipy.stats.kurtosis(around),
        "envelope_variation": scipy.stats.variation(around),
        "sta_lta_maximum": classic_sta_lta_py(z, 50, 250).max(),
        "dominant_frequency": frequency[power.argmax()],
        "centroid_frequency": np.average(frequency, weights=power),
        "bandwidth": np.sqrt(np.cov(frequency, aweights=power, ddof=0)),
        "spectral_entropy": scipy.stats.entropy(power) / np.log(500),
        "spectral_flatness": scipy.stats.gmean(power) / power.mean(),
        "spectral_slope": scipy.stats.linregress(np.log(frequency), np.log(power)).slope,
        "energy_25_to_50_hz": np.log10(power[frequency >= 25].sum() / power.sum()),
        "zero_crossing_rate": (np.diff(z > 0) != 0).sum() / 10,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def test_the_autocorrelation_is_that_of_the_definition():
    z = window()[0]
    row = np.correlate(z, z, "full")[999:] / (z @ z)
    zero = np.argmax(row <= 0)
    peaks = [k for k in range(zero, 501) if row[k - 1] < row[k] > row[k + 1]]
    highest = max(row[peaks])
    found = rival_features(z[None], RATE)
    assert found["autocorrelation_peak"] == pytest.approx(highest, rel=1e-9)
    assert found["autocorrelation_lag"] == next(k for k in peaks if row[k] >= 0.8 * highest) / RATE


def test_three_components_are_measured_by_obspy():
    x = window()
    found = rival_features(x, RATE)
    told = flinn(Stream([Trace(row) for row in x]))
    names = ("azimuth", "incidence", "rectilinearity", "planarity")
    assert [found[name] for name in names] == list(told)
    assert found["rms_amplitude_n"] == pytest.approx(np.sqrt((x[1] ** 2).mean()))
    assert "azimuth" not in rival_features(x, RATE, three=False)
    assert "rms_amplitude_0" in rival_features(x[:2], RATE, components="01")
