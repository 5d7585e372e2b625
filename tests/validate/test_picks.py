"""Picks are scored one to one, by phase, with intervals over events, and random picks score chance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.errors import SettingError
from clew.measure.picks import Detections, Picks
from clew.read.picks import KnownPick
from clew.read.recording import recording_of
from clew.result import Result
from clew.validate.picks import Span, score_picks


def picks(rows, **more):
    """Picks of (recording, phase, time, probability)."""
    names = np.array([row[0] for row in rows], np.str_)
    times = np.array([row[2] for row in rows], np.float64)
    return Picks(
        recording=names,
        station=np.array([name.split("/")[0] for name in names.tolist()], np.str_),
        phase=np.array([row[1] for row in rows], np.str_),
        time=times,
        probability=np.array([row[3] for row in rows], np.float64),
        uncertainty=np.full(len(rows), np.nan),
        start=times,
        end=times,
        dated=np.zeros(len(rows), bool),
        **more,
    )


def known(recording, phase, time, *, event=""):
    return KnownPick(recording, phase, float(time), event=event)


@pytest.fixture(scope="module")
def scored():
    """Two stations, six events: 11 of 12 P found (one late by 0.3 s), one P twice, 8 of 12 S found, one P in nothing."""
    truth, rows = [], []
    for e in range(6):
        for s, station in enumerate(("A", "B")):
            name, at = f"{station}/{e}", 20.0 + e
            truth += [known(name, "P", at, event=str(e)), known(name, "S", at + 5, event=str(e))]
            if (e, s) != (0, 0):
                rows.append((name, "P", at + (0.3 if (e, s) == (1, 0) else 0.02), 0.5 + 0.08 * e))
            if e < 4:
                rows.append((name, "S", at + 5.05, 0.6))
    rows += [("B/0", "P", 20.06, 0.3), ("B/5", "P", 55.0, 0.2)]
    spans = [Span(f"{s}/{e}", 0.0, 60.0) for s in "AB" for e in range(6)]
    return score_picks(picks(rows), truth, judged=spans)


def test_right_false_and_missed_are_counted_by_hand(scored):
    assert scored.counts["P"] == {"0.1": {"true": 10, "false": 3, "missed": 2}, "0.5": {"true": 11, "false": 2, "missed": 1}}  # fmt: skip
    assert scored.counts["S"]["0.1"] == {"true": 8, "false": 0, "missed": 4}
    figures = scored.figures["P"]["0.1"]
    assert [figures[name].value for name in ("precision", "recall", "f1")] == pytest.approx([10 / 13, 10 / 12, 20 / 25])  # fmt: skip


def test_a_second_pick_of_the_same_arrival_is_a_false_alarm():
    """The mutant, by which every pick near a known one is right, finds nothing false in ten picks of one arrival."""
    found = picks([("a", "P", 10.0 + 0.01 * i, 0.9) for i in range(10)])

    def false(truth):
        return score_picks(found, truth).counts["P"]["0.1"]["false"]

    assert false([known("a", "P", 10.0)]) == 9
    near = np.abs(found.time - 10.0) <= 0.1 + 1e-9
    assert (~near).sum() == 0


def test_residuals_are_those_of_numpy(scored):
    off = np.array([0.3] + 10 * [0.02])
    told = scored.residuals["P"]
    assert told["n"] == 11
    assert told["mean"].value == pytest.approx(off.mean())
    assert told["mae"].value == pytest.approx(np.abs(off).mean())
    assert told["sd"] == pytest.approx(off.std(ddof=1))
    assert told["median"] == pytest.approx(0.02)
    assert told["mean"].low < off.mean() < told["mean"].high
    counts, edges = scored.histogram("P")
    assert counts.sum() == 11
    assert (edges[0], edges[-1]) == (-0.5, 0.5)


def test_the_worst_residuals_are_listed_first(scored):
    (at,) = scored.outliers()
    assert (scored.recording[at], scored.phase[at]) == ("A/1", "P")
    assert scored.residual[at] == pytest.approx(0.3)
    assert scored.outliers(phase="S").size == 0


def test_false_alarms_are_told_per_hour_of_what_was_judged(scored):
    assert scored.hours == pytest.approx(12 * 60 / 3600)
    assert scored.false_per_hour["P"] == pytest.approx(2 / 0.2)


def test_noise_alone_gives_the_rate_of_false_alarms():
    spans = [Span("quake", 0.0, 60.0), Span("noise", 0.0, 7200.0, noise=True)]
    found = picks([("quake", "P", 10.0, 0.9), ("quake", "P", 40.0, 0.9), ("noise", "P", 100.0, 0.4)])
    scores = score_picks(found, [known("quake", "P", 10.0)], judged=spans)
    assert scores.false_per_hour["P"] == pytest.approx(0.5)
    assert scores.counts["P"]["0.1"] == {"true": 1, "false": 2, "missed": 0}
    only = score_picks(found, [], judged=spans[1:])
    assert only.false_per_hour["P"] == pytest.approx(0.5)
    assert np.isnan(only.figures["P"]["0.1"]["recall"].value)


def test_stations_are_told_apart(scored):
    a, b = scored.stations["A"]["P"], scored.stations["B"]["P"]
    assert (a["n"], a["recall"]["0.1"].value, a["false"]) == (6, pytest.approx(4 / 6), 0)
    assert (b["n"], b["recall"]["0.1"].value, b["false"]) == (6, 1.0, 2)
    assert a["mean"] == pytest.approx((0.3 + 4 * 0.02) / 5)


def test_figures_by_event_are_less_certain_than_by_pick():
    """Ten stations agree on which of ten events is found: 100 picks count as about 10."""
    truth = [known(f"{s}/{e}", "P", 10.0, event=str(e)) for e in range(10) for s in range(10)]
    found = picks([(f"{s}/{e}", "P", 10.0, 0.9) for e in range(0, 10, 2) for s in range(10)])
    by_event = score_picks(found, truth).figures["P"]["0.1"]["recall"]
    each = score_picks(found, truth, by="recording").figures["P"]["0.1"]["recall"]
    assert by_event.n_groups == 10
    assert by_event.high - by_event.low > 2 * (each.high - each.low)


def test_picks_at_random_moments_score_what_chance_says():
    random = np.random.default_rng(5)
    seconds, n_known, n_found = 40_000.0, 1200, 2500
    truth = [known("r", "P", t) for t in np.arange(n_known) * (seconds / n_known) + 5.0]
    hits, told = [], None
    for _ in range(8):
        found = picks([("r", "P", t, 0.5) for t in random.uniform(0, seconds, n_found)])
        scores = score_picks(found, truth, judged=[Span("r", 0.0, seconds)], tolerances=(0.5,))
        hits.append(scores.counts["P"]["0.5"]["true"])
        told = scores.chance["P"]["0.5"]
    expected = 1 - np.exp(-2 * 0.5 * n_found / seconds)
    assert told["recall"] == pytest.approx(expected)
    assert told["precision"] == pytest.approx(expected * n_known / n_found)
    spread = np.sqrt(expected * (1 - expected) / (8 * n_known))
    assert abs(np.mean(hits) / n_known - expected) < 4 * spread


def test_louder_arrivals_are_told_apart_from_quiet_ones():
    random = np.random.default_rng(0)
    recordings, truth, rows = [], [], []
    for i in range(8):
        x = random.normal(size=(1, 3000))
        loud = i % 2 == 0
        x[:, 1500:2000] *= 10.0 if loud else 1.3
        recordings.append(recording_of(x, rate=100.0, name=f"s{i}"))
        truth.append(known(f"s{i}", "P", 15.0))
        rows += [(f"s{i}", "P", 15.0, 0.9)] if loud else []
    scores = score_picks(picks(rows), truth, recordings=recordings)
    assert scores.ratio[::2] == pytest.approx(20.0, abs=2.5)
    assert scores.ratio[1::2] == pytest.approx(20 * np.log10(1.3), abs=2.5)
    recall = {name: (one["P"]["n"], one["P"]["recall"]["0.1"].value) for name, one in scores.ratios.items()}
    assert sum(n for n, _ in recall.values()) == 8
    assert recall["below 5"] == (4, 0.0)
    assert all(value == 1.0 for name, (_, value) in recall.items() if name != "below 5")
    assert scores.hours == pytest.approx(8 * 30 / 3600)


def test_spans_of_a_model_are_judged_by_the_events_they_touch():
    spans = Detections(
        recording=np.array(["a", "a", "b"]), station=np.array(["a", "a", "b"]), start=np.array([9.0, 50.0, 0.0]),
        end=np.array([16.0, 52.0, 4.0]), probability=np.ones(3), dated=np.zeros(3, bool),
    )  # fmt: skip
    truth = [
        known("a", "P", 10.0, event="1"),
        known("a", "S", 15.0, event="1"),
        known("b", "P", 10.0, event="1"),
    ]
    scores = score_picks(picks([], detections=spans), truth, judged=[Span("a", 0, 1800), Span("b", 0, 1800)])
    assert scores.detections["events"] == 2
    assert scores.detections["recall"].value == 0.5
    assert (scores.detections["false"], scores.detections["false_per_hour"]) == (2, 2.0)


def test_the_summary_is_json_and_the_scores_come_back_from_a_file(scored, tmp_path):
    told = json.loads(json.dumps(scored.summary(), allow_nan=False))
    assert told["phases"]["P"]["0.1"]["precision"]["value"] == pytest.approx(10 / 13)
    assert told["phases"]["P"]["0.5"]["true"] == 11
    assert told["residual"]["P"]["n"] == 11
    assert told["outliers"][0]["recording"] == "A/1"
    again = Result.load(scored.save(tmp_path / "scores.zip"))
    assert again.summary() == scored.summary()
    assert "of 12 known picks 10 within 0.1 s and 11 within 0.5 s found" in scored.headline()


def test_settings_that_cannot_be_are_refused():
    truth = [known("a", "P", 1.0)]
    with pytest.raises(SettingError, match="must be seconds above 0"):
        score_picks(picks([]), truth, tolerances=(0.0,))
    with pytest.raises(SettingError, match="Did you mean 'event'"):
        score_picks(picks([]), truth, by="events")


def test_nothing_found_is_a_recall_of_nothing():
    scores = score_picks(picks([]), [known("a", "P", 1.0), known("a", "S", 2.0)])
    assert scores.counts["S"]["0.1"] == {"true": 0, "false": 0, "missed": 1}
    assert scores.figures["P"]["0.1"]["recall"].value == 0
    assert np.isnan(scores.figures["P"]["0.1"]["precision"].value)
    assert np.isnan(scores.found).all()
