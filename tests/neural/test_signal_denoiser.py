"""A denoiser of recordings: tiles, gaps, short ones, saving; the net is not trained, for none of this depends on it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from clew.errors import DataError
from clew.neural import signal_denoiser
from clew.neural.model_rows import plain
from clew.neural.nets.unet import UNet, UNetConfig
from clew.neural.signal_denoiser import CAUTION, SignalDenoiser, slots_of
from clew.neural.stored import weights_of
from clew.read.recording import recording_of

RATE = 25.0


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = UNet(UNetConfig.of((21, 128), 21, channels=(4, 8))).eval()
    return SignalDenoiser(
        rate=RATE,
        n_noise=4,
        architecture="unet",
        net_settings=plain(asdict(net.config)),
        recipe={"lr": 1e-3, "optimizer": "adamw", "schedule": "cosine"},
        seeds=[0],
        weights=weights_of([net]),
        histories=[],
        trained_with={"torch": torch.__version__},
    )


def noise(n=3000, rows=3):
    return np.random.default_rng(0).standard_normal((rows, n)) * 100


def test_tiles_with_their_halo_are_the_whole(model, monkeypatch):
    x = noise()
    whole = model.denoise(x)
    monkeypatch.setattr(signal_denoiser, "TILE", 64)
    np.testing.assert_allclose(model.denoise(x), whole, atol=1e-3)
    monkeypatch.setattr(UNetConfig, "halo", 0)
    assert np.abs(model.denoise(x) - whole).max() > 0.1  # without the halo they differ


def test_pieces_come_in_order_and_cover_each_living_sample_once(model, monkeypatch):
    monkeypatch.setattr(signal_denoiser, "TILE", 64)
    x = noise()
    x[:, 1000:1200] = np.nan
    seen = np.zeros(x.shape, int)
    for one in model.pieces(recording_of(x, rate=RATE)):
        seen[list(one.rows), one.first : one.first + one.values.shape[1]] += 1
    np.testing.assert_array_equal(seen, ~np.isnan(x))


def test_gaps_stay_gaps_and_nothing_leaks_across_them(model):
    x = noise()
    x[:, 1000:1200] = np.nan
    out = model.denoise(x)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(x))
    other = x.copy()
    other[:, :1000] *= 50
    np.testing.assert_array_equal(model.denoise(other)[:, 1200:], out[:, 1200:])


def test_dead_stretches_become_nothing(model):
    x = noise()
    x[0, 500:800] = 12345
    out = model.denoise(x)
    assert (out[0, 500:800] == 0).all() and (out[1, 500:800] != 0).any()


@pytest.mark.parametrize("n", [1, 2, 15, 40])
def test_what_is_shorter_than_the_field_of_view_works(model, n):
    out = model.denoise(noise(n))
    assert out.shape == (3, n) and np.isfinite(out).all()


def test_it_takes_away_and_adds_nothing(model):
    x = noise()
    assert (model.denoise(x) ** 2).sum() < (x**2).sum()


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_any_number_of_components_is_denoised(model, rows):
    assert np.isfinite(model.denoise(noise(500, rows))).all()
    assert model.denoise(noise(500, 1)[0]).shape == (500,)


def test_components_are_heard_by_their_names():
    places = {
        ("Z",): [0],
        ("N", "E"): [1, 2],
        ("Z", "1", "2"): [0, 1, 2],
        ("x", "y"): [0, 1],
        ("N", "1"): [0, 1],
    }
    for names, wanted in places.items():
        assert slots_of(recording_of(noise(10, len(names)), rate=RATE, components=names)) == wanted


def test_another_rate_is_refused(model):
    with pytest.raises(DataError, match=r"trained for \(25 Hz\)\. Got 100 Hz"):
        list(model.pieces(recording_of(noise(), rate=100.0)))


def test_the_same_twice_and_the_same_bits_after_saving(model, tmp_path):
    x = noise(1000)
    before = model.denoise(x)
    np.testing.assert_array_equal(model.denoise(x), before)
    assert CAUTION in model.card_parts().limits
    config = model.to_config()
    again = SignalDenoiser.from_config(config, weights=model.weights, histories=[])
    assert again.sha256 == model.sha256
    np.testing.assert_array_equal(again.denoise(x), before)
