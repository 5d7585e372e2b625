"""Accuracy in its two senses: are repeated runs right on average (trueness), and do they agree (precision)?

The words are those of ISO 5725-1:1994 and of ISO 5725-2 for the repeatability standard deviation: trueness is how near
the mean of repeated results comes to the true value, precision how near the results come to one another. Runs that
agree can all be wrong in the same way; that is no matter of chance, and more runs or trees do not mend it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import SettingError, Stopped, check
from clew.figures import BEYOND_CHANCE, mean_figure
from clew.intervals import Interval, jackknife_interval, spell, sums_interval
from clew.result import Result
from clew.samples import Samples
from clew.splits import By, folds, units
from clew.validate.metrics import Kind, Model, labelled, out_of_fold
from clew.validate.scores import SHOWN, regression_scores, scores

OnProgress = Callable[[int, int], bool | None]
SYSTEMATIC = 0.5  # a wrong answer is no matter of chance where more than this share of the runs are wrong
MOST_NAMED = 20  # rows that change their answer are listed


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Repeats(Result):
    """The same cross-validation again and again, with other seeds of the model and other folds.

    Parameters
    ----------
    kind : str
        "classification" or "regression".
    truth : ndarray, shape (n_rows,)
        True class (str) or number (float64) of each row.
    predicted : ndarray, shape (n_runs, n_rows)
        What each run predicts for it, by a model that had not seen it.
    sample, group : ndarray of str, shape (n_rows,)
        The names and the groups of the rows.
    figures : dict of str to list of float
        Each run's metrics.
    trueness : dict of str to Interval
        Means over the runs, against the truth. For classes: balanced_accuracy, accuracy and kappa. For numbers: bias
        (the mean of predicted less true, in the unit of the target) and mae.
    precision : dict of str to Interval
        The runs against one another, whatever the truth. For classes: agreement (the share of rows that two runs
        answer alike) and kappa of two runs. For numbers: repeatability_sd, the standard deviation of one row's
        predictions between runs.
    pairs : ndarray of float64, shape (n_runs, n_runs)
        Cohen's kappa of each two runs, or the root mean square of their difference.
    changes : ndarray of float64, shape (n_rows,)
        For classes the share of the runs that do not give the row's commonest answer; for numbers the standard
        deviation of its predictions.
    systematic : float
        The share of the errors that other runs repeat: of wrong answers, those to rows that most runs get wrong; of
        the mean squared error, what the mean of the runs still has. NaN without any error.
    classes : list of str
        The classes; empty for numbers.
    split : dict
        How the rows were divided in the first run: "by", "reason", "folds", "gap".
    warnings : list of str
        What to mind when reading the figures.
    n_divisions : int
        How many of the runs divide the rows differently.
    """

    kind: str
    truth: np.ndarray
    predicted: np.ndarray
    sample: np.ndarray
    group: np.ndarray
    figures: dict[str, list[float]]
    trueness: dict[str, Interval]
    precision: dict[str, Interval]
    pairs: np.ndarray
    changes: np.ndarray
    systematic: float
    classes: list[str]
    split: dict[str, Any]
    warnings: list[str] = dataclasses.field(default_factory=list)
    n_divisions: int = 0  # unknown, in results of old

    @property
    def n_runs(self) -> int:
        """Return the number of runs."""
        return len(self.predicted)

    @property
    def steady(self) -> np.ndarray:
        """Return which rows get the same answer in every run, bool of shape (n_rows,)."""
        return self.changes == 0

    @property
    def right(self) -> np.ndarray:
        """Return the share of the runs that are right about each row, float64 of shape (n_rows,); for classes."""
        return (self.predicted == self.truth).mean(axis=0)

    def headline(self) -> str:
        """Say trueness and precision in one line."""
        true, precise = ("balanced_accuracy", "agreement") if self.classes else ("bias", "repeatability_sd")
        trueness, precision = spell(self.trueness[true].summary()), spell(self.precision[precise].summary())
        return f"{self.n_runs} runs: trueness ({true}) {trueness}, precision ({precise}) {precision}"

    def verdict(self) -> str:
        """Say in words what trueness and precision mean together."""
        if np.isnan(self.systematic):
            return "No run makes any error here."
        share = f"{self.systematic:.0%}"
        if self.systematic >= SYSTEMATIC:
            mend = "more runs or more trees will not mend them; better features, labels or more data might"
            kind = "systematic"
        else:
            mend = "averaging more runs or trees would mend part of them"
            kind = "mostly chance"
        if self.kind == "regression":
            return f"The errors are {kind}: {share} of the mean squared error stays when the runs are averaged; {mend}."
        return f"The errors are {kind}: {share} of the wrong answers are to rows that most runs get wrong; {mend}."

    def summary(self) -> dict[str, Any]:
        """Return trueness, precision, each figure's spread between runs, and the rows that change."""
        each = {name: np.array(values) for name, values in self.figures.items()}
        found: dict[str, Any] = {
            "runs": self.n_runs,
            "divisions": self.n_divisions or None,
            "rows": len(self.truth),
            "groups": len(np.unique(self.group)),
            "trueness": {name: one.summary() for name, one in self.trueness.items()},
            "precision": {name: one.summary() for name, one in self.precision.items()},
            "systematic": None if np.isnan(self.systematic) else self.systematic,
            "between_runs": {name: _spread(values) for name, values in each.items()},
            "split": dict(self.split),
            "warnings": list(self.warnings),
        }
        if self.classes:
            found["rows_same_and_right"] = int((self.steady & (self.right == 1)).sum())
            found["rows_same_and_wrong"] = int((self.steady & (self.right == 0)).sum())
            found["rows_that_change"] = int((~self.steady).sum())
            order = np.argsort(-self.changes, kind="stable")[:MOST_NAMED]
            found["changing"] = [
                {"sample": str(self.sample[i]), "right": float(self.right[i])}
                for i in order
                if self.changes[i]
            ]
        return found


