"""Windows for nets are those that were measured, bit for bit, in a table or along a recording."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, detrend, sosfiltfilt

from clew.errors import DataError
from clew.measure import cutouts
from clew.measure.cutouts_windows import cut_windows, one_rate, raw_of
from clew.measure.window_plan import plan_windows
from clew.measure.window_stream import stream_windows, window_at
from clew.read.recording import recording_of
from clew.samples import Samples

RATE = 50.0


def recorded(name="one", *, seed=0, n=6000, rate=RATE, components=("Z", "N", "E")):
    """Noise on a drift; of the first recording the east component is dead for a while, and the north has a gap."""
    random = np.random.default_rng(seed)
    values = 100 * random.normal(size=(len(components), n)) + 3000 + np.arange(n) / 10
    if seed == 0 and len(components) == 3:
        values[2, 1000:2100] = 7
        values[1, 3010:3030] = np.nan
    return recording_of(values, rate=rate, name=name, components=components)


def rows_at(places) -> Samples:
    """Rows of windows, each a recording and its first sample."""
    origin = pd.DataFrame(places, columns=["recording", "first"])
    names = np.array([f"{name}@{first}" for name, first in places])
    return Samples(np.zeros((len(names), 0)), (), (), names, origin, names)


def planned(recordings, **settings):
    made = {"window": 2.0, "highpass": 1.0, "components": "each", "missing": 0.5, "flat": 0.0}
    return plan_windows(recordings, **{**made, **settings})


@pytest.fixture(scope="module")
def pair():
    return {name: recorded(name, seed=seed) for seed, name in enumerate(["one", "two"])}


def test_windows_are_as_they_were_measured_whatever_the_order_of_the_rows(pair):
    plan = planned(list(pair.values()))
    random = np.random.default_rng(1)
    places = [(name, int(first)) for name in pair for first in random.choice(5900, 30, replace=False)]
    places = [places[i] for i in random.permutation(len(places))]
    cut = cut_windows(pair, rows_at(places), plan)
    assert cut.values.shape == (60, 3, 100)
    assert (cut.rate, cut.channels) == (RATE, ["Z", "N", "E"])
    for row, (name, first) in enumerate(places):
        one = window_at(pair[name], first, plan)
        whole = np.isfinite(one).all(axis=1)
        np.testing.assert_array_equal(cut.values[row, whole], one[whole].astype(np.float32))
        np.testing.assert_array_equal(cut.values[row, ~np.isfinite(one).any(axis=1)], 0)


def test_a_window_is_what_scipy_filters_and_levels(pair):
    cut = cut_windows(pair, rows_at([("two", 3000)]), planned(list(pair.values())))
    x = pair["two"].read(0, 6000)
    filtered = sosfiltfilt(butter(4, 1.0, "highpass", fs=RATE, output="sos"), x)[:, 3000:3100]
    np.testing.assert_allclose(cut.values[0], detrend(filtered), atol=0.05)
    alone = detrend(sosfiltfilt(butter(4, 1.0, "highpass", fs=RATE, output="sos"), x[:, 3000:3100]))
    assert np.abs(cut.values[0] - alone).max() > 5  # the mutant: filtered without what lies round it


@pytest.mark.parametrize(
    "settings", [{}, {"highpass": None, "detrend": "none"}, {"phase": "causal", "step": 0.5}]
)
def test_windows_met_along_a_recording_are_the_same_bits(pair, settings):
    recording = pair["one"]
    plan = planned([recording], **settings)
    blocks = list(stream_windows(recording, plan=plan))
    firsts = np.concatenate([block.first for block in blocks])
    assert len(firsts) >= 60
    met = np.concatenate([raw_of(block) for block in blocks])
    random = np.random.default_rng(0).permutation(len(firsts))
    cut = cut_windows(pair, rows_at([("one", int(first)) for first in firsts[random]]), plan)
    assert met.dtype == np.float32
    np.testing.assert_array_equal(met[random], cut.values)
    usable = np.concatenate([raw_of(block, block.usable) for block in blocks])
    np.testing.assert_array_equal(usable, met[np.concatenate([block.usable for block in blocks])])
    assert len(usable) < len(met)
    assert not np.array_equal(met[1:], met[:-1])  # the mutant: another window is seen


def test_what_is_lacking_is_zero_and_a_gap_is_the_mean_and_both_are_said(pair):
    plan = planned(list(pair.values()), highpass=None, detrend="none")
    cut = cut_windows(pair, rows_at([("one", 1500), ("one", 3000), ("two", 1500)]), plan)
    np.testing.assert_array_equal(cut.values[0, 2], 0)
    x = pair["one"].read(3000, 3100)[1]
    gap = np.isnan(x)
    assert gap.sum() == 20
    np.testing.assert_allclose(cut.values[1, 1, gap], x[~gap].mean(), rtol=1e-6)
    np.testing.assert_array_equal(cut.values[1, 1, ~gap], x[~gap].astype(np.float32))
    assert cut.notes == [
        "A component is lacking or still in 1 window of 3 and is 0 there: E in 1.",
        "Gaps in 1 window of 3 are filled with the component's mean.",
    ]
    assert cut_windows(pair, rows_at([("two", 0)]), plan).notes == []


def test_a_component_that_stands_in_for_the_vertical_is_in_its_place():
    random = np.random.default_rng(0)
    values = random.normal(size=(3, 1000))
    values[:2] = 5.0
    recording = recording_of(values, rate=RATE, name="one")
    plan = planned([recording], components="auto", highpass=None, detrend="none")
    cut = cut_windows({"one": recording}, rows_at([("one", 100)]), plan)
    np.testing.assert_array_equal(cut.values[0, 0], values[2, 100:200].astype(np.float32))
    np.testing.assert_array_equal(cut.values[0, 1:], 0)
    assert cut.notes == [
        "A component is lacking or still in 1 window of 1 and is 0 there: N in 1 and E in 1."
    ]


def test_recordings_at_different_rates_are_refused(pair):
    slow = recorded("slow", seed=2, rate=25.0)
    plan = planned([*pair.values(), slow])
    with pytest.raises(DataError, match=r"at one rate, 50 Hz, .* Got 25 Hz in 'slow': resample it first"):
        cut_windows({**pair, "slow": slow}, rows_at([("one", 0), ("slow", 0)]), plan)
    assert cut_windows({**pair, "slow": slow}, rows_at([("slow", 0)]), plan).shape == (3, 50)
    assert one_rate(list(pair.values())) == RATE
    with pytest.raises(DataError, match=r"at one rate, 100 Hz, .* Got 50 Hz in 'one'"):
        one_rate(list(pair.values()), rate=100.0)


def test_what_is_cut_says_how_to_cut_others_alike(pair):
    plan = planned(list(pair.values()))
    how = cut_windows(pair, rows_at([("one", 0)]), plan).how
    assert how == {"kind": "signal", "channels": ["Z", "N", "E"], "plan": plan.to_settings(), "rate": RATE}


def test_what_cannot_be_cut_is_refused(pair, monkeypatch):
    plan = planned(list(pair.values()))
    with pytest.raises(DataError, match="must hold 'three', to cut windows out of it"):
        cut_windows(pair, rows_at([("three", 0)]), plan)
    with pytest.raises(DataError, match="be at least one. Got none"):
        cut_windows(pair, rows_at([("one", 0)]).take(np.array([False])), plan)
    rows = rows_at([("one", 0)])
    with pytest.raises(DataError, match="must be windows of recordings, .* Got no first"):
        cut_windows(pair, dataclasses.replace(rows, origin=rows.origin.drop(columns="first")), plan)
    monkeypatch.setattr(cutouts, "memory_of_machine", lambda: 2000)
    with pytest.raises(
        DataError, match=r"Got 1 row of 3 x 100, .* shorter windows, a lower rate, or fewer rows, helps"
    ):
        cut_windows(pair, rows, plan)
