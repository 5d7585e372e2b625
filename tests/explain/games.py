"""Random trees, and their Shapley values by the definition: over all sets of features that may be known."""

from itertools import combinations
from math import factorial

import numpy as np

from clew.explain.foreign import Trees

N_FEATURES = 5


def random_trees(rng, *, n_trees=3, depth=5, n_features=N_FEATURES, n_outputs=2, share=0.8):
    """Return trees of any shape, whose questions may be asked again, in vain, or be a single leaf."""
    arrays = {name: [] for name in ("feature", "threshold", "left", "right", "value", "cover")}
    starts = []

    def grow(cover, level):
        node = len(arrays["feature"])
        row = {"feature": -1, "threshold": 0.0, "left": -1, "right": -1, "cover": cover}
        for name, value in row.items():
            arrays[name].append(value)
        value = rng.uniform(0, 1, n_outputs)
        arrays["value"].append(value / value.sum() if n_outputs > 1 else value)
        if level and cover > 1 and rng.uniform() < share:
            goes = int(rng.integers(1, cover))
            arrays["feature"][node] = int(rng.integers(n_features))
            arrays["threshold"][node] = float(np.round(rng.normal(), 1))
            arrays["left"][node] = grow(goes, level - 1)
            arrays["right"][node] = grow(cover - goes, level - 1)
        return node

    for _ in range(n_trees):
        starts.append(grow(int(rng.integers(50, 200)), depth))
    kinds = {"feature": np.int32, "left": np.int32, "right": np.int32}
    made = {name: np.array(values, kinds.get(name, np.float64)) for name, values in arrays.items()}
    classes = [f"c{k}" for k in range(n_outputs)] if n_outputs > 1 else []
    names = [f"x{i}" for i in range(n_features)]
    return Trees(**made, tree_start=np.array(starts, np.int32), feature_names=names, classes=classes)


def rows_of(rng, n, n_features=N_FEATURES):
    """Return rows some of which lie on thresholds."""
    return np.round(rng.normal(size=(n, n_features)), 1).astype(np.float32)


def known(trees, x, features):
    """Return what trees say of a row where only some features are known, by the training rows."""

    def says(node):
        asks = trees.feature[node]
        a, b = trees.left[node], trees.right[node]
        if asks < 0:
            return trees.value[node]
        if asks in features:
            return says(a) if np.float64(x[asks]) <= trees.threshold[node] else says(b)
        return (trees.cover[a] * says(a) + trees.cover[b] * says(b)) / trees.cover[node]

    return np.mean([says(root) for root in trees.tree_start], axis=0)


def mixed(trees, x, features, background):
    """Return what trees say on average where the other features come from each background row."""
    every = range(len(x))
    said = []
    for other in background:
        row = np.where([i in features for i in every], x, other)
        said.append(known(trees, row, every))
    return np.mean(said, axis=0)


def by_definition(game, n_features):
    """Return the Shapley values (n_features, n_outputs) of a game that maps a set of features to what is won."""
    subsets = [
        frozenset(one) for size in range(n_features + 1) for one in combinations(range(n_features), size)
    ]
    won = {one: game(one) for one in subsets}
    values = []
    for i in range(n_features):
        others = [one for one in subsets if i not in one]
        weights = [
            factorial(len(s)) * factorial(n_features - len(s) - 1) / factorial(n_features) for s in others
        ]
        values.append(sum(w * (won[s | {i}] - won[s]) for s, w in zip(others, weights)))
    return np.array(values)
