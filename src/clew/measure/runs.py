"""Where a recording lives: its runs of samples between gaps and dead stretches, high-passed and in short-time spectra."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from clew.errors import DataError
from clew.measure.filtering import design
from clew.measure.frames import OVERLAP, Frames, log_power, noise_level
from clew.measure.triggers import STILL, STILL_SAMPLES, find_triggers
from clew.read.recording import Recording

HIGHPASS = 1.0  # Hz: below, the sea is louder than anything near
BEFORE, AFTER = 5.0, 30.0  # s around a trigger that are not quiet, beside three times its length
BLOCK = 2**18  # samples that are looked at together
LEVEL = (
    2048  # frames of which one level of the noise is made, about 160 s; nearly so many in each piece of a run
)


@dataclass(frozen=True, eq=False)
class Run:
    """Samples of some components of a recording without a gap.

    Parameters
    ----------
    recording : Recording
    first, stop : int
        Its samples there.
    rows : tuple of int
        The components that live.
    still : tuple of int
        Those that give one and the same value.
    """

    recording: Recording
    first: int
    stop: int
    rows: tuple[int, ...]
    still: tuple[int, ...] = ()

    @property
    def n(self) -> int:
        """Return the number of samples."""
        return self.stop - self.first

    @property
    def frames(self) -> Frames:
        """Return the grid of its frames."""
        return Frames(self.recording.rate)

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return living components from sample ``first`` of the run up to ``stop``, above 1 Hz, float64 (n_components, stop - first)."""
        from scipy.signal import sosfiltfilt

        passes = design(self.recording.rate, highpass=HIGHPASS, lowpass=None)
        low, high = max(0, first - passes.before), min(self.n, stop + passes.after)
        x = self.recording.read(self.first + low, self.first + high, self.rows)
        x = sosfiltfilt(passes.sos, x - x[:, :1], axis=1, padlen=min(passes.padding, x.shape[1] - 1))
        return x[:, first - low : x.shape[1] - (high - stop)]

    def spectra(self, first: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the spectra of frames, complex64 of shape (n_components, lines, stop - first)."""
        return self.frames.spectra(self.read, self.n, first, stop)

    @cached_property
    def _levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames in the middle of pieces of the run, and the noise level of each, (n_pieces, n_components, lines)."""
        n_frames = self.frames.count(self.n)
        edges = np.linspace(0, n_frames, max(1, n_frames // LEVEL) + 1).round().astype(int)
        levels = [noise_level(log_power(self.spectra(a, b))) for a, b in itertools.pairwise(edges)]
        return (edges[:-1] + edges[1:] - 1) / 2, np.array(levels)

    def level(self, first: int, stop: int) -> np.ndarray:
        """Return the noise level in each frame, float32 of shape (n_components, lines, stop - first): between pieces on straight lines."""
        middles, levels = self._levels
        at = np.interp(np.arange(first, stop), middles, np.arange(len(middles)))
        low = np.minimum(at.astype(int), max(0, len(middles) - 2))
        share = (at - low)[:, None, None]
        found = levels[low] * (1 - share) + levels[np.minimum(low + 1, len(middles) - 1)] * share
        return np.moveaxis(found, 0, -1).astype(np.float32)


def living_runs(recording: Recording, rows: Sequence[int] | None = None) -> list[Run]:
    """Find the runs of a recording, piece by piece in constant memory: a new one wherever a component comes, goes, or is dead.

    Dead is a component that gives one value for 2 s, and 100 samples, or longer.

    Parameters
    ----------
    recording : Recording
    rows : sequence of int, optional
        Only these components.

    Returns
    -------
    list of Run
        In the order of time; where nothing was recorded there is none.
    """
    wanted = tuple(range(len(recording.channels))) if rows is None else tuple(rows)
    runs: list[Run] = []
    for first in range(0, recording.n, BLOCK):
        state = _states(recording, first, min(first + BLOCK, recording.n), wanted)
        edges = np.flatnonzero((np.diff(state, axis=1) != 0).any(axis=0)) + 1
        for a, b in zip([0, *edges.tolist()], [*edges.tolist(), state.shape[1]]):
            living, still = (
                tuple(row for row, one in zip(wanted, state[:, a]) if one == kind) for kind in (2, 1)
            )
            if not living and not still:
                continue
            last = runs[-1] if runs else None
            if last and (last.stop, last.rows, last.still) == (first + a, living, still):
                runs[-1] = Run(recording, last.first, first + b, living, still)
            else:
                runs.append(Run(recording, first + a, first + b, living, still))
    return runs


def _states(recording: Recording, first: int, stop: int, rows: tuple[int, ...]) -> np.ndarray:
    """Return of each sample 0 where it is missing, 1 in a dead stretch, 2 in a living one; int8 (n_rows, stop - first)."""
    from clew.kernels.windows import flat_runs

    longest = max(STILL_SAMPLES, round(STILL * recording.rate))
    x = recording.read(first - longest, stop + longest, rows)
    missing = np.isnan(x)
    for row in x:
        flat_runs(row, longest, np.zeros(row.size, bool))
    return np.where(missing, 0, np.where(np.isnan(x), 1, 2)).astype(np.int8)[:, longest:-longest]


def quiet_runs(recording: Recording) -> list[Run]:
    """Return the parts of a recording without triggers: 5 s before each, and 30 s and three times its length behind, are left out."""
    try:
        triggers = find_triggers(recording, highpass=HIGHPASS)
    except DataError:  # too short to tell, or dead
        return []
    loud = [(one.start - BEFORE, one.end + AFTER + 3 * (one.end - one.start)) for one in triggers]
    spans = [(recording.index(a), recording.index(b)) for a, b in loud]
    found = []
    for run in living_runs(recording, range(min(3, len(recording.channels)))):
        first = run.first
        for a, b in [*spans, (run.stop, run.stop)]:
            if run.rows and min(a, run.stop) > first:
                found.append(replace(run, first=first, stop=min(a, run.stop)))
            first = max(first, min(b, run.stop))
    return found


def windows_of(run: Run, n_frames: int, *, shifts: int = 1, most: int | None = None) -> list[np.ndarray]:
    """Cut the spectra of windows of so many frames out of a run, complex64 (n_components, lines, n_frames) each; none of a short one.

    Each begins a part, one of ``shifts``, of its length after the one before; of more than ``most``, evenly spaced ones are cut.
    """
    size = (n_frames - OVERLAP + 1) * run.frames.hop
    starts = np.arange(0, run.n - size + 1, max(1, size // shifts))
    if most is not None and len(starts) > most:
        starts = starts[np.linspace(0, len(starts) - 1, most).round().astype(int)]
    return [run.frames.spectra(lambda a, b, at=at: run.read(at + a, at + b), size) for at in starts.tolist()]  # type: ignore[misc]
