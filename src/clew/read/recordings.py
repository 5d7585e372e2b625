"""Recordings from files of any kind: which files there are, what is in them, and what must be said of it."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from clew.errors import DataError, Stopped, check
from clew.read.kinds import ARRAYS, IMAGES, IN_ZARR, PARQUET, TABLES, distinct_names, has_suffix, some_of
from clew.read.miniseed import is_miniseed, open_miniseed
from clew.read.recording import Channel, Recording, spell_seconds
from clew.read.traces import Trace, is_seed_channel

if TYPE_CHECKING:
    from clew.read.given import Given

SEISMIC = (
    ".mseed", ".miniseed", ".msd", ".ms", ".seed", ".sac", ".gse", ".gse1", ".gse2", ".sgy", ".segy", ".su",
    ".slist", ".slist.gz", ".tspair", ".tspair.gz", ".sg2", ".seg2", ".rg16",
)  # fmt: skip
AUDIO = (".wav", ".ogg", ".flac", ".aif", ".aiff", ".mp3")
STORES = (".hdf5", ".h5")  # in the layout of SeisBench, with a metadata.csv beside
MOTIONS = (".ts",)
RECORDINGS = (*SEISMIC, *AUDIO, *STORES, *MOTIONS)  # a table or an array may be a recording, or not
HEADS = (b"TIMESERIES ", b"WID1 ", b"WID2 ", b"XW01")  # how text of seismic data begins
SAC_VERSIONS = (b"\x06\0\0\0", b"\x07\0\0\0", b"\0\0\0\x06", b"\0\0\0\x07")
ORDER = {"Z": 0, "N": 1, "1": 1, "E": 2, "2": 2, "3": 3}
BLOCK = 1 << 20  # bytes that are hashed at a time
UNPACK = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open}


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
    """

    recordings: list[Recording]
    notes: list[str]
    sha256: dict[str, str]
    counts: dict[str, int]
    given: list[Given] = field(default_factory=list)


# ---- which files ----
def is_recording(path: str | Path) -> bool:
    """Tell whether a path can be nothing else than a recording, or a folder of recordings.

    Tables and arrays may be recordings or not, so they are none here. What a suffix does not tell, the first bytes do:
    miniSEED files often have none.
    """
    path = Path(path)
    if path.is_dir():
        return any(is_recording(file) for file in _files(path, []))
    if not path.is_file() or has_suffix(path, (*TABLES, *ARRAYS, *IMAGES)):
        return has_suffix(path, (".slist.gz", ".tspair.gz"))
    return has_suffix(path, RECORDINGS) or _is_seismic(_head(path))


def find_recordings(paths: Sequence[str | Path]) -> list[Path]:
    """List the files of recordings: those that are named, and all in the folders that are named.

    In a folder, tables and arrays count only where there is nothing that can be nothing else than a recording: arrays
    first, then tables, then other text that begins with a number. Hidden files do not count.

    Raises
    ------
    DataError
        If a path is missing, a file cannot be read, or a folder holds no recordings.
    """
    return _found(paths, [])


def _found(paths: Sequence[str | Path], notes: list[str]) -> list[Path]:
    """List the files of recordings; add to the notes what was passed over in folders."""
    check(paths, DataError, "The recordings must be at least one file or folder. Got none.")
    out: list[Path] = []
    for path in map(Path, paths):
        check(path.exists(), DataError, "The recording '{}' must exist. Got a path where nothing is.", path)
        out += _in_folder(path, notes) if path.is_dir() else [path]
    return out


