import numpy as np
import pytest

from clew.errors import DataError
from clew.read.recording import Channel, InMemory, Recording, Stretch, recording_of, spell_seconds, spell_time

START = 1274977443.68  # 2010-05-27T16:24:03.680


def recording(*runs, rate=10.0, dated=True):
    """One component of runs (start in s behind START, values)."""
    stretches = tuple(
        Stretch(START + at, len(values), InMemory(np.asarray(values)), 0, f"{i}.mseed")
        for i, (at, values) in enumerate(runs)
    )
    return Recording("A", rate, (Channel("Z", stretches, "counts"),), dated=dated)


def by_hand(one, first, stop):
    """The slow twin: sample by sample, what every stretch says of it."""
    said = [set() for _ in range(first, stop)]
    for stretch in one.channels[0].stretches:
        for i, value in enumerate(stretch.read(0, stretch.n)):
            place = round((stretch.start - one.start) * one.rate) + i - first
            if 0 <= place < len(said) and not np.isnan(value):
                said[place].add(value)
    return np.array([values.pop() if len(values) == 1 else np.nan for values in said])


def test_gaps_are_missing_and_the_rest_is_in_its_place():
    one = recording((0, [1, 2, 3]), (0.6, [4, 5]))
    np.testing.assert_array_equal(one.read(-1, 9)[0], [np.nan, 1, 2, 3, np.nan, np.nan, np.nan, 4, 5, np.nan])
    assert one.n == 8 and one.duration == 0.8
    assert one.gaps() == (1, pytest.approx(0.3), 0)


def test_overlaps_count_once_where_they_agree_and_are_missing_where_they_differ():
    one = recording((0, [1, 2, 3, 4]), (0.2, [3, 9, 5]))
    np.testing.assert_array_equal(one.read(0, 5)[0], [1, 2, 3, np.nan, 5])
    assert one.gaps() == (0, 0, 1)


def test_where_three_overlap_any_two_that_differ_make_it_missing():
    one = recording((0, [1, 2]), (0, [1, 3]), (0, [1, 3]))
    np.testing.assert_array_equal(one.read(0, 2)[0], [1, np.nan])


def test_any_window_is_what_a_slow_twin_says_of_every_sample():
    rng = np.random.default_rng(0)
    for _ in range(20):
        starts = np.sort(rng.integers(0, 60, 6)) / 10
        one = recording(*[(at, rng.integers(0, 3, rng.integers(1, 30)).astype(float)) for at in starts])
        whole = by_hand(one, 0, one.n)
        assert np.isnan(whole).any()
        for first in range(-3, one.n, 7):
            np.testing.assert_array_equal(one.read(first, first + 9)[0], by_hand(one, first, first + 9))


def test_a_window_does_not_depend_on_the_windows_around_it():
    one = recording((0, np.arange(50.0)), (2, [7.0]), (3, np.arange(50.0)))  # the second within the first
    whole = one.read(0, one.n)
    for first in range(0, one.n, 3):
        np.testing.assert_array_equal(
            one.read(first, first + 4)[:, : one.n - first], whole[:, first : first + 4]
        )


def test_components_that_begin_at_different_times_share_one_grid():
    z = Channel("Z", (Stretch(START, 3, InMemory(np.array([1.0, 2, 3]))),), "counts")
    n = Channel("N", (Stretch(START + 0.101, 3, InMemory(np.array([4.0, 5, 6]))),), "m/s")
    one = Recording("A", 10.0, (z, n))
    np.testing.assert_array_equal(one.read(0, 4), [[1, 2, 3, np.nan], [np.nan, 4, 5, 6]])
    assert one.components == ("Z", "N") and one.unit == "" and one.gaps() == (0, 0, 0)


def test_components_that_are_not_asked_for_are_not_read():
    class Refuses:
        def read(self, first, stop):
            raise AssertionError("was read")

    rows = np.arange(30.0).reshape(3, 10)
    channels = tuple(Channel(name, (Stretch(0.0, 10, InMemory(row)),)) for name, row in zip("ZNE", rows))
    one = Recording("A", 1.0, channels)
    np.testing.assert_array_equal(one.read(-1, 5, [2, 0])[:, 1:], rows[[2, 0], :5])
    np.testing.assert_array_equal(one.read(0, 10), rows)
    shut = Recording("A", 1.0, (channels[0], Channel("N", (Stretch(0.0, 10, Refuses()),)), channels[2]))
    np.testing.assert_array_equal(shut.read(2, 4, [0]), rows[:1, 2:4])
    with pytest.raises(AssertionError, match="was read"):
        shut.read(2, 4)


def test_a_channel_may_hold_nothing():
    z = Channel("Z", (Stretch(START, 2, InMemory(np.array([1.0, 2]))),))
    one = Recording("A", 10.0, (z, Channel("N", ())))
    assert one.n == 2 and one.gaps() == (0, 0, 0)
    np.testing.assert_array_equal(one.read(0, 2), [[1, 2], [np.nan, np.nan]])
    assert Recording("A", 10.0, (Channel("N", ()), z)).source_at(0) == ""


def test_the_file_of_a_sample_is_that_of_its_stretch():
    one = recording((0, [1, 2, 3]), (0.6, [4, 5]))
    assert [one.source_at(i) for i in (0, 2, 4, 6, 7)] == [
        "0.mseed",
        "0.mseed",
        "0.mseed",
        "1.mseed",
        "1.mseed",
    ]


def test_times_and_samples_lead_to_each_other():
    one = recording((0, np.zeros(100)), rate=99.0)
    assert all(one.index(one.time(i)) == i for i in range(100))


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(DataError, match="must be above 0 Hz"):
        recording((0, [1.0]), rate=rate)


def test_a_recording_without_samples_is_refused():
    with pytest.raises(DataError, match="must hold samples"):
        recording((0, []))


# ---- of arrays, and in words ----
def test_an_array_is_a_recording():
    values = np.arange(6).reshape(3, 2)
    one = recording_of(values, rate=100, name="a", unit="m/s")
    assert one.components == ("Z", "N", "E") and not one.dated and one.start == 0 and one.unit == "m/s"
    np.testing.assert_array_equal(one.read(0, 2), values)
    assert one.read(0, 2).dtype == np.float64
    assert recording_of(values[0], rate=1, start=START).components == ("",)
    with pytest.raises(DataError, match="must be 3 names"):
        recording_of(values, rate=1, components=["x"])
    with pytest.raises(DataError, match="must be of shape"):
        recording_of(np.zeros((2, 2, 2)), rate=1)


def test_times_and_durations_are_written_for_people():
    assert spell_time(START, dated=True) == "2010-05-27T16:24:03.680"
    assert spell_time(1.9996, dated=True) == "1970-01-01T00:00:02.000"
    assert spell_time(-0.5, dated=True) == "1969-12-31T23:59:59.500"
    assert spell_time(12.5, dated=False) == "12.500s"
    written = [spell_seconds(seconds) for seconds in (0.5, 90, 150, 9360, 30 * 86400, 3.2e8)]
    assert written == ["0.5 s", "90 s", "2.5 min", "2.6 h", "30 days", "10.1 years"]
    assert repr(recording((0, np.zeros(20)))) == "<Recording A: Z at 10 Hz, 2 s from 2010-05-27T16:24:03.680>"
