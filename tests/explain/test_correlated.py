"""Features that could stand in for each other are found, each feature is in one group."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chatterjeexi, spearmanr

from clew.errors import DataError
from clew.explain.correlated import DEPENDENT, correlate, dependence
from clew.words import listed
from tests.explain.copies import COPIES, nine_copies


def test_nine_copies_are_one_group_and_every_feature_is_in_one():
    samples = nine_copies()
    found = correlate(samples.features, list(samples.feature_names))
    assert found.named == [COPIES, ["weak"], ["noise_a"], ["noise_b"]]
    assert sorted(column for group in found.groups for column in group) == list(range(12))
    assert set(found.stand_ins) == set(COPIES)
    assert all(len(others) == 8 for others in found.stand_ins.values())
    assert found.summary()["correlated_groups"] == [COPIES]


def test_stand_ins_come_closest_first():
    random = np.random.default_rng(0)
    a = random.normal(size=400)
    X = np.column_stack([a, a + 0.3 * random.normal(size=400), -a + 0.05 * random.normal(size=400)])
    assert correlate(X, ["a", "far", "near"]).stand_ins["a"] == ["near", "far"]


def test_dependence_is_scipys_chatterjee_coefficient():
    random = np.random.default_rng(1)
    X = random.normal(size=(200, 3))
    X[:, 1] = X[:, 0] ** 2 + 0.1 * X[:, 1]
    found = dependence(X)
    for i in range(3):
        for j in range(3):
            assert found[i, j] == pytest.approx(chatterjeexi(X[:, i], X[:, j]).statistic, abs=1e-12)


def test_dependence_with_equal_values_is_scipys_where_only_the_second_has_them():
    random = np.random.default_rng(2)
    X = np.column_stack([random.normal(size=300), random.integers(0, 4, 300)]).astype(float)
    assert dependence(X)[0, 1] == pytest.approx(chatterjeexi(X[:, 0], X[:, 1]).statistic, abs=1e-12)


def test_rows_of_equal_value_show_no_dependence_by_their_order():
    y = np.sort(np.random.default_rng(0).normal(size=400))
    even = np.arange(400) % 2  # knows nothing of y, but among rows of each value y rises
    X = np.column_stack([even, y])
    assert abs(dependence(X)[0, 1]) < 0.2
    order = np.argsort(even, kind="stable")  # the mutant: keep the order of the rows
    ranks = np.arange(1, 401)[order]
    assert 1 - 3 * np.abs(np.diff(ranks)).sum() / (400**2 - 1) > 0.9


def test_a_square_is_found_though_its_ranks_hardly_show_it():
    random = np.random.default_rng(0)
    x, other = random.normal(size=(2, 400))
    X = np.column_stack([x, x**2, other])
    assert abs(spearmanr(X[:, 0], X[:, 1]).statistic) < 0.2
    found = correlate(X, ["x", "square", "other"])
    assert found.dependent == [["x", "square"]]
    assert found.stand_ins == {}


def test_independent_features_hardly_ever_seem_dependent():
    random = np.random.default_rng(0)
    found = [correlate(random.normal(size=(60, 8)), list("abcdefgh")) for _ in range(40)]
    assert sum(len(one.dependent) for one in found) <= 2  # of 1120 pairs


def test_the_bound_is_what_a_correlation_of_080_comes_to():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 40_000))
    strength = dependence(np.column_stack([a, 0.8 * a + 0.6 * b]))[0, 1]
    assert strength == pytest.approx(DEPENDENT, abs=0.02)


def test_a_constant_feature_depends_on_nothing():
    X = np.column_stack([np.ones(50), np.random.default_rng(0).normal(size=50)])
    assert (dependence(X)[0] == 0).all()
    assert dependence(X)[1, 0] == 0
    assert correlate(X, ["constant", "b"]).groups == [[0], [1]]


def test_one_feature_is_a_group():
    found = correlate(np.random.default_rng(0).normal(size=(20, 1)), ["a"])
    assert found.named == [["a"]]
    assert found.headline() == "no feature could stand in for another"


def test_names_must_fit_the_columns():
    with pytest.raises(DataError, match="must be 2. Got 1"):
        correlate(np.zeros((4, 2)), ["a"])


def test_names_are_listed_as_people_do():
    assert [listed(list(names)) for names in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
