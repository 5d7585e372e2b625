"""What encoders and decoders are trained for: rows that come back, and bounds of their evidence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from clew.neural.nets.vae import Coded, Likelihood, Vae, divergence, log_likelihood
from clew.neural.objectives import TINY, Objective
from clew.neural.rows import Rows


class Reconstruction(Objective):
    """Mean squared error between a row and what comes back of it; the score is the share of the variance that comes back."""

    name, score_name = "reconstruction error", "r2"

    def __init__(self) -> None:
        super().__init__()
        self.spread = math.nan

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over rows."""
        return _mean(errors(rows.x, output.to(rows.x)), rows)

    def size(self, rows: Rows) -> float:
        """Return the sum of the weights of rows."""
        return _size(rows)

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return R2 of a batch against the spread of the training rows."""
        return 1 - float(self.loss(output, rows)) / self.spread if self.spread > 0 else math.nan

    def chance(self, rows: Rows) -> float:
        """Return the variance, which is what always giving the mean row back would cost."""
        self.spread = float(_mean(errors(rows.x, rows.x.mean(dim=0, keepdim=True)), rows))
        return self.spread


class Elbo(Objective):
    """The negative evidence lower bound in nats a row, whose divergence is known in closed form.

    Parameters
    ----------
    likelihood, beta, free_nats
        As of `clew.neural.nets.vae.VaeConfig`.

    Notes
    -----
    Kingma & Welling 2014, arXiv:1312.6114, appendix B. With a ``beta`` other than 1, or free nats, it bounds nothing.
    """

    name = "negative ELBO"

    def __init__(self, *, likelihood: Likelihood, beta: float = 1.0, free_nats: float = 0.0) -> None:
        super().__init__()
        self.likelihood, self.beta, self.free_nats = likelihood, beta, free_nats

    def loss(self, output: Coded, rows: Rows) -> Tensor:
        """Return the (weighted) mean over rows."""
        decoded, mean, log_variance, log_spread = (one.to(rows.x) for one in output)
        fits = log_likelihood(rows.x, decoded, log_spread, self.likelihood)
        each = divergence(mean, log_variance)  # (B, latent)
        if self.free_nats:
            free = each.mean(dim=0, keepdim=True).clamp(
                min=self.free_nats
            )  # over the batch: one row may use less
            each = free.expand_as(each)
        return _mean(self.beta * each.sum(dim=1) - fits, rows)

    def size(self, rows: Rows) -> float:
        """Return the sum of the weights of rows."""
        return _size(rows)


def errors(x: Tensor, decoded: Tensor) -> Tensor:
    """Return the mean squared error of each row, (B,)."""
    return ((x - decoded) ** 2).flatten(1).mean(dim=1)


@torch.no_grad()
def bound_of(net: nn.Module, x: Tensor, labels: Tensor | None, *, k: int, random: torch.Generator) -> Tensor:
    """Return the importance-weighted bound of the evidence of each row, in nats, float64 (B,).

    Parameters
    ----------
    net : Vae
    x : Tensor, shape (B, ...)
        On the scale of the net.
    labels : Tensor of int64, shape (B,), or None
    k : int
        Draws from the posterior; with 1 this is the evidence lower bound by Monte Carlo.
    random : Generator

    Notes
    -----
    Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519: the mean of the importance weights inside the logarithm.
    """
    assert isinstance(net, Vae)
    mean, log_variance = net.encode(x, labels)
    likelihood, log_spread = net.config.likelihood, net.log_spread(x)
    weights = []
    for _ in range(k):  # one after the other: the memory needed is that of one
        noise = torch.randn(mean.shape, generator=random, dtype=x.dtype)
        latent = mean + noise * (log_variance / 2).exp()
        fits = log_likelihood(
            x.double(), net.decode(latent, labels).double(), log_spread.double(), likelihood
        )
        prior_over_posterior = 0.5 * (noise**2 + log_variance - latent**2).double().sum(dim=1)
        weights.append(fits + prior_over_posterior)
    return torch.stack(weights).logsumexp(dim=0) - math.log(k)


def _mean(each: Tensor, rows: Rows) -> Tensor:
    if rows.weight is None:
        return each.mean()
    weight = rows.weight.to(each)
    return (each * weight).sum() / weight.sum().clamp(min=TINY)


def _size(rows: Rows) -> float:
    return len(rows) if rows.weight is None else float(rows.weight.sum())
