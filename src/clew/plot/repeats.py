"""The figure of repeated runs: trueness on one axis, precision on the other, and what becomes of each row."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from clew.plot.style import INK, INK3, REF, RULE, RULE2, SURFACE, THREAD, Drawing, drawn, mix
from clew.validate.repeats import Repeats

SIDE = 230.0  # px of the square
WIDTH, HEIGHT = 660.0, 330.0
# Shots at a target in each corner of the square, as (right-left, up-down) offsets of their middle and their spread.
CORNERS = {
    (0.14, 0.86): ("precise, not true", 0.5, 0.12),
    (0.86, 0.86): ("precise and true", 0.0, 0.12),
    (0.14, 0.14): ("neither", 0.45, 0.42),
    (0.86, 0.14): ("true, not precise", 0.0, 0.5),
}


@drawn
def repeats(result: Repeats) -> Drawing:
    """Draw each run as a dot, its agreement with the truth across and with the other runs up, and the rows as bars.

    For numbers the axes are a run's mean error and its distance from the mean of the runs, in the target's unit.
    """
    figure = Drawing(WIDTH, HEIGHT)
    axes = figure.add_axes((62 / WIDTH, 52 / HEIGHT, SIDE / WIDTH, SIDE / HEIGHT))
    side = figure.add_axes((352 / WIDTH, 52 / HEIGHT, 296 / WIDTH, SIDE / HEIGHT))
    if result.kind == "regression":
        _errors(axes, result)
        _bars(side, _parts_of_error(result))
    else:
        _kappas(axes, result)
        _bars(side, _parts_of_rows(result))
    told = textwrap.fill(result.verdict().replace("$", r"\$"), 100)
    figure.text(8 / WIDTH, 1 - 8 / HEIGHT, told, fontsize=10.5, color=INK, va="top")
    return figure


def _dots(axes: Any, x: np.ndarray, y: np.ndarray) -> None:
    axes.plot(x, y, "o", markersize=9, markerfacecolor=mix(THREAD, 0.65), markeredgecolor=SURFACE, markeredgewidth=0.8, zorder=4)  # fmt: skip
    axes.plot(
        x.mean(), y.mean(), "+", markersize=18, markeredgewidth=2.2, markeredgecolor=INK, zorder=5
    )  # the mean of the runs


def _kappas(axes: Any, result: Repeats) -> None:
    """Draw Cohen's kappa of each run with the truth, and its mean with the other runs: 0 by chance, 1 at best."""
    runs = result.n_runs
    others = (result.pairs.sum(axis=1) - 1) / (runs - 1)
    axes.plot([0, 1], [0, 1], color=REF, linewidth=1.2, zorder=1)
    for at, (word, off, spread) in CORNERS.items():
        _target(axes, *at, word, off, spread)
    known = np.array(result.figures["kappa"])
    _dots(axes, known, others)
    low = min(0.0, float(np.floor(min(known.min(), others.min()) * 10) / 10))
    axes.set_xlim(low - 0.02, 1.02)
    axes.set_ylim(low - 0.02, 1.02)
    axes.set_xlabel("trueness: κ with the truth")
    axes.set_ylabel("precision: κ with the other runs")
    axes.locator_params(nbins=4)


def _target(axes: Any, x: float, y: float, word: str, off: float, spread: float) -> None:
    """Draw a small target with five shots at a place of the square, and what they mean."""
    from matplotlib.patches import Ellipse

    radius = 0.05
    for share in (1.0, 0.55):
        axes.add_patch(Ellipse((x, y), 2 * radius * share, 2 * radius * share, facecolor="none", edgecolor=RULE, linewidth=0.7, zorder=0))  # fmt: skip
    angle = np.arange(5) * 2 * np.pi / 5 + 0.4
    reach = spread * np.array([1, 0.7, 1.1, 0.6, 0.9])
    axes.plot(
        x + radius * (off + reach * np.cos(angle)),
        y + radius * (off + reach * np.sin(angle)),
        "o",
        markersize=1.2,
        color=REF,
        zorder=0,
    )
    axes.text(x, y - 0.065, word, ha="center", va="top", fontsize=8, color=INK3, zorder=0)


def _errors(axes: Any, result: Repeats) -> None:
    """Draw each run's mean error, and how far it lies from the mean of the runs; the best place is at the cross-hairs."""
    bias = (result.predicted - result.truth).mean(axis=1)
    apart = np.sqrt(((result.predicted - result.predicted.mean(axis=0)) ** 2).mean(axis=1))
    reach = 1.25 * max(float(np.abs(bias).max()), float(apart.max()), 1e-300)
    axes.axvline(0, color=RULE2, linewidth=0.8)
    _dots(axes, bias, apart)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(reach, 0)  # the precise are at the top, as for classes
    axes.set_xlabel("trueness: mean error of a run")
    axes.set_ylabel("precision: RMS from the mean of the runs")
    axes.locator_params(nbins=4)


def _parts_of_rows(result: Repeats) -> list[tuple[str, float, str, str]]:
    right, steady = result.right, result.steady
    n = len(result.truth)
    parts = [
        ("same and right in every run", steady & (right == 1), "", REF),
        ("same and wrong in every run", steady & (right == 0), "", INK3),
        ("changes, mostly right", ~steady & (right >= 0.5), "///", SURFACE),
        ("changes, mostly wrong", ~steady & (right < 0.5), "xxx", SURFACE),
    ]
    return [
        (f"{word}: {rows.sum():,} rows", rows.sum() / n, hatch, face) for word, rows, hatch, face in parts
    ]


def _parts_of_error(result: Repeats) -> list[tuple[str, float, str, str]]:
    share = 0.0 if np.isnan(result.systematic) else result.systematic
    return [
        ("squared error of the mean of the runs", share, "", INK3),
        ("spread between the runs", 1 - share if share else 0.0, "///", SURFACE),
    ]


def _bars(axes: Any, parts: list[tuple[str, float, str, str]]) -> None:
    """Draw shares as bars, each with its words above it."""
    for i, (word, share, hatch, face) in enumerate(parts):
        y = -float(i)
        axes.barh(y, 1, height=0.36, color="none", edgecolor=RULE, linewidth=0.8)
        axes.barh(y, share, height=0.36, color=face, edgecolor=INK3, linewidth=0.8, hatch=hatch)
        axes.text(0, y + 0.25, f"{word} ({share:.0%})", fontsize=9.5, color=INK, va="bottom")
    axes.set_ylim(-3.4, 0.65)  # room for four
    axes.set_xlim(0, 1.01)
    axes.axis("off")
