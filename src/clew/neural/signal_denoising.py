"""Teach a net to tell signal from noise in short-time spectra: simulated clean signals, mixed anew with real noise in each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clew.errors import DataError, check
from clew.measure.frames import OVERLAP, Frames, log_power, noise_level
from clew.measure.runs import Run, windows_of
from clew.neural.fit import OnProgress, fit
from clew.neural.model_rows import plain
from clew.neural.nets.unet import UNet, UNetConfig
from clew.neural.objectives import Objective
from clew.neural.place import seeded
from clew.neural.recipe import Recipe
from clew.neural.rows import Rows
from clew.neural.signal_denoiser import COMPONENTS, SignalDenoiser, features_of, slots_of
from clew.neural.stored import weights_of
from clew.read.recording import Recording
from clew.simulate.seismograms import seismograms

ROW = 256  # frames that are mixed, and that tell the level of their noise: 20 s at 100 Hz
SEEN = 128  # of them that the net sees
SNR = (-10.0, 40.0)  # dB
ALONE = 0.15  # share of rows that are noise and nothing else
ONE = 0.3  # share of rows of which one component is left
TWO = 0.5  # share of rows with the noise of a second window
KNOWN = 0.9  # share of rows whose noise level is that of the noise alone, as long recordings tell it
UNSTEADY = 0.7  # by how much, at most, noise is louder or fainter than its level, as a logarithm of power
FAINT, LOUD = 0.03, 300.0  # times the mean of the noise: what lies below or above counts no less and no more
SHIFTS = 4  # windows that overlap, of the noise
FEWEST = 4  # windows of noise
BATCH = 16
TINY = torch.finfo(torch.float32).tiny
HELD = 64  # other earthquakes, by which the training is judged


@dataclass(frozen=True, eq=False)
class Mixtures:
    """Rows that are mixed of noise and signals: what comes is replaced by as many new ones, drawn from the generator alone.

    Parameters
    ----------
    noise : Tensor of complex64, shape (n_noise, 3, lines, ROW)
        Short-time spectra; those of a dead component are 0.
    signals : Tensor of complex64, shape (n_signals, 3, lines, 2 * ROW)
        Of which a part is mixed in: some begin with an event, some lie in the middle of one.
    told : ndarray of int64, shape (n_signals,)
        Which signal is told to be the truth where a signal is mixed in: itself, but in a control.
    """

    noise: Tensor
    signals: Tensor
    told: Tensor

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        return self.draw(len(rows), random)

    def draw(self, n: int, random: torch.Generator) -> Rows:
        """Mix new rows: x what the net sees, float32 (n, 3 * lines, SEEN); y the mask that is right, and how much it counts, (n, 2, ...)."""
        noise = self._noise(n, random)
        which = torch.randint(len(self.signals), (n,), generator=random)
        cut, seen = (
            slice(at, at + size)
            for at, size in ((_below(ROW, random), ROW), (_below(ROW - SEEN, random), SEEN))
        )
        gain = self._gain(which, noise, random)
        signal, truth = (self.signals[one][..., cut] * gain for one in (which, self.told[which]))

        share = torch.rand((3, n, 1, 1), generator=random)
        left = torch.randint(COMPONENTS, (n, 1), generator=random)
        there = noise.any(dim=-1).any(dim=-1) & ((share[0, :, 0] > ONE) | (left == torch.arange(COMPONENTS)))
        there = there[..., None, None]
        noise = noise * there
        mixed = noise + signal * there
        power = torch.from_numpy(log_power(mixed.numpy()))
        found = torch.from_numpy(noise_level(power.numpy()))
        known = torch.from_numpy(noise_level(log_power(noise.numpy()))) + UNSTEADY * (2 * share[2] - 1)
        level = torch.where(share[1] < KNOWN, known, found)
        return Rows(features_of(power[..., seen], level), self._right(mixed, truth, noise, there, seen))

    @cached_property
    def loudness(self) -> tuple[Tensor, Tensor]:
        """Return the `loudness` of noise and of signals, float32 (n_noise,) and (n_signals,)."""
        return loudness(self.noise), loudness(self.signals)

    def _noise(self, n: int, random: torch.Generator) -> Tensor:
        """Draw noise, complex64 (n, 3, lines, ROW): forwards or backwards in time, of one window or of the sum of two."""
        first, second = torch.randint(len(self.noise), (2, n), generator=random)
        drawn = torch.rand((3, n, 1, 1, 1), generator=random)
        level = self.loudness[0]
        ratio = (level[first] / level[second].clamp(min=TINY)).sqrt().view(-1, 1, 1, 1)
        one = self.noise[first]
        other = self.noise[second] * ratio * drawn[0] * (drawn[1] < TWO) * (one != 0)
        noise = one + other
        # backwards the spectra are conjugates in the other order, but for a shift in time
        return torch.where(drawn[2] < 0.5, noise, noise.flip(-1).conj().resolve_conj())

    def _gain(self, which: Tensor, noise: Tensor, random: torch.Generator) -> Tensor:
        """Return factors, of either sign, that bring signals to a ratio to their noise, float32 (n, 1, 1, 1); 0 for noise alone."""
        ratio = SNR[0] + (SNR[1] - SNR[0]) * torch.rand(len(which), generator=random)
        factor = 10 ** (ratio / 20) * (loudness(noise) / self.loudness[1][which]).sqrt()
        drawn = torch.rand((2, len(which)), generator=random)
        factor = factor * (drawn[0] >= ALONE) * torch.where(drawn[1] < 0.5, -1, 1)
        return factor.view(-1, 1, 1, 1).float()

    @staticmethod
    def _right(mixed: Tensor, truth: Tensor, noise: Tensor, there: Tensor, seen: slice) -> Tensor:
        """Return the masks, from 0 to 1, that bring the mixture nearest to the truth, and how much each place counts.

        By its power, so that the loss is the energy of what is wrong, as a share of the noise that was mixed in.
        """
        power = mixed.abs().square()
        mask = ((truth * mixed.conj()).real / power.clamp(min=TINY)).clamp(0, 1)
        mean = noise.abs().square().mean(dim=(1, 2, 3), keepdim=True)
        counts = (power / mean.clamp(min=TINY)).clamp(FAINT, LOUD) * there
        return torch.stack([mask.flatten(1, 2), counts.flatten(1, 2)], dim=1)[..., seen]


def _below(n: int, random: torch.Generator) -> int:
    return int(torch.randint(n + 1, (1,), generator=random))


def loudness(spectra: Tensor) -> Tensor:
    """Return the power of each window while it is loud, float32 (n,): the mean over frames, weighted by their own power."""
    power = spectra.abs().square().sum(dim=(1, 2))  # (n, ROW)
    return power.square().sum(dim=1) / power.sum(dim=1).clamp(min=TINY)


class MaskError(Objective):
    """Mean squared error of masks, from 0 to 1, weighted by how loud each place is against the noise; the output is their logit."""

    name, score_name = "mask error", "dB of noise taken away"

    def loss(self, output: Tensor, rows: Rows) -> Tensor:
        """Return the mean over all places of a batch of the weighted squares."""
        right, counts = self._parts(rows)
        return ((output.sigmoid() - right).square() * counts).mean()

    def chance(self, rows: Rows) -> float:
        """Return the loss of the best mask that is the same everywhere."""
        right, counts = (one.double() for one in self._parts(rows))
        mean = (right * counts).sum() / counts.sum()
        return float(((right - mean).square() * counts).mean())

    def score(self, output: Tensor, rows: Rows) -> float:
        """Return by how many dB the energy of what is wrong falls, against rows as they are."""
        right, counts = self._parts(rows)
        wrong, before = ((one - right).square() * counts for one in (output.sigmoid(), 1))
        return float(10 * (before.sum() / wrong.sum()).log10())

    @staticmethod
    def _parts(rows: Rows) -> tuple[Tensor, Tensor]:
        assert rows.y is not None
        right, counts = rows.y.unbind(dim=1)
        return right, counts


@dataclass(frozen=True, kw_only=True)
class SignalSettings:
    """How a net learns to tell signals from noise.

    Parameters
    ----------
    max_epochs : int
    rows_per_epoch : int
        Mixtures of each epoch, all of them new.
    n_signals : int
        Simulated earthquakes that are mixed in.
    channels : tuple of int
        Of the U-Net over time, one number a level.
    lr : float
        The highest learning rate; it falls to 0 along half a cosine.
    threads, random_state : int
    """

    max_epochs: int = 30
    rows_per_epoch: int = 512
    n_signals: int = 400
    channels: tuple[int, ...] = (64, 96, 128)
    lr: float = 2e-3
    threads: int = 1
    random_state: int = 0


def fit_signal_denoiser(
    noise: Sequence[np.ndarray],
    *,
    rate: float,
    validation: Sequence[np.ndarray] = (),
    settings: SignalSettings | None = None,
    shuffled: bool = False,
    notes: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> SignalDenoiser:
    """Train a denoiser on simulated earthquakes in real noise.

    Parameters
    ----------
    noise : sequence of ndarray of complex64, each of shape (3, lines, ROW)
        Windows of noise as `noise_windows` cuts them.
    rate : float
        Of the recordings that they are from, in Hz.
    validation : sequence of ndarray, optional
        Windows of noise from elsewhere, best from other stations: they tell how the training goes, and change nothing.
    settings : SignalSettings, optional
    shuffled : bool
        A control that must fail: another signal than the one that was mixed in is told to be the truth.
    notes : sequence of str
        What to mind.
    on_progress : callable (done, total), optional
        Told after each epoch; returning False ends the training.

    Raises
    ------
    DataError
        If there is too little noise.

    Notes
    -----
    Masks of short-time spectra, learnt from known mixtures: Zhu, Mousavi & Beroza (2019), IEEE Trans. Geosci. Remote Sens. 57,
    doi:10.1109/TGRS.2019.2926772; the mask that is right allows for the phase of the noise: Erdogan et al. (2015), ICASSP,
    doi:10.1109/ICASSP.2015.7178061.
    """
    how = settings or SignalSettings()
    check(len(noise) >= FEWEST, DataError, "The noise to train a denoiser with must be at least {} quiet windows of {:.0f} s. Got {}.", FEWEST, row_samples(rate) / rate, len(noise))  # fmt: skip
    random = torch.Generator().manual_seed(how.random_state)
    mixtures = _mixtures(noise, how.n_signals, rate, how.random_state, shuffled=shuffled)
    held = _mixtures(validation, HELD, rate, how.random_state + 1) if len(validation) else None
    n_values = COMPONENTS * Frames(rate).lines
    with seeded(how.random_state):
        net = UNet(UNetConfig.of((n_values, SEEN), n_values, channels=how.channels))
    recipe = Recipe(
        max_epochs=how.max_epochs,
        batch_size=min(BATCH, how.rows_per_epoch),
        lr=how.lr,
        schedule="cosine",
        keep="last",
        clip=1.0,
        threads=how.threads,
        device="cpu",
        random_state=how.random_state,
    )
    history = fit(
        net,
        mixtures.draw(how.rows_per_epoch, random),
        recipe=recipe,
        objective=MaskError(),
        validation=None if held is None else held.draw(2 * HELD, random),
        augment=mixtures,
        on_progress=on_progress,
    )
    config: Any = net.config
    return SignalDenoiser(
        rate=float(rate),
        n_noise=len(noise),
        architecture="unet",
        net_settings=plain(asdict(config)),
        recipe=asdict(recipe) | asdict(how),
        seeds=[how.random_state],
        weights=weights_of([net]),
        histories=[history],
        notes=list(notes),
        trained_with={"torch": torch.__version__, "device": "cpu"},
    )


def noise_windows(recording: Recording, quiet: Sequence[Run], *, most: int | None = None) -> list[np.ndarray]:
    """Cut windows of noise out of the quiet parts of a recording, complex64 (3, lines, ROW) each; a dead component is 0.

    Parameters
    ----------
    recording : Recording
        Of at most three components.
    quiet : sequence of Run
        Its parts without events, of whatever length; none comes of what is shorter than a window.
    most : int, optional
        Of more windows in a part, so many are cut, evenly spaced.
    """
    slots = slots_of(recording)
    found = []
    for run in quiet:
        for spectra in windows_of(run, ROW, shifts=SHIFTS, most=most) if run.rows else ():
            window = np.zeros((COMPONENTS, *spectra.shape[1:]), np.complex64)
            window[[slots[row] for row in run.rows]] = spectra
            found.append(window)
    return found


def row_samples(rate: float) -> int:
    """Return how many samples a row holds."""
    return (ROW - OVERLAP + 1) * Frames(rate).hop


def _mixtures(
    noise: Sequence[np.ndarray], n: int, rate: float, random_state: int, *, shuffled: bool = False
) -> Mixtures:
    """Simulate earthquakes to mix with noise."""
    frames = Frames(rate)
    size = (2 * ROW - OVERLAP + 1) * frames.hop
    clean = seismograms(n, rate=rate, seconds=size / rate, random_state=random_state).waves
    spectra = np.stack([frames.spectra(lambda a, b, one=one: one[:, a:b], size) for one in clean])  # type: ignore[misc]
    told = torch.arange(n).roll(1) if shuffled else torch.arange(n)
    return Mixtures(torch.from_numpy(np.stack(noise)), torch.from_numpy(spectra), told)
