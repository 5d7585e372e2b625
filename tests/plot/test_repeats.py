"""The figure of repeated runs: a dot for each run, and what becomes of each row."""

import numpy as np
import pytest

from clew.plot.repeats import repeats
from clew.plot.style import svg
from tests.validate.test_repeats import repeated


def runs_drawn(axes):
    return next(line for line in axes.lines if line.get_marker() == "o" and line.get_zorder() == 4)


def test_each_run_stands_at_its_kappa_with_the_truth_and_with_the_others():
    result = repeated(always=0.2, by_chance=0.1)
    dots = runs_drawn(repeats(result).axes[0])
    np.testing.assert_allclose(dots.get_xdata(), result.figures["kappa"])
    others = [np.delete(result.pairs[i], i).mean() for i in range(6)]
    np.testing.assert_allclose(dots.get_ydata(), others)


def test_the_corners_say_what_they_mean_and_the_bars_add_up():
    result = repeated(always=0.2, by_chance=0.1)
    figure = repeats(result)
    words = {text.get_text() for text in figure.axes[0].texts}
    assert words == {"precise and true", "precise, not true", "true, not precise", "neither"}
    filled = [bar.get_width() for bar in figure.axes[1].patches][1::2]
    assert sum(filled) == pytest.approx(1)
    assert figure.texts[0].get_text().startswith("The errors are")


def test_numbers_stand_at_their_mean_error_and_their_distance_from_the_mean_run():
    result = repeated(kind="regression", always=0.5, by_chance=1.0)
    dots = runs_drawn(repeats(result).axes[0])
    np.testing.assert_allclose(dots.get_xdata(), (result.predicted - result.truth).mean(axis=1))
    assert svg(repeats(result), salt="a", label="").startswith("<svg")


def test_runs_without_any_error_can_be_drawn():
    for kind in ("classification", "regression"):
        assert svg(repeats(repeated(kind=kind)), salt="a", label="").startswith("<svg")


def test_the_runs_and_their_mean_are_larger_than_the_shots_at_the_targets_and_on_top():
    axes = repeats(repeated(always=0.2, by_chance=0.1)).axes[0]
    mean = next(line for line in axes.lines if line.get_marker() == "+")
    shots = [line for line in axes.lines if line.get_marker() == "o" and line.get_zorder() == 0]
    assert len(shots) == 4
    assert mean.get_markersize() > runs_drawn(axes).get_markersize() > 5 * shots[0].get_markersize()
    target = max(one.get_width() for one in axes.patches) / np.ptp(axes.get_xlim()) * axes.bbox.width
    assert mean.get_markersize() * axes.figure.dpi / 72 > 0.6 * target
