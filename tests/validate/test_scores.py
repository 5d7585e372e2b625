"""Every figure against scikit-learn's, and every interval against the slow jackknife."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sklearn_metrics

from clew.errors import DataError
from clew.intervals import group_interval, jackknife_interval
from clew.result import Result
from clew.validate.scores import SHOWN, regression_scores, scores

CLASSES = ["a", "b", "c"]


def answers(n=400, seed=0, right=0.7, n_groups=None):
    random = np.random.default_rng(seed)
    truth = random.choice(CLASSES, n, p=[0.6, 0.3, 0.1])
    predicted = np.where(random.random(n) < right, truth, random.choice(CLASSES, n))
    groups = np.arange(n) if n_groups is None else random.integers(0, n_groups, n)
    return truth, predicted, groups


def figures(truth, predicted, labels=None, gone=0.0):
    """Return scikit-learn's figures; classes without any row count as ``gone``."""
    means = {"labels": labels, "average": "macro", "zero_division": gone}
    return {
        "accuracy": sklearn_metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, predicted),
        "precision": sklearn_metrics.precision_score(truth, predicted, **means),
        "recall": sklearn_metrics.recall_score(truth, predicted, **means),
        "f1": sklearn_metrics.f1_score(truth, predicted, **means),
        "jaccard": sklearn_metrics.jaccard_score(
            truth, predicted, labels=labels, average="macro", zero_division=0
        ),
        "matthews": sklearn_metrics.matthews_corrcoef(truth, predicted),
    }


@pytest.mark.parametrize("right", [0.0, 0.4, 0.9, 1.0])
def test_every_figure_is_scikit_learns(right):
    truth, predicted, groups = answers(right=right)
    found = scores(truth, predicted, classes=CLASSES, groups=groups)
    for name, value in figures(truth, predicted).items():
        assert found.metrics[name].value == pytest.approx(value, abs=1e-12), name
    np.testing.assert_array_equal(
        found.confusion, sklearn_metrics.confusion_matrix(truth, predicted, labels=CLASSES)
    )
    precision, recall, f1, rows = sklearn_metrics.precision_recall_fscore_support(
        truth, predicted, labels=CLASSES
    )
    for k, name in enumerate(CLASSES):
        each = found.per_class[name]
        assert (each["precision"].value, each["recall"].value, each["f1"].value, each["rows"]) == (
            pytest.approx((precision[k], recall[k], f1[k], rows[k]))
        )


def test_a_class_that_is_never_predicted_has_precision_zero():
    found = scores(np.array(["a", "a", "b", "b"]), np.array(["a"] * 4))
    assert found.per_class["b"]["precision"].value == 0
    assert found.metrics["precision"].value == pytest.approx(0.25)


def test_a_class_that_nobody_has_is_left_out_of_the_means():
    truth, predicted = np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "b"])
    found = scores(truth, predicted, classes=["a", "b", "never"])
    for name, value in figures(truth, predicted, labels=["a", "b", "never"], gone=np.nan).items():
        if name != "jaccard":  # scikit-learn's has no nan
            assert found.metrics[name].value == pytest.approx(value), name
    assert found.metrics["jaccard"].value == pytest.approx(np.mean([1 / 2, 2 / 3]))
    assert found.summary()["per_class"]["never"]["recall"] == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize("n_groups", [6, 30])
def test_intervals_equal_the_slow_jackknife_over_groups(n_groups):
    truth, predicted, groups = answers(n_groups=n_groups)
    found = scores(truth, predicted, groups=groups).metrics
    for name in ("accuracy", "matthews"):
        slow = group_interval(
            lambda rows, name=name: figures(truth[rows], predicted[rows])[name],
            groups,
            bounds=(-1.0, 1.0) if name == "matthews" else (0.0, 1.0),
        )
        assert found[name].summary() == pytest.approx(slow.summary(), abs=1e-9), name
        assert found[name].n_effective == pytest.approx(slow.n_effective)


def test_intervals_over_rows_equal_the_slow_jackknife():
    truth, predicted, groups = answers(n=150)
    found = scores(truth, predicted).metrics
    for name in ("accuracy", "matthews"):
        slow = group_interval(
            lambda rows, name=name: figures(truth[rows], predicted[rows])[name],
            groups,
            bounds=(-1.0, 1.0) if name == "matthews" else (0.0, 1.0),
        )
        assert found[name].summary() == pytest.approx(slow.summary(), abs=1e-9), name


