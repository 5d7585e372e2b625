"""`Picks` and `Detections`: when waves arrived at stations, as a model or people say; as tables, and as SeisBench lists them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from clew.errors import DataError, check, did_you_mean
from clew.read.kinds import package, some_of
from clew.read.quakeml import waveform_codes
from clew.read.recording import spell_time
from clew.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from clew.read.picks import KnownPick
    from clew.read.recording import Recording

DETECTED = ("recording", "station", "start", "end", "probability", "dated")
PICKED = ("recording", "station", "phase", "time", "probability", "uncertainty", "start", "end", "dated")
TIMES = ("time", "start", "end")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Detections(Result):
    """Spans of recordings in which a model hears an event.

    Parameters
    ----------
    recording, station : ndarray of str, shape (n,)
    start, end : ndarray of float64, shape (n,)
        In s: since 1970-01-01 UTC where dated, else since the start of the recording.
    probability : ndarray of float64, shape (n,)
        The highest within.
    dated : ndarray of bool, shape (n,)
    """

    recording: np.ndarray
    station: np.ndarray
    start: np.ndarray
    end: np.ndarray
    probability: np.ndarray
    dated: np.ndarray

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_lengths(self, DETECTED)

    def __len__(self) -> int:
        return len(self.recording)

    def headline(self) -> str:
        """Say how many."""
        return f"{len(self)} detection{'s' * (len(self) != 1)}"

    def summary(self) -> dict[str, Any]:
        """Return the numbers."""
        return {"detections": len(self), "seconds": float(np.sum(self.end - self.start))}

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table of one row a detection: recording, station, start, end (dates as text, or "12.5s"), probability."""
        return _frame(self, DETECTED)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Picks(Result):
    """Arrivals of waves at stations, sorted by recording and time.

    Parameters
    ----------
    recording, station : ndarray of str, shape (n,)
        The names of the recording and of its station.
    phase : ndarray of str, shape (n,)
    time : ndarray of float64, shape (n,)
        In s: since 1970-01-01 UTC where dated, else since the start of the recording.
    probability : ndarray of float64, shape (n,)
        The highest that the model gave near it; NaN of picks by people.
    uncertainty : ndarray of float64, shape (n,)
        The standard deviation in s of the moment, by the shape of the probability around it; NaN where unknown.
    start, end : ndarray of float64, shape (n,)
        Between which the probability is above the threshold, in s as ``time``; NaN of picks by people.
    dated : ndarray of bool, shape (n,)
    detections : Detections, optional
        Of models that tell them.
    model_sha256 : str
        The hash of the model; "" of picks by people.
    notes : list of str
        What was left out, padded, resampled, and what else to mind.
    """

    recording: np.ndarray
    station: np.ndarray
    phase: np.ndarray
    time: np.ndarray
    probability: np.ndarray
    uncertainty: np.ndarray
    start: np.ndarray
    end: np.ndarray
    dated: np.ndarray
    detections: Detections | None = None
    model_sha256: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_lengths(self, PICKED)

    def __len__(self) -> int:
        return len(self.recording)

    def headline(self) -> str:
        """Say how many of which phase, at how many stations."""
        of = ", ".join(f"{int((self.phase == one).sum()):,} {one}" for one in np.unique(self.phase))
        stations = len(np.unique(self.station))
        picks = "pick" if len(self) == 1 else "picks"
        return f"{of or 'no'} {picks} at {stations} station{'s' * (stations != 1)}"

    def summary(self) -> dict[str, Any]:
        """Return the numbers."""
        by = {str(one): int((self.phase == one).sum()) for one in np.unique(self.phase)}
        return {"picks": len(self), "phases": by, "model_sha256": self.model_sha256}

    def take(self, rows: np.ndarray) -> Picks:
        """Return some of the picks, by their numbers or a mask; all else stays as it is."""
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in PICKED})

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table of one row a pick.

        Returns
        -------
        pandas.DataFrame
            Columns recording, station, phase, time, probability, uncertainty (s), start, end. Times are text to the
            microsecond: UTC dates, or "12.500000s" since the start of a recording that is not dated.
        """
        return _frame(self, PICKED)


def picks_of_people(known: Sequence[KnownPick], recordings: Sequence[Recording]) -> Picks:
    """Return picks that people made as `Picks`, to be written and associated as those of a model.

    Parameters
    ----------
    known : sequence of KnownPick
    recordings : sequence of Recording
        Those that they are of.

    Raises
    ------
    DataError
        If a pick is of another recording.
    """
    of = {one.name: one for one in recordings}
    lost = next((one.recording for one in known if one.recording not in of), None)
    check(
        lost is None,
        DataError,
        "Picks must be of recordings that there are: {}. Got '{}'.{}",
        some_of(list(of)),
        lost,
        did_you_mean(lost or "", of),
    )
    rows = sorted(known, key=lambda one: (one.recording, one.time, one.phase))
    unknown = np.full(len(rows), np.nan)
    return Picks(
        recording=np.array([one.recording for one in rows], str),
        station=np.array([of[one.recording].station or one.recording for one in rows], str),
        phase=np.array([one.phase for one in rows], str),
        time=np.array([one.time for one in rows], np.float64),
        probability=unknown,
        uncertainty=unknown,
        start=unknown,
        end=unknown,
        dated=np.array([of[one.recording].dated for one in rows], bool),
    )


def _check_lengths(result: Result, names: tuple[str, ...]) -> None:
    """Refuse columns of different length."""
    sizes = {name: len(getattr(result, name)) for name in names}
    odd = next((name for name in names if sizes[name] != sizes[names[0]]), "")
    check(
        not odd,
        DataError,
        "The '{}' of {} must have as many entries as its recordings ({}). Got {}.",
        odd,
        type(result).__name__,
        sizes[names[0]],
        sizes.get(odd),
    )


def spell_moment(time: float, *, dated: bool) -> str:
    """Write a time with microseconds: "2010-05-27T16:24:33.210000", or "12.500000s"; nothing for NaN."""
    if np.isnan(time):
        return ""
    if not dated:
        return f"{time:.6f}s"
    whole, micro = divmod(round(time * 1e6), 1_000_000)
    return f"{spell_time(whole, dated=True)[:-4]}.{micro:06d}"


def _frame(result: Result, names: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    dated = getattr(result, "dated").tolist()  # noqa: B009
    columns: dict[str, Any] = {}
    for name in names[:-1]:
        values = getattr(result, name).tolist()
        timed = name in TIMES
        columns[name] = [spell_moment(t, dated=d) for t, d in zip(values, dated)] if timed else values
    return pd.DataFrame(columns)


# ---- as SeisBench lists them ----
One = TypeVar("One", "SeisBenchPick", "SeisBenchDetection")


@dataclass(frozen=True)
class SeisBenchPick:
    """A pick with the names that SeisBench's have.

    Parameters
    ----------
    trace_id : str
        Network, station and location: "BW.UH1.".
    start_time, end_time, peak_time : obspy.UTCDateTime
        None where unknown.
    peak_value : float, optional
        The probability.
    phase : str
    uncertainty : float, optional
        In s; SeisBench's picks have none.
    model_sha256 : str
        Likewise.
    """

    trace_id: str
    start_time: Any
    end_time: Any
    peak_time: Any
    peak_value: float | None
    phase: str
    uncertainty: float | None = None
    model_sha256: str = ""

    def __str__(self) -> str:
        return f"{self.trace_id}\t{self.peak_time}\t{self.phase}"


@dataclass(frozen=True)
class SeisBenchDetection:
    """A detection with the names that SeisBench's have.

    Parameters
    ----------
    trace_id : str
    start_time, end_time : obspy.UTCDateTime
    peak_value : float
    """

    trace_id: str
    start_time: Any
    end_time: Any
    peak_value: float | None

    def __str__(self) -> str:
        return f"{self.trace_id}\t{self.start_time}\t{self.end_time}"


class SeisBenchList(list[One]):
    """Picks, or detections, that can be selected and become a table as SeisBench's lists can.

    Parameters
    ----------
    entries : iterable of SeisBenchPick or of SeisBenchDetection
    settings : dict
        What led to them.
    """

    def __init__(self, entries: Any = (), *, settings: dict[str, Any] | None = None) -> None:
        super().__init__(entries)
        self.settings = dict(settings or {})

    def select(
        self, trace_id: str | None = None, min_confidence: float | None = None, phase: str | None = None
    ) -> SeisBenchList[One]:
        """Return those of a trace, at least as probable, and of a phase, where these are told."""
        return SeisBenchList(
            (
                one
                for one in self
                if (trace_id is None or one.trace_id == trace_id)
                and (min_confidence is None or (one.peak_value or 0.0) >= min_confidence)
                and (phase is None or getattr(one, "phase", None) == phase)
            ),
            settings=self.settings,
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return a table with SeisBench's columns: station, time (of picks), start_time, end_time, probability, phase."""
        import pandas as pd

        names = {
            "station": "trace_id",
            "time": "peak_time",
            "start_time": "start_time",
            "end_time": "end_time",
        }
        names |= {"probability": "peak_value", "phase": "phase"}
        if self and isinstance(self[0], SeisBenchDetection):
            del names["time"], names["phase"]
        columns = {}
        for column, name in names.items():
            values = [getattr(one, name) for one in self]
            if column.endswith("time"):
                values = [None if one is None else one.datetime for one in values]
                columns[column] = pd.Series(values, dtype="datetime64[us]")
            else:
                columns[column] = pd.Series(values, dtype=float if column == "probability" else object)
        return pd.DataFrame(columns)


