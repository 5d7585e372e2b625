"""Sections on how a model was judged: what it goes by, how many labels it takes, what others would do, which labels are in doubt."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.explain.explanation import Explanation
from clew.explain.net_features import NetExplanation
from clew.explain.net_looks import NetLooks
from clew.explain.rows import per_sample
from clew.learn.sensors import SHARED
from clew.plot import comparison as draw_compared
from clew.plot import confirm as draw_confirm
from clew.plot import curves as draw_curves
from clew.plot import explain as draw_explained
from clew.plot import labels as draw_labels
from clew.plot import repeats as draw_repeats
from clew.plot import sensors as draw_sensors
from clew.plot import validate as draw_scores
from clew.report import nets, pictures, signals, words
from clew.report.gathered import Record
from clew.report.parts import day, drawn, section
from clew.report.words import code, prose, safe, strongest
from clew.splits.apart import has_times
from clew.steps.outcome import sentences
from clew.validate.claims import CAUTION

SHOWN_DEPENDENCE = 2  # features whose SHAP values are drawn against their own
THREE_ACROSS = 6  # families from which their pictures stand in three columns


def verdict(remarks: list[str]) -> str:
    """Return the first remark as a paragraph, and the others as a quiet one."""
    first, *others = sentences(remarks)
    return f"<p>{prose(first)}</p>{told(others)}"


def told(remarks: list[str]) -> str:
    """Return remarks as one quiet paragraph."""
    return f'<p class="quiet note">{prose(" ".join(sentences(remarks)))}</p>' if remarks else ""


def mind(record: Record, remarks: list[str]) -> str:
    """Return remarks that the first sheet does not make yet."""
    known = record.validation.warnings if record.validation is not None else []
    return told([one for one in remarks if one not in known])


def outdated(record: Record, kind: str) -> str:
    """Warn where a result is about another model, or other rows or labels, than the latest model's."""
    step, trained = record.judged[kind][0], record.trained
    if trained is None:
        return ""
    of_model = step.inputs.get("steps", [])
    same = step.inputs.get("samples") == trained.inputs.get("samples")
    if same and (not of_model or trained.id in of_model):
        return ""
    other = "another model than the latest" if of_model else "other rows or labels than the latest model has"
    return f'<p class="notice"><b>This is about {other}.</b> Ask again: {code(f"clew {kind.split()[0]} {record.study}")}.</p>'


def circular(record: Record) -> str:
    """Say above all figures of a model whether it learnt nothing but the names of groups."""
    if record.forest is None or record.by_people or not record.labelled.get("group"):
        return ""
    return f'<p class="notice all"><b>Names of groups were learnt.</b> {safe(words.circular(record))}</p>'


def found(record: Record, kind: str) -> Any:
    """Return the latest result of a kind, or None."""
    return record.judged[kind][1] if kind in record.judged else None


# ---- what it goes by ----
def explained(record: Record) -> str:
    """Show what the model goes by: groups, rows, features, one row, and back in their places."""
    one = found(record, "explain")
    if one is None:
        return ""
    if isinstance(one, NetLooks):
        return nets.by_looks(one, outdated(record, "explain"))
    if isinstance(one, NetExplanation):
        most = words.goes_by(record)
        return nets.by_features(one, outdated(record, "explain") + (f"<p><b>{most}</b></p>" if most else ""))
    assert isinstance(one, Explanation)
    most = words.goes_by(record)
    body = outdated(record, "explain") + f"<p>{f'<b>{most}</b> ' if most else ''}{prose(one.verdict())}</p>"
    bars = drawn(
        draw_explained.bars(one),
        "shap bars",
        f"{one.shown_of()} rows. Features that can stand in for each other share one bar, the members below it.",
        label="; ".join(one.ranked()),
    )
    title, aside = "What the model goes by", f"SHAP, {safe(one.method)}"
    caveats = (
        f'<div class="mind">{"".join(f"<p>{prose(each)}</p>" for each in sentences(one.caveats()))}</div>'
    )
    if one.idle:  # what noise pushes a model to is not drawn row by row
        return section(title, aside, f'{body}<div class="pair"><div>{bars}</div>{caveats}</div>', kind="all")
    swarm = drawn(
        draw_explained.beeswarm(one, width=520),
        "beeswarm",
        f"Every row a dot: how far the feature moves its answer{_towards(one)}, by the feature’s own value.",
        label=f"SHAP values of every row{_towards(one, plain=True)}",
    )
    pair = f'<div class="pair"><div>{bars}</div><div>{swarm}</div></div>'
    return section(title, aside, f"{body}{pair}{caveats}{_closer(record, one)}", kind="all")


