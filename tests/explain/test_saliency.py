"""Attributions add up, maps are stretched as torch stretches them, and a map of edges alone is found out."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.explain.saliency import (
    Saliency,
    Sanity,
    grad_cam,
    hires_cam,
    integrated_gradients,
    path,
    rank_correlation,
    similarity,
    stretched,
    structural_similarity,
    unrelated,
)
from clew.result import Result

WEIGHT = np.array([[2.0, -1.0, 0.5]])


def cubic(points):
    """f = sum w x³, with its gradient."""
    return (WEIGHT * points**3).sum(axis=1), 3 * WEIGHT * points**2


def test_integrated_gradients_of_a_cubic_are_its_terms():
    x, baseline = np.array([1.0, 2.0, -1.5]), np.array([0.5, -1.0, 0.0])
    found = integrated_gradients(cubic, x, baseline, steps=2)  # two nodes of Gauss are exact for a square
    np.testing.assert_allclose(found.values, (WEIGHT * (x**3 - baseline**3))[0], atol=1e-12)
    assert abs(found.error) < 1e-12
    assert found.score - found.baseline_score == pytest.approx(found.values.sum())


def test_the_middle_rule_nears_the_same_with_the_square_of_the_steps():
    x = np.array([1.0, 2.0, -1.5])
    errors = [abs(integrated_gradients(cubic, x, steps=n, rule="middle").error) for n in (10, 20)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=1e-6)


def test_completeness_can_fail():
    def wrong(points):
        value, slope = cubic(points)
        return value, 1.1 * slope

    assert abs(integrated_gradients(wrong, np.array([1.0, 2.0, -1.5])).error) > 0.1


def test_the_weights_of_each_rule_sum_to_one():
    for rule in ("gauss-legendre", "middle"):
        at, weight = path(17, rule)
        assert weight.sum() == pytest.approx(1) and at.min() > 0 and at.max() < 1


def test_a_baseline_of_another_shape_is_refused():
    with pytest.raises(SettingError, match=r"shape of a row \(3,\). Got \(2,\)"):
        integrated_gradients(cubic, np.zeros(3), np.zeros(2))
    with pytest.raises(SettingError, match="'steps'.*at least 1. Got 0"):
        integrated_gradients(cubic, np.zeros(3), steps=0)


@pytest.mark.parametrize(
    ("shape", "size", "mode"),
    [((2, 5), (13,), "linear"), ((2, 4, 5), (9, 15), "bilinear"), ((1, 2, 3, 4), (5, 7, 4), "trilinear")],
)
def test_maps_are_stretched_as_torch_does(shape, size, mode):
    torch = pytest.importorskip("torch")
    maps = np.random.default_rng(0).normal(size=shape)
    theirs = torch.nn.functional.interpolate(torch.tensor(maps)[:, None], size, mode=mode)[:, 0].numpy()
    np.testing.assert_allclose(stretched(maps, size), theirs, atol=1e-12)


def test_grad_cam_weighs_each_map_by_its_mean_gradient_and_keeps_what_speaks_for_the_class():
    activations = np.array([[[1.0, 2.0], [3.0, 0.0]]])  # two maps of two places
    gradients = np.array([[[1.0, 3.0], [-1.0, -1.0]]])  # means 2 and -1
    np.testing.assert_allclose(grad_cam(activations, gradients, (2,)), [[0.0, 4.0]])  # 2·1 − 3 < 0, 2·2 − 0
    with pytest.raises(DataError, match="feature maps"):
        grad_cam(activations, gradients, (2, 2))


def test_hires_cam_weighs_each_place_by_its_own_gradient_which_is_grad_cam_where_all_places_weigh_the_same():
    activations = np.array([[[1.0, 2.0], [3.0, 0.0]]])
    gradients = np.array([[[1.0, 3.0], [-1.0, -1.0]]])
    np.testing.assert_allclose(hires_cam(activations, gradients, (2,)), [[0.0, 6.0]])  # 1·1 − 3 < 0, 3·2 − 0
    even = np.broadcast_to(gradients.mean(axis=2, keepdims=True), gradients.shape)
    np.testing.assert_array_equal(hires_cam(activations, even, (2,)), grad_cam(activations, gradients, (2,)))
    with pytest.raises(DataError, match="feature maps"):
        hires_cam(activations, gradients, (2, 2))


def test_spearman_is_scipys_and_a_map_without_places_is_like_nothing():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 6, 7)).astype(float)  # with ties
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
    assert rank_correlation(a, np.ones_like(a)) == 0


@pytest.mark.parametrize("shape", [(40,), (16, 19), (9, 10, 11)])
def test_structural_similarity_is_scikit_images(shape):
    metrics = pytest.importorskip("skimage.metrics")
    a, b = np.random.default_rng(0).random((2, *shape))
    a, b = a / a.max(), b / b.max()
    theirs = metrics.structural_similarity(a, b, win_size=7, data_range=1.0)
    assert structural_similarity(a, b) == pytest.approx(theirs, abs=1e-12)
    assert structural_similarity(a, 3 * a) == pytest.approx(1)


def test_small_maps_get_a_smaller_window():
    a = np.random.default_rng(0).random((2, 3))
    assert structural_similarity(a, a) == pytest.approx(1)


def test_moved_maps_are_unrelated_and_the_same_map_is_not():
    maps = np.random.default_rng(0).normal(size=(4, 1, 12, 12)).cumsum(axis=2)
    null = unrelated(maps, draws=40)
    assert null.shape == (40, 3) and np.abs(null[:, 0].mean()) < 0.15
    assert similarity(maps[0], maps[0])[0] == pytest.approx(1)
    assert null[:, 0].max() < 0.9


def sanity_of(likeness, sizes):
    held = np.full((2, 3, 3), 0.1)
    held[-1, :, 0], held[-1, :, 1] = likeness, sizes
    null = np.random.default_rng(0).normal(0, 0.02, (100, 3))
    return Sanity(method="x", layers=["head", "first"], cascading=held, independent=held, null=null)


def test_the_verdict_follows_how_much_of_the_map_random_weights_leave():
    assert sanity_of(0.1, 0.1).verdict == "the map depends on what was learnt"
    assert "shows edges, not reasons" in sanity_of(0.95, 0.95).headline()
    assert "only the signs the net" in sanity_of(0.0, 0.8).evidence
    assert "signs" not in sanity_of(0.0, 0.1).evidence
    assert sanity_of(0.95, 0.95).summary()["depends"] is False


def test_saliency_says_what_it_can_and_cannot_claim_and_is_saved_whole(tmp_path):
    values = np.array([[[1.0, 2.0]]])
    made = Saliency(
        method="integrated-gradients", layer="", inputs=values, values=values, target=np.array([1]),
        score=np.array([3.5]), baseline_score=np.array([0.25]),
    )  # fmt: skip
    assert made.completeness[0] == pytest.approx(-0.25)
    assert "no causal claim" in made.headline()
    again = Result.load(made.save(tmp_path / "saliency"))
    assert again.digest() == made.digest()
