"""Figures of one look at the rows: the map and its runs, evidence, consensus, correlations, distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explore.cluster import Clustering
from clew.explore.embed import Embedding
from clew.explore.exploration import Exploration
from clew.explore.hypotheses import Hypotheses
from clew.explore.stability import SURE, Stability, together
from clew.plot.evidence import evidence as evidence  # the report draws it from here
from clew.plot.evidence import index_over_k
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    SIGNED,
    SURFACE,
    Drawing,
    bare,
    drawn,
    group_color,
    group_marker,
    group_name,
    mix,
    short,
)

DENSE = 3000  # points beyond which a map is a picture, not an outline of each point
Names = dict[str, str] | None


@drawn
def exploration(result: Exploration, *, run: int = 0, names: Names = None) -> Drawing:
    """Draw one look: the map of a run beside the evidence."""
    figure = Drawing(640, 300)
    left, right = figure.halves([1, 1])
    _map(left.add_axes((0.02, 0.02, 0.96, 0.96)), result, run, names)
    index_over_k(right.add_axes((0.14, 0.14, 0.8, 0.78)), result.evidence, cut=result.k)
    return figure


@drawn
def run_map(
    result: Exploration, *, run: int = 0, names: Names = None, width: float = 300, height: float = 236
) -> Drawing:
    """Draw the map of one run: a marker a group, hollow where a row changes groups between runs."""
    figure = Drawing(width, height)
    _map(figure.add_axes((0.01, 0.01, 0.98, 0.98)), result, run, names)
    return figure


def map_places(drawing: Drawing, result: Exploration, *, run: int = 0) -> np.ndarray:
    """Return where `run_map` drew each shown row: from the left and from the top as shares, float64 (n_shown, 2)."""
    points = result.embedding.aligned[run % len(result.embedding.aligned)].astype(np.float64)
    at = drawing.axes[0].transData.transform(points) / drawing.bbox.size
    return np.column_stack([at[:, 0], 1 - at[:, 1]])


def changes_groups(result: Exploration) -> np.ndarray:
    """Return which of the shown rows (n_shown,) of bool more than a tenth of the runs put in another group."""
    return result.confidence[result.shown] < SURE


def _map(axes: Any, result: Exploration, run: int, names: Names) -> None:
    points = result.embedding.aligned[run % len(result.embedding.aligned)].astype(np.float64)
    hollow = changes_groups(result) & (result.k > 0)
    groups = result.groups[result.shown]
    _points(axes, points, groups, hollow=hollow)
    bare(axes)
    per_px = _fit(axes, points, margin=26)
    taken: list[tuple[np.ndarray, np.ndarray]] = []
    for group in range(result.k):
        members = points[groups == group]
        name, count = short(group_name(group, names), 22), f"{(result.groups == group).sum()} rows"
        half = (
            np.array([3.3 * max(len(name), len(count)), 14.0]) * per_px
        )  # of the space that the two lines take
        at = _free_spot(members, points, half, taken, axes)
        taken.append((at, half))
        common = {"textcoords": "offset points", "ha": "center"}
        axes.annotate(name, at, xytext=(0, 1.5), va="bottom", fontsize=10, weight="bold", **common)
        axes.annotate(count, at, xytext=(0, -1.5), va="top", fontsize=9.5, color=INK3, **common)


def _fit(axes: Any, points: np.ndarray, *, margin: float) -> float:
    """Set limits that hold all points with a margin in px, at one scale both ways; return data units a px."""
    box = axes.get_window_extent()
    room = np.array([box.width, box.height]) * 72 / axes.figure.dpi
    low, high = points.min(axis=0), points.max(axis=0)
    per_px = float(((high - low) / np.maximum(room - 2 * margin, 20)).max()) or 1.0
    for set_limits, middle, px in zip((axes.set_xlim, axes.set_ylim), (low + high) / 2, room):
        set_limits(middle - px / 2 * per_px, middle + px / 2 * per_px)
    return per_px


def _free_spot(
    members: np.ndarray,
    points: np.ndarray,
    half: np.ndarray,
    taken: list[tuple[np.ndarray, np.ndarray]],
    axes: Any,
) -> np.ndarray:
    """Return where a group's name covers the fewest points: near its own members, away from other names."""
    center = np.median(members, axis=0)
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    around = np.column_stack([np.cos(turns), np.sin(turns)])
    reach = np.quantile(np.abs(members - center), 0.95, axis=0)
    candidates = np.concatenate([center + around * (reach * share + half) for share in (0.4, 0.7, 1.0, 1.3)])
    limits = np.array([axes.get_xlim(), axes.get_ylim()])  # ((left, right), (bottom, top))
    inside = np.clip(candidates, limits[:, 0] + half, limits[:, 1] - half)

    def cost(at: np.ndarray) -> float:
        covered = (np.abs(points - at) < half).all(axis=1).sum()
        clashes = sum(bool((np.abs(other - at) < half + theirs).all()) for other, theirs in taken)
        return float(covered + 1000 * clashes + np.linalg.norm((at - center) / half) / 2)

    return min(inside, key=cost)


