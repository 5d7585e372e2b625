"""Classical pickers find clear onsets, agree with slow twins, and reach on real earthquakes what is known of them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.stats import kurtosis

from clew.errors import DataError, SettingError, Stopped
from clew.measure.pick_rivals import (
    PHASES,
    aic_onset,
    describe,
    kurtosis_onset,
    moving_kurtosis,
    pick_window,
    rival_picks,
    steepest_rise,
)
from clew.read.recording import recording_of
from tests.conftest import shared

RATE = 100.0


def quake(p=15.0, s=20.0, *, n=3000, seed=0, loud=12.0):
    """Noise, and from P on louder noise on Z, from S on on N and E: (3, n)."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(3, n))
    t = np.arange(n) / RATE
    for row, when, gain in ((0, p, loud), (1, s, 3 * loud), (2, s, 3 * loud), (0, s, loud), (1, p, 2.0), (2, p, 2.0)):  # fmt: skip
        x[row] += gain * random.normal(size=n) * np.exp(-(t - when) / 3) * (t >= when)
    return x


# ---- parts ----
def test_moving_kurtosis_is_that_of_scipy():
    x = np.random.default_rng(0).standard_t(5, 400) * 1e3 + 1e6
    x[200:230] = x[200]
    known = np.ptp(np.lib.stride_tricks.sliding_window_view(x, 20), axis=1) > 0
    slow = np.array([kurtosis(x[i - 19 : i + 1]) if known[i - 19] else 0.0 for i in range(19, 400)])
    ours = moving_kurtosis(x, 20)
    assert 350 < known.sum() < known.size
    np.testing.assert_allclose(ours[19:][known], slow[known], rtol=1e-6)
    assert (ours[19:][~known] == 0).all()
    assert (ours[:19] == ours[19]).all()


def test_long_rows_are_computed_piece_by_piece_to_the_same_values(monkeypatch):
    x = np.random.default_rng(1).normal(size=1000)
    whole = moving_kurtosis(x, 50)
    monkeypatch.setattr("clew.measure.pick_rivals.CHUNK", 64)
    np.testing.assert_array_equal(moving_kurtosis(x, 50), whole)


def test_akaikes_criterion_is_least_where_numpy_finds_it():
    random = np.random.default_rng(2)
    for where in (30, 70, 100):
        x = np.concatenate([random.normal(size=where), 8 * random.normal(size=130 - where)])
        slow = [k * np.log(x[:k].var()) + (130 - k) * np.log(x[k:].var()) for k in range(5, 125)]
        assert aic_onset(x) == 5 + int(np.argmin(slow))
        assert abs(aic_onset(x) - where) <= 3
    assert aic_onset(np.zeros(6)) == 3
    assert 0 <= aic_onset(np.zeros(60)) < 60


def test_the_steepest_rise_begins_at_its_foot():
    assert steepest_rise(np.array([0.0, 2, 1, -1, 0, 5, 4, 6, 3])) == 3
    assert steepest_rise(np.arange(5.0)) == 0
    assert steepest_rise(np.zeros(4)) == 0


# ---- windows ----
@pytest.mark.parametrize("method", list(PHASES))
def test_a_clear_onset_is_found_to_a_tenth_of_a_second(method):
    off = []
    for seed, p in ((0, 14.0), (1, 16.0), (2, 18.5)):
        found = pick_window(quake(p, p + 5, seed=seed), RATE, method)
        assert tuple(found) == PHASES[method]
        off.append(found["P"] - p)
        if "S" in found:
            assert found["S"] == pytest.approx(p + 5, abs=0.3)
    assert np.abs(off).max() <= 0.1


def test_each_picker_tells_whether_it_hears_z_alone_or_all_three():
    x = quake()
    x[1:] = 0.0
    assert pick_window(x, RATE, "ar") == {"P": pytest.approx(15.0, abs=0.1), "S": None}
    assert pick_window(x[:1], RATE, "ar")["P"] == pytest.approx(pick_window(quake(), RATE, "ar")["P"])


@pytest.mark.parametrize("method", list(PHASES))
def test_padding_and_gaps_are_no_onset(method):
    x = quake(p=25.0, s=27.0, n=4000, seed=3)
    x[:, :800] = x[:, 800:801] + 1e5  # padded with one value
    x[:, 3900:] = np.nan
    assert pick_window(x, RATE, method)["P"] == pytest.approx(25.0, abs=0.15)


