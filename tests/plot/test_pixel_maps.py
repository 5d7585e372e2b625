"""The maps of pixels are drawn on one scale, with names, and with lines for those who see no colour."""

from __future__ import annotations

import numpy as np

from clew.learn.pixel_shapley import PixelExplainer
from clew.plot.pixel_maps import pixel_maps
from clew.read.stacks import Stack
from tests.pixel_worlds import discs, model


def test_every_map_has_its_panel_its_name_and_the_same_scale():
    image = discs(1)[:60, :80]
    explainer = PixelExplainer(model(depth=3), Stack.of(image), of="cell", most=4)
    maps = np.zeros((4, *image.shape), np.float32)
    explainer.write(lambda t, start, tile: maps.__setitem__(slice(None), tile[:, 0]))
    drawing = pixel_maps(explainer.result, image, maps)
    *panels, scale = drawing.axes
    assert len(panels) == 5
    limits = {panel.images[0].get_clim() for panel in panels[1:]}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high
    np.testing.assert_array_equal(panels[1].images[0].get_array(), maps[0])
    said = [text.get_text() for text in drawing.texts]
    assert "What pushes pixels towards cell" in said[0]
    assert {name for name in explainer.result.channels if len(name) < 20} <= set(said)
    for panel, one in zip(panels[1:], maps):
        farthest = one.flat[np.abs(one).argmax()]
        assert f"largest {farthest:+.2g}".replace("-", "−") in said
        assert panel.collections  # lines at half of its own largest
    assert any("solid towards the class, dashed against it" in text for text in said)
    assert [label.get_text() for label in scale.get_xticklabels()][1] == "0"


def test_a_weak_map_has_lines_of_its_own_and_they_tell_the_sign_in_grey():
    image = discs(1)[:60, :80]
    explainer = PixelExplainer(model(depth=3), Stack.of(image), of="cell", most=3)
    spot = np.zeros(image.shape, np.float32)
    spot[20:40, 20:40] = 0.01
    maps = np.stack([50 * spot, -spot, 0 * spot])  # a strong one towards, a weak one against, an empty one
    drawing = pixel_maps(explainer.result, image, maps)
    towards, against, empty = drawing.axes[1:4]
    style = {panel: [line.get_linestyle() for line in panel.collections] for panel in (towards, against)}
    assert style[towards] != style[against] and len(style[towards]) == len(style[against]) == 1
    assert style[against][0][0][1] is not None  # dashes
    (level,) = against.collections[0].levels
    assert -0.0055 < level < -0.004
    assert not empty.collections
    said = [text.get_text() for text in drawing.texts]
    assert {"largest +0.5", "largest −0.01", "0 all over"} <= set(said)
