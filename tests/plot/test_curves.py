"""Figures of curves hold the curve's numbers, and tell their lines apart without colour."""

import numpy as np
import pytest

from clew.plot.curves import learning, validation
from clew.plot.style import svg
from clew.validate.curves import learning_curve
from clew.validate.validation_curve import validation_curve
from tests.validate.learners import discriminant, least_squares, line, two_clouds


@pytest.fixture(scope="module")
def rows():
    return learning_curve(two_clouds(150, d=12), discriminant, repeats=2, desired=0.9)


def texts(figure):
    return [one.get_text() for one in [*figure.texts, *figure.axes[0].texts]]


def test_both_lines_are_the_results_figures_with_markers_of_their_own(rows):
    axes = learning(rows).axes[0]
    held, trained = (next(one for one in axes.lines if one.get_marker() == m) for m in "os")
    np.testing.assert_array_equal(held.get_ydata(), rows.held_out[:, 0])
    np.testing.assert_array_equal(held.get_xdata(), rows.rows)
    np.testing.assert_array_equal(trained.get_ydata(), rows.training[:, 0])
    assert held.get_linestyle() != trained.get_linestyle()


def test_the_diagnosis_is_the_title_and_what_is_wanted_a_named_line(rows):
    figure = learning(rows)
    assert " ".join(figure.texts[0].get_text().split()) == rows.diagnosis.sentence
    assert "wanted 0.9" in texts(figure)
    assert any(np.ravel(one.get_ydata())[0] == 0.9 for one in figure.axes[0].lines)


def test_the_curve_is_drawn_on_dashed_from_where_it_ends(rows):
    axes = learning(rows).axes[0]
    on = next(one for one in axes.lines if one.get_gid() == "drawn on")
    assert on.is_dashed()
    assert on.get_xdata()[0] == rows.rows[-1]
    np.testing.assert_allclose(on.get_ydata(), 1 - rows.extrapolation.error[-len(on.get_ydata()) :, 0])
    assert axes.get_xscale() == "log"


def test_a_refusal_is_not_drawn_on():
    short = learning_curve(two_clouds(60), discriminant, repeats=1, sizes=[15, 48])
    axes = learning(short).axes[0]
    assert not any(one.get_gid() == "drawn on" for one in axes.lines)
    assert axes.get_xscale() == "linear"


def test_errors_in_units_are_drawn_as_they_are():
    found = learning_curve(line(80), least_squares, kind="regression", metric="rmse", repeats=1, desired=0.4)
    axes = learning(found).axes[0]
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylabel() == "RMS error"
    assert svg(learning(found), salt="a", label="").startswith("<svg")


def test_the_chosen_value_has_a_ring_and_the_sides_have_words():
    found = validation_curve(two_clouds(80), lambda value: discriminant, name="depth", values=[1, 2, np.inf])
    import dataclasses

    found = dataclasses.replace(found, sides=["underfits", "", "overfits"], chosen=1)
    figure = validation(found)
    axes = figure.axes[0]
    ring = next(one for one in axes.lines if one.get_gid() == "chosen")
    assert ring.get_ydata()[0] == found.held_out[1, 0]
    assert {"underfits", "overfits"} <= set(texts(figure))
    assert [one.get_text() for one in axes.get_xticklabels()] == ["1", "2", "without limit"]


def test_names_at_the_right_do_not_lie_upon_each_other(rows):
    axes = learning(rows).axes[0]
    places = sorted(one.get_position()[1] for one in axes.texts if one.get_position()[0] > 1)
    assert (np.diff(places) > 0.08).all()


def test_the_name_of_the_training_line_stands_at_its_end_though_the_other_goes_on(rows):
    figure = learning(rows)
    assert not rows.extrapolation.refused
    figure.canvas.draw()
    axes = figure.axes[0]
    line = next(one for one in axes.lines if one.get_marker() == "s")
    end = axes.transData.transform((line.get_xdata()[-1], line.get_ydata()[-1]))
    name = next(one for one in axes.texts if one.get_text() == "training rows").get_window_extent()
    nearest = np.clip(end, name.min, name.max)
    assert np.hypot(*(nearest - end)) < 20 * figure.dpi / 72  # at the right of the axes it were hundreds away
