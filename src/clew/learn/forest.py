"""A random forest that gives the same bits on any number of threads, and that is saved as plain arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.errors import DataError, SettingError, check
from clew.learn.model_file import json_bytes, read_model, write_model
from clew.result import Result
from clew.samples import Samples

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
        columns = [samples.feature_names.index(name) for name in self.feature_names]
        return outside_of(self.feature_names, self.feature_range, samples.features[:, columns])

    def _columns(self, samples: Samples | np.ndarray) -> np.ndarray:
        """Return the features that the trees ask for, float32 of shape (n_rows, n_features)."""
        if isinstance(samples, Samples):
            check_features(self.feature_names, self.units, samples)
            order = [samples.feature_names.index(name) for name in self.feature_names]
            return single_precision(samples.features[:, order], of="predict")
        features = np.asarray(samples)
        check(
            features.ndim == 2 and features.shape[1] == len(self.feature_names),
            DataError,
            "The rows of predict must be a table of {} columns ({}). Got the shape {} instead.",
            len(self.feature_names),
            _listed(self.feature_names, self.units),
            features.shape,
        )
        return single_precision(features, of="predict")

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
        sha = hashlib.sha256(json_bytes(self._description()))
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
        settings = {key: value for key, value in self.settings.items() if key != "n_jobs"}
        config = self._description() | {
            "sha256": self.sha256,
            "notes": list(self.notes),
            "settings": settings,
        }
        arrays = {name: getattr(self, name).astype(kind) for name, kind in ARRAYS.items()}
        for name in UNHASHED:
            arrays[name] = getattr(self, name).astype("<f8")
        return write_model(Path(folder), config, arrays)

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
            config, arrays = read_model(folder, kind=FORMAT, newest=VERSION, names=[*ARRAYS, *UNHASHED])
            known = {key: config[key] for key in config if key not in ("format", "version", "sha256")}
            forest = Forest(**known, **arrays)
            check(forest.sha256 == config["sha256"], DataError, "one whose parts do not fit its hash")
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
            got = f"no {Path(error.filename).name} there" if isinstance(error, FileNotFoundError) else error
            raise DataError(
                f"The folder '{folder}' must be a forest that clew saved (format {VERSION}). Got {got} instead."
            ) from error
        _check_nodes(forest, folder)
        return forest


def votes(value: np.ndarray) -> np.ndarray:
    """Return 1 for the largest share of each node and 0 for the others; the first class at a tie."""
    return np.eye(value.shape[1])[value.argmax(axis=1)]


def check_features(names: list[str], units: list[str], samples: Samples) -> None:
    """Refuse rows with other features or units than a model's, in one sentence that says what differs.

    Parameters
    ----------
    names, units : list of str
        Of the features that the model was trained on.
    samples : Samples
        Rows with these features, in any order.

    Raises
    ------
    DataError
        If they differ.
    """
    trained = dict(zip(names, units, strict=True))
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
        f"The model was trained on {_listed(names, units)}; given"
        f" {_listed(samples.feature_names, samples.units)}: {differs}."
    )


def outside_of(names: list[str], ranges: np.ndarray, table: np.ndarray) -> list[str]:
    """Say which columns of a table leave the range of the training rows in more than 1 of 20 rows.

    Parameters
    ----------
    names : list of str
        Of the columns.
    ranges : ndarray of float64, shape (n_columns, 2)
        The smallest and the largest value in training.
    table : ndarray of float64, shape (n_rows, n_columns)
    """
    told = []
    for name, (low, high), value in zip(names, ranges, table.T, strict=True):
        n = int(((value < low) | (value > high)).sum())
        if n > max(0.05 * len(value), 1):
            told.append(f"{name} ({n} of {len(value)} rows outside {low:.4g} to {high:.4g})")
    return [f"Unlike the training rows, so the answer is a guess: {', '.join(told)}."] if told else []


def single_precision(features: np.ndarray, *, of: str) -> np.ndarray:
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
