import pickle

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from clew.errors import DataError, SettingError
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.objectives import Objective
from clew.neural.rows import Rows

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 3))
Y = np.where(X[:, 0] > 0.4, "b", np.where(X[:, 0] > -0.4, "a", "c"))
QUICK = {"max_epochs": 3, "net_settings": {"hidden": (8,)}}

FAILS = {
    "check_n_features_in_after_fitting": "the sentence is our own",
    "check_complex_data": "the sentence is our own",
    "check_dtype_object": "the error is a DataError, with our own sentence",
    "check_supervised_y_2d": "a single column is an ordinary y, without a warning",
    "check_sample_weight_equivalence_on_dense_data": "batches of weighted rows are others than those of repeated rows",
    "check_class_weight_classifiers": "classes weigh as given or all the same",
}


@parametrize_with_checks(
    [kind(max_epochs=8, lr=0.02, net_settings={"hidden": (16,)}) for kind in (NetClassifier, NetRegressor)],
    expected_failed_checks=lambda estimator: FAILS,
)
def test_they_keep_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


# ---- digits ----
def digits():
    pixels, digit = load_digits(return_X_y=True)
    return train_test_split(pixels, digit, test_size=0.3, random_state=0, stratify=digit)


def test_a_multilayer_perceptron_reads_unseen_digits():
    train, test, y_train, y_test = digits()
    net = NetClassifier("mlp", max_epochs=30, lr=3e-3).fit(train, y_train)
    assert net.score(test, y_test) >= 0.97
    np.testing.assert_array_equal(net.predict(test), net.classes_[net.predict_proba(test).argmax(1)])
    np.testing.assert_allclose(net.predict_proba(test).sum(1), 1, rtol=1e-12)
    shuffled = clone(net).set_params(max_epochs=5).fit(train, np.random.default_rng(0).permutation(y_train))
    assert shuffled.score(test, y_test) < 0.2  # labels of nothing score chance


def test_it_is_as_good_as_skorch_whose_names_it_has():
    skorch = pytest.importorskip("skorch")
    train, test, y_train, y_test = digits()
    names = {"max_epochs": 6, "batch_size": 32, "lr": 3e-3}
    own = NetClassifier(scale="none", net_settings={"hidden": (32,)}, **names).fit(train / 16, y_train)
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    theirs = skorch.NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.AdamW,
        optimizer__weight_decay=0.0, iterator_train__shuffle=True, train_split=None, verbose=0, **names)  # fmt: skip
    theirs.fit(train.astype(np.float32) / 16, y_train)
    reached = float((theirs.predict(test.astype(np.float32) / 16) == y_test).mean())
    assert abs(own.score(test, y_test) - reached) < 0.04 and reached > 0.85
    assert abs(own.history_.train_loss[-1] - theirs.history[-1, "train_loss"]) < 0.1
    assert set(names) <= set(NetClassifier().get_params()) & set(theirs.get_params())


# ---- scikit-learn around it ----
def test_a_fitted_net_survives_pickle_and_joblib(tmp_path):
    net = NetClassifier(**QUICK).fit(X, Y)
    joblib.dump(net, tmp_path / "net")
    for copied in (pickle.loads(pickle.dumps(net)), joblib.load(tmp_path / "net")):
        np.testing.assert_array_equal(copied.predict_proba(X), net.predict_proba(X))
        assert copied.history_.best_epoch == 3


def test_cross_validation_and_grid_search_go_through():
    assert cross_val_score(NetClassifier(max_epochs=20, lr=0.02), X, Y, cv=3).mean() > 0.7
    search = GridSearchCV(
        NetClassifier(**QUICK), {"lr": [1e-6, 0.05], "net_settings": [{"hidden": (8,)}]}, cv=2
    ).fit(X, Y)
    assert search.best_params_["lr"] == 0.05


