"""How well does a segmentation agree with the truth: pixel by pixel for each class, and object by object?

Accuracy counts empty background as success, so that a wider picture of the same objects scores better; Jaccard's
index does not. Both are given here, with what accuracy would be on the part that holds objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from clew.errors import DataError, check
from clew.figures import CLASS_FIGURES, class_figure, mean_figure, share_of
from clew.intervals import FEW_GROUPS, FEWEST_GROUPS, Interval, number, sums_interval
from clew.kernels.overlap import overlaps
from clew.result import Result, step

if TYPE_CHECKING:
    import pandas as pd

Images = ArrayLike | Sequence[ArrayLike]

MOST_CLASSES = 64  # more numbers than this are objects rather than classes
MOST_LABEL = np.iinfo(np.int32).max
FLATTERED = 0.01  # a crop that changes accuracy by more is worth a warning
THRESHOLDS = np.arange(50, 100, 5) / 100  # of IoU; divided, so that 3 of 5 pixels are not below 0.6


# ---- pixels ----
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
    for image in _images(truth, predicted, region, names, of=of):
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
        "The label images of {} must hold at most {} classes. Got {} numbers: compare objects by compare_objects, "
        "and their pixels as classes='foreground'.",
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
        names=_names(names, len(tables)),
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
    table = _pairs(truth, predicted, region)
    return table if unlabelled is None else table[table[:, 0] != unlabelled]


def _pairs(truth: np.ndarray, predicted: np.ndarray, region: np.ndarray | None) -> np.ndarray:
    """Return the numbers that meet inside the region, and in how many pixels: (n_pairs, 3)."""
    if region is not None:
        return overlaps(truth[region], predicted[region])
    return overlaps(truth.reshape(-1), predicted.reshape(-1))


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
    notes = _how_sure(len(confusion))
    if n_counted < n_all:
        why = ["in the region"] * has_region + ["labelled"] * (unlabelled is not None)
        notes.append(f"{n_counted:,} of {n_all:,} pixels are {' and '.join(why)}; the others do not count.")
    if unlabelled is not None:
        notes.append("Accuracy depends on how much of each class was labelled.")
    return notes


def _how_sure(n_images: int) -> list[str]:
    """Return a sentence on what the number of images does to the intervals, if it does."""
    if n_images == 1:
        return [
            "There is one image, so no interval: its pixels and objects are not independent of each other."
        ]
    if n_images < FEWEST_GROUPS:
        return [f"{n_images} images are too few for intervals, which take at least {FEWEST_GROUPS}."]
    return [f"Only {n_images} images: take the intervals as rough ones."] if n_images < FEW_GROUPS else []


# ---- what comes in ----
def _images(
    truth: Images, predicted: Images, region: Images | None, names: Sequence[str] | None, *, of: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield int32 truth, prediction and region of each image, one at a time; refuse what does not fit."""
    truths, predictions = _several(truth), _several(predicted)
    regions = [None] * len(truths) if region is None else _several(region)
    names = _names(names, len(truths))
    check(
        len(truths) == len(predictions) == len(regions) == len(names) > 0,
        DataError,
        "The truth, the prediction, the region and the names of {} must be as many, at least 1. Got {}, {}, {} and {}.",
        of,
        len(truths),
        len(predictions),
        len(regions),
        len(names),
    )
    for name, one, other, where in zip(names, truths, predictions, regions):
        image = f"image '{name}' in {of}" if name else of
        one = _labels(one, what=f"The truth of {image}")
        other = _labels(other, what=f"The prediction of {image}")
        check(
            one.shape == other.shape,
            DataError,
            "The prediction of {} must have the shape of its truth, {}. Got {} instead.",
            image,
            one.shape,
            other.shape,
        )
        yield one, other, _inside(where, one.shape, what=f"The region of {image}")


def _names(names: Sequence[str] | None, n: int) -> list[str]:
    """Return the names of the images: their numbers from 1 where none are given, and none for a single one."""
    if names is not None:
        return [str(name) for name in names]
    return [""] if n == 1 else [str(i + 1) for i in range(n)]


def _several(images: Images) -> list[Any]:
    return list(images) if isinstance(images, (list, tuple)) else [images]


