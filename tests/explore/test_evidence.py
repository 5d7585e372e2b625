"""Are there groups, and how many: the answer, its reproducibility, and its rates by simulation.

The rates are asserted on few data sets with room for chance; ``CLEW_SIMULATIONS=50`` runs the full number
without that room.
"""

from __future__ import annotations

import importlib
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import adjusted_rand_score

from clew.errors import DataError, SettingError
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


def answers(population):
    """The number of groups in each of SIMULATIONS data sets; half the draws suffice where few are simulated."""
    references = 199 if SIMULATIONS >= 50 else 99
    return [
        evidence(population(seed), references=references, random_state=seed).k for seed in range(SIMULATIONS)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("population", [correlated, lognormal])  # a ball: at most 8%, not 4%
def test_one_population_gets_no_groups(population):
    assert answers(population).count(0) >= least(48 / 50)


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
    assert answers(population).count(0) < least(48 / 50)


@pytest.mark.slow
def test_two_groups_at_6_sigma_are_found_counted_and_recovered():
    assert answers(lambda seed: two_groups(seed, 6.0)).count(2) >= least(48 / 50)
    recovered = 0
    for seed in range(SIMULATIONS):
        Z = module._z_scores(two_groups(seed, 6.0))
        labels, _, inertia, _ = kmeans(Z, 2, np.arange(20))
        recovered += adjusted_rand_score(np.arange(200) % 2, labels[inertia.argmin()]) >= 0.95
    assert recovered >= least(48 / 50)


@pytest.mark.slow
def test_two_groups_at_3_sigma_are_found_and_counted():
    assert answers(lambda seed: two_groups(seed, 3.0)).count(2) >= least(40 / 50)


@pytest.mark.slow
def test_three_groups_are_three():
    assert answers(three_groups).count(3) >= least(45 / 50)


# ---- one answer ----
def test_clear_groups_are_said_so():
    result = evidence(three_groups(0))
    assert result.k == result.best_k == 3
    assert result.p_value == result.p_unimodal == result.p_ellipsoid == 1 / 200
    assert result.headline() == (
        "3 groups: separated better than in each of 199 single clouds of either kind (p = 0.005)."
    )
    assert result.summary() == {"index": result.index[1], "p_value": 0.005}
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


def test_stopping_early_never_turns_a_no_into_groups(monkeypatch):
    for seed in range(4):
        X = two_groups(seed, 2.5, n=120)
        early = evidence(X, random_state=seed)
        with monkeypatch.context() as patch:
            patch.setattr(module, "ENOUGH_ABOVE", np.inf)
            full = evidence(X, random_state=seed)
        assert full.stopped_early == ""
        assert early.k == full.k
        if early.stopped_early:
            assert early.p_value > 0.01 < full.p_value


def test_nearly_as_good_numbers_are_named():
    X = (
        gaussian(0) + (np.arange(200) % 3 * 4 / np.sqrt(8))[:, None]
    )  # three in a row: the middle one is doubtful
    result = evidence(X)
    assert result.k == 2
    assert result.also == [3]
    assert result.headline().endswith("k = 3 is nearly as good.")


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
    for kind, count in enumerate(module._at_or_above(index, draws)):
        everyone = np.vstack((index, draws[:, kind]))
        z = ((everyone - everyone.mean(axis=0)) / everyone.std(axis=0)).max(axis=1)
        assert count == (z[1:] >= z[0]).sum()
        assert 0 < count < 50


def test_p_of_a_true_reference_is_uniform():  # rows drawn like the draws: p must neither lie high nor low
    index = np.random.default_rng(0).normal(size=(2000, 3)).cumsum(axis=1)
    draws = np.random.default_rng(1).normal(size=(2000, 39, 2, 3)).cumsum(axis=3)
    p = np.array([(1 + module._at_or_above(i, d)[0]) / 40 for i, d in zip(index, draws)])
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
    assert len({seed for _, seed in seen}) == 5 + 2 * 99  # five embeddings of the data, one of each draw
    assert {shape for shape, _ in seen} == {(200, 4)}
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
