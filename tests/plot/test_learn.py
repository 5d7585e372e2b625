"""Trees are drawn with their thresholds, units and answers."""

from __future__ import annotations

from clew import plot
from clew.learn.training import train
from clew.plot import learn as draw

ROOT = {
    "rows": 10,
    "feature": "area",
    "threshold": 12.5,
    "unit": "px²",
    "yes": {"rows": 4, "label": "small"},
    "no": {"rows": 6, "feature": "depth", "threshold": 3.0, "unit": "", "yes": {"rows": 5, "label": "big"}, "no": {"rows": 1, "label": "small"}},
}  # fmt: skip


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_a_question_shows_feature_threshold_and_unit():
    said = words(draw.tree(ROOT))
    assert "area" in said and "≤ 12.5 px² ?" in said and "≤ 3 ?" in said
    assert said.count("small") == 2 and said.count("big") == 1
    assert "4 rows" in said and "5 rows" in said


def test_the_yes_side_is_left():
    texts = draw.tree(ROOT).axes[0].texts
    places = {
        text.get_text(): text.get_position()[0]
        for text in texts
        if text.get_text() in ("area", "depth", "big")
    }
    small = min(text.get_position()[0] for text in texts if text.get_text() == "small")
    assert small < places["area"] < places["depth"]


def test_deeper_questions_are_cut_off_and_said_to_be():
    cut = {**ROOT, "no": {**ROOT["no"], "label": "big"}}
    said = words(draw.tree(cut, levels=1))
    assert "asks on …" in said and "depth" not in said
    assert "asks on …" not in words(draw.tree(cut, levels=2))


def test_a_hypothesis_is_drawn_with_the_names_of_its_groups(looked):
    one = looked.hypotheses.stated[0]
    assert f"group {one.group}" in words(plot.figure(one))
    named = words(plot.figure(one, names={str(one.group): "round"}))
    assert "round" in named and f"group {one.group}" not in named


def test_a_forest_shows_one_of_its_trees(rows):
    forest = train(rows, trees=3)
    said = words(plot.figure(forest, index=1))
    root = forest.tree(1)
    assert root["feature"] in said
    unit = f" {root['unit']}" if root["unit"] else ""
    assert f"≤ {root['threshold']:.4g}{unit} ?" in said


def test_importance_is_that_of_the_forest_the_largest_first(rows):
    forest = train(rows, trees=3)
    axes = draw.importance(forest).axes[0]
    assert list(axes.lines[0].get_xdata()) == sorted(forest.importance, reverse=True)
