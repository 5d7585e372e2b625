"""One page's connection: requests come in, each is answered once; what is out of date is dropped."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app.frames import PUSH, REPLY, pack
from clew.app.handling import Bulk, Handler, handler_of
from clew.errors import ClewError, SettingError, StudyError, check
from clew.steps.outcome import plain

if TYPE_CHECKING:
    from clew.app.workspace import Workspace

MOST_MESSAGE = 4 * 1024 * 1024  # bytes of one message from a page
MOST_WAITING = 256  # requests of one page that are not yet answered

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ticket:
    """What tells a long answer whether anybody still waits for it: between tiles, ask `stale`."""

    session: Session
    lane: str
    number: int

    @property
    def stale(self) -> bool:
        """Return whether a newer request of the same lane has come, or the page has gone."""
        return self.session.closed or self.session.lanes.get(self.lane, self.number) != self.number


@dataclass(eq=False)
class Session:
    """One page.

    Parameters
    ----------
    workspace : Workspace
    send : callable
        Puts a message (text or bytes) on the way; from the event loop only.
    loop : AbstractEventLoop
    who : str
        The person at the page.

    Attributes
    ----------
    kept : dict
        What rooms keep of this page under their own name, such as ``kept["selection"]``.
    """

    workspace: Workspace
    send: Any
    loop: asyncio.AbstractEventLoop
    who: str
    kept: dict[str, Any] = field(default_factory=dict)
    lanes: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    closed: bool = False

    def push(self, name: str, **data: Any) -> None:
        """Send JSON that nobody asked for; from any thread."""
        self._post(json.dumps(plain({"push": name, **data}), allow_nan=False))

    def push_bulk(
        self, name: str, meta: dict[str, Any], arrays: Sequence[np.ndarray], *, generation: int = 0
    ) -> None:
        """Send arrays that nobody asked for; from any thread."""
        self._post(pack(PUSH, generation, plain({"push": name, **meta}), arrays))

    def _post(self, message: str | bytes) -> None:
        if not self.closed:
            self.loop.call_soon_threadsafe(self.send, message)

    async def take(self, message: str) -> None:
        """Answer one message of the page."""
        number = 0
        try:
            check(
                len(message) <= MOST_MESSAGE,
                SettingError,
                "A message must be of at most {} bytes. Got {}.",
                MOST_MESSAGE,
                len(message),
            )
            request = parsed(message)
            number = request.pop("id", 0)
            handler = handler_of(request.pop("do", None))
            lane, of_study = request.pop("lane", ""), request.pop("of_study", "")
            fits = type(number) is int and 0 <= number < 2**32
            given_id, number = number, number if fits else 0  # what is said back is always a number
            check(
                fits and isinstance(lane, str) and isinstance(of_study, str),
                SettingError,
                "The 'id' of a request must be a whole number, its 'lane' and 'of_study' text. Got {!r:.60}.",
                given_id,
            )
            _check_letters(message, request)
            check(
                self.waiting < MOST_WAITING,
                ClewError,  # of the moment: whoever keeps the request sends it again
                "At most {} requests may wait. Got more; wait for their answers.",
                MOST_WAITING,
            )
            if lane:
                self.lanes[lane] = number
            ticket = Ticket(self, lane, number)
            given = handler.checked(request)
            if handler.ticket:
                given = {**given, "ticket": ticket}
            self.waiting += 1
            try:
                answer = await self._run(handler, given, ticket, of_study)
            finally:
                self.waiting -= 1
            if lane and ticket.stale:
                self.send(json.dumps({"re": number, "stale": True}))
                return
            self._answer(number, answer)
        except ClewError as refused:
            self.send(json.dumps({"re": number, "error": str(refused), "kind": type(refused).__name__}))
        except Exception:
            log.exception("a request failed")
            self.send(
                json.dumps(
                    {
                        "re": number,
                        "error": "clew has failed at this request; its log says where. Nothing that was saved is lost.",
                        "kind": "Fault",
                    }
                )
            )

    async def _run(self, handler: Handler, given: dict[str, Any], ticket: Ticket, of_study: str) -> Any:
        if handler.on == "loop":
            return await handler.run(self, **given)

        def work() -> Any:
            with self.workspace.gate.passing():
                if of_study:
                    self._check_study(of_study)
                return None if ticket.lane and ticket.stale else handler.run(self, **given)

        return await self.loop.run_in_executor(self.workspace.threads[handler.on], work)

    def _check_study(self, of_study: str) -> None:
        """Refuse what was said of a study that is not open any more; the page keeps it until that one is open again."""
        check(
            self.workspace.has_study and self.workspace.identity == of_study,
            StudyError,
            "The study must be the one that this was said of. Got another, which was opened meanwhile.",
        )

    def _answer(self, number: int, answer: Any) -> None:
        if isinstance(answer, Bulk):
            self.send(pack(REPLY, number, plain(answer.meta), answer.arrays))
        else:
            self.send(json.dumps({"re": number, **plain(answer or {})}, allow_nan=False))


def parsed(message: str) -> dict[str, Any]:
    """Return a message of the page as a dict.

    Raises
    ------
    SettingError
        If it is no JSON object.
    """
    try:
        request = json.loads(message)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise SettingError(f"A message must be one JSON object. Got '{message[:40]}' instead.")
    return request


def _check_letters(message: str, request: dict[str, Any]) -> None:
    """Refuse halves of letters, which neither a file name nor a database can hold."""
    try:
        if "\\ud" in message.lower():
            json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SettingError("A message must be of whole letters. Got a half of one.") from None
