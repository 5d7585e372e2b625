"""Levels, noise and slopes of a loss against closed forms and slow twins."""

import numpy as np
import pytest

from clew.validate.loss_levels import levels
from tests.validate.loss_worlds import wobble


def test_levels_are_medians_of_windows():
    loss = np.random.default_rng(0).normal(size=57)
    found = levels(loss)
    twin = [np.median(loss[i : i + found.width]) for i in range(57 - found.width + 1)]
    np.testing.assert_array_equal(found.level, twin)
    assert found.width == 5
    assert found.least == (np.argmin(loss) + 1, loss.min())


def test_epochs_without_a_loss_are_left_out_and_the_others_keep_their_numbers():
    found = levels(np.array([np.nan, 0.9, np.inf, 0.7, 0.6, 0.5]))
    np.testing.assert_array_equal(found.epochs, [2, 4, 5, 6])
    assert found.least == (6, 0.5)


@pytest.mark.parametrize("trend", [0.0, -0.01, 0.05])
def test_the_noise_is_that_which_was_added_whatever_the_trend(trend):
    random = np.random.default_rng(1)
    noises = [levels(trend * np.arange(80) + wobble(random, 80, 0.2)).noise for _ in range(50)]
    assert np.mean(noises) == pytest.approx(0.2, rel=0.05)


def test_one_epoch_that_jumps_is_no_noise():
    loss = np.linspace(1, 0, 40)
    loss[17] = 50
    assert levels(loss).noise == pytest.approx(0, abs=1e-12)
    assert levels(loss).level.max() <= 1


@pytest.mark.parametrize(("correlation", "at_least"), [(0.0, 0.85), (0.7, 0.6)])
def test_the_error_is_that_of_levels_also_where_epochs_resemble_each_other(correlation, at_least):
    random = np.random.default_rng(2)
    found = [levels(wobble(random, 100, 0.1, correlation)) for _ in range(200)]
    true = np.std([one.level[50] for one in found])
    assert at_least * true < np.mean([one.error for one in found]) < 1.5 * true


def test_without_the_look_between_windows_the_error_would_be_far_too_small():
    random = np.random.default_rng(2)
    found = [levels(wobble(random, 100, 0.1, 0.7)) for _ in range(200)]
    between_epochs = np.mean([1.2533 * one.noise / np.sqrt(one.width) for one in found])
    assert between_epochs < 0.4 * np.std([one.level[50] for one in found])


def test_the_slope_of_a_line_is_its_slope_along_epochs_and_along_anything_else():
    found = levels(3 - 0.25 * np.arange(20))
    assert found.slope(slice(None))[0] == pytest.approx(-0.25)
    assert found.slope(slice(-3, None))[0] == pytest.approx(-0.25)
    assert found.slope(slice(None), 2.0 * np.arange(20))[0] == pytest.approx(-0.125)


def test_the_error_of_a_slope_is_how_slopes_spread_or_somewhat_more():
    random = np.random.default_rng(3)
    slopes, errors = np.transpose(
        [levels(wobble(random, 60, 0.1)).slope(slice(-30, None)) for _ in range(300)]
    )
    assert slopes.std() < np.mean(errors) < 1.6 * slopes.std()
