"""The queue of what to label next: handed out ahead, to one person at a time, renewed where nobody has looked yet."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.choosing import STRATEGIES, Learnt, Offered, judged, learn, offer, rows_of
from clew.app.handling import handles
from clew.app.items import checked_row, kind_of, said
from clew.app.labelling import journal_of, on_labels
from clew.app.refitting import Refitter
from clew.errors import SettingError, check, check_choice
from clew.study.handed import hand_out
from clew.study.record import LabelEvent

if TYPE_CHECKING:
    from clew.app.session import Session, Ticket
    from clew.app.workspace import Workspace

MOST_AHEAD = 40  # items that one page may hold
OFFERED = 48  # how many a strategy ranks at a time


@dataclass
class Said:
    """What people said of rows: read from the events, once for each new event.

    Attributes
    ----------
    by : dict of str to dict of str to (str or None)
        The standing label of each sample by each person, samples in the order of their first label; None where that person
        cannot tell.
    last : int
        Number of the last event that was read.
    """

    last: int = 0
    by: dict[str, dict[str, str | None]] = field(default_factory=dict)

    @staticmethod
    def of(words: Iterable[tuple[str, str, str | None]], last: int = 0) -> Said:
        """Return what stands after words ``(sample, who, label)``, first to last, of which none was taken back."""
        by: dict[str, dict[str, str | None]] = {}
        for sample, who, label in words:
            by.setdefault(sample, {})[who] = label
        return Said(last, by)

    def and_then(self, new: Iterable[LabelEvent]) -> Said:
        """Return what is known after further events that take nothing back; this one, which others may be reading, stays."""
        by = dict(self.by)
        for event in new:
            if event.how != "group":
                by[event.sample] = {**by.get(event.sample, {}), event.who: event.label}
        return Said(self.last, by)


class Queue:
    """What is handed out now and to whom; one for a study, on every page of it.

    Parameters
    ----------
    workspace : Workspace

    Attributes
    ----------
    held : dict of int to Session
        Rows that a page holds and has not answered: no other page gets them.
    every : int
        Every so many-th item is one that another person has labelled, for the agreement; 0: none.
    skipped : dict of str to list of int
        Rows that each person skipped, skipped last at the end.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.lock, self.reading = threading.RLock(), threading.Lock()
        self.held: dict[int, Session] = {}
        self.control = control_order(workspace)
        self.refit: Refitter[Learnt] = Refitter(self._learn, self._renewed)
        self.light: Refitter[dict[str, Any]] = Refitter(self._judge, self._judged, after=10, rest=2.0)
        self.strategy = "hybrid"
        journal = journal_of(workspace)
        self.every = journal.asked_of_two()
        rows = rows_of(workspace)
        self.skipped = {
            who: [rows[sample] for sample in samples if sample in rows]
            for who, samples in journal.skipped().items()
        }
        self._said = Said(-1)
        self._offered: dict[str, tuple[int, list[Offered]]] = {}
        self._noted: set[tuple[int, bool]] = set()
        on_labels(workspace, lambda samples: self.heard())

    # ---- what is known ----
    def said(self) -> Said:
        """Return what people said up to now."""
        with self.reading:  # both refits and every page ask at once
            study, before = self.workspace.study, self._said
            last = journal_of(self.workspace).last_event()
            if last != before.last:
                new = [] if before.last < 0 else study.label_events(after=before.last)
                if before.last < 0 or any(event.undoes is not None for event in new):
                    self._said = Said.of(study.words(), last)
                else:
                    self._said = replace(before.and_then(new), last=last)  # sealed rows have events, too
            return self._said

    def heard(self) -> None:
        """Refit and judge where there are new labels."""
        last = journal_of(self.workspace).last_event()
        self.refit.notice(last)
        self.light.notice(last)

    def _learn(self) -> Learnt:
        return learn(self.workspace, self.said().by)

    def _judge(self) -> dict[str, Any]:
        return judged(self.workspace, self.said().by, strategy=self.strategy)

    def _judged(self, light: dict[str, Any]) -> None:
        self.workspace.broadcast("queue.judged", **light)

    def _renewed(self, learnt: Learnt) -> None:
        self.workspace.broadcast("queue.renewed", generation=self.refit.generation, about=learnt.about)

    # ---- handing out ----
    def free(self, session: Session, said: Said) -> np.ndarray:
        """Return which rows (n_rows,) of bool nobody has labelled or holds, and this person has not skipped."""
        rows = rows_of(self.workspace)
        free = np.ones(self.workspace.samples.n_rows, bool)
        free[[rows[name] for name in said.by if name in rows]] = False
        free[[row for row, holder in self.held.items() if holder is not session]] = False
        free[self.skipped.get(session.who, [])] = False
        return free

    def release(self, session: Session, kept: set[int]) -> None:
        """Let go of what a page holds no more, and of what pages that have gone held."""
        for row, holder in list(self.held.items()):
            if holder.closed or (holder is session and row not in kept):
                del self.held[row]

    def next(
        self,
        session: Session,
        have: list[int],
        n: int,
        *,
        twice: list[int],
        passed: list[int],
        place: int,
        since: int,
    ) -> tuple[list[dict[str, Any]], list[int], int]:
        """Return new items, which of those held were labelled meanwhile, and how many rows are still free.

        Parameters
        ----------
        session : Session
        have : list of int
            Rows that the page keeps.
        n : int
        twice : list of int
            Those in ``have`` that another person has labelled, asked again for the agreement.
        passed : list of int
            Rows that this page has just answered: their labels may still be on the way.
        place : int
            How many items come before the new ones on this page: those that were answered, and those in ``have``.
        since : int
            How many of these come after the last control item: what is renewed does not change how often control comes.
        """
        asked: Asked = session.kept["queue"]
        said = self.said()
        names = self.workspace.samples.sample
        self.release(session, set(have))
        gone = [
            row
            for row in have
            if session.who in (by := said.by.get(str(names[row]), {})) or (by and row not in twice)
        ]
        self.held.update({row: session for row in have if row not in gone and row not in self.held})
        free = self.free(session, said)
        free[have + passed] = False
        items: list[dict[str, Any]] = []
        for number in range(place + 1, place + n + 1):
            offered = self._one(session, asked, free, said, number, since + 1)
            if offered is None:
                break
            since = 0 if offered.control else since + 1
            self.held[offered.row] = session
            free[offered.row] = False
            items.append(self.item(offered))
            if not offered.both:
                self.note(session, [offered.row], asked.strategy, control=offered.control)
        return items, gone, int(free.sum())

    def note(self, session: Session, rows: list[int], strategy: str, *, control: bool) -> None:
        """Put on record, once, that rows were handed out, and whether they were drawn at random; nobody waits for it."""
        new = [row for row in rows if (row, control) not in self._noted]
        self._noted |= {(row, control) for row in new}
        if new:
            named = [(str(self.workspace.samples.sample[row]), control) for row in new]
            study, who = self.workspace.study, session.who
            self.workspace.threads["writer"].submit(hand_out, study, named, strategy=strategy, who=who)

    def _one(
        self, session: Session, asked: Asked, free: np.ndarray, said: Said, number: int, since: int
    ) -> Offered | None:
        if self.every and number % self.every == 0 and (row := self._of_another(session, said)) is not None:
            return Offered(row, "asked of two, for the agreement", "asked of two", both=True)
        if not free.any():
            return self._skipped(session, said)
        if (
            since >= asked.control_every or not self.workspace.samples.n_features
        ):  # distances have no strategy yet
            return self._drawn(session, asked, free, said)
        return next((one for one in self._ranked(asked.strategy, free) if free[one.row]), None)

    def _drawn(self, session: Session, asked: Asked, free: np.ndarray, said: Said) -> Offered | None:
        """Return the next row of the control's order; those that were labelled before it came to them are control, too."""
        place = next((place for place, row in enumerate(self.control) if free[row]), None)
        if place is None:
            return None
        names = self.workspace.samples.sample
        before = [row for row in self.control[:place] if str(names[row]) in said.by]
        self.note(session, before, asked.strategy, control=True)
        return Offered(self.control[place], "drawn at random, as control", "random control", control=True)

    def _skipped(self, session: Session, said: Said) -> Offered | None:
        """Return what this person skipped, skipped first at the front, once nothing else is left."""
        names = self.workspace.samples.sample
        for row in self.skipped.get(session.who, []):
            if str(names[row]) not in said.by and row not in self.held:
                return Offered(row, "skipped by you, and nothing else is left", "skipped before", again=True)
        return None

    def waiting(self, session: Session) -> int:
        """Return how many rows this person skipped that nobody has labelled."""
        names, said = self.workspace.samples.sample, self.said()
        return sum(str(names[row]) not in said.by for row in self.skipped.get(session.who, []))

    def skip(self, who: str, row: int, *, back: bool) -> None:
        """Hear that a person skipped a row, or wants it back."""
        with self.lock:
            theirs = [one for one in self.skipped.get(who, []) if one != row]
            self.skipped[who] = theirs if back else [*theirs, row]

    def _of_another(self, session: Session, said: Said) -> int | None:
        rows = (
            row
            for row in self.control
            if (by := said.by.get(str(self.workspace.samples.sample[row])))
            and session.who not in by
            and row not in self.held
            and row not in self.skipped.get(session.who, [])
        )
        return next(rows, None)

    def _ranked(self, strategy: str, free: np.ndarray) -> Iterable[Offered]:
        generation, offered = self._offered.get(strategy, (-1, []))
        if generation == self.refit.generation and any(free[one.row] for one in offered):
            return offered
        offered = offer(self.workspace, self.refit.latest, free, strategy=strategy, n=OFFERED)
        self._offered[strategy] = (self.refit.generation, offered)
        return offered

    def item(self, offered: Offered) -> dict[str, Any]:
        """Return what the page is told of an item."""
        learnt = self.refit.latest
        probability = {} if learnt is None else learnt.of_row(offered.row)
        return {
            **said(self.workspace, offered.row),
            "reason": offered.reason,
            "short": offered.short,
            "control": offered.control,
            "both": offered.both,
            "again": offered.again,
            "probability": probability,
        }


