"""The sections on what stays when a look is repeated: rows on the map, two runs, the cut, its groups, the choice of k."""

from __future__ import annotations

import numpy as np

from clew.explore.embed import Embedding
from clew.explore.stability import SURE, home_from, mean_of_given, wandering
from clew.plot import evidence as draw_evidence
from clew.plot import explore as draw
from clew.plot import stability as draw_repeated
from clew.report.gathered import Record
from clew.report.parts import drawn, group_name, section
from clew.report.words import counted, safe


def at_home(record: Record) -> str:
    """Show which rows keep their neighbours from run to run."""
    look = record.exploration
    if look is None or len(look.embedding.aligned) < 2:
        return ""
    embedding, n_rows = look.embedding, len(look.shown)
    wander = int(wandering(embedding.neighbor_overlap, embedding.k).sum())
    ring = " (ring)" if wander <= draw_repeated.DENSE else ""
    caption = (
        f"Of its {embedding.k} neighbours on the map, the share that two runs have in common: mean over all pairs of "
        f"{len(embedding.aligned)} runs, shown where run 1 puts the rows. Under {home_from(embedding.k, n_rows):.0%}, half-way "
        f"from what chance would give to all of them, a row wanders{ring}: {wander:,} of {n_rows:,}."
    )
    label = f"Map of {n_rows} rows by the share of neighbours that they keep; {wander} wander"
    drawing = drawn(draw_repeated.at_home(look), "home", caption, label=label)
    return section("Who is at home on the map, and who wanders", "", drawing)


def two_runs(record: Record) -> str:
    """Show the two runs of the map that differ most, and how true each run is to the data."""
    look = record.exploration
    if look is None or len(look.embedding.aligned) < 2:
        return ""
    a, b = draw_repeated.pair(look.embedding)
    ways = draw_repeated.moved(look.embedding, a, b)
    most = counted(draw_repeated.n_lines(len(ways)), "row")
    caption = (
        "The same rows, turned, mirrored, moved and brought to one size: none of these is a disagreement. Hollow, with lines "
        f"from where run {a + 1} has them: the {most} of {len(ways):,} that moved most. Half of all rows moved by less than "
        f"{np.median(ways):.0%} of the map. How far separate parts of a map lie from each other means little."
    )
    drawing = draw_repeated.two_runs(look, a, b)
    body = drawn(drawing, "two runs", caption, label=f"Runs {a + 1} and {b + 1} of the map side by side")
    return section("Two runs side by side", "the two that differ most", body + faithfulness(look.embedding))


def faithfulness(embedding: Embedding) -> str:
    """Show how true every run is to the data, to stand below another figure."""
    told = (
        "Every run against the data, a dot each. Trustworthiness: whoever is near on the map is near in the data; "
        "continuity: the other way round."
    )
    if embedding.metric == "precomputed":
        told += f" Stress {embedding.stress.mean():.2f}: 0 would keep all distances, up to one factor."
    label = f"Trustworthiness {embedding.trustworthiness.mean():.3f}, continuity {embedding.continuity.mean():.3f}"
    return f'<div class="below">{drawn(draw_repeated.faithfulness(embedding), "faithfulness", told, label=label)}</div>'


def cut(record: Record) -> str:
    """Show how far clusterings agree, over seeds and over resampled rows, in all and group by group."""
    look = record.exploration
    if look is None:
        return ""
    found = look.clustering
    runs = len(found.labels)
    caption = (
        f"Adjusted Rand index of every two of {runs} clusterings; left: of all rows, from other seeds; right: these, and "
        f"{runs} clusterings of a random 80% of the rows each, compared on the rows that two share."
    )
    label = (
        f"Agreement over seeds: mean ARI {found.stability.ari_mean:.2f}; over resampled rows: "
        f"{found.resampled_ari.mean():.2f}"
    )
    body = drawn(draw_repeated.agreement(found), "agreement", caption, label=label)
    if len(found.sizes):
        names = {str(g): _name(record, g) for g in range(len(found.sizes))}
        more = len(found.sizes) - draw_repeated.GROUPS_SHOWN
        told = (
            "How far a clustering has the group again: rows in both the group and the most similar cluster, of the rows "
            "in either (Jaccard index). A dot a clustering, filled: other seeds, hollow: a random 80% of the rows; strokes: "
            "means. From 0.75 a group is commonly called stable (Hennig 2007)."
        )
        told += f" The largest {draw_repeated.GROUPS_SHOWN} of {len(found.sizes)} groups." if more > 0 else ""
        label = "; ".join(
            f"{name} {_both(seeds, again)}"
            for name, seeds, again in zip(
                list(names.values())[: draw_repeated.GROUPS_SHOWN],
                mean_of_given(found.jaccard),
                mean_of_given(found.resampled_jaccard),
            )
        )
        drawing = drawn(
            draw_repeated.groups(found, names=names), "groups", told, label=f"Jaccard index: {label}"
        )
        body += f'<div class="below">{drawing}</div>'
    return section("The cut, repeated", "", body)


def consensus(record: Record) -> str:
    """Show how often two rows are put together, and how sure the groups of the rows are."""
    look = record.exploration
    if look is None:
        return ""
    found = look.clustering
    agreed, again, groups = found.stability, found.resampled_confidence, found.consensus
    unsure = int((look.confidence < SURE).sum())
    mean = ", ".join(
        f"{_name(record, g)} {_both(found.confidence[groups == g].mean(), mean_of_given(again[groups == g]))}"
        for g in range(min(len(found.sizes), draw_repeated.GROUPS_SHOWN))
    )
    caption = (
        f"Share of clusterings that put two rows together: below the diagonal {len(agreed.ari)} seeds, above it "
        f"{len(found.resampled_labels)} resamples. {len(agreed.shown):,} of {len(look.sample):,} rows, by group and confidence. "
        f"{_rows(unsure)} put in another group by more than a tenth of the seeds."
    )
    if mean:
        caption += f" Mean confidence, over seeds and over resamples: {mean}."
    if not look.k:
        caption += " There are no groups; the rows are cut all the same, so that the cut can be looked at."
    drawing = draw.clustering(found, width=400)
    return section("Consensus", "", drawn(drawing, "consensus", safe(caption), label="Consensus matrix"))


def number_of_groups(record: Record) -> str:
    """Show the four curves that may choose the number of groups."""
    look = record.exploration
    if look is None:
        return ""
    found = look.evidence
    told = found.disagreement() or "All four curves say the same."
    caption = (
        f"{told} Filled: what the curve chooses; red: the answer of the evidence. The first curve decides, the others are shown so that a "
        "disagreement is seen."
        if found.k
        else "Without evidence of groups there is nothing to choose. Rings: what each curve would choose."
    )
    return section(
        "How many groups",
        "",
        drawn(
            draw_evidence.choice_of_k(found, width=560),
            "choice of k",
            safe(caption),
            label="Four curves over the number of groups",
        ),
    )


def _both(seeds: float, again: float | np.ndarray) -> str:
    """Write a figure over seeds and over resamples; of a row in few runs there may be no resample."""
    return f"{seeds:.2f} and {'none drawn' if np.isnan(again) else f'{again:.2f}'}"


def _rows(n: int) -> str:
    return "No row is" if not n else "1 row is" if n == 1 else f"{n:,} rows are"


def _name(record: Record, group: int) -> str:
    """Return the name of a group, or of a part where there are no groups."""
    look = record.exploration
    return group_name(record, group) if look is not None and look.k else f"part {group}"
