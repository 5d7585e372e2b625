"""What speaks for a class: contributions that add up to the probability, and filters that stand together."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.learn.pixel_training import PaintedPixels, samples_of_painted
from clew.learn.reasons import reasons_of
from clew.learn.training import train
from clew.measure.pixels import PixelFeatures
from clew.read.stacks import Stack


@pytest.fixture(scope="module")
def told():
    """A forest of four filters, of which the second is the first again, and the last says nothing."""
    random = np.random.default_rng(0)
    features = random.normal(size=(600, 4)).astype(np.float32)
    features[:, 1] = features[:, 0] + random.normal(0, 0.05, 600)
    labels = np.where(features[:, 0] + 0.4 * features[:, 2] > 0, "in", "out")
    asked = PixelFeatures(kinds=("gaussian",), sigmas=(1, 2, 3, 4))
    place = np.zeros((600, 4), np.int64)
    painted = PaintedPixels(features, labels, place[:, 0], place, (0, 0, 0))
    forest = train(
        samples_of_painted(painted, asked, [Stack.of(np.zeros((4, 4)))]), depth=4, trees=30, grower="clew"
    )
    pictures = [features[:400].T.reshape(4, 20, 20), features[400:].T.reshape(4, 10, 20)]
    return forest, pictures, reasons_of(forest, pictures, of="in")


def test_contributions_add_up_to_the_probability_but_for_a_base_that_is_the_same_everywhere(told):
    forest, pictures, found = told
    rows = np.concatenate([one.reshape(4, -1) for one in pictures], axis=1).T
    probability = forest.predict(rows).probability[:, forest.classes.index("in")]
    base = probability - found.values.sum(axis=0)
    assert np.ptp(base) < 1e-6 and 0 < base[0] < 1
    assert (
        np.ptp(probability - found.values[:-1].sum(axis=0)) > 1e-3
    )  # and with one filter left out they do not


def test_maps_are_the_contributions_in_the_shape_of_each_picture(told):
    _, pictures, found = told
    assert [one.shape[1:] for one in found.maps] == [one.shape[1:] for one in pictures]
    np.testing.assert_array_equal(
        np.concatenate([one.reshape(len(found.names), -1) for one in found.maps], axis=1), found.values
    )
    np.testing.assert_allclose(found.mean_absolute, np.abs(found.values).mean(axis=1))


def test_what_says_most_is_found_and_what_stands_in_for_it_is_named(told):
    _, _, found = told
    mean = dict(zip(found.names, found.mean_absolute))
    assert mean["gaussian 1 px"] + mean["gaussian 2 px"] > mean["gaussian 3 px"] > mean["gaussian 4 px"]
    assert [set(group) for group in found.together] == [{"gaussian 1 px", "gaussian 2 px"}]
    together = found.of_group(found.together[0])
    assert (
        max(mean["gaussian 1 px"], mean["gaussian 2 px"])
        < together
        <= mean["gaussian 1 px"] + mean["gaussian 2 px"]
    )


def test_a_class_that_the_forest_does_not_know_is_refused(told):
    forest, pictures, _ = told
    with pytest.raises(SettingError, match="must be one of"):
        reasons_of(forest, pictures, of="elsewhere")
