"""k-means as pictures of its steps: centres, the part of the plane that each holds, the way that they came."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explore.kmeans_steps import KMeansSteps
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    RULE,
    SURFACE,
    Drawing,
    bare,
    drawn,
    group_color,
    group_marker,
    mix,
)

MOST_PANELS = 8
DENSE = 1000  # rows beyond which a panel is a picture, not an outline of each point
HEADING, TITLE, CAPTION, GAP, KEY = 46.0, 20.0, 34.0, 14.0, 40.0  # heights and gaps in px
RULES = (
    "Some rows are chosen as first centres. Every row joins the centre nearest to it; every centre moves to the "
    "mean of its rows; again, until no row changes."
)


@drawn
def kmeans_steps(result: KMeansSteps, *, columns: int = 4, width: float = 960) -> Drawing:
    """Draw the steps of a k-means run as small multiples, the inertia under each.

    Parameters
    ----------
    result : KMeansSteps
        Of more than eight steps, the first, the last and six between them are drawn, most of them early ones.
    columns : int
        Pictures side by side.
    width : float
        Of the figure, in px.
    """
    steps = _shown(result.n_steps)
    columns = min(columns, len(steps))
    lines = -(-len(steps) // columns)
    window = _window(result)
    side = min((width - (columns - 1) * GAP) / columns, 300.0)
    tall = side * float(np.clip((window[1, 1] - window[1, 0]) / (window[0, 1] - window[0, 0]), 0.5, 1.1))
    width = max(columns * side + (columns - 1) * GAP, 800.0)  # the sentences need as much
    height = HEADING + lines * (TITLE + tall + CAPTION + GAP) + KEY
    figure = Drawing(width, height)
    _heading(figure, result, height)
    for place, number in enumerate(steps):
        line, column = divmod(place, columns)
        left, top = column * (side + GAP), HEADING + line * (TITLE + tall + CAPTION + GAP) + TITLE
        axes = figure.add_axes((left / width, 1 - (top + tall) / height, side / width, tall / height))
        _panel(axes, result, number, window)
        axes.text(
            0, 1 + 6 / tall, _title(result, number), transform=axes.transAxes, fontsize=10, weight="bold"
        )
        for place_of_line, (text, color) in enumerate(_captions(result, number)):
            below = -(6 + 13 * place_of_line) / tall
            axes.text(0, below, text, transform=axes.transAxes, fontsize=9.5, color=color, va="top")
    _key(figure, result, height, ringed=len(steps) > 1)
    return figure


def _shown(n_steps: int) -> list[int]:
    """Return which steps to draw: the first and the last, and early ones rather than late ones."""
    if n_steps <= MOST_PANELS:
        return list(range(n_steps))
    wanted = np.unique(np.geomspace(1, n_steps, MOST_PANELS).round().astype(int) - 1)
    missing = [number for number in range(n_steps) if number not in wanted][: MOST_PANELS - wanted.size]
    return sorted([*wanted.tolist(), *missing])


def _title(result: KMeansSteps, number: int) -> str:
    if number == 0:
        return "the first centres"
    last = number == result.n_steps - 1
    return f"move {number}" + ((", the last" if result.converged else ", stopped here") if last else "")


def _captions(result: KMeansSteps, number: int) -> list[tuple[str, str]]:
    """Return the two lines below a picture, with their colours."""
    changed = int(result.changed[number].sum())
    if number == 0:
        second = f"{result.labels.shape[1]} rows join their nearest centre"
    elif changed:
        second = f"{changed} {'row changes' if changed == 1 else 'rows change'} cluster"
    else:
        second = "no row changes: done"
    return [(f"inertia {result.inertia[number]:,.{_digits(result.inertia)}f}", INK2), (second, INK3)]


def _digits(inertia: np.ndarray) -> int:
    """Return the decimals that give the smallest inertia five digits that count."""
    smallest = inertia[inertia > 0].min(initial=np.inf)
    return int(np.clip(4 - np.floor(np.log10(smallest)), 0, 6)) if np.isfinite(smallest) else 0


def _heading(figure: Drawing, result: KMeansSteps, height: float) -> None:
    figure.text(0, 1 - 10 / height, result.headline() + ".", fontsize=11, weight="bold", va="center")
    figure.text(0, 1 - 27 / height, RULES, fontsize=9.5, color=INK3, va="center")


def _key(figure: Drawing, result: KMeansSteps, height: float, *, ringed: bool) -> None:
    parts = ["Large marker: a centre, with the way that it came."]
    if ringed:
        parts.append("Ringed: a row that has just changed its cluster.")
    parts.append("Inertia: sum of squared distances to the centres; it only falls.")
    if result.drawn_on == "columns":
        plane = "Shaded: the part of the plane that is nearest to each centre."
    else:
        d = result.centers.shape[2]
        plane = (
            f"Drawn on the first two principal components ({result.variance_shown:.0%} of the variance); nearness counts in all "
            f"{d} dimensions, so clusters may overlap here."
        )
    for line, text in ((26, " ".join(parts)), (11, plane)):
        figure.text(0, line / height, text, fontsize=9.5, color=INK3, va="center")


def _window(result: KMeansSteps) -> np.ndarray:
    """Return the limits of all pictures, ((left, right), (bottom, top)), with room around the rows."""
    low, high = result.coordinates.min(axis=0), result.coordinates.max(axis=0)
    room = np.maximum(0.06 * (high - low), 0.06 * max(float((high - low).max()), 1e-9))
    return np.column_stack([low - room, high + room])


def _panel(axes: Any, result: KMeansSteps, number: int, window: np.ndarray) -> None:
    centers, labels, changed = (
        result.center_coordinates[: number + 1],
        result.labels[number],
        result.changed[number],
    )
    if result.drawn_on == "columns":
        for c, cell in enumerate(_cells(centers[-1], window)):
            if len(cell):
                axes.fill(
                    *cell.T, facecolor=mix(group_color(c), 0.13), edgecolor=SURFACE, linewidth=2.2, zorder=1
                )
    size = 4.2 if labels.size <= 150 else 3.2 if labels.size <= 600 else 2.2
    for c in range(centers.shape[1]):
        rows = result.coordinates[labels == c]
        axes.plot(
            *rows.T,
            linestyle="none",
            marker=group_marker(c),
            markersize=size,
            markerfacecolor=mix(group_color(c), 0.7),
            markeredgewidth=0,
            rasterized=labels.size > DENSE,
            zorder=2,
        )
    axes.plot(
        *result.coordinates[changed].T,
        linestyle="none",
        marker="o",
        markersize=size + (3.2 if labels.size <= DENSE else 1.4),
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.8 if labels.size <= DENSE else 0.5,
        rasterized=labels.size > DENSE,
        zorder=3,
    )
    for c in range(centers.shape[1]):
        way = centers[:, c]
        axes.plot(*way.T, color=SURFACE, linewidth=3.4, zorder=4, solid_capstyle="round")
        axes.plot(*way.T, color=INK, linewidth=1.3, zorder=5, marker="o", markersize=2.4, markevery=(0, 1))
        axes.plot(
            *way[-1:].T,
            marker=group_marker(c),
            markersize=11,
            markerfacecolor=group_color(c),
            markeredgecolor=INK,
            markeredgewidth=1.4,
            zorder=6,
        )
    bare(axes)
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE)
    axes.set_xlim(window[0])
    axes.set_ylim(window[1])


def _cells(centers: np.ndarray, window: np.ndarray) -> list[np.ndarray]:
    """Cut the window into the parts that are nearest to each of ``centers`` (k, 2): corners (n, 2), or none at all.

    Of centres in one place the first has it all.
    """
    (left, right), (bottom, top) = window
    cells = []
    for c, center in enumerate(centers):
        cell = np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
        for o, other in enumerate(centers):
            if o == c:
                continue
            if (center == other).all():
                cell = cell if c < o else cell[:0]
            elif len(cell):
                cell = _cut(cell, center, other)
        cells.append(cell)
    return cells


def _cut(cell: np.ndarray, center: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cut off what of a convex cell (n, 2) is nearer to ``other`` (Sutherland & Hodgman 1974, doi:10.1145/360767.360802)."""
    beyond = (cell - (center + other) / 2) @ (other - center)  # above 0 where other is nearer
    corners = []
    for i in range(len(cell)):
        if beyond[i - 1] * beyond[i] < 0:  # the edge from corner i - 1 to i crosses the boundary
            share = beyond[i - 1] / (beyond[i - 1] - beyond[i])
            corners.append(cell[i - 1] + share * (cell[i] - cell[i - 1]))
        if beyond[i] <= 0:
            corners.append(cell[i])
    return np.array(corners).reshape(-1, 2)