@dataclass
class Asked:
    """What one page asked for."""

    strategy: str
    control_every: int


_making = threading.Lock()


def queue_of(workspace: Workspace) -> Queue:
    """Return the queue of the open study; requests that come together get the same."""
    with _making:
        if "queue" not in workspace.kept:
            workspace.kept["queue"] = Queue(workspace)
        queue: Queue = workspace.kept["queue"]
        return queue


def control_order(workspace: Workspace) -> list[int]:
    """Return all open rows in an order drawn once for a study: the control arm takes them from the front."""
    seed = int(workspace.identity, 16)
    return np.random.default_rng(seed).permutation(workspace.samples.n_rows).tolist()


@handles("queue.open")
def open_queue(session: Session, *, strategy: str = "hybrid", control_every: int = 3) -> dict[str, Any]:
    """Begin to label, or go on with other settings: every `control_every`-th item is drawn at random."""
    check_choice(strategy, STRATEGIES, what="'strategy' setting", of="the queue")
    check(
        2 <= control_every <= 20,
        SettingError,
        "The 'control_every' of the queue must be from 2 to 20: the control arm is always on. Got {}.",
        control_every,
    )
    queue = queue_of(session.workspace)
    session.kept["queue"] = Asked(strategy, control_every)
    queue.strategy = strategy
    queue.heard()
    return {
        "strategy": strategy,
        "control_every": control_every,
        "both": queue.every,
        "strategies": STRATEGIES,
        "kind": kind_of(session.workspace),
    }


