"""PhaseNet and EQTransformer arranged for speed: the same answers from the same weights, with far less work.

Three things are done to a net once, before it is asked. Batch normalisation that follows a convolution becomes part of its
weights. Where a level has few channels and many samples, samples stand side by side as channels ("phases"): sample ``i`` of
channel ``c`` at ``[i % phases * channels + c, i // phases]``; a convolution of such channels fills the lanes of a processor,
and doubling the samples by repetition, or taking every fourth, becomes part of the convolution (as Shi et al. 2016,
doi:10.1109/CVPR.2016.207, do for images). And tanh(a + b), for all pairs of 47 moments in the attention, is made of 47
exponentials each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clew.neural.nets import eqtransformer, phasenet
from clew.neural.picking_net import NOISE, PickingNet

Places = Callable[[int, int], int | None]
Reach = Callable[[nn.Linear], Tensor]
FOUR = 4  # phases where there are most samples
HARD = 0.2, 0.5  # of a hard sigmoid: its slope, and its value at 0
SAFE = 80.0  # up to which exp(x) is in the range of float32


def graph_of(model: PickingNet) -> Graph:
    """Return the fast graph of a model; of variants that have none, the net as it is."""
    net = model.net().float().requires_grad_(False)
    with torch.no_grad():
        if isinstance(net, phasenet.PhaseNet):
            made: Graph = PhaseNetGraph(net, model.window)
        elif isinstance(net, eqtransformer.EQTransformer) and model.window % FOUR == 0:
            made = EQTransformerGraph(net)
        else:
            made = Plain(net)
    made.shares = NOISE in model.labels
    return made.eval().requires_grad_(False)


class Graph(nn.Module):
    """From windows that are brought to scale, in ``phases``, to probabilities (B, n_labels, window)."""

    phases = 1
    shares = False  # the probabilities of a moment sum to 1
    hard = False  # LSTMs have hard sigmoids, which an exporter must say, since torch's have none
    together: ClassVar[dict[str, int]] = {
        "torch": 8,
        "onnx": 1,
    }  # windows; what is between the layers stays in the cache of one core

    def forward(self, x: Tensor) -> Tensor:  # (B, phases * n_components, ceil(window / phases))
        """Return probabilities."""
        logits = self.logits(x)
        return torch.softmax(logits, dim=1) if self.shares else torch.sigmoid(logits)

    def logits(self, x: Tensor) -> Tensor:
        """Return what the net answers, (B, n_labels, window)."""
        raise NotImplementedError


class Plain(Graph):
    """The net as it is."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def logits(self, x: Tensor) -> Tensor:
        """Return what the net answers."""
        answer: Tensor = self.net(x)
        return answer


