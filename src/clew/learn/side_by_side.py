"""Windows of several stations at one time, put side by side: one row a time, the measurements of every station in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clew.errors import DataError, check
from clew.samples import Samples
from clew.words import listed

FEWEST = 2  # stations that must share a time


@dataclass(frozen=True, eq=False)
class SideBySide:
    """One row for each time that several stations share.

    Parameters
    ----------
    samples : Samples
        The features of all stations, called "STATION NAME"; where a station has no window, the median of its others.
    blocks : dict of str to list of int
        The columns of each station.
    there : ndarray of bool, shape (n_rows, n_stations)
        Whether the station has a window at that time.
    notes : list of str
        How times were put together, and what was left out, one sentence each.
    """

    samples: Samples
    blocks: dict[str, list[int]]
    there: np.ndarray
    notes: list[str]


def stations_of(samples: Samples) -> np.ndarray:
    """Return whose window each row is, str (n_rows,): the station's or, where one runs several sensors at a time, the sensor's.

    Empty where rows have no station.
    """
    origin = samples.origin
    if not {"station", "start"} <= set(origin):
        return np.empty(0, str)
    station = origin["station"].to_numpy(str)
    if "recording" not in origin:
        return station
    at_once = pd.DataFrame({"station": station, "start": origin["start"], "recording": origin["recording"]})
    several = at_once.drop_duplicates().duplicated(["station", "start"]).any()
    return origin["recording"].to_numpy(str) if several else station


def side_by_side(samples: Samples) -> SideBySide:
    """Put the windows that several stations have of one time, or of one event, into one row.

    Parameters
    ----------
    samples : Samples
        Rows with labels ("" for none) and the origin columns ``station``, ``start`` and, where known, ``end`` (s),
        ``recording`` and ``event``.

    Raises
    ------
    DataError
        If rows have no station and time, or fewer than two stations share labelled times.
    """
    station = stations_of(samples)
    check(
        station.size,
        DataError,
        "The rows of sensors by station must have a station and a time. Got rows without.",
    )
    assert samples.labels is not None
    known = samples.labels != ""
    rows, station = samples.take(known), station[known]
    moment, how = _moments(rows, station)
    names, of_station = np.unique(station, return_inverse=True)
    n_moments = int(moment.max()) + 1 if moment.size else 0
    place = np.full((n_moments, len(names)), -1)
    place[moment, of_station] = np.arange(rows.n_rows)
    shared = (place >= 0).sum(axis=1) >= FEWEST
    agrees = _alike(rows.labels, moment, n_moments)  # type: ignore[arg-type]
    kept = np.flatnonzero(shared & agrees)
    used = (place[kept] >= 0).any(axis=0)
    check(
        used.sum() >= FEWEST,
        DataError,
        "At least 2 stations must have labelled windows {}. Got {} of {} stations: ask by component or by measurement.",
        how,
        int(used.sum()),
        len(names),
    )
    place, names = place[kept][:, used], names[used]
    notes = [f"{len(kept):,} of {n_moments:,} times have labelled windows of at least {FEWEST} of {len(names)} stations, {how}, with one label."]  # fmt: skip
    torn = int((shared & ~agrees).sum())
    if torn:
        notes.append(f"{torn:,} times were left out, as stations have different labels there.")
    if not known.all():
        notes.append(f"{int((~known).sum()):,} rows without a label were left out.")
    notes += _lacking(place, names)
    return SideBySide(_wide(rows, place, names), _blocks(rows, names), place >= 0, notes)


# ---- which rows are of one time ----
def _moments(rows: Samples, station: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the number of the event or time of each row, int64 (n_rows,), and how rows were put together."""
    origin = rows.origin
    event = origin["event"].fillna("").to_numpy(str) if "event" in origin else np.full(rows.n_rows, "")
    pairs = pd.DataFrame({"event": event, "station": station})
    if (event != "").all() and not pairs.duplicated().any():
        return np.unique(event, return_inverse=True)[1].reshape(-1), "of one event"
    start = origin["start"].to_numpy(np.float64)
    apart = _tolerance(origin, start, station)
    return _near(start, station, apart), f"that start within {apart:.3g} s of each other"


