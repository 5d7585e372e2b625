"""Neighbourhood kernels against NumPy twins."""

from __future__ import annotations

import numpy as np

from clew.kernels.neighborhood import nearest_candidates, rank_excess


def all_distances(X):
    return np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))


def reach_of(X, k):
    return np.sort(all_distances(X), axis=1)[:, k] ** 2


def slow_excess(X, rows, maps):
    distances = all_distances(X)
    np.fill_diagonal(distances, -1)
    ranks = (distances[:, None, :] < distances[:, :, None]).sum(axis=2)  # (i, j): rows nearer to i than j
    k = maps.shape[2]
    return [sum(max(0, ranks[i, j] - k) for i in rows for j in one[i]) for one in maps]


def test_nearest_candidates_equal_a_full_sort_with_ties_by_index():
    X = np.random.default_rng(0).integers(0, 4, (60, 3)).astype(float)  # many duplicates and ties
    distances = all_distances(X)
    np.fill_diagonal(distances, np.inf)
    order = np.lexsort((np.broadcast_to(np.arange(60), (60, 60)), distances), axis=1)[:, :7]
    candidates = np.argsort(np.random.default_rng(1).random((60, 60)), axis=1)  # all rows in random order
    indices, found = nearest_candidates(X, X, np.arange(60), candidates, 7)
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(found, np.take_along_axis(distances, order, axis=1), atol=1e-12)


def test_a_row_is_never_its_own_neighbour():
    X = np.zeros((9, 2))
    indices, distances = nearest_candidates(X, X, np.arange(9), np.tile(np.arange(9), (9, 1)), 3)
    assert not np.any(indices == np.arange(9)[:, None])
    assert np.all(distances == 0)


def test_rank_excess_equals_a_slow_count():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    maps = np.stack(
        [np.argsort(rng.random((40, 40)), axis=1)[:, :6] for _ in range(3)]
    )  # some rows hold themselves
    rows = np.array([0, 3, 17, 39])
    excess = rank_excess(np.ascontiguousarray(X.T), rows, maps, reach_of(X, 6))
    assert list(excess) == slow_excess(X, rows, maps)
    assert list(excess) != slow_excess(X, rows[:3], maps)


def test_true_neighbours_have_no_excess():
    X = np.random.default_rng(0).normal(size=(40, 5))
    true = np.argsort(all_distances(X), axis=1)[:, 1:7][None]
    columns = np.ascontiguousarray(X.T)
    assert rank_excess(columns, np.arange(40), true, reach_of(X, 6))[0] == 0
    one_wrong = true.copy()
    one_wrong[0, 0, 5] = np.argsort(all_distances(X), axis=1)[0, 10]
    assert (
        rank_excess(columns, np.arange(40), one_wrong, reach_of(X, 6))[0] == 4
    )  # rank 10 instead of at most 6
