"""How good are predictions, with intervals over groups, and how much of that would chance give?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.figures import CLASS_FIGURES, MEAN_FIGURES, class_figure, confusion_tables, mean_figure, share_of
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
    predicted is 0.
    """
    truth, predicted = np.asarray(y_true, str), np.asarray(y_pred, str)
    groups = _check_rows(truth, predicted, groups, of="scores")
    names = sorted({*truth.tolist(), *predicted.tolist()}) if classes is None else [str(c) for c in classes]
    code_true, code_pred = _code(truth, names), _code(predicted, names)
    tables, times = confusion_tables(code_true, code_pred, groups, len(names))
    total = np.tensordot(times, tables, axes=1)  # (n_classes, n_classes)
    metrics = {name: mean_figure(name, tables, times) for name in MEAN_FIGURES}
    per_class = {
        name: {figure: class_figure(figure, k, tables, times) for figure in CLASS_FIGURES}
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
        "mae": (lambda s: share_of(s[..., 1], s[..., 0]), (0.0, np.inf)),
        "rmse": (lambda s: np.sqrt(share_of(s[..., 2], s[..., 0])), (0.0, np.inf)),
        "r2": (
            lambda s: 1 - share_of(s[..., 2], s[..., 4] - share_of(s[..., 3] ** 2, s[..., 0])),
            (-np.inf, 1.0),
        ),
    }
    metrics = {
        name: sums_interval(figure, sums, n_rows=truth.size, bounds=bounds)
        for name, (figure, bounds) in figures.items()
    }
    metrics["spearman"] = group_interval(_spearman(truth, predicted), group, bounds=(-1.0, 1.0))
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
        The same figures for "commonest_class" (or "mean") of the training rows and, of a cross-validation, for
        "permuted" labels: those of whole groups where each group has one label only, those of rows otherwise.
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
    warnings = [*_left_out(samples, known, kind), *warnings, *_copies(known, parts)]
    warnings += [caveat] if caveat else []
    found = _figures(truth, predicted, unit, classes, kind)
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


def evaluate(
    samples: Samples,
    model: Model,
    *,
    kind: Kind,
    commonest: str | None = None,
    mean: float | None = None,
    warnings: Sequence[str] = (),
) -> Validation:
    """Score a model on rows that it was not trained on: one prediction, no folds.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    model : Model
        What `cross_validate`'s ``fit`` returns.
    kind : {"classification", "regression"}
        Whether the model predicts labels or the target.
    commonest, mean : str, float, optional
        The commonest class, or the mean of the target, of the rows that the model was trained on: what the
        baseline always says. There is no baseline without it, since the rows here must not choose their own.
    warnings : sequence of str
        What to mind, besides what is found here.

    Raises
    ------
    DataError
        If no row has a label or target, or `commonest` is a class of neither the model nor the rows.
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
    told += _left_out(samples, known, kind)
    unknown = sorted(set(classes) - set(said.classes)) if classes else []
    if unknown:
        told.append(
            f"The model does not know the class {', '.join(unknown)}, so it cannot be right about it."
        )
    always = mean if kind == "regression" else commonest
    baselines = {} if always is None else _always(truth, np.full(truth.shape, always), classes, kind)
    return Validation(
        scores=found,
        truth=truth,
        predicted=predicted,
        probability=probability,
        sample=known.sample,
        group=known.group,
        fold=np.zeros(known.n_rows, np.int64),
        split={"by": "seal", "reason": f"{known.n_rows} rows that were sealed.", "folds": 1, "gap": 0.0},
        baselines=baselines,
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
            warnings.append(f"Fold {fold} trains on '{taught[0]}' alone and predicts nothing else.")
            predicted[test], probability[test, classes.index(taught[0])] = taught[0], 1.0
            continue
        said = fit(samples.take(train)).predict(samples.take(test))
        predicted[test] = said.label
        columns = [classes.index(name) for name in said.classes]
        probability[np.ix_(test, columns)] = said.probability
    return predicted, probability, warnings


def _left_out(samples: Samples, known: Samples, kind: Kind) -> list[str]:
    """Return a sentence on the rows that cannot be scored, if there are any."""
    n, what = samples.n_rows - known.n_rows, "a target" if kind == "regression" else "a label"
    return [f"{n} rows without {what} are left out."] if n else []


def _copies(samples: Samples, parts: Folds) -> list[str]:
    """Return a sentence on tested rows whose very features were trained on, if there are any."""
    rows = np.ascontiguousarray(samples.features + 0.0)  # no -0.0: equal numbers have equal bytes
    whole = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    code = np.unique(whole, return_inverse=True)[1].reshape(-1)
    n = sum(
        int(np.isin(code[test], code[train]).sum())
        for train, test in zip(parts.train, parts.test, strict=True)
    )
    if not n:
        return []
    return [
        f"{n} of {samples.n_rows} tested rows have an exact copy among the rows that trained: the figures flatter."
    ]


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
    """Return the figures of a model that looks at no feature, and of the model on permuted labels.

    What is permuted must match how rows came by their labels: where every group is all of one label (or one
    number), whole groups exchange theirs, since no row has one of its own; otherwise the rows do.
    """
    truth = _truth(samples, kind)
    trivial = truth.copy()
    for train, test in zip(parts.train, parts.test, strict=True):
        trivial[test] = truth[train].mean() if kind == "regression" else _commonest(truth[train])
    random = np.random.default_rng(random_state)
    permuted = []
    for _ in range(N_PERMUTATIONS):
        mixed = _permuted(truth, samples.group, random)
        other = samples.with_target(mixed) if kind == "regression" else samples.with_labels(mixed)
        permuted.append(_values(mixed, _predict(other, fit, parts, classes)[0], classes, kind))
    return _always(truth, trivial, classes, kind) | {
        "permuted": {name: number(float(np.mean([each[name] for each in permuted]))) for name in permuted[0]},
    }


def _permuted(truth: np.ndarray, group: np.ndarray, random: np.random.Generator) -> np.ndarray:
    _, first, of_group = np.unique(group, return_index=True, return_inverse=True)
    each = truth[first]  # (n_groups,)
    if (each[of_group.reshape(-1)] == truth).all():
        return random.permutation(each)[of_group.reshape(-1)]
    return truth[random.permutation(truth.size)]


def _always(
    truth: np.ndarray, trivial: np.ndarray, classes: list[str], kind: Kind
) -> dict[str, dict[str, float | None]]:
    name = "mean" if kind == "regression" else "commonest_class"
    return {name: {metric: number(value) for metric, value in _values(truth, trivial, classes, kind).items()}}


def _values(truth: np.ndarray, predicted: np.ndarray, classes: list[str], kind: Kind) -> dict[str, float]:
    found = _figures(truth, predicted, np.zeros(truth.size), classes, kind)  # values do not depend on groups
    return {name: interval.value for name, interval in found.metrics.items()}


def _commonest(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[np.argmax(counts)])
