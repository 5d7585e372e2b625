"""Triggers and coincidences against ObsPy on real networks, on streams in pieces, and on noise."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.measure import triggers as module
from clew.measure.filtering import design
from clew.measure.triggers import (
    Coincidence,
    Trigger,
    characteristic_function,
    coincidences,
    find_triggers,
    one_component,
)
from clew.read.recording import recording_of, spell_time
from tests.conftest import shared

RATE = 100.0
NETWORK = "signals/obspy/coincidence_network"


def network():
    """The vertical components of four stations, as ObsPy reads them."""
    obspy = pytest.importorskip("obspy")
    files = sorted(shared(NETWORK).glob("*Z.D.*"))
    return obspy.Stream([obspy.read(str(file))[0] for file in files])


def recordings_of(stream):
    return [
        recording_of(
            trace.data,
            rate=trace.stats.sampling_rate,
            name=trace.stats.station,
            components=["Z"],
            start=trace.stats.starttime.timestamp,
        )
        for trace in stream
    ]


def bursts(at=(60, 130, 200), n=30_000, seed=0):
    """Noise with a burst of 2 s at each of the given seconds."""
    x = np.random.default_rng(seed).normal(size=n)
    for second in at:
        first = int(second * RATE)
        x[first : first + 200] *= 10
    return x


def found_in(x, **settings):
    return find_triggers(recording_of(x, rate=RATE), **settings)


# ---- real networks, and ObsPy ----
def test_the_three_coincidences_of_the_reference_are_found():
    found = coincidences(
        [
            one
            for recording in recordings_of(network())
            for one in find_triggers(recording, highpass=10, lowpass=20)
        ]
    )
    said = [(spell_time(one.start, dated=True), list(one.stations), round(one.duration, 2)) for one in found]
    assert said == [
        ("2010-05-27T16:24:33.210", ["UH3", "UH2", "UH1", "UH4"], 4.27),
        ("2010-05-27T16:27:01.260", ["UH2", "UH3", "UH1"], 3.44),
        ("2010-05-27T16:27:30.510", ["UH3", "UH2", "UH1", "UH4"], 4.29),
    ]
    assert [one.sum for one in found] == [4, 3, 4] and all(one.recordings == one.stations for one in found)


@pytest.mark.parametrize(
    ("method", "on", "off"), [("recursive", 3.5, 1.0), ("recursive", 2.0, 1.2), ("classic", 4.0, 1.5)]
)
@pytest.mark.parametrize(("stations", "within"), [(3, 0.0), (2, 0.0), (2, 5.0), (1, 0.0)])
def test_coincidences_equal_obspys(method, on, off, stations, within):
    stream = network()
    recordings = recordings_of(stream)
    stream.filter("bandpass", freqmin=10, freqmax=20)
    from obspy.signal.trigger import coincidence_trigger

    kind = {"recursive": "recstalta", "classic": "classicstalta"}[method]
    theirs = coincidence_trigger(
        kind, on, off, stream, stations, sta=0.5, lta=10, trigger_off_extension=within
    )
    settings = {"method": method, "on": on, "off": off, "highpass": 10, "lowpass": 20}
    found = coincidences(
        [one for recording in recordings for one in find_triggers(recording, **settings)],
        stations=stations,
        within=within,
    )
    assert [list(one.stations) for one in found] == [one["stations"] for one in theirs] and len(found) >= 3
    for ours, other in zip(found, theirs):  # to half a sample
        assert ours.start == pytest.approx(other["time"].timestamp, abs=0.004)
        assert ours.duration == pytest.approx(other["duration"], abs=0.004)


@pytest.mark.parametrize("method", ["classic", "recursive"])
def test_the_characteristic_function_equals_obspys(method):
    trace = network()[0]
    recording = recordings_of([trace])[0]
    theirs = (
        trace.copy()
        .filter("highpass", freq=2)
        .trigger(f"{method[:3]}stalta" if method == "recursive" else "classicstalta", sta=0.5, lta=10)
    )
    ((first, ratio),) = characteristic_function(recording, method=method, highpass=2)
    assert first == 0
    # ObsPy's filter begins with a step from 0 to the first sample, ours at rest: apart until that is forgotten
    np.testing.assert_allclose(ratio[5000:], theirs.data[5000:], rtol=2e-3)


def test_an_hour_of_real_noise_triggers_as_often_as_documented():
    import gzip

    (file,) = shared("signals/obspy/noise_day").glob("*.asc.gz")
    with gzip.open(file) as opened:
        noise = recording_of(np.loadtxt(opened), rate=RATE)
    hours = noise.duration / 3600
    assert len(find_triggers(noise)) / hours == pytest.approx(28, abs=1)
    assert len(find_triggers(noise, highpass=1.0)) / hours == pytest.approx(3, abs=1)
    assert len(find_triggers(noise, method="classic", highpass=1.0)) / hours == pytest.approx(8, abs=1)


def test_white_noise_does_not_trigger_but_bursts_in_it_do():
    assert found_in(np.random.default_rng(0).normal(size=360_000)) == []
    found = found_in(bursts())
    assert [round(one.start) for one in found] == [60, 130, 200]
    assert all(one.end > one.start and one.peak >= 3.5 for one in found)


# ---- streams ----
@pytest.mark.parametrize("method", ["classic", "recursive"])
@pytest.mark.parametrize("size", [1000, 4097, 7777])
def test_the_size_of_the_pieces_changes_no_bit(method, size, monkeypatch):
    x = bursts()
    x[9000:9500] = np.nan
    x[6100:6150] = np.nan  # in the middle of a burst
    recording = recording_of(x + 1e4, rate=RATE)

    def all_of_it():
        pieces = characteristic_function(recording, method=method, highpass=1, lowpass=30)
        ratio = np.concatenate([ratio for _, ratio in pieces])
        return ratio, find_triggers(recording, method=method, highpass=1, lowpass=30)

    ratio, found = all_of_it()
    monkeypatch.setattr(module, "BLOCK", size)
    again, found_again = all_of_it()
    np.testing.assert_array_equal(again, ratio)
    assert found_again == found and len(found) >= 2
    monkeypatch.setattr(module, "_filter_in_place", lambda x, passes, rest: filter_in_place(x, passes, None))
    assert not np.array_equal(all_of_it()[0], ratio, equal_nan=True)  # the mutant: a filter that begins anew


filter_in_place = module._filter_in_place


def test_no_more_than_a_piece_is_read_at_once(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 5000)
    asked = []

    class Counted:
        def read(self, first, stop):
            asked.append(stop - first)
            return bursts()[first:stop]

    recording = recording_of(bursts(), rate=RATE, components=["Z"])
    (stretch,) = recording.channels[0].stretches
    counted = replace(recording.channels[0], stretches=(replace(stretch, data=Counted()),))
    assert find_triggers(replace(recording, channels=(counted,))) == find_triggers(recording)
    assert (
        max(asked) == 5000 + 2 * 200 and asked[0] == 5000
    )  # with what shows runs; the first tells that it lives
    assert sum(asked) < 30_000 + 5000 + 6 * 400


def test_a_gap_ends_a_trigger_and_none_begins_until_the_average_is_full():
    x = bursts(at=(60, 130, 135))
    x[6050:6100] = np.nan
    x[13_100:13_200] = np.nan
    found = found_in(x)
    assert [round(one.start) for one in found] == [60, 130]  # the one at 135 s lies 3 s behind a gap
    assert found[0].end == pytest.approx(60.49) and found[1].end <= 130.99


def test_a_trigger_that_goes_on_at_the_end_ends_there():
    x = bursts(at=(60,), n=6100)
    (found,) = found_in(x)
    assert found.end == 60.99


def test_an_offset_makes_no_noise_at_the_start_or_behind_a_gap(monkeypatch):
    x = bursts()
    x[9000:9100] = np.nan

    def times(x):
        return [(one.start, one.end) for one in found_in(x, highpass=1.0)]

    assert times(x + 1e6) == times(x) and len(times(x)) == 3
    monkeypatch.setattr(module, "design", lambda *a, **b: replace(design(*a, **b), steady=np.zeros((2, 2))))
    assert times(x + 1e6) != times(x)  # the mutant: a filter that begins with a step from 0


@pytest.mark.parametrize("value", [0.0, 1234.0])
def test_padding_is_a_gap_and_coming_back_to_life_no_event(value):
    x = np.random.default_rng(0).normal(size=30_000)
    x[:5000] = x[20_000:24_000] = value
    assert found_in(x, highpass=1.0) == []
    believed = np.where(np.arange(x.size) % 150 == 0, x + 1e-3, x)  # the mutant: padding that is not seen
    believed[:5000:7] += 1e-3
    assert found_in(believed, highpass=1.0) != []


def test_dead_components_are_passed_over():
    x = np.stack([np.zeros(30_000), np.full(30_000, 5.0), bursts()])
    recording = recording_of(x, rate=RATE)
    assert one_component(recording).components == ("E",)
    assert [round(one.start) for one in find_triggers(recording)] == [60, 130, 200]
    swapped = recording_of(np.stack([x[2], x[2][::-1]]), rate=RATE, components=["N", "Z"])
    assert one_component(swapped).components == ("Z",)
    assert one_component(swapped, "N").components == ("N",)
    empty = replace(recording.channels[0], stretches=())
    assert one_component(replace(recording, channels=(empty, *recording.channels[1:]))).components == ("E",)


def test_times_are_those_of_the_component_that_is_looked_at():
    late = recording_of(bursts(), rate=RATE, components=["Z"], start=1000.0)
    early = recording_of(bursts(seed=1), rate=RATE, components=["N"], start=900.0)
    both = replace(late, channels=late.channels + early.channels)
    assert both.start == 900 and both.n == 40_000
    assert [round(one.start) for one in find_triggers(both)] == [1060, 1130, 1200]
    assert [round(one.start) for one in find_triggers(both, component="N")] == [960, 1030, 1100]


def test_work_can_be_watched_and_stopped(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10_000)
    seen = []
    found_in(bursts(), on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(10_000, 30_000), (20_000, 30_000), (30_000, 30_000)]
    with pytest.raises(Stopped, match="after 10000 of 30000 samples"):
        found_in(bursts(), on_progress=lambda done, total: False)


# ---- what does not fit ----
@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sta": 20.0}, "'sta' .* below 'lta' .10 s.. Got 20 s"),
        ({"sta": 0.001}, "at least one sample of 'recording' .0.01 s.. Got 0.001 s"),
        ({"off": 5.0}, "'off' .* not above 'on' .3.5.. Got 5"),
        ({"off": 0.0}, "'off' .* above 0"),
        ({"method": "recursiv"}, "Did you mean 'recursive'"),
        ({"component": "N"}, "'component' setting of the triggers of 'recording'"),
        ({"highpass": 60.0}, "half the sampling rate"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        found_in(bursts(), **settings)


def test_recordings_that_cannot_trigger_are_refused_with_the_reason():
    with pytest.raises(
        DataError, match=r"must be longer than the long average of the triggers \(10 s\). Got 5 s"
    ):
        found_in(bursts()[:500])
    with pytest.raises(DataError, match="must have a component that changes .* in: Z, N, E"):
        found_in(np.zeros((3, 5000)))
    with pytest.raises(DataError, match="must have a component that changes .* in: its only one"):
        found_in(np.full(5000, np.nan))


# ---- coincidences ----
def trigger(station, start, end, sensor="SH"):
    return Trigger(f"{station}.{sensor}", station, start, end, 5.0)


def test_chains_of_overlaps_count_and_others_do_not():
    chain = [trigger("A", 0, 2), trigger("B", 1.5, 4), trigger("C", 3.5, 5)]
    (found,) = coincidences(chain[::-1])
    assert found == Coincidence(0, 5, ("A", "B", "C"), ("A.SH", "B.SH", "C.SH"), 3)
    apart = [*chain[:2], trigger("C", 4.5, 6)]
    assert coincidences(apart) == []
    assert [one.sum for one in coincidences(apart, within=0.5)] == [3]
    assert [one.stations for one in coincidences(apart, stations=2)] == [("A", "B")]


def test_two_sensors_of_a_station_are_one_station():
    two = [trigger("A", 0, 2), trigger("A", 0.5, 2, "BH"), trigger("B", 1, 2)]
    assert coincidences(two) == []
    (found,) = coincidences(two, stations=2)
    assert found.stations == ("A", "B") and found.recordings == ("A.SH", "A.BH", "B.SH") and found.sum == 2


def test_the_tail_of_a_coincidence_is_no_second_one():
    overlapping = [trigger(name, i, 10) for i, name in enumerate("ABCDE")]
    assert [one.stations for one in coincidences(overlapping)] == [("A", "B", "C", "D", "E")]


def test_a_month_of_triggers_takes_their_number_not_its_square():
    many = [trigger("ABCD"[i % 4], 10.0 * i, 10.0 * i + 1) for i in range(50_000)]
    assert coincidences(many) == []
    assert all(a.start < b.start for a, b in pairwise(coincidences(many, stations=1)))


def test_numbers_that_make_no_sense_are_refused():
    with pytest.raises(SettingError, match="'stations' .* from 1 on. Got 0"):
        coincidences([], stations=0)
    with pytest.raises(SettingError, match="'within' .* at least 0 s. Got -1"):
        coincidences([], within=-1)
