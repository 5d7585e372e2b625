"""How a forest is grown, and how good it would be: on the rows with a label, or with a target."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.learn.forest import ARRAYS, Forest, single_precision
from clew.learn.growing import DEEPEST, grow
from clew.learn.select import Selected, select_features
from clew.result import step
from clew.samples import Samples
from clew.splits import By, spread_over_groups
from clew.validate.label_errors import label_errors_of
from clew.validate.metrics import Model, OnProgress, Validation, cross_validate, labelled
from clew.validate.representative import Representative, representative

MOST_COMPARED = 10_000  # rows by which it is judged whether labelled ones are like the others
Kind = Literal["auto", "classification", "regression"]
MaxFeatures = Literal["auto", "sqrt", "log2", "all"] | float
ClassWeight = Literal["given", "equal"]
Grower = Literal["auto", "clew", "scikit-learn"]


@step(sees="open")
def train(
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
    random_state: int = 0,
    n_jobs: int | None = None,
    measure: dict[str, Any] | None = None,
) -> Forest:
    """Train the repeatable classifier: a random forest on the rows with a label, or with a target.

    Parameters
    ----------
    samples : Samples
        Rows without a label ("") or target (NaN) are left out, and counted in the notes.
    features : str or list of str
        What to learn from: "all", a named set such as "shape", or names of features.
    target : str, optional
        A feature to be predicted from the others, instead of labels.
    select : int, optional
        Learn from so many features only, those that tell most each by itself; chosen among the training rows, so that
        a validation chooses anew in every fold.
    trees : int
        The number of trees.
    depth : int, optional
        The largest number of questions from root to leaf; no limit by default.
    min_leaf : int
        The smallest number of training rows in a leaf.
    max_features : {"auto", "sqrt", "log2", "all"} or float
        How many features are tried at each node: a share of them, or their square root or logarithm. "auto" is
        "sqrt" for classes and a third for numbers.
    combine : {"mean", "vote"}
        Whether probabilities are the mean over trees, or the share of trees that vote for a class; at a tie the
        first class of `classes` wins, within a tree and among trees.
    class_weight : {"given", "equal"}
        Whether a class weighs as many rows as it has, or all classes the same: that moves the decision towards rare
        classes, and probabilities no longer say how common they are.
    kind : {"auto", "classification", "regression"}
        What is learnt: labels, or the target; "auto" is what the samples have.
    grower : {"auto", "clew", "scikit-learn"}
        Who grows the trees. "clew" takes a fifteenth of the time, for classes and up to 8 levels; it draws other rows and
        features from the same `random_state`, its forests are no better nor worse. "auto" is clew where it can.
    random_state : int
        Decides which rows and features each tree sees.
    n_jobs : int, optional
        The number of threads for training; the forest is the same for any.
    measure : dict, optional
        How the rows were measured; kept with the model, so that new data are measured in the same way.

    Raises
    ------
    DataError
        If there are no features, no labels, or only one class.
    SettingError
        If a setting is out of range, or "auto" meets labels and a target.

    Notes
    -----
    Random forests after Breiman, Machine Learning 45 (2001), doi:10.1023/A:1010933404324; trained by
    scikit-learn or by `clew.learn.growing`, predicted by `clew.kernels.forest`.
    """
    _check_settings(trees=trees, depth=depth, min_leaf=min_leaf, max_features=max_features)
    check(
        n_jobs is None or n_jobs == -1 or n_jobs >= 1,
        SettingError,
        "The 'n_jobs' of train must be at least 1, or -1 for all cores. Got {}.",
        n_jobs,
    )
    samples = choose(samples, features=features, target=target)
    learns = resolve_kind(samples, kind)
    if select is not None:
        check(
            isinstance(select, (int, np.integer)) and 1 <= select <= samples.n_features,
            SettingError,
            "The 'select' of train must be an int from 1 to the number of features ({}). Got {}.",
            samples.n_features,
            select,
        )
        samples = samples.select(select_features(samples, select, kind=learns))
    check(
        combine == "mean" or learns == "classification",
        SettingError,
        "The 'combine' of train must be 'mean' for numbers. Got '{}' instead.",
        combine,
    )
    known = labelled(samples, learns, of="train", fewest=1)
    X = single_precision(known.features, of="train")
    _check_digits(known, X)
    check(
        class_weight == "given" or learns == "classification",
        SettingError,
        "The 'class_weight' of train must be 'given' for numbers. Got '{}' instead.",
        class_weight,
    )
    y, classes, weight = _learnt(known, learns, class_weight)
    settings: dict[str, Any] = {
        "trees": trees,
        "depth": depth,
        "min_leaf": min_leaf,
        "random_state": random_state,
    }
    shallow = bool(classes) and depth is not None and depth <= DEEPEST
    if grower == "clew" or (grower == "auto" and shallow):
        arrays = _grow_here(X, y, classes, settings, max_features, class_weight, n_jobs)
    else:
        arrays = _grow(
            X, y, weight, learns, **settings, max_features=_tried(max_features, learns), n_jobs=n_jobs
        )
    left_out = samples.n_rows - known.n_rows
    notes = (
        [f"{left_out} rows without a {'label' if classes else 'target'} were left out"] if left_out else []
    )
    return Forest(
        kind=learns,
        combine=combine,
        classes=classes,
        feature_names=list(known.feature_names),
        units=list(known.units),
        **arrays,
        feature_range=np.column_stack([known.features.min(axis=0), known.features.max(axis=0)]),
        n_rows=known.n_rows,
        class_counts={name: int((y == code).sum()) for code, name in enumerate(classes)},
        measure=dict(measure or {}),
        notes=notes,
    )


@step(sees="open")
def validate(
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
    folds: int = 5,
    by: By = "auto",
    gap: float | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    on_progress: OnProgress | None = None,
) -> Validation:
    """Cross-validate the forest that `train` would give: each row is predicted by one that never saw its like.

    Parameters
    ----------
    samples : Samples
        Rows without a label or target are left out, and counted.
    features, target, select
        As for `train`.
    folds : int
        The number of parts; fewer where groups or rows are fewer.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    trees, depth, min_leaf, max_features, combine, class_weight, kind, grower, random_state, n_jobs
        As for `train`.
    on_progress : callable (done, total), optional
        As for `clew.validate.metrics.cross_validate`.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    SettingError
        If a setting is out of range.
    Stopped
        If `on_progress` returned False.
    """
    samples = choose(samples, features=features, target=target)
    learns = resolve_kind(samples, kind)
    fit = fitting(
        select=select,
        trees=trees,
        depth=depth,
        min_leaf=min_leaf,
        max_features=max_features,
        combine=combine,
        class_weight=class_weight,
        kind=learns,
        grower=grower,
        random_state=random_state,
        n_jobs=n_jobs,
    )
    alike = like_the_others(samples, learns, random_state)
    found = cross_validate(
        samples,
        fit,
        kind=learns,
        n_folds=folds,
        by=by,
        gap=gap,
        random_state=random_state,
        on_progress=on_progress,
    )
    return dataclasses.replace(found, representative=alike, label_errors=label_errors_of(found))


def choose(samples: Samples, *, features: str | list[str], target: str | None) -> Samples:
    """Return the samples with the features to learn from and, where a feature is the target, that as target.

    Raises
    ------
    DataError
        If there are no features, but distances only.
    SettingError
        If a feature or the target is unknown, or nothing is left to learn from.
    """
    check(
        samples.n_features,
        DataError,
        "The samples of train must have at least 1 feature to learn from. Got {}.",
        "none" if samples.distances is None else "distances only",
    )
    if target is None:
        return samples.select(features)
    check_choice(target, samples.feature_names, what="'target' setting", of="train")
    wanted = [name for name in samples.resolve(features) if name != target]
    check(
        wanted,
        SettingError,
        "The 'features' of train must hold more than the target '{}'. Got nothing else.",
        target,
    )
    value = samples.features[:, samples.feature_names.index(target)]
    return samples.select(wanted).with_labels(None).with_target(value)


def like_the_others(samples: Samples, kind: Any, random_state: int) -> Representative:
    """Return whether labelled rows are like the others; of very many rows, of a part that is spread over groups."""
    part = spread_over_groups(samples.group, MOST_COMPARED, random_state=random_state)
    found = representative(samples.take(part), kind=kind, random_state=random_state)
    if len(part) == samples.n_rows:
        return found
    note = (
        f"Labelled and other rows were compared among {len(part):,} of {samples.n_rows:,}, drawn at random."
    )
    return dataclasses.replace(found, notes=[*found.notes, note])


def fitting(**settings: Any) -> Callable[[Samples], Model]:
    """Return what trains a forest with these settings of `train` on any rows; it finds its features in rows that have more."""

    def fit(training: Samples) -> Model:
        forest = train(training, **settings)
        return forest if settings.get("select") is None else Selected(forest, list(forest.feature_names))

    return fit


def resolve_kind(samples: Samples, kind: Kind) -> Literal["classification", "regression"]:
    """Return what is learnt of these samples: classes, or numbers."""
    check_choice(kind, ["auto", "classification", "regression"], what="'kind' setting", of="train")
    if kind != "auto":
        return kind
    has_labels = samples.labels is not None and bool((samples.labels != "").any())
    check(
        not (has_labels and samples.target is not None),
        SettingError,
        "The 'kind' of train must be 'classification' or 'regression' where samples have both labels and a target (--kind on the command line). Got 'auto'.",
    )
    return "classification" if has_labels or samples.target is None else "regression"


def _check_settings(*, trees: int, depth: int | None, min_leaf: int, max_features: MaxFeatures) -> None:
    whole = (int, np.integer)
    for name, value in (("trees", trees), ("min_leaf", min_leaf), ("depth", depth)):
        check(
            (name == "depth" and value is None) or (isinstance(value, whole) and value >= 1),
            SettingError,
            "The '{}' of train must be an int of at least 1. Got {} instead.",
            name,
            value,
        )
    check(
        max_features in ("auto", "sqrt", "log2", "all")
        or (isinstance(max_features, (int, float)) and 0 < max_features <= 1),
        SettingError,
        "The 'max_features' of train must be auto, sqrt, log2, all, or a share above 0 and up to 1. Got {} instead.",
        max_features,
    )


def _tried(max_features: MaxFeatures, kind: str) -> str | float:
    """Return the setting in scikit-learn's words."""
    if max_features == "auto":
        return "sqrt" if kind == "classification" else 1 / 3
    if max_features == "all":
        return 1.0
    return max_features if isinstance(max_features, str) else float(max_features)


