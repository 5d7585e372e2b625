"""The step that explains the model of a study, with refits and folds trained as the model was."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from clew.errors import DataError, check
from clew.explain.explanation import Explanation
from clew.explain.importance import Kind, OnProgress
from clew.explain.model import explain_model
from clew.learn.forest import Forest
from clew.learn.training import choose, train
from clew.result import settings_of, step
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import labelled

# Settings of train that are given otherwise here.
OF_THE_ROWS = {"features", "target", "select", "kind", "measure", "random_state"}
SELECTED = (
    "The {} features were selected among these very rows, so the held-out figures here flatter: clew validate selects "
    "anew in every fold."
)


@step(sees="open")
def explain(
    samples: Samples,
    forest: Forest,
    *,
    method: Literal["path", "interventional"] = "path",
    rows: int = 2000,
    permutations: int = 20,
    refits: int = 10,
    background: int = 100,
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    target: str | None = None,
    random_state: int = 0,
    on_progress: OnProgress | None = None,
) -> Explanation:
    """Explain a model: what it goes by, per feature and per group of correlated features, and how sure that is.

    Parameters
    ----------
    samples : Samples
        The open rows. All are explained; those with a label or a target are held out and train again.
    forest : Forest
        The model.
    method : {"path", "interventional"}
        What a feature's value is compared with: what the trees expect from the other features, or what other rows
        have, whatever goes with it.
    rows : int
        The most rows to explain, and to permute; spread over groups.
    permutations : int
        How often each feature, and each group, is permuted among held-out rows.
    refits : int
        How often the model is trained again, on groups drawn with replacement and by another seed.
    background : int
        The rows to compare with where `method` is "interventional".
    folds, by, gap
        How rows are held out, as for `clew.learn.training.validate`.
    target : str, optional
        The feature that a regressor predicts, as in `clew.learn.training.train`.
    random_state : int
        Decides which rows, permutations and groups are drawn.
    on_progress : callable (done, total), optional

    Raises
    ------
    DataError
        If the model is none for rows, or the rows have no labels to hold out, or others than the model's.
    SettingError
        If a setting is out of range.
    """
    pixels = forest.measure.get("kind") == "pixels"
    check(not pixels, DataError, "The model to explain must be one for rows. Got one for pixels.")
    samples = _in_order(choose(samples, features=forest.feature_names, target=target), forest)
    kind: Kind = "regression" if forest.kind == "regression" else "classification"
    trained = {
        name: forest.settings[name]
        for name in settings_of(train)
        if name in forest.settings and name not in OF_THE_ROWS
    }

    def fit(training: Samples, seed: int) -> Forest:
        return train(training, **trained, kind=kind, random_state=seed)

    known = labelled(samples, kind, of="explain")
    _check_classes(known, forest)
    found = explain_model(
        forest,
        samples,
        known,
        fit,
        kind=kind,
        method=method,
        rows=rows,
        permutations=permutations,
        refits=refits,
        background=background,
        folds=folds,
        by=by,
        gap=gap,
        random_state=random_state,
        on_progress=on_progress,
    )
    if forest.settings.get("select") is None:
        return found
    warning = SELECTED.format(len(forest.feature_names))
    return dataclasses.replace(found, warnings=[warning, *found.warnings])


def _in_order(samples: Samples, forest: Forest) -> Samples:
    """Return the samples with their features in the order in which the forest has them."""
    order = [samples.feature_names.index(name) for name in forest.feature_names]
    return dataclasses.replace(
        samples,
        features=samples.features[:, order],
        feature_names=tuple(forest.feature_names),
        units=tuple(samples.units[column] for column in order),
    )


def _check_classes(known: Samples, forest: Forest) -> None:
    """Refuse labels with other classes than the model's: its refits would be other models."""
    if known.labels is None or not forest.classes:
        return
    classes = np.unique(known.labels).tolist()
    check(
        classes == forest.classes,
        DataError,
        "The labels of explain must be of the model's classes ({}). Got {} instead: train it again (clew train).",
        ", ".join(forest.classes),
        ", ".join(classes),
    )
