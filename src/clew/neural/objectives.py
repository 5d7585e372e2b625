"""What a training brings down: the loss of a batch, a score to read beside it, and what no look at the rows would give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from clew.errors import DataError, SettingError, check
from clew.neural.rows import Rows

PADDING = -100  # the class of steps that nobody is asked about, torch's own; of numbers it is NaN
TINY = 1e-30


class Objective:
    """The loss of one batch; a subclass, or a loss of your own, makes it another.

    Parameters
    ----------
    loss : callable (output, rows) -> Tensor
        The mean loss of a batch, of what the net answered and the `Rows` that it was asked about.
    name : str, optional
    """

    name, score_name = "loss", ""

    def __init__(self, loss: Callable[[Any, Rows], Tensor] | None = None, *, name: str | None = None) -> None:
        self.own = loss
        self.name = name or str(getattr(loss, "__name__", type(self).name))

    def loss(self, output: Any, rows: Rows) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        assert self.own is not None
        return self.own(output, rows)

    def size(self, rows: Rows) -> float:
        """Return over how much the loss is a mean: rows, steps, or their weights; by it, losses of batches are put together."""
        return len(rows)

    def score(self, output: Any, rows: Rows) -> float:
        """Return the mean score of a batch; NaN where there is none."""
        return float("nan")

    def scored(self, rows: Rows) -> float:
        """Return over how much the score is a mean."""
        return self.size(rows)

    def chance(self, rows: Rows) -> float:
        """Return the loss of an answer without a look at the rows; NaN where unknown."""
        return float("nan")

    def backward(
        self,
        net: nn.Module,
        rows: Rows,
        *,
        scale: Callable[[Tensor], Tensor] = lambda loss: loss,
        truncate: int | None = None,
    ) -> Tensor:
        """Add the gradients of a batch to the net's; return its loss, detached.

        Parameters
        ----------
        net : Module
        rows : Rows
        scale : callable
            Applied to the loss first: arithmetic of half precision asks for it.
        truncate : int, optional
            Through how many steps of a sequence gradients flow back; through all by default.
        """
        pieces = (
            iter([self.loss(forward(net, rows), rows)])
            if truncate is None
            else self._pieces(net, rows, truncate)
        )
        losses = []
        for loss in pieces:  # one after the other: the memory needed is that of one
            scale(loss).backward()
            losses.append(loss.detach())
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _pieces(self, net: Any, rows: Rows, steps: int) -> Iterator[Tensor]:
        """Yield the loss of each piece of the sequences, where each step has an answer; else one of the whole."""
        from clew.neural.nets.recurrent import RecurrentNet
        from clew.neural.truncated import pieces, truncated_forward

        check(isinstance(net, RecurrentNet), SettingError, "The 'truncate' of a net must go with a recurrent one. Got {}.", type(net).__name__)  # fmt: skip
        if net.config.head != "tag":
            yield self.loss(truncated_forward(net, rows.x, rows.lengths, steps=steps), rows)
            return
        assert rows.y is not None
        for piece, hidden in pieces(net, rows.x, rows.lengths, steps):
            part = replace(rows, x=rows.x[:, piece], y=rows.y[:, piece])
            share = self.size(part) / self.size(rows)
            if share > 0:
                yield self.loss(net.read_out(hidden), part) * share


def forward(net: nn.Module, rows: Rows) -> Any:
    """Ask a net about rows; one that understands lengths, or what the rows are, is told."""
    if getattr(net, "takes_labels", False):
        return net(rows.x, rows.y)
    if rows.lengths is not None and getattr(net, "takes_lengths", False):
        return net(rows.x, rows.lengths)
    return net(rows.x)


class CrossEntropy(Objective):
    """Cross-entropy of classes, of rows or of the steps of sequences (the last axis of the output are the classes).

    Parameters
    ----------
    class_weight : Tensor, shape (n_classes,), optional
        How much a row of each class counts.
    n_classes : int, optional
        How many answers the net must give; as many as it does by default.
    """

    name, score_name = "cross-entropy", "accuracy"

    def __init__(self, class_weight: Tensor | None = None, *, n_classes: int | None = None) -> None:
        super().__init__()
        self.class_weight, self.n_classes = class_weight, n_classes

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over rows, or over the steps that are no padding."""
        codes = _answers(rows)
        fits = output.shape[:-1] == codes.shape and self.n_classes in (None, output.shape[-1])
        _check_shape(fits, output, (*codes.shape, self.n_classes or "classes"))
        logits, codes = _full(output).flatten(0, -2), codes.flatten()
        if self.class_weight is None and rows.weight is None:
            return functional.cross_entropy(logits, codes, ignore_index=PADDING)
        each, counts = (
            functional.cross_entropy(logits, codes, ignore_index=PADDING, reduction="none"),
            self._counts(rows),
        )
        return (each * counts).sum() / counts.sum().clamp(min=TINY)

    def size(self, rows: Rows) -> float:
        """Return the sum of the weights of rows, or of steps that are no padding."""
        plain = self.class_weight is None and rows.weight is None and _answers(rows).ndim == 1
        return len(rows) if plain else float(self._counts(rows).sum())

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return the share of right answers."""
        asked = _answers(rows) != PADDING
        return float((output.argmax(-1) == rows.y)[asked].double().mean())

    def scored(self, rows: Rows) -> float:
        """Return the number of rows, or of steps that are no padding."""
        return int((_answers(rows) != PADDING).sum())

    def chance(self, rows: Rows) -> float:
        """Return the entropy of the (weighted) shares of the classes, in nat: what always saying these would cost."""
        codes = _answers(rows).flatten()
        asked = codes != PADDING
        counts = torch.bincount(codes[asked], self._counts(rows).double()[asked])
        shares = counts[counts > 0] / counts.sum()
        return float(-(shares * shares.log()).sum())

    def _counts(self, rows: Rows) -> Tensor:
        """Return how much each row or step counts, float (n,) or (n * steps,); padding does not."""
        codes = _answers(rows).flatten()
        counts = (codes != PADDING).float()
        if self.class_weight is not None:
            counts = counts * self.class_weight.to(counts)[codes.clamp(min=0)]
        if rows.weight is not None:
            counts = counts * rows.weight.to(counts).repeat_interleave(len(codes) // len(rows))
        return counts


class NumbersLoss(Objective):
    """A loss of your own for numbers; (B, 1) beside (B,) would be paired each with each, so it gets answers in the shape of y."""

    def loss(self, output: Any, rows: Rows) -> Tensor:
        """Return the mean loss of a batch; what is no tensor, or holds more than y, comes as the net gave it."""
        wanted = _answers(rows)
        alike = isinstance(output, Tensor) and output.numel() == wanted.numel()
        return super().loss(output.reshape(wanted.shape) if alike else output, rows)


class SquaredError(Objective):
    """Mean squared error of numbers; NaN among the answers is padding. The score is R2 against the spread of the training rows."""

    name, score_name = "mse", "r2"

    def __init__(self) -> None:
        super().__init__()
        self.spread = float("nan")

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the (weighted) mean over all numbers that are no padding."""
        wanted = _answers(rows)
        _check_shape(output.numel() == wanted.numel(), output, tuple(wanted.shape))
        said = _full(output).reshape(wanted.shape)
        if rows.weight is None and rows.lengths is None:
            return functional.mse_loss(said, wanted)
        counts = self._counts(rows)
        return ((said - wanted.nan_to_num()) ** 2 * counts).sum() / counts.sum().clamp(min=TINY)

    def size(self, rows: Rows) -> float:
        """Return the sum of the weights of all numbers that are no padding."""
        plain = rows.weight is None and rows.lengths is None
        return _answers(rows).numel() if plain else float(self._counts(rows).sum())

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return R2 of a batch against the spread of the training rows."""
        return 1 - float(self.loss(output, rows)) / self.spread if self.spread > 0 else float("nan")

    def chance(self, rows: Rows) -> float:
        """Return the variance, which is what always saying the mean would cost."""
        numbers, counts = _answers(rows).nan_to_num().double(), self._counts(rows).double()
        mean = (numbers * counts).sum(0) / counts.sum(0).clamp(min=TINY)
        self.spread = float(((numbers - mean) ** 2 * counts).sum() / counts.sum())
        return self.spread

    def _counts(self, rows: Rows) -> Tensor:
        """Return how much each number counts, of the shape of the answers; padding does not."""
        wanted = _answers(rows)
        asked = (~wanted.isnan()).to(wanted)
        return asked if rows.weight is None else asked * rows.weight.view(-1, *[1] * (wanted.ndim - 1))


def _answers(rows: Rows) -> Tensor:
    assert rows.y is not None
    return rows.y


def _full(output: Tensor) -> Tensor:
    """Return what a net says in float32 at least, in which losses are computed."""
    return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output


def _check_shape(fits: bool, output: Tensor, wanted: tuple[Any, ...]) -> None:
    check(fits, DataError, "The answers of the net must be of shape {}, to fit y. Got {}.", wanted, tuple(output.shape))  # fmt: skip
