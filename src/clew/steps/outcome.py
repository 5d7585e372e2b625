"""What a verb is, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.study.study import Step


OnProgress = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class Outcome:
    """What a verb says: ``lines`` to a person, ``data`` to a script, what was put on record, and the exit status.

    ``then`` is what follows for a person once all that was said, such as the page.
    """

    lines: list[str]
    data: dict[str, Any]
    step: Step | None = None
    result: Any = None
    warnings: list[str] = field(default_factory=list)
    status: int = 0
    then: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "warnings", sentences(self.warnings))


def sentences(remarks: Iterable[str]) -> list[str]:
    """Return each remark once, as a sentence: with a capital at its start, and a full stop at its end."""
    told = dict.fromkeys(remark.strip() for remark in remarks if remark.strip())
    return [_capital(one) if one.endswith((".", "!", "?")) else f"{_capital(one)}." for one in told]


def _capital(remark: str) -> str:
    """Begin with a capital, unless the first word is a name, such as a file's."""
    first = remark.split()[0].rstrip(",:")
    return remark[0].upper() + remark[1:] if first.isalpha() else remark


@dataclass(frozen=True)
class Verb:
    """One verb: its function, and where its settings are declared (the signatures of its steps, where there are some)."""

    name: str
    run: Callable[..., Outcome]
    settings: str | tuple[str, ...] = ""
    leave_out: tuple[str, ...] = ("on_progress",)

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the places of the steps that declare settings."""
        return (self.settings,) if isinstance(self.settings, str) and self.settings else tuple(self.settings)

    @property
    def help(self) -> str:
        """Return the first line of the verb's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


def plain(value: Any) -> Any:
    """Return a value as JSON can say it: NaN and infinity become null, arrays lists, paths text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
