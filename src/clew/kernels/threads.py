"""How many threads compiled work may use."""

from __future__ import annotations

import os


def n_threads() -> int:
    """Return how many threads compiled work may use: NUMBA_NUM_THREADS, else the cores this process may run on.

    Raises
    ------
    ValueError
        If NUMBA_NUM_THREADS is no number.
    """
    asked = os.environ.get("NUMBA_NUM_THREADS")
    if asked:
        return max(1, int(asked))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
