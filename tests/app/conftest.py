"""A real server on loopback, and a real browser: what every test of the page starts from."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
]  # fmt: skip
PATIENCE = 40.0  # seconds that a busy machine may take for what should take one


@dataclass
class Served:
    """A server process of our own."""

    process: subprocess.Popen[str]
    address: str

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.address)[1])

    def stop(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(20)


def start_server(study: Path | None, *flags: str, cwd: Path | None = None, port: int = 0) -> Served:
    """Start `clew serve` in a process of its own and read its address."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CLEW_USER": "tester"}
    words = [
        sys.executable,
        "-m",
        "clew",
        "serve",
        *([str(study)] if study else []),
        "--port",
        str(port),
        "--no-open",
        *flags,
    ]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=cwd
    )
    told = []
    for line in process.stdout:
        told.append(line)
        found = re.search(r"http://\S+token=\S+", line)
        if found:
            return Served(process, found[0])
    raise AssertionError(f"the server did not start: {''.join(told)}")


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start servers that end with the test: ``serve(study, *flags)``."""
    with contextlib.ExitStack() as stack:

        def start(study: Path | None = None, *flags: str, **how: Any) -> Served:
            served = start_server(study, *flags, **how)
            stack.callback(lambda: served.process.poll() is None and served.stop(signal.SIGKILL))
            return served

        yield start


def chromium() -> str | None:
    """Where Chromium is, as Debian calls it."""
    return next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests of a process; skipped outside CI where there is none."""
    found = chromium()
    if found is None:
        message = "the tests of the page need Chromium: sudo apt-get install chromium"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A person with cookies of their own, at 1440 x 900."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE * 1000)
    yield made
    made.close()


def until(check: Callable[[], Any], *, what: str = "", patience: float = PATIENCE) -> Any:
    """Wait until ``check`` returns something true, and return it; it polls, as a strict page refuses `wait_for_function`."""
    end = time.monotonic() + patience
    while True:
        try:
            found = check()
        except Exception as error:  # the page opens anew just now, as it does where another study is opened
            if "context was destroyed" not in str(error):
                raise
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"waited {patience:.0f} s for {what or check}"
        time.sleep(0.05)


def shot(page: Any, name: str) -> None:
    """Keep a screenshot as a build artefact."""
    folder = Path(os.environ.get("CLEW_SHOTS", "build/shots"))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"{name}.png"))


def enter(context: Any, served: Served) -> Any:
    """Open the page with the address that the server printed, and wait until it is connected."""
    page = context.new_page()
    page.goto(served.address)
    page.wait_for_url(lambda url: "enter" not in url)  # the token has left the address
    until(
        lambda: page.evaluate("() => Boolean(window.clew && window.clew.state.about)"),
        what="the page to open",
    )
    return page


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 100 simulated blobs with one look and names, made once a process; tests take a copy: `blob_study`."""
    import tifffile

    from clew import simulate, steps
    from clew.study.study import Study

    folder = tmp_path_factory.mktemp("looked_at")
    tifffile.imwrite(folder / "blobs.tif", simulate.blobs().pixels)
    steps.new(folder / "blobs.study", [folder / "blobs.tif"], features="shape")
    study = Study(folder / "blobs.study")
    steps.explore(study, runs=4, references=99, k=2)
    steps.name(study, ["0=round", "1=elongated"])
    return folder


@pytest.fixture
def blob_study(looked_at: Path, tmp_path: Path) -> Path:
    """A copy of the study of simulated blobs, with its image beside it, to be changed freely."""
    shutil.copytree(looked_at, tmp_path / "room")
    return tmp_path / "room" / "blobs.study"


@pytest.fixture(scope="session")
def judged(looked_at: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of simulated blobs with a small model that was validated and explained; not to be changed."""
    from clew import steps
    from clew.study.study import Study

    folder = tmp_path_factory.mktemp("judged") / "room"
    shutil.copytree(looked_at, folder)
    study = Study(folder / "blobs.study")
    steps.train(study, trees=20)
    steps.validate(study, trees=20)
    steps.explain(study, refits=2, permutations=2)
    return folder / "blobs.study"


@pytest.fixture(scope="session")
def coded(looked_at: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of simulated blobs with a look at a small autoencoder of its objects; not to be changed."""
    from clew import steps
    from clew.study.study import Study

    folder = tmp_path_factory.mktemp("coded") / "room"
    shutil.copytree(looked_at, folder)
    study = Study(folder / "blobs.study")
    steps.train(study, model="autoencoder", latent=3, hidden=(4, 8), epochs=2, side=16)
    steps.explore(study, activations="latest", embed="pca", runs=2, references=99, k=2)
    return folder / "blobs.study"


@pytest.fixture
def opened(serve: Callable[..., Served], blob_study: Path, context: Any) -> Iterator[Any]:
    """The page of the blob study, connected; with ``page.served`` and ``page.study``."""
    served = serve(blob_study)
    page = enter(context, served)
    page.served, page.study = served, blob_study
    yield page
