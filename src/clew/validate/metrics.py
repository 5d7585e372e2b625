"""How good are predictions, with intervals over groups, and how much of that would chance give?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.intervals import Interval, group_interval, number, sums_interval
from clew.result import Result
from clew.samples import Samples
from clew.splits import By, Folds, folds, units

Kind = Literal["classification", "regression"]
N_PERMUTATIONS = 3  # cross-validations with permuted labels; their mean is the baseline


# ---- figures of a classification ----
@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Scores(Result):
    """Every figure of a set of predictions, since one never stands alone.

    Parameters
    ----------
    metrics : dict of str to Interval
        For classes: accuracy, balanced_accuracy, precision, recall, f1 and jaccard (means over classes) and
        matthews. For numbers: mae, rmse, r2 and spearman.
    per_class : dict of str to dict
        For each class precision, recall, f1 and jaccard as Interval, and "rows", the rows that are of it.
    confusion : ndarray of int64, shape (n_classes, n_classes)
        Rows of each true class (down) by predicted class (across).
    classes : list of str
        The classes, in the order of `confusion`.
    warnings : list of str
        What to mind when reading the figures.
    """

    metrics: dict[str, Interval]
    per_class: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    confusion: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0), np.int64))
    classes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

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
            "classes": list(self.classes),
        }


def scores(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    groups: np.ndarray | None = None,
) -> Scores:
    """Return every figure of predicted classes, each with its interval over groups.

    Parameters
    ----------
    y_true, y_pred : ndarray of str, shape (n_rows,)
        The true and the predicted class of each row.
    classes : list of str, optional
        All classes, in the order to be shown; those that occur, sorted, by default.
    groups : ndarray, shape (n_rows,), optional
        The unit of independence of each row; each row stands for itself by default.

    Raises
    ------
    DataError
        If there are no rows, the lengths differ, or a row's class is not among `classes`.

    Notes
    -----
    The figures are scikit-learn's. A class that no row has and that is never predicted is left out of the
    means over classes (``zero_division=nan``); the precision of a class that rows have but that is never
    predicted is 0. All are functions of the confusion matrix, so leaving a group out costs a subtraction.
    """
    truth, predicted = np.asarray(y_true, str), np.asarray(y_pred, str)
    groups = _check_rows(truth, predicted, groups, of="scores")
    names = sorted({*truth.tolist(), *predicted.tolist()}) if classes is None else [str(c) for c in classes]
    code_true, code_pred = _code(truth, names), _code(predicted, names)
    tables, times = _tables(code_true, code_pred, groups, len(names))
    total = np.tensordot(times, tables, axes=1)  # (n_classes, n_classes)
    metrics = {name: _mean_figure(name, tables, times, total) for name in MEAN_FIGURES}
    per_class = {
        name: {figure: _class_figure(figure, k, tables, times) for figure in CLASS_FIGURES}
        | {"rows": int(total[k].sum())}
        for k, name in enumerate(names)
    }
    return Scores(
        metrics=metrics,
        per_class=per_class,
        confusion=total.astype(np.int64),
        classes=names,
        warnings=_warnings(metrics["accuracy"], total, names),
    )


# Each figure takes confusion matrices of shape (..., n_classes, n_classes), rows true and columns predicted.
def _correct(tables: np.ndarray) -> np.ndarray:
    return np.diagonal(tables, axis1=-2, axis2=-1)


def _true(tables: np.ndarray) -> np.ndarray:
    return tables.sum(axis=-1)


def _predicted(tables: np.ndarray) -> np.ndarray:
    return tables.sum(axis=-2)


def _either(tables: np.ndarray) -> np.ndarray:
    return _true(tables) + _predicted(tables) - _correct(tables)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole; NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _precision(tables: np.ndarray) -> np.ndarray:
    shares = _share(_correct(tables), _predicted(tables))
    return np.where((_predicted(tables) == 0) & (_true(tables) > 0), 0.0, shares)


def _recall(tables: np.ndarray) -> np.ndarray:
    return _share(_correct(tables), _true(tables))


def _f1(tables: np.ndarray) -> np.ndarray:
    return _share(2 * _correct(tables), _true(tables) + _predicted(tables))


def _jaccard(tables: np.ndarray) -> np.ndarray:
    return _share(_correct(tables), _either(tables))


def _accuracy(tables: np.ndarray) -> np.ndarray:
    return _share(_correct(tables).sum(axis=-1), tables.sum(axis=(-2, -1)))


def _matthews(tables: np.ndarray) -> np.ndarray:
    """Return Matthews' coefficient for any number of classes (Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""
    n, true, predicted = tables.sum(axis=(-2, -1)), _true(tables), _predicted(tables)
    covariance = _correct(tables).sum(axis=-1) * n - (true * predicted).sum(axis=-1)
    variance = (n**2 - (true**2).sum(axis=-1)) * (n**2 - (predicted**2).sum(axis=-1))
    return np.where(variance > 0, covariance / np.sqrt(np.where(variance > 0, variance, 1)), 0.0)


