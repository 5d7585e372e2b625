"""How a net is trained: one frozen recipe, checked before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clew.errors import SettingError, check, check_choice, check_seed
from clew.result import literal_choices

Optimizer = Literal["adamw", "adam", "sgd", "rmsprop"]
Schedule = Literal["constant", "cosine", "one-cycle", "step", "plateau"]
Keep = Literal["best", "last"]
Precision = Literal["auto", "float32", "float64", "bfloat16", "float16"]
USUAL_BATCH = 32
MOST_THREADS = 1024  # far more end the process


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides a training beside the net, the rows and the loss.

    Parameters
    ----------
    max_epochs : int
        The number of epochs; fewer where it stops early.
    batch_size : int, optional
        The rows of an update; 32, or all rows where they are fewer, by default.
    samples_per_epoch : int, optional
        So many rows are drawn at random, without replacement, for each epoch; all by default. More than there are: each
        row once before any comes twice.
    optimizer : {"adamw", "adam", "sgd", "rmsprop"}
    lr : float
        The (highest) learning rate.
    schedule : {"constant", "cosine", "one-cycle", "step", "plateau"}
        How the rate changes: not; down to 0 along half a cosine; up for 3 tenths of the updates, then down; to a tenth at
        half and at three quarters of the epochs; to half where the validation loss has not got better for `patience` / 2 epochs.
    momentum : float
        Of sgd and rmsprop.
    weight_decay : float
        Decoupled in adamw, a penalty in the others.
    clip : float, optional
        Gradients with a larger Euclidean norm are scaled down to it.
    truncate : int, optional
        Of recurrent nets: through how many steps gradients flow back; to the first by default.
    patience : int, optional
        Stop when the validation loss has not got better for so many epochs, those on the way up of "one-cycle" not counted;
        never by default.
    keep : {"best", "last"}
        Whose weights are kept: of the epoch with the lowest validation loss, or of the last one, where validation rows are
        too few to choose by and only tell how it went.
    min_delta : float
        By how much the validation loss must fall to count as better.
    precision : {"auto", "float32", "float64", "bfloat16", "float16"}
        "auto" is float32 on a CPU and mixed bfloat16 on a GPU that has it.
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1".
    threads : int
        Threads of torch on a CPU; the last digits of a net depend on it, so it is a setting.
    random_state : int
        Decides the first weights, the order of the rows, drop-out and augmentation.
    """

    max_epochs: int = 50
    batch_size: int | None = None
    samples_per_epoch: int | None = None
    optimizer: Optimizer = "adamw"
    lr: float = 1e-3
    schedule: Schedule = "constant"
    momentum: float = 0.9
    weight_decay: float = 0.0
    clip: float | None = None
    truncate: int | None = None
    patience: int | None = None
    keep: Keep = "best"
    min_delta: float = 0.0
    precision: Precision = "auto"
    device: str = "auto"
    threads: int = 1
    random_state: int = 0

    def __post_init__(self) -> None:
        for name, choices in (
            ("optimizer", Optimizer),
            ("schedule", Schedule),
            ("precision", Precision),
            ("keep", Keep),
        ):
            check_choice(
                getattr(self, name), literal_choices(choices)[0], what=f"'{name}' setting", of="a net"
            )
        for name in ("max_epochs", "batch_size", "samples_per_epoch", "truncate", "patience", "threads"):
            value, given = getattr(self, name), name in ("max_epochs", "threads")
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
            _check(
                (value is None and not given) or (whole and value >= 1),
                name,
                "a whole number of at least 1",
                value,
            )
        _check(self.threads <= MOST_THREADS, "threads", f"at most {MOST_THREADS}", self.threads)
        _check(_number(self.lr) and 0 < self.lr < np.inf, "lr", "a number above 0", self.lr)
        _check(
            self.clip is None or (_number(self.clip) and self.clip > 0), "clip", "a number above 0", self.clip
        )
        for name in ("weight_decay", "min_delta"):
            value = getattr(self, name)
            _check(_number(value) and 0 <= value < np.inf, name, "a number of at least 0", value)
        _check(
            _number(self.momentum) and 0 <= self.momentum < 1,
            "momentum",
            "a number from 0 to below 1",
            self.momentum,
        )
        check_seed(self.random_state, of="a net")

    def batch_of(self, n_rows: int) -> int:
        """Return the rows of a batch, of so many.

        Raises
        ------
        SettingError
            If a batch was asked for that is larger than the data.
        """
        if self.batch_size is None:
            return min(USUAL_BATCH, n_rows)
        check(
            self.batch_size <= n_rows,
            SettingError,
            "The 'batch_size' of a net must be at most the number of training rows ({}). Got {}.",
            n_rows,
            self.batch_size,
        )
        return self.batch_size


def _number(value: Any) -> bool:
    return (
        isinstance(value, (int, float, np.number))
        and not isinstance(value, bool)
        and bool(np.isfinite(value))
    )


def _check(right: bool, name: str, must: str, got: Any) -> None:
    check(right, SettingError, "The '{}' of a net must be {}. Got {} instead.", name, must, got)
