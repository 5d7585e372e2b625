"""What a network's training recorded, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.intervals import number
from clew.result import Result

Ended = Literal["epochs", "early", "not finite", "asked"]
COLUMNS = ("epoch", "train_loss", "valid_loss", "valid_score", "lr", "gradient_norm", "updates")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class History(Result):
    """The losses of one training, epoch by epoch.

    Parameters
    ----------
    train_loss : ndarray of float64, shape (n_epochs,)
        The mean over the samples of the epoch, as they were learnt from: with drop-out, before each update.
    valid_loss, valid_score : ndarray of float64, shape (n_epochs,)
        The mean loss and the score of the validation rows at the end of the epoch; NaN without validation rows.
    lr : ndarray of float64, shape (n_epochs,)
        The learning rate at the end of the epoch.
    gradient_norm : ndarray of float64, shape (n_epochs,)
        The Euclidean norm of all gradients before clipping, in the mean over every 16th update of the epoch; over all with clipping.
    updates : ndarray of int64, shape (n_epochs,)
        How many updates had been made by the end of the epoch.
    batch_loss : ndarray of float64, shape (n_updates,)
        The loss of each batch.
    loss : str
        "cross-entropy", "mse", or the name of another loss.
    score : str
        "accuracy" or "r2"; "" where there is none.
    chance_loss : float
        The loss of an answer without a look: the shares of the classes, or the mean, of the training rows; NaN where unknown.
    train_loss_at_best : float
        The loss of the training rows under the weights that were kept, without drop-out.
    best_epoch : int
        The epoch, from 1, whose weights were kept; 0 where no epoch was completed.
    stopped : {"epochs", "early", "not finite", "asked"}
        What ended the training.
    failed_batch : int
        The update, from 1, whose loss was not finite; 0 where all were.
    max_epochs : int
        The epochs that were allowed.
    patience : int or None
        After how many epochs without a better validation loss it was to stop early; None where it was not to.
    """

    train_loss: np.ndarray
    valid_loss: np.ndarray
    valid_score: np.ndarray
    lr: np.ndarray
    gradient_norm: np.ndarray
    updates: np.ndarray
    batch_loss: np.ndarray
    loss: str
    score: str
    chance_loss: float
    train_loss_at_best: float
    best_epoch: int
    stopped: Ended
    failed_batch: int = 0
    max_epochs: int = 0
    patience: int | None = None

    @property
    def n_epochs(self) -> int:
        """Return how many epochs were completed."""
        return len(self.train_loss)

    @property
    def validated(self) -> bool:
        """Tell whether there were validation rows."""
        return bool(np.isfinite(self.valid_loss).any())

    def headline(self) -> str:
        """Say how long it took and what was kept."""
        kept = self.best_epoch - 1
        if kept < 0:
            return f"stopped at update {self.failed_batch}, before an epoch was completed"
        which = f"the weights of epoch {self.best_epoch}"
        ended = f"{self.n_epochs} epochs, {which} kept"
        if self.stopped == "not finite":
            ended = f"stopped at update {self.failed_batch}, whose loss was not finite; {which} are kept"
        told = f"{ended}: {self.loss} {self.train_loss[kept]:.4g} in training"
        return f"{told}, {self.valid_loss[kept]:.4g} in validation" if self.validated else told

    def summary(self) -> dict[str, Any]:
        """Return what was kept and why it ended."""
        kept = self.best_epoch - 1
        return {
            "epochs": self.n_epochs,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "loss": self.loss,
            "train_loss": number(self.train_loss_at_best),
            "valid_loss": number(self.valid_loss[kept]) if kept >= 0 else None,
            "valid_score": number(self.valid_score[kept]) if kept >= 0 else None,
            "score": self.score,
        }

    def rows(self) -> list[tuple[float, ...]]:
        """Return one row of `COLUMNS` an epoch, as ``history.csv`` has them."""
        epochs = range(1, self.n_epochs + 1)
        parts = (getattr(self, name).tolist() for name in COLUMNS[1:])
        return list(zip(epochs, *parts, strict=True))
