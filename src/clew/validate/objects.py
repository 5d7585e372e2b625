"""How well does a segmentation agree with the truth, object by object?

Each true object is matched with at most one predicted one; figures at every IoU, of the matches, of splits and merges.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.figures import share_of
from clew.intervals import Interval, number, sums_interval
from clew.result import Result, step
from clew.validate.label_images import Images, how_sure, names_of, paired_images, pairs_of_numbers

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = np.arange(50, 100, 5) / 100  # of IoU; divided, so that 3 of 5 pixels are not below 0.6


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
        _matched_objects(pairs_of_numbers(*image), sparse)
        for image in paired_images(truth, predicted, region, names, of=of)
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
        names=names_of(names, len(found)),
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
    """Match the objects of one image, of which `pairs_of_numbers` made the table."""
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
    notes = how_sure(len(found))
    if sparse:
        notes.append(
            f"Only some objects are annotated: {left_out:,} predicted ones touch none of these and do not count; "
            "precision, F1, AP and panoptic quality are of those that do."
        )
    return notes
