"""The settings of a verb, from signatures and docstrings: what command line and page build their flags and forms from."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal

from clew.result import literal_choices, settings_of
from clew.steps.outcome import Verb

Kind = Literal["number", "whole number", "text", "choice", "yes or no", "path", "numbers", "study"]


class OpenStudy:
    """Stands for a study in hints; opened only when the verb runs."""


@dataclass(frozen=True)
class Setting:
    """One setting of a verb.

    Parameters
    ----------
    name : str
        As in Python; the flag has dashes for underscores.
    kind : {"number", "whole number", "text", "choice", "yes or no", "path", "numbers", "study"}
        Of one value.
    choices : tuple of str
        Of a "choice", all; of a number, the words that may stand instead.
    many : bool
        Whether several values may be given.
    default : object
        None where there is none.
    required, positional : bool
    help : str
        What the docstring says, on one line.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...]
    many: bool
    default: Any
    required: bool
    positional: bool
    help: str

    @property
    def flag(self) -> str:
        """Return the flag of the command line."""
        return "--" + self.name.rstrip("_").replace("_", "-")  # "from_": Python has another use for the word


def settings_of_verb(verb: Verb) -> list[Setting]:
    """Return the settings of a verb, those without a flag first; those of its steps come after its own, each name once."""
    functions = [verb.run]
    for place in verb.steps:
        module, _, name = place.partition(":")
        functions.append(getattr(importlib.import_module(module), name))
    told, hints = described(verb.run), _hints(verb.run)
    found = {p.name: _placed(p, hints[p.name], told.get(p.name, "")) for p in positional(verb.run)}
    for function in functions:
        told, hints = described(function), _hints(function)
        for p in settings_of(function).values():
            if p.name not in verb.leave_out and p.name not in found:
                found[p.name] = _setting(p, hints[p.name], told.get(p.name, ""))
    return list(found.values())


def positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters that are given by their place."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def takes_progress(verb: Verb) -> bool:
    """Return whether a verb says how far it is."""
    return "on_progress" in inspect.signature(verb.run).parameters


def described(function: Callable[..., Any]) -> dict[str, str]:
    """Return what the NumPy-style docstring of a function says about each parameter, on one line each.

    "As for `train`" is followed: what is said there is said here.
    """
    told: dict[str, str] = {}
    names: list[str] = []
    lines = (inspect.getdoc(function) or "").splitlines()
    start = lines.index("Parameters") + 2 if "Parameters" in lines else len(lines)
    for line, following in zip(lines[start:], [*lines[start + 1 :], ""]):
        if set(following) == {"-"}:
            break
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line.strip():
            for name in names:
                told[name] = f"{told.get(name, '')} {line.strip()}".strip()
    for name, text in told.items():
        elsewhere = re.search(r"\b[Aa]s for `([\w.]+)`", text)
        if elsewhere:
            told[name] = described(_named_in(function, elsewhere[1])).get(name, text)
    return {name: text.replace("``", "").replace("`", "") for name, text in told.items()}


def _named_in(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function that a docstring names, by its whole name or as its module knows it."""
    module, _, own = name.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module or function.__module__), own)
    return found


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(function)
    names = dict.fromkeys(("Step", "Source", "Samples", "Measured", "NetModel", "PixelNet", "Stack"), Any)
    return typing.get_type_hints(inner, localns={**names, "Study": OpenStudy})


def _placed(parameter: inspect.Parameter, hint: Any, told: str) -> Setting:
    many = typing.get_origin(hint) in (list, Sequence)
    inner = next((part for part in typing.get_args(hint) if part is not NoneType), hint)
    kind: Kind = "study" if inner is OpenStudy else "path" if inner is Path else "text"
    return _made(parameter, kind, (), many, told, by_place=True)


def _setting(parameter: inspect.Parameter, hint: Any, told: str) -> Setting:
    return _made(parameter, *_kind_of(hint), told)


def _made(
    parameter: inspect.Parameter,
    kind: Kind,
    choices: tuple[str, ...],
    many: bool,
    told: str,
    by_place: bool = False,
) -> Setting:
    required = parameter.default is inspect.Parameter.empty
    default = None if required else parameter.default
    return Setting(
        parameter.name, kind, choices, many, default, required and kind != "yes or no", by_place, told
    )


def _kind_of(hint: Any) -> tuple[Kind, tuple[str, ...], bool]:
    """Return kind, choices, and whether several values may be given, for an annotation."""
    kinds: dict[Any, Kind] = {int: "whole number", float: "number", bool: "yes or no", Path: "path"}
    found, _ = literal_choices(hint)
    words = tuple(str(word) for word in found)
    parts = [
        part
        for part in (typing.get_args(hint) if typing.get_origin(hint) is not Literal else ())
        if part is not NoneType
    ]
    if typing.get_origin(hint) is list:
        parts = [hint]
    plain = [part for part in parts if isinstance(part, type)]
    if words and not plain:
        return "choice", words, False
    if words:
        return kinds[next(part for part in (int, float) if part in plain)], words, False
    if str in plain or hint is str:  # a list of names may be written with commas
        return "text", (), False
    lists = [typing.get_args(part)[0] for part in parts if typing.get_origin(part) is list]
    if float in lists:
        return "numbers", (), False
    if lists:
        return kinds.get(lists[0], "text"), (), True
    return kinds.get(plain[0] if plain else hint, "text"), (), False
