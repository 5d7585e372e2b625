"""Figures of families of models: how good each is, how they differ, and what they make of two features."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.plot.style import (
    INK,
    INK2,
    INK3,
    REF,
    RULE,
    SURFACE,
    THREAD,
    Drawing,
    drawn,
    group_color,
    group_marker,
    mix,
    short,
)
from clew.validate.comparison import ERRORS, Boundaries, Comparison, Contender, p_written, spelt_out, written

ROW = 24.0  # px of a family
NAMES, FIGURES, P_VALUES = 128.0, 112.0, 72.0  # px of the columns of text
PANEL, LEFT = 196.0, 56.0  # px of a family's picture, and beside the first
MOST_ROWS = 300  # markers of rows in a picture
HATCHES = ["", "////", "....", "\\\\\\\\", "----", "||||"]


@drawn
def comparison(result: Comparison, *, width: float = 640) -> Drawing:
    """Draw the figure of each family with its interval, the best first, and its difference to the reference."""
    shown = [one for one in result.families if one.name != "dummy"]
    sign = 1 if result.metric in ERRORS else -1
    shown.sort(key=lambda one: sign * result.figure(one).value)
    height = ROW * len(shown) + 66
    figure = Drawing(width, height)
    half = (width - NAMES - FIGURES - P_VALUES - 24) / 2
    bottom, tall = 40 / height, ROW * len(shown) / height
    left = figure.add_axes((NAMES / width, bottom, half / width, tall))
    right = figure.add_axes((1 - (half + P_VALUES) / width, bottom, half / width, tall))
    y = np.arange(len(shown))[::-1].astype(float)
    _figures(left, result, shown, y)
    _to_reference(right, result, shown, y)
    for axes in (left, right):
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
    right.set_yticks([])
    return figure


def _figures(axes: Any, result: Comparison, shown: list[Contender], y: np.ndarray) -> None:
    better = "less is better" if result.metric in ERRORS else "more is better"
    _dummy_line(axes, result)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform(), zorder=0)
    for one, where in zip(shown, y, strict=True):
        figure = result.figure(one)
        _dot(axes, figure.value, figure.low, figure.high, where, filled=True, color=INK)
        _value(axes, written(figure), where)
    axes.set_yticks(y, [short(one.words, 22) for one in shown], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{spelt_out(result.metric)}, {better}")


def _dummy_line(axes: Any, result: Comparison) -> None:
    for one in result.families:
        if one.name == "dummy":
            value = result.figure(one).value
            axes.axvline(value, color=REF, linewidth=3, zorder=0)
            axes.text(value, 1.02, f"{one.words} {_figure(value)}", color=INK3, fontsize=9, ha="left", va="bottom", transform=axes.get_xaxis_transform())  # fmt: skip


def _figure(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}" if abs(value) < 10 else f"{value:.4g}"  # no -0.00


def _to_reference(axes: Any, result: Comparison, shown: list[Contender], y: np.ndarray) -> None:
    words = result.family(result.reference).words
    axes.axvline(0, color=REF, linewidth=3, zorder=0)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform(), zorder=0)
    for one, where in zip(shown, y, strict=True):
        other = one.to_reference
        if other is None:
            if one.name == result.reference:
                _value(axes, "reference", where)
            continue
        color = THREAD if other.told_apart else INK3
        _dot(axes, other.value, other.low, other.high, where, filled=other.told_apart, color=color)
        _value(axes, p_written(other.p_adjusted), where)
    axes.text(1.04, 1.02, "after Holm", color=INK3, fontsize=9, va="bottom", transform=axes.transAxes)
    axes.set_xlabel(f"difference to {words}")


def _dot(axes: Any, value: float, low: float, high: float, where: float, *, filled: bool, color: str) -> None:
    if np.isfinite(low):
        axes.plot([low, high], [where] * 2, color=color, linewidth=1.5)
    axes.plot(value, where, "o", markersize=6, markerfacecolor=color if filled else SURFACE, markeredgecolor=color, markeredgewidth=1.4, zorder=3)  # fmt: skip


def _value(axes: Any, text: str, where: float) -> None:
    """Write beside the line of a family."""
    axes.text(1.04, where, text, color=INK2, fontsize=9, va="center", transform=axes.get_yaxis_transform())


# ---- on two features ----
@drawn
def boundaries(result: Boundaries, *, columns: int = 3) -> Drawing:
    """Draw what each family makes of two features alone: classes as shade, hatching and markers; numbers as shade."""
    n_down = -(-len(result.names) // columns)
    width, height = PANEL * columns + LEFT, (PANEL + 6) * n_down + 112
    figure = Drawing(width, height)
    figure.text(8 / width, 1 - 8 / height, f"On two features only: {' and '.join(short(name, 26) for name in result.features)}", weight="bold", fontsize=11, va="top", color=INK)  # fmt: skip
    rows = np.unique(np.linspace(0, len(result.rows) - 1, MOST_ROWS).astype(int))
    _key(figure, result, width, height, f"{len(rows)} of {len(result.rows)} rows drawn")
    for i, (words, held_out) in enumerate(zip(result.words, result.figures, strict=True)):
        down, along = divmod(i, columns)
        top = height - 82 - down * (PANEL + 6)
        place = (
            (LEFT - 4 + along * PANEL) / width,
            (top - PANEL + 12) / height,
            (PANEL - 12) / width,
            (PANEL - 24) / height,
        )
        axes = figure.add_axes(place)
        _classes(axes, result, i, rows) if result.classes else _numbers(axes, result, i, rows)
        axes.set_title(f"{words}  {written(held_out)}", fontsize=9.5, loc="left", color=INK, pad=4)
        axes.set_xlim(result.across[0], result.across[-1])
        axes.set_ylim(result.up[0], result.up[-1])
        axes.locator_params(nbins=4)
        last = i + columns >= len(result.names)
        axes.tick_params(labelbottom=last, labelleft=along == 0)
        names = [short(f"{name} [{unit}]" if unit else name, 26) for name, unit in zip(result.features, result.units, strict=True)]  # fmt: skip
        if last:
            axes.set_xlabel(names[0])
        if along == 0:
            axes.set_ylabel(names[1])
    return figure


def _classes(axes: Any, result: Boundaries, i: int, rows: np.ndarray) -> None:
    answer = result.answer[i]  # (n_up, n_across, n_classes)
    said, n = answer.argmax(axis=-1), len(result.classes)
    sure = (answer.max(axis=-1) - 1 / n) / (1 - 1 / n)
    colors = np.array([mix(group_color(k), 1.0)[:3] for k in range(n)])[said]
    shade = np.concatenate([colors, 0.10 + 0.34 * sure[..., None]], axis=-1)
    ends = (result.across[0], result.across[-1], result.up[0], result.up[-1])
    axes.imshow(shade, extent=ends, origin="lower", aspect="auto", interpolation="bilinear", zorder=0)
    for k in np.unique(said):
        mine = (said == k).astype(float)
        margin = answer[..., k] - np.delete(answer, k, axis=-1).max(axis=-1)
        if mine.all():
            continue
        if HATCHES[k % len(HATCHES)]:
            hatched = axes.contourf(result.across, result.up, mine, levels=[0.5, 1.5], colors="none", hatches=[HATCHES[k % len(HATCHES)]], zorder=1)  # fmt: skip
            hatched.set_edgecolor(mix(group_color(int(k)), 0.45))
            hatched.set_linewidth(0)
        axes.contour(result.across, result.up, margin, levels=[0], colors=[INK], linewidths=1.1, zorder=2)
    for k, name in enumerate(result.classes):
        own = rows[result.truth[rows] == name]
        axes.plot(*result.rows[own].T, linestyle="none", marker=group_marker(k), markersize=4, color=group_color(k), markeredgecolor=SURFACE, markeredgewidth=0.5, zorder=3)  # fmt: skip


def _numbers(axes: Any, result: Boundaries, i: int, rows: np.ndarray) -> None:
    ends = (result.across[0], result.across[-1], result.up[0], result.up[-1])
    low, high = _range(result)
    answer = result.answer[i, ..., 0]
    axes.imshow(answer, extent=ends, origin="lower", aspect="auto", vmin=low, vmax=high, interpolation="bilinear", zorder=0)  # fmt: skip
    levels = np.linspace(low, high, 7)[1:-1]
    if np.ptp(answer) > 0:
        axes.contour(
            result.across, result.up, answer, levels=levels, colors=[SURFACE], linewidths=0.8, zorder=1
        )
    axes.scatter(*result.rows[rows].T, c=result.truth[rows], vmin=low, vmax=high, s=14, edgecolors=INK, linewidths=0.5, zorder=3)  # fmt: skip


def _range(result: Boundaries) -> tuple[float, float]:
    return float(np.min(result.truth)), float(np.max(result.truth))


def _key(figure: Any, result: Boundaries, width: float, height: float, drawn_rows: str) -> None:
    """Name the classes by marker and colour, or the ends of the shade."""
    axes = figure.add_axes((8 / width, 1 - 46 / height, 1 - 16 / width, 18 / height))
    axes.set_xlim(0, width - 16)
    axes.set_ylim(0, 1)
    axes.axis("off")
    x = 6.0
    if result.classes:
        for k, name in enumerate(result.classes):
            text = short(name, 20)
            if x + 26 + 6.2 * len(text) > width - 90 and k < len(result.classes) - 1:
                axes.text(x, 0.5, f"{len(result.classes) - k} more", va="center", fontsize=9.5, color=INK3)
                break
            axes.plot(x, 0.5, marker=group_marker(k), markersize=6, color=group_color(k))
            axes.text(x + 9, 0.5, text, va="center", fontsize=9.5, color=INK)
            x += 26 + 6.2 * len(text)
        how = "line: where the answer changes; deeper: surer"
    else:
        low, high = _range(result)
        axes.imshow(np.linspace(0, 1, 100)[None], extent=(60, 180, 0.2, 0.8), aspect="auto")
        axes.text(54, 0.5, f"{low:.4g}", ha="right", va="center", fontsize=9.5, color=INK)
        axes.text(186, 0.5, f"{high:.4g}", ha="left", va="center", fontsize=9.5, color=INK)
        axes.set_xlim(0, width - 16)
        axes.set_ylim(0, 1)
        how = "shade: predicted; in the markers: true"
    pair = " Figures: each fold chose its own pair." if result.chosen else ""
    axes.text(0, -0.35, f"{how}. {drawn_rows}.{pair}", va="center", fontsize=8.5, color=INK3)
