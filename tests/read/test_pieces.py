"""Regions are put together of pieces, each decoded once though many threads want it, and few are kept."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from clew.errors import DataError
from clew.read.pieces import Pieces, _Recent

RNG = np.random.default_rng(0)


class Cut(Pieces):
    """An array cut into pieces, which counts how often each is decoded."""

    def __init__(self, array, chunk, axes="ZYX"):
        super().__init__(Path("cut"), axes, array.shape, chunk, array.dtype)
        self.array, self.decoded = array, []

    def decode(self, index):
        self.decoded.append(index)
        return self.array[tuple(slice(i * c, (i + 1) * c) for i, c in zip(index, self.chunk))]


@pytest.mark.parametrize("chunk", [(1, 1, 1), (2, 7, 5), (5, 40, 30), (1, 16, 16)])
def test_every_region_is_that_of_the_array(chunk):
    array = RNG.integers(0, 1000, (5, 40, 30))
    pieces = Cut(array, chunk)
    for _ in range(30):
        ends = [sorted(RNG.integers(0, n + 1, 2)) for n in array.shape]
        region = tuple(slice(int(a), int(b)) for a, b in ends)
        np.testing.assert_array_equal(pieces.region(region), array[region])


def test_the_comparison_above_can_fail():
    array = RNG.integers(0, 1000, (5, 40, 30))
    pieces = Cut(array, (2, 8, 5))
    plain = pieces.decode
    pieces.decode = lambda index: plain(
        (index[0], 4 - index[1], index[2])
    )  # the mutant: rows of pieces swapped
    region = (slice(0, 5), slice(0, 40), slice(0, 30))
    assert pieces.region(region).shape == array.shape
    assert not np.array_equal(pieces.region(region), array)


def test_a_piece_that_several_threads_want_is_decoded_once():
    array = RNG.integers(0, 255, (1, 64, 64)).astype(np.uint8)
    pieces, gate = Cut(array, (1, 64, 64)), threading.Barrier(4)
    plain = pieces.decode
    pieces.decode = lambda index: (time.sleep(0.05), plain(index))[1]

    def read(_):
        gate.wait()
        return pieces.region((slice(0, 1), slice(3, 9), slice(0, 64)))

    with ThreadPoolExecutor(4) as threads:
        blocks = list(threads.map(read, range(4)))
    assert pieces.decoded == [(0, 0, 0)]
    for block in blocks:
        np.testing.assert_array_equal(block, array[:, 3:9])


def test_a_corrupt_piece_is_named_and_decoded_anew_the_next_time():
    pieces = Cut(np.zeros((4, 40, 30), np.uint16), (1, 16, 16))
    plain, pieces.decode = pieces.decode, lambda index: 1 / 0
    everything = (slice(0, 4), slice(0, 40), slice(0, 30))
    with pytest.raises(
        DataError, match="'cut' must be whole. Got, at z 0, y 0 to 15, x 0 to 15: division by zero"
    ):
        pieces.region(everything)
    with pytest.raises(DataError, match="at z 3, y 32 to 39, x 16 to 29"):
        pieces.piece((3, 2, 1))
    pieces.decode = plain
    assert not pieces.region(everything).any()


def test_no_more_than_the_limit_is_kept_and_the_oldest_goes_first():
    recent, made = _Recent(3000), []

    def want(key, size=1000):
        return recent.get(key, lambda: (made.append(key), np.zeros(size, np.uint8))[1])

    for key in "abcad":  # a is used again, so b is the oldest when d comes
        want(key)
    assert made == list("abcd") and list(recent.pieces) == list("cad") and recent.held == 3000
    want("b")
    assert made == list("abcdb")
    want("huge", 10_000)  # more than the limit is kept alone
    assert list(recent.pieces) == ["huge"] and recent.held == 10_000
    want("a")
    assert list(recent.pieces) == ["a"] and recent.held == 1000
