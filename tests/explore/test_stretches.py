"""How long groups last, and whether rows that far apart still fall into groups."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

from clew.explore.exploration import explore
from clew.explore.stretches import FEWEST_STRETCHES, follows_time, p_apart
from clew.measure.windows import measure_windows
from clew.read.recording import recording_of
from clew.samples import Samples

STEP = 10.0


def windows(n_rows, *, stations=("A",), start=None):
    """Rows of windows, of each station one after the other."""
    when = np.tile(np.arange(n_rows) * STEP if start is None else start, len(stations))
    whose = np.repeat(stations, n_rows)
    n = n_rows * len(stations)
    origin = pd.DataFrame({"source": whose, "station": whose, "start": when, "end": when + STEP})
    return Samples(
        features=np.random.default_rng(0).normal(size=(n, 2)),
        feature_names=["f0", "f1"],
        units=["", ""],
        sets=["all", "all"],
        sample=np.array([f"s{i}" for i in range(n)]),
        group=np.array([f"s{i}" for i in range(n)]),
        origin=origin,
    )


def chain(n_rows, stay, seed=0):
    """Two states; each row keeps that of the one before with a probability, else it is drawn anew."""
    random = np.random.default_rng(seed)
    anew = random.random(n_rows) >= stay
    drawn = random.integers(0, 2, n_rows)
    last = np.maximum.accumulate(np.where(anew, np.arange(n_rows), 0))
    return drawn[last]


def test_the_length_of_a_stretch_is_that_of_a_markov_chain():
    """r(k) = stay^k, hence (1 + stay) / (1 - stay) rows, and neighbours share with (1 + stay) / 2."""
    n = 40_000
    found = follows_time(windows(n), chain(n, 0.9))
    assert found["rows"] == pytest.approx(19, rel=0.1)
    assert found["share"] == pytest.approx(0.95, abs=0.005)
    assert found["by_chance"] == pytest.approx(0.5, abs=0.005)
    assert found["lasts"] == pytest.approx(found["rows"] * STEP)
    assert found["stretches"] == pytest.approx(n / found["rows"], abs=1)
    mixed = follows_time(windows(n), np.random.default_rng(1).permutation(chain(n, 0.9)))
    assert mixed["rows"] == 1 and mixed["share"] == pytest.approx(0.5, abs=0.01)


def test_chance_is_what_dealing_anew_within_each_station_gives():
    groups = np.concatenate([np.zeros(300, int), chain(300, 0.5)])
    groups[:30] = 2
    rows = windows(300, stations=("A", "B"))
    random = np.random.default_rng(3)

    def dealt():
        new = np.concatenate([random.permutation(groups[:300]), random.permutation(groups[300:])])
        return follows_time(rows, new)["share"]

    assert follows_time(rows, groups)["by_chance"] == pytest.approx(
        np.mean([dealt() for _ in range(300)]), abs=0.005
    )


def test_stations_that_differ_are_no_stretches_of_time():
    assert follows_time(windows(100, stations=("A", "B")), np.repeat([0, 1], 100)) is None  # chance is 1


def test_rows_without_times_follow_none():
    rows = windows(50)
    del rows.origin["start"]
    assert follows_time(rows, chain(50, 0.9)) is None


def test_one_row_a_stretch_is_judged_and_they_keep_apart():
    n, seen = 600, []
    rows = windows(n, stations=("A", "B"))
    follows = {"rows": 6.0, "lasts": 60.0, "stretches": 100.0, "regular": 1.0}

    def p_of(chosen):
        seen.append(chosen)
        return [0.5, 0.01, 0.2][len(seen) - 1]

    assert p_apart(rows, follows, p_of) == 0.2  # the median
    for chosen in seen:
        start = np.sort(rows.origin["start"].to_numpy()[chosen])
        assert 99 <= len(chosen) <= 101
        assert (np.diff(start)[1:-1] == 60).all()
        assert 0.3 < np.mean(chosen < n) < 0.7  # either station
    assert len({tuple(chosen) for chosen in seen}) == 3


def test_few_stretches_tell_nothing_and_short_ones_are_not_thinned():
    def never(chosen):
        raise AssertionError

    rows = windows(100)
    assert (
        p_apart(
            rows, {"rows": 9.0, "lasts": 90.0, "stretches": FEWEST_STRETCHES - 1.0, "regular": 1.0}, never
        )
        == 1
    )
    assert p_apart(rows, {"rows": 3.0, "lasts": 30.0, "stretches": 33.0, "regular": 1.0}, never) is None
    assert p_apart(rows, None, never) is None


def test_triggers_that_come_in_swarms_are_said_and_not_withheld():
    def never(chosen):
        raise AssertionError

    when = np.cumsum(np.random.default_rng(0).exponential(300, 200))
    swarms, slid = chain(200, 0.9), windows(200)
    called = windows(200, start=when)
    found = follows_time(called, swarms)
    assert found["rows"] > 5 and found["regular"] < 0.1
    assert p_apart(called, found, never) is None
    found = follows_time(slid, swarms)  # the same groups, of windows that slide
    assert found["regular"] == 1 and p_apart(slid, found, lambda rows: 0.3) is not None


# ---- noise that drifts: in full with CLEW_SIMULATIONS=50 (`make simulations`), smaller in CI ----
SIMULATIONS = int(os.environ.get("CLEW_SIMULATIONS", "2"))


def wander(rng, n, memory, spread):
    """A value a second that forgets itself in ``memory`` s: an Ornstein-Uhlenbeck process."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / memory)
    start = spread * rng.normal() * keep
    shocks = spread * np.sqrt(1 - keep**2) * rng.normal(size=n)
    return lfilter([1], [1, -keep], shocks, zi=[start])[0]


def drifting(seed, *, memory, hours=1.0, rate=20.0):
    """Noise of one kind whose strength and colour wander, as windows of 10 s that overlap by half."""
    from scipy.signal import lfilter

    rng, n = np.random.default_rng([seed, 77]), int(hours * 3600 * rate)
    second, at = np.arange(n) / rate, np.arange(int(hours * 3600) + 1)
    strength, colour = (np.interp(second, at, wander(rng, len(at), memory, 0.5)) for _ in range(2))
    red = lfilter([1], [1, -0.9], rng.normal(size=n))
    noise = 100 * np.exp(strength) * (rng.normal(size=n) + 0.4 * np.exp(colour) * red)
    heard = recording_of(noise, rate=rate, name="A", components=["Z"], start=1709532000.0)
    return measure_windows([heard], window=10.0, step=5.0, highpass=0.5).samples


@pytest.mark.slow
def test_simulated_noise_that_drifts_over_ten_minutes_is_not_cut_into_groups():
    looks = [explore(drifting(seed, memory=600.0), runs=2, random_state=seed) for seed in range(SIMULATIONS)]
    claimed = sum(one.k > 0 for one in looks)
    print(f"noise that drifts over 10 minutes: groups claimed in {claimed} of {SIMULATIONS}")
    assert claimed <= 0.02 * SIMULATIONS
    told = [one for one in looks if one.time_warning() or one.evidence.p_value > 0.01]
    assert len(told) == SIMULATIONS  # each is either withheld aloud, or was never more than one cloud
