"""The steps of a k-means run: Lloyd's rules hold at each of them, and they end where the clustering ends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from clew.errors import DataError, SettingError
from clew.explore.kmeans_steps import KMeansSteps, watch_kmeans
from clew.kernels.kmeans import kmeans
from clew.result import Result


def blobs(n: int = 240, d: int = 2, seed: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 3 * rng.normal(size=(3, d))[np.arange(n) % 3]


def by_lloyds_rules(X: np.ndarray, steps: KMeansSteps) -> bool:
    """Whether each step's labels are the nearest centres, and each step's centres the means of the step before."""
    for number, (centers, labels) in enumerate(zip(steps.centers, steps.labels)):
        squared = ((X[:, None] - centers) ** 2).sum(axis=2)
        if (labels != squared.argmin(axis=1)).any():
            return False
        if not np.isclose(steps.inertia[number], squared.min(axis=1).sum(), rtol=1e-12):
            return False
        if number:
            before = steps.labels[number - 1]
            means = [X[before == c].mean(axis=0) for c in range(len(centers))]
            if not np.allclose(centers, means, atol=1e-12):
                return False
    return True


@pytest.mark.parametrize("d", [1, 2, 5])
def test_every_step_follows_lloyds_rules(d):
    X = blobs(d=d)
    steps = watch_kmeans(X, k=4, random_state=3)
    assert steps.n_steps > 2
    assert by_lloyds_rules(X, steps)
    late = dataclasses.replace(steps, centers=np.roll(steps.centers, 1, axis=0))  # the mutant: a step behind
    assert not by_lloyds_rules(X, late)


def test_it_begins_at_rows_and_inertia_falls_until_nothing_changes():
    X = blobs()
    steps = watch_kmeans(X, k=3, random_state=1)
    assert all((center == X).all(axis=1).any() for center in steps.centers[0])
    assert (np.diff(steps.inertia) < 0).all()
    assert steps.converged
    assert (
        not steps.changed[0].any() and not steps.changed[-1].any() and steps.changed[1:-1].any(axis=1).all()
    )


def test_it_ends_where_scikit_learn_ends_from_the_same_centres():
    X = blobs(d=6)
    steps = watch_kmeans(X, k=5)
    theirs = KMeans(5, init=steps.centers[0], n_init=1, tol=0).fit(X)
    np.testing.assert_array_equal(steps.labels[-1], theirs.labels_)
    np.testing.assert_allclose(steps.centers[-1], theirs.cluster_centers_, atol=1e-12)


def test_it_is_the_run_that_clusters():
    X = blobs(d=4)
    for seed in range(5):
        steps = watch_kmeans(X, k=4, random_state=seed)
        labels, centers, inertia, n_iter = kmeans(X, 4, np.array([seed]))
        np.testing.assert_array_equal(steps.labels[-1], labels[0])
        assert steps.n_steps == n_iter[0]
        assert steps.inertia[-1] == pytest.approx(inertia[0], rel=1e-12)


def test_a_run_can_be_stopped_and_says_so():
    steps = watch_kmeans(blobs(), k=6, max_iter=1)
    assert steps.n_steps == 2 and not steps.converged
    assert "stopped" in repr(steps)


def test_two_columns_are_drawn_as_they_are_and_one_along_a_line():
    X = blobs()
    steps = watch_kmeans(X)
    assert steps.drawn_on == "columns" and steps.variance_shown == 1
    np.testing.assert_array_equal(steps.coordinates, X)
    np.testing.assert_array_equal(steps.center_coordinates, steps.centers)
    line = watch_kmeans(X[:, :1])
    np.testing.assert_array_equal(line.coordinates, np.column_stack([X[:, 0], np.zeros(len(X))]))


def test_more_columns_are_drawn_on_scikit_learns_principal_components():
    X = blobs(d=20)
    steps = watch_kmeans(X)
    pca = PCA(2).fit(X)
    assert steps.drawn_on == "principal components"
    assert steps.variance_shown == pytest.approx(pca.explained_variance_ratio_.sum())
    np.testing.assert_allclose(np.abs(steps.coordinates), np.abs(pca.transform(X)), atol=1e-9)
    means = [steps.coordinates[steps.labels[-1] == c].mean(axis=0) for c in range(3)]
    np.testing.assert_allclose(steps.center_coordinates[-1], means, atol=1e-9)


def test_the_same_seed_gives_the_same_steps_and_they_survive_the_disk(tmp_path):
    steps = watch_kmeans(blobs(), k=3, random_state=2)
    assert steps.digest() == watch_kmeans(blobs(), k=3, random_state=2).digest()
    assert steps.digest() != watch_kmeans(blobs(), k=3, random_state=3).digest()
    assert Result.load(steps.save(tmp_path / "steps")).digest() == steps.digest()
    assert steps.settings == {"k": 3, "max_iter": 300, "random_state": 2}


@pytest.mark.parametrize("X", [np.zeros((5, 3)), np.repeat([[0.0, 1.0, 2.0]], 4, axis=0), np.eye(2, 3)])
def test_rows_that_hardly_differ_come_to_an_end(X):
    steps = watch_kmeans(X, k=2)
    assert steps.converged and steps.inertia[-1] == 0
    assert np.isfinite(steps.coordinates).all() and np.isfinite(steps.center_coordinates).all()


@pytest.mark.parametrize(
    ("X", "settings", "error"),
    [
        (np.zeros(5), {}, DataError),
        (np.zeros((1, 2)), {}, DataError),
        (np.full((5, 2), np.nan), {}, DataError),
        (np.zeros((5, 2)), {"k": 0}, SettingError),
        (np.zeros((5, 2)), {"k": 6}, SettingError),
        (np.zeros((5, 2)), {"k": 2.0}, SettingError),
        (np.zeros((5, 2)), {"max_iter": 0}, SettingError),
        (np.zeros((5, 2)), {"random_state": -1}, SettingError),
        (np.zeros((5, 2)), {"kk": 2}, SettingError),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(X, settings, error):
    with pytest.raises(error, match="must be"):
        watch_kmeans(X, **settings)
