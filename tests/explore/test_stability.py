from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import procrustes
from sklearn.metrics import adjusted_rand_score

from clew.errors import SettingError
from clew.explore.stability import (
    adjusted_rand,
    agreement_by_row,
    by_size,
    group_jaccard,
    home_from,
    in_words,
    map_distances,
    match,
    pairwise_ari,
    stability,
    together,
    vote,
    wandering,
)

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


def resamples(n_runs=30, wander=0.1, seed=1):
    """Runs on random 80% of 60 rows each; -2 for the rest."""
    rng = np.random.default_rng(seed)
    truth, made = runs(n_runs, wander, seed)
    made[rng.random(made.shape) < 0.2] = -2
    return truth.astype(np.int32), made


def slow_jaccard(run, group):
    """The best Jaccard index of a set of rows with any cluster of a run, over the rows that the run was given."""
    given = set(np.flatnonzero(run > -2))
    rows = set(group) & given
    clusters = [set(np.flatnonzero(run == c)) for c in np.unique(run[run >= 0])]
    return max((len(rows & c) / len(rows | c) for c in clusters), default=0.0) if rows else np.nan


@given(st.integers(0, 99))
def test_groups_are_found_again_as_a_slow_twin_finds_them(seed):
    rng = np.random.default_rng(seed)
    made = rng.integers(-2, 4, (5, 25)).astype(np.int32)
    made[0] = -1  # a run without clusters
    consensus = rng.integers(-1, 3, 25).astype(np.int32)
    found = group_jaccard(made, consensus)
    for run, own in enumerate(made):
        for group in range(found.shape[1]):
            expected = slow_jaccard(own, np.flatnonzero(consensus == group))
            np.testing.assert_allclose(found[run, group], expected)


def test_a_group_that_dissolves_is_told_from_one_that_stays():
    truth, made = resamples(wander=0.0)
    np.testing.assert_allclose(group_jaccard(made, truth), 1.0)
    rng = np.random.default_rng(3)
    for run in made:
        torn = (truth == 2) & (run > -2)
        run[torn] = rng.permutation(3)[rng.integers(0, 3, torn.sum())]
    mean = group_jaccard(made, truth).mean(axis=0)
    assert mean[2] < 0.6 < 0.85 < mean[0]


def test_no_rows_of_a_group_give_no_figure():
    consensus = np.array([0, 0, 0, 1, 1], np.int32)
    found = group_jaccard(np.array([[3, 3, 3, -2, -2]], np.int32), consensus)
    np.testing.assert_array_equal(found, [[1.0, np.nan]])


def test_rows_are_judged_by_the_runs_that_had_them():
    truth, made = resamples(wander=0.0)
    made[:, 4] = np.where(np.arange(30) < 10, made[:, 0], -2)
    made[:, 9] = -2
    agree = agreement_by_row(made, truth)
    assert np.isnan(agree[9])
    np.testing.assert_array_equal(np.delete(agree, [4, 9]), 1.0)
    wrong = made.copy()
    for run in wrong:  # row 4 is sent to the cluster of row 59, wherever a run had both
        if run[4] > -2 and run[59] > -2:
            run[4] = run[59]
    sent = int(((made[:, 4] > -2) & (made[:, 59] > -2)).sum())
    had = int((made[:, 4] > -2).sum())
    assert agreement_by_row(wrong, truth)[4] <= 1 - sent / had + 1e-12 < 1


def test_over_all_rows_row_agreement_is_the_confidence():
    _, made = runs(wander=0.3)
    found = stability(made)
    np.testing.assert_allclose(agreement_by_row(made, found.consensus), found.confidence)


def test_two_rows_are_together_as_often_as_runs_that_had_both_say():
    _, made = resamples(n_runs=8, wander=0.4)
    made[:, 7] = np.where(made[:, 3] > -2, -2, made[:, 7])  # never with row 3
    made[0, 5] = -1
    shares = together(made)
    for a in range(0, 60, 7):
        for b in range(60):
            both = (made[:, a] > -2) & (made[:, b] > -2)
            same = (made[both, a] == made[both, b]) & (made[both, a] >= 0)
            expected = same.mean() if both.any() else np.nan
            np.testing.assert_allclose(shares[a, b], 1 if a == b and both.any() else expected, rtol=1e-6)
    assert np.isnan(shares[3, 7])


