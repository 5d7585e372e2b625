"""What the server holds of one open study: its rows, its looks, who is connected, and the threads that answer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from clew.app.guarding import hold
from clew.errors import DataError, SettingError, check
from clew.study.study import Study

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.explore.exploration import Exploration
    from clew.samples import Samples
    from clew.study.record import Step

PATIENCE = 30.0  # seconds that turning to another study waits for requests under way
LOOKS_KEPT = 3  # explorations held in memory; a look at a million rows is large


class Gate:
    """Requests pass together; who turns to another study waits until those under way are answered, and lets none begin."""

    def __init__(self) -> None:
        self._inside, self._closed = 0, False
        self._condition = threading.Condition()
        self._mine = threading.local()  # how often this thread is inside

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Be under way; one that is inside already passes again."""
        mine = getattr(self._mine, "times", 0)
        with self._condition:
            if not mine:
                self._condition.wait_for(lambda: not self._closed)
            self._inside += 1
        self._mine.times = mine + 1
        try:
            yield
        finally:
            self._mine.times = mine
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextlib.contextmanager
    def alone(self, patience: float = PATIENCE) -> Iterator[None]:
        """Wait for all others, at most ``patience`` seconds, and be the only one.

        Raises
        ------
        DataError
            If one is under way for longer.
        """
        mine = getattr(self._mine, "times", 0)
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._closed = True
            quiet = self._condition.wait_for(lambda: self._inside <= mine, timeout=patience)
        try:
            check(
                quiet, DataError, "The study must be at rest to be left. Got a request under way; try again."
            )
            yield
        finally:
            with self._condition:
                self._closed = False
                self._condition.notify_all()


class Workspace:
    """One study as the page sees it; without a study, the place where one is made.

    Parameters
    ----------
    study : Study or None
    home : Path
        Where studies are made and looked for.
    port : int
        Where the server listens; a second server of the same study is told.

    Attributes
    ----------
    version : int
        Rises whenever rows, looks or the record change: what was fetched under an older one is out of date.
    kept : dict
        What rooms of the app keep here under their own name, such as ``kept["painting"]``; emptied when another study is opened.
    """

    def __init__(self, study: Study | None, *, home: Path, port: int = 0) -> None:
        self.home, self.port = home, port
        self._held: IO[str] | None = None
        self.version = 1
        self.sessions: set[Session] = set()
        self.threads = {
            "desk": ThreadPoolExecutor(
                max(6, os.cpu_count() or 6), thread_name_prefix="desk"
            ),  # so that a slow answer stops no other
            "writer": ThreadPoolExecutor(1, thread_name_prefix="writer"),
            "painter": ThreadPoolExecutor(1, thread_name_prefix="painter"),
        }
        self._lock = threading.RLock()
        self.gate = Gate()
        self.open(study)

    def open(self, study: Study | None) -> None:
        """Turn to another study, and hold it for this server.

        Raises
        ------
        StudyError
            If another server has it open; then what was open stays so.
        DataError
            If a request is under way for too long.
        """
        held = hold(study.folder, self.port) if study is not None and self.port else None
        with self.gate.alone(), self._lock:  # no answer to a request of the one study is kept for the other
            if self._held is not None:
                self._held.close()
            self._held = held
            self._study = study
            self._samples: Samples | None = None
            self._looks: dict[int, Exploration] = {}
            self.kept: dict[str, Any] = {}
            self.version += 1

    @property
    def has_study(self) -> bool:
        """Return whether a study is open."""
        return self._study is not None

    @property
    def study(self) -> Study:
        """Return the study.

        Raises
        ------
        DataError
            If none is open.
        """
        if self._study is None:
            raise DataError("A study must be open. Got none: choose files, or a study, on the start page.")
        return self._study

    @property
    def identity(self) -> str:
        """Return what tells this study from others, wherever its folder lies: what a page has not sent yet goes to no other."""
        kept = self.kept  # before the study: what is read while another is opened goes with the old one
        if "identity" not in kept:
            first = self.study.steps()[0]
            kept["identity"] = hashlib.sha256(f"{first.at} {first.digest}".encode()).hexdigest()[:16]
        return str(kept["identity"])

    @property
    def samples(self) -> Samples:
        """Return the open rows, in the order in which the page numbers them; their labels as they stood when they were read."""
        with self._lock:
            if self._samples is None:
                self._samples = self.study.samples()
            return self._samples

    def row_of(self, sample: str) -> int:
        """Return the number of an open row by its name.

        Raises
        ------
        DataError
            If there is no such open row.
        """
        with self._lock:
            rows = self.kept.get("rows")
            if rows is None:
                rows = self.kept["rows"] = {name: i for i, name in enumerate(self.samples.sample.tolist())}
        check(
            sample in rows,
            DataError,
            "The sample must be an open row of the study. Got '{}', which is not there.",
            sample,
        )
        return int(rows[sample])

    def looks(self) -> list[Step]:
        """Return every look on record, first to last."""
        return [step for step in self.study.steps() if step.verb == "explore"]

    def look(self, step: int | None = None) -> tuple[Step, Exploration]:
        """Return a look by the number of its step; the latest by default.

        Raises
        ------
        DataError
            If nobody has looked yet.
        SettingError
            If the step is no look.
        """
        looks = self.looks()
        check(
            looks, DataError, "The study must have been looked at: run explore first. Got no look on record."
        )
        chosen = looks[-1] if step is None else next((one for one in looks if one.id == step), None)
        if chosen is None:
            raise SettingError(
                f"The 'step' must be a look on record: {', '.join(str(one.id) for one in looks)}. Got {step}."
            )
        with self._lock:
            if chosen.id not in self._looks:
                while len(self._looks) >= LOOKS_KEPT:
                    self._looks.pop(next(iter(self._looks)))
                self._looks[chosen.id] = self.study.result(chosen)
            return chosen, self._looks[chosen.id]

    def changed(self, what: str = "record") -> None:
        """Tell every page that something of the study is new: "record", "labels", "strokes"."""
        self.version += 1
        self.broadcast("changed", what=what, version=self.version)

    def broadcast(self, name: str, **data: Any) -> None:
        """Send a push to every page; from any thread."""
        for session in list(self.sessions):
            session.push(name, **data)

    def close(self) -> None:
        """Let the threads end, and the study go."""
        if self._held is not None:
            self._held.close()
        for pool in self.threads.values():
            pool.shutdown(wait=False, cancel_futures=True)
