"""Recordings from files of any kind, and what must be said of them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clew.errors import DataError, Stopped, check
from clew.read.kinds import ARRAYS, TABLES, distinct_names, has_suffix, some_of
from clew.read.miniseed import open_miniseed
from clew.read.miniseed_index import is_miniseed
from clew.read.recording import Channel, Recording, spell_seconds
from clew.read.recording_files import (
    AUDIO,
    MOTIONS,
    RECORDINGS,
    SEISMIC,
    STORES,
    find_recordings,
    found_files,
    head_of,
    is_recording,
    is_seismic,
    metadata_of,
)
from clew.read.traces import Trace, is_seed_channel
from clew.words import said_once

if TYPE_CHECKING:
    from clew.read.given import Given

__all__ = ["RECORDINGS", "Recordings", "find_recordings", "is_recording", "read_recordings"]

ORDER = {"Z": 0, "N": 1, "1": 1, "E": 2, "2": 2, "3": 3}
BLOCK = 1 << 20  # bytes that are hashed at a time


@dataclass(frozen=True, eq=False)
class Recordings:
    """What files hold, and what must be said of it.

    Parameters
    ----------
    recordings : list of Recording
        With different names, in the order of their names.
    notes : list of str
        One sentence each: gaps, overlaps, different rates, odd channel codes, what was passed over.
    sha256 : dict of str to str
        The hash of each file, by its name.
    counts : dict of str to int
        "files", "recordings", "stations", "gaps", "overlaps".
    given : list of Given
        What the files themselves say of pieces of the recordings, such as a class or a magnitude.
    failed : list of str
        Why files could not be read, one sentence each.
    """

    recordings: list[Recording]
    notes: list[str]
    sha256: dict[str, str]
    counts: dict[str, int]
    given: list[Given] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def read_recordings(
    paths: Sequence[str | Path],
    *,
    rate: float | None = None,
    time: str | None = None,
    response: str | Path | None = None,
    output: Literal["displacement", "velocity", "acceleration"] = "velocity",
    lenient: bool = False,
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Recordings:
    """Open recordings: their samples are read when they are asked for, whatever the size of the files.

    Parameters
    ----------
    paths : sequence of str or Path
        Files, and folders of them: miniSEED, SAC, SEG-Y, GSE2 and what else ObsPy reads; sound; tables and arrays;
        SeisBench's layout; ``.ts`` files.
    rate : float, optional
        Samples per second of tables and arrays that do not tell, in Hz.
    time : str, optional
        The column of tables that holds the time.
    response : str or Path, optional
        A StationXML file: the response of the instruments is removed.
    output : {"displacement", "velocity", "acceleration"}
        What is wanted then, in m, m/s or m/s².
    lenient : bool
        Pass over files that cannot be read, as long as there is one that can; else the first of them is refused.
    on_progress : callable, optional
        Called with the number of files done and of all; returning False stops.

    Raises
    ------
    DataError
        If a file cannot be read, is no recording, holds no samples, or is listed twice.
    Stopped
        If ``on_progress`` returned False.
    """
    notes: list[str] = []
    files = found_files(paths, notes)
    traces: list[Trace] = []
    given: list[Given] = []
    hashes: dict[str, str] = {}
    failed: list[str] = []
    for done, (path, source) in enumerate(zip(files, distinct_names(files))):
        check(
            on_progress is None or on_progress(done, len(files)) is not False, Stopped, "Reading was stopped."
        )
        own: list[str] = []
        try:
            digest = _hash(path)
            found, said = _open(path, source, rate, time, own)
        except DataError as error:
            if not lenient:
                raise
            failed.append(str(error))
            continue
        hashes[source] = digest
        say_rate(source, found, rate, own)
        traces += found
        given += said
        notes += own
        if has_suffix(path, STORES) and metadata_of(path).is_file():
            hashes[f"metadata of {source}"] = _hash(metadata_of(path))
    check(traces or not failed, DataError, "{}", *failed[:1])
    check(traces, DataError, "The recordings must hold samples. Got none in {}.", some_of(list(hashes)))
    _say_same_bytes(hashes, notes)
    recordings = grouped(traces, notes)
    gaps, overlaps = _say_gaps(recordings, notes)
    if response is not None:
        from clew.read.response import with_response

        recordings = [with_response(one, response, output=output) for one in recordings]
    counts = {
        "files": len(files) - len(failed),
        "recordings": len(recordings),
        "stations": len({one.station for one in recordings}),
        "gaps": gaps,
        "overlaps": overlaps,
    }
    if on_progress is not None:
        on_progress(len(files), len(files))
    return Recordings(recordings, said_once(notes), hashes, counts, given, failed)


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file, read a block at a time."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise DataError(
            f"The file '{path}' must be one that can be read. Got: {error.strerror or error}."
        ) from error
    return digest.hexdigest()


def _open(
    path: Path, source: str, rate: float | None, time: str | None, notes: list[str]
) -> tuple[list[Trace], list[Given]]:
    """Open a file by the reader for what it holds; by its first bytes where they tell, by its suffix else."""
    head = head_of(path)
    check(head, DataError, "The file '{}' must hold samples. Got an empty file (0 bytes).", path)
    check(
        not head.startswith(b"MS\x03"),
        DataError,
        "The file '{}' must be miniSEED of version 2. Got version 3, which ObsPy does not read: convert it first.",
        path,
    )
    if is_miniseed(head) and not has_suffix(path, (".gz", ".bz2")):
        return open_miniseed(path, source=source, notes=notes), []
    if has_suffix(path, AUDIO) or head.startswith((b"OggS", b"fLaC")):
        from clew.read.audio import open_audio

        return open_audio(path, source=source, notes=notes), []
    if head.startswith(b"\x89HDF"):
        from clew.read.seisbench import open_seisbench

        return open_seisbench(path, source=source, notes=notes)
    if has_suffix(path, MOTIONS):
        from clew.read.motions import open_motions

        return open_motions(path, source=source, rate=rate, notes=notes)
    if has_suffix(path, ARRAYS):
        from clew.read.arrays import open_array

        return open_array(path, source=source, rate=rate, notes=notes), []
    from clew.read.seismic import open_seismic, seismic_format

    plain = has_suffix(path, TABLES) and not is_seismic(head)
    if not plain and (has_suffix(path, SEISMIC) or is_seismic(head) or seismic_format(path)):
        return open_seismic(path, source=source, notes=notes), []
    check(
        plain or b"\0" not in head,
        DataError,
        "The file '{}' must be a recording in a known format ({}, ...). Got bytes that no reader knows.",
        path,
        ", ".join((*SEISMIC[:8], *AUDIO[:3], *ARRAYS, ".csv")),
    )
    from clew.read.sensor_tables import open_table

    return open_table(path, source=source, rate=rate, time=time, notes=notes), []


# ---- from traces to recordings ----
def grouped(traces: list[Trace], notes: list[str]) -> list[Recording]:
    """Put the traces of one sensor at one rate together, and say in the notes what is unusual about them."""
    sensors: dict[tuple[str, str, bool], list[Trace]] = defaultdict(list)
    n_sensors = Counter(station for station, _ in {(trace.station, trace.sensor) for trace in traces})
    for trace in traces:
        sensors[trace.station, trace.sensor, trace.dated].append(trace)
    out: list[Recording] = []
    for (station, sensor, dated), own in sensors.items():
        alone = (
            n_sensors[station] == 1 and own[0].stretch.source == station
        )  # a file that is called by its name
        plain = station if alone else ".".join(filter(None, (station, sensor)))
        rates = _rates(own)
        if len(rates) > 1:
            listed = " and ".join(f"{rate:g} Hz" for rate in rates)
            notes.append(f"{plain}: sampled at {listed}; each rate is a recording of its own.")
        for rate, of_rate in rates.items():
            name = plain if len(rates) == 1 else f"{plain} {rate:g} Hz"
            pieces = {name: of_rate} if dated else _undated(name, of_rate)
            out += [_recording(called, station, rate, dated, some) for called, some in pieces.items()]
    _say_codes(traces, out, notes)
    taken = Counter(recording.name for recording in out)
    for i, recording in enumerate(out):  # with dates and without, or a file called like a station
        if taken[recording.name] > 1:
            out[i] = replace(recording, name=f"{recording.name} {'dated' if recording.dated else 'undated'}")
    return sorted(out, key=lambda recording: recording.name)


def _rates(traces: list[Trace]) -> dict[float, list[Trace]]:
    """Sort traces by their rate; rates within 1e-5 of each other are one, that of most samples."""
    out: dict[float, list[Trace]] = {}
    last, run = 0.0, list[list[Trace]]()
    for trace in sorted(traces, key=lambda one: one.rate):
        if not run or trace.rate - last > 1e-5 * trace.rate:
            run.append([])
        run[-1].append(trace)
        last = trace.rate
    for some in run:
        samples: Counter[float] = Counter()
        for trace in some:
            samples[trace.rate] += trace.stretch.n
        out[samples.most_common(1)[0][0]] = some
    return out


def _undated(name: str, traces: list[Trace]) -> dict[str, list[Trace]]:
    """Keep the files of one sensor apart where a component is in several: nobody knows which was first."""
    files = {trace.stretch.source for trace in traces}
    n_components = len({trace.component for trace in traces})
    if len(files) == 1 or len({(trace.component, trace.stretch.source) for trace in traces}) == n_components:
        return {name: traces}
    return {
        f"{name} {file}": [trace for trace in traces if trace.stretch.source == file]
        for file in sorted(files)
    }


def _recording(name: str, station: str, rate: float, dated: bool, traces: list[Trace]) -> Recording:
    """Make one recording of the traces of a sensor."""
    components: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        components[trace.component].append(trace)
    channels = []
    for component in sorted(
        components, key=lambda one: (ORDER.get(one, 9), len(one) if one.isdigit() else 0, one)
    ):
        own = sorted(components[component], key=lambda trace: trace.stretch.start)
        units = {trace.unit for trace in own}
        unit = own[0].unit if len(units) == 1 else ""
        channels.append(Channel(component, tuple(trace.stretch for trace in own), unit, own[0].identifier))
    return Recording(name, rate, tuple(channels), dated=dated, station=station)


# ---- what is said ----
def _say_codes(traces: list[Trace], recordings: list[Recording], notes: list[str]) -> None:
    """Say which channel codes are unusual, which horizontals are not oriented, and whether some have no dates."""
    codes = dict.fromkeys(one.identifier for one in traces if one.identifier.count(".") == 3)
    channels = {code: code.rsplit(".", 1)[1] for code in codes}
    lower = [
        code
        for code, channel in channels.items()
        if channel != channel.upper() and (is_seed_channel(channel) or len(channel) == 1)
    ]
    odd = [code for code, channel in channels.items() if len(channel) > 1 and not is_seed_channel(channel)]
    bare = [code for code, channel in channels.items() if not channel]
    if lower:
        notes.append(f"{some_of(lower)}: lower-case channel codes are read as upper-case.")
    if odd:
        notes.append(
            f"{some_of(odd)}: the channel code is none of SEED's; it is used as the name of the component."
        )
    if bare:
        notes.append(f"{some_of(bare)}: no channel code; the component has no name.")
    turned = [one.name for one in recordings if {"1", "2"} <= set(one.components) and "Z" in one.components]
    if turned:
        notes.append(
            f"{some_of(turned)}: the horizontals 1 and 2 may point anywhere; no azimuth follows from them."
        )
    undated = [one.name for one in recordings if not one.dated]
    if undated and len(undated) < len(recordings):
        notes.append(
            f"{len(undated)} of {len(recordings)} recordings have no dates ({some_of(undated)}); their times count from their start."
        )


def _say_gaps(recordings: Iterable[Recording], notes: list[str]) -> tuple[int, int]:
    """Say how many gaps and overlaps there are; return their numbers."""
    all_gaps, all_overlaps = 0, 0
    for recording in recordings:
        gaps, missing, overlaps = recording.gaps()
        if gaps:
            notes.append(
                f"{recording.name}: {gaps} gap{'s' * (gaps != 1)}, {spell_seconds(missing)} in all, {'are' if gaps != 1 else 'is'} kept as missing."
            )
        if overlaps:
            notes.append(
                f"{recording.name}: {overlaps} overlap{'s' * (overlaps != 1)}: samples that agree count once, those that differ are missing."
            )
        all_gaps += gaps
        all_overlaps += overlaps
    return all_gaps, all_overlaps


def say_rate(source: str, traces: Iterable[Trace], rate: float | None, notes: list[str]) -> None:
    """Say that a file tells another rate itself than the one that was given."""
    told = sorted({one.rate for one in traces if rate is not None and abs(one.rate / rate - 1) > 1e-5})
    if told:
        listed = " and ".join(f"{one:g} Hz" for one in told)
        notes.append(f"'{source}' tells its rate itself, {listed}; the {rate:g} Hz of --rate were not used.")


def _say_same_bytes(hashes: dict[str, str], notes: list[str]) -> None:
    """Say which files are copies of each other."""
    same: dict[str, list[str]] = defaultdict(list)
    for name, digest in hashes.items():
        same[digest].append(name)
    notes += [f"{some_of(names)} hold the same bytes." for names in same.values() if len(names) > 1]
