"""Intervals over groups: the recipe by hand, its bounds, what it refuses, and its coverage by simulation."""

import time

import numpy as np
import pytest
from scipy.stats import norm, t

from clew.errors import DataError, SettingError
from clew.intervals import NO_BOUNDS, Interval, group_interval, sums_interval, wilson


def share(values):
    return lambda rows: values[rows].mean()


def ratio(sums):
    return sums[..., 0] / sums[..., 1]


def simulated(random, *, n_groups, truth, correlation, spread=0.3):
    """Right answers in groups: beta-binomial with the given intra-group correlation, sizes of median 30."""
    sizes = np.maximum(1, np.round(30 * np.exp(spread * random.normal(size=n_groups)))).astype(int)
    strength = (1 - correlation) / correlation
    rates = random.beta(truth * strength, (1 - truth) * strength, n_groups)
    return np.stack([random.binomial(sizes, rates), sizes], axis=1).astype(float)


def by_hand(sums):
    """Return the interval of section 4 of the statistics note, written out once more."""
    n_groups, total = len(sums), sums.sum(axis=0)
    theta = total[0] / total[1]
    left_out = np.array([(total[0] - a) / (total[1] - b) for a, b in sums])
    squared_error = (n_groups - 1) / n_groups * np.sum((left_out - left_out.mean()) ** 2)
    n = min(theta * (1 - theta) / squared_error, total[1])
    q = t.ppf(0.975, n_groups - 1)
    centre = (theta + q**2 / (2 * n)) / (1 + q**2 / n)
    half = q / (1 + q**2 / n) * np.sqrt(theta * (1 - theta) / n + q**2 / (4 * n**2))
    return centre - half, centre + half, n


def expand(sums):
    """Return rows (0 or 1) and their groups that have these sums."""
    values = np.concatenate([np.arange(int(n)) < right for right, n in sums]).astype(float)
    return values, np.repeat(np.arange(len(sums)), sums[:, 1].astype(int))


@pytest.mark.parametrize("n_groups", [4, 8, 54])
def test_the_recipe_is_the_one_of_the_statistics_note(n_groups):
    sums = simulated(np.random.default_rng(n_groups), n_groups=n_groups, truth=0.8, correlation=0.1)
    values, groups = expand(sums)
    low, high, n = by_hand(sums)
    for found in (
        group_interval(share(values), groups),
        sums_interval(ratio, sums, n_rows=values.size),
    ):
        assert found.low == pytest.approx(low, abs=1e-12)
        assert found.high == pytest.approx(high, abs=1e-12)
        assert found.n_effective == pytest.approx(n)
        assert found.low < found.value < found.high


def test_rows_of_their_own_give_the_classical_wilson_interval():
    values = np.repeat([1.0, 0.0], [270, 30])
    found = group_interval(share(values), np.arange(300))
    # n - 1 of n is all that the jackknife takes off, and t(299) is close to the normal
    low, high = wilson(0.9, 300, norm.ppf(0.975))
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)


def test_groups_of_alike_rows_count_as_one_row_each():
    values = np.repeat([1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0], 50)
    found = group_interval(share(values), np.repeat(np.arange(10), 50))
    assert found.n_effective == pytest.approx(9)  # G - 1: the price of estimating the spread
    naive = group_interval(share(values), np.arange(500))
    assert naive.high - naive.low < (found.high - found.low) / 4


def test_luck_cannot_make_more_rows_than_there_are():
    values = np.tile(np.repeat([1.0, 0.0], [9, 1]), 20)  # every group has exactly 9 of 10 right
    found = group_interval(share(values), np.repeat(np.arange(20), 10))
    assert found.n_effective == 20  # no spread at all: the number of groups
    values[0] = 0.0
    assert group_interval(share(values), np.repeat(np.arange(20), 10)).n_effective == 200


