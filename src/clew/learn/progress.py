"""How far a long detection has come: a small file beside the output, from which a run that was killed goes on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from clew.learn.events import Event
from clew.read.recording import Recording
from clew.result import write_whole


class Going(Protocol):
    """A way along one recording, as `clew.learn.detect.Scan` is one."""

    @property
    def recording(self) -> Recording:
        """Return what it goes along."""
        ...

    @property
    def next(self) -> int:
        """Return the first sample that is not done."""
        ...

    @property
    def done(self) -> bool:
        """Return whether it has come to the end."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that must be known to go on, as JSON keeps it."""
        ...


class Progress:
    """A file of lines beside the output: what is being made, then how far each recording has come and what was found.

    Parameters
    ----------
    path : Path
    made : dict
        What the events are made of, as JSON keeps it.
    restart : bool
        Forget an earlier run.
    of : type
        Of what is found: a dataclass of what JSON keeps.

    Attributes
    ----------
    states : dict of str to dict
        By recording, the last `Scan.state`.
    events : list of Event
        All that ended before these states.
    notes : list of str
        What to say of an earlier run.
    """

    def __init__(
        self, path: Path, made: dict[str, Any], *, restart: bool = False, of: type[Any] = Event
    ) -> None:
        self.path, self.made = path, json.loads(json.dumps(made))
        head, *lines = [*_lines(path)] or [{}]
        same = head.get("made") == self.made and not restart
        self._lines = lines if same else []
        self.states: dict[str, Any] = {
            name: one for line in self._lines for name, one in line["states"].items()
        }
        self.events = [of(**one) for line in self._lines for one in line["events"]]
        self.notes = []
        if head and not restart:
            went = "an earlier run that had not ended" if same else ""
            other = (
                "an earlier run had not ended, but was of another model, other settings or other recordings"
            )
            self.notes = [f"Went on from {went}." if same else f"Began anew: {other}."]

    def begin(self) -> None:
        """Write what is known; a line that was cut short is left out."""
        write_whole(self.path, b"".join(map(_line, [{"made": self.made}, *self._lines])))

    def is_behind(self, scan: Going) -> bool:
        """Tell whether a recording has come further than the last note says."""
        noted = self.states.get(scan.recording.name, {"next": 0, "done": False})
        return bool((noted["next"], noted["done"]) != (scan.next, scan.done))

    def seconds_behind(self, scan: Going) -> float:
        """Return by how much, in s of data."""
        noted = self.states.get(scan.recording.name, {"next": 0})
        return float((scan.next - noted["next"]) / scan.recording.rate)

    def note(self, scans: Sequence[Going], events: Sequence[Any]) -> None:
        """Put down how far recordings have come and what ended since the last note, and wait until the disk has it."""
        states = {scan.recording.name: scan.state() for scan in scans}
        self.states |= states
        with open(self.path, "ab") as file:
            file.write(_line({"states": states, "events": [asdict(one) for one in events]}))
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the file: all is done."""
        self.path.unlink(missing_ok=True)


def _line(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a file of progress; what a kill cut off is not there."""
    if not path.is_file():
        return
    for raw in path.read_bytes().splitlines(keepends=True):
        with contextlib.suppress(ValueError):
            if raw.endswith(b"\n"):
                yield json.loads(raw)
