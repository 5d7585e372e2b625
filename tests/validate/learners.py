"""Samples with known truth, and small models that learn in microseconds, for the tests of curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from clew.samples import Samples


def samples_of(X, *, labels=None, target=None, group=None, origin=None):
    names = np.array([f"r{i:05d}" for i in range(len(X))])
    return Samples(
        features=X,
        feature_names=tuple(f"f{j}" for j in range(X.shape[1])),
        units=("",) * X.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": ["table"] * len(X)} | (origin or {})),
        group=names if group is None else np.asarray(group, str),
        labels=labels,
        target=target,
    )


def two_clouds(n, *, apart=2.0, d=4, seed=0, n_groups=None):
    """Two Gaussian clouds whose Bayes error is Phi(-apart / 2)."""
    random = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    X = random.normal(size=(n, d))
    X[:, 0] += apart * kind
    group = None if n_groups is None else [f"g{i % n_groups:03d}" for i in range(n)]
    return samples_of(X, labels=np.array(["a", "b"])[kind], group=group)


def line(n, *, noise=0.5, d=3, seed=0, n_groups=None):
    """A target that is a straight line in one feature: the best R2 is 1 / (1 + noise**2)."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, d))
    group = None if n_groups is None else [f"g{i % n_groups:03d}" for i in range(n)]
    return samples_of(X, target=X[:, 0] + noise * random.normal(size=n), group=group)


@dataclass
class Said:
    label: np.ndarray | None
    probability: np.ndarray | None
    classes: list[str]
    value: np.ndarray | None


@dataclass
class Fitted:
    """Any function of features as a model."""

    function: object
    classes: list[str]

    def predict(self, samples):
        said = self.function(samples.features)
        if not self.classes:
            return Said(None, None, [], said)
        return Said(np.array(self.classes)[said], np.eye(len(self.classes))[said], self.classes, None)


def discriminant(samples):
    """Fisher's linear discriminant of two classes."""
    classes, kind = np.unique(samples.labels, return_inverse=True)
    X = samples.features
    means = [X[kind == k].mean(axis=0) for k in (0, 1)]
    within = sum(np.cov(X[kind == k].T, bias=True) * (kind == k).mean() for k in (0, 1))
    weight = np.linalg.solve(within + 0.05 * np.eye(X.shape[1]), means[1] - means[0])
    middle = weight @ (means[0] + means[1]) / 2
    return Fitted(lambda Z: (Z @ weight > middle).astype(int), classes.tolist())


def nearest(samples):
    """The answer of the nearest training row: it knows its rows by heart."""
    X = samples.features
    if samples.labels is None:
        return Fitted(lambda Z: samples.target[((Z[:, None] - X) ** 2).sum(-1).argmin(1)], [])
    classes, kind = np.unique(samples.labels, return_inverse=True)
    return Fitted(lambda Z: kind[((Z[:, None] - X) ** 2).sum(-1).argmin(1)], classes.tolist())


def one_cut(samples):
    """A tree of one question about the first feature, at the median."""
    classes, kind = np.unique(samples.labels, return_inverse=True)
    cut = np.median(samples.features[:, 0])
    right = samples.features[:, 0] > cut
    sides = [np.bincount(kind[side], minlength=len(classes)).argmax() for side in (~right, right)]
    return Fitted(lambda Z: np.array(sides)[(Z[:, 0] > cut).astype(int)], classes.tolist())


def least_squares(samples):
    X = np.column_stack([np.ones(samples.n_rows), samples.features])
    beta = np.linalg.solve(X.T @ X + 1e-6 * np.eye(X.shape[1]), X.T @ samples.target)
    return Fitted(lambda Z: np.column_stack([np.ones(len(Z)), Z]) @ beta, [])


def net_of(*hidden):
    """Return what fits a network of these hidden layers to classes; none is a linear model."""
    from sklearn.neural_network import MLPClassifier

    def fit(samples):
        classes, kind = np.unique(samples.labels, return_inverse=True)
        net = MLPClassifier(hidden, solver="lbfgs", max_iter=60, random_state=0).fit(samples.features, kind)
        return Fitted(net.predict, classes.tolist())

    return fit


def corners(n, *, shift=0.0, seed=0):
    """Classes in opposite corners, as of exclusive or; moved off the middle, a straight line tells some of them apart."""
    X = np.random.default_rng(seed).normal(size=(n, 2)) + shift
    return samples_of(X, labels=np.where(X[:, 0] * X[:, 1] > 0, "b", "a"))