def _labels(image: Any, *, what: str) -> np.ndarray:
    """Return a label image as int32; refuse what holds anything but whole numbers from 0 on."""
    image = np.asarray(image)
    check(
        image.ndim in (2, 3) and image.size and image.dtype.kind in "buif",
        DataError,
        "{} must be numbers with 2 or 3 axes, and at least 1 pixel. Got {} of shape {} instead.",
        what,
        image.dtype,
        image.shape,
    )
    if image.dtype.kind != "f":
        fits = image.dtype.kind == "b" or (image.min() >= 0 and image.max() <= MOST_LABEL)
    else:  # NaN is no part of any comparison that holds
        fits = bool(((image >= 0) & (image <= MOST_LABEL) & (image == np.floor(image))).all())
    if not fits:
        right = (image >= 0) & (image <= MOST_LABEL) & (image == np.floor(image))
        place = tuple(int(at) for at in np.argwhere(~right)[0])
        raise DataError(
            f"{what} must hold whole numbers from 0 to {MOST_LABEL}. Got {image[place]} at {place} instead."
        )
    return np.ascontiguousarray(image, dtype=np.int32)


def _inside(region: Any, shape: tuple[int, ...], *, what: str) -> np.ndarray | None:
    if region is None:
        return None
    region = np.asarray(region)
    check(
        region.dtype == bool and region.shape == shape,
        DataError,
        "{} must be boolean and have the shape of its image, {}. Got {} of shape {} instead.",
        what,
        shape,
        region.dtype,
        region.shape,
    )
    check(region.any(), DataError, "{} must hold at least 1 pixel. Got none.", what)
    return region


