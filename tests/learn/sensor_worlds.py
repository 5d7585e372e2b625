"""Windows of several stations with known truth, that the tests of sensors share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew.samples import Samples


def world(seed, strengths, *, n=120, classes=2, group=None, together=0.0):
    """Return windows of n times at each station: station s tells the class with strength s, in one of three measurements.

    ``together`` is the share of the noise that all stations have in common.
    """
    random = np.random.default_rng(seed)
    kind = random.integers(0, classes, n)
    common = random.normal(size=(n, 3))
    blocks = []
    for strength in strengths:
        X = np.sqrt(1 - together) * random.normal(size=(n, 3)) + np.sqrt(together) * common
        X[:, 0] += strength * kind
        blocks.append(X)
    n_stations = len(strengths)
    start = np.tile(np.arange(n) * 10.0, n_stations) + np.repeat(random.uniform(0, 2, n_stations), n)
    station = np.repeat([f"S{s}" for s in range(n_stations)], n)
    sample = np.array([f"{one}@{at:.3f}" for one, at in zip(station, start)])
    return Samples(
        features=np.concatenate(blocks),
        feature_names=("a", "b", "c"),
        units=("", "", ""),
        sample=sample,
        origin=pd.DataFrame({"source": station, "station": station, "recording": station, "start": start, "end": start + 10}),
        group=sample if group is None else np.tile(group, n_stations) if group.size == n else group,
        labels=np.array(["noise", "quake", "jump"])[np.tile(kind, n_stations)],
    )  # fmt: skip
