"""Picks that people make in the recordings of a study: put, moved, deleted, taken back; and a model's that they reject."""

from __future__ import annotations

import math
import re
import sqlite3
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, SealedError, SettingError, check
from clew.study.acts import Acts, Delivery
from clew.study.table import read_samples

if TYPE_CHECKING:
    from clew.study.study import Study

PHASE = re.compile(r"[A-Za-z][A-Za-z0-9*']{0,7}")
Kind = Literal["put", "rejected"]
ENDS = (("start", "end"), ("seconds_from", "seconds_to"))  # of a window, in s as its recording has them
ACTS = {"put": "put pick", "reject": "reject pick", "move": "move pick", "delete": "delete pick"}
HELD = "SELECT 1 FROM sqlite_master WHERE name = 'picks'"
COLUMNS = "id, client, at, who, kind, of, recording, sha256, phase, time, asked, model, probability, undoes"


@dataclass(frozen=True)
class StudyPick:
    """What a person says of one arrival, as it stands.

    Parameters
    ----------
    client : str
        Its name, made by the page.
    who, at : str
        Who said or moved it last, and when.
    recording : str
    phase : str
    time : float
        In s, as the recording has it: since 1970-01-01 UTC, or since its start where it is not dated.
    kind : {"put", "rejected"}
        Whether there is an arrival, or a model's pick is none.
    model : str
        The hash of the model whose pick it confirms or rejects; "" where no model was asked.
    probability : float or None
        What the model gave it.
    asked : float or None
        The time of the model's pick, in s; where a person moved it, ``time`` is another.
    sha256 : str
        Of the content of the file in which it lies; "" where that is not known.
    """

    client: str
    who: str
    at: str
    recording: str
    phase: str
    time: float
    kind: Kind = "put"
    model: str = ""
    probability: float | None = None
    asked: float | None = None
    sha256: str = ""


@dataclass(frozen=True)
class PickEvent:
    """One line of the record of picks.

    Parameters
    ----------
    id : int
    client, at, who : str
    kind : {"put", "reject", "move", "delete", "undo"}
    of : str
        The name of the pick that is moved or deleted; "" for others.
    recording, sha256, phase : str
    time, asked : float or None
    model : str
    probability : float or None
    undoes : int or None
        The line that this one takes back.
    """

    id: int
    client: str
    at: str
    who: str
    kind: str
    of: str
    recording: str
    sha256: str
    phase: str
    time: float
    asked: float | None
    model: str
    probability: float | None
    undoes: int | None


