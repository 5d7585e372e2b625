"""A figure that does not stand alone: the model that one would take otherwise, on the same folds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.result import Result
from clew.samples import Samples
from clew.splits import Folds, units
from clew.validate.comparison import Difference, p_written, spelt_out, written
from clew.validate.metrics import Kind, Model, Scores, Validation, out_of_fold, regression_scores, scores
from clew.validate.nested import paired_difference


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Beside(Result):
    """What another model says of the same rows out of the same folds, and how the validated one compares.

    Parameters
    ----------
    words : str
        The other model, such as "the forest on 12 measurements".
    scores : Scores
        Its figures.
    predicted : ndarray, shape (n_rows,)
        What it says of each row.
    metric : str
        The figure that is compared.
    difference : Difference
        By how much the validated model's is above its.
    """

    words: str
    scores: Scores
    predicted: np.ndarray
    metric: str
    difference: Difference

    def headline(self) -> str:
        """Say its figure, the difference, and what that means."""
        figure, told = self.scores.metrics[self.metric], self.difference.written(signed=True)
        return (
            f"{self.words}: {spelt_out(self.metric)} {written(figure)}; difference {told}: {self.verdict()}"
        )

    def verdict(self) -> str:
        """Say whether the validated model is better than this one."""
        one = self.difference
        if not one.told_apart:
            return "not shown to be better" if one.value > 0 else "not better"
        return f"{'better' if one.value > 0 else 'worse'}, {p_written(one.p_value)}"

    def summary(self) -> dict[str, Any]:
        """Return its figures and the difference."""
        return {
            "words": self.words,
            "metrics": {name: one.summary() for name, one in self.scores.metrics.items()},
            "metric": self.metric,
            "difference": self.difference.summary(),
            "verdict": self.verdict(),
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ValidationBeside(Validation):
    """A cross-validation, and another model's on the same folds.

    Parameters
    ----------
    beside : Beside
    """

    beside: Beside

    def summary(self) -> dict[str, Any]:
        """Return every figure, and those of the other model."""
        return super().summary() | {"beside": self.beside.summary()}


def put_beside(
    known: Samples, parts: Folds, said: np.ndarray, fit: Callable[[Samples], Model], *, kind: Kind, words: str
) -> Beside:
    """Let another model predict the rows that the same folds hold out, and compare.

    Parameters
    ----------
    known : Samples
        Rows that all have a label, or a target.
    parts : Folds
    said : ndarray, shape (n_rows,)
        What the validated model said of each row, out of fold.
    fit : callable
        Trains the other model.
    kind : {"classification", "regression"}
    words : str
        The other model in a sentence.
    """
    unit = units(known)[0]
    classes = (
        np.unique(known.labels).tolist() if kind == "classification" and known.labels is not None else []
    )
    predicted, probability, _ = out_of_fold(known, fit, parts, classes)
    if classes:
        assert known.labels is not None
        given = probability if probability.shape[1] else None
        found = scores(known.labels, predicted, given, classes=classes, groups=unit)
    else:
        assert known.target is not None
        found = regression_scores(known.target, predicted, groups=unit)
    difference = paired_difference(known, parts, said, predicted, to="forest", kind=kind)
    metric = "balanced_accuracy" if classes else "r2"
    return Beside(words=words, scores=found, predicted=predicted, metric=metric, difference=difference)
