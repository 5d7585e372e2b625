"""Clean seismograms of local earthquakes: what noise is added to where the truth must be known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.errors import SettingError, check, check_seed
from clew.result import Result
from clew.simulate.shaking import VP, VS, Earthquake

MAGNITUDES, DISTANCES, DEPTHS = (0.0, 3.5), (3.0, 100.0), (2.0, 15.0)  # km
ONSET = (0.1, 0.7)  # share of the window
SITE_KNOTS, SITE_SPREAD = 6, 0.5  # of the logarithm of a site's response over frequency


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Seismograms(Result):
    """Simulated earthquakes without noise, each in a window of its own.

    Parameters
    ----------
    waves : ndarray of float32, shape (n, 3, n_samples)
        Z, N, E; the largest value of each window is 1.
    p, s : ndarray of int64, shape (n,)
        The samples at which P and S waves arrive; S may lie behind the end.
    rate : float
        In Hz.
    """

    waves: np.ndarray
    p: np.ndarray
    s: np.ndarray
    rate: float

    def headline(self) -> str:
        """Say how many, how long."""
        n, _, n_samples = self.waves.shape
        return f"{n} simulated earthquakes of {n_samples / self.rate:g} s at {self.rate:g} Hz, without noise"


def seismograms(n: int, *, rate: float = 100.0, seconds: float = 30.0, random_state: int = 0) -> Seismograms:
    """Simulate clean three-component seismograms of local earthquakes.

    Magnitudes 0-3.5, 3-100 km away and 2-15 km deep; P and S waves and what is scattered as `Earthquake` makes them, and at each
    site a response of its own: its logarithm wanders by 0.5 over frequency, about a slope between that of displacement and that
    of acceleration.

    Parameters
    ----------
    n : int
        How many.
    rate : float
        In Hz, at least 20.
    seconds : float
        The length of a window; the P wave arrives after 0.1 to 0.7 of it.
    random_state : int

    Raises
    ------
    SettingError
        If there are to be none, or the rate is too low for what happens.
    """
    check_seed(random_state, of="seismograms")
    check(n >= 1, SettingError, "The 'n' of seismograms must be at least 1. Got {}.", n)
    check(rate >= 20, SettingError, "The 'rate' of seismograms must be at least 20 Hz. Got {}.", rate)
    rng = np.random.default_rng([random_state, 5])
    n_samples = round(seconds * rate)
    waves = np.zeros((n, 3, n_samples), np.float32)
    p = np.rint(rng.uniform(*ONSET, n) * n_samples).astype(np.int64)
    apart = np.zeros(n, np.int64)
    for i, begins in enumerate(p):
        away, azimuth = np.exp(rng.uniform(*np.log(DISTANCES))), rng.uniform(0, 2 * np.pi)
        east, north = away * np.sin(azimuth), away * np.cos(azimuth)
        quake = Earthquake(rng.uniform(*MAGNITUDES), east, north, rng.uniform(*DEPTHS))
        _, shaken = quake.at(rng, 0, np.zeros((1, 2)), rate=rate)
        kept = _at_site(rng, shaken, rate)[:, : n_samples - begins]
        waves[i, :, begins : begins + kept.shape[1]] = kept / np.abs(kept).max()
        distance = quake.distance(np.zeros(2))
        apart[i] = round((distance / VS - distance / VP) * rate)
    settings = {"n": n, "rate": rate, "seconds": seconds, "random_state": random_state}
    return Seismograms(waves=waves, p=p, s=p + apart, rate=float(rate), settings=settings)


def _at_site(rng: np.random.Generator, waves: np.ndarray, rate: float) -> np.ndarray:
    """Return waves (3, n) as ground and sensor of one site would show them: minimum phase, so that nothing comes early."""
    n = 2 * waves.shape[1]
    f = np.fft.rfftfreq(n, 1 / rate)
    octaves = np.log2(np.maximum(f, 0.5))
    knots = np.linspace(-1, np.log2(rate / 2), SITE_KNOTS)
    slope = rng.uniform(-0.5, 1) * np.log(2)
    gain = [
        slope * octaves + np.interp(octaves, knots, rng.normal(0, SITE_SPREAD, SITE_KNOTS)) for _ in waves
    ]
    cepstrum = np.fft.irfft(np.array(gain), n)
    cepstrum[:, 1 : n // 2] *= 2
    cepstrum[:, n // 2 + 1 :] = 0
    return np.fft.irfft(np.fft.rfft(waves, n) * np.exp(np.fft.rfft(cepstrum)), n)[:, : waves.shape[1]]
