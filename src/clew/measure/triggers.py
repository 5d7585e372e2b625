"""Triggers: when a recording gets louder than it was, and when several stations do at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check, check_choice
from clew.measure.filtering import Filter, design
from clew.read.recording import Recording, spell_seconds

Method = Literal["classic", "recursive"]
METHODS = ("classic", "recursive")
BLOCK = 2**18  # samples that are read at once: 2 MiB a component
STILL = 2.0  # s of one and the same value, and at least so many samples, that no living sensor gives
STILL_SAMPLES = 100


@dataclass(frozen=True)
class Trigger:
    """A time at which a recording was much louder than before.

    Parameters
    ----------
    recording, station : str
        The names of the recording and of its station.
    start, end : float
        The times in s at which the characteristic function reached ``on``, and at which it last was at least ``off``.
    peak : float
        Its largest value between them.
    """

    recording: str
    station: str
    start: float
    end: float
    peak: float


@dataclass(frozen=True)
class Coincidence:
    """Triggers of several stations that overlap.

    Parameters
    ----------
    start, duration : float
        In s: from the first start to the last end.
    stations, recordings : tuple of str
        In the order in which they were triggered, each once.
    sum : int
        The number of stations.
    """

    start: float
    duration: float
    stations: tuple[str, ...]
    recordings: tuple[str, ...]
    sum: int


def find_triggers(
    recording: Recording,
    *,
    method: Method = "recursive",
    sta: float = 0.5,
    lta: float = 10.0,
    on: float = 3.5,
    off: float = 1.0,
    highpass: float | None = None,
    lowpass: float | None = None,
    component: str = "auto",
    on_progress: Callable[[int, int], object] | None = None,
) -> list[Trigger]:
    """Find when a recording gets louder than it was, piece by piece in constant memory.

    Parameters
    ----------
    recording : Recording
        Dated or not, with gaps or without.
    method : {"classic", "recursive"}
        What is averaged: the last ``sta`` and ``lta`` seconds, or all that was, forgotten exponentially.
    sta, lta : float
        The short and the long average, in s.
    on, off : float
        A trigger begins where short over long reaches ``on``, and ends where it falls below ``off``.
    highpass, lowpass : float, optional
        The corners of a causal Butterworth filter of order 4 that the samples pass first, in Hz.
    component : str
        The one to look at; "auto" takes Z, or the first one where there is none; where that one is dead, the next.
    on_progress : callable, optional
        Called with how many samples are done, and of how many; to return False stops.

    Returns
    -------
    list of Trigger
        In the order of time; empty where nothing reached ``on``. One that a gap or the end cuts off ends there.

    Raises
    ------
    SettingError
        If the averages, thresholds or corners do not fit, or there is no such component.
    DataError
        If the recording is shorter than ``lta``, or dead.
    Stopped
        If ``on_progress`` returned False.

    Notes
    -----
    Nothing can trigger for ``lta`` seconds after the start and after each gap: filter and averages begin anew there. One
    value for 2 s (and 100 samples) or longer counts as a gap: neither padding nor its end is an event.

    Noise triggers, too. An hour of real noise (2.6 h of BW.KW1 from ObsPy's collection, 100 Hz) gives with the other
    settings as they are 28 triggers unfiltered, 3 above 1 Hz, 7 from 10 to 20 Hz; "classic" 98, 8 and 40. White noise
    gives none, but 2 an hour from 1 to 5 Hz ("classic" 41): half a second of a narrow band holds few independent samples.
    """
    from clew.kernels.triggers import follow_onsets, fresh_onset

    _check_thresholds(on, off)
    one = one_component(recording, component)
    passes = design(one.rate, highpass=highpass, lowpass=lowpass, phase="causal")
    found: list[Trigger] = []
    state = fresh_onset()

    def add(places: np.ndarray, peaks: np.ndarray) -> None:
        for (first, last), peak in zip(places.tolist(), peaks.tolist()):
            found.append(Trigger(one.name, one.station or one.name, one.time(first), one.time(last), peak))

    for first, ratio in _follow(one, method, sta, lta, passes):
        add(*follow_onsets(ratio, first, float(on), float(off), state))
        done = first + ratio.size
        if on_progress is not None and on_progress(done, one.n) is False:
            raise Stopped(
                f"Looking for triggers was stopped after {done} of {one.n} samples of '{one.name}'."
            )
    if state[0]:
        add(np.array([[int(state[1]), one.n - 1]]), state[2:])
    return found


def characteristic_function(
    recording: Recording,
    *,
    method: Method = "recursive",
    sta: float = 0.5,
    lta: float = 10.0,
    highpass: float | None = None,
    lowpass: float | None = None,
    component: str = "auto",
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the short over the long average, piece by piece: the place of its first sample, and float64 of shape (n,).

    The settings, and what is raised, are those of `find_triggers`. The pieces are as long as `BLOCK`, and what they hold
    does not depend on that. Values are 0 until the long average is full, and NaN where nothing was recorded.
    """
    one = one_component(recording, component)
    yield from _follow(
        one, method, sta, lta, design(one.rate, highpass=highpass, lowpass=lowpass, phase="causal")
    )


def _follow(
    one: Recording, method: str, sta: float, lta: float, passes: Filter
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the characteristic function of the first component of a recording."""
    from clew.kernels.triggers import classic_sta_lta, fresh_averages, recursive_sta_lta

    check_choice(method, METHODS, what="'method' setting", of="the triggers")
    n_sta, n_lta = _lengths(sta, lta, one)
    average = classic_sta_lta if method == "classic" else recursive_sta_lta
    averages, rest = fresh_averages(n_sta, n_lta), None
    for first in range(0, one.n, BLOCK):
        x = _read_living(one, first, min(first + BLOCK, one.n))
        rest = _filter_in_place(x, passes, rest)
        yield first, average(x, n_sta, n_lta, averages)


def _read_living(one: Recording, first: int, stop: int) -> np.ndarray:
    """Read samples, with NaN for runs of one value; of a long run enough lies in the piece and just around it."""
    from clew.kernels.windows import flat_runs

    longest = max(STILL_SAMPLES, round(STILL * one.rate))
    x = one.read(first - longest, stop + longest)[0]
    flat_runs(x, longest, np.zeros(x.size, bool))
    return x[longest:-longest]


def _filter_in_place(x: np.ndarray, passes: Filter, rest: np.ndarray | None) -> np.ndarray | None:
    """Filter each run of known samples, and return the state of the filter behind the last; None where a gap ends it.

    A run that does not go on from the piece before (``rest`` is None) begins as if its first sample had lasted for ever,
    so that an offset makes no noise.
    """
    if not len(passes.sos):
        return None
    from scipy.signal import sosfilt

    known = ~np.isnan(x)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    for first, stop in zip(edges[::2].tolist(), edges[1::2].tolist()):
        start = rest if first == 0 and rest is not None else passes.steady * x[first]
        x[first:stop], rest = sosfilt(passes.sos, x[first:stop], zi=start)
    return rest if known[-1] else None


def one_component(recording: Recording, component: str = "auto") -> Recording:
    """Return the recording of one component alone: the named one, or, of "auto", the first living one, Z before others.

    Raises
    ------
    SettingError
        If there is no component of that name.
    DataError
        If it is dead, or, of "auto", all of them are.
    """
    names = recording.components
    wanted = sorted(names, key=lambda name: name != "Z") if component == "auto" else [component]
    for name in wanted:
        check_choice(name, names, what="'component' setting", of=f"the triggers of '{recording.name}'")
        channel = recording.channels[names.index(name)]
        if not any(stretch.n for stretch in channel.stretches):
            continue
        one = replace(recording, channels=(channel,))
        if _lives(one):
            return one
    raise DataError(
        f"The recording '{recording.name}' must have a component that changes to be triggered by. "
        f"Got none but one value, or nothing, in: {', '.join(name or 'its only one' for name in wanted)}."
    )


def _lives(one: Recording) -> bool:
    """Tell whether two samples differ; of a living sensor the first piece tells."""
    low, high = np.inf, -np.inf
    for first in range(0, one.n, BLOCK):
        x = one.read(first, min(first + BLOCK, one.n))[0]
        low, high = np.fmin(low, np.fmin.reduce(x)), np.fmax(high, np.fmax.reduce(x))
        if low < high:
            return True
    return False


def coincidences(triggers: Sequence[Trigger], *, stations: int = 3, within: float = 0.0) -> list[Coincidence]:
    """Find where triggers of several stations overlap.

    Parameters
    ----------
    triggers : sequence of Trigger
        Of all recordings, in any order.
    stations : int
        So many different stations must take part.
    within : float
        How many seconds after the last end so far the next trigger may begin.

    Returns
    -------
    list of Coincidence
        In the order of time. Stations need not all overlap each other: the first with the second and the second
        with the third is enough.

    Raises
    ------
    SettingError
        If ``stations`` is below 1, or ``within`` below 0.

    Notes
    -----
    Trnkoczy, in: New Manual of Seismological Observatory Practice 2 (2012), doi:10.2312/GFZ.NMSOP-2_IS_8.1; equal to
    obspy.signal.trigger.coincidence_trigger where each station has one trace. From each trigger on, the chain of those
    that overlap it is followed; a recording that triggers again does not lengthen it, and a chain that ends when the one
    before ended is part of that one.
    """
    check(
        stations >= 1,
        SettingError,
        "The 'stations' setting must be a number from 1 on. Got {} instead.",
        stations,
    )
    check(within >= 0, SettingError, "The 'within' setting must be at least 0 s. Got {} instead.", within)
    ordered = sorted(triggers, key=lambda one: (one.start, one.end, one.recording))
    found: list[Coincidence] = []
    last_end = -np.inf
    for i, one in enumerate(ordered):
        chain, end = {one.recording: one.station}, one.end
        for j in range(i + 1, len(ordered)):
            other = ordered[j]
            if other.recording in chain:
                continue
            if other.start > end + within:
                break
            chain[other.recording] = other.station
            end = max(end, other.end)
        different = tuple(dict.fromkeys(chain.values()))
        if len(different) >= stations and end > last_end:
            found.append(Coincidence(one.start, end - one.start, different, tuple(chain), len(different)))
            last_end = end
    return found


def _check_thresholds(on: float, off: float) -> None:
    """Refuse thresholds between which no trigger can be."""
    check(
        0 < off <= on,
        SettingError,
        "The 'off' setting of the triggers must be above 0 and not above 'on' ({:g}). Got {:g} instead.",
        on,
        off,
    )


def _lengths(sta: float, lta: float, recording: Recording) -> tuple[int, int]:
    """Return both averages in samples, or say which of them does not fit the recording."""
    rate = recording.rate
    check(
        0 < sta < lta,
        SettingError,
        "The 'sta' setting of the triggers must be above 0 s and below 'lta' ({:g} s). Got {:g} s instead.",
        lta,
        sta,
    )
    check(
        round(sta * rate) >= 1,
        SettingError,
        "The 'sta' setting of the triggers must be at least one sample of '{}' ({:g} s). Got {:g} s instead.",
        recording.name,
        1 / rate,
        sta,
    )
    n_lta = round(lta * rate)
    check(
        recording.n > n_lta,
        DataError,
        "The recording '{}' must be longer than the long average of the triggers ({}). Got {}.",
        recording.name,
        spell_seconds(lta),
        spell_seconds(recording.duration),
    )
    return round(sta * rate), n_lta
