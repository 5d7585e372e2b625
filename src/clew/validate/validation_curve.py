"""Would another setting help? The error of training and held-out rows against the values of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check
from clew.intervals import number
from clew.result import Result
from clew.samples import Samples
from clew.splits import By
from clew.validate.diagnosis import Shown
from clew.validate.ground import Figure, Metric, OnProgress, ends, prepare, summary_of
from clew.validate.metrics import Kind, Model, Progress


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ValidationCurve(Result):
    """Training and held-out figures against a setting.

    Parameters
    ----------
    name : str
        The setting.
    metric : str
        The figure, such as "balanced_accuracy".
    values : ndarray of float64, shape (n_values,)
        The values that were tried, from the simplest model to the most complex; infinite for no limit.
    training, held_out : ndarray of float64, shape (n_values, 3)
        The figure, and the ends of its 95% interval over groups; NaN where there is none.
    loss : ndarray of float64, shape (n_values, 2)
        By how much the held-out error is larger than with the best value, paired over folds, and its standard error.
    best, chosen : int
        The place of the value with the smallest held-out error, and of the simplest within one standard error of it.
    sides : list of str
        For each value "", "underfits" (simpler and worse than the best) or "overfits" (more complex and worse).
    chance : float
        The figure without any look at the features.
    sentence : str
        What was found.
    n_tried : int
        The number of values that were tried.
    split : dict
        How the rows were divided: "by", "reason", "folds", "gap".
    warnings : list of str
        What to mind when reading the figures.
    """

    name: str
    metric: str
    values: np.ndarray
    training: np.ndarray
    held_out: np.ndarray
    loss: np.ndarray
    best: int
    chosen: int
    sides: list[str]
    chance: float
    sentence: str
    n_tried: int
    split: dict[str, Any]
    warnings: list[str]

    def headline(self) -> str:
        """Say which value would do."""
        return self.sentence

    def summary(self) -> dict[str, Any]:
        """Return every value with its figures, and which would do; None for no limit."""
        return {
            "over": self.name,
            "metric": self.metric,
            "values": [
                {
                    "value": number(value),
                    "training": summary_of(self.training[i]),
                    "held_out": summary_of(self.held_out[i]),
                    "side": self.sides[i],
                }
                for i, value in enumerate(self.values)
            ],
            "best": number(self.values[self.best]),
            "chosen": number(self.values[self.chosen]),
            "chance": number(self.chance),
            "n_tried": self.n_tried,
            "split": dict(self.split),
            "warnings": list(self.warnings),
        }


def validation_curve(
    samples: Samples,
    fit_with: Callable[[float], Callable[[Samples], Model]],
    *,
    name: str,
    values: Sequence[float],
    simplest: Literal["first", "last"] = "first",
    kind: Kind = "classification",
    n_folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    metric: Metric = "auto",
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> ValidationCurve:
    """Return training and held-out figures against a setting, and the simplest value that does as well as the best.

    Parameters
    ----------
    samples : Samples
        Rows with labels or, for numbers, a target; the others are left out.
    fit_with : callable
        Takes a value and returns a function that takes training samples and returns a model.
    name : str
        The setting, such as "depth".
    values : list of float
        What to try; infinite for no limit.
    simplest : {"first", "last"}
        Whether the smallest or the largest value makes the simplest model.
    kind, n_folds, by, gap, metric, random_state, on_progress
        As for `learning_curve`.

    Raises
    ------
    DataError
        If there is nothing to learn from, or the rows cannot be divided.
    SettingError
        If there are fewer than two different values.
    Stopped
        If `on_progress` said so.

    Notes
    -----
    The one standard error rule after Breiman, Friedman, Olshen & Stone, Classification and Regression Trees (1984), with
    the standard error of the difference, by a jackknife over folds.
    """
    ground = prepare(
        samples,
        kind,
        metric,
        of="validation_curve",
        n_folds=n_folds,
        by=by,
        gap=gap,
        random_state=random_state,
    )
    tried = np.unique(np.asarray(values, np.float64))[:: 1 if simplest == "first" else -1]
    check(tried.size >= 2 and not np.isnan(tried).any(), SettingError, "The 'values' of validation_curve must be at least 2 different numbers. Got {} instead.", list(values))  # fmt: skip
    figure, n_folds = ground.figure, ground.parts.n_folds
    progress = Progress(on_progress, len(tried) * n_folds)
    trained, held = np.zeros((2, len(tried), ground.n_units, figure.n_sums))
    of_fold = np.zeros((len(tried), n_folds, figure.n_sums))
    for i, value in enumerate(tried.tolist()):
        for fold, masks in enumerate(zip(ground.parts.train, ground.parts.test, strict=True)):
            train, test = (np.flatnonzero(mask) for mask in masks)
            of_train, of_test = ground.predict(fit_with(value), train, test)
            trained[i] += ground.sums(train, of_train, ground.unit) / n_folds
            tested = ground.sums(test, of_test, ground.unit)
            held[i] += tested
            of_fold[i, fold] = tested.sum(axis=0)
            progress.step()
    training, held_out = (np.array([ends(figure.interval(one)) for one in each]) for each in (trained, held))
    best, chosen, loss, sides = _choose(figure.error(held_out[:, 0]), _folderrors(figure, of_fold))
    return ValidationCurve(
        name=name,
        metric=figure.name,
        values=tried,
        training=training,
        held_out=held_out,
        loss=loss,
        best=best,
        chosen=chosen,
        sides=sides,
        chance=figure.chance(ground.truth),
        sentence=_chosen_words(
            name,
            tried,
            best,
            chosen,
            sides,
            figure.shown,
            figure.errors(training),
            figure.errors(held_out),
        ),
        n_tried=len(tried),
        split=ground.parts.summary(),
        warnings=[
            *ground.warnings,
            f"{len(tried)} values were tried on the same rows, so the figure of the best is flattered: compare by nested cross-validation (clew compare).",
        ],
    )


def _folderrors(figure: Figure, of_fold: np.ndarray) -> np.ndarray:
    """Return the error without each fold, float64 of shape (n_values, n_folds); of all where leaving one out undoes it."""
    total = of_fold.sum(axis=1, keepdims=True)
    left_out = figure.error(figure.value(total - of_fold))
    return np.where(np.isfinite(left_out), left_out, figure.error(figure.value(total)))


def _choose(error: np.ndarray, left_out: np.ndarray) -> tuple[int, int, np.ndarray, list[str]]:
    """Return the best value, the simplest that is within one standard error of it, the losses, and the sides.

    Parameters
    ----------
    error : ndarray of float64, shape (n_values,)
        The held-out error of each value, from the simplest model to the most complex.
    left_out : ndarray of float64, shape (n_values, n_folds)
        The same without each fold.
    """
    from scipy.special import stdtrit

    n_folds, best = left_out.shape[1], int(np.argmin(error))
    apart = left_out - left_out[best]
    se = np.sqrt((n_folds - 1) / n_folds * ((apart - apart.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))
    loss = error - error[best]
    chosen = int(np.flatnonzero(loss <= se)[0])
    worse = loss > stdtrit(n_folds - 1, 0.975) * se
    sides = [
        "" if not worse[i] else "underfits" if i < chosen else "overfits" if i > best else ""
        for i in range(len(error))
    ]
    return best, chosen, np.column_stack([loss, se]), sides


def _chosen_words(
    name: str,
    values: np.ndarray,
    best: int,
    chosen: int,
    sides: list[str],
    shown: Shown,
    training: np.ndarray,
    held_out: np.ndarray,
) -> str:
    """Say which value would do, and on which side of it a model is too simple or too complex."""

    def at(i: int) -> str:
        return f"{name} {value_words(values[i])}"

    best_is = "" if chosen == best else f"; the best is {at(best)} with {shown.value(held_out[best, 0])}"
    said = [
        f"The simplest that does as well as the best is {at(chosen)}: {shown.name} {shown.interval(held_out[chosen])} on"
        f" held-out rows{best_is}."
    ]
    for side, why in (("underfits", "too simple"), ("overfits", "too complex")):
        places = [i for i, one in enumerate(sides) if one == side]
        if places:
            i = places[-1] if side == "underfits" else places[0]
            word = "Up to" if side == "underfits" else "From"
            on = "" if side == "underfits" else " on"
            said.append(
                f"{word} {at(i)}{on} the model is {why} ({side}): {shown.value(training[i, 0])} on training rows,"
                f" {shown.value(held_out[i, 0])} on held-out rows."
            )
    if len(said) == 1:
        said.append("No value that was tried is surely worse than the best.")
    return " ".join(said)


def value_words(value: float) -> str:
    """Write a value of a setting: ``4``, ``0.33``, ``without limit``."""
    return "without limit" if np.isinf(value) else f"{value:g}"
