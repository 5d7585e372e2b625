"""How much noise does the denoiser of recordings take away, and what does it do to events? On stations that it never heard."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.frames import Frames, log_power, noise_level
from clew.measure.runs import HIGHPASS, living_runs
from clew.read.recording import recording_of

RATE, BEFORE_P = 100.0, 2800  # Hz; samples that hold noise alone
RATIOS = (-5.0, 0.0, 5.0, 10.0)  # dB, of the signal to the noise
LOW, HIGH = (1.0, 2.0, 3.0, 5.0), (8.0, 12.0, 20.0, 40.0)  # Hz: corners that are tried
TAKEN = (1.0, 2.0, 4.0, 8.0, 16.0)  # times the noise that spectral subtraction takes away
TEST_SHARE = 4  # every fourth station is held out
SHORTEST = 20.0  # s of noise that is judged by

Denoise = Callable[[np.ndarray], np.ndarray]  # (n_components, n) of counts -> the same shape


@dataclass(frozen=True)
class Window:
    """One file of PhaseNet's training data: a local earthquake of one station.

    Parameters
    ----------
    station : str
    values : ndarray of float64, shape (n_components, n)
        Living components, in the order Z, N, E, in counts.
    p : int
        The sample at which an analyst saw the P wave.
    """

    station: str
    values: np.ndarray
    p: int

    @property
    def noise(self) -> np.ndarray:
        """Return what lies well before the P wave, without constant padding, float64 (n_components, n)."""
        found = recording_of(self.values[:, :BEFORE_P], rate=RATE)
        runs = [run for run in living_runs(found) if len(run.rows) == len(self.values)]
        longest = max(runs, key=lambda run: run.n, default=None)
        return self.values[:, longest.first : longest.stop] if longest else np.zeros((len(self.values), 0))


def windows_in(folder: Path) -> list[Window]:
    """Read PhaseNet's windows: ``index.csv`` and one .npz each."""
    found = []
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            with np.load(folder / row["fname"]) as one:
                values = one["data"].T[::-1].astype(np.float64)  # E, N, Z, of which some are dead
            values = values[np.ptp(values, axis=1) > 0]
            found.append(Window(f"{row['network']}.{row['station']}", values, int(row["itp"])))
    check(found, DataError, "The folder '{}' must hold windows. Got none.", folder)
    return found


def split_by_station(
    windows: Sequence[Window], *, random_state: int = 0
) -> tuple[list[Window], list[Window]]:
    """Return the windows of three quarters of the stations, and those of the others."""
    stations = np.random.default_rng(random_state).permutation(sorted({one.station for one in windows}))
    held = set(stations[::TEST_SHARE])
    return [one for one in windows if one.station not in held], [
        one for one in windows if one.station in held
    ]


