"""The sentences of the page: the verdict first, the number after it, then what to mind. All are HTML."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from clew.explain.explanation import Explanation
from clew.explain.net_features import NetExplanation
from clew.explain.net_looks import NetLooks
from clew.explore.exploration import NetExploration
from clew.explore.stability import in_words
from clew.report.gathered import Record
from clew.steps.learning import CIRCULAR_OF_CODER, CIRCULAR_OF_NET
from clew.steps.measuring import AROUND
from clew.steps.outcome import sentences
from clew.validate.metrics import Validation
from clew.words import listed, spell_p

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
ABOUT_COPIES = re.compile(r"\brows?\b.* (equal|nearly equal to|at distance 0 from) ")
CIRCULAR = (
    "The labels are the names of groups that were made of the same features: the figures say how well the classifier "
    "repeats the grouping, not whether it is true."
)


def circular(record: Record) -> str:
    """Say why figures of a model that learnt names of groups are no truth."""
    look = record.exploration
    if isinstance(look, NetExploration):
        return CIRCULAR_OF_CODER if look.of_codes and not look.source["classes"] else CIRCULAR_OF_NET
    return CIRCULAR


def safe(text: Any) -> str:
    """Escape a text for HTML."""
    return html.escape(str(text), quote=True)


def prose(text: Any) -> str:
    """Escape a sentence for HTML, with true minus signs."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", safe(text))


