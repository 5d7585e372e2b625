"""Where windows lie: around triggers, around what people said."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.measure.window_places import place_windows
from clew.measure.window_plan import plan_windows
from clew.read.given import Given
from clew.read.recording import recording_of
from tests.conftest import shared

RATE = 100.0


def quiet(name="A", *, bursts=(), seconds=120, start=1e9, seed=0):
    """Noise with bursts of 2 s."""
    random = np.random.default_rng(seed)
    x = random.normal(size=int(seconds * RATE))
    for at in bursts:
        x[int(at * RATE) : int((at + 2) * RATE)] *= 30
    return recording_of(x[None], rate=RATE, name=name, components=["Z"], start=start)


def given(start, end=None, label="", recording="A", **columns):
    return Given(recording=recording, start=start, end=end, label=label, columns=columns)


def places(recordings, *, window=10.0, step=None, **settings):
    return place_windows(recordings, plan_windows(recordings, window=window, step=step), **settings)


def test_a_moment_has_one_window_from_before_it():
    (found,), _ = places([quiet()], given=[given(1e9 + 30.0, label="P", magnitude=2.5)], before=3.0)
    assert found.first.tolist() == [2700]
    assert found.given[0].columns == {"magnitude": 2.5}


def test_a_span_has_one_window_from_its_start_and_a_longer_one_several_within_it():
    spans = [given(1e9 + 5, 1e9 + 9, "a"), given(1e9 + 50, 1e9 + 60, "b"), given(1e9 + 70, 1e9 + 99, "c")]
    (found,), _ = places([quiet()], given=spans)
    assert found.first.tolist() == [500, 5000, 7000, 8000]
    assert [one.label for one in found.given] == ["a", "b", "c", "c"]
    (found,), _ = places([quiet()], given=spans[2:], step=5)
    assert found.first.tolist() == [7000, 7500, 8000, 8500]


def test_a_given_window_must_lie_in_its_recording():
    with pytest.raises(
        DataError, match="window at 2001-09-09T01:48:35.000 of 10 s must lie in 'A', which lasts from"
    ):
        places([quiet()], given=[given(1e9 + 115, 1e9 + 125)])
    with pytest.raises(DataError, match="recordings that there are. Got 'B'"):
        places([quiet()], given=[given(1e9, recording="B")])
    short = quiet("S", seconds=5)
    (_, found), _ = places([quiet(), short], given=[given(1e9, 1e9 + 5, recording="S")])
    assert (found.first.size, found.outside) == (0, 1)  # nothing that could lie in it


def test_one_window_has_one_label():
    twice = [given(1e9 + 5, 1e9 + 9, "a"), given(1e9 + 5, 1e9 + 9, "a")]
    (found,), _ = places([quiet()], given=twice)
    assert found.first.tolist() == [500]
    with pytest.raises(DataError, match="one label. Got 'a' and 'b' at 2001-09-09T01:46:45.000 of 'A'"):
        places([quiet()], given=[twice[0], given(1e9 + 5, 1e9 + 9, "b")])


def test_one_window_a_trigger_from_before_its_onset():
    one = quiet(bursts=[40, 80, 118])
    (found,), notes = places([one], trigger="recursive", on=4.0, before=2.0)
    assert np.abs(found.first - [3800, 7800]).max() <= 20
    assert found.outside == 1  # 118 s: the window would end behind the record
    assert notes == ["3 triggers (STA 0.5 s, LTA 10 s, on 4, off 1)."]


def test_a_window_has_the_label_of_the_span_that_covers_half_of_it():
    one = quiet(bursts=[40, 80])
    spans = [
        given(1e9 + 30, 1e9 + 42, "too little"),
        given(1e9 + 42.5, 1e9 + 60, "jump"),
        given(1e9 + 79, None, "quake"),
    ]
    (found,), _ = places([one], trigger="classic", before=2.0, given=spans)
    assert [one.label for one in found.given] == ["jump", "quake"]
    (found,), _ = places([one], trigger="classic", before=2.0, given=spans[:1])
    assert found.given == [None, None]


def test_triggers_that_coincide_share_an_event():
    stations = [
        quiet("A", bursts=[40, 80]),
        quiet("B", bursts=[40.5, 60], seed=1),
        quiet("C", bursts=[41, 80], seed=2),
    ]
    found, notes = places(stations, trigger="coincidence", stations=3, before=2.0)
    assert [one.first.size for one in found] == [1, 1, 1]
    assert {event for one in found for event in one.event} == {"2001-09-09T01:47:20"}
    assert np.abs(np.array([one.first[0] for one in found]) - [3800, 3850, 3900]).max() <= 20
    assert "1 event on at least 3 stations" in notes[0]
    with pytest.raises(SettingError, match="'stations' setting .* number of stations .3.. Got 4"):
        places(stations, trigger="coincidence", stations=4)


def test_a_dead_recording_has_no_triggers_and_says_so():
    dead = recording_of(np.zeros((1, 12_000)), rate=RATE, name="dead", components=["Z"], start=1e9)
    found, notes = places([quiet(bursts=[40]), dead], trigger="recursive", on=4.0)
    assert [one.first.size for one in found] == [1, 0]
    assert any("No triggers of 'dead'" in note for note in notes)


def test_the_coincidences_of_the_network_are_those_of_obspy():
    """The reference in DATA.md: ObsPy's coincidence_trigger on the same four stations."""
    import obspy

    folder = shared("signals/obspy/coincidence_network")
    recordings = []
    for file in sorted(folder.iterdir()):
        for trace in obspy.read(file):
            if trace.stats.channel.endswith("Z"):
                recordings.append(
                    recording_of(
                        trace.data.astype(float)[None], rate=trace.stats.sampling_rate, components=["Z"],
                        name=trace.stats.station, start=trace.stats.starttime.timestamp, unit="counts",
                    )
                )  # fmt: skip
    plan = plan_windows(recordings, window=8, highpass=10, lowpass=20)
    found, _ = place_windows(recordings, plan, trigger="coincidence", stations=3, before=2.0)
    events = sorted({event for one in found for event in one.event})
    assert events == ["2010-05-27T16:24:33", "2010-05-27T16:27:01", "2010-05-27T16:27:30"]
    assert sum(one.first.size + one.outside for one in found) == 4 + 3 + 4
    first = min(
        recording.time(place.first[0])
        for recording, place in zip(recordings, found)
        if place.event[0] == "2010-05-27T16:24:33"
    )
    onset = obspy.UTCDateTime("2010-05-27T16:24:33.21").timestamp
    assert abs(first + 2.0 - onset) < 0.03