def _towards(one: Explanation, *, plain: bool = False) -> str:
    """Name the class that all pictures of SHAP values show; "" for numbers."""
    if len(one.outputs) == 1:
        return ""
    return f" towards {one.outputs[-1]}" if plain else f" towards <i>{safe(one.outputs[-1])}</i>"


def _furthest(one: Explanation) -> int:
    """Return the row that is pushed furthest; for classes, of those that get the class that is shown, if any do."""
    pushed = np.abs(one.values[..., -1]).sum(axis=1)
    here = one.prediction.argmax(axis=1) == len(one.outputs) - 1
    return int(np.argmax(np.where(here, pushed, -1.0) if here.any() else pushed))


def _closer(record: Record, one: Explanation) -> str:
    """Show the strongest features against their values, one row from base to answer, and SHAP painted back."""
    first = [strongest(one, g) for g in one.ranking[:SHOWN_DEPENDENCE].tolist()]
    parts = [
        drawn(
            draw_explained.dependence(one, name, width=400),
            f"dependence {i}",
            ""
            if i
            else f"Every row a dot: the feature’s own value, and how far it moves the answer{_towards(one)}.",
            label=f"SHAP of {name} against its value",
        )
        for i, name in enumerate(first)
    ]
    row = str(one.sample[_furthest(one)])
    parts.append(
        drawn(
            draw_explained.waterfall(one, row, output=one.outputs[-1], width=440),
            "waterfall",
            f"The row that is pushed furthest{_towards(one)}: {code(row)}.",
            label=f"How the answer for {row} comes about",
        )
    )
    painted = _painted_back(record, one, first[0])
    if painted:  # as tall as two of the others
        return f'<div class="closer"><div>{"".join(parts)}</div>{painted}</div>'
    return f'<div class="closer three">{"".join(parts)}</div>{_along_time(record, one, first[0])}'


def _along_time(record: Record, one: Explanation, feature: str) -> str:
    """Draw the SHAP values of the strongest feature where the open rows, or windows, lie in time: of one source."""
    if not has_times(record.samples):
        return ""
    origin = record.samples.origin
    place = {str(name): i for i, name in enumerate(record.samples.sample)}
    shown = [(row, place[str(name)]) for row, name in enumerate(one.sample) if str(name) in place]
    sources = origin["source"].to_numpy(dtype=str)[[at for _, at in shown]]
    source = max(sorted(set(sources)), key=lambda name: int((sources == name).sum()))
    rows, at = np.array([pair for pair, of in zip(shown, sources) if of == source]).T
    start = origin["start"].to_numpy(np.float64)[at]
    end = origin["end"].to_numpy(np.float64)[at] if "end" in origin else start
    values = one.values[rows, one.feature_names.index(feature), -1]
    title = feature if len(one.outputs) == 1 else f"{feature}: towards {one.outputs[-1]}"
    return drawn(
        draw_explained.along(start, end, values, title=title, width=1100),
        "shap along",
        f"{code(source)}: {len(rows):,} open rows where they lie in time; bars above 0 push up, below 0 down.",
        label=f"SHAP values of {feature} along time",
    )


