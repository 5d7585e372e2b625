"""Figures made of sums are scikit-learn's, and chance is what looking at nothing gives."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from clew.errors import DataError, SettingError
from clew.validate.ground import MOST_UNITS, OF_CLASSES, OF_NUMBERS, Figure, prepare
from clew.validate.metrics import regression_scores, scores
from tests.validate.learners import line, nearest, samples_of, two_clouds

DIVIDED = {"of": "a test", "n_folds": 3, "by": "auto", "gap": None, "random_state": 0}


def answers(kind, n=300, n_groups=12, seed=0):
    random = np.random.default_rng(seed)
    unit = random.integers(0, n_groups, n)
    if kind == "numbers":
        truth = 1e6 + random.normal(size=n)
        return truth, truth + random.normal(size=n), unit
    truth = random.choice(3, n, p=[0.6, 0.3, 0.1])
    return truth, np.where(random.random(n) < 0.6, truth, random.choice(3, n)), unit


@pytest.mark.parametrize("name", OF_CLASSES)
def test_figures_of_classes_are_scikit_learns(name):
    truth, said, unit = answers("classes")
    figure = Figure(name, n_classes=3)
    sums = figure.sums(truth, said, unit, 12)
    theirs = getattr(sklearn_metrics, f"{name}_score")
    more = {} if "accuracy" in name else {"average": "macro"}
    assert figure.value(sums.sum(axis=0)) == pytest.approx(theirs(truth, said, **more))
    whole = scores(truth.astype(str), said.astype(str), groups=unit).metrics[name]
    ours = figure.interval(sums)
    assert (ours.value, ours.low, ours.high) == pytest.approx((whole.value, whole.low, whole.high))


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_figures_of_numbers_are_scikit_learns(name):
    truth, said, unit = answers("numbers")
    figure = Figure(name, centre=truth.mean())
    theirs = {
        "r2": sklearn_metrics.r2_score,
        "rmse": sklearn_metrics.root_mean_squared_error,
        "mae": sklearn_metrics.mean_absolute_error,
    }[name]
    sums = figure.sums(truth, said, unit, 12)
    assert figure.value(sums.sum(axis=0)) == pytest.approx(theirs(truth, said))
    whole = regression_scores(truth, said, groups=unit).metrics[name]
    ours = figure.interval(sums)
    assert (ours.value, ours.low, ours.high) == pytest.approx((whole.value, whole.low, whole.high))


def test_errors_are_one_less_the_score_with_rising_ends():
    figures = np.array([[0.9, 0.8, 0.95]])
    np.testing.assert_allclose(Figure("f1", n_classes=2).errors(figures), [[0.1, 0.05, 0.2]])
    np.testing.assert_array_equal(Figure("rmse").errors(figures), figures)


def test_chance_is_what_looking_at_nothing_gives():
    truth = np.repeat([0, 1, 2], [70, 20, 10])
    assert Figure("balanced_accuracy", n_classes=3).chance(truth) == pytest.approx(1 / 3)
    assert Figure("accuracy", n_classes=3).chance(truth) == pytest.approx(0.7)
    numbers = np.random.default_rng(0).normal(5, 2, 500)
    assert Figure("r2").chance(numbers) == pytest.approx(0, abs=1e-9)
    assert Figure("rmse", centre=numbers.mean()).chance(numbers) == pytest.approx(numbers.std())


def test_rows_without_labels_are_left_out_and_counted():
    samples = two_clouds(40)
    labels = np.array(samples.labels)
    labels[:7] = ""
    ground = prepare(samples.with_labels(labels), "classification", "auto", **DIVIDED)
    assert ground.samples.n_rows == 33
    assert any("7 rows without a label" in one for one in ground.warnings)


def test_a_target_that_never_differs_and_a_foreign_metric_are_refused():
    flat = samples_of(np.random.default_rng(0).normal(size=(20, 2)), target=np.full(20, 3.0))
    with pytest.raises(DataError, match="must differ between rows"):
        prepare(flat, "regression", "auto", **DIVIDED)
    huge = flat.with_target(np.r_[np.zeros(19), -1e300])
    with pytest.raises(DataError, match=r"within 1e\+150 of 0, or its squares overflow. Got -1e\+300"):
        prepare(huge, "regression", "auto", **DIVIDED)
    large = prepare(flat.with_target(1e150 * np.linspace(-1, 1, 20)), "regression", "auto", **DIVIDED)
    assert large.figure.chance(large.truth) == pytest.approx(0, abs=1e-9)  # nothing overflows
    with pytest.raises(SettingError, match="'metric' setting"):
        prepare(line(20), "regression", "accuracy", **DIVIDED)


def test_thousands_of_units_are_dealt_into_blocks_that_keep_them_whole():
    ground = prepare(two_clouds(1200, n_groups=600), "classification", "auto", **DIVIDED)
    block = ground.blocks()
    assert len(np.unique(block)) == MOST_UNITS
    assert all(len(np.unique(block[ground.unit == unit])) == 1 for unit in range(0, 600, 37))


def test_one_class_alone_is_answered_without_a_model():
    ground = prepare(two_clouds(20), "classification", "auto", **DIVIDED)
    of_a = np.flatnonzero(ground.truth == 0)
    trained, held = ground.predict(nearest, of_a, np.arange(20))
    assert (trained == 0).all()
    assert (held == 0).all()
