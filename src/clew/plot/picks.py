"""Figures of picks: how far off, at which threshold, how loud; a trace with its probabilities; and the worst, on their traces."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import DataError, check
from clew.intervals import Interval
from clew.plot.signals import extremes
from clew.plot.style import (
    GROUPS,
    INK,
    INK2,
    INK3,
    LINES,
    MARKERS,
    REF,
    RULE,
    SURFACE,
    THREAD,
    Drawing,
    drawn,
    mix,
    short,
)
from clew.read.recording import Recording, spell_time
from clew.validate.pick_thresholds import ThresholdCurve
from clew.validate.picks import PickScores

if TYPE_CHECKING:
    from clew.measure.picks import Picks
    from clew.read.picks import KnownPick

LEFT, RIGHT, GAP, BOTTOM = 62.0, 18.0, 58.0, 46.0  # px
ROW, HEAD = 232.0, 26.0
TRACE, CURVE = 78.0, 96.0
WIDEST = 4000  # points of a line: a longer trace is drawn by the extremes of stretches
KNOWN: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 2))}


def phase_look(phase: str) -> dict[str, Any]:
    """Return the colour, line and marker of a phase: P, S, detections, and others after them."""
    usual = {"P": 0, "S": 1, "Detection": 2, "N": 5}
    number = usual.get(phase, 3 + sum(map(ord, phase)) % 3)
    return {"color": GROUPS[number], "linestyle": LINES[number], "marker": MARKERS[number]}


# ---- scores ----
@drawn
def scores(result: PickScores, *, width: float = 900) -> Drawing:
    """Draw for each phase the residuals, the figures against the threshold, and the recall by signal-to-noise ratio.

    Parameters
    ----------
    result : PickScores
    width : float
        In px. Parts that the scores do not have (no probabilities, no recordings) are left out.
    """
    phases = [phase for phase in result.phases if (result.phase == phase).any()]
    check(phases, DataError, "The scores to draw must hold a known pick. Got none.")
    parts = [_residuals]
    parts += [_curve_part] * any(phase in result.curves for phase in phases)
    parts += [_loudness] * bool(result.ratios)
    width = min(width, 560.0) if len(parts) == 1 else width
    lines = textwrap.wrap(result.headline(), int(width / 6.2))
    top = 16 * len(lines) + 20
    height = top + ROW * len(phases)
    drawing = Drawing(width, height)
    drawing.text(
        LEFT / width,
        1 - 12 / height,
        "\n".join(lines),
        va="top",
        fontsize=10.5,
        color=INK,
        linespacing=1.35,
    )
    across = (width - LEFT - RIGHT - GAP * (len(parts) - 1)) / len(parts)
    for row, phase in enumerate(phases):
        low = height - top - ROW * (row + 1) + BOTTOM
        for column, part in enumerate(parts):
            left = LEFT + column * (across + GAP)
            axes = drawing.add_axes(
                (left / width, low / height, across / width, (ROW - BOTTOM - HEAD) / height)
            )
            part(axes, result, phase)
    return drawing


def _residuals(axes: Any, result: PickScores, phase: str) -> None:
    """Draw the histogram of the residuals, with the tolerances."""
    counts, edges = result.histogram(phase)
    look, told = phase_look(phase), result.residuals[phase]
    axes.stairs(counts, edges, fill=True, color=mix(look["color"], 0.55))
    axes.stairs(counts, edges, color=look["color"], linewidth=1.0)
    axes.axvline(0.0, color=INK3, linewidth=0.8)
    top = max(1.0, float(counts.max())) * 1.16
    for tolerance in result.tolerances[:-1]:
        for side in (-1, 1):
            axes.axvline(side * tolerance, color=INK2, linewidth=0.9, linestyle=(0, (2, 2)))
        axes.text(tolerance + 0.01, top * 0.985, f"±{tolerance:g} s", va="top", fontsize=8.5, color=INK2)
    axes.set_ylim(0, top)
    axes.set_xlim(-result.tolerances[-1], result.tolerances[-1])
    axes.set_xlabel(f"found less known {phase}, s")
    axes.set_ylabel("picks")
    axes.locator_params(axis="y", nbins=5, integer=True)
    known = int((result.phase == phase).sum())
    said = f"{phase}: {told['n']:,} of {known:,}"
    if told["n"]:
        said += f", mean {told['mean'].value:+.3f} s, absolute {told['mae'].value:.3f} s"
    said = said if told["n"] else f"{said} found"
    axes.set_title(said.replace("-", "−"), fontsize=9.5, color=INK2, loc="left")


def _curve_part(axes: Any, result: PickScores, phase: str) -> None:
    """Draw the figures of a phase against the threshold; say so where it has no probabilities."""
    if phase in result.curves:
        _thresholds(axes, result.curves[phase])
    else:
        axes.text(
            0.5,
            0.5,
            f"no {phase} picks with a probability",
            ha="center",
            color=INK3,
            transform=axes.transAxes,
        )
        axes.set_xticks([])
        axes.set_yticks([])


def _thresholds(axes: Any, curve: ThresholdCurve) -> None:
    look = phase_look(curve.phase)
    lines = (
        ("precision", curve.precision, {"color": INK3, "linestyle": LINES[2], "linewidth": 1.3}),
        ("recall", curve.recall, {"color": INK3, "linestyle": LINES[1], "linewidth": 1.3}),
        ("F1", curve.f1, {"color": look["color"], "linewidth": 1.9}),
    )
    for name, values, style in lines:
        axes.plot(curve.threshold, values, label=name, **style)
    if np.isfinite(curve.chosen):
        at = int(np.flatnonzero(curve.threshold == curve.chosen)[0])
        axes.axvline(curve.chosen, color=THREAD, linewidth=1.0)
        axes.plot(curve.chosen, curve.f1[at], marker=look["marker"], color=look["color"], markeredgecolor=SURFACE, markersize=8, zorder=5)  # fmt: skip
        side = -1 if curve.chosen > 0.6 else 1
        axes.annotate(
            f"{curve.chosen:g}", (curve.chosen, 0.03), xytext=(4 * side, 0), textcoords="offset points",
            ha="left" if side > 0 else "right", fontsize=9, color=THREAD,
        )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel(f"threshold; right is within {curve.tolerance:g} s")
    axes.grid(color=RULE, linewidth=0.5)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, 1.14),
        ncols=3,
        fontsize=8.5,
        frameon=False,
        labelcolor=INK2,
        handlelength=2.2,
    )


def _loudness(axes: Any, result: PickScores, phase: str) -> None:
    """Draw the recall by classes of the signal-to-noise ratio, with intervals."""
    classes = {name: one[phase] for name, one in result.ratios.items() if phase in one}
    look, places = phase_look(phase), np.arange(len(classes), dtype=float)
    for i, tolerance in enumerate(result.tolerances):
        shift = (i - (len(result.tolerances) - 1) / 2) * 0.2
        filled = look["color"] if i == 0 else SURFACE
        for place, one in zip(places + shift, classes.values()):
            recall: Interval = one["recall"][f"{tolerance:g}"]
            if np.isfinite(recall.low):
                axes.plot(
                    [place, place],
                    [recall.low, recall.high],
                    color=look["color"],
                    linewidth=1.4,
                    linestyle="solid" if i == 0 else LINES[2],
                )
            axes.plot(place, recall.value, marker=look["marker"], color=filled, markeredgecolor=look["color"], markersize=6.5, linestyle="none",
                      label=f"within {tolerance:g} s" if place == places[0] + shift else None)  # fmt: skip
    axes.set_xticks(places, [f"{name}\n{one['n']} known" for name, one in classes.items()], fontsize=8)
    axes.set_xlim(-0.6, max(0.6, len(classes) - 0.4))
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("recall")
    axes.set_xlabel("signal to noise, dB")
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    if classes:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=len(result.tolerances), fontsize=8.5, frameon=False, labelcolor=INK2)  # fmt: skip


@drawn
def thresholds(result: ThresholdCurve, *, width: float = 520) -> Drawing:
    """Draw precision, recall and F1 against the threshold, with the one that is chosen.

    Parameters
    ----------
    result : ThresholdCurve
    width : float
        In px.
    """
    height = 330.0
    drawing = Drawing(width, height)
    lines = textwrap.wrap(result.headline(), int(width / 6.2))
    drawing.text(LEFT / width, 1 - 12 / height, "\n".join(lines), va="top", fontsize=10.5, color=INK)
    top = 16 * len(lines) + 46
    axes = drawing.add_axes(
        (LEFT / width, 48 / height, (width - LEFT - RIGHT) / width, (height - 48 - top) / height)
    )
    _thresholds(axes, result)
    return drawing


# ---- traces ----
@drawn
def draw_curves(
    values: np.ndarray,
    rate: float,
    *,
    start: float = 0.0,
    dated: bool = False,
    components: Sequence[str] = ("Z", "N", "E"),
    name: str = "",
    probability: Mapping[str, np.ndarray] | None = None,
    curve_rate: float | None = None,
    curve_start: float | None = None,
    thresholds: Mapping[str, float] | None = None,
    picks: Picks | None = None,
    truth: Sequence[KnownPick] = (),
    width: float = 900,
) -> Drawing:
    """Draw an excerpt of a recording, below it what a model thinks of each moment, and picks across both.

    Parameters
    ----------
    values : ndarray of float64, shape (n_components, n)
        NaN where nothing was recorded.
    rate : float
        In Hz.
    start : float
        The time of the first sample, in s as those of the picks.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    components : sequence of str
    name : str
        Of the recording; only its picks are drawn, all where it is "".
    probability : dict of str to ndarray of float, shape (m,), optional
        Of each label; "N" (noise) is left out.
    curve_rate, curve_start : float, optional
        Of the probabilities, where they are not those of the samples.
    thresholds : dict of str to float, optional
        Drawn as ticks at the right.
    picks : Picks, optional
        Found ones: a line in the colour of the phase, with its name above.
    truth : sequence of KnownPick
        Known ones: a dashed line in ink, the phase below.
    width : float
        In px.
    """
    x = np.atleast_2d(values)
    shown = {label: one for label, one in (probability or {}).items() if label != "N"}
    height = 48 + TRACE * len(x) + (CURVE if shown else 0.0) + 44
    drawing = Drawing(width, height)
    across, lasts = (width - LEFT - RIGHT) / width, x.shape[1] / rate
    top, all_axes = height - 48, []
    for c, row in enumerate(x):
        top -= TRACE
        axes = drawing.add_axes((LEFT / width, (top + 4) / height, across, (TRACE - 8) / height))
        _trace(axes, row, rate)
        axes.set_ylabel(components[c] if c < len(components) else "")
        all_axes.append(axes)
    if shown:
        top -= CURVE
        axes = drawing.add_axes((LEFT / width, (top + 4) / height, across, (CURVE - 12) / height))
        _probabilities(
            axes,
            shown,
            curve_rate or rate,
            0.0 if curve_start is None else curve_start - start,
            thresholds or {},
        )
        all_axes.append(axes)
    for axes in all_axes:
        axes.set_xlim(0, lasts)
        axes.tick_params(labelbottom=axes is all_axes[-1])
    found = [] if picks is None else [
        (float(t) - start, str(p)) for r, t, p in zip(picks.recording, picks.time, picks.phase) if not name or r == name
    ]  # fmt: skip
    known = [(one.time - start, one.phase) for one in truth if not name or one.recording == name]
    _marks(all_axes, [one for one in found if 0 <= one[0] <= lasts], [one for one in known if 0 <= one[0] <= lasts])  # fmt: skip
    all_axes[-1].set_xlabel("s")
    when = spell_time(start, dated=dated).replace("T", " ") + (" UTC" if dated else "")
    drawing.text(
        LEFT / width,
        1 - 15 / height,
        f"{short(name, 60)}{', ' if name else ''}from {when}",
        fontsize=10,
        color=INK,
        va="center",
    )
    legend = "colour: found" + ("; dashed: known" if known else "")
    drawing.text(1 - RIGHT / width, 1 - 15 / height, legend, fontsize=9, color=INK3, va="center", ha="right")
    return drawing


def _trace(axes: Any, row: np.ndarray, rate: float) -> None:
    """Draw one component, by its extremes where it is long."""
    if row.size > WIDEST:
        low, high = extremes(row, WIDEST // 2)
        at = (np.arange(low.size) + 0.5) * row.size / low.size / rate
        axes.fill_between(at, low, high, color=INK2, linewidth=0.6)
    else:
        axes.plot(np.arange(row.size) / rate, row, color=INK2, linewidth=0.7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.margins(y=0.06)


def _probabilities(
    axes: Any, shown: Mapping[str, np.ndarray], rate: float, offset: float, levels: Mapping[str, float]
) -> None:
    """Draw probabilities in the look of their phases, with thresholds as ticks at the right."""
    for label, values in shown.items():
        look = phase_look(label)
        at = offset + np.arange(len(values)) / rate
        axes.plot(at, values, color=look["color"], linestyle=look["linestyle"], linewidth=1.4, label=label)
        if label in levels:
            axes.axhline(levels[label], color=look["color"], linewidth=0.7, linestyle=(0, (1, 3)))
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("probability")
    axes.legend(loc="upper left", ncols=len(shown), fontsize=8.5, frameon=False, labelcolor=INK2)


def _marks(axes: list[Any], found: list[tuple[float, str]], known: list[tuple[float, str]]) -> None:
    """Draw picks across all axes: found ones in colour with the phase above, known ones dashed with it at the bottom."""
    for at, phase in known:
        for one in axes:
            one.axvline(at, gid="known", **KNOWN)
        axes[0].annotate(
            phase, (at, 0.0), xycoords=("data", "axes fraction"), xytext=(3, 1), textcoords="offset points", fontsize=8.5, color=INK,
        )  # fmt: skip
    for at, phase in found:
        for one in axes:
            one.axvline(at, gid="found", color=phase_look(phase)["color"], linewidth=1.5)
        axes[0].annotate(
            phase, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9.5,
            weight="bold", color=phase_look(phase)["color"],
        )  # fmt: skip


# ---- the worst ----
@drawn
def outliers(
    result: PickScores, recordings: Sequence[Recording], *, n: int = 12, phase: str | None = None, seconds: float = 6.0, width: float = 900
) -> Drawing:  # fmt: skip
    """Draw the picks that are the furthest off on their traces, each in a small picture of its own.

    Parameters
    ----------
    result : PickScores
    recordings : sequence of Recording
        Those that were judged; picks of others are left out.
    n : int
        How many at most.
    phase : str, optional
        Of this phase only.
    seconds : float
        How much of the trace is shown, about the middle of both times.
    width : float
        In px.
    """
    where = {one.name: one for one in recordings}
    worst = [int(i) for i in result.outliers(len(result.known), phase=phase) if str(result.recording[i]) in where][:n]  # fmt: skip
    if not worst:
        drawing = Drawing(width, 60)
        near = f"{result.tolerances[0]:g} s"
        drawing.text(
            0.02, 0.5, f"No pick that was found is off by more than {near}.", color=INK, va="center", fontsize=10.5
        )  # fmt: skip
        return drawing
    columns = min(3, len(worst))
    rows = -(-len(worst) // columns)
    tall, top = 138.0, 34.0
    height = top + tall * rows + 8
    drawing = Drawing(width, height)
    drawing.text(LEFT / 2 / width, 1 - 17 / height, "The largest residuals of picks that were found; dashed: known, colour: found; in s", fontsize=10.5, color=INK, va="center")  # fmt: skip
    wide = (width - 24) / columns
    for place, i in enumerate(worst):
        left, row = 12 + wide * (place % columns), place // columns
        low = height - top - tall * (row + 1)
        axes = drawing.add_axes(
            ((left + 10) / width, (low + 30) / height, (wide - 20) / width, (tall - 54) / height)
        )
        _outlier(axes, result, i, where[str(result.recording[i])], seconds, wide)
    return drawing


def _outlier(
    axes: Any, result: PickScores, i: int, recording: Recording, seconds: float, wide: float
) -> None:
    known, found, name = float(result.known[i]), float(result.found[i]), str(result.phase[i])
    first = recording.index((known + found) / 2 - seconds / 2)
    values = recording.read(first, first + round(seconds * recording.rate))
    row = _component(values, recording.components, name)
    begins = recording.time(first)
    _trace(axes, values[row] - np.nanmean(values[row]), recording.rate)
    axes.set_xlim(0, seconds)
    axes.axvspan(
        *sorted((known - begins, found - begins)),
        facecolor=mix(phase_look(name)["color"], 0.16),
        linewidth=0,
    )
    axes.axvline(known - begins, gid="known", **KNOWN)
    axes.axvline(found - begins, gid="found", color=phase_look(name)["color"], linewidth=1.6)
    label = f"{name} {result.residual[i]:+.2f} s"
    label += f", {result.ratio[i]:.0f} dB" if np.isfinite(result.ratio[i]) else ""
    label = label.replace("-", "−")
    which = recording.components[row]
    told = f"{short(str(result.recording[i]), max(8, int(wide / 5.6) - len(label) - 4))} {which}".strip()
    axes.set_title(told, fontsize=8.5, color=INK3, loc="left", pad=3)
    axes.set_title(label, fontsize=9, color=phase_look(name)["color"], loc="right", pad=3, weight="bold")
    axes.tick_params(labelsize=8)
    axes.spines["bottom"].set_color(REF)


def _component(values: np.ndarray, names: Sequence[str], phase: str) -> int:
    """Return which component shows a phase best: Z for P, the livelier horizontal for others; a dead one never."""
    with np.errstate(invalid="ignore"):
        spread = np.array([float(np.nanstd(row)) if np.isfinite(row).any() else 0.0 for row in values])
    upright = [i for i, one in enumerate(names) if one == "Z" and spread[i] > 0]
    level = [i for i, one in enumerate(names) if one != "Z" and spread[i] > 0]
    wanted = (upright or level) if phase.startswith("P") else (level or upright)
    return max(wanted or [0], key=lambda i: spread[i])
