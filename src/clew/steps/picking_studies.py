"""Picks in studies: found by a model, told by people or by files, learnt from; sealed rows are neither read nor shown."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, MissingError, SettingError, check
from clew.result import settings_of
from clew.steps.networks import need_torch
from clew.steps.outcome import OnProgress, Outcome, sentences
from clew.steps.picking import gathered

if TYPE_CHECKING:
    from clew.measure.picks import Picks
    from clew.neural.picking_step import PickedWaveforms
    from clew.read.picks import KnownPick
    from clew.read.recording import Recording
    from clew.samples import Samples
    from clew.study.study import Step, Study

PICKERS = ("phasenet", "eqtransformer")


# ---- recordings without what is sealed ----
def open_recordings(study: Study) -> tuple[list[Recording], list[str], dict[str, str]]:
    """Return the recordings of a study without the spans of sealed rows, what is to be said, and the hashes of their files.

    Raises
    ------
    DataError
        If its rows are no windows of recordings, or all of them are sealed.
    """
    from clew.study.picks import spans_of

    study.need_rows()
    kind = study.facts()["kind"]
    check(kind == "signal", DataError, "The study '{}' must be of recordings to be picked. Got one of kind '{}'.", study.folder, kind)  # fmt: skip
    recordings, notes = _all_recordings(study), list[str]()
    spans = spans_of(study)
    kept = [
        without(one, spans.sealed.get(one.name), spans.opened.get(one.name))
        for one in recordings
        if one.name in spans.opened
    ]
    left = len(recordings) - len(kept)
    check(kept, DataError, "The study '{}' must have open rows in recordings. Got none.", study.folder)
    if left:
        notes.append(f"{left} recording{'s have' if left > 1 else ' has'} no open rows and {'are' if left > 1 else 'is'} not looked at.")  # fmt: skip
    return kept, notes, {one.name: one.sha256 for one in study.sources()}


def _all_recordings(study: Study) -> list[Recording]:
    from clew.steps.showing import Windows

    return list(Windows(study).by_name.values())


def without(recording: Recording, sealed: np.ndarray | None, opened: np.ndarray | None) -> Recording:
    """Return a recording without the moments that lie in sealed rows and in no open one, as if they were gaps.

    Parameters
    ----------
    recording : Recording
    sealed, opened : ndarray of float64, shape (n, 2), optional
        Start and end of rows, in s.
    """
    if sealed is None or not len(sealed):
        return recording
    hidden = _subtracted(
        _merged(sealed), _merged(opened) if opened is not None and len(opened) else np.empty((0, 2))
    )
    channels = tuple(
        replace(
            one,
            stretches=tuple(
                part for stretch in one.stretches for part in _parts(stretch, hidden, recording.rate)
            ),
        )
        for one in recording.channels
    )
    return replace(recording, channels=channels)


def _merged(spans: np.ndarray) -> np.ndarray:
    """Return spans that overlap as one, sorted, (n, 2)."""
    found: list[list[float]] = []
    for start, end in sorted(spans.tolist()):
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return np.array(found, np.float64).reshape(-1, 2)


def _subtracted(spans: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return what of sorted spans lies in none of the others, (n, 2)."""
    left = []
    for start, end in spans.tolist():
        at = start
        for low, high in others[(others[:, 1] > start) & (others[:, 0] < end)].tolist():
            if low > at:
                left.append((at, low))
            at = max(at, high)
        if at < end:
            left.append((at, end))
    return np.array(left, np.float64).reshape(-1, 2)


def _parts(stretch: Any, hidden: np.ndarray, rate: float) -> list[Any]:
    """Return the parts of a stretch of samples outside of spans."""
    parts, at = [], 0
    for start, end in hidden.tolist():
        first = min(stretch.n, max(0, int(np.ceil((start - stretch.start) * rate - 1e-6))))
        stop = min(stretch.n, max(0, int(np.ceil((end - stretch.start) * rate - 1e-6))))
        if first > at:
            parts.append((at, first))
        at = max(at, stop)
    if at < stretch.n:
        parts.append((at, stretch.n))
    return [
        replace(stretch, start=stretch.start + a / rate, n=b - a, offset=stretch.offset + a) for a, b in parts
    ]


