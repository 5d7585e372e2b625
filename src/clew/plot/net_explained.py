"""Figures of what a net goes by: its features beside a forest's, the places where it looks, and the maps of single rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explain.importance import Permutation
from clew.explain.net_features import NetExplanation
from clew.explain.net_looks import NetLooks
from clew.plot.neural import box, say
from clew.plot.saliency import saliency
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    LINES,
    REF,
    RULE2,
    SURFACE,
    THREAD,
    Drawing,
    drawn,
    group_color,
    group_marker,
    mix,
    short,
)

LINE = 24.0  # px
NAMES = 200.0  # px that the names of features take
TOP, BELOW = 52.0, 44.0


@drawn
def features(result: NetExplanation, *, most: int = 14, width: float = 640) -> Drawing:
    """Draw what each group of correlated features is worth to the net and to the forest, and its integrated gradients.

    Parameters
    ----------
    result : NetExplanation
    most : int
        Groups at most, from the dearest to lose.
    """
    groups = result.ranking[:most].tolist()
    drawing = Drawing(width, TOP + BELOW + LINE * len(groups))
    room = width - NAMES - 24
    cost = box(drawing, NAMES, TOP, 0.58 * room, LINE * len(groups))
    steep = box(drawing, NAMES + 0.64 * room, TOP, 0.36 * room, LINE * len(groups))
    for y, g in enumerate(groups):
        names = result.groups[g]
        _worth(cost, y - 0.14, result.permutation, names, THREAD, THREAD, "o")
        _worth(cost, y + 0.2, result.beside, names, INK3, SURFACE, "s")
        each = result.gradient_of(names)
        steep.barh(y, each.mean(), height=0.55, color=REF, linewidth=0)
        steep.plot(each, np.full(len(each), y), linestyle="", marker="|", markersize=7, color=INK)
        say(drawing, 16, TOP + LINE * (y + 0.5), short(result.group_names[g], 30))
    cost.axvline(0, color=RULE2, linewidth=0.8, zorder=0)
    lost = result.permutation.lost.replace("R2", "R²")
    for axes, title in ((cost, f"permuted: loss of {lost}"), (steep, "mean |integrated gradients|")):
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(axes is steep)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(title, loc="left", fontsize=9.5, color=INK3, pad=6)
    steep.set_xlim(0, None)
    _key(drawing)
    more = len(result.groups) - len(groups)
    members = "one net" if len(result.gradients) == 1 else f"strokes: each of {len(result.gradients)} nets"
    say(drawing, 16, TOP + BELOW + LINE * len(groups) - 12, f"lines: 95% over groups; {members}" + (f"; {more} weaker not shown" if more else ""), size=9, color=INK3)  # fmt: skip
    return drawing


def _worth(
    axes: Any, y: float, held: Permutation, names: list[str], color: str, face: str, marker: str
) -> None:
    """Draw what a group is worth to one kind of model: a marker with its interval."""
    one = held.loss_of(names)
    if np.isfinite(one.low):
        axes.plot([one.low, one.high], [y, y], color=color, linewidth=1.5)
    if np.isfinite(one.value):
        axes.plot(one.value, y, marker=marker, markersize=5.5, color=color, markerfacecolor=face, markeredgewidth=1.3, zorder=3)  # fmt: skip


def _key(drawing: Drawing) -> None:
    """Say above the figure which marker is the net's and which the forest's."""
    axes = box(drawing, NAMES, 8, 200, 14)
    axes.set_axis_off()
    axes.set(xlim=(0, 200), ylim=(0, 1))
    for x, color, face, marker, name in ((5, THREAD, THREAD, "o", "the net"), (75, INK3, SURFACE, "s", "a forest")):  # fmt: skip
        axes.plot(
            x, 0.5, marker=marker, markersize=5.5, color=color, markerfacecolor=face, markeredgewidth=1.3
        )
        axes.text(x + 9, 0.5, name, va="center", fontsize=9.5, color=INK2)


@drawn
def places(result: NetLooks, *, width: float = 520) -> Drawing:
    """Draw how dense maps are over the distance from the centre, or over time: for each answer, mean and middle half of rows."""
    drawing = Drawing(width, 230)
    axes = box(drawing, 48, 34, width - 150, 148)
    middle = (result.edges[:-1] + result.edges[1:]) / 2
    axes.axhline(1, color=REF, linewidth=1.2, zorder=0)
    told = result.told
    ends = []
    for k in np.unique(result.answer[told]).tolist():
        rows = result.density[told & (result.answer == k)]
        low, high = np.quantile(rows, [0.25, 0.75], axis=0)
        axes.fill_between(middle, low, high, color=mix(group_color(k), 0.16), linewidth=0)
        axes.plot(middle, rows.mean(axis=0), color=group_color(k), linestyle=LINES[k % len(LINES)], marker=group_marker(k), markersize=5)  # fmt: skip
        ends.append(
            (float(rows.mean(axis=0)[-1]), f"{short(result.outputs[k], 14)} ({len(rows)})", group_color(k))
        )
    axes.set_ylim(0, None)
    axes.set_xlim(result.edges[0], result.edges[-1])
    what = "time in the window" if result.of_windows else "distance from the centre"
    axes.set_xlabel(f"{what}, {result.unit}")
    say(drawing, 16, 14, "density of the maps; 1: as if even", size=9.5, color=INK3)
    _at_their_ends(axes, [*ends, (1.0, "an even map", INK3)])
    return drawing


def _at_their_ends(axes: Any, ends: list[tuple[float, str, str]]) -> None:
    """Write at the right what each line is, where it ends, none upon another."""
    top, lowest = axes.get_ylim()[1], -np.inf
    for y, name, color in sorted(ends):
        lowest = max(y / top, lowest + 0.1)
        axes.text(1.02, lowest, name, transform=axes.transAxes, va="center", fontsize=9.5, color=color)


@drawn
def channels(result: NetLooks, *, width: float = 520) -> Drawing:
    """Draw how integrated gradients are shared among channels: the mean, and every averaged row as a dot."""
    n = len(result.channels)
    drawing = Drawing(width, 58 + 26 * n)
    axes = box(drawing, 110, 30, width - 134, 26 * n)
    random = np.random.default_rng(0)
    for y, share in enumerate(result.channel_share.T):
        axes.barh(y, share.mean(), height=0.6, color=REF, linewidth=0)
        axes.plot(share, y + random.uniform(-0.2, 0.2, len(share)), linestyle="", marker="o", markersize=3, color=INK2, alpha=0.6)  # fmt: skip
    axes.set_yticks(range(n), [short(name, 14) for name in result.channels])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set(ylim=(n - 0.5, -0.5), xlim=(0, 1))
    say(drawing, 16, 14, "share of the score's integrated gradients; every row a dot", size=9.5, color=INK3)
    return drawing


@drawn
def looks(result: NetLooks, *, row: int = 0, width: float = 640) -> Drawing:
    """Draw the map of one of the rows that are shown, on its image or under its trace."""
    return saliency(
        result.saliency, row=row, classes=result.outputs, names=result.channels, rate=result.rate, width=width
    )
