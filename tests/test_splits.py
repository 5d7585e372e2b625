"""Folds and seals: nothing that belongs together is torn apart, whatever the rows look like."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from clew.errors import DataError, SettingError
from clew.result import Result
from clew.samples import Samples
from clew.splits import folds, seal, spread_over_groups, units


def make(n, *, groups=None, labels=None, places=None, target=None):
    origin = pd.DataFrame({"source": ["image.tif"] * n})
    if places is not None:
        origin["centroid_row"], origin["centroid_col"] = places[:, 0], places[:, 1]
    sample = np.array([f"row {i}" for i in range(n)])
    return Samples(
        features=np.arange(2.0 * n).reshape(n, 2),
        feature_names=("a", "b"),
        units=("", ""),
        sample=sample,
        origin=origin,
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=None if labels is None else np.asarray(labels, str),
        target=target,
    )


def placed(n=200, seed=0, labels=None):
    places = np.random.default_rng(seed).uniform(0, [300, 500], (n, 2))
    return make(n, groups=["image.tif"] * n, places=places, labels=labels), places


def uneven_groups(seed, n_groups):
    random = np.random.default_rng(seed)
    return np.repeat(np.arange(n_groups), random.integers(1, 40, n_groups))


# ---- folds ----
@pytest.mark.parametrize("samples", [make(53), make(60, groups=np.arange(60) // 5), placed()[0]])
def test_each_row_is_tested_once_and_never_trains_in_that_fold(samples):
    found = folds(samples)
    assert found.test.shape == found.train.shape == (5, samples.n_rows)
    assert (found.test.sum(axis=0) == 1).all()
    assert not (found.test & found.train).any()
    assert found.test.any(axis=1).all() and found.train.any(axis=1).all()


@pytest.mark.parametrize(
    ("samples", "by"),
    [(make(20), "row"), (make(20, groups=np.arange(20) // 4), "group"), (placed()[0], "space")],
)
def test_auto_sees_how_rows_belong_together_and_says_so(samples, by):
    found = folds(samples)
    assert found.by == by
    assert f"by {by}" in found.reason
    assert found.summary()["reason"] == found.reason


def torn(groups, found):
    """Return whether a group is on both sides of a fold."""
    return any(set(groups[a]) & set(groups[b]) for a, b in zip(found.train, found.test))


def test_no_group_is_on_both_sides():
    groups = uneven_groups(0, 23)
    assert not torn(groups, folds(make(groups.size, groups=groups)))


def test_rows_dealt_singly_would_tear_groups_and_the_reason_says_that_it_flatters():
    groups = uneven_groups(0, 23)
    found = folds(make(groups.size, groups=groups), by="row")  # the mutant of the test above
    assert torn(groups, found)
    assert "flatters" in found.reason
    assert "flatters" not in folds(make(30)).reason


def test_rows_are_stratified():
    labels = np.repeat(["rare", "common"], [10, 90])
    test = folds(make(100, labels=labels)).test
    assert (test[:, labels == "rare"].sum(axis=1) == 2).all()
    assert (test.sum(axis=1) == 20).all()


def test_groups_are_stratified():
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 10)
    rare = random.permutation(30)[:10]
    labels = np.where(np.isin(groups, rare), "rare", "common")
    test = folds(make(300, groups=groups, labels=labels)).test
    assert (test[:, labels == "rare"].sum(axis=1) == 20).all()
    assert (test.sum(axis=1) == 60).all()
    unaware = folds(make(300, groups=groups)).test  # without labels it is luck, or the test shows nothing
    assert not (unaware[:, labels == "rare"].sum(axis=1) == 20).all()


@pytest.mark.parametrize("seed", range(5))
def test_folds_by_group_are_of_similar_size(seed):
    groups = uneven_groups(seed, 40)
    sizes = folds(make(groups.size, groups=groups)).test.sum(axis=1)
    assert np.ptp(sizes) <= 40


def test_the_gap_holds_between_training_and_test():
    samples, places = placed()
    found = folds(samples, gap=25.0)
    for train, test in zip(found.train, found.test):
        assert cdist(places[train], places[test]).min() >= 25
        dropped = ~train & ~test
        assert dropped.any() and (cdist(places[dropped], places[test]).min(axis=1) < 25).all()
    none = folds(samples, gap=0)  # the mutant: without a gap neighbours touch
    assert min(cdist(places[a], places[b]).min() for a, b in zip(none.train, none.test)) < 25


def test_the_default_gap_is_the_median_distance_of_nearest_neighbours():
    samples, places = placed()
    between = cdist(places, places)
    np.fill_diagonal(between, np.inf)
    assert folds(samples).gap == pytest.approx(np.median(between.min(axis=1)))


def test_spatial_blocks_hold_equally_many_rows_and_stay_together():
    samples, places = placed(203)
    test = folds(samples).test
    assert np.ptp(test.sum(axis=1)) <= 2
    spread = np.mean([places[rows].std(axis=0).mean() for rows in test])
    assert spread < 0.7 * places.std(axis=0).mean()


def test_few_groups_lower_the_number_of_folds_and_say_so():
    found = folds(make(30, groups=np.arange(30) % 3))
    assert found.n_folds == 3
    assert "3 folds instead of 5" in found.reason


def test_classes_that_a_fold_cannot_hold_are_named():
    groups = np.repeat(np.arange(6), 5)
    labels = np.where(groups == 0, "only here", "elsewhere")
    reason = folds(make(30, groups=groups, labels=labels)).reason
    assert "Not every fold could train on: only here." in reason
    assert "Not every fold could test on: only here." in reason
    assert "Not every" not in folds(make(30, groups=groups, labels=np.tile(["a", "b"], 15))).reason


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    samples = make(60, groups=np.arange(60) // 3)
    assert np.array_equal(folds(samples).test, folds(samples).test)
    assert not np.array_equal(folds(samples).test, folds(samples, random_state=1).test)


def test_folds_survive_saving(tmp_path):
    found = folds(make(20))
    assert Result.load(found.save(tmp_path / "folds.clew")).digest() == found.digest()


@pytest.mark.parametrize(
    ("samples", "settings", "error", "sentence"),
    [
        (make(20), {"n_folds": 1}, SettingError, "at least 2. Got 1"),
        (make(20), {"n_folds": 2.5}, SettingError, "must be an int"),
        (make(20), {"by": "gruop"}, SettingError, "Did you mean 'group'"),
        (make(20), {"gap": 3.0}, SettingError, "for a division by space"),
        (placed()[0], {"gap": -1.0}, SettingError, "at least 0 px"),
        (placed()[0], {"gap": 1e6}, SettingError, "leaves none"),
        (placed()[0], {"by": "group"}, DataError, "at least 2 groups. Got 1"),
        (make(20), {"by": "space"}, DataError, "rows without"),
        (make(1), {}, DataError, "at least 2 rows to divide. Got 1"),
        (make(9, groups=["one"] * 9), {}, DataError, "'by' may be 'row'"),
    ],
)
def test_what_cannot_be_divided_is_refused_in_one_sentence(samples, settings, error, sentence):
    with pytest.raises(error, match=sentence):
        folds(samples, **settings)


# ---- seal ----
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("samples", [make(3), make(63), placed(63)[0], placed(1000)[0], placed(4)[0]])
def test_any_share_seals_at_least_one_row_and_leaves_two(samples, share):
    sealed = seal(samples, share=share).sealed
    assert 1 <= sealed.sum() <= samples.n_rows - 2
    assert abs(sealed.sum() - np.clip(share * samples.n_rows, 1, samples.n_rows - 2)) <= 1


def test_share_zero_seals_nothing():
    assert not seal(make(10), share=0).sealed.any()
    assert not seal(make(1), share=0).sealed.any()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(6))
def test_whole_groups_come_as_near_to_the_share_as_they_allow(seed, share):
    groups = uneven_groups(seed, 8)
    sealed = seal(make(groups.size, groups=groups), share=share, random_state=seed).sealed
    assert not set(groups[sealed]) & set(groups[~sealed])
    sizes = np.bincount(groups)
    wanted = min(max(round(share * groups.size), 1), groups.size - 2)
    reachable = [
        sum(chosen)
        for n in range(1, 8)
        for chosen in itertools.combinations(sizes, n)
        if sum(chosen) <= groups.size - 2
    ]
    assert abs(sealed.sum() - wanted) == min(abs(s - wanted) for s in reachable)


@pytest.mark.parametrize("n_groups", [100, 3000])
def test_many_groups_meet_the_share(n_groups):
    groups = uneven_groups(1, n_groups)
    sealed = seal(make(groups.size, groups=groups)).sealed
    assert not set(groups[sealed]) & set(groups[~sealed])
    assert abs(sealed.sum() - round(0.2 * groups.size)) <= 1


def test_two_large_groups_seal_one():
    sealed = seal(make(40, groups=np.arange(40) // 20), share=0.1).sealed
    assert sealed.sum() == 20


def test_every_group_can_be_sealed():
    samples = make(60, groups=np.arange(60) // 5)
    assert np.array([seal(samples, random_state=seed).sealed for seed in range(60)]).any(axis=0).all()


def test_sealed_regions_are_spread_over_the_image_and_hold_together():
    samples, places = placed(1000)
    sealed = seal(samples).sealed
    quarter = (places[:, 0] > 150) * 2 + (places[:, 1] > 250)
    assert (np.bincount(quarter[sealed], minlength=4) >= 20).all()
    between = cdist(places, places)
    np.fill_diagonal(between, np.inf)

    def together(mask):
        return mask[between[mask].argmin(axis=1)].mean()

    assert together(sealed) > 0.8
    assert together(np.random.default_rng(0).permutation(sealed)) < 0.4  # single rows would not


def test_the_seal_ignores_labels():
    groups = uneven_groups(3, 10)
    bare, told = make(groups.size, groups=groups), make(groups.size, groups=groups, labels=groups % 2)
    assert np.array_equal(seal(bare).sealed, seal(told).sealed)


def test_the_same_seed_seals_the_same_rows():
    for samples in (make(50), placed()[0], make(60, groups=np.arange(60) // 3)):
        assert np.array_equal(seal(samples).sealed, seal(samples).sealed)
        assert not np.array_equal(seal(samples).sealed, seal(samples, random_state=1).sealed)


def test_the_seal_says_what_it_did():
    assert "groups, each as a whole" in seal(make(60, groups=np.arange(60) // 3)).reason
    assert "spread over the image" in seal(placed()[0]).reason
    assert "flatters" in seal(make(60, groups=np.arange(60) // 3), by="row").reason
    assert (
        "Neighbours of sealed regions stay open, so that the final test is easier" in seal(placed()[0]).reason
    )


def test_a_share_that_is_missed_by_far_is_said_first():
    two = seal(make(40, groups=np.arange(40) // 20), share=0.2).reason
    assert two == (
        "50% of the rows are sealed instead of the 20% asked for, as whole groups come no nearer"
        " (20 of 40 rows): 1 of 2 groups, each as a whole."
    )
    assert seal(make(3), share=0.2).reason.startswith(
        "33% of the rows are sealed instead of the 20% asked for"
    )
    near = seal(make(40, groups=np.arange(40) // 20), share=0.45).reason
    assert near.startswith("20 of 40 rows are sealed (50%, asked for 45%)")


# ---- units of an interval ----
@pytest.mark.parametrize(("n", "n_blocks"), [(10, 2), (14, 2), (60, 12), (1000, 20)])
def test_rows_of_one_image_count_by_blocks_of_it(n, n_blocks):
    unit, caveat = units(placed(n)[0])
    assert len(np.unique(unit)) == n_blocks
    assert f"over {n_blocks} blocks" in caveat


@pytest.mark.parametrize("n", [2, 9])
def test_too_few_rows_for_two_blocks_stand_for_themselves(n):
    samples = placed(n)[0]
    unit, caveat = units(samples)
    assert np.array_equal(unit, samples.sample)
    assert caveat.startswith("All rows come from one source")


@pytest.mark.parametrize("share", [-0.1, 0.95, np.nan])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(SettingError, match=r"from 0 to 0\.9"):
        seal(make(10), share=share)


def test_two_rows_cannot_be_sealed():
    with pytest.raises(DataError, match="at least 3 rows"):
        seal(make(2))


def test_rows_that_stand_for_all_are_a_share_of_every_group():
    group = np.repeat(["large", "middle", "small", "tiny"], [8000, 1500, 490, 10])
    rows = spread_over_groups(group, 1000)
    assert len(np.unique(rows)) == 1000 and (np.diff(rows) > 0).all()
    shares = [int((group[rows] == name).sum()) for name in ("large", "middle", "small", "tiny")]
    np.testing.assert_allclose(shares, [800, 150, 49, 1], atol=2)
    few = spread_over_groups(group, 4)
    assert sorted(group[few]) == ["large", "middle", "small", "tiny"]  # one of each while there is room
    alone = spread_over_groups(np.arange(1000).astype(str), 100)
    assert len(alone) == 100 and alone.max() > 900
    np.testing.assert_array_equal(spread_over_groups(group, 20_000), np.arange(10_000))
    assert not np.array_equal(spread_over_groups(group, 1000, random_state=1), rows)


def test_rows_of_a_group_are_drawn_evenly():
    counts = np.zeros(60)
    for seed in range(400):
        counts[spread_over_groups(np.repeat(["a", "b"], 30), 12, random_state=seed)] += 1
    assert abs(counts / 400 - 0.2).max() < 0.08
