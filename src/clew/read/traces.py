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


BANDS = frozenset(
    "FGDCESHBMLVUWRPTQAOXI"
)  # the first letter of a SEED channel; X and I are of synthetic and unusual ones


def nominal_rate(rate: float) -> float:
    """Return the rate that is meant where one was rounded: 99.9999 and 100.0000022 Hz are 100 Hz, 0.3333332 Hz is a third.

    Only whole rates and whole intervals in s are taken for meant, and only where they are within 1e-5 of what is stated.
    """
    for meant in (float(round(rate)), 1 / round(1 / rate) if 0 < rate < 1 else 0.0):
        if meant > 0 and abs(meant - rate) <= 1e-5 * rate:
            return meant
    return rate


def is_seed_channel(code: str) -> bool:
    """Tell whether a channel code is like SEED's: band, instrument and component, such as "BHZ"."""
    return (
        len(code) == 3
        and code.isascii()
        and code.isalnum()
        and code[0].upper() in BANDS
        and code[1].isalpha()
    )


def seed_trace(
    identifier: str,
    *,
    rate: float,
    stretch: Stretch,
    unit: str = "counts",
    dated: bool = True,
    file: str = "",
) -> Trace:
    """Make a trace of what SEED calls a channel.

    Parameters
    ----------
    identifier : str
        "NETWORK.STATION.LOCATION.CHANNEL". A channel that is not like SEED's is a component by its whole name; one
        letter, as in GSE2, is a component.
    rate : float
        In Hz; one that was rounded becomes the one that is meant.
    stretch : Stretch
    unit : str
    dated : bool
    file : str
        What the station is called where no code is given.
    """
    network, station, location, channel = identifier.split(".")
    known = is_seed_channel(channel)
    component = channel[-1:].upper() if known or len(channel) == 1 else channel
    sensor = ".".join(filter(None, (location, channel[:2].upper() if known else "")))
    return Trace(
        station=".".join(filter(None, (network, station))) if station else file or network,
        component=component,
        rate=nominal_rate(rate),
        stretch=stretch,
        unit=unit,
        dated=dated,
        sensor=sensor,
        identifier=identifier,
    )
