"""A study of short recordings with picks of a model on record, for the tests of the room of picks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew import steps
from clew.measure.picks import Picks
from clew.study.study import Study

RATE, LASTS = 50.0, 60.0
ARRIVALS = {"P": 20.0, "S": 26.0}
SHA256 = "ab" * 32


def make_quakes(folder: Path, n: int = 4) -> Path:
    """Make a study of recordings of three components; a quarter of them is sealed, each as a whole."""
    rng = np.random.default_rng(7)
    time = np.arange(int(RATE * LASTS)) / RATE
    for i in range(n):
        data = rng.normal(size=(3, len(time)))
        for size, at in zip((8.0, 15.0), ARRIVALS.values()):
            since = np.clip(time - at, 0, None)
            data += size * (since > 0) * np.exp(-since / 2) * np.sin(2 * np.pi * 6 * since)
        np.savez(folder / f"S{i}.npz", data=data.T.astype(np.float32), channels="HHE_HHN_HHZ")
    paths = sorted(folder.glob("S*.npz"))
    steps.new(folder / "quakes.study", paths, window="5", rate=RATE, sealed=0.25)
    return folder / "quakes.study"


def found(study: Study, **settings: Any) -> Picks:
    """What a model would have found: both arrivals in each recording, and a P at 40 s of which it is less sure in each."""
    names = np.unique(study.places()["recording"].to_numpy(str)).tolist()
    rows = [(name, "P", 40.0, 0.31 + 0.05 * i) for i, name in enumerate(names)]
    rows += [(name, phase, at + 0.04, 0.9) for name in names for phase, at in ARRIVALS.items()]
    recording, phase, time, probability = (np.array(one) for one in zip(*sorted(rows)))
    order = np.lexsort((time, recording))
    nothing = np.full(len(time), np.nan)
    return Picks(
        recording=recording[order], station=recording[order], phase=phase[order], time=time[order],
        probability=probability[order], uncertainty=nothing, start=nothing, end=nothing, dated=np.zeros(len(time), bool),
        model_sha256=SHA256, settings=settings,
    )  # fmt: skip


def record_found(study: Study) -> Picks:
    """Put it on record as `clew pick` does."""
    picks = found(study, thresholds={"P": 0.3, "S": 0.3})
    study.record(picks, verb="pick", function="clew.neural.scan:scan", sees="open", inputs={}, seconds=1.0)
    return picks
