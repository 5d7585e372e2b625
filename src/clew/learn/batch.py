"""Whole folders, and images larger than memory: one image after the other, and what failed is named at the end."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import ClewError, DataError, SettingError, Stopped, check, did_you_mean
from clew.learn.budget import Work, choose_tile, estimate
from clew.learn.pixel_model import PixelClassifying, entropy
from clew.learn.tiling import OnProgress, tiles_of
from clew.measure.pixels import Shape
from clew.read.kinds import IMAGES, distinct_names, has_suffix, is_zarr, package
from clew.read.stack_writer import StackWriter, TiffWriter
from clew.read.stacks import Stack, open_stack
from clew.read.zarr_writer import ZarrWriter
from clew.result import write_whole

RECORD = (
    "clew-pixels.jsonl"  # among the results: what made them, then one line for each image that is finished
)
Box = tuple[slice, slice, slice]
UNREADABLE = (DataError, MemoryError)  # what is wrong with one image, and does not stop the others


@dataclass(frozen=True)
class Wanted:
    """What is to be written of each image.

    Parameters
    ----------
    probabilities, uncertainty : bool
        Beside the classes, the probability of each, and their entropy (0 sure, 1 a toss-up).
    objects : str, optional
        A class whose connected pixels are numbered as objects.
    split : {"none", "distance"}
        Whether touching objects are cut apart.
    min_area : int
        Smaller objects, in pixels, are left out.
    """

    probabilities: bool = False
    uncertainty: bool = False
    objects: str | None = None
    split: Literal["none", "distance"] = "none"
    min_area: int = 0

    @property
    def shares(self) -> bool:
        """Tell whether it takes the probabilities of classes."""
        return self.probabilities or self.uncertainty

    def work(self, border: str | None) -> Work:
        """Return what it asks of the memory, of a model that knows a border between objects or none."""
        cut = "border" if border else self.split
        return Work(self.shares, cut if self.objects else None, self.objects)


@dataclass(frozen=True)
class FileResult:
    """What became of one image.

    Parameters
    ----------
    source : str
    status : {"done", "kept", "failed"}
        Classified now; finished in an earlier run; or why it could not be.
    out : list of str
        The files written, in the folder of results, or beside the OME-Zarr.
    pixels : dict of str to int
        How many pixels each class has.
    objects, small : int or None
        How many objects there are, and how many were left out, being smaller than asked; of all times together.
    seconds : float
    why : str
        The sentence of what failed.
    notes : list of str
        What to mind.
    """

    source: str
    status: Literal["done", "kept", "failed"]
    out: list[str] = field(default_factory=list)
    pixels: dict[str, int] = field(default_factory=dict)
    objects: int | None = None
    small: int | None = None
    seconds: float = 0.0
    why: str = ""
    notes: list[str] = field(default_factory=list)


def classify_files(
    model: PixelClassifying,
    paths: Sequence[Path],
    out: Path,
    *,
    wanted: Wanted,
    memory: int,
    axes: str | None = None,
    restart: bool = False,
    say: Callable[[str], Any] = lambda sentence: None,
    on_progress: OnProgress | None = None,
) -> list[FileResult]:
    """Classify every pixel of many images; an image that fails does not stop the others.

    What an earlier run of the same model and settings finished stays, so that a run that was killed goes on.

    Parameters
    ----------
    model : PixelClassifying
    paths : sequence of Path
    out : Path
        A folder, for ``classes/NAME.tif``, ``objects/NAME.tif`` and so on; or, for one image, an OME-Zarr (``.zarr``).
    wanted : Wanted
    memory : int
        Bytes that the whole process may take.
    axes : str, optional
        The axes of files that do not tell them, as for `open_stack`.
    restart : bool
        Do again what was finished before.
    say : callable
        Takes one sentence before the work begins: how much there is to do, and how long it will take.
    on_progress : callable, optional
        Takes the numbers of tiles done and in all; returning False stops.

    Raises
    ------
    SettingError
        If the place holds anything but results of this model and these settings, or the memory is too small.
    WriteError
        If the disk is full or refuses: what was finished before stays.
    Stopped
        If ``on_progress`` said so; what was finished before stays.
    """
    check_wanted(model, wanted)
    places = _places(paths, out)
    images = {
        source: _Image(model, path, out, name, wanted)
        for (source, path), name in zip(places.items(), _names(places))
    }
    made = {"model_sha256": model.sha256, "wanted": asdict(wanted), "axes": axes}
    record = _Record(out, made | ({"source": next(iter(places))} if is_zarr_name(out) else {}), restart)
    record.check_place([image.path(what) for image in images.values() for what in image.kinds()])
    results: dict[str, FileResult] = {}
    work = wanted.work(model.border)
    todo: dict[str, tuple[Stack, Shape]] = {}
    for source, path in places.items():
        kept = record.finished(source, path)
        if kept:
            results[source] = kept
            continue
        try:
            stack = open_stack(path, axes=axes)
            model.check(stack)
        except UNREADABLE as error:
            results[source] = _failed(source, error)
            continue
        begun = None if restart else images[source].begun(source, stack, record.made)
        todo[source] = stack, choose_tile(model, stack, work, memory, begun=begun)
    if todo:
        say(estimate(model, list(todo.values()), work))
        record.begin()
    tiles = {source: sum(1 for _ in tiles_of(stack.shape, tile)) for source, (stack, tile) in todo.items()}
    before, total = 0, sum(tiles.values())
    for source, (stack, tile) in todo.items():
        told = None if on_progress is None else _shifted(on_progress, before, total)
        try:
            if restart:
                images[source].clear()
            results[source], sha256 = images[source].classify(source, stack, tile, record.made, told)
            if source in record.changed:
                results[source].notes.append(
                    f"{source}: has changed since it was classified, and is classified again."
                )
            record.add(results[source], sha256)
        except Stopped as stopped:
            raise Stopped(
                f"Stopped after {len(results)} of {len(places)} images; what is finished stays, and the same command goes on."
            ) from stopped
        except UNREADABLE as error:
            results[source] = _failed(source, error)
        before += tiles[source]
    return [results[source] for source in places]


def check_wanted(model: PixelClassifying, wanted: Wanted) -> None:
    """Refuse a class that the model does not know, and settings of objects without objects."""
    known = [name for name in model.values if name != model.border]
    check(
        wanted.objects is None or wanted.objects in known,
        SettingError,
        "The 'objects' of pixels predict must be one of the model's classes: {}. Got '{}' instead.{}",
        ", ".join(known),
        wanted.objects,
        did_you_mean(wanted.objects or "", known),
    )
    check(
        wanted.min_area >= 0,
        SettingError,
        "The 'min_area' of pixels predict must be a number of pixels, at least 0. Got {}.",
        wanted.min_area,
    )
    check(
        wanted.objects is not None or (wanted.split == "none" and wanted.min_area == 0),
        SettingError,
        "The 'split' and 'min_area' of pixels predict must go with 'objects' (--objects CLASS). Got no class of objects.",
    )
    check(
        wanted.split == "none" or model.border is None,
        SettingError,
        "The 'split' of pixels predict must be left to the model, which has learnt the border between objects. Got {}.",
        wanted.split,
    )


def is_zarr_name(path: Path) -> bool:
    """Tell whether results go into one OME-Zarr."""
    return path.suffix.casefold() == ".zarr"


def _failed(source: str, error: BaseException) -> FileResult:
    why = (
        "The memory must be enough for a tile. Got none left."
        if isinstance(error, MemoryError)
        else str(error)
    )
    return FileResult(source, "failed", why=why)


def _shifted(on_progress: OnProgress, before: int, total: int) -> OnProgress:
    return lambda done, _: on_progress(before + done, total)


def _places(paths: Sequence[Path], out: Path) -> dict[str, Path]:
    """Return the images by name; refuse places to write that cannot be."""
    places = dict(zip(distinct_names(paths), paths, strict=True))
    check(
        not is_zarr_name(out) or len(places) == 1,
        SettingError,
        "The 'out' of pixels predict must be a folder for several images. Got '{}' for {}.",
        out,
        len(places),
    )
    check(
        out.absolute().parent.is_dir(),
        SettingError,
        "The 'out' of pixels predict must be in a folder that is there. Got '{}'.",
        out,
    )
    check(
        out.resolve() not in {path.resolve() for path in paths},
        SettingError,
        "The 'out' of pixels predict must not be one of the images. Got '{}'.",
        out,
    )
    check(
        out.is_dir() or not (out.exists() or has_suffix(out, IMAGES)),
        SettingError,
        "The 'out' of pixels predict must be a folder, or end in .zarr. Got the file '{}'.",
        out,
    )
    return places


def _names(sources: Mapping[str, Path]) -> list[str]:
    """Return what the results of each image are called: as the image, without its suffix where no other is called so."""
    stems = [str(Path(source).with_suffix("")).removesuffix(".ome") for source in sources]
    times = Counter([*stems, *sources])
    return [stem if times[stem] == 1 else source for source, stem in zip(sources, stems)]


# ---- one image ----
class _Image:
    """One image, and the files that it gives."""

    def __init__(self, model: PixelClassifying, source: Path, out: Path, name: str, wanted: Wanted) -> None:
        self.model, self.wanted, self.out, self.name = model, wanted, out, name
        self.as_zarr = is_zarr_name(out) or is_zarr(source)
        self.numbers = np.array(list(model.values.values()), np.uint8)

    def kinds(self) -> dict[str, tuple[Any, int]]:
        """Return what is written, with dtype and number of channels; the classes of a tile come after its shares."""
        kinds: dict[str, tuple[Any, int]] = {}
        if self.wanted.probabilities:
            kinds["probabilities"] = (np.float32, len(self.numbers))
        if self.wanted.uncertainty:
            kinds["uncertainty"] = (np.float32, 1)
        kinds["classes"] = (np.uint8, 1)
        if self.wanted.objects is not None:
            kinds["objects"] = (np.uint32, 1)
        return kinds

    def path(self, what: str) -> Path:
        """Return the place of one kind of result."""
        if is_zarr_name(self.out):
            return self.out if what == "classes" else self.out.with_name(f"{self.out.stem}.{what}.zarr")
        ending = (
            "zarr" if self.as_zarr and what != "objects" else "tif"
        )  # objects are made as a whole in any case
        return self.out / what / f"{self.name}.{ending}"

    def begun(self, source: str, stack: Stack, made: Mapping[str, Any]) -> Shape | None:
        """Return the tile with which an earlier run began this very image as OME-Zarr, if one did."""
        path = self.path("classes")
        if not _about(path) or _about(path) != _about_image(source, stack, made):
            return None
        return tuple(_attributes(path)["chunk"])

    def clear(self) -> None:
        """Remove what an earlier run wrote as OME-Zarr; a TIFF is replaced when the new one is whole."""
        for what in self.kinds():
            _remove(self.path(what))

    def classify(
        self, source: str, stack: Stack, tile: Shape, made: Mapping[str, Any], on_progress: OnProgress | None
    ) -> tuple[FileResult, str]:
        """Classify the image into its files; return what became of it, and the hash of the image."""
        began = time.perf_counter()
        about = _about_image(source, stack, made)
        counts, notes = self._classes(stack, tile, about, on_progress)
        n_objects, small = self._objects(stack, tile, about)
        top = self.out.parent if is_zarr_name(self.out) else self.out
        done = FileResult(
            source,
            "done",
            out=[self.path(what).relative_to(top).as_posix() for what in self.kinds()],
            pixels={name: int(n) for name, n in zip(self.model.values, counts)},
            objects=n_objects,
            small=small,
            seconds=round(time.perf_counter() - began, 3),
            notes=[*stack.notes, *notes],
        )
        return done, about["source_sha256"]

    def _classes(
        self, stack: Stack, tile: Shape, about: dict[str, Any], on_progress: OnProgress | None
    ) -> tuple[np.ndarray, list[str]]:
        """Write classes and shares, but what an earlier run wrote; return the pixels of each class, and what to mind."""
        counts, lock = np.zeros(256, np.int64), threading.Lock()
        before: list[tuple[int, Box]] = []  # tiles that an earlier run wrote
        with contextlib.ExitStack() as files:
            writers = {
                what: files.enter_context(self._writer(what, stack, tile, about))
                for what in self.kinds()
                if what != "objects"
            }

            def skip(t: int, start: Shape) -> bool:
                at = _box(start, [min(a + n, m) for a, n, m in zip(start, tile, stack.shape[2:])])
                done = all(_is_done(writer, t, at) for writer in writers.values())
                if done:
                    before.append((t, at))
                return done

            def write(t: int, start: Shape, found: np.ndarray, shares: np.ndarray | None) -> None:
                at = _box(start, [a + n for a, n in zip(start, found.shape)])
                for what, writer in writers.items():
                    if not _is_done(writer, t, at):
                        writer.write(t, *at, self._block(what, found, shares))
                with lock:
                    counts[:] += np.bincount(self.numbers[found.reshape(-1)], minlength=256)

            def told(done: int, total: int) -> Any:
                return on_progress and on_progress(len(before) + done, total)

            notes = self.model.predict(
                stack, write, probability=self.wanted.shares, tile=tile, skip=skip, on_progress=told
            )
        if before:
            classes = open_stack(self.path("classes"))
            for t, at in before:
                counts += np.bincount(classes.read(t, *at).reshape(-1), minlength=256)
        return counts[self.numbers], notes

    def _block(self, what: str, found: np.ndarray, shares: np.ndarray | None) -> np.ndarray:
        """Return what is written of a tile, (C, Z, Y, X)."""
        if what == "classes":
            return self.numbers[found][None]
        assert shares is not None
        return shares if what == "probabilities" else entropy(shares)[None]

    def _writer(self, what: str, stack: Stack, tile: Shape, about: dict[str, Any]) -> StackWriter:
        path = self.path(what)
        dtype, n_channels = self.kinds()[what]
        shape = (stack.shape[0], n_channels, *stack.shape[2:])
        channels = tuple(self.model.values) if what == "probabilities" else ()
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_partial(path)
        if not is_zarr_name(path):
            return TiffWriter(
                path, shape=shape, dtype=dtype, channel_names=channels, pixel_size=stack.pixel_size
            )
        if what == "objects" or _about(path) != about or not (path / "0" / "zarr.json").is_file():
            _remove(path)  # objects are cut anew as a whole; or the image has changed, or was not even begun
        return ZarrWriter(
            path,
            shape=shape,
            dtype=dtype,
            channel_names=channels,
            classes=self._called() if what == "classes" else (),
            pixel_size=stack.pixel_size,
            chunk=tile,
            about=about,
            resume=True,
        )

    def _called(self) -> list[str]:
        """Return what the numbers from 1 on stand for; a number that no class has is "unused"."""
        name = {value: name for name, value in self.model.values.items()}
        return [name.get(value, f"unused {value}") for value in range(1, max(name) + 1)]

    def _objects(self, stack: Stack, tile: Shape, about: dict[str, Any]) -> tuple[int | None, int | None]:
        """Number the objects of a class, time by time, and write them; return how many, and how many were too small."""
        if self.wanted.objects is None:
            return None, None
        n = small = 0
        classes, everywhere = open_stack(self.path("classes")), [slice(0, m) for m in stack.shape[2:]]
        planar = stack.shape[2] == 1
        size = stack.pixel_size[1:] if planar else stack.pixel_size
        with self._writer("objects", stack, tile, about) as writer:
            for t in range(stack.shape[0]):
                said = classes.read(t, *everywhere)[0]
                found, kept, left_out = self._pieces(said[0] if planar else said, size)
                n, small = n + kept, small + left_out
                labels = found.reshape(stack.shape[2:])
                for _, start, stop in tiles_of((1, 1, *stack.shape[2:]), tile):
                    at = _box(start, stop)
                    writer.write(t, *at, labels[at][None].astype(np.uint32))
        return n, small

    def _pieces(self, said: np.ndarray, pixel_size: tuple[float | None, ...]) -> tuple[np.ndarray, int, int]:
        """Return the objects among classes of pixels, int32, how many there are, and how many were too small."""
        from clew.measure.segment import objects_by_border, segment

        assert self.wanted.objects is not None
        value, least = self.model.values[self.wanted.objects], max(self.wanted.min_area, self.model.smallest)
        if self.model.border is None:
            size = None if None in pixel_size else pixel_size
            pieces = segment(said == value, split=self.wanted.split, min_area=least, pixel_size=size)  # type: ignore[arg-type]
            return pieces.labels, pieces.counts["kept"], pieces.counts["small"]
        labels = objects_by_border(said, object=value, border=self.model.values[self.model.border])
        area = np.bincount(labels.ravel())
        large = area >= max(least, 1)
        large[0] = False
        n = int(large.sum())
        return (np.cumsum(large) * large)[labels].astype(np.int32), n, int((area[1:] > 0).sum()) - n


def _about_image(source: str, stack: Stack, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the results of an image are made of."""
    try:
        return {**made, "source": source, "source_sha256": stack.sha256()}
    except OSError as error:
        raise DataError(
            f"The image '{stack.path}' must be one that can be read. Got: {error.strerror}."
        ) from error


