"""The kernels of t-SNE against closed forms, a slow twin and openTSNE."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clew.kernels import tsne as module
from clew.kernels.tsne import Repulsion, attract, perplexity_weights, repel_pairs, tsne_layout
from tests.conftest import shared


def cloud(n, width, seed=0):
    """Return points (2, n) of float32 in a Gaussian cloud."""
    return (width * np.random.default_rng(seed).normal(size=(2, n))).astype(np.float32)


def closeness(points):
    """Return q and the differences of all pairs, (n, n) and (2, n, n) of float64; a point is not close to itself."""
    gaps = points[:, :, None].astype(np.float64) - points[:, None].astype(np.float64)
    q = 1 / (1 + (gaps**2).sum(axis=0))
    np.fill_diagonal(q, 0)
    return q, gaps


def dense_repulsion(points, *, power=2):
    q, gaps = closeness(points)
    return (q**power * gaps).sum(axis=2), q.sum()


def dense_attraction(points, affinities):
    q, gaps = closeness(points)
    return (affinities * q * gaps).sum(axis=2)


def some_affinities(n, seed=0):
    """Return symmetric affinities (n, n) that add up to 1, and their pairs as the kernel takes them."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < 0.2), 1)
    affinities = (upper + upper.T) / (2 * upper.sum())
    return affinities, pairs_of(affinities)


def pairs_of(affinities):
    upper = np.triu(affinities, 1)
    starts = np.concatenate([[0], np.cumsum((upper > 0).sum(axis=1))]).astype(np.int32)
    return starts, np.nonzero(upper)[1].astype(np.int32), upper[upper > 0].astype(np.float32)


def off(found, wanted):
    """Return the error as a share of the norm of what is wanted."""
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def map_of(X, perplexity=30):
    """Return a finished map of some rows."""
    from sklearn.neighbors import NearestNeighbors

    distances, near = NearestNeighbors(n_neighbors=90).fit(X).kneighbors()
    affinities = np.zeros((len(X), len(X)))
    np.put_along_axis(affinities, near, perplexity_weights(distances, perplexity), axis=1)
    begin = 1e-4 * (X[:, :2] - X[:, :2].mean(axis=0)) / X[:, 0].std()
    return tsne_layout(begin, *pairs_of((affinities + affinities.T) / (2 * len(X))))


def slow_layout(initial, affinities, phases, *, growth=0.2):
    """Follow the text of the algorithm in float64, with all pairs."""
    points = initial.T.astype(np.float64)
    n = points.shape[1]
    move, gain = np.zeros_like(points), np.ones_like(points)
    for n_steps, exaggeration, momentum in phases:
        for _ in range(n_steps):
            push, total = dense_repulsion(points)
            slope = exaggeration * dense_attraction(points, affinities) - push / total
            gain = np.where(np.sign(slope) == np.sign(move), np.maximum(0.8 * gain, 0.01), gain + growth)
            move = momentum * move - n / exaggeration * gain * slope
            points = points + move
            points -= points.mean(axis=1, keepdims=True)
    return points.T


# ---- affinities ----
def test_affinities_of_a_row_have_the_entropy_of_the_perplexity():
    distances = 3 + np.sort(np.random.default_rng(0).random((50, 30)), axis=1)
    for perplexity in (2.0, 10.0):
        weights = perplexity_weights(distances, perplexity)
        np.testing.assert_allclose(weights.sum(axis=1), 1)
        np.testing.assert_allclose(-(weights * np.log(weights)).sum(axis=1), np.log(perplexity), atol=1e-9)
        precision = np.diff(np.log(weights), axis=1) / np.diff(distances**2, axis=1)  # a Gaussian has but one
        np.testing.assert_allclose(precision, np.repeat(precision[:, :1], 29, axis=1), rtol=1e-4)
    mutant = perplexity_weights(distances, 10.1)
    assert np.abs(-(mutant * np.log(mutant)).sum(axis=1) - np.log(10)).min() > 1e-3


def test_neighbours_that_are_equally_near_share_all():
    distances = np.array([[0, 0, 0, 1, 2], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], np.float64)
    wanted = [[1 / 3, 1 / 3, 1 / 3, 0, 0], [1 / 5] * 5, [1 / 5] * 5]
    np.testing.assert_allclose(perplexity_weights(distances, 2.0), wanted, atol=1e-12)


