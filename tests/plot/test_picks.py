"""Scores of picks, thresholds, traces with their curves, and outliers are drawn with what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError
from clew.plot import figure, pick_curves, pick_outliers
from clew.plot.picks import phase_look
from clew.plot.style import svg
from clew.read.recording import recording_of
from clew.validate.picks import Span, score_picks
from tests.validate.test_picks import known, picks

RATE = 100.0


@pytest.fixture(scope="module")
def recordings():
    random = np.random.default_rng(0)
    made = []
    for i in range(8):
        x = random.normal(size=(3, 4000))
        x[:, 2000:] *= 2.0 + i
        made.append(recording_of(x, rate=RATE, name=f"st{i}"))
    return made


@pytest.fixture(scope="module")
def scored(recordings):
    truth = [known(one.name, phase, t) for one in recordings for phase, t in (("P", 20.0), ("S", 25.0))]
    rows = [(one.name, "P", 20.0 + 0.04 * i, 0.2 + 0.09 * i) for i, one in enumerate(recordings)]
    rows += [("st1", "P", 3.0, 0.1), ("st2", "S", 24.7, 0.5)]
    return score_picks(picks(rows), truth, recordings=recordings)


def texts(drawing):
    return [one.get_text() for one in drawing.texts]


def test_each_phase_has_its_residuals_its_thresholds_and_its_loudness(scored):
    drawing = figure(scored)
    assert len(drawing.axes) == 6
    assert "of 8 known picks 3 within 0.1 s" in " ".join(texts(drawing)).replace("\n", " ")
    assert drawing.axes[0].get_title(loc="left").startswith("P: 8 of 8, mean +0.140 s")
    steps = drawing.axes[0].patches[0].get_data()
    assert steps.values.sum() == 8
    precision, recall, f1 = (line.get_ydata() for line in drawing.axes[1].lines[:3])
    np.testing.assert_array_equal(f1, scored.curves["P"].f1)
    np.testing.assert_array_equal(recall, scored.curves["P"].recall)
    np.testing.assert_array_equal(precision, scored.curves["P"].precision)
    assert any(line.get_xdata()[0] == scored.curves["P"].chosen for line in drawing.axes[1].lines[3:])
    ticks = " ".join(label.get_text() for label in drawing.axes[2].get_xticklabels())
    assert sum(int(word) for word, after in zip(ticks.split(), ticks.split()[1:]) if after == "known") == 8
    assert "<svg" in svg(drawing, salt="t", label="t")


def test_parts_that_are_not_known_are_left_out():
    found = picks([("a", "P", 1.0, np.nan)])
    truth = [known("a", "P", 1.0), known("a", "S", 2.0)]
    drawing = figure(score_picks(found, truth))
    assert len(drawing.axes) == 2
    assert drawing.axes[1].get_title(loc="left") == "S: 0 of 1 found"
    half = figure(score_picks(picks([("a", "P", 1.0, 0.5)]), truth))
    assert len(half.axes) == 4
    assert "no S picks with a probability" in [one.get_text() for one in half.axes[3].texts]
    with pytest.raises(DataError, match="must hold a known pick"):
        figure(score_picks(found, [], judged=[Span("a", 0.0, 9.0, noise=True)]))


def test_a_threshold_curve_says_which_threshold_is_best(scored):
    drawing = figure(scored.curves["P"])
    assert texts(drawing) == [scored.curves["P"].headline()]
    shown = {line.get_label() for line in drawing.axes[0].lines}
    assert {"precision", "recall", "F1"} <= shown


def lines(axes, what):
    return sorted(float(line.get_xdata()[0]) for line in axes.lines if line.get_gid() == what)


def test_picks_cross_the_trace_and_the_curves_where_they_are(recordings):
    one = recordings[0]
    found = picks(
        [("st0", "P", 20.03, 0.9), ("st0", "S", 25.1, 0.8), ("st1", "P", 22.0, 0.9), ("st0", "P", 2.0, 0.9)]
    )
    x = one.read(1500, 3500)
    curves = {"N": np.zeros(2000), "P": np.linspace(0, 1, 2000), "S": np.zeros(1000)}
    drawing = pick_curves(
        x, RATE, start=15.0, name="st0", probability=curves, picks=found, truth=[known("st0", "P", 20.0)],
        thresholds={"P": 0.3},
    )  # fmt: skip
    assert len(drawing.axes) == 4
    for axes in drawing.axes:
        assert lines(axes, "found") == pytest.approx([5.03, 10.1])
        assert lines(axes, "known") == pytest.approx([5.0])
    drawn = {line.get_label(): line for line in drawing.axes[3].lines}
    assert "N" not in drawn
    np.testing.assert_array_equal(drawn["P"].get_ydata(), curves["P"])
    assert drawn["P"].get_color() == phase_look("P")["color"] != phase_look("S")["color"]
    assert "st0, from 15.000s" in texts(drawing)


def test_a_long_trace_is_drawn_by_its_extremes(recordings):
    x = np.random.default_rng(0).normal(size=(1, 90_000))
    x[0, 45_678] = 99.0
    drawing = pick_curves(x, RATE)
    band = drawing.axes[0].collections[0].get_paths()[0].vertices
    assert len(band) < 9000
    assert band[:, 1].max() == 99.0


def test_the_worst_residuals_are_shown_on_their_traces(scored, recordings):
    drawing = pick_outliers(scored, recordings, n=4)
    at = scored.outliers(4)
    assert len(drawing.axes) == 4
    for axes, i in zip(drawing.axes, at):
        found, reference = lines(axes, "found")[0], lines(axes, "known")[0]
        assert found - reference == pytest.approx(scored.residual[i])
        assert axes.get_title(loc="left").startswith(str(scored.recording[i]))
        assert f"{scored.residual[i]:+.2f} s".replace("-", "−") in axes.get_title(loc="right")
    s_axes = [axes for axes, i in zip(drawing.axes, at) if scored.phase[i] == "S"]
    assert all(axes.get_title(loc="left")[-1] in "NE" for axes in s_axes)


def test_where_nothing_is_far_off_the_figure_says_so(scored, recordings):
    assert "off by more than 0.1 s" in texts(pick_outliers(scored, recordings[:2]))[0]
