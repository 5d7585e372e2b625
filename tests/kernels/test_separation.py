"""The projected index and the simplified silhouette against closed forms and NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clew.kernels.kmeans import kmeans
from clew.kernels.separation import projected_index, simplified_silhouette


def clustered(n=300, d=5, k=4, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, d)) * np.arange(1, d + 1)
    labels, centers, _, _ = kmeans(X, k, np.array([seed]))
    return X, labels[0], centers[0]


def index_twin(X, labels, centers):
    distances = cdist(centers, centers) + np.diag(np.full(len(centers), np.inf))
    indices = []
    for a, b in enumerate(distances.argmin(axis=1)):
        at = {c: X[labels == c] @ (centers[b] - centers[a]) for c in (a, b)}
        whole = np.concatenate(list(at.values()))
        indices.append(1 - sum(len(v) * v.var() for v in at.values()) / (len(whole) * whole.var()))
    return min(indices)


def test_index_equals_its_definition():
    for seed in range(10):
        X, labels, centers = clustered(seed=seed, k=2 + seed)
        assert projected_index(X, labels, centers) == pytest.approx(index_twin(X, labels, centers), rel=1e-10)


def test_halves_of_a_gaussian_have_the_index_two_over_pi():
    x = np.sort(np.random.default_rng(0).normal(size=400_000))
    labels = (np.arange(x.size) >= x.size // 2).astype(np.int32)
    centers = np.array([[x[labels == c].mean()] for c in (0, 1)])
    assert projected_index(x[:, None].copy(), labels, centers) == pytest.approx(2 / np.pi, abs=0.003)


def test_the_index_of_two_gaussians_does_not_see_the_other_directions_but_the_whole_space_does():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1], np.int32), 50_000)
    X = rng.normal(size=(100_000, 12))
    X[:, 0] += 4 * labels
    expected = (4 / 2) ** 2 / (1 + (4 / 2) ** 2)
    for d in (1, 12):
        part = X[:, :d].copy()
        centers = np.array([part[labels == c].mean(axis=0) for c in (0, 1)])
        assert projected_index(part, labels, centers) == pytest.approx(expected, abs=0.005)
    within = sum(((X[labels == c] - centers[c]) ** 2).sum() for c in (0, 1))
    assert 1 - within / ((X - X.mean(axis=0)) ** 2).sum() < 0.5  # the mutant


def test_turning_moving_and_scaling_change_nothing():
    X, labels, centers = clustered()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]

    def moved(points):
        return np.ascontiguousarray(7 + 3 * points @ turn)

    for measure in (projected_index, simplified_silhouette):
        assert measure(moved(X), labels, moved(centers)) == pytest.approx(
            measure(X, labels, centers), rel=1e-9
        )
        assert (
            abs(measure(X * np.arange(1, 6), labels, centers * np.arange(1, 6)) - measure(X, labels, centers))
            > 1e-3
        )


def test_a_cluster_of_two_rows_has_no_index():
    X = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    assert projected_index(X, np.array([0, 0, 0, 1, 1], np.int32), np.array([[0.1], [9.05]])) == 0.0
    X = np.vstack((X, [[9.2]]))
    assert projected_index(X, np.array([0, 0, 0, 1, 1, 1], np.int32), np.array([[0.1], [9.1]])) > 0.99


def test_silhouette_equals_its_definition():
    for seed in range(5):
        X, labels, centers = clustered(seed=seed, k=2 + seed)
        distances = cdist(X, centers)
        own = distances[np.arange(len(X)), labels]
        distances[np.arange(len(X)), labels] = np.inf
        other = distances.min(axis=1)
        expected = ((other - own) / np.maximum(own, other)).mean()
        assert simplified_silhouette(X, labels, centers) == pytest.approx(expected, rel=1e-12)


def test_silhouette_of_far_groups_is_one_and_of_shuffled_labels_not_positive():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.array([0, 1], np.int32), 100)
    X = rng.normal(size=(200, 3)) + 1000 * labels[:, None]
    centers = np.array([X[labels == c].mean(axis=0) for c in (0, 1)])
    assert simplified_silhouette(X, labels, centers) > 0.99
    assert abs(simplified_silhouette(X, rng.permutation(labels), centers)) < 0.2


def test_one_cluster_is_not_separated_from_anything():
    X, labels, centers = np.ones((5, 2)), np.zeros(5, np.int32), np.ones((1, 2))
    assert projected_index(X, labels, centers) == simplified_silhouette(X, labels, centers) == 0.0