@handles("queue.next")
def next_items(
    session: Session,
    *,
    have: list[int],
    n: int,
    ticket: Ticket,
    twice: list[int] | None = None,
    passed: list[int] | None = None,
    place: int = 0,
    since: int = 0,
) -> dict[str, Any]:
    """Return up to ``n`` items beside those that the page holds; what it holds no more is free for others.

    ``twice`` of them are asked of two, ``passed`` were just answered; ``place`` items come before the new ones, ``since`` of these after the last control
    item (see `Queue.next`).

    ``{"items": [...], "gone": rows labelled elsewhere, "told": the probabilities of those in ``have``, "left": rows that nobody
    has labelled or holds, "skipped": how many this person skipped and nobody has labelled, "model", "trouble"}``.
    """
    check(
        "queue" in session.kept,
        SettingError,
        "The queue must be opened first. Got a request for its next items.",
    )
    check(
        0 <= n <= MOST_AHEAD and len(have) <= MOST_AHEAD >= len(passed or []),
        SettingError,
        "A page may hold at most {} items. Got {} and {} more.",
        MOST_AHEAD,
        len(have),
        n,
    )
    have, passed = ([checked_row(session.workspace, row) for row in of] for of in (have, passed or []))
    queue = queue_of(session.workspace)
    queue.heard()
    with queue.lock:
        if ticket.stale:
            return {}
        items, gone, left = queue.next(
            session, have, n, twice=twice or [], passed=passed, place=place, since=since
        )
        skipped = queue.waiting(session)
    learnt = queue.refit.latest
    model = (
        None
        if learnt is None or not learnt.about
        else {"about": learnt.about, "seconds": queue.refit.seconds}
    )
    told = [{} if learnt is None else learnt.of_row(row) for row in have]
    state = {"left": left, "skipped": skipped, "model": model, "trouble": queue.refit.trouble}
    return {"items": items, "gone": gone, "told": told, **state}


