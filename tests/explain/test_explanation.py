"""The ranking is by groups, sums add up, refits say what is chance, and every ranking carries its caveats."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from scipy.stats import kendalltau

from clew.explain.explanation import (
    CAUSE,
    Explanation,
    agreement,
    disagreements,
    figure,
    grouped,
    mean_size,
    over_refits,
)
from clew.explain.tables import SAYS
from tests.explain.copies import COPIES, explained, named, nine_copies


# ---- groups ----
def test_nine_copies_share_one_bar_and_the_ranking_does_not_flip(copies, numbers):
    for found in (copies, numbers):
        strong = found.groups.index(COPIES)
        assert found.ranking[0] == strong
        assert np.argmax(found.shap) == found.feature_names.index(
            "weak"
        )  # the mutant: without groups it flips
        assert found.group_shap[strong] > 1.5 * found.shap.max()
        losses = [found.loss_of(group).value for group in found.groups]
        assert int(np.argmax(losses)) == strong
        assert max(found.loss_of([name]).value for name in COPIES) < found.loss_of(["weak"]).value


def test_a_group_is_worth_the_size_of_the_sum_of_its_members_not_the_sum_of_their_sizes():
    values = np.zeros((4, 3, 1))
    values[:, 0, 0], values[:, 1, 0], values[:, 2, 0] = [1, -1, 1, -1], [-1, 1, -1, 1], [0.5, 0.5, -0.5, -0.5]
    np.testing.assert_array_equal(mean_size(grouped(values, [[0, 1], [2]])), [0, 0.5])
    np.testing.assert_array_equal(mean_size(values)[:2].sum(), 2)  # what the sum of sizes would say


def test_groups_add_up_to_the_prediction_as_features_do(copies, numbers):
    for found in (copies, numbers):
        for values in (found.values, found.group_values):
            np.testing.assert_allclose(found.base + values.sum(axis=1), found.prediction, atol=1e-12)


# ---- refits ----
def test_agreement_is_the_mean_of_scipys_kendall_over_pairs():
    random = np.random.default_rng(0)
    table = random.normal(size=(4, 6))
    pairs = [kendalltau(table[a], table[b]).statistic for a in range(4) for b in range(a + 1, 4)]
    assert agreement(table) == pytest.approx(np.mean(pairs))
    assert agreement(np.tile(np.arange(5.0), (3, 1))) == pytest.approx(1)
    assert np.isnan(agreement(table[:1]))


def test_features_of_equal_worth_cannot_be_ranked_and_others_can(copies):
    random = np.random.default_rng(0)
    X = random.normal(size=(160, 3))
    labels = np.where(X[:, 0] + X[:, 1] > 0, "b", "a")  # a and b are worth the same
    even = explained(named(X, ["left", "right", "noise"], labels), refits=12)
    assert [{even.group_names[g] for g in run} for run in even.unranked] == [{"left", "right"}]
    assert any(said.startswith("Cannot be ranked") and "left" in said for said in even.sentences())
    strong, weak = copies.groups.index(COPIES), copies.groups.index(["weak"])
    assert not any({strong, weak} <= set(run) for run in copies.unranked)
    assert (copies.ranks[:, strong] == 1).all()


# ---- words ----
def test_every_ranking_says_that_correlation_is_not_causation_and_names_stand_ins(copies, numbers):
    for found in (copies, numbers):
        told = found.sentences()
        assert sum(CAUSE in one for one in told) == 1
        assert "strong_0, strong_1" in found.cause()
    alone = explained(named(*_signal(60)))
    assert "No two features are correlated" in alone.cause()
    assert CAUSE in alone.sentences()[-2 - len(alone.warnings)]


def _signal(n):
    X = np.random.default_rng(1).normal(size=(n, 2))
    return X, ["signal", "noise"], np.where(X[:, 0] > 0, "b", "a")


def test_how_good_the_model_is_comes_first(copies, numbers):
    assert copies.sentences()[0].startswith(
        "The model predicts rows that it was not trained on: balanced accuracy 0."
    )
    assert numbers.sentences()[0].startswith("The model predicts rows that it was not trained on: R2 0.")
    assert copies.sentences()[1].startswith("1. strong_")
    assert "and 8 like it: mean |SHAP| 0." in copies.sentences()[1]


def test_a_model_of_mixed_labels_has_nothing_to_explain_and_nothing_to_rank():
    samples = nine_copies(n=100)
    found = explained(samples.with_labels(np.random.default_rng(3).permutation(samples.labels)))
    assert found.verdict().startswith("The model does not predict, so there is nothing to explain")
    assert found.summary()["predicts"] is False
    told = found.ranked()
    assert len(told) == 1 and told[0].endswith(": not ranked, as the model does not predict.")
    assert "noise_a" in told[0] and "strong" in told[0]
    assert not any(word in said for said in found.sentences() for word in ("1. ", "(rank ", "Cannot be ranked", "Kendall"))  # fmt: skip
    assert sum(CAUSE in one for one in found.sentences()) == 1


@pytest.fixture(scope="module")
def three_groups():
    """A feature that is worth four standard deviations, in three groups."""
    random = np.random.default_rng(3)
    group, true = np.repeat(np.arange(3), 30), random.integers(0, 2, 90)
    X = random.normal(size=(90, 3))
    X[:, 0] += 4 * true
    return explained(named(X, ["strong", "x", "y"], np.array(["a", "b"])[true], group=group))


def test_with_three_groups_there_is_a_ranking_and_a_warning_but_no_verdict(three_groups):
    assert three_groups.verdict().startswith(
        "Whether the model predicts cannot be told with 3 groups, so what it goes by may be noise: balanced accuracy 0."
    )
    assert three_groups.summary()["predicts"] is None
    assert three_groups.ranked()[0].startswith("1. strong: mean |SHAP| 0.")


def _with_losses(explanation, losses):
    """The same explanation where its model predicts and groups have these losses (value, low, high)."""
    held = explanation.permutation
    loss = [
        dataclasses.replace(one, value=value, low=low, high=high)
        for one, (value, low, high) in zip(held.loss, losses, strict=True)
    ]
    score = dataclasses.replace(held.score, value=0.9, low=0.8, high=0.95)
    return dataclasses.replace(explanation, permutation=dataclasses.replace(held, loss=loss, score=score))


def test_a_loss_without_an_interval_is_not_taken_for_none(three_groups):
    assert not any("not shown to lose" in one for one in three_groups.warnings)
    missing, loses = (0.5, np.nan, np.nan), (0.5, 0.4, 0.6)
    assert disagreements(_with_losses(three_groups, [missing] * 3)) == []
    assert disagreements(_with_losses(three_groups, [loses] * 3)) == []
    said = disagreements(_with_losses(three_groups, [(0.1, -0.1, 0.3), missing, missing]))
    assert len(said) == 1
    assert said[0].startswith("The model goes by strong, but held-out rows are not shown to lose when that")
    assert "show no loss" not in said[0]
    nothing = disagreements(_with_losses(three_groups, [(0.0, np.nan, np.nan), missing, missing]))
    assert nothing == said
    other = disagreements(_with_losses(three_groups, [(0.2, 0.1, 0.3), loses, missing]))
    assert other == ["SHAP and permutation disagree: SHAP puts strong first, but held-out rows lose more without x."]  # fmt: skip


def _values_said(explanation):
    """The (mean, low, high) of every line of a ranking."""
    said = [
        re.search(r"mean \|SHAP\| ([\d.]+), over refits ([\d.]+) to ([\d.]+)", one)
        for one in explanation.ranked()
    ]
    return [tuple(map(float, one.groups())) for one in said]


def test_no_figure_lies_outside_of_its_own_refits_and_the_order_is_that_of_the_figures(copies, numbers):
    for found in (copies, numbers):
        larger = dataclasses.replace(
            found, values=2 * found.values
        )  # beyond all refits, as a model's own can be
        assert (larger.group_shap > larger.group_sizes[:, 2]).any()  # the mutant: the model's own figure
        said = _values_said(larger)
        assert all(low <= mean <= high for mean, low, high in said) and len(said) > 2
        assert [mean for mean, _, _ in said] == sorted((mean for mean, _, _ in said), reverse=True)
        np.testing.assert_allclose(larger.group_sizes[:, 0], found.refit_group_shap.mean(axis=0))
        one = larger.summary()["groups"][0]
        assert one["refits"]["low"] <= one["refits"]["mean"] <= one["refits"]["high"] < one["shap"]
    assert sum("Mean |SHAP| is the mean of 5 refits on groups drawn anew" in one for one in copies.sentences()) == 1  # fmt: skip


def test_the_mean_of_refits_lies_within_what_is_said_of_them_whatever_the_outliers():
    refits = np.zeros((50, 1))
    refits[0] = 1000
    assert np.quantile(refits, 0.95) < refits.mean()  # the mutant: quantiles alone
    ((mean, low, high),) = over_refits(refits)
    assert low <= mean <= high


@pytest.mark.parametrize(("turned", "unsure"), [(0, False), (1, True), (3, True), (5, True)])
def test_what_cannot_be_ranked_is_what_is_said_to_have_the_same_ranks(copies, turned, unsure):
    refits = np.tile([3.0, 2.0, 1.0, 0.1], (10, 1))[:, : len(copies.groups)]
    refits[:turned, :2] = refits[:turned, 1::-1]
    order = np.zeros_like(copies.refit_group_shap, shape=(10, len(copies.groups)))
    order[:, : refits.shape[1]] = refits
    found = dataclasses.replace(copies, refit_group_shap=order)
    both = [one for one in found.ranked() if one.split("(")[-1].startswith("rank 1 to 2")]
    named = [one for one in found.caveats() if one.startswith("Cannot be ranked")]
    assert len(both) == (2 if unsure else 0)
    assert any(found.group_names[0] in one and found.group_names[1] in one for one in named) == unsure
    assert ((found.refit_group_shap[:, 0] > found.refit_group_shap[:, 1]).mean() >= 0.9) == (
        turned < 2
    )  # the mutant: the rule of 9 of 10 says at 1 what the ranks deny


def test_what_the_score_is_compared_with_is_named_and_is_not_called_chance(copies, numbers):
    assert copies.verdict().endswith("; a guess among 2 classes: 0.50.")
    assert numbers.verdict().endswith("; always the mean: 0.00.")
    three = dataclasses.replace(copies.permutation, chance=1 / 3)
    assert three.blind() == "a guess among 3 classes"
    assert not any("chance is" in one for one in copies.sentences())


def test_features_that_the_model_uses_and_does_not_need_are_told():
    random = np.random.default_rng(0)
    hidden = random.normal(size=300)
    rough = np.column_stack(
        [hidden + 0.9 * random.normal(size=300) for _ in range(2)]
    )  # correlated below 0.8
    X = np.column_stack([hidden, rough, random.normal(size=300)])
    found = explained(named(X, ["true", "rough_a", "rough_b", "noise"], np.where(hidden > 0, "b", "a")))
    said = [warning for warning in found.warnings if "not shown to lose" in warning]
    assert len(said) == 1
    assert "rough_" in said[0] and "true" not in said[0]
    assert "strong" not in str([one for one in explained(nine_copies()).warnings if "shown to lose" in one])


def test_dependence_that_correlation_does_not_see_is_told():
    X = np.random.default_rng(0).normal(size=(200, 2))
    X[:, 1] = X[:, 0] ** 2
    found = explained(named(X, ["x", "square"], np.where(X[:, 0] > 0, "b", "a")))
    assert any("as strongly dependent" in warning and "x and square" in warning for warning in found.warnings)


def test_the_question_that_the_method_answers_is_said(copies):
    assert any(one.startswith("SHAP (path) tells how") for one in copies.sentences())
    assert copies.summary()["question"] == copies.question
    assert "averaged over training rows like this one" in SAYS["path"]
    assert "from other rows, whatever goes with them" in SAYS["interventional"]
    for said in SAYS.values():
        assert said.count(". ") == 1 and max(len(one.split()) for one in said.split(". ")) <= 26


def test_figures_are_never_minus_nothing():
    assert [figure(value) for value in (-0.001, 0.126, -0.5, 12.34, 12345.6)] == [
        "0.00",
        "0.13",
        "-0.50",
        "12.3",
        "12,346",
    ]


# ---- contents ----
def test_scripts_get_names_figures_and_groups(copies):
    told = json.loads(json.dumps(copies.summary()))
    assert {one["name"] for one in told["features"]} == set(copies.feature_names)
    assert {"name", "shap", "permutation", "refits"} == set(told["features"][0])
    assert set(told["features"][0]["permutation"]) == {"value", "low", "high"}
    assert told["correlated_groups"] == [COPIES]
    assert told["groups"][0]["features"] == COPIES
    assert CAUSE in told["warnings"][0]
    for kind in ("features", "groups"):
        sizes = [one["refits"]["mean"] for one in told[kind]]
        assert sizes == sorted(sizes, reverse=True)


def test_it_saves_and_loads(copies, tmp_path):
    again = Explanation.load(copies.save(tmp_path / "e.zip"))
    assert again.digest() == copies.digest()
    assert again.sentences() == copies.sentences()
