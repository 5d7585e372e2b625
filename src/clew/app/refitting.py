"""Fit again in the background: after some labels, or when the hand rests; nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from clew.errors import ClewError

T = TypeVar("T")
AFTER = 5  # labels
REST = 1.0  # seconds without a label

log = logging.getLogger(__name__)


class Refitter(Generic[T]):
    """One fit at a time on a thread of its own; what was asked for during a fit is one more fit after it.

    Parameters
    ----------
    fit : callable
        Returns what was learnt from the labels as they stand; runs compiled code that lets other threads go on.
    told : callable
        Called with what was learnt, on the thread of the fit.
    after : int
        So many labels since the last fit begin one at once.
    rest : float
        So many seconds after a label begin one, however few there were.

    Attributes
    ----------
    latest : T or None
        What was learnt last.
    generation : int
        How many fits have ended.
    seconds : float
        How long the last one took.
    trouble : str
        Why the last one failed; "" if it did not.
    """

    def __init__(
        self,
        fit: Callable[[], T],
        told: Callable[[T], None],
        *,
        after: int = AFTER,
        rest: float = REST,
    ) -> None:
        self.latest: T | None = None
        self.generation = 0
        self.seconds = 0.0
        self.trouble = ""
        self._fit, self._told, self._after, self._rest = fit, told, after, rest
        self._turn = threading.Condition()
        self._seen: int | None = None  # label events when last asked
        self._fitted = -1  # label events that the last fit, or the one that runs, began with
        self._running = self._again = False
        self._timer: threading.Timer | None = None

    def notice(self, events: int) -> None:
        """Hear how many label events there are; the first time, and whenever enough are new, a fit begins."""
        with self._turn:
            if events == self._seen:
                return
            first, self._seen = self._seen is None, events
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if first or abs(events - self._fitted) >= self._after:
                self._begin()
            else:
                self._timer = threading.Timer(self._rest, self.now)
                self._timer.daemon = True
                self._timer.start()

    def now(self) -> None:
        """Begin a fit, or one more after the one that runs."""
        with self._turn:
            self._begin()

    def wait(self, seconds: float = 30.0) -> bool:
        """Wait until no fit runs or is due; return whether that came true in time."""
        with self._turn:
            return self._turn.wait_for(lambda: not self._running and self._timer is None, seconds)

    def _begin(self) -> None:
        self._timer = None
        if self._running:
            self._again = True
            return
        self._running, self._fitted = True, self._seen or 0
        threading.Thread(target=self._work, name="refit", daemon=True).start()

    def _work(self) -> None:
        while True:
            began = time.perf_counter()
            try:
                learnt = self._fit()
                self.latest, self.trouble = learnt, ""
                self.seconds = time.perf_counter() - began
                self.generation += 1
                self._told(learnt)
            except ClewError as refused:
                self.trouble = str(refused)
            except Exception:
                self.trouble = (
                    "The model could not be fitted again; the log says why. Labels are saved all the same."
                )
                log.exception("a refit failed")
            with self._turn:
                if not self._again:
                    self._running = False
                    self._turn.notify_all()
                    return
                self._again, self._fitted = False, self._seen or 0
