"""`Trace`: what readers hand over, one channel's run of samples each, before they are put together as recordings."""

from __future__ import annotations

from dataclasses import dataclass

from clew.read.recording import Stretch


@dataclass(frozen=True, eq=False)
class Trace:
    """A run of samples of one channel without a break, and whose it is.

    Parameters
    ----------
    station : str
        "BW.UH1", or the name of the file where no station is known.
    component : str
        What tells the channel from others of its sensor: "Z", "x", "temperature".
    rate : float
        Samples per second, in Hz.
    stretch : Stretch
    unit : str
        "counts", "m/s", "" where unknown.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    sensor : str
        What tells the sensors of a station apart: location, band and instrument ("SH", "00.BH"); "" for others.
    identifier : str
        The whole name of the channel, such as "BW.UH1..SHZ".
    """

    station: str
    component: str
    rate: float
    stretch: Stretch
    unit: str = "counts"
    dated: bool = True
    sensor: str = ""
    identifier: str = ""