def _points(axes: Any, points: np.ndarray, groups: np.ndarray, *, hollow: np.ndarray) -> None:
    """Draw points by group: filled; hollow where they wander."""
    dense = len(points) > DENSE
    size = 4.5 if len(points) < 300 else 3.2 if len(points) < 1500 else 2.2
    for group in np.unique(groups):
        color, marker = group_color(int(group)), group_marker(int(group))
        for mask, face in ((~hollow, color), (hollow, SURFACE)):
            rows = (groups == group) & mask
            if rows.any():
                axes.plot(
                    *points[rows].T,
                    linestyle="none",
                    marker=marker,
                    markersize=size,
                    markerfacecolor=mix(face, 0.75) if face == color else face,
                    markeredgecolor=color,
                    markeredgewidth=1 if face == SURFACE else 0,
                    rasterized=dense,
                )


@drawn
def runs(
    result: Embedding,
    *,
    groups: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    names: Names = None,
    columns: int = 10,
    width: float = 960,
) -> Drawing:
    """Draw every run of a map as small multiples, turned to match run 1.

    Parameters
    ----------
    result : Embedding
    groups : ndarray of int, shape (n_rows,), optional
        The group of each row, the same in every run.
    labels : ndarray of int, shape (n_runs, n_rows), optional
        What each run itself made of the rows; stands above ``groups``.
    """
    n_runs, n_rows, _ = result.aligned.shape
    columns = min(columns, n_runs)
    lines = -(-n_runs // columns)
    low, high = result.aligned.min(axis=(0, 1)), result.aligned.max(axis=(0, 1))
    wide, tall = np.maximum((high - low) * 1.06, 1e-6)
    side = width / columns
    each = float(np.clip(side * tall / wide, 0.4 * side, 1.3 * side)) + 18
    height = lines * each
    figure = Drawing(width, height)
    for run in range(n_runs):
        line, column = divmod(run, columns)
        box = (
            column * side / width,
            1 - ((line + 1) * each - 18) / height,
            0.94 * side / width,
            (each - 18) / height,
        )
        axes = figure.add_axes(box)
        own = labels[run % len(labels)] if labels is not None else groups
        own = np.full(n_rows, -1) if own is None else own
        for group in np.unique(own):
            axes.plot(
                *result.aligned[run][own == group].T,
                linestyle="none",
                marker=group_marker(int(group)),
                markersize=1.8 if n_rows > 300 else 2.8,
                markerfacecolor=group_color(int(group)),
                markeredgewidth=0,
                rasterized=n_runs * n_rows > DENSE,
            )
        bare(axes)
        axes.set_aspect("equal")
        axes.set_xlim((low + high)[0] / 2 - wide / 2, (low + high)[0] / 2 + wide / 2)
        axes.set_ylim((low + high)[1] / 2 - tall / 2, (low + high)[1] / 2 + tall / 2)
        figure.text(
            (column + 0.47) * side / width,
            1 - ((line + 1) * each - 9) / height,
            str(run + 1),
            fontsize=9,
            color=INK3,
            ha="center",
            va="center",
        )
    return figure


@drawn
def clustering(result: Clustering, *, width: float = 300) -> Drawing:
    """Draw how often two rows are put together: below the diagonal over seeds, above it over resampled rows."""
    again = together(result.resampled_labels[:, result.stability.shown])
    return consensus(result.stability, above=again, width=width)


@drawn
def consensus(result: Stability, *, above: np.ndarray | None = None, width: float = 300) -> Drawing:
    """Draw how often two rows are put together, the rows ordered by group and confidence.

    Parameters
    ----------
    result : Stability
    above : ndarray of float, shape (n_shown, n_shown), optional
        What to draw above the diagonal instead.
    """
    height = 0.9 * width + 34
    figure = Drawing(width, height)
    axes = figure.add_axes((0.09, 32 / height, 0.9, 0.9 * width / height))
    shares = result.coassociation
    if above is not None:
        shares = np.where(np.triu(np.ones(shares.shape, bool), 1), above, shares)
    axes.imshow(shares, vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
    groups = result.consensus[result.shown]
    starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1))
    for start, stop in zip(starts, [*starts[1:], len(groups)]):
        group = int(groups[start])
        middle = (start + stop - 1) / 2
        axes.plot(
            [-0.045],
            [1 - (middle + 0.5) / len(groups)],
            marker=group_marker(group),
            color=group_color(group),
            markersize=6,
            clip_on=False,
            transform=axes.transAxes,
        )
        axes.plot(
            [-0.018, -0.018],
            [1 - (start + 0.2) / len(groups), 1 - (stop - 0.2) / len(groups)],
            color=group_color(group),
            linewidth=2.2,
            clip_on=False,
            transform=axes.transAxes,
        )
    bare(axes)
    ramp = figure.add_axes((0.35, 13 / height, 0.4, 7 / height))
    ramp.imshow(np.linspace(0, 1, 64)[None], aspect="auto", cmap="cividis")
    bare(ramp)
    for x, ha, text in ((-0.03, "right", "never 0"), (1.03, "left", "1 always")):
        ramp.text(x, 0.45, text, transform=ramp.transAxes, ha=ha, va="center", fontsize=9, color=INK3)
    return figure


