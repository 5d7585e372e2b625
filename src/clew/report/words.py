"""The sentences of the page: the verdict first, the number after it, then what to mind. All are HTML."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from clew.explore.stability import in_words
from clew.report.gathered import Record
from clew.steps.outcome import sentences

NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
CIRCULAR = (
    "The labels are the names of groups that were made of the same features: the figures say how well the classifier "
    "repeats the grouping, not whether it is true."
)


def safe(text: Any) -> str:
    """Escape a text for HTML."""
    return html.escape(str(text), quote=True)


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: "1 look", "2 looks"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def spelt_number(n: int) -> str:
    """Write a small number as a word."""
    return NUMBERS[n] if n < len(NUMBERS) else f"{n:,}"


def p_value(p: float) -> str:
    """Write a p value."""
    return f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.3f}"


def figure(value: Any) -> str:
    """Write a figure with its interval: ``0.88 [0.79, 0.95]``; takes an Interval or a dict."""
    known = value if isinstance(value, dict) else value.summary()
    if known.get("value") is None:
        return "not known"
    text = number(known["value"])
    return (
        text
        if known.get("low") is None or known.get("high") is None
        else f"{text} [{number(known['low'])}, {number(known['high'])}]"
    )


def number(value: float) -> str:
    """Write a number with a true minus."""
    text = f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def listed(names: list[str]) -> str:
    """Join names: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def code(text: Any) -> str:
    """Set a command or a file name."""
    return f"<code>{safe(text)}</code>"


def finding(record: Record) -> str:
    """Say what the study found, the first clause in bold."""
    parts = [_groups(record), _modes(record), _stated(record), _classifier(record), _caveat(record)]
    return " ".join(part for part in parts if part)


def _groups(record: Record) -> str:
    look = record.exploration
    if look is None or record.look is None:
        made = f"{counted(sum(record.counts.values()), record.what[:-1], record.what)} measured; nobody has looked for groups yet."
        return f"<b>{made}</b> Begin with {code(f'clew explore {record.study}')}."
    found, asked = look.evidence, record.look.settings.get("k", "auto") != "auto"
    if found.stopped_early == "asked":
        return f"<b>Not decided.</b> {safe(found.headline())}"
    said, _, why = found.headline().partition(": ")
    if not look.k:
        return f"<b>No groups of {record.what}:</b> {safe(why)}"
    number = spelt_number(look.k)
    noun = "group" if look.k == 1 else "groups"
    if found.k == 0:
        return (
            f"<b>Cut into {number} {noun} as asked, without evidence that there are groups.</b> Cut in two, one cloud with "
            f"the same spread and skew would separate as well ({p_value(found.p_value)})."
        )
    if asked and found.k != look.k:
        return f"<b>Cut into {number} {noun} as asked; {spelt_number(found.k)} are separated best.</b> {safe(said)}: {safe(why)}"
    return f"<b>{number.capitalize()} {noun} of {record.what},</b> {safe(why)}"


def _modes(record: Record) -> str:
    modes = record.exploration.dip.bimodal() if record.exploration else []
    if not modes:
        return ""
    shown = listed([f"<i>{safe(name)}</i>" for name in modes[:3]])
    more = f" (and {len(modes) - 3} more)" if len(modes) > 3 else ""
    return f"{shown}{more} alone {'has' if len(modes) == 1 else 'have'} more than one mode."


def statement(record: Record, hypothesis: Any) -> str:
    """Say one hypothesis of the exploration that is shown, with the groups' names."""
    names = [record.names.get(str(g), f"group {g}") for g in range(record.exploration.k)]  # type: ignore[union-attr]
    features = listed([f"<i>{safe(name)}</i>" for name in hypothesis.features])
    other = f"<em>{safe(names[1])}</em>" if len(names) == 2 else "the rest"
    tells = "tells" if len(hypothesis.features) == 1 else "tell"
    return f"{features} {tells} <em>{safe(names[hypothesis.group])}</em> from {other}"


def _stated(record: Record) -> str:
    look = record.exploration
    if look is None or look.hypotheses is None or not look.hypotheses.stated:
        return ""
    stated = look.hypotheses.stated
    if len(stated) == 1:
        return f"{statement(record, stated[0])}: stated, not tested."
    return f"{spelt_number(len(stated)).capitalize()} hypotheses say which measurements tell them apart; none is tested yet."


def _classifier(record: Record) -> str:
    tested, open_ = record.sealed_test, record.validation
    chosen = tested.validation if tested else open_
    if chosen is None:
        return ""
    where = "on the sealed rows" if tested else "in cross-validation on the open rows"
    if tested and not tested.opening.independent:
        where += ", which had been looked at before"
    metrics = chosen.scores.metrics
    leading = metrics.get("balanced_accuracy") or metrics["mae"]
    if not np.isfinite(leading.low):
        where += f" (too few groups for an interval: {leading.n_groups})"
    if record.labelled.get("group") and chosen.scores.classes:
        where += ", which says how well it repeats the grouping"
    if "balanced_accuracy" in metrics:
        said = f"The classifier reaches a balanced accuracy of {figure(metrics['balanced_accuracy'])} {where}"
    else:
        target = record.forest.target_name if record.forest is not None else "a number"
        of = f" of <i>{safe(target)}</i>" if target != "a number" else ""
        said = f"The model{of} is off by {figure(metrics['mae'])} on average (R² {figure(metrics['r2'])}) {where}"
    waiting = (
        "" if tested or not record.counts["sealed"] or record.openings else "; the sealed rows wait untouched"
    )
    return f"{said}{waiting}."


