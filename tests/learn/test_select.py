"""Choosing features inside and outside of folds: the same code, honest or not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clew.errors import SettingError
from clew.learn.families import fit_family
from clew.learn.select import select_features, select_pair, selecting
from clew.samples import Samples
from clew.validate.metrics import cross_validate


def table(X, labels=None, target=None):
    names = np.array([f"row{i}" for i in range(len(X))])
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(X.shape[1])),
        units=("",) * X.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": ["table"] * len(X)}),
        group=names,
        labels=labels,
        target=target,
    )


def noise(n=100, d=2000, seed=0):
    random = np.random.default_rng(seed)
    return table(random.normal(size=(n, d)), labels=random.permutation(np.array(["a", "b"] * (n // 2))))


def test_the_order_is_that_of_kruskal_and_wallis():
    random = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = np.round(random.normal(size=(90, 6)) + np.outer(y, [0, 0.3, 1, 0.1, 2, 0.5]), 1)  # with ties
    h = [stats.kruskal(*(X[y == k, j] for k in range(3))).statistic for j in range(6)]
    assert select_features(table(X, y.astype(str)), 6) == [f"f{j}" for j in np.argsort(-np.array(h))]


def test_the_order_for_numbers_is_that_of_spearman():
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 5))
    y = X @ [0.1, -2, 0.7, 0, 1.2] + random.normal(size=80)
    rho = [abs(stats.spearmanr(X[:, j], y).statistic) for j in range(5)]
    found = select_features(table(X, target=y), 5, kind="regression")
    assert found == [f"f{j}" for j in np.argsort(-np.array(rho))]


def test_neither_scale_nor_a_monotone_change_matters_and_ties_keep_their_order():
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = random.normal(size=(60, 4)) + np.outer(y, [1.5, 5, 3, 0])
    copies = np.hstack([X, np.exp(3 * X)])
    found = select_features(table(copies, y.astype(str)), 8)
    assert [int(name[1:]) % 4 for name in found] == [1, 1, 2, 2, 0, 0, 3, 3]
    assert [int(name[1:]) // 4 for name in found] == [0, 1] * 4


def test_a_feature_that_does_not_vary_comes_last():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[:, 0] = 7.0
    assert select_features(table(X, np.array(["a", "b"] * 20)), 3)[-1] == "f0"


def test_the_number_must_be_one_and_more_than_all_is_all():
    assert len(select_features(noise(d=5), 50)) == 5
    with pytest.raises(SettingError, match="'n' of select_features"):
        select_features(noise(d=5), 0)


def accuracies(fit_on, samples):
    return cross_validate(samples, fit_on, n_folds=4).scores.metrics["balanced_accuracy"].value


def linear(training):
    return fit_family(training, family="linear", kind="classification", settings={"penalty": 1.0})


def test_choosing_before_cross_validation_finds_structure_in_noise_and_inside_it_does_not():
    sets = [noise(seed=s) for s in range(2)]
    inside = np.mean([accuracies(selecting(linear, 20), one) for one in sets])
    before = np.mean([accuracies(linear, one.select(select_features(one, 20))) for one in sets])
    assert 0.38 < inside < 0.62
    assert before > 0.80  # the same selection, one line too early


def test_a_model_of_some_features_takes_rows_with_all_of_them():
    samples = noise(d=30)
    model = selecting(linear, 3)(samples)
    assert len(model.features) == 3
    assert len(model.predict(samples).label) == 100


def test_the_pair_is_the_one_that_tells_most_together():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    base = random.normal(size=200)
    X = np.stack([base + 0.8 * y, random.normal(size=200), base, random.normal(size=200) + 0.5 * y], axis=1)
    samples = table(X, y.astype(str))
    assert select_pair(samples) == ["f0", "f2"]  # f2 alone tells nothing; with it, f0 tells all
    assert select_features(samples, 2) == ["f0", "f3"]


def test_two_copies_are_no_pair():
    random = np.random.default_rng(0)
    y = np.arange(200) % 2
    one = random.normal(size=200) + 2 * y
    X = np.stack([one, one * 3 + 1, random.normal(size=200) + 0.5 * y], axis=1)
    assert "f2" in select_pair(table(X, y.astype(str)))


def test_the_pair_for_numbers_is_the_regression_on_ranks_with_the_largest_share():
    random = np.random.default_rng(0)
    X = random.normal(size=(100, 5))
    y = X @ [0.2, 1, 0, -0.8, 0.1] + random.normal(size=100)
    ranks, target = (stats.rankdata(one, axis=0) for one in (X, y))

    def share(i, j):
        A = np.column_stack([np.ones(100), ranks[:, i], ranks[:, j]])
        return -np.linalg.lstsq(A, target, rcond=None)[1][0]

    best = max(((i, j) for i in range(5) for j in range(i + 1, 5)), key=lambda p: share(*p))
    assert select_pair(table(X, target=y), kind="regression") == [f"f{i}" for i in best]


def test_one_feature_makes_no_pair():
    with pytest.raises(SettingError, match="at least 2 features"):
        select_pair(noise(d=1))


def test_rows_without_a_label_do_not_count():
    samples = noise(d=20)
    some = np.where(np.arange(100) < 30, "", samples.labels)
    witness = select_features(samples.take(np.arange(30, 100)), 20)
    assert select_features(dataclasses.replace(samples, labels=some), 20) == witness