def _learnt(
    known: Samples, kind: str, class_weight: ClassWeight
) -> tuple[np.ndarray, list[str], np.ndarray | None]:
    """Return what is learnt, as float64 (n_rows,), the classes that stand behind it, and the weight of each row."""
    if kind == "regression":
        assert known.target is not None
        return known.target, [], None
    assert known.labels is not None
    classes, code, counts = np.unique(known.labels, return_inverse=True, return_counts=True)
    weight = (len(code) / (len(classes) * counts))[code] if class_weight == "equal" else None
    return code.astype(np.float64), classes.tolist(), weight


def _grow(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    kind: str,
    *,
    trees: int,
    depth: int | None,
    min_leaf: int,
    max_features: str | float,
    random_state: int,
    n_jobs: int | None,
) -> dict[str, Any]:
    """Return scikit-learn's random forest, bit for bit, grown by its trees, as the arrays of a `Forest`.

    Its forest spends as long on copying settings and waiting for threads as a few thousand rows take to learn.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    make = DecisionTreeClassifier if kind == "classification" else DecisionTreeRegressor
    n_rows, share = len(X), None if weight is None else weight / weight.sum()

    def grow(seed: int) -> Any:
        random = np.random.RandomState(seed)  # scikit-learn's, and in its order
        drawn = random.randint(0, n_rows, n_rows) if share is None else random.choice(n_rows, n_rows, p=share)
        times = np.bincount(drawn, minlength=n_rows)
        tree = make(max_depth=depth, min_samples_leaf=min_leaf, max_features=max_features, random_state=seed)
        return tree.fit(X, y, sample_weight=times, check_input=False)

    seeds = np.random.RandomState(random_state).randint(np.iinfo(np.int32).max, size=trees).tolist()
    jobs = (os.cpu_count() or 1) if n_jobs == -1 else n_jobs or 1
    with warnings.catch_warnings(), ThreadPoolExecutor(jobs) as pool:
        warnings.filterwarnings(
            "ignore", message="The number of unique classes"
        )  # few rows a class is no mistake
        grown = list(pool.map(grow, seeds))
    return _flatten([tree.tree_ for tree in grown], kind == "classification") | {
        "importance": _importance(grown)
    }


def _grow_here(
    X: np.ndarray,
    y: np.ndarray,
    classes: list[str],
    settings: dict[str, Any],
    max_features: MaxFeatures,
    class_weight: ClassWeight,
    n_jobs: int | None,
) -> dict[str, Any]:
    """Return the arrays of a `Forest` that clew's own kernel grows."""
    depth = settings["depth"]
    check(
        bool(classes) and depth is not None and depth <= DEEPEST,
        SettingError,
        "The 'grower' of train must be 'scikit-learn' for numbers, and for more than {} levels. Got 'clew' with a depth of {}.",
        DEEPEST,
        depth,
    )
    threads = None if n_jobs == -1 else n_jobs or 1
    return grow(
        X,
        y.astype(np.int32),
        len(classes),
        **settings,
        max_features=max_features,
        class_weight=class_weight,
        n_threads=threads,
    )


