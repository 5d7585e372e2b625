"""A figure that does not stand alone: another model on the same folds, and the difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, r2_score

from clew.samples import Samples
from clew.splits import folds
from clew.validate.beside import put_beside
from clew.validate.comparison import corrected_t_test
from clew.validate.nested import paired_difference

N = 200


@dataclass(frozen=True)
class Told:
    label: np.ndarray | None
    value: np.ndarray | None
    probability: None = None
    classes: tuple = ()


class Wrong:
    """A model that is wrong about a share of rows, or off by a normal error."""

    def __init__(self, share, seed=0):
        self.share, self.random = share, np.random.default_rng(seed)

    def predict(self, samples):
        if samples.labels is None:
            return Told(None, samples.target + self.share * self.random.normal(size=samples.n_rows))
        other = np.where(samples.labels == "a", "b", "a")
        return Told(np.where(self.random.random(samples.n_rows) < self.share, other, samples.labels), None)


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(3)
    return Samples(
        features=rng.normal(size=(N, 1)),
        feature_names=["x"],
        units=[""],
        sample=np.arange(N).astype(str),
        origin=pd.DataFrame({"source": ["t"] * N}),
        group=np.arange(N).astype(str),
    ).with_labels(np.array(["a", "b"])[np.arange(N) % 2])


def beside(known, mine, its, **settings):
    return put_beside(known, folds(known), mine, lambda training: Wrong(its), words="the other", **settings)


def test_the_difference_is_that_of_the_two_figures_with_the_corrected_t_test_over_folds(known):
    parts, rng = folds(known), np.random.default_rng(1)
    one, other = (np.where(rng.random(N) < share, "a", known.labels) for share in (0.1, 0.4))
    found = paired_difference(known, parts, one, other, to="other")
    figures = [balanced_accuracy_score(known.labels, said) for said in (one, other)]
    assert found.value == pytest.approx(figures[0] - figures[1], abs=1e-12)
    each = [
        balanced_accuracy_score(known.labels[test], one[test])
        - balanced_accuracy_score(known.labels[test], other[test])
        for test in parts.test
    ]  # all folds hold as many of each class, so that these are the parts of the difference
    value, low, high, p = corrected_t_test(np.array(each), test_to_train=0.25)
    np.testing.assert_allclose([found.value, found.low, found.high, found.p_value], [value, low, high, p])
    t = np.mean(each) / np.sqrt(np.var(each, ddof=1) * (1 / 5 + 0.25))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 4))


def test_a_better_model_is_called_better_and_an_equal_one_is_not(known):
    assert beside(known, known.labels, 0.4, kind="classification").verdict().startswith("better, p")
    half = Wrong(0.5, seed=9).predict(known).label
    assert beside(known, half, 0.0, kind="classification").verdict().startswith("worse, p")
    alike = Wrong(0.3, seed=5).predict(known).label
    assert beside(known, alike, 0.3, kind="classification").verdict() in (
        "not shown to be better",
        "not better",
    )


def test_the_sentence_holds_figure_difference_and_verdict(known):
    found = beside(known, known.labels, 0.4, kind="classification")
    assert (
        found.headline().startswith("the other: balanced accuracy 0.")
        and "; difference +0." in found.headline()
    )
    assert found.summary()["verdict"] == found.verdict()
    assert found.scores.metrics["balanced_accuracy"].value == pytest.approx(
        balanced_accuracy_score(known.labels, found.predicted)
    )


def test_numbers_are_compared_by_r2(known):
    numbers = known.with_labels(None).with_target(known.features[:, 0])
    mine = numbers.target + 0.1 * np.random.default_rng(2).normal(size=N)
    found = beside(numbers, mine, 0.8, kind="regression")
    figures = [r2_score(numbers.target, said) for said in (mine, found.predicted)]
    assert found.metric == "r2" and found.difference.value == pytest.approx(figures[0] - figures[1], abs=1e-9)
    assert found.verdict().startswith("better")