def test_the_recall_of_a_rare_class_rests_on_its_own_rows():
    truth = np.repeat(["common", "rare"], [990, 10])
    found = scores(truth, truth)
    assert found.per_class["rare"]["recall"].n_rows == 10
    assert found.per_class["rare"]["recall"].low < 0.75
    assert found.metrics["accuracy"].low > 0.99
    assert found.metrics["balanced_accuracy"].low < 0.93  # ten rows cannot prove more


def test_a_class_in_two_groups_only_gets_points_instead_of_an_interval():
    truth, predicted, _ = answers(n=100)
    groups = np.arange(100) % 10
    truth = np.where((truth == "c") & (groups > 1), "a", truth)
    truth[:2] = "c"
    found = scores(truth, predicted, groups=groups)
    assert np.isnan(found.per_class["c"]["recall"].low)
    assert len(found.per_class["c"]["recall"].points) == 2
    assert np.isfinite(found.per_class["a"]["recall"].low)


def test_one_group_gives_figures_without_intervals_and_says_so():
    truth, predicted, _ = answers(n=50)
    found = scores(truth, predicted, groups=np.zeros(50))
    assert found.summary()["metrics"]["accuracy"]["low"] is None
    assert any("one group" in warning for warning in found.warnings)


def test_accuracy_that_background_flatters_is_pointed_out():
    truth = np.repeat(["background", "cell"], [95, 5])
    assert any("95% of the rows" in warning for warning in scores(truth, truth).warnings)
    even = np.repeat(["background", "cell"], 50)
    assert not scores(even, even).warnings


def coverage(n_sets, *, naive):
    """Return how often the interval of balanced accuracy holds the truth (recalls 0.9 and 0.6, 12 groups)."""
    random, hits = np.random.default_rng(0), 0
    for _ in range(n_sets):
        groups = np.repeat(np.arange(12), 60)
        truth = random.choice(["a", "b"], 720, p=[0.7, 0.3])
        strength = 9.0  # intra-group correlation 0.1
        rate = np.empty(720)
        for name, mean in (("a", 0.9), ("b", 0.6)):
            rate[truth == name] = random.beta(mean * strength, (1 - mean) * strength, 12)[
                groups[truth == name]
            ]
        wrong = np.where(truth == "a", "b", "a")
        predicted = np.where(random.random(720) < rate, truth, wrong)
        found = scores(truth, predicted, groups=np.arange(720) if naive else groups)
        hits += found.metrics["balanced_accuracy"].low <= 0.75 <= found.metrics["balanced_accuracy"].high
    return hits / n_sets


def test_intervals_of_balanced_accuracy_cover_as_often_as_they_say():
    assert 0.91 <= coverage(300, naive=False) <= 0.98


def test_the_mutant_that_ignores_groups_covers_too_little():
    assert coverage(300, naive=True) < 0.9


# ---- regression ----
@pytest.mark.parametrize("n_groups", [None, 12])
def test_figures_of_numbers_are_scikit_learns_and_scipys(n_groups):
    random = np.random.default_rng(1)
    truth = random.normal(size=200).round(1)  # with ties
    predicted = (truth + random.normal(size=200)).round(1)
    groups = np.arange(200) if n_groups is None else random.integers(0, n_groups, 200)
    found = regression_scores(truth, predicted, groups=groups).metrics
    slow = {
        "mae": (sklearn_metrics.mean_absolute_error, (0, np.inf)),
        "rmse": (sklearn_metrics.root_mean_squared_error, (0, np.inf)),
        "r2": (sklearn_metrics.r2_score, (-np.inf, 1)),
        "spearman": (lambda a, b: spearmanr(a, b).statistic, (-1, 1)),
    }
    for name, (figure, bounds) in slow.items():
        expected = group_interval(
            lambda rows, figure=figure: figure(truth[rows], predicted[rows]), groups, bounds=bounds
        )
        assert found[name].summary() == pytest.approx(expected.summary(), abs=1e-9), name


def test_constant_truth_has_no_r2_and_no_rank_correlation():
    found = regression_scores(np.ones(10), np.arange(10.0)).summary()["metrics"]
    assert found["r2"]["value"] is None
    assert found["spearman"]["value"] is None


