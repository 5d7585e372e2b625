"""Figures of denoising: how noise hangs together, and a part of an image before, after, and as classical filters leave it."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.measure.noise import CORRELATED, Noise
from clew.plot.style import GROUPS, INK2, INK3, MARKERS, REF, RULE2, Drawing, bare, drawn, mix, short
from clew.steps.denoising import Denoised

PANEL, TITLE = 210, 20  # px
NAMES = {"gaussian": "Gaussian", "nl-means": "non-local means", "tv": "total variation"}
LOW, HIGH = 0.5, 99.5  # percentiles of the noisy image between which grey goes from black to white


@drawn
def noise(result: Noise) -> Drawing:
    """Draw the autocorrelation of noise along each axis; the band is what counts as independent."""
    figure = Drawing(360, 190)
    axes = figure.add_axes((0.13, 0.22, 0.85, 0.7))
    distance = np.arange(1, result.autocorrelation.shape[1] + 1)
    axes.axhspan(-CORRELATED, CORRELATED, facecolor=mix(REF, 0.35), linewidth=0)
    axes.axhline(0, color=RULE2, linewidth=0.8)
    for i, name in enumerate(result.axes):
        rho, error = result.autocorrelation[i], 2 * result.standard_error[i]
        look: Any = {"color": GROUPS[i], "marker": MARKERS[i], "markersize": 4, "linewidth": 1.2}
        axes.errorbar(distance, rho, error, label=f"along {name}", **look)[0].set_gid(name)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK2)
    low, high = np.nan_to_num([np.min(result.autocorrelation), np.max(result.autocorrelation)])
    axes.set_ylim(min(-0.25, low - 0.1), max(0.4, high + 0.15))
    axes.set_xlabel("distance in pixels" if len(result.axes) > 1 else "distance in samples")
    axes.set_ylabel("autocorrelation")
    return figure


@drawn
def denoised(result: Denoised, *, side: int = 160) -> Drawing:
    """Draw the middle of an image: noisy, denoised by the net, and by each classical filter, on one scale of grey.

    Parameters
    ----------
    result : Denoised
    side : int
        Pixels of the image along each side of a panel, at most.
    """
    y, x = (slice(max(0, (n - side) // 2), max(0, (n - side) // 2) + side) for n in result.before.shape)
    panels = {"noisy": result.before, "net": result.after}
    panels |= {NAMES[name]: one for name, one in zip(result.rivals.methods, result.rivals.images)}
    low, high = np.percentile(result.before[y, x], [LOW, HIGH])
    figure = Drawing(len(panels) * PANEL, PANEL + TITLE + 4)
    for i, (name, image) in enumerate(panels.items()):
        left, top = i / len(panels), 1 - TITLE / (PANEL + TITLE + 4)
        axes = figure.add_axes((left, 0, 0.985 / len(panels), top))
        axes.imshow(image[y, x], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_anchor("N")
        bare(axes)
        figure.text(left, 1, short(name), va="top", fontsize=10, color=INK3)
    return figure
