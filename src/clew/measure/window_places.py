"""Where the windows of recordings lie: sliding, around triggers, around what people said."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice, did_you_mean
from clew.measure.measured import counted
from clew.measure.window_plan import WindowPlan
from clew.measure.window_stream import grid
from clew.read.given import Given
from clew.read.recording import Recording, spell_seconds, spell_time

if TYPE_CHECKING:
    from clew.measure.triggers import Trigger

Triggered = Literal["none", "classic", "recursive", "coincidence"]


@dataclass(frozen=True, eq=False)
class Places:
    """Where the windows of one recording lie.

    Parameters
    ----------
    first : ndarray of int64, shape (w,)
        Their first samples, rising, all different.
    event : list of str
        The event that each is of; "" for none.
    given : list of (Given or None)
        What people said of each.
    outside : int
        How many more were found that do not lie whole in the recording.
    met : int
        In how many two annotations that differ fit equally well; the first counts.
    """

    first: np.ndarray
    event: list[str]
    given: list[Given | None]
    outside: int = 0
    met: int = 0


@dataclass(eq=False)
class _Found:
    """Windows of one recording as they are found, by their first samples: the first that is found at a place counts."""

    recording: Recording
    n: int
    at: dict[int, tuple[str, Given | None]] = field(default_factory=dict)
    outside: int = 0
    met: set[int] = field(default_factory=set)

    def add(self, first: int, event: str, given: Given | None) -> bool:
        """Note a window; False if it does not lie whole in the recording."""
        fits = first >= 0 and first + self.n <= self.recording.n
        self.outside += not fits
        if fits:
            _, other = self.at.setdefault(first, (event, given))
            if _differ(other, given):
                self.met.add(first)
        return fits

    def places(self) -> Places:
        first = np.array(sorted(self.at), np.int64)
        told = [self.at[i] for i in first.tolist()]
        return Places(
            first, [event for event, _ in told], [given for _, given in told], self.outside, len(self.met)
        )


def _differ(one: Given | None, other: Given | None) -> bool:
    """Tell whether two annotations say different things."""
    return one is not None and other is not None and (one.label, one.columns) != (other.label, other.columns)


def sliding(recording: Recording, plan: WindowPlan) -> Places:
    """Return windows that slide over a recording."""
    first = np.concatenate([np.empty(0, np.int64), *grid(recording, plan)])
    return Places(first, [""] * first.size, [None] * first.size)


def around_triggers(
    recordings: Sequence[Recording],
    plan: WindowPlan,
    *,
    trigger: Triggered,
    sta: float,
    lta: float,
    on: float,
    off: float,
    stations: int,
    before: float,
    given: Sequence[Given] | None = None,
) -> tuple[list[Places], list[str]]:
    """Return one window a trigger, from ``before`` s before its onset, and what is to be said.

    Triggers that overlap on ``stations`` stations are one event, called after its time; a recording that triggered twice
    in it has one window, around the first. A window has the label of the given span that covers at least half of it.
    """
    from clew.measure.triggers import coincidences, find_triggers

    notes, triggers = [], []
    for one in recordings:
        try:
            triggers += find_triggers(
                one,
                method="classic" if trigger == "classic" else "recursive",
                sta=sta,
                lta=lta,
                on=on,
                off=off,
                highpass=plan.highpass,
                lowpass=plan.lowpass,
            )
        except DataError as error:
            notes.append(f"No triggers of '{one.name}': {error}")
    events: list[tuple[Trigger, str]] = [(one, "") for one in triggers]
    said = counted(len(triggers), "trigger")
    if trigger == "coincidence":
        check_stations(stations, recordings)
        found = coincidences(triggers, stations=stations)
        events = _first_of_each(
            triggers, [(one.start, one.start + one.duration) for one in found], recordings
        )
        said += f", {counted(len(found), 'event')} on at least {stations} stations"
    windows = {one.name: _Found(one, plan.n(one.rate)) for one in recordings}
    for at, event in events:
        window = windows[at.recording]
        window.add(window.recording.index(at.start - before), event, None)
    notes.insert(0, f"{said} (STA {spell_seconds(sta)}, LTA {spell_seconds(lta)}, on {on:g}, off {off:g}).")
    return [_told_of(window.places(), window.recording, plan, given) for window in windows.values()], notes


def check_stations(stations: int, recordings: Sequence[Recording]) -> None:
    """Refuse a coincidence of more stations than there are."""
    known = len({one.station for one in recordings})
    check(
        2 <= stations <= known,
        SettingError,
        "The 'stations' setting of the windows must be from 2 to the number of stations ({}). Got {} instead.",
        known,
        stations,
    )


def _first_of_each(
    triggers: Sequence[Trigger], spans: Sequence[tuple[float, float]], recordings: Sequence[Recording]
) -> list[tuple[Trigger, str]]:
    """Return for each event the first trigger of each recording in it, and the event's name."""
    ordered = sorted(triggers, key=lambda one: one.start)
    starts = [one.start for one in ordered]
    found = []
    for start, end in spans:
        event = spell_time(start, dated=recordings[0].dated).removesuffix("s").split(".")[0]
        within = ordered[bisect_left(starts, start) : bisect_right(starts, end)]
        first = {one.recording: one for one in reversed(within)}
        found += [(one, event) for one in within if first[one.recording] is one]
    return found


