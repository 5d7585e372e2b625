"""Files of picks: CSV, Parquet, JSON lines and QuakeML, which hold the same and can be read back; and ObsPy's catalogue."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from clew.errors import DataError, SettingError, WriteError, check, did_you_mean
from clew.measure.picks import DETECTED, PICKED, Detections, Picks, check_dated, rows_of, spell_moment
from clew.read.given import QUAKEML
from clew.read.kinds import PARQUET, has_suffix, one_line, package, read_bytes
from clew.read.quakeml import BED, UNASSOCIATED, add_text, spell_micro, waveform_codes
from clew.read.quakeml import QUAKEML as ROOT
from clew.read.times import read_times
from clew.result import write_whole

if TYPE_CHECKING:
    from clew.measure.association import Associated

VERSION = 1  # of what stands beside the picks
NUMBERS = ("time", "probability", "uncertainty", "start", "end")
TEXTS = ("recording", "station", "phase")
IN_TABLE = (
    "recording",
    "station",
    "phase",
    "time",
    "probability",
    "uncertainty",
    "start",
    "end",
    "model_sha256",
)
LINES = (".jsonl", ".ndjson")
SUFFIXES = (".csv", *PARQUET, *LINES, *QUAKEML)
NO_EVENT = (
    "Picks that no event is known of: QuakeML holds picks in events only, so this is none, but their carrier."
)


def write_picks(picks: Picks, path: str | Path, *, associated: Associated | None = None) -> Path:
    """Write picks as CSV, Parquet, JSON lines or QuakeML, as the suffix says; the same picks give the same bytes.

    Every file tells probability, uncertainty and the hash of the model of each pick, and once its settings, notes and
    detections: a CSV file in another beside it ("picks.csv.json"), Parquet in its metadata, JSON lines in the first line,
    QuakeML in a comment. CSV and QuakeML hold times to the microsecond, the others as they are.

    Parameters
    ----------
    picks : Picks
    path : str or Path
        Ending in .csv, .parquet, .pq, .jsonl, .ndjson, .xml, .qml or .quakeml.
    associated : Associated, optional
        The events of these picks: in QuakeML each becomes an event with origin, picks and arrivals, and CSV, Parquet and
        JSON lines get a column "event" with its number, empty for none.

    Raises
    ------
    SettingError
        If the suffix is none of these.
    DataError
        If picks that become QuakeML are not dated, or the events are of other picks.
    WriteError
        If the file cannot be written.

    Notes
    -----
    In QuakeML 1.2 a pick has no other place than an event. Picks of no event stand together in one event without an origin,
    of the type "not reported", which says so; one event for each pick would make a catalogue of earthquakes that nobody
    found. `clew.read.picks.read_picks` knows this carrier and gives its picks no event. ObsPy reads the file, and SeisComP
    too, once converted by its own tool; neither is to count the carrier.
    """
    path = Path(path)
    writer = next((write for suffixes, write in WRITERS.items() if has_suffix(path, suffixes)), None)
    check(
        writer is not None,
        SettingError,
        "The file of picks must end in one of: {}. Got '{}' instead.{}",
        ", ".join(SUFFIXES),
        path.name,
        did_you_mean(path.suffix.casefold(), SUFFIXES),
    )
    assert writer is not None
    check(
        associated is None or len(associated.event) == len(picks),
        DataError,
        "The events must be of the picks that are written ({}). Got events of {} picks.",
        len(picks),
        0 if associated is None else len(associated.event),
    )
    files = writer(picks, associated)
    try:
        for suffix, data in reversed(
            files.items()
        ):  # what is beside first: a table never lies there without it
            write_whole(path.with_name(path.name + suffix), data)
    except OSError as error:
        raise WriteError(f"The picks cannot be written to '{path}'. Got: {one_line(error)}.") from error
    return path


def read_pick_file(path: str | Path) -> Picks:
    """Read picks that `write_picks` wrote; what others wrote, `clew.read.picks.read_picks` reads.

    Raises
    ------
    DataError
        If the file is missing, damaged, or of other columns.
    """
    path = Path(path)
    reader = next((read for suffixes, read in READERS.items() if has_suffix(path, suffixes)), None)
    check(
        reader is not None,
        DataError,
        "A file of picks must end in one of: {}. Got '{}' instead.",
        ", ".join(SUFFIXES),
        path.name,
    )
    assert reader is not None
    try:
        return reader(path, read_bytes(path))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"The file '{path}' must hold picks as clew writes them. Got: {one_line(error)}."
        ) from error


def to_obspy(picks: Picks, *, associated: Associated | None = None) -> Any:
    """Return picks as a catalogue of ObsPy's: the same events as in QuakeML.

    Parameters
    ----------
    picks : Picks
    associated : Associated, optional
        Their events.

    Returns
    -------
    obspy.core.event.Catalog
        Without `associated` one event, which only carries the picks.

    Raises
    ------
    DataError
        If the picks are not dated.
    """
    obspy = package("obspy", of="signal")
    return obspy.read_events(io.BytesIO(_quakeml(picks, associated)[""]), format="QUAKEML")


# ---- what stands beside the picks ----
def _head(picks: Picks) -> dict[str, Any]:
    spans = None if picks.detections is None else rows_of(picks.detections, DETECTED)
    return {
        "clew": "picks",
        "version": VERSION,
        "model_sha256": picks.model_sha256,
        "settings": picks.settings,
        "notes": picks.notes,
        "detections": spans if spans is None else [_jsonable(one) for one in spans],
        "detection_settings": picks.detections.settings if picks.detections is not None else {},
    }


def _jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with None for NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def _dumped(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _picks(rows: list[dict[str, Any]], head: Mapping[str, Any]) -> Picks:
    """Put picks together again."""
    check(
        head.get("clew") == "picks" and head.get("version") == VERSION,
        DataError,
        "A file of picks must be of version {}. Got {}.",
        VERSION,
        head.get("version", "none"),
    )
    spans = head["detections"]
    detections = None
    if spans is not None:
        detections = Detections(**_columns(spans, DETECTED), settings=dict(head["detection_settings"]))
    return Picks(
        **_columns(rows, PICKED),
        detections=detections,
        model_sha256=str(head["model_sha256"]),
        notes=list(head["notes"]),
        settings=dict(head["settings"]),
    )


def _columns(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for name in names:
        values = [row[name] for row in rows]
        if name in NUMBERS:
            columns[name] = np.array([np.nan if one is None else one for one in values], np.float64)
        else:
            columns[name] = np.array(values, str if name in TEXTS else bool)
    return columns


def _events(picks: Picks, associated: Associated | None) -> dict[str, list[Any]]:
    if associated is None:
        return {}
    return {"event": [None if number < 0 else number for number in associated.event.tolist()]}


# ---- CSV ----
def _csv(picks: Picks, associated: Associated | None) -> dict[str, bytes]:
    out = io.StringIO()
    events = _events(picks, associated)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*IN_TABLE, *events])
    for i, row in enumerate(rows_of(picks, PICKED)):
        moments = {name: spell_moment(row[name], dated=row["dated"]) for name in ("time", "start", "end")}
        cells = row | moments | {"model_sha256": picks.model_sha256}
        told = ["" if cells[name] != cells[name] else cells[name] for name in IN_TABLE]
        writer.writerow([*told, *("" if column[i] is None else column[i] for column in events.values())])
    beside = json.dumps(_head(picks), sort_keys=True, ensure_ascii=False, indent=1) + "\n"
    return {"": out.getvalue().encode(), ".json": beside.encode()}


def _read_csv(path: Path, data: bytes) -> Picks:
    rows = csv.DictReader(io.StringIO(data.decode()))
    missing = [name for name in IN_TABLE if name not in (rows.fieldnames or ())]
    check(
        not missing,
        DataError,
        "The file '{}' must have the column '{}' to be clew's picks. Got: {}.",
        path,
        *missing[:1] or [""],
        ", ".join(rows.fieldnames or ()),
    )
    cells = list(rows)
    beside = path.with_name(f"{path.name}.json")
    if beside.is_file():
        head = json.loads(read_bytes(beside))
    else:
        said = f"'{path.name}' came without '{beside.name}': settings, notes and detections are not known."
        hashes = {row["model_sha256"] for row in cells}
        head = {
            "clew": "picks",
            "version": VERSION,
            "model_sha256": "".join(hashes) if len(hashes) == 1 else "",
        }
        head |= {"settings": {}, "notes": [said], "detections": None}
    found: list[dict[str, Any]] = []
    for row in cells:
        dated = not row["time"].endswith("s")
        one: dict[str, Any] = {name: row[name] for name in TEXTS} | {"dated": dated}
        one |= {name: float(row[name]) if row[name] else None for name in ("probability", "uncertainty")}
        found.append(one)
    for name in ("time", "start", "end"):
        for one, value in zip(found, _moments([row[name] for row in cells])):
            one[name] = value
    return _picks(found, head)


def _moments(texts: list[str]) -> list[float | None]:
    """Return times that `spell_moment` wrote, in s."""
    dates = np.array(["" if text.endswith("s") else text for text in texts], object)
    seconds = read_times(dates, name="time").seconds if dates.any() else np.zeros(len(texts))
    return [
        None if not text else float(text[:-1]) if text.endswith("s") else float(value)
        for text, value in zip(texts, seconds)
    ]


# ---- JSON lines ----
def _lines(picks: Picks, associated: Associated | None) -> dict[str, bytes]:
    events = _events(picks, associated)
    lines = [_dumped(_head(picks))]
    for i, row in enumerate(rows_of(picks, PICKED)):
        more = {name: column[i] for name, column in events.items()} | {"model_sha256": picks.model_sha256}
        at = {"at": spell_moment(row["time"], dated=row["dated"])}
        lines.append(_dumped(_jsonable(row) | at | more))
    return {"": ("\n".join(lines) + "\n").encode()}


def _read_lines(path: Path, data: bytes) -> Picks:
    head, *rows = [json.loads(line) for line in data.decode().splitlines() if line]
    return _picks(rows, head)


# ---- Parquet ----
def _parquet(picks: Picks, associated: Associated | None) -> dict[str, bytes]:
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, Any] = {name: getattr(picks, name).tolist() for name in PICKED}
    micro = [round(t * 1e6) if d else None for t, d in zip(columns["time"], columns["dated"])]
    columns["utc"] = pyarrow.array(micro, pyarrow.timestamp("us", tz="UTC"))
    columns["model_sha256"] = [picks.model_sha256] * len(picks)
    columns |= _events(picks, associated)
    kinds = {name: pyarrow.string() for name in (*TEXTS, "model_sha256")}
    kinds |= {name: pyarrow.float64() for name in NUMBERS} | {
        "dated": pyarrow.bool_(),
        "event": pyarrow.int64(),
    }
    arrays = {
        name: column if name == "utc" else pyarrow.array(column, kinds[name])
        for name, column in columns.items()
    }
    table = pyarrow.table(arrays).replace_schema_metadata({"clew": _dumped(_head(picks))})
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    return {"": out.getvalue()}


def _read_parquet(path: Path, data: bytes) -> Picks:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(io.BytesIO(data))
    said = (table.schema.metadata or {}).get(b"clew")
    check(said, DataError, "The file '{}' must be Parquet that clew wrote picks to. Got another.", path)
    return _picks(table.select(list(PICKED)).to_pylist(), json.loads(said or b"{}"))


# ---- QuakeML ----
def _quakeml(picks: Picks, associated: Associated | None) -> dict[str, bytes]:
    """Return QuakeML 1.2 of picks, in the order of elements of its schema."""
    check_dated(picks, "QuakeML")
    ElementTree.register_namespace("", BED)
    ElementTree.register_namespace("q", ROOT)
    root = ElementTree.Element(f"{{{ROOT}}}quakeml")
    parameters = ElementTree.SubElement(root, f"{{{BED}}}eventParameters")
    head = _dumped(_head(picks))
    rows = rows_of(picks, PICKED)
    moments = [
        {name: spell_moment(row[name], dated=True) for name in ("time", "start", "end")} for row in rows
    ]
    names = _names([_dumped(_jsonable(row | at)) + picks.model_sha256 for row, at in zip(rows, moments)])
    every = _digest("\n".join([head, *names]))
    parameters.set("publicID", f"smi:local/clew/picks/{every}")
    remark = ElementTree.SubElement(parameters, f"{{{BED}}}comment", id=f"smi:local/clew/comment/{every}")
    add_text(remark, "text", head)
    of = np.full(len(picks), -1) if associated is None else associated.event
    for number in range(0 if associated is None else len(associated)):
        assert associated is not None
        own = np.flatnonzero(of == number)
        event = _digest("\n".join(["event", *(names[i] for i in own), f"{associated.time[number]:.6f}"]))
        parameters.append(_event(associated, number, event, [(names[i], rows[i], associated.residual[i]) for i in own], picks))  # fmt: skip
    left = np.flatnonzero(of < 0)
    if left.size:
        carrier = ElementTree.SubElement(parameters, f"{{{BED}}}event", publicID=f"{UNASSOCIATED}{every}")
        add_text(ElementTree.SubElement(carrier, f"{{{BED}}}description"), "text", NO_EVENT)
        for i in left:
            _add_pick(carrier, names[i], rows[i], picks)
        add_text(carrier, "type", "not reported")
    ElementTree.indent(root)
    return {"": ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"}


def _event(
    found: Associated, number: int, name: str, own: list[tuple[str, dict[str, Any], float]], picks: Picks
) -> ElementTree.Element:  # fmt: skip
    """Return an event with its picks and an origin, whose arrivals name them."""
    event = ElementTree.Element(f"{{{BED}}}event", publicID=f"smi:local/clew/event/{name}")
    origin_id = f"smi:local/clew/origin/{name}"
    add_text(event, "preferredOriginID", origin_id)
    for pick, row, _ in own:
        _add_pick(event, pick, row, picks)
    origin = ElementTree.SubElement(event, f"{{{BED}}}origin", publicID=origin_id)
    places = {
        "time": spell_micro(float(found.time[number])),
        "latitude": f"{found.latitude[number]:.5f}",
        "longitude": f"{found.longitude[number]:.5f}",
        "depth": f"{found.depth[number] * 1000:.0f}",  # m in QuakeML
    }
    for what, value in places.items():
        add_text(ElementTree.SubElement(origin, f"{{{BED}}}{what}"), "value", value)
    add_text(origin, "methodID", "smi:local/clew/method/pyocto")
    quality = ElementTree.SubElement(origin, f"{{{BED}}}quality")
    add_text(quality, "usedPhaseCount", str(len(own)))
    add_text(quality, "usedStationCount", str(len({row["station"] for _, row, _ in own})))
    add_text(quality, "standardError", f"{found.rms[number]:.4f}")
    add_text(origin, "evaluationMode", "automatic")
    add_text(origin, "evaluationStatus", "preliminary")
    for pick, row, residual in own:
        arrival = ElementTree.SubElement(
            origin, f"{{{BED}}}arrival", publicID=f"smi:local/clew/arrival/{pick}"
        )
        add_text(arrival, "pickID", f"smi:local/clew/pick/{pick}")
        add_text(arrival, "phase", row["phase"])
        add_text(arrival, "timeResidual", f"{residual:.4f}")
    add_text(event, "type", "earthquake")
    add_text(event, "typeCertainty", "suspected")
    return event


def _add_pick(event: ElementTree.Element, name: str, row: dict[str, Any], picks: Picks) -> None:
    pick = ElementTree.SubElement(event, f"{{{BED}}}pick", publicID=f"smi:local/clew/pick/{name}")
    time = ElementTree.SubElement(pick, f"{{{BED}}}time")
    add_text(time, "value", spell_micro(row["time"]))
    if row["uncertainty"] == row["uncertainty"]:
        add_text(time, "uncertainty", repr(row["uncertainty"]))
    codes = waveform_codes(row["station"], row["recording"], "")
    ElementTree.SubElement(pick, f"{{{BED}}}waveformID", codes)
    by_program = picks.model_sha256 or picks.settings or row["probability"] == row["probability"]
    if picks.model_sha256:
        add_text(pick, "methodID", f"smi:local/clew/model/{picks.model_sha256}")
    add_text(pick, "phaseHint", row["phase"])
    add_text(pick, "evaluationMode", "automatic" if by_program else "manual")
    if by_program:
        add_text(pick, "evaluationStatus", "preliminary")
    said = {name: row[name] for name in ("recording", "station", "probability")}
    said |= {name: spell_moment(row[name], dated=True) for name in ("start", "end")}
    remark = ElementTree.SubElement(pick, f"{{{BED}}}comment", id=f"smi:local/clew/comment/pick/{name}")
    add_text(remark, "text", _dumped(_jsonable(said)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _names(texts: list[str]) -> list[str]:
    """Return a name for each text; equal ones are numbered."""
    seen: Counter[str] = Counter()
    names = []
    for digest in map(_digest, texts):
        seen[digest] += 1
        names.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return names


def _read_quakeml(path: Path, data: bytes) -> Picks:
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise DataError(f"The file '{path}' must be QuakeML. Got: {one_line(error)}.") from error
    head = root.findtext(f"{{{BED}}}eventParameters/{{{BED}}}comment/{{{BED}}}text")
    check(
        head and head.startswith("{"),
        DataError,
        "The file '{}' must be QuakeML that clew wrote picks to; read_picks reads others. Got another.",
        path,
    )
    rows: list[dict[str, Any]] = []
    for pick in root.iter(f"{{{BED}}}pick"):
        said = json.loads(_told(pick, "comment", "text"))
        rows.append(
            {
                "recording": said["recording"],
                "station": said["station"],
                "phase": _told(pick, "phaseHint"),
                "time": _told(pick, "time", "value").removesuffix("Z"),
                "probability": said["probability"],
                "uncertainty": float(_told(pick, "time", "uncertainty") or "nan"),
                "start": said["start"],
                "end": said["end"],
                "dated": True,
            }
        )
    for name in ("time", "start", "end"):
        for row, value in zip(rows, _moments([row[name] for row in rows])):
            row[name] = value
    rows.sort(key=lambda row: (row["recording"], row["time"], row["phase"]))
    return _picks(rows, json.loads(head or ""))


def _told(element: ElementTree.Element, *names: str) -> str:
    return element.findtext("/".join(f"{{{BED}}}{name}" for name in names)) or ""


Writer = Callable[[Picks, "Associated | None"], dict[str, bytes]]
WRITERS: dict[tuple[str, ...], Writer] = {
    (".csv",): _csv,
    PARQUET: _parquet,
    LINES: _lines,
    QUAKEML: _quakeml,
}
READERS: dict[tuple[str, ...], Callable[[Path, bytes], Picks]] = {
    (".csv",): _read_csv,
    PARQUET: _read_parquet,
    LINES: _read_lines,
    QUAKEML: _read_quakeml,
}
