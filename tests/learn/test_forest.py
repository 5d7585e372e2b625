"""The forest equals scikit-learn's, gives the same bits everywhere, and refuses what it was not trained on."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from clew.errors import DataError, SettingError
from clew.learn.forest import ARRAYS, Forest, train, validate
from clew.result import Result
from clew.samples import Samples


def make(features, labels=None, *, names=None, units=None, groups=None, target=None):
    features = np.asarray(features, float)
    n, d = features.shape
    sample = np.array([f"row {i}" for i in range(n)])
    return Samples(
        features=features,
        feature_names=names or tuple(f"f{i}" for i in range(d)),
        units=units or ("",) * d,
        sample=sample,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=labels,
        target=target,
    )


def iris():
    data = load_iris()
    return make(data.data, data.target_names[data.target])


def cancer():
    data = load_breast_cancer()
    return make(data.data, data.target_names[data.target])


def blobs():
    """Return closed-form rows: no random number, the same on every machine and version."""
    i = np.arange(240)
    features = np.stack([(i * 37) % 97, (i * i * 7 + 11 * i) % 89, (i * 53 + 29) % 101, i % 7], axis=1) / 64
    labels = np.where(features[:, 0] + features[:, 1] > 1.4, "elongated", "round")
    labels = np.where((features[:, 2] > 1.2) & (i % 3 == 0), "debris", labels)
    return make(features, labels, names=("area", "solidity", "length", "step"), units=("px²", "", "px", ""))


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


def test_votes_are_counted_and_ties_go_to_the_first_class():
    samples = blobs()
    forest = train(samples, trees=20, depth=3, combine="vote")
    rival = RandomForestClassifier(20, max_depth=3, random_state=0).fit(samples.features, samples.labels)
    each = np.stack([tree.predict(samples.features) for tree in rival.estimators_]).astype(int)
    counts = np.stack([(each == k).sum(axis=0) for k in range(3)], axis=1)
    found = forest.predict(samples)
    np.testing.assert_array_equal(found.probability, counts / 20)
    np.testing.assert_array_equal(found.label, np.array(forest.classes)[counts.argmax(axis=1)])
    assert not np.array_equal(
        found.probability, train(samples, trees=20, depth=3).predict(samples).probability
    )


def test_a_tied_vote_goes_to_the_first_class():
    leaf = {"feature": [-1, -1], "threshold": [0.0, 0.0], "left": [-1, -1], "right": [-1, -1]}
    forest = dataclasses.replace(
        train(make([[0.0], [1.0]], np.array(["a", "b"])), trees=2, combine="vote"),
        **{name: np.array(values, ARRAYS[name]) for name, values in leaf.items()},
        value=np.array([[0.0, 1.0], [1.0, 0.0]]),
        cover=np.ones(2),
        tree_start=np.array([0, 1], "<i4"),
    )
    found = forest.predict(np.zeros((1, 1)))
    assert found.probability.tolist() == [[0.5, 0.5]]
    assert found.label.tolist() == ["a"]


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


# ---- the same bits ----
def test_threads_and_batches_do_not_change_a_bit():
    samples = cancer()
    forest = train(samples, depth=4)  # mixed leaves, whose sums are rounded
    rows = np.tile(samples.features, (20, 1)) * np.linspace(0.8, 1.2, 20 * samples.n_rows)[:, None]
    whole = forest.predict(rows, n_threads=1).probability
    assert whole.tobytes() == forest.predict(rows, n_threads=4).probability.tobytes()
    for size in (1, 7, 4096, 5000):
        parts = [
            forest.predict(rows[i : i + size]).probability for i in range(0, min(len(rows), 12 * size), size)
        ]
        assert np.concatenate(parts).tobytes() == whole[: 12 * size].tobytes()


def test_the_order_of_trees_does_change_bits_so_it_must_be_fixed():
    forest = train(cancer(), depth=4)
    turned = dataclasses.replace(forest, tree_start=forest.tree_start[::-1])
    rows = cancer().features
    assert forest.predict(rows).probability.tobytes() != turned.predict(rows).probability.tobytes()


def test_training_threads_do_not_change_the_hash_and_the_seed_does():
    samples = blobs()
    assert train(samples, n_jobs=1).sha256 == train(samples, n_jobs=2).sha256
    assert train(samples).sha256 != train(samples, random_state=1).sha256


def test_the_hash_reads_everything_that_predictions_rest_on():
    forest = train(blobs(), trees=5)
    hashes = {forest.sha256}
    for change in (
        {"threshold": np.nextafter(forest.threshold, np.inf)},
        {"combine": "vote"},
        {"units": ["µm²", "", "px", ""]},
        {"classes": ["debris", "long", "round"]},
        {"measure": {"threshold": 120}},
        {"tree_start": forest.tree_start[:-1]},
    ):
        hashes.add(dataclasses.replace(forest, **change).sha256)
    assert len(hashes) == 7
    assert dataclasses.replace(forest, notes=["seen"]).sha256 == forest.sha256
    swapped = {name: getattr(forest, name).astype(kind.replace("<", ">")) for name, kind in ARRAYS.items()}
    assert dataclasses.replace(forest, **swapped).sha256 == forest.sha256  # a machine of the other byte order


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


# ---- on disk ----
def test_a_saved_forest_predicts_the_same_bits(tmp_path):
    forest = dataclasses.replace(train(blobs()), measure={"threshold": 120.0, "features": ["area"]})
    loaded = Forest.load_model(forest.save_model(tmp_path / "round"))
    assert loaded.sha256 == forest.sha256
    rows = blobs()
    assert loaded.predict(rows).probability.tobytes() == forest.predict(rows).probability.tobytes()
    assert loaded.measure == forest.measure
    np.testing.assert_array_equal(loaded.importance, forest.importance)
    assert Result.load(forest.save(tmp_path / "result.clew")).digest() == forest.digest()


def test_the_same_forest_is_saved_as_the_same_bytes(tmp_path):
    a = train(blobs(), n_jobs=1).save_model(tmp_path / "a")
    b = train(blobs(), n_jobs=2).save_model(tmp_path / "b")
    for name in ("arrays.npz", "config.json"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    assert sorted(path.name for path in a.iterdir()) == ["arrays.npz", "config.json"]
    other = train(blobs(), random_state=1).save_model(tmp_path / "c")
    assert (a / "arrays.npz").read_bytes() != (other / "arrays.npz").read_bytes()


def test_a_saved_forest_needs_no_pickle(tmp_path):
    folder = train(blobs()).save_model(tmp_path / "m")
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "if" for name in arrays.files)


def test_a_model_is_never_overwritten(tmp_path):
    forest = train(blobs(), trees=3)
    folder = forest.save_model(tmp_path / "m")
    before = (folder / "config.json").read_bytes()
    with pytest.raises(SettingError, match="must be a new one"):
        train(blobs(), trees=5).save_model(folder)
    assert (folder / "config.json").read_bytes() == before
    with pytest.raises(SettingError, match="must exist to hold"):
        forest.save_model(tmp_path / "nowhere" / "m")


def test_a_failed_save_leaves_nothing_behind(tmp_path, monkeypatch):
    forest = train(blobs(), trees=3)

    def full(path, data):
        path.write_bytes(data[:10])
        raise OSError("No space left on device")

    monkeypatch.setattr("clew.learn.forest._write", full)
    with pytest.raises(OSError, match="No space"):
        forest.save_model(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def spoil_config(**changes):
    def spoil(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")

    return spoil


def cut_arrays(folder):
    path = folder / "arrays.npz"
    path.write_bytes(path.read_bytes()[:-200])


def flip_a_bit(folder):
    path = folder / "arrays.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def no_config(folder):
    (folder / "config.json").unlink()


def no_json(folder):
    (folder / "config.json").write_text("[1, 2", encoding="utf-8")


def a_list(folder):
    (folder / "config.json").write_text("[]", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut_arrays, "must be a forest"),
        (flip_a_bit, "must be a forest"),
        (no_config, "must be a forest"),
        (no_json, "must be a forest"),
        (a_list, "must be a forest"),
        (shutil.rmtree, "must exist. Got a path where nothing is"),
        (spoil_config(format="a net"), "another kind"),
        (spoil_config(version=2), "newer clew"),
        (spoil_config(version="x"), "must be a forest"),
        (spoil_config(units=["m", "", "px", ""]), "do not fit its hash"),
        (spoil_config(surprise=1), "must be a forest"),
    ],
)
def test_a_spoilt_model_folder_is_refused_in_one_sentence(tmp_path, spoil, sentence):
    folder = train(blobs(), trees=3).save_model(tmp_path / "m")
    Forest.load_model(folder)
    spoil(folder)
    with pytest.raises(DataError, match=sentence) as caught:
        Forest.load_model(folder)
    assert "\n" not in str(caught.value)


def test_nodes_that_lead_in_a_circle_are_refused(tmp_path):
    forest = train(blobs(), trees=3)
    left = forest.left.copy()
    left[0] = 0
    folder = dataclasses.replace(forest, left=left).save_model(tmp_path / "m")
    with pytest.raises(DataError, match="lead astray"):
        Forest.load_model(folder)


# ---- what fits ----
def test_features_in_another_order_are_found_by_name():
    samples = blobs()
    forest = train(samples)
    turned = make(samples.features[:, ::-1], names=samples.feature_names[::-1], units=samples.units[::-1])
    np.testing.assert_array_equal(forest.predict(turned).probability, forest.predict(samples).probability)


@pytest.mark.parametrize(
    ("names", "units", "sentence"),
    [
        (("area", "solidity", "length"), ("px²", "", "px"), "missing step."),
        (("area", "solidity", "length", "step", "age"), ("px²", "", "px", "", "h"), "unknown to it age."),
        (
            ("area", "solidity", "length", "step"),
            ("µm²", "", "px", ""),
            "area was trained in px², given in µm².",
        ),
        (
            ("area", "solidity", "length", "size"),
            ("px²", "", "m", ""),
            "missing step; unknown to it size; length",
        ),
    ],
)
def test_other_features_or_units_are_refused_with_what_differs(names, units, sentence):
    forest = train(blobs(), trees=3)
    other = make(np.zeros((2, len(names))), names=names, units=units)
    with pytest.raises(DataError) as caught:
        forest.predict(other)
    said = str(caught.value)
    assert said.startswith("The model was trained on area [px²], solidity, length [px], step; given area")
    assert sentence in said


def test_rows_that_the_trees_cannot_read_are_refused():
    forest = train(blobs(), trees=3)
    with pytest.raises(DataError, match="table of 4 columns"):
        forest.predict(np.zeros((2, 3)))
    for bad in (np.nan, np.inf, 1e39):
        with pytest.raises(DataError, match="finite and at most"):
            forest.predict(np.full((1, 4), bad))
    with pytest.raises(SettingError, match="n_threads"):
        forest.predict(np.zeros((1, 4)), n_threads=0)


def test_no_rows_give_no_predictions():
    assert train(blobs(), trees=3).predict(np.zeros((0, 4))).label.shape == (0,)


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


# ---- look inside ----
def reached(node, row, names):
    while "feature" in node:
        node = node["yes" if np.float32(row[names.index(node["feature"])]) <= node["threshold"] else "no"]
    return node


def test_a_drawn_tree_leads_each_row_to_the_leaf_of_the_forest():
    samples = blobs()
    forest = train(samples, trees=4)
    drawn = [forest.tree(i) for i in range(4)]
    for row, expected in zip(samples.features[:40], forest.predict(samples).probability, strict=False):
        leaves = [list(reached(tree, row, forest.feature_names)["value"].values()) for tree in drawn]
        np.testing.assert_allclose(np.mean(leaves, axis=0), expected, atol=1e-12)
    assert drawn[0]["rows"] == 240


def test_rules_tell_thresholds_with_units():
    text = train(blobs(), depth=2).rules(0)
    assert text.startswith("tree 0 of 100\n")
    assert "px²?" in text or "px?" in text
    assert "yes: " in text and "rows, " in text
    with pytest.raises(SettingError, match=r"from 0 to 99\. Got 100"):
        train(blobs()).rules(100)


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
