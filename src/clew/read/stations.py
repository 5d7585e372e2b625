"""Where stations stand: from StationXML and what else ObsPy reads, and from tables."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import TABLES, has_suffix, one_line, package, read_bytes, some_of
from clew.read.tables import read_table

NAMES = {
    "station": ("station", "id", "station_id", "code", "name", "station_code"),
    "network": ("network", "network_code", "net"),
    "latitude": ("latitude", "lat", "station_latitude_deg"),
    "longitude": ("longitude", "lon", "long", "station_longitude_deg"),
    "elevation": ("elevation", "elevation_m", "elev", "height", "station_elevation_m"),
}


@dataclass(frozen=True)
class Station:
    """A station and its place.

    Parameters
    ----------
    name : str
        Network and code: "BW.UH1".
    latitude, longitude : float
        In degrees, WGS 84.
    elevation : float
        In m above sea level.
    """

    name: str
    latitude: float
    longitude: float
    elevation: float = 0.0

    def __post_init__(self) -> None:
        fits = abs(self.latitude) <= 90 and abs(self.longitude) <= 360 and np.isfinite(self.elevation)
        check(
            fits,
            DataError,
            "The place of the station '{}' must be a latitude from -90 to 90 and a longitude in degrees, and an elevation in m."
            " Got {}, {}, {}.",
            self.name,
            self.latitude,
            self.longitude,
            self.elevation,
        )


def read_stations(path: str | Path, *, notes: list[str] | None = None) -> list[Station]:
    """Read where stations stand.

    Parameters
    ----------
    path : str or Path
        A table (CSV, Parquet) with columns ``station`` ("BW.UH1", or "UH1" beside a column ``network``), ``latitude``,
        ``longitude`` (degrees) and, where known, ``elevation`` (m); or StationXML and other inventories that ObsPy reads.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Returns
    -------
    list of Station
        In the order of their names.

    Raises
    ------
    DataError
        If the file cannot be read, has no such columns, or holds a station at two places.
    """
    notes = [] if notes is None else notes
    path = Path(path)
    found = _of_table(path, notes) if has_suffix(path, TABLES) else _of_inventory(path)
    check(found, DataError, "The stations '{}' must be at least one. Got none.", path.name)
    known: dict[str, Station] = {}
    for one in found:
        before = known.setdefault(one.name, one)
        near = abs(before.latitude - one.latitude) < 1e-3 and abs(before.longitude - one.longitude) < 1e-3
        check(
            near,
            DataError,
            "Every station of '{}' must stand in one place. Got '{}' at {:g}, {:g} and at {:g}, {:g}.",
            path.name,
            one.name,
            before.latitude,
            before.longitude,
            one.latitude,
            one.longitude,
        )
    return [known[name] for name in sorted(known)]


def _of_table(path: Path, notes: list[str]) -> list[Station]:
    table = read_table(path)
    folded = {str(name).strip().casefold(): name for name in table.frame.columns}
    columns = {
        key: next((folded[name] for name in names if name in folded), "") for key, names in NAMES.items()
    }
    missing = [key for key in ("station", "latitude", "longitude") if not columns[key]]
    check(
        not missing,
        DataError,
        "The table of stations '{}' must have the column '{}'. Got: {}.",
        path.name,
        *missing[:1] or [""],
        some_of(list(map(str, table.frame.columns))),
    )
    if not columns["elevation"]:
        notes.append(f"'{path.name}' tells no elevation; the stations are taken to stand at sea level.")
    found = []
    for number, row in enumerate(table.frame.to_dict("records"), 2):
        code = str(row[columns["station"]]).strip()
        network = str(row[columns["network"]]).strip() if columns["network"] else ""
        name = f"{network}.{code}" if network and "." not in code else code
        check(
            code, DataError, "Every station of '{}' must have a name. Got none in line {}.", path.name, number
        )
        height = float(row[columns["elevation"]]) if columns["elevation"] else 0.0
        latitude, longitude = (
            _degrees(row[columns[key]], key, path, number) for key in ("latitude", "longitude")
        )
        found.append(Station(name.rstrip("."), latitude, longitude, 0.0 if np.isnan(height) else height))
    return found


def _degrees(value: object, what: str, path: Path, line: int) -> float:
    known = isinstance(value, float) and bool(np.isfinite(value))
    check(
        known,
        DataError,
        "The '{}' of '{}' must be in degrees. Got '{}' in line {}.",
        what,
        path.name,
        value,
        line,
    )
    return float(value)  # type: ignore[arg-type]


def _of_inventory(path: Path) -> list[Station]:
    obspy = package("obspy", of="signal")
    data = read_bytes(path)
    try:
        inventory = obspy.read_inventory(io.BytesIO(data))
    except Exception as error:  # ObsPy raises in many ways
        raise DataError(
            f"The stations '{path}' must be StationXML or a table. Got: {one_line(error)}."
        ) from error
    return [
        Station(
            f"{network.code}.{one.code}",
            float(one.latitude),
            float(one.longitude),
            float(one.elevation or 0.0),
        )
        for network in inventory
        for one in network
    ]