# ---- found ----
def _open_picks(study: Study, picks: Picks) -> Picks:
    """Leave picks in sealed rows out."""
    from clew.study.picks import is_sealed, spans_of

    spans = spans_of(study)
    sealed = [is_sealed(spans, *one) for one in zip(picks.recording.tolist(), picks.time.tolist())]
    return picks.take(np.flatnonzero(~np.array(sealed, bool))) if any(sealed) else picks


def record_picks(study: Study, picks: Picks, *, seconds: float) -> tuple[Picks, Step]:
    """Put picks of a model on record, but for those that lie in sealed rows."""
    picks = _open_picks(study, picks)
    recorded = study.record(
        picks,
        verb="pick",
        function="clew.neural.scan:scan",
        sees="open",
        inputs={"model": picks.model_sha256, "steps": [], "labels": 0},
        seconds=seconds,
    )
    return picks, recorded


def picked_again(study: Study, one: Step) -> Picks:
    """Pick once more as a step on record did, without recording anything.

    Raises
    ------
    MissingError
        If its model is neither among those of the study nor one that comes with clew.
    """
    need_torch()
    from clew.neural.pickers import PICKERS, shipped_picker
    from clew.neural.scan import scan
    from clew.neural.seisbench_pair import load_picker

    how = one.settings
    wanted = how["model_sha256"]
    own = (load_picker(study.folder / each["path"]) for each in study.models() if each["sha256"] == wanted)
    shipped = (one for one in map(shipped_picker, PICKERS) if one.sha256 == wanted)
    model = next(itertools.chain(own, shipped), None)
    if model is None:
        raise MissingError(
            f"The model of the picks (sha256 {wanted[:12]}) must be one of the study, or one that comes with clew, to check them. Got none."
        )
    recordings, _, _ = open_recordings(study)
    picks = scan(
        model, recordings, overlap=how["overlap"], stacking=how["stacking"], blinding=how["blinding"],
        thresholds=how["thresholds"], missing=how["missing"], shortest=how["shortest"], engine=how["engine"],
    )  # fmt: skip
    return _open_picks(study, picks)


# ---- told ----
def label_picks(study: Study, file: Path, *, who: str | None = None) -> Outcome:
    """Record the picks in a file, or in the recordings' own files, as what people say of the open recordings of a study.

    Nothing is recorded unless all fits; picks in sealed rows are left out and counted.
    """
    notes: list[str] = []
    recordings = _all_recordings(study)
    known, hidden = _known_picks(study, file, recordings, notes)
    journal = _journal(study)
    said = {(one.recording, one.phase, round(one.time, 3)) for one in journal.picks()}
    spans = {one.name: (one.start, one.time(one.n - 1)) for one in recordings}
    added = 0
    for one in known:
        if (one.recording, one.phase, round(one.time, 3)) in said:
            continue
        journal.put_pick(_client(file, one), recording=one.recording, phase=one.phase, time=one.time, span=spans[one.recording], who=who)  # fmt: skip
        added += 1
    if hidden:
        notes.append(f"{hidden} picks lie in sealed rows and were left out.")
    stand = len(journal.picks())
    lines = [
        f"{added} picks from '{file.name}' put on record{f', {len(known) - added} stood there already' if added < len(known) else ''}; {stand} stand.",
        *sentences(notes),
        f"Next: clew train {study.folder} --model phasenet --from small",
    ]
    return Outcome(lines, {"picks": added, "standing": stand, "sealed": hidden}, warnings=notes)


def _known_picks(
    study: Study, file: Path, recordings: list[Recording], notes: list[str]
) -> tuple[list[KnownPick], int]:
    """Return the picks of a file that lie in open rows or in none, and how many lie in sealed ones."""
    from clew.read.picks import read_picks
    from clew.study.picks import is_sealed, spans_of

    spans = spans_of(study)
    found = read_picks(file, recordings, notes=notes)
    kept = [
        one
        for one in found
        if one.recording in spans.opened and not is_sealed(spans, one.recording, one.time)
    ]
    return kept, len(found) - len(kept)


