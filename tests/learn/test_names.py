import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.explore.exploration import explore
from clew.learn.names import name
from tests.explore.test_exploration import QUICK, samples, two_groups


@pytest.fixture(scope="module")
def looked():
    rows = samples(two_groups()[0])
    return rows, explore(rows, **QUICK)


def test_the_rows_of_a_named_group_get_its_name(looked):
    rows, found = looked
    named = name(rows, found, names={"0": "round", "1": " long "})
    expected = np.array(["round", "long"])[found.groups]
    np.testing.assert_array_equal(named.label, expected)
    np.testing.assert_array_equal(named.sample, rows.sample)
    assert named.summary()["labelled"] == {
        "round": (expected == "round").sum(),
        "long": (expected == "long").sum(),
    }


def test_a_group_without_a_name_stays_without_labels_and_is_told(looked):
    rows, found = looked
    named = name(rows, found, names={"1": "long"})
    assert set(named.sample) == set(rows.sample[found.groups == 1])
    assert named.unnamed == [0]
    assert "without a name: 0" in named.headline()


def test_two_groups_may_share_a_name(looked):
    rows, found = looked
    assert name(rows, found, names={"0": "cell", "1": "cell"}).summary()["labelled"] == {"cell": 100}


@pytest.mark.parametrize(
    ("names", "said"),
    [({"2": "x"}, r"one of: 0, 1\. Got '2'"), ({"0": " "}, "must not be empty"), ({}, "at least one group")],
)
def test_names_that_do_not_fit_are_refused(looked, names, said):
    with pytest.raises(SettingError, match=said):
        name(*looked, names=names)


def test_no_groups_cannot_be_named():
    rows = samples(np.random.default_rng(1).normal(size=(100, 5)))
    with pytest.raises(DataError, match="Got no groups"):
        name(rows, explore(rows, **QUICK), names={"0": "x"})
