"""The rows of `clew bench encoders`: both sides do the same work, and what judges them can tell good from bad."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from clew.bench import encoders
from clew.bench.encoders import Answered, Camera, Codes, Nuclei, Variational, nuclei, works


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name, value in {
        "LEVELS": (4, 8),
        "UPDATES": 20,
        "PIECE": 32,
        "SIDE": 96,
        "TILE": 40,
        "EPOCHS": 3,
    }.items():
        monkeypatch.setattr(encoders, name, value)


def test_every_work_has_a_rival():
    names = [one.name for one in works()]
    assert names == ["unet-train", "unet-predict", "denoise-camera", "code-digits", "vae-loop"]
    assert all(one.rival for one in works())


def test_a_net_is_judged_by_what_it_says_of_images_that_taught_nothing():
    data = Nuclei(side=64, n=2)
    told = data.judge([data.ours(0)])
    assert 0 <= told["iou"] < 1 and told["parameters"] > 100

    class Truth:
        """Says the truth of image after image."""

        def __init__(self):
            self.left = list(data.truth)

        def __call__(self, image):
            import torch

            from clew.neural.segmenting import instance_targets

            return torch.eye(3)[torch.from_numpy(instance_targets(self.left.pop(0)))].movedim(2, 0)[None]

        def parameters(self):
            return []

    best = data.judge([Truth()])
    assert best["ap"] > 0.9 > told["ap"] and best["iou"] > 0.9


def test_simulated_nuclei_touch_and_are_brighter_than_the_ground():
    image, labels = nuclei(128, 0)
    assert image.dtype == np.float32 and image[0][labels > 0].mean() > image[0][labels == 0].mean() + 0.3
    beside = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
    assert beside.sum() > 10
    np.testing.assert_array_equal(labels, nuclei(128, 0)[1])


def test_tiles_answer_as_the_whole_image_and_a_shifted_answer_is_noticed():
    data = Answered()
    scores = data.ours(0)
    assert data.judge([scores])["off"] < 1e-5
    assert data.judge([np.roll(scores, 1, axis=1)])["off"] > 1e-3


def test_what_judges_a_photograph_prefers_the_clean_one():
    data = Camera()
    clean, noisy = data.judge([data.clean.astype(float) + 1]), data.judge([data.noisy])
    assert clean["psnr"] > 45 and 20 < noisy["psnr"] < 21  # quality note: 20.16 dB before values are clipped
    assert clean["ssim"] > 0.95 > noisy["ssim"]


def test_digits_are_told_apart_by_a_few_numbers_and_not_by_shuffled_ones():
    data = Codes()
    pca = data.pca(0)
    assert data.ours(0).shape == pca.shape == (1797, encoders.LATENT)
    assert data.judge([pca])["accuracy"] > 0.9
    assert data.judge([np.random.default_rng(0).permutation(pca)])["accuracy"] < 0.2


def test_both_loops_train_the_same_vae():
    data = Variational()
    ours, plain = data.judge([data.ours(0)])["elbo"], data.judge([data.loop(0)])["elbo"]
    assert -40 < ours < -18 and abs(ours - plain) < 4
