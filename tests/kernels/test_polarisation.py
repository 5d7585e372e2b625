"""Covariances and principal axes against numpy.cov and numpy.linalg.eigh."""

from __future__ import annotations

import numpy as np
import pytest

from clew.kernels.polarisation import covariances, principal_axes


def matrices(eigenvalues, spread, seed=0, n=500):
    """Symmetric matrices with eigenvalues that differ from the given ones by about ``spread``."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
    values = np.array(eigenvalues) * (1 + spread * rng.normal(size=(n, 3)))
    out = np.einsum("wij,wj,wkj->wik", turn, values, turn)
    return (out + out.transpose(0, 2, 1)) / 2


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e12])
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-8, 1e-14, 0.0])
@pytest.mark.parametrize("eigenvalues", [(1, 1, 1), (3, 3, 1), (1, 1e-8, 1e-8), (5, 2, 0)])
def test_axes_equal_numpys_also_where_they_are_nearly_alike(eigenvalues, spread, scale):
    a = matrices(eigenvalues, spread) * scale
    values, vectors = principal_axes(a)
    expected = np.linalg.eigvalsh(a)[:, ::-1]
    size = np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(values - expected) / size).max() < 1e-13
    assert (
        np.abs(np.einsum("wki,wk,wkj->wij", vectors, values, vectors) - a) / size[..., None]
    ).max() < 1e-13
    np.testing.assert_allclose(
        vectors @ vectors.transpose(0, 2, 1), np.tile(np.eye(3), (len(a), 1, 1)), atol=1e-13
    )
    assert (np.diff(values, axis=1) <= 0).all()


def test_well_parted_axes_point_where_numpys_do():
    a = matrices((9, 4, 1), 0.05)
    _, vectors = principal_axes(a)
    theirs = np.linalg.eigh(a)[1][:, :, ::-1].transpose(0, 2, 1)
    np.testing.assert_allclose(np.abs((vectors * theirs).sum(axis=2)), 1, atol=1e-12)
    assert (
        np.abs((vectors * theirs[:, [1, 0, 2]]).sum(axis=2)).min() < 0.1
    )  # the mutant: axes in another order


def test_a_diagonal_matrix_is_left_as_it_is():
    values, vectors = principal_axes(np.diag([1.0, 3.0, 2.0])[None])
    assert values[0].tolist() == [3.0, 2.0, 1.0]
    assert vectors[0].tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_unknown_matrices_have_no_axes():
    a = np.stack([np.eye(3), np.full((3, 3), np.nan)])
    values, vectors = principal_axes(a)
    assert np.isfinite(values[0]).all() and np.isnan(values[1]).all() and np.isnan(vectors[1]).all()


def test_covariances_equal_numpys():
    block = np.random.default_rng(0).normal(size=(20, 3, 400)) + 1e5
    for found, window in zip(covariances(block), block):
        np.testing.assert_allclose(found, np.cov(window), rtol=1e-10, atol=1e-12)


def test_samples_that_one_component_lacks_are_left_out():
    block = np.random.default_rng(0).normal(size=(1, 3, 400))
    block[0, 1, 50:80] = block[0, 2, 300] = np.nan
    known = ~np.isnan(block[0]).any(axis=0)
    np.testing.assert_allclose(covariances(block)[0], np.cov(block[0][:, known]), rtol=1e-12)


@pytest.mark.parametrize("dead", [0.0, 1234.5, np.nan])
@pytest.mark.parametrize("component", [0, 1, 2])
def test_a_dead_component_leaves_no_covariance(component, dead):
    block = np.random.default_rng(0).normal(size=(3, 3, 400))
    block[1, component] = dead
    found = covariances(block)
    assert np.isnan(found[1]).all() and np.isfinite(found[[0, 2]]).all()


def test_what_rounding_leaves_of_a_constant_is_dead_but_a_weak_component_is_not():
    block = np.random.default_rng(0).normal(size=(2, 3, 400))
    block[0, 2] *= 1e-12
    block[1, 2] *= 1e-7
    assert np.isnan(covariances(block)[0]).all() and np.isfinite(covariances(block)[1]).all()


def test_three_samples_span_no_ellipsoid():
    block = np.random.default_rng(0).normal(size=(1, 3, 4))
    assert np.isfinite(covariances(block)).all()
    block[0, 0, 2] = np.nan
    assert np.isnan(covariances(block)).all()
