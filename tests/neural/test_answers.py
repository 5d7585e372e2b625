import numpy as np
import pytest
import scipy.sparse

from clew.errors import DataError
from clew.neural.answers import (
    answer_array,
    asked_steps,
    checked_weight,
    length_of,
    plain,
    some,
    steps_of,
    weight_of,
)
from clew.neural.preprocess import Prepared

GIVEN = Prepared(np.zeros((3, 4, 1)), np.array([4, 1, 2]))
RAGGED = [["a", "b", "c", "d"], ["e"], ["f", "g"]]


def test_answers_become_arrays():
    assert answer_array([[1], [2]]).tolist() == [1, 2] and answer_array((3, 4)).tolist() == [3, 4]
    assert answer_array(np.ones((2, 3))).shape == (2, 3) and answer_array(RAGGED)[2].tolist() == [
        "f",
        "g",
        "g",
        "g",
    ]
    assert answer_array([np.ones((2, 5)), np.ones((1, 5))]).shape == (2, 2, 5)
    for wrong in ([], np.array(3.0)):
        with pytest.raises(DataError, match="an entry of each row"):
            answer_array(wrong)


def test_only_steps_that_are_real_are_asked_about():
    y = steps_of(RAGGED, GIVEN)
    assert y[asked_steps(y, GIVEN)].tolist() == list("abcdefg")
    assert asked_steps(np.zeros(3), GIVEN).all() and asked_steps(y, Prepared(GIVEN.values)).all()
    assert asked_steps(np.zeros((3, 4, 2)), GIVEN).sum() == 14
    wide = np.full((3, 6), "x")  # filled up further than the rows are
    assert steps_of(wide, GIVEN).shape == (3, 4)


def test_a_sequence_with_fewer_answers_than_steps_is_refused():
    with pytest.raises(DataError, match="at each of its steps. Got fewer for number 3"):
        steps_of([*RAGGED[:2], ["f"]], GIVEN)
    with pytest.raises(DataError, match="Got fewer for number 2"):
        steps_of(RAGGED, Prepared(GIVEN.values))


def test_weights_are_one_number_of_each_row():
    assert checked_weight(None, 3) is None and checked_weight([0, 1, 2], 3).tolist() == [0, 1, 2]
    for wrong in ([1, 2], [1, -1, 1], [1, np.nan, 1], [0, 0, 0]):
        with pytest.raises(DataError, match="for each row .3., not all of them zero"):
            checked_weight(wrong, 3)
    asked = asked_steps(np.zeros((3, 4)), GIVEN)
    assert weight_of(None, asked) is None and weight_of([5, 6, 7], asked).tolist() == [5] * 4 + [6] + [7] * 2


def test_rows_are_counted_and_taken_whatever_holds_them():
    sparse = scipy.sparse.csr_array(np.eye(3))
    assert [length_of(one) for one in ([1, 2], np.ones((4, 2)), sparse, np.array(1))] == [2, 4, 3, 0]
    assert some(["a", "b", "c"], np.array([2, 0])) == ["c", "a"] and some(
        np.arange(3), np.array([2, 0])
    ).tolist() == [2, 0]
    assert plain(sparse) is sparse and plain([1]) == [1] and isinstance(plain(range(3)), np.ndarray)
