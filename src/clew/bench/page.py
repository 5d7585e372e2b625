"""A page of the workbench in a headless browser, timed by the page's own clock: from a person's act to what is drawn."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from clew.errors import MissingError, check

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE = 120.0  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Page:
    """A server of one study, and a browser that has its page open.

    Parameters
    ----------
    study : Path
    width, height : int
        Of the window, in px.
    """

    def __init__(self, study: Path, *, width: int = 1440, height: int = 900) -> None:
        from playwright.sync_api import sync_playwright

        self.closing = contextlib.ExitStack()
        self.server = subprocess.Popen(
            [sys.executable, "-m", "clew", "serve", str(study), "--port", "0", "--no-open"],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.closing.callback(self._end_server)
        address = self._address()
        playwright = self.closing.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=browser_path(), args=list(FLAGS))
        self.closing.callback(browser.close)
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE * 1000)
        self.page: Any = context.new_page()
        self.page.goto(address)
        self.page.wait_for_url(lambda url: "enter" not in url)

    def _address(self) -> str:
        assert self.server.stdout is not None
        for line in self.server.stdout:
            found = re.search(r"http://\S+token=\S+", line)
            if found:
                return found[0]
        raise MissingError("The server of the workbench must start. Got none: run `clew serve` to see why.")

    def _end_server(self) -> None:
        self.server.terminate()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()

    def opened(self, done: str) -> float:
        """Load the page anew; return the seconds from the beginning of loading until ``done``, an expression, is true."""
        self.page.reload(wait_until="commit")
        return self._until(done, "0")

    def wait(self, done: str) -> None:
        """Wait until an expression is true."""
        self._until(done, "0")

    def begin_at(self, event: str) -> None:
        """Start the clock at the next event of this kind, when the browser hands it to the page."""
        self.page.evaluate(
            "(kind) => { window.clewBegan = undefined; "
            "addEventListener(kind, () => { window.clewBegan = performance.now(); }, { once: true, capture: true }); }",
            event,
        )

    def since(self, done: str) -> float:
        """Return the seconds from the event that started the clock until ``done`` is true; looked at every 4 ms."""
        return self._until(f"window.clewBegan !== undefined && ({done})", "window.clewBegan")

    def _until(self, done: str, began: str) -> float:
        code = (
            f"() => new Promise((resolve) => {{ const look = () => ({done}) ? resolve(performance.now() - {began}) "
            ": setTimeout(look, 1); look(); })"
        )
        return float(self.page.evaluate(code)) / 1000

    def close(self) -> None:
        """End browser and server."""
        self.closing.close()


def browser_path() -> str:
    """Return where Chromium is.

    Raises
    ------
    MissingError
        If there is none.
    """
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    check(found, MissingError, "The bench of the page needs Chromium. Got none of: {}.", ", ".join(NAMES))
    return str(found)