# ---- classes ----
@pytest.mark.parametrize(
    "y",
    [
        Y,
        Y.astype(object),
        np.searchsorted(["a", "b", "c"], Y),
        np.searchsorted(["a", "b", "c"], Y) * 2.0,
        Y.tolist(),
    ],
)
def test_classes_come_back_as_they_were(y):
    net = NetClassifier(**QUICK).fit(X, y)
    assert set(net.predict(X)) <= set(y) and net.classes_.tolist() == sorted(set(y))
    np.testing.assert_array_equal(net.predict_proba(X), NetClassifier(**QUICK).fit(X, Y).predict_proba(X))


def test_equal_class_weights_are_scikit_learns_balanced():
    rare = np.array(["a"] * 60 + ["b"] * 15 + ["c"] * 5)
    net = NetClassifier(class_weight="equal", **QUICK).fit(X, rare)
    found = net._usual_objective(
        Rows(torch.empty(80, 1), torch.from_numpy(np.searchsorted(net.classes_, rare)))
    ).class_weight
    np.testing.assert_allclose(
        found, compute_class_weight("balanced", classes=net.classes_, y=rare), rtol=1e-6
    )
    assert (
        net.history_.chance_loss == pytest.approx(np.log(3))
        and NetClassifier(**QUICK).fit(X, rare).history_.chance_loss < 0.8
    )


def test_rows_of_weight_nothing_teach_nothing():
    weight = (np.arange(80) < 50).astype(float)
    wrong = np.where(weight > 0, Y, "c")
    settings = {"max_epochs": 3, "batch_size": 80, "scale": "none", "precision": "float64"}
    one = NetClassifier(**settings).fit(X, wrong, sample_weight=weight)
    other = NetClassifier(**settings).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-12)
    assert not np.allclose(
        NetClassifier(**settings).fit(X, wrong).predict_proba(X), one.predict_proba(X), rtol=1e-6
    )


def test_classes_that_validation_lacks_are_told_and_unknown_ones_refused():
    known = Y != "b"
    net = NetClassifier(**QUICK).fit(X, Y, validation=(X[known], Y[known]))
    assert net.warnings_ == ["The validation rows hold none of: b; the best epoch is chosen without them."]
    assert NetClassifier(**QUICK).fit(X, Y, validation=(X, Y)).warnings_ == []
    with pytest.raises(DataError, match=r"must be among those of the training rows \(a, c\). Got 'b'"):
        NetClassifier(**QUICK).fit(X[known], Y[known], validation=(X, Y))


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (np.zeros(80), "at least 2 classes. Got 1"),
        (X[:, 0], "Got continuous numbers"),
        (np.full(80, np.nan), "Got continuous numbers, or none"),
        (np.array(["a", 1] * 40, dtype=object), "of one kind"),
        (Y[:79], "as many entries"),
        (None, "requires y to be passed"),
    ],
)
def test_answers_that_are_no_classes_are_refused(y, told):
    with pytest.raises(DataError, match=told):
        NetClassifier(**QUICK).fit(X, y)
    with pytest.raises(SettingError, match="'given' or 'equal'. Got balanced instead. Did you mean 'equal'"):
        NetClassifier(class_weight="balanced", **QUICK).fit(X, Y)
    with pytest.raises(SettingError, match="Got even instead.$"):
        NetClassifier(class_weight="even", **QUICK).fit(X, Y)


def test_a_loss_that_breaks_is_told_and_the_best_weights_are_kept():
    calls = []

    def breaks(output, rows):
        calls.append(1)
        return torch.nn.functional.cross_entropy(output, rows.y) * (np.nan if len(calls) == 8 else 1)

    net = NetClassifier(loss=breaks, max_epochs=5, batch_size=20).fit(X, Y)
    assert (
        net.history_.stopped == "not finite"
        and net.history_.loss == "breaks"
        and np.isfinite(net.predict_proba(X)).all()
    )
    assert net.history_.headline().startswith(
        "stopped at update 8, whose loss was not finite; the weights of"
    )
    assert repr(net).endswith(f"\n{net.warnings_[0]}")
    assert "not finite at update 8" in net.warnings_[0] and "weights of epoch 1" in net.warnings_[0]
    with pytest.raises(DataError, match="before one epoch was completed"):
        NetRegressor(lr=1e30, optimizer="sgd", **QUICK).fit(X, X[:, 0])


