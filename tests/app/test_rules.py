"""Rules that select rows: what they say, what they refuse, and that nothing is ever run."""

from __future__ import annotations

import numpy as np
import pytest

from clew.app.rules import kept, listed_names
from clew.errors import SettingError

AREA = np.array([50.0, 150.0, 250.0, 350.0])
VALUES = {
    "area": lambda: AREA,
    "mean intensity": lambda: np.array([1.0, 2.0, 3.0, -4.0]),
    "group": lambda: np.array([0, 1, 1, -1], np.int32),
    "label": lambda: np.array(["", "x", "y", "x"]),
    "wanders": lambda: np.array([True, False, False, True]),
}


def rows(rule):
    return np.flatnonzero(kept(rule, VALUES, 4)).tolist()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("area > 100", [1, 2, 3]),
        ("area > 100 and (group == 1 or label == 'x')", [1, 2, 3]),
        ("area > 100 and group == 1 or label == ''", [0, 1, 2]),
        ("not area > 100", [0]),
        ("100 < area <= 250", [1, 2]),
        ("`mean intensity` < -3.5", [3]),
        ("'mean intensity' >= 2", [1, 2]),
        ("wanders and not group == 0", [3]),
        ("label in ('x', 'y') and label != 'y'", [1, 3]),
        ("group not in (0, 1)", [3]),
        ("label in ()", []),
        ("area == area", [0, 1, 2, 3]),
        ("1 < 2", [0, 1, 2, 3]),
    ],
)
def test_rules_select_what_they_say(rule, expected):
    assert rows(rule) == expected


@pytest.mark.parametrize("seed", range(20))
def test_and_or_and_not_bind_as_in_python(seed):
    rng = np.random.default_rng(seed)
    parts = [
        f"area {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {rng.choice([50, 150, 200, 250])}"
        for _ in range(4)
    ]
    rule = " ".join(
        f"{word}{rng.choice(['', 'not '])}{part}" for word, part in zip(["", "and ", "or ", "and "], parts)
    )
    expected = [i for i, area in enumerate(AREA) if eval(rule, {"area": area})]
    assert rows(rule) == expected


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("aera > 1", "Did you mean 'area'"),
        ("area > 'x'", "A number is compared with a number"),
        ("label < 'x'", "Got an order of 'label'"),
        ("area >", "must read like"),
        ("group = 1", "stops making sense at '= 1'"),
        ("area", "which it cannot say"),
        ("area > 1 and 1", "which it cannot say"),
        ("area > 1e999", "less than 300 digits"),
        ("area is 3", "Got 'is'"),
        ("", "1 to 2000 letters"),
        ("area > 1 and " * 200 + "area > 1", "1 to 2000 letters"),
        ("not " * 45 + "area > 1", "must not nest deeper"),
        ("label in 'xy'", "which it cannot say"),
    ],
)
def test_refusals_are_one_sentence_that_helps(rule, sentence):
    with pytest.raises(SettingError, match=sentence.replace("(", r"\(")):
        rows(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "__import__('os').system('true')", "area.__class__ == 1", "[x for x in (1,)] == 1", "(lambda: 1)() == 1", "area[0] > 1",
        "f'{area}' == 'x'", "area > 2 ** 999999999", "area if area > 1 else 1", "(area := 3) > 1", "area > 1; area", "open('x') == 1",
        "area > (" * 300, "'\ud800' == label", "area > 9" + "9" * 400, "\x00 > 1", "area > 1j", "area > True", "print",
    ],
)  # fmt: skip
def test_nothing_but_comparisons_is_understood(rule):
    with pytest.raises(SettingError):
        rows(rule)


def test_many_features_are_listed_in_part():
    assert listed_names(["group", *(f"f{i}" for i in range(9))]) == "group, f0, f1, f2, and other features"


@pytest.mark.parametrize("rule", ["-" * 1990 + "1 < area", "area < " + "-" * 1990 + "1", "a" + "+a" * 900])
def test_a_rule_that_nests_without_end_is_refused(rule):
    with pytest.raises(SettingError, match="nest|read like"):
        rows(rule)


def test_each_column_is_read_once_however_often_it_is_named():
    read = []
    values = {"area": lambda: read.append(1) or AREA}
    kept(" or ".join(["area > 300"] * 100), values, 4)
    assert len(read) == 1
