"""Small studies for the tests of the verbs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tifffile

from clew import steps

QUICK = {"embed": "pca", "references": 99, "k_max": 3, "runs": 4}


def write_table(folder, n=90, seed=0, name="cells.csv"):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 2
    X = rng.normal(size=(n, 4)) + 5 * kind[:, None]
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["e"] = X[:, 0] * 2 + rng.normal(size=n) * 0.1
    path = folder / name
    frame.to_csv(path, index=False)
    return path, kind


def nuclei(folder, name, seed=0):
    """Write a picture of three touching pairs of disks and two single ones; return its path."""
    pixels = np.zeros((160, 220), np.uint8)
    y, x = np.mgrid[:160, :220]
    for row, column in (
        (30, 30),
        (30, 58),
        (80, 40),
        (108, 40),
        (60, 120),
        (60, 148),
        (130, 120),
        (130, 190),
    ):
        pixels[np.hypot(y - row, x - column) < 15] = 100 + column // 4 + seed
    tifffile.imwrite(folder / name, pixels)
    return folder / name


def named(study, *names, **settings):
    steps.explore(study, k=2, **{**QUICK, **settings})
    steps.name(study, list(names))
