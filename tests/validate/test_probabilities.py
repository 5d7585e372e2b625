"""Probabilities: refused where they are none, calibration against scikit-learn's, and what chance adds to its error."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from clew.errors import DataError
from clew.intervals import group_interval
from clew.validate.probabilities import probability_figures
from clew.validate.scores import scores


def drawn(n, n_groups, *, seed=0, warp=1.0):
    """Return classes drawn from probabilities, these made too sure by ``warp``, and groups."""
    random = np.random.default_rng(seed)
    logit = 1.5 * random.normal(size=n)
    truth = (random.random(n) < 1 / (1 + np.exp(-logit))).astype(int)
    p = 1 / (1 + np.exp(-warp * logit))
    return truth, np.column_stack([1 - p, p]), random.integers(0, n_groups, n)


def test_the_curve_is_scikit_learns():
    truth, probability, groups = drawn(400, 20)
    curve = probability_figures(truth, probability, groups)[1][1]
    observed, predicted = calibration_curve(truth, probability[:, 1], n_bins=10, strategy="quantile")
    np.testing.assert_allclose(curve.observed, observed, atol=1e-12)
    np.testing.assert_allclose(curve.predicted, predicted, atol=1e-12)
    assert curve.rows.sum() == 400
    assert ((curve.low <= curve.observed) & (curve.observed <= curve.high) & (curve.low < curve.high)).all()


def test_the_error_is_the_mean_distance_and_its_high_end_the_slow_jackknifes():
    truth, probability, groups = drawn(400, 20, warp=3.0)
    p = probability[:, 1]
    place = np.searchsorted(np.quantile(p, np.linspace(0, 1, 11))[1:-1], p)

    def error(rows):
        parts = [(place[rows] == b) for b in range(10)]
        return sum(abs((truth[rows] - p[rows])[own].sum()) for own in parts) / len(rows)

    slow = group_interval(error, groups)
    found = probability_figures(truth, probability, groups)[1][1]
    assert found.error.value == pytest.approx(slow.value, abs=1e-12)
    assert found.error.high == pytest.approx(slow.high, abs=1e-12)
    assert found.error.low == pytest.approx(max(slow.low - found.by_chance, 0), abs=1e-12)


def test_a_perfectly_calibrated_model_shows_what_chance_gives_and_a_too_sure_one_more():
    errors, chance, low = [], [], []
    for seed in range(60):
        curve = probability_figures(*drawn(400, 400, seed=seed))[1][1]
        errors.append(curve.error.value)
        chance.append(curve.by_chance)
        low.append(curve.error.low)
    assert np.mean(errors) == pytest.approx(np.mean(chance), rel=0.1)
    assert np.mean(np.array(low) == 0) > 0.9
    sure = probability_figures(*drawn(400, 400, warp=4.0))[1][1]
    assert sure.error.value > 2 * sure.by_chance
    assert sure.error.low > 0


def test_probabilities_of_zero_and_one_alone_make_two_bins():
    truth = np.repeat([0, 1], 50)
    curve = probability_figures(truth, np.eye(2)[truth], np.arange(100))[1][1]
    np.testing.assert_array_equal(curve.predicted, [0, 1])
    np.testing.assert_array_equal(curve.observed, [0, 1])
    assert curve.error.value == 0


def test_independent_rows_of_brier_are_at_most_the_rows():
    truth, probability, _ = drawn(200, 10)
    found = probability_figures(truth, probability, np.arange(200))[0]["brier"]
    assert 150 < found.n_effective <= 200 + 1e-9
    half = (found.high - found.low) / 2
    squared = (truth - probability[:, 1]) ** 2
    assert half == pytest.approx(1.97 * squared.std() / np.sqrt(200), rel=0.1)  # Student's, nearly


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (np.nan, r"must be numbers\. Got NaN in 1 of 6 rows, first in row 2"),
        (1.5, r"must lie from 0 to 1\. Got others in 1 of 6 rows"),
        (0.9, r"must add up to 1 in each row\. Got another sum in 1 of 6 rows"),
    ],
)
def test_what_is_no_probability_is_refused_in_one_sentence(change, sentence):
    truth, probability = np.tile(["a", "b"], 3), np.full((6, 2), 0.5)
    probability[2, 0] = change
    with pytest.raises(DataError, match=sentence):
        scores(truth, truth, probability)


def test_another_number_of_columns_is_refused():
    truth = np.tile(["a", "b"], 3)
    with pytest.raises(DataError, match=r"a column for each of 2 classes\. Got the shape \(6, 3\)"):
        scores(truth, truth, np.full((6, 3), 1 / 3))


@pytest.mark.slow
def test_intervals_of_brier_cover_as_often_as_they_say():
    """12 groups whose probabilities err together; the truth from 4,000 groups."""

    def world(random, n_groups):
        groups = np.repeat(np.arange(n_groups), 40)
        logit = 1.5 * random.normal(size=groups.size)
        real = logit + 0.6 * random.normal(size=n_groups)[groups]
        truth = (random.random(groups.size) < 1 / (1 + np.exp(-real))).astype(int)
        p = 1 / (1 + np.exp(-logit))
        return truth, np.column_stack([1 - p, p]), groups

    truth, probability, _ = world(np.random.default_rng(1), 4000)
    value = ((truth - probability[:, 1]) ** 2).mean()
    random, held = np.random.default_rng(0), []
    for _ in range(300):
        found = probability_figures(*world(random, 12))[0]["brier"]
        held.append(found.low <= value <= found.high)
    assert 0.91 <= np.mean(held) <= 0.98
