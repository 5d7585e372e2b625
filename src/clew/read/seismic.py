"""SAC, SEG-Y, GSE2, SLIST and what else ObsPy reads.

The samples of binary SAC and of SEG-Y files stay in the file until they are asked for, so files of any size work. Those
of all other formats (GSE1, GSE2, SLIST, TSPAIR, SAC as text, SU, SEG-2, Reftek, Seisan, K-NET, CSS, gzipped files, ...)
are decoded once by ObsPy, when the file is opened, and kept as ObsPy gives them.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.read.kinds import one_line, package
from clew.read.recording import InMemory, Stretch
from clew.read.recording_files import UNPACK
from clew.read.traces import Trace, nominal_rate, seed_trace

NOT_READ = ("PICKLE", "WAV")  # a pickle may run anything; audio is read by `clew.read.audio`
SAC_HEADER = 632  # bytes
SAC_UNITS = {"idisp": "nm", "ivel": "nm/s", "iacc": "nm/s^2", "ivolts": "V"}  # of the header IDEP
SEGY_FORMATS = {1: "u4", 2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 16: "u1"}  # 1: the floats of IBM


def open_seismic(path: Path, *, source: str, notes: list[str] | None = None) -> list[Trace]:
    """List what is in a file of a seismic format.

    Parameters
    ----------
    path : Path
    source : str
        What the file is called; a station without a name is called so.
    notes : list of str, optional
        Is added to: what there is to say of the file, one sentence each.

    Returns
    -------
    list of Trace
        In SEG-Y, every trace is of a sensor of its own, called by its number.

    Raises
    ------
    DataError
        If the format is not known, the file holds no samples, or ObsPy cannot read it.
    """
    notes = [] if notes is None else notes
    with _unpacked(path) as plain:
        name = seismic_format(plain)
        check(
            name,
            DataError,
            "The file '{}' must be in a format of seismic data that ObsPy knows. Got another.",
            path,
        )
        if plain == path and name in ("SAC", "SEGY"):
            traces = (_open_sac if name == "SAC" else _open_segy)(path, source, notes)
        else:
            traces = _open_whole(plain, source, name, notes)
    check(traces, DataError, "The file '{}' must hold samples. Got none ({}).", path, name)
    return traces


def seismic_format(path: Path) -> str:
    """Return ObsPy's name of the format of a file, found by its content ("SAC", "GSE2"); "" where there is none."""
    package("obspy", of="signal")
    from obspy.core.util.base import ENTRY_POINTS, buffered_load_entry_point

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, entry in ENTRY_POINTS["waveform"].items():
            if name in NOT_READ:
                continue
            is_format = buffered_load_entry_point(
                entry.dist.name, f"obspy.plugin.waveform.{name}", "isFormat"
            )
            with contextlib.suppress(Exception):  # some fail on what is not theirs
                if is_format(str(path)):
                    return str(name)
    return ""


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give a file that is packed by gzip or bzip2 as a plain one that lasts as long as the block; others as they are."""
    try:
        with path.open("rb") as file:
            unpack = UNPACK.get(file.read(2))
        if unpack is None:
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / path.name.removesuffix(path.suffix)
            try:
                with unpack(path) as packed, plain.open("wb") as out:
                    shutil.copyfileobj(packed, out)
            except EOFError as error:
                raise DataError(
                    f"The file '{path}' must be a whole packed file. Got: {one_line(error)}."
                ) from error
            yield plain
    except OSError as error:
        raise DataError(f"The file '{path}' must be one that can be read. Got: {one_line(error)}.") from error


@dataclass(frozen=True, eq=False)
class InFile:
    """Samples that lie in a file one behind the other.

    Parameters
    ----------
    path : Path
    at : int
        The byte of the first.
    dtype : str
        Of NumPy, with the byte order: ">f4".
    ibm : bool
        Whether they are 4-byte floats of IBM, whose dtype is an unsigned integer here.
    """

    path: Path
    at: int
    dtype: str
    ibm: bool = False

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64."""
        size = np.dtype(self.dtype).itemsize
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.at + first * size)
                values = np.frombuffer(file.read((stop - first) * size), self.dtype)
        except OSError as error:
            raise DataError(
                f"The file '{self.path}' must be one that can be read. Got: {one_line(error)}."
            ) from error
        check(
            len(values) == stop - first,
            DataError,
            "The file '{}' must stay as it was when it was opened. Got fewer bytes than then.",
            self.path,
        )
        return of_ibm(values) if self.ibm else values.astype(np.float64)


def of_ibm(words: np.ndarray) -> np.ndarray:
    """Return 4-byte floats of IBM as float64: a sign, seven bits of a power of 16, and a fraction of 24 bits."""
    words = words.astype(np.int64)
    fraction, power = words & 0xFFFFFF, (words >> 24) & 0x7F
    values = np.ldexp(fraction.astype(np.float64), (4 * (power - 64) - 24).astype(np.int32))
    return np.where(words >> 31, -values, values)