@handles("queue.item")
def one_item(session: Session, *, row: int | None = None, sample: str = "") -> dict[str, Any]:
    """Return a row, by its number or its name, as an item: for one that was chosen by hand."""
    queue, workspace = queue_of(session.workspace), session.workspace
    number = workspace.row_of(sample) if row is None else checked_row(workspace, row)
    return {"item": queue.item(Offered(number, "chosen by you", "chosen by you"))}


@handles("queue.skip", on="writer")
def skip(session: Session, *, client: str, sample: str, back: bool = False) -> dict[str, Any]:
    """Do not ask this person for a row before nothing else is left; with ``back``, ask for it after all."""
    workspace = session.workspace
    delivery = journal_of(workspace).skip(client, sample, session.who, back=back)
    if not delivery.again:
        queue_of(workspace).skip(delivery.who, workspace.row_of(sample), back=back)
    return {"client": client}


@handles("queue.ask_two", on="writer")
def ask_two(session: Session, *, client: str, every: int) -> dict[str, Any]:
    """Ask every so many-th item of a second person, for the agreement, in this study from now on; 0: none."""
    check(
        every == 0 or 2 <= every <= 100,
        SettingError,
        "The 'every' of items asked of two must be 0 or from 2 to 100. Got {}.",
        every,
    )
    workspace = session.workspace
    delivery = journal_of(workspace).ask_two(client, every, session.who)
    if not delivery.again:
        queue_of(workspace).every = every
        workspace.broadcast("queue.asks_two", every=every, who=delivery.who)
    return {"client": client}


@handles("queue.worth")
def worth(session: Session) -> dict[str, Any]:
    """Return whether it is worth going on, as it was judged last: the stop light with its reasons and curves, or None."""
    queue = queue_of(session.workspace)
    return {"light": queue.light.latest, "trouble": queue.light.trouble}
