"""Figures of training and held-out rows: against the number of labelled rows, and against a setting."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from clew.plot.style import INK, INK2, INK3, REF, SURFACE, THREAD, Drawing, drawn, mix
from clew.validate.curves import LearningCurve
from clew.validate.ground import Figure
from clew.validate.validation_curve import ValidationCurve, value_words

WIDTH, HEIGHT = 640, 330
FAR_APART = 10  # sizes that span more go on a logarithmic axis
HELD: dict[str, Any] = {"color": THREAD, "marker": "o", "markersize": 5, "linestyle": "solid"}
TRAINED: dict[str, Any] = {"color": INK3, "marker": "s", "markersize": 4.5, "linestyle": (0, (1, 1.5)), "markerfacecolor": SURFACE}  # fmt: skip


@drawn
def learning(result: LearningCurve) -> Drawing:
    """Draw training and held-out figures against the number of labelled rows, drawn on with their uncertainty."""
    figure, axes = _sheet(result.headline())
    figured = Figure(result.metric)
    _lines(axes, result.rows, result.training, result.held_out)
    ends = [result.rows[0], result.rows[-1]]
    on = result.extrapolation
    if not on.refused:
        beyond = on.rows >= result.rows[-1]
        said = figured.error(on.error[beyond])  # (n_points, 3)
        axes.plot(on.rows[beyond], said[:, 0], color=THREAD, linestyle=(0, (5, 3)), gid="drawn on")
        axes.fill_between(
            on.rows[beyond],
            said[:, 1],
            said[:, 2],
            facecolor=mix(THREAD, 0.06),
            edgecolor=mix(THREAD, 0.5),
            linewidth=0.6,
            linestyle=(0, (1, 1.5)),
        )
        ends[1] = on.rows[-1]
    if ends[1] > FAR_APART * ends[0]:
        _log_rows(axes, ends)
    axes.set_xlim(ends[0] / 1.06, ends[1] * 1.06)
    _limits(axes, result, figured)
    _named_lines(axes, result, figured, drawn_on=not on.refused)
    axes.set_xlabel("labelled rows to train on" + (", by whole groups" if result.added == "group" else ""))
    axes.set_ylabel(figured.shown.name)
    return figure


@drawn
def validation(result: ValidationCurve) -> Drawing:
    """Draw training and held-out figures against a setting, from the simplest model to the most complex."""
    figure, axes = _sheet(result.headline())
    figured, places = Figure(result.metric), np.arange(len(result.values), dtype=float)
    _lines(axes, places, result.training, result.held_out)
    axes.plot(
        places[result.chosen],
        result.held_out[result.chosen, 0],
        marker="o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.2,
        gid="chosen",
    )
    axes.set_xticks(places, [value_words(value) for value in result.values])
    axes.set_xlim(-0.4, len(places) - 0.6)
    _limits(axes, result, figured)
    for place, side in zip(places, result.sides, strict=True):
        if side:
            axes.axvspan(place - 0.5, place + 0.5, facecolor=mix(REF, 0.3), linewidth=0, zorder=0)
            axes.text(place, 0.02, side, ha="center", va="bottom", fontsize=9, color=INK2, transform=axes.get_xaxis_transform())  # fmt: skip
    _named_lines(axes, result, figured)
    axes.set_xlabel(f"{result.name}, from simple to complex")
    axes.set_ylabel(figured.shown.name)
    return figure


def _sheet(sentence: str) -> tuple[Drawing, Any]:
    """Return a figure with its sentence above, and axes with room for names at the right."""
    figure = Drawing(WIDTH, HEIGHT)
    lines = textwrap.wrap(sentence.replace("$", r"\$"), 98)
    top = 1 - (14 * len(lines) + 14) / HEIGHT
    figure.text(0.012, 0.985, "\n".join(lines), va="top", fontsize=10.5, color=INK, linespacing=1.3)
    return figure, figure.add_axes((0.085, 0.14, 0.745, top - 0.14))


def _lines(axes: Any, x: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> None:
    for figures, style in ((training, TRAINED), (held_out, HELD)):
        if np.isfinite(figures[:, 1:]).all(axis=1).any():
            axes.fill_between(x, figures[:, 1], figures[:, 2], color=mix(style["color"], 0.14), linewidth=0)
        axes.plot(x, figures[:, 0], **style)


def _log_rows(axes: Any, ends: list[float]) -> None:
    axes.set_xscale("log")
    ticks = [m * 10**e for e in range(9) for m in (1, 2, 5)]
    ticks = [tick for tick in ticks if ends[0] <= tick <= ends[1]]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()


def _limits(axes: Any, result: LearningCurve | ValidationCurve, figured: Figure) -> None:
    """Show the lines with most of their bands; a score from where it begins up to 1."""
    shown = np.concatenate([result.training[:, 0], result.held_out.ravel()])
    shown = shown[np.isfinite(shown)]
    if not figured.is_error:
        low = max(min(shown.min(), result.chance), -0.5)
        axes.set_ylim(low - 0.05 * (1 - low), 1 + 0.04 * (1 - low))
    else:
        axes.set_ylim(0, 1.05 * max(min(shown.max(), 2 * result.chance), result.chance))


def _named_lines(
    axes: Any, result: LearningCurve | ValidationCurve, figured: Figure, *, drawn_on: bool = False
) -> None:
    """Write what each line is at the right, where it ends, none upon another; of training at its end, if others go on."""
    wanted = getattr(result, "desired", None)
    held = float(result.held_out[-1, 0])
    if drawn_on and isinstance(result, LearningCurve):
        held = float(figured.error(result.extrapolation.error[-1, 0]))
    trained = float(result.training[-1, 0])
    names = [(f"chance {result.chance:.2f}", result.chance, INK3)]
    if drawn_on and isinstance(result, LearningCurve):
        names.append(("held-out rows,\ndrawn on", held, THREAD))
        side = 1 if trained >= result.held_out[-1, 0] else -1  # away from the other line
        ground = {"facecolor": mix(SURFACE, 0.7), "linewidth": 0, "pad": 0.5}
        axes.annotate("training rows", (result.rows[-1], trained), xytext=(7, 4 * side), textcoords="offset points",
                      va="bottom" if side > 0 else "top", fontsize=9.5, color=INK3, bbox=ground, zorder=5)  # fmt: skip
    else:
        names += [("training rows", trained, INK3), ("held-out rows", held, THREAD)]
    axes.axhline(result.chance, color=REF, linewidth=1.2, zorder=0)
    if wanted is not None:
        axes.axhline(wanted, color=INK, linewidth=1, linestyle=(0, (6, 2)), zorder=1)
        ground = {"facecolor": mix(SURFACE, 0.7), "linewidth": 0, "pad": 1}
        axes.text(0.012, wanted, f"wanted {wanted:g}", va="bottom", fontsize=9.5, color=INK, bbox=ground, transform=axes.get_yaxis_transform())  # fmt: skip
    low, high = axes.get_ylim()
    step = 0.085 * (high - low)
    names.sort(key=lambda one: one[1])
    place = -np.inf
    for name, y, color in names:
        place = max(min(y, high), place + step * (1 + 0.5 * name.count("\n")))
        axes.text(
            1.015,
            (place - low) / (high - low),
            name,
            transform=axes.transAxes,
            va="center",
            fontsize=9.5,
            color=color,
        )
        place += step * 0.5 * name.count("\n")
