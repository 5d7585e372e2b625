"""Rows down the trees, against the same walk in plain Python."""

import numpy as np
import pytest

from clew.kernels.forest import BLOCK, add_leaves, count_below, decide, shares, sum_leaves, sum_walks
from tests.kernels.test_compiling import said_by

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


# ---- ranks, bytes and integers ----
def test_ranks_count_the_thresholds_below(features):
    x = np.round(features[:, 0] * 64).astype(np.float32)
    thresholds = np.unique(np.random.default_rng(1).integers(-64, 192, 250)).astype(np.float32)
    padded = np.pad(thresholds, (0, -len(thresholds) % 4), constant_values=np.inf)
    out = np.empty(len(x), np.int8)
    count_below(x, padded, out)
    np.testing.assert_array_equal(out.astype(int) + 128, np.searchsorted(thresholds, x, side="left"))
    assert (
        out.astype(int) + 128 != np.searchsorted(thresholds, x, side="right")
    ).any()  # counting equal ones too
    count_below(
        np.array([1e30, -np.inf], np.float32), np.append(np.arange(255), np.inf).astype(np.float32), out[:2]
    )
    assert out[:2].tolist() == [127, -128]


def leaf_by_hand(planes, row, plane, bound, goes_right):
    node = 0
    while node < len(plane):
        node = 2 * node + 1 + goes_right(planes[plane[node], row], bound[node])
    return node - len(plane)


@pytest.mark.parametrize("shape", [(2, 15), (63,)])
@pytest.mark.parametrize("n_words", [1, 3])
def test_leaves_of_shallow_trees_are_summed_as_by_hand(shape, n_words):
    random = np.random.default_rng(0)
    planes = random.integers(-4, 4, (5, 2 * BLOCK), dtype=np.int8)  # many counts equal a bound
    plane = random.integers(0, 5, (5, *shape)).astype(np.int32)
    bound = random.integers(-4, 4, (5, *shape), dtype=np.int8)
    table = random.integers(0, 2**60, (n_words, 8, 256 if len(shape) == 2 else 64)).astype(np.uint64)
    table[:, 5:] = 0
    sums = np.empty((n_words, BLOCK + 100), np.uint64)
    sum_leaves(planes, 64, plane, bound, table, sums)

    def by_hand(row, goes_right):
        total = np.zeros(n_words, np.uint64)
        for i in range(5):
            asked, limit = plane[i].reshape(-1, shape[-1]), bound[i].reshape(-1, shape[-1])
            trees = [
                leaf_by_hand(planes, row + 64, *tree, goes_right) for tree in zip(asked, limit, strict=True)
            ]
            total += table[:, i, sum(leaf << 4 * t for t, leaf in enumerate(trees))]
        return total

    some = [0, 1, 63, 64, BLOCK - 1, BLOCK, BLOCK + 99]
    np.testing.assert_array_equal(sums[:, some], np.array([by_hand(row, np.greater) for row in some]).T)
    assert (sums[:, some] != np.array([by_hand(row, np.greater_equal) for row in some]).T).any()


def test_leaves_of_deep_trees_are_summed_as_by_hand(features):
    values = np.zeros((2, 512), np.float32)
    values[:, : len(features)] = features.T
    leaf = FEATURE < 0
    # siblings side by side: a node's right child follows its left one
    order = np.array([0, 1, 4, 2, 3, 5, 6, 7])
    place = np.argsort(order)
    threshold = np.where(leaf, np.inf, THRESHOLD)[order].astype(np.float32)
    column = np.where(leaf, 0, FEATURE)[order].astype(np.int32)
    child = np.where(leaf, np.arange(8), LEFT)[order]
    child = place[child].astype(np.int32)
    says = np.round(VALUE[order].T * 20).astype(np.uint64)
    for size in (len(features), 17, 1):
        sums = np.empty((2, size), np.uint64)
        sum_walks(values, 0, threshold, column, child, place[ROOTS].astype(np.int32), says, sums)
        np.testing.assert_array_equal(sums.T, np.round(by_hand(features[:size]) * 20))


@pytest.mark.parametrize("n_classes", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("margin", [-1, 0, 3])
def test_sums_are_decided_as_argmax_does_and_close_ones_are_named(n_classes, margin):
    random = np.random.default_rng(0)
    total = 40
    share = random.multinomial(total, np.full(n_classes, 1 / n_classes), 2000)
    sums = np.zeros((max(1, n_classes // 2), 2000), np.uint64)
    for k in range(n_classes - 1):
        sums[k // 2] += share[:, k].astype(np.uint64) << np.uint64(32 * (k % 2))
    labels, doubtful, out = (
        np.empty(2000, np.uint8),
        np.empty(2000, np.int64),
        np.empty((n_classes, 2000), np.float32),
    )
    n = decide(sums, n_classes, total, margin, labels, doubtful)
    np.testing.assert_array_equal(labels, share.argmax(axis=1))
    top = np.sort(np.pad(share, ((0, 0), (1, 0)), constant_values=-total), axis=1)
    np.testing.assert_array_equal(doubtful[:n], np.flatnonzero(top[:, -1] - top[:, -2] <= margin))
    shares(sums[:, 5:].copy(), total, 5, out)
    shares(sums[:, :5].copy(), total, 0, out)
    np.testing.assert_array_equal(out, (share.T / total).astype(np.float32))


@pytest.mark.slow
def test_a_second_process_finds_the_vectors_on_disk(tmp_path):
    code = (
        "import numpy as np; from clew.cli import _show_log; _show_log(); from clew.kernels.forest import sum_leaves;"
        "zeros = lambda *shape, kind=np.int8: np.zeros(shape, kind); sums = np.ones((1, 64), np.uint64);"
        "sum_leaves(zeros(1, 64), 0, zeros(1, 2, 15, kind=np.int32), zeros(1, 2, 15), zeros(1, 4, 256, kind=np.uint64), sums);"
        "assert not sums.any()"
    )
    assert said_by(code, tmp_path).startswith("Compiling")
    assert said_by(code, tmp_path) == ""
