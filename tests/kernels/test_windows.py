"""Windows cut, filtered and judged: as scipy does it for the whole record, whatever the block."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from clew.kernels.windows import DEAD, FLAT, GAP, LIVE, cut, flat_runs, look
from clew.measure.filtering import design

RATE, N = 100.0, 500


def walk(n=12_000, seed=0):
    """A random walk of two components far from 0, as raw counts are."""
    return np.random.default_rng(seed).normal(size=(2, n)).cumsum(axis=1) + 1e5


def cut_all(x, at, found, *, detrend=0, live=None, keep_mean=False):
    at = np.asarray(at, np.int64)
    live = np.ones((at.size, len(x)), bool) if live is None else live
    out = np.empty((at.size, len(x), N))
    cut(
        x, at, N, found.before, found.after, live, found.sos, found.steady, found.padding, found.period,
        found.zero_phase, keep_mean, detrend, out,
    )  # fmt: skip
    return out


@pytest.mark.parametrize(("highpass", "lowpass"), [(1.0, None), (1.0, 20.0), (10.0, 20.0)])
@pytest.mark.parametrize("phase", ["zero", "causal"])
def test_a_window_is_what_scipy_makes_of_the_whole_record(highpass, lowpass, phase):
    x, found = walk(), design(RATE, highpass=highpass, lowpass=lowpass, phase=phase)
    whole = signal.sosfiltfilt(found.sos, x) if phase == "zero" else signal.sosfilt(found.sos, x - x[:, :1])
    at = np.arange(3000, 9000, 333)
    wanted = np.stack([whole[:, i : i + N] for i in at])
    assert np.abs(cut_all(x, at, found) - wanted).max() < 1e-6 * whole[:, 3000:9000].std()


def test_a_context_of_half_the_length_would_not_do():
    x, found = walk(), design(RATE, highpass=1.0, lowpass=None)
    short = type(found)(
        found.sos, found.steady, True, found.padding, found.before // 4, found.after // 4, False, found.period
    )
    whole = signal.sosfiltfilt(found.sos, x)
    at = np.arange(3000, 9000, 333)
    wanted = np.stack([whole[:, i : i + N] for i in at])
    assert np.abs(cut_all(x, at, short) - wanted).max() > 1e-6 * whole[:, 3000:9000].std()


def test_a_low_pass_keeps_the_mean_where_it_is_wanted():
    x, found = walk(), design(RATE, highpass=None, lowpass=5.0)
    whole = signal.sosfiltfilt(found.sos, x)
    got = cut_all(x, [4000], found, keep_mean=True)[0]
    np.testing.assert_allclose(got, whole[:, 4000 : 4000 + N], rtol=1e-9)


def filtered_alone(run, found):
    """What scipy makes of a run that is continued by two periods along the tangents of parabolas at its ends."""
    beyond, m = min(2 * found.period, run.size - 1), min(found.period, run.size)
    i = np.arange(1, beyond + 1)
    tangents = [
        np.polynomial.Polynomial.fit(np.arange(m), end, 2).deriv()(0.0) for end in (run[:m], run[::-1][:m])
    ]
    before, behind = (end[i] - 2 * i * slope for end, slope in zip((run, run[::-1]), tangents))
    longer = np.concatenate([before[::-1], run, behind])
    return signal.sosfiltfilt(found.sos, longer, padlen=0)[beyond : beyond + run.size]


def test_behind_a_gap_the_filter_starts_afresh():
    """Each run of known samples by itself is what scipy makes of that run."""
    x, found = walk(), design(RATE, highpass=2.0, lowpass=None)
    x[0, 4100:4150] = np.nan  # in the window
    x[1, 3900:3950] = np.nan  # in the context before it
    got = cut_all(x, [4000], found)[0]
    a = 4000 - found.before
    b = 4000 + N + found.after
    left = filtered_alone(x[0, a:4100], found)[4000 - a :]
    right = filtered_alone(x[0, 4150:b], found)[: N - 150]
    np.testing.assert_allclose(got[0, :100], left, atol=1e-7)
    np.testing.assert_allclose(got[0, 150:], right, atol=1e-7)
    assert np.isnan(got[0, 100:150]).all()
    np.testing.assert_allclose(got[1], filtered_alone(x[1, 3950:b], found)[50 : 50 + N], atol=1e-7)


def test_behind_a_gap_a_low_pass_is_scipys():
    x, found = walk(), design(RATE, highpass=None, lowpass=5.0)
    x[:, 3950:4000] = np.nan
    whole = signal.sosfiltfilt(found.sos, x[:, 4000 : 4000 + N + found.after])
    np.testing.assert_allclose(cut_all(x, [4000], found, keep_mean=True)[0], whole[:, :N], rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_drift_is_no_step_behind_a_gap(seed):
    """At 10 Hz, noise on a drift a thousand times as strong that takes 200 s; the high-pass is at 0.1 Hz."""
    random, found = np.random.default_rng(seed), design(10.0, highpass=0.1, lowpass=None)
    t = np.arange(8000) / 10
    x = random.normal(size=8000) + 1000 * np.sin(2 * np.pi * t / 200 + random.uniform(0, 2 * np.pi))
    truth = signal.detrend(signal.sosfiltfilt(found.sos, x)[4000 : 4000 + N])
    with_gap = x[None].copy()
    with_gap[0, 3965:4000] = np.nan
    got = cut_all(with_gap, [4000], found, detrend=2)[0, 0]
    assert np.abs(got - truth).max() < 0.4 * np.abs(truth).max()
    run = x[4000 : 4000 + N + found.after]
    mutant = signal.detrend(
        signal.sosfiltfilt(found.sos, run)[:N]
    )  # mirrored through its end, and by 27 samples
    assert np.abs(mutant - truth).max() > 2 * np.abs(got - truth).max()


def test_a_run_of_one_sample_is_filtered_too():
    x, found = walk(), design(RATE, highpass=2.0, lowpass=None)
    x[:, 4010:4020] = np.nan
    x[:, 4015] = 7.0
    assert np.isfinite(cut_all(x, [4000], found)[0, :, 15]).all()


def test_a_window_is_the_same_bits_beside_any_others():
    x, found = walk(), design(RATE, highpass=1.0, lowpass=20.0)
    x[0, 5000:5020] = np.nan
    at = np.arange(2500, 8000, 250)
    together = cut_all(x, at, found, detrend=2)
    for size in (1, 3, 8):
        apart = [cut_all(x, at[i : i + size], found, detrend=2) for i in range(0, at.size, size)]
        np.testing.assert_array_equal(together, np.concatenate(apart))
    moved = cut_all(x[:, 700:], at - 700, found, detrend=2)
    np.testing.assert_array_equal(together, moved)


@pytest.mark.parametrize(("detrend", "kind"), [(1, "constant"), (2, "linear")])
def test_levelling_is_scipys(detrend, kind):
    x, none = walk(), design(RATE, highpass=None, lowpass=None)
    got = cut_all(x, [100, 900], none, detrend=detrend)
    wanted = np.stack([signal.detrend(x[:, i : i + N], type=kind) for i in (100, 900)])
    np.testing.assert_allclose(got, wanted, atol=1e-8)


def test_levelling_knows_the_known_samples_only():
    x, none = walk(), design(RATE, highpass=None, lowpass=None)
    x[0, 150:300] = np.nan
    got, known = cut_all(x, [100], none, detrend=2)[0, 0], ~np.isnan(x[0, 100 : 100 + N])
    t = np.arange(N)[known]
    wanted = x[0, 100 : 100 + N][known] - np.polyval(np.polyfit(t, x[0, 100 : 100 + N][known], 1), t)
    np.testing.assert_allclose(got[known], wanted, atol=1e-6)
    assert np.isnan(got[~known]).all()


def test_without_levelling_a_window_stays_as_it_is():
    x, none = walk(), design(RATE, highpass=None, lowpass=None)
    np.testing.assert_allclose(cut_all(x, [100], none, keep_mean=True)[0], x[:, 100 : 100 + N], rtol=1e-14)


def test_what_is_not_wanted_is_nan():
    x, none = walk(), design(RATE, highpass=None, lowpass=None)
    got = cut_all(x, [100], none, live=np.array([[True, False]]))
    assert np.isfinite(got[0, 0]).all()
    assert np.isnan(got[0, 1]).all()


def test_runs_of_one_value_are_marked_and_taken_away():
    x = np.array([1.0, 1, 1, 2, np.nan, np.nan, np.nan, 3, 3, 0, 0, 0, 0])
    flat = np.zeros(x.size, bool)
    flat_runs(x, 3, flat)
    assert flat.tolist() == [True] * 3 + [False] * 6 + [True] * 4
    np.testing.assert_array_equal(x[3:9], [2, np.nan, np.nan, np.nan, 3, 3])
    assert np.isnan(x[[0, 1, 2, 9, 12]]).all()


def judged(x, missing=0.0):
    x = np.array(x, np.float64)[None]
    flat = np.zeros(x.shape, bool)
    flat_runs(x[0], 100, flat[0])
    state, clipped = np.empty((1, 1), np.int8), np.empty((1, 1), bool)
    look(x, flat, np.array([0]), x.shape[1], missing, state, clipped)
    return state[0, 0], bool(clipped[0, 0])


def test_each_state_is_told():
    noise = np.random.default_rng(1).normal(size=400)
    gap, padded = noise.copy(), noise.copy()
    gap[10:20] = np.nan
    padded[:120] = 5.0
    assert judged(noise)[0] == LIVE
    assert judged(gap)[0] == GAP
    assert judged(gap, missing=0.03)[0] == LIVE
    assert judged(padded)[0] == FLAT
    assert judged(np.full(400, np.nan))[0] == GAP
    assert judged(np.zeros(400))[0] == DEAD
    assert judged(np.full(50, 3.0))[0] == DEAD  # too short to be padding, still nothing moves


def test_cut_off_tops_look_clipped_and_coarse_noise_does_not():
    wave = 1000 * np.sin(np.arange(1000) / 20)
    assert judged(np.clip(wave, -800, 800))[1]
    assert not judged(wave + np.random.default_rng(0).normal(size=1000))[1]
    assert not judged(np.random.default_rng(0).integers(-1, 2, 1000))[1]  # three values, often equal
