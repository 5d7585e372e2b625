"""New rows on a finished map: as good as umap-learn's and openTSNE's, the same bits in any company."""

from __future__ import annotations

import numpy as np
import pytest

from clew.distances import square_distances
from clew.errors import DataError, SettingError
from clew.explore import transform as module
from clew.explore.embed import embed
from clew.explore.transform import transform
from tests.explore.test_affinities import z_scored_digits


def blobs(n, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 4
    return rng.normal(size=(n, 6)) + 8 * np.eye(4, 6)[kind], kind


@pytest.fixture(scope="module")
def known():
    X, kind = blobs(240)
    return X, kind, {method: embed(X, method=method, runs=2) for method in ("umap", "tsne", "pca")}


def share_at_home(points, kind, new_points, new_kind):
    nearest = ((new_points[:, None] - points[None]) ** 2).sum(axis=2).argmin(axis=1)
    return (kind[nearest] == new_kind).mean()


@pytest.mark.parametrize("method", ["umap", "tsne", "pca"])
def test_new_rows_come_to_lie_among_their_own_kind(known, method):
    X, kind, maps = known
    new, new_kind = blobs(60, seed=1)
    for run in range(len(maps[method].coordinates)):
        placed = transform(maps[method], X, new, run=run)
        assert placed.coordinates.shape == (60, 2) and np.isfinite(placed.coordinates).all()
        assert share_at_home(maps[method].coordinates[run], kind, placed.coordinates, new_kind) > (
            0.8 if method == "pca" else 0.98
        )
    shuffled = np.random.default_rng(0).permutation(new_kind)
    assert share_at_home(maps[method].coordinates[run], kind, placed.coordinates, shuffled) < 0.5


@pytest.mark.parametrize("method", ["umap", "tsne", "pca"])
def test_rows_of_the_map_come_back_near_their_place(known, method):
    X, _, maps = known
    again = transform(maps[method], X, X[:50]).coordinates
    points = maps[method].coordinates[0]
    away = np.linalg.norm(again - points[:50], axis=1)
    spread = np.linalg.norm(points - points.mean(axis=0), axis=1).mean()
    assert np.median(away) < (1e-5 if method == "pca" else 0.1) * spread


def test_a_row_lies_at_the_same_place_in_any_company(known, monkeypatch):
    X, _, maps = known
    new, _ = blobs(60, seed=1)
    whole = transform(maps["umap"], X, new)
    np.testing.assert_array_equal(transform(maps["umap"], X, new[:7]).coordinates, whole.coordinates[:7])
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 11)
    for threads in ("1", "3"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        np.testing.assert_array_equal(transform(maps["umap"], X, new).coordinates, whole.coordinates)
    assert not np.array_equal(transform(maps["umap"], X, new, random_state=1).coordinates, whole.coordinates)


def test_the_map_does_not_move(known):
    X, _, maps = known
    before = maps["umap"].coordinates.copy()
    transform(maps["umap"], X, blobs(60, seed=1)[0])
    np.testing.assert_array_equal(maps["umap"].coordinates, before)


@pytest.mark.slow
def test_placed_digits_are_as_true_to_the_data_as_umap_learns():
    import warnings

    from sklearn.manifold import trustworthiness
    from umap import UMAP

    X, digit = z_scored_digits(1797)
    old, new = np.arange(len(X)) % 3 > 0, np.arange(len(X)) % 3 == 0
    ours = embed(X[old], runs=3)
    both = np.concatenate([X[old], X[new]])
    figures = {"ours": [], "umap-learn": []}
    for run in range(3):
        placed = transform(ours, X[old], X[new], run=run).coordinates
        points = ours.coordinates[run]
        figures["ours"].append(
            (
                trustworthiness(both, np.concatenate([points, placed]), n_neighbors=15),
                share_at_home(points, digit[old], placed, digit[new]),
            )
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = UMAP(random_state=run, n_jobs=1).fit(X[old])
            placed = theirs.transform(X[new])
        figures["umap-learn"].append(
            (
                trustworthiness(both, np.concatenate([theirs.embedding_, placed]), n_neighbors=15),
                share_at_home(theirs.embedding_, digit[old], placed, digit[new]),
            )
        )
    (ours_trust, ours_home), (their_trust, their_home) = (np.mean(figures[who], axis=0) for who in figures)
    assert ours_trust > their_trust - 0.01
    assert ours_home > their_home - 0.01


# ---- refusals ----
def test_rows_that_did_not_make_the_map_are_refused(known):
    X, _, maps = known
    with pytest.raises(DataError, match=r"must be the rows that the map was made from \(240 of them\)"):
        transform(maps["umap"], X + 1e-9, X[:3])
    with pytest.raises(DataError, match="of 6 features. Got 3 of 5"):
        transform(maps["umap"], X, X[:3, :5])
    with pytest.raises(SettingError, match="'run' setting of transform must be an int from 0 to 1. Got 2"):
        transform(maps["umap"], X, X[:3], run=2)


def test_a_map_of_distances_has_no_place_for_new_rows(known):
    X = known[0][:40]
    apart = np.abs(X[:, None] - X[None]).sum(axis=2)
    found = embed(square_distances(apart), runs=2)
    with pytest.raises(SettingError, match="made from distances"):
        transform(found, X, X[:2])
    with pytest.raises(SettingError, match="must have a rule for new rows"):
        transform(embed(X, method="pca", metric="manhattan"), X, X[:2])


def test_a_map_made_by_a_function_asks_for_it_again(known):
    X = known[0][:40]

    def city_blocks(a, b):
        return np.abs(a - b).sum()

    found, named = embed(X, runs=2, metric=city_blocks), embed(X, runs=2, metric="manhattan")
    with pytest.raises(
        SettingError, match=r"must be the function that the map was made by \('city_blocks'\)"
    ):
        transform(found, X, X[:3])
    placed = transform(found, X, X[:3], metric=city_blocks)
    np.testing.assert_array_equal(placed.nearest, transform(named, X, X[:3]).nearest)


@pytest.mark.parametrize(
    ("settings", "new", "error", "words"),
    [
        ({"metric": "cosine"}, 3, SettingError, "must be that of the map, 'euclidean'. Got 'cosine'"),
        ({"run": "0"}, 3, SettingError, "'run' setting of transform must be an int from 0 to 1"),
        ({}, 0, DataError, "must be at least 1, of 6 features. Got 0 of 6"),
    ],
)
def test_what_does_not_fit_the_map_is_refused(known, settings, new, error, words):
    X, _, maps = known
    with pytest.raises(error, match=words):
        transform(maps["umap"], X, X[:new], **settings)
    with pytest.raises(DataError, match="of 6 features. Got 20 of 4"):
        transform(maps["pca"], X, X[:20, :4])
    listed = transform(maps["umap"], X.tolist(), X[:2].tolist())
    np.testing.assert_array_equal(listed.coordinates, transform(maps["umap"], X, X[:2]).coordinates)
