"""k-means against brute force, scikit-learn and its own definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import clew.kernels.kmeans as module
from clew.kernels.kmeans import kmeans, kmeans_many, kmeans_path

SEEDS = np.arange(30)


def blobs(n: int = 200, d: int = 8, k: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 3 * rng.normal(size=(k, d))[np.arange(n) % k]


def inertia_of(X: np.ndarray, labels: np.ndarray, k: int) -> float:
    return sum(
        ((X[labels == c] - X[labels == c].mean(axis=0)) ** 2).sum() for c in range(k) if (labels == c).any()
    )


def test_the_best_of_many_starts_is_the_best_of_all_partitions():
    X = np.random.default_rng(1).normal(size=(11, 2))
    best = min(inertia_of(X, np.array((0, *rest)), 3) for rest in itertools.product(range(3), repeat=10))
    assert kmeans(X, 3, np.arange(100))[2].min() == pytest.approx(best, rel=1e-12)


def test_labels_centers_and_inertia_belong_together():
    X = blobs(n=700)
    for labels, centers, inertia, n_iter in zip(*kmeans(X, 7, SEEDS)):
        distances = ((X[:, None] - centers) ** 2).sum(axis=2)
        np.testing.assert_array_equal(labels, distances.argmin(axis=1))
        np.testing.assert_allclose(centers, [X[labels == c].mean(axis=0) for c in range(7)], atol=1e-12)
        assert inertia == pytest.approx(distances.min(axis=1).sum(), rel=1e-12)
        assert n_iter < 300


@pytest.mark.parametrize(
    ("X", "k"),
    [
        (blobs(), 5),
        (blobs(seed=3), 10),
        (np.random.default_rng(0).normal(size=(500, 4)), 8),
        (np.random.default_rng(0).lognormal(size=(300, 6)), 6),
    ],
    ids=["blobs", "too many centres", "one cloud", "skew"],
)
def test_inertia_is_as_good_as_scikit_learns(X, k):
    theirs = [
        KMeans(k, n_init=1, random_state=int(seed), tol=0, algorithm="lloyd").fit(X).inertia_
        for seed in SEEDS
    ]
    room = 3 * np.std(theirs) / np.sqrt(len(theirs)) + 1e-9 * np.mean(theirs)
    assert kmeans(X, k, SEEDS)[2].mean() <= np.mean(theirs) + room
    assert kmeans(X, k, SEEDS)[2].min() <= min(theirs) * 1.005
    assert kmeans(X, k, SEEDS, 1)[2].mean() > np.mean(theirs) + room  # the mutant: a single iteration


def test_a_start_depends_on_its_own_seed_alone():
    X = blobs()
    together = kmeans(X, 4, np.array([5, 9, 1]))
    for i, seed in enumerate([5, 9, 1]):
        for all_starts, alone in zip(together, kmeans(X, 4, np.array([seed]))):
            np.testing.assert_array_equal(all_starts[i], alone[0])


def test_seeds_differ():
    inertia = kmeans(np.random.default_rng(0).normal(size=(300, 5)), 8, np.arange(20))[2]
    assert len(np.unique(inertia)) > 10


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    X = blobs(n=3000)
    monkeypatch.setattr(module, "THREADS_PAY_FROM", 0)
    runs = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(module, "n_threads", lambda threads=threads: threads)
        runs.append([part.tobytes() for of_k in kmeans_many(X, [6, 2, 9], SEEDS[:8]) for part in of_k])
    assert runs[0] == runs[1] == runs[2]


def test_as_many_clusters_as_rows_leave_no_inertia_and_no_empty_cluster():
    X = np.random.default_rng(2).normal(size=(12, 3))
    labels, _, inertia, _ = kmeans(X, 12, SEEDS)
    assert (inertia == 0).all()
    assert all(len(np.unique(one)) == 12 for one in labels)


def test_fewer_different_rows_than_clusters_come_to_an_end():
    X = np.repeat([[0.0, 0.0], [1.0, 5.0]], 10, axis=0)
    labels, centers, inertia, _ = kmeans(X, 4, SEEDS)
    assert (inertia == 0).all()
    assert np.isfinite(centers).all()
    assert all(len(np.unique(one)) == 2 for one in labels)


def test_a_cluster_without_rows_restarts_at_the_farthest_row():
    X = np.array([[0.0], [1.0], [2.0], [9.0]])
    table = module._table(X)
    run = module._start(table, np.array([[3.0], [100.0]]))
    assert module._assign(table, run, module._work(table, 2)) == 4
    centers, labels = run[:2]
    np.testing.assert_array_equal(labels, [0, 0, 0, 0])
    module._fill_empty(table, run)
    module._move_centers(table, run)
    np.testing.assert_array_equal(labels, [0, 0, 0, 1])
    np.testing.assert_array_equal(centers, [[1.0], [9.0]])


def test_one_cluster_is_the_mean():
    X = blobs()
    np.testing.assert_allclose(kmeans(X, 1, SEEDS[:1])[1][0, 0], X.mean(axis=0), atol=1e-12)


# ---- float32 proposes, float64 decides ----
def slow_path(X, centers):
    """The twin: Lloyd's iterations in float64, every distance anew."""
    labels = [np.full(len(X), -1)]
    while True:
        labels.append(((X[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1))
        if (labels[-1] == labels[-2]).all():
            return labels[-1], centers, len(labels) - 1
        centers = np.array([X[labels[-1] == c].mean(axis=0) for c in range(len(centers))])


def offset(X):
    return X + 1e4


def outlier(X):
    X = X.copy()
    X[0] = 1e7
    return X


WORLDS = {
    "blobs": blobs(n=1000),
    "one cloud": np.random.default_rng(0).normal(size=(1000, 5)),
    "far from the origin": offset(blobs(n=700, d=3)),
    "an outlier that takes all digits of float32": outlier(blobs(n=300, d=4)),
    "heavy tails": np.random.default_rng(1).standard_cauchy(size=(800, 6)),
    "a grid, full of ties": np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0)), axis=-1).reshape(-1, 2),
    "a constant column": np.column_stack([blobs(n=300, d=2), np.full(300, 3.0)]),
    "each row twice": np.repeat(blobs(n=150), 2, axis=0),
    "one column": blobs(n=400, d=1),
    "tiny units": 1e-12 * blobs(n=300, d=3),
    "float32": blobs(n=600).astype(np.float32),
    "one row more than a block": blobs(n=module.BLOCK + 1),
}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("k", [2, 7])
def test_every_run_is_its_slow_twin_in_float64(world, k):
    X = WORLDS[world]
    labels, centers, inertia, n_iter = kmeans(X, k, SEEDS[:10])
    for run, seed in enumerate(SEEDS[:10]):
        first = kmeans_path(X, k, seed, 1)[0][0]
        expected, means, iterations = slow_path(X.astype(np.float64), first)
        np.testing.assert_array_equal(labels[run], expected)
        assert n_iter[run] == iterations
        np.testing.assert_allclose(centers[run], means, rtol=1e-12, atol=1e-12 * np.abs(X).max())
        assert inertia[run] == pytest.approx(((X - means[expected]) ** 2).sum(), rel=1e-9)


