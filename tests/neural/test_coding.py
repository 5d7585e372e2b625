"""Autoencoders for the rows of a study: no labels, principal components beside, codes as samples, rows made up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from clew.errors import DataError, SettingError
from clew.measure.cutouts import Cutouts
from clew.neural.coding import encode, generate, reconstruct, train_coder
from clew.neural.training import train_net
from clew.samples import Samples

QUICK = {"epochs": 3, "hidden": "8", "latent": 2}


def table(n: int = 120, seed: int = 0) -> Samples:
    """Return rows on a plane in 5 dimensions, with a little noise, and labels."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)) @ rng.normal(size=(2, 5)) * 3 + rng.normal(size=(n, 5)) * 0.05 + 10
    return Samples(
        features=X, feature_names=tuple("abcde"), units=("mm",) * 5, sample=np.array([f"r{i}" for i in range(n)]),
        origin=pd.DataFrame({"source": ["t"] * n}), group=np.array([f"r{i}" for i in range(n)]),
        labels=np.where(X[:, 0] > 10, "high", "low"),
    )  # fmt: skip


def pictures(samples: Samples) -> Cutouts:
    values = np.random.default_rng(1).normal(size=(samples.n_rows, 1, 8, 8)).astype(np.float32)
    values[:, 0, 2:6, 2:6] += samples.features[:, :1, None].astype(np.float32)
    return Cutouts(values=values, sample=samples.sample, axes="cyx", channels=["grey"], how={"side": 8})


@pytest.fixture(scope="module")
def trained():
    return train_coder(table(), **QUICK)


@pytest.fixture(scope="module")
def vae():
    return train_coder(table(), model="vae", conditional=True, **QUICK)


def test_labels_have_no_part_in_it(trained):
    rows = table()
    turned = dataclasses.replace(
        rows, labels=rows.labels[::-1].copy(), target=np.arange(rows.n_rows, dtype=float)
    )
    assert train_coder(turned, **QUICK).sha256 == trained.sha256 and trained.kind == "coding"
    other = rows.features.copy()
    other[0, 0] += 5
    assert train_coder(dataclasses.replace(rows, features=other), **QUICK).sha256 != trained.sha256


def test_a_conditional_vae_is_given_the_labels_that_there_are(vae):
    rows = table()
    assert vae.classes == ["high", "low"]
    some = rows.with_labels(np.where(np.arange(rows.n_rows) % 3, rows.labels, ""))
    found = train_coder(some, model="vae", conditional=True, **QUICK)
    assert any("40 rows without a label were left out" in note for note in found.notes) and found.n_rows == 80
    with pytest.raises(DataError, match="at least 8 with a label. Got 0"):
        train_coder(rows.with_labels(None), model="vae", conditional=True, **QUICK)


def test_shares_are_those_of_the_rows_held_out_and_of_principal_components(trained):
    rows = table()
    found = reconstruct(rows, trained)
    held = found.held_out
    assert held.sum() == 24 and trained.n_held_out == 24
    Z = (rows.features - rows.features[~held].mean(axis=0)) / rows.features[~held].std(axis=0)
    pca = PCA(2).fit(Z[~held])
    off = lambda back: 1 - ((Z[held] - back) ** 2).sum() / (Z[held] ** 2).sum()  # noqa: E731
    assert found.pca_share == pytest.approx(off(pca.inverse_transform(pca.transform(Z[held]))), abs=1e-5)
    assert found.pca_share > 0.99  # rows on a plane
    net = trained.estimator()
    back = (net.reconstruct(rows.features[held]) - rows.features[~held].mean(axis=0)) / rows.features[~held].std(axis=0)  # fmt: skip
    assert found.share == pytest.approx(off(back), abs=1e-5)
    assert found.share < found.pca_share  # three epochs are no training: the rival shows it


def test_a_row_that_is_unlike_the_others_is_the_most_anomalous(trained):
    rows = table()
    other = rows.features.copy()
    other[7] += np.array([30, -30, 30, -30, 30])
    found = reconstruct(dataclasses.replace(rows, features=other), trained)
    assert found.most_anomalous(1) == ["r7"] and reconstruct(rows, trained).most_anomalous(1) != ["r7"]


def test_pictures_come_back_as_pictures_with_a_map_of_them():
    rows = table(40)
    cutouts = pictures(rows)
    net = train_coder(rows, cutouts, model="vae", epochs=2)
    found = reconstruct(rows, cutouts, net)
    assert found.axes == "cyx" and found.real.shape == found.decoded.shape == (16, 1, 8, 8)
    assert found.grid.shape == (9, 9, 1, 8, 8) and found.plane.shape == (40, 2) and found.n_latent == 16
    np.testing.assert_array_equal(found.real, cutouts.values[found.shown])
    assert found.score[found.shown[8]] == found.score.max()


def test_codes_are_samples_that_keep_origin_and_group(trained):
    rows = table()
    codes = encode(rows, None, trained)
    assert codes.feature_names == ("latent 1", "latent 2") and codes.features.shape == (120, 2)
    assert codes.group is rows.group or (codes.group == rows.group).all()
    assert codes.origin.equals(rows.origin) and (codes.labels == rows.labels).all()
    np.testing.assert_allclose(codes.features, trained.activations(rows))
    assert np.linalg.matrix_rank(codes.features - codes.features.mean(axis=0)) == 2
    with pytest.raises(SettingError, match="must be an autoencoder or a vae. Got one for classification"):
        encode(rows, None, train_net(rows, model="perceptron", epochs=1, members=1))


def test_what_is_made_up_stands_beside_the_real_row_most_like_it(vae):
    rows = table()
    made = generate(rows, vae, n=5, label="high")
    assert made.generated and set(made.label) == {"high"} and made.values.shape == (5, 5)
    place = [rows.sample.tolist().index(name) for name in made.nearest]
    np.testing.assert_array_equal(made.beside, rows.features[place])
    again = generate(rows, vae, n=5, label="high")
    assert again.digest() == made.digest()
    assert generate(rows, vae, n=5, label="high", random_state=1).digest() != made.digest()


def test_between_two_rows_the_ends_are_what_comes_back_of_them(trained):
    rows = table()
    made = generate(rows, trained, n=4, between=["r3", "r9"])
    ends = trained.estimator().reconstruct(rows.features[[3, 9]])
    np.testing.assert_allclose(made.values[[0, -1]], ends, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "An autoencoder has no known distribution to draw from"),
        ({"between": ["r1"]}, "must name two rows. Got 1"),
        ({"between": ["r1", "nobody"]}, "Got 'nobody'"),
        ({"between": ["r1", "r2"], "label": "high"}, "must not be given with 'between'"),
        ({"n": 0}, "'n' of generate must be a whole number from 2"),
    ],
)
def test_what_an_autoencoder_cannot_make_is_refused(trained, settings, said):
    with pytest.raises((SettingError, DataError), match=said):
        generate(table(), trained, **settings)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="at least 8. Got 5"):
        train_coder(table().take(np.arange(5)))
