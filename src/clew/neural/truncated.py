"""Truncated back-propagation through time: the state goes on through the whole sequence, the gradient only some steps back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from clew.errors import DataError, SettingError, check
from clew.neural.nets.recurrent import RecurrentNet, State, blank, steps_inside


def truncated_forward(net: RecurrentNet, x: Tensor, lengths: Tensor | None = None, *, steps: int) -> Tensor:
    """Return what ``net(x, lengths)`` returns, through which gradients flow back at most ``steps`` steps: one update a sequence.

    Parameters
    ----------
    net : RecurrentNet
        That reads in one direction.
    x : Tensor
        (B, T, F), or tokens (B, T).
    lengths : Tensor, optional
        (B,) of int64.
    steps : int
        The sequence is cut every ``steps`` steps (of one frame each), counted from the end of the longest.

    Raises
    ------
    SettingError
        If ``steps`` is below 1, or the net is bidirectional.

    Notes
    -----
    Williams & Peng (1990), Neural Computation 2, doi:10.1162/neco.1990.2.4.490.
    """
    x, lengths = net.framed(x, lengths)
    hidden = torch.cat([part for _, part in pieces(net, x, lengths, steps)], dim=1)  # (B, longest, units)
    hidden = pad(hidden, (0, 0, 0, x.shape[1] - hidden.shape[1]))  # (B, T, units)
    return net.read_out(hidden, lengths)


def truncated_losses(
    net: RecurrentNet,
    x: Tensor,
    y: Tensor,
    lengths: Tensor | None = None,
    *,
    steps: int,
    loss: Callable[[Tensor, Tensor], Tensor],
) -> Iterator[Tensor]:
    """Yield the loss of each piece of ``steps`` steps of a net that tags; their sum is the mean loss over all steps.

    Call ``backward()`` on each before the next is asked for: the memory needed is that of one piece. Update the weights behind each
    piece, or once behind the last.

    Parameters
    ----------
    net, x, lengths, steps
        As for `truncated_forward`.
    y : Tensor
        (B, T) or (B, T, n_out): what is wanted at each step.
    loss : callable
        Of answers (n, n_out) and what is wanted (n,) or (n, n_out), for the n steps that are no padding; the mean over them.

    Raises
    ------
    SettingError
        As for `truncated_forward`.
    DataError
        If the net does not tag, or ``y`` has another number of steps than ``x``.
    """
    check(
        net.config.head == "tag" and y.shape[:2] == x.shape[:2],
        DataError,
        "The pieces of a sequence must have an answer at each step (head 'tag', y of shape {}). Got head '{}', y of shape {}.",
        (*x.shape[:2], "..."),
        net.config.head,
        tuple(y.shape),
    )
    inside = steps_inside(x, lengths)  # (B, T)
    for piece, hidden in pieces(net, x, lengths, steps):
        here = inside[:, piece]
        answers = net.read_out(hidden)[here]  # (n, n_out)
        yield loss(answers, y[:, piece][here]) * (int(here.sum()) / int(inside.sum()))


def pieces(
    net: RecurrentNet, x: Tensor, lengths: Tensor | None, steps: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield each piece and what the last layer says in it, (B, piece, units), from a state that knows no gradient."""
    check(
        steps >= 1,
        SettingError,
        "The 'steps' of truncated back-propagation must be an int from 1. Got {}.",
        steps,
    )
    check(
        not net.config.bidirectional,
        SettingError,
        "A net for truncated back-propagation must read in one direction. Got a bidirectional one.",
    )
    inside = steps_inside(x, lengths)  # (B, T)
    longest = int(inside.sum(1).max())
    state: State | None = None
    start = 0
    for stop in range((longest - 1) % steps + 1, longest + 1, steps):
        piece = slice(start, stop)
        here = inside[:, piece]
        # the kernel wants one step at least: what is over goes on with zeros, and nobody listens
        left = None if lengths is None else (lengths - start).clamp(1, stop - start)
        hidden, state = net.unroll(blank(x[:, piece], here), state, left)
        yield piece, blank(hidden, here)
        start, state = stop, tuple(one.detach() for one in state)
