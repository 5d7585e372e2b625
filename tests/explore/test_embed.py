"""Ensembles of embeddings: the same bits, honest figures, and umap-learn's quality and spread."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from clew.errors import DataError, SettingError
from clew.explore import embed as module
from clew.explore import faithfulness as judges
from clew.explore.embed import embed, enough_neighbors, layout_once
from clew.explore.faithfulness import neighbor_overlap
from clew.explore.neighbors import neighbors
from clew.result import Result
from tests.explore.test_affinities import z_scored_digits


def blobs(n=120, n_features=5, n_groups=3, apart=6.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_groups
    X = rng.normal(size=(n, n_features)) + apart * rng.normal(size=(n_groups, n_features))[labels]
    return (X - X.mean(axis=0)) / X.std(axis=0), labels


@pytest.fixture(scope="module")
def X():
    return blobs(apart=1.5)[0]


# ---- one seed, one picture ----
@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_a_run_of_the_ensemble_equals_the_single_run_of_its_seed(X, method):
    ensemble = embed(X, method=method, runs=4, random_state=10)
    for run in range(4):
        alone = layout_once(X, 10 + run, method=method)
        np.testing.assert_array_equal(ensemble.coordinates[run], alone)
    assert list(ensemble.seeds) == [10, 11, 12, 13]
    assert np.abs(ensemble.coordinates[0] - ensemble.coordinates[1]).max() > 0.1


def test_the_number_of_threads_changes_no_bit(X, monkeypatch):
    digests = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(module, "n_threads", lambda threads=threads: threads)
        digests.append(embed(X, runs=12).digest())
    assert digests[0] == digests[1] == digests[2]
    assert embed(X, runs=12, random_state=1).digest() != digests[0]


@pytest.mark.slow
def test_threads_of_blas_change_no_bit():
    code = (
        "import numpy as np; from clew.explore.embed import embed;"
        "X = np.random.default_rng(0).normal(size=(1500, 64));"
        "print(embed(X, runs=2).digest())"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n, "NUMBA_NUM_THREADS": n},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    ]
    assert said[0] == said[1] and len(said[0].strip()) == 64


# ---- the figures ----
def test_trustworthiness_and_continuity_equal_those_of_scikit_learn(X):
    result = embed(X, runs=3)
    assert result.k == 15
    for run, points in enumerate(result.coordinates.astype(np.float64)):
        assert abs(result.trustworthiness[run] - trustworthiness(X, points, n_neighbors=15)) < 1e-12
        assert abs(result.continuity[run] - trustworthiness(points, X, n_neighbors=15)) < 1e-12
        assert abs(result.trustworthiness[run] - trustworthiness(X, points, n_neighbors=14)) > 1e-6


def test_a_sample_of_rows_judges_like_all_of_them(X, monkeypatch):
    whole = embed(X, runs=2)
    monkeypatch.setattr(judges, "JUDGED_ROWS", 80)
    part = embed(X, runs=2)
    np.testing.assert_allclose(part.trustworthiness, whole.trustworthiness, atol=0.02)
    assert "trustworthiness and continuity from 80 of 120 rows, drawn at random" in part.notes
    assert not np.array_equal(part.trustworthiness, whole.trustworthiness)


def test_pca_fields_do_not_depend_on_the_method(X):
    from sklearn.decomposition import PCA

    result, theirs = embed(X, runs=1), PCA().fit(X)
    np.testing.assert_allclose(result.pca_explained_variance, theirs.explained_variance_)
    np.testing.assert_allclose(np.abs(result.pca_loadings), np.abs(theirs.components_.T), atol=1e-9)


# ---- alignment ----
def test_aligned_runs_keep_their_shape_and_lie_nearer_to_run_0(X):
    result = embed(X, runs=3)
    np.testing.assert_allclose(result.aligned[0], result.coordinates[0], atol=1e-4)
    for raw, aligned in zip(result.coordinates[1:], result.aligned[1:]):
        gaps_raw, gaps = (np.linalg.norm(p[1:] - p[:-1], axis=1) for p in (raw, aligned))
        np.testing.assert_allclose(gaps / gaps_raw, (gaps / gaps_raw)[0], rtol=1e-3)
        target = result.coordinates[0]
        assert np.sum((aligned - target) ** 2) <= np.sum((raw - target) ** 2)


# ---- what is said ----
def test_pca_is_made_once_and_says_so(X):
    result = embed(X, method="pca", runs=20)
    assert result.coordinates.shape == (1, 120, 2)
    assert "PCA has no randomness: one run" in result.notes
    assert np.all(result.neighbor_overlap == 1)


def test_a_single_run_claims_no_stability(X):
    result = embed(X, runs=1)
    assert result.summary()["neighbor_overlap"] is None
    assert "nothing is known of its stability" in result.headline()


def test_adaptations_are_said():
    few = np.random.default_rng(0).normal(size=(9, 3))
    assert "n_neighbors lowered from 15 to 8: there are 9 rows" in embed(few, runs=2).notes
    assert (
        "perplexity lowered from 30 to 2.66667: there are 9 rows" in embed(few, method="tsne", runs=2).notes
    )
    apart, _ = blobs(apart=200.0)
    assert any("the neighbour graph falls into 3 parts" in note for note in embed(apart, runs=2).notes)
    twice = np.repeat(apart[:30], 2, axis=0)
    assert any("60 of 60 rows equal another row" in note for note in embed(twice, runs=2).notes)
    assert embed(blobs(apart=1.5)[0], runs=2).notes == []


@pytest.mark.parametrize("method", ["umap", "tsne", "pca"])
@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((30, 3)),
        np.repeat(np.arange(4.0), 10)[:, None],
        np.arange(4.0)[:, None],
        np.eye(5),
    ],
    ids=["constant", "few values", "four rows", "all alike"],
)
def test_degenerate_rows_never_give_nan(method, rows):
    result = embed(rows, method=method, runs=3)
    assert np.all(np.isfinite(result.coordinates)) and np.all(np.isfinite(result.aligned))
    assert np.all((result.trustworthiness >= 0) & (result.trustworthiness <= 1))


def test_progress_counts_runs_and_false_stops(X, monkeypatch):
    monkeypatch.setattr(module, "RUNS_IN_TURN", 1)
    monkeypatch.setattr(module, "n_threads", lambda: 1)
    seen = []
    whole = embed(X, runs=4, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    part = embed(X, runs=4, on_progress=lambda done, _: done < 2)
    np.testing.assert_array_equal(part.coordinates, whole.coordinates[:2])
    assert "stopped after 2 of 4 runs" in part.notes
    assert list(part.seeds) == [0, 1]


def test_an_embedding_survives_its_file(X, tmp_path):
    result = embed(X, runs=2)
    again = Result.load(result.save(tmp_path / "embedding.zip"))
    assert again.digest() == result.digest()
    assert again.settings["n_neighbors"] == 15 and again.settings["runs"] == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"runs": 0}, "'runs' setting of embed must be an int of at least 1. Got 0"),
        ({"n_neighbors": 1}, "'n_neighbors' setting of embed must be an int of at least 2. Got 1"),
        ({"min_dist": 2.0}, "'min_dist' setting of embed must be a number from 0 to 1. Got 2.0"),
        ({"perplexity": 0.5}, "'perplexity' setting of embed must be a number of at least 1. Got 0.5"),
        ({"random_state": -1}, "'random_state' of embed must be an int from 0"),
        ({"method": "umpa"}, "Did you mean 'umap'"),
    ],
)
def test_impossible_settings_are_refused(X, settings, words):
    with pytest.raises(SettingError) as caught:
        embed(X, **settings)
    assert words in str(caught.value)


def test_three_rows_are_too_few():
    with pytest.raises(DataError, match=r"must have at least 4 rows\. Got 3 instead"):
        embed(np.eye(3))


# ---- against umap-learn ----
@pytest.mark.slow
def test_quality_and_spread_are_those_of_umap_learn():
    import umap
    from sklearn.metrics import silhouette_score

    runs = 8
    for X, labels in (z_scored_digits(600), blobs(200, n_features=8, n_groups=4, apart=1.2)):
        theirs = np.stack([umap.UMAP(random_state=s, n_jobs=1).fit_transform(X) for s in range(runs)])
        ours = embed(X, runs=runs).coordinates
        for quality in (
            lambda points, X=X: trustworthiness(X, points, n_neighbors=15),
            lambda points, labels=labels: silhouette_score(points, labels),
        ):
            theirs_q, ours_q = (np.array([quality(p) for p in maps]) for maps in (theirs, ours))
            assert theirs_q.min() - 0.01 <= ours_q.mean() <= theirs_q.max() + 0.01
            assert ours_q.std() <= 3 * theirs_q.std() + 0.01
        overlaps = [
            neighbor_overlap(np.stack([neighbors(p, k=15).indices for p in m])).mean() for m in (theirs, ours)
        ]
        assert abs(overlaps[0] - overlaps[1]) < 0.03  # as restless as theirs, no more and no less


# ---- neighbours that all methods share ----
def test_neighbours_found_before_give_the_same_pictures(X):
    near = neighbors(X, k=enough_neighbors(len(X)))
    for method in ("umap", "tsne", "pca"):
        assert embed(X, near, method=method, runs=2).digest() == embed(X, method=method, runs=2).digest()


def test_neighbours_of_other_rows_or_too_few_are_refused(X):
    for wrong in (neighbors(X[:60], k=40), neighbors(X, k=5), neighbors(X, k=40, metric="manhattan")):
        with pytest.raises(DataError, match="must be at least 15 of each of the 120 rows, euclidean. Got"):
            embed(X, wrong, runs=2)


def test_among_many_rows_the_scale_of_neighbourhoods_does_not_shrink(monkeypatch):
    X, _ = blobs(n=600, n_features=4, n_groups=3, apart=8.0)
    whole = embed(X, runs=3)
    monkeypatch.setattr(judges, "SEEN_AMONG", 100)
    some = embed(X, runs=3)
    among = judges.seen_among(600, 0)
    slow = np.empty((3, 600, 15), int)
    for run, points in enumerate(some.coordinates.astype(float)):
        far = np.linalg.norm(points[:, None] - points[None, among], axis=2)
        far[among, np.arange(100)] = np.inf  # a row is no neighbour of itself
        slow[run] = np.argsort(far, axis=1, kind="stable")[:, :15]
    np.testing.assert_allclose(some.neighbor_overlap, neighbor_overlap(slow), atol=1e-12)
    assert some.neighbor_overlap.mean() > whole.neighbor_overlap.mean() + 0.02
    assert "neighbours compared between runs among 100 of 600 rows, drawn at random" in some.notes
    np.testing.assert_array_equal(some.trustworthiness, whole.trustworthiness)
