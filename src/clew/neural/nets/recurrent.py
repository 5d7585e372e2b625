"""What all recurrent nets share: tokens, layers over time, lengths, state, and heads; `step`, one moment of one layer, is a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

# each (layers * directions, B, units), as torch has it: (hidden,), or (hidden, cell)
State = tuple[Tensor, ...]
Head = Literal["classify", "tag", "forecast"]
Pool = Literal["last", "mean", "max"]


@dataclass(frozen=True)
class RecurrentConfig:
    """Sizes of a recurrent net.

    Parameters
    ----------
    n_in : int
        Values that the net hears at each step; of tokens, how many numbers stand for one.
    n_out : int
        Classes, or values to foretell.
    hidden : int
        Units of a layer, in each direction.
    layers : int
        Each listens to the one below.
    bidirectional : bool
        Whether a second set of units reads from the end to the beginning.
    dropout : float
        Share of values left out between layers and before the head, in training.
    head : {"classify", "tag", "forecast"}
        One answer a sequence (a class or a number), one a step, or the next ``horizon`` values.
    pool : {"last", "mean", "max"}
        What the head sees of a sequence: its last step (of the reverse direction the first), or the mean or largest value over its steps.
    vocabulary : int, optional
        How many tokens there are; None where steps are numbers.
    horizon : int
        How many steps are forecast.
    frame : int
        How many moments of a sequence the net hears at once, as one step of ``n_in`` values, frame * F. What is left over at
        the end is heard too, filled up with 0.
    fast : bool
        Whether torch's kernel does what `RecurrentNet.step` says, on the same weights.
    """

    n_in: int
    n_out: int
    hidden: int = 64
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    head: Head = "classify"
    pool: Pool = "last"
    vocabulary: int | None = None
    horizon: int = 1
    frame: int = 1
    fast: bool = True

    def __post_init__(self):
        for name in ("n_in", "n_out", "hidden", "layers", "horizon", "frame"):
            self._check(name, getattr(self, name) >= 1, "an int from 1")
        self._check("dropout", 0 <= self.dropout < 1, "from 0 to below 1")
        self._check("head", self.head in get_args(Head), f"one of {', '.join(get_args(Head))}")
        self._check("pool", self.pool in get_args(Pool), f"one of {', '.join(get_args(Pool))}")
        framed = self.head != "tag" and self.vocabulary is None and self.n_in % self.frame == 0
        self._check("frame", self.frame == 1 or framed, "1 for tokens and for tagging, and divide n_in")
        self._check("vocabulary", self.vocabulary is None or self.vocabulary >= 1, "an int from 1, or None")

    def _check(self, name: str, fits: bool, must: str) -> None:
        if not fits:
            raise ValueError(
                f"The '{name}' setting of a recurrent net must be {must}. Got {getattr(self, name)} instead."
            )

    @staticmethod
    def of(shape: tuple[int, ...], n_out: int, **settings: Any) -> RecurrentConfig:
        """Return the config for sequences of ``shape`` (T, F), or (T,) for tokens, for which ``vocabulary`` must be given."""
        if (len(shape) == 1) != (settings.get("vocabulary") is not None):
            raise ValueError(
                "The sequences of a recurrent net must be of shape (T, F), or of shape (T,) with the setting 'vocabulary'. "
                f"Got shape {tuple(shape)} and vocabulary {settings.get('vocabulary')}."
            )
        n_in = shape[1] * settings.get("frame", 1) if len(shape) == 2 else 32
        return RecurrentConfig(**{"n_in": n_in, "n_out": n_out, **settings})

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def n_answers(self) -> int:
        """How many numbers leave the head."""
        return self.n_out * self.horizon if self.head == "forecast" else self.n_out


class RecurrentNet(nn.Module):
    """Layers of units that hear the sequence and what they themselves said a step before, and a head.

    A net gives its ``step``, and the ``kernel`` of torch that holds its weights and does the same, faster.

    Parameters
    ----------
    config : RecurrentConfig
    """

    takes_lengths = True
    kernel: Any = None
    layers: Any
    n_states = 1  # tensors that a layer hands on from step to step; the first is what it says

    def __init__(self, config: RecurrentConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.n_in) if config.vocabulary else None
        self.layers = self.make_layers()
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * config.directions, config.n_answers)

    def make_layers(self) -> nn.Module:
        """Return the module that holds the weights of all layers under torch's names, and runs them fast."""
        c = self.config
        between = c.dropout if c.layers > 1 else 0.0
        return self.kernel(c.n_in, c.hidden, c.layers, batch_first=True, bidirectional=c.bidirectional, dropout=between)  # fmt: skip

    def step(self, x: Tensor, state: State, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> State:
        """Return the state of one layer after it has heard ``x`` (B, F), each tensor (B, units)."""
        raise NotImplementedError

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the answers, (B, n_out), for tagging (B, T, n_out), for forecasting (B, horizon, n_out).

        Parameters
        ----------
        x : Tensor
            (B, T, F), or tokens (B, T) of int64. What stands behind the end of a sequence changes nothing.
        lengths : Tensor, optional
            (B,) of int64, from 1 to T; all T where None.
        """
        return self.forward_from(x, None, lengths)[0]

    def forward_from(
        self, x: Tensor, state: State | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return the answers and the state behind the last step, having begun with ``state`` (None: zeros)."""
        x, lengths = self.framed(x, lengths)
        hidden, state = self.unroll(x, state, lengths)
        return self.read_out(hidden, lengths), state

    def framed(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return a sequence (B, T, F) as steps of one frame each, (B, steps, frame * F), and how many there are of these."""
        frame = self.config.frame
        if frame == 1:
            return x, lengths
        if lengths is not None:
            x, lengths = blank(x, steps_inside(x, lengths)), (lengths + frame - 1) // frame
        x = nn.functional.pad(x, (0, 0, 0, -x.shape[1] % frame))
        return x.reshape(x.shape[0], -1, frame * x.shape[2]), lengths

    def unroll(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return what the last layer says at each step, (B, T, directions * units), 0 in the padding, and the state behind the last step.

        A step is what `framed` made of the sequence.

        Raises
        ------
        ValueError
            If lengths are not from 1 to T, or a bidirectional net is given a state: its other half needs one from the future.
        """
        if state is not None and self.config.bidirectional:
            raise ValueError("A net that goes on from a state must read in one direction. Got a bidirectional one.")  # fmt: skip
        if lengths is not None:
            x = blank(x, steps_inside(x, lengths))
        if self.embedding is not None:
            x = self.embedding(x)  # (B, T, F)
        run = self._by_kernel if self.config.fast and self.kernel else self._in_steps
        return run(x, state, lengths)

    def read_out(self, hidden: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the answers of the head to what the last layer said, (B, T, directions * units)."""
        c = self.config
        seen = hidden if c.head == "tag" else self.pool(hidden, lengths)  # (B, T, D * H) or (B, D * H)
        answers = self.head(self.dropout(seen))
        return answers.view(-1, c.horizon, c.n_out) if c.head == "forecast" else answers

    def pool(self, hidden: Tensor, lengths: Tensor | None) -> Tensor:
        """Return one vector (B, D * H) for each sequence."""
        c, inside = self.config, steps_inside(hidden, lengths)[..., None]  # (B, T, 1)
        if c.pool == "mean":
            return hidden.sum(1) / inside.sum(1)  # hidden is 0 in the padding
        if c.pool == "max":
            return hidden.masked_fill(~inside, -torch.inf).amax(1)
        last = hidden[:, -1] if lengths is None else hidden[torch.arange(len(hidden)), lengths - 1]
        if not c.bidirectional:
            return last
        first = hidden[:, 0]  # where the reverse direction ends
        return torch.cat([last[:, : c.hidden], first[:, c.hidden :]], dim=1)

    def _by_kernel(self, x: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, State]:
        before: Any = state if state is None or self.n_states > 1 else state[0]
        if lengths is None:
            hidden, after = self.layers(x, before)
        else:
            packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
            hidden, after = self.layers(packed, before)
            hidden, _ = pad_packed_sequence(hidden, batch_first=True, total_length=x.shape[1])
        return hidden, after if self.n_states > 1 else (after,)

    def _in_steps(self, x: Tensor, state: State | None, lengths: Tensor | None) -> tuple[Tensor, State]:
        """Do what the kernel does, in the open: layer by layer, in each direction, step by step."""
        c, inside, ends = self.config, steps_inside(x, lengths), []
        for layer in range(c.layers):
            said = []
            for direction in range(c.directions):
                place = layer * c.directions + direction
                weights = self.layers.all_weights[place]
                own = self._silence(x, weights) if state is None else tuple(one[place] for one in state)
                if direction == 0:
                    hidden, own = self._walk(x, inside, own, weights)  # (B, T, H)
                else:
                    hidden, own = self._walk(x.flip(1), inside.flip(1), own, weights)
                    hidden = hidden.flip(1)
                said.append(hidden)
                ends.append(own)
            x = torch.cat(said, dim=2)  # (B, T, D * H)
            if layer < c.layers - 1:
                x = nn.functional.dropout(x, c.dropout, self.training)
        return x, tuple(torch.stack(one) for one in zip(*ends))

    def _walk(self, x: Tensor, inside: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
        """Go through the steps of ``x`` (B, T, F); a sequence that is over, or has not begun, waits and is silent."""
        said = []
        for t in range(x.shape[1]):
            now = inside[:, t, None]  # (B, 1)
            after = self.step(x[:, t], state, *weights)
            said.append(after[0].masked_fill(~now, 0))
            state = tuple(torch.where(now, new, old) for new, old in zip(after, state))
        return torch.stack(said, dim=1), state

    def _silence(self, x: Tensor, weights: list[Tensor]) -> State:
        """Return the state of one layer before the first step, each tensor (B, units)."""
        return (x.new_zeros(x.shape[0], weights[1].shape[-1]),) * self.n_states


def steps_inside(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which steps of ``x`` (B, T, ...) belong to their sequence and are no padding, (B, T) of bool."""
    if lengths is None:
        return x.new_ones(x.shape[:2], dtype=torch.bool)
    if not 1 <= int(lengths.min()) <= int(lengths.max()) <= x.shape[1]:
        raise ValueError(
            f"The lengths of sequences must be from 1 to the number of steps ({x.shape[1]}). "
            f"Got {int(lengths.min())} to {int(lengths.max())}."
        )
    return torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None]


def blank(x: Tensor, inside: Tensor) -> Tensor:
    """Return ``x`` with 0 in the padding, where anything may have stood, NaN as well."""
    return x.masked_fill(~(inside if x.ndim == 2 else inside[..., None]), 0)