def test_perfect_groups_still_get_a_wide_interval():
    found = group_interval(share(np.ones(400)), np.repeat(np.arange(8), 50))
    q = t.ppf(0.975, 7)
    assert (found.value, found.high, found.n_effective) == (1.0, 1.0, 8)
    assert found.low == pytest.approx(8 / (8 + q**2))  # Wilson at 1: n / (n + q²)


def test_a_figure_from_minus_one_to_one_is_mapped_linearly():
    sums = simulated(np.random.default_rng(1), n_groups=12, truth=0.7, correlation=0.1)
    plain = sums_interval(ratio, sums, n_rows=int(sums[:, 1].sum()))
    mapped = sums_interval(lambda s: 2 * ratio(s) - 1, sums, n_rows=int(sums[:, 1].sum()), bounds=(-1.0, 1.0))
    assert mapped.low == pytest.approx(2 * plain.low - 1)
    assert mapped.high == pytest.approx(2 * plain.high - 1)


def test_an_unbounded_mean_of_rows_gets_students_interval():
    values = np.random.default_rng(2).normal(3, 2, 40)
    found = group_interval(share(values), np.arange(40), bounds=NO_BOUNDS)
    half = t.ppf(0.975, 39) * values.std(ddof=1) / np.sqrt(40)
    assert found.low == pytest.approx(values.mean() - half)
    assert found.high == pytest.approx(values.mean() + half)


def test_a_finite_bound_cuts_students_interval():
    values = np.zeros(10)
    values[0] = 1.0
    assert group_interval(share(values), np.arange(10), bounds=(0.0, np.inf)).low == 0.0


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_few_groups_give_no_interval_but_a_reason_and_points(n_groups):
    values = np.arange(12) % 2.0
    groups = np.arange(12) % n_groups
    found = group_interval(share(values), groups)
    assert np.isnan(found.low) and np.isnan(found.high)
    assert found.summary() == {"value": found.value, "low": None, "high": None}
    assert ("one group" if n_groups == 1 else "too few") in found.note
    assert found.points == ([] if n_groups == 1 else [values[groups == g].mean() for g in range(n_groups)])


def test_too_few_groups_are_listed_with_their_figures():
    values = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    found = group_interval(share(values), np.array([0, 0, 1, 1, 2, 2]))
    assert found.note == "No interval: 3 groups are too few; one by one they give 1, 0.5 and 0."
    assert found.headline() == "0.5 (no interval: 3 groups are too few; one by one they give 1, 0.5 and 0)"
    partly = group_interval(lambda rows: np.nan if rows[-1] == 1 else 0.25, np.array([0, 0, 1, 1]))
    assert partly.note.endswith("one by one they give not defined and 0.25.")


@pytest.mark.parametrize(
    "found",
    [
        group_interval(lambda rows: 0.5, np.zeros(9)),
        group_interval(lambda rows: 0.5, np.arange(9) % 2),
        group_interval(lambda rows: 0.5, np.arange(9) % 5),
        group_interval(lambda rows: 0.5, np.arange(9), bounds=NO_BOUNDS),
        group_interval(lambda rows: np.nan, np.arange(9)),
    ],
)
def test_notes_are_sentences(found):
    assert found.note[0].isupper() and found.note.endswith(".")


@pytest.mark.parametrize(("n_groups", "warned"), [(4, True), (7, True), (8, False)])
def test_four_to_seven_groups_come_with_a_warning(n_groups, warned):
    sums = simulated(np.random.default_rng(3), n_groups=n_groups, truth=0.8, correlation=0.1)
    assert bool(sums_interval(ratio, sums, n_rows=int(sums[:, 1].sum())).note) == warned


def test_a_left_out_figure_that_is_undefined_counts_as_the_full_one():
    values = np.random.default_rng(4).integers(0, 2, 40).astype(float)
    groups = np.repeat(np.arange(8), 5)

    def sometimes(rows):
        return values[rows].mean() if 0 in rows else np.nan

    assert np.isfinite(group_interval(sometimes, groups).low)