def _painted_back(record: Record, one: Explanation, feature: str) -> str:
    """Paint the SHAP values of the strongest feature on the open objects of one image."""
    if not pictures.has_pictures(record):
        return ""
    place = {str(name): i for i, name in enumerate(record.samples.sample)}
    origin = record.samples.origin
    at = [place[str(name)] for name in one.sample if str(name) in place]
    if not at:
        return ""
    sources = origin["source"].to_numpy(dtype=str)[at]
    source = max(sorted(set(sources)), key=lambda name: int((sources == name).sum()))
    output = len(one.outputs) - 1
    column = one.feature_names.index(feature)
    rows = {str(name): i for i, name in enumerate(one.sample)}
    labels = origin["label"].to_numpy(dtype=int)
    values = {
        int(labels[i]): float(one.values[rows[str(record.samples.sample[i])], column, output])
        for i, of in zip(at, sources)
        if of == source
    }
    picture, label_image = pictures.Pictures(record).of(source)
    title = feature if len(one.outputs) == 1 else f"{feature}: towards {one.outputs[output]}"
    drawing = draw_explained.painted(picture, label_image, values, title=title, width=560)
    most = per_sample(one)
    return drawn(
        drawing,
        "shap painted",
        f"{code(source)}, {len(values)} open objects. {safe(most.headline())}.",
        label=f"SHAP values of {feature} painted on the objects of {source}",
    )


# ---- which sensor ----
def which_sensor(record: Record) -> str:
    """Show which station, component or kind of measurement tells most about the classes."""
    one = found(record, "sensors")
    if one is None:
        return ""
    body = outdated(record, "sensors") + verdict(one.verdict())
    drawing = drawn(draw_sensors.sensors(one), "sensors", prose(SHARED), label=one.headline())
    return section(f"Which {one.by} tells most?", "", body + drawing + mind(record, one.warnings))


# ---- how many labels, which setting ----
def curves(record: Record) -> str:
    """Show what more labels, or another setting, would bring."""
    sections = []
    if (one := found(record, "curve")) is not None:
        body = f"{outdated(record, 'curve')}<p>{prose(' '.join(sentences([one.diagnosis.advice, one.outlook])))}</p>"
        body += drawn(
            draw_curves.learning(one), "learning curve", "Bands: 95% over groups.", label=one.headline()
        )
        body += mind(record, one.warnings)
        sections.append(section("Would more labels help?", "learning curve", body))
    for kind in sorted(record.judged):
        if kind.startswith("curve "):
            one = found(record, kind)
            body = outdated(record, kind)
            body += drawn(draw_curves.validation(one), kind, "Bands: 95% over groups.", label=one.headline())
            title = f"Another {one.name.replace('_', ' ')}?"
            sections.append(section(title, "validation curve", body + mind(record, one.warnings)))
    return "".join(sections)


# ---- what others would do ----
def compared(record: Record) -> str:
    """Show other families of models on the same folds."""
    one = found(record, "compare")
    if one is None:
        return ""
    title, aside = "Would another model do better?", words.counted(one.n_candidates, "candidate")
    body = outdated(record, "compare") + verdict(one.verdict())
    body += drawn(draw_compared.comparison(one), "families", prose(one.split["reason"]), label=one.headline())
    body += mind(record, one.warnings)
    on = one.boundaries
    if on is None:
        return section(title, aside, body)
    columns = 2 if len(on.names) < THREE_ACROSS and len(on.classes) < 5 else 3  # the key must fit above
    flatters = (
        " The pair was chosen on all rows; for the figures each fold chose its own." if on.chosen else ""
    )
    pair = drawn(
        draw_compared.boundaries(on, columns=columns),
        "boundaries",
        f"What each makes of two features alone, which is less than they make of all.{flatters}",
        label=f"Decisions of each family on {on.features[0]} and {on.features[1]}",
    )
    return section(title, aside, f'<div class="trees"><div>{body}</div>{pair}</div>', kind="all")


# ---- the labels ----
def labels(record: Record) -> str:
    """Show whether labelled rows are like the others, and which labels look wrong, with their pictures."""
    if record.validation is None:
        return ""
    parts = []
    whether, doubts = record.validation.representative, record.validation.label_errors
    if whether is not None and whether.how:
        caption = "Filled: differs by more than labels dealt anew would give; hollow: it may be chance."
        drawing = drawn(
            draw_labels.representative(whether), "representative", caption, label=whether.headline()
        )
        parts.append(verdict(whether.sentences()) + drawing)
    if record.by_people and doubts is not None and doubts.n_suspected:
        drawing = drawn(draw_labels.label_errors(doubts), "label errors", "", label=doubts.headline())
        parts.append(verdict(doubts.sentences()) + drawing + _suspects(record, doubts))
    if not parts:
        return ""
    title = "The labels" if record.validation.scores.classes else "The target"
    if len(parts) == 1:
        return section(title, "", parts[0])
    body = "".join(f"<div>{part}</div>" for part in parts)
    return section(title, "", f'<div class="trees">{body}</div>', kind="all")


