"""Events in recordings: from a model and files of any length to a table or QuakeML; a run that was killed goes on."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import logging
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, Stopped, check
from clew.result import write_whole
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.steps.predicted import record_predictions

if TYPE_CHECKING:
    from clew.learn.detect import Detector, Scan
    from clew.learn.events import Event, Events
    from clew.learn.forest import Forest
    from clew.learn.live import Live
    from clew.learn.progress import Progress
    from clew.learn.window_model import WindowModel
    from clew.measure.window_plan import WindowPlan
    from clew.read.live_recording import LiveRecording
    from clew.read.recording import Recording

FORMATS = (".csv", ".parquet", ".jsonl", ".xml")
EVERY = 3600.0  # s of data between two notes of how far a run has come
SHOWN = 8  # events that a person is told of


def detect_events(
    forest: Forest,
    folder: Path,
    paths: list[Path],
    *,
    out: Path | None = None,
    rate: float | None = None,
    time: str | None = None,
    response: Path | None = None,
    threshold: float | None = None,
    join: float = 0.0,
    ignore: list[str] | None = None,
    live: bool = False,
    restart: bool = False,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Find the events in recordings with a model for windows.

    How far a run has come stands in a file beside the output (``.NAME.progress``): one that was killed goes on there, if it
    is started again with the same model, settings and recordings, and writes the same bytes.

    Parameters
    ----------
    forest : Forest
    folder : Path
        Of the model.
    paths : list of Path
        Recordings, and folders of them; with ``live`` one file that grows, or "-" for standard input.
    out : Path, optional
        CSV, Parquet (.parquet), JSON lines (.jsonl) or QuakeML (.xml); may be left out with ``live``.
    rate, time, response
        As for `clew.read.recordings.read_recordings`.
    threshold, join, ignore
        As for `clew.learn.detect.detect`.
    live : bool
        Print each event as one line of JSON when it ends, until the input ends, Ctrl-C is pressed or SIGTERM comes.
    restart : bool
        Begin anew, where an earlier run was stopped.
    on_progress : callable, optional
        Takes the numbers of windows done and in all; returning False stops.

    Raises
    ------
    DataError
        If no recording can be read, or none fits the model.
    SettingError
        If a setting is out of range, or the output holds anything but events.
    Stopped
        If ``on_progress`` said so, or Ctrl-C was pressed; what was found is kept for the next run.
    """
    from clew.learn.detect import Detector

    detector = Detector(forest, threshold=threshold, join=join, ignore=ignore)
    how: dict[str, Any] = {"rate": rate, "time": time, "response": response}
    if live:
        return _listen(detector, folder, paths, out, how)
    if out is None:
        raise SettingError("The setting --out must name the file to write. Got none.")
    from clew.learn.apply import check_output
    from clew.learn.progress import Progress
    from clew.read.recordings import find_recordings, read_recordings

    inputs = find_recordings(paths)
    check_output(out, None, inputs=inputs, formats=FORMATS, ours=_holds_events)
    read = read_recordings(paths, **how, lenient=True)
    recordings, misfits = fitting(detector, read.recordings)
    left_out = [*(f"Left out: {sentence}" for sentence in read.failed), *misfits]
    _check_dated(out, recordings)
    made = _made(detector, how, read.sha256, recordings)
    progress = Progress(out.with_name(f".{out.name}.progress"), made, restart=restart)
    try:
        events = _found(detector, recordings, progress, on_progress)
    except (KeyboardInterrupt, Stopped) as stopped:
        raise Stopped("Stopped; what was found is kept, and the same command goes on.") from stopped
    result = detector.result(events[0], events[1], [*read.notes, *left_out, *progress.notes, *_replaced(out)])
    write_events(result, out, plan=detector.plan)
    recorded, own = record_predictions(folder, forest, sha256=read.sha256, n_rows=len(result), out=out)
    progress.remove()
    return _outcome(result, folder, forest, out, recorded, own, status=1 if left_out else 0)


