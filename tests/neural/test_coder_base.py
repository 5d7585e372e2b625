import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from clew.errors import SettingError
from clew.neural.coder_base import between
from clew.neural.coders import NetAutoencoder, NetVae

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(80, 6))
FAILS = {
    "check_n_features_in_after_fitting": "the sentence is our own",
    "check_complex_data": "the sentence is our own",
    "check_dtype_object": "the error is a DataError, with our own sentence",
    "check_sample_weight_equivalence_on_dense_data": "batches of weighted rows are others than those of repeated rows",
}


@parametrize_with_checks(
    [NetAutoencoder(max_epochs=2), NetVae(max_epochs=2)], expected_failed_checks=lambda estimator: FAILS
)
def test_they_keep_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("scale", ["training", "each", "peak", "none"])
def test_what_comes_back_is_in_the_units_of_the_rows(scale):
    X = 1000 + 50 * RANDOM.normal(size=(30, 2, 40)).cumsum(axis=2)
    fitted = NetAutoencoder(scale=scale, max_epochs=1, held_out=0.2).fit(X)
    back, scaled = fitted.reconstruct(X), fitted.preprocess_.apply(X, dtype=np.float64).values
    np.testing.assert_allclose(fitted.preprocess_.undo(scaled, like=X), X, rtol=1e-9)
    assert back.shape == X.shape
    again = fitted.preprocess_.apply(X).values
    if scale in ("training", "none"):
        error = (fitted.preprocess_.apply(back, dtype=np.float64).values - again) ** 2
        np.testing.assert_allclose(error.mean(axis=(1, 2)), fitted.anomaly(X), rtol=1e-3)


def test_rarity_is_a_p_value_and_a_strange_row_is_rare():
    X = RANDOM.normal(size=(3000, 4))
    X[:, 2:] = X[:, :2] + 0.1 * RANDOM.normal(size=(3000, 2))
    fitted = NetAutoencoder(
        net_settings={"hidden": (), "latent": 2}, max_epochs=6, held_out=0.3, lr=0.01
    ).fit(X[:2000])
    rare = fitted.rarity(X[2000:])
    for share in (0.05, 0.2, 0.5):
        assert (rare <= share).mean() == pytest.approx(
            share, abs=4 * np.sqrt(share * (1 - share) / 1000 * 2.7)
        )
    strange = np.array([[2.0, 2.0, -2.0, -2.0]])
    assert fitted.rarity(strange) == pytest.approx(1 / 601)
    assert (fitted.rarity_of(fitted.errors_) > 0).all() and fitted.rarity_of(np.array([0.0])) == 1
    assert "rarer than they are" in repr(NetAutoencoder(max_epochs=1).fit(X[:50]))


def test_ways_are_straight_or_keep_to_the_sphere():
    a, b = np.array([3.0, 0.0]), np.array([0.0, 4.0])
    np.testing.assert_allclose(between(a, b, 3), [a, (a + b) / 2, b])
    arc = between(a, b, 5, path="spherical")
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), np.linspace(3, 4, 5))
    np.testing.assert_allclose(np.arctan2(arc[:, 1], arc[:, 0]), np.linspace(0, np.pi / 2, 5))
    np.testing.assert_allclose(
        between(a, 0 * b, 3, path="spherical"), [a, a / 2, 0 * b]
    )  # no arc through the origin
    with pytest.raises(SettingError, match="'n' of an interpolation"):
        between(a, b, 1)


def test_the_same_seed_gives_the_same_bits_and_leaves_the_callers_state():
    before = torch.get_rng_state()
    how = {"max_epochs": 2, "held_out": 0.25}
    one, other = (NetVae(random_state=5, **how).fit(TABLE) for _ in range(2))
    np.testing.assert_array_equal(one.transform(TABLE), other.transform(TABLE))
    np.testing.assert_array_equal(one.elbo(TABLE), other.elbo(TABLE))
    assert torch.equal(before, torch.get_rng_state())
