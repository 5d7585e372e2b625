"""Variational autoencoder: a distribution over a few numbers for each row (Kingma & Welling 2014, arXiv:1312.6114)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.nets.coder import CoderConfig, Decoder, Encoder, one_hot, usual

Likelihood = Literal["gaussian", "bernoulli"]
LEAST_LOG_SPREAD = (
    -6.0
)  # of the Gaussian decoder: rows that come back exactly would send it to minus infinity
WIDEST = 10.0  # the log variance of the posterior lies between minus and plus that


@dataclass(frozen=True)
class VaeConfig(CoderConfig):
    """The measures of a variational autoencoder: see `CoderConfig`.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}
        What the decoder says of a value: a mean, with one standard deviation of all values that is learnt (Rybkin,
        Daniilidis & Levine 2021, arXiv:2006.13202); or the probability of a 1, for values from 0 to 1.
    beta : float
        The weight of the divergence from the prior in training; above 1 latent numbers are kept apart, and rows come back
        less exactly (Higgins et al. 2017).
    free_nats : float
        The divergence of each latent number that costs nothing, so that it is used (free bits: Kingma et al. 2016,
        arXiv:1606.04934).
    conditional : bool
        Whether encoder and decoder are told the label of a row.
    """

    likelihood: Likelihood = "gaussian"
    beta: float = 1.0
    free_nats: float = 0.0
    conditional: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.likelihood not in get_args(Likelihood):
            choices = ", ".join(get_args(Likelihood))
            raise ValueError(
                f"The 'likelihood' of a vae must be one of: {choices}. Got '{self.likelihood}' instead."
            )
        for name in ("beta", "free_nats"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"The '{name}' of a vae must be at least 0. Got {getattr(self, name)} instead."
                )

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int = 0, **settings: Any) -> VaeConfig:
        """Fit the measures to rows of ``shape``: (features,), or (channels, sides ...); and to ``n_out`` labels, if it is told these."""
        n_out = n_out if settings.get("conditional") else 0
        return VaeConfig(shape[0], n_out, tuple(shape[1:]), **usual(shape, settings))


class Coded(NamedTuple):
    """What comes out of a VAE.

    Parameters
    ----------
    decoded : Tensor, shape (B, n_in, sides ...)
        Means, or log odds of a 1.
    mean, log_variance : Tensor, shape (B, latent)
        Of the posterior.
    log_spread : Tensor, shape ()
        The logarithm of the standard deviation of the Gaussian decoder.
    """

    decoded: Tensor
    mean: Tensor
    log_variance: Tensor
    log_spread: Tensor


class Vae(nn.Module):
    """A variational autoencoder, with a diagonal Gaussian posterior and a standard normal prior.

    `forward` draws from torch's global generator, in evaluation mode too: its answer is a sample.
    """

    def __init__(self, config: VaeConfig):
        super().__init__()
        self.config = config
        self.takes_labels = config.conditional
        self.encoder = Encoder(config, 2 * config.latent)
        self.decoder = Decoder(config)
        if config.likelihood == "gaussian":
            self.spread = nn.Parameter(torch.zeros(()))

    def encode(
        self, x: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:  # (B, n_in, ...), (B,)
        """Return mean and log variance of the posterior."""
        mean, log_variance = self.encoder(x, one_hot(labels, self.config, x)).chunk(2, dim=1)
        return mean, log_variance.clamp(-WIDEST, WIDEST)  # each (B, latent)

    def decode(self, latent: Tensor, labels: Tensor | None = None) -> Tensor:  # (B, latent), (B,)
        """Return means, or log odds of a 1."""
        return self.decoder(latent, one_hot(labels, self.config, latent))  # (B, n_in, sides ...)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Coded:
        mean, log_variance = self.encode(x, labels)
        latent = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return Coded(self.decode(latent, labels), mean, log_variance, self.log_spread(x))

    def expected(self, decoded: Tensor) -> Tensor:
        """Return the mean of each value, of what `decode` says."""
        return decoded if self.config.likelihood == "gaussian" else decoded.sigmoid()

    def log_spread(self, like: Tensor) -> Tensor:
        """Return the logarithm of the standard deviation of values, bounded from below; 0 of a Bernoulli decoder."""
        if self.config.likelihood == "bernoulli":
            return like.new_zeros(())
        return LEAST_LOG_SPREAD + functional.softplus(self.spread - LEAST_LOG_SPREAD)


def log_likelihood(x: Tensor, decoded: Tensor, log_spread: Tensor, likelihood: Likelihood) -> Tensor:
    """Return the log likelihood of each row, in nats, float (B,).

    Parameters
    ----------
    x : Tensor, shape (B, ...)
    decoded, log_spread
        As of `Coded`.
    likelihood : {"gaussian", "bernoulli"}
        Of values between 0 and 1 the Bernoulli one is the cross-entropy, as is the custom.
    """
    if likelihood == "bernoulli":
        each = -functional.binary_cross_entropy_with_logits(decoded, x, reduction="none")
    else:
        each = -0.5 * ((x - decoded) / log_spread.exp()) ** 2 - log_spread - 0.5 * math.log(2 * math.pi)
    return each.flatten(1).sum(dim=1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of the posterior from the standard normal, in nats, of each latent number: (B, latent)."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
