"""The simplest value that does as well as the best is chosen, and every value that was tried is counted."""

import numpy as np
import pytest

from clew.errors import SettingError, Stopped
from clew.result import Result
from clew.validate import validation_curve as module
from clew.validate.metrics import cross_validate
from clew.validate.validation_curve import validation_curve, value_words
from tests.validate.learners import Fitted, discriminant, samples_of, two_clouds


def polynomial(degree):
    """Least squares on powers of the one feature: too stiff at 1, too loose at 15."""

    def fit(samples):
        powers = np.arange(int(degree) + 1)
        beta = np.linalg.lstsq(samples.features**powers, samples.target, rcond=None)[0]
        return Fitted(lambda Z: Z**powers @ beta, [])

    return fit


def wave(n=60, seed=0):
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, size=(n, 1))
    return samples_of(X, target=np.sin(4 * X[:, 0]) + 0.3 * random.normal(size=n))


def bent(**settings):
    return validation_curve(
        wave(),
        polynomial,
        name="degree",
        values=[1, 2, 3, 5, 9, 11],
        metric="mae",
        kind="regression",
        **settings,
    )


def test_too_stiff_underfits_too_loose_overfits_and_the_simplest_in_between_is_chosen():
    found = bent()
    assert found.sides[:2] == ["underfits", "underfits"]
    assert found.sides[-1] == "overfits"
    assert found.values[found.chosen] == 5
    assert found.training[-1, 0] < found.training[found.chosen, 0] < found.training[1, 0]
    assert "Up to degree 2 the model is too simple (underfits)" in found.sentence
    assert "the model is too complex (overfits)" in found.sentence


def test_each_value_is_plain_cross_validation():
    found = bent()
    for i, degree in enumerate(found.values):
        whole = cross_validate(wave(), polynomial(degree), kind="regression").scores.metrics["mae"]
        np.testing.assert_allclose(found.held_out[i], [whole.value, whole.low, whole.high])


def test_every_value_is_counted_and_the_best_is_said_to_flatter():
    found = bent()
    assert found.n_tried == found.summary()["n_tried"] == 6
    assert any("6 values were tried" in one and "flattered" in one for one in found.warnings)


def test_the_simplest_may_be_the_largest():
    found = validation_curve(
        wave(), lambda value: polynomial(10 - value), name="stiffness", values=[9, 7, 5, 8], simplest="last", kind="regression"
    )  # fmt: skip
    assert found.values.tolist() == [9, 8, 7, 5]
    assert found.values[found.chosen] == 5


def test_one_standard_error_is_the_jackknifes_of_the_difference():
    error = np.array([0.30, 0.203, 0.20, 0.26])
    left_out = error[:, None] + np.array([[0.02, -0.02, 0.01, -0.01]] * 4)  # all values move together
    left_out[1] += [0.005, -0.005, 0.005, -0.005]
    best, chosen, loss, sides = module._choose(error, left_out)
    np.testing.assert_allclose(loss[1], [0.003, np.sqrt(3 / 4 * 4 * 0.005**2)])
    assert (best, chosen) == (2, 1)  # 0.003 is within 0.0087
    assert sides == ["underfits", "", "", "overfits"]


def test_values_within_the_error_of_the_best_give_way_to_the_simplest():
    error = np.array([0.205, 0.2, 0.2])
    noisy = error[:, None] + 0.02 * np.array([[1, -1, 1, -1], [-1, 1, 1, -1], [0, 0, 1, -1]])
    assert module._choose(error, noisy)[1] == 0
    steady = error[:, None] + np.zeros((3, 4))
    assert module._choose(error, steady)[1] == 1  # the mutant: without noise the difference counts


def test_a_setting_that_does_nothing_has_no_sides():
    found = validation_curve(
        two_clouds(80), lambda value: discriminant, name="nothing", values=[1, 2, np.inf]
    )
    assert found.chosen == 0
    assert found.sides == [""] * 3
    assert "No value that was tried is surely worse" in found.sentence
    assert found.summary()["values"][2]["value"] is None
    assert value_words(np.inf) == "without limit"


@pytest.mark.parametrize("values", [[3], [2, 2], [], [1, np.nan]])
def test_fewer_than_two_values_are_refused(values):
    with pytest.raises(SettingError, match="at least 2 different numbers"):
        validation_curve(two_clouds(40), lambda value: discriminant, name="x", values=values)


def test_stopping_stops_and_results_are_saved(tmp_path):
    with pytest.raises(Stopped):
        bent(on_progress=lambda done, total: done < 3)
    found = bent()
    assert Result.load(found.save(tmp_path / "curve")).summary() == found.summary()