def _in_folder(folder: Path, notes: list[str]) -> list[Path]:
    """List the recordings in a folder and all below it."""
    hidden: list[str] = []
    files = _files(folder, hidden)
    of_arrays = [file for file in files if has_suffix(file, ARRAYS)]
    of_tables = [file for file in files if has_suffix(file, TABLES) and not has_suffix(file, PARQUET)]
    taken = [file for file in files if is_recording(file)] or of_arrays or of_tables
    taken = taken or [file for file in files if _is_numbers(_head(file))]
    check(
        taken,
        DataError,
        "The folder '{}' must hold recordings. Got {}.",
        folder,
        some_of([file.name for file in files]) or "no files" + (f" but hidden ones ({some_of(hidden)})" if hidden else ""),
    )
    chosen = set(taken)
    stores = {file.parent for file in taken if has_suffix(file, STORES)}  # their metadata.csv is read with them
    left = [f.name for f in files if f not in chosen and not (f.name == "metadata.csv" and f.parent in stores)]
    if left or hidden:
        notes.append(f"In '{folder.name}', {len(left + hidden)} files were passed over: {some_of(left + hidden)}.")
    return taken


def _files(folder: Path, hidden: list[str]) -> list[Path]:
    """List all files below a folder, in order; the names of hidden ones are added to ``hidden``."""

    def refuse(error: OSError) -> None:
        raise DataError(f"The folder '{error.filename}' must be one that can be read. Got: {error.strerror}.") from error

    out = []
    for where, folders, names in os.walk(folder, onerror=refuse):
        hidden += sorted(name for name in names if name.startswith("."))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(name in names for name in IN_ZARR):
            folders[:] = []  # an image
            continue
        out += [Path(where, name) for name in sorted(names) if not name.startswith(".")]
    return out


