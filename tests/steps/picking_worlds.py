"""What the tests of picking by verbs share: a picker with random weights that finds much in little, and recordings to find it in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from clew.neural.picking_training import fresh_picker
from clew.read.miniseed_writer import write_miniseed

START = 1_274_977_472.0
RATE = 100.0


def keen_picker(folder: Path, *, seed: int = 4, window: int = 400) -> Path:
    """Save a tiny PhaseNet that learnt nothing, with thresholds that it often reaches."""
    model = fresh_picker(
        net={"filters_root": 1, "depth": 2}, random_state=seed, window=window, overlap=window // 2, filter={},
        thresholds={"P": 0.59, "S": 0.59},
    )  # fmt: skip
    louder = {name: one * 3 if one.ndim == 3 else one for name, one in model.weights.items()}
    return dataclasses.replace(model, weights=louder).save_model(folder)


def shaken(
    path: Path, *, name: str = "BW.UH1.SH", seconds: float = 60.0, start: float = START, seed: int = 0
) -> Path:
    """Write three components of noise with an event in the middle of each minute."""
    random = np.random.default_rng(seed)
    n = round(seconds * RATE)
    values = random.normal(0, 10, (3, n))
    for at in range(round(30 * RATE), n - 600, round(60 * RATE)):
        values[0, at : at + 600] += 200 * random.normal(size=600) * np.exp(-np.arange(600) / 150)
        values[1:, at + 200 : at + 600] += 400 * random.normal(size=(2, 400)) * np.exp(-np.arange(400) / 150)
    network, station, _ = name.split(".")
    counts = np.rint(values).astype(np.int32)
    codes = {"network": network, "station": station, "channels": ["SHZ", "SHN", "SHE"]}
    return write_miniseed(path, counts, **codes, rate=RATE, start=start)
