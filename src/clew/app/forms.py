"""Forms of verbs, made from their signatures: what the page shows, and what comes back of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.app.handling import handles
from clew.demo import demo
from clew.errors import SettingError, check, check_choice
from clew.report.denoising import denoise
from clew.report.generating import generate
from clew.report.verb import report
from clew.steps import VERBS as STEPS
from clew.steps import Verb
from clew.steps.networks import latest_model, model_of
from clew.steps.outcome import plain
from clew.steps.settings import Setting, settings_of_verb

if TYPE_CHECKING:
    from clew.app.session import Session
    from clew.app.workspace import Workspace

NAMES = (
    "explore", "name", "label", "train", "validate", "explain", "curve", "compare", "repeat", "sensors", "state", "confirm",
    "test", "export", "predict", "pick", "verify", "new",
)  # fmt: skip
VERBS = {
    **{name: STEPS[name] for name in NAMES},
    "generate": Verb("generate", generate),
    "denoise": Verb("denoise", denoise),
    "report": Verb("report", report),
    "demo": Verb("demo", demo),
}
WITHOUT_STUDY: tuple[str, ...] = ("new", "demo", "predict", "denoise", "pick")
WITHOUT_ROWS = ("verify", "report", *WITHOUT_STUDY)
LONGEST = 10_000  # letters of one value
# what a verb writes, and whether it refuses by itself to replace what it has not written
WRITTEN = {
    ("export", "out"): False, ("export", "labels"): False, ("export", "picks"): False, ("report", "out"): False, ("predict", "out"): True,
    ("predict", "paint"): True, ("new", "study"): True, ("demo", "out"): True, ("denoise", "out"): False,
    ("generate", "out"): False, ("pick", "out"): True,
}  # fmt: skip
IN_STUDY = {("denoise", "out"): "denoised"}  # the folder of the open study that is for what a verb writes


@handles("verbs")
def verbs(session: Session) -> dict[str, Any]:
    """Return the verbs that the page can run, each with what it does in one line."""
    workspace = session.workspace
    known = tuple(VERBS) if workspace.has_study else WITHOUT_STUDY
    if workspace.has_study and workspace.study.facts().get("paint"):
        known = WITHOUT_ROWS
    able = [one for name, one in VERBS.items() if name in known]
    return {"verbs": [{"verb": one.name, "help": one.help} for one in able]}


@handles("form")
def form(session: Session, *, verb: str) -> dict[str, Any]:
    """Return what the form of a verb is made of, and how long the verb took when it was last run here (s, or None)."""
    chosen = verb_of(verb)
    settings = settings_of_verb(chosen)
    of_study = any(one.kind == "study" for one in settings)
    study = session.workspace.study if of_study and session.workspace.has_study else None
    before = None if study is None else study.last(verb)
    reason = [one for one in settings if one.name == "reason"]
    trained = None if study is None else latest_model(study)[0]
    whose = _whose(chosen)
    usual = {} if study is None else {"features": study.facts()["features"]}  # as was said when it was made
    return {
        "verb": verb,
        "help": chosen.help,
        "settings": [
            _told(one, usual) | {"of": whose.get(one.name, "")} for one in settings if one.kind != "study"
        ],
        "model": model_of(trained),
        "study": None if study is None else study.folder.name,
        "seals": bool(reason),
        "seconds": before.seconds if before else None,
    }


def _whose(verb: Verb) -> dict[str, str]:
    """Return which settings only the "forest" has, or only a "net", where a verb has one model at a time."""
    if len(verb.steps) < 2 or verb.name == "compare":
        return {}
    forest, *nets = (
        {one.name for one in settings_of_verb(replace(verb, settings=place))} for place in verb.steps
    )
    net = set().union(*nets)
    return dict.fromkeys(net - forest, "net") | dict.fromkeys(forest - net, "forest")


def _told(one: Setting, usual: dict[str, Any]) -> dict[str, Any]:
    default = usual.get(one.name, one.default) if one.default == "all" else one.default
    return {
        "name": one.name,
        "flag": "" if one.positional else one.flag,
        "kind": one.kind,
        "choices": list(one.choices),
        "many": one.many,
        "default": None if default == () else plain(default),
        "required": one.required or one.name == "reason",
        "help": one.help,
    }


def verb_of(name: str) -> Verb:
    """Return a verb of the page, or refuse it."""
    check_choice(name, VERBS, what="verb", of="the page")
    return VERBS[name]


def placed(workspace: Workspace, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a form as they go to a worker: checked, and with every path made absolute.

    Parameters
    ----------
    workspace : Workspace
    verb : str
    given : dict
        As the page sent it: those that differ from their defaults. Paths are seen from the home folder.

    Raises
    ------
    SettingError
        If one is unknown, missing, of another kind, or if what it writes leads out of the home folder, into a study, or onto a file that is there.
    """
    known = {one.name: one for one in settings_of_verb(verb_of(verb)) if one.kind != "study"}
    for name in given:
        check_choice(name, known, what="name of a setting", of=verb)
    for one in known.values():
        needed = one.required or one.name == "reason"
        empty = given.get(one.name) in (None, "", []) or not str(given[one.name]).strip()
        why = ": it stands on record for ever" if one.name == "reason" else ""
        check(
            not (needed and empty),
            SettingError,
            "The '{}' of {} must be given{}. Got none.",
            one.name,
            verb,
            why,
        )
    found = {name: _converted(verb, known[name], value) for name, value in given.items() if value is not None}
    for name, value in found.items():
        if known[name].kind == "path":
            found[name] = (
                [_path(workspace, one) for one in value] if known[name].many else _path(workspace, value)
            )
    for name in found:
        if (verb, name) in WRITTEN:
            _check_output(workspace, verb, name, Path(found[name]))
    return found


