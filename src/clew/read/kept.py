"""What readers decoded last is kept for the next window, but never more than so much, however many files are open."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from typing import Any

LIMIT = 1 << 25  # bytes (32 MiB), of all readers together


class Kept:
    """The place in which one reader keeps something; it is emptied when others have kept enough since.

    Attributes
    ----------
    value
        What was kept last; None where nothing is, or no longer. Replaced as a whole: safe among threads.
    """

    def __init__(self) -> None:
        self.value: Any = None

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()

    def keep(self, value: Any, n_bytes: int) -> None:
        """Keep something of so many bytes instead of what was kept before."""
        _all.put(self, value, n_bytes)


class _All:
    """What all readers keep, the oldest first; of readers that are gone, too, until it is the oldest."""

    def __init__(self) -> None:
        self.lock, self.held = threading.Lock(), 0
        self.places: OrderedDict[int, tuple[weakref.ref[Kept], int]] = OrderedDict()

    def put(self, place: Kept, value: Any, n_bytes: int) -> None:
        with self.lock:
            self.held += n_bytes - self.places.pop(id(place), (None, 0))[1]
            self.places[id(place)] = weakref.ref(place), n_bytes
            place.value = value
            while self.held > LIMIT and len(self.places) > 1:
                _, (oldest, size) = self.places.popitem(last=False)
                self.held -= size
                if (one := oldest()) is not None:
                    one.value = None


_all = _All()
