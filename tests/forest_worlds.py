"""Tables with classes and numbers to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_iris

from clew.samples import Samples


def make(features, labels=None, *, names=None, units=None, groups=None, target=None):
    features = np.asarray(features, float)
    n, d = features.shape
    sample = np.array([f"row {i}" for i in range(n)])
    return Samples(
        features=features,
        feature_names=names or tuple(f"f{i}" for i in range(d)),
        units=units or ("",) * d,
        sample=sample,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=labels,
        target=target,
    )


def iris():
    data = load_iris()
    return make(data.data, data.target_names[data.target])


def cancer():
    data = load_breast_cancer()
    return make(data.data, data.target_names[data.target])


def blobs():
    """Return closed-form rows: no random number, the same on every machine and version."""
    i = np.arange(240)
    features = np.stack([(i * 37) % 97, (i * i * 7 + 11 * i) % 89, (i * 53 + 29) % 101, i % 7], axis=1) / 64
    labels = np.where(features[:, 0] + features[:, 1] > 1.4, "elongated", "round")
    labels = np.where((features[:, 2] > 1.2) & (i % 3 == 0), "debris", labels)
    return make(features, labels, names=("area", "solidity", "length", "step"), units=("px²", "", "px", ""))
