"""Classical filters of recordings, and how near they come to simulated events in real noise: what a net has to be better than."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.measure.filtering import design
from clew.measure.frames import Frames, log_power, noise_level
from clew.measure.runs import HIGHPASS
from clew.simulate.seismograms import seismograms

RATIOS = (-5.0, 0.0, 5.0, 10.0)  # dB, of the signal to the noise
LOW, HIGH = (1.0, 2.0, 3.0, 5.0), (8.0, 12.0, 20.0, 40.0)  # Hz: corners that are tried
TAKEN = (1.0, 2.0, 4.0, 8.0, 16.0)  # times the noise that Wiener's filter takes away
HIGHEST = 0.45  # of the rate: no corner is above

Denoise = Callable[[np.ndarray], np.ndarray]  # (n_components, n) of samples -> the same shape


@dataclass(frozen=True)
class Mixed:
    """A simulated event in real noise.

    Parameters
    ----------
    noise, truth : ndarray of float64, shape (n_components, n)
        As recorded; what is to be found again is the truth above 1 Hz.
    p : int
        The sample at which P arrives.
    """

    noise: np.ndarray
    truth: np.ndarray
    p: int


def mixed_at(
    noises: Sequence[np.ndarray], ratio: float, *, rate: float, random_state: int = 0
) -> list[Mixed]:
    """Put another simulated event into each noise.

    Parameters
    ----------
    noises : sequence of ndarray, shape (n_components, n)
        Of at most three components, each as long as it is.
    ratio : float
        Of the energies above 1 Hz, in dB.
    """
    longest = max((one.shape[1] for one in noises), default=1)
    clean = seismograms(max(1, len(noises)), rate=rate, seconds=longest / rate, random_state=random_state)
    found = []
    for noise, waves, p in zip(noises, clean.waves, clean.p.tolist()):
        n_components, n = noise.shape
        skipped = min(max(0, p - n // 5), longest - n)  # in short noise the event begins early
        truth = waves[:n_components, skipped : skipped + n].astype(np.float64)
        loud, quiet = (energy(passed(one, rate)) for one in (truth, noise))
        found.append(Mixed(noise, truth * 10 ** (ratio / 20) * np.sqrt(quiet / loud), p - skipped))
    return found


# ---- filters ----
def passed(values: np.ndarray, rate: float, low: float = HIGHPASS, high: float | None = None) -> np.ndarray:
    """Return samples between two frequencies in Hz, by a Butterworth filter without a phase."""
    from scipy.signal import sosfiltfilt

    return sosfiltfilt(design(rate, highpass=low, lowpass=high).sos, values - values[:, :1], axis=1)


def subtracted(values: np.ndarray, rate: float, taken: float, floor: float = 0.0) -> np.ndarray:
    """Take the noise away from the power of each frequency at each time: Wiener's filter with a noise level from quiet frames.

    Power is smoothed over 3 x 3 places first. No factor is below ``floor``.

    Notes
    -----
    Lim & Oppenheim (1979), Proc. IEEE 67, doi:10.1109/PROC.1979.11540; the floor after Berouti, Schwartz & Makhoul (1979), ICASSP,
    208-211.
    """
    from scipy.ndimage import uniform_filter

    frames, x = Frames(rate), passed(values, rate)
    spectra = frames.spectra(lambda a, b: x[:, a:b], x.shape[1])
    power = log_power(spectra)
    smooth = np.maximum(uniform_filter(np.exp(power), (0, 3, 3)), np.finfo(np.float32).tiny)
    share = np.exp(np.minimum(noise_level(power)[..., None] - np.log(smooth), 0))  # of the power: noise
    return frames.samples(spectra * np.maximum(floor, 1 - taken * share))[:, : x.shape[1]].astype(np.float64)


def fitted_rivals(noises: Sequence[np.ndarray], *, rate: float) -> dict[str, Denoise]:
    """Choose the corners of a band-pass, and how much a Wiener filter takes: those of the best gain in these noises."""
    pairs = [one for ratio in RATIOS for one in mixed_at(noises, ratio, rate=rate, random_state=7)]

    def best(tried: list[Any], method: Callable[..., np.ndarray]) -> Any:
        def gain(how: Any) -> float:
            return float(
                np.mean([after(one, method(one.noise + one.truth, rate, *how), rate) for one in pairs])
            )

        return max(tried, key=gain)

    low, high = best([(a, b) for a in LOW for b in HIGH if a < b < HIGHEST * rate], passed)
    (taken,) = best([(one,) for one in TAKEN], subtracted)
    return {
        f"band-pass {low:g}-{high:g} Hz": lambda values: passed(values, rate, low, high),
        f"Wiener, {taken:g} x noise": lambda values: subtracted(values, rate, taken),
    }


# ---- judged ----
def gains(
    methods: dict[str, Denoise], noises: Sequence[np.ndarray], *, rate: float, random_state: int = 11
) -> list[dict[str, Any]]:
    """Return, for each method and ratio, medians of the ratio after it in dB and of the correlation with the truth."""
    rows = []
    for ratio in RATIOS:
        pairs = mixed_at(noises, ratio, rate=rate, random_state=random_state)
        for name, method in methods.items():
            cleaned = [method(one.noise + one.truth) for one in pairs]
            found = [after(one, out, rate) for one, out in zip(pairs, cleaned)]
            alike = [
                np.corrcoef(passed(one.truth, rate).ravel(), out.ravel())[0, 1] if out.any() else 0.0
                for one, out in zip(pairs, cleaned)
            ]
            rows.append({"method": name, "before_db": ratio, "after_db": float(np.median(found)), "worst_db": float(np.min(found)), "correlation": float(np.median(alike)), "n": len(pairs)})  # fmt: skip
    return rows


def after(pair: Mixed, out: np.ndarray, rate: float) -> float:
    """Return the ratio of the truth above 1 Hz to what is wrong in an output, in dB."""
    truth = passed(pair.truth, rate)
    return float(10 * np.log10(energy(truth) / energy(out - truth)))


def energy(values: np.ndarray) -> float:
    """Return the sum of squares."""
    return float((values**2).sum())
