"""Curves of known laws are found again, and their intervals cover the truth at a stated rate."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from clew.validate import extrapolation
from clew.validate.extrapolation import EXPONENTS, extrapolate, no_extrapolation, power_law, rows_for

ROWS = np.array([10.0, 14, 20, 29, 41, 59, 84, 120])
LAW = (0.08, 1.2, 0.7)


def law(n, a=LAW[0], b=LAW[1], c=LAW[2]):
    return a + b * n**-c


def measured(seed, n_units=60, per_unit=4, noise=0.5):
    """Wrong answers of each unit's rows under a known law: a row that is hard at one size tends to be hard at all."""
    random = np.random.default_rng(seed)
    hard = random.random((n_units, per_unit, 1)) < noise
    lot = np.where(hard, random.random((n_units, per_unit, 1)), random.random((n_units, per_unit, len(ROWS))))
    wrong = (lot < law(ROWS)).sum(axis=1).astype(float)  # (n_units, n_sizes)
    error = wrong.sum(axis=0) / (n_units * per_unit)
    left_out = (wrong.sum(axis=0) - wrong) / ((n_units - 1) * per_unit)
    moved = (left_out - left_out.mean(axis=0)) * np.sqrt((n_units - 1) / n_units)
    return error, [moved], n_units - 1


def drawn(seed, desired=None, labelled=150):
    error, moved, freedom = measured(seed)
    return extrapolate(
        ROWS, error, moved, freedom=freedom, labelled=labelled, desired=desired, random_state=0
    )


@pytest.mark.parametrize("c", EXPONENTS[[0, 9, 26]])
def test_an_exact_power_law_is_found_again(c):
    a, b, found = power_law(ROWS, law(ROWS, 0.1, 0.8, c), np.ones(len(ROWS)))
    np.testing.assert_allclose([a, b, found], [0.1, 0.8, c], rtol=1e-9)


def test_the_fit_is_as_good_as_scipys():
    error, moved, _ = measured(3)
    weight = 1 / sum((part**2).sum(axis=0) for part in moved)
    ours = power_law(ROWS, error, weight)
    bounds = ([0, 0, EXPONENTS[0]], [1, 50, EXPONENTS[-1]])
    theirs, _ = curve_fit(law, ROWS, error, p0=(0.1, 1, 0.5), sigma=weight**-0.5, bounds=bounds)
    missed = [(weight * (error - law(ROWS, *one)) ** 2).sum() for one in (ours, theirs)]
    assert missed[0] <= missed[1] * 1.02  # a grid of exponents is nearly as fine as a search


def test_many_curves_are_fitted_as_one_by_one():
    curves = np.stack([law(ROWS), law(ROWS, 0.2, 2, 1.0), law(ROWS, 0, 0.5, 0.3)])
    together = np.stack(power_law(ROWS, curves, np.ones(8)), axis=1)
    for curve, one in zip(curves, together, strict=True):
        np.testing.assert_allclose(power_law(ROWS, curve, np.ones(8)), one)


def test_sizes_without_weight_do_not_bend_the_curve():
    spoilt = np.where(ROWS < 20, 0.9, law(ROWS, 0.1, 0.8, EXPONENTS[9]))
    a, _, _ = power_law(ROWS, spoilt, (ROWS >= 20).astype(float))
    assert a == pytest.approx(0.1)
    assert power_law(ROWS, spoilt, np.ones(8))[0] != pytest.approx(0.1, abs=0.02)


def test_no_fit_goes_below_nothing_or_rises():
    for curve in (law(ROWS, -0.05, 0.5, 0.4), np.linspace(0.2, 0.4, 8)):
        a, b, _ = power_law(ROWS, curve, np.ones(8))
        assert a >= 0
        assert b >= 0


def test_the_rows_for_an_error_are_where_the_law_comes_to_it():
    n = rows_for(0.15, *(np.array(one) for one in LAW))
    assert law(n) == pytest.approx(0.15)
    assert np.isinf(rows_for(0.08, *(np.array(one) for one in LAW)))
    assert np.isinf(rows_for(0.05, *(np.array(one) for one in LAW)))
    assert rows_for(0.2, np.array(0.1), np.array(0.0), np.array(1.0)) == 0


def covered(n_runs, n=600, desired=0.15):
    """The shares of runs whose intervals hold the error with n rows, the floor, and the rows for an error."""
    held = []
    for seed in range(n_runs):
        found = drawn(seed, desired)
        low, high = (np.interp(n, found.rows, found.error[:, j]) for j in (1, 2))
        truth = rows_for(desired, *(np.array(one) for one in LAW))
        held.append(
            [
                low <= law(n) <= high,
                found.floor[1] <= LAW[0] <= found.floor[2],
                found.needed[1] <= truth <= found.needed[2],
            ]
        )
    return np.mean(held, axis=0)


def test_intervals_cover_a_known_law_nearly_always():
    assert (covered(80) >= 0.88).all()  # 400 runs: 0.97, 0.98 and 0.93


def test_intervals_that_are_too_narrow_are_found_out(monkeypatch):
    monkeypatch.setattr(extrapolation, "ENDS", (0.4, 0.6))
    assert (covered(80) < 0.6).any()


def test_nothing_is_said_beyond_ten_times_the_labels():
    found = drawn(0, desired=0.0801, labelled=150)
    assert found.rows[-1] == pytest.approx(1500)
    assert found.needed[2] == np.inf


def test_the_same_seed_draws_the_same_curves():
    assert drawn(1, 0.1).digest() == drawn(1, 0.1).digest()


def test_a_refusal_says_why_and_is_saved_whole(tmp_path):
    nothing = no_extrapolation("Not drawn on: too few.")
    assert nothing.headline() == "Not drawn on: too few."
    assert nothing.summary()["needed"] == [None] * 3
    assert type(nothing).load(nothing.save(tmp_path / "n")).refused == nothing.refused
