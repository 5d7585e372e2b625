"""The adding problem against its own definition and its exact baseline."""

from __future__ import annotations

import numpy as np
import pytest

from clew.errors import SettingError
from clew.simulate.sequences import adding_problem


def test_the_target_is_the_sum_of_the_two_marked_values():
    X, y = adding_problem(500, 31, random_state=3)
    assert X.shape == (500, 31, 2) and X.dtype == y.dtype == np.float32
    np.testing.assert_allclose((X[..., 0] * X[..., 1]).sum(1), y, atol=1e-6)
    assert set(np.unique(X[..., 1])) == {0, 1}
    assert (X[:, :15, 1].sum(1) == 1).all() and (X[:, 15:, 1].sum(1) == 1).all()
    marked = X[..., 1].sum(0)
    assert (marked > 0).all()  # every step is marked in some sequence, the first and the last as well


def test_to_answer_one_always_costs_a_sixth():
    y = adding_problem(200_000, 2)[1].astype(float)
    cost = (y - 1) ** 2
    error = cost.std() / len(y) ** 0.5
    assert abs(cost.mean() - 1 / 6) < 4 * error
    assert abs(cost.mean() - 0.1767) > 4 * error  # the misprint that goes round


def test_the_same_seed_draws_the_same_sequences():
    first, again, other = (adding_problem(5, 10, random_state=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize(("n", "length"), [(0, 10), (3, 1)])
def test_too_little_is_refused(n, length):
    with pytest.raises(SettingError, match="must be an int from"):
        adding_problem(n, length)
