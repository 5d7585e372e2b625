"""Events: neighbouring windows of one class, put together as they come; and the table of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clew.errors import SettingError, check, check_choice
from clew.read.recording import spell_time
from clew.result import Result
from clew.words import listed

if TYPE_CHECKING:
    import pandas as pd

# Classes that are the absence of an event, by their name, unless somebody says otherwise.
QUIET = ("background", "noise", "silence", "quiet", "nothing", "none")
COLUMNS = ("recording", "station", "start", "end", "label", "probability", "highest", "n_windows")


# ---- merging ----
@dataclass
class Span:
    """Windows of one class that hang together, in samples of their recording.

    Parameters
    ----------
    label : str
    first, stop : int
        The first sample, and the one behind the last.
    total, highest : float
        The sum and the largest of the windows' probabilities of this class.
    n_windows : int
    """

    label: str
    first: int
    stop: int
    total: float
    highest: float
    n_windows: int = 1

    @property
    def probability(self) -> float:
        """Return the mean of the windows' probabilities."""
        return self.total / self.n_windows


class EventMerger:
    """Put windows together as they come: the same events however the stream is cut into pieces.

    - The class of a window is its most probable one. Where a ``threshold`` is given, it is the most probable one of those
      that are events, and the window counts if that probability is at least the threshold.
    - Windows of one class that follow each other on the grid, or overlap, are one event: from the start of the first to the
      end of the last, with the mean and the highest of their probabilities. Up to ``gap`` samples of windows that are no
      event may lie between.
    - Where windows of two events overlap, the border is in the middle of what they share: no moment is in two events.
    - A window that cannot be used (nothing was recorded) ends an event.

    Parameters
    ----------
    classes : sequence of str
        The columns of the probabilities.
    length, step : int
        Of the windows, and from the start of one to the start of the next, give or take one, in samples.
    ignore : sequence of str
        The classes that are no events.
    threshold : float, optional
    gap : int
        In samples.
    state : dict, optional
        As `state` gave it, to go on from there.
    """

    def __init__(
        self,
        classes: Sequence[str],
        *,
        length: int,
        step: int,
        ignore: Sequence[str] = (),
        threshold: float | None = None,
        gap: int = 0,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.classes, self.length, self.step, self.threshold = list(classes), length, step, threshold
        self.is_event = np.array([name not in ignore for name in classes])
        self.reach = (
            max(0, step + 1 - length) + gap
        )  # how far behind an event the next window of it may start
        state = state or {}
        self._open = Span(**state["open"]) if state.get("open") else None
        self._ended = bool(state.get("ended", False))  # by a window that cannot be used

    def state(self) -> dict[str, Any]:
        """Return all that must be known to go on, as JSON keeps it."""
        return {"open": self._open and asdict(self._open), "ended": self._ended}

    def decide(self, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for each window the number of its class, int64 (w,), and whether it is an event, bool (w,)."""
        if self.threshold is None:
            code = probability.argmax(axis=1)
            return code, self.is_event[code]
        code = np.where(self.is_event, probability, -1.0).argmax(axis=1)
        return code, probability[np.arange(len(code)), code] >= self.threshold

    def push(self, first: np.ndarray, probability: np.ndarray, usable: np.ndarray) -> list[Span]:
        """Take the next windows, and return the events that are finished with them.

        Parameters
        ----------
        first : ndarray of int64, shape (w,)
            The first sample of each window; they rise.
        probability : ndarray of float64, shape (w, n_classes)
            Anything where a window cannot be used.
        usable : ndarray of bool, shape (w,)
        """
        code, is_event = self.decide(probability)
        finished: list[Span] = []
        for i, start in enumerate(np.asarray(first).tolist()):
            self._ended |= not usable[i]
            if usable[i] and is_event[i]:
                label, share = self.classes[code[i]], float(probability[i, code[i]])
                if self._open is not None and self._joins(start, label):
                    self._open.stop = start + self.length
                    self._open.total += share
                    self._open.highest = max(self._open.highest, share)
                    self._open.n_windows += 1
                else:
                    finished += self._finish(before=start)
                    begins = max(start, finished[-1].stop) if finished else start
                    self._open, self._ended = Span(label, begins, start + self.length, share, share), False
            elif self._open is not None and self._is_over(start + max(1, self.step - 1)):
                finished += self._finish()
        return finished

    def flush(self) -> list[Span]:
        """Return the event that is still open, if there is one: nothing comes any more."""
        return self._finish()

    def _joins(self, start: int, label: str) -> bool:
        """Tell whether a window that starts here is of the open event."""
        now = self._open
        return now is not None and not self._ended and label == now.label and start <= now.stop + self.reach

    def _is_over(self, start: int) -> bool:
        """Tell whether no window that starts here or later can be of the open event, or overlap it."""
        stop = 0 if self._open is None else self._open.stop
        return start >= stop if self._ended else start > stop + self.reach

    def _finish(self, before: int | None = None) -> list[Span]:
        """Close the open event; where a window of another one starts within it, in the middle of what they share."""
        finished, self._open = self._open, None
        if finished is None:
            return []
        if before is not None and before < finished.stop:
            finished.stop = (before + finished.stop) // 2
        return [finished]


def merge_windows(
    first: np.ndarray, probability: np.ndarray, usable: np.ndarray, *, classes: Sequence[str], **settings: Any
) -> list[Span]:
    """Put all windows of a recording together; arrays as for `EventMerger.push`, settings as for `EventMerger`."""
    merger = EventMerger(classes, **settings)
    return merger.push(first, probability, usable) + merger.flush()


def classes_left_out(classes: Sequence[str], ignore: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Return the classes that are no events, and what to say of it: those named, or by default those called "noise".

    Raises
    ------
    SettingError
        If one is unknown, or none is left.
    """
    if ignore is not None:
        for name in ignore:
            check_choice(name, classes, what="'ignore' setting", of="predict")
    out = [name for name in classes if (name in ignore if ignore is not None else name.casefold() in QUIET)]
    check(
        len(out) < len(classes),
        SettingError,
        "The 'ignore' of predict must leave at least one class that is an event: {}. Got all of them.",
        ", ".join(classes),
    )
    told = f"Windows of class {listed(out)} make no events, by the name; --ignore names others."
    return out, [told] if out and ignore is None else []


# ---- the table ----
@dataclass(frozen=True)
class Event:
    """Something that happened at a station.

    Parameters
    ----------
    recording, station : str
    start, end : float
        In s since 1970-01-01 UTC, or since the start of the recording.
    label : str
    probability, highest : float
        The mean and the highest of its windows' probabilities of this class.
    n_windows : int
    dated : bool
        Whether times count from 1970-01-01 UTC.
    """

    recording: str
    station: str
    start: float
    end: float
    label: str
    probability: float
    highest: float
    n_windows: int
    dated: bool = True

    def row(self) -> dict[str, Any]:
        """Return the columns of a table: times as text (ISO 8601, UTC) where they are dated, else in s."""
        said = asdict(self)
        for name in ("start", "end"):
            said[name] = spell_time(said[name], dated=True) if self.dated else round(said[name], 6)
        return {name: said[name] for name in COLUMNS}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Events(Result):
    """What a model found in recordings: recording by recording, in the order of time.

    Parameters
    ----------
    recording, station : ndarray of str, shape (n_events,)
    start, end : ndarray of float64, shape (n_events,)
        In s since 1970-01-01 UTC, or since the start of the recording where `dated` is False.
    label : ndarray of str, shape (n_events,)
    probability, highest : ndarray of float64, shape (n_events,)
        The mean and the highest of the windows' probabilities of this class.
    n_windows : ndarray of int64, shape (n_events,)
    dated : ndarray of bool, shape (n_events,)
    classes : list of str
        Those that the model tells apart.
    windows : dict of str to int
        How many windows were of each class.
    left_out : dict of str to int
        How many windows could not be used, by reason.
    notes : list of str
        What to mind.
    clipped : int
        How many of the windows that were used look clipped.
    """

    recording: np.ndarray
    station: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    probability: np.ndarray
    highest: np.ndarray
    n_windows: np.ndarray
    dated: np.ndarray
    classes: list[str]
    windows: dict[str, int]
    left_out: dict[str, int]
    notes: list[str]
    clipped: int = 0

    @staticmethod
    def of(
        events: Sequence[Event],
        *,
        classes: Sequence[str],
        windows: dict[str, int],
        left_out: dict[str, int],
        notes: Sequence[str] = (),
        clipped: int = 0,
    ) -> Events:
        """Put events together."""
        kinds: dict[str, Any] = {
            "recording": str, "station": str, "start": np.float64, "end": np.float64, "label": str,
            "probability": np.float64, "highest": np.float64, "n_windows": np.int64, "dated": np.bool_,
        }  # fmt: skip
        columns: dict[str, Any] = {
            name: np.array([getattr(one, name) for one in events], kind) for name, kind in kinds.items()
        }
        return Events(
            **columns,
            classes=list(classes),
            windows=windows,
            left_out=left_out,
            notes=list(notes),
            clipped=clipped,
        )

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, index: int) -> Event:
        """Return one event."""
        return Event(*(getattr(self, name)[index].item() for name in (*COLUMNS, "dated")))

    def headline(self) -> str:
        """Say how many events of which class, or why there are none."""
        n = sum(self.windows.values()) + sum(self.left_out.values())
        if len(self):
            counts = Counter(self.label.tolist())
            kinds = ", ".join(f"{counts[name]:,} {name}" for name in self.classes if counts[name])
            return f"{len(self):,} event{'s' * (len(self) != 1)} in {n:,} windows: {kinds}"
        parts = [f"{count:,} are {name}" for name, count in self.windows.items() if count]
        parts += [f"{count:,} left out ({why})" for why, count in self.left_out.items() if count]
        return f"no events in {n:,} windows: {listed(parts)}" if parts else "no events: not one whole window"

    def summary(self) -> dict[str, Any]:
        """Return the number of events and of windows of each class, those that were left out, and what to mind."""
        counts = Counter(self.label.tolist())
        return {
            "events": len(self),
            "labels": {name: counts[name] for name in self.classes if counts[name]},
            "windows": dict(self.windows),
            "left_out": dict(self.left_out),
            "clipped": self.clipped,
            "notes": list(self.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return the events as they stand in tables, one dict each."""
        return [self[i].row() for i in range(len(self))]

    def to_frame(self, *, timestamps: bool = False) -> pd.DataFrame:
        """Return one row an event: recording, station, start, end, label, probability, highest, n_windows.

        Times are text (ISO 8601, UTC) of recordings that are dated, or ``timestamps`` (UTC, in microseconds); of others they
        are seconds; all are text where both occur.
        """
        import pandas as pd

        table = pd.DataFrame(self.rows(), columns=list(COLUMNS))
        if timestamps and self.dated.all():
            for name in ("start", "end"):
                micro = np.round(getattr(self, name) * 1e6).astype("int64").astype("datetime64[us]")
                table[name] = pd.Series(micro).dt.tz_localize("UTC")
            return table
        both = len(self) and not (self.dated.all() or not self.dated.any())
        return table.astype({"start": str, "end": str}) if both else table
