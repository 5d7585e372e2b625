"""What other tools say of places in images and recordings, before it is known which rows lie there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

import numpy as np

from clew.read.geojson import inside_of

SAME = 1e-3  # s: times that differ by less are the same
UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an uploaded file


@dataclass(frozen=True, eq=False)
class Mark:
    """A class that was given to a place.

    Parameters
    ----------
    label : str
    of : str
        The image or the recording, as the file calls it.
    rings : tuple of ndarray, shape (n, 2)
        Of a polygon with holes, x and y in px; one ring of one point is a point. Empty where `inside` or times tell.
    inside : tuple of (first row, first column, ndarray of bool), optional
        The very pixels.
    start, end : float or str, optional
        In s or as a date; equal of a moment.
    station, sensor : str
        Of a pick.
    """

    label: str
    of: str
    rings: tuple[np.ndarray, ...] = ()
    inside: tuple[int, int, np.ndarray] | None = None
    start: float | None = None
    end: float | None = None
    station: str = ""
    sensor: str = ""

    def __str__(self) -> str:
        """Say which, for a sentence."""
        if self.start is not None:
            where = (
                f"at {self.start:.3f} s"
                if self.start == self.end
                else f"{self.start:.3f} to {self.end:.3f} s"
            )
            return f"'{self.label}' {where} of '{self.of or self.station}'"
        if self.rings:
            x, y = np.concatenate(self.rings).min(axis=0)
            return f"'{self.label}' at x = {x:.0f}, y = {y:.0f} of '{self.of}'"
        return f"'{self.label}' of '{self.of}'"


def box(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Return the ring of a box."""
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], float)


def source_of(told: str, names: Sequence[str]) -> str | None:
    """Return which of the study's files a name or address means, or None: by its last part, with or without its ending."""
    name = PurePosixPath(unquote(told).split("?d=")[-1].split("?")[0].replace("\\", "/")).name
    for wanted in (name, UPLOADED.sub("", name)):
        if wanted in names:
            return wanted
        stems = [one for one in names if one.partition(".")[0] == wanted.partition(".")[0]]
        if wanted and len(stems) == 1:
            return stems[0]
    return None


def objects_under(labels: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """Return which object each mark means: the one with the largest overlap, as share of both together; 0 for none.

    Parameters
    ----------
    labels : ndarray of int, shape (Y, X)
        The objects; 0 for background.
    marks : sequence of Mark
        Of this image.

    Returns
    -------
    ndarray of int64, shape (n_marks,)
    """
    area = np.bincount(labels.ravel())
    found = np.zeros(len(marks), np.int64)
    for i, mark in enumerate(marks):
        top, left, inside = _pixels(mark)
        cut = inside[max(-top, 0) :, max(-left, 0) :]
        top, left = max(top, 0), max(left, 0)
        there = labels[top : top + cut.shape[0], left : left + cut.shape[1]]
        within = there[cut[: there.shape[0], : there.shape[1]]]
        shared = np.bincount(within, minlength=area.size)
        shared[0] = 0
        if shared.any():
            found[i] = int(np.argmax(shared / np.maximum(area + int(cut.sum()) - shared, 1)))
    return found


def _pixels(mark: Mark) -> tuple[int, int, np.ndarray]:
    """Return first row, first column and mask of a mark."""
    if mark.inside is not None:
        return mark.inside
    if len(mark.rings) == 1 and len(mark.rings[0]) == 1:
        x, y = np.floor(mark.rings[0][0]).astype(int)
        return int(y), int(x), np.ones((1, 1), bool)
    return inside_of([np.asarray(ring, float) for ring in mark.rings])


def windows_under(start: np.ndarray, end: np.ndarray, mark: Mark) -> np.ndarray:
    """Return which windows a mark means: those that lie within it; of one that is shorter than they, those that hold it.

    Parameters
    ----------
    start, end : ndarray of float64, shape (n_windows,)
        In s; the end is not of the window.
    mark : Mark

    Returns
    -------
    ndarray of int64
        Their numbers.
    """
    assert mark.start is not None
    low, high = mark.start, mark.start if mark.end is None else mark.end
    within = (start >= low - SAME) & (end <= high + SAME)
    if not within.any():
        holds_start = (start <= low + SAME) & (low < end - SAME)
        within = holds_start & (high <= end + SAME)
    return np.flatnonzero(within)