def _found(
    detector: Detector, recordings: Sequence[Recording], progress: Progress, on_progress: OnProgress | None
) -> tuple[list[Scan], list[Event]]:
    """Go along the recordings from where an earlier run was, and note every hour of data how far this one is."""
    from clew.learn.detect import walk

    progress.begin()
    events = list(progress.events)
    new: list[Event] = []
    scans: dict[str, Scan] = {}
    moved: dict[str, Scan] = {}  # since the last note
    for scan, found in walk(detector, recordings, begun=progress.states, on_progress=on_progress):
        name = scan.recording.name
        scans[name] = scan
        events += found
        new += found
        if progress.is_behind(scan):
            moved[name] = scan
        if sum(progress.seconds_behind(one) for one in moved.values()) >= EVERY:
            progress.note(list(moved.values()), new)
            moved, new = {}, []
    return list(scans.values()), events


def fitting(model: WindowModel, recordings: Sequence[Recording]) -> tuple[list[Recording], list[str]]:
    """Return the recordings that fit the model, and why others do not; refuse where none does."""
    fit, why = [], []
    for one in recordings:
        try:
            model.check(one)
            fit.append(one)
        except DataError as error:
            why.append(f"Left out: {error}")
            if len(why) == len(recordings):
                raise
    return fit, why


def _made(
    detector: Detector, how: Mapping[str, Any], sha256: Mapping[str, str], recordings: Sequence[Recording]
) -> dict[str, Any]:
    """Return what the events are made of: where any of it is different, an unfinished run cannot go on."""
    from clew.read.kinds import read_bytes

    response = how["response"] and hashlib.sha256(read_bytes(how["response"])).hexdigest()
    settings = {"threshold": detector.threshold, "join": detector.join, "ignore": detector.ignore}
    return {
        "model_sha256": detector.forest.sha256,
        "settings": settings | dict(how) | {"response": response},
        "sha256": dict(sha256),
        "recordings": [one.name for one in recordings],
    }


def _replaced(out: Path | None) -> list[str]:
    """Say that a file holds earlier events, which go when it is written."""
    there = out is not None and out.exists() and out.stat().st_size > 0
    return [f"Replaced the earlier events in {out}."] if there else []


def _check_dated(out: Path | None, recordings: Sequence[Recording]) -> None:
    bare = [one.name for one in recordings if not one.dated]
    check(
        not bare or out is None or out.suffix.casefold() != ".xml",
        SettingError,
        "The recordings of a QuakeML file must be dated. Got '{}', whose times count from its start: write a .csv instead.",
        *bare[:1],
    )


# ---- live ----
def _listen(
    detector: Detector, folder: Path, paths: list[Path], out: Path | None, how: Mapping[str, Any]
) -> Outcome:
    """Follow what grows, and print each event as one line of JSON when it has ended."""
    from clew.learn.apply import check_output
    from clew.learn.live import Live
    from clew.measure.measured import counted
    from clew.read.live import KEEP, follow

    check(
        len(paths) == 1 and how["response"] is None,
        SettingError,
        "A live run must follow one file, or standard input ('-'), without --response. Got {}{}.",
        counted(len(paths), "path"),
        " and a response" * (how["response"] is not None),
    )
    if out is not None:
        check_output(out, None, inputs=paths, formats=FORMATS, ours=_holds_events)
    live, log = Live(detector), logging.getLogger("clew")
    events: list[Event] = []
    notes: list[str] = []
    told = 0  # notes that were said already
    why_not: dict[str, list[str]] = {}
    heard: list[LiveRecording] = []
    with _until_interrupted() as asked:
        keep = max(KEEP, live.memory())
        come = follow(paths[0], rate=how["rate"], time=how["time"], stop=asked.is_set, keep=keep, notes=notes)
        for recordings in come:
            for one in recordings:
                if one.name not in why_not:
                    _check_dated(out, [one])
                    why_not[one.name] = _unfit(detector, one)
                    notes += why_not[one.name]
                    if not why_not[one.name]:
                        log.info(_latency(live, one))
                if not why_not[one.name]:
                    events += _print(live.grow(one))
            check(
                recordings.waits or not all(why_not.values()),
                DataError,
                "No recording fits the model. {}",
                " ".join(notes),
            )
            if not all(why_not.values()):  # else the refusal says it
                for note in sentences(notes[told:]):
                    log.warning(note)
                told = len(notes)
            heard = recordings
            if asked.is_set():
                break
    events += _print(live.close())
    result = detector.result(list(live.scans.values()), events, [*notes, *_replaced(out)])
    if out is not None:
        write_events(result, out, plan=detector.plan)
    lossless = all(one.whole for one in heard) and not any(why_not.values())
    outcome = _outcome(result, folder, detector.forest, out, None, [], status=0 if lossless else 1)
    for line in outcome.lines:
        log.info(line)  # on stderr: events alone are on stdout
    return replace(outcome, lines=[])


