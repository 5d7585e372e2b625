import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from clew.errors import DataError
from clew.explore.hypotheses import _held_out_figure, correlated_groups, hypotheses, spearman
from clew.figures import balanced_accuracy
from clew.samples import Samples
from clew.splits import folds


def samples(X, names=None, groups=None):
    n, d = X.shape
    row = [f"r{i}" for i in range(n)]
    return Samples(
        features=X,
        feature_names=tuple(names or [f"f{i}" for i in range(d)]),
        units=("px",) + ("",) * (d - 1),
        sample=row,
        origin=pd.DataFrame({"source": ["s"] * n}),
        group=row if groups is None else np.asarray(groups).astype(str),
    )


def held_out(X, kind, plates=None):
    """The figure of a hypothesis, also of one that is not stated because it is at chance."""
    table = samples(X, groups=plates).with_labels(kind.astype(str))
    return _held_out_figure(X.astype(np.float32), kind, folds(table), table.group)


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
        values.append(held_out(rng.normal(size=(100, 20)), rng.integers(0, 2, 100))["value"])
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


def test_the_interval_is_the_one_of_the_classifiers_validation():
    """75 rows and 5 told apart: five rows cannot prove [0.95, 1.00]."""
    from clew.validate.metrics import scores

    kind = np.repeat([0, 1], [75, 5])
    X = np.random.default_rng(0).normal(size=(80, 2)) + 40 * kind[:, None]
    figure = hypotheses(samples(X), kind).stated[0].balanced_accuracy
    names = kind.astype(str)
    assert figure == scores(names, names).metrics["balanced_accuracy"].summary()
    assert (figure["value"], round(figure["low"], 2), figure["high"]) == (1.0, 0.83, 1.0)


def test_rows_of_folds_that_train_on_one_group_count():
    """All of group 1 on one plate: the fold that tests it has never seen group 1. Dropped, the rest is all right."""
    plates = np.repeat(np.arange(5), 12)
    kind = (plates == 4).astype(int)
    X = np.random.default_rng(1).normal(size=(60, 2)) + 40 * kind[:, None]
    assert held_out(X, kind, plates)["value"] == 0.5
    assert held_out(X, kind)["value"] == 1.0  # with every plate in every fold


def test_no_figure_where_no_fold_trains_on_both_groups():
    plates = np.repeat(np.arange(2), 12)
    X = np.random.default_rng(1).normal(size=(24, 2)) + 40 * plates[:, None]
    assert held_out(X, plates, plates) == {"value": None, "low": None, "high": None}