def to_seisbench(picks: Picks) -> tuple[SeisBenchList[SeisBenchPick], SeisBenchList[SeisBenchDetection]]:
    """Return picks and detections as lists with the names and the ways of those that SeisBench's ``classify`` gives.

    Parameters
    ----------
    picks : Picks
        Dated.

    Returns
    -------
    picks : SeisBenchList of SeisBenchPick
        In the order of traces and time, as SeisBench sorts.
    detections : SeisBenchList of SeisBenchDetection

    Raises
    ------
    DataError
        If picks are not dated.
    """
    check_dated(picks, "SeisBench's lists, whose times are dates")
    moment = package("obspy", of="signal").UTCDateTime

    def utc(time: float) -> Any:
        return None if np.isnan(time) else moment(ns=round(time * 1e6) * 1000)

    found = [
        SeisBenchPick(
            trace_id=_trace_id(row["station"], row["recording"]),
            start_time=utc(row["start"]),
            end_time=utc(row["end"]),
            peak_time=utc(row["time"]),
            peak_value=_known(row["probability"]),
            phase=row["phase"],
            uncertainty=_known(row["uncertainty"]),
            model_sha256=picks.model_sha256,
        )
        for row in rows_of(picks, PICKED)
    ]
    spans = [
        SeisBenchDetection(
            _trace_id(row["station"], row["recording"]),
            utc(row["start"]),
            utc(row["end"]),
            _known(row["probability"]),
        )
        for row in (rows_of(picks.detections, DETECTED) if picks.detections is not None else [])
    ]
    found.sort(key=lambda one: (one.trace_id, one.peak_time, one.phase))
    spans.sort(key=lambda one: (one.trace_id, one.start_time))
    return SeisBenchList(found, settings=picks.settings), SeisBenchList(spans, settings=picks.settings)


def rows_of(result: Result, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return columns as rows."""
    return [dict(zip(names, row)) for row in zip(*(getattr(result, name).tolist() for name in names))]


def check_dated(picks: Picks, become: str) -> None:
    """Refuse picks that are not dated where dates are needed."""
    check(
        bool(picks.dated.all()),
        DataError,
        "Picks must be dated to become {}. Got picks in '{}', which is not: CSV, Parquet and JSON lines hold them.",
        become,
        str(picks.recording[~picks.dated][0]) if not picks.dated.all() else "",
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _trace_id(station: str, recording: str) -> str:
    """Return network, station and location; the station alone where it is no code of SEED's."""
    codes = waveform_codes(station, recording, "")
    if not codes["networkCode"] or "locationCode" not in codes:
        return station
    return f"{station}.{codes['locationCode']}"
