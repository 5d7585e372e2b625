"""Listening to recordings that grow: the same events as of the finished ones, and no later than must be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clew.errors import DataError
from clew.learn.detect import Detector, detect
from clew.learn.live import Live
from clew.read.recording import Recording, recording_of
from tests.detection_worlds import RATE, START, model, noise_with_knocks, recording

FILTERED = (("highpass", 1.0),)
CAUSAL = (("highpass", 1.0), ("phase", "causal"))


def first_samples(whole: Recording, n: int, known: int = 0) -> Recording:
    """A recording as it was when ``n`` samples had come; what was before the sample ``known`` is forgotten."""
    values = whole.read(0, n)
    values[:, : max(0, known)] = np.nan
    return recording_of(values, rate=whole.rate, name=whole.name, start=whole.start, unit="counts", components=whole.components)  # fmt: skip


def heard(whole: Recording, lengths, forest, *, forget=False) -> list:
    live, found, before = Live(Detector(forest)), [], 0
    for n in [*lengths, whole.n]:
        known = before - round(live.memory() * RATE) if forget else 0
        found += live.grow(first_samples(whole, n, known))
        before = n
    return [*found, *live.close()]


@pytest.mark.parametrize("plan", [(), FILTERED, CAUSAL])
@given(st.lists(st.integers(1, 30_000), max_size=8).map(sorted))
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_recording_that_grows_gives_the_events_of_the_finished_one(plan, lengths):
    forest, whole = model(plan=plan), recording()
    finished = detect(forest, [whole])
    assert len(finished) >= 3
    assert heard(whole, lengths, forest) == [finished[i] for i in range(len(finished))]


def test_windows_taken_before_their_filter_has_heard_all_give_other_probabilities(monkeypatch):  # the mutant
    forest, whole = model(plan=(("lowpass", 2.0), ("step", 1.0))), recording()
    finished = detect(forest, [whole])
    monkeypatch.setattr("clew.measure.window_plan.WindowPlan.reach", lambda plan, rate: (10_000, 0))
    lengths = range(200, 30_000, 100)
    assert heard(whole, lengths, forest) != [finished[i] for i in range(len(finished))]


def test_an_event_is_told_once_the_window_behind_it_is_known():
    live, whole = Live(Detector(model())), recording()
    after = live.detector.plan.reach(RATE)[1]
    told_at = {}
    for n in range(1, 6000):
        for event in live.grow(first_samples(whole, n)) if n > 5500 else []:
            told_at[event.start - START] = n / RATE
    assert told_at[100.0] == pytest.approx(112 + after / RATE)  # it ended at 108, and the next window at 112
    assert live.delay(RATE) == after / RATE


def test_a_causal_filter_has_no_delay_of_its_own_and_a_zero_phase_one_has():
    delay = {name: Live(Detector(model(plan=plan))).delay(RATE) for name, plan in (("none", ()), ("zero", FILTERED), ("causal", CAUSAL))}  # fmt: skip
    assert delay["causal"] == delay["none"] < delay["zero"]


def test_what_was_there_longer_ago_than_is_asked_for_may_be_forgotten():
    forest, whole = model(plan=FILTERED), recording()
    finished = detect(forest, [whole])
    assert heard(whole, range(1000, whole.n, 1000), forest, forget=True) == [
        finished[i] for i in range(len(finished))
    ]


def test_who_forgets_more_finds_other_events(monkeypatch):  # the mutant
    forest, whole = model(plan=FILTERED), recording()
    finished = detect(forest, [whole])
    monkeypatch.setattr(Live, "memory", lambda live: 0.0)
    assert heard(whole, range(1000, whole.n, 1000), forest, forget=True) != [
        finished[i] for i in range(len(finished))
    ]


# ---- what is refused ----
def test_a_recording_that_does_not_fit_is_refused():
    with pytest.raises(DataError, match="must have the component 'Z'. Got 'x'"):
        Live(Detector(model())).grow(recording(components=["x"]))


def test_a_model_that_compares_stations_is_refused():
    forest = model()
    network = dataclasses.replace(
        forest, measure=forest.measure | {"plan": forest.measure["plan"] | {"network": True}}
    )
    with pytest.raises(DataError, match="must do without other stations"):
        Live(Detector(network))


def test_a_stream_shorter_than_a_window_has_no_events():
    live = Live(Detector(model()))
    assert live.grow(recording(noise_with_knocks(2.0, knocks=()))) == []
    assert live.close() == []
    assert Live(Detector(model())).close() == []
