"""Which picks of several stations are of one earthquake, and where and when it was: through PyOcto, where stations are known.

PyOcto (Münchmeyer 2024, Seismica 3, doi:10.26443/seismica.v3i1.1130) is under the MIT licence; it is an optional extra and
nowhere copied. Where no coordinates are known, `clew.measure.triggers.coincidences` finds what several stations feel
together, without saying where.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import ClewError, DataError, SettingError, check, did_you_mean
from clew.measure.picks import Picks, spell_moment
from clew.read.kinds import some_of
from clew.read.picks import family_of
from clew.read.stations import Station
from clew.result import Result

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 15.0  # degrees that stations may span: beyond, the plane that distances are measured on is wrong


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Associated(Result):
    """Earthquakes that picks are of, in the order of time.

    Parameters
    ----------
    time : ndarray of float64, shape (n_events,)
        Of the origin, in s since 1970-01-01 UTC.
    latitude, longitude : ndarray of float64, shape (n_events,)
        In degrees. Preliminary, like the depth: from straight rays at one velocity.
    depth : ndarray of float64, shape (n_events,)
        In km below sea level.
    n_picks, n_stations : ndarray of int64, shape (n_events,)
    rms : ndarray of float64, shape (n_events,)
        Root mean square of the residuals, in s.
    event : ndarray of int64, shape (n_picks,)
        The number of the event of each pick; -1 of none.
    residual : ndarray of float64, shape (n_picks,)
        Of each pick's time, observed less computed, in s; NaN of picks of no event.
    notes : list of str
        Which picks could not be associated at all, and why.
    """

    time: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    depth: np.ndarray
    n_picks: np.ndarray
    n_stations: np.ndarray
    rms: np.ndarray
    event: np.ndarray
    residual: np.ndarray
    notes: list[str] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def n_left(self) -> int:
        """Return how many picks are of no event."""
        return int((self.event < 0).sum())

    def headline(self) -> str:
        """Say how many events there are, and how many picks are of none."""
        n, least = len(self.event), self.settings
        if not len(self):
            return f"no event among {n:,} pick{'s' * (n != 1)}: one must have at least {least['least_picks']} that fit together, {least['least_p']} of them P and {least['least_s']} S, and both at {least['least_both']} stations"  # fmt: skip
        return f"{len(self)} event{'s' * (len(self) != 1)} of {n - self.n_left:,} of {n:,} picks; {self.n_left:,} of none"

    def summary(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"events": len(self), "picks": len(self.event), "picks_of_no_event": self.n_left}

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table of one row an event: time (UTC, as text), latitude, longitude, depth (km), picks, stations, rms (s)."""
        import pandas as pd

        return pd.DataFrame(
            {
                "time": [spell_moment(time, dated=True) for time in self.time.tolist()],
                "latitude": self.latitude,
                "longitude": self.longitude,
                "depth": self.depth,
                "n_picks": self.n_picks,
                "n_stations": self.n_stations,
                "rms": self.rms,
            }
        )


