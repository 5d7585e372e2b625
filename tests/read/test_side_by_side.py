import numpy as np
import pytest

from clew.errors import DataError
from clew.read.side_by_side import REMEMBERED, Column, Shared, finite
from tests.read.slicing import differing_parts


def test_channels_that_are_read_in_turn_cost_one_reading():
    whole, calls = np.random.default_rng(0).normal(size=(500, 3)), []

    def rows(first, stop):
        calls.append((first, stop))
        return whole[first:stop]

    shared = Shared(rows)
    for number in range(3):
        np.testing.assert_array_equal(Column(shared, number).read(100, 200), whole[100:200, number])
    assert calls == [(100, 200)]
    np.testing.assert_array_equal(Column(shared, 1).read(120, 130), whole[120:130, 1])
    assert calls == [(100, 200)]


def test_any_part_of_a_channel_is_that_part_of_the_whole():
    whole = np.random.default_rng(1).normal(size=(300, 2))
    shared = Shared(lambda first, stop: whole[first:stop])
    assert not differing_parts(Column(shared, 1).read, whole[:, 1])


def test_a_memory_that_forgets_where_its_rows_begin_is_found_out():
    class Mutant(Shared):
        def __call__(self, first, stop):
            last = self._last.value
            if last is not None and last[0] <= first <= stop <= last[1]:
                return last[2][: stop - first]
            return super().__call__(first, stop)

    whole = np.random.default_rng(1).normal(size=(300, 2))
    assert differing_parts(Column(Mutant(lambda first, stop: whole[first:stop]), 1).read, whole[:, 1])


def test_what_is_too_long_is_not_kept():
    shared = Shared(lambda first, stop: np.zeros((stop - first, 1)))
    shared(0, REMEMBERED + 1)
    assert shared._last.value is None


def test_what_was_read_can_be_changed_without_changing_what_is_read_next():
    whole = np.arange(10.0)[:, None]
    column = Column(Shared(lambda first, stop: whole[first:stop]), 0)
    column.read(0, 10)[:] = -1
    np.testing.assert_array_equal(column.read(0, 10), np.arange(10.0))


def test_infinite_samples_are_refused_with_their_number():
    with pytest.raises(DataError, match=r"'a.npy' must be finite.*number 13\."):
        finite(np.array([1.0, np.nan, np.inf]), 10, "a.npy")
    np.testing.assert_array_equal(finite(np.array([1, 2], np.int16), 0, "a"), [1.0, 2.0])
