"""Results that several figures are drawn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from clew.explore.exploration import Exploration, explore
from clew.samples import Samples


def three_clouds(n: int = 90) -> Samples:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0]])
    X = rng.normal(size=(n, 3)) + centers[np.arange(n) % 3]
    return Samples(
        features=X,
        feature_names=("length", "width", "mass"),
        units=("mm", "mm", ""),
        sample=np.array([f"row{i}" for i in range(n)]),
        origin=pd.DataFrame({"source": ["table"] * n}),
        group=np.array([f"row{i}" for i in range(n)]),
        labels=np.array(["red", "green", "blue"])[np.arange(n) % 3],
    )


@pytest.fixture(scope="session")
def rows() -> Samples:
    return three_clouds()


@pytest.fixture(scope="session")
def looked(rows) -> Exploration:
    return explore(rows, runs=4, references=99)