# The figures of one class, and the rows that each rests on.
CLASS_FIGURES: dict[str, tuple[Callable, Callable]] = {
    "precision": (_precision, _predicted),
    "recall": (_recall, _true),
    "f1": (_f1, _either),
    "jaccard": (_jaccard, _either),
}
MEAN_FIGURES = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "jaccard", "matthews")


def _class_figure(name: str, k: int, tables: np.ndarray, times: np.ndarray) -> Interval:
    """Return a figure of class ``k`` over the groups that hold any row it rests on."""
    figure, rests_on = CLASS_FIGURES[name]
    holds = rests_on(tables)[:, k] > 0
    n_rows = int(times @ rests_on(tables)[:, k])
    if not holds.any():
        value = float(figure(np.tensordot(times, tables, axes=1))[k])
        return Interval(
            value=value, low=np.nan, high=np.nan, n_groups=0, n_rows=0, note="no interval: no row to rest on"
        )
    flat = tables.reshape(len(tables), -1)
    return sums_interval(
        lambda sums: figure(_square(sums))[..., k], flat[holds], times=times[holds], n_rows=n_rows
    )


def _mean_figure(name: str, tables: np.ndarray, times: np.ndarray, total: np.ndarray) -> Interval:
    """Return a figure of all classes together.

    A mean over classes rests on as many rows as its rare classes allow: n_classes times the harmonic mean of
    their numbers of rows, and likewise of groups where groups do not differ.
    """
    flat, n_rows = tables.reshape(len(tables), -1), int(total.sum())
    if name == "accuracy":
        return sums_interval(lambda sums: _accuracy(_square(sums)), flat, times=times, n_rows=n_rows)

    figure, rests_on = CLASS_FIGURES.get(
        "recall" if name == "balanced_accuracy" else name, (_matthews, _true)
    )
    n_even = _even(rests_on(total))
    groups_even = _even(times @ (rests_on(tables) > 0))
    present = _true(total) > 0

    def mean(sums: np.ndarray) -> np.ndarray:
        square = _square(sums)
        values = _matthews(square) if name == "matthews" else _mean_of_defined(figure(square))
        gone = ((_true(square) > 0) != present).any(
            axis=-1
        )  # a class went with the group: no fair comparison
        return np.where(gone, np.nan, values)

    bounds, most = ((-1.0, 1.0), float(n_rows)) if name == "matthews" else ((0.0, 1.0), n_even)
    return sums_interval(
        mean, flat, times=times, n_rows=n_rows, n_most=most, n_alike=groups_even, bounds=bounds
    )


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    defined = np.isfinite(values)
    return _share(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _even(counts: np.ndarray) -> float:
    """Return the number of classes times the harmonic mean of their counts, over classes that have any."""
    counts = counts[counts > 0]
    return float(counts.size**2 / (1 / counts).sum()) if counts.size else 0.0


def _square(sums: np.ndarray) -> np.ndarray:
    k = int(np.sqrt(sums.shape[-1]))
    return sums.reshape(*sums.shape[:-1], k, k)


def _tables(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return confusion matrices, float64 of shape (n_kinds, k, k), and how many groups have each.

    Where each row is its own group, groups with the same cell are the same kind: at most k * k of them.
    """
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    cell = truth * k + predicted
    if group.max() + 1 == group.size:
        kinds, times = np.unique(cell, return_counts=True)
        tables = np.zeros((kinds.size, k * k))
        tables[np.arange(kinds.size), kinds] = 1
    else:
        times = np.ones(group.max() + 1, np.int64)
        tables = np.zeros((times.size, k * k))
        np.add.at(tables, (group, cell), 1)
    return tables.reshape(-1, k, k), times


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
    found = [accuracy.note] if accuracy.note else []
    largest = int(np.argmax(_true(total)))
    share = _true(total)[largest] / total.sum()
    if share >= 0.8:
        found.append(
            f"{share:.0%} of the rows are '{names[largest]}', so accuracy flatters: always saying so would reach"
            f" {share:.2f}; read balanced accuracy and Jaccard"
        )
    return found


# ---- figures of a regression ----
def regression_scores(y_true: np.ndarray, y_pred: np.ndarray, *, groups: np.ndarray | None = None) -> Scores:
    """Return mean absolute error, root mean square error, R2 and Spearman's correlation, with intervals over groups.

    Parameters
    ----------
    y_true, y_pred : ndarray of float64, shape (n_rows,)
        The true and the predicted number of each row; finite.
    groups : ndarray, shape (n_rows,), optional
        The unit of independence of each row; each row stands for itself by default.

    Raises
    ------
    DataError
        If there are no rows, the lengths differ, or a number is not finite.
    """
    truth, predicted = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    groups = _check_rows(truth, predicted, groups, of="regression_scores")
    finite = np.isfinite(truth) & np.isfinite(predicted)
    check(
        finite.all(),
        DataError,
        "The numbers of regression_scores must be finite. Got {} that are not.",
        np.sum(~finite),
    )
    error, centred = truth - predicted, truth - truth.mean()
    parts = np.stack([np.ones_like(error), np.abs(error), error**2, centred, centred**2], axis=1)
    group = np.unique(groups, return_inverse=True)[1].reshape(-1)
    sums = np.zeros((group.max() + 1, 5))
    np.add.at(sums, group, parts)
    figures: dict[str, tuple[Callable, tuple[float, float]]] = {
        "mae": (lambda s: _share(s[..., 1], s[..., 0]), (0.0, np.inf)),
        "rmse": (lambda s: np.sqrt(_share(s[..., 2], s[..., 0])), (0.0, np.inf)),
        "r2": (
            lambda s: 1 - _share(s[..., 2], s[..., 4] - _share(s[..., 3] ** 2, s[..., 0])),
            (-np.inf, 1.0),
        ),
    }
    metrics = {
        name: sums_interval(figure, sums, n_rows=truth.size, bounds=bounds)
        for name, (figure, bounds) in figures.items()
    }
    metrics["spearman"] = group_interval(_spearman(truth, predicted), group, bounds=(-1.0, 1.0))
    note = metrics["mae"].note
    return Scores(metrics=metrics, warnings=[note] if note else [])


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


# ---- cross-validation ----
class Predicted(Protocol):
    """What a model says of rows: classes and probabilities, or values."""

    label: np.ndarray | None
    probability: np.ndarray | None
    classes: list[str]
    value: np.ndarray | None


class Model(Protocol):
    """What a fitting function returns."""

    def predict(self, samples: Samples, /) -> Any:
        """Return the predictions, a `Predicted`."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Validation(Result):
    """What models say of rows that they were not trained on, and how good that is.

    Parameters
    ----------
    scores : Scores
        Every figure, with its interval over groups.
    truth, predicted : ndarray, shape (n_rows,)
        True and predicted class (str) or number (float64) of each row that has one.
    probability : ndarray of float64, shape (n_rows, n_classes)
        The predicted probability of each class; no columns for numbers.
    sample, group : ndarray of str, shape (n_rows,)
        The names and the groups of these rows.
    fold : ndarray of int64, shape (n_rows,)
        The fold that tested each row.
    split : dict
        How the rows were divided: "by", "reason", "folds", "gap".
    baselines : dict of str to dict
        The same figures for the commonest class (or the mean) of the training rows, and for permuted labels.
    warnings : list of str
        What to mind when reading the figures.
    """

    scores: Scores
    truth: np.ndarray
    predicted: np.ndarray
    probability: np.ndarray
    sample: np.ndarray
    group: np.ndarray
    fold: np.ndarray
    split: dict[str, Any]
    baselines: dict[str, dict[str, float | None]]
    warnings: list[str]

    def headline(self) -> str:
        """Say the first figures and what they rest on."""
        return f"{self.scores.headline()} ({len(self.truth):,} rows, by {self.split['by']})"

    def summary(self) -> dict[str, Any]:
        """Return every figure, how the rows were divided, and the baselines."""
        return self.scores.summary() | {
            "split": dict(self.split),
            "baselines": self.baselines,
            "rows": len(self.truth),
            "groups": len(np.unique(self.group)),
            "warnings": list(self.warnings),
        }


def cross_validate(
    samples: Samples,
    fit: Callable[[Samples], Model],
    *,
    kind: Kind = "classification",
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
) -> Validation:
    """Predict each labelled row by a model that was fitted without it, nor its group or neighbours.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    fit : callable
        Takes training samples and returns a model. All that learns from data (choosing features, scaling) must
        happen inside.
    kind : {"classification", "regression"}
        Whether `fit` learns labels or the target.
    n_folds, by, gap, random_state
        As for `clew.splits.folds`.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    """
    known = labelled(samples, kind, of="cross_validate")
    parts = folds(known, n_folds=n_folds, by=by, gap=gap, random_state=random_state)
    classes = [] if kind == "regression" else np.unique(_truth(known, kind)).tolist()
    predicted, probability, warnings = _predict(known, fit, parts, classes)
    truth = _truth(known, kind)
    unit, caveat = units(known)
    warnings += [caveat] if caveat else []
    found = _figures(truth, predicted, unit, classes, kind)
    left_out = samples.n_rows - known.n_rows
    if left_out:
        warnings = [f"{left_out} rows without {'a label' if classes else 'a target'} are left out", *warnings]
    return Validation(
        scores=found,
        truth=truth,
        predicted=predicted,
        probability=probability,
        sample=known.sample,
        group=known.group,
        fold=parts.test.argmax(axis=0),
        split=parts.summary(),
        baselines=_baselines(known, fit, parts, classes, kind, random_state),
        warnings=[*warnings, *found.warnings],
    )


def evaluate(samples: Samples, model: Model, *, kind: Kind, warnings: Sequence[str] = ()) -> Validation:
    """Score a model on rows that it was not trained on: one prediction, no folds.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    model : Model
        What `cross_validate`'s ``fit`` returns.
    kind : {"classification", "regression"}
        Whether the model predicts labels or the target.
    warnings : sequence of str
        What to mind, besides what is found here.

    Raises
    ------
    DataError
        If no row has a label or target.
    """
    known = _known(samples, kind)
    truth, said = _truth(known, kind), model.predict(known)
    classes = [] if kind == "regression" else sorted({*said.classes, *truth.tolist()})
    probability = np.zeros((known.n_rows, len(classes)))
    if kind == "classification":
        probability[:, [classes.index(name) for name in said.classes]] = said.probability
    unit, caveat = units(known)
    predicted = said.value if kind == "regression" else said.label
    found = _figures(truth, predicted, unit, classes, kind)
    told = [*warnings, *([caveat] if caveat else []), *found.warnings]
    if samples.n_rows > known.n_rows:
        told.append(
            f"{samples.n_rows - known.n_rows} rows without {'a label' if classes else 'a target'} are left out"
        )
    unknown = sorted(set(classes) - set(said.classes))
    if unknown:
        told.append(f"the model does not know the class {', '.join(unknown)}, so it cannot be right about it")
    trivial = truth.copy()
    trivial[:] = truth.mean() if kind == "regression" else _commonest(truth)
    name = "mean" if kind == "regression" else "commonest_class"
    values = _values(truth, trivial, known.group, classes, kind)
    return Validation(
        scores=found,
        truth=truth,
        predicted=predicted,
        probability=probability,
        sample=known.sample,
        group=known.group,
        fold=np.zeros(known.n_rows, np.int64),
        split={"by": "seal", "reason": f"{known.n_rows} rows that were sealed.", "folds": 1, "gap": 0.0},
        baselines={name: {metric: number(value) for metric, value in values.items()}},
        warnings=told,
    )


def _known(samples: Samples, kind: Kind) -> Samples:
    """Return the rows that have a label, or a target."""
    if kind == "regression":
        known = np.zeros(samples.n_rows, bool) if samples.target is None else np.isfinite(samples.target)
    else:
        known = np.zeros(samples.n_rows, bool) if samples.labels is None else samples.labels != ""
    what = "a target" if kind == "regression" else "a label"
    check(known.any(), DataError, "The rows to evaluate must have {}. Got none of {} rows with one.", what, samples.n_rows)  # fmt: skip
    return samples.take(known)


def labelled(samples: Samples, kind: Kind, *, of: str, fewest: int = 2) -> Samples:
    """Return the rows that can teach: with a label, or with a target; refuse what nobody can learn from.

    Parameters
    ----------
    samples : Samples
        Rows, some of which may lack a label ("") or a target (NaN).
    kind : {"classification", "regression"}
        Whether labels or the target are meant.
    of : str
        The name of the step, for the error.
    fewest : int
        The number of rows that each class must have.

    Raises
    ------
    DataError
        If no row has a label or target, there are fewer than two classes, or a class has fewer rows.
    """
    if kind == "regression":
        known = np.zeros(samples.n_rows, bool) if samples.target is None else np.isfinite(samples.target)
        check(known.sum() >= 2, DataError, "The target of {} must be given for at least 2 rows. Got {} instead.", of, known.sum())  # fmt: skip
        return samples.take(known)
    known = np.zeros(samples.n_rows, bool) if samples.labels is None else samples.labels != ""
    check(known.any(), DataError, "The samples of {} must have labels. Got none of {} rows with one.", of, samples.n_rows)  # fmt: skip
    samples = samples.take(known)
    classes, counts = np.unique(_truth(samples, kind), return_counts=True)
    check(len(classes) >= 2, DataError, "The labels of {} must hold at least 2 classes. Got only '{}' instead.", of, classes[0])  # fmt: skip
    rarest = int(np.argmin(counts))
    check(
        counts[rarest] >= fewest,
        DataError,
        "Each class of {} must have at least {} rows. Got {} of '{}' instead.",
        of,
        fewest,
        counts[rarest],
        classes[rarest],
    )
    return samples


def _truth(samples: Samples, kind: Kind) -> np.ndarray:
    truth = samples.target if kind == "regression" else samples.labels
    if truth is None:
        raise SettingError(f"The samples must have what the kind '{kind}' asks for.")
    return truth


def _predict(
    samples: Samples, fit: Callable[[Samples], Model], parts: Folds, classes: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return predicted values or classes and probabilities (n_rows, n_classes) of each row, out of its fold."""
    if not classes:
        value = np.empty(samples.n_rows)
        for train, test in zip(parts.train, parts.test, strict=True):
            value[test] = fit(samples.take(train)).predict(samples.take(test)).value
        return value, np.empty((samples.n_rows, 0)), []
    predicted = np.full(samples.n_rows, max(classes, key=len))
    probability = np.zeros((samples.n_rows, len(classes)))
    warnings = []
    for fold, (train, test) in enumerate(zip(parts.train, parts.test, strict=True)):
        taught = np.unique(_truth(samples, "classification")[train])
        if len(taught) == 1:  # nothing to learn: the model can only repeat the one class it has seen
            warnings.append(f"fold {fold} trains on '{taught[0]}' alone and predicts nothing else")
            predicted[test], probability[test, classes.index(taught[0])] = taught[0], 1.0
            continue
        said = fit(samples.take(train)).predict(samples.take(test))
        predicted[test] = said.label
        columns = [classes.index(name) for name in said.classes]
        probability[np.ix_(test, columns)] = said.probability
    return predicted, probability, warnings


def _figures(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, classes: list[str], kind: Kind
) -> Scores:
    if kind == "regression":
        return regression_scores(truth, predicted, groups=groups)
    return scores(truth, predicted, classes=classes, groups=groups)


def _baselines(
    samples: Samples,
    fit: Callable[[Samples], Model],
    parts: Folds,
    classes: list[str],
    kind: Kind,
    random_state: int,
) -> dict[str, dict[str, float | None]]:
    """Return the figures of a model that looks at no feature, and of the model on permuted labels."""
    truth = _truth(samples, kind)
    trivial = truth.copy()
    for train, test in zip(parts.train, parts.test, strict=True):
        trivial[test] = truth[train].mean() if kind == "regression" else _commonest(truth[train])
    random = np.random.default_rng(random_state)
    permuted = []
    for _ in range(N_PERMUTATIONS):
        mixed = truth[random.permutation(truth.size)]
        other = samples.with_target(mixed) if kind == "regression" else samples.with_labels(mixed)
        permuted.append(_values(mixed, _predict(other, fit, parts, classes)[0], samples.group, classes, kind))
    return {
        "mean" if kind == "regression" else "commonest_class": {
            name: number(value)
            for name, value in _values(truth, trivial, samples.group, classes, kind).items()
        },
        "permuted": {name: number(float(np.mean([each[name] for each in permuted]))) for name in permuted[0]},
    }


def _values(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, classes: list[str], kind: Kind
) -> dict[str, float]:
    found = _figures(truth, predicted, groups, classes, kind)
    return {name: interval.value for name, interval in found.metrics.items()}


def _commonest(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[np.argmax(counts)])
