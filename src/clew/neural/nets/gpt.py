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

PRIME, SPREAD = 2**31 - 1, 40_503  # of the hash of a context


@dataclass(frozen=True)
class GPTConfig(TransformerConfig):
    """What a GPT is like: see `TransformerConfig`.

    Parameters
    ----------
    n_tokens : int
        Of the vocabulary.
    causal : bool
        Whether a token sees those before it only; one that sees both sides guesses hidden tokens, and continues nothing.
    direct : tuple of int
        How many tokens before the next one also speak for it directly, each such context by logits of its own, looked up by a
        hash: what a table of counts would know, learnt together with the attention (Mikolov et al. 2011, "Strategies for
        training large scale neural network language models", doi:10.1109/ASRU.2011.6163930). For DNA.
    buckets : int
        Entries of each such table; contexts that fall into one share it.
    """

    n_tokens: int = 256
    longest: int = 64
    bias: bool = False
    causal: bool = True
    direct: tuple[int, ...] = ()
    buckets: int = 2**18


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
        self.direct = nn.ModuleList(nn.Embedding(config.buckets, config.n_tokens) for _ in config.direct)
        for table in self.direct:
            nn.init.zeros_(table.weight)

    def forward(
        self,
        tokens: Tensor,
        *,
        earlier: Tensor | None = None,
        caches: list[LayerCache] | None = None,
        kept: list[Tensor] | None = None,
    ) -> Tensor:
        """Return what may come after each token.

        Parameters
        ----------
        tokens : Tensor of int64, shape (B, T)
        earlier : Tensor of int64, shape (B, S), optional
            The tokens before these, for direct contexts; none by default.
        caches : list of LayerCache, optional
            Of the tokens before these, from earlier calls.
        kept : list, optional
            The attention of each layer, (B, heads, T, S), is appended.

        Returns
        -------
        Tensor, shape (B, T, n_tokens)
            Logits.
        """
        logits = functional.linear(
            self.hidden(tokens, caches=caches, kept=kept), self.embedding.tokens.weight
        )
        for table, order in zip(self.direct, self.config.direct):
            logits = logits + table(self.contexts(tokens, order, earlier))
        return logits

    def contexts(self, tokens: Tensor, order: int, earlier: Tensor | None = None) -> Tensor:
        """Return the place of the last ``order`` tokens up to each in a table, int64 (B, T); before the first there is nothing."""
        base = self.config.n_tokens + 1  # one more for nothing
        before = tokens.new_full((len(tokens), order - 1), base - 1)
        if earlier is not None:
            before = torch.cat([before, earlier], 1)[:, earlier.shape[1] :]
        whole = torch.cat([before, tokens], 1)  # (B, order - 1 + T)
        place = torch.zeros_like(tokens)
        for back in range(order):
            place = (place * base + whole[:, back : back + tokens.shape[1]]) % PRIME
        return place * SPREAD % PRIME % self.config.buckets

    def hidden(
        self, tokens: Tensor, *, caches: list[LayerCache] | None = None, kept: list[Tensor] | None = None
    ) -> Tensor:
        """Return the tokens after all layers, (B, T, width)."""
        before = len(caches[0].own) if caches else 0
        seen = causal(tokens.shape[1], before=before, device=tokens.device) if self.config.causal else None
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
            earlier = tokens[:, : -asked.shape[1]] if self.direct else None
            logits = self(asked, earlier=earlier, caches=caches)[:, -1]
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
