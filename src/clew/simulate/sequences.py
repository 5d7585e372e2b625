"""Sequences with known truth. Always called simulated."""

from __future__ import annotations

import numpy as np

from clew.errors import SettingError, check


def adding_problem(n: int, length: int = 100, *, random_state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of which two marked values are to be added: the classical test of memory over many steps.

    Parameters
    ----------
    n : int
        Number of sequences.
    length : int
        Steps of each.
    random_state : int

    Returns
    -------
    X : ndarray of float32, shape (n, length, 2)
        A value from 0 to 1, and a mark: 1 at one step of the first half and at one of the second, else 0.
    y : ndarray of float32, shape (n,)
        The sum of the two marked values. To answer 1 always has a mean squared error of 1/6.

    Raises
    ------
    SettingError
        If ``n`` is below 1 or ``length`` below 2.

    Notes
    -----
    After Hochreiter & Schmidhuber (1997), Neural Computation 9, doi:10.1162/neco.1997.9.8.1735; values from 0 to 1 and a mark in each
    half are later custom.
    """
    check(n >= 1, SettingError, "The 'n' of adding_problem must be an int from 1. Got {}.", n)
    check(length >= 2, SettingError, "The 'length' of adding_problem must be an int from 2. Got {}.", length)
    rng = np.random.default_rng(random_state)
    X = np.zeros((n, length, 2), np.float32)
    X[:, :, 0] = rng.random((n, length), dtype=np.float32)
    rows, half = np.arange(n), length // 2
    first, second = rng.integers(0, half, n), rng.integers(half, length, n)
    X[rows, first, 1] = X[rows, second, 1] = 1
    return X, X[rows, first, 0] + X[rows, second, 0]
