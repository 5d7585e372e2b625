"""The verb that picks: from recordings of any length, or those of a study, to arrivals of P and S; a run that was killed goes on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter as time_now  # "time" is a setting of the verb
from typing import TYPE_CHECKING, Any, Literal

from clew.errors import DataError, SettingError, Stopped, check
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.steps.picking_scores import Judged, judged, known_picks

if TYPE_CHECKING:
    from clew.learn.progress import Progress
    from clew.measure.association import Associated
    from clew.measure.picks import Picks
    from clew.neural.scan import Answers, Found, Scan, Scanner
    from clew.read.recording import Recording
    from clew.study.study import Step, Study
    from clew.validate.picks import PickScores

FORMATS = (".csv", ".parquet", ".pq", ".jsonl", ".ndjson", ".xml", ".qml", ".quakeml")
QUAKEML = (".xml", ".qml", ".quakeml")
EVERY = 3600.0  # s of data between two notes of how far a run has come
SHOWN, STATIONS_SHOWN = 8, 12  # picks and stations that a person is told of
OF_ONE, MANY = (
    re.compile(r"'(?P<name>[^']+)': (?P<rest>.*)", re.DOTALL),
    3,
)  # notes about one recording; from so many alike on they are one
SMALL = "small"  # the model that comes with clew


def pick(
    paths: list[Path],
    *,
    out: Path | None = None,
    model: str = SMALL,
    threshold: list[str] | None = None,
    overlap: float | None = None,
    stacking: Literal["auto", "mean", "max"] = "auto",
    missing: Literal["zeros", "copy", "refuse"] = "zeros",
    shortest: float = 1.0,
    rate: float | None = None,
    time: str | None = None,
    stations: Path | None = None,
    least_picks: int = 8,
    truth: Path | None = None,
    engine: Literal["auto", "torch", "onnx"] = "auto",
    batch_size: int = 64,
    threads: int | None = None,
    restart: bool = False,
    on_progress: OnProgress | None = None,
) -> PickOutcome:
    """Pick the arrivals of P and S waves in recordings of any length, or in those of a study.

    How far a run has come stands in a file beside the output (``.NAME.progress``): one that was killed goes on there, if it is
    started again with the same model, settings and recordings, and writes the same bytes. Of a study, the picks go on record,
    and onto its page, where people confirm, move and delete them; sealed rows are not looked at.

    Parameters
    ----------
    paths : list of Path
        Recordings, and folders of them; or one study of recordings.
    out : Path
        QuakeML (.xml), CSV, Parquet (.parquet) or JSON lines (.jsonl); may be left out for a study.
    model : str
        "small", which comes with clew; a folder that clew train saved; or weights of SeisBench, NAME.json.vN or NAME.pt.vN.
    threshold : list of str
        From which probability a label counts, where the model's own does not suit: P=0.4 S=0.3.
    overlap : float
        What a window shares with the next, in samples, or below 1 as a share of it.
    stacking : {"auto", "mean", "max"}
        How the answers of windows that overlap become one; as the model says by default.
    missing : {"zeros", "copy", "refuse"}
        What stands for a component that is not there: nothing, the first that is there, or an error.
    shortest : float
        Runs without a gap that are shorter are left out, in s; those shorter than a window are padded.
    rate : float
        In Hz, for files that do not tell it.
    time : str
        The column of the time, in tables.
    stations : Path
        Where stations are, as StationXML, or a table with station, latitude, longitude, elevation: picks of one earthquake are
        put together.
    least_picks : int
        How many picks an earthquake must have, where picks are put together.
    truth : Path
        Known picks, in any form that clew reads, to score the picks by; the pickers that need no net are scored beside.
    engine : {"auto", "torch", "onnx"}
        What computes; "auto" is ONNX Runtime where it is installed and the work is long.
    batch_size : int
        Windows that are asked together; the picks do not depend on it.
    threads : int
        Cores to use; all of them by default. The picks do not depend on it.
    restart : bool
        Begin anew, where an earlier run was stopped.

    Raises
    ------
    DataError
        If no recording can be read, or none fits the model.
    SettingError
        If a setting is out of range, or the output holds anything but picks.
    Stopped
        If ``on_progress`` said so, or Ctrl-C was pressed; what was found is kept for the next run.
    """
    from clew.steps.networks import need_torch

    began = time_now()
    need_torch()
    from clew.neural.scan import Scanner, fitting_recordings, the_engine, with_doubts
    from clew.neural.seisbench_pair import load_picker

    study = study_in(paths)
    check(
        out is not None or study is not None,
        SettingError,
        "The setting --out must name the file to write. Got none.",
    )
    how: dict[str, Any] = {"overlap": overlap, "missing": missing, "shortest": shortest, "thresholds": thresholds_in(threshold)}  # fmt: skip
    scanner = Scanner(load_picker(model), stacking=None if stacking == "auto" else stacking, **how)
    heard = _heard(paths, study, rate=rate, time=time)
    _check_out(out, heard)
    fitting, misfits = fitting_recordings(scanner, heard.recordings)
    _check_stations(stations, least_picks, fitting)
    known = known_picks(truth, fitting, heard.notes)
    asks = the_engine(scanner, fitting, engine=engine, threads=threads)
    made = {
        "settings": scanner.settings(asks),
        "rate": rate,
        "time": time,
        "recordings": [one.name for one in fitting],
    }
    progress = _progress(
        out if study is None or out is not None else study.folder / "picks", made, heard, restart
    )
    try:
        found, said = _found(scanner, fitting, asks, batch_size, progress, on_progress)
    except (KeyboardInterrupt, Stopped) as stopped:
        raise Stopped("Stopped; what was found is kept, and the same command goes on.") from stopped
    notes = [*heard.notes, *heard.failed, *misfits, *said, *progress.notes, *_replaced(out)]
    picks = with_doubts(scanner.result(found, asks, notes=notes), fitting)
    picks, recorded = _recorded(study, picks, time_now() - began)
    events = _associated(picks, stations, least_picks)
    if out is not None:
        from clew.measure.pick_files import write_picks

        write_picks(picks, out, associated=events)
    progress.remove()
    against = judged(picks, known, fitting, learnt_from=scanner.model.trained_on)
    data: dict[str, Any] = {**picks.summary(), "out": None if out is None else str(out), "thresholds": scanner.thresholds, "stations": _by_station(picks)}  # fmt: skip
    data |= {"events": len(events)} if events is not None else {}
    data |= against.summary() if against is not None else {}
    lines = [*_told(picks, events, against), *_following(out, study)]
    status = 1 if heard.failed or misfits else 0
    return PickOutcome(
        lines,
        data,
        recorded,
        picks,
        picks.notes,
        status=status,
        scores=against.scores if against else None,
        recordings=fitting,
    )


# ---- what is picked in ----
@dataclass(frozen=True)
class PickOutcome(Outcome):
    """What the verb says, and what a picture of it needs beside the picks.

    Parameters
    ----------
    scores : PickScores, optional
        Where there were known picks.
    recordings : sequence of Recording
        Those that were picked in.
    """

    scores: PickScores | None = None
    recordings: Sequence[Recording] = ()


@dataclass(frozen=True)
class _Heard:
    """Recordings of files or of a study, and what is to be said of them."""

    recordings: list[Recording]
    notes: list[str]
    sha256: dict[str, str]
    failed: list[str] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)


def _heard(paths: Sequence[Path], study: Study | None, *, rate: float | None, time: str | None) -> _Heard:
    """Open the recordings: of a study those with open rows, of files all that can be read."""
    if study is not None:
        from clew.steps.picking_studies import open_recordings

        check(rate is None and time is None, SettingError, "The --rate and --time of recordings must be said when a study is made. Got them with a study.")  # fmt: skip
        return _Heard(*open_recordings(study))
    from clew.read.recordings import find_recordings, read_recordings

    inputs = find_recordings(paths)
    read = read_recordings(paths, rate=rate, time=time, lenient=True)
    failed = [f"Left out: {sentence}" for sentence in read.failed]
    return _Heard(list(read.recordings), list(read.notes), dict(read.sha256), failed, list(inputs))


def _recorded(study: Study | None, picks: Picks, seconds: float) -> tuple[Picks, Step | None]:
    """Put picks in a study on record, without those in sealed rows."""
    if study is None:
        return picks, None
    from clew.steps.picking_studies import record_picks

    return record_picks(study, picks, seconds=seconds)


def study_in(paths: Sequence[Path]) -> Study | None:
    """Return the study that a path is, if it is the only one and one."""
    if len(paths) != 1 or not (Path(paths[0]) / "study.sqlite").is_file():
        return None
    from clew.study.study import Study

    return Study(paths[0])


def thresholds_in(given: Sequence[str] | None) -> dict[str, float]:
    """Return what ``P=0.4`` and the like say.

    Raises
    ------
    SettingError
        If one is not such.
    """
    found = {}
    for text in given or ():
        for part in text.replace(",", " ").split():
            label, _, value = part.partition("=")
            try:
                found[label] = float(value)
            except ValueError:
                raise SettingError(
                    f"The --threshold of picking must be such as P=0.4. Got '{part}' instead."
                ) from None
    return found


def _check_out(out: Path | None, heard: _Heard) -> None:
    """Refuse an output that cannot be written, or holds something else, before there is work."""
    if out is None:
        return
    from clew.learn.apply import check_output

    check_output(out, None, inputs=heard.inputs, formats=FORMATS, ours=_holds_picks)
    bare = [one.name for one in heard.recordings if not one.dated]
    check(not bare or out.suffix.casefold() not in QUAKEML, SettingError, "The recordings of a QuakeML file must be dated. Got '{}', whose times count from its start: write a .csv instead.", *bare[:1])  # fmt: skip


def _holds_picks(path: Path) -> bool:
    from clew.errors import ClewError
    from clew.measure.pick_files import read_pick_file

    try:
        read_pick_file(path)
    except ClewError:
        return False
    return True


def _check_stations(stations: Path | None, least_picks: int, recordings: Sequence[Recording]) -> None:
    """Refuse before there is work what could not be put together after it."""
    if stations is None:
        return
    from clew.measure.association import check_least, need_pyocto
    from clew.read.stations import read_stations

    check_least(least_picks)
    need_pyocto()
    read_stations(stations)
    bare = [one.name for one in recordings if not one.dated]
    check(not bare, DataError, "The recordings whose picks are put together must be dated. Got '{}', whose times count from its start.", *bare[:1])  # fmt: skip


def _progress(place: Path | None, made: dict[str, Any], heard: _Heard, restart: bool) -> Progress:
    from clew.learn.progress import Progress
    from clew.neural.scan import Found

    assert place is not None
    text = hashlib.sha256(repr(sorted(heard.sha256.items())).encode()).hexdigest()
    beside = place.with_name(f".{place.name}.progress")
    return Progress(beside, made | {"sha256": text}, restart=restart, of=Found)


def _found(
    scanner: Scanner,
    recordings: Sequence[Recording],
    engine: Answers,
    batch_size: int,
    progress: Progress,
    on_progress: OnProgress | None,
) -> tuple[list[Found], list[str]]:
    """Go along the recordings from where an earlier run was, and note every hour of data how far this one is."""
    progress.begin()
    found: list[Any] = list(progress.events)
    new: list[Any] = []
    scans: dict[str, Scan] = {}
    moved: dict[str, Scan] = {}  # since the last note
    steps = scanner.walk(
        recordings, engine, batch_size=batch_size, begun=progress.states, on_progress=on_progress
    )
    for scan, some in steps:
        scans[scan.recording.name] = scan
        found += some
        new += some
        if progress.is_behind(scan):
            moved[scan.recording.name] = scan
        if sum(progress.seconds_behind(one) for one in moved.values()) >= EVERY:
            progress.note(list(moved.values()), new)
            moved, new = {}, []
    earlier = [note for state in progress.states.values() for note in state.get("notes", ())]
    return found, [*earlier, *(note for one in scans.values() for note in one.notes)]


def _replaced(out: Path | None) -> list[str]:
    there = out is not None and out.exists() and out.stat().st_size > 0
    return [f"Replaced the earlier picks in {out}."] if there else []


def _associated(picks: Picks, stations: Path | None, least_picks: int) -> Associated | None:
    if stations is None:
        return None
    from clew.measure.association import associate
    from clew.read.stations import read_stations

    return associate(picks, read_stations(stations), least_picks=least_picks)


# ---- what is said ----
def _by_station(picks: Picks) -> dict[str, dict[str, int]]:
    told: dict[str, dict[str, int]] = {}
    for station, phase in zip(picks.station.tolist(), picks.phase.tolist()):
        of = told.setdefault(station, {})
        of[phase] = of.get(phase, 0) + 1
    return told


def _told(picks: Picks, events: Associated | None, against: Judged | None) -> list[str]:
    from clew.read.recording import spell_time

    lines = [*sentences([picks.headline()])]
    by = _by_station(picks)
    for station, phases in list(by.items())[:STATIONS_SHOWN]:
        lines.append(f"  {station}: {', '.join(f'{n} {phase}' for phase, n in sorted(phases.items()))}")
    if len(by) > STATIONS_SHOWN:
        lines.append(f"  ... and {len(by) - STATIONS_SHOWN} stations more")
    for i in range(min(SHOWN, len(picks))):
        at = spell_time(float(picks.time[i]), dated=bool(picks.dated[i]))
        spread = f" +- {picks.uncertainty[i]:.2f} s" if picks.uncertainty[i] == picks.uncertainty[i] else ""
        lines.append(
            f"  {picks.phase[i]}  {at}{spread}  {picks.recording[i]}  probability {picks.probability[i]:.2f}"
        )
    if len(picks) > SHOWN:
        lines.append(f"  ... and {len(picks) - SHOWN} more")
    if events is not None:
        lines += sentences([events.headline()])
    if against is not None:
        lines += against.told()
    return [*lines, *sentences(gathered(picks.notes))]


def gathered(notes: Sequence[str]) -> list[str]:
    """Say what is to be said of many recordings once: of such as differ in numbers alone, as it is for the first."""
    by: dict[str, list[tuple[str, str]]] = {}
    for note in notes:
        match = OF_ONE.fullmatch(note)
        name, rest = (match["name"], match["rest"]) if match else ("", note)
        by.setdefault(re.sub(r"[\d.]+", "", rest) if match else note, []).append((name, rest))
    told = []
    for some in by.values():
        name, rest = some[0]
        names = ", ".join(f"'{one}'" for one, _ in some[:2])
        if len(some) < MANY or not name:
            told += [f"'{one}': {each}" if one else each for one, each in some]
        elif len({each for _, each in some}) == 1:
            told.append(f"{len(some)} recordings ({names}, ...): {rest}")
        else:
            told.append(
                f"{len(some)} recordings ({names}, ...): {rest.rstrip('.')}, in the first; in the others likewise."
            )
    return told


def _following(out: Path | None, study: Study | None) -> list[str]:
    lines = [] if out is None else [f"Written: {out}"]
    return (
        [*lines, f"Next: clew serve {study.folder} (confirm, move and delete picks by keyboard)"]
        if study
        else lines
    )