@pytest.mark.parametrize("method", list(PHASES))
def test_nothing_is_found_where_nothing_lives(method):
    nothing = dict.fromkeys(PHASES[method])
    assert pick_window(np.zeros((3, 3000)), RATE, method) == nothing
    assert pick_window(np.full((1, 3000), np.nan), RATE, method) == nothing
    short = np.zeros((1, 3000))
    short[:, :500] = quake()[:1, 1200:1700]
    assert pick_window(short, RATE, method) == nothing


def test_low_rates_are_filtered_below_half_of_them():
    x = quake(n=1200, p=0, s=0, loud=0.0)
    x[:, 700:] *= 15
    assert kurtosis_onset(x[0], 20.0) / 20.0 == pytest.approx(35.0, abs=0.3)
    notes = rival_picks(recording_of(x, rate=20.0, name="slow"), method="kurtosis").notes
    assert notes == ["'slow' was filtered up to 9 Hz: it has 20 samples a second."]


def test_settings_and_windows_that_do_not_fit_are_refused():
    with pytest.raises(SettingError, match="Did you mean 'kurtosis'"):
        pick_window(quake(), RATE, "kurtoses")
    with pytest.raises(SettingError, match="must be one of"):
        rival_picks(recording_of(quake(), rate=RATE), method="cwt")
    with pytest.raises(DataError, match="more than 10 s"):
        pick_window(np.zeros((3, 900)), RATE)
    assert describe("sta_lta") == "recursive STA/LTA (2-20 Hz, 0.5 s over 10 s, on 4)"


# ---- recordings ----
@pytest.fixture(scope="module")
def hour():
    """Five minutes with three quakes 80 s apart, dated."""
    x = np.concatenate([quake(p=40.0, s=44.0, n=8000, seed=seed) for seed in range(3)] + [quake(n=6000, p=90, s=90)], axis=1)  # fmt: skip
    return recording_of(x, rate=RATE, name="hour", start=1e9)


@pytest.mark.parametrize("method", list(PHASES))
def test_the_quakes_of_a_recording_are_each_picked_once(hour, method):
    found = rival_picks(hour, method=method)
    at = found.time[found.phase == "P"] - 1e9
    if method == "sta_lta":  # S may trigger again
        at = np.array([at[np.abs(at - p).argmin()] for p in (40, 120, 200)])
    np.testing.assert_allclose(at, [40, 120, 200], atol=0.15)
    if method == "ar":
        np.testing.assert_allclose(found.time[found.phase == "S"] - 1e9, [44, 124, 204], atol=0.3)
    assert (np.diff(found.time) >= 0).all()
    assert found.dated.all()
    assert np.isnan(found.probability).all()


def test_a_dead_recording_is_said_and_the_others_go_on(hour):
    dead = recording_of(np.zeros((3, 3000)), rate=RATE, name="dead")
    seen = []
    found = rival_picks([dead, hour], on_progress=lambda done, total: seen.append((done, total)))
    assert set(found.recording) == {"hour"}
    assert "dead" in found.notes[0]
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(Stopped, match="after 1 of 2"):
        rival_picks([dead, hour], on_progress=lambda done, total: False)


# ---- real earthquakes ----
def test_on_real_earthquakes_the_pickers_reach_what_is_known_of_them():
    """DATA.md: STA/LTA finds 52 of 77 P within 0.1 s and 67 within 0.5 s, AR of the 57 with three components 45."""
    folder = shared("signals/phasenet_ncedc")
    rows = list(csv.DictReader((folder / "index.csv").read_text().splitlines()))
    random = np.random.default_rng(0)
    off = {"sta_lta": [], "ar": [], "kurtosis": []}
    three = []
    for row in rows:
        values = np.load(folder / row["fname"])["data"].T
        order = np.argsort(["ZNE".index(name[-1]) for name in row["channels"].split("_")])
        x = values[order] if len(order) == 3 else values
        first = 3000 - int(random.integers(1100, 2300))
        three.append(row["live_components"] == "3")
        for method, found in off.items():
            at = pick_window(x[:, first : first + 3000], RATE, method)["P"]
            found.append(np.inf if at is None else abs(first / RATE + at - 30.0))
    within = {name: [(np.array(found) <= t + 1e-9).sum() for t in (0.1, 0.5)] for name, found in off.items()}
    assert within["sta_lta"][0] == pytest.approx(52, abs=3)
    assert within["sta_lta"][1] == pytest.approx(67, abs=3)
    assert (np.array(off["ar"])[three] <= 0.1 + 1e-9).sum() == pytest.approx(45, abs=3)
    assert within["kurtosis"][0] >= 60
