"""Figures of predictions hold the figures of the scores."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.learn.training import validate
from clew.plot import validate as draw
from clew.plot.style import REF, SURFACE, THREAD, svg
from clew.validate.metrics import cross_validate, regression_scores, scores


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
        np.testing.assert_allclose(dots, [one.value for one in figures.shown.values()])
    ends = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(ends) == 2 * len(two[0].shown)


def test_metrics_are_written_with_brackets(two):
    said = {text.get_text() for text in plot.figure(two[0]).axes[0].texts}
    assert draw.spelt(two[0].metrics["accuracy"]) in said
    assert "balanced accuracy" in said


def test_errors_in_the_units_of_the_target_are_written_not_drawn():
    truth = np.linspace(0, 1000, 50)
    axes = plot.figure(regression_scores(truth, truth + 90 * np.sin(truth))).axes[0]
    assert max(line.get_xdata().max() for line in axes.lines) <= 1
    assert any("mean abs. error" in text.get_text() for text in axes.texts)


@pytest.mark.parametrize("width", [128, 260])
def test_the_confusion_has_every_count_in_its_place_with_recall_and_precision_beside(two, width):
    axes = draw.confusion(two[0], width=width).axes[0]
    said = {}
    for text in axes.texts:
        column, row = (round(x) for x in text.get_position())
        said.setdefault((row, column), []).append(text.get_text())
    for i, j in np.ndindex(2, 2):
        assert said[i, j][0] == str(two[0].confusion[i, j])
        shares = f"{two[0].row_shares[i, j]:.0%} | {two[0].column_shares[i, j]:.0%}"
        assert (shares in said[i, j]) == (width == 260)  # where there is room
    for k, name in enumerate(two[0].classes):
        assert said[k, 2] == [f"{two[0].per_class[name]['recall'].value:.2f}"]
        assert said[2, k] == [f"{two[0].per_class[name]['precision'].value:.2f}"]


@pytest.fixture(scope="module")
def guessed():
    """Six groups of two classes, told apart in part."""
    from tests.validate.test_metrics import Nearest, make

    random = np.random.default_rng(1)
    labels = np.array(["a", "b"])[random.integers(0, 2, 120)]
    features = random.normal(size=(120, 2)) + 1.5 * (labels == "b")[:, None]
    return cross_validate(make(features, labels, groups=np.arange(120) % 6), Nearest)


def test_chance_is_a_grey_bar_and_a_grey_stroke_at_each_metric(guessed):
    axes = draw.metrics(guessed.scores, chance=guessed).axes[0]
    grey = [line for line in axes.lines if line.get_color() == REF]
    bars = [line.get_xdata() for line in grey if line.get_linewidth() == 7]
    strokes = [line.get_xdata()[0] for line in grey if line.get_linewidth() < 7]
    names = list(guessed.scores.shown)
    assert len(bars) == len(strokes) == len(names) == 11
    for bar, stroke, name in zip(bars, strokes, names):
        mean, spread = guessed.baselines["permuted"][name], guessed.permuted_spread[name]
        np.testing.assert_allclose(bar, np.clip([mean - 2 * spread, mean + 2 * spread], -0.3, 1))
        assert stroke == guessed.baselines["commonest_class"][name]
    assert sum(text.get_text() == "chance" for text in axes.texts) == 1


def test_the_rest_of_the_figures_is_not_crowded_in(guessed):
    axes = draw.metrics(guessed.scores).axes[0]
    words = {text.get_text() for text in axes.texts}
    assert {
        "ROC AUC, macro",
        "PR AUC, macro",
        "Brier (0 is best)",
        "Cohen’s kappa",
        "F1 (Dice), macro",
    } <= words
    assert not any("weighted" in word or "log loss" in word for word in words)
    assert all(name in draw.WORDS or name == "accuracy" for name in guessed.scores.metrics)


@pytest.mark.parametrize("sealed", [False, True])
def test_no_words_of_the_panel_run_into_each_other(guessed, sealed):
    figure = draw.metrics(guessed.scores, sealed=guessed.scores if sealed else None, chance=guessed)
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    boxes.append(figure.axes[0].get_window_extent(renderer).shrunk(1, 0.8))
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i])


def test_calibration_stands_at_predicted_and_observed(guessed):
    curve = guessed.scores.calibration["b"]
    axes = draw.calibration(guessed.scores).axes
    assert len(axes) == 1  # the other class is the mirror
    line = next(line for line in axes[0].lines if line.get_marker() not in ("None", None, ""))
    np.testing.assert_array_equal(line.get_xdata(), curve.predicted)
    np.testing.assert_array_equal(line.get_ydata(), curve.observed)


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
