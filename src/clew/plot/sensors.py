"""The figure of sensors: how reliable each is alone, and what all lose without it."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.intervals import Interval
from clew.learn.sensors import SensorComparison
from clew.plot.style import INK, INK3, REF, RULE, RULE2, SURFACE, THREAD, Drawing, drawn, short

LINE = 26.0  # px
LETTER = 6.4  # px
WORDS = 150.0  # px for the words at the right
MOST = 16


@drawn
def sensors(result: SensorComparison, *, width: float = 660) -> Drawing:
    """Draw for each sensor, from the best alone, its balanced accuracy alone and what all lose when it is permuted.

    Parameters
    ----------
    result : SensorComparison
        At most 16 of its sensors are drawn: the best ones alone.
    """
    shown = result.order[:MOST]
    height = LINE * len(shown) + 84
    drawing = Drawing(width, height)
    before = 30 + LETTER * min(26, max(len(result.names[i]) for i in shown))
    room = width - before - WORDS - 24
    places = [
        (start / width, 54 / height, share * room / width, LINE * len(shown) / height)
        for start, share in ((before, 0.5), (before + 0.57 * room, 0.43))
    ]
    alone, lost = (drawing.add_axes(place) for place in places)
    for at, i in zip(range(len(shown) - 1, -1, -1), shown):
        leads = result.informs(i) and not result.told_apart(i)
        _dot(alone, at, result.alone[i], filled=result.informs(i), color=THREAD if leads else INK)
        one = result.permutation.loss[i]
        _dot(lost, at, one, filled=bool(one.low > 0), color=INK)
        alone.text(
            (12 - before) / (0.5 * room), at, short(result.names[i], 26), va="center", fontsize=10, color=INK,
            transform=alone.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
        lost.text(
            1 + 12 / (0.43 * room), at, _word(result, i), va="center", fontsize=9.5, color=INK3,
            transform=lost.get_yaxis_transform(), clip_on=False,
        )  # fmt: skip
    chance = result.chance
    alone.axvspan(chance - 0.004, chance + 0.004, color=REF, zorder=0)
    alone.text(chance, len(shown) - 0.44, "chance", ha="center", va="bottom", fontsize=9, color=INK3)
    lost.axvline(0, color=RULE2, linewidth=0.8, zorder=0)
    alone.set_xlim(min(chance - 0.06, *_lowest(result, shown)), 1.02)
    for axes, title in ((alone, "alone: balanced accuracy"), (lost, "permuted: what all lose")):
        axes.hlines(
            range(len(shown)), 0, 1, color=RULE, linewidth=0.8, zorder=0, transform=axes.get_yaxis_transform()
        )
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(title)
    more = len(result.names) - len(shown)
    told = f"{more} more, worse alone, are not shown; " if more else ""
    drawing.text(12 / width, 11 / height, f"{told}lines: 95% intervals; filled: above chance with all of them asked at once, or a loss above 0", fontsize=9, color=INK3, va="center")  # fmt: skip
    return drawing


def _word(result: SensorComparison, i: int) -> str:
    """Say what the figure alone means."""
    if not result.informs(i):
        return "not shown to inform"
    if i == result.best:
        return "ahead"
    return "behind" if result.told_apart(i) else "cannot be told apart"


def _lowest(result: SensorComparison, shown: list[int]) -> list[float]:
    ends = [min(one.value, one.low) for one in (result.alone[i] for i in shown) if np.isfinite(one.low)]
    return [end - 0.03 for end in ends] or [0.0]


def _dot(axes: Any, at: float, one: Interval, *, filled: bool, color: str) -> None:
    """Draw a figure with its interval: filled if that lies above the reference."""
    if np.isfinite(one.low):
        axes.plot([one.low, one.high], [at, at], color=color, linewidth=1.5)
    if np.isfinite(one.value):
        axes.plot(
            one.value, at, marker="o", markersize=6.5, color=color, markerfacecolor=color if filled else SURFACE,
            markeredgewidth=1.4, zorder=3,
        )  # fmt: skip
