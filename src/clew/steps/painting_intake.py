"""Making a study of images to paint on: planes, stacks and time series, without rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.errors import SettingError, check
from clew.read.kinds import is_zarr
from clew.steps.intake import sources_of
from clew.steps.outcome import Outcome, sentences

if TYPE_CHECKING:
    from clew.read.stacks import Stack
    from clew.samples import Samples

MOST_NAMED = 6  # images whose axes are said


def new_to_paint(study: Path, paths: list[Path]) -> Outcome:
    """Make a study of every image that `clew pixels train` reads, to be painted on in the workbench.

    Parameters
    ----------
    study : Path
        The folder to make.
    paths : list of Path
        Images, and folders of them; label images beside images in a folder are set aside.

    Raises
    ------
    SettingError
        If no path is given, or one is an OME-Zarr.
    DataError
        If an image cannot be read, or two hold the same bytes.
    """
    from clew.read.stacks import find_stacks, open_stack
    from clew.study.intake import Sources
    from clew.study.study import Study

    check(paths, SettingError, "The paths must name at least one image or folder of images. Got none.")
    files, remarks = find_stacks(paths)
    folders = [path for path in files if is_zarr(path)]
    check(
        not folders,
        SettingError,
        "The images of a study must be files (TIFF, PNG, JPEG): strokes belong to their bytes. Got the OME-Zarr '{}'; "
        "save what is to be painted as OME-TIFF, and let `clew pixels predict` go over the whole.",
        *folders[:1],
    )
    stacks = [open_stack(path) for path in files]
    notes = [*remarks, *(note for stack in stacks for note in stack.notes)]
    sources = sources_of([(path, None) for path in files], "image", study, around={}, read={})
    with Study.create(study) as draft:
        draft.put_rows(no_rows(), np.empty(0, bool))
        draft.put_sources(sources)
        draft.put_facts(
            kind="image",
            what="rows",
            paint=True,
            features="all",
            measure={},
            measured={},
            distances=None,
            notes=notes,
        )
        raw = Sources(names=[one.name for one in sources], sha256=[one.sha256 for one in sources])
        last = draft.record(raw, verb="sources", function="", sees="nothing", inputs={}, seconds=0.0)
    data = {
        "rows": 0,
        "open": 0,
        "sealed": 0,
        "sources": len(sources),
        "images": [{"name": one.name, "axes": stack.axes, "shape": stack.shape} for one, stack in zip(sources, stacks)],
    }  # fmt: skip
    counted = "1 image" if len(stacks) == 1 else f"{len(stacks)} images"
    more = [f"And {len(stacks) - MOST_NAMED} more."] if len(stacks) > MOST_NAMED else []
    lines = [
        f"{study}: {counted} to paint on, and no rows.",
        *(f"{one.name}: {spelt(stack)}." for one, stack in zip(sources[:MOST_NAMED], stacks)),
        *more,
        *sentences(notes),
        f"Next: clew serve {study}",
    ]
    return Outcome(lines, data, last, raw, notes)


def spelt(stack: Stack) -> str:
    """Return how large an image is: "3 times, 2 channels, 5 planes of 64 x 96 pixels"."""
    times, channels, depth, height, width = stack.shape
    several = [f"{n} {what}" for n, what in ((times, "times"), (channels, "channels")) if n > 1]
    planes = f"{depth} planes of " if depth > 1 else ""
    return ", ".join([*several, f"{planes}{height} x {width} pixels"])


def no_rows() -> Samples:
    """Return samples without rows and without measurements."""
    import pandas as pd

    from clew.samples import Samples

    nobody = np.empty(0, dtype=str)
    return Samples(np.empty((0, 0)), (), (), nobody, pd.DataFrame({"source": nobody}), nobody)
