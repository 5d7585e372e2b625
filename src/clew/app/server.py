"""The server: pages and pictures by HTTP, everything else through one WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import posixpath
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from clew.app.handling import ROUTES, Picture
from clew.app.rooms import load_rooms
from clew.app.security import Door, headers_of
from clew.app.session import MOST_MESSAGE, Session
from clew.app.starting import dropped
from clew.errors import ClewError, DataError, MissingError, SettingError, check, place_refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from clew.app.workspace import Workspace

STATIC = Path(__file__).parent / "static"
IMPORTED = re.compile(r"""^\s*(?:import|export|\}).*?(?:from\s+)?["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)
OPEN_TO_ALL = ("/enter",)
MOST_UNSENT = 512  # messages on the way to a page that does not read them; then the connection is cut, and the page comes back
MOST_UNSENT_BYTES = 512 * 2**20  # the same; all runs of a map of a million rows are less

log = logging.getLogger(__name__)


class Guard:
    """Lets through only who comes from our own page with our own cookie, and puts the page's fences on every answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        entering = scope["path"] in OPEN_TO_ALL
        why = self.door.wrong_origin(connection.headers, here=_here(scope), entering=entering)
        status = 403
        if not why and not entering and not self.door.knows(connection.cookies.get(self.door.cookie)):
            status, why = (
                401,
                "This page opens with the address that `clew serve` prints; each address opens it once.",
            )
        if not why and scope["type"] == "websocket" and "origin" not in connection.headers:
            why = "The Origin must be this server's own page. Got none."
        if why and scope["type"] == "websocket":
            await PlainTextResponse(why, status_code=status, headers=headers_of(scope["path"]))(
                scope, receive, send
            )
            return

        async def fenced(message: Message) -> None:
            if message["type"] == "http.response.start":
                message.setdefault("headers", [])
                message["headers"] += [
                    (name.lower().encode(), value.encode())
                    for name, value in headers_of(scope["path"]).items()
                ]
            await send(message)

        if why:
            await PlainTextResponse(why, status_code=status)(scope, receive, fenced)
            return
        await self.app(scope, receive, fenced)


def _here(scope: Scope) -> str:
    """Return the address of this machine that a connection has come to, as a Host header says it."""
    address, port = scope.get("server") or ("", 0)
    address = str(address).removeprefix("::ffff:")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def application(workspace: Workspace, door: Door) -> Guard:
    """Return the whole application for one workspace."""
    load_rooms()
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/enter", enter),
            Route("/upload/{batch}/{name:path}", upload, methods=["PUT"]),
            WebSocketRoute("/socket", socket),
            Mount("/static", Statics(directory=STATIC)),
            *(Route(path, picture_route(function)) for path, function in ROUTES.items()),
        ],
        lifespan=_lifespan,
    )
    app.state.workspace, app.state.door = workspace, door
    return Guard(app, door)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.workspace.close()


class Statics(StaticFiles):
    """The files of the page: kept by the browser, which asks each time whether they are still those of this clew."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, or that it is as it was."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def page(request: Request) -> Response:
    """Answer with the page, and the modules that it will need: a browser that first reads each to find the next waits long."""
    text = (STATIC / "index.html").read_text()
    lines = "\n".join(f'<link rel="modulepreload" href="/static/{path}">' for path in modules())
    return HTMLResponse(text.replace("</head>", f"{lines}\n</head>"), headers={"Cache-Control": "no-store"})


def modules(first: str = "main.js") -> list[str]:
    """Return the modules that a module imports, and those that they import, as paths in the folder of static files."""
    found = [first]
    for path in found:  # grows meanwhile
        for other in IMPORTED.findall((STATIC / path).read_text()):
            at = posixpath.normpath(posixpath.join(posixpath.dirname(path), other))
            if at not in found:
                found.append(at)
    return found


async def enter(request: Request) -> Response:
    """Take a token, give a cookie, and go on to the page; the token never stays in the address."""
    door: Door = request.app.state.door
    cookie = door.enter(request.query_params.get("token", ""))
    if cookie is None:
        if door.knows(request.cookies.get(door.cookie)):
            return _onward()
        return PlainTextResponse(
            'This address has been used, or is not one of ours. `clew serve` prints a new one; a page that is open can make one, too: "Invite".',
            status_code=401,
        )
    answer = _onward()
    answer.set_cookie(door.cookie, cookie, httponly=True, samesite="strict", path="/")
    return answer


def _onward() -> Response:
    # a page that leads on, not a redirect: after one that began elsewhere, browsers hold back a strict cookie
    return HTMLResponse(
        '<!doctype html><meta http-equiv="refresh" content="0;url=/"><a href="/">clew</a>',
        headers={"Cache-Control": "no-store"},
    )


async def upload(request: Request) -> Response:
    """Keep one file that was dropped on the page; it appears whole or not at all."""
    workspace: Workspace = request.app.state.workspace
    partial = None
    try:
        check(
            "content-length" in request.headers,
            SettingError,
            "A dropped file must say how long it is. Got none.",
        )
        expected = int(request.headers["content-length"])
        path = dropped(workspace, request.path_params["batch"], request.path_params["name"], expected)
        partial = path.with_name(f".{path.name}.partial")
        with open(partial, "wb") as file:
            async for piece in request.stream():
                await asyncio.to_thread(file.write, piece)
        partial.replace(path)
        return JSONResponse({"path": str(path)})
    except ClewError as refused:
        return JSONResponse({"error": str(refused)}, status_code=400)
    except OSError as refused:
        return JSONResponse({"error": place_refused(refused)}, status_code=400)
    except ClientDisconnect:
        return Response(status_code=400)
    finally:  # also where the server is ended meanwhile
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def picture_route(function: Any) -> Any:
    """Return an endpoint that answers with what ``function`` draws, on a thread."""

    def draw(workspace: Workspace, given: dict[str, Any]) -> Picture:
        with workspace.gate.passing():
            drawn: Picture = function(workspace, **given)
            return drawn

    async def endpoint(request: Request) -> Response:
        workspace: Workspace = request.app.state.workspace
        loop = asyncio.get_running_loop()
        given = {**request.query_params, **request.path_params}
        try:
            picture = await loop.run_in_executor(workspace.threads["desk"], lambda: draw(workspace, given))
        except (MissingError, DataError) as refused:
            return JSONResponse({"error": str(refused)}, status_code=404)
        except (ClewError, TypeError) as refused:
            return JSONResponse({"error": str(refused)}, status_code=400)
        headers = {"Cache-Control": "private, max-age=300"}
        if picture.name:
            headers["Content-Disposition"] = f'attachment; filename="{picture.name}"'
        return Response(picture.data, media_type=picture.media_type, headers=headers)

    return endpoint


async def socket(websocket: WebSocket) -> None:
    """Serve one page until it goes."""
    await websocket.accept()
    state = websocket.app.state
    workspace: Workspace = state.workspace
    outgoing = Outgoing()

    def send(message: str | bytes) -> None:
        if not session.closed:
            session.closed = not outgoing.put(message)

    cookie = websocket.cookies.get(state.door.cookie)
    session = Session(
        workspace, send, asyncio.get_running_loop(), state.door.people.get(cookie, state.door.person)
    )
    session.kept["cookie"], session.kept["door"] = cookie, state.door
    workspace.sessions.add(session)
    sender = asyncio.create_task(_sending(websocket, outgoing))
    tasks: set[asyncio.Task[None]] = set()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect" or session.closed:
                break
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"")[: MOST_MESSAGE + 1].decode("utf-8", "replace")
            task = asyncio.create_task(session.take(text))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except WebSocketDisconnect:
        pass
    finally:
        session.closed = True
        workspace.sessions.discard(session)
        sender.cancel()


class Outgoing:
    """Messages on the way to a page; of one that does not read them, no more are held than a limit."""

    def __init__(self, messages: int = MOST_UNSENT, size: int = MOST_UNSENT_BYTES) -> None:
        self.messages, self.size = messages, size
        self.bytes = 0
        self.queue: asyncio.Queue[str | bytes | None] = asyncio.Queue()

    def put(self, message: str | bytes) -> bool:
        """Take a message, or, where too much waits, drop all and end; return whether it was taken."""
        self.bytes += len(message)
        full = self.queue.qsize() >= self.messages or self.bytes > self.size
        while full and not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None if full else message)
        return not full

    async def get(self) -> str | bytes | None:
        """Wait for the next message; None is the end."""
        message = await self.queue.get()
        self.bytes -= len(message or "")
        return message


async def _sending(websocket: WebSocket, outgoing: Outgoing) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while (message := await outgoing.get()) is not None:
            await (
                websocket.send_text(message) if isinstance(message, str) else websocket.send_bytes(message)
            )
        await websocket.close(
            code=4408, reason="This page has not read what was sent to it; it may come back."
        )
