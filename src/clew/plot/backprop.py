"""Back-propagation as a picture: a small net drawn five times, with the numbers of each step on its nodes and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.plot.style import INK, INK2, INK3, REF, RULE, RULE2, SIGNED, SURFACE, THREAD, Drawing, bare, drawn

if TYPE_CHECKING:
    from clew.neural.backprop import BackpropLayer, BackpropTrace

TALL = 236.0  # px of a panel
NODE = 15.0  # px, a node's radius
MOST_WRITTEN = 12  # edges between two layers that get their number
MOST_UNITS = 8  # of a layer that are drawn
DOWN, UP = SIGNED[0], SIGNED[-1]


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
    height = 2 * TALL + 12
    drawing = Drawing(width, height)
    panels = [_panel(drawing, place, width, height) for place in range(6)]
    layers, n = trace.layers, len(trace.x)
    of = f", row {row + 1} of {n}" if n > 1 else ""
    _net(panels[0], layers, [one.weight for one in layers], below=[f"b {_short(b)}" for one in layers for b in one.bias[:MOST_UNITS]])  # fmt: skip
    _net(
        panels[1], layers, [one.weight for one in layers], faint=True, inside=[trace.x[row], *(one.activations[row] for one in layers)],
        below=[f"z {_short(z)}" for one in layers for z in one.sums[row, :MOST_UNITS]],
    )  # fmt: skip
    _loss(panels[2], trace)
    _net(
        panels[3], layers, [one.weight_gradient for one in layers], inside=[None, *(one.delta[row] for one in layers)],
        below=[f"db {_short(b)}" for one in layers for b in one.bias_gradient[:MOST_UNITS]],
    )  # fmt: skip
    _net(panels[4], layers, [one.weight_after for one in layers], below=[f"b {_short(b)}" for one in layers for b in one.bias_after[:MOST_UNITS]])  # fmt: skip
    for panel, title in zip(
        panels,
        [
            "1  initialise: weights W, biases b",
            f"2  forward: sums z, activations{of}",
            f"3  loss: {trace.loss_name} {trace.loss:.4g}",
            f"4  gradients: edges dL/dW, nodes dL/dz{of}",
            f"5  update: W − {trace.lr:g} dL/dW; loss {trace.loss_after:.4g}",
            "",
        ],
        strict=True,
    ):
        panel.text(0, TALL - 14, title, fontsize=10, color=INK, va="center")
    _key(panels[5], trace)
    return drawing


def _panel(drawing: Drawing, place: int, width: float, height: float) -> Any:
    """Return axes in px, a third as wide as the drawing."""
    across, down = place % 3, place // 3
    wide = (width - 24) / 3
    axes = drawing.add_axes(
        ((12 + across * wide) / width, 1 - (6 + (down + 1) * TALL) / height, (wide - 16) / width, TALL / height)
    )
    axes.set_xlim(0, wide - 16)
    axes.set_ylim(0, TALL)
    bare(axes)
    return axes


def _places(axes: Any, layers: list[BackpropLayer]) -> list[np.ndarray]:
    """Return where the nodes stand: per layer (n_units, 2) in px."""
    sizes = [min(n, MOST_UNITS) for n in (layers[0].weight.shape[1], *(len(one.bias) for one in layers))]
    x = np.linspace(NODE + 6, axes.get_xlim()[1] - NODE - 10, len(sizes))
    middle, room = (TALL - 30) / 2 + 6, TALL - 96
    apart = [min(room / max(n - 1, 1), 100.0) for n in sizes]
    return [
        np.column_stack([np.full(n, at), middle + step * ((n - 1) / 2 - np.arange(n))])
        for at, n, step in zip(x, sizes, apart, strict=True)
    ]


def _net(
    axes: Any, layers: list[BackpropLayer], edges: list[np.ndarray], *, below: list[str], inside: list[Any] | None = None,
    faint: bool = False,
) -> None:  # fmt: skip
    """Draw nodes and edges: ``edges`` one matrix (out, in) a layer, values ``inside`` each layer's nodes, words ``below`` them."""
    places = _places(axes, layers)
    largest = max(float(np.abs(one).max()) for one in edges) or 1.0
    for before, after, values in zip(places, places[1:], edges, strict=True):
        _edges(axes, before, after, values, largest, faint=faint)
    said = iter(below)
    for k, nodes in enumerate(places):
        held = (inside or [None] * len(places))[k]
        for unit, (x, y) in enumerate(nodes):
            axes.plot(x, y, "o", markersize=2 * NODE, markerfacecolor=SURFACE, markeredgecolor=INK2, markeredgewidth=1.1, zorder=4)  # fmt: skip
            told = _short(held[unit]) if held is not None else f"x{unit + 1}" if k == 0 else ""
            axes.text(x, y, told, ha="center", va="center", fontsize=9, color=INK, zorder=5)
            if k:
                axes.text(x, y - NODE - 7, next(said), ha="center", va="center", fontsize=8, color=INK3, zorder=5, bbox=_paper())  # fmt: skip


