"""Autoencoder: a row through a few numbers and back (Hinton & Salakhutdinov, Science 2006, doi:10.1126/science.1127647)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from clew.neural.nets.coder import CoderConfig, Decoder, Encoder, usual


@dataclass(frozen=True)
class AutoencoderConfig(CoderConfig):
    """The measures of an autoencoder: see `CoderConfig`.

    Without hidden layers and channels both halves are linear, and the best latent numbers span the subspace of the first
    principal components (Baldi & Hornik, Neural Networks 1989, doi:10.1016/0893-6080(89)90014-2).
    """

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int = 0, **settings: Any) -> AutoencoderConfig:
        """Fit the measures to rows of ``shape``: (features,), or (channels, sides ...); it is told no labels, whatever ``n_out``."""
        return AutoencoderConfig(shape[0], 0, tuple(shape[1:]), **usual(shape, settings))


class Autoencoder(nn.Module):
    """An autoencoder; rows go in and come out on their scale."""

    def __init__(self, config: AutoencoderConfig):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, config.latent)
        self.decoder = Decoder(config)

    def encode(self, x: Tensor) -> Tensor:  # (B, n_in, sides ...)
        """Return the latent numbers."""
        return self.encoder(x)  # (B, latent)

    def decode(self, latent: Tensor) -> Tensor:  # (B, latent)
        """Return rows from latent numbers."""
        return self.decoder(latent)  # (B, n_in, sides ...)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, sides ...)
        return self.decode(self.encode(x))
