"""Windows of recordings: equal to ObsPy, SciPy and a loop, the same bits in any company, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import detrend

from clew.bench.signal_rivals import rival_features
from clew.errors import DataError, SettingError
from clew.measure import waveforms
from clew.measure.polarisation import component_ratios, polarisation
from clew.measure.spectra import spectral_lines
from clew.measure.waveforms import cosine_taper, describe, measure_waveforms
from tests.conftest import shared

RATE = 100.0


# ---- what is tested ----
def measured(block, *, rate=RATE, three=None, live=None, **settings):
    """Measure all components of windows (w, c, n)."""
    live = np.ones(block.shape[:2], bool) if live is None else live
    return measure_waveforms(block, live, rate=rate, of=range(block.shape[1]), three=three, **settings)


def one(x, *, rate=RATE, **settings):
    """Measure one component of one window; a dict."""
    names = describe(["Z"], of=(0,), three=None, rate=rate, n=len(x), unit="").names
    return dict(zip(names, measured(np.asarray(x, float)[None, None], rate=rate, **settings)[0]))


def table_of(n, *, rate=RATE, components="Z"):
    return describe(components, of=range(len(components)), three=None, rate=rate, n=n, unit="")


def columns_in(table, *sets):
    return [table.names.index(name) for one in sets for name in table.sets[one]]


def apart(found, rival):
    """How far a row is from what the rival says: relative, absolute below 1e-3."""
    expected = np.array(list(rival.values()))
    return np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)


def bursts(w=6, c=3, n=1000, seed=0):
    """Simulated noise with a decaying burst in each window."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / RATE
    block = rng.normal(size=(w, c, n))
    for row in block.reshape(-1, n):
        at = rng.uniform(0, t[-1])
        row += np.where(t >= at, 20 * np.exp(-(t - at)) * np.sin(2 * np.pi * rng.uniform(2, 20) * t), 0)
    return block


# ---- real windows ----
def of_phasenet():
    """Ten-second windows of noise and of earthquakes: the components that live."""
    found = []
    for path in sorted(shared("signals/phasenet_ncedc").glob("*.npz"))[:24:3]:
        data = np.load(path)["data"].T  # (3, n)
        for first in (1900, 2700):
            found += [row[first : first + 1000] for row in data if np.ptp(row[first : first + 1000]) > 0]
    return np.array(found)[:, None]


def of_motions():
    """Accelerometer and gyroscope at 10 Hz; float64 (w, 6, 100)."""
    lines = shared("signals/basic_motions/BasicMotions_TRAIN.ts").read_text().splitlines()
    cases = [line for line in lines if line and line[0] not in "@#%"]
    return np.array([[np.array(one.split(","), float) for one in case.split(":")[:6]] for case in cases])


def of_obspy():
    """Windows of a teleseism at 20 Hz; float64 (w, 1, 600)."""
    from obspy import read

    samples = read(shared("signals/obspy/sac/II.TLY.BHZ.SAC"))[0].data
    return np.array([samples[first : first + 600] for first in range(0, len(samples) - 600, 2400)])[:8, None]


@pytest.mark.filterwarnings("ignore:Sample spacing read from SAC")
@pytest.mark.parametrize(
    ("read", "rate"),
    [(of_phasenet, 100.0), (of_motions, 10.0), (of_obspy, 20.0)],
    ids=["phasenet", "motions", "obspy"],
)
def test_real_windows_measure_as_by_obspy_and_scipy(read, rate):
    block = detrend(read().astype(float))
    components = [str(i) for i in range(block.shape[1])]
    names = table_of(block.shape[2], rate=rate, components=components).names
    for window, found in zip(block, measured(block, rate=rate)):
        rival = rival_features(window, rate, components=components, three=False)
        assert tuple(rival) == names
        assert apart(found, rival).max() < 1e-5


@pytest.mark.parametrize(
    ("n", "highest"), [(16, None), (101, None), (101, 40.0), (1000, None), (1000, 40.0), (1009, 33.3)]
)
def test_simulated_windows_measure_as_by_obspy_and_scipy(n, highest):
    block = bursts(n=n)
    for window, found in zip(block, measured(block, three=(0, 1, 2), highest=highest)):
        rival = rival_features(window, RATE, highest=highest)
        rival["azimuth"] %= 180
        assert apart(found, rival).max() < 1e-5


def test_the_comparison_would_notice_another_taper():
    block = bursts(w=1)
    found = measured(block, taper=0.049)[0]
    assert apart(found, rival_features(block[0], RATE, three=False)).max() > 1e-4


