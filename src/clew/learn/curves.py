"""What more labelled rows, or another setting, would do for the forest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check
from clew.learn.growing import DEEPEST
from clew.learn.training import ClassWeight, Grower, Kind, MaxFeatures, choose, fitting, resolve_kind
from clew.result import step
from clew.samples import Samples
from clew.splits import By
from clew.validate.curves import LearningCurve, learning_curve
from clew.validate.ground import Metric, OnProgress
from clew.validate.validation_curve import ValidationCurve, validation_curve

Over = Literal["rows", "depth", "min_leaf", "trees", "max_features"]
# What is tried by default; of depths, infinite is without limit. Fewer trees or features and less depth are simpler.
TRIED: dict[str, list[float]] = {
    "depth": [1, 2, 3, 4, 6, 8, 12, np.inf],
    "min_leaf": [1, 2, 3, 5, 10, 20],
    "trees": [1, 3, 10, 30, 100],
    "max_features": [0.1, 0.2, 0.33, 0.5, 0.75, 1.0],
}


@step(sees="open")
def curve(
    samples: Samples,
    *,
    over: Over = "rows",
    values: list[float] | None = None,
    desired: float | None = None,
    metric: Metric = "auto",
    features: str | list[str] = "all",
    target: str | None = None,
    select: int | None = None,
    trees: int = 100,
    depth: int | None = None,
    min_leaf: int = 1,
    max_features: MaxFeatures = "auto",
    combine: Literal["mean", "vote"] = "mean",
    class_weight: ClassWeight = "given",
    kind: Kind = "auto",
    grower: Grower = "scikit-learn",
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    repeats: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> LearningCurve | ValidationCurve:
    """Draw the forest's curve: training and held-out figures against the number of labelled rows, or a setting.

    Parameters
    ----------
    samples : Samples
        Rows without a label or target are left out, and counted.
    over : {"rows", "depth", "min_leaf", "trees", "max_features"}
        What changes along the curve.
    values : list of float, optional
        The numbers of training rows, or the values of the setting; a range by default. An infinite depth has no limit.
    desired : float, optional
        The figure that is wanted, for "rows".
    metric : str
        "auto" is balanced accuracy for classes and R2 for numbers.
    features, target, select
        As for `clew.learn.training.train`.
    folds : int
        The number of parts; fewer where groups or rows are fewer.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    repeats : int
        The number of orders in which rows are added, in each fold, for "rows".
    trees, depth, min_leaf, max_features, combine, class_weight, kind, grower, random_state, n_jobs
        As for `clew.learn.training.train`; the setting that changes is not taken from here.
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    SettingError
        If a setting is out of range.
    """
    check(
        over == "rows" or desired is None,
        SettingError,
        "The 'desired' of curve must go with rows. Got it over {}.",
        over,
    )
    samples = choose(samples, features=features, target=target)
    learns = resolve_kind(samples, kind)

    settings: dict[str, Any] = {
        "select": select,
        "trees": trees,
        "depth": depth,
        "min_leaf": min_leaf,
        "max_features": max_features,
        "combine": combine,
        "class_weight": class_weight,
        "kind": learns,
        "grower": grower,
        "random_state": random_state,
        "n_jobs": n_jobs,
    }
    if over == "rows":
        return learning_curve(
            samples,
            fitting(**settings),
            kind=learns,
            sizes=None if values is None else [whole_number(value, over) for value in values],
            n_folds=folds,
            by=by,
            gap=gap,
            repeats=repeats,
            metric=metric,
            desired=desired,
            random_state=random_state,
            on_progress=on_progress,
        )
    return validation_curve(
        samples,
        lambda value: fitting(**settings | {over: _setting(value, over)}),
        name=over,
        values=_tried(over, grower) if values is None else values,
        simplest="last" if over == "min_leaf" else "first",
        kind=learns,
        n_folds=folds,
        by=by,
        gap=gap,
        metric=metric,
        random_state=random_state,
        on_progress=on_progress,
    )


def _tried(over: str, grower: str) -> list[float]:
    """Return the range of a setting; clew's own grower goes no deeper than `DEEPEST`."""
    values = TRIED[over]
    return [value for value in values if value <= DEEPEST] if (over, grower) == ("depth", "clew") else values


def _setting(value: float, over: str) -> float | None:
    """Return a value as the forest takes it."""
    if over == "depth" and np.isinf(value):
        return None
    return value if over == "max_features" else whole_number(value, over)


def whole_number(value: float, over: str) -> int:
    """Return a value of a curve as an int, or refuse it."""
    check(
        float(value).is_integer(),
        SettingError,
        "The 'values' of curve must be whole numbers for {}. Got {} instead.",
        over,
        value,
    )
    return int(value)
