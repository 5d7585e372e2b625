"""QuakeML 1.2: events and picks, written so that the same events give the same bytes, and read."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from clew.errors import DataError, WriteError, check
from clew.read.kinds import one_line, package, read_bytes
from clew.read.recording import spell_time
from clew.read.times import read_times
from clew.result import write_whole

if TYPE_CHECKING:
    import pandas as pd

BED = "http://quakeml.org/xmlns/bed/1.2"
QUAKEML = "http://quakeml.org/xmlns/quakeml/1.2"
COLUMNS = ("recording", "station", "start", "end", "label", "probability")
OTHER = "other event"
UNASSOCIATED = "smi:local/clew/unassociated/"  # how the identifier begins of what only carries picks
# fmt: off
EVENT_TYPES = frozenset((
    "not existing", "not reported", "earthquake", "anthropogenic event", "collapse", "cavity collapse", "mine collapse",
    "building collapse", "explosion", "accidental explosion", "chemical explosion", "controlled explosion",
    "experimental explosion", "industrial explosion", "mining explosion", "quarry blast", "road cut", "blasting levee",
    "nuclear explosion", "induced or triggered event", "rock burst", "reservoir loading", "fluid injection",
    "fluid extraction", "crash", "plane crash", "train crash", "boat crash", OTHER, "atmospheric event", "sonic boom",
    "sonic blast", "acoustic noise", "thunder", "avalanche", "snow avalanche", "debris avalanche", "hydroacoustic event",
    "ice quake", "slide", "landslide", "rockslide", "meteorite", "volcanic eruption",
))  # of QuakeML 1.2 BED
# fmt: on
COMMENT = re.compile(
    r"class: (?P<label>.*); probability: (?P<probability>[\d.]+|nan); end: (?P<end>\S+)$", re.DOTALL
)


@dataclass(frozen=True)
class Pick:
    """A moment at which an event was seen at a station.

    Parameters
    ----------
    station : str
        "BW.UH1".
    sensor : str
        Location, band and instrument ("SH", "00.BH"); "" where unknown.
    time : float
        In s since 1970-01-01 UTC.
    end : float, optional
        Likewise, of events that clew found.
    label : str
        The class where clew wrote the file, else the type of the event; "" where unknown.
    event : str
        The identifier of the event.
    magnitude : float
        The preferred one, or the first; NaN where there is none.
    phase : str
    probability : float
        Of the class, where clew wrote the file; else NaN.
    """

    station: str
    sensor: str
    time: float
    end: float | None
    label: str
    event: str
    magnitude: float
    phase: str
    probability: float


# ---- writing ----
def write_quakeml(
    rows: pd.DataFrame, path: str | Path, *, component: str = "", window: float | None = None
) -> Path:
    """Write events as QuakeML 1.2: one event a row, with one pick at its start.

    The pick is the start of the first window that is of the event, and the onset of no phase: it has no phase hint, says so in
    a comment, and is as uncertain as a window is long.

    A class that is one of QuakeML's types of event becomes the type, others become "other event"; the class stands in the
    description, and with the probability and the end in a comment. Identifiers are made from what they identify, and no
    clock is read: the same events give the same bytes.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns recording, station, start, end, label, probability. Times are dates as text, UTC where they name no zone.
    path : str or Path
    component : str
        What was measured, which is the last letter of the channel: "Z".
    window : float, optional
        How long a window is, in s.

    Raises
    ------
    DataError
        If a column is missing, or times are no dates: QuakeML has no times since the start of a recording.
    WriteError
        If the file cannot be written.
    """
    missing = [name for name in COLUMNS if name not in rows]
    check(
        not missing,
        DataError,
        "Events must have the column '{}' to become QuakeML. Got: {}.",
        *missing[:1] or [""],
        ", ".join(map(str, rows.columns)),
    )
    start, end = _dates(rows, "start"), _dates(rows, "end")
    ElementTree.register_namespace("", BED)
    ElementTree.register_namespace("q", QUAKEML)
    root = ElementTree.Element(f"{{{QUAKEML}}}quakeml")
    parameters = ElementTree.SubElement(root, f"{{{BED}}}eventParameters")
    seen: Counter[str] = Counter()
    for i, row in enumerate(rows[list(COLUMNS)].itertuples(index=False)):
        label, recording, station = str(row.label), str(row.recording), str(row.station)
        probability = float(row.probability)  # type: ignore[arg-type]
        whole = "|".join(
            (recording, station, spell_micro(start[i]), spell_micro(end[i]), label, f"{probability:.6f}")
        )
        digest = hashlib.sha256(whole.encode()).hexdigest()[:24]
        seen[digest] += 1
        name = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        said = f"class: {label}; probability: {probability:.6f}; end: {spell_micro(end[i])}"
        parameters.append(
            _event(
                name,
                label,
                spell_micro(start[i]),
                said,
                waveform_codes(station, recording, component),
                window,
            )
        )
    every = hashlib.sha256("\n".join(seen.elements()).encode()).hexdigest()[:24]
    parameters.set("publicID", f"smi:local/clew/events/{every}")
    ElementTree.indent(root)
    try:
        return write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise WriteError(f"The events cannot be written to '{path}'. Got: {one_line(error)}.") from error


def _event(
    name: str, label: str, start: str, said: str, codes: dict[str, str], window: float | None
) -> ElementTree.Element:
    """Return an event with its pick, in the order of elements of QuakeML's schema."""
    event = ElementTree.Element(f"{{{BED}}}event", publicID=f"smi:local/clew/event/{name}")
    description = ElementTree.SubElement(event, f"{{{BED}}}description")
    add_text(description, "text", label)
    comment = ElementTree.SubElement(event, f"{{{BED}}}comment", id=f"smi:local/clew/comment/{name}")
    add_text(comment, "text", said)
    pick = ElementTree.SubElement(event, f"{{{BED}}}pick", publicID=f"smi:local/clew/pick/{name}")
    time = ElementTree.SubElement(pick, f"{{{BED}}}time")
    add_text(time, "value", start)
    if window is not None:
        add_text(time, "uncertainty", f"{window:g}")
    ElementTree.SubElement(pick, f"{{{BED}}}waveformID", codes)
    add_text(pick, "evaluationMode", "automatic")
    remark = ElementTree.SubElement(pick, f"{{{BED}}}comment", id=f"smi:local/clew/comment/pick/{name}")
    of = "" if window is None else f" of {window:g} s"
    add_text(
        remark, "text", f"the start of the first window{of} that is of this event, not the onset of a phase"
    )
    add_text(event, "type", label.casefold() if label.casefold() in EVENT_TYPES else OTHER)
    add_text(event, "typeCertainty", "suspected")
    return event


