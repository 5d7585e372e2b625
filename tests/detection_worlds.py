"""Recordings with knocks at known times in noise, and a model that hears them, for the tests of detection."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from clew.learn.forest import Forest
from clew.learn.training import train
from clew.measure.window_plan import WindowPlan, plan_windows
from clew.measure.window_stream import stream_windows
from clew.read.miniseed_writer import write_miniseed
from clew.read.recording import Recording, recording_of
from clew.samples import Samples

RATE = 50.0
START = 1_274_977_472.0  # 2010-05-27T16:24:32, a whole multiple of the windows of these tests
KNOCKS = (100.0, 104.0, 300.0, 450.0)  # s after the start; each lasts 4 s


def noise_with_knocks(seconds: float = 600.0, *, knocks=KNOCKS, seed: int = 0) -> np.ndarray:
    """Simulated whole counts (n,): white noise, and 4 s of ten times as much from each knock on."""
    values = np.random.default_rng(seed).normal(0, 100, round(seconds * RATE))
    for at in knocks:
        values[round(at * RATE) : round((at + 4) * RATE)] *= 10
    return np.rint(values)


def recording(values=None, *, name="BW.UH1.SH", start=START, rate=RATE, **more) -> Recording:
    """A recording of one vertical component; the knocks by default."""
    values = noise_with_knocks() if values is None else values
    made = {"rate": rate, "name": name, "start": start, "unit": "counts", "components": ["Z"]} | more
    return recording_of(values, **made)


@lru_cache
def model(*, plan: tuple = (), trees: int = 10, classes: tuple[str, str] = ("knock", "noise")) -> Forest:
    """A forest for windows of 4 s that tells knocks from noise; ``plan`` has other settings of windows."""
    heard = recording(noise_with_knocks(seed=7))
    how = plan_windows([heard], **({"window": 4.0} | dict(plan)))
    blocks = list(stream_windows(heard, plan=how))
    middle = np.concatenate([(one.start + one.end) / 2 for one in blocks]) - START
    labels = np.where([any(at <= t <= at + 4 for at in KNOCKS) for t in middle], *classes)
    return forest_of(np.concatenate([one.features for one in blocks]), labels, how, trees=trees)


def forest_of(features: np.ndarray, labels: np.ndarray, plan: WindowPlan, *, trees: int = 10) -> Forest:
    """A forest for measured windows, as ``clew train`` would save it."""
    table, rows = plan.features(RATE), np.isfinite(features).all(axis=1)
    n = int(rows.sum())
    samples = Samples(
        features=features[rows],
        feature_names=table.names,
        units=table.units,
        sample=np.arange(n).astype(str),
        origin=pd.DataFrame({"source": ["simulated"] * n}),
        group=np.arange(n).astype(str),
        labels=labels[rows],
    )
    measure = {"kind": "signal", "plan": plan.to_settings(), "rate": RATE}
    return train(samples, trees=trees, measure=measure)


def write(path: Path, values=None, *, station="UH1", start=START) -> Path:
    """The same as a miniSEED file; the knocks by default."""
    values = noise_with_knocks() if values is None else values
    return write_miniseed(
        path,
        values[None].astype(np.int32),
        network="BW",
        station=station,
        channels=["SHZ"],
        rate=RATE,
        start=start,
    )
