"""The room of picks: recordings with what a model says of them, and what people make of it, by keyboard."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app import jobs
from clew.app.handling import Bulk, handles
from clew.app.picking_desk import BANDS, Candidates, Desk, desk_of, rows_of
from clew.app.traces import thinned
from clew.errors import DataError, check
from clew.learn.next_picks import next_picks
from clew.study.journal import Delivery

if TYPE_CHECKING:
    from clew.app.session import Session, Ticket
    from clew.read.recording import Recording
    from clew.study.picks import StudyPick

MOST_SAMPLES = 2_000_000  # of a component that are read for one picture
MOST_ASKED = 400_000  # samples of which a model is asked for one picture
MOST_POINTS = 4_096  # columns of one picture
MOST_NEXT = 20  # picks that are proposed at once


# ---- what there is ----
@handles("picks.open")
def open_room(session: Session) -> dict[str, Any]:
    """Return the recordings that may be picked, the models, the bands, and what the last step found."""
    desk = desk_of(session.workspace)
    said = Counter(one.recording for one in desk.journal.picks())
    step, found = desk.last_step(), desk.candidates("")
    held = [desk.recording(name) for name in desk.names()]
    picked = None
    if step is not None and found is not None:
        picked = {
            "id": step.id,
            "n": len(found.time),
            "headline": step.headline,
            "model": desk.named(found.model),
        }
    return {
        "recordings": [_described(one) | {"said": said[one.name]} for one in held],
        "sealed": desk.held_back(),
        "models": desk.models(),
        "bands": list(BANDS),
        "step": picked,
    }


def _described(recording: Recording) -> dict[str, Any]:
    return {
        "name": recording.name,
        "station": recording.station or recording.name,
        "start": recording.start,
        "lasts": recording.duration,
        "rate": recording.rate,
        "dated": recording.dated,
        "components": [recording.components[row] for row in rows_of(recording)],
    }


@handles("picks.of")
def picks_of(session: Session, *, recording: str, model: str = "") -> dict[str, Any]:
    """Return what people said of a recording, and the picks of a model (of "" the last step's) with whether somebody judged them."""
    desk = desk_of(session.workspace)
    said, found = desk.journal.picks(desk.recording(recording).name), desk.candidates(model)
    told: list[dict[str, Any]] = []
    if found is not None:
        own = found.take(found.recording == recording)
        judged = own.judged(said)
        for i, mark in enumerate(judged.tolist()):
            threshold = desk.threshold(model, str(own.phase[i]))
            told.append(_candidate(own, i) | {"judged": mark, "threshold": threshold})
    return {
        "recording": recording,
        "picks": [_in_words(one) for one in said],
        "candidates": told,
        "model": found.model if found is not None else "",
        "heard": desk.heard(model, recording),
    }


def _candidate(found: Candidates, i: int) -> dict[str, Any]:
    return {
        "recording": str(found.recording[i]),
        "phase": str(found.phase[i]),
        "time": float(found.time[i]),
        "probability": float(found.probability[i]),
    }


def _in_words(one: StudyPick) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("client", "who", "at", "phase", "time", "kind", "probability", "asked")}  # fmt: skip


@handles("picks.next")
def following(session: Session, *, model: str = "") -> dict[str, Any]:
    """Return the picks of a model that nobody has judged, those first of which there is most to learn, and how many there are."""
    desk = desk_of(session.workspace)
    found = desk.candidates(model)
    if found is None:
        return {"next": [], "left": 0, "n": 0}
    threshold = np.array([desk.threshold(model, one) for one in found.phase.tolist()])
    order = next_picks(found.probability, found.station, threshold=threshold, judged=found.judged(desk.journal.picks()))  # fmt: skip
    told = [_candidate(found, int(i)) | {"threshold": float(threshold[i])} for i in order[:MOST_NEXT]]
    return {"next": told, "left": len(order), "n": len(found.time)}


# ---- pictures ----
@handles("picks.trace")
def trace(
    session: Session,
    *,
    recording: str,
    start: float,
    lasts: float,
    points: int,
    band: str = "as recorded",
) -> Bulk:
    """Return a piece of a recording, ``start`` s behind its first sample: smallest and largest value of each of ``points`` columns, (n_components, 2 n) of float32."""
    desk = desk_of(session.workspace)
    held = desk.recording(recording)
    first, stop = _piece(held, start, lasts, MOST_SAMPLES)
    values, n = thinned(desk.piece(held, first, stop, band=band), min(max(2, points), MOST_POINTS))
    names = [held.components[row] for row in rows_of(held)]
    meta = {
        "recording": recording,
        "start": first / held.rate,
        "lasts": (stop - first) / held.rate,
        "n": n,
        "components": names,
    }
    return Bulk(meta, [values])