def _told_of(
    places: Places, recording: Recording, plan: WindowPlan, given: Sequence[Given] | None, rest: str = ""
) -> Places:
    """Return the same places with what was said of spans that cover at least half of a window, or moments in its first half.

    Windows that nothing touches are of the class ``rest``, if there is one. A moment does not say how long it was to be
    heard: it touches those that begin up to a window behind it, too, which may hold S waves and coda.
    """
    start = recording.start + places.first / recording.rate
    told: list[Given | None] = [None] * len(start)
    best, touched, met = np.zeros(len(start)), np.zeros(len(start), bool), np.zeros(len(start), bool)
    for one in given or ():
        if one.recording != recording.name:
            continue
        low = int(np.searchsorted(start, one.start - plan.window, side="right"))
        until = one.start + plan.window if one.end is None else one.end
        high = int(np.searchsorted(start, until, side="right"))
        touched[low:high] = True
        for i in range(low, high):
            share = _shared(one, float(start[i]), plan.window)
            if share >= 0.5 and share > best[i]:
                told[i], best[i], met[i] = one, share, False
            elif share >= 0.5 and share == best[i]:
                met[i] |= _differ(told[i], one)
    if rest:
        for i in np.flatnonzero(~touched).tolist():
            told[i] = Given(recording.name, float(start[i]), float(start[i]) + plan.window, rest, {})
    return Places(places.first, places.event, told, places.outside, int(met.sum()))


def _shared(one: Given, start: float, window: float) -> float:
    """Return the share of a window that a span covers; 1 for a moment in its first half.

    A moment begins what is to be heard: a window that it comes late in holds mostly what was before.
    """
    if one.end is None:
        return float(start <= one.start < start + window / 2)
    return (min(one.end, start + window) - max(one.start, start)) / window


def around_given(
    recordings: Sequence[Recording], plan: WindowPlan, given: Sequence[Given], *, before: float
) -> list[Places]:
    """Return windows where people said something.

    A moment has one window, from ``before`` s before it; a span that is no longer than a window one from its start; a
    longer span windows that slide from its start, as long as they lie whole in it.

    Raises
    ------
    DataError
        If a recording is not among those there are, or a window does not lie whole in its recording.
    """
    windows = {one.name: _Found(one, plan.n(one.rate)) for one in recordings}
    for one in given:
        if one.recording not in windows:
            raise DataError(
                f"The given windows must be of recordings that there are. Got '{one.recording}'."
                f"{did_you_mean(one.recording, windows)}"
            )
        found = windows[one.recording]
        recording = found.recording
        event = str(one.columns.get("event", ""))
        start = one.start - before if one.end is None else one.start
        length = 0.0 if one.end is None else one.end - one.start
        if recording.n < found.n:  # counted; it is for the others to say more
            found.outside += 1
            continue
        steps = max(0, int(np.floor((length - plan.window) / plan.step + 1e-6)))
        for k in range(steps + 1):
            _, other = found.at.get(recording.index(start + k * plan.step), ("", one))
            check(
                other is not None and other.label == one.label,
                DataError,
                "The given windows must each have one label. Got '{}' and '{}' at {} of '{}'.",
                other and other.label,
                one.label,
                recording.spell(start + k * plan.step),
                recording.name,
            )
            fits = found.add(recording.index(start + k * plan.step), event, one)
            check(
                fits,
                DataError,
                "The given window at {} of {} must lie in '{}', which lasts from {} to {}.",
                recording.spell(start + k * plan.step),
                spell_seconds(plan.window),
                recording.name,
                recording.spell(recording.start),
                recording.spell(recording.start + recording.duration),
            )
    return [window.places() for window in windows.values()]


def place_windows(
    recordings: Sequence[Recording],
    plan: WindowPlan,
    *,
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
) -> tuple[list[Places], list[str]]:
    """Return where the windows of each recording lie, and what is to be said: around triggers, what is given, or sliding."""
    check(
        not rest or (everywhere and given is not None and trigger == "none"),
        SettingError,
        "The 'rest' setting of the windows must go with --annotations and --everywhere, and no --trigger. Got '{}' without.",
        rest,
    )
    check(
        not everywhere or (given is not None and trigger == "none"),
        SettingError,
        "The 'everywhere' setting of the windows must go with --annotations and no --trigger. Got {}.",
        "no annotations" if given is None else f"--trigger {trigger}",
    )
    check_choice(
        trigger,
        ("none", "classic", "recursive", "coincidence"),
        what="'trigger' setting",
        of="the windows",
    )
    if trigger != "none":
        places, notes = around_triggers(
            recordings,
            plan,
            trigger=trigger,
            sta=sta,
            lta=lta,
            on=on,
            off=off,
            stations=stations,
            before=before,
            given=given,
        )
        return places, notes + _note_of_meeting(places)
    if given is not None and not everywhere:
        places = around_given(recordings, plan, given, before=before)
        return places, _note_of_meeting(places)
    places = [sliding(one, plan) for one in recordings]
    if given is not None:
        places = [_told_of(one, at, plan, given, rest) for one, at in zip(places, recordings)]
    return places, _note_of_meeting(places)


def _note_of_meeting(places: Sequence[Places]) -> list[str]:
    """Say in how many windows annotations met."""
    met = sum(one.met for one in places)
    if not met:
        return []
    return [f"In {counted(met, 'window')} two annotations that differ fit equally well: the first counts."]
