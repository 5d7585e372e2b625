"""A small study of recordings that tests of what is shown share: two stations, a burst in every second window."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clew import steps
from clew.read.miniseed_writer import write_miniseed
from clew.study.study import Study

RATE, WINDOW, N = 50.0, 5.0, 40
START = 1709532000.0  # 2024-03-04T06:00:00


def shaken(seed: int) -> np.ndarray:
    """Return 200 s of noise with a burst of 8 Hz in every second window, int32 (1, n); the station of seed 1 lies off zero."""
    random = np.random.default_rng(seed)
    n = int(RATE * WINDOW * N)
    t = np.arange(n) / RATE
    inside = t % WINDOW
    burst = ((t // WINDOW) % 2 == 1) * np.where(inside > 1, np.exp(-(inside - 1)), 0)
    x = 30 * random.normal(size=n) + 900 * burst * np.sin(2 * np.pi * 8 * t)
    return np.rint(x + 5000 * seed).astype(np.int32)[None]


def recorded_study(folder, *, labels: bool = True, **settings) -> Study:
    """Write two recordings, make a study of them, and label its open windows."""
    paths = [
        write_miniseed(
            folder / f"{name}.mseed", shaken(seed), station=name, channels=["HHZ"], rate=RATE, start=START
        )
        for seed, name in enumerate(["AAA", "BBB"])
    ]
    made = {"window": "5s", "highpass": 1.0, "by": "time", **settings}
    steps.new(folder / "r.study", paths, **made)
    study = Study(folder / "r.study")
    if labels:
        samples = study.samples()
        odd = (samples.origin["start"].to_numpy() - START) // WINDOW % 2 == 1
        pd.DataFrame({"sample": samples.sample, "label": np.where(odd, "burst", "quiet")}).to_csv(
            folder / "l.csv", index=False
        )
        steps.label(study, folder / "l.csv")
    return study
