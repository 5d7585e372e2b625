"""Rows seen anew in every epoch: changes that leave the answer as it is, drawn from a generator.

Each is a frozen dataclass, called with `Rows` and a generator. What stands at each place of a grid, or at each step, as an
answer moves along with its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from clew.errors import DataError, SettingError, check
from clew.neural.architectures import Takes
from clew.neural.objectives import PADDING
from clew.neural.rows import Rows

Augment = Callable[[Rows, torch.Generator], Rows]


@dataclass(frozen=True)
class Chain:
    """One change after another.

    Parameters
    ----------
    changes : tuple of callables (rows, generator) -> Rows
    """

    changes: tuple[Augment, ...]

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        for change in self.changes:
            rows = change(rows, random)
        return rows


@dataclass(frozen=True)
class Flip:
    """Mirror each row, or not, along each side.

    Parameters
    ----------
    sides : tuple of int, optional
        Which sides, from 0; all by default. Of images 0 is up and down, 1 left and right.
    """

    sides: tuple[int, ...] | None = None

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        n_sides = rows.x.ndim - 2
        for side in range(n_sides) if self.sides is None else self.sides:
            check(side < n_sides, SettingError, "The 'sides' of Flip must be below {}. Got {}.", n_sides, side)  # fmt: skip
            chosen = torch.rand(len(rows), generator=random) < 0.5
            rows = _moved(rows, partial(_flipped, chosen, side - n_sides), of="Flip")
        return rows


@dataclass(frozen=True)
class Turn:
    """Turn each image by none to three quarters; one that is not square by none or a half. Volumes turn in their last two sides."""

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        check(rows.x.ndim >= 4, DataError, "The rows that Turn changes must be images. Got the shape {}.", tuple(rows.x.shape))  # fmt: skip
        quarters = torch.randint(4, (len(rows),), generator=random)
        if rows.x.shape[-1] != rows.x.shape[-2]:
            quarters = quarters // 2 * 2

        def turn(part: Tensor) -> Tensor:
            for n in set(quarters.tolist()) - {0}:
                part = _where(quarters == n, part.rot90(n, (-2, -1)), part)
            return part

        return _moved(rows, turn, of="Turn")


@dataclass(frozen=True)
class Shift:
    """Shift each row along each side, or in time.

    Parameters
    ----------
    share : float
        Of the side, by which it moves at most, either way; sequences that are filled up move within their own steps.
    edges : {"roll", "empty"}
        Whether what leaves at one end comes in at the other, or nothing does: 0, and no answer.
    takes : {"grids", "sequences"}
        Where the sides are: after the channels, or steps before the features.
    """

    share: float = 0.1
    edges: Literal["roll", "empty"] = "roll"
    takes: Takes = "grids"

    def __post_init__(self) -> None:
        check(0 <= self.share < 1, SettingError, "The 'share' of Shift must be a share of the side, from 0 to below 1, not a number of samples or pixels. Got {}.", self.share)  # fmt: skip

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        axes = (1,) if self.takes == "sequences" else range(2, rows.x.ndim)
        for number, axis in enumerate(axes):
            length = torch.full((len(rows),), rows.x.shape[axis]) if rows.lengths is None else rows.lengths
            by = ((2 * torch.rand(len(rows), generator=random) - 1) * self.share * length).round().long()
            place = torch.arange(rows.x.shape[axis])  # (side,)
            source = place - by[:, None]  # (n, side)
            inside = (source >= 0) & (source < length[:, None])
            source = torch.where(place < length[:, None], source % length[:, None], place)

            gone = None if self.edges == "roll" else ~inside
            answers = _answers(rows, tuple(rows.x.shape[one] for one in axes), of="Shift")
            y = rows.y if answers is None else _gathered(answers, 1 + number, source, gone, empty=PADDING)
            rows = replace(rows, x=_gathered(rows.x, axis, source, gone, empty=0), y=y)
        return rows


@dataclass(frozen=True)
class Gain:
    """Make each row larger or smaller, and lift it.

    Parameters
    ----------
    spread : float
        Standard deviation of the logarithm of the factor.
    offset : float
        Standard deviation of what is added, in the units that the net sees (its scale is about 1).
    """

    spread: float = 0.2
    offset: float = 0.0

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        shape = (len(rows), *[1] * (rows.x.ndim - 1))
        factor = (self.spread * torch.randn(shape, generator=random)).exp()
        offset = self.offset * torch.randn(shape, generator=random)
        return replace(rows, x=rows.x * factor.to(rows.x) + offset.to(rows.x))


@dataclass(frozen=True)
class Noise:
    """Add normal noise to every number.

    Parameters
    ----------
    spread : float
        Its standard deviation, in the units that the net sees (its scale is about 1).
    """

    spread: float = 0.05

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        noise = torch.randn(rows.x.shape, generator=random).to(rows.x)
        return replace(rows, x=rows.x + self.spread * noise)


@dataclass(frozen=True)
class Zoom:
    """Make what each image or volume shows larger or smaller, by twice at most, around its middle; its ends are mirrored.

    Parameters
    ----------
    spread : float
        Standard deviation of the logarithm of the factor.
    """

    spread: float = 0.2

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        check(rows.x.ndim >= 4, DataError, "The rows that Zoom changes must be images. Got the shape {}.", tuple(rows.x.shape))  # fmt: skip
        n_axes = rows.x.ndim - 2
        factor = (self.spread * torch.randn(len(rows), generator=random)).exp().clamp(0.5, 2)
        where = torch.cat(
            [torch.eye(n_axes) / factor[:, None, None], torch.zeros(len(rows), n_axes, 1)], dim=2
        )
        grid = functional.affine_grid(where.to(rows.x), list(rows.x.shape), align_corners=False)
        look = partial(functional.grid_sample, grid=grid, padding_mode="reflection", align_corners=False)
        answers = _answers(rows, tuple(rows.x.shape[2:]), of="Zoom")
        y = rows.y if answers is None else look(answers[:, None].to(rows.x), mode="nearest")[:, 0].to(answers)
        return replace(rows, x=look(rows.x, mode="bilinear"), y=y)


@dataclass(frozen=True)
class Gamma:
    """Bend the scale of each row: the size of each number to a power, its sign kept, so that 0 and 1 stay.

    Parameters
    ----------
    spread : float
        Standard deviation of the logarithm of the power.
    """

    spread: float = 0.2

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        power = (self.spread * torch.randn((len(rows), *[1] * (rows.x.ndim - 1)), generator=random)).exp()
        return replace(rows, x=rows.x.sign() * rows.x.abs() ** power.to(rows.x))


@dataclass(frozen=True)
class Grain:
    """Add normal noise, to each row more or less of it, as exposure times differ.

    Parameters
    ----------
    most : float
        Its largest standard deviation, in the units that the net sees (its scale is about 1).
    """

    most: float = 0.1

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        spread = self.most * torch.rand((len(rows), *[1] * (rows.x.ndim - 1)), generator=random)
        noise = spread * torch.randn(rows.x.shape, generator=random)
        return replace(rows, x=rows.x + noise.to(rows.x))


@dataclass(frozen=True)
class DropChannels:
    """Silence channels at random, as if a sensor had failed; never all of a row.

    Parameters
    ----------
    share : float
        Of the channels.
    takes : {"grids", "sequences"}
        Whether channels are the second axis or the last.
    """

    share: float = 0.1
    takes: Takes = "grids"

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        axis = rows.x.ndim - 1 if self.takes == "sequences" else 1
        lost = torch.rand(len(rows), rows.x.shape[axis], generator=random) < self.share
        lost &= ~lost.all(dim=1, keepdim=True)
        shape = [len(rows), *[1] * (rows.x.ndim - 1)]
        shape[axis] = -1
        return replace(rows, x=rows.x.masked_fill(lost.view(shape).to(rows.x.device), 0))


def usual(takes: Takes, n_sides: int) -> Augment | None:
    """Return what suits most rows of a kind; None where nothing does without knowing more.

    Parameters
    ----------
    takes : {"rows", "grids", "sequences"}
    n_sides : int
        Of a grid: signals (1) are shifted by up to a tenth, made larger or smaller, and noisier. Images (2) and volumes (3)
        are flipped and turned: only where orientation means nothing, as that of cells on a slide.
    """
    if takes != "grids":
        return None
    return Chain((Shift(), Gain(), Noise())) if n_sides == 1 else Chain((Flip(), Turn()))


def _moved(rows: Rows, move: Callable[[Tensor], Tensor], *, of: str) -> Rows:
    answers = _answers(rows, tuple(rows.x.shape[2:]), of=of)
    return replace(rows, x=move(rows.x), y=rows.y if answers is None else move(answers))


def _gathered(part: Tensor, axis: int, source: Tensor, gone: Tensor | None, *, empty: int) -> Tensor:
    """Return what stands at ``source`` (n, side) along an axis of each row; ``empty`` where it is ``gone``."""
    shape = [len(part), *[1] * (part.ndim - 1)]
    shape[axis] = -1
    found = part.gather(axis, source.to(part.device).view(shape).expand_as(part))
    return found if gone is None else found.masked_fill(gone.to(part.device).view(shape), empty)


def _flipped(chosen: Tensor, axis: int, part: Tensor) -> Tensor:
    return _where(chosen, part.flip(axis), part)


def _answers(rows: Rows, sides: tuple[int, ...], *, of: str) -> Tensor | None:
    """Return the answers that must move along: classes of places; None where one answer holds for a whole row."""
    y = rows.y
    if y is None or y.ndim == 1:
        return None
    check(
        not y.is_floating_point() and tuple(y.shape[1:]) == sides,
        DataError,
        "The answers to rows that {} changes must be one of each row, or a class at each place {}. Got the shape {}.",
        of, sides, tuple(y.shape[1:]),
    )  # fmt: skip
    return y


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(chosen.to(one.device).view(-1, *[1] * (one.ndim - 1)), one, other)
