"""The thread as the rail shows it: every step in short, labels given between them, the loose end, and the seal."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from clew.app.forms import VERBS
from clew.app.handling import handles
from clew.app.labelling import n_classes
from clew.errors import SettingError
from clew.steps.networks import at_coder, at_net

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace
    from clew.study.record import Step
    from clew.study.study import Study

LONGEST = 80  # letters of a step's second line
READ = {"image": "image", "table": "table", "signal": "recording", "distances": "table"}


@handles("thread")
def thread(session: Session) -> dict[str, Any]:
    """Return the thread of the open study, first to last, what may come next, and the seal."""
    workspace = session.workspace
    study = workspace.study
    steps = study.steps()
    looks = [one.id for one in steps if one.verb == "explore"]
    return {
        "items": _in_time([_item(one, steps, study) for one in steps], label_knots(study.days_of_labels())),
        "steps": len(steps),
        "looks": len(looks),
        "next": _next(workspace, steps),
        "seal": _seal(workspace, steps),
    }


@handles("thread.step")
def of_step(session: Session, *, step: int) -> dict[str, Any]:
    """Return what stands on record of one step: its settings are those that differ from their defaults."""
    from clew.steps.thread import defaults

    study = session.workspace.study
    one = next((one for one in study.steps() if one.id == step), None)
    if one is None:
        raise SettingError(f"The 'step' must be on record. Got {step}.")
    usual = defaults(one)
    settings = {
        name: value
        for name, value in one.settings.items()
        if value is not None and value != usual.get(name) and name not in ("hypotheses", "measure")
    }
    return {
        **{
            name: getattr(one, name) for name in ("id", "verb", "at", "seconds", "digest", "headline", "sees")
        },
        "versions": one.versions,
        "settings": settings,
        "again": f"clew {one.verb} {study.folder.name}" if one.verb in VERBS and one.sees == "open" else "",
    }


# ---- steps ----
def _item(one: Step, steps: list[Step], study: Study) -> dict[str, Any]:
    looks = [each.id for each in steps if each.verb == "explore"]
    title, detail = in_short(one, study)
    return {
        "kind": "step",
        "id": one.id,
        "verb": one.verb,
        "title": title,
        "detail": detail,
        "whole": one.headline,
        "at": one.at,
        "look": looks.index(one.id) + 1 if one.id in looks else None,
        "fork": is_fork(one, steps),
    }


def is_fork(one: Step, steps: list[Step]) -> bool:
    """Return whether a step is a look that was not pursued: no later step built on it, and a later look was taken."""
    later = [each for each in steps if each.id > one.id]
    return (
        one.verb == "explore"
        and any(each.verb == "explore" for each in later)
        and not any(one.id in each.inputs.get("steps", []) for each in later)
    )


def in_short(one: Step, study: Study) -> tuple[str, str]:
    """Return title and second line of a step."""
    told = _TOLD.get(one.verb)
    return told(one, study) if told else (one.verb, shortened(one.headline))


def counted(n: int, one: str, many: str = "") -> str:
    """Return "1 row", "2,000 rows"."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def shortened(text: str) -> str:
    """Return the first sentence or clause of a headline, and of that what two lines hold."""
    for end in (". ", "; ", ", over "):
        text = text.partition(end)[0]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rsplit(' ', 1)[0]}…"


def _sources(one: Step, study: Study) -> tuple[str, str]:
    names = one.summary.get("sources", {})
    sha = next(iter(names.values())) if len(names) == 1 else one.digest
    noun = READ.get(study.facts().get("kind", ""), "file")
    data = sum(one.role == "data" for one in study.sources()) or len(names)
    begin = f"{next(iter(names))}, " if len(names) == 1 else ""
    begin = begin or (f"{counted(len(names) - data, 'file')} beside; " if len(names) > data else "")
    return f"{counted(data, noun)} read", f"{begin}sha256 {sha[:4]}…{sha[-4:]}"


def _measure(one: Step, study: Study) -> tuple[str, str]:
    rows, _, features = one.headline.partition(" x ")
    counts = one.summary.get("counts", {})
    gone = counts.get("found", 0) - counts.get("kept", 0)  # what touches the border may be counted, and kept
    reasons = {why: n for why, n in counts.items() if why not in ("found", "kept") and n}
    if gone <= sum(n for why, n in reasons.items() if why != "border"):
        reasons.pop("border", None)
    left = [f"{n:,} {why}" for why, n in reasons.items() if gone > 0]
    more = f"; left out: {', '.join(left)}" if left else ""
    return f"{rows.partition(',')[0]} measured", f"{features or rows.partition(', ')[2]}{more}"


def _dealt(one: Step, study: Study) -> tuple[str, str]:
    sealed = one.summary.get("sealed", 0)
    reason = one.headline.partition(": ")[2] or one.headline
    return f"{counted(sealed, 'row')} sealed" if sealed else "nothing sealed", shortened(reason)


def _explore(one: Step, study: Study) -> tuple[str, str]:
    asked, k = one.settings.get("k"), one.summary.get("k", 0)
    only = one.settings.get("features")
    if at_net(one):
        only = "codes of an autoencoder" if at_coder(study, one) else "what a net says"
    title = "explore" if only == study.facts().get("features") else f"explore, {_list(only)}"
    ari = one.summary.get("stability", {}).get("ari_mean")
    agree = f", ARI {ari:.2f}" if k and ari is not None else ""
    return title, f"k {asked}: {counted(k, 'group') if k else 'no groups'}{agree}"


