"""Picks that people made, or a catalogue holds: from the recordings' own files, tables and QuakeML; and whose they are."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from clew.errors import DataError, check, did_you_mean
from clew.read.given import EVERY, QUAKEML, at_station, from_file, has_no_station, was_running
from clew.read.kinds import ARRAYS, TABLES, has_suffix, one_line, package, some_of
from clew.read.recording import Recording
from clew.read.recording_files import SAC_VERSIONS, STORES, head_of, metadata_of
from clew.read.tables import Columns, read_columns
from clew.read.times import is_date, read_times

RECORDING = ("recording",)
STATION = ("station", "station_id", "trace_id", "sta")
SOURCE = ("source", "file", "filename", "fname", "file_name")
PHASE = ("phase", "phase_type", "phase_hint", "phasehint", "phase_name")
TIME = ("time", "phase_time", "peak_time", "pick_time", "arrival_time", "pick", "arrival")
SAMPLE = ("sample", "phase_index", "peak_sample", "arrival_sample")
EVENT = ("event", "event_id", "event_index", "source_id")
WEIGHT = ("weight",)
SAMPLES_OF = {"P": ("itp", "p_idx"), "S": ("its", "s_idx")}  # as PhaseNet's files and tables call samples
IN_METADATA = re.compile(r"trace_(?P<phase>\w+?)_arrival_sample", re.IGNORECASE)
SPELT = re.compile(r"[iIeE]?(?P<phase>[pP][A-Za-z*]*|[sS][A-Za-z*]*)[ .]?[+\-]?[0-4]?")
SAC_SPELT = re.compile(
    r"[iIeE]?(?P<phase>[PS](?:[gnb](?![a-z])|\*)?)[UDCRudcr+\-.]?[0-4]?"
)  # "IPU0", "ePn"; of eight letters
SAC_MARKS = ("a", *(f"t{i}" for i in range(10)))
DIRECT = re.compile(r"([PS])[gnb*]?")  # what comes straight: P of an event is before its S
OTHERS = ("L", "Lg", "LR", "LQ", "R", "Rg", "G", "T")  # surface and other waves, kept by their names


@dataclass(frozen=True)
class KnownPick:
    """An arrival of a wave as people, or a catalogue, say.

    Parameters
    ----------
    recording : str
        The name of the recording.
    phase : str
        "P", "S", "Pg", ...
    time : float
        In s as `Recording.time` has it: since 1970-01-01 UTC, or since the start of a recording that is not dated.
    weight : float
        How much it is to be trusted, from 0 to 1.
    source : str
        Where it stands: "picks.csv, line 7".
    event : str
        The identifier of the event; "" where unknown.
    """

    recording: str
    phase: str
    time: float
    weight: float = 1.0
    source: str = ""
    event: str = ""

    @property
    def family(self) -> str:
        """Return "P" of Pg, Pn, PmP, ..., "S" likewise, and the phase itself of others."""
        return family_of(self.phase)


def family_of(phase: str) -> str:
    """Return what a phase arrives as: "P" of P, Pg, Pn, pP, ..., "S" of S, Sg, Sn, ..., and others as they are.

    It is the last leg that counts, the one up to the station: "P" of SP, "S" of PcS.
    """
    if phase in OTHERS:
        return phase
    legs = re.findall(r"[PS]|^[ps]$", phase)
    return legs[-1].upper() if legs else phase


def read_picks(
    paths: str | Path | Sequence[str | Path],
    recordings: Sequence[Recording],
    *,
    notes: list[str] | None = None,
) -> list[KnownPick]:
    """Read picks, find the recordings that they are of, and sort them by recording and time.

    Parameters
    ----------
    paths : str, Path or sequence of them
        Files of picks, and folders, which stand for the recordings' own files in them. They may be

        - tables (CSV, Parquet): a row is of the ``recording``, ``station`` (also ``station_id`` or ``trace_id``, as
          "BW.UH1" or "BW.UH1..SH") or ``source`` (a file, also ``fname``) that it names; ``phase``; ``time`` as a date, or
          in s since the start of a recording that is not dated, or ``phase_index``, a sample; ``event`` and ``weight``
          where there are such columns. Rows with ``itp`` and ``its``, samples of P and S of a file, are as good, and so are
          the tables that clew, PhaseNet and SeisBench write;
        - QuakeML;
        - the recordings' own: NPZ with ``itp`` and ``its``, SAC with marks in the header (A and T0 to T9, with the name of
          a phase in KA, KT0, ...), the metadata of SeisBench's layout (``trace_P_arrival_sample`` and the like).
    recordings : sequence of Recording
    notes : list of str, optional
        Is added to: what was passed over, or kept once, one sentence each.

    Returns
    -------
    list of KnownPick

    Raises
    ------
    DataError
        If a file cannot be read or holds no picks; if a pick is of no recording, outside of it, or of no known phase; if
        the S wave of an event comes before its P wave. With the file and the place.

    Notes
    -----
    Picks of a QuakeML catalogue at stations, or times, that were not recorded are passed over and counted, and amplitudes
    likewise; so are marks of SAC files outside of what was recorded, since they stay in the header when a file is cut.
    Picks of one phase in one recording within one sample are one, and counted too.
    """
    notes = [] if notes is None else notes
    files = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    check(files, DataError, "The picks must be at least one file. Got none.")
    check(recordings, DataError, "Picks must be of recordings. Got none.")
    known = _Known(recordings)
    found: list[KnownPick] = []
    for path in files:
        check(path.exists(), DataError, "The picks '{}' must exist. Got a path where nothing is.", path)
        found += _in_folder(path, known, notes) if path.is_dir() else _reader_of(path)(path, known, notes)
    check(
        found,
        DataError,
        "The picks must be in the files that are named. Got none in {}.",
        some_of([path.name for path in files]),
    )
    _refuse_disorder(found)
    return _once(found, known, notes)


# ---- which recordings ----
class _Known:
    """The recordings that there are, found by what names them."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.recordings = list(recordings)
        self.by_name = {one.name: one for one in recordings}
        self._found: dict[tuple[str, str], list[Recording]] = {}
        self.by_source: dict[str, list[Recording]] = {}
        for one in recordings:
            for source in dict.fromkeys(
                part.source for channel in one.channels for part in channel.stretches
            ):
                self.by_source.setdefault(source, []).append(one)

    def named(self, kind: str, text: str) -> list[Recording]:
        """Return the recordings that a column of that kind ("recording", "station", "source") means by a text."""
        if (kind, text) not in self._found:
            self._found[kind, text] = self._find(kind, text)
        return self._found[kind, text]

    def _find(self, kind: str, text: str) -> list[Recording]:
        if text == EVERY:
            return self.recordings
        if kind == "recording":
            return [self.by_name[text]] if text in self.by_name else []
        if kind == "source":
            return from_file(self.recordings, text)
        return at_station(self.recordings, text) or [one for one in self.recordings if _is_at(one, text)]

    def of_file(self, path: Path) -> list[Recording]:
        """Return the recordings that come from a file: their sources end its path, or differ from its name in the folder."""
        parts = path.resolve().parts
        for start in range(len(parts)):
            found = self.by_source.get("/".join(parts[start:]))
            if found:
                return found
        return []

    def names(self) -> str:
        """Say what there is, for an error."""
        stations = sorted({one.station for one in self.recordings if not has_no_station(one)})
        told = some_of([one.name for one in self.recordings])
        return f"{told}; stations: {some_of(stations)}" if stations else told

    def alike(self, text: str) -> str:
        """Return "Did you mean ...?" for a recording, station or file of a name like this, or nothing."""
        every = {*self.by_name, *(one.station for one in self.recordings), *self.by_source}
        return did_you_mean(text, every)


