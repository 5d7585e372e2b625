import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.explore.cluster import cluster
from clew.explore.distances import metric_space
from clew.explore.stability import adjusted_rand, match
from clew.kernels.kmeans import kmeans


def clouds(n=120, d=4, distance=8.0, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 3
    return rng.normal(size=(n, d)) + distance * np.eye(3, d)[kind], kind


@pytest.mark.parametrize("method", ["kmeans", "hdbscan", "agglomerative", "spectral"])
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


def test_stability_over_resampled_rows_is_of_the_runs_that_had_them():
    X = np.random.default_rng(0).normal(size=(150, 4))
    found = cluster([X] * 10, k=5)
    had = found.resampled_labels > -2
    assert (had.sum(axis=1) == 120).all() and (had.sum(axis=0) > 0).all()
    again, consensus = found.resampled_jaccard, found.consensus
    for run, own in enumerate(found.resampled_labels):
        rows = set(np.flatnonzero((consensus == 1) & had[run]))
        likeness = [len(rows & c) / len(rows | c) for c in (set(np.flatnonzero(own == i)) for i in range(5))]
        assert again[run, 1] == pytest.approx(max(likeness))
    row = 17
    agree = [match(own, consensus)[row] == consensus[row] for own in found.resampled_labels[had[:, row]]]
    assert found.resampled_confidence[row] == pytest.approx(np.mean(agree))
    assert not np.allclose(found.resampled_confidence, found.confidence)
    assert found.jaccard.shape == again.shape == (10, 5)
    assert found.summary()["stability"]["resampled_jaccard"]["1"] == pytest.approx(again[:, 1].mean())
    sure = cluster([clouds()[0]] * 10, k=3)
    assert sure.resampled_confidence.min() == 1 and sure.resampled_jaccard.min() > 0.9


def test_a_run_depends_on_its_seed_alone():
    X, _ = clouds(distance=2.0)
    ensemble = cluster([X] * 4, k=4, random_state=7)
    for run in range(4):
        np.testing.assert_array_equal(ensemble.labels[run], kmeans(X, 4, np.array([7 + run]))[0][0])
    assert cluster([X] * 4, k=4, random_state=7).digest() == ensemble.digest()
    assert cluster([X] * 4, k=4, random_state=8).digest() != ensemble.digest()


def test_each_run_clusters_its_own_space_and_resamples_go_through_it_anew():
    X, _ = clouds()
    asked = []

    def anew(rows, seed):
        asked.append((len(rows), seed))
        return X[rows][:, ::-1]

    found = cluster([X, X[:, ::-1].copy()], k=3, resample=anew)
    assert sorted(asked) == [(96, 0), (96, 1)]
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


# ---- rows known by distances ----
@pytest.mark.parametrize("method", ["kmeans", "hdbscan", "agglomerative", "spectral"])
def test_far_clouds_are_found_by_their_distances_alone(method):
    X, kind = clouds()
    city_blocks = np.abs(X[:, None] - X[None]).sum(axis=2)
    found = cluster([metric_space(city_blocks, metric="precomputed", of="test")] * 4, method=method, k=3)
    assert adjusted_rand(found.consensus, kind) > 0.95
    assert found.resampled_ari.min() > 0.9


def test_average_linkage_equals_scipys():
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    X, _ = clouds(distance=1.5)
    apart = pdist(X, "cityblock")
    slow = fcluster(linkage(apart, "average"), 5, "maxclust")
    space = metric_space(squareform(apart), metric="precomputed", of="test")
    found = cluster([space] * 2, method="agglomerative", k=5)
    assert adjusted_rand(found.labels[0], slow) == 1
    complete = fcluster(linkage(apart, "complete"), 5, "maxclust")
    assert adjusted_rand(found.labels[0], complete) < 1


def test_spectral_clustering_parts_rings_that_k_means_cannot():
    rng = np.random.default_rng(0)
    turn = rng.uniform(0, 2 * np.pi, 300)
    radius = np.repeat([1.0, 6.0], 150) + rng.normal(0, 0.1, 300)
    X = np.column_stack([radius * np.cos(turn), radius * np.sin(turn)])
    kind = np.repeat([0, 1], 150)
    assert adjusted_rand(cluster([X] * 3, method="spectral", k=2).consensus, kind) == 1
    assert adjusted_rand(cluster([X] * 3, method="kmeans", k=2).consensus, kind) < 0.2


def test_methods_without_randomness_agree_with_themselves_and_not_over_resampled_rows():
    X = np.random.default_rng(0).normal(size=(100, 3))
    found = cluster([X] * 5, method="agglomerative", k=4)
    assert found.stability.ari_min == 1
    assert found.resampled_ari.mean() < 0.9


def test_methods_that_keep_all_distances_refuse_more_rows_than_fit(monkeypatch):
    from clew.explore import cluster as module

    monkeypatch.setattr(module, "KEPT_ROWS", 100)
    with pytest.raises(SettingError, match="The rows for agglomerative must be at most 100, .* Got 120"):
        cluster([clouds()[0]] * 2, method="agglomerative", k=3)
    assert len(cluster([clouds()[0]] * 2, method="kmeans", k=3).sizes) == 3


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        (np.zeros((9, 2)), "must be a list of what each of at least 2 runs clusters, .* Got one ndarray"),
        ([], "Got 0 runs"),
        ([np.eye(3)], "Got 1 runs"),
    ],
)
def test_what_is_no_list_of_runs_is_refused(spaces, words):
    with pytest.raises(SettingError, match=words):
        cluster(spaces)
    with pytest.raises(DataError, match="must hold the same rows. Got tables of 3 and 4 rows"):
        cluster([np.eye(3), np.eye(4)])
