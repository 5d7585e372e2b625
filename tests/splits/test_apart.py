"""How far apart rows must be: measured on processes whose memory is known, and kept by slow comparison of all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.spatial.distance import cdist

from clew.samples import Samples
from clew.splits.apart import (
    far,
    far_in_space,
    far_in_time,
    has_places,
    has_times,
    positions,
    space_gap,
    spans,
    spell_time,
    time_gap,
    times,
)


def make(features, **origin):
    features = np.asarray(features, float)
    names = np.array([f"row {i}" for i in range(len(features))])
    return Samples(
        features=features,
        feature_names=tuple(f"f{i}" for i in range(features.shape[1])),
        units=("",) * features.shape[1],
        sample=names,
        origin=pd.DataFrame({"source": "t.csv", **origin}, index=range(len(features))),
        group=names,
    )


def process(memory, n, d, seed):
    """Autoregressive columns that have forgotten themselves (correlation 1/e) after ``memory`` rows."""
    phi = np.exp(-1 / memory)
    noise = np.random.default_rng(seed).normal(size=(n + 20 * memory, d))
    return lfilter([1], [1, -phi], noise, axis=0)[20 * memory :]


@pytest.mark.parametrize("memory", [3, 10, 30])
def test_the_measured_gap_is_the_memory_of_the_process(memory):
    samples = make(process(memory, 4000, 5, seed=memory), start=np.arange(4000) * 60.0)
    gap, longer = time_gap(samples)
    assert 0.8 * memory <= gap / 60 <= 2 * memory  # nine features in ten, so above the mean
    assert not longer


def test_rows_without_memory_keep_one_step_apart_and_endless_memory_a_twentieth_of_the_record():
    start = np.arange(500) * 10.0
    noise = np.random.default_rng(0).normal(size=(500, 4))
    assert time_gap(make(noise, start=start)) == (10.0, False)
    gap, longer = time_gap(make(np.cumsum(np.ones((500, 2)), axis=0), start=start))
    assert longer and gap == pytest.approx(0.05 * 4990, abs=10)
    assert time_gap(make(noise[:8], start=start[:8])) == (10.0, False)  # too few rows to measure


def test_holes_uneven_times_and_outliers_change_the_gap_little():
    full = process(10, 6000, 4, seed=1)
    random = np.random.default_rng(1)
    kept = np.sort(random.choice(6000, 3000, replace=False))
    kept = kept[(kept < 2000) | (kept > 3500)]
    start = kept + random.uniform(-0.3, 0.3, kept.size)
    wild = full[kept]
    wild[::97] *= 1e6
    assert 7 <= time_gap(make(wild, start=start))[0] <= 22


def test_one_feature_that_never_forgets_does_not_decide_among_many():
    start = np.arange(2000.0)
    many = np.column_stack([process(5, 2000, 11, seed=2), start])
    assert time_gap(make(many, start=start))[0] < 20
    assert time_gap(make(many[:, -3:], start=start))[1]  # among three, it does


def test_the_autocorrelation_is_that_of_a_slow_twin():
    x = process(10, 300, 1, seed=3)[:, 0]
    ranks = np.argsort(np.argsort(x)).astype(float)
    ranks -= ranks.mean()
    slow = [np.mean(ranks[: 300 - k] * ranks[k:]) / ranks.var() for k in range(1, 15)]
    expected = next(k for k, r in enumerate(slow, 1) if r <= np.exp(-1))
    assert time_gap(make(x[:, None], start=np.arange(300.0)))[0] == expected


def test_windows_that_last_count_from_the_end_of_one_to_the_start_of_the_next():
    x, start = process(10, 2000, 3, seed=4), np.arange(2000.0)
    points, windows = make(x, start=start), make(x, start=start, end=start + 4)
    assert time_gap(windows)[0] == time_gap(points)[0] - 4


def test_the_gap_in_time_equals_a_comparison_of_all_pairs():
    random = np.random.default_rng(0)
    for gap in (0.0, 0.5, 3.0):
        rows = np.sort(random.uniform(0, 100, (60, 1)), axis=0) + [0, 1] * random.uniform(0, 4, (60, 1))
        others = random.uniform(0, 100, (15, 1)) + [0, 1] * random.uniform(0, 4, (15, 1))
        between = np.maximum(
            rows[:, None, 0] - others[None, :, 1], others[None, :, 0] - rows[:, None, 1]
        )  # below 0 where they overlap
        np.testing.assert_array_equal(far_in_time(rows, others, gap), (between >= gap).all(axis=1))
    assert far_in_time(rows, others, 0.0).sum() > far_in_time(rows, others, 3.0).sum()  # the gap matters


def test_the_gap_in_space_equals_a_comparison_of_all_pairs():
    random = np.random.default_rng(1)
    rows, others = random.uniform(0, 50, (80, 2)), random.uniform(0, 50, (9, 2))
    np.testing.assert_array_equal(far_in_space(rows, others, 7.0), cdist(rows, others).min(axis=1) >= 7)
    between = cdist(rows, rows)
    np.fill_diagonal(between, np.inf)
    assert space_gap(rows) == pytest.approx(np.median(between.min(axis=1)))


@pytest.mark.parametrize("seed", range(5))
def test_overlaps_within_a_recording_are_those_of_all_pairs(seed):
    random = np.random.default_rng(seed)
    start = 1.7e9 + random.uniform(0, 300, 200)
    end = start + random.choice([0.0, 1.0, 5.0, 60.0], 200)
    recording = random.choice(["a", "b", "c", "d"], 200)
    samples = make(np.zeros((200, 1)), start=start, end=end, recording=recording)
    rows, others = random.random(200) < 0.5, random.random(200) < 0.1
    meet = (start[:, None] < end) & (start < end[:, None]) & (recording[:, None] == recording)
    others &= ~rows
    wanted = rows & (meet & others).any(axis=1)
    np.testing.assert_array_equal(spans(samples).shared(rows, others), wanted)
    assert 0 < wanted.sum() < rows.sum()
    anywhere = make(np.zeros((200, 1)), start=start, end=end)  # the mutant: all of one source
    assert spans(anywhere).shared(rows, others).sum() > wanted.sum()


@pytest.mark.parametrize(
    "origin",
    [
        {
            "start": 1.7e9 + 0.01 * np.arange(8) * 997,
            "end": 1.7e9 + 0.01 * np.arange(1, 9) * 997,
        },  # they touch
        {"start": np.arange(8) % 2 * 1.0, "end": 9.0, "recording": list("abcdefgh")},
        {"start": np.arange(8.0)},
        {"start": np.arange(8.0) // 2},
        {"start": np.nan, "end": 5.0},
        {},
    ],
)
def test_rows_that_share_no_samples_have_no_spans(origin):
    assert spans(make(np.zeros((8, 1)), **origin)) is None


def test_only_the_rows_that_were_asked_about_are_kept():
    samples = make(np.zeros((10, 1)), start=np.arange(10.0))
    rows, others = np.arange(10) < 6, np.arange(10) >= 6
    kept = far(samples, rows, others, by="time", gap=2.5)
    np.testing.assert_array_equal(kept, np.arange(10) < 4)
    np.testing.assert_array_equal(far(samples, rows, ~rows & rows, by="time", gap=2.5), rows)


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ({"start": [0.0, 1.0, 2.0]}, True),
        ({"start": [0, 1, 2]}, True),
        ({"start": [0.0, np.nan, 2.0]}, False),
        ({"start": [5.0, 5.0, 5.0]}, False),
        ({"start": ["a", "b", "c"]}, False),
        ({}, False),
    ],
)
def test_times_are_there_where_every_row_has_one_and_they_differ(origin, known):
    assert has_times(make(np.zeros((3, 1)), **origin)) is known


def test_a_row_without_an_end_ends_where_it_starts():
    samples = make(np.zeros((2, 1)), start=[1.0, 2.0], end=[3.0, np.nan])
    assert times(samples).tolist() == [[1, 3], [2, 2]]


def test_places_are_those_of_one_image():
    samples = make(np.zeros((2, 1)), centroid_row=[1.0, 2.0], centroid_col=[3.0, 4.0])
    assert has_places(samples) and positions(samples).tolist() == [[1, 3], [2, 4]]
    assert not has_places(make(np.zeros((2, 1)), source=["a", "b"], centroid_row=1.0, centroid_col=1.0))
    assert not has_places(make(np.zeros((2, 1)), centroid_row=[1.0, np.nan], centroid_col=1.0))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "0.25 seconds"),
        (1, "1 second"),
        (90, "1.5 minutes"),
        (7200, "2 hours"),
        (64 * 86400, "64 days"),
        (500 * 86400, "500 days"),
        (10 * 365.2425 * 86400, "10 years"),
        (0, "0 seconds"),
    ],
)
def test_durations_are_said_in_plain_units(seconds, said):
    assert spell_time(seconds) == said