def test_windows_too_long_for_company_measure_as_by_obspy_and_scipy():
    block = bursts(w=2, c=1, n=waveforms.ALONE + 1)
    rival = rival_features(block[1], RATE)
    assert apart(measured(block)[1], rival).max() < 1e-5


# ---- the same bits ----
@settings(deadline=None, max_examples=15)
@given(st.data())
def test_a_window_has_the_same_bits_in_any_block_and_on_any_number_of_threads(data):
    n = data.draw(st.sampled_from([16, 90, 250, 1000]))
    block = bursts(w=70, n=n)
    block[3, 1, 5:9], block[7, 2] = np.nan, 1.0
    whole = measured(block, three=(0, 1, 2), n_threads=1)
    chosen = data.draw(st.lists(st.integers(0, 69), min_size=1, max_size=40, unique=True))
    threads = data.draw(st.integers(1, 4))
    part = measured(block[chosen], three=(0, 1, 2), n_threads=threads)
    np.testing.assert_array_equal(part, whole[chosen])


def test_a_component_has_the_same_bits_alone_and_beside_others():
    block, live = bursts(w=5), np.ones((5, 3), bool)
    whole = measured(block)
    n_each = whole.shape[1] // 3
    for order in [(1,), (2, 0), (0, 1, 2)]:
        part = measure_waveforms(block, live, rate=RATE, of=order, three=None)
        np.testing.assert_array_equal(
            part, np.hstack([whole[:, i * n_each : (i + 1) * n_each] for i in order])
        )


def test_bits_can_differ():
    block = bursts(w=1)
    assert (measured(block) != measured(block * 1.1)).any()


# ---- what must not matter, and what must ----
@pytest.mark.parametrize("factor", [1e-9, 1e6, -1.0])
def test_only_amplitudes_depend_on_the_scale(factor):
    block, table = bursts(c=1), table_of(1000)
    before, after = measured(block), measured(block * factor)
    free = columns_in(table, *(name for name in table.sets if name != "amplitude"))
    if factor < 0:
        skewness = table.names.index("skewness")
        after[:, skewness] *= -1
    np.testing.assert_allclose(after[:, free], before[:, free], rtol=1e-8, atol=1e-9)
    amplitude = columns_in(table, "amplitude")
    expected = np.abs(factor) ** np.array([1, 1, 1, 2])
    np.testing.assert_allclose(after[:, amplitude], before[:, amplitude] * expected, rtol=1e-12)


def test_a_constant_added_changes_amplitudes_only():
    block, table = bursts(c=1), table_of(1000)
    before, after = measured(block), measured(block + 5.0)
    free = columns_in(table, *(name for name in table.sets if name != "amplitude"))
    np.testing.assert_allclose(after[:, free], before[:, free], rtol=1e-8, atol=1e-9)
    peak = table.names.index("peak_amplitude")
    assert (np.abs(after - before)[:, peak] > 1).all()


def test_content_that_is_moved_within_the_window_moves_the_time_of_its_maximum_alone():
    t = np.arange(1000) / RATE
    x = np.exp(-(((t - 4) / 0.3) ** 2)) * np.sin(2 * np.pi * 8 * t)
    before, after = one(x), one(np.roll(x, 150))
    assert after["time_of_maximum"] - before["time_of_maximum"] == pytest.approx(0.15, abs=1e-9)
    for name in before:
        if name != "time_of_maximum":
            assert after[name] == pytest.approx(before[name], rel=1e-4, abs=1e-6), name


def test_content_that_is_turned_around_in_time_rises_as_it_fell():
    t = np.arange(1000) / RATE
    x = np.where(t > 2, np.exp(-(t - 2)), 0) * np.sin(2 * np.pi * 8 * t)
    before, after = one(x), one(x[::-1])
    assert before["rise_time"] < 0.3 < 1.0 < after["rise_time"]
    assert before["dominant_frequency"] == after["dominant_frequency"]