def _tolerance(origin: pd.DataFrame, start: np.ndarray, station: np.ndarray) -> float:
    """Return by how much the windows of one time may be apart, in s: half a step, and half a window at most."""
    steps = [np.diff(np.unique(start[station == name])) for name in np.unique(station)]
    step = float(np.median(np.concatenate(steps))) if any(len(one) for one in steps) else np.inf
    length = float(np.median(origin["end"].to_numpy(float) - start)) if "end" in origin else np.inf
    least = min(step, length)
    return least / 2 if 0 < least < np.inf else 0.0


def _near(start: np.ndarray, station: np.ndarray, apart: float) -> np.ndarray:
    """Number times in their order, so that each holds starts within ``apart`` s, and no station twice; int64 (n_rows,)."""
    number = np.empty(len(start), np.int64)
    current, first, seen = -1, -np.inf, set[str]()
    for row in np.lexsort((station, start)).tolist():
        if start[row] - first > apart or station[row] in seen:
            current, first, seen = current + 1, start[row], set()
        number[row] = current
        seen.add(station[row])
    return number


def _alike(values: np.ndarray, moment: np.ndarray, n_moments: int) -> np.ndarray:
    """Tell at which times all rows have the same value, bool (n_moments,)."""
    code = np.unique(values, return_inverse=True)[1].reshape(-1)
    low, high = np.full(n_moments, len(values)), np.full(n_moments, -1)
    np.minimum.at(low, moment, code)
    np.maximum.at(high, moment, code)
    return np.asarray(low == high)


# ---- the wide table ----
def _wide(rows: Samples, place: np.ndarray, names: np.ndarray) -> Samples:
    """Return one row a time; ``place`` (n_times, n_stations) holds the row of each station, -1 for none."""
    parts = []
    for column in place.T:
        values = rows.features[column]
        values[column < 0] = np.median(values[column >= 0], axis=0)
        parts.append(values)
    first = place.max(axis=1)  # any row of that time: those of one time have one label
    one = rows.take(first)
    held = [place[:, s][place[:, s] >= 0] for s in range(len(names))]
    same = _alike(rows.group[np.concatenate(held)], np.concatenate([np.flatnonzero(c >= 0) for c in place.T]), len(place))  # fmt: skip
    given = bool(same.all())  # a group of single stations says nothing of rows of several
    event = "event" in rows.origin and np.array_equal(one.group, one.origin["event"].to_numpy(str))
    origin = {"source": one.origin["source"] if "source" in one.origin else np.full(len(place), "")}
    if not (given and event):  # rows whose events are independent, as asked, are not divided by time
        origin |= {name: one.origin[name] for name in ("start", "end") if name in one.origin}
    return Samples(
        features=np.hstack(parts),
        feature_names=tuple(f"{name} {feature}" for name in names for feature in rows.feature_names),
        units=rows.units * len(names),
        sample=one.sample,
        origin=pd.DataFrame(origin).reset_index(drop=True),
        group=one.group if given else one.sample,
        labels=one.labels,
    )


def _blocks(rows: Samples, names: np.ndarray) -> dict[str, list[int]]:
    n = rows.n_features
    return {str(name): list(range(s * n, (s + 1) * n)) for s, name in enumerate(names)}


def _lacking(place: np.ndarray, names: np.ndarray) -> list[str]:
    """Say which stations have no window at how many of the times."""
    missing = (place < 0).sum(axis=0)
    told = [f"{name} at {n:,}" for name, n in zip(names, missing) if n]
    if not told:
        return []
    return [f"Of {len(place):,} times there is no window of {listed(told)}: among all stations its median stands there; alone, these times do not count."]  # fmt: skip
