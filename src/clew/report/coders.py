"""The section on an autoencoder: how it was trained, what comes back of the rows, the map of its codes, what it made up."""

from __future__ import annotations

from clew.plot import coding as draw
from clew.report.gathered import Record
from clew.report.nets import how_trained
from clew.report.parts import drawn, section
from clew.report.words import code, prose, safe
from clew.steps.outcome import sentences


def coded(record: Record) -> str:
    """Show the latest autoencoder; nothing where there is none."""
    coder = record.coder
    if coder is None:
        return ""
    title = "The autoencoder" if coder.net.architecture == "autoencoder" else "The variational autoencoder"
    trained = how_trained(coder.net, coder.name, coder.sha256, title=title)
    return trained + _rebuilt(record) + _generated(record)


def _rebuilt(record: Record) -> str:
    """Show rows beside what comes back of them, anomalies, and the map of the codes."""
    assert record.coder is not None
    found = record.coder.rebuilt
    if found is None:
        return ""
    said = f"<p><b>{prose(found.headline())}.</b> {prose(' '.join(sentences(found.sentences())))}</p>"
    both = drawn(draw.reconstructions(found), "reconstructions", "", label=found.headline())
    told = f"How far each open row is from what comes back of it; {code(f'clew predict {record.study}/models/{record.coder.name} NEW --out FILE')} says it of new rows."
    left = (
        said + both + drawn(draw.anomalies(found), "anomalies", told, label="Anomaly scores of the open rows")
    )
    of_labels = f" Decoded for the commonest of the labels {safe(', '.join(found.labels))}." if found.labels and len(found.grid) else ""  # fmt: skip
    right = drawn(draw.latent_map(found), "latent map", f"{code(f'clew explore {record.study} --activations {record.coder.name}')} looks for groups in all {found.n_latent} latent numbers.{of_labels}", label="Map of the codes")  # fmt: skip
    if found.collapse is not None:
        right += drawn(draw.latent_use(found.collapse), "latent use", "What each latent number tells of a row: its divergence from the known distribution.", label=found.collapse.headline())  # fmt: skip
    body = f'<div class="trees"><div>{left}</div><div>{right}</div></div>'
    return section("What comes back of the rows", safe(record.coder.name), body, kind="all")


def _generated(record: Record) -> str:
    """Show the rows that were made up last."""
    assert record.coder is not None
    made = record.coder.generated
    if made is None:
        return ""
    sheet = drawn(draw.generated(made), "generated", safe(". ".join([made.headline(), *made.notes])) + ".", label=made.headline())  # fmt: skip
    return section("Generated rows", "no observations", sheet, kind="all")
