import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from clew.errors import DataError
from clew.explore.exploration import explore
from clew.learn.evaluate import test as evaluate_step
from clew.learn.training import train
from tests.explore.test_exploration import QUICK, samples, two_groups


def rows(seed, labelled=True):
    X, kind = two_groups(seed=seed)
    made = samples(X)
    return made.with_labels(np.array(["a", "b"])[kind] if labelled else np.array([""] * 100)), kind


def test_peoples_labels_are_the_truth_where_there_are_some():
    fresh, kind = rows(1)
    forest = train(rows(0)[0], trees=20)
    found = evaluate_step(fresh, forest)
    assert found.scores.summary()["metrics"]["accuracy"]["value"] == accuracy_score(
        fresh.labels, found.predicted
    )
    assert found.scores.summary()["metrics"]["accuracy"]["value"] > 0.95
    assert evaluate_step.step.sees == "sealed"
    assert not any("nearest" in warning for warning in found.warnings)


def test_without_labels_the_grouping_is_the_truth_and_that_is_said():
    fresh, _ = rows(1, labelled=False)
    looked = explore(rows(0)[0], **QUICK)
    forest = train(rows(0)[0].with_labels(np.array(["x", "y"])[looked.groups]), trees=20)
    found = evaluate_step(fresh, forest, looked, names={"0": "x", "1": "y"})
    assert found.scores.summary()["metrics"]["accuracy"]["value"] > 0.95
    assert "not whether the grouping is true" in found.warnings[0]
    swapped = evaluate_step(fresh, forest, looked, names={"0": "y", "1": "x"})
    assert swapped.scores.summary()["metrics"]["accuracy"]["value"] < 0.05


def test_permuted_labels_score_chance():
    forest = train(rows(0)[0], trees=20)
    values = []
    for seed in range(10):
        fresh, _ = rows(seed + 1)
        mixed = fresh.with_labels(np.random.default_rng(seed).permutation(fresh.labels))
        values.append(evaluate_step(mixed, forest).scores.summary()["metrics"]["balanced_accuracy"]["value"])
    assert abs(np.mean(values) - 0.5) < 0.05


def test_rows_without_any_truth_are_refused():
    with pytest.raises(DataError, match="must have labels to be tested against"):
        evaluate_step(rows(1, labelled=False)[0], train(rows(0)[0], trees=5))


def test_a_class_that_the_model_does_not_know_is_told():
    fresh, _ = rows(1)
    labels = fresh.labels.astype("U8")
    labels[:10] = "new"
    found = evaluate_step(fresh.with_labels(labels), train(rows(0)[0], trees=5))
    assert any("does not know the class new" in warning for warning in found.warnings)
    assert found.probability.shape == (100, 3)
