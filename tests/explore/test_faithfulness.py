"""How true pictures are, against slow counts, scikit-learn and chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from clew.explore.distances import MetricSpace, metric_space
from clew.explore.faithfulness import faithfulness, judged_rows, neighbor_overlap, procrustes
from clew.explore.neighbors import neighbors


def test_given_distances_judge_like_the_rows_that_they_are_of():
    rng = np.random.default_rng(0)
    X, picture = rng.normal(size=(90, 5)), rng.normal(size=(90, 2))
    maps = neighbors(picture, k=9).indices[None]
    spaces = [metric_space(X, of="test"), MetricSpace("precomputed", None, cdist(X, X))]
    a, b = (faithfulness(space, neighbors(space, k=9), np.arange(90), maps)[0] for space in spaces)
    assert a == b
    other = metric_space(X, metric="manhattan", of="test")
    assert faithfulness(other, neighbors(other, k=9), np.arange(90), maps)[0] != a


def test_angles_are_ranked_as_scikit_learn_ranks_them():
    from sklearn.manifold import trustworthiness

    rng = np.random.default_rng(0)
    X, picture = rng.normal(size=(90, 5)), rng.normal(size=(90, 2))
    space = metric_space(X, metric="cosine", of="test")
    found = faithfulness(space, neighbors(space, k=9), np.arange(90), neighbors(picture, k=9).indices[None])
    assert abs(found[0] - trustworthiness(X, picture, n_neighbors=9, metric="cosine")) < 1e-12


def test_many_rows_are_judged_by_some_drawn_at_random():
    rows = judged_rows(10_000, 0)
    assert len(np.unique(rows)) == 3000 and rows.max() > 9000
    assert not np.array_equal(rows, judged_rows(10_000, 1))


def test_a_picture_without_regard_to_the_data_is_trusted_at_chance():
    rng = np.random.default_rng(0)
    space, picture = rng.normal(size=(400, 6)), rng.normal(size=(400, 2))
    maps = neighbors(picture, k=15).indices[None]
    found = faithfulness(metric_space(space, of="test"), neighbors(space, k=15), np.arange(400), maps)
    assert abs(found[0] - 0.5) < 0.02


def test_neighbor_overlap_equals_a_slow_count():
    rng = np.random.default_rng(0)
    maps = np.argsort(rng.random((5, 30, 29)), axis=2)[:, :, :6]
    pairs = [(a, b) for a in range(5) for b in range(a)]
    slow = [np.mean([len({*maps[a, i]} & {*maps[b, i]}) / 6 for a, b in pairs]) for i in range(30)]
    np.testing.assert_allclose(neighbor_overlap(maps), slow)
    assert np.all(neighbor_overlap(maps[[0, 0, 0]]) == 1)
    assert np.all(np.isnan(neighbor_overlap(maps[:1])))


def test_runs_that_know_nothing_of_each_other_overlap_at_chance():
    maps = np.argsort(np.random.default_rng(0).random((6, 200, 199)), axis=2)[:, :, :10]
    assert abs(neighbor_overlap(maps).mean() - 10 / 199) < 0.005


@pytest.mark.parametrize("mirror", [1, -1])
def test_procrustes_undoes_turning_mirroring_moving_and_scaling(mirror):
    target = np.random.default_rng(0).normal(size=(50, 2))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]) * [1, mirror]
    moved = 3.7 * target @ turn + [5, -2]
    np.testing.assert_allclose(procrustes(moved, target), target, atol=1e-6)
    without_mirror = 3.7 * target @ turn * [1, -1]
    assert np.abs(without_mirror - target).max() > 1
    sheared = target @ np.array([[1, 0.5], [0, 1]])
    assert np.abs(procrustes(sheared, target) - target).max() > 0.1  # a shear is a disagreement
