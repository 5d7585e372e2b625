"""How much stronger a recording is behind a moment than it was before."""

from __future__ import annotations

import numpy as np

from clew.errors import SettingError, check
from clew.measure.signal_rivals import passed
from clew.read.recording import Recording

SETTLE = 3.0  # s that are read on either side for the filter to settle
HIGHPASS = 1.0  # Hz


def signal_to_noise(
    recording: Recording,
    time: float,
    *,
    noise_before: float | None = None,
    seconds: float = 2.0,
    noise_seconds: float = 5.0,
    guard: float = 0.5,
) -> float:
    """Return the ratio of the power behind an arrival to that of the noise before, above 1 Hz, in dB.

    Parameters
    ----------
    recording : Recording
        The component where the ratio is the largest counts.
    time : float
        Of the arrival, in s as `Recording.time` gives it.
    noise_before : float, optional
        Where the noise ends, in s; ``time`` by default. Of S, give the time of P: between them is no noise.
    seconds, noise_seconds : float
        How much is measured behind the arrival, and before ``noise_before``, in s.
    guard : float
        So many s just before are neither.

    Returns
    -------
    float
        In dB; NaN where samples are missing or the noise is dead.

    Raises
    ------
    SettingError
        If a length is not above 0.
    """
    for name, value in (("seconds", seconds), ("noise_seconds", noise_seconds)):
        check(
            value > 0,
            SettingError,
            "The '{}' setting of signal_to_noise must be above 0 s. Got {} instead.",
            name,
            value,
        )
    quiet_stop = recording.index((time if noise_before is None else noise_before) - guard)
    quiet_first, first = quiet_stop - round(noise_seconds * recording.rate), recording.index(time)
    stop, extra = first + round(seconds * recording.rate), round(SETTLE * recording.rate)
    low = max(0, quiet_first - extra)
    if quiet_first < 0 or stop > recording.n or recording.rate <= 2 * HIGHPASS:
        return float("nan")
    values = recording.read(low, min(recording.n, stop + extra))
    best = float("nan")
    for row in values:
        if np.isnan(row[quiet_first - low : stop - low]).any():
            continue
        known = ~np.isnan(row)
        filled = passed(np.interp(np.arange(row.size), np.flatnonzero(known), row[known])[None], recording.rate, HIGHPASS)[0]  # fmt: skip
        noise = float(np.mean(filled[quiet_first - low : quiet_stop - low] ** 2))
        if row[quiet_first - low : quiet_stop - low].std() == 0 or noise == 0:
            continue
        signal = float(np.mean(filled[first - low : stop - low] ** 2))
        best = np.fmax(best, 10 * np.log10(signal / noise)) if signal > 0 else best
    return float(best)
