"""Figures of how good predictions are: every metric as dot and interval, confusion, predicted against true."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    mix,
)
from clew.validate.metrics import Scores, Validation

UNBOUNDED = ("mae", "rmse")  # in the units of the target: written, not drawn beside shares
WORDS = {"balanced_accuracy": "balanced accuracy", "f1": "F1, macro", "jaccard": "Jaccard, macro", "precision": "precision, macro", "recall": "recall, macro", "matthews": "Matthews", "mae": "mean abs. error", "rmse": "RMS error", "r2": "R²", "spearman": "Spearman"}  # fmt: skip


@drawn
def validation(result: Validation, *, sealed: Validation | None = None) -> Drawing:
    """Draw every metric, and beside it the confusion, or predicted against true numbers."""
    figure = Drawing(640, 250)
    left, right = figure.halves([1.6, 1])
    _metrics(left, result.scores, sealed.scores if sealed else None, width=394, height=250)
    axes = right.add_axes((0.2, 0.2, 0.75, 0.7))
    draw_confusion(axes, result.scores, None) if result.scores.classes else _scatter(axes, result)
    return figure


@drawn
def metrics(open_: Scores, *, sealed: Scores | None = None, width: float = 426) -> Drawing:
    """Draw every metric as dot and interval: hollow for open rows, filled for sealed ones."""
    height = 21.0 * len(open_.metrics) + 44
    figure = Drawing(width, height)
    _metrics(figure, open_, sealed, width=width, height=height)
    return figure


def _metrics(figure: Any, open_: Scores, sealed: Scores | None, *, width: float, height: float) -> None:
    names = list(open_.metrics)
    axes = figure.add_axes((122 / width, 22 / height, 1 - 290 / width, 1 - 44 / height))
    y = np.arange(len(names))[::-1].astype(float)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform())
    shift = 0.13 if sealed is not None else 0.0
    shown = [figures for figures in (open_, sealed) if figures is not None]
    for figures, color, face, by in ((open_, INK3, SURFACE, shift), (sealed, THREAD, THREAD, -shift)):
        if figures is None:
            continue
        for where, name in zip(y + by, names):
            one = figures.metrics[name]
            if name in UNBOUNDED:
                continue
            if np.isfinite(one.low):
                axes.plot([one.low, one.high], [where] * 2, color=color, linewidth=1.5)
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
    ends = np.array(
        [
            [one.value, one.low, one.high]
            for figures in shown
            for name, one in figures.metrics.items()
            if name not in UNBOUNDED
        ]
    )
    ends = ends[np.isfinite(ends)]
    floor = float(np.floor(ends.min(initial=0.9) * 10) / 10)
    floor = max(floor, -1.0)
    axes.set_xlim(floor, 1 + 0.02 * (1 - floor))
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    for side in ("left",):
        axes.spines[side].set_visible(False)
    places = axes.get_yaxis_transform()
    plain = {"transform": places, "va": "center", "fontsize": 10.5, "clip_on": False}
    inner = width - 290
    columns = [(open_, (width - 122 - 112 if sealed else width - 122 - 6) / inner, "normal", sealed is None)]
    if sealed is not None:
        columns.append((sealed, (width - 122 - 6) / inner, "bold", True))
    for figures, x, weight, whole in columns:
        head = "sealed" if figures is sealed else "open"
        axes.text(
            x, len(names) - 0.15, head, ha="right", color=INK3, transform=places, fontsize=9.5, va="bottom"
        )
        for where, name in zip(y, names):
            axes.text(
                x,
                where,
                spelt(figures.metrics[name], interval=whole),
                ha="right",
                weight=weight,
                color=INK,
                **plain,
            )
    for where, name in zip(y, names):
        axes.text(-122 / inner, where, WORDS.get(name, name), ha="left", color=INK, **plain)


def spelt(figure: Any, *, interval: bool = True) -> str:
    """Write a figure with its interval: ``0.88 [0.79, 0.95]``."""
    if not np.isfinite(figure.value):
        return "not known"
    value = _figure(figure.value)
    known = interval and np.isfinite(figure.low) and np.isfinite(figure.high)
    return f"{value} [{_figure(figure.low)}, {_figure(figure.high)}]" if known else value


def _figure(value: float) -> str:
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


@drawn
def confusion(scores: Scores, *, order: list[str] | None = None, width: float = 128) -> Drawing:
    """Draw rows of each true class (down) by predicted class (across), markers for names.

    Parameters
    ----------
    scores : Scores
    order : list of str, optional
        The classes in the order of their colours and markers.
    """
    cell = max(width / (len(scores.classes) + 1), 24.0)
    side = cell * (len(scores.classes) + 1)
    figure = Drawing(side, side)
    share = 1 / (len(scores.classes) + 1)
    draw_confusion(figure.add_axes((share, 0, 1 - share, 1 - share)), scores, order)
    return figure


def draw_confusion(axes: Any, scores: Scores, order: list[str] | None) -> None:
    table, n = scores.confusion, len(scores.classes)
    of_true = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    for (i, j), rows in np.ndenumerate(table):
        from matplotlib.patches import Rectangle

        axes.add_patch(
            Rectangle(
                (j - 0.47, i - 0.47),
                0.94,
                0.94,
                facecolor=mix(RULE2, 0.08 + 0.4 * of_true[i, j]),
                linewidth=0,
            )
        )
        axes.text(j, i, f"{rows}", ha="center", va="center", fontsize=11 if n < 5 else 9, color=INK)
    known = order or list(scores.classes)
    for i, name in enumerate(scores.classes):
        number = known.index(name) if name in known else -1
        style = {
            "marker": group_marker(number),
            "color": group_color(number),
            "markersize": 7,
            "clip_on": False,
        }
        axes.plot([i], [-0.78], **style)
        axes.plot([-0.78], [i], **style)
    axes.axis("off")


@drawn
def scatter(result: Validation, *, width: float = 190) -> Drawing:
    """Draw predicted against true numbers."""
    figure = Drawing(width, width)
    _scatter(figure.add_axes((54 / width, 36 / width, 1 - 60 / width, 1 - 42 / width)), result)
    return figure


def _scatter(axes: Any, result: Validation) -> None:
    truth, said = np.asarray(result.truth, float), np.asarray(result.predicted, float)
    ends = [min(truth.min(), said.min()), max(truth.max(), said.max())]
    axes.plot(ends, ends, color=RULE2, linewidth=1)
    axes.plot(
        truth,
        said,
        linestyle="none",
        marker="o",
        markersize=3,
        markerfacecolor=mix(THREAD, 0.5),
        markeredgewidth=0,
        rasterized=len(truth) > 3000,
    )
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.locator_params(nbins=4)
