"""The page of denoised images: what the noise is like, before and after with a slider, and classical filters beside it."""

from __future__ import annotations

import numpy as np

from clew.plot import denoise as draw
from clew.plot import losses as draw_losses
from clew.plot.style import short
from clew.report.parts import asset, drawn, section
from clew.report.pictures import png
from clew.report.words import counted, prose, safe
from clew.steps.denoising import Denoised, Denoising

MOST = 12  # images on the page
STYLE = """
.slide { position: relative; max-width: 512px; border: 1px solid var(--rule); background: var(--sunk); }
.slide img { width: 100%; image-rendering: pixelated; }
.slide .after { position: absolute; inset: 0; clip-path: inset(0 0 0 var(--at, 50%)); }
.slide .edge { position: absolute; top: 0; bottom: 0; left: var(--at, 50%); border-left: 2px solid var(--thread); pointer-events: none; }
.slide input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; }
.slide:focus-within { outline: 2px solid var(--thread); outline-offset: 2px; }
.sheet .main.alone { padding: 18px 28px 22px; }
"""


def page(result: Denoising, lines: list[str], warnings: list[str]) -> str:
    """Return the whole page as HTML.

    Parameters
    ----------
    result : Denoising
    lines, warnings : list of str
        What the verb said, the diagnosis first, and what to mind.
    """
    first = result.images[0]
    n = len({one.name for one in result.images})
    left = "".join(map(_image, result.images[:MOST]))
    more = len(result.images) - MOST
    left += f'<p class="quiet">{counted(more, "more picture")} not shown.</p>' if more > 0 else ""
    head, *rest = lines
    said = "".join(f"<p>{prose(one)}</p>" for one in [*rest[:-1], *warnings])
    right = section(
        "The noise", f"{safe(first.name)}, {safe(first.channel)}", drawn(draw.noise(first.noise), "noise", "Grey: independent from pixel to pixel. Bars: two standard errors.", label=first.noise.headline())
    )  # fmt: skip
    right += section("Errors at hidden pixels", "", _errors(result)) if result.errors else ""
    right += section("What was done", "", said)
    for i, history in enumerate(result.model.histories):
        name = safe(result.model.channel_names[i])
        right += section("The training", name, drawn(draw_losses.losses(history), f"losses {i}", "Squared error at hidden pixels, noise included, in units of the image's spread.", label=history.headline()))  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(short(first.name))}: denoised by clew</title>\n<style>\n{asset('page.css')}{STYLE}</style>\n</head>\n<body>\n"
        f'<div class="sheet">\n<header class="top">{asset("mark.svg").strip()}<h1>Denoised: {counted(n, "image")}</h1>'
        f'<span class="quiet made">model {safe(result.model.sha256[:16])}</span></header>\n'
        f'<main class="main alone">\n<p class="finding"><b>{prose(head)}</b></p>\n'
        f'<div class="columns">\n<div class="left">\n{left}</div>\n<div class="right">\n{right}</div>\n</div>\n</main>\n</div>\n</body>\n</html>\n'
    )


def _image(one: Denoised) -> str:
    """Show an image before and after, one upon the other, and classical filters below."""
    low, high = np.percentile(one.before, [draw.LOW, draw.HIGH])
    before, after = (png(_grey(part, low, high)) for part in (one.before, one.after))
    title = f"{safe(one.name)}, {safe(one.channel)}: noisy at the left, denoised at the right"
    slider = (
        f'<div class="slide"><img src="{before}" alt="noisy"><img class="after" src="{after}" alt="denoised"><i class="edge"></i>'
        f'<input type="range" min="0" max="100" value="50" aria-label="{title}" '
        "oninput=\"this.parentNode.style.setProperty('--at', this.value + '%')\"></div>"
    )
    beside = drawn(draw.denoised(one), f"beside {one.name} {one.channel}", f"{prose(one.noise.headline())} Filters: {prose(one.rivals.headline())}.", label=one.headline())  # fmt: skip
    aside = "drag to compare; the middle of the middle plane"
    return section(f"{one.name}, {one.channel}", aside, f"{slider}{beside}")


def _errors(result: Denoising) -> str:
    """Tabulate the errors of net and filters of each channel, the lowest in bold."""
    methods = list(dict.fromkeys(name for one in result.errors for name in one))
    head = "".join(f'<th class="number">{draw.NAMES.get(name, name)}</th>' for name in methods)
    rows = ""
    for channel, one in zip(result.model.channel_names, result.errors):
        cells = (f"<b>{one[name]:.4g}</b>" if one[name] == min(one.values()) else f"{one[name]:.4g}" for name in methods)  # fmt: skip
        rows += f"<tr><th>{safe(channel)}</th>{''.join(f'<td class={chr(34)}number{chr(34)}>{cell}</td>' for cell in cells)}</tr>"
    told = "Where the noise is independent, the lowest is nearest to the clean image; filters were tuned on other pixels. A net that errs more than a filter has smoothed detail away, or left noise."
    return f'<div class="wide"><table><tr><th>channel</th>{head}</tr>{rows}</table></div><p class="quiet">{told}</p>'


def _grey(image: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.clip((image - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
