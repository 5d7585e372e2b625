"""`LiveRecording`: a recording that grows while it is read, of which only the last part is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from clew.errors import DataError, check
from clew.read.recording import Channel, InMemory, Recording, Stretch, spell_seconds

KEEP = 600.0  # s
WAIT = 30.0  # s of samples that a component may be behind before it counts as missing, where nothing else is known
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
        For how many s of samples a component that is behind the others is waited for.
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
        """Return how many samples have come: of all components, or of the first where others are `wait` behind it."""
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
        values, first = np.asarray(values, np.float64)[late:], first + late
        if not len(values):
            return
        pieces = self._pieces[component]
        if pieces and first == pieces[-1][0] + len(pieces[-1][1]) and len(pieces[-1][1]) < MERGED:
            pieces[-1] = (pieces[-1][0], np.concatenate([pieces[-1][1], values]))
        else:
            pieces.append((first, values))
            pieces.sort(key=lambda piece: piece[0])
        self.ends[component] = max(self.ends[component], first + len(values))

    def advance(self) -> bool:
        """Count what was added; tell whether there are more samples now."""
        ends, before = self.ends.values(), self._n
        self._n = max(before, min(ends), max(ends) - round(self.wait * self.rate))
        return self._n > before

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
