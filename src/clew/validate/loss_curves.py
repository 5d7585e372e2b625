"""Loss curves with answers: a training's losses, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.intervals import number
from clew.result import Result
from clew.validate import loss_rules
from clew.validate.history import History
from clew.validate.loss_answers import Answer, Topic, answer
from clew.validate.loss_rules import Losses

PATIENCE = (1, 3, 5, 10, 20)
FREE = 0.005  # of the loss of chance: what early stopping may cost
WORST_FIRST: tuple[tuple[Topic, tuple[str, ...]], ...] = (
    ("learning rate", ("too high", "too low")),
    ("converging", ("no", "cannot tell")),
    ("overfitting", ("overfits",)),
    ("underfitting", ("underfits",)),
    ("epochs", ("no",)),
)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LossReading(Result):
    """The losses of a training, and what they say.

    Parameters
    ----------
    history : History
    answers : list of Answer
        One to each question of `QUESTIONS`, in that order.
    patience : ndarray of int64, shape (n_patience,)
        How many epochs without a better validation loss an early stopping would have waited.
    stopped_at : ndarray of int64, shape (n_patience,)
        The epoch after which it would have stopped; 0 where it would not have, in these epochs.
    kept_epoch : ndarray of int64, shape (n_patience,)
        The epoch whose weights it would have kept; 0 without validation rows.
    kept_loss, worse : ndarray of float64, shape (n_patience,)
        The validation loss of that epoch, and how much that is above the best of all; NaN without validation rows.
    """

    history: History
    answers: list[Answer]
    patience: np.ndarray
    stopped_at: np.ndarray
    kept_epoch: np.ndarray
    kept_loss: np.ndarray
    worse: np.ndarray

    def about(self, topic: Topic) -> Answer:
        """Return the answer about a topic."""
        return next(one for one in self.answers if one.topic == topic)

    def sentences(self) -> list[str]:
        """Say all answers, each with what would help."""
        return [f"{one.sentence} {one.advice}".rstrip() for one in self.answers]

    def headline(self) -> str:
        """Say what most needs to be known."""
        for topic, bad in WORST_FIRST:
            found = self.about(topic)
            if found.answer in bad:
                return found.sentence
        return f"The training went well: {self.history.headline()}."

    def summary(self) -> dict[str, Any]:
        """Return every answer by its topic, and what each patience would have brought."""
        names = ("patience", "stopped_at", "kept_epoch", "kept_loss", "worse")
        columns = (getattr(self, name).tolist() for name in names)
        stops = [dict(zip(names, map(number, row), strict=True)) for row in zip(*columns, strict=True)]
        return {**{one.topic: one.summary() for one in self.answers}, "stops": stops}


def read_losses(history: History) -> LossReading:
    """Answer six questions about a training from its losses, each with its evidence and what would help.

    Is it converging? Is the learning rate right? Does it overfit? Does it underfit? Were there enough epochs? Would early
    stopping have helped? The rules are in `clew.validate.loss_rules`, the numbers they go by in each answer's `evidence`.
    With fewer than 5 epochs, and about overfitting without validation rows, the answer is "cannot tell".

    Parameters
    ----------
    history : History

    Notes
    -----
    Measured on 51,200 drawn histories of 15 to 200 epochs (sound, overfitting, a gap, diverging, creeping, underfitting,
    cut short, nothing to learn), with noise of the validation loss between epochs of 1, 2 or 3% of the loss of chance;
    each figure is the worst kind and length. Convergence, learning rate and underfitting are told rightly in at least
    99%. Overfitting is found in at least 99% where there is some (the validation loss rises by a quarter of chance), and
    told of at most 0.5% where there is none; else "no" (at least 90%) or "cannot tell". Where the noise of 3% is correlated
    by 0.7 from epoch to epoch, it is told of 1.5% wrongly, and with 15 epochs of 4%. Whether the epochs were enough is
    answered rightly in 99% from 30 epochs on with noise of 1%, and with 200 epochs and 3%; with more noise or fewer epochs
    the answer is often "cannot tell", and wrong in at most 4% (15 epochs: 8%; correlated noise: 11%).

    Why to stop at the lowest validation loss, and how long to wait: Prechelt, Neural Networks 11 (1998) 761,
    doi:10.1016/S0893-6080(98)00010-0.
    """
    losses = Losses.of(history)
    stops: dict[str, Any] = {"patience": np.array(PATIENCE), **_stops(history.valid_loss)}
    overfits = loss_rules.overfitting(losses)
    rate = loss_rules.learning_rate(losses, overfits)
    epochs = loss_rules.epochs(losses, rate, overfits)
    answers = [
        loss_rules.converging(losses),
        rate,
        overfits,
        loss_rules.underfitting(losses, rate, overfits, epochs),
        epochs,
        _early_stopping(losses, stops),
    ]
    return LossReading(history=history, answers=answers, **stops)


def _stops(loss: np.ndarray) -> dict[str, np.ndarray]:
    """Return when each patience would have stopped, and with what."""
    found = [_stop(loss, patience) for patience in PATIENCE]
    stopped_at, kept = (np.array(column, np.int64) for column in zip(*found, strict=True))
    kept_loss = np.where(kept > 0, np.r_[np.nan, loss][kept], np.nan)
    best = np.nanmin(loss) if np.isfinite(loss).any() else np.nan
    return {"stopped_at": stopped_at, "kept_epoch": kept, "kept_loss": kept_loss, "worse": kept_loss - best}


def _stop(loss: np.ndarray, patience: int) -> tuple[int, int]:
    """Return the epoch after which training would have stopped (0: not at all), and the one whose weights it kept."""
    lowest, best = np.inf, 0
    for epoch, one in enumerate(loss.tolist(), 1):
        if one < lowest:
            lowest, best = one, epoch
        elif best and epoch - best >= patience:
            return epoch, best
    return 0, best


def _early_stopping(losses: Losses, stops: dict[str, np.ndarray]) -> Answer:
    """Would some patience have saved epochs at no cost?"""
    history = losses.history
    if losses.train is None:
        return losses.few("early stopping")
    if not history.validated:
        return losses.unvalidated("early stopping")
    stopped = stops["stopped_at"] > 0
    free = stopped & (stops["worse"] <= FREE * losses.chance)
    best = int(np.nanargmin(history.valid_loss))
    top = f"the best of all {history.n_epochs} epochs is {history.valid_loss[best]:.4g} (epoch {best + 1})"
    if not stopped.any():
        because = f"no patience up to {PATIENCE[-1]} epochs would have stopped; {top}"
        return answer("early stopping", "no", because, best_epoch=best + 1, epochs=history.n_epochs)
    at = int(np.argmax(free)) if free.any() else int(np.flatnonzero(stopped)[-1])
    evidence = {name: values[at] for name, values in stops.items()}
    because = (
        f"with a patience of {evidence['patience']} it would have stopped after epoch {evidence['stopped_at']} "
        f"with {evidence['kept_loss']:.4g} (epoch {evidence['kept_epoch']}); {top}"
    )
    return answer("early stopping", "yes" if free.any() else "no", because, **evidence)
