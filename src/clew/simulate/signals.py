"""Recordings of a small seismic network with known truth: silence, people jumping, earthquakes, trains, wind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from clew.errors import SettingError, check, check_seed
from clew.result import Result
from clew.simulate.noise import culture_at, loudness, noise
from clew.simulate.shaking import KINDS, VP, VS, Earthquake, Jumping, Train, Wind

SILENCE = "silence"
MORNING = 1709532000.0  # Monday 2024-03-04, 06:00 UTC
DAY = 86400.0
BETWEEN = 20.0  # s of quiet at least between what happens
CLIP = 2**23 - 1  # counts, of a digitiser of 24 bits
HEARD = (1.0, 20.0)  # Hz: where happenings are compared with the noise


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Happenings(Result):
    """What truly happened, one row each, in the order of time.

    Parameters
    ----------
    kind : ndarray of str, shape (n,)
        "earthquake", "jumping", "train" or "wind".
    time : ndarray of float64, shape (n,)
        When it began, in s since 1970-01-01 UTC; of an earthquake the origin time.
    magnitude, depth : ndarray of float64, shape (n,)
        Of earthquakes; depth in km; NaN of all else.
    epicentre : ndarray of float64, shape (n, 2)
        East and north in km; NaN of all but earthquakes.
    p_arrival, s_arrival : ndarray of float64, shape (n, n_stations)
        When the P and the S waves of earthquakes arrive, in s since 1970-01-01 UTC; NaN of all else.
    start, end : ndarray of float64, shape (n, n_stations)
        From when until when it is louder there than the noise between 1 and 20 Hz, both measured over 1 s; NaN where it never is.
    peak : ndarray of float64, shape (n, n_stations)
        Its largest velocity there, without noise, in nm/s.
    """

    kind: np.ndarray
    time: np.ndarray
    magnitude: np.ndarray
    depth: np.ndarray
    epicentre: np.ndarray
    p_arrival: np.ndarray
    s_arrival: np.ndarray
    start: np.ndarray
    end: np.ndarray
    peak: np.ndarray

    def headline(self) -> str:
        """Say how many of each kind."""
        kinds, counts = np.unique(self.kind, return_counts=True)
        return ", ".join(f"{n} x {kind}" for kind, n in zip(kinds, counts)) or "nothing happens"

    def kind_of(self, station: int, start: np.ndarray, end: np.ndarray, *, share: float = 0.25) -> np.ndarray:
        """Return what was to be heard at a station in windows of time, as a person would say.

        Parameters
        ----------
        station : int
            From 0.
        start, end : ndarray of float64, shape (n_windows,)
            In s since 1970-01-01 UTC.
        share : float
            Of the window that it must take, or of all its own time if that is shorter.

        Returns
        -------
        ndarray of str, shape (n_windows,)
            A kind, or "silence".
        """
        start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
        told = np.full(len(start), SILENCE, "U16")
        longest = np.zeros(len(start))
        for kind, a, b in zip(self.kind, self.start[:, station], self.end[:, station]):
            if np.isfinite(a):
                common = np.minimum(end, b) - np.maximum(start, a)
                enough = (common > 0) & (common >= share * np.minimum(end - start, b - a))
                told[enough & (common > longest)] = kind
                longest = np.maximum(longest, np.where(enough, common, 0))
        return told


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SimulatedSignals(Result):
    """A simulated network of three-component seismometers. Nothing is kept but the truth: samples are made when they are asked for.

    Parameters
    ----------
    stations : ndarray of str, shape (n_stations,)
        "SIM1", ...
    position : ndarray of float64, shape (n_stations, 2)
        East and north in km.
    site : ndarray of float64, shape (n_stations,)
        How noisy the place of each is, in amplitude: 0.5 is quiet, 2.5 is beside a road.
    rate : float
        In Hz.
    start : float
        The time of the first sample, in s since 1970-01-01 UTC.
    n : int
        The number of samples.
    truth : Happenings
    """

    stations: np.ndarray
    position: np.ndarray
    site: np.ndarray
    rate: float
    start: float
    n: int
    truth: Happenings

    components = ("Z", "N", "E")

    def headline(self) -> str:
        """Say how large it is, and what happens."""
        hours = self.n / self.rate / 3600
        return f"{len(self.stations)} stations for {hours:g} h at {self.rate:g} Hz, simulated: {self.truth.headline()}"

    @property
    def waveforms(self) -> np.ndarray:
        """Return all samples, int32 of shape (n_stations, 3, n), in counts (1 nm/s each); for long times use `simulate_span`."""
        return self.simulate_span(0, self.n)

    def simulate_span(self, first: int, stop: int, *, station: int | None = None) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``: the same ones, whichever piece is asked for, and in constant memory.

        Parameters
        ----------
        first, stop : int
            From 0 to ``n``.
        station : int, optional
            Only this one, from 0.

        Returns
        -------
        ndarray of int32, shape (n_stations, 3, stop - first), or (3, stop - first) of one station
            Z, N, E in counts of 1 nm/s, as of a digitiser of 24 bits.
        """
        check(
            0 <= first <= stop <= self.n,
            SettingError,
            "The span of simulated signals must lie from 0 to {}. Got {} to {}.",
            self.n,
            first,
            stop,
        )
        if station is None:
            return np.stack([self.simulate_span(first, stop, station=j) for j in range(len(self.stations))])
        ground = noise(
            first,
            stop,
            seed=(*self._seed, 0, station),
            rate=self.rate,
            start=self.start,
            site=float(self.site[station]),
        )
        near = (self.truth.time < self.start + stop / self.rate) & (
            self.truth.time + self._lasting > self.start + first / self.rate
        )
        for i in np.flatnonzero(near):
            begins, waves = _shaking(self, int(i), station)
            a, b = max(first, begins), min(stop, begins + waves.shape[1])
            if a < b:
                ground[:, a - first : b - first] += waves[:, a - begins : b - begins]
        return np.clip(np.rint(ground), -CLIP, CLIP).astype(np.int32)

    @property
    def _seed(self) -> tuple[int, int]:
        return int(self.settings["random_state"]), int(self.settings["day"])

    @cached_property
    def _happenings(self) -> list[Earthquake | Jumping | Train | Wind]:
        """Return what happens, drawn again from its seed."""
        return _drawn(self.settings, self.position)[0]

    @cached_property
    def _lasting(self) -> np.ndarray:
        return np.array([one.seconds for one in self._happenings])


