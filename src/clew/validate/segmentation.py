"""How well does a segmentation agree with the truth, pixel by pixel for each class?

Accuracy counts empty background as success, so that a wider picture of the same objects scores better; Jaccard's
index does not. Both are given here, with what accuracy would be on the part that holds objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check
from clew.figures import CLASS_FIGURES, class_figure, mean_figure, share_of
from clew.intervals import Interval, sums_interval
from clew.result import Result, step
from clew.validate.label_images import Images, how_sure, names_of, paired_images, pairs_of_numbers

MOST_CLASSES = 64  # more numbers than this are objects rather than classes
FLATTERED = 0.01  # a crop that changes accuracy by more is worth a warning


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SegmentationScores(Result):
    """Every figure of classes of pixels, since one never stands alone.

    Parameters
    ----------
    metrics : dict of str to Interval
        Over all classes: accuracy, cropped_accuracy (on the smallest box that holds all that is not background, in
        truth or prediction), balanced_accuracy and matthews. Over the classes but the background: the means of
        precision, recall, f1 (which is Dice's coefficient) and jaccard. Intervals are over images.
    per_class : dict of str to dict
        For each class precision, recall, f1 and jaccard as Interval, and the pixels "tp", "fp", "fn", "tn" as int.
    confusion : ndarray of int64, shape (n_images, n_classes, n_classes)
        Pixels of each true class (down) by predicted class (across), image by image.
    cropped : ndarray of int64, shape (n_images, 2)
        Pixels that are right, and all pixels, in the box of `cropped_accuracy`.
    classes : list of str
        The classes, in the order of `confusion`: their numbers, or "background" and "foreground".
    background : str
        The class that is the background; "" where none is.
    names : list of str
        What the images are called.
    warnings, notes : list of str
        What to mind when reading the figures, and what they rest on.
    """

    metrics: dict[str, Interval]
    per_class: dict[str, dict[str, Any]]
    confusion: np.ndarray
    cropped: np.ndarray
    classes: list[str]
    background: str
    names: list[str]
    warnings: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def headline(self) -> str:
        """Say Jaccard's index, accuracy and what they rest on."""
        jaccard, accuracy, cropped = (
            self.metrics[name].value for name in ("jaccard", "accuracy", "cropped_accuracy")
        )
        n_images, n_pixels = len(self.confusion), int(self.confusion.sum())
        return (
            f"Jaccard {jaccard:.3f}, accuracy {accuracy:.3f} ({cropped:.3f} on the part that holds objects), "
            f"{n_images} image{'s' * (n_images > 1)}, {n_pixels:,} pixels"
        )

    def of_images(self, figure: Literal["accuracy", "precision", "recall", "f1", "jaccard"]) -> np.ndarray:
        """Return a figure of each image, float64 of shape (n_images,); NaN where an image does not define it."""
        if figure == "accuracy":
            return share_of(
                np.trace(self.confusion, axis1=1, axis2=2), self.confusion.sum(axis=(1, 2)).astype(float)
            )
        return _mean_over(figure, self.confusion.astype(float), _shown(self.classes, self.background))

    def summary(self) -> dict[str, Any]:
        """Return every figure as {"value", "low", "high"}; None for what is not defined."""
        return {
            "metrics": {name: value.summary() for name, value in self.metrics.items()},
            "per_class": {
                name: {key: v.summary() if isinstance(v, Interval) else v for key, v in figures.items()}
                for name, figures in self.per_class.items()
            },
            "confusion": self.confusion.sum(axis=0).tolist(),
            "classes": list(self.classes),
            "background": self.background or None,
            "images": len(self.confusion),
            "pixels": int(self.confusion.sum()),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


@step(sees="nothing")
def compare_segmentations(
    truth: Images,
    predicted: Images,
    region: Images | None = None,
    *,
    classes: Literal["labels", "foreground"] = "labels",
    background: int = 0,
    unlabelled: int | None = None,
    names: Sequence[str] | None = None,
) -> SegmentationScores:
    """Compare the classes of pixels with the true ones.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (Y, X) or (Z, Y, X), or a list of such
        The true and the predicted number of each pixel; several images are the groups of the intervals.
    region : ndarray of bool of the same shape, or a list of such, optional
        Only pixels inside count.
    classes : {"labels", "foreground"}
        Whether each number is a class, or all but the background are one class, as for images of objects.
    background : int
        The number of the background: 0 in images of objects, often 1 where 0 stands for what nobody labelled. It is
        left out of the means over classes; where no pixel has it, every class is in them.
    unlabelled : int, optional
        The number of pixels in ``truth`` that nobody labelled; they do not count.
    names : sequence of str, optional
        What the images are called, in messages and in the result.

    Raises
    ------
    DataError
        If images do not fit each other, hold anything but whole numbers from 0 to 2**31 - 1 or more than 64 classes,
        a region is empty, or the truth is all background or unlabelled.

    Notes
    -----
    Jaccard (1912), doi:10.1111/j.1469-8137.1912.tb05611.x; Dice, Ecology 26 (1945), doi:10.2307/1932409. That accuracy
    moves with empty background while Jaccard's index does not is the lesson of R. Haase's BioImageAnalysisNotebooks
    ("Jaccard index versus accuracy").
    """
    of = "compare_segmentations"
    tables, outside, n_all = [], [], 0
    for image in paired_images(truth, predicted, region, names, of=of):
        tables.append(_labelled_pairs(*image, unlabelled))
        outside.append(_outside(*image, background, unlabelled))
        n_all += image[0].size
    if classes == "foreground":
        tables = [np.column_stack([table[:, :2] != background, table[:, 2]]) for table in tables]
        values, shown_as, empty = np.array([0, 1]), ["background", "foreground"], "background"
    else:
        values = np.unique(np.concatenate([table[:, :2].ravel() for table in tables]))
        shown_as = [str(value) for value in values]
        empty = str(background) if background in values else ""
    check(
        len(values) <= MOST_CLASSES,
        DataError,
        "The label images of {} must hold at most {} classes. Got {} numbers; those of objects are compared "
        "by compare_objects (--objects), and with one class of pixels as classes='foreground' (--foreground NUMBER).",
        of,
        MOST_CLASSES,
        len(values),
    )
    confusion = np.stack([_confusion(table, values) for table in tables])  # (n_images, k, k)
    shown = _shown(shown_as, empty)
    check(
        confusion[:, shown].sum() > 0,
        DataError,
        "The truth of {} must hold at least 1 labelled pixel that is no background ({}). Got none.",
        of,
        background,
    )
    cropped = np.stack([np.trace(confusion, axis1=1, axis2=2), confusion.sum(axis=(1, 2))], axis=1)
    cropped -= np.array(outside)[:, None]  # where both are background, and agree
    metrics = _metrics(confusion, cropped, shown)
    whole = ("image" if len(tables) == 1 else "images") if region is None else "region"
    return SegmentationScores(
        metrics=metrics,
        per_class={name: _class_figures(k, confusion) for k, name in enumerate(shown_as)},
        confusion=confusion,
        cropped=cropped,
        classes=shown_as,
        background=empty,
        names=names_of(names, len(tables)),
        warnings=[
            *crop_warning(
                *(metrics[name].value for name in ("accuracy", "cropped_accuracy", "jaccard")), whole=whole
            ),
            *(_one_sided(confusion, shown_as) if classes == "labels" else []),
        ],
        notes=_pixel_notes(confusion, n_all, region is not None, unlabelled),
    )


def crop_warning(
    accuracy: float, cropped_accuracy: float, jaccard: float, *, whole: str = "image"
) -> list[str]:
    """Return the sentence that empty background flatters accuracy, if it does by more than 0.01.

    Parameters
    ----------
    accuracy, cropped_accuracy : float
        On all pixels, and on the box that holds all objects.
    jaccard : float
        Of the classes but the background; no crop changes it.
    whole : str
        What all pixels are: "image", "images" or "region".
    """
    if not accuracy - cropped_accuracy > FLATTERED:
        return []
    return [
        f"Accuracy is {accuracy:.3g} on the whole {whole} and {cropped_accuracy:.3g} on the part that holds objects: "
        f"empty background flatters it; Jaccard is {jaccard:.3g} on both."
    ]


def _outside(
    truth: np.ndarray,
    predicted: np.ndarray,
    region: np.ndarray | None,
    background: int,
    unlabelled: int | None,
) -> int:
    """Return how many of the pixels that count lie outside of the smallest box that holds all objects."""
    counted = None if unlabelled is None else truth != unlabelled
    if region is not None:
        counted = region if counted is None else counted & region
    occupied = (truth != background) | (predicted != background)
    n_counted = truth.size if counted is None else int(counted.sum())
    if counted is not None:
        occupied &= counted
    box = []
    for axis in range(occupied.ndim):
        others = tuple(other for other in range(occupied.ndim) if other != axis)
        places = np.flatnonzero(occupied.any(axis=others))
        if not places.size:
            return n_counted
        box.append(slice(places[0], places[-1] + 1))
    inside = occupied[tuple(box)]
    return n_counted - (inside.size if counted is None else int(counted[tuple(box)].sum()))


def _labelled_pairs(
    truth: np.ndarray, predicted: np.ndarray, region: np.ndarray | None, unlabelled: int | None
) -> np.ndarray:
    table = pairs_of_numbers(truth, predicted, region)
    return table if unlabelled is None else table[table[:, 0] != unlabelled]


def _confusion(table: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the pixels (n_classes, n_classes) of a table of pairs."""
    confusion = np.zeros((len(values), len(values)), np.int64)
    np.add.at(
        confusion, (np.searchsorted(values, table[:, 0]), np.searchsorted(values, table[:, 1])), table[:, 2]
    )
    return confusion


def _shown(classes: list[str], background: str) -> np.ndarray:
    """Return the places of the classes that the means are over."""
    return np.flatnonzero([name != background for name in classes])


def _mean_over(figure: str, tables: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the mean of a figure over classes where it is defined; tables of shape (..., k, k)."""
    values = CLASS_FIGURES[figure][0](tables)[..., shown]
    defined = np.isfinite(values)
    return share_of(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _metrics(confusion: np.ndarray, cropped: np.ndarray, shown: np.ndarray) -> dict[str, Interval]:
    tables, times, k = confusion.astype(float), np.ones(len(confusion), np.int64), confusion.shape[-1]
    not_empty = cropped[:, 1] > 0
    metrics = {
        "accuracy": mean_figure("accuracy", tables, times),
        "cropped_accuracy": sums_interval(
            lambda sums: share_of(sums[..., 0], sums[..., 1]),
            cropped[not_empty].astype(float),
            n_rows=int(cropped[:, 1].sum()),
        ),
        "balanced_accuracy": mean_figure("balanced_accuracy", tables, times),
        "matthews": mean_figure("matthews", tables, times),
    }
    present = confusion.sum(axis=(0, 2)) > 0

    def mean(sums: np.ndarray, *, figure: str) -> np.ndarray:
        square = sums.reshape(*sums.shape[:-1], k, k)
        # where a class left with the image, the mean is no fair comparison
        gone = ((square.sum(axis=-1) > 0) != present).any(axis=-1)
        return np.where(gone, np.nan, _mean_over(figure, square, shown))

    held = confusion.copy()  # the pixels that are in neither image background: what the means rest on
    hidden = np.delete(np.arange(k), shown)
    held[:, hidden[:, None], hidden] = 0
    holds = held.any(axis=(1, 2))
    for name in CLASS_FIGURES:
        metrics[name] = sums_interval(
            partial(mean, figure=name), tables[holds].reshape(-1, k * k), n_rows=int(held.sum())
        )
    return metrics


def _class_figures(k: int, confusion: np.ndarray) -> dict[str, Any]:
    tables, times = confusion.astype(float), np.ones(len(confusion), np.int64)
    figures: dict[str, Any] = {name: class_figure(name, k, tables, times) for name in CLASS_FIGURES}
    total = confusion.sum(axis=0)
    tp, true, predicted = int(total[k, k]), int(total[k].sum()), int(total[:, k].sum())
    tn = int(total.sum()) - true - predicted + tp
    return figures | {"tp": tp, "fp": predicted - tp, "fn": true - tp, "tn": tn}


def _one_sided(confusion: np.ndarray, names: list[str]) -> list[str]:
    """Return a sentence on classes that truth and prediction do not share, if both have such."""
    total = confusion.sum(axis=0)
    true, predicted = total.sum(axis=1) > 0, total.sum(axis=0) > 0
    alone = [
        ", ".join(name for name, one in zip(names, here & ~there) if one)
        for here, there in ((true, predicted), (predicted, true))
    ]
    if not all(alone):
        return []
    return [
        f"Only the truth has the class {alone[0]} and only the prediction {alone[1]}: are both numbered alike?"
    ]


def _pixel_notes(confusion: np.ndarray, n_all: int, has_region: bool, unlabelled: int | None) -> list[str]:
    n_counted = int(confusion.sum())
    notes = how_sure(len(confusion))
    if n_counted < n_all:
        why = ["in the region"] * has_region + ["labelled"] * (unlabelled is not None)
        notes.append(f"{n_counted:,} of {n_all:,} pixels are {' and '.join(why)}; the others do not count.")
    if unlabelled is not None:
        notes.append("Accuracy depends on how much of each class was labelled.")
    return notes
