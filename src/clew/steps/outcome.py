"""What a verb is, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clew.study.study import Step


OnProgress = Callable[[int, int], bool | None]


@dataclass(frozen=True)
class Outcome:
    """What a verb says: ``lines`` to a person, ``data`` to a script, and what was put on record."""

    lines: list[str]
    data: dict[str, Any]
    step: Step | None = None
    result: Any = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verb:
    """One verb: its function, and where its settings are declared (the step's signature, where there is one)."""

    name: str
    run: Callable[..., Outcome]
    settings: str = ""
    leave_out: tuple[str, ...] = ("on_progress",)

    @property
    def help(self) -> str:
        """Return the first line of the verb's docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]