def test_an_undefined_figure_has_no_interval():
    found = group_interval(lambda rows: np.nan, np.arange(10))
    assert found.summary() == {"value": None, "low": None, "high": None}
    assert found.note


def test_alike_groups_say_nothing_of_an_unbounded_figure():
    found = group_interval(lambda rows: 2.5, np.arange(10), bounds=NO_BOUNDS)
    assert found.summary() == {"value": 2.5, "low": None, "high": None}


def test_kinds_of_groups_are_counted_as_often_as_they_occur():
    kinds, times = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([37, 5])
    short = sums_interval(ratio, kinds, times=times, n_rows=42)
    long = sums_interval(ratio, np.repeat(kinds, times, axis=0), n_rows=42)
    assert short.summary() == pytest.approx(long.summary())
    assert short.n_groups == long.n_groups == 42


def test_two_thousand_rows_of_their_own_take_less_than_a_second():
    values = np.random.default_rng(5).integers(0, 2, 2000).astype(float)
    start = time.process_time()
    group_interval(share(values), np.arange(2000))
    assert time.process_time() - start < 1


def test_the_interval_survives_saving(tmp_path):
    found = group_interval(share(np.ones(3)), np.arange(3))
    loaded = Interval.load(found.save(tmp_path / "interval.clew"))
    assert loaded.digest() == found.digest()
    assert loaded.points == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("level", [0, 1, 95])
def test_an_impossible_level_is_refused(level):
    with pytest.raises(SettingError, match="level"):
        group_interval(share(np.ones(5)), np.arange(5), level=level)


def test_a_figure_outside_its_bounds_is_refused():
    with pytest.raises(SettingError, match="bounds"):
        group_interval(lambda rows: 1.5, np.arange(5))


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="at least 1 row"):
        group_interval(lambda rows: 1.0, np.array([], int))


def covered(n_groups, n_sets, *, naive):
    """Return the share of intervals that hold the truth, over the cells of the note's table."""
    random, hits, runs = np.random.default_rng(n_groups), 0, 0
    for truth in (0.7, 0.9, 0.97):
        for correlation in (0.02, 0.1):
            for spread in (0.3, 1.0):
                for _ in range(n_sets):
                    sums = simulated(
                        random, n_groups=n_groups, truth=truth, correlation=correlation, spread=spread
                    )
                    right, rows = sums.sum(axis=0)
                    if naive:
                        low, high = wilson(right / rows, rows, norm.ppf(0.975))
                    else:
                        found = sums_interval(ratio, sums, n_rows=int(rows))
                        low, high = found.low, found.high
                    hits, runs = hits + (low <= truth <= high), runs + 1
    return hits / runs


@pytest.mark.parametrize(("n_groups", "least", "most"), [(4, 0.95, 0.99), (8, 0.93, 0.97), (20, 0.92, 0.96)])
def test_intervals_cover_as_often_as_they_say(n_groups, least, most):
    """The note's table: 0.97, 0.95, 0.94, here with 1,200 data sets each (standard error 0.006)."""
    assert least <= covered(n_groups, 100, naive=False) <= most


def test_intervals_cover_as_often_as_they_say_for_many_groups():
    assert 0.925 <= covered(54, 250, naive=False) <= 0.955


@pytest.mark.parametrize("n_groups", [8, 20])
def test_the_mutant_that_takes_rows_for_independent_covers_too_little(n_groups):
    assert covered(n_groups, 100, naive=True) < 0.8


def test_a_figure_that_rounds_to_nothing_has_no_sign():
    from clew.intervals import spell

    assert spell({"value": -0.001, "low": -0.0049, "high": -0.004}) == "0.00 [0.00, 0.00]"
    assert spell({"value": -0.01, "low": -0.5, "high": 0.004}) == "-0.01 [-0.50, 0.00]"
    one = Interval(value=-0.001, low=-0.2, high=-0.001, n_groups=5, n_rows=5)
    assert one.headline() == "0.00 [-0.20, 0.00], over 5 rows"
