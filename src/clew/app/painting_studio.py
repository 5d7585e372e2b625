"""What the server holds of the painting of one study: open images, the strokes of the journal on them, the live forest."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.app.labelling import journal_of
from clew.errors import ClewError, DataError, check
from clew.learn.easel import Easel, Painting
from clew.learn.sheet import Sheet, Stroke
from clew.read.stacks import open_stack
from clew.study.study import Source

if TYPE_CHECKING:
    from clew.app.workspace import Workspace

MODELS = "pixels-"  # in the study's folder of models, with a number
SOURCE = "@origin.source"  # the column of the rows that says which file each comes from
DIMENSIONS: Literal["2"] = "2"  # of the filters: what is painted on a slice is seen in that slice


def studio_of(workspace: Workspace) -> Studio:
    """Return the studio of the open study."""
    found = workspace.kept.get("studio")
    if found is None:
        found = workspace.kept.setdefault("studio", Studio(workspace))
    return found


@dataclass(frozen=True)
class _Seen:
    """What the easel has learnt of the journal: names, and the clients of all strokes in order."""

    names: tuple[tuple[int, str], ...]
    clients: tuple[str, ...]


class Studio:
    """The painting of one study.

    Attributes
    ----------
    generation : int
        Rises whenever strokes or classes have changed.
    unreadable : list of str
        Painted images that cannot be read now.
    live : Painting or None
        The latest full forest; of an earlier generation until `fit` has been called.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.study = workspace, workspace.study
        self.journal = journal_of(workspace)
        self.easel = Easel({})
        self.generation = 0
        self.live: Painting | None = None
        self.unreadable: list[str] = []
        self._fitted = -1
        self._seen: _Seen | None = None
        self._strokes: dict[str, Stroke] = {}
        self._lock = threading.Lock()
        self._sources: tuple[list[Source], int] | None = None

    # ---- images ----
    def sources(self) -> tuple[list[Source], int]:
        """Return the images that may be painted, and how many may not: all whose rows are sealed."""
        if self._sources is None:
            images = [one for one in self.study.sources() if one.kind == "image" and one.role == "data"]
            opened = {str(name) for name in self.workspace.samples.origin["source"]} if len(images) else set()
            held_back = self._sources_of_rows() - opened
            self._sources = (
                [one for one in images if one.name not in held_back],
                len([one for one in images if one.name in held_back]),
            )
        return self._sources

    def _sources_of_rows(self) -> set[str]:
        """Return the images that any row comes from, sealed or open; nothing else of sealed rows is read."""
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(self.study.folder / "samples.parquet", columns=[SOURCE])
        return {str(one) for one in table.column(SOURCE).unique().to_pylist()}

    def sheet(self, image: str) -> Sheet:
        """Return an image that may be painted, opened once.

        Raises
        ------
        DataError
            If the study has no such image, it is sealed, or it cannot be read.
        """
        with self._lock:
            if image not in self.easel.sheets:
                source = next((one for one in self.sources()[0] if one.name == image), None)
                if source is None:
                    raise DataError(
                        f"The image must be one of the study with open rows. Got '{image}', which is none."
                    )
                self.easel.sheets[image] = Sheet(open_stack(self.study.locate(source)), image)
            return self.easel.sheets[image]

    # ---- strokes ----
    def classes(self) -> dict[int, str]:
        """Return the painter's classes, by number."""
        return self.journal.painter_classes()

    def stroke_counts(self) -> Counter[str]:
        """Return how many strokes stand on each image, by the SHA-256 of its content."""
        return Counter(one.sha256 for one in self.journal.strokes())

    def sync(self) -> int:
        """Bring the easel to what stands in the journal; return the generation. On the painter's thread."""
        names, standing = self.classes(), self.journal.strokes()
        seen = _Seen(tuple(names.items()), tuple(one.client for one in standing))
        if seen == self._seen:
            return self.generation
        name_of = {one.sha256: one.name for one in self.sources()[0]}
        per_image: dict[str, list[Stroke]] = {name: [] for name in self.easel.sheets}
        for one in standing:
            if (
                one.sha256 in name_of
            ):  # what was painted on an image that is no longer offered stays in the journal
                if one.client not in self._strokes:
                    value = 0 if one.erase else one.number
                    self._strokes[one.client] = Stroke(one.points, one.radius, value, one.plane)
                per_image.setdefault(name_of[one.sha256], []).append(self._strokes[one.client])
        self.unreadable = []
        for name, strokes in per_image.items():
            try:
                self.sheet(name).draw(strokes)
            except ClewError:  # it has moved or changed: the others can be painted on all the same
                self.unreadable.append(name)
        self.easel.names, self._seen = dict(names), seen
        self.generation += 1
        return self.generation

    def turn_to(self, image: str) -> list[str]:
        """Learn from images with the channels of this one; return the painted ones that are left out."""
        channels = tuple(self.sheet(image).stack.channel_names)
        if channels != self.easel.channels:
            self.easel.channels = channels
            self.generation += 1
        return self.unreadable + [
            name
            for name, one in self.easel.sheets.items()
            if one.painted and tuple(one.stack.channel_names) != channels
        ]

    def totals(self, image: str) -> dict[str, Any]:
        """Return for each class its strokes and its painted pixels on all images, and the painted images."""
        strokes, pixels = Counter[int](), Counter[int]()
        for sheet in list(self.easel.sheets.values()):
            strokes.update(one.value for one in sheet.strokes if one.value)
            pixels.update(sheet.counts())
        painted = [name for name, sheet in self.easel.sheets.items() if sheet.strokes]
        return {
            "strokes": dict(strokes),
            "pixels": dict(pixels),
            "painted_images": painted,
            "total": sum(strokes.values()),
        }

    # ---- the forest ----
    @property
    def current(self) -> bool:
        """Return whether the live forest has learnt all strokes."""
        return self.live is not None and self._fitted == self.generation

    def fit(self) -> Painting:
        """Return the live forest of all strokes, grown once a generation."""
        if not self.current:
            self.live, self._fitted = self.easel.fit(), self.generation
        assert self.live is not None
        return self.live

    # ---- models ----
    def models(self) -> list[str]:
        """Return the names of the models that were saved here, first to last."""
        found = [
            one.name
            for one in (self.study.folder / "models").glob(f"{MODELS}*")
            if one.name[len(MODELS) :].isdigit()
        ]
        return sorted(found, key=lambda name: int(name[len(MODELS) :]))

    def save(self) -> dict[str, Any]:
        """Train as `clew pixels train --dimensions 2` does on what is painted, keep model and annotations, and put it on record."""
        from clew.learn.pixel_training import train_pixels
        from clew.read.annotations import write_annotation

        sheets = self.easel.learnt_from()
        check(sheets, DataError, "A model must have strokes of at least two classes. Got none.")
        began = time.perf_counter()
        annotations = [one.annotation(self.easel.names) for one in sheets]
        forest, painted = train_pixels([one.stack for one in sheets], annotations, dimensions=DIMENSIONS)
        number = max((int(name[len(MODELS) :]) for name in self.models()), default=0) + 1
        name = f"{MODELS}{number}"
        forest.save_model(self.study.folder / "models" / name)
        folder = self.study.folder / "arrays" / f"painted-{number}"
        folder.mkdir(parents=True)
        for called, annotation in zip(_annotation_names([one.name for one in sheets]), annotations):
            write_annotation(annotation, folder / called)
        seconds = time.perf_counter() - began

        def put() -> Any:
            return self.study.record(
                forest,
                verb="paint",
                function="",
                sees="nothing",
                inputs={
                    "images": {one.name: one.stack.sha256() for one in sheets},
                    "model": f"models/{name}",
                },
                seconds=seconds,
            )

        step = self.workspace.threads["writer"].submit(put).result()
        same = self.current and self.live is not None and self.live.exact
        return {
            "model": name,
            "path": f"{self.study.folder.name}/models/{name}",
            "sha256": forest.sha256,
            "step": step.id,
            "pixels": len(painted),
            "trees": forest.n_trees,
            "same": bool(same and _same_trees(self.live, forest)),
            "notes": list(forest.notes),
        }


def _annotation_names(images: list[str]) -> list[str]:
    """Name the annotation of each image like it, with a number where images are called alike but for folder or ending."""
    stems = [name.replace("/", "-").rpartition(".")[0] or name for name in images]
    alike = [f"-{i + 1}" if stems.count(stem) > 1 else "" for i, stem in enumerate(stems)]
    return [f"{stem}{number}_annotation.tif" for stem, number in zip(stems, alike)]


def _same_trees(live: Painting | None, forest: Any) -> bool:
    """Return whether the live forest is the saved one, number for number."""
    return live is not None and all(
        np.array_equal(getattr(live.model.forest, name), getattr(forest, name))
        for name in ("feature", "threshold", "left", "right", "value", "tree_start")
    )