# ---- forces ----
@pytest.mark.parametrize("n", [1, 2, 7, 200])
@pytest.mark.parametrize("width", [1e-4, 1.0, 100.0])
def test_forces_of_all_pairs_equal_the_closed_form(n, width):
    points, force = cloud(n, width), np.full((2, n), 7, np.float32)
    total = repel_pairs(points, force)
    wanted, z = dense_repulsion(points)
    np.testing.assert_allclose(total, z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(force, wanted, atol=1e-5 * np.abs(wanted).max() + 1e-30)
    if n > 1 and width < 100:
        mutant = dense_repulsion(points, power=2.01)[0] if width == 1 else 1.01 * wanted
        assert off(force, mutant) > 1e-3


def test_attraction_equals_the_closed_form():
    affinities, pairs = some_affinities(200)
    for width in (1e-4, 1.0, 100.0):
        points, force = cloud(200, width), np.full((2, 200), 7, np.float32)
        attract(points, *pairs, force)
        assert off(force, dense_attraction(points, affinities)) < 1e-5
        assert off(force, dense_attraction(points, affinities**1.01)) > 1e-2


def by_grid(points):
    force = np.empty_like(points)
    total = Repulsion(points.shape[1]).by_grid(points, force, module._Grid.over(points))
    return force, total


@pytest.mark.parametrize("flat", [1, 0.1, 0])
@pytest.mark.parametrize(
    ("width", "error"),
    [(1e-9, 1e-4), (1e-4, 1e-4), (0.1, 1e-4), (1, 1e-4), (4, 1e-3), (16, 5e-3), (80, 5e-2)],
)
def test_forces_by_the_grid_equal_those_of_all_pairs(width, error, flat):
    """1,200 points of width 4 are five times as dense as t-SNE's maps, those of width 80 seventy times as sparse."""
    points = cloud(1200, width)
    points[1] *= flat
    (force, total), (wanted, z) = by_grid(points), dense_repulsion(points)
    assert off(force, wanted) < error
    assert abs(total / z - 1) < error / 10


def test_on_a_map_of_t_sne_the_grid_misses_by_a_few_thousandths():
    n = 1500
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5)) + 2 * rng.normal(size=(10, 5))[np.arange(n) % 10]
    points = np.ascontiguousarray(map_of(X).T)
    assert np.ptp(points) > 50
    assert off(by_grid(points)[0], dense_repulsion(points)[0]) < 4e-3


def test_a_coarser_grid_would_miss(monkeypatch):
    points = cloud(1200, 16.0)
    monkeypatch.setattr(module, "SPACING", 2 / 3)
    assert off(by_grid(points)[0], dense_repulsion(points)[0]) > 5e-3


def test_kernels_that_keep_their_constant_lose_tiny_forces(monkeypatch):
    points = cloud(1200, 1e-4)
    whole = module._kernel.__wrapped__

    def mutant(spacing, rows, columns):
        kernel, offset = whole(spacing, rows, columns)
        kernel[0, 0] += offset * rows * columns
        return kernel, 0.0

    monkeypatch.setattr(module, "_kernel", mutant)
    assert off(by_grid(points)[0], dense_repulsion(points)[0]) > 1e-1


def test_the_cheaper_way_is_taken():
    points = cloud(3000, 1.0)
    force, exact = np.empty_like(points), np.empty_like(points)
    repel = Repulsion(3000)
    repel(points, force)
    np.testing.assert_array_equal(force, by_grid(points)[0])
    points *= 100  # a large grid for few points
    repel(points, force)
    repel_pairs(points, exact)
    np.testing.assert_array_equal(force, exact)


@pytest.mark.parametrize("width", [0, 1e-30, 1, 100, 1e4, 1e6])
def test_the_grid_stays_small_however_far_points_flee(width):
    points = cloud(300, width)
    grid = module._Grid.over(points)
    assert max(grid.shape) <= module.MOST_CELLS + 7
    if width >= 1:
        assert max(grid.shape) >= module.FEWEST_CELLS
    assert np.all(np.isfinite(by_grid(points)[0]))


# ---- the layout ----
@pytest.mark.parametrize("cost", [(np.inf, 0, 0), (0, 0, 0)], ids=["all pairs", "grid"])
def test_layout_equals_its_slow_twin(monkeypatch, cost):
    phases = ((12, 4.0, 0.5), (12, 1.0, 0.8))
    monkeypatch.setattr(module, "PHASES", phases)
    monkeypatch.setattr(module, "GRID_COST", cost)
    affinities, pairs = some_affinities(60)
    initial = cloud(60, 1e-2).T
    fast = tsne_layout(initial, *pairs)
    assert off(fast, slow_layout(initial, affinities, phases)) < 2e-3
    for mutant in (
        slow_layout(initial, affinities, ((12, 4.0, 0.5), (12, 1.0, 0.7))),
        slow_layout(initial, affinities, ((12, 4.1, 0.5), (12, 1.0, 0.8))),
        slow_layout(initial, affinities, phases, growth=0.21),
    ):
        assert off(fast, mutant) > 1e-2


