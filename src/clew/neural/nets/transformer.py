"""The transformer: attention with queries, keys and values, the layers made of it, and how positions come in.

After Vaswani et al. (2017), Attention Is All You Need, arXiv:1706.03762; rotary positions after Su et al. (2021), arXiv:2104.09864;
the norm before each part after Xiong et al. (2020), arXiv:2002.04745. The weights have the names of `torch.nn`'s layers, so that they
can be copied both ways; nothing here takes another path in evaluation than in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Norm = Literal["pre", "post"]
Positions = Literal["learned", "sinusoidal", "rotary", "none"]
BASE = 10_000.0  # of the wavelengths of sinusoidal and rotary positions


@dataclass(frozen=True)
class TransformerConfig:
    """What a stack of layers is like.

    Parameters
    ----------
    width : int
        Numbers by which one token is represented.
    heads : int
        Attentions side by side, each of width / heads numbers.
    layers : int
    hidden : int, optional
        Units between the two linear parts of a layer; 4 times the width by default.
    dropout : float
    norm : {"pre", "post"}
        Whether a part is normalised before it, or its sum after it.
    activation : {"gelu", "relu"}
    positions : {"learned", "sinusoidal", "rotary", "none"}
    longest : int
        Tokens of the longest sequence.
    bias : bool
        Of linear parts and norms.
    """

    width: int = 128
    heads: int = 4
    layers: int = 4
    hidden: int | None = None
    dropout: float = 0.0
    norm: Norm = "pre"
    activation: Literal["gelu", "relu"] = "gelu"
    positions: Positions = "learned"
    longest: int = 256
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("width", "heads", "layers", "longest"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"The '{name}' of a transformer must be at least 1. Got {getattr(self, name)}."
                )
        if self.width % self.heads:
            raise ValueError(
                f"The 'width' of a transformer must be a multiple of its heads ({self.heads}). Got {self.width}."
            )
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ValueError(
                f"Rotary positions must have an even width of each head. Got {self.width // self.heads}."
            )
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError(f"Sinusoidal positions must have an even width. Got {self.width}.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"The 'dropout' of a transformer must be from 0 to below 1. Got {self.dropout}.")


@dataclass
class Cache:
    """Keys and values of the tokens so far, of one attention: what need not be computed again for the next token."""

    keys: Tensor | None = None  # (B, heads, S, width / heads)
    values: Tensor | None = None

    def __len__(self) -> int:
        return 0 if self.keys is None else self.keys.shape[2]

    def extended(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put new ones behind those that are there; return all."""
        if self.keys is not None and self.values is not None:
            keys, values = torch.cat([self.keys, keys], 2), torch.cat([self.values, values], 2)
        self.keys, self.values = keys, values
        return keys, values


@dataclass
class LayerCache:
    """The caches of one layer: of the tokens so far, and of what a decoder looks at, which stays the same."""

    own: Cache = field(default_factory=Cache)
    other: Cache = field(default_factory=Cache)


