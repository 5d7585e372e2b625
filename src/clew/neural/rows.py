"""Rows as tensors, and the order in which an epoch goes through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


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

    def take(self, rows: Tensor) -> Rows:
        """Return some of the rows, by their numbers."""
        return Rows(*(None if part is None else part.index_select(0, rows) for part in self._parts()))  # type: ignore[arg-type]

    def to(self, device: torch.device) -> Rows:
        """Return the rows on a device; lengths stay, since packing wants them on the CPU."""
        x, y, lengths, weight = self._parts()
        moved = (None if part is None else part.to(device) for part in (x, y, weight))
        x, y, weight = moved
        return Rows(x, y, lengths, weight)  # type: ignore[arg-type]

    def blocks(self, size: int) -> Iterator[Rows]:
        """Yield the rows in order, so many at a time."""
        for start in range(0, len(self), size):
            yield Rows(*(None if part is None else part[start : start + size] for part in self._parts()))  # type: ignore[arg-type]

    def _parts(self) -> tuple[Tensor | None, ...]:
        return self.x, self.y, self.lengths, self.weight


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
