"""Are there groups, and how many: the answer, its reproducibility, and its rates by simulation.

The rates are asserted on few data sets with room for chance; ``CLEW_SIMULATIONS=50`` runs the full number
without that room.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import binom
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from clew.errors import DataError, SettingError
from clew.explore.dip import dip_test
from clew.explore.evidence import evidence
from clew.explore.references import UnimodalEllipsoid, UnimodalMarginals
from clew.kernels.kmeans import kmeans
from clew.result import Result

module = importlib.import_module("clew.explore.evidence")
SIMULATIONS = int(os.environ.get("CLEW_SIMULATIONS", "12"))


# ---- populations with known truth ----
def gaussian(seed, n=200, d=8):
    return np.random.default_rng(seed).normal(size=(n, d))


def correlated(seed, n=200, d=8):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d))


def lognormal(seed, n=200, d=8):
    return np.random.default_rng(seed).lognormal(size=(n, d))


def ball(seed, n=200, d=8):
    X = gaussian(seed, n, d)
    radius = np.random.default_rng(seed + 10_000).random((n, 1)) ** (1 / d)
    return radius * X / np.linalg.norm(X, axis=1, keepdims=True)


def two_groups(seed, sigma, n=200, d=8):
    """Two halves, ``sigma`` within-group standard deviations apart along the diagonal."""
    return gaussian(seed, n, d) + (np.arange(n) % 2 * sigma / np.sqrt(d))[:, None]


def three_groups(seed, sigma=6.0, n=210, d=8):
    corners = np.zeros((3, d))
    corners[:, :3] = np.eye(3) * sigma / np.sqrt(2)
    return gaussian(seed, n, d) + corners[np.arange(n) % 3]


class Gaussian:
    """The mutant reference: one population, but neither skew nor flat."""

    def __init__(self, X):
        self.n, self.mean, self.covariance = len(X), X.mean(axis=0), np.cov(X, rowvar=False)

    def draw(self, rng):
        return rng.multivariate_normal(self.mean, self.covariance, self.n)


# ---- rates ----
def least(share):
    """The smallest count of SIMULATIONS that a true rate of ``share`` explains (1 in 1000 by chance)."""
    return share * SIMULATIONS if SIMULATIONS >= 50 else binom.ppf(0.001, SIMULATIONS, share)


def holds(hits, needed, n=SIMULATIONS):
    """Whether at least ``needed`` of n data sets are hits; the rest is not simulated once that is decided either way."""
    count = 0
    for seen, hit in enumerate(hits, start=1):
        count += hit
        if count >= needed or count + n - seen < needed:
            break
    return count >= needed


def answers(population):
    """The number of groups in each of SIMULATIONS data sets, one by one; half the draws suffice where few are simulated."""
    references = 199 if SIMULATIONS >= 50 else 99
    for seed in range(SIMULATIONS):
        yield evidence(population(seed), references=references, random_state=seed).k


def test_counting_ends_when_it_is_decided_and_says_the_same_as_counting_all():
    for hits in np.random.default_rng(0).random((200, 12)) < 0.7:
        for needed in (0, 5, 8.4, 9, 12):
            drawn = iter(hits)
            assert holds(drawn, needed, 12) == (hits.sum() >= needed)
            if 0 < needed <= hits[:9].sum():
                assert len(list(drawn)) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("population", [correlated, lognormal])  # a ball: at most 8%, not 4%
def test_one_population_gets_no_groups(population):
    assert holds((k == 0 for k in answers(population)), least(48 / 50))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("references", "population"),
    [
        ((UnimodalMarginals, UnimodalMarginals), ball),  # skew is known, a joint shape is not
        ((UnimodalEllipsoid, UnimodalEllipsoid), lognormal),  # the other way round
        ((Gaussian, Gaussian), ball),  # neither
    ],
    ids=["marginals only", "ellipsoid only", "Gaussian only"],
)
def test_a_single_reference_takes_a_shape_for_groups(monkeypatch, references, population):  # the mutants
    monkeypatch.setattr(module, "REFERENCES", references)
    assert not holds((k == 0 for k in answers(population)), least(48 / 50))


@pytest.mark.slow
def test_two_groups_at_6_sigma_are_found_counted_and_recovered():
    assert holds((k == 2 for k in answers(lambda seed: two_groups(seed, 6.0))), least(48 / 50))
    recovered = 0
    for seed in range(SIMULATIONS):
        Z = module._z_scores(two_groups(seed, 6.0))
        labels, _, inertia, _ = kmeans(Z, 2, np.arange(20))
        recovered += adjusted_rand_score(np.arange(200) % 2, labels[inertia.argmin()]) >= 0.95
    assert recovered >= least(48 / 50)


@pytest.mark.slow
def test_two_groups_at_3_sigma_are_found_and_counted():
    assert holds((k == 2 for k in answers(lambda seed: two_groups(seed, 3.0))), least(40 / 50))


@pytest.mark.slow
def test_three_groups_are_three():
    assert holds((k == 3 for k in answers(three_groups)), least(45 / 50))


# ---- one answer ----
def test_clear_groups_are_said_so():
    result = evidence(three_groups(0))
    assert result.k == result.best_k == 3
    assert result.p_value == result.p_unimodal == result.p_ellipsoid == 1 / 200
    assert result.headline() == (
        "3 groups: separated better than in each of 199 single clouds of either kind (p = 0.005)."
    )
    assert result.choices() == {"excess_silhouette": 3, "index": 3, "stability": 3, "gap": 3}
    summary = json.loads(json.dumps(result.summary()))
    assert (summary["index"], summary["p_value"]) == (result.index[1], 0.005)
    assert summary["curves"].keys() == {"k", "excess_silhouette", "index", "stability", "gap", "gap_error"}
    assert summary["curves"]["k"] == list(range(2, 11))
    assert summary["curves"]["gap"] == result.gap.tolist()
    np.testing.assert_array_equal(result.draws, [199, 199])
    assert (result.index[1] > result.reference_high[:, 1]).all()
    assert result.excess_silhouette.argmax() == 1
    assert result.stopped_early == ""


def test_one_cloud_is_said_so_and_stops_early():
    result = evidence(gaussian(0))
    assert result.k == 0
    assert result.p_value > 0.01
    assert result.stopped_early == "out of reach"
    assert result.draws[0] < 199
    assert result.headline().startswith("No groups: cut in two, these rows separate no better than one cloud")


# ---- stopping early ----
def decided(index, drawn, enough):
    """Whether there are groups at 0.01, and the draws that were looked at, when these draws come one by one."""
    draws, stopped = module._draw(index, drawn.__getitem__, range(len(drawn)), enough, None)
    above = module._at_or_above(module._standardized(index, draws[:, :, 0])).max()
    return bool((1 + above) / (1 + len(draws)) <= 0.01) and not stopped, len(draws)


def test_one_draw_above_the_data_does_not_stop():
    drawn = np.random.default_rng(0).normal(size=(199, 2, 3, 4))
    index = np.full(4, 6.0)
    drawn[5, 0, 0] = 7.0  # above the data, in the first batch
    assert decided(index, drawn, module.ENOUGH_ABOVE) == (True, 199)
    assert decided(index, drawn, 1) == (False, 20)  # the mutant: p = 0.01 was within reach
    drawn[6:15, 0, 0] = 7.0
    assert decided(index, drawn, module.ENOUGH_ABOVE) == (False, 20)


def test_an_answer_is_the_same_without_the_stop(monkeypatch):
    X = two_groups(1, 2.5, n=120)
    early = evidence(X, random_state=1)
    monkeypatch.setattr(module, "ENOUGH_ABOVE", np.inf)
    full = evidence(X, random_state=1)
    assert full.stopped_early == ""
    assert early.k == full.k
    np.testing.assert_array_equal(early.index, full.index)


@pytest.mark.slow
def test_the_stop_changes_no_answer_and_spares_most_draws_of_one_population():
    lost, looked_at, some = 0, [], max(SIMULATIONS // 2, 6)
    for sigma in (0.0, 2.5):  # where groups are found in none, and in half of the data sets
        for seed in range(some):
            Z, ks = module._z_scores(two_groups(seed, sigma)), np.arange(2, 11)
            of_data, *of_draws = np.random.SeedSequence(seed).spawn(200)
            index = module._separation(Z, ks, None, of_data)[0]
            with ThreadPoolExecutor(module.n_threads()) as pool:
                drawn = list(pool.map(module._one_draw(Z, ks, True, None), of_draws))
            (early, n_early), (full, _) = (decided(index, drawn, enough) for enough in (10, np.inf))
            assert not (early and not full)
            lost += full and not early
            looked_at += [n_early] if not sigma else []
    assert lost <= binom.ppf(0.999, 2 * some, 0.01)
    assert np.mean(looked_at) < 100


def test_nearly_as_good_numbers_are_named():
    X = (
        gaussian(0) + (np.arange(200) % 3 * 4 / np.sqrt(8))[:, None]
    )  # three in a row: the middle one is doubtful
    result = evidence(X)
    assert result.k == 2
    assert result.also == [3]
    assert "k = 3 is nearly as good." in result.headline()


# ---- the curves over k ----
def test_the_gap_is_that_of_its_definition():
    draws, data = np.random.default_rng(0).normal(size=(60, 2, 4)), np.array([-1.0, 0.0, 0.5, -0.5])
    draws[:, 1, :2] += 5  # the second kind is farther at two k, closer at the others
    draws[:, 1, 2:] -= 5
    gap, error = module._gap(data, draws)
    for k, kind in enumerate([0, 0, 1, 1]):
        w = draws[:, kind, k]
        assert gap[k] == pytest.approx(sum(w) / 60 - data[k])
        assert error[k] == pytest.approx(np.sqrt(((w - w.mean()) ** 2).sum() / 60) * np.sqrt(1 + 1 / 60))


def test_what_is_compared_by_the_gap_is_scikit_learns_inertia():
    Z = module._centered(three_groups(0, 8.0))
    ks = np.array([2, 3])
    measures = module._separation(Z, ks, None, np.random.SeedSequence(0))
    inertia = [KMeans(int(k), n_init=10, random_state=0).fit(Z).inertia_ for k in ks]
    np.testing.assert_allclose(measures[2], np.log(inertia / (Z**2).sum()), rtol=1e-6)


def answered(**curves):
    """An Evidence of groups, k = 2 to 5, with curves as given; ours says 3."""
    flat = dict.fromkeys(("standardized_index", "stability", "gap", "gap_error"), np.zeros(4))
    quick = evidence(three_groups(0, n=60), references=99, k_max=5)
    return dataclasses.replace(quick, k=3, best_k=3, also=[], **{**flat, **curves})


def test_each_curve_chooses_by_its_own_rule():
    result = answered(
        standardized_index=np.array([1.0, 2, 3, 0]),
        stability=np.array([1.0, 0.5, 1, 0.9]),  # of equal ones the finest
        gap=np.array([0.3, 0.5, 0.55, 0.1]),
        gap_error=np.array([0.01, 0.01, 0.1, 0.1]),  # 0.5 is at least 0.55 - 0.1
    )
    assert result.choices() == {"excess_silhouette": 3, "index": 4, "stability": 4, "gap": 3}
    assert result.disagreement() == (
        "The excess silhouette and the gap say 3; the projected index and stability say 4."
    )
    assert result.headline().endswith(result.disagreement())
    assert answered(gap=np.array([-0.1, 0.2, 0.3, 0.4])).choices()["gap"] == 1
    assert answered(gap=np.array([0.1, 0.2, 0.3, 0.4])).choices()["gap"] == 5  # the gap grows to the end


def test_agreement_is_no_news_and_without_groups_nobody_is_quoted():
    agreed = answered(
        standardized_index=np.eye(4)[1], stability=np.eye(4)[1], gap=np.array([0.1, 0.5, 0.5, 0.5])
    )
    assert set(agreed.choices().values()) == {3}
    assert agreed.disagreement() == ""
    assert agreed.headline().endswith("(p = 0.010).")
    apart = dataclasses.replace(agreed, stability=np.eye(4)[2])
    assert apart.disagreement() == (
        "The excess silhouette, the projected index and the gap say 3; stability says 4."
    )
    assert dataclasses.replace(apart, k=0).disagreement() == ""
    one = dataclasses.replace(agreed, gap=np.array([-0.1, 0.5, 0.5, 0.5]))
    assert one.disagreement().endswith("; the gap says 1, one population.")


def test_stability_is_the_agreement_of_clusterings_on_the_rows_they_share(monkeypatch):
    def measured():
        return module._stability(
            three_groups(1, 4.0), np.array([2, 3, 4]), None, np.random.SeedSequence(0).spawn(4)
        )

    ours, compared = measured(), []

    def theirs(a, b):
        compared.append(len(a))
        return adjusted_rand_score(a, b)

    monkeypatch.setattr(module, "adjusted_rand", theirs)
    np.testing.assert_allclose(ours, measured(), atol=1e-12)
    assert len(compared) == 6 * 3
    assert all(0.55 * 210 < n < 0.75 * 210 for n in compared)  # 64% of the rows are in both
    assert ours.argmax() == 1


def test_one_long_cloud_is_stable_and_yet_one():  # why stability is no evidence
    X = gaussian(0, d=3) + np.linspace(-6, 6, 200)[:, None]
    result = evidence(X, standardize=False)
    assert result.stability[0] > 0.9
    assert result.k == 0
    assert evidence(gaussian(0)).stability[0] < 0.5


# ---- coordinates whose axes mean nothing ----
def coordinates(X, metric="euclidean"):
    """The first 10 principal coordinates of the distances of the rows of X."""
    squared = squareform(pdist(X, metric)) ** 2
    centered = squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centered / 2)
    kept = [i for i in range(len(X))[::-1][:10] if values[i] > 1e-9 * values[-1]]
    return vectors[:, kept] * np.sqrt(values[kept])


def cube(seed, n=200, d=8):
    return np.random.default_rng(seed).random((n, d))


def exponential(seed, n=200, d=8):
    return np.random.default_rng(seed).exponential(size=(n, d))


def test_without_standardizing_columns_keep_their_scale():
    X = np.column_stack((gaussian(0, d=1) * 10, gaussian(1, d=3)))
    X[::2, 1] += 8  # the groups are in a column of small scale
    assert evidence(X, references=99).k == 2
    kept = evidence(X, references=99, standardize=False)
    assert kept.k == 0
    assert kept.settings["standardize"] is False
    assert kept.digest() != evidence(X, references=99).digest()
    doubled = evidence(X * 2, references=99, standardize=False)
    np.testing.assert_allclose(doubled.index, kept.index, rtol=1e-9)


def test_readers_of_coordinates_are_told_what_they_were_held_against():
    (note,) = evidence(coordinates(two_groups(0, 6.0)), references=99, standardize=False).notes
    assert note.startswith("Judged as a map of distances")
    assert evidence(two_groups(0, 6.0), references=99).notes == []


def test_a_cut_along_which_there_is_one_mode_is_no_evidence_in_coordinates(monkeypatch):
    X = coordinates(two_groups(0, 6.0))
    found = evidence(X, references=99, standardize=False)
    assert found.k == 2
    assert found.p_modes < 0.01
    line = X @ np.linalg.svd(X, full_matrices=False)[2][0]  # of 6 sigma, the groups are on the first axis
    p_of_line = dip_test(line[:, None], names=["line"]).p_value[0]
    assert found.p_modes == pytest.approx(p_of_line, abs=0.001)
    monkeypatch.setattr(module, "_p_of_modes", lambda *_: 0.3)
    refused = evidence(X, references=99, standardize=False)
    assert (refused.k, refused.p_value) == (0, 0.3)
    assert refused.headline().startswith(
        "No groups claimed: these rows separate better than single clouds, but"
    )
    assert evidence(two_groups(0, 6.0), references=99).p_modes is None  # the dip is for coordinates only


def test_the_shallowest_dip_between_neighbours_counts():
    X = np.sort(gaussian(0, n=300, d=1), axis=0) / 10
    X[:100] -= 3  # far away; the rest is one heap that k = 3 cuts in two
    ks, seed = np.array([2, 3]), np.random.SeedSequence(0)
    assert module._p_of_modes(X, ks, 2, None, seed) < 0.01
    assert module._p_of_modes(X, ks, 3, None, seed) > 0.3


def found_in_coordinates(population, metric, n=SIMULATIONS):
    for seed in range(n):
        X = coordinates(population(seed), metric)
        yield evidence(X, references=99, standardize=False, random_state=seed).k


@pytest.mark.slow
@pytest.mark.parametrize(("population", "metric"), [(cube, "euclidean"), (exponential, "cityblock")])
def test_coordinates_of_one_population_get_no_groups(population, metric):
    assert holds((k == 0 for k in found_in_coordinates(population, metric)), least(0.95))


@pytest.mark.slow
def test_references_made_for_features_would_take_coordinates_for_groups(monkeypatch):
    monkeypatch.setattr(module, "REFERENCES_OF_COORDINATES", module.REFERENCES)  # the mutant
    monkeypatch.setattr(module, "_p_of_modes", lambda *_: 0.0)
    n = max(SIMULATIONS, 20)
    none = (k == 0 for k in found_in_coordinates(exponential, "cityblock", n))
    assert not holds(none, binom.ppf(0.05, n, 0.95), n)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
def test_groups_are_found_in_coordinates(metric):
    two = (k == 2 for k in found_in_coordinates(lambda seed: two_groups(seed, 5.0), metric))
    assert holds(two, least(0.95))


# ---- the same again ----
def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(monkeypatch):
    X = two_groups(0, 3.0)
    digests = []
    for threads in (1, 3):
        monkeypatch.setattr(module, "n_threads", lambda threads=threads: threads)
        digests.append(evidence(X, references=99).digest())
    assert digests[0] == digests[1]
    assert evidence(X, references=99, random_state=1).digest() != digests[0]


def test_units_do_not_matter():
    X = two_groups(0, 4.0)
    scaled = evidence(X * 2.0 ** np.arange(8), references=99)  # powers of two: the same bits after z-scoring
    assert scaled.digest() == evidence(X, references=99).digest()


def test_p_is_the_rank_of_the_data_among_the_draws():
    rng = np.random.default_rng(0)
    draws, index = rng.normal(size=(50, 2, 4)), np.array([0.5, 1.0, -1.0, 1.5])
    for kind, count in enumerate(module._at_or_above(module._standardized(index, draws))):
        everyone = np.vstack((index, draws[:, kind]))
        z = ((everyone - everyone.mean(axis=0)) / everyone.std(axis=0)).max(axis=1)
        assert count == (z[1:] >= z[0]).sum()
        assert 0 < count < 50


def test_p_of_a_true_reference_is_uniform():  # rows drawn like the draws: p must neither lie high nor low
    index = np.random.default_rng(0).normal(size=(2000, 3)).cumsum(axis=1)
    draws = np.random.default_rng(1).normal(size=(2000, 39, 2, 3)).cumsum(axis=3)
    above = [module._at_or_above(module._standardized(i, d))[0] for i, d in zip(index, draws)]
    p = (1 + np.array(above)) / 40
    for level in (0.05, 0.25, 0.5):
        assert abs((p <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 2000)


def test_rows_and_draws_go_through_the_space():
    seen = []

    def first_two(Z, seed):
        seen.append((Z.shape, seed))
        return Z[:, :2]

    X = gaussian(0, d=4)
    X[::2, 0] += 8
    found = evidence(X, references=99, space=first_two)
    assert found.k == 2
    whole = [seed for shape, seed in seen if shape == (200, 4)]
    assert len(whole) == len(set(whole)) == 5 + 2 * 99  # five embeddings of the data, one of each draw
    parts = [seed for shape, seed in seen if shape == (160, 4)]
    assert len(parts) == len(set(parts)) == 10  # and of each 80% of the rows
    assert len(seen) == len(whole) + len(parts)
    assert evidence(X, references=99, space=lambda Z, seed: Z[:, 2:]).k == 0


def test_progress_is_told_and_can_stop():
    calls = []
    evidence(gaussian(0), on_progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (1, 199)
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1))
    stopped = evidence(three_groups(0), on_progress=lambda done, total: done < 7)
    assert stopped.stopped_early == "asked"
    assert stopped.k == 0
    assert stopped.headline() == "Not decided: stopped after 7 draws of each reference."


def test_the_number_of_clusters_is_limited_by_the_rows():
    np.testing.assert_array_equal(evidence(gaussian(0, n=12, d=2)).ks, [2, 3, 4])
    np.testing.assert_array_equal(evidence(gaussian(0, n=6, d=2)).ks, [2])
    np.testing.assert_array_equal(evidence(gaussian(0), k_max=3).ks, [2, 3])


def test_many_rows_are_judged_by_some():
    result = evidence(two_groups(0, 6.0, n=3000), max_rows=300, references=99)
    assert result.k == 2
    assert result.notes == ["Judged by 300 rows of 3,000, drawn at random."]


def test_notes_tell_what_the_reader_must_know():
    assert evidence(gaussian(0, n=60)).notes == [
        "Too few rows to tell: with 60 rows only clearly separate groups would be seen."
    ]
    X = np.column_stack((gaussian(0, d=3), np.arange(200) % 2))
    assert evidence(X).notes[0].startswith("1 of 4 features has fewer than 10 different values")
    assert "exact copies" in evidence(np.repeat(gaussian(0, n=70), 3, axis=0)).notes[0]
    assert evidence(gaussian(0)).notes == []


def test_misfits_are_refused():
    with pytest.raises(SettingError, match="at least 99"):
        evidence(gaussian(0), references=98)
    with pytest.raises(SettingError, match="k_max"):
        evidence(gaussian(0), k_max=1)
    with pytest.raises(DataError, match="at least 6 rows"):
        evidence(gaussian(0, n=5))
    with pytest.raises(DataError, match="must vary"):
        evidence(np.column_stack((gaussian(0), np.ones(200))))
    with pytest.raises(DataError, match="finite"):
        evidence(np.full((10, 2), np.nan))


def test_more_features_than_rows_get_an_answer():
    assert evidence(gaussian(0, n=30, d=60)).k == 0


def test_result_survives_saving_and_threads_of_the_caller(tmp_path):
    X = three_groups(0, n=90)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda seed: evidence(X, references=99, random_state=seed), [0, 0, 0]))
    assert len({result.digest() for result in results}) == 1
    assert Result.load(results[0].save(tmp_path / "e.zip")).digest() == results[0].digest()


# ---- wide tables ----
@pytest.mark.slow
def test_wide_noise_has_no_groups():
    found = [
        evidence(np.random.default_rng(seed).normal(size=(100, 400)), references=99).k for seed in range(8)
    ]
    assert sum(k > 0 for k in found) <= 1


def test_groups_in_a_wide_table_are_found_and_the_way_is_said():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 200))
    X[:60] += 1.0  # 14 standard deviations apart along the diagonal
    found = evidence(X, references=99)
    assert found.k == 2
    assert (
        "200 features are many for 120 rows: the evidence was judged on the first 10 principal components."
        in found.notes
    )
    assert found.settings["standardize"] is True
    assert not any("many for" in note for note in evidence(X[:, :30], references=99).notes)


def test_few_rows_are_not_said_to_have_few_values():
    """Eight rows have eight values at most, however finely they were measured; of thirty rows it says something."""
    fine = np.random.default_rng(0).normal(size=(8, 5))
    assert not any("different values" in note for note in evidence(fine, k_max=2, references=99).notes)
    for n, told in ((29, False), (30, True)):
        coarse = np.random.default_rng(1).normal(size=(n, 3)).round()
        notes = evidence(coarse, k_max=2, references=99).notes
        assert any("3 of 3 features have fewer than 10 different values" in note for note in notes) == told
