"""Trees as flat arrays: of our forests, and of forests that scikit-learn grew."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.errors import DataError, check

KINDS = ("RandomForest", "ExtraTrees", "DecisionTree", "ExtraTree")


@dataclass(frozen=True, eq=False, kw_only=True)
class Trees:
    """The trees of a forest as flat arrays, one tree after the other; as `clew.learn.forest.Forest` holds them.

    Parameters
    ----------
    feature : ndarray of int32, shape (n_nodes,)
        The feature a node asks for; -1 at a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        Rows with ``x <= threshold``, x rounded to float32, go left.
    left, right : ndarray of int32, shape (n_nodes,)
        The nodes below, counted over all trees; -1 at a leaf.
    value : ndarray of float64, shape (n_nodes, n_outputs)
        What a leaf says: the share of each class, or a number.
    cover : ndarray of float64, shape (n_nodes,)
        The number of training rows that reached a node.
    tree_start : ndarray of int32, shape (n_trees,)
        The first node, the root, of each tree.
    feature_names, classes : list of str
        The names of the columns; the classes, none for regression.
    combine : str
        "mean": trees are averaged; "vote": each says its most probable class, the first at a tie.
    target_name : str
        What is predicted, for regression.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    cover: np.ndarray
    tree_start: np.ndarray
    feature_names: list[str]
    classes: list[str] = dataclasses.field(default_factory=list)
    combine: str = "mean"
    target_name: str = "a number"


def from_scikit_learn(model: Any) -> Trees:
    """Return the trees of a fitted scikit-learn model, in memory, as flat arrays.

    Parameters
    ----------
    model : RandomForest, ExtraTrees, DecisionTree or ExtraTree; Classifier or Regressor
        Of one target; without missing values.

    Raises
    ------
    DataError
        If the model is of another kind, is not fitted, or predicts several targets.
    """
    name = type(model).__name__
    check(
        name in {f"{kind}{end}" for kind in KINDS for end in ("Classifier", "Regressor")},
        DataError,
        "The model must be a RandomForest, ExtraTrees, DecisionTree or ExtraTree of scikit-learn. Got {} instead.",
        name,
    )
    check(hasattr(model, "n_outputs_"), DataError, "The {} must be fitted. Got one that is not.", name)
    check(
        model.n_outputs_ == 1,
        DataError,
        "The {} must predict one target. Got {} of them.",
        name,
        model.n_outputs_,
    )
    trees = [one.tree_ for one in getattr(model, "estimators_", [model])]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    inner = np.concatenate([tree.children_left >= 0 for tree in trees])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    def below(name: str) -> np.ndarray:
        shifted = [getattr(tree, name) + start for tree, start in zip(trees, starts, strict=True)]
        return np.where(inner, np.concatenate(shifted), -1).astype(np.int32)

    value = joined("value")[:, 0, :]
    classes = [str(one) for one in getattr(model, "classes_", [])]
    if classes:  # shares already; older versions held counts
        value = value / value.sum(axis=1, keepdims=True)
    names = getattr(model, "feature_names_in_", [f"x{i}" for i in range(model.n_features_in_)])
    return Trees(
        feature=np.where(inner, joined("feature"), -1).astype(np.int32),
        threshold=np.where(inner, joined("threshold"), 0.0),
        left=below("children_left"),
        right=below("children_right"),
        value=np.ascontiguousarray(value, np.float64),
        cover=joined("weighted_n_node_samples").astype(np.float64),
        tree_start=starts.astype(np.int32),
        feature_names=[str(one) for one in names],
        classes=classes,
    )
