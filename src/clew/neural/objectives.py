"""What a training brings down: the loss of a batch, a score to read beside it, and what no look at the rows would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.neural.rows import Rows

PADDING = -100  # the class of steps that nobody is asked about; torch's own


class Objective:
    """The loss of one batch; a subclass, or ``loss`` of your own, makes it another.

    Parameters
    ----------
    loss : callable (output, rows) -> Tensor
        The mean loss of a batch, of what the net answered and the `Rows` that it was asked about.
    name : str
    """

    name, score_name = "loss", ""

    def __init__(self, loss: Callable[[Any, Rows], Tensor] | None = None, *, name: str | None = None) -> None:
        self.own = loss
        self.name = name or getattr(loss, "__name__", type(self).name)

    def loss(self, output: Any, rows: Rows) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        assert self.own is not None
        return self.own(output, rows)

    def score(self, output: Any, rows: Rows) -> float:
        """Return the mean score of a batch; NaN where there is none."""
        return float("nan")

    def chance(self, rows: Rows) -> float:
        """Return the loss of an answer without a look at the rows; NaN where unknown."""
        return float("nan")

    def backward(self, net: nn.Module, rows: Rows, scale: Callable[[Tensor], Tensor] = lambda loss: loss) -> Tensor:
        """Add the gradients of a batch to the net's; return its loss, detached.

        ``scale`` is applied to the loss first: arithmetic of half precision asks for it.
        """
        loss = self.loss(forward(net, rows), rows)
        scale(loss).backward()
        return loss.detach()


def forward(net: nn.Module, rows: Rows) -> Any:
    """Ask a net about rows; one that understands lengths is told them."""
    if rows.lengths is not None and getattr(net, "takes_lengths", False):
        return net(rows.x, rows.lengths)
    return net(rows.x)


class CrossEntropy(Objective):
    """Cross-entropy of classes, of rows or of the steps of sequences (the last axis of the output are the classes).

    Parameters
    ----------
    class_weight : Tensor, shape (n_classes,), optional
        How much a row of each class counts.
    """

    name, score_name = "cross-entropy", "accuracy"

    def __init__(self, class_weight: Tensor | None = None) -> None:
        super().__init__()
        self.class_weight = class_weight

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over rows, or over the steps that are no padding."""
        logits, codes = output.flatten(0, -2), rows.y.flatten()  # type: ignore[union-attr]
        weight = None if self.class_weight is None else self.class_weight.to(logits)
        if rows.weight is None:
            return functional.cross_entropy(logits, codes, weight, ignore_index=PADDING)
        each = functional.cross_entropy(logits, codes, weight, ignore_index=PADDING, reduction="none")
        shares = rows.weight.repeat_interleave(len(codes) // len(rows)) * (codes != PADDING)
        return (each * shares).sum() / shares.sum()

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return the share of right answers."""
        assert rows.y is not None
        asked = rows.y != PADDING
        return float((output.argmax(-1) == rows.y)[asked].double().mean())

    def chance(self, rows: Rows) -> float:
        """Return the entropy of the (weighted) shares of the classes, in nat: what always saying these would cost."""
        assert rows.y is not None
        codes = rows.y[rows.y != PADDING].flatten()
        counts = torch.bincount(codes).double()
        if self.class_weight is not None:
            counts = counts * self.class_weight.double().cpu()[: len(counts)]
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())


class SquaredError(Objective):
    """Mean squared error of numbers; the score is R2 against the spread of the training rows."""

    name, score_name = "mse", "r2"

    def __init__(self) -> None:
        super().__init__()
        self.spread = float("nan")

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over all numbers."""
        assert rows.y is not None
        squares = (output.reshape(rows.y.shape) - rows.y) ** 2
        if rows.weight is None:
            return squares.mean()
        shares = rows.weight.reshape(-1, *[1] * (squares.ndim - 1)).expand_as(squares)
        return (squares * shares).sum() / shares.sum()

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return R2 of a batch against the spread of the training rows."""
        return 1 - float(self.loss(output, rows)) / self.spread if self.spread > 0 else float("nan")

    def chance(self, rows: Rows) -> float:
        """Return the variance, which is what always saying the mean would cost."""
        assert rows.y is not None
        self.spread = float(((rows.y - rows.y.mean(0)) ** 2).mean())
        return self.spread
