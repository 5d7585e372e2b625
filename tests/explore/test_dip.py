"""The dip test of each feature: level, power, ties, coarse columns, Holm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

import clew.explore.dip as module
from clew.errors import DataError
from clew.explore.dip import dip_test
from clew.result import Result


def named(d):
    return [f"feature_{i}" for i in range(d)]


def test_p_of_uniform_rows_is_uniform():
    for n in (30, 200, 3000):  # 3000: beyond the largest size that is simulated
        X = np.random.default_rng(n).random((n, 400))
        assert kstest(dip_test(X, names=named(400)).p_value, "uniform").pvalue > 0.001


@pytest.mark.parametrize("kind", ["normal", "lognormal", "exponential", "t"])
def test_one_mode_is_not_taken_for_two(kind):
    rng = np.random.default_rng(0)
    draw = {"t": lambda size: rng.standard_t(3, size)}.get(kind) or (
        lambda size: getattr(rng, kind)(size=size)
    )
    assert sum(bool(dip_test(draw((200, 8)), names=named(8)).bimodal()) for _ in range(60)) <= 2


def test_two_modes_in_one_of_eight_features_are_found():
    found = 0
    for seed in range(30):
        X = np.random.default_rng(seed).normal(size=(200, 8))
        X[:100, 3] += 5
        result = dip_test(X, names=named(8))
        found += result.bimodal() == ["feature_3"]
    assert found >= 26


def test_rounding_makes_no_modes(monkeypatch):
    rng = np.random.default_rng(0)
    tables = [np.round(rng.normal(size=(200, 8)) / 0.3) for _ in range(20)]
    assert sum(bool(dip_test(X, names=named(8)).bimodal()) for X in tables) <= 1
    monkeypatch.setattr(module, "_without_ties", lambda x, rng: x)  # the mutant
    assert sum(bool(dip_test(X, names=named(8)).bimodal()) for X in tables) == 20


def test_one_odd_value_between_the_steps_does_not_undo_the_jitter():
    x = np.round(np.random.default_rng(0).normal(size=500) / 0.3) * 0.3
    x[0] = 0.0001
    assert not dip_test(x[:, None], names=["x"]).bimodal()


def test_two_modes_are_still_seen_after_rounding():
    rng = np.random.default_rng(0)
    x = np.round(np.concatenate((rng.normal(size=200), rng.normal(6, size=200))) / 0.3)
    assert dip_test(x[:, None], names=["x"]).bimodal() == ["x"]


def test_untied_rows_do_not_depend_on_the_seed():
    X = np.random.default_rng(0).normal(size=(80, 3))
    results = [dip_test(X, names=named(3), random_state=seed) for seed in (0, 1)]
    np.testing.assert_array_equal(results[0].p_value, results[1].p_value)


def test_coarse_columns_are_named_and_left_out():
    rng = np.random.default_rng(0)
    X = np.column_stack((rng.integers(0, 2, 200), rng.normal(size=200), rng.integers(0, 5, 200)))
    result = dip_test(X, names=["sex", "area", "grade"])
    assert result.coarse == ["sex", "grade"]
    np.testing.assert_array_equal(np.isnan(result.p_value), [True, False, True])
    assert result.p_adjusted[1] == result.p_value[1]  # corrected for one test, not for three
    assert result.bimodal(alpha=1.0) == ["area"]


def test_all_columns_coarse_give_an_answer_too():
    result = dip_test(np.arange(20.0).reshape(-1, 1) % 2, names=["sex"])
    assert result.coarse == ["sex"]
    assert result.bimodal() == []


def test_adjusted_p_is_holms():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(module.holm(p), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(module.holm(np.array([0.9, 0.8])), [1.0, 1.0])


def test_misfits_are_refused():
    with pytest.raises(DataError, match="at least 4 rows"):
        dip_test(np.ones((3, 1)), names=["a"])
    with pytest.raises(DataError, match="one a column"):
        dip_test(np.ones((9, 2)), names=["a"])


def test_result_says_what_it_found_and_survives_saving(tmp_path):
    rng = np.random.default_rng(0)
    X = np.column_stack((rng.normal(size=200), np.r_[rng.normal(size=100), rng.normal(8, size=100)]))
    result = dip_test(X, names=["area", "circularity"])
    assert result.headline() == "More than one mode: `circularity` (p = 0.0002)"
    assert result.summary() == {"bimodal_features": ["circularity"], "coarse_features": []}
    assert Result.load(result.save(tmp_path / "dip.zip")).digest() == result.digest()
    assert dip_test(X[:, :1], names=["area"]).headline() == "No feature of 1 shows more than one mode"
