"""Figures of a confirmation: sealed rows against single clouds, and every hypothesis with its effect and verdict."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.plot.style import INK, INK3, REF, RULE, RULE2, SURFACE, THREAD, Drawing, drawn, short
from clew.plot.validate import spelt
from clew.validate.claims import Claim
from clew.validate.confirm import Confirmation
from clew.validate.replication import Replication
from clew.words import spell_p

ROW, HEAD, FOOT = 24.0, 24.0, 40.0  # px, of the table of claims
NAMES, FIGURES = 168.0, 304.0  # px to the left and to the right of the dots
BINS = 30


@drawn
def confirmation(result: Confirmation) -> Drawing:
    """Draw the replication of the grouping, where it was tested, above every hypothesis on record."""
    tested = len(result.replication.draws) > 0
    tall = (120.0 if tested else 0.0, _height(result.claims) if result.claims else 0.0)
    figure = Drawing(620, max(sum(tall), 40))
    if sum(tall) == 0:
        figure.text(0.5, 0.5, "nothing was tested", ha="center", va="center", color=INK3)
        return figure
    share = tall[0] / sum(tall)
    if tested:
        _histogram(figure.add_axes((0.02, 1 - share * 0.78, 0.96, share * 0.62)), result.replication)
    if result.claims:
        _claims(figure, result.claims, width=620, height=sum(tall), top=tall[0])
    return figure


@drawn
def replication(result: Replication, *, width: float = 252, height: float = 112) -> Drawing:
    """Draw the projected index of the sealed rows as a line over that of single clouds: M in outline, E in grey.

    Parameters
    ----------
    result : Replication
    width, height : float
        In px.
    """
    figure = Drawing(width, height)
    axes = figure.add_axes((12 / width, 34 / height, 1 - 24 / width, 1 - 56 / height))
    if len(result.draws):
        _histogram(axes, result)
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, "not tested", ha="center", va="center", color=INK3, transform=axes.transAxes)
    return figure


def _histogram(axes: Any, result: Replication) -> None:
    values = np.append(result.draws.ravel(), result.index)
    room = 0.04 * max(np.ptp(values), 0.02)
    edges = np.linspace(values.min() - room, values.max() + room, BINS + 1)
    unimodal, ellipsoid = result.draws.T
    axes.hist(ellipsoid, edges, color=REF)
    axes.hist(unimodal, edges, histtype="step", color=INK3, linewidth=1)
    top = axes.get_ylim()[1]
    axes.vlines(result.index, 0, top, color=THREAD, linewidth=2)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, top)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(f"projected index of {result.n_sealed:,} sealed rows", labelpad=2)
    right = result.index > (edges[0] + edges[-1]) / 2
    above: Any = {"transform": axes.transAxes, "va": "bottom", "fontsize": 9.5}
    axes.text(1.0 if right else 0.0, 1.04, f"{result.index:.2f}, p = {spell_p(result.p_value)}", color=THREAD, ha="right" if right else "left", weight="bold", **above)  # fmt: skip
    axes.text(0.0 if right else 1.0, 1.04, f"2 × {len(result.draws)} single clouds", color=INK3, ha="left" if right else "right", **above)  # fmt: skip


@drawn
def claims(result: Confirmation, *, width: float = 620) -> Drawing:
    """Draw what each hypothesis loses when its features are shuffled, as dot and interval, with p and verdict.

    A filled dot is confirmed, a hollow one is not; a hypothesis without a dot was not tested.

    Parameters
    ----------
    result : Confirmation
    width : float
        In px.
    """
    height = _height(result.claims)
    figure = Drawing(width, height)
    _claims(figure, result.claims, width=width, height=height, top=0.0)
    return figure


def _height(claims: list[Claim]) -> float:
    return ROW * max(len(claims), 1) + HEAD + FOOT


def _claims(figure: Any, claims: list[Claim], *, width: float, height: float, top: float) -> None:
    """Draw the table of claims below ``top`` px of a figure."""
    inner = width - NAMES - FIGURES
    axes = figure.add_axes((NAMES / width, FOOT / height, inner / width, 1 - (FOOT + HEAD + top) / height))
    y = np.arange(len(claims))[::-1].astype(float)
    axes.hlines(y, 0, 1, color=RULE, linewidth=0.8, transform=axes.get_yaxis_transform(), zorder=1)
    axes.axvline(0, color=RULE2, linewidth=0.8, zorder=1)
    ends = [0.0, 0.1]
    for where, claim in zip(y, claims):
        ends += _dot(axes, where, claim)
    room = 0.06 * (max(ends) - min(ends))
    axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.set_ylim(-0.6, len(claims) - 0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4)
    lost = next((claim.figure_name for claim in claims if claim.figure), "balanced accuracy")
    axes.set_xlabel(f"{lost} lost when shuffled", labelpad=2)
    plain: Any = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    columns = (126 / inner, 176 / inner, 188 / inner)  # effect and p end, the verdict begins
    head: Any = {**plain, "va": "bottom", "color": INK3, "fontsize": 9.5}
    for x, word, side in zip(columns, ("sealed: effect", "p, Holm", "verdict"), ("right", "right", "left")):
        axes.text(1 + x, len(claims) - 0.4, word, ha=side, **head)
    for where, claim in zip(y, claims):
        tested = claim.effect is not None
        confirmed = claim.verdict == "confirmed"
        name = short(f"H{claim.number}  {', '.join(claim.features)}", 24)
        axes.text((6 - NAMES) / inner, where, name, ha="left", color=INK if tested else INK3, **plain)
        if tested:
            axes.text(1 + columns[0], where, spelt(claim.effect), ha="right", color=INK, **plain)
            axes.text(1 + columns[1], where, spell_p(claim.p_adjusted), ha="right", color=INK, **plain)
        word = f"{claim.verdict} (late)" if tested and claim.reason else claim.verdict
        axes.text(1 + columns[2], where, word, ha="left", color=INK if tested else INK3, weight="bold" if confirmed else "normal", **plain)  # fmt: skip


def _dot(axes: Any, where: float, claim: Claim) -> list[float]:
    """Draw the effect of one claim; return what the axis must hold."""
    effect = claim.effect
    if effect is None:
        return []
    confirmed = claim.verdict == "confirmed"
    color = THREAD if confirmed else INK3
    if np.isfinite(effect.low):
        axes.plot([effect.low, effect.high], [where] * 2, color=color, linewidth=1.5, zorder=2)
    axes.plot(
        effect.value,
        where,
        marker="o",
        markersize=6,
        markerfacecolor=THREAD if confirmed else SURFACE,
        markeredgecolor=color,
        markeredgewidth=1.4,
        zorder=3,
    )
    return [value for value in (effect.value, effect.low, effect.high) if np.isfinite(value)]
