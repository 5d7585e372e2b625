"""Comparing label images in files with the true ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.figures import CLASS_FIGURES
from clew.intervals import FEWEST_GROUPS, number, spell
from clew.read.images import LABEL_ENDINGS
from clew.read.kinds import IMAGES, has_suffix, is_zarr, some_of
from clew.steps.outcome import Outcome, sentences

if TYPE_CHECKING:
    from clew.validate.objects import ObjectScores
    from clew.validate.segmentation import SegmentationScores

LABEL_IMAGES = tuple(
    suffix for suffix in IMAGES if suffix not in (".jpg", ".jpeg")
)  # JPEG changes the numbers
SHOWN = 3  # images that agree least are named
WORDS = {
    "accuracy": "accuracy",
    "cropped_accuracy": "accuracy, cropped",
    "balanced_accuracy": "balanced accuracy",
    "matthews": "Matthews",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "jaccard": "Jaccard",
    "ap_50": "AP at IoU 0.5",
    "mean_ap": "AP, mean 0.5-0.95",
    "panoptic_quality": "panoptic quality",
    "segmentation_quality": "  segmentation q.",
    "recognition_quality": "  recognition q.",
    "mean_matched_iou": "IoU, of matched",
    "mean_true_iou": "IoU, of all true",
    "sparse_jaccard": "sparse Jaccard",
}


def compare(
    truth: Path,
    predicted: Path,
    *,
    objects: bool = False,
    sparse: bool = False,
    foreground: int | None = None,
    background: int = 0,
    region: Path | None = None,
) -> Outcome:
    """Compare label images with the true ones: every figure of pixels, and of objects where asked for.

    Parameters
    ----------
    truth, predicted : Path
        Label images (TIFF, PNG, OME-Zarr; 2D or 3D), or folders of them that are paired by name: ``cells.tif`` with
        ``cells_labels.tif``.
    objects : bool
        The numbers are those of objects: all but 0 are one class of pixels, and the objects are compared one by one.
    sparse : bool
        The truth is annotated in part only: pixels of number 0 do not count, nor predicted objects that touch no
        annotated one.
    foreground : int
        The number of one class of PREDICTED, which is compared with all pixels above 0 of TRUTH, such as outlines of objects.
    background : int
        The number of the background among classes of pixels; means over classes leave it out.
    region : Path
        A mask, or a folder of masks, one a label image: only pixels above 0 count.

    Raises
    ------
    DataError
        If files are missing, have no partner, several channels or times, or hold no label images that fit each other.
    """
    from clew.validate.objects import compare_objects
    from clew.validate.segmentation import compare_segmentations

    notes: list[str] = []
    pairs = _paired(truth, predicted, what="prediction", notes=notes)
    truths, predictions = ([_LabelImage(path, notes) for path in side] for side in zip(*pairs))
    if foreground is not None:
        predictions = [_OneClass(one.path, notes, foreground) for one in predictions]
    regions = None
    if region is not None:
        masks = _paired(truth, region, what="region", notes=notes)
        regions = [_Mask(path, notes) for _, path in masks]
    names = [path.name for path, _ in pairs]
    pixels = found = None
    check(
        foreground is None or not (objects or sparse),
        SettingError,
        "The 'foreground' of compare must go without 'objects' and 'sparse'. Got them together.",
    )
    if objects:
        found = compare_objects(truths, predictions, regions, sparse=sparse, names=names)
    if foreground is not None or (
        objects and not sparse
    ):  # between the objects of a sparse truth nobody said what is background
        pixels = compare_segmentations(truths, predictions, regions, classes="foreground", names=names)
    elif not objects:
        unlabelled = 0 if sparse else None
        pixels = compare_segmentations(
            truths, predictions, regions, background=background, unlabelled=unlabelled, names=names
        )
    return _told(pixels, found, notes)


# ---- files ----
def _paired(truth: Path, other: Path, *, what: str, notes: list[str]) -> list[tuple[Path, Path]]:
    """Pair each true label image with the one of its name; a file goes with a file."""
    for path in (truth, other):
        check(path.exists(), DataError, "The label image '{}' must exist. Got a path where nothing is.", path)
    check(
        _is_folder(truth) == _is_folder(other),
        DataError,
        "The truth and the {} must be two label images, or two folders of them. Got '{}' and '{}'.",
        what,
        truth,
        other,
    )
    check(
        truth.resolve() != other.resolve(),
        DataError,
        "The truth and the {} must be different files. Got '{}' as both.",
        what,
        truth,
    )
    if not _is_folder(truth):
        return [(truth, other)]
    true, others = _label_images(truth, notes), _label_images(other, notes)
    lacking = [path.name for key, path in true.items() if key not in others]
    check(
        not lacking,
        DataError,
        "The folder '{}' must hold a {} for each of the {} label images of '{}'. Got none for {} of them: {}.",
        other,
        what,
        len(true),
        truth,
        len(lacking),
        some_of(lacking),
    )
    left = [path.name for key, path in others.items() if key not in true]
    if left:
        notes.append(f"{len(left)} in '{other.name}' have no truth, and are left out: {some_of(left)}.")
    return [(path, others[key]) for key, path in true.items()]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not is_zarr(path)


def _label_images(folder: Path, notes: list[str]) -> dict[str, Path]:
    """Return the label images of a folder by what they share in name; what lies beside named ones is left aside."""
    files = sorted(f for f in folder.iterdir() if is_zarr(f) or has_suffix(f, LABEL_IMAGES))
    files = [file for file in files if not file.name.startswith(".")]
    named = [file for file in files if _stem(file).endswith(LABEL_ENDINGS)]
    if named and len(named) < len(files):
        notes.append(
            f"Of {len(files)} images in '{folder.name}' the {len(named)} that are named as label images are compared."
        )
    found: dict[str, Path] = {}
    for file in named or files:
        stem = _stem(file)
        key = next((stem.removesuffix(end) for end in LABEL_ENDINGS if stem.endswith(end)), stem)
        check(
            key not in found,
            DataError,
            "The label images of the folder '{}' must differ in name by more than their ending. Got '{}' and '{}'.",
            folder,
            found[key].name if key in found else "",
            file.name,
        )
        found[key] = file
    check(found, DataError, "The folder '{}' must hold label images ({}, .zarr). Got none.", folder, ", ".join(LABEL_IMAGES))  # fmt: skip
    return found


def _stem(path: Path) -> str:
    return path.stem.removesuffix(".ome")


@dataclass
class _LabelImage:
    """A label image that is read when it is asked for, so that a folder of them is never in memory as a whole."""

    path: Path
    notes: list[str]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the numbers (Y, X), or (Z, Y, X) of a stack."""
        labels = _read_labels(self.path, self.notes)
        return labels if dtype is None else labels.astype(dtype)


