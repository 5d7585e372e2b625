"""Simulated noise against its own target density, estimated by SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.signal import welch

from clew.simulate.noise import DAY, HOP, culture_at, loudness, noise, noise_density

RATE = 100.0


def made(first, stop, *, start=0.0, site=1.0, seed=(0, 0, 0)):
    return noise(first, stop, seed=seed, rate=RATE, start=start, site=site)


def bands(x, *, site, time):
    """Measured over wanted power in eight bands from 0.1 to 45 Hz, for each component."""
    f, power = welch(x, RATE, nperseg=16384)
    wanted = noise_density(f, site=site, culture=culture_at(time))
    edges = np.geomspace(0.1, 45, 9)
    inside = [(f >= a) & (f < b) for a, b in itertools.pairwise(edges)]
    return np.array([[row[band].sum() / wanted[band].sum() for band in inside] for row in power])


@pytest.mark.parametrize(("site", "time"), [(1.0, 14 * 3600.0), (2.5, 2 * 3600.0)])
def test_the_spectrum_is_the_one_that_is_asked_for(site, time):
    x = made(0, 800_000, start=time - 4000, site=site)
    np.testing.assert_allclose(bands(x, site=site, time=time), 1, atol=0.12)
    with pytest.raises(AssertionError):  # the mutant: noise of another site
        np.testing.assert_allclose(bands(x, site=1.3 * site, time=time), 1, atol=0.12)


def test_the_peak_is_the_microseism_between_a_tenth_and_three_tenths_of_a_hertz():
    f = np.geomspace(0.02, 40, 2000)
    density = noise_density(f)
    assert 0.18 < f[density.argmax()] < 0.22
    np.testing.assert_allclose(
        np.sqrt(noise_density(np.array([0.2 / np.sqrt(2), 0.2 * np.sqrt(2)])) / density.max()), 0.5, atol=0.02
    )


def test_the_power_is_the_same_within_blocks_and_where_they_meet():
    x = np.stack([made(0, 4 * HOP, seed=(seed,)) for seed in range(60)])  # (60, 3, n)
    power = (np.diff(x, axis=-1) ** 2).mean(
        axis=(0, 1)
    )  # differences: microseisms are too slow to be averaged over
    parts = power[: 4 * HOP // 1024 * 1024 - 1024].reshape(-1, 1024).mean(axis=1)
    assert parts.std() / parts.mean() < 0.02
    assert abs(np.mean(x)) < 0.05 * x.std()


def test_the_same_samples_come_whatever_piece_is_asked_for():
    whole = made(1000, 40_000)
    for size in (1, 777, HOP, 20_000):
        ends = [*range(1000, 40_000, size), 40_000][: 40 if size == 1 else None]
        pieces = np.concatenate([made(a, b) for a, b in itertools.pairwise(ends)], axis=1)
        np.testing.assert_array_equal(pieces, whole[:, : pieces.shape[1]])
    assert (made(1000, 40_000, seed=(0, 0, 1)) != whole).all()


def test_stations_and_components_have_noise_of_their_own():
    x = np.concatenate([made(0, 100_000, seed=(0, 0, j)) for j in range(2)])
    fast = np.diff(x, axis=1)
    apart = np.corrcoef(fast) - np.eye(6)
    assert np.abs(apart).max() < 0.02


def test_days_are_louder_than_nights():
    assert culture_at(14 * 3600) == pytest.approx(1) and culture_at(2 * 3600 + 5 * DAY) == pytest.approx(0.25)
    day, night = (np.diff(made(0, 60_000, start=hour * 3600.0)).std() for hour in (14, 2))
    assert day > 1.5 * night


def test_loudness_is_the_root_of_the_integral():
    x = made(0, 400_000, start=12 * 3600.0)
    f, power = welch(x, RATE, nperseg=8192)
    inside = (f >= 1) & (f <= 20)
    measured = np.sqrt(power[:, inside].sum() / 3 * (f[1] - f[0]))
    assert loudness(1, 20, site=1, culture=float(culture_at(13 * 3600))) == pytest.approx(measured, rel=0.05)
