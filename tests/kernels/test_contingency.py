import numpy as np
from sklearn.metrics.cluster import contingency_matrix

from clew.kernels.contingency import coassociation, pair_counts


def test_pair_counts_equal_scikit_learns():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 200).astype(np.int32), rng.integers(0, 3, 200).astype(np.int32)
    np.testing.assert_array_equal(pair_counts(a, b, 4, 3), contingency_matrix(a, b))
    assert not np.array_equal(pair_counts(a, b, 4, 3), contingency_matrix(a, np.roll(b, 1)))


def test_coassociation_equals_its_slow_twin_and_rows_without_a_cluster_are_alone():
    rng = np.random.default_rng(1)
    labels = rng.integers(-1, 3, (7, 20)).astype(np.int32)
    slow = np.mean([(run[:, None] == run[None]) & (run[:, None] >= 0) for run in labels], axis=0)
    np.fill_diagonal(slow, 1)
    np.testing.assert_allclose(coassociation(labels), slow, atol=1e-6)