def test_maps_differ_as_scipy_has_it_and_turning_them_is_no_difference():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(4, 30, 2))
    maps[1] = 5 * maps[0] @ np.array([[0, 1], [1, 0]]) - 3
    found = map_distances(maps)
    for a in range(4):
        for b in range(4):
            np.testing.assert_allclose(found[a, b], procrustes(maps[a], maps[b])[2], atol=1e-12)
    assert found[0, 1] < 1e-12 < 0.5 < found[0, 2], (
        "unrelated maps must differ, or the line above shows nothing"
    )
    assert map_distances(np.zeros((2, 5, 2)))[0, 1] <= 1


def test_a_row_wanders_below_half_way_from_chance():
    assert home_from(15, 10**6) == home_from(15, 2000) == pytest.approx(0.5, abs=0.005)  # seen among 2000
    assert home_from(9, 19) == pytest.approx(0.75)  # half of the neighbours would be in common by chance
    overlap = np.full(19, 0.8)
    overlap[[2, 5]] = 0.7, np.nan
    np.testing.assert_array_equal(np.flatnonzero(wandering(overlap, 9)), [2])


def test_runs_that_draw_neighbours_at_random_let_every_row_wander():
    rng = np.random.default_rng(0)
    for n_rows, k in ((12, 5), (40, 15)):
        near = [[set(rng.choice(n_rows, k, replace=False)) for _ in range(n_rows)] for _ in range(20)]
        overlap = np.array(
            [
                np.mean([len(near[i][r] & near[j][r]) / k for i in range(20) for j in range(i)])
                for r in range(n_rows)
            ]
        )
        assert wandering(overlap, k).all()


def looked(*, seeds=1.0, rows=1.0, wander=0, k=2, **others):
    """As much of an exploration as the sentence is made of, of 40 rows."""
    overlap = np.full(40, 0.9)
    overlap[:wander] = 0.1
    ari = np.full((3, 3), seeds)
    embedding = {"method": "umap", "coordinates": np.zeros((3, 40, 2)), "neighbor_overlap": overlap, "k": 5}
    clustering = {"method": "kmeans", "sizes": np.full(max(k, 2), 5), "labels": np.zeros((3, 40))}
    for part in (embedding, clustering):
        part.update({name: value for name, value in others.items() if name in part and name != "method"})
    embedding["method"] = others.get("map", "umap")
    clustering["method"] = others.get("method", "kmeans")
    stable = SimpleNamespace(ari=ari)
    return SimpleNamespace(
        k=k,
        sample=np.arange(others.get("of", 40)),
        shown=np.arange(40),
        settings={"space": others.get("space", "features")},
        embedding=SimpleNamespace(**embedding),
        clustering=SimpleNamespace(
            **clustering, stability=stable, resampled_ari=np.array([rows, rows - 0.1, rows])
        ),
    )


def test_one_sentence_sums_up_what_repeating_shows():
    assert in_words(looked(wander=17, rows=1.0)) == (
        "17 of 40 rows wander between runs of the map; the cut into 2 does not depend on the run (ARI 1.00) nor on which "
        "rows are drawn (ARI 0.97, lowest 0.90). That says nothing about whether the groups are real."
    )
    assert in_words(looked(wander=1)).startswith("1 of 40 rows wanders between")
    assert in_words(looked()).startswith("No row of 40 wanders between")
    assert in_words(looked(of=900, wander=3)).startswith("3 of 40 shown rows wander")
    assert in_words(looked(k=0)).endswith("That says nothing about whether there are groups.")


@pytest.mark.parametrize(
    ("seeds", "rows", "said"),
    [
        (
            0.95,
            0.7,
            "does not depend on the run (ARI 0.95), but depends in part on which rows are drawn (ARI 0.67, ",
        ),
        (0.7, 0.98, "depends in part on the run (ARI 0.70), but not on which rows are drawn (ARI 0.95, "),
        (0.6, 0.7, "depends in part on the run (ARI 0.60) and on which rows are drawn (ARI 0.67, "),
        (0.6, 0.2, "depends in part on the run (ARI 0.60) and depends on which rows are drawn (ARI 0.17, "),
    ],
)
def test_the_sentence_says_what_the_cut_depends_on(seeds, rows, said):
    assert said in in_words(looked(seeds=seeds, rows=rows))


def test_the_sentence_claims_no_agreement_where_there_is_no_randomness():
    assert "the cut into 2 has no randomness and does not depend on which" in in_words(
        looked(method="hdbscan")
    )
    assert "does not depend on the run" in in_words(looked(method="hdbscan", space="embedding"))
    assert in_words(looked(map="pca")).startswith("The map has no randomness;")
    assert "nothing is known of who wanders" in in_words(looked(coordinates=np.zeros((1, 40, 2))))
    assert "no row is in a group" in in_words(looked(sizes=np.zeros(0)))
    assert "the one group does not" in in_words(looked(sizes=np.array([30])))
