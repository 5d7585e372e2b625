"""Data sets in SeisBench's layout: metadata.csv beside waveforms.hdf5; each trace is a recording of its own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.read.given import Given
from clew.read.kinds import one_line, package, some_of
from clew.read.recording import Stretch
from clew.read.side_by_side import Column, Shared, finite
from clew.read.times import read_times
from clew.read.traces import Trace, nominal_rate

if TYPE_CHECKING:
    import pandas as pd

PART = re.compile(r"(metadata|waveforms)(?P<chunk>.*)\.(csv|hdf5)$", re.IGNORECASE)
PLACE = re.compile(r"\s*(-?\d*)\s*(:?)\s*(-?\d*)\s*")
AS_TEXT = re.compile(
    r"trace_name.*|trace_start_time|trace_component_order|trace_chunk|.*_(code|id)"
)  # "00", "NA"
CLASS = ("label", "trace_category")
MISSING = ["", "nan", "NaN"]  # not "NA": that is a network


def open_seisbench(
    path: Path, *, source: str, notes: list[str] | None = None
) -> tuple[list[Trace], list[Given]]:
    """Open a data set of SeisBench: recordings called by station and trace ("CX.PB01.bucket0-0"), and their metadata.

    Parameters
    ----------
    path : Path
        The folder, with all chunks in it ("metadata_1.csv", "waveforms_1.hdf5"); or either file, for its chunk.
    source : str
        What it is called.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Returns
    -------
    list of Trace
        One for each component of each trace, which ends where its metadata say, not where its bucket was filled with zeros.
    list of Given
        All columns of the metadata over the whole of each trace; a column "label" or "trace_category" is its class.

    Raises
    ------
    DataError
        If a file is missing or damaged, or metadata name a waveform that is not there.

    Notes
    -----
    The layout is that of Woollam et al., Seismological Research Letters 93 (2022), doi:10.1785/0220210324.
    """
    notes = [] if notes is None else notes
    traces: list[Trace] = []
    given: list[Given] = []
    seen: Counter[str] = Counter()
    for chunk, metadata, waveforms in _chunks(Path(path), source):
        found, said = _chunk(chunk, _metadata(metadata), Waveforms(waveforms), source, seen)
        traces += found
        given += said
    undated = sum(not one.dated for one in traces)
    if undated:
        notes.append(f"'{source}': {undated} of {len(traces)} traces have no start time and are not dated.")
    return traces, given


def _chunks(path: Path, source: str) -> list[tuple[str, Path, Path]]:
    """Return the name of each chunk, its metadata and its waveforms."""
    wanted = None if path.is_dir() else PART.fullmatch(path.name)
    folder = path if path.is_dir() else path.parent
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        match = PART.fullmatch(file.name)
        if match and (wanted is None or match["chunk"] == wanted["chunk"]):
            found.setdefault(match["chunk"], {})[match[1].casefold()] = file
    check(
        found and (path.is_dir() or wanted is not None),
        DataError,
        "The data set '{}' must have metadata.csv and waveforms.hdf5. Got neither.",
        source,
    )
    for chunk, files in found.items():
        missing = [
            f"{name}{chunk}.{end}"
            for name, end in (("metadata", "csv"), ("waveforms", "hdf5"))
            if name not in files
        ]
        check(
            not missing,
            DataError,
            "The data set '{}' must have the file '{}'. Got none.",
            source,
            *missing[:1] or [""],
        )
    return [(chunk.strip("_-. "), files["metadata"], files["waveforms"]) for chunk, files in found.items()]


def _metadata(path: Path) -> pd.DataFrame:
    """Return the metadata; names and codes as text."""
    import pandas as pd

    try:
        names = pd.read_csv(path, nrows=0).columns
        kinds = {name: str for name in names if AS_TEXT.fullmatch(name)}
        table = pd.read_csv(path, dtype=kinds, low_memory=False, keep_default_na=False, na_values=MISSING)
    except (ValueError, OSError) as error:  # pandas' errors are such
        raise DataError(f"The metadata '{path}' must be a table. Got: {one_line(error)}.") from error
    for name in ("trace_name", *(name for name in kinds if name != "trace_name")):
        check(
            name in table,
            DataError,
            "The metadata '{}' must have the column 'trace_name'. Got: {}.",
            path,
            some_of(list(map(str, table))),
        )
        table[name] = table[name].fillna("")
    return table


# ---- waveforms ----
class Waveforms:
    """A file of waveforms, opened when it is read.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[type[Waveforms], tuple[Path]]:
        return Waveforms, (self.path,)

    @cached_property
    def file(self) -> Any:
        """Return the open file."""
        h5py = package("h5py", of="signal")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(
                f"The waveforms '{self.path}' must be a whole HDF5 file. Got: {one_line(error)}."
            ) from error

    @cached_property
    def form(self) -> dict[str, Any]:
        """Return what the file says of its format: dimension_order, component_order, sampling_rate, unit, ..."""
        form = self.file.get("data_format", {})
        said = {name: form[name][()] for name in form}
        return {name: value.decode() if isinstance(value, bytes) else value for name, value in said.items()}

    def dataset(self, name: str) -> Any:
        """Return a data set of waveforms."""
        found = self.file.get(f"data/{name}")
        check(
            found is not None and hasattr(found, "shape"),
            DataError,
            "The waveforms '{}' must hold the trace '{}', as its metadata say. Got none.",
            self.path,
            name,
        )
        return found


