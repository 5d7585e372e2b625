"""Figures of the evidence: the projected index above single clouds, and the four curves that may choose k."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explore.evidence import CURVES, Evidence
from clew.plot.style import INK, INK3, REF, RULE, SURFACE, THREAD, Drawing, drawn, mix


@drawn
def evidence(result: Evidence, *, cut: int | None = None, width: float = 252, height: float = 168) -> Drawing:
    """Draw the projected index over k above what single clouds of both kinds give.

    Parameters
    ----------
    result : Evidence
    cut : int, optional
        The number of groups that was asked for; the one that was found otherwise. Drawn in thread.
    """
    figure = Drawing(width, height)
    index_over_k(
        figure.add_axes((30 / width, 22 / height, 1 - 38 / width, 1 - 34 / height)),
        result,
        cut=result.k if cut is None else cut,
    )
    return figure


def index_over_k(axes: Any, result: Evidence, *, cut: int) -> None:
    """Draw on given axes what `evidence` draws."""
    low, high = result.reference_low, result.reference_high  # (2 kinds, n_k)
    above = result.index > high.max(axis=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    _bands(axes, result)
    axes.plot(result.ks, result.index, color=INK, linewidth=1.3)
    for k, value, stands_out in zip(result.ks, result.index, above):
        chosen = k == cut
        axes.plot(
            k,
            value,
            marker="o",
            markersize=9 if chosen else 4.6,
            markerfacecolor=(THREAD if chosen else INK)
            if stands_out and (result.k or not chosen)
            else SURFACE,
            markeredgecolor=THREAD if chosen else INK,
            markeredgewidth=1.6 if chosen else 1.1,
            zorder=4,
        )
    values = np.concatenate([result.index, low.ravel(), high.ravel()])
    pad = 0.12 * max(np.ptp(values), 0.05)
    axes.set_ylim(max(0, values.min() - pad), min(1, values.max() + pad))
    axes.set_xlim(result.ks[0] - 0.35, result.ks[-1] + 0.35)
    axes.set_xticks(result.ks)
    axes.tick_params(length=0)
    axes.locator_params(axis="y", nbins=4)
    axes.spines["left"].set_visible(False)
    axes.text(
        0.99, 1.015, "this data", transform=axes.transAxes, ha="right", va="bottom", fontsize=9.5, color=INK
    )
    axes.text(
        0.01,
        1.015,
        "single clouds",
        transform=axes.transAxes,
        ha="left",
        va="bottom",
        fontsize=9.5,
        color=INK3,
    )


def _bands(axes: Any, result: Evidence) -> None:
    """Draw 90% of the draws of each kind of single cloud."""
    for low, high in zip(result.reference_low, result.reference_high):
        axes.fill_between(result.ks, low, high, color=mix(REF, 0.6), linewidth=0)


@drawn
def choice_of_k(result: Evidence, *, width: float = 330, height: float = 440) -> Drawing:
    """Draw the four curves that may choose k above each other, each with its choice, and our answer as a thread.

    A filled dot is what a curve chooses, in thread where that is our answer; a ring in thread is our answer where
    the curve chooses another. Without groups there is no thread, and the choices are rings. Bars at the gap are
    standard errors; k = 1 there stands for one population.
    """
    figure = Drawing(width, height)
    left, bottom, gap = 42, 34, 25  # px
    tall = (height - bottom - 4 * gap) / 4
    for i, (curve, chosen) in enumerate(result.choices().items()):
        low = bottom + (3 - i) * (tall + gap)
        axes = figure.add_axes((left / width, low / height, 1 - (left + 10) / width, tall / height))
        if result.k:  # from panel to panel
            reach = (tall + gap if i else tall) / tall
            axes.plot([result.k] * 2, [0, reach], color=THREAD, linewidth=1.2, clip_on=False,
                      transform=axes.get_xaxis_transform(), zorder=1)  # fmt: skip
        _curve(axes, result, curve, chosen)
        axes.tick_params(labelbottom=i == 3)
    axes.set_xlabel("number of clusters, k", labelpad=4)
    return figure


def _curve(axes: Any, result: Evidence, curve: str, chosen: int) -> None:
    """Draw one curve over k with what it chooses."""
    ks, values, error = result.ks, getattr(result, curve), np.zeros(len(result.ks))
    if curve == "gap":
        ks, values, error = np.append(1, ks), np.append(0.0, values), np.append(0.0, result.gap_error)
        axes.errorbar(ks, values, error, fmt="none", ecolor=INK3, elinewidth=1)
    if curve == "index":
        _bands(axes, result)
    axes.plot(ks, values, color=INK, linewidth=1.3, marker="o", markersize=2.6)
    for k in {chosen, result.k} & set(ks.tolist()):
        color = THREAD if k == result.k else INK
        axes.plot(
            k,
            values[ks == k],
            marker="o",
            markersize=7.5,
            markerfacecolor=color if k == chosen and result.k else SURFACE,
            markeredgecolor=color,
            markeredgewidth=1.5,
            zorder=4,
        )
    axes.set_xlim(0.6, result.ks[-1] + 0.4)
    axes.set_xticks(range(1, int(result.ks[-1]) + 1))
    axes.margins(y=0.16)
    axes.locator_params(axis="y", nbins=3)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    of = "; grey: single clouds" if curve == "index" else ""
    says = f"{'says' if result.k else 'would say'} {'1, one population' if chosen == 1 else chosen}"
    paper = {"facecolor": SURFACE, "edgecolor": "none", "pad": 1.5}  # the thread runs behind the words
    above: Any = {"va": "bottom", "transform": axes.transAxes, "zorder": 3, "bbox": paper}
    axes.text(0, 1.06, CURVES[curve].removeprefix("the ") + of, **above, color=INK)
    axes.text(1, 1.06, says, **above, ha="right", color=THREAD if chosen == result.k else INK3)
