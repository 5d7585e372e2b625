"""Beginnings against scikit-learn, dense eigenvectors and a ring."""

from __future__ import annotations

import numpy as np
from scipy.sparse import block_diag, csr_array

from clew.explore import initialise as module
from clew.explore.affinities import fuzzy_simplicial_set
from clew.explore.distances import MetricSpace, metric_space
from clew.explore.initialise import principal_axes, principal_components, spectral_or_pca
from clew.explore.neighbors import neighbors


def test_principal_components_equal_those_of_scikit_learn():
    from sklearn.decomposition import PCA

    for shape in ((80, 7), (12, 30)):
        X = np.random.default_rng(0).normal(size=shape) * np.linspace(1, 3, shape[1])
        ours, theirs = principal_components(X), PCA().fit(X)
        np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_, atol=1e-10)
        np.testing.assert_allclose(ours.coordinates, theirs.transform(X)[:, :2], atol=1e-10)
        significant = theirs.explained_variance_ > 1e-10
        np.testing.assert_allclose(ours.loadings.T[significant], theirs.components_[significant], atol=1e-10)
        assert np.abs(ours.loadings.T[:2] + theirs.components_[:2]).max() > 0.1  # the other sign would not do


def test_one_feature_leaves_the_second_coordinate_at_zero():
    pca = principal_components(np.arange(5.0)[:, None])
    np.testing.assert_allclose(np.abs(pca.coordinates[:, 0]), [2, 1, 0, 1, 2])
    np.testing.assert_array_equal(pca.coordinates[:, 1], 0)


def ring(n):
    forward = np.roll(np.eye(n), 1, axis=1)
    return csr_array(forward + forward.T)


def path(n):
    return csr_array(np.eye(n, k=1) + np.eye(n, k=-1))


def test_a_path_begins_at_its_two_slowest_waves_however_long():
    for n in (40, 400):  # dense, and by Lanczos
        begin = spectral_or_pca(path(n), principal_components(np.zeros((n, 3))))
        assert begin.kind == "spectral"
        place = np.pi * np.arange(n) / (n - 1)
        ends = np.where(np.isin(np.arange(n), (0, n - 1)), 1, np.sqrt(2))  # square roots of the degrees
        for wave, found in zip((1, 2), begin.coordinates.T):
            closed = ends * np.cos(wave * place)
            assert abs(found @ closed) / np.linalg.norm(closed) > 1 - 1e-3
            other = ends * np.cos((wave + 1) * place)
            assert abs(found @ other) / np.linalg.norm(other) < 0.1


def test_lanczos_finds_the_dense_eigenvectors():
    X = np.random.default_rng(0).normal(size=(400, 4)) * [3, 2, 1, 1]
    graph = fuzzy_simplicial_set(neighbors(X, k=15)).astype(np.float64)
    scale = 1 / np.sqrt(graph.sum(axis=1))
    laplacian = np.eye(400) - scale[:, None] * graph.toarray() * scale
    dense = np.linalg.eigh(laplacian)[1]
    begin = spectral_or_pca(graph, principal_components(X)).coordinates
    agreement = np.abs(begin.T @ dense)
    np.testing.assert_allclose(agreement[[0, 1], [1, 2]], 1, atol=1e-3)
    assert agreement[0, 3] < 0.1


def test_a_graph_in_parts_begins_at_the_principal_components_and_says_so():
    X = np.random.default_rng(0).normal(size=(50, 4))
    pca = principal_components(X)
    begin = spectral_or_pca(csr_array(block_diag([ring(20), ring(30)])), pca)
    assert begin.kind == "pca" and begin.reason == "the neighbour graph falls into 2 parts"
    np.testing.assert_array_equal(begin.coordinates, pca.coordinates)


# ---- long and wide tables ----
def rows_of_falling_variance(n_rows, n_features):
    return np.random.default_rng(0).normal(size=(n_rows, n_features)) * 0.9 ** np.arange(n_features) + 100


def test_a_long_table_has_the_same_components_by_its_covariance(monkeypatch):
    X = rows_of_falling_variance(500, 12)
    whole = principal_components(X)
    monkeypatch.setattr(module, "EXACT_PRODUCTS", 0)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 77)
    streamed = principal_components(X)
    np.testing.assert_allclose(streamed.explained_variance, whole.explained_variance, rtol=1e-9)
    np.testing.assert_allclose(streamed.loadings, whole.loadings, atol=1e-8)
    np.testing.assert_allclose(streamed.coordinates, whole.coordinates, atol=1e-8)
    assert abs(streamed.total_variance - whole.explained_variance.sum()) < 1e-9


def test_a_wide_table_has_its_first_components_by_random_projections(monkeypatch):
    X = rows_of_falling_variance(200, 150)
    whole = principal_components(X)
    monkeypatch.setattr(module, "EXACT_PRODUCTS", 0)
    monkeypatch.setattr(module, "NARROW", 100)
    first = principal_components(X)
    assert first.loadings.shape == (150, 50)
    np.testing.assert_allclose(first.explained_variance[:10], whole.explained_variance[:10], rtol=1e-6)
    np.testing.assert_allclose(first.loadings[:, :2], whole.loadings[:, :2], atol=1e-5)
    assert first.explained_variance.sum() < first.total_variance  # what was not worked out is not forgotten
    assert abs(first.total_variance - whole.explained_variance.sum()) < 1e-8
    assert first.digest() == principal_components(X).digest()


def test_axes_of_given_distances_are_principal_coordinates():
    from scipy.spatial.distance import cdist

    X = rows_of_falling_variance(60, 4)
    known, given = (
        principal_axes(metric_space(X, of="test")),
        principal_axes(MetricSpace("precomputed", None, cdist(X, X))),
    )
    np.testing.assert_allclose(np.abs(given.coordinates), np.abs(known.coordinates), atol=1e-8)
    np.testing.assert_allclose(given.explained_variance, known.explained_variance)
    assert given.loadings.shape == (0, 4)
