"""The property that every reader of samples has: any part that is read is that part of the whole."""

from __future__ import annotations

import numpy as np


def differing_parts(read, whole, *, n_draws=30, seed=0):
    """Read random parts with ``read(first, stop)``; return those that are not the same part of ``whole``."""
    rng = np.random.default_rng(seed)
    parts = [(0, len(whole)), (0, 0), (len(whole), len(whole)), (len(whole) - 1, len(whole))]
    parts += [tuple(sorted(rng.integers(0, len(whole) + 1, 2).tolist())) for _ in range(n_draws)]
    wrong = []
    for first, stop in parts:
        try:
            got = read(first, stop)
        except ValueError:  # a part of the wrong length
            wrong.append((first, stop))
            continue
        if got.dtype != np.float64 or not np.array_equal(got, whole[first:stop], equal_nan=True):
            wrong.append((first, stop))
    return wrong
