"""Rows down the trees, against the same walk in plain Python."""

import numpy as np
import pytest

from clew.kernels.forest import add_leaves

# One tree of three leaves, then a stump: x0 <= 0.5 ? (x1 <= 2 ? a : b) : c; x1 <= 1 ? d : e.
FEATURE = np.array([0, 1, -1, -1, -1, 1, -1, -1], np.int32)
THRESHOLD = np.array([0.5, 2.0, 0, 0, 0, 1.0, 0, 0])
LEFT = np.array([1, 2, -1, -1, -1, 6, -1, -1], np.int32)
RIGHT = np.array([4, 3, -1, -1, -1, 7, -1, -1], np.int32)
VALUE = np.array([[0.3, 0.7], [0.1, 0.9], [1, 0], [0, 1], [0.25, 0.75], [0.5, 0.5], [0.1, 0.9], [0.7, 0.3]])
ROOTS = np.array([0, 5], np.int32)


def by_hand(features):
    out = np.zeros((len(features), 2))
    for row, (a, b) in enumerate(features):
        out[row] += (VALUE[2] if b <= 2 else VALUE[3]) if a <= 0.5 else VALUE[4]
        out[row] += VALUE[6] if b <= 1 else VALUE[7]
    return out


def added(features, threshold=THRESHOLD):
    out = np.zeros((len(features), 2))
    add_leaves(features, FEATURE, threshold, LEFT, RIGHT, VALUE, ROOTS, out)
    return out


@pytest.fixture
def features():
    return np.random.default_rng(0).uniform(-1, 3, (500, 2)).astype(np.float32)


def test_each_row_reaches_its_leaves(features):
    np.testing.assert_array_equal(added(features), by_hand(features))


def test_a_row_on_the_threshold_goes_left():
    on, above = (
        np.array([[0.5, 2.0]], np.float32),
        np.array([[np.nextafter(np.float32(0.5), 1), 2.0]], np.float32),
    )
    np.testing.assert_array_equal(added(on), [VALUE[2] + VALUE[7]])
    np.testing.assert_array_equal(added(above), [VALUE[4] + VALUE[7]])


def test_a_float32_row_is_compared_with_the_float64_threshold():
    x = np.array([[0.1, 0.0]], np.float32)  # 0.1 as float32 is above 0.1 as float64
    threshold = THRESHOLD.copy()
    threshold[0] = 0.1
    np.testing.assert_array_equal(added(x, threshold), [VALUE[4] + VALUE[6]])


def test_moved_thresholds_would_be_noticed(features):
    assert not np.array_equal(added(features, THRESHOLD + 0.05), by_hand(features))
