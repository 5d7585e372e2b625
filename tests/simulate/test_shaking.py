"""Each happening against the law that it is simulated by, measured on its waveforms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from clew.simulate.shaking import (
    KAPPA,
    QUALITY,
    VP,
    VS,
    Earthquake,
    Jumping,
    Train,
    Wind,
    coda_envelope,
    corner_frequency,
    moment,
    shaped,
    spectrum,
)

RATE = 100.0
RING = np.array([[0.0, 2.0], [2.0, 0.0], [0.0, -2.0], [-2.0, 0.0]])  # km


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- earthquakes ----
def test_moment_and_corner_frequency_are_those_of_the_papers():
    assert moment(3.0) == pytest.approx(3.55e13, rel=0.01)
    radius = np.cbrt(7 * 3.55e13 / (16 * 3e6))  # 173 m
    assert corner_frequency(3.0) == pytest.approx(0.372 * 3460 / radius, rel=0.01)
    assert corner_frequency(3.0) / corner_frequency(5.0) == pytest.approx(
        10
    )  # constant stress drop: f^-3 is the moment
    assert corner_frequency(3.0, wave="P") / corner_frequency(3.0) == pytest.approx(1.3)


@pytest.mark.parametrize("magnitude", [2.6, 3.2])
def test_the_corner_frequency_is_recovered_from_the_waves(magnitude):
    quake = Earthquake(magnitude, east=0.0, north=15.0, depth=8.0)
    place = np.zeros((1, 2))
    distance = quake.distance(place[0])
    fourier = 0
    for seed in range(40):
        _, waves = quake.at(rng(seed), 0, place, rate=RATE)
        after = int((distance / VS - distance / VP) * RATE)
        f = np.fft.rfftfreq(waves.shape[1] - after, 1 / RATE)
        fourier += np.abs(np.fft.rfft(waves[1:, after:]) / RATE) ** 2
    inside = (f > 0.3) & (f < 30)
    displacement = np.sqrt(fourier.mean(axis=0)[inside] / 40) / (2 * np.pi * f[inside])
    loss = np.exp(-np.pi * f[inside] * (distance / VS / QUALITY + KAPPA))

    def brune(f, level, corner):
        return level - np.log(1 + (f / corner) ** 2)

    (_, corner), _ = curve_fit(brune, f[inside], np.log(displacement / loss), p0=(0, 5))
    assert corner == pytest.approx(corner_frequency(magnitude), rel=0.12)
    assert corner != pytest.approx(corner_frequency(magnitude + 0.3), rel=0.12)


def test_the_spectrum_at_the_foot_is_the_moment_over_distance():
    f = np.array([0.01])
    far = np.abs(spectrum(f, magnitude=2.0, distance=20.0, wave="S"))[0] / (2 * np.pi * 0.01)
    wanted = 1e9 * 2 * 0.63 * moment(2.0) / (4 * np.pi * 2700 * 3460.0**3 * 20e3)
    assert far == pytest.approx(wanted, rel=2e-3)


def test_noise_under_an_envelope_gets_the_spectrum_that_is_asked_for_on_average():
    n = 4096
    f = np.fft.rfftfreq(n, 1 / RATE)
    target = spectrum(f, magnitude=2.5, distance=20.0, wave="S")
    envelope = np.exp(-np.arange(n) / 150)
    made = shaped(rng(), np.tile(envelope, (400, 1)), target, rate=RATE)
    power = np.abs(np.fft.rfft(made) / RATE) ** 2
    middle = slice(20, 1200)
    ratio = power.mean(axis=0)[middle] / np.abs(target[middle]) ** 2
    np.testing.assert_allclose(ratio.reshape(-1, 20).mean(axis=1), 1, atol=0.25)


def test_p_and_s_waves_arrive_when_distance_and_velocity_say():
    quake = Earthquake(2.5, east=10.0, north=12.0, depth=8.0)
    for j, place in enumerate(RING):
        distance = np.sqrt((place[0] - 10) ** 2 + (place[1] - 12) ** 2 + 64)
        after, waves = quake.at(rng(j), j, RING, rate=RATE)
        assert after == pytest.approx(distance / 6.0)
        between = int((distance / 3.46 - distance / 6.0) * RATE)
        size = np.sqrt((waves**2).mean(axis=0))
        assert size[between : between + 100].max() > 2 * size[: between - 20].max()  # S is stronger
        assert size[:10].max() > 0.1 * size[: between - 20].max()  # P is there at once


def test_p_waves_move_up_and_down_along_the_ray_and_s_waves_across():
    quake = Earthquake(3.0, east=-12.0, north=9.0, depth=8.0)
    _, waves = quake.at(rng(), 0, np.zeros((1, 2)), rate=RATE)
    p = waves[:, :60]
    _, _, axes = np.linalg.svd(p.T, full_matrices=False)
    up, north, east = axes[0] * np.sign(axes[0][0])
    assert up > 0.8
    assert np.degrees(np.arctan2(east, north)) == pytest.approx(np.degrees(np.arctan2(12, -9)), abs=8)
    s = waves[:, 240:340]
    assert s[1:].std() > 1.3 * s[0].std()


def test_larger_and_nearer_earthquakes_are_stronger():
    def loudest(magnitude, north):
        return np.abs(
            Earthquake(magnitude, 0.0, north, 8.0).at(rng(), 0, np.zeros((1, 2)), rate=RATE)[1]
        ).max()

    assert loudest(1.0, 10.0) < loudest(2.0, 10.0) < loudest(3.0, 10.0)
    assert loudest(2.0, 30.0) < loudest(2.0, 10.0)


def test_the_coda_decays_as_aki_and_chouet_say():
    quake = Earthquake(3.0, 0.0, 10.0, 8.0)
    power = 0
    for seed in range(60):
        after, waves = quake.at(rng(seed), 0, np.zeros((1, 2)), rate=RATE)
        power += (waves[:, : int(45 * RATE)] ** 2).mean(axis=0)
    lapse = after + np.arange(len(power)) / RATE
    late = (lapse > 15) & (lapse < 40)
    decay = np.polyfit(lapse[late], np.log(np.sqrt(power[late]) * lapse[late]), 1)[0]
    assert decay == pytest.approx(-np.pi * 5 / 200, rel=0.08)
    assert coda_envelope(np.array([20.0])) / coda_envelope(np.array([10.0])) == pytest.approx(
        0.5 * np.exp(-np.pi / 4)
    )


def test_magnitudes_follow_gutenberg_and_richter():
    drawn = np.array([Earthquake.draw(rng(i), RING, smallest=1.0).magnitude for i in range(4000)])
    assert drawn.min() >= 1.0 and drawn.max() <= 3.5
    b = np.log10(np.e) / (drawn.mean() - 1.0)  # Aki's estimate; the cut at 3.5 makes it a little larger
    assert b == pytest.approx(1.0, abs=0.06)


# ---- jumping ----
@pytest.mark.parametrize("cadence", [1.6, 2.2, 2.9])
def test_the_cadence_is_recovered_by_autocorrelation(cadence):
    _, waves = Jumping(0, cadence, 40.0, 2000.0).at(rng(3), 0, RING, rate=RATE)
    size = np.convolve(np.abs(waves[0]), np.ones(10), "same")
    size -= size.mean()
    again = np.correlate(size, size, "full")[len(size) - 1 :]
    lags = np.arange(int(RATE / 3.4), int(RATE / 1.3))
    assert RATE / lags[again[lags].argmax()] == pytest.approx(cadence, rel=0.05)


def test_jumps_are_short_bursts_above_10_hz_on_one_sensor_only():
    jumping = Jumping(2, 2.0, 20.0, 2000.0)
    assert jumping.at(rng(), 1, RING, rate=RATE)[1].shape == (3, 0)
    _, waves = jumping.at(rng(), 2, RING, rate=RATE)
    power = np.abs(np.fft.rfft(waves)) ** 2
    f = np.fft.rfftfreq(waves.shape[1], 1 / RATE)
    assert power[:, f > 8].sum() > 0.8 * power.sum()
    loud = np.abs(waves[0]) > 0.05 * np.abs(waves[0]).max()
    assert 0.05 < loud.mean() < 0.5  # silence between the strikes


# ---- trains ----
def test_a_train_swells_and_fades_and_passes_each_sensor_when_it_is_there():
    train = Train(
        east=0.0, north=0.3, bearing=np.pi / 2, speed=30.0, strength=1000.0
    )  # eastwards, past the ring
    after = [train.at(rng(j), j, RING, rate=RATE) for j in range(4)]
    peaks = []
    for begins, waves in after:
        size = np.convolve((waves**2).mean(axis=0), np.ones(500) / 500, "same")
        peaks.append(begins + size.argmax() / RATE)
        assert size[:500].max() < 0.05 * size.max() > size[-500:].max()
    assert peaks[1] - peaks[3] == pytest.approx(4000 / 30, abs=8)  # 4 km at 30 m/s
    size = [waves.std() for _, waves in after]
    assert size[1] > 3 * size[0] > 0  # sensor 1 stands 0.3 km from the track, sensor 0 1.7 km


def test_a_train_has_lines_in_its_spectrum_where_its_carriages_pass():
    train = Train(0.0, 0.3, np.pi / 2, 30.0, 1000.0)
    _, waves = train.at(rng(), 3, RING, rate=RATE)
    power = (np.abs(np.fft.rfft(waves * np.hanning(waves.shape[1]))) ** 2).mean(axis=0)
    f = np.fft.rfftfreq(waves.shape[1], 1 / RATE)
    for line in 1.2 * np.arange(3, 10):
        near, aside = np.abs(f - line) < 0.06, np.abs(f - line - 0.6) < 0.3
        assert power[near].max() > 20 * np.median(power[aside])


# ---- wind ----
def test_wind_is_low_blows_in_gusts_and_all_sensors_feel_a_little_of_the_same():
    shared = []
    for seed in range(30):
        wind = Wind(300.0, 400.0, gusts=seed)
        size = []
        for j in range(2):
            _, waves = wind.at(rng(100 + 2 * seed + j), j, RING, rate=RATE)
            size.append(np.log((waves[:, 6000:-6000] ** 2).mean(axis=0).reshape(-1, 300).mean(axis=1)))
        shared.append(np.corrcoef(size)[0, 1])
    assert 0.1 < np.mean(shared) < 0.6
    power = np.abs(np.fft.rfft(waves)) ** 2
    f = np.fft.rfftfreq(waves.shape[1], 1 / RATE)
    assert power[:, f < 8.5].sum() > 0.95 * power.sum()