def associate(
    picks: Picks,
    stations: Sequence[Station],
    *,
    p_velocity: float = 6.0,
    s_velocity: float = 3.46,
    tolerance: float = 1.5,
    deepest: float = 30.0,
    around: float = 50.0,
    least_picks: int = 8,
    least_p: int = 3,
    least_s: int = 2,
    least_both: int = 2,
) -> Associated:
    """Find which picks are of one earthquake.

    Parameters
    ----------
    picks : Picks
        Dated. Phases such as Pg and Sn count as P and S, others are left out.
    stations : sequence of Station
        Those of the picks, as `clew.read.stations.read_stations` gives them; their names may lack the network where that
        leaves no doubt.
    p_velocity, s_velocity : float
        Of the ground, in km/s, the same everywhere: good for local earthquakes in the crust, and not beyond some 100 km.
    tolerance : float
        By how many s the time of a pick may differ from the computed one.
    deepest, around : float
        How deep, and how far beyond the outermost stations, earthquakes are sought, in km.
    least_picks, least_p, least_s : int
        How many picks an event must have at least: in all, of P, and of S.
    least_both : int
        At how many stations it must have both.

    Returns
    -------
    Associated

    Raises
    ------
    DataError
        If no station is known, the picks are not dated, or the stations are too far apart for a plane.
    SettingError
        If a velocity, a distance or a number is out of range.
    ClewError
        If PyOcto is not installed.

    Notes
    -----
    The search is that of Münchmeyer (2024), doi:10.26443/seismica.v3i1.1130, in its settings but for those above. A pick is
    of one event at most: of the one with most picks. With the settings that stand here, 12 stations within 50 km and 2 h of
    picks at random moments, there was no event in 20 runs of up to 1,500 such picks (63 a station and hour), and one in every
    fifth run of 2,000: the more false picks there are, the more picks an event should have at least.
    """
    _check_settings(
        p_velocity, s_velocity, tolerance, deepest, around, least_picks, least_p, least_s, least_both
    )
    check(
        stations,
        DataError,
        "Association must know where stations stand: a table with station, latitude, longitude and elevation, or StationXML. Got"
        " none; 'coincidences' finds what several stations feel together without.",
    )
    check(
        bool(picks.dated.all()),
        DataError,
        "Picks must be dated to be associated. Got picks in '{}', which is not.",
        "" if picks.dated.all() else str(picks.recording[~picks.dated][0]),
    )
    _check_span(stations)
    notes: list[str] = []
    places = _places(picks, stations, notes)
    families = np.array([family_of(phase) for phase in picks.phase.tolist()], str)
    usable = np.flatnonzero((places >= 0) & np.isin(families, ("P", "S")))
    other = int((~np.isin(families, ("P", "S"))).sum())
    if other:
        notes.append(f"{other} of {len(picks)} picks are neither of P nor of S waves and were left out.")
    model = (p_velocity, s_velocity, tolerance)
    least = (least_picks, least_p, least_s, least_both)
    found = []
    if len(usable) >= max(1, least_picks):
        times, who = picks.time[usable], places[usable]
        found = _search(times, who, families[usable], stations, model, deepest, around, least)
    settings = {
        "p_velocity": p_velocity, "s_velocity": s_velocity, "tolerance": tolerance, "deepest": deepest, "around": around,
        "least_picks": least_picks, "least_p": least_p, "least_s": least_s, "least_both": least_both,
        "stations": {one.name: [one.latitude, one.longitude, one.elevation] for one in stations},
        "model_sha256": picks.model_sha256,
    }  # fmt: skip
    return dataclasses.replace(_result(found, usable, picks, least_picks, notes), settings=settings)


def _check_settings(
    p_velocity: float, s_velocity: float, tolerance: float, deepest: float, around: float, *least: int
) -> None:
    check(
        0 < s_velocity < p_velocity < 20,
        SettingError,
        "The velocities of association must be above 0 and below 20 km/s, and that of P above that of S. Got {} and {}.",
        p_velocity,
        s_velocity,
    )
    for name, value in (("tolerance", tolerance), ("deepest", deepest), ("around", around)):
        check(
            value > 0, SettingError, "The '{}' of association must be above 0. Got {} instead.", name, value
        )
    check(min(least) >= 0, SettingError, "How many picks an event must have cannot be below 0. Got {}.", min(least))  # fmt: skip
    check_least(least[0])


def check_least(least_picks: int) -> None:
    """Refuse events of too few picks.

    Raises
    ------
    SettingError
        If an event might have fewer than 4.
    """
    check(
        least_picks >= 4,
        SettingError,
        "An event must have at least 4 picks: it has a time and three coordinates. Got 'least_picks' of {}.",
        least_picks,
    )


def _check_span(stations: Sequence[Station]) -> None:
    latitude = np.array([one.latitude for one in stations])
    longitude = np.array([one.longitude for one in stations])
    span = max(np.ptp(latitude), np.ptp(longitude) * np.cos(np.radians(latitude.mean())))
    check(
        span <= LARGEST,
        DataError,
        "The stations of an association must lie within {:g} degrees: distances are measured on a plane, rays are straight. Got"
        " {:.1f}.",
        LARGEST,
        span,
    )


def _places(picks: Picks, stations: Sequence[Station], notes: list[str]) -> np.ndarray:
    """Return the number of each pick's station, int64; -1 where it is not known where that stands."""
    exact = {one.name: i for i, one in enumerate(stations)}
    codes = Counter(one.name.rpartition(".")[2] for one in stations)
    bare = {
        one.name.rpartition(".")[2]: i
        for i, one in enumerate(stations)
        if codes[one.name.rpartition(".")[2]] == 1
    }

    def number(name: str) -> int:
        if name in exact:
            return exact[name]
        plain = name.rpartition(".")[2]
        match = bare.get(plain, -1)
        both = match >= 0 and "." in name and "." in stations[match].name  # two networks are two stations
        return -1 if both else match

    of = {name: number(name) for name in np.unique(picks.station).tolist()}
    unknown = [name for name, place in of.items() if place < 0]
    check(
        not of or len(unknown) < len(of),
        DataError,
        "The stations of the picks must be among those whose place is known: {}. Got: {}.{}",
        some_of(list(exact)),
        some_of(unknown),
        did_you_mean(unknown[0], exact) if unknown else "",
    )
    out = np.array([of[name] for name in picks.station.tolist()], np.int64)
    if unknown:
        notes.append(
            f"{int((out < 0).sum())} of {len(picks)} picks are at stations whose place is not known ({some_of(unknown)}) and were"
            " left out."
        )
    return out


