"""Measured windows as rows: what they are called, where they come from, what they are grouped by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, check, did_you_mean
from clew.measure.measured import counted
from clew.measure.window_places import Places
from clew.measure.window_plan import SLOWEST, THREE, WindowPlan
from clew.measure.window_stream import Cut, block_of
from clew.read.given import STATION, has_no_station
from clew.read.recording import DAY, Recording, spell_time
from clew.samples import Samples

if TYPE_CHECKING:
    import pandas as pd

    from clew.read.given import Given

TOGETHER = 10  # windows: for so long those that are no event are one group, where events are groups
TOLD = "The group is the station that the annotations tell, so that what is learned is tested on stations not seen."
GROUPS = ("station", "day", "event", "file")
OWN = ("source", "station", "recording", "start", "end", "seconds_from", "seconds_to", "first", "components")


@dataclass(eq=False)
class Part:
    """What was measured of one recording, block by block.

    Parameters
    ----------
    recording : Recording
    places : Places
    plan : WindowPlan
    features : list of ndarray of float64, shape (w, f)
    why, why_alone : list of str
        Why a window is not usable; and why it were not if the vertical was measured alone.
    components : list of str
        Those that lived: "ZNE".
    dead : list of str
        Those that kept a window from being measured: "N, E".
    stands_in, clipped : list of bool
        Slow sensors clip nothing that could be told: on many days it rains 0 mm, and no sky has more than 8 eighths of cloud.
    """

    recording: Recording
    places: Places
    plan: WindowPlan
    features: list[np.ndarray] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    why_alone: list[str] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    stands_in: list[bool] = field(default_factory=list)
    clipped: list[bool] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Return how many samples a window has."""
        return self.plan.n(self.recording.rate)

    def add(self, cut: Cut, features: np.ndarray) -> None:
        """Add a block."""
        self.features.append(features)
        block = block_of(cut, features, self.recording, self.plan)
        self.why += block.why
        self.dead += block.dead
        if self.plan.stand_in:
            alone = self.plan.without_three()
            columns = self.columns(alone)
            self.why_alone += block_of(cut, features[:, columns], self.recording, alone).why
        names = THREE if self.plan.stand_in else self.plan.components
        between = "" if all(len(name) == 1 for name in names) else ","
        self.components += [
            between.join(name for name, state in zip(names, row) if state == 0) for row in cut.state.tolist()
        ]
        self.stands_in += (cut.chosen > 0).tolist()
        self.clipped += (cut.clipped & (self.recording.rate >= SLOWEST)).tolist()

    def columns(self, plan: WindowPlan) -> list[int]:
        """Return which columns another plan, which measures less, has."""
        names = self.plan.features(self.recording.rate).names
        return [names.index(name) for name in plan.features(self.recording.rate).names]

    def lacks_horizontals(self) -> bool:
        """Tell whether no window has three living components, though some have a vertical."""
        return "" in self.why_alone and "" not in self.why


def check_group(
    group: str | None, recordings: Sequence[Recording], *, of_events: bool, given: Sequence[Given] | None
) -> None:
    """Refuse a group that the windows will not have."""
    columns = dict.fromkeys(name for one in given or () for name in one.columns)
    known = [*GROUPS, *columns]
    check(
        group is None or group in known,
        SettingError,
        "The 'group' setting of the windows must be one of: {}. Got '{}' instead.{}",
        ", ".join(known),
        group,
        did_you_mean(str(group), known),
    )
    check(
        group != "event" or of_events or "event" in columns,
        SettingError,
        "The 'group' setting of the windows can be 'event' where triggers coincide (--trigger coincidence) or the given "
        "windows have a column 'event'. Got neither.",
    )
    check(
        group != "day" or all(one.dated for one in recordings),
        SettingError,
        "The 'group' setting of the windows can be 'day' where all recordings are dated. Got '{}', which is not.",
        next((one.name for one in recordings if not one.dated), ""),
    )


