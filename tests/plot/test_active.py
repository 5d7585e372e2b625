"""Figures of active learning hold their curves' numbers, and tell lines apart without colour."""

import dataclasses

import numpy as np
import pytest

from clew.learn.active_curve import ActiveCurves
from clew.learn.stopping import LAST, StopLight
from clew.plot import figure
from clew.plot.active import curves, stop_light
from clew.plot.style import svg

NAMES = ["random", "entropy", "margin", "k-centre", "hybrid", "cluster", "least-confidence"]


@pytest.fixture(scope="module")
def played():
    random = np.random.default_rng(0)
    rising = 1 - 0.5 / np.sqrt(np.arange(1, 11))
    gains = np.linspace(0, 0.1, len(NAMES))[:, None, None]
    return ActiveCurves(strategies=NAMES, labels=np.arange(20, 201, 20), accuracy=rising + gains + 0.01 * random.normal(size=(7, 5, 10)), learner="forest", held_out="")  # fmt: skip


@pytest.fixture(scope="module")
def light():
    at = np.array([10.0, 40, 100, 160])
    value = 1 - at**-0.5
    return StopLight(
        verdict="go on",
        sentence="Go on. The next 20 labels should bring about 0.004.",
        reasons=[],
        helps="",
        metric="balanced_accuracy",
        labels=160,
        control_labels=54,
        active=np.column_stack([at, value, value - 0.1, value + 0.05]),
        control=np.column_stack([at[:2], value[:2] - 0.05, value[:2] - 0.2, value[:2]]),
        forecast=np.column_stack([[160.0, 240], [0.92, 0.93], [0.88, 0.86], [0.95, 0.97]]),
        gain=[0.0] * 3,
        ahead=[0.0] * 3,
        changed=0.0,
        by_chance=0.0,
        chance=0.5,
        wanted=0.93,
        notes=[f"of the last {LAST}"],
    )


def line(axes, gid):
    return next(one for one in axes.lines if one.get_gid() == gid)


def texts(axes):
    return [one.get_text() for one in axes.texts]


def test_every_strategy_has_a_line_a_mark_and_a_name_of_its_own(played):
    axes = curves(played).axes[0]
    for name in NAMES:
        np.testing.assert_array_equal(line(axes, name).get_ydata(), played.curve(name)[:, 0])
        assert any(text.startswith(name) for text in texts(axes))
    looks = {(str(line(axes, n).get_marker()), str(line(axes, n)._unscaled_dash_pattern)) for n in NAMES}
    assert len(looks) == len(NAMES)
    heights = sorted(one.get_position()[1] for one in axes.texts)
    assert min(np.diff(heights)) > 0.07  # no name upon another


def test_both_are_drawn_through_the_one_door(played, light):
    assert line(figure(played).axes[0], "margin").get_ydata()[-1] == played.curve("margin")[-1, 0]
    assert line(figure(light).axes[0], "all labels").get_ydata()[-1] == light.active[-1, 1]


def test_a_tie_is_named_as_one(played):
    level = dataclasses.replace(played, accuracy=np.repeat(played.accuracy[:1], 7, axis=0))
    assert "margin (tie)" in texts(curves(level).axes[0])


def test_the_stop_light_draws_both_arms_the_forecast_and_what_is_wanted(light):
    drawing = stop_light(light)
    axes = drawing.axes[0]
    np.testing.assert_array_equal(line(axes, "all labels").get_ydata(), light.active[:, 1])
    np.testing.assert_array_equal(line(axes, "random control only, 54").get_xdata(), light.control[:, 0])
    assert list(line(axes, "interval").get_ydata()) == [0.86, 0.97]
    assert "wanted 0.93" in texts(axes)
    assert drawing.texts[0].get_text().startswith("Go on.")
    assert svg(drawing, salt="a", label="").startswith("<svg")


def test_a_light_that_cannot_judge_yet_is_drawn_empty(light):
    nothing = np.empty((0, 4))
    axes = stop_light(dataclasses.replace(light, active=nothing, control=nothing, forecast=nothing, wanted=None)).axes[0]  # fmt: skip
    assert len(axes.lines) == 0
