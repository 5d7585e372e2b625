"""Cases of sktime's and aeon's .ts text: each is a recording of its own, with its class."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from clew.errors import DataError, check
from clew.read.given import Given
from clew.read.kinds import read_bytes
from clew.read.recording import InMemory, Stretch
from clew.read.side_by_side import finite
from clew.read.traces import Trace


def open_motions(
    path: Path, *, source: str, rate: float | None = None, notes: list[str] | None = None
) -> tuple[list[Trace], list[Given]]:
    """Read the cases of a .ts file as undated recordings, called by the file and their number ("BasicMotions_TRAIN-0001").

    Parameters
    ----------
    path : Path
        Cases may be of different length; "?" is missing.
    source : str
        What the file is called.
    rate : float, optional
        In Hz. The format does not tell it, so it must be given.
    notes : list of str, optional
        Is added to: what there is to say, one sentence each.

    Returns
    -------
    list of Trace
        One for each dimension of each case: "" of one, "1", "2", ... of several.
    list of Given
        The class of each case over the whole of it; a number to predict is the column "target".

    Raises
    ------
    DataError
        If there is no rate, no case, or a line that does not fit the head.

    Notes
    -----
    The format is described with sktime and aeon: lines of "@" for the head, then one case a line, dimensions apart by ":".
    """
    notes = [] if notes is None else notes
    check(
        rate is not None,
        DataError,
        "The rate of '{}' must be known. The .ts format does not tell it: give it in Hz with --rate.",
        source,
    )
    assert rate is not None
    head, cases = _parts(read_bytes(path).decode("utf-8-sig", "replace"), source)
    name = PurePosixPath(source).with_suffix("")
    wide = max(4, len(str(len(cases))))
    traces: list[Trace] = []
    given: list[Given] = []
    for number, (place, text) in enumerate(cases, start=1):
        case = f"{name}-{number:0{wide}d}"
        values, told = _case(text, head, place, source)
        names = [""] if len(values) == 1 else [str(i + 1) for i in range(len(values))]
        traces += [
            Trace(
                station=case,
                component=component,
                rate=float(rate),
                stretch=Stretch(0.0, len(row), InMemory(row), source=source),
                unit="",
                dated=False,
                identifier=component,
            )
            for component, row in zip(names, values)
        ]
        duration = max(map(len, values)) / float(rate)
        if head.has_class and told != "?":
            given.append(Given(case, 0.0, duration, told, {}))
        elif head.has_target and told != "?":
            given.append(Given(case, 0.0, duration, "", {"target": _number(told, place, source)}))
    if (head.has_class or head.has_target) and len(given) < len(cases):
        notes.append(f"'{source}': {len(cases) - len(given)} of {len(cases)} cases have no class.")
    return traces, given


@dataclass
class Head:
    """What the lines with "@" say.

    Parameters
    ----------
    n_dimensions : int
        0 where they do not tell.
    classes : list of str
        Empty where they do not tell.
    has_class, has_target : bool
        Whether the last field of a case is its class, or a number to predict.
    """

    n_dimensions: int = 0
    classes: list[str] = field(default_factory=list)
    has_class: bool = False
    has_target: bool = False


def _parts(text: str, source: str) -> tuple[Head, list[tuple[str, str]]]:
    """Return the head, and the cases with their places."""
    head, cases, in_data = Head(), [], False
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith(("#", "%")):
            continue
        if in_data:
            cases.append((f"line {number}", line))
            continue
        word, *rest = line.split()
        word = word.casefold()
        says = bool(rest) and rest[0].casefold() == "true"
        if word == "@data":
            in_data = True
        elif word in ("@dimensions", "@dimension") and rest and rest[0].isdecimal():
            head.n_dimensions = int(rest[0])
        elif word == "@univariate" and says:
            head.n_dimensions = 1
        elif word == "@classlabel":
            head.has_class, head.classes = says, rest[1:] if says else []
        elif word == "@targetlabel":
            head.has_target = says
        elif word == "@timestamps":
            check(
                not says,
                DataError,
                "The cases of '{}' must be samples at one rate. Got samples with a time each (@timeStamps true).",
                source,
            )
    check(in_data, DataError, "The file '{}' must have the line '@data'. Got none.", source)
    check(cases, DataError, "The file '{}' must hold cases behind '@data'. Got none.", source)
    return head, cases


def _case(text: str, head: Head, place: str, source: str) -> tuple[list[np.ndarray], str]:
    """Return the samples of each dimension of a case, and its class or target."""
    parts = [part.strip() for part in text.split(":")]
    told = parts.pop() if head.has_class or head.has_target else ""
    check(
        parts and (head.n_dimensions in (0, len(parts))),
        DataError,
        "Every case of '{}' must have {} dimensions. Got {} in {} (a file that was cut?).",
        source,
        head.n_dimensions or "some",
        len(parts),
        place,
    )
    check(
        told == "?" or not head.classes or told in head.classes,
        DataError,
        "Every case of '{}' must be of one of its classes: {}. Got '{}' in {}.",
        source,
        ", ".join(head.classes),
        told,
        place,
    )
    check(
        all(parts),
        DataError,
        "Every dimension of '{}' must hold samples. Got an empty one in {}.",
        source,
        place,
    )
    return [_samples(part, place, source) for part in parts], told


def _samples(text: str, place: str, source: str) -> np.ndarray:
    values = [_number(one, place, source) for one in re.split(r"\s*,\s*", text.rstrip(", "))]
    return finite(np.array(values), 0, f"{source}, {place}")


def _number(text: str, place: str, source: str) -> float:
    if text in ("?", "", "NaN", "nan"):
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"The samples of '{source}' must be numbers, or '?'. Got '{text[:40]}' in {place}."
        ) from None