@pytest.mark.parametrize("n_groups", [1, 2, 5])
def test_warnings_are_sentences_that_name_the_figure(n_groups):
    truth, predicted, _ = answers(n=60)
    groups = np.arange(60) % n_groups
    found = scores(truth, predicted, groups=groups).warnings
    found += regression_scores(np.arange(60.0), np.arange(60.0) + groups, groups=groups).warnings
    found += scores(np.repeat(["a", "b"], [9, 1]), np.repeat(["a"], 10)).warnings
    assert len(found) == 3
    assert all(each[0].isupper() or each[0].isdigit() for each in found)
    assert all(each.endswith(".") for each in found)
    assert sum("(accuracy)" in each or "(mean absolute error)" in each for each in found) == (
        2 * (n_groups == 2)
    )


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="same number of rows"):
        scores(np.array(["a", "b"]), np.array(["a"]))
    with pytest.raises(DataError, match="at least 1"):
        scores(np.array([], str), np.array([], str))
    with pytest.raises(DataError, match="Got 'b'"):
        scores(np.array(["a", "b"]), np.array(["a", "a"]), classes=["a"])
    for wrong in (np.nan, np.inf, 1e300):
        with pytest.raises(DataError, match="finite and within 1e.150 of 0.* Got 1 that"):
            regression_scores(np.array([1.0, wrong]), np.array([1.0, 2.0]))


# ---- with probabilities ----
def surer(n=400, seed=0, n_groups=None):
    truth, predicted, groups = answers(n, seed, n_groups=n_groups)
    random = np.random.default_rng(seed)
    probability = random.dirichlet([1, 1, 1], n)
    probability[np.arange(n), np.searchsorted(CLASSES, truth)] += 0.3
    return truth, np.array(CLASSES)[probability.argmax(axis=1)], probability / 1.3, groups


def test_weighted_means_and_kappa_are_scikit_learns():
    truth, predicted, groups = answers(right=0.5)
    found = scores(truth, predicted, classes=CLASSES, groups=groups).metrics
    assert found["kappa"].value == pytest.approx(
        sklearn_metrics.cohen_kappa_score(truth, predicted), abs=1e-12
    )
    for name in ("precision", "recall", "f1", "jaccard"):
        figure = getattr(sklearn_metrics, f"{name}_score")
        value = figure(truth, predicted, average="weighted", zero_division=0)
        assert found[f"{name}_weighted"].value == pytest.approx(value, abs=1e-12), name


def test_figures_of_probabilities_are_scikit_learns():
    truth, predicted, probability, groups = surer()
    found = scores(truth, predicted, probability, classes=CLASSES, groups=groups)
    expected = {
        "roc_auc": sklearn_metrics.roc_auc_score(truth, probability, multi_class="ovr", labels=CLASSES),
        "pr_auc": np.mean(
            [
                sklearn_metrics.average_precision_score(truth == name, column)
                for name, column in zip(CLASSES, probability.T)
            ]
        ),
        "log_loss": sklearn_metrics.log_loss(truth, probability, labels=CLASSES),
        "brier": ((probability - (truth[:, None] == CLASSES)) ** 2).sum(axis=1).mean() / 2,
    }
    for name, value in expected.items():
        assert found.metrics[name].value == pytest.approx(value, abs=1e-12), name
        assert found.metrics[name].low < value < found.metrics[name].high
    for name, column in zip(CLASSES, probability.T):
        auc = sklearn_metrics.roc_auc_score(truth == name, column)
        assert found.per_class[name]["roc_auc"].value == pytest.approx(auc, abs=1e-12)


def test_of_two_classes_brier_is_the_familiar_one():
    random = np.random.default_rng(0)
    truth, p = random.integers(0, 2, 100), random.random(100)
    found = scores(truth.astype(str), (p > 0.5).astype(int).astype(str), np.column_stack([1 - p, p]))
    assert found.metrics["brier"].value == pytest.approx(
        sklearn_metrics.brier_score_loss(truth, p), abs=1e-12
    )
    assert found.per_class["0"]["roc_auc"].value == found.per_class["1"]["roc_auc"].value


def test_who_looks_for_dice_finds_f1():
    truth, predicted, _ = answers()
    summary = scores(truth, predicted).summary()
    assert summary["metrics"]["dice"] == summary["metrics"]["f1"]
    assert all(each["dice"] == each["f1"] for each in summary["per_class"].values())
    assert "dice" not in SHOWN


