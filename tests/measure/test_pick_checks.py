"""Whether the vertical is one: on real P waves, with components exchanged, and on noise."""

import csv

import numpy as np
import pytest

from clew.measure.pick_checks import Leading, doubts, leading_at_p
from clew.measure.picks import Picks
from clew.read.recording import recording_of
from tests.conftest import shared

RATE = 100.0


@pytest.fixture(scope="module")
def waves():
    """Join the windows of real three-component records to one record, float64 (3, n), with the times of the P waves in s."""
    folder = shared("signals/phasenet_ncedc")
    parts, times, n = [], [], 0
    with open(folder / "index.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["live_components"] == "3"]
    for row in rows:
        with np.load(folder / row["fname"]) as one:
            parts.append(one["data"].T[::-1][:, 2000:4000].astype(np.float64))  # E, N, Z
        times.append((n + int(row["itp"]) - 2000) / RATE)
        n += 2000
    return np.concatenate(parts, axis=1), times


def of(values, order="ZNE"):
    return recording_of(values, rate=RATE, components=list(order))


def test_the_vertical_leads_in_nine_of_ten_real_p_waves(waves):
    values, times = waves
    found = leading_at_p(of(values), times)
    assert found.judged == 57 and found.counts[0] > 0.85 * 57 and not found.instead


@pytest.mark.parametrize(("order", "told"), [("NZE", "N"), ("EZN", "E"), ("ENZ", "E")])
def test_a_vertical_that_is_none_is_told(waves, order, told):
    values, times = waves
    assert leading_at_p(of(values, order), times).instead == told


def test_exchanged_horizontals_are_not_told_as_they_do_no_harm(waves):
    values, times = waves
    assert not leading_at_p(of(values, "ZEN"), times).instead


def test_moments_without_waves_are_told_of_as_seldom_as_stated():
    random = np.random.default_rng(0)
    told = 0
    for _ in range(200):
        noise = random.normal(size=(3, 5400))
        told += bool(leading_at_p(of(noise), np.arange(4, 54, 5.0)).instead)
    assert told <= 5  # of 200, at a rate of 7 in 1,000: more in 3 of 1,000 runs


def test_few_picks_gaps_and_single_components_say_nothing(waves):
    values, times = waves
    assert not leading_at_p(of(values, "NZE"), times[:9]).instead  # fewer than ten
    assert leading_at_p(recording_of(values[0], rate=RATE), times) == Leading()
    gappy = values.copy()
    gappy[:, ::50] = np.nan
    assert leading_at_p(of(gappy), times).judged == 0


def test_the_sentence_names_the_recording(waves):
    values, times = waves
    wrong = recording_of(values, rate=RATE, components=list("NZE"), name="XX.A")
    n = len(times)
    blank = np.full(n, np.nan)
    picks = Picks(
        recording=np.full(n, "XX.A"), station=np.full(n, "XX.A"), phase=np.full(n, "Pg"), time=np.array(times),
        probability=blank, uncertainty=blank, start=blank, end=blank, dated=np.zeros(n, bool),
    )  # fmt: skip
    (told,) = doubts(picks, [wrong])
    assert told.startswith("'XX.A': N is the loudest") and "exchanged" in told
    assert doubts(picks, [recording_of(values, rate=RATE, name="XX.A")]) == []