def _head(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked where it is packed."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        for magic, unpack in UNPACK.items():
            if head.startswith(magic):
                with unpack(path) as file:
                    return bytes(file.read(4096))
    except (OSError, EOFError) as error:
        raise DataError(f"The file '{path}' must be one that can be read. Got: {getattr(error, 'strerror', None) or error}.") from error
    return head


def _is_seismic(head: bytes) -> bool:
    """Tell by the first bytes whether a file is miniSEED, SAC, GSE2, SLIST or TSPAIR."""
    sac = len(head) >= 632 and head[304:308] in SAC_VERSIONS
    return is_miniseed(head) or head.startswith((*HEADS, b"MS\x03")) or sac


def _is_numbers(head: bytes) -> bool:
    """Tell by the first bytes whether a file is text that begins with a number."""
    try:
        float(head.split(maxsplit=1)[0])
    except (ValueError, IndexError):
        return False
    return b"\0" not in head


# ---- what is in them ----
def read_recordings(
    paths: Sequence[str | Path],
    *,
    rate: float | None = None,
    time: str | None = None,
    response: str | Path | None = None,
    output: Literal["displacement", "velocity", "acceleration"] = "velocity",
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
    files = _found(paths, notes)
    traces: list[Trace] = []
    given: list[Given] = []
    hashes: dict[str, str] = {}
    for done, (path, source) in enumerate(zip(files, distinct_names(files))):
        check(on_progress is None or on_progress(done, len(files)) is not False, Stopped, "Reading was stopped.")
        hashes[source] = _hash(path)
        found, said = _open(path, source, rate, time, notes)
        traces += found
        given += said
        if said and has_suffix(path, STORES):
            hashes[f"metadata of {source}"] = _hash(path.with_name("metadata.csv"))
    check(traces, DataError, "The recordings must hold samples. Got none in {}.", some_of(list(hashes)))
    _say_same_bytes(hashes, notes)
    recordings = _grouped(traces, notes)
    gaps, overlaps = _say_gaps(recordings, notes)
    if response is not None:
        from clew.read.response import with_response

        recordings = [with_response(one, response, output=output) for one in recordings]
    counts = {
        "files": len(files),
        "recordings": len(recordings),
        "stations": len({one.station for one in recordings}),
        "gaps": gaps,
        "overlaps": overlaps,
    }
    if on_progress is not None:
        on_progress(len(files), len(files))
    return Recordings(recordings, list(dict.fromkeys(notes)), hashes, counts, given)


def _hash(path: Path) -> str:
    """Return the SHA-256 of a file, read a block at a time."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise DataError(f"The file '{path}' must be one that can be read. Got: {error.strerror or error}.") from error
    return digest.hexdigest()


def _open(
    path: Path, source: str, rate: float | None, time: str | None, notes: list[str]
) -> tuple[list[Trace], list[Given]]:
    """Open a file by the reader for what it holds; by its first bytes where they tell, by its suffix else."""
    head = _head(path)
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

        return open_motions(path, source=source, notes=notes)
    if has_suffix(path, ARRAYS):
        from clew.read.arrays import open_array

        return open_array(path, source=source, rate=rate, notes=notes), []
    from clew.read.seismic import open_seismic, seismic_format

    plain = has_suffix(path, TABLES) and not _is_seismic(head)
    if not plain and (has_suffix(path, SEISMIC) or _is_seismic(head) or seismic_format(path)):
        return open_seismic(path, source=source, notes=notes), []
    check(
        plain or b"\0" not in head,
        DataError,
        "The file '{}' must be a recording in a known format ({}, ...). Got bytes that no reader knows.",
        path,
        ", ".join((*SEISMIC[:8], *AUDIO[:3], *ARRAYS, ".csv")),
    )
    from clew.read.sensor_tables import open_table

    table = open_table(path, source=source, rate=rate, time=time, notes=notes)
    name, _, last = source.removesuffix(".gz").rpartition(".")
    if len(table) == 1 and last.upper() in ORDER:  # event.z, event.n and event.e are one sensor
        table = [replace(table[0], station=name, component=last.upper())]
    return table, []


# ---- from traces to recordings ----
def _grouped(traces: list[Trace], notes: list[str]) -> list[Recording]:
    """Put the traces of one sensor at one rate together, and say what is unusual about them."""
    sensors: dict[tuple[str, str, bool], list[Trace]] = defaultdict(list)
    n_sensors = Counter(station for station, _ in {(trace.station, trace.sensor) for trace in traces})
    for trace in traces:
        sensors[trace.station, trace.sensor, trace.dated].append(trace)
    out: list[Recording] = []
    for (station, sensor, dated), own in sensors.items():
        alone = n_sensors[station] == 1 and own[0].stretch.source == station  # a file that is called by its name
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
        f"{name} {file}": [trace for trace in traces if trace.stretch.source == file] for file in sorted(files)
    }


def _recording(name: str, station: str, rate: float, dated: bool, traces: list[Trace]) -> Recording:
    """Make one recording of the traces of a sensor."""
    components: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        components[trace.component].append(trace)
    channels = []
    for component in sorted(components, key=lambda one: (ORDER.get(one, 9), len(one) if one.isdigit() else 0, one)):
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
    lower = [code for code, channel in channels.items() if channel != channel.upper() and (is_seed_channel(channel) or len(channel) == 1)]
    odd = [code for code, channel in channels.items() if len(channel) > 1 and not is_seed_channel(channel)]
    bare = [code for code, channel in channels.items() if not channel]
    if lower:
        notes.append(f"{some_of(lower)}: lower-case channel codes are read as upper-case.")
    if odd:
        notes.append(f"{some_of(odd)}: the channel code is none of SEED's; it is used as the name of the component.")
    if bare:
        notes.append(f"{some_of(bare)}: no channel code; the component has no name.")
    turned = [one.name for one in recordings if {"1", "2"} <= set(one.components) and "Z" in one.components]
    if turned:
        notes.append(f"{some_of(turned)}: the horizontals 1 and 2 may point anywhere; no azimuth follows from them.")
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


def _say_same_bytes(hashes: dict[str, str], notes: list[str]) -> None:
    """Say which files are copies of each other."""
    same: dict[str, list[str]] = defaultdict(list)
    for name, digest in hashes.items():
        same[digest].append(name)
    notes += [f"{some_of(names)} hold the same bytes." for names in same.values() if len(names) > 1]
