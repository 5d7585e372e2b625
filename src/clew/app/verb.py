"""The verb `serve`: open the workbench on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from clew.errors import ClewError, MissingError, SettingError, check
from clew.steps.outcome import Outcome

if TYPE_CHECKING:
    from clew.app.security import Door
    from clew.app.workspace import Workspace

EVERYWHERE = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_FRAME = 8 * 1024 * 1024  # bytes; a longer message ends the connection before it is held


def serve(
    study: Path | None = None,
    *,
    port: int = 8737,
    host: str = "127.0.0.1",
    expose: bool = False,
    no_open: bool = False,
) -> Outcome:
    """Open the workbench: see every sample, paint, name, and label where it counts most, in the browser.

    Without STUDY the page asks for files, and makes a study of them. It ends with Ctrl C; nothing is lost by that.

    Parameters
    ----------
    study : Path
        A folder made by `clew new`.
    port : int
        Where to listen; 0, or one that is taken: any free one.
    host : str
        The address to listen on. Another than this machine's own needs --expose: a tunnel is the better way.
    expose : bool
        Let other machines reach the page under --host. What is sent can be read on the way.
    no_open : bool
        Print the address only; do not open the browser.

    Raises
    ------
    SettingError
        If the host is not this machine's own and --expose was not given, or cannot be listened on.
    StudyError
        If the folder is no study, or another server has it open.
    """
    _check_installed()
    check(0 <= port < 65536, SettingError, "The 'port' of serve must be from 0 to 65535. Got {}.", port)
    check(
        host in LOOPBACK or expose,
        SettingError,
        "The 'host' of serve must be 127.0.0.1, unless --expose is given. Got '{}'. Better: run clew serve there as it is, and on "
        "your machine `ssh -L {}:localhost:{} THAT-MACHINE`; then open the address it prints.",
        host,
        port,
        port,
    )
    from clew.app.workspace import Workspace
    from clew.study.study import Study

    opened = None if study is None else Study(study)
    with listening(host, port) as listener:
        home = Path.cwd() if study is None else Path(study).resolve().parent
        workspace = Workspace(opened, home=home, port=listener.getsockname()[1])
        run(workspace, listener, open_browser=not no_open)
    return Outcome([], {"study": None if study is None else str(study)})


def _check_installed() -> None:
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise MissingError(
            f"The workbench needs the extra 'app': pip install 'clew[app]'. Got no {missing.name}."
        ) from missing
    assert starlette


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens: at ``port``, or at any free one where that is taken.

    Raises
    ------
    SettingError
        If the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (port, 0):
        # named TCP, asyncio sends at once (TCP_NODELAY); else each answer of two pieces waits 40 ms for the browser's nod
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, wanted))
        except OSError as error:
            listener.close()
            if wanted and error.errno in (98, 13, 48, 10048):
                continue
            raise SettingError(
                f"The 'host' and 'port' of serve must be free addresses of this machine. Got {host}:{port}: {error.strerror or error}."
            ) from error
        listener.listen(64)
        return listener
    raise AssertionError


def hosts_of(host: str, port: int) -> frozenset[str]:
    """Return what a Host header may say of a server: its own names, never a name that somebody else points here."""
    names = {"127.0.0.1", "localhost", "[::1]"} | (
        {host} if host not in EVERYWHERE else {socket.gethostname(), socket.getfqdn()}
    )
    return frozenset(
        f"{f'[{name}]' if ':' in name and not name.startswith('[') else name}:{port}" for name in names
    )


def run(workspace: Workspace, listener: socket.socket, *, open_browser: bool) -> None:
    """Serve until Ctrl C."""
    import uvicorn

    from clew.app.security import Door
    from clew.app.server import application
    from clew.study.record import who

    host, port = listener.getsockname()[:2]
    door = Door(hosts_of(host, port), port, who())
    config = uvicorn.Config(
        application(workspace, door),
        log_config=None,
        access_log=False,  # an address with a token must never stand in a log
        ws="websockets-sansio",
        ws_max_size=MOST_FRAME,
        ws_ping_interval=20.0,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    if workspace.has_study:  # read while the browser starts
        workspace.threads["desk"].submit(preload, workspace)
    _tell(door, host, port, open_browser)
    with contextlib.suppress(KeyboardInterrupt):  # the usual end: what was said is on disk
        uvicorn.Server(config).run(sockets=[listener])


def preload(workspace: Workspace) -> None:
    """Read the rows and the latest look; what cannot be read is said when the page asks for it."""
    with contextlib.suppress(ClewError):
        if workspace.samples.n_rows:
            workspace.look()


def _tell(door: Door, host: str, port: int, open_browser: bool) -> None:
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{f'[{name}]' if ':' in name else name}:{port}/enter?token={door.invite()}"
    print(f"The workbench is at {address}", flush=True)
    print(
        "The address opens the page once; the page can invite others. Ctrl C ends the server, and loses nothing.",
        flush=True,
    )
    if host in LOOPBACK:
        print(
            f"Only this machine can reach it. From another: ssh -L {port}:localhost:{port} {socket.gethostname()}",
            flush=True,
        )
    else:
        reached = socket.gethostname() if host in EVERYWHERE else host
        print(
            f"Other machines can reach it ({reached}:{port}), and what is sent can be read on the way; a tunnel is better.",
            file=sys.stderr,
            flush=True,
        )
    if open_browser and _has_screen():
        import webbrowser

        threading.Thread(
            target=webbrowser.open, args=(address,), daemon=True
        ).start()  # some wait for their end


def _has_screen() -> bool:
    """Return whether a browser has where to show itself; a text browser would take the terminal, and cannot show the page."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform in ("darwin", "win32") or any(os.environ.get(one) for one in named)
