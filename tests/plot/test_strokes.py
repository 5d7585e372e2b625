"""The figure of painted pixels shows the honest and the naive number, each class's recall, and the confusion."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.learn.strokes import validate_strokes
from clew.plot.style import SURFACE, THREAD, svg
from clew.plot.validate import spelt


def nearest_mean(features, labels, test):
    names = np.unique(labels)
    means = np.array([features[labels == name].mean() for name in names])
    return names[np.abs(test - means).argmin(axis=1)]


@pytest.fixture(scope="module")
def result():
    """Twelve strokes of three classes whose brightness differs, and from stroke to stroke."""
    rng = np.random.default_rng(0)
    stroke, column = np.divmod(np.arange(12 * 40), 40)
    place = np.column_stack([0 * stroke, 0 * stroke, 20 * stroke, column])
    labels = np.array(["cell", "a background with a long name", "edge"])[stroke % 3]
    brightness = stroke % 3 + rng.normal(scale=0.6, size=12)[stroke] + rng.normal(scale=0.3, size=stroke.size)
    return validate_strokes(brightness[:, None], labels, 0 * stroke, place, classifier=nearest_mean, gap=(0, 5, 25))  # fmt: skip


def figures(scores):
    return [scores.metrics["balanced_accuracy"], *(scores.per_class[k]["recall"] for k in scores.classes)]


def test_both_numbers_are_dots_with_intervals(result):
    axes = plot.figure(result).axes[0]
    for face, scores in ((THREAD, result.scores), (SURFACE, result.naive)):
        dots = [float(line.get_xdata()[0]) for line in axes.lines if line.get_markerfacecolor() == face and line.get_marker() == "o" and line.get_zorder() == 3]  # fmt: skip
        np.testing.assert_allclose(dots, [one.value for one in figures(scores)])
    ends = {tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2}
    assert {(one.low, one.high) for one in figures(result.scores) if np.isfinite(one.low)} <= ends


def test_the_numbers_are_written_and_what_was_held_out_is_said(result):
    written = {text.get_text() for text in plot.figure(result).axes[0].texts}
    assert {"held-out strokes", "shuffled", "balanced accuracy", "chance"} <= written
    assert {spelt(one) for one in figures(result.scores)} <= written
    assert {spelt(one, interval=False) for one in figures(result.naive)} <= written


def test_the_confusion_is_that_of_held_out_strokes(result):
    axes = plot.figure(result).axes[1]
    for text in axes.texts:
        column, row = (int(x) for x in text.get_position())
        assert text.get_text() == str(result.scores.confusion[row, column])
    assert len(axes.texts) == 9


def test_no_words_run_into_each_other(result):
    figure = plot.figure(result)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_text()]
    boxes.append(figure.axes[0].get_window_extent(renderer).shrunk(1, 0.7))
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])
    assert svg(figure, salt="a", label="").startswith("<svg")
