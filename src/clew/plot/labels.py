"""Figures of labels: in which features labelled rows differ from the others, and which labels look wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.plot.style import INK, INK3, REF, RULE, SURFACE, THREAD, Drawing, drawn, short
from clew.validate.label_errors import LabelErrors
from clew.validate.representative import LEVEL, Representative

NAMES, LINE = 168.0, 20.0  # px: of the column of names, and from row to row


@drawn
def representative(result: Representative, *, at_most: int = 8, width: float = 440) -> Drawing:
    """Draw by how many standard deviations labelled rows differ from the others, the features that differ most.

    Filled dots differ by more than labels dealt anew would give (p at most 0.05 over all features), hollow ones do not.

    Raises
    ------
    DataError
        If there is nothing to compare: all rows are labelled, or none.
    """
    check(result.how, DataError, "The rows to draw must be labelled in part. Got: {}.", result.reason)
    order = result.order()[:at_most]
    value, clear = result.difference[order], result.p_feature[order] <= LEVEL
    height = LINE * len(order) + 60
    figure = Drawing(width, height)
    axes = figure.add_axes((NAMES / width, 38 / height, 1 - (NAMES + 44) / width, 1 - 60 / height))
    y = np.arange(len(order))[::-1]
    axes.axvline(0, color=REF, linewidth=1.2)
    axes.hlines(y, 0, value, color=[INK if one else REF for one in clear], linewidth=1.2)
    for face, edge, shown in ((THREAD, THREAD, clear), (SURFACE, INK3, ~clear)):
        axes.plot(value[shown], y[shown], "o", markersize=6, markerfacecolor=face, markeredgecolor=edge)
    for one, where in zip(value, y, strict=True):
        axes.annotate(
            f"{round(one, 1) + 0.0:+.1f}".replace("-", "−"),  # no -0.0
            (one, where),
            xytext=(8 if one >= 0 else -8, 0),
            textcoords="offset points",
            va="center",
            ha="left" if one >= 0 else "right",
            fontsize=9.5,
        )
    widest = 1.45 * max(float(np.abs(value).max(initial=0)), 0.4)  # room for the figures
    axes.set_xlim(-widest, widest)
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_yticks(y, [short(result.feature_names[c], 25) for c in order], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("difference in standard deviations", labelpad=1)
    for x, side, text in ((0.0, "left", "← labelled smaller"), (1.0, "right", "labelled larger →")):
        axes.text(x, 1.0, text, transform=axes.transAxes, ha=side, va="bottom", color=INK3, fontsize=9.5)
    return figure


@drawn
def label_errors(result: LabelErrors, *, at_most: int = 12, width: float = 520) -> Drawing:
    """Draw the rows that look wrong: what was given, hollow, and what models say, filled, each with its word.

    Where none looks wrong, the first few that contradict their label.

    Raises
    ------
    DataError
        If no row contradicts its label.
    """
    n = min(result.n_suspected or 5, len(result.sample), at_most)
    check(
        n,
        DataError,
        "The label errors to draw must hold at least 1 row that contradicts its label. Got none.",
    )
    numbers = result.kind == "regression"
    given, said = (result.given, result.said) if numbers else (result.p_given, result.p_said)
    height = LINE * n + 62
    figure = Drawing(width, height)
    axes = figure.add_axes((NAMES / width, 38 / height, 1 - (NAMES + 190) / width, 1 - 62 / height))
    y = np.arange(n)[::-1]
    axes.hlines(y, given[:n], said[:n], color=RULE if numbers else REF, linewidth=1.2)
    axes.plot(given[:n], y, "o", markersize=6, markerfacecolor=SURFACE, markeredgecolor=INK3, label="given")
    axes.plot(said[:n], y, "D", markersize=5.5, color=THREAD, label="said by models")
    if not numbers:
        axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.6, n - 0.4)
    axes.set_yticks(y, [short(str(name), 25) for name in result.sample[:n]], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel("number" if numbers else "probability, out of fold", labelpad=1)
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 9.5}
    for where, one, other in zip(y, result.given, result.said, strict=False):
        words = f"{one:.4g} → {other:.4g}" if numbers else f"{short(str(one), 12)} → {short(str(other), 12)}"
        axes.text(1.06, where, words, color=INK, **place)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.04, 1.0), ncols=2, frameon=False, fontsize=9.5, handletextpad=0.2, borderpad=0)  # fmt: skip
    return figure
