"""The simulated network: its truth against its samples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from clew.errors import SettingError
from clew.result import Result
from clew.simulate import sensor_network, simulated_windows
from clew.simulate.noise import noise, noise_density

KINDS = ("earthquake", "jumping", "train", "wind")


@pytest.fixture(scope="module")
def made():
    return sensor_network(hours=1.0, earthquakes=4, jumps=4, trains=1, winds=1, smallest=2.0, random_state=3)


def high(x, rate=100.0):
    return sosfilt(butter(4, 1.0, "high", fs=rate, output="sos"), x.astype(float), axis=-1)


def test_the_samples_are_the_noise_and_what_happens_in_whole_counts(made):
    waveforms = made.waveforms
    assert waveforms.shape == (4, 3, 360_000) and waveforms.dtype == np.int32
    quiet = sensor_network(hours=1.0, earthquakes=0, jumps=0, trains=0, winds=0, random_state=3)
    assert len(quiet.truth.kind) == 0 and "nothing happens" in repr(quiet)
    changed = waveforms != quiet.waveforms
    time = made.start + np.arange(made.n) / made.rate
    for j in range(4):
        during = np.zeros(made.n, bool)
        for begins, lasts in zip(made.truth.time, made._lasting):
            during |= (time >= begins) & (time <= begins + lasts)
        assert not changed[j][:, ~during].any()  # no event without an event
    alone = noise(0, 5000, seed=(3, 0, 0, 1), rate=100.0, start=quiet.start, site=float(quiet.site[1]))
    np.testing.assert_array_equal(quiet.simulate_span(0, 5000, station=1), np.rint(alone).astype(np.int32))


def test_what_is_added_to_the_noise_are_the_waves_from_their_very_first_sample_on(made):
    quiet = sensor_network(hours=1.0, earthquakes=0, jumps=0, trains=0, winds=0, random_state=3)
    for i, j in np.ndindex(made.truth.start.shape):
        rng = np.random.default_rng([3, 0, 2, i, j])
        after, waves = made._happenings[i].at(rng, j, made.position, rate=100.0)
        first = round((made.truth.time[i] - made.start + after) * 100)
        span = (first, first + waves.shape[1])
        added = made.simulate_span(*span, station=j) - quiet.simulate_span(*span, station=j)
        assert np.abs(added - waves).max(initial=0) <= 1.001  # both are rounded
        assert np.abs(waves).max(initial=0) == made.truth.peak[i, j]


def test_heard_is_what_is_louder_in_a_second_than_the_noise_of_place_and_hour(made):
    for i, j in np.ndindex(made.truth.start.shape):
        rng = np.random.default_rng([3, 0, 2, i, j])
        after, waves = made._happenings[i].at(rng, j, made.position, rate=100.0)
        hour = (made.truth.time[i] % 86400) / 3600
        f = np.linspace(1, 20, 5000)
        busy = 0.625 + 0.375 * np.cos(2 * np.pi * (hour - 14) / 24)
        level = np.sqrt(noise_density(f, site=made.site[j], culture=busy).mean() * 19)
        seconds = [np.sqrt((waves[:, k : k + 100] ** 2).mean()) for k in range(0, waves.shape[1] - 99, 100)]
        loud = [k for k, size in enumerate(seconds) if size > level]
        if not loud:
            assert np.isnan(made.truth.start[i, j])
            continue
        begins = made.truth.time[i] + after
        assert made.truth.start[i, j] - begins == pytest.approx(loud[0], abs=0.011)
        assert made.truth.end[i, j] - begins == pytest.approx(loud[-1] + 1, abs=0.011)


def test_the_same_samples_come_whatever_piece_is_asked_for(made):
    whole = made.waveforms
    for size in (9_999, 100_000):
        ends = [*range(0, made.n, size), made.n]
        pieces = [made.simulate_span(a, b) for a, b in itertools.pairwise(ends)]
        np.testing.assert_array_equal(np.concatenate(pieces, axis=-1), whole)
    np.testing.assert_array_equal(made.simulate_span(5000, 5100, station=2), whole[2, :, 5000:5100])


def test_the_same_seed_gives_the_same_network_and_another_another(made):
    again = sensor_network(**made.settings)
    assert again.digest() == made.digest()
    np.testing.assert_array_equal(again.simulate_span(0, 1000), made.simulate_span(0, 1000))
    other = sensor_network(**{**made.settings, "random_state": 4})
    assert (other.simulate_span(0, 1000) != made.simulate_span(0, 1000)).mean() > 0.9


def test_another_day_has_the_same_stations_but_other_things_happen(made):
    other = sensor_network(**{**made.settings, "day": 1})
    np.testing.assert_array_equal(other.position, made.position)
    np.testing.assert_array_equal(other.site, made.site)
    assert other.start == made.start + 86400
    assert not np.isin(other.truth.time - 86400, made.truth.time).any()
    assert (other.simulate_span(0, 1000) != made.simulate_span(0, 1000)).mean() > 0.9


def test_it_is_saved_and_gives_the_same_samples_when_it_is_loaded(made, tmp_path):
    loaded = Result.load(made.save(tmp_path / "network.zip"))
    np.testing.assert_array_equal(loaded.simulate_span(90_000, 91_000), made.simulate_span(90_000, 91_000))


def test_arrivals_are_distance_over_velocity(made):
    truth = made.truth
    for i in np.flatnonzero(truth.kind == "earthquake"):
        apart = made.position - truth.epicentre[i]
        distance = np.sqrt((apart**2).sum(axis=1) + truth.depth[i] ** 2)
        np.testing.assert_allclose(truth.p_arrival[i] - truth.time[i], distance / 6.0, rtol=1e-6)
        np.testing.assert_allclose(truth.s_arrival[i] - truth.time[i], distance / 3.46, rtol=1e-6)
        assert np.ptp(truth.p_arrival[i]) < 4 / 6.0  # a ring of 4 km
    others = truth.kind != "earthquake"
    assert np.isnan(truth.magnitude[others]).all() and np.isnan(truth.p_arrival[others]).all()


def test_samples_rise_above_the_noise_when_the_truth_says_so(made):
    for i, j in np.ndindex(made.truth.start.shape):
        a, b = made.truth.start[i, j], made.truth.end[i, j]
        if np.isnan(a):
            continue
        places = [round((t - made.start) * made.rate) for t in (made.truth.time[i] - 8, a, b)]
        heard = high(made.simulate_span(max(0, places[0] - 1000), places[2], station=j))
        inside, before = heard[:, places[1] - places[2] :], heard[:, 500:800]
        assert (inside**2).max() > 3 * (before**2).mean()


def test_only_one_sensor_notices_people_who_jump(made):
    jumps = made.truth.kind == "jumping"
    assert (np.isfinite(made.truth.start[jumps]).sum(axis=1) == 1).all()
    assert (np.isfinite(made.truth.start[made.truth.kind == "earthquake"]).sum(axis=1) == 4).all()


def test_nothing_happens_at_the_same_time_as_another_thing():
    truth = sensor_network(hours=24, earthquakes=40, jumps=40, trains=10, winds=10).truth
    assert sorted(set(truth.kind)) == sorted(KINDS)
    first = np.fmin.reduce(truth.start, axis=1)
    last = np.fmax.reduce(truth.end, axis=1)
    seen = np.isfinite(first)
    assert (np.maximum.accumulate(last[seen])[:-1] < first[seen][1:]).all()
    assert np.isfinite(truth.peak).all()


def test_windows_are_called_what_a_person_would_call_them(made):
    truth = made.truth
    i = int(np.flatnonzero(truth.kind == "jumping")[0])
    j = int(np.flatnonzero(np.isfinite(truth.start[i]))[0])
    a = truth.start[i, j]
    told = truth.kind_of(j, np.array([a - 20, a - 5, a + 1]), np.array([a - 10, a + 5, a + 11]))
    assert told.tolist() == ["silence", "jumping", "jumping"]
    other = (j + 1) % 4
    assert truth.kind_of(other, np.array([a + 1]), np.array([a + 11])).tolist() == ["silence"]


def test_noisy_places_are_noisier(made):
    quiet = sensor_network(hours=0.2, earthquakes=0, jumps=0, trains=0, winds=0, random_state=3)
    heard = high(quiet.waveforms)[:, :, 2000:].std(axis=(1, 2))
    assert (np.argsort(heard) == np.argsort(quiet.site)).all()
    assert sorted(quiet.site) == pytest.approx(np.geomspace(0.5, 2.5, 4))


def test_a_month_can_be_read_anywhere_at_once():
    month = sensor_network(hours=720, earthquakes=2, jumps=2, trains=1, winds=1)
    assert month.n == 259_200_000
    assert month.simulate_span(month.n - 1000, month.n, station=0).shape == (3, 1000)


def test_windows_of_each_class_are_told_apart_by_what_makes_them():
    windows, labels = simulated_windows(n_each=8)
    assert windows.shape == (40, 3, 1000) and windows.dtype == np.int32
    kinds, counts = np.unique(labels, return_counts=True)
    assert kinds.tolist() == ["earthquake", "jumping", "silence", "train", "wind"] and (counts == 8).all()
    loud = high(windows)[:, :, 100:].std(axis=(1, 2))
    assert loud[labels == "silence"].max() < loud[labels != "silence"].min()
    again, same = simulated_windows(n_each=8)
    np.testing.assert_array_equal(again, windows)
    assert (same == labels).all()
    quakes = high(windows[labels == "earthquake"])
    assert (
        np.abs(quakes[:, :, 400:]).max(axis=(1, 2)) > 3 * np.abs(quakes[:, :, 50:95]).max(axis=(1, 2))
    ).all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"hours": 0.1}, "must hold all that happens, one after another: at least 0.74. Got 0.1"),
        ({"stations": 0}, "'stations' .* at least 1. Got 0"),
        ({"rate": 5.0}, "'rate' .* at least 20 Hz. Got 5.0"),
        ({"smallest": 4.0}, "'smallest' .* at most 3.4. Got 4.0"),
        ({"day": -1}, "'day' .* must be 0 or more. Got -1"),
        ({"random_state": -1}, "'random_state'"),
    ],
)
def test_what_cannot_be_simulated_is_refused(settings, told):
    with pytest.raises(SettingError, match=told):
        sensor_network(**settings)
    with pytest.raises(SettingError, match="must be up to 15 s"):
        simulated_windows(window=60)


def test_a_span_outside_is_refused(made):
    with pytest.raises(SettingError, match="from 0 to 360000. Got 359999 to 360001"):
        made.simulate_span(359_999, 360_001)
