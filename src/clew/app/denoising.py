"""Denoising seen: images of the study are denoised by a job, and shown before and after at one contrast."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.app import jobs
from clew.app.handling import Picture, fetches, handles
from clew.app.painting import MOST_SIDE, window_of
from clew.app.painting_studio import studio_of
from clew.app.pictures import held, stamp_of
from clew.app.thumbnails import png
from clew.errors import DataError, SettingError, check
from clew.read.stacks import Stack, open_stack

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

FOLDER = "denoised"  # of the study: each run has a folder of its own in it; the sources stay as they are
SAID = "said.json"  # what the verb said of a run, beside its image; a folder without it is of a run that did not end
USUAL = (0.5, 99.8)  # percentiles from black to white, of the image as it was
SAMPLED = 512  # px of the side of what contrast is judged by


# ---- what there is ----
@handles("denoise.images")
def images(session: Session) -> dict[str, Any]:
    """Return the images of the study that can be denoised, and how many are held back: all of their rows are sealed."""
    sources, sealed = studio_of(session.workspace).sources()
    return {"images": [one.name for one in sources], "sealed": sealed}


@handles("denoise.open")
def open_image(session: Session, *, image: str) -> dict[str, Any]:
    """Return what there is to choose of an image, (T, C, Z, Y, X) long, and its runs, the latest first, each with what was said."""
    stack = studio_of(session.workspace).sheet(image).stack
    found = [_said(folder) for folder in runs_of(session.workspace, image)]
    return {
        "image": image,
        "shape": list(stack.shape),
        "channels": list(stack.channel_names),
        "runs": found[::-1],
    }


def runs_of(workspace: Workspace, image: str) -> list[Path]:
    """Return the folders of the runs on an image that have ended well, first to last."""
    every = (workspace.study.folder / FOLDER).glob(f"{stem_of(image)}-*/{SAID}")
    return sorted((path.parent for path in every if _said(path.parent)["image"] == image), key=_number)


def stem_of(image: str) -> str:
    """Return the name of an image as folders may have it."""
    return re.sub(r"[^\w.]+", "_", image).strip("._") or "image"


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _said(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / SAID).read_text(encoding="utf-8"))
    return {**told, "run": folder.name}


# ---- a run ----
@handles("denoise.start")
def start(session: Session, *, image: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Denoise an image by a job, into a new folder of the study; when it has ended, pages are told "denoised"."""
    workspace = session.workspace
    stack = studio_of(workspace).sheet(image).stack
    check("out" not in settings and "paths" not in settings, SettingError, "The image and the place of its run are not to be set. Got 'settings' with one.")  # fmt: skip
    folder, stem = workspace.study.folder.resolve() / FOLDER, stem_of(image)
    folder.mkdir(exist_ok=True)
    taken = [
        int(tail) for path in folder.glob(f"{stem}-*") if (tail := path.name.rpartition("-")[2]).isdecimal()
    ]
    taken += [int(Path(job.settings["out"]).name.rpartition("-")[2]) for job in _waiting(workspace)]
    out = folder / f"{stem}-{max(taken, default=0) + 1}"
    given = {**settings, "paths": [str(stack.path)], "out": str(out)}
    job = jobs.jobs_of(workspace).start(
        "denoise", given, who=session.who, then=lambda: _ended(workspace, image, out)
    )
    return job.told()


def _waiting(workspace: Workspace) -> list[jobs.Job]:
    every = list(jobs.jobs_of(workspace).all.values())
    return [one for one in every if one.verb == "denoise" and Path(one.settings["out"]).parent.name == FOLDER]


def _ended(workspace: Workspace, image: str, out: Path) -> None:
    """Keep what the verb said of a run beside its image, and let every page know."""
    job = next(one for one in _waiting(workspace) if one.settings["out"] == str(out))
    settings = {name: value for name, value in job.settings.items() if name not in ("paths", "out")}
    told = {
        "image": image,
        "lines": job.lines,
        "warnings": job.warnings,
        "settings": settings,
        "who": job.who,
    }
    partial = out / f".{SAID}"
    partial.write_text(json.dumps(told), encoding="utf-8")
    partial.replace(out / SAID)
    workspace.broadcast("denoised", image=image, run=out.name)


