import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from clew.errors import DataError, SettingError
from clew.neural.architectures import build
from clew.neural.objectives import PADDING, CrossEntropy, Objective, SquaredError, forward
from clew.neural.rows import Rows

RANDOM = torch.Generator().manual_seed(0)
LOGITS = torch.randn(12, 3, generator=RANDOM, dtype=torch.float64)
CODES = torch.randint(3, (12,), generator=RANDOM)
WEIGHT = torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)
TIMES = torch.tensor([1, 2, 0, 1, 3, 1, 1, 0, 2, 1, 1, 4])


def rows(y, **others):
    return Rows(torch.zeros(len(y), 1), y, **others)


def close(one, other):
    torch.testing.assert_close(
        torch.as_tensor(one, dtype=torch.float64),
        torch.as_tensor(other, dtype=torch.float64),
        rtol=1e-6,
        atol=1e-12,
    )


# ---- classes ----
def test_class_weights_are_torchs_and_those_of_duplicated_rows():
    objective = CrossEntropy(WEIGHT)
    close(objective.loss(LOGITS, rows(CODES)), cross_entropy(LOGITS, CODES, WEIGHT))
    twice = torch.repeat_interleave(torch.arange(12), (2 * WEIGHT)[CODES].long())
    close(objective.loss(LOGITS, rows(CODES)), cross_entropy(LOGITS[twice], CODES[twice]))
    assert abs(objective.loss(LOGITS, rows(CODES)) - cross_entropy(LOGITS, CODES)) > 1e-3  # mutant: without


def test_row_weights_are_those_of_duplicated_rows_with_class_weights_too():
    twice = torch.repeat_interleave(torch.arange(12), TIMES)
    weighted = rows(CODES, weight=TIMES.double())
    close(CrossEntropy().loss(LOGITS, weighted), cross_entropy(LOGITS[twice], CODES[twice]))
    close(CrossEntropy(WEIGHT).loss(LOGITS, weighted), cross_entropy(LOGITS[twice], CODES[twice], WEIGHT))
    close(CrossEntropy(WEIGHT).size(weighted), WEIGHT[CODES[twice]].sum())
    close(CrossEntropy(WEIGHT).chance(weighted), CrossEntropy(WEIGHT).chance(rows(CODES[twice])))


@pytest.mark.parametrize("objective", [CrossEntropy(), CrossEntropy(WEIGHT)])
def test_losses_of_batches_put_together_by_size_are_that_of_all(objective):
    whole = rows(CODES, weight=torch.rand(12, generator=RANDOM))
    parts = [torch.arange(5), torch.arange(5, 12)]
    losses = [
        (float(objective.loss(LOGITS[one], whole.take(one))), objective.size(whole.take(one)))
        for one in parts
    ]
    close(sum(loss * size for loss, size in losses) / objective.size(whole), objective.loss(LOGITS, whole))


def test_padding_is_asked_about_nothing():
    logits, y = LOGITS.view(4, 3, 3), CODES.view(4, 3).clone()
    y[1, 2], y[3, 1:] = PADDING, PADDING
    asked = y != PADDING
    close(CrossEntropy().loss(logits, rows(y)), cross_entropy(logits[asked], y[asked]))
    close(CrossEntropy().score(logits, rows(y)), (logits.argmax(2) == y)[asked].double().mean())
    assert CrossEntropy().size(rows(y)) == CrossEntropy().scored(rows(y)) == 9
    shares = torch.bincount(y[asked]).double() / 9
    close(CrossEntropy().chance(rows(y)), -(shares * shares.log()).sum())


def test_chance_is_the_least_that_a_constant_answer_costs():
    y = torch.tensor([0] * 7 + [1] * 2 + [2])
    best = CrossEntropy(WEIGHT).chance(rows(y))
    counts = torch.tensor([7.0, 2, 1]).double() * WEIGHT
    answer = (counts / counts.sum()).log()
    close(CrossEntropy(WEIGHT).loss(answer.expand(10, 3), rows(y)), best)
    assert CrossEntropy(WEIGHT).loss((answer + torch.tensor([0.1, 0, -0.1])).expand(10, 3), rows(y)) > best


def test_a_batch_without_weight_costs_nothing():
    loss = CrossEntropy().loss(LOGITS.requires_grad_(), rows(CODES, weight=torch.zeros(12)))
    assert loss == 0
    LOGITS.requires_grad_(False)


