"""Figures of a training: its losses against epochs with what they say, and against the learning rate."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from clew.plot.curves import HELD, TRAINED
from clew.plot.style import INK, INK2, INK3, REF, SURFACE, THREAD, Drawing, drawn, mix
from clew.validate.history import History
from clew.validate.loss_curves import LossReading, read_losses
from clew.validate.rate_finder import RateSuggestion

WIDTH, HEIGHT = 640, 410
WIDE = 20  # times: losses that span more go on a logarithmic axis
NAME = (0.15, 0.14)  # shares of the axes that a name of two lines takes
TOPS = (0.97, 0.16, 0.55, 0.75, 0.35)  # of such a name, as one would rather have them
FINE = 500  # points of a line
MARKERS = 12  # on a line, at most about
FAINT: dict[str, Any] = {"marker": "", "alpha": 0.3, "linewidth": 1.0, "zorder": 1}
GROUND: dict[str, Any] = {"facecolor": mix(SURFACE, 0.7), "linewidth": 0, "pad": 1}


@drawn
def losses(result: History | LossReading, *, members: Sequence[History] = ()) -> Drawing:
    """Draw the losses of a training against its epochs, with the epoch that was kept and six answers.

    Parameters
    ----------
    result : History or LossReading
    members : list of History
        Trainings of the same net from other seeds, drawn faintly.
    """
    reading = result if isinstance(result, LossReading) else read_losses(result)
    history = reading.history
    figure, axes = _sheet(reading.headline(), HEIGHT, below=118)
    for member in members:
        _lines(axes, member, faint=True)
    _lines(axes, history)
    _scale(axes, [history, *members])
    last = max(history.n_epochs, 1)
    axes.set_xlim(1 - 0.02 * last, 1.02 * last)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(history.loss)
    _kept(axes, history)
    _stopped(axes, reading)
    _named(axes, history)
    for i, one in enumerate(reading.answers):
        left, top = 0.085 + 0.31 * (i % 3), (74 - 38 * (i // 3)) / HEIGHT
        figure.text(left, top, one.question, fontsize=8.5, color=INK3, va="top")
        figure.text(left, top - 13 / HEIGHT, one.answer, fontsize=10.5, color=INK, va="top", weight="bold")
    return figure


@drawn
def rates(result: RateSuggestion) -> Drawing:
    """Draw the smoothed loss against the learning rate, with the rate to begin with."""
    figure, axes = _sheet(result.headline(), 300, below=44)
    lr, loss, suggested, diverges = result.lr, result.loss, result.suggested, result.diverges
    axes.plot(lr, loss, color=THREAD)
    axes.set_xscale("log")
    axes.set_xlim(lr[0], lr[-1])
    top = loss[0] + 1.5 * (loss[0] - loss.min())  # what the loss comes to beyond says nothing
    room = 0.05 * np.ptp(loss[loss <= top]) or 0.05
    axes.set_ylim(loss.min() - 3 * room, min(top, loss.max()) + room)  # below is room for the ring's name
    if np.isfinite(suggested):
        _ring(axes, suggested, float(np.interp(suggested, lr, loss)), f"begin with {suggested:.2g}")
    if np.isfinite(diverges):
        axes.axvspan(diverges, lr[-1], facecolor=mix(REF, 0.3), linewidth=0, zorder=0, gid="diverges")
        low = axes.get_xaxis_transform()
        axes.text(diverges, 0.02, " too high", fontsize=9, color=INK2, transform=low)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed")
    return figure


def _sheet(sentence: str, height: int, *, below: int) -> tuple[Drawing, Any]:
    """Return a figure with its sentence above, room for names at the right, and so many points below its axes."""
    figure = Drawing(WIDTH, height)
    lines = textwrap.wrap(sentence.replace("$", r"\$"), 98)
    figure.text(0.012, 1 - 5 / height, "\n".join(lines), va="top", fontsize=10.5, color=INK, linespacing=1.3)
    top = 1 - (14 * len(lines) + 16) / height
    return figure, figure.add_axes((0.085, below / height, 0.745, top - below / height))


def _lines(axes: Any, history: History, *, faint: bool = False) -> None:
    """Draw training and validation loss; those of other members without markers."""
    epochs = np.arange(1, history.n_epochs + 1)
    every = max(1, -(-history.n_epochs // MARKERS))
    look = FAINT if faint else {"markevery": every}
    lines = {"training": (history.train_loss, TRAINED), "validation": (history.valid_loss, HELD)}
    for name, (loss, style) in lines.items():
        if np.isfinite(loss).any():
            axes.plot(epochs, loss, gid=f"{name} of a member" if faint else name, **(style | look))


def _scale(axes: Any, histories: Sequence[History]) -> None:
    """Choose a logarithmic axis where losses span too much for a linear one, and show the loss of chance."""
    shown = np.concatenate([np.r_[one.train_loss, one.valid_loss, one.chance_loss] for one in histories])
    shown = shown[np.isfinite(shown)]
    if shown.min() > 0 and shown.max() > WIDE * shown.min():
        axes.set_yscale("log")
        axes.yaxis.get_minor_locator().set_params(subs=(2, 5))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    elif shown.min() >= 0:
        axes.set_ylim(0, 1.06 * shown.max())
    if np.isfinite(histories[0].chance_loss):
        axes.axhline(histories[0].chance_loss, color=REF, linewidth=1.2, zorder=0, gid="chance")


def _kept(axes: Any, history: History) -> None:
    """Ring the epoch whose weights were kept."""
    if history.best_epoch:
        loss = (history.valid_loss if history.validated else history.train_loss)[history.best_epoch - 1]
        _ring(axes, history.best_epoch, loss, f"kept: epoch {history.best_epoch}")


def _ring(axes: Any, x: float, y: float, name: str) -> None:
    """Ring a point, with a name beside it that stays within the axes."""
    ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "markeredgecolor": INK}
    axes.plot(x, y, markeredgewidth=1.2, zorder=4, gid="chosen", **ring)
    across, up = _place(axes, x, y)
    beside = (0, 11 if up < 0.12 else -18)  # a ring is at the lowest, or on the way down: room is below
    side = "left" if across < 0.1 else "right" if across > 0.9 else "center"
    look = {"fontsize": 9, "color": INK, "bbox": GROUND, "zorder": 5, "ha": side}
    axes.annotate(name, (x, y), xytext=beside, textcoords="offset points", **look)


def _place(axes: Any, x: float, y: float) -> tuple[float, float]:
    """Return where a point lies, in shares of the axes."""
    across, up = (axes.transData + axes.transAxes.inverted()).transform((x, y))
    return float(across), float(up)


def _stopped(axes: Any, reading: LossReading) -> None:
    """Mark where the training stopped early, or where a patience would have stopped it at no cost."""
    history, found = reading.history, reading.about("early stopping")
    if history.stopped == "early":
        at, name = history.n_epochs, f" stopped early \n (patience {history.patience}) "
    elif found.answer == "yes":
        at, name = (
            int(found.evidence["stopped_at"]),
            f" patience {found.evidence['patience']:.0f} \n would stop ",
        )
    else:
        return
    axes.axvline(at, color=INK3, linewidth=0.9, linestyle=(0, (4, 2.5)), zorder=0, gid="early stopping")
    look = {"fontsize": 9, "color": INK2, "bbox": GROUND, "va": "top"}
    side, top = _clear(axes, at)
    axes.text(at, top, name, ha=side, transform=axes.get_xaxis_transform(), **look)


def _clear(axes: Any, at: float) -> tuple[str, float]:
    """Return the side and the top of a name beside an upright line, where it covers least of the losses."""
    lines = [line.get_xydata().T for line in axes.lines if line.get_gid() in ("training", "validation")]
    x = np.linspace(lines[0][0, 0], lines[0][0, -1], FINE)
    points = np.concatenate([np.column_stack([x, np.interp(x, *line)]) for line in lines])
    across, up = (axes.transData + axes.transAxes.inverted()).transform(points).T
    upright = _place(axes, at, 1)[0]

    def covered(place: tuple[str, float]) -> int:
        beside, below = (across - upright) * (1 if place[0] == "left" else -1), place[1] - up
        return int(((beside > 0) & (beside < NAME[0]) & (below > 0) & (below < NAME[1])).sum())

    sides = [side for side, room in (("right", upright), ("left", 1 - upright)) if room > NAME[0]]
    return min(((side, top) for top in TOPS for side in sides), key=covered)


def _named(axes: Any, history: History) -> None:
    """Write what each line is at the right, where it ends, none upon another."""
    lines = {"training": (history.train_loss, INK3), "validation": (history.valid_loss, THREAD),
             f"chance {history.chance_loss:.3g}": (np.array([history.chance_loss]), INK3)}  # fmt: skip
    places = []
    for name, (loss, color) in lines.items():
        for last in loss[np.isfinite(loss)][-1:]:
            places.append((_place(axes, history.n_epochs, last)[1], name, color))
    lowest = -np.inf
    for place, name, color in sorted(places):
        lowest = max(min(place, 1.0), lowest + 0.075)
        axes.text(1.015, lowest, name, transform=axes.transAxes, va="center", fontsize=9.5, color=color)
