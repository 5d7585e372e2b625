"""What clew says when something does not fit: one sentence with what, of whom, must be, got."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from typing import Any

LONGEST_WORD, MOST_CHOICES = 200, 5000  # of a suggestion; what is closest is sought letter by letter


class ClewError(Exception):
    """The root of everything that clew raises on purpose."""


class SettingError(ClewError, ValueError):
    """A setting has a value that the step cannot work with."""


class DataError(ClewError, ValueError):
    """Data that came in cannot be used as they are."""


class MissingError(DataError):
    """Data that a study rests on are not where they were."""


class StudyError(ClewError, OSError):
    """A study folder cannot be opened, read or written."""


class WriteError(ClewError, OSError):
    """An image cannot be written: the disk is full, or does not let us."""


class SealedError(ClewError, PermissionError):
    """Somebody reached for sealed rows without opening the seal."""


class Stopped(ClewError, InterruptedError):
    """A long step was asked to stop, and did."""


def check(condition: Any, error: type[ClewError], message: str, *values: Any) -> None:
    """Raise ``error`` with ``message.format(*values)`` unless ``condition`` holds."""
    if not condition:
        raise error(message.format(*values))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest of ``choices``, or an empty string; of what is too much, none is looked for."""
    known = sorted(choices)
    if len(word) > LONGEST_WORD or len(known) > MOST_CHOICES:
        return ""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not close:
        folded = {choice.casefold(): choice for choice in known}
        close = [
            folded[match] for match in difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
        ]
    return f" Did you mean '{close[0]}'?" if close else ""


def check_choice(
    value: str, choices: Iterable[str], *, what: str, of: str, error: type[ClewError] = SettingError
) -> None:
    """Raise ``error`` unless ``value`` is one of ``choices``; a misspelt one gets a suggestion."""
    known = list(choices)
    if value not in known:
        listed = ", ".join(str(choice) for choice in known)
        raise error(
            f"The {what} of {of} must be one of: {listed}. Got '{value}' instead.{did_you_mean(str(value), known)}"
        )


def check_seed(value: Any, *, of: str) -> None:
    """Raise SettingError unless ``value`` is a seed that every library takes: an int from 0 to 2**31 - 1."""
    fits = not isinstance(value, bool) and hasattr(value, "__index__") and 0 <= value < 2**31
    check(
        fits,
        SettingError,
        "The 'random_state' of {} must be an int from 0 to {}. Got {} instead.",
        of,
        2**31 - 1,
        value,
    )


def place_refused(error: OSError) -> str:
    """Say in a sentence that a place cannot be read or written."""
    why = {errno.ENOSPC: "a full disk", errno.EACCES: "no permission", errno.EROFS: "a read-only disk"}
    got = why.get(error.errno or 0) or error.strerror or str(error)
    return f"The place '{error.filename or 'that was named'}' must be one that can be read or written. Got: {got}."
