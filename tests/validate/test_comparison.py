"""The corrected test against its formula and against equal models; sentences that follow from figures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from clew.errors import DataError, SettingError
from clew.intervals import Interval
from clew.result import Result
from clew.validate.comparison import Comparison, Contender, Difference, corrected_t_test


# ---- the test ----
def test_without_overlap_it_is_the_paired_t_test():
    d = np.random.default_rng(0).normal(0.02, 0.05, 15)
    mean, low, high, p = corrected_t_test(d, test_to_train=0)
    witness = stats.ttest_1samp(d, 0)
    assert (mean, p) == pytest.approx((d.mean(), witness.pvalue))
    assert (low, high) == pytest.approx(tuple(witness.confidence_interval()))


def test_overlap_widens_the_error_as_nadeau_and_bengio_say():
    d = np.random.default_rng(1).normal(0.02, 0.05, 15)
    _, low, high, p = corrected_t_test(d, test_to_train=0.25)
    error = d.std(ddof=1) * np.sqrt(1 / 15 + 0.25)
    assert p == pytest.approx(2 * stats.t.sf(abs(d.mean()) / error, 14))
    assert high - low == pytest.approx(2 * error * stats.t.ppf(0.975, 14))


def test_folds_that_happen_to_agree_do_not_prove_too_much():
    assert corrected_t_test(np.zeros(15), test_to_train=0.25)[3] == 1
    exact = corrected_t_test(np.full(15, 0.01), test_to_train=0.25, least_spread=1 / 30)
    assert exact[1] < 0 < exact[2]
    clear = corrected_t_test(np.full(15, 0.5), test_to_train=0.25, least_spread=1 / 30)
    assert 0 < clear[3] < 1e-6


def test_one_fold_has_no_spread():
    with pytest.raises(DataError, match="at least 2 folds"):
        corrected_t_test(np.zeros(1), test_to_train=0.25)


def rejections(n_sets, *, corrected, n=100, repeats=3, k=5, seed=0):
    """Return how often two models that are equally good are told apart at 5%: each has half of equal features."""
    random, hits = np.random.default_rng(seed), 0
    for _ in range(n_sets):
        y = np.arange(n) % 2
        X = random.normal(size=(n, 8)) + 0.5 * y[:, None]
        d = []
        for _ in range(repeats):
            part = random.permutation(np.arange(n) % k)
            for fold in range(k):
                test = part == fold
                a, b = X[~test & (y == 0)].mean(axis=0), X[~test & (y == 1)].mean(axis=0)
                score = (X[test] - (a + b) / 2) * (b - a)  # nearest centre, feature by feature
                right = [
                    ((score[:, half].sum(axis=1) > 0) == y[test]).mean() for half in (slice(4), slice(4, 8))
                ]
                d.append(right[0] - right[1])
        hits += corrected_t_test(np.array(d), test_to_train=corrected / (k - 1))[3] < 0.05
    return hits / n_sets


def test_equal_models_are_seldom_told_apart():
    assert (
        rejections(300, corrected=1) <= 0.08
    )  # 2,000 sets: 2 to 4% for 60 to 300 rows, 3 or 5 folds, once or three times


def test_the_plain_t_test_tells_equal_models_apart_far_too_often():
    assert rejections(300, corrected=0) >= 0.15


# ---- what is said ----
def interval(value, half=0.03):
    return Interval(value=value, low=value - half, high=value + half, n_groups=90, n_rows=90)


def contender(
    name,
    value,
    *,
    to_best=None,
    p=1.0,
    candidates=None,
    metric="balanced_accuracy",
    low=-0.03,
    high=0.01,
    folds=5,
):
    other = (
        Difference(
            to=to_best,
            value=(low + high) / 2,
            low=low,
            high=high,
            p_value=p,
            p_adjusted=p,
            over_groups=interval(-0.01),
        )
        if to_best
        else None
    )
    return Contender(
        name=name,
        words=name,
        grid=[{}],
        chosen=np.zeros((1, 5), np.int64),
        metrics={metric: interval(value)},
        by_fold=np.full((1, folds), value),
        candidates=candidates or [value],
        to_reference=other,
        to_best=other,
    )


def comparison(families, *, choice=0.9, metric="balanced_accuracy"):
    return Comparison(
        kind="classification",
        metric=metric,
        families=families,
        reference="forest",
        choice=interval(choice),
        n_candidates=9,
        classes=["a", "b"],
        split={"by": "row", "reason": "5 folds.", "folds": 5, "gap": 0.0, "repeats": 1},
        n_rows=90,
        n_groups=90,
    )


def three(p_dummy=0.0, p_linear=1.0):
    return [
        contender("dummy", 0.5, to_best="forest", p=p_dummy),
        contender("linear", 0.9, to_best="forest", p=p_linear),
        contender("forest", 0.91, candidates=[0.91, 0.93]),
    ]


def test_the_simplest_that_is_not_worse_is_named():
    found = comparison(three())
    assert (found.best.name, found.simplest.name) == ("forest", "linear")
    told = " ".join(found.verdict())
    assert "Cannot be told apart from it: linear (difference -0.01 [-0.03, 0.01])" in told
    assert "Worse than it by more than chance: dummy" in told
    assert "The simplest that is not shown to be worse is linear." in told
    assert comparison(three(p_linear=0.001)).simplest.name == "forest"


def test_what_cannot_beat_the_dummy_learnt_nothing():
    found = comparison(three(p_dummy=0.2))
    assert "nothing can be learnt" in " ".join(found.verdict())
    assert "nothing can be learnt" not in " ".join(comparison(three()).verdict())


def test_nothing_can_be_learnt_only_where_the_interval_leaves_no_room_for_it():
    families = three(p_dummy=0.2)
    wide = contender("dummy", 0.5, to_best="forest", p=0.2, low=-0.31, high=0.02)
    told = " ".join(comparison([wide, *families[1:]]).verdict())
    assert "nothing can be learnt" not in told
    assert "but up to 0.31 better is not ruled out: more rows with labels would tell." in told
    best = [contender("dummy", 0.5), contender("tree", 0.45, to_best="dummy", low=-0.4, high=0.25)]
    assert "up to 0.25 better is not ruled out" in " ".join(comparison(best).verdict())
    narrow = [best[0], contender("tree", 0.49, to_best="dummy", low=-0.04, high=0.03)]
    assert "nothing can be learnt" in " ".join(comparison(narrow).verdict())
    errors = [
        contender("dummy", 10.0, metric="rmse", to_best="tree", low=-2.0, high=4.0),
        contender("tree", 9.0, metric="rmse"),
    ]
    told = " ".join(comparison(errors, metric="rmse", choice=9.0).verdict())
    assert "up to 4.00 better is not ruled out" in told


def test_too_few_folds_tell_nothing_but_what_they_do_tell_apart():
    few = [
        contender("dummy", 0.5, to_best="forest", p=0.001, folds=3),
        contender("linear", 0.9, to_best="forest", p=0.5, folds=3),
        contender("forest", 0.91, folds=3),
    ]
    told = " ".join(comparison(few).verdict())
    assert "Worse than it by more than chance: dummy" in told
    assert "Too few folds to tell whether it is better than linear" in told
    assert "3 folds, where it takes at least 4; take more folds or repeats." in told  # 90 groups
    assert "Cannot be told apart" not in told and "The simplest" not in told
    both = [few[0], few[2]]
    assert not comparison(both).too_few_folds and comparison(both).summary()["simplest_not_worse"] == "forest"


def test_digits_carry_the_claim():
    small = contender("tree", 0.9, to_best="forest", p=0.001, low=-0.0072, high=-0.0004)
    told = " ".join(comparison([small, contender("forest", 0.904)]).verdict())
    assert "tree (difference -0.0038 [-0.0072, -0.0004])" in told  # -0.00 [-0.01, 0.00] at two digits
    assert small.to_best.written(signed=True) == "-0.0038 [-0.0072, -0.0004]"
    held = contender("tree", 0.9, to_best="forest", low=-0.0372, high=0.0004).to_best
    assert held.written() == "-0.02 [-0.04, 0.00]"  # holds 0, and reads so


def test_every_candidate_is_counted_and_the_flattery_told():
    found = comparison(three(), choice=0.9)
    assert found.optimistic == 0.93
    assert "3 families, 9 candidates were tried." in found.headline()
    assert "flattered by about 0.03" in found.verdict()[-1]
    assert comparison(three(), choice=0.95).verdict()[-1].endswith("here choosing does not flatter.")
    hardly = comparison(three(), choice=0.93 - 1.6e-6).verdict()[-1]
    assert hardly.endswith("here choosing does not flatter noticeably.") and "e-06" not in hardly
    assert found.summary()["candidates"] == 9


def test_less_error_is_better():
    families = [
        contender("linear", 3.0, metric="rmse", to_best="tree"),
        contender("tree", 2.0, metric="rmse", candidates=[2.0, 1.8]),
    ]
    found = comparison(families, metric="rmse", choice=2.1)
    assert (found.best.name, found.optimistic) == ("tree", 1.8)
    assert "flattered by about 0.3" in found.verdict()[-1]


def test_an_interval_that_leaves_out_zero_says_why_it_is_not_told_apart():
    other = Difference(
        to="b", value=-0.02, low=-0.03, high=-0.01, p_value=0.02, p_adjusted=0.12, over_groups=interval(0)
    )
    families = [dataclasses.replace(contender("linear", 0.9), to_best=other), contender("forest", 0.92)]
    assert "p = 0.12 after Holm" in " ".join(comparison(families).verdict())


def test_a_comparison_comes_back_from_disk(tmp_path):
    found = comparison(three())
    again = Result.load(found.save(tmp_path / "c.clew"))
    assert again.digest() == found.digest()
    assert again.summary() == found.summary()


def test_an_unknown_family_gets_a_suggestion():
    with pytest.raises(SettingError, match="Did you mean 'forest'"):
        comparison(three()).family("forrest")