def signal_denoising_quality(
    folder: Path, *, max_epochs: int = 30, random_state: int = 0, shuffled: bool = True
) -> dict[str, Any]:
    """Train on the noise of three quarters of the stations, and judge by that of the others, beside classical filters.

    Parameters
    ----------
    folder : Path
        PhaseNet's windows: ``signals/phasenet_ncedc`` of the shared data.
    max_epochs : int
        Of 512 mixtures each, about 2 CPU-seconds.
    random_state : int
        Of split, training and simulated events.
    shuffled : bool
        Whether the control is trained too, for a quarter as long: it is told another signal than the one that it hears.

    Returns
    -------
    dict
        "gains", "invented" and "onsets" as `gains`, `invented` and `onsets` say; "stations" and "windows" (training, test); "caution".
        The events of "gains" are simulated like those that taught the net, which flatters it; "onsets" are of real ones.
    """
    from clew.neural.signal_denoiser import CAUTION
    from clew.neural.signal_denoising import SignalSettings, fit_signal_denoiser

    training, test = split_by_station(windows_in(folder), random_state=random_state)
    noise, methods = noise_of(training), fitted_rivals(training)
    settings = SignalSettings(max_epochs=max_epochs, random_state=random_state)
    methods["net"] = fit_signal_denoiser(noise, rate=RATE, settings=settings).denoise
    if shuffled:
        short = replace(settings, max_epochs=max(1, max_epochs // 4))
        methods["net, shuffled"] = fit_signal_denoiser(
            noise, rate=RATE, settings=short, shuffled=True
        ).denoise
    return {
        "gains": gains(methods, test),
        "invented": invented(methods, test),
        "onsets": onsets(methods, test),
        "stations": [len({one.station for one in some}) for some in (training, test)],
        "windows": [len(training), len(test)],
        "caution": CAUTION,
    }


# ---- noise of the stations, and simulated events in it ----
def noise_of(windows: Sequence[Window]) -> list[np.ndarray]:
    """Return the spectra of the noise of windows as the denoiser learns from them."""
    from clew.neural.signal_denoising import noise_windows

    found = []
    for one in windows:
        if one.noise.shape[1]:
            recording = recording_of(one.noise, rate=RATE, components=("Z", "N", "E")[: len(one.values)])
            found += noise_windows(recording, living_runs(recording))
    return found


@dataclass(frozen=True)
class Mixed:
    """A simulated event in real noise.

    Parameters
    ----------
    noise, truth : ndarray of float64, shape (n_components, n)
        In counts, as recorded; what is to be found again is the truth above 1 Hz.
    p : int
        The sample at which P arrives.
    """

    noise: np.ndarray
    truth: np.ndarray
    p: int


def mixed_at(windows: Sequence[Window], ratio: float, *, random_state: int = 0) -> list[Mixed]:
    """Put another simulated event into the noise of each window; the ratio, in dB, is of the energies above 1 Hz."""
    from clew.simulate.seismograms import seismograms

    quiet = [one.noise for one in windows if one.noise.shape[1] >= SHORTEST * RATE]
    clean = seismograms(len(quiet), rate=RATE, seconds=BEFORE_P / RATE, random_state=random_state)
    found = []
    for noise, waves, p in zip(quiet, clean.waves, clean.p):
        n_components, n = noise.shape
        skipped = min(
            max(0, int(p) - n // 5), waves.shape[1] - n
        )  # short noise: the event begins early in it
        truth = waves[:n_components, skipped : skipped + n].astype(np.float64)
        truth *= 10 ** (ratio / 20) * np.sqrt(_energy(above(noise)) / _energy(above(truth)))
        found.append(Mixed(noise, truth, int(p) - skipped))
    return found


def above(values: np.ndarray, low: float = HIGHPASS, high: float | None = None) -> np.ndarray:
    """Return samples between two frequencies in Hz, by a Butterworth filter without a phase."""
    from scipy.signal import sosfiltfilt

    from clew.measure.filtering import design

    return sosfiltfilt(design(RATE, highpass=low, lowpass=high).sos, values - values[:, :1], axis=1)


# ---- classical rivals ----
def subtracted(values: np.ndarray, taken: float) -> np.ndarray:
    """Take the noise away from the power of each frequency at each time: Wiener's filter with a noise level from quiet frames.

    Lim & Oppenheim (1979), Proc. IEEE 67, doi:10.1109/PROC.1979.11540; power is smoothed over 3 x 3 places first.
    """
    from scipy.ndimage import uniform_filter

    frames, x = Frames(RATE), above(values)
    spectra = frames.spectra(lambda a, b: x[:, a:b], x.shape[1])
    power = log_power(spectra)
    smooth = np.maximum(uniform_filter(np.exp(power), (0, 3, 3)), np.finfo(np.float32).tiny)
    share = np.exp(
        np.minimum(noise_level(power)[..., None] - np.log(smooth), 0)
    )  # of the power that is noise
    gain = np.maximum(0, 1 - taken * share)
    return frames.samples(spectra * gain)[:, : x.shape[1]].astype(np.float64)


def fitted_rivals(windows: Sequence[Window]) -> dict[str, Denoise]:
    """Choose the corners of a band-pass, and how much a Wiener filter takes, for the best gain on the training stations."""
    pairs = [one for ratio in RATIOS for one in mixed_at(windows, ratio, random_state=7)]

    def best(tried: list[Any], method: Callable[..., np.ndarray]) -> Any:
        return max(
            tried,
            key=lambda how: np.mean([_ratio(one, method(one.noise + one.truth, *how)) for one in pairs]),
        )

    low, high = best([(a, b) for a in LOW for b in HIGH], above)
    (taken,) = best([(one,) for one in TAKEN], subtracted)
    return {
        "above 1 Hz": above,
        f"band-pass {low:g}-{high:g} Hz": lambda values: above(values, low, high),
        f"Wiener, {taken:g} x noise": lambda values: subtracted(values, taken),
    }


# ---- judged ----
def gains(
    methods: dict[str, Denoise], windows: Sequence[Window], *, random_state: int = 11
) -> list[dict[str, Any]]:
    """Return, for each method and ratio, the ratio after it in dB (median), and the correlation with the truth (median)."""
    rows = []
    for ratio in RATIOS:
        pairs = mixed_at(windows, ratio, random_state=random_state)
        for name, method in methods.items():
            cleaned = [method(one.noise + one.truth) for one in pairs]
            after = [_ratio(one, out) for one, out in zip(pairs, cleaned)]
            alike = [
                np.corrcoef(above(one.truth).ravel(), out.ravel())[0, 1] if out.any() else 0.0
                for one, out in zip(pairs, cleaned)
            ]
            rows.append({"method": name, "before_db": ratio, "after_db": float(np.median(after)), "worst_db": float(np.min(after)), "correlation": float(np.median(alike)), "n": len(pairs)})  # fmt: skip
    return rows


def invented(methods: dict[str, Denoise], windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Return what is left of pure noise: its share of the energy, and the share of windows with an event in it that is none.

    Such an event is half a second of any component in which the output is as loud as the noise above 1 Hz was on average.
    STA/LTA (recursive, 0.5 and 10 s, from 3.5 on) is asked as well: in near silence the least rest triggers it.
    """
    quiet = [one.noise for one in windows if one.noise.shape[1] >= SHORTEST * RATE]
    rows = []
    for name, method in methods.items():
        left, loud, triggered = [], [], []
        for noise in quiet:
            level, out = above(noise).std(axis=1, keepdims=True), method(noise)
            left.append(_energy(out / level) / _energy(above(noise) / level))
            rms = np.sqrt(np.maximum(_moving(out**2, int(RATE / 2)), 0))
            loud.append(bool((rms > level).any()))
            triggered.append(bool(_triggers(out)))
        rows.append({"method": name, "energy_left": float(np.median(left)), "most_left": float(np.max(left)), "loud": float(np.mean(loud)), "triggered": float(np.mean(triggered)), "n": len(quiet)})  # fmt: skip
    return rows


def onsets(methods: dict[str, Denoise], windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Return how far STA/LTA's P onset (2-20 Hz, on Z) lies from the analyst's in windows of 30 s around real events."""
    rows = []
    for name, method in methods.items():
        off = []
        for one in windows:
            if one.noise.shape[1] < SHORTEST * RATE:
                continue
            begins = one.p - 1500
            out = method(one.values)[:1, begins : begins + 3000]
            found = [trigger * RATE - 1500 for trigger in _triggers(above(out, 2, 20))]
            off.append(min(found, key=abs, default=np.inf) / RATE)
        rows.append({"method": name, "within_0.1_s": float(np.mean(np.abs(off) <= 0.1)), "within_0.5_s": float(np.mean(np.abs(off) <= 0.5)), "median_s": float(np.median(off)), "n": len(off)})  # fmt: skip
    return rows


def _triggers(values: np.ndarray) -> list[float]:
    """Return the times of the triggers of the first component, in s."""
    from clew.measure.triggers import find_triggers

    if np.ptp(values[0]) == 0:
        return []
    return [one.start for one in find_triggers(recording_of(values[:1], rate=RATE))]


def _ratio(pair: Mixed, out: np.ndarray) -> float:
    truth = above(pair.truth)
    return float(10 * np.log10(_energy(truth) / _energy(out - truth)))


def _energy(values: np.ndarray) -> float:
    return float((values**2).sum())


def _moving(values: np.ndarray, n: int) -> np.ndarray:
    sums = np.pad(values.cumsum(axis=1), [(0, 0), (1, 0)])
    return (sums[:, n:] - sums[:, :-n]) / n