# ---- numbers ----
def test_squared_error_is_torchs_of_rows_that_are_duplicated():
    y, said = torch.randn(12, 2, generator=RANDOM), torch.randn(12, 2, generator=RANDOM)
    twice = torch.repeat_interleave(torch.arange(12), TIMES)
    close(SquaredError().loss(said, rows(y)), mse_loss(said, y))
    close(SquaredError().loss(said, rows(y, weight=TIMES.float())), mse_loss(said[twice], y[twice]))
    objective = SquaredError()
    close(objective.chance(rows(y, weight=TIMES.float())), y[twice].var(0, correction=0).mean())
    close(objective.score(said, rows(y)), 1 - mse_loss(said, y) / objective.spread)


def test_numbers_that_are_padding_are_passed_over_with_their_gradients():
    y, said = torch.randn(4, 3, generator=RANDOM), torch.randn(4, 3, 1, generator=RANDOM).requires_grad_()
    y[0, 2] = y[2, 1:] = y[2, 2] = math.nan
    padded = rows(y, lengths=torch.tensor([2, 3, 1, 3]))
    asked = ~y.isnan()
    loss = SquaredError().loss(said, padded)
    close(loss.detach(), mse_loss(said.detach()[..., 0][asked], y[asked]))
    loss.backward()
    assert said.grad.isfinite().all() and (said.grad[..., 0][~asked] == 0).all()
    assert SquaredError().size(padded) == 9


def test_answers_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"must be of shape \(12, 'classes'\), to fit y. Got \(12, 2, 3\)"):
        CrossEntropy().loss(torch.zeros(12, 2, 3), rows(CODES))
    with pytest.raises(DataError, match=r"must be of shape \(12,\), to fit y. Got \(12, 2\)"):
        SquaredError().loss(torch.zeros(12, 2), rows(torch.zeros(12)))


def test_half_precision_is_judged_in_full():
    logits = (100 * LOGITS).bfloat16()
    assert CrossEntropy().loss(logits, rows(CODES)).dtype == torch.float32
    close(
        CrossEntropy(WEIGHT).loss(logits, rows(CODES)), cross_entropy(logits.float(), CODES, WEIGHT.float())
    )


# ---- truncated back-propagation ----
def recurrent(head):
    torch.manual_seed(0)
    return build("gru", (8, 2), 3, {"hidden": 5, "head": head}).double()


def gradients(net, batch, **settings):
    net.zero_grad()
    loss = CrossEntropy(WEIGHT).backward(net, batch, **settings)
    return float(loss), torch.cat([one.grad.flatten() for one in net.parameters()])


@pytest.mark.parametrize("head", ["tag", "classify"])
@pytest.mark.parametrize("lengths", [None, torch.tensor([8, 3, 5, 1, 8, 6])])
def test_as_many_steps_as_there_are_is_the_full_back_propagation(head, lengths):
    x, y = (
        torch.randn(6, 8, 2, generator=RANDOM, dtype=torch.float64),
        torch.randint(3, (6, 8), generator=RANDOM),
    )
    if lengths is not None:
        y[torch.arange(8) >= lengths[:, None]] = PADDING
    weight = torch.rand(6, generator=RANDOM).double()
    batch = Rows(x, y if head == "tag" else y[:, 0], lengths, weight)
    net = recurrent(head)
    full, slopes = gradients(net, batch)
    for steps in (8, 100):
        loss, found = gradients(net, batch, truncate=steps)
        assert math.isclose(loss, full, rel_tol=1e-12)
        torch.testing.assert_close(found, slopes, rtol=1e-10, atol=1e-12)
    loss, found = gradients(net, batch, truncate=2)  # the loss is the same, the gradient is not
    assert math.isclose(loss, full, rel_tol=1e-6) and (found - slopes).abs().max() > 1e-4


def test_only_recurrent_nets_are_truncated():
    with pytest.raises(SettingError, match="'truncate' of a net must go with a recurrent one. Got Linear"):
        CrossEntropy().backward(nn.Linear(1, 3), rows(CODES), truncate=2)


def test_a_loss_of_ones_own_has_its_name_and_gets_the_rows():
    objective = Objective(lambda output, rows: (output[:, 0] * rows.weight).sum(), name="mine")
    weighted = rows(CODES, weight=torch.ones(12))
    assert (
        objective.name == "mine"
        and objective.size(weighted) == 12
        and math.isnan(objective.score(None, weighted))
    )
    net = nn.Linear(1, 3)
    assert objective.backward(net, weighted) == pytest.approx(12 * float(net.bias[0].detach()))
    assert forward(net, weighted).shape == (12, 3)
