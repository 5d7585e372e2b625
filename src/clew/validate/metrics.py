"""How good are predictions, with intervals over groups, and how much of that would chance give?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.intervals import number
from clew.result import Result
from clew.samples import Samples
from clew.splits import By, Folds, folds, units
from clew.validate.duplicates import near_duplicates
from clew.validate.exchange import exchanged
from clew.validate.label_errors import LabelErrors
from clew.validate.representative import Representative
from clew.validate.scores import LARGEST, Scores, regression_scores, scores
from clew.words import listed

__all__ = [
    "Kind", "Model", "Predicted", "Scores", "Validation", "cross_validate", "evaluate", "labelled", "out_of_fold", "regression_scores", "scores",
]  # fmt: skip

Kind = Literal["classification", "regression"]
OnProgress = Callable[[int, int], bool | None]
N_PERMUTATIONS = (
    5  # cross-validations with exchanged labels; their mean is the baseline, and they show its spread
)
SIGNED = {
    "matthews": "Matthews' coefficient",
    "kappa": "kappa",
    "spearman": "Spearman's correlation",
}  # 0 by chance


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
        The predicted probability of each class; no columns for numbers, and for models that give none.
    sample, group : ndarray of str, shape (n_rows,)
        The names and the groups of these rows.
    fold : ndarray of int64, shape (n_rows,)
        The fold that tested each row.
    split : dict
        How the rows were divided: "by", "reason", "folds", "gap".
    baselines : dict of str to dict
        The same figures for "commonest_class" (or "mean") of the training rows and, of a cross-validation, for
        "permuted" labels, the mean over some exchanges of labels, or of numbers: of rows that stand for themselves freely,
        of groups as `clew.splits.units` finds them group by group, along a record in time or an image by a shift (see
        `clew.validate.exchange`). The model without a look gives each class the probability of its share.
    permuted_spread : dict of str to float
        The standard deviation of the figures over the exchanges of "permuted", a rough one of 5; empty of a single one,
        and without a cross-validation.
    shuffled : dict of str to float
        The same figures had the rows been dealt at random, whatever belongs together: what is often reported, and flatters.
        Empty where each row stands for itself, so that they were dealt at random.
    warnings : list of str
        What to mind when reading the figures.
    representative : Representative or None
        Whether the labelled rows are like the others, for which the figures then hold; where it was asked.
    label_errors : LabelErrors or None
        The rows whose label these predictions contradict; where it was asked.
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
    permuted_spread: dict[str, float | None] = dataclasses.field(default_factory=dict)
    shuffled: dict[str, float | None] = dataclasses.field(default_factory=dict)
    representative: Representative | None = None
    label_errors: LabelErrors | None = None

    @property
    def no_better(self) -> bool:
        """Whether it is not shown to be better than a model without a look; not, where there is no interval or no such model."""
        name = "balanced_accuracy" if self.scores.classes else "mae"
        chance = next((given.get(name) for who, given in self.baselines.items() if who != "permuted"), None)
        reached = self.scores.metrics[name]
        if chance is None or not np.isfinite(reached.low):
            return False
        return not (reached.low > chance if self.scores.classes else reached.high < chance)

    def headline(self) -> str:
        """Say the first figures and what they rest on."""
        return f"{self.scores.headline()} ({len(self.truth):,} rows, by {self.split['by']})"

    def summary(self) -> dict[str, Any]:
        """Return every figure, how the rows were divided, and the baselines."""
        return self.scores.summary() | {
            "split": dict(self.split),
            "baselines": self.baselines,
            "permuted_spread": dict(self.permuted_spread),
            "shuffled": dict(self.shuffled),
            "rows": len(self.truth),
            "groups": len(np.unique(self.group)),
            "warnings": list(self.warnings),
            "representative": None if self.representative is None else self.representative.summary(),
            "label_errors": None if self.label_errors is None else self.label_errors.summary(),
        }


def cross_validate(
    samples: Samples,
    fit: Callable[[Samples], Model],
    *,
    kind: Kind = "classification",
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    permutations: int = N_PERMUTATIONS,
    random_state: int = 0,
    by_chance: Callable[[Samples], Model] | None = None,
    on_progress: OnProgress | None = None,
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
    permutations : int
        How often labels are exchanged, for what chance gives.
    by_chance : callable, optional
        What is fitted in place of `fit` to exchanged labels and to rows dealt at random: a model that costs less.
    on_progress : callable (done, total), optional
        Told after each model, those of exchanged labels and of shuffled rows included; returning False stops.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    SettingError
        If there are no permutations: chance is always shown.
    Stopped
        If `on_progress` returned False.
    """
    check(permutations >= 1, SettingError, "The 'permutations' of validate must be at least 1. Got {} instead.", permutations)  # fmt: skip
    known = labelled(samples, kind, of="cross_validate")
    parts = folds(known, n_folds=n_folds, by=by, gap=gap, random_state=random_state)
    rounds = 1 + permutations + (parts.by != "row")
    progress = Progress(on_progress, rounds * parts.n_folds)
    fit, by_chance = progress.counting(fit), progress.counting(by_chance or fit)
    classes = [] if kind == "regression" else np.unique(_truth(known, kind)).tolist()
    predicted, probability, warnings = out_of_fold(known, fit, parts, classes)
    truth = _truth(known, kind)
    unit, caveat = units(known)
    warnings = [*_left_out(samples, known, kind), *warnings, *_copies(known, parts)]
    warnings += [caveat] if caveat else []
    found = _figures(truth, predicted, probability, unit, classes, kind)
    baselines, spread = _baselines(known, by_chance, parts, classes, kind, permutations, random_state)
    warnings += [*found.warnings, *_below_chance(found)]
    return Validation(
        scores=found,
        truth=truth,
        predicted=predicted,
        probability=probability,
        sample=known.sample,
        group=known.group,
        fold=parts.test.argmax(axis=0),
        split=parts.summary(),
        baselines=baselines,
        permuted_spread=spread,
        shuffled=_shuffled(known, by_chance, parts, classes, kind),
        warnings=warnings,
    )


