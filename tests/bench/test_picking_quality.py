"""How pickers are compared: every event once, stations apart, the same windows for all, and figures counted by hand."""

import os

import numpy as np
import pytest

from clew.bench import picking_quality as bench
from clew.neural.picking_rows import Waveform
from tests.conftest import shared


@pytest.fixture(scope="module")
def folder():
    return shared("signals/phasenet_ncedc/index.csv").parent


@pytest.fixture(scope="module")
def waveforms(folder):
    return bench.waveforms_in(folder)


def test_the_windows_are_77_of_58_stations_57_with_three_components(waveforms):
    assert len(waveforms) == 77 and len({one.group for one in waveforms}) == 58
    assert sum(bool(one.live.all()) for one in waveforms) == 57
    assert all(one.live[0] and one.picks["P"] == [3000] for one in waveforms)  # the vertical is first


def test_each_station_is_tested_once(waveforms):
    folds = bench.folds_of(waveforms)
    assert len(folds) == 5 and sum(map(len, folds)) == len(set.union(*folds)) == 58


def test_windows_are_cut_where_they_say_and_hold_both_waves(waveforms):
    for one in waveforms[::10]:
        for window in bench.shifted(one):
            first = round(3000 - window.picks["P"] * 100)
            np.testing.assert_array_equal(window.values, one.values[:, first : first + 3000])
            assert 10.5 <= window.picks["P"] < window.picks["S"] <= 28.5
    at = [window.picks["P"] for one in waveforms for window in bench.shifted(one)]
    assert np.std(at) > 3  # P is not where it always was
    assert bench.shifted(waveforms[0])[3].picks == bench.shifted(waveforms[0])[3].picks


def test_noise_ends_before_p_and_holds_no_padding(waveforms):
    for one in waveforms:
        piece = bench.quiet(one)
        if piece is not None:
            values = piece.read(0, piece.n)
            assert 1000 <= piece.n <= 2800 and (np.abs(np.diff(values[:, :50], axis=1)).sum(axis=1) > 0).any()


def made():
    random = np.random.default_rng(0)
    values = random.normal(size=(3, 9001)).astype(np.float32)
    lame = values.copy()
    lame[1:] = 0
    picks = {"P": [3000.0], "S": [3400.0]}
    return [Waveform(values, picks, "A", "whole"), Waveform(lame, picks, "B", "lame")]


def test_hits_are_counted_by_hand():
    said = {}
    for one in made():
        for i, window in enumerate(bench.shifted(one)):
            off = {"P": 0.05 if i < 3 else 0.3, "S": 0.1}
            said[window.name] = {phase: window.picks[phase] + off[phase] for phase in "PS"}
    said["whole 9"] = {"P": None}
    found = bench.hits(made(), said)
    assert found == pytest.approx(
        {"P 0.1": 0.6, "P 0.5": 1.9, "S 0.1": 0.9, "S 0.5": 0.9, "events": 2, "three": 1}
    )


def test_counts_at_thresholds_are_those_counted_by_hand():
    rows = []
    for one in made():
        for window in bench.shifted(one):
            rows += [[window.name, phase, at + 0.2, 0.6] for phase, at in window.picks.items()]
            rows.append([window.name, "P", 1.0, 0.3])
    said = {
        "picks": rows,
        "false": [["whole", "P", 3.0, 0.7], ["whole", "P", 5.0, 0.3], ["lame", "S", 5.0, 0.9]],
    }
    found = bench.at_threshold(made(), said, {"P": 0.5, "S": 0.5})
    assert found == {
        "P known": 20, "P found": 20, "P false": 1, "P right 0.1": 0, "P right 0.5": 20,
        "S known": 10, "S found": 10, "S false": 1, "S right 0.1": 0, "S right 0.5": 10,
    }  # fmt: skip
    assert bench.at_threshold(made(), said, {"P": 0.2, "S": 0.5})["P found"] == 40
    assert bench.shares(found, "P", 0.5) == (1, 1, 1)


def test_a_threshold_is_chosen_between_right_and_wrong_ones():
    rows = []
    for one in made():
        for window in bench.shifted(one):
            rows += [[window.name, "P", window.picks["P"], 0.8], [window.name, "P", 2.0, 0.4]]
    curve = bench.curve(made(), {"picks": rows, "false": [["whole", "P", 3.0, 0.55]]}, "P")
    assert 0.55 < curve.chosen <= 0.8


def test_every_picker_is_judged_on_the_same_windows(waveforms, monkeypatch, tmp_path):
    few = waveforms[:10]
    monkeypatch.setattr(bench, "waveforms_in", lambda folder: few)
    tiny = {"max_epochs": 1, "rows_per_epoch": 2, "batch_size": 2, "net": {"filters_root": 2, "depth": 2}}
    told = bench.picking_quality(None, keep=tmp_path, folds=[0, 1], shifts=1, arms=["real alone"], **tiny)
    assert set(told["hits"]) == {"real alone", "sta_lta", "ar", "sta_lta, 90 s", "ar, 90 s"}
    assert len({one["events"] for one in told["hits"].values()}) == 1
    assert len(list(tmp_path.iterdir())) == 2 and "false alarms" in bench.table(told)
    again = bench.picking_quality(None, keep=tmp_path, folds=[0, 1], shifts=1, arms=["real alone"], **tiny)
    assert again["hits"] == told["hits"]  # what is kept is not trained again


@pytest.mark.skipif("CLEW_QUALITY" not in os.environ, reason="half an hour of CPU: make quality")
def test_a_picker_is_better_than_classical_ones_at_stations_that_it_never_heard(folder):
    told = bench.picking_quality(folder, log=print)
    print(bench.table(told))
    net, rivals = (
        told["hits"]["simulated"],
        [one for name, one in told["hits"].items() if name not in bench.ARMS],
    )
    assert net["P 0.1"] >= 65 and net["P 0.5"] >= 72 and net["S 0.1"] >= 36 and net["S 0.5"] >= 51
    for name in ("P 0.1", "P 0.5", "S 0.1", "S 0.5"):
        assert net[name] > max(one[name] for one in rivals)
    assert max(told["seconds"]["simulated"]) < 400
