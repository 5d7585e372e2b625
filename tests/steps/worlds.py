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


def stack(path, seed=0):
    """Write a z-stack of 4 planes and 2 channels as Fiji does: bright spots, and their rims."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :80]
    spots = np.exp(-((y % 32 - 12) ** 2 + (x % 40 - 20) ** 2) / 60)
    depth = np.array([0.5, 1.0, 0.9, 0.4])[:, None, None]
    pixels = np.stack([200 + 3000 * depth * spots, 300 + 9000 * depth * spots * (1 - spots)], axis=1)
    pixels += rng.normal(0, 60, pixels.shape)
    tifffile.imwrite(
        path, pixels.clip(0).astype(np.uint16), imagej=True, metadata={"axes": "ZCYX", "spacing": 1.0}
    )
    return path


def time_series(path, seed=0):
    """Write a spot that moves from time to time, three times, as Fiji does."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :80]
    pixels = np.stack([30 + 180 * np.exp(-((y - 30 - 15 * t) ** 2 + (x - 40) ** 2) / 80) for t in range(3)])
    pixels += rng.normal(0, 8, pixels.shape)
    tifffile.imwrite(path, pixels.clip(0, 255).astype(np.uint8), imagej=True, metadata={"axes": "TYX"})
    return path