def attend(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None = None, *, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the values that queries attend to, and how much to which.

    Parameters
    ----------
    query : Tensor, shape (B, heads, T, d)
    key, value : Tensor, shape (B, heads, S, d)
    seen : Tensor of bool, broadcast to (B, heads, T, S), optional
        True where a query may look at a key; everywhere by default. What may look at nothing gets zeros.
    dropout : float

    Returns
    -------
    values : Tensor, shape (B, heads, T, d)
    scores : Tensor, shape (B, heads, T, S)
        Shares that sum to 1 over the keys, or are all 0; before drop-out.
    """
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, heads, T, S)
    if seen is not None:
        scores = scores.masked_fill(~seen, -math.inf)
        nothing = ~seen.any(-1, keepdim=True)
        scores = scores.masked_fill(nothing, 0.0).softmax(-1).masked_fill(nothing, 0.0)
    else:
        scores = scores.softmax(-1)
    return functional.dropout(scores, dropout, dropout > 0) @ value, scores


def causal(n: int, *, before: int = 0, device: torch.device | None = None) -> Tensor:
    """Return which of ``before + n`` tokens the last ``n`` may look at: themselves and what came before, bool (n, before + n)."""
    return torch.ones(n, before + n, dtype=torch.bool, device=device).tril(before)


def rotated(x: Tensor, first: int = 0) -> Tensor:
    """Turn each pair of numbers (i, i + d / 2) of queries or keys by an angle that grows with the position.

    Parameters
    ----------
    x : Tensor, shape (B, heads, T, d)
    first : int
        The position of the first token.
    """
    half = x.shape[-1] // 2
    at = torch.arange(first, first + x.shape[-2], device=x.device, dtype=torch.float32)
    turns = BASE ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angle = at[:, None] * turns  # (T, d / 2)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def sinusoids(n: int, width: int) -> Tensor:
    """Return sine and cosine by turns, of wavelengths from 2 pi to 20,000 pi tokens, float32 (n, width)."""
    at = torch.arange(n, dtype=torch.float32)[:, None]
    turns = BASE ** (-torch.arange(0, width, 2, dtype=torch.float32) / width)
    table = torch.empty(n, width)
    table[:, 0::2], table[:, 1::2] = (at * turns).sin(), (at * turns).cos()
    return table


class Attention(nn.Module):
    """Several attentions side by side.

    Parameters
    ----------
    config : TransformerConfig
    rotary : bool
        Whether queries and keys are turned by their positions; where another sequence is looked at they are not.
    """

    def __init__(self, config: TransformerConfig, *, rotary: bool = False) -> None:
        super().__init__()
        self.heads, self.dropout, self.rotary = config.heads, config.dropout, rotary
        width = config.width
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width)) if config.bias else None
        self.out_proj = nn.Linear(width, width, bias=config.bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if config.bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        x: Tensor,
        other: Tensor | None = None,
        *,
        seen: Tensor | None = None,
        cache: Cache | None = None,
        kept: list[Tensor] | None = None,
    ) -> Tensor:
        """Let each token look at the tokens of the same, or of another sequence.

        Parameters
        ----------
        x : Tensor, shape (B, T, width)
        other : Tensor, shape (B, S, width), optional
            What is looked at; x itself by default.
        seen : Tensor of bool, broadcast to (B, heads, T, S), optional
        cache : Cache, optional
            Of x's sequence it holds the tokens before x, and is extended; of another one all there is.
        kept : list, optional
            The scores, (B, heads, T, S), are appended.
        """
        width = x.shape[-1]
        if other is None:
            query, key, value = (self._split(one) for one in self._project(x, 0, 3).split(width, -1))
            if self.rotary:
                first = 0 if cache is None else len(cache)
                query, key = rotated(query, first), rotated(key, first)
            if cache is not None:
                key, value = cache.extended(key, value)
        else:
            query = self._split(self._project(x, 0, 1))
            if cache is not None and cache.keys is not None and cache.values is not None:
                key, value = cache.keys, cache.values
            else:
                key, value = (self._split(one) for one in self._project(other, 1, 3).split(width, -1))
                if cache is not None:
                    cache.keys, cache.values = key, value
        found, scores = attend(query, key, value, seen, dropout=self.dropout if self.training else 0.0)
        if kept is not None:
            kept.append(scores)
        together: Tensor = self.out_proj(found.transpose(1, 2).flatten(2))  # (B, T, width)
        return together

    def _project(self, x: Tensor, first: int, end: int) -> Tensor:
        """Return queries (0 to 1), keys (1 to 2) and values (2 to 3), (B, T, width each)."""
        rows = slice(first * x.shape[-1], end * x.shape[-1])
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return functional.linear(x, self.in_proj_weight[rows], bias)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, heads, T, width / heads)


class Layer(nn.Module):
    """One layer: attention to the own sequence, to another one where it is a decoder's, and two linear parts.

    Parameters
    ----------
    config : TransformerConfig
    cross : bool
        Whether it looks at another sequence, too.
    """

    def __init__(self, config: TransformerConfig, *, cross: bool = False) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden or 4 * config.width
        self.pre = config.norm == "pre"
        self.self_attn = Attention(config, rotary=config.positions == "rotary")
        self.norm1 = nn.LayerNorm(width, bias=config.bias)
        if cross:
            self.multihead_attn = Attention(config)
        self.norm2 = nn.LayerNorm(width, bias=config.bias)
        if cross:
            self.norm3 = nn.LayerNorm(width, bias=config.bias)
        self.linear1 = nn.Linear(width, hidden, bias=config.bias)
        self.linear2 = nn.Linear(hidden, width, bias=config.bias)
        self.activation = functional.gelu if config.activation == "gelu" else functional.relu
        self.dropout = nn.Dropout(config.dropout)
        self.cross = cross

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        seen: Tensor | None = None,
        memory_seen: Tensor | None = None,
        cache: LayerCache | None = None,
        kept: list[Tensor] | None = None,
        kept_cross: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the tokens after the layer, (B, T, width); ``memory`` (B, S, width) is what a decoder looks at."""
        own, other = (None, None) if cache is None else (cache.own, cache.other)
        x = self._part(x, self.norm1, lambda one: self.self_attn(one, seen=seen, cache=own, kept=kept))
        if self.cross:
            if memory is None:
                raise ValueError("A layer of a decoder must have a sequence to look at. Got none.")
            x = self._part(x, self.norm2, lambda one: self.multihead_attn(one, memory, seen=memory_seen, cache=other, kept=kept_cross))  # fmt: skip
        return self._part(x, self.norm3 if self.cross else self.norm2, self._linear)

    def _part(self, x: Tensor, norm: nn.Module, part: Callable[[Tensor], Tensor]) -> Tensor:
        """Add what a part says of x, normalised before it or after the sum."""
        added: Tensor = x + self.dropout(part(norm(x))) if self.pre else norm(x + self.dropout(part(x)))
        return added

    def _linear(self, x: Tensor) -> Tensor:
        told: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return told


class Transformer(nn.Module):
    """A stack of layers, with a norm at its end where the layers have theirs before each part.

    Parameters
    ----------
    config : TransformerConfig
    cross : bool
        Whether it is a decoder that looks at another sequence.
    """

    def __init__(self, config: TransformerConfig, *, cross: bool = False) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList([Layer(config, cross=cross) for _ in range(config.layers)])
        if config.norm == "pre":
            self.norm = nn.LayerNorm(config.width, bias=config.bias)

    def caches(self) -> list[LayerCache]:
        """Return empty caches, one a layer."""
        return [LayerCache() for _ in self.layers]

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        *,
        seen: Tensor | None = None,
        memory_seen: Tensor | None = None,
        caches: list[LayerCache] | None = None,
        kept: list[Tensor] | None = None,
        kept_cross: list[Tensor] | None = None,
    ) -> Tensor:
        """Return the tokens after all layers.

        Parameters
        ----------
        x : Tensor, shape (B, T, width)
        memory : Tensor, shape (B, S, width), optional
            What a decoder looks at.
        seen, memory_seen : Tensor of bool, broadcast to (B, heads, T, T) and (B, heads, T, S), optional
            True where a token may look.
        caches : list of LayerCache, optional
            From `caches`: x are the tokens that come behind those of earlier calls.
        kept, kept_cross : list, optional
            The scores of each layer, (B, heads, T, S), are appended.
        """
        for i, layer in enumerate(self.layers):
            cache = None if caches is None else caches[i]
            x = layer(x, memory, seen=seen, memory_seen=memory_seen, cache=cache, kept=kept, kept_cross=kept_cross)  # fmt: skip
        return self.norm(x) if self.config.norm == "pre" else x


