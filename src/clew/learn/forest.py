"""A random forest that gives the same bits on any number of threads, and that is saved as plain arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.learn.growing import DEEPEST, grow
from clew.result import Result, settle, step
from clew.samples import Samples
from clew.splits import By
from clew.validate.metrics import Validation, cross_validate, labelled

FORMAT, VERSION = "clew forest", 1
# What a forest is on disk, and the order in which its hash reads it; little-endian on every machine.
ARRAYS = {
    "feature": "<i4",
    "threshold": "<f8",
    "left": "<i4",
    "right": "<i4",
    "value": "<f8",
    "cover": "<f8",
    "tree_start": "<i4",
}
UNHASHED = ("importance", "feature_range")  # said of the trees, not part of what they answer
BLOCK = 4096  # rows a thread takes at a time

Kind = Literal["auto", "classification", "regression"]
MaxFeatures = Literal["auto", "sqrt", "log2", "all"] | float
ClassWeight = Literal["given", "equal"]
Grower = Literal["auto", "clew", "scikit-learn"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Prediction(Result):
    """What a forest says of rows.

    Parameters
    ----------
    label : ndarray of str, shape (n_rows,), or None
        The most probable class; at a tie, the first of `classes`. None for numbers.
    probability : ndarray of float64, shape (n_rows, n_classes), or None
        The probability of each class; None for numbers.
    value : ndarray of float64, shape (n_rows,), or None
        The predicted number; None for classes.
    classes : list of str
        The columns of `probability`.
    sample : ndarray of str, shape (n_rows,), or None
        The names of the rows; None where a bare array was given.
    """

    label: np.ndarray | None
    probability: np.ndarray | None
    value: np.ndarray | None
    classes: list[str]
    sample: np.ndarray | None = None

    def headline(self) -> str:
        """Say how many rows got which class."""
        if self.label is None:
            return f"{len(self.value if self.value is not None else []):,} numbers"
        return ", ".join(f"{count:,} {name}" for name, count in self.summary()["labels"].items())

    def summary(self) -> dict[str, Any]:
        """Return the number of rows of each class, or the range of the numbers."""
        if self.label is None:
            value = self.value if self.value is not None else np.empty(0)
            return {"rows": len(value), **({"low": value.min(), "high": value.max()} if len(value) else {})}
        return {
            "rows": len(self.label),
            "labels": {name: int((self.label == name).sum()) for name in self.classes},
        }


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Forest(Result):
    """A trained forest: flat arrays of nodes, and all that must be known to use it.

    Parameters
    ----------
    kind : str
        "classification" or "regression".
    combine : str
        "mean": probabilities are the mean over trees; "vote": the share of trees that say so.
    classes : list of str
        The classes, sorted; empty for regression.
    feature_names, units : list of str
        The features that it was trained on, in order, and their units.
    feature : ndarray of int32, shape (n_nodes,)
        The feature a node asks for; -1 at a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        Rows with ``x <= threshold``, x rounded to float32, go left; 0 at a leaf.
    left, right : ndarray of int32, shape (n_nodes,)
        The nodes below, counted over all trees; -1 at a leaf.
    value : ndarray of float64, shape (n_nodes, n_classes or 1)
        The share of each class among the training rows of a node, or their mean.
    cover : ndarray of float64, shape (n_nodes,)
        The number of training rows (drawn with replacement) that reached a node.
    tree_start : ndarray of int32, shape (n_trees,)
        The first node, the root, of each tree.
    importance : ndarray of float64, shape (n_features,)
        The mean decrease in impurity, as a share; correlated features divide it among themselves.
    feature_range : ndarray of float64, shape (n_features, 2)
        The smallest and the largest value of each feature among the training rows.
    n_rows : int
        The number of rows it was trained on.
    class_counts : dict of str to int
        How many of these were of each class.
    measure : dict
        How the rows were measured, for measuring new ones in the same way.
    notes : list of str
        What was left out in training.
    """

    kind: str
    combine: str
    classes: list[str]
    feature_names: list[str]
    units: list[str]
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    tree_start: np.ndarray
    importance: np.ndarray
    feature_range: np.ndarray
    n_rows: int
    class_counts: dict[str, int] = dataclasses.field(default_factory=dict)
    measure: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def n_trees(self) -> int:
        """Return the number of trees."""
        return len(self.tree_start)

    @property
    def target_name(self) -> str:
        """Return the name of the number that it predicts; "a number" where nobody named it."""
        return self.settings.get("target") or self.measure.get("how", {}).get("target") or "a number"

    def headline(self) -> str:
        """Say what it tells apart and what it was trained on."""
        what = f"classes {', '.join(self.classes)}" if self.classes else self.target_name
        return f"{self.n_trees} trees for {what}, trained on {self.n_rows:,} rows x {len(self.feature_names)} feature{'s' * (len(self.feature_names) != 1)}"

    def summary(self) -> dict[str, Any]:
        """Return what the forest is, and its hash."""
        order = np.argsort(-self.importance, kind="stable")
        return {
            "kind": self.kind,
            "classes": list(self.classes),
            "class_counts": dict(self.class_counts),
            "trees": self.n_trees,
            "rows": self.n_rows,
            "features": [
                {"name": self.feature_names[i], "importance": float(self.importance[i])} for i in order
            ],
            "sha256": self.sha256,
        }

    # ---- predict ----
    def predict(self, samples: Samples | np.ndarray, *, n_threads: int | None = None) -> Prediction:
        """Predict the class or the number of each row; the same bits whatever the threads and the batch.

        Parameters
        ----------
        samples : Samples or ndarray of float, shape (n_rows, n_features)
            Rows with the features and units of the training rows, in any order; the columns of a bare array
            are taken to be those features in the order of `feature_names`.
        n_threads : int, optional
            The number of threads; all cores for many rows by default.

        Raises
        ------
        DataError
            If features or units differ, or a number is not finite.
        """
        features = self._columns(samples)
        check(
            n_threads is None or n_threads >= 1,
            SettingError,
            "The 'n_threads' of predict must be at least 1. Got {} instead.",
            n_threads,
        )
        leaf_value = votes(self.value) if self.combine == "vote" else self.value
        mean = self._sum_leaves(features, leaf_value, n_threads) / self.n_trees
        sample = samples.sample if isinstance(samples, Samples) else None
        if self.kind == "regression":
            return Prediction(label=None, probability=None, value=mean[:, 0], classes=[], sample=sample)
        label = np.array(self.classes)[mean.argmax(axis=1)]  # argmax takes the first class at a tie
        return Prediction(
            label=label, probability=mean, value=None, classes=list(self.classes), sample=sample
        )

    def outside(self, samples: Samples) -> list[str]:
        """Say which features lie outside of what was seen in training, for how many rows: there a forest only guesses.

        Parameters
        ----------
        samples : Samples
            Rows with the features of the model.
        """
        told = []
        for name, (low, high) in zip(self.feature_names, self.feature_range, strict=True):
            value = samples.features[:, samples.feature_names.index(name)]
            n = int(((value < low) | (value > high)).sum())
            if n > max(0.05 * len(value), 1):
                told.append(f"{name} ({n} of {len(value)} rows outside {low:.4g} to {high:.4g})")
        return [f"Unlike the training rows, so the answer is a guess: {', '.join(told)}."] if told else []

    def _columns(self, samples: Samples | np.ndarray) -> np.ndarray:
        """Return the features that the trees ask for, float32 of shape (n_rows, n_features)."""
        if isinstance(samples, Samples):
            self._check_features(samples)
            order = [samples.feature_names.index(name) for name in self.feature_names]
            return _single(samples.features[:, order], of="predict")
        features = np.asarray(samples)
        check(
            features.ndim == 2 and features.shape[1] == len(self.feature_names),
            DataError,
            "The rows of predict must be a table of {} columns ({}). Got the shape {} instead.",
            len(self.feature_names),
            _listed(self.feature_names, self.units),
            features.shape,
        )
        return _single(features, of="predict")

    def _check_features(self, samples: Samples) -> None:
        """Refuse rows with other features or units, in one sentence that says what differs."""
        trained = dict(zip(self.feature_names, self.units, strict=True))
        given = dict(zip(samples.feature_names, samples.units, strict=True))
        if trained == given:
            return
        unit = [
            f"{name} was trained in {_unit(trained[name])}, given in {_unit(given[name])}"
            for name in trained
            if name in given and trained[name] != given[name]
        ]
        parts = [
            ("missing ", [name for name in trained if name not in given]),
            ("unknown to it ", [name for name in given if name not in trained]),
            ("", unit),
        ]
        differs = "; ".join(start + ", ".join(names) for start, names in parts if names)
        raise DataError(
            f"The model was trained on {_listed(self.feature_names, self.units)}; given"
            f" {_listed(samples.feature_names, samples.units)}: {differs}."
        )

    def _sum_leaves(self, features: np.ndarray, value: np.ndarray, n_threads: int | None) -> np.ndarray:
        """Return the sums over trees, float64 of shape (n_rows, n_values); each row is summed by one thread."""
        from clew.kernels.forest import add_leaves

        out = np.zeros((len(features), value.shape[1]))

        def add(start: int) -> None:
            stop = start + BLOCK
            add_leaves(
                features[start:stop],
                self.feature,
                self.threshold,
                self.left,
                self.right,
                value,
                self.tree_start,
                out[start:stop],
            )

        starts = range(0, len(features), BLOCK)
        n_threads = min(len(starts), n_threads or os.cpu_count() or 1)
        if n_threads <= 1:
            for start in starts:
                add(start)
        else:
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(add, starts))
        return out

    # ---- look inside ----
    def tree(self, index: int) -> dict[str, Any]:
        """Return one tree as nested dicts, for drawing.

        Returns
        -------
        dict
            "rows" and "value" (a dict of class shares, or a float) of each node and its "label"; and where it
            asks, "feature", "threshold", "unit", and the nodes "yes" (``feature <= threshold``) and "no".

        Raises
        ------
        SettingError
            If there is no such tree.
        """
        check(
            0 <= index < self.n_trees,
            SettingError,
            "The number of a tree must be from 0 to {}. Got {} instead.",
            self.n_trees - 1,
            index,
        )
        return self._node(int(self.tree_start[index]))

    def _node(self, node: int) -> dict[str, Any]:
        value = self.value[node]
        drawn: dict[str, Any] = {"rows": float(self.cover[node])}
        if self.classes:
            drawn["value"] = {name: float(v) for name, v in zip(self.classes, value, strict=True)}
            drawn["label"] = self.classes[int(value.argmax())]
        else:
            drawn["value"] = float(value[0])
            drawn["label"] = f"{value[0]:.4g}"
        asks = int(self.feature[node])
        if asks >= 0:
            drawn |= {
                "feature": self.feature_names[asks],
                "threshold": float(self.threshold[node]),
                "unit": self.units[asks],
                "yes": self._node(int(self.left[node])),
                "no": self._node(int(self.right[node])),
            }
        return drawn

    def rules(self, index: int) -> str:
        """Return one tree as indented text, with thresholds and units.

        Raises
        ------
        SettingError
            If there is no such tree.
        """
        return f"tree {index} of {self.n_trees}\n" + "\n".join(_lines(self.tree(index), "", ""))

    # ---- hash, save, load ----
    @property
    def sha256(self) -> str:
        """Return the hash of what the forest predicts by: the same on every machine and thread count.

        It reads the nodes and the description without paths, dates, thread counts and `importance`.
        """
        sha = hashlib.sha256(_json(self._description()))
        for name, kind in ARRAYS.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            sha.update(f"{name} {kind} {array.shape}".encode())
            sha.update(array.tobytes())
        return sha.hexdigest()

    def _description(self) -> dict[str, Any]:
        """Return all but the arrays, the notes and what does not bear on the predictions."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "kind": self.kind,
            "combine": self.combine,
            "classes": list(self.classes),
            "feature_names": list(self.feature_names),
            "units": list(self.units),
            "n_rows": self.n_rows,
            "class_counts": dict(self.class_counts),
            "measure": self.measure,
        }

    def save_model(self, folder: str | Path) -> Path:
        """Write ``arrays.npz`` and ``config.json`` into a new folder; it appears whole or not at all.

        The same forest gives the same bytes.

        Raises
        ------
        SettingError
            If the folder exists, or the folder to hold it does not.
        """
        folder = Path(folder)
        check(
            not folder.exists(), SettingError, "The model folder '{}' must be a new one. It exists.", folder
        )
        check(
            folder.parent.is_dir(),
            SettingError,
            "The folder '{}' must exist to hold a model. It does not.",
            folder.parent,
        )
        settings = {key: value for key, value in self.settings.items() if key != "n_jobs"}
        config = self._description() | {
            "sha256": self.sha256,
            "notes": list(self.notes),
            "settings": settings,
        }
        arrays = {name: getattr(self, name).astype(kind) for name, kind in ARRAYS.items()}
        for name in UNHASHED:
            arrays[name] = getattr(self, name).astype("<f8")
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        try:
            partial.mkdir()
            _write(partial / "arrays.npz", _npz(arrays))
            _write(partial / "config.json", _json(config, indent=2) + b"\n")
            settle(partial, folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return folder

    @staticmethod
    def load_model(folder: str | Path) -> Forest:
        """Read a forest that `save_model` wrote.

        Raises
        ------
        DataError
            If the folder does not hold a whole forest, or one of a newer clew.
        """
        folder = Path(folder)
        check(folder.exists(), DataError, "The model '{}' must exist. Got a path where nothing is.", folder)
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            check(config.get("format") == FORMAT, DataError, "a folder of another kind")
            newer = config["version"] > VERSION
            check(not newer, DataError, "one of format {}, made by a newer clew", config["version"])
            with np.load(folder / "arrays.npz", allow_pickle=False) as file:
                arrays = {name: file[name] for name in [*ARRAYS, *UNHASHED]}
            known = {key: config[key] for key in config if key not in ("format", "version", "sha256")}
            forest = Forest(**known, **arrays)
            check(forest.sha256 == config["sha256"], DataError, "one whose parts do not fit its hash")
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"The folder '{folder}' must be a forest that clew saved (format {VERSION}). Got {error} instead."
            ) from error
        _check_nodes(forest, folder)
        return forest