def _client(file: Path, one: KnownPick) -> str:
    """Return the name of the act: the same pick of the same file is recorded once, however often it is given."""
    return hashlib.sha256(f"{file.name} {one.recording} {one.phase} {one.time!r}".encode()).hexdigest()[:40]


def _journal(study: Study) -> Any:
    from clew.study.journal import Journal

    return Journal(study)


def standing(study: Study) -> list[KnownPick]:
    """Return the picks that people put, and that stand, as what can be learnt from."""
    from clew.read.picks import KnownPick
    from clew.study.picks import standing_picks

    return [
        KnownPick(one.recording, one.phase, one.time, source=f"put by {one.who}")
        for one in standing_picks(study)
        if one.kind == "put"
    ]


def people_picks(study: Study) -> Picks:
    """Return the picks of people as a result that can be written to files."""
    from clew.measure.picks import picks_of_people

    said = standing(study)
    check(said, DataError, "The study '{}' must hold picks of people to export them. Got none.", study.folder)
    return picks_of_people(said, _all_recordings(study))


# ---- learnt from ----
def waveforms_cutter(study: Study, *, model: str, from_: str) -> Callable[[Samples], PickedWaveforms]:
    """Return what cuts waveforms around the picks of people in the open recordings: ``raw`` of `Study.run`."""
    return partial(_waveforms, study, model, from_)


def _waveforms(study: Study, model: str, from_: str, samples: Samples) -> PickedWaveforms:
    from clew.neural.picking_step import PickedWaveforms
    from clew.neural.picking_training import fresh_picker
    from clew.neural.picking_waveforms import waveforms_of
    from clew.neural.seisbench_pair import load_picker

    recordings, notes, _ = open_recordings(study)
    there = {one.name for one in recordings}
    picks = [one for one in standing(study) if one.recording in there]
    check(picks, DataError, "The study '{0}' must hold picks to learn from: clew label {0} PICKS --picks, or put them on its page. Got none.", study.folder)  # fmt: skip
    net = load_picker(from_) if from_ else fresh_picker(model)
    found = waveforms_of(
        recordings, picks, rate=net.rate, components=net.components, window=net.window / net.rate, notes=notes
    )
    return PickedWaveforms(samples.sample, found, net.rate, net.components, notes)


def train_picker(
    study: Study,
    also: Callable[..., None],
    placed: dict[str, str],
    *,
    model: str,
    on_progress: OnProgress | None,
    settings: dict[str, Any],
) -> Outcome:
    """Train a picker on the picks of people in the open recordings, put it on record, and say how good it is.

    Parameters
    ----------
    study : Study
    also : callable
        Saves the model in the transaction that records it, and puts its "name" into ``placed``.
    placed : dict
    model : {"phasenet", "eqtransformer"}
    """
    need_torch()
    from clew.neural.picking_step import train_picks

    for name in settings:
        check(name in settings_of(train_picks), SettingError, "The setting --{} must go with another model. Got --model {}.", name.strip("_").replace("_", "-"), model)  # fmt: skip
    began = time.perf_counter()
    raw: Any = waveforms_cutter(study, model=model, from_=settings.get("from_", ""))
    recorded, made = study.run(
        train_picks, raw=raw, on_progress=on_progress, also=also, model=model, **settings
    )
    path = study.folder / "models" / placed["name"]
    lines = [
        *sentences([made.headline()]),
        *_thresholds(made),
        *sentences(gathered(made.notes)),
        f"Saved as {path} (sha256 {made.sha256[:12]}) after {time.perf_counter() - began:.0f} s.",
        f"Next: clew pick {study.folder} --model {path}",
    ]
    data = {**made.summary(), "model": str(path), "sha256": made.sha256, "thresholds": made.thresholds, "validation": made.validation}  # fmt: skip
    return Outcome(lines, data, recorded, made, made.notes)


def _thresholds(made: Any) -> list[str]:
    told = ", ".join(f"{label} {value:g}" for label, value in made.thresholds.items())
    held = made.validation.get("stations", ())
    whose = (
        f"chosen on {len(held)} stations that it did not learn from"
        if held
        else "the usual ones: no station was held out"
    )
    return [f"Thresholds: {told} ({whose})."] if told else []
