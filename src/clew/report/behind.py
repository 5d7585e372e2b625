"""The sheets behind the first one: the figures of the groups, of the model, and the whole thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clew.explore.stability import match
from clew.plot import explore as draw
from clew.plot import learn as draw_learnt
from clew.report import coders, judged, nets, pictures, repeated, signals, words
from clew.report.gathered import Record
from clew.report.parts import METHODS, day, drawn, empty, group_name, next_command, section, sign, sizes_of
from clew.report.words import code, counted, figure, safe

Part = Callable[[Record], str]


def second_sheet(record: Record) -> str:
    """Return the sheets behind the first: on the groups, on the model, and the thread."""
    if record.facts.get("paint"):
        return _sheet(record, [_thread])
    groups: list[Part] = [
        _runs,
        repeated.at_home,
        repeated.two_runs,
        repeated.cut,
        repeated.consensus,
        repeated.number_of_groups,
        _painted,
        signals.when,
        _correlations,
        _shallow,
        judged.confirmed,
    ]
    model: list[Part] = [
        _forest,
        judged.calibrated,
        judged.repeated_runs,
        judged.explained,
        judged.which_sensor,
        judged.curves,
        judged.labels,
        judged.compared,
        judged.not_asked,
    ]
    parts = [_sheet(record, groups), _sheet(record, [coders.coded])]
    sheets = [*parts, _sheet(record, model, first=judged.circular(record))]
    return "\n".join([*sheets, _sheet(record, [_thread])])


def _sheet(record: Record, parts: list[Part], *, first: str = "") -> str:
    """Return one sheet of two columns, "" without anything on it; a last half has the line to itself."""
    sections = [f"{one}</section>\n" for part in parts for one in part(record).split("</section>\n") if one]
    if not sections:
        return ""
    halves = [i for i, one in enumerate(sections) if one.startswith("<section>")]
    if len(halves) % 2:
        sections[halves[-1]] = sections[halves[-1]].replace("<section>", '<section class="all">', 1)
    return f'<div class="sheet"><div class="details">\n{first}{"".join(sections)}</div></div>'


def _key(record: Record) -> str:
    look = record.exploration
    if look is None or not look.k:
        return ""
    items = "".join(
        f"<li>{sign(g)} {safe(group_name(record, g))}, {counted(int(n), 'row')}</li>"
        for g, n in enumerate(sizes_of(look))
    )
    return f'<ul class="key">{items}</ul>'


def _runs(record: Record) -> str:
    look = record.exploration
    if words.unlooked(record):
        return ""
    if look is None:
        return section(
            "Every run",
            "",
            empty(
                "The same rows laid out again and again, so that runs can be compared.",
                f"clew explore {record.study}",
            ),
            kind="all",
        )
    runs = len(look.embedding.aligned)
    own = None
    if look.k:
        own = np.stack([match(labels, look.clustering.consensus) for labels in look.clustering.labels])
    if runs == 1:
        pca = look.embedding.method == "pca"
        aside = "no randomness in this map" if pca else METHODS[look.embedding.method]
        caption = f"{'This method gives the same map every time' if pca else 'One map, so its stability is not known'}."
    else:
        aside = f"{METHODS[look.embedding.method]}, {runs} runs, turned to match run 1; {look.shown_of()} open rows"
        overlap = float(np.mean(look.embedding.neighbor_overlap))
        caption = f"Two runs share {overlap:.0%} of a row’s {look.embedding.k} neighbours. Seeds {look.embedding.seeds[0]} to {look.embedding.seeds[-1]}. "
        caption += (
            "Each map wears the groups that the clustering of the same number made."
            if look.k
            else "No groups, so all rows are alike."
        )
    groups, label = look.groups[look.shown], f"{runs} maps of the same rows"
    if runs == 1:
        drawing = draw.runs(look.embedding, groups=groups, width=560)
        body = drawn(drawing, "runs", caption, label="The map")
        return section("The map", aside, _key(record) + body + repeated.faithfulness(look.embedding))
    drawing = draw.runs(look.embedding, groups=groups, labels=own, width=1160)
    body = _key(record) + drawn(drawing, "runs", caption, label=label, kind="scales")
    return section("Every run", aside, body, kind="all")


def _painted(record: Record) -> str:
    if not pictures.has_pictures(record) or words.unlooked(record):
        return ""
    look, title = record.exploration, "Groups painted back"
    if look is None:
        return section(
            title,
            "",
            empty(
                "The images, each open object with the outline of its group.", f"clew explore {record.study}"
            ),
            kind="all",
        )
    if not look.k:
        return section(
            title,
            "",
            "<p>No groups, so there is nothing to paint.</p>",
            kind="all",
        )
    shown = pictures.paintings(record, pictures.Pictures(record))
    n_open = len(np.unique(record.shown[0].origin["source"].to_numpy(dtype=str)))
    lines = ["solid", "dashed", "dotted", "dash-dot", "long dashes", "wide dashes"]
    kinds = "; ".join(
        f"{sign(g)} {safe(group_name(record, g))}: {lines[g % len(lines)]}" for g in range(look.k)
    )
    body = "".join(
        f"<figure>{drawing}<figcaption>{code(source)}, {counted(n, 'open object')}</figcaption></figure>"
        for source, drawing, n in shown
    )
    hidden = "Thin grey: objects that are sealed or were left out; nothing is said of them."
    aside = f"{len(shown)} of {counted(n_open, 'image')} with open objects" if n_open > 1 else ""
    grid = "painted single" if len(shown) == 1 else "painted"
    return section(
        title,
        aside,
        f'<p class="quiet">{kinds}. {hidden}</p><div class="{grid}">{body}</div>',
        kind="" if len(shown) == 1 else "all",
    )


def _correlations(record: Record) -> str:
    look = record.exploration
    if look is None or look.hypotheses is None:
        return ""
    told = look.hypotheses
    lines = []
    for group in range(told.distance_correlation.shape[1]):
        best = int(np.argmax(np.abs(told.distance_correlation[:, group])))
        value = f"{told.distance_correlation[best, group]:.2f}".replace("-", "−")
        lines.append(
            f"{sign(group)} {safe(group_name(record, group))}: {safe(told.feature_names[best])} {value}"
        )
    caption = f"Right: correlation with the distance to each group’s centre; strongest: {'; '.join(lines)}."
    return section(
        "Features",
        "correlation with each other and with the distance to each centre",
        drawn(
            draw.correlations(told),
            "correlations",
            caption,
            label="Correlation matrix of the features",
            kind="fits",
        ),
        kind="all" if len(told.feature_names) > 26 else "",
    )


def _shallow(record: Record) -> str:
    look = record.exploration
    if look is None or look.hypotheses is None or not look.hypotheses.stated:
        return ""
    order = [group_name(record, g) for g in range(look.k)]
    names = {str(g): name for g, name in enumerate(order)}
    trees = ""
    for i, one in enumerate(look.hypotheses.stated):
        drawing = draw_learnt.tree(draw_learnt.as_tree(one.tree, names), order=order)
        label = f"Shallow tree of {words.listed(one.features)}"
        trees += f"<div><p>{words.statement(record, one)}: {figure(one.balanced_accuracy)}</p>"
        trees += drawn(drawing, f"shallow {i}", "", label=label, kind="wide") + "</div>"
    several = len(look.hypotheses.stated) > 1
    note = f'<p class="quiet">{safe(look.hypotheses.stated[0].split)} Thick lines carry many rows.</p>'
    return section(
        "The hypotheses as trees" if several else "The hypothesis as a tree",
        "thresholds in the units of the data",
        f'<div class="trees">{trees}</div>{note}',
        kind="all" if several else "",
    )


def _forest(record: Record) -> str:
    if record.forest is None:
        return section(
            "The classifier",
            "",
            empty("One tree of the forest, drawn with its thresholds.", next_command(record)),
            kind="all",
        )
    if record.is_net:
        return nets.trained(record)
    forest, model = record.forest, record.model
    assert model is not None
    title = "The classifier" if forest.classes else "The model"
    about = (
        f"{safe(forest.headline())}. sha256 {code(model['sha256'][:16])}: the same on any number of threads."
    )
    tree = drawn(
        draw_learnt.tree(forest.tree(0), order=record.classes, levels=2),
        "tree",
        f"Tree 1 of {forest.n_trees}, its first 2 questions on each way; the forest asks all its trees.",
        label="One tree of the forest",
        kind="wide",
    )
    if "explain" in record.judged:  # which says better what the forest goes by
        return section(title, safe(model["name"]), f"<p>{about}</p>{tree}")
    features = drawn(
        draw_learnt.importance(forest, width=420),
        "importance",
        f"Correlated features divide their share among themselves. {code(f'clew explain {record.study}')} says more.",
        label="Importance of the features",
    )
    both = f'<div class="pair"><div>{tree}</div><div><h3>share in the decrease of impurity</h3>{features}</div></div>'
    return section(title, safe(model["name"]), f"<p>{about}</p>{both}", kind="all")


def _thread(record: Record) -> str:
    rows = []
    for step in record.steps:
        settings = ", ".join(
            f"{key} {_setting(value)}"
            for key, value in step.settings.items()
            if value not in (None, "", []) and key not in ("measure", "hypotheses")  # elsewhere on the page
        )
        inputs = []
        if step.inputs.get("samples"):
            inputs.append(f"{safe(step.sees)} rows {code(step.inputs['samples'][:8])}")
        inputs += [f"step {one}" for one in step.inputs.get("steps", [])]
        rows.append(
            f'<tr id="step-{step.id}"><td class="number">{step.id}</td><td><b>{safe(step.verb)}</b><br><span class="quiet">{day(step.at)}</span></td>'
            f'<td>{safe(step.headline)}<br><code class="quiet">{safe(settings)}</code></td><td>{", ".join(inputs)}</td>'
            f'<td>{code(step.digest[:16])}</td><td class="number">{step.seconds:.1f} s</td></tr>'
        )
    table = f'<div class="wide"><table class="steps"><tr><th class="number">#</th><th>step</th><th>what came of it, with all settings</th><th>saw</th><th>result, sha256</th><th class="number">time</th></tr>{"".join(rows)}</table></div>'
    tried = words.listed([counted(len(record.looks), "look"), *words.tried(record)])
    return section("The thread", f"tried: {tried}", table + _versions(record), kind="all")


def _setting(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _versions(record: Record) -> str:
    kinds: dict[str, list[int]] = {}
    for step in record.steps:
        kinds.setdefault(
            ", ".join(f"{name} {version}" for name, version in step.versions.items()), []
        ).append(step.id)
    lines = [
        safe(versions) if len(kinds) == 1 else f"Steps {', '.join(map(str, ids))}: {safe(versions)}"
        for versions, ids in kinds.items()
    ]
    return f'<p class="quiet" style="margin-top:8px;max-width:none">Made with {"<br>".join(lines)}.</p>'
