"""Growing a shallow forest in milliseconds: what a live preview and honest validation wait for."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice, check_seed

DEEPEST = 8  # questions from root to leaf; room for all nodes of such trees is taken at once
MOST_CLASSES = 2**16
PARTS = 4  # that each thread takes, one after the other, so that none waits long for the last


def grow(
    features: np.ndarray,
    codes: np.ndarray,
    n_classes: int,
    *,
    trees: int = 100,
    depth: int = 4,
    min_leaf: int = 1,
    max_features: str | float = "auto",
    class_weight: Literal["given", "equal"] = "given",
    random_state: int = 0,
    n_threads: int | None = None,
) -> dict[str, np.ndarray]:
    """Grow a random forest of shallow trees for classes: the same bits for any number of threads, and on any machine.

    Parameters
    ----------
    features : ndarray of float32, shape (n_rows, n_features)
        Finite.
    codes : ndarray of int, shape (n_rows,)
        The class of each row, from 0 to ``n_classes`` - 1.
    n_classes : int
    trees, min_leaf, max_features, class_weight, random_state
        As for `clew.learn.training.train`. With "equal" weights, each draw of a tree's rows takes any class with the same
        chance, then a row of it.
    depth : int
        The largest number of questions from root to leaf, at most 8.
    n_threads : int, optional
        All by default.

    Returns
    -------
    dict of ndarray
        The arrays of a `clew.learn.forest.Forest`: feature, threshold, left, right, value, cover, tree_start, and
        importance.

    Raises
    ------
    SettingError
        If trees would be deeper than 8, classes are more than 65,536, or a setting is out of range.
    DataError
        If there are no rows or features, or codes do not fit.

    Notes
    -----
    Random forests after Breiman, Machine Learning 45 (2001), doi:10.1023/A:1010933404324. They are statistically those of
    scikit-learn, which draws other rows and features from the same seed, and takes values for equal that lie less than
    1e-7 apart, whatever their unit. Rows are drawn by their place: the same rows in another order give another forest,
    no better nor worse.
    """
    from clew.kernels.growing import grow_trees, room_for_trees, room_for_work
    from clew.kernels.threads import n_threads as all_threads

    n_rows, n_features = features.shape
    _check(n_classes, trees, depth, min_leaf, class_weight, random_state)
    codes = np.ascontiguousarray(codes, np.int32)
    check(
        codes.shape == (n_rows,) and features.size and codes.min() >= 0 and codes.max() < n_classes,
        DataError,
        "The codes of grow must be one from 0 to {} for each row, and there be rows and features. Got {} codes and features of shape {}.",
        n_classes - 1,
        len(codes),
        features.shape,
    )
    tried = _tried(max_features, n_features)
    by_class = np.argsort(codes, kind="stable")
    members, starts = np.arange(n_rows), np.array([0, n_rows])
    if class_weight == "equal":
        members, starts = by_class, np.append(np.flatnonzero(np.diff(codes[by_class], prepend=-1)), n_rows)
    grown = room_for_trees(trees, min(2 ** (depth + 1), 2 * n_rows) - 1, n_classes)
    n_nodes = np.empty(trees, np.int64)

    with _Threads(n_threads or all_threads()) as threads:
        table = _sorted(features, codes, by_class, threads)

        def grow_some(these: slice) -> None:
            work, room = room_for_work(n_features, n_rows, n_classes), tuple(array[these] for array in grown)
            chance = members, starts, random_state, these.start
            grow_trees(table, codes, *chance, tried, depth, min_leaf, work, room, n_nodes[these])

        threads.share(grow_some, trees)
    return _flat(grown, n_nodes, n_features)


def _check(
    n_classes: int, trees: int, depth: int, min_leaf: int, class_weight: str, random_state: int
) -> None:
    ranges = {
        "n_classes": (n_classes, 1, MOST_CLASSES),
        "trees": (trees, 1, 2**31 - 1),
        "depth": (depth, 1, DEEPEST),
        "min_leaf": (min_leaf, 1, 2**31 - 1),
    }
    for name, (value, low, high) in ranges.items():
        check(
            isinstance(value, (int, np.integer)) and low <= value <= high,
            SettingError,
            "The '{}' of grow must be an int from {} to {}. Got {} instead.",
            name,
            low,
            high,
            value,
        )
    check_choice(class_weight, ["given", "equal"], what="'class_weight' setting", of="grow")
    check_seed(random_state, of="grow")


def _tried(max_features: str | float, n_features: int) -> int:
    """Return how many features a node tries, as scikit-learn counts them."""
    if isinstance(max_features, str):
        check_choice(max_features, ["auto", "sqrt", "log2", "all"], what="'max_features' setting", of="grow")
        root, bits = math.isqrt(n_features), n_features.bit_length() - 1
        return max(1, {"auto": root, "sqrt": root, "log2": bits, "all": n_features}[max_features])
    return max(1, int(max_features * n_features))


def _sorted(
    features: np.ndarray, codes: np.ndarray, by_class: np.ndarray, threads: _Threads
) -> tuple[np.ndarray, ...]:
    """Return the table of `clew.kernels.growing`: each feature sorted once, for all trees."""
    from clew.kernels.growing import sort_feature

    columns = np.ascontiguousarray(features.T, np.float32)
    slot, value = np.empty(columns.shape, np.uint32), np.empty(columns.shape, np.float32)
    says, n_slots = np.empty(columns.shape, np.uint16), np.empty(len(columns), np.int64)

    def sort_some(these: slice) -> None:
        for i in range(these.start, these.stop):
            n_slots[i] = sort_feature(columns[i], by_class, codes, slot[i], value[i], says[i])

    threads.share(sort_some, len(columns))
    return slot, value, says, n_slots


def _flat(trees: tuple[np.ndarray, ...], n_nodes: np.ndarray, n_features: int) -> dict[str, np.ndarray]:
    """Return trees, which lie side by side, one after the other, with the shares of classes and the importances."""
    feature, left, right, threshold, counts = trees
    there = np.arange(feature.shape[1]) < n_nodes[:, None]
    start = np.cumsum(n_nodes) - n_nodes
    inner, offset = feature[there] >= 0, np.repeat(start, n_nodes)
    counts = counts[there].astype(np.float64)
    cover = counts.sum(axis=1)  # of whole numbers, so exact in any order
    below = {
        side: np.where(inner, array[there] + offset, -1) for side, array in (("left", left), ("right", right))
    }
    value = counts / cover[:, None]
    tree = np.repeat(np.arange(len(n_nodes)), n_nodes)
    asks = feature[there]
    return {
        "feature": asks,
        "threshold": threshold[there],
        "left": below["left"].astype(np.int32),
        "right": below["right"].astype(np.int32),
        "value": value,
        "cover": cover,
        "tree_start": start.astype(np.int32),
        "importance": _importance(tree, asks, below, value, cover, n_features),
    }


def _importance(
    tree: np.ndarray,
    asks: np.ndarray,
    below: dict[str, np.ndarray],
    value: np.ndarray,
    cover: np.ndarray,
    n_features: int,
) -> np.ndarray:
    """Return the mean over trees of the decrease in impurity that each feature brought, float64 (n_features,)."""
    impurity = cover * (1 - (value**2).sum(axis=1))
    inner = np.flatnonzero(asks >= 0)
    decrease = impurity[inner] - impurity[below["left"][inner]] - impurity[below["right"][inner]]
    brought = np.zeros((tree[-1] + 1, n_features))
    np.add.at(brought, (tree[inner], asks[inner]), decrease)
    total = brought.sum(axis=1, keepdims=True)
    mean = np.divide(brought, total, out=np.zeros_like(brought), where=total > 0).sum(axis=0)
    return mean / mean.sum() if mean.any() else mean


class _Threads:
    """Threads that share out work; with one, it is done where it is called."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __enter__(self) -> _Threads:
        self.pool = ThreadPoolExecutor(self.n) if self.n > 1 else None
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool is not None:
            self.pool.shutdown()

    def share(self, do: Callable[[slice], Any], n: int) -> None:
        """Do something with the numbers from 0 to ``n`` - 1, some at a time."""
        size = n if self.pool is None else -(-n // (PARTS * self.n))
        parts = [slice(start, min(start + size, n)) for start in range(0, n, size)]
        list(map(do, parts) if self.pool is None else self.pool.map(do, parts))
