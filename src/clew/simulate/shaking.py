"""What can happen at a network of sensors: earthquakes, people jumping, trains, wind; each as the ground velocity that it causes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

VP, VS = 6.0, 3.46  # km/s: P and S waves in the upper crust
DENSITY = 2700.0  # kg/m3
STRESS_DROP = 3e6  # Pa
QUALITY, KAPPA = 300.0, 0.02  # attenuation along the path, and below the sensor in s
CODA_QUALITY, CODA_FREQUENCY = 200.0, 5.0  # of the scattered waves; Hz
CODA = 60.0  # s that are simulated from the S wave on
NANO = 1e9


def moment(magnitude: float) -> float:
    """Return the seismic moment in N m (Hanks & Kanamori 1979, J. Geophys. Res. 84, doi:10.1029/JB084iB05p02348)."""
    return 10 ** (1.5 * magnitude + 9.05)


def corner_frequency(magnitude: float, *, wave: str = "S") -> float:
    """Return the corner frequency in Hz: of S waves after Brune; of P waves 1.3 times as high.

    Brune (1970), J. Geophys. Res. 75, doi:10.1029/JB075i026p04997, with a stress drop of 3 MPa; the ratio after Sato & Hirasawa
    (1973), J. Phys. Earth 21, 415-431.
    """
    radius = (7 * moment(magnitude) / (16 * STRESS_DROP)) ** (1 / 3)  # m
    return (1.3 if wave == "P" else 1.0) * 2.34 * VS * 1000 / (2 * np.pi * radius)


def spectrum(frequency: np.ndarray, *, magnitude: float, distance: float, wave: str) -> np.ndarray:
    """Return the Fourier spectrum of ground velocity at the surface, complex128, in nm (nm/s per Hz).

    Parameters
    ----------
    frequency : ndarray
        In Hz.
    magnitude : float
        Moment magnitude.
    distance : float
        From the hypocentre, in km.
    wave : {"P", "S"}

    Notes
    -----
    Omega-square source (Brune 1970), mean radiation (0.52 for P, 0.63 for S: Boore & Boatwright 1984, Bull. Seism. Soc. Am. 74,
    1615-1621), 1/distance, twofold at the free surface, attenuation exp(-pi f t*) with t* = travel time / 300 + 0.02 s.
    """
    speed, radiation = {"P": (VP, 0.52), "S": (VS, 0.63)}[wave]
    far = (
        2 * radiation * moment(magnitude) / (4 * np.pi * DENSITY * (speed * 1000) ** 3 * distance * 1000)
    )  # m s
    source = (
        1 + 1j * frequency / corner_frequency(magnitude, wave=wave)
    ) ** -2  # causal, and |source| is Brune's
    loss = np.exp(-np.pi * frequency * (distance / speed / QUALITY + KAPPA))
    return NANO * far * 2j * np.pi * frequency * source * loss


def coda_envelope(lapse: np.ndarray) -> np.ndarray:
    """Return how scattered waves decay: t^-1 exp(-pi f t / Q), ``t`` being the time since the origin in s.

    Body waves scattered once (Aki & Chouet 1975, J. Geophys. Res. 80, doi:10.1029/JB080i023p03322), at 5 Hz with Q = 200.
    """
    return np.exp(-np.pi * CODA_FREQUENCY * lapse / CODA_QUALITY) / lapse


def shaped(rng: np.random.Generator, envelope: np.ndarray, target: np.ndarray, *, rate: float) -> np.ndarray:
    """Return noise under an envelope with a given Fourier spectrum on average, float64 of the shape of ``envelope``.

    Boore (2003), Pure Appl. Geophys. 160, doi:10.1007/PL00012553.
    """
    noise = np.fft.rfft(rng.standard_normal(envelope.shape) * envelope)
    level = np.sqrt((np.abs(noise) ** 2).mean(axis=-1, keepdims=True))
    return np.fft.irfft(noise / level * target * rate, envelope.shape[-1])


@dataclass(frozen=True)
class Earthquake:
    """A local earthquake: P waves, then S waves, then what is scattered; later and weaker the farther away.

    Parameters
    ----------
    magnitude : float
    east, north, depth : float
        Of the hypocentre, in km.
    """

    kind: ClassVar[str] = "earthquake"
    magnitude: float
    east: float
    north: float
    depth: float

    @classmethod
    def draw(cls, rng: np.random.Generator, positions: np.ndarray, *, smallest: float) -> Earthquake:
        """Draw one: magnitudes after Gutenberg and Richter (b = 1) up to 3.5, 5-35 km away, 4-12 km deep."""
        share = rng.uniform(0, 1 - 10.0 ** (smallest - 3.5))
        away, azimuth = rng.uniform(5, 35), rng.uniform(0, 2 * np.pi)
        east, north = positions.mean(axis=0) + away * np.array([np.sin(azimuth), np.cos(azimuth)])
        return cls(
            float(smallest - np.log10(1 - share)), float(east), float(north), float(rng.uniform(4, 12))
        )

    @property
    def seconds(self) -> float:
        """Return how long it lasts at most, over all sensors, in s from its origin."""
        return 45 / VS + CODA

    def distance(self, position: np.ndarray) -> float:
        """Return the distance of a sensor from the hypocentre, in km."""
        return float(np.hypot(np.hypot(*(position - [self.east, self.north])), self.depth))

    def at(
        self, rng: np.random.Generator, sensor: int, positions: np.ndarray, *, rate: float
    ) -> tuple[float, np.ndarray]:
        """Return when it arrives, in s after its origin, and the velocity of Z, N, E in nm/s, float64 of shape (3, n)."""
        distance = self.distance(positions[sensor])
        p, s = distance / VP, distance / VS
        n = int((s - p + CODA) * rate)
        time = np.arange(n) / rate  # since the P wave
        f = np.fft.rfftfreq(n, 1 / rate)
        target = {
            wave: spectrum(f, magnitude=self.magnitude, distance=distance, wave=wave) for wave in ("P", "S")
        }
        lasting = (
            1 / corner_frequency(self.magnitude) + 0.05 * distance
        )  # s: the source, and the path (Boore 2003)

        push = np.exp(-time / lasting) + 0.1 * coda_envelope(time + p) / coda_envelope(np.array([p]))
        away = np.arctan2(positions[sensor, 0] - self.east, positions[sensor, 1] - self.north)
        lean = 0.5 * np.sqrt(1 - (self.depth / distance) ** 2)  # slow layers turn the ray upwards
        ray = np.array([np.sqrt(1 - lean**2), lean * np.cos(away), lean * np.sin(away)])
        waves = ray[:, None] * shaped(rng, push, target["P"], rate=rate)
        waves += 0.15 * shaped(rng, np.tile(push, (3, 1)), target["P"], rate=rate)

        late = time - (s - p)
        since = np.maximum(late, 0)
        shear = (late >= 0) * (
            np.exp(-since / lasting) + 0.3 * coda_envelope(since + s) / coda_envelope(np.array([s]))
        )
        weight = np.array([0.4, 0.65, 0.65])[:, None]
        waves += weight * shaped(rng, np.tile(shear, (3, 1)), target["S"], rate=rate)
        return p, waves * np.minimum(1, (time[-1] - time) / 5)


@dataclass(frozen=True)
class Jumping:
    """People who jump beside one sensor: strikes at a steady cadence, each a short burst above 10 Hz; no other sensor notices.

    Parameters
    ----------
    sensor : int
    cadence : float
        Jumps per second, 1.5-3 Hz as people do (Bachmann & Ammann 1987, Vibrations in Structures Induced by Man and Machines,
        IABSE Structural Engineering Documents 3e).
    seconds : float
    strength : float
        Of a strike, in nm/s.
    """

    kind: ClassVar[str] = "jumping"
    sensor: int
    cadence: float
    seconds: float
    strength: float

    @classmethod
    def draw(cls, rng: np.random.Generator, positions: np.ndarray, *, smallest: float) -> Jumping:
        """Draw some: 15-45 s beside any one sensor."""
        strength = float(np.exp(rng.uniform(np.log(400), np.log(20000))))
        return cls(
            int(rng.integers(len(positions))),
            float(rng.uniform(1.5, 3)),
            float(rng.uniform(15, 45)),
            strength,
        )

    def at(
        self, rng: np.random.Generator, sensor: int, positions: np.ndarray, *, rate: float
    ) -> tuple[float, np.ndarray]:
        """Return when it begins there, in s, and the velocity of Z, N, E in nm/s, float64 of shape (3, n): nothing elsewhere."""
        if sensor != self.sensor:
            return 0.0, np.zeros((3, 0))
        n = int(self.seconds * rate)
        strikes = np.zeros(n)
        between = rng.normal(1, 0.04, int(self.seconds * self.cadence)) / self.cadence
        places = (np.cumsum(between) * rate).astype(int)
        places = places[places < n - rate // 2]
        strikes[places] = self.strength * np.exp(rng.normal(0, 0.2, len(places)))
        time = np.arange(int(0.5 * rate)) / rate
        pitch = np.minimum(rng.uniform([10, 20], [20, 40]), 0.4 * rate)[:, None]  # how ground and sensor ring
        rings = np.exp(-time / rng.uniform(0.03, 0.09, (2, 1))) * np.sin(2 * np.pi * pitch * time)
        mixed = rng.uniform([[0.8], [0.3], [0.3]], [[1.0], [0.6], [0.6]]) * (
            rng.normal(0.6, 0.2, (3, 2)) @ rings
        )
        return 0.0, np.stack([np.convolve(strikes, ring)[:n] for ring in mixed])


@dataclass(frozen=True)
class Train:
    """A train that passes along a straight track: it swells and fades, with lines in the spectrum; strong on sensors near the track.

    Parameters
    ----------
    east, north : float
        A place of the track, in km.
    bearing : float
        Where the track leads to, in rad from north.
    speed : float
        In m/s.
    strength : float
        In nm/s, 0.3 km from the track.

    Notes
    -----
    Lines stand where carriages of 25 m pass: every 1-2 Hz, seen up to 1.5 km from the track (Fuchs, Bokelmann & the AlpArray Working
    Group 2018, Equidistant Spectral Lines in Train Vibrations, Seismol. Res. Lett. 89, doi:10.1785/0220170092).
    """

    kind: ClassVar[str] = "train"
    east: float
    north: float
    bearing: float
    speed: float
    strength: float
    HALF: ClassVar[float] = 120.0  # s that are simulated before and behind the nearest moment

    @classmethod
    def draw(cls, rng: np.random.Generator, positions: np.ndarray, *, smallest: float) -> Train:
        """Draw one that passes 0.2-0.5 km from one of the sensors at 90-160 km/h."""
        bearing, aside = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.5)
        east, north = positions[rng.integers(len(positions))] + aside * np.array(
            [np.cos(bearing), -np.sin(bearing)]
        )
        return cls(
            float(east),
            float(north),
            float(bearing),
            float(rng.uniform(25, 45)),
            float(rng.uniform(600, 3000)),
        )

    def passing(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return when it is nearest to each sensor, in s, and how near in km; both float64."""
        apart = positions - [self.east, self.north]
        along = apart @ [np.sin(self.bearing), np.cos(self.bearing)]
        aside = apart @ [np.cos(self.bearing), -np.sin(self.bearing)]
        when = along * 1000 / self.speed
        return when - when.min() + self.HALF, np.abs(aside)

    def at(
        self, rng: np.random.Generator, sensor: int, positions: np.ndarray, *, rate: float
    ) -> tuple[float, np.ndarray]:
        """Return when it can first be felt, in s, and the velocity of Z, N, E in nm/s, float64 of shape (3, n)."""
        when, near = (one[sensor] for one in self.passing(positions))
        n = int(2 * self.HALF * rate)
        time = np.arange(n) / rate - self.HALF
        distance = np.hypot(near, self.speed * time / 1000)
        swell = (
            0.3 / distance * np.exp(-(distance - 0.3) / 0.8) * np.minimum(1, (self.HALF - np.abs(time)) / 20)
        )
        tones = np.arange(1, 21) * self.speed / 25
        tones = tones[(tones > 2) & (tones < min(30, 0.45 * rate))]
        weight = np.exp(rng.normal(0, 0.6, (3, len(tones)))) / np.sqrt(len(tones))
        turned = rng.uniform(0, 2 * np.pi, (3, len(tones), 1))
        lines = np.zeros((3, n))
        for k, tone in enumerate(tones):
            lines += weight[:, k, None] * np.sin(2 * np.pi * tone * time + turned[:, k])
        rumble = _between(rng, (3, n), 2, 20, rate=rate)
        return float(when - self.HALF), self.strength * swell * (0.8 * lines + 0.5 * rumble)

    @property
    def seconds(self) -> float:
        """Return how long it lasts at most, over all sensors, in s."""
        return 2 * self.HALF + 6000 / self.speed