@lru_cache(maxsize=32)
def _shaking(network: SimulatedSignals, i: int, station: int) -> tuple[int, np.ndarray]:
    """Return the first sample of a happening at a station, and its velocity in nm/s, float64 of shape (3, n)."""
    rng = np.random.default_rng([*network._seed, 2, i, station])
    after, waves = network._happenings[i].at(rng, station, network.position, rate=network.rate)
    return round((network.truth.time[i] + after - network.start) * network.rate), waves


def sensor_network(
    *,
    hours: float = 2.0,
    stations: int = 4,
    rate: float = 100.0,
    earthquakes: int = 8,
    jumps: int = 8,
    trains: int = 2,
    winds: int = 2,
    smallest: float = 1.0,
    day: int = 0,
    random_state: int = 0,
) -> SimulatedSignals:
    """Simulate what a small network of three-component seismometers records.

    The stations stand on a ring of 2 km round a village. No two things happen at once. For the physics see `noise_density`,
    `Earthquake`, `Jumping`, `Train` and `Wind`.

    Parameters
    ----------
    hours : float
        How long; a month is 720.
    stations : int
        From 1 on; one of them stands in a quiet place, another beside a road, the others between.
    rate : float
        In Hz, at least 20.
    earthquakes, jumps, trains, winds : int
        How many of each; all in order of chance.
    smallest : float
        Magnitude of the smallest earthquakes, up to 3.4; those of magnitude 1 often drown in the noise.
    day : int
        0 is Monday, 2024-03-04; every day begins at 06:00 UTC. Other days have the same stations, but other things happen.
    random_state : int

    Raises
    ------
    SettingError
        If so much cannot happen in so few hours, one thing at a time.
    """
    check_seed(random_state, of="sensor_network")
    check(day >= 0, SettingError, "The 'day' of sensor_network must be 0 or more. Got {}.", day)
    check(
        stations >= 1, SettingError, "The 'stations' of sensor_network must be at least 1. Got {}.", stations
    )
    check(rate >= 20, SettingError, "The 'rate' of sensor_network must be at least 20 Hz. Got {}.", rate)
    check(
        smallest <= 3.4,
        SettingError,
        "The 'smallest' of sensor_network must be at most 3.4. Got {}.",
        smallest,
    )
    settings = {
        "hours": hours,
        "stations": stations,
        "rate": rate,
        "earthquakes": earthquakes,
        "jumps": jumps,
        "trains": trains,
        "winds": winds,
        "smallest": smallest,
        "day": day,
        "random_state": random_state,
    }
    rng = np.random.default_rng([random_state, 3])
    angle = 2 * np.pi * (np.arange(stations) + rng.uniform(-0.2, 0.2, stations)) / stations
    position = 2 * np.stack([np.sin(angle), np.cos(angle)], axis=1) * rng.uniform(0.7, 1, (stations, 1))
    site = rng.permutation(np.geomspace(0.5, 2.5, stations)) if stations > 1 else np.ones(1)
    start = MORNING + day * DAY
    happenings, times = _drawn(settings, position)
    network = SimulatedSignals(
        stations=np.array([f"SIM{j + 1}" for j in range(stations)]),
        position=position,
        site=site,
        rate=float(rate),
        start=start,
        n=round(hours * 3600 * rate),
        truth=_catalogue(happenings, start + times, position),
        settings=settings,
    )
    return _with_extents(network)


