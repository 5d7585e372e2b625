"""Metrics, principal coordinates and stress against scipy, scikit-learn and closed forms; bad metrics in one sentence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist

from clew.distances import square_distances
from clew.errors import DataError, SettingError
from clew.explore import distances as module
from clew.explore.cluster import cluster
from clew.explore.distances import MetricSpace, metric_space, principal_coordinates, stress
from clew.explore.embed import embed
from clew.explore.evidence import evidence
from clew.explore.kmeans_steps import watch_kmeans
from clew.explore.neighbors import neighbors


@pytest.fixture(scope="module")
def X():
    return np.abs(np.random.default_rng(0).normal(size=(80, 5))) + 0.1


SCIPYS = {"manhattan": "cityblock"}


@pytest.mark.parametrize(
    "metric",
    ["euclidean", "manhattan", "chebyshev", "cosine", "correlation", "canberra", "braycurtis"],
)
def test_distances_of_all_metrics_equal_scipys(X, metric):
    space = metric_space(X, metric=metric, of="test")
    wanted = cdist(X, X, SCIPYS.get(metric, metric))
    np.testing.assert_allclose(space.block(np.array([3, 7])), wanted[[3, 7]], atol=1e-12)
    if space.euclidean is not None:
        turned = space.of_euclidean(cdist(space.euclidean, space.euclidean))
        np.testing.assert_allclose(turned, wanted, atol=1e-12)


def test_parts_of_the_rows_keep_their_distances_and_ask_a_callable_once(X):
    asked = []

    def measure(a, b):
        asked.append(1)
        return np.abs(a - b).sum()

    space = metric_space(X, metric=measure, of="test")
    before = len(asked)
    np.testing.assert_allclose(space.matrix, cdist(X, X, "cityblock"))
    assert len(asked) - before == 80 * 79 / 2
    part = space.take(np.array([1, 5, 9]))
    np.testing.assert_allclose(part.matrix, cdist(X, X, "cityblock")[np.ix_([1, 5, 9], [1, 5, 9])])
    assert len(asked) - before == 80 * 79 / 2


def test_blocks_are_all_rows_in_order(X, monkeypatch):
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 200)
    space = metric_space(X, metric="manhattan", of="test")
    rows, parts = zip(*space.blocks(np.arange(80)))
    assert len(parts) == 40
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(80))
    np.testing.assert_allclose(np.concatenate(parts), cdist(X, X, "cityblock"))


# ---- what is no metric ----
def raises(a, b):
    raise ZeroDivisionError("by nothing")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (raises, "'raises' must give a distance for any two rows. Got ZeroDivisionError for rows"),
        (lambda a, b: -1.0, "must give distances of at least 0. Got -1.0"),
        (lambda a, b: np.nan, "must give distances of at least 0. Got nan"),
        (lambda a, b: "far", "must give a distance for any two rows. Got ValueError"),
        (lambda a, b: max(0.0, a[0] - b[0]), "must be the same both ways"),
        (lambda a, b: 1.0, "must be 0 from a row to itself. Got 1.0"),
        ("euclidian", "Did you mean 'euclidean'"),
        ("precompted", "Did you mean 'precomputed'"),
    ],
)
def test_what_is_no_metric_is_refused_in_one_sentence(X, metric, words):
    with pytest.raises(SettingError, match=words):
        metric_space(X, metric=metric, of="test")


def test_rows_without_a_direction_have_no_angle():
    rows = np.ones((4, 3))
    with pytest.raises(DataError, match="Got the same number in every feature in row 0 and 3 more"):
        metric_space(rows, metric="correlation", of="test")
    rows[2] = 0
    with pytest.raises(DataError, match="Got only zeros in row 2"):
        metric_space(rows, metric="cosine", of="test")


def test_given_distances_are_not_taken_for_rows():
    known = square_distances(1.0 - np.eye(4))
    assert metric_space(known, metric="auto", of="test").metric == "precomputed"
    with pytest.raises(SettingError, match="must be 'precomputed' for a table of distances. Got 'cosine'"):
        metric_space(known, metric="cosine", of="test")
    with pytest.raises(DataError, match="square"):
        metric_space(np.ones((3, 4)), metric="precomputed", of="test")


# ---- coordinates ----
def test_principal_coordinates_of_euclidean_distances_are_the_principal_components(X):
    from sklearn.decomposition import PCA

    space = MetricSpace("precomputed", None, cdist(X, X))
    found = principal_coordinates(space)
    components = PCA().fit_transform(X)
    assert found.coordinates.shape == (80, 5)
    np.testing.assert_allclose(np.abs(found.coordinates), np.abs(components), atol=1e-9)
    np.testing.assert_allclose(found.explained_variance, components.var(axis=0, ddof=1))
    np.testing.assert_allclose(found.total_variance, X.var(axis=0, ddof=1).sum())
    assert found.negative_share < 1e-9
    np.testing.assert_allclose(cdist(found.coordinates, found.coordinates), cdist(X, X), atol=1e-9)


def test_distances_of_no_straight_space_are_told():
    ring = np.abs(np.arange(40)[:, None] - np.arange(40)[None])
    ways = np.minimum(ring, 40 - ring).astype(float)  # along a circle
    found = principal_coordinates(MetricSpace("precomputed", None, ways))
    assert 0.05 < found.negative_share < 0.5
    assert "fit no straight space" in found.headline()


def test_rows_beside_the_landmarks_lie_where_all_would_put_them(X, monkeypatch):
    space = MetricSpace("precomputed", None, cdist(X, X))
    whole = principal_coordinates(space)
    monkeypatch.setattr(module, "LANDMARKS", 30)
    part = principal_coordinates(space)
    assert part.n_landmarks == 30
    np.testing.assert_allclose(
        cdist(part.coordinates, part.coordinates), cdist(whole.coordinates, whole.coordinates), atol=1e-8
    )


def test_landmarks_are_asked_for_their_own_distances_alone(X, monkeypatch):
    monkeypatch.setattr(module, "MATRIX_ROWS", 10)
    space = metric_space(X, metric="manhattan", of="test")
    some = np.array([4, 40, 7])
    np.testing.assert_allclose(space.block(np.array([1, 2]), some), cdist(X[[1, 2]], X[some], "cityblock"))
    whole = principal_coordinates(MetricSpace("precomputed", None, cdist(X, X, "cityblock")))
    np.testing.assert_allclose(principal_coordinates(space).coordinates, whole.coordinates, atol=1e-8)


def test_distances_that_are_all_zero_have_no_coordinates():
    with pytest.raises(DataError, match="must not all be 0"):
        principal_coordinates(MetricSpace("precomputed", None, np.zeros((5, 5))))


# ---- stress ----
def test_a_map_that_keeps_all_distances_has_no_stress_at_any_scale():
    points = np.random.default_rng(0).normal(size=(50, 2))
    space = metric_space(points, of="test")
    assert stress(space, 7 * points) < 1e-7
    assert stress(space, np.random.default_rng(1).normal(size=(50, 2))) > 0.3
    assert stress(space, np.zeros((50, 2))) == 1


def test_stress_equals_its_definition(X):
    space = metric_space(X, metric="manhattan", of="test")
    drawn, true = cdist(X[:, :2], X[:, :2]), cdist(X, X, "cityblock")
    factor = (drawn * true).sum() / (drawn**2).sum()
    wanted = np.sqrt(((factor * drawn - true) ** 2).sum() / (true**2).sum())
    assert abs(stress(space, X[:, :2]) - wanted) < 1e-12
    assert abs(stress(space, X[:, :2], rows=np.arange(20)) - wanted) < 0.1


# ---- what is no table ----
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda X: csr_array(X), "must be a table of real numbers, .* Got csr_array that is none"),
        (lambda X: X + 1j, "must be a table of real numbers"),
        (lambda X: {"a": 1}, "Got dict that is none"),
        (lambda X: pd.DataFrame({"a": ["q", "r"]}), "Got DataFrame that is none"),
        (lambda X: 1e200 * X, "must be numbers between 1e-15 and 1e\\+15 in size"),
        (lambda X: 1e-200 * X, "scale them first"),
        (lambda X: X[:, :0], "must be a table of rows and columns"),
        (lambda X: X[0], "must be a table of rows and columns"),
        (lambda X: np.where(X > 2, np.nan, X), "must be finite numbers. Got nan in row"),
    ],
)
def test_what_is_no_table_is_refused_by_all_that_take_one(X, make, words):
    wrong = make(X)
    for use in (embed, neighbors, evidence, watch_kmeans, lambda one: cluster([one] * 2)):
        with pytest.raises(DataError, match=words):
            use(wrong)


def test_tables_of_pandas_and_lists_are_taken(X):
    whole = neighbors(X, k=3).digest()
    assert neighbors(pd.DataFrame(X), k=3).digest() == neighbors(X.tolist(), k=3).digest() == whole
