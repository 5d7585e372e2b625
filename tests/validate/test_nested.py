"""Nested cross-validation: the same folds for all, and no test row has a say in what is tested on it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.intervals import NO_BOUNDS, group_interval
from clew.samples import Samples
from clew.validate.comparison import corrected_t_test
from clew.validate.metrics import cross_validate
from clew.validate.nested import Entry, _OfClasses, _OfNumbers, compare_fits, in_threads, parts_of_difference


def rows(n=60, *, seed=0, groups=None, shift=1.5, classes=2):
    random = np.random.default_rng(seed)
    y = np.arange(n) % classes
    names = np.array([f"row{i}" for i in range(n)])
    X = random.normal(size=(n, 2)) + shift * y[:, None]
    return Samples(
        features=X,
        feature_names=("a", "b"),
        units=("", ""),
        sample=names,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=names if groups is None else np.array([f"g{i}" for i in groups]),
        labels=np.array(list("xyz"))[y],
    )


@dataclass(frozen=True)
class Said:
    label: np.ndarray | None = None
    value: np.ndarray | None = None


@dataclass(frozen=True)
class Cut:
    """Says y where a feature is above a threshold; or, for numbers, that multiple of it."""

    column: int
    at: float
    numbers: bool = False
    probability = None
    classes = ("x", "y")

    def predict(self, samples):
        value = samples.features[:, self.column]
        if self.numbers:
            return Said(value=value * self.at)
        label = np.where(value > self.at, "y", "x")
        said = Said(label=label)
        object.__setattr__(said, "classes", ["x", "y"])
        object.__setattr__(said, "probability", np.stack([label == "x", label == "y"], axis=1).astype(float))
        return said


def entry(name, *cuts):
    return Entry(
        name, name, [{"cut": i} for i in range(len(cuts))], [lambda training, cut=cut: cut for cut in cuts]
    )


TWO = [entry("a", Cut(0, 0.75)), entry("b", Cut(1, 0.75), Cut(1, -3.0))]


def compare(samples=None, entries=TWO, **settings):
    return compare_fits(
        rows() if samples is None else samples, entries, reference=entries[0].name, **settings
    )


def test_figures_are_those_of_cross_validation():
    found = compare(repeats=1, random_state=3)
    witness = cross_validate(rows(), lambda training: Cut(0, 0.75), random_state=3)
    for name in ("accuracy", "balanced_accuracy", "f1", "matthews"):
        assert found.family("a").metrics[name].summary() == pytest.approx(
            witness.scores.metrics[name].summary()
        )


def test_repeats_do_not_narrow_an_interval():
    one, many = (compare(repeats=r).family("a").metrics["balanced_accuracy"] for r in (1, 4))
    assert (many.value, many.low, many.high) == pytest.approx(
        (one.value, one.low, one.high)
    )  # the cut learns nothing


def test_no_fit_sees_a_row_that_it_is_tested_on():
    seen, wrong = threading.local(), []

    class Spy(Cut):
        def predict(self, samples):
            wrong.extend(set(samples.sample) & seen.rows)
            wrong.extend(set(samples.group) & seen.groups)
            return super().predict(samples)

    def fit(training):
        seen.rows, seen.groups = set(training.sample), set(training.group)
        return Spy(0, 0.75)

    grouped = rows(groups=np.arange(60) // 6)
    one = Entry("a", "a", [{"cut": 0}, {"cut": 1}], [fit, fit])
    compare(grouped, [one, TWO[1]])
    assert not wrong

    def leaking(training):
        seen.rows, seen.groups = set(grouped.sample), set(grouped.group)
        return Spy(0, 0.75)

    compare(grouped, [Entry("a", "a", [{}], [leaking]), TWO[1]])
    assert wrong  # the check can fail


def coins(n_candidates):
    """Models that toss a coin for each row: the best of many on some rows is no better on others."""

    class Coin(Cut):
        def predict(self, samples):
            codes = [int(name[3:]) for name in samples.sample]
            toss = np.random.default_rng(self.column).integers(0, 2, 1000)[codes]
            return Said(label=np.where(toss == 1, "y", "x"))

    return entry("coins", *(Coin(i, 0.0) for i in range(n_candidates)))


def test_the_best_of_many_coins_is_flattered_unless_chosen_within_the_folds():
    found = [compare(rows(80, seed=s), [coins(60), TWO[0]], repeats=1, metric="accuracy") for s in range(3)]
    nested = np.mean([one.family("coins").metrics["accuracy"].value for one in found])
    best = np.mean([max(one.family("coins").candidates) for one in found])
    assert 0.42 < nested < 0.58
    assert best > 0.6  # the mutant: choosing by the rows that judge
    assert found[0].n_candidates == 61


def test_the_inner_folds_choose_the_better_setting():
    found = compare()
    assert found.family("b").settings_chosen == {"cut": 0}
    assert found.family("b").candidates[0] > found.family("b").candidates[1]
    assert found.choice.value > 0.6


def test_a_family_does_not_differ_from_its_double():
    found = compare(entries=[TWO[0], entry("double", Cut(0, 0.75))])
    double = found.family("double").to_reference
    assert (double.value, double.p_value) == (0, 1)
    assert double.low < 0 < double.high


# ---- differences ----
def lopsided(seed=0, n=90, k=6):
    """Return classes, two answers to them, and folds that hold few rows, or none, of some classes."""
    random = np.random.default_rng(seed)
    fold = np.sort(random.integers(0, k, n))
    truth = np.where(fold < 2, 0, random.integers(0, 3, n))
    one, other = (np.where(random.random(n) < p, truth, random.integers(0, 3, n)) for p in (0.8, 0.4))
    other[fold < 2] = 0  # right about all of them
    return truth, one, other, fold, k


@pytest.mark.parametrize("metric", ["balanced_accuracy", "accuracy", "f1", "kappa", "matthews"])
def test_the_difference_is_that_of_the_two_figures_also_where_folds_lack_classes(metric):
    truth, one, other, fold, k = lopsided()
    judge, alone = _OfClasses(metric, 3), np.zeros(len(truth), int)
    sums = [judge.sums(truth, said, fold, k) for said in (one, other)]
    pooled = [judge.figure(judge.sums(truth, said, alone, 1))[0] for said in (one, other)]
    assert parts_of_difference(judge, *sums).mean() == pytest.approx(pooled[0] - pooled[1])
    if metric == "balanced_accuracy":  # the mutant: means over the classes that a fold happens to hold
        by_fold = judge.figure(sums[0]) - judge.figure(sums[1])
        assert abs(by_fold.mean() - (pooled[0] - pooled[1])) > 0.02


def test_in_equal_folds_the_parts_are_the_differences_within_them():
    random = np.random.default_rng(1)
    fold, truth = np.repeat(np.arange(5), 12), np.tile([0, 1], 30)
    for judge, said in (
        (_OfClasses("balanced_accuracy", 2), random.integers(0, 2, (2, 60))),
        (_OfNumbers("r2", 0.25), random.random((2, 60))),
    ):
        one, other = (judge.sums(truth, each, fold, 5) for each in said)
        np.testing.assert_allclose(
            parts_of_difference(judge, one, other), judge.figure(one) - judge.figure(other), atol=1e-12
        )


def test_figures_and_differences_of_groups_that_lack_classes_agree():
    y = np.arange(60) % 2
    groups = np.where(
        y == 1, np.arange(60) // 2 % 3, np.arange(60) // 2 % 6
    )  # three groups hold the first class only
    found = compare(rows(groups=groups), repeats=2)
    figures = [found.figure(found.family(name)).value for name in "ba"]
    assert found.family("b").to_reference.value == pytest.approx(figures[0] - figures[1])
    assert found.family("b").to_reference.over_groups.value == pytest.approx(figures[0] - figures[1])


def rejected(n_sets):
    """Return how often two models that are equally good are told apart, in folds of groups with uneven classes."""
    judge, hits = _OfClasses("balanced_accuracy", 2), 0
    for seed in range(n_sets):
        random = np.random.default_rng(seed)
        fold = np.repeat(np.arange(10), random.integers(6, 30, 10)) % 5
        truth = (random.random(len(fold)) < random.beta(1, 1, 5)[fold]).astype(int)
        one, other = (np.where(random.random(len(fold)) < 0.75, truth, 1 - truth) for _ in range(2))
        parts = parts_of_difference(judge, *(judge.sums(truth, each, fold, 5) for each in (one, other)))
        hits += corrected_t_test(parts, test_to_train=0.25, least_spread=5 / len(fold))[3] < 0.05
    return hits / n_sets


def test_equal_models_are_seldom_told_apart_where_classes_are_uneven():
    assert rejected(300) <= 0.08


def test_differences_over_groups_are_the_slow_jackknife():
    samples = rows(groups=np.arange(60) // 5)
    found = compare(samples, repeats=1, metric="accuracy").family("b").to_reference.over_groups
    right = [
        (cut.predict(samples).label == samples.labels).astype(float) for cut in (Cut(1, 0.75), Cut(0, 0.75))
    ]
    slow = group_interval(lambda r: (right[0][r] - right[1][r]).mean(), samples.group, bounds=NO_BOUNDS)
    assert found.summary() == pytest.approx(slow.summary())


@pytest.mark.parametrize("metric", ["r2", "rmse", "mae"])
def test_numbers_are_compared_as_classes_are(metric):
    samples = rows()
    numbers = samples.with_labels(None).with_target(samples.features[:, 0] * 2 + samples.features[:, 1])
    entries = [entry("half", Cut(0, 1.0, numbers=True)), entry("whole", Cut(0, 2.0, numbers=True))]
    found = compare(numbers, entries, kind="regression", metric=metric, repeats=2)
    assert found.best.name == "whole"
    if metric == "r2":  # folds of one size: the mean over folds is the figure of all rows
        assert found.best.by_fold.mean() == pytest.approx(found.figure(found.best).value)


def test_divisions_that_come_out_the_same_count_once():
    found = compare(rows(groups=np.arange(60) % 3), repeats=3)
    assert (found.split["repeats"], found.family("a").by_fold.shape) == (1, (1, 3))
    assert any("1 of 3 divisions differ" in warning for warning in found.warnings)
    assert compare(repeats=3).split["repeats"] == 3


def test_two_groups_leave_nothing_to_choose_by_and_it_is_said():
    found = compare(rows(groups=np.arange(60) % 2))
    assert any("too few training groups" in warning for warning in found.warnings)
    assert np.isnan(found.family("a").metrics["accuracy"].low)


def test_two_groups_are_too_few_folds_to_say_that_nothing_is_learnt():
    always = entry("dummy", Cut(0, 99.0))
    both = [always, entry("a", Cut(0, 2.5))]
    found = compare(rows(40, shift=5.0, groups=np.arange(40) // 2 % 2), both)
    assert found.figure(found.best).value > 0.97
    assert not found.family("dummy").to_best.told_apart  # one degree of freedom: the test cannot tell
    told = " ".join(found.verdict())
    assert "Too few folds to tell whether it is better than dummy" in told
    assert "2 groups make 2 folds, where it takes at least 4; more groups with labels are needed." in told
    assert "Cannot be told apart" not in told and "nothing can be learnt" not in told
    assert found.summary()["simplest_not_worse"] is None and found.summary()["too_few_folds"]
    assert (
        compare(rows(200, shift=5.0, groups=np.arange(200) // 2 % 20), both).summary()["simplest_not_worse"]
        == "a"
    )


def test_a_fold_with_one_class_repeats_it_and_it_is_said():
    samples = rows(groups=np.arange(60) % 2)  # group and class are one: each fold trains on one class
    found = compare(samples)
    assert any("train on one class alone" in warning for warning in found.warnings)
    assert found.figure(found.family("a")).value == 0


def test_bad_input_gets_a_sentence():
    with pytest.raises(DataError, match="at least 2 classes"):
        compare(rows(classes=1))
    with pytest.raises(DataError, match="must differ between rows"):
        compare(rows().with_target(np.ones(60)), kind="regression")
    with pytest.raises(DataError, match=r"must lie within 1e\+150 of 0"):
        compare(rows().with_target(1e300 * np.arange(60.0)), kind="regression")
    with pytest.raises(SettingError, match="Did you mean 'accuracy'"):
        compare(metric="acuracy")
    with pytest.raises(SettingError, match="'repeats'"):
        compare(repeats=0)
    with pytest.raises(DataError, match="at least 2 groups|several groups"):
        compare(rows(groups=np.zeros(60, int)))


def test_rows_without_a_label_are_left_out_and_counted():
    samples = rows()
    some = samples.with_labels(np.where(np.arange(60) < 10, "", samples.labels))
    found = compare(some)
    assert found.n_rows == 50
    assert "10 rows without a label are left out." in found.warnings


def test_threads_change_nothing_and_stopping_stops():
    assert compare(n_jobs=3).digest() == compare().digest()
    told = []
    with pytest.raises(Stopped, match="after 4 of 30"):
        compare(on_progress=lambda done, total: told.append(done) or done < 4)
    assert told == [1, 2, 3, 4]


def test_work_is_done_by_one_thread_of_every_library():
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits(2):
        seen = in_threads(lambda i: {one["num_threads"] for one in threadpool_info()}, [(0,), (1,)], n_jobs=2)
        after = {one["num_threads"] for one in threadpool_info()}
    assert seen == [{1}, {1}]
    assert after == {2}


def test_an_error_in_a_thread_comes_out():
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda i: 1 / i, [(1,), (0,), (1,)])
    with pytest.raises(SettingError, match="'n_jobs'"):
        in_threads(lambda: 0, [], n_jobs=0)
