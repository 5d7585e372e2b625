import numpy as np
import pytest

from clew.errors import SettingError
from clew.explore.cluster import cluster, cluster_once
from clew.explore.stability import adjusted_rand


def clouds(n=120, d=4, distance=8.0, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    return rng.normal(size=(n, d)) + distance * np.eye(3, d)[kind], kind


@pytest.mark.parametrize("method", ["kmeans", "hdbscan"])
def test_far_clouds_are_found_and_every_run_agrees(method):
    X, kind = clouds()
    found = cluster([X] * 6, method=method, k=3)
    assert adjusted_rand(found.consensus, kind) > 0.95
    assert found.stability.ari_mean > 0.95
    assert found.resampled_ari.min() > 0.9
    assert found.sizes.sum() >= 0.95 * len(X)
    assert len(found.resampled_ari) == 15


def test_one_cloud_cut_in_five_differs_between_runs():
    X = np.random.default_rng(0).normal(size=(150, 4))
    found = cluster([X] * 10, k=5)
    assert found.stability.ari_mean < 0.8
    assert found.stability.ari_min < found.stability.ari_mean
    assert found.confidence.min() < 0.8


def test_a_run_depends_on_its_seed_alone():
    X, _ = clouds(distance=2.0)
    ensemble = cluster([X] * 4, k=4, random_state=7)
    for run in range(4):
        np.testing.assert_array_equal(
            ensemble.labels[run], cluster_once(X, method="kmeans", k=4, seed=7 + run)
        )
    assert cluster([X] * 4, k=4, random_state=7).digest() == ensemble.digest()
    assert cluster([X] * 4, k=4, random_state=8).digest() != ensemble.digest()


def test_each_run_clusters_its_own_space_and_resamples_go_through_it_anew():
    X, _ = clouds()
    asked = []

    def anew(rows, seed):
        asked.append((len(rows), seed))
        return X[rows][:, ::-1]

    found = cluster([X, X[:, ::-1].copy()], k=3, resample=anew)
    assert asked == [(96, 0), (96, 1)]
    assert found.stability.ari_mean > 0.95


@pytest.mark.parametrize("k", [0, -1, 121, 2.5, "two"])
def test_an_impossible_k_is_refused(k):
    with pytest.raises(
        SettingError, match=r"'k' setting of cluster must be an int from 1 to the number of rows \(120\)"
    ):
        cluster([clouds()[0]] * 2, k=k)


def test_an_unknown_method_gets_a_suggestion():
    with pytest.raises(SettingError, match="Did you mean 'kmeans'"):
        cluster([clouds()[0]] * 2, method="kmean")


def test_hdbscan_that_finds_nothing_gives_no_group():
    X = np.random.default_rng(0).uniform(size=(12, 6))
    found = cluster([X] * 3, method="hdbscan")
    assert len(found.sizes) == 0
    assert (found.consensus == -1).all()
    assert "no group" in found.headline()
