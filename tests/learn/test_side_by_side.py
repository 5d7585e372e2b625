"""Windows of one time come into one row, and nothing else does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.errors import DataError
from clew.learn.side_by_side import side_by_side, stations_of
from clew.splits import folds, units
from tests.learn.sensor_worlds import world


def test_the_windows_of_one_time_stand_in_one_row():
    samples = world(0, (0, 1, 2), n=30)
    found = side_by_side(samples)
    assert found.samples.features.shape == (30, 9)
    assert list(found.blocks) == ["S0", "S1", "S2"]
    assert found.samples.feature_names[3:6] == ("S1 a", "S1 b", "S1 c")
    np.testing.assert_array_equal(found.samples.features, np.hstack(np.split(samples.features, 3)))
    np.testing.assert_array_equal(found.samples.labels, samples.labels[:30])
    assert found.there.all()


def test_rows_in_any_order_give_the_same_times():
    samples = world(1, (0, 1), n=25)
    order = np.random.default_rng(0).permutation(samples.n_rows)
    one, other = side_by_side(samples), side_by_side(samples.take(order))
    np.testing.assert_array_equal(one.samples.features, other.samples.features)
    assert one.samples.labels.tolist() == other.samples.labels.tolist()


def test_windows_half_a_step_apart_are_not_of_one_time():
    samples = world(2, (0, 1), n=20)
    origin = samples.origin.copy()
    for shift, n_shared in ((4.0, 20), (5.5, 19)):  # of a step of 10 s: then the next one is nearer
        origin["start"] = np.r_[np.arange(20) * 10.0, np.arange(20) * 10.0 + shift]
        origin["end"] = origin["start"] + 10
        alike = dataclasses.replace(samples, origin=origin, labels=np.full(40, "noise"))
        found = side_by_side(alike)
        assert found.samples.n_rows == n_shared
        at = found.samples.features[:, 3]
        np.testing.assert_array_equal(at, samples.features[20 : 20 + n_shared, 0])
        first = 0 if shift < 5 else 1
        np.testing.assert_array_equal(
            found.samples.features[:, 0], samples.features[first : first + n_shared, 0]
        )


def test_times_where_stations_have_different_labels_are_left_out_and_counted():
    samples = world(3, (0, 1), n=20)
    labels = samples.labels.copy()
    labels[4] = "other"
    found = side_by_side(samples.with_labels(labels))
    assert found.samples.n_rows == 19
    assert "1 times were left out, as stations have different labels there." in found.notes


def test_unlabelled_windows_are_left_out_and_the_median_stands_in():
    samples = world(4, (0, 1, 2), n=20)
    labels = samples.labels.copy()
    labels[:6] = ""  # station S0 at the first six times
    found = side_by_side(samples.with_labels(labels))
    assert found.samples.n_rows == 20
    assert found.there[:, 0].tolist() == [False] * 6 + [True] * 14
    np.testing.assert_array_equal(
        found.samples.features[:6, :3], np.tile(np.median(samples.features[6:20], axis=0), (6, 1))
    )
    assert any("no window of S0 at 6" in note for note in found.notes)
    assert any(note.startswith("6 rows without a label") for note in found.notes)


def test_events_go_together_whatever_their_moveout():
    samples = world(5, (0, 1), n=20)
    origin = samples.origin.copy()
    origin["event"] = np.tile([f"e{i}" for i in range(20)], 2)
    origin["start"] = np.r_[np.arange(20) * 100.0, np.arange(20) * 100.0 + 40]  # 40 s later there
    origin["end"] = origin["start"] + 10
    found = side_by_side(dataclasses.replace(samples, origin=origin))
    assert found.samples.n_rows == 20
    with pytest.raises(
        DataError, match="Got 0 of 2 stations"
    ):  # without the events, no two windows are of one time
        side_by_side(dataclasses.replace(samples, origin=origin.drop(columns="event")))


def test_a_group_that_all_windows_of_a_time_share_stays_one():
    days = np.repeat([f"day {i}" for i in range(6)], 5)
    shared = side_by_side(world(6, (0, 1), n=30, group=days)).samples
    assert shared.group.tolist() == days.tolist()
    own = world(6, (0, 1), n=30)
    by_station = dataclasses.replace(own, group=own.origin["station"].to_numpy(str))
    table = side_by_side(by_station).samples
    assert table.n_groups == 30  # the group of a row of several stations cannot be one of them
    assert folds(table).by == "time"


def test_events_that_were_asked_for_as_groups_stand_for_themselves():
    samples = world(7, (0, 1), n=20)
    event = np.tile([f"e{i}" for i in range(20)], 2)
    table = side_by_side(
        dataclasses.replace(samples, origin=samples.origin.assign(event=event), group=event)
    ).samples
    assert folds(table).by == "row"
    assert len(np.unique(units(table)[0])) == 20
    timed = side_by_side(dataclasses.replace(samples, origin=samples.origin.assign(event=event))).samples
    assert folds(timed).by == "time"


def test_two_sensors_of_one_station_are_told_apart():
    samples = world(8, (0, 1), n=10)
    one = dataclasses.replace(
        samples, origin=samples.origin.assign(station="X", start=np.tile(np.arange(10.0), 2))
    )
    assert set(stations_of(one)) == {"S0", "S1"}
    assert set(stations_of(dataclasses.replace(one, origin=one.origin.assign(start=np.arange(20.0))))) == {
        "X"
    }


def test_rows_without_stations_are_refused():
    samples = world(9, (0, 1), n=10)
    with pytest.raises(DataError, match="must have a station and a time"):
        side_by_side(dataclasses.replace(samples, origin=samples.origin[["source"]]))
