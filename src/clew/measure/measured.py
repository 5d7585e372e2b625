"""`Measured`: what measuring raw data gives, how its notes count, and the checks that all measuring of objects shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.result import frozen_view
from clew.samples import Samples

if TYPE_CHECKING:
    from clew.distances import Distances


def counted(n: int, one: str) -> str:
    """Return "1 object", "2 objects"."""
    return f"{n} {one}{'s' * (n != 1)}"


def numbered_objects(given: Any, shape: tuple[int, ...], *, of: str) -> np.ndarray:
    """Return a label image as int32 of shape ``shape``.

    Raises
    ------
    DataError
        If it has another shape, or numbers that are not whole, negative or above 2**31 - 1.
    """
    labels, most = np.asarray(given), np.iinfo(np.int32).max
    check(
        labels.shape == shape and labels.dtype.kind in "bui",
        DataError,
        "The label image of '{}' must be whole numbers of shape {}. Got {} of shape {} instead.",
        of,
        shape,
        labels.dtype,
        labels.shape,
    )
    wrong = [int(end) for end in (labels.min(initial=0), labels.max(initial=0)) if not 0 <= end <= most]
    check(
        not wrong,
        DataError,
        "The label image of '{}' must hold numbers from 0 to {}. Got {}.",
        of,
        most,
        *wrong[:1] or [0],
    )
    return labels.astype(np.int32)


def sides_of_pixel(pixel_size: Sequence[float] | None, n_axes: int, *, of: str) -> tuple[float, ...]:
    """Return the sides of a pixel, (dy, dx) or (dz, dy, dx), all 1 where none are given; refuse what is no length."""
    sides = (1.0,) * n_axes if pixel_size is None else tuple(pixel_size)
    check(
        len(sides) == n_axes and all(isinstance(side, Real) and 0 < side < np.inf for side in sides),
        SettingError,
        "The 'pixel_size' setting of {} must be {} lengths above 0: {}. Got {} instead.",
        of,
        n_axes,
        ", ".join(("dz", "dy", "dx")[-n_axes:]),
        pixel_size,
    )
    return tuple(float(side) for side in sides)


@dataclass(frozen=True, eq=False, repr=False)
class Measured:
    """Samples, and all that a person must know of how they came about.

    Parameters
    ----------
    samples : Samples
        The rows.
    label_images : dict of str to ndarray of int32, shape (Y, X)
        Of images: the objects by source name, those that were left out included; empty for tables.
    notes : list of str
        What was found, guessed and left out, one sentence each, to be said aloud.
    counts : dict of str to int
        How many there were, and how many were left out for what reason.
    settings : dict
        What it takes to measure new data in the same way.
    sha256 : dict of str to str
        By source name the hash of the bytes that were read, so that a file which changes meanwhile is noticed.
    distances : Distances, optional
        As they were read, where the samples have any.
    """

    samples: Samples
    label_images: dict[str, np.ndarray]
    notes: list[str]
    counts: dict[str, int]
    settings: dict[str, Any]
    sha256: dict[str, str] = field(default_factory=dict)
    distances: Distances | None = None

    def __post_init__(self) -> None:
        frozen = {source: frozen_view(labels) for source, labels in self.label_images.items()}
        object.__setattr__(self, "label_images", frozen)

    def __repr__(self) -> str:
        return f"<Measured: {self.samples.n_rows} rows x {self.samples.n_features} features>"