def add_text(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, f"{{{BED}}}{name}").text = text


def waveform_codes(station: str, recording: str, component: str) -> dict[str, str]:
    """Return the codes of a station "BW.UH1" and its sensor, which is what the recording "BW.UH1.00.BH" is called beyond.

    The channel has the component that was measured, as "BHZ".
    """
    network, _, code = station.rpartition(".")
    location, _, channel = recording.removeprefix(station).lstrip(".").rpartition(".")
    codes = {"networkCode": network, "stationCode": code}
    if recording.startswith(f"{station}.") and len(location) <= 2 and len(channel) == 2:
        codes |= {"locationCode": location, "channelCode": channel + component}
    return codes


def spell_micro(time: float) -> str:
    """Write a time with microseconds."""
    whole, micro = divmod(round(time * 1e6), 1_000_000)
    return f"{spell_time(whole, dated=True)[:-4]}.{micro:06d}Z"


def _dates(rows: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column of dates in s since 1970-01-01 UTC."""
    if not len(rows):
        return np.empty(0)
    values = rows[name]
    texts = np.array([str(value) for value in values], dtype=object)
    numbers = values.dtype.kind in "iuf" or any(re.fullmatch(r"[\d.]+s?", text) for text in texts)
    check(
        not numbers,
        DataError,
        "Events must be dated to become QuakeML, which has no times since the start of a recording. Got a '{}' of {}: write"
        " .csv or .parquet instead.",
        name,
        next((text for text in texts if re.fullmatch(r"[\d.]+s?", text)), texts[0]),
    )
    found = read_times(texts, name=name, dates_only=True).seconds
    check(
        np.isfinite(found).all(),
        DataError,
        "Every event must have its '{}' to become QuakeML. Got none in row {}.",
        name,
        int(np.argmin(np.isfinite(found))) + 1,
    )
    return found


# ---- reading ----
def read_quakeml(path: str | Path) -> list[Pick]:
    """Read the picks of all events of a QuakeML file, in the order in which they stand.

    Raises
    ------
    DataError
        If it is no QuakeML, or holds no picks.
    """
    import io

    path = Path(path)
    data = read_bytes(path)
    obspy = package("obspy", of="signal")
    try:
        catalogue = obspy.read_events(io.BytesIO(data), format="QUAKEML")
    except Exception as error:  # ObsPy raises in many ways
        raise DataError(f"The file '{path}' must be QuakeML. Got: {one_line(error)}.") from error
    picks = [pick for event in catalogue for pick in _picks_of(event)]
    check(
        picks,
        DataError,
        "The QuakeML file '{}' must hold picks at stations. Got {} events without any.",
        path,
        len(catalogue),
    )
    return picks


def _picks_of(event: object) -> list[Pick]:
    """Return the picks of an event of ObsPy's."""
    magnitude = event.preferred_magnitude() or next(iter(event.magnitudes), None)  # type: ignore[attr-defined]
    texts = [comment.text or "" for comment in event.comments]  # type: ignore[attr-defined]
    ours = next(filter(None, map(COMMENT.fullmatch, texts)), None)
    label = ours["label"] if ours else str(event.event_type or "")  # type: ignore[attr-defined]
    phases = _phases(event)
    picks = []
    for pick in event.picks:  # type: ignore[attr-defined]
        codes = pick.waveform_id
        if codes is None or pick.time is None:
            continue
        channel = codes.channel_code or ""
        sensor = ".".join(filter(None, (codes.location_code or "", channel[:2])))
        picks.append(
            Pick(
                station=".".join(filter(None, (codes.network_code or "", codes.station_code or ""))),
                sensor=sensor,
                time=round(pick.time.ns / 1000) / 1e6,
                end=float(read_times(np.array([ours["end"]]), name="end").seconds[0]) if ours else None,
                label=label,
                event=str(event.resource_id.id),  # type: ignore[attr-defined]
                magnitude=float("nan") if magnitude is None else float(magnitude.mag),
                phase=phases.get(str(pick.resource_id.id), "") or pick.phase_hint or "",
                probability=float(ours["probability"]) if ours else float("nan"),
            )
        )
    return picks


def _phases(event: object) -> dict[str, str]:
    """Return the phase that the origins' arrivals give each pick, by its identifier."""
    return {
        str(arrival.pick_id.id): str(arrival.phase or "")
        for origin in event.origins  # type: ignore[attr-defined]
        for arrival in origin.arrivals
        if arrival.pick_id is not None
    }
