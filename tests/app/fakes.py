"""A session without a socket: handlers are called as the server calls them, and what they push is kept."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from clew.app.frames import unpack
from clew.app.handling import Bulk, handler_of
from clew.app.rooms import load_rooms
from clew.app.security import Door
from clew.app.session import Session, Ticket
from clew.app.workspace import Workspace
from clew.study.study import Study


class _Loop:
    """Calls at once what a thread would hand to the event loop."""

    @staticmethod
    def call_soon_threadsafe(function: Any, *args: Any) -> None:
        function(*args)


def run_alone(coroutine: Any) -> Any:
    """Run a coroutine on a thread of its own: the loop of a browser may be running on this one."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(asyncio.run, coroutine).result()


class FakeSession(Session):
    """A session whose requests are answered at once, on the calling thread; ``pushed`` holds what was pushed."""

    pushed: list[Any]

    def ask(self, request: str, /, **given: Any) -> dict[str, Any]:
        """Return the answer as the page would see it: a dict, with "arrays" where it is bulk; refusals are raised."""
        handler = handler_of(request)
        given = handler.checked(json.loads(json.dumps(given)))
        if handler.ticket:
            given["ticket"] = Ticket(self, "", 0)
        answer = handler.run(self, **given)
        if handler.on == "loop":
            answer = run_alone(answer)
        if isinstance(answer, Bulk):
            return {**answer.meta, "arrays": list(answer.arrays)}
        return answer or {}


def fake_session(
    study: Study | Path | None, *, who: str = "tester", workspace: Workspace | None = None
) -> FakeSession:
    """Return a page of a study; a second one of the same ``workspace`` is a second tab or person."""
    load_rooms()
    opened = Study(study) if isinstance(study, Path) else study
    workspace = workspace or Workspace(opened, home=Path())
    pushed: list[Any] = []

    def send(message: str | bytes) -> None:
        if isinstance(message, bytes):
            _, generation, meta, arrays = unpack(message)
            pushed.append({**meta, "generation": generation, "arrays": arrays})
        else:
            pushed.append(json.loads(message))

    session = FakeSession(workspace, send, _Loop(), who)  # type: ignore[arg-type]
    session.pushed = pushed
    door = Door(frozenset({"127.0.0.1:1"}), 1, who)
    session.kept["door"], session.kept["cookie"] = door, door.enter(door.invite())
    workspace.sessions.add(session)
    return session
