"""Figures of what stays when a look is repeated: pairs of runs, groups, rows, and how true each run of the map is."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.errors import SettingError, check
from clew.explore.cluster import Clustering
from clew.explore.embed import Embedding
from clew.explore.exploration import Exploration
from clew.explore.faithfulness import procrustes
from clew.explore.stability import home_from, map_distances, wandering
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    REF,
    RULE,
    RULE2,
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

STEPS = 8  # of the ramp from no to all neighbours in common
DENSE = 1500  # rows beyond which a map is a picture, not an outline of each point
MOST = 0.1  # of the rows, whose way from run to run is drawn
LINES = 200  # of these at most
GROUPS_SHOWN = 12
Names = dict[str, str] | None


@drawn
def agreement(result: Clustering, *, width: float = 560) -> Drawing:
    """Draw the adjusted Rand index of all pairs of runs, beside how it is distributed over seeds and resampled rows."""
    height, side, bottom = 216.0, 150.0, 44.0
    figure = Drawing(width, height)
    matrix = figure.add_axes((22 / width, bottom / height, side / width, side / height))
    matrix.imshow(result.stability.ari, vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
    bare(matrix)
    n_runs = len(result.stability.ari)
    for run, place in ((0, 1 - 0.5 / n_runs), (n_runs - 1, 0.5 / n_runs)):
        at: Any = {"transform": matrix.transAxes, "fontsize": 9, "color": INK3}
        matrix.text(-0.04, place, str(run + 1), ha="right", va="center", **at)
        matrix.text(1 - place, -0.03, str(run + 1), ha="center", va="top", **at)
    matrix.text(0.5, -0.03, "run", transform=matrix.transAxes, ha="center", va="top", fontsize=9, color=INK3)
    _above(matrix, "each pair of runs")
    _ramp(figure, (66 / width, 12 / height, 70 / width, 7 / height), "0", "1")

    left = side + 92
    each = (side - 34) / 2
    pairs = result.stability.ari[np.triu_indices(n_runs, 1)]
    parts = [("other seeds", pairs), ("other rows, 80% each", result.resampled_ari)]
    lowest = min([0.0, *(float(values.min()) for _, values in parts)])
    bins = np.linspace(np.floor(lowest * 10) / 10, 1, round((1 - np.floor(lowest * 10) / 10) * 40) + 1)
    for i, (title, values) in enumerate(parts):
        low = bottom + (1 - i) * (each + 34)
        axes = figure.add_axes((left / width, low / height, 1 - (left + 36) / width, each / height))
        share = np.histogram(np.clip(values, bins[0], 1), bins)[0] / len(values)
        axes.bar(bins[:-1], share, width=np.diff(bins), align="edge", color=INK2, linewidth=0)
        axes.plot([values.mean()] * 2, [0, 1], color=INK, linewidth=1.4, transform=axes.get_xaxis_transform())
        axes.set_xlim(bins[0], 1.004)
        axes.set_ylim(0, max(share.max() * 1.05, 0.02))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.tick_params(labelbottom=i == 1)
        _above(axes, title)
        _above(axes, f"mean {values.mean():.2f}, lowest {values.min():.2f}".replace("-", "−"), right=True)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0: chance", "0.25", "0.5", "0.75", "1: the same"])
    return figure


@drawn
def groups(result: Clustering, *, names: Names = None, width: float = 560) -> Drawing:
    """Draw how far each consensus group is found again: a dot a run, filled over seeds, hollow over resampled rows.

    The Jaccard index of the group and the most similar cluster of a run; the strokes are means.
    """
    n_groups = min(len(result.sizes), GROUPS_SHOWN)
    line, left = 34.0, 132.0
    height = n_groups * line + 48
    figure = Drawing(width, height)
    axes = figure.add_axes((left / width, 26 / height, 1 - (left + 78) / width, n_groups * line / height))
    axes.set_xlim(0, 1.01)
    axes.set_ylim(n_groups - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.vlines([0.25, 0.5, 0.75, 1], 0, 1, color=RULE, linewidth=0.8, transform=axes.get_xaxis_transform())
    axes.set_axisbelow(True)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0: lost", "0.25", "0.5", "0.75", "1: the same rows"])
    places: Any = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    inner = width - left - 78
    for group in range(n_groups):
        color = group_color(group)
        axes.plot(-(left - 8) / inner, group, marker=group_marker(group), color=color, markersize=7, clip_on=False,
                  transform=axes.get_yaxis_transform())  # fmt: skip
        axes.text(
            -(left - 18) / inner,
            group - 0.2,
            short(group_name(group, names), 18),
            color=INK,
            fontsize=10,
            **places,
        )
        axes.text(
            -(left - 18) / inner,
            group + 0.22,
            f"{result.sizes[group]} rows",
            color=INK3,
            fontsize=9,
            **places,
        )
        for by, values, face in ((-0.2, result.jaccard, color), (0.2, result.resampled_jaccard, SURFACE)):
            own = values[:, group][np.isfinite(values[:, group])]
            if not len(own):  # a group so small that no resample drew it
                continue
            axes.plot(own, np.full(len(own), group + by), linestyle="none", marker="o", markersize=4.5, clip_on=False,
                      markerfacecolor=mix(face, 0.35) if face == color else face, markeredgecolor=color,
                      markeredgewidth=0 if face == color else 0.9)  # fmt: skip
            axes.plot(
                [own.mean()] * 2, [group + by - 0.17, group + by + 0.17], color=INK, linewidth=1.8, zorder=4
            )
            axes.text(
                1 + 74 / inner, group + by, f"{own.mean():.2f}", color=INK, fontsize=9.5, ha="right", **places
            )
    axes.text(
        1 + 74 / inner,
        1.03,
        "mean",
        transform=axes.transAxes,
        ha="right",
        va="bottom",
        fontsize=9,
        color=INK3,
    )
    return figure


@drawn
def at_home(result: Exploration, *, run: int = 0, width: float = 560) -> Drawing:
    """Draw the map of a run coloured by the share of its neighbours that a row keeps.

    Rows that wander wear a ring, unless they are too many to tell apart.
    """
    embedding = result.embedding
    overlap = embedding.neighbor_overlap
    wander = wandering(overlap, embedding.k)
    points = embedding.aligned[run % len(embedding.aligned)].astype(np.float64)
    height = 42 + _height(np.ptp(points, axis=0), width, high=0.72)
    figure = Drawing(width, height)
    axes = figure.add_axes((0.01, 40 / height, 0.98, 1 - 42 / height))
    crowded = wander.sum() > DENSE
    if crowded:  # rings would hide all others: small dots in random order, so that no kind lies on top
        order = np.random.default_rng(0).permutation(len(points))
        tones = np.array([_tone(step) for step in range(STEPS)])[_steps(overlap)]
        axes.scatter(points[order, 0], points[order, 1], s=2.5, c=tones[order], linewidths=0, rasterized=True)
    else:
        _rings(axes, points, result.groups[result.shown], _steps(overlap), wander)
    bare(axes)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.03)
    home = home_from(embedding.k, len(points))
    key = figure.add_axes((92 / width, 14 / height, 160 / width, 9 / height))
    key.imshow([[_tone(step) for step in range(STEPS)]], aspect="auto", extent=(0, 1, 0, 1))
    bare(key)
    key.plot([0, 1, 1, 0, 0], [0, 0, 1, 1, 0], color=RULE2, linewidth=0.8, clip_on=False)
    key.plot([home, home], [-0.3, 1.7], color=INK, linewidth=1.2, clip_on=False)
    said: Any = {"transform": key.transAxes, "va": "center", "fontsize": 9.5, "color": INK3}
    key.text(-0.04, 0.45, "no neighbour", ha="right", **said)
    key.text(1.04, 0.45, f"all {embedding.k} in common", ha="left", **said)
    example = figure.add_axes((1 - 172 / width, 12 / height, 12 / width, 12 / height))
    example.plot(0.5, 0.5, marker="o", markersize=6.5, markerfacecolor=_tone(2), markeredgecolor=INK,
                 markeredgewidth=0 if crowded else 1.1)  # fmt: skip
    bare(example)
    words = f"{int(wander.sum()):,} of {len(points):,} rows wander"
    example.text(1.4, 0.45, words, transform=example.transAxes, va="center", fontsize=9.5, color=INK)
    return figure


@drawn
def two_runs(
    result: Exploration, a: int | None = None, b: int | None = None, *, width: float = 560
) -> Drawing:
    """Draw two runs of the map beside each other, the second turned to match the first.

    The tenth of the rows that moved most is hollow; lines lead from where the first run has them.

    Parameters
    ----------
    result : Exploration
    a, b : int, optional
        Runs, from 0; the two that differ most otherwise.

    Raises
    ------
    SettingError
        If there are no such two runs.
    """
    a, b = pair(result.embedding, a, b)
    first, second, ways = _ways(result.embedding, a, b)
    kinds = result.groups[result.shown]
    most = np.argsort(-ways, kind="stable")[: n_lines(len(ways))]
    far = np.isin(np.arange(len(ways)), most)
    both = np.concatenate([first, second])
    middle, extent = (both.min(axis=0) + both.max(axis=0)) / 2, np.ptp(both, axis=0)
    height = 24 + _height(extent, 0.47 * width, high=0.95)
    figure = Drawing(width, height)
    room = np.array([width * 0.47, height - 24])
    half = room / 2 * float((extent / (room - 14)).max() or 1)
    dense = len(first) > DENSE
    size = 4.5 if len(first) < 300 else 2.0 if dense else 3.2
    for i, (run, points) in enumerate(((a, first), (b, second))):
        axes = figure.add_axes((0.01 + 0.51 * i, 0, 0.47, 1 - 24 / height))
        if i:
            lines = np.stack([first[most], second[most], np.full((len(most), 2), np.nan)], axis=1)
            axes.plot(*lines.reshape(-1, 2).T, color=mix(INK3, 0.55), linewidth=0.6, zorder=1)
        for group in np.unique(kinds):
            color, marker = group_color(int(group)), group_marker(int(group))
            for rows, face in ((kinds == group) & ~far, color), ((kinds == group) & far, SURFACE):
                axes.plot(*points[rows].T, linestyle="none", marker=marker, markersize=size,
                          markerfacecolor=mix(face, 0.7) if face == color else face, markeredgecolor=color,
                          markeredgewidth=0 if face == color else 0.9, rasterized=dense and face == color)  # fmt: skip
        axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
        axes.set_ylim(middle[1] - half[1], middle[1] + half[1])
        bare(axes)
        _above(axes, f"run {run + 1}" + (f", turned to match run {a + 1}" if i else ""))
    return figure


def pair(embedding: Embedding, a: int | None = None, b: int | None = None) -> tuple[int, int]:
    """Return the two runs that are asked for, or those that differ most.

    Raises
    ------
    SettingError
        If there are no such two runs.
    """
    n_runs = len(embedding.aligned)
    check(
        n_runs > 1,
        SettingError,
        "The result of two_runs must hold at least 2 runs of the map. Got 1 instead.",
    )
    if a is None and b is None:
        one, other = np.unravel_index(map_distances(embedding.aligned).argmax(), (n_runs, n_runs))
        return int(min(one, other)), int(max(one, other))
    for name, run in (("a", a), ("b", b)):
        check(
            isinstance(run, (int, np.integer)) and 0 <= run < n_runs,
            SettingError,
            "The '{}' of two_runs must be a run from 0 to {}. Got {} instead.",
            name,
            n_runs - 1,
            run,
        )
    check(a != b, SettingError, "The 'b' of two_runs must be another run than 'a'. Got {} for both.", a)
    return int(a), int(b)  # type: ignore[arg-type]


def n_lines(n_rows: int) -> int:
    """Return how many rows are drawn as those that moved most."""
    return min(LINES, max(int(MOST * n_rows), 1))


def moved(embedding: Embedding, a: int, b: int) -> np.ndarray:
    """Return how far two runs place each row (n_rows,) apart, as share of the map's extent."""
    return _ways(embedding, a, b)[2]


