"""Which picks come next: the least sure, of all stations in turn, none that was answered."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.next_picks import judged_picks, next_picks


def slow_order(probability, station, threshold, judged):
    """The same in words: of each station the nearest that is left, these by nearness, and again."""
    odds = lambda p: np.log(p / (1 - p))  # noqa: E731
    away = {i: abs(odds(p) - odds(threshold)) for i, p in enumerate(probability) if not judged[i]}
    order = []
    while away:
        first = {}
        for i in sorted(away, key=lambda i: (away[i], i)):
            first.setdefault(station[i], i)
        order += first.values()
        away = {i: value for i, value in away.items() if i not in first.values()}
    return order


def test_the_order_is_that_of_a_slow_twin():
    rng = np.random.default_rng(3)
    for _ in range(20):
        probability, station = rng.uniform(0.01, 0.99, 40).round(2), rng.choice(list("ABC"), 40)
        judged = rng.random(40) < 0.3
        found = next_picks(probability, station, threshold=0.4, judged=judged)
        assert found.tolist() == slow_order(probability, station, 0.4, judged)


def test_no_station_is_asked_twice_before_each_was_asked_once():
    probability, station = np.array([0.31, 0.32, 0.33, 0.9, 0.99]), np.array(list("AAABC"))
    found = next_picks(probability, station)
    assert sorted(station[found[:3]]) == ["A", "B", "C"]
    assert found[0] == 0
    by_nearness_only = np.argsort(np.abs(probability - 0.3))  # the mutant: it stays with one station
    assert len(set(station[by_nearness_only[:3]])) == 1


def test_each_phase_may_have_a_threshold_of_its_own():
    found = next_picks(np.array([0.5, 0.5, 0.5]), np.array(list("AAA")), threshold=np.array([0.1, 0.5, 0.4]))
    assert found.tolist() == [1, 2, 0]
    with pytest.raises(SettingError, match="between 0 and 1"):
        next_picks(np.array([0.5]), np.array(["A"]), threshold=1.0)


def test_what_is_no_probability_is_refused_and_certainty_is_not():
    assert next_picks(np.array([1.0, 0.0]), np.array(["A", "A"]), threshold=0.5).tolist() == [0, 1]
    with pytest.raises(DataError, match="from 0 to 1"):
        next_picks(np.array([np.nan]), np.array(["A"]))
    with pytest.raises(DataError, match="2, 1 and 2"):
        next_picks(np.array([0.5, 0.6]), np.array(["A"]))
    assert next_picks(np.empty(0), np.empty(0, str)).tolist() == []


def test_a_pick_is_judged_by_what_was_said_of_its_phase_at_its_moment():
    recording, phase = np.array(["A", "A", "A", "B"]), np.array(["P", "S", "P", "P"])
    time = np.array([10.0, 10.0, 20.0, 10.0])
    said = [("A", "P", 10.4), ("A", "P", 19.4), ("B", "S", 10.0)]
    assert judged_picks(recording, phase, time, said).tolist() == [True, False, False, False]
    assert judged_picks(recording, phase, time, said, within=0.65).tolist() == [True, False, True, False]
    assert not judged_picks(recording, phase, time, []).any()
