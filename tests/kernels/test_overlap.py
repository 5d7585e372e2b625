"""Counting how labels meet, against a dictionary."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clew.kernels.overlap import overlaps


def slowly(a, b):
    """The twin: a dictionary of pairs."""
    counts = Counter(zip(a.ravel().tolist(), b.ravel().tolist()))
    return np.array([(*pair, n) for pair, n in sorted(counts.items())], np.int64).reshape(-1, 3)


@pytest.mark.parametrize("n_labels", [1, 2, 40, 5000])  # 5000: more pairs than the table begins with
def test_pairs_equal_those_of_a_dictionary(n_labels):
    rng = np.random.default_rng(n_labels)
    a, b = rng.integers(0, n_labels, (2, 20_000), dtype=np.int32)
    a, b = np.repeat(a, 3), np.roll(np.repeat(b, 3), 1)  # runs, as in images
    np.testing.assert_array_equal(overlaps(a, b), slowly(a, b))
    assert not np.array_equal(overlaps(a, b), slowly(a, np.roll(b, 1))) or n_labels == 1


def test_the_largest_labels_are_kept_apart():
    top = np.iinfo(np.int32).max
    a = np.array([top, top, 0, 0, top], np.int32)
    b = np.array([top, 0, top, 0, top], np.int32)
    np.testing.assert_array_equal(overlaps(a, b), [[0, 0, 1], [0, top, 1], [top, 0, 1], [top, top, 2]])


def test_no_pixels_have_no_pairs():
    none = np.empty(0, np.int32)
    assert overlaps(none, none).shape == (0, 3)
