"""The verb that compares families of models."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from clew import steps
from clew.errors import DataError, SettingError
from clew.learn.families import FAMILIES
from clew.neural.net_settings import NETS
from clew.steps import VERBS
from clew.steps.families import compare
from clew.steps.learning import CIRCULAR
from clew.steps.settings import settings_of_verb
from clew.study.study import Study
from tests.steps.worlds import QUICK

FAST = {"families": "dummy,linear,tree", "repeats": 1, "folds": 3}


@pytest.fixture
def measured(tmp_path):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(120, 3)), columns=["a", "b", "c"])
    frame["mass"] = 50 + 10 * frame["a"] + random.normal(size=120)
    frame.to_csv(tmp_path / "cells.csv", index=False)
    steps.new(tmp_path / "t.study", [tmp_path / "cells.csv"])
    return Study(tmp_path / "t.study")


def test_named_groups_are_compared_on_record_and_said_to_be_circular(table):
    study, _ = table
    steps.explore(study, k=2, **QUICK)
    steps.name(study, ["0=low", "1=high"])
    told = compare(study, **FAST)
    assert study.steps()[-1].verb == "compare"
    assert study.steps()[-1].sees == "open"
    assert CIRCULAR in told.warnings
    assert told.lines[-1].startswith("Next: clew report")


def test_scripts_get_families_candidates_and_the_pair(measured):
    data = json.loads(json.dumps(compare(measured, target="mass", **FAST).data))
    assert [one["name"] for one in data["families"]] == ["dummy", "linear", "tree"]
    assert data["candidates"] == 1 + 5 + 5
    assert len(data["pair"]) == 2 and data["pair_chosen"]
    for one in data["families"]:
        assert {"name", "settings", "metrics", "difference"} <= set(one)
        assert (one["difference"] is None) == (one["name"] == "linear")
    difference = data["families"][2]["difference"]
    assert {"to", "value", "low", "high", "p_value", "p_adjusted", "over_groups"} == set(difference)


def test_people_get_a_table_and_a_verdict(measured):
    text = "\n".join(compare(measured, target="mass", **FAST).lines)
    assert "ridge regression" in text
    assert "difference to ridge regression" in text
    assert "3 families, 11 candidates were tried." in text
    assert "On two features only, chosen anew in each fold (a and " in text
    named = "\n".join(compare(measured, target="mass", pair="a,b", **FAST).lines)
    assert "On two features only, a and b:" in named


def test_what_the_latest_model_learns_is_compared(measured):
    steps.train(measured, target="mass", features="a,b", trees=5)
    told = compare(measured, **FAST)
    assert (told.result.kind, told.step.settings["features"]) == ("regression", "a,b")


def test_the_nets_that_can_be_compared_are_in_the_help_and_named_unlike_the_tuned_one():
    told = next(one for one in settings_of_verb(VERBS["compare"]) if one.name == "families").help
    assert all(name in told for name in ("forest", *NETS))
    assert FAMILIES["network"].words[0] == "a tuned net of 16 units"


def test_without_labels_there_is_nothing_to_compare(measured):
    with pytest.raises(DataError, match="must have labels. Got none of .*: clew label STUDY FILE.csv"):
        compare(measured, **FAST)
    with pytest.raises(SettingError, match="Did you mean 'tree'"):
        compare(measured, target="mass", families="linear,trees")
