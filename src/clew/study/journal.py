"""The journal of a study's page: what people say of samples, paint and pick; nothing acknowledged is ever lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from clew.errors import DataError, SettingError, check
from clew.study import record
from clew.study.acts import Delivery, class_name
from clew.study.picks import PickActs
from clew.study.strokes import Stroke, Strokes

if TYPE_CHECKING:
    from clew.study.study import Study

__all__ = ["Delivery", "Journal", "Stroke"]
AT_ONCE = 500  # samples of one query


class Journal(Strokes, PickActs):
    """What people say, paint and pick on the page of a study; one connection stays open, so that an act takes a millisecond.

    Parameters
    ----------
    study : Study
    """

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._named: tuple[int, list[str]] = (-1, [])

    def give(
        self,
        client: str,
        pairs: Iterable[tuple[str, str | None]],
        who: str | None = None,
        **said: Any,
    ) -> Delivery:
        """Record one act of labelling.

        Parameters
        ----------
        client : str
            The name of the act.
        pairs : iterable of (sample, label)
            A label of None says that the person cannot tell.
        who : str, optional
            The person; by default as the system knows them.
        **said
            What is to be kept beside it, such as the arm of a queue.

        Raises
        ------
        DataError
            If a sample is no open row of the study.
        SettingError
            If a label is no name.
        """
        pairs = list(pairs)
        names = {label: None if label is None else class_name(label) for label in {one for _, one in pairs}}
        given = [(str(sample), names[label]) for sample, label in pairs]
        check(given, SettingError, "An act of labelling must label at least one sample. Got none.")

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            used = list(dict.fromkeys(label for _, label in given if label is not None))
            _add_classes(db, "rows", [*self._in_use(db), *used])
            first = _last(db, "labels") + 1
            record.add_labels(db, given, how="person", step=None, person=person)
            _check_all_open(db, first)
            return {"events": [first, _last(db, "labels")]}

        return self._deliver(client, {"act": "give", **said}, who, write)

    def undo(self, client: str, of: str | None = None, who: str | None = None) -> Delivery:
        """Take an act of labelling back; what stood before stands again.

        Parameters
        ----------
        client : str
            The name of this act.
        of : str, optional
            The name of the act that is taken back; by default the person's last on the page that stands.
        who : str, optional

        Raises
        ------
        DataError
            If there is no such act, or it has been taken back.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            target = of or self._last_act(db, person)
            first, last = _events(db, target, "give")
            rows = db.execute(
                "SELECT id, sample FROM labels WHERE id BETWEEN ? AND ? AND id NOT IN "
                "(SELECT undoes FROM labels WHERE undoes BETWEEN ? AND ?)",
                (first, last, first, last),
            ).fetchall()
            check(rows, DataError, "The labels to take back must stand. Got some that had been taken back.")
            begin = _last(db, "labels") + 1
            db.executemany(
                "INSERT INTO labels (at, who, how, sample, undoes) VALUES (?, ?, 'person', ?, ?)",
                [(at, person, sample, number) for number, sample in rows],
            )
            return {"events": [begin, _last(db, "labels")], "of": target}

        return self._deliver(client, {"act": "undo", "of": of}, who, write)

    def skip(self, client: str, sample: str, who: str | None = None, *, back: bool = False) -> Delivery:
        """Record that a person does not want to be asked for a sample now; with ``back``, that they do after all.

        Raises
        ------
        DataError
            If the sample is no open row of the study.
        """

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            _check_open(db, sample)
            return {"events": []}

        return self._deliver(client, {"act": "skip", "sample": sample, "back": back}, who, write)

    def skipped(self) -> dict[str, list[str]]:
        """Return the samples that each person skipped, skipped last at the end; labelled by now or not."""
        found: dict[str, dict[str, None]] = {}
        for one in self.deliveries("skip"):
            theirs = found.setdefault(one.who, {})
            theirs.pop(one.what["sample"], None)
            if not one.what["back"]:
                theirs[one.what["sample"]] = None
        return {who: list(theirs) for who, theirs in found.items()}

    def ask_two(self, client: str, every: int, who: str | None = None) -> Delivery:
        """Record that every so many-th item is to be asked of a second person, for the agreement; 0: none."""
        return self._deliver(
            client, {"act": "ask two", "every": every}, who, lambda db, at, person: {"events": []}
        )

    def asked_of_two(self) -> int:
        """Return which items are asked of a second person: every so many-th; 0 where none is."""
        told = self.deliveries("ask two")
        return int(told[-1].what["every"]) if told else 0

    def _last_act(self, db: sqlite3.Connection, person: str) -> str:
        """Return the last act of a person on the page that stands."""
        undone = {
            json.loads(answer)["of"]
            for (answer,) in db.execute(
                "SELECT answer FROM deliveries WHERE json_extract(what, '$.act') = 'undo'"
            )
        }
        acts = db.execute(
            "SELECT client FROM deliveries WHERE who = ? AND json_extract(what, '$.act') = 'give' ORDER BY rowid DESC",
            (person,),
        )
        found = next((client for (client,) in acts if client not in undone), None)
        if found is None:
            raise DataError(
                f"The labels to take back must be some that {person} gave here. Got none that stand."
            )
        return str(found)

    def samples_of(self, delivery: Delivery) -> list[str]:
        """Return the samples that an act of labelling, or its taking back, was about."""
        with self._reading() as db:
            return [
                sample
                for (sample,) in db.execute(
                    "SELECT DISTINCT sample FROM labels WHERE id BETWEEN ? AND ?",
                    delivery.answer["events"] or (0, -1),
                )
            ]

    def act_of(self, event: int) -> Delivery:
        """Return the act of the page that an event of labels is of.

        Raises
        ------
        DataError
            If it is of none.
        """
        found = next(
            (
                one
                for one in self.deliveries("give")
                if one.answer["events"][0] <= event <= one.answer["events"][1]
            ),
            None,
        )
        if found is None:
            raise DataError(f"The event {event} must be of an act on the page. Got one of a step.")
        return found

    def standing(self, samples: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return ``{sample: (label, "person" or "group")}`` of some samples; who has none is left out."""
        found: dict[str, tuple[str, str]] = {}
        with self._reading() as db:
            for at in range(0, len(samples), AT_ONCE):
                found |= record.standing_labels(db, samples=samples[at : at + AT_ONCE])
        return found

    def last_event(self) -> int:
        """Return the number of the last event of labels; 0 where there is none."""
        with self._reading() as db:
            return _last(db, "labels")

    def classes(self) -> list[str]:
        """Return the names of the classes of rows, in an order that never changes: the first is number 1.

        Where groups were named before anybody labelled here, those come first, by the number of the group.
        """
        with self._reading() as db:
            stored = [
                name for (name,) in db.execute("SELECT name FROM classes WHERE of = 'rows' ORDER BY number")
            ]
            return list(dict.fromkeys([*stored, *self._in_use(db)]))

    def _in_use(self, db: sqlite3.Connection) -> list[str]:
        """Return the names that open rows have from steps: of the groups named last, in order, then by first use."""
        (last,) = db.execute("SELECT coalesce(max(id), 0) FROM steps").fetchone()
        if self._named[0] != last:
            row = db.execute(
                "SELECT id, settings FROM steps WHERE verb = 'name' ORDER BY id DESC LIMIT 1"
            ).fetchone()
            step, names = (row[0], json.loads(row[1]).get("names", {})) if row else (0, {})
            used = db.execute(
                "SELECT label FROM labels JOIN parts USING (sample) WHERE part = 'open' AND label != '' "
                "AND (how = 'person' OR labels.step = ?) GROUP BY label ORDER BY min(labels.id)",
                (step,),
            )
            ordered = [names[key] for key in sorted(names, key=lambda key: (len(key), key))]
            self._named = (last, list(dict.fromkeys([*ordered, *(name for (name,) in used)])))
        return self._named[1]

    def make_class(self, client: str, name: str, who: str | None = None) -> Delivery:
        """Make a class of rows that has no label yet."""
        name = class_name(name)

        def write(db: sqlite3.Connection, at: str, person: str) -> dict[str, Any]:
            _add_classes(db, "rows", [*self._in_use(db), name])
            return {"events": [], "name": name}

        return self._deliver(client, {"act": "make"}, who, write)


def _add_classes(db: sqlite3.Connection, of: str, names: Iterable[str]) -> None:
    for name in dict.fromkeys(names):
        db.execute(
            "INSERT INTO classes (of, number, name) SELECT ?, coalesce(max(number), 0) + 1, ? FROM classes WHERE of = ? "
            "ON CONFLICT (of, name) DO NOTHING",
            (of, name, of),
        )


def _check_all_open(db: sqlite3.Connection, first: int) -> None:
    """Refuse what was just written, and so all of it, unless every sample is an open row: one query, however many there are."""
    wrong = db.execute(
        "SELECT sample FROM labels LEFT JOIN parts USING (sample) WHERE labels.id >= ? AND part IS NOT 'open' LIMIT 1",
        (first,),
    ).fetchone()
    if wrong is not None:
        _check_open(db, wrong[0])


def _check_open(db: sqlite3.Connection, sample: str) -> None:
    part = db.execute("SELECT part FROM parts WHERE sample = ?", (sample,)).fetchone()
    check(
        part is not None,
        DataError,
        "The sample must be an open row of the study. Got '{:.80}', which is not there.",
        sample,
    )
    check(
        part == ("open",),
        DataError,
        "The sample must be an open row of the study. Got '{:.80}', which is sealed.",
        sample,
    )


def _events(db: sqlite3.Connection, client: str, act: str) -> tuple[int, int]:
    """Return the first and the last event of an act."""
    row = db.execute(
        "SELECT answer FROM deliveries WHERE client = ? AND json_extract(what, '$.act') = ?", (client, act)
    ).fetchone()
    check(
        row is not None,
        DataError,
        "The labels to take back must be on record. Got '{:.64}', which is not.",
        client,
    )
    first, last = json.loads(row[0])["events"]
    return first, last


def _last(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])
