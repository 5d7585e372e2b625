"""What a net on features goes by is ranked by what is lost on held-out rows, with the forest beside it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from clew.explain.correlated import Correlated
from clew.explain.importance import Permutation
from clew.explain.net_features import NetExplanation, incomplete
from clew.intervals import Interval

NAMES = ["length", "copy", "width"]


def interval(value: float, half: float = 0.05) -> Interval:
    return Interval(value=value, low=value - half, high=value + half, n_groups=12, n_rows=60)


def permutation(*losses: float, score: float = 0.9) -> Permutation:
    return Permutation(
        metric="balanced_accuracy", names=[["length"], ["copy"], ["width"], ["length", "copy"]],
        loss=[interval(one) for one in losses], score=interval(score), chance=0.5, n_rows=60, split={}, warnings=[],
    )  # fmt: skip


@pytest.fixture
def found() -> NetExplanation:
    correlated = Correlated(
        feature_names=NAMES, groups=[[0, 1], [2]], stand_ins={"length": ["copy"]}, dependent=[]
    )
    return NetExplanation(
        architecture="mlp", outputs=["big", "small"], feature_names=NAMES, units=["mm", "mm", ""], sample=np.array(["a", "b"]),
        n_rows=2, gradients=np.array([[1.0, 0.5, 0.1], [2.0, 0.5, 0.3]]), missed=0.0, correlated=correlated,
        permutation=permutation(0.1, 0.2, 0.02, 0.4), beside=permutation(0.1, 0.1, 0.3, 0.38), warnings=["Mind this."],
    )  # fmt: skip


def test_groups_are_ranked_by_what_is_lost_and_called_by_their_dearest_member(found):
    assert found.ranking.tolist() == [0, 1]
    assert found.group_names == ["copy and 1 like it", "width"]
    assert found.unranked == []
    first, second = found.ranked()
    assert first.startswith(
        "1. copy and 1 like it: permuted, balanced accuracy falls by 0.40 [0.35, 0.45]; the forest's by 0.38"
    )
    assert "mean |integrated gradients| 2.00 (members 1.50 to 2.50)" in first  # 1.0 + 0.5, and 2.0 + 0.5
    assert second.startswith("2. width")


def test_the_verdict_says_how_good_net_and_forest_are_before_anything_else(found):
    assert found.verdict().startswith(
        "The model predicts rows that it was not trained on: balanced accuracy 0.90"
    )
    assert "A forest on the same folds: balanced accuracy 0.90" in found.verdict()
    poor = dataclasses.replace(found, permutation=permutation(0.1, 0.2, 0.02, 0.4, score=0.51))
    assert poor.idle and poor.verdict().startswith("The model does not predict")
    assert poor.ranked() == ["copy and 1 like it and width: not ranked, as the model does not predict."]


def test_intervals_that_overlap_are_not_ranked_and_models_that_differ_are_told(found):
    close = dataclasses.replace(found, permutation=permutation(0.1, 0.2, 0.34, 0.4))
    assert close.unranked == [[0, 1]]
    assert "Cannot be ranked, as their intervals overlap: copy and 1 like it, width." in close.caveats()
    assert found.differing() == ["width (0.02, the forest 0.30)"]
    assert (
        "Net and forest go by different features: what is lost without width (0.02, the forest 0.30)."
        in found.caveats()
    )
    assert (
        dataclasses.replace(found, beside=found.permutation).differing() == []
    )  # the mutant: alike, they do not differ


def test_what_cannot_be_known_comes_last_and_is_not_ranked(found):
    unknown = Interval(value=np.nan, low=np.nan, high=np.nan, n_groups=12, n_rows=60)
    loss = [*found.permutation.loss[:3], unknown]
    odd = dataclasses.replace(found, permutation=dataclasses.replace(found.permutation, loss=loss))
    assert odd.ranking.tolist() == [1, 0]
    assert len(odd.ranked()) == 1 and "width" in odd.headline()


def test_scripts_get_what_forests_give_them_and_the_forest_beside(found):
    data = json.loads(json.dumps(found.summary()))
    assert data["predicts"] is True and data["score"]["value"] == data["forest"]["value"] == 0.9
    assert [one["name"] for one in data["features"]] == ["copy", "length", "width"]
    assert {"permutation", "forest", "integrated_gradients"} <= set(data["groups"][0])
    assert data["correlated_groups"] == [["length", "copy"]]


def test_integrals_that_miss_something_are_said_to():
    assert incomplete(0.01) == []
    assert "miss 12% of the score's rise" in incomplete(0.12)[0]
