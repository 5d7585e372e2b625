"""Figures of what a model goes by: bars, every row, one feature, one row, and back in its place on the image."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from clew.errors import check_choice
from clew.explain.explanation import Explanation
from clew.explain.importance import figure
from clew.plot.measure import CASING, OTHERS, outlines
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    REF,
    RULE,
    RULE2,
    SIGNED,
    SURFACE,
    THREAD,
    Drawing,
    bare,
    drawn,
    short,
)

MOST = 14  # features of a figure
MEMBERS = 4  # of a group that are drawn
# From low to high: blue to rust as signed values are, but darker all the way, so that a copy in grey says the same.
RISING = ["#b3d2e5", "#8ea6b5", "#b8744f", "#6c2310"]
LINE = 21.0  # px
NAMES = 190.0  # px that the names of features take
RIGHT, LEFT = SIGNED[-1], SIGNED[0]  # pushes up, pushes down
DENSE = 3000
STEPS = 9  # of colour and size from the lowest to the highest value
TIMES = (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0), ("seconds", 1.0))


# ---- over all rows ----
@drawn
def bars(result: Explanation, *, most: int = 20, width: float = 640) -> Drawing:
    """Draw what each group of correlated features is worth, its members indented below: SHAP, and permutation.

    Parameters
    ----------
    result : Explanation
    most : int
        Lines at most; whole groups as long as there is room, and at least one.
    """
    lines, left_out = _lines(result, most)
    height = LINE * len(lines) + 82
    drawing = Drawing(width, height)
    room = width - NAMES - 24
    boxes = [
        (start / width, 54 / height, share * room / width, LINE * len(lines) / height)
        for start, share in ((NAMES, 0.56), (NAMES + 0.62 * room, 0.38))
    ]
    shap, cost = (drawing.add_axes(box) for box in boxes)
    for at, line in zip(range(len(lines) - 1, -1, -1), lines):
        _named(shap, at, line["name"], member=line["member"], width=boxes[0][2] * width)
        if "shap" in line:
            _bar(shap, cost, at, line)
    cost.axvline(0, color=RULE2, linewidth=0.8, zorder=0)
    lost = "balanced accuracy" if result.permutation.metric == "balanced_accuracy" else "R²"
    for axes, title in ((shap, f"mean |SHAP|, {_unit(result)}"), (cost, f"permuted: loss of {lost}")):
        axes.set_ylim(-0.6, len(lines) - 0.4)
        axes.set_yticks([])
        axes.spines["left"].set_visible(axes is shap)
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(title, loc="left", fontsize=9.5, color=INK3, pad=6)
    shap.set_xlim(0, None)
    marks = (
        f"bars: mean of {len(result.refit_shap)} refits, caps: 5 to 95%; dots: on held-out rows, 95% interval"
    )
    weaker = f"{left_out} weaker features are not shown; " if left_out else ""
    drawing.text(16 / width, 12 / height, weaker + marks, fontsize=9, color=INK3, va="center")
    return drawing


def _bar(shap: Any, cost: Any, at: float, line: dict[str, Any]) -> None:
    """Draw one line of `bars`: dark and filled for a group, light and hollow for a member."""
    member, loss = line["member"], line["loss"]
    mean, low, high = line["shap"]
    shap.barh(at, mean, height=0.4 if member else 0.62, color=REF if member else INK2, linewidth=0)
    shap.plot([low, high], [at, at], color=INK, linewidth=1.4, marker="|", markersize=6, markeredgewidth=1.2)
    color = INK3 if member else THREAD
    if np.isfinite(loss.low):
        cost.plot([loss.low, loss.high], [at, at], color=color, linewidth=1.5)
    if np.isfinite(loss.value):
        cost.plot(
            loss.value, at, marker="o", markersize=4.5 if member else 6, color=color, zorder=3,
            markerfacecolor=SURFACE if member else color, markeredgewidth=1.3,
        )  # fmt: skip


def _lines(result: Explanation, most: int) -> tuple[list[dict[str, Any]], int]:
    """Return the lines of `bars` (groups from the strongest, members below their group) and how many features are left out."""
    size, shown = result.sizes, 0
    lines: list[dict[str, Any]] = []
    for g in result.ranking.tolist():
        columns = sorted(result.correlated.groups[g], key=lambda column: -size[column, 0])
        members = columns[:MEMBERS] if len(columns) > 1 else []
        if lines and (len(lines) + 1 + len(members) > most or result.group_sizes[g, 0] == 0):
            break
        own = {"name": result.group_names[g], "member": False, "shap": result.group_sizes[g]}
        lines.append(own | {"loss": result.loss_of(result.groups[g])})
        for column in members:
            name = result.feature_names[column]
            own = {"name": name, "member": True, "shap": size[column]}
            lines.append(own | {"loss": result.loss_of([name])})
        if len(columns) > MEMBERS:
            lines.append({"name": f"{len(columns) - MEMBERS} more", "member": True})
        shown += len(columns)
    return lines, len(size) - shown


def _named(axes: Any, at: float, name: str, *, member: bool, width: float) -> None:
    """Write a name left of the axes, a member's indented and lighter."""
    first, like, n = name.partition(" and ")
    told = short(first, 25 if like else 30) + (f" + {n.split()[0]} like it" if n.endswith("like it") else "")
    axes.text(
        (-NAMES + (30 if member else 16)) / width, at, told,
        transform=axes.get_yaxis_transform(), ha="left", va="center", clip_on=False,
        fontsize=9.5 if member else 10, color=INK3 if member else INK,
    )  # fmt: skip