# ---- classes of steps ----
LENGTHS = RANDOM.integers(2, 9, 50)
PARTS = [RANDOM.normal(size=(n, 2)) for n in LENGTHS]
STEPS = [np.where(part[:, 0] > 0, "up", "down") for part in PARTS]


def test_steps_are_tagged_and_padding_is_passed_over():
    net = NetClassifier("gru", max_epochs=30, lr=0.03, net_settings={"hidden": 8}, held_out=0.2).fit(
        PARTS, STEPS
    )
    right = [net.predict([part])[0] == wanted for part, wanted in zip(PARTS, STEPS)]
    assert (
        net.score(PARTS, STEPS) == pytest.approx(np.concatenate(right).mean())
        and np.concatenate(right).mean() > 0.9
    )
    filled = np.full((50, LENGTHS.max()), "nonsense")
    for row, steps in zip(filled, STEPS):
        row[: len(steps)] = steps
    again = clone(net).fit(PARTS, filled)
    np.testing.assert_array_equal(again.predict_proba(PARTS), net.predict_proba(PARTS))
    assert net.predict_proba(PARTS).shape == (50, LENGTHS.max(), 2) and again.score(
        PARTS, filled
    ) == net.score(PARTS, STEPS)
    with pytest.raises(DataError, match="an answer at each of its steps. Got fewer for number 3"):
        clone(net).set_params(held_out=None).fit(
            PARTS, [steps[:-1] if i == 2 else steps for i, steps in enumerate(STEPS)]
        )
    assert net.history_.chance_loss == pytest.approx(np.log(2), abs=0.02)


# ---- numbers ----
def test_numbers_come_back_in_their_units():
    y = 1000 + 50 * X[:, 0]
    net = NetRegressor(max_epochs=60, lr=0.02).fit(X, y)
    assert net.score(X, y) > 0.98 and net.predict(X).shape == (80,)
    assert net.history_.chance_loss == pytest.approx(1) and net.history_.score == "r2"
    column = NetRegressor(max_epochs=60, lr=0.02).fit(X, y[:, None])
    np.testing.assert_array_equal(column.predict(X), net.predict(X))


def test_validation_r2_is_against_the_spread_of_training():
    y = X[:, 0] ** 2
    net = NetRegressor(precision="float64", **QUICK).fit(X[:60], y[:60], validation=(X[60:], y[60:]))
    best = net.history_.best_epoch - 1
    wanted = 1 - ((net.predict(X[60:]) - y[60:]) ** 2).mean() / y[:60].var()
    assert net.history_.valid_score[best] == pytest.approx(wanted, rel=1e-9)


def test_a_loss_of_ones_own_gets_answers_in_the_shape_of_y():
    shapes, settings = [], {"precision": "float64", **QUICK}

    def squares(output, rows):
        shapes.append((output.shape, rows.y.shape))
        return torch.nn.functional.mse_loss(output, rows.y)

    usual = NetRegressor(**settings).fit(X, X[:, 0])
    for own in (squares, Objective(squares, name="mine")):
        np.testing.assert_array_equal(
            NetRegressor(loss=own, **settings).fit(X, X[:, 0]).predict(X), usual.predict(X)
        )
    NetRegressor(loss=squares, **settings).fit(X, X[:, :2])
    steps = {"max_epochs": 1, "net_settings": {"head": "tag"}}
    NetRegressor("gru", loss=squares, **steps).fit(np.stack([X, X], 1), X[:, :2])
    assert all(said == wanted for said, wanted in shapes) and {len(said) for said, _ in shapes} == {1, 2}


