"""Components, filters and rates, as a picking net takes them."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.neural import ground as grounds
from clew.neural.ground import fit, grounds_of, passing_of, resampling_of
from clew.read.recording import Recording, recording_of
from tests.neural.picking_models import bare_model

BANDPASS = {"args": ["bandpass"], "kwargs": {"freqmin": 1, "freqmax": 20, "corners": 2, "zerophase": True}}


def noise(
    n: int = 3000, *, rate: float = 100.0, components: str | list[str] = "ZNE", seed: int = 0
) -> Recording:
    values = np.random.default_rng(seed).normal(size=(len(components), n)) * 100 + 5000
    return recording_of(values, rate=rate, components=list(components), name="A.B..HH")


def whole(recording: Recording, **model: object) -> np.ndarray:
    """Return one run as the net takes it, in windows that touch, joined."""
    (one,), _ = grounds_of(bare_model(**model), recording)
    return one._prepared(0, one.n)


# ---- components ----
def test_components_are_found_by_name_whatever_their_order() -> None:
    assert fit(bare_model(), noise(components="NEZ")).rows == (2, 0, 1)
    assert fit(bare_model(components="NEZ"), noise(components="zne")).rows == (1, 2, 0)
    assert fit(bare_model(), noise(components="ENZ")).notes == ()


def test_horizontals_that_are_numbered_are_taken_and_that_is_said() -> None:
    found = fit(bare_model(), noise(components="12Z"))
    assert found.rows == (2, 0, 1)
    assert found.notes == (
        "'A.B..HH': component 1 was taken as N.",
        "'A.B..HH': component 2 was taken as E.",
    )


def test_a_missing_component_is_zeros_a_copy_or_an_error() -> None:
    one = noise(components="ZN")
    assert fit(bare_model(), one).rows == (0, 1, -1)
    assert fit(bare_model(), one).notes == ("'A.B..HH': E is not there and is taken as zeros.",)
    with pytest.raises(DataError, match=r"must have all components that the model takes \(Z, N and E\)"):
        fit(bare_model(), one, missing="refuse")
    out = np.empty((3, 200), np.float32)
    for missing, same in (("zeros", False), ("copy", True)):
        (run,), _ = grounds_of(bare_model(), one, missing=missing)  # type: ignore[arg-type]
        run.read(100, out)
        assert out[0].any() and (out[2] == (out[0] if same else 0)).all()


def test_a_recording_of_other_components_is_refused() -> None:
    with pytest.raises(DataError, match="must have one of the components Z, N and E .* Got 'pressure'"):
        fit(bare_model(), noise(components=["pressure"]))


def test_one_component_without_a_name_is_the_vertical() -> None:
    found = fit(bare_model(), noise(components=[""]))
    assert found.rows == (0, -1, -1) and "has no name and was taken as Z" in found.notes[0]


# ---- runs ----
def test_a_recording_is_divided_where_components_come_go_or_die() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4000))
    values[:, 1000:1010] = np.nan
    values[:, 1060:1070] = np.nan
    values[1, 3000:3400] = 7.0
    runs, notes = grounds_of(bare_model(), recording_of(values, rate=100.0, name="x"))
    assert [(one.run.first, one.run.stop) for one in runs] == [
        (0, 1000),
        (1070, 3000),
        (3000, 3400),
        (3400, 4000),
    ]
    assert [one.rows for one in runs] == [(0, 1, 2), (0, 1, 2), (0, -1, 1), (0, 1, 2)]
    assert notes == [
        "'x': left out 1 run shorter than 1 s (0.5 s).",
        "'x': component N is missing or dead for 4 s in which others live.",
    ]


def test_a_short_run_stands_in_the_middle_of_its_window_and_that_is_said() -> None:
    one = noise(150)
    (run,), notes = grounds_of(bare_model(), one)
    out = np.empty((3, 200), np.float32)
    run.read(-run.ahead, out)
    values = one.read(0, 150)
    np.testing.assert_allclose(out[:, 25:175], values - values.mean(axis=1, keepdims=True), atol=1e-4)
    assert not out[:, :25].any() and not out[:, 175:].any()
    assert notes == ["'A.B..HH': It is shorter than a window (2 s) and padded with 0.5 s of zeros."]


def test_a_large_offset_costs_no_digits() -> None:
    small = np.random.default_rng(0).normal(size=(3, 400))
    out = np.empty((2, 3, 200), np.float32)
    for offset, row in zip((0.0, 1e9), out):
        (run,), _ = grounds_of(bare_model(), recording_of(small + offset, rate=100.0))
        run.read(100, row)
    np.testing.assert_allclose(out[1], out[0], atol=1e-5)  # 1e9 as float32 has steps of 64


# ---- rates ----
@pytest.mark.parametrize("rate", [50.0, 200.0, 20.0, 125.0, 62.5])
def test_a_tone_is_the_same_tone_at_another_rate(rate: float) -> None:
    t = np.arange(int(40 * rate)) / rate
    tone = np.sin(2 * np.pi * 3.0 * t + 0.4)
    got = whole(recording_of(np.array([tone] * 3), rate=rate))
    at = np.arange(got.shape[1]) / 100.0
    inner = slice(200, -200)
    np.testing.assert_allclose(got[0, inner], np.sin(2 * np.pi * 3.0 * at + 0.4)[inner], atol=2e-3)
    assert got.shape[1] == (len(t) - 1) * 100 // rate + 1


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    t = np.arange(8000) / 200.0
    got = whole(recording_of(np.array([np.sin(2 * np.pi * 73.0 * t)] * 3), rate=200.0))
    assert np.abs(got[:, 200:-200]).max() < 0.01
    assert np.abs(np.sin(2 * np.pi * 73.0 * t)[::2]).max() > 0.9  # every second sample would hear it at 27 Hz


def test_resampling_is_scipys() -> None:
    from scipy.signal import resample_poly

    for rate, up, down in ((40.0, 5, 2), (250.0, 2, 5)):
        one = noise(2000, rate=rate)
        theirs = resample_poly(one.read(0, 2000), up, down, axis=1, padtype="edge")
        np.testing.assert_allclose(
            whole(one)[:, 100:-100], theirs[:, 100 : whole(one).shape[1] - 100], atol=1e-6
        )


def test_the_time_of_a_resampled_sample_is_exact() -> None:
    recording = recording_of(np.random.default_rng(0).normal(size=(3, 4000)), rate=62.5, start=1.0e9)
    (run,), notes = grounds_of(bare_model(), recording)
    assert run.time(800) == 1.0e9 + 8.0 and run.rate == 100.0
    assert notes == ["'recording': resampled from 62.5 to 100 Hz; above 31.25 Hz it holds nothing."]


def test_nearly_the_same_rate_is_taken_as_it_is_and_keeps_its_times() -> None:
    recording = recording_of(np.random.default_rng(0).normal(size=(3, 4000)), rate=99.999)
    (run,), notes = grounds_of(bare_model(), recording)
    assert run.resampling is None and not notes
    assert run.time(3000) == 3000 / 99.999


def test_a_rate_out_of_reach_is_refused() -> None:
    with pytest.raises(DataError, match="must be from 0.1 to 100000 Hz"):
        resampling_of(0.001, 100.0)


# ---- filters ----
@pytest.mark.parametrize("zero", [True, False])
def test_the_filter_is_obspys_away_from_the_ends(zero: bool) -> None:
    from obspy import Trace

    one = noise(6000)
    said = {"args": ["bandpass"], "kwargs": {"freqmin": 1, "freqmax": 45, "corners": 2, "zerophase": zero}}
    trace = Trace(one.read(0, 6000)[0] - 5000, {"sampling_rate": 100.0}).filter("bandpass", **said["kwargs"])
    inner = slice(1500, -1500)
    np.testing.assert_allclose(whole(one, filter=said)[0, inner], trace.data[inner], atol=1e-5)


def test_a_constant_passes_a_filter_as_a_constant() -> None:
    x = np.full((1, 500), 42.0)
    for kind, level in (("highpass", 0.0), ("lowpass", 42.0)):
        for zero in (True, False):
            passing = passing_of({"args": [kind], "kwargs": {"freq": 5, "zerophase": zero}}, 100.0)
            assert passing is not None
            np.testing.assert_allclose(passing.apply(x), level, atol=1e-6)


def test_a_filter_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingError, match="must be one of: bandpass.* Got lowpass_fir"):
        passing_of({"args": ["lowpass_fir"], "kwargs": {"freq": 3}}, 100.0)
    with pytest.raises(SettingError, match="must lie between 0 and half the rate"):
        passing_of({"args": ["lowpass"], "kwargs": {"freq": 30}}, 50.0)
    high = passing_of(BANDPASS | {"kwargs": {"freqmin": 1, "freqmax": 45}}, 50.0)
    assert high is not None and high.sos.shape == (2, 6)  # what lies above 25 Hz is not there


# ---- in blocks ----
@pytest.mark.parametrize("rate", [100.0, 40.0, 250.0])
def test_samples_are_the_same_in_blocks_of_any_size(rate: float, monkeypatch: pytest.MonkeyPatch) -> None:
    one, window = noise(9000, rate=rate), np.empty((3, 200), np.float32)
    model = bare_model(filter=BANDPASS | {"kwargs": {**BANDPASS["kwargs"], "freqmax": 15}})  # type: ignore[dict-item]
    (run,), _ = grounds_of(model, one)
    expected = run._prepared(0, run.n)
    scale = expected.std()
    for block in (500, 1111):
        monkeypatch.setattr(grounds, "BLOCK", block)
        run.forget()
        for start in range(0, run.n - 200, 700):
            run.read(start, window)
            x = expected[:, start : start + 200]
            np.testing.assert_allclose(window, x - x.mean(axis=1, keepdims=True), atol=1e-5 * scale)
    deaf = passing_of(model.filter, rate)
    assert deaf is not None
    piece = deaf.apply(one.read(1000, 1500))  # without what lies around it, it would not be so
    assert np.abs(piece - deaf.apply(one.read(0, 9000))[:, 1000:1500]).max() > 1e-2 * scale
