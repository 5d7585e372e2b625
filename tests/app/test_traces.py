from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import detrend

from clew import steps
from clew.app import beside
from clew.app.traces import marked, spectrogram_picture, stretch, thinned, window_picture, windows_of
from clew.errors import DataError, MissingError
from clew.plot.signals import GREY
from tests.app.fakes import fake_session

RATE, WINDOW = 50.0, 2.0
N = int(RATE * WINDOW)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    time = np.arange(int(60 * RATE)) / RATE
    noise = np.random.default_rng(0).normal(size=(2, len(time)))
    np.save(folder / "sensor.npy", np.sin(2 * np.pi * 8 * time) * (1 + time / 10) + 0.3 * noise)
    steps.new(
        folder / "sensor.study", [folder / "sensor.npy"], window="2", rate=RATE, components="each", sealed=0.2
    )
    return folder


@pytest.fixture
def workspace(made):
    return fake_session(made / "sensor.study").workspace


def raw_of(made):
    return np.load(made / "sensor.npy")


def first_of(workspace, row):
    return int(workspace.samples.origin["first"].iloc[row])


def test_a_window_is_shown_as_it_was_measured(workspace, made):
    first = first_of(workspace, 3)
    shown = stretch(workspace, 3, start=None, lasts=None)
    assert shown.lasts == WINDOW and shown.start == first / RATE and shown.sealed == 0
    np.testing.assert_allclose(shown.values, detrend(raw_of(made)[:, first : first + N]), atol=1e-9)


def test_sealed_windows_are_left_blank_and_no_other_sample_is(workspace, made):
    opened = workspace.samples
    everything = stretch(workspace, 0, start=-first_of(workspace, 0) / RATE, lasts=60.0)
    covered = np.zeros(everything.values.shape[1], bool)
    for first in opened.origin["first"]:
        covered[first : first + N] = True
    assert everything.sealed == workspace.study.counts()["sealed"] > 0
    np.testing.assert_array_equal(np.isnan(everything.values), [~covered] * 2)


def test_a_longer_piece_holds_the_same_samples(workspace, made):
    row = 5
    piece = stretch(workspace, row, start=-1.0, lasts=4.0)
    first, raw = first_of(workspace, row) - int(RATE), raw_of(made)
    assert piece.first == first
    known = np.isfinite(piece.values[0])
    assert known.sum() >= N
    # what was taken away is one straight line
    line = (raw[0, first : first + 4 * int(RATE)] - piece.values[0])[known]
    at = np.flatnonzero(known)
    np.testing.assert_allclose(line, np.polyval(np.polyfit(at, line, 1), at), atol=1e-8)


def test_thinned_traces_keep_every_extreme():
    values = np.random.default_rng(1).normal(size=(2, 1003))
    values[0, 100:220] = np.nan
    ends, n = thinned(values, 50)
    edges = [i * 1003 // 50 for i in range(51)]
    for c in range(2):
        for i in range(50):
            part = values[c, edges[i] : edges[i + 1]]
            part = part[np.isfinite(part)]
            wanted = (part.min(), part.max()) if len(part) else (np.nan, np.nan)
            np.testing.assert_allclose(ends[c, 2 * i : 2 * i + 2], wanted, rtol=1e-6)
    assert n == 50
    few, m = thinned(values[:, :8], 50)
    assert m == 8
    np.testing.assert_allclose(few[:, ::2], values[:, :8], rtol=1e-6)


def test_the_windows_of_a_piece_are_those_that_reach_into_it(workspace):
    rows, starts, ends = marked(workspace, 4, start=-3.0, lasts=8.0)
    firsts = workspace.samples.origin["first"].to_numpy()
    zero = firsts[4] / RATE - 3.0
    wanted = [i for i, first in enumerate(firsts) if first / RATE < zero + 8 and first / RATE + WINDOW > zero]
    assert rows.tolist() == wanted and 4 in wanted and 1 < len(wanted) < len(firsts)
    np.testing.assert_allclose(starts, firsts[rows] / RATE - zero, atol=1e-9)
    np.testing.assert_allclose(ends - starts, WINDOW)


@pytest.mark.parametrize("given", [{"lasts": 1e6}, {"lasts": 0.01}, {"start": 1e5, "lasts": 2.0}])
def test_a_piece_that_is_too_long_or_elsewhere_is_refused(workspace, given):
    with pytest.raises(DataError):
        stretch(workspace, 0, **{"start": 0.0, "lasts": 2.0, **given})


def test_a_spectrogram_is_brightest_at_the_frequency_of_the_signal(workspace):
    piece = stretch(workspace, 3, start=None, lasts=None)
    picture = spectrogram_picture(piece, 0, height=101, width=60).astype(int)
    brightest = picture.sum(axis=(1, 2)).argmax()
    assert abs((1 - brightest / 100) * RATE / 2 - 8) <= 1.5  # 8 Hz, within a step of the spectrum
    blank = stretch(workspace, 0, start=-first_of(workspace, 0) / RATE, lasts=60.0)
    grey = (spectrogram_picture(blank, 0, height=40, width=200) == GREY).all(axis=2)
    assert grey.all(axis=0).any() and not grey.all()


def test_a_picture_of_a_window_has_the_size_that_is_asked_for(workspace):
    assert window_picture(workspace, 2, height=60, width=96).shape == (60, 96, 3)
    assert beside.spectrogram_route(workspace, row="2", w="50", h="20").data[:4] == b"\x89PNG"


def test_recordings_that_are_gone_are_refused_and_opened_again_when_they_are_back(made, workspace):
    file, away = made / "sensor.npy", made / "away.npy"
    windows_of(workspace)
    file.rename(away)
    try:
        with pytest.raises(MissingError, match="clew relink"):
            stretch(workspace, 0, start=None, lasts=None)
    finally:
        away.rename(file)
    assert stretch(workspace, 0, start=None, lasts=None).values.shape == (2, N)
