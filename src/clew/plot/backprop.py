"""Back-propagation as a picture: a small net drawn five times, with the numbers of each step on it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.plot.neural import box
from clew.plot.style import INK, INK2, INK3, RULE, RULE2, SIGNED, SURFACE, THREAD, Drawing, bare, drawn

if TYPE_CHECKING:
    from clew.neural.backprop import BackpropTrace

TALL = 236.0  # px of a panel
NODE = 15.0  # px, a node's radius
MOST_WRITTEN = 8  # edges between two layers that get their number
MOST_NAMED = 4  # units of a layer that get words below them
MOST_UNITS = 8  # of a layer that are drawn
DOWN, UP = SIGNED[0], SIGNED[-1]
BELOW_ZERO: Any = (0, (4, 1.6))  # dashes
PAPER = {"facecolor": SURFACE, "edgecolor": "none", "pad": 0.6}


@drawn
def backprop(trace: BackpropTrace, *, row: int = 0, width: float = 900) -> Drawing:
    """Draw the five steps: the net with its weights, one row's activations, the loss, the gradients, the new weights.

    Positive edges are rust and solid, negative ones blue and dashed; the wider, the larger.

    Parameters
    ----------
    trace : BackpropTrace
        Of a small net; of layers with more than 8 units, the first 8 are drawn.
    row : int
        The row whose activations and deltas stand on the nodes; weights and their gradients are of all rows.
    """
    drawing = Drawing(width, 2 * TALL + 12)
    panels = [_panel(drawing, place, width) for place in range(6)]
    layers, n = trace.layers, len(trace.x)
    of = f", row {row + 1} of {n}" if n > 1 else ""
    _net(panels[0], [one.weight for one in layers], below=_words("b", [one.bias for one in layers]))
    _net(
        panels[1],
        [one.weight for one in layers],
        below=_words("z", [one.sums[row] for one in layers]),
        inside=[trace.x[row], *(one.activations[row] for one in layers)],
        faint=True,
    )
    _loss(panels[2], trace)
    _net(
        panels[3],
        [one.weight_gradient for one in layers],
        below=_words("db", [one.bias_gradient for one in layers]),
        inside=[None, *(one.delta[row] for one in layers)],
    )
    after = _words("b", [one.bias_after for one in layers])
    _net(panels[4], [one.weight_after for one in layers], below=after)
    _key(panels[5], trace)
    titles = [
        "1  initialise: weights W, biases b",
        f"2  forward: sums z, activations{of}",
        f"3  loss: {trace.loss_name} {trace.loss:.4g}",
        f"4  gradients: edges dL/dW, nodes dL/dz{of}",
        f"5  update: W − {trace.lr:g} dL/dW; loss {trace.loss_after:.4g}",
    ]
    for panel, title in zip(panels, titles):
        panel.text(0, TALL - 14, title, fontsize=10, color=INK, va="center")
    return drawing


def _panel(drawing: Drawing, place: int, width: float) -> Any:
    """Return axes in px, a third as wide as the drawing."""
    down, across = divmod(place, 3)
    wide = (width - 24) / 3
    axes = box(drawing, 12 + across * wide, 6 + down * TALL, wide - 16, TALL)
    axes.set_xlim(0, wide - 16)
    axes.set_ylim(0, TALL)
    bare(axes)
    return axes


def _words(name: str, values: list[np.ndarray]) -> list[list[str]]:
    """Return what stands below the nodes of each layer; nothing below the inputs."""
    return [[], *([f"{name} {_short(value)}" for value in one] for one in values)]


def _places(axes: Any, sizes: list[int]) -> list[np.ndarray]:
    """Return where the nodes of layers of these sizes stand: (n_units, 2) in px."""
    x = np.linspace(NODE + 6, axes.get_xlim()[1] - NODE - 10, len(sizes))
    middle, room = TALL / 2 - 9, TALL - 96
    apart = [min(room / max(n - 1, 1), 100.0) for n in sizes]
    return [
        np.column_stack([np.full(n, at), middle + step * ((n - 1) / 2 - np.arange(n))])
        for at, n, step in zip(x, sizes, apart, strict=True)
    ]


def _net(
    axes: Any,
    edges: list[np.ndarray],
    *,
    below: list[list[str]],
    inside: list[Any] | None = None,
    faint: bool = False,
) -> None:
    """Draw edges by one matrix (out, in) a layer, and nodes with values ``inside`` and words ``below`` them."""
    sizes = [edges[0].shape[1], *(len(one) for one in edges)]
    places = _places(axes, [min(n, MOST_UNITS) for n in sizes])
    largest = max(float(np.abs(one).max()) for one in edges) or 1.0
    for (before, after), values in zip(pairwise(places), edges, strict=True):
        _edges(axes, before, after, values, largest, faint=faint)
    for k, nodes in enumerate(places):
        own = inside[k] if inside else None
        named = [f"x{unit + 1}" if k == 0 else "" for unit in range(len(nodes))]
        held = named if own is None else [_short(value) for value in own]
        _nodes(axes, nodes, held, below[k] if len(nodes) <= MOST_NAMED else [])


def _nodes(axes: Any, nodes: np.ndarray, held: list[str], below: list[str]) -> None:
    """Draw the nodes of one layer."""
    radius = min(NODE, 0.45 * float(nodes[0, 1] - nodes[1, 1])) if len(nodes) > 1 else NODE
    look: Any = {"ha": "center", "va": "center", "zorder": 5}
    for (x, y), text in zip(nodes, held):
        axes.plot(x, y, "o", markersize=2 * radius, color=SURFACE, markeredgecolor=INK2, zorder=4)
        small = len(text) > 5 or radius < NODE
        axes.text(x, y, text, fontsize=7 if small else 9, color=INK, **look)
    for (x, y), text in zip(nodes, below):
        axes.text(x, y - NODE - 7, text, fontsize=8, color=INK3, bbox=PAPER, **look)


def _edges(
    axes: Any, before: np.ndarray, after: np.ndarray, values: np.ndarray, largest: float, *, faint: bool
) -> None:
    """Draw the edges between two layers; their values, where there is room, stand where they do not meet."""
    written = len(before) * len(after) <= MOST_WRITTEN
    for j, end in enumerate(after):
        for i, start in enumerate(before):
            value = float(values[j, i])
            rim = NODE * (end - start) / np.hypot(*(end - start))
            color, width = (UP if value >= 0 else DOWN), 0.6 + 3.2 * abs(value) / largest
            axes.plot(
                *np.column_stack([start + rim, end - rim]),
                color=RULE2 if faint else color,
                linewidth=0.8 if faint else width,
                linestyle="solid" if value >= 0 else BELOW_ZERO,
                zorder=2,
            )
            if written:
                far = 0.36 + 0.28 * (i % 2 if len(before) > 1 else 0.5)
                at, ink = start + far * (end - start), INK3 if faint else INK
                look: Any = {"ha": "center", "va": "center", "zorder": 3, "bbox": PAPER}
                axes.text(*at, _short(value), fontsize=8, color=ink, **look)


def _loss(axes: Any, trace: BackpropTrace) -> None:
    """Draw what the net answers to each row beside what it should, and what that costs."""
    wide = axes.get_xlim()[1]
    answers = trace.layers[-1].activations
    if trace.y.ndim == 1:
        shares = np.exp(answers - answers.max(axis=1, keepdims=True))
        got = shares[np.arange(len(shares)), trace.y] / shares.sum(axis=1)
        aim, name = np.ones(len(got)), "share of the right class"
    else:
        got, aim = answers[:, 0], trace.y[:, 0]
        name = "answer" if answers.shape[1] == 1 else "first answer"
    inner = axes.inset_axes((40, 44, wide - 60, TALL - 96), transform=axes.transData)
    rows = np.arange(1, len(got) + 1)
    inner.vlines(rows, got, aim, color=THREAD, linewidth=2.2)
    inner.plot(rows, aim, "D", markersize=6, color=INK, label="should be")
    inner.plot(rows, got, "o", markersize=6.5, color=SURFACE, markeredgecolor=INK, label=name)
    inner.set_xlim(0.4, len(got) + 0.6)
    inner.margins(y=0.12)
    inner.set_xticks(rows if len(rows) <= 6 else rows[:: -(-len(rows) // 6)])
    inner.locator_params(axis="y", nbins=4)
    inner.set_xlabel("row", labelpad=1)
    inner.legend(
        frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=2, labelcolor=INK3,
        handletextpad=0.2, columnspacing=1.0,
    )  # fmt: skip


def _key(axes: Any, trace: BackpropTrace) -> None:
    """Say what colours, widths and dashes mean, and that the gradients are right."""
    lines: list[tuple[str, Any, float, str]] = [
        (UP, "solid", 3.0, "positive, large"),
        (UP, "solid", 0.9, "positive, small"),
        (DOWN, BELOW_ZERO, 3.0, "negative, large"),
    ]
    for place, (color, style, wide, words) in enumerate(lines):
        y = TALL - 52 - 22 * place
        axes.plot([0, 44], [y, y], color=color, linestyle=style, linewidth=wide)
        axes.text(54, y, words, va="center", fontsize=9, color=INK2)
    functions = ", ".join(one.activation for one in trace.layers)
    told = [
        f"activations: {functions}",
        f"loss {trace.loss:.4g} → {trace.loss_after:.4g} in one step, rate {trace.lr:g}",
        f"gradients by the chain rule, by hand;\nthey differ from torch's by {trace.difference:.1g}",
    ]
    axes.plot([0, 250], [TALL - 116] * 2, color=RULE, linewidth=0.8)
    for place, line in enumerate(told):
        axes.text(0, TALL - 136 - 22 * place, line, va="top", fontsize=9, color=INK2, linespacing=1.5)


def _short(value: float) -> str:
    """Write a number in at most five signs or so."""
    size = abs(value)
    spelt = ".2f" if size == 0 or 0.095 <= size < 100 else ".3f" if 1e-3 <= size < 100 else ".1e"
    return f"{value:{spelt}}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
