"""Figures of labels show the values, in the order, and in words besides colours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError
from clew.plot import labels as draw
from clew.samples import Samples
from clew.validate.label_errors import label_errors, number_errors
from clew.validate.representative import representative


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 10))
    labelled = rng.random(300) < 1 / (1 + np.exp(-2 * X[:, 3]))
    names = np.arange(300).astype(str)
    return representative(
        Samples(
            features=X,
            feature_names=tuple(f"feature {i}" for i in range(10)),
            units=("",) * 10,
            sample=names,
            origin=pd.DataFrame({"source": ["table"] * 300}),
            group=names,
            labels=np.where(labelled, "a", ""),
        ),
        permutations=39,
    )


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_the_features_that_differ_most_come_first_with_their_value_and_which_way(compared):
    axes = draw.representative(compared).axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == [compared.feature_names[c] for c in compared.order()[:8]] and names[0] == "feature 3"
    said = words(axes)
    assert f"{compared.difference[3]:+.1f}" in said
    assert "labelled larger →" in said and "← labelled smaller" in said


def test_what_differs_clearly_is_filled_and_the_rest_hollow(compared):
    axes = draw.representative(compared).axes[0]
    filled, hollow = [line for line in axes.lines if line.get_marker() == "o"]
    clear = compared.p_feature[compared.order()[:8]] <= 0.05
    assert len(filled.get_xdata()) == clear.sum() and len(hollow.get_xdata()) == (~clear).sum()
    assert filled.get_markerfacecolor() != hollow.get_markerfacecolor()


def test_nothing_to_compare_is_not_drawn(compared):
    from dataclasses import replace

    with pytest.raises(DataError, match="labelled in part"):
        draw.representative(replace(compared, how="", reason="All rows are labelled, nothing to compare"))


def contradicted(n=400):
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-np.sort(rng.uniform(-9, 9, n))))
    given = np.where(rng.random(n) < p, "elongated", "round")
    given[:6], given[-6:] = "elongated", "round"
    names = np.array([f"cell_{i}" for i in range(n)])
    return label_errors(given, np.column_stack([p, 1 - p]), ["elongated", "round"], sample=names, group=names)


def test_each_row_that_looks_wrong_shows_both_labels_and_both_probabilities():
    result = contradicted()
    assert result.n_suspected >= 5
    axes = draw.label_errors(result, at_most=30).axes[0]
    given, said = axes.lines
    assert given.get_marker() != said.get_marker()
    np.testing.assert_array_equal(given.get_xdata(), result.p_given[: result.n_suspected])
    np.testing.assert_array_equal(said.get_xdata(), result.p_said[: result.n_suspected])
    assert [text.get_text() for text in axes.get_yticklabels()] == result.sample[
        : result.n_suspected
    ].tolist()
    pairs = zip(result.given[: result.n_suspected], result.said)
    assert words(axes) == [f"{a} → {b}" for a, b in pairs]


def test_numbers_are_drawn_as_numbers():
    rng = np.random.default_rng(0)
    predicted = rng.normal(size=100)
    truth = predicted + 0.1 * rng.normal(size=100)
    truth[3] += 5
    names = np.arange(100).astype(str)
    axes = draw.label_errors(number_errors(truth, predicted, sample=names, group=names)).axes[0]
    assert axes.lines[0].get_xdata()[0] == truth[3] and axes.get_xlabel() == "number"


def test_no_contradiction_is_not_drawn():
    names = np.arange(4).astype(str)
    given, probability = np.array(["a", "b"] * 2), np.tile(np.eye(2), (2, 1))
    with pytest.raises(DataError, match="contradicts its label"):
        draw.label_errors(label_errors(given, probability, ["a", "b"], sample=names, group=names))