@dataclass
class _OneClass(_LabelImage):
    """A label image of which one number counts: 1 there, 0 elsewhere."""

    number: int

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return (super().__array__() == self.number).astype(np.int32)


class _Mask(_LabelImage):
    """A mask that is read when it is asked for: True above 0."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return super().__array__() > 0


def _read_labels(path: Path, notes: list[str]) -> np.ndarray:
    from clew.read.stacks import open_stack

    check(
        is_zarr(path) or has_suffix(path, LABEL_IMAGES),
        DataError,
        "The label image '{}' must be a TIFF, PNG or OME-Zarr, which keep numbers as they are. Got the suffix '{}'.",
        path,
        path.suffix,
    )
    stack = open_stack(path)
    times, channels = stack.shape[:2]
    check(
        times == channels == 1,
        DataError,
        "The label image '{}' must have one channel and one time. Got {} and {}.",
        path,
        channels,
        times,
    )
    notes += stack.notes
    labels = stack.read(0, slice(None), slice(None), slice(None))[0]  # (Z, Y, X)
    return labels[0] if len(labels) == 1 else labels


# ---- what is told ----
def _told(pixels: SegmentationScores | None, objects: ObjectScores | None, notes: list[str]) -> Outcome:
    lines: list[str] = []
    warnings: list[str] = []
    if pixels is not None:
        lines += _pixel_lines(pixels)
        warnings, notes = [*warnings, *pixels.warnings], [*notes, *pixels.notes]
    if objects is not None:
        lines += _object_lines(objects)
        warnings, notes = [*warnings, *objects.warnings], [*notes, *objects.notes]
    images = _per_image(pixels, objects)
    n = len(images)
    brackets = "; in brackets: 95% intervals over images" if n >= FEWEST_GROUPS else ""
    first = f"{n} label image{'s' * (n > 1)} compared with the truth{brackets}."
    data = {
        "images": n,
        "pixels": pixels and pixels.summary(),
        "objects": objects and objects.summary(),
        "per_image": images,
    }
    told = [*warnings, *notes]
    return Outcome([first, *lines, *_worst(images), *sentences(told)], data, None, objects or pixels, told)


def _figure_lines(result: SegmentationScores | ObjectScores) -> list[str]:
    return [f"  {WORDS[name]:<20} {spell(figure.summary())}" for name, figure in result.metrics.items()]


def _pixel_lines(result: SegmentationScores) -> list[str]:
    """Return the figures of all classes, and a table of each."""
    kept = [name for name in result.classes if name != result.background]
    means = f"means over {len(kept)} classes" if len(kept) > 1 else f"precision to Jaccard of {kept[0]}"
    but = f", the background {result.background} left out" if result.background.isdigit() else ""
    width = max(10, *map(len, result.classes))
    head = [*(WORDS[name] for name in CLASS_FIGURES), "TP", "FP", "FN", "TN"]
    table = [f"  {'class':<{width}}" + "".join(f"{word:>12}" for word in head)]
    for name in result.classes:
        figures = result.per_class[name]
        shares = "".join(f"{_plain(figures[one].value):>12}" for one in CLASS_FIGURES)
        counts = "".join(f"{figures[one]:>12,}" for one in ("tp", "fp", "fn", "tn"))
        table.append(f"  {name:<{width}}{shares}{counts}")
    return [
        f"Pixels ({int(result.confusion.sum()):,}; {means}{but}; F1 is Dice's coefficient):",
        *_figure_lines(result),
        *table,
    ]


def _plain(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"


def _object_lines(result: ObjectScores) -> list[str]:
    """Return how many objects were found, the figures, and those at each IoU."""
    tp = result.counts[0, 0]
    rows = {
        "IoU at least": [f"{iou:.2f}" for iou in result.thresholds],
        "AP": [f"{ap:.2f}" for ap in result.average_precision],
        "matched (TP)": [f"{n:,}" for n in result.counts[:, 0]],
    }
    return [
        f"Objects: {len(result.true_label):,} true, {len(result.predicted_label):,} predicted, {tp:,} matched at IoU 0.5; "
        f"{result.n_split:,} true ones are split, {result.n_merging:,} predicted ones merge several:",
        *_figure_lines(result),
        *(f"  {word:<20}" + "".join(f"{cell:>7}" for cell in cells) for word, cells in rows.items()),
    ]


def _per_image(pixels: SegmentationScores | None, objects: ObjectScores | None) -> list[dict[str, Any]]:
    """Return accuracy and Jaccard, and true, predicted and matched objects, of each image."""
    names = next(result.names for result in (pixels, objects) if result is not None)
    images: list[dict[str, Any]] = [{"name": name} for name in names]
    if pixels is not None:
        for figure in ("accuracy", "jaccard"):
            for one, value in zip(images, pixels.of_images(figure)):
                one[figure] = number(value)
    if objects is not None:
        true, matched = (
            np.bincount(objects.image[rows], minlength=len(names))
            for rows in (slice(None), objects.iou >= 0.5)
        )
        predicted = np.bincount(objects.predicted_image, minlength=len(names))
        for one, n_true, n_predicted, tp in zip(images, true.tolist(), predicted.tolist(), matched.tolist()):
            either = n_true + n_predicted - tp
            one |= {
                "true": n_true,
                "predicted": n_predicted,
                "tp": tp,
                "ap_50": tp / either if either else None,
            }
    return images


def _worst(images: list[dict[str, Any]]) -> list[str]:
    """Name the images that agree least, where there are several."""
    figure, word = ("ap_50", "AP at IoU 0.5") if "ap_50" in images[0] else ("jaccard", "Jaccard")
    known = sorted((one for one in images if one[figure] is not None), key=lambda one: one[figure])
    if len(known) < 2:
        return []
    return [
        f"Least alike by {word}: "
        + ", ".join(f"{one['name']} {one[figure]:.2f}" for one in known[:SHOWN])
        + f"; most alike: {known[-1]['name']} {known[-1][figure]:.2f}."
    ]