@drawn
def correlations(result: Hypotheses, *, names: Names = None, width: float = 620) -> Drawing:
    """Draw the correlation of the features, and beside it theirs with the distance to each group's centre."""
    from matplotlib.colors import LinearSegmentedColormap

    n, n_groups = len(result.feature_names), result.distance_correlation.shape[1]
    cell = float(np.clip(330 / max(n, 1), 13, 30))
    left, top, gap = 150.0, 12.0, 26.0
    group_cell = max(cell, 26.0)
    width = left + n * cell + gap + n_groups * group_cell + 12
    height = top + n * cell + 74
    figure = Drawing(width, height)
    ramp = LinearSegmentedColormap.from_list("signed", SIGNED)
    common: Any = {"vmin": -1, "vmax": 1, "cmap": ramp, "aspect": "auto", "interpolation": "nearest"}
    bottom = (height - top - n * cell) / height
    matrix = figure.add_axes((left / width, bottom, n * cell / width, n * cell / height))
    matrix.imshow(result.correlation, **common)
    matrix.set_yticks(range(n), [short(name, 24) for name in result.feature_names], color=INK)
    matrix.set_xticks(range(n), [str(i + 1) for i in range(n)])
    beside = figure.add_axes(
        ((left + n * cell + gap) / width, bottom, n_groups * group_cell / width, n * cell / height)
    )
    beside.imshow(result.distance_correlation, **common)
    beside.set_yticks(range(n), [str(i + 1) for i in range(n)])
    beside.set_xticks([])
    for group in range(n_groups):
        beside.plot(
            [(group + 0.5) / n_groups],
            [-12 / (n * cell)],
            marker=group_marker(group),
            color=group_color(group),
            markersize=6,
            clip_on=False,
            transform=beside.transAxes,
        )
    for axes, table, width_of in (
        (matrix, result.correlation, cell),
        (beside, result.distance_correlation, group_cell),
    ):
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if width_of >= 26 and cell >= 14:
            for (i, j), value in np.ndenumerate(table):
                strong = abs(value) > 0.6
                axes.text(
                    j,
                    i,
                    f"{value:.1f}".replace("-", "−"),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color="#fefefe" if strong else "#1b1c1f",
                )
    matrix.set_xlabel("features, by number", labelpad=6)
    beside.set_xlabel("distance\nto centre", labelpad=16)
    key = figure.add_axes((left / width, 12 / height, 90 / width, 7 / height))
    key.imshow(np.linspace(-1, 1, 65)[None], **common)
    bare(key)
    for x, ha, text in ((-0.06, "right", "−1"), (1.06, "left", "1")):
        key.text(x, 0.45, text, transform=key.transAxes, ha=ha, va="center", fontsize=9, color=INK3)
    return figure


@drawn
def strips(
    values: np.ndarray,
    groups: np.ndarray,
    *,
    feature_names: list[str],
    units: list[str],
    names: Names = None,
    width: float = 420,
    random_state: int = 0,
) -> Drawing:
    """Draw how each feature is distributed in each group: every row as a point, the middle half, the median.

    Parameters
    ----------
    values : ndarray of float64, shape (n_rows, n_features)
    groups : ndarray of int, shape (n_rows,)
    feature_names, units : list of str
    """
    n_groups = int(groups.max()) + 1
    line = 19.0
    each = n_groups * line + 40
    figure = Drawing(width, each * len(feature_names))
    rng = np.random.default_rng(random_state)
    for i, (name, unit) in enumerate(zip(feature_names, units)):
        bottom = 1 - ((i + 1) * each - 22) / (each * len(feature_names))
        axes = figure.add_axes(
            (110 / width, bottom, 1 - 122 / width, n_groups * line / (each * len(feature_names)))
        )
        for group in range(n_groups):
            x, y = values[groups == group, i], n_groups - 1 - group
            axes.plot(
                x,
                y + rng.uniform(-0.28, 0.28, len(x)),
                linestyle="none",
                marker=group_marker(group),
                markersize=3,
                markerfacecolor=mix(group_color(group), 0.45),
                markeredgewidth=0,
                rasterized=len(x) > DENSE,
            )
            low, middle, high = np.percentile(x, [25, 50, 75])
            axes.plot([low, high], [y, y], color=INK2, linewidth=1)
            axes.plot([middle] * 2, [y - 0.34, y + 0.34], color=INK, linewidth=1.6)
        axes.set_ylim(-0.6, n_groups - 0.4)
        axes.set_yticks(
            range(n_groups), [short(group_name(g, names), 15) for g in reversed(range(n_groups))], color=INK
        )
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=5)
        axes.set_title(
            short(name, 40) + (f" [{short(unit)}]" if unit else ""),
            loc="left",
            fontsize=9.5,
            color=INK,
            pad=3,
            x=-98 / (width - 122),
        )
    return figure
