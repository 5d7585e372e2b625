"""Nets for the rows of a study: what is held out, what is said, and figures that stand beside a forest's."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.measure.cutouts import Cutouts
from clew.neural import training
from clew.neural.estimators import NetClassifier
from clew.neural.model import NetModel
from clew.neural.net_settings import NetSettings
from clew.neural.onnx_export import export_onnx
from clew.neural.training import fit_net, held_out_rows, train_net, validate_net
from clew.neural.training import test_net as evaluate_net
from clew.samples import Samples
from clew.splits import folds
from clew.validate.metrics import out_of_fold

QUICK = {"epochs": 12, "members": 1}


def rows(n=120, *, seed=0, per_group=6, labels=True):
    """Rows in groups; a product of two features tells the classes, a third nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    samples = Samples(
        features=X,
        feature_names=["a", "b", "c"],
        units=[""] * 3,
        sample=np.array([f"r{i}" for i in range(n)]),
        origin=pd.DataFrame({"source": ["t.csv"] * n}),
        group=np.array([f"g{i // per_group}" for i in range(n)]),
    )
    return samples.with_labels(np.where(X[:, 0] + X[:, 1] > 0, "up", "down")) if labels else samples


def traces(samples, *, scale=None, seed=0):
    """Windows whose classes differ in their pitch alone."""
    rng, t = np.random.default_rng(seed), np.arange(48)
    slow = (samples.labels == "up")[:, None]
    values = np.sin(t * np.where(slow, 0.4, 1.2) + rng.uniform(0, 6, (samples.n_rows, 1))) + 0.1 * rng.normal(
        size=(samples.n_rows, 48)
    )
    values = values[:, None] * (1.0 if scale is None else scale[:, None, None])
    return Cutouts(
        values=values,
        sample=samples.sample,
        axes="ct",
        channels=["Z"],
        rate=10.0,
        how={"kind": "signal", "channels": ["Z"], "rate": 10.0},
    )


@pytest.fixture(scope="module")
def validated():
    return validate_net(rows(), lr=0.01, **QUICK)


def test_the_same_settings_give_the_same_bits_and_another_seed_others():
    one, again = (train_net(rows(), **QUICK) for _ in range(2))
    assert one.digest() == again.digest()
    assert train_net(rows(), random_state=1, **QUICK).sha256 != one.sha256


@pytest.mark.parametrize(
    ("choose_from", "keep", "said"),
    [(24, "best", "to choose the best epoch"), (25, "last", "to watch the loss, too few to choose an epoch by, so the last is kept")],
)  # fmt: skip
def test_a_net_is_the_estimator_that_it_says_on_the_rows_that_it_says(choose_from, keep, said, monkeypatch):
    monkeypatch.setattr(training, "CHOOSE_FROM", choose_from)
    samples = rows()
    model = train_net(samples, augment="none", **QUICK)
    parts = folds(samples, n_folds=5)
    learn, judge = parts.train[0], parts.test[0]
    net = NetSettings(**QUICK)
    settings = net.of_training() | {"keep": keep, "patience": net.patience if keep == "best" else None}
    settings |= {"net_settings": {"dropout": 0.2}, "batch_size": net.batch_of(int(learn.sum()))}
    witness = NetClassifier("mlp", **settings)
    seen = samples.features[judge], samples.labels[judge]
    witness.fit(samples.features[learn], samples.labels[learn], validation=seen)
    np.testing.assert_array_equal(model.predict(samples).probability, witness.predict_proba(samples.features))
    assert model.notes[1] == f"{judge.sum()} of 120 rows were held out {said}, whole groups"


def test_rows_without_a_label_are_left_out_and_counted():
    samples = rows()
    labels = samples.labels.copy()
    labels[:20] = ""
    model = train_net(samples.with_labels(labels), **QUICK)
    assert model.n_rows == 100 and model.notes[2] == "20 rows without a label were left out"