def _spread(values: np.ndarray) -> dict[str, float | None]:
    if not np.isfinite(values).all():
        return dict.fromkeys(("mean", "sd", "least", "most"))
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)),
        "least": float(values.min()),
        "most": float(values.max()),
    }


def repeat(
    samples: Samples,
    fit_with_seed: Callable[[Samples, int], Model],
    *,
    kind: Kind = "classification",
    runs: int = 10,
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Repeats:
    """Cross-validate several times with other seeds of the model and other folds: how true, and how precise?

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    fit_with_seed : callable
        Takes training samples and a seed, and returns a model.
    kind : {"classification", "regression"}
        Whether labels or the target are learnt.
    runs : int
        The number of cross-validations.
    n_folds, by, gap
        As for `clew.splits.folds`; by space, by time and by few groups the folds can be the same in each run.
    random_state : int
        Decides the seeds of the runs.
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    SettingError
        If `runs` is below 2.
    DataError
        If the rows cannot be learnt from or divided.
    """
    fits = isinstance(runs, (int, np.integer)) and runs >= 2
    check(fits, SettingError, "The 'runs' of repeat must be an int of at least 2: one run has nothing to agree with. Got {} instead.", runs)  # fmt: skip
    known = labelled(samples, kind, of="repeat")
    unit, caveat = units(known)
    truth = known.target if kind == "regression" else known.labels
    assert truth is not None
    classes = [] if kind == "regression" else np.unique(truth).tolist()
    figures: dict[str, list[float]] = {}
    answers, splits, warnings, divisions = [], [], [], set()
    for done, seed in enumerate(np.random.default_rng(random_state).integers(0, 2**31, size=runs).tolist()):
        if on_progress is not None and on_progress(done, runs) is False:
            raise Stopped(f"Stopped after {done} of {runs} runs.")
        parts = folds(known, n_folds=n_folds, by=by, gap=gap, random_state=seed)
        said, probability, told = out_of_fold(known, lambda s, seed=seed: fit_with_seed(s, seed), parts, classes)  # type: ignore[misc]  # fmt: skip
        for name, value in _run_figures(truth, said, probability, classes).items():
            figures.setdefault(name, []).append(value)
        answers.append(said)
        splits.append(parts.summary())
        divisions.add(np.unique(parts.test, axis=0).tobytes())  # whatever the order of the folds
        warnings += told
    predicted = np.stack(answers)
    n_left_out = samples.n_rows - known.n_rows
    left_out = f"{n_left_out} rows without a {'target' if kind == 'regression' else 'label'} are left out."
    of_kind = _of_numbers if kind == "regression" else _of_classes
    return Repeats(
        kind=kind,
        truth=truth,
        predicted=predicted,
        sample=known.sample,
        group=known.group,
        figures=figures,
        classes=classes,
        split=splits[0],
        n_divisions=len(divisions),
        warnings=[
            *([left_out] if n_left_out else []),
            *([_fewer(len(divisions), runs)] if len(divisions) < runs else []),
            *dict.fromkeys(warnings),
            *([caveat] if caveat else []),
        ],
        **of_kind(truth, predicted, unit, classes),
    )


def _fewer(n_divisions: int, runs: int) -> str:
    if n_divisions == 1:
        lacks = "so precision shows what other seeds change, and nothing of what other folds would"
    else:
        lacks = "so precision shows less of what other folds change than so many runs suggest"
    return (
        f"Other seeds divide these rows in the same way: {n_divisions} of {runs} divisions differ, {lacks}."
    )


def _run_figures(
    truth: np.ndarray, said: np.ndarray, probability: np.ndarray, classes: list[str]
) -> dict[str, float]:
    """Return one run's metrics, without intervals."""
    one_group = np.zeros(len(truth))
    if classes:
        given = probability if probability.shape[1] else None
        found = scores(truth, said, given, classes=classes, groups=one_group)
    else:
        found = regression_scores(truth, said, groups=one_group)
    return {name: found.metrics[name].value for name in SHOWN if name in found.metrics}


# ---- classes ----
def _of_classes(
    truth: np.ndarray, predicted: np.ndarray, unit: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """Return trueness and precision of classes; all runs have the same rows, so their mean is that of their tables."""
    names, k, runs = np.array(classes), len(classes), len(predicted)
    true, said = np.searchsorted(names, truth), np.searchsorted(names, predicted)  # classes are sorted
    group = np.unique(unit, return_inverse=True)[1].reshape(-1)
    counts = np.stack([(said == c).sum(axis=0) for c in range(k)], axis=1)  # (n_rows, k)
    alike = (counts * (counts - 1)).sum(axis=1) / (runs * (runs - 1))  # share of pairs that agree on the row
    tables = _tables(true, counts / runs, group, k)
    trueness = {
        name: mean_figure(name, tables, np.ones(len(tables), np.int64))
        for name in ("balanced_accuracy", "accuracy")
    }
    with_truth = [_kappa_without(true, one, group, k) for one in said]
    trueness["kappa"] = _mean_kappa(with_truth, group)
    pairs, between = np.ones((runs, runs)), []
    for i in range(runs):
        for j in range(i):
            between.append(_kappa_without(said[i], said[j], group, k))
            pairs[i, j] = pairs[j, i] = between[-1][0]
    wrong = 1 - counts[np.arange(len(true)), true] / runs
    return {
        "trueness": trueness,
        "precision": {"agreement": _mean_share(alike, group), "kappa": _mean_kappa(between, group)},
        "pairs": pairs,
        "changes": 1 - counts.max(axis=1) / runs,
        "systematic": float(wrong[wrong > SYSTEMATIC].sum() / wrong.sum()) if wrong.any() else np.nan,
    }


def _tables(true: np.ndarray, shares: np.ndarray, group: np.ndarray, k: int) -> np.ndarray:
    """Return the mean confusion of the runs for each group, (n_groups, k, k)."""
    n_groups = int(group.max()) + 1
    return np.stack(
        [np.bincount(group * k + true, shares[:, c], n_groups * k).reshape(n_groups, k) for c in range(k)],
        axis=2,
    )


def _kappa_without(a: np.ndarray, b: np.ndarray, group: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Return Cohen's kappa of two answers, and without each group, (n_groups,)."""
    n_groups = int(group.max()) + 1
    tables = np.bincount((group * k + a) * k + b, minlength=n_groups * k * k).reshape(n_groups, k, k)
    total = tables.sum(axis=0).astype(float)
    kappa = BEYOND_CHANCE["kappa"]
    return float(kappa(total)), kappa(total - tables)


def _mean_kappa(found: list[tuple[float, np.ndarray]], group: np.ndarray) -> Interval:
    """Return the mean of some kappas with its interval over groups."""
    n_groups = int(group.max()) + 1
    left_out = np.mean([without for _, without in found], axis=0)
    return jackknife_interval(
        float(np.mean([value for value, _ in found])),
        left_out if n_groups > 1 else np.empty(0),
        n_groups=n_groups,
        n_rows=group.size,
        bounds=(-1.0, 1.0),
    )


def _mean_share(share: np.ndarray, group: np.ndarray) -> Interval:
    sums = np.stack([np.bincount(group, share), np.bincount(group)], axis=1)
    return sums_interval(lambda s: s[..., 0] / s[..., 1], sums, n_rows=share.size)


# ---- numbers ----
def _of_numbers(
    truth: np.ndarray, predicted: np.ndarray, unit: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """Return trueness and precision of numbers: each row's squared error is that of its mean and its spread between runs."""
    group = np.unique(unit, return_inverse=True)[1].reshape(-1)
    error, variance = predicted.mean(axis=0) - truth, predicted.var(axis=0, ddof=1)
    parts = (error, np.abs(predicted - truth).mean(axis=0), variance, np.ones_like(error))
    sums = np.stack([np.bincount(group, part) for part in parts], axis=1)
    no_bounds: dict[str, Any] = {"n_rows": truth.size, "bounds": (-np.inf, np.inf)}
    from_zero: dict[str, Any] = {"n_rows": truth.size, "bounds": (0.0, np.inf)}
    pairs = np.array([[np.sqrt(((a - b) ** 2).mean()) for a in predicted] for b in predicted])
    mean_squared = ((predicted - truth) ** 2).mean()
    return {
        "trueness": {
            "bias": sums_interval(lambda s: s[..., 0] / s[..., 3], sums, **no_bounds),
            "mae": sums_interval(lambda s: s[..., 1] / s[..., 3], sums, **from_zero),
        },
        "precision": {
            "repeatability_sd": sums_interval(lambda s: np.sqrt(s[..., 2] / s[..., 3]), sums, **from_zero)
        },
        "pairs": pairs,
        "changes": np.sqrt(variance),
        "systematic": float((error**2).mean() / mean_squared) if mean_squared > 0 else np.nan,
    }
