"""Figures of painted pixels: what held-out strokes say of a classifier beside what shuffled pixels would have said."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.intervals import Interval
from clew.learn.strokes import HELD_OUT, StrokeValidation
from clew.plot.style import (
    INK,
    INK3,
    RULE,
    RULE2,
    SURFACE,
    THREAD,
    Drawing,
    drawn,
    group_color,
    group_marker,
    short,
)
from clew.plot.validate import draw_confusion, spelt

WIDTH, NAMES, NUMBERS = 490.0, 172, 196  # px: without the confusion; left and right of the dots


@drawn
def strokes(result: StrokeValidation) -> Drawing:
    """Draw balanced accuracy and each class's recall, held out (filled) and shuffled (hollow), and the confusion."""
    rows = 1 + len(result.scores.classes)
    height = max(34.0 * rows + 62, 190)
    width = WIDTH + height
    figure = Drawing(width, height)
    axes = figure.add_axes((NAMES / width, 34 / height, (WIDTH - NAMES - NUMBERS) / width, 1 - 62 / height))
    _two_figures(axes, result)
    side = min(height - 70, 170)
    draw_confusion(
        figure.add_axes(
            ((width - side - 8) / width, (height - side - 48) / height, side / width, side / height)
        ),
        result.scores,
        None,
    )
    return figure


def _two_figures(axes: Any, result: StrokeValidation) -> None:
    honest, naive = _figures(result.scores), _figures(result.naive)
    y = np.arange(len(honest))[::-1].astype(float)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform())
    for figures, color, face, shift in ((naive, INK3, SURFACE, 0.15), (honest, THREAD, THREAD, -0.15)):
        for where, (_, one) in zip(y + shift, figures, strict=True):
            if np.isfinite(one.low):
                axes.plot([one.low, one.high], [where, where], color=color, linewidth=1.5)
            axes.plot(
                one.value,
                where,
                marker="o",
                markersize=6,
                markerfacecolor=face,
                markeredgecolor=color,
                markeredgewidth=1.4,
                zorder=3,
            )
    chance = result.baselines["commonest_class"]["balanced_accuracy"]
    axes.plot([chance, chance], [y[0] - 0.4, y[0] + 0.4], color=RULE2, linewidth=1)
    axes.text(chance, y[0] + 0.42, "chance", ha="center", va="bottom", fontsize=9.5, color=INK3)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(-0.6, len(y) - 0.4)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    _words(axes, result, y, honest, naive)


def _words(axes: Any, result: StrokeValidation, y: np.ndarray, honest: list, naive: list) -> None:
    """Write names to the left, with the marker that the confusion shows, and both figures to the right."""
    inner, places = WIDTH - NAMES - NUMBERS, axes.get_yaxis_transform()
    plain = {"transform": places, "va": "center", "fontsize": 10.5, "clip_on": False, "color": INK}
    for k, (where, (name, _)) in enumerate(zip(y, honest, strict=True)):
        axes.text((16 * (k > 0) - NAMES) / inner, where, name, ha="left", **plain)
        if k:
            axes.plot(
                (6 - NAMES) / inner,
                where,
                marker=group_marker(k - 1),
                color=group_color(k - 1),
                markersize=7,
                transform=places,
                clip_on=False,
            )
    columns = ((naive, 66, "shuffled", "normal", False), (honest, NUMBERS - 6, "held-out " + HELD_OUT[result.split["by"]], "bold", True))  # fmt: skip
    for figures, x, head, weight, whole in columns:
        at = 1 + x / inner
        axes.text(
            at,
            len(y) - 0.35,
            head,
            ha="right",
            va="bottom",
            transform=places,
            fontsize=9.5,
            color=INK3,
            clip_on=False,
        )
        for where, (_, one) in zip(y, figures, strict=True):
            axes.text(at, where, spelt(one, interval=whole), ha="right", weight=weight, **plain)


def _figures(scores: Any) -> list[tuple[str, Interval]]:
    """Return balanced accuracy and the recalls that it is the mean of."""
    recalls = [(f"recall of {short(name, 14)}", scores.per_class[name]["recall"]) for name in scores.classes]
    return [("balanced accuracy", scores.metrics["balanced_accuracy"]), *recalls]