class Progress:
    """Counts models as they are fitted, and stops when it is asked to.

    Parameters
    ----------
    on_progress : callable (done, total), optional
        Returning False stops.
    total : int
    """

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self.on_progress, self.done, self.total = on_progress, 0, total

    def step(self) -> None:
        """Count one more.

        Raises
        ------
        Stopped
            If `on_progress` returned False.
        """
        self.done = min(self.done + 1, self.total)  # labels that were exchanged may give a fold more
        if self.on_progress is not None and self.on_progress(self.done, self.total) is False:
            raise Stopped(f"Stopped after {self.done} of {self.total} models.")

    def finish(self) -> None:
        """Count what was not fitted: a fold without two classes has no model."""
        while self.done < self.total:
            self.step()

    def counting(self, fit: Callable[[Samples], Model]) -> Callable[[Samples], Model]:
        """Return a fitting function whose models are counted."""

        def counted(training: Samples) -> Model:
            model = fit(training)
            self.step()
            return model

        return counted


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
    probability = np.zeros((known.n_rows, len(classes) if said.probability is not None else 0))
    if said.probability is not None:
        probability[:, [classes.index(name) for name in said.classes]] = said.probability
    unit, caveat = units(known)
    predicted = said.value if kind == "regression" else said.label
    found = _figures(truth, predicted, probability, unit, classes, kind)
    told = [*warnings, *([caveat] if caveat else []), *found.warnings]
    told += _left_out(samples, known, kind)
    unknown = sorted(set(classes) - set(said.classes)) if classes else []
    if unknown:
        told.append(
            f"The model does not know the class {', '.join(unknown)}, so it cannot be right about it."
        )
    always = mean if kind == "regression" else commonest
    baselines: dict[str, dict[str, float | None]] = {}
    if always is not None:
        name = "mean" if kind == "regression" else "commonest_class"
        baselines[name] = _numbers(_values(truth, np.full(truth.shape, always), None, classes, kind))
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
        known = _has_target(samples, of="evaluate")
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
        If no row has a label or target, there are fewer than two classes, or a class has fewer rows; if a target is the
        same in all rows, infinite or beyond 1e150.
    """
    if kind == "regression":
        known = _has_target(samples, of=of)
        check(known.sum() >= 2, DataError, "The target of {} must be given for at least 2 rows. Got {} instead.", of, known.sum())  # fmt: skip
        target = _truth(samples, kind)[known]
        same = fewest > 1 and np.ptp(target) == 0  # a fold may train on one number
        check(not same, DataError, "The target of {} must differ between rows. Got {:g} for all of {} rows.", of, target[0], len(target))  # fmt: skip
        return samples.take(known)
    known = np.zeros(samples.n_rows, bool) if samples.labels is None else samples.labels != ""
    check(known.any(), DataError, "The samples of {} must have labels. Got none of {} rows with one: clew label STUDY FILE.csv gives some.", of, samples.n_rows)  # fmt: skip
    samples = samples.take(known)
    classes, counts = np.unique(_truth(samples, kind), return_counts=True)
    check(len(classes) >= 2, DataError, "The labels of {} must hold at least 2 classes. Got only '{}' instead.", of, classes[0])  # fmt: skip
    rarest = int(np.argmin(counts))
    check(
        counts[rarest] >= fewest,
        DataError,
        "Each class must have at least {} rows. Got {} of '{}': label more of it, or leave that class out.",
        fewest,
        counts[rarest],
        classes[rarest],
    )
    return samples


def _has_target(samples: Samples, *, of: str) -> np.ndarray:
    """Return the rows with a target, bool (n_rows,); refuse targets whose squares a float64 does not hold."""
    target = np.full(samples.n_rows, np.nan) if samples.target is None else samples.target
    known = ~np.isnan(target)
    wide = np.flatnonzero(known & (np.abs(target) > LARGEST))
    if wide.size:
        raise DataError(f"The target of {of} must lie within {LARGEST:.0e} of 0, or its squares overflow. Got {target[wide[0]]:g} for '{samples.sample[wide[0]]}' instead.")  # fmt: skip
    return known


def _truth(samples: Samples, kind: Kind) -> np.ndarray:
    truth = samples.target if kind == "regression" else samples.labels
    if truth is None:
        raise SettingError(f"The samples must have what the kind '{kind}' asks for.")
    return truth


def out_of_fold(
    samples: Samples, fit: Callable[[Samples], Model], parts: Folds, classes: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Predict each row by a model that was fitted without its fold.

    Parameters
    ----------
    samples : Samples
        Rows that all have a label or, for numbers, a target.
    fit : callable
        Takes training samples and returns a model.
    parts : Folds
    classes : list of str
        All classes; empty for numbers.

    Returns
    -------
    predicted : ndarray, shape (n_rows,)
        The class (str) or the number (float64) of each row.
    probability : ndarray of float64, shape (n_rows, n_classes)
        Of each class; no columns for numbers, and for models that give none.
    warnings : list of str
        The folds in which there was only one class to learn.
    """
    if not classes:
        value = np.empty(samples.n_rows)
        for train, test in zip(parts.train, parts.test, strict=True):
            value[test] = fit(samples.take(train)).predict(samples.take(test)).value
        return value, np.empty((samples.n_rows, 0)), []
    predicted, all_given = np.full(samples.n_rows, max(classes, key=len)), True
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
        if said.probability is None:
            all_given = False
            continue
        columns = [classes.index(name) for name in said.classes]
        probability[np.ix_(test, columns)] = said.probability
    return predicted, probability if all_given else probability[:, :0], warnings