def test_the_diagonals_of_the_shares_are_recall_and_precision():
    truth, predicted, _ = answers()
    found = scores(truth, predicted)
    for k, name in enumerate(CLASSES):
        assert found.row_shares[k, k] == found.per_class[name]["recall"].value
        assert found.column_shares[k, k] == found.per_class[name]["precision"].value
    np.testing.assert_allclose(found.row_shares.sum(axis=1), 1)
    np.testing.assert_allclose(found.column_shares.sum(axis=0), 1)


@pytest.mark.parametrize("n_groups", [1, 2, 9])
def test_figures_of_probabilities_follow_the_rule_of_few_groups(n_groups):
    truth, predicted, probability, groups = surer(n_groups=n_groups)
    found = scores(truth, predicted, probability, classes=CLASSES, groups=groups).metrics
    for name in ("roc_auc", "pr_auc", "brier", "calibration_error", "kappa"):
        assert np.isfinite(found[name].low) == (n_groups > 3), name
        if name in ("roc_auc", "pr_auc", "brier"):
            assert len(found[name].points) == (2 if n_groups == 2 else 0), name
            if n_groups == 2:
                one = groups == 0
                alone = scores(truth[one], predicted[one], probability[one], classes=CLASSES)
                assert found[name].points[0] == pytest.approx(alone.metrics[name].value)


def test_scores_with_probabilities_survive_saving(tmp_path):
    truth, predicted, probability, _ = surer()
    found = scores(truth, predicted, probability, classes=CLASSES)
    loaded = Result.load(found.save(tmp_path / "scores.clew"))
    assert loaded.digest() == found.digest()
    assert loaded.summary() == found.summary()


def test_the_slope_is_that_of_a_straight_line_through_truth_against_prediction():
    random = np.random.default_rng(3)
    said = random.normal(size=80)
    truth = 0.5 * said + 0.1 * random.normal(size=80)
    found = regression_scores(truth, said, groups=np.arange(80) % 11).metrics["calibration_slope"]
    groups = np.arange(80) % 11
    slow = group_interval(
        lambda rows: np.polyfit(said[rows], truth[rows], 1)[0], groups, bounds=(-np.inf, np.inf)
    )
    assert found.summary() == pytest.approx(slow.summary(), abs=1e-9)


def test_sixty_classes_have_scikit_learns_figures_and_the_slow_jackknifes_interval():
    random = np.random.default_rng(12)
    truth = np.concatenate([np.arange(60), random.integers(0, 60, 240)])
    predicted = np.where(random.random(300) < 0.6, truth, random.integers(0, 60, 300))
    groups = random.integers(0, 25, 300)
    found = scores(truth.astype(str), predicted.astype(str), groups=groups)
    assert found.metrics["balanced_accuracy"].value == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, predicted))  # fmt: skip
    assert found.metrics["matthews"].value == pytest.approx(
        sklearn_metrics.matthews_corrcoef(truth, predicted)
    )
    assert found.metrics["kappa"].value == pytest.approx(sklearn_metrics.cohen_kappa_score(truth, predicted))
    order = np.array(found.classes).astype(int)
    np.testing.assert_array_equal(
        found.confusion, sklearn_metrics.confusion_matrix(truth, predicted, labels=order)
    )
    for name, of in (("precision", sklearn_metrics.precision_score), ("recall", sklearn_metrics.recall_score), ("f1", sklearn_metrics.f1_score), ("jaccard", sklearn_metrics.jaccard_score)):  # fmt: skip
        each = of(truth, predicted, labels=order, average=None, zero_division=0)
        assert [found.per_class[c][name].value for c in found.classes] == pytest.approx(each)
        assert found.metrics[name].value == pytest.approx(each.mean())
        weighted = of(truth, predicted, labels=order, average="weighted", zero_division=0)
        assert found.metrics[f"{name}_weighted"].value == pytest.approx(weighted)
    slow = group_interval(
        lambda rows: sklearn_metrics.matthews_corrcoef(truth[rows], predicted[rows]),
        groups,
        bounds=(-1.0, 1.0),
    )
    held = [set(truth[groups != g]) == set(truth) for g in range(25)]
    assert not all(held)  # where a class goes with its group, the full value stands
    left = [
        sklearn_metrics.matthews_corrcoef(truth[groups != g], predicted[groups != g]) if ok else slow.value
        for g, ok in enumerate(held)
    ]
    mine = jackknife_interval(slow.value, np.array(left), n_groups=25, n_rows=300, bounds=(-1.0, 1.0))
    assert found.metrics["matthews"].summary() == pytest.approx(mine.summary(), abs=1e-12)