@drawn
def beeswarm(
    result: Explanation, *, output: str | None = None, most: int = MOST, width: float = 640
) -> Drawing:
    """Draw the SHAP values of every explained row: one line a feature, ordered by groups, coloured by its value.

    Parameters
    ----------
    result : Explanation
    output : str, optional
        The class to explain; the last one by default.
    most : int
        Features at most.
    """
    column = _output(result, output)
    size = result.sizes[:, 0]
    by_group = [sorted(result.correlated.groups[g], key=lambda column: -size[column]) for g in result.ranking]
    ordered = [(feature, place) for place, group in enumerate(by_group) for feature in group][:most]
    step, gap = 26.0, 9.0
    starts = np.cumsum([0.0, *(step + gap * (a[1] != b[1]) for a, b in pairwise(ordered))])
    height = starts[-1] + step + 92
    drawing = Drawing(width, height)
    inner = width - NAMES - 20
    axes = drawing.add_axes((NAMES / width, 60 / height, inner / width, (starts[-1] + step) / height))
    ends = np.abs(result.values[..., column]).max(initial=1e-12) * 1.04
    random = np.random.default_rng(0)
    for (feature, _), start in zip(ordered, starts):
        x, value = result.values[:, feature, column], _low_to_high(result.features[:, feature])
        y = -start + 0.42 * step * _swarm(x, ends, random)
        _dots(axes, x, y, value)
        axes.plot([-ends, ends], [-start] * 2, color=RULE, linewidth=0.8, zorder=0)
        axes.text(
            (16 - NAMES) / inner, -start, short(result.feature_names[feature], 30), va="center", color=INK,
            fontsize=10, clip_on=False, transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    for first, last in _runs([place for _, place in ordered]):  # a bracket round those that share credit
        if last > first:
            axes.plot(
                [(8 - NAMES) / inner] * 2, [-starts[first] + 8, -starts[last] - 8], color=RULE2, linewidth=2,
                clip_on=False, transform=axes.get_yaxis_transform(),
            )  # fmt: skip
    axes.axvline(0, color=RULE2, linewidth=0.8, zorder=0)
    axes.set_xlim(-ends, ends)
    axes.set_ylim(-starts[-1] - step / 2, step / 2)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(_towards(result, column))
    drawing.text(
        NAMES / width, 1 - 13 / height, f"{result.shown_of()} rows; a bar joins features that share credit",
        fontsize=9, color=INK3, va="center",
    )  # fmt: skip
    _key(drawing, ("low value", "high value"), x=16 / width, y=14 / height, width=width, height=height)
    return drawing


def _swarm(x: np.ndarray, ends: float, random: np.random.Generator) -> np.ndarray:
    """Return where dots stand across their line (n_rows,), from -1 to 1: wide where there are many."""
    place = np.digitize(x, np.linspace(-ends, ends, 81))
    counts = np.bincount(place, minlength=82)
    return random.uniform(-1, 1, len(x)) * np.minimum(counts / 12, 1)[place]


def _low_to_high(values: np.ndarray) -> np.ndarray:
    """Return values as shares of the way from the 2nd to the 98th percentile, from 0 to 1."""
    low, high = np.percentile(values, [2, 98])
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(len(values), 0.5)


def _dots(axes: Any, x: np.ndarray, y: np.ndarray, value: np.ndarray) -> None:
    """Draw dots by value from 0 to 1: from light, small and blue to dark, large and rust; the small ones on top.

    Dots of one step share a path, so that thousands of them weigh little in a page.
    """
    step = np.rint(value * (STEPS - 1))
    for one in np.unique(step)[::-1]:
        here, share = step == one, one / (STEPS - 1)
        axes.scatter(
            x[here], y[here], color=_rising()(share), s=5 + 15 * share, linewidths=0,
            alpha=0.9, rasterized=len(x) > DENSE, zorder=2,
        )  # fmt: skip


def _key(drawing: Any, ends: tuple[str, str], *, x: float, y: float, width: float, height: float) -> None:
    """Draw the key of colour and size, its ends in words or figures."""
    axes = drawing.add_axes((x, y, 1 - 2 * x, 14 / height))
    px = width * (1 - 2 * x)
    before = 6.0 * len(ends[0]) + 8
    at = before + np.linspace(0, 78, 7)
    _dots(axes, at, np.zeros(7), np.linspace(0, 1, 7))
    axes.text(0, 0, ends[0], ha="left", va="center", fontsize=9, color=INK3)
    axes.text(at[-1] + 9, 0, ends[1], ha="left", va="center", fontsize=9, color=INK3)
    axes.set_xlim(0, px)
    axes.set_ylim(-1, 1)
    bare(axes)


# ---- one feature ----
@drawn
def dependence(
    result: Explanation, feature: str, *, by: str | None = None, output: str | None = None, width: float = 420
) -> Drawing:
    """Draw the SHAP value of a feature against its own value, each row a dot.

    Parameters
    ----------
    result : Explanation
    feature : str
    by : str, optional
        A second feature, by whose value the dots are coloured; see `clew.explain.rows.interacting`.
    output : str, optional
        The class to explain; the last one by default.
    """
    column = _output(result, output)
    check_choice(feature, result.feature_names, what="'feature' setting", of="dependence")
    this = result.feature_names.index(feature)
    height = 0.66 * width + (22 if by else 0)
    drawing = Drawing(width, height)
    low = (44 + (22 if by else 0)) / height
    axes = drawing.add_axes((64 / width, low, 1 - 84 / width, 1 - low - 14 / height))
    x, y = result.features[:, this], result.values[:, this, column]
    axes.axhline(0, color=RULE2, linewidth=0.8, zorder=0)
    if by is None:
        axes.scatter(x, y, s=12, color=INK2, alpha=0.75, linewidths=0, rasterized=len(x) > DENSE)
    else:
        check_choice(by, result.feature_names, what="'by' setting", of="dependence")
        other = result.features[:, result.feature_names.index(by)]
        _dots(axes, x, y, _low_to_high(other))
        ends = [_with_unit(result, by, end) for end in np.percentile(other, [2, 98])]
        _key(
            drawing,
            (f"{short(by, 24)} {ends[0]}", ends[1]),
            x=16 / width,
            y=8 / height,
            width=width,
            height=height,
        )
    unit = result.units[this]
    axes.set_xlabel(short(feature, 40) + (f" [{unit}]" if unit else ""))
    axes.set_ylabel(_towards(result, column))
    axes.locator_params(nbins=5)
    return drawing


# ---- one row ----
@drawn
def waterfall(
    result: Explanation, sample: str, *, output: str | None = None, most: int = 8, width: float = 560
) -> Drawing:
    """Draw how one row comes to its answer: from the base, feature after feature, to the prediction.

    Parameters
    ----------
    result : Explanation
    sample : str
        The name of an explained row.
    output : str, optional
        The class to explain; the one that is predicted by default.
    most : int
        Steps at most; correlated features are one step, and the weakest together another.

    Raises
    ------
    SettingError
        If the row is not among those that are explained.
    """
    check_choice(sample, result.sample.tolist(), what="'sample' setting", of="waterfall")
    row = result.sample.tolist().index(sample)
    predicted = result.outputs[int(result.prediction[row].argmax())]
    column = _output(result, output or predicted)
    steps = _steps(result, row, column, most)
    height = LINE * (len(steps) + 2) + 52
    drawing = Drawing(width, height)
    left, right = 240.0, 54.0
    inner = width - left - right
    axes = drawing.add_axes((left / width, 40 / height, inner / width, LINE * (len(steps) + 2) / height))
    level = float(result.base[column])
    levels = [level, *(level + np.cumsum([value for _, value in steps]))]
    top = len(steps) + 1
    for place, (name, value) in enumerate(steps, start=1):
        before, y = levels[place - 1], top - place
        axes.barh(y, value, left=before, height=0.62, color=RIGHT if value > 0 else LEFT, linewidth=0,
                  hatch=None if value > 0 else "////", edgecolor=SURFACE)  # fmt: skip
        axes.plot([before] * 2, [y + 0.31, y + 0.69], color=RULE2, linewidth=0.8)
        end = max(before, before + value)
        axes.annotate(_signed(value), (end, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9.5, color=INK)  # fmt: skip
        _beside(axes, y, name, left, inner)
    answer = "predicted" if output is None or output == predicted else f"predicted for {output}"
    for y, value, name in ((top, levels[0], "before anything is known"), (0, levels[-1], answer)):
        axes.plot(value, y, marker="D", markersize=6, color=INK, zorder=3)
        axes.annotate(figure(value), (value, y), xytext=(8, 0), textcoords="offset points", va="center", fontsize=10, weight="bold", color=INK)  # fmt: skip
        _beside(axes, y, name, left, inner, weight="bold")
    axes.plot([levels[-1]] * 2, [0.2, 0.69], color=RULE2, linewidth=0.8)
    axes.set_ylim(-0.6, top + 0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.use_sticky_edges = False
    axes.margins(x=0.04)
    axes.locator_params(axis="x", nbins=5)
    what = short(result.outputs[column], 24)
    axes.set_xlabel(f"{short(sample, 30)}: {f'towards {what} (probability)' if _classes(result) else what}")
    return drawing


def _steps(result: Explanation, row: int, column: int, most: int) -> list[tuple[str, float]]:
    """Return (name with value and unit, SHAP) of the strongest groups of a row, and of all others together."""
    values = result.group_values[row, :, column]
    order = np.argsort(-np.abs(values), kind="stable")
    shown = order if len(order) <= most else order[: most - 1]
    size, steps = result.sizes[:, 0], []
    for g in shown.tolist():
        group = result.correlated.groups[g]
        lead = max(group, key=lambda feature: size[feature])
        name = result.feature_names[lead]
        like = f", {len(group) - 1} like it" if len(group) > 1 else ""
        own = _with_unit(result, name, result.features[row, lead])
        steps.append((f"{short(name, 22)} = {own}{like}", float(values[g])))
    rest = order[len(shown) :]
    return [*steps, *([(f"{len(rest)} others", float(values[rest].sum()))] if len(rest) else [])]


def _beside(axes: Any, y: float, text: str, left: float, inner: float, *, weight: str = "normal") -> None:
    axes.text(
        (16 - left) / inner, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9.5,
        color=INK, weight=weight, clip_on=False,
    )  # fmt: skip


# ---- in its place ----
@drawn
def painted(
    picture: np.ndarray,
    labels: np.ndarray,
    values: dict[int, float],
    *,
    title: str,
    most: float | None = None,
    width: float = 460,
) -> Drawing:
    """Draw SHAP values on the objects that they belong to: rust, with a solid outline, where they push up; blue and dashed where down.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x)
        The grey picture; smaller than the label image where that is large.
    labels : ndarray of int, shape (Y, X)
        The label image.
    values : dict of int to float
        Label to SHAP value; all other objects get a thin grey outline.
    title : str
        What is drawn: the feature, and of several classes which one.
    most : float, optional
        The value of the darkest colour, so that several pictures share one; the largest |value| by default.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    most = most or max((abs(value) for value in values.values()), default=0.0) or 1.0
    tall = width * picture.shape[0] / picture.shape[1]
    height = tall + 46
    drawing = Drawing(width, height)
    axes = drawing.add_axes((0, 24 / height, 1, tall / height))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="auto")
    rows, columns = ((np.arange(n) * full // n) for n, full in zip(picture.shape, labels.shape, strict=True))
    here = labels[np.ix_(rows, columns)]  # at the size of the picture
    of_label = np.full(int(labels.max(initial=0)) + 1, np.nan)
    for label, value in values.items():
        of_label[label] = value
    ramp, norm = LinearSegmentedColormap.from_list("signed", SIGNED), Normalize(-most, most)
    over = ramp(norm(of_label[here]))
    over[..., 3] = np.where(np.isfinite(of_label[here]), 0.82, 0.0)
    axes.imshow(over, interpolation="nearest", aspect="auto")
    scale = np.array([picture.shape[1] / labels.shape[1], picture.shape[0] / labels.shape[0]])
    lines: dict[str, list[np.ndarray]] = {"up": [], "down": [], "none": []}
    for label, outline in outlines(labels):
        side = "none" if label not in values else "up" if values[label] >= 0 else "down"
        lines[side].append((outline + 0.5) * scale - 0.5)
    axes.add_collection(LineCollection(lines["none"], colors=OTHERS, linewidths=0.6, alpha=0.7))
    for side, style in (("up", "solid"), ("down", (0, (2, 1.4)))):
        axes.add_collection(LineCollection(lines[side], colors=CASING, linewidths=1.4, linestyles=[style]))
    bare(axes)
    axes.set_xlim(-0.5, picture.shape[1] - 0.5)
    axes.set_ylim(picture.shape[0] - 0.5, -0.5)
    drawing.text(0, 1 - 10 / height, short(title, 70), fontsize=10, color=INK, va="center")
    key = drawing.add_axes((0.3, 8 / height, 0.4, 7 / height))
    key.imshow(np.linspace(-1, 1, 129)[None], aspect="auto", cmap=ramp)
    bare(key)
    for x, ha, text in (
        (-0.03, "right", f"{_signed(-most)}, dashed"),
        (1.03, "left", f"{_signed(most)}, solid"),
    ):
        key.text(x, 0.45, text, transform=key.transAxes, ha=ha, va="center", fontsize=9, color=INK3)
    return drawing


@drawn
def along(
    start: np.ndarray,
    end: np.ndarray,
    values: np.ndarray,
    *,
    title: str,
    trace: tuple[np.ndarray, np.ndarray] | None = None,
    width: float = 760,
) -> Drawing:
    """Draw SHAP values of windows where they lie in time: a bar each, up where they push up and down where down.

    Parameters
    ----------
    start, end : ndarray of float64, shape (n_windows,)
        When each window begins and ends, in s; equal where rows are single moments.
    values : ndarray of float64, shape (n_windows,)
        The SHAP value of each.
    title : str
        What is drawn: the feature, and of several classes which one.
    trace : tuple of ndarray of float64, shape (n,), optional
        Times in s and the record itself, drawn above the bars.
    """
    unit, seconds = next((one for one in TIMES if np.ptp([start.min(), end.max()]) >= 3 * one[1]), TIMES[-1])
    begin = float(start.min())
    left, right = (start - begin) / seconds, (end - begin) / seconds
    apart = np.diff(np.unique(left))
    widths = np.where(right > left, right - left, 0.8 * np.median(apart) if apart.size else 1.0)
    height = 130.0 if trace is None else 220.0
    drawing = Drawing(width, height)
    bottom = drawing.add_axes((56 / width, 34 / height, 1 - 66 / width, 74 / height))
    if trace is not None:
        top = drawing.add_axes((56 / width, 116 / height, 1 - 66 / width, 78 / height), sharex=bottom)
        top.plot((trace[0] - begin) / seconds, trace[1], color=INK3, linewidth=0.6)
        top.tick_params(axis="x", length=0, labelbottom=False)
        top.spines["bottom"].set_visible(False)
        top.locator_params(axis="y", nbins=3)
    up = values >= 0
    for side, color in ((up, RIGHT), (~up, LEFT)):
        bottom.bar(left[side], values[side], widths[side], align="edge", color=color, linewidth=0)
    bottom.axhline(0, color=RULE2, linewidth=0.8)
    bottom.set_xlabel(f"{unit} from the first", labelpad=1)
    bottom.set_ylabel("SHAP")
    bottom.locator_params(axis="y", nbins=3)
    drawing.text(8 / width, 1 - 11 / height, short(title, 90), fontsize=10, color=INK, va="center")
    return drawing


# ---- words and figures ----
def _output(result: Explanation, output: str | None) -> int:
    """Return the column of an output; the last one where none is named."""
    if output is None:
        return len(result.outputs) - 1
    check_choice(output, result.outputs, what="'output' setting", of="a figure")
    return result.outputs.index(output)


def _classes(result: Explanation) -> bool:
    return len(result.outputs) > 1


def _unit(result: Explanation) -> str:
    return "probability" if _classes(result) else short(result.outputs[0], 20)


def _towards(result: Explanation, column: int) -> str:
    name = short(result.outputs[column], 24)
    return f"SHAP towards {name} (probability)" if _classes(result) else f"SHAP: {name}"


def _with_unit(result: Explanation, feature: str, value: float) -> str:
    unit = result.units[result.feature_names.index(feature)]
    told = f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"
    return (f"{told} {unit}" if unit else told).replace("-", "−")


def _signed(value: float) -> str:
    text = figure(value).replace("-", "−")
    return f"+{text}" if value > 0 else text


def _rising() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("rising", RISING)


def _runs(places: list[int]) -> list[tuple[int, int]]:
    """Return (first, last) of each run of equal numbers."""
    starts = [i for i, place in enumerate(places) if i == 0 or places[i - 1] != place]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), len(places) - 1]))
