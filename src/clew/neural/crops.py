"""Pieces of images as rows: cut when they are asked for, so that every place of an image can be one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from clew.errors import DataError, check
from clew.neural.objectives import PADDING
from clew.neural.rows import Rows

MOST_PLACES = 2**20  # places of all images together; of larger ones every second, third, ... pixel is one


@dataclass(frozen=True, eq=False)
class Crops:
    """Rows that are cut out of images: row i is the piece at place i.

    Parameters
    ----------
    images : tuple of Tensor, each of shape (C, sides ...)
        No side shorter than that of a piece: see `padded`.
    answers : tuple of Tensor, each of shape (sides ...) of int64, or (K, sides ...) of float
        What is to be said of each pixel; `PADDING`, or NaN, where nobody knows. None where the net learns the image itself.
    places : Tensor of int64, shape (n, 1 + n_axes)
        The number of the image and the first pixel of the piece along each side.
    size : tuple of int
        The sides of a piece.
    """

    images: tuple[Tensor, ...]
    answers: tuple[Tensor, ...] | None
    places: Tensor
    size: tuple[int, ...]

    @staticmethod
    def of(
        images: Sequence[np.ndarray],
        answers: Sequence[np.ndarray] | None = None,
        *,
        size: tuple[int, ...],
        stride: int = 1,
    ) -> Crops:
        """Make a row of every place where a piece holds something that is known.

        Parameters
        ----------
        images : sequence of ndarray, each of shape (C, sides ...)
        answers : sequence of ndarray, each of shape (sides ...) or (K, sides ...), optional
        size : tuple of int
            The sides of a piece.
        stride : int
            Pixels from one place to the next, at least; more where there would be over a million places. The last place
            along each side always is one, so that every pixel is seen.

        Raises
        ------
        DataError
            If there is no image, or nothing is known of any pixel.
        """
        check(len(images), DataError, "The images of a net must be at least one. Got none.")
        whole = [padded(one, size) for one in images]
        known = None if answers is None else [padded(one, size, fill=unknown_of(one)) for one in answers]
        n_places = sum(np.prod([n - a + 1 for n, a in zip(one.shape[1:], size)]) for one in whole)
        while n_places / stride ** len(size) > MOST_PLACES:
            stride += 1
        places = [
            (number, *first)
            for number, one in enumerate(whole)
            for first in itertools.product(
                *(_firsts(n, a, stride) for n, a in zip(one.shape[1:], size, strict=True))
            )
        ]
        kept = np.array(places, np.int64)
        if known is not None:
            kept = kept[_holds(known, kept, size)]
            check(
                len(kept), DataError, "The pixels that a net learns from must be known somewhere. Got none."
            )
        tensors = tuple(torch.from_numpy(np.ascontiguousarray(one, np.float32)) for one in whole)
        said = None if known is None else tuple(torch.from_numpy(np.ascontiguousarray(one)) for one in known)
        return Crops(tensors, said, torch.from_numpy(kept), size)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def parts(self) -> list[Tensor]:
        """Return the tensors that there are."""
        return [*self.images, *(self.answers or ()), self.places]

    def take(self, rows: Tensor) -> Rows:
        """Cut some of the rows, by their numbers."""
        cut, said = [], []
        for number, *first in self.places[rows.cpu()].tolist():
            at = tuple(slice(a, a + n) for a, n in zip(first, self.size, strict=True))
            cut.append(self.images[number][(slice(None), *at)])
            if self.answers is not None:
                said.append(self.answers[number][(..., *at)])
        return Rows(torch.stack(cut), torch.stack(said) if said else None)

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> Crops:
        """Return the rows with images of a dtype; they stay where they are, only what is cut moves."""
        return replace(self, images=tuple(one.to(dtype=dtype) for one in self.images))


def padded(image: np.ndarray, size: tuple[int, ...], *, fill: float | None = None) -> np.ndarray:
    """Return an image of shape (..., sides ...) mirrored at its ends, or filled up, so that no side is shorter than a piece."""
    short = [max(0, want - got) for got, want in zip(image.shape[-len(size) :], size, strict=True)]
    if not any(short):
        return image
    around = [(0, 0)] * (image.ndim - len(size)) + [(n // 2, n - n // 2) for n in short]
    if fill is None:
        return np.pad(image, around, mode="symmetric")
    return np.pad(image, around, constant_values=fill)


def unknown_of(answers: np.ndarray) -> float:
    """Return what stands where nobody knows the answer."""
    return float("nan") if answers.dtype.kind == "f" else PADDING


def _firsts(n: int, size: int, stride: int) -> list[int]:
    return sorted({*range(0, n - size + 1, stride), n - size})


def _holds(answers: Sequence[np.ndarray], places: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return of each place whether anything is known in its piece, bool (n,): by sums over boxes, each pixel looked at once."""
    holds = np.zeros(len(places), bool)
    for number, one in enumerate(answers):
        known = ~np.isnan(one) if one.dtype.kind == "f" else one != PADDING
        while known.ndim > len(size):
            known = known.any(axis=0)
        sums = np.pad(known, [(1, 0)] * known.ndim).astype(np.int64)
        for axis in range(sums.ndim):
            sums = sums.cumsum(axis=axis)
        here = np.flatnonzero(places[:, 0] == number)
        first = places[here, 1:]
        total = np.zeros(len(here), np.int64)
        for ends in itertools.product((0, 1), repeat=len(size)):
            corner = first + np.array(ends) * np.array(size)
            total += (-1) ** (len(size) - sum(ends)) * sums[tuple(corner.T)]
        holds[here] = total > 0
    return holds