def _left_out(samples: Samples, known: Samples, kind: Kind) -> list[str]:
    """Return a sentence on the rows that cannot be scored, if there are any."""
    n, what = samples.n_rows - known.n_rows, "a target" if kind == "regression" else "a label"
    return [f"{n} rows without {what} are left out."] if n else []


def _copies(samples: Samples, parts: Folds) -> list[str]:
    """Return sentences on tested rows that equal, or nearly equal, rows that were trained on, if there are any."""
    found = near_duplicates(samples, parts.test.argmax(axis=0), train=parts.train)
    across = found.n_equal_across or found.n_near
    return found.sentences(across="among the rows that trained") if across else []


def _below_chance(found: Scores) -> list[str]:
    """Return a sentence on figures whose interval lies wholly below chance, if there are any."""
    k = sum(of_class["rows"] > 0 for of_class in found.per_class.values())
    chance = {"balanced_accuracy": ("balanced accuracy", 1 / max(k, 1)), "roc_auc": ("ROC AUC", 0.5)}
    chance |= {name: (words, 0.0) for name, words in SIGNED.items()}
    below = [words for name, (words, value) in chance.items() if name in found.metrics and found.metrics[name].high < value]  # fmt: skip
    if not below:
        return []
    return [
        f"Below chance by held-out rows: {listed(below)}. Where a fold holds more of a class, or larger numbers, the rows "
        "that train hold less, which pushes answers the other way: read it as chance."
    ]


