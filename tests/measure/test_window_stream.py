"""Sliding windows over one recording: where they lie, and that blocks, files and resuming change no bit."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from clew.measure import window_stream
from clew.measure.window_plan import plan_windows
from clew.measure.window_stream import cut_windows, grid, stream_windows, window_at
from clew.read.recording import Channel, InMemory, Recording, Stretch, recording_of

START = 1274978000.123
RATE = 50.0


def values(n=20_000, seed=0):
    return np.random.default_rng(seed).normal(size=(3, n)).cumsum(axis=1) + 1e5


def dated(x, *, start=START, name="BW.A", rate=RATE):
    return recording_of(x, rate=rate, name=name, start=start, unit="counts")


def cut_into_files(recording, *borders):
    """The same recording as several files, one after the other."""
    edges = [0, *borders, recording.n]
    channels = []
    for channel in recording.channels:
        whole = channel.stretches[0].read(0, recording.n)
        pieces = tuple(
            Stretch(recording.time(a), b - a, InMemory(whole[a:b]), source=f"day{a}")
            for a, b in pairwise(edges)
        )
        channels.append(Channel(channel.component, pieces, channel.unit))
    return Recording(recording.name, recording.rate, tuple(channels), station=recording.station)


def measured(recording, plan, **where):
    blocks = list(stream_windows(recording, plan=plan, **where))
    return {
        name: np.concatenate([getattr(one, name) for one in blocks])
        for name in ("first", "start", "end", "features", "usable", "why")
    }


def same(a, b):
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name])


def test_dated_windows_begin_at_multiples_of_the_step_since_1970():
    one = dated(values())
    plan = plan_windows([one], window=10, step=4)
    first = np.concatenate(list(grid(one, plan)))
    start = one.start + first / RATE
    assert np.abs(start - 4 * np.rint(start / 4)).max() <= 0.5 / RATE + 1e-3
    assert np.diff(first).tolist() == [200] * (first.size - 1)
    assert first[0] >= 0
    assert first[0] - 200 < 0
    assert first[-1] + 500 <= one.n < first[-1] + 200 + 500


def test_windows_of_stations_that_began_at_other_times_fall_together():
    a, b = dated(values()), dated(values(), start=START + 7.77, name="BW.B")
    plan = plan_windows([a, b])
    times = [one.start + np.concatenate(list(grid(one, plan))) / RATE for one in (a, b)]
    together = times[0][-times[1].size :]
    assert np.abs(together - times[1][: together.size]).max() <= 1 / RATE


@pytest.mark.parametrize("offset", [0.005, 0.0049999, 0.0050001])
def test_a_time_between_two_samples_always_goes_to_the_same_one(offset):
    """Sums of times are off by a little, which must not decide where windows lie."""
    plan = plan_windows([dated(values(), rate=100.0)])
    wanted = 1274978000.0 + offset
    apart = [
        dated(values(), start=wanted + k * 0.01, rate=100.0) for k in range(300)
    ]  # begun a sample later each
    times = [float(one.start + next(iter(grid(one, plan)))[0] / 100.0) for one in apart[1:]]
    assert np.ptp(times) < 1e-4


def test_undated_windows_begin_at_the_first_sample():
    one = recording_of(values(), rate=RATE)
    plan = plan_windows([one], window=10, step=2.5)
    assert np.concatenate(list(grid(one, plan)))[:3].tolist() == [0, 125, 250]


@pytest.mark.parametrize("phase", ["zero", "causal"])
def test_neither_blocks_nor_files_nor_resuming_change_a_bit(phase, monkeypatch):
    x = values()
    x[0, 9000:9050] = np.nan
    x[:, 12_000:12_180] = 99_990.0
    one = dated(x)
    plan = plan_windows([one], window=10, step=5, highpass=1.0, phase=phase)
    whole = measured(one, plan)
    assert 0 < whole["usable"].sum() < whole["usable"].size
    assert set(whole["why"]) >= {"", "gap", "flat"}
    middle = int(whole["first"][30])
    parts = [measured(one, plan, stop=middle + 499), measured(one, plan, first=middle)]
    same(whole, {name: np.concatenate([part[name] for part in parts]) for name in whole})
    for block in (1, 7):
        monkeypatch.setattr(window_stream, "BLOCK", block)
        same(whole, measured(one, plan))
    same(whole, measured(cut_into_files(one, 5000, 12_100, 15_321), plan))


def test_without_context_blocks_would_change_bits():
    """The mutant: a window cut from a recording that ends at its border is another."""
    one = dated(values())
    plan = plan_windows([one], window=10, highpass=1.0)
    whole = measured(one, plan)
    ends = dated(values()[:, : whole["first"][5] + 500])
    assert (measured(ends, plan)["features"][5] != whole["features"][5]).any()


def test_padding_is_seen_at_its_full_length_beyond_the_window():
    x = values()
    x[:, 1000:1150] = 7.0  # 3 s, of which the window sees less
    one = recording_of(x, rate=RATE)
    plan = plan_windows([one], window=1, step=1)
    why = measured(one, plan)["why"]
    assert why[19:24].tolist() == ["", "dead", "dead", "dead", ""]
    plan = plan_windows([one], window=5, step=1)  # 150 samples, the border windows see 50 of them
    assert set(measured(one, plan)["why"][16:23]) == {"flat"}
    x[:, 1000:1150] = 7.0 + np.arange(150) // 99  # no run of 100 samples
    assert set(measured(recording_of(x, rate=RATE), plan)["why"]) == {""}


def test_of_a_dead_vertical_the_one_living_component_stands_in_where_three_are_not_measured():
    x = values()
    alone = x.copy()
    alone[[0, 2]] = 0.0
    one, lone = recording_of(x, rate=RATE), recording_of(alone, rate=RATE)
    plan = plan_windows([one, lone], highpass=1.0)
    assert set(measured(lone, plan)["why"]) == {"dead"}
    single = plan.without_three()
    turned = recording_of(x[[1, 0, 2]], rate=RATE)
    np.testing.assert_array_equal(measured(lone, single)["features"], measured(turned, single)["features"])
    both = x.copy()
    both[0] = 0.0
    assert set(measured(recording_of(both, rate=RATE), single)["why"]) == {
        "dead"
    }  # which of two is not ours to say


def test_the_vertical_is_measured_alike_with_and_without_horizontals():
    one = recording_of(values(), rate=RATE)
    plan = plan_windows([one], highpass=1.0)
    names = plan.features(RATE).names
    alone = plan.without_three()
    columns = [names.index(name) for name in alone.features(RATE).names]
    np.testing.assert_array_equal(
        measured(one, plan)["features"][:, columns], measured(one, alone)["features"]
    )


def test_a_block_is_bounded_in_samples_too(monkeypatch):
    one = recording_of(values(), rate=RATE)
    plan = plan_windows([one], window=10, step=10)
    monkeypatch.setattr(window_stream, "SAMPLES", 3 * 500 * 2)
    sizes = [len(cut.first) for cut in cut_windows(one, grid(one, plan), plan=plan)]
    assert max(sizes) == 1
    assert sum(sizes) == 40


def test_windows_that_lie_apart_are_not_read_across(monkeypatch):
    one = recording_of(values(), rate=RATE)
    plan = plan_windows([one], window=10)
    monkeypatch.setattr(window_stream, "SAMPLES", 12_000)
    asked = []

    class Watched:
        def __init__(self, values):
            self.values = values

        def read(self, first, stop):
            asked.append(stop - first)
            return self.values[first:stop]

    channels = tuple(
        dataclasses.replace(
            channel, stretches=(dataclasses.replace(channel.stretches[0], data=Watched(row)),)
        )
        for channel, row in zip(one.channels, values())
    )
    watched = dataclasses.replace(one, channels=channels)
    firsts = np.array([300, 400, 15_000], np.int64)
    list(cut_windows(watched, [firsts], plan=plan))
    assert max(asked) < 2000


def test_a_window_can_be_looked_at_as_it_was_measured():
    one = dated(values())
    plan = plan_windows([one], window=10, highpass=1.0)
    (cut, *_) = cut_windows(one, grid(one, plan), plan=plan)
    np.testing.assert_array_equal(window_at(one, int(cut.first[3]), plan), cut.values[3])


def test_stations_are_compared_at_the_same_time():
    x = np.random.default_rng(3).normal(size=(1, 20_000))
    a = dated(x, name="BW.A")
    later = dated(x[:, 137:] * 5, start=START + 137 / RATE, name="BW.B")  # the same ground, begun later
    other = dated(np.random.default_rng(4).normal(size=(1, 20_000)), name="BW.C")
    plan = plan_windows([a, later, other], components="each", network=True)
    names = plan.features(RATE).names
    correlation = [
        i
        for i, name in enumerate(names)
        if "correlation" in name and name in plan.features(RATE).sets["network"]
    ]
    with_later = measured(a, plan, neighbours=[later])
    with_other = measured(a, plan, neighbours=[other])
    both = with_later["usable"] & with_other["usable"]
    assert both.sum() > 30
    assert with_later["features"][both][:, correlation].min() > 0.99
    assert with_other["features"][both][:, correlation].max() < 0.6
    assert set(measured(a, plan)["why"]) == {"alone"}


def test_a_component_that_is_not_measured_is_not_read():
    class Refuses:
        def read(self, first, stop):
            raise AssertionError("was read")

    z = InMemory(np.random.default_rng(0).normal(size=1000))
    channels = [
        Channel(name, (Stretch(0.0, 1000, data),), "counts") for name, data in (("Z", z), ("N", Refuses()))
    ]
    one = Recording("A", 100.0, tuple(channels))
    plan = plan_windows([one], window=2.0, components="Z")
    (block,) = stream_windows(one, plan=plan)
    assert block.usable.all()
    with pytest.raises(AssertionError, match="was read"):
        list(stream_windows(one, plan=plan_windows([one], window=2.0, components="Z,N")))