def _suspects(record: Record, doubts: Any) -> str:
    """Show the pictures of the rows whose label looks wrong, the worst first."""
    if not (pictures.has_pictures(record) or signals.has_windows(record)):
        return ""
    place = {str(name): i for i, name in enumerate(record.samples.sample)}
    names = [
        str(name) for name in doubts.sample[: min(doubts.n_suspected, pictures.CROPS)] if str(name) in place
    ]
    rows = [place[name] for name in names]
    shown = (
        pictures.squares(record, pictures.Pictures(record), rows)
        if pictures.has_pictures(record)
        else signals.windows(record, signals.Recorded.of(record), rows)
    )
    cells = [
        f'<figure><img src="{uri}" alt="{safe(name)}"><figcaption>{safe(given)}, or {safe(said)}?</figcaption></figure>'
        for name, uri, given, said in zip(names, shown, doubts.given, doubts.said)
    ]
    return f'<div class="suspects">{"".join(cells)}</div>'


# ---- again and again ----
def repeated_runs(record: Record) -> str:
    """Show how true and how repeatable the model is, trained and validated again and again."""
    one = found(record, "repeat")
    if one is None:
        return ""
    folds = (
        "other folds" if one.n_divisions == one.n_runs else f"{one.n_divisions} different divisions in all"
    )
    caption = f"{prose(one.headline().replace('_', ' '))}. Cross: mean of the runs; each has other seeds, and there are {folds}."
    body = outdated(record, "repeat") + drawn(
        draw_repeats.repeats(one), "repeats", caption, label=one.headline()
    )
    return section("True, and the same again?", f"{one.n_runs} runs", body + mind(record, one.warnings))


# ---- sealed rows, and probabilities ----
def confirmed(record: Record) -> str:
    """Show what sealed rows said of each hypothesis, and what could stand in for the features that it names."""
    tested = [(step, one) for step, one in record.confirmations if any(claim.effect for claim in one.claims)]
    if not tested:
        return ""
    _, first = tested[0]
    caption = (
        "Filled: confirmed; hollow: not. Lines and brackets: 95%; without: too few groups for an interval."
    )
    body = f"<p>{prose(first.verdicts())}</p>"
    body += drawn(draw_confirm.claims(first, width=600), "claims", caption, label=first.headline())
    instead = dict.fromkeys(each for claim in first.claims if claim.effect for each in claim.instead())
    body += told([*instead, CAUTION, *first.notes])
    for step, again in record.confirmations[1:]:
        body += f'<p class="notice"><b>Asked again, not independent:</b> {day(step.at)}. {prose(again.verdicts())}</p>'
    return section("The hypotheses on sealed rows", "", body)


def calibrated(record: Record) -> str:
    """Show of three classes or more how often rows are of each, against the probability that was given."""
    tested = record.sealed_test
    chosen = tested.validation if tested else record.validation
    if chosen is None or len(chosen.scores.classes) < 3 or not chosen.scores.calibration:
        return ""
    where = "sealed rows" if tested else "open rows, held out"
    drawing = draw_scores.calibration(chosen.scores, order=record.classes)
    label = "; ".join(f"{name}: {one.error.value:.2f} off" for name, one in chosen.scores.calibration.items())
    caption = (
        "On the grey line as many rows are of the class as the probability says. Lines: 95% over groups."
    )
    return section("Are the probabilities true?", where, drawn(drawing, "calibrations", caption, label=label))


def not_asked(record: Record) -> str:
    """Name what was not asked of the model yet, and the command that asks it."""
    if record.forest is None:
        return ""
    asks = {
        "explain": "what it goes by",
        "curve": "whether more labels would help",
        "compare": "whether another model would do better",
        "repeat": "how true and how repeatable it is",
    }
    left = [
        f"{what} ({code(f'clew {verb} {record.study}')})"
        for verb, what in asks.items()
        if verb not in record.judged and not (verb == "repeat" and record.is_net)
    ]
    if not left:
        return ""
    return section("Not asked yet", "", f"<p>{'; '.join(left)}.</p>", kind="all")
