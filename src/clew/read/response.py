"""Ground motion from counts: the response of the instrument is removed, a piece at a time, whatever the length."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice
from clew.read.kept import Kept
from clew.read.kinds import one_line, package
from clew.read.recording import Channel, Recording, Stretch

UNITS = {"displacement": "m", "velocity": "m/s", "acceleration": "m/s^2"}
OBSPY = {"displacement": "DISP", "velocity": "VEL", "acceleration": "ACC"}
REACH = 8.0  # the operator ends this many times the inverse width of its narrowest flank from its middle


def with_response(
    recording: Recording,
    inventory_path: str | Path,
    *,
    output: Literal["displacement", "velocity", "acceleration"] = "velocity",
    lowest: float | None = None,
    highest: float | None = None,
) -> Recording:
    """Return the recording as ground motion: its samples are divided by the response when they are read.

    Parameters
    ----------
    recording : Recording
        Dated, in counts, with the identifiers of its channels.
    inventory_path : str or Path
        StationXML, or another format of inventories that ObsPy reads, with responses.
    output : {"displacement", "velocity", "acceleration"}
        What is wanted, in m, m/s or m/s².
    lowest, highest : float, optional
        The pass band in Hz, by default from 0.05 Hz (or a 200th of the rate, where that is less) to 0.4 times the rate.
        Outside, cosine flanks go down to 0 at half of ``lowest`` and at 1.2 times ``highest`` (half the rate at most).

    Returns
    -------
    Recording
        With the same gaps. What lies within `REACH` divided by half of ``lowest`` of a gap or an end is less certain:
        there the samples are taken to go on as a line between both sides of the gap, or as they were at the end.

    Raises
    ------
    SettingError
        If ``output`` is unknown, or the pass band does not lie between 0 and half the rate.
    DataError
        If the recording is not dated, or a channel has no response in the inventory at its time.

    Notes
    -----
    Equal to ObsPy's ``remove_response`` with ``pre_filt=(lowest / 2, lowest, highest, 1.2 * highest)`` and
    ``water_level=None`` away from gaps and ends (Krischer et al. 2015, doi:10.1088/1749-4699/8/1/014003), but the
    operator is of finite length, so that a sample depends on its surroundings only.
    """
    check_choice(output, UNITS, what="'output'", of="the response")
    low = min(0.05, recording.rate / 200) if lowest is None else float(lowest)
    high = 0.4 * recording.rate if highest is None else float(highest)
    check(
        0 < low < high < recording.rate / 2,
        SettingError,
        "The pass band of the response of '{}' must lie between 0 and {:g} Hz, half its rate. Got {:g} to {:g} Hz.",
        recording.name,
        recording.rate / 2,
        low,
        high,
    )
    check(
        recording.dated,
        DataError,
        "The recording '{}' must have dates, since responses change. Got none.",
        recording.name,
    )
    inventory = _inventory(str(inventory_path), _state(inventory_path))
    channels = []
    for channel in recording.channels:
        alone = replace(recording, channels=(channel,))
        parts: list[Stretch] = []
        known: dict[tuple[float, float], Restored] = {}
        for stretch in channel.stretches:
            for first, stop, epoch, response in _epochs(
                inventory, channel.identifier, stretch, recording, inventory_path
            ):
                if epoch not in known:
                    operator = _operator(
                        response,
                        recording.rate,
                        (low / 2, low, high, min(1.2 * high, recording.rate / 2)),
                        output,
                    )
                    known[epoch] = Restored(alone, operator)
                start = stretch.start + first / recording.rate
                parts.append(Stretch(start, stop - first, known[epoch], alone.index(start), stretch.source))
        channels.append(Channel(channel.component, tuple(parts), UNITS[output], channel.identifier))
    return replace(recording, channels=tuple(channels))


@dataclass(frozen=True, eq=False)
class Restored:
    """The samples of a channel after an operator; computed in blocks on a fixed grid, so that a sample is always the same.

    Parameters
    ----------
    raw : Recording
        Of one channel.
    operator : ndarray of float64, shape (2 * reach + 1,)
        Its middle lies on the sample.
    """

    raw: Recording
    operator: np.ndarray
    _kept: Kept = field(default_factory=Kept)  # the number of the last block, and its samples

    def read(self, first: int, stop: int) -> np.ndarray:
        """Return the samples from ``first`` up to ``stop`` of the recording's grid, float64; NaN where there are none."""
        size = _block(len(self.operator))
        pieces = []
        for block in range(first // size, max(first, stop - 1) // size + 1):
            number, values = self._kept.value or (-1, np.empty(0))
            if number != block:
                values = self._restored(block * size, (block + 1) * size)
                self._kept.keep((block, values), values.nbytes)
            pieces.append(values[max(0, first - block * size) : max(0, stop - block * size)])
        return np.concatenate(pieces)

    def _restored(self, first: int, stop: int) -> np.ndarray:
        """Apply the operator from ``first`` up to ``stop``."""
        from scipy.fft import irfft, next_fast_len, rfft

        reach = len(self.operator) // 2
        raw = self.raw.read(first - reach, stop + reach)[0]
        there = ~np.isnan(raw)
        if not there[reach:-reach].any():
            return np.full(stop - first, np.nan)
        places = np.flatnonzero(there)
        raw = raw - raw[places].mean()  # of no effect on the result, whose mean is 0, but on its rounding
        filled = np.interp(np.arange(len(raw)), places, raw[places])
        n = next_fast_len(len(filled) + 2 * reach, real=True)
        out = irfft(rfft(filled, n) * rfft(self.operator, n), n)[2 * reach : len(filled)]
        return np.where(there[reach:-reach], out, np.nan)


def _block(length: int) -> int:
    """Return how many samples are restored together with an operator of so many."""
    return 4 * length


def _operator(
    response: Any, rate: float, corners: tuple[float, float, float, float], output: str
) -> np.ndarray:
    """Return the samples of the inverse response within the pass band, float64 of odd length; their sum is 0."""
    f1, f2, f3, f4 = corners
    reach = int(np.ceil(REACH / (f2 - f1) * rate))
    n = 4 * (2 * reach + 1)
    frequencies = np.fft.rfftfreq(n, 1 / rate)
    inside = (frequencies > f1) & (frequencies < f4)
    f = frequencies[inside]
    gain = np.ones(len(f))
    rising, falling = f < f2, f > f3
    gain[rising] = 0.5 * (1 - np.cos(np.pi * (f[rising] - f1) / (f2 - f1)))
    gain[falling] = 0.5 * (1 + np.cos(np.pi * (f[falling] - f3) / (f4 - f3)))
    spectrum = np.zeros(len(frequencies), complex)
    spectrum[inside] = gain / response.get_evalresp_response_for_frequencies(f, output=OBSPY[output])
    whole = np.roll(np.fft.irfft(spectrum, n), reach)[: 2 * reach + 1]
    window = np.cos(np.linspace(-np.pi / 2, np.pi / 2, 2 * reach + 1)) ** 2  # goes out smoothly
    window = np.minimum(1, 2 * window)  # flat over the middle half
    operator = whole * window
    return np.asarray(operator - window * operator.sum() / window.sum())


def _state(path: str | Path) -> tuple[int, int]:
    """Return what changes when a file changes: when it was written, and its size."""
    try:
        state = Path(path).stat()
    except OSError as error:
        raise DataError(
            f"The inventory '{path}' must be a file that can be read. Got: {error.strerror}."
        ) from error
    return state.st_mtime_ns, state.st_size


@lru_cache(maxsize=4)
def _inventory(path: str, _state: tuple[int, int]) -> Any:
    """Read an inventory once for all recordings, and again when the file has changed."""
    obspy = package("obspy", of="signal")
    try:
        with open(path, "rb") as file:
            return obspy.read_inventory(file)
    except TypeError as error:  # of which no format knows the first bytes; ObsPy names a copy of it
        raise DataError(f"The file '{path}' of --response must be StationXML. Got something else.") from error
    except Exception as error:  # ObsPy raises in many ways
        raise DataError(
            f"The file '{path}' of --response must be StationXML. Got: {one_line(error)}."
        ) from error


def _epochs(
    inventory: Any, identifier: str, stretch: Stretch, recording: Recording, path: str | Path
) -> list[tuple[int, int, tuple[float, float], Any]]:
    """Cut a stretch where the response changes: first and last sample, the epoch, and the response; they cover all of it."""
    codes = identifier.split(".")
    found = []
    if len(codes) == 4:
        for network in inventory.select(*codes[:2], location=codes[2] or "", channel=codes[3]):
            for station in network:
                found += [
                    channel
                    for channel in station
                    if channel.response is not None and channel.response.response_stages
                ]
    out, at = [], 0
    while at < stretch.n:
        time = stretch.start + at / recording.rate
        fits = [one for one in found if _began(one) <= time < _ended(one)]
        check(
            fits,
            DataError,
            "The inventory '{}' must hold the response of the channel '{}' at {}. Got none for '{}'.",
            path,
            identifier,
            recording.spell(time),
            recording.name,
        )
        epoch = (_began(fits[-1]), _ended(fits[-1]))
        stop = min(stretch.n, int(np.ceil(min(epoch[1] - stretch.start, 1e12) * recording.rate)))
        out.append((at, max(stop, at + 1), epoch, fits[-1].response))
        at = max(stop, at + 1)
    return out


def _began(channel: Any) -> float:
    """Return when an epoch began, in s since 1970."""
    return -np.inf if channel.start_date is None else float(channel.start_date.timestamp)


def _ended(channel: Any) -> float:
    """Return when an epoch ended, in s since 1970."""
    return np.inf if channel.end_date is None else float(channel.end_date.timestamp)
