"""Training: scikit-learn's trees, kept settings, honest validation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from clew.errors import DataError, SettingError
from clew.learn.training import train, validate
from tests.forest_worlds import blobs, cancer, iris, make


# ---- against scikit-learn ----
@pytest.mark.parametrize("samples", [iris(), cancer(), blobs()])
@pytest.mark.parametrize("settings", [{}, {"depth": 3}, {"min_leaf": 5, "max_features": "all"}])
def test_probabilities_and_classes_are_scikit_learns(samples, settings):
    forest = train(samples, trees=30, random_state=3, **settings)
    rival = RandomForestClassifier(
        30,
        max_depth=settings.get("depth"),
        min_samples_leaf=settings.get("min_leaf", 1),
        max_features=1.0 if "max_features" in settings else "sqrt",
        random_state=3,
    ).fit(samples.features, samples.labels)
    random = np.random.default_rng(0)
    other = samples.features[random.permutation(samples.n_rows)] * random.normal(
        1, 0.2, samples.features.shape
    )
    for rows in (samples.features, other):
        found = forest.predict(rows)
        np.testing.assert_allclose(found.probability, rival.predict_proba(rows), rtol=0, atol=1e-12)
        np.testing.assert_array_equal(found.label, rival.predict(rows))
    np.testing.assert_array_equal(forest.importance, rival.feature_importances_)


@pytest.mark.parametrize("names", [("a", "b"), ("1", "2"), ("10", "9")])
def test_equal_weights_of_classes_are_scikit_learns_balanced_ones(names):
    """Whatever the classes are called: scikit-learn 1.9 itself fails where they are numbers as text."""
    rows = blobs()
    code = (rows.labels == "debris").astype(int)
    forest = train(rows.with_labels(np.array(names)[code]), trees=20, depth=4, class_weight="equal")
    assert forest.classes == sorted(names) and forest.class_counts == dict(
        zip(names, np.bincount(code).tolist(), strict=True)
    )
    place = np.array([forest.classes.index(name) for name in names])[code]
    rival = RandomForestClassifier(20, max_depth=4, random_state=0, class_weight="balanced")
    rival.fit(rows.features, place)
    found = forest.predict(rows).probability
    np.testing.assert_allclose(found, rival.predict_proba(rows.features), atol=1e-12)
    np.testing.assert_allclose(forest.importance, rival.feature_importances_, atol=1e-12)
    given = train(rows.with_labels(np.array(names)[code]), trees=20, depth=4)
    rare = forest.classes.index(names[1])
    assert found[:, rare].mean() > 1.3 * given.predict(rows).probability[:, rare].mean()
    assert forest.sha256 != given.sha256


def test_equal_weights_of_even_classes_leave_the_shares_as_they_are():
    given, equal = (train(iris(), depth=3, class_weight=one) for one in ("given", "equal"))
    for forest in (given, equal):
        shares = forest.value[forest.tree_start].mean(axis=0)
        np.testing.assert_allclose(shares, 1 / 3, atol=0.02)


@pytest.mark.parametrize("settings", [{}, {"depth": 2, "min_leaf": 7, "max_features": 0.5}])
def test_the_trees_are_scikit_learns_node_by_node(settings):
    words = {"depth": "max_depth", "min_leaf": "min_samples_leaf"}
    told = {words.get(name, name): value for name, value in settings.items()}
    numbers = make(cancer().features, target=np.sin(cancer().features[:, 0]))
    for samples, rival, extra, y in [
        (cancer(), RandomForestClassifier, {}, cancer().labels),
        (numbers, RandomForestRegressor, {"max_features": 1 / 3}, numbers.target),
    ]:
        forest = train(samples, trees=12, random_state=5, n_jobs=2, **settings)
        rival = rival(12, random_state=5, **(extra | told)).fit(samples.features, y)
        trees = [one.tree_ for one in rival.estimators_]
        inner = forest.feature >= 0
        assert forest.feature[inner].tolist() == [f for tree in trees for f in tree.feature if f >= 0]
        np.testing.assert_array_equal(
            forest.threshold[inner],
            np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees]),
        )
        np.testing.assert_array_equal(
            forest.cover, np.concatenate([tree.weighted_n_node_samples for tree in trees])
        )
        np.testing.assert_array_equal(forest.importance, rival.feature_importances_)


def test_another_forest_would_be_noticed():
    samples = cancer()
    rival = RandomForestClassifier(30, random_state=4).fit(samples.features, samples.labels)
    found = train(samples, trees=30, random_state=3).predict(samples)
    assert np.abs(found.probability - rival.predict_proba(samples.features)).max() > 0.01


def test_numbers_are_predicted_as_scikit_learn_does():
    samples = cancer()
    target = samples.features[:, 3] / 100
    samples = dataclasses.replace(
        samples, features=samples.features[:, 4:], feature_names=samples.feature_names[4:], units=("",) * 26
    ).with_labels(None)
    forest = train(samples.with_target(target), trees=20, random_state=1)
    rival = RandomForestRegressor(20, max_features=1 / 3, random_state=1).fit(samples.features, target)
    found = forest.predict(samples)
    assert forest.kind == "regression" and found.label is None
    np.testing.assert_allclose(found.value, rival.predict(samples.features), rtol=1e-12)


def test_training_threads_do_not_change_the_hash_and_the_seed_does():
    samples = blobs()
    assert train(samples, n_jobs=1).sha256 == train(samples, n_jobs=2).sha256
    assert train(samples).sha256 != train(samples, random_state=1).sha256


GOLDEN = "186c77508e12ad1ad7c3dae53d2f10362217a898c2c22df9d79b5b48b3cf3917"
GOLDEN_ROWS = np.array([[0.3, 0.6, 1.5, 0.0], [1.2, 0.9, 0.4, 0.1], [0.7, 0.7, 1.25, 0.05]])
GOLDEN_PROBABILITY = [
    [0.3628571428571428, 0.19714285714285715, 0.44],
    [0.016142857142857143, 0.9825309973045822, 0.001326145552560647],
    [0.26773661426293005, 0.26664935064935064, 0.4656140350877193],
]


def test_the_forest_of_a_closed_form_table_is_the_one_on_record():
    """Another machine, thread count or version must grow the very same forest from the same rows."""
    forest = train(blobs(), trees=25, depth=6, random_state=0)
    np.testing.assert_allclose(
        forest.predict(GOLDEN_ROWS).probability, GOLDEN_PROBABILITY, rtol=0, atol=1e-15
    )
    assert forest.sha256 == GOLDEN


# ---- training ----
def test_rows_without_a_label_are_left_out_and_counted():
    samples = blobs()
    labels = samples.labels.copy()
    labels[::4] = ""
    forest = train(samples.with_labels(labels))
    assert forest.n_rows == 180 and sum(forest.class_counts.values()) == 180
    assert forest.notes == ["60 rows without a label were left out"]
    assert forest.sha256 == train(samples.with_labels(labels).take(labels != "")).sha256


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (None, "must have labels"),
        (np.array([""] * 4), "must have labels"),
        (np.array(["a"] * 4), "at least 2 classes"),
    ],
)
def test_labels_that_nobody_can_learn_from_are_refused(labels, sentence):
    with pytest.raises(DataError, match=sentence):
        train(make(np.zeros((4, 1)), labels))


def test_labels_and_a_target_need_a_word():
    samples = blobs().with_target(np.arange(240.0))
    with pytest.raises(SettingError, match="both labels and a target"):
        train(samples)
    assert train(samples, kind="regression", trees=3).kind == "regression"
    assert train(samples, kind="classification", trees=3).kind == "classification"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"trees": 0}, "'trees' of train must be an int of at least 1. Got 0"),
        ({"depth": 0}, "'depth'"),
        ({"min_leaf": 1.5}, "'min_leaf'"),
        ({"max_features": 1.5}, "'max_features'"),
        ({"combine": "mode"}, "combine"),
        ({"tree": 3}, "Did you mean 'trees'"),
    ],
)
def test_impossible_settings_are_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        train(blobs(), **settings)


def test_numbers_have_no_classes_to_weigh():
    samples = make(iris().features[:, :3], target=iris().features[:, 3])
    with pytest.raises(
        SettingError, match="'class_weight' of train must be 'given' for numbers. Got 'equal'"
    ):
        train(samples, class_weight="equal")
    with pytest.raises(SettingError, match="given, equal"):
        train(iris(), class_weight="balanced")


def test_validation_weighs_classes_as_training_does():
    rows = blobs()
    rare = rows.with_labels(np.where(rows.labels == "debris", "rare", "common"))
    recalls = {
        weight: validate(rare, trees=20, depth=2, class_weight=weight, folds=3)
        for weight in ("given", "equal")
    }
    assert {one.settings["class_weight"] for one in recalls.values()} == {"given", "equal"}
    found = {weight: (one.predicted == "rare").sum() for weight, one in recalls.items()}
    assert found["equal"] > found["given"]


def test_numbers_cannot_be_voted_on():
    with pytest.raises(SettingError, match="must be 'mean' for numbers"):
        train(make(np.zeros((4, 1)), target=np.arange(4.0)), combine="vote")


def test_the_settings_stand_in_the_result():
    assert train(blobs(), trees=7).settings["trees"] == 7
    assert train.step.sees == validate.step.sees == "open"


# ---- validation ----
def test_validation_of_iris_is_as_good_as_everybody_knows():
    found = validate(iris())
    assert 0.92 <= found.scores.metrics["accuracy"].value <= 0.98
    assert found.split["by"] == "row"
    assert found.baselines["commonest_class"]["accuracy"] <= 0.34
    assert abs(found.baselines["permuted"]["balanced_accuracy"] - 1 / 3) < 0.1


def test_out_of_fold_predictions_are_those_of_a_forest_without_the_fold():
    samples = iris()
    found = validate(samples, trees=10)
    held = found.fold == 2
    forest = train(samples.take(~held), trees=10)
    np.testing.assert_array_equal(found.probability[held], forest.predict(samples.take(held)).probability)


def test_permuted_labels_score_chance():
    samples = cancer()
    values = []
    for seed in range(4):
        labels = np.random.default_rng(seed).permutation(samples.labels)
        found = validate(samples.with_labels(labels).select("f0,f1,f2"), trees=15, depth=4)
        values.append(found.scores.metrics["balanced_accuracy"].value)
    assert np.mean(values) == pytest.approx(0.5, abs=0.04)


def test_numbers_are_validated_too():
    samples = cancer()
    target = samples.features[:, 3]
    found = validate(samples.select("f0,f2,f6").with_labels(None).with_target(target), trees=20)
    assert found.scores.metrics["r2"].value > 0.9
    assert found.baselines["mean"]["r2"] < 0.01


def noise(n_rows=60, n_features=2000):
    rng = np.random.default_rng(3)
    return make(rng.normal(size=(n_rows, n_features)), rng.permutation(["a", "b"] * (n_rows // 2)))


def test_a_forest_of_selected_features_knows_only_these():
    from clew.learn.select import select_features

    samples = cancer()
    forest = train(samples, select=5, trees=10)
    assert sorted(forest.feature_names) == sorted(select_features(samples, 5))
    plain = train(samples.select(forest.feature_names), trees=10)
    np.testing.assert_array_equal(
        forest.predict(samples.select(forest.feature_names)).probability,
        plain.predict(samples.select(forest.feature_names)).probability,
    )


@pytest.mark.parametrize("select", [0, -1, 5, 9, 1.5])
def test_no_more_features_are_selected_than_there_are(select):
    told = rf"The 'select' of train must be an int from 1 to the number of features \(4\)\. Got {select}\."
    for step in (train, validate):
        with pytest.raises(SettingError, match=told):
            step(iris(), select=select, trees=2)
    assert len(train(iris(), select=4, trees=2).feature_names) == 4


def test_selecting_inside_the_folds_finds_nothing_in_noise_and_outside_it_does():
    from clew.learn.select import select_features

    samples = noise()
    settings = {"trees": 20, "depth": 3}
    inside = validate(samples, select=20, **settings).scores.metrics["accuracy"].value
    chosen = samples.select(select_features(samples, 20))  # the mutant: chosen with the test rows in view
    outside = validate(chosen, **settings).scores.metrics["accuracy"].value
    assert inside < 0.65
    assert outside > 0.75
