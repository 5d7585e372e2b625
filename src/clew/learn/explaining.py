"""The step that explains the model of a study, with refits and folds trained as the model was."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, check
from clew.explain.explanation import Explanation
from clew.explain.importance import Kind, OnProgress
from clew.explain.model import explain_model, in_order
from clew.learn.forest import Forest
from clew.learn.training import choose, train
from clew.result import settings_of, step
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import labelled

# Settings of train that are given otherwise here.
OF_THE_ROWS = {"features", "target", "select", "kind", "measure", "random_state"}
SELECTED = (
    "The {0} features were selected among {1}. Every fold selected anew among its own training rows, and loses nothing by a "
    "feature that it did not select; refits keep the {0}. Those left out could stand in for them too."
)
ALL_SELECTED = (
    "These rows have no other features than the {} that were selected: if there were more to select from, the held-out "
    "figures flatter, since the folds could not select anew."
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
        How rows are held out, as for `clew.learn.training.validate`; where the model's features were selected among
        more, each fold selects anew.
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
    select = forest.settings.get("select")
    given = choose(
        samples,
        features=forest.feature_names if select is None else forest.settings["features"],
        target=target,
    )
    samples = in_order(given, forest.feature_names)
    kind: Kind = "regression" if forest.kind == "regression" else "classification"
    trained = {
        name: forest.settings[name]
        for name in settings_of(train)
        if name in forest.settings and name not in OF_THE_ROWS
    }

    def fit(training: Samples, seed: int) -> Forest:
        return train(training, **trained, kind=kind, random_state=seed)

    def select_and_fit(training: Samples) -> _Selected:
        chosen = train(training, **trained, kind=kind, random_state=random_state, select=select)
        columns = [training.feature_names.index(name) for name in chosen.feature_names]
        return _Selected(chosen, np.array(columns))

    known = labelled(samples if select is None else given, kind, of="explain")
    check_classes(known, forest)
    found = explain_model(
        forest,
        samples,
        known,
        fit,
        kind=kind,
        fit_fold=None if select is None else select_and_fit,
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
    if select is None:
        return found
    n = len(forest.feature_names)
    said = ALL_SELECTED if n == given.n_features else SELECTED
    warning = said.format(f"{n:,}", f"{given.n_features:,}")
    return dataclasses.replace(found, warnings=[warning, *found.warnings])


@dataclasses.dataclass(frozen=True)
class _Selected:
    """A forest of the columns (n,) of a table, which is shown all of them."""

    forest: Forest
    columns: np.ndarray

    @property
    def classes(self) -> list[str]:
        return self.forest.classes

    @property
    def feature(self) -> np.ndarray:
        """The column of the table that each node asks for; negative at leaves."""
        asked = self.forest.feature
        return np.where(asked < 0, asked, self.columns[asked])

    def predict(self, X: np.ndarray) -> Any:
        return self.forest.predict(X[:, self.columns])


def check_classes(known: Samples, forest: Any) -> None:
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
