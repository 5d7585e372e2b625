"""Looking and naming."""

from __future__ import annotations

import pytest

from clew import steps
from clew.errors import SettingError
from tests.steps.worlds import QUICK


def test_choosing_other_features_is_a_look_of_its_own_on_record(table):
    study, _ = table
    steps.explore(study, **QUICK)
    told = steps.explore(study, features="a,b", **QUICK)
    assert told.data["looks"] == 2
    assert [one.settings["features"] for one in study.steps() if one.verb == "explore"] == ["all", "a,b"]
    assert told.data["hypotheses_on_record"] == len(study.hypotheses())


def test_names_must_be_pairs(table):
    with pytest.raises(SettingError, match="NUMBER=NAME"):
        steps.name(table[0], ["round"])
