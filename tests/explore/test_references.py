"""The two one-population references: each keeps what it claims to keep of the data, and has one mode."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr

from clew.explore.references import UnimodalComponents, UnimodalEllipsoid, UnimodalMarginals


def draws(reference, count=20, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([reference.draw(rng) for _ in range(count)])


def test_marginals_keep_skew_and_tails():
    X = np.random.default_rng(0).lognormal(size=(400, 3))
    drawn = draws(UnimodalMarginals(X))
    for column, own in zip(drawn.T, X.T):
        assert ks_2samp(column, own).statistic < 0.06
    assert ks_2samp(draws(UnimodalEllipsoid(X))[:, 0], X[:, 0]).statistic > 0.15  # the mutant: skew lost


def test_marginals_fill_the_valley_between_two_modes():
    X = np.r_[np.random.default_rng(0).normal(-4, 1, 200), np.random.default_rng(1).normal(4, 1, 200)][
        :, None
    ]
    between = np.abs(draws(UnimodalMarginals(X))) < 1.5
    assert between.mean() > 0.1
    assert (np.abs(X) < 1.5).mean() < 0.02


def test_marginals_keep_the_rank_correlation():
    rng = np.random.default_rng(0)
    X = np.exp(rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)))
    drawn = draws(UnimodalMarginals(X))
    np.testing.assert_allclose(spearmanr(drawn).statistic, spearmanr(X).statistic, atol=0.05)
    assert np.abs(spearmanr(X).statistic[np.triu_indices(3, 1)]).max() > 0.4


def test_columns_of_few_values_keep_to_them():
    rng = np.random.default_rng(0)
    X = np.column_stack((rng.poisson(2, 300), rng.normal(size=300))).astype(float)
    drawn = draws(UnimodalMarginals(X))
    assert set(drawn[:, 0]) == set(X[:, 0])
    np.testing.assert_allclose(
        np.bincount(drawn[:, 0].astype(int))[:6] / len(drawn),
        np.bincount(X[:, 0].astype(int))[:6] / 300,
        atol=0.06,
    )
    assert len(np.unique(drawn[:, 1])) > 5000


def test_ellipsoid_keeps_center_covariance_and_radius():
    rng = np.random.default_rng(0)
    X = 3 + rng.normal(size=(1000, 4)) @ rng.normal(size=(4, 4))
    drawn = draws(UnimodalEllipsoid(X))
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(
        np.cov(drawn, rowvar=False),
        np.cov(X, rowvar=False),
        atol=0.1 * np.abs(np.cov(X, rowvar=False)).max(),
    )


def radii(X, like):
    return np.linalg.norm(
        (X - like.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(like.T))).T, axis=1
    )


def test_ellipsoid_keeps_a_ball_and_heavy_tails_where_marginals_do_not():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(800, 5))
    ball = direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.random((800, 1)) ** 0.2
    heavy = direction / np.sqrt(rng.chisquare(3, size=(800, 1)) / 3)
    for X in (ball, heavy):
        assert ks_2samp(radii(draws(UnimodalEllipsoid(X)), X), radii(X, X)).statistic < 0.06
        assert ks_2samp(radii(draws(UnimodalMarginals(X)), X), radii(X, X)).statistic > 0.1  # the mutant


def test_density_of_the_ellipsoid_falls_with_the_radius_even_of_a_shell():
    rng = np.random.default_rng(0)
    direction = rng.normal(size=(500, 2))
    shell = direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(0.8, 1, (500, 1))
    areas, _ = np.histogram(radii(draws(UnimodalEllipsoid(shell), 100), shell) ** 2, bins=8, range=(0, 2.2))
    assert (np.diff(areas) < 4 * np.sqrt(areas[:-1])).all()
    assert (
        np.diff(np.histogram(radii(shell, shell) ** 2, bins=8, range=(0, 2.2))[0]) > 20
    ).any()  # the mutant


def turned(X):
    """The same rows along their principal axes."""
    u, scale, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return u * scale


def kurtosis_along(X, direction):
    x = X @ direction
    return ((x - x.mean()) ** 4).mean() / x.var() ** 2


def test_components_keep_flat_features_that_the_axes_hide():
    X = np.random.default_rng(0).random((600, 4))
    axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2]
    of_components, of_columns = draws(UnimodalComponents(turned(X))), draws(UnimodalMarginals(turned(X)))
    for column in np.eye(4):  # a feature, seen in the coordinates
        assert kurtosis_along(of_components, axes @ column) == pytest.approx(1.8, abs=0.15)
    lost = [kurtosis_along(of_columns, axes @ column) for column in np.eye(4)]
    assert np.mean(lost) > 2.2  # the mutant: their sums look Gaussian


def test_components_keep_center_and_covariance():
    rng = np.random.default_rng(0)
    X = 5 + rng.normal(size=(600, 5)) @ rng.normal(size=(5, 5))
    drawn, covariance = draws(UnimodalComponents(X)), np.cov(X, rowvar=False)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.1 * X.std())
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), covariance, atol=0.2 * np.abs(covariance).max())


def test_components_fill_the_valley_between_groups_in_whatever_direction():
    rng = np.random.default_rng(0)
    kind = np.arange(600) % 2
    X = rng.normal(size=(600, 5)) + 8 / np.sqrt(5) * kind[:, None]
    line = np.ones(5) / (8 * np.sqrt(5))  # the groups are at 0 and 1 on it
    assert (np.abs(X @ line - 0.5) < 0.15).mean() < 0.02
    assert (np.abs(draws(UnimodalComponents(X)) @ line - 0.5) < 0.15).mean() > 0.1


@pytest.mark.parametrize("shape", [(60, 30), (40, 200), (300, 150)])
def test_many_dimensions_neither_overflow_nor_leave_the_span_of_the_rows(shape):
    X = np.random.default_rng(0).normal(size=shape)
    for reference in (UnimodalEllipsoid(X), UnimodalMarginals(X), UnimodalComponents(X)):
        drawn = reference.draw(np.random.default_rng(1))
        assert drawn.shape == shape
        assert np.isfinite(drawn).all()
    drawn = UnimodalEllipsoid(X).draw(np.random.default_rng(1)) - X.mean(axis=0)
    basis = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[2][: min(shape[0] - 1, shape[1])]
    np.testing.assert_allclose(drawn @ basis.T @ basis, drawn, atol=1e-9)
    assert 0.5 < np.linalg.norm(drawn) / np.linalg.norm(X - X.mean(axis=0)) < 1.5


def test_the_same_generator_draws_the_same_rows():
    X = np.random.default_rng(0).normal(size=(50, 3))
    for kind in (UnimodalMarginals, UnimodalComponents, UnimodalEllipsoid):
        reference = kind(X)
        one, two, other = (reference.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()
