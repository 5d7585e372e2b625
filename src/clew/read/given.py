"""What people said of pieces of recordings: tables and QuakeML files of windows and moments, with classes and what else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from clew.errors import DataError, check, did_you_mean
from clew.read.kinds import has_suffix, some_of
from clew.read.quakeml import Pick, read_quakeml
from clew.read.recording import Recording, spell_seconds
from clew.read.tables import Columns, read_columns
from clew.read.times import is_date, read_times

QUAKEML = (".xml", ".qml", ".quakeml")
SOURCE = ("source", "file", "filename", "fname")
WHOSE = (*SOURCE, "recording", "station")
BEGIN = ("start", "pick", "time")
ALSO_BEGIN = (
    "starttime",
    "start_time",
    "begin",
    "begintime",
    "begin_time",
    "onset",
)  # where none of these is there
UNTIL = ("end", "duration")
ALSO_UNTIL = ("endtime", "end_time", "stop")
LIKE_BEGIN = (
    "start",
    "begin",
    "began",
    "onset",
    "arriv",
    "timestamp",
    "datetime",
)  # how words of other names begin
LIKE_UNTIL = (
    "end",
    "ends",
    "ended",
    "stop",
    "stops",
    "stopped",
    "until",
    "till",
    "finish",
    "dur",
    "lasts",
    "length",
)
EVERY = "*"  # of all recordings
USUAL = "separated by comma."  # what need not be said of a table of annotations
STATION = "station_code"  # the column of what a table says is the station of a file that tells none


@dataclass(frozen=True)
class Given:
    """What somebody said of a piece of a recording.

    Parameters
    ----------
    recording : str
        Its name.
    start : float
        In s since 1970-01-01 UTC, or since the start of the recording where it is not dated.
    end : float, optional
        Likewise; None of a moment.
    label : str
        The class; "" where none is told.
    columns : dict of str to (str or float)
        All else, by name: NaN and "" where it is missing.
    """

    recording: str
    start: float
    end: float | None
    label: str
    columns: dict[str, str | float]


def read_given(
    path: str | Path, recordings: Sequence[Recording], *, notes: list[str] | None = None
) -> list[Given]:
    """Read a table (CSV, Parquet) or QuakeML file of windows and moments, and find the recordings that they are of.

    Parameters
    ----------
    path : str or Path
        A row of a table is of the recording that `recording`, `station` or `source` (a file, also called `file`) names;
        "*" stands for all, and where there is one recording only no row must name it. `start` (or `pick`, or `time`) is a
        date, or seconds since the start of a recording that is not dated; so is `end`, or `duration` in s. Without an
        end the row is a moment; a table without `start`, and one row for each recording, speaks of whole recordings.
        `label` is the class. Names may be in capitals, and `start_time`, `begin` and `stop`, say, are as good.
    recordings : sequence of Recording
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Raises
    ------
    DataError
        If a row fits no recording, lies outside of it, or ends before it starts; with its place. If a table seems to tell
        times in columns that are not called so.

    Notes
    -----
    A row that names a station, or its code without that of the network where this leaves no doubt, is of all of its
    recordings that were running then. Of a file that tells no station, what the
    table says is the station becomes the column "station_code". Picks of a catalogue at stations, or
    times, that were not recorded are passed over and counted.
    """
    notes = [] if notes is None else notes
    path = Path(path)
    if has_suffix(path, QUAKEML):
        return _of_picks(read_quakeml(path), recordings, path, notes)
    columns = read_columns(path)
    notes += [one for one in columns.notes if not one.endswith(USUAL)]
    rows = _Rows(columns, recordings)
    found = rows.given()
    return found if rows.begin else _whole(found, recordings, path, notes)


def has_no_station(recording: Recording) -> bool:
    """Tell whether a recording is called by its file, since that tells no station."""
    return any(one.source == recording.station for channel in recording.channels for one in channel.stretches)


def _whole(found: list[Given], recordings: Sequence[Recording], path: Path, notes: list[str]) -> list[Given]:
    """Say of what rows without times speak; refuse several for one recording, which must be of pieces of it."""
    name, n_rows = Counter(one.recording for one in found).most_common(1)[0]
    check(
        n_rows == 1,
        DataError,
        "The table '{}' must say when its rows start ('start'), or have one row for each recording. Got {} rows for '{}'.",
        path.name,
        n_rows,
        name,
    )
    lengths = [one.end - one.start for one in found if one.end is not None]
    spelt = list(dict.fromkeys(map(spell_seconds, (min(lengths), max(lengths)))))
    notes.append(
        f"'{path.name}' has no column 'start': each of its rows speaks of a whole recording, of {' to '.join(spelt)}."
    )
    return found


# ---- tables ----
class _Rows:
    """The rows of a table and the recordings that they may be of."""

    def __init__(self, columns: Columns, recordings: Sequence[Recording]) -> None:
        self.columns, self.recordings, self.name = columns, recordings, columns.path.name
        self.begin = self._one_of(BEGIN) or self._one_of(ALSO_BEGIN)
        self.until = self._one_of(UNTIL) or self._one_of(ALSO_UNTIL)
        check(
            self.begin or not self.until,
            DataError,
            "The table '{}' must say when its rows start ('start'). Got '{}' only.",
            self.name,
            self.until,
        )
        self.source = self._one_of(SOURCE)
        self.recording, self.station, self.label = map(
            self._one_of, (("recording",), ("station",), ("label",))
        )
        self._refuse_other_times()
        self._dated: dict[str, np.ndarray] = {}  # columns of dates, in s
        self._known: dict[tuple[str, ...], list[Recording]] = {}  # by what names them

    def _one_of(self, names: Sequence[str]) -> str:
        """Return the column that is called by one of some names, in whatever case; "" for none."""
        found = [name for name in self.columns.cells if name.strip().casefold() in names]
        check(
            len(found) < 2,
            DataError,
            "The table '{}' must have one of the columns {}. Got: {}.",
            self.name,
            some_of(names),
            some_of(found),
        )
        return found[0] if found else ""

    def _others(self) -> list[str]:
        """Return the columns that are only kept."""
        taken = {self.begin, self.until, self.source, self.recording, self.station, self.label}
        return [name for name in self.columns.cells if name not in taken]

    def _refuse_other_times(self) -> None:
        """Refuse columns that seem to tell when rows start or end, where none is known to: they would change what is meant."""
        known: tuple[str, ...]
        words = {name: re.split(r"[^a-z]+", name.casefold()) for name in self._others()}
        if not self.begin:
            like = [name for name in words if any(word.startswith(LIKE_BEGIN) for word in words[name])]
            like += [name for name in words if name not in like and self._holds_clocks(name)]
            known = BEGIN + ALSO_BEGIN
        else:
            like = [name for name in words if not self.until and set(words[name]) & set(LIKE_UNTIL)]
            known = UNTIL + ALSO_UNTIL
        check(
            not like,
            DataError,
            "The table '{}' must say when its rows {} in a column '{}'. Got {}, which may be it.{}",
            self.name,
            "end" if self.begin else "start",
            known[0],
            some_of([f"'{name}'" for name in like]),
            did_you_mean(like[0].casefold(), known) if like else "",
        )

    def _holds_clocks(self, name: str) -> bool:
        """Tell whether a column holds dates with a time of day."""
        first = next((cell for cell in self.columns.cells[name] if cell), "")
        return isinstance(first, str) and ":" in first and is_date(first)

    def given(self) -> list[Given]:
        extra = {name: self.columns.typed(name).tolist() for name in self._others()}
        found = []
        for row in range(len(self.columns.places)):
            said = {name: values[row] for name, values in extra.items()}
            station, label = self._text(self.station, row), self._text(self.label, row)
            for recording, start, end in self._spans(row, self._recordings_of(row)):
                untold = station not in ("", EVERY) and has_no_station(recording)
                columns = said | ({STATION: station} if untold else {})
                found.append(Given(recording.name, start, end, label, columns))
        return found

    def _text(self, name: str, row: int) -> str:
        if name not in self.columns.cells:
            return ""
        value = self.columns.cells[name][row]
        if isinstance(value, str):
            return value
        return "" if np.isnan(value) else f"{value:.15g}"

    def _recordings_of(self, row: int) -> list[Recording]:
        """Return the recordings that a row may be of."""
        texts = tuple(self._text(column, row) for column in (self.recording, self.source, self.station))
        if texts not in self._known:
            self._known[texts] = self._named(texts, self.columns.places[row])
        return self._known[texts]

    def _named(self, texts: tuple[str, ...], place: str) -> list[Recording]:
        """Return the recordings of a name, a file and a station, each "" where it is not told."""
        found, named = list(self.recordings), list[str]()
        columns = ((self.recording, _called), (self.source, from_file), (self.station, at_station))
        for text, (column, those) in zip(texts, columns):
            if text and (column != self.station or not named or not all(map(has_no_station, found))):
                named.append(f"{column} '{text}'")
                found = found if text == EVERY else those(found, text)
        stations = sorted({one.station for one in self.recordings if not has_no_station(one)})
        check(
            found,
            DataError,
            "Every row of '{}' must be of a recording that there is. Got {} in {}; there are: {}{}.",
            self.name,
            " of ".join(named),
            place,
            some_of([one.name for one in self.recordings]),
            f"; stations: {some_of(stations)}" if stations else "",
        )
        check(
            named or len(found) == 1,
            DataError,
            "Every row of '{}' must say whose it is: 'recording', 'station' or 'source', or '*' for all. Got none in {}.",
            self.name,
            place,
        )
        n_stations = len({one.station for one in found})
        check(
            texts[0] or texts[2] or n_stations == 1,
            DataError,
            "Every row of '{}' must say which station it is of, or '*' for all. Got {} in {}, which holds {} stations.",
            self.name,
            " of ".join(named),
            place,
            n_stations,
        )
        return found

    def _spans(self, row: int, recordings: list[Recording]) -> list[tuple[Recording, float, float | None]]:
        """Return of each of the recordings that a row is of when it starts and ends there."""
        place = self.columns.places[row]
        if not self.begin:
            return [(one, one.start, one.start + one.duration) for one in recordings]
        spans, apart = [], ""
        for one in recordings:
            start = self._time(self.begin, row, one)
            check(
                np.isfinite(start),
                DataError,
                "Every row of '{}' must have its '{}'. Got none in {}.",
                self.name,
                self.begin,
                place,
            )
            end = self._end(row, one, start)
            check(
                end is None or end > start,
                DataError,
                "Every row of '{}' must end behind its start. Got {} to {} in {}.",
                self.name,
                one.spell(start),
                "" if end is None else one.spell(end),
                place,
            )
            if was_running(one, start, end):
                spans.append((one, start, end))
            else:
                apart = f"{one.spell(start)}, where '{one.name}' lasts from {one.spell(one.start)} to {one.spell(one.start + one.duration)}"
        check(
            spans,
            DataError,
            "Every row of '{}' must lie in its recording. Got {} ({}).",
            self.name,
            apart,
            place,
        )
        return spans

    def _end(self, row: int, recording: Recording, start: float) -> float | None:
        if not self.until:
            return None
        if self.until.strip().casefold() != "duration":
            end = self._time(self.until, row, recording)
        else:
            text = self._text(self.until, row)
            end = start + (
                _seconds(text, self.until, self.name, self.columns.places[row]) if text else np.nan
            )
        return None if np.isnan(end) else end

    def _time(self, column: str, row: int, recording: Recording) -> float:
        """Return a time in s; NaN where it is missing."""
        text = self._text(column, row)
        if not text:
            return np.nan
        if recording.dated:
            return float(self._dates(column)[row])
        check(
            not is_date(text) or _is_number(text),
            DataError,
            "The '{}' of '{}' must be in s since the start of '{}', which is not dated. Got '{}' in {}.",
            column,
            self.name,
            recording.name,
            text,
            self.columns.places[row],
        )
        return _seconds(text.removesuffix("s"), column, self.name, self.columns.places[row])

    def _dates(self, column: str) -> np.ndarray:
        """Return the times of all rows that are dates, in s since 1970-01-01 UTC; read once."""
        if column not in self._dated:
            texts = [self._text(column, row) for row in range(len(self.columns.places))]
            if all(_is_number(text) for text in texts if text):
                values = np.array([float(text) if text else np.nan for text in texts])
            else:  # numbers are of recordings that are not dated
                values = np.array(["" if _is_number(t.removesuffix("s")) else t for t in texts], dtype=object)
            times = read_times(values, name=column, places=self.columns.places, dates_only=True)
            self._dated[column] = times.seconds
        return self._dated[column]


def _called(recordings: Sequence[Recording], name: str) -> list[Recording]:
    return [one for one in recordings if one.name == name]


def at_station(recordings: Sequence[Recording], station: str) -> list[Recording]:
    """Return the recordings of a station, which may be told without its network where there is one only of that code."""
    exact = [one for one in recordings if one.station == station]
    bare = [
        one for one in recordings if one.station.rpartition(".")[2] == station and not has_no_station(one)
    ]
    return exact or (bare if len({one.station for one in bare}) == 1 else [])


def from_file(recordings: Sequence[Recording], source: str) -> list[Recording]:
    """Return the recordings that come from a file: by the end of its path."""
    wanted = PurePosixPath(source.replace("\\", "/")).parts

    def is_it(file: str) -> bool:
        return PurePosixPath(file).parts[-len(wanted) :] == wanted or file == source

    return [
        one
        for one in recordings
        if any(is_it(part.source) for channel in one.channels for part in channel.stretches)
    ]


def was_running(recording: Recording, start: float, end: float | None) -> bool:
    """Tell whether a moment, or a part of a window, was recorded; to half a sample."""
    half = 0.5 / recording.rate
    last = start if end is None else end
    return start < recording.start + recording.duration + half and last >= recording.start - half


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _seconds(text: str, column: str, table: str, place: str) -> float:
    check(
        _is_number(text),
        DataError,
        "The '{}' of '{}' must be in s. Got '{}' in {}.",
        column,
        table,
        text,
        place,
    )
    return float(text)


# ---- QuakeML ----
def _of_picks(
    picks: list[Pick], recordings: Sequence[Recording], path: Path, notes: list[str]
) -> list[Given]:
    """Return the picks that were recorded."""
    found, lost = [], 0
    for pick in picks:
        own = [
            one
            for one in recordings
            if one.dated and one.station == pick.station and was_running(one, pick.time, pick.end)
        ]
        exact = [one for one in own if pick.sensor and one.name == f"{pick.station}.{pick.sensor}"]
        lost += not own
        columns: dict[str, str | float] = {
            "event": pick.event,
            "magnitude": pick.magnitude,
            "phase": pick.phase,
        }
        found += [Given(one.name, pick.time, pick.end, pick.label, dict(columns)) for one in exact or own]
    check(
        found,
        DataError,
        "The picks of '{}' must be of recordings that there are ({}). Got {} picks, of: {}.",
        path.name,
        some_of([one.name for one in recordings]),
        len(picks),
        some_of(sorted({pick.station for pick in picks})) or "no station",
    )
    if lost:
        notes.append(
            f"'{path.name}': {lost} of {len(picks)} picks are of nothing that was recorded and were passed over."
        )
    return found
