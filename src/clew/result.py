"""What a step is and what it returns: frozen, repeatable, saved without pickle."""

from __future__ import annotations

import dataclasses
import hashlib
import html
import importlib
import inspect
import io
import json
import os
import types
import typing
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from clew.errors import DataError, SettingError, check, check_choice, check_seed, did_you_mean

Sees = Literal["open", "sealed", "all", "nothing"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """What a step returns: named values that cannot be changed, with the settings that led to them.

    Subclasses are frozen dataclasses whose fields are arrays (numbers or text), numbers, text,
    booleans, None, lists, dicts with text keys, or other Results. Arrays are held as read-only views.

    Parameters
    ----------
    settings : dict
        Every setting of the step that made this result, defaults included; filled by `step`.
    """

    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, frozen_view(value))

    def headline(self) -> str:
        """Say the result in one line."""
        return ", ".join(f.name for f in dataclasses.fields(self) if f.name != "settings")

    def summary(self) -> dict[str, Any]:
        """Return the figures that scripts rely on, as plain JSON-ready values."""
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.headline()}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(str(name))}</th><td>{html.escape(_short(value))}</td></tr>"
            for name, value in self.summary().items()
        )
        title = f"<b>{type(self).__name__}</b>: {html.escape(self.headline())}"
        return f"<div><p>{title}</p><table>{rows}</table></div>"

    def digest(self) -> str:
        """Return the SHA-256 of all that the result holds, bit for bit, as 64 hex digits."""
        arrays: dict[str, np.ndarray] = {}
        document = _encode(self, arrays, "result")
        sha = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
        for key in sorted(arrays):
            array = np.ascontiguousarray(arrays[key])
            sha.update(f"{key} {array.dtype.str} {array.shape}".encode())
            sha.update(array.reshape(-1).view(np.uint8).data)  # no copy: cut-outs may be a gigabyte
        return sha.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the result as one zip file of ``.npy`` arrays and ``result.json``; return its path.

        The file appears whole or not at all, and holds the same bytes for the same result.
        """
        arrays: dict[str, np.ndarray] = {}
        document = _encode(self, arrays, "result")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            entry = zipfile.ZipInfo("result.json")
            archive.writestr(entry, json.dumps(document, sort_keys=True), zipfile.ZIP_DEFLATED)
            for key in sorted(arrays):
                one = io.BytesIO()
                np.lib.format.write_array(one, np.asarray(arrays[key], order="C"), allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{key}.npy"), one.getvalue(), zipfile.ZIP_DEFLATED)
        return write_whole(path, buffer.getvalue())

    @staticmethod
    def load(path: str | Path) -> Result:
        """Read a result that `save` wrote.

        Raises
        ------
        DataError
            If the file is missing, cut short, or holds anything but a result of clew.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                document = json.loads(archive.read("result.json"))
                arrays = {
                    name[:-4]: np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                    for name in archive.namelist()
                    if name.endswith(".npy")
                }
            result = _decode(document, arrays)
        except ModuleNotFoundError as error:
            raise DataError(f"The file '{path}' must be read with '{error.name}' installed (nets: pip install 'clew[neural]'). Got none.") from error  # fmt: skip
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
            raise DataError(
                f"The file '{path}' must be a result that clew saved. Got {error} instead."
            ) from error
        check(
            isinstance(result, Result),
            DataError,
            "The file '{}' must hold a Result. Got {} instead.",
            path,
            type(result).__name__,
        )
        return typing.cast(Result, result)


def differences(a: Result, b: Result) -> list[str]:
    """Say in which of their parts two results differ, and arrays of numbers by how much at most."""
    parts: list[dict[str, Any]] = []
    for result in (a, b):
        arrays: dict[str, np.ndarray] = {}
        flat = dict(_flat(_encode(result, arrays, "result"), "result"))
        parts.append({**flat, **arrays})
    told = []
    for key in sorted(parts[0].keys() | parts[1].keys()):
        x, y = (part.get(key) for part in parts)
        name = key.removeprefix("result.")
        if (
            isinstance(x, np.ndarray)
            and isinstance(y, np.ndarray)
            and x.shape == y.shape
            and x.dtype == y.dtype
        ):
            if x.tobytes() == y.tobytes():
                continue
            apart = np.abs(x.astype(float) - y) if x.dtype.kind in "if" else np.array(np.nan)
            by = f" (by up to {np.nanmax(apart):.3g})" if np.isfinite(apart).any() else ""
            told.append(name + by)
        elif isinstance(x, np.ndarray) or isinstance(y, np.ndarray) or x != y:
            told.append(name)
    return told


def _flat(value: Any, key: str) -> list[tuple[str, Any]]:
    """Return the leaves of an encoded result with their places."""
    if isinstance(value, dict) and "__array__" not in value:
        inner = value["fields"] if "__result__" in value else value
        return [leaf for name, item in inner.items() for leaf in _flat(item, f"{key}.{name}")]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) for leaf in _flat(item, f"{key}.{i}")]
    return [] if isinstance(value, dict) else [(key, value)]


