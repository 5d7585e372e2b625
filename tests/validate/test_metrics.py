"""Cross-validation: no row is predicted by what saw it, chance on null data, and what nobody can learn from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.result import Result
from clew.samples import Samples
from clew.validate.metrics import N_PERMUTATIONS, Progress, cross_validate, evaluate, labelled


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
    expected = f"120 rows equal another row in every measurement; {n} of them have a copy among the rows that trained, which flatters the figures."
    assert n > 100
    assert expected in found.warnings
    assert found.scores.metrics["balanced_accuracy"].value > 0.9


def test_copies_that_stay_together_do_not_flatter_and_those_that_nearly_agree_do():
    random = np.random.default_rng(5)
    three = np.repeat(np.arange(40), 3)
    features, labels = random.normal(size=(40, 3))[three], np.tile(["a", "b"], 60)
    together = cross_validate(make(features, labels, groups=three), Nearest)
    nearly = cross_validate(make(features + 1e-9 * random.normal(size=(120, 3)), labels), Nearest)
    assert not any("flatters" in warning for warning in together.warnings)
    assert any("nearly equal" in warning and "flatters" in warning for warning in nearly.warnings)


def test_zero_and_minus_zero_are_the_same_number():
    features = np.array([[0.0], [-0.0], [1.0], [2.0], [3.0], [4.0]])
    found = cross_validate(make(features, np.tile(["a", "b"], 3)), Nearest, n_folds=6)
    assert any("2 of them have a copy" in warning for warning in found.warnings)


@pytest.mark.parametrize("constant", [True, False])
def test_labels_of_whole_groups_are_permuted_as_a_whole(constant):
    random, groups, seen = np.random.default_rng(6), np.repeat(np.arange(12), 5), []
    labels = np.where((groups if constant else np.arange(60)) % 2 == 0, "a", "b")

    def fit(taught):
        seen.append(any(len(set(taught.labels[taught.group == g])) > 1 for g in np.unique(taught.group)))
        return Nearest(taught)

    cross_validate(make(random.normal(size=(60, 2)), labels, groups=groups), fit)
    # the first five are the folds of the true labels, the last five those of rows dealt at random
    torn = seen[5:-5]
    assert len(torn) == 5 * N_PERMUTATIONS
    assert not any(torn) if constant else all(torn)


def test_rows_dealt_at_random_flatter_where_groups_are_alike_and_it_is_shown_beside():
    """Labels of groups say nothing, but each row has near-copies of its own group among the others."""
    random, groups = np.random.default_rng(3), np.repeat(np.arange(20), 6)
    features = random.normal(size=(20, 3))[groups] + 1e-3 * random.normal(size=(120, 3))
    labels = np.where(groups % 2 == 0, "a", "b")
    by_group = cross_validate(make(features, labels, groups=groups), Nearest)
    assert by_group.scores.metrics["balanced_accuracy"].value < 0.75
    assert by_group.shuffled["balanced_accuracy"] > 0.99
    alone = cross_validate(make(features, labels), Nearest)
    assert alone.shuffled == {}
    assert alone.scores.metrics["balanced_accuracy"].value == by_group.shuffled["balanced_accuracy"]


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


def test_a_fold_that_trains_on_one_class_is_said():
    labels = np.repeat(["a", "b"], 10)
    samples = make(np.random.default_rng(0).normal(size=(20, 2)), labels, groups=np.arange(20) // 10)
    found = cross_validate(samples, Nearest)
    assert found.scores.metrics["accuracy"].value == 0
    assert sum("alone" in warning for warning in found.warnings) == 2


def test_every_model_is_told_and_a_no_stops():
    seen, fitted = [], []

    def fit(training):
        fitted.append(training.n_rows)
        return Nearest(training)

    samples = separate()
    found = cross_validate(samples, fit, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(i + 1, (1 + N_PERMUTATIONS) * 5) for i in range(len(fitted))]
    assert len(fitted) == (1 + N_PERMUTATIONS) * 5
    np.testing.assert_array_equal(found.predicted, cross_validate(samples, Nearest).predicted)
    fitted.clear()
    with pytest.raises(Stopped, match="Stopped after 7 of 30 models"):
        cross_validate(samples, fit, on_progress=lambda done, total: done < 7)
    assert len(fitted) == 7


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


def test_progress_stops_when_it_is_told_to():
    progress = Progress(lambda done, total: done < 2, 5)
    progress.step()
    with pytest.raises(Stopped, match="2 of 5"):
        progress.step()


def test_progress_ends_at_the_total_where_a_fold_had_no_model():
    told = []
    progress = Progress(lambda done, total: told.append((done, total)), 3)
    assert progress.counting(len)([1, 2]) == 2
    progress.finish()
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_cheaper_model_may_stand_for_chance_and_only_there():
    whole, asked = cross_validate(separate(), Nearest), []

    def cheap(training):
        asked.append(training.n_rows)
        return Nearest(training)

    told = cross_validate(separate(), Nearest, permutations=2, by_chance=cheap)
    np.testing.assert_array_equal(told.predicted, whole.predicted)
    assert len(asked) == (2 + (told.split["by"] != "row")) * told.split["folds"]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (None, "must have labels. Got none"),
        (np.array([""] * 6), "must have labels. Got none"),
        (np.array(["a"] * 6), "at least 2 classes. Got only 'a'"),
        (
            np.array(["a"] * 5 + ["b"]),
            "^Each class must have at least 2 rows. Got 1 of 'b': label more of it, or leave that class out.$",
        ),
    ],
)
def test_labels_that_nobody_can_learn_from_are_refused(labels, sentence):
    with pytest.raises(DataError, match=sentence):
        cross_validate(make(np.zeros((6, 1)), labels), Nearest)


def test_no_permutations_are_refused():
    with pytest.raises(SettingError, match="'permutations' of validate must be at least 1. Got 0 instead."):
        cross_validate(separate(), Nearest, permutations=0)


def test_a_missing_target_is_refused():
    with pytest.raises(DataError, match=r"at least 2 rows\. Got 0"):
        labelled(make(np.zeros((6, 1))), "regression", of="train")


# ---- what people get wrong, and what chance gives ----
def test_a_target_that_is_always_the_same_is_refused():
    features, target = np.random.default_rng(0).normal(size=(20, 2)), np.full(20, 3.5)
    with pytest.raises(DataError) as caught:
        labelled(make(features, target=target), "regression", of="train")
    assert str(caught.value) == "The target of train must differ between rows. Got 3.5 for all of 20 rows."
    target[0] = np.nan  # a row without one is no other value
    with pytest.raises(DataError, match="for all of 19 rows"):
        labelled(make(features, target=target), "regression", of="train")
    target[1] = 4.0
    assert labelled(make(features, target=target), "regression", of="train").n_rows == 19


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e300, -1e151])
def test_targets_whose_squares_overflow_are_refused(wrong):
    samples = make(np.zeros((20, 2)), target=np.append(np.arange(19.0), wrong))
    for refused in (
        lambda: labelled(samples, "regression", of="validate"),
        lambda: evaluate(samples, Nearest(samples), kind="regression"),
    ):
        with pytest.raises(DataError, match="must lie within 1e.150 of 0, .* Got .* for 'row 19' instead"):
            refused()


class Contrary(Nearest):
    """Says the class that fewer of the training rows have, or the wrong side of their mean: below chance."""

    def predict(self, samples):
        if self.samples.labels is None:
            return Said(value=-samples.features[:, 0])
        said = np.where(samples.features[:, 0] > 0, "left", "right")
        return Said(said, (said[:, None] == ["left", "right"]).astype(float), ["left", "right"])


def test_figures_below_chance_are_said_to_be_chance():
    random = np.random.default_rng(0)
    labels = np.repeat(["left", "right"], 40)
    features = np.where(labels == "right", 1.0, -1.0)[:, None] + random.normal(size=(80, 1))
    told = [w for w in cross_validate(make(features, labels), Contrary).warnings if "Below chance" in w]
    assert told == [
        "Below chance by held-out rows: balanced accuracy, ROC AUC, Matthews' coefficient and kappa. Where a fold holds "
        "more of a class, or larger numbers, the rows that train hold less, which pushes answers the other way: read it "
        "as chance."
    ]
    numbers = cross_validate(make(features, target=features[:, 0] + 1), Contrary, kind="regression").warnings
    assert any("Below chance by held-out rows: Spearman's correlation." in warning for warning in numbers)
    assert not any("Below chance" in w for w in cross_validate(make(features, labels), Nearest).warnings)


def test_chance_is_one_over_the_classes():
    """Four classes by guessing: 0.25 is chance, though it lies far below a half."""
    labels = np.tile(["a", "b", "c", "d"], 60)
    found = cross_validate(make(np.random.default_rng(5).normal(size=(240, 2)), labels), Nearest)
    assert found.scores.metrics["balanced_accuracy"].high < 0.5
    assert not any("balanced accuracy" in warning for warning in found.warnings)


def strongest(samples, n):
    """Return the columns that differ most between the two classes."""
    own = samples.labels == samples.labels[0]
    apart = samples.features[own].mean(axis=0) - samples.features[~own].mean(axis=0)
    return np.argsort(-np.abs(apart))[:n]


class ChosenNearest:
    """Chooses 20 features of the training rows, then answers by the nearest class mean."""

    def __init__(self, samples, n=20):
        self.columns = strongest(samples, n)
        self.classes = np.unique(samples.labels).tolist()
        X = samples.features[:, self.columns]
        self.means = np.stack([X[samples.labels == name].mean(axis=0) for name in self.classes])

    def predict(self, samples):
        X = samples.features[:, self.columns]
        distance = ((X[:, None] - self.means) ** 2).sum(axis=2)
        closeness = np.exp(-(distance - distance.min(axis=1, keepdims=True)))
        probability = closeness / closeness.sum(axis=1, keepdims=True)
        return Said(np.array(self.classes)[probability.argmax(axis=1)], probability, self.classes)


def test_features_chosen_before_the_folds_score_far_above_chance_on_noise_and_inside_they_do_not():
    """The wrong way: 20 best of 2,000 noise features for 100 rows, chosen by all rows, then cross-validated."""
    inside, outside, held = [], [], []
    for seed in range(6):
        random = np.random.default_rng(seed)
        samples = make(random.normal(size=(100, 2000)), random.permutation(np.repeat(["a", "b"], 50)))
        honest = cross_validate(samples, ChosenNearest)
        columns = strongest(samples, 20)
        chosen = samples.select([f"f{column}" for column in columns])
        inside.append(honest.scores.metrics["accuracy"].value)
        outside.append(cross_validate(chosen, ChosenNearest).scores.metrics["accuracy"].value)
        held.append(honest.scores.metrics["roc_auc"].low <= 0.5 <= honest.scores.metrics["roc_auc"].high)
    assert np.mean(inside) == pytest.approx(0.5, abs=0.08)
    assert np.mean(outside) > 0.8
    assert sum(held) >= 5


def test_intervals_hold_chance_on_pure_noise_as_often_as_they_say():
    """80 data sets of 12 groups without any relation: guesses drawn by themselves, each figure's own chance value."""
    from clew.validate.scores import scores

    chance = {"balanced_accuracy": 0.5, "matthews": 0.0, "kappa": 0.0, "roc_auc": 0.5}
    random, held = np.random.default_rng(0), {name: [] for name in chance}
    for _ in range(200):
        truth = np.array(["a", "b"])[random.integers(0, 2, 240)]
        p = random.random(240)
        said = np.where(p > 0.5, "b", "a")
        found = scores(truth, said, np.column_stack([1 - p, p]), groups=np.arange(240) % 12).metrics
        for name, value in chance.items():
            held[name].append(found[name].low <= value <= found[name].high)
    for name, each in held.items():
        assert 0.9 <= np.mean(each) <= 0.99, name


