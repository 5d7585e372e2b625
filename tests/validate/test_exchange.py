"""Exchanged labels: what resembles each other stays together, and what is learnt from them is chance as it would be."""

import numpy as np
import pandas as pd
import pytest

from clew.samples import Samples
from clew.validate.exchange import exchanged
from clew.validate.metrics import cross_validate
from tests.validate.test_metrics import Nearest


def make(labels, *, groups=None, features=None, **origin):
    n = len(labels)
    sample = np.array([f"row {i}" for i in range(n)])
    return Samples(
        features=np.zeros((n, 1)) if features is None else features,
        feature_names=tuple(f"f{i}" for i in range(1 if features is None else features.shape[1])),
        units=("",) * (1 if features is None else features.shape[1]),
        sample=sample,
        origin=pd.DataFrame({"source": ["table"] * n} | origin),
        group=sample if groups is None else np.asarray(groups).astype(str),
        labels=labels,
    )


def changes(labels):
    return int((labels[1:] != labels[:-1]).sum())


# ---- what is exchanged ----
def test_rows_that_stand_for_themselves_exchange_freely():
    labels = np.repeat(["a", "b"], 50)
    for mixed in exchanged(make(labels), labels, n=3):
        assert sorted(mixed) == sorted(labels)
        assert changes(mixed) > 30  # of 49 or so


def test_groups_of_one_size_exchange_their_shares():
    """Each group's number of "b" is that of some group; rows shuffled freely would have 5 of 10 or so everywhere."""
    groups, within = np.repeat(np.arange(8), 10), np.tile(np.arange(10), 8)
    n_b = np.array([0, 0, 1, 1, 9, 9, 10, 10])
    labels = np.where(within < n_b[groups], "b", "a")
    found = exchanged(make(labels, groups=groups), labels, n=20)
    counts = np.array([np.bincount(groups, mixed == "b") for mixed in found])
    assert all(sorted(each) == sorted(n_b) for each in counts)
    assert len({tuple(each) for each in counts}) > 10  # another order each time
    ones = np.array([[m[(groups == g)].tolist().index("b") for g in range(8) if 0 < c[g] < 2] for m, c in zip(found, counts)])  # fmt: skip
    assert np.unique(ones).size > 5  # and within a group no row keeps its place


def test_groups_of_all_sizes_get_the_shares_of_others_and_lose_no_class():
    groups = np.repeat(np.arange(9), [2, 2, 3, 5, 8, 13, 21, 34, 55])
    labels = np.where(groups % 3 == 0, "a", np.where(groups % 3 == 1, "b", "c"))
    for mixed in exchanged(make(labels, groups=groups), labels, n=20):
        assert set(mixed) == {"a", "b", "c"}
        assert all(len(set(mixed[groups == g])) == 1 for g in range(9))


def test_numbers_of_groups_are_exchanged_too():
    groups = np.repeat(np.arange(5), 4)
    numbers = groups + np.tile(np.arange(4), 5) / 10
    samples = make(np.full(20, ""), groups=groups).with_target(numbers)
    for mixed in exchanged(samples, numbers, n=5):
        assert all(np.unique(np.floor(mixed[groups == g])).size == 1 for g in range(5))


def test_labels_along_time_move_together_and_far():
    """One change of class in the record stays one, or two, and no row keeps the labels of its near time."""
    start = np.random.default_rng(0).permutation(200).astype(float)
    labels = np.where(start < 90, "a", "b")
    order = np.argsort(start)
    found = exchanged(make(labels, start=start), labels, n=5)
    for mixed in found:
        assert sorted(mixed) == sorted(labels)
        assert changes(mixed[order]) <= 2
        assert 20 <= np.argmax(mixed[order] == "a") <= 180 or mixed[order][0] == "a"
        assert (mixed != labels).mean() >= 0.2
    assert len({"".join(mixed) for mixed in found}) == 5


def test_labels_in_one_image_stay_in_patches():
    """Nearest neighbours agree as often as before but along the seams; free shuffling leaves half of them."""
    from scipy.spatial import cKDTree

    random = np.random.default_rng(1)
    places = random.uniform(0, 100, (400, 2))
    labels = np.where((places // 50).sum(axis=1) % 2 == 0, "a", "b")
    samples = make(labels, groups=np.zeros(400), centroid_row=places[:, 0], centroid_col=places[:, 1])
    beside = cKDTree(places).query(places, k=2)[1][:, 1]
    for mixed in exchanged(samples, labels, n=5):
        assert sorted(mixed) == sorted(labels)
        assert (mixed == mixed[beside]).mean() > 0.85
        assert (mixed != labels).mean() > 0.15


# ---- what they give: the spread of the figure where there is nothing to learn ----
def slow_series(random, n, memory):
    steps = random.normal(size=n + 20 * memory)
    return np.convolve(steps, np.exp(-np.arange(8 * memory) / memory), "valid")[-n:]


def along_time(random):
    values = np.array([slow_series(random, 300, 10) for _ in range(3)])
    labels = np.where(values[0] > np.median(values[0]), "a", "b")
    return make(labels, features=values[1:].T, start=np.arange(300.0))


def uneven_groups(random):
    groups = np.repeat(np.arange(12), 15)
    labels = np.where(random.random(180) < random.beta(0.2, 0.2, 12)[groups], "a", "b")
    return make(
        labels, groups=groups, features=random.normal(size=(180, 3)) + random.normal(size=(12, 3))[groups]
    )


def single_rows(random):
    return make(np.where(random.random(150) < 0.5, "a", "b"), features=random.normal(size=(150, 3)))


def spreads(world, monkeypatch=None):
    """Return the standard deviation of balanced accuracy over null worlds, the baseline's, and both means."""
    if monkeypatch is not None:
        monkeypatch.setattr("clew.validate.metrics.exchanged", freely)
    figure, chance, spread = [], [], []
    for seed in range(40):
        found = cross_validate(world(np.random.default_rng(seed)), Nearest, random_state=seed)
        figure.append(found.scores.metrics["balanced_accuracy"].value)
        chance.append(found.baselines["permuted"]["balanced_accuracy"])
        spread.append(found.permuted_spread["balanced_accuracy"])
    return np.std(figure, ddof=1), np.sqrt(np.mean(np.square(spread))), np.mean(figure), np.mean(chance)


def freely(samples, truth, *, n, random_state):
    random = np.random.default_rng(random_state)
    return [random.permutation(truth) for _ in range(n)]


@pytest.mark.slow
@pytest.mark.parametrize("world", [along_time, uneven_groups, single_rows])
def test_the_baseline_spreads_as_the_figure_does_where_there_is_nothing_to_learn(world):
    null, spread, mean, chance = spreads(world)
    assert spread == pytest.approx(null, rel=0.3)
    assert chance == pytest.approx(mean, abs=0.03)
    assert chance == pytest.approx(0.5, abs=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("world", [along_time, uneven_groups])
def test_the_mutant_that_shuffles_rows_freely_spreads_too_little(world, monkeypatch):
    null, spread, _, _ = spreads(world, monkeypatch)
    assert spread < 0.7 * null
