"""What both sheets of the page are made of: sections, figures, markers, empty places."""

from __future__ import annotations

from importlib.resources import files

from clew.explore.exploration import Exploration
from clew.plot.style import Drawing, svg
from clew.report.gathered import Record
from clew.report.words import code, safe

METHODS = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
SIGNS = [
    '<circle cx="6" cy="6" r="4.6"/>',
    '<path d="M6 1 11.200 10.500H.8z"/>',
    '<path d="M1.600 1.600h8.800v8.800H1.600z"/>',
    '<path d="M6 .4 11.600 6 6 11.600.4 6z"/>',
    '<path d="M4.200.8h3.600v3.400h3.400v3.600H7.800v3.400H4.200V7.800H.8V4.200h3.400z"/>',
    '<path d="M2.800.6 6 3.800 9.200.6l2.200 2.200L8.200 6l3.200 3.200-2.200 2.200L6 8.200l-3.200 3.200L.6 9.200 3.800 6 .6 2.800z"/>',
]


def asset(name: str) -> str:
    """Return the text of a file that belongs to the page."""
    return files("clew.report").joinpath(name).read_text(encoding="utf-8")


def day(at: str) -> str:
    """Write a time on record for a reader."""
    import datetime

    return f"{datetime.datetime.fromisoformat(at):%-d %b %Y, %H:%M} UTC"


def section(title: str, aside: str, body: str, *, kind: str = "") -> str:
    """Return one section; ``aside`` and ``body`` are HTML."""
    said = f" <span>{aside}</span>" if aside else ""
    return f"<section{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}><h2>{safe(title)}{said}</h2>\n{body}</section>\n"


def empty(what: str, command: str) -> str:
    """Say what will stand here and the one command that fills it."""
    return f'<div class="empty">{what}<br>{code(command)}</div>'


def drawn(
    drawing: Drawing, name: str, caption: str, *, label: str = "", kind: str = "fits", over: str = ""
) -> str:
    """Stand a drawing in the page, with its caption (HTML), and what lies over it."""
    told = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><div class="{kind}" style="max-width:{drawing.get_size_inches()[0] * 72:.0f}px">{svg(drawing, salt=name, label=label)}{over}</div>{told}</figure>'


def sign(number: int) -> str:
    """Return a group's marker to stand in a line of text."""
    token = f"var(--group-{number % 6})" if number >= 0 else "var(--rule2)"
    return (
        f'<svg class="sign" viewBox="0 0 12 12" aria-hidden="true" fill="{token}">{SIGNS[number % 6]}</svg>'
    )


def group_name(record: Record, group: int) -> str:
    """Return the name that a person gave a group, or "group 0"."""
    return record.names.get(str(group)) or f"group {group}"


def sizes_of(look: Exploration) -> list[int]:
    """Return the rows of each group, of all rows and not only of those that are shown."""
    return [int((look.cut == group).sum()) for group in range(len(look.clustering.sizes))]


def next_command(record: Record) -> str:
    """Return the command that comes next on the way to a classifier."""
    look = record.exploration
    if record.labelled or record.samples.target is not None:
        return f"clew train {record.study}"
    if look is None:
        return f"clew explore {record.study}"
    if look.k:
        return f"clew name {record.study} {' '.join(f'{g}=...' for g in range(look.k))}"
    return f"clew label {record.study} LABELS.csv"


def told_features(record: Record, at_most: int) -> list[str]:
    """Return the features that the hypotheses name, the first of each hypothesis first."""
    look = record.exploration
    stated = look.hypotheses.stated if look is not None and look.hypotheses else []
    ranked = [one.features[i] for i in range(3) for one in stated if i < len(one.features)]
    return list(dict.fromkeys(ranked))[:at_most]
