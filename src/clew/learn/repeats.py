"""The step that repeats the validation of a forest, with other seeds and other folds."""

from __future__ import annotations

from typing import Literal

from clew.learn.training import ClassWeight, Grower, Kind, MaxFeatures, choose, fitting, resolve_kind
from clew.result import step
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import Model
from clew.validate.repeats import OnProgress, Repeats
from clew.validate.repeats import repeat as repeat_runs


@step(sees="open")
def repeat(
    samples: Samples,
    *,
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
    runs: int = 10,
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> Repeats:
    """Cross-validate the forest several times, with other seeds and other folds: is it true, and is it precise?

    Parameters
    ----------
    samples : Samples
        Rows without a label or target are left out, and counted.
    features, target, select
        As for `clew.learn.training.train`.
    runs : int
        The number of cross-validations, at least 2.
    folds : int
        The number of parts of each; fewer where groups or rows are fewer.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    random_state : int
        Decides the seeds of the runs.
    trees, depth, min_leaf, max_features, combine, class_weight, kind, grower, n_jobs
        As for `clew.learn.training.train`.
    on_progress : callable (done, total), optional
        Returning False stops.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    SettingError
        If a setting is out of range.
    """
    samples = choose(samples, features=features, target=target)

    learns = resolve_kind(samples, kind)

    def fit(training: Samples, seed: int) -> Model:
        train = fitting(
            select=select,
            trees=trees,
            depth=depth,
            min_leaf=min_leaf,
            max_features=max_features,
            combine=combine,
            class_weight=class_weight,
            kind=learns,
            grower=grower,
            random_state=seed,
            n_jobs=n_jobs,
        )
        return train(training)

    return repeat_runs(
        samples,
        fit,
        kind=learns,
        runs=runs,
        n_folds=folds,
        by=by,
        gap=gap,
        random_state=random_state,
        on_progress=on_progress,
    )