# ---- convolutions between phases ----
def phased(weight: Tensor, *, into: int, out: int, places: Places) -> Tensor:
    """Return the weights of a convolution whose samples, on either side, stand side by side as channels.

    Parameters
    ----------
    weight : Tensor of shape (n_out, n_in, k)
    into, out : int
        The phases before and after.
    places : callable
        Takes the phase ``q`` of an output and the place ``j`` in the kernel; says which sample it multiplies, counted from
        the one that stands where the output does in phase 0; None for none.

    Returns
    -------
    Tensor of shape (out * n_out, into * n_in, 2 * reach + 1)
    """
    n_out, n_in, k = weight.shape
    where = {(q, j): at for q in range(out) for j in range(k) if (at := places(q, j)) is not None}
    reach = max(abs(at // into) for at in where.values())
    made = weight.new_zeros(out, n_out, into, n_in, 2 * reach + 1)
    for (q, j), at in where.items():
        made[q, :, at % into, :, at // into + reach] += weight[:, :, j]
    return made.reshape(out * n_out, into * n_in, 2 * reach + 1)


def _same(k: int) -> Places:
    """Places of a convolution that keeps the number of samples."""
    return lambda q, j: q + j - k // 2


def _doubled(k: int) -> Places:
    """Places of one whose samples were doubled by repetition before."""
    return lambda q, j: (q + j - k // 2) // 2


def _quartered(k: int) -> Places:
    """Places of one that makes one sample of four."""
    return lambda q, j: j - k // 2


def _spread(first: int) -> Places:
    """Places of a transposed convolution that makes four samples of one, of which so many are cut off at the start."""
    return lambda q, j: (q + first - j) // FOUR if (q + first - j) % FOUR == 0 else None


class Convolution(nn.Module):
    """A convolution over time, of arrays (B, channels, 1, n): in two dimensions, for which libraries have faster loops."""

    def __init__(
        self, weight: Tensor, bias: Tensor, *, stride: int = 1, ends: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        reach = (weight.shape[-1] - 1) // 2
        self.weight, self.bias = nn.Parameter(weight[:, :, None].clone()), nn.Parameter(bias.clone())
        self.stride, self.ends = stride, (reach, reach) if ends is None else ends

    def forward(self, x: Tensor) -> Tensor:
        """Pad with zeros and convolve."""
        left, right = self.ends
        if left != right:
            x, left = F.pad(x, (left, right)), 0
        return F.conv2d(x, self.weight, self.bias, stride=(1, self.stride), padding=(0, left))


def _norm(norm: Any) -> tuple[Tensor, Tensor]:
    """Return by what a batch normalisation multiplies, and what it adds."""
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return factor, norm.bias - norm.running_mean * factor


def _folded(weight: Tensor, bias: Tensor | None, norm: Any) -> tuple[Tensor, Tensor]:
    """Return weights (n_out first) and bias of a convolution and the normalisation that follows it."""
    factor, shift = _norm(norm)
    return weight * factor[:, None, None], shift if bias is None else bias * factor + shift


def in_line(x: Tensor, phases: int) -> Tensor:
    """Put samples that stand side by side as channels, (B, phases * n, 1, m), behind each other: (B, n, 1, phases * m)."""
    if phases == 1:
        return x
    n, channels, _, m = x.shape
    return (
        x.reshape(n, phases, channels // phases, m)
        .permute(0, 2, 3, 1)
        .reshape(n, channels // phases, 1, phases * m)
    )


# ---- PhaseNet ----
class PhaseNetGraph(Graph):
    """PhaseNet with its first level in four phases."""

    phases = FOUR
    together: ClassVar[dict[str, int]] = {"torch": 8, "onnx": 4}

    def __init__(self, net: phasenet.PhaseNet, window: int) -> None:
        super().__init__()
        self.window, depth, k = window, net.config.depth, phasenet.KERNEL
        self.lengths = [window]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        first: dict[str, Any] = {"into": FOUR, "out": FOUR, "places": _same(k)}
        weight, bias = _folded(net.inc.weight, net.inc.bias, net.in_bn)
        self.start = Convolution(phased(weight, **first), bias.repeat(FOUR))
        for level, parts in enumerate(net.down_branch):
            weight, bias = _folded(parts[0].weight, None, parts[1])
            same = (
                Convolution(phased(weight, **first), bias.repeat(FOUR))
                if level == 0
                else Convolution(weight, bias)
            )
            steps = [same]
            if level < depth - 1:
                weight, bias = _folded(parts[2].weight, None, parts[3])
                ends = _ends(self.lengths[-1], level)
                self.lengths.append((self.lengths[-1] + sum(ends) - k) // FOUR + 1)
                if level == 0:
                    steps.append(Convolution(phased(weight, into=FOUR, out=1, places=_quartered(k)), bias))
                else:
                    steps.append(Convolution(weight, bias, stride=FOUR, ends=ends))
            self.down.append(nn.ModuleList(steps))
        for level, parts in zip(reversed(range(depth - 1)), net.up_branch):
            cut = phasenet.CUT[0] + (FOUR * self.lengths[level + 1] - self.lengths[level]) // 2
            weight, bias = _folded(parts[0].weight.transpose(0, 1), None, parts[1])
            spread = Convolution(phased(weight, into=1, out=FOUR, places=_spread(cut)), bias.repeat(FOUR))
            weight, bias = _folded(parts[2].weight, None, parts[3])
            if level == 0:
                way, below = weight.chunk(2, dim=1)
                weight, bias = (
                    torch.cat([phased(one, **first) for one in (way, below)], dim=1),
                    bias.repeat(FOUR),
                )
            self.up.append(nn.ModuleList([spread, Convolution(weight, bias)]))
        weight, bias = net.out.weight, net.out.bias
        self.out = Convolution(phased(weight, into=FOUR, out=FOUR, places=_same(1)), bias.repeat(FOUR))
        behind = torch.arange(FOUR * -(-window // FOUR)) < window  # the rest is not there: it must be 0
        there = behind.reshape(-1, FOUR).T.float()
        self.there = nn.Parameter(there.repeat_interleave(net.config.filters_root, dim=0)[None, :, None])

    def logits(self, x: Tensor) -> Tensor:  # (B, 4 * n_in, ceil(window / 4))
        """Return what the net answers."""
        x = self.kept(F.relu(self.start(x[:, :, None])))
        across = []
        for level, steps in enumerate(self.down):
            x = F.relu(steps[0](x))
            if level == 0:
                x = self.kept(x)
            if len(steps) > 1:
                across.append(x)
                x = F.relu(steps[1](x))
        for spread, same in self.up:
            way = across.pop()
            x = F.relu(spread(x))
            x = x if not across else in_line(x, FOUR)
            x = x[..., : way.shape[-1]]
            x = x if across else self.kept(x)
            x = F.relu(same(torch.cat([way, x], dim=1)))
        return in_line(self.out(x), FOUR)[:, :, 0, : self.window]

    def kept(self, x: Tensor) -> Tensor:
        """Let what lies behind the last sample be 0."""
        return x if self.window % FOUR == 0 else x * self.there


def _ends(n: int, level: int) -> tuple[int, int]:
    """Return by how much a level is padded at both ends before it is taken apart."""
    if level == 0:
        return phasenet.KERNEL // 2, phasenet.KERNEL // 2
    left = phasenet.LEFT[level % 2]
    needed = phasenet.KERNEL + FOUR * (-(-n // FOUR) - 1)
    return left, max(phasenet.RIGHT, needed - n - left)


# ---- EQTransformer ----
class EQTransformerGraph(Graph):
    """EQTransformer with its longest levels in phases, and the recurrent parts of its picks as one.

    Its window is a multiple of four. Windows are computed one by one in ONNX Runtime: the bits of its LSTM depend on where
    a window stands among others, and nothing is lost.
    """

    phases = FOUR

    def __init__(self, net: eqtransformer.EQTransformer) -> None:
        super().__init__()
        self.hard, phases = net.config.original == "conservative", FOUR
        moments = net.config.in_samples
        self.encoder = nn.ModuleList()
        for conv in net.encoder.convs:
            self.encoder.append(_Halving(conv, phases))
            phases, moments = max(1, phases // 2), -(-moments // 2)
        self.residual = nn.ModuleList(_Residual(one) for one in net.res_cnn_stack.members)
        self.recurrent = nn.ModuleList(_Recurrent(one, self.hard) for one in net.bi_lstm_stack.members)
        reach = self.recurrent[-1].reach
        self.transformers = nn.ModuleList()
        for one in (net.transformer_d0, net.transformer_d):
            self.transformers.append(_Transformer(one, reach))
            reach = self.transformers[-1].reach
        self.pick = _Lstm(_side_by_side([_cells(one) for one in net.pick_lstms]), self.hard)
        self.attentions = nn.ModuleList(
            _Attention(one, _reach_of_lstm, moments) for one in net.pick_attentions
        )
        decoders, ends = [net.decoder_d, *net.pick_decoders], [net.conv_d, *net.pick_convs]
        self.decoders = nn.ModuleList(_Decoder(one, end, moments) for one, end in zip(decoders, ends))

    def logits(self, x: Tensor) -> Tensor:  # (B, 4 * n_in, window / 4)
        """Return what the net answers."""
        x = x[:, :, None]
        for part in self.encoder:
            x = part(x)
        for part in self.residual:
            x = part(x)
        x = x[:, :, 0].permute(2, 0, 1)  # (T, B, 64)
        for part in self.recurrent:
            x = part(x)
        x = x.transpose(0, 1)  # (B, T, 16)
        for part in self.transformers:
            x = part(x)
        each = self.pick(x.transpose(0, 1)).transpose(0, 1).chunk(len(self.attentions), dim=2)
        heard = [x, *(attention(one) for attention, one in zip(self.attentions, each))]
        answers = [decoder(one.transpose(1, 2)[:, :, None]) for decoder, one in zip(self.decoders, heard)]
        return torch.cat(answers, dim=1)


class _Halving(nn.Module):
    """A convolution, and the higher of each two neighbours. Of phases, even and odd ones have a convolution each."""

    def __init__(self, conv: Any, phases: int) -> None:
        super().__init__()
        weight, bias = conv.weight, conv.bias
        self.each = nn.ModuleList([Convolution(weight, bias)])
        if phases > 1:
            whole = phased(weight, into=phases, out=phases, places=_same(weight.shape[-1]))
            whole = whole.reshape(phases, len(weight), *whole.shape[1:])
            bias = bias.repeat(phases // 2)
            self.each = nn.ModuleList([Convolution(whole[i::2].flatten(0, 1), bias) for i in (0, 1)])

    def forward(self, x: Tensor) -> Tensor:
        if len(self.each) == 2:
            return F.relu(torch.maximum(self.each[0](x), self.each[1](x)))
        return F.max_pool2d(F.relu(self.each[0](x)), (1, 2), ceil_mode=True)


class _Residual(nn.Module):
    """Two convolutions, each behind a normalisation, beside the way around them."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        factor, shift = _norm(block.norm1)
        self.factor, self.shift = nn.Parameter(factor[:, None, None]), nn.Parameter(shift[:, None, None])
        weight, bias = _folded(block.conv1.weight, block.conv1.bias, block.norm2)
        self.first = Convolution(_odd(weight), bias)
        self.second = Convolution(_odd(block.conv2.weight), block.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        inside: Tensor = self.second(F.relu(self.first(F.relu(x * self.factor + self.shift))))
        return x + inside


def _odd(weight: Tensor) -> Tensor:
    """Return a kernel of two places, which sees what is and what comes, as one of three."""
    return F.pad(weight, (1 - weight.shape[-1] % 2, 0))


class _Recurrent(nn.Module):
    """A bidirectional LSTM, and a linear layer of what was a convolution over one moment and a normalisation."""

    def __init__(self, block: Any, hard: bool) -> None:
        super().__init__()
        self.lstm = _Lstm(_cells(block.lstm), hard)
        weight, bias = _folded(block.conv.weight, block.conv.bias, block.norm)
        self.linear = _linear(weight[:, :, 0], bias)

    def forward(self, x: Tensor) -> Tensor:  # (T, B, n)
        answer: Tensor = self.linear(self.lstm(x))
        return answer

    def reach(self, layer: nn.Linear) -> Tensor:
        """Return the largest absolute values that a layer can make of the answers."""
        both = nn.Linear(self.linear.in_features, layer.out_features)
        both.load_state_dict({"weight": layer.weight @ self.linear.weight, "bias": layer(self.linear.bias)})
        return _reach_of_lstm(both)


def _reach_of_lstm(layer: nn.Linear) -> Tensor:
    """Return the largest absolute values that a layer can make of what an LSTM says, numbers from -1 to 1."""
    return layer.weight.abs().sum(dim=1) + layer.bias.abs()


def _cells(lstm: nn.Module) -> dict[str, Tensor]:
    """Return the weights of an LSTM by torch's names."""
    if isinstance(lstm, nn.LSTM):
        return dict(lstm.named_parameters())
    ways = {"": lstm.cell_f, "_reverse": lstm.cell_b}
    return {
        f"{name}_l0{way}": one
        for way, cell in ways.items()
        if cell is not None
        for name, one in cell.named_parameters()
    }


def _side_by_side(lstms: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the weights of one LSTM for several that see the same, in which none hears of the others."""
    n, size = len(lstms), lstms[0]["weight_hh_l0"].shape[1]
    state = {}
    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):  # (4 gates * size, ...)
        gates = [one[name].reshape(4, 1, size, *one[name].shape[1:]) for one in lstms]
        state[name] = torch.cat(gates, dim=1).flatten(0, 2)
    back = torch.zeros(4, n, size, n, size)
    for i, one in enumerate(lstms):
        back[:, i, :, i] = one["weight_hh_l0"].reshape(4, size, size)
    return state | {"weight_hh_l0": back.reshape(4 * n * size, n * size)}


class _Lstm(nn.Module):
    """An LSTM, with the gates of torch or hard ones. Exported it is torch's, and the exporter says what its gates are."""

    def __init__(self, cells: Mapping[str, Tensor], hard: bool) -> None:
        super().__init__()
        self.hard, self.ways = hard, 1 + ("weight_ih_l0_reverse" in cells)
        self.size = cells["weight_hh_l0"].shape[1]
        self.lstm = nn.LSTM(cells["weight_ih_l0"].shape[1], self.size, bidirectional=self.ways == 2)
        self.lstm.load_state_dict(dict(cells))

    def forward(self, x: Tensor) -> Tensor:  # (T, B, n)
        if self.hard and not torch.onnx.is_in_onnx_export():
            return self.by_hand(x)
        answer: Tensor = self.lstm(x)[0]
        return answer

    def by_hand(self, x: Tensor) -> Tensor:
        """Go along the moments, both ways at once; torch's gates are in the order new, kept, what, shown."""
        weights = [getattr(self.lstm, name) for name in self.lstm._flat_weights_names]
        inside, back, first, second = (weights[i::4] for i in range(4))
        given = torch.stack(
            [F.linear(x if i == 0 else x.flip(0), inside[i], first[i] + second[i]) for i in range(self.ways)],
            dim=1,
        )  # (T, ways, B, 4 * size)
        turned = torch.stack(back).transpose(1, 2)
        said = memory = x.new_zeros(self.ways, x.shape[1], self.size)
        out = []
        for one in given:
            new, kept, what, shown = torch.baddbmm(one, said, turned).chunk(4, dim=-1)
            memory = _hard(kept) * memory + _hard(new) * torch.tanh(what)
            said = _hard(shown) * torch.tanh(memory)
            out.append(said)
        all_said = torch.stack(out, dim=1)  # (ways, T, B, size)
        return all_said[0] if self.ways == 1 else torch.cat([all_said[0], all_said[1].flip(0)], dim=-1)


def _hard(x: Tensor) -> Tensor:
    return (HARD[0] * x + HARD[1]).clamp(0, 1)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.load_state_dict({"weight": weight, "bias": bias})
    return made


class _Transformer(nn.Module):
    """Attention and a layer that feeds forward, each added to what came in and normalised."""

    def __init__(self, block: Any, reach: Reach) -> None:
        super().__init__()
        self.attention = _Attention(block.attention, reach)
        self.first, self.second = block.ff.lin1, block.ff.lin2
        self.norms = nn.ModuleList()
        for one in (block.norm1, block.norm2):
            norm = nn.LayerNorm(one.gamma.numel(), eps=eqtransformer.EPS_NORM)
            norm.load_state_dict({"weight": one.gamma[:, 0], "bias": one.beta[:, 0]})
            self.norms.append(norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, n)
        x = self.norms[0](x + self.attention(x))
        answer: Tensor = self.norms[1](x + self.second(F.relu(self.first(x))))
        return answer

    def reach(self, layer: nn.Linear) -> Tensor:
        """Return the largest absolute values that a layer can make of the answers: of n normalised numbers, n squares sum to n."""
        weight, bias = self.norms[1].weight, self.norms[1].bias
        return (layer.weight * weight).norm(dim=1) * weight.numel() ** 0.5 + layer(bias).abs()


class _Attention(nn.Module):
    """Additive attention: a . tanh(q_i + k_j + h) for all pairs, as a . (1 - 2 / (1 + exp(2 q_i + 2 h) exp(2 k_j))).

    What is the same for all j changes no share, and is left out. Weights so large that the exponentials may not be in the
    range of float32 leave it at tanh.

    Parameters
    ----------
    attention : Attention
        Of the net.
    reach : callable
        Takes a layer and returns the largest absolute values that it can make of what the attention sees.
    moments : int
        Of a window, where it looks at the nearest only.
    """

    def __init__(self, attention: Any, reach: Reach, moments: int = 0) -> None:
        super().__init__()
        self.eps, self.near = attention.eps, None
        self.query = _linear(2 * attention.Wt.T, 2 * attention.bh)
        self.key = _linear(2 * attention.Wx.T, torch.zeros_like(attention.bh))
        self.across = nn.Parameter(-2 * attention.Wa.T)
        self.safe = max(float(reach(one).max()) for one in (self.query, self.key)) <= SAFE
        if attention.local is not None:
            away = torch.arange(moments) - torch.arange(moments)[:, None]
            before, width = attention.local // 2, attention.local
            self.near = nn.Parameter(((away >= -before) & (away < width - before)).float())

    def forward(self, x: Tensor) -> Tensor:  # (B, T, n)
        query, key = self.query(x).transpose(1, 2)[:, :, :, None], self.key(x).transpose(1, 2)[:, :, None]
        if self.safe:
            pairs = 1 / (1 + torch.exp(query) * torch.exp(key))  # (B, 32, T, T)
        else:
            pairs = -0.5 * torch.tanh(0.5 * (query + key))
        n, _, moments, _ = pairs.shape
        energy = (self.across @ pairs.flatten(2)).reshape(n, moments, moments)
        share = torch.exp(energy - energy.amax(dim=2, keepdim=True))
        share = share if self.near is None else share * self.near
        return (share / (share.sum(dim=2, keepdim=True) + self.eps)) @ x


class _Decoder(nn.Module):
    """Samples doubled level by level, each with a convolution; the last two levels, and the answer, in phases."""

    def __init__(self, decoder: Any, end: Any, moments: int) -> None:
        super().__init__()
        n, last, self.length = moments, len(decoder.convs) - 1, decoder.lengths[-1]
        self.cuts: list[slice | None] = []
        for most in decoder.lengths:
            over = 2 * n - most
            first, cut = (over // 2, over > 1) if decoder.late else (0, over > 0)
            n = most if cut else 2 * n
            self.cuts.append(slice(first, first + most) if cut else None)
        together = n == self.length and self.cuts[-2:] == [None, None]
        self.phases = [1]  # in which the samples of each level stand
        self.steps = nn.ModuleList()
        for i, (conv, cut_at) in enumerate(zip(decoder.convs, self.cuts)):
            weight, bias, phases = conv.weight, conv.bias, self.phases[-1]
            if cut_at is not None:  # what is cut off before the convolution must not be seen by it
                self.steps.append(Convolution(weight, bias))
                self.phases.append(1)
                continue
            made = phased(weight, into=phases, out=2 * phases, places=_doubled(weight.shape[-1]))
            self.steps.append(Convolution(made, bias.repeat(2 * phases)))
            self.phases.append(2 * phases if together and i > last - 2 else 1)
        made = phased(
            end.weight, into=self.phases[-1], out=self.phases[-1], places=_same(end.weight.shape[-1])
        )
        self.end = Convolution(made, end.bias.repeat(self.phases[-1]))

    def forward(self, x: Tensor) -> Tensor:  # (B, n, 1, T)
        for step, cut, phases in zip(self.steps, self.cuts, self.phases[1:]):
            if cut is not None:
                x = F.relu(step(F.interpolate(x, scale_factor=(1.0, 2.0), mode="nearest")[..., cut]))
            else:
                x = F.relu(step(x))
                x = in_line(x, 2) if phases == 1 else x
        return in_line(self.end(x), self.phases[-1])[:, :, 0, : self.length]
