"""Figures of predictions hold the figures of the scores."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.learn.training import validate
from clew.plot import validate as draw
from clew.plot.style import SURFACE, THREAD, svg
from clew.validate.metrics import regression_scores, scores


@pytest.fixture(scope="module")
def two():
    rng = np.random.default_rng(0)
    truth = np.array(["a", "b"])[rng.integers(0, 2, 80)]
    said = np.where(rng.random(80) < 0.8, truth, "a")
    return scores(truth[:40], said[:40]), scores(truth[40:], said[40:])


def test_every_metric_is_a_dot_with_its_interval(two):
    axes = plot.figure(two[0], sealed=two[1]).axes[0]
    for face, figures in ((SURFACE, two[0]), (THREAD, two[1])):
        dots = [
            line.get_xdata()[0]
            for line in axes.lines
            if line.get_markerfacecolor() == face and line.get_marker() == "o"
        ]
        np.testing.assert_allclose(dots, [one.value for one in figures.metrics.values()])
    ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(ends) == 2 * len(two[0].metrics)


def test_metrics_are_written_with_brackets(two):
    said = {text.get_text() for text in plot.figure(two[0]).axes[0].texts}
    assert draw.spelt(two[0].metrics["accuracy"]) in said
    assert "balanced accuracy" in said


def test_errors_in_the_units_of_the_target_are_written_not_drawn():
    truth = np.linspace(0, 1000, 50)
    axes = plot.figure(regression_scores(truth, truth + 90 * np.sin(truth))).axes[0]
    assert max(line.get_xdata().max() for line in axes.lines) <= 1
    assert any("mean abs. error" in text.get_text() for text in axes.texts)


def test_the_confusion_has_every_count_in_its_place(two):
    axes = draw.confusion(two[0]).axes[0]
    for text in axes.texts:
        column, row = (int(x) for x in text.get_position())
        assert text.get_text() == str(two[0].confusion[row, column])
    assert len(axes.texts) == 4


def test_a_validation_is_drawn_whole(rows):
    result = validate(rows, trees=5, folds=3)
    assert svg(plot.figure(result), salt="a", label="").startswith("<svg")


def test_predicted_stands_against_true(rows):
    numbers = rows.with_labels(None).with_target(rows.features[:, 0] * 2)
    result = validate(numbers, trees=5, folds=3)
    axes = draw.scatter(result).axes[0]
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), result.truth)
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), result.predicted)
    plot.figure(result)


def test_what_is_not_known_is_said():
    class Nothing:
        value = low = high = float("nan")

    assert draw.spelt(Nothing()) == "not known"