@dataclass(frozen=True)
class Wind:
    """Gusts that shake trees and huts: noise below 8 Hz that swells and sinks for minutes, a little alike at all sensors.

    Parameters
    ----------
    seconds : float
    strength : float
        Root mean square while it blows, in nm/s.
    gusts : int
        Seed of the gusts that all sensors share.

    Notes
    -----
    What wind adds to seismic noise: Withers et al. (1996), Bull. Seism. Soc. Am. 86, 1507-1515.
    """

    kind: ClassVar[str] = "wind"
    seconds: float
    strength: float
    gusts: int

    @classmethod
    def draw(cls, rng: np.random.Generator, positions: np.ndarray, *, smallest: float) -> Wind:
        """Draw a windy spell of 2-6 minutes."""
        strength = float(np.exp(rng.uniform(np.log(150), np.log(800))))
        return cls(float(rng.uniform(120, 360)), strength, int(rng.integers(2**31)))

    def at(
        self, rng: np.random.Generator, sensor: int, positions: np.ndarray, *, rate: float
    ) -> tuple[float, np.ndarray]:
        """Return when it begins, in s, and the velocity of Z, N, E in nm/s, float64 of shape (3, n)."""
        n = int(self.seconds * rate)
        shared = _between(np.random.default_rng(self.gusts), (n,), 0.02, 0.1, rate=rate)
        slow = 0.6 * shared + 0.8 * _between(rng, (n,), 0.02, 0.1, rate=rate)
        time = np.arange(n) / rate
        blow = np.exp(0.6 * slow) * np.minimum(
            1, np.minimum(time, self.seconds - time) / (0.2 * self.seconds)
        )
        shaken = _between(rng, (3, n), 0.5, 8, rate=rate)
        return 0.0, self.strength * np.array([[0.7], [1.0], [1.0]]) * blow * shaken


def _between(
    rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float, *, rate: float
) -> np.ndarray:
    """Return Gaussian noise between two frequencies in Hz, falling with their root, of root mean square 1."""
    f = np.fft.rfftfreq(shape[-1], 1 / rate)
    size = ((f >= low) & (f <= high)) / np.sqrt(np.maximum(f, low))
    drawn = np.fft.irfft(np.fft.rfft(rng.standard_normal(shape)) * size, shape[-1])
    return drawn / drawn.std(axis=-1, keepdims=True)


KINDS: tuple[type[Earthquake | Jumping | Train | Wind], ...] = (Earthquake, Jumping, Train, Wind)
