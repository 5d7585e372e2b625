"""The loss of the nets that a job trains, epoch for epoch: said by the worker, kept by the server, drawn by the page."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

SECONDS_BETWEEN = 0.3  # of two messages of a worker
MOST_NETS = 12  # of one job whose curves are kept: the latest
MOST_EPOCHS = 400  # of one curve; of a longer one every second, fourth, ... is kept
TRAINER = "clew.neural.fit"  # the logger of the training loop; a name, as it is torch's side of the house
Epoch = dict[str, Any]


class Epochs(logging.Handler):
    """Passes on what the training loop logs of each epoch: all of them, a few messages a second.

    Parameters
    ----------
    say : callable (kind, **data)
        Gets "epochs" with a list of ``{"number", "of", "train_loss", "valid_loss"}``.
    """

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__(logging.DEBUG)
        self._say, self._waiting, self._last = say, list[Epoch](), -SECONDS_BETWEEN

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of an epoch."""
        epoch = getattr(record, "epoch", None)
        if epoch is None:
            return
        self._waiting.append({name: epoch[name] for name in ("number", "of", "train_loss", "valid_loss")})
        if time.monotonic() - self._last >= SECONDS_BETWEEN:
            self.flush()

    def flush(self) -> None:
        """Say what has not been said yet."""
        if self._waiting:
            self._last = time.monotonic()
            self._say("epochs", epochs=self._waiting)
            self._waiting = []

    def attach(self) -> None:
        """Listen to the training loop from now on."""
        log = logging.getLogger(TRAINER)
        log.addHandler(self)
        log.setLevel(logging.DEBUG)


@dataclass(eq=False)
class Curve:
    """The losses of one net; the best epoch is that of the lowest validation loss, and there is none without one."""

    of: int = 0
    every: int = 1
    kept: list[Epoch] = field(default_factory=list)
    last: Epoch = field(default_factory=dict)
    best: Epoch = field(default_factory=dict)

    def take(self, epoch: Epoch) -> None:
        """Take note of the next epoch."""
        self.of, self.last = epoch["of"], epoch
        loss = epoch["valid_loss"]
        if loss is not None and (not self.best or loss < self.best["valid_loss"]):
            self.best = epoch
        if (epoch["number"] - 1) % self.every == 0:
            self.kept.append(epoch)
        if len(self.kept) > MOST_EPOCHS:
            self.kept, self.every = self.kept[::2], 2 * self.every

    def told(self) -> dict[str, Any]:
        """Return the curve, thinned where it is long; the latest and the best epoch always belong to it."""
        shown = {one["number"]: one for one in (*self.kept, self.best, self.last) if one}
        epochs = [shown[number] for number in sorted(shown)]
        return {
            "of": self.of,
            "best": self.best.get("number"),
            "number": [one["number"] for one in epochs],
            "train": [one["train_loss"] for one in epochs],
            "valid": [one["valid_loss"] for one in epochs],
        }


class Curves:
    """The losses of all nets of one job: where epochs begin at 1 again, the next net begins."""

    def __init__(self) -> None:
        self.nets = 0
        self._kept: deque[Curve] = deque(maxlen=MOST_NETS)
        self._lock = threading.Lock()  # one thread listens to the worker, others answer pages

    def take(self, epochs: Sequence[Epoch]) -> None:
        """Take note of what the worker said."""
        with self._lock:
            for epoch in epochs:
                if epoch["number"] == 1 or not self._kept:
                    self.nets += 1
                    self._kept.append(Curve())
                self._kept[-1].take(epoch)

    def now(self) -> dict[str, Any] | None:
        """Return in short how far the net is that is being trained; None where none is."""
        with self._lock:
            if not self._kept:
                return None
            last = self._kept[-1]
            return {"net": self.nets, "epoch": last.last["number"], "of": last.of}

    def told(self) -> dict[str, Any]:
        """Return all curves that are kept, the latest last, and the number of the first of them, from 1 on."""
        with self._lock:
            return {"first": self.nets - len(self._kept) + 1, "nets": [one.told() for one in self._kept]}
