"""A net on features is explained by what it loses on rows that it never saw, and a forest by the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clew.errors import DataError, Stopped
from clew.explain.importance import permutation_importance
from clew.learn.training import fitting
from clew.neural.explaining import explain_net
from clew.neural.training import train_net
from tests.neural.test_training import rows

FEW = {"folds": 3, "permutations": 3}


@pytest.fixture(scope="module")
def model():
    return train_net(rows(), epochs=12, members=2, lr=0.03, hidden="8")


@pytest.fixture(scope="module")
def found(model):
    return explain_net(rows(), model, **FEW)


def test_a_feature_that_tells_costs_and_one_that_tells_nothing_does_not(found):
    a, b, c = (found.permutation.loss_of([name]) for name in "abc")
    assert a.low > 0 and b.low > 0 and c.low <= 0 <= c.high
    assert found.permutation.predicts and not found.idle
    assert found.gradients.shape == (2, 3)
    assert (found.gradients[:, :2] > 3 * found.gradients[:, 2:]).all()
    assert found.group_names[found.ranking[-1]] == "c"


def test_the_forest_beside_it_is_permuted_on_the_same_folds_in_the_same_orders(found):
    alone = permutation_importance(
        rows(), fitting(kind="classification", random_state=0), [[0], [1], [2]],
        kind="classification", permutations=3, n_folds=3,
    )  # fmt: skip
    assert [one.value for one in found.beside.loss] == [one.value for one in alone.loss]
    assert found.beside.split == found.permutation.split


def test_of_a_net_without_hidden_layers_integrated_gradients_are_weight_times_input():
    samples = rows()
    model = train_net(samples, model="perceptron", epochs=5, members=1)
    found = explain_net(samples, model, **FEW)
    weight, bias = (
        next(one for name, one in model.weights.items() if name.endswith(end)) for end in ("weight", "bias")
    )
    z = model.estimator().preprocess_.apply(samples.features).values
    scores = z @ weight.T + bias
    answer = scores.argmax(axis=1) if weight.shape[0] > 1 else np.zeros(len(z), int)
    by_hand = np.abs(weight[answer] * z).mean(axis=0)
    np.testing.assert_allclose(found.gradients[0], by_hand, rtol=1e-5)
    assert found.missed < 1e-5 and not found.warnings


def test_the_same_rows_give_the_same_bits_and_torchs_random_state_stays():
    model = train_net(rows(36), epochs=2, members=1, hidden="4")
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, again = (explain_net(rows(36), model, folds=2, permutations=2) for _ in range(2))
    assert one.digest() == again.digest()
    assert torch.equal(torch.get_rng_state(), before)


def test_it_can_be_stopped_and_tells_how_far_it_is(model):
    heard = []

    def hear(done, total):
        heard.append((done, total))
        return len(heard) < 2

    with pytest.raises(Stopped, match="after 2 of"):
        explain_net(rows(), model, on_progress=hear, **FEW)
    assert heard == [(1, 8), (2, 8)]  # twice 3 folds, and 2 members


def test_labels_of_other_classes_are_refused(model):
    samples = rows()
    with pytest.raises(DataError, match="must be of the model's classes"):
        explain_net(samples.with_labels(np.where(samples.features[:, 0] > 0, "left", "right")), model, **FEW)
