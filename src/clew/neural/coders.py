"""Encoders and decoders with scikit-learn's contract: `NetAutoencoder` and `NetVae`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clew.errors import DataError, SettingError, check
from clew.neural.answers import length_of, plain
from clew.neural.coder_base import LatentPath, NetCoder, between
from clew.neural.coding_objectives import Elbo, Reconstruction, bound_of
from clew.neural.nets.vae import divergence, log_likelihood
from clew.neural.objectives import Objective
from clew.neural.preprocess import Prepared
from clew.neural.rows import Rows
from clew.validate.posterior_collapse import PosteriorCollapse, posterior_collapse

__all__ = ["LatentPath", "NetAutoencoder", "NetCoder", "NetVae", "between"]


class NetAutoencoder(NetCoder):
    """An autoencoder: rows through a few latent numbers and back.

    Parameters
    ----------
    net_settings : dict, optional
        Such as ``{"latent": 8, "hidden": (64, 32)}``, or ``{"channels": (16, 32)}`` of grids: see
        `clew.neural.nets.autoencoder.AutoencoderConfig`. Without hidden layers and channels it is linear.
    see : {"wave", "spectrum"}
        Signals: whether it learns to give back the samples of a row, or the spectra of its pieces (`clew.neural.spectra`).
    scale, held_out, augment, max_epochs, batch_size, samples_per_epoch, optimizer, lr, schedule, momentum, weight_decay, clip,
    patience, keep, min_delta, precision, device, threads, random_state
        As for `clew.neural.estimators.NetClassifier`.

    Attributes
    ----------
    net_, history_, preprocess_, lr_, warnings_
        As of `clew.neural.estimators.NetClassifier`.
    errors_ : ndarray of float64
        The reconstruction errors of held-out rows in order, at most 1,000 of them evenly spaced.
    """

    net = "autoencoder"

    def _usual_objective(self, training: Rows) -> Objective:
        return Reconstruction()

    def _encoded(self, rows: Rows) -> Tensor:
        net: Any = self.net_
        return net.encode(rows.x)

    def _decoded(self, rows: Rows) -> Tensor:
        net: Any = self.net_
        return net.decode(rows.x)


class NetVae(NetCoder):
    """A variational autoencoder: rows through a distribution over a few latent numbers and back; it makes new rows too.

    Parameters
    ----------
    net_settings : dict, optional
        Such as ``{"latent": 8, "likelihood": "bernoulli", "beta": 1.0, "conditional": True}``: see
        `clew.neural.nets.vae.VaeConfig`. A Bernoulli decoder takes values from 0 to 1, with ``scale="none"``.
    see : {"wave", "spectrum"}
        Signals: whether it learns to give back the samples of a row, or the spectra of its pieces (`clew.neural.spectra`).
    scale, held_out, augment, max_epochs, batch_size, samples_per_epoch, optimizer, lr, schedule, momentum, weight_decay, clip,
    patience, keep, min_delta, precision, device, threads, random_state
        As for `clew.neural.estimators.NetClassifier`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        The labels that the net is told; not there where it is told none.
    net_, history_, preprocess_, lr_, warnings_, errors_
        As of `NetAutoencoder`.
    """

    net = "vae"

    def elbo(self, X: Any, y: Any = None, *, draws: int = 1, random_state: int = 0) -> np.ndarray:
        """Return the evidence lower bound of rows, in nats, float64 (n,): with the divergence in closed form.

        It is that of rows on the scale of the net.

        Parameters
        ----------
        X, y
            As for `embed`.
        draws : int
            From the posterior, whose mean likelihood is taken.
        random_state : int
        """
        random = torch.Generator().manual_seed(random_state)

        def ask(rows: Rows) -> Tensor:
            mean, log_variance = self._vae.encode(rows.x, rows.y)
            found = []
            for _ in range(draws):
                noise = torch.randn(mean.shape, generator=random).to(mean)
                found.append(self._fits(rows, mean + noise * (log_variance / 2).exp()))
            return torch.stack(found).mean(dim=0) - divergence(mean, log_variance).sum(dim=1)

        return self._through(X, ask, codes=self._codes_for(X, y)).astype(np.float64)

    def bound(self, X: Any, y: Any = None, *, k: int = 50, random_state: int = 0) -> np.ndarray:
        """Return the importance-weighted bound of the evidence of rows, in nats, float64 (n,): the tighter the larger ``k``.

        Parameters
        ----------
        X, y
            As for `embed`.
        k : int
            Draws from the posterior; 1 is the evidence lower bound by Monte Carlo.
        random_state : int

        Notes
        -----
        Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519.
        """
        check(k >= 1, SettingError, "The 'k' of a bound must be at least 1. Got {} instead.", k)
        random = torch.Generator().manual_seed(random_state)
        ask = lambda rows: bound_of(self._vae, rows.x, rows.y, k=k, random=random)  # noqa: E731
        return self._through(X, ask, codes=self._codes_for(X, y)).astype(np.float64)

    def sample(self, n: int, label: Any = None, *, random_state: int = 0) -> np.ndarray:
        """Return new rows, float64 (n, ...): what the decoder expects of draws from the prior.

        Parameters
        ----------
        n : int
        label : str, or array of shape (n,), optional
            What they are to be of, where the net is told labels.
        random_state : int
        """
        return self.decode(self.draw(n, random_state=random_state), label)

    def draw(self, n: int, *, random_state: int = 0) -> np.ndarray:
        """Return latent numbers drawn from the prior, float64 (n, latent)."""
        check(n >= 1, SettingError, "The 'n' of a sample must be at least 1. Got {} instead.", n)
        return np.random.default_rng(random_state).normal(size=(n, self._n_features_out))

    def collapse(self, X: Any, y: Any = None) -> PosteriorCollapse:
        """Look which latent numbers tell rows apart, and say what to do where too few of them do."""
        both = self._through(X, lambda rows: torch.cat(self._vae.encode(rows.x, rows.y), dim=1), codes=self._codes_for(X, y))  # fmt: skip
        return posterior_collapse(*np.split(both, 2, axis=1))

    # ---- what the net does with rows ----
    @property
    def _vae(self) -> Any:
        return self.net_

    def _encoded(self, rows: Rows) -> Tensor:
        return self._vae.encode(rows.x, rows.y)[0]

    def _decoded(self, rows: Rows) -> Tensor:
        return self._vae.expected(self._vae.decode(rows.x, rows.y))

    def _fits(self, rows: Rows, latent: Tensor) -> Tensor:
        decoded = self._vae.decode(latent, rows.y)
        return log_likelihood(rows.x, decoded, self._vae.log_spread(rows.x), self._vae.config.likelihood)

    def _codes_for(self, X: Any, y: Any) -> np.ndarray:
        """Return the codes of the labels that are given, or of those under which the net finds each row likeliest."""
        if y is not None or not self.conditional:
            return super()._codes_for(X, y)

        def likely(rows: Rows) -> Tensor:
            mean, log_variance = self._vae.encode(rows.x, rows.y)
            return self._fits(rows, mean) - divergence(mean, log_variance).sum(dim=1)

        labels = range(len(self.classes_))
        each = [self._through(X, likely, codes=np.full(length_of(plain(X)), label)) for label in labels]
        return np.argmax(each, axis=0)

    def _prepare(self, X: Any) -> Prepared:
        given = super()._prepare(X)
        if (self.net_settings or {}).get("likelihood") == "bernoulli":
            check(self.scale == "none", SettingError, "The 'scale' of a VAE with a Bernoulli decoder must be 'none', as it takes values from 0 to 1. Got '{}'.", self.scale)  # fmt: skip
            low, high = given.values.min(), given.values.max()
            check(low >= 0 and high <= 1, DataError, "The values for a VAE with a Bernoulli decoder must be from 0 to 1: divide them by their largest, or take the Gaussian one. Got {:g} to {:g}.", low, high)  # fmt: skip
        return given

    def _usual_objective(self, training: Rows) -> Objective:
        config = self._vae.config
        return Elbo(likelihood=config.likelihood, beta=config.beta, free_nats=config.free_nats)
