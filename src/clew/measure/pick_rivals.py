"""Classical pickers of seismic phases: short over long average, autoregression, kurtosis; what a net has to be better than."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from clew.errors import DataError, Stopped, check, check_choice
from clew.measure.filtering import design
from clew.measure.picks import Picks
from clew.measure.triggers import STILL, STILL_SAMPLES, find_triggers
from clew.read.kinds import package
from clew.read.recording import Recording, recording_of, spell_seconds

RivalMethod = Literal["sta_lta", "ar", "kurtosis"]
PHASES: dict[str, tuple[str, ...]] = {"sta_lta": ("P",), "ar": ("P", "S"), "kurtosis": ("P",)}
NAMES = {
    "sta_lta": "recursive STA/LTA",
    "ar": "autoregression and AIC",
    "kurtosis": "kurtosis",
}

BAND = (2.0, 20.0)  # Hz, of STA/LTA and kurtosis
HIGHEST = 0.45  # of the rate: no corner is above
STA, LTA, ON = 0.5, 10.0, 4.0  # s, s, ratio
AR_BAND = (1.0, 20.0)  # Hz
AR_P = {"lta_p": 1.0, "sta_p": 0.1, "m_p": 2, "l_p": 0.1}  # s, s, coefficients, s
AR_S = {"lta_s": 4.0, "sta_s": 1.0, "m_s": 8, "l_s": 0.2}
KURTOSIS = 3.0  # s, of the moving window
WARM = 2.0  # s at the start that the filter of the kurtosis takes to settle
AROUND = (1.0, 0.3)  # s before and behind the rise of the kurtosis in which the onset is sought
AIC_EDGE = 5  # samples at either end that are no onset: a variance of fewer says nothing
BEFORE, BEHIND = 10.0, 20.0  # s around a trigger in which autoregression and kurtosis pick
CHUNK = 2**13  # windows whose kurtosis is computed at once


def pick_window(values: np.ndarray, rate: float, method: RivalMethod = "sta_lta") -> dict[str, float | None]:
    """Pick at most one arrival a phase in a short window of a recording.

    Parameters
    ----------
    values : ndarray, shape (n_components, n)
        One component, or Z, N, E in this order. NaN where nothing was recorded, one value where a component is dead.
    rate : float
        Samples per second, in Hz.
    method : {"sta_lta", "ar", "kurtosis"}
        "sta_lta": the first time that the recursive short average over the long one (0.5 and 10 s, 2 to 20 Hz) reaches 4,
        so nothing in the first 10 s. "ar": one P and, with three living components, one S. "kurtosis": P, where the
        kurtosis of the last 3 s (2 to 20 Hz) rises the most.

    Returns
    -------
    dict of str to float or None
        For each phase that the method knows its time in s from the first sample, None where it finds none.

    Raises
    ------
    SettingError
        If there is no such method.
    DataError
        If the window is not of this shape, or not longer than 10 s.

    Notes
    -----
    All look at the longest stretch in which the first living component was recorded and changes. "ar" and "kurtosis" always
    find a P there, as they look for the best place and not whether there is one.

    Withers et al. (1998), Bull. Seismol. Soc. Am. 88:95, doi:10.1785/BSSA0880010095. Akazawa (2004), 13th World Conference on
    Earthquake Engineering, paper 786, by obspy.signal.trigger.ar_pick. Saragiotis, Hadjileontiadis & Panas (2002), IEEE
    Trans. Geosci. Remote Sens. 40:1395, doi:10.1109/TGRS.2002.800438; Baillard et al. (2014), Bull. Seismol. Soc. Am.
    104:394, doi:10.1785/0120120347; Maeda (1985), J. Seismol. Soc. Japan 38:365, doi:10.4294/zisin1948.38.3_365.
    """
    check_choice(method, PHASES, what="'method'", of="the classical pickers")
    x = np.atleast_2d(np.asarray(values, np.float64))
    check(
        x.ndim == 2 and x.shape[1] > LTA * rate,
        DataError,
        "The window of a classical picker must be of shape (n_components, n), with more than {:g} s. Got {} at {:g} Hz.",
        LTA,
        x.shape,
        rate,
    )
    nothing: dict[str, float | None] = dict.fromkeys(PHASES[method])
    living = [row for row in range(len(x)) if np.nanmax(x[row], initial=-np.inf) > np.nanmin(x[row], initial=np.inf)]  # fmt: skip
    if not living:
        return nothing
    if method == "sta_lta":
        found = _triggers(recording_of(x[living[0]], rate=rate))
        return {"P": found[0]} if found else nothing
    first, stop = _longest_living(x[living[0]], rate)
    if stop - first <= LTA * rate:
        return nothing
    part = x[:, first:stop]
    if method == "kurtosis":
        return {"P": (first + kurtosis_onset(part[living[0]], rate)) / rate}
    whole = len(part) == 3 and all(np.isfinite(row).all() and row.min() < row.max() for row in part)
    return nothing | {
        phase: first / rate + at for phase, at in _ar(part if whole else part[living[0]][None], rate).items()
    }


def rival_picks(
    recording: Recording | Sequence[Recording],
    *,
    method: RivalMethod = "sta_lta",
    on_progress: Callable[[int, int], bool | None] | None = None,
) -> Picks:
    """Pick along whole recordings as people did before nets.

    Parameters
    ----------
    recording : Recording, or a sequence of them
        Of any length, with gaps or without; memory does not grow with it.
    method : {"sta_lta", "ar", "kurtosis"}
        "sta_lta" gives a P at each trigger. The others pick in the window from 10 s before to 20 s behind each trigger that
        is not in the window of the one before; see `pick_window`.
    on_progress : callable, optional
        Called with the recordings that are done, and all; returning False stops.

    Returns
    -------
    Picks
        Their probability and uncertainty is NaN: these pickers tell none. Notes say what was left out.

    Raises
    ------
    SettingError
        If there is no such method.
    Stopped
        If ``on_progress`` returned False.
    """
    check_choice(method, PHASES, what="'method' setting", of="rival_picks")
    given = [recording] if isinstance(recording, Recording) else list(recording)
    rows: list[tuple[str, float, str, str, bool]] = []
    notes: list[str] = []
    for done, one in enumerate(given):
        try:
            times = _triggers(one)
        except DataError as why:  # too short, or dead: said, and the others go on
            times = []
            notes.append(str(why))
        high = min(BAND[1], HIGHEST * one.rate)
        if high < BAND[1]:
            notes.append(
                f"'{one.name}' was filtered up to {high:g} Hz: it has {one.rate:g} samples a second."
            )
        picks = [("P", time) for time in times] if method == "sta_lta" else _around(one, times, method)
        rows += [(one.name, time, phase, one.station or one.name, one.dated) for phase, time in picks]
        if on_progress is not None and on_progress(done + 1, len(given)) is False:
            raise Stopped(f"Picking was stopped after {done + 1} of {len(given)} recordings.")
    rows.sort()
    unknown = np.full(len(rows), np.nan)
    return Picks(
        recording=np.array([row[0] for row in rows], np.str_),
        station=np.array([row[3] for row in rows], np.str_),
        phase=np.array([row[2] for row in rows], np.str_),
        time=np.array([row[1] for row in rows], np.float64),
        probability=unknown,
        uncertainty=unknown,
        start=unknown,
        end=unknown,
        dated=np.array([row[4] for row in rows], np.bool_),
        notes=notes,
        settings={"method": method},
    )


def _triggers(recording: Recording) -> list[float]:
    """Return the times in s at which the recursive short over long average reaches the threshold."""
    found = find_triggers(
        recording, method="recursive", sta=STA, lta=LTA, on=ON, off=1.0,
        highpass=BAND[0], lowpass=min(BAND[1], HIGHEST * recording.rate),
    )  # fmt: skip
    return [one.start for one in found]


def _around(one: Recording, triggers: list[float], method: RivalMethod) -> list[tuple[str, float]]:
    """Pick in a window around each trigger that no window before holds: (phase, time) in the order of time."""
    found: list[tuple[str, float]] = []
    order = {name: i for i, name in enumerate(one.components)}
    rows = [order[name] for name in "ZNE"] if set("ZNE") <= set(order) else None
    held = -np.inf
    for trigger in triggers:
        if trigger < held:
            continue
        held = trigger + BEHIND
        first = max(0, one.index(trigger - BEFORE))
        values = one.read(first, min(one.n, one.index(held)), rows)
        if values.shape[1] <= LTA * one.rate:
            continue
        for phase, at in pick_window(values, one.rate, method).items():
            if at is not None:
                found.append((phase, one.time(first) + at))
    return found


def _longest_living(x: np.ndarray, rate: float) -> tuple[int, int]:
    """Return the longest run of (n,) that was recorded and is not one value for 2 s, as (first, stop)."""
    from clew.kernels.windows import flat_runs

    living = x.copy()
    flat_runs(living, max(STILL_SAMPLES, round(STILL * rate)), np.zeros(x.size, bool))
    edges = np.flatnonzero(np.diff(~np.isnan(living), prepend=False, append=False))
    if not edges.size:
        return 0, 0
    longest = int(np.argmax(edges[1::2] - edges[::2]))
    return int(edges[2 * longest]), int(edges[2 * longest + 1])


# ---- autoregression ----
def _ar(part: np.ndarray, rate: float) -> dict[str, float]:
    """Return the times of P and S in s that ObsPy's picker finds: in (3, n) of Z, N, E both, in (1, n) P only."""
    package("obspy", of="signal")
    from obspy.signal.trigger import ar_pick

    z, n, e = (part - part.mean(axis=1, keepdims=True))[[0, 1, 2] if len(part) == 3 else [0, 0, 0]]
    p, s = ar_pick(
        z, n, e, rate, AR_BAND[0], min(AR_BAND[1], HIGHEST * rate), AR_P["lta_p"], AR_P["sta_p"], AR_S["lta_s"],
        AR_S["sta_s"], AR_P["m_p"], AR_S["m_s"], AR_P["l_p"], AR_S["l_s"], len(part) == 3,
    )  # fmt: skip
    found = {"P": float(p)} if p > 0 else {}
    return found | ({"S": float(s)} if s > max(p, 0) else {})


