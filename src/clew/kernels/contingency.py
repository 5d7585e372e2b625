"""Counting how two labelings meet."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def pair_counts(a, b, n_a, n_b):
    """Contingency table (n_a, n_b) of two labelings (n_rows,) of int32 that start at 0."""
    table = np.zeros((n_a, n_b), np.int64)
    for i in range(a.size):
        table[a[i], b[i]] += 1
    return table


@njit(cache=True, nogil=True)
def coassociation(labels):
    """Share of runs (n_rows, n_rows) that put two rows together; labels (n_runs, n_rows) of int32, -1 is alone."""
    n_runs, n_rows = labels.shape
    together = np.zeros((n_rows, n_rows), np.float32)
    for run in range(n_runs):
        for i in range(n_rows):
            if labels[run, i] >= 0:
                for j in range(i + 1, n_rows):
                    if labels[run, i] == labels[run, j]:
                        together[i, j] += 1
    for i in range(n_rows):
        together[i, i] = 1
        for j in range(i + 1, n_rows):
            together[i, j] /= n_runs
            together[j, i] = together[i, j]
    return together
