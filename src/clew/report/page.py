"""The page: a sheet that a reviewer can check, and below it the figures behind it."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.plot import confirm as draw_confirm
from clew.plot import explore as draw
from clew.plot import validate as draw_scores
from clew.plot.style import svg
from clew.report import pictures, signals, words
from clew.report.behind import second_sheet
from clew.report.gathered import Record
from clew.report.parts import (
    METHODS,
    asset,
    day,
    drawn,
    empty,
    group_name,
    next_command,
    section,
    sign,
    sizes_of,
    told_features,
)
from clew.report.words import code, counted, figure, p_value, prose, safe
from clew.validate.claims import Claim
from clew.validate.metrics import Validation

STRIPS = 4  # features whose distributions are drawn at most


def page(record: Record) -> str:
    """Return the whole page as HTML."""
    style = asset("page.css")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{safe(record.name)}: report of a clew study</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{_first_sheet(record)}\n{second_sheet(record)}\n</body>\n</html>\n"
    )


def _first_sheet(record: Record) -> str:
    last = record.steps[-1]
    kind = "file" if record.facts.get("distances") else record.facts["kind"]
    sources = counted(record.n_sources, {"distances": "file", "signal": "recording"}.get(kind, kind))
    n_features = len(record.samples.feature_names)
    measured = f"{n_features} measurements" if n_features else "distances only"
    what = f"{sources}, {sum(record.counts.values()):,} {record.what}, {measured}"
    made = f"made from the record on {day(last.at)}, by clew {safe(last.versions.get('clew', ''))}"
    left, right = [_found(record), _sure(record), _claimed(record)], [_good(record)]
    if record.facts.get("paint"):
        what, left, right = f"{sources} to paint on, no rows", [], []
    elif words.unlooked(record):  # what is not missing has no empty place
        left = [_claimed(record)] if record.hypotheses else []
    (right if record.exploration is not None else left).append(_know(record))
    if words.unlooked(record):
        left.append(f'<p class="quiet all">Nobody has looked for groups: {code(f"clew explore {record.study}")}.</p>\n')  # fmt: skip
    return (
        f'<div class="sheet">\n<header class="top">{asset("mark.svg").strip()}<h1>{safe(record.name)}</h1>'
        f'<span class="quiet">{what}</span><span class="quiet made">{made}</span></header>\n'
        f'<div class="body">\n{_rail(record)}\n<main class="main">\n<p class="finding">{words.finding(record)}</p>\n'
        f'<div class="columns">\n<div class="left">\n{"".join(left)}</div>\n<div class="right">\n{"".join(right)}</div>\n</div>\n</main>\n</div>\n{_foot(record)}\n</div>'
    )


def _rail(record: Record) -> str:
    items = []
    for step in record.steps:
        fork = step.verb == "explore" and record.look is not None and step.id != record.look.id
        here = record.look is not None and step.id == record.look.id
        kind = "fork" if fork else "here" if here else "done"
        told = "a look not pursued" if fork else "the look that this page shows" if here else ""
        title = f' title="{told}"' if told else ""
        items.append(
            f'<li class="{kind}"{title}>{"<i></i>" if fork else ""}<a href="#step-{step.id}"><b>{safe(step.verb)}</b>'
            f"{safe(words.in_short(record, step))}<br><code>{step.digest[:8]}</code></a></li>"
        )
    return f'<nav class="rail" aria-label="The thread"><ol class="thread">\n{"".join(items)}</ol></nav>'


def _found(record: Record) -> str:
    look = record.exploration
    if look is None:
        return section(
            "What was found",
            "",
            empty(
                "A map of the open rows will stand here, with the groups if there are any.",
                f"clew explore {record.study}",
            ),
        )
    runs = len(look.embedding.aligned)
    hollow = int((draw.changes_groups(look) & (look.k > 0)).sum())
    caption = f"{look.shown_of()} open rows. Trustworthiness {look.embedding.trustworthiness.mean():.2f}."
    if hollow:
        caption += (
            f" Hollow: {counted(hollow, 'row')} that more than a tenth of the runs put in another group."
        )
    aside = f"{METHODS[look.embedding.method]}, run 1 of {runs}"
    sizes = (
        ", ".join(f"{group_name(record, g)} {size}" for g, size in enumerate(sizes_of(look)))
        if look.k
        else "no groups"
    )
    drawing, over, opened, said = draw.run_map(look, names=record.names), "", "", ""
    if signals.has_windows(record):
        places = draw.map_places(drawing, look)
        over, opened, said = signals.linked(record, signals.Recorded.of(record), places)
    body = drawn(drawing, "map", safe(caption) + said, label=f"Map of the rows: {sizes}", over=over) + opened
    if look.k:
        if signals.has_windows(record):
            body += signals.gallery(record, signals.Recorded.of(record))
        else:
            body += _crops(record) if pictures.has_pictures(record) else _medians(record)
    return section("What was found", aside, body)


def _crops(record: Record) -> str:
    cells = []
    for group, shown in pictures.crops(record, pictures.Pictures(record)).items():
        name = group_name(record, group)
        cells.append(f'<span title="{safe(name)}">{sign(group)}</span>')
        cells += [
            f'<img src="{uri}" alt="{safe(sample)}, {safe(name)}" title="{safe(sample)}">'
            for sample, uri in shown
        ]
        cells += ["<span></span>"] * (pictures.CROPS - len(shown))
    return f'<figure><div class="crops">{"".join(cells)}</div><figcaption>Open objects of each group at one scale, from the surest (left) to the least sure.</figcaption></figure>'


def _medians(record: Record) -> str:
    samples, groups = record.shown
    names = told_features(record, 3)
    if not names:
        return ""
    shown = range(record.exploration.k)  # type: ignore[union-attr]
    head = "".join(
        f'<th class="number" title="{safe(group_name(record, group))}">{sign(group)}</th>' for group in shown
    )
    rows = ""
    for name in names:
        column = samples.feature_names.index(name)
        unit = f" [{safe(samples.units[column])}]" if samples.units[column] else ""
        medians = (np.median(samples.features[groups == group, column]) for group in shown)
        cells = "".join(f'<td class="number">{one:.4g}</td>' for one in medians)
        rows += f'<tr><td class="name">{safe(name)}{unit}</td>{cells}</tr>'
    return f'<div class="wide"><table><tr><th>median</th>{head}</tr>{rows}</table></div>'


def _sure(record: Record) -> str:
    look = record.exploration
    if look is None:
        return section(
            "How sure",
            "",
            '<div class="empty">Whether one population would look just like that, and how far the runs agree.</div>',
        )
    found = look.evidence
    at = int(np.argmax(found.ks == (look.k or found.best_k))) if (look.k or found.best_k) in found.ks else 0
    high = found.reference_high[:, at]
    ring = " Ring: the cut that was asked for." if look.k and not found.k else ""
    caption = (
        f"k = {int(found.ks[at])}: this data {found.index[at]:.2f}; single clouds reach {high[0]:.2f} (one mode a feature) and "
        f"{high[1]:.2f} (ellipsoid) in 1 of 20 draws. Grey: 90% of {counted(int(found.draws.min()), 'draw')} of each kind; filled: above it.{ring} Over all k, {p_value(found.p_value)}."
    )
    body = drawn(
        draw.evidence(found, cut=look.k),
        "evidence",
        caption,
        label="Projected index of this data over the number of groups, above the band of single clouds",
    )
    body += f'<p style="margin-top:10px">{words.agreement(record)}</p>{_replication(record)}'
    return section("How sure", "projected index against k", body)


def _replication(record: Record) -> str:
    """Say whether the groups were found again on the sealed rows, the first time that these were asked."""
    if not record.confirmations:
        return ""
    found = record.confirmations[0][1].replication
    said = f"<p><b>Sealed rows:</b> {safe(found.headline())}</p>"
    if found.verdict == "not tested":
        return said
    caption = f"Prediction strength {found.prediction_strength:.2f}, a description and no evidence."
    label = f"Projected index {found.index:.2f} of the sealed rows against those of single clouds"
    return said + drawn(draw_confirm.replication(found), "replication", caption, label=label)


def _good(record: Record) -> str:
    open_, tested, forest = record.validation, record.sealed_test, record.forest
    title = (
        "How good is the model" if forest is not None and not forest.classes else "How good is the classifier"
    )
    if forest is None and open_ is None:
        what = "Every metric with its interval, on rows that the classifier never saw."
        return section(title, "", empty(what, next_command(record)))
    name = safe(tested.model if tested else record.model["name"]) if record.model else ""
    made = "" if forest is None else f"{forest.members} nets" if record.is_net else f"{forest.n_trees} trees"
    aside = f"{name}, {made}" if made else ""
    if open_ is None and tested is None:
        what = "Every metric with its interval, by cross-validation on the open rows."
        return section(title, aside, empty(what, f"clew validate {record.study}"))
    beside = getattr(open_, "beside", None)
    both = f"<p>Beside it, on the same folds: {safe(beside.headline())}.</p>" if beside is not None else ""
    return section(title, aside, _metrics(record) + both + _matrix(record) + _baselines(record))


def _metrics(record: Record) -> str:
    open_, tested = record.validation, record.sealed_test
    rows = [one for one in (open_, tested.validation if tested else None) if one is not None]
    sealed = rows[1].scores if len(rows) == 2 else None
    told = [
        f"{word}: {_rests_on(one, sealed=one is not open_)}" for word, one in zip(("Hollow", "Filled"), rows)
    ]
    caption = " ".join(f"{one}." for one in told) + " Lines and brackets: 95%."
    if open_ is not None and open_.baselines:
        caption += " Grey: what chance gives on open rows."
    if tested is None and record.counts["sealed"]:
        caption += f" Sealed rows: not tested yet ({code(f'clew test {record.study} --reason ...')})."
    label = "; ".join(
        f"{draw_scores.WORDS.get(name, name)} {figure(value)}"
        for name, value in rows[-1].scores.metrics.items()
    )
    drawing = draw_scores.metrics(rows[0].scores, sealed=sealed, chance=open_)
    return drawn(drawing, "metrics", caption, label=label)


def _rests_on(validation: Validation, *, sealed: bool) -> str:
    """Say which rows figures rest on, and over what their intervals go."""
    interval = next(iter(validation.scores.metrics.values()))
    rows = counted(interval.n_rows, "sealed row" if sealed else "open row")
    held_out = "" if sealed else f", held out by {safe(validation.split['by'])}"
    alike = interval.n_groups == interval.n_rows
    over = "" if alike else f" in {counted(interval.n_groups, 'group')}"
    return f"{rows}{over}{held_out}{'' if np.isfinite(interval.low) else ', too few for intervals'}"


def _matrix(record: Record) -> str:
    """Show the confusion and recall, or predicted against true numbers."""
    tested = record.sealed_test
    chosen = tested.validation if tested else record.validation
    where = "sealed" if tested else "open rows"
    assert chosen is not None
    if not chosen.scores.classes:
        label = f"Predicted against true, {where}"
        scatter = svg(draw_scores.scatter(chosen), salt="scatter", label=label)
        mind = f'<p class="quiet">Every row a dot, on the line if it was predicted as it is. {prose(_numbers_wrong(chosen))}</p>'
        return f'<div class="side"><figure><h3>predicted against true, {where}</h3>{scatter}</figure>{mind}</div>'
    if len(chosen.scores.classes) > 12:
        return f'<p class="quiet">Confusion of {len(chosen.scores.classes)} classes: <code>clew validate {safe(record.study)} --json</code> has it.</p>'
    drawing = draw_scores.confusion(chosen.scores, order=record.classes)
    table = "; ".join(
        f"{a}: " + ", ".join(f"{n} as {b}" for n, b in zip(row, chosen.scores.classes))
        for a, row in zip(chosen.scores.classes, chosen.scores.confusion.tolist())
    )
    recall = ", ".join(
        f"{_class_sign(record, name)} {safe(name)} {figure(each['recall'])} ({counted(each['rows'], 'row')})"
        for name, each in chosen.scores.per_class.items()
    )
    model = "net" if record.is_net else "forest"
    return (
        f'<div class="side"><figure><h3>confusion, {where}</h3>{svg(drawing, salt="confusion", label=table)}</figure>{_calibration(record, chosen, where)}'
        f'<p class="quiet">Down: {_whose(record)}; across: the {model}. Recall: {recall}.</p></div>'
    )


def _numbers_wrong(validation: Validation) -> str:
    """Say how far off predictions are where a row is furthest off."""
    off = np.abs(np.asarray(validation.predicted, float) - np.asarray(validation.truth, float))
    return f"Half of the {len(off):,} rows are off by less than {words.number(float(np.median(off)))}, one by {words.number(float(off.max()))}."


def _calibration(record: Record, chosen: Validation, where: str) -> str:
    """Draw of two classes whether probabilities are true; those of more stand behind."""
    if len(chosen.scores.classes) != 2 or not chosen.scores.calibration:
        return ""
    name = chosen.scores.classes[-1]
    label = f"Calibration of {name}: {chosen.scores.calibration[name].error.value:.2f} off"
    drawing = svg(
        draw_scores.calibration(chosen.scores, order=record.classes), salt="calibration", label=label
    )
    return f"<figure><h3>calibration, {where}</h3>{drawing}</figure>"


def _class_sign(record: Record, name: str) -> str:
    return sign(record.classes.index(name) if name in record.classes else -1)


def _whose(record: Record) -> str:
    people, groups = record.labelled.get("person", 0), record.labelled.get("group", 0)
    if people and groups:
        return "labels of people and names of groups"
    return "people’s labels" if people else "names of groups"


def _baselines(record: Record) -> str:
    if record.validation is None:
        return ""
    kind = "mae" if not record.validation.scores.classes else "balanced_accuracy"
    said = {"commonest_class": "always the largest class of the training rows", "mean": "always the mean"}
    said["permuted"] = "shuffled labels" if record.validation.scores.classes else "shuffled targets"
    parts = [
        f"{said.get(name, name)} {figure({'value': values.get(kind)})}"
        for name, values in record.validation.baselines.items()
    ]
    if record.validation.shuffled:
        flattering = figure({"value": record.validation.shuffled.get(kind)})
        parts.append(f"rows dealt at random, whatever belongs together, {flattering}")
    again = "".join(
        f'<div class="notice"><b>Tested again, not independent:</b> {safe(one.model)} on the same sealed rows, {day(one.opening.at)}: '
        f"{safe(draw_scores.WORDS.get(kind, kind))} {figure(one.validation.scores.metrics[kind])}.</div>"
        for one in record.tests[1:]
    )
    return f'{again}<p class="quiet">For comparison, {draw_scores.WORDS.get(kind, kind)} on open rows: {"; ".join(parts)}.</p>'


def _claimed(record: Record) -> str:
    title = "What was claimed, and what holds"
    if not record.hypotheses and record.exploration is None:
        what = "Sentences that say which measurements tell the groups apart."
        return section(title, "", empty(what, f"clew explore {record.study}"), kind="all")
    if not record.hypotheses:
        none = (
            "No hypothesis is on record: without groups there is nothing that measurements could tell apart."
            if record.exploration is None or not record.exploration.k or record.exploration.features
            else "No hypothesis is on record: the groups were made of distances alone, and no measurements were given."
        )
        return section(title, "", f"<p>{none}</p>", kind="all")
    claims = _claims(record)
    rows = "".join(_claim_row(record, one, claims.get(one["number"])) for one in record.hypotheses)
    table = (
        '<table class="hypotheses"><tr><th></th><th>hypotheses, as they were stated</th>'
        '<th class="number">open rows</th><th class="number">sealed: effect</th><th class="number">p, Holm</th>'
        f"<th>verdict</th></tr>{rows}</table>"
    )
    note = (
        "Open rows: balanced accuracy, cross-validated, the choice of features repeated in every fold; it says how well "
        f"these features repeat the groups that were made of them. Sealed: what is lost of {_lost(record)} where the named "
        f"features are shuffled. {_waits(record)}Correlation is not causation{_stand_ins(record)}."
    )
    return section(
        title,
        "",
        f'<div class="wide">{table}</div><p class="quiet note">{note}</p>{_distributions(record)}',
        kind="all",
    )


def _lost(record: Record) -> str:
    """Name the figure of sealed rows that shuffling lessens."""
    return (
        "R² of the target"
        if record.samples.target is not None
        else "the balanced accuracy on labels of people"
    )


def _claims(record: Record) -> dict[int, Claim]:
    """Return what sealed rows first said of each hypothesis, by its number."""
    found: dict[int, Claim] = {}
    for _, confirmation in record.confirmations:
        for claim in confirmation.claims:
            found.setdefault(claim.number, claim)
    return found


def _claim_row(record: Record, one: dict[str, Any], claim: Claim | None) -> str:
    known = (one["figures"] or {}).get("value") is not None
    open_rows = figure(one["figures"]) if known else ""
    effect = p = '<td class="number quiet">–</td>'
    verdict = "stated"
    if claim is not None:
        verdict = f"<b>{claim.verdict}</b>" if claim.verdict == "confirmed" else safe(claim.verdict)
        if claim.effect is not None:
            effect = f'<td class="number">{figure(claim.effect)}</td>'
            p = f'<td class="number">{p_value(claim.p_adjusted).removeprefix("p = ")}</td>'
    return (
        f'<tr><td>H{one["number"]}</td><td class="name">{_said(record, one, claim)}</td><td class="number">{open_rows}</td>{effect}{p}'
        f"<td>{verdict}</td></tr>"
    )


def _waits(record: Record) -> str:
    """Say why hypotheses were not tested, or name the command that asks the sealed rows."""
    reasons: dict[str, list[str]] = {}
    for number, claim in sorted(_claims(record).items()):
        if claim.reason:
            reasons.setdefault(claim.reason, []).append(f"H{number}")
    if reasons:
        return " ".join(f"{words.listed(of)}: {safe(why.rstrip('.'))}." for why, of in reasons.items()) + " "
    if record.confirmations or not record.counts["sealed"]:
        return ""
    return f"Not asked yet: {code(f'clew confirm {record.study} --reason ...')}. "


def _said(record: Record, one: dict[str, Any], claim: Claim | None) -> str:
    """Say a hypothesis on record, and what sealed rows were asked where that is something else."""
    text, by_hand = _stated(record, one)
    if by_hand or claim is None or claim.effect is None:
        return text
    whom = claim.tested_as.removesuffix(" from the rest").split()[-1]
    return (
        text if safe(whom) in text else f'{text} <span class="quiet">(asked: {safe(claim.tested_as)})</span>'
    )


def _stated(record: Record, one: dict[str, Any]) -> tuple[str, bool]:
    """Return a hypothesis, with names where it belongs to the look that is shown, and whether a person stated it."""
    bare = one["statement"].partition(" (cross-validated")[0]
    if next(step.verb for step in record.steps if step.id == one["step"]) == "state":
        return f'{safe(bare)} <span class="quiet">(stated by hand, step {one["step"]})</span>', True
    if record.look is None or one["step"] != record.look.id:
        return f'<span class="quiet">{safe(bare)} (step {one["step"]}, not pursued)</span>', False
    stated = (
        record.exploration.hypotheses.stated if record.exploration and record.exploration.hypotheses else []
    )
    same = [each for each in stated if each.statement == bare]
    return (words.statement(record, same[0]) if same else safe(bare)), False


def _stand_ins(record: Record) -> str:
    look = record.exploration
    if look is None or look.hypotheses is None:
        return ""
    named = set(told_features(record, 99))
    groups = [group for group in look.hypotheses.correlated if named & set(group)]
    return (
        "; " + "; ".join(f"{safe(words.listed(group))} can stand in for one another" for group in groups)
        if groups
        else ""
    )


def _distributions(record: Record) -> str:
    look, names = record.exploration, told_features(record, STRIPS)
    if look is None or not look.k or not names:
        return ""
    samples, groups = record.shown
    columns = [samples.feature_names.index(name) for name in names]
    kept = groups >= 0
    drawing = draw.strips(
        samples.features[kept][:, columns],
        groups[kept],
        feature_names=names,
        units=[samples.units[c] for c in columns],
        names=record.names,
        width=560,
    )
    caption = (
        "Every open row a point; line: middle half, bar: median. These features made the groups, so that the groups "
        "differ in them is no evidence."
    )
    return drawn(drawing, "strips", caption, label=f"Distributions of {words.listed(names)} by group")


def _know(record: Record) -> str:
    body = "".join(f"<p><b>{safe(title)}:</b> {text}</p>" for title, text in words.reviewer(record))
    wide = record.exploration is None  # as there is room on the left
    body = f'<div class="know">{body}</div>{_seal(record)}'
    return section("What a reviewer should know", "", body, kind="all" if wide else "")


def _seal(record: Record) -> str:
    sealed = record.counts["sealed"]
    if not sealed:
        return "<p><b>No seal:</b> no row was put aside, so nothing here can be tested on rows that nobody had looked at.</p>"
    if not record.openings:
        return f'<div class="seal-state">{asset("seal_closed.svg").strip()}<p><b>Sealed, never opened:</b> {safe(record.steps_of("seal")[-1].headline)}</p></div>'
    shown = [one for one in record.openings if one.shown]
    lines = []
    for one in record.openings:
        told = ""
        if not one.shown:
            told = " <b>Nothing was shown:</b> the step did not end."
        elif not one.independent:
            unseen = any(test.opening is one and record.trained_unseen(test) for test in record.tests[:1])
            time = f"{_ordinal(shown.index(one) + 1)} time"
            told = (
                f" <b>{time}</b>, though the model was trained before: its figure is as good as a first one."
                if unseen
                else f" <b>{time}: not independent</b>, the rows had been looked at."
            )
        why = f"{day(one.at)} by {safe(one.who)} for {code(one.verb)}, “{safe(one.reason)}”."
        lines.append(f"<p><b>Seal opened</b> {why}{told}</p>")
    seal = asset("seal_open.svg" if shown else "seal_closed.svg").strip()
    return f'<div class="seal-state">{seal}<div>{"".join(lines)}</div></div>'


def _ordinal(number: int) -> str:
    return f"{number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') }"


def _foot(record: Record) -> str:
    last = record.steps[-1]
    named = ("python", "numpy", "scikit-learn")
    versions = ", ".join(
        f"{'Python' if name == 'python' else name} {last.versions[name]}"
        for name in named
        if name in last.versions
    )
    seeds = sorted(
        {
            int(s["random_state"])
            for s in (one.settings for one in record.steps)
            if s.get("random_state") is not None
        }
    )
    runs = record.look.settings.get("runs", 1) if record.look is not None else 1
    first = int(record.look.settings.get("random_state", 0)) if record.look is not None else 0
    told = f"seeds {first}–{first + runs - 1}" if runs > 1 else f"seed {', '.join(map(str, seeds)) or 'none'}"
    return (
        f'<footer class="foot"><span>Check it: {code(f"clew verify {record.study}")} repeats all {counted(len(record.steps), "step")} and compares the hashes</span>'
        f"<span>{safe(versions)}; {told} &nbsp; {code(f'record {record.sha256[:8]}')}</span></footer>"
    )