def _caveat(record: Record) -> str:
    look = record.exploration
    if look is None or not look.source_warning():
        return ""
    return "The groups follow the sources of the rows: it may be the batch."


def agreement(record: Record) -> str:
    """Sum up what repeating the look shows, and what that does not say."""
    return safe(in_words(record.exploration)).replace(" -", " −") if record.exploration else ""


def reviewer(record: Record) -> list[tuple[str, str]]:
    """Return what a reviewer should know, as (title, sentence)."""
    items = [("Tried", _tried(record)), ("Measured", _sentences(record.facts["notes"]))]
    look = record.exploration
    if look is not None and look.follows_source is not None and not look.source_warning():
        share, by_chance = look.follows_source["share"], look.follows_source["by_chance"]
        said = f"{share:.0%} of the rows lie in the group that dominates their source, {by_chance:.0%} by chance."
        items.append(("Sources", said))
    if look is not None and look.notes:
        items.append(("Notes", _sentences(look.notes)))
    items.append(("Labels", _labels(record)))
    if record.validation is not None:
        items.append(("Held out", safe(record.validation.split["reason"])))
        items.append(("Mind", _sentences(record.validation.warnings)))
        items.append(("Model", _model_and_figures(record)))
    if record.sealed_test is not None:
        items.append(("Sealed rows", _sentences(record.sealed_test.validation.warnings)))
    return [(title, text) for title, text in items if text]


def _sentences(notes: list[str]) -> str:
    """Join remarks to sentences, each remark once."""
    return safe(" ".join(sentences(notes)))


def look_in_short(step: Any) -> str:
    """Say one look in a few words: feature set, what was not as by default, and what came of it."""
    features = step.settings.get("features", "all")
    features = features if isinstance(features, str) else ", ".join(features)
    k = step.summary.get("k", 0)
    asked = step.settings.get("k", "auto") != "auto"
    found = "no groups" if not k else f"k {k} as asked" if asked else f"{k} groups"
    by_default = {
        "metric": "auto",
        "scale": "standard",
        "embed": "umap",
        "cluster": "kmeans",
        "space": "features",
    }
    otherwise = [
        str(step.settings[name])
        for name, usual in by_default.items()
        if step.settings.get(name, usual) != usual
    ]
    return f"{', '.join([features, *otherwise])}: {found}"


def _tried(record: Record) -> str:
    models = (
        f"{counted(len(record.models), 'model')}, {counted(len(record.steps_of('validate')), 'validation')}"
    )
    if not record.looks:
        return f"no look for groups at the open rows; {models}."
    looks = "; ".join(
        f"{safe(look_in_short(one))} ({p_value(one.summary['evidence']['p_value'])})" for one in record.looks
    )
    tail = [
        counted(len(record.hypotheses), "hypothesis", "hypotheses") + " stated",
        models,
    ]
    return f"{counted(len(record.looks), 'look')} at the open rows ({looks}); {', '.join(tail)}."


def _labels(record: Record) -> str:
    people, groups = record.labelled.get("person", 0), record.labelled.get("group", 0)
    if not people and not groups:
        return "" if record.samples.target is not None else "none yet."
    parts = []
    if people:
        parts.append(
            f"{counted(people, 'open row')} labelled by people (on record by {safe(listed(record.people))})"
        )
    if groups:
        parts.append(f"{counted(groups, 'open row')} labelled by the name of their group")
    return f"{'; '.join(parts)}.{' ' + CIRCULAR if groups else ''}"


def _model_and_figures(record: Record) -> str:
    """Say whether the cross-validation judged what was trained: same rows, same labels, same settings."""
    if not record.models or record.validated is None:
        return ""
    trained = next(one for one in record.steps if one.id == record.models[-1]["step"])
    if trained.inputs.get("samples") != record.validated.inputs.get("samples"):
        return f"{safe(record.models[-1]['name'])} was trained on other rows or labels than the cross-validation judged: run {code(f'clew validate {record.study}')} again."
    differ = [
        f"{name} {record.validated.settings[name]} instead of {value}"
        for name, value in trained.settings.items()
        if name not in ("n_jobs",)
        and name in record.validated.settings
        and record.validated.settings[name] != value
    ]
    return (
        f"the cross-validation judged other settings than {safe(record.models[-1]['name'])} has: {safe(', '.join(differ))}."
        if differ
        else ""
    )


def in_short(record: Record, step: Any) -> str:
    """Say a step in a few words, for the thread."""
    summary = step.summary
    match step.verb:
        case "sources":
            return f"{counted(record.n_sources, 'file')}" + (
                " + label images" if len(summary["sources"]) > record.n_sources else ""
            )
        case "measure":
            measured = f" × {len(summary['features'])}" if summary["features"] else ", distances only"
            return f"{summary['rows']:,} {record.what}{measured}"
        case "seal":
            by = {"group": "whole groups", "space": "regions", "row": "at random"}.get(
                summary["by"], summary["by"]
            )
            return f"{counted(summary['sealed'], 'row')}, {by}" if summary["sealed"] else "nothing sealed"
        case "explore":
            return f"{look_in_short(step)}, ARI {summary['stability']['ari_mean']:.2f}"
        case "name":
            return ", ".join(summary["names"].values())
        case "label":
            return f"{counted(summary['labels'], 'label')}" if "labels" in summary else "taken back"
        case "train":
            name = next((one["name"] for one in record.models if one["step"] == step.id), "model")
            return f"{name}, {summary['trees']} trees"
        case "validate":
            return f"{summary['split'].get('folds', '')} folds, by {summary['split']['by']}"
        case "test":
            return f"{summary['rows']} sealed rows"
    return re.split(r"[.;]", step.headline)[0]
