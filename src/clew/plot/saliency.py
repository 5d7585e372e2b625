"""Figures of what moves a net's answer: painted on the image, under the trace, and whether the maps speak of the net."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explain.saliency import Saliency, Sanity
from clew.plot.explain import LEFT as DOWN
from clew.plot.explain import RIGHT as UP
from clew.plot.neural import color_bar
from clew.plot.style import (
    BRIGHT,
    GROUPS,
    INK,
    INK2,
    INK3,
    RULE,
    RULE2,
    SURFACE,
    THREAD,
    Drawing,
    bare,
    drawn,
    mix,
    short,
)

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
    at = f"Grad-CAM at layer {short(result.layer, 24)}" if result.layer else "integrated gradients"
    title = f"towards {towards}: {at}"
    inputs, values = result.inputs[row], result.values[row]
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
    height = tall + 64
    drawing = Drawing(width, height)
    most = float(np.abs(values).max()) or 1.0
    signed = bool((values < 0).any())
    ramp, low = heat_ramp(signed=signed), -most if signed else 0.0
    for place in range(2):
        axes = drawing.add_axes((place * (wide + 12) / width, 32 / height, wide / width, tall / height))
        axes.imshow(grey, cmap="gray", interpolation="nearest", aspect="auto")
        if place:
            axes.imshow(values, cmap=ramp, vmin=low, vmax=most, interpolation="nearest", aspect="auto")
            _outline(axes, values, most)
        bare(axes)
    drawing.text(0, 1 - 15 / height, short(title, 80), fontsize=10, color=INK, va="center")
    channels = f", mean of {len(image)} channels" if len(image) > 1 else ""
    drawing.text(0, 14 / height, f"what the net sees{channels}", fontsize=9, color=INK3, va="center")
    ends = (f"{_figure(-most)} dashed", f"{_figure(most)} solid") if signed else ("0", f"{_figure(most)}, outlined from half")  # fmt: skip
    key = color_bar(drawing, (wide + 12 + (78 if signed else 14), 10, 110, 8), ramp, ends)
    key.set_facecolor("#77777a")
    key.patch.set_visible(True)
    return drawing


def _outline(axes: Any, values: np.ndarray, most: float) -> None:
    """Outline what is at least half as strong as the strongest: solid for, dashed against the class."""
    for sign, color, style in ((1, FOR, "solid"), (-1, AGAINST, "dashed")):
        if (sign * values).max() > STRONG * most and (sign * values).min() < STRONG * most:
            axes.contour(sign * values, levels=[STRONG * most], colors=[color], linewidths=1.1, linestyles=[style])  # fmt: skip


def _under_trace(
    traces: np.ndarray, values: np.ndarray, names: list[str] | None, rate: float | None, title: str, width: float
) -> Drawing:
    """Draw traces (n_channels, n), what speaks for the class shaded behind them, and the values below each."""
    left, tall, low = 62.0, 66.0, 34.0
    own = len(values) == len(traces)
    height = 34 + len(traces) * (tall + (low if own else 0)) + (0 if own else low) + 42
    drawing = Drawing(width, height)
    across, top = 1 - (left + 16) / width, height - 30
    n = traces.shape[1]
    time = np.arange(n) / (rate or 1.0)
    most = float(np.abs(values).max()) or 1.0
    labels = names or [f"channel {k + 1}" for k in range(len(traces))]

    def strip(high: float) -> Any:
        nonlocal top
        top -= high
        axes = drawing.add_axes((left / width, (top + 3) / height, across, (high - 6) / height))
        axes.set_xlim(time[0], time[-1])
        return axes

    for k, trace in enumerate(traces):
        axes, value = strip(tall), values[k if own else 0]
        axes.plot(time, trace, color=INK2, linewidth=0.8)
        room = axes.get_ylim()
        axes.imshow(
            value[None], cmap=_behind(), vmin=-most, vmax=most, aspect="auto", interpolation="nearest", zorder=0,
            extent=(time[0], time[-1], *room),
        )  # fmt: skip
        axes.set_ylim(room)
        axes.set_ylabel(short(labels[k], 10), rotation=0, ha="right", va="center", color=INK)
        bare(axes)
        if own:
            _filled(strip(low), time, value, most)
    if not own:
        _filled(strip(low), time, values[0], most)
    last = drawing.axes[-1]
    last.tick_params(axis="x", length=3, labelbottom=True)
    last.spines["bottom"].set_visible(True)
    last.set_xlabel("s" if rate else "sample", labelpad=1)
    drawing.text(left / width, 1 - 14 / height, short(title, 90), fontsize=10, color=INK, va="center")
    signed = bool((values < 0).any())
    told = f"rust: for the class{', blue: against it' if signed else ''}; strips to {_figure(most)}"
    drawing.text(1 - 16 / width, 1 - 14 / height, told, fontsize=9, color=INK3, va="center", ha="right")
    return drawing


def _behind() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "behind", [mix(DOWN, 0.55), mix(DOWN, 0), mix(UP, 0), mix(UP, 0.55)]
    )


def _filled(axes: Any, time: np.ndarray, value: np.ndarray, most: float) -> None:
    """Fill from 0 to the values: rust up, blue down."""
    axes.fill_between(time, 0, np.maximum(value, 0), color=UP, linewidth=0)
    axes.fill_between(time, 0, np.minimum(value, 0), color=DOWN, linewidth=0)
    axes.axhline(0, color=RULE2, linewidth=0.7)
    axes.set_ylim(min(-most * bool((value < 0).any()), 0), most)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=0, labelbottom=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _on_row(values: np.ndarray, names: list[str] | None, title: str, width: float, most: int = 14) -> Drawing:
    """Draw the strongest features of a row of a table as bars, rust for and blue, hatched, against the class."""
    order = np.argsort(-np.abs(values), kind="stable")[:most]
    height = 21.0 * len(order) + 66
    drawing = Drawing(width, height)
    axes = drawing.add_axes((190 / width, 36 / height, 1 - 214 / width, 21.0 * len(order) / height))
    for y, k in zip(range(len(order) - 1, -1, -1), order.tolist()):
        up = values[k] >= 0
        axes.barh(y, values[k], height=0.62, color=UP if up else DOWN, linewidth=0, hatch=None if up else "////", edgecolor=SURFACE)  # fmt: skip
    axes.axvline(0, color=RULE2, linewidth=0.8)
    axes.set_yticks(range(len(order) - 1, -1, -1), [short(names[k] if names else f"feature {k + 1}", 26) for k in order.tolist()])  # fmt: skip
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("share of the score", labelpad=2)
    drawing.text(16 / width, 1 - 14 / height, short(title, 80), fontsize=10, color=INK, va="center")
    return drawing


@drawn
def sanity(result: Sanity, *, width: float = 640) -> Drawing:
    """Draw how much of the maps stays when the weights are random, from the top layer down, beside unrelated maps."""
    n = len(result.layers)
    height = 268.0
    drawing = Drawing(width, height)
    axes = drawing.add_axes((58 / width, 66 / height, 1 - 220 / width, 1 - 112 / height))
    x = np.arange(n + 1)
    low, high = np.quantile(result.null[:, 0], [0.05, 0.95])
    axes.axhspan(low, high, color=RULE, linewidth=0)
    axes.axhline(0, color=RULE2, linewidth=0.8)
    lines = [
        ("this and all above, random", result.cascading, 0, THREAD, "solid", "o", THREAD),
        ("… without signs", result.cascading, 1, THREAD, (0, (3, 1.6)), "s", SURFACE),
        ("… structural similarity", result.cascading, 2, INK3, (0, (1, 1.4)), "D", SURFACE),
        ("this layer alone, random", result.independent, 0, GROUPS[0], "solid", "^", SURFACE),
    ]
    for name, likeness, which, color, style, marker, face in lines:
        y = np.concatenate([[1.0], likeness[:, :, which].mean(axis=1)])
        axes.plot(x, y, color=color, linestyle=style, marker=marker, markersize=5.5, markerfacecolor=face, markeredgewidth=1.2, label=name)  # fmt: skip
    axes.set_ylim(min(-0.15, low - 0.05), 1.06)
    axes.set_xticks(x, ["trained", *(short(name, 12) for name in result.layers)], rotation=30, ha="right", fontsize=8.5)  # fmt: skip
    axes.set_ylabel("likeness to the map")
    handles, labels = axes.get_legend_handles_labels()
    from matplotlib.patches import Patch

    axes.legend(
        [*handles, Patch(color=RULE)], [*labels, "unrelated maps, 90%"], frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.02),
        fontsize=8.5, labelcolor=INK2,
    )  # fmt: skip
    verdict = "the map depends on what was learnt" if result.depends else "it does not: this method shows edges, not reasons"  # fmt: skip
    drawing.text(16 / width, 1 - 16 / height, f"{result.method}: {verdict}", fontsize=10.5, color=INK, va="center", weight="bold")  # fmt: skip
    return drawing


def _figure(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