class PickActs(Acts):
    """The half of the journal that is about picks."""

    def put_pick(
        self,
        client: str,
        *,
        recording: str,
        phase: str,
        time: float,
        span: tuple[float, float],
        sha256: str = "",
        model: str = "",
        probability: float | None = None,
        asked: float | None = None,
        who: str | None = None,
    ) -> Delivery:
        """Record that a wave arrives.

        Parameters
        ----------
        client : str
            The name of the act, and of the pick.
        recording : str
        phase : str
            A short name, such as "P" or "Sn".
        time : float
            In s, as the recording has it.
        span : (start, end)
            The first and the last moment of the recording, in s.
        sha256 : str
            Of the content of the file in which it lies.
        model : str
            The hash of the model whose pick it confirms.
        probability, asked : float, optional
            What the model gave its pick, and the time of that in s.
        who : str, optional

        Raises
        ------
        DataError
            If the time lies outside the recording.
        SealedError
            If it lies in a sealed row.
        SettingError
            If the phase is no name, or a number no number.
        """
        said = (recording, sha256, phase, float(time), asked, model, probability)
        return self._say("put", client, said, span, who)

    def reject_pick(
        self,
        client: str,
        *,
        recording: str,
        phase: str,
        time: float,
        span: tuple[float, float],
        sha256: str = "",
        model: str = "",
        probability: float | None = None,
        who: str | None = None,
    ) -> Delivery:
        """Record that no wave of this phase arrives where a model says so; parameters and errors as for `put_pick`."""
        said = (recording, sha256, phase, float(time), float(time), model, probability)
        return self._say("reject", client, said, span, who)

    def move_pick(
        self, client: str, pick: str, time: float, *, span: tuple[float, float], who: str | None = None
    ) -> Delivery:
        """Record that a pick lies elsewhere.

        Raises
        ------
        DataError
            If there is no such pick that stands, or the time lies outside the recording.
        SealedError
            If the time lies in a sealed row.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            held = _standing_one(db, pick)
            check(held.kind == "put", DataError, "The pick to move must be one that stands. Got a rejection.")
            self._check_moment(held.recording, held.phase, time, span)
            said = (held.recording, held.sha256, held.phase, float(time), held.asked, held.model, held.probability)  # fmt: skip
            return _add(db, client, at, person, "move", said, of=pick)

        return self._deliver(client, {"act": ACTS["move"], "of": pick}, who, write)

    def delete_pick(self, client: str, pick: str, who: str | None = None) -> Delivery:
        """Record that a pick, or a rejection, is not meant any more.

        Raises
        ------
        DataError
            If there is none of that name that stands.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            held = _standing_one(db, pick)
            said = (held.recording, held.sha256, held.phase, held.time, held.asked, held.model, held.probability)  # fmt: skip
            return _add(db, client, at, person, "delete", said, of=pick)

        return self._deliver(client, {"act": ACTS["delete"], "of": pick}, who, write)

    def undo_pick(self, client: str, of: str | None = None, who: str | None = None) -> Delivery:
        """Take an act about picks back; by default the person's last one that stands.

        Parameters
        ----------
        client : str
            The name of this act.
        of : str, optional
            The name of the act that is taken back.
        who : str, optional

        Raises
        ------
        DataError
            If there is no such act, or it has been taken back.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            where, asked = ("client = ?", of) if of else ("who = ?", person)
            row = db.execute(
                f"SELECT {COLUMNS} FROM picks WHERE {where} AND undoes IS NULL AND id NOT IN "
                "(SELECT undoes FROM picks WHERE undoes IS NOT NULL) ORDER BY id DESC LIMIT 1",
                (asked,),
            ).fetchone()
            check(row is not None, DataError, "The act on a pick to take back must stand. Got none of {} that does.", person)  # fmt: skip
            last = PickEvent(*row)
            said = (last.recording, last.sha256, last.phase, last.time, last.asked, last.model, last.probability)  # fmt: skip
            answer = _add(db, client, at, person, "undo", said, undoes=last.id)
            return answer | {"of": last.client}

        return self._deliver(client, {"act": "undo pick", "of": of}, who, write)

    def picks(self, recording: str | None = None) -> list[StudyPick]:
        """Return what stands, in the order of recordings and times; of one recording where it is given."""
        where, asked = ("", ()) if recording is None else ("WHERE recording = ?", (recording,))
        with self._reading() as db:
            return _standing(_events(db, where, *asked))

    # ---- what they share ----
    def _say(
        self, kind: str, client: str, said: tuple[Any, ...], span: tuple[float, float], who: str | None
    ) -> Delivery:
        recording, _, phase, time, asked, _, probability = said
        self._check_moment(recording, phase, time, span)
        for name, value in (("asked", asked), ("probability", probability)):
            check(value is None or math.isfinite(value), SettingError, "The '{}' of a pick must be a number. Got {}.", name, value)  # fmt: skip

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            return _add(db, client, at, person, kind, said)

        return self._deliver(client, {"act": ACTS[kind], "recording": recording}, who, write)

    def _check_moment(self, recording: str, phase: str, time: float, span: tuple[float, float]) -> None:
        """Refuse a pick that is none: outside the recording, of no phase, or where nobody may look."""
        check(
            isinstance(phase, str) and PHASE.fullmatch(phase),
            SettingError,
            "The phase of a pick must be a letter and at most 7 letters or digits more. Got {!r:.40}.",
            phase,
        )
        check(
            math.isfinite(time) and span[0] <= time <= span[1],
            DataError,
            "The time of a pick must lie in '{}', {:.3f} to {:.3f} s. Got {:.3f}.",
            recording,
            *span,
            time,
        )
        check(
            not is_sealed(self.spans(), recording, time),
            SealedError,
            "The pick must lie in open rows of '{}'. Got one in a sealed row: nobody looks there before the test.",
            recording,
        )

    def spans(self) -> Spans:
        """Return where the rows lie; they are dealt once, when the study is made."""
        held: Spans | None = getattr(self, "_spans", None)
        if held is None:
            held = self._spans = spans_of(self.study)
        return held


@dataclass(frozen=True)
class Spans:
    """Where rows lie in recordings.

    Parameters
    ----------
    opened, sealed : dict of str to ndarray of float64, shape (n, 2)
        By recording, start and end of each row in s.
    """

    opened: dict[str, np.ndarray]
    sealed: dict[str, np.ndarray]


def spans_of(study: Study) -> Spans:
    """Return where the open and the sealed rows of a study lie; none where its rows are no windows."""
    table = read_samples(
        study.folder / "samples.parquet"
    )  # of which nothing but where and whose is looked at
    ends = next((pair for pair in ENDS if {"recording", *pair} <= set(table.origin)), None)
    if ends is None:
        return Spans({}, {})
    opened = np.isin(table.sample, sorted(study._names_of("open")))
    recordings, spans = table.origin["recording"].to_numpy(str), table.origin[[*ends]].to_numpy(np.float64)
    return Spans(*(_by_recording(recordings[part], spans[part]) for part in (opened, ~opened)))


def _by_recording(recordings: np.ndarray, spans: np.ndarray) -> dict[str, np.ndarray]:
    order = np.argsort(recordings, kind="stable")
    cuts = np.flatnonzero(recordings[order][1:] != recordings[order][:-1]) + 1
    return {str(recordings[one[0]]): spans[one] for one in np.split(order, cuts) if len(one)}


def is_sealed(spans: Spans, recording: str, time: float) -> bool:
    """Return whether a moment lies in sealed rows and in no open one."""
    return _within(spans.sealed, recording, time) and not _within(spans.opened, recording, time)


def _within(spans: dict[str, np.ndarray], recording: str, time: float) -> bool:
    own = spans.get(recording)
    return own is not None and bool(((own[:, 0] <= time) & (time < own[:, 1])).any())


def standing_picks(study: Study) -> list[StudyPick]:
    """Return what people say of arrivals, by recording and time, without changing anything: none where no page has been."""
    return _standing(pick_events(study))


def pick_events(study: Study) -> list[PickEvent]:
    """Return every line of the record of picks, first to last, without changing anything."""
    with study.store.reading() as db:
        return _events(db) if db.execute(HELD).fetchone() else []


# ---- the table ----
def _events(db: sqlite3.Connection, where: str = "", *asked: Any) -> list[PickEvent]:
    return [PickEvent(*row) for row in db.execute(f"SELECT {COLUMNS} FROM picks {where} ORDER BY id", asked)]


def _standing(events: list[PickEvent]) -> list[StudyPick]:
    """Play the record: an act that was taken back is passed over, and so is what was done to a pick that is gone."""
    undone = {one.undoes for one in events if one.undoes is not None}
    found: dict[str, StudyPick] = {}
    for one in events:
        if one.id in undone or one.undoes is not None:
            continue
        if one.kind in ("put", "reject"):
            kind: Kind = "put" if one.kind == "put" else "rejected"
            found[one.client] = StudyPick(
                one.client, one.who, one.at, one.recording, one.phase, one.time, kind, one.model, one.probability,
                one.asked, one.sha256,
            )  # fmt: skip
        elif one.of in found and one.kind == "move":
            found[one.of] = replace(found[one.of], time=one.time, who=one.who, at=one.at)
        else:
            found.pop(one.of, None)
    return sorted(found.values(), key=lambda one: (one.recording, one.time, one.phase))


def _standing_one(db: sqlite3.Connection, client: str) -> StudyPick:
    own = "SELECT id FROM picks WHERE client = ? OR of = ?"
    held = next(
        iter(_standing(_events(db, f"WHERE id IN ({own}) OR undoes IN ({own})", *[client] * 4))), None
    )
    if held is None:
        raise DataError(f"The pick must be one that stands. Got '{client[:64]}', which is not there.")
    return held


def _add(
    db: sqlite3.Connection,
    client: str,
    at: str,
    person: str,
    kind: str,
    said: tuple[Any, ...],
    *,
    of: str = "",
    undoes: int | None = None,
) -> dict[str, Any]:
    added = db.execute(
        "INSERT INTO picks (client, at, who, kind, of, recording, sha256, phase, time, asked, model, probability, undoes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (client, at, person, kind, of, *said, undoes),
    )
    return {"events": [added.lastrowid, added.lastrowid], "recording": said[0]}
