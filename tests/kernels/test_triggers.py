"""Averages and thresholds of triggers against ObsPy and slow twins, whole and in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels.triggers import (
    classic_sta_lta,
    follow_onsets,
    fresh_averages,
    fresh_onset,
    onsets,
    recursive_sta_lta,
)

BOTH = {"classic": classic_sta_lta, "recursive": recursive_sta_lta}


def noise_with_bursts(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    for first in rng.integers(2000, n - 500, 8):
        x[first : first + 300] *= rng.uniform(2, 60)
    return x


def in_pieces(average, x, n_sta, n_lta, seed=0):
    rng, state, parts, first = np.random.default_rng(seed), fresh_averages(n_sta, n_lta), [], 0
    while first < x.size:
        stop = first + int(rng.integers(1, 700))
        parts.append(average(x[first:stop], n_sta, n_lta, state))
        first = stop
    return np.concatenate(parts)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(("n_sta", "n_lta"), [(50, 1000), (1, 2), (7, 333), (100, 101)])
def test_averages_equal_obspys(name, n_sta, n_lta):
    obspy = pytest.importorskip("obspy.signal.trigger")
    x = np.random.default_rng(0).normal(size=6000)  # bursts cost ObsPy's sums digits
    theirs = getattr(obspy, f"{name}_sta_lta")(x, n_sta, n_lta)
    np.testing.assert_allclose(BOTH[name](x, n_sta, n_lta), theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", BOTH)
def test_pieces_of_any_size_give_the_same_bits(name):
    x = noise_with_bursts()
    x[7000:7100] = np.nan
    whole = BOTH[name](x, 50, 1000)
    for seed in range(3):
        np.testing.assert_array_equal(in_pieces(BOTH[name], x, 50, 1000, seed), whole)
    half = np.concatenate([BOTH[name](part, 50, 1000) for part in (x[:9000], x[9000:])])
    assert not np.array_equal(half, whole, equal_nan=True)  # the mutant: a state that is not carried on


@pytest.mark.parametrize("name", BOTH)
def test_a_gap_is_unknown_and_all_begins_anew_behind_it(name):
    x = noise_with_bursts()
    x[7000:7100] = np.nan
    ratio = BOTH[name](x, 50, 1000)
    assert np.isnan(ratio[7000:7100]).all() and not np.isnan(np.delete(ratio, np.s_[7000:7100])).any()
    np.testing.assert_array_equal(ratio[7100:], BOTH[name](x[7100:], 50, 1000))
    assert (ratio[7100:8099] == 0).all() and ratio[8101] > 0


def test_a_quiet_hour_behind_an_earthquake_keeps_its_digits():
    x = np.random.default_rng(0).normal(size=20_000) * 1e-6
    x[3000:3100] = 1e6
    x[10_000:10_050] *= 3
    exact = [np.mean(x[i - 49 : i + 1] ** 2) / np.mean(x[i - 999 : i + 1] ** 2) for i in range(5000, 20_000)]
    np.testing.assert_allclose(classic_sta_lta(x, 50, 1000)[5000:], exact, rtol=1e-12)
    sums = np.cumsum(x**2)  # the mutant: sums that subtract
    with np.errstate(all="ignore"):
        subtracted = (sums[50:] - sums[:-50])[-15_000:] / (sums[1000:] - sums[:-1000])[-15_000:] * 20
        assert not np.allclose(subtracted, exact, rtol=1e-3)


@pytest.mark.parametrize("name", BOTH)
def test_silence_is_no_number_divided_by_zero(name):
    assert (BOTH[name](np.zeros(5000), 50, 1000) == 0).all()


@pytest.mark.parametrize(("on", "off"), [(3.5, 1.0), (2.0, 2.0), (1.2, 0.9), (100.0, 1.0)])
def test_onsets_equal_obspys(on, off):
    obspy = pytest.importorskip("obspy.signal.trigger")
    ratio = recursive_sta_lta(noise_with_bursts(), 50, 1000)
    found, theirs = onsets(ratio, on, off), np.reshape(obspy.trigger_onset(ratio, on, off), (-1, 2))
    np.testing.assert_array_equal(found, theirs)
    assert len(found) > 1 or on == 100.0


@pytest.mark.parametrize(
    "ratio", [[0, 4, 0], [4], [0, 4, 2], [4, 2, 2, 4, 0, 4], [0.5, 2, 2], [4, 0, 4, 0, 4]]
)
def test_onsets_at_the_ends_equal_obspys(ratio):
    obspy = pytest.importorskip("obspy.signal.trigger")
    ratio = np.array(ratio, float)
    theirs = np.reshape(obspy.trigger_onset(ratio, 3.5, 1.0), (-1, 2))
    np.testing.assert_array_equal(onsets(ratio, 3.5, 1.0), theirs)


def test_a_gap_ends_a_run():
    np.testing.assert_array_equal(onsets(np.array([0, 4, 3, np.nan, 2, 4]), 3.5, 1.0), [[1, 2], [5, 5]])


def test_runs_and_their_peaks_do_not_depend_on_the_pieces():
    ratio = recursive_sta_lta(noise_with_bursts(), 50, 1000)
    whole = onsets(ratio, 2.0, 1.0)
    for size in (1, 7, 1000):
        state, places, peaks = fresh_onset(), [], []
        for first in range(0, ratio.size, size):
            some, high = follow_onsets(ratio[first : first + size], first, 2.0, 1.0, state)
            places.extend(some.tolist())
            peaks.extend(high.tolist())
        assert places == whole[: len(places)].tolist() and len(whole) - len(places) == state[0]
        assert peaks == [ratio[a : b + 1].max() for a, b in places]
