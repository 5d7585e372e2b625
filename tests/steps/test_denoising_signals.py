"""Recordings in, denoised miniSEED and a model out."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.neural import signal_denoising
from clew.neural.signal_denoising import SignalSettings
from clew.read.miniseed_writer import MiniseedFile
from clew.read.recording import InMemory, recording_of
from clew.read.recordings import read_recordings
from clew.steps.denoising_signals import _dtype, _restored, denoise_recordings, diagnosis

obspy = pytest.importorskip("obspy")
RATE, START = 25.0, 1709532000.0
CODES = ("HHZ", "HHN", "HHE")


def counts(n=10000, seed=0):
    white = np.random.default_rng(seed).standard_normal((3, n + 4))
    smooth = sum(white[:, i : i + n] for i in range(5)) * 200
    smooth[:, 6000:6200] += 20000 * white[:, 6000:6200]
    return np.rint(smooth).astype(np.int32)


def write(path, values, stretches=((0, None),)):
    with MiniseedFile(path) as file:
        for code, row in zip(CODES, values):
            for first, stop in stretches:
                file.append(
                    row[first:stop], identifier=f"BW.UH1..{code}", rate=RATE, start=START + first / RATE
                )


@pytest.fixture(scope="module")
def denoised(tmp_path_factory):
    folder = tmp_path_factory.mktemp("denoised")
    (folder / "in").mkdir()
    write(folder / "in" / "a.mseed", counts(), ((0, 4000), (4500, None)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            signal_denoising,
            "SignalSettings",
            partial(SignalSettings, rows_per_epoch=32, n_signals=8, channels=(4, 8)),
        )
        outcome = denoise_recordings([folder / "in"], out=folder / "out", max_epochs=1)
    return folder, outcome


def test_ids_times_rate_dtype_and_gaps_are_those_of_the_recording(denoised):
    folder, outcome = denoised
    before, after = (
        obspy.read(path).merge().sort()
        for path in (folder / "in" / "a.mseed", folder / "out" / outcome.data["files"][0])
    )
    assert len(after) == 3
    for one, other in zip(before, after):
        assert (one.id, one.stats.starttime, one.stats.sampling_rate, one.stats.npts) == (
            other.id,
            other.stats.starttime,
            other.stats.sampling_rate,
            other.stats.npts,
        )
        assert other.data.dtype == np.int32
        np.testing.assert_array_equal(one.data.mask, other.data.mask)
        assert not np.array_equal(one.data, other.data)


def test_the_outcome_warns_of_invented_shapes_and_tells_of_correlated_noise(denoised):
    _, outcome = denoised
    told = " ".join(outcome.lines)
    assert "believe no event that is to be seen only here" in told and "hangs together in time" in told
    assert outcome.data["method"] == "autoencoder" and 0 < outcome.data["energy_left"]["BW.UH1.HH.mseed"] < 1
    assert outcome.result.excerpts[0].before.size == outcome.result.excerpts[0].after.size == 750


def test_a_model_is_used_again_to_the_same_bits(denoised, tmp_path):
    folder, outcome = denoised
    denoise_recordings([folder / "in"], out=tmp_path / "again", model=folder / "out" / "denoiser")
    name = outcome.data["files"][0]
    assert (tmp_path / "again" / name).read_bytes() == (folder / "out" / name).read_bytes()
    assert not (tmp_path / "again" / "denoiser").exists()
    with pytest.raises(SettingError, match="must be that of the model"):
        denoise_recordings(
            [folder / "in"], out=tmp_path / "n2v", method="n2v", model=folder / "out" / "denoiser"
        )


def test_a_model_that_is_there_is_not_overwritten(denoised):
    folder, _ = denoised
    with pytest.raises(SettingError, match="must hold no model yet"):
        denoise_recordings([folder / "in"], out=folder / "out")


def test_noise2void_denoises_recordings_where_it_is_asked_for(tmp_path, monkeypatch):
    from clew.neural import denoise_settings

    plain = denoise_settings.DenoiseSettings
    monkeypatch.setattr(
        "clew.steps.denoising_signals.DenoiseSettings",
        lambda **how: plain(updates=2, channels=(4, 8), turns=False, **how),
    )
    write(tmp_path / "a.mseed", counts(4000))
    outcome = denoise_recordings([tmp_path / "a.mseed"], out=tmp_path / "out", method="n2v")
    stream = obspy.read(tmp_path / "out" / outcome.data["files"][0])
    assert len(stream) == 3 and stream[0].stats.npts == 4000
    assert "will not remove it" in " ".join(outcome.lines)


def test_what_is_too_short_to_learn_from_is_refused(tmp_path):
    write(tmp_path / "a.mseed", counts(400))
    with pytest.raises(DataError, match=r"at least 4 quiet windows of 30 s\. Got 0"):
        denoise_recordings([tmp_path / "a.mseed"], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_independent_noise_is_told_from_noise_that_hangs_together():
    white = np.random.default_rng(0).standard_normal((1, 20000))
    assert diagnosis([recording_of(white, rate=100.0)])[0]
    assert not diagnosis([recording_of(white[:, 1:] + white[:, :-1], rate=100.0)])[0]


def test_whole_counts_are_rounded_and_clipped_and_floats_kept():
    kept, clipped = _restored(np.array([1.6, -3e9, 3e9]), np.dtype(np.int32))
    assert kept.tolist() == [2, -(2**31), 2**31 - 1] and clipped == 2
    assert _restored(np.array([1.6]), np.dtype(np.float64))[0].tolist() == [1.6]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([1, 2], "int32"), ([0.5, 2], "float32"), ([0.1, 2], "float64"), ([np.nan, 3], "int32")],
)
def test_the_dtype_is_told_by_the_samples(values, wanted):
    assert _dtype(recording_of(np.array([values], float), rate=RATE), 0) == wanted


def test_recordings_are_streamed_in_pieces(tmp_path, monkeypatch):
    """No read is longer than a tile with what lies around it, but for what quiet parts and rounding look at."""
    from clew.neural import signal_denoiser

    longest = []
    real = InMemory.read
    monkeypatch.setattr(InMemory, "read", lambda self, a, b: longest.append(b - a) or real(self, a, b))
    monkeypatch.setattr(signal_denoiser, "TILE", 64)
    monkeypatch.setattr("clew.measure.runs.BLOCK", 1000)
    run = signal_denoiser.living_runs(recording_of(counts(20000).astype(float), rate=RATE))[0]
    longest.clear()
    run.spectra(64, 128)
    assert 0 < max(longest) < 2000


def test_what_was_written_is_a_recording_again(denoised):
    folder, outcome = denoised
    (again,) = read_recordings([folder / "out" / outcome.data["files"][0]]).recordings
    assert again.components == ("Z", "N", "E") and again.n == 10000