def _importance(trees: list[Any]) -> np.ndarray:
    """Return the mean over trees of the decrease in impurity that each feature brought, float64 (n_features,)."""
    grown = [tree.feature_importances_ for tree in trees if tree.tree_.node_count > 1]
    if not grown:
        return np.zeros(trees[0].n_features_in_)
    mean = np.mean(grown, axis=0)
    return mean / mean.sum()


def _flatten(trees: list[Any], classes: bool) -> dict[str, Any]:
    """Return scikit-learn's trees as the arrays of a `Forest`: one tree after the other."""
    starts = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])])[:-1]
    inner = np.concatenate([tree.children_left >= 0 for tree in trees])
    below = {
        side: np.concatenate(
            [getattr(tree, f"children_{side}") + start for tree, start in zip(trees, starts, strict=True)]
        )
        for side in ("left", "right")
    }
    value = np.concatenate([tree.value[:, 0, :] for tree in trees])
    if classes:  # shares already; older files of scikit-learn held counts
        value = value / value.sum(axis=1, keepdims=True)
    arrays = {
        "feature": np.where(inner, np.concatenate([tree.feature for tree in trees]), -1),
        "threshold": np.where(inner, np.concatenate([tree.threshold for tree in trees]), 0.0),
        "left": np.where(inner, below["left"], -1),
        "right": np.where(inner, below["right"], -1),
        "value": value,
        "cover": np.concatenate([tree.weighted_n_node_samples for tree in trees]),
        "tree_start": starts,
    }
    return {name: np.ascontiguousarray(array, dtype=np.dtype(ARRAYS[name])) for name, array in arrays.items()}


def _check_digits(samples: Samples, X: np.ndarray) -> None:
    """Refuse features whose rows become one and the same at the 7 digits that trees compare, such as times in seconds."""
    for column, name in enumerate(samples.feature_names):
        there, left = len(np.unique(samples.features[:, column])), len(np.unique(X[:, column]))
        check(
            left > there / 2,
            DataError,
            "The feature '{}' must be told apart by its first 7 digits. Got {} different values of which {} are left; subtract what they share first.",
            name,
            there,
            left,
        )
