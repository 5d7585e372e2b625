"""Figures of families hold their figures, and read without colour."""

from __future__ import annotations

import numpy as np
import pytest

from clew.learn.families import compare
from clew.plot import comparison as draw
from clew.plot.style import REF, THREAD, svg
from clew.validate.comparison import written

QUICK = {"families": "dummy,linear,tree,neighbors", "repeats": 1, "folds": 3}


@pytest.fixture(scope="module")
def compared(rows):
    return compare(rows, **QUICK)


@pytest.fixture(scope="module")
def numbers(rows):
    return compare(
        rows.with_labels(None).with_target(rows.features[:, 0] * 2 + rows.features[:, 1] ** 2), **QUICK
    )


def test_every_family_is_a_dot_with_its_interval_the_best_first(compared):
    left = draw.comparison(compared).axes[0]
    dots = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "o"]
    real = [compared.figure(one).value for one in compared.families if one.name != "dummy"]
    np.testing.assert_allclose(dots, sorted(real, reverse=True))
    said = {text.get_text() for text in left.texts}
    assert written(compared.figure(compared.best)) in said


def test_the_dummy_is_the_line_of_reference(compared):
    left = draw.comparison(compared).axes[0]
    at = [line.get_xdata()[0] for line in left.lines if line.get_color() == REF]
    assert at == [compared.figure(compared.family("dummy")).value]


def test_only_what_is_told_apart_is_filled(numbers):
    right = draw.comparison(numbers).axes[1]
    dots = [line for line in right.lines if line.get_marker() == "o"]
    apart = [
        one.to_reference.told_apart for one in numbers.families if one.name != "dummy" and one.to_reference
    ]
    assert sorted(line.get_markerfacecolor() == THREAD for line in dots) == sorted(apart)
    assert any("reference" in text.get_text() for text in right.texts)


def test_classes_have_lines_markers_and_hatching_besides_colour(compared):
    figure = draw.boundaries(compared.boundaries)
    panels = figure.axes[1:]
    assert len(panels) == 3
    for axes in panels:
        assert {line.get_marker() for line in axes.lines} == {"o", "^", "s"}
        assert sum(len(line.get_xdata()) for line in axes.lines) == len(compared.boundaries.rows)
        assert any(getattr(one, "hatches", None) not in (None, [None]) for one in axes.collections)
    assert any("two features only" in text.get_text() for text in figure.texts)
    assert any("each fold chose its own pair" in text.get_text() for text in panels_key(figure))


def panels_key(figure):
    return figure.axes[0].texts


def test_numbers_are_a_shade_of_the_same_scale_everywhere(numbers):
    panels = draw.boundaries(numbers.boundaries).axes[1:]
    assert len({axes.images[0].get_clim() for axes in panels}) == 1
    np.testing.assert_array_equal(panels[0].images[0].get_array(), numbers.boundaries.answer[0, ..., 0])


@pytest.mark.parametrize("which", ["compared", "numbers"])
def test_both_figures_stand_on_a_page(which, request):
    found = request.getfixturevalue(which)
    for figure in (draw.comparison(found), draw.boundaries(found.boundaries)):
        assert svg(figure, salt="a", label="").startswith("<svg")


def test_many_rows_are_thinned_and_it_is_said(compared):
    import dataclasses

    pair = compared.boundaries
    many = dataclasses.replace(pair, rows=np.tile(pair.rows, (10, 1)), truth=np.tile(pair.truth, 10))
    figure = draw.boundaries(many)
    assert any("300 of 900 rows drawn" in text.get_text() for text in figure.axes[0].texts)
