"""`Cutouts`: the raw data behind rows, for models that look for themselves."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check, check_choice
from clew.measure.measured import counted
from clew.result import Result
from clew.samples import Samples

AXES = {"cyx": 4, "ct": 3}  # dimensions of the values, by the axes of a row
AT_ONCE = 2**22  # values that are checked at a time
MOST = 0.5  # of the memory, for cut-outs: what learns from them needs the rest
CGROUP = Path("/sys/fs/cgroup/memory.max")  # in a container, how much of the machine's memory it may take


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Cutouts(Result):
    """The raw data behind rows, all cut alike.

    Parameters
    ----------
    values : ndarray of float32, shape (n_rows, C, H, W) or (n_rows, C, T)
        Grey values of pixels, or samples of components; finite.
    sample : ndarray of str, shape (n_rows,)
        The names of the rows, all different.
    axes : {"cyx", "ct"}
        Of a row: channel, row and column of pixels; or component and time.
    channels : list of str
        One name a channel or component.
    rate : float, optional
        Of windows: samples per second, in Hz.
    pixel_size : float, optional
        Of images: the side of a pixel in µm, where it is known.
    how : dict
        What it takes to cut new data alike.
    notes : list of str
        What is cut off, filled or lacking, one sentence each.

    Raises
    ------
    DataError
        If the parts do not fit each other, a name stands twice, or a value is no finite number.
    """

    values: np.ndarray
    sample: np.ndarray
    axes: str
    channels: list[str]
    rate: float | None = None
    pixel_size: float | None = None
    how: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", np.ascontiguousarray(self.values, dtype=np.float32))
        object.__setattr__(self, "sample", np.asarray(self.sample, dtype=str))
        super().__post_init__()
        check_choice(self.axes, AXES, what="axes", of="cut-outs", error=DataError)
        wanted = (len(self.sample), len(self.channels))
        check(
            self.values.ndim == AXES[self.axes] and self.values.shape[:2] == wanted,
            DataError,
            "The values of cut-outs must have {} dimensions, the first two of {} rows and {}. Got the shape {} instead.",
            AXES[self.axes],
            wanted[0],
            counted(wanted[1], "channel"),
            self.values.shape,
        )
        n_names = len(set(self.sample.tolist()))
        check(
            n_names == len(self),
            DataError,
            "The rows of cut-outs must all differ. Got {} names of {} rows.",
            n_names,
            len(self),
        )
        self._check_finite()

    def _check_finite(self) -> None:
        step = max(1, AT_ONCE // max(1, int(np.prod(self.shape))))
        for first in range(0, len(self), step):  # in parts, so that checking takes no memory to speak of
            finite = np.isfinite(self.values[first : first + step])
            if not finite.all():
                name = self.sample[first + np.argwhere(~finite)[0, 0]]
                raise DataError(f"The cut-out of '{name}' must hold finite numbers of 32 bits. Got others.")

    # ---- shape and choice ----
    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of one row: (C, H, W) or (C, T)."""
        return self.values.shape[1:]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Any) -> Cutouts:
        """Return the cut-outs of the given rows: indices or a boolean mask of shape (n_rows,)."""
        return dataclasses.replace(self, values=self.values[rows], sample=self.sample[rows])

    def of(self, samples: Samples) -> Cutouts:
        """Return the cut-outs of these rows, in their order.

        Raises
        ------
        DataError
            If a row has none.
        """
        names = samples.sample.tolist()
        if names == self.sample.tolist():
            return self
        places = {name: row for row, name in enumerate(self.sample.tolist())}
        lacking = [name for name in names if name not in places]
        check(
            not lacking,
            DataError,
            "The cut-outs must hold all {} rows. Got none of {}, such as '{}'.",
            len(names),
            len(lacking),
            *lacking[:1],
        )
        return self.take(np.array([places[name] for name in names], np.int64))

    # ---- words ----
    def headline(self) -> str:
        """Say how many there are, and how large."""
        size = " x ".join(map(str, self.shape[1:]))
        unit = "px" if self.axes == "cyx" else "samples"
        at = f" at {self.rate:g} Hz" if self.rate else ""
        return f"{counted(len(self), 'cut-out')}, each {counted(len(self.channels), 'channel')} of {size} {unit}{at}"

    def summary(self) -> dict[str, Any]:
        """Return rows, shape, how they are cut, and what to mind."""
        of_all = {"how": dict(self.how), "notes": list(self.notes)}
        return {"rows": len(self), "shape": list(self.shape), **of_all}


def rows_of_each(names: np.ndarray) -> dict[str, np.ndarray]:
    """Return which rows (n,) each of some names (n_rows,) has, in the order of the names."""
    kinds, code, counts = np.unique(names, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(code, kind="stable"), np.cumsum(counts)[:-1])
    return dict(zip(kinds.tolist(), rows))


def check_memory(shape: Sequence[int], *, helps: str) -> None:
    """Refuse cut-outs that would take more than half of the memory, before any is cut.

    Parameters
    ----------
    shape : sequence of int
        Of the values, float32.
    helps : str
        What makes them smaller.

    Raises
    ------
    DataError
        If they would.
    """
    needed, there = 4 * int(np.prod(shape, dtype=np.int64)), memory_of_machine()
    check(
        needed <= MOST * there,
        DataError,
        "The cut-outs must fit into half of the memory, which is {:.3g} GB. Got {} of {}, {:.3g} GB: {} helps.",
        MOST * there / 1e9,
        counted(shape[0], "row"),
        " x ".join(map(str, shape[1:])),
        needed / 1e9,
        helps,
    )


def memory_of_machine() -> int:
    """Return the bytes of memory that there are, in a container those that it may take."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CGROUP.read_text().strip() if CGROUP.is_file() else "max"
    return min(whole, int(limit)) if limit.isdigit() else whole
