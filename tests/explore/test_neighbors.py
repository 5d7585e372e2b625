"""Nearest neighbours against a full sort of all distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clew.errors import DataError, SettingError
from clew.explore.neighbors import neighbors


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