def arguments(verb: str, given: dict[str, Any], study: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return what a verb is called with: what has its place, and the rest by name; text of paths becomes Path."""
    rest = dict(given)
    args = []
    for one in settings_of_verb(verb_of(verb)):
        if one.kind == "path" and one.name in rest:
            rest[one.name] = [Path(each) for each in rest[one.name]] if one.many else Path(rest[one.name])
        if one.positional:
            args.append(study if one.kind == "study" else rest.pop(one.name, one.default))
    return args, rest


def _converted(verb: str, one: Setting, value: Any) -> Any:
    def refuse(kind: str) -> SettingError:
        return SettingError(f"The '{one.name}' of {verb} must be {kind}. Got {f'{value!r:.60}'} instead.")

    if one.many:
        parts = value if isinstance(value, list) else str(value).split(",") if one.kind == "text" else [value]
        parts = [part.strip() if isinstance(part, str) else part for part in parts]
        if not all(isinstance(part, str) and 0 < len(part) <= LONGEST for part in parts):
            raise refuse("a list of texts")
        return parts
    if one.kind in ("number", "whole number"):
        return value if str(value) in one.choices else _number(one, value, refuse)
    if one.kind == "numbers":
        parts = value if isinstance(value, list) else str(value).split(",")
        try:
            return [float(part) for part in parts]
        except (TypeError, ValueError):
            raise refuse("numbers with commas, such as 1,2,4") from None
    if one.kind == "yes or no":
        if not isinstance(value, bool):
            raise refuse("yes or no")
        return value
    if one.kind == "choice":
        check_choice(str(value), one.choices, what=f"'{one.name}' setting", of=verb)
        return next(each for each in one.choices if each == str(value))
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    if not isinstance(text, str) or len(text) > LONGEST or "\0" in text:
        raise refuse("text")
    return text


def _number(one: Setting, value: Any, refuse: Callable[[str], SettingError]) -> int | float:
    words = f" or one of: {', '.join(one.choices)}" if one.choices else ""
    whole = one.kind == "whole number"
    try:
        number = float(value)
        if isinstance(value, bool) or not math.isfinite(number) or (whole and number != int(number)):
            raise ValueError
    except (TypeError, ValueError):
        raise refuse(f"a {one.kind}{words}") from None
    return int(number) if whole else number


def _path(workspace: Workspace, given: str) -> str:
    check("\0" not in given, SettingError, "The path must be one of this machine. Got one that cannot be.")
    return str((workspace.home / Path(given).expanduser()).resolve())


def _check_output(workspace: Workspace, verb: str, name: str, out: Path) -> None:
    """Let the page write only beside the study: a slip, or a guest, must not replace other files of this machine."""
    home = workspace.home.resolve()
    kept = IN_STUDY.get((verb, name), "") if workspace.has_study else ""
    own = bool(kept) and workspace.study.folder.resolve() / kept == out.parent
    check(
        out.is_relative_to(home) and out != home,
        SettingError,
        "The '{}' of {} must lie in '{}' when it is run from the page. Got '{}'; the command line writes anywhere.",
        name,
        verb,
        home,
        out,
    )
    check(
        own
        or not any((above / "study.sqlite").exists() for above in out.parents if above.is_relative_to(home)),
        SettingError,
        "The '{}' of {} must not lie in the study, which keeps its own files. Got '{}'.",
        name,
        verb,
        out,
    )
    check(
        WRITTEN[verb, name] or not out.exists(),
        SettingError,
        "The '{}' of {} must be a new file when it is run from the page. Got '{}', which is there.",
        name,
        verb,
        out,
    )
