"""Figures of comparisons hold the figures of the comparison, and colour the right pixels."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.plot import segmentation as draw
from clew.plot.style import REF, SURFACE, svg
from clew.plot.validate import spelt
from clew.validate.objects import compare_objects
from clew.validate.segmentation import compare_segmentations


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    truths = [np.pad(rng.integers(1, 3, (20, 20)), 10) for _ in range(6)]
    return truths, [np.where(rng.random(truth.shape) < 0.8, truth, 0) for truth in truths]


def test_pixels_show_every_figure_its_interval_and_every_image(pairs):
    result = compare_segmentations(*pairs)
    axes = plot.figure(result).axes[0]
    shown = [result.metrics[name] for name in draw.WORDS]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, [one.value for one in shown])
    ends = [line.get_xdata() for line in axes.lines if line.get_marker() == "None"]
    np.testing.assert_allclose(ends, [(one.low, one.high) for one in shown])
    each = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(
        each, [result.of_images(name) for name in draw.WORDS if name != "cropped_accuracy"]
    )
    assert all(axes.get_xlim()[0] <= values.min() for values in each)
    said = {text.get_text() for text in axes.texts}
    assert {spelt(one) for one in shown} | set(draw.WORDS.values()) <= said


def test_one_image_has_neither_intervals_nor_dots_of_images(pairs):
    axes = plot.figure(compare_segmentations(pairs[0][0], pairs[1][0])).axes[0]
    assert {line.get_marker() for line in axes.lines} == {"o"}


def test_objects_show_precision_over_iou_and_the_iou_of_each(pairs):
    truth = np.repeat(np.arange(1, 11), 50).reshape(10, 50)
    result = compare_objects(truth, np.roll(truth, 1))
    left, right = plot.figure(result).axes
    np.testing.assert_allclose(
        left.lines[0].get_xydata(), np.column_stack([result.thresholds, result.average_precision])
    )
    assert left.lines[1].get_ydata()[0] == result.metrics["mean_ap"].value
    assert sum(bar.get_height() for bar in right.patches) == len(result.iou)


def test_agreement_colours_both_one_and_the_other():
    truth, predicted = np.array([[0, 1, 0, 2]]), np.array([[0, 0, 5, 3]])
    shown = plot.agreement(truth, predicted).axes[0].images[0].get_array()
    wanted = [draw.mix(color, 1.0) for color in (SURFACE, draw.ONLY_TRUE, draw.ONLY_PREDICTED, REF)]
    np.testing.assert_allclose(shown[0], wanted)


def test_agreement_of_a_stack_shows_the_plane_that_differs_most():
    truth, predicted = np.ones((3, 4, 5), int), np.ones((3, 4, 5), int)
    predicted[1, :2] = 0
    predicted[2, 0, 0] = 0
    figure = plot.agreement(truth, predicted)
    assert figure.texts[0].get_text() == "plane 1 of 3, both"
    np.testing.assert_allclose(
        figure.axes[0].images[0].get_array()[:2], np.broadcast_to(draw.mix(draw.ONLY_TRUE, 1.0), (2, 5, 4))
    )


def test_all_can_stand_in_a_page(pairs):
    for figure in (plot.figure(compare_segmentations(*pairs)), plot.figure(compare_objects(*pairs)), plot.agreement(pairs[0][0], pairs[1][0])):  # fmt: skip
        assert svg(figure, salt="a", label="").startswith("<svg")
