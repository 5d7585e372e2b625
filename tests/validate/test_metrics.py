"""Every figure against scikit-learn's, every interval against the slow jackknife, and chance on null data."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sklearn_metrics

from clew.errors import DataError
from clew.intervals import group_interval
from clew.result import Result
from clew.samples import Samples
from clew.validate.metrics import cross_validate, evaluate, labelled, regression_scores, scores

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


# ---- cross-validation ----
@dataclass
class Said:
    label: np.ndarray | None = None
    probability: np.ndarray | None = None
    classes: list | None = None
    value: np.ndarray | None = None


class Nearest:
    """The class or the target of the nearest training row."""

    def __init__(self, samples):
        self.samples = samples

    def predict(self, samples):
        between = ((samples.features[:, None] - self.samples.features[None]) ** 2).sum(axis=2)
        nearest = between.argmin(axis=1)
        if self.samples.labels is None:
            return Said(value=self.samples.target[nearest])
        label = self.samples.labels[nearest]
        classes = np.unique(self.samples.labels).tolist()
        return Said(label, (label[:, None] == classes).astype(float), classes)


def make(features, labels=None, *, groups=None, target=None):
    n = len(features)
    sample = np.array([f"row {i}" for i in range(n)])
    return Samples(
        features=features,
        feature_names=tuple(f"f{i}" for i in range(features.shape[1])),
        units=("",) * features.shape[1],
        sample=sample,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=labels,
        target=target,
    )


def separate(n=80, seed=0):
    random = np.random.default_rng(seed)
    labels = np.repeat(["left", "right"], n // 2)
    return make(random.normal(size=(n, 3)) + 4 * (labels == "right")[:, None], labels)


def test_each_row_is_predicted_by_a_model_that_never_saw_it():
    seen = []

    def fit(samples):
        seen.append(set(samples.sample.tolist()))
        return Nearest(samples)

    samples = separate()
    found = cross_validate(samples, fit)
    for name, fold in zip(found.sample, found.fold):
        assert name not in seen[fold]
    assert found.scores.metrics["accuracy"].value > 0.95
    np.testing.assert_array_equal(
        found.predicted, np.array(["left", "right"])[found.probability.argmax(axis=1)]
    )


def test_a_group_with_a_signature_of_its_own_does_not_flatter():
    """Rows of one group are near-copies with one label: by row the labels leak, by group there is nothing."""
    random = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 5)
    features = random.normal(size=(40, 4))[groups] + 0.01 * random.normal(size=(200, 4))
    samples = make(features, np.array(["a", "b"])[random.integers(0, 2, 40)][groups], groups=groups)
    honest, leaky = cross_validate(samples, Nearest), cross_validate(samples, Nearest, by="row")
    interval = honest.scores.metrics["balanced_accuracy"]
    assert interval.low < 0.5 < interval.high
    assert leaky.scores.metrics["balanced_accuracy"].value > 0.95
    assert "flatters" in leaky.split["reason"]


def test_null_labels_score_chance():
    values = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        labels = random.permutation(np.repeat(["a", "b"], 50))
        found = cross_validate(make(random.normal(size=(100, 4)), labels), Nearest)
        values.append(found.scores.metrics["balanced_accuracy"].value)
    assert np.mean(values) == pytest.approx(0.5, abs=0.05)


def test_baselines_are_what_chance_and_the_commonest_class_give():
    random = np.random.default_rng(3)
    labels = np.repeat(["many", "few"], [160, 40])
    samples = make(random.normal(size=(200, 3)) + 4 * (labels == "few")[:, None], labels)
    found = cross_validate(samples, Nearest)
    assert found.baselines["commonest_class"]["accuracy"] == 0.8
    assert found.baselines["commonest_class"]["balanced_accuracy"] == 0.5
    assert found.baselines["permuted"]["balanced_accuracy"] == pytest.approx(0.5, abs=0.08)
    assert found.scores.metrics["balanced_accuracy"].value > 0.95


def test_numbers_are_validated_by_the_same_road():
    random = np.random.default_rng(4)
    features = random.uniform(-2, 2, (150, 1))
    target = features[:, 0] ** 2
    target[:5] = np.nan
    found = cross_validate(make(features, target=target), Nearest, kind="regression")
    assert found.scores.metrics["r2"].value > 0.95
    assert found.baselines["mean"]["r2"] == pytest.approx(0, abs=0.1)
    assert found.baselines["permuted"]["r2"] < 0
    assert found.probability.shape == (145, 0)
    assert "5 rows without a target are left out." in found.warnings


def test_rows_without_a_label_are_left_out_and_counted():
    samples = separate()
    labels = samples.labels.copy()
    labels[::8] = ""
    found = cross_validate(samples.with_labels(labels), Nearest)
    assert len(found.truth) == 70
    assert "10 rows without a label are left out." in found.warnings


def test_exact_copies_across_the_folds_are_counted():
    """40 rows three times each, labels at random: the copies alone make the figures."""
    random = np.random.default_rng(5)
    three = np.repeat(np.arange(40), 3)
    features, labels = (
        random.normal(size=(40, 3))[three],
        np.array(["a", "b"])[random.integers(0, 2, 40)][three],
    )
    found = cross_validate(make(features, labels), Nearest)
    n = sum(any(found.fold[three == origin] != fold) for origin, fold in zip(three, found.fold))
    expected = f"{n} of 120 tested rows have an exact copy among the rows that trained: the figures flatter."
    assert n > 100
    assert expected in found.warnings
    assert found.scores.metrics["balanced_accuracy"].value > 0.9


def test_no_copies_are_seen_where_copies_stay_together_or_nearly_agree():
    random = np.random.default_rng(5)
    three = np.repeat(np.arange(40), 3)
    features, labels = random.normal(size=(40, 3))[three], np.tile(["a", "b"], 60)
    together = cross_validate(make(features, labels, groups=three), Nearest)
    nearly = cross_validate(make(features + 1e-9 * random.normal(size=(120, 3)), labels), Nearest)
    assert not any("copy" in warning for warning in [*together.warnings, *nearly.warnings])


def test_zero_and_minus_zero_are_the_same_number():
    features = np.array([[0.0], [-0.0], [1.0], [2.0], [3.0], [4.0]])
    found = cross_validate(make(features, np.tile(["a", "b"], 3)), Nearest, n_folds=6)
    assert any(warning.startswith("2 of 6 tested rows") for warning in found.warnings)


@pytest.mark.parametrize("constant", [True, False])
def test_labels_of_whole_groups_are_permuted_as_a_whole(constant):
    random, groups, seen = np.random.default_rng(6), np.repeat(np.arange(12), 5), []
    labels = np.where((groups if constant else np.arange(60)) % 2 == 0, "a", "b")

    def fit(taught):
        seen.append(any(len(set(taught.labels[taught.group == g])) > 1 for g in np.unique(taught.group)))
        return Nearest(taught)

    cross_validate(make(random.normal(size=(60, 2)), labels, groups=groups), fit)
    torn = seen[5:]  # the first five are the folds of the true labels
    assert len(torn) == 15
    assert not any(torn) if constant else all(torn)


def test_the_baseline_of_whole_groups_scores_chance():
    """Rows of a group are near-copies, so every group is right or wrong as a whole."""
    values = []
    for seed in range(12):
        random, groups = np.random.default_rng(seed), np.repeat(np.arange(20), 6)
        labels = np.where(groups % 2 == 0, "a", "b")
        features = random.normal(size=(20, 3))[groups] + 0.01 * random.normal(size=(120, 3))
        found = cross_validate(make(features, labels, groups=groups), Nearest, random_state=seed)
        values.append(found.baselines["permuted"]["balanced_accuracy"])
    assert np.mean(values) == pytest.approx(0.5, abs=0.08)


def test_the_baseline_of_a_final_evaluation_is_what_the_training_rows_held():
    open_rows, sealed = separate(), separate(seed=1).take(np.arange(20, 80))  # 20 left, 40 right
    model = Nearest(open_rows)
    found = evaluate(sealed, model, kind="classification", commonest="left")
    assert found.baselines["commonest_class"]["accuracy"] == pytest.approx(
        20 / 60
    )  # the sealed rows' own: 40 / 60
    assert evaluate(sealed, model, kind="classification").baselines == {}
    with pytest.raises(DataError, match="Got 'neither'"):
        evaluate(sealed, model, kind="classification", commonest="neither")


def test_the_baseline_of_numbers_is_the_mean_of_the_training_rows():
    features = np.arange(20.0)[:, None]
    samples = make(features, target=features[:, 0] + 5)
    found = evaluate(samples, Nearest(samples), kind="regression", mean=4.0)
    assert found.baselines["mean"]["mae"] == pytest.approx(10.5)  # the mean of 5 ... 24 is 14.5
    assert found.baselines["mean"]["r2"] < 0  # 0 for the rows' own mean


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


def test_a_fold_that_trains_on_one_class_is_said():
    labels = np.repeat(["a", "b"], 10)
    samples = make(np.random.default_rng(0).normal(size=(20, 2)), labels, groups=np.arange(20) // 10)
    found = cross_validate(samples, Nearest)
    assert found.scores.metrics["accuracy"].value == 0
    assert sum("alone" in warning for warning in found.warnings) == 2


def test_the_summary_is_what_scripts_rely_on():
    found = cross_validate(separate(), Nearest).summary()
    assert {"metrics", "per_class", "confusion", "classes", "split", "baselines", "warnings"} <= set(found)
    assert set(found["metrics"]["f1"]) == {"value", "low", "high"}
    assert np.sum(found["confusion"]) == 80


def test_the_validation_survives_saving(tmp_path):
    found = cross_validate(separate(), Nearest)
    loaded = Result.load(found.save(tmp_path / "validation.clew"))
    assert loaded.digest() == found.digest()
    assert loaded.summary() == found.summary()


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (None, "must have labels. Got none"),
        (np.array([""] * 6), "must have labels. Got none"),
        (np.array(["a"] * 6), "at least 2 classes. Got only 'a'"),
        (np.array(["a"] * 5 + ["b"]), "at least 2 rows. Got 1 of 'b'"),
    ],
)
def test_labels_that_nobody_can_learn_from_are_refused(labels, sentence):
    with pytest.raises(DataError, match=sentence):
        cross_validate(make(np.zeros((6, 1)), labels), Nearest)


def test_a_missing_target_is_refused():
    with pytest.raises(DataError, match=r"at least 2 rows\. Got 0"):
        labelled(make(np.zeros((6, 1))), "regression", of="train")


def test_rows_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="same number of rows"):
        scores(np.array(["a", "b"]), np.array(["a"]))
    with pytest.raises(DataError, match="at least 1"):
        scores(np.array([], str), np.array([], str))
    with pytest.raises(DataError, match="Got 'b'"):
        scores(np.array(["a", "b"]), np.array(["a", "a"]), classes=["a"])
    with pytest.raises(DataError, match="finite"):
        regression_scores(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
