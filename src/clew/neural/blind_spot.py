"""Blind spots: pixels of a noisy image are hidden from the net, which has to say them by what lies around (Noise2Void)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from clew.neural.objectives import Objective
from clew.neural.rows import Rows

Fill = Literal["uniform", "median"]
RADIUS: dict[Fill, int] = {
    "uniform": 5,
    "median": 2,
}  # px to each side, from where a hidden value is replaced
MOST_HIDDEN = 0.15  # of all pixels, where neighbours are hidden, too


@dataclass(frozen=True)
class BlindSpot:
    """Hide some pixels of each row, one in each box of a grid, and ask for them: x without them, y of them alone.

    A hidden value leaves no trace: what replaces it, and any other hidden pixel, comes from pixels that can be seen.

    Parameters
    ----------
    fill : {"median", "uniform"}
        What stands in its place: the median of the pixels around it, or one of them, drawn at random.
    share : float
        Of the pixels, how many are asked for.
    along : int, optional
        An axis, such as -1, along which noise hangs together: the neighbours along it are hidden, too, and not asked for.
    reach : int
        How many of them, to each side.

    Notes
    -----
    Krull, Buchholz & Jug, CVPR (2019), arXiv:1811.10980; the median: Höck et al. (2022), arXiv:2211.08512; neighbours
    along an axis: Broaddus et al., ISBI (2020), doi:10.1109/ISBI45749.2020.9098336.
    """

    fill: Fill = "median"
    share: float = 0.03
    along: int | None = None
    reach: int = 5

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        """Return rows of which y, of the shape of x, is NaN wherever nothing is asked."""
        x = rows.x  # (B, C, sides ...)
        asked = self.asked((len(x), *x.shape[2:]), random).to(x.device)  # (B, sides ...)
        hidden = asked if self.along is None else _spread(asked, self.along, self.reach)
        seen = x.masked_fill(hidden[:, None], torch.nan)
        filled = seen.clone()
        at = hidden.nonzero(as_tuple=True)
        filled[(at[0], slice(None), *at[1:])] = self._replaced(seen, at, random)
        return replace(rows, x=filled, y=x.masked_fill(~asked[:, None], torch.nan))

    def asked(self, shape: tuple[int, ...], random: torch.Generator) -> Tensor:
        """Draw the pixels that are asked for, bool of shape (B, sides ...): one in each box of a grid that lies anywhere."""
        n_rows, *sides = shape
        box = self.box(len(sides))
        counts = [n // box + 2 for n in sides]
        row = torch.arange(n_rows).view(-1, *[1] * len(sides)).expand(-1, *counts)
        at, inside = [row], torch.ones(row.shape, dtype=torch.bool)
        for axis, (n, count) in enumerate(zip(sides, counts, strict=True)):
            first = torch.randint(box, (n_rows, *[1] * len(sides)), generator=random)
            along = torch.arange(count).view(-1, *[1] * (len(sides) - axis - 1))
            place = along * box - first + torch.randint(box, row.shape, generator=random)
            at.append(place)
            inside &= (place >= 0) & (place < n)
        found = torch.zeros(shape, dtype=torch.bool)
        found[tuple(one[inside] for one in at)] = True
        return found

    def box(self, n_axes: int) -> int:
        """Return the sides of the boxes, of each of which one pixel is asked for."""
        share = self.share if self.along is None else min(self.share, MOST_HIDDEN / (2 * self.reach + 1))
        return max(1, round(share ** (-1 / n_axes)))

    def _replaced(self, seen: Tensor, at: tuple[Tensor, ...], random: torch.Generator) -> Tensor:
        """Return what stands in place of hidden pixels, (P, C), of the pixels around them that can be seen."""
        n_axes = seen.ndim - 2
        radius = RADIUS[self.fill] + (self.reach if self.along is not None and n_axes == 1 else 0)
        around = torch.nn.functional.pad(seen, [radius] * 2 * n_axes, value=torch.nan)
        row, *places = at
        windows = torch.stack(
            [
                around[(row, slice(None), *(a + step for a, step in zip(places, steps, strict=True)))]
                for steps in itertools.product(range(2 * radius + 1), repeat=n_axes)
            ],
            dim=-1,
        )  # (P, C, window)
        if self.fill == "median":
            found = windows.nanquantile(0.5, dim=-1)
        else:
            score = torch.rand(len(windows), 1, windows.shape[-1], generator=random).to(seen.device)
            first = score.masked_fill(windows[:, :1].isnan(), -1).argmax(-1, keepdim=True)
            found = windows.gather(-1, first.expand(-1, windows.shape[1], -1))[..., 0]
        return found.nan_to_num(0.0)  # the mean, where nothing around can be seen


class BlindSpotError(Objective):
    """Mean squared error at the pixels that are asked for; where rows are whole, at all of them."""

    name = "blind-spot error"

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the mean over the pixels that are asked for."""
        wanted = rows.x if rows.y is None else rows.y
        asked = ~wanted.isnan()
        return ((output.float()[asked] - wanted[asked]) ** 2).mean()

    def size(self, rows: Rows) -> float:
        """Return how many pixels are asked for."""
        return rows.x.numel() if rows.y is None else int((~rows.y.isnan()).sum())

    def chance(self, rows: Rows) -> float:
        """Return the variance, which is what always saying the mean would cost."""
        return float(rows.x.double().var(correction=0))


def _spread(asked: Tensor, along: int, reach: int) -> Tensor:
    """Return the pixels that are asked for with their neighbours along an axis."""
    moved = asked.movedim(along, -1)
    wide = torch.nn.functional.max_pool1d(
        moved.reshape(1, -1, moved.shape[-1]).float(), 2 * reach + 1, stride=1, padding=reach
    )
    return wide.view(moved.shape).bool().movedim(-1, along)
