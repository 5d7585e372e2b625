"""The loops of byte-pair encoding: which two tokens stand side by side most often, and putting them together everywhere."""

from __future__ import annotations

import numpy as np
from numba import njit

APART = -1  # stands between pieces that no merge crosses


@njit(cache=True, nogil=True)
def count_pairs(codes, weight, counts):
    """Count neighbours, and find the pair that occurs most often.

    A run of one token such as ``aaa`` holds its pair once: the two that would be merged.

    Parameters
    ----------
    codes : ndarray of int32, shape (n,)
        Tokens, `APART` between pieces.
    weight : ndarray of int64, shape (n,)
        How often the piece of each token occurs.
    counts : ndarray of int64, shape (n_tokens, n_tokens)
        Zeros, to which is added; `forget_pairs` makes them zeros again.

    Returns
    -------
    first, second : int
        The pair; of several the one whose tokens have the lowest codes. `APART` where there is none.
    """
    run = False  # the pair before was of this token with itself, and was counted
    for i in range(codes.size - 1):
        a, b = codes[i], codes[i + 1]
        if a < 0 or b < 0:
            run = False
            continue
        run = a == b and not run
        if a != b or run:
            counts[a, b] += weight[i]
    most, first, second = 0, APART, APART
    for i in range(codes.size - 1):
        a, b = codes[i], codes[i + 1]
        if a < 0 or b < 0:
            continue
        n = counts[a, b]
        if n > most or (n == most and (a < first or (a == first and b < second))):
            most, first, second = n, a, b
    return first, second


@njit(cache=True, nogil=True)
def forget_pairs(codes, counts):
    """Set the counts of all neighbours back to 0: a table of many tokens is mostly empty, and is not gone through."""
    for i in range(codes.size - 1):
        a, b = codes[i], codes[i + 1]
        if a >= 0 and b >= 0:
            counts[a, b] = 0


@njit(cache=True, nogil=True)
def merge_pair(codes, weight, first, second, made):
    """Put a pair together wherever it stands, from left to right, in place.

    Parameters
    ----------
    codes : ndarray of int32, shape (n,)
    weight : ndarray of int64, shape (n,)
    first, second, made : int
        Two tokens, and the one that stands for them.

    Returns
    -------
    int
        How many tokens are left at the front of both arrays.
    """
    kept = 0
    i = 0
    n = codes.size
    while i < n:
        if i + 1 < n and codes[i] == first and codes[i + 1] == second:
            codes[kept] = made
            weight[kept] = weight[i]
            i += 2
        else:
            codes[kept] = codes[i]
            weight[kept] = weight[i]
            i += 1
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def merge_all(codes, pairs, made):
    """Put pairs together, one after the other, in place; those that cannot occur cost a look each.

    Parameters
    ----------
    codes : ndarray of int32, shape (n,)
        Of one text, `APART` between pieces.
    pairs : ndarray of int32, shape (m, 2)
        In the order in which they were learnt.
    made : ndarray of int32, shape (m,)

    Returns
    -------
    int
        How many are left at the front.
    """
    n = codes.size
    highest = 0
    for i in range(n):
        highest = max(highest, codes[i])
    for one in made:
        highest = max(highest, one)
    there = np.zeros(highest + 1, np.int64)
    for i in range(n):
        if codes[i] >= 0:
            there[codes[i]] += 1
    earliest = np.full(highest + 1, made.size, np.int64)  # the first pair that holds a token
    for k in range(made.size - 1, -1, -1):
        for one in pairs[k]:
            if one <= highest:
                earliest[one] = k
    k = -1
    while k + 1 < made.size:
        k += 1
        a, b = pairs[k, 0], pairs[k, 1]
        if a > highest or b > highest or there[a] == 0 or there[b] == 0:
            continue
        kept = 0
        i = 0
        while i < n:
            if i + 1 < n and codes[i] == a and codes[i + 1] == b:
                codes[kept] = made[k]
                there[a] -= 1
                there[b] -= 1
                there[made[k]] += 1
                i += 2
            else:
                codes[kept] = codes[i]
                i += 1
            kept += 1
        if kept < n and earliest[made[k]] < k:
            k = earliest[made[k]] - 1  # two ways led to this token, and what follows the first comes first
        n = kept
    return n
