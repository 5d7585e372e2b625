"""`SignalDenoiser`: a trained net that tells signal from noise in recordings, and what it makes of them, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from clew.errors import DataError, check
from clew.measure.frames import OVERLAP, Frames, log_power
from clew.measure.runs import HIGHPASS, Run, living_runs
from clew.neural.model_card import CardParts
from clew.neural.place import threads
from clew.neural.stored import StoredNet
from clew.neural.tiled import answer_tile
from clew.read.recording import Recording, recording_of

COMPONENTS = 3
SLOTS = {"Z": 0, "N": 1, "1": 1, "E": 2, "2": 2}
TILE = 4096  # frames that are answered together, about 11 min; the same everywhere, so that the bits are
SOFT = 4.0  # a logarithm of power over the noise that the net sees as 1
LOWEST, HIGHEST = -1.0, 4.0  # of what it sees
FLOOR = 0.2  # no factor is lower, so that 4% of the energy of the noise is left: pickers of onsets need some
CAUTION = (
    "What is left is what looks like the simulated earthquakes that the net learnt from: amplitudes and shapes are lowered where "
    "noise was taken for noise, onsets may come half a second early, and noise may be left as a signal. Measure amplitudes and pick "
    "onsets in the recordings themselves, and believe no event that is to be seen only here."
)


@dataclass(frozen=True)
class Cleaned:
    """Denoised samples of some components.

    Parameters
    ----------
    rows : tuple of int
        The components of the recording.
    first : int
        The sample of the recording at which they begin.
    values : ndarray of float64, shape (n_rows, n)
    """

    rows: tuple[int, ...]
    first: int
    values: np.ndarray


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SignalDenoiser(StoredNet):
    """A net that lowers each frequency at each time by a factor from 0 to 1: it can take away, and add nothing.

    Parameters
    ----------
    rate : float
        Of the recordings that it knows, in Hz.
    n_noise : int
        The number of windows of noise that it learnt from.
    """

    FORMAT: ClassVar[str] = "clew signal denoiser"
    DECIDES: ClassVar[tuple[str, ...]] = ("architecture", "net_settings", "rate")

    rate: float
    n_noise: int

    def headline(self) -> str:
        """Say what it is for and what it learnt from."""
        return f"a U-Net that denoises recordings at {self.rate:g} Hz, trained on simulated earthquakes in {self.n_noise:,} windows of noise"

    def card_parts(self) -> CardParts:
        """Return what its card says beside how it was trained."""
        return CardParts(
            takes=[f"Recordings at {self.rate:g} Hz, of any length and any number of components."],
            says=[f"The same above {HIGHPASS:g} Hz with less noise: each frequency at each time is lowered by a factor from 0 to 1."],
            limits=CAUTION,
            use=[
                "from clew.neural.signal_denoiser import SignalDenoiser",
                "",
                'model = SignalDenoiser.load_model("this folder")',
                "model.denoise(values)  # (n_components, n_samples)",
            ],
            tags=("denoising", "seismology"),
        )  # fmt: skip

    def denoise(self, values: np.ndarray) -> np.ndarray:
        """Denoise an array at the rate of the model, float64 of the same shape; NaN stays NaN.

        Parameters
        ----------
        values : ndarray, shape (n_samples,) or (n_components, n_samples)
            One, two or three components in the order Z, N, E; others are treated like these.
        """
        out = np.where(np.isnan(np.atleast_2d(values)), np.nan, 0.0)
        for one in self.pieces(recording_of(values, rate=self.rate)):
            out[list(one.rows), one.first : one.first + one.values.shape[1]] = one.values
        return out.reshape(np.shape(values))

    def pieces(self, recording: Recording) -> Iterator[Cleaned]:
        """Denoise a recording piece by piece, in constant memory however long it is: each living sample comes once.

        Components are heard together, three at a time; stretches of one and the same value come as 0, and gaps not at all.

        Raises
        ------
        DataError
            If the rate is not that of the model.
        """
        check(
            abs(recording.rate / self.rate - 1) < 1e-5,
            DataError,
            "The recording '{}' must be sampled at the rate that the denoiser was trained for ({:g} Hz). Got {:g} Hz.",
            recording.name,
            self.rate,
            recording.rate,
        )
        net, slots = self.net(), slots_of(recording)
        for first in range(0, len(recording.channels), COMPONENTS):
            rows = range(first, min(first + COMPONENTS, len(recording.channels)))
            for run in living_runs(recording, rows):
                yield from _still(run)
                if run.rows:
                    yield from _cleaned(net, run, [slots[row] for row in run.rows])


def slots_of(recording: Recording) -> list[int]:
    """Return the place from 0 to 2 at which the net hears each component: Z, N, E by their names, others as they come."""
    names = recording.components
    by_name = [SLOTS.get(name, -1) for name in names]
    distinct = len(names) <= COMPONENTS and len(set(by_name)) == len(names) and -1 not in by_name
    return by_name if distinct else [i % COMPONENTS for i in range(len(names))]


def features_of(power: Tensor, level: Tensor) -> Tensor:
    """Return what the net sees: logarithms of power over the noise, float32 (n, 3 * lines, n_frames), within -1 and 3.

    Parameters
    ----------
    power : Tensor, shape (n, 3, lines, n_frames)
    level : Tensor, shape (n, 3, lines)
        Of the noise; logarithms, both.
    """
    return ((power - level[..., None]) / SOFT).clamp(LOWEST, HIGHEST).flatten(1, 2)


def _still(run: Run) -> Iterator[Cleaned]:
    for first in range(run.first, run.stop, TILE) if run.still else ():
        yield Cleaned(run.still, first, np.zeros((len(run.still), min(TILE, run.stop - first))))


def _cleaned(net: nn.Module, run: Run, slots: list[int]) -> Iterator[Cleaned]:
    """Denoise one run, tile by tile; the last frames of each are added to the first of the next."""
    frames: Frames = run.frames
    n_frames, done = frames.count(run.n), 0
    carried = np.zeros((len(slots), frames.lines, 0), np.complex64)
    for start in range(0, n_frames, TILE):
        stop = min(start + TILE, n_frames)
        masked, mask = run.spectra(start, stop), _mask(net, run, slots, start, stop)
        carried = np.concatenate([carried, masked * mask], axis=2)
        values = frames.samples(carried)[:, : run.n - done]
        if values.shape[1]:
            yield Cleaned(run.rows, run.first + done, values.astype(np.float64))
        done += values.shape[1]
        carried = carried[:, :, max(0, carried.shape[2] - OVERLAP + 1) :]


def _mask(net: nn.Module, run: Run, slots: list[int], start: int, stop: int) -> np.ndarray:
    """Return by what each frequency in each frame is to be multiplied, float32 (n_rows, lines, stop - start)."""
    lines = run.frames.lines

    def read(slices: tuple[slice, ...]) -> np.ndarray:
        (at,) = slices
        seen = np.zeros((COMPONENTS, lines, at.stop - at.start), np.float32)
        over = (log_power(run.spectra(at.start, at.stop)) - run.level(at.start, at.stop)) / SOFT
        seen[slots] = np.clip(over, LOWEST, HIGHEST)
        return seen.reshape(-1, seen.shape[2])

    with threads(1):
        logit: Any = answer_tile(net, read, (run.frames.count(run.n),), (start,), (stop,))
    logit = np.asarray(logit).reshape(COMPONENTS, lines, stop - start)[slots]
    return np.maximum(FLOOR, 1 / (1 + np.exp(-logit)))
