import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score

from clew.errors import DataError
from clew.explore.hypotheses import balanced_accuracy, correlated_groups, hypotheses, spearman
from clew.samples import Samples


def samples(X, names=None, groups=None):
    n, d = X.shape
    row = [f"r{i}" for i in range(n)]
    return Samples(
        features=X,
        feature_names=tuple(names or [f"f{i}" for i in range(d)]),
        units=("px",) + ("",) * (d - 1),
        sample=row,
        origin=pd.DataFrame({"source": ["s"] * n}),
        group=row if groups is None else groups,
    )


def two_groups(n=120, d=6, distance=6.0, column=2, seed=0):
    rng = np.random.default_rng(seed)
    kind = (np.arange(n) % 3 == 0).astype(int)
    X = rng.normal(size=(n, d))
    X[:, column] += distance * kind
    return X, kind


def test_the_feature_that_made_the_groups_is_named_alone():
    X, kind = two_groups()
    (stated,) = hypotheses(samples(X), kind).stated
    assert stated.features == ["f2"]
    assert stated.statement == "f2 tells group 0 from group 1"
    assert stated.balanced_accuracy["value"] > 0.97
    assert stated.balanced_accuracy["low"] > 0.9
    assert stated.tree["feature"] == "f2"
    assert 1 < stated.tree["threshold"] < 5


def test_two_features_are_named_when_it_takes_two():
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, size=(400, 5))
    kind = ((X[:, 1] > 0) & (X[:, 4] > 0)).astype(int)
    (stated,) = hypotheses(samples(X), kind).stated
    assert sorted(stated.features) == ["f1", "f4"]
    assert " tell group" in stated.statement
    assert stated.balanced_accuracy["value"] > 0.95


def test_groups_that_no_feature_knows_score_chance_though_the_best_is_chosen():
    values = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        (stated,) = hypotheses(samples(rng.normal(size=(100, 20))), rng.integers(0, 2, 100)).stated
        values.append(stated.balanced_accuracy["value"])
    assert abs(np.mean(values) - 0.5) < 0.06, "choosing inside the folds keeps the figure honest"


def test_choosing_before_the_folds_would_flatter():
    """The mutant of the test above: the same search, scored on the rows that it chose from."""
    from clew.explore.hypotheses import _shallow_tree, choose_features

    values = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(100, 20)).astype(np.float32), rng.integers(0, 2, 100)
        columns = choose_features(X, y)
        values.append(balanced_accuracy(y, _shallow_tree(X[:, columns], y).predict(X[:, columns])))
    assert np.mean(values) > 0.65


def test_more_than_two_groups_get_a_hypothesis_each():
    rng = np.random.default_rng(1)
    kind = np.arange(150) % 3
    X = rng.normal(size=(150, 4))
    X[:, 0] += 8 * (kind == 0)
    X[:, 3] += 8 * (kind == 2)
    found = hypotheses(samples(X), kind)
    assert [one.group for one in found.stated] == [0, 1, 2]
    assert found.stated[0].statement == "f0 tells group 0 from the rest"
    assert found.stated[2].features == ["f3"]


def test_figures_per_feature_have_independent_witnesses():
    X, kind = two_groups()
    found = hypotheses(samples(X), kind)
    np.testing.assert_allclose(found.correlation, spearmanr(X).statistic, atol=1e-12)
    a, b = X[kind == 0], X[kind == 1]
    pooled = np.sqrt(
        ((len(a) - 1) * a.var(axis=0, ddof=1) + (len(b) - 1) * b.var(axis=0, ddof=1)) / (len(X) - 2)
    )
    np.testing.assert_allclose(found.effect[:, 0], (a.mean(axis=0) - b.mean(axis=0)) / pooled)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    distance = np.linalg.norm(Z - Z[kind == 1].mean(axis=0), axis=1)
    expected = [spearmanr(X[:, j], distance).statistic for j in range(X.shape[1])]
    np.testing.assert_allclose(found.distance_correlation[:, 1], expected, atol=1e-12)
    assert np.abs(found.distance_correlation[:, 0]).argmax() == 2


def test_features_that_can_stand_in_for_each_other_are_named():
    X, kind = two_groups()
    X = np.column_stack([X, X[:, 2] * -3 + 1, X[:, 2] + 0.01 * X[:, 0]])
    found = hypotheses(samples(X), kind)
    assert found.correlated == [["f2", "f6", "f7"]]
    named = found.stated[0].features[0]
    assert set(found.stated[0].stand_ins[named]) == {"f2", "f6", "f7"} - {named}
    assert correlated_groups(spearman(X[:, :6]), list("abcdef")) == []


def test_rows_without_a_group_are_left_out_and_one_group_is_refused():
    X, kind = two_groups()
    kind[:10] = -1
    assert hypotheses(samples(X), kind).stated[0].tree["rows"] == 110
    with pytest.raises(DataError, match=r"at least 2\. Got 1"):
        hypotheses(samples(X), np.zeros(120, int))


def test_rows_of_one_source_are_held_out_together():
    X, kind = two_groups()
    source = np.array([f"plate {i % 9}" for i in range(120)])
    (stated,) = hypotheses(samples(X, groups=source), kind).stated
    assert "by group" in stated.split


def test_balanced_accuracy_equals_scikit_learns():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    assert balanced_accuracy(a, b) == pytest.approx(balanced_accuracy_score(a, b))
