"""Folds and seals: nothing that belongs together is torn apart, whatever the rows look like."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.spatial.distance import cdist

from clew.errors import DataError, SettingError
from clew.result import Result
from clew.samples import Samples
from clew.splits import divide, folds, seal, spread_over_groups, units


def make(n, *, groups=None, labels=None, places=None, target=None, start=None, features=None):
    origin = pd.DataFrame({"source": ["image.tif"] * n})
    if start is not None:
        origin["start"] = start
    if places is not None:
        origin["centroid_row"], origin["centroid_col"] = places[:, 0], places[:, 1]
    sample = np.array([f"row {i}" for i in range(n)])
    features = np.random.default_rng(0).normal(size=(n, 2)) if features is None else features
    return Samples(
        features=features,
        feature_names=tuple(f"f{i}" for i in range(features.shape[1])),
        units=("",) * features.shape[1],
        sample=sample,
        origin=origin,
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=None if labels is None else np.asarray(labels, str),
        target=target,
    )


def placed(n=200, seed=0, labels=None):
    places = np.random.default_rng(seed).uniform(0, [300, 500], (n, 2))
    return make(n, groups=["image.tif"] * n, places=places, labels=labels), places


DAY = 86400.0


def timed(n=400, *, memory=8, seed=0, **more):
    """Rows of a record, one a day, in no order; their features are forgotten after some days."""
    random = np.random.default_rng(seed)
    days = random.permutation(n)
    phi = np.exp(-1 / memory)
    x = lfilter([1], [1, -phi], random.normal(size=(n + 200, 2)), axis=0)[200:]
    return make(n, start=days * DAY, features=x[days], **more), days


def between(days, one, other):
    return np.abs(days[one][:, None] - days[other][None]).min()


def uneven_groups(seed, n_groups):
    random = np.random.default_rng(seed)
    return np.repeat(np.arange(n_groups), random.integers(1, 40, n_groups))


# ---- folds ----
@pytest.mark.parametrize("samples", [make(53), make(60, groups=np.arange(60) // 5), placed()[0], timed()[0]])
def test_each_row_is_tested_once_and_never_trains_in_that_fold(samples):
    found = folds(samples)
    assert found.test.shape == found.train.shape == (5, samples.n_rows)
    assert (found.test.sum(axis=0) == 1).all()
    assert not (found.test & found.train).any()
    assert found.test.any(axis=1).all() and found.train.any(axis=1).all()


@pytest.mark.parametrize(
    ("samples", "by"),
    [
        (make(20), "row"),
        (make(20, groups=np.arange(20) // 4), "group"),
        (placed()[0], "space"),
        (timed()[0], "time"),
        (timed(groups=["record"] * 400)[0], "time"),
        (timed(groups=np.arange(400) // 20)[0], "group"),
    ],
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


# ---- by time ----
def test_a_fold_is_a_stretch_of_time_and_the_gap_holds():
    samples, days = timed()
    found = folds(samples, gap=10 * DAY)
    assert found.by == "time" and found.gap == 10 * DAY and "10 days" in found.reason
    for train, test in zip(found.train, found.test):
        assert np.ptp(days[test]) == test.sum() - 1 == 79  # without a hole
        assert between(days, train, test) == 10
        assert (~train & ~test).sum() in (9, 18)
    none = folds(samples, gap=0)
    assert between(days, none.train[0], none.test[0]) == 1  # without a gap they touch


def test_the_default_gap_is_as_long_as_rows_resemble_each_other_and_says_so():
    found = folds(timed(2000)[0])
    assert 6 <= found.gap / DAY <= 16
    assert "do not train (for so long rows resemble each other)" in found.reason
    endless = folds(timed(300, memory=2000)[0])
    assert endless.gap == pytest.approx(0.05 * 299 * DAY, abs=DAY)
    assert "rows resemble each other for longer, so the figures may flatter" in endless.reason


def test_rows_of_one_time_are_never_on_both_sides():
    start = np.repeat(np.arange(12.0), 5)
    found = folds(make(60, start=start), gap=0)
    assert all(not set(start[a]) & set(start[b]) for a, b in zip(found.train, found.test))
    few = folds(make(60, start=np.repeat([0.0, 1, 2], 20)), gap=0)
    assert few.n_folds == 3 and "3 folds instead of 5, as there are no more times" in few.reason


def test_windows_that_overlap_test_rows_do_not_train_even_without_a_gap():
    start = np.arange(0.0, 100, 5)
    samples = make(20, start=start)
    samples.origin["end"] = start + 10
    found = folds(samples, gap=0)
    for train, test in zip(found.train, found.test):
        assert not (
            (start[train][:, None] < start[test] + 10) & (start[test] < start[train][:, None] + 10)
        ).any()


def overlapping(n=600, *, together=5, recording="one", step=10.0, length=20.0, **more):
    """Windows that overlap the next one, so many of them a group."""
    samples = make(n, start=1.7e9 + step * np.arange(n), groups=np.arange(n) // together, **more)
    samples.origin["end"] = samples.origin["start"] + length
    samples.origin["recording"] = recording
    return samples


@pytest.mark.parametrize("by", ["group", "row"])
def test_windows_that_share_samples_with_a_test_window_do_not_train(by):
    samples = overlapping()
    found, left = folds(samples, by=by), np.zeros(600, bool)
    for train, test in zip(found.train, found.test):
        beside = np.append(test[1:], False) | np.append(False, test[:-1])
        np.testing.assert_array_equal(train, ~test & ~beside)
        left |= ~test & beside
    assert f"{left.sum():,} overlapping windows do not train: they share samples" in found.reason
    parts = divide(samples, by=by)
    assert (np.diff(np.select(list(parts.rows), [1, 2, 3], 0)) != 0).any()
    assert not any(
        (parts.rows[i][1:] & parts.rows[j][:-1]).any() for i in range(3) for j in range(3) if i != j
    )
    assert "overlapping windows are left out: they share samples with windows of another part" in parts.reason


@pytest.mark.parametrize(
    "apart",
    [
        {"length": 10.0},  # they touch
        {"recording": np.arange(600).astype(str)},
        {"length": 0.0},
    ],
)
@pytest.mark.parametrize("by", ["group", "row"])
def test_without_overlaps_folds_are_those_of_rows_without_times(by, apart):
    samples, bare = overlapping(**apart), make(600, groups=np.arange(600) // 5)
    for divided in (folds, divide, seal):
        one, other = divided(samples, by=by), divided(bare, by=by)
        for name in ("train", "test", "sealed"):
            if hasattr(one, name):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert "share samples" not in one.reason
    assert not seal(samples, by=by).overlap


def test_folds_that_overlaps_leave_without_training_rows_are_refused():
    samples = overlapping(40, together=1, length=400.0)
    for divided in (folds, divide):
        with pytest.raises(DataError, match="overlap.*divide by time"):
            divided(samples, by="row")


def test_overlapping_windows_of_noise_are_at_chance():
    """Windows of 1,000 samples that share 800 with the next: with them in training, noise is told apart."""
    from sklearn.neighbors import KNeighborsClassifier

    right = {"kept apart": [], "as dealt": []}
    for seed in range(6):
        random = np.random.default_rng(seed)
        noise = random.normal(size=(604, 200))
        window = np.stack([noise[i : i + 5].mean(axis=0) for i in range(600)])
        labels = np.repeat(random.integers(0, 2, 40), 15)
        samples = overlapping(length=50.0, features=window)
        found = folds(samples)
        for how, training in (("kept apart", found.train), ("as dealt", ~found.test)):
            told = [
                KNeighborsClassifier(1).fit(window[train], labels[train]).predict(window[test])
                == labels[test]
                for train, test in zip(training, found.test)
            ]
            right[how].append(np.concatenate(told).mean())
    assert abs(np.mean(right["kept apart"]) - 0.5) < 0.06
    assert np.mean(right["as dealt"]) > 0.7


def test_open_windows_that_overlap_a_sealed_one_are_counted_and_nothing_is_sealed_otherwise():
    samples = overlapping()
    found = seal(samples)
    np.testing.assert_array_equal(found.sealed, seal(make(600, groups=np.arange(600) // 5)).sealed)
    beside = ~found.sealed & (np.append(found.sealed[1:], False) | np.append(False, found.sealed[:-1]))
    assert found.overlap.startswith(f"{beside.sum()} open rows overlap a sealed one of the same recording")
    assert found.reason.endswith("the final test is that much easier than another recording would be.")


def test_groups_that_a_division_by_time_tears_are_counted():
    samples, _ = timed(groups=np.arange(400) % 7)
    assert "7 of 7 groups are on both sides, as asked, which flatters" in folds(samples, by="time").reason


def test_labels_of_a_slow_process_are_at_chance_by_time_and_flattered_by_row():
    """Features and labels know nothing of each other; neighbours in time share both."""
    from sklearn.neighbors import KNeighborsClassifier

    accuracy = {"row": [], "time": []}
    for seed in range(12):
        random = np.random.default_rng(seed)
        x, y = (lfilter([1], [1, -phi], random.normal(size=(1500, 4)), axis=0)[500:] for phi in (0.95, 0.98))
        labels = np.where(y[:, 0] > np.median(y[:, 0]), "a", "b")
        samples = make(1000, start=np.arange(1000) * DAY, labels=labels, features=x[:, :2])
        for by, found in accuracy.items():
            split = folds(samples, by=by)
            right = [
                KNeighborsClassifier(3).fit(x[train], labels[train]).predict(x[test]) == labels[test]
                for train, test in zip(split.train, split.test)
            ]
            found.append(np.concatenate(right).mean())
    assert np.mean(accuracy["row"]) > 0.7
    assert np.mean(accuracy["time"]) < 0.54


# ---- what the word "row" costs ----
@pytest.mark.parametrize(
    ("samples", "alike"),
    [
        (make(60, groups=np.arange(60) // 5), "rows of one group"),
        (timed()[0], "rows close in time"),
        (placed()[0], "neighbours in the image"),
        (make(60, groups=["one"] * 60), "rows of one source"),
        (timed(groups=np.arange(400) // 5)[0], "rows of one group and rows close in time"),
    ],
)
def test_a_random_division_of_rows_that_resemble_each_other_says_that_it_flatters_and_why(samples, alike):
    for reason in (
        folds(samples, by="row").reason,
        seal(samples, by="row").reason,
        divide(samples, by="row").reason,
    ):
        assert f"as asked: {alike} are" in reason and "which flatters the figures" in reason
        assert "a model can remember them" in reason
    assert folds(samples, by="row").by == "row"


def test_rows_that_stand_for_themselves_flatter_nobody():
    for reason in (folds(make(30)).reason, seal(make(30)).reason, divide(make(30)).reason):
        assert "each row stands for itself" in reason and "flatters" not in reason


def test_a_target_is_spread_evenly_over_folds():
    target = np.random.default_rng(0).lognormal(size=200)

    def spread(samples):
        dealt = [folds(samples, random_state=seed).test for seed in range(8)]
        return np.mean([np.std([np.log(target[rows]).mean() for rows in test]) for test in dealt])

    assert spread(make(200, target=target)) < 0.06
    assert spread(make(200, target=target, groups=np.arange(200) // 2)) < 0.08
    assert spread(make(200)) > 0.1  # without it, it is luck


def test_one_class_in_a_fold_and_rare_classes_are_said():
    samples, days = timed(100)
    labels = np.where(days < 50, "early", "late")
    reason = folds(samples.with_labels(labels), gap=0).reason
    assert "Not every fold could test on: early, late." in reason
    rare = np.where(np.arange(40) < 2, "rare", "common")
    assert "Not every fold could test on: rare." in folds(make(40, labels=rare)).reason


# ---- one division in three ----
@pytest.mark.parametrize(
    ("samples", "by"),
    [
        (make(100), "row"),
        (make(200, groups=np.arange(200) // 5), "group"),
        (placed(500)[0], "space"),
        (timed(1000, memory=3)[0], "time"),
    ],
)
def test_three_parts_meet_their_shares_and_never_overlap(samples, by):
    found = divide(samples)
    assert found.by == by and found.names == ["train", "validation", "test"]
    assert found.rows.shape == (3, samples.n_rows) and (found.rows.sum(axis=0) <= 1).all()
    lost = 1 - found.rows.mean(axis=1).sum()
    assert lost <= (0.15 if found.gap else 0)
    np.testing.assert_allclose(found.rows.mean(axis=1), [0.6, 0.2, 0.2], atol=0.04 + lost)
    assert (
        found.summary()["train"] == found.train.sum() and f"{found.test.sum()} rows for test" in found.reason
    )
    np.testing.assert_array_equal(found.validation, found.rows[1])


def test_no_group_is_in_two_parts_and_classes_are_spread():
    groups = uneven_groups(2, 60)
    labels = np.where(np.isin(groups, np.arange(20)), "rare", "common")
    found = divide(make(groups.size, groups=groups, labels=labels))
    held = [set(groups[rows]) for rows in found.rows]
    assert not held[0] & held[1] and not held[0] & held[2] and not held[1] & held[2]
    shares = np.array([(labels[rows] == "rare").mean() for rows in found.rows])
    assert np.ptp(shares) < 0.1


def test_the_gap_lies_between_all_three_parts():
    samples, days = timed(1000)
    for by in ("time", "latest"):
        found = divide(samples, by=by, gap=5 * DAY)
        pairs = [between(days, found.rows[a], found.rows[b]) for a, b in itertools.combinations(range(3), 2)]
        assert min(pairs) == 5
    samples, places = placed(500)
    found = divide(samples, gap=20.0)
    assert min(cdist(places[found.rows[a]], places[found.rows[b]]).min() for a, b in itertools.combinations(range(3), 2)) >= 20  # fmt: skip


def test_the_latest_rows_test_and_the_earliest_train():
    samples, days = timed(500)
    found = divide(samples, by="latest")
    assert days[found.train].max() < days[found.validation].min()
    assert days[found.validation].max() < days[found.test].min()
    assert "as for a forecast" in found.reason
    spread = divide(timed(2000, memory=2)[0], by="time")
    assert "stretches of the record" in spread.reason and spread.test.sum() > 300


def test_three_parts_survive_saving_and_repeat(tmp_path):
    found = divide(timed()[0])
    assert Result.load(found.save(tmp_path / "parts.clew")).digest() == found.digest()
    assert divide(timed()[0]).digest() == found.digest()


def test_a_class_in_one_group_is_said_of_the_part_that_lacks_it():
    groups = np.repeat(np.arange(9), 5)
    labels = np.where(groups == 0, "only here", "elsewhere")
    assert "It cannot" in divide(make(45, groups=groups, labels=labels)).reason


@pytest.mark.parametrize(
    ("samples", "settings", "error", "sentence"),
    [
        (make(20), {"shares": (0.5, 0.5)}, SettingError, "three numbers above 0 with a sum of 1"),
        (make(20), {"shares": (0.8, 0.3, -0.1)}, SettingError, "three numbers above 0"),
        (make(20), {"gap": 1.0}, SettingError, "Got 1.0 by row"),
        (make(20), {"by": "latest"}, DataError, "rows with times"),
        (make(20, groups=np.arange(20) // 10), {}, DataError, "at least 3 groups. Got 2"),
        (make(2), {}, DataError, "at least 3 rows. Got 2"),
        (timed(50)[0], {"gap": 1e9}, DataError, "must leave rows in each part. Got none for train"),
    ],
)
def test_what_cannot_be_divided_in_three_is_refused(samples, settings, error, sentence):
    with pytest.raises(error, match=sentence):
        divide(samples, **settings)


# ---- fewer units ----
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
        (make(20), {"by": "time"}, DataError, "rows with times"),
        (make(20, start=np.zeros(20)), {"by": "time"}, DataError, "all are the same"),
        (make(20), {"by": "latest"}, SettingError, "must be one of: auto, group, time, space, row"),
        (timed(50)[0], {"gap": 1e9}, SettingError, "leaves none"),
        (timed(50)[0], {"gap": -1.0}, SettingError, "at least 0 s"),
        (make(1), {}, DataError, "at least 2 rows to divide. Got 1"),
        (make(9, groups=["one"] * 9), {}, DataError, "'by' may be 'row'"),
    ],
)
def test_what_cannot_be_divided_is_refused_in_one_sentence(samples, settings, error, sentence):
    with pytest.raises(error, match=sentence):
        folds(samples, **settings)


# ---- seal ----
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9])
@pytest.mark.parametrize(
    "samples", [make(3), make(63), placed(63)[0], placed(1000)[0], placed(4)[0], timed(63)[0], timed(3)[0]]
)
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


def test_sealed_stretches_are_spread_over_the_record_and_what_lies_near_them_is_said():
    samples, days = timed(4000, memory=4)
    found = seal(samples)
    in_time = found.sealed[np.argsort(days)]
    assert found.by == "time" and (np.diff(in_time.astype(int)) == 1).sum() >= 5
    assert (np.add.reduceat(in_time, np.arange(0, 4000, 1000)) >= 100).all()
    near = int(found.reason.partition(" of them are nearer than")[0].rpartition(" ")[2])
    assert 0 < near < 0.25 * in_time.sum() and "days to an open row" in found.reason


def test_the_latest_rows_are_sealed_where_a_forecast_counts():
    samples, days = timed()
    found = seal(samples, by="latest")
    assert found.sealed.sum() == 80 and days[found.sealed].min() == 320
    assert "the latest ones, as for a forecast" in found.reason
    longest = seal(timed(400, memory=100)[0])
    in_time = longest.sealed[np.argsort(timed(400, memory=100)[1])]
    assert (np.diff(in_time.astype(int), prepend=0) == 1).sum() == 1  # a long memory: one stretch


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


def test_rows_with_times_count_by_stretches_of_the_record():
    for groups in (None, ["record"] * 400):
        samples, days = timed(groups=groups, memory=2)
        unit, caveat = units(samples)
        assert len(np.unique(unit)) == 20 and "over 20 stretches of time" in caveat
        assert all(np.ptp(days[unit == one]) == 19 for one in np.unique(unit))
    grouped = timed(groups=np.arange(400) // 8)[0]
    np.testing.assert_array_equal(units(grouped)[0], grouped.group)
    assert len(np.unique(units(make(40, start=np.repeat([0.0, 1, 2], [20, 10, 10])))[0])) == 3


@pytest.mark.parametrize(("memory", "fewest", "most"), [(2, 20, 20), (10, 8, 16), (200, 5, 7)])
def test_stretches_last_three_gaps_where_that_leaves_five(memory, fewest, most):
    samples, days = timed(400, memory=memory)
    unit, caveat = units(samples)
    n = len(np.unique(unit))
    assert fewest <= n <= most and f"over {n} stretches of time" in caveat
    gap = folds(samples, by="time").gap / DAY
    assert n == 5 or min(np.ptp(days[unit == one]) + 1 for one in np.unique(unit)) >= 3 * gap


def test_intervals_over_stretches_cover_where_twenty_of_them_are_too_narrow():
    """Predictions and labels know nothing of each other, and each is forgotten after a twelfth of the record."""
    from clew.intervals import group_interval

    covered = {"units": [], "twenty": []}
    for seed in range(100):
        random, phi = np.random.default_rng(seed), np.exp(-1 / 40)
        x = lfilter([1], [1, -phi], random.normal(size=(880, 4)), axis=0)[400:]
        right = (x[:, 0] > 0) == (x[:, 3] > 0)
        samples = make(480, start=np.arange(480.0), features=x[:, :3])
        for how, unit in (("units", units(samples)[0]), ("twenty", np.arange(480) // 24)):
            found = group_interval(lambda rows, right=right: right[rows].mean(), unit)
            covered[how].append(found.low <= 0.5 <= found.high)
    assert np.mean(covered["units"]) >= 0.88
    assert np.mean(covered["twenty"]) < 0.88


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
    with pytest.raises(DataError, match="at least 3 rows.* Got 2 instead; --sealed 0 seals none"):
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


@pytest.mark.parametrize(("lasts", "said"), [(1.5, "overlap with an open"), (0.5, "nearer than")])
def test_sealed_rows_that_overlap_open_ones_are_not_said_to_be_nearer_than_nothing(lasts, said):
    samples, _ = timed(memory=1e-3 if lasts > 1 else 4)
    origin = samples.origin.assign(end=samples.origin["start"] + lasts * DAY)
    found = seal(replace(samples, origin=origin))
    assert " 0 seconds" not in found.reason
    assert said in found.reason and ("an open row and may resemble it" in found.reason)
