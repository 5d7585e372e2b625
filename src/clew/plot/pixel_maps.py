"""SHAP values of pixels painted back: one small map a filter, beside the picture."""

from __future__ import annotations

import numpy as np

from clew.learn.pixel_shapley import PixelContributions
from clew.plot.style import INK, INK2, INK3, SIGNED, Drawing, bare, drawn, short

ACROSS = 4  # panels in a row
HALF = 0.5  # of a map's own largest contribution, where a line is drawn: solid for, dashed against


@drawn
def pixel_maps(
    result: PixelContributions, picture: np.ndarray, maps: np.ndarray, *, width: float = 960
) -> Drawing:
    """Draw how far each filter moves the probability of a class, on one scale of colours for all.

    Parameters
    ----------
    result : PixelContributions
    picture : ndarray of float, shape (Y, X)
        The image, or one channel of it.
    maps : ndarray of float32, shape (n_maps, Y, X)
        In the order of `channels`; of large images every so many pixels.
    width : float
        Of the figure, in px.
    """
    n = len(maps) + 1
    across = min(n, ACROSS)
    down = -(-n // across)
    side = (width - 8) / across - 8
    tall = side * picture.shape[0] / picture.shape[1]
    height = down * (tall + 24) + 68
    figure = Drawing(width, height)
    title = f"What pushes pixels towards {short(result.of)}, from a probability of {result.base:.2f}"
    figure.text(8 / width, 1 - 16 / height, title, fontsize=12, weight="bold", color=INK)
    largest = float(np.quantile(np.abs(maps), 0.999)) or 1.0
    shown = None
    for i in range(n):
        row, column = divmod(i, across)
        left, low = 8 + column * (side + 8), height - 24 - (row + 1) * (tall + 24)
        axes = figure.add_axes((left / width, low / height, side / width, tall / height))
        if i == 0:
            bounds = np.nanquantile(picture, [0.001, 0.999])
            axes.imshow(picture, cmap="gray", vmin=bounds[0], vmax=max(bounds[1], bounds[0] + 1e-9))
            name, told = "the image", ""
        else:
            one = maps[i - 1]
            shown = axes.imshow(one, cmap=_ramp(), vmin=-largest, vmax=largest, interpolation="nearest")
            _lines(axes, one)
            name, told = result.channels[i - 1], _largest(one)
        bare(axes)
        top = (low + tall + 5) / height
        figure.text(left / width, top, short(name, int(side / 5.8) - len(told)), fontsize=9.5, color=INK2)
        figure.text((left + side) / width, top, told, fontsize=9.5, color=INK3, ha="right")
    _scale(figure, shown, largest, width, height)
    return figure


def _ramp():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", SIGNED)


def _largest(one: np.ndarray) -> str:
    """Write the contribution of a map that is farthest from 0, with its sign."""
    farthest = one.flat[np.abs(one).argmax()]
    return f"largest {farthest:+.2g}".replace("-", "−") if farthest else "0 all over"


def _lines(axes, one: np.ndarray) -> None:
    """Draw where a map reaches half of its own largest: solid for, dashed against, so that the sign is there in grey."""
    from scipy.ndimage import gaussian_filter

    one = gaussian_filter(one, 1)  # single pixels need no line of their own
    half = HALF * float(np.abs(one).max())
    for level, style in ((half, "solid"), (-half, "dashed")):
        if one.min() < level < one.max():
            axes.contour(one, levels=[level], colors=[INK], linewidths=0.5, linestyles=[style])


def _scale(figure: Drawing, shown, largest: float, width: float, height: float) -> None:
    axes = figure.add_axes((24 / width, 24 / height, 180 / width, 9 / height))
    bar = figure.colorbar(shown, cax=axes, orientation="horizontal", ticks=[-largest, 0, largest])
    bar.ax.set_xticklabels([f"−{largest:.2g}", "0", f"+{largest:.2g}"])
    bar.outline.set_visible(False)
    figure.text(
        220 / width,
        23 / height,
        "change of the probability. Lines: half of the map's own largest (smoothed), solid towards the class, dashed against it.",
        fontsize=9,
        color=INK3,
        va="bottom",
    )