def test_float32_alone_would_not_do():
    """The mutant: without the second look in float64, rows beside a far outlier get any cluster."""
    X = WORLDS["an outlier that takes all digits of float32"]
    labels, centers, _, _ = kmeans(X, 7, SEEDS[:1])
    table = module._table(X)
    run = module._start(table, centers[0])
    points, halves, *_, (best, second, nearest, _, score) = work = module._work(table, 7)
    module._assign(table, run, work)
    np.testing.assert_array_equal(run[1], labels[0])
    module._nearest(table[1][0], 200, points, halves, best, second, nearest, score)
    assert (nearest[:200] != labels[0][:200]).any()


@pytest.mark.parametrize("d", [1, 3, 8, 50])
def test_the_slack_is_never_more_than_the_truth_and_close_to_it(d):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(module.BLOCK, d)) * rng.lognormal(size=d)
    table = module._table(X)
    run = module._start(table, X[:6] + 0.3)
    points, halves, *_, scratch = work = module._work(table, 6)
    module._assign(table, run, work)
    distances = np.sort(np.sqrt(((X[:, None] - run[0]) ** 2).sum(axis=2)), axis=1) * table[3]
    truth, slack = distances[:, 1] - distances[:, 0], scratch[3]
    assert (slack <= truth).all()
    assert (slack > truth - 5e-3).all()  # a bound that is no use would pass the line above


def test_rows_are_spared_and_nothing_is_lost():
    X = np.random.default_rng(0).normal(size=(5000, 6))
    table, seen = module._table(X), []
    run = module._start(table, X[:5].copy())
    work = module._work(table, 5)
    for _ in range(40):
        before = run[5].copy()
        module._assign(table, run, work)
        seen.append((run[5] != before).mean())
        nearest = ((X[:, None] - run[0]) ** 2).sum(axis=2).argmin(axis=1)
        np.testing.assert_array_equal(run[1], nearest)
        module._move_centers(table, run)
    assert seen[0] == 1 and np.mean(seen[20:]) < 0.4


def test_a_drift_that_is_too_small_loses_rows():
    """The mutant of the test above: half the drift, and rows stay where they should not."""
    X = np.random.default_rng(0).normal(size=(5000, 6))
    table = module._table(X)
    run = module._start(table, X[:5].copy())
    work, lost = module._work(table, 5), 0
    for _ in range(40):
        module._assign(table, run, work)
        lost += (run[1] != ((X[:, None] - run[0]) ** 2).sum(axis=2).argmin(axis=1)).sum()
        drift = run[4].copy()
        module._move_centers(table, run)
        run[4][:] = drift + 0.2 * (run[4] - drift)
    assert lost > 0


