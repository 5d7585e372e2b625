"""Dealing rows into parts: shares are met, nothing that belongs together is torn, no part stays empty."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clew.splits.dealing import (
    blocks,
    deal_groups,
    deal_rows,
    nearest_border,
    seal_groups,
    seal_latest,
    seal_regions,
    seal_stretches,
    strata,
    stretches,
)

THREE = np.array([0.6, 0.2, 0.2])


def rng(seed=0):
    return np.random.default_rng(seed)


def test_strata_are_classes_or_tenths_of_the_target():
    assert strata(np.array(["b", "a", "b"]), None).tolist() == [1, 0, 1]
    target = rng().permutation(100).astype(float)
    np.testing.assert_array_equal(strata(None, target), target // 10)
    np.testing.assert_array_equal(strata(np.full(100, "x"), target), target // 10)  # labels that tell nothing
    gaps = np.where(target < 50, np.nan, target)
    assert np.bincount(strata(None, gaps)).tolist() == [5] * 10 + [50]
    with pytest.raises(ValueError, match="labels or a target"):
        strata(None, None)


@pytest.mark.parametrize("n_rows", [3, 7, 100, 1001])
def test_rows_meet_the_shares_in_all_and_in_each_stratum(n_rows):
    stratum = np.sort(rng(n_rows).integers(0, 3, n_rows))
    part = deal_rows(stratum, THREE, rng())
    assert (np.bincount(part, minlength=3) >= 1).all()
    for rows in (stratum >= 0, stratum == 1):
        assert (abs(np.bincount(part[rows], minlength=3) - THREE * rows.sum()) <= 2).all()


def test_equal_shares_are_dealt_like_cards():
    part = deal_rows(np.repeat([0, 1], [10, 43]), np.full(5, 0.2), rng())
    assert np.bincount(part[:10]).tolist() == [2] * 5
    assert sorted(np.bincount(part)) == [10, 10, 11, 11, 11]
    unaware = deal_rows(np.zeros(53, int), np.full(5, 0.2), rng())  # without strata it is luck
    assert np.bincount(unaware[:10], minlength=5).tolist() != [2] * 5


@pytest.mark.parametrize("seed", range(4))
def test_groups_meet_the_shares_whole_and_no_part_stays_empty(seed):
    random = rng(seed)
    group = np.repeat(np.arange(40), random.integers(1, 30, 40))
    stratum = random.integers(0, 2, 40)[group]
    part = deal_groups(group, stratum, THREE, random)
    assert all(len(np.unique(part[group == one])) == 1 for one in range(40))
    assert (abs(np.bincount(part) / group.size - THREE) < 0.06).all()
    few = deal_groups(np.repeat([0, 1, 2], [50, 30, 1]), np.repeat([0, 1, 2], [50, 30, 1]), THREE, random)
    assert set(few) == {0, 1, 2}


def test_blocks_are_equal_and_apart():
    places = rng().uniform(0, [10, 90], (103, 2))
    block = blocks(places, 4)
    assert np.ptp(np.bincount(block)) <= 2
    order = np.argsort([places[block == b, 1].mean() for b in range(4)])
    ends = [(places[block == b, 1].min(), places[block == b, 1].max()) for b in order]
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends))  # cut along the longer side


@pytest.mark.parametrize("shares", [np.full(5, 0.2), THREE, np.array([0.97, 0.01, 0.02])])
def test_stretches_follow_each_other_by_the_shares(shares):
    start = rng(1).permutation(200).astype(float)
    part = stretches(start, shares)
    assert (np.diff(part[np.argsort(start)]) >= 0).all()
    assert np.bincount(part).tolist() == np.rint(200 * shares).astype(int).tolist()


def test_rows_of_one_time_stay_together_and_no_stretch_is_empty():
    start = np.repeat([0.0, 1, 2, 3], [90, 1, 1, 8])
    for n in (2, 3, 4):
        part = stretches(start, np.full(n, 1 / n))
        assert set(part) == set(range(n))
        assert all(len(np.unique(part[start == t])) == 1 for t in range(4))


def test_the_nearest_border_is_found():
    assert nearest_border(np.array([0, 4, 10]), np.array([0, 1, 3, 6, 8, 10, 12])).tolist() == [
        0, 0, 1, 1, 2, 2, 2,
    ]  # fmt: skip


# ---- what is put aside ----
def test_whole_groups_are_sealed():
    group = np.repeat(np.arange(9), 7)
    sealed = seal_groups(group, 14, rng())
    assert sealed.sum() == 14 and len(np.unique(group[sealed])) == 2


def test_regions_hold_the_number_that_was_asked_for():
    places = rng().uniform(0, 100, (300, 2))
    assert seal_regions(places, 61, rng()).sum() == 61


@pytest.mark.parametrize("n_stretches", [1, 3, 8])
def test_sealed_stretches_lie_one_in_each_part_of_the_record(n_stretches):
    start = rng(2).permutation(1000).astype(float)
    for seed in range(10):
        sealed = seal_stretches(start, 200, n_stretches, rng(seed))[np.argsort(start)]
        assert sealed.sum() == 200
        assert (np.diff(sealed.astype(int), prepend=0) == 1).sum() in range(1, n_stretches + 1)
        periods = np.rint(np.linspace(0, 1000, n_stretches + 1)).astype(int)
        held = [sealed[a:b].sum() for a, b in itertools.pairwise(periods)]
        assert max(held) - min(held) <= 1
    everywhere = [seal_stretches(start, 200, n_stretches, rng(seed)) for seed in range(60)]
    assert np.mean(everywhere, axis=0).max() < 0.9  # no row is sealed always


def test_rows_of_one_time_are_sealed_together():
    start = np.repeat(np.arange(50.0), 6)
    for seed in range(5):
        sealed = seal_stretches(start, 60, 3, rng(seed))
        assert all(len(np.unique(sealed[start == t])) == 1 for t in range(50)) and 48 <= sealed.sum() <= 72


def test_the_latest_are_sealed():
    start = rng(3).permutation(50).astype(float)
    np.testing.assert_array_equal(seal_latest(start, 10), start >= 40)
