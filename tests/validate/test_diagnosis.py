"""Each verdict from curves that were drawn to deserve it."""

import numpy as np
import pytest

from clew.validate import diagnosis
from clew.validate.diagnosis import Shown, diagnose, halfway, memorised, outlook, reached_at
from clew.validate.extrapolation import Extrapolation, no_extrapolation

ROWS = np.array([15.0, 30, 60, 120])
SCORE = Shown("balanced accuracy", lambda error: 1 - error)


def banded(values, half=0.03):
    values = np.asarray(values, float)
    return np.column_stack([values, values - half, values + half])


def told(training, held_out, *, half=0.03, gain_half=0.01, desired=None, rows=ROWS, chance=0.5, shown=SCORE):
    held = banded(held_out, half)
    gain = banded(held[:, 0] - held[-1, 0], gain_half)
    return diagnose(rows, banded(training, half), held, gain, chance=chance, desired=desired, shown=shown)


FALLING, FLAT, LOW = [0.35, 0.28, 0.22, 0.17], [0.3, 0.22, 0.2, 0.2], [0.0] * 4
CASES = {
    "high variance": (LOW, FALLING, {}),
    "plateau": (LOW, FLAT, {}),
    "high bias": ([0.1, 0.14, 0.17, 0.18], FLAT, {}),
    "bias and variance": ([0.05, 0.06, 0.08, 0.1], [0.4, 0.35, 0.28, 0.22], {"desired": 0.04}),
    "chance": (LOW, [0.5, 0.49, 0.5, 0.48], {}),
    "reached": (LOW, FALLING, {"desired": 0.2}),
    "cannot tell": (LOW, FALLING, {"gain_half": 0.1}),
}


@pytest.mark.parametrize("verdict", CASES)
def test_each_curve_gets_the_verdict_it_was_drawn_for(verdict):
    training, held_out, settings = CASES[verdict]
    found = told(training, held_out, **settings)
    assert found.verdict == verdict
    assert found.sentence.startswith(
        {"chance": "Nothing learnt", "plateau": "On a plateau"}.get(verdict, verdict.capitalize())
    )
    assert found.advice.endswith(".")
    assert found.evidence["held_out"] == pytest.approx(held_out[-1])


@pytest.mark.parametrize("verdict", [name for name in CASES if name != "reached"])
def test_errors_in_units_of_a_target_get_the_same_verdicts(verdict):
    training, held_out, settings = CASES[verdict]
    scale = {name: 40 * value for name, value in settings.items()}
    found = told(
        40 * np.array(training), 40 * np.array(held_out), half=1.2, chance=20.0,
        shown=Shown("RMS error", lambda error: error), **({"gain_half": 0.4} | scale),
    )  # fmt: skip
    assert found.verdict == verdict


def test_without_the_margin_equal_errors_are_taken_apart(monkeypatch):
    close = ([0.14, 0.16, 0.175, 0.18], [0.22, 0.2, 0.196, 0.195])
    assert told(*close, half=0.01, gain_half=0.0005).verdict == "high bias"
    monkeypatch.setattr(diagnosis, "SMALL", 0.0)
    assert told(*close, half=0.01, gain_half=0.0005).verdict != "high bias"


def test_a_model_that_knows_its_rows_by_heart_is_not_blamed_for_the_gap():
    found = told(LOW, FLAT)
    assert memorised(banded(LOW), 0.5)
    assert "by heart" in found.advice
    assert "More labels of this kind will hardly help" in found.advice


def test_what_is_reached_is_said_with_its_rows_and_its_doubt():
    found = told(LOW, FALLING, desired=0.18)
    assert "balanced accuracy 0.82 takes 120 rows" in found.sentence
    assert "not certain" in found.advice
    assert "not needed" in told(LOW, FALLING, desired=0.25).advice


def test_what_is_reached_once_and_lost_again_is_not_reached_there():
    error = np.array([0.3, 0.1, 0.25, 0.12])
    assert reached_at(ROWS, error, 0.15) == 120
    assert reached_at(ROWS, error, 0.26) == 30
    assert reached_at(ROWS, error, 0.05) == np.inf


def test_wide_or_absent_intervals_leave_it_open():
    assert told(LOW, FLAT, half=np.nan).verdict == "cannot tell"
    assert "4 groups" in told(LOW, FLAT, half=np.nan).advice
    assert told(LOW[:1], FLAT[:1], rows=ROWS[:1]).verdict == "cannot tell"
    assert "too wide" in told(LOW, FLAT, gain_half=0.2).advice


def test_little_to_gain_is_said_where_both_errors_are_small():
    assert told(LOW, [0.1, 0.05, 0.02, 0.01]).verdict == "reached"


def test_halfway_is_the_size_next_to_half_of_the_largest():
    assert halfway(np.array([10.0, 14, 20, 29, 41, 59, 84, 120])) == 5
    assert halfway(np.array([100.0, 120])) == 0


def drawn_on(needed, floor=0.05):
    rows = np.geomspace(10, 1500, 20)
    error = floor + rows**-0.7
    return Extrapolation(
        rows=rows, error=np.column_stack([error, error - 0.02, error + 0.02]), floor=[floor, 0.03, 0.07],
        coefficients=[floor, 1.0, 0.7], needed=needed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("needed", "sentence"),
    [
        ([450, 300, 850], "About 300 more labels for 0.90 (from 150 to 700)."),
        ([450, 300, np.inf], "About 300 more labels for 0.90, but it may be out of reach (at least 150)."),
        ([450, 100, np.inf], "About 300 more labels for 0.90, but it may be out of reach."),
        ([np.inf, 300, np.inf], "0.90 may be out of reach: at least 150 more labels"),
        ([np.inf, np.inf, np.inf], "0.90 is out of reach with labels of this kind: at most 0.96 is in sight"),
        ([140, 100, 290], "0.90 should be reached with all 150 labels (from 0 to 140)."),
    ],
)  # fmt: skip
def test_how_many_more_labels_is_said_with_its_doubt(needed, sentence):
    said = outlook(drawn_on(needed), labelled=150, desired=0.1, shown=SCORE)
    assert said.startswith(sentence)


def test_without_a_wish_twice_the_labels_are_told():
    found = drawn_on([np.nan] * 3)
    at = 0.05 + 300**-0.7
    assert f"about {1 - at:.2f} [" in outlook(found, labelled=150, desired=None, shown=SCORE)
    assert outlook(no_extrapolation("No."), labelled=150, desired=None, shown=SCORE) == "No."
