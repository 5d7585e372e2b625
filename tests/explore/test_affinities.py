"""Affinities against closed forms, umap-learn and openTSNE."""

from __future__ import annotations

import numpy as np
import pytest

from clew.explore.affinities import curve_parameters, fuzzy_simplicial_set, perplexity_affinities
from clew.explore.neighbors import neighbors
from tests.conftest import shared


def z_scored_digits(n_rows):
    table = np.loadtxt(shared("images/digits/digits_8x8.csv.gz"), delimiter=",")[:n_rows]
    X = table[:, :64]
    return (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1), table[:, 64]


def umap_graph(X, n_neighbors, near=None):
    """Return umap-learn's fuzzy set, of our neighbours (it counts a row among its own) or of its own."""
    from sklearn.metrics import pairwise_distances
    from umap.umap_ import fuzzy_simplicial_set as umap_fuzzy_simplicial_set

    rng = np.random.RandomState(0)
    if near is None:
        distances = pairwise_distances(X.astype(np.float32))
        return umap_fuzzy_simplicial_set(distances, n_neighbors, rng, "precomputed")[0]
    near = near.first(n_neighbors - 1)
    indices = np.hstack([np.arange(len(X))[:, None], near.indices])
    distances = np.hstack([np.zeros((len(X), 1)), near.distances])
    return umap_fuzzy_simplicial_set(
        X, n_neighbors, rng, "euclidean", knn_indices=indices, knn_dists=distances
    )[0]


@pytest.mark.slow
@pytest.mark.parametrize("n_neighbors", [5, 15])
def test_fuzzy_set_equals_that_of_umap_learn(n_neighbors):
    for X in (np.random.default_rng(0).normal(size=(63, 8)), z_scored_digits(600)[0]):
        near = neighbors(X, k=20)
        ours = fuzzy_simplicial_set(near, n_neighbors=n_neighbors)
        assert abs(ours - umap_graph(X, n_neighbors, near)).max() < 1e-5
        # Its own distances have 7 digits, which a narrow bandwidth magnifies.
        assert abs(ours - umap_graph(X, n_neighbors)).max() < 1e-4
        mutant = fuzzy_simplicial_set(near, n_neighbors=n_neighbors + 1)
        assert abs(mutant - umap_graph(X, n_neighbors, near)).max() > 1e-2


@pytest.mark.slow
def test_curve_equals_that_of_umap_learn():
    from umap.umap_ import find_ab_params

    for min_dist in (0.0, 0.1, 0.5, 0.99):
        np.testing.assert_allclose(curve_parameters(min_dist), find_ab_params(1.0, min_dist), rtol=1e-6)


def test_curve_has_the_parameters_that_the_paper_s_code_is_known_for():
    np.testing.assert_allclose(curve_parameters(0.1), (1.577, 0.895), atol=5e-4)
    assert abs(curve_parameters(0.2)[0] - 1.577) > 0.1


def test_fuzzy_set_of_three_rows_on_a_line_follows_by_hand():
    """At 0, 1, 3 with two neighbours each, the nearest has membership 1, the other log2(3) - 1 = p."""
    graph = fuzzy_simplicial_set(neighbors(np.array([[0.0], [1], [3]]), k=2), n_neighbors=3).toarray()
    p = np.log2(3) - 1
    reach = np.array([[0, 1, p], [1, 0, p], [p, 1, 0]])
    np.testing.assert_allclose(graph, reach + reach.T - reach * reach.T, atol=1e-4)


def test_fuzzy_set_is_symmetric_without_loops_and_from_0_to_1():
    graph = fuzzy_simplicial_set(neighbors(np.random.default_rng(0).normal(size=(90, 4)), k=15))
    assert abs(graph - graph.T).max() == 0
    assert graph.diagonal().max() == 0
    assert graph.data.min() > 0
    assert graph.data.max() <= 1


def test_duplicates_belong_together_fully_and_bring_no_nan():
    X = np.repeat(np.random.default_rng(0).normal(size=(20, 3)), 2, axis=0)
    graph = fuzzy_simplicial_set(neighbors(X, k=9), n_neighbors=10)
    assert np.all(np.isfinite(graph.data))
    np.testing.assert_array_equal(graph[np.arange(0, 40, 2), np.arange(1, 40, 2)], 1)


@pytest.mark.parametrize("perplexity", [5, 10])  # below 3 openTSNE misses the entropy of some rows
def test_perplexity_affinities_equal_those_of_opentsne(perplexity):
    from openTSNE.affinity import PerplexityBasedNN

    X = np.random.default_rng(0).normal(size=(120, 6))
    ours = perplexity_affinities(neighbors(X, k=3 * perplexity), perplexity=perplexity)
    theirs = PerplexityBasedNN(X, perplexity=perplexity, method="exact").P
    assert abs(ours - theirs).max() < 1e-9
    mutant = perplexity_affinities(neighbors(X, k=3 * perplexity), perplexity=1.1 * perplexity)
    assert abs(mutant - theirs).max() > 1e-5


def test_perplexity_affinities_are_symmetric_without_loops_and_add_up_to_1():
    X = np.random.default_rng(0).normal(size=(90, 4))
    for rows in (X, np.repeat(X[:30], 3, axis=0), np.ones((90, 4))):
        P = perplexity_affinities(neighbors(rows, k=30), perplexity=10)
        assert abs(P - P.T).max() == 0
        assert P.diagonal().max() == 0
        assert P.data.min() >= 0
        np.testing.assert_allclose(P.sum(), 1)
