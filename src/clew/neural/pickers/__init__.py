"""The pickers that clew comes with, each in a folder of its own, with a card that says what it has learnt from and how good it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from clew.errors import check_choice
from clew.neural.picking_net import PickingNet

PICKERS = ("small",)


@cache
def shipped_picker(name: str = "small") -> PickingNet:
    """Return a picker that clew comes with; ``python -m clew.bench.picking_quality`` makes it anew.

    Parameters
    ----------
    name : {"small"}
        A PhaseNet of 268,443 parameters for P and S at 100 Hz, trained on simulated earthquakes and 77 real ones.

    Raises
    ------
    SettingError
        If there is none of this name.
    """
    check_choice(name, PICKERS, what="'name'", of="a picker that clew comes with")
    return PickingNet.load_model(Path(__file__).parent / name)