def samples_of(
    parts: Sequence[Part],
    usable: Sequence[np.ndarray],
    plan: WindowPlan,
    *,
    group: str | None,
    columns: Sequence[str],
    given: Sequence[Given] | None,
) -> tuple[Samples, list[str]]:
    """Make samples of the usable windows; return them and what is to be said of their groups."""
    table = plan.features(parts[0].recording.rate)
    features = []
    for part, keep in zip(parts, usable):
        here = plan.features(part.recording.rate)
        check(
            here.names == table.names,
            DataError,
            "The recordings must be alike enough to be measured in the same way. Got other frequency bands at {:g} Hz than at {:g} Hz.",
            part.recording.rate,
            parts[0].recording.rate,
        )
        if keep.any():
            features.append(np.concatenate(part.features)[keep][:, part.columns(plan)])
    told = _stations_told([part.recording for part in parts], given)
    origin = _origin(parts, usable, plan, columns, given, told)
    names = [
        f"{part.recording.name}@{part.recording.spell(time)}"
        for part, keep in zip(parts, usable)
        for time in _times(part)[keep].tolist()
    ]
    unknown = {part.recording.name for part in parts if has_no_station(part.recording)} - set(told)
    groups, notes = _groups(group, origin, names, told=bool(told), unknown=unknown)
    notes += _at_one_time(groups, origin, plan.window)
    labels = [
        "" if one is None else one.label
        for part, keep in zip(parts, usable)
        for one, kept in zip(part.places.given, keep)
        if kept
    ]
    samples = Samples(
        features=np.concatenate(features),
        feature_names=table.names,
        units=table.units,
        sample=np.array(names),
        origin=origin,
        group=np.array(groups),
        labels=np.array(labels) if any(labels) else None,
        sets=table.sets,
    )
    return samples, notes


def _stations_told(recordings: Sequence[Recording], given: Sequence[Given] | None) -> dict[str, str]:
    """Return the stations that annotations tell of recordings whose files tell none, by the recordings' names."""
    said: defaultdict[str, set[str]] = defaultdict(set)
    for one in given or ():
        if one.columns.get(STATION):
            said[one.recording].add(str(one.columns[STATION]))
    return {
        one.name: next(iter(said[one.name]))
        for one in recordings
        if len(said.get(one.name, ())) == 1 and has_no_station(one)
    }


def _times(part: Part) -> np.ndarray:
    """Return when the windows of a part begin, in s."""
    return part.recording.start + part.places.first / part.recording.rate


def _origin(
    parts: Sequence[Part],
    usable: Sequence[np.ndarray],
    plan: WindowPlan,
    columns: Sequence[str],
    given: Sequence[Given] | None,
    told_stations: dict[str, str],
) -> pd.DataFrame:
    """Return where each window comes from, and what was said of it."""
    import pandas as pd

    comparable = len(parts) == 1 or all(part.recording.dated for part in parts)
    starts, ends = ("start", "end") if comparable else ("seconds_from", "seconds_to")
    own: dict[str, list[Any]] = {}
    for part, keep in zip(parts, usable):
        recording, start, first = part.recording, _times(part)[keep], part.places.first[keep]
        here: dict[str, Sequence[Any]] = {
            "source": [recording.source_at(one) for one in first.tolist()],
            "station": [told_stations.get(recording.name, recording.station or recording.name)] * len(first),
            "recording": [recording.name] * len(first),
            starts: start.tolist(),
            ends: (start + part.n / recording.rate).tolist(),
            "first": first.tolist(),
            "components": [one for one, kept in zip(part.components, keep) if kept],
            "event": [one for one, kept in zip(part.places.event, keep) if kept],
        }
        for name, values in here.items():
            own.setdefault(name, []).extend(values)
    origin = pd.DataFrame(own)
    if not (origin["event"] != "").any():
        del origin["event"]
    told = [one for part, keep in zip(parts, usable) for one, kept in zip(part.places.given, keep) if kept]
    known = list(dict.fromkeys(name for one in given or () for name in one.columns))
    for name in columns or known:
        check(
            name in known,
            SettingError,
            "The columns to keep must be among: {}. Got '{}'.",
            ", ".join(known),
            name,
        )
        check(name not in OWN, DataError, "A column of the given windows must not be called '{}'.", name)
        if name != "event" or "event" not in origin:
            origin[name] = _column([None if one is None else one.columns.get(name) for one in told])
    return origin


def _column(values: list[Any]) -> np.ndarray:
    """Return what was said of each window as numbers, NaN where nothing was, or as text, "" where nothing was."""
    if all(value is None or isinstance(value, (int, float)) for value in values):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    return np.array(["" if value is None else str(value) for value in values], dtype=object)