# ---- all k and all runs in one call ----
def test_many_at_once_are_each_alone():
    X = blobs(n=900)
    together = kmeans_many(X, [5, 2, 3], np.array([4, 8]), tolerance=0)
    for k, of_k in zip([5, 2, 3], together):
        assert of_k[0].dtype == np.uint8
        for all_runs, alone in zip(of_k, kmeans(X, k, np.array([4, 8]))):
            np.testing.assert_array_equal(all_runs, alone)


def test_more_than_255_clusters_have_labels():
    X = np.random.default_rng(0).normal(size=(400, 2))
    labels, _, inertia, _ = kmeans_many(X, [300], SEEDS[:2])[0]
    assert labels.dtype == np.uint16 and len(np.unique(labels[0])) == 300
    squared = ((X[:, None] - X) ** 2).sum(axis=2)
    assert inertia.max() < squared[squared > 0].min() * 400 * 400


def test_the_tolerance_is_scikit_learns():
    X = np.random.default_rng(2).normal(size=(3000, 6))
    spared = []
    for seed in range(8):
        labels, centers, inertia, n_iter = kmeans_many(X, [6], np.array([seed]))[0]
        theirs = KMeans(6, init=kmeans_path(X, 6, seed, 1)[0][0], n_init=1, algorithm="lloyd").fit(X)
        np.testing.assert_array_equal(labels[0], theirs.labels_)
        np.testing.assert_allclose(centers[0], theirs.cluster_centers_, atol=1e-9)
        assert inertia[0] == pytest.approx(theirs.inertia_, rel=1e-9)
        assert n_iter[0] == theirs.n_iter_
        spared.append(kmeans(X, 6, np.array([seed]))[3][0] - n_iter[0])
    assert min(spared) >= 0 and max(spared) > 0


def spread(labels, inertia):
    """What runs differ by: inertia, and the agreement of consecutive runs."""
    return inertia, np.array([adjusted_rand_score(a, b) for a, b in itertools.pairwise(labels)])


def first_rows(X, k, seed):
    """The mutant: rows drawn without k-means++."""
    return X[np.random.default_rng(seed).choice(len(X), k, replace=False)]


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 8])
def test_runs_spread_as_scikit_learns_do(k):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(2000, 6)) + 2.5 * rng.normal(size=(7, 6))[rng.integers(7, size=2000)]
    seeds = np.arange(150)
    fits = [KMeans(k, n_init=1, random_state=seed).fit(X) for seed in seeds]
    theirs = spread(labels=[fit.labels_ for fit in fits], inertia=np.array([fit.inertia_ for fit in fits]))
    labels, _, inertia, _ = kmeans_many(X, [k], seeds)[0]
    ours = spread(labels=labels, inertia=inertia)
    # Runs that end in one place still differ in digits that two libraries sum in other orders.
    assert ks_2samp(ours[0].round(2), theirs[0].round(2)).pvalue > 0.001
    assert np.median(ours[0]) == pytest.approx(np.median(theirs[0]), rel=0.005)
    assert ours[0].min() == pytest.approx(theirs[0].min(), rel=0.005)
    assert ks_2samp(ours[1], theirs[1]).pvalue > 0.001
    if k == 8:
        fits = [KMeans(k, init=first_rows(X, k, seed), n_init=1).fit(X) for seed in seeds]
        mutant = spread(labels=[f.labels_ for f in fits], inertia=np.array([f.inertia_ for f in fits]))
        assert ks_2samp(mutant[1], theirs[1]).pvalue < 0.001


def test_first_centres_are_drawn_by_squared_distance():
    """Of three places in a line, with one candidate only, the second centre follows the squared distance."""
    X = np.repeat([[0.0], [1.0], [3.0]], [1000, 10, 10], axis=0)
    potentials, closest = np.zeros(4), np.zeros((4, module.BLOCK), np.float32)
    closest.reshape(-1)[: len(X)] = (X[:, 0] ** 2).astype(np.float32)
    potentials[:] = closest.sum(axis=1)
    targets = np.linspace(0, potentials.sum(), 1001)[:-1]
    drawn = np.array([X[module._draw(target, potentials, closest), 0] for target in targets])
    assert [(drawn == place).mean() for place in (0, 1, 3)] == pytest.approx([0, 0.1, 0.9], abs=2e-3)


def test_a_million_rows_fit_into_the_memory_that_is_promised():
    n, d = 40_000, 50
    table = module._table(np.random.default_rng(0).normal(size=(n, d)).astype(np.float32))
    run = module._start(table, np.zeros((10, d)))
    bytes_a_row = (table[1].nbytes + run[1].nbytes + run[5].nbytes) / n
    assert bytes_a_row * 1_000_000 < 2**28  # with the trials of two threads, 40 MB, far below 1 GiB
