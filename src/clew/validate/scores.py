"""Every figure of a set of predictions, with its interval over groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.figures import (
    CLASS_FIGURES,
    MEAN_FIGURES,
    WEIGHTED,
    class_counts,
    share_of,
)
from clew.intervals import NO_BOUNDS, Interval, group_interval, sums_interval
from clew.result import Result
from clew.validate.probabilities import Calibration, check_probability, probability_figures
from clew.validate.ranking import ranked_figures

LARGEST = 1e150  # of a number: its square must not overflow
# What a reader is shown first; everything else is in `Scores.metrics` too.
SHOWN = (
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "jaccard", "matthews", "kappa", "roc_auc", "pr_auc", "brier",
    "mae", "rmse", "r2", "spearman", "calibration_slope",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Scores(Result):
    """Every figure of a set of predictions, since one never stands alone.

    Parameters
    ----------
    metrics : dict of str to Interval
        For classes: accuracy, balanced_accuracy, precision, recall, f1 and jaccard (means over classes), matthews,
        kappa (Cohen's), dice, and the means weighted by the rows of each class (``f1_weighted``, ...). With
        probabilities roc_auc and pr_auc (average precision), each the mean over classes against the rest, brier
        (half the squared distance, from 0 to 1), log_loss and calibration_error.
        For numbers: mae, rmse, r2, spearman and calibration_slope (of the truth on the predictions; 1 is right, less
        means that predictions are spread too far).
    per_class : dict of str to dict
        For each class precision, recall, f1, dice and jaccard as Interval, with probabilities roc_auc and pr_auc
        against the rest, and "rows", the rows that are of it.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Rows of each true class (down) by predicted class (across).
    classes : list of str
        The classes, in the order of `confusion`.
    calibration : dict of str to Calibration
        For each class, where there are probabilities.
    warnings : list of str
        What to mind when reading the figures.

    Notes
    -----
    Dice's coefficient and F1 are two names of one number, 2 TP / (2 TP + FP + FN); it is kept under both.
    """

    metrics: dict[str, Interval]
    per_class: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    confusion: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0), np.int64))
    classes: list[str] = dataclasses.field(default_factory=list)
    calibration: dict[str, Calibration] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def shown(self) -> dict[str, Interval]:
        """Return the figures that are shown first, in order."""
        return {name: self.metrics[name] for name in SHOWN if name in self.metrics}

    @property
    def row_shares(self) -> np.ndarray:
        """Return the confusion as shares of each true class, (n_classes, n_classes): recall on the diagonal."""
        return share_of(self.confusion, np.broadcast_to(self.confusion.sum(axis=1)[:, None], self.confusion.shape))  # fmt: skip

    @property
    def column_shares(self) -> np.ndarray:
        """Return the confusion as shares of each predicted class, (n_classes, n_classes): precision on the diagonal."""
        return share_of(self.confusion, np.broadcast_to(self.confusion.sum(axis=0), self.confusion.shape))

    def headline(self) -> str:
        """Say each figure in short."""
        return "; ".join(f"{name} {value.headline()}" for name, value in list(self.metrics.items())[:2])

    def summary(self) -> dict[str, Any]:
        """Return every figure as {"value", "low", "high"}; None for what is not defined."""
        return {
            "metrics": {name: value.summary() for name, value in self.metrics.items()},
            "per_class": {
                name: {key: v.summary() if isinstance(v, Interval) else v for key, v in figures.items()}
                for name, figures in self.per_class.items()
            },
            "confusion": self.confusion.tolist(),
            "confusion_shares": {
                "rows": _shares(self.row_shares),
                "columns": _shares(self.column_shares),
            },
            "classes": list(self.classes),
            "calibration": {name: curve.summary() for name, curve in self.calibration.items()},
        }


def _shares(table: np.ndarray) -> list[list[float | None]]:
    return [[float(share) if np.isfinite(share) else None for share in row] for row in table]


def scores(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    probability: np.ndarray | None = None,
    *,
    classes: Sequence[str] | None = None,
    groups: np.ndarray | None = None,
) -> Scores:
    """Return every figure of predicted classes, each with its interval over groups.

    Parameters
    ----------
    y_true, y_pred : ndarray of str, shape (n_rows,)
        The true and the predicted class of each row.
    probability : ndarray of float64, shape (n_rows, n_classes), optional
        The predicted probability of each class, in the order of `classes`.
    classes : list of str, optional
        All classes, in the order to be shown; those that occur, sorted, by default.
    groups : ndarray, shape (n_rows,), optional
        The unit of independence of each row; each row stands for itself by default.

    Raises
    ------
    DataError
        If there are no rows, the lengths differ, a row's class is not among `classes`, or probabilities hold NaN, lie
        outside of 0 to 1 or do not add up to 1.

    Notes
    -----
    The figures are scikit-learn's. A class that no row has and that is never predicted is left out of the
    means over classes (``zero_division=nan``); the precision of a class that rows have but that is never
    predicted is 0.
    """
    truth, predicted = np.asarray(y_true, str), np.asarray(y_pred, str)
    groups = _check_rows(truth, predicted, groups, of="scores")
    names = sorted({*truth.tolist(), *predicted.tolist()}) if classes is None else [str(c) for c in classes]
    code_true, code_pred = _code(truth, names), _code(predicted, names)
    k = len(names)
    counts = class_counts(code_true, code_pred, groups, k)
    total = np.bincount(code_true * k + code_pred, minlength=k * k).reshape(k, k)
    metrics = {name: counts.mean(name) for name in MEAN_FIGURES if name not in WEIGHTED}
    per_class = {
        name: {figure: counts.figure(figure, one) for figure in CLASS_FIGURES}
        | {"rows": int(total[one].sum())}
        for one, name in enumerate(names)
    }
    calibration: dict[str, Calibration] = {}
    if probability is not None:
        probability = check_probability(probability, len(truth), names, of="scores")
        ranked, ranked_classes = ranked_figures(code_true, probability, groups)
        means, curves = probability_figures(code_true, probability, groups)
        metrics |= ranked | means
        calibration = dict(zip(names, curves, strict=True))
        for name, figures in zip(names, ranked_classes, strict=True):
            per_class[name] |= figures
    metrics |= {name: counts.mean(name) for name in WEIGHTED}
    metrics["dice"] = metrics["f1"]
    for of_class in per_class.values():
        of_class["dice"] = of_class["f1"]
    return Scores(
        metrics=metrics,
        per_class=per_class,
        confusion=total,
        classes=names,
        calibration=calibration,
        warnings=_warnings(metrics["accuracy"], total, names),
    )


def _code(labels: np.ndarray, names: list[str]) -> np.ndarray:
    found, inverse = np.unique(labels, return_inverse=True)
    place = {name: k for k, name in enumerate(names)}
    for name in found:
        check(
            str(name) in place,
            DataError,
            "The labels of scores must be among the classes {}. Got '{}' instead.",
            names,
            name,
        )
    return np.array([place[str(name)] for name in found])[inverse.reshape(-1)]


def _check_rows(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray | None, *, of: str
) -> np.ndarray:
    """Return the groups; refuse rows that do not fit each other."""
    groups = np.arange(len(truth)) if groups is None else np.asarray(groups)
    check(
        len(truth) == len(predicted) == len(groups) > 0,
        DataError,
        "The true, the predicted and the groups of {} must have the same number of rows, at least 1. Got {}, {} and {}.",
        of,
        len(truth),
        len(predicted),
        len(groups),
    )
    return groups


def _warnings(accuracy: Interval, total: np.ndarray, names: list[str]) -> list[str]:
    found = [_of("accuracy", accuracy)] if accuracy.note else []
    rows = total.sum(axis=1)
    largest = int(np.argmax(rows))
    share = rows[largest] / rows.sum()
    if share >= 0.8:
        found.append(
            f"{share:.0%} of the rows are '{names[largest]}', so accuracy flatters: always saying so would reach"
            f" {share:.2f}; read balanced accuracy and Jaccard."
        )
    return found


def _of(name: str, figure: Interval) -> str:
    """Return the note of a figure, with its name where it lists values."""
    return f"{figure.note.rstrip('.')} ({name})." if figure.points else figure.note


# ---- figures of a regression ----
def regression_scores(y_true: np.ndarray, y_pred: np.ndarray, *, groups: np.ndarray | None = None) -> Scores:
    """Return mean absolute error, root mean square error, R2, Spearman's correlation and the calibration slope.

    Each has its interval over groups.

    Parameters
    ----------
    y_true, y_pred : ndarray of float64, shape (n_rows,)
        The true and the predicted number of each row; finite.
    groups : ndarray, shape (n_rows,), optional
        The unit of independence of each row; each row stands for itself by default.

    Raises
    ------
    DataError
        If there are no rows, the lengths differ, or a number is not finite or beyond 1e150.
    """
    truth, predicted = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    groups = _check_rows(truth, predicted, groups, of="regression_scores")
    fit = (np.abs(truth) <= LARGEST) & (np.abs(predicted) <= LARGEST)  # NaN does not
    check(
        fit.all(),
        DataError,
        "The numbers of regression_scores must be finite and within {:.0e} of 0, or their squares overflow. Got {} that are not.",
        LARGEST,
        np.sum(~fit),
    )
    error, centred, said = truth - predicted, truth - truth.mean(), predicted - predicted.mean()
    parts = (np.ones_like(error), np.abs(error), error**2, centred, centred**2, said, said**2, centred * said)
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    sums = np.stack([np.bincount(group, part) for part in parts], axis=1)  # (n_groups, 8)
    figures: dict[str, tuple[Callable, tuple[float, float]]] = {
        "mae": (lambda s: share_of(s[..., 1], s[..., 0]), (0.0, np.inf)),
        "rmse": (lambda s: np.sqrt(share_of(s[..., 2], s[..., 0])), (0.0, np.inf)),
        "r2": (
            lambda s: 1 - share_of(s[..., 2], s[..., 4] - share_of(s[..., 3] ** 2, s[..., 0])),
            (-np.inf, 1.0),
        ),
        "calibration_slope": (
            lambda s: share_of(
                s[..., 7] - share_of(s[..., 3] * s[..., 5], s[..., 0]),
                s[..., 6] - share_of(s[..., 5] ** 2, s[..., 0]),
            ),
            NO_BOUNDS,
        ),
    }
    metrics = {
        name: sums_interval(figure, sums, n_rows=truth.size, bounds=bounds)
        for name, (figure, bounds) in figures.items()
    }
    slope = metrics.pop("calibration_slope")
    metrics["spearman"] = group_interval(_spearman(truth, predicted), group, bounds=(-1.0, 1.0))
    metrics["calibration_slope"] = slope
    mae = metrics["mae"]
    return Scores(metrics=metrics, warnings=[_of("mean absolute error", mae)] if mae.note else [])


def _spearman(truth: np.ndarray, predicted: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return Spearman's correlation as a function of rows: ranks by counting, since it is asked for each group."""
    codes = [np.unique(values, return_inverse=True)[1].reshape(-1) for values in (truth, predicted)]
    sizes = [int(code.max()) + 1 for code in codes]

    def ranks(code: np.ndarray, size: int) -> np.ndarray:
        counts = np.bincount(code, minlength=size)
        return (np.cumsum(counts) - (counts - 1) / 2)[code]  # ties share their mean rank

    def correlation(rows: np.ndarray) -> float:
        a, b = (ranks(code[rows], size) for code, size in zip(codes, sizes, strict=True))
        a, b = a - a.mean(), b - b.mean()
        scale = np.sqrt((a @ a) * (b @ b))
        return float(np.clip(a @ b / scale, -1, 1)) if scale > 0 else np.nan

    return correlation
