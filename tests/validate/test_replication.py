"""Groups replicate on sealed rows where there are some, and one population does not pass for them."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from clew.errors import SettingError, Stopped
from clew.explore.distances import TURNED
from clew.result import Result
from clew.validate import replication as module
from clew.validate.replication import prediction_strength, replicate, seen_from, why_not
from tests.validate.confirm_worlds import clouds, look, table


@cache  # the same studies are judged by several tests
def study(kind, seed, *, n_open=200, n_sealed=100, d=8, k=2, references=99, **settings):
    X = clouds(kind, n_open + n_sealed, d, np.random.default_rng([seed, d]), **settings)
    sealed = np.arange(len(X)) >= n_open
    return replicate(look(X[:n_open], k=k), table(X), sealed, references=references, random_state=seed)


def slow_index(look_, X):
    """The share of variance that the cut explains along the line between neighbouring centres, step by step."""
    Z = (X - look_.center) / look_.scale
    centers = look_.group_centers
    labels = np.array([min(range(len(centers)), key=lambda c: ((z - centers[c]) ** 2).sum()) for z in Z])
    indices = []
    for a in range(len(centers)):
        b = min(
            (c for c in range(len(centers)) if c != a), key=lambda c: ((centers[c] - centers[a]) ** 2).sum()
        )
        both = np.isin(labels, [a, b])
        line = Z[both] @ (centers[b] - centers[a])
        within = sum(((line[labels[both] == c] - line[labels[both] == c].mean()) ** 2).sum() for c in (a, b))
        indices.append(1 - within / ((line - line.mean()) ** 2).sum())
    return min(indices)


@pytest.mark.parametrize("k", [2, 3])
def test_the_index_is_that_of_sealed_rows_under_the_centres_of_open_ones(k):
    X = clouds("two", 150, 4, np.random.default_rng(k))
    looked = look(X[:100], k=k)
    found = replicate(looked, table(X), np.arange(150) >= 100, references=19)
    assert found.index == pytest.approx(slow_index(looked, X[100:]), abs=1e-12)
    assert sum(found.sizes) == found.n_sealed == 50


def test_p_counts_the_draws_of_the_reference_that_comes_closer():
    found = study("two", 1, sigma=2.0)
    assert found.draws.shape == (99, 2)
    above = (found.draws >= found.index).sum(axis=0)
    assert [found.p_unimodal, found.p_ellipsoid] == pytest.approx((1 + above) / 100)
    assert found.p_value == max(found.p_unimodal, found.p_ellipsoid)


def test_two_groups_three_sigma_apart_replicate_on_100_sealed_rows():
    """Of 200 such studies (B = 199) 97.0% [93.6, 98.6] replicate."""
    verdicts = [study("two", seed).verdict for seed in range(10)]
    assert verdicts.count("confirmed") >= 9


@pytest.mark.parametrize("kind", ["gaussian", "lognormal", "cube"])
def test_one_population_does_not_replicate(kind):
    """Of 200 such studies (B = 199) 4.0, 1.0 and 3.5% do; of 8 populations balls most, 7.0% [4.2, 11.4]."""
    verdicts = [study(kind, seed).verdict for seed in range(10)]
    assert verdicts.count("confirmed") <= 2


@pytest.mark.slow
def test_one_population_replicates_no_more_often_than_it_may():
    n = sum(study(kind, s).verdict == "confirmed" for kind in ("cube", "ball") for s in range(60))
    assert n <= 0.08 * 120 + 2 * np.sqrt(120 * 0.08 * 0.92)


def test_each_reference_alone_takes_a_population_for_groups():
    """Alone, E would confirm 46% of 200 lognormal studies, and M 21% of balls."""
    skewed, flat = ([study(kind, seed) for seed in range(24)] for kind in ("lognormal", "ball"))
    assert sum(one.p_ellipsoid <= 0.05 for one in skewed) >= 6
    assert sum(one.p_value <= 0.05 for one in skewed) <= 1
    assert sum(one.p_unimodal <= 0.05 for one in flat) > sum(one.p_value <= 0.05 for one in flat)


def test_the_circular_test_finds_differences_in_noise_every_time():
    """The mutant: are the features of sealed rows different between the groups that they were put into? Always."""
    for seed in range(10):
        X = clouds("gaussian", 300, 8, np.random.default_rng(seed))
        looked = look(X[:200])
        Z = (X[200:] - looked.center) / looked.scale
        side = ((Z[:, None] - looked.group_centers) ** 2).sum(axis=2).argmin(axis=1)
        line = Z @ (looked.group_centers[1] - looked.group_centers[0])
        assert ttest_ind(line[side == 0], line[side == 1]).pvalue < 1e-6


def test_neither_units_nor_the_number_of_threads_change_anything(monkeypatch):
    X = clouds("two", 120, 3, np.random.default_rng(0))
    sealed = np.arange(120) >= 80
    found = replicate(look(X[:80]), table(X), sealed, references=19)
    monkeypatch.setattr(module, "n_threads", lambda: 1)
    assert replicate(look(X[:80]), table(X), sealed, references=19).digest() == found.digest()
    other = X * [1e-3, 5.0, 1e4] + [7.0, -3.0, 1e5]
    again = replicate(look(other[:80]), table(other), sealed, references=19)
    assert again.index == pytest.approx(found.index, abs=1e-9)
    np.testing.assert_allclose(again.draws, found.draws, atol=1e-6)


@pytest.mark.parametrize("metric", TURNED)
@pytest.mark.parametrize("scale", ["standard", "none"])
def test_rows_under_an_angle_are_judged_where_they_were_clustered(metric, scale):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(150, 5)) + 6 * np.where(
        np.arange(150)[:, None] % 2, [1, 0, 0, 0, 0], [0, 1, 0, 0, 0]
    )
    sealed = np.arange(150) >= 100
    found = replicate(look(X[:100], metric=metric, scale=scale), table(X), sealed, references=39)
    assert found.verdict == "confirmed"
    noise = rng.normal(size=(150, 5))
    found = replicate(look(noise[:100], metric=metric, scale=scale), table(noise), sealed, references=39)
    assert found.verdict == "not confirmed"


def test_a_robust_scale_is_taken_of_each_draw():
    X = clouds("lognormal", 60, 3, np.random.default_rng(0))
    center, spread = module._scales(X, "robust")
    np.testing.assert_allclose(center, np.median(X, axis=0))
    np.testing.assert_allclose(spread, (np.quantile(X, 0.75, axis=0) - np.quantile(X, 0.25, axis=0)) / 1.349)
    constant = np.ones((10, 2))
    assert module._scales(constant, "standard")[1].tolist() == [1, 1]


def test_prediction_strength_counts_pairs():
    rng = np.random.default_rng(3)
    own, given = rng.integers(3, size=40), rng.integers(2, size=40)
    shares = []
    for cluster in range(3):
        pairs = list(combinations(np.flatnonzero(own == cluster), 2))
        shares.append(np.mean([given[i] == given[j] for i, j in pairs]))
    assert prediction_strength(own, given) == pytest.approx(min(shares))
    assert prediction_strength(own, own) == 1
    assert np.isnan(prediction_strength(np.arange(4), np.zeros(4, int)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"k": 0}, "found no groups"),
        ({"k": 1}, "found one group only"),
        ({"settings": {"space": "features", "cluster": "hdbscan"}}, "gives no rule for new rows"),
        ({"settings": {"space": "embedding", "cluster": "kmeans"}}, "gives no rule for new rows"),
        ({"metric": "precomputed"}, "gives no rule for new rows"),
    ],
)
def test_what_gives_no_rule_for_sealed_rows_is_not_tested_and_says_why(change, said):
    X = clouds("two", 60, 3, np.random.default_rng(0))
    looked = look(X[:40])
    vars(looked).update(change)
    found = replicate(looked, table(X), np.arange(60) >= 40)
    assert found.verdict == "not tested"
    assert said in found.reason and said in found.headline()
    assert found.summary()["p_value"] is None and np.isnan(found.p_value)


def test_too_few_sealed_rows_are_not_tested():
    assert "too few for 2 groups" in why_not(look(clouds("two", 40, 2, np.random.default_rng(0))), 5)
    assert "Nobody has looked" in why_not(None, 50)


def test_a_look_after_the_seal_was_opened_is_never_confirmed():
    X = clouds("two", 150, 3, np.random.default_rng(0), sigma=8.0)
    sealed = np.arange(150) >= 100
    found = replicate(look(X[:100]), table(X), sealed, references=19, late=True)
    assert found.p_value == 0.05
    assert found.verdict == "not confirmed"
    assert "after the sealed rows had been seen" in found.headline()


def test_sentences_say_the_verdict_p_and_what_could_have_been_seen():
    assert (
        study("two", 0, sigma=6.0)
        .headline()
        .startswith("The grouping replicates on 100 sealed rows (p = 0.010)")
    )
    few = study("gaussian", 0, n_open=80, n_sealed=40)
    assert "did not replicate on 40 sealed rows" in few.headline()
    assert "only separations of about 4 sigma" in few.headline()
    assert "too few" in seen_from(10)


def test_of_many_rows_a_part_is_judged_and_said(monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 90)
    found = study("two", 0, sigma=6.0, references=19)
    assert (found.n_open, found.n_sealed) == (60, 30)
    assert "90 rows of 300" in found.notes[0]
    assert found.verdict == "confirmed"


def _without_a_group(groups=None):
    """83 open rows of two groups, and 20 sealed ones that are all of one."""
    X = clouds("two", 103, 2, np.random.default_rng(0), sigma=10.0)
    near = np.argsort(X.sum(axis=1))
    X = X[np.concatenate([near[20:], near[:20]])]
    sealed = np.arange(103) >= 83
    return replicate(look(X[~sealed]), table(X, groups=groups), sealed, references=19)


def test_a_group_that_single_sealed_rows_should_have_and_have_not_did_not_replicate():
    found = _without_a_group()
    assert found.index == 0 and found.p_value == 1 and found.verdict == "not confirmed"
    assert "not confirmed on 20 sealed rows (p = 1.00): group" in found.headline()
    assert "sigma" not in found.headline()


def test_a_group_that_sealed_islands_do_not_have_was_not_tested():
    found = _without_a_group(groups=np.arange(103) // 21)  # the last island holds one group
    assert found.verdict == "not tested" and np.isnan(found.p_value)
    assert "has none of the 20 sealed rows" in found.reason and "Nothing can be done" in found.reason


def test_draws_can_be_stopped_and_too_few_are_refused(tmp_path):
    X = clouds("two", 60, 3, np.random.default_rng(0))
    sealed = np.arange(60) >= 40
    with pytest.raises(Stopped):
        replicate(look(X[:40]), table(X), sealed, references=19, on_progress=lambda done, total: done < 3)
    with pytest.raises(SettingError, match="at least 19"):
        replicate(look(X[:40]), table(X), sealed, references=18)
    found = replicate(look(X[:40]), table(X), sealed, references=19)
    assert Result.load(found.save(tmp_path / "r.zip")).digest() == found.digest()
