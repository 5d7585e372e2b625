"""The nets of a model: built again as they were, and told apart where they were trained otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone

from clew.errors import DataError
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.members import answers_of, estimator_of, in_common
from clew.neural.model import NetModel
from clew.neural.weights import net_of
from tests.neural.models import SMALL, regressor, samples, trained, windows


@pytest.mark.parametrize("net", SMALL)
def test_every_net_is_built_again_of_its_configuration_and_weights(net):
    model, (one,) = trained(net, None if net in ("mlp", "perceptron") else windows(), members=1)
    state = {name.removeprefix("0."): value for name, value in model.weights.items()}
    again = net_of(net, model.net_settings, state)
    assert again.config == one.net_.config and not again.training
    assert all(torch.equal(value, one.net_.state_dict()[name]) for name, value in again.state_dict().items())
    with pytest.raises(DataError, match=f"must be those of a net '{net}'"):
        net_of(net, model.net_settings, dict(list(state.items())[1:]))


def test_a_member_is_an_estimator_as_it_was_fitted():
    model, made = trained("gru", windows(), scale="each")
    X = windows().values.transpose(0, 2, 1)
    for member, one in enumerate(made):
        again = estimator_of(model, member)
        np.testing.assert_array_equal(again.predict_proba(X), one.predict_proba(X))
        np.testing.assert_array_equal(again.embed(X), one.embed(X))
        assert (
            again.random_state == member
            and again.shape_ == one.shape_
            and again.n_features_in_ == one.n_features_in_
        )
        assert again.score(X, samples().labels) == one.score(X, samples().labels)
    model, made = regressor()
    again, X = estimator_of(model, 1), samples().features
    assert isinstance(again, NetRegressor) and (again.predict(X) == made[1].predict(X)).all()
    assert (answers_of(again, X) == again.predict(X)).all()


@pytest.mark.parametrize("head", ["tag", "forecast"])
def test_a_member_knows_its_head_and_so_the_shape_of_its_answers(head, tmp_path):
    X = np.random.default_rng(0).normal(size=(20, 6))
    y = X[:, 0] if head == "forecast" else X
    one = NetRegressor("gru", max_epochs=1, net_settings={"hidden": 3, "head": head}).fit(X[..., None], y)
    model = NetModel.load_model(NetModel.of([one]).save_model(tmp_path / "net"))
    again = model.estimator()
    np.testing.assert_array_equal(again.predict(X[..., None]), one.predict(X[..., None]))
    assert again.score(X[..., None], y) == one.score(X[..., None], y)
    assert again.predict(X[..., None]).shape == y.shape == model.predict_raw(X[..., None]).shape


@pytest.mark.parametrize("net", SMALL)
def test_a_member_that_is_fitted_anew_has_the_same_configuration(net):
    rows = windows() if net not in ("mlp", "perceptron") else None
    model, (one,) = trained(net, rows, members=1)
    X = samples().features if rows is None else model.values(samples(), rows)
    again = clone(estimator_of(model, 0)).fit(X, samples().labels)
    assert again.net_.config == one.net_.config


def test_classes_of_a_member_are_text_and_numbers_are_refused_in_a_sentence():
    rows = samples()
    codes = (rows.labels == "large").astype(int)
    net = NetClassifier("mlp", net_settings=SMALL["mlp"], max_epochs=1).fit(rows.features, codes)
    again = NetModel.of([net]).estimator()
    assert again.score(rows.features, codes.astype(str)) == net.score(rows.features, codes)
    with pytest.raises(DataError, match=r"must be text, .* Got int64: give y.astype\(str\)"):
        again.score(rows.features, codes)


def test_a_net_of_64_bits_is_built_with_as_many():
    model, _ = trained("mlp", members=1, precision="float64")
    assert model.net().head.weight.dtype == torch.float64
    assert estimator_of(model, 0).precision == "float64"


def test_what_members_have_in_common_is_all_but_weights_and_random_state():
    rows = samples()

    def fitted(X=rows.features, y=rows.labels, **settings):
        settings = {"net_settings": SMALL["mlp"], "max_epochs": 1, **settings}
        return in_common(NetClassifier("mlp", **settings).fit(X, y))

    assert fitted() == fitted(random_state=3)
    others = [
        fitted(rows.features * 2),
        fitted(y=np.char.upper(rows.labels)),
        fitted(net_settings={"hidden": (4,)}),
    ]
    assert len({fitted(), *others}) == 4
