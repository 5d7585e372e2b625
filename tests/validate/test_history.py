"""A history tells what was kept, and comes back from a file as it was."""

import numpy as np
import pytest

from clew.result import Result, differences
from clew.validate.history import COLUMNS
from tests.validate.loss_worlds import drawn, history


def test_the_headline_tells_the_losses_of_the_epoch_that_was_kept():
    found = history([0.9, 0.5, 0.3], [0.8, 0.6, 0.7])
    assert found.headline() == "3 epochs, the weights of epoch 2 kept: mse 0.5 in training, 0.6 in validation"
    assert "validation" not in history([0.9, 0.5, 0.3]).headline()


def test_the_summary_holds_the_kept_epoch_and_none_for_what_there_is_not():
    found = history([0.9, 0.5, 0.3], [0.8, 0.6, 0.7], train_loss_at_best=0.45).summary()
    assert (found["best_epoch"], found["valid_loss"], found["train_loss"]) == (2, 0.6, 0.45)
    assert found["valid_score"] is None
    assert history([0.9]).summary()["valid_loss"] is None


def test_a_training_that_broke_off_in_its_first_epoch_says_so():
    found = history([], stopped="not finite", failed_batch=7, best_epoch=0)
    assert found.headline() == "stopped at update 7, before an epoch was completed"
    assert found.summary()["valid_loss"] is None
    assert found.rows() == []


def test_a_training_that_broke_off_later_says_what_is_kept():
    found = history([0.9, 0.5], [0.8, 0.6], stopped="not finite", failed_batch=150)
    kept = "stopped at update 150, whose loss was not finite; the weights of epoch 2 are kept"
    assert found.headline() == f"{kept}: mse 0.5 in training, 0.6 in validation"


def test_rows_are_the_columns_epoch_by_epoch():
    found = history([0.9, 0.5], [0.8, 0.6], lr=[0.1, 0.01])
    assert [dict(zip(COLUMNS, row, strict=True))["lr"] for row in found.rows()] == [0.1, 0.01]
    assert [row[0] for row in found.rows()] == [1, 2]
    assert len(found.rows()[0]) == len(COLUMNS)


def test_it_is_validated_where_a_validation_loss_is_a_number():
    assert drawn("good").validated
    assert not history([1.0, 0.5]).validated


def test_it_comes_back_from_a_file_as_it_was(tmp_path):
    found = drawn("overfits")
    assert differences(found, Result.load(found.save(tmp_path / "history.zip"))) == []
    with pytest.raises(ValueError, match="read-only"):
        found.train_loss[0] = 0
    assert np.isnan(found.train_loss_at_best)
