import gc
import pickle
import weakref

import numpy as np
import pytest

from clew.read import kept
from clew.read.kept import Kept
from clew.read.side_by_side import Column, Shared


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(kept, "LIMIT", 1000)
    monkeypatch.setattr(kept, "_all", kept._All())


def test_all_readers_together_keep_no_more_than_the_limit_and_the_oldest_goes_first():
    readers = [Kept() for _ in range(30)]
    for i, one in enumerate(readers):
        one.keep(i, 100)
        held = [place.value for place in readers if place.value is not None]
        assert held == list(range(max(0, i - 9), i + 1))
    readers[20].keep("anew", 100)  # now the youngest
    readers[0].keep("much", 900)
    assert [i for i, one in enumerate(readers) if one.value is not None] == [0, 20]


def test_a_limit_that_is_too_high_keeps_all():
    kept.LIMIT = 10_000
    readers = [Kept() for _ in range(30)]
    for one in readers:
        one.keep("something", 100)
    assert all(one.value for one in readers)


def test_one_reader_may_keep_more_than_the_limit_if_it_is_alone():
    one, other = Kept(), Kept()
    one.keep("long", 5000)
    assert one.value == "long"
    other.keep("short", 1)
    assert (one.value, other.value) == (None, "short")


def test_a_reader_that_keeps_something_else_counts_once():
    one, other = Kept(), Kept()
    other.keep("here", 500)
    for i in range(20):
        one.keep(i, 400)
    assert (one.value, other.value) == (19, "here")


def test_what_a_reader_kept_goes_with_it_and_does_not_travel():
    one, values = Kept(), np.zeros(3)
    one.keep(values, 24)
    assert pickle.loads(pickle.dumps(one)).value is None
    gone = weakref.ref(values)
    del one, values
    gc.collect()
    assert gone() is None


def test_a_hundred_files_hold_the_rows_of_few_and_read_the_same():
    whole = np.random.default_rng(0).normal(size=(100, 40, 2))
    files = [Shared(lambda first, stop, one=one: one[first:stop]) for one in whole]
    for _ in range(2):
        for shared, rows in zip(files, whole):
            np.testing.assert_array_equal(Column(shared, 1).read(3, 23), rows[3:23, 1])
    assert sum(shared._last.value is not None for shared in files) == 1000 // (20 * 2 * 8)
