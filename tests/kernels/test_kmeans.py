"""k-means against brute force, scikit-learn and its own definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.cluster import KMeans

import clew.kernels.kmeans as module
from clew.kernels.kmeans import kmeans

SEEDS = np.arange(30)


def blobs(n: int = 200, d: int = 8, k: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 3 * rng.normal(size=(k, d))[np.arange(n) % k]


def inertia_of(X: np.ndarray, labels: np.ndarray, k: int) -> float:
    return sum(
        ((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in range(k) if (labels == c).any()
    )


def test_the_best_of_many_starts_is_the_best_of_all_partitions():
    X = np.random.default_rng(1).normal(size=(11, 2))
    best = min(inertia_of(X, np.array((0, *rest)), 3) for rest in itertools.product(range(3), repeat=10))
    assert kmeans(X, 3, np.arange(100))[2].min() == pytest.approx(best, rel=1e-12)


def test_labels_centers_and_inertia_belong_together():
    X = blobs(n=700)
    for labels, centers, inertia, n_iter in zip(*kmeans(X, 7, SEEDS)):
        distances = ((X[:, None] - centers) ** 2).sum(axis=2)
        np.testing.assert_array_equal(labels, distances.argmin(axis=1))
        np.testing.assert_allclose(centers, [X[labels == c].mean(axis=0) for c in range(7)], atol=1e-12)
        assert inertia == pytest.approx(distances.min(axis=1).sum(), rel=1e-12)
        assert n_iter < 300


@pytest.mark.parametrize(
    ("X", "k"),
    [
        (blobs(), 5),
        (blobs(seed=3), 10),
        (np.random.default_rng(0).normal(size=(500, 4)), 8),
        (np.random.default_rng(0).lognormal(size=(300, 6)), 6),
    ],
    ids=["blobs", "too many centres", "one cloud", "skew"],
)
def test_inertia_is_as_good_as_scikit_learns(X, k):
    theirs = [
        KMeans(k, n_init=1, random_state=int(seed), tol=0, algorithm="lloyd").fit(X).inertia_
        for seed in SEEDS
    ]
    room = 3 * np.std(theirs) / np.sqrt(len(theirs)) + 1e-9 * np.mean(theirs)
    assert kmeans(X, k, SEEDS)[2].mean() <= np.mean(theirs) + room
    assert kmeans(X, k, SEEDS)[2].min() <= min(theirs) * 1.005
    assert kmeans(X, k, SEEDS, 1)[2].mean() > np.mean(theirs) + room  # the mutant: a single iteration


def test_a_start_depends_on_its_own_seed_alone():
    X = blobs()
    together = kmeans(X, 4, np.array([5, 9, 1]))
    for i, seed in enumerate([5, 9, 1]):
        for all_starts, alone in zip(together, kmeans(X, 4, np.array([seed]))):
            np.testing.assert_array_equal(all_starts[i], alone[0])


def test_seeds_differ():
    inertia = kmeans(np.random.default_rng(0).normal(size=(300, 5)), 8, np.arange(20))[2]
    assert len(np.unique(inertia)) > 10


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    X = blobs(n=3000)
    monkeypatch.setattr(module, "THREADS_PAY_FROM", 0)
    runs = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(module, "n_threads", lambda threads=threads: threads)
        runs.append([part.tobytes() for part in kmeans(X, 6, SEEDS)])
    assert runs[0] == runs[1] == runs[2]


def test_as_many_clusters_as_rows_leave_no_inertia_and_no_empty_cluster():
    X = np.random.default_rng(2).normal(size=(12, 3))
    labels, _, inertia, _ = kmeans(X, 12, SEEDS)
    assert (inertia == 0).all()
    assert all(len(np.unique(one)) == 12 for one in labels)


def test_fewer_different_rows_than_clusters_come_to_an_end():
    X = np.repeat([[0.0, 0.0], [1.0, 5.0]], 10, axis=0)
    labels, centers, inertia, _ = kmeans(X, 4, SEEDS)
    assert (inertia == 0).all()
    assert np.isfinite(centers).all()
    assert all(len(np.unique(one)) == 2 for one in labels)


def test_a_cluster_without_rows_restarts_at_the_farthest_row():
    X = np.array([[0.0], [1.0], [2.0], [9.0]])
    labels, centers = np.zeros(4, np.int32), np.array([[3.0], [100.0]])
    module._move_centers(X, labels, (X[:, 0] - 3.0) ** 2, centers)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1])
    np.testing.assert_array_equal(centers, [[1.0], [9.0]])


def test_one_cluster_is_the_mean():
    X = blobs()
    np.testing.assert_allclose(kmeans(X, 1, SEEDS[:1])[1][0, 0], X.mean(axis=0), atol=1e-12)
