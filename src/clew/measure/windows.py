"""Windows of recordings as rows of a table: where they lie, what is measured of them, what is left out and why."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clew.errors import DataError, Stopped, check, check_choice
from clew.measure.filtering import Phase
from clew.measure.measured import Measured, counted
from clew.measure.window_places import Places, Triggered, place_windows
from clew.measure.window_plan import THREE, Detrend, WindowPlan, plan_windows, row_of
from clew.measure.window_stream import (
    WindowBlock,
    cut_windows,
    measure_cut,
    stream_windows,
    window_at,
)
from clew.measure.window_table import Part, check_group, samples_of
from clew.read.kinds import some_of
from clew.read.recording import Recording, spell_seconds
from clew.words import listed

if TYPE_CHECKING:
    from clew.read.given import Given
    from clew.samples import Samples

__all__ = [
    "WindowBlock",
    "WindowPlan",
    "measure_windows",
    "plan_windows",
    "stream_windows",
    "window_at",
]

Lacking = Literal["features", "windows"]
LEFT_OUT = {  # what is said of windows that are left out, by the reason
    "gap": "with samples that were not recorded",
    "flat": "with runs of one same value, which count as not recorded (flat=0 keeps them)",
    "dead": "in which nothing moved",
    "lacking": "of recordings",
    "outside": "that reach beyond the recording",
    "alone": "without another station at that time",
    "undefined": "of which not everything can be measured",
}


def measure_windows(
    recordings: Sequence[Recording],
    *,
    window: float = 10.0,
    step: float | None = None,
    trigger: Triggered = "none",
    sta: float = 0.5,
    lta: float = 10.0,
    on: float = 3.5,
    off: float = 1.0,
    stations: int = 3,
    before: float = 2.0,
    given: Sequence[Given] | None = None,
    everywhere: bool = False,
    rest: str = "",
    highpass: float | None = None,
    lowpass: float | None = None,
    phase: Phase = "zero",
    detrend: Detrend = "linear",
    taper: float = 0.05,
    components: str = "auto",
    missing: float = 0.0,
    flat: float = 2.0,
    lacking: Lacking = "features",
    group: str | None = None,
    network: bool = False,
    columns: Sequence[str] = (),
    highest: float | None = None,
    on_progress: Callable[[int, int], Any] | None = None,
) -> Measured:
    """Cut recordings into windows and measure each: one row a window.

    Parameters
    ----------
    recordings : sequence of Recording
        All with other names. Rates may differ.
    window, step : float
        In s; the step is the window by default. Sliding windows begin at whole multiples of the step since 1970, so that
        those of several stations and files fall on the same times; since the first sample where nothing is dated.
    trigger : {"none", "classic", "recursive", "coincidence"}
        "none" has windows slide, or lie where ``given`` says; else there is one window a trigger of STA/LTA, and
        "coincidence" keeps those which recursive STA/LTA finds on several stations at once.
    sta, lta, on, off : float
        The short and the long mean in s, and the ratios that begin and end a trigger.
    stations : int
        How many must coincide.
    before : float
        From the start of a window to the trigger, or the given moment, in s.
    given : sequence of Given, optional
        What people said of moments and spans. Without triggers the windows lie there: one for a moment and for a span no
        longer than a window, sliding ones in longer spans. With triggers it is only where labels come from.
    everywhere : bool
        Let windows slide over all recordings though something is given: a window is of the class of the span that covers half
        of it or more, or of a moment in its first half.
    rest : str
        The class of windows everywhere that nothing given touches, nor that begin within a window behind a moment, such as
        "noise"; they have none by default.
    highpass, lowpass, phase, detrend, taper, components, missing, flat, highest, network
        As `plan_windows` and `WindowPlan` have them.
    lacking : {"features", "windows"}
        Where some recordings have no living horizontals: leave out the measurements that need three components, or those
        recordings' windows.
    group : str, optional
        "station", "day", "event", "file", or a column of ``given``. By default the event where several stations recorded
        the same ones, the station where there are several, the recording where times cannot be compared, else each window
        is a group and the splits go by time. Where events are groups, windows without one are grouped by their time.
    columns : sequence of str
        The columns of ``given`` that `origin` keeps; all by default.
    on_progress : callable, optional
        Called with how many windows are done, and of how many; returning False stops.

    Returns
    -------
    Measured
        Samples are called "BW.UH1.SH@2010-05-27T16:24:33.210", or "NAME@12.500s". ``origin`` holds source, station,
        recording, start and end in s (``seconds_from`` and ``seconds_to`` where several recordings are not dated, since
        their times cannot be compared), first (the first sample), components (those that lived), event (of triggers
        that coincide), and the columns of ``given``.

    Raises
    ------
    DataError
        If the recordings do not fit each other or the windows, or no window is usable.
    SettingError
        If a setting is out of range, or a group asked for that there is not.
    Stopped
        If ``on_progress`` returned False.
    """
    check_choice(lacking, ("features", "windows"), what="'lacking' setting", of="the windows")
    plan = plan_windows(
        recordings,
        window=window,
        step=step,
        highpass=highpass,
        lowpass=lowpass,
        phase=phase,
        detrend=detrend,
        taper=taper,
        components=components,
        missing=missing,
        flat=flat,
        highest=highest,
        network=network,
    )
    names = Counter(one.name for one in recordings).most_common(1)[0]
    check(names[1] == 1, DataError, "The recordings must have different names. Got '{}' twice.", names[0])
    check_group(group, recordings, of_events=trigger == "coincidence", given=given)
    neighbours = [_neighbours(one, recordings) if network else [] for one in recordings]
    notes = _notes_of_recordings(recordings, plan, neighbours)
    plan = dataclasses.replace(plan, network=any(neighbours))
    placement: dict[str, Any] = {"trigger": trigger, "before": float(before)}
    if everywhere or rest:
        placement |= {"everywhere": everywhere, "rest": rest}
    if trigger != "none":
        placement |= {"sta": sta, "lta": lta, "on": on, "off": off, "stations": stations}
    places, said = place_windows(recordings, plan, given=given, **placement)
    parts = _measure(recordings, places, neighbours, plan, on_progress)
    settled, usable, why = _settle(parts, plan, lacking)
    counts = _counts(parts, usable, why)
    notes += [*said, *_notes_of_windows(parts, usable, counts, plan, settled)]
    samples, note = samples_of(parts, usable, settled, group=group, columns=columns, given=given)
    notes += _notes_of_labels(samples) + _note_of_overlap(samples)
    rates = sorted({one.rate for one in recordings})
    settings = {
        "plan": {**settled.to_settings(), **placement},
        "rate": rates[0] if len(rates) == 1 else rates,
        "components": list(settled.components),
        "unit": settled.unit,
        "highest": settled.highest,
    }
    return Measured(samples, {}, [*notes, *note], counts, settings)


def _neighbours(recording: Recording, recordings: Sequence[Recording]) -> list[Recording]:
    """Return the recordings of other stations that can be compared with one: dated, at the same rate."""
    return [
        one
        for one in recordings
        if one.station != recording.station and one.rate == recording.rate and one.dated and recording.dated
    ]


def _measure(
    recordings: Sequence[Recording],
    places: Sequence[Places],
    neighbours: Sequence[Sequence[Recording]],
    plan: WindowPlan,
    on_progress: Callable[[int, int], Any] | None,
) -> list[Part]:
    """Measure all windows, those that lack horizontals too; whether they may is settled when all have been seen."""
    done, total = 0, sum(one.first.size for one in places)
    parts = []
    for recording, place, beside in zip(recordings, places, neighbours):
        part = Part(recording, place, plan)
        for cut in cut_windows(recording, [place.first], plan=plan):
            part.add(cut, measure_cut(cut, recording, plan=plan, neighbours=beside))
            done += cut.first.size
            if on_progress is not None and on_progress(done, total) is False:
                raise Stopped(f"Stopped after {done} of {total} windows.")
        parts.append(part)
    return parts


def _settle(
    parts: Sequence[Part], plan: WindowPlan, lacking: Lacking
) -> tuple[WindowPlan, list[np.ndarray], list[np.ndarray]]:
    """Return the plan that holds for all, and for each recording which windows are usable and why others are not."""
    without = [part.lacks_horizontals() for part in parts]
    if plan.stand_in and any(without) and lacking == "features":
        why = [np.array(part.why_alone, dtype=object) for part in parts]
        return plan.without_three(), [one == "" for one in why], why
    why = [np.array(part.why, dtype=object) for part in parts]
    for one, part, lacks in zip(why, parts, without):
        if lacks:
            one[np.array(part.why_alone, dtype=object) == ""] = "lacking"
    return plan, [one == "" for one in why], why


def _counts(parts: Sequence[Part], usable: Sequence[np.ndarray], why: Sequence[np.ndarray]) -> dict[str, int]:
    """Count what there is and what is left out, and refuse to go on with nothing."""
    reasons = Counter(str(reason) for one in why for reason in one if reason)
    reasons["outside"] = sum(part.places.outside for part in parts)
    found = sum(one.size for one in usable) + reasons["outside"]
    left_out = {reason: reasons[reason] for reason in LEFT_OUT if reasons[reason]}
    kept = int(sum(one.sum() for one in usable))
    clipped = int(sum((np.array(part.clipped, bool) & one).sum() for part, one in zip(parts, usable)))
    said = "; ".join(f"{n} {LEFT_OUT[reason]}{_more_of(reason, parts)}" for reason, n in left_out.items())
    check(
        found,
        DataError,
        "There must be at least one window. Got none: nothing was found to put windows around.",
    )
    check(
        kept,
        DataError,
        "There must be at least one usable window. Got {}: {}.",
        counted(found, "window"),
        said,
    )
    too_short = sum(part.recording.n < part.n for part in parts)
    return {
        "recordings": len(parts),
        "windows": found,
        "kept": kept,
        **left_out,
        "clipped": clipped,
        "too short": too_short,
    }


def _notes_of_recordings(
    recordings: Sequence[Recording], plan: WindowPlan, neighbours: Sequence[Sequence[Recording]]
) -> list[str]:
    """Say what differs between recordings, and what follows."""
    notes = []
    rates = sorted({one.rate for one in recordings})
    if len(rates) > 1:
        spelt = ", ".join(f"{rate:g}" for rate in rates)
        notes.append(
            f"The recordings have different rates ({spelt} Hz): spectra are looked at up to {plan.highest:g} Hz, which all can show."
        )
    others = sorted({name for one in recordings for name in one.components if _is_other(plan, one, name)})
    if others:
        notes.append(
            f"Measured: {', '.join(plan.components)}. Left alone, since not all recordings have it or it was not asked for: {some_of(others)}."
        )
    letters = [name for name in plan.components if len(name) == 1 and name.isalpha()]
    if len(letters) == len(plan.components) >= 3 and "Z" not in letters and "Z" not in others:
        notes.append(
            f"Which of the components {listed(letters)} is the vertical is not known: each is measured by itself, and nothing "
            "takes three together."
        )
    short = [one.name for one in recordings if one.n < plan.n(one.rate)]
    if short:
        notes.append(
            f"{counted(len(short), 'recording')} of {len(recordings)} {'is' if len(short) == 1 else 'are'} shorter than a window of {spell_seconds(plan.window)}: {some_of(short)}."
        )
    alone = [one.name for one, beside in zip(recordings, neighbours) if not beside]
    if plan.network and alone:
        notes.append(
            f"Nothing to compare with, at the same rate and on another station: {some_of(alone)}."
            + (
                " Their windows are left out."
                if len(alone) < len(recordings)
                else " Stations are not compared."
            )
        )
    return notes


def _is_other(plan: WindowPlan, recording: Recording, name: str) -> bool:
    """Tell whether a component of a recording is none of those that are measured."""
    return recording.components.index(name) not in {row_of(recording, one) for one in plan.components}


def _notes_of_windows(
    parts: Sequence[Part],
    usable: Sequence[np.ndarray],
    counts: dict[str, int],
    plan: WindowPlan,
    settled: WindowPlan,
) -> list[str]:
    """Say what was left out and why, and what to know of what was kept."""
    notes = []
    for reason, words in LEFT_OUT.items():
        if counts.get(reason):
            said = words + _more_of(reason, parts)
            notes.append(f"Left out: {counted(counts[reason], 'window')} of {counts['windows']} {said}.")
    lacks = [part for part in parts if part.lacks_horizontals()]
    if plan.stand_in and lacks and settled is not plan:
        notes.append(
            f"{len(lacks)} of {counted(len(parts), 'recording')} {'has' if len(lacks) == 1 else 'have'} {_dead_in(lacks)}: "
            "measurements that need three components are left out (--lacking windows "
            "keeps them and leaves the windows out)."
        )
    stand_ins = sum(int((np.array(part.stands_in, bool) & one).sum()) for part, one in zip(parts, usable))
    if stand_ins:
        notes.append(
            f"In {counted(stand_ins, 'window')} the vertical is dead, and the one component that lives stands in."
        )
    if counts["clipped"]:
        notes.append(
            f"{counted(counts['clipped'], 'window')} {'looks' if counts['clipped'] == 1 else 'look'} clipped, with many samples at the very top or bottom, and stay in: amplitudes are too small there."
        )
    empty = [
        part.recording.name
        for part, one in zip(parts, usable)
        if not one.any() and part.recording.n >= part.n
    ]
    if empty:
        notes.append(f"No usable window in {some_of(empty)}.")
    return notes


def _more_of(reason: str, parts: Sequence[Part]) -> str:
    """Say what else there is to know of windows that are left out: which components are dead, what can be done."""
    if reason == "alone":
        return " (without --network they would stay)"
    if reason == "lacking":
        return ", with " + _dead_in([part for part in parts if part.lacks_horizontals()])
    return _dead_said(parts) if reason == "dead" else ""


def _dead_in(parts: Sequence[Part]) -> str:
    """Say that horizontals are dead: which, and in how many recordings, where it is not both of them in all."""
    dead = Counter(
        name for part in parts for name in THREE[1:] if not any(name in one for one in part.components)
    )
    if all(dead[name] == len(parts) for name in THREE[1:]):
        return "no living horizontals"
    each = [f"{name} is dead" + f" in {n}" * (len(parts) > 1) for name, n in dead.items()]
    return f"no two living horizontals ({listed(each) or 'both at times'})"


def _dead_said(parts: Sequence[Part]) -> str:
    """Say which components did not move, and what can be done where others did."""
    dead = Counter(name for part in parts for one in part.dead if one for name in one.split(", ") if name)
    if not dead:
        return ""
    advice = "; --components measures others" if len(parts[0].plan.components) > 1 else ""
    return f" ({', '.join(f'{name} in {n:,}' for name, n in dead.items())}{advice})"


def _notes_of_labels(samples: Samples) -> list[str]:
    """Say how many windows have which label, the commonest first."""
    if samples.labels is None:
        return []
    counts = Counter(samples.labels.tolist())
    without = counts.pop("", 0)
    told = listed([f"{n:,} {label}" for label, n in counts.most_common()])
    none = f"; {counted(without, 'window')} without" if without else ""
    return [f"Labels: {told}{none}."]


def _note_of_overlap(samples: Samples) -> list[str]:
    """Say how much windows of one recording overlap, if half of them do, and how many there were without that."""
    origin = samples.origin
    if "start" not in origin:
        return []
    start, length = origin["start"].to_numpy(np.float64), float((origin["end"] - origin["start"]).median())
    code = np.unique(origin["recording"].to_numpy(str), return_inverse=True)[1].reshape(-1)
    order = np.lexsort((start, code))
    apart = np.diff(start[order])[np.diff(code[order]) == 0]
    shared = np.clip(length - apart, 0.0, None)
    if not apart.size or np.median(shared) < 0.01 * length:
        return []
    n = round(samples.n_rows - float(shared.sum()) / length)
    return [
        f"Windows overlap by {np.median(shared) / length:.0%}: {samples.n_rows:,} windows hold the samples of {n:,}, and count as no more."
    ]
