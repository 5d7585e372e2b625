"""How good encoders and decoders are on real data; with ``CLEW_QUALITY=1 pytest -s`` it prints the figures."""

import os

import numpy as np
import pytest

from clew.bench.coding_quality import Digits, judge_quality, map_quality, quake_quality, vae_quality
from tests.conftest import shared

quality = pytest.mark.skipif(not os.environ.get("CLEW_QUALITY"), reason="trains for minutes: make quality")


def digits(n):
    with np.load(shared("images/digits/mnist_28x28_uint8.npz")) as held:
        return Digits.of(held["images"][:n], held["labels"][:n])


def test_no_digit_is_learnt_that_is_asked_about():
    found = digits(600)
    assert len(found.X) == 500 and len(found.unseen) == 100 and found.X.max() == 1
    assert not {one.tobytes() for one in found.X} & {one.tobytes() for one in found.unseen}


@pytest.mark.slow
@quality
def test_samples_of_digits_are_taken_for_digits_and_the_bound_of_many_draws_is_tighter():
    rows = digits(6000)
    cnn, judge = judge_quality(rows)
    print(f"\n{judge}")
    assert judge.accuracy > 0.96 and judge.on_digits > 0.95 > 0.8 > max(judge.on_noise, judge.on_shuffled)
    for conditional in (False, True):
        found = vae_quality(rows, cnn, conditional=conditional)
        print(found)
        assert found.elbo < found.bound < -80 and found.confidence > 0.8
        assert not conditional or found.as_asked > 0.75


@pytest.mark.slow
@quality
@pytest.mark.parametrize("latent", [2, 8, 16])
def test_latent_numbers_tell_digits_better_than_principal_components(latent):
    found = map_quality(digits(6000), latent=latent)
    print(f"\n{found}")
    assert found.autoencoder > found.pca


@pytest.mark.slow
@quality
def test_latent_numbers_tell_earthquakes_from_noise(tmp_path):
    from tests.neural.test_quality import cut
    from tests.steps.test_real_signals import event_and_noise

    folder = shared("signals/phasenet_ncedc")
    event_and_noise(folder).to_csv(tmp_path / "windows.csv", index=False)
    heard = {"rate": 100, "window": "10", "highpass": 1.0, "phase": "causal"}
    found = quake_quality(*cut(tmp_path, folder, annotations=tmp_path / "windows.csv", group="site", **heard))
    print(f"\n{found}")
    assert (
        found.measured > found.pictures > found.waves > 0.6
    )  # what a net is not told to look for it need not keep
    assert found.pictures > 0.75 and abs(found.permuted - 0.5) < 0.1
