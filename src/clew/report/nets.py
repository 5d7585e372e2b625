"""Sections on a net: how it is made and was trained, and what it goes by, from the record alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clew.explain.net_features import NetExplanation
from clew.explain.net_looks import WRONG, NetLooks
from clew.plot import losses as draw_losses
from clew.plot import net_explained as draw
from clew.plot import saliency as draw_saliency
from clew.report.gathered import Record
from clew.report.parts import drawn, section
from clew.report.words import code, counted, prose, safe
from clew.steps.outcome import sentences
from clew.validate.loss_curves import read_losses

if TYPE_CHECKING:
    from clew.neural.model import NetModel

# settings of a net and of its training that people ask for
ASKED = {
    "latent": "latent numbers", "beta": "beta", "layers": "layers", "channels": "channels", "hidden": "hidden", "dropout": "drop-out", "frame": "frame",
    "max_epochs": "epochs", "batch_size": "batch", "lr": "learning rate",
}  # fmt: skip
SHOWN = 12  # maps of single rows at most


# ---- how it was trained ----
def trained(record: Record) -> str:
    """Show how the latest net is made, how its training went, and what to mind."""
    assert record.model is not None
    return how_trained(record.forest, record.model["name"], record.model["sha256"], title="The classifier" if record.forest.classes else "The model")  # fmt: skip


def how_trained(net: NetModel, name: str, sha256: str, *, title: str) -> str:
    """Show how a net is made, how its training went, and what to mind."""
    readings = [read_losses(one) for one in net.histories]
    first = readings[0]
    said = [
        f"<p>{prose(' '.join(sentences([net.headline()])))} {counted(net.n_parameters, 'weight')}{' in each' * (net.members > 1)}. sha256 {code(sha256[:16])}.</p>",
        f'<p class="quiet note">{prose(" ".join(sentences(net.notes)))}</p>' if net.notes else "",
        f'<p class="quiet note">{prose(_made(net))}</p>',
    ]
    faint = "" if len(readings) == 1 else f" Faint: the other {counted(len(readings) - 1, 'member')}."
    curves = drawn(
        draw_losses.losses(first, members=net.histories[1:]),
        "losses",
        f"Loss of {'the net' if len(readings) == 1 else 'the first member'} against its epochs.{faint}",
        label=first.headline(),
    )
    cures = [f"{one.question} {one.answer.capitalize()}. {one.advice}" for one in first.answers if one.advice]
    answers = (
        f'<p class="quiet note">{prose(" ".join(cures))}</p>' if cures else ""
    )  # the rest stands below the curve
    body = f'<div class="pair"><div>{curves}</div><div>{"".join(said)}{_members(net)}{answers}</div></div>'
    return section(title, safe(name), body, kind="all")


def _made(net: NetModel) -> str:
    """Say how the net is made and was trained, in what a person asks for."""
    known = net.net_settings | net.recipe
    told = [
        f"{words} {_written(known[name])}"
        for name, words in ASKED.items()
        if known.get(name) not in (None, [], ())
    ]
    return f"{counted(net.members, 'member')}, {', '.join(told)}; {net.n_rows - net.n_held_out:,} of {net.n_rows:,} rows taught it."


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _members(net: NetModel) -> str:
    """Say of each member which epoch it kept and what it came to."""
    if net.members == 1:
        return ""
    rows = "".join(
        f'<tr><td class="number">{seed}</td><td class="number">{one.best_epoch} of {one.n_epochs}</td>'
        f'<td class="number">{one.train_loss_at_best:.3g}</td><td class="number">{_validated(one)}</td></tr>'
        for seed, one in zip(net.seeds, net.histories, strict=True)
    )
    loss = safe(net.histories[0].loss)
    return (
        '<div class="wide"><table><tr><th class="number">seed</th><th class="number">epoch kept</th>'
        f'<th class="number">{loss}, trained on</th><th class="number">{loss}, held out</th></tr>{rows}</table></div>'
    )


def _validated(one: object) -> str:
    value = one.summary()["valid_loss"]  # type: ignore[attr-defined]
    return "–" if value is None else f"{value:.3g}"


# ---- what it goes by ----
def by_features(one: NetExplanation, before: str) -> str:
    """Show what a net on measured features goes by, beside a forest; ``before`` is HTML that comes first."""
    caption = f"{one.shown_of()} rows; gradients are over {len(one.sample):,} rows. Features that can stand in for each other share one line."
    figure = drawn(draw.features(one), "net features", caption, label="; ".join(one.ranked()))
    body = f'<div class="pair"><div>{before}<p>{prose(one.verdict())}</p>{figure}</div>{_mind(one)}</div>'
    return section("What the model goes by", "permutation, and integrated gradients", body, kind="all")


def by_looks(one: NetLooks, before: str) -> str:
    """Show where a net looks: whether that can be believed, places and channels, and single rows."""
    said = prose(one.verdict())
    said = f"<p>{said if one.believable else f'<b>{said}</b>'}</p>"
    left = before + said + "".join(f"<p>{prose(each)}</p>" for each in one.ranked())
    right = ""
    if one.placed and one.told.any():
        caption = f"{one.shown_of()} rows; bands: the middle half of them."
        left += drawn(draw.places(one), "places", caption, label=one.where())
    if one.sanity is not None:
        caption = f"{counted(one.sanity.cascading.shape[1], 'row')}: maps of the trained net beside those of nets whose weights are random."
        right = drawn(draw_saliency.sanity(one.sanity), "sanity", caption, label=one.sanity.headline())
    if one.placed and len(one.channels) > 1:
        right += drawn(draw.channels(one), "channels", "", label=one.which_channel())
    both = f"<div>{left}</div><div>{right}</div>"
    body = f'<div class="trees">{both}</div>{_mind(one)}{_rows(one)}'
    return section("What the net looks at", safe(one.method), body, kind="all")


def _mind(one: NetExplanation | NetLooks) -> str:
    """Return what to mind, a paragraph each."""
    return f'<div class="mind">{"".join(f"<p>{prose(each)}</p>" for each in sentences(one.caveats()))}</div>'


def _rows(one: NetLooks) -> str:
    """Show the maps of single rows, each with what it is and what the net says."""
    n = min(len(one.sample), SHOWN)
    cells = []
    for row in range(n):
        wrong = one.why[row] == WRONG and len(one.outputs) > 1
        said = f"<b>{safe(one.truth[row])}, taken for {safe(one.said[row])}</b>" if wrong else f"{safe(one.truth[row])}, the net says {safe(one.said[row])}"  # fmt: skip
        drawing = draw.looks(one, row=row, width=700 if one.of_windows else 540)
        label = f"Where the net looks in {one.sample[row]}"
        cells.append(drawn(drawing, f"look {row}", f"{code(one.sample[row])} ({safe(one.why[row])}): {said}", label=label))  # fmt: skip
    more = f'<p class="quiet">{n} of {len(one.sample)} are shown.</p>' if n < len(one.sample) else ""
    return f'<div class="trees">{"".join(cells)}</div>{more}'
