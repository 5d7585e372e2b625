"""A trained net as a model: what it answers, and what it refuses."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from clew.errors import DataError, SettingError
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.model import NetModel
from tests.neural.models import SMALL, images, regressor, samples, trained, windows


@pytest.fixture(scope="module")
def on_features():
    return trained("mlp")


@pytest.fixture(scope="module")
def on_windows():
    return trained("cnn", windows())


# ---- answers ----
def test_probabilities_are_the_mean_of_what_the_trained_estimators_say_to_the_bit(on_features):
    model, made = on_features
    rows = samples()
    found = model.predict(rows)
    np.testing.assert_array_equal(
        found.probability, (made[0].predict_proba(rows.features) + made[1].predict_proba(rows.features)) / 2
    )
    assert found.probability.dtype == np.float64
    assert (found.sample == rows.sample).all() and found.classes == ["large", "small"]
    assert (found.label == np.array(found.classes)[found.probability.argmax(1)]).all()
    assert (
        found.probability != made[0].predict_proba(rows.features)
    ).any()  # one member alone says otherwise


@pytest.mark.parametrize("net", ["mlp", "cnn", "lstm", "gru", "elman"])
def test_windows_reach_every_net_with_the_axes_that_it_was_trained_on(net):
    cut = windows()
    model, (one,) = trained(net, cut, members=1)
    rows = cut.values.transpose(0, 2, 1) if net in ("lstm", "gru", "elman") else cut.values
    np.testing.assert_array_equal(model.predict(samples(), cut).probability, one.predict_proba(rows))
    np.testing.assert_array_equal(model.predict_raw(cut.values), one.predict_proba(rows))
    assert (one.predict_proba(rows) != one.predict_proba(rows[:, ::-1])).any()  # the order of axis 1 matters


def test_cut_outs_are_brought_into_the_order_of_the_rows(on_windows):
    model, _ = on_windows
    rows, cut = samples(), windows()
    shuffled = cut.take(np.random.default_rng(1).permutation(len(cut)))
    np.testing.assert_array_equal(
        model.predict(rows, shuffled).probability, model.predict(rows, cut).probability
    )
    assert (model.predict_raw(shuffled.values) != model.predict_raw(cut.values)).any()


def test_features_are_taken_by_name(on_features):
    model, _ = on_features
    rows = samples()
    turned = dataclasses.replace(
        rows, features=rows.features[:, ::-1], feature_names=rows.feature_names[::-1], units=rows.units[::-1]
    )
    np.testing.assert_array_equal(model.predict(turned).probability, model.predict(rows).probability)


def test_numbers_come_in_the_scale_of_the_target():
    model, made = regressor()
    rows = samples()
    found = model.predict(rows)
    assert found.label is None and found.probability is None
    np.testing.assert_array_equal(
        found.value, (made[0].predict(rows.features) + made[1].predict(rows.features)) / 2
    )
    assert abs(found.value.mean() - rows.target.mean()) < 3 * rows.target.std()
    assert model.target_name == "a number" and "classes" not in model.headline()


def test_the_spread_is_the_standard_deviation_between_members(on_features):
    model, made = on_features
    rows = samples()
    a, b = (one.predict_proba(rows.features) for one in made)
    np.testing.assert_allclose(
        model.spread(rows), np.abs(a - b) / np.sqrt(2), rtol=1e-12
    )  # of two: half the distance, n - 1
    single, _ = trained("perceptron", members=1)
    with pytest.raises(SettingError, match="2 members at least"):
        single.spread(rows)


def test_activations_are_those_that_the_first_member_embeds(on_windows):
    model, made = on_windows
    found = model.activations(samples(), windows())
    np.testing.assert_array_equal(found, made[0].embed(windows().values))
    assert found.shape == (24, 4) and found.dtype == np.float64
    assert model.activations(samples(), windows(), layer="head").shape == (24, 2)


def test_the_net_of_a_member_has_its_weights(on_windows):
    model, made = on_windows
    for member, one in enumerate(made):
        theirs = one.net_.state_dict()
        mine = model.net(member).state_dict()
        assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert not model.net().training
    with pytest.raises(SettingError, match="from 0 to 1. Got 2"):
        model.net(2)


def test_building_a_net_draws_nothing_from_the_callers_generator(on_features):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    on_features[0].net()
    assert torch.equal(torch.rand(1), wanted)


def test_weights_of_64_bits_stay_such():
    model, (one,) = trained("mlp", members=1, precision="float64")
    assert model.weights["0.head.weight"].dtype == np.float64
    np.testing.assert_array_equal(model.predict(samples()).probability, one.predict_proba(samples().features))


# ---- what it is ----
def test_the_same_training_gives_the_same_model_and_another_seed_another(on_features):
    again, _ = trained("mlp")
    assert again.digest() == on_features[0].digest() and again.sha256 == on_features[0].sha256
    other, _ = trained("mlp", members=1)
    assert other.sha256 != again.sha256


def test_what_answers_changes_the_hash_and_how_it_was_trained_does_not(on_features):
    model, _ = on_features
    assert dataclasses.replace(model, notes=["x"], trained_with={}, histories=[]).sha256 == model.sha256
    moved = model.preprocess | {"mean": [0.0, 0.0, 0.0]}
    weights = model.weights | {"1.head.bias": model.weights["1.head.bias"] + np.float32(1e-7)}
    for change in ({"preprocess": moved}, {"weights": weights}, {"classes": ["small", "large"]}):
        assert dataclasses.replace(model, **change).sha256 != model.sha256


def test_weights_cannot_be_changed_and_a_pickle_answers_alike(on_features):
    model, _ = on_features
    with pytest.raises(ValueError, match="read-only"):
        model.weights["0.head.bias"][0] = 1
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(samples()).probability, model.predict(samples()).probability)


def test_it_says_what_it_is(on_features, on_windows):
    assert (
        on_features[0].headline()
        == "2 nets, each a multilayer perceptron, for classes large, small, trained on 24 rows x 3 features"
    )
    assert on_windows[0].looks_at == "cut-outs of 2 channels, 12 samples"
    said = on_features[0].summary()
    assert said["parameters"] == (3 + 1) * 3 + (3 + 1) * 2 and said["members"] == 2
    assert said["class_counts"] == {"large": 12, "small": 12} and len(said["training"]) == 2


def test_rows_unlike_those_of_the_training_are_told(on_features, on_windows):
    rows, cut = samples(), windows()
    assert on_features[0].outside(rows) == [] and on_windows[0].outside(rows, cut) == []
    far = dataclasses.replace(rows, features=rows.features + np.array([0, 1, 0]))
    assert "share (24 of 24 rows" in on_features[0].outside(far)[0]
    loud = dataclasses.replace(cut, values=(cut.values - 5000) * [[[1], [9]]])
    assert "the standard deviation of N (24 of 24" in on_windows[0].outside(rows, loud)[0]
    assert "of Z" not in on_windows[0].outside(rows, loud)[0]
    own_scale, _ = trained("cnn", windows(), members=1, scale="each")
    assert own_scale.outside(rows, loud) == []  # how large a row is does not reach the net


# ---- what it refuses ----
def test_rows_with_other_features_or_units_are_refused(on_features):
    rows = samples()
    with pytest.raises(DataError, match="intensity was trained in counts, given in V"):
        on_features[0].predict(dataclasses.replace(rows, units=("px²", "", "V")))
    with pytest.raises(DataError, match="missing intensity"):
        on_features[0].predict(rows.select(["area", "share"]))


@pytest.mark.parametrize(
    "change, told",
    [
        ({"channels": ["N", "Z"]}, "channels of those that the model was trained on, Z, N. Got N, Z"),
        ({"rate": 50.0}, "rate .* 100 Hz. Got 50 Hz"),
        ({"values": np.zeros((24, 2, 10))}, r"shape .* \(2, 12\). Got \(2, 10\)"),
    ],
)
def test_windows_that_were_cut_otherwise_are_refused(on_windows, change, told):
    with pytest.raises(DataError, match=told):
        on_windows[0].predict(samples(), dataclasses.replace(windows(), **change))


def test_images_of_another_pixel_size_or_depth_are_refused():
    model, _ = trained("cnn", images(), members=1)
    assert model.units == ["counts", "counts"]
    with pytest.raises(DataError, match="pixels of the size"):
        model.predict(samples(), dataclasses.replace(images(), pixel_size=0.25))
    deep = dataclasses.replace(images(), how=images().how | {"dtype": "uint16"})
    with pytest.raises(DataError, match="depth that the model knows"):
        model.predict(samples(), deep)


def test_rows_without_their_cut_outs_and_arrays_of_another_shape_are_refused(on_windows):
    with pytest.raises(DataError, match="must be given the cut-outs"):
        on_windows[0].predict(samples())
    with pytest.raises(DataError, match=r"shape \(2, 12\).* Got \(12, 2\)"):
        on_windows[0].predict_raw(np.zeros((3, 12, 2)))


def test_nets_that_were_trained_otherwise_are_no_members_of_one_model(on_features):
    rows = samples()
    other = NetClassifier("mlp", net_settings=SMALL["mlp"], max_epochs=1).fit(
        rows.features[:12], rows.labels[:12]
    )
    with pytest.raises(DataError, match="trained alike"):
        NetModel.of([on_features[1][0], other], rows)
    with pytest.raises(DataError, match="at least one net"):
        NetModel.of([])
    own = NetRegressor(lambda shape, n_out: torch.nn.Linear(*shape, n_out), max_epochs=1).fit(
        rows.features, rows.target
    )
    with pytest.raises(DataError, match="Got one of your own"):
        NetModel.of([own])


@pytest.mark.parametrize("scale", ["none", "each"])
def test_nets_that_held_out_rows_of_their_own_are_members_where_rows_are_prepared_alike(scale):
    X, y = windows().values, samples().labels

    def fitted(scale):
        settings = {"net_settings": SMALL["cnn"], "max_epochs": 1, "held_out": 0.25, "scale": scale}
        return [NetClassifier("cnn", random_state=i, **settings).fit(X, y) for i in (0, 1)]

    made = fitted(scale)
    found = NetModel.of(made).predict_raw(X)
    np.testing.assert_array_equal(found, (made[0].predict_proba(X) + made[1].predict_proba(X)) / 2)
    with pytest.raises(DataError, match="give validation=, not held_out"):
        NetModel.of(fitted("training"))  # each learnt a scale of its own rows


def test_estimators_without_samples_make_a_model_for_bare_rows():
    words = ["abba", "ab", "cab", "bb"] * 3
    made = NetClassifier("gru", net_settings={"hidden": 3}, max_epochs=1).fit(words, ["x", "y", "x", "y"] * 3)
    model = NetModel.of([made])
    np.testing.assert_array_equal(model.predict_raw(["ba", "abc"]), made.predict_proba(["ba", "abc"]))
    assert "for rows of shape" in model.headline()