def _figures(
    truth: np.ndarray,
    predicted: np.ndarray,
    probability: np.ndarray | None,
    groups: np.ndarray,
    classes: list[str],
    kind: Kind,
) -> Scores:
    if kind == "regression":
        return regression_scores(truth, predicted, groups=groups)
    given = probability is not None and probability.shape[1] > 0
    return scores(truth, predicted, probability if given else None, classes=classes, groups=groups)


# ---- what chance gives ----
def _baselines(
    samples: Samples,
    fit: Callable[[Samples], Model],
    parts: Folds,
    classes: list[str],
    kind: Kind,
    permutations: int,
    random_state: int,
) -> tuple[dict[str, dict[str, float | None]], dict[str, float | None]]:
    """Return the figures of a model that looks at no feature and of the model on exchanged labels, and these' spread.

    What is exchanged must match how rows came by their labels (see `exchanged`), and the rows are then divided anew,
    since classes are spread evenly over folds.
    """
    truth = _truth(samples, kind)
    permuted = []
    for mixed in exchanged(samples, truth, n=permutations, random_state=random_state):
        other = samples.with_target(mixed) if kind == "regression" else samples.with_labels(mixed)
        anew = (
            parts if parts.by in ("time", "space") else folds(other, **parts.settings)
        )  # places alone decide
        permuted.append(_values(mixed, *out_of_fold(other, fit, anew, classes)[:2], classes, kind))
    each = {name: np.array([one[name] for one in permuted]) for name in permuted[0]}
    blind = _values(truth, *_without_a_look(truth, parts, classes), classes, kind)
    baselines = {
        "commonest_class" if classes else "mean": _numbers(blind),
        "permuted": _numbers({name: values.mean() for name, values in each.items()}),
    }
    spread = {name: values.std(ddof=1) for name, values in each.items()} if permutations > 1 else {}
    return baselines, _numbers(spread)


def _shuffled(
    samples: Samples, fit: Callable[[Samples], Model], parts: Folds, classes: list[str], kind: Kind
) -> dict[str, float | None]:
    """Return the figures that rows dealt at random would give; none where they are dealt so anyway."""
    if parts.by == "row":
        return {}
    dealt = folds(samples, **{**parts.settings, "by": "row", "gap": None})
    return _numbers(
        _values(_truth(samples, kind), *out_of_fold(samples, fit, dealt, classes)[:2], classes, kind)
    )


def _without_a_look(
    truth: np.ndarray, parts: Folds, classes: list[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what training rows say of tested ones without any feature: their mean, or commonest class and shares.

    The shares are the mean of those of all folds. Each fold's own would rank rows by fold, and against the truth: what
    is rare among the rows that train is common among those that are tested.
    """
    said = truth.copy()
    for train, test in zip(parts.train, parts.test, strict=True):
        said[test] = _commonest(truth[train]) if classes else truth[train].mean()
    if not classes:
        return said, None
    is_of = truth[:, None] == np.array(classes)
    shares = np.mean([is_of[train].mean(axis=0) for train in parts.train], axis=0)
    return said, np.tile(shares, (truth.size, 1))


def _values(
    truth: np.ndarray, predicted: np.ndarray, probability: np.ndarray | None, classes: list[str], kind: Kind
) -> dict[str, float]:
    one_group = np.zeros(truth.size)  # values do not depend on groups
    found = _figures(truth, predicted, probability, one_group, classes, kind)
    return {name: interval.value for name, interval in found.metrics.items()}


def _numbers(values: dict[str, float]) -> dict[str, float | None]:
    return {name: number(float(value)) for name, value in values.items()}


def _commonest(labels: np.ndarray) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[np.argmax(counts)])
