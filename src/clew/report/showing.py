"""The verb that shows one row: its window in the recording, or its object in the image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clew.errors import SettingError, check
from clew.steps import Outcome

if TYPE_CHECKING:
    from clew.plot.style import Drawing
    from clew.samples import Samples
    from clew.study.study import Study

ROUND = 1.8  # times the object's longer side: what is shown of the image round it
SUFFIXES = (".png", ".svg", ".pdf")


def show(study: Study, sample: str, *, out: Path) -> Outcome:
    """Draw one open row: its window as recorded and as measured, or its object with its outline.

    Parameters
    ----------
    study : Study
    sample : str
        The name of the row, as in the map and in the tables.
    out : Path
        The picture: .png, .svg or .pdf.
    """
    from clew.steps.showing import open_row, values_of

    samples, row = open_row(study, sample)
    check(out.suffix.lower() in SUFFIXES, SettingError, "The 'out' of show must end in {}. Got '{}'.", ", ".join(SUFFIXES), out)  # fmt: skip
    check(out.absolute().parent.is_dir(), SettingError, "The 'out' of show must be in a folder that is there. Got '{}'.", out)  # fmt: skip
    label = str(samples.labels[row]) if samples.labels is not None else ""
    group = str(samples.group[row])
    told = [
        *([f"labelled {label}"] if label else []),
        *([f"of the group {group}"] if group != sample else []),
    ]
    kind = study.facts()["kind"]
    drawing = {"signal": _window, "image": _object}.get(kind, _nothing)(study, samples, row)
    lines = [f"{sample}: {', '.join([*told, values_of(samples, row)])}."]
    if drawing is None:
        lines.append("A row of numbers has nothing more to see: no picture was written.")
    else:
        drawing.savefig(out, dpi=144, facecolor="white")
        lines.append(f"Picture: {out}")
    values = dict(zip(samples.feature_names, samples.features[row].tolist()))
    data = {"sample": sample, "label": label or None, "group": group, "picture": str(out) if drawing else None, "values": values}  # fmt: skip
    return Outcome(lines, data)


def _nothing(study: Study, samples: Samples, row: int) -> None:
    return None


def _window(study: Study, samples: Samples, row: int) -> Drawing:
    """Draw a window as it was recorded and, beside it, as it was measured."""
    from clew.plot.signals import measured_figure
    from clew.steps.showing import Windows

    windows, origin = Windows(study), samples.origin.iloc[row]
    recording = windows.recording(origin)
    label = str(samples.labels[row]) if samples.labels is not None else ""
    drawing: Drawing = measured_figure(
        windows.raw(origin),
        windows.measured(origin),
        rate=recording.rate,
        components=(recording.components, windows.plan.components),
        how=windows.how(),
        label=recording.name,
        lines=[label] if label else [],
        start=recording.time(int(origin["first"])),
        dated=recording.dated,
        unit=recording.unit,
    )
    return drawing


def _object(study: Study, samples: Samples, row: int) -> Drawing | None:
    """Draw an object with its outline, and what lies round it."""
    from clew.plot.measure import painted
    from clew.report.gathered import gather
    from clew.report.pictures import BOX, Pictures

    origin = samples.origin.iloc[row]
    if not all(name in origin for name in BOX):
        return None
    picture, labels = Pictures(gather(study)).of(str(origin["source"]))
    box = np.array([float(origin[name]) for name in BOX])
    half = ROUND / 2 * float((box[2:] - box[:2]).max()) + 4
    middle = (box[:2] + box[2:]) / 2
    scale = np.array(picture.shape) / labels.shape  # the picture is smaller where the image is large
    first = np.maximum(0, np.floor(middle - half)).astype(int)
    stop = np.minimum(labels.shape, np.ceil(middle + half)).astype(int)
    a, b = np.floor(first * scale).astype(int), np.ceil(stop * scale).astype(int)
    number = int(origin["label"])
    seen = labels[first[0] : stop[0], first[1] : stop[1]]
    drawing: Drawing = painted(picture[a[0] : b[0], a[1] : b[1]], seen, {number: 0}, width=420)
    return drawing
