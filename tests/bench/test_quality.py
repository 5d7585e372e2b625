import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from clew.bench import quality
from clew.bench.quality import Faithfulness, kl_divergence, recall

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6))
PICTURE = X[:, :2] + 0.3 * RNG.normal(size=(300, 2))
GROUPS = (X[:, 0] > 0).astype(int)


def nearest(points: np.ndarray, k: int) -> np.ndarray:
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return distances.argsort(axis=1)[:, :k]


def test_figures_equal_those_of_scikit_learn_and_of_a_slow_twin():
    found = Faithfulness(X, GROUPS, k=10)(PICTURE)
    assert found["trustworthiness"] == pytest.approx(trustworthiness(X, PICTURE, n_neighbors=10), abs=1e-12)
    assert found["silhouette"] == pytest.approx(silhouette_score(PICTURE, GROUPS), abs=1e-12)
    kept = [len(set(a) & set(b)) / 10 for a, b in zip(nearest(X, 10), nearest(PICTURE, 10))]
    assert found["neighbors_kept"] == pytest.approx(np.mean(kept), abs=1e-12)


def test_a_true_picture_scores_1_and_a_random_one_chance():
    flat = X[:, :2]
    assert Faithfulness(flat)(flat) == {"trustworthiness": 1.0, "neighbors_kept": 1.0}
    lost = Faithfulness(flat)(RNG.normal(size=flat.shape))
    assert lost["neighbors_kept"] == pytest.approx(15 / 299, abs=0.02)
    assert lost["trustworthiness"] == pytest.approx(0.5, abs=0.05)


def test_large_tables_are_judged_by_rows_drawn_at_random(monkeypatch):
    whole = Faithfulness(X)(PICTURE)
    monkeypatch.setattr(quality, "JUDGED_ROWS", 150)
    drawn = Faithfulness(X)
    assert drawn.ranks.shape == (150, 300)
    assert drawn(PICTURE)["trustworthiness"] == pytest.approx(whole["trustworthiness"], abs=0.02)
    assert drawn(PICTURE) != whole


def test_rows_at_the_same_place_of_a_picture_are_each_others_neighbours():
    together = np.repeat(np.arange(10.0), 30)[:, None] * [1, 1]  # ten places, thirty rows at each
    found = Faithfulness(X, k=15)(together)
    assert found["neighbors_kept"] == pytest.approx(15 / 299, abs=0.02)
    assert 0 < found["trustworthiness"] < 0.6


def test_the_spread_tells_median_and_worst():
    faithful = Faithfulness(X)
    pictures = [PICTURE, X[:, :2], RNG.normal(size=(300, 2))]
    each = [faithful(picture)["trustworthiness"] for picture in pictures]
    told = faithful.spread(pictures)
    assert told["trustworthiness"] == round(np.median(each), 4)
    assert told["worst_trustworthiness"] == round(each[2], 4)
    assert set(faithful.spread(pictures, worst=False)) == {"trustworthiness", "neighbors_kept"}


def test_recall_is_1_for_the_true_neighbours_and_chance_for_others():
    near = nearest(X, 15)
    assert recall(X, near) == 1
    assert recall(X, near.astype(np.int32)) == 1
    half = near.copy()
    half[:, ::2] = np.arange(300)[:, None]  # the row itself is no neighbour of its own
    assert recall(X, half) == pytest.approx(7 / 15)
    assert recall(X, RNG.integers(0, 300, (300, 15))) == pytest.approx(15 / 300, abs=0.02)


def test_ties_are_no_mistakes():
    grid = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2)
    near = nearest(grid, 3)
    assert recall(grid, near) == 1
    reversed_ties = len(grid) - 1 - nearest(grid[::-1], 3)[::-1]
    assert (reversed_ties != near).any()
    assert recall(grid, reversed_ties) == 1


def test_divergence_equals_its_definition():
    P = squareform(np.where(pdist(X) < 3, np.exp(-pdist(X)), 0))
    P /= P.sum()
    similarity = 1 / (1 + squareform(pdist(PICTURE, "sqeuclidean")))
    np.fill_diagonal(similarity, 0)
    Q = similarity / similarity.sum()
    there = P > 0
    wanted = (P[there] * np.log(P[there] / Q[there])).sum()
    assert kl_divergence(csr_array(P), PICTURE) == pytest.approx(wanted, rel=1e-10)
    assert kl_divergence(csr_array(P), RNG.normal(size=(300, 2))) > wanted