@handles("picks.curves", on="painter")
def curves(
    session: Session, *, recording: str, start: float, lasts: float, points: int, model: str, ticket: Ticket
) -> Bulk:
    """Return what a model says of a piece: the highest probability of each label in each of ``points`` columns, (n_labels, n) of float32; 2 where it says nothing."""
    desk = desk_of(session.workspace)
    held = desk.recording(recording)
    first, stop = _piece(held, start, lasts, MOST_ASKED)
    if ticket.stale:
        return Bulk({}, [])
    found = desk.curves(model, held, first, stop)
    shown = [i for i, label in enumerate(found.labels) if label != "N"]
    n = min(max(2, points), MOST_POINTS, found.probability.shape[1])
    edges = (np.arange(n) * found.probability.shape[1]) // n
    highest = np.fmax.reduceat(found.probability[shown], edges, axis=1)
    labels = [found.labels[i] for i in shown]
    meta = {
        "recording": recording,
        "start": first / held.rate,
        "lasts": (stop - first) / held.rate,
        "n": n,
        "labels": labels,
        "thresholds": [desk.threshold(model, one) for one in labels],
        "notes": found.notes,
    }
    return Bulk(meta, [np.nan_to_num(highest, nan=2.0).astype(np.float32)])


def _piece(recording: Recording, start: float, lasts: float, most: int) -> tuple[int, int]:
    """Return the first sample of a piece and the one behind its last, within the recording."""
    check(
        2 <= lasts * recording.rate <= most,
        DataError,
        "A picture of a recording must be of 2 to {:,} samples. Got {:,.0f}; zoom in.",
        most,
        lasts * recording.rate,
    )
    first = min(max(0, round(start * recording.rate)), recording.n - 2)
    return first, max(first + 2, min(recording.n, round((start + lasts) * recording.rate)))


@handles("picks.ask", on="painter")
def ask(session: Session, *, recording: str, model: str, ticket: Ticket) -> dict[str, Any]:
    """Have a model go along a recording of at most two hours; then `picks.of` tells what it found."""
    desk = desk_of(session.workspace)

    def on_progress(done: int, total: int) -> bool:
        session.push("picks.asking", recording=recording, model=model, done=done, total=total)
        return not ticket.stale

    if not ticket.stale:
        desk.ask(model, desk.recording(recording), on_progress)
    return {"recording": recording, "model": model}


@handles("picks.run")
def run(session: Session, *, model: str) -> dict[str, Any]:
    """Have a model go along all recordings of the study by a job, as `clew pick` does; it goes on record."""
    workspace = session.workspace
    folder = desk_of(workspace).folder(model)
    settings = {"paths": [str(workspace.study.folder.resolve())], "model": str(folder.resolve())}
    started = jobs.jobs_of(workspace).start(
        "pick", settings, who=session.who, then=lambda: workspace.changed("record")
    )
    return started.told()


# ---- what people say ----
@handles("picks.put", on="writer")
def put(
    session: Session,
    *,
    client: str,
    recording: str,
    phase: str,
    time: float,
    model: str = "",
    probability: float | None = None,
    asked: float | None = None,
) -> dict[str, Any]:
    """Record that a wave arrives, where a model's pick is confirmed with what that said."""
    desk = desk_of(session.workspace)
    where = _where(desk, recording, phase, time)
    delivery = desk.journal.put_pick(
        client, **where, model=model, probability=probability, asked=asked, who=session.who
    )
    return _told(session, delivery)


@handles("picks.reject", on="writer")
def reject(
    session: Session,
    *,
    client: str,
    recording: str,
    phase: str,
    time: float,
    model: str = "",
    probability: float | None = None,
) -> dict[str, Any]:
    """Record that a model's pick is none."""
    desk = desk_of(session.workspace)
    where = _where(desk, recording, phase, time)
    delivery = desk.journal.reject_pick(
        client, **where, model=model, probability=probability, who=session.who
    )
    return _told(session, delivery)


def _where(desk: Desk, recording: str, phase: str, time: float) -> dict[str, Any]:
    """Return what a pick is bound to."""
    held, time = desk.recording(recording), float(time)
    sha256 = desk.content_at(held, time)
    return {"recording": recording, "phase": phase, "time": time, "span": desk.span(held), "sha256": sha256}


@handles("picks.move", on="writer")
def move(session: Session, *, client: str, recording: str, pick: str, time: float) -> dict[str, Any]:
    """Record that a pick lies elsewhere in its recording."""
    desk = desk_of(session.workspace)
    span = desk.span(desk.recording(recording))
    return _told(session, desk.journal.move_pick(client, pick, float(time), span=span, who=session.who))


@handles("picks.delete", on="writer")
def delete(session: Session, *, client: str, pick: str) -> dict[str, Any]:
    """Record that a pick, or a rejection, is not meant any more."""
    return _told(session, desk_of(session.workspace).journal.delete_pick(client, pick, session.who))


@handles("picks.undo", on="writer")
def undo(session: Session, *, client: str, of: str | None = None) -> dict[str, Any]:
    """Take an act on a pick back: a given one, or the person's last."""
    return _told(session, desk_of(session.workspace).journal.undo_pick(client, of, session.who))


def _told(session: Session, delivery: Delivery) -> dict[str, Any]:
    """Tell every page of an act on a pick, and acknowledge."""
    recording = str(delivery.answer["recording"])
    answer = {"client": delivery.client, "recording": recording, "of": delivery.answer.get("of")}
    if not delivery.again:
        session.workspace.broadcast("picked", **answer, who=delivery.who, act=delivery.what["act"])
    return answer