def _edges(
    axes: Any, before: np.ndarray, after: np.ndarray, values: np.ndarray, largest: float, *, faint: bool
) -> None:
    """Draw the edges between two layers, and where there is room their values, those from one node at different lengths."""
    written = len(before) * len(after) <= MOST_WRITTEN
    for j, end in enumerate(after):
        for i, start in enumerate(before):
            value = float(values[j, i])
            share = abs(value) / largest
            axes.plot(
                *np.column_stack([start, end]), color=RULE2 if faint else UP if value >= 0 else DOWN,
                linewidth=0.8 if faint else 0.6 + 3.2 * share, linestyle="solid" if value >= 0 else (0, (4, 1.6)), zorder=2,
            )  # fmt: skip
            if written:
                far = 0.36 + 0.28 * (i % 2 if len(before) > 1 else 0.5)
                at = start + far * (end - start)
                axes.text(*at, _short(value), ha="center", va="center", fontsize=8, color=INK3 if faint else INK, zorder=3, bbox=_paper())  # fmt: skip


def _loss(axes: Any, trace: BackpropTrace) -> None:
    """Draw what the net answers to each row beside what it should, and what that costs."""
    wide = axes.get_xlim()[1]
    if trace.y.ndim == 1:
        scores = trace.layers[-1].activations
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        got, aim, name = shares[np.arange(len(shares)), trace.y], np.ones(len(shares)), "share of the right class"
    else:
        got, aim, name = trace.layers[-1].activations[:, 0], trace.y[:, 0], "first answer" if trace.y.shape[1] > 1 else "answer"  # fmt: skip
    inner = axes.inset_axes((40, 44, wide - 60, TALL - 96), transform=axes.transData)
    rows = np.arange(1, len(got) + 1)
    inner.vlines(rows, got, aim, color=THREAD, linewidth=2.2)
    inner.plot(rows, aim, "D", markersize=6, color=INK, label="should be")
    inner.plot(rows, got, "o", markersize=6.5, color=SURFACE, markeredgecolor=INK, markeredgewidth=1.3, label=name)
    inner.set_xlim(0.4, len(got) + 0.6)
    inner.margins(y=0.12)
    inner.locator_params(axis="x", integer=True, nbins=6)
    inner.locator_params(axis="y", nbins=4)
    inner.set_xlabel("row", labelpad=1)
    inner.legend(frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1.02, 0.98), ncols=2, labelcolor=INK3, handletextpad=0.2, columnspacing=1.0)  # fmt: skip


def _key(axes: Any, trace: BackpropTrace) -> None:
    """Say what colours, widths and dashes mean, and that the gradients are right."""
    lines: list[tuple[str, Any, float, str]] = [
        (UP, "solid", 3.0, "positive, large"),
        (UP, "solid", 0.9, "positive, small"),
        (DOWN, (0, (4, 1.6)), 3.0, "negative, large"),
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


def _paper() -> dict[str, Any]:
    return {"facecolor": SURFACE, "edgecolor": "none", "pad": 0.6}


def _short(value: float) -> str:
    text = f"{value:.2f}" if 0.095 <= abs(value) < 100 or value == 0 else f"{value:.1e}" if abs(value) < 1e-3 or abs(value) >= 100 else f"{value:.3f}"  # fmt: skip
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
