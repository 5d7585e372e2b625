"""The final evaluation: a model on rows that nobody had looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.explore.exploration import Exploration, assign
from clew.learn.forest import Forest
from clew.learn.training import choose
from clew.result import step
from clew.samples import Samples
from clew.validate.metrics import Kind, Model, Validation, evaluate

BY_GROUPING = (
    "The sealed rows have no labels of people: each was given the group whose centre is nearest, as the clustering would. "
    "The figures say how well the classifier repeats the grouping on new rows, not whether the grouping is true."
)


@step(sees="sealed")
def test(
    samples: Samples,
    forest: Forest,
    exploration: Exploration | None = None,
    *,
    names: dict[str, str] | None = None,
    target: str | None = None,
) -> Validation:
    """Evaluate a model on the sealed rows.

    Parameters
    ----------
    samples : Samples
        The sealed rows, with the labels that people gave them.
    forest : Forest
        The model; or a net that learnt from measurements.
    exploration : Exploration, optional
        The look whose groups were named; used where people labelled none of the sealed rows.
    names : dict of str to str, optional
        Names of its groups.
    target : str, optional
        The feature that a regressor predicts, as in `clew.learn.training.train`.

    Raises
    ------
    DataError
        If there is no truth to compare with.
    """
    return judge(
        samples, forest, forest, exploration, features=forest.feature_names, names=names, target=target
    )


def judge(
    samples: Samples,
    asked: Model,
    made: Any,
    exploration: Exploration | None,
    *,
    features: str | list[str],
    names: dict[str, str] | None,
    target: str | None,
) -> Validation:
    """Score a trained model on sealed rows.

    Parameters
    ----------
    samples, exploration, names, target
        As for `test`.
    asked : Model
        What predicts rows with these features.
    made : Forest or NetModel
        What was trained: its kind, and its training rows.
    features : str or list of str
        What rows are asked by.

    Raises
    ------
    DataError
        If there is no truth to compare with.
    """
    if target is not None:
        samples = choose(samples, features=features, target=target)
    warnings = []
    if made.kind == "classification" and not (samples.labels != "").any():  # type: ignore[union-attr]
        check(
            exploration is not None and names,
            DataError,
            "The sealed rows must have labels to be tested against. Got none on {} rows: label some of them (clew label).",
            samples.n_rows,
        )
        groups = assign(exploration, samples)  # type: ignore[arg-type]
        samples = samples.with_labels(np.array([names.get(str(g), "") for g in groups], dtype=str))  # type: ignore[union-attr]
        warnings.append(BY_GROUPING)
    kind: Kind = "regression" if made.kind == "regression" else "classification"
    return evaluate(samples.select(features), asked, kind=kind, warnings=warnings, **_training_rows(made))


def _training_rows(made: Any) -> dict[str, Any]:
    """Return what the training rows held: their commonest class, or their mean, as a forest's roots have it."""
    if made.kind == "regression":
        is_forest = isinstance(made, Forest)
        return {"mean": float(made.value[made.tree_start, 0].mean() if is_forest else made.target["mean"])}
    return {"commonest": max(made.class_counts, key=lambda name: made.class_counts[name])}
