"""What comes in to be compared is checked whole, named in the sentence, and few images are told."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from clew.errors import DataError
from clew.validate.objects import compare_objects
from clew.validate.segmentation import compare_segmentations
from tests.validate.test_segmentation import discs


@pytest.mark.parametrize(("n", "says"), [(3, "3 images are too few"), (5, "Only 5 images"), (8, None)])
def test_few_images_are_told(n, says):
    pairs = [discs(seed, n=10, size=80) for seed in range(n)]
    for compare in (partial(compare_segmentations, classes="foreground"), compare_objects):
        result = compare(*zip(*pairs))
        assert result.notes == [] if says is None else result.notes[0].startswith(says)
        assert np.isnan(result.metrics["recall"].low) == (n < 4)


def test_one_image_has_no_interval_and_says_why():
    truth, predicted = discs(0)
    for result in (
        compare_segmentations(truth, predicted, classes="foreground"),
        compare_objects(truth, predicted),
    ):
        assert all(np.isnan(figure.low) for figure in result.metrics.values())
        assert "There is one image, so no interval" in result.notes[0]


@pytest.mark.parametrize("compare", [compare_segmentations, compare_objects])
@pytest.mark.parametrize(
    ("truth", "predicted", "region", "says"),
    [
        (np.ones((3, 4), int), np.ones((3, 5), int), None, r"prediction .* must have the shape of its truth, \(3, 4\)"),
        (np.full((3, 4), 0.5), np.ones((3, 4)), None, r"truth .* whole numbers .* Got 0.5 at \(0, 0\)"),
        (np.ones((3, 4)), np.array([[1, 1], [1, np.nan]]), None, r"prediction .* Got nan at \(1, 1\)"),
        (np.array([[1, np.inf]]), np.ones((1, 2)), None, r"Got inf at \(0, 1\)"),
        (np.array([[1, -2]]), np.ones((1, 2)), None, r"whole numbers from 0 .* Got -2 at \(0, 1\)"),
        (np.array([[1, 2**31]]), np.ones((1, 2)), None, "Got 2147483648"),
        (np.zeros((3, 4), int), np.ones((3, 4), int), None, "truth .* must hold at least 1"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.zeros((3, 4), bool), "region .* at least 1 pixel"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.ones((4, 3), bool), r"region .* shape of its image, \(3, 4\)"),
        (np.ones((3, 4), int), np.ones((3, 4), int), np.ones((3, 4), int), "region .* must be boolean"),
        (np.ones(5, int), np.ones(5, int), None, "2 or 3 axes"),
        (np.ones((0, 5), int), np.ones((0, 5), int), None, "at least 1 pixel"),
        (np.array([["a", "b"]]), np.ones((1, 2)), None, "must be numbers"),
        ([np.ones((3, 4), int)] * 2, [np.ones((3, 4), int)], None, "as many, at least 1. Got 2, 1, 2 and 2"),
        ([], [], None, "at least 1"),
    ],
)  # fmt: skip
def test_images_that_cannot_be_compared_are_refused_in_one_sentence(compare, truth, predicted, region, says):
    with pytest.raises(DataError, match=says) as refused:
        compare(truth, predicted, region)
    assert "\n" not in str(refused.value)


def test_the_image_that_does_not_fit_is_named():
    good = np.ones((3, 4), int)
    with pytest.raises(DataError, match="The prediction of image '2' in compare_objects"):
        compare_objects([good, good], [good, good[:2]])
    with pytest.raises(DataError, match="The prediction of image 'b.tif' in compare_segmentations"):
        compare_segmentations([good, good], [good, good - 2], names=["a.tif", "b.tif"])
