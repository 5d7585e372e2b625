"""What the figures of a confirmation hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew.intervals import Interval
from clew.plot import confirm as draw
from clew.plot.style import INK3, SURFACE, THREAD
from clew.validate.claims import LATE, Claim
from clew.validate.confirm import Confirmation
from clew.validate.replication import Replication, not_tested


def claim(number, verdict, value=None, *, reason="", low=None, name="area"):
    if value is None:
        return Claim(number=number, features=[name], statement=f"{name} tells", verdict=verdict, stand_ins={})
    ends = (value - 0.1, value + 0.1) if low is None else (np.nan, np.nan)
    effect = Interval(value=value, low=ends[0], high=ends[1], n_groups=9, n_rows=90)
    return Claim(
        number=number,
        features=[name],
        statement=f"{name} tells",
        verdict=verdict,
        reason=reason,
        stand_ins={},
        effect=effect,
        figure=effect,
        figure_name="balanced accuracy",
        p_adjusted=0.003,
    )


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    replicated = Replication(
        verdict="confirmed",
        k=2,
        n_open=200,
        n_sealed=100,
        index=0.91,
        p_value=0.005,
        draws=rng.normal([0.7, 0.6], 0.03, size=(199, 2)),
        sizes=[50, 50],
        notes=[],
    )
    claims = [
        claim(1, "confirmed", 0.4),
        claim(2, "not confirmed", 0.02, name="minor_axis_length, intensity_mean_of_channel_2"),
        claim(3, "not confirmed", 0.3, reason=LATE),
        claim(4, "not tested"),
        claim(5, "confirmed", 0.35, low=np.nan),
    ]
    return Confirmation(replication=replicated, claims=claims, opening=1, n_open=200, n_sealed=100, notes=[])


def test_the_histogram_holds_every_draw_of_both_kinds_and_the_data_as_a_line(result):
    axes = draw.replication(result.replication).axes[0]
    bars = sum(
        bar.get_height() for bar in axes.patches if bar.get_facecolor()[3] and hasattr(bar, "get_height")
    )
    outline = next(one for one in axes.patches if not hasattr(one, "get_height"))
    assert bars == 199
    assert outline.get_xy()[:, 1].max() > 0 and not outline.get_fill()
    line = next(one for one in axes.collections if len(one.get_segments()) == 1)
    assert line.get_segments()[0][:, 0].tolist() == [0.91, 0.91]
    said = [text.get_text() for text in axes.texts]
    assert said == ["0.91, p = 0.005", "2 × 199 single clouds"]


@pytest.mark.parametrize("index", [0.2, 0.65, 0.99])
def test_words_of_the_histogram_do_not_cover_each_other(result, index):
    figure = draw.replication(dataclasses.replace(result.replication, index=index))
    figure.canvas.draw()
    one, other = (text.get_window_extent() for text in figure.axes[0].texts)
    assert one.x1 < other.x0 or other.x1 < one.x0


def test_what_was_not_tested_has_no_histogram_and_no_dot(result):
    figure = draw.replication(not_tested("No groups."))
    assert [text.get_text() for text in figure.axes[0].texts] == ["not tested"]
    axes = draw.claims(result).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert sorted(float(dot.get_xdata()[0]) for dot in dots) == [0.02, 0.3, 0.35, 0.4]


def test_confirmed_dots_are_filled_and_every_verdict_stands_in_words(result):
    axes = draw.claims(result).axes[0]
    faces = {
        float(line.get_xdata()[0]): line.get_markerfacecolor()
        for line in axes.lines
        if line.get_marker() == "o"
    }
    assert {value: face == THREAD for value, face in faces.items()} == {
        0.4: True,
        0.35: True,
        0.02: False,
        0.3: False,
    }
    assert faces[0.02] == SURFACE
    words = [text.get_text() for text in axes.texts]
    verdicts = [
        word for word in words if word.partition(" (")[0] in ("confirmed", "not confirmed", "not tested")
    ]
    assert verdicts == ["confirmed", "not confirmed", "not confirmed (late)", "not tested", "confirmed"]
    assert "0.40 [0.30, 0.50]" in words and "0.35" in words
    lines = [tuple(np.round(line.get_xdata(), 2)) for line in axes.lines if line.get_color() in (THREAD, INK3) and len(line.get_xdata()) == 2]  # fmt: skip
    assert (0.3, 0.5) in lines and len(lines) == 3  # no interval, no line


def test_no_words_leave_the_table_or_cover_each_other(result):
    figure = draw.claims(result)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1 for box in boxes)
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])


def test_the_whole_figure_holds_both_parts_or_says_that_there_is_nothing(result):
    assert len(draw.confirmation(result).axes) == 2
    without = dataclasses.replace(result, replication=not_tested("No groups."))
    assert len(draw.confirmation(without).axes) == 1
    nothing = dataclasses.replace(without, claims=[])
    assert [text.get_text() for text in draw.confirmation(nothing).texts] == ["nothing was tested"]
