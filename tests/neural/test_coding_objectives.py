import math

import numpy as np
import pytest
import torch

from clew.neural.coding_objectives import Elbo, Reconstruction, bound_of, errors
from clew.neural.nets.vae import Coded, Vae, VaeConfig, divergence, log_likelihood
from clew.neural.rows import Rows

X = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 2, 3)))
DECODED = X + torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0]).double()[:, None, None]


def test_the_error_of_a_row_is_its_mean_square():
    assert errors(X, DECODED).tolist() == pytest.approx([0, 1, 4, 9, 16])


def test_rows_weigh_what_they_are_said_to():
    weight = torch.tensor([0.0, 1.0, 3.0, 0.0, 0.0]).double()
    rows, objective = Rows(X, weight=weight), Reconstruction()
    assert float(objective.loss(DECODED, rows)) == pytest.approx((1 + 3 * 4) / 4)
    assert objective.size(rows) == 4 and objective.size(Rows(X)) == 5


def test_chance_is_the_variance_and_the_score_a_share_of_it():
    objective, rows = Reconstruction(), Rows(X)
    assert objective.chance(rows) == pytest.approx(float(X.var(dim=0, unbiased=False).mean()))
    assert objective.score(X, rows) == 1
    assert objective.score(X.mean(dim=0, keepdim=True).expand_as(X), rows) == pytest.approx(0)


def coded(mean, log_variance):
    return Coded(DECODED, mean, log_variance, torch.tensor(0.0).double())


def test_the_loss_is_misfit_and_beta_times_the_divergence():
    mean, log_variance = torch.randn(5, 2).double(), torch.randn(5, 2).double()
    fits = log_likelihood(X, DECODED, torch.tensor(0.0), "gaussian").mean()
    apart = divergence(mean, log_variance).sum(dim=1).mean()
    for beta in (1.0, 4.0):
        found = Elbo(likelihood="gaussian", beta=beta).loss(coded(mean, log_variance), Rows(X))
        assert float(found) == pytest.approx(float(beta * apart - fits))


def test_free_nats_cost_the_same_whether_used_or_not():
    objective = Elbo(likelihood="gaussian", free_nats=0.5)
    idle, little, much = (torch.full((5, 2), far).double() for far in (0.0, 0.9, 3.0))
    losses = [float(objective.loss(coded(mean, 0 * mean), Rows(X))) for mean in (idle, little, much)]
    assert losses[0] == pytest.approx(losses[1]) and losses[2] > losses[1] + 1
    plain = Elbo(likelihood="gaussian")
    assert float(plain.loss(coded(little, 0 * little), Rows(X))) > float(
        plain.loss(coded(idle, 0 * idle), Rows(X))
    )


def test_a_bound_by_one_draw_is_the_closed_form_in_the_mean():
    torch.manual_seed(0)
    net = Vae(VaeConfig.of((3,), hidden=(4,), latent=2)).double()
    x = torch.randn(1, 3).double().expand(20_000, 3)
    drawn = bound_of(net, x, None, k=1, random=torch.Generator().manual_seed(1))
    with torch.no_grad():
        closed = -Elbo(likelihood="gaussian").loss(net(x), Rows(x))
    assert abs(float(drawn.mean() - closed)) < 5 * float(drawn.std()) * math.sqrt(2 / 20_000)