def counted(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: "1 look", "2 looks"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def spelt_number(n: int) -> str:
    """Write a small number as a word."""
    return NUMBERS[n] if n < len(NUMBERS) else f"{n:,}"


def p_value(p: float) -> str:
    """Write a p value."""
    return f"p = {spell_p(p)}"


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


def code(text: Any) -> str:
    """Set a command or a file name."""
    return f"<code>{safe(text)}</code>"


def finding(record: Record) -> str:
    """Say what the study found, the first clause in bold."""
    if record.facts.get("paint"):
        return painted(record)
    if unlooked(record):
        parts = [_model(record), goes_by(record), _stated(record)]
        return " ".join(part for part in parts if part)
    parts = [
        groups_found(record),
        _replicates(record),
        _modes(record),
        _stated(record),
        classifier_reaches(record),
        goes_by(record),
        _caveat(record),
    ]
    return " ".join(part for part in parts if part)


def painted(record: Record) -> str:
    """Say of a study to paint on what was painted and saved."""
    begin = "<b>No rows: this study is for painting.</b>"
    saved = record.steps_of("paint")
    if not saved:
        return f"{begin} No model was saved yet. Paint in {code(f'clew serve {record.study}')}."
    classes = listed(saved[-1].summary["classes"])
    times = "once" if len(saved) == 1 else f"{len(saved)} times"
    return (
        f"{begin} A pixel classifier was saved {times}, the last for {safe(classes)}: {safe(saved[-1].headline)}. "
        f"How good it is does not stand on record; {code('clew pixels train')} says it of what was painted."
    )


def unlooked(record: Record) -> bool:
    """Tell whether there is something to learn, or learnt, and nobody has looked for groups: none is missing then."""
    return record.exploration is None and (record.by_people or record.forest is not None)


def _model(record: Record) -> str:
    """Say how good the model is, in bold; before it was judged, what there is and which command comes next."""
    said = classifier_reaches(record)
    if said:
        first, where, rest = said.partition(" on the sealed rows" if record.sealed_test else " in cross-validation")  # fmt: skip
        return f"<b>{first}</b>{where}{rest}"
    if record.forest is not None:
        made = "A classifier" if record.forest.classes else "A model"
        return f"<b>{made} was trained; how good it is was not asked yet.</b> Next: {code(f'clew validate {record.study}')}."
    rows, people = sum(record.counts.values()), record.labelled.get("person", 0)
    given = "each with a target" if not people else f"{counted(people, 'open row')} labelled by people"
    return f"<b>{counted(rows, record.what[:-1], record.what)} measured, {given}; no model was trained yet.</b> Next: {code(f'clew train {record.study}')}."


def groups_found(record: Record) -> str:
    """Say whether there are groups in the look that is shown, the first clause in bold."""
    look = record.exploration
    if look is None or record.look is None:
        made = f"{counted(sum(record.counts.values()), record.what[:-1], record.what)} measured; nobody has looked for groups yet."
        return f"<b>{made}</b> Begin with {code(f'clew explore {record.study}')}."
    found, asked = look.evidence, record.look.settings.get("k", "auto") != "auto"
    if found.stopped_early == "asked":
        return f"<b>Not decided.</b> {safe(found.headline())}"
    said, _, why = found.headline().partition(": ")
    if isinstance(look, NetExploration):
        return f"<b>{safe(look.caution())}</b> {safe(found.headline())}"
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


def _replicates(record: Record) -> str:
    """Say whether sealed rows gave the groups again."""
    if not record.confirmations or record.exploration is None or not record.exploration.k:
        return ""
    step, first = record.confirmations[0]
    if step.inputs["steps"] != [record.look.id if record.look else None]:
        return ""  # it was about another look
    if first.replication.verdict == "confirmed":
        return "<b>They replicate on the sealed rows.</b>"
    if first.replication.verdict == "not tested":
        return ""
    said, _, why = first.replication.headline().rstrip(".").partition("; ")
    return f"<b>{prose(said)}</b>{f'; {prose(why)}' if why else ''}."


def goes_by(record: Record) -> str:
    """Say what the explained model goes by most, as far as it predicts at all; "" otherwise."""
    if "explain" not in record.judged:
        return ""
    _, found = record.judged["explain"]
    if isinstance(found, NetLooks):
        return f"<b>{prose(found.verdict())}</b>" if not found.believable else ""
    assert isinstance(found, (Explanation, NetExplanation))
    if not found.permutation.predicts or not len(found.ranking):
        return ""
    first = int(found.ranking[0])
    alike = next((run for run in found.unranked if first in run), [first])
    names = listed([_shared(found, g) for g in alike[:3]])
    return f"It goes by {names} most{', in no sure order' if len(alike) > 1 else ''}."


def strongest(explanation: Explanation | NetExplanation, group: int) -> str:
    """Return the feature of a group with the largest SHAP values, or that costs most where it is lost."""
    names = explanation.feature_names
    return max(explanation.groups[group], key=lambda name: explanation.sizes[names.index(name), 0])


def _shared(explanation: Explanation | NetExplanation, group: int) -> str:
    """Name a group by its strongest feature, and say how many share its credit."""
    others = len(explanation.groups[group]) - 1
    name = f"<i>{safe(strongest(explanation, group))}</i>"
    return f"{name} (or {others} like it)" if others else name


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
    if record.confirmations and record.confirmations[0][1].claims:
        return _held(record)
    if look is None or look.hypotheses is None or not look.hypotheses.stated:
        return ""
    stated = look.hypotheses.stated
    if len(stated) == 1:
        return f"{statement(record, stated[0])}: stated, not tested."
    return f"{spelt_number(len(stated)).capitalize()} hypotheses say which measurements tell them apart; none is tested yet."


def _held(record: Record) -> str:
    """Say how many of the hypotheses on record hold on labels that people gave to sealed rows."""
    claims = record.confirmations[0][1].claims
    held = sum(one.verdict == "confirmed" for one in claims)
    tested = sum(one.verdict != "not tested" for one in claims)
    if not tested:
        return ""
    what = "the target" if record.samples.target is not None else "labels given by people"
    of = "hypothesis was" if tested == 1 else "hypotheses were"
    number = spelt_number(tested).capitalize()
    return f"{number} {of} held against {what} on sealed rows: {spelt_number(held) if held else 'none'} confirmed."


def classifier_reaches(record: Record) -> str:
    """Say how good the model is, on sealed rows where they were asked; "" before it was judged."""
    tested, open_ = record.sealed_test, record.validation
    chosen = tested.validation if tested else open_
    if chosen is None:
        return ""
    where = "on the sealed rows" if tested else "in cross-validation on the open rows"
    if tested and not tested.opening.independent:
        unseen = record.trained_unseen(tested)
        where += (
            ", which nobody had seen when it was trained" if unseen else ", which had been looked at before"
        )
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
    return f"{said}{_by_chance(chosen)}{waiting}."


def _by_chance(chosen: Validation) -> str:
    """Say so where the first figure is no better than that of no look at the features."""
    name = "balanced_accuracy" if chosen.scores.classes else "mae"
    blind = next((given for who, given in chosen.baselines.items() if who != "permuted"), {}).get(name)
    reached = chosen.scores.metrics[name]
    if blind is None or not np.isfinite(reached.low):
        return ""
    if reached.low > blind if chosen.scores.classes else reached.high < blind:
        return ""
    always = "the commonest class" if chosen.scores.classes else "the mean"
    return f", <b>not shown to be better than always saying {always}</b> ({number(blind)})"


def _caveat(record: Record) -> str:
    look = record.exploration
    if look is not None and look.source_warning():
        return "The groups follow the sources of the rows: it may be the batch."
    if look is not None and look.k and look.time_warning():
        return "The groups are stretches of time: it may be drift."
    return ""


def agreement(record: Record) -> str:
    """Sum up what repeating the look shows, and what that does not say."""
    return safe(in_words(record.exploration)).replace(" -", " −") if record.exploration else ""


def reviewer(record: Record) -> list[tuple[str, str]]:
    """Return what a reviewer should know, as (title, sentence)."""
    look = record.exploration
    if record.facts.get("paint"):
        return [("Images", _sentences(record.facts["notes"]))] if record.facts["notes"] else []
    items = [("Tried", _tried(record)), ("Measured", _sentences(record.facts["notes"]))]
    items.append(("Copies", _copies(record)))
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
        items += _about_labels(record)
    if record.sealed_test is not None:
        items.append(("Sealed rows", _sentences(record.sealed_test.validation.warnings)))
    return [(title, text) for title, text in items if text]


def _sentences(notes: list[str]) -> str:
    """Join remarks to sentences, each remark once, and none on copies, which stand by themselves."""
    return prose(" ".join(sentences(one for one in notes if not ABOUT_COPIES.search(one))))


def _copies(record: Record) -> str:
    """Say which rows are there twice, or nearly, as far as that was said anywhere."""
    told = [*record.facts["notes"], *(record.validation.warnings if record.validation else [])]
    told = [one for one in told if ABOUT_COPIES.search(one)]
    if not told and record.exploration is not None:
        told = [one for one in record.exploration.notes if ABOUT_COPIES.search(one)]
    whole = [one for one in told if not any(other.startswith(one.rstrip(".") + ";") for other in told)]
    return prose(" ".join(sentences(whole)))


def _about_labels(record: Record) -> list[tuple[str, str]]:
    """Say whether labelled rows are like the others, and how many labels look wrong."""
    assert record.validation is not None
    whether, doubts = record.validation.representative, record.validation.label_errors
    items = []
    if whether is not None and whether.how:
        items.append(("Labelled in part", prose(whether.headline()) + "."))
    if record.by_people and doubts is not None:
        items.append(("Label errors", prose(doubts.headline()) + "."))
    return items


def look_in_short(step: Any) -> str:
    """Say one look in a few words: feature set, what was not as by default, and what came of it."""
    features = step.settings.get("features", "all")
    features = features.split(",") if isinstance(features, str) else features
    more = f" and {len(features) - 1} more" if len(features) > 2 else ""
    features = f"{features[0].strip()}{more}" if more else ", ".join(features)
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
    looks = "; ".join(
        f"{safe(look_in_short(one))} ({p_value(one.summary['evidence']['p_value'])})" for one in record.looks
    )
    first = f"{counted(len(record.looks), 'look')} at the open rows ({looks})"
    first = first if looks else "no look for groups at the open rows"
    return f"{first}; {', '.join(tried(record))}."


def tried(record: Record) -> list[str]:
    """Count what was tried on the open rows besides looks: everything that the best could have been chosen from."""
    candidates = sum(one.summary["candidates"] for one in record.steps_of("compare"))
    values = sum(len(one.summary.get("values", [])) for one in record.steps_of("curve"))
    runs = sum(one.summary["runs"] for one in record.steps if one.verb == "repeat")
    stated = counted(len(record.hypotheses), "hypothesis", "hypotheses") + " stated"
    told = [
        stated if record.hypotheses or record.looks else "",
        counted(len(record.models), "model"),
        counted(len(record.steps_of("validate")), "validation"),
        f"{counted(candidates, 'candidate')} compared" if candidates else "",
        f"{counted(values, 'value')} of a setting tried on a curve" if values else "",
        f"{counted(runs, 'run')} repeated" if runs else "",
    ]
    return [one for one in told if one]


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
    return f"{'; '.join(parts)}.{' ' + circular(record) if groups else ''}"


def _model_and_figures(record: Record) -> str:
    """Say whether the cross-validation judged what was trained: same rows, same labels, same settings."""
    model, trained = record.model, record.trained
    if model is None or trained is None or record.validated is None:
        return ""
    if trained.inputs.get("samples") != record.validated.inputs.get("samples"):
        return f"{safe(model['name'])} was trained on other rows or labels than the cross-validation judged: run {code(f'clew validate {record.study}')} again."
    differ = [
        f"{name} {record.validated.settings[name]} instead of {value}"
        for name, value in trained.settings.items()
        if name not in ("n_jobs",)
        and name in record.validated.settings
        and record.validated.settings[name] != value
    ]
    return (
        f"the cross-validation judged other settings than {safe(model['name'])} has: {safe(', '.join(differ))}."
        if differ
        else ""
    )


def _beside(record: Record) -> str:
    """Say what sources there are beside the data."""
    if record.facts["kind"] != "signal":
        return "label images" if not record.facts.get("distances") else "distances"
    return listed(
        [
            role
            for role in AROUND
            if any(one.startswith(f"{role} in ") for one in record.steps[0].summary["sources"])
        ]
    )


def in_short(record: Record, step: Any) -> str:
    """Say a step in a few words, for the thread."""
    summary = step.summary
    match step.verb:
        case "sources":
            return f"{counted(record.n_sources, 'file')}" + (
                f" + {_beside(record)}" if len(summary["sources"]) > record.n_sources else ""
            )
        case "measure":
            measured = f" × {len(summary['features'])}" if summary["features"] else ", distances only"
            return f"{summary['rows']:,} {record.what}{measured}"
        case "seal":
            by = {
                "group": "whole groups",
                "space": "regions",
                "time": "stretches of time",
                "latest": "the latest rows",
                "row": "at random",
            }.get(summary["by"], summary["by"])
            return f"{counted(summary['sealed'], 'row')}, {by}" if summary["sealed"] else "nothing sealed"
        case "explore":
            return f"{look_in_short(step)}, ARI {summary['stability']['ari_mean']:.2f}"
        case "name":
            return ", ".join(summary["names"].values())
        case "label":
            return f"{counted(summary['labels'], 'label')}" if "labels" in summary else "taken back"
        case "state":
            return ", ".join(summary["features"])
        case "confirm":
            held = [one["verdict"] for one in summary["hypotheses"] if one["verdict"] != "not tested"]
            if not held:
                return f"seal opened: groups {summary['replication']['verdict']}"
            return f"seal opened: {held.count('confirmed')} of {len(held)} confirmed"
        case "explain":
            if summary.get("predicts") is False:
                return "does not predict"
            if "depends" in summary:
                return "where it looks" if summary["depends"] else "maps that do not tell"
            group = summary["groups"][0]["features"]
            most = next(one["name"] for one in summary["features"] if one["name"] in group)
            return most if len(group) == 1 else f"{most} and {len(group) - 1} like it"
        case "sensors":
            return summary["best"] or "none tells"
        case "compare":
            return counted(summary["candidates"], "candidate")
        case "curve":
            return f"over {step.settings.get('over', 'rows')}"
        case "repeat":
            return counted(summary["runs"], "run")
        case "train":
            name = next((one["name"] for one in record.models if one["step"] == step.id), "model")
            return (
                f"{name}, {summary['trees']} trees"
                if "trees" in summary
                else f"{name}, {counted(summary['members'], 'net')}"
            )
        case "validate":
            return f"{summary['split'].get('folds', '')} folds, by {summary['split']['by']}"
        case "test":
            return f"{summary['rows']} sealed rows"
    return re.split(r"[.;]", step.headline)[0]
