"""Waveforms to learn picking from, cut out of recordings of any length: around picks, and far from any."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from clew.errors import DataError, SettingError, Stopped, check
from clew.neural.fit import OnProgress
from clew.neural.ground import Ground, grounds_of
from clew.neural.picking_net import PickingNet
from clew.neural.picking_rows import Waveform
from clew.read.picks import KnownPick
from clew.read.recording import Recording

BEFORE, AFTER = 1.0, 2.0  # windows of a net before the first pick of a waveform, and from there on
FAR = 120.0  # s before and behind picks from which on recordings are taken for noise


def waveforms_of(
    recordings: Sequence[Recording],
    picks: Sequence[KnownPick],
    *,
    rate: float = 100.0,
    components: str = "ZNE",
    window: float = 30.0,
    noise: float = 1.0,
    far: float = FAR,
    notes: list[str] | None = None,
    on_progress: OnProgress | None = None,
) -> list[Waveform]:
    """Cut waveforms around picks, and pieces of noise, out of recordings; no more than these is read.

    Parameters
    ----------
    recordings : sequence of Recording
        Of any rate and length; horizontals that are called 1 and 2 are taken as N and E.
    picks : sequence of KnownPick
    rate : float
        To which they are resampled, in Hz.
    components : str
        Of the waveforms; those that a recording lacks are 0.
    window : float
        Of the net, in s: a waveform begins one window before its first pick and ends two behind it, unless the recording
        ends or pauses there. Picks that come later begin the next.
    noise : float
        How many pieces of noise there are to be for each waveform with picks, at most; 0 for none. Of recordings without
        any pick none are cut, as nobody may have looked at them.
    far : float
        How far from any pick of the recording noise is, in s.
    notes : list of str, optional
        Is added to: what was left out.
    on_progress : callable (done, total), optional
        Told after each recording; returning False stops.

    Returns
    -------
    list of Waveform
        Groups are the stations.

    Raises
    ------
    DataError
        If there are no picks, one is of no recording, or none lies in what was recorded.
    SettingError
        If a setting is out of range.
    Stopped
        If ``on_progress`` said so.
    """
    notes = [] if notes is None else notes
    check(picks, DataError, "The picks to cut waveforms around must be at least one. Got none.")
    check(noise >= 0, SettingError, "The 'noise' of waveforms must be at least 0. Got {} instead.", noise)
    for name, value in (("rate", rate), ("window", window), ("far", far)):
        check(value > 0, SettingError, "The '{}' of waveforms must be above 0. Got {} instead.", name, value)
    names = {one.name for one in recordings}
    lost = next((one for one in picks if one.recording not in names), None)
    check(lost is None, DataError, "Every pick must be of a recording that there is. Got one of '{}'.", lost and lost.recording)  # fmt: skip
    taker = _taker(rate, components, round((BEFORE + AFTER) * window * rate))
    found: list[Waveform] = []
    missed = 0
    for done, recording in enumerate(recordings):
        own = sorted((one for one in picks if one.recording == recording.name), key=lambda one: one.time)
        if own:
            grounds, said = grounds_of(taker, recording)
            notes.extend(one for one in said if "padded" not in one and "shorter" not in one)
            around, out = _around(grounds, own, window)
            apart = _apart(grounds, own, far, math.ceil(noise * len(around)), len(found))
            found += around + apart
            missed += out
        if on_progress is not None and on_progress(done + 1, len(recordings)) is False:
            raise Stopped("Cutting waveforms was stopped.")
    check(missed < len(picks), DataError, "The picks to cut waveforms around must lie in what was recorded. Got none of {} there.", len(picks))  # fmt: skip
    if missed:
        notes.append(f"{missed} of {len(picks)} picks lie in gaps and were left out.")
    return found


def _taker(rate: float, components: str, n: int) -> PickingNet:
    """Return what says how ground motion is to come: no net, and no filter."""
    return PickingNet(
        architecture="phasenet", net_settings={}, recipe={}, seeds=[0], weights={}, histories=[], labels=["P", "S", "N"],
        rate=rate, components=components, window=n,
    )  # fmt: skip


def _around(
    grounds: Sequence[Ground], picks: Sequence[KnownPick], window: float
) -> tuple[list[Waveform], int]:
    """Cut waveforms around picks in the order of time; return them, and how many picks lie in no run."""
    found, missed, rest = list[Waveform](), 0, list(picks)
    while rest:
        time = rest[0].time
        ground = next((one for one in grounds if one.time(0) - 0.5 / one.rate <= time <= one.time(one.n - 1) + 0.5 / one.rate), None)  # fmt: skip
        if ground is None:
            missed += 1
            del rest[0]
            continue
        at = (time - ground.time(0)) * ground.rate
        first = int(np.clip(round(at - BEFORE * window * ground.rate), 0, max(0, ground.n - ground.window)))
        last = ground.time(min(ground.n, first + ground.window) - 1) + 0.5 / ground.rate
        taken = [one for one in rest if one.time <= last]
        rest = rest[len(taken) :]
        found.append(_cut(ground, first, taken))
    return found, missed


def _apart(
    grounds: Sequence[Ground], picks: Sequence[KnownPick], far: float, most: int, seed: int
) -> list[Waveform]:
    """Cut pieces of noise far from any pick, at random places."""
    free: list[tuple[Ground, int]] = []
    times = np.array([one.time for one in picks])
    for ground in grounds:
        n, rate = ground.window, ground.rate
        for first in range(0, ground.n - n + 1, n):
            begin, end = ground.time(first) - far, ground.time(first) + n / rate + far
            if not ((times >= begin) & (times <= end)).any():
                free.append((ground, first))
    chosen = np.random.default_rng([seed, 3]).permutation(len(free))[:most]
    return [_cut(ground, first, []) for ground, first in (free[i] for i in np.sort(chosen))]


def _cut(ground: Ground, first: int, picks: Sequence[KnownPick]) -> Waveform:
    values = np.zeros((len(ground.rows), ground.window), np.float32)
    ground.read(first, values)
    recording = ground.run.recording
    told: dict[str, list[float]] = {}
    for one in picks:
        at = (one.time - ground.time(0)) * ground.rate - first
        told.setdefault(one.phase, []).append(float(np.clip(at, 0, ground.n - 1)))
    ground.forget()
    if ground.padded:
        values = values[:, ground.ahead : ground.ahead + ground.n]
    begins = recording.spell(ground.time(first))
    return Waveform(values, told, recording.station or recording.name, f"{recording.name} {begins}")
