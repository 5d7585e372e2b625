import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from clew.neural.optimise import optimizer_of, rate_at
from clew.neural.recipe import Recipe

TOTAL = 40


def rates(schedule):
    return [rate_at(update, TOTAL, Recipe(schedule=schedule, lr=0.2)) for update in range(TOTAL)]


def torchs(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    schedule, found = make(optimizer), []
    for _ in range(TOTAL):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        ("constant", lambda one: lr_scheduler.ConstantLR(one, factor=1)),
        ("cosine", lambda one: lr_scheduler.CosineAnnealingLR(one, T_max=TOTAL)),
        ("step", lambda one: lr_scheduler.MultiStepLR(one, [TOTAL // 2, 3 * TOTAL // 4], gamma=0.1)),
    ],
)
def test_schedules_are_those_of_torch(schedule, make):
    np.testing.assert_allclose(rates(schedule), torchs(make), rtol=1e-9, atol=1e-12)
    assert schedule == "constant" or not np.allclose(rates(schedule), rates("constant"))


def test_one_cycle_goes_up_and_down_as_torchs_does_within_an_update():
    found = np.array(rates("one-cycle"))
    wanted = torchs(
        lambda one: lr_scheduler.OneCycleLR(
            one, 0.2, total_steps=TOTAL + 1, pct_start=0.3, div_factor=25, final_div_factor=1e9
        )
    )
    steps = np.abs(np.diff(wanted)).max()
    assert (
        np.abs(found - wanted).max() < steps and found[0] == pytest.approx(0.2 / 25) and found.argmax() == 12
    )
    assert found.max() == pytest.approx(0.2) and found[-1] < 0.002


@pytest.mark.parametrize("name", ["adamw", "sgd", "adam", "rmsprop"])
def test_weight_decay_leaves_biases_and_norms_alone(name):
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    before = {key: value.clone() for key, value in net.named_parameters()}
    optimizer = optimizer_of(net, Recipe(optimizer=name, lr=0.1, weight_decay=0.5))
    for one in net.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    after = dict(net.named_parameters())
    assert all(torch.equal(after[key], before[key]) for key in before if key != "0.weight")
    if name in ("adamw", "sgd"):
        torch.testing.assert_close(after["0.weight"], before["0.weight"] * (1 - 0.1 * 0.5))
    else:
        assert ((after["0.weight"] - before["0.weight"]) * before["0.weight"] < 0).all()  # towards 0


def test_frozen_weights_are_not_given_to_the_optimiser():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    net[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in optimizer_of(net, Recipe()).param_groups) == 2
