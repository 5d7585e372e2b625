"""Figures of explanations hold the figures of the explanation, and can be read without colour."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from clew.errors import SettingError
from clew.learn.explaining import explain
from clew.learn.training import train
from clew.plot import explain as draw
from clew.plot.style import INK2, REF, svg
from tests.explain.copies import COPIES, nine_copies


@pytest.fixture(scope="module")
def result():
    samples = nine_copies(n=120)
    return explain(samples, train(samples, trees=20, depth=5, grower="auto"), permutations=3, refits=4)


@pytest.fixture(scope="module")
def numbers():
    samples = nine_copies(n=80, regression=True)
    return explain(samples, train(samples, trees=10), permutations=3, refits=3)


def texts(drawing):
    return [text.get_text() for axes in drawing.axes for text in axes.texts]


def bars_of(axes, color):
    found = [bar for bar in axes.patches if bar.get_facecolor()[:3] == to_rgb(color)]
    return [bar.get_width() for bar in found]


def test_a_bar_is_a_group_and_its_members_stand_below_it(result):
    shap, cost = draw.bars(result).axes
    again = result.refit_group_shap.mean(axis=0)
    order = [g for g in np.argsort(-again, kind="stable") if again[g] > 0]
    np.testing.assert_allclose(bars_of(shap, INK2), again[order])
    members = np.sort(result.refit_shap.mean(axis=0)[:9])[::-1][: draw.MEMBERS]
    np.testing.assert_allclose(bars_of(shap, REF), members)
    said = [text.get_text() for text in shap.texts]
    assert said[0].endswith("+ 8 like it") and said[draw.MEMBERS + 1] == "5 more"
    spread = [line for line in shap.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(
        spread[0].get_xdata(), np.quantile(result.refit_group_shap[:, order[0]], [0.05, 0.95])
    )
    ends = [bar.get_x() + bar.get_width() for bar in shap.patches]
    caps = [line.get_xdata() for line in spread]
    assert all(low <= end <= high for end, (low, high) in zip(ends, caps, strict=True))
    dots = [line for line in cost.lines if line.get_marker() == "o"]
    assert dots[0].get_xdata()[0] == result.loss_of(result.groups[order[0]]).value


def test_groups_that_find_no_room_are_counted(result):
    drawing = draw.bars(result, most=6)
    assert "3 weaker features are not shown" in drawing.texts[0].get_text()


def test_the_swarm_holds_every_row_of_every_feature(result):
    axes = draw.beeswarm(result, output="high").axes[0]
    order = [text.get_text() for text in axes.texts]
    assert set(order[:9]) == set(COPIES)
    x, y = np.concatenate([dots.get_offsets() for dots in axes.collections]).T
    lines = np.array([text.get_position()[1] for text in axes.texts])
    line = np.abs(y[:, None] - lines).argmin(axis=1)
    for number, name in enumerate(order):
        values = result.values[:, result.feature_names.index(name), result.outputs.index("high")]
        np.testing.assert_allclose(np.sort(x[line == number]), np.sort(values))


def test_the_ramp_of_values_gets_darker_all_the_way_and_its_dots_larger(result):
    ramp = draw._rising()(np.linspace(0, 1, 50))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(ramp) < 0).all()
    signed = np.array([to_rgb(color) for color in draw.SIGNED]) @ [0.2126, 0.7152, 0.0722]
    assert not (np.diff(signed) < 0).all()  # the signed ramp would not do
    first = (
        draw.beeswarm(result).axes[0].collections[: draw.STEPS]
    )  # the highest values of one feature come first
    assert (np.diff([dots.get_sizes()[0] for dots in first]) < 0).all()
    assert (np.diff([dots.get_facecolor()[0, :3].sum() for dots in first]) > 0).all()


def test_a_swarm_of_many_dots_weighs_little(result):
    from clew.plot.style import svg

    drawing = draw.beeswarm(result)
    dots = sum(len(each.get_offsets()) for each in drawing.axes[0].collections)
    assert len(svg(drawing, salt="s", label="")) < 180 * dots + 20_000


def test_dependence_has_the_unit_on_its_axis(result, numbers):
    axes = draw.dependence(result, "weak").axes[0]
    assert axes.get_xlabel() == "weak [kg]"
    assert axes.get_ylabel() == "SHAP towards low (probability)"
    column = result.feature_names.index("weak")
    np.testing.assert_allclose(
        axes.collections[0].get_offsets(),
        np.column_stack([result.features[:, column], result.values[:, column, 1]]),
    )
    other = draw.dependence(numbers, "weak", by="strong_0")
    assert other.axes[0].get_ylabel() == "SHAP: a number"
    assert any("mm" in text for text in texts(other))
    with pytest.raises(SettingError, match="Did you mean 'weak'"):
        draw.dependence(result, "weka")


def test_the_waterfall_leads_from_the_base_to_the_prediction(result, numbers):
    for found in (result, numbers):
        row = 5
        column = int(found.prediction[row].argmax())
        axes = draw.waterfall(found, found.sample[row], most=3).axes[0]
        bars = list(axes.patches)
        assert len(bars) == 3
        assert found.base[column] + sum(bar.get_width() for bar in bars) == pytest.approx(
            found.prediction[row, column]
        )
        ends = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
        np.testing.assert_allclose(ends, [found.base[column], found.prediction[row, column]])
        assert any("mm, 8 like it" in text for text in texts(axes.figure))
        assert any("others" in text for text in texts(axes.figure))
    with pytest.raises(SettingError, match="sample"):
        draw.waterfall(result, "nobody")


def test_what_pushes_down_is_hatched(result):
    axes = draw.waterfall(result, result.sample[0]).axes[0]
    assert all(bool(bar.get_hatch()) == (bar.get_width() < 0) for bar in axes.patches if bar.get_width())


def world():
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:15], labels[5:15, 30:40], labels[25:35, 5:15] = 1, 2, 3
    return np.full((20, 30), 100, np.uint8), labels


def test_each_object_is_painted_with_its_value_and_its_sign_has_a_line():
    picture, labels = world()
    drawing = draw.painted(picture, labels, {1: 0.2, 2: -0.1}, title="SHAP of area for round")
    axes = drawing.axes[0]
    over = axes.images[1].get_array()
    assert over.shape == (20, 30, 4)
    assert (over[4, 4, 3], over[4, 17, 3], over[15, 5, 3], over[0, 0, 3]) == (0.82, 0.82, 0, 0)
    assert over[4, 4, 0] > over[4, 4, 2] and over[4, 17, 2] > over[4, 17, 0]  # rust up, blue down
    np.testing.assert_allclose(over[4, 4, :3], to_rgb(draw.SIGNED[-1]), atol=0.01)
    none, up, down = axes.collections
    assert [len(lines.get_paths()) for lines in (none, up, down)] == [1, 1, 1]
    assert up.get_linestyle()[0][1] is None and down.get_linestyle()[0][1] is not None
    assert "−0.20, dashed" in texts(drawing) and "+0.20, solid" in texts(drawing)
    assert drawing.texts[0].get_text() == "SHAP of area for round"


def test_several_pictures_can_share_one_scale():
    picture, labels = world()
    drawing = draw.painted(picture, labels, {1: 0.2}, title="a", most=1.0)
    assert "+1.00, solid" in texts(drawing)
    assert draw.painted(picture, labels, {}, title="nothing known").axes


def test_windows_stand_where_they_lie_in_time_and_signs_are_up_and_down():
    start = np.array([0.0, 7200.0, 14400.0, 18000.0])
    values = np.array([0.3, -0.2, 0.0, 0.1])
    trace = np.linspace(0, 21600, 50), np.sin(np.arange(50.0))
    drawing = draw.along(start, start + 3600, values, title="energy towards quake", trace=trace)
    bars, record = drawing.axes
    drawn = sorted((bar.get_x(), bar.get_width(), bar.get_height()) for bar in bars.patches)
    np.testing.assert_allclose(drawn, [(0, 1, 0.3), (2, 1, -0.2), (4, 1, 0), (5, 1, 0.1)])  # hours
    assert bars.get_xlabel() == "hours from the first"
    np.testing.assert_allclose(record.lines[0].get_xdata()[-1], 6)
    moments = draw.along(start, start, values, title="a").axes[0]
    assert all(bar.get_width() > 0 for bar in moments.patches)


def test_all_can_stand_in_a_page(result, numbers):
    for found in (result, numbers):
        drawings = [
            draw.bars(found),
            draw.beeswarm(found),
            draw.dependence(found, "weak"),
            draw.waterfall(found, found.sample[0]),
        ]
        assert all(svg(one, salt="a", label="").startswith("<svg") for one in drawings)