# ---- kurtosis ----
def moving_kurtosis(x: np.ndarray, n: int) -> np.ndarray:
    """Return the excess kurtosis of the last ``n`` samples at each sample.

    Parameters
    ----------
    x : ndarray of float64, shape (n_samples,)
    n : int

    Returns
    -------
    ndarray of float64, shape (n_samples,)
        The first ``n - 1`` are as the first that is known; 0 where all samples are one value. Biased, as
        scipy.stats.kurtosis by default.
    """
    windows = np.lib.stride_tricks.sliding_window_view(x, n)
    out = np.zeros(x.size)
    for first in range(0, len(windows), CHUNK):
        mean = windows[first : first + CHUNK].mean(axis=1, keepdims=True)
        squared = (windows[first : first + CHUNK] - mean) ** 2
        second = squared.mean(axis=1)
        alive = (
            second > (n * np.finfo(np.float64).eps * mean[:, 0]) ** 2
        )  # more than what means are rounded by
        ratio = np.einsum("ij,ij->i", squared, squared) / n / np.where(alive, second, 1.0) ** 2
        out[first + n - 1 : first + n - 1 + len(mean)] = np.where(alive, ratio - 3.0, 0.0)
    out[: n - 1] = out[n - 1]
    return out


def kurtosis_onset(x: np.ndarray, rate: float) -> int:
    """Return the sample at which the kurtosis begins to rise the most, moved to the onset by Akaike's criterion.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        Without gaps; more than 10 s.
    rate : float
        In Hz.
    """
    from scipy.signal import sosfilt

    passes = design(rate, highpass=BAND[0], lowpass=min(BAND[1], HIGHEST * rate), phase="causal")
    skipped = round(WARM * rate)
    y = sosfilt(passes.sos, x, zi=passes.steady * x[0])[0][skipped:]
    rises = np.maximum(np.diff(moving_kurtosis(y, round(KURTOSIS * rate)), prepend=0.0), 0.0)
    rises[0] = 0.0
    climbed = np.cumsum(rises)
    at = steepest_rise(climbed - np.linspace(0.0, climbed[-1], climbed.size))
    first = max(0, at - round(AROUND[0] * rate))
    return skipped + first + aic_onset(y[first : at + round(AROUND[1] * rate) + 1])


