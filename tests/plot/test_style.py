"""Figures are the same bytes every time, safe to stand in a page, and in the page's colours."""

from __future__ import annotations

import re

import matplotlib
import pytest

from clew import plot
from clew.errors import SettingError
from clew.plot.style import GROUPS, TOKENS, Drawing, drawn, group_color, group_marker, group_name, short, svg
from clew.result import Result


@drawn
def sample(text: str = "here") -> Drawing:
    figure = Drawing(120, 80)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GROUPS[0], marker="o")
    axes.set_title(short(text), weight="bold")
    return figure


def test_the_same_figure_gives_the_same_bytes():
    assert svg(sample(), salt="a", label="x") == svg(sample(), salt="a", label="x")
    figure = sample()
    assert svg(figure, salt="a", label="x") == svg(figure, salt="a", label="x")


def test_two_figures_of_a_page_share_no_id():
    found = [set(re.findall(r'id="([^"]*)"', svg(sample(), salt=salt, label=""))) for salt in "ab"]
    assert found[0] and found[0].isdisjoint(found[1])
    again = set(re.findall(r'id="([^"]*)"', svg(sample(), salt="a", label="")))
    assert again == found[0]  # the mutant: with one salt they would all be shared


def test_colours_are_those_of_the_page():
    text = svg(sample(), salt="a", label="")
    assert "var(--group-0)" in text
    assert not any(color in text for color in TOKENS.values())


def test_a_figure_brings_no_date_no_style_and_no_link():
    text = svg(sample(), salt="a", label="")
    assert "<style" not in text and "<metadata" not in text
    assert set(re.findall(r"https?://[^\"]*", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_text_is_text_and_cannot_leave_its_place():
    text = svg(sample("<script>&$x^2$"), salt="a", label='"><script>')
    assert "&lt;script&gt;&amp;$x^2$" in text
    assert "<script" not in text


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    svg(sample(), salt="a", label="")
    assert dict(matplotlib.rcParams) == before


def test_a_long_name_keeps_its_beginning_and_its_end():
    assert short("a" * 20 + "b" * 20, 12) == "aaaaaaa…bbbb"
    assert short("two\nlines") == "two lines"


def test_groups_differ_in_marker_as_well_as_in_colour():
    marks = {(group_color(g), group_marker(g)) for g in range(6)}
    assert len({color for color, _ in marks}) == len({marker for _, marker in marks}) == 6
    assert group_color(6) == group_color(0)
    assert group_name(1, {"1": "round"}) == "round" and group_name(2, {"1": "round"}) == "group 2"


def test_a_drawing_shows_itself_in_a_notebook():
    assert sample()._repr_svg_().startswith("<svg")


def test_a_result_without_a_figure_is_refused():
    with pytest.raises(SettingError, match="Got Result"):
        plot.figure(Result())