@dataclass(frozen=True, eq=False)
class Waveform:
    """The samples of one trace.

    Parameters
    ----------
    waveforms : Waveforms
    name : str
        Of the data set.
    before : tuple of int
        Where it is in a bucket; empty where it stands alone.
    rows : tuple of int
        Which components.
    start : int
        Its first sample in the data set.
    sideways : bool
        Whether samples lie along the first axis.
    """

    waveforms: Waveforms
    name: str
    before: tuple[int, ...]
    rows: tuple[int, ...]
    start: int
    sideways: bool

    def __call__(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop``, float64 of shape (stop - first, n_components)."""
        time = slice(self.start + first, self.start + stop)
        data = self.waveforms.dataset(self.name)
        try:
            if data.ndim == len(self.before) + 1:
                values = data[(*self.before, time)][:, None]
            elif self.sideways:
                values = data[(*self.before, time, slice(None))][:, list(self.rows)]
            else:
                values = data[(*self.before, slice(None), time)][list(self.rows)].T
        except OSError as error:
            raise DataError(
                f"The waveforms '{self.waveforms.path}' must be whole. Got: {one_line(error)}."
            ) from error
        return finite(values, first, self.name)


def _waveform(trace: str, waveforms: Waveforms) -> tuple[Waveform, int]:
    """Return the waveform that a trace name such as "bucket0$0,:3,:1200" stands for, and how many samples it has."""
    name, _, place = trace.partition("$")
    data = waveforms.dataset(name)
    order = str(waveforms.form.get("dimension_order", "CW")).upper()[-2:]
    parts = [PLACE.fullmatch(part) for part in place.split(",")] if place else []
    fits = all(part and (part[1] or part[2]) for part in parts)
    n_before = sum(1 for part in parts if part and not part[2])
    axes = data.ndim - n_before
    check(
        fits and axes in (1, 2) and len(parts) <= data.ndim,
        DataError,
        "The trace names of '{}' must be like 'bucket0$0,:3,:1200' and fit its data sets. Got '{}', where the data set is of shape {}.",
        waveforms.path,
        trace,
        data.shape,
    )
    before = tuple(int(part[1]) for part in parts if part and not part[2])
    inside = all(-size <= i < size for i, size in zip(before, data.shape))
    check(
        inside,
        DataError,
        "The waveforms '{}' must hold the trace '{}', as its metadata say. Got a data set of shape {}.",
        waveforms.path,
        trace,
        data.shape,
    )
    spans = [range(size) for size in data.shape[n_before:]]
    for i, part in enumerate(part for part in parts if part and part[2]):
        spans[i] = spans[i][slice(*(int(one) if one else None for one in (part[1], part[3])))]
    sideways = order == "WC" and axes == 2
    time = spans[0] if axes == 1 or sideways else spans[1]
    rows = range(1) if axes == 1 else spans[1] if sideways else spans[0]
    return Waveform(waveforms, name, before, tuple(rows), time.start, sideways), len(time)


# ---- traces ----
def _chunk(
    chunk: str, table: pd.DataFrame, waveforms: Waveforms, source: str, seen: Counter[str]
) -> tuple[list[Trace], list[Given]]:
    """Return the traces of a chunk and what its metadata say."""
    starts = _starts(table)
    columns = [_plain(table[name]) for name in table.columns]
    traces: list[Trace] = []
    given: list[Given] = []
    known: dict[str, tuple[str, float, float]] = {}
    for i, name in enumerate(table["trace_name"]):
        said = {key: column[i] for key, column in zip(table.columns, columns)}
        if name not in known:
            found = _components(name, said, starts[i], waveforms, source, chunk, seen)
            if not found:
                continue
            one = found[0]
            known[name] = (
                ".".join(filter(None, (one.station, one.sensor))),
                one.stretch.start,
                one.stretch.n / one.rate,
            )
            traces += found
        recording, start, duration = known[name]
        label = next((str(said[key]) for key in CLASS if said.get(key)), "")
        given.append(Given(recording, start, start + duration, label, said))
    return traces, given


def _starts(table: pd.DataFrame) -> np.ndarray:
    """Return when each trace starts, in s since 1970-01-01 UTC; NaN where that is not told."""
    texts = table["trace_start_time"].to_numpy(dtype=object) if "trace_start_time" in table else np.empty(0)
    if not any(texts):
        return np.full(len(table), np.nan)
    return read_times(
        texts, name="trace_start_time", places=[f"line {i + 2}" for i in range(len(texts))]
    ).seconds


def _plain(column: pd.Series) -> list[str | float]:
    """Return a column as numbers, NaN where missing, or text, "" where missing."""
    if column.dtype.kind in "iuf":
        return column.to_numpy(np.float64).tolist()
    return ["" if missing else str(value) for value, missing in zip(column, column.isna())]


def _components(
    name: str,
    said: dict[str, str | float],
    start: float,
    waveforms: Waveforms,
    source: str,
    chunk: str,
    seen: Counter[str],
) -> list[Trace]:
    """Return the components of a trace."""
    waveform, n = _waveform(name, waveforms)
    stated = said.get("trace_npts")
    if isinstance(stated, float) and 0 < stated < n:
        n = int(stated)
    order = str(said.get("trace_component_order") or waveforms.form.get("component_order", ""))
    letters = (
        list(order) if len(order) == len(waveform.rows) else [str(i + 1) for i in range(len(waveform.rows))]
    )
    station = ".".join(
        filter(None, (str(said.get(f"station_{part}", "")) for part in ("network_code", "code")))
    )
    words = [chunk, re.sub(r"[^A-Za-z0-9]+", "-", waveform.name).strip("-"), *map(str, waveform.before)]
    plain = "-".join(filter(None, words))
    seen[plain] += 1
    sensor = plain if seen[plain] == 1 else f"{plain}-{seen[plain]}"
    if not station:
        station, sensor = sensor, ""
    dated, shared = bool(np.isfinite(start)), Shared(waveform)
    rate = _rate(said, waveforms, name)
    stretches = [
        Stretch(float(start) if dated else 0.0, n, Column(shared, i), source=source)
        for i in range(len(letters))
    ]
    unit = str(waveforms.form.get("unit", ""))
    return [
        Trace(station, letter.upper(), rate, stretch, unit, dated, sensor, letter)
        for letter, stretch in zip(letters, stretches)
        if n
    ]


def _rate(said: dict[str, str | float], waveforms: Waveforms, name: str) -> float:
    """Return the rate of a trace in Hz: as its own metadata say, or the data set."""
    interval = said.get("trace_dt_s")
    stated = [
        said.get("trace_sampling_rate_hz"),
        1 / interval if isinstance(interval, float) and interval > 0 else None,
        waveforms.form.get("sampling_rate"),
    ]
    for value in stated:
        if value is not None and not isinstance(value, str) and np.isfinite(value) and value > 0:
            return nominal_rate(float(value))
    raise DataError(
        f"The rate of '{name}' in '{waveforms.path}' must be known. Got neither 'trace_sampling_rate_hz' in the metadata nor"
        " 'sampling_rate' in the format of the data."
    )
