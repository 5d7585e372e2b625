"""Uncertainty, diversity and clusters, against other libraries, slow twins and worlds where the answer is known."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import entropy as entropy_of_scipy

from clew.learn import strategies
from clew.learn.strategies import STRATEGIES, Pool, k_centre, most, representatives, scaled


@pytest.fixture(scope="module")
def shares():
    return np.random.default_rng(0).dirichlet(np.full(4, 0.5), 200)


def pool(points, taken=None, probability=None):
    taken = np.zeros(len(points), bool) if taken is None else taken
    return Pool(points, taken, probability, np.full(len(points), ""))


def spread(n=120, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


# ---- uncertainty ----
def test_entropy_is_scipys_as_a_share_of_the_largest(shares):
    np.testing.assert_allclose(strategies.entropy(shares), entropy_of_scipy(shares, axis=1) / np.log(4))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("margin", "margin_sampling"), ("least-confidence", "least_confident")]
)
def test_uncertainties_are_scikit_activemls(shares, ours, theirs):
    pytest.importorskip("skactiveml")
    from skactiveml.pool import uncertainty_scores

    np.testing.assert_allclose(strategies.UNCERTAINTIES[ours](shares), uncertainty_scores(shares, method=theirs))  # fmt: skip


def test_certain_rows_score_0_and_undecided_ones_1():
    certain, undecided = np.array([[1.0, 0, 0]]), np.full((1, 2), 0.5)
    for score in strategies.UNCERTAINTIES.values():
        assert score(certain)[0] == 0
    assert strategies.entropy(undecided)[0] == pytest.approx(1)
    assert strategies.margin(undecided)[0] == 1


def test_one_class_leaves_no_doubt():
    for score in strategies.UNCERTAINTIES.values():
        assert score(np.ones((3, 1))).tolist() == [0, 0, 0]


def test_the_most_uncertain_come_first_and_ties_are_dealt_evenly():
    score = np.array([0.1, 0.9, 0.5, 0.5, 0.5, 0.5])
    drawn = [most(score, 3, np.random.default_rng(seed)).tolist() for seed in range(400)]
    assert {one[0] for one in drawn} == {1}
    often = np.bincount([row for one in drawn for row in one[1:]], minlength=6)
    assert often[[0, 1]].tolist() == [0, 0]
    assert (np.abs(often[2:] - 200) < 4 * 10).all()  # 4 standard deviations of a binomial of 400 and a half
    assert most(score, 3, np.random.default_rng(7)).tolist() == drawn[7]


# ---- diversity ----
def slow_farthest_first(points, centres, n):
    centres = list(centres)
    for _ in range(n):
        centres.append(int(cdist(points, points[centres]).min(axis=1).argmax()))
    return centres[-n:]


def test_k_centre_is_farthest_first():
    points = spread()
    rows, distance = k_centre(points, np.arange(2, 120), np.array([0, 1]), 20, np.random.default_rng(0))
    assert rows.tolist() == slow_farthest_first(points, [0, 1], 20)
    before = [cdist(points[[row]], points[[0, 1, *rows[:i]]]).min() for i, row in enumerate(rows)]
    np.testing.assert_allclose(distance, before)


def test_k_centre_covers_what_random_rows_do_not():
    """The farthest row from all chosen ones is nearer than with the same number of random rows."""
    points = spread(400)
    rows, _ = k_centre(points, np.arange(400), np.array([0]), 30, np.random.default_rng(0))
    at_random = np.random.default_rng(1).permutation(400)[:30]
    cover = [cdist(points, points[chosen]).min(axis=1).max() for chosen in (rows, at_random)]
    assert cover[0] < 0.7 * cover[1]


def test_k_centre_takes_the_same_row_never_twice_even_among_copies():
    rows, _ = k_centre(np.zeros((8, 2)), np.arange(8), np.array([0]), 8, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(8))


# ---- scales ----
def test_without_units_features_count_alike_and_outliers_no_more_than_three_deviations():
    X = np.column_stack([spread(500)[:, 0], 1000 * spread(500)[:, 1], np.ones(500)])
    X[0, 0] = 1e6
    points = scaled(X, ["", "", ""])
    assert np.abs(points).max() == 3
    assert points[:, 2].tolist() == [0] * 500
    assert points[:, 1].std() == pytest.approx(1, abs=0.02)


def specks_on_a_grid():
    """Rows of 30 places: on 10 the grey values differ from row to row, the 20 of the border are dark, but for 20 specks."""
    X = np.random.default_rng(4).integers(0, 17, (300, 30)).astype(float)
    X[:, :20] = 0
    X[np.arange(20), np.arange(20)] = X[np.arange(20), (np.arange(20) + 7) % 20] = 1
    return X


def slow_scales(X, units):
    """The standard deviation of a feature, or of all values of those that it lies within, each about its own mean."""
    scales = []
    for j, unit in enumerate(units):
        around = [
            i
            for i in range(len(units))
            if i == j or (units[i] == unit != "" and X[:, i].min() <= X[:, j].min() and X[:, i].max() >= X[:, j].max())
        ]  # fmt: skip
        values = np.concatenate([X[:, i] - X[:, i].mean() for i in around])
        scales.append(max(X[:, j].std(), values.std()))
    return np.array(scales)


def test_places_of_one_quantity_that_hardly_vary_are_not_stretched():
    X, units = specks_on_a_grid(), ["gray value"] * 29 + [""]
    wanted = (X - X.mean(axis=0)) / slow_scales(X, units)
    np.testing.assert_allclose(scaled(X, units), np.clip(wanted, -3, 3))
    assert scaled(X, units)[:, :20].max() < 0.5
    assert scaled(X, [""] * 30)[:, :20].max() == 3  # the mutant: each place stretched by itself


def test_k_centre_does_not_run_after_specks_on_the_border():
    X = specks_on_a_grid()

    def specks(units):
        rows, _ = k_centre(scaled(X, units), np.arange(299), np.array([299]), 20, np.random.default_rng(0))
        return int((rows < 20).sum())

    assert specks(["gray value"] * 30) <= 4  # by chance, 20 * 20 / 299
    assert specks([""] * 30) >= 12  # the mutant


def test_quantities_of_different_size_keep_their_own_scales_though_they_share_a_unit():
    X = (10 + spread(300)) * [0.01, 1, 100]
    own = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(scaled(X, ["mg/L"] * 3), np.clip(own, -3, 3))
    one_scale_for_a_unit = (X - X.mean(axis=0)) / X.std()  # the mutant
    assert one_scale_for_a_unit[:, 0].std() < 0.02


# ---- clusters ----
def islands(n_each=30, n_islands=6):
    random = np.random.default_rng(3)
    centres = 20 * np.array(
        [[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, n_islands, endpoint=False)]
    )
    return np.concatenate([c + random.normal(size=(n_each, 2)) for c in centres]), np.repeat(
        np.arange(n_islands), n_each
    )  # fmt: skip


def test_each_cluster_without_a_label_gets_its_middle_row():
    points, island = islands()
    taken = np.isin(island, [0, 1]) & (np.arange(180) % 30 == 0)  # two islands have a label
    rows, size = representatives(points, taken, 4, np.random.default_rng(0))
    assert sorted(island[rows].tolist()) == [2, 3, 4, 5]
    assert size.tolist() == [30] * 4
    for row in rows:
        middle = points[island == island[row]].mean(axis=0)
        own = np.flatnonzero(island == island[row])
        assert row == own[cdist(points[own], [middle]).argmin()]


def test_random_rows_would_miss_an_island():
    """The mutant of the test above: four random rows rarely fall on the four islands without a label."""
    _, island = islands()
    met = [len(set(island[np.random.default_rng(s).permutation(180)[:4]]) & {2, 3, 4, 5}) for s in range(50)]
    assert np.mean(np.array(met) == 4) < 0.2


def test_hybrid_takes_uncertain_rows_that_are_unlike_each_other():
    points, island = islands()
    doubt = np.isin(island, [1, 2, 3])  # 90 rows, of which five times three are looked at
    probability = np.where(doubt[:, None], [0.5, 0.5], [1.0, 0.0])
    probability[doubt & (np.arange(180) % 30 > 4)] = [0.6, 0.4]  # five of each island are the most uncertain
    found = STRATEGIES["hybrid"](pool(points, probability=probability), 3, np.random.default_rng(0))
    assert sorted(island[found.rows].tolist()) == [1, 2, 3]
    assert (found.rows % 30 <= 4).all()
    assert found.why == ["margin 0.00, unlike the others"] * 3


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_repeats_itself_and_takes_free_rows_only(name):
    points, taken = spread(), np.arange(120) % 2 == 0
    probability = np.random.default_rng(1).dirichlet([1, 1, 1], 120)
    found = [
        STRATEGIES[name](pool(points, taken, probability), 10, np.random.default_rng(5)) for _ in range(2)
    ]
    assert found[0].rows.tolist() == found[1].rows.tolist()
    assert len(set(found[0].rows.tolist())) == len(found[0].why) == len(found[0].score) == 10
    assert not taken[found[0].rows].any()


@pytest.mark.parametrize("name", ["k-centre", "cluster"])
def test_of_very_many_rows_a_random_part_is_looked_at(name, monkeypatch):
    monkeypatch.setattr(strategies, "MOST_SPREAD", 50)
    taken = np.arange(120) < 4
    found = STRATEGIES[name](pool(spread(), taken), 10, np.random.default_rng(5))
    assert len(set(found.rows.tolist())) == 10
    assert not taken[found.rows].any()
