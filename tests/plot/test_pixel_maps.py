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
    assert panels[1].collections  # lines at half the scale
    assert [label.get_text() for label in scale.get_xticklabels()][1] == "0"
