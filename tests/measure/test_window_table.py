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