def test_a_loss_that_wants_more_of_a_net_than_y_has_gets_all_of_it():
    def likelihood(output, rows):  # of a mean and the logarithm of a spread
        mean, log_spread = output.unbind(1)
        return (log_spread + ((rows.y - mean) / log_spread.exp()) ** 2 / 2).mean()

    net = NetRegressor(lambda shape, n_out: torch.nn.Linear(3, 2), loss=likelihood, max_epochs=2)
    assert net.fit(X, X[:, 0]).history_.n_epochs == 2


def test_several_numbers_have_scales_of_their_own():
    y = np.column_stack([1e6 * X[:, 0], 1e-6 * X[:, 1], np.full(80, 7.0)])
    net = NetRegressor(max_epochs=60, lr=0.02).fit(X, y)
    said = net.predict(X)
    assert said.shape == (80, 3) and all(np.corrcoef(said[:, i], y[:, i])[0, 1] > 0.97 for i in (0, 1))
    np.testing.assert_allclose(said[:, 2], 7, atol=0.5)
    np.testing.assert_allclose(net.target_spread_, [y[:, 0].std(), y[:, 1].std(), 1])


def test_a_number_at_each_step_is_learnt_from_real_steps_alone():
    wanted = [100 + 20 * part[:, 0] for part in PARTS]
    settings = {"max_epochs": 25, "lr": 0.03, "net_settings": {"hidden": 8, "head": "tag"}}
    net = NetRegressor("gru", **settings).fit(PARTS, wanted)
    said = [net.predict([part])[0] for part in PARTS]
    every, true = np.concatenate(said), np.concatenate(wanted)
    assert (
        net.score(PARTS, wanted) == pytest.approx(1 - ((every - true) ** 2).mean() / true.var())
        and net.score(PARTS, wanted) > 0.9
    )
    assert net.target_mean_ == pytest.approx(true.mean()) and net.predict(PARTS).shape == (50, LENGTHS.max())
    filled = np.full((50, LENGTHS.max()), np.nan)
    for row, steps in zip(filled, wanted):
        row[: len(steps)] = steps
    np.testing.assert_array_equal(clone(net).fit(PARTS, filled).predict(PARTS), net.predict(PARTS))


def test_the_next_steps_are_forecast():
    phase = RANDOM.uniform(0, 6, 120)
    waves = np.sin(phase[:, None] + 0.5 * np.arange(14))
    net = NetRegressor("gru", max_epochs=30, lr=0.02, net_settings={"hidden": 12, "head": "forecast"}).fit(
        waves[:, :10], waves[:, 10:]
    )
    assert net.predict(waves[:, :10]).shape == (120, 4) and net.score(waves[:, :10], waves[:, 10:]) > 0.9
    both = np.stack([waves, -waves], axis=2)
    two = clone(net).set_params(max_epochs=2).fit(both[:, :10], both[:, 10:])
    assert two.predict(both[:, :10]).shape == (120, 4, 2) and np.isfinite(
        two.score(both[:, :10], both[:, 10:])
    )


def test_a_forecast_of_one_step_has_the_shape_of_y():
    settings = {"max_epochs": 2, "net_settings": {"hidden": 4, "head": "forecast"}}
    waves = np.sin(0.5 * np.arange(12) + np.arange(30)[:, None])
    net = NetRegressor("gru", **settings).fit(waves[:, :11], waves[:, 11])
    assert net.predict(waves[:, :11]).shape == (30,)
    column = NetRegressor("gru", **settings).fit(waves[:, :11], waves[:, 11:])
    np.testing.assert_array_equal(column.predict(waves[:, :11]), net.predict(waves[:, :11]))
    assert net.predict(waves[:1, :11]).shape == (1,)


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (Y, "must be numbers"),
        (np.where(X[:, 0] > 2, np.nan, 1.0), "finite numbers"),
        (X[:79, 0], "as many entries"),
    ],
)
def test_answers_that_are_no_numbers_are_refused(y, told):
    with pytest.raises(DataError, match=told):
        NetRegressor(**QUICK).fit(X, y)
