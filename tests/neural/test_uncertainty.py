"""How sure a net is: entropy and its parts, drop-out and members."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy
from torch import nn

from clew.errors import DataError, SettingError
from clew.neural import uncertainty
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.uncertainty import ensemble_uncertainty, entropy, monte_carlo_dropout
from tests.neural.models import regressor, samples, trained, windows


@pytest.fixture(scope="module")
def dropping():
    return trained("mlp", net_settings={"hidden": (8,), "dropout": 0.5}, members=1)


@pytest.fixture(scope="module")
def members():
    return trained("mlp", members=3)


# ---- the parts of the entropy ----
def test_entropy_is_scipys_and_nothing_is_lost_at_0():
    p = np.random.default_rng(0).dirichlet([0.3] * 4, size=50)
    p[0] = [1, 0, 0, 0]
    np.testing.assert_allclose(entropy(p), scipy_entropy(p, axis=1), atol=1e-12)
    assert entropy(p)[0] == 0


def test_the_entropy_falls_into_what_the_rows_and_what_the_net_leave_open(members):
    model, made = members
    rows = samples()
    answers = np.stack([one.predict_proba(rows.features) for one in made])
    found = ensemble_uncertainty(model, rows)
    np.testing.assert_allclose(found.total_entropy, scipy_entropy(answers.mean(0), axis=1), atol=1e-12)
    np.testing.assert_allclose(found.expected_entropy, scipy_entropy(answers, axis=2).mean(0), atol=1e-12)
    # what the answers part by: the mean divergence of each from the mean of all
    apart = scipy_entropy(answers, np.broadcast_to(answers.mean(0), answers.shape), axis=2).mean(0)
    np.testing.assert_allclose(found.mutual_information, apart, atol=1e-12)
    np.testing.assert_allclose(found.spread, answers.std(axis=0, ddof=1), atol=1e-12)
    np.testing.assert_allclose(found.spread, model.spread(rows), atol=1e-12)
    assert (found.mutual_information >= 0).all() and found.answers == 3


def test_nets_that_agree_doubt_nothing_and_nets_that_are_sure_of_opposites_doubt_all():
    class Says:
        def __init__(self, p):
            self.p = np.array(p)

    def gathered(*answers):
        return uncertainty._gathered(map(np.array, answers), NetClassifier(), source="members")

    agree = gathered([[0.5, 0.5]], [[0.5, 0.5]])
    assert agree.mutual_information[0] == 0 and agree.total_entropy[0] == pytest.approx(np.log(2))
    apart = gathered([[1.0, 0.0]], [[0.0, 1.0]])
    assert apart.mutual_information[0] == pytest.approx(np.log(2)) and apart.expected_entropy[0] == 0


# ---- drop-out ----
def test_drop_out_of_a_single_layer_has_the_mean_and_spread_that_can_be_counted_out():
    """Two hidden units with drop-out of one half: four nets, all as likely."""
    net = nn.Sequential(nn.Linear(1, 2), nn.Dropout(0.5), nn.Linear(2, 1))
    rows = samples()
    one = NetRegressor(lambda shape, n_out: net, max_epochs=1, scale="none").fit(
        rows.features[:, :1], rows.target
    )
    found = monte_carlo_dropout(one, rows.features[:4, :1], passes=2000)
    with torch.no_grad():
        hidden = net[0](torch.tensor(rows.features[:4, :1], dtype=torch.float32))
        masks = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
        four = (
            torch.stack([net[2](hidden * mask)[:, 0] for mask in masks]).numpy() * one.target_spread_
            + one.target_mean_
        )
    spread = four.std(axis=0)
    np.testing.assert_allclose(found.mean, four.mean(axis=0), atol=4 * spread.max() / np.sqrt(2000))
    np.testing.assert_allclose(found.spread, spread, rtol=0.1)
    assert found.mutual_information is None and found.mean.shape == (4,)


def test_the_same_random_state_leaves_out_the_same_and_the_callers_generator_alone(dropping):
    model, _ = dropping
    torch.manual_seed(1)
    wanted = torch.rand(1)
    torch.manual_seed(1)
    first = monte_carlo_dropout(model, samples(), passes=5)
    assert torch.equal(torch.rand(1), wanted)
    assert first.digest() == monte_carlo_dropout(model, samples(), passes=5).digest()
    assert first.digest() != monte_carlo_dropout(model, samples(), passes=5, random_state=1).digest()


def test_the_net_answers_without_drop_out_afterwards(dropping):
    model, (one,) = dropping
    before = one.predict_proba(samples().features)
    monte_carlo_dropout(one, samples().features, passes=3)
    np.testing.assert_array_equal(one.predict_proba(samples().features), before)
    assert not any(module.training for module in one.net_.modules())


def test_batch_normalisation_stays_as_for_predicting(monkeypatch):
    def build(shape, n_out):
        return nn.Sequential(nn.Linear(*shape, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, n_out))

    rows = samples()
    one = NetClassifier(build, max_epochs=2).fit(rows.features, rows.labels)
    before = {name: value.clone() for name, value in one.net_.state_dict().items()}
    alone = [
        monte_carlo_dropout(one, rows.features[:1], passes=300).mean,
        monte_carlo_dropout(one, rows.features, passes=300).mean[:1],
    ]
    assert all(torch.equal(value, before[name]) for name, value in one.net_.state_dict().items())
    np.testing.assert_allclose(*alone, atol=0.1)  # a row is judged alike, whatever rows stand beside it
    monkeypatch.setattr(uncertainty, "_drops", lambda module: True)  # the mutant: all modules learn
    monte_carlo_dropout(one, rows.features, passes=2)
    assert any(not torch.equal(value, before[name]) for name, value in one.net_.state_dict().items())


@pytest.mark.parametrize("fast", [True, False])
def test_recurrent_nets_drop_out_between_layers(fast):
    settings = {"hidden": 3, "layers": 2, "dropout": 0.4, "fast": fast}
    _, (one,) = trained("lstm", windows(), members=1, net_settings=settings)
    one.net_.dropout.p = 0.0  # what is left is that between the layers
    found = monte_carlo_dropout(one, windows().values.transpose(0, 2, 1), passes=5)
    assert found.spread.min() > 0


def test_each_member_of_a_model_is_asked():
    model, _ = trained("mlp", net_settings={"hidden": (4,), "dropout": 0.3})
    assert monte_carlo_dropout(model, samples(), passes=4).answers == 8


# ---- what it refuses ----
def test_a_net_without_drop_out_and_a_single_answer_are_refused(members, dropping):
    for model in (members[0], members[1][0], trained("mlp", net_settings={"dropout": 0.0}, members=1)[0]):
        with pytest.raises(DataError, match="must have drop-out.* Got one without"):
            monte_carlo_dropout(model, samples() if model is not members[1][0] else samples().features)
    with pytest.raises(SettingError, match="at least 2. Got 1"):
        monte_carlo_dropout(dropping[0], samples(), passes=1)
    with pytest.raises(DataError, match="at least 2. Got 1"):
        ensemble_uncertainty(dropping[0], samples())


def test_numbers_have_a_mean_and_a_standard_deviation():
    model, made = regressor(members=3)
    answers = np.stack([one.predict(samples().features) for one in made])
    found = ensemble_uncertainty(made, samples().features)
    np.testing.assert_allclose(found.mean, answers.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.spread, answers.std(axis=0, ddof=1), rtol=1e-9)
    assert (
        found.total_entropy is None
        and found.summary()["rows"] == 24
        and "standard deviation" in found.headline()
    )
