"""Does a variational autoencoder use its latent numbers, or has it stopped to tell anything by them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.result import Result

ACTIVE = 0.01  # the variance of the posterior mean above which a unit tells rows apart (Burda et al. 2016)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PosteriorCollapse(Result):
    """Which latent numbers of a variational autoencoder tell anything of rows.

    Parameters
    ----------
    divergence : ndarray of float64, shape (latent,)
        The mean Kullback-Leibler divergence of the posterior from the prior, in nats.
    variance_of_mean : ndarray of float64, shape (latent,)
        The variance of the posterior mean over rows.
    """

    divergence: np.ndarray
    variance_of_mean: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Return which latent numbers tell rows apart, bool (latent,)."""
        return self.variance_of_mean > ACTIVE

    def headline(self) -> str:
        """Say how many are used, and what to do where too few are."""
        n, active = len(self.active), int(self.active.sum())
        told = f"{active} of {n} latent numbers tell rows apart, by {self.divergence.sum():.1f} nats together"
        helps = "lower beta, give free_nats (such as 0.1), or make the decoder smaller"
        if active == 0:
            return f"The posterior has collapsed: none of {n} latent numbers tells rows apart, and the decoder gives all the same. To change that, {helps}."
        if active == n:
            return f"{told}: none has collapsed."
        return f"{told}; {n - active} idle. That does no harm where rows come back well; if they do not, {helps}."

    def summary(self) -> dict[str, Any]:
        """Return the figures of each latent number, and the sentence."""
        return {
            "active": int(self.active.sum()),
            "latent": len(self.active),
            "divergence": self.divergence.tolist(),
            "variance_of_mean": self.variance_of_mean.tolist(),
            "sentence": self.headline(),
        }


def posterior_collapse(mean: np.ndarray, log_variance: np.ndarray) -> PosteriorCollapse:
    """Look which latent numbers of a variational autoencoder tell rows apart.

    Parameters
    ----------
    mean, log_variance : ndarray, shape (n_rows, latent)
        Of the posterior of each row, which is a diagonal Gaussian.

    Raises
    ------
    DataError
        If they do not fit each other, or there are fewer than 2 rows.

    Notes
    -----
    A unit is active where its posterior mean varies over rows by more than 0.01 (Burda, Grosse & Salakhutdinov 2016,
    arXiv:1509.00519, section 5.2).
    """
    mean, log_variance = np.asarray(mean, np.float64), np.asarray(log_variance, np.float64)
    fits = mean.ndim == 2 and len(mean) >= 2 and mean.shape == log_variance.shape
    check(fits, DataError, "The posterior must be given by means and log variances of at least 2 rows, of one shape. Got {} and {}.", mean.shape, log_variance.shape)  # fmt: skip
    each = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
    return PosteriorCollapse(divergence=each.mean(axis=0), variance_of_mean=mean.var(axis=0))
