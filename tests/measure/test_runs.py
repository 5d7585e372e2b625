"""Where recordings live: gaps, dead stretches, pieces and quiet parts."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from clew.measure import runs
from clew.measure.runs import Run, living_runs, quiet_runs, windows_of
from clew.read.recording import recording_of


def recorded(n=20000, rows=2):
    return np.random.default_rng(0).standard_normal((rows, n))


def test_runs_begin_and_end_with_gaps_and_dead_stretches():
    x = recorded()
    x[0, 5000:5100] = np.nan
    x[1, 9000:9500] = 7.0
    found = living_runs(recording_of(x, rate=100.0))
    told = [(one.first, one.stop, one.rows, one.still) for one in found]
    assert told == [
        (0, 5000, (0, 1), ()),
        (5000, 5100, (1,), ()),
        (5100, 9000, (0, 1), ()),
        (9000, 9500, (0,), (1,)),
        (9500, 20000, (0, 1), ()),
    ]


def test_runs_do_not_depend_on_the_pieces_that_are_read(monkeypatch):
    x = recorded()
    x[:, 3990:4310] = 1.0
    x[1, 12000:] = np.nan
    whole = [(one.first, one.stop, one.rows, one.still) for one in living_runs(recording_of(x, rate=100.0))]
    monkeypatch.setattr(runs, "BLOCK", 1000)
    assert whole == [
        (one.first, one.stop, one.rows, one.still) for one in living_runs(recording_of(x, rate=100.0))
    ]
    assert len(whole) == 4


def test_samples_are_those_above_1_hz_in_whatever_pieces_they_are_read():
    x = recorded() + 1000
    run = Run(recording_of(x, rate=100.0), 0, 20000, (0, 1))
    wanted = sosfiltfilt(butter(4, 1.0, "highpass", fs=100.0, output="sos"), x, axis=1)
    np.testing.assert_allclose(run.read(9000, 9500), wanted[:, 9000:9500], atol=1e-6)
    np.testing.assert_allclose(run.read(0, 20000)[:, 9000:9500], run.read(9000, 9500), atol=1e-6)


def test_one_sample_is_a_run():
    run = Run(recording_of(np.ones((1, 1)), rate=100.0), 0, 1, (0,))
    assert run.read(0, 1).tolist() == [[0.0]]
    assert run.spectra().shape == (1, 17, 4)


def test_the_noise_level_goes_along_straight_lines_between_pieces(monkeypatch):
    monkeypatch.setattr(runs, "LEVEL", 800)
    x = recorded(rows=1)
    x[:, 10000:] *= 10
    level = Run(recording_of(x, rate=100.0), 0, 20000, (0,)).level(0, 2503)[0, 10]
    assert abs(level[-1] - level[0] - np.log(100)) < 0.7  # ten times as loud
    straight = np.diff(level[600:1000])
    assert straight.max() - straight.min() < 1e-5 and straight[0] != 0


def test_what_triggers_is_not_quiet_and_the_rest_is():
    x = recorded(30000, rows=1)
    x[:, 12000:12300] *= 50
    quiet = quiet_runs(recording_of(x, rate=100.0))
    assert not any(one.first < 12300 and one.stop > 11600 for one in quiet)
    assert sum(one.n for one in quiet) > 18000


def test_windows_begin_a_part_of_their_length_after_each_other():
    run = Run(recording_of(recorded(rows=1), rate=100.0), 0, 20000, (0,))
    found = windows_of(run, 256, shifts=2)
    assert len(found) == 18 and found[0].shape == (1, 17, 256)
    assert len(windows_of(run, 256, shifts=2, most=5)) == 5
    np.testing.assert_allclose(found[2][..., 3:-3], run.spectra()[..., 256:506], atol=1e-4)
    assert windows_of(Run(run.recording, 0, 2023, (0,)), 256) == []
