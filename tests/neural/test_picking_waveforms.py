"""Waveforms that are cut out of long recordings: picks where the waves are, noise far from any, and no more read than that."""

from dataclasses import dataclass

import numpy as np
import pytest

from clew.errors import DataError, SettingError, Stopped
from clew.neural.picking_waveforms import waveforms_of
from clew.read.picks import KnownPick
from clew.read.recording import Channel, Recording, Stretch, recording_of


def noisy(n=60_000, rate=100.0, spikes=(), name="one", seed=0, **more):
    values = np.random.default_rng(seed).normal(size=(3, n))
    values[:, list(spikes)] += 1000
    return recording_of(values, rate=rate, name=name, **more)


def picked(*times, phase="P", name="one"):
    return [KnownPick(name, phase, time) for time in times]


@pytest.mark.parametrize("rate", [100.0, 50.0, 200.0])
@pytest.mark.parametrize("start", [None, 1.7e9])
def test_picks_lie_where_the_waves_are_at_any_rate(rate, start):
    spikes = [round(30.1 * rate), round(33 * rate), round(200 * rate)]
    one = noisy(round(400 * rate), rate, spikes, start=start)
    times = [one.time(spike) for spike in spikes]
    found = waveforms_of(
        [one], [*picked(times[0], times[2]), *picked(times[1], phase="S")], window=10.0, noise=0
    )
    assert [dict(one.picks).keys() for one in found] == [{"P", "S"}, {"P"}]
    for waveform in found:
        assert waveform.values.shape == (3, 3000)
        for (pick,) in waveform.picks.values():
            near = np.abs(waveform.values[0, round(pick) - 5 : round(pick) + 6])
            assert near.argmax() == 5 and near.max() > 300
            assert pick == pytest.approx(1000, abs=400)


def test_noise_is_far_from_any_pick_and_as_much_as_is_asked_for():
    one = noisy(100_000)
    found = waveforms_of([one], picked(300.0, 700.0), window=10.0, far=100.0)
    noise = [waveform for waveform in found if not waveform.picks]
    assert len(noise) == 2 and len(found) == 4
    for waveform in noise:
        at = float(waveform.name.split()[-1].rstrip("s"))
        assert all(at + 30 + 100 <= time or at >= time + 100 for time in (300.0, 700.0))
    assert len(waveforms_of([one], picked(300.0), window=10.0, noise=0)) == 1
    assert (
        len(waveforms_of([one, noisy(name="nobody looked at it")], picked(300.0), window=10.0, noise=0)) == 1
    )


def test_no_more_is_read_than_is_cut():
    read = []

    @dataclass(frozen=True)
    class Counting:
        values: np.ndarray

        def read(self, first, stop):
            read.append(stop - first)
            return self.values[first:stop]

    values = np.random.default_rng(0).normal(size=2_000_000)
    one = Recording("one", 100.0, (Channel("Z", (Stretch(0.0, len(values), Counting(values)),)),))
    waveforms_of([one], picked(5000.0, 12000.0), window=10.0, noise=0)
    assert max(read) < 300_000  # pieces by which gaps are looked for, and blocks of the net's rate


def test_components_are_found_by_name_and_those_that_lack_are_0():
    values = np.random.default_rng(0).normal(size=(2, 6000)) + np.array([[1], [3]])
    one = recording_of(values, rate=100, name="one", components=["1", "Z"])
    notes = []
    (found,) = waveforms_of([one], picked(20.0), window=10.0, noise=0, notes=notes)
    np.testing.assert_allclose(found.values[0], values[1, 1000:4000] - values[1, 1000:4000].mean(), atol=1e-5)
    assert found.values[1].any() and not found.values[2].any()
    assert any("component 1 was taken as N" in note for note in notes)


def test_short_recordings_stay_short_and_picks_in_gaps_are_said():
    values = np.random.default_rng(0).normal(size=(3, 20_000))
    values[:, 2000:15_000] = np.nan
    one, notes = recording_of(values, rate=100, name="one"), []
    found = waveforms_of([one], picked(5.0, 100.0, 160.0), noise=0, notes=notes)
    assert [waveform.values.shape for waveform in found] == [(3, 2000), (3, 5000)]
    assert [waveform.picks["P"][0] for waveform in found] == pytest.approx([500.0, 1000.0])
    assert any("1 of 3 picks lie in gaps" in note for note in notes)


def test_groups_are_stations():
    one = Recording("BW.UH1.SH", 100.0, noisy().channels, dated=False, station="BW.UH1")
    (found,) = waveforms_of([one], picked(300.0, name="BW.UH1.SH"), noise=0)
    assert found.group == "BW.UH1" and found.name.startswith("BW.UH1.SH")


def test_what_cannot_be_cut_is_refused_in_a_sentence():
    one = noisy(6000)
    with pytest.raises(DataError, match="at least one. Got none"):
        waveforms_of([one], [])
    with pytest.raises(DataError, match="Got one of 'two'"):
        waveforms_of([one], picked(1.0, name="two"))
    with pytest.raises(DataError, match="in what was recorded. Got none of 1"):
        waveforms_of([one], picked(1000.0))
    with pytest.raises(SettingError, match="'far'"):
        waveforms_of([one], picked(1.0), far=0)
    with pytest.raises(Stopped):
        waveforms_of([one], picked(1.0), on_progress=lambda done, total: False)