def _list(value: Any) -> str:
    return ", ".join(value if isinstance(value, list) else str(value).split(","))


def _name(one: Step, study: Study) -> tuple[str, str]:
    return "name", shortened(one.headline.partition(" (")[0])


def _train(one: Step, study: Study) -> tuple[str, str]:
    made = [each["name"] for each in study.models() if each["step"] == one.id]
    return ", ".join(["train", *made]), shortened(one.headline.partition(", trained on")[0])


def _explain(one: Step, study: Study) -> tuple[str, str]:
    if one.summary.get("predicts") is False or one.headline.startswith("The model does not predict"):
        return "explain", "nothing to explain: the model does not predict"
    return "explain", shortened(one.headline.partition(": mean |SHAP|")[0])


_TOLD: dict[str, Callable[[Step, Study], tuple[str, str]]] = {
    "sources": _sources,
    "measure": _measure,
    "seal": _dealt,
    "explore": _explore,
    "name": _name,
    "train": _train,
    "explain": _explain,
}


# ---- labels between the steps ----
def label_knots(days: Iterable[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """Return one knot for each ``(person, labels, time of the last)``: a day on which a person labelled on the page."""
    return [
        {
            "kind": "labels",
            "id": f"{who}-{at[:10]}",
            "verb": "label",
            "title": "label",
            "detail": f"{counted(n, 'label')} by {who}",
            "whole": "",
            "at": at,
            "look": None,
            "fork": False,
        }
        for who, n, at in days
    ]


def _in_time(steps: list[dict[str, Any]], labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put knots of labels where they were tied; steps keep their order, whatever the clock said."""
    waiting = sorted(labels, key=lambda one: _time(one["at"]), reverse=True)
    items: list[dict[str, Any]] = []
    for one in steps:
        while waiting and _time(waiting[-1]["at"]) < _time(one["at"]):
            items.append(waiting.pop())
        items.append(one)
    return [*items, *reversed(waiting)]


def _time(at: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(at)


# ---- what may come next ----
def _next(workspace: Workspace, steps: list[Step]) -> list[dict[str, str]]:
    """Return verbs that make sense now, the likeliest first, each with why."""
    study, last = workspace.study, {one.verb: one for one in steps}
    labelled = 0 if study.facts().get("paint") else n_classes(workspace)
    look, model = last.get("explore"), last.get("train")
    closed = study.counts()["sealed"] > 0 and not any(one.shown for one in study.openings())
    found: dict[str, str] = {}
    if look is None:
        found["explore"] = "Are there groups? The first look at the open rows."
    elif look.summary.get("k") and ("name" not in last or last["name"].id < look.id):
        found["name"] = "Give the groups names; they become labels."
    if labelled > 1 and model is None:
        found["train"] = f"A forest for {counted(labelled, 'class', 'classes')}."
    if model is not None:
        if "validate" not in last or last["validate"].id < model.id:
            found["validate"] = "What to expect on rows that were not trained on."
        if "explain" not in last or last["explain"].id < model.id:
            looks = "raw" in model.inputs
            found["explain"] = "Where the net looks." if looks else "Which measurements the model goes by."
        found["curve"] = "Would more labels help?"
        found["compare"] = "Would another kind of model do better?"
        found["train"] = "Train again, with other settings."
    if look is not None:
        found["explore"] = "Look again, with other settings; every look stays on record."
        found["state"] = "State a hypothesis of your own."
    if closed and study.hypotheses():
        found["confirm"] = "Breaks the seal: do groups and hypotheses hold on rows nobody has seen?"
    if closed and model is not None:
        found["test"] = "Breaks the seal: how good is the model on rows nobody has seen?"
    found["label"] = "Bring labels from a file."
    if study.facts().get("paint"):  # there are no rows
        found = {}
    found["report"] = "Write the page that a reviewer can check."
    found["verify"] = "Run the whole thread again, and say what differs."
    return [{"verb": verb, "why": why, "help": VERBS[verb].help} for verb, why in found.items()]


# ---- the seal ----
def _seal(workspace: Workspace, steps: list[Step]) -> dict[str, Any]:
    study = workspace.study
    counts, openings = study.counts(), study.openings()
    if not counts["sealed"]:
        return {"state": "none", "made": True, "rows": 0, "openings": []}
    dealt = next((one for one in steps if one.verb == "seal"), steps[0])
    shown = [one for one in openings if one.shown]
    by_group = dealt.summary.get("by") == "group"
    if "sealed_groups" not in workspace.kept:
        workspace.kept["sealed_groups"] = study.count_sealed(labelled=False)[1]
    groups = workspace.kept["sealed_groups"] if by_group else 0
    return {
        "state": "closed" if not openings else "again" if len(shown) > 1 else "opened",
        "rows": counts["sealed"],
        "groups": groups,
        "of_groups": groups + workspace.samples.n_groups if by_group else 0,
        "what": "images" if study.facts().get("kind") == "image" else "groups",
        "since": dealt.at,
        "openings": [vars(one) for one in openings],
        "tried": {
            "looks": sum(one.verb == "explore" for one in steps),
            "hypotheses": len(study.hypotheses()),
            "models": len(study.models()),
            "validations": sum(one.verb in ("validate", "compare", "repeat", "curve") for one in steps),
        },
        "may": {
            "confirm": bool(study.hypotheses()),
            "test": bool(study.models()),
        },
    }
