"""Figures of what moves a net's answer: on the image, under the trace; and whether such maps speak of the net."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explain.saliency import NAMES, Saliency, Sanity
from clew.plot.neural import DASHED, LEFT, RIGHT, box, color_bar, picture, say
from clew.plot.style import (
    BRIGHT,
    GROUPS,
    INK,
    INK2,
    INK3,
    RULE,
    RULE2,
    SIGNED,
    SURFACE,
    THREAD,
    Drawing,
    bare,
    drawn,
    mix,
    short,
)

DOWN, UP = SIGNED[0], SIGNED[-1]
MOST_FEATURES = 14  # of a row of a table
STRONG = 0.5  # of the largest value: what is outlined
FOR, AGAINST = BRIGHT[1], BRIGHT[0]  # on images: orange for the class, blue against it


@drawn
def saliency(
    result: Saliency,
    *,
    row: int = 0,
    classes: list[str] | None = None,
    names: list[str] | None = None,
    rate: float | None = None,
    width: float = 640,
) -> Drawing:
    """Draw what moves the score of a class in one row: on the image, under the trace, or feature by feature.

    Parameters
    ----------
    result : Saliency
    row : int
    classes : list of str, optional
        Names of the outputs.
    names : list of str, optional
        Names of the channels, or of the features of a row.
    rate : float, optional
        Samples a second of a trace, in Hz.
    """
    target = int(result.target[row])
    towards = short(classes[target], 24) if classes else f"output {target}"
    at = NAMES[result.method] + (f" at layer {short(result.layer, 24)}" if result.layer else "")
    title = f"towards {towards}: {at}"
    inputs, values = result.inputs[row], result.values[row]
    title += "" if values.any() else "; nothing in this row moves it"
    if inputs.ndim == 1:
        return _on_row(values, names, title, width)
    if inputs.ndim == 2:
        return _under_trace(inputs, values, names, rate, title, max(width, 700))
    if inputs.ndim == 4:  # a volume: the slice where the map is strongest
        k = int(np.abs(values).sum(axis=(0, 2, 3)).argmax())
        inputs, values, title = inputs[:, k], values[:, k], f"{title}, slice {k + 1} of {inputs.shape[1]}"
    return _on_image(inputs, values.sum(axis=0), title, width)


def heat_ramp(*, signed: bool) -> Any:
    """Return colours to lay over a grey image: clear at 0, orange for the class and blue against it."""
    from matplotlib.colors import LinearSegmentedColormap

    if not signed:
        return LinearSegmentedColormap.from_list("heat", [mix(FOR, 0), mix(FOR, 0.75), mix("#f7ee7a", 0.92)])
    return LinearSegmentedColormap.from_list(
        "heat", [mix(AGAINST, 0.95), mix(AGAINST, 0.7), mix(SURFACE, 0), mix(FOR, 0.7), mix(FOR, 0.95)]
    )


def _on_image(image: np.ndarray, values: np.ndarray, title: str, width: float) -> Drawing:
    """Draw an image (n_channels, y, x) as it is, and beside it under a map (y, x)."""
    grey = image.mean(axis=0)
    wide = (width - 12) / 2
    tall = wide * grey.shape[0] / grey.shape[1]
    drawing = Drawing(width, tall + 64)
    most = float(np.abs(values).max()) or 1.0
    signed = bool((values < 0).any())
    ramp = heat_ramp(signed=signed)
    for left in (0.0, wide + 12):
        axes = box(drawing, left, 32, wide, tall)
        picture(axes, grey, "gray")
        if left:
            picture(axes, values, ramp, vmin=-most if signed else 0.0, vmax=most)
            _outline(axes, values, most)
        bare(axes)
    channels = f", mean of {len(image)} channels" if len(image) > 1 else ""
    say(drawing, 0, 15, short(title, 80))
    say(drawing, 0, tall + 50, f"what the net sees{channels}", size=9, color=INK3)
    ends = ("0", f"{_figure(most)}, outlined from half")
    if signed:
        ends = (f"{_figure(-most)} dashed", f"{_figure(most)} solid")
    key = color_bar(drawing, wide + 12 + (78 if signed else 14), tall + 46, ramp, ends)
    key.set_facecolor("#77777a")  # what is clear lies on a grey, as on the image
    return drawing


def _outline(axes: Any, values: np.ndarray, most: float) -> None:
    """Outline what is at least half as strong as the strongest: solid for, dashed against the class."""
    level = STRONG * most
    for one, style in ((values, "solid"), (-values, "dashed")):
        if one.min() < level < one.max():
            axes.contour(one, levels=[level], colors=[INK], linewidths=1.2, linestyles=[style])


def _under_trace(
    traces: np.ndarray, values: np.ndarray, names: list[str] | None, rate: float | None, title: str, width: float
) -> Drawing:  # fmt: skip
    """Draw traces (n_channels, n), what speaks for the class shaded behind them, and the values below each."""
    tall, low, top = 66.0, 34.0, 30.0
    own = len(values) == len(traces)
    drawing = Drawing(width, 76 + tall * len(traces) + low * len(values))
    time = np.arange(traces.shape[1]) / (rate or 1.0)
    most = float(np.abs(values).max()) or 1.0
    labels = names or [f"channel {k + 1}" for k in range(len(traces))]
    for k, trace in enumerate(traces):
        value = values[k if own else 0]
        axes = box(drawing, LEFT, top + 3, width - LEFT - RIGHT, tall - 6)
        axes.plot(time, trace, color=INK2, linewidth=0.8)
        room = axes.get_ylim()
        picture(
            axes, value[None], _behind(), vmin=-most, vmax=most, zorder=0, extent=(time[0], time[-1], *room)
        )
        axes.set_ylim(room)
        axes.set_ylabel(short(labels[k], 10), rotation=0, ha="right", va="center", color=INK)
        bare(axes)
        top += tall
        if own or k == len(traces) - 1:
            last = box(drawing, LEFT, top + 3, width - LEFT - RIGHT, low - 6)
            _filled(last, time, value, (min(values.min(), 0), max(values.max(), 0) or most))
            top += low
    last.tick_params(axis="x", length=3, labelbottom=True)
    last.spines["bottom"].set_visible(True)
    last.set_xlabel("s" if rate else "sample", labelpad=1)
    against = ", blue: against it" if (values < 0).any() else ""
    told = f"rust: for the class{against}; strips from {_figure(min(values.min(), 0))} to {_figure(values.max())}"
    say(drawing, LEFT, 14, short(title, 90))
    say(drawing, width - RIGHT, 14, told, size=9, color=INK3, ha="right")
    return drawing


def _behind() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("behind", [mix(DOWN, 0.6), mix(SURFACE, 0), mix(UP, 0.6)])


def _filled(axes: Any, time: np.ndarray, value: np.ndarray, ends: tuple[float, float]) -> None:
    """Fill from 0 to the values: rust up, blue down; ``ends`` are those of all components."""
    axes.fill_between(time, 0, np.maximum(value, 0), color=UP, linewidth=0)
    axes.fill_between(time, 0, np.minimum(value, 0), color=DOWN, linewidth=0)
    axes.axhline(0, color=RULE2, linewidth=0.7)
    axes.set_xlim(time[0], time[-1])
    axes.set_ylim(*ends)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelbottom=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _on_row(values: np.ndarray, names: list[str] | None, title: str, width: float) -> Drawing:
    """Draw the strongest features of a row of a table as bars, rust for and blue, hatched, against the class."""
    order = np.argsort(-np.abs(values), kind="stable")[:MOST_FEATURES].tolist()
    labels = [short(names[k] if names else f"feature {k + 1}", 26) for k in order]
    drawing = Drawing(width, 21.0 * len(order) + 66)
    axes = box(drawing, 190, 30, width - 214, 21.0 * len(order))
    for y, k in enumerate(order):
        color, hatch = (UP, None) if values[k] >= 0 else (DOWN, "////")
        axes.barh(y, values[k], height=0.62, color=color, hatch=hatch, edgecolor=SURFACE, linewidth=0)
    axes.axvline(0, color=RULE2, linewidth=0.8)
    axes.set_yticks(range(len(order)), labels)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("share of the score", labelpad=2)
    say(drawing, 16, 14, short(title, 80))
    return drawing


@drawn
def sanity(result: Sanity, *, width: float = 640) -> Drawing:
    """Draw how much of the maps stays when weights are random, from the top layer down, beside unrelated maps."""
    from matplotlib.patches import Patch

    drawing = Drawing(width, 312)
    axes = box(drawing, 58, 88, width - 220, 158)
    x = np.arange(len(result.layers) + 1)
    low, high = np.quantile(result.null[:, 0], [0.05, 0.95])
    axes.axhspan(low, high, color=RULE, linewidth=0)
    axes.axhline(0, color=RULE2, linewidth=0.8)
    lines: list[tuple[str, np.ndarray, str, Any, str, str]] = [
        ("this and all above, random", result.cascading[..., 0], THREAD, "solid", "o", THREAD),
        ("… without signs", result.cascading[..., 1], THREAD, DASHED, "s", SURFACE),
        ("… structural similarity", result.cascading[..., 2], INK3, (0, (1, 1.4)), "D", SURFACE),
        ("this layer alone, random", result.independent[..., 0], GROUPS[0], "solid", "^", SURFACE),
    ]
    lowest = min(-0.1, low)
    for name, likeness, color, style, marker, face in lines:
        y = np.concatenate([[1.0], likeness.mean(axis=1)])
        lowest = min(lowest, y.min())
        axes.plot(
            x, y, color=color, linestyle=style, marker=marker, markersize=5.5, markerfacecolor=face,
            markeredgewidth=1.2, label=name,
        )  # fmt: skip
    axes.set_ylim(lowest - 0.05, 1.06)
    names = ["trained", *(short(name, 12) for name in result.layers)]
    axes.set_xticks(x, names, rotation=30, ha="right", fontsize=8.5)
    axes.set_ylabel("likeness to the map")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        [*handles, Patch(color=RULE)], [*labels, "unrelated maps, 90%"], frameon=False, loc="upper left",
        bbox_to_anchor=(1.0, 1.02), fontsize=8.5, labelcolor=INK2,
    )  # fmt: skip
    say(drawing, 16, 16, f"{result.method}: {result.verdict}", size=10.5, weight="bold")
    for line, told in enumerate(result.evidence.split("; ")):
        say(drawing, 16, 34 + 14 * line, told, size=9, color=INK3)
    return drawing


def _figure(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
