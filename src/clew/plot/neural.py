"""Figures of the inside of a net: activation functions, filters, feature maps, hidden states, decision regions."""

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
MOST_CHANNELS = 8  # of a filter that are drawn
LEFT, RIGHT = 62.0, 16.0  # px beside traces
DASHED: Any = (0, (3, 1.6))


# ---- what these figures are put together from ----
def box(drawing: Drawing, left: float, top: float, wide: float, tall: float) -> Any:
    """Return axes in px, counted from the upper left corner of the drawing."""
    width, height = drawing.get_size_inches() * 72
    return drawing.add_axes((left / width, 1 - (top + tall) / height, wide / width, tall / height))


def say(
    drawing: Drawing,
    left: float,
    top: float,
    words: str,
    *,
    size: float = 10,
    color: str = INK,
    **settings: Any,
) -> None:
    """Write words whose middle stands ``top`` px below the upper edge of the drawing."""
    width, height = drawing.get_size_inches() * 72
    drawing.text(left / width, 1 - top / height, words, fontsize=size, color=color, va="center", **settings)


def picture(axes: Any, values: np.ndarray, ramp: Any, **settings: Any) -> None:
    """Fill the axes with an array, one colour a value."""
    axes.imshow(values, cmap=ramp, interpolation="nearest", aspect="auto", **settings)


def color_bar(drawing: Drawing, left: float, top: float, ramp: Any, ends: tuple[str, str]) -> Any:
    """Draw a lying colour bar of 110 px, with what its ends mean beside it."""
    axes = box(drawing, left, top, 110, 8)
    picture(axes, np.linspace(0, 1, 129)[None], ramp, vmin=0, vmax=1)
    bare(axes)
    for x, side, words in ((0, "right", ends[0]), (1, "left", ends[1])):
        axes.annotate(
            words, (x, 0.45), xycoords="axes fraction", xytext=(12 * x - 6, 0), textcoords="offset points",
            ha=side, va="center", fontsize=9, color=INK3, annotation_clip=False,
        )  # fmt: skip
    return axes


