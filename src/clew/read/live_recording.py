"""`LiveRecording`: a recording that grows while it is read, of which only the last part is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clew.errors import DataError, check
from clew.read.recording import Channel, InMemory, Recording, Stretch, spell_seconds

KEEP = 600.0  # s
WAIT = 30.0  # s of samples that a component may be behind in any case, where nothing else is known
PATIENCE = 600.0  # s by the clock on the wall for which one is waited for at most
MERGED = 4096  # samples up to which new ones are put behind the last piece


class LiveRecording(Recording):
    """A recording that grows: what is read of it as of any other, but for the past, of which only the last part is held.

    Parameters
    ----------
    name : str
    station : str
    rate : float
        In Hz.
    components : sequence of str
        They stay as they are.
    start : float
        When sample 0 was taken, in s.
    dated : bool
    keep : float
        How many s before what was seen last are held.
    unit, source : str

    Attributes
    ----------
    wait : float
        How many s of samples a component may be behind the others in any case.
    final : dict of str to int
        How far the components reach that are not given up before the clock on the wall says so.
    left : set of str
        The components that are given up, until they catch up.
    whole : bool
        Whether all that came could be used.
    """

    def __init__(
        self,
        name: str,
        *,
        station: str,
        rate: float,
        components: Iterable[str],
        start: float,
        dated: bool,
        keep: float = KEEP,
        unit: str = "",
        source: str = "",
    ) -> None:
        self.__dict__.update(name=name, rate=float(rate), dated=dated, station=station)  # the class is frozen
        self._start, self._unit, self._source = start, unit, source
        self._pieces: dict[str, list[tuple[int, np.ndarray]]] = {one: [] for one in components}
        self.ends = dict.fromkeys(self._pieces, 0)
        self._keep = round(keep * rate)
        self._n = self._held = self._seen = 0
        self.wait = WAIT
        self.final: dict[str, int] = {}
        self.left: set[str] = set()
        self.whole = True
        self._came: dict[str, float] = {}
        self._new: set[str] = set()

    # ---- as every recording ----
    @property
    def channels(self) -> tuple[Channel, ...]:
        """Return what is held of each component."""
        return tuple(
            Channel(
                name,
                tuple(
                    Stretch(self.time(first), len(v), InMemory(v), source=self._source) for first, v in pieces
                ),
                self._unit,
                name,
            )
            for name, pieces in self._pieces.items()
        )

    @property
    def start(self) -> float:
        """Return the time of sample 0, in s."""
        return self._start

    @property
    def n(self) -> int:
        """Return how many samples have come: of all components but those that were given up."""
        return self._n

    @property
    def _places(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [
            (
                np.array([first for first, _ in pieces], np.int64),
                np.array([len(v) for _, v in pieces], np.int64),
            )
            for pieces in self._pieces.values()
        ]

    @property
    def _reach(self) -> list[np.ndarray]:
        return [np.maximum.accumulate(first + n) for first, n in self._places]

    def read(self, first: int, stop: int, rows: Sequence[int] | None = None) -> np.ndarray:
        """Return components from sample ``first`` up to ``stop``, as `Recording.read`.

        Raises
        ------
        DataError
            If that is no longer held.
        """
        check(
            self._held == 0 or first >= self._held,
            DataError,
            "The samples of '{}' must be among the last {} that are held. Got one from {:g} s before them.",
            self.name,
            spell_seconds(self._keep / self.rate),
            (self._held - first) / self.rate,
        )
        return super().read(first, stop, rows)

    def source_at(self, index: int) -> str:
        """Return the name of the file."""
        return self._source

    # ---- growing ----
    def add(self, component: str, first: int, values: np.ndarray) -> None:
        """Put samples of a component where they belong: from sample ``first`` on; what is no longer held is dropped.

        They count once `advance` was called, when all that came at one time is there.
        """
        late = max(0, self._held - first)
        values, first = np.asarray(values)[late:], first + late
        if not len(values):
            return
        pieces = self._pieces[component]
        if pieces and first == pieces[-1][0] + len(pieces[-1][1]) and len(pieces[-1][1]) < MERGED:
            pieces[-1] = (pieces[-1][0], np.concatenate([pieces[-1][1], values]))
        else:
            pieces.append((first, values))
            pieces.sort(key=lambda piece: piece[0])
        self.ends[component] = max(self.ends[component], first + len(values))
        self._new.add(component)

    def advance(self, now: float | None = None, *, full: bool = False) -> bool:
        """Count what was added; tell whether there are more samples now.

        A component that is more than `wait` behind is given up; but where they come faster than they are recorded, as from
        a finished file, no more than memory speaks against waiting for it.

        Parameters
        ----------
        now : float, optional
            What the clock says, in s; without it samples come in the order of time.
        full : bool
            Whether too much is held already.
        """
        newest, before = max(self.ends.values()), self._n
        if now is not None:
            self._came.update(dict.fromkeys(self._new, now))
        self._new.clear()
        least = newest - round(self.wait * self.rate)
        behind = {one for one, end in self.ends.items() if end < least}
        self.left &= behind
        self.left |= {one for one in behind if full or self._is_overdue(one, newest, now)}
        ends = [least if one in self.left else end for one, end in self.ends.items()]
        self._n = max(before, min(ends))
        return self._n > before

    def _is_overdue(self, component: str, newest: int, now: float | None) -> bool:
        """Tell whether nothing of a component that is behind has come for too long."""
        end = self.ends[component]
        if now is None:
            return component not in self.final or end < self.final[component]
        since = now - self._came.setdefault(component, now)
        return since >= min((newest - end) / self.rate / 2, PATIENCE)

    @property
    def n_bytes(self) -> int:
        """Return how much is held."""
        return sum(values.nbytes for pieces in self._pieces.values() for _, values in pieces)

    def settle(self) -> bool:
        """Stop waiting for components that are behind; tell whether there are more samples now."""
        before, self._n = self._n, max(self.ends.values())
        return self._n > before

    def trim(self) -> None:
        """Let go of what was there for long enough when the recordings were yielded last."""
        self._held = max(self._held, self._seen - self._keep)
        self._seen = self._n
        for name, pieces in self._pieces.items():
            self._pieces[name] = [piece for piece in pieces if piece[0] + len(piece[1]) > self._held]
