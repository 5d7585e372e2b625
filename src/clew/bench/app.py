"""The workbench in a headless browser: how long a person waits, from the act to what is drawn."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from clew.bench.page import Page
from clew.bench.timing import Clocked, Side, Sides, Work

NEEDS = ("playwright", "starlette", "uvicorn", "websockets")
CORNERS = 59  # of the line that is drawn round points
SIDE = 1024  # px of the image that is painted on
SHOWN = 2_000  # rows that are embedded; all others are placed among them
READY = "window.clew?.map?.ready === {n}"


def works() -> list[Work]:
    """Return the rows of ``clew bench app``.

    Each is timed by the page's own clock, in headless Chromium without a GPU: from the beginning of loading, or from the moment in
    which the browser hands over the key or the pointer, until what was asked for is drawn. Server and browser run on the same cores.
    """
    seen = "from the last point of a line of 59 corners to the selection drawn"
    stroke = f"a stroke on {SIDE:,} x {SIDE:,}, features kept"
    return [
        Work(
            "ready-200k",
            "200,000 rows: page loaded, every point drawn",
            partial(_ready, 200_000),
            needs=NEEDS,
            peak=False,
        ),
        Work("lasso-200k", f"200,000 rows: {seen}", partial(_lasso, 200_000), needs=NEEDS, peak=False),
        Work(
            "ready-1m",
            "1,000,000 rows: page loaded, every point drawn",
            partial(_ready, 1_000_000),
            needs=NEEDS,
            peak=False,
        ),
        Work("lasso-1m", f"1,000,000 rows: {seen}", partial(_lasso, 1_000_000), needs=NEEDS, peak=False),
        Work(
            "stroke-saved",
            f"{stroke}: on the disk, and said so",
            partial(_stroke, "saved"),
            needs=NEEDS,
            peak=False,
        ),
        Work(
            "stroke-preview",
            f"{stroke}: the forest's coarse answer drawn",
            partial(_stroke, "preview"),
            needs=NEEDS,
            peak=False,
        ),
        Work(
            "stroke-full",
            f"{stroke}: every tile at full resolution drawn",
            partial(_stroke, "full"),
            needs=NEEDS,
            peak=False,
        ),
        Work("label-key", "from the key of a class to the next item drawn", _label, needs=NEEDS, peak=False),
    ]


# ---- the map ----
def _ready(n: int) -> Sides:
    page = Page(rows_study(n))
    return _timed(page, lambda i: page.opened(READY.format(n=n)))


def _lasso(n: int) -> Sides:
    page = Page(rows_study(n))
    page.opened(READY.format(n=n))

    def draw(i: int) -> float:
        box = page.page.locator("canvas.over").bounding_box()
        turn = 2 * math.pi / CORNERS
        size = 0.2 + 0.02 * (i % 5)  # another selection each time
        at = [
            (
                box["x"] + box["width"] * (0.5 + size * math.cos(j * turn)),
                box["y"] + box["height"] * (0.5 + size * math.sin(j * turn)),
            )
            for j in range(CORNERS)
        ]
        before = page.page.evaluate("() => window.clew.state.selection.id")
        page.page.keyboard.press("l")
        page.page.mouse.move(*at[0])
        page.page.mouse.down()
        for x, y in at[1:]:
            page.page.mouse.move(x, y)
        page.begin_at("pointerup")
        page.page.mouse.up()
        return page.since(f"window.clew.map.lassoShown > {before}")

    return _timed(page, draw)


def rows_study(n: int) -> Path:
    """Make a study of ``n`` rows in three clouds, seed 0, with one look; in a folder that is kept for all rows of the bench."""
    import pandas as pd

    from clew import steps
    from clew.study.study import Study

    folder = _room() / f"rows-{n}.study"
    if not folder.exists():
        rng = np.random.default_rng(0)
        values = rng.normal(size=(n, 4)) + 4 * rng.normal(size=(3, 4))[rng.integers(0, 3, n)]
        table = _room() / f"rows-{n}.parquet"
        pd.DataFrame(values.astype(np.float32), columns=list("abcd")).to_parquet(table)
        steps.new(folder, [table], sealed=0.0)
        steps.explore(Study(folder), embed="pca", runs=2, k=3, max_rows=SHOWN, references=99, k_max=3)
    return folder


# ---- painting ----
def image_study() -> Path:
    """Make a study of one simulated photograph of 1,024 x 1,024 px."""
    import tifffile

    from clew import simulate, steps

    folder = _room() / "image.study"
    if not folder.exists():
        pixels = simulate.blobs(n_round=180, n_elongated=120, size=SIDE).pixels
        tifffile.imwrite(_room() / "image.tif", pixels)
        steps.new(folder, [_room() / "image.tif"], features="shape")
    return folder


def _stroke(until: str) -> Sides:
    page = Page(image_study())
    page.wait("window.clew?.state?.about")
    page.page.evaluate("() => window.clew.set({ view: 'paint' })")
    page.wait("window.clew.painter?.pictures?.length > 0")
    for i in range(4):  # both classes, so that there is a forest; features are kept from then on
        _paint(page, i)
        page.wait(
            "window.clew.paint.full > 0 || window.clew.paint.strokes < 2 && window.clew.paint.saved > 0"
        )

    def act(i: int) -> float:
        _paint(page, i + 4)
        page.wait("window.clew.paint.full > 0 && window.clew.paint.saved > 0")
        told = page.page.evaluate("() => ({ ...window.clew.paint })")
        return float(told[until] - told["drawn"]) / 1000

    return _timed(page, act)


def _paint(page: Page, i: int) -> None:
    """Draw a stroke of 12 points with the mouse, of one class and the other in turn, each where no other is."""
    box = page.page.locator(".paint canvas").first.bounding_box()
    x, y = (
        box[side] + box[size] * place
        for side, size, place in (("x", "width", 0.25), ("y", "height", 0.1 + 0.05 * (i % 16)))
    )
    page.page.keyboard.press("12"[i % 2])
    page.page.mouse.move(x, y)
    page.page.mouse.down()
    for j in range(1, 12):
        page.page.mouse.move(x + 12 * j, y + 4 * (j % 3))
    page.page.mouse.up()


# ---- labelling ----
def _label() -> Sides:
    from clew import steps
    from clew.study.study import Study

    study = image_study()
    if Study(study).last("explore") is None:
        steps.explore(Study(study), embed="pca", runs=2, k=2, references=99)
        steps.name(Study(study), ["0=round", "1=elongated"])
    page = Page(study)
    page.wait("window.clew?.state?.about")
    page.page.evaluate("() => window.clew.set({ view: 'label' })")
    page.wait("window.clew.queue?.items?.length > 6")

    def act(i: int) -> float:
        page.page.wait_for_timeout(300)  # as a person who looks at it
        before = page.page.evaluate("() => window.clew.label?.shown ?? 0")
        page.page.keyboard.press("12"[i % 2])
        page.wait(f"(window.clew.label?.shown ?? 0) > {before}")
        return float(page.page.evaluate("() => window.clew.label.ms")) / 1000

    return _timed(page, act)


# ---- what all share ----
@dataclasses.dataclass
class _Kept:
    folder: tempfile.TemporaryDirectory[str] | None = None


_kept = _Kept()


def _room() -> Path:
    if _kept.folder is None:
        _kept.folder = tempfile.TemporaryDirectory(prefix="clew-bench-")
    return Path(_kept.folder.name)


def _timed(page: Page, act: Callable[[int], float]) -> Sides:
    """Return ours alone: what one would use instead does not do the same work (docs/workbench.md says what it takes)."""
    return Sides(Side(lambda i: Clocked(act(i))), close=page.close)