# ---- SAC ----
def _open_sac(path: Path, source: str, notes: list[str]) -> list[Trace]:
    """Open a binary SAC file by its header."""
    from obspy.io.sac import SACTrace

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # the sampling interval is a float32: rounded, as is meant
        try:
            sac = SACTrace.read(file, headonly=True, checksize=False)
            stats = sac.to_obspy_trace().stats
        except Exception as error:  # ObsPy raises in many ways
            raise DataError(f"The file '{path}' must be a SAC file. Got: {one_line(error)}.") from error
    check(
        sac.leven is not False and sac.iftype in (None, "itime"),
        DataError,
        "The SAC file '{}' must hold evenly sampled samples over time. Got {}.",
        path,
        "uneven sampling" if sac.leven is False else sac.iftype,
    )
    there = (path.stat().st_size - SAC_HEADER) // 4
    stated = int(stats.npts)
    dated = (
        None not in (sac.nzyear, sac.nzjday) and sac.reftime.ns != 0
    )  # ObsPy writes 1970 where nothing is known
    if there < stated:
        notes.append(
            f"'{source}': the file ends after {max(there, 0):,} of {stated:,} samples (was it cut?)."
        )
    n = min(stated, there)
    if n <= 0:
        return []
    start = stats.starttime.ns / 1e9 if dated else float(sac.b or 0.0)
    data = InFile(path, SAC_HEADER, "<f4" if sac.byteorder == "little" else ">f4")
    trace = seed_trace(
        f"{stats.network}.{stats.station}.{stats.location}.{stats.channel}",
        rate=float(stats.sampling_rate),
        stretch=Stretch(start, n, data, 0, source),
        unit=SAC_UNITS.get(sac.idep, "counts"),
        dated=dated,
        file=source,
    )
    return [trace]


# ---- SEG-Y ----
def _open_segy(path: Path, source: str, notes: list[str]) -> list[Trace]:
    """Open a SEG-Y file by its headers; layout after the standard of the SEG, revision 2.0 (2017)."""
    size = path.stat().st_size
    traces: list[Trace] = []
    with path.open("rb") as file:
        file.seek(3200)
        binary = file.read(400)
        order = ">" if 0 < int.from_bytes(binary[24:26], "big") <= 16 else "<"
        code = int(_words(binary, 24, 1, order)[0])
        check(
            code in SEGY_FORMATS,
            DataError,
            "The samples of the SEG-Y file '{}' must be of a known format (1, 2, 3, 5, 6, 8 or 16). Got format {}.",
            path,
            code,
        )
        interval, usual = int(_words(binary, 16, 1, order)[0]), int(_words(binary, 20, 1, order)[0])
        texts = int(_words(binary, 304, 1, order)[0])
        dtype = np.dtype(order + SEGY_FORMATS[code])
        at = 3600 + 3200 * (texts if texts < 1000 else 0)
        while at + 240 <= size:
            file.seek(at)
            header = file.read(240)
            n, step = (int(word) for word in _words(header, 114, 2, order))
            n = n or usual
            if at + 240 + n * dtype.itemsize > size or not n:
                break
            year, day, hour, minute, second = (int(word) for word in _words(header, 156, 5, order))
            check(
                step or interval,
                DataError,
                "The SEG-Y file '{}' must say its sampling interval. Got 0.",
                path,
            )
            start = _time(year, day, hour, minute, second)
            data = InFile(path, at + 240, dtype.str, code == 1)
            number = str(len(traces) + 1)
            traces.append(
                Trace(
                    source, "", nominal_rate(1e6 / (step or interval)), Stretch(start or 0.0, n, data, 0, source),
                    unit="", dated=start is not None, sensor=number, identifier=f"{source}.{number}",
                )
            )  # fmt: skip
            at += 240 + n * dtype.itemsize
    if at < size:
        notes.append(
            f"'{source}': the last {size - at:,} bytes, from byte {at:,} on, are no whole trace (was it cut?) and were left out."
        )
    return traces


def _words(header: bytes, at: int, n: int, order: str) -> np.ndarray:
    """Return ``n`` unsigned 2-byte words from byte ``at`` of a header on."""
    return np.frombuffer(header, order + "u2", n, at)


def _time(year: int, day: int, hour: int, minute: int, second: int) -> float | None:
    """Return the time of a trace header in s since 1970; None where it is not set. Years of two digits are 1930 to 2029."""
    if not year or not 1 <= day <= 366:
        return None
    year += 0 if year >= 100 else 2000 if year < 30 else 1900
    clock = timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    return (datetime(year, 1, 1, tzinfo=UTC) + clock).timestamp()


# ---- all others ----
def _open_whole(path: Path, source: str, name: str, notes: list[str]) -> list[Trace]:
    """Let ObsPy decode a whole file."""
    obspy = package("obspy", of="signal")
    with warnings.catch_warnings(record=True) as said, path.open("rb") as file:
        warnings.simplefilter("always")
        try:
            stream = obspy.read(file, format=name)
        except Exception as error:  # ObsPy raises in many ways
            raise DataError(
                f"The file '{path.name}' must be whole and in the format {name}. Got: {one_line(error)}."
            ) from error
    sentences = (
        " ".join(str(warning.message).split()).rstrip(".")[:300]
        for warning in said
        if issubclass(warning.category, UserWarning)
    )
    notes += [f"'{source}': ObsPy says: {sentence}." for sentence in dict.fromkeys(sentences)]
    return [_held(trace, source) for trace in stream if trace.stats.npts]


def _held(trace: Any, source: str) -> Trace:
    """Return what ObsPy read as a trace that is held in memory."""
    stats, start = trace.stats, trace.stats.starttime
    return seed_trace(
        f"{stats.network}.{stats.station}.{stats.location}.{stats.channel}",
        rate=float(stats.sampling_rate),
        stretch=Stretch(start.ns / 1e9, int(stats.npts), InMemory(trace.data), 0, source),
        dated=start.ns != 0,
        file=source,
    )
