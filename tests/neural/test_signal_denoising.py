"""A net that learns to tell simulated earthquakes from noise: mixtures, loss, gain, and a control that fails."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt, sosfiltfilt

from clew.errors import DataError
from clew.measure.frames import Frames
from clew.measure.runs import living_runs
from clew.neural.rows import Rows
from clew.neural.signal_denoising import (
    ROW,
    SEEN,
    SNR,
    MaskError,
    Mixtures,
    SignalSettings,
    fit_signal_denoiser,
    loudness,
    noise_windows,
)
from clew.read.recording import recording_of
from clew.simulate.seismograms import seismograms

RATE = 25.0
TINY = SignalSettings(max_epochs=12, rows_per_epoch=80, n_signals=60, channels=(16, 24), lr=1e-2)


def hum(n, seed=0, rows=3):
    """Noise that hangs together in time: a hum about 4 Hz, in the middle of the signals, and a hiss."""
    white = np.random.default_rng(seed).standard_normal((2, rows, n))
    return (
        sosfilt(butter(2, [3.5, 4.5], "bandpass", fs=RATE, output="sos"), white[0], axis=1) * 3
        + 0.1 * white[1]
    )


def windows(n=6000, seed=0):
    recording = recording_of(hum(n, seed), rate=RATE)
    return noise_windows(recording, living_runs(recording))


@pytest.fixture(scope="module")
def trained():
    return fit_signal_denoiser(windows(), rate=RATE, validation=windows(seed=5), settings=TINY)


@pytest.fixture(scope="module")
def heard():
    """Simulated events in noise that nothing was learnt from, at 0 dB: pairs of truth and noise."""
    made = seismograms(12, rate=RATE, seconds=30.0, random_state=9).waves.astype(np.float64)
    noise = np.stack([hum(made.shape[2], seed=100 + i) for i in range(12)])
    return made * np.sqrt((noise**2).sum((1, 2)) / (made**2).sum((1, 2)))[:, None, None], noise


def above(x, low=1.0, high=None):
    kind = "highpass" if high is None else "bandpass"
    return sosfiltfilt(
        butter(4, low if high is None else [low, high], kind, fs=RATE, output="sos"), x, axis=-1
    )


def gain(truth, out, noise):
    """dB by which the energy of what is wrong falls."""
    return 10 * np.log10((above(noise) ** 2).sum() / ((out - above(truth)) ** 2).sum())


def gained(model, heard):
    return np.median([gain(t, model.denoise(t + n), n) for t, n in zip(*heard)])


def test_it_takes_away_more_noise_than_the_best_band_pass(trained, heard):
    corners = [(a, b) for a in (1.0, 2.0, 3.0, 5.0) for b in (5.5, 8.0, 10.0, 12.0) if a < b]
    passes = max(np.median([gain(t, above(t + n, *one), n) for t, n in zip(*heard)]) for one in corners)
    assert gained(trained, heard) > max(4.0, passes + 1.5)


def test_told_other_signals_it_fails(trained, heard):
    control = fit_signal_denoiser(windows(), rate=RATE, settings=TINY, shuffled=True)
    assert gained(control, heard) < gained(trained, heard) - 2


def test_noise_alone_stays_without_events(trained):
    noise = hum(3000, seed=77)
    out = trained.denoise(noise)
    assert (out**2).sum() < 0.1 * (above(noise) ** 2).sum()
    assert np.abs(out).max() < np.abs(above(noise)).max()


def test_the_validation_says_how_much_is_taken_away(trained):
    history = trained.histories[0]
    assert history.valid_score[-1] > 4 > 1 > history.valid_score[0] - 4
    assert history.valid_loss[-1] < history.chance_loss / 2


def test_the_same_state_gives_the_same_bits_and_another_others():
    short = SignalSettings(max_epochs=1, rows_per_epoch=32, n_signals=8, channels=(4, 8))
    first, again = (fit_signal_denoiser(windows(), rate=RATE, settings=short) for _ in range(2))
    assert first.sha256 == again.sha256
    other = SignalSettings(max_epochs=1, rows_per_epoch=32, n_signals=8, channels=(4, 8), random_state=1)
    assert fit_signal_denoiser(windows(), rate=RATE, settings=other).sha256 != first.sha256


def mixtures(n=4):
    frames, size = Frames(RATE), (2 * ROW - 3) * Frames(RATE).hop
    clean = seismograms(n, rate=RATE, seconds=size / RATE).waves
    spectra = np.stack([frames.spectra(lambda a, b, one=one: one[:, a:b], size) for one in clean])
    return Mixtures(torch.from_numpy(np.stack(windows())), torch.from_numpy(spectra), torch.arange(n))


def test_mixtures_are_new_each_time_and_the_same_from_the_same_generator():
    mixed, random = mixtures(), torch.Generator().manual_seed(3)
    first, second = mixed.draw(8, random), mixed.draw(8, random)
    again = mixed(first, torch.Generator().manual_seed(3))
    assert first.x.shape == (8, 3 * 7, SEEN) and first.y.shape == (8, 2, 3 * 7, SEEN)
    assert torch.equal(first.x, again.x) and torch.equal(first.y, again.y)
    assert not torch.equal(first.x, second.x)


def test_gains_bring_signals_to_ratios_between_the_bounds():
    mixed, which = mixtures(), torch.arange(4)
    noise = mixed.noise[which]
    factor = mixed._gain(which, noise, torch.Generator().manual_seed(0)).flatten()
    ratio = 10 * (factor**2 * loudness(mixed.signals) / loudness(noise)).log10()
    assert ((ratio >= SNR[0] - 1e-4) & (ratio <= SNR[1] + 1e-4) | (factor == 0)).all()


def test_the_right_mask_is_the_best_one():
    random = torch.Generator().manual_seed(0)
    truth, noise = (torch.randn((2, 3, 9, 20), dtype=torch.complex64, generator=random) for _ in range(2))
    there = torch.ones(2, 3, 1, 1, dtype=torch.bool)
    mask = Mixtures._right(truth + noise, truth, noise, there, slice(None))[:, 0].reshape(truth.shape)
    wrong = ((truth + noise) * mask - truth).abs().square()
    for one in torch.linspace(0, 1, 11):
        assert (wrong <= ((truth + noise) * one - truth).abs().square() + 1e-6).all()


def test_the_loss_is_the_weighted_square_and_the_score_the_gain_in_db():
    right, counts = torch.tensor([[[0.5, 0.0]]]), torch.tensor([[[1.0, 3.0]]])
    rows, logit = Rows(right, torch.stack([right, counts], dim=1)), torch.tensor([[[0.0, 0.0]]])
    assert float(MaskError().loss(logit, rows)) == pytest.approx(3 * 0.25 / 2)
    assert MaskError().score(logit, rows) == pytest.approx(10 * np.log10((0.25 + 3) / 0.75))
    assert MaskError().chance(rows) == pytest.approx((0.375**2 + 3 * 0.125**2) / 2)


def test_a_dead_component_is_nothing_and_short_noise_gives_no_window():
    x = hum(1000)
    x[1] = 5
    recording = recording_of(x, rate=RATE)
    (window, *_) = noise_windows(recording, living_runs(recording))
    assert (window[1] == 0).all() and (window[[0, 2]] != 0).any()
    short = recording_of(hum(700), rate=RATE)
    assert noise_windows(short, living_runs(short)) == []


def test_too_little_noise_is_refused():
    with pytest.raises(DataError, match=r"at least 4 quiet windows of 30 s\. Got 1"):
        fit_signal_denoiser(windows()[:1], rate=RATE)