def _box(start: Sequence[int], stop: Sequence[int]) -> Box:
    z, y, x = (slice(a, b) for a, b in zip(start, stop))
    return z, y, x


def _is_done(writer: StackWriter, t: int, at: Box) -> bool:
    return isinstance(writer, ZarrWriter) and writer.is_done(t, *at)


# ---- what lies there already ----
def _about(path: Path) -> dict[str, Any] | None:
    """Return what an OME-Zarr that was begun here is made of; None for any other, and where nothing is."""
    known = _attributes(path)
    return known.get("about") if "model_sha256" in known.get("about", {}) else None


def _attributes(path: Path) -> dict[str, Any]:
    if not is_zarr(path):
        return {}
    try:
        return dict(package("zarr").open_group(str(path), mode="r").attrs.get("clew", {}))
    except Exception:  # zarr raises whatever half-written metadata lead it to
        return {}


def _remove(path: Path) -> None:
    """Remove an OME-Zarr that was begun here."""
    if is_zarr(path) and (_about(path) or _is_bare(path)):
        shutil.rmtree(path)


def _is_bare(path: Path) -> bool:
    """Tell whether a folder holds nothing but what a run left that was killed as it began."""
    return all(one.suffix == ".partial" for one in path.iterdir())


def _remove_partial(path: Path) -> None:
    """Remove what runs that were killed left of files that they had not finished."""
    for left in (
        path.rglob("*.partial") if is_zarr(path) else path.parent.glob(f".{glob.escape(path.name)}.*.partial")
    ):
        left.unlink()


