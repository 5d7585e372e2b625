"""Rows for tests of active learning: three clouds, some of them near each other."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clew.learn.active import next_items, quick_forest
from clew.samples import Samples


def samples_of(X, labels=None, groups=None, unit=""):
    names = [f"r{i}" for i in range(len(X))]
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(X.shape[1])),
        units=(unit,) * X.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": ["simulated"] * len(X)}),
        group=names if groups is None else groups,
        labels=labels,
    )


def clouds(n=300, *, apart=3.0, n_groups=None, seed=0):
    """Rows with their true classes as labels, of three clouds in six dimensions."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 3, n)
    X = random.normal(size=(n, 6))
    X[np.arange(n), kind] += apart
    groups = None if n_groups is None else [f"g{i % n_groups}" for i in range(n)]
    return samples_of(X, kind.astype(str), groups)


def blank(samples, rows):
    """The same rows with the labels of some only."""
    labels = np.full(samples.n_rows, "", samples.labels.dtype)
    labels[rows] = samples.labels[rows]
    return samples.with_labels(labels)


def labelled_along(samples, n, *, strategy="random", seed=0):
    """Label rows as a person would who follows the queue; return their order, and which are control."""
    order, control, probability = np.empty(0, np.int64), set(), None
    while len(order) < n:
        known = blank(samples, order)
        found = next_items(known, known.labels != "", probability, strategy=strategy, n=20, handed=len(order), random_state=seed)  # fmt: skip
        order = np.concatenate([order, found.rows])
        control |= {*found.rows[found.control].tolist(), *found.again.tolist()}
        if strategy != "random":
            probability = quick_forest(seed)(samples.take(order)).predict(samples).probability
    return order, np.isin(order, list(control))


class NearestMean:
    """Says the class whose mean is nearest: no seed, and no order of rows, changes it."""

    def __init__(self, samples):
        self.classes = np.unique(samples.labels)
        self.means = np.array([samples.features[samples.labels == name].mean(axis=0) for name in self.classes])  # fmt: skip

    def predict(self, samples):
        away = ((samples.features[:, None] - self.means) ** 2).sum(axis=2)
        return Told(self.classes[away.argmin(axis=1)])


@dataclass
class Told:
    label: np.ndarray
