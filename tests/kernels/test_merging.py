"""Pairs counted and merged, against plain Python."""

import itertools
from collections import Counter

import numpy as np

from clew.kernels.merging import APART, count_pairs, forget_pairs, merge_all, merge_pair


def counted(pieces, weights):
    """Count pairs from the left, a run of one token without overlap."""
    found = Counter()
    for piece, weight in zip(pieces, weights):
        i = 0
        last = None
        for i, pair in enumerate(itertools.pairwise(piece)):
            if pair[0] == pair[1] and last == (i - 1, pair):
                last = None
                continue
            last = (i, pair)
            found[pair] += weight
    return found


def merged(piece, pair, made):
    out, i = [], 0
    while i < len(piece):
        if tuple(piece[i : i + 2]) == pair:
            out.append(made)
            i += 2
        else:
            out.append(piece[i])
            i += 1
    return out


def flat(pieces):
    return np.concatenate([[*one, APART] for one in pieces]).astype(np.int32)


def drawn(seed):
    random = np.random.default_rng(seed)
    return [random.integers(0, 4, random.integers(1, 12)).tolist() for _ in range(50)], random.integers(
        1, 9, 50
    )


def test_pairs_are_counted_as_in_plain_python():
    for seed in range(5):
        pieces, weights = drawn(seed)
        spread = np.repeat(weights, [len(one) + 1 for one in pieces])
        counts = np.zeros((4, 4), np.int64)
        found = count_pairs(flat(pieces), spread, counts)
        want = counted(pieces, weights)
        assert found == min(want, key=lambda pair: (-want[pair], pair))
        assert {(a, b): int(counts[a, b]) for a, b in zip(*counts.nonzero())} == dict(
            counted(pieces, weights)
        )


def test_a_run_of_one_token_holds_the_pairs_that_would_be_merged():
    for n in range(2, 9):
        codes = np.zeros(n, np.int32)
        counts = np.zeros((1, 1), np.int64)
        assert count_pairs(codes, np.ones(n, np.int64), counts) == (0, 0)
        assert counts[0, 0] == n // 2
        assert merge_pair(codes.copy(), np.ones(n, np.int64), 0, 0, 1) == n - n // 2


def test_merging_is_as_in_plain_python_and_never_crosses_pieces():
    pieces, weights = drawn(7)
    codes, spread = flat(pieces), np.repeat(weights, [len(one) + 1 for one in pieces])
    left = merge_pair(codes, spread, 1, 2, 9)
    want = [merged(one, (1, 2), 9) for one in pieces]
    assert codes[:left].tolist() == flat(want).tolist()
    assert spread[:left].tolist() == np.repeat(weights, [len(one) + 1 for one in want]).tolist()
    assert any(
        one[-1] == 1 and other[0] == 2 for one, other in itertools.pairwise(pieces)
    )  # it could have crossed


def test_all_merges_are_the_single_ones_in_order():
    pieces, _ = drawn(3)
    pairs = [(0, 1), (4, 2), (3, 3), (5, 4)]
    codes = flat(pieces)
    left = merge_all(codes, np.array(pairs, np.int32), np.arange(4, 8, dtype=np.int32))
    for made, pair in enumerate(pairs, 4):
        pieces = [merged(one, pair, made) for one in pieces]
    assert codes[:left].tolist() == flat(pieces).tolist()


def test_what_was_counted_is_forgotten_whole():
    pieces, weights = drawn(5)
    codes, counts = flat(pieces), np.zeros((4, 4), np.int64)
    count_pairs(codes, np.repeat(weights, [len(one) + 1 for one in pieces]), counts)
    assert counts.any()
    forget_pairs(codes, counts)
    assert not counts.any()


def test_where_nothing_has_a_neighbour_there_is_no_pair():
    counts = np.zeros((4, 4), np.int64)
    assert count_pairs(flat([[1], [2], [3]]), np.ones(6, np.int64), counts) == (APART, APART)