def test_no_step_is_longer_than_five():
    n = 40
    points, pull, none = cloud(n, 1.0), cloud(n, 10.0, seed=1), np.zeros((2, n), np.float32)
    moves = {}
    for rate in (1e-3, 1.0):
        move, gain = none.copy(), none + 1
        module._descend(points.copy(), move, gain, pull, none, rate, 0.0, 0.5)
        moves[rate] = move
        np.testing.assert_allclose(gain, 1.2, rtol=1e-6)
    np.testing.assert_allclose(moves[1e-3], -1.2e-3 * pull, rtol=1e-5)
    lengths = np.linalg.norm(moves[1.0], axis=0)
    np.testing.assert_allclose(lengths, np.minimum(1.2 * np.linalg.norm(pull, axis=0), 5), rtol=1e-5)
    assert (lengths < 4.9).any() and (lengths > 4.9).any()


def test_gains_grow_while_points_go_on_and_shrink_to_a_hundredth_where_they_turn():
    points, none = cloud(4, 1.0), np.zeros((2, 4), np.float32)
    pull = np.array([[1, -1, 1, -1], [1, -1, 1, -1]], np.float32)
    move = np.array([[1, 1, -1, -1], [-1, -1, 1, 1]], np.float32)
    gain = np.array([[1, 1, 1, 1], [0.0101] * 4], np.float32)
    module._descend(points, move, gain, pull, none, 1e-3, 0.0, 0.5)
    np.testing.assert_allclose(gain, [[0.8, 1.2, 1.2, 0.8], [0.2101, 0.01, 0.01, 0.2101]], rtol=1e-6)


@pytest.mark.parametrize("cost", [(np.inf, 0, 0), (0, 0, 0)], ids=["all pairs", "grid"])
def test_runs_have_the_same_bits_alone_and_side_by_side(monkeypatch, cost):
    monkeypatch.setattr(module, "GRID_COST", cost)
    _, pairs = some_affinities(150)
    begins = [cloud(150, 1e-4, seed).T for seed in range(6)]
    before = [begin.copy() for begin in begins]
    alone = [tsne_layout(begin, *pairs) for begin in begins]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda begin: tsne_layout(begin, *pairs), begins))
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(begins, before)
    assert np.abs(alone[0] - alone[1]).max() > 0.1


@pytest.mark.parametrize("cost", [(np.inf, 0, 0), (0, 0, 0)], ids=["all pairs", "grid"])
def test_points_that_begin_at_one_place_stay_finite(monkeypatch, cost):
    monkeypatch.setattr(module, "GRID_COST", cost)
    for n in (4, 5, 10, 40):
        affinities = (np.ones((n, n)) - np.eye(n)) / (n * (n - 1))
        for begin in (np.zeros((n, 2)), np.repeat(cloud(n // 2 + 1, 1e-4).T, 2, axis=0)[:n]):
            assert np.all(np.isfinite(tsne_layout(begin, *pairs_of(affinities))))


# ---- against openTSNE ----
def divergence(affinities, points):
    """Kullback-Leibler divergence of the picture from the affinities, which are sparse and symmetric."""
    q = closeness(points.T)[0]
    pairs = affinities.tocoo()
    return float((pairs.data * np.log(pairs.data * q.sum() / q[pairs.row, pairs.col])).sum())


@pytest.mark.slow
@pytest.mark.parametrize("cost", [(np.inf, 0, 0), (0, 0, 0)], ids=["all pairs", "grid"])
def test_quality_and_spread_are_those_of_opentsne(monkeypatch, cost):
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN
    from sklearn.manifold import trustworthiness

    monkeypatch.setattr(module, "GRID_COST", cost)
    X = np.loadtxt(shared("images/digits/digits_8x8.csv.gz"), delimiter=",")[:600, :64]
    theirs = PerplexityBasedNN(X, perplexity=30, method="exact", n_jobs=1)
    affinities = theirs.P.copy()
    pairs = pairs_of(affinities.toarray())
    axes = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)[0][:, :2]
    quality = {"ours": [], "theirs": []}
    for seed in range(5):
        begin = 1e-4 * (axes / axes[:, 0].std() + 0.1 * np.random.default_rng(seed).normal(size=axes.shape))
        rival = TSNEEmbedding(begin, theirs, n_jobs=1, random_state=seed)
        rival.optimize(250, exaggeration=12, momentum=0.5, inplace=True, n_jobs=1)
        rival.optimize(500, momentum=0.8, inplace=True, n_jobs=1)
        for name, points in (("ours", tsne_layout(begin, *pairs)), ("theirs", np.asarray(rival))):
            quality[name].append((divergence(affinities, points), trustworthiness(X, points, n_neighbors=15)))
    ours, theirs = (np.array(quality[name]) for name in ("ours", "theirs"))  # (n_seeds, 2)
    assert ours[:, 0].mean() <= 1.01 * theirs[:, 0].mean()
    assert ours[:, 0].max() <= 1.02 * theirs[:, 0].max()
    assert ours[:, 1].mean() >= theirs[:, 1].mean() - 0.005
    assert np.all(ours.std(axis=0) <= 3 * theirs.std(axis=0) + 0.01)
    shrunk = divergence(affinities, 0.7 * np.asarray(rival))
    assert shrunk > 1.01 * theirs[:, 0].mean()  # a picture that is a third too small would not pass
