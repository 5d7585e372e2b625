"""Windows to learn picking from: cut out of waveforms with known picks anew in each epoch, and changed as the papers change them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import torch

from clew.errors import DataError, check
from clew.neural.picking_net import DETECTION, NOISE, PickingNet
from clew.neural.picking_settings import Changes, LabelShape
from clew.neural.rows import Rows
from clew.simulate.seismograms import Seismograms

SHORTEST = 10.0  # s, of noise
MARGIN = 2.0  # s before a P wave that are not taken for noise
AFTER = 1.4  # the share of the time from P to S for which an event is heard after S: Mousavi et al. 2020
ALONE = 20.0  # s for which it is heard where S is not known
FIRST = 0.85  # share of windows that are cut around the first pick of a waveform, most often P
INSIDE = 0.02, 0.98  # share of the window before that pick
SLOWEST, FASTEST = 0.75, 1.33
NOISIER = -2.5, -1.2  # of noise that is added, against the largest value of a window: powers of 10
LOUDER = 0.7, 2.5  # of the largest value of a simulated earthquake, against noise: powers of 10
VERTICAL = 0.85  # share of windows of one component in which it is the first
ENDS = 0.01, 0.4  # share of the window that is 0 at an end
TINY = 1e-30
Cut: TypeAlias = tuple[
    np.ndarray, dict[str, list[float]]
]  # values (n_components, window), and samples of picks


@dataclass(frozen=True, eq=False)
class Waveform:
    """A piece of a three-component recording, with the picks in it.

    Parameters
    ----------
    values : ndarray of float32, shape (n_components, n)
        At the rate of the net, in the order of its components, filtered as it wants; a dead component is 0 throughout.
    picks : dict of str to list of float
        Samples at which each phase arrives; fractions count.
    group : str
        Its station: no station is on both sides of a split.
    name : str
    """

    values: np.ndarray
    picks: Mapping[str, Sequence[float]]
    group: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        check(values.ndim == 2 and values.shape[1] > 1, DataError, "The values of a waveform must be of shape (n_components, n_samples). Got {} in '{}'.", values.shape, self.name)  # fmt: skip
        for phase, some in self.picks.items():
            out = [one for one in some if not 0 <= one < values.shape[1]]
            check(not out, DataError, "The picks of a waveform must lie within its {} samples. Got {} at {} in '{}'.", values.shape[1], phase, out[:1] and out[0], self.name)  # fmt: skip

    @property
    def live(self) -> np.ndarray:
        """Return which components moved, bool (n_components,)."""
        known = np.isfinite(self.values)
        highest = np.where(known, self.values, -np.inf).max(axis=1)
        return np.asarray(highest > np.where(known, self.values, np.inf).min(axis=1))

    @property
    def first(self) -> float:
        """Return the first pick; infinity where there is none."""
        return min((at for one in self.picks.values() for at in one), default=math.inf)


# ---- what is to be said ----
def label_curves(
    picks: Mapping[str, Sequence[float]],
    n: int,
    labels: Sequence[str],
    *,
    shape: LabelShape,
    width: float,
    rate: float,
) -> np.ndarray:
    """Return what is to be said of each sample, float32 (n_labels, n): 1 at a pick, and less around it.

    Parameters
    ----------
    picks : dict of str to sequence of float
        Samples of each phase, inside the window or not.
    n : int
    labels : sequence of str
        Phases, "N" for what none of them takes, "Detection" from the first pick to 1.4 times the time from P to S after S.
    shape : {"gaussian", "triangle"}
    width : float
        The standard deviation, or half the base, in samples.
    rate : float
        In Hz.

    Notes
    -----
    Gaussians: Zhu & Beroza 2019, doi:10.1093/gji/ggy423; triangles and the span of a detection: Mousavi et al. 2020,
    doi:10.1038/s41467-020-17591-w.
    """
    at = np.arange(n)
    curves = np.zeros((len(labels), n), np.float32)
    for row, label in enumerate(labels):
        for pick in picks.get(label, ()):
            away = np.abs(at - pick)
            bump = (
                np.exp(-0.5 * (away / width) ** 2)
                if shape == "gaussian"
                else np.clip(1 - away / width, 0, None)
            )
            curves[row] = np.maximum(curves[row], bump)
        if label == DETECTION:
            for first, last in heard(picks, rate):
                curves[row, max(0, math.ceil(first)) : max(0, math.floor(last) + 1)] = 1
    if NOISE in labels:
        phases = [row for row, label in enumerate(labels) if label not in (NOISE, DETECTION)]
        total = curves[phases].sum(axis=0)
        curves[phases] /= np.maximum(total, 1)
        curves[labels.index(NOISE)] = 1 - curves[phases].sum(axis=0)
    return curves


def heard(picks: Mapping[str, Sequence[float]], rate: float) -> list[tuple[float, float]]:
    """Return from when to when each event is heard, in samples."""
    spans = []
    for p in picks.get("P", ()):
        later = [s for s in picks.get("S", ()) if s > p]
        spans.append((p, later[0] + AFTER * (later[0] - p) if later else p + ALONE * rate))
    return spans


# ---- where windows come from ----
@dataclass(frozen=True, eq=False)
class PickWindows:
    """Windows with what is to be said of them: what comes is replaced by as many new ones, drawn from the generator alone.

    Parameters
    ----------
    model : PickingNet
        Whose windows they are; it need not be trained.
    events : sequence of Waveform
        With a pick at least, filtered as the net wants.
    noise : sequence of ndarray of float32, each of shape (n_components, m)
        Pieces without picks, of any length, filtered likewise.
    simulated : Seismograms, optional
        At the rate of the net, filtered likewise.
    changes : Changes
    shape, width
        Of `label_curves`, the width in s.
    """

    model: PickingNet
    events: Sequence[Waveform]
    noise: Sequence[np.ndarray]
    simulated: Seismograms | None = None
    changes: Changes = field(default_factory=Changes)
    shape: LabelShape = "gaussian"
    width: float = 0.1

    def __post_init__(self) -> None:
        check(self.noise or self.simulated is None, DataError, "The waveforms must hold noise to put simulated earthquakes into: {:g} s before a pick. Got none.", SHORTEST)  # fmt: skip

    def __call__(self, rows: Rows, random: torch.Generator) -> Rows:
        return self.draw(len(rows), random)

    def draw(self, n: int, random: torch.Generator) -> Rows:
        """Draw new windows: x float32 (n, n_components, window), y float32 (n, n_labels, window)."""
        drawn = np.random.default_rng(int(torch.randint(2**62, (1,), generator=random)))
        return self.rows([self._one(drawn) for _ in range(n)])

    def rows(self, cuts: Sequence[Cut]) -> Rows:
        """Return windows as the net takes them, with what is to be said of them."""
        model = self.model
        about = {"shape": self.shape, "width": self.width * model.rate, "rate": model.rate}
        curves = [label_curves(picks, model.window, model.labels, **about) for _, picks in cuts]  # type: ignore[arg-type]
        x = torch.from_numpy(np.stack([one for one, _ in cuts]).astype(np.float32, copy=False))
        return Rows(model.prepare(x), torch.from_numpy(np.stack(curves)))

    def event(self, drawn: np.random.Generator) -> Cut:
        """Cut a window that holds a pick, most often the first of its waveform, anywhere in it."""
        one = self.events[int(drawn.integers(len(self.events)))]
        speed = (
            SLOWEST * (FASTEST / SLOWEST) ** drawn.random()
            if drawn.random() < self.changes.stretched
            else 1.0
        )
        n = self.model.window
        known = sorted(pick for some in one.picks.values() for pick in some)
        at = known[0] if drawn.random() < FIRST else float(drawn.choice(known))
        first = at - drawn.uniform(*INSIDE) * n * speed
        first = float(np.clip(first, 0, max(0.0, one.values.shape[1] - 1 - (n - 1) * speed)))
        return cut(one, first, n, speed)

    def stretch(self, drawn: np.random.Generator) -> np.ndarray:
        """Make a window of noise of a piece: mirrored at its ends, or with its spectrum and phases drawn anew, float32."""
        piece, n = self.noise[int(drawn.integers(len(self.noise)))], self.model.window
        m = piece.shape[1]
        if drawn.random() < 0.5:
            around = (np.arange(n) + int(drawn.integers(m))) % (2 * m)
            return piece[:, np.where(around < m, around, 2 * m - 1 - around)]
        power = np.abs(np.fft.rfft(piece * np.hanning(m), axis=1))
        size = np.stack([np.interp(np.fft.rfftfreq(n), np.fft.rfftfreq(m), one) for one in power])
        made = np.fft.irfft(size * np.exp(2j * np.pi * drawn.random(size.shape)), n, axis=1)
        wanted, got = piece.std(axis=1, keepdims=True), made.std(axis=1, keepdims=True)
        return np.asarray(made * (wanted / np.maximum(got, TINY)), np.float32)

    def _one(self, drawn: np.random.Generator) -> Cut:
        how = self.changes
        if self.noise and drawn.random() < how.noise:
            return self._changed(self.stretch(drawn), {}, drawn)
        x, picks = self._drawn(drawn)
        if drawn.random() < how.superposed:
            other, more = self._drawn(drawn)
            x = x + _where(x, other * (drawn.uniform(0.1, 1) * _peak(x) / max(_peak(other), TINY)))
            picks = {name: [*picks.get(name, ()), *more.get(name, ())] for name in {*picks, *more}}
        if self.noise and drawn.random() < how.noisier:
            noise = self.stretch(drawn)
            x = x + _where(
                x, noise * (10 ** drawn.uniform(*NOISIER) * _peak(x) / max(float(noise.std()), TINY))
            )
        return self._changed(x, picks, drawn)

    def _drawn(self, drawn: np.random.Generator) -> Cut:
        simulated = self.simulated is not None and (
            not self.events or drawn.random() < self.changes.simulated
        )
        return self._simulated(drawn) if simulated else self.event(drawn)

    def _simulated(self, drawn: np.random.Generator) -> Cut:
        """Put a simulated earthquake into noise, its largest value 5 to 300 times the standard deviation of the noise."""
        assert self.simulated is not None
        i, n = int(drawn.integers(len(self.simulated.waves))), self.model.window
        wave, p, s = self.simulated.waves[i], int(self.simulated.p[i]), int(self.simulated.s[i])
        begins = int(drawn.uniform(*INSIDE) * n)  # of P in the window
        x = np.zeros((wave.shape[0], n), np.float32)
        low = max(0, begins - p)
        part = wave[:, max(0, p - begins) :][:, : n - low]
        x[:, low : low + part.shape[1]] = part
        noise = self.stretch(drawn)
        live = noise[np.ptp(noise, axis=1) > 0]
        level = float(live.std()) or 1.0
        loud = x * (10 ** drawn.uniform(*LOUDER) * level / max(_peak(x), TINY))
        return noise + _where(noise, loud), {"P": [float(begins)], "S": [float(begins + s - p)]}

    def _changed(self, x: np.ndarray, picks: dict[str, list[float]], drawn: np.random.Generator) -> Cut:
        """Change a window so that its picks stay where they are; those of what is taken away are left out."""
        how, (k, n) = self.changes, x.shape
        if drawn.random() < how.flipped:
            x = -x
        if k == 3 and drawn.random() < how.turned:
            a = drawn.uniform(0, 2 * np.pi)
            x = np.stack([x[0], np.cos(a) * x[1] - np.sin(a) * x[2], np.sin(a) * x[1] + np.cos(a) * x[2]])
        if drawn.random() < how.gain:
            x = x * 2 ** drawn.uniform(-1, 1, (k, 1))
        if drawn.random() < how.dropped:
            kept = 0 if drawn.random() < VERTICAL else int(drawn.integers(k))
            if np.ptp(x[kept]) > 0:
                x = x * (np.arange(k) == kept)[:, None]
        there = np.ones(n, bool)
        if drawn.random() < how.gaps:
            size = int(drawn.integers(n // 100, n // 10))
            first = int(drawn.integers(n - size))
            there[first : first + size] = False
        if drawn.random() < how.ends:
            side, share = drawn.integers(3), drawn.uniform(*ENDS, 2)
            there[: int(n * share[0]) if side != 1 else 0] = False
            there[n - int(n * share[1]) if side != 0 else n :] = False
        if there.all():
            return x, picks
        mean = x[:, there].mean(axis=1, keepdims=True)
        left = {
            name: [at for at in some if not 0 <= at < n or there[int(at)]] for name, some in picks.items()
        }
        return (x - mean) * there, {name: some for name, some in left.items() if some}


def cut(one: Waveform, first: float, n: int, speed: float = 1.0) -> Cut:
    """Cut a window out of a waveform, from sample ``first``, with the samples of its picks; time may run faster."""
    last = one.values.shape[1] - 1
    at = first + speed * np.arange(n)
    if speed == 1.0:
        low = round(first)
        picks = {name: [pick - low for pick in some] for name, some in one.picks.items()}
        part = one.values[:, low : low + n]
        return np.pad(part, ((0, 0), (0, n - part.shape[1]))), picks
    x = np.stack([np.interp(at, np.arange(last + 1), values, right=0.0) for values in one.values])
    return x.astype(np.float32), {
        name: [(pick - first) / speed for pick in some] for name, some in one.picks.items()
    }


def trimmed(one: Waveform) -> Waveform:
    """Return a waveform without what stands still, or is unknown, before its first sample and behind its last.

    What is unknown in between is taken as what came before; picks that lie in what is cut off are left out.
    """
    values = np.array(one.values, np.float32)
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), -1), axis=1)
    first = np.where(known.any(axis=1), known.argmax(axis=1), 0)
    filled = np.take_along_axis(values, np.where(last < 0, first[:, None], last), axis=1)
    filled[~known.any(axis=1)] = 0
    moving = np.flatnonzero((np.diff(filled, axis=1) != 0).any(axis=0))
    low, high = (int(moving[0]), int(moving[-1]) + 2) if len(moving) else (0, values.shape[1])
    picks = {name: [pick - low for pick in some if low <= pick < high] for name, some in one.picks.items()}
    return replace(
        one, values=filled[:, low:high], picks={name: some for name, some in picks.items() if some}
    )


def noise_of(waveforms: Sequence[Waveform], rate: float) -> list[np.ndarray]:
    """Return the quiet pieces of waveforms, up to 2 s before their first pick, where they last for 10 s."""
    found = []
    for one in waveforms:
        stop = min(one.first - MARGIN * rate, one.values.shape[1])
        if stop >= SHORTEST * rate and one.live.any():
            found.append(one.values[:, : int(stop)])
    return found


def _peak(x: np.ndarray) -> float:
    return float(np.abs(x).max(initial=0))


def _where(x: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return what is added to a window, where its components live."""
    return other * (np.ptp(x, axis=1) > 0)[:, None]
