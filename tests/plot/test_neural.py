"""Figures of the inside of nets show what was found there; results are made by hand, so that plot needs no torch."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.plot import neural as draw

inside = pytest.importorskip("clew.neural.inside")
rng = np.random.default_rng(0)


def pictures(drawing):
    return [np.asarray(image.get_array()) for axes in drawing.axes for image in axes.images]


def told(drawing):
    return " ".join(text.get_text() for text in drawing.texts)


def test_an_activation_function_stands_beside_its_derivative():
    curves = inside.activation_curves(["relu", "tanh", "sigmoid"])
    drawing = plot.figure(curves)
    for axes, name, value, slope in zip(drawing.axes, curves.names, curves.values, curves.slopes):
        lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
        np.testing.assert_array_equal(lines[0].get_ydata(), value)
        np.testing.assert_array_equal(lines[1].get_ydata(), slope)
        assert lines[0].get_linestyle() == "-" != lines[1].get_linestyle()
        assert axes.get_title(loc="left") == name


@pytest.mark.parametrize("places", [(8, 10), (3, 8, 10)])
def test_maps_of_an_image_or_the_middle_of_a_volume_are_pictures(places):
    found = inside.FeatureMaps(
        layer="a", inputs=rng.normal(size=(2, *places)), values=rng.normal(size=(40, *places))
    )
    shown = pictures(plot.figure(found))
    middle = (slice(None),) if len(places) == 2 else (slice(None), 1)
    np.testing.assert_allclose(shown[0], found.inputs[middle].mean(axis=0))
    np.testing.assert_allclose(shown[5], found.values[middle][4])
    assert len(shown) == 1 + draw.MOST and "32 of 40 maps" in told(plot.figure(found))


def test_maps_of_a_trace_lie_under_it_in_time():
    found = inside.FeatureMaps(layer="a", inputs=rng.normal(size=(2, 50)), values=rng.normal(size=(4, 25)))
    drawing = plot.figure(found)
    (image,) = drawing.axes[-1].images
    assert np.asarray(image.get_array()).shape == (4, 25)
    assert image.get_extent()[:2] == [-0.5, 49.5]  # at half the rate, and the same time
    assert drawing.axes[0].get_xlim() == drawing.axes[-1].get_xlim() == (-0.5, 49.5)


@pytest.mark.parametrize("kernel", [(3, 3), (3, 3, 3)])
def test_filters_share_one_scale(kernel):
    found = inside.Filters(layer="a", values=rng.normal(size=(5, 2, *kernel)))
    drawing = plot.figure(found)
    scales = {image.get_clim() for axes in drawing.axes for image in axes.images[:1]} - {(0.0, 1.0)}
    most = np.abs(found.values).max()
    assert scales == {(-most, most)} and len(pictures(drawing)) == 5 * 2 + 1


def test_filters_of_traces_are_lines_told_apart_without_colour():
    found = inside.Filters(layer="a", values=rng.normal(size=(5, 3, 7)))
    lines = plot.figure(found).axes[2].lines[1:]
    np.testing.assert_array_equal([line.get_ydata() for line in lines], found.values[2])
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in lines}) == 3


def test_hidden_states_stand_under_what_they_hear():
    found = inside.HiddenStates(layer="a", inputs=rng.normal(size=(30, 6)), values=rng.normal(size=(30, 9)))
    drawing = plot.figure(found, rate=10.0)
    assert "9 hidden states over 30 steps, the first 4 of 6 inputs" in told(drawing)
    (image,) = drawing.axes[4].images
    np.testing.assert_array_equal(np.asarray(image.get_array()), found.values.T)
    assert image.get_clim()[0] == -image.get_clim()[1] and image.get_extent()[1] == 3.0
    tokens = inside.HiddenStates(layer="a", inputs=np.arange(30), values=found.values)
    assert len(plot.figure(tokens).axes) == 3


def test_regions_have_a_colour_and_a_hatch_rows_a_colour_and_a_marker():
    points = rng.normal(size=(30, 2))
    names = np.array(["a", "b", "c"])
    grid = inside.decision_grid(
        lambda rows: names[(rows > 0).sum(axis=1)], points, names[np.arange(30) % 3], steps=41
    )
    axes = plot.figure(grid).axes[0]
    hatches = [
        found.hatches[0] for found in axes.collections if getattr(found, "hatches", None) and found.filled
    ]
    assert hatches == draw.HATCHES[:3]
    assert [line.get_marker() for line in axes.lines[:3]] == ["o", "^", "s"]
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), points[1::3, 0])