# ---- known answers ----
def test_a_sine_has_its_frequency_and_its_amplitudes():
    x = 3 * np.sin(2 * np.pi * 5 * (np.arange(1000) + 0.5) / RATE)
    found = one(x)
    assert found["dominant_frequency"] == 5.0
    assert found["centroid_frequency"] == pytest.approx(5.0, abs=0.05)
    assert found["zero_crossing_rate"] == pytest.approx(10.0, abs=0.2)
    assert found["peak_amplitude"] == pytest.approx(3.0, rel=2e-2)
    assert found["rms_amplitude"] == pytest.approx(3 / np.sqrt(2), rel=1e-9)
    assert found["energy"] == pytest.approx(10 * 4.5, rel=1e-9)
    assert found["crest_factor"] == pytest.approx(np.sqrt(2), rel=2e-2)
    assert found["kurtosis"] == pytest.approx(-1.5, rel=1e-6)
    assert found["autocorrelation_lag"] == pytest.approx(0.2)
    assert found["autocorrelation_peak"] == pytest.approx(0.98, abs=5e-3)  # 980 of 1000 samples overlap
    assert found["energy_3.12_to_6.25_hz"] == pytest.approx(0, abs=1e-2)
    assert found["spectral_entropy"] < 0.3
    assert found["significant_duration"] == pytest.approx(9.0, abs=0.1)
    assert found["duration"] == 10.0


def test_white_noise_is_flat_in_frequency_and_even_in_time():
    found = measured(np.random.default_rng(0).normal(size=(200, 1, 1000))).mean(axis=0)
    table = dict(zip(table_of(1000).names, found))
    assert table["spectral_slope"] == pytest.approx(0, abs=0.02)
    assert table["spectral_flatness"] == pytest.approx(
        np.exp(-np.euler_gamma), abs=0.01
    )  # of exponential power
    assert table["centroid_frequency"] == pytest.approx(25, abs=0.3)
    assert table["bandwidth"] == pytest.approx(50 / np.sqrt(12), abs=0.3)
    assert table["zero_crossing_rate"] == pytest.approx(50, abs=0.5)
    assert table["kurtosis"] == pytest.approx(0, abs=0.05)
    assert table["envelope_variation"] == pytest.approx(np.sqrt(4 / np.pi - 1), abs=0.01)  # of Rayleigh's
    assert 10 ** table["energy_25_to_50_hz"] == pytest.approx(0.5, abs=0.02)


def test_brown_noise_falls_by_two_decades_of_power_a_decade():
    x = np.random.default_rng(0).normal(size=(100, 1, 1000)).cumsum(axis=-1)
    slope = table_of(1000).names.index("spectral_slope")
    assert measured(detrend(x), highest=20.0)[:, slope].mean() == pytest.approx(-2, abs=0.15)


@pytest.mark.parametrize("beat", [1.5, 2.0, 3.0])
def test_footfalls_repeat_in_the_envelope(beat):
    rng = np.random.default_rng(0)
    t = np.arange(1000) / RATE
    since = t % (1 / beat)
    x = np.exp(-since / 0.04) * rng.normal(size=1000) + 0.02 * rng.normal(size=1000)  # no two steps are alike
    found = one(x)
    assert found["envelope_autocorrelation_lag"] == pytest.approx(1 / beat, abs=0.03)
    assert found["envelope_autocorrelation_peak"] > 0.3
    noise = one(rng.normal(size=1000))
    assert noise["envelope_autocorrelation_peak"] < 0.2


@pytest.mark.parametrize("rate_of_decay", [0.25, 1.0, 2.0])
def test_the_decay_of_an_exponential_is_found(rate_of_decay):
    t = np.arange(1000) / RATE
    x = np.where(t >= 1, np.exp(-rate_of_decay * (t - 1)), 1e-6) * np.sin(2 * np.pi * 11 * t)
    assert one(x)["decay_rate"] == pytest.approx(rate_of_decay, rel=0.05)


def test_an_onset_triggers():
    x = np.random.default_rng(0).normal(size=1000)
    assert one(x)["sta_lta_maximum"] < 2
    x[600:] *= 30
    assert one(x)["sta_lta_maximum"] == pytest.approx(
        5, abs=0.1
    )  # no more, since a fifth of the long mean is the short


# ---- gaps, dead components, odd windows ----
def test_gaps_are_left_out_of_moments_and_count_as_the_mean_elsewhere():
    x = bursts(w=1, c=1)[0, 0]
    x[300:340] = np.nan
    known = x[~np.isnan(x)]
    found = one(x)
    assert found["rms_amplitude"] == pytest.approx(np.sqrt((known**2).mean()))
    assert found["energy"] == pytest.approx((known**2).sum() / RATE)
    assert found["crest_factor"] == pytest.approx(np.abs(known - known.mean()).max() / known.std())
    filled = one(np.where(np.isnan(x), known.mean(), x))
    table = table_of(1000)
    for name in (*table.sets["cepstral"], *table.sets["trigger"], "dominant_frequency", "spectral_slope"):
        assert found[name] == pytest.approx(filled[name], rel=1e-9), name
    assert found["kurtosis"] != pytest.approx(filled["kurtosis"], rel=1e-3)


