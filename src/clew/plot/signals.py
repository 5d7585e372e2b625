"""Figures of windows of recordings: traces above their spectrogram, in full and as thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clew.plot.style import INK, INK2, INK3, REF, Drawing, drawn, short
from clew.read.recording import spell_seconds, spell_time

LEFT, RIGHT = 62.0, 16.0  # px beside the axes
TRACE, SPECTRUM = 74.0, 132.0  # px: heights of a trace and of a spectrogram
RANGE = 60.0  # dB from the strongest to the weakest that is told apart by colour
DARK, LIGHT, GREY = (
    (16, 17, 20),
    (233, 231, 226),
    (74, 78, 86),
)  # of thumbnails, the same on light and dark paper


# ---- spectrogram ----
def spectrogram(x: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the power of short pieces of a trace, each without its mean and under a Hann window.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        NaN where nothing was recorded: pieces that hold any are NaN.
    rate : float
        In Hz.

    Returns
    -------
    power : ndarray of float64, shape (n_frequencies, n_pieces)
        One-sided density, in unit² / Hz.
    frequency : ndarray of float64, shape (n_frequencies,)
        In Hz.
    time : ndarray of float64, shape (n_pieces,)
        The middle of each piece, in s.
    """
    n = min(len(x), max(16, 2 ** round(np.log2(4 * np.sqrt(len(x))))))
    pieces = np.lib.stride_tricks.sliding_window_view(x, n)[:: max(1, n // 8)]
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    spectrum = np.fft.rfft((pieces - pieces.mean(axis=1, keepdims=True)) * taper, axis=1)
    power = np.abs(spectrum) ** 2 / (rate * (taper**2).sum())
    power[:, 1 : (n + 1) // 2] *= 2
    time = (np.arange(len(pieces)) * max(1, n // 8) + n / 2) / rate
    return power.T, np.fft.rfftfreq(n, 1 / rate), time


def decibels(power: np.ndarray) -> np.ndarray:
    """Return power in dB; what is 0 is as weak as the weakest else."""
    least = power[power > 0].min(initial=np.inf)
    return 10 * np.log10(np.maximum(power, least if np.isfinite(least) else 1.0))


def power_range(powers: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the scale in dB that suits several spectrograms: down from the strongest, by 60 dB at most."""
    held = [decibels(one) for one in powers]
    ends = [(float(np.nanmin(one)), float(np.nanmax(one))) for one in held if np.isfinite(one).any()]
    high = max((end[1] for end in ends), default=0.0)
    low = max(min((end[0] for end in ends), default=0.0), high - RANGE)
    return low, max(high, low + 1.0)


# ---- one window ----
@drawn
def window_figure(
    window: np.ndarray,
    *,
    rate: float,
    start: float = 0.0,
    dated: bool = True,
    components: Sequence[str] = (),
    unit: str = "",
    label: str = "",
    lines: Sequence[str] = (),
    scale: tuple[float, float] | None = None,
    width: float = 640,
) -> Drawing:
    """Draw the traces of a window, one a component, and below them the spectrogram of the first that lives.

    Parameters
    ----------
    window : ndarray of float64, shape (n_components, n)
        NaN where nothing was recorded: hatched.
    rate : float
        In Hz.
    start : float
        The time of its first sample, in s.
    dated : bool
        Whether times count from 1970-01-01 UTC.
    components : sequence of str
    unit, label : str
        Of the samples; what the window is.
    lines : sequence of str
        What is said below, such as measurements.
    scale : tuple of float, optional
        The ends of the colours in dB, so that several figures can be compared.
    """
    names = list(components) or [""] * len(window)
    drawing = Drawing(width, _height(window, lines))
    _window(
        drawing,
        window,
        width,
        rate=rate,
        start=start,
        dated=dated,
        names=names,
        unit=unit,
        label=label,
        lines=lines,
        scale=scale,
    )
    return drawing


@drawn
def measured_figure(
    raw: np.ndarray,
    measured: np.ndarray,
    *,
    rate: float,
    components: tuple[Sequence[str], Sequence[str]],
    how: str = "",
    label: str = "",
    lines: Sequence[str] = (),
    width: float = 560,
    **settings: Any,
) -> Drawing:
    """Draw a window twice, side by side: as it was recorded, and as it was measured.

    Parameters
    ----------
    raw, measured : ndarray of float64, shape (n_components, n)
    rate : float
        In Hz.
    components : (sequence of str, sequence of str)
        Of either.
    how : str
        What was done to it before it was measured.
    label, lines
        As for `window_figure`.
    width : float
        Of each, in px.
    **settings
        ``start``, ``dated`` and ``unit`` of `window_figure`.
    """
    both = [
        (raw, components[0], "as recorded", []),
        (measured, components[1], "as measured", [*filter(None, [how]), *lines]),
    ]
    height = max(_height(window, told) for window, *_, told in both)
    drawing = Drawing(2 * width, height)
    whole: dict[str, Any] = {"start": 0.0, "dated": True, "unit": "", "scale": None, "rate": rate} | settings
    for part, (window, names, what, told) in zip(drawing.halves([1, 1]), both):
        _window(
            part,
            window,
            width,
            height=height,
            names=list(names),
            label=f"{label} {what}",
            lines=told,
            **whole,
        )
    return drawing


def _height(window: np.ndarray, lines: Sequence[str]) -> float:
    return 104.0 + _tall(window) * len(window) + SPECTRUM + 14 * len(lines)


def _tall(window: np.ndarray) -> float:
    return TRACE if len(window) > 1 else 1.5 * TRACE


def _window(
    part: Any, window: np.ndarray, width: float, *, rate: float, start: float, dated: bool, names: list[str], unit: str,
    label: str, lines: Sequence[str], scale: tuple[float, float] | None, height: float | None = None,
) -> None:  # fmt: skip
    """Draw a window into a figure, or a part of one, of a width and height in px."""
    live = [c for c, x in enumerate(window) if np.nanmax(x, initial=-np.inf) > np.nanmin(x, initial=np.inf)]
    tall = _tall(window)
    height = height or _height(window, lines)
    across, top, lasts = 1 - (LEFT + RIGHT) / width, height - 30, window.shape[1] / rate
    for c, x in enumerate(window):
        top -= tall
        axes = part.add_axes((LEFT / width, (top + 5) / height, across, (tall - 10) / height))
        _trace(axes, x, rate, live=c in live)
        axes.set_xlim(0, lasts)
        axes.set_ylabel(f"{names[c]} [{unit}]".strip() if unit else names[c])
    shown = live[0] if live else 0
    axes = part.add_axes((LEFT / width, (top - 14 - SPECTRUM) / height, across, SPECTRUM / height))
    ends = _colours(axes, window[shown], rate, scale)
    axes.set_xlim(0, lasts)
    axes.set_xlabel("s from the start of the window")
    axes.set_ylabel("Hz")
    when = spell_time(start, dated=dated).replace("T", " ") + (" UTC" if dated else " in")
    name = f"{short(label, int(width / 7.4) - len(when) - 2)}, " if label else ""  # the time stays whole
    part.text(LEFT / width, 1 - 16 / height, name + when, fontsize=10, color=INK, va="center")
    of = f" of {names[shown]}" if names[shown] and len(window) > 1 else ""
    told = (
        f"spectrogram{of}: dark {_db(ends[0])}, light {_db(ends[1])}{f' re 1 ({unit})²/Hz' if unit else ''}"
    )
    gone = float(np.isnan(window[live]).any(axis=0).mean() * lasts) if live else lasts
    told += f"; hatched: not recorded ({spell_seconds(gone)})" if gone else ""
    for row, line in enumerate([told, *lines]):
        part.text(LEFT / width, (top - 14 - SPECTRUM - 46 - 14 * row) / height, short(line, int(width / 5.8)), fontsize=9, color=INK3, va="center")  # fmt: skip


def _db(level: float) -> str:
    return f"{level:.0f} dB".replace("-", "−")


def _trace(axes: Any, x: np.ndarray, rate: float, *, live: bool) -> None:
    """Draw a trace, and hatch where it has none; say so where it is dead."""
    _hatch(axes, np.isnan(x), 0.0, 1 / rate)
    if live:
        axes.plot(np.arange(len(x)) / rate, x, color=INK2, linewidth=0.8)
    elif np.isfinite(x).any():
        axes.text(
            0.5,
            0.5,
            f"dead: {np.nanmax(x):g} throughout",
            ha="center",
            va="center",
            transform=axes.transAxes,
            color=INK3,
        )
        axes.set_yticks([])
    axes.tick_params(labelbottom=False)
    axes.locator_params(axis="y", nbins=3)
    axes.ticklabel_format(axis="y", scilimits=(-3, 4))
    axes.yaxis.get_offset_text().set(fontsize=8, color=INK3)
    axes.margins(y=0.08)


def _colours(axes: Any, x: np.ndarray, rate: float, scale: tuple[float, float] | None) -> tuple[float, float]:
    """Draw a spectrogram, and return the ends of its colours in dB."""
    power, frequency, time = spectrogram(np.asarray(x, np.float64), rate)
    low, high = scale or power_range([power])
    step = (time[1] - time[0]) / 2 if len(time) > 1 else 0.5 / rate
    half = frequency[1] / 2
    _hatch(axes, np.isnan(power[0]), time[0] - step, 2 * step)
    axes.imshow(
        decibels(power), origin="lower", aspect="auto", interpolation="nearest", vmin=low, vmax=high,
        extent=(time[0] - step, time[-1] + step, -half, frequency[-1] + half),
    )  # fmt: skip
    axes.set_ylim(0, frequency[-1])
    return low, high


def _hatch(axes: Any, gone: np.ndarray, start: float, step: float) -> None:
    """Hatch what was not recorded: ``gone`` (n,) of stretches of ``step`` s."""
    for first, stop in _runs(gone):
        axes.axvspan(
            start + first * step,
            start + stop * step,
            facecolor="none",
            edgecolor=REF,
            hatch="////",
            linewidth=0,
        )


def _runs(here: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, stop) of each run of True in (n,)."""
    turns = np.flatnonzero(np.diff(np.concatenate([[0], here.astype(np.int8), [0]])))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist()))


def thumbnail(
    window: np.ndarray,
    rate: float,
    *,
    amplitude: float | None = None,
    scale: tuple[float, float] | None = None,
    side: int = 152,
    width: int | None = None,
) -> np.ndarray:
    """Return a small picture of a window, uint8 (side, width, 3): its trace above its spectrogram, light on dark.

    Parameters
    ----------
    window : ndarray of float64, shape (n,)
        NaN where nothing was recorded: grey.
    rate : float
        In Hz.
    amplitude : float, optional
        Half the height of the trace, in its unit, the same for all of a gallery; its own largest by default.
    scale : tuple of float, optional
        The ends of the colours in dB; its own by default.
    side, width : int
        Height and width of the picture; a square by default.
    """
    width = side if width is None else width
    picture = np.empty((side, width, 3), np.uint8)
    picture[:] = DARK
    upper = side * 2 // 5
    low, high = extremes(window - np.nanmean(window) if np.isfinite(window).any() else window, width)
    joined = np.isfinite(low[1:] + low[:-1])  # steep lines have no gaps
    low[1:], high[1:] = (
        np.where(joined, np.fmin(low[1:], high[:-1]), low[1:]),
        np.where(joined, np.fmax(high[1:], low[:-1]), high[1:]),
    )
    largest = amplitude or max(np.nanmax(np.abs([low, high]), initial=0.0), 1e-300)
    rows = np.arange(upper)[:, None]
    top, bottom = ((upper - 1) / 2 * (1 - np.clip(one / largest, -1, 1)) for one in (high, low))
    with np.errstate(invalid="ignore"):
        picture[:upper][(rows >= np.floor(top)) & (rows <= np.ceil(bottom))] = LIGHT
    picture[upper + 2 :] = spectrogram_pixels(window, rate, height=side - upper - 2, width=width, scale=scale)
    picture[:upper, np.isnan(low)] = GREY
    return picture


def spectrogram_pixels(
    x: np.ndarray, rate: float, *, height: int, width: int, scale: tuple[float, float] | None = None
) -> np.ndarray:
    """Return the spectrogram of a trace (n,) as a picture, uint8 (height, width, 3): up to half the rate, highest above.

    Parameters
    ----------
    x : ndarray of float64, shape (n,)
        NaN where nothing was recorded: grey.
    rate : float
        In Hz.
    height, width : int
    scale : tuple of float, optional
        The ends of the colours in dB; its own by default.
    """
    import matplotlib

    power, _, time = spectrogram(np.asarray(x, np.float64), rate)
    ends = scale or power_range([power])
    share = np.clip((decibels(power) - ends[0]) / (ends[1] - ends[0]), 0, 1)
    middles = (time[1:] + time[:-1]) / 2
    at = np.searchsorted(middles, np.linspace(0, len(x) / rate, width))  # the nearest piece
    down = np.linspace(len(power) - 1, 0, height).round().astype(int)
    shown = share[down][:, at]
    colours = matplotlib.colormaps["cividis"](np.nan_to_num(shown), bytes=True)[..., :3]
    colours[np.isnan(shown)] = GREY
    return np.asarray(colours)


def extremes(x: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the smallest and the largest value in each of ``n`` equal stretches of (n_samples,); NaN where there is none."""
    edges = (np.arange(n) * len(x)) // n
    return np.fmin.reduceat(x, edges), np.fmax.reduceat(x, edges)
