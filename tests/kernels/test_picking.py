"""Runs above a threshold, sample by sample."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clew.kernels.picking import LAST, PEAK, PEAK_AT, START, STATE, SUM, SUM_T, SUM_TT, find_peaks


def runs_of(curve: np.ndarray, on: float, off: float, cuts: list[int] | None = None) -> np.ndarray:
    """Return the states of all runs that end, of a curve that comes in pieces."""
    state, found = np.zeros(STATE), []
    edges = [0, *(cuts or []), len(curve)]
    for a, b in itertools.pairwise(edges):
        out = np.empty(((b - a) // 2 + 1, STATE))
        n = find_peaks(curve[a:b], a, on, off, state, out)
        found += list(out[:n].copy())
    return np.array(found).reshape(-1, STATE)


@pytest.fixture
def curve() -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.convolve(rng.random(4000), np.ones(9) / 9, mode="same")
    steps = (
        np.round(4 * (smooth - smooth.min()) / np.ptp(smooth), 1) / 4
    )  # many ties, many samples at a threshold
    return np.append(steps, 0.0).astype(np.float32)


def test_runs_are_those_of_obspys_trigger(curve: np.ndarray) -> None:
    from obspy.signal.trigger import trigger_onset

    found, others = runs_of(curve, 0.5, 0.25), trigger_onset(curve.astype(float), 0.5, 0.25)
    assert len(found) > 20
    np.testing.assert_array_equal(found[:, [START, LAST]], others)


def test_a_run_knows_its_peak_and_its_moments(curve: np.ndarray) -> None:
    for run in runs_of(curve, 0.5, 0.25):
        p = curve[int(run[START]) : int(run[LAST]) + 1].astype(float)
        t = np.arange(len(p))
        assert run[PEAK_AT] - run[START] == p.argmax() and run[PEAK] == p.max()
        np.testing.assert_allclose(run[[SUM, SUM_T, SUM_TT]], [p.sum(), p @ t, p @ t**2], rtol=1e-12)


def test_pieces_of_any_size_give_the_same_bits(curve: np.ndarray) -> None:
    whole = runs_of(curve, 0.5, 0.25)
    cuts = np.sort(np.random.default_rng(1).choice(np.arange(1, 4000), 700, replace=False)).tolist()
    assert runs_of(curve, 0.5, 0.25, cuts).tobytes() == whole.tobytes()
    forgetful = [runs_of(curve[a:b], 0.5, 0.25) for a, b in zip([0, *cuts], [*cuts, len(curve)])]
    assert sum(map(len, forgetful)) != len(whole)  # without its state it would not be so


def test_what_is_unknown_ends_a_run() -> None:
    curve = np.array([0, 0.6, np.nan, 0.3, 0.9, 0.1], np.float32)
    np.testing.assert_array_equal(runs_of(curve, 0.5, 0.25)[:, [START, LAST]], [[1, 1], [4, 4]])