# ---- everywhere, with labels ----
def as_one_would(first, spans, window, rest):
    """Label windows one by one, looking at every span."""
    labels = []
    for start in (1e9 + first / RATE).tolist():
        best, label, touched = 0.0, "", False
        for one in spans:
            if one.end is None:
                share = float(start <= one.start < start + window / 2)
                touched |= start - window <= one.start <= start + window
            else:
                share = (min(one.end, start + window) - max(one.start, start)) / window
                touched |= share >= 0
            if share >= 0.5 and share > best:
                best, label = share, one.label
        labels.append(label if best else "" if touched else rest)
    return labels


@pytest.mark.parametrize("step", [10.0, 2.5])
def test_windows_everywhere_are_of_the_class_that_covers_half_and_the_rest_of_another(step):
    random = np.random.default_rng(4)
    spans = [
        given(1e9 + at, None if i % 4 == 0 else 1e9 + at + random.uniform(1, 12), "ab"[i % 2])
        for i, at in enumerate(random.uniform(0, 70, 7).tolist())
    ]
    for rest in ("", "noise"):
        (found,), _ = places([quiet()], given=spans, everywhere=True, rest=rest, step=step)
        labels = ["" if one is None else one.label for one in found.given]
        assert labels == as_one_would(found.first, spans, 10.0, rest)
        assert {"a", "b", ""} <= set(labels)
        assert ("noise" in labels) == (rest == "noise")
    (marked,), _ = places([quiet()], given=spans[1:2])
    assert len(marked.first) < len(found.first)  # without `everywhere`, only what is marked


def test_what_follows_a_moment_for_a_window_is_not_called_noise():
    (found,), _ = places([quiet()], given=[given(1e9 + 31, label="P")], everywhere=True, rest="noise", step=5)
    labels = {int(first / RATE): one and one.label for first, one in zip(found.first, found.given)}
    assert [labels[at] for at in (20, 25, 30, 35, 40, 45)] == ["noise", None, "P", None, None, "noise"]


def test_a_window_is_of_a_moment_in_its_first_half_only():
    for at, label in [
        (30.0, "P"),
        (34.99, "P"),
        (35.0, None),
        (39.99, None),
    ]:  # the last sample was enough before
        (found,), _ = places([quiet()], given=[given(1e9 + at, label="P")], everywhere=True, rest="noise")
        told = {int(first / RATE): one and one.label for first, one in zip(found.first, found.given)}
        assert told[30] == label


def test_annotations_that_differ_and_meet_in_one_window_are_counted():
    said = ["In 1 window two annotations that differ fit equally well: the first counts."]
    two = [given(1e9 + 30, label="P", magnitude=2.5), given(1e9 + 30, label="P", magnitude=3.5)]
    (found,), notes = places([quiet()], given=two)
    assert notes == said and found.given[0].columns == {"magnitude": 2.5}
    _, notes = places([quiet()], given=[two[0], two[0]])
    assert notes == []  # said twice, but the same
    ties = [given(1e9 + 30, 1e9 + 35, "a"), given(1e9 + 35, 1e9 + 40, "b")]
    (found,), notes = places([quiet()], given=ties, everywhere=True)
    assert notes == said and {one.label for one in found.given if one} == {"a"}
    _, notes = places([quiet()], given=[*ties, given(1e9 + 30, 1e9 + 40, "c")], everywhere=True)
    assert notes == []  # another covers more
    _, notes = places([quiet(bursts=[30])], given=[given(1e9 + 30, label=x) for x in "PS"], trigger="classic")
    assert notes[1:] == said


def test_a_class_for_the_rest_needs_annotations_everywhere():
    with pytest.raises(SettingError, match="'rest' setting of the windows must go with --annotations"):
        places([quiet()], rest="noise")
    with pytest.raises(SettingError, match="--trigger. Got 'noise'"):
        places([quiet()], given=[given(1e9)], rest="noise")


def test_each_event_has_the_first_trigger_of_each_recording():
    network = [quiet(name, bursts=(40, 80), seed=i) for i, name in enumerate("ABC")]
    settings = {"trigger": "coincidence", "sta": 0.5, "lta": 10.0, "on": 5.0, "off": 1.5, "stations": 3}
    found, _ = places(network, before=2.0, **settings)
    for one in found:
        assert np.allclose(one.first / RATE, [38, 78], atol=0.3)
        assert len(set(one.event)) == 2
    assert found[0].event == found[1].event == found[2].event


def test_windows_everywhere_need_annotations_and_no_triggers():
    with pytest.raises(
        SettingError, match="'everywhere' setting .* must go with --annotations .*Got no annotations"
    ):
        places([quiet()], everywhere=True)
    with pytest.raises(SettingError, match="'everywhere' setting .*Got --trigger classic"):
        places([quiet(bursts=[30])], given=[given(1e9 + 30)], everywhere=True, trigger="classic")
