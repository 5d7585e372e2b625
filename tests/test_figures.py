"""Figures of confusion tables: against scikit-learn's, and what rare classes allow (see also validate/test_metrics)."""

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import balanced_accuracy_score

from clew.figures import (
    CLASS_FIGURES,
    MEAN_FIGURES,
    balanced_accuracy,
    class_counts,
    class_figure,
    confusion_tables,
    mean_figure,
)
from clew.intervals import group_interval, wilson


def perfect(*counts):
    """Return true and predicted classes with these numbers of rows, all told apart."""
    truth = np.repeat(np.arange(len(counts)), counts)
    return truth, truth.copy()


def test_balanced_accuracy_equals_scikit_learns():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 3, 50), random.integers(0, 3, 50)
    assert balanced_accuracy(a, b) == pytest.approx(balanced_accuracy_score(a, b))
    tables = confusion_tables(a, b, random.integers(0, 6, 50), 3)
    assert mean_figure("balanced_accuracy", *tables).value == pytest.approx(balanced_accuracy_score(a, b))


def test_five_rows_of_a_rare_class_cannot_prove_more_than_five_rows_can():
    """Wilson at 1 on n_classes times the harmonic mean of 75 and 5 rows; the mutant takes all 80 for it."""
    truth, predicted = perfect(75, 5)
    found = mean_figure("balanced_accuracy", *confusion_tables(truth, predicted, np.arange(80), 2))
    n = 2 * 2 / (1 / 75 + 1 / 5)
    assert found.n_effective == pytest.approx(n)
    assert found.low == pytest.approx(wilson(1.0, n, t.ppf(0.975, 79))[0])
    assert (round(found.low, 2), found.high) == (0.83, 1.0)
    uncapped = group_interval(lambda rows: balanced_accuracy(truth[rows], predicted[rows]), np.arange(80))
    assert round(uncapped.low, 2) == 0.95


def test_a_class_that_goes_with_its_group_leaves_the_full_value():
    truth = np.array([0] * 40 + [1] * 5)
    predicted = np.where(np.arange(45) % 5 == 0, 1, 0)  # 0.8 of class 0 right, 0.2 of class 1
    group = np.repeat(np.arange(9), 5)  # the last group is all of class 1
    found = mean_figure("balanced_accuracy", *confusion_tables(truth, predicted, group, 2))
    inside = [balanced_accuracy(truth[group != g], predicted[group != g]) for g in range(8)]
    left_out = np.array([*inside, found.value])
    variance = 8 / 9 * ((left_out - left_out.mean()) ** 2).sum()
    assert variance == pytest.approx(0, abs=1e-12)  # without the last group alone, class 0 would give 0.8
    assert found.n_effective == pytest.approx(4 / (1 / 8 + 1 / 1))  # groups of class 0 and of class 1


@pytest.mark.parametrize("groups", [np.arange(60), np.arange(60) % 7])
def test_tables_add_up_to_all_rows(groups):
    random = np.random.default_rng(1)
    truth, predicted = random.integers(0, 3, 60), random.integers(0, 3, 60)
    tables, times = confusion_tables(truth, predicted, groups, 3)
    slow = np.zeros((3, 3))
    for a, b in zip(truth, predicted):
        slow[a, b] += 1
    np.testing.assert_array_equal(np.tensordot(times, tables, axes=1), slow)
    assert times.sum() == len(np.unique(groups))


def test_a_figure_without_rows_says_so_in_a_sentence():
    tables = confusion_tables(np.array([0, 0, 0, 0]), np.array([0, 0, 0, 0]), np.arange(4), 2)
    found = class_figure("recall", 1, *tables)
    assert found.note == "No interval: there is no row to rest on."
    assert np.isnan(found.value)


@pytest.mark.parametrize("name", ["kappa", "f1_weighted", "precision_weighted", "jaccard_weighted"])
def test_kappa_and_weighted_means_have_the_slow_jackknifes_interval(name):
    from sklearn import metrics

    random = np.random.default_rng(4)
    truth, groups = random.choice(3, 300, p=[0.5, 0.3, 0.2]), np.arange(300) % 9
    predicted = np.where(random.random(300) < 0.6, truth, random.integers(0, 3, 300))

    def figure(rows):
        if name == "kappa":
            return metrics.cohen_kappa_score(truth[rows], predicted[rows])
        of = getattr(metrics, f"{name.removesuffix('_weighted')}_score")
        return of(truth[rows], predicted[rows], average="weighted")

    slow = group_interval(figure, groups, bounds=(-1.0, 1.0) if name == "kappa" else (0.0, 1.0))
    found = mean_figure(name, *confusion_tables(truth, predicted, groups, 3))
    assert found.summary() == pytest.approx(slow.summary(), abs=1e-12)


def test_kappa_of_one_class_alone_is_not_defined():
    found = mean_figure("kappa", *confusion_tables(np.zeros(8, int), np.zeros(8, int), np.arange(8), 2))
    assert np.isnan(found.value) and found.note


@pytest.mark.parametrize("n_groups", [2, 9, 40, 400])
def test_counts_hold_all_that_tables_do(n_groups):
    """A figure without each group, from its few counts, is that of its whole table left out."""
    random = np.random.default_rng(n_groups)
    truth = random.choice(6, 400, p=[0.5, 0.3, 0.1, 0.07, 0.03, 0.0])
    predicted = np.where(random.random(400) < 0.6, truth, random.integers(0, 6, 400))
    groups = np.arange(400) if n_groups == 400 else random.integers(0, n_groups, 400)
    counts = class_counts(truth, predicted, groups, 6)
    tables = confusion_tables(truth, predicted, groups, 6)
    np.testing.assert_array_equal(counts.total[:, 1], np.bincount(truth, minlength=6))
    np.testing.assert_array_equal(counts.total[:, 2], np.bincount(predicted, minlength=6))
    for name in MEAN_FIGURES:
        assert counts.mean(name).summary() == pytest.approx(mean_figure(name, *tables).summary(), abs=1e-12)
    for name, (figure, _) in CLASS_FIGURES.items():
        assert counts.figure(name, 0).summary() == pytest.approx(
            class_figure(name, 0, *tables).summary(), abs=1e-12
        )
        whole = np.zeros((6, 6))
        np.add.at(whole, (truth, predicted), 1)
        assert counts.figure(name, 1).value == pytest.approx(figure(whole)[1])


def test_hundreds_of_classes_take_little_room():
    """500 classes in 1,000 groups have 2,000 cells at most; tables of them would have 250 million."""
    random = np.random.default_rng(0)
    truth, predicted = np.arange(1000) % 500, random.integers(0, 500, 1000)
    for groups in (np.arange(1000), np.arange(1000) // 2):
        counts = class_counts(truth, predicted, groups, 500)
        assert counts.cells.size + counts.total.size <= 3 * (2000 + 500)
        found = counts.mean("balanced_accuracy")
        assert found.value == pytest.approx(balanced_accuracy_score(truth, predicted))
        assert found.low < found.value < found.high
