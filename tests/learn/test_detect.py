"""Detection along recordings: what is found when, what is refused, and going on where a run was."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.learn.detect import Detector, Scan, detect, walk
from clew.measure import window_stream
from clew.read.recording import Channel, Recording, Stretch
from tests.detection_worlds import KNOCKS, RATE, START, forest_of, model, noise_with_knocks, recording


def offsets(events) -> list[tuple[float, float]]:
    return [(a - START, b - START) for a, b in zip(events.start.tolist(), events.end.tolist())]


# ---- what is found ----
def test_knocks_are_found_where_they_were_put():
    events = detect(model(), [recording()])
    assert offsets(events) == [(100.0, 108.0), (300.0, 304.0), (448.0, 456.0)]  # 450 lies across two windows
    assert events.label.tolist() == ["knock"] * 3
    assert events.n_windows.tolist() == [2, 1, 2]
    assert events.windows == {"knock": 5, "noise": 145}
    assert events.left_out == {}
    assert (events.probability <= events.highest).all()
    assert events.settings == {"threshold": None, "join": 0.0, "ignore": None}


def test_quiet_recordings_give_no_events():  # the null: nothing is found where nothing is
    events = detect(model(), [recording(noise_with_knocks(knocks=(), seed=3))])
    assert len(events) == 0
    assert events.headline() == "no events in 150 windows: 150 are noise"


def test_an_event_is_of_its_windows_of_the_forest():
    """An independent way: all windows at once, each by `Forest.predict`, the knocks picked by hand."""
    forest, heard = model(), recording()
    (detector,) = [Detector(forest)]
    blocks = list(window_stream.stream_windows(heard, plan=detector.plan))
    said = forest.predict(np.concatenate([one.features for one in blocks])).probability[:, 0]
    events = detect(forest, [heard])
    first = (np.array(KNOCKS) // 4).astype(int)
    assert events.probability[0] == pytest.approx(said[first[:2]].mean(), abs=1e-15)
    assert events.highest[0] == said[first[:2]].max()
    assert np.flatnonzero(said > 0.5).tolist() == [25, 26, 75, 112, 113]


def test_recordings_that_are_not_dated_have_times_from_their_start():
    events = detect(model(), [recording(start=None)])
    assert events.start.tolist() == [100.0, 300.0, 448.0]
    assert not events.dated.any()


def test_stations_are_searched_one_after_the_other():
    second = noise_with_knocks(knocks=(8.0,), seed=5)
    events = detect(model(), [recording(), recording(second, name="BW.UH2.SH")])
    assert events.recording.tolist() == ["BW.UH1.SH"] * 3 + ["BW.UH2.SH"]
    assert offsets(events)[-1] == (8.0, 12.0)


def test_a_gap_ends_an_event_and_is_counted():
    values = noise_with_knocks(knocks=(100.0, 104.0, 108.0))
    values[round(105 * RATE) : round(105.5 * RATE)] = np.nan
    events = detect(model(), [recording(values)], join=60.0)
    assert offsets(events) == [(100.0, 104.0), (108.0, 112.0)]
    assert events.left_out == {"gap": 1}


def test_events_that_lie_close_are_joined_as_far_as_asked():
    assert offsets(detect(model(), [recording()], join=150.0)) == [(100.0, 108.0), (300.0, 456.0)]


def test_a_threshold_leaves_out_what_is_less_probable():
    found = [len(detect(model(), [recording()], threshold=p)) for p in (0.01, 0.5, 1.0)]
    assert found[0] >= found[1] == 3 >= found[2]
    assert (detect(model(), [recording()], threshold=0.9).probability >= 0.9).all()


def test_windows_unlike_those_of_the_training_are_told_of():
    (told,) = [
        note for note in detect(model(), [recording(noise_with_knocks() * 50)]).notes if "Unlike" in note
    ]
    assert told.startswith(
        "Unlike the training rows, so the answer is a guess: peak_amplitude (150 of 150 windows), "
    )
    beeps = recording(np.sin(np.arange(600 * RATE)))
    (told,) = [note for note in detect(model(), [beeps]).notes if "Unlike" in note]
    assert told.count(" of 150 windows)") == 5
    assert told.endswith("more.")
    assert not any("Unlike" in note for note in detect(model(), [recording(noise_with_knocks(seed=7))]).notes)


def test_a_measurement_that_is_not_defined_keeps_a_window_out():
    forest = model()

    class Undefined(Scan):
        def take(self, block):
            return super().take(dataclasses.replace(block, features=block.features * np.nan))

    detector, heard = Detector(forest), recording()
    scan = Undefined(detector, heard)
    for block in window_stream.stream_windows(heard, plan=detector.plan):
        assert scan.take(block) == []
    assert scan.left_out == {"undefined": 150}


# ---- going on ----
def by_small_blocks(monkeypatch):
    monkeypatch.setattr(window_stream, "BLOCK", 7)


def found_from(detector, recordings, begun=None):
    return [(scan, found) for scan, found in walk(detector, recordings, begun=begun)]


def test_a_run_goes_on_from_any_block_with_the_same_events_to_the_bit(monkeypatch):
    by_small_blocks(monkeypatch)
    detector, heard = Detector(model()), [recording(), recording(noise_with_knocks(seed=9), name="other")]
    whole, states = [], [({}, 0)]
    for scan, found in walk(detector, heard):
        whole += found
        now = dict(states[-1][0]) | {scan.recording.name: json.loads(json.dumps(scan.state()))}
        states.append((now, len(whole)))
    assert len(whole) == 6
    assert len(states) > 40
    for begun, n_before in states[::3]:
        rest = [event for _, found in walk(detector, heard, begun=begun) for event in found]
        assert whole[:n_before] + rest == whole
    scans = [scan for scan, _ in walk(detector, heard, begun=states[-1][0])]
    again = detector.result(scans, whole)
    assert again.windows == detect(model(), heard).windows


def test_a_run_that_forgets_the_open_event_finds_others(monkeypatch):  # the mutant
    by_small_blocks(monkeypatch)
    detector, heard = Detector(model()), [recording(noise_with_knocks(knocks=range(100, 200, 4)))]
    whole = [event for _, found in walk(detector, heard) for event in found]
    scan = next(scan for scan, _ in walk(detector, heard) if scan.state()["merger"]["open"])
    begun = {scan.recording.name: scan.state() | {"merger": {}}}
    assert [event for _, found in walk(detector, heard, begun=begun) for event in found] != whole


def test_no_more_than_a_block_is_read_at_a_time_however_long_the_recording(monkeypatch):
    by_small_blocks(monkeypatch)
    asked: list[int] = []

    class Counting:
        def read(self, first, stop):
            asked.append(stop - first)
            return np.random.default_rng(first).normal(0, 100, stop - first)

    def longest(seconds):
        asked.clear()
        stretch = Stretch(START, round(seconds * RATE), Counting())
        detect(model(), [Recording("long", RATE, (Channel("Z", (stretch,), "counts"),), station="long")])
        return max(asked)

    assert longest(3000) == longest(600) <= 10 * 4 * RATE


def test_progress_is_told_in_windows_and_can_stop(monkeypatch):
    by_small_blocks(monkeypatch)
    told = []
    detect(model(), [recording()], on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (150, 150)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with pytest.raises(Stopped):
        detect(model(), [recording()], on_progress=lambda done, total: False)


# ---- what is refused ----
def in_metres(one: Recording) -> Recording:
    return dataclasses.replace(one, channels=(dataclasses.replace(one.channels[0], unit="m/s"),))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (recording(components=["x"]), "must have the component 'Z'. Got 'x'"),
        (recording(rate=20.0), "must reach 20 Hz.* Got 20 samples per second"),
        (recording(noise_with_knocks(3)), r"as long as one window of the model \(4 s\). Got 3 s"),
        (in_metres(recording()), "must be in counts, as in the others. Got m/s"),
    ],
)
def test_a_recording_that_does_not_fit_the_model_is_refused_in_one_sentence(wrong, sentence):
    with pytest.raises(DataError, match=sentence):
        detect(model(), [recording(name="fits"), wrong])


def test_a_model_that_is_none_for_windows_is_refused():
    with pytest.raises(DataError, match="must be trained on classes of windows of recordings"):
        detect(dataclasses.replace(model(), measure={"kind": "image"}), [recording()])
    with pytest.raises(DataError, match="at least one. Got none"):
        detect(model(), [])


def test_a_model_that_asks_for_what_is_not_measured_is_refused():
    forest = dataclasses.replace(model(), feature_names=["loudness", *model().feature_names[1:]])
    with pytest.raises(DataError, match="must be measured as the model's were. Got none of: loudness"):
        detect(forest, [recording()])


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"join": -1.0}, {"ignore": ["silence"]}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError, match=f"'{next(iter(wrong))}'"):
        detect(model(), [recording()], **wrong)


def test_only_other_stations_are_neighbours(monkeypatch):
    seen = []
    real = window_stream.stream_windows

    def stream(one, *, neighbours, **settings):
        seen.append((one.name, [other.name for other in neighbours]))
        return real(one, **settings)

    monkeypatch.setattr("clew.learn.window_model.stream_windows", stream)
    three = [recording(name=name) for name in ("A", "B", "C")]
    three[1] = dataclasses.replace(three[1], station="A")
    detect(model(), three)
    assert seen == [("A", ["C"]), ("B", ["C"]), ("C", ["A", "B"])]


def test_labels_that_say_nothing_find_nothing_in_particular():
    """Permuted labels: what such a model calls knocks has nothing to do with where they are."""
    plan, knocks = Detector(model()).plan, np.arange(0.0, 600.0, 8.0)
    values = noise_with_knocks(knocks=knocks)
    blocks = list(window_stream.stream_windows(recording(values), plan=plan))
    features = np.concatenate([one.features for one in blocks])
    other = recording(noise_with_knocks(knocks=knocks, seed=8))

    def inside(labels):
        events = detect(forest_of(features, labels, plan, trees=30), [other])
        found = np.zeros(150, bool)
        for a, b in offsets(events):
            found[round(a / 4) : round(b / 4)] = True
        return found[::2].mean() - found[1::2].mean()

    truth = np.tile(["knock", "noise"], 75)
    assert inside(truth) == 1.0
    assert abs(inside(np.random.default_rng(0).permutation(truth))) < 0.3