def test_what_is_not_live_or_never_changes_has_no_measurements():
    block, live = bursts(w=5), np.ones((5, 3), bool)
    live[0, 1] = False
    block[1, 2] = 0.0
    block[2, 0] = np.nan
    block[3, 1] = 7.25
    found = measured(block, live=live)
    n_each = found.shape[1] // 3
    dead = np.isnan(found.reshape(5, 3, n_each))
    expected = np.zeros((5, 3), bool)
    expected[[0, 1, 2, 3], [1, 2, 0, 1]] = True
    np.testing.assert_array_equal(dead.all(axis=2), expected)
    np.testing.assert_array_equal(dead.any(axis=2), expected)


def test_polarisation_is_measured_where_all_three_components_are_live():
    block, live = bursts(w=5), np.ones((5, 3), bool)
    live[2, 0] = False
    found = measure_waveforms(block, live, rate=RATE, of=(0,), three=(2, 1, 0))
    turned = np.ascontiguousarray(block[:, ::-1])
    np.testing.assert_array_equal(
        found[[0, 1, 3, 4], -6:], np.hstack([polarisation(turned), component_ratios(turned)])[[0, 1, 3, 4]]
    )
    assert np.isnan(found[2]).all()
    alone = measure_waveforms(block, live, rate=RATE, of=(1,), three=(0, 1, 2))
    assert np.isfinite(alone[2, :-6]).all()
    assert np.isnan(alone[2, -6:]).all()


ODD = {
    "one sample at the start": np.eye(1, 64)[0],
    "one sample at the end": np.eye(1, 64, 63)[0],
    "opposite ends": np.eye(1, 64)[0] - np.eye(1, 64, 63)[0],
    "up and down": np.tile([1.0, -1.0], 32),
    "an even envelope": np.tile([1.0, 0.0, -1.0, 0.0], 16),
    "a step": np.repeat([0.0, 1.0], 32),
    "a ramp": np.arange(64.0),
    "two known samples": np.where(np.isin(np.arange(64), [10, 50]), np.arange(64.0), np.nan),
    "clipped": np.clip(np.random.default_rng(0).normal(size=64) * 9, -1, 1),
    "tiny": np.random.default_rng(0).normal(size=64) * 1e-60,
    "huge": np.random.default_rng(0).normal(size=64) * 1e60,
}


@pytest.mark.parametrize("name", ODD)
def test_every_window_that_changes_has_finite_measurements(name):
    for taper in (0.0, 0.05, 1.0):
        assert np.isfinite(list(one(ODD[name], taper=taper).values())).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([-3.0, 0.0, 0.0, 1.0, 1000.0, np.nan]), min_size=16, max_size=48))
def test_every_window_of_few_values_has_finite_measurements_or_none(values):
    found = np.array(list(one(values).values()))
    known = {value for value in values if not np.isnan(value)}
    assert np.isfinite(found).all() if len(known) > 1 else np.isnan(found).all()


# ---- the door ----
@pytest.mark.parametrize("taper", [-0.1, 1.2, np.nan])
def test_tapers_out_of_range_are_refused(taper):
    with pytest.raises(SettingError, match=f"'taper' setting of windows must be from 0 to 1. Got {taper}"):
        measured(bursts(w=1), taper=taper)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"Got \(2, 3, 1000\) and \(2, 2\)"):
        measured(bursts(w=2), live=np.ones((2, 2), bool))


def test_no_windows_have_no_measurements():
    assert measured(bursts()[:0], three=(0, 1, 2)).shape == (
        0,
        len(table_of(1000, components="ZNE").names) + 6,
    )


def test_the_taper_is_tukeys_without_its_zeros():
    from scipy.signal.windows import tukey

    for share in (0.0, 0.05, 1.0):
        fade = cosine_taper(100, share)
        np.testing.assert_array_equal(fade, tukey(102, share)[1:-1])
        assert fade.min() > 0
    assert (cosine_taper(1000, 0.1)[55:-55] == 1).all()
    assert (cosine_taper(1000, 0.1)[:45] < 1).all()


def test_rows_fill_the_registers_and_long_windows_are_alone():
    assert [waveforms.rows_at_once(n) for n in (16, 1000, 60_000, 70_000)] == [2048, 32, 16, 1]
    assert spectral_lines(RATE, 1000).n_fft == 1000
