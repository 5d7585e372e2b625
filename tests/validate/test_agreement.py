"""Two people: kappa against scikit-learn's, intervals, and the rows on which they differ."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from clew.errors import DataError
from clew.validate.agreement import agreement


def two(n=300, right=0.8, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.choice(["round", "long", "odd"], n, p=[0.6, 0.3, 0.1])
    second = np.where(rng.random(n) < right, first, rng.choice(["round", "long", "odd"], n))
    return first, second


def test_kappa_is_scikit_learns_and_its_interval_holds_it():
    first, second = two()
    found = agreement(first, second, groups=np.arange(300) // 10, names=("anna", "ben"))
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert found.accuracy.value == pytest.approx((first == second).mean())
    assert found.kappa.low < found.kappa.value < found.kappa.high
    assert found.table.sum() == 300
    assert (
        found.table[found.classes.index("odd"), found.classes.index("long")]
        == ((first == "odd") & (second == "long")).sum()
    )


def test_people_who_guess_agree_by_chance_only():
    first, _ = two()
    second, _ = two(seed=1)
    found = agreement(first, second)
    assert found.kappa.low < 0 < found.kappa.high
    assert agreement(first, first).kappa.value == 1  # the mutant: the same person twice


def test_disagreements_are_listed_with_what_each_says():
    found = agreement(["a", "b", "b"], ["a", "a", "b"], samples=["x", "y", "z"], names=("anna", "ben"))
    assert found.disagreements == [{"sample": "y", "first": "b", "second": "a"}]
    assert found.headline().startswith("anna and ben agree on 2 of 3 rows")
    assert found.summary()["disagreements"] == found.disagreements


def test_one_class_has_no_kappa_and_says_so():
    found = agreement(["a"] * 5, ["a"] * 5)
    assert np.isnan(found.kappa.value)
    assert "two classes" in found.headline()


@pytest.mark.parametrize(("first", "second"), [([], []), (["a"], ["a", "b"]), (["a", ""], ["a", "b"])])
def test_labels_that_do_not_go_together_are_refused(first, second):
    with pytest.raises(DataError):
        agreement(first, second)
