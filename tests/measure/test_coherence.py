"""Windows of several stations against scipy.signal, closed forms, and independent noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from clew.errors import DataError, SettingError
from clew.measure.coherence import NETWORK, NETWORK_UNITS, coherence

RATE = 100.0


def noise(*shape, seed=0, before=0.0):
    x = np.random.default_rng(seed).normal(size=shape)
    return signal.lfilter([1], [1, -before], x, axis=-1) if before else x


def coherence_twin(x, y, highest=np.inf):
    size = len(x) // 8
    f, alike = signal.coherence(x, y, RATE, nperseg=size)
    powers = [signal.welch(one, RATE, nperseg=size)[1] for one in (x, y)]
    weight = np.sqrt(powers[0] * powers[1]) * ((f > 0) & (f < RATE / 2) & (f <= highest))
    return (alike * weight).sum() / weight.sum()


def correlation_twin(x, y):
    x, y = x - x.mean(), y - y.mean()
    middle, lags = len(x) - 1, len(x) // 4
    products = signal.correlate(x, y)[middle - lags : middle + lags + 1]
    return np.abs(products).max() / np.sqrt((x**2).sum() * (y**2).sum())


@pytest.mark.parametrize("n", [64, 100, 999, 1000])
def test_all_equal_scipys(n):
    block, others = noise(5, n, before=0.5), noise(5, 3, n, seed=1, before=0.9)
    others[:, 1, n // 10 :] += 2 * block[:, : -(n // 10)]
    others[:, 2] -= block
    c = np.array([[coherence_twin(x, y) for y in ys] for x, ys in zip(block, others)])
    r = np.array([[correlation_twin(x, y) for y in ys] for x, ys in zip(block, others)])
    expected = np.stack([c.mean(axis=1), c.max(axis=1), r.mean(axis=1), r.max(axis=1)], axis=1)
    np.testing.assert_allclose(coherence(block, others, rate=RATE), expected, rtol=1e-10)
    swapped = coherence(block, others[::-1], rate=RATE)
    assert not np.allclose(swapped, expected, rtol=0.01)  # the mutant: windows of other times


def test_frequencies_above_the_highest_do_not_count():
    block, others = noise(4, 1000, before=0.5), noise(4, 1, 1000, seed=1, before=0.5)
    low = signal.sosfiltfilt(signal.butter(8, 8, fs=RATE, output="sos"), noise(4, 1000, seed=2), axis=-1)
    block, others = block + 30 * low, others + 30 * low[:, None]
    found = coherence(block, others, rate=RATE, highest=5.0)
    expected = [coherence_twin(x, y[0], highest=5.0) for x, y in zip(block, others)]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-10)
    mixed = coherence(signal.detrend(block) + 50 * noise(4, 1000, seed=5), others, rate=RATE)
    assert (found[:, 2] > 0.9).all() and (mixed[:, 2] < 0.9).all()


def test_correlation_below_the_highest_equals_that_of_filtered_windows():
    block, others = noise(4, 1000), noise(4, 1, 1000, seed=1)

    def low(x):
        padded = np.concatenate([x - x.mean(axis=-1, keepdims=True), np.zeros((*x.shape[:-1], 250))], axis=-1)
        spectrum = np.fft.rfft(padded)
        spectrum[..., np.arange(spectrum.shape[-1]) * RATE / 1250 > 10] = 0
        return np.fft.irfft(spectrum, 1250)

    x, y = low(block), low(others)[:, 0]
    for i, found in enumerate(coherence(block, others, rate=RATE, highest=10.0)[:, 2]):
        lags = range(-250, 251)
        products = [np.dot(np.roll(y[i], lag), x[i]) for lag in lags]
        expected = np.abs(products).max() / np.sqrt((x[i] ** 2).sum() * (y[i] ** 2).sum())
        assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("ratio", [1.0, 3.0, 10.0, 100.0])
def test_a_shared_signal_in_noise_has_the_closed_form(ratio):
    shared = noise(50, 40_000) * np.sqrt(ratio)
    a, b = shared + noise(50, 40_000, seed=1), shared + noise(50, 40_000, seed=2)
    # with many more segments than in use, cut from long windows, the bias is gone
    f, alike = signal.coherence(a, b, RATE, nperseg=125)
    expected = ratio**2 / (1 + ratio) ** 2
    assert alike.mean() == pytest.approx(expected, abs=0.01)
    found = coherence(a[:, :1000], b[:, None, :1000], rate=RATE).mean(axis=0)
    assert found[0] == pytest.approx(expected, abs=0.08 * (1 - expected) ** 2 + 0.035)
    assert found[2] == pytest.approx(ratio / (1 + ratio), abs=0.02)


@pytest.mark.parametrize(
    ("n", "before", "expected"),
    [
        (100, 0.0, [0.07, 0.10, 0.24, 0.27]),
        (1000, 0.0, [0.075, 0.084, 0.097, 0.106]),
        (3000, 0.0, [0.075, 0.08, 0.061, 0.066]),
        (1000, 0.9, [0.08, 0.106, 0.23, 0.26]),
    ],
)
def test_independent_noise_is_as_alike_as_documented(n, before, expected):
    found = coherence(noise(200, n, before=before), noise(200, 3, n, seed=1, before=before), rate=RATE)
    assert found.mean(axis=0) == pytest.approx(expected, abs=0.012)


def test_the_same_is_fully_alike_and_so_is_what_comes_later_or_upside_down():
    x = noise(3, 1400)
    assert coherence(x, x[:, None], rate=RATE) == pytest.approx(1.0)
    found = coherence(x[:, :1000], -x[:, None, 100:1100], rate=RATE)
    assert (found[:, 2] > 0.85).all()
    assert (coherence(x[:, :1000], x[:, None, 400:], rate=RATE)[:, 2] < 0.2).all()  # beyond a quarter


def test_stations_with_gaps_or_one_value_are_passed_over():
    block, others = noise(6, 1000), noise(6, 3, 1000, seed=1)
    expected = coherence(block, others[:, :1], rate=RATE)
    others[:, 1, 500] = np.nan
    others[:, 2] = 7.0
    np.testing.assert_array_equal(coherence(block, others, rate=RATE), expected)
    others[0, 0, 0] = np.nan  # none is left
    block[1] = 0.0
    block[2, 3] = np.nan
    found = coherence(block, others, rate=RATE)
    assert np.isnan(found[:3]).all()
    np.testing.assert_array_equal(found[3:], expected[3:])
    assert np.isnan(coherence(block, others[:, :0], rate=RATE)).all()


def test_neither_threads_nor_the_windows_beside_change_a_bit():
    block, others = noise(300, 500), noise(300, 3, 500, seed=1)
    whole = coherence(block, others, rate=RATE, n_threads=1)
    np.testing.assert_array_equal(coherence(block, others, rate=RATE, n_threads=3), whole)
    for size in (1, 2, 3, 7):
        parts = [slice(i, i + size) for i in range(0, 42, size)]
        some = np.concatenate([coherence(block[one], others[one], rate=RATE) for one in parts])
        np.testing.assert_array_equal(some, whole[: len(some)])


def test_every_column_has_a_name_and_a_unit():
    found = coherence(noise(2, 100), noise(2, 1, 100), rate=RATE)
    assert found.shape == (2, len(NETWORK)) and len(NETWORK) == len(NETWORK_UNITS)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"Got \(2, 100\) and \(2, 1, 90\)"):
        coherence(noise(2, 100), noise(2, 1, 90), rate=RATE)
    with pytest.raises(DataError, match="at least 64 samples long. Got 60"):
        coherence(noise(2, 60), noise(2, 1, 60), rate=RATE)
    with pytest.raises(SettingError, match="must be at least 8.33.* Hz .* Got 1.0 Hz"):
        coherence(noise(2, 100), noise(2, 1, 100), rate=RATE, highest=1.0)
