"""scikit-activeml's strategies stand in for ours: the same rows as when they are asked directly."""

import sys

import numpy as np
import pytest

from clew.errors import DataError, SettingError
from clew.learn.active import next_items
from clew.learn.skactiveml_strategies import from_skactiveml
from clew.learn.strategies import scaled
from tests.learn.active_worlds import blank, clouds

pool = pytest.importorskip("skactiveml.pool")


@pytest.fixture(scope="module")
def rows():
    return blank(clouds(150), np.arange(40))


def ask(rows, strategy, **settings):
    return next_items(rows, rows.labels != "", strategy=strategy, n=5, control_every=6, **settings)


def test_it_chooses_what_it_chooses_when_asked_directly(rows):
    found = ask(rows, from_skactiveml(pool.CoreSet()))
    y = np.where(rows.labels == "", np.nan, np.unique(rows.labels, return_inverse=True)[1] - 1.0)
    direct = pool.CoreSet(random_state=0).query(scaled(rows.features, rows.units), y, batch_size=5)
    assert found.rows.tolist() == direct.tolist()
    assert found.strategy == "CoreSet"


@pytest.mark.parametrize("name", ["UncertaintySampling", "QueryByCommittee", "Badge"])
def test_one_that_asks_for_a_model_gets_a_forest_and_repeats_itself(rows, name):
    strategy = from_skactiveml(getattr(pool, name)())
    found = [ask(rows, strategy).rows.tolist() for _ in range(2)]
    assert found[0] == found[1]
    assert (np.array(found[0]) >= 40).all()


def test_the_control_arm_stays_on(rows):
    found = next_items(rows, rows.labels != "", strategy=from_skactiveml(pool.RandomSampling()), n=6)
    assert np.flatnonzero(found.control).tolist() == [2, 5]


def test_what_is_no_strategy_or_asks_for_more_is_refused(rows):
    with pytest.raises(SettingError, match="must be one of skactiveml.pool"):
        from_skactiveml("CoreSet")
    with pytest.raises(SettingError, match="must be given 'reg'"):
        from_skactiveml(pool.ExpectedModelChangeMaximization())
    with pytest.raises(DataError, match="labels of at least 2 classes"):
        ask(rows.with_labels(np.where(np.arange(150) == 0, "a", "")), from_skactiveml(pool.Clue()))


def test_a_missing_package_is_said_plainly(monkeypatch):
    monkeypatch.setitem(sys.modules, "skactiveml.base", None)
    with pytest.raises(SettingError, match="pip install scikit-activeml"):
        from_skactiveml(pool.CoreSet())