def _print(events: list[Event]) -> list[Event]:
    for one in events:
        sys.stdout.write(_line(one.row()))
        sys.stdout.flush()
    return events


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _unfit(detector: Detector, recording: Recording) -> list[str]:
    """Return why a recording does not fit the model, if it does not; how long it is does not matter."""
    try:
        detector.check_sensor(recording)
    except DataError as error:
        return [f"Left out: {error}"]
    return []


def _latency(live: Live, recording: Recording) -> str:
    """Say how long after its end a window is known, and why."""
    from clew.read.recording import spell_seconds

    plan, delay = live.detector.plan, live.delay(recording.rate)
    filtered = plan.highpass is not None or plan.lowpass is not None
    why = " (the filter is zero-phase and hears what comes later; a causal one does not)"
    because = why if filtered and plan.phase == "zero" else ""
    return f"Listening to {recording.name}; a window is known {spell_seconds(delay)} after its end{because}. Ctrl-C ends it."


@contextlib.contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and SIGTERM set; they interrupt nothing, so that what has come is worked off first."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only there signals can be caught
        yield asked
        return
    before = {one: signal.signal(one, lambda *_: asked.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


# ---- what is written ----
def write_events(events: Events, path: Path, *, plan: WindowPlan | None = None) -> Path:
    """Write events whole, as the name says: CSV, Parquet, JSON lines or QuakeML, which tells how windows were cut."""
    kind = path.suffix.casefold()
    if kind == ".xml":
        from clew.read.quakeml import write_quakeml

        component = plan.components[plan.of[0]] if plan else ""
        return write_quakeml(
            events.to_frame(), path, component=component, window=plan.window if plan else None
        )
    if kind == ".jsonl":
        return write_whole(path, "".join(map(_line, events.rows())).encode())
    if kind == ".csv":  # without pandas, which takes as much memory as all the rest
        return write_whole(path, _csv(events).encode())
    from clew.learn.apply import write_table

    return write_table(events.to_frame(timestamps=True), path)


def _csv(events: Events) -> str:
    """Return the table of events as text."""
    from clew.learn.events import COLUMNS

    out = io.StringIO(newline="")
    table = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(events[i].row() for i in range(len(events)))
    return out.getvalue()


def _holds_events(path: Path) -> bool:
    """Tell whether a file begins as `write_events` lets it begin; an empty one is nobody's."""
    from clew.learn.events import COLUMNS

    kind = path.suffix.casefold()
    if not path.stat().st_size:
        return True
    if kind == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return tuple(pq.read_schema(path).names) == COLUMNS
        except (OSError, pa.ArrowInvalid):
            return False
    with open(path, "rb") as file:
        begin = file.read(1000)
    if kind == ".xml":
        return b'publicID="smi:local/clew/events/' in begin
    return begin.startswith({".csv": ",".join(COLUMNS).encode(), ".jsonl": b'{"recording": '}[kind])


# ---- what is said ----
def _outcome(
    result: Events,
    folder: Path,
    forest: Forest,
    out: Path | None,
    recorded: Any,
    own: list[str],
    *,
    status: int,
) -> Outcome:
    remarks = sentences([*result.notes, *own])
    found = result.headline()
    shown = [result[i] for i in range(min(len(result), SHOWN))]
    width = max((len(one.recording) for one in shown), default=0)
    listing = [
        f"  {one.row()['start']}  {one.end - one.start:>7.1f} s  {one.recording:<{width}}  {one.label} {one.probability:.2f}"
        for one in shown
    ]
    more = len(result) - len(shown)
    lines = [
        f"{found[0].upper()}{found[1:]}.",
        *listing,
        *([f"  ... and {more:,} more"] if more > 0 else []),
        f"{f'In {out}, by' if out else 'By'} {folder.name} (sha256 {forest.sha256[:12]}).",
        *remarks,
    ]
    data = {**result.summary(), "out": out and str(out), "model": str(folder), "model_sha256": forest.sha256}
    data.pop("notes")
    return Outcome(lines, data, recorded, result, remarks, status)
