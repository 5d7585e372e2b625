"""EQTransformer: one encoder of a minute of ground motion, and three decoders that hear the event, its P wave and its S wave.

Mousavi, Ellsworth, Zhu, Chuang & Beroza, Nature Communications 11 (2020), doi:10.1038/s41467-020-17591-w. Names of weights are as in
SeisBench (Woollam et al. 2022, doi:10.1785/0220210324), so that weights go either way. With three blocks of LSTMs it has 376,935
parameters; with two, as in the paper, 372,023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Original = Literal["no", "conservative", "non-conservative"]
FILTERS = (8, 16, 16, 32, 32, 64, 64)
KERNELS = (11, 9, 7, 7, 5, 5, 3)
RESIDUAL_KERNELS = (3, 3, 3, 3, 2, 3, 2)
UNITS, HIDDEN, FEED = 16, 32, 128
LOCAL = 3  # moments that a moment of the pick branches attends to
LEAST = -1e10  # stands behind the end of an odd length, so that it never is the largest
EPS_SUM, EPS_ORIGINAL = 1e-5, 1e-7  # is added to the sum of attention's weights
EPS_NORM = 1e-14  # to the variance of layer normalisation


@dataclass(frozen=True)
class EQTransformerConfig:
    """The measures of an EQTransformer.

    Parameters
    ----------
    n_in, n_out : int
        Components of the recording, and answers at each moment: detection, then each phase.
    in_samples : int
        Of a window.
    lstm_blocks : int
    drop_rate : float
        Share of what is silenced at random in training.
    original : {"no", "conservative", "non-conservative"}
        Whether it is as one of the authors' own two weights wants it: other small numbers in divisions, another crop, and LSTMs
        whose gates are straight lines between 0 and 1 in the conservative one.
    """

    n_in: int = 3
    n_out: int = 3
    in_samples: int = 6000
    lstm_blocks: int = 3
    drop_rate: float = 0.1
    original: Original = "no"

    @staticmethod
    def of(
        shape: tuple[int, ...],
        n_out: int,
        *,
        lstm_blocks: int = 3,
        drop_rate: float = 0.1,
        original: Original = "no",
    ) -> EQTransformerConfig:
        """Fit the measures to windows of a shape (n_components, n_samples)."""
        n_in, n = shape
        return EQTransformerConfig(n_in, n_out, n, lstm_blocks, drop_rate, original)

    def __post_init__(self) -> None:
        for name, least in (("n_in", 1), ("n_out", 2), ("in_samples", 2 ** len(FILTERS)), ("lstm_blocks", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}")
        if self.original not in get_args(Original):
            raise ValueError(f"original must be one of {', '.join(get_args(Original))}")
        if not 0 <= self.drop_rate < 1:
            raise ValueError("drop_rate must be from 0 to below 1")

    @property
    def eps(self) -> float:
        """Return what batch normalisation adds to variances."""
        return 1e-3


class EQTransformer(nn.Module):
    """EQTransformer for windows of one length; of 6,000 samples 47 moments are left between encoder and decoders."""

    def __init__(self, config: EQTransformerConfig) -> None:
        super().__init__()
        self.config = config
        drop, eps = config.drop_rate, config.eps
        lengths = _lengths(config.in_samples)
        self.encoder = Encoder(config.n_in)
        self.res_cnn_stack = Members(ResidualBlock(FILTERS[-1], k, drop, eps) for k in RESIDUAL_KERNELS)
        self.bi_lstm_stack = Members(
            LstmBlock(FILTERS[-1] if i == 0 else UNITS, drop, eps, config.original)
            for i in range(config.lstm_blocks)
        )
        self.transformer_d0 = Transformer(drop, config)
        self.transformer_d = Transformer(drop, config)
        self.decoder_d = Decoder(lengths, config.original)
        self.conv_d = nn.Conv1d(FILTERS[0], 1, KERNELS[0], padding=KERNELS[0] // 2)
        phases = range(config.n_out - 1)
        self.pick_lstms = nn.ModuleList(_one_way(config.original) for _ in phases)
        self.pick_attentions = nn.ModuleList(Attention(config, local=LOCAL) for _ in phases)
        self.pick_decoders = nn.ModuleList(Decoder(lengths, config.original) for _ in phases)
        self.pick_convs = nn.ModuleList(
            nn.Conv1d(FILTERS[0], 1, KERNELS[0], padding=KERNELS[0] // 2) for _ in phases
        )
        self.dropout = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, in_samples)
        """Return the logit of detection and of each phase at each moment, (B, n_out, in_samples)."""
        x = self.encoder(x)  # (B, 64, T)
        for block in self.res_cnn_stack.members:
            x = block(x)  # (B, 64, T)
        for block in self.bi_lstm_stack.members:
            x = block(x)  # (B, 16, T)
        x = self.transformer_d(self.transformer_d0(x))  # (B, 16, T)
        said = [self.conv_d(self.decoder_d(x))]  # (B, 1, in_samples)
        for lstm, attention, decoder, conv in zip(
            self.pick_lstms, self.pick_attentions, self.pick_decoders, self.pick_convs
        ):
            heard, _ = lstm(x.permute(2, 0, 1))  # (T, B, 16)
            heard = attention(self.dropout(heard).permute(1, 2, 0))  # (B, 16, T)
            said.append(conv(decoder(heard)))  # (B, 1, in_samples)
        return torch.cat(said, dim=1)


class Members(nn.Module):
    """Blocks behind each other, under the name by which their weights are known."""

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)


class Encoder(nn.Module):
    """Convolutions, each with the larger of two neighbours."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        ins = (n_in, *FILTERS)
        self.convs = nn.ModuleList(
            nn.Conv1d(a, b, k, padding=k // 2) for a, b, k in zip(ins, FILTERS, KERNELS)
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, n_in, n)
        """Return a seventh halving, (B, 64, n / 128)."""
        for conv in self.convs:
            x = functional.relu(conv(x))
            if x.shape[-1] % 2:
                x = functional.pad(x, (0, 1), value=LEAST)
            x = functional.max_pool1d(x, 2)
        return x


class ResidualBlock(nn.Module):
    """Two convolutions that are added to what they look at; normalisation and rectification come first."""

    def __init__(self, n: int, kernel: int, drop: float, eps: float) -> None:
        super().__init__()
        self.around = (0, 1) if kernel == 2 else (kernel // 2, kernel // 2)  # an even kernel looks ahead
        self.norm1, self.norm2 = nn.BatchNorm1d(n, eps=eps), nn.BatchNorm1d(n, eps=eps)
        self.conv1, self.conv2 = nn.Conv1d(n, n, kernel), nn.Conv1d(n, n, kernel)
        self.dropout = nn.Dropout1d(drop)  # whole channels

    def forward(self, x: Tensor) -> Tensor:  # (B, n, T)
        """Return the sum, (B, n, T)."""
        y = x
        for norm, conv in ((self.norm1, self.conv1), (self.norm2, self.conv2)):
            y = self.dropout(functional.relu(norm(y)))
            y = conv(functional.pad(y, self.around))
        return x + y


class LstmBlock(nn.Module):
    """An LSTM forwards and backwards, put together by a convolution of kernel 1."""

    def __init__(self, n: int, drop: float, eps: float, original: Original) -> None:
        super().__init__()
        self.lstm = _both_ways(n, original)
        self.conv = nn.Conv1d(2 * UNITS, UNITS, 1)
        self.norm = nn.BatchNorm1d(UNITS, eps=eps)
        self.dropout = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:  # (B, n, T)
        """Return (B, 16, T)."""
        y, _ = self.lstm(x.permute(2, 0, 1))  # (T, B, 32)
        y = self.conv(self.dropout(y).permute(1, 2, 0))
        normal: Tensor = self.norm(y)
        return normal


class Transformer(nn.Module):
    """Attention and two dense layers, each added to what it looks at and then normalised."""

    def __init__(self, drop: float, config: EQTransformerConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.norm1, self.norm2 = LayerNorm(), LayerNorm()
        self.ff = FeedForward(drop)

    def forward(self, x: Tensor) -> Tensor:  # (B, 16, T)
        """Return (B, 16, T)."""
        x = self.norm1(x + self.attention(x))
        normal: Tensor = self.norm2(x + self.ff(x))
        return normal


class Attention(nn.Module):
    """Additive attention of each moment to all, or to its neighbours (Bahdanau et al. 2015, arXiv:1409.0473)."""

    def __init__(self, config: EQTransformerConfig, *, local: int | None = None) -> None:
        super().__init__()
        self.local = local
        self.eps = EPS_SUM if config.original == "no" else EPS_ORIGINAL
        self.Wx = nn.Parameter(_uniform(UNITS, HIDDEN))
        self.Wt = nn.Parameter(_uniform(UNITS, HIDDEN))
        self.bh = nn.Parameter(torch.zeros(HIDDEN))
        self.Wa = nn.Parameter(_uniform(HIDDEN, 1))
        self.ba = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:  # (B, 16, T)
        """Return for each moment the mean of those that it attends to, (B, 16, T)."""
        x = x.transpose(1, 2)  # (B, T, 16)
        asked = (x @ self.Wt).unsqueeze(2)  # (B, T, 1, 32)
        there = (x @ self.Wx).unsqueeze(1)  # (B, 1, T, 32)
        score = (torch.tanh(asked + there + self.bh) @ self.Wa + self.ba).squeeze(-1)  # (B, T, T)
        weight = torch.exp(score - score.amax(dim=-1, keepdim=True))
        if self.local is not None:
            weight = weight * _near(x.shape[1], self.local).to(weight)
        weight = weight / (weight.sum(dim=-1, keepdim=True) + self.eps)
        return (weight @ x).transpose(1, 2)


class LayerNorm(nn.Module):
    """Each moment brought to mean 0 and variance 1 over its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.ones(UNITS, 1)), nn.Parameter(torch.zeros(UNITS, 1))

    def forward(self, x: Tensor) -> Tensor:  # (B, 16, T)
        """Return (B, 16, T)."""
        centred = x - x.mean(dim=1, keepdim=True)
        size = (centred.square().mean(dim=1, keepdim=True) + EPS_NORM).sqrt()
        return centred / size * self.gamma + self.beta


class FeedForward(nn.Module):
    """Two dense layers for each moment by itself."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(UNITS, FEED), nn.Linear(FEED, UNITS)
        self.dropout = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:  # (B, 16, T)
        """Return (B, 16, T)."""
        y: Tensor = self.lin2(self.dropout(functional.relu(self.lin1(x.transpose(1, 2)))))
        return y.transpose(1, 2)


class Decoder(nn.Module):
    """Moments repeated twice and convolved, until there are as many as samples."""

    def __init__(self, lengths: tuple[int, ...], original: Original) -> None:
        super().__init__()
        self.lengths, self.late = (
            lengths,
            original != "no",
        )  # whether what is too long is cut a level later, at both ends
        ins = (UNITS, *reversed(FILTERS))
        pairs = zip(ins, ins[1:], reversed(KERNELS))
        self.convs = nn.ModuleList(nn.Conv1d(a, b, k, padding=k // 2) for a, b, k in pairs)

    def forward(self, x: Tensor) -> Tensor:  # (B, 16, T)
        """Return (B, 8, n)."""
        for conv, n in zip(self.convs, self.lengths):
            x = x.repeat_interleave(2, dim=-1)
            over = x.shape[-1] - n
            if not self.late:
                x = x[..., :n]
            elif over > 1:
                x = x[..., over // 2 : over // 2 + n]
            x = functional.relu(conv(x))
        return x[..., : self.lengths[-1]]


def _lengths(n: int) -> tuple[int, ...]:
    """Return the samples of each level of a decoder, from the coarsest to ``n``."""
    found = [n]
    while len(found) < len(FILTERS):
        found.append(-(-found[-1] // 2))
    return tuple(reversed(found))


def _near(n: int, width: int) -> Tensor:
    """Return which moments each one attends to: as many before it as behind it."""
    at = torch.arange(n)
    away = at[None, :] - at[:, None]
    return (away >= -(width // 2)) & (away < width - width // 2)


def _uniform(rows: int, columns: int) -> Tensor:
    """Return first weights after Glorot & Bengio 2010."""
    return nn.init.xavier_uniform_(torch.empty(rows, columns))


# ---- LSTMs ----
def _both_ways(n: int, original: Original) -> nn.Module:
    return (
        nn.LSTM(n, UNITS, bidirectional=True) if original == "no" else CellLstm(n, original == "conservative")
    )


def _one_way(original: Original) -> nn.Module:
    return CellLstm(UNITS, True, both_ways=False) if original == "conservative" else nn.LSTM(UNITS, UNITS)


class CellLstm(nn.Module):
    """An LSTM, cell by cell; its gates may be straight lines between 0 and 1, as Keras had them once."""

    def __init__(self, n: int, hard: bool, *, both_ways: bool = True) -> None:
        super().__init__()
        self.hard = hard
        self.cell_f = nn.LSTMCell(n, UNITS)
        self.cell_b = nn.LSTMCell(n, UNITS) if both_ways else None

    def forward(self, x: Tensor) -> tuple[Tensor, None]:  # (T, B, n)
        """Return (T, B, 16), or (T, B, 32) of both ways, and nothing."""
        gate = _hard if self.hard else torch.sigmoid
        ways = [_along(self.cell_f, x, gate)]
        if self.cell_b is not None:
            ways.append(_along(self.cell_b, x.flip(0), gate).flip(0))
        return torch.cat(ways, dim=-1), None


def _along(cell: nn.LSTMCell, x: Tensor, gate: Callable[[Tensor], Tensor]) -> Tensor:
    """Go along the moments with the gates i, f, g, o."""
    given = functional.linear(x, cell.weight_ih, cell.bias_ih + cell.bias_hh)  # (T, B, 64)
    hidden = memory = x.new_zeros(x.shape[1], UNITS)
    out = []
    for one in given:
        i, f, g, o = (one + hidden @ cell.weight_hh.T).chunk(4, dim=-1)
        memory = gate(f) * memory + gate(i) * torch.tanh(g)
        hidden = gate(o) * torch.tanh(memory)
        out.append(hidden)
    return torch.stack(out)


def _hard(x: Tensor) -> Tensor:
    return (0.2 * x + 0.5).clamp(0, 1)
