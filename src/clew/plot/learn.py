"""Figures of what was learnt: trees with their thresholds and units, and what a forest rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explore.hypotheses import Hypothesis
from clew.learn.forest import Forest
from clew.plot.style import (
    INK,
    INK2,
    INK3,
    RULE2,
    THREAD,
    Drawing,
    bare,
    drawn,
    group_color,
    group_marker,
    short,
)

LEAF = 118.0  # px that a leaf needs
LEVEL = 78.0


@drawn
def tree(
    root: dict[str, Any], *, order: list[str] | None = None, levels: int = 3, width: float | None = None
) -> Drawing:
    """Draw a tree: each question with threshold and unit, each answer with class and rows.

    Parameters
    ----------
    root : dict
        "rows"; at a question "feature", "threshold", "unit" and the nodes "yes" (at most the threshold) and
        "no"; at an answer "label".
    order : list of str, optional
        The classes in the order of their colours and markers.
    levels : int
        Questions deeper than this are cut off, and said to be.
    """
    placed: list[tuple[float, int, dict[str, Any], bool]] = []
    n_leaves = _place(root, 0, levels, [0.0], placed)
    deepest = max(depth for _, depth, *_ in placed)
    width = max(width or 0.0, n_leaves * LEAF, 260.0)
    height = deepest * LEVEL + 72
    figure = Drawing(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    bare(axes)
    axes.set_xlim(0, width)
    axes.set_ylim(-height, 0)
    step = width / n_leaves
    at = {id(node): ((x + 0.5) * step, -(24 + depth * LEVEL)) for x, depth, node, *_ in placed}
    for _, _, node, cut in placed:
        here = at[id(node)]
        if "feature" in node and not cut:
            for side, word in (("yes", "≤"), ("no", ">")):
                there = at[id(node[side])]
                axes.plot(
                    [here[0], there[0]],
                    [here[1] - 19, there[1] + 13],
                    color=RULE2,
                    linewidth=0.6 + 2.6 * node[side]["rows"] / max(root["rows"], 1),
                    solid_capstyle="round",
                    zorder=1,
                )
                middle = np.add(here, there) / 2
                axes.text(
                    middle[0] + (-7 if side == "yes" else 7),
                    middle[1] - 2,
                    word,
                    ha="right" if side == "yes" else "left",
                    va="center",
                    color=INK3,
                    fontsize=9.5,
                )
            unit = f" {short(node['unit'], 12)}" if node.get("unit") else ""
            axes.text(
                *here,
                short(node["feature"], 24),
                ha="center",
                va="bottom",
                fontsize=10,
                weight="bold",
                color=INK,
            )
            axes.text(
                here[0],
                here[1] - 1,
                f"≤ {node['threshold']:.4g}{unit} ?",
                ha="center",
                va="top",
                fontsize=10,
                color=INK2,
            )
        else:
            _answer(axes, here, node, order or [], cut)
    return figure


def _place(node, depth, levels, cursor, placed):
    """Give every node its place across (leaves in order, questions between them); return the number of leaves."""
    cut = "feature" in node and depth >= levels
    if "feature" not in node or cut:
        placed.append((cursor[0], depth, node, cut))
        cursor[0] += 1
        return 1
    start = len(placed)
    leaves = sum(_place(node[s], depth + 1, levels, cursor, placed) for s in ("yes", "no"))
    children = [x for x, d, *_ in placed[start:] if d == depth + 1]
    placed.append((float(np.mean(children)), depth, node, False))
    return leaves


def _answer(axes: Any, at: tuple[float, float], node: dict[str, Any], order: list[str], cut: bool) -> None:
    label = str(node["label"])
    number = order.index(label) if label in order else -1
    if number >= 0:
        axes.plot(at[0], at[1] + 5, marker=group_marker(number), markersize=7, color=group_color(number))
    axes.text(at[0], at[1] - 3, short(label, 17), ha="center", va="top", fontsize=10, color=INK)
    share = node["value"][label] if isinstance(node.get("value"), dict) else None
    rows = f"{node['rows']:.0f} rows" + (f", {share:.0%}" if share is not None else "")
    axes.text(at[0], at[1] - 16, rows, ha="center", va="top", fontsize=9, color=INK3)
    if cut:
        axes.text(at[0], at[1] - 28, "asks on …", ha="center", va="top", fontsize=9, color=INK3)


def as_tree(node: dict[str, Any], names: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a hypothesis' tree in the form that `tree` draws; groups take the names that a person gave."""
    if "class" in node:
        said = str(node["class"])
        number = said.removeprefix("group ")
        return {"rows": node["rows"], "label": (names or {}).get(number, said) if number != said else said}
    return {
        **{key: node[key] for key in ("rows", "feature", "threshold", "unit")},
        "yes": as_tree(node["below"], names),
        "no": as_tree(node["above"], names),
    }


@drawn
def hypothesis(
    result: Hypothesis, *, names: dict[str, str] | None = None, order: list[str] | None = None
) -> Drawing:
    """Draw the shallow tree of a hypothesis."""
    return tree(as_tree(result.tree, names), order=order or [f"group {g}" for g in range(12)])


@drawn
def forest(result: Forest, *, index: int = 0, levels: int = 3, order: list[str] | None = None) -> Drawing:
    """Draw the first levels of one tree of a forest."""
    return tree(result.tree(index), levels=levels, order=order or list(result.classes))


@drawn
def importance(result: Forest, *, at_most: int = 10, width: float = 420) -> Drawing:
    """Draw what share of the decrease in impurity each feature has; correlated features divide theirs."""
    order = np.argsort(-result.importance, kind="stable")[:at_most]
    height = 19.0 * len(order) + 24
    figure = Drawing(width, height)
    axes = figure.add_axes((150 / width, 20 / height, 1 - 190 / width, 1 - 22 / height))
    y = np.arange(len(order))[::-1]
    axes.hlines(y, 0, result.importance[order], color=RULE2, linewidth=1)
    axes.plot(result.importance[order], y, linestyle="none", marker="o", markersize=5, color=THREAD)
    for value, where in zip(result.importance[order], y):
        axes.annotate(
            f"{value:.2f}",
            (value, where),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
        )
    axes.set_yticks(y, [short(result.feature_names[i], 24) for i in order], color=INK)
    axes.set_xlim(0, None)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    return figure
