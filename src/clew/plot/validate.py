"""Figures of how good predictions are: every metric as dot and interval, confusion, calibration, predicted against true."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.plot.style import (
    INK,
    INK3,
    REF,
    RULE,
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
from clew.validate.metrics import Scores, Validation

UNBOUNDED = ("mae", "rmse", "calibration_slope")  # no shares: written, not drawn beside them
STARTS = ("matthews", "roc_auc", "r2")  # each begins a group of its own: beyond chance, of probabilities
WORDS = {
    "balanced_accuracy": "balanced accuracy", "precision": "precision, macro", "recall": "recall, macro", "f1": "F1 (Dice), macro",
    "jaccard": "Jaccard, macro", "matthews": "Matthews", "kappa": "Cohen’s kappa", "roc_auc": "ROC AUC, macro",
    "pr_auc": "PR AUC, macro", "brier": "Brier (0 is best)", "log_loss": "log loss", "calibration_error": "calibration error",
    "dice": "Dice, macro", "precision_weighted": "precision, weighted", "recall_weighted": "recall, weighted",
    "f1_weighted": "F1, weighted", "jaccard_weighted": "Jaccard, weighted",
    "mae": "mean abs. error", "rmse": "RMS error", "r2": "R²", "spearman": "Spearman", "calibration_slope": "calibration slope",
}  # fmt: skip
ROW, NAMES = 20.0, 126.0  # px: a metric's height, and the room left of the dots
ONE_COLUMN, TWO_COLUMNS = 116.0, 176.0  # px right of the dots, for figures in words
MOST_CURVES = 6


@drawn
def validation(result: Validation, *, sealed: Validation | None = None) -> Drawing:
    """Draw every metric with what chance gives, and beside it confusion and calibration, or predicted against true numbers."""
    shown = result.scores.shown
    height = max(_height(shown), 190.0 if not result.scores.calibration else 330.0)
    width, left = 660.0, 430.0
    figure = Drawing(width, height)
    top = height - _height(shown)
    others = sealed.scores if sealed else None
    _metrics(_part(figure, 0, top, left, height - top, others), result.scores, others, result)
    if not result.scores.classes:
        side = min(width - left - 60, height - 50)
        _scatter(_axes(figure, left + 50, height - side - 8, side, side), result)
        return figure
    n = len(result.scores.classes)
    side = min(width - left - 20, height / 2 if result.scores.calibration else height)
    cell = side / (n + 2)
    corner = left + 20
    _confusion(figure, result.scores, None, corner, height - side, cell)
    if result.scores.calibration:
        _calibration(figure, result.scores, list(result.scores.calibration)[-1], corner + 40, 40, side - 62)
    return figure


@drawn
def metrics(
    open_: Scores, *, sealed: Scores | None = None, chance: Validation | None = None, width: float = 426
) -> Drawing:
    """Draw the metrics as dot and interval: hollow for open rows, filled for sealed ones, grey what chance gives.

    Parameters
    ----------
    open_ : Scores
        Of open rows, or the only ones there are.
    sealed : Scores, optional
        Of sealed rows.
    chance : Validation, optional
        Whose baselines are drawn: a bar, twice the spread of permuted labels to either side of their mean, and a
        stroke for always saying the commonest class, or the mean.
    width : float
        In px.
    """
    figure = Drawing(width, _height(open_.shown))
    _metrics(_part(figure, 0, 0, width, _height(open_.shown), sealed), open_, sealed, chance)
    return figure


def _places(names: list[str]) -> np.ndarray:
    """Return the height of each metric in rows, from the lowest at 0; groups of them stand apart."""
    steps = [0.0, *(1.45 if name in STARTS else 1.0 for name in names[1:])]
    down = np.cumsum(steps[: len(names)])
    return down[-1] - down


def _height(shown: dict[str, Any]) -> float:
    return ROW * float(_places(list(shown))[0] + 1) + 44


def _part(
    figure: Any, x: float, y: float, width: float, height: float, sealed: Scores | None
) -> tuple[Any, float, float]:
    """Return the axes of a panel of metrics at a place in px, with the width of its dots and of the figures in words."""
    numbers = ONE_COLUMN if sealed is None else TWO_COLUMNS
    inner = width - NAMES - numbers
    return _axes(figure, x + NAMES, y + 22, inner, height - 44), inner, numbers


def _axes(figure: Any, x: float, y: float, width: float, height: float) -> Any:
    whole, tall = figure.get_size_inches() * 72
    return figure.add_axes((x / whole, y / tall, width / whole, height / tall))


def _metrics(
    part: tuple[Any, float, float], open_: Scores, sealed: Scores | None, chance: Validation | None
) -> None:
    axes, inner, numbers = part
    names = list(open_.shown)
    y = _places(names)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform(), zorder=0.5)
    shown = [figures for figures in (open_, sealed) if figures is not None]
    ends = [
        [one.value, one.low, one.high]
        for figures in shown
        for name, one in figures.shown.items()
        if name not in UNBOUNDED
    ]
    known = np.array(ends)[np.isfinite(ends)]
    floor = max(float(np.floor(known.min(initial=0.9) * 10) / 10), -1.0)
    if chance is not None and chance.baselines:
        floor = min(floor, _reach_of_chance(chance, names))
        _chance(axes, chance, names, y, floor)
    shift = 0.13 if sealed is not None else 0.0
    for figures, color, face, by in ((open_, INK3, SURFACE, shift), (sealed, THREAD, THREAD, -shift)):
        if figures is not None:
            _dots(axes, figures, names, y + by, color, face)
    axes.set_xlim(floor - 0.02 * (1 - floor), 1 + 0.02 * (1 - floor))
    axes.set_ylim(-0.6, y[0] + 0.6)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    axes.spines["left"].set_visible(False)
    _written(axes, inner, numbers, open_, sealed, names, y)


def _dots(axes: Any, figures: Scores, names: list[str], y: np.ndarray, color: str, face: str) -> None:
    for where, name in zip(y, names):
        one = figures.metrics.get(name)
        if one is None or name in UNBOUNDED:
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


def _reach_of_chance(result: Validation, names: list[str]) -> float:
    """Return where the axis must begin for the baselines: at 0, or down to -0.3 where they go lower."""
    drawn = [name for name in names if name not in UNBOUNDED]
    lowest = [0.0]
    for name in drawn:
        mean, spread = result.baselines.get("permuted", {}).get(name), result.permuted_spread.get(name)
        lowest.append((mean or 0.0) - 2 * (spread or 0.0))
    return max(float(np.floor(min(lowest) * 10) / 10), -0.3)


def _chance(axes: Any, result: Validation, names: list[str], y: np.ndarray, floor: float) -> None:
    """Draw what permuted labels give as a grey bar, and what no look at the features gives as a grey stroke."""
    permuted = result.baselines.get("permuted", {})
    blind = next((given for name, given in result.baselines.items() if name != "permuted"), {})
    told = False
    for where, name in zip(y, names):
        if name in UNBOUNDED:
            continue
        mean, stroke = permuted.get(name), blind.get(name)
        spread = result.permuted_spread.get(name) or 0.0
        if mean is not None:
            bar = np.clip([mean - 2 * spread, mean + 2 * spread], floor, 1)
            axes.plot(bar, [where] * 2, color=REF, linewidth=7, solid_capstyle="butt", zorder=1)
        if stroke is not None and stroke >= floor:
            axes.plot([stroke] * 2, [where - 0.36, where + 0.36], color=REF, linewidth=1.8, zorder=1)
        at = mean if mean is not None else stroke
        if not told and at is not None:
            axes.text(
                max(at, floor), where + 0.45, "chance", ha="center", va="bottom", fontsize=9.5, color=INK3
            )
            told = True


def _written(
    axes: Any,
    inner: float,
    numbers: float,
    open_: Scores,
    sealed: Scores | None,
    names: list[str],
    y: np.ndarray,
) -> None:
    """Write names to the left and figures to the right."""
    places = axes.get_yaxis_transform()
    plain: dict[str, Any] = {"transform": places, "va": "center", "fontsize": 10.5, "clip_on": False}
    right = 1 + (numbers - 4) / inner
    columns = [(open_, 1 + (numbers - 112) / inner if sealed else right, "normal", sealed is None)]
    if sealed is not None:
        columns.append((sealed, right, "bold", True))
    for figures, x, weight, whole in columns:
        head = "sealed" if figures is sealed else "open"
        axes.text(x, y[0] + 0.55, head, ha="right", color=INK3, transform=places, fontsize=9.5, va="bottom")
        for where, name in zip(y, names):
            if name in figures.metrics:
                text = spelt(figures.metrics[name], interval=whole)
                axes.text(x, where, text, ha="right", weight=weight, color=INK, **plain)
    for where, name in zip(y, names):
        axes.text(-NAMES / inner, where, WORDS.get(name, name), ha="left", color=INK, **plain)


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
    """Draw rows of each true class (down) by predicted class (across), markers for names, recall and precision beside.

    Each cell has its rows and, where there is room, their share of the true class (left) and of the predicted one.

    Parameters
    ----------
    scores : Scores
    order : list of str, optional
        The classes in the order of their colours and markers.
    width : float
        Of the cells and their names, in px; many classes need more.
    """
    n = len(scores.classes)
    cell = max(width / (n + 1), 24.0)
    figure = Drawing(cell * (n + 2), cell * (n + 2))
    _confusion(figure, scores, order, 0.0, 0.0, cell)
    return figure


def _confusion(figure: Any, scores: Scores, order: list[str] | None, x: float, y: float, cell: float) -> None:
    """Draw the confusion at a place in px: recall to the right of each row, precision below each column."""
    n = len(scores.classes)
    axes = _axes(figure, x + cell, y + cell, cell * n, cell * n)
    roomy = cell >= 52
    draw_confusion(axes, scores, order, raise_by=0.14 if roomy else 0.0)
    small: dict[str, Any] = {"ha": "center", "va": "center", "color": INK3, "clip_on": False}
    rows, columns = scores.row_shares, scores.column_shares
    for k in range(n):
        axes.text(n - 0.08, k, _share(rows[k, k]), fontsize=9.5, **small)
        axes.text(k, n - 0.22, _share(columns[k, k]), fontsize=9.5, **small)
    if roomy:
        for i, j in np.ndindex(n, n):
            axes.text(j, i + 0.24, f"{_percent(rows, i, j)} | {_percent(columns, i, j)}", fontsize=8, **small)
    axes.text(n - 0.08, -0.78, "recall", fontsize=8.5, **small)
    axes.text(-0.78, n - 0.22, "precision" if cell >= 50 else "prec.", fontsize=8.5, **small)
    if roomy:
        axes.text(n - 0.08, n - 0.22, "% of row |\n% of column", fontsize=7.5, **small)


def _share(share: float) -> str:
    return f"{share:.2f}" if np.isfinite(share) else "–"


def _percent(shares: np.ndarray, i: int, j: int) -> str:
    return f"{shares[i, j]:.0%}" if np.isfinite(shares[i, j]) else "–"


def draw_confusion(axes: Any, scores: Scores, order: list[str] | None, *, raise_by: float = 0.0) -> None:
    """Draw counts, in cells that are darker the larger their share of the true class; ``raise_by`` makes room below."""
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
        axes.text(
            j, i - raise_by, f"{rows}", ha="center", va="center", fontsize=11 if n < 5 else 9, color=INK
        )
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
def calibration(scores: Scores, *, order: list[str] | None = None, width: float = 190) -> Drawing:
    """Draw how often rows are of a class against the probability that they were given, with intervals over groups.

    Two classes need one curve, that of the second; of many, the first six are drawn.

    Parameters
    ----------
    scores : Scores
        With probabilities.
    order : list of str, optional
        The classes in the order of their colours and markers.
    width : float
        Of each curve, in px.
    """
    shown = list(scores.calibration)[:MOST_CURVES] if len(scores.classes) > 2 else [scores.classes[-1]]
    across = min(len(shown), 3)
    down = -(-len(shown) // across)
    figure = Drawing(width * across, width * down)
    for i, name in enumerate(shown):
        x, y = width * (i % across) + 44, width * (down - 1 - i // across) + 40
        _calibration(figure, scores, name, x, y, width - 66, order)
    return figure


def _calibration(
    figure: Any, scores: Scores, name: str, x: float, y: float, side: float, order: list[str] | None = None
) -> None:
    """Draw the calibration of one class at a place in px."""
    curve = scores.calibration[name]
    known = order or list(scores.classes)
    number = known.index(name) if name in known else -1
    axes = _axes(figure, x, y, side, side)
    axes.plot([0, 1], [0, 1], color=REF, linewidth=1.4, zorder=1)
    axes.vlines(curve.predicted, curve.low, curve.high, color=INK3, linewidth=1.5)
    axes.plot(
        curve.predicted,
        curve.observed,
        color=RULE2,
        linewidth=0.8,
        marker=group_marker(number),
        markersize=5.5,
        markerfacecolor=group_color(number),
        markeredgecolor=SURFACE,
        markeredgewidth=0.6,
    )
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.locator_params(nbins=3)
    axes.set_xlabel("predicted probability", labelpad=2)
    axes.set_ylabel("observed share", labelpad=2)
    by_chance = f", {curve.by_chance:.2f} by chance" if np.isfinite(curve.by_chance) else ""
    axes.set_title(
        f"{short(name, 22)}\nerror {curve.error.value:.2f}{by_chance}",
        fontsize=9.5,
        color=INK,
        loc="left",
        pad=4,
    )


@drawn
def scatter(result: Validation, *, width: float = 190) -> Drawing:
    """Draw predicted against true numbers."""
    figure = Drawing(width, width)
    _scatter(figure.add_axes((54 / width, 36 / width, 1 - 74 / width, 1 - 46 / width)), result)
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
