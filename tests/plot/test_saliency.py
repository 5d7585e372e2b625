"""Figures of saliency show the values where they belong, for and against told apart without colour."""

from __future__ import annotations

import numpy as np
import pytest

from clew import plot
from clew.explain.saliency import Saliency, Sanity
from clew.plot.style import svg

rng = np.random.default_rng(0)


def made(shape, *, method="integrated-gradients", channels=None, layer="", signed=True):
    values = rng.normal(size=(2, *shape)) if channels is None else rng.normal(size=(2, channels, *shape[1:]))
    return Saliency(
        method=method, layer=layer, inputs=rng.normal(size=(2, *shape)), values=values if signed else np.abs(values),
        target=np.array([0, 1]), score=np.ones(2), baseline_score=np.zeros(2),
    )  # fmt: skip


def told(drawing):
    return " ".join(
        text.get_text() for text in [*drawing.texts, *(t for axes in drawing.axes for t in axes.texts)]
    )


def test_on_an_image_the_map_lies_over_what_the_net_sees():
    found = made((3, 9, 12))
    drawing = plot.figure(found, row=1, classes=["round", "long"])
    plain, painted, _ = drawing.axes
    np.testing.assert_allclose(plain.images[0].get_array(), found.inputs[1].mean(axis=0))
    np.testing.assert_allclose(painted.images[1].get_array(), found.values[1].sum(axis=0))
    assert painted.images[1].get_clim()[0] == -painted.images[1].get_clim()[1]
    assert "towards long: integrated gradients" in told(drawing) and "dashed" in told(drawing)
    styles = {str(lines.get_linestyle()) for lines in painted.collections}
    assert len(styles) == 2  # solid for, dashed against


def test_nothing_of_the_image_is_covered_where_the_map_is_zero():
    for signed in (True, False):
        ramp = plot.saliency.heat_ramp(signed=signed)
        assert ramp(0.5 if signed else 0.0)[3] == pytest.approx(0, abs=0.02) and ramp(1.0)[3] > 0.9


@pytest.mark.parametrize(("method", "name"), [("grad-cam", "Grad-CAM"), ("hires-cam", "HiResCAM")])
def test_a_map_of_a_layer_names_the_layer_and_begins_at_nothing(method, name):
    found = made((1, 9, 12), method=method, layer="blocks.1.0", signed=False)
    drawing = plot.figure(found)
    assert f"towards output 0: {name} at layer blocks.1.0" in told(drawing)
    assert drawing.axes[1].images[1].get_clim()[0] == 0 and "dashed" not in told(drawing)


def test_a_map_of_nothing_says_so():
    found = made((1, 9, 12), method="grad-cam", layer="a", signed=False)
    empty = Saliency(**{**{k: getattr(found, k) for k in vars(found)}, "values": np.zeros((2, 1, 9, 12))})
    assert "nothing in this row moves it" in told(plot.figure(empty))


def test_of_a_volume_the_strongest_slice_is_drawn():
    found = made((1, 4, 9, 12), method="grad-cam", layer="a", signed=False)
    k = int(found.values[0].sum(axis=(0, 2, 3)).argmax())
    drawing = plot.figure(found)
    np.testing.assert_allclose(drawing.axes[1].images[1].get_array(), found.values[0, 0, k])
    assert f"slice {k + 1} of 4" in told(drawing)


@pytest.mark.parametrize(("channels", "strips"), [(None, 3), (1, 1)])
def test_under_a_trace_each_component_has_its_values_and_grad_cam_one_strip(channels, strips):
    found = made((3, 80), channels=channels)
    drawing = plot.figure(found, names=["Z", "N", "E"], rate=20.0)
    traces = [axes for axes in drawing.axes if axes.images]
    assert [axes.get_ylabel() for axes in traces] == ["Z", "N", "E"]
    assert len(drawing.axes) == 3 + strips
    for k, axes in enumerate(traces):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), found.inputs[0, k])
        np.testing.assert_array_equal(axes.images[0].get_array()[0], found.values[0, k if strips == 3 else 0])
    last = drawing.axes[-1]
    assert last.get_xlabel() == "s" and last.get_xlim()[1] == pytest.approx(79 / 20)
    top = max(path.vertices[:, 1].max() for path in last.collections[0].get_paths())
    assert top == pytest.approx(max(found.values[0, -1].max(), 0))


def test_of_a_row_the_strongest_features_come_first():
    found = made((6,))
    axes = plot.figure(found, names=list("abcdef")).axes[0]
    order = np.argsort(-np.abs(found.values[0]))
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], found.values[0][order])
    assert [bool(bar.get_hatch()) for bar in axes.patches] == (found.values[0][order] < 0).tolist()


def test_the_sanity_check_is_drawn_beside_unrelated_maps():
    likeness, null = rng.uniform(-0.4, 0.4, (3, 5, 3)), rng.normal(0, 0.1, (100, 3))
    found = Sanity(method="x", layers=["head", "b", "a"], cascading=likeness, independent=likeness, null=null)
    drawing = plot.figure(found)
    axes = drawing.axes[0]
    drawn = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 4]
    np.testing.assert_allclose(drawn[0], [1, *likeness[:, :, 0].mean(axis=1)])
    assert axes.get_ylim()[0] < min(y.min() for y in drawn)
    assert found.verdict in told(drawing) and found.evidence.split("; ")[0] in told(drawing)
    assert svg(drawing, salt="a", label="") == svg(plot.figure(found), salt="a", label="")
