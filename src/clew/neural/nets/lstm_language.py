"""An LSTM that says at each token which comes next: what a transformer of the same size must be better than."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.nets.gpt import drawn


@dataclass(frozen=True)
class LSTMLanguageConfig:
    """What the net is like.

    Parameters
    ----------
    n_tokens : int
    width : int
        Units of each layer, and numbers by which a token is represented.
    layers : int
    longest : int
        Tokens of the windows that it learns from; it can read on beyond.
    dropout : float
        Between layers, and before the last.
    """

    n_tokens: int = 256
    width: int = 256
    layers: int = 2
    longest: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "layers", "longest"):
            if getattr(self, name) < 1:
                raise ValueError(f"The '{name}' of an LSTM must be at least 1. Got {getattr(self, name)}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"The 'dropout' of an LSTM must be from 0 to below 1. Got {self.dropout}.")


class LSTMLanguage(nn.Module):
    """Layers of LSTM over embedded tokens; tokens are said by the weights that embed them.

    Parameters
    ----------
    config : LSTMLanguageConfig
    """

    def __init__(self, config: LSTMLanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.n_tokens, config.width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        between = config.dropout if config.layers > 1 else 0.0
        self.body = nn.LSTM(config.width, config.width, config.layers, batch_first=True, dropout=between)
        self.drop = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits of what may come after each token, (B, T, n_tokens), of tokens int64 (B, T)."""
        return functional.linear(self.drop(self.hidden(tokens)), self.embedding.weight)

    def hidden(self, tokens: Tensor) -> Tensor:
        """Return the last layer's state at each token, (B, T, width)."""
        states: Tensor = self.body(self.embedding(tokens))[0]
        return states

    @torch.no_grad()
    def generate(
        self,
        tokens: Tensor,
        n: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Continue sequences: see `clew.neural.nets.gpt.GPT.generate`."""
        state, asked = None, tokens
        for _ in range(n):
            out, state = self.body(self.embedding(asked), state)
            logits = functional.linear(out[:, -1], self.embedding.weight)
            asked = drawn(logits, temperature=temperature, top_k=top_k, generator=generator)
            tokens = torch.cat([tokens, asked], 1)
        return tokens