# ---- train and validate ----
@step(sees="open")
def train(
    samples: Samples,
    *,
    features: str | list[str] = "all",
    target: str | None = None,
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
    learns = _resolve_kind(samples, kind)
    check(
        combine == "mean" or learns == "classification",
        SettingError,
        "The 'combine' of train must be 'mean' for numbers. Got '{}' instead.",
        combine,
    )
    known = labelled(samples, learns, of="train", fewest=1)
    X = _single(known.features, of="train")
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
) -> Validation:
    """Cross-validate the forest that `train` would give: each row is predicted by one that never saw its like.

    Parameters
    ----------
    samples : Samples
        Rows without a label or target are left out, and counted.
    features, target
        As for `train`.
    folds : int
        The number of parts; fewer where groups or rows are fewer.
    by, gap
        What is kept together, as for `clew.splits.folds`.
    trees, depth, min_leaf, max_features, combine, class_weight, kind, grower, random_state, n_jobs
        As for `train`.

    Raises
    ------
    DataError
        If there are no labels, fewer than two classes, a class with one row, or rows that cannot be divided.
    SettingError
        If a setting is out of range.
    """
    samples = choose(samples, features=features, target=target)
    learns = _resolve_kind(samples, kind)

    def fit(training: Samples) -> Forest:
        return train(
            training,
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

    return cross_validate(samples, fit, kind=learns, n_folds=folds, by=by, gap=gap, random_state=random_state)


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


def _resolve_kind(samples: Samples, kind: Kind) -> Literal["classification", "regression"]:
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
    with ThreadPoolExecutor((os.cpu_count() or 1) if n_jobs == -1 else n_jobs or 1) as pool:
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


def votes(value: np.ndarray) -> np.ndarray:
    """Return 1 for the largest share of each node and 0 for the others; the first class at a tie."""
    return np.eye(value.shape[1])[value.argmax(axis=1)]


def _single(features: np.ndarray, *, of: str) -> np.ndarray:
    """Return features as float32, as the trees compare them; refuse what float32 cannot hold."""
    largest = np.finfo(np.float32).max
    fits = np.isfinite(features) & (np.abs(features) <= largest)
    check(
        fits.all(),
        DataError,
        "The features of {} must be finite and at most {:.2g}. Got {} that are not.",
        of,
        largest,
        np.sum(~fits),
    )
    return np.ascontiguousarray(features, dtype=np.float32)


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


# ---- text ----
def _unit(unit: str) -> str:
    return unit or "no unit"


def _listed(names: Any, units: Any) -> str:
    """Return "area [px²], circularity" for up to a dozen features."""
    shown = [f"{name} [{unit}]" if unit else name for name, unit in zip(names, units, strict=True)]
    return ", ".join(shown if len(shown) <= 12 else [*shown[:11], f"and {len(shown) - 11} more"])


def _lines(node: Mapping[str, Any], indent: str, answer: str) -> list[str]:
    if "feature" not in node:
        share = node["value"]
        sure = f", {share[node['label']]:.0%}" if isinstance(share, dict) else ""
        return [f"{indent}{answer}{node['label']} ({node['rows']:.0f} rows{sure})"]
    unit = f" {node['unit']}" if node["unit"] else ""
    return [
        f"{indent}{answer}{node['feature']} <= {node['threshold']:.6g}{unit}?",
        *_lines(node["yes"], indent + "    ", "yes: "),
        *_lines(node["no"], indent + "    ", "no: "),
    ]


# ---- bytes ----
def _json(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=indent).encode()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return an uncompressed ``.npz`` that holds the same bytes on every machine: no dates, no compressor."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            one = io.BytesIO()
            np.lib.format.write_array(
                one, np.ascontiguousarray(arrays[name]), version=(1, 0), allow_pickle=False
            )
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.create_system = 3
            archive.writestr(entry, one.getvalue())
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _check_nodes(forest: Forest, folder: Path) -> None:
    """Refuse nodes that would lead a row out of its tree, or in a circle."""
    n_nodes, n_values = len(forest.feature), len(forest.classes) or 1
    inner, here = forest.feature >= 0, np.arange(n_nodes)
    sound = (
        all(
            len(getattr(forest, name)) == n_nodes for name in ("threshold", "left", "right", "value", "cover")
        )
        and forest.value.shape == (n_nodes, n_values)
        and len(forest.importance)
        == len(forest.feature_range)
        == len(forest.feature_names)
        == len(forest.units)
        and len(forest.tree_start) >= 1
        and ((forest.tree_start >= 0) & (forest.tree_start < n_nodes)).all()
        and (forest.feature < len(forest.feature_names)).all()
        and all(
            ((side > here) & (side < n_nodes))[inner].all() for side in (forest.left, forest.right)
        )  # always onward
    )
    check(
        sound,
        DataError,
        "The folder '{}' must hold a forest with sound trees. Got nodes that lead astray.",
        folder,
    )
