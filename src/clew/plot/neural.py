"""Figures of the inside of a net: its activation functions, filters, feature maps, hidden states, and where it decides what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.plot.style import (
    GROUPS,
    INK,
    INK2,
    INK3,
    LINES,
    RULE,
    RULE2,
    SIGNED,
    SURFACE,
    THREAD,
    Drawing,
    bare,
    drawn,
    group_color,
    group_marker,
    mix,
    short,
)

if TYPE_CHECKING:
    from clew.neural.inside import ActivationCurves, DecisionGrid, FeatureMaps, Filters, HiddenStates

HATCHES = ["", "////", "\\\\\\\\", "....", "xxxx", "||||"]
MOST = 32  # maps or filters of a figure
LEFT = 62.0  # px beside traces


def signed_ramp() -> Any:
    """Return the colours of signed values: blue, paper, rust."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", SIGNED)


def color_bar(drawing: Drawing, box: tuple[float, float, float, float], ramp: Any, ends: tuple[str, str], *, title: str = "") -> Any:  # fmt: skip
    """Draw a colour bar lying in ``box`` (left, bottom, width, height in px), its ends in words beside it."""
    width, height = drawing.get_size_inches() * 72
    left, bottom, wide, tall = box
    key = drawing.add_axes((left / width, bottom / height, wide / width, tall / height))
    key.imshow(np.linspace(0, 1, 129)[None], aspect="auto", cmap=ramp, vmin=0, vmax=1)
    bare(key)
    for x, ha, text in ((-6, "right", ends[0]), (wide + 6, "left", f"{ends[1]}  {title}".rstrip())):
        key.annotate(text, (x, tall / 2 - 0.5), xycoords="axes pixels", ha=ha, va="center", fontsize=9, color=INK3, annotation_clip=False)  # fmt: skip
    return key