def _ways(embedding: Embedding, a: int, b: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places in both runs (n_rows, 2), the second turned to the first, and the ways as share of the extent."""
    first = embedding.aligned[a].astype(np.float64)
    second = procrustes(embedding.coordinates[b], embedding.aligned[a]).astype(np.float64)
    extent = max(float(np.ptp(first, axis=0).max()), np.finfo(float).tiny)
    return first, second, np.linalg.norm(first - second, axis=1) / extent


@drawn
def faithfulness(result: Embedding, *, width: float = 560) -> Drawing:
    """Draw trustworthiness and continuity of every run as two strips of dots; 0.5 is what a random picture has."""
    height, left = 66.0, 108.0
    figure = Drawing(width, height)
    axes = figure.add_axes((left / width, 24 / height, 1 - (left + 44) / width, 1 - 28 / height))
    axes.set_xlim(0.49, 1.005)
    axes.set_ylim(1.5, -0.5)
    axes.axvspan(0.49, 0.5, color=REF, linewidth=0)
    for y, name in enumerate(("trustworthiness", "continuity")):
        values = getattr(result, name)
        axes.axhline(y, color=RULE, linewidth=0.8, zorder=0)
        axes.plot(np.clip(values, 0.49, 1), np.full(len(values), y), linestyle="none", marker="o", markersize=6,
                  markerfacecolor=mix(INK2, 0.3), markeredgecolor=INK2, markeredgewidth=0.7, clip_on=False)  # fmt: skip
        side: Any = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 10, "color": INK}
        axes.text(-0.02, y, name, ha="right", **side)
        axes.text(1.02, y, f"{values.mean():.3f}", **side)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xticks([0.5, 0.6, 0.7, 0.8, 0.9, 1], ["0.5: a random picture", "", "0.7", "0.8", "0.9", "1"])
    return figure


def _height(extent: np.ndarray, width: float, *, high: float) -> float:
    """Return the height in px that a map of this extent (2,) needs at a width, within bounds."""
    return width * float(np.clip(extent[1] / max(extent[0], np.finfo(float).tiny), 0.4, high))


def _steps(overlap: np.ndarray) -> np.ndarray:
    """Return the step of the ramp (n_rows,) of each share; unknown ones count as whole."""
    return np.clip((np.nan_to_num(overlap, nan=1.0) * STEPS).astype(int), 0, STEPS - 1)


def _rings(axes: Any, points: np.ndarray, kinds: np.ndarray, steps: np.ndarray, wander: np.ndarray) -> None:
    """Draw points by group (marker) and step of the ramp (colour); who wanders lies on top, in a ring."""
    dense = len(points) > DENSE
    size = 5.5 if len(points) < 300 else 2.8 if dense else 4.2
    for ring in (False, True):
        for step in reversed(range(STEPS)):
            for group in np.unique(kinds):
                rows = (wander == ring) & (steps == step) & (kinds == group)
                if rows.any():
                    axes.plot(*points[rows].T, linestyle="none", marker=group_marker(int(group)),
                              markersize=size + ring, markerfacecolor=_tone(step),
                              markeredgecolor=INK if ring else mix(RULE2, 0.7),
                              markeredgewidth=1.1 if ring else 0.5, rasterized=dense and not ring)  # fmt: skip


def _above(axes: Any, text: str, *, right: bool = False) -> None:
    """Write a line above the axes."""
    axes.text(float(right), 1.03, text, transform=axes.transAxes, ha="right" if right else "left", va="bottom",
              fontsize=9.5, color=INK3 if right else INK)  # fmt: skip


def _ramp(figure: Drawing, box: tuple[float, float, float, float], low: str, high: str) -> None:
    """Draw the key of a matrix with its ends in words."""
    axes = figure.add_axes(box)
    axes.imshow(np.linspace(0, 1, 64)[None], aspect="auto", cmap="cividis")
    bare(axes)
    for x, ha, text in ((-0.05, "right", low), (1.05, "left", high)):
        axes.text(x, 0.45, text, transform=axes.transAxes, ha=ha, va="center", fontsize=9, color=INK3)


def _tone(step: int) -> tuple[float, ...]:
    """Return the colour of a step of the ramp: cividis, but for its darkest part, which dark paper would swallow."""
    import matplotlib

    return tuple(matplotlib.colormaps["cividis"](0.2 + 0.8 * step / (STEPS - 1)))
