"""The forest's curves: the same forest as train's, over rows or over a setting."""

import numpy as np
import pytest

from clew.errors import SettingError
from clew.learn.curves import TRIED, curve
from clew.learn.training import validate
from clew.result import settings_of
from tests.validate.learners import line, two_clouds

FOREST = {"trees": 5, "depth": 4, "grower": "clew"}


def test_the_last_size_is_what_validate_finds():
    samples = two_clouds(60, n_groups=12)
    found = curve(samples, repeats=1, values=[20, 45], folds=4, **FOREST)
    whole = validate(samples, folds=4, **FOREST).scores.metrics["balanced_accuracy"]
    np.testing.assert_allclose(found.held_out[-1], [whole.value, whole.low, whole.high])


def test_a_setting_takes_its_values_and_the_others_stay():
    samples = two_clouds(80)
    found = curve(samples, over="depth", values=[1, 4], **FOREST)
    whole = validate(samples, **FOREST).scores.metrics["balanced_accuracy"]
    assert found.held_out[1, 0] == pytest.approx(whole.value)
    assert found.n_tried == 2


@pytest.mark.parametrize("over", TRIED)
def test_every_setting_has_a_range_of_its_own(over):
    found = curve(two_clouds(60), over=over, trees=2, folds=2)
    assert sorted(found.values.tolist()) == TRIED[over]
    simplest = found.values[0]
    assert simplest == (max if over == "min_leaf" else min)(TRIED[over])


def test_clews_own_grower_tries_no_deeper_than_it_can():
    found = curve(two_clouds(60), over="depth", trees=2, folds=2, grower="clew")
    assert found.values.max() == 8


def test_numbers_have_their_curves_too():
    samples = line(80)
    rows = curve(samples, trees=5, repeats=1, desired=0.9)
    depth = curve(samples, over="depth", values=[1, 3], trees=5)
    assert rows.metric == depth.metric == "r2"
    assert rows.held_out[-1, 0] > 0.3
    assert depth.held_out[1, 0] > depth.held_out[0, 0]


def test_a_feature_may_be_the_target():
    found = curve(two_clouds(60), target="f1", trees=3, repeats=1, folds=2)
    assert found.metric == "r2"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"over": "depth", "desired": 0.9}, "'desired' of curve must go with rows"),
        ({"over": "trees", "values": [1, 2.5]}, "whole numbers for trees"),
        ({"over": "rows", "values": [10.5]}, "whole numbers for rows"),
        ({"over": "min_leaf", "values": [0, 1]}, "'min_leaf' of train"),
        ({"over": "leaf"}, "'over' setting"),
    ],
)
def test_values_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        curve(two_clouds(60), trees=2, folds=2, repeats=1, **settings)


def test_the_settings_of_train_have_the_same_defaults():
    ours, theirs = settings_of(curve), settings_of(validate)
    assert theirs.keys() <= ours.keys()
    assert all(ours[name].default == theirs[name].default for name in theirs)
