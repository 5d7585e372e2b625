"""Figures of what happened when: a day in lines of an hour, a line a station, and triggers with what set them off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from clew.measure.measured import counted
from clew.plot.signals import LEFT, RIGHT, extremes
from clew.plot.style import INK, INK2, INK3, RULE, SURFACE, THREAD, Drawing, drawn, group_color, short
from clew.read.recording import DAY, Recording, spell_seconds, spell_time

READ = 2**20  # samples that are read at once
LINES = (60.0, 600.0, 3600.0, 6 * 3600.0, DAY)  # s that a line of a day plot may hold
MOST_LINES = 31


class Events(Protocol):
    """What is drawn of events: `clew.learn.events.Events`; each an array of shape (n_events,), times in s."""

    @property
    def recording(self) -> np.ndarray: ...
    @property
    def station(self) -> np.ndarray: ...
    @property
    def start(self) -> np.ndarray: ...
    @property
    def end(self) -> np.ndarray: ...
    @property
    def label(self) -> np.ndarray: ...


# ---- a day, a month ----
@drawn
def events_figure(
    events: Events,
    recording: Recording,
    *,
    first: float | None = None,
    last: float | None = None,
    classes: Sequence[str] = (),
    width: float = 860,
) -> Drawing:
    """Draw a recording in lines of an hour (or what suits its length), its events coloured and lettered by class.

    Parameters
    ----------
    events : Events
        Those in other recordings are left out.
    recording : Recording
        Its first component is drawn, by its smallest and largest values, a piece at a time.
    first, last : float, optional
        From when to when, in s; all of it by default.
    classes : sequence of str
        In the order of colours and letters; as they stand in the events by default.
    """
    began = recording.start if first is None else first
    ended = recording.start + recording.duration if last is None else last
    line = next((one for one in LINES if (ended - began) / one <= MOST_LINES), (ended - began) / MOST_LINES)
    if recording.dated and first is None:
        began = np.floor(began / line) * line  # lines begin at whole hours, or days
    n_lines, columns = max(1, int(np.ceil((ended - began) / line))), int(width - LEFT - RIGHT) * 2
    height = 22.0 * n_lines + 84
    drawing = Drawing(width, height)
    axes = drawing.add_axes((LEFT / width, 56 / height, 1 - (LEFT + RIGHT) / width, 22 * n_lines / height))
    names = list(classes) or list(dict.fromkeys(str(one) for one in events.label))
    low, high = (np.concatenate(part) for part in zip(*(
        _line(recording, began + i * line, line, columns) for i in range(n_lines)
    )))  # fmt: skip
    spread = float(np.nanpercentile(np.abs([low, high]), 99)) if np.isfinite(low).any() else 0.0
    at = np.linspace(0, line, columns, endpoint=False)
    for i in range(n_lines):
        own = slice(i * columns, (i + 1) * columns)
        base = n_lines - 1 - i
        bottom, top = (base + np.clip(one[own] / (2.2 * (spread or 1.0)), -0.9, 0.9) for one in (low, high))
        axes.fill_between(at, bottom, top, color=INK2, linewidth=0.4, rasterized=True)
        axes.text(-8 / (width - LEFT - RIGHT), base, _clock(began + i * line, line, recording.dated), ha="right", va="center", fontsize=9, color=INK3, transform=axes.get_yaxis_transform())  # fmt: skip
    kept = [k for k, name in enumerate(events.recording) if name == recording.name]
    for k in kept:
        _mark(
            axes,
            float(events.start[k]) - began,
            float(events.end[k]) - began,
            line,
            n_lines,
            names.index(str(events.label[k])),
        )
    axes.set_xlim(0, line)
    axes.set_ylim(-0.9, n_lines - 0.1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    ticks = np.linspace(0, line, 7)
    per, unit = (3600.0, "h") if line > 3600 else (60.0, "min") if line > 60 else (1.0, "s")
    axes.set_xticks(ticks, [f"{tick / per:.3g}" for tick in ticks])
    axes.set_xlabel(f"{unit}; each line is {spell_seconds(line)}")
    component = f", {recording.components[0]}" if recording.components[0] else ""
    drawing.text(LEFT / width, 1 - 14 / height, short(f"{recording.name}{component}, from {_when(began, recording.dated)}; {counted(len(kept), 'event')}", 100), fontsize=10, color=INK, va="center")  # fmt: skip
    _key(drawing, names, 12 / height, width)
    return drawing


def _line(recording: Recording, began: float, line: float, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and largest values, without the line's median, in each column of a line, (columns,)."""
    first, n = recording.index(began), round(line * recording.rate)
    edges = first + np.arange(columns + 1) * n // columns
    low, high = np.full((2, columns), np.nan)
    at_once = max(1, READ // max(1, n // columns))
    for a in range(0, columns, at_once):
        b = min(a + at_once, columns)
        x = recording.read(int(edges[a]), int(edges[b]))[0]
        own = np.minimum(edges[a:b] - edges[a], max(len(x) - 1, 0))
        if len(x):
            low[a:b], high[a:b] = np.fmin.reduceat(x, own), np.fmax.reduceat(x, own)
    middle = np.nanmedian((low + high) / 2) if np.isfinite(low).any() else 0.0
    return low - middle, high - middle


def _clock(time: float, line: float, dated: bool) -> str:
    """Write when a line begins: the day where lines are days, else the time of day."""
    if not dated:
        return spell_seconds(time)
    day, _, clock = spell_time(time, dated=True).partition("T")
    return day[5:] if line >= DAY or clock.startswith("00:00:00") else clock[:5] if line >= 60 else clock[:8]


def _when(time: float, dated: bool) -> str:
    """Write a time to the second."""
    return f"{spell_time(time, dated=True)[:19].replace('T', ' ')} UTC" if dated else spell_seconds(time)


def _mark(axes: Any, start: float, end: float, line: float, n_lines: int, which: int) -> None:
    """Colour an event on all lines that it touches, and letter it where it begins."""
    for i in range(max(0, int(start // line)), min(n_lines - 1, int(max(end - 1e-9, start) // line)) + 1):
        a, b = max(start - i * line, 0.0), min(end - i * line, line)
        wide = max(b - a, line / 400)  # the shortest can be seen, too
        base = n_lines - 1 - i
        axes.fill_between(
            [a, a + wide],
            base - 0.45,
            base + 0.45,
            color=group_color(which),
            alpha=0.35,
            linewidth=0,
            zorder=1.5,
        )
        axes.plot(
            [a, a + wide], [base - 0.45] * 2, color=group_color(which), linewidth=2, solid_capstyle="butt"
        )
        if i == int(start // line):
            axes.text(a, base + 0.42, letter(which), ha="left", va="top", fontsize=8.5, weight="bold", color=INK, zorder=4,
                      bbox={"facecolor": SURFACE, "alpha": 0.7, "linewidth": 0, "pad": 0.6})  # fmt: skip


def letter(which: int) -> str:
    """Return the letter of a class: A, B, ..., Z, A2, ..."""
    return chr(65 + which % 26) + (str(which // 26 + 1) if which >= 26 else "")


def _key(drawing: Any, names: Sequence[str], y: float, width: float) -> None:
    """Say which letter and colour stands for which class."""
    x = LEFT
    for which, name in enumerate(names):
        drawing.text(
            x / width, y, letter(which), fontsize=9.5, weight="bold", color=group_color(which), va="center"
        )
        drawing.text((x + 14) / width, y, short(name, 24), fontsize=9.5, color=INK3, va="center")
        x += 30 + 6.4 * min(len(name), 24)


@drawn
def timeline(
    events: Events,
    *,
    dated: bool = True,
    classes: Sequence[str] = (),
    what: str = "events",
    width: float = 860,
) -> Drawing:
    """Draw events as one line a station, coloured by class and each class at a height and with a letter of its own.

    Parameters
    ----------
    events : Events
        At least one.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    classes : sequence of str
        In the order of colours and letters; as they stand in the events by default.
    what : str
        What they are called.
    """
    start, end = np.asarray(events.start, float), np.asarray(events.end, float)
    names = list(classes) or list(dict.fromkeys(str(one) for one in events.label))
    stations = list(dict.fromkeys(str(one) for one in events.station))
    row = 12.0 * len(names) + 10
    height = row * len(stations) + 84
    drawing = Drawing(width, height)
    left = LEFT + 60
    axes = drawing.add_axes(
        (left / width, 56 / height, 1 - (left + RIGHT) / width, row * len(stations) / height)
    )
    began, lasts = float(start.min()), max(float(end.max() - start.min()), 1e-9)
    per, unit = next(((size, name) for size, name in ((DAY, "days"), (3600.0, "h"), (60.0, "min")) if lasts >= 2 * size), (1.0, "s"))  # fmt: skip
    for s, station in enumerate(stations):
        base = len(stations) - 1 - s
        own = np.array([str(one) == station for one in events.station])
        axes.axhline(base - 0.5, color=RULE, linewidth=0.8)
        axes.text(-12 / (width - left - RIGHT), base, short(station, 18), ha="right", va="center", fontsize=9.5, color=INK, transform=axes.get_yaxis_transform())  # fmt: skip
        for which, name in enumerate(names):
            here = own & np.array([str(one) == name for one in events.label])
            y = base + 0.36 - 0.72 * (which + 0.5) / len(names)
            wide = np.maximum(end[here] - start[here], lasts / 500)
            axes.barh(np.full(here.sum(), y), wide / per, left=(start[here] - began) / per, height=0.62 / len(names), color=group_color(which), linewidth=0)  # fmt: skip
            axes.text(1 + 4 / (width - left - RIGHT), y, letter(which), fontsize=8, color=INK3, va="center", transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_xlim(0, lasts / per)
    axes.set_ylim(-0.5, len(stations) - 0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{unit} from {_when(began, dated)}")
    drawing.text(
        LEFT / width,
        1 - 14 / height,
        f"{len(start):,} {what}, a line a station",
        fontsize=10,
        color=INK,
        va="center",
    )
    _key(drawing, names, 12 / height, width)
    return drawing


# ---- triggers ----
@drawn
def triggers_figure(
    x: np.ndarray,
    function: np.ndarray,
    triggers: Sequence[tuple[float, float]],
    *,
    rate: float,
    on: float,
    off: float,
    start: float = 0.0,
    dated: bool = True,
    label: str = "",
    unit: str = "",
    width: float = 640,
) -> Drawing:
    """Draw a trace, and below it the function whose thresholds set triggers on and off.

    Parameters
    ----------
    x, function : ndarray of float64, shape (n,)
        The trace, and its ratio of short to long mean.
    triggers : sequence of (float, float)
        When each goes on and off, in s, as ``start``.
    rate : float
        In Hz.
    on, off : float
        The thresholds.
    start : float
        The time of the first sample, in s.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    label, unit : str
    """
    height = 300.0
    drawing = Drawing(width, height)
    across = 1 - (LEFT + RIGHT + 34) / width
    upper = drawing.add_axes((LEFT / width, 172 / height, across, 96 / height))
    lower = drawing.add_axes((LEFT / width, 48 / height, across, 108 / height))
    n = min(len(x), int(2 * (width - LEFT - RIGHT)))
    at = np.arange(n) * (len(x) / n) / rate
    for axes, values in ((upper, x), (lower, function)):
        low, high = extremes(np.asarray(values, np.float64), n)
        axes.fill_between(at, low, high, color=INK2, linewidth=0.8)
        for number, (a, b) in enumerate(triggers, start=1):
            axes.axvspan(a - start, b - start, color=THREAD, alpha=0.16, linewidth=0)
            axes.axvline(a - start, color=THREAD, linewidth=1.2)
            if axes is upper:
                axes.text(
                    a - start,
                    1.02,
                    f" {number}",
                    color=THREAD,
                    fontsize=9,
                    va="bottom",
                    transform=axes.get_xaxis_transform(),
                )
        axes.set_xlim(0, len(x) / rate)
    upper.set_ylabel(unit)
    upper.tick_params(labelbottom=False)
    upper.ticklabel_format(axis="y", scilimits=(-3, 4))
    for level, style, name in ((on, "solid", "on"), (off, (0, (4, 2)), "off")):
        lower.axhline(level, color=INK, linewidth=0.9, linestyle=style)
        lower.text(
            1.008,
            level,
            f"{name} {level:g}",
            va="center",
            fontsize=9,
            color=INK,
            transform=lower.get_yaxis_transform(),
        )
    lower.set_ylim(0, max(1.15 * np.nanmax(function, initial=on), 1.3 * on))
    lower.set_ylabel("STA / LTA")
    when = spell_time(start, dated=dated).replace("T", " ") + (" UTC" if dated else "")
    lower.set_xlabel(f"s from {when}")
    told = counted(len(triggers), "trigger")
    drawing.text(
        LEFT / width,
        1 - 12 / height,
        short(f"{label}  {told}".strip(), 90),
        fontsize=10,
        color=INK,
        va="center",
    )
    return drawing