def _drawn(
    settings: dict, position: np.ndarray
) -> tuple[list[Earthquake | Jumping | Train | Wind], np.ndarray]:
    """Draw what happens, and when in s from the start: one thing after another, with free time between at random."""
    rng = np.random.default_rng([settings["random_state"], settings["day"], 1])
    counts = [settings[name] for name in ("earthquakes", "jumps", "trains", "winds")]
    order = rng.permutation(np.repeat(np.arange(len(KINDS)), counts))
    happenings = [KINDS[k].draw(rng, position, smallest=settings["smallest"]) for k in order]
    taken = np.array([one.seconds + BETWEEN for one in happenings])
    free = settings["hours"] * 3600 - BETWEEN - taken.sum()
    check(
        free >= 0,
        SettingError,
        "The 'hours' of sensor_network must hold all that happens, one after another: at least {:.2f}. Got {}.",
        (settings["hours"] * 3600 - free) / 3600,
        settings["hours"],
    )
    before = np.concatenate([[0.0], np.cumsum(taken)[:-1]]) if len(taken) else taken
    return happenings, BETWEEN + before + np.sort(rng.uniform(0, free, len(taken)))


def _catalogue(
    happenings: list[Earthquake | Jumping | Train | Wind], time: np.ndarray, position: np.ndarray
) -> Happenings:
    """Put down what is known before anything is simulated."""
    n, nothing = len(happenings), np.full((len(happenings), len(position)), np.nan)
    magnitude, depth, epicentre = np.full(n, np.nan), np.full(n, np.nan), np.full((n, 2), np.nan)
    distance = nothing.copy()
    for i, one in enumerate(happenings):
        if isinstance(one, Earthquake):
            magnitude[i], depth[i], epicentre[i] = one.magnitude, one.depth, (one.east, one.north)
            distance[i] = [one.distance(place) for place in position]
    return Happenings(
        kind=np.array([one.kind for one in happenings], dtype="U16"),
        time=time,
        magnitude=magnitude,
        depth=depth,
        epicentre=epicentre,
        p_arrival=time[:, None] + distance / VP,
        s_arrival=time[:, None] + distance / VS,
        start=nothing,
        end=nothing,
        peak=nothing,
    )


def _with_extents(network: SimulatedSignals) -> SimulatedSignals:
    """Find out from when until when everything is louder than the noise, at each station."""
    truth, width = network.truth, round(network.rate)
    start, end, peak = (np.full(truth.start.shape, np.nan) for _ in range(3))
    for i, j in np.ndindex(truth.start.shape):
        begins, waves = _shaking(network, i, j)
        whole = waves[:, : waves.shape[1] // width * width]
        seconds = (whole**2).mean(axis=0).reshape(-1, width).mean(axis=1)
        culture = float(culture_at(truth.time[i]))
        level = loudness(*HEARD, site=float(network.site[j]), culture=culture)
        loud = np.flatnonzero(seconds > level**2)
        peak[i, j] = np.abs(waves).max(initial=0)
        if len(loud):
            first = network.start + begins / network.rate
            start[i, j], end[i, j] = first + loud[0], first + loud[-1] + 1
    return replace(network, truth=replace(truth, start=start, end=end, peak=peak))


def simulated_windows(
    *, n_each: int = 20, window: float = 10.0, rate: float = 100.0, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate short windows of known class: for tests of what measures them.

    Parameters
    ----------
    n_each : int
        Of each of "silence", "jumping", "earthquake", "train" and "wind".
    window : float
        In s, at most 15.
    rate : float
        In Hz.
    random_state : int

    Returns
    -------
    windows : ndarray of int32, shape (5 * n_each, 3, n)
        Z, N, E in counts. Earthquakes, of magnitude 2 and above, begin 1-3 s behind the window's start.
    labels : ndarray of str, shape (5 * n_each,)
    """
    check(
        0 < window <= 15,
        SettingError,
        "The 'window' of simulated_windows must be up to 15 s. Got {}.",
        window,
    )
    network = sensor_network(
        hours=n_each * 1100 / 3600 + 0.1,
        stations=1,
        rate=rate,
        earthquakes=n_each,
        jumps=n_each,
        trains=n_each,
        winds=n_each,
        smallest=2.0,
        random_state=random_state,
    )
    rng = np.random.default_rng([random_state, 4])
    truth, n = network.truth, round(window * rate)
    middle = (truth.start[:, 0] + truth.end[:, 0] - window) / 2
    begins = np.where(
        truth.kind == "earthquake", truth.p_arrival[:, 0] - rng.uniform(1, 3, len(truth.time)), middle
    )
    quiet = truth.time[rng.permutation(len(truth.time))[:n_each]] - window - 2
    begins = np.concatenate([begins, quiet])
    labels = np.concatenate([truth.kind, np.full(n_each, SILENCE)])
    places = np.rint((begins - network.start) * rate).astype(int)
    order = np.lexsort((places, labels))
    return np.stack([network.simulate_span(p, p + n, station=0) for p in places[order]]), labels[order]