def _is_at(recording: Recording, text: str) -> bool:
    """Tell whether a text such as "BW.UH1.", "BW.UH1..SH" or "BW.UH1..SHZ" names the recording or a channel of it."""
    if recording.name == text:
        return True
    codes = [channel.identifier for channel in recording.channels if channel.identifier.count(".") == 3]
    return any(code == text or code[:-1] == text or code.startswith(f"{text}.") for code in codes)


# ---- which reader ----
Reader = Callable[[Path, _Known, list[str]], list[KnownPick]]


def _reader_of(path: Path) -> Reader:
    """Return what reads a file: by its name, and of SAC by its first bytes."""
    if path.name.casefold().startswith("metadata") and has_suffix(path, (".csv",)) and _store_of(path):
        return _of_metadata
    if has_suffix(path, STORES):
        return _of_metadata
    if has_suffix(path, TABLES):
        return _of_table
    if has_suffix(path, ARRAYS):
        return _of_array
    if has_suffix(path, QUAKEML):
        return _of_quakeml
    if _is_sac(path):
        return _of_sac
    raise DataError(
        f"The picks '{path}' must be a table, QuakeML ({', '.join(QUAKEML)}), NPZ, SAC or SeisBench's metadata. Got another"
        " kind of file."
    )


def _is_sac(path: Path) -> bool:
    head = head_of(path)
    return len(head) >= 632 and head[304:308] in SAC_VERSIONS


