"""A threshold trades precision for recall, and is chosen by F1."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.validate.pick_thresholds import choose_threshold, recall_at, threshold_curve
from clew.validate.picks import Span, score_picks
from tests.validate.test_picks import known, picks


@pytest.fixture(scope="module")
def candidates():
    """40 known picks; right candidates are likelier than the wrong ones, with overlap."""
    random = np.random.default_rng(3)
    truth = [known(f"r{i}", "P", 30.0, event=str(i)) for i in range(40)]
    rows = [(f"r{i}", "P", 30.0 + random.normal(0, 0.03), p) for i, p in enumerate(random.beta(4, 2, 40))]
    rows += [(f"r{i}", "P", random.uniform(0, 25), p) for i, p in enumerate(random.beta(2, 5, 40))]
    return picks(rows), truth, [Span(f"r{i}", 0.0, 90.0) for i in range(40)]


def test_each_point_of_the_curve_is_what_picks_above_that_threshold_score(candidates):
    found, truth, spans = candidates
    curve = threshold_curve(found, truth, phase="P", tolerance=0.1, judged=spans)
    for at in (0, 14, 30, 44):
        left = [(r, "P", t, p) for r, t, p in zip(found.recording, found.time, found.probability) if p >= curve.threshold[at]]  # fmt: skip
        scores = score_picks(picks(left), truth, judged=spans, tolerances=(0.1,))
        one = scores.figures["P"]["0.1"]
        assert curve.precision[at] == pytest.approx(one["precision"].value, nan_ok=True)
        assert curve.recall[at] == pytest.approx(one["recall"].value)
        assert curve.f1[at] == pytest.approx(one["f1"].value)
        assert curve.false_per_hour[at] == pytest.approx(scores.false_per_hour["P"])
    assert (np.diff(curve.recall) <= 0).all()


def test_the_best_f1_is_chosen_and_of_equals_the_highest(candidates):
    found, truth, spans = candidates
    curve = threshold_curve(found, truth, phase="P", judged=spans)
    at = int(np.flatnonzero(curve.threshold == choose_threshold(curve))[0])
    assert curve.f1[at] == curve.f1.max()
    assert (curve.f1[at + 1 :] < curve.f1[at]).all()
    one = threshold_curve(
        picks([("r0", "P", 30.0, 0.6)]), truth[:1], phase="P", thresholds=(0.2, 0.4, 0.6, 0.8)
    )
    assert one.chosen == 0.6


def test_recall_is_told_for_a_rate_of_false_alarms(candidates):
    found, truth, spans = candidates
    curve = threshold_curve(found, truth, phase="P", judged=spans)
    recall, threshold = recall_at(curve, 5.0)
    at = int(np.flatnonzero(curve.threshold == threshold)[0])
    assert curve.false_per_hour[at] <= 5.0 < curve.false_per_hour[at - 1]
    assert recall == curve.recall[curve.false_per_hour <= 5.0].max()
    assert recall_at(curve, 1e9) == (curve.recall.max(), 0.02)
    assert np.isnan(recall_at(curve, -1.0)).all()


def test_the_scores_hold_the_curve_of_each_phase(candidates):
    found, truth, spans = candidates
    scores = score_picks(found, truth, judged=spans)
    alone = threshold_curve(found, truth, phase="P", judged=spans)
    np.testing.assert_array_equal(scores.curves["P"].f1, alone.f1)
    assert scores.summary()["thresholds"]["P"] == alone.chosen
    assert "best at" in alone.headline()
    assert alone.summary()["chosen"] == alone.chosen


def test_what_cannot_be_chosen_is_refused(candidates):
    found, truth, _ = candidates
    with pytest.raises(DataError, match="must hold phase 'S'"):
        threshold_curve(found, truth, phase="S")
    with pytest.raises(DataError, match="must have a probability"):
        threshold_curve(picks([("r0", "P", 30.0, np.nan)]), truth, phase="P")
    with pytest.raises(SettingError, match="must be between 0 and 1"):
        threshold_curve(found, truth, phase="P", thresholds=(30.0,))
    wrong = threshold_curve(picks([("r0", "P", 3.0, 0.5)]), truth, phase="P")
    assert "whatever the threshold" in wrong.headline()
    with pytest.raises(DataError, match="somewhere. Got none of 1"):
        choose_threshold(wrong)
    with pytest.raises(DataError, match="how long was judged"):
        recall_at(wrong, 1.0)
