"""The look of every figure: paper, ink and data; one accent; groups by colour *and* marker.

Figures are drawn in the colours of light paper; `svg` writes each of them as a CSS variable that falls back to
it, so that a page can turn them for dark paper.
"""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

F = TypeVar("F", bound=Callable[..., Any])

TOKENS = {
    "surface": "#ffffff",
    "rule": "#e0ddd5",
    "rule2": "#8c887e",
    "ink": "#1a1b1e",
    "ink2": "#4c4f55",
    "ink3": "#696c72",
    "thread": "#a2213f",
    "ref": "#c9c5bb",
    "group-0": "#0072b2",
    "group-1": "#bf7a00",
    "group-2": "#008a64",
    "group-3": "#b5568d",
    "group-4": "#2f8fcb",
    "group-5": "#857400",
}
SURFACE, RULE, RULE2, INK, INK2, INK3, THREAD, REF = (TOKENS[name] for name in list(TOKENS)[:8])
GROUPS = [color for name, color in TOKENS.items() if name.startswith("group-")]
MARKERS = ["o", "^", "s", "D", "P", "X"]
# On images: the bright set, on a dark casing, each with a line of its own.
BRIGHT = ["#56b4e9", "#e69f00", "#2fcfa0", "#cc79a7", "#8fd0f5", "#f0e442"]
LINES: list[Any] = ["solid", (0, (3, 2)), (0, (1, 1.4)), (0, (5, 1.6, 1, 1.6)), (0, (8, 1)), (0, (7, 3))]
SIGNED = ["#2f6f9f", "#9dbcd0", "#f4f1ea", "#d9a58f", "#a8452a"]  # blue, paper, rust

STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, so that the same record gives the same layout
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE2,
    "axes.labelcolor": INK3,
    "axes.labelsize": 9.5,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "figure.dpi": 72,  # 1 pt is 1 px of the page
    "xtick.color": INK3,
    "ytick.color": INK3,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "image.cmap": "cividis",
    "path.simplify": False,
    "savefig.facecolor": "none",
}


class Drawing(Figure):
    """A figure that shows itself in a notebook, without pyplot and its global state."""

    def _repr_svg_(self) -> str:
        return svg(self, salt="notebook", label="")

    def __init__(self, width: float, height: float, **settings: Any) -> None:
        super().__init__(figsize=(width / 72, height / 72), **settings)
        FigureCanvasAgg(self)

    def halves(self, width_ratios: list[float]) -> list[Any]:
        """Return two parts side by side."""
        return list(cast(Any, self.subfigures(1, 2, width_ratios=width_ratios)))


def drawn(function: F) -> F:
    """Run a drawing function in the house style."""

    @functools.wraps(function)
    def draw(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    return cast(F, draw)


def svg(figure: Figure, *, salt: str, label: str) -> str:
    """Return a figure as an ``<svg>`` element to stand inside a page: the same figure, the same bytes.

    Parameters
    ----------
    figure : Figure
    salt : str
        The name of the figure in its page; all names that the element uses are made of it.
    label : str
        What it shows, for those who cannot see it; "" where a caption says so.
    """
    width, height = figure.get_size_inches() * 72
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"clew {salt}"}):
        buffer = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        with warnings.catch_warnings():  # the page's fonts have glyphs that the measuring font lacks
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)
        FigureCanvasAgg(figure)
    body = buffer.getvalue()
    body = body[body.index("<svg") :]
    body = re.sub(
        r"<(metadata|style)\b.*?</\1>", "", body, flags=re.S
    )  # a style would hold for the whole page
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)
    body = re.sub(r"(font: [^'\"]*)'DejaVu Sans'", r"\1var(--font)", body)
    body = re.sub(r"font(-weight)?: 700", r"font\1: 600", body)
    body = re.sub(r"font-family: 'DejaVu Sans'", "font-family: var(--font)", body)
    names = {color: name for name, color in TOKENS.items()}
    body = re.sub(
        r"(?<=: )#[0-9a-f]{6}(?![0-9a-f])",
        lambda found: f"var(--{names[found[0]]})" if found[0] in names else found[0],
        body,
    )
    named = f'role="img" aria-label="{_quoted(label)}"' if label else 'role="img"'
    head = f'<svg {named} width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:g} {height:g}" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    return head + body[body.index(">") + 1 :].strip()


def _quoted(text: str) -> str:
    import html

    return html.escape(text, quote=True)


def group_color(group: int) -> str:
    """Return a group's colour on paper; grey for rows without a group."""
    return GROUPS[group % len(GROUPS)] if group >= 0 else RULE2


def group_marker(group: int) -> str:
    """Return a group's marker."""
    return MARKERS[group % len(MARKERS)] if group >= 0 else "o"


def group_name(group: int, names: dict[str, str] | None) -> str:
    """Return the name that a person gave a group, or "group 0"."""
    return (names or {}).get(str(group)) or (f"group {group}" if group >= 0 else "no group")


def bare(axes: Any) -> None:
    """Take everything off the axes but the data."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def short(text: str, length: int = 28) -> str:
    """Cut a long name in the middle, so that beginning and end stay; dollar signs are no formulas."""
    text = " ".join(text.split())
    if len(text) > length:
        text = f"{text[: length - length // 3 - 1]}…{text[-(length // 3) :]}"
    return text.replace("$", r"\$")


def mix(color: str, share: float) -> tuple[float, ...]:
    """Return a colour thinned with transparency, as matplotlib takes it."""
    from matplotlib.colors import to_rgba

    return to_rgba(color, share)
