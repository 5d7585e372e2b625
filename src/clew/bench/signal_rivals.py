"""What one would use instead for windows of recordings: ObsPy, SciPy and a Python loop, written as a good user would."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

FLOOR = 1e-12  # what is this much weaker than the largest has no logarithm


@lru_cache(maxsize=8)
def _once(n: int, rate: float, highest: float) -> dict[str, Any]:
    """Return what is the same for all windows, so that the loop is not slow without need."""
    from scipy.fft import next_fast_len
    from scipy.signal.windows import tukey

    n_fft = next_fast_len(n, real=True)
    frequency = np.fft.rfftfreq(n_fft, 1 / rate)
    seen = (frequency > 0) & (frequency <= highest * (1 + 1e-9))
    frequency = frequency[seen]
    periods = round(highest * n / rate, 6)
    octaves = min(8, int(math.log2(periods)))
    bounds = [0.0, *(highest / 2**i for i in reversed(range(octaves)))]
    edges = np.array(bounds) * (1 - 1e-9)
    bands = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(edges)]
    bands[-1] |= frequency >= edges[-1]
    n_filters = min(20, int(periods) // 2)
    corners = np.linspace(0, highest, n_filters + 2)
    triangles = np.array(
        [np.interp(frequency, corners[i : i + 3], [0, 1, 0], 0, 0) for i in range(n_filters)]
    )
    width = 2 * (n // 100) + 1
    return {
        "n_fft": n_fft,
        "taper": tukey(n + 2, 0.05)[1:-1],
        "seen": seen,
        "frequency": frequency,
        "log_frequency": np.log(frequency),
        "bounds": bounds,
        "bands": bands,
        "triangles": triangles,
        "box": np.ones(width),
        "in_box": np.convolve(np.ones(n), np.ones(width), "same"),
    }


def rival_features(
    window: np.ndarray,
    rate: float,
    *,
    highest: float | None = None,
    components: Sequence[str] = ("Z", "N", "E"),
    three: bool | None = None,
) -> dict[str, float]:
    """Measure one window component by component, under the names of `clew.measure.waveforms.describe`.

    Parameters
    ----------
    window : ndarray of float64, shape (n_components, n)
        Filtered and detrended, without gaps.
    rate : float
        In Hz.
    highest : float, optional
        In Hz; half the rate by default.
    components : sequence of str
        What they are called; where there are fewer, only the first are measured one by one.
    three : bool, optional
        Whether they are Z, N, E and polarisation is measured, as it is of three by default.
    """
    once = _once(window.shape[1], rate, rate / 2 if highest is None else highest)
    found: dict[str, float] = {}
    for name, samples in zip(components, window):
        ending = f"_{name.lower()}" if min(len(window), len(components)) > 1 else ""
        x = samples - samples.mean()
        for part in (_levels, _envelope, _trigger, _spectrum, _repetition):
            found |= {key + ending: float(v) for key, v in part(samples, x, rate, once).items()}
    if three or (three is None and len(window) == 3):
        found |= _polarisation(window, rate)
    return found


def _levels(samples: np.ndarray, x: np.ndarray, rate: float, once: dict[str, Any]) -> dict[str, float]:
    from scipy.stats import kurtosis, skew

    return {
        "peak_amplitude": np.abs(samples).max(),
        "rms_amplitude": np.sqrt(np.mean(samples**2)),
        "peak_to_peak": np.ptp(samples),
        "energy": np.sum(samples**2) / rate,
        "crest_factor": np.abs(x).max() / x.std(),
        "skewness": skew(x),
        "kurtosis": kurtosis(x),
        "zero_crossing_rate": _crossings(x) * rate / len(x),
    }


def _crossings(x: np.ndarray) -> int:
    signs = np.sign(x)
    signs = signs[signs != 0]
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _envelope(samples: np.ndarray, x: np.ndarray, rate: float, once: dict[str, Any]) -> dict[str, float]:
    from scipy.signal import hilbert
    from scipy.stats import kurtosis

    n = len(x)
    envelope = once["envelope"] = np.abs(hilbert(x, once["n_fft"])[:n])
    smooth = np.convolve(envelope, once["box"], "same") / once["in_box"]
    reach = len(once["box"]) // 2
    top = reach + int(smooth[reach : n - reach].argmax())
    loud = smooth > 0.2 * smooth[top]
    quiet = np.flatnonzero(~loud[:top])
    energy = np.cumsum(x**2)
    first, last = np.searchsorted(energy, np.array([0.05, 0.95]) * energy[-1])
    faint = np.flatnonzero(smooth[top:] <= 0.01 * smooth[top])
    behind = smooth[top : top + faint[0] + 1] if faint.size else smooth[top:]
    behind = np.log(np.maximum(behind, 0.01 * smooth[top]))
    return {
        "envelope_mean_to_maximum": envelope.mean() / envelope.max(),
        "envelope_variation": envelope.std() / envelope.mean(),
        "envelope_kurtosis": kurtosis(envelope),
        "duration": np.count_nonzero(loud) / rate,
        "significant_duration": (last - first) / rate,
        "rise_time": (top - quiet[-1] if quiet.size else top) / rate,
        "decay_rate": -np.polyfit(np.arange(len(behind)) / rate, behind, 1)[0] if len(behind) > 1 else 0.0,
        "time_of_maximum": top / n,
    }


def _trigger(samples: np.ndarray, x: np.ndarray, rate: float, once: dict[str, Any]) -> dict[str, float]:
    trigger = importlib.import_module("obspy.signal.trigger")
    return {"sta_lta_maximum": trigger.classic_sta_lta(x, max(1, len(x) // 20), len(x) // 4).max()}


def _spectrum(samples: np.ndarray, x: np.ndarray, rate: float, once: dict[str, Any]) -> dict[str, float]:
    from scipy.fft import dct, rfft

    from clew.measure.spectra import spell_band

    power = np.abs(rfft(x * once["taper"], once["n_fft"])[once["seen"]]) ** 2
    frequency, share = once["frequency"], power / power.sum()
    logs = np.log(np.maximum(power, FLOOR * power.max()))
    centroid = (frequency * share).sum()
    energies = once["triangles"] @ power
    cepstra = dct(np.log(np.maximum(energies, FLOOR * power.sum())), norm="ortho")[1:9]
    bounds = once["bounds"]
    found = {
        "dominant_frequency": frequency[power.argmax()],
        "centroid_frequency": centroid,
        "bandwidth": np.sqrt(((frequency - centroid) ** 2 * share).sum()),
        "spectral_rolloff": frequency[np.searchsorted(np.cumsum(power), 0.85 * power.sum())],
        "spectral_entropy": -(share * (logs - np.log(power.sum()))).sum() / np.log(len(share)),
        "spectral_flatness": np.exp(logs.mean()) / power.mean(),
        "spectral_slope": np.polyfit(once["log_frequency"], logs, 1)[0],
    }
    for low, high, band in zip(bounds[:-1], bounds[1:], once["bands"]):
        found[f"energy_{spell_band(low, high)}"] = np.log10(max(share[band].sum(), FLOOR))
    return found | {f"cepstral_{i + 1}": value for i, value in enumerate(cepstra)}


def _repetition(samples: np.ndarray, x: np.ndarray, rate: float, once: dict[str, Any]) -> dict[str, float]:
    envelope = once["envelope"]
    peak, lag = _highest_peak(x)
    beat, period = _highest_peak(envelope - envelope.mean())
    return {
        "autocorrelation_peak": peak,
        "autocorrelation_lag": lag / rate,
        "envelope_autocorrelation_peak": beat,
        "envelope_autocorrelation_lag": period / rate,
    }


def _highest_peak(x: np.ndarray) -> tuple[float, int]:
    """Return the highest peak of an autocorrelation behind its first zero, and the lag of the first that is nearly it."""
    from scipy.signal import correlate, find_peaks

    n = len(x)
    row = correlate(x, x, method="fft")[n - 1 : n - 1 + n // 2 + 2]
    row /= row[0]
    below = np.flatnonzero(row <= 0)
    if not below.size:
        return 0.0, 0
    peaks, found = find_peaks(row[below[0] :], height=1e-300)
    if not peaks.size:
        return 0.0, 0
    heights = found["peak_heights"]
    return heights.max(), int(below[0] + peaks[np.argmax(heights >= 0.8 * heights.max())])


def _polarisation(window: np.ndarray, rate: float) -> dict[str, float]:
    obspy = importlib.import_module("obspy")
    flinn = importlib.import_module("obspy.signal.polarization").flinn
    stream = obspy.Stream([obspy.Trace(row, {"sampling_rate": rate}) for row in window])
    azimuth, incidence, rectilinearity, planarity = flinn(stream)
    z, n, e = window.std(axis=1)
    return {
        "rectilinearity": rectilinearity,
        "planarity": planarity,
        "azimuth": azimuth,
        "incidence": incidence,
        "horizontal_to_vertical": math.hypot(n, e) / math.sqrt(2) / z,
        "north_to_east": n / e,
    }
