import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from clew.errors import SettingError
from clew.explore.stability import adjusted_rand, by_size, match, pairwise_ari, stability, vote

LABELS = st.lists(st.integers(-1, 4), min_size=8, max_size=30)


def runs(n_runs=12, wander=0.0, seed=0):
    """Clusterings of 60 rows in 3 groups under random names; a share of the rows wanders."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 2], [30, 20, 10])
    made = np.empty((n_runs, 60), np.int32)
    for run in made:
        labels = np.where(rng.random(60) < wander, rng.integers(0, 3, 60), truth)
        run[:] = rng.permutation(3)[labels]
    return truth, made


@given(LABELS, st.integers(0, 99))
def test_agreement_equals_scikit_learns(a, seed):
    a = np.array(a)
    b = np.random.default_rng(seed).integers(-1, 4, len(a))
    assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
    assert adjusted_rand(a, a) == 1.0


def test_renaming_the_clusters_changes_nothing():
    truth, made = runs()
    found = stability(made)
    np.testing.assert_allclose(found.ari, 1.0)
    np.testing.assert_array_equal(found.consensus, truth)
    np.testing.assert_array_equal(found.confidence, 1.0)
    np.testing.assert_allclose(found.coassociation, (truth[:, None] == truth[None]).astype(float))


def test_rows_that_wander_have_less_confidence_and_the_consensus_survives():
    truth, made = runs(n_runs=40)
    rng = np.random.default_rng(5)
    made[:, 7] = rng.integers(0, 3, 40)
    found = stability(made)
    assert found.confidence[7] < 0.7
    assert (np.delete(found.confidence, 7) == 1).all()
    np.testing.assert_array_equal(np.delete(found.consensus, 7), np.delete(truth, 7))


def test_unrelated_runs_agree_no_better_than_chance():
    found = stability(np.random.default_rng(2).integers(0, 2, (30, 200)))
    assert abs(found.ari_mean) < 0.02
    assert found.confidence.mean() < 0.75
    assert "disagree" in found.headline()
    assert "agree (ARI 1.00" in stability(runs()[1]).headline(), "or the line above shows nothing"


def test_groups_are_numbered_by_size_and_rows_without_a_cluster_stay_without():
    np.testing.assert_array_equal(by_size(np.array([5, 5, 2, 2, 2, -1, 9])), [1, 1, 0, 0, 0, -1, 2])


def test_a_cluster_without_a_partner_votes_for_nobody():
    reference = np.array([0, 0, 0, 1, 1, 1], np.int32)
    np.testing.assert_array_equal(
        match(np.array([2, 2, 2, 0, 0, 1], np.int32), reference), [0, 0, 0, 1, 1, -2]
    )
    consensus, confidence = vote(np.array([[0, 0, 0, 1, 1, 1], [2, 2, 2, 0, 0, 1]], np.int32), reference=0)
    np.testing.assert_array_equal(consensus, reference)
    np.testing.assert_allclose(confidence, [1, 1, 1, 1, 1, 0.5])


def test_the_matrix_shows_a_random_part_of_many_rows():
    labels = np.random.default_rng(0).integers(0, 2, (4, 900))
    found = stability(labels, show=100)
    assert found.coassociation.shape == (100, 100)
    assert len(set(found.shown)) == 100
    assert found.shown.max() > 600, "not the first n"


def test_one_run_has_nothing_to_agree_with():
    with pytest.raises(SettingError, match=r"at least 2 runs\. Got 1"):
        stability(np.zeros((1, 9), int))


def test_the_pairwise_table_is_symmetric_with_ones():
    table = pairwise_ari(runs(wander=0.3)[1])
    np.testing.assert_array_equal(table, table.T)
    np.testing.assert_array_equal(np.diag(table), 1.0)
    assert table.min() < 0.9


def test_the_vote_overrules_the_run_that_the_others_are_matched_to():
    odd = np.array([0, 0, 0, 1, 1, 1, 1, 1], np.int32)
    usual = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.int32)
    consensus, confidence = vote(np.stack([odd, usual, 1 - usual, usual]), reference=0)
    np.testing.assert_array_equal(consensus, usual)
    np.testing.assert_allclose(confidence, [1, 1, 1, 0.75, 1, 1, 1, 1])
