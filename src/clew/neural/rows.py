"""Rows as tensors, and the order in which an epoch goes through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK, BLOCK_VALUES = (
    256,
    2**20,
)  # at most so many rows are asked about at a time, and rows of so many numbers together


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows to learn from or to judge by.

    Parameters
    ----------
    x : Tensor, shape (n, ...)
    y : Tensor, shape (n, ...), optional
        What is to be said of each; int64 codes of classes, or numbers. A net that learns x itself needs none.
    lengths : Tensor of int64, shape (n,), optional
        How many steps of each sequence are real; the rest is padding.
    weight : Tensor of float, shape (n,), optional
        How much each row counts.
    """

    x: Tensor
    y: Tensor | None = None
    lengths: Tensor | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def parts(self) -> list[Tensor]:
        """Return the tensors that there are."""
        return [part for part in (self.x, self.y, self.lengths, self.weight) if part is not None]

    def take(self, rows: Tensor) -> Rows:
        """Return some of the rows, by their numbers."""
        return self._each(lambda part: part.index_select(0, rows.to(part.device)))

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> Rows:
        """Return the rows on a device, numbers in a dtype; codes stay, and lengths on the CPU, where packing wants them."""
        moved = self._each(lambda part: part.to(device, dtype if part.is_floating_point() else None))
        return Rows(moved.x, moved.y, self.lengths, moved.weight)

    def blocks(self) -> Iterator[Rows]:
        """Yield the rows in order, some at a time: fewer where they are large."""
        values = self.x[:1].numel()
        size = max(1, min(BLOCK, BLOCK_VALUES // max(1, values)))
        for start in range(0, len(self), size):
            yield self._each(lambda part, start=start: part[start : start + size])  # type: ignore[misc]

    def _each(self, do: Callable[[Tensor], Tensor]) -> Rows:
        return Rows(
            do(self.x), *(None if part is None else do(part) for part in (self.y, self.lengths, self.weight))
        )


def epoch_order(n_rows: int, n: int, random: torch.Generator) -> Tensor:
    """Return the rows of one epoch, int64 (n,): drawn without replacement; each once before any comes twice."""
    passes = -(-n // n_rows)
    return torch.cat([torch.randperm(n_rows, generator=random) for _ in range(passes)])[:n]


def batches(order: Tensor, size: int, *, alone: bool = True) -> list[Tensor]:
    """Cut an order into batches; a last one of a single row joins the one before, where it may not stand alone."""
    parts = list(order.split(size))
    if not alone and len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts
