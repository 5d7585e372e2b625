"""Answers that are given to learn from, of whatever kind, as arrays; and which of them count."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.errors import DataError, check
from clew.neural.preprocess import Prepared


def answer_array(y: Any) -> np.ndarray:
    """Return answers as an array: of a list of sequences one that is filled up at the end, and (n,) of a single column."""
    if isinstance(y, (list, tuple)) and len(y) and np.ndim(y[0]):
        parts = [np.asarray(one) for one in y]
        last = np.arange(max(map(len, parts)))
        y = np.stack([one[np.minimum(last, len(one) - 1)] for one in parts])
    y = np.asarray(y)
    check(y.ndim and y.size, DataError, "The y of a net must have an entry of each row. Got the shape {}.", y.shape)  # fmt: skip
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def steps_of(y: Any, given: Prepared) -> np.ndarray:
    """Return answers at each step of sequences as an array, as long as the longest of these.

    Raises
    ------
    DataError
        If a sequence has more steps than answers.
    """
    longest = given.values.shape[1]
    steps = np.full(len(given), longest) if given.lengths is None else given.lengths
    if isinstance(y, (list, tuple)):
        few = [i for i, (one, n) in enumerate(zip(y, steps)) if len(one) < n]
        check(not few, DataError, "The y of a sequence must have an answer at each of its steps. Got fewer for number {}.", *[i + 1 for i in few[:1]])  # fmt: skip
    return answer_array(y)[:, :longest]


def asked_steps(y: np.ndarray, given: Prepared) -> np.ndarray:
    """Return bool of the shape of ``y``: all, but for steps that are padding where y has answers at each step."""
    steps = given.real
    if steps is None or y.shape[:2] != steps.shape:
        return np.ones(y.shape, bool)
    return np.broadcast_to(steps.reshape(*steps.shape, *[1] * (y.ndim - 2)), y.shape)


def weight_of(sample_weight: Any, asked: np.ndarray) -> np.ndarray | None:
    """Return the weight of the row of each answer that is asked for; None where all count the same."""
    if sample_weight is None:
        return None
    shape = (-1, *[1] * (asked.ndim - 1))
    return np.broadcast_to(np.reshape(sample_weight, shape), asked.shape)[asked]


def plain(X: Any) -> Any:
    """Return a list or a sparse matrix as it is, and all else as an array."""
    return X if isinstance(X, (list, tuple)) or hasattr(X, "toarray") else np.asarray(X)


def length_of(X: Any) -> int:
    """Return the number of rows, also of a sparse matrix; 0 of what has none."""
    shape = getattr(X, "shape", None)
    return len(X) if shape is None else shape[0] if shape else 0


def some(part: Any, rows: np.ndarray) -> Any:
    """Return some entries of a list or an array."""
    return [part[i] for i in rows] if isinstance(part, (list, tuple)) else np.asarray(part)[rows]


def checked_weight(sample_weight: Any, n: int) -> np.ndarray | None:
    """Return the weights of ``n`` rows, float64; None where all count the same.

    Raises
    ------
    DataError
        If they are not one finite number of at least 0 for each row, or none is above.
    """
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, np.float64)
    fits = weight.shape == (n,) and bool((np.isfinite(weight) & (weight >= 0)).all()) and weight.any()
    check(fits, DataError, "The sample_weight of a net must be a number of at least 0 for each row ({}), not all of them zero. Got the shape {}.", n, weight.shape)  # fmt: skip
    return weight