def frozen_view(array: np.ndarray) -> np.ndarray:
    """Return a read-only view of ``array``; the caller's array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view


def write_whole(path: str | Path, data: bytes) -> Path:
    """Write ``data`` to ``path`` so that a reader, or a crash, sees all of it or nothing of it."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        settle(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


def settle(partial: Path, path: Path) -> None:
    """Give a finished file or folder its name, and wait until the disk knows: after that no power cut can lose it.

    A file replaces what was there; a folder refuses to.
    """
    partial.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _encode(value: Any, arrays: dict[str, np.ndarray], key: str) -> Any:
    """Turn a value into JSON-ready parts; arrays go to ``arrays`` under a key that tells their place."""
    if isinstance(value, Result):
        kind = type(value)
        fields = {
            f.name: _encode(getattr(value, f.name), arrays, f"{key}.{f.name}")
            for f in dataclasses.fields(value)
        }
        return {"__result__": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject or value.dtype.kind == "T":
            value = value.astype(str)
        arrays[key] = value
        return {"__array__": key}
    if isinstance(value, np.generic):
        return _encode(value.item(), arrays, key)
    if isinstance(value, float) and not np.isfinite(value):
        return {"__float__": repr(value)}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(name): _encode(item, arrays, f"{key}.{name}") for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item, arrays, f"{key}.{i}") for i, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"A Result cannot hold a {type(value).__name__} (at {key})")


def _decode(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "__array__" in value:
        return arrays[value["__array__"]]
    if "__float__" in value:
        return float(value["__float__"])
    if "__result__" in value:
        module, _, name = value["__result__"].partition(":")
        if module != "clew" and not module.startswith("clew."):
            raise ValueError(f"a class outside clew ({module}.{name})")
        kind = getattr(importlib.import_module(module), name)
        if not (isinstance(kind, type) and issubclass(kind, Result)):
            raise ValueError(f"{module}.{name}, which is no Result,")
        known = {field.name for field in dataclasses.fields(kind)}
        return kind(
            **{name: _decode(item, arrays) for name, item in value["fields"].items() if name in known}
        )
    return {name: _decode(item, arrays) for name, item in value.items()}


def _short(value: Any) -> str:
    text = json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
    return text if len(text) <= 160 else text[:157] + "..."


@dataclass(frozen=True)
class StepInfo:
    """What a step declares about itself: its name and the rows that it may see."""

    name: str
    sees: Sees


def step(*, sees: Sees = "open", verb: str | None = None) -> Callable[[F], F]:
    """Declare a function ``(data, *, settings) -> Result`` to be a step.

    The settings are checked against the signature (unknown names and values outside a ``Literal`` are
    refused with a suggestion), and the returned Result carries all of them, defaults included.

    Parameters
    ----------
    sees : {"open", "sealed", "all", "nothing"}
        The rows of a study that the step may be handed. A step never takes a study, so it cannot reach others.
    verb : str, optional
        What it is called on record; as the function by default.
    """

    def declare(function: F) -> F:
        name = verb or function.__name__
        signature = inspect.signature(function)
        allowed = settings_of(function)

        def run(*args: Any, **kwargs: Any) -> Any:
            for key in kwargs:
                if key not in signature.parameters:
                    known = [known for known in allowed if known != "on_progress"]
                    raise SettingError(
                        f"{name} has no setting '{key}'; it must be one of: {', '.join(known)}.{did_you_mean(key, known)}"
                    )
            if "random_state" in kwargs:
                check_seed(kwargs["random_state"], of=name)
            hints = _hints(function)
            for key, value in kwargs.items():
                if key in allowed:
                    _check_literal(value, hints.get(key), setting=key, of=name)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            result = function(*args, **kwargs)
            given = {key: _plain(bound.arguments[key]) for key in allowed if key != "on_progress"}
            return dataclasses.replace(result, settings=given)

        run.__name__, run.__doc__, run.__module__, run.__qualname__ = (
            function.__name__,
            function.__doc__,
            function.__module__,
            function.__qualname__,
        )
        run.__wrapped__ = function  # type: ignore[attr-defined]
        run.step = StepInfo(name, sees)  # type: ignore[attr-defined]
        return typing.cast(F, run)

    return declare


def settings_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the keyword-only parameters of a function: its settings, in order."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(inspect.unwrap(function))


def literal_choices(hint: Any) -> tuple[list[Any], bool]:
    """Return the values that a ``Literal`` (also within a union) admits, and whether other types are admitted too."""
    if typing.get_origin(hint) is Literal:
        return list(typing.get_args(hint)), False
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [literal_choices(part) for part in typing.get_args(hint)]
        return [choice for choices, _ in parts for choice in choices], any(others for _, others in parts)
    return [], True


def _check_literal(value: Any, hint: Any, *, setting: str, of: str) -> None:
    choices, others = literal_choices(hint)
    if choices and not others:
        check_choice(value, choices, what=f"'{setting}' setting", of=of)


def _plain(value: Any) -> Any:
    """Return a setting as JSON keeps it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__name__)}"
    return value
