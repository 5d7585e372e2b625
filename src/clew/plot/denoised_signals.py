"""The figure of denoised recordings: the loudest half minute of some, before and after, and their spectra."""

from __future__ import annotations

import numpy as np

from clew.plot.style import INK, INK3, RULE, THREAD, Drawing, drawn
from clew.steps.denoising_signals import DenoisedRecordings

ROW, TOP = 170.0, 40.0  # px
LOWEST = 1e-6  # of the largest density: what lies below is not drawn


@drawn
def denoised_signals(result: DenoisedRecordings, *, width: float = 900) -> Drawing:
    """Draw the excerpts of recordings, one below the other: before in ink, after in red, and the densities of both at the right.

    Parameters
    ----------
    result : DenoisedRecordings
    """
    from scipy.signal import welch

    n = max(1, len(result.excerpts))
    height = ROW * n + TOP
    drawing = Drawing(width, height)
    for i, one in enumerate(result.excerpts):
        bottom = (ROW * (n - 1 - i) + 42) / height
        trace = drawing.add_axes((0.06, bottom, 0.6, (ROW - 62) / height))
        spectrum = drawing.add_axes((0.74, bottom, 0.24, (ROW - 62) / height))
        seconds = np.arange(one.before.size) / one.rate
        sides = ((one.before, INK3, "before"), (one.after, THREAD, "after"))
        highest = 0.0
        for values, color, label in sides:
            trace.plot(seconds, values, color=color, linewidth=0.7, label=label)
            frequency, density = welch(values, one.rate, nperseg=min(256, values.size))
            highest = max(highest, float(density.max()))
            spectrum.plot(frequency[1:], density[1:], color=color, linewidth=0.9)
        spectrum.set_yscale("log")
        spectrum.set_ylim(highest * LOWEST, highest * 3) if highest else None
        trace.set_title(f"{one.name}, above 1 Hz", fontsize=10, color=INK, loc="left")
        trace.set_xlim(0, seconds[-1] if seconds.size > 1 else 1)
        trace.set_xlabel(f"s from {one.start:.1f} s on", fontsize=9)
        spectrum.set_xlabel("Hz (power density)", fontsize=9)
        for axes in (trace, spectrum):
            axes.grid(color=RULE, linewidth=0.5)
            axes.tick_params(labelsize=8)
        trace.legend(loc="upper right", fontsize=8, frameon=False)
    return drawing
