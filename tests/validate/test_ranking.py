"""Areas under curves: against scikit-learn's, each group really left out, and classes that sit in few groups."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from clew.figures import even_rows
from clew.intervals import jackknife_interval
from clew.validate.ranking import ranked_figures, roc_auc

WITNESS = {"roc_auc": roc_auc_score, "pr_auc": average_precision_score}


def scored(n, n_groups, *, digits, seed=0):
    random = np.random.default_rng(seed)
    truth = random.choice(3, n, p=[0.6, 0.3, 0.1])
    probability = random.dirichlet([1, 1, 1], n)
    probability[np.arange(n), truth] += 0.4
    groups = np.arange(n) if n_groups == n else random.integers(0, n_groups, n)
    return truth, (probability / probability.sum(axis=1, keepdims=True)).round(digits), groups


@pytest.mark.parametrize(
    ("n", "n_groups", "digits"), [(80, 80, 1), (80, 80, 9), (200, 7, 1), (300, 60, 3), (300, 5, 9)]
)
def test_every_area_equals_scikit_learns_with_each_group_really_left_out(n, n_groups, digits):
    truth, probability, groups = scored(n, n_groups, digits=digits)
    _, per_class = ranked_figures(truth, probability, groups)
    names = np.unique(groups)
    for k in range(3):
        own = truth == k
        for name, witness in WITNESS.items():
            left_out = [witness(own[groups != g], probability[groups != g, k]) for g in names]
            holding = [np.unique(groups[part]).size for part in (own, ~own)]
            expected = jackknife_interval(
                witness(own, probability[:, k]),
                np.array(left_out),
                n_groups=names.size,
                n_rows=n,
                n_most=even_rows(np.array([own.sum(), (~own).sum()])),
                n_alike=even_rows(np.array(holding)),
            )
            found = per_class[k][name]
            assert found.summary() == pytest.approx(expected.summary(), abs=1e-12), (k, name)
            assert found.n_effective == pytest.approx(expected.n_effective, rel=1e-6)


def test_taking_groups_for_single_rows_gives_another_interval():
    """The mutant of the test above: it can fail."""
    truth, probability, groups = scored(300, 5, digits=9)
    by_group, by_row = (ranked_figures(truth, probability, g)[0]["roc_auc"] for g in (groups, np.arange(300)))
    assert by_group.value == by_row.value
    assert abs(by_group.low - by_row.low) > 0.01


def test_large_and_small_groups_together_are_left_out_exactly():
    random = np.random.default_rng(3)
    groups = np.concatenate([np.repeat([0, 1], 60), np.arange(2, 82)])
    positive, score = random.random(200) < 0.3, random.random(200).round(2)
    truth = positive.astype(int)
    found = ranked_figures(truth, np.column_stack([-score, score]), groups)[1][1]["pr_auc"]
    left_out = np.array(
        [average_precision_score(positive[groups != g], score[groups != g]) for g in range(82)]
    )
    deviation = left_out - left_out.mean()
    variance = 81 / 82 * (deviation**2).sum()
    value = average_precision_score(positive, score)
    assert found.n_effective == pytest.approx(value * (1 - value) / variance)


def test_no_skill_gives_a_half_and_the_share_of_the_class():
    truth = np.repeat([0, 1], [80, 20])
    means, per_class = ranked_figures(truth, np.full((100, 2), 0.5), np.arange(100) % 10)
    assert means["roc_auc"].value == 0.5
    assert per_class[1]["pr_auc"].value == pytest.approx(0.2)


def test_a_class_in_few_groups_gets_no_interval_and_a_reason():
    groups, truth = np.arange(60) % 10, np.zeros(60, int)
    truth[groups < 2] = 1
    score = np.random.default_rng(0).random(60)
    found = roc_auc(truth == 1, score, groups=groups)
    assert np.isnan(found.low)
    assert found.note == "No interval: only 2 groups hold this class."
    assert found.value == pytest.approx(roc_auc_score(truth, score))


def test_a_class_without_rows_is_not_defined_and_left_out_of_the_mean():
    truth, probability, groups = scored(100, 10, digits=9)
    truth = np.minimum(truth, 1)
    means, per_class = ranked_figures(truth, probability, groups)
    assert per_class[2]["roc_auc"].summary() == {"value": None, "low": None, "high": None}
    assert means["roc_auc"].value == pytest.approx(
        np.mean([roc_auc_score(truth == k, probability[:, k]) for k in (0, 1)])
    )


def test_ten_thousand_rows_of_their_own_are_left_out_one_by_one():
    truth, probability, groups = scored(10_000, 10_000, digits=9)
    found = ranked_figures(truth, probability, groups)[0]["roc_auc"]
    assert found.n_groups == 10_000
    assert 0 < found.high - found.low < 0.03


def coverage(n_sets, *, naive):
    """Return how often the interval of a true area of 0.9 holds it: 12 groups whose scores are shifted."""
    from statistics import NormalDist

    random, hits = np.random.default_rng(0), 0
    gap, shift = 2.0, 0.5
    area = NormalDist().cdf(gap / np.sqrt(2 * (1 + shift**2)))
    groups = np.repeat(np.arange(12), 40)
    for _ in range(n_sets):
        positive = random.random(480) < 0.4
        effect = shift * random.normal(size=(12, 2))
        score = random.normal(size=480) + gap * positive + effect[groups, positive.astype(int)]
        found = roc_auc(positive, score, groups=np.arange(480) if naive else groups)
        hits += found.low <= area <= found.high
    return hits / n_sets


def test_intervals_of_the_area_cover_as_often_as_they_say():
    assert 0.91 <= coverage(300, naive=False) <= 0.98


def test_the_mutant_that_ignores_groups_covers_too_little():
    assert coverage(300, naive=True) < 0.9