# ---- activation functions ----
@drawn
def activation_curves(result: ActivationCurves, *, width: float = 760) -> Drawing:
    """Draw activation functions (dark, solid) and their derivatives (red, dashed), a panel each on one scale."""
    across = min(5, len(result.names))
    down = -(-len(result.names) // across)
    tall, wide = 138.0, (width - 30) / across
    height = down * tall + 40
    drawing = Drawing(width, height)
    for place, name in enumerate(result.names):
        row, column = divmod(place, across)
        axes = drawing.add_axes(
            ((30 + column * wide) / width, 1 - (row * tall + tall - 20) / height, (wide - 22) / width, (tall - 52) / height)
        )  # fmt: skip
        for edge in (axes.axhline, axes.axvline):
            edge(0, color=RULE, linewidth=0.8, zorder=0)
        axes.plot(result.z, result.values[place], color=INK, linewidth=1.7)
        axes.plot(result.z, result.slopes[place], color=THREAD, linewidth=1.5, linestyle=(0, (3, 1.6)))
        axes.set_xlim(result.z[0], result.z[-1])
        axes.set_ylim(-1.25, 2.25)
        axes.set_yticks([-1, 0, 1, 2], ["−1", "0", "1", "2"] if column == 0 else [""] * 4)
        axes.locator_params(axis="x", nbins=5)
        axes.set_title(name, loc="left", fontsize=10, color=INK, pad=4)
    for x, color, style, words in ((30, INK, "solid", "function"), (130, THREAD, (0, (3, 1.6)), "derivative")):
        line = drawing.add_axes((x / width, 8 / height, 28 / width, 10 / height))
        line.plot([0, 1], [0, 0], color=color, linewidth=1.7, linestyle=style)
        bare(line)
        drawing.text((x + 34) / width, 13 / height, words, fontsize=9, color=INK2, va="center")
    return drawing


# ---- feature maps and filters ----
@drawn
def feature_maps(result: FeatureMaps, *, width: float = 760) -> Drawing:
    """Draw what each map of a layer makes of an image (pictures) or of a trace (lines of colour below it).

    Each map has its own scale: what is compared is where a map answers, not how loudly. Of volumes, the middle
    slice is drawn.
    """
    n = min(len(result.values), MOST)
    if result.values.ndim == 2:
        return _maps_of_trace(result, n, width)
    image = middle_slice(result.inputs).mean(axis=0)
    maps = middle_slice(result.values)[:n]
    across = 6
    side = (width - 24) / (across + 2)
    tall = side * image.shape[0] / image.shape[1]
    rows = max(2, -(-n // across))
    height = rows * (tall + 8) + 34
    drawing = Drawing(width, height)
    top = height - 26

    def place(x: float, y: float, wide: float, high: float, values: np.ndarray, cmap: str) -> None:
        axes = drawing.add_axes((x / width, y / height, wide / width, high / height))
        axes.imshow(values, cmap=cmap, interpolation="nearest", aspect="auto")
        bare(axes)

    place(12, top - 2 * tall + side * 0.08 * tall / side, 1.92 * side, 1.92 * tall, image, "gray")
    for k, values in enumerate(maps):
        row, column = divmod(k, across)
        place(12 + (2 + column) * side + 4, top - row * (tall + 8) - tall, side - 8, tall, values, "cividis")
    drawing.text(12 / width, 1 - 13 / height, "input", fontsize=10, color=INK, va="center")
    more = f" of {len(result.values)}" if n < len(result.values) else ""
    drawing.text((12 + 2 * side + 4) / width, 1 - 13 / height, f"{n}{more} maps of layer {result.layer}; light: answers", fontsize=10, color=INK, va="center")  # fmt: skip
    return drawing


def middle_slice(values: np.ndarray) -> np.ndarray:
    """Return images (n, y, x) as they are, and of volumes (n, z, y, x) the middle slice."""
    return values if values.ndim == 3 else values[:, values.shape[1] // 2]


def _maps_of_trace(result: FeatureMaps, n: int, width: float) -> Drawing:
    traces = result.inputs
    tall, line = 44.0, max(7.0, min(14.0, 260 / n))
    height = 34 + tall * len(traces) + line * n + 44
    drawing = Drawing(width, height)
    across = 1 - (LEFT + 16) / width
    top = height - 30
    for k, trace in enumerate(traces):
        top -= tall
        axes = drawing.add_axes((LEFT / width, (top + 3) / height, across, (tall - 6) / height))
        axes.plot(np.arange(len(trace)), trace, color=INK2, linewidth=0.8)
        axes.set_xlim(-0.5, len(trace) - 0.5)
        bare(axes)
        axes.set_ylabel(f"input {k + 1}" if len(traces) > 1 else "input", rotation=0, ha="right", va="center")
    maps = result.values[:n]
    low, high = maps.min(axis=1, keepdims=True), maps.max(axis=1, keepdims=True)
    shown = (maps - low) / np.where(high > low, high - low, 1)
    axes = drawing.add_axes((LEFT / width, (top - 6 - line * n) / height, across, line * n / height))
    axes.imshow(shown, aspect="auto", interpolation="nearest", extent=(-0.5, traces.shape[1] - 0.5, n + 0.5, 0.5))
    axes.set_ylabel("map")
    axes.set_xlabel("sample")
    axes.locator_params(axis="y", nbins=5, integer=True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    more = f" of {len(result.values)}" if n < len(result.values) else ""
    drawing.text(LEFT / width, 1 - 13 / height, f"{n}{more} maps of layer {result.layer}; light: answers", fontsize=10, color=INK, va="center")  # fmt: skip
    return drawing


@drawn
def filters(result: Filters, *, width: float = 620) -> Drawing:
    """Draw the filters of a convolutional layer: pictures of signed weights in 2D, lines in 1D; one scale for all.

    A filter of several channels is a row of pictures, or several lines; of volumes, the middle slice is drawn.
    """
    n = min(len(result.values), MOST)
    values = result.values[:n]
    most = float(np.abs(values).max()) or 1.0
    if values.ndim == 3:
        return _filter_lines(result, values, most, width)
    kernels = values if values.ndim == 4 else values[:, :, values.shape[2] // 2]
    channels = min(kernels.shape[1], 8)
    each = 30.0 * channels + 14
    across = max(1, int((width - 24) // each))
    rows = -(-n // across)
    tall = 30.0 * kernels.shape[2] / kernels.shape[3]
    height = rows * (tall + 14) + 70
    drawing = Drawing(width, height)
    ramp = signed_ramp()
    for k in range(n):
        row, column = divmod(k, across)
        for channel in range(channels):
            x, y = 12 + column * each + 30 * channel, height - 34 - row * (tall + 14) - tall
            axes = drawing.add_axes((x / width, y / height, 28 / width, tall / height))
            axes.imshow(kernels[k, channel], cmap=ramp, vmin=-most, vmax=most, interpolation="nearest", aspect="auto")  # fmt: skip
            bare(axes)
            for spine in axes.spines.values():
                spine.set(visible=True, color=RULE2, linewidth=0.5)
    _filter_words(drawing, result, n, width, height)
    color_bar(drawing, (60, 12, 120, 8), ramp, (_signed(-most), _signed(most)), title="weight")
    return drawing


def _filter_lines(result: Filters, values: np.ndarray, most: float, width: float) -> Drawing:
    across = min(8, len(values))
    rows, tall, wide = -(-len(values) // across), 62.0, (width - 24) / across
    channels = min(values.shape[1], len(LINES))
    height = rows * tall + 62
    drawing = Drawing(width, height)
    for k, filter_ in enumerate(values):
        row, column = divmod(k, across)
        axes = drawing.add_axes(((12 + column * wide) / width, (height - 32 - (row + 1) * tall + 8) / height, (wide - 10) / width, (tall - 10) / height))  # fmt: skip
        axes.axhline(0, color=RULE2, linewidth=0.7)
        for channel in range(channels):
            axes.plot(filter_[channel], color=GROUPS[channel], linestyle=LINES[channel], linewidth=1.3)
        axes.set_ylim(-1.05 * most, 1.05 * most)
        bare(axes)
    _filter_words(drawing, result, len(values), width, height)
    scale = f"each from {_signed(-most)} to {_signed(most)}; {values.shape[2]} samples wide"
    drawing.text(12 / width, 14 / height, scale, fontsize=9, color=INK3, va="center")
    if channels > 1:
        key = drawing.add_axes(((width - 60.0 * channels - 10) / width, 8 / height, 60.0 * channels / width, 12 / height))  # fmt: skip
        for channel in range(channels):
            key.plot([channel, channel + 0.35], [0, 0], color=GROUPS[channel], linestyle=LINES[channel], linewidth=1.6)  # fmt: skip
            key.text(channel + 0.42, 0, f"in {channel + 1}", fontsize=9, color=INK3, va="center")
        key.set_xlim(0, channels)
        bare(key)
    return drawing


def _filter_words(drawing: Drawing, result: Filters, n: int, width: float, height: float) -> None:
    more = f" of {len(result.values)}" if n < len(result.values) else ""
    kernel = " × ".join(map(str, result.values.shape[2:]))
    drawing.text(12 / width, 1 - 14 / height, f"{n}{more} filters of layer {result.layer}, {kernel} of {result.values.shape[1]} channels", fontsize=10, color=INK, va="center")  # fmt: skip


# ---- hidden states ----
@drawn
def hidden_states(
    result: HiddenStates, *, names: list[str] | None = None, rate: float | None = None, width: float = 760
) -> Drawing:
    """Draw the hidden states of a recurrent net under the sequence that it hears: blue is below 0, rust above.

    Parameters
    ----------
    result : HiddenStates
    names : list of str, optional
        Of the features.
    rate : float, optional
        Steps a second, in Hz; times are counted in steps without it.
    """
    steps, units = result.values.shape
    inputs = result.inputs[:, None] if result.inputs.ndim == 1 else result.inputs
    shown = min(inputs.shape[1], 4)
    tall, line = 46.0, max(4.0, min(14.0, 240 / units))
    height = 30 + tall * shown + line * units + 66
    drawing = Drawing(width, height)
    across, top = 1 - (LEFT + 16) / width, height - 28
    end = steps / rate if rate else float(steps)
    time = (np.arange(steps) + 0.5) * end / steps
    for k in range(shown):
        top -= tall
        axes = drawing.add_axes((LEFT / width, (top + 3) / height, across, (tall - 6) / height))
        axes.plot(time, inputs[:, k], color=INK2, linewidth=0.9, drawstyle="steps-mid" if result.inputs.ndim == 1 else "default")  # fmt: skip
        axes.set_xlim(0, end)
        bare(axes)
        axes.set_ylabel(short(names[k] if names else f"input {k + 1}", 9), rotation=0, ha="right", va="center")
    most = float(np.abs(result.values).max()) or 1.0
    axes = drawing.add_axes((LEFT / width, (top - 4 - line * units) / height, across, line * units / height))
    axes.imshow(result.values.T, cmap=signed_ramp(), vmin=-most, vmax=most, aspect="auto", interpolation="nearest", extent=(0, end, units + 0.5, 0.5))  # fmt: skip
    axes.set_ylabel("hidden unit")
    axes.locator_params(axis="y", nbins=5, integer=True)
    axes.set_xlabel("s" if rate else "step")
    for spine in axes.spines.values():
        spine.set_visible(False)
    left_out = f", the first {shown} of {inputs.shape[1]} inputs" if shown < inputs.shape[1] else ""
    drawing.text(LEFT / width, 1 - 13 / height, f"{units} hidden states of {result.layer}{left_out}", fontsize=10, color=INK, va="center")  # fmt: skip
    color_bar(drawing, (LEFT + 40, 9, 120, 8), signed_ramp(), (_signed(-most), _signed(most)), title="state")
    return drawing


# ---- where it decides what ----
@drawn
def decision_regions(result: DecisionGrid, *, width: float = 460) -> Drawing:
    """Draw which class is answered where: by colour and hatch; the rows by colour and marker."""
    import matplotlib

    height = width * 0.86
    drawing = Drawing(width, height)
    axes = drawing.add_axes((58 / width, 46 / height, 1 - 74 / width, 1 - 86 / height))
    with matplotlib.rc_context({"hatch.linewidth": 0.5, "hatch.color": RULE2}):
        for k, name in enumerate(result.classes):
            here = (result.answer == k).astype(float)
            if here.any():
                axes.contourf(result.x, result.y, here, levels=[0.5, 1.5], colors=[mix(group_color(k), 0.17)], hatches=[HATCHES[k % len(HATCHES)]])  # fmt: skip
                axes.contour(result.x, result.y, here, levels=[0.5], colors=[INK3], linewidths=0.9)
            own = result.points[result.labels == k]
            axes.plot(*own.T, group_marker(k), color=group_color(k), markeredgecolor=SURFACE, markeredgewidth=0.7, markersize=6.5, label=short(name, 20))  # fmt: skip
        nameless = result.points[result.labels < 0]
        axes.plot(*nameless.T, "o", color=RULE2, markersize=4)
    axes.set_xlim(result.x[0], result.x[-1])
    axes.set_ylim(result.y[0], result.y[-1])
    axes.set_xlabel(short(result.names[0], 40))
    axes.set_ylabel(short(result.names[1], 40))
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, labelcolor=INK2, handletextpad=0.2, columnspacing=1.2)  # fmt: skip
    return drawing


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")
