"""`Measured`: what measuring raw data gives, and how its notes count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.result import frozen_view
from clew.samples import Samples

if TYPE_CHECKING:
    from clew.distances import Distances


def counted(n: int, one: str) -> str:
    """Return "1 object", "2 objects"."""
    return f"{n} {one}{'s' * (n != 1)}"


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
