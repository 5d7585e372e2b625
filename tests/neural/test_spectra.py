"""Spectra of pieces of signals: beside SciPy's, and a tone in its band."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import spectrogram

from clew.errors import SettingError
from clew.neural.preprocess import Preprocess
from clew.neural.spectra import band_names, edges_of, piece_of, shape_of_spectra, spectra_of


def waves(n: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 2, 1000)) * 10.0 ** np.arange(n)[:, None, None]


def test_bands_are_means_of_the_power_that_scipy_finds():
    X, piece = waves(), 32
    _, _, power = spectrogram(X, nperseg=piece, noverlap=0, window="hann", detrend="constant")
    power[..., 1:-1, :] /= 2  # of both sides there
    edges = edges_of(piece)
    bands = np.stack([power[:, :, a:b].mean(axis=2) for a, b in pairwise(edges)], axis=2)
    found = spectra_of(X, piece).reshape(bands.shape)
    bands += 1e-6 * np.median(bands, axis=(1, 2, 3), keepdims=True)
    assert np.ptp(found - 10 * np.log10(bands)) < 1e-4  # a constant factor


def test_a_tone_stands_in_its_band_and_nowhere_else():
    X = np.sin(2 * np.pi * 10 * np.arange(1000) / 100)[None, None]
    piece = piece_of(X.shape)
    names = band_names(["Z"], piece, 100.0)
    loudest = names[spectra_of(X, piece)[0].mean(axis=1).argmax()]
    low, high = loudest.removeprefix("Z ").removesuffix(" Hz").split("-")
    assert float(low) - 100 / piece <= 10 <= float(high) and shape_of_spectra((1, 1000), piece) == (
        len(names),
        31,
    )


def test_the_level_of_each_row_is_kept_or_not_as_the_scale_says():
    X = waves()
    each, training = (Preprocess.learn(X, scale=scale, spectra=True) for scale in ("each", "training"))
    np.testing.assert_allclose(each.apply(X * 100).values, each.apply(X).values, atol=1e-4)
    assert np.abs(training.apply(X * 100).values - training.apply(X).values).max() > 0.1
    for one in (each, training):
        np.testing.assert_allclose(one.undo(one.apply(X).values, like=X), spectra_of(X, one.piece), atol=1e-3)
        assert Preprocess.from_config(one.config()) == one


def test_what_is_too_short_for_spectra_is_refused():
    with pytest.raises(SettingError, match="signals of 128 samples or more"):
        piece_of((5, 1, 100))
