"""What the page may ask for: handlers of messages and routes of pictures, registered by the rooms that answer."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from clew.errors import SettingError, check, check_choice, did_you_mean

On = Literal["desk", "writer", "painter", "loop"]
F = TypeVar("F", bound=Callable[..., Any])
LONGEST_NAME = 60  # letters of a request's or an argument's name that are looked at


@dataclass(frozen=True)
class Bulk:
    """A reply with arrays: ``meta`` as JSON, ``arrays`` of uint8, uint16, uint32, int32 or float32."""

    meta: dict[str, Any]
    arrays: Sequence[np.ndarray]


@dataclass(frozen=True)
class Picture:
    """Bytes for an ``<img>``, or for a download where ``name`` is given."""

    data: bytes
    media_type: str = "image/png"
    name: str = ""


@dataclass(frozen=True)
class Handler:
    """One thing that the page may ask for: a function of a session and plain arguments, and the thread it runs on."""

    name: str
    run: Callable[..., Any]
    on: On
    hints: dict[str, Any]
    required: frozenset[str]
    ticket: bool

    def checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments if they are those of the handler, of the right types.

        Raises
        ------
        SettingError
            If one is unknown, missing or of another type.
        """
        for name in given:
            check_choice(name[:LONGEST_NAME], self.hints, what="name of an argument", of=self.name)
        missing = sorted(self.required - given.keys())
        check(
            not missing,
            SettingError,
            "The request {} must have '{}'. Got none.",
            self.name,
            ", ".join(missing),
        )
        for name, value in given.items():
            check(
                _fits(value, self.hints[name]),
                SettingError,
                "The '{}' of {} must be {}. Got {} instead.",
                name,
                self.name,
                _said(self.hints[name]),
                f"{value!r:.60}",
            )
        return given


HANDLERS: dict[str, Handler] = {}
ROUTES: dict[str, Callable[..., Picture]] = {}


def handles(name: str, *, on: On = "desk") -> Callable[[F], F]:
    """Register a function ``(session, *, arguments) -> dict, Bulk or None`` to answer the request ``name``.

    Parameters
    ----------
    name : str
        Such as "map.positions".
    on : {"desk", "writer", "painter", "loop"}
        Where it runs: "desk" a few threads for reading; "writer" the one thread that writes to the study; "painter" a
        thread of its own for forests and tiles; "loop" the event loop (``async def`` only).
    """

    def register(function: F) -> F:
        hints = typing.get_type_hints(
            function, localns=dict.fromkeys(("Session", "Ticket", "Workspace"), Any)
        )
        parameters = inspect.signature(function).parameters.values()
        own = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "ticket"]
        HANDLERS[name] = Handler(
            name,
            function,
            on,
            {p.name: hints[p.name] for p in own},
            frozenset(p.name for p in own if p.default is p.empty),
            "ticket" in hints,
        )
        return function

    return register


def fetches(path: str) -> Callable[[F], F]:
    """Register a function ``(workspace, *, arguments of str) -> Picture`` to answer GET of ``path``, such as "/picture/row/{row}".

    Arguments are the parts of the path and of the query, all text.
    """

    def register(function: F) -> F:
        ROUTES[path] = function
        return function

    return register


def handler_of(name: Any) -> Handler:
    """Return the handler of a request, or refuse it."""
    if not isinstance(name, str) or name not in HANDLERS:
        word = str(name)[:LONGEST_NAME]
        raise SettingError(
            f"The request must be one that this clew knows. Got '{word}' instead.{did_you_mean(word, HANDLERS)}"
        )
    return HANDLERS[name]


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in inner)
    if origin is Literal:
        return value in inner
    if origin is list:
        return isinstance(value, list) and all(_fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, inner[1]) for item in value.values())
    if hint in (None, types.NoneType):
        return value is None
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and abs(value) <= sys.float_info.max  # exact for whole numbers of any size; no NaN
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return isinstance(value, hint)


def _said(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    if hint in names:
        return names[hint]
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return "one of: " + ", ".join(map(str, inner))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_said(part) for part in inner)
    if typing.get_origin(hint) is list:
        return f"a list, each {_said(inner[0])}"
    return "an object" if typing.get_origin(hint) is dict else "nothing"
