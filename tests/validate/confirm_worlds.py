"""Rows, looks and studies of known truth, for the tests of what sealed rows confirm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from clew.explore.cluster import points_of
from clew.explore.distances import MetricSpace
from clew.explore.evidence import best_cut
from clew.samples import Samples


def clouds(kind: str, n: int, d: int, rng: np.random.Generator, *, sigma: float = 3.0) -> np.ndarray:
    """One population, or two that are ``sigma`` apart along the diagonal."""
    if kind == "two":
        return rng.normal(size=(n, d)) + sigma / np.sqrt(d) * rng.permutation(np.arange(n) % 2)[:, None]
    if kind == "lognormal":
        return np.exp(rng.normal(size=(n, d)))
    if kind == "ball":
        X = rng.normal(size=(n, d))
        return X / np.linalg.norm(X, axis=1, keepdims=True) * rng.random((n, 1)) ** (1 / d)
    if kind == "cube":
        return rng.uniform(size=(n, d))
    return rng.normal(size=(n, d))


def table(X: np.ndarray, *, labels: Any = None, groups: Any = None, target: Any = None) -> Samples:
    names = np.array([f"row{i}" for i in range(len(X))])
    return Samples(
        features=X,
        feature_names=tuple(f"f{i}" for i in range(X.shape[1])),
        units=("",) * X.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": ["t"] * len(X)}),
        group=names if groups is None else np.asarray(groups).astype(str),
        labels=np.full(len(X), "") if labels is None else labels,
        target=target,
    )


def look(X: np.ndarray, *, k: int = 2, metric: str = "euclidean", **settings: Any) -> Any:
    """What replication asks of a look at open rows: scaling and centres of k-means."""
    scale = settings.setdefault("scale", "standard")
    center, spread = (X.mean(axis=0), X.std(axis=0)) if scale == "standard" else (X[0] * 0, X[0] * 0 + 1)
    points = points_of(MetricSpace(metric, (X - center) / spread))
    return SimpleNamespace(
        k=k,
        metric=metric,
        features=[f"f{i}" for i in range(X.shape[1])],
        center=center,
        scale=spread,
        group_centers=best_cut(points, k, 0)[1],
        settings={"space": "features", "cluster": "kmeans", **settings},
        source_warning=lambda: "",
    )
