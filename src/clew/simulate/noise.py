"""The ground when nothing happens: coloured noise, the same samples whichever stretch of it is asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

HOP = 8192  # samples; blocks of twice this length overlap by half
MICROSEISM = 0.2  # Hz, where the sea is loudest
DAY = 86400.0


def noise_density(frequency: np.ndarray, *, site: float = 1.0, culture: float = 1.0) -> np.ndarray:
    """Return the power spectral density of the noise, in (nm/s)^2/Hz, float64 of the shape of ``frequency``.

    Parameters
    ----------
    frequency : ndarray
        In Hz.
    site : float
        How much stronger than at a quiet place the noise of the surroundings is, in amplitude.
    culture : float
        How busy people are, in amplitude, as `culture_at` says.

    Notes
    -----
    Four sources add up: the secondary microseism, a peak at 0.2 Hz with half its amplitude at 0.14 and 0.28 Hz, alike at all sites;
    noise that falls with 1/f; traffic and machines between 1 and 25 Hz; white noise of the instrument. Their levels lie between the
    low-noise and the high-noise model of Peterson (1993), USGS Open-File Report 93-322, doi:10.3133/ofr93322.
    """
    f = np.maximum(np.asarray(frequency, dtype=np.float64), 1e-6)
    microseism = 500.0**2 * np.exp(-2 * np.log(2) * (np.log(f / MICROSEISM) / np.log(np.sqrt(2))) ** 2)
    falling = 3.0**2 / (f + 0.01**2 / f)  # a seismometer hears nothing far below 0.01 Hz
    traffic = 5.0**2 / ((1 + (1.5 / f) ** 4) * (1 + (f / 25) ** 4))
    return microseism + site**2 * (falling + culture**2 * traffic) + 0.4**2


def culture_at(time: np.ndarray | float) -> np.ndarray | float:
    """Return how busy people are, in amplitude: 1 at 14 h, 0.25 at 2 h.

    The same swing as people cause at real stations (McNamara & Buland 2004, Bull. Seism. Soc. Am. 94, doi:10.1785/012003001).

    Parameters
    ----------
    time : float or ndarray
        In s since 1970-01-01; clocks show UTC here.
    """
    return 0.625 + 0.375 * np.cos(2 * np.pi * (np.asarray(time) / DAY - 14 / 24))


def loudness(low: float, high: float, *, site: float, culture: float) -> float:
    """Return the root mean square of the noise between two frequencies in Hz, in nm/s."""
    f = np.geomspace(low, high, 400)
    return float(np.sqrt(np.trapezoid(noise_density(f, site=site, culture=culture), f)))


def noise(
    first: int, stop: int, *, seed: tuple[int, ...], rate: float, start: float, site: float
) -> np.ndarray:
    """Return Gaussian noise with the density of `noise_density`, float64 of shape (3, stop - first), in nm/s.

    Each block is drawn from its own seed, in the frequency domain, and fades into the next so that the power is kept; hence the same
    samples come out whichever stretch is asked for, and the noise of a day can get louder and quieter.

    Parameters
    ----------
    first, stop : int
        Samples from 0.
    seed : tuple of int
    rate : float
        In Hz.
    start : float
        The time of sample 0, in s since 1970-01-01.
    site : float
        As for `noise_density`.
    """
    out = np.zeros((3, stop - first))
    for k in range(first // HOP - 1, (stop - 1) // HOP + 1):  # each sample lies in two blocks
        a, b = max(first, k * HOP), min(stop, (k + 2) * HOP)
        if a < b:
            block = _block(k, seed, float(rate), float(start), float(site))
            out[:, a - first : b - first] += block[:, a - k * HOP : b - k * HOP]
    return out


@lru_cache(maxsize=16)
def _block(k: int, seed: tuple[int, ...], rate: float, start: float, site: float) -> np.ndarray:
    """Return block ``k``, which begins at sample k * HOP, float32 of shape (3, 2 * HOP)."""
    rng = np.random.default_rng([*seed, k + 1])
    n = 2 * HOP
    culture = float(culture_at(start + (k + 1) * HOP / rate))
    density = noise_density(np.fft.rfftfreq(n, 1 / rate), site=site, culture=culture)
    amplitude = np.sqrt(density * n * rate / 4).astype(np.float32)  # E|X|^2 = density * n * rate / 2
    amplitude[0] = 0
    drawn = rng.standard_normal((3, len(density), 2), dtype=np.float32)
    spectrum = amplitude * drawn.view(np.complex64)[..., 0]
    fade = np.sin(np.pi * (np.arange(n) + 0.5) / n).astype(np.float32)  # squares of neighbours add up to 1
    block = np.fft.irfft(spectrum, n) * fade
    block.flags.writeable = False
    return block