def _store_of(metadata: Path) -> Path | None:
    """Return the waveforms beside metadata of SeisBench's layout, or None."""
    beside = [
        one for one in sorted(metadata.parent.iterdir()) if has_suffix(one, STORES) and metadata_of(one).name == metadata.name
    ]  # fmt: skip
    return beside[0] if beside else None


def _in_folder(folder: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    """Read the picks of all files in a folder, and below, that are recordings and hold picks themselves."""
    files = [one for one in sorted(folder.rglob("*")) if one.is_file() and not one.name.startswith(".")]
    found: list[KnownPick] = []
    read = 0
    for path in files:
        own = has_suffix(path, STORES) or has_suffix(path, (".npz",))
        if own or not (has_suffix(path, (*TABLES, *ARRAYS, *QUAKEML)) or not _is_sac(path)):
            found += _reader_of(path)(path, known, notes)
            read += 1
    check(
        read,
        DataError,
        "The folder '{}' must hold recordings with picks of their own (NPZ, SAC, SeisBench's layout); tables and QuakeML are"
        " named file by file. Got: {}.",
        folder,
        some_of([one.name for one in files]) or "no files",
    )
    return found


# ---- making one ----
def _pick(
    recordings: Sequence[Recording], phase: str, time: float, path: Path, place: str, *, event: str = "", weight: float = 1.0
) -> list[KnownPick]:  # fmt: skip
    """Return the pick of each of some recordings that were running then; refuse one outside of all."""
    source = f"{path.name}, {place}" if place else path.name
    own = [one for one in recordings if was_running(one, time, None)]
    first = recordings[0]
    check(
        own,
        DataError,
        "Every pick of '{}' must lie in its recording. Got {} at {}{}, where '{}' lasts from {} to {}.",
        path.name,
        phase,
        _spell(first, time),
        f" in {place}" if place else "",
        first.name,
        _spell(first, first.start),
        _spell(first, first.start + first.duration),
    )
    return [KnownPick(one.name, phase, float(time), weight, source, event) for one in own]


def _spell(recording: Recording, time: float) -> str:
    """Write a time of a recording, whatever it is."""
    try:
        return recording.spell(time)
    except (OverflowError, ValueError):  # no date
        return f"{time:g} s"


def phase_of(text: str) -> str:
    """Return the phase that a text means ("P", "Pg", "iP" and "p" as P), or "" where it is none."""
    text = text.strip()
    if text in OTHERS:
        return text
    found = SPELT.fullmatch(text)
    phase = found["phase"] if found else ""
    return phase.upper() if phase in ("p", "s") else phase


def _check_phase(text: str, path: Path, place: str) -> str:
    phase = phase_of(text)
    check(
        phase,
        DataError,
        "Every pick of '{}' must be of a phase such as P, S, Pg or Sn. Got '{}'{}.",
        path.name,
        text,
        f" in {place}" if place else "",
    )
    return phase


def _first_sample(recordings: Sequence[Recording], source: Path | str) -> float:
    """Return the time of the first sample that a file holds of recordings."""
    name = PurePosixPath(str(source).replace("\\", "/")).name
    starts = [
        part.start
        for one in recordings
        for channel in one.channels
        for part in channel.stretches
        if PurePosixPath(part.source).name == name
    ]
    return min(starts, default=recordings[0].start)


# ---- tables ----
def _of_table(path: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    return _Rows(read_columns(path), known).picks()


class _Rows:
    """The rows of a table of picks."""

    def __init__(self, columns: Columns, known: _Known) -> None:
        self.columns, self.known, self.path = columns, known, columns.path
        kinds = {"recording": RECORDING, "source": SOURCE, "station": STATION}
        self.whose = {kind: self._one_of(names) for kind, names in kinds.items()}
        self.phase, self.time = self._one_of(PHASE), self._one_of(TIME)
        self.sample, self.event, self.weight = self._one_of(SAMPLE), self._one_of(EVENT), self._one_of(WEIGHT)
        self.samples = {phase: self._one_of(names) for phase, names in SAMPLES_OF.items()}
        self._dated: np.ndarray | None = None
        rows_of_both = any(self.samples.values())
        check(
            rows_of_both or (self.phase and (self.time or self.sample)),
            DataError,
            "The table of picks '{}' must have the columns 'phase' and 'time', or 'itp' and 'its'. Got: {}.",
            self.path.name,
            some_of(list(columns.cells)),
        )

    def _one_of(self, names: Sequence[str]) -> str:
        """Return the first of some names that a column has, in whatever case; "" for none."""
        folded = {name.strip().casefold(): name for name in reversed(list(self.columns.cells))}
        return next((folded[name] for name in names if name in folded), "")

    def _text(self, name: str, row: int) -> str:
        if not name:
            return ""
        value = self.columns.cells[name][row]
        if isinstance(value, str):
            return value.strip()
        return "" if np.isnan(value) else f"{value:.15g}" if value % 1 == 0 else repr(float(value))

    def picks(self) -> list[KnownPick]:
        found: list[KnownPick] = []
        for row, place in enumerate(self.columns.places):
            own = self._recordings(row, place)
            event, weight = self._text(self.event, row), self._weight(row, place)
            if self.phase:
                phase = _check_phase(self._text(self.phase, row), self.path, place)
                told = [(phase, time, some) for time, some in self._times(own, row, place)]
            else:
                told = [
                    (phase, some[0].start + self._number(name, row, place) / some[0].rate, some)
                    for phase, name in self.samples.items()
                    if self._text(name, row) not in ("", "nan")
                    for some in ([one] for one in own)
                ]
            for phase, time, some in told:
                found += _pick(some, phase, time, self.path, place, event=event, weight=weight)
        check(found, DataError, "The table '{}' must hold picks. Got rows without any.", self.path.name)
        return found

    def _recordings(self, row: int, place: str) -> list[Recording]:
        """Return the recordings that a row may be of."""
        found, told = list(self.known.recordings), list[str]()
        for kind, column in self.whose.items():
            text = self._text(column, row)
            if not text or (kind == "station" and told and all(map(has_no_station, found))):
                continue
            named = self.known.named(kind, text)
            told.append(f"{column} '{text}'")
            found = [one for one in named if len(told) == 1 or one in found]
            check(
                found,
                DataError,
                "Every pick of '{}' must be of a recording that there is. Got {} in {}; there are: {}.{}",
                self.path.name,
                " of ".join(told),
                place,
                self.known.names(),
                self.known.alike(text),
            )
            if kind == "recording":
                break
        check(
            told or len(found) == 1,
            DataError,
            "Every pick of '{}' must say whose it is: 'recording', 'station' or 'source'. Got none in {}.",
            self.path.name,
            place,
        )
        return found

    def _times(
        self, own: list[Recording], row: int, place: str
    ) -> Iterable[tuple[float, list[Recording]]]:  # fmt: skip
        """Return when a row's pick is, and of which recordings: dates of all that are dated, seconds of others."""
        text = self._text(self.time, row)
        if not text and self.sample:
            return [(one.start + self._number(self.sample, row, place) / one.rate, [one]) for one in own]
        check(
            text, DataError, "Every pick of '{}' must have its '{}'. Got none in {}.", self.path.name, self.time, place
        )  # fmt: skip
        dated, others = [one for one in own if one.dated], [one for one in own if not one.dated]
        seconds = _seconds(text)
        check(
            dated or not math.isnan(seconds),
            DataError,
            "The '{}' of '{}' must be in s since the start of '{}', which is not dated. Got '{}' in {}.",
            self.time,
            self.path.name,
            own[0].name,
            text,
            place,
        )
        if dated and not math.isnan(seconds) and seconds > 1e8:  # s since 1970: no recording is that long
            return [(seconds, dated)]
        check(
            others or math.isnan(seconds),
            DataError,
            "The '{}' of '{}' must be a date, as those of '{}' are. Got '{}' in {}.",
            self.time,
            self.path.name,
            own[0].name,
            text,
            place,
        )
        return [(seconds, others)] if not math.isnan(seconds) else [(float(self._dates()[row]), dated)]

    def _dates(self) -> np.ndarray:
        """Return the times of all rows that are dates, in s since 1970-01-01 UTC; read once."""
        if self._dated is None:
            texts = [self._text(self.time, row) for row in range(len(self.columns.places))]
            values = np.array(
                [text if is_date(text) and math.isnan(_seconds(text)) else "" for text in texts], object
            )
            odd = next((i for i, (text, value) in enumerate(zip(texts, values)) if text and not value and math.isnan(_seconds(text))), None)  # fmt: skip
            check(
                odd is None,
                DataError,
                "The '{}' of '{}' must hold dates such as 2024-01-31T12:00:00.5. Got '{}' in {}.",
                self.time,
                self.path.name,
                texts[odd or 0],
                self.columns.places[odd or 0],
            )
            self._dated = read_times(values, name=self.time, places=self.columns.places).seconds
        return self._dated

    def _number(self, name: str, row: int, place: str) -> float:
        text = self._text(name, row)
        value = _seconds(text)
        check(
            not math.isnan(value),
            DataError,
            "The '{}' of '{}' must be a sample. Got '{}' in {}.",
            name,
            self.path.name,
            text,
            place,
        )
        return value

    def _weight(self, row: int, place: str) -> float:
        text = self._text(self.weight, row)
        value = _seconds(text) if text else 1.0
        check(
            0 <= value <= 1,
            DataError,
            "The '{}' of '{}' must be from 0 to 1. Got '{}' in {}.",
            self.weight,
            self.path.name,
            text,
            place,
        )
        return value


def _seconds(text: str) -> float:
    """Return a number, with or without "s" behind; NaN of what is none."""
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


# ---- the recordings' own files ----
def _own_recordings(path: Path, known: _Known) -> list[Recording]:
    found = known.of_file(path)
    check(
        found,
        DataError,
        "The picks in '{}' must be of a recording that there is. Got a file that is none of: {}.{}",
        path.name,
        some_of(list(known.by_source)),
        did_you_mean(path.name, known.by_source),
    )
    return found


def _of_array(path: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    """Read samples of P and S of an NPZ in PhaseNet's layout."""
    own = _own_recordings(path, known)
    try:
        with np.load(path, allow_pickle=False) as held:
            keys = [key for names in SAMPLES_OF.values() for key in names]
            told = {
                key: np.atleast_1d(held[key]).ravel() for key in getattr(held, "files", []) if key in keys
            }
    except Exception as error:  # NumPy and zipfile raise in many ways
        raise DataError(
            f"The array '{path}' must be a whole file of NumPy. Got: {one_line(error)}."
        ) from error
    check(
        told, DataError, "The array '{}' must hold samples of picks ('itp', 'its'). Got neither.", path.name
    )
    start = _first_sample(own, path)
    found: list[KnownPick] = []
    for phase, names in SAMPLES_OF.items():
        for key in names:
            values = told.get(key, np.empty(0))
            check(
                values.dtype.kind in "iuf",
                DataError,
                "The '{}' of '{}' must be samples. Got '{}'.",
                key,
                path.name,
                values[0] if values.size else "",
            )
            for value in values[~np.isnan(values.astype(float))].tolist():
                found += _pick(own, phase, start + value / own[0].rate, path, "")
    return found


def _of_sac(path: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    """Read the marks in the header of a SAC file: A is the first arrival (P unless KA says another), T0 to T9 need names."""
    own = _own_recordings(path, known)
    obspy = package("obspy", of="signal")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rates that SAC rounds
            trace = obspy.read(str(path), format="SAC", headonly=True)[0]
    except Exception as error:  # ObsPy raises in many ways
        raise DataError(f"The file '{path}' must be SAC. Got: {one_line(error)}.") from error
    header = trace.stats.sac
    found, unnamed, outside = [], [], []
    start = _first_sample(own, path)
    for mark in SAC_MARKS:
        if mark not in header:
            continue
        text = str(header.get(f"k{mark}", "")).strip()
        spelt = SAC_SPELT.fullmatch(text) or SPELT.fullmatch(text)
        phase = spelt["phase"] if spelt else "P" if mark == "a" and not text else ""
        if not phase:
            unnamed.append(f"{mark.upper()} ('{text}')" if text else mark.upper())
            continue
        time = _on_grid(start + float(header[mark]) - float(header.get("b", 0.0)), own[0])
        if any(was_running(one, time, None) for one in own):
            found += _pick(own, phase, time, path, "")
        else:
            outside.append(mark.upper())
    if outside:
        notes.append(
            f"'{path.name}': the marks {some_of(outside)} lie outside of the recording and were passed over."
        )
    if unnamed:
        notes.append(f"'{path.name}': the marks {some_of(unnamed)} name no phase and were passed over.")
    return found


def _on_grid(time: float, recording: Recording) -> float:
    """Return a time that SAC's four bytes rounded: the sample that is meant, where it is within a hundredth of one."""
    place = (time - recording.start) * recording.rate
    return recording.time(round(place)) if abs(place - round(place)) < 0.01 else time


def _of_metadata(path: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    """Read the samples of arrivals in the metadata of SeisBench's layout."""
    from clew.read.seisbench import open_seisbench

    metadata = path if not has_suffix(path, STORES) else metadata_of(path)
    _, said = open_seisbench(path, source=path.name)
    columns = {
        name: match["phase"]
        for name in (said[0].columns if said else {})
        if (match := IN_METADATA.fullmatch(name))
    }
    check(
        columns,
        DataError,
        "The metadata '{}' must have columns such as 'trace_P_arrival_sample' to hold picks. Got: {}.",
        metadata.name,
        some_of(list(said[0].columns) if said else []),
    )
    found: list[KnownPick] = []
    for row, one in enumerate(said):
        place = f"line {row + 2}"
        own = known.named("recording", one.recording)
        check(
            own,
            DataError,
            "Every pick of '{}' must be of a recording that there is. Got '{}' in {}; there are: {}.",
            metadata.name,
            one.recording,
            place,
            known.names(),
        )
        event = str(one.columns.get("source_id") or "")
        for name, text in columns.items():
            value = one.columns[name]
            sample = value if isinstance(value, float) else _seconds(value)
            check(
                value == "" or isinstance(value, float) or not math.isnan(sample),
                DataError,
                "The '{}' of '{}' must be a sample. Got '{}' in {}.",
                name,
                metadata.name,
                value,
                place,
            )
            if not math.isnan(sample):
                phase = _check_phase(text, metadata, f"the column '{name}'")
                found += _pick(own, phase, one.start + sample / own[0].rate, metadata, place, event=event)
    check(found, DataError, "The metadata '{}' must hold picks. Got columns without any.", metadata.name)
    return found


# ---- QuakeML ----
def _of_quakeml(path: Path, known: _Known, notes: list[str]) -> list[KnownPick]:
    """Read the picks of a catalogue; those of nothing that was recorded, and of no wave, are counted."""
    from clew.read.quakeml import UNASSOCIATED, read_quakeml

    found: list[KnownPick] = []
    lost, other = 0, Counter[str]()
    picks = read_quakeml(path)
    for number, pick in enumerate(picks, 1):
        phase = phase_of(pick.phase)
        if not phase:
            other[pick.phase or "no phase"] += 1
            continue
        running = [
            one
            for one in known.named("station", pick.station)
            if one.dated and was_running(one, pick.time, None)
        ]
        exact = [one for one in running if pick.sensor and one.name == f"{pick.station}.{pick.sensor}"]
        lost += not running
        event = "" if pick.event.startswith(UNASSOCIATED) else pick.event
        source = f"{path.name}, pick {number}"
        found += [KnownPick(one.name, phase, pick.time, 1.0, source, event) for one in exact or running]
    check(
        found,
        DataError,
        "The picks of '{}' must be of phases in recordings that there are ({}). Got {} picks, of: {}; {} of no phase.",
        path.name,
        known.names(),
        len(picks),
        some_of(sorted({pick.station for pick in picks})) or "no station",
        sum(other.values()),
    )
    if lost:
        notes.append(f"'{path.name}': {lost} of {len(picks)} picks are of nothing that was recorded and were passed over.")  # fmt: skip
    if other:
        notes.append(
            f"'{path.name}': {sum(other.values())} of {len(picks)} picks are of no wave that is known ({some_of(sorted(other))})"
            " and were passed over."
        )
    return found


# ---- all together ----
def _refuse_disorder(found: Sequence[KnownPick]) -> None:
    """Refuse the S wave of an event that comes before its P wave; of no event, what stands in one place is of one."""
    first: dict[tuple[str, str], dict[str, KnownPick]] = {}
    counts = Counter((one.recording, one.source, one.phase) for one in found)
    for one in found:
        direct = DIRECT.fullmatch(one.phase)
        if direct and (one.event or counts[one.recording, one.source, one.phase] == 1):
            own = first.setdefault((one.recording, one.event or one.source), {})
            if direct[1] not in own or one.time < own[direct[1]].time:
                own[direct[1]] = one
    for own in first.values():
        if len(own) < 2:
            continue
        p, s = own["P"], own["S"]
        check(
            p.time < s.time,
            DataError,
            "P must come before S of one event. Got {} {:.3f} s behind {} in '{}' ({}; {}).",
            p.phase,
            p.time - s.time,
            s.phase,
            p.recording,
            p.source,
            s.source,
        )


def _once(found: Sequence[KnownPick], known: _Known, notes: list[str]) -> list[KnownPick]:
    """Sort picks, and keep those once that differ by up to one sample."""
    kept: list[KnownPick] = []
    last: dict[tuple[str, str], KnownPick] = {}
    for one in sorted(found, key=lambda pick: (pick.recording, pick.time, pick.phase)):
        before = last.get((one.recording, one.phase))
        within = 1.001 / known.by_name[one.recording].rate
        if before is None or one.time - before.time > within:
            kept.append(one)
            last[one.recording, one.phase] = one
    twice = len(found) - len(kept)
    if twice:
        notes.append(
            f"{twice} of {len(found)} picks stand there twice, within one sample, and were kept once."
        )
    return kept
