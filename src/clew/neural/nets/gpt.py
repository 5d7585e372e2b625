"""GPT: a transformer that says at each token which comes next, having seen only what came before.

After Radford et al. (2019), Language Models are Unsupervised Multitask Learners; the size and the recipe for a CPU are those that
nanoGPT made popular. The weights by which tokens are embedded are those by which they are said (Press & Wolf 2017, arXiv:1608.05859).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.nets.transformer import (
    Embedding,
    LayerCache,
    Transformer,
    TransformerConfig,
    causal,
    first_weights,
)


@dataclass(frozen=True)
class GPTConfig(TransformerConfig):
    """What a GPT is like: see `TransformerConfig`.

    Parameters
    ----------
    n_tokens : int
        Of the vocabulary.
    """

    n_tokens: int = 256
    longest: int = 64
    bias: bool = False


class GPT(nn.Module):
    """Causal attention, layer after layer.

    Parameters
    ----------
    config : GPTConfig
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config, config.n_tokens)
        self.body = Transformer(config)
        first_weights(self, config.layers)

    def forward(
        self, tokens: Tensor, *, caches: list[LayerCache] | None = None, kept: list[Tensor] | None = None
    ) -> Tensor:
        """Return what may come after each token.

        Parameters
        ----------
        tokens : Tensor of int64, shape (B, T)
        caches : list of LayerCache, optional
            Of the tokens before these, from earlier calls.
        kept : list, optional
            The attention of each layer, (B, heads, T, S), is appended.

        Returns
        -------
        Tensor, shape (B, T, n_tokens)
            Logits.
        """
        return functional.linear(self.hidden(tokens, caches=caches, kept=kept), self.embedding.tokens.weight)

    def hidden(
        self, tokens: Tensor, *, caches: list[LayerCache] | None = None, kept: list[Tensor] | None = None
    ) -> Tensor:
        """Return the tokens after all layers, (B, T, width)."""
        before = len(caches[0].own) if caches else 0
        seen = causal(tokens.shape[1], before=before, device=tokens.device)
        told: Tensor = self.body(self.embedding(tokens, before), seen=seen, caches=caches, kept=kept)
        return told

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
        """Continue sequences, each next token drawn from what the net holds likely; in evaluation mode, or drop-out has its say.

        Parameters
        ----------
        tokens : Tensor of int64, shape (B, T)
            What is there; of more than ``longest`` tokens the last count.
        n : int
            Tokens to add.
        temperature : float
            Logits are divided by it; 0 takes the likeliest token.
        top_k : int, optional
            Draw among so many likeliest tokens only.
        generator : torch.Generator, optional

        Returns
        -------
        Tensor of int64, shape (B, T + n)
        """
        caches: list[LayerCache] | None = None
        for _ in range(n):
            if caches is None or len(caches[0].own) == self.config.longest:  # positions move: begin anew
                caches, asked = self.body.caches(), tokens[:, -self.config.longest :]
            else:
                asked = tokens[:, -1:]
            logits = self(asked, caches=caches)[:, -1]
            following = drawn(logits, temperature=temperature, top_k=top_k, generator=generator)
            tokens = torch.cat([tokens, following], 1)
        return tokens


def drawn(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw one token of each row, int64 (B, 1), by logits (B, n_tokens): see `GPT.generate`."""
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, -1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)