def test_groups_are_held_out_whole_and_every_class_stays_to_be_learnt():
    samples = rows(per_group=6)
    learn, judge, _ = held_out_rows(samples, samples.labels, 0.2, "classification", 0)
    assert not set(samples.group[learn]) & set(samples.group[judge]) and judge.sum() == 24
    alone = np.where(samples.group == "g0", "rare", samples.labels)  # a class that stands in one group
    learn, judge, _ = held_out_rows(samples.with_labels(alone), alone, 0.2, "classification", 0)
    assert "rare" in alone[learn] and "rare" not in alone[judge]
    few = rows(n=24, per_group=12)
    learn, judge, said = held_out_rows(few, few.labels, 0.2, "classification", 0)
    assert judge.sum() < 8 and "single rows of the few groups" in said[0]  # of two neither can be spared
    _, _, said = held_out_rows(samples, samples.labels, 0.2, "classification", 0)
    assert "flatters" not in said[0]


def test_raw_data_are_found_by_the_names_of_rows():
    samples = rows(60)
    cutouts = traces(samples)
    model = train_net(samples, cutouts, model="cnn", **QUICK)
    mixed = cutouts.take(np.random.default_rng(0).permutation(60))
    assert train_net(samples, mixed, model="cnn", **QUICK).sha256 == model.sha256
    assert (model.predict(samples, mixed).label == samples.labels).mean() > 0.9
    sealed = evaluate_net(samples, mixed, model)
    assert sealed.scores.metrics["accuracy"].value > 0.9 and set(sealed.baselines) == {"commonest_class"}


def test_windows_of_very_different_amplitudes_are_scaled_each_by_itself_and_that_is_said():
    samples = rows(60)
    loud = traces(samples, scale=np.geomspace(1, 1e4, 60))
    model = fit_net(samples, loud, NetSettings(model="cnn", **QUICK), kind="classification", random_state=0)
    assert model.preprocess["scale"] == "each" and any(
        "Amplitudes of windows differ" in note for note in model.notes
    )
    alike = fit_net(
        samples, traces(samples), NetSettings(model="cnn", **QUICK), kind="classification", random_state=0
    )
    assert alike.preprocess["scale"] == "training"


@pytest.mark.parametrize(("fold", "wanted"), [(3, "training"), (8, "each")])
def test_images_of_very_different_contrasts_are_scaled_each_by_itself(fold, wanted):
    values = (
        np.random.default_rng(0).normal(size=(40, 1, 8, 8)) * np.geomspace(1, fold, 40)[:, None, None, None]
    )
    seen = Cutouts(values=values, sample=np.arange(40).astype(str), axes="cyx", channels=["gray"])
    scale, said = training.scale_for(seen, np.ones(40, bool), NetSettings(model="cnn"))
    assert scale == wanted and bool(said) == (wanted == "each")


def test_amplitudes_of_rows_that_are_held_out_decide_no_scale():
    samples = rows(60)
    learn, judge, _ = held_out_rows(samples, samples.labels, 0.2, "classification", 0)
    net = NetSettings(model="cnn", **QUICK)
    for loud, wanted in ((judge, "training"), (learn, "each")):
        differing = np.where(loud, np.geomspace(1, 1e4, 60), 1.0)
        model = fit_net(samples, traces(samples, scale=differing), net, kind="classification", random_state=0)
        assert model.preprocess["scale"] == wanted


def test_a_number_is_learnt_too():
    samples = rows().with_labels(None)
    model = train_net(samples, target="a", features=["a", "b"], epochs=2, members=1)
    assert model.kind == "regression" and model.feature_names == ["b"]
    assert model.target_name == "a"


def test_beside_the_net_stands_the_forest_on_the_same_folds(validated):
    samples = rows()
    parts = folds(samples, n_folds=5)
    np.testing.assert_array_equal(validated.fold, parts.test.argmax(axis=0))
    from clew.learn.training import fitting

    predicted, _, _ = out_of_fold(samples, fitting(kind="classification"), parts, ["down", "up"])
    np.testing.assert_array_equal(validated.beside.predicted, predicted)
    figures = [one.metrics["balanced_accuracy"].value for one in (validated.scores, validated.beside.scores)]
    assert validated.beside.difference.value == pytest.approx(figures[0] - figures[1], abs=1e-12)
    assert "the forest on 3 measurements: balanced accuracy" in validated.beside.headline()