# ---- objects ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ObjectScores(Result):
    """How well predicted objects match the true ones; rows are objects, those of all images together.

    Parameters
    ----------
    metrics : dict of str to Interval
        precision, recall, f1 and ap_50 at IoU 0.5, mean_ap, panoptic_quality, segmentation_quality,
        recognition_quality, mean_matched_iou, mean_true_iou, sparse_jaccard; see `compare_objects`.
    thresholds : ndarray of float64, shape (10,)
        IoU from 0.5 to 0.95.
    counts : ndarray of int64, shape (10, 3)
        True positives, false positives and false negatives at each threshold.
    image, true_label, area : ndarray of int64, shape (n_true,)
        The number of the image from 0, the number of the true object, and its pixels.
    matched_label : ndarray of int64, shape (n_true,)
        The predicted object that is matched with it; 0 for none.
    iou, best_iou : ndarray of float64, shape (n_true,)
        IoU with that object, and the largest with any; 0 for none.
    pieces : ndarray of int64, shape (n_true,)
        Predicted objects of which more than half lies in this one; from 2 on it is split.
    predicted_image, predicted_label : ndarray of int64, shape (n_predicted,)
        The image and the number of each predicted object that counts.
    merged : ndarray of int64, shape (n_predicted,)
        True objects of which more than half lies in this one; from 2 on it merges them.
    left_out : int
        Predicted objects that touch no annotated one and do not count, where the truth is sparse.
    names : list of str
        What the images are called.
    warnings, notes : list of str
        What to mind when reading the figures, and what they rest on.
    """

    metrics: dict[str, Interval]
    thresholds: np.ndarray
    counts: np.ndarray
    image: np.ndarray
    true_label: np.ndarray
    area: np.ndarray
    matched_label: np.ndarray
    iou: np.ndarray
    best_iou: np.ndarray
    pieces: np.ndarray
    predicted_image: np.ndarray
    predicted_label: np.ndarray
    merged: np.ndarray
    left_out: int
    names: list[str]
    warnings: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def average_precision(self) -> np.ndarray:
        """TP / (TP + FP + FN) at each threshold, float64 of shape (10,)."""
        return self.counts[:, 0] / self.counts.sum(axis=1)

    @property
    def n_split(self) -> int:
        """The number of true objects that are cut into pieces."""
        return int((self.pieces >= 2).sum())

    @property
    def n_merging(self) -> int:
        """The number of predicted objects that run several true ones together."""
        return int((self.merged >= 2).sum())

    def headline(self) -> str:
        """Say how many objects were found, and how well they match."""
        tp, f1, quality = self.counts[0, 0], self.metrics["f1"].value, self.metrics["panoptic_quality"].value
        return (
            f"{len(self.true_label):,} true and {len(self.predicted_label):,} predicted objects, {tp:,} matched at "
            f"IoU 0.5: F1 {f1:.3f}, panoptic quality {quality:.3f}"
        )

    def summary(self) -> dict[str, Any]:
        """Return every figure as {"value", "low", "high"}; None for what is not defined."""
        return {
            "metrics": {name: value.summary() for name, value in self.metrics.items()},
            "at_iou": [
                {"iou": float(iou), "tp": int(tp), "fp": int(fp), "fn": int(fn), "ap": number(ap)}
                for iou, (tp, fp, fn), ap in zip(self.thresholds, self.counts, self.average_precision)
            ],
            "true": len(self.true_label),
            "predicted": len(self.predicted_label),
            "left_out": self.left_out,
            "split": self.n_split,
            "merging": self.n_merging,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row a true object: image (its name), true_label, area, matched_label, iou, best_iou, pieces."""
        import pandas as pd

        columns = ("true_label", "area", "matched_label", "iou", "best_iou", "pieces")
        images = np.array(self.names)[self.image]
        return pd.DataFrame({"image": images} | {name: getattr(self, name) for name in columns})


@step(sees="nothing")
def compare_objects(
    truth: Images,
    predicted: Images,
    region: Images | None = None,
    *,
    sparse: bool = False,
    names: Sequence[str] | None = None,
) -> ObjectScores:
    """Compare objects with the true ones, each of which is matched with at most one.

    Pairs of an IoU (pixels in both / pixels in either) of at least 0.5 are matched first: no object is in two such,
    but where the two halves of an object have exactly 0.5. The others are matched so that their sum of IoU is largest.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (Y, X) or (Z, Y, X), or a list of such
        The number of the object that each pixel belongs to; 0 for none. Several images are the groups of the intervals.
    region : ndarray of bool of the same shape, or a list of such, optional
        Only pixels inside count; objects that it cuts count with the part inside.
    sparse : bool
        Whether only some objects are annotated in ``truth``. Predicted objects that touch none of them do not count.
    names : sequence of str, optional
        What the images are called, in messages and in the result.

    Raises
    ------
    DataError
        If images do not fit each other or hold anything but whole numbers from 0 to 2**31 - 1, a region is empty, or
        there is no true object.

    Notes
    -----
    - precision, recall, f1 and ap_50 = TP / (TP + FP + FN) at IoU >= 0.5; mean_ap is its mean over `THRESHOLDS`. This
      "average precision" is StarDist's and the Data Science Bowl's (Schmidt et al., MICCAI 2018,
      doi:10.1007/978-3-030-00934-2_30; Weigert et al., WACV 2020, doi:10.1109/WACV45572.2020.9093435).
    - panoptic_quality = segmentation_quality (mean IoU of pairs above 0.5) x recognition_quality (their F1), after
      Kirillov et al., CVPR 2019, doi:10.1109/CVPR.2019.00963.
    - mean_matched_iou is over all pairs, mean_true_iou over all true objects, those without a partner with 0.
    - sparse_jaccard is the mean over true objects of the largest IoU with any predicted one, be it one's own or shared,
      as in R. Haase's BioImageAnalysisNotebooks; what is predicted elsewhere does not change it.
    - Splits and merges go by majority, as in Coelho et al., ISBI 2009, doi:10.1109/ISBI.2009.5193098.
    """
    of = "compare_objects"
    found = [
        _matched_objects(_pairs(*image), sparse) for image in _images(truth, predicted, region, names, of=of)
    ]
    sums = np.stack([one.sums() for one in found])
    n_true = int(sums[:, _TRUE].sum())
    check(
        n_true,
        DataError,
        "The truth of {} must hold at least 1 object{}. Got only background (0).",
        of,
        " in the region" if region is not None else "",
    )
    holds = sums[:, _TRUE] + sums[:, _PREDICTED] > 0
    total = sums.sum(axis=0).astype(np.int64)
    rows: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in found]) for name in _ROWS}
    tp, left_out = total[_TP], sum(one.left_out for one in found)
    return ObjectScores(
        metrics={
            name: sums_interval(figure, sums[holds], n_rows=n_true) for name, figure in OBJECT_FIGURES.items()
        },
        thresholds=THRESHOLDS,
        counts=np.stack([tp, total[_PREDICTED] - tp, n_true - tp], axis=1),
        image=np.repeat(np.arange(len(found)), [len(one.true_label) for one in found]),
        predicted_image=np.repeat(np.arange(len(found)), [len(one.predicted_label) for one in found]),
        **rows,
        left_out=left_out,
        names=_names(names, len(found)),
        warnings=_object_warnings(found, sparse),
        notes=_object_notes(found, left_out, sparse),
    )


# The sums over objects of an image that every figure is made of.
_TRUE, _PREDICTED, _MATCHED, _IOU, _BEST, _SURE, _SURE_IOU, _TP = *range(7), slice(7, None)
_TP_50 = 7


def _average_precision(sums: np.ndarray) -> np.ndarray:
    tp = sums[..., _TP]
    return share_of(tp, (sums[..., _TRUE] + sums[..., _PREDICTED])[..., None] - tp)


OBJECT_FIGURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    # where nothing is predicted, nothing of it is right: 0 of the true objects
    "precision": lambda s: share_of(
        s[..., _TP_50], np.where(s[..., _PREDICTED] > 0, s[..., _PREDICTED], s[..., _TRUE])
    ),
    "recall": lambda s: share_of(s[..., _TP_50], s[..., _TRUE]),
    "f1": lambda s: share_of(2 * s[..., _TP_50], s[..., _TRUE] + s[..., _PREDICTED]),
    "ap_50": lambda s: _average_precision(s)[..., 0],
    "mean_ap": lambda s: _average_precision(s).mean(axis=-1),
    "panoptic_quality": lambda s: share_of(2 * s[..., _SURE_IOU], s[..., _TRUE] + s[..., _PREDICTED]),
    "segmentation_quality": lambda s: share_of(s[..., _SURE_IOU], s[..., _SURE]),
    "recognition_quality": lambda s: share_of(2 * s[..., _SURE], s[..., _TRUE] + s[..., _PREDICTED]),
    "mean_matched_iou": lambda s: share_of(s[..., _IOU], s[..., _MATCHED]),
    "mean_true_iou": lambda s: share_of(s[..., _IOU], s[..., _TRUE]),
    "sparse_jaccard": lambda s: share_of(s[..., _BEST], s[..., _TRUE]),
}


@dataclass(frozen=True, eq=False)
class _Matched:
    """The objects of one image; the fields are those of `ObjectScores`."""

    true_label: np.ndarray
    area: np.ndarray
    matched_label: np.ndarray
    iou: np.ndarray
    best_iou: np.ndarray
    pieces: np.ndarray
    predicted_label: np.ndarray
    merged: np.ndarray
    left_out: int
    n_apart: int  # predicted objects that touch no true one, whether they count or not

    def sums(self) -> np.ndarray:
        """Return the sums that `OBJECT_FIGURES` are made of."""
        sure = self.iou > 0.5  # strictly, as in the definition of panoptic quality
        tp = (self.iou[:, None] >= THRESHOLDS).sum(axis=0)
        counts = [len(self.true_label), len(self.predicted_label), (self.matched_label > 0).sum()]
        return np.array(
            [*counts, self.iou.sum(), self.best_iou.sum(), sure.sum(), self.iou[sure].sum(), *tp], float
        )


_ROWS = ("true_label", "area", "matched_label", "iou", "best_iou", "pieces", "predicted_label", "merged")


def _matched_objects(table: np.ndarray, sparse: bool) -> _Matched:
    """Match the objects of one image, of which `_pairs` made the table."""
    a, b, n = table.T
    true, area_true = _objects(a, n)
    predicted, area_predicted = _objects(b, n)
    meet = (a > 0) & (b > 0)
    i, j, n = np.searchsorted(true, a[meet]), np.searchsorted(predicted, b[meet]), n[meet]
    iou = n / (area_true[i] + area_predicted[j] - n)
    partner, its_iou = _match(i, j, iou, len(true), len(predicted))
    best_iou = np.zeros(len(true))
    np.maximum.at(best_iou, i, iou)
    pieces = np.bincount(i[2 * n > area_predicted[j]], minlength=len(true))
    merged = np.bincount(j[2 * n > area_true[i]], minlength=len(predicted))
    touching = np.isin(np.arange(len(predicted)), j)
    counts = touching if sparse else np.ones(len(predicted), bool)
    matched = np.zeros(len(true), np.int64)
    matched[partner >= 0] = predicted[partner[partner >= 0]]
    return _Matched(
        true_label=true,
        area=area_true,
        matched_label=matched,
        iou=its_iou,
        best_iou=best_iou,
        pieces=pieces,
        predicted_label=predicted[counts],
        merged=merged[counts],
        left_out=int((~counts).sum()),
        n_apart=int((~touching).sum()),
    )


def _objects(labels: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the objects of an image, sorted, and their pixels."""
    objects, code = np.unique(labels[labels > 0], return_inverse=True)
    areas = np.zeros(len(objects), np.int64)
    np.add.at(areas, code, n[labels > 0])
    return objects, areas


def _match(
    i: np.ndarray, j: np.ndarray, iou: np.ndarray, n_true: int, n_predicted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted object of each true one (-1 for none) and their IoU (0 for none).

    Pairs (i, j) of true and predicted objects that overlap, and their IoU, are given.
    """
    pairs = np.flatnonzero(iou >= 0.5)
    for side in (i, j):  # two halves of an object may both reach 0.5: the first counts
        pairs = pairs[np.unique(side[pairs], return_index=True)[1]]
    free = ~np.isin(i, i[pairs]) & ~np.isin(j, j[pairs])
    pairs = np.concatenate([pairs, np.flatnonzero(free)[_assigned(i[free], j[free], iou[free])]])
    partner, its_iou = np.full(n_true, -1), np.zeros(n_true)
    partner[i[pairs]], its_iou[i[pairs]] = j[pairs], iou[pairs]
    return partner, its_iou


def _assigned(i: np.ndarray, j: np.ndarray, iou: np.ndarray) -> np.ndarray:
    """Return which pairs to take, no object twice, so that their sum of IoU is largest."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    if not i.size:
        return np.empty(0, np.int64)
    true, row = np.unique(i, return_inverse=True)
    predicted, column = np.unique(j, return_inverse=True)
    alone = np.arange(len(true))  # each may stay alone, in a column of its own, at the cost of an IoU of 0
    cost = np.concatenate([1 - iou, np.ones(len(true))])
    rows, columns = np.concatenate([row, alone]), np.concatenate([column, len(predicted) + alone])
    shape = (len(true), len(predicted) + len(true))
    taken = min_weight_full_bipartite_matching(csr_array((cost, (rows, columns)), shape=shape))[1]
    return np.flatnonzero(taken[row] == column)


def _object_warnings(found: list[_Matched], sparse: bool) -> list[str]:
    numbers = {
        "truth": [len(one.true_label) for one in found],
        "prediction": [len(one.predicted_label) + one.left_out for one in found],
    }
    warnings = [
        f"The {what} has one number in an image, which is taken for one object; a mask must be cut into numbered "
        "objects first."
        for what, counts in numbers.items()
        if max(counts) == 1
    ]
    n_apart, n_predicted = sum(one.n_apart for one in found), sum(numbers["prediction"])
    if not sparse and 2 * n_apart > n_predicted:
        warnings.append(
            f"{n_apart:,} of {n_predicted:,} predicted objects touch no true one: if only some objects are annotated, "
            "compare them as sparse."
        )
    return warnings


def _object_notes(found: list[_Matched], left_out: int, sparse: bool) -> list[str]:
    notes = _how_sure(len(found))
    if sparse:
        notes.append(
            f"Only some objects are annotated: {left_out:,} predicted ones touch none of these and do not count; "
            "precision, F1, AP and panoptic quality are of those that do."
        )
    return notes