def signed_ramp() -> Any:
    """Return the colours of signed values: blue, paper, rust."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", SIGNED)


def middle_slice(values: np.ndarray) -> np.ndarray:
    """Return images (n, ..., y, x) as they are, and of volumes (n, ..., z, y, x) the middle slice."""
    return values[..., values.shape[-3] // 2, :, :]


# ---- activation functions ----
@drawn
def activation_curves(result: ActivationCurves, *, width: float = 760) -> Drawing:
    """Draw activation functions (dark, solid) and their derivatives (red, dashed), a panel each on one scale."""
    across = min(5, len(result.names))
    tall, wide = 138.0, (width - 30) / across
    height = -(-len(result.names) // across) * tall + 40
    drawing = Drawing(width, height)
    for place, name in enumerate(result.names):
        row, column = divmod(place, across)
        axes = box(drawing, 30 + column * wide, row * tall + 32, wide - 22, tall - 52)
        for rule in (axes.axhline, axes.axvline):
            rule(0, color=RULE, linewidth=0.8, zorder=0)
        axes.plot(result.z, result.values[place], color=INK, linewidth=1.7)
        axes.plot(result.z, result.slopes[place], color=THREAD, linewidth=1.5, linestyle=DASHED)
        axes.set_xlim(result.z[0], result.z[-1])
        axes.set_ylim(-1.25, 2.25)
        axes.set_yticks([-1, 0, 1, 2], ["−1", "0", "1", "2"] if column == 0 else [""] * 4)
        axes.locator_params(axis="x", nbins=5)
        axes.set_title(name, loc="left", fontsize=10, color=INK, pad=4)
    for x, color, style, words in ((30, INK, "solid", "function"), (130, THREAD, DASHED, "derivative")):
        line = box(drawing, x, height - 18, 28, 10)
        line.plot([0, 1], [0, 0], color=color, linewidth=1.7, linestyle=style)
        bare(line)
        say(drawing, x + 34, height - 13, words, size=9, color=INK2)
    return drawing


# ---- feature maps and filters ----
@drawn
def feature_maps(result: FeatureMaps, *, width: float = 760) -> Drawing:
    """Draw what each map of a layer makes of an image (pictures) or of a trace (lines of colour below it).

    Each map has its own scale: what is compared is where a map answers, not how loudly. Of volumes, the middle
    slice is drawn.
    """
    n = min(len(result.values), MOST)
    told = f"{_some(n, len(result.values), 'maps')} of layer {result.layer}; light: answers"
    if result.values.ndim == 2:
        return _maps_of_trace(result.inputs, result.values[:n], told, width)
    volume = result.values.ndim == 4
    inputs, maps = (middle_slice(one) if volume else one for one in (result.inputs, result.values[:n]))
    image = inputs.mean(axis=0)
    across = 6
    side = (width - 24) / (across + 2)
    tall = side * image.shape[0] / image.shape[1]
    drawing = Drawing(width, max(2, -(-n // across)) * (tall + 8) + 34)
    axes = box(drawing, 12, 26, 1.92 * side, 1.92 * tall)
    picture(axes, image, "gray")
    bare(axes)
    for k, values in enumerate(maps):
        row, column = divmod(k, across)
        axes = box(drawing, 16 + (2 + column) * side, 26 + row * (tall + 8), side - 8, tall)
        picture(axes, values, "cividis")
        bare(axes)
    say(drawing, 12, 13, "input")
    say(drawing, 16 + 2 * side, 13, told)
    return drawing


def _maps_of_trace(traces: np.ndarray, maps: np.ndarray, told: str, width: float) -> Drawing:
    n, (channels, samples) = len(maps), traces.shape
    names = ["input"] if channels == 1 else [f"input {k + 1}" for k in range(channels)]
    tall, line = 44.0, max(7.0, min(14.0, 260 / n))
    drawing = Drawing(width, 36 + tall * channels + line * n + 44)
    _traces(drawing, np.arange(samples), traces, names, tall, (-0.5, samples - 0.5))
    low, high = maps.min(axis=1, keepdims=True), maps.max(axis=1, keepdims=True)
    shown = (maps - low) / np.where(high > low, high - low, 1)
    axes = _rows_of_color(drawing, 36 + tall * channels, line * n, shown, (-0.5, samples - 0.5), "cividis")
    axes.set_ylabel("map")
    axes.set_xlabel("sample")
    say(drawing, LEFT, 13, told)
    return drawing


def _traces(
    drawing: Drawing, time: np.ndarray, traces: np.ndarray, names: list[str], tall: float, ends: tuple[float, float],
) -> None:  # fmt: skip
    """Draw traces (n, n_times) below one another, from 30 px below the upper edge."""
    width = drawing.get_size_inches()[0] * 72
    for k, (trace, name) in enumerate(zip(traces, names, strict=True)):
        axes = box(drawing, LEFT, 33 + k * tall, width - LEFT - RIGHT, tall - 6)
        axes.plot(time, trace, color=INK2, linewidth=0.8)
        axes.set_xlim(*ends)
        bare(axes)
        axes.set_ylabel(short(name, 9), rotation=0, ha="right", va="center")


def _rows_of_color(
    drawing: Drawing, top: float, tall: float, values: np.ndarray, ends: tuple[float, float], ramp: Any,
    **settings: Any,
) -> Any:  # fmt: skip
    """Draw an array (n, n_times), a line of colour each, numbered from 1; return the axes."""
    width = drawing.get_size_inches()[0] * 72
    axes = box(drawing, LEFT, top, width - LEFT - RIGHT, tall)
    picture(axes, values, ramp, extent=(*ends, len(values) + 0.5, 0.5), **settings)
    axes.locator_params(axis="y", nbins=5, integer=True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


@drawn
def filters(result: Filters, *, width: float = 620) -> Drawing:
    """Draw the filters of a convolutional layer: pictures of signed weights in 2D, lines in 1D; one scale for all.

    A filter of several channels is a row of pictures, or several lines; of volumes, the middle slice is drawn.
    """
    n, channels = min(len(result.values), MOST), result.values.shape[1]
    values = result.values[:n, :MOST_CHANNELS]
    most = float(np.abs(values).max()) or 1.0
    lines = values.ndim == 3
    drawing = (_filter_lines if lines else _filter_pictures)(values, most, width)
    kernel = " × ".join(map(str, values.shape[2:])) + (" samples" if lines else "")
    seen = "1 channel" if channels == 1 else _some(values.shape[1], channels, "channels")
    told = f"{_some(n, len(result.values), 'filters')} of layer {result.layer}: {kernel} of {seen}"
    say(drawing, 12, 14, told)
    return drawing


def _filter_pictures(values: np.ndarray, most: float, width: float) -> Drawing:
    kernels = middle_slice(values) if values.ndim == 5 else values
    side = 58.0 if kernels.shape[1] == 1 else 30.0
    each, tall = side * kernels.shape[1] + 14, side * kernels.shape[2] / kernels.shape[3]
    across = max(1, int((width - 24) // each))
    height = -(-len(kernels) // across) * (tall + 14) + 70
    drawing = Drawing(width, height)
    for k, kernel in enumerate(kernels):
        row, column = divmod(k, across)
        for channel, weights in enumerate(kernel):
            axes = box(drawing, 12 + column * each + side * channel, 34 + row * (tall + 14), side - 2, tall)
            picture(axes, weights, signed_ramp(), vmin=-most, vmax=most)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set(visible=True, color=RULE2, linewidth=0.5)
    color_bar(drawing, 60, height - 20, signed_ramp(), (_signed(-most), f"{_signed(most)}  weight"))
    return drawing


def _filter_lines(values: np.ndarray, most: float, width: float) -> Drawing:
    across = min(8, len(values))
    tall, wide = 62.0, (width - 24) / across
    height = -(-len(values) // across) * tall + 80
    drawing = Drawing(width, height)
    looks = [{"color": color, "linestyle": style} for color, style in zip(GROUPS, LINES, strict=True)]
    looks = (2 * looks)[: values.shape[1]]
    for k, lines in enumerate(values):
        row, column = divmod(k, across)
        axes = box(drawing, 12 + column * wide, 34 + row * tall, wide - 10, tall - 10)
        axes.axhline(0, color=RULE2, linewidth=0.7)
        for line, look in zip(lines, looks, strict=True):
            axes.plot(line, linewidth=1.3, **look)
        axes.set_ylim(-1.05 * most, 1.05 * most)
        bare(axes)
    say(drawing, 12, height - 34, f"each from {_signed(-most)} to {_signed(most)}", size=9, color=INK3)
    if len(looks) > 1:
        key = box(drawing, width - 60.0 * len(looks) - 10, height - 20, 60.0 * len(looks), 12)
        for channel, look in enumerate(looks):
            key.plot([channel, channel + 0.35], [0, 0], linewidth=1.6, **look)
            key.text(channel + 0.42, 0, f"in {channel + 1}", fontsize=9, color=INK3, va="center")
        key.set_xlim(0, len(looks))
        bare(key)
    return drawing


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
    inputs = result.inputs.reshape(steps, -1).T
    shown, tall, line = min(len(inputs), 4), 46.0, max(4.0, min(14.0, 240 / units))
    height = 34 + tall * shown + line * units + 62
    drawing = Drawing(width, height)
    end = steps / rate if rate else float(steps)
    told = names or [f"input {k + 1}" for k in range(len(inputs))]
    _traces(drawing, (np.arange(steps) + 0.5) * end / steps, inputs[:shown], told[:shown], tall, (0, end))
    most = float(np.abs(result.values).max()) or 1.0
    axes = _rows_of_color(
        drawing, 34 + tall * shown, line * units, result.values.T, (0, end), signed_ramp(), vmin=-most, vmax=most
    )  # fmt: skip
    axes.set_ylabel("hidden unit")
    axes.set_xlabel("s" if rate else "step")
    left_out = f", the first {shown} of {len(inputs)} inputs" if shown < len(inputs) else ""
    say(drawing, LEFT, 13, f"{units} hidden states over {steps} steps{left_out}")
    color_bar(drawing, LEFT + 40, height - 17, signed_ramp(), (_signed(-most), f"{_signed(most)}  state"))
    return drawing


# ---- where it decides what ----
@drawn
def decision_regions(result: DecisionGrid, *, width: float = 460) -> Drawing:
    """Draw which class is answered where: by colour and hatch; the rows by colour and marker."""
    import matplotlib

    height = width * 0.86
    drawing = Drawing(width, height)
    axes = box(drawing, 58, 40, width - 74, height - 86)
    with matplotlib.rc_context({"hatch.linewidth": 0.5, "hatch.color": RULE2}):
        for k, name in enumerate(result.classes):
            here = (result.answer == k).astype(float)
            fill, hatch = mix(group_color(k), 0.17), HATCHES[k % len(HATCHES)]
            if here.any():
                axes.contourf(result.x, result.y, here, levels=[0.5, 1.5], colors=[fill], hatches=[hatch])
                axes.contour(result.x, result.y, here, levels=[0.5], colors=[INK3], linewidths=0.9)
            axes.plot(
                *result.points[result.labels == k].T, group_marker(k), color=group_color(k), markersize=6.5,
                markeredgecolor=SURFACE, markeredgewidth=0.7, label=short(name, 20),
            )  # fmt: skip
        axes.plot(*result.points[result.labels < 0].T, "o", color=RULE2, markersize=4)
    axes.set_xlim(result.x[0], result.x[-1])
    axes.set_ylim(result.y[0], result.y[-1])
    axes.set_xlabel(short(result.names[0], 40))
    axes.set_ylabel(short(result.names[1], 40))
    axes.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4, labelcolor=INK2, handletextpad=0.2,
        columnspacing=1.2,
    )  # fmt: skip
    return drawing


def _some(shown: int, of: int, what: str) -> str:
    return f"{shown} {what}" if shown == of else f"{shown} of {of} {what}"


def _signed(value: float) -> str:
    return f"{value:+.2g}".replace("-", "−")