# ---- pictures ----
def _stack(workspace: Workspace, image: str, run: str) -> Stack:
    """Return an image as it was, or, where a run is named, as that has made it."""
    before = studio_of(workspace).sheet(image).stack
    if not run:
        return before
    folder = next((one for one in runs_of(workspace, image) if one.name == run), None)
    check(
        folder is not None,
        DataError,
        "The run must be one on '{}' that has ended. Got '{}'.",
        image,
        run[:80],
    )
    assert folder is not None
    path = next((one for one in sorted(folder.iterdir()) if one.suffix.lower() in (".tif", ".tiff")), None)
    check(path is not None, DataError, "The run '{}' must have its image. Got a folder without one.", run)
    assert path is not None
    after: Stack = held(workspace).get(("denoised", str(path), stamp_of(path)), lambda: open_stack(path))
    return after


def _channel(stack: Stack, before: Stack, c: int) -> int:
    """Return which channel of a run is that of the image: by its name, or by its place where the run kept all of them."""
    check(0 <= c < before.shape[1], SettingError, "The 'channel' must be from 0 to {}. Got {}.", before.shape[1] - 1, c)  # fmt: skip
    if stack.shape[1] == before.shape[1]:
        return c
    name = before.channel_names[c]
    check(name in stack.channel_names, DataError, "The run must have the channel '{}'. Got {}: denoise it, too.", name, ", ".join(stack.channel_names))  # fmt: skip
    return stack.channel_names.index(name)


@handles("denoise.plane")
def plane(
    session: Session, *, image: str, run: str = "", t: int = 0, z: int = 0, c: int = 0
) -> dict[str, Any]:
    """Return black and white for both pictures of a plane: percentiles of it as it was; and whether the run has this plane."""
    before = _stack(session.workspace, image, "")
    _channel(before, before, c)
    *_, height, width = before.shape
    sample = window_of(before, t, z, 0, 0, height, width, max(1, max(height, width) // SAMPLED))[c]
    low, high = (float(x) for x in np.percentile(sample, USUAL))
    if run:
        after = _stack(session.workspace, image, run)
        _channel(after, before, c)
        check(after.shape[3:] == before.shape[3:], DataError, "The run must be as large as the image, {} x {} px. Got {} x {}.", *before.shape[3:], *after.shape[3:])  # fmt: skip
    return {"low": low, "high": high if high > low else low + 1.0, "height": height, "width": width}


@fetches("/picture/denoised")
def picture(
    workspace: Workspace, *, image: str, low: str, high: str, run: str = "", t: str = "0", z: str = "0", c: str = "0",
    x0: str = "0", y0: str = "0", x1: str = "", y1: str = "", w: str = str(MOST_SIDE),
) -> Picture:  # fmt: skip
    """Draw a part of a plane in gray, as it was or as a run has made it, at most ``w`` px wide: of larger parts every n-th pixel."""
    before, stack = _stack(workspace, image, ""), _stack(workspace, image, run)
    height, width = before.shape[3:]
    left, top = _whole(x0, width - 1), _whole(y0, height - 1)
    right, bottom = _whole(x1 or str(width), width), _whole(y1 or str(height), height)
    check(left < right and top < bottom, SettingError, "The part of an image must have pixels. Got x {} to {}, y {} to {}.", left, right, top, bottom)  # fmt: skip
    step = max(1, -(-max(right - left, bottom - top) // max(16, _whole(w, MOST_SIDE))))
    channel = _channel(stack, before, _whole(c, 10_000))
    window = window_of(stack, _whole(t, 10**6), _whole(z, 10**6), top, left, bottom - top, right - left, step)
    black, white = _real(low), _real(high)
    share = (window[channel].astype(np.float32) - black) / max(white - black, 1e-30)
    return Picture(png(np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)))


def _whole(text: str, most: int) -> int:
    fits = text.isdecimal() and len(text) < 10 and int(text) <= most
    check(
        fits, SettingError, "A number of a picture must be whole and at most {}. Got '{}'.", most, text[:20]
    )
    return int(text)


def _real(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    check(
        np.isfinite(number),
        SettingError,
        "Black and white of a picture must be numbers. Got '{}'.",
        text[:40],
    )
    return number
