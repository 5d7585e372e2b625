"""Small rows and small models, for tests of what is done with trained nets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew.measure.cutouts import Cutouts
from clew.neural.estimators import NetClassifier, NetRegressor
from clew.neural.model import NetModel, values_for
from clew.samples import Samples

N = 24
SMALL = {
    "perceptron": {},
    "mlp": {"hidden": (3,)},
    "cnn": {"channels": (2, 3), "kernel": 3, "hidden": 4},
    "elman": {"hidden": 3},
    "lstm": {"hidden": 3},
    "gru": {"hidden": 3},
}


def samples(n: int = N, *, seed: int = 0) -> Samples:
    """Rows of three features with very different units, two classes and a target."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 3)) * [1, 1e-3, 50] + [0, 1, 1e4]
    name = np.array([f"row{i}" for i in range(n)])
    return Samples(
        features=features,
        feature_names=("area", "share", "intensity"),
        units=("px²", "", "counts"),
        sample=name,
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=name,
        labels=np.where(features[:, 0] > np.median(features[:, 0]), "large", "small"),
        target=features @ [2.0, 100.0, 0.1],
    )


def windows(n: int = N, *, seed: int = 0) -> Cutouts:
    """Windows of two components, 12 samples, far from 0 as raw waves are."""
    how = {"kind": "signal", "channels": ["Z", "N"], "rate": 100.0, "plan": {"units": ["nm/s", "nm/s"]}}
    values = np.random.default_rng(seed).normal(size=(n, 2, 12)) * 300 + 5000
    return Cutouts(
        values=values, sample=samples(n).sample, axes="ct", channels=["Z", "N"], rate=100.0, how=how
    )


def images(n: int = N, *, seed: int = 0) -> Cutouts:
    """Images of two channels, 8 x 8 pixels of 8 bits."""
    how = {
        "kind": "image",
        "side": 8,
        "around": "keep",
        "channels": ["DNA", "actin"],
        "pixel_size": 0.5,
        "dtype": "uint8",
    }
    values = np.random.default_rng(seed).integers(0, 256, (n, 2, 8, 8))
    return Cutouts(
        values=values,
        sample=samples(n).sample,
        axes="cyx",
        channels=["DNA", "actin"],
        pixel_size=0.5,
        how=how,
    )


def trained(net: str, cutouts: Cutouts | None = None, *, members: int = 2, kind: type = NetClassifier, **settings) -> tuple[NetModel, list]:  # fmt: skip
    """Return a model and the estimators that it was made of."""
    rows = samples()
    X = values_for(net, rows if cutouts is None else cutouts)
    y = rows.labels if kind is NetClassifier else rows.target
    settings = {"max_epochs": 2, "lr": 0.01, "net_settings": SMALL[net], **settings}
    made = [
        kind(net, random_state=i, **settings).fit(X, y, validation=(X[:8], y[:8])) for i in range(members)
    ]
    return NetModel.of(made, rows, cutouts, measure={"kind": "table"}), made


def regressor(**settings) -> tuple[NetModel, list]:
    """Return a model for numbers, of two members."""
    return trained("mlp", kind=NetRegressor, **settings)
