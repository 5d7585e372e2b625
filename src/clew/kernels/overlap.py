"""Counting in one pass how the labels of two images meet, whatever numbers they are."""

from __future__ import annotations

import numpy as np
from numba import njit

SPREAD = np.uint64(11400714819323198485)  # 2**64 / golden ratio: neighbouring keys land far apart
EMPTY = -1


@njit(cache=True, nogil=True)
def overlaps(a, b):
    """Pairs of labels that meet, and in how many pixels: columns a, b, count, sorted by a and then b.

    Labels (n_pixels,) of int32 from 0 on; the answer is int64 (n_pairs, 3). Neighbouring pixels mostly show the
    same pair, so that runs are counted first and only their sums go into a table by hash.
    """
    keys = np.full(1024, EMPTY, np.int64)
    counts = np.zeros(1024, np.int64)
    n_pairs, i = 0, 0
    while i < a.size:
        start, x, y = i, a[i], b[i]
        while i < a.size and a[i] == x and b[i] == y:
            i += 1
        key = (np.int64(x) << 32) | np.int64(y)
        slot = _slot(keys, key)
        if keys[slot] == EMPTY:
            keys[slot] = key
            n_pairs += 1
        counts[slot] += i - start
        if 2 * n_pairs > keys.size:
            keys, counts = _grown(keys, counts)
    used = np.flatnonzero(keys != EMPTY)
    used = used[np.argsort(keys[used])]
    table = np.empty((n_pairs, 3), np.int64)
    for row in range(n_pairs):
        key = keys[used[row]]
        table[row, 0], table[row, 1], table[row, 2] = key >> 32, key & 0xFFFFFFFF, counts[used[row]]
    return table


@njit(cache=True, nogil=True)
def _slot(keys, key):
    """Where a key is, or where it is to be put; the size of the table is a power of 2."""
    last = keys.size - 1
    slot = np.int64((np.uint64(key) * SPREAD) >> np.uint64(32)) & last
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & last
    return slot


@njit(cache=True, nogil=True)
def _grown(keys, counts):
    """The same table with twice as many places."""
    wide_keys = np.full(2 * keys.size, EMPTY, np.int64)
    wide_counts = np.zeros(2 * keys.size, np.int64)
    for place in range(keys.size):
        if keys[place] != EMPTY:
            slot = _slot(wide_keys, keys[place])
            wide_keys[slot], wide_counts[slot] = keys[place], counts[place]
    return wide_keys, wide_counts
