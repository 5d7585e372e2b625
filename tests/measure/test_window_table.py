"""Measured windows as rows: names, origin, groups, labels."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.measure.windows import measure_windows
from clew.read.given import Given
from clew.read.recording import recording_of

RATE, START = 50.0, 1274976000.0  # 16:00


def one(name="BW.A", *, components="Z", seconds=60.0, start=START, seed=0):
    x = np.random.default_rng(seed).normal(size=(len(components), int(seconds * RATE)))
    return recording_of(x, rate=RATE, name=name, components=components, start=start, unit="counts")


def given(start, end, label="", recording="BW.A", **columns):
    return Given(recording=recording, start=start, end=end, label=label, columns=columns)


def test_a_window_is_called_after_its_recording_and_time_and_leads_back_to_it():
    samples = measure_windows([one()]).samples
    assert samples.sample[1] == "BW.A@2010-05-27T16:00:10.000"
    row = samples.origin.iloc[1]
    assert (row.source, row.station, row.recording, row["first"], row.components) == (
        "BW.A",
        "BW.A",
        "BW.A",
        500,
        "Z",
    )
    assert (row.start, row.end) == (START + 10, START + 20)
    assert "event" not in samples.origin
    assert measure_windows([one(start=None)]).samples.sample[1] == "BW.A@10.000s"


def test_times_that_cannot_be_compared_are_not_called_start():
    several = [one("a", start=None), one("b", start=None)]
    measured = measure_windows(several)
    assert {"seconds_from", "seconds_to"} <= set(measured.samples.origin.columns)
    assert "start" not in measured.samples.origin
    assert measured.samples.group.tolist() == ["a"] * 6 + ["b"] * 6
    assert any("they are not dated" in note for note in measured.notes)
    assert "start" in measure_windows(several[:1]).samples.origin


def test_the_group_is_the_station_where_there_are_several():
    measured = measure_windows([one("A"), one("B")])
    assert measured.samples.group.tolist() == ["A"] * 6 + ["B"] * 6
    assert any("The group is the station" in note for note in measured.notes)


def marked(*events, stations=("A", "B", "C")):
    return [
        given(START + at, START + at + 10, "quake", recording=name, event=event)
        for at, event in events
        for name in stations
    ]


def test_the_group_is_the_event_where_several_stations_recorded_it():
    network, events = [one(name) for name in "ABC"], [(0, "x"), (20, "y"), (40, "")]
    measured = measure_windows(network, given=marked(*events))
    assert measured.samples.group.tolist() == ["x", "y", "no event, 2010-05-27T16:00:00.000"] * 3
    assert any("The group is the event, since several stations" in note for note in measured.notes)
    assert not any("share their time" in note for note in measured.notes)
    alone = [given(START, START + 10, recording=name, event=name) for name in "ABC"]
    assert measure_windows(network, given=alone).samples.group.tolist() == ["A", "B", "C"]  # by station


def test_windows_that_share_their_time_across_groups_are_counted_as_one_would():
    random = np.random.default_rng(2)
    spans = [
        given(START + at, START + at + 10, "q", recording=name, event=str(random.integers(3)))
        for name in "AB"
        for at in np.sort(random.uniform(0, 600, 12)).tolist()
    ]
    network = [one(name, seconds=700) for name in "AB"]
    for group in ("station", "event"):
        measured = measure_windows(network, given=spans, group=group)
        start, code = measured.samples.origin["start"].to_numpy(), measured.samples.group
        near = np.abs(start[:, None] - start) < 9.99
        shared = int((near & (code[:, None] != code)).any(axis=1).sum())
        (said,) = [note for note in measured.notes if "share their time" in note]
        assert 0 < shared < len(code)
        assert said.startswith(f"{shared} of {len(code)} windows share their time with one of another group")
        assert ("not of other events" in said) == (group == "station")
    apart = [given(START + 30 * i, START + 30 * i + 10, recording="AB"[i % 2]) for i in range(20)]
    notes = measure_windows(network, given=apart, group="station").notes
    assert not any("share their time" in note for note in notes)
    touching = measure_windows(network[:1], group="day").notes  # one group; and neighbours that only touch
    assert not any("share their time" in note for note in touching)


def test_windows_without_an_event_are_grouped_by_their_time_at_all_stations():
    network = [one(name, seconds=300) for name in "AB"]
    told = [given(START + 50, START + 60, "quake", recording=name, event="x") for name in "AB"]
    measured = measure_windows(network, given=told, everywhere=True, rest="noise", group="event", step=5.0)
    start, group = measured.samples.origin["start"].to_numpy(), measured.samples.group
    quiet = measured.samples.labels == "noise"
    minute = ((start - START) // 100).astype(int)
    assert len(set(group[quiet])) == 3
    assert all(len(set(group[quiet & (minute == k)])) == 1 for k in range(3))  # both stations, all windows
    assert set(group[measured.samples.labels == "quake"]) == {"x"}


def test_windows_of_one_station_are_left_to_splits_by_time():
    measured = measure_windows([one()])
    assert measured.samples.group.tolist() == measured.samples.sample.tolist()
    assert any("split by time" in note for note in measured.notes)


def test_a_group_may_be_asked_for():
    night = one(start=START + 8 * 3600 - 30)
    assert (
        measure_windows([night], group="day").samples.group.tolist()
        == ["2010-05-27"] * 3 + ["2010-05-28"] * 3
    )
    assert set(measure_windows([one()], group="file").samples.group) == {"BW.A"}
    told = [
        given(START, START + 10, person="ann"),
        given(START + 20, START + 30, person="bob"),
        given(START + 40, START + 50),
    ]
    assert measure_windows([one()], given=told, group="person").samples.group.tolist() == [
        "ann", "bob", "BW.A@2010-05-27T16:00:40.000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("group", "recording", "words"),
    [
        (
            "stations",
            one(),
            "one of: station, day, event, file. Got 'stations' instead. Did you mean 'station'",
        ),
        ("event", one(), "where triggers coincide .* or the given windows have a column 'event'"),
        ("day", one("a", start=None), "'day' where all recordings are dated. Got 'a'"),
    ],
)
def test_a_group_that_there_is_not_is_refused(group, recording, words):
    with pytest.raises(SettingError, match=words):
        measure_windows([recording], group=group)


def test_what_people_said_stands_beside_each_window():
    told = [
        given(START, START + 10, "quake", magnitude=2.5, place="Bad Reichenhall"),
        given(START + 20, START + 30, magnitude=float("nan")),
        given(START + 40, START + 50, "noise", event="x"),
    ]
    samples = measure_windows([one()], given=told).samples
    assert samples.labels.tolist() == ["quake", "", "noise"]
    np.testing.assert_array_equal(samples.origin.magnitude, [2.5, np.nan, np.nan])
    assert samples.origin.place.tolist() == ["Bad Reichenhall", "", ""]
    assert samples.origin.event.tolist() == ["", "", "x"]
    assert measure_windows([one()], given=told, group="event").samples.group[2] == "x"
    kept = measure_windows([one()], given=told, columns=["magnitude"]).samples.origin
    assert "place" not in kept
    with pytest.raises(SettingError, match="among: magnitude, place, event. Got 'depth'"):
        measure_windows([one()], given=told, columns=["depth"])
    with pytest.raises(DataError, match="must not be called 'first'"):
        measure_windows([one()], given=[given(START, START + 10, first=1.0)])


def test_without_labels_there_are_none():
    assert measure_windows([one()]).samples.labels is None


def test_the_station_that_annotations_tell_is_that_of_files_which_tell_none():
    files = [one(f"{name}.npz", start=None, seed=i) for i, name in enumerate("abc")]
    spans = [
        given(at, at + 10, recording=f"{name}.npz", station_code=code)
        for name, code in (("a", "U"), ("b", "U"), ("c", "V"))
        for at in (0.0, 20.0)
    ]
    for group in ("station", None):
        measured = measure_windows(files, given=spans, group=group)
        assert measured.samples.origin["station"].tolist() == ["U"] * 4 + ["V"] * 2
        assert measured.samples.group.tolist() == ["U"] * 4 + ["V"] * 2
        assert any("the station that the annotations tell" in n for n in measured.notes) == (group is None)
        assert not any("not known" in note for note in measured.notes)
    known = [one("a.npz", start=None), one("b.npz", start=None)]
    for recording in known:
        object.__setattr__(recording, "station", "NC.W")
    assert set(measure_windows(known, given=spans[:4]).samples.origin["station"]) == {"NC.W"}


def test_files_whose_stations_nobody_tells_are_said_to_count_as_one_each():
    files = [one(f"{name}.npz", start=None, seed=i) for i, name in enumerate("ab")]
    measured = measure_windows(files, group="station")
    assert set(measured.samples.group) == {"a.npz", "b.npz"}
    assert any("stations are not known: each file counts as one" in note for note in measured.notes)
    half = measure_windows(
        files,
        group="station",
        given=[given(0, 10, recording="a.npz", station_code="U"), given(0, 10, recording="b.npz")],
    )
    assert half.samples.group.tolist() == ["U", "b.npz"]
    assert any("stations of 1 file are not known" in note for note in half.notes)


def test_one_day_as_the_group_is_said():
    assert any(
        "All windows are of one day, 2010-05-27" in note
        for note in measure_windows([one()], group="day").notes
    )
    night = one(start=START + 8 * 3600 - 30)
    assert not any("one day" in note for note in measure_windows([night], group="day").notes)


def test_days_without_rain_are_not_clipped():
    wet = np.arange(400) % 10 < 5  # five days with rain, five without
    rain = np.where(wet, np.random.default_rng(0).exponential(size=400), 0.0)[None]
    for rate, clipped in ((1.0, True), (1 / 86400, False)):
        days = recording_of(rain, rate=rate, name="rain", start=START - START % (86400 * 100))
        measured = measure_windows([days], window=100 / rate, flat=0)
        assert (measured.counts["clipped"] > 0) == clipped
        assert any("clipped" in note for note in measured.notes) == clipped
