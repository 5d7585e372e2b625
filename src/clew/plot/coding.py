"""Figures of autoencoders: rows beside what comes back, the map of their codes, latent units, anomalies, and what is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clew.neural.reconstruction import Reconstructions
from clew.plot.neural import box, picture, say
from clew.plot.style import INK, INK2, INK3, REF, RULE2, SURFACE, THREAD, Drawing, bare, drawn, mix, short
from clew.validate.posterior_collapse import PosteriorCollapse

if TYPE_CHECKING:
    from clew.neural.generating import Generated

GAP = 4.0  # px between pictures
LINE = 26.0  # px that words take above a row of pictures
ACROSS = {"cyx": 8, "ct": 4, "features": 4}  # rows side by side
TALL = {"ct": 74.0, "features": 74.0}  # px of a trace
MOST_FEATURES = 40  # dots of a row
MOST_BINS = 40
FEW = 300  # dots that can be large


# ---- rows beside what comes back ----
@drawn
def reconstructions(result: Reconstructions, *, width: float = 640) -> Drawing:
    """Draw rows and what comes back of them: typical rows, then the most anomalous.

    Images stand above their reconstructions; of windows and features the reconstruction is red, over the row.
    """
    n = result.n_typical
    parts = [("typical rows", slice(0, n)), ("worst reconstructed", slice(n, None))]
    parts = [(words, rows) for words, rows in parts if len(result.shown[rows])]
    across = ACROSS[result.axes]
    side = (width - 24) / across - GAP
    tall = TALL.get(result.axes, 2 * side + GAP / 2)
    lines = [-(-len(result.shown[rows]) // across) for _, rows in parts]
    real, decoded = result.real, result.decoded
    if result.axes == "features":
        real, decoded = (_standard(one, result.real) for one in (real, decoded))
    drawing = Drawing(width, sum(LINE + many * (tall + 16) for many in lines) + 8)
    top = 0.0
    of = "row above, what comes back below" if result.axes == "cyx" else "grey: the row; red: what comes back"
    for (words, rows), many in zip(parts, lines, strict=True):
        say(drawing, 12, top + LINE / 2, words if top else f"{words}: {of}", size=9.5, color=INK2)
        top += LINE
        for i, row in enumerate(range(len(result.shown))[rows]):
            left, here = 12 + i % across * (side + GAP), top + i // across * (tall + 16)
            _pair(drawing, (left, here, side, tall), real[row], decoded[row], result.axes)
            name = short(str(result.sample[result.shown[row]]), int(side / 5.6))
            say(drawing, left, here + tall + 8, name, size=7.5, color=INK3)
        top += many * (tall + 16)
    return drawing


def _standard(rows: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return features in standard deviations from the mean, of rows of which some are ``like`` these."""
    spread = like.std(axis=0)
    return (rows - like.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def _pair(drawing: Drawing, place: tuple[float, float, float, float], real: np.ndarray, other: np.ndarray, axes: str, *, alike: bool = True) -> None:  # fmt: skip
    """Draw a row and its counterpart: images below each other, ``alike`` on one scale of grey; others red over grey."""
    left, top, wide, tall = place
    if axes == "cyx":
        for i, one in enumerate((real, other)):
            panel = box(drawing, left, top + i * (wide + GAP / 2), wide, wide)
            _image(panel, one, real if alike else one)
        return
    panel = box(drawing, left, top, wide, tall)
    step = 2.2 * max(float(np.abs([real, other]).max()), 1e-12)
    for values, color in ((real, INK3), (other, THREAD)):
        if axes == "ct":
            _traces(panel, values, color, step)
        else:
            _dots(panel, values, color)
    bare(panel)


def _image(panel: Any, values: np.ndarray, like: np.ndarray) -> None:
    """Draw an image (C, H, W) in grey, its channels averaged, black and white as the least and the most of another."""
    grey = like.mean(axis=0)
    picture(panel, values.mean(axis=0), "gray", vmin=grey.min(), vmax=grey.max())
    bare(panel)


def _traces(panel: Any, values: np.ndarray, color: str, step: float) -> None:
    """Draw the components of a window below each other."""
    for c, one in enumerate(values):
        panel.plot(one - c * step, color=color, linewidth=0.9)


def _dots(panel: Any, values: np.ndarray, color: str) -> None:
    """Draw scaled features as dots in their order."""
    some = values[:MOST_FEATURES]
    panel.axhline(0, color=REF, linewidth=0.8, zorder=0)
    panel.plot(some, color=mix(color, 0.35), linewidth=0.8)
    panel.plot(some, color=color, linestyle="", marker="o", markersize=2.6)


# ---- codes ----
@drawn
def latent_map(result: Reconstructions, *, width: float = 520) -> Drawing:
    """Draw the codes of the rows on their first two principal components, over what is decoded there.

    Rows of features have no picture: their dots are as dark as their anomaly score is high.
    """
    drawing = Drawing(width, width + 8)
    panel = box(drawing, 64, LINE + 4, width - 80, width - 72)
    x, y = result.plane.T
    pictured = len(result.grid) > 0
    if pictured:
        _decoded(panel, result)
        size = 4.4 if len(x) < FEW else 2.6
        panel.plot(x, y, linestyle="", marker="o", markersize=size, color=THREAD, markeredgecolor=SURFACE, markeredgewidth=0.4)  # fmt: skip
    else:
        rank = result.score.argsort().argsort() / max(1, len(x) - 1)
        panel.scatter(x, y, c=rank, cmap="Reds", vmin=-0.4, s=14, edgecolors=RULE2, linewidths=0.3)
        panel.margins(0.04)
    over = ", over what is decoded there" if pictured else "; dark: badly reconstructed"
    say(drawing, 12, 13, f"dots: codes of {len(x):,} rows, {result.plane_share:.0%} of their variance{over}", size=9.5, color=INK2)  # fmt: skip
    panel.set_xlabel("first component of the codes")
    panel.set_ylabel("second component of the codes")
    return drawing


def _decoded(panel: Any, result: Reconstructions) -> None:
    """Tile the axes with what is decoded at each place of the grid."""
    across, up = result.grid_at
    dx, dy = across[1] - across[0], up[1] - up[0]
    for i, j in np.ndindex(result.grid.shape[:2]):
        one, corner = result.grid[i, j], (across[j] - dx / 2, up[i] - dy / 2)
        if result.axes == "cyx":
            inside = (
                corner[0] + 0.05 * dx,
                corner[0] + 0.95 * dx,
                corner[1] + 0.05 * dy,
                corner[1] + 0.95 * dy,
            )
            panel.imshow(one.mean(axis=0), cmap="gray", extent=inside, aspect="auto", interpolation="nearest")
        else:
            rows = one / max(float(np.abs(result.grid).max()), 1e-12) / (2.2 * len(one))
            for c, trace in enumerate(rows):
                middle = up[i] + dy * ((len(rows) - 1) / 2 - c) / len(rows)
                at = np.linspace(corner[0] + 0.06 * dx, corner[0] + 0.94 * dx, len(trace))
                panel.plot(at, middle + dy * trace, color=INK3, linewidth=0.7)
    panel.set_xlim(across[0] - dx / 2, across[-1] + dx / 2)
    panel.set_ylim(up[0] - dy / 2, up[-1] + dy / 2)


@drawn
def latent_use(result: PosteriorCollapse, *, width: float = 420) -> Drawing:
    """Draw how much each latent number of a vae tells of a row, the one that tells most first; a cross: it tells nothing."""
    drawing = Drawing(width, 170)
    panel = box(drawing, 52, 20, width - 68, 108)
    order = np.argsort(-result.divergence, kind="stable")
    place, active = np.arange(1, len(order) + 1), result.active[order]
    panel.bar(place, result.divergence[order], color=np.where(active, INK3, THREAD), width=0.7)
    if not active.all():  # a bar of no height is not seen
        panel.plot(place[~active], np.zeros((~active).sum()), linestyle="", marker="x", color=THREAD, markersize=6, clip_on=False)  # fmt: skip
    panel.set_ylim(0, 1.08 * max(float(result.divergence.max()), 0.01))
    panel.set_xlim(0.3, len(order) + 0.7)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("latent numbers" + (f"; × {(~active).sum()} idle" if not active.all() else ""))
    panel.set_ylabel("KL, nats")
    return drawing


# ---- anomalies ----
@drawn
def anomalies(result: Reconstructions, *, width: float = 420) -> Drawing:
    """Draw the anomaly scores of the rows: those that taught the net, and those held out, in shares of each."""
    drawing = Drawing(width, 200)
    panel = box(drawing, 52, 34, width - 68, 124)
    edges = _edges(result.score)
    groups = [("taught it", ~result.held_out, INK3), ("held out", result.held_out, THREAD)]
    left = 52.0
    for words, rows, color in groups:
        if rows.any():
            share = np.histogram(result.score[rows], edges)[0] / rows.sum()
            panel.stairs(share, edges, color=color, linewidth=1.4, fill=False)
            say(drawing, left, 14, f"{words}: {int(rows.sum()):,} rows", size=9.5, color=color)
            left += 150
    worst = result.score[np.argsort(-result.score, kind="stable")[:5]]
    panel.plot(worst, np.zeros(len(worst)), linestyle="", marker="|", markersize=9, color=INK, clip_on=False)
    panel.set_ylim(0, None)
    panel.set_xlabel("anomaly score (reconstruction error); strokes: the five highest")
    panel.set_ylabel("share of rows")
    if edges[0] > 0 and edges[-1] > 20 * edges[0]:
        panel.set_xscale("log")
        panel.xaxis.get_minor_locator().set_params(subs=(2, 5))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter("{x:g}")
    return drawing


def _edges(score: np.ndarray) -> np.ndarray:
    """Return bins, of equal ratios where scores span more than a factor of 20."""
    low, high = float(score.min()), float(score.max())
    n = int(np.clip(np.sqrt(len(score)), 8, MOST_BINS))
    if low > 0 and high > 20 * low:
        return np.geomspace(low, high, n + 1)
    return np.linspace(low, high if high > low else low + 1, n + 1)


# ---- what is made up ----
@drawn
def generated(result: Generated, *, width: float = 640, most: int = 64) -> Drawing:
    """Draw rows that a net made up, each with the real open row most like it below; the sheet says so.

    Of windows and features the generated row is red, and the real one grey behind it. Between two rows, the first and the
    last are what the net makes of these.
    """
    n, axes = min(len(result.values), most), result.axes or "features"
    across = ACROSS[axes]
    side = (width - 24) / across - GAP
    tall = TALL.get(axes, 2 * side + GAP / 2)
    made, real = result.values[:n], result.beside[:n]
    if axes == "features":
        both = np.concatenate([made, real])
        made, real = (_standard(one, both) for one in (made, real))
    drawing = Drawing(width, 2 * LINE + -(-n // across) * (tall + 16) + 6)
    say(drawing, 12, 15, "generated", size=13, color=THREAD, weight="bold")
    say(drawing, 96, 15, short(_how(result, n), 92), size=9.5, color=INK2)
    of = "above: generated; below: the real open row most like it" if axes == "cyx" else "red: generated; grey: the real open row most like it"  # fmt: skip
    say(drawing, 12, LINE + 10, f"{of} (named)", size=9, color=INK3)
    for i in range(n):
        left, top = 12 + i % across * (side + GAP), 2 * LINE + i // across * (tall + 16)
        first, second = (made[i], real[i]) if axes == "cyx" else (real[i], made[i])
        _pair(drawing, (left, top, side, tall), first, second, axes, alike=False)
        name = short(str(result.nearest[i]), int(side / 5.6))
        say(drawing, left, top + tall + 8, name, size=7.5, color=INK3)
    return drawing


def _how(result: Generated, shown: int) -> str:
    """Say how the rows came to be."""
    more = f"; {shown} of {len(result.values):,} are shown" if shown < len(result.values) else ""
    ends = result.settings.get("between")
    if ends:
        return f"on the way from {ends[0]} (first) to {ends[1]} (last){more}"
    label = result.settings.get("label")
    return f"drawn at random{f', asked for {label}' if label else ''}{more}"
