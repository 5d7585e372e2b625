"""Data with known truth, for demos and tests. Always called simulated."""

from __future__ import annotations

from clew.simulate.blobs import SimulatedBlobs, blobs, strokes
from clew.simulate.signals import Happenings, SimulatedSignals, sensor_network, simulated_windows

__all__ = [
    "Happenings",
    "SimulatedBlobs",
    "SimulatedSignals",
    "blobs",
    "sensor_network",
    "simulated_windows",
    "strokes",
]
