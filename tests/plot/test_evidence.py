"""What the figures of the evidence hold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clew import plot
from clew.plot import evidence as draw
from clew.plot import explore
from clew.plot.style import INK, SURFACE, THREAD, svg

CURVES = ["excess_silhouette", "index", "stability", "gap"]


def test_the_evidence_curve_is_the_projected_index_and_the_chosen_k_is_in_thread(looked):
    axes = draw.evidence(looked.evidence, cut=looked.k).axes[0]
    curve = max(axes.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(curve.get_ydata(), looked.evidence.index)
    chosen = [line for line in axes.lines if line.get_markeredgecolor() == THREAD]
    assert [int(line.get_xdata()[0]) for line in chosen] == [looked.k]
    assert chosen[0].get_markerfacecolor() == THREAD


def test_a_cut_without_evidence_is_never_filled(looked):
    none = dataclasses.replace(looked.evidence, k=0, p_value=0.4)
    axes = draw.evidence(none, cut=3).axes[0]
    chosen = [line for line in axes.lines if line.get_markeredgecolor() == THREAD]
    assert [line.get_markerfacecolor() for line in chosen] == [SURFACE]
    assert not [line for line in draw.evidence(none).axes[0].lines if line.get_markeredgecolor() == THREAD]


def test_a_dot_is_filled_exactly_where_it_is_above_both_bands(looked):
    axes = draw.evidence(looked.evidence, cut=-1).axes[0]
    dots = {int(line.get_xdata()[0]): line for line in axes.lines if len(line.get_xdata()) == 1}
    above = looked.evidence.index > looked.evidence.reference_high.max(axis=0)
    assert {k: dots[k].get_markerfacecolor() == INK for k in dots} == dict(
        zip(looked.evidence.ks.tolist(), above.tolist())
    )


def test_the_report_draws_the_same_figure(looked):
    assert explore.evidence is draw.evidence
    drawn, asked = plot.figure(looked.evidence), draw.evidence(looked.evidence)
    assert svg(drawn, salt="a", label="") == svg(asked, salt="a", label="")
    beside = explore.exploration(looked).subfigs[1].axes[0]
    curve = max(beside.lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(curve.get_ydata(), looked.evidence.index)


@pytest.fixture
def disagreeing(looked):
    """Ours says 3, the projected index 4, stability 2, and the gap sees one population."""
    found = looked.evidence
    others = {"standardized_index": found.ks == 4, "stability": found.ks == 2, "gap": -0.1 * found.ks}
    return dataclasses.replace(found, **{name: np.asarray(one, float) for name, one in others.items()})


def dots(axes):
    """Return the large dots: k, edge and face colour."""
    return {
        (int(line.get_xdata()[0]), line.get_markeredgecolor(), line.get_markerfacecolor())
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }


def test_each_panel_holds_its_curve_over_the_same_k(looked):
    figure = draw.choice_of_k(looked.evidence)
    assert len(figure.axes) == 4
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    for axes, name in zip(figure.axes, CURVES):
        values = dict(zip(*max((line.get_data() for line in axes.lines), key=lambda data: len(data[0]))))
        own = getattr(looked.evidence, name)
        assert [values[k] for k in looked.evidence.ks] == own.tolist()
    assert values[1] == 0  # the gap of one cluster
    heights = [np.ptp(bar[:, 1]) / 2 for bar in figure.axes[3].collections[0].get_segments()]
    np.testing.assert_allclose(heights[1:], looked.evidence.gap_error, atol=1e-12)
    assert len(figure.axes[1].collections) == 2  # the bands of both kinds of single clouds


def test_each_curve_marks_its_choice_and_ours_is_the_thread(disagreeing):
    figure = draw.choice_of_k(disagreeing)
    silhouette, index, stability, gap = figure.axes
    assert dots(silhouette) == {(3, THREAD, THREAD)}
    assert dots(index) == {(3, THREAD, SURFACE), (4, INK, INK)}
    assert dots(stability) == {(3, THREAD, SURFACE), (2, INK, INK)}
    assert dots(gap) == {(3, THREAD, SURFACE), (1, INK, INK)}
    said = [axes.texts[1].get_text() for axes in figure.axes]
    assert said == ["says 3", "says 4", "says 2", "says 1, one population"]
    threads = [line for axes in figure.axes for line in axes.lines if line.get_color() == THREAD]
    assert {tuple(line.get_xdata()) for line in threads if len(line.get_xdata()) == 2} == {(3, 3)}


def test_without_groups_there_is_no_thread(disagreeing):
    figure = draw.choice_of_k(dataclasses.replace(disagreeing, k=0, p_value=0.4))
    assert [dots(axes) for axes in figure.axes] == [{(k, INK, SURFACE)} for k in (3, 4, 2, 1)]
    assert THREAD not in {line.get_color() for axes in figure.axes for line in axes.lines}
    assert all(axes.texts[1].get_text().startswith("would say") for axes in figure.axes)


def test_no_words_leave_the_figure_or_cover_each_other(disagreeing):
    figure = draw.choice_of_k(disagreeing)
    figure.canvas.draw()
    for axes in figure.axes:
        name, says = (text.get_window_extent() for text in axes.texts)
        assert name.x0 >= 0 and name.x1 < says.x0 and says.x1 <= figure.bbox.x1
        assert says.y1 <= figure.bbox.y1
