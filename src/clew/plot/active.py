"""Figures of active learning: each strategy's curve beside random, and the curves of the stop light."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.learn.active_curve import ActiveCurves
from clew.learn.stopping import StopLight
from clew.plot.style import (
    GROUPS,
    INK,
    INK2,
    INK3,
    LINES,
    MARKERS,
    RULE,
    SURFACE,
    THREAD,
    Drawing,
    drawn,
    mix,
)
from clew.validate.ground import WORDS

WIDTH, HEIGHT = 640, 330
CONTROL: dict[str, Any] = {"color": INK3, "linestyle": (0, (4, 3)), "marker": "o", "markersize": 5, "markerfacecolor": SURFACE}  # fmt: skip


@drawn
def curves(result: ActiveCurves) -> Drawing:
    """Draw accuracy on held-out rows against the number of labels, by strategy; random in grey, with its interval."""
    told = [f"{name} {result.gain(name)[-1, 0]:+.3f}" for name in result.strategies if name != "random"]
    figure, axes = _sheet(f"At {result.labels[-1]} labels, beside random: {', '.join(told) or 'nothing'}")
    names = []
    for place, name in enumerate(sorted(result.strategies, key=lambda one: one != "random")):
        drawn_as: dict[str, Any] = CONTROL
        if name != "random":
            i = place - 1
            drawn_as = {"color": GROUPS[i % len(GROUPS)], "linestyle": LINES[i % len(LINES)], "marker": MARKERS[i % len(MARKERS)], "markersize": 4.5}  # fmt: skip
        curve = result.curve(name)
        axes.fill_between(result.labels, curve[:, 1], curve[:, 2], color=drawn_as["color"], alpha=0.10, linewidth=0)  # fmt: skip
        axes.plot(result.labels, curve[:, 0], label=name, gid=name, **drawn_as)
        tie = " (tie)" if name != "random" and result.verdict(name) == "tie" else ""
        names.append((float(curve[-1, 0]), name + tie, drawn_as["color"]))
    axes.set_xlim(0, result.labels[-1])
    low = np.nanmin([result.curve(name)[:, 0].min() for name in result.strategies])
    axes.set_ylim(max(0.0, low - 0.05), 1.0)
    _named(axes, names)
    axes.set_xlabel("labels")
    axes.set_ylabel(f"accuracy on held-out rows, {result.accuracy.shape[1]} seeds")
    return figure


@drawn
def stop_light(result: StopLight) -> Drawing:
    """Draw the learning curve of all labels and of control labels alone, drawn on with its forecast."""
    figure, axes = _sheet(result.sentence)
    names = []
    arms: list[tuple[np.ndarray, str, dict[str, Any]]] = [
        (result.control, f"random control only, {result.control_labels}", CONTROL),
        (result.active, "all labels", {"color": THREAD, "linestyle": "solid", "marker": "o", "markersize": 4.5}),
    ]  # fmt: skip
    for curve, name, style in arms:
        if len(curve):
            axes.fill_between(curve[:, 0], curve[:, 2], curve[:, 3], color=mix(style["color"], 0.14), linewidth=0)  # fmt: skip
            axes.plot(curve[:, 0], curve[:, 1], gid=name, **style)
            if name == "all labels":
                names.append((float(curve[-1, 1]), name, THREAD))
            else:
                axes.annotate(name, (curve[-1, 0], curve[-1, 1]), xytext=(8, -4), textcoords="offset points", va="top", fontsize=9.5, color=INK2)  # fmt: skip
    end = max(result.labels, 1)
    if len(result.forecast):
        at, value, low, high = result.forecast.T
        axes.plot(at, value, color=THREAD, linestyle=(0, (1, 2)), gid="forecast")
        axes.plot([at[-1]] * 2, [low[-1], high[-1]], color=THREAD, solid_capstyle="round", gid="interval")
        names, end = [(float(value[-1]), f"forecast at {at[-1]:.0f}", THREAD)], at[-1]
    if result.wanted is not None:
        axes.axhline(result.wanted, color=INK, linewidth=1, linestyle=(0, (1, 2)))
        axes.text(0.012, result.wanted, f"wanted {result.wanted:g}", va="bottom", fontsize=9.5, color=INK2, transform=axes.get_yaxis_transform())  # fmt: skip
    axes.set_xlim(0, end)
    _named(axes, names)
    axes.set_xlabel("labels")
    axes.set_ylabel(f"{WORDS.get(result.metric, result.metric)}, held-out control labels")
    return figure


def _sheet(sentence: str) -> tuple[Drawing, Any]:
    """Return a figure with its sentence above, and axes with room for names at the right."""
    import textwrap

    figure = Drawing(WIDTH, HEIGHT)
    lines = textwrap.wrap(sentence, 98)
    top = 1 - (14 * len(lines) + 14) / HEIGHT
    figure.text(0.012, 0.985, "\n".join(lines), va="top", fontsize=10.5, color=INK, linespacing=1.3)
    axes = figure.add_axes((0.085, 0.14, 0.715, top - 0.14))
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _named(axes: Any, names: list[tuple[float, str, str]]) -> None:
    """Write what each line is where it ends, none upon another."""
    low, high = axes.get_ylim()
    apart, place = 0.075 * (high - low), -np.inf
    lift = max(0.0, (len(names) - 1) * apart - (high - min((y for y, *_ in names), default=high)))
    for y, name, color in sorted(names):
        place = max(y - lift, place + apart)
        axes.text(1.015, (place - low) / (high - low), name, va="center", fontsize=9.5, color=color, transform=axes.transAxes)  # fmt: skip
