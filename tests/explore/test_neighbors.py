"""Nearest neighbours against a full sort of all distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clew.errors import DataError, SettingError
from clew.explore.neighbors import neighbors, neighbors_among


@pytest.mark.parametrize("shape", [(50, 2), (50, 40), (700, 3), (700, 40)], ids=str)
def test_neighbours_equal_a_full_sort(shape):
    X = np.random.default_rng(0).normal(size=shape)
    distances = cdist(X, X)
    np.fill_diagonal(distances, np.inf)
    found = neighbors(X, k=9)
    np.testing.assert_array_equal(found.indices, np.argsort(distances, axis=1)[:, :9])
    np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :9], atol=1e-12)
    assert found.indices.dtype == np.int32
    assert not np.array_equal(found.indices, np.argsort(cdist(X, X, "cityblock"), axis=1)[:, 1:10])


@pytest.mark.parametrize("n_features", [3, 40])
def test_duplicates_are_at_distance_zero_exactly(n_features):
    X = np.repeat(np.random.default_rng(0).normal(size=(300, n_features)) + 1e3, 2, axis=0)
    found = neighbors(X, k=4)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(600) ^ 1)
    assert np.all(found.distances[:, 0] == 0)
    assert found.n_duplicates == 600
    assert neighbors(X[::2], k=4).n_duplicates == 0


def test_more_duplicates_than_neighbours_do_not_bring_the_row_itself():
    found = neighbors(np.zeros((40, 2)), k=3)
    assert not np.any(found.indices == np.arange(40)[:, None])


def test_fewer_neighbours_are_the_first_of_more():
    X = np.random.default_rng(0).normal(size=(80, 5))
    np.testing.assert_array_equal(neighbors(X, k=12).first(4).indices, neighbors(X, k=4).indices)


@pytest.mark.parametrize("k", [0, 10, 2.5])
def test_an_impossible_k_is_refused(k):
    with pytest.raises(
        SettingError, match=r"'k' setting of neighbors must be an int from 1 to .* \(9\)\. Got"
    ):
        neighbors(np.random.default_rng(0).normal(size=(10, 2)), k=k)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_place(bad):
    X = np.zeros((10, 3))
    X[4, 2] = bad
    with pytest.raises(DataError, match="in row 4, column 2"):
        neighbors(X, k=2)


# ---- other metrics, other rows, and the certificate of an exact search ----
def slow(X, k, metric):
    from scipy.spatial.distance import cdist

    distances = cdist(X, X, metric)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.mark.parametrize(
    ("metric", "scipys"),
    [
        ("manhattan", "cityblock"),
        ("chebyshev", "chebyshev"),
        ("cosine", "cosine"),
        ("correlation", "correlation"),
        ("canberra", "canberra"),
        ("braycurtis", "braycurtis"),
    ],
)
def test_other_metrics_equal_scipys(metric, scipys):
    X = np.abs(np.random.default_rng(0).normal(size=(150, 7))) + 0.1
    found = neighbors(X, k=6, metric=metric)
    indices, distances = slow(X, 6, scipys)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-6, atol=1e-9)
    assert found.metric == metric
    assert not np.array_equal(found.indices, neighbors(X, k=6).indices)


def test_a_callable_and_given_distances_are_neighbours_like_any_other():
    X = np.random.default_rng(0).normal(size=(60, 4))
    apart = np.abs(X[:, None] - X[None]).sum(axis=2)
    named = neighbors(X, k=5, metric="manhattan")
    for found in (
        neighbors(X, k=5, metric=lambda a, b: np.abs(a - b).sum()),
        neighbors(apart, k=5, metric="precomputed"),
    ):
        np.testing.assert_array_equal(found.indices, named.indices)
        np.testing.assert_allclose(found.distances, named.distances)


def test_an_exact_search_is_exact_where_float32_cannot_see(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 8)) + 1e6 * rng.integers(
        0, 2, (400, 1)
    )  # two clouds, farther apart than 7 digits hold
    indices, distances = slow(X, 10, "euclidean")
    found = neighbors(X, k=10)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances)
    from clew.explore import neighbors as module

    monkeypatch.setattr(module, "rounding_of", lambda d, lengths: 0 * lengths)  # the mutant: trust float32
    assert not np.array_equal(neighbors(X, k=10).indices, indices)


def test_an_approximate_search_tells_its_recall_and_misses_few(monkeypatch):
    X = np.random.default_rng(0).normal(size=(3000, 20))
    found = neighbors(X, k=10, search="approximate")
    true = neighbors(X, k=10)
    recall = np.mean([len({*a} & {*b}) / 10 for a, b in zip(found.indices, true.indices)])
    assert not found.exact and true.exact and true.recall == 1
    assert 0.95 <= found.recall < 1
    assert abs(found.recall - recall) < 0.02
    assert "approximate" in found.headline() and "exact" in true.headline()


@pytest.mark.parametrize("search", ["exact", "approximate"])
def test_threads_change_no_neighbour(search, monkeypatch):
    X = np.random.default_rng(0).normal(size=(5000, 12))
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        found.append(neighbors(X, k=7, search=search).digest())
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_neighbours_of_new_rows_are_found_among_the_old(metric):
    from scipy.spatial.distance import cdist

    rng = np.random.default_rng(0)
    X, new = rng.normal(size=(200, 7)), rng.normal(size=(30, 7))
    found = neighbors_among(X, new, k=4, metric=metric)
    apart = cdist(new, X, "cityblock" if metric == "manhattan" else metric)
    np.testing.assert_array_equal(found.indices, np.argsort(apart, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :4], rtol=1e-6)
    itself = neighbors_among(X, X[:3], k=1, metric=metric)
    np.testing.assert_array_equal(itself.indices[:, 0], [0, 1, 2])


def test_given_distances_know_no_new_rows():
    with pytest.raises(SettingError, match="knows no other rows"):
        neighbors_among(np.zeros((4, 4)) + 1 - np.eye(4), np.ones((2, 4)), k=1, metric="precomputed")


def test_new_rows_with_other_features_are_refused():
    with pytest.raises(DataError, match="must have 3 features. Got 2"):
        neighbors_among(np.eye(3), np.ones((2, 2)), k=1)


def test_rows_with_too_few_others_in_the_cells_around_are_compared_with_all(monkeypatch):
    from clew.explore import neighbors as module

    monkeypatch.setattr(module, "PROBES", 1)
    monkeypatch.setattr(module, "ENOUGH_RECALL", 0.0)
    X = np.random.default_rng(0).normal(size=(1000, 8))
    found = neighbors(X, k=60, search="approximate")  # a cell has some 30 rows
    assert found.indices.min() >= 0 and np.isfinite(found.distances).all()
    true = neighbors(X, k=60)
    assert (found.distances[:, -1] == true.distances[:, -1]).mean() > 0.5
