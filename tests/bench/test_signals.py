from __future__ import annotations

import pytest

from clew.bench import signals
from clew.bench.signals import StationDay, works
from clew.bench.timing import Side


def test_every_row_says_what_it_is_and_long_ones_wait_to_be_asked_for():
    rows = {one.name: one for one in works()}
    assert list(rows)[:4] == ["measure-day", "station-day", "trigger-day", "detect-day"]
    assert [name for name, one in rows.items() if one.on_request] == ["detect-week", "detect-month"]
    assert all(one.rival for one in rows.values() if not one.on_request)


@pytest.fixture
def short(monkeypatch):
    """Make a day of 40 windows."""
    for name, value in {"WINDOWS": 40, "PART": 10, "JUDGED": 6}.items():
        monkeypatch.setattr(signals, name, value)
    return StationDay()


def test_both_sides_measure_the_same_and_the_judge_sees_when_they_do_not(short):
    ours, theirs = short.measured(0), short.loop(0)
    assert ours.shape == (40, len(theirs[0]))
    assert short.judge([ours])["off_loop"] < 1e-9
    assert short.judge([theirs])["off_loop"] == 0
    ours[3, 7] *= 1.01
    assert short.judge([ours])["off_loop"] > 0.005


@pytest.mark.slow
def test_a_written_day_is_read_measured_and_searched_by_both_sides(short, monkeypatch):
    short.hour = short.hour[:, :20_000]
    monkeypatch.setattr(StationDay, "HOURS", 1)
    assert short.write().stat().st_size > 50_000
    assert short._hour_by_obspy().shape == (20, 3, 1000)
    ours, theirs = short.station_day(0), short.looped_hour(0)
    assert ours.n_rows == len(theirs) == 20 and set(ours.feature_names) == set(theirs[0])
    assert short.judge_file([ours])["off_loop"] < 1e-5
    assert short.judge_file([theirs])["off_loop"] == 0
    monkeypatch.setattr(signals, "HIGHPASS", 1.1)  # the mutant: another filter
    assert short.judge_file([ours])["off_loop"] > 0.01


@pytest.mark.slow
def test_both_sides_classify_by_the_same_measurements_of_the_same_windows(short, monkeypatch):
    short.hour = short.hour[:, 230_000:250_000]  # wind
    monkeypatch.setattr(StationDay, "HOURS", 1)
    short.write()
    names = short.model.feature_names_
    assert set(names) == set(short.looped_hour(0, ("Z",))[0])
    assert sum(short.detected(0).windows.values()) == 20
    found = short.looped_detection(0)
    assert 0 < sum(n for _, n in found) <= 20 and {label for label, _ in found} < set(short.model.classes_)


def test_the_seconds_of_an_hour_count_as_a_day():
    side = signals._hourly(lambda i: None)
    assert isinstance(side, Side) and (side.times, side.of) == (24, "an hour")
