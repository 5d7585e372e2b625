"""Pictures for the page: crops of single objects, and whole images with the groups painted back."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from clew.plot.measure import common_side, crop, painted
from clew.plot.style import svg
from clew.report.gathered import Record
from clew.samples import Samples

CROPS = 7  # of each group
IMAGES = 6  # painted at most
BOX = ("min_row", "min_col", "max_row", "max_col")


def has_pictures(record: Record) -> bool:
    """Return whether the rows are objects in images."""
    return record.facts["kind"] == "image" and all(name in record.samples.origin for name in BOX)


class Pictures:
    """The grey pictures and label images of a study, each read once."""

    def __init__(self, record: Record) -> None:
        self.folder = record.folder / "arrays"
        self.held: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def of(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the grey picture, uint8 (y, x), and the label image, int32 (Y, X), of a source."""
        if source not in self.held:
            import tifffile
            from PIL import Image

            with Image.open(self.folder / f"{source}.png") as file:
                picture = np.asarray(file.convert("L"))
            labels = np.squeeze(tifffile.imread(self.folder / f"{source}.labels.tif"))
            self.held[source] = picture, np.ascontiguousarray(labels, dtype=np.int32)
        return self.held[source]


def crops(record: Record, pictures: Pictures) -> dict[int, list[tuple[str, str]]]:
    """Return for each group (name of the row, PNG as data URI) of rows from the surest to the least sure."""
    samples, groups = record.shown
    assert record.exploration is not None
    side = _side(samples)
    sure = dict(zip(record.exploration.sample.tolist(), record.exploration.confidence))
    confidence = np.array([sure.get(str(name), 0.0) for name in samples.sample])
    found: dict[int, list[tuple[str, str]]] = {}
    for group in range(record.exploration.k):
        rows = np.flatnonzero(groups == group)
        rows = rows[np.argsort(-confidence[rows], kind="stable")]
        for row in rows[np.unique(np.linspace(0, len(rows) - 1, min(CROPS, len(rows))).round().astype(int))]:
            found.setdefault(group, []).append(
                (str(samples.sample[row]), _square(samples, row, side, pictures))
            )
    return found


def squares(record: Record, pictures: Pictures, rows: list[int]) -> list[str]:
    """Return a picture (PNG as data URI) of each of some open rows, all at one scale."""
    side = _side(record.samples)
    return [_square(record.samples, row, side, pictures) for row in rows]


def _side(samples: Samples) -> float:
    return common_side(samples.origin[list(BOX)].to_numpy(dtype=float))


def _square(samples: Samples, row: int, side: float, pictures: Pictures) -> str:
    origin = samples.origin.iloc[row]
    picture, labels = pictures.of(str(origin["source"]))
    box: Any = tuple(float(origin[name]) for name in BOX)
    return png(crop(picture, labels.shape, box, side=side))


def png(pixels: np.ndarray, *, colours: int | None = None) -> str:
    """Return a picture as a data URI; of so many colours at most, which makes it smaller."""
    from PIL import Image

    buffer, picture = io.BytesIO(), Image.fromarray(np.ascontiguousarray(pixels))
    picture = picture if colours is None else picture.quantize(colours)
    picture.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def paintings(record: Record, pictures: Pictures) -> list[tuple[str, str, int]]:
    """Return (source, SVG, number of open objects) of the images that show most groups and most rows."""
    samples, groups = record.shown
    sources = samples.origin["source"].to_numpy(dtype=str)
    numbers = samples.origin["label"].to_numpy(dtype=int)
    names, counts = np.unique(sources, return_counts=True)
    kinds = np.array([len(np.unique(groups[sources == name])) for name in names])
    chosen = [names[i] for i in np.lexsort((names, -counts, -kinds))[:IMAGES]]
    done = []
    for i, source in enumerate(sorted(chosen)):
        here = sources == source
        picture, labels = pictures.of(source)
        of = {int(label): int(group) for label, group in zip(numbers[here], groups[here]) if group >= 0}
        width = 560 if len(chosen) == 1 else 380
        drawing = svg(
            painted(picture, labels, of, width=width),
            salt=f"painted {i}",
            label=f"{source} with the outlines of {int(here.sum())} open objects",
        )
        done.append((source, drawing, int(here.sum())))
    return done