def test_a_net_finds_what_is_there_and_nothing_in_permuted_labels(validated):
    assert validated.scores.metrics["balanced_accuracy"].value > 0.85
    mixed = rows().with_labels(np.random.default_rng(5).permutation(rows().labels))
    null = validate_net(mixed, folds=3, epochs=6, members=1, permutations=1)
    assert null.scores.metrics["balanced_accuracy"].value == pytest.approx(0.5, abs=0.13)
    assert validated.baselines["permuted"]["balanced_accuracy"] == pytest.approx(0.5, abs=0.15)


def test_a_stop_leaves_nothing_and_progress_counts_all_members():
    told = []
    train_net(rows(), epochs=3, members=2, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(i, 6) for i in range(1, 7)]
    with pytest.raises(Stopped):
        train_net(rows(), epochs=3, on_progress=lambda done, total: False)
    with pytest.raises(Stopped):
        validate_net(rows(), epochs=1, members=1, on_progress=lambda done, total: done < 2)


def test_chance_is_shown_by_one_net_a_fold_and_progress_counts_the_forests_too():
    told = []
    found = validate_net(
        rows(60), folds=3, epochs=1, members=2, on_progress=lambda done, total: told.append((done, total))
    )
    rounds = 4 if found.shuffled else 3  # the net, exchanged labels, rows dealt at random, the forest
    assert told == [(i, 3 * rounds) for i in range(1, 3 * rounds + 1)]
    alone = validate_net(rows(60), folds=3, epochs=1, members=1)
    assert found.baselines == alone.baselines and found.shuffled == alone.shuffled
    assert (found.probability != alone.probability).any()  # or the line above shows nothing


def test_a_rate_is_found_once_on_the_rows_to_learn_from_said_and_kept():
    samples = rows()
    model = train_net(samples, lr="find", epochs=2, members=2)
    learn = folds(samples, n_folds=5).train[0]
    net = NetSettings(epochs=2)
    witness = NetClassifier(
        "mlp", net_settings={"dropout": 0.2}, batch_size=net.batch_of(int(learn.sum())), **net.of_training()
    ).find_rate(samples.features[learn], samples.labels[learn])
    assert model.recipe["lr"] == witness.suggested != net.lr
    assert f"The learning rate that was found: {witness.suggested:.2g}" in model.notes
    assert {one.lr.max() for one in model.histories} == {model.histories[0].lr.max()}


def test_where_no_rate_is_found_the_usual_one_is_taken_and_said(monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(NetClassifier, "find_rate", lambda *_: SimpleNamespace(suggested=np.nan))
    model = train_net(rows(), lr="find", epochs=1, members=1)
    assert model.recipe["lr"] == NetSettings().lr and "so it is the usual one, 0.003" in " ".join(model.notes)


def test_the_verdict_comes_first():
    assert train_net(rows(), lr=0.01, **QUICK).notes[0].startswith("Learnt: on the rows held out a loss of ")
    random = np.random.default_rng(3).permutation(rows().labels)
    nothing = train_net(rows().with_labels(random), lr=0.1, epochs=2, members=1)
    history = nothing.histories[0]
    fell = history.valid_loss[history.best_epoch - 1] < history.chance_loss
    assert nothing.notes[0].startswith("Learnt" if fell else "Nothing learnt")


def test_long_windows_are_heard_in_frames_and_that_is_kept_with_the_model(tmp_path):
    samples = rows(30)
    one = traces(samples)
    long = dataclasses.replace(one, values=np.tile(one.values, 6))  # 288 samples
    model = train_net(samples, long, model="gru", hidden="4", epochs=1, members=1)
    assert model.net_settings["frame"] == 3 and model.net_settings["n_in"] == 3
    again = NetModel.load_model(model.save_model(tmp_path / "gru"))
    np.testing.assert_array_equal(
        again.predict(samples, long).probability, model.predict(samples, long).probability
    )
    told = train_net(samples, long, model="gru", hidden="4", epochs=1, members=1, frame=50)
    assert told.net_settings["frame"] == 50
    export_onnx(told, tmp_path / "gru.onnx")  # compares answers


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="mlp takes measured features"):
        train_net(rows(), model="cnn")
    with pytest.raises(SettingError, match="must go with a net that looks at raw data"):
        train_net(rows(), traces(rows()), model="mlp")
    with pytest.raises(SettingError, match="Did you mean 'epochs'"):
        train_net(rows(), epoch=3)
    with pytest.raises(DataError, match="labels"):
        train_net(rows(labels=False), **QUICK)
