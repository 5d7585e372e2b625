"""Channels whose samples lie side by side: read once for all of them, and refused where they are infinite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from clew.errors import DataError
from clew.read.kept import Kept

REMEMBERED = 1 << 22  # values (32 MiB) of the last request that are kept for the other channels


class Shared:
    """Rows of several channels that are read together: the last rows are kept, since the channels are read in turn.

    Parameters
    ----------
    rows : callable
        Returns the rows from ``first`` up to ``stop``, float64 of shape (stop - first, n_channels).
    """

    def __init__(self, rows: Callable[[int, int], np.ndarray]) -> None:
        self._rows = rows
        self._last = Kept()  # from, up to, and these rows

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Return the rows from ``first`` up to ``stop``."""
        last = self._last.value
        if last is not None and last[0] <= first <= stop <= last[1]:
            rows: np.ndarray = last[2]
            return rows[first - last[0] : stop - last[0]]
        values = self._rows(first, stop)
        if values.size <= REMEMBERED:
            self._last.keep((first, stop, values), values.nbytes)
        return values


@dataclass(frozen=True, eq=False)
class Column:
    """One channel of rows that are read together.

    Parameters
    ----------
    rows : callable
        As of `Shared`.
    number : int
        Which column of them.
    """

    rows: Callable[[int, int], np.ndarray]
    number: int

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first,)."""
        return np.array(self.rows(first, stop)[:, self.number], dtype=np.float64)


def finite(values: np.ndarray, first: int, source: str) -> np.ndarray:
    """Return the values as float64; refuse infinite ones.

    Parameters
    ----------
    values : ndarray of numbers
        Samples along the first axis.
    first : int
        The number of the first of them, for the error.
    source : str
        Whose they are.

    Raises
    ------
    DataError
        If one is infinite.
    """
    out = np.asarray(values, dtype=np.float64)
    if np.isinf(out).any():
        row = int(np.argwhere(np.isinf(out))[0, 0])
        raise DataError(
            f"The samples of '{source}' must be finite numbers, or NaN where nothing was recorded."
            f" Got an infinite one, number {first + row + 1}."
        )
    return out