def steepest_rise(x: np.ndarray) -> int:
    """Return the sample of (n,) from which it climbs the most without a fall; 0 where it never climbs."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(x)))) + 1
    ends = np.concatenate([[0], turns, [x.size - 1]])
    return int(ends[np.argmax(np.diff(x[ends]))])


def aic_onset(x: np.ndarray) -> int:
    """Return the first sample of the second of two parts of (n,), each of a variance of its own, that is the likeliest.

    Notes
    -----
    Maeda (1985): the least of ``k log var(x[:k]) + (n - k) log var(x[k:])`` over ``k``; 5 samples at either end are left out.
    """
    n = x.size
    if n <= 2 * AIC_EDGE:
        return n // 2
    k = np.arange(AIC_EDGE, n - AIC_EDGE)
    centred = x - x.mean()
    sums, squares = np.cumsum(centred), np.cumsum(centred**2)
    before = squares[k - 1] / k - (sums[k - 1] / k) ** 2
    behind = (squares[-1] - squares[k - 1]) / (n - k) - ((sums[-1] - sums[k - 1]) / (n - k)) ** 2
    least = np.finfo(np.float64).tiny
    criterion = k * np.log(np.maximum(before, least)) + (n - k) * np.log(np.maximum(behind, least))
    return int(k[np.argmin(criterion)])


def describe(method: str) -> str:
    """Return what a classical picker is called, and what it looks at."""
    check_choice(method, PHASES, what="'method'", of="the classical pickers")
    about = {
        "sta_lta": f"{BAND[0]:g}-{BAND[1]:g} Hz, {spell_seconds(STA)} over {spell_seconds(LTA)}, on {ON:g}",
        "ar": f"{AR_BAND[0]:g}-{AR_BAND[1]:g} Hz, by ObsPy",
        "kurtosis": f"{BAND[0]:g}-{BAND[1]:g} Hz, of {spell_seconds(KURTOSIS)}",
    }
    return f"{NAMES[method]} ({about[method]})"
