"""How much noise does the denoiser of recordings take away, and what does it do to events? On stations that it never heard."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.measure.runs import living_runs
from clew.measure.signal_rivals import Denoise, energy, fitted_rivals, gains, passed, subtracted
from clew.read.recording import recording_of

RATE, BEFORE_P = 100.0, 2800  # Hz; samples that hold noise alone
TEST_SHARE = 4  # every fourth station is held out
SHORTEST = 20.0  # s of noise that is judged by


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
    folder: Path, *, splits: int = 3, max_epochs: int = 30, shuffled: bool = True
) -> dict[str, Any]:
    """Train on the noise of three quarters of the stations, and judge by that of the others, beside classical filters; so often.

    Parameters
    ----------
    folder : Path
        PhaseNet's windows: ``signals/phasenet_ncedc`` of the shared data.
    splits : int
        Of the stations, with a training each.
    max_epochs : int
        Of 512 mixtures each, about 1.4 CPU-seconds.
    shuffled : bool
        Whether a control is trained on the first split, for a quarter as long: it is told other signals than it hears.

    Returns
    -------
    dict
        "gains", "invented", "onsets" and "kept" as the functions of these names say, with the "split" of each; "caution".
        The events of "gains" are simulated like those that taught the net, which flatters it; the others are real ones.
    """
    from clew.neural.signal_denoiser import CAUTION

    windows = windows_in(folder)
    told: dict[str, Any] = {"gains": [], "invented": [], "onsets": [], "kept": [], "caution": CAUTION}
    for split in range(splits):
        training, test = split_by_station(windows, random_state=split)
        methods = methods_of(training)
        methods["net"] = trained(training, max_epochs, split)
        if shuffled and split == 0:
            methods["net, shuffled"] = trained(training, max(1, max_epochs // 4), split, shuffled=True)
        for name, rows in judged(methods, test).items():
            told[name] += [row | {"split": split} for row in rows]
    return told


def trained(
    windows: Sequence[Window], max_epochs: int, random_state: int, *, shuffled: bool = False
) -> Denoise:
    """Train a net on the noise of windows."""
    from clew.neural.signal_denoising import SignalSettings, fit_signal_denoiser

    how = SignalSettings(max_epochs=max_epochs, random_state=random_state)
    return fit_signal_denoiser(noise_of(windows), rate=RATE, settings=how, shuffled=shuffled).denoise


def methods_of(windows: Sequence[Window]) -> dict[str, Denoise]:
    """Return the classical filters that suit the noise of windows best, by the kind; Wiener's also with the floor of the net."""
    from clew.neural.signal_denoiser import FLOOR

    found: dict[str, Denoise] = {"above 1 Hz": lambda values: passed(values, RATE)}
    for name, method in fitted_rivals(long_noise(windows), rate=RATE).items():
        kind, taken = name.replace(",", "").split()[:2]
        found[kind] = method
        if kind == "Wiener":
            found["Wiener, floor"] = lambda values, n=float(taken): subtracted(values, RATE, n, FLOOR)  # type: ignore[misc]
    return found


def judged(methods: dict[str, Denoise], windows: Sequence[Window]) -> dict[str, list[dict[str, Any]]]:
    """Return what all the measures say of methods."""
    return {
        "gains": gains(methods, long_noise(windows), rate=RATE),
        "invented": invented(methods, windows),
        "onsets": onsets(methods, windows),
        "kept": kept(methods, windows),
    }


def long_noise(windows: Sequence[Window]) -> list[np.ndarray]:
    """Return the noise of windows that have 20 s of it."""
    return [noise for one in windows if (noise := one.noise).shape[1] >= SHORTEST * RATE]


def noise_of(windows: Sequence[Window]) -> list[np.ndarray]:
    """Return the spectra of the noise of windows as the denoiser learns from them."""
    from clew.neural.signal_denoising import noise_windows

    found = []
    for one in windows:
        if one.noise.shape[1]:
            recording = recording_of(one.noise, rate=RATE, components=("Z", "N", "E")[: len(one.values)])
            found += noise_windows(recording, living_runs(recording))
    return found


# ---- judged ----
def invented(methods: dict[str, Denoise], windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Return what is left of pure noise: its share of the energy, and the share of windows with an event in it that is none.

    Such an event is half a second of any component in which the output is as loud as the noise above 1 Hz was on average.
    STA/LTA (recursive, 0.5 and 10 s, from 3.5 on) is asked as well: in near silence the least rest triggers it.
    """
    quiet = long_noise(windows)
    rows = []
    for name, method in methods.items():
        left, loud, triggered = [], [], []
        for noise in quiet:
            level, out = passed(noise, RATE).std(axis=1, keepdims=True), method(noise)
            left.append(energy(out / level) / energy(passed(noise, RATE) / level))
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
            found = [trigger * RATE - 1500 for trigger in _triggers(passed(out, RATE, 2, 20))]
            off.append(min(found, key=abs, default=np.inf) / RATE)
        rows.append({"method": name, "within_0.1_s": float(np.mean(np.abs(off) <= 0.1)), "within_0.5_s": float(np.mean(np.abs(off) <= 0.5)), "median_s": float(np.median(off)), "n": len(off)})  # fmt: skip
    return rows


def kept(methods: dict[str, Denoise], windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Return how much is left of the largest value of real events on the first component: median, lower quartile, least."""
    rows = []
    for name, method in methods.items():
        share = []
        for one in windows:
            before, after = (
                np.abs(x[0, one.p - 100 :]).max() for x in (passed(one.values, RATE), method(one.values))
            )
            share.append(after / before)
        rows.append({"method": name, "median": float(np.median(share)), "quartile": float(np.quantile(share, 0.25)), "least": min(map(float, share)), "n": len(share)})  # fmt: skip
    return rows


def _triggers(values: np.ndarray) -> list[float]:
    """Return the times of the triggers of the first component, in s."""
    from clew.measure.triggers import find_triggers

    if np.ptp(values[0]) == 0:
        return []
    return [one.start for one in find_triggers(recording_of(values[:1], rate=RATE))]


def _moving(values: np.ndarray, n: int) -> np.ndarray:
    sums = np.pad(values.cumsum(axis=1), [(0, 0), (1, 0)])
    return (sums[:, n:] - sums[:, :-n]) / n