class _Record:
    """The list of finished images among the results: a line each, written after the files are."""

    def __init__(self, out: Path, made: dict[str, Any], restart: bool) -> None:
        self.out, self.path, self.made = out, out / RECORD, json.loads(json.dumps(made))
        lines = list(_lines(self.path))
        self.known = next((line["made"] for line in lines if "made" in line), None)
        if self.known is None and is_zarr_name(out) and (about := _about(out)):  # begun, and not finished
            self.known = {key: about.get(key) for key in self.made}
        self.lines = {line["result"]["source"]: line for line in lines if "result" in line}
        self.restart, self.changed = restart, set[str]()
        check(
            restart or self.known in (None, self.made),
            SettingError,
            "The place '{}' must be new, or hold results of this model with these settings. Got others ({}); name "
            "another place, or --restart to replace them.",
            out,
            _said(self.known or {}),
        )

    def check_place(self, paths: Sequence[Path]) -> None:
        """Refuse to replace what was not written here."""
        there = [path for path in paths if path.exists() and not self._is_ours(path)]
        check(
            not there,
            SettingError,
            "The place '{}' must be new, or hold results of this model. Got '{}', which clew pixels did not write there.",
            self.out,
            there[0] if there else "",
        )

    def _is_ours(self, path: Path) -> bool:
        if is_zarr(path) and _is_bare(path):
            return True
        return self.known is not None and (_about(path) is not None if is_zarr(path) else not path.is_dir())

    def begin(self) -> None:
        """Make the folder, and remove what other models or settings made; a line that was cut short is left out."""
        if is_zarr_name(self.out):
            return
        if self.known != self.made:
            for name in [name for line in self.lines.values() for name in line["result"]["out"]]:
                self._remove(name)
            self.lines = {}
        self.out.mkdir(exist_ok=True)
        write_whole(self.path, b"".join(map(_line, [{"made": self.made}, *self.lines.values()])))

    def _remove(self, name: str) -> None:
        path = self.out / name
        if path.resolve().is_relative_to(self.out.resolve()):
            _remove(path) if is_zarr(path) else path.unlink(missing_ok=True)

    def finished(self, source: str, path: Path) -> FileResult | None:
        """Return what an earlier run made of an image, if that is still so: the same bytes, and all its files there."""
        line = self.lines.get(source)
        top = self.out.parent if is_zarr_name(self.out) else self.out
        if self.restart or line is None or not all((top / name).exists() for name in line["result"]["out"]):
            return None
        try:
            same = open_stack(path).sha256() == line["sha256"]
        except (ClewError, OSError):
            return None
        if not same:
            self.changed.add(source)
            return None
        return FileResult(**line["result"] | {"status": "kept"})

    def add(self, result: FileResult, sha256: str) -> None:
        """Put an image on the list, and wait until the disk has it."""
        told = {
            key: value for key, value in asdict(result).items() if key not in ("status", "seconds", "why")
        }
        lines = [] if self.path.exists() else [{"made": self.made}]
        with open(self.path, "ab") as file:
            file.write(b"".join(map(_line, [*lines, {"sha256": sha256, "result": told}])))
            file.flush()
            os.fsync(file.fileno())


def _line(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a record; one that was cut off by a kill tells of nothing finished."""
    if not path.exists():
        return
    for raw in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):
            line = json.loads(raw)
            if isinstance(line, dict):
                yield line


def _said(made: Mapping[str, Any]) -> str:
    """Say what results are of: the model, and what was asked for."""
    wanted = made.get("wanted") or {}
    chosen = [str(made["source"])] if "source" in made else []
    chosen += [
        name if value is True else f"{name} {value}"
        for name, value in wanted.items()
        if value not in (False, None, 0, "none")
    ]
    return f"model {str(made.get('model_sha256'))[:12]}..., {', '.join(chosen) or 'classes only'}"


def check_model_folder(folder: Path) -> None:
    """Refuse a place for a new model before the work: it must be new, in a folder that is there."""
    check(not folder.exists(), SettingError, "The model folder '{}' must be a new one. It exists.", folder)
    check(
        folder.absolute().parent.is_dir(),
        SettingError,
        "The folder '{}' must exist to hold a model. It does not.",
        folder.absolute().parent,
    )
