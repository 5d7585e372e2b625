import numpy as np
import pytest

from clew.errors import DataError
from clew.read.live_recording import LiveRecording
from clew.read.recording import Recording, recording_of
from tests.read.slicing import differing_parts


def empty(components=("Z", "N"), *, rate=10.0, keep=1e6, start=100.0):
    return LiveRecording(
        "a", station="a", rate=rate, components=components, start=start, dated=True, keep=keep
    )


def test_a_recording_that_grew_is_a_recording():
    values = np.random.default_rng(0).normal(size=(2, 500))
    live, whole = empty(), recording_of(values, rate=10, start=100.0, components=("Z", "N"))
    for at in range(0, 500, 7):
        for name, row in zip("ZN", values):
            live.add(name, at, row[at : at + 7])
    assert live.advance() and not live.advance()
    assert isinstance(live, Recording)
    for name in ("components", "rate", "start", "n", "duration", "dated"):
        assert getattr(live, name) == getattr(whole, name)
    assert (live.time(30), live.index(103.0), live.spell(live.start)) == (
        103.0,
        30,
        "1970-01-01T00:01:40.000",
    )
    for i in range(2):
        assert not differing_parts(lambda first, stop, i=i: live.read(first, stop)[i], values[i])
    np.testing.assert_array_equal(live.read(-5, 510), whole.read(-5, 510))
    assert differing_parts(lambda first, stop: live.read(first, stop)[0], values[1])  # the check can fail


def test_gaps_are_missing_and_pieces_may_come_in_any_order():
    values = np.arange(100.0)
    live = empty(("Z",))
    for first, stop in ((60, 80), (10, 30), (0, 10), (25, 30)):
        live.add("Z", first, values[first:stop])
        live.advance()
    expected = values.copy()
    expected[30:60] = np.nan
    np.testing.assert_array_equal(live.read(0, 80)[0], expected[:80])
    assert (live.n, live.gaps()[0]) == (80, 1)
    live.add("Z", 20, np.array([-1.0]))  # says something else than what is there
    assert np.isnan(live.read(20, 21)[0, 0])


def test_a_component_that_is_behind_is_waited_for_thirty_seconds():
    live = empty(rate=1.0)
    live.add("Z", 0, np.zeros(25))
    assert not live.advance() and live.n == 0
    live.add("N", 0, np.zeros(20))
    assert live.advance() and live.n == 20
    live.add("Z", 25, np.zeros(35))
    assert live.n == 20 and live.advance() and live.n == 30
    live.settle()
    assert live.n == 60 and not live.settle()
    assert np.isnan(live.read(20, 60)[1]).all()


def test_only_the_last_part_is_held():
    live = empty(("Z",), keep=5.0)
    for at in range(0, 10_000, 100):
        live.add("Z", at, np.arange(at, at + 100.0))
        live.advance()
        live.trim()
        assert sum(len(piece) for _, piece in live._pieces["Z"]) <= 100 + 50 + 4096
    assert live.n == 10_000
    np.testing.assert_array_equal(live.read(9_850, 10_000)[0], np.arange(9_850.0, 10_000))
    with pytest.raises(DataError, match=r"among the last 5 s that are held. Got one from 0.1 s before them"):
        live.read(9_849, 9_900)
    live.add("Z", 0, np.zeros(9_000))  # too late
    assert not live.advance()
    assert live.n == 10_000


def test_all_that_was_yielded_can_be_read_once_more_whatever_is_held():
    live = empty(("Z",), keep=1.0)
    live.add("Z", 0, np.arange(5000.0))
    live.advance()
    live.trim()
    np.testing.assert_array_equal(live.read(0, 5000)[0], np.arange(5000.0))
    live.trim()
    with pytest.raises(DataError):
        live.read(0, 10)