@dataclass(frozen=True, eq=False)
class _Event:
    """An event as PyOcto found it; its picks are numbers among those that were searched."""

    time: float
    latitude: float
    longitude: float
    depth: float
    picks: np.ndarray
    residual: np.ndarray


def _search(
    times: np.ndarray,
    who: np.ndarray,
    families: np.ndarray,
    stations: Sequence[Station],
    model: tuple[float, float, float],
    deepest: float,
    around: float,
    least: tuple[int, int, int, int],
) -> list[_Event]:
    """Let PyOcto search for events."""
    import pandas as pd

    pyocto = need_pyocto()
    p_velocity, s_velocity, tolerance = model
    where = pd.DataFrame(
        {
            "id": [str(i) for i in range(len(stations))],
            "latitude": [one.latitude for one in stations],
            "longitude": [one.longitude for one in stations],
            "elevation": [one.elevation for one in stations],
        }
    )
    crs = pyocto.OctoAssociator.get_crs(where)
    velocity = pyocto.VelocityModel0D(p_velocity=p_velocity, s_velocity=s_velocity, tolerance=tolerance)
    plane = pyocto.OctoAssociator((0, 1), (0, 1), (0, 1), velocity, 1.0, n_threads=1, crs=crs)
    where = plane.transform_stations(where)
    limits = [(float(where[axis].min() - around), float(where[axis].max() + around)) for axis in "xy"]
    longest = float(np.linalg.norm([high - low for low, high in limits] + [deepest])) / s_velocity
    begin = float(times.min())
    associator = pyocto.OctoAssociator(
        xlim=limits[0],
        ylim=limits[1],
        zlim=(0.0, deepest),
        velocity_model=velocity,
        time_before=longest,
        pick_match_tolerance=tolerance,
        n_picks=max(least[0], least[1] + least[2], 2 * least[3]),
        n_p_picks=max(least[1], least[3]),
        n_s_picks=max(least[2], least[3]),
        n_p_and_s_picks=least[3],
        n_threads=1,
        crs=crs,
    )
    table = pd.DataFrame({"station": who.astype(str), "phase": families, "time": times - begin})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what pandas will change
        events, assigned = associator.associate(table, where)
    events = associator.transform_events(events)
    found = []
    for row in events.to_dict("records"):
        own = assigned[assigned["event_idx"] == row["idx"]]
        found.append(
            _Event(
                float(row["time"]) + begin,
                float(row["latitude"]),
                float(row["longitude"]),
                float(row["depth"]),
                own["pick_idx"].to_numpy(np.int64),
                own["residual"].to_numpy(np.float64),
            )
        )
    return found


def need_pyocto() -> Any:
    """Return PyOcto.

    Raises
    ------
    ClewError
        If it is not installed.
    """
    try:
        import pyocto
    except ImportError as error:
        raise ClewError(
            f"Association needs the package 'pyocto': pip install 'clew[associate]'. Got: {error}."
        ) from error
    return pyocto


def _result(
    found: list[_Event], usable: np.ndarray, picks: Picks, least_picks: int, notes: list[str]
) -> Associated:
    """Give each pick to one event: events with most picks first, and those that have too few left are none."""
    event, residual = np.full(len(picks), -1, np.int64), np.full(len(picks), np.nan)
    kept: list[tuple[_Event, np.ndarray, np.ndarray]] = []
    for one in sorted(found, key=lambda one: (-len(one.picks), one.time)):
        rows = usable[one.picks]
        free = event[rows] < 0
        if free.sum() >= least_picks:
            event[rows[free]] = len(kept)
            residual[rows[free]] = one.residual[free]
            kept.append((one, rows[free], one.residual[free]))
    order = sorted(range(len(kept)), key=lambda i: kept[i][0].time)
    renamed = np.empty(len(kept) + 1, np.int64)
    renamed[-1] = -1
    renamed[order] = np.arange(len(kept))
    events = [kept[i] for i in order]
    return Associated(
        time=np.array([one.time for one, _, _ in events], np.float64),
        latitude=np.array([one.latitude for one, _, _ in events], np.float64),
        longitude=np.array([one.longitude for one, _, _ in events], np.float64),
        depth=np.array([one.depth for one, _, _ in events], np.float64),
        n_picks=np.array([len(rows) for _, rows, _ in events], np.int64),
        n_stations=np.array([len(set(picks.station[rows].tolist())) for _, rows, _ in events], np.int64),
        rms=np.array([np.sqrt(np.mean(apart**2)) for _, _, apart in events], np.float64),
        event=renamed[event],
        residual=residual,
        notes=notes,
    )