def test_the_baseline_of_probabilities_knows_the_shares_and_nothing_else():
    labels = np.repeat(["many", "few"], [150, 50])
    found = cross_validate(make(np.random.default_rng(7).normal(size=(200, 2)), labels), Nearest).baselines
    blind = found["commonest_class"]
    assert blind["roc_auc"] == 0.5
    assert blind["brier"] == pytest.approx(0.75 * 0.25)
    assert blind["pr_auc"] == pytest.approx((0.75 + 0.25) / 2)


def test_permuted_labels_carry_their_spread():
    found = cross_validate(separate(), Nearest)
    assert found.permuted_spread.keys() == found.baselines["permuted"].keys()
    assert 0.01 < found.permuted_spread["balanced_accuracy"] < 0.2
    assert found.summary()["permuted_spread"] == found.permuted_spread


class WithoutProbability(Nearest):
    def predict(self, samples):
        said = super().predict(samples)
        said.probability = None
        return said


def test_a_model_without_probabilities_gets_the_figures_of_its_classes():
    for found in (
        cross_validate(separate(), WithoutProbability),
        evaluate(separate(), WithoutProbability(separate()), kind="classification", commonest="left"),
    ):
        assert found.probability.shape == (80, 0)
        assert "roc_auc" not in found.scores.metrics
        assert "accuracy" in found.scores.metrics


def test_a_class_that_the_model_has_never_seen_is_said():
    samples = separate()
    labels = np.where(np.arange(80) < 5, "new", samples.labels)
    found = evaluate(samples.with_labels(labels), Nearest(samples), kind="classification")
    assert any("does not know the class new" in warning for warning in found.warnings)
    assert found.scores.per_class["new"]["recall"].value == 0
    assert found.scores.per_class["new"]["roc_auc"].value == 0.5
