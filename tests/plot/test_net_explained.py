"""Figures of what a net goes by hold the numbers of the result, net and forest told apart without colour."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from clew.plot import figure
from clew.plot.net_explained import channels, features, looks, places
from clew.plot.style import svg
from tests.explain.test_net_features import found as of_features
from tests.explain.test_net_looks import looks as made
from tests.explain.test_net_looks import sanity

found = of_features  # the fixture


def test_net_and_forest_stand_at_their_losses_with_markers_of_their_own(found):
    cost, steep = features(found).axes[:2]
    markers = {one.get_marker(): one.get_xdata()[0] for one in cost.lines if one.get_marker() in ("o", "s")}
    assert markers == {"o": 0.02, "s": 0.3}  # of the last line, "width"
    ends = [one.get_xdata() for one in cost.lines if len(one.get_xdata()) == 2 and one.get_marker() == "None"]
    assert [0.35, 0.45] in [pytest.approx(one) for one in ends]
    assert [bar.get_width() for bar in steep.patches] == [2.0, pytest.approx(0.2)]


def test_a_feature_that_is_named_with_signs_of_markup_is_only_text(found):
    odd = copy.deepcopy(found)
    for names in (
        odd.feature_names,
        odd.correlated.feature_names,
        odd.permutation.names[2],
        odd.beside.names[2],
    ):
        names[:] = [name.replace("width", "<b>&$x^2$") for name in names]
    drawn = svg(figure(odd), salt="a", label="")
    assert "&lt;b&gt;" in drawn and "<b>" not in drawn


def test_densities_are_the_means_of_the_rows_of_each_answer_whose_map_is_not_empty():
    axes = places(made(sanity())).axes[0]
    lines = [
        one.get_ydata() for one in axes.lines if len(one.get_ydata()) == 2 and one.get_marker() != "None"
    ]
    np.testing.assert_array_equal(lines, [[2.0, 0.5], [0.0, 1.5]])
    kinds = {(one.get_marker(), str(one.get_linestyle())) for one in axes.lines if one.get_marker() != "None"}
    assert len(kinds) == 2
    assert axes.get_xlabel() == "distance from the centre, µm"
    assert {"long (1)", "round (1)", "an even map"} <= {one.get_text() for one in axes.texts}


def test_shares_of_channels_are_bars_at_their_mean():
    axes = channels(made(sanity())).axes[0]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [0.8, 0.2])
    assert [one.get_text() for one in axes.get_yticklabels()] == ["DNA", "actin"]


def test_the_map_of_any_row_is_drawn_towards_its_answer():
    for row, name in enumerate(("long", "round")):
        assert f"towards {name}" in svg(looks(made(sanity()), row=row), salt="a", label="")