class Embedding(nn.Module):
    """Tokens as numbers, with their positions.

    Parameters
    ----------
    config : TransformerConfig
    n_tokens : int
        Of the vocabulary.
    """

    sines: Tensor

    def __init__(self, config: TransformerConfig, n_tokens: int) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(n_tokens, config.width)
        if config.positions == "learned":
            self.positions = nn.Embedding(config.longest, config.width)
        if config.positions == "sinusoidal":
            self.register_buffer("sines", sinusoids(config.longest, config.width), persistent=False)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, first: int = 0) -> Tensor:
        """Return (B, T, width) of tokens int64 (B, T), the first of which stands at position ``first``."""
        end = first + tokens.shape[1]
        if end > self.config.longest:
            raise ValueError(f"A sequence must have at most {self.config.longest} tokens. Got {end}.")
        x = self.tokens(tokens)
        if self.config.positions == "learned":
            x = x + self.positions.weight[first:end]
        if self.config.positions == "sinusoidal":
            x = x + self.sines[first:end]
        embedded: Tensor = self.dropout(x)
        return embedded


def first_weights(net: nn.Module, layers: int) -> None:
    """Draw weights as GPT-2 does: normal with 0.02, and smaller by sqrt(2 layers) where a part is added to what was there.

    Radford et al. (2019), Language Models are Unsupervised Multitask Learners.
    """
    for name, one in net.named_parameters():
        if name.endswith(("out_proj.weight", "linear2.weight")):
            nn.init.normal_(one, std=0.02 / math.sqrt(2 * layers))
        elif one.ndim == 2:
            nn.init.normal_(one, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(one)