def _groups(
    group: str | None, origin: pd.DataFrame, names: Sequence[str], *, told: bool, unknown: set[str]
) -> tuple[list[str], list[str]]:
    """Return the group of each window, and what is to be said of it: of recordings whose stations are told or unknown, too."""
    station, recording = origin["station"].tolist(), origin["recording"].tolist()
    if group == "station" or (group is None and told and "start" not in origin):
        return station, [TOLD] * (group is None) + _files_as_stations(origin, unknown)
    if group is None and "start" not in origin:
        return recording, [
            "Each recording is a group: they are not dated, so their times cannot be compared."
        ]
    if group is None and _share_events(origin):
        return _values("event", origin, names), [
            "The group is the event, since several stations recorded the same ones; --group station asks of stations not seen."
        ]
    if group is None and len(set(station)) > 1:
        return station, [
            "The group is the station, so that what is learned is tested on stations not seen; --group day, event, file or "
            "a column of the given windows ask other questions.",
            *_files_as_stations(origin, unknown),
        ]
    if group is None:
        return list(names), [
            "Windows of one station are split by time, since neighbours in time resemble each other; --group day, event or "
            "file ask other questions."
        ]
    if group == "day":
        dated = [spell_time(DAY * np.floor(time / DAY), dated=True)[:10] for time in origin["start"]]
        one = len(set(dated)) == 1
        return dated, [
            f"All windows are of one day, {dated[0]}: they are one group, and splits go by time within it."
        ] if one else []
    return _values({"file": "source"}.get(group, group), origin, names), []


def _files_as_stations(origin: pd.DataFrame, unknown: set[str]) -> list[str]:
    """Say how many files count as a station each, since nobody tells theirs."""
    found = set(origin["recording"])
    n = len(unknown & found)
    if not n or origin["station"].nunique() < 2:
        return []
    of = "" if n == len(found) else f" of {counted(n, 'file')}"
    return [
        f"The stations{of} are not known: each file counts as one (annotations can tell them, in a column 'station')."
    ]


def _share_events(origin: pd.DataFrame) -> bool:
    """Tell whether some event was recorded at several stations."""
    if "event" not in origin:
        return False
    pairs = origin.loc[origin["event"] != "", ["event", "station"]].drop_duplicates()
    return bool(pairs["event"].duplicated().any())


def _values(column: str, origin: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the values of a column as groups; what has none is a group of its own, or of its time where events are groups.

    Neighbours in time that are no event may overlap, and other stations have them, too.
    """
    own = np.array(names, dtype=object)
    if column == "event" and "start" in origin:
        lasts = TOGETHER * np.median(origin["end"] - origin["start"])
        own = np.array(
            [
                f"no event, {spell_time(lasts * np.floor(time / lasts), dated=True)}"
                for time in origin["start"]
            ],
            dtype=object,
        )
    values = origin[column].tolist()
    return [name if value in ("", None) or value != value else str(value) for value, name in zip(values, own)]


def _at_one_time(groups: Sequence[str], origin: pd.DataFrame, window: float) -> list[str]:
    """Say how many windows share their time with one of another group, unless each is a group and splits go by time."""
    n = len(groups)
    code = np.unique(groups, return_inverse=True)[1].reshape(-1)
    if "start" not in origin or not 1 < code.max() + 1 < n:
        return []
    order = np.argsort(origin["start"].to_numpy(np.float64), kind="stable")
    start, code = origin["start"].to_numpy(np.float64)[order], code[order]
    least = 0.001 * window  # the rounding of times to samples is no overlap
    low = np.searchsorted(start, start - window + least, side="right")
    high = np.searchsorted(start, start + window - least, side="left")
    changes = np.append(0, np.cumsum(np.diff(code) != 0))  # of the group, from window to window
    shared = int((changes[high - 1] > changes[low]).sum())
    if not shared:
        return []
    if len({*groups}) == origin["station"].nunique() and set(groups) == set(origin["station"]):
        so = (
            "what happened then is trained on and tested, open and sealed. Figures are those of other stations, not of "
            "other events (--group event or day asks for these)."
        )
    else:
        so = "what happened then may be trained on and tested, open and sealed."
    return [f"{shared:,} of {n:,} windows share their time with one of another group: {so}"]
