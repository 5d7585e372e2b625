"""The figure of sensors says in shape and word what its colours say."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex

from clew.learn.sensors import sensors
from clew.plot.sensors import MOST
from clew.plot.sensors import sensors as draw
from clew.plot.style import SURFACE, svg
from tests.learn.sensor_worlds import world

QUICK = {"trees": 10, "depth": 3, "grower": "auto", "permutations": 2}


@pytest.fixture(scope="module")
def found():
    return sensors(world(0, (0, 2.5, 2.5, 1.3), n=200), **QUICK)


def test_each_sensor_has_both_figures_and_a_word(found):
    alone, lost = draw(found).axes
    dots = [line for line in alone.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [found.alone[i].value for i in found.order]
    assert [line.get_xdata()[0] for line in lost.lines if line.get_marker() == "o"] == [
        found.permutation.loss[i].value for i in found.order
    ]
    words = [text.get_text() for text in lost.texts]
    assert words[0] == "ahead"
    assert words[-1] == "not shown to inform"
    assert "cannot be told apart" in words


def test_what_is_not_above_chance_is_hollow(found):
    alone = draw(found).axes[0]
    dots = [line for line in alone.lines if line.get_marker() == "o"]
    hollow = [to_hex(dot.get_markerfacecolor()) == SURFACE for dot in dots]
    assert hollow == [not found.informs(i) for i in found.order]
    assert True in hollow and False in hollow


def test_of_many_sensors_the_best_are_drawn_and_the_rest_counted():
    many = draw(sensors(world(1, (1.0,) * (MOST + 2), n=60), **QUICK))
    assert len([line for line in many.axes[0].lines if line.get_marker() == "o"]) == MOST
    assert "2 more, worse alone, are not shown" in many.texts[-1].get_text()


def test_it_is_drawn_for_the_page(found):
    assert svg(draw(found), salt="sensors", label="x").count("var(--thread)") > 0
